/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The comparison with the kernel's counters: agreement is silent, and each planted difference is
 * found, counted under its kind and told with its event.
 */

#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "replay/engine.h"

static struct truth *truth;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    truth = calloc(1, sizeof(*truth));
    assert_non_null(truth);

    /* What the scripted stack says it holds, and a truth that agrees. */
    fake.snapshot.nr_caches = 1;
    fake.snapshot.caches[0] = (struct cache_snapshot){.number = 0,
                                                      .name = "ipc_port",
                                                      .slab_bytes = 4096,
                                                      .buffers_per_slab = 50,
                                                      .objects = 70,
                                                      .buffers = 150,
                                                      .slabs = 3,
                                                      .free_slabs = 1};
    fake.snapshot.nr_segments = 1;
    fake.snapshot.segments[0].counts = (struct page_counts){.free = 900, .pool = 5};
    fake.snapshot.maps[MAP_KERNEL] =
        (struct map_snapshot){.name = "kernel_map", .counts = {.size = 40960, .entries = 4}};
    fake.space = (struct space_snapshot){.rights = 11, .table_entries = 32, .growths = 1};

    truth->nr_caches = 1;
    truth->caches[0] = (struct truth_cache){.cache = 0,
                                            .slab_size = 4096,
                                            .buffers_per_slab = 50,
                                            .object_size = 80,
                                            .align = 8,
                                            .buffer_size = 80,
                                            .objects = 70,
                                            .buffers = 150,
                                            .slabs = 3,
                                            .free_slabs = 1};
    truth->nr_segments = 1;
    truth->segments[0] = (struct truth_segment){.free = 1000, .pool = 5, .end = 2000};
    truth->maps[EVENT_MAP_KERNEL] =
        (struct truth_map){.present = 1, .max = 0xd0000000, .size = 40960, .entries = 4};
    truth->nr_spaces = 1;
    truth->spaces[0] = (struct truth_space){.space = 0, .rights = 12, .table_size = 32};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(truth);
    return 0;
}

/* Two truth points: the first agrees, the second is as the test has changed it. */
static void replay(const struct truth *second, const char *captured, struct replay_result *result)
{
    struct build build;
    struct trace_reader *trace;
    struct replay_options options = {.truth = true};
    struct error error = {.text = ""};

    build_begin(&build, captured);
    build_cache(&build, 0, "ipc_port", 80);
    build_event(&build, (struct event){.kind = EVENT_SPACE_CREATE});
    build_event(&build, (struct event){.kind = EVENT_NAME_ALLOC, .size = 1});
    build_event(&build, (struct event){.kind = EVENT_GROWTH, .size = 16, .object = 32});
    build_truth(&build, truth);
    build_truth(&build, second);
    trace = build_end(&build);

    if (replay_run(trace, &fake_stack, &options, result, &error) != 0)
        fail_msg("%s", error.text);
    build_remove(&build, trace);
}

static void test_agrees(void **state)
{
    struct replay_result result;

    (void)state;
    replay(truth, "radix+hybrid", &result);
    assert_int_equal(truth_different(&result.truth), 0);
    assert_int_equal(result.truth.points, 2);
    assert_int_equal(result.truth.first_counter, TRUTH_COUNTERS);
    assert_int_equal(result.truth.compared[TRUTH_OBJECTS], 2);
    assert_int_equal(result.truth.compared[TRUTH_LAYOUT], 4);
    assert_int_equal(result.truth.compared[TRUTH_PAGES], 2);
    assert_int_equal(result.truth.compared[TRUTH_MAP_BYTES], 2);
    assert_int_equal(result.truth.compared[TRUTH_TABLE], 2);
    assert_int_equal(result.truth.compared[TRUTH_GROWTH], 3);
    assert_int_equal(result.truth.compared[TRUTH_NAMES], 1);
    replay_result_free(&result);
}

