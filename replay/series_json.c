/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A series by columns: one array per figure, one element per sample. That is what is plotted, it
 * names each figure once, and it compresses well. Which columns there are follows from the stack:
 * those of a part that it does not have (segments, a map, pictures) are left out, as are those of
 * caches that never had a slab.
 *
 * Columns of one struct differ only in where a value is and how wide, so they are tables.
 */

#include "replay/series_json.h"

#include <stddef.h>

#include "replay/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum width { U32, I32, U64 };

struct column {
    const char *name;
    size_t offset;
    enum width width;
};

#define SAMPLE(NAME, MEMBER, WIDTH)                                                                \
    {                                                                                              \
        NAME, offsetof(struct series_sample, MEMBER), WIDTH                                        \
    }

static const struct column sample_columns[] = {
    SAMPLE("event", event, U64),
    SAMPLE("mark", mark, U64),
    SAMPLE("requested_bytes", requested, U64),
    SAMPLE("time", time, U64),
};

static const struct column held_columns[] = {
    SAMPLE("map_bytes", held.map_bytes, U64),
    SAMPLE("page_bytes", held.page_bytes, U64),
    SAMPLE("slab_bytes", held.slab_bytes, U64),
    SAMPLE("space_bytes", held.space_bytes, U64),
};

static const struct column slab_columns[] = {
    SAMPLE("free_slabs", free_slabs, U64),
    SAMPLE("fullness", fullness, U32),
    SAMPLE("objects", objects, U64),
    SAMPLE("partial_slabs", partial_slabs, U64),
    SAMPLE("requested_bytes", slab_requested, U64),
    SAMPLE("slabs", slabs, U64),
    SAMPLE("waste_bytes", slab_waste, U64),
};

static const struct column space_columns[] = {
    SAMPLE("largest", largest.space, U64),
    SAMPLE("largest_bytes", largest.bytes, U64),
    SAMPLE("largest_next_growth_bytes", largest.next_growth, U64),
    SAMPLE("largest_rights", largest.rights, U64),
    SAMPLE("largest_transient_peak_bytes", largest.transient_peak, U64),
    SAMPLE("live", spaces, U64),
    SAMPLE("rights", rights, U64),
    SAMPLE("transient_peak_bytes", transient_peak, U64),
};

static const struct column page_columns[] = {
    SAMPLE("free_huge_score", free_huge, U32),
    SAMPLE("free_pages", free_pages, U64),
    SAMPLE("largest_block_bytes", largest_block, U64),
    SAMPLE("pool_pages", pool_pages, U64),
};

#define MAP(NAME, MEMBER, WIDTH)                                                                   \
    {                                                                                              \
        NAME, offsetof(struct series_map, MEMBER), WIDTH                                           \
    }

static const struct column map_columns[] = {
    MAP("entries", entries, U32),
    MAP("free_bytes", free, U64),
    MAP("holes", holes, U32),
    MAP("largest_hole", largest_hole, U64),
    MAP("unusable_share", unusable, U32),
};

#define SEGMENT(NAME, MEMBER, WIDTH)                                                               \
    {                                                                                              \
        NAME, offsetof(struct series_segment, MEMBER), WIDTH                                       \
    }

static const struct column segment_columns[] = {
    SEGMENT("free_pages", free, U32),
    SEGMENT("pool_pages", pool, U32),
};

#define CACHE(NAME, MEMBER, WIDTH)                                                                 \
    {                                                                                              \
        NAME, offsetof(struct series_cache, MEMBER), WIDTH                                         \
    }

static const struct column cache_columns[] = {
    CACHE("free_slabs", free_slabs, U32),
    CACHE("objects", objects, U32),
    CACHE("partial_slabs", partial_slabs, U32),
    CACHE("requested_bytes", requested, U64),
    CACHE("slabs", slabs, U32),
};

/* What the columns are read from: NR rows, STRIDE bytes from one to the next. */
struct rows {
    const void *first;
    size_t stride;
    unsigned nr;
};

