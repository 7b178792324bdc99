/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The cut: what lies between two marks, with what was alive at the first one in front of it.
 *
 * A trace must make a thing before it uses it, so a cut starts by making what it finds alive, all
 * at the time of its first event and flagged as inferred: the very events that made those things,
 * in the order in which they were made, the boot pages, caches and tasks among them. What had died
 * is left out, so the memory that a replay has then is as full as it was, but less fragmented: a
 * cut can be compared with itself on another design, not with the kernel. So a cut that does not
 * start at the start has no truth points and no growth expectations.
 *
 * One pass: until the first mark the last event that made each number is kept, by number, which is
 * memory by what was alive and not by what happened. Only parts of ranges that were freed are
 * a list, which is swept when it has doubled.
 */

#include "traces/trace_cut.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/live.h"
#include "traces/trace_private.h"

struct made {
    struct event event;
    uint64_t sequence; /* number of the event + 1; 0: never */
    uint8_t *payload;
    size_t size;
};

struct made_list {
    struct made *made;
    size_t count, room;
};

struct mark {
    const char *text; /* as given; NULL: none */
    size_t length;    /* of the text without #N */
    unsigned ordinal; /* 0: the text has no #N */
    unsigned seen;
};

struct cut {
    struct trace_reader *reader;
    struct live *live;
    struct made *objects, *rights, *reverses, *spaces, *destroyed, *caches, *tasks;
    struct made_list pieces; /* frees of parts of ranges */
    struct made_list boot;
    struct made_list start; /* what the cut begins with */
    struct mark from, to;
    uint64_t sequence;
    struct trace_writer *writer;
};

static int cut_no_memory(const struct cut *cut, struct error *error)
{
    return error_set(error, "%s: not enough memory to cut the trace", trace_path(cut->reader));
}

static void mark_init(struct mark *mark, const char *text)
{
    const char *hash = text == NULL ? NULL : strrchr(text, '#');

    mark->text = text;
    if (hash == NULL || !isdigit((unsigned char)hash[1]) ||
        hash[1 + strspn(hash + 1, "0123456789")] != '\0')
        return;
    mark->length = (size_t)(hash - text);
    mark->ordinal = (unsigned)strtoul(hash + 1, NULL, 10);
}

static bool mark_found(const struct cut *cut, struct mark *mark, const struct event *event)
{
    const char *text;
    size_t size;

    if (mark->text == NULL || event->kind != EVENT_MARK)
        return false;
    text = trace_payload(cut->reader, event, &size);
    if (size == strlen(mark->text) && memcmp(text, mark->text, size) == 0)
        return true;
    return mark->ordinal != 0 && size == mark->length && memcmp(text, mark->text, size) == 0 &&
           ++mark->seen == mark->ordinal;
}

/* ---- Keeping what makes ---- */

static void made_clear(struct made *made)
{
    free(made->payload);
    memset(made, 0, sizeof(*made));
}

static bool list_grow(struct made_list *list)
{
    size_t room = list->room == 0 ? 64 : 2 * list->room;
    struct made *made = realloc(list->made, room * sizeof(*made));

    if (made == NULL)
        return false;
    list->made = made;
    list->room = room;
    return true;
}

static struct made *list_add(struct made_list *list)
{
    if (list->count == list->room && !list_grow(list))
        return NULL;
    memset(&list->made[list->count], 0, sizeof(*list->made));
    return &list->made[list->count++];
}

static int keep_in(struct cut *cut, struct made *made, const struct event *event,
                   struct error *error)
{
    made->event = *event;
    if (made->sequence == 0 || event->kind != EVENT_TASK)
        made->sequence = cut->sequence;
    if (event_has_payload(event->kind)) {
        const void *payload = trace_payload(cut->reader, event, &made->size);

        free(made->payload);
        made->payload = malloc(made->size + 1);
        if (made->payload == NULL)
            return cut_no_memory(cut, error);
        memcpy(made->payload, payload, made->size);
    }
    return 0;
}

/* Whether a piece that was freed is still part of what is alive. */
static bool piece_counts(const struct cut *cut, const struct made *piece)
{
    uint32_t object = piece->event.object;

    return live_object(cut->live, object) && cut->objects[object].sequence < piece->sequence;
}

static int keep_piece(struct cut *cut, const struct event *event, struct error *error)
{
    struct made_list *pieces = &cut->pieces;
    struct made *made;

    if (pieces->count == pieces->room) {
        size_t kept = 0;

        for (size_t i = 0; i < pieces->count; i++)
            if (piece_counts(cut, &pieces->made[i]))
                pieces->made[kept++] = pieces->made[i];
        /* Half is needed still: let it grow, so that the next sweep is far. */
        pieces->count = kept;
        if (kept > pieces->room / 2 && !list_grow(pieces))
            return cut_no_memory(cut, error);
    }
    made = list_add(pieces);
    return made == NULL ? cut_no_memory(cut, error) : keep_in(cut, made, event, error);
}

