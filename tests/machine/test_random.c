/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Random sequences of requests against allocators so simple that they are right by inspection.
 *
 * The free-page list must agree frame by frame with an array of free frames. Of the buddy, what
 * any correct buddy must keep is shown: no page is handed out twice, none is lost, runs are aligned
 * and whole, and after every step the blocks are those of the coarsest division of the free pages
 * (merging is complete, pooled pages excepted). Every sequence runs with pages failing by injection
 * now and then; the seed is printed when a test fails.
 */

#include "helper.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAMES 4096
#define STEPS  4000
#define SEEDS  6

struct run {
    uint32_t frame;
    uint32_t nr;
};

struct world {
    struct bench bench;
    uint64_t random;
    uint8_t used[FRAMES];
    struct run runs[FRAMES];
    unsigned nr_runs;
    uint32_t list[FRAMES]; /* free frames, the next to be handed out last */
    unsigned length;
};

static const struct segment one[] = {{SEGMENT_DIRECTMAP, 0, FRAMES}};
static const struct segment three[] = {
    {SEGMENT_DMA, 3, 700}, {SEGMENT_DIRECTMAP, 700, 2777}, {SEGMENT_HIGHMEM, 2777, FRAMES}};

static void take(struct world *world, uint32_t frame, uint32_t nr, uint32_t whole)
{
    for (uint32_t i = 0; i < whole; i++) {
        assert_true(frame + i < FRAMES);
        assert_false(world->used[frame + i]);
        world->used[frame + i] = true;
    }
    world->runs[world->nr_runs++] = (struct run){frame, nr};
}

static struct run drop(struct world *world, uint32_t (*whole)(uint32_t))
{
    unsigned pick = random_below(&world->random, world->nr_runs);
    struct run run = world->runs[pick];

    world->runs[pick] = world->runs[--world->nr_runs];
    for (uint32_t i = 0; i < whole(run.nr); i++)
        world->used[run.frame + i] = false;
    return run;
}

static uint32_t exactly(uint32_t nr)
{
    return nr;
}

static uint32_t rounded(uint32_t nr)
{
    uint32_t power = 1;

    while (power < nr)
        power *= 2;
    return power;
}

/* The list's model. */

static uint32_t model_grab(struct world *world)
{
    return world->length == 0 ? FRAME_NONE : world->list[--world->length];
}

static bool model_has(const struct world *world, uint32_t frame)
{
    for (unsigned i = 0; i < world->length; i++)
        if (world->list[i] == frame)
            return true;
    return false;
}

static uint32_t model_grab_run(struct world *world, uint32_t nr)
{
    uint32_t found = 0;

    for (uint32_t frame = 0; frame < FRAMES; frame++) {
        found = model_has(world, frame) ? found + 1 : 0;
        if (found == nr) {
            uint32_t start = frame + 1 - nr;
            unsigned kept = 0;

            for (unsigned i = 0; i < world->length; i++)
                if (world->list[i] - start >= nr)
                    world->list[kept++] = world->list[i];
            world->length = kept;
            return start;
        }
    }
    return FRAME_NONE;
}

static void list_step(struct world *world)
{
    struct pages *pages = &world->bench.pages;
    uint32_t choice = random_below(&world->random, 100);

    if (choice < 49 || world->nr_runs == 0) {
        uint32_t nr = choice < 3 ? 1 + random_below(&world->random, 20) : 1;
        uint32_t frame = choice < 3 ? pages_list.grab_run(pages, nr, SEGMENT_DIRECTMAP)
                                    : pages_list.grab(pages, SEGMENT_DIRECTMAP);

        assert_int_equal(frame, choice < 3 ? model_grab_run(world, nr) : model_grab(world));
        if (frame != FRAME_NONE)
            take(world, frame, nr, nr);
    } else {
        struct run run = drop(world, exactly);

        if (run.nr == 1)
            pages_list.put(pages, run.frame);
        else
            pages_list.put_run(pages, run.frame, run.nr);
        for (uint32_t i = 0; i < run.nr; i++)
            world->list[world->length++] = run.frame + i;
    }
    assert_int_equal(pages->free, world->length);
}

static void list_run(uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    uint32_t first = 64;

    print_message("seed %llu\n", (unsigned long long)seed);
    world->random = seed;
    bench_open(&world->bench, &pages_list, "i386-2013", one, 1);
    for (uint32_t frame = first + 300; frame > first; frame--) {
        pages_list.release(&world->bench.pages, frame - 1);
        world->list[world->length++] = frame - 1;
    }

    for (unsigned step = 0; step < STEPS; step++) {
        list_step(world);
        if (step % 64 == 0)
            bench_check(&world->bench);
    }
    bench_check(&world->bench);
    bench_close(&world->bench);
    free(world);
}

static void list_agrees(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        list_run(seed * 0x9e3779b97f4a7c15);
}

/* The buddy. */

