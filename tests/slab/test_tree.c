/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tree of slabs by address against a table of which slabs are in it.
 */

#include "cmocka_all.h"
#include "fake.h"

#include "allocators/slab_private.h"

#include <stdlib.h>

#define SLABS 512

struct forest {
    struct fake *fake;
    link32_t root;
    bool in[SLABS];
};

/* Slab number N: 8 pages at a place of its own, descriptors in the first pages. */
static link32_t descriptor(const struct forest *forest, unsigned n)
{
    return machine_link(&forest->fake->machine, machine_direct(&forest->fake->machine, 1) + n * 64);
}

static uint64_t address(const struct forest *forest, unsigned n)
{
    return machine_direct(&forest->fake->machine, 64 + 8 * n);
}

static struct slab *at(const struct forest *forest, link32_t l)
{
    return slab_at(&forest->fake->machine, l);
}

/* Black height below L, with everything that must hold. */
static int sound(const struct forest *forest, link32_t l, link32_t parent, unsigned *nr)
{
    if (l == 0) {
        return 0;
    }

    const struct slab *slab = at(forest, l);

    assert_true(slab->parent == parent);
    assert_true(!slab->red || (parent != 0 && !at(forest, parent)->red));

    for (int side = 0; side < 2; side++) {
        if (slab->child[side] != 0) {
            assert_true((at(forest, slab->child[side])->address > slab->address) == (side == 1));
        }
    }

    int left = sound(forest, slab->child[0], l, nr);
    int right = sound(forest, slab->child[1], l, nr);

    assert_int_equal(left, right);
    (*nr)++;
    return left + !slab->red;
}

static void sound_all(const struct forest *forest)
{
    unsigned expected = 0, nr = 0;

    for (unsigned i = 0; i < SLABS; i++) {
        expected += forest->in[i];
    }

    sound(forest, forest->root, 0, &nr);
    assert_int_equal(nr, expected);
}

static void insert(struct forest *forest, unsigned n)
{
    *at(forest, descriptor(forest, n)) =
        (struct slab){.address = machine_link(&forest->fake->machine, address(forest, n))};
    slab_tree_insert(&forest->fake->machine, &forest->root, descriptor(forest, n));
    forest->in[n] = true;
}

static void remove_slab(struct forest *forest, unsigned n)
{
    slab_tree_remove(&forest->fake->machine, &forest->root, descriptor(forest, n));
    forest->in[n] = false;
}

static void find(const struct forest *forest, unsigned n, unsigned offset)
{
    struct machine *machine = &forest->fake->machine;
    link32_t expected = 0;

    for (unsigned i = 0; i <= n; i++) {
        expected = forest->in[i] ? descriptor(forest, i) : expected;
    }

    assert_true(slab_tree_find(machine, forest->root, address(forest, n) + offset) == expected);
}

static struct forest open_forest(void)
{
    return (struct forest){.fake = fake_open(&slab_vm, 4, 64 + 8 * SLABS, 8)};
}

static void test_one_way(void **state)
{
    (void)state;

    for (int down = 0; down < 2; down++) {
        struct forest forest = open_forest();

        for (unsigned i = 0; i < SLABS; i++) {
            insert(&forest, down ? SLABS - 1 - i : i);
            sound_all(&forest);
        }

        for (unsigned i = 0; i < SLABS; i++) {
            find(&forest, i, 8 * (i % 4096));
            remove_slab(&forest, i);
            sound_all(&forest);
        }

        assert_int_equal(forest.root, 0);
        fake_close(forest.fake);
    }
}

static void test_random(void **state)
{
    struct forest forest = open_forest();

    (void)state;
    print_message("seed %llu\n", (unsigned long long)forest.fake->seed);

    for (unsigned i = 0; i < 20000; i++) {
        unsigned n = (unsigned)(fake_random(forest.fake) % SLABS);

        if (forest.in[n]) {
            remove_slab(&forest, n);
        } else if (i % 4000 < 3000) {
            insert(&forest, n);
        }

        find(&forest, (unsigned)(fake_random(forest.fake) % SLABS), (unsigned)(n * 8));

        if (i % 16 == 0) {
            sound_all(&forest);
        }
    }

    fake_close(forest.fake);
}

/* A search visits at most twice the logarithm of the nodes, and says how many it did. */
static void test_work(void **state)
{
    struct forest forest = open_forest();
    uint64_t *visited = &forest.fake->machine.work.nodes_visited;

    (void)state;

    for (unsigned i = 0; i < SLABS; i++) {
        insert(&forest, i);
    }

    for (unsigned i = 0; i < SLABS; i++) {
        uint64_t before = *visited;

        find(&forest, i, 0);
        assert_in_range(*visited - before, 8, 18);
    }

    fake_close(forest.fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_way),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
