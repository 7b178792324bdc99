/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Comparing against answers that are known beforehand: a trace with itself is 0 everywhere, and
 * traces made of two halves with a known difference are that far apart. The distances themselves
 * are tested against direct computation of what they are defined as.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source.h"
#include "traces/buckets.h"
#include "traces/trace_compare_private.h"

#define NEAR(a, b) assert_true((a) - (b) < 1e-9 && (b) - (a) < 1e-9)

/* ---- Buckets ---- */

static void fill(struct buckets *buckets, uint64_t first, uint64_t step, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(buckets_add(buckets, first + i * step), 0);
}

static void test_buckets_distance(void **state)
{
    struct buckets a = {0}, b = {0};

    (void)state;
    NEAR(buckets_distance(&a, 0, &b, 0), 0);
    fill(&a, 0, 1, 60); /* 0 to 59, each exact */
    NEAR(buckets_distance(&a, 0, &b, 0), 1);
    NEAR(buckets_distance(&a, 0, &a, 0), 0);
    fill(&b, 15, 1, 60); /* 15 to 74: 15 of 60 are below 15 */
    NEAR(buckets_distance(&a, 0, &b, 0), 0.25);
    NEAR(buckets_distance(&b, 0, &a, 0), 0.25);
    NEAR(buckets_distance(&a, 60, &a, 0), 0.5); /* half of them never end */
    NEAR(buckets_distance(&a, 180, &b, 180), 0.0625);
    assert_int_equal(buckets_quantile(&a, 0, 0.5), 29);
    assert_int_equal(buckets_quantile(&a, 60, 0.5), 59);
    assert_int_equal(buckets_quantile(&a, 60, 0.6), UINT64_MAX);
    assert_int_equal(a.sum, 59 * 60 / 2);
    buckets_clear(&a);
    assert_int_equal(a.count, 0);
    buckets_clear(&b);
}

static void test_buckets_width(void **state)
{
    (void)state;
    /* A value and one that is 1/16 greater are never in one bucket, up to the largest. */
    for (uint64_t value = 1; value < UINT64_MAX - UINT64_MAX / 8; value += value / 7 + 1) {
        struct buckets a = {0}, b = {0};
        uint64_t lowest;

        fill(&a, value, 0, 1);
        fill(&b, value + value / 16 + 1, 0, 1);
        NEAR(buckets_distance(&a, 0, &b, 0), 1);
        lowest = buckets_quantile(&a, 0, 1);
        assert_true(lowest <= value && value - lowest <= value / 32);
        buckets_clear(&a);
        buckets_clear(&b);
    }
}

static void test_buckets_merge(void **state)
{
    struct buckets a = {0}, b = {0}, c = {0};

    (void)state;
    fill(&a, 3, 1000, 500);
    fill(&b, 7, 333, 700);
    fill(&c, 3, 1000, 500);
    fill(&c, 7, 333, 700);
    assert_int_equal(buckets_merge(&a, &b), 0);
    assert_int_equal(a.count, 1200);
    assert_int_equal(a.sum, c.sum);
    NEAR(buckets_distance(&a, 0, &c, 0), 0);
    buckets_clear(&a);
    buckets_clear(&b);
    buckets_clear(&c);
}

/* ---- Traces ---- */

#define CACHES 3

struct script {
    struct trace_writer *writer;
    uint64_t time;
    uint32_t next;
};

static void put(struct script *script, enum event_kind kind, uint32_t where, uint32_t object,
                uint32_t size)
{
    struct event event = {.time = script->time += 10,
                          .kind = (uint8_t)kind,
                          .where = where,
                          .object = object,
                          .size = size};
    struct error error;

    if (trace_write(script->writer, &event, NULL, 0, &error) != 0)
        fail_msg("%s", error.text);
}

static void mark(struct script *script, const char *text)
{
    struct event event = {.time = script->time += 10, .kind = EVENT_MARK};
    struct error error;

    assert_int_equal(trace_write(script->writer, &event, text, strlen(text), &error), 0);
}

/* N objects of a cache, each alive for LIFE events, one after the other; LIFE is even. */
static void churn(struct script *script, uint32_t cache, unsigned n, unsigned life)
{
    for (unsigned i = 0; i < n; i++) {
        put(script, EVENT_CACHE_ALLOC, cache, 0, 0);
        for (unsigned j = 1; j < life; j += 2) {
            put(script, EVENT_PAGE_ALLOC, EVENT_DIRECTMAP, 1, 2);
            if (j + 1 < life)
                put(script, EVENT_PAGE_FREE, 0, 1, 2);
        }
        put(script, EVENT_CACHE_FREE, cache, 0, 0);
        if (life > 1)
            put(script, EVENT_PAGE_FREE, 0, 1, 2);
    }
}

