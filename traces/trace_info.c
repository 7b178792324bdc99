/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is in a trace: one pass that counts, and two ways to print the counts.
 *
 * The tables are laid out like what people of the Hurd read every day: caches like
 * /proc/slabinfo, spaces and tasks like the lists of portinfo. The largest come first, because
 * that is what one looks for.
 *
 * A trace does not say whose a space is. It is given to the task that spoke of it most, found by
 * the majority vote that needs one counter; for a space with many speakers that is a guess.
 */

#include "traces/trace_info.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "traces/trace_private.h"

#define NAME_MAX_SHOWN 63

struct cache_info {
    struct cache_definition definition;
    uint64_t live, peak, allocs, frees, failed;
};

struct task_info {
    char name[NAME_MAX_SHOWN + 1];
    uint64_t events, rights, lookups, live, peak; /* rights it had made, wherever they are */
};

struct space_info {
    uint64_t names, peak, allocs, lookups, reverse, reverse_peak;
    uint32_t first;         /* right, list */
    uint32_t task, balance; /* the vote */
    uint32_t lives;         /* how often the number was used */
    bool special;
};

struct right_info {
    uint32_t space, task, next, previous;
    bool live, reverse;
};

struct mark_info {
    uint64_t time, event;
    char *text;
};

struct trace_info {
    struct trace_reader *reader;
    struct cache_info *caches;
    struct task_info *tasks;
    struct space_info *spaces;
    struct right_info *rights;
    uint32_t *sizes; /* of live kalloc objects by number */
    struct mark_info *marks;
    size_t nr_marks;
    uint64_t kalloc_bytes, kalloc_peak;
    uint64_t pages, pages_peak;
    uint64_t truth_bytes; /* payloads of truth records */
    uint64_t columns;
};

/* ---- Counting ---- */

static void count_cache(struct trace_info *info, const struct event *event)
{
    struct cache_info *cache = &info->caches[event->where];

    if ((event->flags & EVENT_FAILED) != 0) {
        cache->failed++;
    } else if (event->kind == EVENT_CACHE_ALLOC) {
        cache->allocs++;
        if (++cache->live > cache->peak)
            cache->peak = cache->live;
    } else {
        cache->frees++;
        cache->live -= cache->live != 0;
    }
}

static void count_kalloc(struct trace_info *info, const struct event *event)
{
    if ((event->flags & EVENT_FAILED) != 0)
        return;
    if (event->kind == EVENT_KALLOC) {
        info->sizes[event->object] = event->size;
        info->kalloc_bytes += event->size;
        if (info->kalloc_bytes > info->kalloc_peak)
            info->kalloc_peak = info->kalloc_bytes;
    } else {
        info->kalloc_bytes -= info->sizes[event->object];
        info->sizes[event->object] = 0;
    }
}

static void count_pages(struct trace_info *info, const struct event *event)
{
    if ((event->flags & EVENT_FAILED) != 0)
        return;
    if (event->kind == EVENT_PAGE_ALLOC) {
        info->pages += event->size;
        if (info->pages > info->pages_peak)
            info->pages_peak = info->pages;
    } else {
        info->pages -= event->size < info->pages ? event->size : info->pages;
    }
}

static void right_make(struct trace_info *info, const struct event *event)
{
    struct right_info *right = &info->rights[event->object];
    struct space_info *space = &info->spaces[event->where];
    struct task_info *task = &info->tasks[event->task];

    if (right->live)
        return; /* a trace that `trace check` would refuse */
    *right = (struct right_info){.space = event->where,
                                 .task = event->task,
                                 .next = space->first,
                                 .previous = OBJECT_NONE,
                                 .live = true};
    if (space->first != OBJECT_NONE)
        info->rights[space->first].previous = event->object;
    space->first = event->object;
    space->allocs++;
    if (++space->names > space->peak)
        space->peak = space->names;
    task->rights++;
    if (++task->live > task->peak)
        task->peak = task->live;
}

static void right_free(struct trace_info *info, uint32_t number)
{
    struct right_info *right = &info->rights[number];
    struct space_info *space = &info->spaces[right->space];

    if (!right->live)
        return;
    if (right->previous != OBJECT_NONE)
        info->rights[right->previous].next = right->next;
    else
        space->first = right->next;
    if (right->next != OBJECT_NONE)
        info->rights[right->next].previous = right->previous;
    space->names--;
    space->reverse -= right->reverse;
    info->tasks[right->task].live--;
    right->live = false;
    right->reverse = false;
}

