/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What measuring costs a replay through radix+hybrid: the wall time with it over that without, as
 * the median of the ratios of replays that ran next to each other. Each line of what is printed:
 * figure, measured, target.
 *
 *   bench_measure TRACE [REPETITIONS]
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/statistics.h"
#include "replay/engine.h"

#define REPETITIONS 11

static const struct {
    const char *what;
    struct replay_options options;
    const char *target;
} kinds[] = {
    {"nothing", {0}, NULL},
    {"128 samples of fragmentation", {.sample_interval = 1}, "at most 1.05"},
    {"latency sampled", {.latency = REPLAY_SAMPLED}, "at most 1.05"},
    {"work", {.work = true}, "-"},
    {"latency of every call", {.latency = REPLAY_EVERY}, "-"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void die(const struct error *error)
{
    fprintf(stderr, "bench_measure: %s\n", error->text);
    exit(1);
}

static double replay(struct trace_reader *trace, struct replay_options options,
                     const struct stopwatch *stopwatch)
{
    static struct replay_result result;
    struct error error = {.text = ""};

    options.stopwatch = stopwatch;
    options.populate = true; /* all alike */
    if (options.sample_interval != 0)
        options.sample_interval = trace_totals(trace)->events / 128 + 1;
    if (replay_run(trace, stack_find("radix+hybrid"), &options, &result, &error) != 0)
        die(&error);
    replay_result_free(&result);
    return (double)result.wall_ns;
}

int main(int argc, char **argv)
{
    struct error error = {.text = ""};
    struct stopwatch stopwatch;
    static double times[KINDS][STATISTICS_MAX], scratch[STATISTICS_MAX];
    unsigned repetitions = argc > 2 ? (unsigned)atoi(argv[2]) : REPETITIONS;

    if (argc < 2 || repetitions == 0 || repetitions > STATISTICS_MAX) {
        fputs("usage: bench_measure TRACE [REPETITIONS]\n", stderr);
        return 2;
    }

    struct trace_reader *trace = trace_open(argv[1], &error);
    const char *name = strrchr(argv[1], '/');

    name = name != NULL ? name + 1 : argv[1];
    if (trace == NULL || stopwatch_open(&stopwatch, STOPWATCH_BEST, &error) != 0)
        die(&error);

    for (unsigned r = 0; r < repetitions; r++)
        for (unsigned k = 0; k < KINDS; k++)
            times[k][r] = replay(trace, kinds[k].options, &stopwatch);

    for (unsigned k = 1; k < KINDS; k++) {
        struct statistics_interval interval;
        double ratio;

        statistics_ratio(times[k], times[0], repetitions, STATISTICS_CONFIDENCE, scratch, &ratio,
                         &interval);
        printf("%s: %s / nothing measured, time ratio %.3f (%.3f to %.3f), %s\n", name,
               kinds[k].what, ratio, interval.low, interval.high, kinds[k].target);
    }

    trace_close(trace);
    return 0;
}
