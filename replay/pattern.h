/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Patterns that tell whether the contents of live objects survive.
 */

#ifndef REPLAY_PATTERN_H
#define REPLAY_PATTERN_H

#include <stdint.h>

/* Writes the pattern of object OBJECT to BYTES bytes. FIRST is the offset of MEMORY in the object
 * (a multiple of 8), for objects that are looked at in parts. */
void pattern_write(void *memory, uint64_t bytes, uint32_t object, uint64_t first);

/* Returns the offset in MEMORY of the first byte that is not as it was written, BYTES when all
 * are. */
uint64_t pattern_verify(const void *memory, uint64_t bytes, uint32_t object, uint64_t first);

#endif
