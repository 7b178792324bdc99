/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Snapshot: the state of a stack at one point, from which every metric is computed. Plain counts in
 * a struct that the caller owns; taking one allocates nothing and changes nothing. A shallow one
 * copies what is counted anyway and walks the entries of the maps, some microseconds; a deep one
 * also walks the partial slabs of all caches.
 *
 * Of the arrays only the first `nr_...` elements are written.
 */

#ifndef ALLOCATORS_SNAPSHOT_H
#define ALLOCATORS_SNAPSHOT_H

#include "allocators/machine.h"
#include "allocators/map.h"
#include "allocators/pages.h"

#define SNAPSHOT_CACHES 256
#define SNAPSHOT_SPACES 8 /* those with the most rights */

#define CACHE_UNNUMBERED UINT32_MAX

#define FULLNESS_BINS 10

/* What a design holds, in bytes. The four overlap: slabs are made of pages, tables of slabs or map
 * ranges. */
struct held {
    uint64_t page_bytes;  /* pages taken from the page allocator, those for users included */
    uint64_t slab_bytes;  /* slabs of all caches, empty ones too */
    uint64_t map_bytes;   /* ranges of kernel maps, fixed entries and submaps left out */
    uint64_t space_bytes; /* tables of rights, or their nodes and entries */
};

struct cache_snapshot {
    uint32_t number; /* the trace's; CACHE_UNNUMBERED: the stack made it for itself */
    char name[32];
    uint32_t object_size, buffer_size, align, slab_bytes, buffers_per_slab;
    uint64_t objects, buffers;
    uint32_t slabs, free_slabs, partial_slabs; /* the others are full */
    /* Deep only: partial slabs by how full they are, bin i: from i to i + 1 tenths. */
    uint32_t fullness[FULLNESS_BINS];
    uint64_t requested_bytes; /* asked for by live objects */
    bool derived;             /* the stack's own: no event asks for these objects directly */
};

struct segment_snapshot {
    enum segment_kind kind;
    uint32_t start, end; /* frames */
    struct page_counts counts;
    /* Free memory in the largest aligned blocks that it makes up: what a buddy has on its lists,
     * and what the pages of the free-page list would be in one. */
    uint32_t blocks[ORDERS];
};

struct map_snapshot {
    const char *name;         /* NULL: this machine has no such map */
    struct map_counts counts; /* too_small: for the next growth of the largest space */
};

struct space_snapshot {
    uint32_t space;
    uint32_t rights, reverse_entries;
    uint64_t bytes;         /* table, or nodes and entries */
    uint32_t table_entries; /* 0: no table */
    uint32_t tree_nodes, height;
    uint32_t name_nodes, reverse_nodes; /* tree_nodes by tree: by name, by address */
    uint64_t growths, remaps;
    /* The most bytes that the old and the new table took together while this one grew; where pages
     * were mapped twice they count twice, as addresses. 0: no table, or it has not grown. */
    uint64_t transient_peak;
    /* What the next growth asks for in one piece: the next table, or a slab of tree nodes. 0: it is
     * not known, or the table has its last size. */
    uint64_t next_growth;
};

struct snapshot {
    unsigned nr_caches;
    struct cache_snapshot caches[SNAPSHOT_CACHES];
    unsigned nr_segments;
    struct segment_snapshot segments[SEGMENTS_MAX];
    struct map_snapshot maps[MAPS];
    unsigned nr_spaces; /* in `spaces` */
    struct space_snapshot spaces[SNAPSHOT_SPACES];
    uint64_t live_spaces, rights, reverse_entries;
    uint64_t transient_peak; /* the highest of all spaces so far, dead ones included */
    uint64_t table_bytes, node_bytes;
    /* Nodes of all trees by name and by address, height of the highest by name. */
    uint64_t name_nodes, reverse_nodes;
    uint32_t name_height;
    uint64_t page_requested; /* bytes live through page events */
    uint64_t map_requested;  /* bytes live through map events */
    struct held held;        /* now */
    struct held peak;        /* each the highest so far, by itself, at the end of any request */
    struct work work;
};

#endif
