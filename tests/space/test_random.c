/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Oracle: the same random operations on every design and both pointer sizes. Each must find exactly
 * the live rights, by name and by object, whatever names it chose; in the end nothing is left.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/space/model.h"

#define OPERATIONS 32000

struct variant {
    const struct space_ops *ops;
    unsigned pointer_size;
    bool exact_bitmaps;
};

static const struct variant variants[] = {
    {&space_table, 4, false}, {&space_table, 8, false}, {&space_radix, 4, false},
    {&space_radix, 8, false}, {&space_radix, 4, true},
};

#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

struct run {
    struct model models[VARIANTS];
    struct fake fakes[VARIANTS];
    struct space_system systems[VARIANTS];
    bool active[MODEL_SPACES];
    uint64_t seed;
};

/* A live or a dead right, as asked; RIGHT_NONE when luck does not find one. */
static uint32_t pick(struct run *run, bool live)
{
    for (unsigned tries = 0; tries < 60; tries++) {
        uint32_t i = (uint32_t)(model_random(&run->seed) % MODEL_RIGHTS);

        if (run->models[0].rights[i].live == live)
            return i;
    }

    return RIGHT_NONE;
}

static void born(struct model *model, uint32_t right, uint32_t space, uint32_t name)
{
    model->rights[right] = (struct model_right){.live = true, .space = space, .name = name};
    model->live[space]++;
}

static void name_alloc(struct run *run, uint32_t space)
{
    uint32_t right = pick(run, false);

    for (unsigned v = 0; right != RIGHT_NONE && v < VARIANTS; v++) {
        uint32_t name = run->systems[v].ops->name_alloc(&run->systems[v], space, right);

        if (name == NAME_NONE)
            fail_msg("%s, %u bytes a pointer: space %u refused a name: %s", variants[v].ops->name,
                     variants[v].pointer_size, space, run->fakes[v].machine.failure.resource);
        assert_int_equal(model_find(&run->models[v], space, name), RIGHT_NONE);
        born(&run->models[v], right, space, name);
    }
}

/* A name just beyond what is in use, far away, or anywhere in between. */
static uint32_t choose(struct run *run, uint32_t space)
{
    uint64_t random = model_random(&run->seed);
    uint32_t near = run->models[0].live[space];

    switch (random % 4) {
    case 0:
        return 1 + (uint32_t)(random >> 8) % (near + 1);
    case 1:
        return 1 + near + (uint32_t)(random >> 8) % (near / 2 + 20);
    case 2:
        return 1 + (uint32_t)(random >> 8) % 100000;
    default:
        return (uint32_t)(random >> 8) | 1;
    }
}

static void name_alloc_at(struct run *run, uint32_t space)
{
    uint32_t right = pick(run, false);
    uint32_t first = choose(run, space);

    for (unsigned v = 0; right != RIGHT_NONE && v < VARIANTS; v++) {
        struct space_system *system = &run->systems[v];
        uint32_t name = first;

        while (name == NAME_NONE || name == NAME_DEAD ||
               model_find(&run->models[v], space, name) != RIGHT_NONE) {
            assert_false(system->ops->name_alloc_at(system, space, right, name));
            name++;
        }

        assert_true(system->ops->name_alloc_at(system, space, right, name));
        born(&run->models[v], right, space, name);
    }
}

static void reverse_remove(struct run *run, uint32_t right)
{
    for (unsigned v = 0; v < VARIANTS; v++) {
        struct model *model = &run->models[v];
        uint32_t space = model->rights[right].space;

        run->systems[v].ops->reverse_remove(&run->systems[v], space,
                                            model_object(model, right + 1));
        model->rights[right].object = 0;
        model->keys[space]--;
    }
}

