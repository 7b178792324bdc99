/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The look at a kernel, in order. Whatever is missing is said by its name before anything is run.
 */

#include "traces/capture/kernel.h"

#include <string.h>

#include "traces/capture/kernel_private.h"

#define SEGMENTS_MAX 16

/* Where the kernel lies: pages of its segments outside of it are free when it has started. */
static int comment_image(const struct kernel *kernel, struct plan *plan, struct error *error)
{
    struct kernel_symbol start, end;
    char text[64];

    if (!kernel_symbol(kernel, "_start", &start) || !kernel_symbol(kernel, "_end", &end))
        return 0;
    snprintf(text, sizeof(text), "kernel-image: %llx %llx", (unsigned long long)start.address,
             (unsigned long long)end.address);
    return plan_add_comment(plan, text, error);
}

static int comment_kernel(const struct kernel *kernel, struct plan *plan, struct error *error)
{
    char text[256];

    /* Without the words "GNU Mach": they begin the names of the historical kernels. */
    snprintf(text, sizeof(text), "kernel: gnumach %s %s", kernel->version + strlen("GNU Mach "),
             kernel->word == 4 ? "i386" : "amd64");
    if (plan_add_comment(plan, text, error) != 0)
        return -1;
    if (comment_image(kernel, plan, error) != 0)
        return -1;
    if (plan->places[PLAN_SPACE_NAMES].at == 0x10 && plan->places[PLAN_SPACE_REVERSE].at == 0x1c)
        return 0;
    snprintf(text, sizeof(text), "space-trees: %llx %llx",
             (unsigned long long)plan->places[PLAN_SPACE_NAMES].at,
             (unsigned long long)plan->places[PLAN_SPACE_REVERSE].at);
    return plan_add_comment(plan, text, error);
}

static int check_thread(const struct kernel *kernel, const struct plan *plan, struct error *error)
{
    if (plan->places[PLAN_ACTIVE_THREADS].known ||
        (plan->places[PLAN_PERCPU_ARRAY].known && plan->places[PLAN_PERCPU_THREAD].known))
        return 0;
    return error_set(error,
                     "%s: %s has neither the variable 'active_threads' nor 'percpu_array': a "
                     "capture needs one to know the running thread",
                     kernel->path, kernel->version);
}

/* What has no one name in all kernels. */
static int check_queues(const struct kernel *kernel, const struct plan *plan, struct error *error)
{
    static const unsigned parts[] = {PLAN_ACTIVE_INTERNAL, PLAN_ACTIVE_EXTERNAL,
                                     PLAN_INACTIVE_INTERNAL, PLAN_INACTIVE_EXTERNAL};

    if (plan->places[PLAN_SEGMENT_ACTIVE].known && plan->places[PLAN_SEGMENT_INACTIVE].known)
        return 0;
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!plan->places[parts[i]].known)
            return error_set(error,
                             "%s: %s has neither 'vm_page_seg.nr_active_pages' nor '%s': a "
                             "capture needs the counts of a segment's queues",
                             kernel->path, kernel->version, plan_place_names[parts[i]].text);
    return 0;
}

int kernel_plan(struct plan *plan, const char *path, struct error *error)
{
    struct kernel kernel;
    int code;

    if (kernel_open(&kernel, path, error) != 0)
        return -1;
    plan->word = kernel.word;
    plan->text = (struct plan_range){kernel.text_address, kernel.text_address + kernel.text_size};
    code = kernel_types(&kernel, plan, error);
    if (code == 0)
        code = check_thread(&kernel, plan, error);
    if (code == 0)
        code = check_queues(&kernel, plan, error);
    if (code == 0)
        code = kernel_sites(&kernel, plan, error);
    if (code == 0)
        code = comment_kernel(&kernel, plan, error);
    plan_sort(plan);
    kernel_close(&kernel);
    return code;
}

/* ---- The image ---- */

static int image_failed(const struct kernel *kernel, struct error *error)
{
    return error_set(error,
                     "%s: a segment lies outside of the file, over its header or above 4 GiB",
                     kernel->path);
}

/* The start of a 32-bit program whose segments and entry are those of the 64-bit one. Such a kernel
 * begins with 32-bit code, and its physical addresses fit. */
struct narrow {
    Elf32_Ehdr header;
    Elf32_Phdr segments[SEGMENTS_MAX];
};

static int narrow_segment(const struct kernel *kernel, struct narrow *narrow, const GElf_Phdr *from,
                          struct error *error)
{
    if (narrow->header.e_phnum == SEGMENTS_MAX || from->p_paddr > UINT32_MAX ||
        from->p_memsz > UINT32_MAX - from->p_paddr || from->p_offset < sizeof(*narrow) ||
        from->p_offset > kernel->size || from->p_filesz > kernel->size - from->p_offset)
        return image_failed(kernel, error);
    narrow->segments[narrow->header.e_phnum++] = (Elf32_Phdr){
        .p_type = PT_LOAD,
        .p_offset = (Elf32_Off)from->p_offset,
        .p_vaddr = (Elf32_Addr)from->p_vaddr,
        .p_paddr = (Elf32_Addr)from->p_paddr,
        .p_filesz = (Elf32_Word)from->p_filesz,
        .p_memsz = (Elf32_Word)from->p_memsz,
        .p_flags = from->p_flags,
        .p_align = 4096,
    };
    return 0;
}

/* The header goes over that of the file, so that all else keeps its place: the loader looks for
 * its mark in the first 8 KiB. */
static int write_narrow(const struct kernel *kernel, FILE *stream, struct error *error)
{
    struct narrow narrow = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_386,
                   .e_version = EV_CURRENT,
                   .e_phoff = sizeof(Elf32_Ehdr),
                   .e_ehsize = sizeof(Elf32_Ehdr),
                   .e_phentsize = sizeof(Elf32_Phdr)},
    };
    GElf_Ehdr header;
    size_t nr = 0;

    if (gelf_getehdr(kernel->elf, &header) == NULL || elf_getphdrnum(kernel->elf, &nr) != 0)
        return image_failed(kernel, error);
    narrow.header.e_entry = (Elf32_Addr)header.e_entry;
    for (size_t i = 0; i < nr; i++) {
        GElf_Phdr from;

        if (gelf_getphdr(kernel->elf, (int)i, &from) == NULL)
            return image_failed(kernel, error);
        if (from.p_type == PT_LOAD && narrow_segment(kernel, &narrow, &from, error) != 0)
            return -1;
    }
    if (narrow.header.e_phnum == 0)
        return image_failed(kernel, error);
    (void)fwrite(&narrow, sizeof(narrow), 1, stream);
    (void)fwrite(kernel->image + sizeof(narrow), 1, kernel->size - sizeof(narrow), stream);
    return 0;
}

int kernel_image(const char *path, FILE *stream, struct error *error)
{
    struct kernel kernel;
    int code = 0;

    if (kernel_open(&kernel, path, error) != 0)
        return -1;
    /* Errors of the stream are its owner's to find. */
    if (kernel.word == 4)
        (void)fwrite(kernel.image, 1, kernel.size, stream);
    else
        code = write_narrow(&kernel, stream, error);
    kernel_close(&kernel);
    return code;
}
