/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The free-page list by hand: order, contiguous search, what is counted, the callbacks around the
 * bitmap, the reserve.
 */

#include "helper.h"

static const struct segment one[] = {{SEGMENT_DIRECTMAP, 0, 256}};
static const struct segment large[] = {{SEGMENT_DIRECTMAP, 0, 2048}};

static uint32_t grab(struct bench *bench)
{
    return pages_list.grab(&bench->pages, SEGMENT_DIRECTMAP);
}

static uint32_t grab_run(struct bench *bench, uint32_t nr)
{
    return pages_list.grab_run(&bench->pages, nr, SEGMENT_DIRECTMAP);
}

static void last_in_first_out(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", one, 1);
    for (uint32_t frame = 20; frame > 10; frame--)
        pages_list.release(&bench.pages, frame);
    assert_int_equal(grab(&bench), 11);
    assert_int_equal(grab(&bench), 12);
    assert_int_equal(grab(&bench), 13);
    pages_list.put(&bench.pages, 12);
    pages_list.put(&bench.pages, 11);
    assert_int_equal(grab(&bench), 11);
    assert_int_equal(grab(&bench), 12);
    assert_int_equal(grab(&bench), 14);
    assert_int_equal(bench.machine.work.list_steps, 0);
    bench_check(&bench);
    bench_close(&bench);
}

/* Free, from the head: 10 11 12 13, 20 21 22, 30 to 34. The lowest run that fits is taken, wherever
 * its pages are on the list, and the walk ends at the last of them. */
static void lowest_run(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", one, 1);
    for (uint32_t frame = 34; frame >= 30; frame--)
        pages_list.release(&bench.pages, frame);
    for (uint32_t frame = 22; frame >= 20; frame--)
        pages_list.release(&bench.pages, frame);
    for (uint32_t frame = 13; frame >= 10; frame--)
        pages_list.release(&bench.pages, frame);

    assert_int_equal(grab_run(&bench, 3), 10);
    assert_int_equal(bench.machine.work.list_steps, 12 + 3);
    assert_int_equal(grab_run(&bench, 4), 30);
    assert_int_equal(bench.machine.work.list_steps, 15 + 9 + 8);
    assert_int_equal(grab_run(&bench, 4), FRAME_NONE);
    expect_failure(&bench, FAILURE_FRAGMENTATION, "pages", 4 * 4096, 5 * 4096, 3 * 4096, 3);
    assert_int_equal(grab_run(&bench, 6), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "pages", 6 * 4096, 5 * 4096, 3 * 4096, 3);
    assert_int_equal(grab_run(&bench, 1), 13);

    assert_int_equal(grab(&bench), 20);
    pages_list.put_run(&bench.pages, 30, 4);
    assert_int_equal(grab(&bench), 33);
    assert_int_equal(grab(&bench), 32);
    bench_check(&bench);
    bench_close(&bench);
}

/* Runs that cross, begin and end at the words of the bitmap, and the last frame. */
static void word_borders(void **state)
{
    static const uint32_t starts[] = {0, 1, 60, 63, 64, 65, 127, 128, 190, 192};
    static const uint32_t lengths[] = {1, 2, 63, 64, 65, 66};

    (void)state;
    for (unsigned i = 0; i < COUNT(starts); i++)
        for (unsigned j = 0; j < COUNT(lengths); j++) {
            uint32_t end = starts[i] + lengths[j];
            struct bench bench;

            if (end > 256)
                end = 256;
            bench_open(&bench, &pages_list, "i386-2013", one, 1);
            bench_release(&bench, starts[i], end);
            assert_int_equal(grab_run(&bench, end - starts[i]), starts[i]);
            assert_int_equal(bench.pages.free, 0);
            bench_check(&bench);
            bench_close(&bench);
        }
}

static void exhausted(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", one, 1);
    assert_int_equal(grab(&bench), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "pages", 4096, 0, 0, 0);
    bench_check(&bench);
    bench_close(&bench);
}

