/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Statistics against published tables, values worked out by hand and, where both are possible,
 * against counting every case.
 */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/statistics.h"

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.10g is not within %.3g of %.10g", value, tolerance, expected);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 1, 2, ... */
static void count_up(double *values, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++)
        values[i] = i + 1;
}

static void sorting(void **state)
{
    uint64_t seed = (uint64_t)time(NULL) | 1;

    (void)state;
    print_message("seed %" PRIu64 "\n", seed);
    for (unsigned nr = 0; nr < 200; nr++) {
        double values[200], sum = 0, sorted_sum = 0;

        for (unsigned i = 0; i < nr; i++) {
            values[i] = (double)(random_next(&seed) % (nr < 100 ? 1000 : 20)) - 10;
            sum += values[i];
        }
        statistics_sort(values, nr);
        for (unsigned i = 0; i < nr; i++) {
            assert_true(i == 0 || values[i - 1] <= values[i]);
            sorted_sum += values[i];
        }
        assert_true(sum == sorted_sum);
    }
}

static void medians(void **state)
{
    static const double values[] = {1, 3, 10, 20};

    (void)state;
    assert_true(statistics_median(values, 0) == 0);
    assert_true(statistics_median(values, 1) == 1);
    assert_true(statistics_median(values, 2) == 2);
    assert_true(statistics_median(values, 3) == 3);
    assert_true(statistics_median(values, 4) == 6.5);
}

/* The published ranks and confidences of the interval at 95 %, n = 6 to 20. */
static void median_interval_table(void **state)
{
    static const struct {
        unsigned nr, rank;
        double percent;
    } table[] = {{6, 1, 96.88},  {7, 1, 98.44},  {8, 1, 99.22},  {9, 2, 96.09},  {10, 2, 97.85},
                 {11, 2, 98.83}, {12, 3, 96.14}, {13, 3, 97.75}, {14, 3, 98.71}, {15, 4, 96.48},
                 {16, 4, 97.87}, {17, 5, 95.10}, {18, 5, 96.91}, {19, 5, 98.08}, {20, 6, 95.86}};
    double values[20];

    (void)state;
    count_up(values, 20);
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        unsigned nr = table[i].nr;
        struct statistics_interval interval = statistics_median_interval(values, nr, 0.95);

        assert_true(interval.reached);
        assert_int_equal(interval.low_rank, table[i].rank);
        assert_int_equal(interval.high_rank, nr + 1 - table[i].rank);
        assert_true(interval.low == table[i].rank);
        assert_true(interval.high == nr + 1 - table[i].rank);
        assert_near(interval.confidence * 100, table[i].percent, 0.005);
    }
}

/* Too few for 95 %: the whole range, and what it is worth. */
static void median_interval_few(void **state)
{
    static const double percents[] = {0, 50, 75, 87.5, 93.75};
    double values[5];

    (void)state;
    count_up(values, 5);
    for (unsigned nr = 1; nr <= 5; nr++) {
        struct statistics_interval interval = statistics_median_interval(values, nr, 0.95);

        assert_false(interval.reached);
        assert_true(interval.low == 1 && interval.high == nr);
        assert_true(interval.confidence * 100 == percents[nr - 1]);
    }
    assert_true(statistics_median_interval(values, 5, 0.9).reached);

    struct statistics_interval none = statistics_median_interval(values, 0, 0.95);

    assert_false(none.reached);
    assert_int_equal(none.low_rank, 0);
}

static void median_interval_many(void **state)
{
    static double values[STATISTICS_MAX];

    (void)state;
    count_up(values, STATISTICS_MAX);

    /* 500.5 -+ 1.96 * sqrt(1000) / 2 */
    struct statistics_interval interval = statistics_median_interval(values, STATISTICS_MAX, 0.95);

    assert_int_equal(interval.low_rank, 469);
    assert_int_equal(interval.high_rank, 532);
    assert_near(interval.confidence, 0.95, 0.005);
}

/* Of samples from a skewed distribution with median 1, the interval misses in at most so many. */
static void median_interval_covers(void **state)
{
    uint64_t seed = 88172645463325252;
    unsigned missed = 0;

    (void)state;
    for (int sample = 0; sample < 20000; sample++) {
        double values[10];

        for (int i = 0; i < 10; i++)
            values[i] = -log2(((double)(random_next(&seed) >> 11) + 1) / 9007199254740992.0);
        statistics_sort(values, 10);

        struct statistics_interval interval = statistics_median_interval(values, 10, 0.95);

        missed += interval.low > 1 || interval.high < 1;
    }
    /* 2.15 % of them, 430, with a standard deviation of 20. */
    assert_in_range(missed, 330, 530);
}

