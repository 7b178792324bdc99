/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel's file: reading it, and its symbols.
 *
 * The whole file is read into memory, since distributions compress it and libelf wants it there.
 * What is looked for is looked for once a capture, so the symbols are searched from first to last
 * each time and no index is built.
 */

#include "common/kernel_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define KERNEL_MAX (256u << 20) /* bytes, uncompressed */
#define STEP       (1u << 20)

static int read_stream(struct kernel *kernel, gzFile stream, struct error *error)
{
    size_t room = 0;

    for (;;) {
        int got, code;

        if (room - kernel->size < STEP) {
            char *grown = realloc(kernel->image, room = 2 * room + STEP);

            if (grown == NULL)
                return error_set(error, "%s: not enough memory", kernel->path);
            kernel->image = grown;
        }
        got = gzread(stream, kernel->image + kernel->size, STEP);
        (void)gzerror(stream, &code);
        if (got < 0 || code == Z_BUF_ERROR)
            return error_set(error, "%s: cannot read the kernel: %s", kernel->path,
                             code == Z_ERRNO ? strerror(errno)
                                             : "the compressed data is damaged or cut short");
        if (got == 0)
            return 0;
        kernel->size += (size_t)got;
        if (kernel->size > KERNEL_MAX)
            return error_set(error, "%s: more than %u MiB: expected a kernel", kernel->path,
                             KERNEL_MAX >> 20);
    }
}

static int read_file(struct kernel *kernel, struct error *error)
{
    int file = open(kernel->path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    gzFile stream;
    int code;

    if (file < 0)
        return error_set(error, "%s: cannot open the kernel: %s", kernel->path, strerror(errno));
    if (fstat(file, &status) == 0 && !S_ISREG(status.st_mode)) {
        close(file);
        return error_set(error, "%s: expected a kernel, found something other than a file",
                         kernel->path);
    }
    stream = gzdopen(file, "rb");
    if (stream == NULL) {
        close(file);
        return error_set(error, "%s: not enough memory", kernel->path);
    }
    code = read_stream(kernel, stream, error);
    gzclose_r(stream);
    return code;
}

static int open_elf(struct kernel *kernel, struct error *error)
{
    GElf_Ehdr header;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return error_set(error, "the library of ELF files is too old");
    kernel->elf = elf_memory(kernel->image, kernel->size);
    if (kernel->elf == NULL || elf_kind(kernel->elf) != ELF_K_ELF ||
        gelf_getehdr(kernel->elf, &header) == NULL)
        return error_set(error,
                         "%s: this is no kernel: expected an ELF file, plain or compressed with "
                         "gzip",
                         kernel->path);
    if (header.e_machine != EM_386 && header.e_machine != EM_X86_64)
        return error_set(error,
                         "%s: a program for another machine (ELF machine %u): expected i386 "
                         "or amd64",
                         kernel->path, header.e_machine);
    if (header.e_type != ET_EXEC)
        return error_set(error,
                         "%s: not an executable (ELF type %u): expected a kernel as it is "
                         "booted",
                         kernel->path, header.e_type);
    kernel->word = header.e_machine == EM_386 ? 4 : 8;
    return 0;
}

static int find_sections(struct kernel *kernel, struct error *error)
{
    Elf_Scn *section = NULL;
    size_t names;

    if (elf_getshdrstrndx(kernel->elf, &names) != 0)
        names = 0;
    while ((section = elf_nextscn(kernel->elf, section)) != NULL) {
        GElf_Shdr header;
        const char *name;
        Elf_Data *data;

        if (gelf_getshdr(section, &header) == NULL)
            continue;
        name = elf_strptr(kernel->elf, names, header.sh_name);
        data = header.sh_type == SHT_NOBITS ? NULL : elf_getdata(section, NULL);
        if (data == NULL || data->d_buf == NULL)
            continue;
        if (header.sh_type == SHT_SYMTAB && header.sh_entsize != 0) {
            kernel->symbols = data;
            kernel->nr_symbols = header.sh_size / header.sh_entsize;
            kernel->strings = header.sh_link;
        } else if (name != NULL && strcmp(name, ".text") == 0) {
            kernel->text = data->d_buf;
            kernel->text_address = header.sh_addr;
            kernel->text_size = data->d_size;
        }
    }
    if (kernel->symbols == NULL)
        return error_set(error,
                         "%s: the kernel has no symbols: expected one that was not stripped, such "
                         "as that of Debian's package gnumach-image-...-dbg",
                         kernel->path);
    if (kernel->text == NULL)
        return error_set(error, "%s: no section .text: expected a kernel", kernel->path);
    return 0;
}

static bool get_symbol(const struct kernel *kernel, size_t i, GElf_Sym *symbol)
{
    return i <= INT32_MAX && gelf_getsym(kernel->symbols, (int)i, symbol) != NULL &&
           symbol->st_shndx != SHN_UNDEF;
}

static void fill_symbol(struct kernel_symbol *symbol, const GElf_Sym *found)
{
    symbol->address = found->st_value;
    symbol->size = found->st_size;
    symbol->type = GELF_ST_TYPE(found->st_info);
}

bool kernel_symbol(const struct kernel *kernel, const char *name, struct kernel_symbol *symbol)
{
    for (size_t i = 0; i < kernel->nr_symbols; i++) {
        GElf_Sym found;
        const char *text;

        if (!get_symbol(kernel, i, &found))
            continue;
        text = elf_strptr(kernel->elf, kernel->strings, found.st_name);
        if (text != NULL && strcmp(text, name) == 0) {
            fill_symbol(symbol, &found);
            return true;
        }
    }
    return false;
}

bool kernel_function_at(const struct kernel *kernel, uint64_t address, struct kernel_symbol *symbol)
{
    for (size_t i = 0; i < kernel->nr_symbols; i++) {
        GElf_Sym found;

        if (!get_symbol(kernel, i, &found) || GELF_ST_TYPE(found.st_info) != STT_FUNC ||
            address < found.st_value || address - found.st_value >= found.st_size)
            continue;
        fill_symbol(symbol, &found);
        return true;
    }
    return false;
}

const void *kernel_bytes(const struct kernel *kernel, uint64_t address, size_t *size)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(kernel->elf, section)) != NULL) {
        GElf_Shdr header;
        Elf_Data *data;

        if (gelf_getshdr(section, &header) == NULL || (header.sh_flags & SHF_ALLOC) == 0 ||
            header.sh_type == SHT_NOBITS || address < header.sh_addr ||
            address - header.sh_addr >= header.sh_size)
            continue;
        data = elf_getdata(section, NULL);
        if (data == NULL || data->d_buf == NULL || address - header.sh_addr >= data->d_size)
            return NULL;
        *size = data->d_size - (address - header.sh_addr);
        return (const char *)data->d_buf + (address - header.sh_addr);
    }
    return NULL;
}

