/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two profiles side by side: phases are paired by their marks, caches by their names, and each pair
 * is given its distances.
 *
 * Three kinds of distance, each for what it is good at. Mixes (what kinds of events, which caches)
 * have no order: L1, the sum of the differences of shares, from 0 to 2. Sizes and lifetimes have
 * one: Kolmogorov and Smirnov's, the greatest difference of the two distribution functions, which
 * no choice of bins or weights can flatter. Levels (bytes alive) are compared at the end of each
 * phase and by the mean difference of their curves.
 *
 * A distance of few values is large by chance. So each comes with the distance that two samples of
 * so many values pass once in a hundred though they are of one distribution: 1.63 * sqrt((n + m) /
 * (n * m)) (Smirnov, "Table for estimating the goodness of fit of empirical distributions", 1948).
 */

#include "traces/trace_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "traces/trace_compare_private.h"
#include "traces/trace_private.h"

#define CHANCE       1.63 /* of 1 in 100 */
#define CURVE_POINTS 128  /* that curves are compared at */

/* What a generated trace is held to; docs/trace-compare.md has the reasons. */
#define BOUND_RATIO 0.1
#define BOUND_L1    0.1
#define BOUND_KS    0.1

const char *const compare_class_names[PROFILE_CLASSES] = {
    "objects", "kalloc", "pages", "ranges", "names",
};

const char *const compare_gauge_names[PROFILE_GAUGES] = {
    "objects",
    "pages",
    "ranges",
    "names",
};

/* ---- Distances ---- */

static double chance(uint64_t n, uint64_t m)
{
    double of_a = (double)n, of_b = (double)m, passed;

    if (n == 0 || m == 0)
        return 0;
    passed = CHANCE * sqrt((of_a + of_b) / (of_a * of_b));
    return passed < 1 ? passed : 1;
}

static struct compare_distance distance(const struct buckets *a, uint64_t more_a,
                                        const struct buckets *b, uint64_t more_b)
{
    return (struct compare_distance){.ks = buckets_distance(a, more_a, b, more_b),
                                     .chance = chance(a->count + more_a, b->count + more_b)};
}

const struct profile_source *trace_compare_source_get(const struct profile_phase *phase,
                                                      uint32_t source)
{
    static const struct profile_source none;

    return source == OBJECT_NONE ? &none : &phase->sources[source];
}

struct compare_distance trace_compare_lifetimes(const struct profile_source *a,
                                                const struct profile_source *b)
{
    static const struct buckets none;

    return distance(a->lifetimes != NULL ? a->lifetimes : &none, a->survivors,
                    b->lifetimes != NULL ? b->lifetimes : &none, b->survivors);
}

static double share(uint64_t part, uint64_t all)
{
    return all == 0 ? 0 : (double)part / (double)all;
}

static double kinds_distance(const struct profile_phase *a, const struct profile_phase *b)
{
    double sum = 0;

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        sum += fabs(share(a->by_kind[kind], a->events) - share(b->by_kind[kind], b->events));
    return sum;
}

static double sources_distance(const struct trace_comparison *comparison,
                               const struct profile_phase *a, const struct profile_phase *b)
{
    uint64_t all_a = a->classes[PROFILE_OBJECTS].born + a->classes[PROFILE_KALLOC].born;
    uint64_t all_b = b->classes[PROFILE_OBJECTS].born + b->classes[PROFILE_KALLOC].born;
    double sum = 0;

    for (uint32_t i = 0; i < comparison->nr_sources; i++) {
        const struct compare_source *source = &comparison->sources[i];

        sum += fabs(share(trace_compare_source_get(a, source->a)->allocs, all_a) -
                    share(trace_compare_source_get(b, source->b)->allocs, all_b));
    }
    return sum;
}

/* At equal parts of the way of each. */
static double curve_distance(const struct profile_gauge_figures *a,
                             const struct profile_gauge_figures *b)
{
    double peak = (double)(a->peak > b->peak ? a->peak : b->peak), sum = 0;

    if (a->curve.nr == 0 || b->curve.nr == 0 || peak == 0)
        return 0;
    for (unsigned i = 0; i < CURVE_POINTS; i++) {
        uint64_t of_a = a->curve.points[i * a->curve.nr / CURVE_POINTS];
        uint64_t of_b = b->curve.points[i * b->curve.nr / CURVE_POINTS];

        sum += (double)(of_a > of_b ? of_a - of_b : of_b - of_a);
    }
    return sum / CURVE_POINTS / peak;
}

