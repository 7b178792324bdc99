/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A replay's histograms are merged as it ends, so that a thousand replays need the memory of two.
 */

#include "replay/timing.h"

#include <string.h>

#define TIMED_BYTES (sizeof(unsigned) * EVENT_KINDS * TIMING_CLASSES)
#define ROWS        (EVENT_KINDS * TIMING_CLASSES * TIMING_PERCENTILES)

static const struct {
    uint32_t numerator, denominator;
} percentiles[TIMING_PERCENTILES] = {[TIMING_P50] = {50, 100}, [TIMING_P99] = {99, 100}};

static unsigned *timed(const struct timing *timing, unsigned kind, unsigned class)
{
    return &timing->timed[kind * TIMING_CLASSES + class];
}

static double *row(const struct timing *timing, unsigned kind, unsigned class,
                   enum timing_percentile percentile)
{
    size_t number = ((size_t)kind * TIMING_CLASSES + class) * TIMING_PERCENTILES + percentile;

    return timing->percentiles + number * timing->most;
}

int timing_open(struct timing *timing, unsigned most, enum replay_latency latency,
                const struct stopwatch *stopwatch, struct error *error)
{
    memset(timing, 0, sizeof(*timing));
    timing->most = most;
    timing->latency = latency;

    if (latency != REPLAY_UNTIMED &&
        meter_open(&timing->meter, MEASURE_TIME, stopwatch, error) != 0)
        return -1;

    timing->open = true;
    timing->wall_ns = host_reserve(most * sizeof(double), error);
    timing->scratch = host_reserve(most * sizeof(double), error);
    timing->percentiles = host_reserve((size_t)most * ROWS * sizeof(double), error);
    timing->timed = host_reserve(TIMED_BYTES, error);
    if (timing->wall_ns != NULL && timing->scratch != NULL && timing->percentiles != NULL &&
        timing->timed != NULL)
        return 0;

    timing_close(timing);
    return -1;
}

void timing_close(struct timing *timing)
{
    if (!timing->open)
        return;

    meter_close(&timing->meter);
    if (timing->wall_ns != NULL)
        host_unreserve(timing->wall_ns, timing->most * sizeof(double));
    if (timing->scratch != NULL)
        host_unreserve(timing->scratch, timing->most * sizeof(double));
    if (timing->percentiles != NULL)
        host_unreserve(timing->percentiles, (size_t)timing->most * ROWS * sizeof(double));
    if (timing->timed != NULL)
        host_unreserve(timing->timed, TIMED_BYTES);
    memset(timing, 0, sizeof(*timing));
}

double timing_ns(const struct timing *timing, uint64_t ticks)
{
    return stopwatch_ns(&timing->meter.stopwatch, (double)ticks);
}

/* A replay may have timed no such call, when calls are sampled. */
static void keep_percentiles(struct timing *timing, const struct histogram *histogram,
                             unsigned kind, unsigned class)
{
    unsigned *nr = timed(timing, kind, class);

    if (histogram->count == 0)
        return;

    for (unsigned i = 0; i < TIMING_PERCENTILES; i++)
        row(timing, kind, class, i)[*nr] =
            timing_ns(timing, histogram_percentile(histogram, percentiles[i].numerator,
                                                   percentiles[i].denominator));
    (*nr)++;
}

static void keep_kind(struct timing *timing, const struct meter *meter, unsigned kind)
{
    struct histogram whole;

    histogram_reset(&whole);
    for (unsigned class = 0; class < METER_CLASSES; class ++) {
        const struct histogram *histogram = meter_latency_of(meter, kind, class);

        keep_percentiles(timing, histogram, kind, class);
        if (histogram->count != 0)
            histogram_merge(&whole, histogram);
    }
    keep_percentiles(timing, &whole, kind, TIMING_WHOLE);
}

void timing_add(struct timing *timing, const struct replay_result *result)
{
    const struct meter *meter = result->meter;

    timing->wall_ns[timing->rounds] = (double)result->wall_ns;

    if (meter != NULL && meter->has_latency && timing->meter.has_latency) {
        for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
            keep_kind(timing, meter, kind);
        meter_merge_latency(&timing->meter, meter);
    }

    timing->rounds++;
}

struct statistics_summary timing_wall(const struct timing *timing)
{
    return statistics_summarize(timing->wall_ns, timing->rounds, timing->scratch);
}

struct statistics_summary timing_percentile(const struct timing *timing, unsigned kind,
                                            unsigned class, enum timing_percentile percentile)
{
    return statistics_summarize(row(timing, kind, class, percentile), *timed(timing, kind, class),
                                timing->scratch);
}

const double *timing_percentiles(const struct timing *timing, unsigned kind, unsigned class,
                                 enum timing_percentile percentile, unsigned *nr)
{
    *nr = *timed(timing, kind, class);
    return row(timing, kind, class, percentile);
}

const struct histogram *timing_latency(const struct timing *timing, unsigned kind, unsigned class)
{
    if (!timing->meter.has_latency)
        return NULL;

    const struct histogram *histogram = meter_latency_of(&timing->meter, kind, class);

    return histogram->count != 0 ? histogram : NULL;
}

bool timing_kind(const struct timing *timing, unsigned kind, struct histogram *histogram)
{
    histogram_reset(histogram);

    for (unsigned class = 0; class < METER_CLASSES; class ++) {
        const struct histogram *part = timing_latency(timing, kind, class);

        if (part != NULL)
            histogram_merge(histogram, part);
    }

    return histogram->count != 0;
}

double timing_overhead(const struct timing *timing)
{
    double wall = 0;
    double cost = (double)timing->meter.timed * timing->meter.stopwatch.cost;

    for (unsigned i = 0; i < timing->rounds; i++)
        wall += timing->wall_ns[i];

    return wall > cost ? cost / (wall - cost) : 0;
}
