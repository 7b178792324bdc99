/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The look at a kernel's file. All that can be known to be wrong is said here, by its name, before
 * anything of the kernel is run.
 *
 * Only global functions are called or written over: the compiler gives static ones calling
 * conventions of its own, and copies of them that are inlined would escape a patch. Static
 * variables are read; they are what they are.
 */

#include "allocators/image/image_plan.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel_file.h"

const struct image_symbol_name image_symbol_names[IMAGE_SYMBOLS_NR] = {
#define X(identifier, symbol, use) [IMAGE_##identifier] = {symbol, IMAGE_##use},
    IMAGE_SYMBOLS(X)
#undef X
};

enum member_need { MEMBER, MAYBE_MEMBER, STRUCTURE };

const char *const image_member_names[IMAGE_MEMBERS_NR] = {
#define X(identifier, path, need) [IMAGE_M_##identifier] = path,
    IMAGE_MEMBERS(X)
#undef X
};

static const enum member_need member_needs[IMAGE_MEMBERS_NR] = {
#define X(identifier, path, need) [IMAGE_M_##identifier] = need,
    IMAGE_MEMBERS(X)
#undef X
};

/* Addresses that an ordinary process can have: below this one. */
#define USER_END UINT64_C(0x7ffffffff000)

static int find_segments(struct image_plan *plan, const struct kernel *kernel, struct error *error)
{
    size_t nr;

    if (elf_getphdrnum(kernel->elf, &nr) != 0)
        return error_set(error, "%s: the program headers cannot be read", kernel->path);

    for (size_t i = 0; i < nr; i++) {
        GElf_Phdr header;

        if (gelf_getphdr(kernel->elf, (int)i, &header) == NULL || header.p_type != PT_LOAD)
            continue;
        if (header.p_filesz > header.p_memsz || header.p_offset > kernel->size ||
            header.p_filesz > kernel->size - header.p_offset)
            return error_set(error, "%s: segment %zu lies outside of the file", kernel->path, i);
        if (plan->nr_segments == IMAGE_SEGMENTS_MAX)
            return error_set(error, "%s: more than %d segments to load", kernel->path,
                             IMAGE_SEGMENTS_MAX);
        plan->segments[plan->nr_segments++] = (struct image_segment){
            .address = header.p_vaddr,
            .file_offset = header.p_offset,
            .file_size = header.p_filesz,
            .memory_size = header.p_memsz,
        };
        if (header.p_vaddr > header.p_paddr)
            plan->base = header.p_vaddr - header.p_paddr;
    }

    return 0;
}

/* Where the kernel is linked decides whether a process can have it there. */
static int check_base(const struct image_plan *plan, const struct kernel *kernel,
                      struct error *error)
{
    uint64_t high = 0;

    for (unsigned i = plan->nr_segments; i-- > 0;)
        if (plan->segments[i].address >= plan->base)
            high = plan->segments[i].address;
    if (plan->base >= USER_END)
        return error_set(error,
                         "%s: %s is linked at %llx, in the half of the address space that is the "
                         "host's kernel's: it cannot be mapped into a process; the amd64 kernel of "
                         "Debian 12, linked at 40000000, and i386 kernels can",
                         kernel->path, kernel->version, (unsigned long long)high);
    if (plan->base < 0x10000000)
        return error_set(error,
                         "%s: %s is linked at its physical address: expected a kernel that lies "
                         "high, at c0000000 (i386) or 40000000 (amd64) and above",
                         kernel->path, kernel->version);
    return 0;
}

static bool is_needed(enum image_use use)
{
    return use != IMAGE_MAYBE && use != IMAGE_LENDER;
}

static int find_symbols(struct image_plan *plan, const struct kernel *kernel, struct error *error)
{
    for (unsigned i = 0; i < IMAGE_SYMBOLS_NR; i++) {
        const struct image_symbol_name *name = &image_symbol_names[i];
        struct kernel_symbol symbol;
        bool code = name->use == IMAGE_FUNCTION || name->use == IMAGE_PATCHED;

        if (!kernel_symbol(kernel, name->name, &symbol)) {
            if (!is_needed(name->use))
                continue;
            return error_set(error, "%s: %s has no %s '%s': running it needs one", kernel->path,
                             kernel->version, code ? "function" : "variable", name->name);
        }
        if (name->use == IMAGE_PATCHED && symbol.size < image_jump_bytes(plan))
            return error_set(error,
                             "%s: function '%s' of %s has %llu bytes: expected room for a jump of "
                             "%u",
                             kernel->path, name->name, kernel->version,
                             (unsigned long long)symbol.size, image_jump_bytes(plan));
        plan->symbols[i].address = symbol.address;
        plan->symbols[i].size = symbol.size;
    }

    if (plan->symbols[IMAGE_BIOSMEM_BOOTSTRAP].address == 0 &&
        plan->symbols[IMAGE_BIOSMEM_MB1_BOOTSTRAP].address == 0)
        return error_set(error,
                         "%s: %s has neither the function 'biosmem_bootstrap' nor "
                         "'biosmem_mb1_bootstrap': running it needs one",
                         kernel->path, kernel->version);
    return 0;
}

