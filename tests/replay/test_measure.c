/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is measured of single calls: that all of it is there, under the right kind and class, that
 * it adds up to the totals, and that measuring changes no decision. Then repetitions, and the ways
 * to failure. No time is asserted.
 */

#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "replay/session.h"

#define RIGHTS 3000

/* A task that makes RIGHTS ports and rights after the mark, frees every other one of each, and
 * takes ranges of several pages. LEAK kallocs of a page are left behind. */
static struct trace_reader *storm_trace(struct build *build, unsigned leak)
{
    uint32_t object = 0;

    build_begin(build, "radix+hybrid");
    build_cache(build, 0, "ipc_port", 80);
    build_event(build, (struct event){.kind = EVENT_SPACE_CREATE, .where = 0, .task = 0});
    build_mark(build, "storm");
    for (uint32_t i = 0; i < RIGHTS; i++) {
        build_event(build, (struct event){.kind = EVENT_CACHE_ALLOC, .object = object++});
        build_event(build, (struct event){.kind = EVENT_NAME_ALLOC, .object = i, .size = i + 1});
    }
    for (uint32_t i = 0; i < RIGHTS; i++) {
        build_event(build, (struct event){.kind = EVENT_NAME_FREE, .object = i});
        build_event(build, (struct event){.kind = EVENT_CACHE_FREE, .object = i});
    }
    for (uint32_t i = 0; i < 20; i++)
        build_event(build, (struct event){.kind = EVENT_MAP_ALLOC,
                                          .flags = EVENT_MAP_OBJECT,
                                          .size = 3 * PAGE_SIZE,
                                          .object = object + i});
    for (uint32_t i = 0; i < 20; i++)
        build_event(
            build,
            (struct event){.kind = EVENT_MAP_FREE, .size = 3 * PAGE_SIZE, .object = object + i});
    for (uint32_t i = 0; i < leak; i++)
        build_event(build,
                    (struct event){.kind = EVENT_KALLOC, .size = PAGE_SIZE, .object = object++});
    return build_end(build);
}

static struct stopwatch *watch(void)
{
    static struct stopwatch stopwatch;
    struct error error = {.text = ""};

    if (stopwatch.name == NULL && stopwatch_open(&stopwatch, STOPWATCH_BEST, &error) != 0)
        fail_msg("%s", error.text);
    return &stopwatch;
}

static void run(struct trace_reader *trace, const char *stack, const struct replay_options *options,
                struct replay_result *result)
{
    struct error error = {.text = ""};

    if (replay_run(trace, stack_find(stack), options, result, &error) != 0)
        fail_msg("%s", error.text);
}

/* ---- Size classes and counters ---- */

