/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Snapshots are read off the parts of a stack: what each part counts anyway is copied, what only a
 * walk can tell (holes of a map) is walked for. Nothing is changed and nothing is allocated.
 */

#include "allocators/snapshot.h"

#include <string.h>

#include "allocators/stack_kernel.h"

/* Caches whose objects the allocators take for themselves, whatever else asks for them. */
static bool is_derived(const struct kernel_stack *ks, unsigned index)
{
    const struct space_system *spaces = &ks->spaces;
    int i = (int)index;

    return ks->cache_number[index] == CACHE_UNNUMBERED || i == ks->slabs.kmem_slab ||
           i == spaces->cache_space || i == spaces->cache_entry || i == spaces->cache_node ||
           i == spaces->cache_tree_entry;
}

static void take_caches(struct snapshot *snapshot, const struct kernel_stack *ks, bool deep)
{
    snapshot->nr_caches = ks->slabs.nr_caches;

    for (unsigned i = 0; i < ks->slabs.nr_caches; i++) {
        const struct cache *cache = &ks->slabs.caches[i];
        struct cache_snapshot *s = &snapshot->caches[i];

        memcpy(s->name, cache->name, sizeof(s->name));
        s->number = ks->cache_number[i];
        s->object_size = cache->object_size;
        s->buffer_size = cache->buffer_size;
        s->align = cache->align;
        s->slab_bytes = cache->slab_bytes;
        s->buffers_per_slab = cache->buffers_per_slab;
        s->objects = cache->nr_objects;
        s->buffers = cache->nr_buffers;
        s->slabs = cache->nr_slabs;
        s->free_slabs = cache->nr_free_slabs;
        s->partial_slabs = cache->nr_partial_slabs;
        memset(s->fullness, 0, sizeof(s->fullness));
        if (deep)
            slab_fullness(&ks->slabs, cache, s->fullness, FULLNESS_BINS);
        s->requested_bytes = cache->requested_live;
        s->derived = is_derived(ks, i);
    }
}

static void take_segments(struct snapshot *snapshot, const struct kernel_stack *ks)
{
    snapshot->nr_segments = ks->machine.nr_segments;

    for (unsigned i = 0; i < ks->machine.nr_segments; i++) {
        const struct segment *segment = &ks->machine.segments[i];
        struct segment_snapshot *s = &snapshot->segments[i];

        s->kind = segment->kind;
        s->start = segment->start;
        s->end = segment->end;
        ks->page_design->counts(&ks->pages, i, &s->counts);
        if (ks->page_design->blocks != NULL)
            ks->page_design->blocks(&ks->pages, i, s->blocks);
        else
            memcpy(s->blocks, s->counts.blocks, sizeof(s->blocks));
    }
}

static void take_maps(struct snapshot *snapshot, const struct kernel_stack *ks)
{
    uint64_t growth = snapshot->nr_spaces != 0 ? snapshot->spaces[0].next_growth : 0;

    for (unsigned i = 0; i < MAPS; i++) {
        snapshot->maps[i] = (struct map_snapshot){0};
        if (!ks->map_open[i])
            continue;

        snapshot->maps[i].name = ks->maps[i].name;
        map_count(&ks->maps[i], growth, &snapshot->maps[i].counts);
    }
}

void snapshot_space(struct space_snapshot *state, const struct kernel_stack *ks, uint32_t number)
{
    const struct space_system *spaces = &ks->spaces;
    const struct space *space = &spaces->spaces[number];
    unsigned pointer = ks->machine.geometry->pointer_size;

    *state = (struct space_snapshot){
        .space = number,
        .rights = space->rights,
        .reverse_entries = space->reverse_count,
        .table_entries = space->table_entries,
        .tree_nodes = space->names_nodes + space->reverse_nodes,
        .name_nodes = space->names_nodes,
        .reverse_nodes = space->reverse_nodes,
        .height = space->names_height,
        .growths = space->growths,
        .remaps = space->remaps,
        .transient_peak = space->transient_peak,
        .next_growth = space_next_growth(spaces, number),
        .bytes = (uint64_t)space->table_entries * 4 * pointer,
    };

    if (spaces->cache_node >= 0)
        state->bytes +=
            (uint64_t)state->tree_nodes * ks->slabs.caches[spaces->cache_node].object_size;
    if (spaces->cache_entry >= 0 && space->table_entries == 0)
        state->bytes += (uint64_t)(space->rights + space->free_entries) *
                        ks->slabs.caches[spaces->cache_entry].object_size;
    if (spaces->cache_tree_entry >= 0)
        state->bytes +=
            (uint64_t)space->tree_total * ks->slabs.caches[spaces->cache_tree_entry].object_size;
}

/* Keeps the spaces with the most rights, the lower number first among equals. */
static void keep_space(struct snapshot *snapshot, const struct kernel_stack *ks, uint32_t number)
{
    uint32_t rights = ks->spaces.spaces[number].rights;
    unsigned at = snapshot->nr_spaces;

    while (at > 0 && snapshot->spaces[at - 1].rights < rights)
        at--;

    if (at == SNAPSHOT_SPACES)
        return;
    if (snapshot->nr_spaces < SNAPSHOT_SPACES)
        snapshot->nr_spaces++;

    memmove(&snapshot->spaces[at + 1], &snapshot->spaces[at],
            (snapshot->nr_spaces - 1 - at) * sizeof(snapshot->spaces[0]));
    snapshot_space(&snapshot->spaces[at], ks, number);
}

static void take_spaces(struct snapshot *snapshot, const struct kernel_stack *ks)
{
    snapshot->nr_spaces = 0;
    snapshot->live_spaces = 0;
    snapshot->rights = 0;
    snapshot->reverse_entries = 0;
    snapshot->name_nodes = 0;
    snapshot->reverse_nodes = 0;
    snapshot->name_height = 0;
    snapshot->transient_peak = ks->spaces.transient_peak;

    for (uint32_t i = 0; i < ks->spaces.nr_spaces; i++) {
        const struct space *space = &ks->spaces.spaces[i];

        if (!space->live)
            continue;

        snapshot->live_spaces++;
        snapshot->rights += space->rights;
        snapshot->reverse_entries += space->reverse_count;
        snapshot->name_nodes += space->names_nodes;
        snapshot->reverse_nodes += space->reverse_nodes;
        if (space->names_height > snapshot->name_height)
            snapshot->name_height = space->names_height;
        keep_space(snapshot, ks, i);
    }
}

void snapshot_take(struct snapshot *snapshot, const struct kernel_stack *ks, bool deep)
{
    take_caches(snapshot, ks, deep);
    take_segments(snapshot, ks);
    take_spaces(snapshot, ks);
    take_maps(snapshot, ks); /* it asks for the largest space */

    snapshot->table_bytes = ks->table_bytes;
    snapshot->node_bytes = ks->held.space_bytes - ks->table_bytes;
    snapshot->page_requested = ks->page_requested;
    snapshot->map_requested = ks->map_requested;
    snapshot->held = ks->held;
    snapshot->peak = ks->peak;
    snapshot->work = ks->machine.work;
}
