/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Metrics of fragmentation: formulas over counts, nothing else. docs/metrics.md explains them with
 * examples. All are integers: shares are in thousandths, as Linux prints its indices.
 */

#ifndef REPLAY_FRAGMENTATION_H
#define REPLAY_FRAGMENTATION_H

#include <stdint.h>

#include "allocators/snapshot.h"

#define HUGE_ORDER 9 /* a huge page of 2 MiB */

/* Free memory as a buddy allocator has it: blocks of 2^i pages. All zero: nothing is free. */
struct free_blocks {
    uint64_t blocks[ORDERS];
    uint64_t nr;    /* of blocks */
    uint64_t pages; /* in them */
};

void free_blocks_add(struct free_blocks *free, const uint32_t blocks[ORDERS]);

/* Blocks of 2^ORDER pages that FREE can be cut into. ORDER is below ORDERS, here and below. */
uint64_t free_blocks_suitable(const struct free_blocks *free, unsigned order);

/*
 * Share of the free memory that cannot serve a request of 2^ORDER pages, because it lies in smaller
 * blocks, in thousandths: 0, all can, to 1000, none can; 1000 when nothing is free.
 * Linux, mm/vmstat.c, unusable_free_index; Gorman and Whitcroft, "The what, the why and the where
 * to of anti-fragmentation", Ottawa Linux Symposium 2006.
 */
unsigned unusable_index(const struct free_blocks *free, unsigned order);

/*
 * Why a request of 2^ORDER pages would fail, in thousandths: -1000, it would not; towards 0 and
 * below, for lack of memory; towards 1000, because of fragmentation. 0 when nothing is free.
 * 1000 - (1000 + pages * 1000 / 2^ORDER) / blocks, each division rounded down.
 * Linux, mm/vmstat.c, __fragmentation_index.
 */
int extfrag_index(const struct free_blocks *free, unsigned order);

/*
 * Free huge pages in percent of those that the free pages would make if they lay together, rounded
 * down: 100, memory is as whole as it can be. 100 too when less than a huge page is free, as then
 * nothing is lost. Wrenger and others, "LLFree: Scalable and Optionally-Persistent Page-Frame
 * Allocation", USENIX ATC 2023, who measure free huge frames against free memory.
 */
unsigned free_huge_score(const struct free_blocks *free);

/* Bytes of the largest free block, 0: none. */
uint64_t largest_free_block(const struct free_blocks *free);

/* Bytes that slabs hold beyond what was asked for, and in thousandths of what they hold (0 when
 * they hold nothing). */
uint64_t internal_waste(uint64_t held, uint64_t requested);
unsigned internal_waste_share(uint64_t held, uint64_t requested);

/* Bytes held in thousandths of those asked for: what the design costs over the ideal, which holds
 * what is asked for and no more (1000). 0 when nothing was asked for. */
uint64_t held_ratio(uint64_t held, uint64_t requested);

/* Objects in thousandths of the buffers of the slabs that have any; 0 when none has. */
unsigned mean_fullness(uint64_t objects, uint64_t buffers);

/* Of FREE bytes of a map those in holes that are TOO_SMALL for a request, in thousandths; as with
 * the unusable index 1000 when nothing is free. */
unsigned unusable_share(uint64_t too_small, uint64_t free);

#endif
