/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The engine against a scripted stack: each kind of event becomes the right call, a refusal leaves
 * the rest of the trace in order, checks see what they are there to see.
 */

#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "replay/engine.h"

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/* A cache with two objects, a kalloc, pages, a range, and a space with two rights. */
static struct trace_reader *small_trace(struct build *build)
{
    build_begin(build, "radix+hybrid");
    build_cache(build, 0, "ipc_port", 80);
    build_event(build, (struct event){.kind = EVENT_KALLOC, .size = 100, .object = 0});
    build_event(build, (struct event){.kind = EVENT_CACHE_ALLOC, .where = 0, .object = 1});
    build_event(build, (struct event){.kind = EVENT_CACHE_ALLOC, .where = 0, .object = 2});
    build_event(build,
                (struct event){.kind = EVENT_PAGE_ALLOC, .where = 2, .size = 1, .object = 3});
    build_event(build, (struct event){.kind = EVENT_MAP_ALLOC, .size = 5000, .object = 4});
    build_event(build, (struct event){.kind = EVENT_SPACE_CREATE, .where = 0});
    build_event(build, (struct event){.kind = EVENT_NAME_ALLOC, .object = 0, .size = 1});
    build_event(build, (struct event){.kind = EVENT_NAME_ALLOC_AT, .object = 1, .size = 9});
    build_event(build,
                (struct event){
                    .kind = EVENT_REVERSE_INSERT, .object = 0, .size = 1, .address = 0xc0abc000});
    build_mark(build, "full");
    build_event(build, (struct event){.kind = EVENT_NAME_LOOKUP, .object = 1});
    build_event(build, (struct event){.kind = EVENT_REVERSE_LOOKUP, .object = 0});
    build_event(build, (struct event){.kind = EVENT_REVERSE_REMOVE, .object = 0});
    build_event(build, (struct event){.kind = EVENT_NAME_FREE, .object = 0});
    build_event(build, (struct event){.kind = EVENT_CACHE_FREE, .where = 0, .object = 1});
    build_event(build,
                (struct event){.kind = EVENT_MAP_FREE, .size = 4096, .object = 4, .address = 4096});
    build_event(build, (struct event){.kind = EVENT_PAGE_FREE, .size = 1, .object = 3});
    build_event(build, (struct event){.kind = EVENT_KFREE, .size = 100, .object = 0});
    build_event(build, (struct event){.kind = EVENT_SPACE_DESTROY, .where = 0});
    build_event(build, (struct event){.kind = EVENT_SPACE_RELEASE, .where = 0});
    build_event(build, (struct event){.kind = EVENT_REAP});
    return build_end(build);
}

static void run(struct trace_reader *trace, const struct replay_options *options,
                struct replay_result *result)
{
    struct error error = {.text = ""};

    if (replay_run(trace, &fake_stack, options, result, &error) != 0)
        fail_msg("%s", error.text);
}

static void test_calls(void **state)
{
    struct build build;
    struct replay_options options = {0};
    struct replay_result result;
    struct trace_reader *trace = small_trace(&build);

    (void)state;
    run(trace, &options, &result);
    assert_string_equal(fake.log, "open i386 64M\n"
                                  "cache 0 ipc_port 80\n"
                                  "kalloc 100 at 2\n"
                                  "alloc 0\n"
                                  "alloc 0\n"
                                  "pages 1 2\n"
                                  "map 0 5000 0\n"
                                  "space 0\n"
                                  "name 0 0\n"
                                  "name-at 0 1 9\n"
                                  "reverse 0 1 c1001000\n"
                                  "lookup 0 9\n"
                                  "reverse-lookup 0 c1001000\n"
                                  "reverse-remove 0 c1001000\n"
                                  "name-free 0 1\n"
                                  "free 0 c1001000\n"
                                  "map-free 0 c1005000 4096\n"
                                  "pages-free c1003000 1\n"
                                  "kfree c1000000 100\n"
                                  "space-destroy 0\n"
                                  "space-release 0\n"
                                  "reap at 22\n"
                                  "close\n");
    assert_int_equal(result.events, trace_totals(trace)->events);
    assert_int_equal(replay_refused(&result), 0);
    assert_int_equal(replay_skipped(&result), 0);
    assert_int_equal(result.requested_peak, 100 + 2 * 80 + 4096 + 8192);
    assert_int_equal(result.requested_peak_event, 6);
    assert_int_equal(result.requested, 80 + 4096); /* an object and half of the range are left */
    assert_int_equal(result.names_compared, 1);
    assert_int_equal(result.names_different, 0);
    assert_int_equal(result.nr_points, 1);
    assert_string_equal(result.points[0].name, "full");
    assert_int_equal(result.points[0].rights, 2);
    assert_int_equal(result.points[0].reverse, 1);
    assert_int_equal(result.end.rights, 0); /* the destroyed space took one along */
    assert_int_equal(result.end.spaces, 0);
    replay_result_free(&result);
    build_remove(&build, trace);
}

