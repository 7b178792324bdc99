/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Distributions of calls, a curve for each stack: how long they took, and how many steps of work
 * they were. The axis is that of HdrHistogram's plots, 1/(1-p) and logarithmic, so that every
 * further nine of a percentile has the same room: what counts of an allocator is the rare call.
 *
 * The kinds of events with the most calls have a panel each.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define PANELS_MAX 4
#define POINTS     56  /* of a curve, about */
#define CALLS_MIN  50  /* of a kind that is worth a panel beside another */
#define ZERO       0.5 /* where 0 is on an axis that begins at 1 */

/* ---- Distributions ---- */

struct bucket {
    double value, count;
};

struct distribution {
    struct bucket *buckets; /* owned, by value */
    size_t nr;
    double calls, max;
};

static bool of_time(const struct plot_job *job)
{
    return strcmp(job->kind->name, "latency") == 0;
}

static json_t *kinds_of(const struct plot_job *job, const struct report_result *result)
{
    return of_time(job) ? report_at(result->measured, "latency.kinds")
                        : report_at(result->exact, "work_by_kind");
}

/* The arrays of buckets of one kind: size classes of times, one of steps. */
static size_t nr_parts(const struct plot_job *job, const json_t *kind)
{
    return of_time(job) ? json_array_size(kind) : kind != NULL;
}

static const json_t *part(const struct plot_job *job, const json_t *kind, size_t number)
{
    return of_time(job) ? json_array_get(kind, number) : report_at(kind, "steps");
}

static int by_value(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->value, y = ((const struct bucket *)b)->value;

    return (x > y) - (x < y);
}

static int add_part(struct distribution *distribution, const json_t *json, struct error *error)
{
    const json_t *buckets = report_array(json, "buckets");
    size_t nr = json_array_size(buckets);
    struct bucket *grown =
        realloc(distribution->buckets, (distribution->nr + nr + 1) * sizeof(*grown));
    double max = report_number(json, "max");

    if (grown == NULL)
        return error_set(error, "no memory for the buckets of a distribution");

    distribution->buckets = grown;
    distribution->max = max > distribution->max ? max : distribution->max;
    for (size_t i = 0; i < nr; i++) {
        const json_t *pair = json_array_get(buckets, i);
        struct bucket *bucket = &grown[distribution->nr++];

        bucket->value = json_number_value(json_array_get(pair, 0));
        bucket->count = json_number_value(json_array_get(pair, 1));
        distribution->calls += bucket->count;
    }

    return 0;
}

/* All calls of a kind together. A kind whose calls never took a step has no distribution of them in
 * the result: all are 0. */
static int read_distribution(struct distribution *distribution, const struct plot_job *job,
                             const struct report_result *result, const char *name,
                             struct error *error)
{
    const json_t *kind = json_object_get(kinds_of(job, result), name);

    *distribution = (struct distribution){0};
    for (size_t i = 0; i < nr_parts(job, kind); i++)
        if (add_part(distribution, part(job, kind, i), error) != 0)
            return -1;

    if (distribution->calls == 0 && kind != NULL && !of_time(job)) {
        distribution->calls = (double)report_integer(kind, "calls");
        distribution->buckets[0] = (struct bucket){.value = 0, .count = distribution->calls};
        distribution->nr = 1;
    }
    if (distribution->nr != 0)
        qsort(distribution->buckets, distribution->nr, sizeof(*distribution->buckets), by_value);
    return 0;
}

static double calls_of(const struct plot_job *job, const struct report_result *result,
                       const char *name)
{
    const json_t *kind = json_object_get(kinds_of(job, result), name);
    double calls = 0;

    if (!of_time(job))
        return (double)report_integer(kind, "calls");
    for (size_t i = 0; i < json_array_size(kind); i++)
        calls += (double)report_integer(json_array_get(kind, i), "count");
    return calls;
}

/* The smallest value that at least the part P of the calls do not exceed. */
static double percentile(const struct distribution *distribution, double p)
{
    double below = 0;

    for (size_t i = 0; i < distribution->nr; i++) {
        below += distribution->buckets[i].count;
        if (below >= distribution->calls * p)
            return distribution->buckets[i].value;
    }

    return distribution->max;
}

/* ---- Which kinds ---- */

struct chosen {
    const char *name;
    double calls;
};

static bool moves(const struct plot_job *job, const char *name)
{
    for (unsigned i = 0; i < job->nr; i++)
        if (of_time(job) ||
            report_at(json_object_get(kinds_of(job, &job->results[i]), name), "steps") != NULL)
            return true;

    return false;
}

