/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pass over a trace, with a record of a birth for each number of an object or a right: when it
 * was, in which phase, of what source. All else are sums.
 *
 * A lifetime counts where it began: what a phase allocates and how long that lives is what the
 * phase does, whichever phase frees it. What is alive at the end of the trace counts as living
 * longer than all that died: it did, as far as anyone saw.
 *
 * The whole trace is the sum of its phases, but for the curves, which have other distances, and the
 * gaps between events of two phases.
 */

#include "traces/trace_profile.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/trace_private.h"

#define MARK_MAX 200

struct birth {
    uint64_t event, time;
    uint64_t left; /* bytes; 0: not alive */
    uint32_t phase, source;
    uint8_t type;
};

struct right_birth {
    uint64_t event, time;
    uint32_t phase, space, next, previous;
    bool alive;
};

struct profiler {
    struct trace_profile *profile;
    struct trace_reader *reader;
    struct profile_phase *phase; /* that events go to */
    struct birth *births;        /* by number of object */
    struct right_birth *rights;
    uint32_t *first; /* right of each space */
    uint64_t live[PROFILE_GAUGES];
    uint64_t number; /* of the event, from 1 */
    uint64_t time, last_time;
    double nanoseconds; /* of a tick */
    uint64_t row;       /* allocations in a row */
    uint64_t page_size;
    bool failed; /* for want of memory */
};

/* ---- Curves ---- */

/* When it is full, every other point goes: so it is never less than half full. */
static void curve_add(struct profile_curve *curve, uint64_t value)
{
    if (curve->stride == 0)
        curve->stride = curve->next = 1;
    if (--curve->next != 0)
        return;
    curve->next = curve->stride;
    if (curve->nr == PROFILE_CURVE) {
        for (unsigned i = 0; i < PROFILE_CURVE / 2; i++)
            curve->points[i] = curve->points[2 * i + 1];
        curve->nr = PROFILE_CURVE / 2;
        curve->next = curve->stride; /* the first event that the new distance has */
        curve->stride *= 2;
        return;
    }
    curve->points[curve->nr++] = value;
}

static void gauge_add(struct profile_gauge_figures *gauge, uint64_t value)
{
    if (value > gauge->peak)
        gauge->peak = value;
    gauge->end = value;
    curve_add(&gauge->curve, value);
}

/* ---- Births and deaths ---- */

static struct profile_source *source_of(struct profiler *profiler, uint32_t phase, uint32_t source)
{
    return &profiler->profile->phases[phase].sources[source];
}

static void lived(struct profiler *profiler, uint32_t phase, unsigned type, uint64_t event,
                  uint64_t time)
{
    struct profile_phase *born = &profiler->profile->phases[phase];
    double nanoseconds = (double)(profiler->time - time) * profiler->nanoseconds;

    if (buckets_add(&born->classes[type].by_events, profiler->number - event) != 0 ||
        buckets_add(&born->classes[type].by_time, (uint64_t)nanoseconds) != 0)
        profiler->failed = true;
}

/* Returns the bytes that live, which are at least one. */
static uint64_t object_born(struct profiler *profiler, const struct event *event, unsigned type,
                            uint32_t source, uint64_t bytes)
{
    uint32_t phase = (uint32_t)(profiler->phase - profiler->profile->phases);

    bytes += bytes == 0;
    profiler->births[event->object] = (struct birth){.event = profiler->number,
                                                     .time = event->time,
                                                     .left = bytes,
                                                     .phase = phase,
                                                     .source = source,
                                                     .type = (uint8_t)type};
    profiler->phase->classes[type].born++;
    profiler->row++;
    if (source != OBJECT_NONE)
        source_of(profiler, phase, source)->allocs++;
    return bytes;
}

static void object_died(struct profiler *profiler, const struct birth *birth)
{
    struct profile_source *source;

    lived(profiler, birth->phase, birth->type, birth->event, birth->time);
    if (birth->source == OBJECT_NONE)
        return;
    source_of(profiler, (uint32_t)(profiler->phase - profiler->profile->phases), birth->source)
        ->frees++;
    source = source_of(profiler, birth->phase, birth->source);
    if (source->lifetimes == NULL)
        source->lifetimes = calloc(1, sizeof(*source->lifetimes));
    if (source->lifetimes == NULL ||
        buckets_add(source->lifetimes, profiler->number - birth->event) != 0)
        profiler->failed = true;
}

