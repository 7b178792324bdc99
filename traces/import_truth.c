/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Counters read out of the kernel: the truth that a replay is held against.
 *
 * A block of Q lines stands for one moment, after the line before it. It is gathered until another
 * line follows, then pages that nobody saw are settled (import_pages.c) and the block becomes one
 * event.
 */

#include <stdlib.h>
#include <string.h>

#include "traces/import_private.h"

struct field {
    const char *name;
    uint64_t *value;
};

static bool word_is(const char *word, size_t size, const char *expected)
{
    return strlen(expected) == size && memcmp(word, expected, size) == 0;
}

static int counter_bad(const char *what, const char *found, size_t size, struct error *error)
{
    return error_set(error,
                     "counters of a %s with '%.*s': expected the fields of event log "
                     "version 1",
                     what, size < 40 ? (int)size : 40, found);
}

/* "name value name value ..." into FIELDS; unknown names are passed over with their value. */
static int fields_read(const char *text, const struct field *fields, bool hexadecimal,
                       const char *what, struct error *error)
{
    while (*text != '\n') {
        const char *word;
        size_t size = log_word(&text, &word);
        bool is_hexadecimal =
            hexadecimal && (word_is(word, size, "min") || word_is(word, size, "max") ||
                            word_is(word, size, "flags"));
        uint64_t value;

        if (!(is_hexadecimal ? log_hexadecimal(&text, &value) : log_decimal(&text, &value)))
            return counter_bad(what, word, size, error);
        text += *text == ' ';
        for (const struct field *field = fields; field->name != NULL; field++) {
            if (word_is(word, size, field->name))
                *field->value = value;
        }
    }
    return 0;
}

static int truth_cache(struct import *import, const char *text)
{
    struct truth *truth = import->truth;
    uint64_t address, flags = 0, slab = 0, per_slab = 0, objects = 0, free_slabs = 0, size = 0;
    uint64_t align = 0, buffer = 0, buffers = 0, slabs = 0;
    const struct field fields[] = {
        {"flags", &flags},
        {"slab_size", &slab},
        {"bufs_per_slab", &per_slab},
        {"nr_objs", &objects},
        {"nr_free_slabs", &free_slabs},
        {"obj_size", &size},
        {"align", &align},
        {"buf_size", &buffer},
        {"nr_bufs", &buffers},
        {"nr_slabs", &slabs},
        {NULL, NULL},
    };
    const char *word;
    const uint64_t *number;

    if (!log_hexadecimal(&text, &address))
        return error_set(import->error, "counters of a cache without its address");
    text += *text == ' ';
    log_word(&text, &word); /* its name */
    if (fields_read(text, fields, true, "cache", import->error) != 0)
        return -1;
    number = table_find(&import->cache_numbers, address);
    if (number == NULL)
        return error_set(import->error,
                         "counters of unknown cache %llx: expected a kmem_cache_init of it before",
                         (unsigned long long)address);
    if (truth->nr_caches == sizeof(truth->caches) / sizeof(truth->caches[0]))
        return error_set(import->error, "counters of more than %u caches", truth->nr_caches);
    truth->caches[truth->nr_caches++] = (struct truth_cache){
        .cache = (uint32_t)*number,
        .flags = (uint32_t)flags,
        .slab_size = (uint32_t)slab,
        .buffers_per_slab = (uint32_t)per_slab,
        .object_size = (uint32_t)size,
        .align = (uint32_t)align,
        .buffer_size = (uint32_t)buffer,
        .objects = objects,
        .buffers = buffers,
        .slabs = (uint32_t)slabs,
        .free_slabs = (uint32_t)free_slabs,
    };
    import->counts.counters++;
    if (import->reaped && import->caches[*number].slabs)
        import->caches[*number].live = objects; /* how many a reap frees is not logged */
    if (import->caches[*number].live != objects)
        import->counts.counters_wrong++;
    return 0;
}

/* "<index> start <hex> end <hex> free <n> pool <n> orders <11 n> [active <n> inactive <n>]" */
int import_counter_segment(const char *text, struct start_segment *segment, uint32_t *index,
                           uint32_t *active, uint32_t *inactive, struct error *error)
{
    uint64_t value, start = 0, end = 0;
    const char *word;
    size_t size;

    memset(segment, 0, sizeof(*segment));
    *active = *inactive = 0;
    if (!log_decimal(&text, &value) || value > 3)
        return error_set(error, "counters of a segment without its number, expected 0 to 3");
    *index = (uint32_t)value;
    text += *text == ' ';
    while (*text != '\n') {
        unsigned nr = 1;
        bool hexadecimal;

        size = log_word(&text, &word);
        hexadecimal = word_is(word, size, "start") || word_is(word, size, "end");
        if (word_is(word, size, "orders"))
            nr = 11;
        for (unsigned i = 0; i < nr; i++) {
            if (!(hexadecimal ? log_hexadecimal(&text, &value) : log_decimal(&text, &value)))
                return counter_bad("segment", word, size, error);
            text += *text == ' ';
            if (nr == 11)
                segment->orders[i] = (uint32_t)value;
        }
        if (word_is(word, size, "start"))
            start = value;
        else if (word_is(word, size, "end"))
            end = value;
        else if (word_is(word, size, "free"))
            segment->free = (uint32_t)value;
        else if (word_is(word, size, "pool"))
            segment->pool = (uint32_t)value;
        else if (word_is(word, size, "active"))
            *active = (uint32_t)value;
        else if (word_is(word, size, "inactive"))
            *inactive = (uint32_t)value;
    }
    if (start >= end || end / FRAME_BYTES > UINT32_MAX)
        return error_set(error, "a segment from %llx to %llx", (unsigned long long)start,
                         (unsigned long long)end);
    segment->start = (uint32_t)(start / FRAME_BYTES);
    segment->end = (uint32_t)(end / FRAME_BYTES);
    return 0;
}

