/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Is a map what it says it is? Walked by tests after every operation and by `--check` at intervals;
 * it changes nothing and counts no work.
 */

#include "allocators/map_private.h"

static const struct map_entry *at(const struct map *map, uint32_t entry)
{
    return &map->entries[entry];
}

/* The list: links both ways, in order, inside the map, sums right, the hint is on it. */
static int check_list(const struct map *map, struct error *error)
{
    uint64_t end = map->min, size = 0;
    uint32_t nr = 0, before = 0;
    bool hint = map->hint == 0;

    for (uint32_t entry = at(map, 0)->next; entry != 0; entry = at(map, entry)->next) {
        const struct map_entry *self = at(map, entry);

        if (entry > map->pool_used || self->previous != before || ++nr > map->pool_used)
            return error_set(error, "%s: entry %u is not linked to entry %u before it", map->name,
                             entry, before);
        if (self->start < end || self->end <= self->start || self->end > map->max)
            return error_set(error, "%s: entry %u from %#lx to %#lx overlaps or leaves the map",
                             map->name, entry, (unsigned long)self->start,
                             (unsigned long)self->end);
        if ((self->start | self->end) % PAGE_SIZE != 0)
            return error_set(error, "%s: entry %u is not made of whole pages", map->name, entry);
        hint |= entry == map->hint;
        end = self->end;
        size += self->end - self->start;
        before = entry;
    }
    if (at(map, 0)->previous != before || nr != map->nr_entries || size != map->size)
        return error_set(error, "%s: %u entries of %lu bytes, counted as %u of %lu", map->name, nr,
                         (unsigned long)size, map->nr_entries, (unsigned long)map->size);
    if (!hint)
        return error_set(error, "%s: the hint, entry %u, is not in the map", map->name, map->hint);
    return 0;
}

static int check_tree(const struct map *map, struct error *error)
{
    uint32_t entry = at(map, 0)->next;

    if (map_tree_check(map, MAP_BY_ADDRESS, error) < 0)
        return -1;
    for (uint32_t other = map_tree_first(map, MAP_BY_ADDRESS); other != 0 || entry != 0;
         other = map_tree_next(map, MAP_BY_ADDRESS, other), entry = at(map, entry)->next) {
        if (other != entry)
            return error_set(error, "%s: entry %u on the list is entry %u in the tree", map->name,
                             entry, other);
    }
    return 0;
}

static int check_pool(const struct map *map, struct error *error)
{
    uint32_t nr = 0;

    for (uint32_t entry = map->free_entries; entry != 0; entry = at(map, entry)->next) {
        if (entry > map->pool_used || ++nr > map->pool_used)
            return error_set(error, "%s: the pool of entries is broken at %u", map->name, entry);
    }
    if (nr + map->nr_entries != map->pool_used)
        return error_set(error, "%s: %u entries used and %u free are not %u", map->name,
                         map->nr_entries, nr, map->pool_used);
    return 0;
}

int map_check(const struct map *map, struct error *error)
{
    if (check_list(map, error) < 0 || check_tree(map, error) < 0 || check_pool(map, error) < 0)
        return -1;
    return map->ops->check(map, error);
}
