/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What slab.c shares with slab_tree.c, slab_reap.c, slab_check.c, kalloc.c and the backends.
 */

#ifndef ALLOCATORS_SLAB_PRIVATE_H
#define ALLOCATORS_SLAB_PRIVATE_H

#include "allocators/slab.h"

/* Objects below this size always have the descriptor of their slab inside the slab. */
#define SLAB_INSIDE_BELOW 512u

/*
 * A slab descriptor, in machine memory. The kernels' own take 32 or 36 bytes with 4-byte pointers
 * and 64 or 72 with 8-byte ones; this one fits them all, what is left over stays unused.
 */
struct slab {
    link32_t next, previous;   /* of the list that the slab is on, 0 at its ends; none when full */
    link32_t child[2], parent; /* in the tree: lower and higher addresses */
    link32_t address;          /* of the first byte of the slab */
    link32_t first_free;       /* buffer, 0: none */
    uint16_t references;       /* buffers that are allocated */
    uint8_t red;
    uint8_t cache;
};

_Static_assert(sizeof(struct slab) == 32, "must fit the smallest descriptor of the kernels");
_Static_assert(CACHES_MAX <= 256, "a descriptor has one byte for its cache");

static inline struct slab *slab_at(const struct machine *machine, link32_t l)
{
    return machine_follow(machine, l);
}

static inline uint32_t slab_round(uint32_t value, uint32_t multiple)
{
    return (value + multiple - 1) & ~(multiple - 1);
}

/* Red-black tree of the slabs of a cache by address. */
void slab_tree_insert(struct machine *machine, link32_t *root, link32_t slab);
void slab_tree_remove(struct machine *machine, link32_t *root, link32_t slab);
/* The slab with the highest address that is not above ADDRESS, 0 when there is none. */
link32_t slab_tree_find(struct machine *machine, link32_t root, uint64_t address);

/* Gives a slab back, page by page as the backend has it; it must be on no list and in no tree. */
void slab_destroy(struct slab_system *system, struct cache *cache, link32_t slab);

/* Descriptor of the slab that holds OBJECT. */
link32_t slab_lookup(struct slab_system *system, const struct cache *cache, uint64_t object);

/* Whether the descriptor of slabs of CACHE has to be inside. */
bool slab_must_be_inside(const struct slab_system *system, const struct cache *cache);
/* Sets what follows from slab_bytes: buffers_per_slab, colour_max, off_slab. */
void slab_layout(const struct slab_system *system, struct cache *cache, uint32_t slab_bytes);

/*
 * Tries slabs that hold more and more objects, each ROUNDed up, until eight objects fit or eight
 * pages are reached, and returns the size that wastes least, the later one if two waste the same.
 * The limits are looked at after each try, so the last one may pass them.
 */
uint32_t slab_least_waste(const struct slab_system *system, const struct cache *cache,
                          uint32_t (*round)(uint64_t bytes));

/* Pages that make up BYTES, and the order of the smallest run that holds them. */
static inline uint64_t slab_pages(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static inline unsigned slab_order(uint64_t bytes)
{
    uint64_t pages = slab_pages(bytes);
    return pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
}

/* Notes SLAB as the owner of its physical pages; 0 when they are given back. */
void slab_own_pages(struct slab_system *system, uint64_t address, uint64_t bytes, link32_t slab);

/* What `large_take` and `large_give` of a backend are made of. */
uint64_t slab_virtual_large_take(struct slab_system *system, uint64_t bytes);
uint64_t slab_run_large_take(struct slab_system *system, uint64_t bytes);

/*
 * Where backends get memory (slab_pages.c): one physical page, a physical run of a power of two of
 * pages, kernel virtual memory. Each returns 0 with the failure set when refused. What is given
 * back must have the bytes with which it was taken.
 */
uint64_t slab_page_take(struct slab_system *system, enum page_class class);
void slab_page_give(struct slab_system *system, uint64_t address);
uint64_t slab_run_take(struct slab_system *system, uint64_t bytes, enum page_class class);
void slab_run_give(struct slab_system *system, uint64_t address, uint64_t bytes);
uint64_t slab_virtual_take(struct slab_system *system, uint64_t bytes, enum page_class class);
void slab_virtual_give(struct slab_system *system, uint64_t address, uint64_t bytes);

#endif