static int keep_boot(struct cut *cut, const struct event *event, struct error *error)
{
    struct made *made = list_add(&cut->boot);

    return made == NULL ? cut_no_memory(cut, error) : keep_in(cut, made, event, error);
}

/* After the event was found valid. */
static int cut_keep(struct cut *cut, const struct event *event, struct error *error)
{
    if ((event->flags & EVENT_FAILED) != 0)
        return 0;
    switch (event->kind) {
    case EVENT_CACHE_CREATE:
        return keep_in(cut, &cut->caches[event->where], event, error);
    case EVENT_TASK:
        return keep_in(cut, &cut->tasks[event->where], event, error);
    case EVENT_SPACE_CREATE:
        cut->destroyed[event->where].sequence = 0;
        return keep_in(cut, &cut->spaces[event->where], event, error);
    case EVENT_SPACE_DESTROY:
        return keep_in(cut, &cut->destroyed[event->where], event, error);
    case EVENT_CACHE_ALLOC:
    case EVENT_KALLOC:
    case EVENT_PAGE_ALLOC:
    case EVENT_MAP_ALLOC:
        return keep_in(cut, &cut->objects[event->object], event, error);
    case EVENT_PAGE_FREE:
    case EVENT_MAP_FREE:
        return live_object(cut->live, event->object) ? keep_piece(cut, event, error) : 0;
    case EVENT_NAME_ALLOC:
    case EVENT_NAME_ALLOC_AT:
        return keep_in(cut, &cut->rights[event->object], event, error);
    case EVENT_REVERSE_INSERT:
        return keep_in(cut, &cut->reverses[event->object], event, error);
    case EVENT_BOOT_PAGES:
        return keep_boot(cut, event, error);
    default:
        return 0;
    }
}

/* ---- What was alive at the start ---- */

static int start_add(struct cut *cut, const struct made *made, struct error *error)
{
    struct made *slot;

    if (made->sequence == 0)
        return 0;
    slot = list_add(&cut->start);
    if (slot == NULL)
        return cut_no_memory(cut, error);
    *slot = *made;
    return 0;
}

static int start_reverse(struct cut *cut, uint32_t right, struct error *error)
{
    struct made made = cut->reverses[right];
    uint32_t object = made.event.size;

    /* The key outlives what it names; a number that was given away again names something else. */
    if (object != OBJECT_NONE &&
        (!live_object(cut->live, object) || cut->objects[object].sequence > made.sequence))
        made.event.size = OBJECT_NONE;
    return start_add(cut, &made, error);
}

static int start_spaces(struct cut *cut, const struct trace_totals *totals, struct error *error)
{
    for (uint32_t i = 0; i < totals->peak_spaces; i++) {
        enum live_space state = live_space(cut->live, i);

        if (state != LIVE_SPACE_NONE && start_add(cut, &cut->spaces[i], error) != 0)
            return -1;
        if (state == LIVE_SPACE_DESTROYED && start_add(cut, &cut->destroyed[i], error) != 0)
            return -1;
    }
    return 0;
}

static int start_gather(struct cut *cut, struct error *error)
{
    const struct trace_totals *totals = trace_totals(cut->reader);
    uint32_t i;

    for (i = 0; i < cut->boot.count; i++)
        if (start_add(cut, &cut->boot.made[i], error) != 0)
            return -1;
    for (i = 0; i < totals->peak_tasks; i++)
        if (start_add(cut, &cut->tasks[i], error) != 0)
            return -1;
    for (i = 0; i < totals->peak_caches; i++)
        if (start_add(cut, &cut->caches[i], error) != 0)
            return -1;
    if (start_spaces(cut, totals, error) != 0)
        return -1;
    for (i = 0; i < totals->peak_objects; i++)
        if (live_object(cut->live, i) && start_add(cut, &cut->objects[i], error) != 0)
            return -1;
    for (i = 0; i < cut->pieces.count; i++)
        if (piece_counts(cut, &cut->pieces.made[i]) &&
            start_add(cut, &cut->pieces.made[i], error) != 0)
            return -1;
    for (i = 0; i < totals->peak_rights; i++) {
        if (!live_right(cut->live, i))
            continue;
        if (start_add(cut, &cut->rights[i], error) != 0)
            return -1;
        if (live_right_reverse(cut->live, i) && start_reverse(cut, i, error) != 0)
            return -1;
    }
    return 0;
}

