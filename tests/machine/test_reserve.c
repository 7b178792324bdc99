/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The two reserve policies of the buddy at their corner values: the last request that is granted
 * and the first that is refused, who is exempt, and how the 1.8 policy closes and opens.
 */

#include "helper.h"

/* DMA of 2048 pages; DIRECTMAP of 10000: min 500, low 600, high 1000, pool 9, filled by 5. */
static const struct segment machine_of_two[] = {{SEGMENT_DMA, 0, 2048},
                                                {SEGMENT_DIRECTMAP, 2048, 12048}};
/* 20000 pages: min 1000, low 1200, high 2000. */
static const struct segment one_large[] = {{SEGMENT_DIRECTMAP, 0, 20000}};
static const struct segment with_highmem[] = {{SEGMENT_DMA, 0x10, 0x1000},
                                              {SEGMENT_DIRECTMAP, 0x1000, 0x5000},
                                              {SEGMENT_HIGHMEM, 0x5000, 0x9000}};

static uint32_t grab(struct bench *bench)
{
    return bench->pages.ops->grab(&bench->pages, SEGMENT_DIRECTMAP);
}

static uint32_t grab_run(struct bench *bench, uint32_t nr)
{
    return bench->pages.ops->grab_run(&bench->pages, nr, SEGMENT_DIRECTMAP);
}

static void start(struct bench *bench, const struct pages_ops *ops, const struct segment *segments,
                  unsigned nr)
{
    bench_open(bench, ops, "i386", segments, nr);
    bench->machine.daemon_running = true;
}

/* 499 free refuses, 500 does not; what is in the pool does not help. */
static void machine_one_page(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, &pages_buddy, machine_of_two, 2);
    bench_release(&bench, 2048, 2048 + 504);
    assert_int_not_equal(grab(&bench), FRAME_NONE); /* fills five: 499 free, four pooled */
    assert_int_equal(bench.pages.free, 499);
    assert_int_equal(bench.pages.segments[1].pool_count, 4);
    assert_int_equal(grab(&bench), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "pages", 4096, 499 * 4096, 256 * 4096, 7);

    bench_release(&bench, 0, 1);
    assert_int_equal(bench.pages.free, 500);
    assert_int_not_equal(grab(&bench), FRAME_NONE);
    bench_check(&bench);
    bench_close(&bench);
}

/* A run of n needs more than 500 to be left; 5 counts as 8. */
static void machine_runs(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, &pages_buddy, machine_of_two, 2);
    bench_release(&bench, 2048, 2048 + 512);
    assert_int_equal(grab_run(&bench, 16), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "pages", 16 * 4096, 512 * 4096, 512 * 4096, 1);
    assert_int_equal(grab_run(&bench, 9), FRAME_NONE);
    assert_int_equal(grab_run(&bench, 5), 2048); /* 504 are left */
    assert_int_equal(grab_run(&bench, 4), FRAME_NONE);
    assert_int_equal(grab_run(&bench, 3), FRAME_NONE);
    assert_int_equal(grab_run(&bench, 2), 2056); /* 502 */
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    assert_int_not_equal(grab_run(&bench, 1), FRAME_NONE);

    bench.machine.privileged = true;
    assert_int_not_equal(grab_run(&bench, 256), FRAME_NONE);
    bench.machine.privileged = false;
    assert_int_equal(grab_run(&bench, 512), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "pages", 512 * 4096, 241 * 4096, 128 * 4096, 5);
    bench_check(&bench);
    bench_close(&bench);
}

/* The first segment is used to its last page; the reserve ends up in the second. */
static void machine_drains_segments(void **state)
{
    struct bench bench;
    unsigned granted = 0;

    (void)state;
    start(&bench, &pages_buddy, machine_of_two, 2);
    bench_release(&bench, 0, 2048);
    bench_release(&bench, 2048, 12048);
    while (grab(&bench) != FRAME_NONE)
        granted++;
    assert_int_equal(bench.pages.segments[1].free, 0);
    assert_int_equal(bench.pages.segments[1].pool_count, 0);
    assert_int_equal(bench.pages.segments[0].free, 499);
    assert_int_equal(granted, 12048 - 499 - bench.pages.segments[0].pool_count);
    bench_check(&bench);
    bench_close(&bench);
}