static void test_captured_keys(void **state)
{
    struct build build;
    struct replay_options options = {.keys = REPLAY_KEYS_CAPTURED};
    struct replay_result result;
    struct trace_reader *trace = small_trace(&build);

    (void)state;
    run(trace, &options, &result);
    assert_non_null(strstr(fake.log, "reverse 0 1 c0abc000\n"));
    assert_non_null(strstr(fake.log, "reverse-remove 0 c0abc000\n"));
    replay_result_free(&result);
    build_remove(&build, trace);
}

/* The same trace with its n-th request refused, for each n: what is refused is never used. */
static void test_refusals(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct replay_options options = {0};
    static const struct {
        unsigned kind;
        uint64_t skipped; /* later events on what was refused */
        const char *never;
    } expected[] = {
        {EVENT_KALLOC, 1, "kfree"},
        {EVENT_CACHE_ALLOC, 1, "free 0 c1001"},
        {EVENT_CACHE_ALLOC, 0, "never"},
        {EVENT_PAGE_ALLOC, 1, "pages-free"},
        {EVENT_MAP_ALLOC, 1, "map-free"},
        {EVENT_SPACE_CREATE, 9, "name"},
        {EVENT_NAME_ALLOC, 4, "reverse"},
        {EVENT_NAME_ALLOC_AT, 1, "\nlookup"},
        {EVENT_REVERSE_INSERT, 2, "reverse-remove"},
        {EVENT_MAP_FREE, 0, "never"},
    };

    (void)state;
    for (unsigned n = 0; n < sizeof(expected) / sizeof(expected[0]); n++) {
        struct replay_result result;

        fake_reset();
        fake.refuse_at = n + 1;
        run(trace, &options, &result);
        assert_int_equal(replay_refused(&result), 1);
        assert_int_equal(result.refused[expected[n].kind], 1);
        assert_int_equal(replay_skipped(&result), expected[n].skipped);
        assert_null(strstr(fake.log, expected[n].never));
        assert_int_equal(result.nr_failures, 1);
        assert_int_equal(result.failures[0].kind, expected[n].kind);
        assert_int_equal(result.failures[0].count, 1);
        assert_false(result.failures[0].kernel_too);
        assert_string_equal(result.failures[0].failure.resource, "fake_map");
        assert_int_equal(result.failures[0].failure.largest, 4096);
        replay_result_free(&result);
    }

    build_remove(&build, trace);
}

static void test_stop(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct replay_options options = {.on_failure = REPLAY_STOP};
    struct replay_result result;

    (void)state;
    fake.refuse_at = 3;
    run(trace, &options, &result);
    assert_true(result.stopped);
    assert_int_equal(result.events, 4);
    assert_null(strstr(fake.log, "pages"));
    replay_result_free(&result);
    build_remove(&build, trace);
}

/* What the kernel refused is asked for, and given back when it is granted. */
static void test_kernel_refused(void **state)
{
    struct build build;
    struct replay_options options = {.on_failure = REPLAY_STOP};
    struct replay_result result;
    struct trace_reader *trace;

    (void)state;
    build_begin(&build, "radix+hybrid");
    build_cache(&build, 0, "ipc_port", 80);
    build_event(&build, (struct event){.kind = EVENT_SPACE_CREATE});
    build_event(
        &build,
        (struct event){.kind = EVENT_CACHE_ALLOC, .object = OBJECT_NONE, .flags = EVENT_FAILED});
    build_event(&build, (struct event){.kind = EVENT_KALLOC,
                                       .size = 64,
                                       .object = OBJECT_NONE,
                                       .flags = EVENT_FAILED});
    build_event(
        &build,
        (struct event){.kind = EVENT_NAME_ALLOC, .object = OBJECT_NONE, .flags = EVENT_FAILED});
    trace = build_end(&build);

    run(trace, &options, &result);
    assert_string_equal(fake.log, "open i386 64M\n"
                                  "cache 0 ipc_port 80\n"
                                  "space 0\n"
                                  "alloc 0\n"
                                  "free 0 c1000000\n"
                                  "kalloc 64 at 4\n"
                                  "kfree c1001000 64\n"
                                  "name 0 0\n"
                                  "name-free 0 1\n"
                                  "close\n");
    assert_int_equal(result.kernel_refused, 3);
    assert_int_equal(result.kernel_refused_too, 0);
    replay_result_free(&result);

    fake_reset();
    fake.refuse_at = 3; /* the kalloc: the stack refuses it too, which is no reason to stop */
    run(trace, &options, &result);
    assert_int_equal(result.kernel_refused, 3);
    assert_int_equal(result.kernel_refused_too, 1);
    assert_int_equal(replay_refused(&result), 0);
    assert_false(result.stopped);
    assert_true(result.failures[0].kernel_too);
    replay_result_free(&result);
    build_remove(&build, trace);
}