static int check_version(struct kernel *kernel, struct error *error)
{
    struct kernel_symbol symbol;
    const char *text = NULL;
    size_t size = 0;

    if (kernel_symbol(kernel, "version", &symbol))
        text = kernel_bytes(kernel, symbol.address, &size);
    if (text == NULL || size < 9 || memcmp(text, "GNU Mach ", 9) != 0)
        return error_set(error,
                         "%s: this is not GNU Mach: expected its version under the symbol "
                         "'version'",
                         kernel->path);
    if (size >= sizeof(kernel->version))
        size = sizeof(kernel->version) - 1;
    memcpy(kernel->version, text, size);
    kernel->version[size] = '\0';
    return 0;
}

static int open_dwarf(struct kernel *kernel, struct error *error)
{
    kernel->dwarf = dwarf_begin_elf(kernel->elf, DWARF_C_READ, NULL);
    if (kernel->dwarf != NULL)
        return 0;
    return error_set(error,
                     "%s: the kernel has no debugging information (DWARF): expected one built with "
                     "-g and not stripped, such as that of Debian's package gnumach-image-...-dbg",
                     kernel->path);
}

int kernel_open(struct kernel *kernel, const char *path, struct error *error)
{
    memset(kernel, 0, sizeof(*kernel));
    kernel->path = path;
    if (read_file(kernel, error) == 0 && open_elf(kernel, error) == 0 &&
        find_sections(kernel, error) == 0 && check_version(kernel, error) == 0 &&
        open_dwarf(kernel, error) == 0)
        return 0;
    kernel_close(kernel);
    return -1;
}

void kernel_close(struct kernel *kernel)
{
    if (kernel->dwarf != NULL)
        dwarf_end(kernel->dwarf);
    if (kernel->elf != NULL)
        elf_end(kernel->elf);
    free(kernel->image);
    memset(kernel, 0, sizeof(*kernel));
}
