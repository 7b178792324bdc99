/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The histograms lie in reservations that the host fills as they are touched: of the thousand that
 * there may be, a replay uses some dozens. A call that moves no counter, as most do, costs a
 * comparison and is not recorded; the zeros are put in at the end, all at once.
 */

#include "replay/meter.h"

#include <stddef.h>
#include <stdlib.h>

static const struct {
    const char *name;
    size_t offset; /* in struct work */
} counters[METER_COUNTERS] = {
    [METER_STEPS] = {"steps", 0},
    [METER_NODES_VISITED] = {"nodes_visited", offsetof(struct work, nodes_visited)},
    [METER_LIST_STEPS] = {"list_steps", offsetof(struct work, list_steps)},
    [METER_ENTRIES_COPIED] = {"entries_copied", offsetof(struct work, entries_copied)},
    [METER_PAGES_MAPPED] = {"pages_mapped", offsetof(struct work, pages_mapped)},
    [METER_PAGES_UNMAPPED] = {"pages_unmapped", offsetof(struct work, pages_unmapped)},
    [METER_SPLITS] = {"splits", offsetof(struct work, splits)},
    [METER_MERGES] = {"merges", offsetof(struct work, merges)},
    [METER_BYTES_COPIED] = {"bytes_copied", offsetof(struct work, bytes_copied)},
    [METER_BYTES_ZEROED] = {"bytes_zeroed", offsetof(struct work, bytes_zeroed)},
};

/* Every field of struct work is a counter here; steps are none of its fields. */
_Static_assert(sizeof(struct work) == (METER_COUNTERS - 1) * sizeof(uint64_t), "counters of work");

#define WORK_BYTES    (EVENT_KINDS * METER_COUNTERS * sizeof(struct histogram))
#define LATENCY_BYTES (EVENT_KINDS * METER_CLASSES * sizeof(struct histogram))

const char *meter_counter_name(enum meter_counter counter)
{
    return counters[counter].name;
}

static uint64_t counter_value(const struct work *work, enum meter_counter counter)
{
    uint64_t value;

    memcpy(&value, (const char *)work + counters[counter].offset, sizeof(value));
    return value;
}

int meter_open(struct meter *meter, unsigned measure, const struct stopwatch *stopwatch,
               struct error *error)
{
    memset(meter, 0, sizeof(*meter));
    if (stopwatch != NULL)
        meter->stopwatch = *stopwatch;

    if ((measure & MEASURE_WORK) != 0) {
        meter->work = host_reserve(WORK_BYTES, error);
        if (meter->work == NULL)
            return -1;
        meter->has_work = true;
    }

    if ((measure & MEASURE_TIME) != 0) {
        meter->latency = host_reserve(LATENCY_BYTES, error);
        meter->over_trace = calloc((size_t)METER_COLUMNS * METER_ROWS, sizeof(uint64_t));
        if (meter->latency != NULL && meter->over_trace == NULL)
            error_set(error, "no memory for times over the trace");
        if (meter->latency == NULL || meter->over_trace == NULL) {
            meter_close(meter);
            return -1;
        }
        meter->has_latency = true;
    }

    return 0;
}

void meter_close(struct meter *meter)
{
    if (meter->work != NULL)
        host_unreserve(meter->work, WORK_BYTES);
    if (meter->latency != NULL)
        host_unreserve(meter->latency, LATENCY_BYTES);

    free(meter->over_trace);
    memset(meter, 0, sizeof(*meter));
}

void meter_merge_latency(struct meter *meter, const struct meter *other)
{
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        for (unsigned class = 0; class < METER_CLASSES; class ++)
            if (meter_latency_of(other, kind, class)->count != 0)
                histogram_merge(meter_latency_of(meter, kind, class),
                                meter_latency_of(other, kind, class));

    for (unsigned i = 0; i < METER_COLUMNS * METER_ROWS; i++)
        meter->over_trace[i] += other->over_trace[i];
    meter->events = other->events;
    meter->timed += other->timed;
}

__attribute__((noinline)) void meter_work_moved(struct meter *meter, unsigned kind,
                                                const struct work *now)
{
    uint64_t steps = 0;

    for (enum meter_counter i = METER_STEPS + 1; i < METER_COUNTERS; i++) {
        uint64_t moved = counter_value(now, i) - counter_value(&meter->last, i);

        if (moved == 0)
            continue;

        histogram_record(meter_work_of(meter, kind, i), moved);
        if (i != METER_BYTES_COPIED && i != METER_BYTES_ZEROED)
            steps += moved;
    }

    if (steps != 0)
        histogram_record(meter_work_of(meter, kind, METER_STEPS), steps);
    meter->last = *now;
}

void meter_work_complete(struct meter *meter)
{
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        for (enum meter_counter i = 0; i < METER_COUNTERS; i++) {
            struct histogram *histogram = meter_work_of(meter, kind, i);

            if (histogram->count != 0 && histogram->count < meter->calls[kind])
                histogram_record_many(histogram, 0, meter->calls[kind] - histogram->count);
        }
}
