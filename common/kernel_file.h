/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel's file: its bytes, its symbols, and its structures as its debugging information has
 * them.
 */

#ifndef COMMON_KERNEL_FILE_H
#define COMMON_KERNEL_FILE_H

#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct kernel {
    const char *path;
    char *image; /* the file, uncompressed */
    size_t size;
    Elf *elf;
    Dwarf *dwarf;
    unsigned word;
    Elf_Data *symbols;
    size_t nr_symbols;
    size_t strings; /* section of the names of symbols */
    const unsigned char *text;
    uint64_t text_address;
    size_t text_size;
    char version[96]; /* "GNU Mach ..." */
};

struct kernel_symbol {
    uint64_t address, size;
    unsigned type; /* STT_... */
};

/* Reads the kernel in the file PATH, plain or compressed with gzip. -1 with the error set, and then
 * there is nothing to close: it is no kernel of GNU Mach, or has no symbols or no debugging
 * information. */
int kernel_open(struct kernel *kernel, const char *path, struct error *error);
void kernel_close(struct kernel *kernel);
bool kernel_symbol(const struct kernel *kernel, const char *name, struct kernel_symbol *symbol);
/* The function that ADDRESS lies in; false: none that the symbols know. */
bool kernel_function_at(const struct kernel *kernel, uint64_t address,
                        struct kernel_symbol *symbol);
/* Bytes of the image at ADDRESS, and in *SIZE how many there are from there in its section. NULL:
 * none. */
const void *kernel_bytes(const struct kernel *kernel, uint64_t address, size_t *size);

/* A member of a structure. */
struct kernel_member {
    uint64_t offset, size; /* bytes */
    unsigned bit;          /* of a bit field: its lowest bit, from that of the byte at the offset */
    unsigned bit_size;     /* 0: not a bit field */
};

/* What is called NAME at the top of a unit and has TAG (DW_TAG_...), wherever it is whole. */
bool kernel_find(const struct kernel *kernel, unsigned tag, const char *name, Dwarf_Die *die);
/* The structure NAME, wherever the debugging information has it whole. */
bool kernel_structure(const struct kernel *kernel, const char *name, Dwarf_Die *structure);
/* Follows PATH (".hdr.links.start") from TYPE, also through members without a name; a path through
 * an array means its first element. An empty path is the whole structure. */
bool kernel_member(Dwarf_Die *type, const char *path, struct kernel_member *member);
/* The type behind names and qualifiers of what DIE is, and the bytes of a type. */
bool kernel_type_of(Dwarf_Die *die, Dwarf_Die *type);
bool kernel_size_of(Dwarf_Die *type, uint64_t *size);

#endif
