/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * No slabs: every object is a run of pages of its own.
 *
 * Never ran anywhere. It is the baseline against which the others are measured: what would kernel
 * objects cost if there were nothing between them and the page allocator? An object of 16 bytes
 * takes 4096, so a right with its entry and its port takes 8 KiB where slabs need about a hundred
 * bytes. But nothing stays behind: a page is free the moment its object is, and no page is ever
 * shared by objects that die at different times.
 */

#include "allocators/slab_private.h"

static int direct_size(const struct slab_system *system, struct cache *cache, struct error *error)
{
    (void)system;
    (void)error;
    cache->slab_bytes = PAGE_SIZE << slab_order(cache->buffer_size);
    cache->buffers_per_slab = 1;
    cache->direct = true;
    return 0;
}

static uint64_t direct_take(struct slab_system *system, struct cache *cache)
{
    if (cache->slab_bytes == PAGE_SIZE) {
        return slab_page_take(system, cache->page_class);
    }

    return slab_run_take(system, cache->slab_bytes, cache->page_class);
}

static void direct_give(struct slab_system *system, struct cache *cache, uint64_t address)
{
    if (cache->slab_bytes == PAGE_SIZE) {
        slab_page_give(system, address);
    } else {
        slab_run_give(system, address, cache->slab_bytes);
    }
}

const struct slab_backend slab_direct = {
    .name = "direct",
    .summary = "no slabs: every object is a power-of-two run of pages of its own (baseline)",
    .descriptor = 0,
    .no_slabs = true,
    .size = direct_size,
    .take = direct_take,
    .give = direct_give,
    .large_take = slab_run_large_take,
    .large_give = slab_run_give,
};