static unsigned choose(struct chosen chosen[PANELS_MAX], const struct plot_job *job)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < job->nr; i++) {
        json_t *kinds = kinds_of(job, &job->results[i]), *value;
        const char *name;

        json_object_foreach(kinds, name, value)
        {
            struct chosen next = {name, calls_of(job, &job->results[i], name)};
            bool known = false;

            for (unsigned j = 0; j < nr; j++)
                known |= strcmp(chosen[j].name, name) == 0;
            if (known || !moves(job, name))
                continue;
            for (unsigned j = 0; j < PANELS_MAX; j++)
                if (j == nr || next.calls > chosen[j].calls) {
                    struct chosen out = chosen[j];

                    nr += j == nr;
                    chosen[j] = next;
                    next = out;
                    if (j + 1 == nr && next.name == NULL)
                        break;
                }
        }
    }

    while (nr > 1 && chosen[nr - 1].calls < CALLS_MIN)
        nr--;
    return nr;
}

/* ---- Figures ---- */

static double on_axis(double value, bool time)
{
    return value >= 1 ? value : time ? 1 : ZERO;
}

/* Calls that took a bucket's value are a step of the curve from where the faster ones end to where
 * they end. Steps that are closer than a point of the curve are joined. */
static void put_steps(struct plot_data *data, const struct distribution *distribution, bool time)
{
    double below = 0, written = -1, end = log10(distribution->calls);

    fputs("# 1/(1-p), value\n", data->stream);
    for (size_t i = 0; i < distribution->nr; i++) {
        const struct bucket *bucket = &distribution->buckets[i];
        double left = distribution->calls - below - bucket->count;
        double x = distribution->calls / (distribution->calls - below);
        bool last = i + 1 == distribution->nr;
        double value = last && distribution->max > 0 ? distribution->max : bucket->value;

        below += bucket->count;
        if (!last && log10(distribution->calls / left) - written < end / POINTS)
            continue;
        if (log10(x) >= written)
            fprintf(data->stream, "%.5g %.5g\n", x, on_axis(value, time));
        written = log10(distribution->calls / (left < 1 ? 1 : left));
        fprintf(data->stream, "%.5g %.5g\n", distribution->calls / (left < 1 ? 1 : left),
                on_axis(value, time));
    }
    fputs("\n\n", data->stream);
}

struct extent {
    double low, high, calls;
};

static void widen(struct extent *extent, const struct distribution *distribution, bool time)
{
    double low = on_axis(distribution->buckets[0].value, time);
    double high = on_axis(distribution->max, time);

    extent->low = low < extent->low ? low : extent->low;
    extent->high = high > extent->high ? high : extent->high;
    extent->calls = distribution->calls > extent->calls ? distribution->calls : extent->calls;
}

/* A place on the curve for a marker: those of stack NUMBER are between those of its neighbours. */
static void put_markers(struct plot_data *data, const struct distribution *distribution,
                        unsigned number, unsigned nr, bool time)
{
    enum { MARKERS = 3 };

    fputs("# 1/(1-p), value, where there are markers\n", data->stream);
    for (unsigned i = 0; i < MARKERS; i++) {
        double nines = (i + (number + 0.5) / nr) / MARKERS * log10(distribution->calls + 1);

        fprintf(data->stream, "%.5g %.5g\n", pow(10, nines),
                on_axis(percentile(distribution, 1 - pow(10, -nines)), time));
    }
    fputs("\n\n", data->stream);
}

static int put_panel(struct plot_data *data, const struct plot_job *job, const char *name,
                     struct extent *extent, struct error *error)
{
    bool time = of_time(job);

    *extent = (struct extent){.low = 1e300};
    for (unsigned i = 0; i < job->nr; i++) {
        struct distribution distribution;

        if (read_distribution(&distribution, job, &job->results[i], name, error) != 0) {
            free(distribution.buckets);
            return -1;
        }
        if (distribution.calls > 0) {
            put_steps(data, &distribution, time);
            put_markers(data, &distribution, i, job->nr, time);
            widen(extent, &distribution, time);
        } else {
            fputs("# no call\n1 NaN\n\n\n# no call\n1 NaN\n\n\n", data->stream);
        }
        free(distribution.buckets);
    }

    return 0;
}

static void put_stacks(struct plot_data *data, const struct plot_job *job)
{
    const char *names[64];
    unsigned nr = 0;
    size_t longest = 0;

    for (; nr < job->nr && nr < PLOT_COUNT(names); nr++) {
        struct plot_style style = plot_style_of_stack(job->results[nr].stack, nr);

        names[nr] = job->results[nr].stack;
        plot_put_style(data, nr + 1, &style);
        longest = strlen(names[nr]) > longest ? strlen(names[nr]) : longest;
    }

    plot_put(data, "nr_areas", 0);
    plot_put(data, "nr_curves", nr);
    plot_put_strings(data, "curve_name", names, nr);
    plot_put_legend(data, longest, nr);
}

