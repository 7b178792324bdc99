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
 * object's address, 0 when refused. Reentrant: an alloc may itself allocate in a map. */
struct object_source {
    uint64_t (*alloc)(void *context);
    void (*free)(void *context, uint64_t object);
    void *context;
};

struct map_entry {
    uint64_t start, end;
    uint64_t object;        /* simulated address of the entry object; 0: static (first entries) */
    uint32_t previous, next; /* by address; 0: none (entry 0 is the map's header) */
    uint32_t up, left, right; /* gap tree */
    uint32_t gap_next, gap_previous; /* queue of entries of the same gap */
    uint8_t colour;
    uint8_t kernel_object;  /* may be extended in place */
    uint8_t in_tree;
};

struct map;

struct map_ops {
    const char *name; /* "first-fit", "gap-tree" */
    const char *summary;
    /* Entry after which BYTES aligned to ALIGN (power of two) fit, start address in *START;
     * UINT32_MAX when there is no room. */
    uint32_t (*find)(struct map *map, uint64_t bytes, uint64_t align, uint64_t *start);
    /* The gap after entry N is about to change / has changed. */
    void (*gap_remove)(struct map *map, uint32_t entry);
    void (*gap_insert)(struct map *map, uint32_t entry);
    int (*check)(const struct map *map, struct error *error);
};

extern const struct map_ops map_first_fit;
extern const struct map_ops map_gap_tree;

struct map {
    const struct map_ops *ops;
    struct machine *machine;
    const char *name;
    uint64_t min, max;
    uint64_t size;        /* bytes in entries */
    uint32_t nr_entries;
    uint32_t hint;        /* entry; 0: "none", the start of the map */
    uint32_t root;        /* gap tree */
    uint32_t free_entries; /* host pool */
    uint32_t pool_used, pool_max;
    struct map_entry *entries; /* [0] is the header */
    struct object_source entry_source;
};

/* POOL_MAX is a limit on live entries; reserved, not touched. */
int map_open(struct map *map, const struct map_ops *ops, struct machine *machine, const char *name,
             uint64_t min, uint64_t max, struct object_source source, uint32_t pool_max,
             struct error *error);
void map_close(struct map *map);

/* Takes BYTES (whole pages). KERNEL_OBJECT: the range may extend the entry before it and be
 * extended itself. Returns the start address, 0 with machine->failure set. */
uint64_t map_take(struct map *map, uint64_t bytes, uint64_t align, bool kernel_object);
/* Puts a fixed entry at [start, end) at start-up: the direct map, submaps. OBJECT as in map_entry.
 * The hint is moved to it when MOVE_HINT. False when the range is not free. */
bool map_place(struct map *map, uint64_t start, uint64_t end, bool move_hint, uint64_t object);
/* Frees [start, start + bytes), clipping entries. False when an entry object for a clip was
 * refused (failure set; nothing changed). */
bool map_give(struct map *map, uint64_t start, uint64_t bytes);

struct map_counts {
    uint64_t min, max, size, free, largest_hole;
    uint32_t entries, holes;
};
/* Holes are the gaps between entries and before the first; the end of the map is one too. */
void map_count(const struct map *map, struct map_counts *counts);
int map_check(const struct map *map, struct error *error);

/*
 * kmem: ranges of a map with pages behind them.
 */
struct kmem {
    struct machine *machine;
    struct pages *pages;
    uint32_t *frames;     /* page table of the kernel map: frame + 1 per virtual page; 0: unmapped */
    uint64_t frames_start; /* address of frames[0] */
    uint64_t frames_end;
    uint8_t *mapped_twice; /* per frame: number of mappings beyond the first */
    struct object_source object_source; /* vm_object of kmem_alloc; NULL alloc: not modelled */
    struct object_source pv_source;     /* cache pv_entry */
    uint32_t pv_free;     /* length of the private list of pv_entries */
    uint64_t kernel_object_pages;       /* pages of the kernel object, for the order of freeing */
};

int kmem_open(struct kmem *kmem, struct machine *machine, struct pages *pages, struct error *error);
void kmem_close(struct kmem *kmem);

enum kmem_kind {
    KMEM_WIRED,    /* kmem_alloc_wired: kernel object */
    KMEM_ALIGNED,  /* kmem_alloc_aligned: kernel object, aligned to its size */
    KMEM_OBJECT,   /* kmem_alloc: a vm_object and an entry of its own */
    KMEM_PAGEABLE, /* kmem_alloc_pageable: address space only, no page behind it */
    KMEM_SUBMAP,   /* kmem_suballoc: address space for another map; its entry is not derived */
};

/* Returns the address, 0 with machine->failure set; then nothing is left behind. BYTES is rounded
 * up to pages. */
uint64_t kmem_alloc(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind);
/* kmem_realloc: a new range of NEW_BYTES whose first pages are those of [address, old_bytes), which
 * stays mapped until it is freed. 0 with the failure set, the old range untouched. */
uint64_t kmem_realloc(struct kmem *kmem, struct map *map, uint64_t address, uint64_t old_bytes,
                      uint64_t new_bytes);
/* False when a clip needs an entry object and none is to be had: nothing is freed then. */
bool kmem_free(struct kmem *kmem, struct map *map, uint64_t address, uint64_t bytes);
int kmem_check(const struct kmem *kmem, struct error *error);

#endif
