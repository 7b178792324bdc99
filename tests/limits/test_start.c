/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Shows that the model of start-up leaves what the real kernels had when the first right was
 * allocated: pages free by segment, maps and live objects as their counters give them, by the
 * captured start and by the model alike; and what start-up takes from the kernel map at every size
 * of memory of which that is known.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "allocators/stack_kernel.h"
#include "replay/limits_search.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB(n)       ((uint64_t)(n) << 20)

struct started {
    struct geometry geometry;
    struct stack *stack;
    struct start_state state;
};

static void open_start(struct started *started, const char *stack, const char *geometry,
                       uint64_t memory, bool captured)
{
    const struct stack_ops *ops = stack_find(stack);
    const struct start *start = start_find(ops, geometry_find(geometry));
    const struct start_data *data = start_data_find(start);
    struct error error = {.text = ""};

    memset(started, 0, sizeof(*started));
    started->geometry = *geometry_find(geometry);
    started->geometry.image_frames += start->image_frames;
    if (start->low_start != 0)
        started->geometry.low_start = start->low_start;

    struct stack_config config = {
        .geometry = &started->geometry,
        .memory = memory,
        .slab_submap_start = started->geometry.slab_submap_size != 0 ? data->slab_submap_start : 0,
        .boot_pages_follow = true,
        .captured_stack = data->stack,
        .captured_pointer_size = 4,
        .max_spaces = 64,
    };

    started->stack = ops->open(ops, &config, &error);
    assert_non_null(started->stack);
    assert_int_equal(start_run(start, started->stack, captured, &started->state, &error), 0);
    assert_int_equal(ops->check(started->stack, &error), 0);
}

static void close_start(struct started *started)
{
    started->stack->ops->close(started->stack);
}

/* The counters at the mark `start` of each log of a machine of 64 MiB. */
static const struct {
    const char *stack, *geometry;
    uint32_t free[2], pool; /* by segment, and in the pool of the last */
    unsigned map_entries;   /* of kernel_map */
    uint64_t map_bytes;
} counters[] = {
    {"table+vm", "i386-2013", {15554, 0}, 0, 0, 0},
    {"radix+vm", "i386-2013", {15543, 0}, 0, 0, 0},
    {"radix+buddy", "i386-2016-02", {3729, 11866}, 5, 0, 0},
    {"radix+hybrid", "i386-2016", {3983, 11774}, 2, 5, 93347840},
};

static void counters_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(counters); i++)
        for (int captured = 0; captured < 2; captured++) {
            struct started started;
            struct kernel_stack *ks;

            open_start(&started, counters[i].stack, counters[i].geometry, MIB(64), captured);
            ks = kernel_stack(started.stack);
            for (unsigned s = 0; s < ks->machine.nr_segments; s++) {
                struct page_counts counts;

                ks->page_design->counts(&ks->pages, s, &counts);
                assert_int_equal(counts.free, counters[i].free[s]);
                if (s + 1 == ks->machine.nr_segments)
                    assert_int_equal(counts.pool, counters[i].pool);
            }
            if (counters[i].map_entries != 0) {
                assert_int_equal(ks->maps[MAP_KERNEL].nr_entries, counters[i].map_entries);
                assert_int_equal(ks->maps[MAP_KERNEL].size, counters[i].map_bytes);
            }
            assert_int_equal(started.state.space, 3);
            assert_int_equal(started.state.next_space, 4);
            close_start(&started);
        }
}

/* Where kmem_map of 1.5 begins tells what start-up took of the kernel map, at five sizes. */
static void submap_starts(void **state)
{
    static const struct {
        unsigned mib;
        uint64_t start;
    } known[] = {
        {64, 0xc41cf000},  {128, 0xc82c0000},  {256, 0xd04a5000},
        {512, 0xe086e000}, {1024, 0xf4d79000},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(known); i++) {
        struct started started;

        open_start(&started, "table+vm", "i386-2013", MIB(known[i].mib), false);
        assert_true(kernel_stack(started.stack)->map_open[MAP_SLAB]);
        assert_int_equal(kernel_stack(started.stack)->maps[MAP_SLAB].min, known[i].start);
        close_start(&started);
    }
}

/* The tables of the pmap, in bytes, of the captured machines, and of Debian's of 512 and 128 MiB.
 */