static void test_classes(void **state)
{
    static const struct {
        uint64_t bytes;
        unsigned class;
    } cases[] = {
        {0, 0},     {1, 0},     {2, 1},     {3, 2},       {4, 2},           {5, 3},
        {4096, 12}, {4097, 13}, {8192, 13}, {131072, 17}, {UINT64_MAX, 39},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(meter_class(cases[i].bytes), cases[i].class);
}

static void test_columns_and_rows(void **state)
{
    (void)state;
    assert_int_equal(meter_columns(5), 5);
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal(meter_column(5, i), i - 1);
    assert_int_equal(meter_column(5, 6), 4); /* beyond the trace */
    assert_int_equal(meter_column(1280, 1), 0);
    assert_int_equal(meter_column(1280, 10), 0);
    assert_int_equal(meter_column(1280, 11), 1);
    assert_int_equal(meter_column(1280, 1280), METER_COLUMNS - 1);

    for (unsigned row = 0; row < METER_ROWS; row++) {
        assert_int_equal(meter_row(meter_row_lowest(row)), row);
        if (row > 0)
            assert_int_equal(meter_row(meter_row_lowest(row) - 1), row - 1);
    }
    assert_int_equal(meter_row(UINT64_MAX), METER_ROWS - 1);
}

static void test_counters(void **state)
{
    struct meter meter;
    struct error error = {.text = ""};
    struct work work = {0};

    (void)state;
    assert_int_equal(meter_open(&meter, MEASURE_WORK, NULL, &error), 0);
    meter_work(&meter, EVENT_KALLOC, &work); /* moves nothing */
    work.pages_mapped += 3;
    work.nodes_visited += 2;
    work.bytes_copied += 4096;
    meter_work(&meter, EVENT_KALLOC, &work);
    work.splits += 7;
    meter_forget(&meter, &work); /* of something else */
    work.merges += 1;
    meter_work(&meter, EVENT_KFREE, &work);
    meter_work_complete(&meter);

    const struct histogram *steps = meter_work_of(&meter, EVENT_KALLOC, METER_STEPS);
    const struct histogram *copied = meter_work_of(&meter, EVENT_KALLOC, METER_BYTES_COPIED);

    assert_int_equal(meter.calls[EVENT_KALLOC], 2);
    assert_int_equal(steps->count, 2);
    assert_int_equal(steps->sum, 5); /* bytes are no steps */
    assert_int_equal(steps->max, 5);
    assert_int_equal(histogram_percentile(steps, 50, 100), 0);
    assert_int_equal(copied->sum, 4096);
    assert_int_equal(copied->count, 2);
    assert_int_equal(meter_work_of(&meter, EVENT_KALLOC, METER_SPLITS)->count, 0);
    assert_int_equal(meter_work_of(&meter, EVENT_KFREE, METER_MERGES)->sum, 1);
    assert_int_equal(meter_work_of(&meter, EVENT_KFREE, METER_SPLITS)->count, 0);
    meter_close(&meter);
}

/* ---- In a replay ---- */

static uint64_t work_sum(const struct meter *meter, enum meter_counter counter)
{
    uint64_t sum = 0;

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        sum += meter_work_of(meter, kind, counter)->sum;

    return sum;
}

/* The work of single calls adds up to that of the replay, through every stack that counts it.
 * Opening a stack takes no part: its start-up merges blocks, which is looked at before. */
static void test_work_adds_up(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 4);
    struct replay_options options = {.work = true};
    unsigned counted = 0;

    (void)state;
    for (unsigned i = 0; stack_at(i) != NULL; i++) {
        struct replay_result *result = calloc(1, sizeof(*result));

        assert_non_null(result);
        run(trace, stack_at(i)->name, &options, result);
        if (result->meter != NULL) {
            const struct work *work = &result->snapshot.work;

            counted++;
            assert_int_equal(work_sum(result->meter, METER_PAGES_MAPPED), work->pages_mapped);
            assert_int_equal(work_sum(result->meter, METER_PAGES_UNMAPPED), work->pages_unmapped);
            assert_int_equal(work_sum(result->meter, METER_NODES_VISITED), work->nodes_visited);
            assert_int_equal(work_sum(result->meter, METER_LIST_STEPS), work->list_steps);
            assert_int_equal(work_sum(result->meter, METER_ENTRIES_COPIED), work->entries_copied);
            assert_int_equal(work_sum(result->meter, METER_BYTES_COPIED), work->bytes_copied);
            assert_int_equal(work_sum(result->meter, METER_SPLITS), work->splits);
            assert_int_equal(result->meter->calls[EVENT_NAME_ALLOC], RIGHTS);
            assert_int_equal(result->meter->calls[EVENT_MAP_FREE], 20);
        }
        replay_result_free(result);
        free(result);
    }
    assert_true(counted >= 7);
    build_remove(&build, trace);
}

/* What start-up does, merging pages to blocks one by one, is no call's work. */
static void test_start_up_is_no_call(void **state)
{
    struct build build;
    struct replay_options options = {.work = true};
    struct replay_result *result = calloc(1, sizeof(*result));

    (void)state;
    assert_non_null(result);
    build_begin(&build, "radix+hybrid");
    trace_writer_header(build.writer)->machine.boot_pages = true;
    build_event(&build, (struct event){.kind = EVENT_BOOT_PAGES, .object = 4096, .size = 8192});
    build_cache(&build, 0, "ipc_port", 80);
    build_event(&build, (struct event){.kind = EVENT_CACHE_ALLOC, .object = 0});

    struct trace_reader *trace = build_end(&build);

    run(trace, "radix+buddy", &options, result);
    assert_int_equal(result->snapshot.work.merges, 8192 - 8); /* to blocks of 1024 pages */
    assert_int_equal(work_sum(result->meter, METER_MERGES), 0);
    assert_int_equal(work_sum(result->meter, METER_SPLITS), result->snapshot.work.splits);
    assert_true(result->snapshot.work.splits > 0);
    replay_result_free(result);
    free(result);
    build_remove(&build, trace);
}