/* BYTES of it go, which are all but for pages and ranges. Returns how many did; none of what a
 * trace frees that `trace check` would refuse. */
static uint64_t object_freed(struct profiler *profiler, uint32_t object, unsigned type,
                             uint64_t bytes)
{
    struct birth *birth = &profiler->births[object];
    uint64_t gone = bytes < birth->left ? bytes : birth->left;

    if (birth->left == 0 || birth->type != type)
        return 0;
    birth->left -= gone;
    if (birth->left == 0)
        object_died(profiler, birth);
    return gone;
}

/* ---- Rights ---- */

static void right_born(struct profiler *profiler, const struct event *event)
{
    struct right_birth *right = &profiler->rights[event->object];
    uint32_t *first = &profiler->first[event->where];

    if (right->alive)
        return;
    *right = (struct right_birth){.event = profiler->number,
                                  .time = event->time,
                                  .phase = (uint32_t)(profiler->phase - profiler->profile->phases),
                                  .space = event->where,
                                  .next = *first,
                                  .previous = OBJECT_NONE,
                                  .alive = true};
    if (*first != OBJECT_NONE)
        profiler->rights[*first].previous = event->object;
    *first = event->object;
    profiler->phase->classes[PROFILE_NAMES].born++;
    profiler->live[PROFILE_GAUGE_NAMES]++;
    profiler->row++;
}

static void right_died(struct profiler *profiler, uint32_t number)
{
    struct right_birth *right = &profiler->rights[number];

    if (!right->alive)
        return;
    right->alive = false;
    if (right->previous != OBJECT_NONE)
        profiler->rights[right->previous].next = right->next;
    else
        profiler->first[right->space] = right->next;
    if (right->next != OBJECT_NONE)
        profiler->rights[right->next].previous = right->previous;
    profiler->live[PROFILE_GAUGE_NAMES]--;
    lived(profiler, right->phase, PROFILE_NAMES, right->event, right->time);
}

/* ---- Events ---- */

static uint32_t kalloc_source(const struct profiler *profiler, uint32_t size)
{
    return profiler->profile->nr_caches + (size <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(size - 1));
}

static void count_size(struct profiler *profiler, unsigned type, uint64_t size)
{
    if (buckets_add(&profiler->phase->classes[type].sizes, size) != 0)
        profiler->failed = true;
}

static void row_end(struct profiler *profiler)
{
    if (profiler->row != 0 && buckets_add(&profiler->phase->rows, profiler->row) != 0)
        profiler->failed = true;
    profiler->row = 0;
}

/* Map ranges are whole pages. */
static uint64_t rounded(const struct profiler *profiler, uint64_t bytes)
{
    return (bytes + profiler->page_size - 1) / profiler->page_size * profiler->page_size;
}

static void count_alloc(struct profiler *profiler, const struct event *event)
{
    uint64_t *live = profiler->live, size = event->size;

    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        size = profiler->profile->caches[event->where].size;
        live[PROFILE_GAUGE_OBJECTS] +=
            object_born(profiler, event, PROFILE_OBJECTS, event->where, size);
        break;
    case EVENT_KALLOC:
        live[PROFILE_GAUGE_OBJECTS] += object_born(profiler, event, PROFILE_KALLOC,
                                                   kalloc_source(profiler, event->size), size);
        count_size(profiler, PROFILE_KALLOC, size);
        break;
    case EVENT_PAGE_ALLOC:
        live[PROFILE_GAUGE_PAGES] += object_born(profiler, event, PROFILE_PAGES, OBJECT_NONE, size);
        count_size(profiler, PROFILE_PAGES, size);
        break;
    case EVENT_MAP_ALLOC:
        size = rounded(profiler, size);
        live[PROFILE_GAUGE_RANGES] +=
            object_born(profiler, event, PROFILE_RANGES, OBJECT_NONE, size);
        count_size(profiler, PROFILE_RANGES, size);
        break;
    default:
        right_born(profiler, event);
        break;
    }
}