static void count_space(struct trace_info *info, const struct event *event)
{
    struct space_info *space = &info->spaces[event->where];

    if (event->kind == EVENT_SPACE_CREATE && (event->flags & EVENT_FAILED) == 0) {
        space->lives++;
        space->special = (event->flags & EVENT_SPECIAL) != 0;
    } else if (event->kind == EVENT_SPACE_DESTROY) {
        while (space->first != OBJECT_NONE)
            right_free(info, space->first);
    }
}

static void count_right(struct trace_info *info, const struct event *event)
{
    struct space_info *space = &info->spaces[event->where];
    struct right_info *right;

    if (space->balance == 0)
        space->task = event->task;
    space->balance = space->task == event->task ? space->balance + 1 : space->balance - 1;
    if (event->kind == EVENT_NAME_LOOKUP) {
        space->lookups++;
        info->tasks[event->task].lookups++;
    }
    if ((event->flags & EVENT_FAILED) != 0)
        return;
    right = &info->rights[event->object];
    switch (event->kind) {
    case EVENT_NAME_ALLOC:
    case EVENT_NAME_ALLOC_AT:
        right_make(info, event);
        break;
    case EVENT_NAME_FREE:
        right_free(info, event->object);
        break;
    case EVENT_REVERSE_INSERT:
    case EVENT_REVERSE_REMOVE:
        if (!right->live || right->reverse == (event->kind == EVENT_REVERSE_INSERT))
            break;
        right->reverse = !right->reverse;
        space = &info->spaces[right->space];
        space->reverse += right->reverse ? 1u : (uint64_t)-1;
        if (space->reverse > space->reverse_peak)
            space->reverse_peak = space->reverse;
        break;
    default:
        break;
    }
}

static void text_copy(char *to, size_t room, const char *from, size_t size)
{
    if (size >= room)
        size = room - 1;
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? '?' : from[i];
    to[size] = '\0';
}

static int count_mark(struct trace_info *info, const struct event *event, uint64_t number,
                      struct error *error)
{
    size_t size;
    const char *text = trace_payload(info->reader, event, &size);
    struct mark_info *marks = realloc(info->marks, (info->nr_marks + 1) * sizeof(*marks));

    if (marks == NULL)
        return error_set(error, "%s: not enough memory", trace_path(info->reader));
    info->marks = marks;
    marks[info->nr_marks].time = event->time;
    marks[info->nr_marks].event = number;
    marks[info->nr_marks].text = malloc(size + 1);
    if (marks[info->nr_marks].text == NULL)
        return error_set(error, "%s: not enough memory", trace_path(info->reader));
    text_copy(marks[info->nr_marks].text, size + 1, text, size);
    info->nr_marks++;
    return 0;
}

static int count_event(struct trace_info *info, const struct event *event, uint64_t number,
                       struct error *error)
{
    size_t size;
    const char *text;

    info->tasks[event->task].events++;
    switch (event->kind) {
    case EVENT_CACHE_CREATE:
        return trace_decode_cache(info->reader, event, &info->caches[event->where].definition,
                                  error);
    case EVENT_CACHE_ALLOC:
    case EVENT_CACHE_FREE:
        count_cache(info, event);
        return 0;
    case EVENT_KALLOC:
    case EVENT_KFREE:
        count_kalloc(info, event);
        return 0;
    case EVENT_PAGE_ALLOC:
    case EVENT_PAGE_FREE:
        count_pages(info, event);
        return 0;
    case EVENT_SPACE_CREATE:
    case EVENT_SPACE_DESTROY:
        count_space(info, event);
        return 0;
    case EVENT_TASK:
        text = trace_payload(info->reader, event, &size);
        text_copy(info->tasks[event->where].name, NAME_MAX_SHOWN + 1, text, size);
        return 0;
    case EVENT_MARK:
        return count_mark(info, event, number, error);
    case EVENT_TRUTH:
        trace_payload(info->reader, event, &size);
        info->truth_bytes += size;
        return 0;
    default:
        if (event_numbering(event->kind) == NUMBERING_RIGHTS)
            count_right(info, event);
        return 0;
    }
}

