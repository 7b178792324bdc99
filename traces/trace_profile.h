/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a trace is like, phase by phase: the figures that two traces are compared by.
 *
 * A phase begins with a mark and ends with the next one; what comes before the first mark is a
 * phase too.
 */

#ifndef TRACES_TRACE_PROFILE_H
#define TRACES_TRACE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "traces/buckets.h"
#include "traces/trace.h"

/* What lives and dies. */
enum profile_class {
    PROFILE_OBJECTS, /* of caches */
    PROFILE_KALLOC,
    PROFILE_PAGES,
    PROFILE_RANGES, /* of kernel maps */
    PROFILE_NAMES,  /* rights */
    PROFILE_CLASSES
};

/* What of it is alive. */
enum profile_gauge {
    PROFILE_GAUGE_OBJECTS, /* bytes of objects of caches and of kalloc, as asked for */
    PROFILE_GAUGE_PAGES,   /* pages of page events */
    PROFILE_GAUGE_RANGES,  /* bytes of kernel maps */
    PROFILE_GAUGE_NAMES,   /* rights */
    PROFILE_GAUGES
};

#define PROFILE_CURVE                                                                              \
    256 /* points of a curve at most; at least half of it, where there are as many                 \
           events */

/* A figure at equal distances. */
struct profile_curve {
    uint64_t stride, next; /* events between points, events until the next one */
    unsigned nr;
    uint64_t points[PROFILE_CURVE];
};

struct profile_gauge_figures {
    uint64_t start, end, peak;
    struct profile_curve curve;
};

/* Of one cache, or one power of two of kalloc, in one phase. */
struct profile_source {
    uint64_t allocs, frees;
    uint64_t survivors;        /* of those allocations, alive at the end of the trace */
    struct buckets *lifetimes; /* in events; NULL: none */
};

struct profile_phase {
    char *mark;       /* its text; "" before the first; NULL of the whole trace */
    unsigned ordinal; /* of phases with this mark, from 1 */
    uint64_t events, first_event, ticks;
    uint64_t by_kind[EVENT_KINDS];
    uint64_t refused;
    struct profile_source *sources; /* by number: see trace_profile */
    struct {
        uint64_t born, survivors; /* alive at the end of the trace */
        struct buckets sizes;     /* bytes of kalloc and ranges, pages of pages; else empty */
        struct buckets by_events; /* events that it lived, of those born in this phase */
        struct buckets by_time;   /* nanoseconds, or the trace's unit when that is unknown */
    } classes[PROFILE_CLASSES];
    struct profile_gauge_figures gauges[PROFILE_GAUGES];
    struct buckets rows;           /* allocations in a row, with nothing freed in between */
    uint64_t gaps;                 /* between events of this phase */
    unsigned __int128 gap_squares; /* of ticks between them; their sum is `ticks` */
};

#define PROFILE_KALLOC_SOURCES 33 /* sizes up to 2^0, up to 2^1, ... */

struct trace_profile {
    const struct trace_reader *reader;
    uint32_t nr_caches;
    struct cache_definition *caches;
    /* Sources by number: caches, then powers of two of kalloc. */
    uint32_t nr_sources;
    unsigned nr_phases;
    struct profile_phase *phases;
    struct profile_phase whole;
};

/* Reads the whole trace. Memory grows with what is alive at once and with the number of phases,
 * never with the number of events. NULL with the error set. */
struct trace_profile *trace_profile_create(struct trace_reader *reader, struct error *error);
void trace_profile_destroy(struct trace_profile *profile);

/* "ipc_port", or "kalloc 512" for what is above 256 and up to 512 bytes, in TEXT. */
#define PROFILE_SOURCE_NAME_MAX 64
void trace_profile_source_name(const struct trace_profile *profile, uint32_t source,
                               char text[PROFILE_SOURCE_NAME_MAX]);

/* (sd - mean) / (sd + mean) of the times between events: -1 when they come like a clock, 0 when at
 * random, near 1 in bursts (Goh and Barabasi, "Burstiness and memory in complex systems", EPL 81,
 * 2008). 0 of fewer than two gaps. */
double trace_profile_burstiness(const struct profile_phase *phase);

#endif
