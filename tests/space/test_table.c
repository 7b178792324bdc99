/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tables: the order of names, growth, outliers, early growth and the reverse hash, by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocators/space_private.h"
#include "tests/space/fake.h"

static struct fake fake;
static struct space_system spaces;
static struct space *space;

static void check(void)
{
    struct error error = {""};

    if (space_table.check(&spaces, 0, &error) < 0)
        fail_msg("%s", error.text);
}

static uint32_t name_alloc(uint32_t right)
{
    uint32_t name = space_table.name_alloc(&spaces, 0, right);

    check();
    return name;
}

static bool name_alloc_at(uint32_t right, uint32_t name)
{
    bool done = space_table.name_alloc_at(&spaces, 0, right, name);

    check();
    return done;
}

static void name_free(uint32_t name)
{
    space_table.name_free(&spaces, 0, name);
    check();
}

static uint32_t lookup(uint32_t name)
{
    return space_table.name_lookup(&spaces, 0, name);
}

static int setup(void **state)
{
    struct error error = {""};

    (void)state;
    fake_open(&fake, 4);
    if (space_open(&spaces, &space_table, &fake.slabs, &fake.kmem, &fake.map, 4, &error) < 0 ||
        !space_table.create(&spaces, 0, false))
        return -1;
    space = &spaces.spaces[0];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    space_table.release(&spaces, 0);
    space_table.release(&spaces, 1);
    if (!fake_is_empty(&fake))
        return -1;
    space_close(&spaces);
    fake_close(&fake);
    return 0;
}

static void test_the_first_table(void **state)
{
    (void)state;
    assert_int_equal(space->table_entries, 4);
    assert_int_equal(space->free_entries, 3);
    assert_int_equal(fake.kalloc_live, 64);
    assert_int_equal(fake_live(&fake, "ipc_space"), 1);
    for (uint32_t name = 1; name <= 3; name++)
        assert_int_equal(name_alloc(100 + name), name);
    assert_int_equal(space->growths, 0);
    assert_int_equal(lookup(0), RIGHT_NONE);
    assert_int_equal(lookup(2), 102);
    assert_int_equal(lookup(4), RIGHT_NONE);
}

static void test_the_last_freed_comes_first(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 7; i++)
        name_alloc(i);
    name_free(3);
    name_free(6);
    name_free(2);
    assert_int_equal(name_alloc(20), 2);
    assert_int_equal(name_alloc(21), 6);
    assert_int_equal(name_alloc(22), 3);
    assert_int_equal(name_alloc(23), 8);
}

/* As captured on 1.5: 20002 rights took 45 growths, 39 of them by kmem_realloc. */
static void test_growth_as_captured(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 20002; i++)
        assert_int_equal(space_table.name_alloc(&spaces, 0, i), i);
    check();
    assert_int_equal(space->growths, 45);
    assert_int_equal(space->remaps, 39);
    assert_int_equal(space->table_entries, 20992);
    assert_int_equal(fake.kmem_live, 20992 * 16);
    assert_int_equal(fake.kalloc_live, 0);
    for (uint32_t i = 1; i <= 20002; i++)
        assert_int_equal(lookup(i), i);
}

static void test_memory_of_a_table(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < 128; i++)
        name_alloc(i);
    assert_int_equal(fake.kalloc_live, 2048);
    assert_int_equal(fake.kmem_live, 0);
    name_alloc(128); /* 256 entries are a page: copied into kernel virtual memory */
    assert_int_equal(fake.kalloc_live, 0);
    assert_int_equal(fake.kmem_live, 4096);
    assert_int_equal(space->remaps, 0);
    for (uint32_t i = 129; i <= 256; i++)
        name_alloc(i);
    assert_int_equal(fake.kmem_live, 8192);
    assert_int_equal(space->remaps, 1);
}

static void test_a_chosen_name_in_the_table(void **state)
{
    (void)state;
    assert_true(name_alloc_at(50, 2));
    assert_false(name_alloc_at(51, 2));
    assert_int_equal(fake.machine.failure.cause, FAILURE_LIMIT);
    assert_int_equal(name_alloc(1), 1);
    assert_int_equal(name_alloc(2), 3);
    assert_int_equal(lookup(2), 50);
    assert_false(name_alloc_at(52, NAME_NONE));
    assert_false(name_alloc_at(52, NAME_DEAD));
}