static void test_privilege(void **state)
{
    struct build build;
    struct replay_options options = {0};
    struct replay_result result;
    struct trace_reader *trace;
    struct event event = {.kind = EVENT_KALLOC, .time = 5, .size = 8};
    struct error error = {.text = ""};

    (void)state;
    build_begin(&build, "");
    assert_int_equal(trace_write(build.writer, &event, NULL, 0, &error), 0); /* task 0 */
    build_event(&build, (struct event){.kind = EVENT_KALLOC, .size = 8, .object = 1});
    trace = build_end(&build);
    run(trace, &options, &result);
    assert_non_null(strstr(fake.log, "kalloc 8 privileged at 0\nkalloc 8 at 1\n"));
    replay_result_free(&result);
    build_remove(&build, trace);
}

static void expect_fault(struct trace_reader *trace, const char *text)
{
    struct replay_options options = {.check = true};
    struct replay_result result;
    struct error error = {.text = ""};

    assert_int_equal(replay_run(trace, &fake_stack, &options, &result, &error), -1);
    if (strstr(error.text, text) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", text, error.text);
    replay_result_free(&result);
}

static void test_check(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct replay_options options = {.check = true};
    struct replay_result result;

    (void)state;
    fake.memory = calloc(1, FAKE_BYTES);
    assert_non_null(fake.memory);
    run(trace, &options, &result);
    assert_int_equal(result.patterns, 4);      /* object, page, half of the range, kalloc */
    assert_int_equal(result.live_patterns, 1); /* what is left at the end */
    assert_true(result.checks >= 2);
    replay_result_free(&result);

    fake_reset();
    fake.memory = calloc(1, FAKE_BYTES);
    fake.misalign = 4;
    expect_fault(trace, "event 2 (kalloc): address c1000004 is not aligned to 8");

    fake_reset();
    fake.memory = calloc(1, FAKE_BYTES);
    fake.lookup_answer = 7;
    expect_fault(trace, "event 12 (name-lookup): right 1 of space 0 was looked up, 7 was found");

    fake_reset();
    fake.check_after = 2;
    expect_fault(trace, "after event 2: a planted fault");

    build_remove(&build, trace);
}

/* Two objects at the same place: the first has the other's words. */
static uint64_t overlapping(struct stack *stack, uint32_t cache)
{
    (void)stack, (void)cache;
    return FAKE_BASE + 8192;
}

static void test_overlap(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct stack_ops ops = fake_stack;
    struct replay_options options = {.check = true};
    struct replay_result result;
    struct error error = {.text = ""};

    (void)state;
    fake.memory = calloc(1, FAKE_BYTES);
    ops.cache_alloc = overlapping;
    assert_int_equal(replay_run(trace, &ops, &options, &result, &error), -1);
    assert_non_null(strstr(error.text, "after event 4: byte 0 of object 1 at c1002000 (80 bytes)"));
    replay_result_free(&result);
    build_remove(&build, trace);
}

static void test_digest(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct replay_options options = {0};
    struct replay_result first, again, other;

    (void)state;
    run(trace, &options, &first);
    fake_reset();
    run(trace, &options, &again);
    fake_reset();
    fake.refuse_at = 10; /* the last request of all */
    run(trace, &options, &other);
    assert_true(first.digest == again.digest);
    assert_true(first.digest != other.digest);
    replay_result_free(&first);
    replay_result_free(&again);
    replay_result_free(&other);
    build_remove(&build, trace);
}

static void test_null(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct replay_options options = {.check = true, .truth = true};
    struct replay_result result;
    struct error error = {.text = ""};

    (void)state;
    assert_int_equal(replay_run(trace, stack_find("null"), &options, &result, &error), 0);
    assert_int_equal(result.events, trace_totals(trace)->events);
    assert_int_equal(replay_refused(&result) + replay_skipped(&result), 0);
    replay_result_free(&result);
    build_remove(&build, trace);
}

static void test_configure(void **state)
{
    struct build build;
    struct trace_reader *trace = small_trace(&build);
    struct replay_options options = {.memory = 32u << 20, .geometry = geometry_find("i386-2013")};
    struct replay_result result;

    (void)state;
    run(trace, &options, &result);
    assert_non_null(strstr(fake.log, "open i386-2013 32M\n"));
    assert_false(result.captured_machine);
    replay_result_free(&result);
    build_remove(&build, trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_calls, setup),
        cmocka_unit_test_setup(test_captured_keys, setup),
        cmocka_unit_test_setup(test_refusals, setup),
        cmocka_unit_test_setup(test_stop, setup),
        cmocka_unit_test_setup(test_kernel_refused, setup),
        cmocka_unit_test_setup(test_privilege, setup),
        cmocka_unit_test_setup(test_check, setup),
        cmocka_unit_test_setup(test_overlap, setup),
        cmocka_unit_test_setup(test_digest, setup),
        cmocka_unit_test_setup(test_null, setup),
        cmocka_unit_test_setup(test_configure, setup),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fake_reset();
    return failed;
}
