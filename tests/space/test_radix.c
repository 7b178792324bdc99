/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Radix spaces: names, the free list, heights and the order of allocation and destruction, by hand.
 */

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

    if (space_radix.check(&spaces, 0, &error) < 0)
        fail_msg("%s", error.text);
}

static uint32_t name_alloc(uint32_t right)
{
    return space_radix.name_alloc(&spaces, 0, right);
}

/* Allocates names FIRST to LAST, which must be the ones that the space chooses. */
static void fill(uint32_t first, uint32_t last)
{
    for (uint32_t name = first; name <= last; name++)
        assert_int_equal(name_alloc(name), name);
    check();
}

static void drop(uint32_t first, uint32_t last)
{
    for (uint32_t name = first; name <= last; name++)
        space_radix.name_free(&spaces, 0, name);
    check();
}

static int setup(void **state)
{
    struct error error = {""};

    (void)state;
    spaces.exact_bitmaps = false;
    fake_open(&fake, 4);
    if (space_open(&spaces, &space_radix, &fake.slabs, NULL, NULL, 4, &error) < 0 ||
        !space_radix.create(&spaces, 0, false))
        return -1;
    space = &spaces.spaces[0];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    space_radix.release(&spaces, 0);
    space_radix.release(&spaces, 1);
    if (!fake_is_empty(&fake))
        return -1;
    space_close(&spaces);
    fake_close(&fake);
    return 0;
}

static void test_a_new_space_has_no_node(void **state)
{
    (void)state;
    check();
    assert_int_equal(space->names_height, 0);
    assert_int_equal(space->names_nodes, 0);
    assert_int_equal(fake.slabs.nr_caches, 1);
    assert_int_equal(space_radix.name_lookup(&spaces, 0, 0), RIGHT_NONE);
    fill(1, 1);
    assert_int_equal(space->names_height, 1);
    assert_int_equal(space->names_nodes, 1);
    assert_int_equal(fake_live(&fake, "ipc_entry"), 1);
}

/* 63 names and the placeholder fill a leaf, 64 leaves an inner node. */
static void test_heights(void **state)
{
    (void)state;
    fill(1, 63);
    assert_int_equal(space->names_nodes, 1);
    fill(64, 64);
    assert_int_equal(space->names_height, 2);
    assert_int_equal(space->names_nodes, 3);
    fill(65, 4095);
    assert_int_equal(space->names_height, 2);
    assert_int_equal(space->names_nodes, 65);
    fill(4096, 4096);
    assert_int_equal(space->names_height, 3);
    assert_int_equal(space->names_nodes, 68);
}

static void test_freed_names_come_back_last_first(void **state)
{
    (void)state;
    fill(1, 200);
    drop(10, 12);
    assert_int_equal(space->free_entries, 3);
    assert_int_equal(fake_live(&fake, "ipc_entry"), 200);
    assert_int_equal(name_alloc(1), 12);
    assert_int_equal(name_alloc(1), 11);
    assert_int_equal(name_alloc(1), 10);
    assert_int_equal(name_alloc(1), 201);
}

/* 64 stay on the list with their names; the 65th and later leave the tree, and lowest come back. */
static void test_the_list_is_limited(void **state)
{
    (void)state;
    fill(1, 200);
    drop(1, 70);
    assert_int_equal(space->free_entries, 64);
    assert_int_equal(fake_live(&fake, "ipc_entry"), 194);
    for (uint32_t name = 64; name >= 1; name--)
        assert_int_equal(name_alloc(1), name);
    fill(65, 70);
    fill(201, 201);
}

static void test_a_chosen_name_leaves_the_list(void **state)
{
    (void)state;
    fill(1, 20);
    drop(5, 8);
    assert_true(space_radix.name_alloc_at(&spaces, 0, 60, 6));
    check();
    assert_false(space_radix.name_alloc_at(&spaces, 0, 61, 6));
    assert_int_equal(fake.machine.failure.cause, FAILURE_LIMIT);
    assert_int_equal(space->free_entries, 3);
    assert_int_equal(name_alloc(1), 8);
    assert_int_equal(name_alloc(1), 7);
    assert_int_equal(name_alloc(1), 5);
    assert_int_equal(name_alloc(1), 21);
    assert_false(space_radix.name_alloc_at(&spaces, 0, 1, NAME_NONE));
    assert_false(space_radix.name_alloc_at(&spaces, 0, 1, NAME_DEAD));
}

