/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The buddy allocator by hand: splits, merges, lists and pool, one step at a time. Then that the
 * checker finds faults.
 */

#include "helper.h"

/* 2048 pages: a pool of 2, filled one at a time. 4096: a pool of 4, filled by two. */
static const struct segment small[] = {{SEGMENT_DIRECTMAP, 0, 2048}};
static const struct segment larger[] = {{SEGMENT_DIRECTMAP, 0, 4096}};
static const struct segment odd[] = {{SEGMENT_DIRECTMAP, 5, 2005}};
static const struct segment two[] = {{SEGMENT_DMA, 0x10, 0x800},
                                     {SEGMENT_DIRECTMAP, 0x800, 0x1000}};
static const struct segment huge[] = {{SEGMENT_DIRECTMAP, 0, 200000}};

static uint32_t grab(struct bench *bench)
{
    return bench->pages.ops->grab(&bench->pages, SEGMENT_DIRECTMAP);
}

static void put(struct bench *bench, uint32_t frame)
{
    bench->pages.ops->put(&bench->pages, frame);
}

static uint32_t grab_run(struct bench *bench, uint32_t nr)
{
    return bench->pages.ops->grab_run(&bench->pages, nr, SEGMENT_DIRECTMAP);
}

static void expect_blocks(const struct bench *bench, unsigned index, uint32_t pool,
                          const uint32_t blocks[ORDERS])
{
    struct page_counts counts;
    uint32_t free = 0;

    bench->pages.ops->counts(&bench->pages, index, &counts);
    for (unsigned order = 0; order < ORDERS; order++) {
        assert_int_equal(counts.blocks[order], blocks[order]);
        free += blocks[order] << order;
    }
    assert_int_equal(counts.free, free);
    assert_int_equal(counts.pool, pool);
}

#define BLOCKS(...) ((const uint32_t[ORDERS]){__VA_ARGS__})

static void start_merges(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", small, 1);
    bench_release(&bench, 0, 2048);
    expect_blocks(&bench, 0, 0, BLOCKS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2));
    assert_int_equal(bench.machine.work.merges, 2046);
    bench_check(&bench);
    bench_close(&bench);
}

/* A segment that begins and ends at odd frames keeps its blocks inside. */
static void odd_segment(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", odd, 1);
    bench_release(&bench, 5, 2005);
    expect_blocks(&bench, 0, 0, BLOCKS(2, 1, 1, 1, 2, 1, 2, 2, 2, 2, 0));
    bench_check(&bench);
    bench_close(&bench);
}

static void split_keeps_low_half(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", small, 1);
    bench_release(&bench, 0, 16);
    assert_int_equal(grab_run(&bench, 2), 0);
    assert_int_equal(bench.machine.work.splits, 3);
    expect_blocks(&bench, 0, 0, BLOCKS(0, 1, 1, 1));
    assert_int_equal(grab_run(&bench, 2), 2);
    assert_int_equal(grab_run(&bench, 4), 4);
    assert_int_equal(grab_run(&bench, 3), 8); /* takes 4 */
    assert_int_equal(grab_run(&bench, 5), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "DIRECTMAP", 8 * 4096, 4 * 4096, 4 * 4096, 1);
    assert_int_equal(grab_run(&bench, 4), 12);

    /* 0-1 goes first, so 2-3 joins it; then 4-7; 8-11 and 12-15 last. */
    bench.pages.ops->put_run(&bench.pages, 0, 2);
    bench.pages.ops->put_run(&bench.pages, 2, 2);
    expect_blocks(&bench, 0, 0, BLOCKS(0, 0, 1));
    bench.pages.ops->put_run(&bench.pages, 8, 3);
    expect_blocks(&bench, 0, 0, BLOCKS(0, 0, 2));
    bench.pages.ops->put_run(&bench.pages, 4, 4);
    bench.pages.ops->put_run(&bench.pages, 12, 4);
    expect_blocks(&bench, 0, 0, BLOCKS(0, 0, 0, 0, 1));
    assert_int_equal(bench.machine.work.merges, 15 + 4);
    bench_check(&bench);
    bench_close(&bench);
}

