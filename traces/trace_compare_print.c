/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A comparison as tables and as JSON. The tables begin with what both are, then how far apart the
 * whole traces are, then the same of each phase in a line, and end with what is too far apart: what
 * one reads when one wants no tables.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "traces/trace_compare_private.h"
#include "traces/trace_private.h"

#define EXCESSES_SHOWN 12

/* ---- Cells ---- */

/* "-" for what neither has. */
static void print_ratio(FILE *stream, int width, uint64_t a, uint64_t b)
{
    if (a == 0)
        fprintf(stream, " %*s", width, b == 0 ? "-" : "new");
    else
        fprintf(stream, " %*.3f", width, (double)b / (double)a);
}

static void print_distance(FILE *stream, int width, struct compare_distance distance)
{
    if (distance.chance == 0)
        fprintf(stream, " %*s", width, distance.ks == 0 ? "-" : "1");
    else
        fprintf(stream, " %*.3f", width, distance.ks);
}

static void print_counts(FILE *stream, const char *name, uint64_t a, uint64_t b)
{
    fprintf(stream, "%-32s %14" PRIu64 " %14" PRIu64, name, a, b);
    print_ratio(stream, 8, a, b);
    putc('\n', stream);
}

static void print_figures(FILE *stream, const char *name, double a, double b)
{
    fprintf(stream, "%-32s %14.3f %14.3f", name, a, b);
    if (a != 0)
        fprintf(stream, " %8.3f", b / a);
    putc('\n', stream);
}

/* ---- Both ---- */

static double seconds(const struct trace_profile *profile, const struct profile_phase *phase)
{
    uint64_t ticks = trace_header(profile->reader)->machine.ticks_per_second;

    return ticks == 0 ? 0 : (double)phase->ticks / (double)ticks;
}

static double mean(const struct buckets *buckets)
{
    return buckets->count == 0 ? 0 : (double)buckets->sum / (double)buckets->count;
}

static void print_trace(FILE *stream, const char *name, const struct trace_profile *profile)
{
    const struct trace_machine *machine = &trace_header(profile->reader)->machine;

    fprintf(stream, "%s: %s, digest %016" PRIx64 ", %s, %u %s\n", name, trace_path(profile->reader),
            trace_digest(profile->reader),
            machine->geometry[0] != '\0' ? machine->geometry : "no geometry", profile->nr_phases,
            profile->nr_phases == 1 ? "phase" : "phases");
}

static void print_both(const struct trace_comparison *comparison, FILE *stream)
{
    static const char *const alive[] = {"bytes of objects", "pages", "bytes of kernel maps",
                                        "names"};
    const struct profile_phase *a = comparison->whole.a, *b = comparison->whole.b;
    char name[64];

    print_trace(stream, "A", comparison->a);
    print_trace(stream, "B", comparison->b);
    fprintf(stream, "\n%-32s %14s %14s %8s\n", "", "A", "B", "B/A");
    print_counts(stream, "events", a->events, b->events);
    print_counts(stream, "refused by the kernel", a->refused, b->refused);
    print_figures(stream, "seconds", seconds(comparison->a, a), seconds(comparison->b, b));
    for (unsigned i = 0; i < PROFILE_GAUGES; i++) {
        snprintf(name, sizeof(name), "%s, most at once", alive[i]);
        print_counts(stream, name, a->gauges[i].peak, b->gauges[i].peak);
        snprintf(name, sizeof(name), "%s, at the end", alive[i]);
        print_counts(stream, name, a->gauges[i].end, b->gauges[i].end);
    }
    print_figures(stream, "burstiness", trace_profile_burstiness(a), trace_profile_burstiness(b));
    print_figures(stream, "allocations in a row, mean", mean(&a->rows), mean(&b->rows));
}

static void print_kinds(const struct trace_comparison *comparison, FILE *stream)
{
    const struct profile_phase *a = comparison->whole.a, *b = comparison->whole.b;

    fprintf(stream, "\n%-32s %14s %14s %8s\n", "event", "A", "B", "B/A");
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        if (a->by_kind[kind] != 0 || b->by_kind[kind] != 0)
            print_counts(stream, event_kind_name(kind), a->by_kind[kind], b->by_kind[kind]);
}

/* ---- Distances of the whole ---- */

static void print_lives(FILE *stream, const struct compare_phase *whole, unsigned i)
{
    const struct profile_phase *a = whole->a, *b = whole->b;

    if (a->classes[i].born == 0 && b->classes[i].born == 0)
        return;
    fprintf(stream, "%-10s %10" PRIu64 " %10" PRIu64 " %9" PRIu64 " %9" PRIu64,
            compare_class_names[i], a->classes[i].born, b->classes[i].born, a->classes[i].survivors,
            b->classes[i].survivors);
    print_distance(stream, 8, whole->sizes[i]);
    print_distance(stream, 8, whole->by_events[i]);
    print_distance(stream, 8, whole->by_time[i]);
    fprintf(stream, " %8.3f %8.3f\n", whole->by_events[i].chance,
            i == PROFILE_OBJECTS || i == PROFILE_KALLOC ? whole->curves[PROFILE_GAUGE_OBJECTS]
                                                        : whole->curves[i - 1]);
}

