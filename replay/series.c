/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Recording of samples.
 *
 * A sample is a row: one struct, written in one go, of which the JSON makes columns in the end.
 * Rows are what the loop writes fastest, columns what a reader plots. What is computed here is what
 * cannot be had from the columns later: the indices take all blocks of a sample, and the worst
 * values are kept as they pass, so that a summary need not read the series.
 */

#include "replay/series.h"

#include <string.h>

static size_t series_bytes(size_t max)
{
    return max * (sizeof(struct series_sample) + sizeof(struct series_deep) +
                  SNAPSHOT_CACHES * sizeof(struct series_cache) + OCCUPANCIES * OCCUPANCY_CELLS);
}

int series_open(struct series *series, uint64_t max, struct error *error)
{
    char *at;

    memset(series, 0, sizeof(*series));
    if (max > SERIES_SAMPLES_MAX)
        return error_set(error, "%llu samples of the state are too many, expected at most %d",
                         (unsigned long long)max, SERIES_SAMPLES_MAX);

    series->max = (unsigned)max;
    series->bytes = series_bytes(max) + 1;
    series->memory = host_reserve(series->bytes, error);
    if (series->memory == NULL)
        return -1;

    at = series->memory;
    memset(at, 0, series->bytes);
    series->samples = (struct series_sample *)(void *)at;
    at += max * sizeof(struct series_sample);
    series->deep = (struct series_deep *)(void *)at;
    at += max * sizeof(struct series_deep);
    series->caches = (struct series_cache *)(void *)at;
    at += max * SNAPSHOT_CACHES * sizeof(struct series_cache);

    for (unsigned i = 0; i < OCCUPANCIES; i++)
        series->pictures[i] = at + (size_t)i * max * OCCUPANCY_CELLS;

    return 0;
}

void series_close(struct series *series)
{
    host_unreserve(series->memory, series->bytes);
    memset(series, 0, sizeof(*series));
}

static void keep_highest(struct series_worst *worst, int64_t value, uint64_t event)
{
    if (!worst->known || value > worst->value)
        *worst = (struct series_worst){true, value, event};
}

static void keep_lowest(struct series_worst *worst, int64_t value, uint64_t event)
{
    if (!worst->known || value < worst->value)
        *worst = (struct series_worst){true, value, event};
}

/* ---- The parts of a sample ---- */

static void take_caches(struct series *series, struct series_sample *sample,
                        const struct snapshot *snapshot)
{
    struct series_cache *row = &series->caches[(size_t)series->nr * SNAPSHOT_CACHES];
    uint64_t buffers = 0;

    for (; series->nr_caches < snapshot->nr_caches; series->nr_caches++)
        memcpy(series->cache_names[series->nr_caches], snapshot->caches[series->nr_caches].name,
               sizeof(series->cache_names[0]));

    for (unsigned i = 0; i < snapshot->nr_caches; i++) {
        const struct cache_snapshot *cache = &snapshot->caches[i];

        row[i] = (struct series_cache){(uint32_t)cache->objects, cache->slabs, cache->partial_slabs,
                                       cache->free_slabs, cache->requested_bytes};
        series->cache_slab_bytes[i] = cache->slab_bytes;
        series->cache_used[i] |= cache->slabs != 0;
        sample->objects += cache->objects;
        sample->slab_requested += cache->requested_bytes;
        sample->slabs += cache->slabs;
        sample->partial_slabs += cache->partial_slabs;
        sample->free_slabs += cache->free_slabs;
        buffers += cache->buffers - (uint64_t)cache->free_slabs * cache->buffers_per_slab;
    }

    sample->slab_waste = internal_waste(sample->held.slab_bytes, sample->slab_requested);
    sample->fullness = mean_fullness(sample->objects, buffers);
    keep_highest(&series->waste,
                 internal_waste_share(sample->held.slab_bytes, sample->slab_requested),
                 sample->event);
}