static void expect(const struct truth *second, enum truth_counter counter, const char *text)
{
    struct replay_result result;

    fake.next_name = 1;
    fake.used = 0;
    replay(second, "radix+hybrid", &result);
    assert_string_equal(result.truth.first[counter], text);
    assert_int_equal(truth_different(&result.truth), 1);
    assert_int_equal(result.truth.different[counter], 1);
    assert_int_equal(result.truth.first_counter, counter);
    assert_int_equal(result.truth.first_event[counter], 6);
    replay_result_free(&result);
}

#define PLANT(field, value, counter, text)                                                         \
    do {                                                                                           \
        *second = *truth;                                                                          \
        second->field = (value);                                                                   \
        expect(second, counter, text);                                                             \
    } while (0)

static void test_planted(void **state)
{
    struct truth *second = malloc(sizeof(*second));

    (void)state;
    assert_non_null(second);
    PLANT(caches[0].objects, 71, TRUTH_OBJECTS,
          "objects of ipc_port: the kernel had 71, the stack has 70");
    PLANT(caches[0].slabs, 4, TRUTH_SLABS, "slabs of ipc_port: the kernel had 4, the stack has 3");
    PLANT(caches[0].free_slabs, 0, TRUTH_FREE_SLABS,
          "free slabs of ipc_port: the kernel had 0, the stack has 1");
    PLANT(caches[0].buffers_per_slab, 51, TRUTH_LAYOUT,
          "buffers per slab of ipc_port: the kernel had 51, the stack has 50");
    PLANT(segments[0].free, 999, TRUTH_PAGES,
          "free pages: the kernel had 1004, the stack has 1005");
    PLANT(maps[EVENT_MAP_KERNEL].entries, 5, TRUTH_MAP_ENTRIES,
          "entries of kernel_map: the kernel had 5, the stack has 4");
    PLANT(maps[EVENT_MAP_KERNEL].size, 45056, TRUTH_MAP_BYTES,
          "bytes of kernel_map: the kernel had 45056, the stack has 40960");
    PLANT(spaces[0].rights, 13, TRUTH_RIGHTS,
          "rights of space 0: the kernel had 13, the stack has 12");
    PLANT(spaces[0].table_size, 64, TRUTH_TABLE,
          "table entries of space 0: the kernel had 64, the stack has 32");
    free(second);
}

static void test_growth_and_name(void **state)
{
    struct replay_result result;

    (void)state;
    fake.space.growths = 2;
    fake.next_name = 2;
    replay(truth, "radix+hybrid", &result);
    assert_int_equal(result.truth.different[TRUTH_GROWTH], 1);
    assert_int_equal(result.truth.first_event[TRUTH_GROWTH], 4);
    assert_int_equal(result.truth.different[TRUTH_NAMES], 1);
    assert_int_equal(result.truth.first_event[TRUTH_NAMES], 3);
    assert_int_equal(result.truth.first_counter, TRUTH_NAMES);
    assert_int_equal(truth_different(&result.truth), 2);
    replay_result_free(&result);
}

/* Names of another design of spaces are not asked to agree. */
static void test_other_design(void **state)
{
    struct replay_result result;

    (void)state;
    fake.next_name = 2;
    replay(truth, "table+vm", &result);
    assert_false(result.truth.same_design);
    assert_int_equal(result.truth.compared[TRUTH_NAMES], 0);
    assert_int_equal(truth_different(&result.truth), 0);
    assert_int_equal(result.names_different, 1);
    replay_result_free(&result);
}

/* Free pages count from the first point at which every segment has some. */
static void test_pages_offset(void **state)
{
    struct truth *second = malloc(sizeof(*second));
    struct replay_result result;

    (void)state;
    assert_non_null(second);
    *second = *truth;
    truth->nr_segments = 2;
    truth->segments[1] = (struct truth_segment){.index = 1, .end = 4000};
    second->segments[0].free = 5000;
    replay(second, "radix+hybrid", &result);
    assert_int_equal(result.truth.compared[TRUTH_PAGES], 1);
    assert_int_equal(truth_different(&result.truth), 0);
    replay_result_free(&result);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_agrees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_planted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_growth_and_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_design, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages_offset, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
