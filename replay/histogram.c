/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Recording must cost less than what is recorded, and a percentile must be right to a per cent from
 * one nanosecond to a thousand seconds. Both follow from buckets like the mantissas of floating
 * point numbers, as HdrHistogram has them. A value V with its highest bit at E >= 7 has
 *
 *   shift = E - 7       how many low bits are dropped
 *   index = shift * 128 + (V >> shift)
 *
 * where V >> shift is in 128..255, so that indices of one shift end where those of the next begin.
 * Values below 128 are given the shift 0 by setting bit 7 in what is searched for its highest bit;
 * with shift 0, the index is the value.
 *
 * The error: a bucket of shift S holds 2^S values, from M * 2^S on with M >= 128. Its highest value
 * H and any of its values V differ by at most 2^S - 1, and V >= 128 * 2^S, so that
 *
 *   0 <= H - V < V / 128, that is 0.79 %; with S = 0 they are equal.
 *
 * H is reported rather than the middle of the bucket, which would halve the error but could lie
 * below the exact value: a percentile is a promise that so many values are no larger.
 *
 * Buckets end at 2^40, at 1 ns a tick 18 minutes, since a stall that long is not one to know to a
 * per cent. Higher values are counted apart, and a percentile that falls among them is the maximum.
 *
 * Counts have 64 bits: they would not overflow in centuries, and 34 KiB a histogram is little when
 * pages that nothing was recorded in are never touched. The complement of the minimum is kept, so
 * that memory the system hands out as zeros is an empty histogram.
 */

#include "replay/histogram.h"

#include <string.h>

#define SUB_BUCKETS (1U << HISTOGRAM_SUB_BITS)

_Static_assert(HISTOGRAM_OVER == 4352, "documented");

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

/* The two lowest rows, of values that are their own index, have the shift 0. */
static unsigned bucket_shift(unsigned index)
{
    return index < SUB_BUCKETS ? 0 : index / SUB_BUCKETS - 1;
}

uint64_t histogram_bucket_lowest(unsigned index)
{
    unsigned shift = bucket_shift(index);

    return (uint64_t)(index - shift * SUB_BUCKETS) << shift;
}

uint64_t histogram_bucket_highest(unsigned index)
{
    return index == HISTOGRAM_OVER ? UINT64_MAX : histogram_bucket_lowest(index + 1) - 1;
}

static uint64_t multiply_saturating(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

void histogram_record_many(struct histogram *histogram, uint64_t value, uint64_t nr)
{
    if (nr == 0)
        return;
    histogram_record(histogram, value);

    /* The rest, which moves neither the minimum nor the maximum. */
    uint64_t rest = nr - 1;

    histogram->counts[value < HISTOGRAM_LIMIT ? histogram_index(value) : HISTOGRAM_OVER] += rest;
    histogram->count += rest;
    histogram->sum = histogram_add_saturating(histogram->sum, multiply_saturating(value, rest));
}

void histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    if (from->count == 0)
        return;

    unsigned first = histogram_min(from) < HISTOGRAM_LIMIT ? histogram_index(histogram_min(from))
                                                           : HISTOGRAM_OVER;
    unsigned last = from->max < HISTOGRAM_LIMIT ? histogram_index(from->max) : HISTOGRAM_OVER;

    for (unsigned i = first; i <= last; i++)
        if (from->counts[i] != 0)
            histogram->counts[i] += from->counts[i];

    histogram->count += from->count;
    histogram->sum = histogram_add_saturating(histogram->sum, from->sum);
    if (from->max > histogram->max)
        histogram->max = from->max;
    if (from->not_min > histogram->not_min)
        histogram->not_min = from->not_min;
}

/* COUNT * NUMERATOR / DENOMINATOR, rounded up, with no product above 2^64. */
static uint64_t nearest_rank(uint64_t count, uint64_t numerator, uint64_t denominator)
{
    uint64_t part = count % denominator * numerator;

    return count / denominator * numerator + part / denominator + (part % denominator != 0);
}

uint64_t histogram_percentile(const struct histogram *histogram, uint32_t numerator,
                              uint32_t denominator)
{
    uint64_t rank = nearest_rank(histogram->count, numerator, denominator), seen = 0;
    struct histogram_bucket bucket = {0};

    if (rank == 0)
        return histogram_min(histogram);

    while (histogram_next(histogram, &bucket)) {
        seen += bucket.count;
        if (seen >= rank)
            break;
    }
    return bucket.highest < histogram->max ? bucket.highest : histogram->max;
}

bool histogram_next(const struct histogram *histogram, struct histogram_bucket *bucket)
{
    for (unsigned i = bucket->next; i < HISTOGRAM_BUCKETS; i++)
        if (histogram->counts[i] != 0) {
            bucket->lowest = histogram_bucket_lowest(i);
            bucket->highest = histogram_bucket_highest(i);
            bucket->count = histogram->counts[i];
            bucket->next = i + 1;
            return true;
        }
    bucket->next = HISTOGRAM_BUCKETS;
    return false;
}
