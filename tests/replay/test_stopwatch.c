/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The stopwatch, with no assertion on how long anything takes but that more takes longer, so that a
 * busy machine cannot fail them. Both clocks are tried; that of the processor only where it is
 * trusted.
 */

#include <string.h>

#include "cmocka_all.h"
#include "replay/stopwatch.h"

#define NR 10001

static const enum stopwatch_choice choices[] = {STOPWATCH_BEST, STOPWATCH_PORTABLE};

static void open_watch(struct stopwatch *watch, enum stopwatch_choice choice)
{
    struct error error = {.text = ""};

    assert_int_equal(stopwatch_open(watch, choice, &error), 0);
}

/* Some hundreds of nanoseconds at least, on any machine. */
static void work(void)
{
    for (volatile int i = 0; i < 1000; i++)
        continue;
}

static void provenance(void **state)
{
    struct stopwatch watch;

    (void)state;
    open_watch(&watch, STOPWATCH_BEST);
    assert_string_equal(watch.name, watch.tsc ? "tsc" : "monotonic");
    assert_true(watch.tsc == (watch.why_not == NULL));
    print_message(
        "%s, %s, %.4f ticks/ns, %.1f ns a pair, floor %lu, p99 %lu, mean %.1f, step %lu\n",
        watch.name, watch.tsc ? "trusted" : watch.why_not, watch.rate, watch.cost,
        (unsigned long)watch.floor_median, (unsigned long)watch.floor_p99, watch.floor_mean,
        (unsigned long)watch.step);

    open_watch(&watch, STOPWATCH_PORTABLE);
    assert_string_equal(watch.name, "monotonic");
    assert_false(watch.tsc);
    assert_non_null(watch.why_not);
    assert_true(watch.rate == 1);
}

static void sane(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stopwatch watch;

        open_watch(&watch, choices[i]);
        assert_true(watch.rate > 0.001 && watch.rate < 100);
        assert_true(watch.cost > 0);
        assert_true(watch.floor_median <= watch.floor_p99);
        assert_true(watch.floor_mean >= 0 && watch.floor_mean <= (double)watch.floor_p99);
        assert_true(watch.step >= 1);
    }
}

static void monotone(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stopwatch watch;
        uint64_t last;

        open_watch(&watch, choices[i]);
        last = stopwatch_begin(&watch);
        for (int j = 0; j < NR; j++) {
            uint64_t begin = stopwatch_begin(&watch), end = stopwatch_end(&watch);

            assert_true(last <= begin && begin <= end);
            last = end;
        }
    }
}

/* The lowest of many, as interrupts and other processes make all of them longer, never shorter. */
static uint64_t shortest(const struct stopwatch *watch, void (*call)(void))
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < NR / 10; i++) {
        uint64_t begin = stopwatch_begin(watch);

        if (call != NULL)
            call();

        uint64_t ticks = stopwatch_ticks(begin, stopwatch_end(watch));

        if (ticks < least)
            least = ticks;
    }
    return least;
}

static void work_takes_longer(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stopwatch watch;

        open_watch(&watch, choices[i]);
        assert_true(shortest(&watch, NULL) < shortest(&watch, work));
        assert_true(watch.floor_median <= shortest(&watch, work));
    }
}

/* The stopwatch around some readings of the monotonic clock, and within others: what it says lies
 * between the two, but for a tenth that the rate is allowed. */
static void clocks_agree(void **state)
{
    struct stopwatch watch;

    (void)state;
    open_watch(&watch, STOPWATCH_BEST);

    uint64_t outer = stopwatch_monotonic();
    uint64_t begin = stopwatch_begin(&watch);
    uint64_t inner = stopwatch_monotonic(), last = inner;

    while (last - inner < 2000000)
        last = stopwatch_monotonic();

    uint64_t end = stopwatch_end(&watch);
    uint64_t outer_ns = stopwatch_monotonic() - outer;
    double ns = stopwatch_ns(&watch, (double)stopwatch_ticks(begin, end));

    assert_true(ns <= (double)outer_ns * 1.1);
    assert_true(ns >= (double)(last - inner) * 0.9);
}

static void arithmetic(void **state)
{
    struct stopwatch watch = {.rate = 2.5, .floor_median = 40};

    (void)state;
    assert_int_equal(stopwatch_ticks(100, 130), 30);
    assert_int_equal(stopwatch_ticks(100, 100), 0);
    assert_int_equal(stopwatch_ticks(100, 99), 0);
    assert_int_equal(stopwatch_net(&watch, 41), 1);
    assert_int_equal(stopwatch_net(&watch, 40), 0);
    assert_int_equal(stopwatch_net(&watch, 3), 0);
    assert_true(stopwatch_ns(&watch, 100) == 40);
}

static void trust(void **state)
{
    static const char good[] = "flags\t\t: fpu tsc msr constant_tsc rep_good nonstop_tsc sse4_2\n";

    (void)state;
    assert_null(stopwatch_distrust(good, "tsc\n"));
    assert_null(stopwatch_distrust(good, "kvm-clock\n"));
    assert_null(stopwatch_distrust(good, NULL));
    assert_null(stopwatch_distrust("flags\t: nonstop_tsc constant_tsc", "tsc"));

    assert_non_null(stopwatch_distrust(NULL, "tsc\n"));
    assert_non_null(stopwatch_distrust("", "tsc\n"));
    assert_non_null(stopwatch_distrust(good, "hpet\n"));
    assert_non_null(stopwatch_distrust(good, "acpi_pm\n"));
    assert_non_null(stopwatch_distrust(good, "\n"));
    assert_non_null(stopwatch_distrust("flags\t: tsc constant_tsc", "tsc\n"));
    assert_non_null(stopwatch_distrust("flags\t: tsc nonstop_tsc", "tsc\n"));
    /* Words that contain the one looked for. */
    assert_non_null(stopwatch_distrust("flags\t: xconstant_tsc nonstop_tsc", "tsc\n"));
    assert_non_null(stopwatch_distrust("flags\t: constant_tsc nonstop_tsc_s3", "tsc\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(provenance),   cmocka_unit_test(sane),
        cmocka_unit_test(monotone),     cmocka_unit_test(work_takes_longer),
        cmocka_unit_test(clocks_agree), cmocka_unit_test(arithmetic),
        cmocka_unit_test(trust),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
