/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Validity of slab caches: walks everything that can be reached and compares it with what is
 * counted.
 *
 * For each cache: both lists with their links and the state of the slabs on them; the chain of free
 * buffers of each slab (as long as it must be, inside the slab, each at a whole number of buffers
 * from the others); the tree with its order and colours. Full slabs are on no list; they are found
 * through the tree or the page descriptors where the cache has either. Then the sums: objects,
 * slabs, and one object of `kmem_slab` per slab with its descriptor outside.
 *
 * A link is looked at before it is followed, so a broken structure gives an error and not a crash.
 */

#include "allocators/slab_private.h"

#include <inttypes.h>

#define TREE_HEIGHT_MAX 64

struct tally {
    uint64_t objects; /* in the partial slabs */
    uint32_t partial, free;
    uint32_t in_tree;
};

/* Inside what the machine's memory can hold: direct map, entry reserve, kernel map. */
static bool link_is_sound(const struct slab_system *system, link32_t l)
{
    return l != 0 && machine_address(system->machine, l) < system->kmem->frames_end;
}

static int fault(struct error *error, const struct cache *cache, link32_t l, const char *what)
{
    return error_set(error, "cache \"%s\": %s (slab descriptor at link %#" PRIx32 ")", cache->name,
                     what, l);
}

/* The chain of free buffers: `buffers_per_slab - references` of them, each in its place. */
static int chain_check(const struct slab_system *system, const struct cache *cache, link32_t l,
                       struct error *error)
{
    const struct machine *machine = system->machine;
    const struct slab *slab = slab_at(machine, l);
    uint64_t start = machine_address(machine, slab->address);
    uint32_t room = cache->off_slab ? cache->slab_bytes : cache->descriptor_offset;
    uint32_t expected = cache->buffers_per_slab - slab->references;
    uint64_t first = machine_address(machine, slab->first_free);
    uint32_t found = 0;

    for (link32_t b = slab->first_free; b != 0; found++) {
        uint64_t address = machine_address(machine, b);

        if (found == expected) {
            return fault(error, cache, l, "more free buffers than are counted: freed twice?");
        }

        if (address < start || address + cache->buffer_size > start + room) {
            return fault(error, cache, l, "a free buffer lies outside of its slab");
        }

        if ((address > first ? address - first : first - address) % cache->buffer_size != 0) {
            return fault(error, cache, l, "a free buffer does not start where buffers do");
        }

        b = *(link32_t *)machine_at(machine, address + cache->link_offset);
    }

    if (found != expected) {
        return fault(error, cache, l, "fewer free buffers than are counted");
    }

    return 0;
}

static int slab_sound(const struct slab_system *system, const struct cache *cache, link32_t l,
                      struct error *error)
{
    if (!link_is_sound(system, l)) {
        return fault(error, cache, l, "a link leads nowhere");
    }

    const struct slab *slab = slab_at(system->machine, l);
    uint64_t address = machine_address(system->machine, slab->address);

    if (slab->cache != cache->index) {
        return fault(error, cache, l, "the slab says that it is of another cache");
    }

    if (!link_is_sound(system, slab->address) || address % PAGE_SIZE != 0) {
        return fault(error, cache, l, "the slab's address is not one of a page");
    }

    if (!cache->off_slab &&
        machine_link(system->machine, address + cache->descriptor_offset) != l) {
        return fault(error, cache, l, "the descriptor is not at the end of the slab");
    }

    if (slab->references > cache->buffers_per_slab) {
        return fault(error, cache, l, "more objects than buffers");
    }

    return chain_check(system, cache, l, error);
}

static int lists_check(const struct slab_system *system, const struct cache *cache,
                       struct tally *tally, struct error *error)
{
    link32_t previous = 0;

    for (link32_t l = cache->partial_head; l != 0; tally->partial++) {
        if (tally->partial == cache->nr_slabs) {
            return fault(error, cache, l, "more partial slabs than slabs");
        }

        if (slab_sound(system, cache, l, error) != 0) {
            return -1;
        }

        const struct slab *slab = slab_at(system->machine, l);

        if (slab->references == 0 || slab->references == cache->buffers_per_slab) {
            return fault(error, cache, l, "a slab on the partial list is not partial");
        }

        if (slab->previous != previous) {
            return fault(error, cache, l, "the partial list is not the same backwards");
        }

        tally->objects += slab->references;
        previous = l;
        l = slab->next;
    }

    if (cache->partial_tail != previous) {
        return fault(error, cache, previous, "the partial list has another tail");
    }

    for (link32_t l = cache->free_head; l != 0; tally->free++) {
        if (tally->free == cache->nr_free_slabs) {
            return fault(error, cache, l, "more free slabs than are counted");
        }

        if (slab_sound(system, cache, l, error) != 0) {
            return -1;
        }

        if (slab_at(system->machine, l)->references != 0) {
            return fault(error, cache, l, "a slab on the free list has objects");
        }

        l = slab_at(system->machine, l)->next;
    }

    return 0;
}

/* Checks what hangs below L, whose addresses must be in [low, high); returns the number of black
 * nodes on each path, -1 with the error set. */
static int tree_check(const struct slab_system *system, const struct cache *cache, link32_t l,
                      link32_t parent, uint64_t low, uint64_t high, int depth, struct tally *tally,
                      struct error *error)
{
    if (l == 0) {
        return 0;
    }