/* From 4 to 8 entries are 64 bytes: less than (2 + 1) tree entries of 32, not less than (1 + 1). */
static void test_early_growth(void **state)
{
    (void)state;
    assert_true(name_alloc_at(70, 7));
    assert_true(name_alloc_at(60, 6));
    assert_int_equal(space->tree_total, 2);
    assert_int_equal(space->tree_small, 2);
    assert_int_equal(space->table_entries, 4);
    assert_int_equal(fake_live(&fake, "ipc_tree_entry"), 2);

    assert_true(name_alloc_at(40, 4));
    assert_int_equal(space->table_entries, 8);
    assert_int_equal(space->tree_total, 0);
    assert_int_equal(fake_live(&fake, "ipc_tree_entry"), 0);
    assert_int_equal(lookup(4), 40);
    assert_int_equal(lookup(6), 60);
    assert_int_equal(lookup(7), 70);

    /* The new free entry comes before what was left of the list. */
    assert_int_equal(name_alloc(1), 5);
    assert_int_equal(name_alloc(1), 1);
    assert_int_equal(name_alloc(1), 2);
    assert_int_equal(name_alloc(1), 3);
    assert_int_equal(name_alloc(1), 8);
}

/* Outliers 8 to 12 would pay for the step from 8 to 16 entries (128 bytes < 5 * 32), but do not
 * count until the table has 8. */
static void test_growth_goes_on(void **state)
{
    (void)state;
    for (uint32_t name = 8; name <= 12; name++)
        assert_true(name_alloc_at(name * 10, name));
    assert_int_equal(space->table_entries, 4);
    assert_int_equal(space->tree_small, 0);
    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(name_alloc(i), i);

    assert_int_equal(name_alloc(4), 13);
    assert_int_equal(space->table_entries, 16);
    assert_int_equal(space->growths, 2);
    assert_int_equal(space->tree_total, 0);
    assert_int_equal(lookup(12), 120);
    assert_int_equal(name_alloc(5), 14);
    assert_int_equal(name_alloc(6), 15);
    assert_int_equal(name_alloc(7), 4);
}

/* The same, but the second step is refused. */
static void test_a_later_step_is_refused(void **state)
{
    (void)state;
    for (uint32_t name = 8; name <= 12; name++)
        assert_true(name_alloc_at(name * 10, name));
    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(name_alloc(i), i);

    fake.fail_at = fake.requests + 2;
    assert_int_equal(name_alloc(4), NAME_NONE);
    assert_int_equal(fake.machine.failure.cause, FAILURE_EXHAUSTION);
    assert_int_equal(space->rights, 8);
    assert_int_equal(space->table_entries, 8);
    assert_int_equal(space->tree_total, 5);
    assert_int_equal(name_alloc(4), 4);
    assert_int_equal(lookup(12), 120);
}

static void test_outliers_far_away(void **state)
{
    static const uint32_t names[] = {4000000000u, 17, 0xfffffffe, 1000000, 999999, 1000001, 123456};
    const unsigned nr = sizeof(names) / sizeof(names[0]);

    (void)state;
    for (unsigned i = 0; i < nr; i++)
        assert_true(name_alloc_at(i, names[i]));
    for (unsigned i = 0; i < nr; i++) {
        assert_int_equal(lookup(names[i]), i);
        assert_false(name_alloc_at(9, names[i]));
    }
    assert_int_equal(lookup(18), RIGHT_NONE);
    assert_int_equal(space->tree_total, nr);
    name_free(1000000);
    name_free(1000000);
    assert_int_equal(lookup(1000000), RIGHT_NONE);
    assert_int_equal(lookup(999999), 4);
    assert_int_equal(space->tree_total, nr - 1);
    assert_int_equal(space->rights, nr - 1);
    assert_int_equal(fake_live(&fake, "ipc_tree_entry"), nr - 1);
}

/* Ascending names make a list of the tree, which is then walked, moved and freed without recursion.
 */
static void test_many_outliers_in_a_row(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 50000; i++)
        assert_true(space_table.name_alloc_at(&spaces, 0, i, 5000000 + i));
    check();
    assert_int_equal(space->tree_total, 50000);
    for (uint32_t i = 0; i < 50000; i += 7)
        assert_int_equal(lookup(5000000 + i), i);
    check();
}

static uint64_t object(uint32_t i)
{
    return fake.machine.kernel_base + 0x100000 + (uint64_t)i * 80;
}

static uint32_t reverse(uint32_t i)
{
    return space_table.reverse_lookup(&spaces, 0, object(i));
}

