/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Measured parts side by side.
 *
 * Three things make two runs of the same program differ. Chance within a run, which the
 * Mann-Whitney test of the repetitions takes care of. The number of rows: of a hundred tests at 5 %
 * five are wrong, so that p is adjusted for it by Holm's procedure, which holds for tests that
 * depend on each other as these do (S. Holm, Scandinavian Journal of Statistics 6, 1979); wall
 * times are a family of their own, so that there being many latencies does not hide them. And what
 * stays the same within a run and not between two: where memory came to lie, the frequency, the
 * neighbours. No repetition within a run shows that, so that the intervals of the medians must be a
 * margin apart too. Intervals and not medians: those of a run that was disturbed are wide.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/compare.h"

/* ---- Rows ---- */

/* The numbers of an array, at most STATISTICS_MAX. Owned by the caller; NULL without memory. */
static double *numbers(const json_t *array, unsigned *nr)
{
    size_t size = json_array_size(array);

    *nr = (unsigned)(size < STATISTICS_MAX ? size : STATISTICS_MAX);

    double *values = calloc(*nr + 1, sizeof(*values));

    for (unsigned i = 0; values != NULL && i < *nr; i++)
        values[i] = json_number_value(json_array_get(array, i));

    return values;
}

static void summarize(struct compare_side *side, const double *values, unsigned nr, double *scratch)
{
    side->summary = statistics_summarize(values, nr, scratch);
    side->value = (struct table_cell){.is = TABLE_IS_REAL, .real = side->summary.median};
}

/* From the end of the lower interval to the begin of the higher one, by the former. */
static double gap(const struct statistics_interval *a, const struct statistics_interval *b)
{
    double end = a->high < b->low ? a->high : b->high;
    double begin = a->high < b->low ? b->low : a->low;

    return begin > end ? compare_change(end, begin) : 0;
}

static void fill(struct compare_row *row, const double *old, unsigned nr_old, const double *new,
                 unsigned nr_new, double step)
{
    static const unsigned most = STATISTICS_MAX;
    double scratch[STATISTICS_MAX];

    summarize(&row->old, old, nr_old < most ? nr_old : most, scratch);
    summarize(&row->new, new, nr_new < most ? nr_new : most, scratch);

    struct statistics_comparison test = statistics_compare(old, nr_old, new, nr_new);

    row->measured = true;
    row->change = compare_change(row->old.summary.median, row->new.summary.median);
    row->p = test.p;
    row->least_p = test.least_p;
    row->gap = gap(&row->old.summary.interval, &row->new.summary.interval);
    row->step = step;
}

static void add(struct compare_pair *pair, const char *metric, const json_t *old, const json_t *new,
                double step)
{
    unsigned nr_old, nr_new;
    double *old_values = numbers(old, &nr_old), *new_values = numbers(new, &nr_new);

    pair->failed |= old_values == NULL || new_values == NULL;
    if (!pair->failed && nr_old != 0 && nr_new != 0) {
        struct compare_row *row = compare_add(pair, metric, COMPARE_TIME);

        if (row != NULL)
            fill(row, old_values, nr_old, new_values, nr_new, step);
    }

    free(old_values);
    free(new_values);
}

/* Calls of a kind that a replay timed, on average. */
static double calls_timed(const struct report_result *result, const char *kind)
{
    double calls = 0;
    size_t i;
    json_t *class;
    const json_t *kinds = report_at(result->measured, "latency.kinds");
    size_t replays = json_array_size(report_array(result->measured, "wall_ns_all"));

    json_array_foreach(json_object_get(kinds, kind), i, class) calls +=
        report_number(class, "count");

    return replays != 0 ? calls / (double)replays : 0;
}

static double clock_step(const struct compare_pair *pair)
{
    return 1.001 * fmax(report_number(pair->old.measured, "latency.clock.step_ns"),
                        report_number(pair->new.measured, "latency.clock.step_ns"));
}

static void add_kind(struct compare_pair *pair, const char *kind, const json_t *old,
                     const json_t *new)
{
    double calls = fmin(calls_timed(&pair->old, kind), calls_timed(&pair->new, kind));
    double step = clock_step(pair);
    char metric[128];

    snprintf(metric, sizeof(metric), "latency.%s.p50", kind);
    if (calls >= COMPARE_CALLS_P50)
        add(pair, metric, report_array(old, "p50_all"), report_array(new, "p50_all"), step);
    snprintf(metric, sizeof(metric), "latency.%s.p99", kind);
    if (calls >= COMPARE_CALLS_P99)
        add(pair, metric, report_array(old, "p99_all"), report_array(new, "p99_all"), step);
}

/* ---- Warnings ---- */

static void warn_of_side(struct compare_pair *pair, const struct report_result *result,
                         const struct statistics_summary *wall)
{
    if (wall->noisy && wall->nr > 2)
        compare_warn(pair, "%s: noisy: its wall times lie %.1f %% from their median", result->path,
                     100 * wall->spread);
    if (wall->drifts)
        compare_warn(pair,
                     "%s: drifts: the second half of its wall times is %+.1f %% of the first off",
                     result->path, 100 * wall->drift);
}