/* Growing a table copies all of it: the longest call shows what the total hides. */
static void test_growth_is_one_call(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 0);
    struct replay_options options = {.work = true};
    struct replay_result *result = calloc(1, sizeof(*result));

    (void)state;
    assert_non_null(result);
    run(trace, "table+vm", &options, result);

    const struct histogram *copied =
        meter_work_of(result->meter, EVENT_NAME_ALLOC, METER_ENTRIES_COPIED);

    assert_int_equal(copied->count, RIGHTS);
    assert_int_equal(histogram_percentile(copied, 50, 100), 0);
    /* Tables of more than a page grow by a page: the last growth copied all but at most a page. */
    assert_true(copied->max > RIGHTS - 256 && copied->max <= RIGHTS + 1);
    replay_result_free(result);
    free(result);
    build_remove(&build, trace);
}

static uint64_t timed(const struct meter *meter, unsigned kind)
{
    uint64_t count = 0;

    for (unsigned class = 0; class < METER_CLASSES; class ++)
        count += meter_latency_of(meter, kind, class)->count;

    return count;
}

/* Each call is in one row of one column, and no column has more of them than events. */
static void assert_calls_over_trace(struct trace_reader *trace, const struct meter *meter)
{
    uint64_t events = trace_totals(trace)->events, all = 0;
    unsigned used = 0;

    assert_int_equal(meter->events, events);
    for (unsigned column = 0; column < METER_COLUMNS; column++) {
        uint64_t calls = 0;

        for (unsigned row = 0; row < METER_ROWS; row++)
            calls += meter->over_trace[column * METER_ROWS + row];
        assert_true(calls <= events / METER_COLUMNS + 1);
        used += calls != 0;
        all += calls;
    }

    assert_int_equal(all, meter->timed);
    assert_true(used >= METER_COLUMNS - 1); /* the trace begins with a cache and a mark */
}

static void test_every_call_is_timed(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 4);
    struct replay_options options = {.latency = REPLAY_EVERY, .stopwatch = watch()};
    struct replay_result *result = calloc(1, sizeof(*result));

    (void)state;
    assert_non_null(result);
    run(trace, "radix+hybrid", &options, result);
    assert_int_equal(timed(result->meter, EVENT_NAME_ALLOC), RIGHTS);
    assert_int_equal(timed(result->meter, EVENT_NAME_FREE), RIGHTS);
    assert_int_equal(meter_latency_of(result->meter, EVENT_CACHE_ALLOC, 7)->count, RIGHTS);
    assert_int_equal(meter_latency_of(result->meter, EVENT_KALLOC, 12)->count, 4);
    assert_int_equal(meter_latency_of(result->meter, EVENT_MAP_ALLOC, 14)->count, 20);
    assert_int_equal(timed(result->meter, EVENT_SPACE_CREATE), 1);
    assert_int_equal(timed(result->meter, EVENT_MARK), 0);
    assert_int_equal(result->meter->timed, 4 * RIGHTS + 40 + 4 + 1);
    assert_calls_over_trace(trace, result->meter);
    replay_result_free(result);
    free(result);
    build_remove(&build, trace);
}

