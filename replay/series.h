/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A series: the state of a stack at points of a replay, as numbers. docs/metrics.md explains each.
 *
 * All memory is reserved and touched at open, so that a sample in the middle of a replay costs
 * neither an allocation nor a page fault.
 */

#ifndef REPLAY_SERIES_H
#define REPLAY_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "allocators/stack.h"
#include "replay/fragmentation.h"

#define SERIES_NO_MARK (-1)

#define SERIES_SAMPLES_MAX 65536 /* some 6 KiB each */

struct series_segment {
    uint32_t free, pool; /* pages */
    uint32_t blocks[ORDERS];
};

struct series_map {
    uint64_t free, largest_hole; /* bytes */
    uint32_t holes, entries;
    uint32_t unusable; /* thousandths of `free`: for the next growth of the largest space */
};

struct series_cache {
    uint32_t objects, slabs, partial_slabs, free_slabs;
    uint64_t requested; /* bytes, by live objects */
};

struct series_space {
    int64_t space; /* number; -1: there is no space */
    uint64_t rights, bytes;
    uint64_t transient_peak, next_growth; /* bytes, see struct space_snapshot */
};

/* Everything but what is of one cache and the pictures. Sizes in bytes, shares in thousandths. */
struct series_sample {
    uint64_t event, time;
    int64_t mark;       /* index, SERIES_NO_MARK */
    uint64_t requested; /* by all that is alive */
    struct held held;
    /* Over all caches. */
    uint64_t objects, slab_requested, slab_waste;
    uint64_t slabs, partial_slabs, free_slabs;
    uint32_t fullness;
    /* Rights. */
    uint64_t rights, spaces;
    uint64_t transient_peak; /* of all spaces so far */
    struct series_space largest;
    /* Pages. */
    uint64_t free_pages, pool_pages; /* of all segments */
    struct series_segment segments[SEGMENTS_MAX];
    uint32_t unusable[ORDERS]; /* these over the segments that kernel objects may use */
    int32_t extfrag[ORDERS];
    uint32_t free_huge; /* percent */
    uint64_t largest_block;
    /* Kernel maps. */
    struct series_map maps[MAPS];
};

/* What only a deep snapshot tells. */
struct series_deep {
    uint64_t sample; /* index */
    uint32_t fullness[FULLNESS_BINS];
    uint32_t hole_sizes[MAPS][MAP_HOLE_BINS];
};

/* The worst of all samples, and the event of the first that had it. */
struct series_worst {
    bool known; /* false: there was none */
    int64_t value;
    uint64_t event;
};

struct series {
    unsigned nr, max;
    unsigned missed; /* samples for which there was no room */
    struct series_sample *samples;
    struct series_cache *caches;                 /* SNAPSHOT_CACHES for each sample */
    struct occupancy_picture shown[OCCUPANCIES]; /* scratch, and what the cells stand for */
    char *pictures[OCCUPANCIES];                 /* OCCUPANCY_CELLS for each sample */
    unsigned nr_deep;
    struct series_deep *deep;
    void *memory;
    size_t bytes;

    /* As of the last sample: what the columns are of. */
    unsigned nr_caches;
    char cache_names[SNAPSHOT_CACHES][32];
    uint32_t cache_slab_bytes[SNAPSHOT_CACHES]; /* of one slab */
    bool cache_used[SNAPSHOT_CACHES];           /* it had a slab at some sample */
    unsigned nr_segments;
    enum segment_kind segment_kinds[SEGMENTS_MAX];
    const char *map_names[MAPS]; /* NULL: never seen */

    struct series_worst unusable[ORDERS];   /* highest */
    struct series_worst free_huge;          /* lowest */
    struct series_worst waste;              /* highest share of slabs that is waste */
    struct series_worst largest_hole[MAPS]; /* lowest */
    struct series_worst map_unusable[MAPS]; /* highest */
};

/* Room for MAX samples, 0 to SERIES_SAMPLES_MAX. -1 with the error set; then there is nothing to
 * close. */
int series_open(struct series *series, uint64_t max, struct error *error);
void series_close(struct series *series);

/* When a sample is taken, which the stack does not know. */
struct series_point {
    uint64_t event, time;
    uint64_t requested; /* bytes live, as asked for */
    int64_t mark;       /* index, SERIES_NO_MARK */
    bool deep;
};

/* Appends a sample of STACK. SNAPSHOT is filled in on the way, and may be looked at afterwards. */
void series_take(struct series *series, struct stack *stack, const struct series_point *point,
                 struct snapshot *snapshot);

#endif