struct hooks {
    struct bench *bench;
    uint64_t bytes;
    unsigned taken, given;
    bool refuse;
};

static bool hook_take(void *context, uint64_t bytes)
{
    struct hooks *hooks = context;

    hooks->taken++;
    hooks->bytes = bytes;
    if (hooks->refuse)
        machine_refuse(&hooks->bench->machine, FAILURE_EXHAUSTION, "kernel_map", bytes, 0, 0, 0);
    else
        assert_int_equal(grab(hooks->bench), 10);
    return !hooks->refuse;
}

static void hook_give(void *context, uint64_t bytes)
{
    struct hooks *hooks = context;

    hooks->given++;
    assert_int_equal(hooks->bytes, bytes);
    pages_list.put(&hooks->bench->pages, 10);
}

/* The bitmap takes a page of the very list that is searched. */
static void bitmap_hooks(void **state)
{
    struct bench bench;
    struct hooks hooks = {.bench = &bench};

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", one, 1);
    bench.pages.bitmap_take = hook_take;
    bench.pages.bitmap_give = hook_give;
    bench.pages.bitmap_context = &hooks;
    for (uint32_t frame = 20; frame >= 10; frame--)
        pages_list.release(&bench.pages, frame);

    assert_int_equal(grab_run(&bench, 2), 11);
    assert_int_equal(hooks.taken, 1);
    assert_int_equal(hooks.given, 1);
    assert_int_equal(hooks.bytes, 256 / 8);
    assert_int_equal(bench.pages.free, 9);

    hooks.refuse = true;
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    assert_int_equal(hooks.taken, 2);
    assert_int_equal(hooks.given, 1);
    expect_failure(&bench, FAILURE_EXHAUSTION, "kernel_map", 256 / 8, 0, 0, 0);
    bench_check(&bench);
    bench_close(&bench);
}

static void reserve(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", large, 1);
    bench_release(&bench, 1000, 1501);

    bench.machine.daemon_running = true;
    assert_int_equal(grab(&bench), 1500);
    assert_int_equal(grab(&bench), 1499); /* 500 were free, not fewer */
    assert_int_equal(grab(&bench), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "pages", 4096, 499 * 4096, 499 * 4096, 1);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    expect_failure(&bench, FAILURE_RESERVE, "pages", 8192, 499 * 4096, 499 * 4096, 1);

    bench.machine.privileged = true;
    assert_int_equal(grab(&bench), 1498);
    assert_int_equal(grab_run(&bench, 2), 1000);
    bench.machine.privileged = false;
    bench.machine.daemon_running = false;
    for (unsigned i = 0; i < 496; i++)
        assert_int_not_equal(grab(&bench), FRAME_NONE);
    assert_int_equal(grab(&bench), FRAME_NONE);
    bench_check(&bench);
    bench_close(&bench);
}

static void injected(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", one, 1);
    bench_release(&bench, 10, 20);
    bench.machine.fail_page = 2;
    assert_int_equal(grab(&bench), 19);
    assert_int_equal(grab_run(&bench, 2), FRAME_NONE);
    expect_failure(&bench, FAILURE_EXHAUSTION, "injected", 8192, 9 * 4096, 0, 0);
    assert_int_equal(bench.machine.fail_page, 0);
    assert_int_equal(grab(&bench), 18);
    bench_close(&bench);
}

/* Memory above the direct map cannot be told from the rest once it is on the list, so it is never
 * put there. */
static void no_high_memory(void **state)
{
    static const struct segment high[] = {{SEGMENT_DIRECTMAP, 0, 0x38000},
                                          {SEGMENT_HIGHMEM, 0x38000, 0x38100}};
    struct bench bench;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2016", high, COUNT(high));
    assert_true(bench.machine.direct_frames <= 0x38000);
    pages_list.release(&bench.pages, 0x100);
    bench_release(&bench, 0x38000, 0x38100);
    assert_int_equal(bench.pages.free, 1);
    assert_int_equal(grab(&bench), 0x100);
    assert_int_equal(grab(&bench), FRAME_NONE);
    bench_check(&bench);
    bench_close(&bench);
}