/* Two samples without ties in which U is as asked for. */
static void samples_with_u(unsigned u, double *first, unsigned a, double *second, unsigned b)
{
    for (unsigned i = 0; i < b; i++)
        second[i] = 100.0 * i + 50;
    for (unsigned i = 0; i < a; i++) {
        unsigned above = u < b ? u : b;

        first[i] = 100.0 * above + i;
        u -= above;
    }
}

static double p_of_u(unsigned u, unsigned a, unsigned b)
{
    double first[40], second[40];

    samples_with_u(u, first, a, second, b);

    struct statistics_comparison comparison = statistics_compare(first, a, second, b);

    assert_true(comparison.u == u);
    assert_true(comparison.exact == (a <= STATISTICS_EXACT && b <= STATISTICS_EXACT));
    return comparison.p;
}

/* Published critical values of U, two-sided at 5 %: the largest that is significant. */
static void compare_table(void **state)
{
    static const unsigned table[][3] = {{4, 4, 0},    {3, 5, 0},    {5, 5, 2},     {6, 6, 5},
                                        {5, 8, 6},    {7, 7, 8},    {8, 8, 13},    {9, 9, 17},
                                        {10, 10, 23}, {12, 12, 37}, {10, 15, 39},  {15, 15, 64},
                                        {5, 20, 20},  {10, 20, 55}, {20, 20, 127}, {2, 8, 0}};

    (void)state;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        unsigned a = table[i][0], b = table[i][1], u = table[i][2];

        assert_true(p_of_u(u, a, b) <= 0.05);
        assert_true(p_of_u(u + 1, a, b) > 0.05);
        assert_true(p_of_u(a * b - u, a, b) == p_of_u(u, a, b));
        assert_true(p_of_u(u, b, a) == p_of_u(u, a, b));
    }
}

/* The same at 1 %, for samples of the same size. */
static void compare_table_1_percent(void **state)
{
    static const unsigned table[] = {0, 2, 4, 7, 11, 16, 21, 27, 34, 42, 51, 60, 70, 81, 93, 105};

    (void)state;
    for (unsigned n = 5; n <= 20; n++) {
        unsigned u = table[n - 5];

        assert_true(p_of_u(u, n, n) <= 0.01);
        assert_true(p_of_u(u + 1, n, n) > 0.01);
    }
}

static double uniform(uint64_t *seed)
{
    return ((double)(random_next(seed) >> 11) + 0.5) / 9007199254740992.0;
}

static double draw_uniform(double u)
{
    return 2 * u + 6;
}

static double draw_exponential(double u)
{
    return -log(u);
}

/* Without a mean. */
static double draw_cauchy(double u)
{
    return 3 + tan(M_PI * (u - 0.5));
}

static double draw_pareto(double u)
{
    return 1 / u;
}

/* Of 1000 draws by inversion the median lies within four standard errors of that of the
 * distribution, 1 / (2 f sqrt(n)) with f its density at the median, and so does the interval hold
 * it; whatever the tails are. */
static void known_medians(void **state)
{
    static const struct {
        double (*draw)(double u);
        double median, density;
    } cases[] = {{draw_uniform, 7, 0.5},
                 {draw_exponential, 0.69314718055994531, 0.5},
                 {draw_cauchy, 3, 1 / M_PI},
                 {draw_pareto, 2, 0.25}};
    static double values[STATISTICS_MAX], scratch[STATISTICS_MAX];
    uint64_t seed = 88172645463325252;

    (void)state;
    for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        double error = 1 / (2 * cases[c].density * sqrt(STATISTICS_MAX));

        for (unsigned i = 0; i < STATISTICS_MAX; i++)
            values[i] = cases[c].draw(uniform(&seed));

        struct statistics_summary summary = statistics_summarize(values, STATISTICS_MAX, scratch);

        assert_near(summary.median, cases[c].median, 4 * error);
        assert_near(summary.interval.high - summary.interval.low, 4 * error, 2 * error);
        assert_false(summary.drifts);
    }
}

/* Hollander and Wolfe, Nonparametric Statistical Methods, 1973, p. 69: permeability of a membrane;
 * W = 35, one-sided 0.1272. */
static void compare_textbook(void **state)
{
    static const double at_term[] = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
    static const double earlier[] = {1.15, 0.88, 0.90, 0.74, 1.21};
    struct statistics_comparison comparison = statistics_compare(at_term, 10, earlier, 5);

    (void)state;
    assert_true(comparison.exact);
    assert_true(comparison.u == 35);
    assert_near(comparison.p, 2 * 0.1272, 0.0001);
    assert_near(comparison.least_p, 2.0 / 3003, 1e-12);
}

/* U of a of a + b ranks, chosen by the bits of SET. */
static unsigned u_of_set(unsigned set, unsigned n)
{
    unsigned u = 0, others = 0;

    for (unsigned i = 0; i < n; i++)
        if ((set >> i & 1) != 0)
            u += others;
        else
            others++;
    return u;
}