static void begin(struct script *script, const char *path)
{
    struct source *source = source_create(1, SOURCE_LIFO);
    struct trace_header header;
    struct error error;

    source_header(source, &header);
    header.machine.page_size = 4096;
    header.machine.ticks_per_second = 1000000000;
    script->writer = trace_writer_open(path, &header, 1, &error);
    script->time = 0;
    assert_non_null(script->writer);
    for (uint32_t i = 0; i < CACHES; i++) {
        struct event event = {.time = 1, .kind = EVENT_CACHE_CREATE, .where = i};
        struct cache_definition definition = {.size = 64 << i, .align = 8};

        snprintf(definition.name, sizeof(definition.name), "cache%u", i);
        assert_int_equal(trace_write_cache(script->writer, &event, &definition, &error), 0);
    }
    trace_header_free(&header);
    source_destroy(source);
}

static void end(struct script *script)
{
    struct error error;

    if (trace_writer_close(script->writer, &error) != 0)
        fail_msg("%s", error.text);
}

static struct trace_comparison *compare_marks(const char *a, const char *b,
                                              const char *const *marks, unsigned nr,
                                              struct trace_reader *readers[2])
{
    struct error error;
    struct trace_comparison *comparison;

    readers[0] = trace_open(a, &error);
    readers[1] = trace_open(b, &error);
    assert_non_null(readers[0]);
    assert_non_null(readers[1]);
    comparison = trace_compare(readers[0], readers[1], marks, nr, &error);
    if (comparison == NULL)
        fail_msg("%s", error.text);
    return comparison;
}

static void close_all(struct trace_comparison *comparison, struct trace_reader *readers[2])
{
    trace_comparison_destroy(comparison);
    trace_close(readers[0]);
    trace_close(readers[1]);
}

static void is_zero(const struct compare_phase *phase)
{
    assert_true(phase->kinds == 0 && phase->sources == 0 && phase->rows.ks == 0);
    for (unsigned i = 0; i < PROFILE_CLASSES; i++)
        assert_true(phase->sizes[i].ks == 0 && phase->by_events[i].ks == 0 &&
                    phase->by_time[i].ks == 0);
    for (unsigned i = 0; i < PROFILE_GAUGES; i++)
        assert_true(phase->curves[i] == 0);
}

/* Random traces with everything that can be in one, some of them long enough that curves are
 * thinned out. */
static void test_self(void **state)
{
    const char *path = source_path("self.trace");
    struct compare_excess excesses[4];
    struct trace_reader *readers[2];
    unsigned figures;

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct trace_comparison *comparison;

        source_write(path, seed, SOURCE_LIFO, seed == 4 ? 100000 : 2000, 1);
        comparison = compare_marks(path, path, NULL, 0, readers);
        is_zero(&comparison->whole);
        assert_int_equal(comparison->nr_phases, comparison->a->nr_phases);
        for (unsigned i = 0; i < comparison->nr_phases; i++)
            is_zero(&comparison->phases[i]);
        assert_int_equal(trace_compare_judge(comparison, excesses, 4, &figures), 0);
        assert_true(figures >= 15);
        assert_true(comparison->whole.a->gauges[0].curve.nr > PROFILE_CURVE / 2);
        close_all(comparison, readers);
    }
}

/* What a trace profile sums up is what the trace's own totals say. */
static void test_totals(void **state)
{
    const char *path = source_path("totals.trace");
    struct trace_reader *readers[2];
    struct trace_comparison *comparison;
    const struct trace_totals *totals;
    const struct profile_phase *whole;
    uint64_t events = 0;

    (void)state;
    source_write(path, 77, SOURCE_RANDOM, 50000, 1);
    comparison = compare_marks(path, path, NULL, 0, readers);
    totals = trace_totals(readers[0]);
    whole = comparison->whole.a;
    assert_int_equal(whole->events, totals->events);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        assert_int_equal(whole->by_kind[kind], totals->by_kind[kind]);
    for (unsigned i = 0; i < comparison->a->nr_phases; i++) {
        assert_int_equal(comparison->a->phases[i].first_event, events + 1);
        events += comparison->a->phases[i].events;
    }
    assert_int_equal(events, totals->events);
    for (unsigned i = 0; i < PROFILE_CLASSES; i++)
        assert_int_equal(whole->classes[i].born,
                         whole->classes[i].by_events.count + whole->classes[i].survivors);
    assert_true(whole->gauges[PROFILE_GAUGE_NAMES].peak >= totals->peak_live[EVENT_NAME_ALLOC]);
    assert_true(whole->gauges[PROFILE_GAUGE_NAMES].peak <=
                totals->peak_live[EVENT_NAME_ALLOC] + totals->peak_live[EVENT_NAME_ALLOC_AT]);
    close_all(comparison, readers);
}

