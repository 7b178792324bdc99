/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Distributions in a result record: of work, which is exact, and of time, which is all that is
 * measured. Both are given as percentiles and as the buckets of the histogram, from which any other
 * percentile, or a plot, can be made.
 *
 * Times are nanoseconds with six digits: a call takes some tens of them, and the clock's ticks are
 * finer than one.
 */

#include "replay/json.h"
#include "replay/result_private.h"

static const struct {
    const char *name;
    uint32_t numerator, denominator;
} percentiles[] = {
    {"p50", 50, 100},     {"p90", 90, 100},        {"p99", 99, 100},
    {"p99_9", 999, 1000}, {"p99_99", 9999, 10000},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Work ---- */

static json_t *work_distribution(const struct histogram *histogram, int *failed)
{
    json_t *object = json_object();
    json_t *buckets = json_array();

    for (unsigned i = 0; i < COUNT(percentiles); i++)
        json_put_number(
            object, percentiles[i].name,
            histogram_percentile(histogram, percentiles[i].numerator, percentiles[i].denominator),
            failed);
    json_put_number(object, "max", histogram->max, failed);
    json_put_number(object, "sum", histogram->sum, failed);

    for (struct histogram_bucket bucket = {0}; histogram_next(histogram, &bucket);) {
        json_t *pair = json_array();

        json_push(pair, json_integer((json_int_t)bucket.lowest), failed);
        json_push(pair, json_integer((json_int_t)bucket.count), failed);
        json_push(buckets, pair, failed);
    }

    json_put(object, "buckets", buckets, failed);
    return object;
}

static json_t *work_of_kind(const struct meter *meter, unsigned kind, int *failed)
{
    json_t *object = json_object();

    json_put_number(object, "calls", meter->calls[kind], failed);
    for (enum meter_counter i = 0; i < METER_COUNTERS; i++) {
        const struct histogram *histogram = meter_work_of(meter, kind, i);

        if (histogram->count != 0)
            json_put(object, meter_counter_name(i), work_distribution(histogram, failed), failed);
    }

    return object;
}

json_t *result_work(const struct meter *meter, int *failed)
{
    json_t *object = json_object();

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        if (meter->calls[kind] != 0)
            json_put(object, event_kind_name(kind), work_of_kind(meter, kind, failed), failed);

    return object;
}

/* ---- Time ---- */

static void put_interval(json_t *object, const char *key, const struct statistics_summary *summary,
                         int *failed)
{
    json_t *interval = json_object();

    json_put_real(interval, "confidence", summary->interval.confidence, failed);
    json_put_real(interval, "high", summary->interval.high, failed);
    json_put_real(interval, "low", summary->interval.low, failed);
    json_put_real(interval, "median", summary->median, failed);
    json_put(object, key, interval, failed);
}

static json_t *latency_of_class(const struct timing *timing, unsigned kind, unsigned class,
                                const struct histogram *histogram, int *failed)
{
    json_t *object = json_object();
    json_t *buckets = json_array();
    struct statistics_summary p50 = timing_percentile(timing, kind, class, TIMING_P50);
    struct statistics_summary p99 = timing_percentile(timing, kind, class, TIMING_P99);

    json_put_number(object, "at_most_bytes", class == 0 ? 0 : UINT64_C(1) << class, failed);
    json_put_number(object, "count", histogram->count, failed);
    json_put_real(object, "mean", timing_ns(timing, histogram->sum) / (double)histogram->count,
                  failed);
    for (unsigned i = 0; i < COUNT(percentiles); i++)
        json_put_real(object, percentiles[i].name,
                      timing_ns(timing, histogram_percentile(histogram, percentiles[i].numerator,
                                                             percentiles[i].denominator)),
                      failed);
    json_put_real(object, "max", timing_ns(timing, histogram->max), failed);

    if (timing->rounds > 1) {
        put_interval(object, "p50_over_replays", &p50, failed);
        put_interval(object, "p99_over_replays", &p99, failed);
    }

    for (struct histogram_bucket bucket = {0}; histogram_next(histogram, &bucket);) {
        json_t *pair = json_array();

        json_push(pair, json_real(timing_ns(timing, bucket.lowest)), failed);
        json_push(pair, json_integer((json_int_t)bucket.count), failed);
        json_push(buckets, pair, failed);
    }

    json_put(object, "buckets", buckets, failed);
    return object;
}

static json_t *latency_of_kind(const struct timing *timing, unsigned kind, int *failed)
{
    json_t *array = json_array();

    for (unsigned class = 0; class < METER_CLASSES; class ++) {
        const struct histogram *histogram = timing_latency(timing, kind, class);

        if (histogram != NULL)
            json_push(array, latency_of_class(timing, kind, class, histogram, failed), failed);
    }

    return array;
}

static json_t *clock_used(const struct stopwatch *stopwatch, int *failed)
{
    json_t *object = json_object();

    json_put_real(object, "cost_ns", stopwatch->cost, failed);
    json_put_real(object, "floor_mean_ns", stopwatch_ns(stopwatch, stopwatch->floor_mean), failed);
    json_put_real(object, "floor_ns", stopwatch_ns(stopwatch, (double)stopwatch->floor_median),
                  failed);
    json_put_real(object, "floor_p99_ns", stopwatch_ns(stopwatch, (double)stopwatch->floor_p99),
                  failed);
    json_put_text(object, "name", stopwatch->name, failed);
    json_put_real(object, "step_ns", stopwatch_ns(stopwatch, (double)stopwatch->step), failed);
    json_put_real(object, "ticks_per_ns", stopwatch->rate, failed);
    return object;
}

/* The rows that any column uses: all of them would be mostly zeros. */
static void used_rows(const struct meter *meter, unsigned *first, unsigned *end)
{
    *first = METER_ROWS;
    *end = 0;
    for (unsigned i = 0; i < METER_COLUMNS * METER_ROWS; i++)
        if (meter->over_trace[i] != 0) {
            unsigned row = i % METER_ROWS;

            *first = row < *first ? row : *first;
            *end = row >= *end ? row + 1 : *end;
        }
}

static json_t *over_trace(const struct timing *timing, int *failed)
{
    const struct meter *meter = &timing->meter;
    unsigned columns = meter_columns(meter->events), first, end;
    json_t *object = json_object();
    json_t *events = json_array(), *from = json_array(), *counts = json_array();

    used_rows(meter, &first, &end);
    for (unsigned row = first; row < end; row++)
        json_push(from, json_real(timing_ns(timing, meter_row_lowest(row))), failed);
    for (unsigned column = 0; column < columns; column++) {
        json_t *rows = json_array();
        uint64_t last = ((column + 1) * meter->events - 1) / columns + 1;

        for (unsigned row = first; row < end; row++)
            json_push(rows, json_integer((json_int_t)meter->over_trace[column * METER_ROWS + row]),
                      failed);
        json_push(counts, rows, failed);
        /* The last event whose column this is. */
        json_push(events, json_integer((json_int_t)last), failed);
    }

    json_put(object, "counts", counts, failed);
    json_put(object, "event", events, failed);
    json_put(object, "from_ns", from, failed);
    return object;
}

static json_t *percentile_of_each(const struct timing *timing, unsigned kind,
                                  enum timing_percentile percentile, int *failed)
{
    unsigned nr;
    const double *values = timing_percentiles(timing, kind, TIMING_WHOLE, percentile, &nr);
    json_t *array = json_array();

    for (unsigned i = 0; i < nr; i++)
        json_push(array, json_real(values[i]), failed);

    return array;
}

/* Percentiles of each replay by itself: what two results are compared by. */
static json_t *replays(const struct timing *timing, int *failed)
{
    json_t *object = json_object();

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        json_t *p50 = percentile_of_each(timing, kind, TIMING_P50, failed);
        json_t *p99 = percentile_of_each(timing, kind, TIMING_P99, failed);
        json_t *both = json_object();
        bool any = json_array_size(p50) != 0;

        json_put(both, "p50_all", p50, failed);
        json_put(both, "p99_all", p99, failed);
        if (any)
            json_put(object, event_kind_name(kind), both, failed);
        else
            json_decref(both);
    }

    return object;
}

