/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * IPC spaces: what the table and the radix trees share.
 *
 * A space holds the rights of a task, each under a small integer, its name. How the names are kept
 * is what GNU Mach changed in 2015; the life of a space around them is the same: an object from the
 * cache ipc_space, gone when the last reference goes, which may be long after the names.
 *
 * Caches are looked up by name because a trace may have created them, with the sizes of the kernel
 * that was captured; where it has not, they are created when first needed.
 */

#include "allocators/space.h"

#include "allocators/space_private.h"

#include <string.h>

const struct space_cache space_cache_node = {"rdxtree_node", 280, 552, sizeof(struct radix_node)};

uint32_t space_cache_bytes(const struct space_system *system, const struct space_cache *kind)
{
    return system->machine->geometry->pointer_size == 8 ? kind->size_64 : kind->size;
}

bool space_refuse(struct space_system *system, const char *resource)
{
    machine_refuse(system->machine, FAILURE_LIMIT, resource, 0, 0, 0, 0);
    return false;
}

static bool cache_find(struct space_system *system, int *cache, const struct space_cache *kind)
{
    const struct slab_system *slabs = system->slabs;

    for (unsigned i = 0; i < slabs->nr_caches; i++) {
        if (strcmp(slabs->caches[i].name, kind->name) == 0 &&
            slabs->caches[i].object_size >= kind->used) {
            *cache = (int)i;
            return true;
        }
    }

    *cache = cache_create(system->slabs, kind->name, space_cache_bytes(system, kind), 0, NULL);
    return *cache >= 0 || space_refuse(system, "caches");
}

uint64_t space_object_alloc(struct space_system *system, int *cache, const struct space_cache *kind)
{
    if (*cache < 0 && !cache_find(system, cache, kind))
        return 0;

    return cache_alloc(system->slabs, (unsigned)*cache, system->slabs->caches[*cache].object_size);
}

void space_object_free(struct space_system *system, int cache, uint64_t object)
{
    cache_free(system->slabs, (unsigned)cache, object, system->slabs->caches[cache].object_size);
}

bool space_begin(struct space_system *system, uint32_t number, bool special,
                 const struct space_cache *kind)
{
    struct space *space = &system->spaces[number];
    uint64_t object;

    if (number >= system->spaces_max || space->live)
        return space_refuse(system, "spaces");

    object = space_object_alloc(system, &system->cache_space, kind);
    if (object == 0)
        return false;

    memset(space, 0, sizeof(*space));
    space->object = object;
    space->live = true;
    space->active = true;
    space->special = special;

    if (number >= system->nr_spaces)
        system->nr_spaces = number + 1;
    return true;
}

void space_end(struct space_system *system, uint32_t number)
{
    struct space *space = &system->spaces[number];

    space_object_free(system, system->cache_space, space->object);
    memset(space, 0, sizeof(*space));
}

bool space_takes_names(struct space_system *system, const struct space *space)
{
    return (space->active && !space->special) || space_refuse(system, "active space");
}

uint64_t space_next_growth(const struct space_system *system, uint32_t number)
{
    const struct space *space = &system->spaces[number];

    if (system->table_sizes == NULL)
        return system->cache_node >= 0 ? system->slabs->caches[system->cache_node].slab_bytes : 0;

    uint32_t next = system->table_sizes[space->table_step + 1];

    return space->table_entries != 0 && next != space->table_entries
               ? (uint64_t)next * table_stride(system->machine)
               : 0;
}

int space_open(struct space_system *system, const struct space_ops *ops, struct slab_system *slabs,
               struct kmem *kmem, struct map *map, uint32_t spaces_max, struct error *error)
{
    *system = (struct space_system){
        .ops = ops,
        .machine = slabs->machine,
        .slabs = slabs,
        .kmem = kmem,
        .map = map,
        .spaces_max = spaces_max,
        .cache_space = -1,
        .cache_entry = -1,
        .cache_tree_entry = -1,
        .cache_node = -1,
        .exact_bitmaps = system->exact_bitmaps,
    };

    if (spaces_max > 0) {
        system->spaces = host_reserve(spaces_max * sizeof(*system->spaces), error);
        if (system->spaces == NULL)
            return -1;
    }

    if (ops->open(system, error) < 0) {
        space_close(system);
        return -1;
    }

    return 0;
}

void space_close(struct space_system *system)
{
    if (system->spaces != NULL)
        host_unreserve(system->spaces, system->spaces_max * sizeof(*system->spaces));
    if (system->table_sizes != NULL)
        host_unreserve(system->table_sizes, SPACE_TABLE_STEPS * sizeof(*system->table_sizes));
    if (system->outlier_hash != NULL)
        host_unreserve(system->outlier_hash, SPACE_OUTLIER_BUCKETS * sizeof(*system->outlier_hash));

    system->spaces = NULL;
    system->table_sizes = NULL;
    system->outlier_hash = NULL;
}