static void before_the_daemon(void **state)
{
    static const struct pages_ops *const all[] = {&pages_buddy, &pages_buddy_segments};

    (void)state;
    for (unsigned i = 0; i < COUNT(all); i++)
        for (int privileged = 0; privileged < 2; privileged++) {
            struct bench bench;

            start(&bench, all[i], machine_of_two, 2);
            bench.machine.daemon_running = privileged;
            bench.machine.privileged = privileged;
            bench_release(&bench, 2048, 2048 + 100);
            for (unsigned n = 0; n < 100; n++)
                assert_int_not_equal(grab(&bench), FRAME_NONE);
            assert_int_equal(grab(&bench), FRAME_NONE);
            expect_failure(&bench, FAILURE_EXHAUSTION, "DIRECTMAP", 4096, 0, 0, 0);
            bench_close(&bench);
        }
}

static void thresholds(void **state)
{
    static const struct segment dma[] = {{SEGMENT_DMA, 0x10, 0x1000},
                                         {SEGMENT_DIRECTMAP, 0x1000, 0x1ffe0}};
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy_segments, "i386", dma, 2);
    assert_int_equal(bench.pages.segments[0].min, 500);
    assert_int_equal(bench.pages.segments[0].low, 600);
    assert_int_equal(bench.pages.segments[0].high, 1000);
    assert_int_equal(bench.pages.segments[0].pool_size, 3);
    assert_int_equal(bench.pages.segments[1].min, 6347);
    assert_int_equal(bench.pages.segments[1].low, 7616);
    assert_int_equal(bench.pages.segments[1].high, 12694);
    assert_int_equal(bench.pages.segments[1].pool_size, 123);
    assert_int_equal(bench.pages.segments[1].pool_transfer, 62);
    bench_close(&bench);
}

/* Runs: entered with 1001 free, min being 1000, the last one is granted and leaves less than min,
 * which closes the machine. */
static void segment_minimum(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, &pages_buddy_segments, one_large, 1);
    bench_release(&bench, 0, 1005);
    assert_int_equal(bench.pages.segments[0].min, 1000);
    assert_int_equal(grab_run(&bench, 4), 1000);
    assert_false(bench.pages.paused);
    assert_int_equal(grab_run(&bench, 2), 992); /* 1001 were free, 999 are */
    assert_true(bench.pages.paused);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "DIRECTMAP", 8192, 999 * 4096, 512 * 4096, 8);
    bench_check(&bench);
    bench_close(&bench);
}

static void segment_at_minimum(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, &pages_buddy_segments, one_large, 1);
    bench_release(&bench, 0, 1002);
    assert_int_equal(grab_run(&bench, 2), 1000); /* exactly min is left: not paused yet */
    assert_false(bench.pages.paused);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE); /* entered at min: refused, paused */
    assert_true(bench.pages.paused);
    bench_close(&bench);
}

/* The page-out daemon is started at `low`, not above it. */
static void daemon_start(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, &pages_buddy_segments, one_large, 1);
    bench_release(&bench, 0, 1202);
    assert_int_equal(grab_run(&bench, 2), 1200);
    assert_int_equal(bench.pages.daemon_starts, 0);
    assert_int_not_equal(grab_run(&bench, 2), FRAME_NONE);
    assert_int_equal(bench.pages.daemon_starts, 1);
    bench_close(&bench);
}

