/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Metrics of fragmentation: cases worked out by hand, Linux's formulas written down a second time
 * as its sources have them, and the free blocks of random memory found one by one.
 */

#include "replay/fragmentation.h"

#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

static struct free_blocks blocks_of(const uint32_t blocks[ORDERS])
{
    struct free_blocks free;

    memset(&free, 0, sizeof(free));
    free_blocks_add(&free, blocks);
    return free;
}

/* Nothing is free. */
static void test_nothing(void **state)
{
    struct free_blocks free = blocks_of((uint32_t[ORDERS]){0});

    (void)state;
    assert_int_equal(free.pages, 0);
    for (unsigned order = 0; order < ORDERS; order++) {
        assert_int_equal(unusable_index(&free, order), 1000);
        assert_int_equal(extfrag_index(&free, order), 0);
    }
    assert_int_equal(free_huge_score(&free), 100);
    assert_int_equal(largest_free_block(&free), 0);
}

/* 3 pages, 2 blocks of 2 and one of 8: 15 pages in 6 blocks. The example of docs/metrics.md. */
static void test_example(void **state)
{
    struct free_blocks free = blocks_of((uint32_t[ORDERS]){3, 2, 0, 1});

    (void)state;
    assert_int_equal(free.pages, 15);
    assert_int_equal(free.nr, 6);

    assert_int_equal(free_blocks_suitable(&free, 0), 15);
    assert_int_equal(free_blocks_suitable(&free, 1), 6); /* 2, and 4 in the block of 8 */
    assert_int_equal(free_blocks_suitable(&free, 2), 2);
    assert_int_equal(free_blocks_suitable(&free, 3), 1);
    assert_int_equal(free_blocks_suitable(&free, 4), 0);

    assert_int_equal(unusable_index(&free, 0), 0);
    assert_int_equal(unusable_index(&free, 1), 200); /* 3 of 15 */
    assert_int_equal(unusable_index(&free, 2), 466); /* 7 of 15 */
    assert_int_equal(unusable_index(&free, 3), 466);
    assert_int_equal(unusable_index(&free, 4), 1000);

    assert_int_equal(extfrag_index(&free, 0), -1000);
    assert_int_equal(extfrag_index(&free, 3), -1000);
    /* 15000 / 16 = 937; 1937 / 6 = 322: short of a page in one piece or two, and in pieces. */
    assert_int_equal(extfrag_index(&free, 4), 678);
    /* 15000 / 32 = 468; 1468 / 6 = 244. */
    assert_int_equal(extfrag_index(&free, 5), 756);

    assert_int_equal(largest_free_block(&free), 8 * PAGE_SIZE);
}

/* One block that is too small: the request fails for lack of memory, not for fragmentation. */
static void test_lack(void **state)
{
    struct free_blocks free = blocks_of((uint32_t[ORDERS]){1});

    (void)state;
    assert_int_equal(extfrag_index(&free, 1), -500);                 /* 1000 - (1000 + 500) / 1 */
    assert_int_equal(extfrag_index(&free, ORDERS - 1), 1000 - 1000); /* 1000 / 1024 = 0 */
}

/* A thousand single pages: plenty for any request, were it in one piece. */
static void test_scattered(void **state)
{
    struct free_blocks free = blocks_of((uint32_t[ORDERS]){1000});

    (void)state;
    assert_int_equal(unusable_index(&free, 1), 1000);
    assert_int_equal(extfrag_index(&free, 1), 1000 - 501000 / 1000);
    assert_int_equal(extfrag_index(&free, 9), 1000 - 2953 / 1000); /* 1000 + 1953 */
    assert_int_equal(free_huge_score(&free), 0);                   /* one would be possible */
}

static void test_huge(void **state)
{
    /* 2 of order 9, 1 of order 10, and 511 pages that nobody could make a huge page of. */
    struct free_blocks free = blocks_of((uint32_t[ORDERS]){511, [9] = 2, [10] = 1});

    (void)state;
    assert_int_equal(free_huge_score(&free), 100);

    /* One page more: five are possible, four are there. */
    free = blocks_of((uint32_t[ORDERS]){512, [9] = 2, [10] = 1});
    assert_int_equal(free_huge_score(&free), 80);

    /* Less than one is free. */
    free = blocks_of((uint32_t[ORDERS]){511});
    assert_int_equal(free_huge_score(&free), 100);
}

/* Segments count together. */
static void test_sum(void **state)
{
    struct free_blocks free = blocks_of((uint32_t[ORDERS]){1, 2, 3});

    (void)state;
    free_blocks_add(&free, (uint32_t[ORDERS]){10, 0, 1, [10] = 1});
    assert_int_equal(free.pages, 1 + 4 + 12 + 10 + 4 + 1024);
    assert_int_equal(free.nr, 6 + 12);
    assert_int_equal(free_blocks_suitable(&free, 10), 1);
    assert_int_equal(unusable_index(&free, 10), 31 * 1000 / 1055);
}

static void test_shares(void **state)
{
    (void)state;
    assert_int_equal(internal_waste(4096, 1000), 3096);
    assert_int_equal(internal_waste(0, 10), 0);
    assert_int_equal(internal_waste_share(4096, 1024), 750);
    assert_int_equal(internal_waste_share(0, 0), 0);
    assert_int_equal(mean_fullness(5, 20), 250);
    /* The examples of docs/metrics.md. */
    assert_int_equal(internal_waste_share(4 * PAGE_SIZE, 60 * 112), 589);
    assert_int_equal(mean_fullness(36 + 20 + 4, 3 * 36), 555);
    assert_int_equal(unusable_share(3 * PAGE_SIZE, 47 * PAGE_SIZE), 63);
    assert_int_equal(mean_fullness(0, 0), 0);
    assert_int_equal(unusable_share(1, 3), 333);
    assert_int_equal(unusable_share(0, 3), 0);
    assert_int_equal(unusable_share(0, 0), 1000);
    assert_int_equal(held_ratio(3000, 2000), 1500);
    assert_int_equal(held_ratio(3000, 0), 0);
}

