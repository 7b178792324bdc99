/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slab caches and kalloc.
 *
 * `slab.c` is the allocator: caches, slabs, buffers, colour, reaping, the red-black tree that finds
 * a slab from an address. What differs between the ages is a `struct slab_backend`: how large a
 * slab is and where its pages come from. slab_vm.c, slab_buddy.c and slab_hybrid.c each hold one;
 * slab_direct.c is the baseline without slabs.
 *
 * Free buffers are chained through themselves (a link32_t in the last word of the buffer) and slab
 * descriptors live in the slab or in the cache `kmem_slab`, all in machine memory.
 */

#ifndef ALLOCATORS_SLAB_H
#define ALLOCATORS_SLAB_H

#include "allocators/machine.h"
#include "allocators/map.h"
#include "allocators/pages.h"

#define CACHES_MAX     256
#define CACHE_NAME_MAX 32 /* with the final NUL */
#define KALLOC_CACHES  13 /* 32 bytes to 128 KiB */

struct slab_system;
struct cache;

struct slab_backend {
    const char *name; /* "vm", "buddy", "hybrid", "direct" */
    const char *summary;
    unsigned descriptor; /* index into geometry->slab_descriptor */
    /* Reaping detaches the free slabs of all caches before it destroys them (since 1.7), or goes
     * cache by cache. */
    bool reap_detaches;
    /* Destruction gives back the descriptor before the pages (since 1.7), or after. */
    bool descriptor_first;
    /* Sets slab_bytes, buffers_per_slab, colour_max, off_slab, tree use of a cache whose buffer
     * size and alignment are set. -1 with the error set: no slab size can hold such an object. */
    int (*size)(const struct slab_system *system, struct cache *cache, struct error *error);
    /* Pages for one slab of CACHE, 0 with the failure set. */
    uint64_t (*take)(struct slab_system *system, struct cache *cache);
    void (*give)(struct slab_system *system, struct cache *cache, uint64_t address);
    /* Memory for a kalloc beyond the largest kalloc cache, 0 with the failure set. */
    uint64_t (*large_take)(struct slab_system *system, uint64_t bytes);
    void (*large_give)(struct slab_system *system, uint64_t address, uint64_t bytes);
    /* There are no slabs: each object is what `take` gives (slab_bytes of it). */
    bool no_slabs;
};

extern const struct slab_backend slab_vm;
extern const struct slab_backend slab_buddy;            /* as it was from 6 to 20 February 2016 */
extern const struct slab_backend slab_buddy_first_week; /* 2 to 6 February 2016 */
extern const struct slab_backend slab_hybrid;
extern const struct slab_backend slab_direct;

struct cache {
    char name[CACHE_NAME_MAX];
    uint32_t object_size; /* as asked for */
    uint32_t buffer_size; /* rounded up to the alignment */
    uint32_t align;
    uint32_t slab_bytes;
    uint32_t buffers_per_slab;
    uint32_t colour, colour_max;
    bool off_slab;       /* descriptor in the cache kmem_slab */
    bool use_tree;       /* slab found from an address through the tree */
    bool static_reserve; /* vm_map_kentry up to 1.6: one-page slabs off the entry reserve */
    bool direct;         /* slab pages are physical, in the direct map */
    link32_t partial_head, partial_tail; /* descriptors */
    link32_t free_head;
    link32_t dead_head;              /* detached by reaping, not yet destroyed */
    link32_t tree_root;              /* slabs with at least one object, by address; when use_tree */
    uint32_t link_offset;            /* of the link to the next free buffer, in a free buffer */
    uint32_t descriptor_offset;      /* of the descriptor, in a slab that keeps it inside */
    uint8_t index;                   /* in slab_system.caches */
    enum page_class page_class;      /* of the pages of its slabs */
    uint64_t nr_objects, nr_buffers; /* buffers: nr_slabs * buffers_per_slab */
    uint32_t nr_slabs, nr_free_slabs, nr_partial_slabs;
    uint64_t requested_live; /* bytes asked for by live objects (kalloc asks for less) */
};

struct slab_system {
    const struct slab_backend *backend;
    struct machine *machine;
    struct pages *pages;
    struct kmem *kmem;
    struct map *map;          /* slabs on kernel virtual memory come from here */
    uint32_t descriptor_size; /* of a slab descriptor of this design and geometry */
    unsigned nr_caches;
    struct cache caches[CACHES_MAX]; /* in order of creation */
    int kmem_slab;             /* index of the cache of off-slab descriptors, -1: not created yet */
    int kalloc[KALLOC_CACHES]; /* index of the cache of 32 << i bytes, -1: not created yet */
    uint64_t last_reap;        /* clock ticks */
    /* Entry reserve of 1.5 and 1.6: pages [reserve_next, reserve_end), handed out ascending. */
    uint64_t reserve_next, reserve_end;
    uint64_t large_requested; /* bytes asked for by live kallocs beyond the largest cache */
};

int slab_open(struct slab_system *system, const struct slab_backend *backend,
              struct machine *machine, struct pages *pages, struct kmem *kmem, struct map *map,
              struct error *error);
void slab_close(struct slab_system *system);

/*
 * Returns the index of the new cache, or -1 with the error set (too many caches, impossible size or
 * alignment). ALIGN 0 means the default of 8. NAME is copied and cut. Nothing is allocated.
 *
 * Some names mean something: "kmem_slab" becomes the cache of off-slab descriptors, whose object
 * size is that of this design whatever OBJECT_SIZE says; "kalloc_32" or "kalloc.32" (and so on to
 * 128 KiB) serve kalloc. Both are created when first needed if nobody created them before; creating
 * them then only gives the index of what is there. "vm_map_kentry" draws on the entry reserve when
 * there is one at that moment.
 */
int cache_create(struct slab_system *system, const char *name, uint32_t object_size, uint32_t align,
                 struct error *error);

/* Address of an object, 0 when refused (failure set; the empty slab list is as before). REQUESTED
 * is what the caller asked for: object_size, or less for kalloc. */
uint64_t cache_alloc(struct slab_system *system, unsigned cache, uint32_t requested);
void cache_free(struct slab_system *system, unsigned cache, uint64_t object, uint32_t requested);

/* Size 0 gives 0 without a failure. Beyond the largest kalloc cache: vm and hybrid take kernel
 * virtual memory in whole pages, buddy and direct a power-of-two run. SIZE of kfree must be that of
 * the kalloc. */
uint64_t kalloc(struct slab_system *system, uint64_t size);
/* Creates those of the kalloc caches that do not exist, smallest first. False when there is no room
 * for them (failure set). */
bool kalloc_init(struct slab_system *system);
void kfree(struct slab_system *system, uint64_t address, uint64_t size);

/* The smallest kalloc cache that holds SIZE (1 to 128 KiB), as an index into `kalloc`. */
unsigned kalloc_index(uint64_t size);

/* Gives back all free slabs. `slab_collect` is rate-limited (more than 5 s of clock ticks since the
 * last, or since power-on) and tells whether it ran; `slab_reap` always runs. */
bool slab_collect(struct slab_system *system);
void slab_reap(struct slab_system *system);

/* Adds the partial slabs of a cache to NR bins by how full they are: walks their list. */
void slab_fullness(const struct slab_system *system, const struct cache *cache, uint32_t *bins,
                   unsigned nr);

int slab_check(const struct slab_system *system, struct error *error);

#endif
