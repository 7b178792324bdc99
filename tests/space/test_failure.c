/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The n-th request for memory is refused, for every n: the operation fails with a cause, the space
 * is as it was, the rest of the run goes on, and in the end nothing is left.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/space/model.h"

struct scene {
    struct fake fake;
    struct space_system system;
    struct model model;
    unsigned refusals;
};

/* What an operation that fails may not change. Trees may have been rotated, so not their roots. */
struct holding {
    struct space space;
    uint64_t objects[CACHES_MAX];
    uint64_t kalloc_live, kmem_live;
};

static void hold(const struct scene *scene, struct holding *holding)
{
    memset(holding, 0, sizeof(*holding));
    holding->space = scene->system.spaces[0];
    holding->space.tree_root = 0;
    for (unsigned i = 0; i < scene->fake.slabs.nr_caches; i++)
        holding->objects[i] = scene->fake.slabs.caches[i].nr_objects;
    holding->kalloc_live = scene->fake.kalloc_live;
    holding->kmem_live = scene->fake.kmem_live;
}

/* Whether DONE; if not, nothing may have changed since BEFORE. */
static bool settle(struct scene *scene, bool done, const struct holding *before)
{
    struct holding after;

    if (done)
        return true;

    scene->refusals++;
    assert_int_equal(scene->fake.machine.failure.cause, FAILURE_EXHAUSTION);
    hold(scene, &after);
    assert_memory_equal(before, &after, sizeof(after));
    model_verify(&scene->model);
    return false;
}

static void born(struct scene *scene, uint32_t right, uint32_t name)
{
    scene->model.rights[right] = (struct model_right){.live = true, .name = name};
    scene->model.live[0]++;
}

static void name_alloc(struct scene *scene, uint32_t right)
{
    struct holding before;
    uint32_t name;

    hold(scene, &before);
    name = scene->system.ops->name_alloc(&scene->system, 0, right);
    if (settle(scene, name != NAME_NONE, &before))
        born(scene, right, name);
}

static void name_alloc_at(struct scene *scene, uint32_t right, uint32_t name)
{
    struct holding before;

    if (model_find(&scene->model, 0, name) != RIGHT_NONE)
        return;

    hold(scene, &before);
    if (settle(scene, scene->system.ops->name_alloc_at(&scene->system, 0, right, name), &before))
        born(scene, right, name);
}

static void reverse_insert(struct scene *scene, uint32_t right)
{
    struct model_right *live = &scene->model.rights[right];
    struct holding before;

    if (!live->live)
        return;

    hold(scene, &before);
    if (settle(scene,
               scene->system.ops->reverse_insert(&scene->system, 0, live->name,
                                                 model_object(&scene->model, right + 1)),
               &before)) {
        live->object = right + 1;
        scene->model.keys[0]++;
    }
}

static void name_free(struct scene *scene, uint32_t right)
{
    struct model_right *live = &scene->model.rights[right];

    if (!live->live)
        return;

    scene->system.ops->name_free(&scene->system, 0, live->name);
    scene->model.keys[0] -= live->object != 0;
    scene->model.live[0]--;
    live->live = false;
}

/* Three levels of nodes, tables beyond a page, outliers near and far, early growth. */
static void play(struct scene *scene)
{
    static const uint32_t chosen[] = {7, 6, 4, 70000, 5000, 15, 14, 13, 12, 11, 10, 9, 4097};
    struct holding before;

    hold(scene, &before);
    if (!settle(scene, scene->system.ops->create(&scene->system, 0, false), &before))
        return;

    for (uint32_t i = 0; i < sizeof(chosen) / sizeof(chosen[0]); i++)
        name_alloc_at(scene, 1000 + i, chosen[i]);
    for (uint32_t i = 0; i < 900; i++) {
        name_alloc(scene, i);
        if (i % 4 == 0)
            reverse_insert(scene, i);
    }
    reverse_insert(scene, 1003);
    for (uint32_t i = 100; i < 220; i++)
        name_free(scene, i);
    for (uint32_t i = 100; i < 300; i++) {
        if (!scene->model.rights[i].live)
            name_alloc(scene, i);
    }
    name_alloc_at(scene, 1100, 4000000);
}

/* Returns the number of requests that a run makes; the FAIL_AT-th is refused. */
static uint64_t run(const struct space_ops *ops, uint64_t fail_at)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    struct error error = {""};
    uint64_t requests;

    assert_non_null(scene);
    fake_open(&scene->fake, 4);
    assert_int_equal(space_open(&scene->system, ops, &scene->fake.slabs, &scene->fake.kmem,
                                &scene->fake.map, MODEL_SPACES, &error),
                     0);
    scene->model.spaces = &scene->system;
    scene->model.fake = &scene->fake;
    scene->fake.fail_at = fail_at;

    play(scene);
    requests = scene->fake.requests;
    assert_int_equal(scene->refusals, fail_at != 0);
    model_verify(&scene->model);
    ops->release(&scene->system, 0);
    assert_true(fake_is_empty(&scene->fake));

    space_close(&scene->system);
    fake_close(&scene->fake);
    free(scene);
    return requests;
}

static void fail_each(const struct space_ops *ops)
{
    uint64_t requests = run(ops, 0);

    for (uint64_t n = 1; n <= requests; n++)
        run(ops, n);
    print_message("%s: %lu requests refused, one in each run\n", ops->name,
                  (unsigned long)requests);
}

static void test_table(void **state)
{
    (void)state;
    fail_each(&space_table);
}

static void test_radix(void **state)
{
    (void)state;
    fail_each(&space_radix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_radix)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
