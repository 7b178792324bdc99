/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is rare in a replay, kept out of the loop: refusals and requests that the captured kernel
 * refused, marks, counters of the kernel, caches.
 */

#include "replay/engine_private.h"

#include <string.h>

int engine_fault(const struct engine *engine, const struct event *event, struct error *error)
{
    return error_prefix(error, "stack %s, event %" PRIu64 " (%s): ", engine->ops->name,
                        number_of(engine, event), event_kind_name(event->kind));
}

static struct replay_failure *failure_class(struct replay_result *result, unsigned kind,
                                            bool kernel_too, const struct failure *failure)
{
    for (unsigned i = 0; i < result->nr_failures; i++) {
        struct replay_failure *f = &result->failures[i];

        if (f->kind == kind && f->kernel_too == kernel_too && f->failure.cause == failure->cause &&
            strcmp(f->failure.resource, failure->resource) == 0)
            return f;
    }

    if (result->nr_failures == REPLAY_FAILURES)
        return NULL;

    return &result->failures[result->nr_failures++];
}

int engine_refused(struct engine *engine, const struct event *event)
{
    struct replay_result *result = engine->result;
    struct failure *failure = &engine->stack->failure;
    bool kernel_too = (event->flags & EVENT_FAILED) != 0;

    if (!kernel_too) {
        result->refused[event->kind]++;
        engine->stop = engine->options->on_failure == REPLAY_STOP;
    }
    if (engine->options->passes > 1)
        engine->stop = true;

    struct replay_failure *f = failure_class(result, event->kind, kernel_too, failure);

    if (f == NULL)
        result->failures_beyond++;
    else if (f->count++ == 0) {
        f->event = number_of(engine, event) - engine->pass_base;
        f->pass = engine->pass;
        f->time = event->time;
        f->task = event->task;
        f->kind = event->kind;
        f->kernel_too = kernel_too;
        f->failure = *failure;
    }

    memset(failure, 0, sizeof(*failure));
    return engine->stop;
}

int engine_attempt(struct engine *engine, const struct event *event, unsigned measure)
{
    const struct stack_ops *ops = engine->ops;
    struct stack *stack = engine->stack;
    enum map_number map = (enum map_number)event->where;
    bool name = event->kind == EVENT_NAME_ALLOC || event->kind == EVENT_NAME_ALLOC_AT;
    uint32_t right = event->object <= engine->max_rights ? event->object : engine->max_rights;
    uint64_t got = 0;

    if (name && engine->spaces[event->where].generation == 0)
        return 0;
    if (event->kind == EVENT_MAP_ALLOC && (event->flags & 0xf) > EVENT_MAP_SUBMAP)
        return 0;

    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        got = ops->cache_alloc(stack, event->where);
        if (got != 0)
            ops->cache_free(stack, event->where, got);
        break;
    case EVENT_KALLOC:
        got = ops->kalloc(stack, event->size);
        if (got != 0)
            ops->kfree(stack, got, event->size);
        break;
    case EVENT_PAGE_ALLOC:
        got = ops->page_alloc(stack, event->size, (enum segment_kind)event->where, PAGE_CLASS_USER,
                              (event->flags & EVENT_CONTIGUOUS) != 0);
        if (got != 0)
            ops->page_free(stack, got, event->size, (event->flags & EVENT_CONTIGUOUS) != 0);
        break;
    case EVENT_MAP_ALLOC:
        got = ops->map_alloc(stack, map, event->size, (enum kmem_kind)(event->flags & 0xf));
        if (got != 0)
            ops->map_free(stack, map, got, event->size);
        break;
    case EVENT_NAME_ALLOC:
        got = ops->name_alloc(stack, event->where, right);
        if (got != NAME_NONE)
            ops->name_free(stack, event->where, (uint32_t)got);
        break;
    case EVENT_NAME_ALLOC_AT:
        got = ops->name_alloc_at(stack, event->where, right, event->size);
        if (got != 0)
            ops->name_free(stack, event->where, event->size);
        break;
    default: /* nothing that could be asked again without harm */
        return 0;
    }

    engine->result->kernel_refused++;
    digest_add(&engine->digest, got);
    if ((measure & MEASURE_WORK) != 0) /* of two requests, one of which the trace does not have */
        meter_forget(engine->result->meter, engine->stack->work);

    if (got == 0) {
        engine->result->kernel_refused_too++;
        return engine_refused(engine, event);
    }

    return 0;
}

