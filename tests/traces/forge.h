/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Traces taken apart and put together again, with every checksum right and anything else as a test
 * wants it.
 */

#ifndef TESTS_TRACES_FORGE_H
#define TESTS_TRACES_FORGE_H

#include "traces/format.h"

struct forge_section {
    uint32_t tag, events, columns; /* the last two as in the index */
    struct bytes body;             /* of a chunk: its header and plain columns */
    uint64_t wrong, wrong_inside;  /* to be added to a chunk's content, in the index and inside */
};

struct forge {
    struct forge_section sections[16];
    unsigned nr_sections;
    struct bytes tail; /* totals and header of the index */
};

void forge_load(struct forge *forge, const char *path);
void forge_save(const struct forge *forge, const char *path);
void forge_free(struct forge *forge);

/* The bytes of a file. */
struct bytes forge_read(const char *path);
void forge_write(const char *path, const void *data, size_t size);

#endif