static void compare_phases(const struct trace_comparison *comparison, struct compare_phase *phase,
                           const struct profile_phase *a, const struct profile_phase *b)
{
    phase->a = a;
    phase->b = b;
    phase->kinds = kinds_distance(a, b);
    phase->sources = sources_distance(comparison, a, b);
    for (unsigned i = 0; i < PROFILE_CLASSES; i++) {
        uint64_t more_a = a->classes[i].survivors, more_b = b->classes[i].survivors;

        phase->sizes[i] = distance(&a->classes[i].sizes, 0, &b->classes[i].sizes, 0);
        phase->by_events[i] =
            distance(&a->classes[i].by_events, more_a, &b->classes[i].by_events, more_b);
        phase->by_time[i] =
            distance(&a->classes[i].by_time, more_a, &b->classes[i].by_time, more_b);
    }
    phase->rows = distance(&a->rows, 0, &b->rows, 0);
    for (unsigned i = 0; i < PROFILE_GAUGES; i++)
        phase->curves[i] = curve_distance(&a->gauges[i], &b->gauges[i]);
}

/* ---- Caches by name ---- */

/* The source of that name in the first NR of all, which has none of B yet. */
static struct compare_source *source_find(struct trace_comparison *comparison, uint32_t nr,
                                          const char *name)
{
    for (uint32_t i = 0; i < nr; i++)
        if (comparison->sources[i].b == OBJECT_NONE &&
            strcmp(comparison->sources[i].name, name) == 0)
            return &comparison->sources[i];
    return NULL;
}

static int pair_sources(struct trace_comparison *comparison)
{
    uint32_t of_a = comparison->a->nr_sources, of_b = comparison->b->nr_sources;
    char name[PROFILE_SOURCE_NAME_MAX];

    comparison->sources = calloc((size_t)of_a + of_b, sizeof(*comparison->sources));
    if (comparison->sources == NULL)
        return -1;
    for (uint32_t i = 0; i < of_a; i++) {
        comparison->sources[i].a = i;
        comparison->sources[i].b = OBJECT_NONE;
        trace_profile_source_name(comparison->a, i, comparison->sources[i].name);
    }
    comparison->nr_sources = of_a;
    for (uint32_t i = 0; i < of_b; i++) {
        struct compare_source *source;

        trace_profile_source_name(comparison->b, i, name);
        source = source_find(comparison, of_a, name);
        if (source == NULL) {
            source = &comparison->sources[comparison->nr_sources++];
            memcpy(source->name, name, sizeof(name));
            source->a = OBJECT_NONE;
        }
        source->b = i;
    }
    return 0;
}

/* ---- Phases by mark ---- */

/* The first NUMBER-th phase of the LENGTH characters of MARK; NULL: there is none. */
static const struct profile_phase *phase_of(const struct trace_profile *profile, const char *mark,
                                            size_t length, unsigned ordinal)
{
    for (unsigned i = 0; i < profile->nr_phases; i++) {
        const struct profile_phase *phase = &profile->phases[i];

        if (phase->ordinal == ordinal && strncmp(phase->mark, mark, length) == 0 &&
            phase->mark[length] == '\0')
            return phase;
    }
    return NULL;
}

/* By text, or text#N. */
static const struct profile_phase *phase_find(const struct trace_profile *profile, const char *mark,
                                              size_t length, struct error *error)
{
    const struct profile_phase *found = phase_of(profile, mark, length, 1);
    const char *hash = memrchr(mark, '#', length);
    char *end;

    if (found == NULL && hash != NULL) {
        unsigned long ordinal = strtoul(hash + 1, &end, 10);

        if (end == mark + length && ordinal > 0 && ordinal <= profile->nr_phases)
            found = phase_of(profile, mark, (size_t)(hash - mark), (unsigned)ordinal);
    }
    if (found == NULL)
        error_set(
            error,
            "%s: mark \"%.*s\" to compare is not in it ('allotrope trace info' lists the marks)",
            trace_path(profile->reader), (int)length, mark);
    return found;
}

static int pair_given(struct trace_comparison *comparison, const char *const *marks, unsigned nr,
                      struct error *error)
{
    for (unsigned i = 0; i < nr; i++) {
        const char *equal = strchr(marks[i], '=');
        size_t length = equal == NULL ? strlen(marks[i]) : (size_t)(equal - marks[i]);
        const char *other = equal == NULL ? marks[i] : equal + 1;
        const struct profile_phase *a, *b;

        a = phase_find(comparison->a, marks[i], length, error);
        b = a == NULL ? NULL : phase_find(comparison->b, other, strlen(other), error);
        if (b == NULL)
            return -1;
        compare_phases(comparison, &comparison->phases[comparison->nr_phases++], a, b);
    }
    return 0;
}

static void pair_alike(struct trace_comparison *comparison)
{
    for (unsigned i = 0; i < comparison->a->nr_phases; i++) {
        const struct profile_phase *a = &comparison->a->phases[i];
        const struct profile_phase *b =
            phase_of(comparison->b, a->mark, strlen(a->mark), a->ordinal);

        if (b != NULL)
            compare_phases(comparison, &comparison->phases[comparison->nr_phases++], a, b);
    }
}

