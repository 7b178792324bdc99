/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the timed replays of one stack came to: the wall time of each, the time of its calls by kind
 * of event and size class, and what can be said of them together.
 *
 * The times of calls are kept twice: all together, in one histogram for each kind and class, and as
 * percentiles of each replay by itself. The first says how calls are distributed, the second how
 * far a percentile moves from one replay to the next, without which no two of them could be
 * compared.
 */

#ifndef REPLAY_TIMING_H
#define REPLAY_TIMING_H

#include "common/statistics.h"
#include "replay/engine.h"

/* Percentiles that are kept of each replay. */
enum timing_percentile { TIMING_P50, TIMING_P99, TIMING_PERCENTILES };

/* All size classes of a kind together, beside each. */
#define TIMING_WHOLE   METER_CLASSES
#define TIMING_CLASSES (METER_CLASSES + 1)

struct timing {
    unsigned rounds, most;
    enum replay_latency latency;
    double *wall_ns;     /* [most] */
    double *percentiles; /* [EVENT_KINDS][TIMING_CLASSES][TIMING_PERCENTILES][most], in ns */
    unsigned *timed;     /* [EVENT_KINDS][TIMING_CLASSES]: replays that timed such a call */
    double *scratch;     /* [most] */
    struct meter meter;  /* of all replays; open when latency is measured */
    bool open;
};

/* For MOST replays, 1 to STATISTICS_MAX. STOPWATCH may be NULL without latency. -1 with the error
 * set; then there is nothing to close. */
int timing_open(struct timing *timing, unsigned most, enum replay_latency latency,
                const struct stopwatch *stopwatch, struct error *error);
void timing_close(struct timing *timing);

/* Adds a replay. */
void timing_add(struct timing *timing, const struct replay_result *result);

/* Wall times in ns, in the order in which they were measured. */
struct statistics_summary timing_wall(const struct timing *timing);

/* A percentile of a kind and class, or TIMING_WHOLE, over the replays that timed such a call; in
 * ns. */
struct statistics_summary timing_percentile(const struct timing *timing, unsigned kind,
                                            unsigned class, enum timing_percentile percentile);

/* The same as it was in each of them, in their order: NR values in ns. */
const double *timing_percentiles(const struct timing *timing, unsigned kind, unsigned class,
                                 enum timing_percentile percentile, unsigned *nr);

/* Time of the calls of a kind and class, all replays together. NULL when none was timed. */
const struct histogram *timing_latency(const struct timing *timing, unsigned kind, unsigned class);

/* All classes of a kind together, in HISTOGRAM. False when none was timed. */
bool timing_kind(const struct timing *timing, unsigned kind, struct histogram *histogram);

/* Ticks as nanoseconds. */
double timing_ns(const struct timing *timing, uint64_t ticks);

/* What the readings of the clock added to the wall time, as a part of what is left without them. */
double timing_overhead(const struct timing *timing);

#endif