/* Every arrangement of up to 6 and 6 values. */
static void compare_all_arrangements(void **state)
{
    (void)state;
    for (unsigned a = 1; a <= 6; a++)
        for (unsigned b = 1; b <= 6; b++) {
            unsigned counts[37] = {0}, all = 0, at_most = 0;

            for (unsigned set = 0; set < 1U << (a + b); set++)
                if ((unsigned)__builtin_popcount(set) == a) {
                    counts[u_of_set(set, a + b)]++;
                    all++;
                }
            for (unsigned u = 0; u <= a * b / 2; u++) {
                at_most += counts[u];
                assert_near(p_of_u(u, a, b), fmin(1, 2.0 * at_most / all), 1e-12);
            }
        }
}

/*
 * By hand: of the pairs of {1, 2, 2, 3} and {2, 3, 4, 5}, 1 is won and 3 are tied. Ties: 2 three
 * times and 3 twice, 24 + 6. Variance 16 / 12 * (9 - 30 / 56) = 11.2857; (|2.5 - 8| - 0.5)
 * / 3.35942 = 1.48835; two-sided 0.13666.
 */
static void compare_ties(void **state)
{
    static const double first[] = {2, 1, 3, 2}, second[] = {5, 2, 4, 3};
    struct statistics_comparison comparison = statistics_compare(first, 4, second, 4);

    (void)state;
    assert_false(comparison.exact);
    assert_true(comparison.u == 2.5);
    assert_near(comparison.p, 0.13666, 0.00001);
    assert_near(statistics_compare(second, 4, first, 4).p, comparison.p, 1e-12);
}

static void compare_nothing(void **state)
{
    static const double same[] = {4, 4, 4, 4, 4, 4};

    (void)state;
    assert_true(statistics_compare(same, 6, same, 6).p == 1);
    assert_true(statistics_compare(same, 1, same, 1).p == 1);
    assert_true(statistics_compare(same, 0, same, 6).p == 1);
    assert_true(statistics_compare(same, 6, same, 0).p == 1);
    assert_true(p_of_u(0, 1, 1) == 1);
    assert_near(p_of_u(0, 3, 3), 0.1, 1e-12); /* the best that 3 and 3 can show */
}

/* Where the exact distribution ends, the approximation goes on from there. */
static void compare_approximation(void **state)
{
    (void)state;
    for (unsigned u = 250; u <= 450; u += 50) {
        double exact = p_of_u(u, 30, 30);
        double mean = 450, deviation = sqrt(900 * 61 / 12.0);
        double normal = fmin(1, erfc((fabs(u - mean) - 0.5) / deviation / sqrt(2)));

        assert_near(exact, normal, 0.003);
    }
    /* 31 and 31: mean 480.5, deviation 71.034; (|300 - 480.5| - 0.5) / 71.034 = 2.53400. */
    assert_near(p_of_u(300, 31, 31), 0.011277, 0.00001);
}

/* Distances from the median, 5, of 1 4 5 6 20: 4 1 0 1 15, their median 1. */
static void spreads(void **state)
{
    static const double odd[] = {20, 4, 1, 6, 5};
    static const double even[] = {10, 12, 14, 40}; /* median 13: 3 1 1 27, so 2 */
    static const double negative[] = {-20, -4, -1, -6, -5};
    double scratch[5];
    struct statistics_summary summary = statistics_summarize(odd, 5, scratch);

    (void)state;
    assert_int_equal(summary.nr, 5);
    assert_true(summary.min == 1 && summary.median == 5 && summary.max == 20);
    assert_near(summary.spread, 0.2, 1e-12);
    assert_true(summary.noisy);
    assert_true(summary.trend_p == 1); /* too few to tell */

    assert_near(statistics_summarize(even, 4, scratch).spread, 2.0 / 13, 1e-12);
    assert_near(statistics_summarize(negative, 5, scratch).spread, 0.2, 1e-12);
    assert_true(statistics_summarize(odd, 1, scratch).spread == 0);
    assert_int_equal(statistics_summarize(odd, 0, scratch).nr, 0);
}

/* Deviations by sorting them, for any data. */
static void spreads_sorted(void **state)
{
    uint64_t seed = (uint64_t)time(NULL) | 1;

    (void)state;
    print_message("seed %" PRIu64 "\n", seed);
    for (unsigned nr = 1; nr < 60; nr++) {
        double values[60], scratch[60];

        for (unsigned i = 0; i < nr; i++)
            values[i] = 100 + (double)(random_next(&seed) % 50);

        struct statistics_summary summary = statistics_summarize(values, nr, scratch);

        for (unsigned i = 0; i < nr; i++)
            scratch[i] = fabs(values[i] - summary.median);
        statistics_sort(scratch, nr);
        assert_near(summary.spread, statistics_median(scratch, nr) / summary.median, 1e-12);
    }
}