static int find_members(struct image_plan *plan, const struct kernel *kernel, struct error *error)
{
    for (unsigned i = 0; i < IMAGE_MEMBERS_NR; i++) {
        const char *text = image_member_names[i];
        size_t length = strcspn(text, ".");
        char structure[64];
        struct kernel_member member;
        Dwarf_Die type;

        memcpy(structure, text, length);
        structure[length] = '\0';
        if (kernel_structure(kernel, structure, &type) &&
            kernel_member(&type, text + length, &member))
            plan->members[i] = (struct image_member){
                .known = 1,
                .offset = (uint32_t)member.offset,
                .size = (uint32_t)member.size,
                .bit = member.bit,
                .bit_size = member.bit_size,
            };
        else if (member_needs[i] != MAYBE_MEMBER)
            return error_set(error, "%s: %s has no %s '%s': running it needs one", kernel->path,
                             kernel->version, member_needs[i] == STRUCTURE ? "structure" : "member",
                             text);
    }

    return 0;
}

/* Keys of radix trees have 64 bits, or 32 in later kernels of 32 bits. */
static int find_key(struct image_plan *plan, const struct kernel *kernel, struct error *error)
{
    Dwarf_Die type, key;
    uint64_t size;

    if (!kernel_find(kernel, DW_TAG_typedef, "rdxtree_key_t", &type) ||
        !kernel_type_of(&type, &key) || !kernel_size_of(&key, &size) || (size != 4 && size != 8))
        return error_set(error, "%s: %s has no type 'rdxtree_key_t' of 32 or 64 bits", kernel->path,
                         kernel->version);
    plan->key_bytes = (uint32_t)size;
    return 0;
}

/* The variable that tells the running thread has one element for each processor. */
static int check_processors(const struct image_plan *plan, const struct kernel *kernel,
                            struct error *error)
{
    const struct image_symbol *threads = &plan->symbols[IMAGE_ACTIVE_THREADS];
    const struct image_symbol *percpu = &plan->symbols[IMAGE_PERCPU_ARRAY];
    const struct image_member *thread = &plan->members[IMAGE_M_PERCPU_THREAD];
    Dwarf_Die type;
    struct kernel_member whole;
    uint64_t most = 1;

    if (threads->address == 0 && (percpu->address == 0 || !thread->known))
        return error_set(error,
                         "%s: %s has neither the variable 'active_threads' nor 'percpu_array': "
                         "running it needs one to set the running thread",
                         kernel->path, kernel->version);
    if (threads->address != 0)
        most = threads->size / plan->word;
    else if (kernel_structure(kernel, "percpu", &type) && kernel_member(&type, "", &whole) &&
             whole.size != 0)
        most = percpu->size / whole.size;
    if (most > 1)
        return error_set(error,
                         "%s: %s was built for %llu processors: expected a kernel for one, such as "
                         "those of Debian without -smp in their names",
                         kernel->path, kernel->version, (unsigned long long)most);
    return 0;
}

int image_plan_make(struct image_plan *plan, char **file, const char *path, struct error *error)
{
    struct kernel kernel;
    int code = -1;

    memset(plan, 0, sizeof(*plan));
    *file = NULL;
    if (kernel_open(&kernel, path, error) != 0)
        return -1;

    plan->word = kernel.word;
    plan->file_size = kernel.size;
    memcpy(plan->version, kernel.version, sizeof(plan->version));
    if (find_segments(plan, &kernel, error) == 0 && check_base(plan, &kernel, error) == 0 &&
        find_symbols(plan, &kernel, error) == 0 && find_members(plan, &kernel, error) == 0 &&
        find_key(plan, &kernel, error) == 0 && check_processors(plan, &kernel, error) == 0)
        code = 0;

    *file = malloc(kernel.size);
    if (code == 0 && *file == NULL)
        code = error_set(error, "%s: not enough memory", path);
    if (code == 0)
        memcpy(*file, kernel.image, kernel.size);
    kernel_close(&kernel);
    if (code != 0) {
        free(*file);
        *file = NULL;
    }
    return code;
}
