/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Pictures of whole stacks: after random requests each cell must be what a walk over all frames, or
 * over all addresses of the kernel map, makes of it; and the pages that were handed out must be
 * shown as what they were asked for. A fault that is planted must be found by the check.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/stack_kernel.h"
#include "cmocka_all.h"

#define THINGS 1500
#define STEPS  6000

/* Something that is alive. */
struct thing {
    enum { NOTHING, PAGE, RUN, OBJECT, KALLOC, RANGE, RIGHT } kind;
    uint64_t address;
    uint32_t size; /* or cache, or kind of range */
};

struct world {
    struct stack *stack;
    uint64_t random;
    struct thing things[THINGS];
};

static uint32_t pick(struct world *world, uint32_t below)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((world->random >> 33) % below);
}

static const char *const caches[] = {"ipc_port", "vm_object", "kalloc_2048", "task"};
static const uint32_t sizes[] = {80, 96, 2048, 1200};
static const enum page_class families[] = {PAGE_CLASS_SLAB_IPC, PAGE_CLASS_SLAB_VM,
                                           PAGE_CLASS_SLAB_KALLOC, PAGE_CLASS_SLAB_OTHER};

static void make(struct world *world, struct thing *thing)
{
    struct stack *stack = world->stack;

    thing->kind = 1 + pick(world, RIGHT);
    switch (thing->kind) {
    case PAGE:
        thing->address =
            stack->ops->page_alloc(stack, 1, SEGMENT_HIGHMEM, PAGE_CLASS_USER, pick(world, 5) == 0);
        thing->size = 1;
        break;
    case RUN:
        thing->size = 2 + pick(world, 7);
        thing->address =
            stack->ops->page_alloc(stack, thing->size, SEGMENT_DIRECTMAP, PAGE_CLASS_USER, true);
        break;
    case OBJECT:
        thing->size = pick(world, 4);
        thing->address = stack->ops->cache_alloc(stack, thing->size);
        break;
    case KALLOC:
        thing->size = 1 + pick(world, pick(world, 10) == 0 ? 300000 : 4000);
        thing->address = stack->ops->kalloc(stack, thing->size);
        break;
    case RANGE:
        thing->size = pick(world, 4); /* wired, aligned, object, pageable */
        thing->address =
            stack->ops->map_alloc(stack, MAP_KERNEL, 4 * PAGE_SIZE, (enum kmem_kind)thing->size);
        break;
    default:
        thing->address = stack->ops->name_alloc(stack, 0, 1);
    }

    if (thing->address == 0)
        thing->kind = NOTHING;
    memset(&stack->failure, 0, sizeof(stack->failure));
}

static void drop(struct world *world, struct thing *thing)
{
    struct stack *stack = world->stack;

    switch (thing->kind) {
    case PAGE:
        stack->ops->page_free(stack, thing->address, 1, false);
        break;
    case RUN:
        stack->ops->page_free(stack, thing->address, thing->size, true);
        break;
    case OBJECT:
        stack->ops->cache_free(stack, thing->size, thing->address);
        break;
    case KALLOC:
        stack->ops->kfree(stack, thing->address, thing->size);
        break;
    case RANGE: /* all of it, or a part that leaves the rest behind for good */
        stack->ops->map_free(stack, MAP_KERNEL, thing->address + (thing->size == 3) * PAGE_SIZE,
                             (4 - (thing->size == 3)) * PAGE_SIZE);
        break;
    default:
        stack->ops->name_free(stack, 0, (uint32_t)thing->address);
    }

    thing->kind = NOTHING;
}

/* ---- What the pictures must show ---- */

/* The letter of a cell with so many pages of each class, by the rule as docs/metrics.md has it. */
static char letter_of(const uint32_t counts[PAGE_CLASSES])
{
    static const char lower[] = "#.auwtsivko";
    uint32_t pages = 0, used = 0;
    unsigned most = PAGE_CLASS_FREE;

    for (unsigned i = 0; i < PAGE_CLASSES; i++) {
        pages += counts[i];
        used += i != PAGE_CLASS_FREE ? counts[i] : 0;
    }

    for (unsigned i = PAGE_CLASSES; i-- > 0;)
        if (i != PAGE_CLASS_FREE && counts[i] != 0 &&
            (most == PAGE_CLASS_FREE || counts[i] >= counts[most]))
            most = i;

    return used * 2 > pages && lower[most] >= 'a' ? (char)(lower[most] - 32) : lower[most];
}

static enum page_class frame_class(const struct kernel_stack *ks, uint32_t frame)
{
    switch (ks->machine.pages[frame].state) {
    case PAGE_RESERVED:
        return PAGE_CLASS_RESERVED;
    case PAGE_USED:
        return (enum page_class)ks->machine.pages[frame].class;
    default:
        return PAGE_CLASS_FREE;
    }
}

