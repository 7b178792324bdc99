/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Small parts of the trace file: numbers, sections' checksums, chunk headers, totals and payloads.
 *
 * Nothing here trusts what it takes apart: a cursor that runs out yields zeros and remembers it, so
 * the checks are made once, at the end of each record, instead of after each number.
 */

#include "traces/format.h"

#include <ctype.h>
#include <stdlib.h>
#include <xxhash.h>

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

bool bytes_reserve(struct bytes *bytes, size_t more)
{
    size_t capacity = bytes->capacity != 0 ? bytes->capacity : 4096;
    uint8_t *data;

    if (bytes->failed)
        return false;
    if (bytes->capacity - bytes->size >= more)
        return true;
    while (capacity - bytes->size < more)
        capacity *= 2;
    data = realloc(bytes->data, capacity);
    if (data == NULL) {
        bytes->failed = true;
        return false;
    }
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

void bytes_put(struct bytes *bytes, const void *data, size_t size)
{
    if (size == 0 || !bytes_reserve(bytes, size))
        return;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_put32(struct bytes *bytes, uint32_t value)
{
    value = htole32(value);
    bytes_put(bytes, &value, sizeof(value));
}

void bytes_put64(struct bytes *bytes, uint64_t value)
{
    value = htole64(value);
    bytes_put(bytes, &value, sizeof(value));
}

void bytes_number(struct bytes *bytes, uint64_t value)
{
    if (bytes_reserve(bytes, NUMBER_ROOM))
        bytes->size += number_put(bytes->data + bytes->size, value);
}

void bytes_string(struct bytes *bytes, const char *text, size_t size)
{
    bytes_number(bytes, size);
    bytes_put(bytes, text, size);
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t size)
{
    const uint8_t *data = cursor->next;

    if (cursor->failed || (size_t)(cursor->end - cursor->next) < size) {
        cursor->failed = true;
        return NULL;
    }
    cursor->next += size;
    return data;
}

uint32_t cursor_32(struct cursor *cursor)
{
    const uint8_t *data = cursor_bytes(cursor, 4);

    return data == NULL ? 0 : get32(data);
}

uint64_t cursor_64(struct cursor *cursor)
{
    const uint8_t *data = cursor_bytes(cursor, 8);

    return data == NULL ? 0 : get64(data);
}

uint64_t cursor_number(struct cursor *cursor)
{
    uint8_t room[NUMBER_ROOM] = {0};
    size_t left = (size_t)(cursor->end - cursor->next);
    unsigned length;
    uint64_t value;

    if (left >= sizeof(room) && !cursor->failed) {
        value = number_get(cursor->next, &length);
        cursor->next += length;
        return value;
    }
    memcpy(room, cursor->next, left < sizeof(room) ? left : sizeof(room));
    value = number_get(room, &length);
    return cursor_bytes(cursor, length) == NULL ? 0 : value;
}

uint32_t cursor_number_32(struct cursor *cursor)
{
    uint64_t value = cursor_number(cursor);

    if (value > UINT32_MAX) {
        cursor->failed = true;
        return 0;
    }
    return (uint32_t)value;
}

uint64_t format_checksum(uint32_t tag, const void *body, size_t size)
{
    return XXH3_64bits_withSeed(body, size, tag | (uint64_t)size << 32);
}

const char *format_tag_name(uint32_t tag, char name[5])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)(tag >> 8 * i);

        name[i] = isalpha(c) ? (char)c : '?';
    }
    name[4] = '\0';
    return name;
}

void format_chunk_put(uint8_t *bytes, const struct format_chunk *chunk)
{
    const uint32_t words[] = {
        chunk->events,       chunk->columns,       chunk->fresh[0],
        chunk->fresh[1],     chunk->peaks.objects, chunk->peaks.rights,
        chunk->peaks.spaces, chunk->peaks.caches,  chunk->peaks.tasks,
    };

    put64(bytes, chunk->first_event);
    put64(bytes + 8, chunk->first_time);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        put32(bytes + 16 + 4 * i, words[i]);
    put64(bytes + FORMAT_CHUNK_PLAIN_SIZE, chunk->content);
}

void format_chunk_get(const uint8_t *bytes, struct format_chunk *chunk)
{
    uint32_t *const words[] = {
        &chunk->events,       &chunk->columns,       &chunk->fresh[0],
        &chunk->fresh[1],     &chunk->peaks.objects, &chunk->peaks.rights,
        &chunk->peaks.spaces, &chunk->peaks.caches,  &chunk->peaks.tasks,
    };

    chunk->first_event = get64(bytes);
    chunk->first_time = get64(bytes + 8);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        *words[i] = get32(bytes + 16 + 4 * i);
    chunk->content = get64(bytes + FORMAT_CHUNK_PLAIN_SIZE);
}

