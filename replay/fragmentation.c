/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Metrics of fragmentation.
 *
 * No number says how fragmented memory is: it depends on what will be asked for. So most metrics
 * here take the size of a request. Those of Linux are repeated to the rounding of each division, so
 * that figures can be laid beside those of a running system; where a formula divides by nothing,
 * the header says what comes out instead.
 */

#include "replay/fragmentation.h"

void free_blocks_add(struct free_blocks *free, const uint32_t blocks[ORDERS])
{
    for (unsigned order = 0; order < ORDERS; order++) {
        free->blocks[order] += blocks[order];
        free->nr += blocks[order];
        free->pages += (uint64_t)blocks[order] << order;
    }
}

uint64_t free_blocks_suitable(const struct free_blocks *free, unsigned order)
{
    uint64_t suitable = 0;

    for (unsigned i = order; i < ORDERS; i++)
        suitable += free->blocks[i] << (i - order);

    return suitable;
}

/* Pages in blocks of less than 2^ORDER. */
static uint64_t pages_below(const struct free_blocks *free, unsigned order)
{
    return free->pages - (free_blocks_suitable(free, order) << order);
}

unsigned unusable_index(const struct free_blocks *free, unsigned order)
{
    if (free->pages == 0)
        return 1000;

    return (unsigned)(pages_below(free, order) * 1000 / free->pages);
}

int extfrag_index(const struct free_blocks *free, unsigned order)
{
    uint64_t requested = (uint64_t)1 << order;

    if (free->nr == 0)
        return 0;
    if (free_blocks_suitable(free, order) != 0)
        return -1000;

    return 1000 - (int)((1000 + free->pages * 1000 / requested) / free->nr);
}

unsigned free_huge_score(const struct free_blocks *free)
{
    uint64_t possible = free->pages >> HUGE_ORDER;

    if (possible == 0)
        return 100;

    return (unsigned)(free_blocks_suitable(free, HUGE_ORDER) * 100 / possible);
}

uint64_t largest_free_block(const struct free_blocks *free)
{
    for (unsigned order = ORDERS; order-- > 0;)
        if (free->blocks[order] != 0)
            return (uint64_t)PAGE_SIZE << order;

    return 0;
}

uint64_t internal_waste(uint64_t held, uint64_t requested)
{
    return held > requested ? held - requested : 0;
}

unsigned internal_waste_share(uint64_t held, uint64_t requested)
{
    return held == 0 ? 0 : (unsigned)(internal_waste(held, requested) * 1000 / held);
}

uint64_t held_ratio(uint64_t held, uint64_t requested)
{
    return requested == 0 ? 0 : held * 1000 / requested;
}

unsigned mean_fullness(uint64_t objects, uint64_t buffers)
{
    return buffers == 0 ? 0 : (unsigned)(objects * 1000 / buffers);
}

unsigned unusable_share(uint64_t too_small, uint64_t free)
{
    return free == 0 ? 1000 : (unsigned)(too_small * 1000 / free);
}
