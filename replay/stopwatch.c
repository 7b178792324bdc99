/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A call to be timed takes 10 to 100 ns, a reading of any clock 10 to 30, so it matters which clock
 * is read and what stands around the reading.
 *
 * The TSC is the cheapest clock there is, but the processor may read it before what comes earlier
 * in the program is done, and start what comes later before it is read. Readings are therefore
 * fenced, with lfence: it waits for all earlier instructions and holds back all later ones, on
 * processors of AMD too since Linux tells them to. (It does not wait until stores have left the
 * store buffer, which the program does not wait for either.) cpuid would fence as well, but leaves
 * a virtual machine, which takes microseconds. How many fences are needed was measured, with 16, 32
 * and 64 multiplications that depend on each other (37, 74 and 147 ticks) between two readings;
 * means less the mean of the empty pair, in ticks of 0.41 ns:
 *
 *   begin                  end              pair     floor   16     32     64
 *   rdtsc                  rdtsc            23 ns     27    0.3     20     93
 *   lfence rdtsc           lfence rdtsc     43 ns     55    4.5     42    113
 *   lfence rdtsc           rdtscp lfence    49 ns     54      5     39    111
 *   lfence rdtsc lfence    lfence rdtsc     47 ns     66     32     69    141
 *   lfence rdtsc lfence    rdtscp           48 ns     65     33     69    141
 *   lfence rdtsc lfence    the same         51 ns     66     33     69    141
 *
 * Without the fence behind the first reading, 32 to 35 ticks of what is timed run beside the
 * reading and are not seen: a short call would measure as none. A fence behind the last reading
 * changes nothing but the price. rdtscp is no better than lfence and rdtsc, and not on every
 * processor. Hence the fourth line. What it still misses is some 5 ticks, 2 ns.
 *
 * The counter of that machine advances by 24 or 25 ticks at once, 10 ns, which is why the floor has
 * a mean beside its median: single measurements fall on a grid, their mean does not.
 *
 * The TSC is used if the processor says that it runs at a constant rate (constant_tsc) and never
 * stops (nonstop_tsc), and if the kernel, which watches it, keeps time with it or with a clock that
 * is made of it. Both are read from files: no cpuid. Otherwise the clock is CLOCK_MONOTONIC, rather
 * than CLOCK_MONOTONIC_RAW, which older kernels read by a system call; that it may be slewed by
 * 0.05 % is below what any bucket of a histogram can tell.
 *
 * Calibration is robust rather than long: the rate is the median of several short windows, and
 * each of their ends the narrowest of several brackets of two clocks, so that a process that is
 * interrupted now and then still finds it. The windows must agree, or the TSC is not used.
 */

#include "replay/stopwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOWS       7       /* of which the rate is the median */
#define WINDOW_NS     1000000 /* length of one */
#define BRACKETS      16      /* tries at reading two clocks at once */
#define DISAGREEMENT  0.01    /* relative, between the middle windows: the rate is not one */
#define FLOOR_SAMPLES 8192    /* empty pairs */
#define STEP_SAMPLES  1000    /* pairs of readings that differ */
#define COST_BATCHES  9       /* of which the cost is the median */
#define COST_PAIRS    2000    /* in one batch */

#define CPUINFO     "/proc/cpuinfo"
#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* A moment on two clocks. */
struct moment {
    uint64_t ns, ticks;
};

static bool has_word(const char *line, const char *word)
{
    size_t length = strlen(word);

    while (*line != '\0') {
        line += strspn(line, " \t\n:");

        size_t span = strcspn(line, " \t\n:");

        if (span == length && strncmp(line, word, length) == 0)
            return true;
        line += span;
    }
    return false;
}

const char *stopwatch_distrust(const char *flags, const char *clocksource)
{
    if (flags == NULL)
        return "the processor's flags cannot be read";
    if (!has_word(flags, "constant_tsc"))
        return "the processor's counter has no constant rate";
    if (!has_word(flags, "nonstop_tsc"))
        return "the processor's counter may stop";
    if (clocksource == NULL || has_word(clocksource, "tsc") || has_word(clocksource, "kvm-clock") ||
        has_word(clocksource, "hyperv_clocksource_tsc_page"))
        return NULL;
    return "the kernel does not keep time with the processor's counter";
}

/* Reads the beginning of a file; false if there is none. */
static bool read_start(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t nr = 0;

    if (file < 0)
        return false;
    do {
        nr = read(file, text + length, size - 1 - length);
        if (nr > 0)
            length += (size_t)nr;
    } while (length < size - 1 && (nr > 0 || (nr < 0 && errno == EINTR)));
    close(file);
    text[length] = '\0';
    return length > 0;
}

/* The line of FLAGS in the beginning of cpuinfo, which is about the first processor. */
static const char *flags_line(char *cpuinfo)
{
    char *line = strstr(cpuinfo, "\nflags");

    if (line == NULL)
        return NULL;

    char *end = strchr(line + 1, '\n');

    if (end != NULL)
        *end = '\0';
    return line + 1;
}

