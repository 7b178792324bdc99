/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel virtual map: ordered entries over a range of addresses, a policy that finds room, and
 * on top of it `kmem`: ranges that are backed by pages and mapped.
 *
 * Entries are host-side structs from a pool reserved at open; each also owns an object of the
 * simulated kernel (cache vm_map_entry or vm_map_kentry), taken and given back through
 * `struct entry_source`, because the objects of derived entries count in the kernel's caches.
 */

#ifndef ALLOCATORS_MAP_H
#define ALLOCATORS_MAP_H

#include "allocators/machine.h"
#include "allocators/pages.h"

enum map_number { MAP_KERNEL, MAP_SLAB, MAP_IPC, MAP_DEVICE, MAPS };

/* Where entries, pv_entries and vm_objects come from: the stack's caches. `alloc` returns the
 * object's address, 0 when refused, with machine->failure set. Reentrant: an alloc may itself
 * allocate in a map, the one that asks included; what is being taken is already out of its reach.
 * A NULL `alloc` means that these objects are not modelled: none is taken and nothing fails. */
struct object_source {
    uint64_t (*alloc)(void *context);
    void (*free)(void *context, uint64_t object);
    void *context;
};

/* What lies behind an entry: nothing (submaps, fixed and pageable ranges), the kernel object, or
 * an object of its own, numbered from MAP_OWN_OBJECT. */
enum { MAP_NO_OBJECT, MAP_KERNEL_OBJECT, MAP_OWN_OBJECT };

/* Entries are numbered; 0 is the map's header and stands for "none". */
struct map_node {
    uint32_t up, left, right;
    bool red;
};

enum map_tree { MAP_BY_ADDRESS, MAP_BY_GAP, MAP_TREES };

struct map_entry {
    uint64_t start, end;
    uint64_t gap;            /* gap tree: bytes after the entry, as the tree knows them */
    uint64_t object;         /* simulated address of the entry object; 0: static (first entries) */
    uint32_t previous, next; /* by address; the header's are the last and the first */
    struct map_node nodes[MAP_TREES];
    uint32_t gap_next, gap_previous; /* queue of entries of the same gap, around in a ring */
    uint32_t memory_object;          /* MAP_NO_OBJECT, ... */
    bool in_tree;                    /* gap tree: this entry stands for its size */
    bool pending;                    /* its entry object is still being taken */
};

struct map;

struct map_ops {
    const char *name; /* "first-fit", "gap-tree" */
    const char *summary;
    /* Entry after which BYTES aligned to ALIGN (power of two) fit (0: before the first one), start
     * address in *START; MAP_NO_ROOM when there is no room. */
    uint32_t (*find)(struct map *map, uint64_t bytes, uint64_t align, uint64_t *start);
    /* The gap after entry N is about to change / has changed. */
    void (*gap_remove)(struct map *map, uint32_t entry);
    void (*gap_insert)(struct map *map, uint32_t entry);
    int (*check)(const struct map *map, struct error *error);
};

#define MAP_NO_ROOM UINT32_MAX

extern const struct map_ops map_first_fit;
extern const struct map_ops map_gap_tree;

struct map {
    const struct map_ops *ops;
    struct machine *machine;
    const char *name;
    uint64_t min, max;
    uint64_t size; /* bytes in entries */
    uint32_t nr_entries;
    uint32_t hint; /* entry; 0: "none", the start of the map */
    uint32_t roots[MAP_TREES];
    uint32_t free_entries; /* host pool, chained by `next` */
    uint32_t pool_used, pool_max;
    uint64_t changes; /* entries made, moved and removed so far */
    /* Requests made under the map's lock may dip into the reserve of pages (1.8 on): set by
     * map_open with the gap tree. */
    bool lock_privileged;
    struct map_entry *entries; /* [0] is the header */
    struct object_source entry_source;
};

/* POOL_MAX is a limit on live entries; reserved, not touched. NAME must live as long as the map.
 * MIN and MAX are whole pages. */
int map_open(struct map *map, const struct map_ops *ops, struct machine *machine, const char *name,
             uint64_t min, uint64_t max, struct object_source source, uint32_t pool_max,
             struct error *error);
void map_close(struct map *map);

/* Takes BYTES (whole pages), aligned to ALIGN, a power of two; 1: no request, whole pages come of
 * themselves. With the gap tree an alignment of a page is not the same as none, see there.
 * KERNEL_OBJECT: the range may extend the entry before it and be
 * extended itself. Returns the start address, 0 with machine->failure set. */
uint64_t map_take(struct map *map, uint64_t bytes, uint64_t align, bool kernel_object);
/* Puts a fixed entry at [start, end) at start-up: the direct map, submaps. OBJECT as in map_entry.
 * The hint is moved to it when MOVE_HINT. False when the range is not free. */
bool map_place(struct map *map, uint64_t start, uint64_t end, bool move_hint, uint64_t object);
/* Frees [start, start + bytes), clipping entries; holes in the range do not matter. False when an
 * entry object for a clip was refused (failure set; nothing changed). For ranges without pages:
 * what kmem took goes back through kmem_free. */
bool map_give(struct map *map, uint64_t start, uint64_t bytes);

#define MAP_HOLE_BINS 20 /* bin i: holes of 2^i to 2^(i+1) - 1 pages; the last: and all larger */