/* One call in REPLAY_TIMED_INTERVAL, more or less, and not at a fixed distance. */
static void test_sampled(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 0);
    struct replay_options options = {.latency = REPLAY_SAMPLED, .stopwatch = watch()};
    struct replay_result *result = calloc(1, sizeof(*result));
    uint64_t expected = trace_totals(trace)->events / REPLAY_TIMED_INTERVAL;

    (void)state;
    assert_non_null(result);
    run(trace, "radix+hybrid", &options, result);
    assert_in_range(result->meter->timed, expected / 2, expected * 2);
    /* Ports and rights take turns: a fixed even distance would see only one of them. */
    assert_true(timed(result->meter, EVENT_CACHE_ALLOC) > 0);
    assert_true(timed(result->meter, EVENT_NAME_ALLOC) > 0);
    replay_result_free(result);
    free(result);
    build_remove(&build, trace);
}

static void test_measuring_decides_nothing(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 4);
    uint64_t digest = 0;

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct replay_options options = {.latency = (enum replay_latency)(i % 3),
                                         .work = i / 3 % 2 != 0,
                                         .sample_interval = i / 6 != 0 ? 7 : 0,
                                         .stopwatch = watch()};
        struct replay_result *result = calloc(1, sizeof(*result));

        assert_non_null(result);
        run(trace, "table+hybrid", &options, result);
        if (i == 0)
            digest = result->digest;
        assert_int_equal(result->digest, digest);
        assert_int_equal(result->series != NULL, i / 6 != 0);
        if (result->series != NULL) /* and the mark, and the end */
            assert_int_equal(result->series->nr, trace_totals(trace)->events / 7 + 2);
        replay_result_free(result);
        free(result);
    }
    build_remove(&build, trace);
}

/* ---- Sessions ---- */

static void session(struct request *request, const char *stack, struct trace_reader *trace,
                    struct session_outcome *outcome)
{
    struct error error = {.text = ""};

    request->stacks[0] = stack_find(stack);
    request->nr_stacks = 1;
    if (session_run(request, trace, "test", watch(), outcome, &error) != 0)
        fail_msg("%s", error.text);
}

static void test_repetitions(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 4);
    struct request request = {.repeat = 6, .options = {.latency = REPLAY_EVERY, .work = true}};
    struct session_outcome *outcome = calloc(1, sizeof(*outcome));

    (void)state;
    assert_non_null(outcome);
    session(&request, "radix+hybrid", trace, outcome);

    const struct timing *timing = &outcome->timing;
    struct statistics_summary wall = timing_wall(timing);

    assert_int_equal(timing->rounds, 6);
    assert_int_equal(wall.nr, 6);
    assert_true(wall.interval.reached && wall.interval.low <= wall.median &&
                wall.median <= wall.interval.high);
    /* Work is that of one replay, time that of six. */
    assert_int_equal(outcome->result.meter->calls[EVENT_NAME_ALLOC], RIGHTS);
    assert_int_equal(timing_latency(timing, EVENT_NAME_ALLOC, 0)->count, 6 * RIGHTS);
    assert_null(timing_latency(timing, EVENT_NAME_ALLOC, 1));
    assert_int_equal(timing_percentile(timing, EVENT_NAME_ALLOC, 0, TIMING_P99).nr, 6);

    /* Of rights there is one class, which is the whole kind. */
    unsigned whole, one;
    const double *of_whole =
        timing_percentiles(timing, EVENT_NAME_ALLOC, TIMING_WHOLE, TIMING_P50, &whole);
    const double *of_one = timing_percentiles(timing, EVENT_NAME_ALLOC, 0, TIMING_P50, &one);

    assert_int_equal(whole, 6);
    assert_int_equal(one, 6);
    assert_memory_equal(of_whole, of_one, 6 * sizeof(double));
    timing_percentiles(timing, EVENT_NAME_ALLOC, 1, TIMING_P50, &one);
    assert_int_equal(one, 0);
    assert_true(timing_percentile(timing, EVENT_NAME_ALLOC, 0, TIMING_P50).median <=
                timing_percentile(timing, EVENT_NAME_ALLOC, 0, TIMING_P99).median);
    session_free(outcome, 1);
    free(outcome);
    build_remove(&build, trace);
}