    if (depth > TREE_HEIGHT_MAX) {
        return fault(error, cache, l, "the tree is higher than it can be");
    }

    if (slab_sound(system, cache, l, error) != 0) {
        return -1;
    }

    const struct slab *slab = slab_at(system->machine, l);

    if (slab->address < low || slab->address >= high) {
        return fault(error, cache, l, "the tree is not in the order of addresses");
    }

    if (slab->parent != parent || slab->references == 0) {
        return fault(error, cache, l, "a slab in the tree has another parent, or no objects");
    }

    if (slab->red && (parent == 0 || slab_at(system->machine, parent)->red)) {
        return fault(error, cache, l, "a red node is the root or below a red one");
    }

    tally->in_tree++;

    int left =
        tree_check(system, cache, slab->child[0], l, low, slab->address, depth + 1, tally, error);
    int right = left < 0 ? -1
                         : tree_check(system, cache, slab->child[1], l,
                                      (uint64_t)slab->address + cache->slab_bytes / 8, high,
                                      depth + 1, tally, error);

    if (left < 0 || right < 0) {
        return -1;
    }

    if (left != right) {
        return fault(error, cache, l, "paths of the tree differ in black nodes");
    }

    return left + (slab->red ? 0 : 1);
}

static int counts_check(const struct cache *cache, const struct tally *tally, struct error *error)
{
    uint64_t full = (uint64_t)cache->nr_slabs - tally->free - tally->partial;

    if (tally->free != cache->nr_free_slabs || tally->free + tally->partial > cache->nr_slabs) {
        return fault(error, cache, 0, "slabs on the lists and slabs counted differ");
    }

    if (tally->partial != cache->nr_partial_slabs) {
        return fault(error, cache, 0, "partial slabs on the list and counted differ");
    }

    if (cache->nr_buffers != (uint64_t)cache->nr_slabs * cache->buffers_per_slab) {
        return fault(error, cache, 0, "buffers and slabs do not go together");
    }

    if (cache->nr_objects != tally->objects + full * cache->buffers_per_slab) {
        return fault(error, cache, 0, "objects counted and objects in slabs differ");
    }

    if (cache->use_tree && tally->in_tree != cache->nr_slabs - tally->free) {
        return fault(error, cache, 0, "slabs with objects and slabs in the tree differ");
    }

    if (cache->dead_head != 0 || cache->colour > cache->colour_max) {
        return fault(error, cache, 0, "dead slabs, or a colour beyond the last");
    }

    return 0;
}

static int cache_check(const struct slab_system *system, const struct cache *cache,
                       struct error *error)
{
    struct tally tally = {0};

    if (system->backend->no_slabs) {
        if (cache->nr_objects != cache->nr_slabs || cache->nr_objects != cache->nr_buffers) {
            return fault(error, cache, 0, "objects and runs differ");
        }

        return 0;
    }

    if (lists_check(system, cache, &tally, error) != 0 ||
        tree_check(system, cache, cache->tree_root, 0, 0, UINT64_MAX, 0, &tally, error) < 0) {
        return -1;
    }

    return counts_check(cache, &tally, error);
}

/* Each physical page of a slab names it. */
static int owners_check(const struct slab_system *system, struct error *error)
{
    const struct machine *machine = system->machine;
    uint32_t first_pages[CACHES_MAX] = {0};

    for (uint32_t frame = 0; frame < machine->direct_frames; frame++) {
        link32_t l = machine->pages[frame].owner;

        if (l == 0) {
            continue;
        }

        if (!link_is_sound(system, l) || slab_at(machine, l)->cache >= system->nr_caches) {
            return error_set(error, "page %#x: its owner is not a slab", frame);
        }

        const struct cache *cache = &system->caches[slab_at(machine, l)->cache];
        uint64_t start = machine_address(machine, slab_at(machine, l)->address);
        uint64_t page = machine_direct(machine, frame);

        if (!cache->direct || page < start || page >= start + cache->slab_bytes) {
            return error_set(error, "page %#x: it is not one of the slab that owns it", frame);
        }

        if (machine->pages[frame].state != PAGE_USED && !cache->static_reserve) {
            return error_set(error, "page %#x: a slab owns it and it is not in use", frame);
        }

        if (page == start) {
            if (slab_sound(system, cache, l, error) != 0) {
                return -1;
            }

            first_pages[cache->index]++;
        }
    }

    for (unsigned i = 0; i < system->nr_caches; i++) {
        const struct cache *cache = &system->caches[i];

        if (cache->direct && !system->backend->no_slabs && first_pages[i] != cache->nr_slabs) {
            return fault(error, cache, 0, "slabs and pages that they own differ");
        }
    }

    return 0;
}

int slab_check(const struct slab_system *system, struct error *error)
{
    uint64_t outside = 0;

    for (unsigned i = 0; i < system->nr_caches; i++) {
        const struct cache *cache = &system->caches[i];

        if (cache_check(system, cache, error) != 0) {
            return -1;
        }

        outside += cache->off_slab ? cache->nr_slabs : 0;
    }

    if (system->kmem_slab >= 0 && system->caches[system->kmem_slab].nr_objects != outside &&
        !system->backend->no_slabs) {
        return error_set(error,
                         "cache \"kmem_slab\": %" PRIu64 " objects, %" PRIu64
                         " slabs have their descriptor outside",
                         system->caches[system->kmem_slab].nr_objects, outside);
    }

    return owners_check(system, error);
}