static void count_free(struct profiler *profiler, const struct event *event)
{
    uint64_t *live = profiler->live;
    uint32_t object = event->object;

    row_end(profiler);
    switch (event->kind) {
    case EVENT_CACHE_FREE:
        live[PROFILE_GAUGE_OBJECTS] -= object_freed(profiler, object, PROFILE_OBJECTS, UINT64_MAX);
        break;
    case EVENT_KFREE:
        live[PROFILE_GAUGE_OBJECTS] -= object_freed(profiler, object, PROFILE_KALLOC, UINT64_MAX);
        break;
    case EVENT_PAGE_FREE:
        live[PROFILE_GAUGE_PAGES] -= object_freed(profiler, object, PROFILE_PAGES, event->size);
        break;
    case EVENT_MAP_FREE:
        live[PROFILE_GAUGE_RANGES] -=
            object_freed(profiler, object, PROFILE_RANGES, rounded(profiler, event->size));
        break;
    case EVENT_SPACE_DESTROY:
        while (profiler->first[event->where] != OBJECT_NONE)
            right_died(profiler, profiler->first[event->where]);
        break;
    default:
        right_died(profiler, object);
        break;
    }
}

static void count_kind(struct profiler *profiler, const struct event *event)
{
    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
    case EVENT_KALLOC:
    case EVENT_PAGE_ALLOC:
    case EVENT_MAP_ALLOC:
    case EVENT_NAME_ALLOC:
    case EVENT_NAME_ALLOC_AT:
        count_alloc(profiler, event);
        break;
    case EVENT_CACHE_FREE:
    case EVENT_KFREE:
    case EVENT_PAGE_FREE:
    case EVENT_MAP_FREE:
    case EVENT_SPACE_DESTROY:
    case EVENT_NAME_FREE:
        count_free(profiler, event);
        break;
    default:
        break;
    }
}

/* ---- Phases ---- */