static int count_all(struct trace_info *info, struct error *error)
{
    const struct event *events;
    int n, i;

    if (trace_rewind(info->reader, error) != 0)
        return -1;
    while ((n = trace_read(info->reader, &events, error)) > 0)
        for (i = 0; i < n; i++)
            if (count_event(info, &events[i], trace_position(info->reader) + (uint64_t)i, error) !=
                0)
                return -1;
    info->columns = trace_columns_read(info->reader);
    return n;
}

struct trace_info *trace_info_create(struct trace_reader *reader, struct error *error)
{
    const struct trace_totals *totals = trace_totals(reader);
    struct trace_info *info = calloc(1, sizeof(*info));

    if (info == NULL) {
        error_set(error, "%s: not enough memory", trace_path(reader));
        return NULL;
    }
    info->reader = reader;
    info->caches = calloc((size_t)totals->peak_caches + 1, sizeof(*info->caches));
    info->tasks = calloc((size_t)totals->peak_tasks + 1, sizeof(*info->tasks));
    info->spaces = calloc((size_t)totals->peak_spaces + 1, sizeof(*info->spaces));
    info->rights = calloc((size_t)totals->peak_rights + 1, sizeof(*info->rights));
    info->sizes = calloc((size_t)totals->peak_objects + 1, sizeof(*info->sizes));
    if (info->caches == NULL || info->tasks == NULL || info->spaces == NULL ||
        info->rights == NULL || info->sizes == NULL) {
        error_set(error, "%s: not enough memory", trace_path(reader));
        trace_info_destroy(info);
        return NULL;
    }
    for (uint32_t i = 0; i < totals->peak_spaces; i++)
        info->spaces[i].first = OBJECT_NONE;
    if (count_all(info, error) != 0) {
        trace_info_destroy(info);
        return NULL;
    }
    return info;
}

void trace_info_destroy(struct trace_info *info)
{
    if (info == NULL)
        return;
    for (size_t i = 0; i < info->nr_marks; i++)
        free(info->marks[i].text);
    free(info->marks);
    free(info->caches);
    free(info->tasks);
    free(info->spaces);
    free(info->rights);
    free(info->sizes);
    free(info);
}

/* ---- Order ---- */

struct rank {
    uint64_t key;
    uint32_t index;
};

