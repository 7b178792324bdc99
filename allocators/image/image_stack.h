/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The stack of an image: what the files of it share.
 */

#ifndef ALLOCATORS_IMAGE_IMAGE_STACK_H
#define ALLOCATORS_IMAGE_IMAGE_STACK_H

#include "allocators/image/image.h"

#define IMAGE_CACHES_MAX   SNAPSHOT_CACHES
#define IMAGE_KALLOC_SIZES 13 /* 32 bytes to 128 KiB, by powers of two */
#define IMAGE_KALLOC_SHIFT 5

#define MADE_MAPS_MAX   16  /* submaps that a trace makes */
#define MAP_ENTRY_BYTES 512 /* more than any kernel's */

struct image_space {
    uintptr_t space; /* 0: there is none */
    uint32_t reverse;
    bool active;
};

struct image_stack {
    struct stack stack;
    struct image *image;
    struct image_stack_options options;
    uint64_t ticks;                     /* what the kernel's clock was set to */
    bool privileged;                    /* the thread has the privilege of start-up */
    uintptr_t caches[IMAGE_CACHES_MAX]; /* by the trace's number */
    uint64_t kalloc_requested[IMAGE_KALLOC_SIZES];
    uintptr_t kalloc_caches[IMAGE_KALLOC_SIZES];
    uintptr_t cache_space, cache_entry, cache_node; /* that spaces draw on */
    uint8_t *made; /* memory for the caches that the kernel lacks */
    unsigned nr_made, max_made;
    uintptr_t cache_map_entry;
    uint64_t submap_entries[MADE_MAPS_MAX][MAP_ENTRY_BYTES / 8]; /* objects of their entries */
    unsigned nr_submaps;
    uint8_t *made_maps;
    unsigned nr_made_maps;
    struct image_space *spaces;
    uint32_t max_spaces;
    struct { /* the entry that was looked at last, which the kernel has at hand */
        uintptr_t space, entry;
        uint32_t name;
    } last;
    bool smaller;         /* a cache's objects are smaller here than in the captured kernel */
    uint64_t managed;     /* pages that the page allocator has, free or not */
    uint64_t fixed_bytes; /* of maps: the direct map and submaps */
    uint64_t page_requested, map_requested;
    struct held peak;
};

static inline struct image_stack *image_stack(struct stack *stack)
{
    return (struct image_stack *)stack;
}

/* image_state.c */
void image_snapshot(struct image_stack *is, struct snapshot *snapshot, bool deep);
void image_space_state(const struct image_stack *is, uint32_t number, struct space_snapshot *state);
int image_check(const struct image_stack *is, struct error *error);
void image_occupancy(struct image_stack *is, enum occupancy_of which,
                     struct occupancy_picture *picture);
uintptr_t image_map(const struct image_stack *is, enum map_number number);
uint64_t image_count_managed(const struct image *image);
/* Why a request of BYTES was refused that would have waited for pages, or found no room in MAP. */
void image_refused_pages(const struct image_stack *is, uint64_t bytes, struct failure *failure);
void image_refused_map(const struct image_stack *is, enum map_number map, uint64_t bytes,
                       struct failure *failure);
/* The cache called NAME, 0: there is none. */
uintptr_t image_cache_find(const struct image *image, const char *name);

#endif