const char *trace_compare_phase_name(const struct profile_phase *phase, char text[COMPARE_NAME_MAX])
{
    if (phase->mark == NULL)
        return "(whole)";
    if (phase->mark[0] == '\0')
        return "(start)";
    if (phase->ordinal == 1)
        return phase->mark;
    snprintf(text, COMPARE_NAME_MAX, "%.200s#%u", phase->mark, phase->ordinal);
    return text;
}

bool trace_compare_has(const struct trace_comparison *comparison, const struct profile_phase *phase)
{
    for (unsigned i = 0; i < comparison->nr_phases; i++)
        if (comparison->phases[i].a == phase || comparison->phases[i].b == phase)
            return true;
    return false;
}

/* ---- All ---- */

struct trace_comparison *trace_compare(struct trace_reader *a, struct trace_reader *b,
                                       const char *const *marks, unsigned nr, struct error *error)
{
    struct trace_comparison *comparison = calloc(1, sizeof(*comparison));

    if (comparison == NULL) {
        error_set(error, "%s: not enough memory", trace_path(a));
        return NULL;
    }
    comparison->a = trace_profile_create(a, error);
    comparison->b = comparison->a == NULL ? NULL : trace_profile_create(b, error);
    if (comparison->b == NULL) {
        trace_comparison_destroy(comparison);
        return NULL;
    }
    comparison->phases = calloc((size_t)comparison->a->nr_phases + nr, sizeof(*comparison->phases));
    if (comparison->phases == NULL || pair_sources(comparison) != 0) {
        error_set(error, "%s: not enough memory", trace_path(a));
        trace_comparison_destroy(comparison);
        return NULL;
    }
    compare_phases(comparison, &comparison->whole, &comparison->a->whole, &comparison->b->whole);
    if (nr == 0) {
        pair_alike(comparison);
    } else if (pair_given(comparison, marks, nr, error) != 0) {
        trace_comparison_destroy(comparison);
        return NULL;
    }
    return comparison;
}

void trace_comparison_destroy(struct trace_comparison *comparison)
{
    if (comparison == NULL)
        return;
    trace_profile_destroy(comparison->a);
    trace_profile_destroy(comparison->b);
    free(comparison->sources);
    free(comparison->phases);
    free(comparison);
}

/* ---- What is beyond its bound ---- */

struct judge {
    struct compare_excess *excesses;
    unsigned max, found, looked;
};

static void judge_figure(struct judge *judged, const struct compare_phase *phase, const char *what,
                         const char *of, double value, double bound)
{
    struct compare_excess *excess;

    judged->looked++;
    if (value <= bound)
        return;
    if (judged->found++ >= judged->max)
        return;
    excess = &judged->excesses[judged->found - 1];
    excess->phase = phase;
    excess->value = value;
    excess->bound = bound;
    snprintf(excess->what, sizeof(excess->what), "%s%s", what, of);
}

/* A distance is judged by what is left of it beyond chance. */
static void judge_distance(struct judge *judged, const struct compare_phase *phase,
                           const char *what, const char *of, struct compare_distance distance)
{
    double bound = distance.chance > BOUND_KS ? distance.chance : BOUND_KS;

    judge_figure(judged, phase, what, of, distance.ks, bound);
}

/* Of B to A, from 1; 0 of two zeros. */
static double off(uint64_t a, uint64_t b)
{
    if (a == b)
        return 0;
    return a == 0 ? 1 : fabs((double)b / (double)a - 1);
}

static void judge_phase(struct judge *judged, const struct compare_phase *phase)
{
    const struct profile_phase *a = phase->a, *b = phase->b;

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        if (kind != EVENT_TRUTH && share(a->by_kind[kind], a->events) > 0.01)
            judge_figure(judged, phase, "events of kind ", event_kind_name(kind),
                         off(a->by_kind[kind], b->by_kind[kind]), BOUND_RATIO);
    judge_figure(judged, phase, "mix of caches", "", phase->sources, BOUND_L1);
    for (unsigned i = 0; i < PROFILE_CLASSES; i++) {
        judge_distance(judged, phase, "sizes of ", compare_class_names[i], phase->sizes[i]);
        judge_distance(judged, phase, "lifetimes in events of ", compare_class_names[i],
                       phase->by_events[i]);
        judge_distance(judged, phase, "lifetimes in time of ", compare_class_names[i],
                       phase->by_time[i]);
    }
    for (unsigned i = 0; i < PROFILE_GAUGES; i++)
        judge_figure(judged, phase, "alive at the end: ", compare_gauge_names[i],
                     off(a->gauges[i].end, b->gauges[i].end), BOUND_RATIO);
}

unsigned trace_compare_judge(const struct trace_comparison *comparison,
                             struct compare_excess *excesses, unsigned max, unsigned *figures)
{
    struct judge judged = {.excesses = excesses, .max = max};

    judge_phase(&judged, &comparison->whole);
    for (unsigned i = 0; i < comparison->nr_phases; i++)
        judge_phase(&judged, &comparison->phases[i]);
    *figures = judged.looked;
    return judged.found;
}
