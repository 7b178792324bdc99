/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of table sizes, worked out by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocators/space.h"

#define PAGE_ENTRIES 256

static uint32_t sizes[SPACE_TABLE_STEPS];

static int setup(void **state)
{
    (void)state;
    space_table_sizes(sizes, 16);
    return 0;
}

static void test_below_a_page(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(sizes[i], 4u << i);
    assert_int_equal(sizes[5] * 16, 2048);
}

static void test_whole_pages(void **state)
{
    unsigned n = 6;

    (void)state;
    for (unsigned pages = 1; pages <= 15; pages += 1)
        assert_int_equal(sizes[n++], pages * PAGE_ENTRIES);
    for (unsigned pages = 16; pages <= 44; pages += 2)
        assert_int_equal(sizes[n++], pages * PAGE_ENTRIES);
    for (unsigned pages = 46; pages <= 102; pages += 4)
        assert_int_equal(sizes[n++], pages * PAGE_ENTRIES);
    for (unsigned pages = 106; n < SPACE_TABLE_STEPS - 1; pages += 8)
        assert_int_equal(sizes[n++], pages * PAGE_ENTRIES);
    assert_int_equal(n, 511);
}

/* 51 sizes up to 102 pages, so the 460th after them is 106 + 459 * 8 pages. */
static void test_the_last_one_twice(void **state)
{
    (void)state;
    assert_int_equal(sizes[510], 3778 * PAGE_ENTRIES);
    assert_int_equal(sizes[511], sizes[510]);
}

/* The growth at which a kernel of 1.5 with a submap of 96 MiB was seen to fail. */
static void test_has_the_captured_sizes(void **state)
{
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < SPACE_TABLE_STEPS - 1; i++)
        found += sizes[i] == 266752 && sizes[i + 1] == 268800;
    assert_int_equal(found, 1);
}

static void test_larger_entries(void **state)
{
    uint32_t larger[SPACE_TABLE_STEPS];

    (void)state;
    space_table_sizes(larger, 32);
    assert_int_equal(larger[0], 4);     /* 128 bytes */
    assert_int_equal(larger[4], 64);    /* 2048 bytes */
    assert_int_equal(larger[5], 128);   /* one page */
    assert_int_equal(larger[19], 1920); /* 15 pages */
    assert_int_equal(larger[20], 2048); /* 16 pages */
    assert_int_equal(larger[511], larger[510]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_a_page),       cmocka_unit_test(test_whole_pages),
        cmocka_unit_test(test_the_last_one_twice), cmocka_unit_test(test_has_the_captured_sizes),
        cmocka_unit_test(test_larger_entries),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
