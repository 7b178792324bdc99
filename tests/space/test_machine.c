/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Spaces on the real machine, maps and slabs: rights with a port and a reverse key each are made
 * until memory or map refuse. What is there must be found, what was refused must have left nothing,
 * rights that go must make room for others, and the end must leave no object.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "allocators/stack.h"

#define RIGHTS_MAX 1000000
#define PORT_CACHE 0

struct right {
    uint32_t name; /* NAME_NONE: not there */
    uint64_t port; /* 0: without a reverse key */
};

struct design {
    const char *stack, *geometry;
    uint64_t megabytes;
    bool exact_bitmaps;
    bool refills; /* what goes can be had again */
};

/* With the kernel's bitmaps a full radix space is not refilled: once one leaf below an inner node
 * is full again, the rest of its subtree is passed over, and there is no memory for new nodes. */
static const struct design designs[] = {
    {"table+vm", "i386-2013", 24, false, true}, {"table+buddy", "i386-2016", 24, false, true},
    {"table+hybrid", "i386", 24, false, true},  {"table+hybrid", "amd64", 48, false, true},
    {"radix+vm", "i386-2013", 24, true, true},  {"radix+buddy", "i386-2016", 24, true, true},
    {"radix+hybrid", "i386", 24, true, true},   {"radix+hybrid", "amd64", 48, true, true},
    {"radix+hybrid", "i386", 24, false, false},
};

static struct right rights[RIGHTS_MAX];
static struct snapshot snapshot;

static void verify(struct stack *stack)
{
    struct error error = {""};
    uint32_t live = 0, keys = 0;

    if (stack->ops->check(stack, &error) < 0)
        fail_msg("%s", error.text);

    for (uint32_t i = 0; i < RIGHTS_MAX; i++) {
        if (rights[i].name == NAME_NONE)
            continue;
        live++;
        keys += rights[i].port != 0;
        assert_int_equal(stack->ops->name_lookup(stack, 0, rights[i].name), i);
        if (rights[i].port != 0)
            assert_int_equal(stack->ops->reverse_lookup(stack, 0, rights[i].port), i);
    }

    stack->ops->snapshot(stack, &snapshot, false);
    assert_int_equal(snapshot.rights, live);
    assert_int_equal(snapshot.reverse_entries, keys);
}

/* One right in three gets a port that it is found by. False when something was refused. */
static bool make(struct stack *stack, uint32_t i)
{
    rights[i].name = stack->ops->name_alloc(stack, 0, i);
    if (rights[i].name == NAME_NONE || i % 3 != 0)
        return rights[i].name != NAME_NONE;

    uint64_t port = stack->ops->cache_alloc(stack, PORT_CACHE);

    if (port == 0)
        return false;
    if (stack->ops->reverse_insert(stack, 0, rights[i].name, port)) {
        rights[i].port = port;
        return true;
    }

    stack->ops->cache_free(stack, PORT_CACHE, port);
    return false;
}

static void drop(struct stack *stack, uint32_t i)
{
    if (rights[i].name == NAME_NONE)
        return;

    if (rights[i].port != 0) {
        stack->ops->reverse_remove(stack, 0, rights[i].port);
        stack->ops->cache_free(stack, PORT_CACHE, rights[i].port);
    }

    stack->ops->name_free(stack, 0, rights[i].name);
    rights[i] = (struct right){0};
}

/* Fills what is missing, up to the first refusal; returns the right that was refused. */
static uint32_t fill(struct stack *stack)
{
    for (uint32_t i = 0; i < RIGHTS_MAX; i++) {
        if (rights[i].name == NAME_NONE && !make(stack, i))
            return i;
    }

    return RIGHTS_MAX;
}

static uint64_t derived_objects(const struct stack *stack)
{
    uint64_t objects = 0;

    stack->ops->snapshot((struct stack *)stack, &snapshot, false);
    for (unsigned i = 0; i < snapshot.nr_caches; i++) {
        const char *name = snapshot.caches[i].name;

        if (strcmp(name, "ipc_entry") == 0 || strcmp(name, "ipc_tree_entry") == 0 ||
            strcmp(name, "rdxtree_node") == 0 || strcmp(name, "ipc_space") == 0)
            objects += snapshot.caches[i].objects;
    }

    return objects;
}

static void run(const struct design *design)
{
    struct stack_config config = {.geometry = geometry_find(design->geometry),
                                  .memory = design->megabytes << 20,
                                  .captured_stack = "",
                                  .max_spaces = 4,
                                  .exact_bitmaps = design->exact_bitmaps};
    const struct stack_ops *ops = stack_find(design->stack);
    struct error error = {""};

    assert_non_null(ops);

    struct stack *stack = ops->open(ops, &config, &error);

    if (stack == NULL)
        fail_msg("%s: %s", design->stack, error.text);
    assert_true(ops->cache_create(stack, PORT_CACHE, "ipc_port", 80, 0, 0));
    assert_true(ops->space_create(stack, 0, false));

    uint32_t refused = fill(stack);

    assert_int_not_equal(stack->failure.cause, FAILURE_NONE);
    print_message("%s on %s: right %u refused: %s (%s)\n", design->stack, design->geometry, refused,
                  failure_cause_name(stack->failure.cause), stack->failure.resource);
    assert_in_range(refused, 1000, RIGHTS_MAX - 1);
    verify(stack);

    for (uint32_t i = 0; i < refused; i += 2)
        drop(stack, i);
    verify(stack);
    uint32_t again = fill(stack);
    assert_true((again >= refused / 2) == design->refills);
    verify(stack);

    for (uint32_t i = 0; i < RIGHTS_MAX; i++) {
        if (rights[i].port != 0)
            ops->cache_free(stack, PORT_CACHE, rights[i].port);
        rights[i] = (struct right){0};
    }
    ops->space_destroy(stack, 0);
    ops->space_release(stack, 0);
    verify(stack);
    assert_int_equal(derived_objects(stack), 0);
    ops->close(stack);
}

static void test_until_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(designs) / sizeof(designs[0]); i++)
        run(&designs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_until_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