static void test_reverse_hash_survives_growth(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 300; i++) {
        assert_int_equal(name_alloc(i), i);
        if (i % 3 != 0)
            assert_true(space_table.reverse_insert(&spaces, 0, i, object(i)));
        check();
    }
    for (uint32_t i = 1; i <= 300; i++)
        assert_int_equal(reverse(i), i % 3 != 0 ? i : RIGHT_NONE);

    for (uint32_t i = 1; i <= 300; i += 2) {
        space_table.reverse_remove(&spaces, 0, object(i));
        check();
    }
    for (uint32_t i = 1; i <= 300; i++)
        assert_int_equal(reverse(i), i % 3 != 0 && i % 2 == 0 ? i : RIGHT_NONE);
    assert_int_equal(space->reverse_count, 100);
}

static void test_reverse_of_outliers(void **state)
{
    (void)state;
    assert_true(space_table.create(&spaces, 1, false));
    assert_true(space_table.name_alloc_at(&spaces, 1, 900, 6));
    assert_true(space_table.reverse_insert(&spaces, 1, 6, object(6)));

    assert_true(name_alloc_at(60, 6));
    assert_true(name_alloc_at(70, 7));
    assert_true(space_table.reverse_insert(&spaces, 0, 6, object(6)));
    assert_true(space_table.reverse_insert(&spaces, 0, 7, object(7)));
    assert_false(space_table.reverse_insert(&spaces, 0, 7, object(8)));
    assert_false(space_table.reverse_insert(&spaces, 0, 6, object(7)));
    check();
    assert_int_equal(reverse(6), 60);
    assert_int_equal(reverse(7), 70);

    space_table.reverse_remove(&spaces, 0, object(7));
    check();
    assert_int_equal(reverse(7), RIGHT_NONE);
    assert_true(space_table.reverse_insert(&spaces, 0, 7, object(9)));

    assert_true(name_alloc_at(40, 4)); /* takes both into the table */
    assert_int_equal(space->tree_total, 0);
    assert_int_equal(reverse(6), 60);
    assert_int_equal(reverse(9), 70);
    assert_int_equal(space_table.reverse_lookup(&spaces, 1, object(6)), 900);

    name_free(6); /* its key goes too */
    assert_int_equal(reverse(6), RIGHT_NONE);
    assert_int_equal(space->reverse_count, 1);
}

static void test_the_end_of_the_list(void **state)
{
    (void)state;
    spaces.table_sizes[2] = spaces.table_sizes[1];
    for (uint32_t i = 1; i <= 7; i++)
        assert_int_equal(name_alloc(i), i);
    assert_int_equal(name_alloc(8), NAME_NONE);
    assert_int_equal(fake.machine.failure.cause, FAILURE_LIMIT);
    name_free(5);
    assert_int_equal(name_alloc(9), 5);
}

static void test_destruction(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 600; i++)
        name_alloc(i);
    assert_true(name_alloc_at(1, 100000));
    assert_true(space_table.reverse_insert(&spaces, 0, 100000, object(1)));
    space_table.destroy(&spaces, 0);
    assert_int_equal(fake.kmem_live, 0);
    assert_int_equal(fake_live(&fake, "ipc_tree_entry"), 0);
    assert_int_equal(fake_live(&fake, "ipc_space"), 1);
    assert_int_equal(lookup(1), RIGHT_NONE);
    assert_int_equal(lookup(100000), RIGHT_NONE);
    assert_int_equal(reverse(1), RIGHT_NONE);
    assert_int_equal(name_alloc(1), NAME_NONE);
    name_free(1);
    space_table.release(&spaces, 0);
    assert_true(fake_is_empty(&fake));
    assert_true(space_table.create(&spaces, 0, false));
    assert_int_equal(name_alloc(1), 1);
}

static void test_special_spaces(void **state)
{
    (void)state;
    assert_true(space_table.create(&spaces, 1, true));
    assert_int_equal(fake.kalloc_live, 64);
    assert_int_equal(space_table.name_alloc(&spaces, 1, 1), NAME_NONE);
    assert_false(space_table.name_alloc_at(&spaces, 1, 1, 1));
    assert_false(space_table.create(&spaces, 1, false));
    assert_false(space_table.create(&spaces, 4, false));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_first_table),
        CASE(test_the_last_freed_comes_first),
        CASE(test_growth_as_captured),
        CASE(test_memory_of_a_table),
        CASE(test_a_chosen_name_in_the_table),
        CASE(test_early_growth),
        CASE(test_growth_goes_on),
        CASE(test_a_later_step_is_refused),
        CASE(test_outliers_far_away),
        CASE(test_many_outliers_in_a_row),
        CASE(test_reverse_hash_survives_growth),
        CASE(test_reverse_of_outliers),
        CASE(test_the_end_of_the_list),
        CASE(test_destruction),
        CASE(test_special_spaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