struct map_counts {
    uint64_t min, max, size, free, largest_hole;
    uint32_t entries, holes;
    uint64_t too_small; /* bytes in holes smaller than what was asked about */
    uint32_t hole_sizes[MAP_HOLE_BINS];
};
/* Holes are the gaps between entries and before the first; the end of the map is one too. BYTES is
 * the size of a request, for `too_small`. */
void map_count(const struct map *map, uint64_t bytes, struct map_counts *counts);
/* The holes one after the other, for pictures of the map: the first one that ends above ADDRESS.
 * False past the last. Start with map->min, go on with *END. */
bool map_hole(const struct map *map, uint64_t address, uint64_t *start, uint64_t *end);
int map_check(const struct map *map, struct error *error);

/*
 * kmem: ranges of a map with pages behind them.
 */

/* What kmem knows of a page frame. */
struct kmem_page {
    uint32_t next, previous; /* frames: the page list of its object, oldest first */
    uint32_t where;          /* kernel object: virtual page (index into `frames`) */
    uint8_t mappings;        /* in kernel maps: each beyond the first costs a pv_entry */
};

/* A vm_object: the kernel object (number MAP_KERNEL_OBJECT, all kernel maps together), or one made
 * by a kmem_alloc and shared by what kmem_realloc makes of the range. */
struct kmem_object {
    uint32_t first, last;  /* frames: page list, FRAME_NONE when empty */
    uint32_t resident;     /* pages on it */
    uint32_t references;   /* entries; the kernel object always has one more */
    uint32_t next_free;    /* host pool */
    uint64_t object, port; /* simulated addresses: of the caches vm_object and ipc_port */
};

struct kmem {
    struct machine *machine;
    struct pages *pages;
    uint32_t *frames; /* page table of the kernel map: frame + 1 per virtual page; 0: unmapped */
    uint64_t frames_start; /* address of frames[0] */
    uint64_t frames_end;
    uint8_t *classes;           /* enum page_class of each virtual page */
    struct occupancy occupancy; /* of the kernel map, as `classes` */
    uint8_t *populated; /* per virtual page: the host has memory there, mapped or left behind */
    uint32_t nr_populated, nr_mapped;
    struct kmem_page *kmem_pages; /* per frame */
    struct kmem_object *objects;  /* [0] unused, [1] the kernel object */
    uint32_t objects_used, objects_max, free_objects;
    /* kmem_alloc makes a vm_object and the port that names it, before the range is chosen; they go
     * when the last range of the object goes, port first. */
    struct object_source object_source; /* cache vm_object */
    struct object_source port_source;   /* cache ipc_port */
    struct object_source pv_source;     /* cache pv_entry */
    uint64_t pv_free;                   /* length of the private list of pv_entries */
    uint64_t pv_used; /* pv_entries in use: mappings beyond the first of their pages */
    /* Slab reclaim, run once when a map has no room; then the map is searched again, whatever it
     * returns. May be NULL. */
    bool (*reclaim)(void *context);
    void *reclaim_context;
};

/* The sources and the reclaim hook start as not modelled; the caller sets them. */
int kmem_open(struct kmem *kmem, struct machine *machine, struct pages *pages, struct error *error);
void kmem_close(struct kmem *kmem);

enum kmem_kind {
    KMEM_WIRED,    /* kmem_alloc_wired: kernel object */
    KMEM_ALIGNED,  /* kmem_alloc_aligned: kernel object, aligned to its size */
    KMEM_OBJECT,   /* kmem_alloc: a vm_object and an entry of its own */
    KMEM_PAGEABLE, /* kmem_alloc_pageable: address space only, no page behind it */
    KMEM_SUBMAP,   /* kmem_suballoc: address space for another map; its entry is not derived */
};

/* Returns the address, 0 with machine->failure set; then nothing is left behind (what slab reclaim
 * gave back stays given back). BYTES is rounded up to pages. Pages get the class STACK when
 * aligned, TABLE with an object of their own, else WIRED. */
uint64_t kmem_alloc(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind);
/* The same for pages of a CLASS of their own. */
uint64_t kmem_alloc_class(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind,
                          enum page_class class);
/* kmem_realloc: a new range of NEW_BYTES whose first pages are those of [address, old_bytes), which
 * stays mapped until it is freed. The old range is a whole one of KMEM_OBJECT, and NEW_BYTES is no
 * less. 0 with the failure set, the old range untouched; pv_entries taken for it stay on the
 * private list. The content of the old pages is at the new address too, as it was at the call. */
uint64_t kmem_realloc(struct kmem *kmem, struct map *map, uint64_t address, uint64_t old_bytes,
                      uint64_t new_bytes);
/* BYTES is rounded up to pages. False when a clip needs an entry object and none is to be had:
 * nothing is freed then. */
bool kmem_free(struct kmem *kmem, struct map *map, uint64_t address, uint64_t bytes);
/* A picture shows the addresses of [start, end), as far as they belong to the kernel map and
 * nothing is mapped there, as CLASS: FREE or ADDRESS. */
void kmem_classify(struct kmem *kmem, uint64_t start, uint64_t end, enum page_class class);
/* Frame behind an address of the kernel map, FRAME_NONE when there is none. */
uint32_t kmem_frame(const struct kmem *kmem, uint64_t address);
int kmem_check(const struct kmem *kmem, struct error *error);

#endif