static void pmap_tables(void **state)
{
    static const struct {
        const char *geometry;
        unsigned mib;
        uint64_t bytes;
    } known[] = {
        {"i386-2013", 64, 217088},    {"i386-2013", 128, 0x69000}, {"i386-2016-02", 64, 217088},
        {"i386-2016", 64, 217088},    {"i386", 512, 0x1a4000},     {"i386", 128, 0x69000},
        {"i386-2016", 1024, 3440640}, /* HIGHMEM has its share: 262064 pages */
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(known); i++) {
        struct machine machine;
        struct error error;

        assert_int_equal(machine_open(&machine, geometry_find(known[i].geometry), MIB(known[i].mib),
                                      NULL, 0, 0, 0, &error),
                         0);
        assert_int_equal(machine_pmap_bytes(&machine), known[i].bytes);
        machine_close(&machine);
    }
}

static uint32_t first_release(const char *geometry, uint32_t image, uint32_t low, unsigned mib)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct geometry own = *geometry_find(geometry);
    struct machine machine;
    struct error error;
    uint32_t pages = 0;

    own.image_frames += image;
    if (low != 0)
        own.low_start = low;
    assert_int_equal(machine_open(&machine, &own, MIB(mib), NULL, 0, 0, 0, &error), 0);
    for (unsigned i = machine_boot_ranges(&machine, ranges); i-- > 0;)
        if (ranges[i].phase == 0)
            pages += ranges[i].end - ranges[i].start;
    machine_close(&machine);
    return pages;
}

/* Pages released before the first cache was made, counted in the logs of 1.5 and 1.6. The log of
 * 128 MiB had a module of one page less, copied before. */
static void released_before_caches(void **state)
{
    (void)state;
    assert_int_equal(first_release("i386-2013", 0, 0, 64), 15641);
    assert_int_equal(first_release("i386-2013", 0, 0, 128), 31821 - 1);
    assert_int_equal(first_release("i386-2013", 1, 0x10, 64), 15625);
}

/* Counters that Debian's kernel had when it booted with 1 GiB; its modules were smaller. */
static void debian_1_gib(void **state)
{
    struct machine machine;
    struct error error;
    uint64_t pages = 0;

    (void)state;
    assert_int_equal(
        machine_open(&machine, geometry_find("i386"), MIB(1024), NULL, 0, 0, 0, &error), 0);
    assert_int_equal(machine.nr_segments, 3);
    assert_int_equal(machine.segments[0].end - machine.segments[0].start, 4080);
    assert_int_equal(machine.segments[1].end - machine.segments[1].start, 219136);
    for (unsigned i = 0; i < machine.nr_segments; i++)
        pages += machine.segments[i].end - machine.segments[i].start;
    assert_int_equal(machine.segments[2].end - machine.segments[2].start, 38880);
    assert_int_equal(pages, 262096);
    machine_close(&machine);
}

/* Every stack starts on every geometry of 64 MiB, with threads' stacks and the space of a task. */
static void all_start(void **state)
{
    (void)state;
    for (unsigned s = 0; stack_at(s) != NULL; s++)
        for (unsigned g = 0; geometry_at(g) != NULL; g++) {
            struct started started;

            if (strcmp(stack_at(s)->name, "null") == 0)
                continue;
            open_start(&started, stack_at(s)->name, geometry_at(g)->name, MIB(64), false);
            assert_true(started.state.nr_stacks >= 3);
            assert_true(started.state.space >= 3);
            close_start(&started);
        }
}

static void captured_only_where_captured(void **state)
{
    const struct stack_ops *stack = stack_find("radix+hybrid");
    const struct geometry *geometry = geometry_find("i386-2016");
    const struct start *start = start_find(stack, geometry);

    (void)state;
    assert_string_equal(start->name, "radix+hybrid-1.8");
    assert_true(start_is_captured(start, stack, geometry, MIB(64)));
    assert_false(start_is_captured(start, stack, geometry, MIB(128)));
    assert_false(start_is_captured(start, stack_find("table+hybrid"), geometry, MIB(64)));
    assert_false(start_is_captured(start, stack, geometry_find("i386-2013"), MIB(64)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_agree),
        cmocka_unit_test(submap_starts),
        cmocka_unit_test(pmap_tables),
        cmocka_unit_test(released_before_caches),
        cmocka_unit_test(debian_1_gib),
        cmocka_unit_test(all_start),
        cmocka_unit_test(captured_only_where_captured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
