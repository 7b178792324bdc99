/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The stopwatch times one call of an allocator, some tens of nanoseconds, in an inner loop.
 *
 *   stopwatch_open(&watch, STOPWATCH_BEST, &error);
 *   uint64_t begin = stopwatch_begin(&watch);
 *   ... what is timed ...
 *   uint64_t ticks = stopwatch_ticks(begin, stopwatch_end(&watch));
 *
 * It counts ticks: of the processor's time stamp counter (TSC) where that can be trusted, else
 * nanoseconds of CLOCK_MONOTONIC. An open stopwatch is read only and may be shared by threads; one
 * measurement begins and ends on one thread.
 */

#ifndef REPLAY_STOPWATCH_H
#define REPLAY_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/error.h"

enum stopwatch_choice {
    STOPWATCH_BEST,     /* the TSC if it can be trusted */
    STOPWATCH_PORTABLE, /* CLOCK_MONOTONIC in any case */
};

struct stopwatch {
    bool tsc;            /* ticks are those of the TSC, else nanoseconds */
    const char *name;    /* "tsc" or "monotonic", for the record of a measurement */
    const char *why_not; /* why it is not the TSC, half a sentence; NULL if it is */
    double rate;         /* ticks a nanosecond; 1 if it is not the TSC */
    double cost;         /* nanoseconds that one begin and end take from the loop around them */
    /* What is measured when nothing is timed, in ticks. The mean is of all but the highest
     * hundredth, where interrupts are. */
    uint64_t floor_median, floor_p99;
    double floor_mean;
    /* The smallest difference seen between two readings that differ, in ticks. A counter may
     * advance in steps of many ticks: no single measurement is finer than they are, and they are no
     * coarser than this. */
    uint64_t step;
};

/*
 * Chooses the clock and calibrates it, which takes some 10 ms, more on a busy machine. A TSC that
 * turns out not to advance at one rate is given up for CLOCK_MONOTONIC. Fails if that clock cannot
 * be read. There is nothing to close.
 */
int stopwatch_open(struct stopwatch *watch, enum stopwatch_choice choice, struct error *error);

/*
 * Why the TSC is not to be used, or NULL if it is. FLAGS is the line of that name in /proc/cpuinfo,
 * CLOCKSOURCE what the kernel keeps time with (current_clocksource in sysfs); each may end in a
 * newline and is NULL when it could not be read.
 */
const char *stopwatch_distrust(const char *flags, const char *clocksource);

static inline uint64_t stopwatch_monotonic(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

#if defined(__x86_64__) || defined(__i386__)

#define STOPWATCH_HAS_TSC 1

/* All before it has been done, and nothing after it has begun. */
static inline uint64_t stopwatch_tsc_begin(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* All before it has been done. */
static inline uint64_t stopwatch_tsc_end(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#else

#define STOPWATCH_HAS_TSC 0

static inline uint64_t stopwatch_tsc_begin(void)
{
    return 0;
}

static inline uint64_t stopwatch_tsc_end(void)
{
    return 0;
}

#endif

static inline uint64_t stopwatch_begin(const struct stopwatch *watch)
{
    return STOPWATCH_HAS_TSC && watch->tsc ? stopwatch_tsc_begin() : stopwatch_monotonic();
}

static inline uint64_t stopwatch_end(const struct stopwatch *watch)
{
    return STOPWATCH_HAS_TSC && watch->tsc ? stopwatch_tsc_end() : stopwatch_monotonic();
}

/* Ticks between two readings; 0 should the second be the lower one, as on a machine whose
 * processors disagree by more than it takes to get from one to the other. */
static inline uint64_t stopwatch_ticks(uint64_t begin, uint64_t end)
{
    return end > begin ? end - begin : 0;
}

/* Without the floor's median; what is no longer than that is 0. */
static inline uint64_t stopwatch_net(const struct stopwatch *watch, uint64_t ticks)
{
    return stopwatch_ticks(watch->floor_median, ticks);
}

static inline double stopwatch_ns(const struct stopwatch *watch, double ticks)
{
    return ticks / watch->rate;
}

#endif