static void name_free(struct run *run)
{
    uint32_t right = pick(run, true);

    if (right == RIGHT_NONE)
        return;

    /* Now and then with the key still there, which then goes too. */
    if (run->models[0].rights[right].object != 0 && model_random(&run->seed) % 8 != 0)
        reverse_remove(run, right);

    for (unsigned v = 0; v < VARIANTS; v++) {
        struct model *model = &run->models[v];
        struct model_right *dead = &model->rights[right];

        run->systems[v].ops->name_free(&run->systems[v], dead->space, dead->name);
        assert_int_equal(
            run->systems[v].ops->name_lookup(&run->systems[v], dead->space, dead->name),
            RIGHT_NONE);
        run->systems[v].ops->name_free(&run->systems[v], dead->space, dead->name);
        model->live[dead->space]--;
        model->keys[dead->space] -= dead->object != 0;
        dead->live = false;
    }
}

static void reverse_change(struct run *run)
{
    uint32_t right = pick(run, true);

    if (right == RIGHT_NONE)
        return;

    if (run->models[0].rights[right].object != 0) {
        reverse_remove(run, right);
        return;
    }

    for (unsigned v = 0; v < VARIANTS; v++) {
        struct model *model = &run->models[v];
        struct model_right *live = &model->rights[right];
        struct space_system *system = &run->systems[v];

        assert_true(system->ops->reverse_insert(system, live->space, live->name,
                                                model_object(model, right + 1)));
        live->object = right + 1;
        model->keys[live->space]++;
    }
}

static void space_change(struct run *run, uint32_t space)
{
    for (unsigned v = 0; v < VARIANTS; v++) {
        struct space_system *system = &run->systems[v];
        struct model *model = &run->models[v];

        if (!run->active[space]) {
            assert_true(system->ops->create(system, space, false));
            continue;
        }

        system->ops->destroy(system, space);
        system->ops->release(system, space);
        model->live[space] = 0;
        model->keys[space] = 0;
        for (uint32_t i = 0; i < MODEL_RIGHTS; i++)
            model->rights[i].live &= model->rights[i].space != space;
    }

    run->active[space] = !run->active[space];
}

/* Rights pile up for a while, then they go, so that tables grow and trees rise and shrink. */
static void step(struct run *run, unsigned i)
{
    uint32_t random = (uint32_t)(model_random(&run->seed) % (2 * MODEL_SPACES));
    uint32_t space = random < MODEL_SPACES ? random : 0; /* one is larger than the others */
    unsigned kind = (unsigned)(model_random(&run->seed) % 100);
    unsigned births = i / 8000 % 2 == 0 ? 55 : 25;

    if (!run->active[space])
        space_change(run, space);
    if (kind < births)
        name_alloc(run, space);
    else if (kind < births + 5)
        name_alloc_at(run, space);
    else if (kind < births + 17)
        reverse_change(run);
    else
        name_free(run);

    if (model_random(&run->seed) % 5000 == 0)
        space_change(run, space);
}

static void verify(const struct run *run)
{
    for (unsigned v = 0; v < VARIANTS; v++)
        model_verify(&run->models[v]);
}

static void run_open(struct run *run)
{
    struct error error = {""};

    for (unsigned v = 0; v < VARIANTS; v++) {
        fake_open(&run->fakes[v], variants[v].pointer_size);
        if (space_open(&run->systems[v], variants[v].ops, &run->fakes[v].slabs, &run->fakes[v].kmem,
                       &run->fakes[v].map, MODEL_SPACES, &error) < 0)
            fail_msg("%s", error.text);
        run->systems[v].exact_bitmaps = variants[v].exact_bitmaps;
        run->models[v].spaces = &run->systems[v];
        run->models[v].fake = &run->fakes[v];
    }
}

static void run_close(struct run *run)
{
    for (uint32_t space = 0; space < MODEL_SPACES; space++) {
        if (run->active[space])
            space_change(run, space);
    }

    for (unsigned v = 0; v < VARIANTS; v++) {
        assert_true(fake_is_empty(&run->fakes[v]));
        space_close(&run->systems[v]);
        fake_close(&run->fakes[v]);
    }
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct run *run = calloc(1, sizeof(*run));

        assert_non_null(run);
        print_message("seed %lu\n", (unsigned long)seed);
        run->seed = seed;
        run_open(run);

        for (unsigned i = 0; i < OPERATIONS; i++) {
            step(run, i);
            if (i < 200 || i % 1009 == 0)
                verify(run);
        }

        run_close(run);
        free(run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
