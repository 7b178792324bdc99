/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Histograms against sorted arrays of the same values: no percentile may be too low, none too high
 * by a 128th or more, for distributions that are flat, skewed, in two points or far in the tail.
 * Beside that, the borders of buckets, what is exact, and merging.
 */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmocka_all.h"
#include "replay/histogram.h"

#define NR 100000

static const uint32_t percentiles[][2] = {{0, 1},      {1, 1000},       {1, 4},      {50, 100},
                                          {90, 100},   {99, 100},       {999, 1000}, {9999, 10000},
                                          {1, 100000}, {99999, 100000}, {100, 100}};

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* From above 0 to 1. */
static double random_part(uint64_t *state)
{
    return ((double)(random_next(state) >> 11) + 1) / 9007199254740992.0;
}

static uint64_t uniform(uint64_t *state)
{
    return random_next(state) % 5000000;
}

static uint64_t small(uint64_t *state)
{
    return random_next(state) % 256;
}

static uint64_t exponential(uint64_t *state)
{
    return (uint64_t)(-log(random_part(state)) * 3000);
}

static uint64_t two_points(uint64_t *state)
{
    return random_next(state) % 1000 < 995 ? 47 : 1000003;
}

/* Pareto with exponent 0.6, up to the limit: the largest of them are most of the sum. */
static uint64_t heavy_tail(uint64_t *state)
{
    double value = 40 * pow(random_part(state), -1 / 0.6);

    return value < (double)HISTOGRAM_LIMIT ? (uint64_t)value : HISTOGRAM_LIMIT - 1;
}

/* All magnitudes alike. */
static uint64_t magnitudes(uint64_t *state)
{
    return random_next(state) >> (24 + random_next(state) % 40);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static struct histogram *histogram_new(void)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));

    assert_non_null(histogram);
    return histogram;
}

static void check_percentile(const struct histogram *histogram, const uint64_t *sorted,
                             const uint32_t p[2])
{
    uint64_t rank = ((uint64_t)NR * p[0] + p[1] - 1) / p[1];
    uint64_t exact = sorted[rank > 0 ? rank - 1 : 0];
    uint64_t reported = histogram_percentile(histogram, p[0], p[1]);

    assert_true(reported >= exact);
    assert_true(reported <= histogram->max);
    if (exact < 256)
        assert_int_equal(reported, exact);
    else
        assert_true((reported - exact) * 128 < exact);
    if (p[0] == 0 || p[0] == p[1])
        assert_int_equal(reported, exact);
}

