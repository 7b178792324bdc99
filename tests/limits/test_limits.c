/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Shows that counts are what can be worked out by hand where that is possible, that they do not
 * depend on what ran before, grow with memory, and that reasons say what happened.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "replay/limits_search.h"

#define MIB(n) ((uint64_t)(n) << 20)

static struct limit find(const char *stack, const char *geometry, uint64_t memory,
                         enum limits_kind kind, uint64_t size)
{
    struct limits_case subject = {.stack = stack_find(stack),
                                  .geometry = geometry_find(geometry),
                                  .memory = memory,
                                  .object_size = size};
    struct limit limit;
    struct error error = {.text = ""};

    assert_int_equal(limits_find(&subject, kind, &limit, &error), 0);
    return limit;
}

/*
 * February 2016, 64 MiB: 15595 pages are free at the start, 5 more are in a pool. A request is
 * granted while more than 501 are free, a pool takes two at a time at the end. kalloc of a page
 * takes a page, and one for each 127 descriptors of 32 bytes (a slab of them has one of its own in
 * it: 127 fit). A cache of one page is empty and can be used: kmem_slab has none at the start.
 */
static void pages_by_hand(void **state)
{
    struct limit limit = find("radix+buddy", "i386-2016-02", MIB(64), LIMITS_OBJECTS, 4096);
    uint64_t pages = 15595 + 5 - 501;

    (void)state;
    assert_true(limit.waits);
    assert_true(limit.count + limit.count / 127 + 1 >= pages - 4);
    assert_true(limit.count + limit.count / 127 + 1 <= pages + 4);
}

/* 1.6: 96 MiB of kmem_map, in runs of whole pages; 26 pages at most are taken at the start. With 48
 * MiB an object two fit never, since some pages are taken. */
static void ranges_by_hand(void **state)
{
    struct limit one = find("radix+vm", "i386-2013", MIB(256), LIMITS_OBJECTS, MIB(48));
    struct limit many = find("radix+vm", "i386-2013", MIB(256), LIMITS_OBJECTS, MIB(1));

    (void)state;
    assert_int_equal(one.count, 1);
    assert_int_equal(one.failure.requested, MIB(48));
    assert_true(one.failure.free < MIB(48) && one.failure.free > MIB(47));
    assert_string_equal(one.failure.resource, "kmem_map");
    assert_false(one.waits);
    assert_int_equal(many.count, 95);
}

/* A right takes a port of 80 bytes and an entry of 16, and a 64th of a node of 280: 100.4 bytes. */
static void rights_by_hand(void **state)
{
    struct limit a = find("radix+hybrid", "i386-2016", MIB(32), LIMITS_RIGHTS, 1);
    struct limit b = find("radix+hybrid", "i386-2016", MIB(40), LIMITS_RIGHTS, 1);
    uint64_t bytes = MIB(8) / (b.count - a.count);

    (void)state;
    assert_in_range(bytes, 100, 106); /* and what slabs leave over, and what start-up takes */
}

static void repeated(void **state)
{
    (void)state;
    for (unsigned s = 0; stack_at(s) != NULL; s++) {
        const char *stack = stack_at(s)->name;

        if (strcmp(stack, "null") == 0)
            continue;
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
            struct limit a = find(stack, "i386", MIB(32), (enum limits_kind)kind, 100);
            struct limit b = find(stack, "i386", MIB(32), (enum limits_kind)kind, 100);
            struct limit more = find(stack, "i386", MIB(36), (enum limits_kind)kind, 100);

            assert_memory_equal(&a, &b, sizeof(a));
            assert_true(more.count >= a.count);
            assert_true(more.count > 0);
            assert_int_not_equal(a.failure.cause, FAILURE_NONE);
        }
    }
}

/* Spaces hold about as many rights as one space does; the last is not counted. */
static void spaces_and_rights(void **state)
{
    struct limit rights = find("radix+buddy", "i386-2016-02", MIB(48), LIMITS_RIGHTS, 1);
    struct limit spaces = find("radix+buddy", "i386-2016-02", MIB(48), LIMITS_SPACES, 1);
    uint64_t held = spaces.count * LIMITS_SPACE_RIGHTS + spaces.partial;

    (void)state;
    assert_true(spaces.partial < LIMITS_SPACE_RIGHTS);
    assert_true(held < rights.count && held > rights.count / 100 * 98);
}

