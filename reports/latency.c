/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A result has the lowest time of each bucket, and percentiles promise that so many calls took no
 * longer: the highest time is what is wanted. How wide a bucket is follows from how they are laid
 * out (docs/latency.md): one tick below 256 of them, and above a 128th of a power of two.
 */

#include "reports/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The highest time of the bucket that begins with LOWEST, both in ns; RATE is ticks per ns. */
static double bucket_highest(double lowest, double rate)
{
    int exponent;
    double ticks = lowest * rate;

    if (rate <= 0 || ticks < 255.5)
        return lowest;

    /* ticks = m * 2^exponent with m from 1/2 to 1: the bucket has 2^(exponent - 8) ticks. That the
     * time is rounded must not take it below the power of two that it is. */
    frexp(ticks * (1 + 1e-5), &exponent);
    return lowest + (ldexp(1, exponent - 8) - 1) / rate;
}

static int add_class(struct latency *latency, const json_t *class, double rate)
{
    const json_t *pairs = report_array(class, "buckets"), *pair;
    size_t i, room = latency->nr + json_array_size(pairs);
    struct latency_bucket *more = reallocarray(latency->buckets, room + 1, sizeof(*more));
    double count = report_number(class, "count");

    if (more == NULL)
        return -1;
    latency->buckets = more;

    json_array_foreach(pairs, i, pair) latency->buckets[latency->nr++] = (struct latency_bucket){
        .highest = bucket_highest(json_number_value(json_array_get(pair, 0)), rate),
        .count = (uint64_t)report_element(pair, 1),
    };

    latency->mean += report_number(class, "mean") * count; /* the sum, until all are there */
    latency->count += (uint64_t)count;
    latency->max = fmax(latency->max, report_number(class, "max"));
    return 0;
}

static int add_kind(struct latency *latency, const json_t *classes, int64_t at_most, double rate)
{
    size_t i;
    const json_t *class;

    json_array_foreach(classes, i, class) if ((at_most == LATENCY_ALL_SIZES ||
                                               report_integer(class, "at_most_bytes") == at_most) &&
                                              add_class(latency, class, rate) != 0) return -1;

    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct latency_bucket *first = a, *second = b;

    return (first->highest > second->highest) - (first->highest < second->highest);
}

static void merge_equal(struct latency *latency)
{
    unsigned to = 0;

    qsort(latency->buckets, latency->nr, sizeof(*latency->buckets), by_time);
    for (unsigned i = 0; i < latency->nr; i++)
        if (to != 0 && latency->buckets[to - 1].highest == latency->buckets[i].highest)
            latency->buckets[to - 1].count += latency->buckets[i].count;
        else
            latency->buckets[to++] = latency->buckets[i];
    latency->nr = to;
}

int latency_open(struct latency *latency, const struct report_result *result, const char *kind,
                 int64_t at_most)
{
    json_t *kinds = report_at(result->measured, "latency.kinds"), *classes;
    double rate = report_number(result->measured, "latency.clock.ticks_per_ns");
    const char *name;

    *latency = (struct latency){0};
    json_object_foreach(kinds, name, classes) if ((kind == NULL || strcmp(kind, name) == 0) &&
                                                  add_kind(latency, classes, at_most, rate) != 0)
    {
        latency_close(latency);
        return -1;
    }

    if (latency->nr != 0)
        merge_equal(latency);
    if (latency->count != 0)
        latency->mean /= (double)latency->count;
    return 0;
}

void latency_close(struct latency *latency)
{
    free(latency->buckets);
    *latency = (struct latency){0};
}

double latency_percentile(const struct latency *latency, double share)
{
    uint64_t rank = (uint64_t)ceil(share * (double)latency->count * (1 - 1e-12)), seen = 0;

    for (unsigned i = 0; i < latency->nr; i++) {
        seen += latency->buckets[i].count;
        if (seen >= rank)
            return fmin(latency->buckets[i].highest, latency->max);
    }

    return latency->max;
}