static void print_whole(const struct trace_comparison *comparison, FILE *stream)
{
    const struct compare_phase *whole = &comparison->whole;

    fprintf(stream,
            "\nDistance of the mixes (L1, 0 to 2): kinds of events %.3f, caches and sizes of "
            "kalloc %.3f\n",
            whole->kinds, whole->sources);
    fprintf(stream, "Distance of allocations in a row (KS, 0 to 1): %.3f\n", whole->rows.ks);
    fprintf(stream, "\n%-10s %10s %10s %9s %9s %8s %8s %8s %8s %8s\n", "", "born", "born",
            "survive", "survive", "sizes", "lives in", "lives in", "by", "alive,");
    fprintf(stream, "%-10s %10s %10s %9s %9s %8s %8s %8s %8s %8s\n", "what", "A", "B", "A", "B",
            "KS", "events", "time", "chance", "curve");
    for (unsigned i = 0; i < PROFILE_CLASSES; i++)
        print_lives(stream, whole, i);
}

/* ---- Caches ---- */

struct source_row {
    const struct compare_source *source;
    double of_a, of_b; /* shares */
};

static int row_compare(const void *x, const void *y)
{
    const struct source_row *a = x, *b = y;
    double far_a = fabs(a->of_a - a->of_b), far_b = fabs(b->of_a - b->of_b);
    double most_a = fmax(a->of_a, a->of_b), most_b = fmax(b->of_a, b->of_b);

    if (far_a != far_b)
        return far_a > far_b ? -1 : 1;
    if (most_a != most_b)
        return most_a > most_b ? -1 : 1;
    return strcmp(a->source->name, b->source->name);
}

static double source_share(const struct profile_phase *phase, uint32_t source)
{
    uint64_t all = phase->classes[PROFILE_OBJECTS].born + phase->classes[PROFILE_KALLOC].born;

    return all == 0 ? 0 : (double)trace_compare_source_get(phase, source)->allocs / (double)all;
}

/* What was allocated from, most different first; NULL without memory. */
static struct source_row *source_rows(const struct trace_comparison *comparison, uint32_t *nr)
{
    struct source_row *rows = calloc((size_t)comparison->nr_sources + 1, sizeof(*rows));

    *nr = 0;
    for (uint32_t i = 0; rows != NULL && i < comparison->nr_sources; i++) {
        const struct compare_source *source = &comparison->sources[i];
        struct source_row row = {.source = source,
                                 .of_a = source_share(comparison->whole.a, source->a),
                                 .of_b = source_share(comparison->whole.b, source->b)};

        if (row.of_a > 0 || row.of_b > 0)
            rows[(*nr)++] = row;
    }
    if (rows != NULL)
        qsort(rows, *nr, sizeof(*rows), row_compare);
    return rows;
}

static void print_source(const struct trace_comparison *comparison, FILE *stream,
                         const struct source_row *row)
{
    const struct profile_source *a = trace_compare_source_get(comparison->whole.a, row->source->a);
    const struct profile_source *b = trace_compare_source_get(comparison->whole.b, row->source->b);
    struct compare_distance lives = trace_compare_lifetimes(a, b);

    fprintf(stream, "%-28.28s %10" PRIu64 " %10" PRIu64 " %8.3f%% %8.3f%% %8.4f", row->source->name,
            a->allocs, b->allocs, 100 * row->of_a, 100 * row->of_b, fabs(row->of_a - row->of_b));
    print_distance(stream, 8, lives);
    fprintf(stream, " %8.3f\n", lives.chance);
}

static int print_sources(const struct trace_comparison *comparison, FILE *stream, unsigned rows)
{
    uint32_t nr, i;
    struct source_row *sources = source_rows(comparison, &nr);

    if (sources == NULL)
        return -1;
    if (nr != 0) {
        fprintf(stream, "\n%-28s %10s %10s %9s %9s %8s %8s %8s\n", "cache, or kalloc up to", "A",
                "B", "share A", "share B", "differ", "lives KS", "chance");
    }
    for (i = 0; i < nr && (rows == 0 || i < rows); i++)
        print_source(comparison, stream, &sources[i]);
    if (i < nr)
        fprintf(stream, "    and %u more that differ less (--all lists them)\n", nr - i);
    free(sources);
    return 0;
}

/* ---- Phases ---- */