/* Closing: pooled pages are still handed out, and the segments below stay shut too. */
static void paused_machine(void **state)
{
    struct bench bench;
    unsigned granted = 0;

    (void)state;
    start(&bench, &pages_buddy_segments, machine_of_two, 2);
    bench_release(&bench, 0, 2048);
    bench_release(&bench, 2048, 2048 + 505);
    while (grab(&bench) != FRAME_NONE)
        granted++;
    assert_int_equal(granted, 5); /* one filling of the pool: entered at 505 to 501 free */
    assert_int_equal(bench.pages.segments[0].free, 2048);
    assert_int_equal(bench.pages.segments[1].free, 500);
    assert_true(bench.pages.paused);
    expect_failure(&bench, FAILURE_RESERVE, "DIRECTMAP", 4096, 500 * 4096, 256 * 4096, 6);
    assert_int_equal(bench.pages.ops->grab(&bench.pages, SEGMENT_DMA), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "DMA", 4096, 2048 * 4096, 1024 * 4096, 2);

    /* A privileged thread goes on, to the last page and into DMA. */
    bench.machine.privileged = true;
    for (unsigned i = 0; i < 500 + 2048; i++)
        assert_int_not_equal(grab(&bench), FRAME_NONE);
    assert_int_equal(grab(&bench), FRAME_NONE);
    bench_check(&bench);
    bench_close(&bench);
}

/* Opening: when every segment is back at `high`, not one page earlier. */
static void resumed_machine(void **state)
{
    struct bench bench;
    uint32_t runs[8];

    (void)state;
    start(&bench, &pages_buddy_segments, one_large, 1);
    bench_release(&bench, 0, 2048);
    bench.machine.privileged = true;
    for (unsigned i = 0; i < 8; i++)
        runs[i] = grab_run(&bench, 256);
    bench.machine.privileged = false;
    assert_true(bench.pages.paused);
    for (unsigned i = 0; i < 7; i++)
        bench.pages.ops->put_run(&bench.pages, runs[i], 256);
    assert_int_equal(bench.pages.free, 1792);
    assert_true(bench.pages.paused);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    bench.pages.ops->put_run(&bench.pages, runs[7], 256);
    assert_false(bench.pages.paused);
    assert_int_not_equal(grab_run(&bench, 2), FRAME_NONE);
    bench_close(&bench);
}

/* 1999 pages free keep it shut; the 2000th, sent back by a full pool, opens it. */
static void resumed_by_the_pool(void **state)
{
    struct bench bench;
    uint32_t taken[64];

    (void)state;
    start(&bench, &pages_buddy_segments, one_large, 1);
    bench_release(&bench, 0, 2020);
    bench.machine.privileged = true;
    for (unsigned i = 0; i < COUNT(taken); i++)
        taken[i] = grab(&bench);
    bench.pages.paused = true;
    bench.machine.privileged = false;
    for (unsigned i = 0; i < COUNT(taken); i++) {
        bench.pages.ops->put(&bench.pages, taken[i]);
        assert_int_equal(bench.pages.paused, bench.pages.free < 2000);
    }
    assert_false(bench.pages.paused);
    bench_check(&bench);
    bench_close(&bench);
}

/* HIGHMEM empty and DIRECTMAP low: the flag shuts what lies above as well. */
static void highmem(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, &pages_buddy_segments, with_highmem, 3);
    bench_release(&bench, 0x10, 0x1000);
    bench_release(&bench, 0x1000, 0x5000);
    bench_release(&bench, 0x5000, 0x9000);
    assert_true(bench.pages.ops->grab(&bench.pages, SEGMENT_HIGHMEM) >= 0x5000);
    assert_true(grab(&bench) < 0x5000);
    while (bench.pages.ops->grab_run(&bench.pages, 64, SEGMENT_HIGHMEM) != FRAME_NONE)
        assert_false(bench.pages.paused &&
                     bench.pages.segments[2].free >= bench.pages.segments[2].min);
    assert_int_equal(bench.pages.segments[1].free + bench.pages.segments[1].pool_count, 0x4000 - 1);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "DIRECTMAP", 8192,
                   (uint64_t)bench.pages.segments[1].free * 4096, 1024 * 4096,
                   bench.machine.failure.pieces);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_one_page),
        cmocka_unit_test(machine_runs),
        cmocka_unit_test(machine_drains_segments),
        cmocka_unit_test(before_the_daemon),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(segment_minimum),
        cmocka_unit_test(segment_at_minimum),
        cmocka_unit_test(daemon_start),
        cmocka_unit_test(paused_machine),
        cmocka_unit_test(resumed_machine),
        cmocka_unit_test(resumed_by_the_pool),
        cmocka_unit_test(highmem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