static json_t *latency(const struct timing *timing, int *failed)
{
    json_t *object = json_object();
    json_t *kinds = json_object();

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        json_t *classes = latency_of_kind(timing, kind, failed);

        if (json_array_size(classes) != 0)
            json_put(kinds, event_kind_name(kind), classes, failed);
        else
            json_decref(classes);
    }

    json_put(object, "clock", clock_used(&timing->meter.stopwatch, failed), failed);
    json_put(object, "kinds", kinds, failed);
    if (timing->meter.events != 0)
        json_put(object, "over_trace", over_trace(timing, failed), failed);
    json_put_real(object, "overhead", timing_overhead(timing), failed);
    if (timing->rounds > 1)
        json_put(object, "replays", replays(timing, failed), failed);
    json_put_number(object, "timed", timing->meter.timed, failed);
    return object;
}

json_t *result_measured(const struct session_outcome *outcome, int *failed)
{
    const struct timing *timing = &outcome->timing;
    struct statistics_summary wall = timing_wall(timing);
    json_t *object = json_object();
    json_t *all = json_array();

    for (unsigned i = 0; i < timing->rounds; i++)
        json_push(all, json_integer((json_int_t)timing->wall_ns[i]), failed);

    json_put_number(object, "events_per_second",
                    wall.median > 0 ? (uint64_t)((double)outcome->result.events * 1e9 / wall.median)
                                    : 0,
                    failed);
    json_put_number(object, "wall_ns", (uint64_t)wall.median, failed);
    json_put(object, "wall_ns_all", all, failed);
    if (timing->rounds > 1) {
        put_interval(object, "wall_ns_over_replays", &wall, failed);
        json_put(object, "drifts", json_boolean(wall.drifts), failed);
        json_put(object, "noisy", json_boolean(wall.noisy), failed);
        json_put_real(object, "spread", wall.spread, failed);
    }
    if (timing->latency != REPLAY_UNTIMED)
        json_put(object, "latency", latency(timing, failed), failed);
    return object;
}