static int rank_compare(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;

    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static uint64_t cache_key(const struct trace_info *info, uint32_t i)
{
    return info->caches[i].peak * info->caches[i].definition.size;
}

static uint64_t task_key(const struct trace_info *info, uint32_t i)
{
    return info->tasks[i].peak;
}

static uint64_t space_key(const struct trace_info *info, uint32_t i)
{
    return info->spaces[i].peak;
}

/* The indices with a key that is not zero, largest first; NULL without memory. */
static struct rank *rank(const struct trace_info *info, uint32_t count,
                         uint64_t (*key)(const struct trace_info *, uint32_t), uint32_t *ranked)
{
    struct rank *ranks = calloc((size_t)count + 1, sizeof(*ranks));

    *ranked = 0;
    if (ranks == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t k = key(info, i);

        if (k != 0)
            ranks[(*ranked)++] = (struct rank){k, i};
    }
    qsort(ranks, *ranked, sizeof(*ranks), rank_compare);
    return ranks;
}

/* ---- Printing ---- */

/* "13.4 s" and the like. */
static void print_duration(const struct trace_info *info, FILE *stream)
{
    const struct trace_totals *totals = trace_totals(info->reader);
    const struct trace_machine *machine = &trace_header(info->reader)->machine;
    uint64_t ticks = totals->last_time - totals->first_time;

    fprintf(stream, "duration: %" PRIu64 " %s", ticks,
            machine->time_unit[0] != '\0' ? machine->time_unit : "ticks");
    if (machine->ticks_per_second != 0)
        fprintf(stream, " (%.3f s)", (double)ticks / (double)machine->ticks_per_second);
    putc('\n', stream);
}

/* Wraps a long value at words, since provenance is prose. */
static void print_value(FILE *stream, const char *key, const char *value)
{
    int column = fprintf(stream, "%s:", key);

    while (*value != '\0') {
        int word = (int)strcspn(value, " ");

        if (column + 1 + word > 99 && column > 4)
            column = fprintf(stream, "\n   ") - 1;
        column += fprintf(stream, " %.*s", word, value);
        value += word;
        value += *value == ' ';
    }
    putc('\n', stream);
}

static void print_machine(const struct trace_machine *machine, FILE *stream)
{
    static const char *const kinds[] = {"DMA", "DMA32", "DIRECTMAP", "HIGHMEM"};

    fprintf(stream, "geometry: %s, %" PRIu64 " KiB of memory, pages of %u bytes\n",
            machine->geometry[0] != '\0' ? machine->geometry : "unknown", machine->memory / 1024,
            machine->page_size);
    for (unsigned i = 0; i < machine->nr_segments; i++)
        fprintf(stream, "segment: %-9s frames %u to %u\n", kinds[machine->segments[i].kind & 3],
                machine->segments[i].start, machine->segments[i].end);
    if (machine->stack[0] != '\0')
        fprintf(stream, "captured stack: %s\n", machine->stack);
}

static void print_header(const struct trace_info *info, FILE *stream)
{
    const struct trace_header *header = trace_header(info->reader);
    const struct trace_totals *totals = trace_totals(info->reader);
    uint64_t events = totals->events != 0 ? totals->events : 1;
    const char *missing;

    fprintf(stream, "trace: %s\n", trace_path(info->reader));
    if (trace_missing(info->reader, &missing) != 0)
        fprintf(stream, "warning: %s\n", missing);
    for (unsigned i = 0; i < header->nr_provenance; i++)
        print_value(stream, header->provenance[i].key, header->provenance[i].value);
    print_machine(&header->machine, stream);
    print_duration(info, stream);
    fprintf(stream,
            "size: %" PRIu64 " bytes in %u chunks, %.2f bytes an event (%.2f before compression,\n"
            "    %.2f of them truth records)\n",
            trace_file_size(info->reader), trace_chunks(info->reader),
            (double)trace_file_size(info->reader) / (double)events,
            (double)info->columns / (double)events, (double)info->truth_bytes / (double)events);
    fprintf(stream, "digest: %016" PRIx64 "\n", trace_digest(info->reader));
}

static void print_events(const struct trace_info *info, FILE *stream)
{
    const struct trace_totals *totals = trace_totals(info->reader);

    fprintf(stream, "\n%-16s %12s %12s\n", "event", "count", "peak live");
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        if (totals->by_kind[kind] == 0)
            continue;
        fprintf(stream, "%-16s %12" PRIu64, event_kind_name(kind), totals->by_kind[kind]);
        if (totals->peak_live[kind] != 0)
            fprintf(stream, " %12" PRIu64, totals->peak_live[kind]);
        putc('\n', stream);
    }
    fprintf(stream, "%-16s %12" PRIu64 "\n", "all", totals->events);
    if (totals->inferred != 0)
        fprintf(stream, "%-16s %12" PRIu64 "\n", "(inferred)", totals->inferred);
    if (info->kalloc_peak != 0)
        fprintf(stream, "kalloc asked for at most %" PRIu64 " KiB at once\n",
                (info->kalloc_peak + 1023) / 1024);
    if (info->pages_peak != 0)
        fprintf(stream, "at most %" PRIu64 " pages at once\n", info->pages_peak);
}

static void print_rest(FILE *stream, uint32_t shown, uint32_t all)
{
    if (shown < all)
        fprintf(stream, "    and %u more (--all lists them)\n", all - shown);
}

static int print_caches(const struct trace_info *info, FILE *stream, unsigned rows)
{
    uint32_t count, i;
    struct rank *ranks = rank(info, trace_totals(info->reader)->peak_caches, cache_key, &count);

    if (ranks == NULL)
        return -1;
    if (count == 0) {
        free(ranks);
        return 0;
    }
    fprintf(stream, "\n%-28s %4s %6s %9s %9s %10s %9s %9s\n", "cache", "", "obj", "peak", "end",
            "peak", "", "");
    fprintf(stream, "%-28s %4s %6s %9s %9s %10s %9s %9s\n", "name", "flag", "size", "objs", "objs",
            "memory", "allocs", "frees");
    for (i = 0; i < count && (rows == 0 || i < rows); i++) {
        const struct cache_info *cache = &info->caches[ranks[i].index];

        fprintf(
            stream,
            "%-28.28s %4x %6u %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "k %9" PRIu64 " %9" PRIu64 "\n",
            cache->definition.name, cache->definition.flags, cache->definition.size, cache->peak,
            cache->live, (ranks[i].key + 1023) / 1024, cache->allocs, cache->frees);
    }
    print_rest(stream, i, count);
    free(ranks);
    return 0;
}

