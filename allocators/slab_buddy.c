/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slabs on physical runs of pages: two and a half weeks in February 2016.
 *
 * With a buddy allocator below, a slab can be a run of pages in the direct map: no page table to
 * write, no TLB to invalidate, no map to search, and no limit but memory. So every slab became a
 * power of two of pages, first of the size that wastes least, then, since large runs are hard to
 * come by, of the lowest order that holds one object.
 *
 * It did not last. After a while of running free memory is in small pieces, and slabs of large
 * objects (a kalloc of 64 KiB is 16 pages in one run) fail although memory is there. Which is what
 * this backend is kept for: to show it.
 */

#include "allocators/slab_private.h"

/* A slab of the lowest order that holds an object, and the descriptor when it must be inside. */
static uint32_t lowest_order(const struct slab_system *system, const struct cache *cache)
{
    uint64_t needed = cache->buffer_size;

    if (slab_must_be_inside(system, cache)) {
        needed += system->descriptor_size;
    }

    return PAGE_SIZE << slab_order(needed);
}

static void buddy_layout(const struct slab_system *system, struct cache *cache, uint32_t bytes)
{
    slab_layout(system, cache, bytes);

    if (cache->colour_max >= PAGE_SIZE) {
        cache->colour_max = PAGE_SIZE - 1;
    }

    cache->direct = true;
    cache->use_tree = cache->off_slab || bytes != PAGE_SIZE;
}

static int buddy_size(const struct slab_system *system, struct cache *cache, struct error *error)
{
    (void)error;
    buddy_layout(system, cache, lowest_order(system, cache));
    return 0;
}

static uint32_t round_to_run(uint64_t bytes)
{
    return PAGE_SIZE << slab_order(bytes);
}

/* The search for least waste of slab_vm.c, over powers of two of pages. */
static int first_week_size(const struct slab_system *system, struct cache *cache,
                           struct error *error)
{
    (void)error;
    buddy_layout(system, cache, slab_least_waste(system, cache, round_to_run));
    return 0;
}

static uint64_t buddy_take(struct slab_system *system, struct cache *cache)
{
    return slab_run_take(system, cache->slab_bytes, cache->page_class);
}

static void buddy_give(struct slab_system *system, struct cache *cache, uint64_t address)
{
    slab_run_give(system, address, cache->slab_bytes);
}

const struct slab_backend slab_buddy = {
    .name = "buddy",
    .summary = "slabs are physical runs of the lowest order that holds an object (6 to 20 February "
               "2016)",
    .descriptor = 0,
    .size = buddy_size,
    .take = buddy_take,
    .give = buddy_give,
    .large_take = slab_run_large_take,
    .large_give = slab_run_give,
};

const struct slab_backend slab_buddy_first_week = {
    .name = "buddy-first-week",
    .summary = "slabs are physical runs, sized for least waste (2 to 6 February 2016)",
    .descriptor = 0,
    .size = first_week_size,
    .take = buddy_take,
    .give = buddy_give,
    .large_take = slab_run_large_take,
    .large_give = slab_run_give,
};