void engine_point(struct engine *engine, struct replay_point *point, const char *name,
                  size_t length, uint64_t number, uint64_t time)
{
    struct snapshot *snapshot = &engine->snapshot;

    engine->ops->snapshot(engine->stack, snapshot, true);
    memset(point, 0, sizeof(*point));

    if (length >= sizeof(point->name))
        length = sizeof(point->name) - 1;
    if (length != 0)
        memcpy(point->name, name, length);

    point->event = number;
    point->time = time;
    point->requested = engine->requested;
    point->rights = engine->live_rights;
    point->spaces = engine->live_spaces;
    point->reverse = engine->live_reverse;
    point->refused = replay_refused(engine->result);
    point->skipped = replay_skipped(engine->result);
    point->held = snapshot->held;
    point->name_nodes = snapshot->name_nodes;
    point->reverse_nodes = snapshot->reverse_nodes;
    point->name_height = snapshot->name_height;
    memcpy(point->maps, snapshot->maps, sizeof(point->maps));
    point->nr_segments = snapshot->nr_segments;
    memcpy(point->segments, snapshot->segments, sizeof(point->segments));

    for (unsigned i = 0; i < snapshot->nr_caches; i++)
        point->slab_requested += snapshot->caches[i].requested_bytes;
}

int engine_truth(struct engine *engine, const struct event *event, struct error *error)
{
    if (trace_decode_truth(engine->trace, event, &engine->truth_state.truth, error) != 0)
        return -1;

    engine->truth_state.entry_left = (event->flags & EVENT_ENTRY_LEFT) != 0;
    engine->truth_state.count_left = (event->flags & EVENT_COUNT_LEFT) != 0;
    engine->truth_state.left_space = engine->last_freed;
    engine->ops->snapshot(engine->stack, &engine->snapshot, false);
    truth_compare(&engine->truth_state, engine->stack, &engine->snapshot, number_of(engine, event));
    return 0;
}

int engine_cache(struct engine *engine, const struct event *event, struct error *error)
{
    struct cache_definition definition;

    if (trace_decode_cache(engine->trace, event, &definition, error) != 0)
        return -1;

    engine->cache_sizes[event->where] = definition.size;
    engine->cache_aligns[event->where] = definition.align < 8 ? 8 : definition.align;

    if (!engine->ops->cache_create(engine->stack, event->where, definition.name, definition.size,
                                   definition.align, definition.flags)) {
        error_set(error, "cache %s of %" PRIu32 " bytes aligned to %" PRIu32 " was refused",
                  definition.name, definition.size, definition.align);
        return engine_fault(engine, event, error);
    }

    return 0;
}

int engine_bad_number(struct engine *engine, const struct event *event, struct error *error)
{
    const char *kind = event_kind_name(event->kind);

    if (engine->pass != 0) {
        engine->result->left_out++;
        return 0;
    }

    return error_set(
        error,
        "event %" PRIu64 " (%s): number %" PRIu32 " at %" PRIu32 " is not of a live object; run "
        "`allotrope trace check`",
        number_of(engine, event), kind != NULL ? kind : "unknown", event->object, event->where);
}

static void sample(struct engine *engine, uint64_t number, uint64_t time, int64_t mark, bool deep)
{
    const struct series_point point = {
        .event = number,
        .time = time,
        .requested = engine->requested,
        .mark = mark,
        .deep = deep,
    };

    series_take(engine->result->series, engine->stack, &point, &engine->snapshot);
}

void engine_sample(struct engine *engine, uint64_t number, uint64_t time)
{
    sample(engine, number, time, SERIES_NO_MARK, false);
}

void engine_sample_end(struct engine *engine, uint64_t number, uint64_t time)
{
    sample(engine, number, time, SERIES_NO_MARK, true);
}

void engine_mark(struct engine *engine, const struct event *event)
{
    struct replay_result *result = engine->result;
    uint64_t number = number_of(engine, event);
    size_t length = 0;
    const char *text = trace_payload(engine->trace, event, &length);

    if (result->nr_points >= trace_totals(engine->trace)->by_kind[EVENT_MARK])
        return;

    if (result->series != NULL)
        sample(engine, number, event->time, result->nr_points, true);
    engine_point(engine, &result->points[result->nr_points++], text, length, number, event->time);
}

int engine_again(struct engine *engine, struct error *error)
{
    const struct trace_totals *totals = trace_totals(engine->trace);
    const struct replay_result *result = engine->result;

    if (totals->by_kind[EVENT_MARK] == 0)
        return error_set(error, "it has no marks: a further pass begins at the first one, when the "
                                "machine has started");

    if (engine->pass == 1) {
        engine->names.compared = result->names_compared;
        engine->names.different = result->names_different;
        engine->names.first = result->first_different_name;
    }

    engine->pass_base = engine->done;
    engine->time_base += totals->last_time;
    engine->next_tick = 0;
    engine->next_sample = UINT64_MAX; /* the series is that of the trace */
    return trace_rewind(engine->trace, error);
}
