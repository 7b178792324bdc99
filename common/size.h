/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sizes as people write them: 4096, 64M, 1G, 512KiB.
 */

#ifndef COMMON_SIZE_H
#define COMMON_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define SIZE_TEXT_MAX 32

/* Reads a whole number of bytes with an optional unit, K, M, G or T (powers of 1024, either case,
 * optionally followed by "iB" or "B"), or just "B". No sign, no fraction, no spaces. */
int size_parse(const char *text, uint64_t *bytes, struct error *error);

/* Writes BYTES the shortest way size_parse() reads back to the same number ("64M", "1000", "0") to
 * BUFFER, of LENGTH bytes (SIZE_TEXT_MAX is always enough), and returns BUFFER. */
char *size_format(uint64_t bytes, char *buffer, size_t length);

#endif
