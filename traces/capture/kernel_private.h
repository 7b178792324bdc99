/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Parts of the look at a kernel that the files of it share.
 */

#ifndef TRACES_CAPTURE_KERNEL_PRIVATE_H
#define TRACES_CAPTURE_KERNEL_PRIVATE_H

#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traces/capture/kernel.h"

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

/* kernel_file.c. The kernel is closed also after an error. */
int kernel_open(struct kernel *kernel, const char *path, struct error *error);
void kernel_close(struct kernel *kernel);
bool kernel_symbol(const struct kernel *kernel, const char *name, struct kernel_symbol *symbol);
/* The function that ADDRESS lies in; false: none that the symbols know. */
bool kernel_function_at(const struct kernel *kernel, uint64_t address,
                        struct kernel_symbol *symbol);
/* Bytes of the image at ADDRESS, and in *SIZE how many there are from there in its section. NULL:
 * none. */
const void *kernel_bytes(const struct kernel *kernel, uint64_t address, size_t *size);

/* kernel_types.c: members, parameters, and the ranges that store to free lists of names. */
int kernel_types(const struct kernel *kernel, struct plan *plan, struct error *error);

/* kernel_sites.c */
int kernel_sites(const struct kernel *kernel, struct plan *plan, struct error *error);

#endif