/* Two panels side by side, two rows of them when there are more. */
static void put_panels(struct plot_data *data, const struct chosen *chosen,
                       const struct extent *extents, unsigned nr)
{
    double rects[4][PANELS_MAX], lows[PANELS_MAX], highs[PANELS_MAX], calls[PANELS_MAX];
    char titles[PANELS_MAX][96];
    const char *names[PANELS_MAX];
    unsigned columns = nr > 1 && !data->dumb ? 2 : 1, rows = (nr + columns - 1) / columns;
    double across = data->dumb ? 10 : 62, down = data->dumb ? 4 : 56;
    double width = (data->right - data->left - across * (columns - 1)) / columns;
    double height = (data->top - data->bottom - down * (rows - 1)) / rows;

    for (unsigned i = 0; i < nr; i++) {
        double left = data->left + i % columns * (width + across);
        double top = data->top - i / columns * (height + down);

        rects[0][i] = left / data->width;
        rects[1][i] = (left + width) / data->width;
        rects[2][i] = top / data->height;
        rects[3][i] = (top - height) / data->height;
        lows[i] = extents[i].low / 1.2;
        highs[i] = extents[i].high * 1.5;
        calls[i] = extents[i].calls < 10 ? 10 : extents[i].calls;
        snprintf(titles[i], sizeof(titles[i]), "%.60s, %.0f calls", chosen[i].name,
                 chosen[i].calls);
        names[i] = titles[i];
    }

    plot_put_array(data, "panel_left", rects[0], nr);
    plot_put_array(data, "panel_right", rects[1], nr);
    plot_put_array(data, "panel_top", rects[2], nr);
    plot_put_array(data, "panel_bottom", rects[3], nr);
    plot_put_array(data, "panel_low", lows, nr);
    plot_put_array(data, "panel_high", highs, nr);
    plot_put_array(data, "panel_calls", calls, nr);
    plot_put_strings(data, "panel_title", names, nr);
}

static int write_percentiles(struct plot_data *data, const struct plot_job *job,
                             struct error *error)
{
    struct chosen chosen[PANELS_MAX] = {{0}};
    struct extent extents[PANELS_MAX];
    unsigned nr = choose(chosen, job);

    if (data->dumb && nr > 2) /* there is room for no more */
        nr = 2;
    if (nr == 0)
        return error_set(error, "%s: no result tells %s", job->results[0].trace,
                         of_time(job) ? "how long calls took: replay with --latency sampled"
                                      : "the work of its calls: replay with --work");

    data->top -= data->dumb ? 1 : 18;
    data->right -= data->dumb ? 2 : 14; /* half of the last number */
    put_stacks(data, job);
    plot_put_layout(data, job);
    plot_put(data, "nr_panels", nr);
    plot_put(data, "zero", of_time(job) ? 0 : ZERO);
    plot_put_string(data, "value_label", of_time(job) ? "ns" : "steps");
    fputs("$curves << END\n", data->stream);
    for (unsigned i = 0; i < nr; i++)
        if (put_panel(data, job, chosen[i].name, &extents[i], error) != 0)
            return -1;
    fputs("END\n", data->stream);
    put_panels(data, chosen, extents, nr);
    return 0;
}

/* ---- Words ---- */

static void describe_percentiles(FILE *stream, const struct plot_job *job)
{
    struct chosen chosen[PANELS_MAX] = {{0}};
    unsigned nr = choose(chosen, job);

    fprintf(stream, "%s on the trace %s; median, 99th percentile and most, in %s. ",
            job->kind->title, job->results[0].trace, of_time(job) ? "nanoseconds" : "steps");
    for (unsigned p = 0; p < nr; p++) {
        fprintf(stream, "%s%s:", p == 0 ? "" : " ", chosen[p].name);
        for (unsigned i = 0; i < job->nr; i++) {
            struct distribution distribution;

            if (read_distribution(&distribution, job, &job->results[i], chosen[p].name, NULL) ==
                    0 &&
                distribution.calls > 0)
                fprintf(stream, " %s %.0f, %.0f, %.0f%s", job->results[i].stack,
                        percentile(&distribution, 0.5), percentile(&distribution, 0.99),
                        distribution.max, i + 1 == job->nr ? "." : ";");
            free(distribution.buckets);
        }
    }
}

const struct plot_kind plot_kind_latency = {
    .name = "latency",
    .title = "How long calls take",
    .summary = "time of calls by percentile, of the busiest kinds of events",
    .reading = "From left to right calls become rarer: at 99 % a curve shows the time that all but "
               "one call in a hundred keep to. Where a curve turns up, that is where the design "
               "stops being quick; both axes are logarithmic.",
    .scope = PLOT_TRACE,
    .measured = true,
    .width = 720,
    .height = 520,
    .write = write_percentiles,
    .describe = describe_percentiles,
};

const struct plot_kind plot_kind_work = {
    .name = "work",
    .title = "How much work calls are",
    .summary = "steps of calls by percentile, of the busiest kinds of events",
    .reading = "Steps are list elements, tree nodes, entries copied and pages mapped in one call, "
               "which are the same on every machine. From left to right calls become rarer, as in "
               "the plot of latency; both axes are logarithmic.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 520,
    .write = write_percentiles,
    .describe = describe_percentiles,
};
