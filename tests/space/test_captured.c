/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The requests of a captured kernel: each name must be the captured one, and nodes and entries as
 * many as there at every point where they were counted. The whole captures are replayed elsewhere;
 * this one shows a difference at the line of the request.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/space/fake.h"

#define SPACES 16
#define RIGHT  1

static struct fake fake;
static struct space_system spaces;
static unsigned line;

static void expect(uint32_t found, uint32_t captured, const char *what)
{
    if (found != captured)
        fail_msg("line %u: %s %x, captured %x", line, what, found, captured);
}

static uint64_t address(uint32_t key)
{
    return fake.machine.kernel_base + (uint64_t)key * 8;
}

static void run_line(char kind, uint32_t space, uint32_t name, uint32_t key)
{
    const struct space_ops *ops = spaces.ops;

    switch (kind) {
    case 'c':
    case 's':
        expect(ops->create(&spaces, space, kind == 's'), true, "created");
        break;
    case 'd':
        ops->destroy(&spaces, space);
        break;
    case 'r':
        ops->release(&spaces, space);
        break;
    case 'n':
        expect(ops->name_alloc(&spaces, space, RIGHT), name, "name");
        break;
    case '@':
        expect(ops->name_alloc_at(&spaces, space, RIGHT, name), true, "name taken");
        break;
    case 'f':
        expect(ops->name_lookup(&spaces, space, name), RIGHT, "right");
        ops->name_free(&spaces, space, name);
        break;
    case '+':
        expect(ops->reverse_insert(&spaces, space, name, address(key)), true, "key entered");
        break;
    case '-':
        expect(ops->reverse_lookup(&spaces, space, address(name)), RIGHT, "right of a key");
        ops->reverse_remove(&spaces, space, address(name));
        break;
    default:
        fail_msg("line %u: unknown request %c", line, kind);
    }
}

static void check(void)
{
    struct error error = {""};

    for (uint32_t i = 0; i < SPACES; i++) {
        if (spaces.ops->check(&spaces, i, &error) < 0)
            fail_msg("line %u: %s", line, error.text);
    }
}

static void test_build(void **state)
{
    FILE *file = fopen(SOURCE_FOLDER "/captured-build.txt", "r");
    struct error error = {""};
    unsigned requests = 0;
    char text[128];

    (void)state;
    assert_non_null(file);
    fake_open(&fake, 4);
    assert_int_equal(space_open(&spaces, &space_radix, &fake.slabs, NULL, NULL, SPACES, &error), 0);

    while (fgets(text, sizeof(text), file) != NULL) {
        unsigned first = 0, name = 0, key = 0;

        line++;
        if (text[0] == '#')
            continue;

        if (text[0] == '=') {
            assert_int_equal(sscanf(text, "= %x %x", &name, &key), 2);
            expect((uint32_t)fake_live(&fake, "rdxtree_node"), name, "nodes");
            expect((uint32_t)fake_live(&fake, "ipc_entry"), key, "entries");
            check();
            continue;
        }

        assert_true(sscanf(text + 1, "%u %x %x", &first, &name, &key) >= 1);
        run_line(text[0], first, name, key);
        requests++;
    }

    assert_int_equal(requests, 6000);
    check();
    for (uint32_t i = 0; i < SPACES; i++)
        spaces.ops->release(&spaces, i);
    assert_true(fake_is_empty(&fake));
    fclose(file);
    space_close(&spaces);
    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_build)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
