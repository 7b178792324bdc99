/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The verdict says of a trace's tables what a reader would work out from them: who served all, who
 * held least, who did most in one call, who was fastest. But for the longest call, which is told
 * of whoever made it, only stacks that served every request are compared, and nothing is said of a
 * figure in which all are equal. Replays of stacks take turns, so speed is compared in pairs of
 * neighbours: two stacks are said to differ only where the interval of the ratio does not hold 1,
 * and of one replay each nothing is said but the figures.
 */

#include "replay/result_verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 512

/* A figure of a stack that can be compared; false when it has none. */
typedef bool figure(const struct session_outcome *outcome, double *value);

static bool held_figure(const struct session_outcome *outcome, double *value)
{
    *value = (double)outcome->result.snapshot.peak.page_bytes;
    return true;
}

static bool speed_figure(const struct session_outcome *outcome, double *value)
{
    *value = timing_wall(&outcome->timing).median;
    return *value > 0;
}

/* The stacks that are least and most by a figure, among those that can be compared. False when
 * there are no two that differ. */
static bool extremes(const struct session_outcome *outcomes, unsigned nr, figure *of,
                     const struct session_outcome **least, const struct session_outcome **most)
{
    double low = 0, high = 0, value;

    *least = *most = NULL;
    for (unsigned i = 0; i < nr; i++) {
        if (!result_compares(&outcomes[i]) || !of(&outcomes[i], &value))
            continue;
        if (*least == NULL || value < low) {
            *least = &outcomes[i];
            low = value;
        }
        if (*most == NULL || value > high) {
            *most = &outcomes[i];
            high = value;
        }
    }

    return *least != NULL && low < high;
}

/* ---- Who served all ---- */

static void served(FILE *stream, const struct session_outcome *outcomes, unsigned nr)
{
    unsigned designs = 0, whole = 0;
    char names[NAMES] = "";

    for (unsigned i = 0; i < nr; i++) {
        if (outcomes[i].ops->space[0] == '\0')
            continue;
        designs++;
        if (result_compares(&outcomes[i])) {
            whole++;
            continue;
        }
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
                 names[0] != '\0' ? ", " : "", outcomes[i].ops->name);
    }

    if (designs < 2)
        return;
    if (whole == designs && designs == 2)
        result_note(stream, "Verdict: both designs served every request.");
    else if (whole == designs)
        result_note(stream, "Verdict: all %u designs served every request.", designs);
    else
        result_note(stream, "Verdict: %u of %u designs served every request; not %s.", whole,
                    designs, names);
}

/* ---- Memory and work ---- */

static void held(FILE *stream, const struct session_outcome *outcomes, unsigned nr)
{
    const struct session_outcome *least, *most;

    if (!extremes(outcomes, nr, held_figure, &least, &most))
        return;

    uint64_t low = least->result.snapshot.peak.page_bytes;
    uint64_t high = most->result.snapshot.peak.page_bytes;

    result_note(stream,
                "Least memory at its peak: %s, %" PRIu64 " bytes; most: %s, %" PRIu64
                " (%.2f %% more). An ideal allocator would have held %" PRIu64
                ": they cost %.3f and %.3f times that.",
                least->ops->name, low, most->ops->name, high,
                100 * (double)(high - low) / (double)low, least->result.requested_peak,
                (double)held_ratio(low, least->result.requested_peak) / 1000,
                (double)held_ratio(high, most->result.requested_peak) / 1000);
}

/* The call that took most steps, of all stacks. */
static void longest_call(FILE *stream, const struct session_outcome *outcomes, unsigned nr)
{
    const struct session_outcome *longest = NULL;
    unsigned longest_kind = 0;
    uint64_t steps = 0;

    for (unsigned i = 0; i < nr; i++) {
        const struct meter *meter = outcomes[i].result.meter;

        if (meter == NULL || !meter->has_work || outcomes[i].ops->space[0] == '\0')
            continue;
        for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
            const struct histogram *histogram = meter_work_of(meter, kind, METER_STEPS);

            if (histogram->max <= steps)
                continue;
            longest = &outcomes[i];
            longest_kind = kind;
            steps = histogram->max;
        }
    }

    if (longest == NULL)
        return;

    const struct meter *meter = longest->result.meter;

    result_note(stream,
                "Most work in one call: %s of %s, %" PRIu64
                " steps, where half of these calls take at most %" PRIu64
                " and 99 %% at most %" PRIu64 ".",
                event_kind_name(longest_kind), longest->ops->name, steps,
                histogram_percentile(meter_work_of(meter, longest_kind, METER_STEPS), 50, 100),
                histogram_percentile(meter_work_of(meter, longest_kind, METER_STEPS), 99, 100));
}

/* ---- Time ---- */

/* How much longer a stack takes than the fastest: the median over pairs of replays that ran next to
 * each other, and its interval. */
static bool slower_by(const struct session_outcome *outcome, const struct session_outcome *fastest,
                      double *ratio, struct statistics_interval *interval)
{
    return statistics_ratio(outcome->timing.wall_ns, fastest->timing.wall_ns,
                            outcome->timing.rounds, STATISTICS_CONFIDENCE, outcome->timing.scratch,
                            ratio, interval);
}