static int made_compare(const void *a, const void *b)
{
    const struct made *x = a, *y = b;

    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static int start_write(struct cut *cut, uint64_t time, struct error *error)
{
    struct made_list *start = &cut->start;

    if (start_gather(cut, error) != 0)
        return -1;
    if (start->count != 0)
        qsort(start->made, start->count, sizeof(*start->made), made_compare);
    for (size_t i = 0; i < start->count; i++) {
        struct event event = start->made[i].event;

        event.time = time;
        event.flags |= EVENT_INFERRED;
        if (trace_write(cut->writer, &event, start->made[i].payload, start->made[i].size, error) !=
            0)
            return -1;
    }
    return 0;
}

/* ---- Cutting ---- */

static int cut_copy(struct cut *cut, const struct event *event, struct error *error)
{
    size_t size;
    const void *payload = trace_payload(cut->reader, event, &size);

    if (cut->from.text != NULL && (event->kind == EVENT_TRUTH || event->kind == EVENT_GROWTH))
        return 0;
    return trace_write(cut->writer, event, payload, size, error);
}

static int cut_provenance(struct cut *cut, struct error *error)
{
    struct trace_header *header = trace_writer_header(cut->writer);
    const char *name = strrchr(trace_path(cut->reader), '/');
    char text[64];

    name = name == NULL ? trace_path(cut->reader) : name + 1;
    snprintf(text, sizeof(text), "%016" PRIx64, trace_digest(cut->reader));
    if (trace_header_add(header, "cut from", name) != 0 ||
        trace_header_add(header, "cut from digest", text) != 0 ||
        trace_header_add(header, "cut at", cut->from.text != NULL ? cut->from.text : "the start") !=
            0 ||
        trace_header_add(header, "cut to", cut->to.text != NULL ? cut->to.text : "the end") != 0)
        return cut_no_memory(cut, error);
    return 0;
}

/* Returns 1 when the last mark was met. */
static int cut_event(struct cut *cut, const struct event *event, bool *started, struct error *error)
{
    if (!*started && mark_found(cut, &cut->from, event)) {
        *started = true;
        if (start_write(cut, event->time, error) != 0)
            return -1;
    } else if (*started && mark_found(cut, &cut->to, event)) {
        return cut_copy(cut, event, error) == 0 ? 1 : -1;
    }
    if (*started)
        return cut_copy(cut, event, error);
    if (live_event(cut->live, event, error) != 0)
        return trace_event_error(cut->reader, cut->sequence, error);
    cut->sequence++;
    return cut_keep(cut, event, error);
}

static int cut_run(struct cut *cut, struct error *error)
{
    bool started = cut->from.text == NULL;
    const struct event *events;
    int n, i, result;

    if (trace_rewind(cut->reader, error) != 0)
        return -1;
    while ((n = trace_read(cut->reader, &events, error)) > 0) {
        for (i = 0; i < n; i++) {
            result = cut_event(cut, &events[i], &started, error);
            if (result != 0)
                return result < 0 ? -1 : 0;
        }
    }
    if (n < 0)
        return -1;
    if (!started)
        return error_set(error,
                         "%s: mark \"%s\" to cut from is not in it ('allotrope trace info' lists "
                         "the marks)",
                         trace_path(cut->reader), cut->from.text);
    if (cut->to.text != NULL)
        return error_set(error,
                         "%s: mark \"%s\" to cut to is not in it after the start of the cut "
                         "('allotrope trace info' lists the marks)",
                         trace_path(cut->reader), cut->to.text);
    return 0;
}

static int cut_room(struct cut *cut, struct error *error)
{
    const struct trace_totals *totals = trace_totals(cut->reader);
    const struct {
        struct made **made;
        uint32_t count;
    } arrays[] = {
        {&cut->objects, totals->peak_objects},  {&cut->rights, totals->peak_rights},
        {&cut->reverses, totals->peak_rights},  {&cut->spaces, totals->peak_spaces},
        {&cut->destroyed, totals->peak_spaces}, {&cut->caches, totals->peak_caches},
        {&cut->tasks, totals->peak_tasks},
    };

    cut->live = live_create(trace_header(cut->reader)->machine.page_size);
    if (cut->live == NULL)
        return cut_no_memory(cut, error);
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        *arrays[i].made = calloc((size_t)arrays[i].count + 1, sizeof(struct made));
        if (*arrays[i].made == NULL)
            return cut_no_memory(cut, error);
    }
    return 0;
}

static void cut_free(struct cut *cut)
{
    const struct trace_totals *totals = trace_totals(cut->reader);
    uint32_t i;

    for (i = 0; cut->caches != NULL && i < totals->peak_caches; i++)
        made_clear(&cut->caches[i]);
    for (i = 0; cut->tasks != NULL && i < totals->peak_tasks; i++)
        made_clear(&cut->tasks[i]);
    live_destroy(cut->live);
    free(cut->objects);
    free(cut->rights);
    free(cut->reverses);
    free(cut->spaces);
    free(cut->destroyed);
    free(cut->caches);
    free(cut->tasks);
    free(cut->pieces.made);
    free(cut->boot.made);
    free(cut->start.made);
}

int trace_cut(struct trace_reader *reader, const char *from, const char *to, const char *path,
              int level, struct error *error)
{
    struct cut cut = {.reader = reader};
    int result = cut_room(&cut, error);

    mark_init(&cut.from, from);
    mark_init(&cut.to, to);
    if (result == 0) {
        cut.writer = trace_writer_open(path, trace_header(reader), level, error);
        result = cut.writer == NULL ? -1 : cut_provenance(&cut, error);
    }
    if (result == 0)
        result = cut_run(&cut, error);
    if (result == 0)
        result = trace_writer_close(cut.writer, error);
    else
        trace_writer_abort(cut.writer);
    cut_free(&cut);
    return result;
}