static const char *machine_distrust(void)
{
    char cpuinfo[8192], source[64];
    const char *flags = read_start(CPUINFO, cpuinfo, sizeof(cpuinfo)) ? flags_line(cpuinfo) : NULL;
    bool known = read_start(CLOCKSOURCE, source, sizeof(source));

    return stopwatch_distrust(flags, known ? source : NULL);
}

/* The narrower the bracket, the less can have come between the readings of the two clocks. */
static struct moment moment_now(void)
{
    struct moment best = {0};
    uint64_t narrowest = UINT64_MAX;

    for (int i = 0; i < BRACKETS; i++) {
        uint64_t before = stopwatch_monotonic();
        uint64_t ticks = stopwatch_tsc_begin();
        uint64_t width = stopwatch_monotonic() - before;

        if (width < narrowest) {
            narrowest = width;
            best = (struct moment){.ns = before + width / 2, .ticks = ticks};
        }
    }
    return best;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static int compare_ticks(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* False if the windows disagree, or the counter stands. */
static bool find_rate(double *rate)
{
    double rates[WINDOWS];
    struct moment last = moment_now();

    for (int i = 0; i < WINDOWS; i++) {
        while (stopwatch_monotonic() - last.ns < WINDOW_NS)
            continue;

        struct moment next = moment_now();

        rates[i] = (double)(int64_t)(next.ticks - last.ticks) / (double)(next.ns - last.ns);
        last = next;
    }
    qsort(rates, WINDOWS, sizeof(rates[0]), compare_doubles);
    *rate = rates[WINDOWS / 2];
    return *rate > 0 && rates[WINDOWS - 2] - rates[1] <= *rate * DISAGREEMENT;
}

static void find_floor(struct stopwatch *watch)
{
    uint64_t samples[FLOOR_SAMPLES], sum = 0;
    unsigned p99 = FLOOR_SAMPLES - FLOOR_SAMPLES / 100;

    for (int i = 0; i < FLOOR_SAMPLES; i++) {
        uint64_t begin = stopwatch_begin(watch);

        samples[i] = stopwatch_ticks(begin, stopwatch_end(watch));
    }
    qsort(samples, FLOOR_SAMPLES, sizeof(samples[0]), compare_ticks);
    for (unsigned i = 0; i < p99; i++)
        sum += samples[i];
    watch->floor_median = samples[FLOOR_SAMPLES / 2];
    watch->floor_p99 = samples[p99 - 1];
    watch->floor_mean = (double)sum / p99;
}

static void find_cost(struct stopwatch *watch)
{
    double costs[COST_BATCHES];

    for (int batch = 0; batch < COST_BATCHES; batch++) {
        uint64_t start = stopwatch_monotonic();

        for (int i = 0; i < COST_PAIRS; i++) {
            stopwatch_begin(watch);
            stopwatch_end(watch);
        }
        costs[batch] = (double)(stopwatch_monotonic() - start) / COST_PAIRS;
    }
    qsort(costs, COST_BATCHES, sizeof(costs[0]), compare_doubles);
    watch->cost = costs[COST_BATCHES / 2];
}

/* Readings as close to each other as can be: without fences, whose cost is more than a step. */
static uint64_t unfenced(const struct stopwatch *watch)
{
#if STOPWATCH_HAS_TSC
    if (watch->tsc)
        return __builtin_ia32_rdtsc();
#endif
    (void)watch;
    return stopwatch_monotonic();
}

static void find_step(struct stopwatch *watch)
{
    watch->step = UINT64_MAX;

    for (int found = 0; found < STEP_SAMPLES;) {
        uint64_t first = unfenced(watch);
        uint64_t step = stopwatch_ticks(first, unfenced(watch));

        if (step == 0)
            continue;
        if (step < watch->step)
            watch->step = step;
        found++;
    }
}

int stopwatch_open(struct stopwatch *watch, enum stopwatch_choice choice, struct error *error)
{
    struct timespec time;

    *watch = (struct stopwatch){.name = "monotonic", .rate = 1};
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0)
        return error_set(error, "the clock CLOCK_MONOTONIC cannot be read: %s", strerror(errno));

    if (choice == STOPWATCH_PORTABLE)
        watch->why_not = "the portable clock was asked for";
    else if (!STOPWATCH_HAS_TSC)
        watch->why_not = "the processor is none whose counter is known here";
    else
        watch->why_not = machine_distrust();

    if (watch->why_not == NULL) {
        if (find_rate(&watch->rate)) {
            watch->tsc = true;
            watch->name = "tsc";
        } else {
            watch->rate = 1;
            watch->why_not = "the processor's counter was not seen to advance at one rate";
        }
    }
    find_floor(watch);
    find_cost(watch);
    find_step(watch);
    return 0;
}
