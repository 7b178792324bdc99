/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Snapshot: the state of a stack at one point, from which every metric is computed. Plain counts in
 * a struct that the caller owns; taking one allocates nothing and changes nothing.
 */

#ifndef ALLOCATORS_SNAPSHOT_H
#define ALLOCATORS_SNAPSHOT_H

#include "allocators/machine.h"
#include "allocators/map.h"
#include "allocators/pages.h"

#define SNAPSHOT_CACHES 256
#define SNAPSHOT_SPACES 8 /* those with the most rights */

#define CACHE_UNNUMBERED UINT32_MAX

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
    uint32_t slabs, free_slabs;
    uint64_t requested_bytes; /* asked for by live objects */
    bool derived;             /* the stack's own: no event asks for these objects directly */
};

struct segment_snapshot {
    enum segment_kind kind;
    uint32_t start, end; /* frames */
    struct page_counts counts;
};

struct map_snapshot {
    const char *name; /* NULL: this machine has no such map */
    struct map_counts counts;
};

struct space_snapshot {
    uint32_t space;
    uint32_t rights, reverse_entries;
    uint64_t bytes;         /* table, or nodes and entries */
    uint32_t table_entries; /* 0: no table */
    uint32_t tree_nodes, height;
    uint32_t name_nodes, reverse_nodes; /* tree_nodes by tree: by name, by address */
    uint64_t growths, remaps;
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
