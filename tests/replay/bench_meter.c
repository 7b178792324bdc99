/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What measuring costs: of both clocks an empty pair of readings, what it takes and what it shows;
 * of the histogram a value recorded, for values of a few buckets and of many. The best of several
 * repetitions, with their median. Each line of what is printed: figure, measured, target.
 *
 *   bench_meter [REPETITIONS]
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/statistics.h"
#include "replay/histogram.h"
#include "replay/stopwatch.h"

#define VALUES 4096 /* cycled through; they stay in the cache */
#define ROUNDS 500

static struct histogram histogram;

static void die(const struct error *error)
{
    fprintf(stderr, "bench_meter: %s\n", error->text);
    exit(1);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ns a value; the loop that reads them, without recording, is taken off. */
static double record(const uint64_t *values)
{
    uint64_t start = stopwatch_monotonic();

    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < VALUES; i++)
            histogram_record(&histogram, values[i]);

    uint64_t middle = stopwatch_monotonic();

    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < VALUES; i++)
            __asm__ volatile("" : : "r"(values[i]));

    uint64_t end = stopwatch_monotonic();

    return ((double)(middle - start) - (double)(end - middle)) / ROUNDS / VALUES;
}

/* ns a measurement, as the engine would make it: both readings and the record. */
static double measure(const struct stopwatch *watch)
{
    uint64_t start = stopwatch_monotonic();

    for (int i = 0; i < VALUES * 16; i++) {
        uint64_t begin = stopwatch_begin(watch);

        histogram_record(&histogram, stopwatch_ticks(begin, stopwatch_end(watch)));
    }
    return (double)(stopwatch_monotonic() - start) / VALUES / 16;
}

static double percentile_us(void)
{
    uint64_t start = stopwatch_monotonic(), sum = 0;

    for (uint32_t i = 0; i < 1000; i++)
        sum += histogram_percentile(&histogram, i, 1000);
    __asm__ volatile("" : : "r"(sum));
    return (double)(stopwatch_monotonic() - start) / 1000 / 1000;
}

static void report(const char *figure, double *values, unsigned nr, const char *unit,
                   const char *target)
{
    double scratch[STATISTICS_MAX];
    struct statistics_summary summary = statistics_summarize(values, nr, scratch);

    printf("%s, %.2f %s (best; median %.2f over %u runs), %s\n", figure, summary.min, unit,
           summary.median, nr, target);
}

static void bench_histogram(unsigned repetitions)
{
    static uint64_t near[VALUES], wide[VALUES];
    double results[3][STATISTICS_MAX];
    uint64_t seed = 42;

    for (int i = 0; i < VALUES; i++) {
        near[i] = 40 + random_next(&seed) % 200;
        wide[i] = random_next(&seed) >> (24 + random_next(&seed) % 40);
    }
    for (unsigned i = 0; i < repetitions; i++) {
        results[0][i] = record(near);
        results[1][i] = record(wide);
        results[2][i] = percentile_us();
    }
    report("histogram record, near values", results[0], repetitions, "ns", "at most 5");
    report("histogram record, values of all magnitudes", results[1], repetitions, "ns",
           "at most 5");
    report("histogram percentile", results[2], repetitions, "us", "-");
}

static void bench_clock(enum stopwatch_choice choice, unsigned repetitions)
{
    struct error error = {.text = ""};
    struct stopwatch watch;
    double opens[STATISTICS_MAX], pairs[STATISTICS_MAX], records[STATISTICS_MAX];
    char figure[80];

    for (unsigned i = 0; i < repetitions; i++) {
        uint64_t start = stopwatch_monotonic();

        if (stopwatch_open(&watch, choice, &error) != 0)
            die(&error);
        opens[i] = (double)(stopwatch_monotonic() - start) * 1e-6;
        pairs[i] = watch.cost;
        records[i] = measure(&watch);
    }
    snprintf(figure, sizeof(figure), "%s: calibration", watch.name);
    report(figure, opens, repetitions, "ms", "at most 20");
    snprintf(figure, sizeof(figure), "%s: begin and end", watch.name);
    report(figure, pairs, repetitions, "ns", watch.tsc ? "at most 60" : "-");
    snprintf(figure, sizeof(figure), "%s: begin, end and record", watch.name);
    report(figure, records, repetitions, "ns", "-");
    printf("%s: floor, %.1f ns (median; p99 %.1f, mean %.1f), -\n", watch.name,
           stopwatch_ns(&watch, (double)watch.floor_median),
           stopwatch_ns(&watch, (double)watch.floor_p99), stopwatch_ns(&watch, watch.floor_mean));
    printf("%s: step between readings, %.1f ns at most, -\n", watch.name,
           stopwatch_ns(&watch, (double)watch.step));
    printf("%s: rate, %.4f ticks/ns, -\n", watch.name, watch.rate);
}

int main(int argc, char **argv)
{
    int repetitions = argc > 1 ? atoi(argv[1]) : 21;

    if (repetitions < 1 || repetitions > STATISTICS_MAX) {
        fprintf(stderr, "usage: bench_meter [REPETITIONS], 1 to %d\n", STATISTICS_MAX);
        return 2;
    }
    bench_clock(STOPWATCH_BEST, (unsigned)repetitions);
    bench_clock(STOPWATCH_PORTABLE, (unsigned)repetitions);
    bench_histogram((unsigned)repetitions);
    return 0;
}