/*
 * 4096 leads to a root with two children. Names 70 and 140 are given back behind 64 others, so both
 * leave the tree. When 70 is taken again, its leaf is full, and the node above has its 64 children:
 * the kernel takes the whole subtree for full, with 140 free in it.
 */
static uint32_t name_after_refill(void)
{
    fill(1, 4096);
    drop(1000, 1063);
    drop(70, 70);
    drop(140, 140);
    for (uint32_t name = 1063; name >= 1000; name--)
        assert_int_equal(name_alloc(1), name);
    fill(70, 70);
    return name_alloc(1);
}

static void test_bitmaps_pass_over_free_names(void **state)
{
    (void)state;
    assert_int_equal(name_after_refill(), 4097);
    check();
    /* A removal below brings the subtree back. */
    drop(1000, 1063);
    drop(71, 71);
    for (uint32_t name = 1063; name >= 1000; name--)
        assert_int_equal(name_alloc(1), name);
    assert_int_equal(name_alloc(1), 71);
    assert_int_equal(name_alloc(1), 4098);
    check();
}

static void test_exact_bitmaps_do_not(void **state)
{
    (void)state;
    spaces.exact_bitmaps = true;
    assert_int_equal(name_after_refill(), 140);
    fill(4097, 4097);
}

/* The first 64 freed stay, with their nodes; the rest go, and with them roots that have become
 * superfluous. */
static void test_shrinking(void **state)
{
    (void)state;
    fill(1, 5000);
    assert_int_equal(space->names_height, 3);
    drop(1, 5000);
    assert_int_equal(space->free_entries, 64);
    assert_int_equal(space->names_height, 2);
    assert_int_equal(space->names_nodes, 3); /* names 0 to 63, and 64 */
    assert_int_equal(fake_live(&fake, "ipc_entry"), 64);
}

/* From the captures: 3f1b7d6 and 3f1b768 (hexadecimal) need 5 levels; they share all but a leaf. */
static void test_reverse_tree(void **state)
{
    uint64_t base = fake.machine.kernel_base;

    (void)state;
    fill(1, 3);
    assert_true(space_radix.reverse_insert(&spaces, 0, 1, base + 0x3f1b7d6u * UINT64_C(8)));
    assert_int_equal(space->reverse_nodes, 5);
    assert_int_equal(space->reverse_height, 5);
    assert_true(space_radix.reverse_insert(&spaces, 0, 2, base + 0x3f1b768u * UINT64_C(8)));
    assert_int_equal(space->reverse_nodes, 6);
    check();
    assert_false(space_radix.reverse_insert(&spaces, 0, 3, base + 0x3f1b768u * UINT64_C(8)));
    assert_false(space_radix.reverse_insert(&spaces, 0, 2, base + 0x3f1b769u * UINT64_C(8)));
    assert_false(space_radix.reverse_insert(&spaces, 0, 4, base + 0x3f1b769u * UINT64_C(8)));
    assert_int_equal(space_radix.reverse_lookup(&spaces, 0, base + 0x3f1b7d6u * UINT64_C(8)), 1);
    space_radix.reverse_remove(&spaces, 0, base + 0x3f1b768u * UINT64_C(8));
    assert_int_equal(space->reverse_nodes, 5);
    drop(1, 1); /* its key goes too */
    assert_int_equal(space->reverse_nodes, 0);
    assert_int_equal(space->reverse_height, 0);
}

#define NOTES_MAX 64

struct notes {
    unsigned nr;
    uint64_t objects[NOTES_MAX];
    bool allocs[NOTES_MAX];
};

static void take_note(void *context, bool alloc, unsigned cache, uint64_t object)
{
    struct notes *notes = context;

    (void)cache;
    assert_true(notes->nr < NOTES_MAX);
    notes->allocs[notes->nr] = alloc;
    notes->objects[notes->nr++] = object;
}