static json_t *value_at(const char *row, size_t offset, enum width width)
{
    const void *at = row + offset;

    switch (width) {
    case U32:
        return json_integer(*(const uint32_t *)at);
    case I32:
        return json_integer(*(const int32_t *)at);
    default:
        return json_integer(*(const int64_t *)at);
    }
}

static json_t *column(const struct rows *rows, size_t offset, enum width width, int *failed)
{
    json_t *array = json_array();
    const char *row = rows->first;

    for (unsigned i = 0; i < rows->nr; i++, row += rows->stride)
        json_push(array, value_at(row, offset, width), failed);

    return array;
}

static void put_columns(json_t *object, const struct rows *rows, const struct column *columns,
                        size_t nr, int *failed)
{
    for (size_t i = 0; i < nr; i++)
        json_put(object, columns[i].name, column(rows, columns[i].offset, columns[i].width, failed),
                 failed);
}

static json_t *part(const struct rows *rows, const struct column *columns, size_t nr, int *failed)
{
    json_t *object = json_object();

    put_columns(object, rows, columns, nr, failed);
    return object;
}

/* An array of columns, one for each order, from OFFSET on. */
static json_t *by_order(const struct rows *rows, size_t offset, enum width width, int *failed)
{
    json_t *array = json_array();

    for (unsigned order = 0; order < ORDERS; order++)
        json_push(array, column(rows, offset + order * sizeof(uint32_t), width, failed), failed);

    return array;
}

static struct rows sample_rows(const struct series *series, size_t offset)
{
    return (struct rows){(const char *)series->samples + offset, sizeof(struct series_sample),
                         series->nr};
}

static json_t *caches(const struct series *series, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < series->nr_caches; i++) {
        struct rows rows = {&series->caches[i], SNAPSHOT_CACHES * sizeof(struct series_cache),
                            series->nr};

        if (!series->cache_used[i])
            continue;

        json_t *cache = part(&rows, cache_columns, COUNT(cache_columns), failed);

        json_put_text(cache, "name", series->cache_names[i], failed);
        json_put_number(cache, "slab_bytes", series->cache_slab_bytes[i], failed);
        json_push(array, cache, failed);
    }

    return array;
}

static json_t *pages(const struct series *series, int *failed)
{
    struct rows rows = sample_rows(series, 0);
    json_t *object = part(&rows, page_columns, COUNT(page_columns), failed);

    json_put(object, "extfrag_index",
             by_order(&rows, offsetof(struct series_sample, extfrag), I32, failed), failed);
    json_put(object, "unusable_index",
             by_order(&rows, offsetof(struct series_sample, unusable), U32, failed), failed);
    return object;
}

static json_t *segments(const struct series *series, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < series->nr_segments; i++) {
        struct rows rows = sample_rows(series, offsetof(struct series_sample, segments) +
                                                   i * sizeof(struct series_segment));
        json_t *segment = part(&rows, segment_columns, COUNT(segment_columns), failed);

        json_put(segment, "blocks",
                 by_order(&rows, offsetof(struct series_segment, blocks), U32, failed), failed);
        json_put_text(segment, "name", segment_kind_name(series->segment_kinds[i]), failed);
        json_push(array, segment, failed);
    }

    return array;
}

static json_t *maps(const struct series *series, int *failed)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < MAPS; i++) {
        struct rows rows = sample_rows(series, offsetof(struct series_sample, maps) +
                                                   i * sizeof(struct series_map));

        if (series->map_names[i] != NULL)
            json_put(object, series->map_names[i],
                     part(&rows, map_columns, COUNT(map_columns), failed), failed);
    }

    return object;
}

static json_t *counts(const uint32_t *values, unsigned nr, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < nr; i++)
        json_push(array, json_integer(values[i]), failed);

    return array;
}

