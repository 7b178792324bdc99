/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Distributions of whole numbers: sizes in bytes, durations in nanoseconds, counts, ranks.
 *
 * The same seed gives the same draws on every machine and compiler: what is drawn from is made of
 * integers when the distribution is made, and a draw is integer arithmetic.
 */

#ifndef WORKLOADS_DISTRIBUTION_H
#define WORKLOADS_DISTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "workloads/random.h"
#include "workloads/yaml.h"

#define DISTRIBUTION_MAX (1ull << 55) /* the largest value: 32 PiB, 417 days */

struct distribution;

/* Makes a distribution of what NODE says; docs/workload.md has the forms. Values are of UNIT. -1
 * with the error set; *DISTRIBUTION is then NULL. */
int distribution_from_yaml(struct distribution **distribution, const struct yaml_node *node,
                           enum yaml_unit unit, struct error *error);

/* Takes one draw or two of RANDOM. */
uint64_t distribution_draw(const struct distribution *distribution, struct random *random);

void distribution_free(struct distribution *distribution); /* NULL is allowed */

/* No draw is below or above these. */
uint64_t distribution_min(const struct distribution *distribution);
uint64_t distribution_max(const struct distribution *distribution);

/* The mean of all draws, of the table that is drawn from. */
double distribution_mean(const struct distribution *distribution);

/* ---- What the forms are made of; NULL without memory ---- */

/* Every whole number from MIN to MAX is as likely; MIN <= MAX <= DISTRIBUTION_MAX. */
struct distribution *distribution_uniform(uint64_t min, uint64_t max);

/* One of NR ranges, by weight, then every whole number of FROM to TO is as likely. The sum of
 * weights is above 0 and below 2^62. */
struct distribution_range {
    uint64_t weight;
    uint64_t from, to;
};
struct distribution *distribution_table(const struct distribution_range *ranges, size_t nr);

/* Values at rising probabilities in millionths, from 0 to 1 million; straight lines between. */
struct distribution_quantile {
    uint64_t probability;
    uint64_t value; /* does not fall */
};
struct distribution *distribution_quantiles(const struct distribution_quantile *quantiles,
                                            size_t nr);

/* Gamma with this MEAN and SHAPE (0.05 to 1000; 1 is the exponential distribution), cut to MIN and
 * MAX: what is drawn beyond becomes the limit. Rounded to the nearest whole number. */
struct distribution *distribution_gamma(double mean, double shape, uint64_t min, uint64_t max);

/* Of which the logarithm is normal, with standard deviation SIGMA (0.001 to 8); limits as above. */
struct distribution *distribution_lognormal(double median, double sigma, uint64_t min,
                                            uint64_t max);

/* Ranks from 0 to COUNT - 1, the k-th with a probability like 1 / (k + 1)^EXPONENT (0 to 8). */
struct distribution *distribution_zipf(uint64_t count, double exponent);

/* MIN and more, each next with the same part of the probability of the one before; MEAN > MIN. */
struct distribution *distribution_geometric(double mean, uint64_t min);

#endif