static void expect_frames(const struct world *world)
{
    const struct kernel_stack *ks = kernel_stack(world->stack);
    struct occupancy_picture picture;

    world->stack->ops->occupancy(world->stack, OCCUPANCY_MEMORY, &picture);
    assert_int_equal(picture.start, 0);
    assert_true(picture.cells > OCCUPANCY_CELLS / 2 && picture.cells <= OCCUPANCY_CELLS);

    for (uint32_t cell = 0; cell < picture.cells; cell++) {
        uint32_t counts[PAGE_CLASSES] = {0};

        for (uint32_t i = 0; i < picture.pages_per_cell; i++)
            if (cell * picture.pages_per_cell + i < ks->machine.frames)
                counts[frame_class(ks, cell * picture.pages_per_cell + i)]++;
        assert_int_equal(picture.letters[cell], letter_of(counts));
    }
}

/* Whether ADDRESS is in no hole of the kernel map, or of the submap that has it. */
static bool is_taken(const struct kernel_stack *ks, uint64_t address, bool *submap)
{
    const struct map *map = &ks->maps[MAP_KERNEL];
    uint64_t start, end;

    *submap = false;
    for (unsigned i = MAP_KERNEL + 1; i < MAPS; i++)
        if (ks->map_open[i] && address >= ks->maps[i].min && address < ks->maps[i].max) {
            map = &ks->maps[i];
            *submap = true;
        }

    return !map_hole(map, address, &start, &end) || address < start;
}

static void expect_kernel_map(const struct world *world)
{
    const struct kernel_stack *ks = kernel_stack(world->stack);
    struct occupancy_picture picture;

    world->stack->ops->occupancy(world->stack, OCCUPANCY_KERNEL_MAP, &picture);
    assert_int_equal(picture.start, ks->machine.kernel_map_start);

    for (uint32_t cell = 0; cell < picture.cells; cell++) {
        uint32_t counts[PAGE_CLASSES] = {0}, inside = 0;

        for (uint32_t i = 0; i < picture.pages_per_cell; i++) {
            uint64_t page = (uint64_t)cell * picture.pages_per_cell + i;
            uint64_t address = picture.start + (page << PAGE_SHIFT);
            uint32_t frame = kmem_frame(&ks->kmem, address);
            bool submap;

            if (address >= ks->machine.kernel_map_end)
                break;

            bool taken = is_taken(ks, address, &submap);

            inside += submap;
            assert_true(taken || frame == FRAME_NONE);
            counts[frame != FRAME_NONE ? frame_class(ks, frame)
                   : taken             ? PAGE_CLASS_ADDRESS
                                       : PAGE_CLASS_FREE]++;
        }

        char letter = letter_of(counts);

        if (letter == '.' && inside == picture.pages_per_cell)
            letter = ':';
        assert_int_equal(picture.letters[cell], letter);
    }
}

/* What was asked for is shown as that. */
static void expect_things(const struct world *world)
{
    const struct kernel_stack *ks = kernel_stack(world->stack);
    static const enum page_class ranges[] = {PAGE_CLASS_WIRED, PAGE_CLASS_STACK, PAGE_CLASS_TABLE};

    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &world->things[i];
        uint32_t frame = (uint32_t)(thing->address >> PAGE_SHIFT);

        if (thing->kind == PAGE || thing->kind == RUN)
            for (uint32_t page = 0; page < thing->size; page++)
                assert_int_equal(frame_class(ks, frame + page), PAGE_CLASS_USER);

        if (thing->kind == OBJECT) {
            frame = machine_is_direct(&ks->machine, thing->address)
                        ? machine_frame(&ks->machine, thing->address)
                        : kmem_frame(&ks->kmem, thing->address);
            assert_int_equal(frame_class(ks, frame), families[thing->size]);
        }

        if (thing->kind == RANGE && thing->size != KMEM_PAGEABLE)
            assert_int_equal(frame_class(ks, kmem_frame(&ks->kmem, thing->address + PAGE_SIZE)),
                             ranges[thing->size]);
    }
}

static void begin(struct world *world, const struct stack_ops *ops, const char *geometry,
                  uint64_t memory)
{
    struct stack_config config = {
        .geometry = geometry_find(geometry), .memory = memory, .max_spaces = 1};
    struct error error = {""};

    memset(world->things, 0, sizeof(world->things));
    world->stack = ops->open(ops, &config, &error);
    if (world->stack == NULL)
        fail_msg("%s", error.text);

    for (uint32_t i = 0; i < 4; i++)
        assert_true(ops->cache_create(world->stack, i, caches[i], sizes[i], 0, 0));
    assert_true(ops->space_create(world->stack, 0, false));
}

static void expect_all(const struct world *world)
{
    struct error error = {""};

    expect_frames(world);
    expect_kernel_map(world);
    expect_things(world);
    if (world->stack->ops->check(world->stack, &error) != 0)
        fail_msg("%s", error.text);
}

static void run(const char *stack, const char *geometry, uint64_t memory)
{
    static struct world world;

    world.random = 0xd1342543de82ef95;
    print_message("%s on %s: seed %llx\n", stack, geometry, (unsigned long long)world.random);
    begin(&world, stack_find(stack), geometry, memory);
    expect_all(&world);

    for (unsigned step = 1; step <= STEPS; step++) {
        struct thing *thing = &world.things[pick(&world, THINGS)];

        if (thing->kind == NOTHING)
            make(&world, thing);
        else
            drop(&world, thing);
        if (pick(&world, 1000) == 0)
            world.stack->ops->reap(world.stack);
        if (step % (STEPS / 5) == 0)
            expect_all(&world);
    }

    world.stack->ops->close(world.stack);
}

