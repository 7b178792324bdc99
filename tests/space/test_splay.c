/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The splay tree of outliers alone, against an array of names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocators/space_private.h"
#include "tests/space/model.h"

#define NAMES 400
#define STEPS 20000

static struct fake fake;
static link32_t entries[NAMES]; /* the entry of each name */
static bool there[NAMES];
static link32_t root;

static uint32_t next_name(uint32_t name)
{
    while (name < NAMES && !there[name])
        name++;
    return name;
}

/* Ascending order without recursion, by asking for the next name. */
static void verify(void)
{
    uint32_t name = 0;
    link32_t link;

    while ((link = space_splay_from(&fake.machine, &root, name)) != 0) {
        name = next_name(name);
        assert_true(name < NAMES);
        assert_int_equal(link, entries[name]);
        name++;
    }

    assert_int_equal(next_name(name), NAMES);
}

static void step(uint64_t *seed)
{
    uint32_t name = (uint32_t)(model_random(seed) % NAMES);

    assert_int_equal(space_splay_find(&fake.machine, &root, name), there[name] ? entries[name] : 0);

    switch (model_random(seed) % 4) {
    case 0:
        assert_int_equal(space_splay_remove(&fake.machine, &root, name),
                         there[name] ? entries[name] : 0);
        there[name] = false;
        break;
    case 1:
        name = next_name(name);
        assert_int_equal(space_splay_from(&fake.machine, &root, name),
                         name < NAMES ? entries[name] : 0);
        break;
    default:
        if (!there[name])
            space_splay_insert(&fake.machine, &root, entries[name]);
        there[name] = true;
    }
}

static void test_random(void **state)
{
    uint64_t seed = 5;

    (void)state;
    fake_open(&fake, 4);
    for (uint32_t name = 0; name < NAMES; name++) {
        entries[name] = 1000 + name * 8;
        ((struct tree_entry *)machine_follow(&fake.machine, entries[name]))->name = name;
    }

    for (unsigned i = 0; i < STEPS; i++) {
        step(&seed);
        if (i < 500 || i % 100 == 0)
            verify();
    }

    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