static void test_too_many_samples(void **state)
{
    struct build build;
    struct request request = {.sample = 1, .stacks = {stack_find("null")}, .nr_stacks = 1};
    struct session_outcome *outcome = calloc(1, sizeof(*outcome));
    struct error error = {.text = ""};

    (void)state;
    assert_non_null(outcome);
    build_begin(&build, "radix+hybrid");
    for (unsigned i = 0; i < 35000; i++) {
        build_event(&build, (struct event){.kind = EVENT_KALLOC, .size = 64, .object = 0});
        build_event(&build, (struct event){.kind = EVENT_KFREE, .size = 64, .object = 0});
    }

    struct trace_reader *trace = build_end(&build);

    assert_int_equal(session_run(&request, trace, "test", NULL, outcome, &error), -1);
    assert_string_equal(
        error.text, "--sample 1 would take 70000 samples of 70000 events; 65536 is the most that "
                    "a result holds, so give 2 or more");
    session_free(outcome, 1);
    request.sample = 2;
    memset(outcome, 0, sizeof(*outcome));
    assert_int_equal(session_run(&request, trace, "test", NULL, outcome, &error), 0);
    assert_int_equal(outcome->result.series->nr, 35001); /* and one at the end */
    session_free(outcome, 1);
    free(outcome);
    build_remove(&build, trace);
}

/* 64 MiB of memory and 2 MiB left behind by a pass: what start-up and the reserve take aside, there
 * is room for some 28. */
static void test_until_failure_by_repetition(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 512);
    struct request request = {.until_failure = UNTIL_REPEAT};
    struct session_outcome *outcome = calloc(1, sizeof(*outcome));

    (void)state;
    assert_non_null(outcome);
    session(&request, "radix+vm", trace, outcome);
    assert_true(outcome->survival.failed);
    assert_in_range(outcome->survival.passes, 24, 31);
    assert_int_equal(outcome->result.nr_failures, 1);
    assert_int_equal(outcome->result.failures[0].pass, outcome->survival.passes);
    assert_in_range(outcome->result.failures[0].event, 1, trace_totals(trace)->events);
    assert_int_equal(outcome->result.names_compared, RIGHTS); /* of the first pass */
    session_free(outcome, 1);

    /* Nothing is left behind: nothing is refused. */
    build_remove(&build, trace);
    trace = storm_trace(&build, 0);
    memset(outcome, 0, sizeof(*outcome));
    request.passes = 40;
    session(&request, "radix+vm", trace, outcome);
    assert_false(outcome->survival.failed);
    assert_int_equal(outcome->survival.passes, 40);
    session_free(outcome, 1);
    free(outcome);
    build_remove(&build, trace);
}

/* The two machines that the search ends between are a mebibyte apart, serve and do not. */
static void test_until_failure_by_shrinking(void **state)
{
    struct build build;
    struct trace_reader *trace = storm_trace(&build, 8000);
    struct request request = {.until_failure = UNTIL_SHRINK};
    struct session_outcome *outcome = calloc(1, sizeof(*outcome));
    struct replay_result *again = calloc(1, sizeof(*again));

    (void)state;
    assert_non_null(outcome);
    assert_non_null(again);
    session(&request, "radix+hybrid", trace, outcome);

    const struct survival *survival = &outcome->survival;

    assert_true(survival->failed);
    assert_int_equal(survival->memory_enough - survival->memory_too_little, 1 << 20);
    assert_in_range(survival->memory_enough, 32u << 20, 63u << 20);

    struct replay_options options = {.memory = survival->memory_enough};

    run(trace, "radix+hybrid", &options, again);
    assert_int_equal(replay_refused(again), 0);
    replay_result_free(again);
    options.memory = survival->memory_too_little;
    run(trace, "radix+hybrid", &options, again);
    assert_true(replay_refused(again) > 0);
    replay_result_free(again);

    session_free(outcome, 1);
    free(outcome);
    free(again);
    build_remove(&build, trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_columns_and_rows),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_work_adds_up),
        cmocka_unit_test(test_start_up_is_no_call),
        cmocka_unit_test(test_growth_is_one_call),
        cmocka_unit_test(test_every_call_is_timed),
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_measuring_decides_nothing),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_too_many_samples),
        cmocka_unit_test(test_until_failure_by_repetition),
        cmocka_unit_test(test_until_failure_by_shrinking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