static void reason(const struct limit *limit, const char *expected)
{
    char text[LIMITS_TEXT_MAX];

    assert_string_equal(limits_reason(limit, text), expected);
}

static void reasons(void **state)
{
    struct limit limit = {.request = LIMITS_PORT, .waits = true, .pages_free = 1};

    (void)state;
    limit.failure = (struct failure){.cause = FAILURE_EXHAUSTION,
                                     .resource = "DIRECTMAP",
                                     .requested = 8192,
                                     .free = 4096,
                                     .largest = 4096,
                                     .pieces = 1};
    reason(&limit, "a port waits for pages for ever: 2 pages needed, 1 free (DIRECTMAP: 1 in 1 "
                   "piece, the largest of 1)");
    limit.failure.cause = FAILURE_FRAGMENTATION;
    limit.daemon_spins = true;
    reason(&limit, "a port waits for pages for ever: 2 pages needed, 1 free, but not in one piece "
                   "(DIRECTMAP: 1 in 1 piece, the largest of 1); the page-out daemon spins");
    limit.waits = false;
    limit.request = LIMITS_SPACE;
    reason(&limit, "a space is refused by fragmentation of DIRECTMAP: 8192 bytes needed in one "
                   "piece, 4096 free in 1 piece, the largest of 4096");
    limit.failure.largest = 8192;
    reason(&limit, "a space is refused by fragmentation of DIRECTMAP: 8192 bytes needed in one "
                   "piece, 4096 free in 1 piece, the largest of 8192, where the search does not "
                   "look");
    limit.failure.cause = FAILURE_PANIC;
    reason(&limit, "a space stops the kernel: panic, DIRECTMAP is used up");
    limit.failure.cause = FAILURE_LIMIT;
    limit.request = LIMITS_OBJECT;
    reason(&limit, "an object is refused by a limit of the design: DIRECTMAP");
}

/* The direct maps end at 832 MiB and at 1856, less a page, and at 928. */
static void memory_lost(void **state)
{
    uint64_t lost, highmem;

    (void)state;
    limits_memory(geometry_find("i386-2013"), MIB(832), &lost, &highmem);
    assert_int_equal(lost, 0);
    limits_memory(geometry_find("i386-2013"), MIB(1024), &lost, &highmem);
    assert_int_equal(lost, MIB(192) - (128 << 10) + 4096);
    assert_int_equal(highmem, 0);
    limits_memory(geometry_find("i386-2013-2g"), MIB(1856), &lost, &highmem);
    assert_int_equal(lost, 0);
    limits_memory(geometry_find("i386-2016"), MIB(1024), &lost, &highmem);
    assert_int_equal(lost, 0);
    assert_int_equal(highmem, (uint64_t)24544 * 4096);
    limits_memory(geometry_find("i386-2016-02"), MIB(1024), &lost, &highmem);
    assert_int_equal(lost, (uint64_t)24544 * 4096);
}

/* The kernel of February 2016 has a machine of its own under the name of its layout. */
static void own_machines(void **state)
{
    const struct geometry *layout = geometry_find("i386-2016");

    (void)state;
    assert_ptr_equal(limits_geometry(stack_find("radix+buddy"), layout),
                     geometry_find("i386-2016-02"));
    assert_ptr_equal(limits_geometry(stack_find("table+buddy"), layout), layout);
    assert_ptr_equal(limits_geometry(stack_find("radix+hybrid"), layout), layout);
    assert_ptr_equal(limits_geometry(stack_find("radix+buddy"), geometry_find("i386")),
                     geometry_find("i386"));
}

static void too_small(void **state)
{
    struct limits_case subject = {.stack = stack_find("radix+hybrid"),
                                  .geometry = geometry_find("i386-2016"),
                                  .memory = MIB(20),
                                  .object_size = 1};
    struct error error;

    (void)state;
    assert_int_equal(limits_check(&subject, &error), -1);
    assert_string_equal(error.text, "radix+hybrid on i386-2016 does not start with 20M of memory: "
                                    "the least is 24M");
    subject.memory = MIB(24);
    assert_int_equal(limits_check(&subject, &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_by_hand),     cmocka_unit_test(ranges_by_hand),
        cmocka_unit_test(rights_by_hand),    cmocka_unit_test(repeated),
        cmocka_unit_test(spaces_and_rights), cmocka_unit_test(reasons),
        cmocka_unit_test(memory_lost),       cmocka_unit_test(own_machines),
        cmocka_unit_test(too_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
