/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * First fit from a hint.
 *
 * The map of Mach, unchanged from CMU to GNU Mach 1.7: entries on a list in the order of their
 * addresses, and one hint, `first_free`, from which a search walks upwards until a gap is wide
 * enough. The hint was meant to be the end of the part of the map that is full. It is no such
 * thing: every allocation moves it to the entry that it made, whether or not there are holes below,
 * and only a free below it brings it back.
 *
 * Where the requests are slabs of one size that are never given back, this is as good as it gets:
 * the hint is the last entry, the request extends it, nothing is walked. What it does worse than
 * the gap tree: a search over many entries is linear, and holes below the hint are not looked at,
 * so that a map can refuse what would fit. There is no second try from the start. A table that
 * grows by steps leaves holes each a little too small for the next step, and they fill with
 * slabs: that is how the 96 MiB of kmem_map ran out with three quarters of them free.
 */

#include "allocators/map_private.h"

static uint32_t first_fit_find(struct map *map, uint64_t bytes, uint64_t align, uint64_t *start)
{
    uint32_t entry = map->hint;

    for (;;) {
        uint64_t end = entry != 0 ? map->entries[entry].end : map->min;
        uint64_t candidate = map_align(end, align);
        uint32_t next = map->entries[entry].next;
        uint64_t limit = next != 0 ? map->entries[next].start : map->max;

        map->machine->work.list_steps++;
        if (candidate <= limit && bytes <= limit - candidate) {
            *start = candidate;
            return entry;
        }
        if (next == 0)
            return MAP_NO_ROOM;
        entry = next;
    }
}

static void first_fit_gap(struct map *map, uint32_t entry)
{
    (void)map;
    (void)entry;
}

static int first_fit_check(const struct map *map, struct error *error)
{
    if (map->roots[MAP_BY_GAP] != 0)
        return error_set(error, "%s: first fit keeps no gaps, but entry %u is in a tree of them",
                         map->name, map->roots[MAP_BY_GAP]);
    return 0;
}

const struct map_ops map_first_fit = {
    .name = "first-fit",
    .summary = "linear walk from a hint, holes below it unseen (1.5 to 1.7)",
    .find = first_fit_find,
    .gap_remove = first_fit_gap,
    .gap_insert = first_fit_gap,
    .check = first_fit_check,
};
