/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The engine streams a trace's events to a stack, one call each, and keeps what a replay needs to
 * know of what is alive: per object its address, per right its name and its reverse key. The
 * arrays are reserved from the trace's totals before the first event; the loop allocates nothing.
 *
 * A request that the stack refuses is a result: it is recorded with its cause, the object stays
 * without an address, and later events on it are counted as skipped. A request that the captured
 * kernel refused is made all the same; when the stack grants it, it is given back at once, since
 * nothing in the trace will.
 */

#include "replay/engine_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef ENGINE_NOTES_EVENT
#include "replay/remote.h"
#endif

#define TICKS_PER_SECOND 100 /* of stack.now */
#define CHECKS           64  /* runs of the validity checkers in a replay under --check */

/* ---- Opening ---- */

static void *array_reserve(size_t nr, size_t size, struct error *error)
{
    return host_reserve((nr + 1) * size, error);
}

static void array_unreserve(void *array, size_t nr, size_t size)
{
    if (array != NULL)
        host_unreserve(array, (nr + 1) * size);
}

static int engine_reserve(struct engine *engine, const struct trace_totals *totals,
                          struct error *error)
{
    engine->max_objects = totals->peak_objects;
    engine->max_rights = totals->peak_rights;
    engine->max_spaces = totals->peak_spaces;
    engine->max_caches = totals->peak_caches;

    engine->objects = array_reserve(engine->max_objects, sizeof(struct object), error);
    engine->patterned = array_reserve(engine->max_objects, sizeof(bool), error);
    engine->rights = array_reserve(engine->max_rights, sizeof(struct right), error);
    engine->spaces = array_reserve(engine->max_spaces, sizeof(struct space_account), error);
    engine->cache_sizes = array_reserve(engine->max_caches, sizeof(uint32_t), error);
    engine->cache_aligns = array_reserve(engine->max_caches, sizeof(uint32_t), error);

    if (engine->objects == NULL || engine->patterned == NULL || engine->rights == NULL ||
        engine->spaces == NULL || engine->cache_sizes == NULL || engine->cache_aligns == NULL)
        return -1;

    size_t points = totals->by_kind[EVENT_MARK];

    engine->result->points = calloc(points + 1, sizeof(struct replay_point));
    if (engine->result->points == NULL)
        return error_set(error, "no memory for %zu marks", points);

    return 0;
}

static void engine_unreserve(struct engine *engine)
{
    array_unreserve(engine->objects, engine->max_objects, sizeof(struct object));
    array_unreserve(engine->patterned, engine->max_objects, sizeof(bool));
    array_unreserve(engine->rights, engine->max_rights, sizeof(struct right));
    array_unreserve(engine->spaces, engine->max_spaces, sizeof(struct space_account));
    array_unreserve(engine->cache_sizes, engine->max_caches, sizeof(uint32_t));
    array_unreserve(engine->cache_aligns, engine->max_caches, sizeof(uint32_t));
}

/* The segments as captured, when they can be this machine's. */
static void configure_captured(const struct trace_machine *machine, struct segment *segments,
                               struct stack_config *config)
{
    for (unsigned i = 0; i < machine->nr_segments; i++)
        segments[i] = (struct segment){.kind = (enum segment_kind)machine->segments[i].kind,
                                       .start = machine->segments[i].start,
                                       .end = machine->segments[i].end};

    config->segments = machine->nr_segments != 0 ? segments : NULL;
    config->nr_segments = machine->nr_segments;
    config->kernel_map_start = machine->kernel_map_start;
    config->kernel_map_end = machine->kernel_map_end;
    config->slab_submap_start = machine->kmem_map_start;
    config->boot_pages_follow = machine->boot_pages;
}

int replay_configure(const struct trace_reader *trace, const struct replay_options *options,
                     struct segment *segments, struct stack_config *config, struct error *error)
{
    const struct trace_machine *machine = &trace_header(trace)->machine;
    const struct geometry *captured = geometry_find(machine->geometry);

    memset(config, 0, sizeof(*config));
    config->geometry = options->geometry != NULL ? options->geometry : captured;