static void lists_are_lifo(void **state)
{
    struct bench bench;
    uint32_t run[4];

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", small, 1);
    bench_release(&bench, 0, 64);
    for (unsigned i = 0; i < 4; i++)
        run[i] = grab_run(&bench, 16);
    bench.pages.ops->put_run(&bench.pages, run[2], 16);
    bench.pages.ops->put_run(&bench.pages, run[0], 16);
    assert_int_equal(grab_run(&bench, 16), run[0]);
    assert_int_equal(grab_run(&bench, 16), run[2]);
    assert_int_equal(grab_run(&bench, 16), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "DIRECTMAP", 16 * 4096, 0, 0, 0);
    bench_check(&bench);
    bench_close(&bench);
}

static void pool_is_a_stack(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", larger, 1);
    assert_int_equal(bench.pages.segments[0].pool_size, 4);
    assert_int_equal(bench.pages.segments[0].pool_transfer, 2);
    bench_release(&bench, 0, 8);
    assert_int_equal(grab(&bench), 1); /* filled with 0, then 1 */
    expect_blocks(&bench, 0, 1, BLOCKS(0, 1, 1));
    assert_int_equal(grab(&bench), 0);
    assert_int_equal(grab(&bench), 3);
    assert_int_equal(grab(&bench), 2);
    assert_int_equal(grab(&bench), 5);
    assert_int_equal(grab(&bench), 4);
    expect_blocks(&bench, 0, 0, BLOCKS(0, 1));

    /* Four fill the pool; the fifth first sends the two most recent back, 3 then 2, which merge. */
    put(&bench, 0);
    put(&bench, 1);
    put(&bench, 2);
    put(&bench, 3);
    expect_blocks(&bench, 0, 4, BLOCKS(0, 1));
    put(&bench, 4);
    expect_blocks(&bench, 0, 3, BLOCKS(0, 2));
    assert_int_equal(grab(&bench), 4);
    assert_int_equal(grab(&bench), 1);
    bench_check(&bench);
    bench_close(&bench);
}

/* Most recent first, so the page given back before the last is the head of its list. */
static void pool_gives_back_from_the_top(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", larger, 1);
    bench_release(&bench, 0, 16);
    for (unsigned i = 0; i < 16; i++)
        grab(&bench);
    for (uint32_t frame = 0; frame <= 8; frame += 2)
        put(&bench, frame);
    expect_blocks(&bench, 0, 3, BLOCKS(2)); /* 6 and 4; 0, 2 and 8 are pooled */
    assert_int_equal(grab(&bench), 8);
    assert_int_equal(grab(&bench), 2);
    assert_int_equal(grab(&bench), 0);
    assert_int_equal(grab(&bench), 6); /* filled with 4, then 6 */
    bench_check(&bench);
    bench_close(&bench);
}

/* A page in the pool is not free: its buddy stays alone. */
static void pooled_pages_do_not_merge(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", larger, 1);
    bench_release(&bench, 0, 2);
    assert_int_equal(grab(&bench), 1);
    expect_blocks(&bench, 0, 1, BLOCKS(0));
    put(&bench, 1);
    expect_blocks(&bench, 0, 2, BLOCKS(0));
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "DIRECTMAP", 8192, 0, 0, 0);
    bench_check(&bench);
    bench_close(&bench);
}

static void pool_sizes(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", odd, 1);
    assert_int_equal(bench.pages.segments[0].pool_size, 1);
    assert_int_equal(bench.pages.segments[0].pool_transfer, 1);
    bench_close(&bench);
    bench_open(&bench, &pages_buddy, "i386", huge, 1);
    assert_int_equal(bench.pages.segments[0].pool_size, 128);
    assert_int_equal(bench.pages.segments[0].pool_transfer, 64);
    bench_close(&bench);
}

static void segments_fall_back(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", two, 2);
    bench_release(&bench, 0x20, 0x24);
    bench_release(&bench, 0x800, 0x801);
    assert_int_equal(bench.pages.ops->grab(&bench.pages, SEGMENT_HIGHMEM), 0x800);
    assert_int_equal(bench.pages.ops->grab(&bench.pages, SEGMENT_HIGHMEM), 0x20);
    assert_int_equal(bench.pages.ops->grab_run(&bench.pages, 2, SEGMENT_DIRECTMAP), 0x22);
    put(&bench, 0x800);
    assert_int_equal(bench.pages.ops->grab(&bench.pages, SEGMENT_DMA), 0x21);
    assert_int_equal(bench.pages.ops->grab(&bench.pages, SEGMENT_DMA), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "DMA", 4096, 0, 0, 0);
    bench_check(&bench);
    bench_close(&bench);
}