static const char *task_name(const struct trace_info *info, uint32_t task)
{
    if (info->tasks[task].name[0] != '\0')
        return info->tasks[task].name;
    return task == 0 ? "(start-up)" : "(no name)";
}

static int print_tasks(const struct trace_info *info, FILE *stream, unsigned rows)
{
    uint32_t count, i;
    struct rank *ranks = rank(info, trace_totals(info->reader)->peak_tasks, task_key, &count);

    if (ranks == NULL)
        return -1;
    if (count == 0) {
        free(ranks);
        return 0;
    }
    fprintf(stream, "\ntasks by rights that they made:\n");
    for (i = 0; i < count && (rows == 0 || i < rows); i++) {
        const struct task_info *task = &info->tasks[ranks[i].index];

        fprintf(stream,
                "%6u: %-30.30s rights (peak: %" PRIu64 ", made: %" PRIu64 ", end: %" PRIu64 ")\n",
                ranks[i].index, task_name(info, ranks[i].index), task->peak, task->rights,
                task->live);
    }
    print_rest(stream, i, count);
    free(ranks);
    return 0;
}

static int print_spaces(const struct trace_info *info, FILE *stream, unsigned rows)
{
    uint32_t count, i;
    struct rank *ranks = rank(info, trace_totals(info->reader)->peak_spaces, space_key, &count);

    if (ranks == NULL)
        return -1;
    if (count == 0) {
        free(ranks);
        return 0;
    }
    fprintf(stream, "\nspaces by peak names (and the task that spoke of each most):\n");
    for (i = 0; i < count && (rows == 0 || i < rows); i++) {
        const struct space_info *space = &info->spaces[ranks[i].index];

        fprintf(stream,
                "%6u: names (peak: %" PRIu64 ", made: %" PRIu64 ", end: %" PRIu64
                ", reverse: %" PRIu64 ") %.24s\n",
                ranks[i].index, space->peak, space->allocs, space->names, space->reverse_peak,
                task_name(info, space->task));
    }
    print_rest(stream, i, count);
    free(ranks);
    return 0;
}

static void print_marks(const struct trace_info *info, FILE *stream, unsigned rows)
{
    size_t i;

    if (info->nr_marks == 0)
        return;
    fprintf(stream, "\n%-14s %12s  %s\n", "time", "event", "mark");
    for (i = 0; i < info->nr_marks && (rows == 0 || i < 3 * rows); i++)
        fprintf(stream, "%-14" PRIu64 " %12" PRIu64 "  %.70s\n", info->marks[i].time,
                info->marks[i].event, info->marks[i].text);
    print_rest(stream, (uint32_t)i, (uint32_t)info->nr_marks);
}

int trace_info_print(const struct trace_info *info, FILE *stream, unsigned rows)
{
    print_header(info, stream);
    print_events(info, stream);
    if (print_caches(info, stream, rows) != 0 || print_tasks(info, stream, rows) != 0 ||
        print_spaces(info, stream, rows) != 0)
        return -1;
    print_marks(info, stream, rows);
    return 0;
}

/* ---- JSON ---- */

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Text that may not be UTF-8 becomes text that is. */
static json_t *text(const char *value)
{
    json_t *string = json_string(value);
    char *copy;

    if (string != NULL)
        return string;
    copy = strdup(value);
    for (char *p = copy; p != NULL && *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    string = copy == NULL ? NULL : json_string(copy);
    free(copy);
    return string;
}

/* An element that could not be made takes the array with it, and so the whole: what is printed is
 * complete. */
static void append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

static json_t *json_provenance(const struct trace_header *header)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < header->nr_provenance; i++)
        append(&array, json_pack("{s:o, s:o}", "key", text(header->provenance[i].key), "value",
                                 text(header->provenance[i].value)));
    return array;
}

