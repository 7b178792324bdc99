/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The checkers find what is wrong: each structure is damaged in turn, and mended again. */

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

static uint64_t object(uint32_t i)
{
    return fake.machine.kernel_base + 0x100000 + (uint64_t)i * 80;
}

static bool is_sound(void)
{
    struct error error = {""};
    int result = spaces.ops->check(&spaces, 0, &error);

    assert_int_equal(result < 0, error.text[0] != '\0');
    return result == 0;
}

#define DAMAGE(place, damage)                                                                      \
    do {                                                                                           \
        __typeof__(place) sound = (place);                                                         \
        assert_true(is_sound());                                                                   \
        (place) = (damage);                                                                        \
        assert_false(is_sound());                                                                  \
        (place) = sound;                                                                           \
        assert_true(is_sound());                                                                   \
    } while (0)

static void open_space(const struct space_ops *ops)
{
    struct error error = {""};

    fake_open(&fake, 4);
    assert_int_equal(space_open(&spaces, ops, &fake.slabs, &fake.kmem, &fake.map, 1, &error), 0);
    assert_true(ops->create(&spaces, 0, false));
    space = &spaces.spaces[0];

    for (uint32_t i = 1; i <= 100; i++)
        assert_int_equal(ops->name_alloc(&spaces, 0, i), i);
    for (uint32_t i = 20; i < 30; i++)
        ops->name_free(&spaces, 0, i);
    assert_true(ops->name_alloc_at(&spaces, 0, 5000, 5000));
    assert_true(ops->name_alloc_at(&spaces, 0, 6000, 6000));
    assert_true(ops->name_alloc_at(&spaces, 0, 5500, 5500));
    for (uint32_t i = 1; i < 20; i++)
        assert_true(ops->reverse_insert(&spaces, 0, i, object(i)));
    assert_true(ops->reverse_insert(&spaces, 0, 5000, object(200)));
}

static void close_space(void)
{
    spaces.ops->release(&spaces, 0);
    assert_true(fake_is_empty(&fake));
    space_close(&spaces);
    fake_close(&fake);
}

static struct table_entry *entry_of(uint32_t index)
{
    return table_entry(&fake.machine, space, index);
}

static void test_table(void **state)
{
    (void)state;
    open_space(&space_table);
    DAMAGE(space->rights, space->rights + 1);
    DAMAGE(space->free_entries, space->free_entries - 1);
    DAMAGE(space->table_step, space->table_step + 1);
    DAMAGE(space->reverse_count, 0);
    DAMAGE(entry_of(0)->right, 5);
    DAMAGE(entry_of(0)->next, 30);
    DAMAGE(entry_of(0)->next, entry_of(entry_of(0)->next)->next);
    DAMAGE(entry_of(29)->next, 29);
    DAMAGE(entry_of(29)->next, 1u << 30);
    DAMAGE(entry_of(40)->right, RIGHT_NONE);
    DAMAGE(entry_of(25)->right, 3);
    DAMAGE(entry_of(25)->object, 1000);
    DAMAGE(entry_of(5)->object, entry_of(5)->object + 8000);
    DAMAGE(entry_of(table_home(&fake.machine, space, entry_of(1)->object))->hashed, 0);
    close_space();
}

static void test_outliers(void **state)
{
    (void)state;
    open_space(&space_table);

    struct tree_entry *root = machine_follow(&fake.machine, space->tree_root);

    assert_int_equal(root->name, 5000);
    DAMAGE(space->tree_total, 2);
    DAMAGE(space->tree_small, 1);
    DAMAGE(root->name, 7000);
    DAMAGE(root->name, 60);
    DAMAGE(root->right, RIGHT_NONE);
    DAMAGE(root->space, 1);
    DAMAGE(root->object, 0);
    DAMAGE(root->object, root->object + 8);
    DAMAGE(spaces.outlier_hash[outlier_bucket(0, root->object)], 0);
    DAMAGE(root->higher, 0);
    close_space();
}

static struct radix_node *node_of(link32_t link)
{
    return machine_follow(&fake.machine, link);
}

static void test_radix(void **state)
{
    (void)state;
    open_space(&space_radix);

    struct radix_node *root = node_of(space->names.root);
    struct radix_node *middle = node_of(root->slots[0]);
    struct radix_node *leaf = node_of(middle->slots[1]);
    struct radix_entry *live = machine_follow(&fake.machine, leaf->slots[10]);
    struct radix_entry *freed = machine_follow(&fake.machine, space->free_head);

    DAMAGE(space->rights, space->rights + 1);
    DAMAGE(space->free_entries, space->free_entries - 1);
    DAMAGE(space->free_entries, space->free_entries + 1);
    DAMAGE(space->reverse_count, 0);
    DAMAGE(space->names.nodes, 0);
    DAMAGE(space->names.height, 4);
    DAMAGE(space->names.height, 7);
    DAMAGE(root->bitmap, root->bitmap & ~UINT64_C(8));
    DAMAGE(middle->bitmap, middle->bitmap & ~UINT64_C(16));
    DAMAGE(leaf->bitmap, leaf->bitmap | UINT64_C(1) << 10);
    DAMAGE(leaf->parent, space->names.root);
    DAMAGE(leaf->index, 2);
    DAMAGE(leaf->level, 1);
    DAMAGE(leaf->count, 1);
    DAMAGE(leaf->slots[10], 0);
    DAMAGE(live->name, 75);
    DAMAGE(live->right, RIGHT_NONE);
    DAMAGE(live->object, 1000);
    DAMAGE(freed->right, 3);
    DAMAGE(freed->next, 0);
    DAMAGE(freed->next, space->free_head);
    DAMAGE(freed->object, 1000);
    DAMAGE(node_of(space->reverse.root)->count, 0);
    DAMAGE(space->reverse.nodes, 1);
    DAMAGE(node_of(middle->slots[0])->slots[0], 2u);

    /* The lowest leaf, all occupied, may only be passed over. */
    assert_int_equal(node_of(middle->slots[0])->bitmap, 0);
    DAMAGE(middle->bitmap, middle->bitmap | 1);
    close_space();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_outliers),
        cmocka_unit_test(test_radix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
