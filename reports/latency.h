/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Distributions of the time of calls, from the buckets of a result: of a size class, of all classes
 * of a kind, or of all calls that were timed.
 */

#ifndef REPORTS_LATENCY_H
#define REPORTS_LATENCY_H

#include "reports/load.h"

#define LATENCY_ALL_SIZES (-1)

struct latency_bucket {
    double highest; /* ns; no call in it took longer */
    uint64_t count;
};

struct latency {
    struct latency_bucket *buckets; /* owned, in order; none is empty */
    unsigned nr;
    uint64_t count; /* of all */
    double mean, max;
};

/* Of KIND, NULL for all kinds, and of the class of at most AT_MOST bytes, or LATENCY_ALL_SIZES.
 * Without such calls it has a count of 0. -1 when memory is short. */
int latency_open(struct latency *latency, const struct report_result *result, const char *kind,
                 int64_t at_most);
void latency_close(struct latency *latency);

/* By nearest rank, as in a result: the highest value of the bucket, or the maximum if that is
 * lower. SHARE is from 0 to 1. 0 when there is none. */
double latency_percentile(const struct latency *latency, double share);

#endif