static bool is_free(const struct world *world, uint32_t frame)
{
    uint8_t state = world->bench.machine.pages[frame].state;

    return state == PAGE_FREE_HEAD || state == PAGE_FREE_BODY;
}

/* Free blocks of a segment, if every pair of buddies that can merge has: for each frame the largest
 * aligned block of free pages inside the segment. */
static void division(const struct world *world, const struct segment *segment,
                     uint32_t blocks[ORDERS])
{
    memset(blocks, 0, ORDERS * sizeof(blocks[0]));
    for (uint32_t frame = segment->start; frame < segment->end;) {
        unsigned order = ORDERS;
        bool whole = false;

        while (order-- > 0 && !whole) {
            uint32_t size = (uint32_t)1 << order;

            whole = frame % size == 0 && size <= segment->end - frame;
            for (uint32_t i = 0; i < size && whole; i++)
                whole = is_free(world, frame + i);
            if (whole) {
                blocks[order]++;
                frame += size;
            }
        }
        if (!whole)
            frame++;
    }
}

static void buddy_compare(struct world *world)
{
    const struct machine *machine = &world->bench.machine;
    uint32_t used = 0;
    uint32_t accounted = 0;
    uint32_t given = 0;

    for (uint32_t frame = 0; frame < FRAMES; frame++) {
        assert_int_equal(world->used[frame], machine->pages[frame].state == PAGE_USED);
        used += world->used[frame];
        given += machine->pages[frame].state != PAGE_RESERVED;
    }

    for (unsigned i = 0; i < machine->nr_segments; i++) {
        uint32_t blocks[ORDERS];
        struct page_counts counts;

        world->bench.pages.ops->counts(&world->bench.pages, i, &counts);
        division(world, &machine->segments[i], blocks);
        assert_memory_equal(counts.blocks, blocks, sizeof(blocks));
        accounted += counts.free + counts.pool;
    }
    assert_int_equal(used + accounted, given);
    bench_check(&world->bench);
}

static void buddy_grab(struct world *world)
{
    struct pages *pages = &world->bench.pages;
    enum segment_kind highest = (enum segment_kind)random_below(&world->random, 4);
    uint32_t nr = random_below(&world->random, 4) == 0 ? 1 + random_below(&world->random, 40) : 1;
    bool run = nr > 1 || random_below(&world->random, 8) == 0;
    uint32_t frame;

    if (random_below(&world->random, 50) == 0)
        world->bench.machine.fail_page = 1 + random_below(&world->random, 5);

    world->bench.machine.failure.cause = FAILURE_NONE;
    frame = run ? pages->ops->grab_run(pages, nr, highest) : pages->ops->grab(pages, highest);
    if (frame == FRAME_NONE) {
        assert_int_not_equal(world->bench.machine.failure.cause, FAILURE_NONE);
        return;
    }

    assert_int_equal(world->bench.machine.failure.cause, FAILURE_NONE);
    assert_int_equal(frame % rounded(nr), 0);
    assert_true(world->bench.machine.pages[frame].segment <= pages->highest[highest]);
    assert_int_equal(world->bench.machine.pages[frame].segment,
                     world->bench.machine.pages[frame + rounded(nr) - 1].segment);
    take(world, frame, nr, rounded(nr));
}

static void buddy_drop(struct world *world)
{
    struct pages *pages = &world->bench.pages;
    struct run run = drop(world, rounded);

    if (run.nr == 1)
        pages->ops->put(pages, run.frame);
    else
        pages->ops->put_run(pages, run.frame, run.nr);
}

/* Fills up, empties, and fills again, so that both ends are met. */
static void buddy_run(const struct pages_ops *ops, uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));

    print_message("%s, seed %llu\n", ops->name, (unsigned long long)seed);
    world->random = seed;
    bench_open(&world->bench, ops, "i386", three, 3);
    for (uint32_t frame = 3; frame < FRAMES; frame++)
        if (frame % 513 != 0)
            ops->release(&world->bench.pages, frame);
    buddy_compare(world);

    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t bias = step / 1000 % 2 == 0 ? 75 : 25;

        world->bench.machine.daemon_running = step > 2000;
        world->bench.machine.privileged = random_below(&world->random, 10) == 0;
        if (world->nr_runs == 0 || random_below(&world->random, 100) < bias)
            buddy_grab(world);
        else
            buddy_drop(world);
        if (step % 16 == 0)
            buddy_compare(world);
    }

    while (world->nr_runs > 0)
        buddy_drop(world);
    buddy_compare(world);
    bench_close(&world->bench);
    free(world);
}

static void buddy_keeps_its_promises(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        buddy_run(&pages_buddy, seed * 0x9e3779b97f4a7c15);
        buddy_run(&pages_buddy_segments, seed * 0x9e3779b97f4a7c15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_agrees),
        cmocka_unit_test(buddy_keeps_its_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