/* A: 100 objects of cache 0 that live 2 events, 100 of cache 1 that live 10. B: 150 and 50. */
static void test_known(void **state)
{
    const char *a = source_path("a.trace"), *b = source_path("b.trace");
    struct trace_reader *readers[2];
    struct trace_comparison *comparison;
    const struct compare_phase *whole;
    struct script script = {0};

    (void)state;
    begin(&script, a);
    mark(&script, "one");
    churn(&script, 0, 100, 2);
    mark(&script, "two");
    churn(&script, 1, 100, 10);
    end(&script);
    begin(&script, b);
    mark(&script, "one");
    churn(&script, 0, 150, 2);
    mark(&script, "two");
    churn(&script, 1, 50, 10);
    end(&script);

    comparison = compare_marks(a, b, NULL, 0, readers);
    whole = &comparison->whole;
    /* Halves against three quarters and a quarter. */
    NEAR(whole->sources, 0.5);
    NEAR(whole->by_events[PROFILE_OBJECTS].ks, 0.25);
    NEAR(whole->by_time[PROFILE_OBJECTS].ks, 0.25);
    NEAR(whole->by_events[PROFILE_OBJECTS].chance, 1.63 * 0.1); /* sqrt(400 / 40000) */
    /* (3 + 100 * 4 + 100 * 12 + 2) and (3 + 150 * 4 + 50 * 12 + 2) events, of which 2 are marks,
     * 200 are births of objects and as many deaths. Pages: the rest, half of them births. */
    assert_int_equal(whole->a->events, 1605);
    assert_int_equal(whole->b->events, 1205);
    NEAR(whole->kinds, 2 * (200.0 / 1205 - 200.0 / 1605) + 5 * (1.0 / 1205 - 1.0 / 1605) +
                           2 * (600.0 / 1605 - 400.0 / 1205));
    assert_int_equal(comparison->nr_phases, 3);
    assert_string_equal(comparison->phases[1].a->mark, "one");
    for (unsigned i = 0; i < 3; i++) {
        NEAR(comparison->phases[i].sources, 0);
        NEAR(comparison->phases[i].by_events[PROFILE_OBJECTS].ks, 0);
    }
    assert_int_equal(comparison->phases[1].a->classes[PROFILE_OBJECTS].born, 100);
    assert_int_equal(comparison->phases[1].b->classes[PROFILE_OBJECTS].born, 150);
    assert_int_equal(whole->a->gauges[PROFILE_GAUGE_OBJECTS].peak, 128);
    assert_int_equal(whole->a->gauges[PROFILE_GAUGE_PAGES].peak, 2);
    close_all(comparison, readers);
}

/* Phases of other names, against each other: what one half has and the other has not. */
static void test_marks(void **state)
{
    static const char *const marks[] = {"one=two", "two#1", "two#2=one"};
    const char *path = source_path("marks.trace");
    struct trace_reader *readers[2];
    struct trace_comparison *comparison;
    struct script script = {0};
    struct error error;
    static const char *const bad[] = {"three", "one=three", "two#3", "two#0", "two#", "#1x"};

    (void)state;
    begin(&script, path);
    mark(&script, "one");
    churn(&script, 0, 10, 2);
    mark(&script, "two");
    churn(&script, 2, 30, 2);
    mark(&script, "two");
    churn(&script, 0, 10, 4);
    end(&script);
    comparison = compare_marks(path, path, marks, 3, readers);
    assert_int_equal(comparison->nr_phases, 3);
    NEAR(comparison->phases[0].sources, 2); /* nothing in common */
    NEAR(comparison->phases[0].by_events[PROFILE_OBJECTS].ks, 0);
    is_zero(&comparison->phases[1]);
    NEAR(comparison->phases[2].sources, 0);
    NEAR(comparison->phases[2].by_events[PROFILE_OBJECTS].ks, 1);
    assert_true(trace_compare_has(comparison, &comparison->a->phases[1]));
    assert_false(trace_compare_has(comparison, &comparison->a->phases[0]));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(trace_compare(readers[0], readers[1], &bad[i], 1, &error));
        assert_non_null(strstr(error.text, "marks.trace: mark \""));
    }
    close_all(comparison, readers);
}

