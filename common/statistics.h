/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What can be said of a few repetitions of a measurement. Nothing here assumes a normal
 * distribution, which times do not have. Nothing is allocated; where scratch is needed, the caller
 * gives it. Values are finite, and there are at most STATISTICS_MAX of them.
 */

#ifndef COMMON_STATISTICS_H
#define COMMON_STATISTICS_H

#include <stdbool.h>

#define STATISTICS_MAX        1000 /* repetitions */
#define STATISTICS_CONFIDENCE 0.95 /* the usual one */
/* Median absolute deviation over median, above which repetitions are noisy: nanobench calls a
 * measurement unstable at the same 5 %. */
#define STATISTICS_NOISY 0.05
/* Repetitions drift if a trend as strong is this improbable among values in random order, and if
 * the second half differs from the first by this part. Fewer values than the last are not judged.
 */
#define STATISTICS_DRIFT_P   0.01
#define STATISTICS_DRIFT     0.01
#define STATISTICS_DRIFT_MIN 8
/* Up to so many values in each of two samples, p is exact. */
#define STATISTICS_EXACT 30

/* An interval that holds the true median with a probability of at least CONFIDENCE, whatever the
 * distribution is, if the values are independent. */
struct statistics_interval {
    double low, high;
    unsigned low_rank, high_rank; /* of the values that these are, in order, from 1; 0: no value */
    double confidence;            /* achieved */
    bool reached;                 /* it is the one that was asked for, or more */
};

struct statistics_summary {
    unsigned nr;
    double min, median, max;
    struct statistics_interval interval; /* of the median, for STATISTICS_CONFIDENCE */
    double spread;  /* median absolute deviation over the median; 0 if the median is 0 */
    bool noisy;     /* spread is above STATISTICS_NOISY */
    double trend_p; /* of no trend in the order given; 1 below STATISTICS_DRIFT_MIN */
    double drift;   /* median of the second half over that of the first, less 1; 0 if that is 0 */
    bool drifts;    /* both are past their limits */
};

struct statistics_comparison {
    double u;       /* pairs in which the first sample's value is larger; a tie is half of one */
    double p;       /* two-sided */
    double least_p; /* the lowest p that so many values can give, without ties */
    bool exact;     /* else by the normal approximation */
};

/* Sorts in ascending order. */
void statistics_sort(double *values, unsigned nr);

/* Middle of sorted values, or the mean of the two in the middle; 0 if there is none. */
double statistics_median(const double *sorted, unsigned nr);

/*
 * Interval of the median from order statistics: of n values the k-th lowest and the k-th highest,
 * with the largest k whose confidence, 1 - 2 P(B <= k - 1) with B binomial (n, 1/2), is at least
 * what is asked. At 95 % there is one from n = 6 on. For fewer it is the whole range, `reached` is
 * false, and the confidence says what that is worth: 93.75 % for n = 5, 0 for one value. Source: W.
 * J. Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2.
 */
struct statistics_interval statistics_median_interval(const double *sorted, unsigned nr,
                                                      double confidence);

/*
 * Summary of repetitions in the order in which they ran. SCRATCH has room for as many.
 *
 * The trend is that of the Mann-Kendall test with correction for ties (H. B. Mann, Econometrica 13,
 * 1945; M. G. Kendall, Rank Correlation Methods, 1975), by its normal approximation.
 */
struct statistics_summary statistics_summarize(const double *values, unsigned nr, double *scratch);

/*
 * Mann-Whitney U test of whether one of two independent samples tends to have larger values. Exact
 * up to STATISTICS_EXACT values in each and without ties, by counting arrangements; otherwise the
 * normal approximation with corrections for ties and continuity, which is rough below some 8
 * values. The samples need no order. p is 1 if one is empty or all values are equal. Source: H. B.
 * Mann, D. R. Whitney, Annals of Mathematical Statistics 18, 1947; ties: E. L. Lehmann,
 * Nonparametrics, 1975.
 */
struct statistics_comparison statistics_compare(const double *first, unsigned nr_first,
                                                const double *second, unsigned nr_second);

/*
 * Ratio of two things that were measured in turn, NR times each: the median of the ratios of
 * NUMERATORS[i] to DENOMINATORS[i], and its interval. What changes slowly while they run, such as
 * the machine's frequency, is the same in both of a pair and cancels. False if a denominator is not
 * above 0, or there is none. SCRATCH has room for NR.
 */
bool statistics_ratio(const double *numerators, const double *denominators, unsigned nr,
                      double confidence, double *scratch, double *median,
                      struct statistics_interval *interval);

#endif