static int truth_segment(struct import *import, const char *text)
{
    struct truth *truth = import->truth;
    struct truth_segment *to = &truth->segments[truth->nr_segments];
    struct start_segment segment;

    if (truth->nr_segments == 4)
        return error_set(import->error, "counters of more than 4 segments");
    if (import_counter_segment(text, &segment, &to->index, &to->active, &to->inactive,
                               import->error) != 0)
        return -1;
    to->start = segment.start;
    to->end = segment.end;
    to->free = segment.free;
    to->pool = segment.pool;
    memcpy(to->orders, segment.orders, sizeof(to->orders));
    truth->nr_segments++;
    return 0;
}

static int truth_map(struct import *import, const char *text, unsigned map)
{
    struct truth_map *to = &import->truth->maps[map];
    uint64_t entries = 0;
    const struct field fields[] = {{"min", &to->min},
                                   {"max", &to->max},
                                   {"entries", &entries},
                                   {"size", &to->size},
                                   {NULL, NULL}};

    if (fields_read(text, fields, true, "map", import->error) != 0)
        return -1;
    to->present = 1;
    to->entries = (uint32_t)entries;
    return 0;
}

static int truth_space(struct import *import, const char *text)
{
    struct truth *truth = import->truth;
    uint64_t address, rights = OBJECT_NONE, table = 0, list = 0, height = 0, total = 0, small = 0;
    const struct field fields[] = {
        {"is_size", &rights}, {"is_table_size", &table}, {"free_list_size", &list},
        {"height", &height},  {"is_tree_total", &total}, {"is_tree_small", &small},
        {NULL, NULL},
    };
    uint32_t number;

    if (!log_hexadecimal(&text, &address))
        return error_set(import->error, "counters of a space without its address");
    text += *text == ' ';
    if (fields_read(text, fields, false, "space", import->error) != 0)
        return -1;
    number = import_space_find(import, address);
    if (number == UINT32_MAX)
        return error_set(import->error, "counters of space %llx, which is not alive",
                         (unsigned long long)address);
    if (truth->nr_spaces == sizeof(truth->spaces) / sizeof(truth->spaces[0]))
        return 0;
    truth->spaces[truth->nr_spaces++] = (struct truth_space){
        .space = number,
        .rights = (uint32_t)rights,
        .table_size = (uint32_t)table,
        .free_list = (uint32_t)list,
        .height = (uint32_t)height,
        .tree_total = (uint32_t)total,
        .tree_small = (uint32_t)small,
    };
    return 0;
}

/* "<name> <n>": only the number of free pages is kept. */
static int truth_variable(struct import *import, const char *text)
{
    const char *word;
    size_t size = log_word(&text, &word);
    uint64_t value;

    if (!log_decimal(&text, &value))
        return counter_bad("kernel", word, size, import->error);
    if (word_is(word, size, "vm_page_free_count")) {
        import->truth->has_free_count = true;
        import->truth->free_count = value;
    }
    return 0;
}

int import_truth_line(struct import *import)
{
    const char *text = import->line.text;
    const char *word;
    size_t size = log_word(&text, &word);

    if (word_is(word, size, "time")) {
        if (import->in_truth && import_truth_flush(import) != 0)
            return -1;
        memset(import->truth, 0, sizeof(*import->truth));
        if (!log_decimal(&text, &import->truth_time))
            return error_set(import->error, "counters without a time");
        import->in_truth = true;
        return 0;
    }
    if (!import->in_truth)
        return error_set(import->error, "counters without 'Q time' before them");
    if (word_is(word, size, "cache"))
        return truth_cache(import, text);
    if (word_is(word, size, "seg"))
        return truth_segment(import, text);
    if (word_is(word, size, "kernel_map"))
        return truth_map(import, text, EVENT_MAP_KERNEL);
    if (word_is(word, size, "kmem_map"))
        return truth_map(import, text, EVENT_MAP_KMEM);
    if (word_is(word, size, "ipc_kernel_map"))
        return truth_map(import, text, EVENT_MAP_IPC);
    if (word_is(word, size, "device_io_map"))
        return truth_map(import, text, EVENT_MAP_DEVICE);
    if (word_is(word, size, "space"))
        return truth_space(import, text);
    if (word_is(word, size, "var"))
        return truth_variable(import, text);
    return 0; /* numbers of calls, and what later kernels may count */
}

/* Entries of kernel_map that no line told of. Those of the start reach to its first range. */
static int truth_settle_map(struct import *import)
{
    const struct truth_map *map = &import->truth->maps[EVENT_MAP_KERNEL];
    uint64_t known =
        import->header.machine.kernel_map_start - import->start.kernel_base + import->map_bytes;

    if (map->size == 0 || import->map_top == 0 || map->size == known)
        return 0;
    if (map->size > known)
        return import_range_unseen(import, map->size - known);
    import->counts.maps_wrong++;
    return 0;
}

int import_truth_flush(struct import *import)
{
    import->in_truth = false;
    import->reaped = false;
    if (import->truth_time < import->time)
        return error_set(import->error, "counters of time %llu after an event of time %llu",
                         (unsigned long long)import->truth_time, (unsigned long long)import->time);
    import->time = import->truth_time;
    import->task = 0;
    if (truth_settle_map(import) != 0 || import_pages_balance(import, import->truth) != 0)
        return -1;
    return import_payload(import, EVENT_TRUTH, import->removal.left, 0, import->truth,
                          sizeof(*import->truth));
}
