/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Histogram of values from 0 to 2^64 - 1 in buckets that grow with the value: times in ticks, and
 * exact counts of work. Values below 256 have a bucket each; above, each power of two is cut into
 * 128 buckets, up to 2^40; all higher values share the last bucket. Count, sum, smallest and
 * largest value are kept exactly besides. Integers only: equal values give equal histograms
 * everywhere, in whatever order they come.
 *
 * A histogram of zero bytes is an empty one. Many can therefore be reserved at once and cost memory
 * only where something is recorded (host_reserve in machine.h), HISTOGRAM_BUCKETS * 8 bytes at
 * most.
 */

#ifndef REPLAY_HISTOGRAM_H
#define REPLAY_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7  /* 128 buckets for each power of two */
#define HISTOGRAM_BITS     40 /* values below 2^40 have buckets of bounded error */
#define HISTOGRAM_LIMIT    (UINT64_C(1) << HISTOGRAM_BITS)
#define HISTOGRAM_OVER     ((HISTOGRAM_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS  (HISTOGRAM_OVER + 1) /* the last is for HISTOGRAM_LIMIT and above */

struct histogram {
    uint64_t count;   /* values recorded */
    uint64_t sum;     /* of them; stops at UINT64_MAX */
    uint64_t max;     /* 0 if there is none */
    uint64_t not_min; /* complement of the smallest, so that 0 is the empty histogram's */
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* One bucket: COUNT values that are at least LOWEST and at most HIGHEST. */
struct histogram_bucket {
    uint64_t lowest, highest, count;
    unsigned next; /* where to go on: 0 before the first call */
};

void histogram_reset(struct histogram *histogram);

/* The bucket of a value below HISTOGRAM_LIMIT: histogram.c, at its top. */
static inline unsigned histogram_index(uint64_t value)
{
    unsigned shift =
        63 - HISTOGRAM_SUB_BITS - (unsigned)__builtin_clzll(value | 1 << HISTOGRAM_SUB_BITS);

    return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The smallest and the largest value of bucket INDEX. Those of HISTOGRAM_OVER are HISTOGRAM_LIMIT
 * and UINT64_MAX. */
uint64_t histogram_bucket_lowest(unsigned index);
uint64_t histogram_bucket_highest(unsigned index);

static inline uint64_t histogram_add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Records a value: no loop, no division, some 30 instructions on x86-64. The count of values, all
 * together, must stay below 2^64. */
static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->counts[value < HISTOGRAM_LIMIT ? histogram_index(value) : HISTOGRAM_OVER]++;
    histogram->count++;
    histogram->sum = histogram_add_saturating(histogram->sum, value);
    histogram->max = value > histogram->max ? value : histogram->max;
    histogram->not_min = ~value > histogram->not_min ? ~value : histogram->not_min;
}

/* As many times histogram_record; nothing for NR == 0. */
void histogram_record_many(struct histogram *histogram, uint64_t value, uint64_t nr);

/* Adds the values of FROM: the result is what recording all of both would have given. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* The smallest value, exactly; 0 if there is none. */
static inline uint64_t histogram_min(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : ~histogram->not_min;
}

/* How many values were too large for a bucket of their own. */
static inline uint64_t histogram_over(const struct histogram *histogram)
{
    return histogram->counts[HISTOGRAM_OVER];
}

/*
 * The percentile NUMERATOR / DENOMINATOR (999, 1000 is p99.9), by nearest rank: of the recorded
 * values in order, the one whose number, from 1, is count * NUMERATOR / DENOMINATOR rounded up.
 * Returned is the highest value of its bucket, or the exact maximum if that is lower. So at least
 * that part of the values are at most what is returned, and it is never too low; it is too high by
 * less than a 128th of the exact value, and not at all below 256. 0 of anything is the exact
 * minimum, the whole the exact maximum, which is also returned for ranks among the values that
 * histogram_over counts. 0 if there is no value.
 *
 * NUMERATOR is at most DENOMINATOR, which is not 0.
 */
uint64_t histogram_percentile(const struct histogram *histogram, uint32_t numerator,
                              uint32_t denominator);

/*
 * Goes through the buckets that are not empty, in order of value; false after the last.
 *
 *   for (struct histogram_bucket bucket = {0}; histogram_next(histogram, &bucket);)
 */
bool histogram_next(const struct histogram *histogram, struct histogram_bucket *bucket);

#endif