/* ---- Linux's formulas, as mm/vmstat.c computes them ---- */

struct contig_page_info {
    uint64_t free_pages, free_blocks_total, free_blocks_suitable;
};

static struct contig_page_info linux_info(const uint32_t nr_free[ORDERS], unsigned suitable)
{
    struct contig_page_info info = {0, 0, 0};

    for (unsigned order = 0; order < ORDERS; order++) {
        uint64_t blocks = nr_free[order];

        info.free_blocks_total += blocks;
        info.free_pages += blocks << order;
        if (order >= suitable)
            info.free_blocks_suitable += blocks << (order - suitable);
    }

    return info;
}

/* There it is a difference of unsigned numbers that the return type makes signed. */
static int linux_fragmentation_index(unsigned order, const struct contig_page_info *info)
{
    uint64_t requested = 1ull << order;

    if (info->free_blocks_total == 0)
        return 0;
    if (info->free_blocks_suitable != 0)
        return -1000;

    return (int)(uint32_t)(1000 -
                           (1000 + info->free_pages * 1000 / requested) / info->free_blocks_total);
}

static int linux_unusable(unsigned order, const struct contig_page_info *info)
{
    if (info->free_pages == 0)
        return 1000;

    return (int)((info->free_pages - (info->free_blocks_suitable << order)) * 1000 /
                 info->free_pages);
}

static uint64_t random_state = 0x853c49e6748fea9b;

static uint32_t pick(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

static void test_linux(void **state)
{
    (void)state;
    print_message("seed %llx\n", (unsigned long long)random_state);

    for (unsigned round = 0; round < 10000; round++) {
        uint32_t blocks[ORDERS] = {0};

        for (unsigned order = 0; order < ORDERS; order++)
            blocks[order] = pick(3) == 0 ? pick(pick(2) == 0 ? 4 : 100000) : 0;

        struct free_blocks free = blocks_of(blocks);

        for (unsigned order = 0; order < ORDERS; order++) {
            struct contig_page_info info = linux_info(blocks, order);

            assert_int_equal(free.pages, info.free_pages);
            assert_int_equal(free.nr, info.free_blocks_total);
            assert_int_equal(free_blocks_suitable(&free, order), info.free_blocks_suitable);
            assert_int_equal(extfrag_index(&free, order), linux_fragmentation_index(order, &info));
            assert_int_equal(unusable_index(&free, order), linux_unusable(order, &info));
        }
    }
}

/* ---- Against memory itself ---- */

#define FRAMES 8192

/* Pages of MEMORY that lie in a free run of 2^ORDER pages which is aligned to its size. */
static uint64_t usable_pages(const bool *memory, unsigned order)
{
    uint64_t pages = 0;
    uint32_t size = 1u << order;

    for (uint32_t at = 0; at < FRAMES; at += size) {
        uint32_t free = 0;

        for (uint32_t i = at; i < at + size; i++)
            free += memory[i];
        if (free == size)
            pages += size;
    }

    return pages;
}

/* Free pages of MEMORY, given to a buddy allocator one after the other, in its blocks. */
static void blocks_find(const bool *memory, uint32_t blocks[ORDERS])
{
    memset(blocks, 0, ORDERS * sizeof(blocks[0]));
    for (uint32_t at = 0; at < FRAMES;) {
        unsigned order = ORDERS - 1;

        for (; order > 0; order--) {
            uint32_t free = 0;

            for (uint32_t i = at; at % (1u << order) == 0 && i < at + (1u << order); i++)
                free += memory[i];
            if (free == 1u << order)
                break;
        }

        blocks[order] += memory[at];
        at += 1u << order;
    }
}

static void test_memory(void **state)
{
    static bool memory[FRAMES];

    (void)state;
    print_message("seed %llx\n", (unsigned long long)random_state);

    for (unsigned round = 0; round < 20; round++) {
        uint32_t blocks[ORDERS];
        uint64_t pages = 0;

        for (uint32_t at = 0; at < FRAMES;) {
            bool free = pick(2) != 0;

            for (uint32_t run = 1 + pick(pick(4) == 0 ? 3000 : 40); run > 0 && at < FRAMES; run--) {
                pages += free;
                memory[at++] = free;
            }
        }

        blocks_find(memory, blocks);

        struct free_blocks free = blocks_of(blocks);

        assert_int_equal(free.pages, pages);
        for (unsigned order = 0; order < ORDERS; order++) {
            uint64_t usable = usable_pages(memory, order);

            assert_int_equal(unusable_index(&free, order), (pages - usable) * 1000 / pages);
        }
        if (pages >= 512)
            assert_int_equal(free_huge_score(&free),
                             usable_pages(memory, 9) / 512 * 100 / (pages / 512));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_example),
        cmocka_unit_test(test_lack),    cmocka_unit_test(test_scattered),
        cmocka_unit_test(test_huge),    cmocka_unit_test(test_sum),
        cmocka_unit_test(test_shares),  cmocka_unit_test(test_linux),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