static void take_spaces(struct series_sample *sample, const struct snapshot *snapshot)
{
    const struct space_snapshot *largest = &snapshot->spaces[0];

    sample->rights = snapshot->rights;
    sample->spaces = snapshot->live_spaces;
    sample->transient_peak = snapshot->transient_peak;
    sample->largest.space = -1;
    if (snapshot->nr_spaces != 0)
        sample->largest = (struct series_space){largest->space, largest->rights, largest->bytes,
                                                largest->transient_peak, largest->next_growth};
}

static void take_indices(struct series *series, struct series_sample *sample,
                         const struct free_blocks *free)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        sample->unusable[order] = unusable_index(free, order);
        sample->extfrag[order] = extfrag_index(free, order);
        keep_highest(&series->unusable[order], sample->unusable[order], sample->event);
    }

    sample->free_huge = free_huge_score(free);
    sample->largest_block = largest_free_block(free);
    keep_lowest(&series->free_huge, sample->free_huge, sample->event);
}

static void take_segments(struct series *series, struct series_sample *sample,
                          const struct snapshot *snapshot)
{
    struct free_blocks usable = {.nr = 0};

    series->nr_segments = snapshot->nr_segments;
    for (unsigned i = 0; i < snapshot->nr_segments; i++) {
        const struct segment_snapshot *segment = &snapshot->segments[i];
        struct series_segment *s = &sample->segments[i];

        s->free = segment->counts.free;
        s->pool = segment->counts.pool;
        memcpy(s->blocks, segment->blocks, sizeof(s->blocks));
        sample->free_pages += s->free;
        sample->pool_pages += s->pool;
        series->segment_kinds[i] = segment->kind;
        if (segment->kind != SEGMENT_HIGHMEM)
            free_blocks_add(&usable, s->blocks);
    }

    take_indices(series, sample, &usable);
}

static void take_maps(struct series *series, struct series_sample *sample,
                      const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < MAPS; i++) {
        const struct map_counts *counts = &snapshot->maps[i].counts;
        struct series_map *map = &sample->maps[i];

        if (snapshot->maps[i].name == NULL)
            continue;

        series->map_names[i] = snapshot->maps[i].name;
        *map =
            (struct series_map){counts->free, counts->largest_hole, counts->holes, counts->entries,
                                unusable_share(counts->too_small, counts->free)};
        keep_lowest(&series->largest_hole[i], (int64_t)map->largest_hole, sample->event);
        keep_highest(&series->map_unusable[i], map->unusable, sample->event);
    }
}

static void take_deep(struct series *series, const struct snapshot *snapshot)
{
    struct series_deep *deep = &series->deep[series->nr_deep++];

    deep->sample = series->nr;
    for (unsigned i = 0; i < snapshot->nr_caches; i++)
        for (unsigned bin = 0; bin < FULLNESS_BINS; bin++)
            deep->fullness[bin] += snapshot->caches[i].fullness[bin];

    for (unsigned i = 0; i < MAPS; i++)
        memcpy(deep->hole_sizes[i], snapshot->maps[i].counts.hole_sizes,
               sizeof(deep->hole_sizes[i]));
}

static void take_pictures(struct series *series, struct stack *stack)
{
    for (unsigned i = 0; i < OCCUPANCIES; i++) {
        struct occupancy_picture *picture = &series->shown[i];

        stack->ops->occupancy(stack, (enum occupancy_of)i, picture);
        memcpy(series->pictures[i] + (size_t)series->nr * OCCUPANCY_CELLS, picture->letters,
               picture->cells);
    }
}

void series_take(struct series *series, struct stack *stack, const struct series_point *point,
                 struct snapshot *snapshot)
{
    struct series_sample *sample = &series->samples[series->nr];

    stack->ops->snapshot(stack, snapshot, point->deep);
    if (series->nr == series->max) {
        series->missed++;
        return;
    }

    sample->event = point->event;
    sample->time = point->time;
    sample->requested = point->requested;
    sample->mark = point->mark;
    sample->held = snapshot->held;

    take_caches(series, sample, snapshot);
    take_spaces(sample, snapshot);
    take_segments(series, sample, snapshot);
    take_maps(series, sample, snapshot);
    take_pictures(series, stack);
    if (point->deep)
        take_deep(series, snapshot);

    series->nr++;
}