/* What never dies counts as living longest; a curve that climbs twice as high is half a peak away
 * from one that does not, on average a quarter. */
static void test_survivors_and_curves(void **state)
{
    const char *a = source_path("low.trace"), *b = source_path("high.trace");
    struct trace_reader *readers[2];
    struct trace_comparison *comparison;
    struct script script = {0};

    (void)state;
    for (unsigned twice = 0; twice < 2; twice++) {
        begin(&script, twice == 0 ? a : b);
        for (uint32_t i = 0; i < 4000; i++)
            put(&script, EVENT_KALLOC, 0, i, twice == 0 ? 32 : 64);
        for (uint32_t i = 0; i < (twice == 0 ? 4000u : 1000u); i++)
            put(&script, EVENT_KFREE, 0, i, twice == 0 ? 32 : 64);
        end(&script);
    }
    comparison = compare_marks(a, b, NULL, 0, readers);
    assert_int_equal(comparison->whole.b->classes[PROFILE_KALLOC].survivors, 3000);
    NEAR(comparison->whole.by_events[PROFILE_KALLOC].ks, 0.75);
    NEAR(comparison->whole.sizes[PROFILE_KALLOC].ks, 1);
    assert_int_equal(comparison->whole.a->gauges[PROFILE_GAUGE_OBJECTS].end, 0);
    assert_int_equal(comparison->whole.b->gauges[PROFILE_GAUGE_OBJECTS].peak, 256000);
    assert_int_equal(comparison->whole.b->gauges[PROFILE_GAUGE_OBJECTS].end, 192000);
    /* Up to 1/2 against up to 1 in 4000 of 8000 and 4000 of 5000 events, then down. By parts of the
     * way t: |min(t, 1 - t) - (t < 4/5 ? 5/4 t : 1 - 5/4 (t - 4/5))|: see the sum below. */
    double sum = 0;
    for (unsigned i = 0; i < 128; i++) {
        double t = i / 128.0, low = t < 0.5 ? t : 1 - t;
        double high = t < 0.8 ? 1.25 * t : 1 - 1.25 * (t - 0.8);

        sum += high > low ? high - low : low - high;
    }
    assert_true(comparison->whole.curves[PROFILE_GAUGE_OBJECTS] > sum / 128 - 0.01);
    assert_true(comparison->whole.curves[PROFILE_GAUGE_OBJECTS] < sum / 128 + 0.01);
    close_all(comparison, readers);
}

/* Pages and ranges may go in parts: they die with the last. */
static void test_parts(void **state)
{
    const char *path = source_path("parts.trace");
    struct trace_reader *readers[2];
    struct trace_comparison *comparison;
    const struct profile_phase *whole;
    struct script script = {0};

    (void)state;
    begin(&script, path);
    put(&script, EVENT_PAGE_ALLOC, EVENT_DIRECTMAP, 0, 4);
    put(&script, EVENT_PAGE_FREE, 0, 0, 1);
    put(&script, EVENT_PAGE_FREE, 0, 0, 1);
    put(&script, EVENT_PAGE_FREE, 0, 0, 2);
    end(&script);
    comparison = compare_marks(path, path, NULL, 0, readers);
    whole = comparison->whole.a;
    assert_int_equal(whole->classes[PROFILE_PAGES].by_events.count, 1);
    assert_int_equal(whole->classes[PROFILE_PAGES].by_events.sum, 3);
    assert_int_equal(whole->classes[PROFILE_PAGES].by_time.sum, 30);
    assert_int_equal(whole->gauges[PROFILE_GAUGE_PAGES].peak, 4);
    assert_int_equal(whole->gauges[PROFILE_GAUGE_PAGES].end, 0);
    close_all(comparison, readers);
}

/* -1 of a clock, and what is known of gaps that are 0 and once N: sd = mean * sqrt(n - 1). */
static void test_burstiness(void **state)
{
    struct profile_phase clock = {.gaps = 100, .ticks = 1000, .gap_squares = 100 * 100};
    struct profile_phase burst = {.gaps = 101, .ticks = 1000, .gap_squares = 1000000};
    struct profile_phase none = {0};

    (void)state;
    NEAR(trace_profile_burstiness(&clock), -1);
    NEAR(trace_profile_burstiness(&burst), 9.0 / 11);
    NEAR(trace_profile_burstiness(&none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets_distance),
        cmocka_unit_test(test_buckets_width),
        cmocka_unit_test(test_buckets_merge),
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_survivors_and_curves),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_burstiness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