static void check_distribution(uint64_t (*draw)(uint64_t *), uint64_t seed)
{
    struct histogram *histogram = histogram_new();
    uint64_t *values = calloc(NR, sizeof(*values)), sum = 0;

    assert_non_null(values);
    for (int i = 0; i < NR; i++) {
        values[i] = draw(&seed);
        sum += values[i];
        histogram_record(histogram, values[i]);
    }
    qsort(values, NR, sizeof(*values), compare);

    assert_int_equal(histogram->count, NR);
    assert_int_equal(histogram->sum, sum);
    assert_int_equal(histogram_min(histogram), values[0]);
    assert_int_equal(histogram->max, values[NR - 1]);
    assert_int_equal(histogram_over(histogram), 0);
    for (unsigned i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
        check_percentile(histogram, values, percentiles[i]);

    free(values);
    free(histogram);
}

static void distributions(void **state)
{
    uint64_t (*draws[])(uint64_t *) = {uniform,    small,      exponential,
                                       two_points, heavy_tail, magnitudes};
    uint64_t seeds[] = {20240607, (uint64_t)time(NULL)};

    (void)state;
    for (int i = 0; i < 2; i++) {
        print_message("seed %" PRIu64 "\n", seeds[i]);
        for (unsigned j = 0; j < sizeof(draws) / sizeof(draws[0]); j++)
            check_distribution(draws[j], seeds[i]);
    }
}

/* Buckets follow each other without gap, and none is wider than a 128th of its lowest value. */
static void buckets(void **state)
{
    (void)state;
    assert_int_equal(histogram_bucket_lowest(0), 0);
    for (unsigned i = 0; i < HISTOGRAM_OVER; i++) {
        uint64_t lowest = histogram_bucket_lowest(i), highest = histogram_bucket_highest(i);

        assert_int_equal(histogram_index(lowest), i);
        assert_int_equal(histogram_index(highest), i);
        assert_int_equal(highest + 1, histogram_bucket_lowest(i + 1));
        if (i < 256)
            assert_int_equal(lowest, highest);
        assert_true((highest - lowest) * 128 <= lowest);
    }
    assert_int_equal(histogram_bucket_lowest(HISTOGRAM_OVER), HISTOGRAM_LIMIT);
    assert_int_equal(histogram_bucket_highest(HISTOGRAM_OVER), UINT64_MAX);
}

/* By hand: 256 and 257 share a bucket, 255 has one for itself. */
static void borders(void **state)
{
    (void)state;
    assert_int_equal(histogram_index(127), 127);
    assert_int_equal(histogram_index(128), 128);
    assert_int_equal(histogram_index(255), 255);
    assert_int_equal(histogram_index(256), 256);
    assert_int_equal(histogram_index(257), 256);
    assert_int_equal(histogram_index(258), 257);
    assert_int_equal(histogram_index(511), 383);
    assert_int_equal(histogram_index(512), 384);
    assert_int_equal(histogram_index(HISTOGRAM_LIMIT - 1), HISTOGRAM_OVER - 1);
    assert_int_equal(histogram_bucket_lowest(HISTOGRAM_OVER - 1), UINT64_C(255) << 32);
}

static void empty(void **state)
{
    struct histogram *histogram = histogram_new();
    struct histogram_bucket bucket = {0};

    (void)state;
    assert_int_equal(histogram_percentile(histogram, 1, 2), 0);
    assert_int_equal(histogram_percentile(histogram, 1, 1), 0);
    assert_int_equal(histogram_min(histogram), 0);
    assert_false(histogram_next(histogram, &bucket));
    histogram_record_many(histogram, 7, 0);
    assert_int_equal(histogram->count, 0);
    assert_int_equal(histogram_min(histogram), 0);
    free(histogram);
}

/* The nearest rank, by hand: of 1, 2, 3, 4 the median is 2, and anything above three quarters 4. */
static void ranks(void **state)
{
    struct histogram *histogram = histogram_new();

    (void)state;
    for (uint64_t value = 4; value >= 1; value--)
        histogram_record(histogram, value);
    assert_int_equal(histogram_percentile(histogram, 0, 100), 1);
    assert_int_equal(histogram_percentile(histogram, 25, 100), 1);
    assert_int_equal(histogram_percentile(histogram, 26, 100), 2);
    assert_int_equal(histogram_percentile(histogram, 50, 100), 2);
    assert_int_equal(histogram_percentile(histogram, 75, 100), 3);
    assert_int_equal(histogram_percentile(histogram, 7501, 10000), 4);
    assert_int_equal(histogram_percentile(histogram, 1, 1), 4);
    free(histogram);
}

/* A bucket's highest value is reported, but no more than the maximum. */
static void within_bucket(void **state)
{
    struct histogram *histogram = histogram_new();

    (void)state;
    histogram_record(histogram, 1025); /* of 1024..1031 */
    assert_int_equal(histogram_percentile(histogram, 1, 2), 1025);
    histogram_record(histogram, 5000);
    assert_int_equal(histogram_percentile(histogram, 1, 2), 1031);
    assert_int_equal(histogram_percentile(histogram, 0, 2), 1025);
    free(histogram);
}

static void too_large(void **state)
{
    struct histogram *histogram = histogram_new();
    struct histogram_bucket bucket = {0};

    (void)state;
    histogram_record_many(histogram, 100, 7);
    histogram_record(histogram, HISTOGRAM_LIMIT - 1);
    assert_int_equal(histogram_over(histogram), 0);
    histogram_record(histogram, HISTOGRAM_LIMIT);
    histogram_record(histogram, UINT64_MAX);

    assert_int_equal(histogram_over(histogram), 2);
    assert_int_equal(histogram->count, 10);
    assert_int_equal(histogram->sum, UINT64_MAX); /* it stopped there */
    assert_int_equal(histogram->max, UINT64_MAX);
    assert_int_equal(histogram_min(histogram), 100);
    assert_int_equal(histogram_percentile(histogram, 7, 10), 100);
    assert_int_equal(histogram_percentile(histogram, 8, 10), HISTOGRAM_LIMIT - 1);
    assert_int_equal(histogram_percentile(histogram, 9, 10), UINT64_MAX);

    while (histogram_next(histogram, &bucket))
        continue;
    assert_int_equal(bucket.lowest, HISTOGRAM_LIMIT);
    assert_int_equal(bucket.highest, UINT64_MAX);
    assert_int_equal(bucket.count, 2);
    free(histogram);
}

/* Only UINT64_MAX: its complement is that of an empty histogram. */
static void largest_alone(void **state)
{
    struct histogram *histogram = histogram_new();

    (void)state;
    histogram_record(histogram, UINT64_MAX);
    assert_int_equal(histogram_min(histogram), UINT64_MAX);
    assert_int_equal(histogram_percentile(histogram, 1, 2), UINT64_MAX);
    free(histogram);
}

static void record_many(void **state)
{
    static const uint64_t values[] = {0, 1, 255, 256, 123456789, HISTOGRAM_LIMIT + 5};
    struct histogram *one = histogram_new(), *many = histogram_new();

    (void)state;
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned j = 0; j < 3 * i + 1; j++)
            histogram_record(one, values[i]);
        histogram_record_many(many, values[i], 3 * i + 1);
    }
    assert_memory_equal(one, many, sizeof(*one));

    /* A product that does not fit stops the sum. */
    histogram_record_many(many, HISTOGRAM_LIMIT, UINT64_C(1) << 30);
    assert_int_equal(many->sum, UINT64_MAX);
    assert_int_equal(many->count, one->count + (UINT64_C(1) << 30));
    free(one);
    free(many);
}

