/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The radix tree alone, against an array: random keys, dense and sparse, and nodes refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocators/space_private.h"
#include "tests/space/model.h"

#define KEYS  3000
#define STEPS 30000

struct scene {
    struct fake fake;
    struct space_system system;
    struct radix_tree tree;
    uint64_t seed;
    unsigned nr; /* keys in the tree, in no order */
    uint32_t keys[KEYS];
};

static struct scene scene;

static int setup(void **state)
{
    struct error error = {""};

    (void)state;
    scene = (struct scene){.seed = 1};
    fake_open(&scene.fake, 4);
    return space_open(&scene.system, &space_radix, &scene.fake.slabs, NULL, NULL, 1, &error);
}

static int teardown(void **state)
{
    (void)state;
    radix_tree_remove_all(&scene.system, &scene.tree);
    if (!fake_is_empty(&scene.fake) || scene.tree.nodes != 0)
        return -1;
    space_close(&scene.system);
    fake_close(&scene.fake);
    return 0;
}

static link32_t item(uint32_t key)
{
    return key * 2 + 3; /* never 0: odd */
}

static bool insert(uint32_t key)
{
    return radix_tree_insert(&scene.system, &scene.tree, key, item(key));
}

static link32_t lookup(uint32_t key)
{
    return radix_tree_lookup(&scene.fake.machine, &scene.tree, key);
}

static bool has(uint32_t key)
{
    for (unsigned i = 0; i < scene.nr; i++) {
        if (scene.keys[i] == key)
            return true;
    }

    return false;
}

struct walk {
    unsigned seen, limit;
    uint32_t last;
};

static bool visit(void *context, uint32_t key, link32_t found)
{
    struct walk *walk = context;

    assert_int_equal(found, item(key));
    assert_true(has(key));
    assert_true(walk->seen == 0 || key > walk->last);
    walk->last = key;
    return ++walk->seen < walk->limit;
}

static void verify(void)
{
    struct walk walk = {.limit = UINT32_MAX};
    struct error error = {""};

    if (radix_tree_check(&scene.system, &scene.tree, &error) < 0)
        fail_msg("%s", error.text);
    assert_true(radix_tree_walk(&scene.fake.machine, &scene.tree, visit, &walk));
    assert_int_equal(walk.seen, scene.nr);
    for (unsigned i = 0; i < scene.nr; i++)
        assert_int_equal(lookup(scene.keys[i]), item(scene.keys[i]));
}

static uint32_t random_key(void)
{
    uint64_t random = model_random(&scene.seed);

    return (uint32_t)(random >> 8) >> random % 32; /* of any number of digits */
}

static void change(void)
{
    uint32_t key = random_key();

    if (model_random(&scene.seed) % 5 < 2 && scene.nr > 0) {
        unsigned i = (unsigned)(model_random(&scene.seed) % scene.nr);

        key = scene.keys[i];
        assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, key), item(key));
        assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, key), 0);
        scene.keys[i] = scene.keys[--scene.nr];
    } else if (scene.nr < KEYS) {
        bool there = has(key);

        assert_int_equal(lookup(key), there ? item(key) : 0);
        assert_int_equal(insert(key), !there);
        if (!there)
            scene.keys[scene.nr++] = key;
    }
}

static void play(void)
{
    for (unsigned i = 0; i < STEPS; i++) {
        change();
        if (i < 300 || i % 500 == 0)
            verify();
    }

    while (scene.nr > 0) {
        uint32_t key = scene.keys[--scene.nr];

        assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, key), item(key));
    }

    verify();
    assert_int_equal(scene.tree.nodes, 0);
    assert_int_equal(scene.tree.height, 0);
}

static void test_random_keys(void **state)
{
    (void)state;
    play();
}

static void test_random_keys_exact(void **state)
{
    (void)state;
    scene.system.exact_bitmaps = true;
    play();
}

static void test_an_empty_tree(void **state)
{
    uint32_t key = 7;

    (void)state;
    verify();
    assert_int_equal(lookup(0), 0);
    assert_int_equal(lookup(UINT32_MAX), 0);
    assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, 0), 0);
    assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, 64), 0);
    assert_true(radix_tree_insert_alloc(&scene.system, &scene.tree, item(0), &key));
    assert_int_equal(key, 0);
    assert_false(insert(0));
    assert_int_equal(lookup(1), 0);
    assert_int_equal(scene.tree.nodes, 0);
    assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, 0), item(0));
}

/* With exact bitmaps the lowest free key is chosen, whatever was removed. */
static void test_the_lowest_free_key(void **state)
{
    static bool taken[20000];

    (void)state;
    scene.system.exact_bitmaps = true;
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t lowest = 0, key;

        if (model_random(&scene.seed) % 3 == 0) {
            key = (uint32_t)(model_random(&scene.seed) % 10000);
            assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, key) != 0, taken[key]);
            taken[key] = false;
            continue;
        }

        while (taken[lowest])
            lowest++;
        assert_true(radix_tree_insert_alloc(&scene.system, &scene.tree, 1, &key));
        assert_int_equal(key, lowest);
        taken[key] = true;
    }
}

/* A path of six nodes below a root that must rise: each of them is refused once. */
static void test_nodes_refused(void **state)
{
    static const uint32_t firsts[] = {0, 1, 63, 64, 5000, 0x40000000};

    (void)state;
    for (unsigned i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        assert_true(insert(firsts[i]));
        scene.keys[scene.nr++] = firsts[i];

        struct radix_tree before = scene.tree;
        unsigned refused = 0;

        for (;; refused++) {
            scene.fake.fail_at = scene.fake.requests + refused + 1;
            if (insert(0xfffffff0))
                break;
            assert_memory_equal(&scene.tree, &before, sizeof(before));
            verify();
        }

        scene.fake.fail_at = 0;
        assert_int_equal(refused, scene.tree.nodes - before.nodes);
        assert_true(refused >= 5);
        assert_int_equal(radix_tree_remove(&scene.system, &scene.tree, 0xfffffff0),
                         item(0xfffffff0));
        assert_memory_equal(&scene.tree.height, &before.height, sizeof(before.height));
        verify();
    }

    /* The first node of an empty tree, too. */
    while (scene.nr > 0)
        radix_tree_remove(&scene.system, &scene.tree, scene.keys[--scene.nr]);
    scene.fake.fail_at = scene.fake.requests + 1;
    assert_false(insert(70000));
    verify();
    assert_int_equal(scene.tree.height, 0);
}

static void test_a_walk_can_end(void **state)
{
    struct walk walk = {.limit = 3};

    (void)state;
    for (uint32_t key = 100; key < 110; key++) {
        assert_true(insert(key));
        scene.keys[scene.nr++] = key;
    }
    assert_false(radix_tree_walk(&scene.fake.machine, &scene.tree, visit, &walk));
    assert_int_equal(walk.seen, 3);
    assert_int_equal(walk.last, 102);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_random_keys),         CASE(test_random_keys_exact), CASE(test_an_empty_tree),
        CASE(test_the_lowest_free_key), CASE(test_nodes_refused),     CASE(test_a_walk_can_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
