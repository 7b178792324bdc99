/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A comparison as JSON. An element that could not be made takes the whole with it: what is printed
 * is complete.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "traces/trace_compare_private.h"
#include "traces/trace_private.h"

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

static void set(json_t **object, const char *key, json_t *value)
{
    if (*object != NULL && json_object_set_new_nocheck(*object, key, value) == 0)
        return;
    if (*object == NULL)
        json_decref(value);
    json_decref(*object);
    *object = NULL;
}

static void append(json_t **array, json_t *value)
{
    if (*array != NULL && json_array_append_new(*array, value) == 0)
        return;
    if (*array == NULL)
        json_decref(value);
    json_decref(*array);
    *array = NULL;
}

/* What both have: [A's, B's]. */
static json_t *counts(uint64_t a, uint64_t b)
{
    return json_pack("[I, I]", (json_int_t)a, (json_int_t)b);
}

static json_t *figures(double a, double b)
{
    return json_pack("[f, f]", a, b);
}

static json_t *json_trace(const struct trace_profile *profile)
{
    const struct trace_machine *machine = &trace_header(profile->reader)->machine;
    char digest[17];

    snprintf(digest, sizeof(digest), "%016" PRIx64, trace_digest(profile->reader));
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "path", text(trace_path(profile->reader)),
                     "digest", digest, "geometry", text(machine->geometry), "ticks_per_second",
                     number(machine->ticks_per_second), "events", number(profile->whole.events),
                     "phases", number(profile->nr_phases));
}

/* ---- A phase ---- */

static json_t *json_kinds(const struct compare_phase *phase)
{
    json_t *object = json_object();

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        if (phase->a->by_kind[kind] != 0 || phase->b->by_kind[kind] != 0)
            set(&object, event_kind_name(kind),
                counts(phase->a->by_kind[kind], phase->b->by_kind[kind]));
    return object;
}

static json_t *json_source(const char *name, const struct profile_source *a,
                           const struct profile_source *b)
{
    struct compare_distance lifetimes = trace_compare_lifetimes(a, b);

    return json_pack("{s:o, s:o, s:o, s:o, s:f, s:f}", "name", text(name), "allocs",
                     counts(a->allocs, b->allocs), "frees", counts(a->frees, b->frees), "survivors",
                     counts(a->survivors, b->survivors), "lifetimes_ks", lifetimes.ks, "chance",
                     lifetimes.chance);
}

static json_t *json_sources(const struct trace_comparison *comparison,
                            const struct compare_phase *phase)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < comparison->nr_sources; i++) {
        const struct compare_source *source = &comparison->sources[i];
        const struct profile_source *a = trace_compare_source_get(phase->a, source->a);
        const struct profile_source *b = trace_compare_source_get(phase->b, source->b);

        if (a->allocs != 0 || b->allocs != 0 || a->frees != 0 || b->frees != 0)
            append(&array, json_source(source->name, a, b));
    }
    return array;
}

static json_t *json_classes(const struct compare_phase *phase)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < PROFILE_CLASSES; i++)
        set(&object, compare_class_names[i],
            json_pack("{s:o, s:o, s:f, s:f, s:f, s:f}", "born",
                      counts(phase->a->classes[i].born, phase->b->classes[i].born), "survivors",
                      counts(phase->a->classes[i].survivors, phase->b->classes[i].survivors),
                      "sizes_ks", phase->sizes[i].ks, "lifetimes_events_ks", phase->by_events[i].ks,
                      "lifetimes_time_ks", phase->by_time[i].ks, "chance",
                      phase->by_events[i].chance));
    return object;
}

static json_t *json_alive(const struct compare_phase *phase)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < PROFILE_GAUGES; i++) {
        const struct profile_gauge_figures *a = &phase->a->gauges[i], *b = &phase->b->gauges[i];

        set(&object, compare_gauge_names[i],
            json_pack("{s:o, s:o, s:o, s:f}", "start", counts(a->start, b->start), "peak",
                      counts(a->peak, b->peak), "end", counts(a->end, b->end), "curve",
                      phase->curves[i]));
    }
    return object;
}