/* Blocks of SEGMENT by looking at every page: the largest that begin at each, one after the other.
 */
static void blocks_find(const struct machine *machine, const struct segment *segment,
                        uint32_t blocks[ORDERS])
{
    memset(blocks, 0, ORDERS * sizeof(blocks[0]));
    for (uint32_t at = segment->start; at < segment->end;) {
        unsigned order = ORDERS;
        bool whole = false;

        while (!whole && order-- > 0) {
            uint32_t size = 1u << order;

            whole = at % size == 0 && size <= segment->end - at;
            for (uint32_t i = at; whole && i < at + size; i++)
                whole = machine->pages[i].state == PAGE_FREE_HEAD;
        }

        if (whole)
            blocks[order]++;
        at += whole ? 1u << order : 1;
    }
}

/* What a buddy would make of the free pages, over segments that begin and end in mid word. */
static void blocks(void **state)
{
    static const struct segment uneven[] = {
        {SEGMENT_DMA, 3, 1100}, {SEGMENT_DMA32, 1100, 1130}, {SEGMENT_DIRECTMAP, 1130, 9001}};
    uint64_t random = 0x9e3779b97f4a7c15;
    struct bench bench;

    (void)state;
    print_message("seed %llx\n", (unsigned long long)random);
    bench_open(&bench, &pages_list, "i386-2013", uneven, 3);
    bench_release(&bench, 3, 9001);

    for (unsigned round = 0; round < 300; round++) {
        uint32_t start = 3 + random_below(&random, 8998);
        uint32_t end = start + random_below(&random, round % 7 == 0 ? 3000 : 70);

        /* Pages are taken, or given, without the list: only its map of them is looked at. */
        for (uint32_t f = start; f < end && f < 9001; f++) {
            bool free = round % 2 != 0;
            uint64_t bit = (uint64_t)1 << f % 64;

            bench.machine.pages[f].state = free ? PAGE_FREE_HEAD : PAGE_USED;
            bench.pages.free_map[f / 64] &= ~bit;
            bench.pages.free_map[f / 64] |= free ? bit : 0;
        }

        for (unsigned i = 0; i < 3; i++) {
            uint32_t expected[ORDERS], found[ORDERS];

            blocks_find(&bench.machine, &uneven[i], expected);
            pages_list.blocks(&bench.pages, i, found);
            assert_memory_equal(found, expected, sizeof(found));
        }
    }

    bench_close(&bench);
}

/* The map of free pages follows the list, and the checker sees when it does not. */
static void free_map(void **state)
{
    struct bench bench;
    uint32_t found[ORDERS], frame;

    (void)state;
    bench_open(&bench, &pages_list, "i386-2013", large, 1);
    bench_release(&bench, 0, 2048);
    pages_list.blocks(&bench.pages, 0, found);
    assert_int_equal(found[10], 2);

    frame = grab_run(&bench, 8);
    assert_int_equal(frame, 0);
    pages_list.blocks(&bench.pages, 0, found);
    for (unsigned order = 0; order < ORDERS; order++)
        assert_int_equal(found[order], order >= 3 ? 1 : 0);

    pages_list.put_run(&bench.pages, frame, 8);
    pages_list.blocks(&bench.pages, 0, found);
    assert_int_equal(found[10], 2);
    bench_check(&bench);

    bench.pages.free_map[3] ^= 2;
    assert_int_equal(pages_list.check(&bench.pages, &bench.error), -1);
    assert_non_null(strstr(bench.error.text, "has no bit"));
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_in_first_out),
        cmocka_unit_test(lowest_run),
        cmocka_unit_test(word_borders),
        cmocka_unit_test(exhausted),
        cmocka_unit_test(bitmap_hooks),
        cmocka_unit_test(reserve),
        cmocka_unit_test(injected),
        cmocka_unit_test(no_high_memory),
        cmocka_unit_test(blocks),
        cmocka_unit_test(free_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
