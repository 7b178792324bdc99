/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Repetitions of a measurement are few, bounded below by the machine and without bound above. Means
 * and standard deviations describe one slow run more than all others, and dropping such a run as an
 * outlier decides by taste what belongs to the result. Ranks do neither: the median, an interval of
 * it that is right for every distribution, and the Mann-Whitney test for a difference.
 *
 * All of it is counting, done here in the plainest way, quadratic in the number of repetitions
 * where that saves scratch and sorting: 1000 of them are a million comparisons. The exact
 * distribution of U is that of Gaussian binomial coefficients, in place and in whole numbers.
 */

#include "common/statistics.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Shell sort, with gaps by a factor of 2.25: it needs no memory, and sorts what is nearly sorted in
 * almost no time. */
void statistics_sort(double *values, unsigned nr)
{
    unsigned gap = nr;

    while (gap > 1) {
        gap = gap < 5 ? 1 : gap * 4 / 9;

        for (unsigned i = gap; i < nr; i++) {
            double value = values[i];
            unsigned at = i;

            for (; at >= gap && values[at - gap] > value; at -= gap)
                values[at] = values[at - gap];
            values[at] = value;
        }
    }
}

double statistics_median(const double *sorted, unsigned nr)
{
    if (nr == 0)
        return 0;
    if (nr % 2 == 1)
        return sorted[nr / 2];
    return sorted[nr / 2 - 1] / 2 + sorted[nr / 2] / 2;
}

struct statistics_interval statistics_median_interval(const double *sorted, unsigned nr,
                                                      double confidence)
{
    if (nr == 0)
        return (struct statistics_interval){0};

    /* P(B = 0), then P(B <= rank - 1) as far as twice that is no more than is left. */
    double term = ldexp(1, -(int)nr), below = term;
    unsigned rank = 1;

    while (rank < (nr + 1) / 2) {
        double next = term * (nr - rank + 1) / rank;

        if (1 - 2 * (below + next) < confidence)
            break;
        term = next;
        below += next;
        rank++;
    }

    double achieved = 1 - 2 * below;

    return (struct statistics_interval){.low = sorted[rank - 1],
                                        .high = sorted[nr - rank],
                                        .low_rank = rank,
                                        .high_rank = nr + 1 - rank,
                                        .confidence = achieved,
                                        .reached = achieved >= confidence};
}

/* Median of the distances from the median. Those to its left grow to the left and those to its
 * right to the right, so that they are merged rather than sorted. */
static double absolute_deviation(const double *sorted, unsigned nr, double median)
{
    unsigned left = nr / 2, right = nr / 2; /* next are left - 1 and right */
    double last = 0, previous = 0;

    for (unsigned taken = 0; taken <= nr / 2; taken++) {
        previous = last;
        if (right == nr || (left > 0 && median - sorted[left - 1] <= sorted[right] - median))
            last = median - sorted[--left];
        else
            last = sorted[right++] - median;
    }
    return nr % 2 == 1 ? last : previous / 2 + last / 2;
}

/* Two-sided probability of a standard normal at least that far out. */
static double two_sided(double distance, double deviation)
{
    return deviation > 0 && distance > 0 ? erfc(distance / deviation / M_SQRT2) : 1;
}

static int order_of(double a, double b)
{
    return (a > b) - (a < b);
}

/* Mann-Kendall: pairs that rise less pairs that fall. A group of t equal values takes
 * t (t - 1) (2 t + 5) from the variance, here as a share of each of its values. */
static double trend_p(const double *values, unsigned nr)
{
    double rising = 0, variance = (double)nr * (nr - 1) * (2.0 * nr + 5);

    for (unsigned i = 0; i < nr; i++) {
        unsigned equal = 0;

        for (unsigned j = 0; j < nr; j++) {
            equal += values[j] == values[i];
            rising += j > i ? order_of(values[j], values[i]) : 0;
        }
        variance -= (equal - 1.0) * (2.0 * equal + 5);
    }
    return two_sided(fabs(rising) - 1, sqrt(variance / 18));
}

static double median_of(const double *values, unsigned nr, double *scratch)
{
    memcpy(scratch, values, nr * sizeof(*values));
    statistics_sort(scratch, nr);
    return statistics_median(scratch, nr);
}

/* The value in the middle of an odd number belongs to neither half. */
static void judge_drift(struct statistics_summary *summary, const double *values, unsigned nr,
                        double *scratch)
{
    summary->trend_p = 1;
    if (nr < STATISTICS_DRIFT_MIN)
        return;

    double first = median_of(values, nr / 2, scratch);
    double second = median_of(values + nr - nr / 2, nr / 2, scratch);

    summary->trend_p = trend_p(values, nr);
    summary->drift = first != 0 ? second / first - 1 : 0;
    summary->drifts =
        summary->trend_p < STATISTICS_DRIFT_P && fabs(summary->drift) > STATISTICS_DRIFT;
}

