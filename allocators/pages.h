/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Page allocators: the table of functions that each one fills, and what they share.
 *
 * One machine has one page allocator. A frame is a physical page number. `page_list.c` is the
 * free-page list of 1.5 and 1.6, `page_buddy.c` the buddy allocator with its two reserve policies.
 */

#ifndef ALLOCATORS_PAGES_H
#define ALLOCATORS_PAGES_H

#include "allocators/machine.h"

struct pages;

struct page_counts {
    uint32_t free;           /* pages free, pool not included */
    uint32_t pool;           /* pages in the CPU pool */
    uint32_t blocks[ORDERS]; /* free blocks per order; the free-page list has order 0 only */
};

struct pages_ops {
    const char *name; /* "list", "buddy" (500 pages for the machine), "buddy-segments" */
    const char *summary;
    bool rounds_runs; /* a run takes, and gives back, a power of two of pages */

    /* Prepares an allocator without a free page. Returns -1 with the error set. PAGES is all zero
     * before, but for the bitmap functions, which open leaves alone; it sets `ops`. */
    int (*open)(struct pages *pages, struct machine *machine, struct error *error);
    void (*close)(struct pages *pages);

    /* Start-up: FRAME becomes free, past pools and reserves. The order of calls is the order of the
     * kernel's own start-up and decides the free lists. FRAME must be PAGE_RESERVED. */
    void (*release)(struct pages *pages, uint32_t frame);

    /* One page from SEGMENT or below (highest segment that may be used). FRAME_NONE when refused,
     * with machine->failure set. */
    uint32_t (*grab)(struct pages *pages, enum segment_kind highest);
    void (*put)(struct pages *pages, uint32_t frame);

    /* NR contiguous pages. The buddy rounds up to a power of two; `put_run` takes the NR that was
     * asked for. */
    uint32_t (*grab_run)(struct pages *pages, uint32_t nr, enum segment_kind highest);
    void (*put_run)(struct pages *pages, uint32_t frame, uint32_t nr);

    /* Counts of segment INDEX (of machine->segments). */
    void (*counts)(const struct pages *pages, unsigned index, struct page_counts *counts);

    /* The free memory of segment INDEX as blocks: the largest powers of two of pages, aligned to
     * their size, that free pages make up, per order. NULL: they are `counts.blocks`. */
    void (*blocks)(const struct pages *pages, unsigned index, uint32_t blocks[ORDERS]);

    /* Walks every structure; -1 with the error set at the first thing that is not as it must be.
     * Touches every frame of the machine. */
    int (*check)(const struct pages *pages, struct error *error);
};

struct page_segment {
    uint32_t heads[ORDERS]; /* first free block per order, FRAME_NONE when empty */
    uint32_t blocks[ORDERS];
    uint32_t free; /* pages in free blocks */
    uint32_t min, low, high;
    uint32_t pool_size, pool_transfer, pool_count;
    uint32_t pool[128];
};

/* Embedded in a stack; private to the implementation but for `ops` and `machine`. */
struct pages {
    const struct pages_ops *ops;
    struct machine *machine;
    struct page_segment segments[SEGMENTS_MAX];
    uint32_t free;          /* pages free over all segments, pools not included */
    uint32_t reserve;       /* pages kept back from unprivileged requests, when it is one number */
    bool paused;            /* 1.8 on: no unprivileged entry into any segment's buddy */
    uint64_t daemon_starts; /* 1.8 on: how often the page-out daemon was started */
    uint8_t highest[4];     /* by segment kind: index of the highest segment that serves it; the
                               lowest one there is when all lie above */
    uint32_t list_head;     /* the free-page list */
    uint64_t *bitmap;       /* scratch for the contiguous search, reserved at open */
    uint64_t *free_map;     /* list: a bit for each free page; for metrics, not of the design */
    size_t bitmap_bytes;

    /* The free-page list takes a wired range of kernel_map for its bitmap around each contiguous
     * search: set by the stack, may be NULL. `take` returns false when the map refuses. */
    bool (*bitmap_take)(void *context, uint64_t bytes);
    void (*bitmap_give)(void *context, uint64_t bytes);
    void *bitmap_context;
};

/* Pieces of free memory, for failure records. */
struct page_pieces {
    uint64_t free;    /* pages */
    uint64_t largest; /* pages of the largest piece */
    uint64_t pieces;
};

/* Shared by the page allocators (page_check.c). `pages_segments_open` fills in what depends on the
 * segments alone; `pages_injected` counts down machine->fail_page and refuses when it is due. */
void pages_segments_open(struct pages *pages, const struct pages_ops *ops, struct machine *machine);
bool pages_injected(struct pages *pages, uint64_t nr);
int pages_check_states(const struct pages *pages, struct error *error);

extern const struct pages_ops pages_list;
extern const struct pages_ops pages_buddy;          /* one reserve, 500 pages over all segments */
extern const struct pages_ops pages_buddy_segments; /* thresholds per segment, "paused" flag */

#endif