/* A machine that knows no DMA segment serves such requests from what it has. */
static void no_lower_segment(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386-2013", small, 1);
    bench_release(&bench, 0x100, 0x110);
    assert_int_equal(bench.pages.ops->grab_run(&bench.pages, 16, SEGMENT_DMA), 0x100);
    bench_close(&bench);
}

static void fragmented(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", two, 2);
    for (uint32_t frame = 0x800; frame < 0x880; frame += 2)
        bench_release(&bench, frame, frame + 1);
    bench_release(&bench, 0x20, 0x21);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    expect_failure(&bench, FAILURE_FRAGMENTATION, "DIRECTMAP", 8192, 64 * 4096, 4096, 64);
    assert_int_equal(grab_run(&bench, 65), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "DIRECTMAP", 128 * 4096, 64 * 4096, 4096, 64);
    assert_int_equal(grab_run(&bench, 1025), FRAME_NONE);
    expect_failure(&bench, FAILURE_LIMIT, "DIRECTMAP", 1025 * 4096, 64 * 4096, 4096, 64);
    bench_close(&bench);
}

static void injected(void **state)
{
    static const struct pages_ops *const all[] = {&pages_buddy, &pages_buddy_segments};

    (void)state;
    for (unsigned i = 0; i < COUNT(all); i++)
        for (unsigned n = 1; n < 20; n++) {
            struct bench bench;

            bench_open(&bench, all[i], "i386", larger, 1);
            bench_release(&bench, 0, 4096);
            bench.machine.fail_page = n;
            for (unsigned request = 1; request < 25; request++) {
                uint32_t frame = request % 3 == 0 ? grab_run(&bench, 5) : grab(&bench);

                assert_int_equal(frame == FRAME_NONE, request == n);
                if (request == n)
                    expect_failure(&bench, FAILURE_EXHAUSTION, "injected",
                                   request % 3 == 0 ? 5 * 4096 : 4096,
                                   (uint64_t)bench.pages.free * 4096, 0, 0);
            }
            bench_check(&bench);
            bench_close(&bench);
        }
}

static void fault_expect(struct bench *bench, const char *text)
{
    assert_int_equal(bench->pages.ops->check(&bench->pages, &bench->error), -1);
    assert_string_equal(bench->error.text, text);
}

static void checker_finds_faults(void **state)
{
    struct bench bench;
    struct page *page;

    (void)state;
    bench_open(&bench, &pages_buddy, "i386", small, 1);
    bench_release(&bench, 0, 64);
    bench_check(&bench);
    page = bench.machine.pages;

    page[17].state = PAGE_USED;
    fault_expect(&bench, "buddy: page 11 in block 0 of order 6 is in state 4");
    page[17].state = PAGE_FREE_BODY;

    page[0].order = 5;
    fault_expect(&bench, "buddy: block 0 is on list 6 in state 1 with order 5");
    page[0].order = 6;

    bench.pages.segments[0].free--;
    fault_expect(&bench, "buddy: blocks of 64 pages, counted are 63");
    bench.pages.segments[0].free++;

    bench.pages.free++;
    fault_expect(&bench, "pages: 65 pages counted free, the segments have 64");
    bench.pages.free--;

    page[100].state = PAGE_POOLED;
    fault_expect(&bench, "pages: segment DIRECTMAP counts 64 pages free and 0 pooled, its page "
                         "descriptors say 64 and 1");
    page[100].state = PAGE_RESERVED;

    bench.pages.segments[0].blocks[6] = 2;
    fault_expect(&bench, "buddy: list of order 6 has 1 blocks, counted are 2");
    bench.pages.segments[0].blocks[6] = 1;
    bench_check(&bench);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_merges),
        cmocka_unit_test(odd_segment),
        cmocka_unit_test(split_keeps_low_half),
        cmocka_unit_test(lists_are_lifo),
        cmocka_unit_test(pool_is_a_stack),
        cmocka_unit_test(pooled_pages_do_not_merge),
        cmocka_unit_test(pool_gives_back_from_the_top),
        cmocka_unit_test(pool_sizes),
        cmocka_unit_test(segments_fall_back),
        cmocka_unit_test(no_lower_segment),
        cmocka_unit_test(fragmented),
        cmocka_unit_test(injected),
        cmocka_unit_test(checker_finds_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