static int phase_begin(struct profiler *profiler, const char *mark, size_t size)
{
    struct trace_profile *profile = profiler->profile;
    struct profile_phase *phases =
        realloc(profile->phases, (profile->nr_phases + 1) * sizeof(*phases));
    struct profile_phase *phase;

    if (phases == NULL)
        return -1;
    profile->phases = phases;
    phase = &phases[profile->nr_phases];
    memset(phase, 0, sizeof(*phase));
    phase->sources = calloc(profile->nr_sources, sizeof(*phase->sources));
    phase->mark = strndup(mark, size < MARK_MAX ? size : MARK_MAX);
    if (phase->sources == NULL || phase->mark == NULL) {
        free(phase->sources);
        free(phase->mark);
        return -1;
    }
    for (char *c = phase->mark; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    phase->ordinal = 1;
    for (unsigned i = 0; i < profile->nr_phases; i++)
        phase->ordinal += strcmp(phases[i].mark, phase->mark) == 0;
    phase->first_event = profiler->number != 0 ? profiler->number : 1;
    for (unsigned gauge = 0; gauge < PROFILE_GAUGES; gauge++)
        phase->gauges[gauge].start = phase->gauges[gauge].end = phase->gauges[gauge].peak =
            profiler->live[gauge];
    profile->nr_phases++;
    profiler->phase = phase;
    return 0;
}

static int begin_at_mark(struct profiler *profiler, const struct event *event)
{
    size_t size;
    const char *mark = trace_payload(profiler->reader, event, &size);

    row_end(profiler);
    if (profiler->number == 1) { /* nothing is before it */
        free(profiler->phase->sources);
        free(profiler->phase->mark);
        profiler->profile->nr_phases = 0;
    }
    profiler->last_time = event->time;
    return phase_begin(profiler, mark, size);
}

static void count_gap(struct profiler *profiler, const struct event *event)
{
    uint64_t gap = event->time - profiler->last_time;

    if (profiler->phase->events != 0) {
        profiler->phase->gaps++;
        profiler->phase->gap_squares += (unsigned __int128)gap * gap;
        profiler->phase->ticks += gap;
    }
    profiler->last_time = event->time;
}

static int count_event(struct profiler *profiler, const struct event *event, struct error *error)
{
    struct profile_phase *phase;

    profiler->number++;
    profiler->time = event->time;
    if (event->kind == EVENT_MARK && begin_at_mark(profiler, event) != 0)
        profiler->failed = true;
    if (event->kind == EVENT_CACHE_CREATE &&
        trace_decode_cache(profiler->reader, event, &profiler->profile->caches[event->where],
                           error) != 0)
        return -1;
    if (profiler->failed)
        return error_set(error, "%s: not enough memory", trace_path(profiler->reader));
    phase = profiler->phase;
    count_gap(profiler, event);
    phase->events++;
    phase->by_kind[event->kind]++;
    if ((event->flags & EVENT_FAILED) != 0)
        phase->refused++;
    else
        count_kind(profiler, event);
    for (unsigned gauge = 0; gauge < PROFILE_GAUGES; gauge++) {
        gauge_add(&phase->gauges[gauge], profiler->live[gauge]);
        gauge_add(&profiler->profile->whole.gauges[gauge], profiler->live[gauge]);
    }
    return 0;
}

/* What is alive at the end of the trace. */
static void count_survivors(struct profiler *profiler)
{
    const struct trace_totals *totals = trace_totals(profiler->reader);

    row_end(profiler);
    for (uint32_t i = 0; i < totals->peak_objects; i++) {
        const struct birth *birth = &profiler->births[i];

        if (birth->left == 0)
            continue;
        profiler->profile->phases[birth->phase].classes[birth->type].survivors++;
        if (birth->source != OBJECT_NONE)
            source_of(profiler, birth->phase, birth->source)->survivors++;
    }
    for (uint32_t i = 0; i < totals->peak_rights; i++)
        if (profiler->rights[i].alive)
            profiler->profile->phases[profiler->rights[i].phase].classes[PROFILE_NAMES].survivors++;
}

/* ---- The whole ---- */

static int source_merge(struct profile_source *to, const struct profile_source *from)
{
    to->allocs += from->allocs;
    to->frees += from->frees;
    to->survivors += from->survivors;
    if (from->lifetimes == NULL)
        return 0;
    if (to->lifetimes == NULL)
        to->lifetimes = calloc(1, sizeof(*to->lifetimes));
    return to->lifetimes == NULL ? -1 : buckets_merge(to->lifetimes, from->lifetimes);
}

static int class_merge(struct profile_phase *to, const struct profile_phase *from, unsigned type)
{
    to->classes[type].born += from->classes[type].born;
    to->classes[type].survivors += from->classes[type].survivors;
    if (buckets_merge(&to->classes[type].sizes, &from->classes[type].sizes) != 0 ||
        buckets_merge(&to->classes[type].by_events, &from->classes[type].by_events) != 0)
        return -1;
    return buckets_merge(&to->classes[type].by_time, &from->classes[type].by_time);
}

static int phase_merge(struct trace_profile *profile, const struct profile_phase *phase)
{
    struct profile_phase *whole = &profile->whole;

    whole->events += phase->events;
    whole->refused += phase->refused;
    whole->gaps += phase->gaps;
    whole->gap_squares += phase->gap_squares;
    whole->ticks += phase->ticks;
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        whole->by_kind[kind] += phase->by_kind[kind];
    for (uint32_t source = 0; source < profile->nr_sources; source++)
        if (source_merge(&whole->sources[source], &phase->sources[source]) != 0)
            return -1;
    for (unsigned type = 0; type < PROFILE_CLASSES; type++)
        if (class_merge(whole, phase, type) != 0)
            return -1;
    return buckets_merge(&whole->rows, &phase->rows);
}

static int merge_all(struct trace_profile *profile, struct error *error)
{
    profile->whole.ordinal = 1;
    profile->whole.first_event = 1;
    for (unsigned i = 0; i < profile->nr_phases; i++)
        if (phase_merge(profile, &profile->phases[i]) != 0)
            return error_set(error, "%s: not enough memory", trace_path(profile->reader));
    return 0;
}

/* ---- The pass ---- */

static int read_all(struct profiler *profiler, struct error *error)
{
    const struct event *events;
    int n;

    if (trace_rewind(profiler->reader, error) != 0)
        return -1;
    while ((n = trace_read(profiler->reader, &events, error)) > 0)
        for (int i = 0; i < n; i++)
            if (count_event(profiler, &events[i], error) != 0)
                return -1;
    if (n == 0)
        count_survivors(profiler);
    return n < 0 || profiler->failed ? -1 : merge_all(profiler->profile, error);
}

static int profiler_open(struct profiler *profiler)
{
    const struct trace_totals *totals = trace_totals(profiler->reader);
    const struct trace_machine *machine = &trace_header(profiler->reader)->machine;
    struct trace_profile *profile = profiler->profile;

    profiler->page_size = machine->page_size != 0 ? machine->page_size : 4096;
    profiler->nanoseconds =
        machine->ticks_per_second == 0 ? 1 : 1e9 / (double)machine->ticks_per_second;
    profile->reader = profiler->reader;
    profile->nr_caches = totals->peak_caches;
    profile->nr_sources = totals->peak_caches + PROFILE_KALLOC_SOURCES;
    profile->caches = calloc((size_t)totals->peak_caches + 1, sizeof(*profile->caches));
    profile->whole.sources = calloc(profile->nr_sources, sizeof(*profile->whole.sources));
    profiler->births = calloc((size_t)totals->peak_objects + 1, sizeof(*profiler->births));
    profiler->rights = calloc((size_t)totals->peak_rights + 1, sizeof(*profiler->rights));
    profiler->first = malloc(((size_t)totals->peak_spaces + 1) * sizeof(*profiler->first));
    if (profile->caches == NULL || profile->whole.sources == NULL || profiler->births == NULL ||
        profiler->rights == NULL || profiler->first == NULL)
        return -1;
    memset(profiler->first, 0xff, ((size_t)totals->peak_spaces + 1) * sizeof(*profiler->first));
    return phase_begin(profiler, "", 0);
}

struct trace_profile *trace_profile_create(struct trace_reader *reader, struct error *error)
{
    struct profiler profiler = {.reader = reader, .profile = calloc(1, sizeof(*profiler.profile))};
    int result = -1;

    if (profiler.profile == NULL || profiler_open(&profiler) != 0)
        error_set(error, "%s: not enough memory", trace_path(reader));
    else
        result = read_all(&profiler, error);
    free(profiler.births);
    free(profiler.rights);
    free(profiler.first);
    if (result == 0)
        return profiler.profile;
    trace_profile_destroy(profiler.profile);
    return NULL;
}

static void phase_clear(struct profile_phase *phase, uint32_t nr_sources)
{
    for (uint32_t source = 0; source < nr_sources && phase->sources != NULL; source++)
        if (phase->sources[source].lifetimes != NULL) {
            buckets_clear(phase->sources[source].lifetimes);
            free(phase->sources[source].lifetimes);
        }
    for (unsigned type = 0; type < PROFILE_CLASSES; type++) {
        buckets_clear(&phase->classes[type].sizes);
        buckets_clear(&phase->classes[type].by_events);
        buckets_clear(&phase->classes[type].by_time);
    }
    buckets_clear(&phase->rows);
    free(phase->sources);
    free(phase->mark);
}

void trace_profile_destroy(struct trace_profile *profile)
{
    if (profile == NULL)
        return;
    for (unsigned i = 0; i < profile->nr_phases; i++)
        phase_clear(&profile->phases[i], profile->nr_sources);
    phase_clear(&profile->whole, profile->nr_sources);
    free(profile->phases);
    free(profile->caches);
    free(profile);
}

/* ---- Figures ---- */

void trace_profile_source_name(const struct trace_profile *profile, uint32_t source,
                               char text[PROFILE_SOURCE_NAME_MAX])
{
    if (source < profile->nr_caches)
        snprintf(text, PROFILE_SOURCE_NAME_MAX, "%.63s", profile->caches[source].name);
    else
        snprintf(text, PROFILE_SOURCE_NAME_MAX, "kalloc %" PRIu64,
                 UINT64_C(1) << (source - profile->nr_caches));
}

double trace_profile_burstiness(const struct profile_phase *phase)
{
    double mean, variance, deviation;

    if (phase->gaps < 2 || phase->ticks == 0)
        return 0;
    mean = (double)phase->ticks / (double)phase->gaps;
    variance = (double)phase->gap_squares / (double)phase->gaps - mean * mean;
    deviation = variance > 0 ? sqrt(variance) : 0;
    return (deviation - mean) / (deviation + mean);
}
