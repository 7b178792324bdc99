/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Shows that the allocators hand out the frames that real kernels handed out: the first requests of
 * the logs of 1.8 and of February 2016 (64 MiB), from the start state that the model gives. Also
 * the layout of every machine of which a capture is known.
 */

#include "helper.h"

static const uint16_t frames_1_8[] = {
    0x1166, 0x1165, 0x1164, 0x1163, 0x1162, 0x1161, 0x116c, 0x116b, 0x116a, 0x1169, 0x1168,
    0x1167, 0x3fa2, 0x3fa1, 0x3fa0, 0x116f, 0x116e, 0x116d, 0x3fa8, 0x3fa7, 0x3fa6, 0x3fa5,
    0x3fa4, 0x3fa3, 0x3fae, 0x3fad, 0x3fac, 0x3fab, 0x3faa, 0x3fa9, 0x1174, 0x1173, 0x1172,
    0x1171, 0x1170, 0x3faf, 0x117a, 0x1179, 0x1178, 0x1177, 0x1176, 0x1175, 0x3f80, 0x117f,
    0x117e, 0x117d, 0x117c, 0x117b, 0x3f86, 0x3f85, 0x3f84, 0x3f83, 0x3f82, 0x3f81};

static const uint16_t frames_2016_02[] = {
    0x3fa5, 0x3fa4, 0x3fa3, 0x3fa2, 0x3fa1, 0x3fa0, 0x3fab, 0x3faa, 0x3fa9, 0x3fa8, 0x3fa7,
    0x3fa6, 0x3f81, 0x3f80, 0x3faf, 0x3fae, 0x3fad, 0x3fac, 0x3f87, 0x3f86, 0x3f85, 0x3f84,
    0x3f83, 0x3f82, 0x3f8d, 0x3f8c, 0x3f8b, 0x3f8a, 0x3f89, 0x3f88, 0x3f93, 0x3f92, 0x3f91,
    0x3f90, 0x3f8f, 0x3f8e, 0x3f99, 0x3f98, 0x3f97, 0x3f96, 0x3f95, 0x3f94, 0x3f9f, 0x3f9e,
    0x3f9d, 0x3f9c, 0x3f9b, 0x3f9a, 0x3f05, 0x3f04, 0x3f03, 0x3f02, 0x3f01, 0x3f00};

/* Blocks per order when the first cache was made, from the counters in the logs. */
static const uint32_t blocks_1_8[ORDERS] = {1, 1, 1, 1, 2, 1, 0, 2, 1, 2, 10};
static const uint32_t blocks_2016_02[ORDERS] = {0, 0, 0, 0, 1, 1, 0, 1, 2, 2, 10};
static const uint32_t blocks_debian_512[ORDERS] = {0, 1, 0, 0, 2, 0, 2, 0, 0, 0, 120};
static const uint32_t blocks_debian_128[ORDERS] = {0, 1, 0, 0, 2, 2, 1, 2, 1, 0, 25};

/* DMA, later: 1.8, and February 2016 (there from the beginning). */
static const uint32_t dma_1_8[ORDERS] = {1, 1, 1, 1, 2, 1, 1, 0, 1, 1, 3};
static const uint32_t dma_2016_02[ORDERS] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 3};

static void range_release(struct bench *bench, const struct boot_range *range)
{
    for (uint32_t i = 0; i < range->end - range->start; i++)
        bench->pages.ops->release(&bench->pages,
                                  range->descending ? range->end - 1 - i : range->start + i);
}

static unsigned captured_open(struct bench *bench, const char *geometry, unsigned mib,
                              const struct pages_ops *ops, struct boot_range *ranges)
{
    memset(bench, 0, sizeof(*bench));
    assert_int_equal(machine_open(&bench->machine, geometry_find(geometry), (uint64_t)mib << 20,
                                  NULL, 0, 0, 0, &bench->error),
                     0);
    assert_int_equal(ops->open(&bench->pages, &bench->machine, &bench->error), 0);
    return machine_boot_ranges(&bench->machine, ranges);
}