static json_t *json_machine(const struct trace_machine *machine)
{
    json_t *segments = json_array();

    for (unsigned i = 0; i < machine->nr_segments; i++)
        append(&segments, json_pack("{s:i, s:I, s:I}", "kind", machine->segments[i].kind, "start",
                                    (json_int_t)machine->segments[i].start, "end",
                                    (json_int_t)machine->segments[i].end));
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:o}", "geometry",
                     text(machine->geometry), "stack", text(machine->stack), "page_size",
                     (json_int_t)machine->page_size, "pointer_size", number(machine->pointer_size),
                     "memory", number(machine->memory), "time_unit", text(machine->time_unit),
                     "ticks_per_second", number(machine->ticks_per_second), "boot_pages",
                     machine->boot_pages, "segments", segments);
}

static json_t *json_events(const struct trace_totals *totals)
{
    json_t *object = json_object();
    int failed = 0;

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        if (totals->by_kind[kind] != 0)
            failed |=
                json_object_set_new(object, event_kind_name(kind),
                                    json_pack("{s:o, s:o}", "count", number(totals->by_kind[kind]),
                                              "peak_live", number(totals->peak_live[kind])));
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *json_caches(const struct trace_info *info)
{
    json_t *array = json_array();
    uint32_t count;
    struct rank *ranks = rank(info, trace_totals(info->reader)->peak_caches, cache_key, &count);

    if (ranks == NULL) {
        json_decref(array);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct cache_info *cache = &info->caches[ranks[i].index];

        append(&array,
               json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cache",
                         number(ranks[i].index), "name", text(cache->definition.name), "size",
                         number(cache->definition.size), "align", number(cache->definition.align),
                         "flags", number(cache->definition.flags), "peak_objects",
                         number(cache->peak), "peak_bytes", number(ranks[i].key), "end_objects",
                         number(cache->live), "allocs", number(cache->allocs), "frees",
                         number(cache->frees), "failed", number(cache->failed)));
    }
    free(ranks);
    return array;
}

static json_t *json_tasks(const struct trace_info *info)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < trace_totals(info->reader)->peak_tasks; i++) {
        const struct task_info *task = &info->tasks[i];

        append(&array,
               json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "task", number(i), "name",
                         text(task->name), "events", number(task->events), "peak_rights",
                         number(task->peak), "rights_made", number(task->rights), "end_rights",
                         number(task->live), "lookups", number(task->lookups)));
    }
    return array;
}

static json_t *json_spaces(const struct trace_info *info)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < trace_totals(info->reader)->peak_spaces; i++) {
        const struct space_info *space = &info->spaces[i];

        append(&array,
               json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "space", number(i),
                         "lives", number(space->lives), "special", space->special, "peak_names",
                         number(space->peak), "names_made", number(space->allocs), "end_names",
                         number(space->names), "lookups", number(space->lookups), "peak_reverse",
                         number(space->reverse_peak), "task", number(space->task)));
    }
    return array;
}

static json_t *json_marks(const struct trace_info *info)
{
    json_t *array = json_array();

    for (size_t i = 0; i < info->nr_marks; i++)
        append(&array, json_pack("{s:o, s:o, s:o}", "time", number(info->marks[i].time), "event",
                                 number(info->marks[i].event), "text", text(info->marks[i].text)));
    return array;
}

json_t *trace_info_json(const struct trace_info *info)
{
    const struct trace_header *header = trace_header(info->reader);
    const struct trace_totals *totals = trace_totals(info->reader);
    char digest[17];
    const char *missing;
    uint64_t lost = trace_missing(info->reader, &missing);

    snprintf(digest, sizeof(digest), "%016" PRIx64, trace_digest(info->reader));
    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "path", text(trace_path(info->reader)), "digest", digest, "missing_bytes", number(lost),
        "provenance", json_provenance(header), "machine", json_machine(&header->machine), "events",
        number(totals->events), "inferred", number(totals->inferred), "first_time",
        number(totals->first_time), "last_time", number(totals->last_time), "file_bytes",
        number(trace_file_size(info->reader)), "chunks", number(trace_chunks(info->reader)),
        "column_bytes", number(info->columns), "truth_bytes", number(info->truth_bytes),
        "kalloc_peak_bytes", number(info->kalloc_peak), "by_kind", json_events(totals), "caches",
        json_caches(info), "tasks", json_tasks(info), "spaces", json_spaces(info), "marks",
        json_marks(info), "peak_pages", number(info->pages_peak));
}
