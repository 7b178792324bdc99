/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slabs on kernel virtual memory: GNU Mach 1.4 to 1.6, 2011 to 2015.
 *
 * Every slab is a range of the kernel map with pages mapped behind it. Physical memory may be as
 * scattered as it likes, so a slab may have whatever size wastes least: the search below tries
 * sizes until eight objects fit, up to eight pages.
 *
 * The price: each page of each slab costs a page-table entry and, when it goes, a TLB
 * invalidation; the range has to be found in a map, whose entry is itself an object; and the
 * slabs of all caches, the tables and the stacks share a submap of fixed size, which is full when
 * it is full however much memory the machine has. Entries for the map's own entries come from a
 * reserve taken at start-up.
 */

#include "allocators/slab_private.h"

#define OBJECTS_WANTED 8
#define PAGES_ENOUGH   8

uint32_t slab_least_waste(const struct slab_system *system, const struct cache *cache,
                          uint32_t (*round)(uint64_t bytes))
{
    uint32_t descriptor = system->descriptor_size;
    bool inside = slab_must_be_inside(system, cache);
    uint32_t objects = 0, best_waste = UINT32_MAX, best_bytes = 0;
    uint32_t bytes, buffers;

    do {
        objects++;
        bytes = round((uint64_t)objects * cache->buffer_size);

        uint32_t room = bytes - (inside ? descriptor : 0);
        uint32_t waste = room % cache->buffer_size;

        buffers = room / cache->buffer_size;
        objects = buffers > objects ? buffers : objects;

        if (!inside && waste >= descriptor) {
            waste -= descriptor;
        }

        if (waste <= best_waste) {
            best_waste = waste;
            best_bytes = bytes;
        }
    } while (buffers < OBJECTS_WANTED && bytes < PAGES_ENOUGH * PAGE_SIZE);

    return best_bytes;
}

static uint32_t round_to_pages(uint64_t bytes)
{
    return (uint32_t)(slab_pages(bytes) * PAGE_SIZE);
}

static int vm_size(const struct slab_system *system, struct cache *cache, struct error *error)
{
    uint32_t bytes = slab_least_waste(system, cache, round_to_pages);

    (void)error;
    slab_layout(system, cache, bytes);

    if (cache->colour_max >= PAGE_SIZE) {
        cache->colour_max = PAGE_SIZE - 1;
    }

    cache->use_tree = cache->off_slab || bytes != PAGE_SIZE;
    return 0;
}

static uint64_t vm_take(struct slab_system *system, struct cache *cache)
{
    return slab_virtual_take(system, cache->slab_bytes, cache->page_class);
}

static void vm_give(struct slab_system *system, struct cache *cache, uint64_t address)
{
    slab_virtual_give(system, address, cache->slab_bytes);
}

const struct slab_backend slab_vm = {
    .name = "vm",
    .summary = "slabs are ranges of kernel virtual memory, sized for least waste (1.4 to 1.6)",
    .descriptor = 0,
    .size = vm_size,
    .take = vm_take,
    .give = vm_give,
    .large_take = slab_virtual_large_take,
    .large_give = slab_virtual_give,
};
