/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Physical pages for small slabs, kernel virtual memory for large ones: GNU Mach since 20 February
 * 2016, 1.7 to today.
 *
 * One page is always to be had as long as there is one, however scattered memory is; and nearly all
 * objects are smaller than a page. So a slab is one physical page if an object fits, with no map
 * and no page table, and the page descriptor says which slab a page belongs to where the descriptor
 * is not inside. What does not fit goes back to virtual memory, in the fewest pages that hold one
 * object, and pays what slab_vm.c pays.
 *
 * The price is waste: with one page per slab an object of 2100 bytes has a page to itself. And
 * large objects are again limited by the kernel map.
 */

#include "allocators/slab_private.h"

static int hybrid_size(const struct slab_system *system, struct cache *cache, struct error *error)
{
    uint32_t needed = cache->buffer_size;

    (void)error;

    if (slab_must_be_inside(system, cache)) {
        needed += system->descriptor_size;
    }

    slab_layout(system, cache, slab_round(needed, PAGE_SIZE));

    if (cache->colour_max >= PAGE_SIZE) {
        cache->colour_max = 0;
    }

    cache->direct = cache->slab_bytes == PAGE_SIZE;
    cache->use_tree = !cache->direct;
    return 0;
}

static uint64_t hybrid_take(struct slab_system *system, struct cache *cache)
{
    if (cache->direct) {
        return slab_page_take(system, cache->page_class);
    }

    return slab_virtual_take(system, cache->slab_bytes, cache->page_class);
}

static void hybrid_give(struct slab_system *system, struct cache *cache, uint64_t address)
{
    if (cache->direct) {
        slab_page_give(system, address);
    } else {
        slab_virtual_give(system, address, cache->slab_bytes);
    }
}

const struct slab_backend slab_hybrid = {
    .name = "hybrid",
    .summary = "slabs of one page are physical, larger ones kernel virtual memory (1.7 to today)",
    .descriptor = 1,
    .reap_detaches = true,
    .descriptor_first = true,
    .size = hybrid_size,
    .take = hybrid_take,
    .give = hybrid_give,
    .large_take = slab_virtual_large_take,
    .large_give = slab_virtual_give,
};