/* One slow run of ten is not noise: the median does not move. */
static void quiet_but_for_one(void **state)
{
    static const double values[] = {100, 101, 100, 900, 99, 100, 101, 100, 99, 100};
    double scratch[10];
    struct statistics_summary summary = statistics_summarize(values, 10, scratch);

    (void)state;
    assert_true(summary.median == 100);
    assert_false(summary.noisy);
    assert_false(summary.drifts);
    assert_true(summary.interval.low == 99 && summary.interval.high == 101);
}

/* Mann-Kendall by hand: of 8 rising values S = 28, variance 8 * 7 * 21 / 18 = 65.333, (28 - 1) /
 * 8.0829 = 3.3404, two-sided 0.000837. */
static void drifts(void **state)
{
    double values[] = {100, 101, 102, 103, 104, 105, 106, 107}, scratch[8];
    struct statistics_summary summary = statistics_summarize(values, 8, scratch);

    (void)state;
    assert_near(summary.trend_p, 0.000837, 0.000001);
    assert_near(summary.drift, 105.5 / 101.5 - 1, 1e-12);
    assert_true(summary.drifts);
    assert_false(summary.noisy);

    /* Falling is drifting as well. */
    for (int i = 0; i < 8; i++)
        values[i] = 107 - i;
    assert_true(statistics_summarize(values, 8, scratch).drifts);

    /* As clear a trend, of a thousandth: it does not matter. */
    for (int i = 0; i < 8; i++)
        values[i] = 1000 + 0.1 * i;
    summary = statistics_summarize(values, 8, scratch);
    assert_near(summary.trend_p, 0.000837, 0.000001);
    assert_false(summary.drifts);

    /* Too few. */
    count_up(values, 7);
    assert_false(statistics_summarize(values, 7, scratch).drifts);
}

/* Of 1 to 9, 5 is in neither half: 7.5 over 2.5. */
static void drift_odd(void **state)
{
    double values[9], scratch[9];

    (void)state;
    count_up(values, 9);
    assert_near(statistics_summarize(values, 9, scratch).drift, 2, 1e-12);
}

/* 1 1 2 2 3 3 4 4: S = 24, variance (8 * 7 * 21 - 4 * (2 * 1 * 9)) / 18 = 61.333, 23 / 7.8316 =
 * 2.9368, two-sided 0.003316. No trend at all where all are equal. */
static void drift_ties(void **state)
{
    double values[] = {1, 1, 2, 2, 3, 3, 4, 4}, scratch[8];

    (void)state;
    assert_near(statistics_summarize(values, 8, scratch).trend_p, 0.003316, 0.000002);
    for (int i = 0; i < 8; i++)
        values[i] = 5;
    assert_true(statistics_summarize(values, 8, scratch).trend_p == 1);
    for (int i = 0; i < 8; i++)
        values[i] = 0;
    assert_false(statistics_summarize(values, 8, scratch).drifts);
}

/* Pairs of ratio 2, each pair slower than the one before: neither by itself is steady, the ratio
 * is. */
static void ratios(void **state)
{
    double numerators[10], denominators[10], scratch[10], median = 0;
    struct statistics_interval interval;

    (void)state;
    for (int i = 0; i < 10; i++) {
        denominators[i] = 100 << i;
        numerators[i] = 2 * denominators[i];
    }
    numerators[3] *= 10;
    assert_true(statistics_ratio(numerators, denominators, 10, 0.95, scratch, &median, &interval));
    assert_true(median == 2);
    assert_true(interval.low == 2 && interval.high == 2);
    assert_true(interval.reached);

    assert_false(statistics_ratio(numerators, denominators, 0, 0.95, scratch, &median, &interval));
    denominators[5] = 0;
    assert_false(statistics_ratio(numerators, denominators, 10, 0.95, scratch, &median, &interval));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting),
        cmocka_unit_test(medians),
        cmocka_unit_test(median_interval_table),
        cmocka_unit_test(median_interval_few),
        cmocka_unit_test(median_interval_many),
        cmocka_unit_test(median_interval_covers),
        cmocka_unit_test(compare_table),
        cmocka_unit_test(compare_table_1_percent),
        cmocka_unit_test(known_medians),
        cmocka_unit_test(compare_textbook),
        cmocka_unit_test(compare_all_arrangements),
        cmocka_unit_test(compare_ties),
        cmocka_unit_test(compare_nothing),
        cmocka_unit_test(compare_approximation),
        cmocka_unit_test(spreads),
        cmocka_unit_test(spreads_sorted),
        cmocka_unit_test(quiet_but_for_one),
        cmocka_unit_test(drifts),
        cmocka_unit_test(drift_odd),
        cmocka_unit_test(drift_ties),
        cmocka_unit_test(ratios),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
