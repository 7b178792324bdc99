/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The list of sizes of IPC tables.
 *
 * Small tables double, so that a task with a few rights pays little and one with some hundred grows
 * seldom. From a page on the steps are whole pages and few, 1 to 8 of them, so that a large table
 * has little room to spare, never more than 2048 entries after a growth (of 16 bytes each). The
 * price is the number of steps: a table that has come to n rights has been remapped some n / 2048
 * times, and each step leaves a hole behind that is a little too small for the next.
 */

#include "allocators/space.h"

#define STEPS     15 /* of 1 page, then of 2, then of 4 */
#define LAST_STEP (8 * PAGE_SIZE)

void space_table_sizes(uint32_t entries[SPACE_TABLE_STEPS], uint32_t entry_bytes)
{
    uint64_t bytes = UINT64_C(4) * entry_bytes;
    unsigned n = 0;

    for (; bytes < PAGE_SIZE; bytes *= 2)
        entries[n++] = (uint32_t)(bytes / entry_bytes);

    for (uint64_t step = PAGE_SIZE; step < LAST_STEP; step *= 2) {
        for (unsigned i = 0; i < STEPS; i++, bytes += step)
            entries[n++] = (uint32_t)(bytes / entry_bytes);
    }

    for (; n < SPACE_TABLE_STEPS - 1; bytes += LAST_STEP)
        entries[n++] = (uint32_t)(bytes / entry_bytes);

    entries[n] = entries[n - 1];
}