    if (config->geometry == NULL)
        return error_set(error,
                         "the trace's geometry, \"%s\", is not known here; name one with "
                         "--geometry",
                         machine->geometry);

    config->memory = options->memory != 0 ? options->memory : machine->memory;
    if (config->memory == 0)
        return error_set(error, "the trace does not say how much memory its machine had; give it "
                                "with --memory");

    if (config->geometry == captured && config->memory == machine->memory)
        configure_captured(machine, segments, config);

    config->pages = options->pages;
    config->map = options->map;
    config->exact_bitmaps = options->exact_bitmaps;
    config->check = options->check;
    config->populate = options->populate || options->latency != REPLAY_UNTIMED;
    config->captured_stack = machine->stack;
    config->captured_pointer_size = machine->pointer_size;
    config->max_spaces = trace_totals(trace)->peak_spaces;
    return 0;
}

/* The interval to the next event that is timed, by chance: a fixed one could keep step with the
 * trace. xorshift64, Marsaglia 2003. */
static uint64_t timed_interval(struct engine *engine)
{
    engine->random ^= engine->random << 13;
    engine->random ^= engine->random >> 7;
    engine->random ^= engine->random << 17;
    return engine->random % (2 * REPLAY_TIMED_INTERVAL - 1);
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is due after the events that are done, of which LAST is the last. */
static int engine_due(struct engine *engine, const struct event *last, struct error *error)
{
    if (engine->done == engine->next_sample) {
        engine->next_sample += engine->sample_interval;
        if (engine->options->sample_to != 0 && engine->next_sample > engine->options->sample_to)
            engine->next_sample = UINT64_MAX;
        engine_sample(engine, engine->done, last->time);
    }

    if (engine->done != engine->next_check)
        return 0;

    engine->next_check += engine->check_interval;
    return engine_check_stack(engine, engine->done, error);
}

/* Gives a batch to the stack, with checks, samples and timed events at their intervals. */
static int engine_batch(struct engine *engine, const struct event *events, int nr,
                        struct error *error)
{
    for (int at = 0; at < nr && !engine->stop;) {
        bool timed = engine->done == engine->next_timed;
        uint64_t until = least(least(engine->next_check, engine->next_sample),
                               timed ? engine->done + 1 : engine->next_timed) -
                         engine->done;
        int part = until < (uint64_t)(nr - at) ? (int)until : nr - at;
        int taken = engine_run(engine, events + at, part, engine->done + 1,
                               engine->measure | (timed ? MEASURE_TIME : 0), error);

        if (taken < 0)
            return -1;

        engine->done += (uint64_t)taken;
        at += taken;
        if (timed)
            engine->next_timed = engine->done + timed_interval(engine);
        if (engine_due(engine, &events[at - 1], error) != 0)
            return -1;
    }

    return 0;
}

/* When what is to be done at intervals is to be done first. */
static void engine_schedule(struct engine *engine)
{
    const struct replay_options *options = engine->options;
    uint64_t events = trace_totals(engine->trace)->events;

    engine->check_interval = events / CHECKS + 1;
    engine->next_check = engine->check ? engine->check_interval : UINT64_MAX;
    engine->sample_interval = options->sample_interval;
    engine->next_sample = engine->sample_interval != 0 ? engine->sample_interval : UINT64_MAX;
    if (options->sample_from != 0)
        engine->next_sample = options->sample_from;
    engine->random = 0x9e3779b97f4a7c15u;
    engine->next_timed = options->latency == REPLAY_SAMPLED ? timed_interval(engine) : UINT64_MAX;
    engine->measure =
        (engine->result->meter != NULL && engine->result->meter->has_work ? MEASURE_WORK
                                                                          : MEASURE_NOTHING) |
        (options->latency == REPLAY_EVERY ? MEASURE_TIME : MEASURE_NOTHING);
    if (engine->remote != NULL) { /* time is measured where the stack runs */
        engine->next_timed = UINT64_MAX;
        engine->measure &= ~(unsigned)MEASURE_TIME;
    }
}

/* A further pass begins at the first mark: how many of the NR events come before it. */
static int events_before_mark(const struct event *events, int nr)
{
    int i = 0;

    while (i < nr && events[i].kind != EVENT_MARK)
        i++;

    return i;
}

static void engine_pass_over(struct engine *engine, int nr)
{
    engine->done += (uint64_t)nr;
    engine->passed_over += (uint64_t)nr;
    while (engine->next_check <= engine->done)
        engine->next_check += engine->check_interval;
    if (engine->next_timed < engine->done)
        engine->next_timed = engine->done;
}

#ifdef ENGINE_NOTES_EVENT

/* The process that holds the stack has no other. */
static int engine_batch_remote(struct engine *engine, const struct event *events, int nr, int first,
                               struct error *error)
{
    (void)engine, (void)events, (void)nr, (void)first, (void)error;
    return 0;
}

static int engine_end_remote(struct engine *engine, struct error *error)
{
    (void)engine, (void)error;
    return 0;
}

static struct stack *engine_open_stack(struct engine *engine, const struct stack_config *config,
                                       struct error *error)
{
    return engine->ops->open(engine->ops, config, error);
}

static void engine_conclude_remote(struct engine *engine)
{
    (void)engine;
}

#else

/* What came up between the two stacks, at event NUMBER. */
static void note_differences(struct engine *engine, uint64_t number)
{
    for (unsigned i = 0; i < REMOTE_DIFFERENCES; i++) {
        const struct remote_difference *found =
            remote_difference(engine->stack, (enum remote_difference_of)i);
        struct remote_difference *noted = &engine->result->differences[i];

        if (found == NULL || noted->found)
            continue;
        *noted = *found;
        noted->event = number;
        noted->since = engine->looked;
        /* From here on the two hold different objects. */
        if (i == REMOTE_REFUSAL) {
            remote_abandon(engine->stack);
            engine->stop = true;
        }
    }
}

/* Events side by side: one after the other, so that it is known which one made a difference. */
static int engine_batch_beside(struct engine *engine, const struct event *events, int nr,
                               struct error *error)
{
    for (int i = 0; i < nr && !engine->stop; i++) {
        uint64_t next_sample = engine->next_sample;
        bool look =
            events[i].kind == EVENT_MARK || (events[i].kind == EVENT_TRUTH && engine->truth);

        if (engine_batch(engine, &events[i], 1, error) != 0)
            return -1;
        if (remote_new_difference(engine->stack))
            note_differences(engine, engine->done);
        if (look || engine->next_sample != next_sample)
            engine->looked = engine->done;
    }

    return 0;
}

/* A batch of which the first FIRST are passed over, for a stack in another process: it is handed
 * the events first, all of them, and has given its answers when they are run here. */
static int engine_batch_remote(struct engine *engine, const struct event *events, int nr, int first,
                               struct error *error)
{
    for (int at = 0; at < nr && !engine->stop;) {
        int handed;
        int run = remote_feed(engine->stack, engine->trace, events + at, nr - at, &handed, error);

        if (run < 0)
            return -1;

        int skip = first > at ? first - at : 0;

        int status = 0;

        if (skip < run && engine->options->beside != NULL)
            status = engine_batch_beside(engine, events + at + skip, run - skip, error);
        else if (skip < run)
            status = engine_batch(engine, events + at + skip, run - skip, error);
        if (status != 0)
            return -1;
        if (!engine->stop && remote_settled(engine->stack, error) != 0)
            return -1;
        if (remote_said(engine->stack) != NULL && !engine->stop) {
            snprintf(engine->result->said, sizeof(engine->result->said), "%s",
                     remote_said(engine->stack));
            engine->result->said_event = engine->done + 1 - engine->pass_base;
            engine->stop = true;
        }
        at += handed;
    }

    return 0;
}

static int engine_end_remote(struct engine *engine, struct error *error)
{
    return remote_end(engine->stack, error);
}

static struct stack *engine_open_stack(struct engine *engine, const struct stack_config *config,
                                       struct error *error)
{
    engine->remote = remote_of(engine->ops);
    return engine->remote != NULL
               ? remote_open(engine->remote, engine->trace, engine->options, config, error)
               : engine->ops->open(engine->ops, config, error);
}

/* What was measured there. */
static void engine_conclude_remote(struct engine *engine)
{
    if (engine->remote != NULL)
        engine->result->wall_ns = remote_wall_ns(engine->stack, engine->result->meter);
}

#endif

/* One pass over the trace. */
static int engine_pass(struct engine *engine, struct error *error)
{
    struct progress *progress = engine->options->progress;
    bool begun = engine->pass == 0;

    while (!engine->stop) {
        const struct event *events;
        int nr = trace_read(engine->trace, &events, error);
        int first = 0;

        if (nr == 0 && engine->remote != NULL)
            return engine_end_remote(engine, error);
        if (nr <= 0)
            return nr;
        if (!begun) {
            first = events_before_mark(events, nr);
            begun = first < nr;
            engine_pass_over(engine, first);
        }
        if (engine->remote != NULL) {
            if (engine_batch_remote(engine, events, nr, first, error) != 0)
                return -1;
        } else if (engine_batch(engine, events + first, nr - first, error) != 0) {
            return -1;
        }
        if (progress != NULL)
            progress_update(progress, engine->done);
    }

    return 0;
}

static int engine_stream(struct engine *engine, struct error *error)
{
    unsigned passes = engine->options->passes > 1 ? engine->options->passes : 1;

    engine_schedule(engine);

    for (;;) {
        if (engine_pass(engine, error) != 0)
            return -1;
        if (engine->stop)
            break;
        if (++engine->pass == passes)
            break;
        if (engine_again(engine, error) != 0)
            return -1;
    }

    engine->result->passes = engine->pass;
    return engine->check ? engine_check_stack(engine, engine->done, error) : 0;
}

static void engine_conclude(struct engine *engine)
{
    struct replay_result *result = engine->result;

    result->events = engine->done - engine->passed_over;
    result->stopped = engine->stop;
    result->requested = engine->requested;
    result->requested_peak = engine->requested_peak;
    result->requested_peak_event = engine->requested_peak_event;
    result->digest = digest_value(&engine->digest);
    if (engine->pass_base != 0) {
        result->names_compared = engine->names.compared;
        result->names_different = engine->names.different;
        result->first_different_name = engine->names.first;
    }
    if (result->meter != NULL && result->meter->has_work)
        meter_work_complete(result->meter);
    if (result->series != NULL && engine->pass_base == 0)
        engine_sample_end(engine, engine->done, trace_totals(engine->trace)->last_time);
    engine_point(engine, &result->end, "end", 3, engine->done - engine->pass_base,
                 trace_totals(engine->trace)->last_time);
    result->snapshot = engine->snapshot;
}

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Room for a sample at each interval, at each mark and at the end. */
static int engine_open_series(struct engine *engine, struct error *error)
{
    const struct trace_totals *totals = trace_totals(engine->trace);
    uint64_t interval = engine->options->sample_interval;

    if (interval == 0)
        return 0;

    struct series *series = calloc(1, sizeof(*series));
    uint64_t span = engine->options->sample_to != 0
                        ? engine->options->sample_to - engine->options->sample_from + interval
                        : totals->events;
    uint64_t most = span / interval + totals->by_kind[EVENT_MARK] + 2;

    if (series == NULL)
        return error_set(error, "no memory for the series");
    if (series_open(series, most, error) != 0) {
        free(series);
        return -1;
    }

    engine->result->series = series;
    return 0;
}

/* Work is measured where the stack counts it. */
static int engine_open_meter(struct engine *engine, struct error *error)
{
    const struct replay_options *options = engine->options;
    unsigned measure =
        (options->work && engine->stack->work != NULL ? MEASURE_WORK : MEASURE_NOTHING) |
        (options->latency != REPLAY_UNTIMED ? MEASURE_TIME : MEASURE_NOTHING);

    if (measure == MEASURE_NOTHING)
        return 0;

    struct meter *meter = calloc(1, sizeof(*meter));

    if (meter == NULL)
        return error_set(error, "no memory for the measurement");
    if (meter_open(meter, measure, options->stopwatch, error) != 0) {
        free(meter);
        return -1;
    }

    if ((measure & MEASURE_TIME) != 0)
        meter->events = trace_totals(engine->trace)->events;
    if ((measure & MEASURE_WORK) != 0)
        meter_forget(meter, engine->stack->work);
    engine->result->meter = meter;
    return 0;
}

static int engine_replay(struct engine *engine, const struct stack_config *config,
                         struct error *error)
{
    const struct trace_machine *machine = &trace_header(engine->trace)->machine;
    int status = -1;

    engine->units_per_tick = machine->ticks_per_second / TICKS_PER_SECOND;
    engine->boot_pages = config->boot_pages_follow;
    engine->kernel_base = config->geometry->kernel_base;
    engine->address_offset =
        machine->kernel_base != 0 ? engine->kernel_base - machine->kernel_base : 0;

    engine->stack = engine_open_stack(engine, config, error);
    if (engine->stack == NULL)
        return -1;

    engine->result->started = true;
    engine->stack->privileged = true;
    if (engine_open_meter(engine, error) != 0 || engine_open_series(engine, error) != 0) {
        engine->ops->close(engine->stack);
        return -1;
    }

    uint64_t start = clock_ns();

    if (engine_stream(engine, error) == 0) {
        engine->result->wall_ns = clock_ns() - start;
        engine_conclude(engine);
        engine_conclude_remote(engine);
        status = 0;
    }

    engine->ops->close(engine->stack);
    return status;
}

/* What the result says of the machine. */
static void describe(struct replay_result *result, const struct stack_ops *ops,
                     const struct stack_config *config, const struct trace_totals *totals)
{
    memcpy(result->by_kind, totals->by_kind, sizeof(result->by_kind));
    result->geometry = config->geometry;
    result->memory = config->memory;
    result->captured_machine = config->segments != NULL || config->boot_pages_follow;
    result->pages = config->pages != NULL ? config->pages->name : ops->pages;
    result->map = config->map != NULL ? config->map->name : ops->map;
}

int replay_run(struct trace_reader *trace, const struct stack_ops *ops,
               const struct replay_options *options, struct replay_result *result,
               struct error *error)
{
    struct segment segments[SEGMENTS_MAX];
    struct stack_config config;
    int status = -1;

    memset(result, 0, sizeof(*result));
    result->truth.first_counter = TRUTH_COUNTERS;

    if (replay_configure(trace, options, segments, &config, error) != 0 ||
        trace_rewind(trace, error) != 0)
        return -1;

    describe(result, ops, &config, trace_totals(trace));
    result->most_passes = options->passes > 1 ? options->passes : 1;
    result->sample_interval = options->sample_interval;

    struct engine *engine = calloc(1, sizeof(*engine));

    if (engine == NULL)
        return error_set(error, "no memory for the replay");

    engine->ops = ops;
    engine->trace = trace;
    engine->options = options;
    engine->result = result;
    engine->check = options->check;
    engine->truth = options->truth;

    if (engine_reserve(engine, trace_totals(trace), error) == 0 &&
        digest_open(&engine->digest, error) == 0) {
        if (!engine->truth ||
            truth_open(&engine->truth_state, &result->truth, trace_header(trace), ops,
                       engine->max_spaces, options->keys == REPLAY_KEYS_OWN, error) == 0)
            status = engine_replay(engine, &config, error);
        truth_close(&engine->truth_state);
        digest_close(&engine->digest);
    }

    engine_unreserve(engine);
    free(engine);
    return status;
}

void replay_result_free(struct replay_result *result)
{
    free(result->points);
    result->points = NULL;
    if (result->meter != NULL)
        meter_close(result->meter);
    free(result->meter);
    result->meter = NULL;
    if (result->series != NULL)
        series_close(result->series);
    free(result->series);
    result->series = NULL;
}

static uint64_t sum(const uint64_t *counts)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < EVENT_KINDS; i++)
        total += counts[i];

    return total;
}

uint64_t replay_refused(const struct replay_result *result)
{
    return sum(result->refused);
}

uint64_t replay_skipped(const struct replay_result *result)
{
    return sum(result->skipped);
}