struct statistics_summary statistics_summarize(const double *values, unsigned nr, double *scratch)
{
    struct statistics_summary summary = {.nr = nr, .trend_p = 1};

    if (nr == 0)
        return summary;
    judge_drift(&summary, values, nr, scratch);

    summary.median = median_of(values, nr, scratch);
    summary.min = scratch[0];
    summary.max = scratch[nr - 1];
    summary.interval = statistics_median_interval(scratch, nr, STATISTICS_CONFIDENCE);

    if (summary.median != 0)
        summary.spread = absolute_deviation(scratch, nr, summary.median) / fabs(summary.median);
    summary.noisy = summary.spread > STATISTICS_NOISY;
    return summary;
}

/*
 * Fills counts[u] with the arrangements of A and B values without ties whose U is u, for u up to
 * LAST: the coefficients of the product over i = 1..A of (1 - q^(B + i)) / (1 - q^i). Counts on the
 * way may go below 0, which unsigned numbers bear; the last ones are below 2^64, as all
 * arrangements together are.
 */
static void count_arrangements(uint64_t *counts, unsigned a, unsigned b, unsigned last)
{
    memset(counts, 0, (last + 1) * sizeof(*counts));
    counts[0] = 1;

    for (unsigned i = 1; i <= a; i++) {
        for (unsigned u = last; u >= b + i; u--)
            counts[u] -= counts[u - b - i];
        for (unsigned u = i; u <= last; u++)
            counts[u] += counts[u - i];
    }
}

/* n over k, the same for k and n - k; as exact as a quotient of probabilities needs. */
static double binomial(unsigned n, unsigned k)
{
    unsigned less = k < n - k ? k : n - k;
    double result = 1;

    for (unsigned i = 1; i <= less; i++)
        result *= (double)(n - less + i) / i;
    return result;
}

/* Twice the probability of a U that is at most the smaller of the two. */
static double exact_p(unsigned u, unsigned a, unsigned b)
{
    uint64_t counts[STATISTICS_EXACT * STATISTICS_EXACT / 2 + 1], at_most = 0;
    unsigned lower = u < a * b - u ? u : a * b - u;

    count_arrangements(counts, a, b, lower);
    for (unsigned i = 0; i <= lower; i++)
        at_most += counts[i];
    return fmin(1, 2 * (double)at_most / binomial(a + b, a));
}

/* Sum over the groups of equal values of t^3 - t, as a share of each of their values; 0 if no two
 * are equal. */
static double ties(const double *values, unsigned nr, const double *first, unsigned nr_first,
                   const double *second, unsigned nr_second)
{
    double sum = 0;

    for (unsigned i = 0; i < nr; i++) {
        double equal = 0;

        for (unsigned j = 0; j < nr_first; j++)
            equal += first[j] == values[i];
        for (unsigned j = 0; j < nr_second; j++)
            equal += second[j] == values[i];
        sum += equal * equal - 1;
    }
    return sum;
}

struct statistics_comparison statistics_compare(const double *first, unsigned nr_first,
                                                const double *second, unsigned nr_second)
{
    double a = nr_first, b = nr_second, n = a + b, twice_u = 0;

    if (nr_first == 0 || nr_second == 0)
        return (struct statistics_comparison){.p = 1, .least_p = 1};

    for (unsigned i = 0; i < nr_first; i++)
        for (unsigned j = 0; j < nr_second; j++)
            twice_u += 1 + order_of(first[i], second[j]);

    double tied = ties(first, nr_first, first, nr_first, second, nr_second) +
                  ties(second, nr_second, first, nr_first, second, nr_second);
    struct statistics_comparison result = {
        .u = twice_u / 2, .least_p = fmin(1, 2 / binomial(nr_first + nr_second, nr_first))};

    if (tied == 0 && nr_first <= STATISTICS_EXACT && nr_second <= STATISTICS_EXACT) {
        result.exact = true;
        result.p = exact_p((unsigned)result.u, nr_first, nr_second);
    } else {
        double variance = a * b / 12 * (n + 1 - tied / (n * (n - 1)));

        result.p = two_sided(fabs(result.u - a * b / 2) - 0.5, sqrt(fmax(variance, 0)));
    }
    return result;
}

bool statistics_ratio(const double *numerators, const double *denominators, unsigned nr,
                      double confidence, double *scratch, double *median,
                      struct statistics_interval *interval)
{
    for (unsigned i = 0; i < nr; i++) {
        if (!(denominators[i] > 0))
            return false;
        scratch[i] = numerators[i] / denominators[i];
    }
    if (nr == 0)
        return false;

    statistics_sort(scratch, nr);
    *median = statistics_median(scratch, nr);
    *interval = statistics_median_interval(scratch, nr, confidence);
    return true;
}