static void warn_of_few(struct compare_pair *pair, unsigned old, unsigned new)
{
    if (old < COMPARE_FEW || new < COMPARE_FEW)
        compare_warn(pair,
                     "too few repetitions to compare times, %u and %u: nothing can be said with "
                     "fewer than %d each; replay with --repeat 11 or more",
                     old, new, COMPARE_FEW);
}

/* Reading the clock takes time: replays with and without it are not the same measurement. */
static bool timed_alike(struct compare_pair *pair)
{
    const char *old = report_text(pair->old.provenance, "options.latency");
    const char *new = report_text(pair->new.provenance, "options.latency");

    if (strcmp(old, new) == 0)
        return true;

    compare_warn(pair, "times are not compared: --latency was %s and %s", old, new);
    return false;
}

void compare_measured(struct compare_pair *pair)
{
    const json_t *old = report_array(pair->old.measured, "wall_ns_all");
    const json_t *new = report_array(pair->new.measured, "wall_ns_all");
    const json_t *others = report_at(pair->new.measured, "latency.replays");
    const char *kind;
    json_t *of_kind;
    unsigned wall = pair->nr;

    if (strcmp(report_text(pair->old.provenance, "options.until_failure"), "shrink") == 0 ||
        !timed_alike(pair))
        return;

    add(pair, "wall_ns", old, new, 0);
    if (pair->nr > wall) {
        warn_of_few(pair, pair->rows[wall].old.summary.nr, pair->rows[wall].new.summary.nr);
        warn_of_side(pair, &pair->old, &pair->rows[wall].old.summary);
        warn_of_side(pair, &pair->new, &pair->rows[wall].new.summary);
    }

    json_object_foreach(report_at(pair->old.measured, "latency.replays"), kind,
                        of_kind) if (json_object_get(others, kind) != NULL)
        add_kind(pair, kind, of_kind, json_object_get(others, kind));
}

/* ---- Judgement ---- */

static int by_p(const void *a, const void *b)
{
    double first = (*(struct compare_row *const *)a)->p;
    double second = (*(struct compare_row *const *)b)->p;

    return (first > second) - (first < second);
}

/* Holm: the lowest of M p-values is multiplied by M, the next by M - 1 and so on, and none is
 * adjusted to less than one before it. */
static void adjust(struct compare_row **rows, unsigned nr)
{
    double highest = 0;

    qsort(rows, nr, sizeof(struct compare_row *), by_p);
    for (unsigned i = 0; i < nr; i++) {
        highest = fmax(highest, fmin(1, rows[i]->p * (nr - i)));
        rows[i]->adjusted = highest;
    }
}

static bool is_wall(const struct compare_row *row)
{
    return strcmp(row->metric, "wall_ns") == 0;
}

/* Wall times, or all others, in ROWS unless it is NULL; their number. */
static unsigned family(const struct compare_pair *pairs, unsigned nr, bool wall,
                       struct compare_row **rows)
{
    unsigned count = 0;

    for (unsigned i = 0; i < nr; i++)
        for (unsigned j = 0; j < pairs[i].nr; j++) {
            struct compare_row *row = &pairs[i].rows[j];

            if (!row->measured || is_wall(row) != wall)
                continue;
            if (rows != NULL)
                rows[count] = row;
            count++;
        }

    return count;
}

/* That no row could be significant, however different, is to be known. */
static void warn_of_many(struct compare_pair *pairs, unsigned nr, unsigned rows)
{
    for (unsigned i = 0; i < nr; i++)
        for (unsigned j = 0; j < pairs[i].nr; j++) {
            const struct compare_row *row = &pairs[i].rows[j];

            if (row->measured && is_wall(row) && row->old.summary.nr >= COMPARE_FEW &&
                row->new.summary.nr >= COMPARE_FEW && row->least_p *rows >= COMPARE_ALPHA)
                compare_warn(&pairs[i],
                             "too few repetitions for %u wall times, %u and %u: no difference "
                             "could be told from chance",
                             rows, row->old.summary.nr, row->new.summary.nr);
        }
}

static bool is_significant(const struct compare_row *row)
{
    double apart = fabs(row->new.summary.median - row->old.summary.median);

    return row->adjusted < COMPARE_ALPHA && row->old.summary.nr >= COMPARE_FEW &&
           row->new.summary.nr >= COMPARE_FEW && row->gap > COMPARE_MARGIN &&apart > row->step;
}

static void judge_family(struct compare_pair *pairs, unsigned nr, bool wall)
{
    unsigned count = family(pairs, nr, wall, NULL);
    struct compare_row **rows = calloc(count + 1, sizeof(struct compare_row *));

    if (rows == NULL) /* then nothing is significant */
        return;

    family(pairs, nr, wall, rows);
    adjust(rows, count);
    for (unsigned i = 0; i < count; i++)
        rows[i]->significant = is_significant(rows[i]);
    if (wall)
        warn_of_many(pairs, nr, count);
    free(rows);
}

void compare_judge(struct compare_pair *pairs, unsigned nr)
{
    judge_family(pairs, nr, true);
    judge_family(pairs, nr, false);
}