static void blocks_expect(const struct bench *bench, unsigned index, const uint32_t *blocks)
{
    struct page_counts counts;

    bench->pages.ops->counts(&bench->pages, index, &counts);
    assert_memory_equal(counts.blocks, blocks, sizeof(counts.blocks));
}

static void start_compare(const char *geometry, unsigned mib, const uint32_t *blocks)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct bench bench;

    assert_true(captured_open(&bench, geometry, mib, &pages_buddy_segments, ranges) > 0);
    range_release(&bench, &ranges[0]);
    blocks_expect(&bench, 1, blocks);
    bench_check(&bench);
    bench_close(&bench);
}

static void start_states(void **state)
{
    (void)state;
    start_compare("i386-2016", 64, blocks_1_8);
    start_compare("i386-2016-02", 64, blocks_2016_02);
    start_compare("i386", 512, blocks_debian_512);
    start_compare("i386", 128, blocks_debian_128);
}

static void ranges_expect(const char *geometry, unsigned mib, const struct boot_range *expected,
                          unsigned nr)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct machine machine;
    struct error error;

    assert_int_equal(
        machine_open(&machine, geometry_find(geometry), (uint64_t)mib << 20, NULL, 0, 0, 0, &error),
        0);
    assert_int_equal(machine_boot_ranges(&machine, ranges), nr);
    for (unsigned i = 0; i < nr; i++) {
        assert_int_equal(ranges[i].start, expected[i].start);
        assert_int_equal(ranges[i].end, expected[i].end);
        assert_int_equal(ranges[i].descending, expected[i].descending);
        assert_int_equal(ranges[i].phase, expected[i].phase);
    }
    machine_close(&machine);
}

/* What came into use in the logs, in this order. */
static void start_ranges(void **state)
{
    static const struct boot_range bare[] = {{0x1161, 0x3fb0, false, 0},
                                             {0x10, 0x9f, false, 1},
                                             {0x100, 0x1000, false, 1},
                                             {0x106c, 0x1071, false, 1},
                                             {0x3fda, 0x3fde, false, 2}};
    static const struct boot_range february[] = {
        {0x1100, 0x3fb0, false, 0}, {0x16f, 0x1000, false, 0}, {0x3fda, 0x3fde, false, 2}};
    static const struct boot_range debian[] = {{0x1bae, 0x1fc50, false, 0},
                                               {0x10, 0x9f, false, 1},
                                               {0x100, 0x1000, false, 1},
                                               {0x1148, 0x142e, false, 1},
                                               {0x1fcf8, 0x1ffde, false, 2}};
    /* The captures' modules were 3 pages, not 742. */
    static const struct boot_range small[] = {{0x178, 0xfcb - 742 + 3, false, 0},
                                              {0x10, 0x9f, false, 1},
                                              {0x1148, 0x1fe0, false, 1},
                                              {0xffe - 742, 0xffe, false, 2}};
    static const struct boot_range wide[] = {{0x10c7 + 742 + 352, 0x3eb6 - 742 + 3, false, 0},
                                             {0x10, 0x9f, false, 1},
                                             {0x100, 0x1000, false, 1},
                                             {0x1000, 0x100c, false, 1},
                                             {0x10c7, 0x10c7 + 742, false, 1},
                                             {0x3fde - 742, 0x3fde, false, 2}};
    static const struct boot_range list[] = {{0x163, 0x1000, true, 0},
                                             {1, 0x9f, true, 0},
                                             {0x1202, 0x3fe0, true, 0},
                                             {0x1005, 0x1008, true, 2}};

    (void)state;
    ranges_expect("i386-2016", 64, bare, COUNT(bare));
    ranges_expect("i386-2016-02", 64, february, COUNT(february));
    ranges_expect("i386", 512, debian, COUNT(debian));
    ranges_expect("i386", 32, small, COUNT(small));
    ranges_expect("amd64", 64, wide, COUNT(wide));
    ranges_expect("i386-2013", 64, list, COUNT(list));
}