/* A count that leaves no room for its product with 100000. */
static void large_counts(void **state)
{
    struct histogram *histogram = histogram_new();

    (void)state;
    histogram_record_many(histogram, 10, UINT64_C(99999) << 46);
    histogram_record_many(histogram, 20, UINT64_C(1) << 46);
    assert_int_equal(histogram_percentile(histogram, 99999, 100000), 10);
    assert_int_equal(histogram_percentile(histogram, 4294967295, 4294967295), 20);
    assert_int_equal(histogram_percentile(histogram, 4294967294, 4294967295), 20);
    free(histogram);
}

static void iteration(void **state)
{
    static const struct histogram_bucket expected[] = {
        {0, 0, 2, 0}, {200, 200, 1, 0}, {1024, 1031, 3, 0}, {1032, 1039, 1, 0}};
    struct histogram *histogram = histogram_new();
    struct histogram_bucket bucket = {0};

    (void)state;
    histogram_record_many(histogram, 0, 2);
    histogram_record(histogram, 1024);
    histogram_record(histogram, 1031);
    histogram_record(histogram, 1030);
    histogram_record(histogram, 1032);
    histogram_record(histogram, 200);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(histogram_next(histogram, &bucket));
        assert_int_equal(bucket.lowest, expected[i].lowest);
        assert_int_equal(bucket.highest, expected[i].highest);
        assert_int_equal(bucket.count, expected[i].count);
    }
    assert_false(histogram_next(histogram, &bucket));
    assert_false(histogram_next(histogram, &bucket));
    free(histogram);
}

/* (a + b) + c, a + (b + c) and all recorded into one are the same bytes, also where sums stop. */
static void merging(void **state)
{
    struct histogram *part[3], *all = histogram_new(), *left = histogram_new(),
                               *right = histogram_new();
    uint64_t seed = (uint64_t)time(NULL) | 1;

    (void)state;
    print_message("seed %" PRIu64 "\n", seed);
    for (int i = 0; i < 3; i++) {
        part[i] = histogram_new();
        for (int j = 0; j < 5000; j++) {
            uint64_t value = i == 1 ? random_next(&seed) : magnitudes(&seed);

            histogram_record(part[i], value);
            histogram_record(all, value);
        }
    }
    histogram_merge(left, part[0]);
    histogram_merge(left, part[1]);
    histogram_merge(left, part[2]);
    histogram_merge(right, part[2]);
    histogram_merge(right, part[1]);
    histogram_merge(part[0], right);
    assert_memory_equal(left, all, sizeof(*all));
    assert_memory_equal(part[0], all, sizeof(*all));

    /* Nothing added, and adding to nothing. */
    histogram_reset(right);
    histogram_merge(left, right);
    assert_memory_equal(left, all, sizeof(*all));
    histogram_merge(right, all);
    assert_memory_equal(right, all, sizeof(*all));

    for (int i = 0; i < 3; i++)
        free(part[i]);
    free(all);
    free(left);
    free(right);
}

static void reset(void **state)
{
    struct histogram *histogram = histogram_new(), *zero = histogram_new();

    (void)state;
    histogram_record(histogram, 5);
    histogram_record(histogram, UINT64_MAX);
    histogram_reset(histogram);
    assert_memory_equal(histogram, zero, sizeof(*zero));
    free(histogram);
    free(zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions), cmocka_unit_test(buckets),
        cmocka_unit_test(borders),       cmocka_unit_test(empty),
        cmocka_unit_test(ranks),         cmocka_unit_test(within_bucket),
        cmocka_unit_test(too_large),     cmocka_unit_test(largest_alone),
        cmocka_unit_test(record_many),   cmocka_unit_test(large_counts),
        cmocka_unit_test(iteration),     cmocka_unit_test(merging),
        cmocka_unit_test(reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
