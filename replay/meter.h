/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What each call of a stack cost, as distributions: work, which is exact, by kind of event, and
 * time, which is not, by kind of event and size class.
 *
 * An average hides what matters here: a table of rights costs nothing 2047 times and copies 260 000
 * entries the next time. So every call is recorded in a histogram, of each counter of struct work
 * that it moved and of its time, and percentiles are read off at the end. Work has the same
 * distribution on every machine: it is a latency that can be compared by letter.
 */

#ifndef REPLAY_METER_H
#define REPLAY_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "allocators/machine.h"
#include "common/error.h"
#include "replay/histogram.h"
#include "replay/stopwatch.h"
#include "traces/event.h"

/* What is measured of a call, as bits. */
enum { MEASURE_NOTHING = 0, MEASURE_WORK = 1, MEASURE_TIME = 2 };

/* Counters of work of which there is a distribution: those of struct work, and first the sum of
 * those that are not bytes, which stands for the time of a call. */
enum meter_counter {
    METER_STEPS,
    METER_NODES_VISITED,
    METER_LIST_STEPS,
    METER_ENTRIES_COPIED,
    METER_PAGES_MAPPED,
    METER_PAGES_UNMAPPED,
    METER_SPLITS,
    METER_MERGES,
    METER_BYTES_COPIED,
    METER_BYTES_ZEROED,
    METER_COUNTERS
};

/* "steps", "nodes_visited", ... */
const char *meter_counter_name(enum meter_counter counter);

/* Size classes: class 0 is requests without a size and of one byte, class C those of more than
 * 2^(C-1) and at most 2^C bytes. */
#define METER_CLASSES 40

/* Time over the trace: columns are equal parts of its events, rows half powers of two of ticks. Row
 * 0 is none, row 1 one tick, and from there on row R begins at (2 + R % 2) << (R / 2 - 1). */
#define METER_COLUMNS 128
#define METER_ROWS    80 /* the last holds all longer times */

struct meter {
    struct stopwatch stopwatch;
    bool has_work, has_latency;
    struct work last;            /* the counters after the last call */
    uint64_t calls[EVENT_KINDS]; /* whose work was recorded */
    uint64_t timed;              /* calls whose time was recorded */
    struct histogram *work;      /* [EVENT_KINDS][METER_COUNTERS]; what a call did not move is
                                    not in it before meter_work_complete */
    struct histogram *latency;   /* [EVENT_KINDS][METER_CLASSES], in ticks of the stopwatch, its
                                    floor taken off */
    uint64_t events;             /* of the trace; 0: time over it is not recorded */
    uint64_t *over_trace;        /* [METER_COLUMNS][METER_ROWS] calls */
};

/* MEASURE: what will be recorded. STOPWATCH is copied; may be NULL without MEASURE_TIME. Host
 * memory is reserved, and touched by what is recorded. -1 with the error set; then there is nothing
 * to free. */
int meter_open(struct meter *meter, unsigned measure, const struct stopwatch *stopwatch,
               struct error *error);
void meter_close(struct meter *meter);

/* Puts what OTHER recorded of time to what is here. */
void meter_merge_latency(struct meter *meter, const struct meter *other);

/* Puts the calls that moved nothing into the histograms of work as zeros; a histogram that stays
 * empty is of a counter that no call of its kind moved. Call it once, when all is recorded. */
void meter_work_complete(struct meter *meter);

static inline struct histogram *meter_work_of(const struct meter *meter, unsigned kind,
                                              enum meter_counter counter)
{
    return &meter->work[kind * METER_COUNTERS + counter];
}

static inline struct histogram *meter_latency_of(const struct meter *meter, unsigned kind,
                                                 unsigned class)
{
    return &meter->latency[kind * METER_CLASSES + class];
}

static inline unsigned meter_class(uint64_t bytes)
{
    unsigned class = bytes <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(bytes - 1);

    return class < METER_CLASSES ? class : METER_CLASSES - 1;
}

/* Columns that a trace of EVENTS has, one event each at least, and the column of an event, which is
 * numbered from 1; those beyond the trace are in the last. */
static inline unsigned meter_columns(uint64_t events)
{
    return events < METER_COLUMNS ? (unsigned)events : METER_COLUMNS;
}

static inline unsigned meter_column(uint64_t events, uint64_t number)
{
    uint64_t before = number < 1 ? 0 : number > events ? events - 1 : number - 1;

    return (unsigned)(before * meter_columns(events) / events);
}

static inline unsigned meter_row(uint64_t ticks)
{
    if (ticks < 2)
        return (unsigned)ticks;

    unsigned log = 63 - (unsigned)__builtin_clzll(ticks);
    unsigned row = 2 * log + (ticks >> (log - 1) & 1);

    return row < METER_ROWS ? row : METER_ROWS - 1;
}

/* The smallest time of a row, in ticks. */
static inline uint64_t meter_row_lowest(unsigned row)
{
    return row < 2 ? row : (uint64_t)(2 + row % 2) << (row / 2 - 1);
}

/* Before a call. */
static inline uint64_t meter_begin(const struct meter *meter)
{
    return stopwatch_begin(&meter->stopwatch);
}

/* After it: BEGAN is what meter_begin returned, NUMBER is the event's in the trace. */
static inline void meter_latency(struct meter *meter, unsigned kind, uint64_t bytes, uint64_t began,
                                 uint64_t number)
{
    uint64_t ticks = stopwatch_ticks(began, stopwatch_end(&meter->stopwatch));
    uint64_t net = stopwatch_net(&meter->stopwatch, ticks);

    meter->timed++;
    histogram_record(meter_latency_of(meter, kind, meter_class(bytes)), net);
    if (meter->events != 0)
        meter->over_trace[meter_column(meter->events, number) * METER_ROWS + meter_row(net)]++;
}

void meter_work_moved(struct meter *meter, unsigned kind, const struct work *now);

static inline void meter_work(struct meter *meter, unsigned kind, const struct work *now)
{
    meter->calls[kind]++;
    if (memcmp(&meter->last, now, sizeof(*now)) != 0)
        meter_work_moved(meter, kind, now);
}

/* The counters moved for another reason than a call that is recorded. */
static inline void meter_forget(struct meter *meter, const struct work *now)
{
    meter->last = *now;
}

#endif