static json_t *hole_sizes(const struct series *series, const struct series_deep *d, int *failed)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < MAPS; i++)
        if (series->map_names[i] != NULL)
            json_put(object, series->map_names[i], counts(d->hole_sizes[i], MAP_HOLE_BINS, failed),
                     failed);

    return object;
}

static json_t *deep(const struct series *series, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < series->nr_deep; i++) {
        const struct series_deep *d = &series->deep[i];
        json_t *object = json_object();

        json_put(object, "fullness", counts(d->fullness, FULLNESS_BINS, failed), failed);
        json_put(object, "hole_sizes", hole_sizes(series, d, failed), failed);
        json_put_number(object, "sample", d->sample, failed);
        json_push(array, object, failed);
    }

    return array;
}

static json_t *picture(const struct series *series, enum occupancy_of which, int *failed)
{
    const struct occupancy_picture *shown = &series->shown[which];
    json_t *object = json_object();
    json_t *rows = json_array();

    for (unsigned i = 0; i < series->nr; i++)
        json_push(rows,
                  json_stringn(series->pictures[which] + (size_t)i * OCCUPANCY_CELLS, shown->cells),
                  failed);

    json_put_number(object, "pages_per_cell", shown->pages_per_cell, failed);
    json_put(object, "samples", rows, failed);
    json_put_number(object, "start", shown->start, failed);
    return object;
}

static json_t *pictures(const struct series *series, int *failed)
{
    static const char *const names[OCCUPANCIES] = {"memory", "kernel_map"};
    json_t *object = json_object();

    for (unsigned i = 0; i < OCCUPANCIES; i++)
        if (series->shown[i].cells != 0)
            json_put(object, names[i], picture(series, (enum occupancy_of)i, failed), failed);

    return object;
}

static json_t *extreme(const struct series_worst *w, int *failed)
{
    json_t *object = json_object();

    json_put_number(object, "event", w->event, failed);
    json_put_number(object, "value", (uint64_t)w->value, failed);
    return object;
}

/* A worst value by map, of those maps that there are. */
static json_t *extremes(const struct series *series, const struct series_worst *worst, int *failed)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < MAPS; i++)
        if (series->map_names[i] != NULL)
            json_put(object, series->map_names[i], extreme(&worst[i], failed), failed);

    return object;
}

static json_t *worst(const struct series *series, int *failed)
{
    json_t *object = json_object();
    json_t *unusable = json_array();

    for (unsigned order = 0; order < ORDERS && series->nr_segments != 0; order++)
        json_push(unusable, extreme(&series->unusable[order], failed), failed);

    if (series->nr_segments != 0) {
        json_put(object, "free_huge_score", extreme(&series->free_huge, failed), failed);
        json_put(object, "unusable_index", unusable, failed);
    } else {
        json_decref(unusable);
    }

    json_put(object, "largest_hole", extremes(series, series->largest_hole, failed), failed);
    json_put(object, "unusable_share", extremes(series, series->map_unusable, failed), failed);
    json_put(object, "waste_share", extreme(&series->waste, failed), failed);
    return object;
}

json_t *series_json(const struct series *series, int *failed)
{
    struct rows rows = sample_rows(series, 0);
    json_t *object = part(&rows, sample_columns, COUNT(sample_columns), failed);

    json_put(object, "caches", caches(series, failed), failed);
    json_put(object, "deep", deep(series, failed), failed);
    json_put(object, "held", part(&rows, held_columns, COUNT(held_columns), failed), failed);
    json_put(object, "maps", maps(series, failed), failed);
    json_put_number(object, "missed", series->missed, failed);
    if (series->nr_segments != 0)
        json_put(object, "pages", pages(series, failed), failed);
    json_put(object, "pictures", pictures(series, failed), failed);
    json_put(object, "segments", segments(series, failed), failed);
    json_put(object, "slabs", part(&rows, slab_columns, COUNT(slab_columns), failed), failed);
    json_put(object, "spaces", part(&rows, space_columns, COUNT(space_columns), failed), failed);
    json_put(object, "worst", worst(series, failed), failed);
    return object;
}