static void print_phase(FILE *stream, const struct compare_phase *phase)
{
    char of_a[COMPARE_NAME_MAX], of_b[COMPARE_NAME_MAX], name[2 * COMPARE_NAME_MAX + 1];
    const char *a = trace_compare_phase_name(phase->a, of_a),
               *b = trace_compare_phase_name(phase->b, of_b);

    if (strcmp(a, b) == 0)
        snprintf(name, sizeof(name), "%s", a);
    else
        snprintf(name, sizeof(name), "%s=%s", a, b);
    fprintf(stream, "%-18.18s %9" PRIu64 " %9" PRIu64, name, phase->a->events, phase->b->events);
    fprintf(stream, " %5.3f %5.3f", phase->kinds, phase->sources);
    for (unsigned i = 0; i < PROFILE_CLASSES; i++)
        if (i != PROFILE_RANGES)
            print_distance(stream, 5, phase->by_events[i]);
    for (unsigned i = 0; i < PROFILE_GAUGES; i++)
        if (i != PROFILE_GAUGE_RANGES)
            print_ratio(stream, 5, phase->a->gauges[i].end, phase->b->gauges[i].end);
    putc('\n', stream);
}

/* The phases of a trace that were compared with none. */
static void print_alone(const struct trace_comparison *comparison, FILE *stream, const char *which,
                        const struct trace_profile *profile)
{
    char text[COMPARE_NAME_MAX];
    int column = 0;

    for (unsigned i = 0; i < profile->nr_phases; i++) {
        const char *name = trace_compare_phase_name(&profile->phases[i], text);

        if (trace_compare_has(comparison, &profile->phases[i]))
            continue;
        if (column == 0)
            column = fprintf(stream, "Not compared, of %s:", which);
        else if (column + (int)strlen(name) + 2 > 99)
            column = fprintf(stream, ",\n   ") - 2;
        else
            column += fprintf(stream, ",");
        column += fprintf(stream, " %s", name);
    }
    if (column != 0)
        putc('\n', stream);
}

static void print_phases(const struct trace_comparison *comparison, FILE *stream)
{
    if (comparison->nr_phases == 0) {
        fputs("\nThe traces have no phase with the same mark; --marks A=B pairs others.\n", stream);
        return;
    }
    fprintf(stream, "\n%-18s %9s %9s %11s %23s %17s\n", "", "events", "events", "mixes (L1)",
            "lives in events (KS)", "at the end, B/A");
    fprintf(stream, "%-18s %9s %9s %5s %5s %5s %5s %5s %5s %5s %5s %5s\n", "phase", "A", "B",
            "kinds", "cache", "objs", "kall", "pages", "names", "bytes", "pages", "names");
    for (unsigned i = 0; i < comparison->nr_phases; i++)
        print_phase(stream, &comparison->phases[i]);
    print_alone(comparison, stream, "A", comparison->a);
    print_alone(comparison, stream, "B", comparison->b);
}

/* ---- Verdict ---- */

/* How many times its bound, most first. */
static int excess_compare(const void *x, const void *y)
{
    const struct compare_excess *a = x, *b = y;
    double far_a = a->value / a->bound, far_b = b->value / b->bound;

    if (far_a != far_b)
        return far_a > far_b ? -1 : 1;
    if (a->phase != b->phase)
        return a->phase < b->phase ? -1 : 1;
    return strcmp(a->what, b->what);
}

static int print_verdict(const struct trace_comparison *comparison, FILE *stream)
{
    char text[COMPARE_NAME_MAX];
    unsigned figures, found = trace_compare_judge(comparison, NULL, 0, &figures);
    struct compare_excess *excesses = calloc((size_t)found + 1, sizeof(*excesses));

    if (excesses == NULL)
        return -1;
    trace_compare_judge(comparison, excesses, found, &figures);
    qsort(excesses, found, sizeof(*excesses), excess_compare);
    if (found == 0)
        fprintf(stream, "\nAlike: all %u figures are within their bounds.\n", figures);
    else
        fprintf(stream, "\nNot alike: of %u figures %u are beyond their bounds, first of all:\n",
                figures, found);
    for (unsigned i = 0; i < found && i < EXCESSES_SHOWN; i++)
        fprintf(stream, "    %.24s: %s, %.3f (at most %.3f)\n",
                trace_compare_phase_name(excesses[i].phase->a, text), excesses[i].what,
                excesses[i].value, excesses[i].bound);
    if (found > EXCESSES_SHOWN)
        fprintf(stream, "    and %u more (--json lists them)\n", found - EXCESSES_SHOWN);
    free(excesses);
    return 0;
}

int trace_comparison_print(const struct trace_comparison *comparison, FILE *stream, unsigned rows)
{
    print_both(comparison, stream);
    print_kinds(comparison, stream);
    print_whole(comparison, stream);
    if (print_sources(comparison, stream, rows) != 0)
        return -1;
    print_phases(comparison, stream);
    return print_verdict(comparison, stream);
}