static void all_released(void **state)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct bench bench;
    unsigned nr;

    (void)state;
    nr = captured_open(&bench, "i386-2016", 64, &pages_buddy_segments, ranges);
    for (unsigned i = 0; i < nr; i++)
        range_release(&bench, &ranges[i]);
    blocks_expect(&bench, 0, dma_1_8);
    assert_int_equal(bench.pages.free, 11855 + 3983 + 5 + 4);
    bench_check(&bench);
    bench_close(&bench);

    nr = captured_open(&bench, "i386-2016-02", 64, &pages_buddy, ranges);
    for (unsigned i = 0; i < nr; i++)
        range_release(&bench, &ranges[i]);
    blocks_expect(&bench, 0, dma_2016_02);
    assert_int_equal(bench.pages.free, 11952 + 3729 + 4);
    bench_check(&bench);
    bench_close(&bench);
}

static void frames_compare(const char *geometry, const struct pages_ops *ops,
                           const uint16_t *frames, unsigned nr, bool runs)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct bench bench;

    captured_open(&bench, geometry, 64, ops, ranges);
    range_release(&bench, &ranges[0]);

    /* A run of one page is a page like any other. */
    for (unsigned i = 0; i < nr; i++) {
        uint32_t frame = runs ? ops->grab_run(&bench.pages, 1, SEGMENT_DIRECTMAP)
                              : ops->grab(&bench.pages, SEGMENT_DIRECTMAP);

        assert_int_equal(frame, frames[i]);
    }
    bench_check(&bench);
    bench_close(&bench);
}

static void first_frames(void **state)
{
    (void)state;
    for (int runs = 0; runs < 2; runs++) {
        frames_compare("i386-2016", &pages_buddy_segments, frames_1_8, COUNT(frames_1_8), runs);
        frames_compare("i386-2016-02", &pages_buddy, frames_2016_02, COUNT(frames_2016_02), runs);
    }
}

/* Debian's drivers took runs of 16 pages of DMA: these are the first eight that they got, and then
 * one of 128 pages. */
static void dma_runs(void **state)
{
    static const uint16_t frames[] = {0x80, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x100};
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct bench bench;
    unsigned nr = captured_open(&bench, "i386", 128, &pages_buddy_segments, ranges);

    (void)state;
    for (unsigned i = 0; i < nr; i++)
        range_release(&bench, &ranges[i]);
    for (unsigned i = 0; i < COUNT(frames); i++)
        assert_int_equal(bench.pages.ops->grab_run(&bench.pages, 16, SEGMENT_DMA), frames[i]);
    bench_check(&bench);
    bench_close(&bench);
}

static void layouts(void **state)
{
    static const struct {
        const char *geometry;
        unsigned mib;
        uint64_t start, end;
    } captured[] = {
        {"i386", 512, 0xe0760000, 0xe97de000},
        {"i386", 128, 0xc81c0000, 0xd17de000},
        {"i386", 64, 0xc40d0000, 0xcd7de000},
        {"i386", 32, 0xc2058000, 0xcb7de000},
        {"amd64", 64, 0xffffffff84140000, 0xffffffffa3fde000},
        {"amd64", 1024, 0xffffffffc15e0000, 0xffffffffdffde000},
        {"i386-2016", 64, 0xc40d0000, 0xc9fde000},
        {"i386-2016-02", 64, 0xc40e0000, 0xc9fde000},
        {"i386-2013", 64, 0xc419a000, 0xcffde000},
        {"i386-2013", 128, 0xc8257000, 0xd3fde000},
        {"i386-2013", 256, 0xd03d3000, 0xdbfde000},
        {"i386-2013", 512, 0xe06ca000, 0xebfde000},
        {"i386-2013", 1024, 0xf4ace000, 0xffffd000},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(captured); i++) {
        struct machine machine;
        struct error error;

        assert_int_equal(machine_open(&machine, geometry_find(captured[i].geometry),
                                      (uint64_t)captured[i].mib << 20, NULL, 0, 0, 0, &error),
                         0);
        assert_int_equal(machine.kernel_map_start, captured[i].start);
        assert_int_equal(machine.kernel_map_end, captured[i].end);
        machine_close(&machine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_states), cmocka_unit_test(start_ranges),
        cmocka_unit_test(all_released), cmocka_unit_test(first_frames),
        cmocka_unit_test(dma_runs),     cmocka_unit_test(layouts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