static double mean(const struct buckets *buckets)
{
    return buckets->count == 0 ? 0 : (double)buckets->sum / (double)buckets->count;
}

static json_t *json_phase(const struct trace_comparison *comparison,
                          const struct compare_phase *phase)
{
    const struct profile_phase *a = phase->a, *b = phase->b;
    char of_a[COMPARE_NAME_MAX], of_b[COMPARE_NAME_MAX];

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:f, s:o, s:o, s:o, s:o}", "a",
        text(trace_compare_phase_name(a, of_a)), "b", text(trace_compare_phase_name(b, of_b)),
        "events", counts(a->events, b->events), "first_event",
        counts(a->first_event, b->first_event), "refused", counts(a->refused, b->refused), "ticks",
        counts(a->ticks, b->ticks), "burstiness",
        figures(trace_profile_burstiness(a), trace_profile_burstiness(b)), "kinds_l1", phase->kinds,
        "kinds", json_kinds(phase), "sources_l1", phase->sources, "sources",
        json_sources(comparison, phase), "classes", json_classes(phase), "alive", json_alive(phase),
        "rows",
        json_pack("{s:o, s:f, s:f}", "mean", figures(mean(&a->rows), mean(&b->rows)), "ks",
                  phase->rows.ks, "chance", phase->rows.chance));
}

/* ---- All ---- */

static json_t *json_alone(const struct trace_comparison *comparison,
                          const struct trace_profile *profile)
{
    json_t *array = json_array();
    char name[COMPARE_NAME_MAX];

    for (unsigned i = 0; i < profile->nr_phases; i++)
        if (!trace_compare_has(comparison, &profile->phases[i]))
            append(&array, text(trace_compare_phase_name(&profile->phases[i], name)));
    return array;
}

static json_t *json_excesses(const struct trace_comparison *comparison, unsigned found,
                             struct compare_excess *excesses, unsigned *figures_judged)
{
    json_t *array = json_array();

    trace_compare_judge(comparison, excesses, found, figures_judged);
    for (unsigned i = 0; i < found; i++) {
        char of_a[COMPARE_NAME_MAX], of_b[COMPARE_NAME_MAX];

        append(&array, json_pack("{s:o, s:o, s:o, s:f, s:f}", "a",
                                 text(trace_compare_phase_name(excesses[i].phase->a, of_a)), "b",
                                 text(trace_compare_phase_name(excesses[i].phase->b, of_b)), "what",
                                 text(excesses[i].what), "value", excesses[i].value, "bound",
                                 excesses[i].bound));
    }
    return array;
}

static json_t *json_judgement(const struct trace_comparison *comparison)
{
    unsigned judged, found = trace_compare_judge(comparison, NULL, 0, &judged);
    struct compare_excess *excesses = calloc((size_t)found + 1, sizeof(*excesses));
    json_t *array;

    if (excesses == NULL)
        return NULL;
    array = json_excesses(comparison, found, excesses, &judged);
    free(excesses);
    return json_pack("{s:o, s:b, s:o}", "figures", number(judged), "alike", found == 0, "beyond",
                     array);
}

json_t *trace_comparison_json(const struct trace_comparison *comparison)
{
    json_t *phases = json_array();

    for (unsigned i = 0; i < comparison->nr_phases; i++)
        append(&phases, json_phase(comparison, &comparison->phases[i]));
    return json_pack(
        "{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "allotrope-trace-comparison",
        "version", 1, "a", json_trace(comparison->a), "b", json_trace(comparison->b), "whole",
        json_phase(comparison, &comparison->whole), "phases", phases, "only_a",
        json_alone(comparison, comparison->a), "only_b", json_alone(comparison, comparison->b),
        "judgement", json_judgement(comparison));
}