/*
 * Entries by ascending name, the one on the free list too; then the nodes of names: leaf 0, and
 * before leaf 1 the root, which is empty without it; then the reverse tree, a single path: from the
 * lowest inner node up to the root, then the leaf.
 */
static void test_order_of_destruction(void **state)
{
    struct notes made = {0}, gone = {0};

    (void)state;
    fake.context = &made;
    fake.note = take_note;
    assert_true(space_radix.name_alloc_at(&spaces, 0, 1, 3));
    assert_true(space_radix.name_alloc_at(&spaces, 0, 1, 1));
    assert_true(space_radix.name_alloc_at(&spaces, 0, 1, 64));
    assert_true(space_radix.reverse_insert(&spaces, 0, 64, fake.machine.kernel_base + 4096 * 8));
    drop(1, 1);
    assert_int_equal(made.nr, 9);
    /* 0 entry 3, 1 leaf 0, 2 entry 1, 3 entry 64, 4 root, 5 leaf 1, 6 7 8 reverse, top down */

    fake.context = &gone;
    space_radix.destroy(&spaces, 0);
    fake.note = NULL;

    static const unsigned order[] = {2, 0, 3, 1, 4, 5, 7, 6, 8};

    assert_int_equal(gone.nr, 9);
    for (unsigned i = 0; i < 9; i++) {
        assert_false(gone.allocs[i]);
        assert_int_equal(gone.objects[i], made.objects[order[i]]);
    }
    assert_int_equal(fake_live(&fake, "ipc_space"), 1);
}

static void test_a_destroyed_space(void **state)
{
    (void)state;
    fill(1, 100);
    space_radix.destroy(&spaces, 0);
    assert_int_equal(space_radix.name_lookup(&spaces, 0, 1), RIGHT_NONE);
    assert_int_equal(space_radix.name_lookup(&spaces, 0, 0), RIGHT_NONE);
    assert_int_equal(name_alloc(1), NAME_NONE);
    assert_false(space_radix.name_alloc_at(&spaces, 0, 1, 1));
    assert_false(space_radix.reverse_insert(&spaces, 0, 1, fake.machine.kernel_base + 64));
    drop(1, 1);
    space_radix.release(&spaces, 0);
    assert_true(fake_is_empty(&fake));
    assert_true(space_radix.create(&spaces, 0, false));
    fill(1, 1);
}

static void test_special_spaces(void **state)
{
    (void)state;
    assert_true(space_radix.create(&spaces, 1, true));
    assert_int_equal(space_radix.name_alloc(&spaces, 1, 1), NAME_NONE);
    assert_false(space_radix.create(&spaces, 4, false));
}

/* A cache that exists is used if its objects are large enough. */
static void test_caches_by_name(void **state)
{
    int small = cache_create(&fake.slabs, "ipc_entry", 8, 0, NULL);
    int large = cache_create(&fake.slabs, "ipc_entry", 40, 0, NULL);

    (void)state;
    fill(1, 1);
    assert_int_equal(fake.slabs.caches[small].nr_objects, 0);
    assert_int_equal(fake.slabs.caches[large].nr_objects, 1);
    assert_int_equal(spaces.cache_entry, large);
}

static void test_the_last_key(void **state)
{
    (void)state;
    assert_true(space_radix.name_alloc_at(&spaces, 0, 1, 0xfffffffe));
    check();
    assert_int_equal(space->names_height, 6);
    assert_int_equal(space_radix.name_lookup(&spaces, 0, 0xfffffffe), 1);
    fill(1, 1);
    drop(1, 1);
    space_radix.name_free(&spaces, 0, 0xfffffffe);
    check();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_new_space_has_no_node),
        CASE(test_heights),
        CASE(test_freed_names_come_back_last_first),
        CASE(test_the_list_is_limited),
        CASE(test_a_chosen_name_leaves_the_list),
        CASE(test_bitmaps_pass_over_free_names),
        CASE(test_exact_bitmaps_do_not),
        CASE(test_shrinking),
        CASE(test_reverse_tree),
        CASE(test_order_of_destruction),
        CASE(test_a_destroyed_space),
        CASE(test_special_spaces),
        CASE(test_caches_by_name),
        CASE(test_the_last_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