uint64_t format_content(const uint8_t *bytes, const void *columns, size_t size)
{
    return XXH3_64bits_withSeed(columns, size, XXH3_64bits(bytes, FORMAT_CHUNK_PLAIN_SIZE));
}

void format_totals_put(struct bytes *bytes, const struct trace_totals *totals)
{
    bytes_number(bytes, totals->events);
    bytes_number(bytes, totals->first_time);
    bytes_number(bytes, totals->last_time);
    bytes_number(bytes, totals->inferred);
    bytes_number(bytes, totals->peak_objects);
    bytes_number(bytes, totals->peak_rights);
    bytes_number(bytes, totals->peak_spaces);
    bytes_number(bytes, totals->peak_caches);
    bytes_number(bytes, totals->peak_tasks);
    bytes_number(bytes, EVENT_KINDS);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        bytes_number(bytes, totals->by_kind[kind]);
        bytes_number(bytes, totals->peak_live[kind]);
    }
}

int format_totals_get(struct cursor *cursor, struct trace_totals *totals, struct error *error)
{
    uint64_t kinds;

    memset(totals, 0, sizeof(*totals));
    totals->events = cursor_number(cursor);
    totals->first_time = cursor_number(cursor);
    totals->last_time = cursor_number(cursor);
    totals->inferred = cursor_number(cursor);
    totals->peak_objects = cursor_number_32(cursor);
    totals->peak_rights = cursor_number_32(cursor);
    totals->peak_spaces = cursor_number_32(cursor);
    totals->peak_caches = cursor_number_32(cursor);
    totals->peak_tasks = cursor_number_32(cursor);
    kinds = cursor_number(cursor);
    if (kinds != EVENT_KINDS)
        return error_set(error, "the totals count %llu kinds of events, expected %d",
                         (unsigned long long)kinds, EVENT_KINDS);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        totals->by_kind[kind] = cursor_number(cursor);
        totals->peak_live[kind] = cursor_number(cursor);
    }
    if (cursor->failed)
        return error_set(error, "the totals end early or hold a number that does not fit");
    return 0;
}

void format_definition_put(struct bytes *bytes, const struct cache_definition *definition)
{
    bytes_number(bytes, definition->size);
    bytes_number(bytes, definition->align);
    bytes_number(bytes, definition->flags);
    bytes_string(bytes, definition->name, strnlen(definition->name, sizeof(definition->name)));
}

int format_definition_get(const void *data, size_t size, struct cache_definition *definition,
                          struct error *error)
{
    struct cursor cursor = {.next = data, .end = (const uint8_t *)data + size};
    const uint8_t *name;
    uint64_t length;

    memset(definition, 0, sizeof(*definition));
    definition->size = cursor_number_32(&cursor);
    definition->align = cursor_number_32(&cursor);
    definition->flags = cursor_number_32(&cursor);
    length = cursor_number(&cursor);
    name = length < sizeof(definition->name) ? cursor_bytes(&cursor, length) : NULL;
    if (name == NULL || cursor.failed || cursor.next != cursor.end ||
        (length != 0 && memchr(name, '\0', length) != NULL))
        return error_set(error,
                         "the cache's definition of %zu bytes is malformed: expected size, "
                         "alignment, flags and a name of at most %zu bytes",
                         size, sizeof(definition->name) - 1);
    memcpy(definition->name, name, length);
    return 0;
}

/* Which parts of a truth are there. */
enum { TRUTH_FREE_COUNT = 16 }; /* above a bit for each map */

static void truth_put_cache(struct bytes *bytes, const struct truth_cache *cache)
{
    const uint64_t words[] = {
        cache->cache,   cache->flags,       cache->slab_size,   cache->buffers_per_slab,
        cache->align,   cache->object_size, cache->buffer_size, cache->objects,
        cache->buffers, cache->slabs,       cache->free_slabs,
    };

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        bytes_number(bytes, words[i]);
}

static void truth_get_cache(struct cursor *cursor, struct truth_cache *cache)
{
    cache->cache = cursor_number_32(cursor);
    cache->flags = cursor_number_32(cursor);
    cache->slab_size = cursor_number_32(cursor);
    cache->buffers_per_slab = cursor_number_32(cursor);
    cache->align = cursor_number_32(cursor);
    cache->object_size = cursor_number_32(cursor);
    cache->buffer_size = cursor_number_32(cursor);
    cache->objects = cursor_number(cursor);
    cache->buffers = cursor_number(cursor);
    cache->slabs = cursor_number_32(cursor);
    cache->free_slabs = cursor_number_32(cursor);
}

static void truth_put_segment(struct bytes *bytes, const struct truth_segment *segment)
{
    bytes_number(bytes, segment->index);
    bytes_number(bytes, segment->start);
    bytes_number(bytes, segment->end);
    bytes_number(bytes, segment->free);
    bytes_number(bytes, segment->pool);
    for (unsigned order = 0; order < 11; order++)
        bytes_number(bytes, segment->orders[order]);
    bytes_number(bytes, segment->active);
    bytes_number(bytes, segment->inactive);
}

