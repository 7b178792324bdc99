/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reaping: giving back the slabs that nobody uses.
 *
 * A cache keeps the slabs that it empties, because what grew once grows again. Under pressure all
 * caches are asked to let go of them. Two orders were in use, and they leave different memory
 * behind. Up to February 2016 a cache was reaped and its slabs destroyed before the next one's
 * turn, so descriptors of off-slab caches that come after `kmem_slab` are freed too late for this
 * time and their slabs stay. Since 1.7 the free slabs of all caches are first detached, then
 * destroyed: no cache is locked while pages are given back, but what `kmem_slab` empties always
 * waits for the next time.
 *
 * Worse than its rivals: it walks all caches and takes all or nothing. A cache that is between two
 * bursts loses its slabs just as one that will never be used again, and pays for them again soon.
 * Hence the rate limit.
 */

#include "allocators/slab_private.h"

#define REAP_INTERVAL 500 /* clock ticks: 5 s */

static void cache_detach(struct cache *cache)
{
    cache->dead_head = cache->free_head;
    cache->free_head = 0;
    cache->nr_slabs -= cache->nr_free_slabs;
    cache->nr_buffers -= (uint64_t)cache->nr_free_slabs * cache->buffers_per_slab;
    cache->nr_free_slabs = 0;
}

static void cache_destroy_dead(struct slab_system *system, struct cache *cache)
{
    while (cache->dead_head != 0) {
        link32_t slab = cache->dead_head;

        cache->dead_head = slab_at(system->machine, slab)->next;
        slab_destroy(system, cache, slab);
    }
}

static bool reapable(const struct slab_system *system, const struct cache *cache)
{
    return !cache->static_reserve && !system->backend->no_slabs;
}

void slab_reap(struct slab_system *system)
{
    bool detaches = system->backend->reap_detaches;

    system->last_reap = system->machine->now;

    for (unsigned i = 0; i < system->nr_caches; i++) {
        struct cache *cache = &system->caches[i];

        if (reapable(system, cache)) {
            cache_detach(cache);

            if (!detaches) {
                cache_destroy_dead(system, cache);
            }
        }
    }

    for (unsigned i = 0; detaches && i < system->nr_caches; i++) {
        cache_destroy_dead(system, &system->caches[i]);
    }
}

bool slab_collect(struct slab_system *system)
{
    if (system->machine->now - system->last_reap <= REAP_INTERVAL) {
        return false;
    }

    slab_reap(system);
    return true;
}
