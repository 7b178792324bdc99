/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The drivers of churn: the same seed gives the same run, every structure of the stack is whole
 * afterwards, and small cases come out as they can be worked out by hand.
 */

#include "cmocka_all.h"

#include <stdbool.h>
#include <string.h>

#include "replay/churn.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define SEED   7

static struct churn_machine machine_of(const char *stack, uint64_t memory)
{
    return (struct churn_machine){.ops = stack_find(stack),
                                  .geometry = geometry_find("i386-2016"),
                                  .memory = memory,
                                  .check = true,
                                  .seed = SEED};
}

/* The first numbers of splitmix64 for the state 0, as published with the algorithm. */
static void test_random(void **state)
{
    struct churn_random random = {0};
    bool seen[10] = {false};

    (void)state;
    assert_true(churn_next(&random) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(churn_next(&random) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(churn_next(&random) == UINT64_C(0x06c45d188009454f));

    for (int i = 0; i < 1000; i++) {
        uint32_t number = churn_below(&random, 10);

        assert_in_range(number, 0, 9);
        seen[number] = true;
    }
    for (int i = 0; i < 10; i++)
        assert_true(seen[i]);
    assert_int_equal(churn_below(&random, 1), 0);
}

/* ---- File cache ---- */

static const struct churn_cache_options small_cache = {
    .victim = CHURN_RANDOM,
    .file_pages = 3,
    .low = 600,
    .high = 1000,
    .replaced = 30000,
    .bursts = 3,
    .objects = 1200,
    .bytes = 8192,
    .reads = 3,
};

static struct churn_cache_result cache_run(const char *stack,
                                           const struct churn_cache_options *options)
{
    struct churn_machine machine = machine_of(stack, MIB(32));
    struct churn_cache_result result;
    struct error error;

    if (churn_cache(&machine, options, &result, &error) != 0)
        fail_msg("%s", error.text);
    return result;
}

static void test_cache_is_the_same_again(void **state)
{
    struct churn_cache_result first = cache_run("radix+buddy", &small_cache);
    struct churn_cache_result second = cache_run("radix+buddy", &small_cache);

    (void)state;
    assert_int_equal(first.asked, 3 * 1200);
    assert_memory_equal(&first, &second, sizeof(first));
}

static void test_cache_keeps_its_thresholds(void **state)
{
    struct churn_cache_result result = cache_run("radix+vm", &small_cache);
    uint64_t pages = 0;

    (void)state;
    for (unsigned order = 0; order < ORDERS; order++)
        pages += result.blocks_before[order] << order;
    assert_int_equal(pages, result.free_before);
    assert_in_range(result.free_before, small_cache.low - 3, small_cache.high + 3);
    assert_int_equal(result.pages_refused, 0);
    assert_int_equal(result.most, small_cache.objects);
}

/* Evicted in order, memory stays in one piece; at random, it does not. */
static void test_cache_order_of_eviction(void **state)
{
    struct churn_cache_options oldest = small_cache;
    struct churn_cache_result in_order, at_random;

    (void)state;
    oldest.victim = CHURN_OLDEST;
    in_order = cache_run("radix+buddy", &oldest);
    at_random = cache_run("radix+buddy", &small_cache);

    assert_int_equal(in_order.refused[FAILURE_FRAGMENTATION], 0);
    assert_int_equal(in_order.first, 0);
    assert_true(at_random.refused[FAILURE_FRAGMENTATION] > 0);
    assert_true(at_random.first > 0 && at_random.first <= at_random.asked);
    assert_int_equal(at_random.failure.cause, FAILURE_FRAGMENTATION);
    assert_true(at_random.failure.free >= at_random.failure.requested);
    assert_true(at_random.failure.largest < at_random.failure.requested);
}

static void test_cache_hybrid_finds_all(void **state)
{
    struct churn_cache_result result = cache_run("radix+hybrid", &small_cache);

    (void)state;
    assert_int_equal(result.most, small_cache.objects);
    assert_int_equal(result.first, 0);
}

/* A machine that cannot be is an error, not a result. */
static void test_cache_bad_machine(void **state)
{
    struct churn_machine machine = machine_of("radix+buddy", 0);
    struct churn_cache_result result;
    struct error error = {.text = ""};

    (void)state;
    assert_int_equal(churn_cache(&machine, &small_cache, &result, &error), -1);
    assert_true(error.text[0] != '\0');
}

/* ---- Rights ---- */

static struct churn_week_result *week_run(const char *stack, enum churn_death death, bool exact)
{
    static struct churn_week_result results[2];
    static unsigned next;
    struct churn_week_result *result = &results[next++ % 2];
    struct churn_machine machine = machine_of(stack, MIB(64));
    struct churn_week_options options = {
        .hours = 48, .replaced = 500, .death = death, .lookups = 100};
    struct error error;

    machine.exact_bitmaps = exact;
    for (unsigned hour = 0; hour < 24; hour++)
        options.live[hour] = hour < 12 ? 9000 : 3000;
    if (churn_week(&machine, &options, result, &error) != 0)
        fail_msg("%s", error.text);
    return result;
}

static void test_week_counts(void **state)
{
    const struct churn_week_result *result = week_run("radix+hybrid", CHURN_DIE_MIXED, false);

    (void)state;
    for (unsigned hour = 0; hour < 48; hour++)
        assert_int_equal(result->hours[hour].live, hour % 24 < 12 ? 9000 : 3000);
    /* Replaced in every hour but before there is a right: the first hour has all steps up. */
    assert_int_equal(result->made - result->died, 3000);
    assert_int_equal(result->made, 9000 + 6000 + 48 * 500);
    assert_int_equal(result->refused, 0);
    assert_int_equal(result->wrong, 0);
    assert_int_equal(result->looked_up, 48 * 100);
    assert_int_equal(result->lookup_nodes, 48 * 100 * 3); /* three levels beyond 4096 names */
}

static void test_week_is_the_same_again(void **state)
{
    const struct churn_week_result *first = week_run("radix+vm", CHURN_DIE_RANDOM, false);
    const struct churn_week_result *second = week_run("radix+vm", CHURN_DIE_RANDOM, false);

    (void)state;
    assert_memory_equal(first, second, sizeof(*first));
}

/* Exact bitmaps: never a name beyond the most that were alive, whoever dies. */
static void test_week_exact(void **state)
{
    (void)state;
    for (enum churn_death death = CHURN_DIE_OLDEST; death <= CHURN_DIE_MIXED; death++)
        assert_int_equal(week_run("radix+hybrid", death, true)->highest, 9000);

    assert_int_equal(week_run("radix+hybrid", CHURN_DIE_NEWEST, false)->highest, 9000);
    assert_true(week_run("radix+hybrid", CHURN_DIE_RANDOM, false)->highest > 9000);
}

/* A table gives names back in full: the highest is that of the fullest hour. */
static void test_week_table(void **state)
{
    const struct churn_week_result *result = week_run("table+hybrid", CHURN_DIE_RANDOM, false);

    (void)state;
    assert_int_equal(result->highest, 9000);
    assert_int_equal(result->most_nodes, 0);
    assert_int_equal(result->wrong, 0);
}

static void test_week_too_long(void **state)
{
    struct churn_machine machine = machine_of("radix+hybrid", MIB(64));
    struct churn_week_options options = {.hours = CHURN_HOURS_MAX + 1, .live = {10}};
    struct churn_week_result result;
    struct error error;

    (void)state;
    assert_int_equal(churn_week(&machine, &options, &result, &error), -1);
    assert_string_equal(error.text, "673 hours are more than 672");
}

/* 4096 names are two levels: there the kernel's rule is exact. One more, and it is not. */
static void test_refill(void **state)
{
    struct churn_machine machine = machine_of("radix+hybrid", MIB(32));
    struct churn_refill_result result;
    struct error error;

    (void)state;
    assert_int_equal(churn_refill(&machine, 4095, &result, &error), 0);
    assert_int_equal(result.filled, 4095);
    assert_int_equal(result.freed, 2047);
    assert_int_equal(result.refilled, 2047);
    assert_int_equal(result.height[2], 2);
    assert_int_equal(result.highest[2], 4095);
    assert_int_equal(result.nodes[2], 65);
    assert_int_equal(result.failure.cause, FAILURE_NONE);

    assert_int_equal(churn_refill(&machine, 20000, &result, &error), 0);
    assert_int_equal(result.refilled, 10000);
    assert_true(result.highest[2] > 20000);
    assert_true(result.nodes[2] > result.nodes[0]);

    machine.exact_bitmaps = true;
    assert_int_equal(churn_refill(&machine, 20000, &result, &error), 0);
    assert_int_equal(result.refilled, 10000);
    assert_int_equal(result.highest[2], 20000);
    assert_int_equal(result.nodes[2], result.nodes[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_cache_is_the_same_again),
        cmocka_unit_test(test_cache_keeps_its_thresholds),
        cmocka_unit_test(test_cache_order_of_eviction),
        cmocka_unit_test(test_cache_hybrid_finds_all),
        cmocka_unit_test(test_cache_bad_machine),
        cmocka_unit_test(test_week_counts),
        cmocka_unit_test(test_week_is_the_same_again),
        cmocka_unit_test(test_week_exact),
        cmocka_unit_test(test_week_table),
        cmocka_unit_test(test_week_too_long),
        cmocka_unit_test(test_refill),
    };

    print_message("seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