static void truth_get_segment(struct cursor *cursor, struct truth_segment *segment)
{
    segment->index = cursor_number_32(cursor);
    segment->start = cursor_number_32(cursor);
    segment->end = cursor_number_32(cursor);
    segment->free = cursor_number_32(cursor);
    segment->pool = cursor_number_32(cursor);
    for (unsigned order = 0; order < 11; order++)
        segment->orders[order] = cursor_number_32(cursor);
    segment->active = cursor_number_32(cursor);
    segment->inactive = cursor_number_32(cursor);
}

static void truth_put_space(struct bytes *bytes, const struct truth_space *space)
{
    const uint32_t words[] = {
        space->space,  space->rights,     space->table_size, space->free_list,
        space->height, space->tree_total, space->tree_small,
    };

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        bytes_number(bytes, words[i]);
}

static void truth_get_space(struct cursor *cursor, struct truth_space *space)
{
    space->space = cursor_number_32(cursor);
    space->rights = cursor_number_32(cursor);
    space->table_size = cursor_number_32(cursor);
    space->free_list = cursor_number_32(cursor);
    space->height = cursor_number_32(cursor);
    space->tree_total = cursor_number_32(cursor);
    space->tree_small = cursor_number_32(cursor);
}

void format_truth_put(struct bytes *bytes, const struct truth *truth)
{
    unsigned parts = truth->has_free_count ? TRUTH_FREE_COUNT : 0;

    for (unsigned map = 0; map < EVENT_MAPS; map++)
        parts |= truth->maps[map].present ? 1u << map : 0;
    bytes_number(bytes, parts);
    bytes_number(bytes, truth->nr_caches);
    for (unsigned i = 0; i < truth->nr_caches; i++)
        truth_put_cache(bytes, &truth->caches[i]);
    bytes_number(bytes, truth->nr_segments);
    for (unsigned i = 0; i < truth->nr_segments; i++)
        truth_put_segment(bytes, &truth->segments[i]);
    for (unsigned map = 0; map < EVENT_MAPS; map++) {
        const struct truth_map *m = &truth->maps[map];

        if (!m->present)
            continue;
        bytes_number(bytes, m->min);
        bytes_number(bytes, m->max);
        bytes_number(bytes, m->size);
        bytes_number(bytes, m->entries);
    }
    bytes_number(bytes, truth->nr_spaces);
    for (unsigned i = 0; i < truth->nr_spaces; i++)
        truth_put_space(bytes, &truth->spaces[i]);
    if (truth->has_free_count)
        bytes_number(bytes, truth->free_count);
}

/* A count that must not exceed what the struct has room for. */
static unsigned truth_count(struct cursor *cursor, size_t limit)
{
    uint64_t count = cursor_number(cursor);

    if (count > limit) {
        cursor->failed = true;
        return 0;
    }
    return (unsigned)count;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int format_truth_get(const void *data, size_t size, struct truth *truth, struct error *error)
{
    struct cursor cursor = {.next = data, .end = (const uint8_t *)data + size};
    uint64_t parts = cursor_number(&cursor);

    if (parts >= 2 * TRUTH_FREE_COUNT)
        cursor.failed = true;
    truth->nr_caches = truth_count(&cursor, COUNT(truth->caches));
    for (unsigned i = 0; i < truth->nr_caches; i++)
        truth_get_cache(&cursor, &truth->caches[i]);
    truth->nr_segments = truth_count(&cursor, COUNT(truth->segments));
    for (unsigned i = 0; i < truth->nr_segments; i++)
        truth_get_segment(&cursor, &truth->segments[i]);
    memset(truth->maps, 0, sizeof(truth->maps));
    for (unsigned map = 0; map < EVENT_MAPS; map++) {
        struct truth_map *m = &truth->maps[map];

        m->present = (parts >> map & 1) != 0;
        if (!m->present)
            continue;
        m->min = cursor_number(&cursor);
        m->max = cursor_number(&cursor);
        m->size = cursor_number(&cursor);
        m->entries = cursor_number_32(&cursor);
    }
    truth->nr_spaces = truth_count(&cursor, COUNT(truth->spaces));
    for (unsigned i = 0; i < truth->nr_spaces; i++)
        truth_get_space(&cursor, &truth->spaces[i]);
    truth->has_free_count = (parts & TRUTH_FREE_COUNT) != 0;
    truth->free_count = truth->has_free_count ? cursor_number(&cursor) : 0;
    if (cursor.failed || cursor.next != cursor.end)
        return error_set(error, "the truth record of %zu bytes is malformed", size);
    return 0;
}