/* Stacks whose interval of the ratio holds 1: they cannot be told from the fastest. */
static void as_fast(const struct session_outcome *outcomes, unsigned nr,
                    const struct session_outcome *fastest, char names[NAMES])
{
    names[0] = '\0';
    for (unsigned i = 0; i < nr; i++) {
        struct statistics_interval interval;
        double ratio;

        if (&outcomes[i] == fastest || !result_compares(&outcomes[i]) ||
            !slower_by(&outcomes[i], fastest, &ratio, &interval) || interval.low > 1)
            continue;
        snprintf(names + strlen(names), NAMES - strlen(names), "%s%s", names[0] != '\0' ? ", " : "",
                 outcomes[i].ops->name);
    }
}

static void speed(FILE *stream, const struct session_outcome *outcomes, unsigned nr)
{
    const struct session_outcome *fastest, *slowest;
    char names[NAMES];

    if (!extremes(outcomes, nr, speed_figure, &fastest, &slowest))
        return;

    struct statistics_summary wall = timing_wall(&fastest->timing);
    double slower = timing_wall(&slowest->timing).median / wall.median;

    if (wall.nr < 2) {
        result_note(stream,
                    "Measured once, %s was fastest and %s took %.2f times as long; --repeat 6 or "
                    "more tells what that is worth.",
                    fastest->ops->name, slowest->ops->name, slower);
        return;
    }

    struct statistics_interval interval;

    as_fast(outcomes, nr, fastest, names);
    if (!slower_by(slowest, fastest, &slower, &interval))
        return;
    result_note(stream,
                "Fastest by the median of %u replays: %s, %.1f ms (%.1f to %.1f)%s%s; slowest: %s, "
                "%.2f times as long (%.2f to %.2f). Confidence of the intervals: %.1f %%.",
                wall.nr, fastest->ops->name, wall.median * 1e-6, wall.interval.low * 1e-6,
                wall.interval.high * 1e-6, names[0] != '\0' ? "; not to be told from it: " : "",
                names, slowest->ops->name, slower, interval.low, interval.high,
                100 * interval.confidence);
}

static void clock_floor(FILE *stream, const struct session_outcome *outcomes, unsigned nr)
{
    double low = 0, high = 0;

    for (unsigned i = 0; i < nr; i++) {
        double overhead = timing_overhead(&outcomes[i].timing);

        low = i == 0 || overhead < low ? overhead : low;
        high = overhead > high ? overhead : high;
    }

    const struct timing *timing = &outcomes[0].timing;
    const struct stopwatch *stopwatch = &timing->meter.stopwatch;

    result_note(
        stream,
        "Times are of clock %s less its floor of %.1f ns, what it measures of nothing; reading "
        "it made the replays %.0f to %.0f %% longer.",
        stopwatch->name, stopwatch_ns(stopwatch, (double)stopwatch->floor_median), 100 * low,
        100 * high);
}

/* ---- Until failure ---- */

static void survival(FILE *stream, const struct result_subject *subject,
                     const struct session_outcome *outcome)
{
    const struct survival *s = &outcome->survival;
    const char *name = outcome->ops->name;

    if (subject->request->until_failure == UNTIL_REPEAT && s->failed)
        result_note(stream, "%s got through %u pass%s over the trace before it refused something.",
                    name, s->passes, s->passes == 1 ? "" : "es");
    else if (subject->request->until_failure == UNTIL_REPEAT)
        result_note(stream, "%s got through all %u passes over the trace and refused nothing.",
                    name, s->passes);
    else if (s->memory_enough == 0)
        result_note(stream, "%s refuses something already with %" PRIu64 " KiB of memory.", name,
                    s->memory_too_little >> 10);
    else if (s->memory_too_little == 0)
        result_note(stream, "%s serves the trace with %" PRIu64 " KiB of memory, the least tried.",
                    name, s->memory_enough >> 10);
    else
        result_note(stream,
                    "%s serves the trace with %" PRIu64 " KiB of memory, not with %" PRIu64
                    " KiB (%u replays)%s%s.",
                    name, s->memory_enough >> 10, s->memory_too_little >> 10, s->replays,
                    s->no_start[0] != '\0' ? ", on which it does not start: " : "", s->no_start);
}

bool result_verdict(FILE *stream, const struct result_subject *subject,
                    const struct session_outcome *outcomes, unsigned nr)
{
    bool timed = outcomes[0].timing.latency != REPLAY_UNTIMED;

    if (subject->request->until_failure != UNTIL_END) {
        for (unsigned i = 0; i < nr; i++)
            survival(stream, subject, &outcomes[i]);
        return true;
    }

    if (nr < 2 && !timed)
        return false;

    served(stream, outcomes, nr);
    held(stream, outcomes, nr);
    longest_call(stream, outcomes, nr);
    speed(stream, outcomes, nr);
    if (timed)
        clock_floor(stream, outcomes, nr);
    return true;
}
