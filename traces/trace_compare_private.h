/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What comparing and printing it share. */

#ifndef TRACES_TRACE_COMPARE_PRIVATE_H
#define TRACES_TRACE_COMPARE_PRIVATE_H

#include "traces/trace_compare.h"
#include "traces/trace_profile.h"

/* A cache or a size of kalloc that either trace has. */
struct compare_source {
    char name[PROFILE_SOURCE_NAME_MAX];
    uint32_t a, b; /* their numbers; OBJECT_NONE: that trace has none */
};

/* A distance of two distributions, and what chance alone gives for so few values. */
struct compare_distance {
    double ks;
    double chance; /* which two samples of one distribution pass once in a hundred */
};

/* The differences of a phase. */
struct compare_phase {
    const struct profile_phase *a, *b;
    double kinds, sources; /* L1 */
    struct compare_distance sizes[PROFILE_CLASSES];
    struct compare_distance by_events[PROFILE_CLASSES], by_time[PROFILE_CLASSES];
    struct compare_distance rows;
    double curves[PROFILE_GAUGES]; /* mean difference, in parts of the higher peak */
};

struct trace_comparison {
    struct trace_profile *a, *b;
    uint32_t nr_sources;
    struct compare_source *sources;
    struct compare_phase whole;
    unsigned nr_phases;
    struct compare_phase *phases;
};

extern const char *const compare_class_names[PROFILE_CLASSES];
extern const char *const compare_gauge_names[PROFILE_GAUGES];

/* Sources by number, also of OBJECT_NONE, which nothing came from. */
const struct profile_source *trace_compare_source_get(const struct profile_phase *phase,
                                                      uint32_t source);
struct compare_distance trace_compare_lifetimes(const struct profile_source *a,
                                                const struct profile_source *b);

/* "untar", "untar#2", "(start)", in TEXT. */
#define COMPARE_NAME_MAX 256
const char *trace_compare_phase_name(const struct profile_phase *phase,
                                     char text[COMPARE_NAME_MAX]);

/* Whether a phase was compared, as one of A or of B. */
bool trace_compare_has(const struct trace_comparison *comparison,
                       const struct profile_phase *phase);

/* A figure beyond what traces that are alike may differ by. */
struct compare_excess {
    const struct compare_phase *phase;
    char what[96];
    double value, bound;
};

/* The figures that are beyond their bounds, at most MAX of them in EXCESSES; returns how many there
 * are, *FIGURES how many were looked at. */
unsigned trace_compare_judge(const struct trace_comparison *comparison,
                             struct compare_excess *excesses, unsigned max, unsigned *figures);

#endif