static void test_random(void **state)
{
    (void)state;
    run("table+vm", "i386-2013", 64u << 20);
    run("radix+vm", "i386-2013", 32u << 20); /* too little: refusals */
    run("table+buddy", "i386-2016", 64u << 20);
    run("radix+buddy", "i386-2016-02", 64u << 20);
    run("radix+hybrid", "i386", 64u << 20);
    run("radix+hybrid", "i386", 1024u << 20); /* with memory above the direct map */
    run("radix+direct", "i386", 128u << 20);
    run("table+hybrid", "amd64", 96u << 20);
}

/* Submaps look different, and what is not theirs does not. */
static void test_submap(void **state)
{
    static struct world world;
    struct occupancy_picture picture;
    unsigned inside = 0, outside = 0;

    (void)state;
    begin(&world, stack_find("table+vm"), "i386-2013", 64u << 20);
    world.stack->ops->occupancy(world.stack, OCCUPANCY_KERNEL_MAP, &picture);
    for (unsigned i = 0; i < picture.cells; i++) {
        inside += picture.letters[i] == ':';
        outside += picture.letters[i] == '.';
    }

    /* 96 MiB of kmem_map but for some pages of slabs. */
    assert_in_range(inside * picture.pages_per_cell, 0x5e00, 0x6000);
    assert_true(outside > 0);
    expect_kernel_map(&world);

    /* Two more, as start-up makes them; a third of that kind is nobody's. */
    assert_int_not_equal(
        world.stack->ops->map_alloc(world.stack, MAP_KERNEL, 8u << 20, KMEM_SUBMAP), 0);
    expect_kernel_map(&world);
    world.stack->ops->close(world.stack);
}

static void expect_fault(struct world *world, const char *text)
{
    struct error error = {""};

    assert_int_equal(world->stack->ops->check(world->stack, &error), -1);
    if (strstr(error.text, text) == NULL)
        fail_msg("\"%s\" expected, found: %s", text, error.text);
}

static void test_faults(void **state)
{
    static struct world world;
    struct kernel_stack *ks;

    (void)state;
    begin(&world, stack_find("radix+hybrid"), "i386", 64u << 20);
    ks = kernel_stack(world.stack);

    uint64_t page =
        world.stack->ops->page_alloc(world.stack, 1, SEGMENT_DIRECTMAP, PAGE_CLASS_USER, false);

    expect_all(&world);
    ks->machine.pages[page >> PAGE_SHIFT].class = PAGE_CLASS_FREE;
    expect_fault(&world, "occupancy: frame");
    ks->machine.pages[page >> PAGE_SHIFT].class = PAGE_CLASS_WIRED;
    expect_fault(&world, "of class 'u'");
    ks->machine.pages[page >> PAGE_SHIFT].class = PAGE_CLASS_USER;
    ks->held.page_bytes += PAGE_SIZE;
    expect_fault(&world, "counted as held");
    ks->held.page_bytes -= PAGE_SIZE;
    expect_all(&world);
    world.stack->ops->close(world.stack);
}

/* A run of one page is one page, wherever it comes from; a rounded one is what it takes. */
static void test_runs_held(void **state)
{
    static const struct {
        const char *stack;
        uint64_t five;
    } cases[] = {{"table+vm", 5}, {"radix+buddy", 8}, {"radix+hybrid", 8}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        static struct world world;

        begin(&world, stack_find(cases[i].stack), "i386", 64u << 20);

        struct stack *stack = world.stack;
        const struct held *held = &kernel_stack(stack)->held;
        uint64_t before = held->page_bytes;
        uint64_t one = stack->ops->page_alloc(stack, 1, SEGMENT_DIRECTMAP, PAGE_CLASS_USER, true);

        assert_int_equal(held->page_bytes - before, PAGE_SIZE);
        stack->ops->page_free(stack, one, 1, true);
        assert_int_equal(held->page_bytes, before);

        uint64_t five = stack->ops->page_alloc(stack, 5, SEGMENT_DIRECTMAP, PAGE_CLASS_USER, true);

        /* The list's search takes and gives a range of the map, whose entry may keep a slab. */
        assert_in_range(held->page_bytes - before, cases[i].five * PAGE_SIZE,
                        (cases[i].five + 1) * PAGE_SIZE);
        before = held->page_bytes - cases[i].five * PAGE_SIZE;
        stack->ops->page_free(stack, five, 5, true);
        assert_int_equal(held->page_bytes, before);
        expect_all(&world);
        stack->ops->close(stack);
    }
}

static void test_null(void **state)
{
    struct occupancy_picture picture = {.cells = 3};

    (void)state;
    stack_find("null")->occupancy(NULL, OCCUPANCY_MEMORY, &picture);
    assert_int_equal(picture.cells, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random), cmocka_unit_test(test_submap),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_runs_held),
        cmocka_unit_test(test_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
