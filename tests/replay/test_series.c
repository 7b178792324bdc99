/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Series: columns of a scripted stack against figures worked out by hand, those of real stacks
 * against snapshots and pictures taken beside them, and the JSON for its shape.
 */

#include "replay/series.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/stack_kernel.h"
#include "build.h"
#include "cmocka_all.h"
#include "replay/series_json.h"

static struct series series;
static struct snapshot snapshot;

static void open_series(unsigned max)
{
    struct error error = {""};

    if (series_open(&series, max, &error) != 0)
        fail_msg("%s", error.text);
}

/* Two caches, two segments of which one is out of reach of kernel objects, one map. */
static void script(void)
{
    fake_reset();
    fake.stack.ops = &fake_stack;
    fake.snapshot = (struct snapshot){
        .nr_caches = 2,
        .caches = {{.name = "ipc_port",
                    .buffers_per_slab = 10,
                    .objects = 12,
                    .buffers = 40,
                    .slabs = 4,
                    .free_slabs = 1,
                    .partial_slabs = 2,
                    .fullness = {[1] = 1, [3] = 1},
                    .requested_bytes = 900},
                   {.name = "never", .buffers_per_slab = 7}},
        .nr_segments = 2,
        .segments = {{.kind = SEGMENT_DIRECTMAP,
                      .counts = {.free = 15, .pool = 4, .blocks = {15}},
                      .blocks = {3, 2, 0, 1}},
                     {.kind = SEGMENT_HIGHMEM,
                      .counts = {.free = 1024, .pool = 1},
                      .blocks = {[10] = 1}}},
        .maps = {{.name = "kernel_map",
                  .counts = {.free = 40960,
                             .largest_hole = 16384,
                             .holes = 4,
                             .entries = 9,
                             .too_small = 8192,
                             .hole_sizes = {2, 1, 1}}}},
        .nr_spaces = 1,
        .spaces = {{.space = 5,
                    .rights = 70,
                    .bytes = 2048,
                    .transient_peak = 3072,
                    .next_growth = 4096}},
        .live_spaces = 3,
        .rights = 90,
        .transient_peak = 5000,
        .held = {.page_bytes = 100, .slab_bytes = 1200, .map_bytes = 300, .space_bytes = 400}};
    fake.pictures[OCCUPANCY_MEMORY] =
        (struct occupancy_picture){.cells = 3, .pages_per_cell = 8, .letters = "#u."};
}

static void take(uint64_t event, int64_t mark, bool deep)
{
    struct series_point point = {
        .event = event, .time = event * 10, .requested = event * 100, .mark = mark, .deep = deep};

    series_take(&series, &fake.stack, &point, &snapshot);
}

static void test_columns(void **state)
{
    const struct series_sample *sample;

    (void)state;
    script();
    open_series(4);
    take(7, SERIES_NO_MARK, false);
    assert_int_equal(series.nr, 1);
    assert_int_equal(fake.deep_snapshots, 0);

    sample = &series.samples[0];
    assert_int_equal(sample->event, 7);
    assert_int_equal(sample->time, 70);
    assert_int_equal(sample->requested, 700);
    assert_int_equal(sample->mark, -1);
    assert_int_equal(sample->held.map_bytes, 300);
    assert_int_equal(sample->objects, 12);
    assert_int_equal(sample->slabs, 4);
    assert_int_equal(sample->partial_slabs, 2);
    assert_int_equal(sample->free_slabs, 1);
    assert_int_equal(sample->slab_requested, 900);
    assert_int_equal(sample->slab_waste, 300);
    assert_int_equal(sample->fullness, 400); /* 12 of the 30 in slabs with objects */
    assert_int_equal(sample->rights, 90);
    assert_int_equal(sample->spaces, 3);
    assert_int_equal(sample->transient_peak, 5000);
    assert_int_equal(sample->largest.space, 5);
    assert_int_equal(sample->largest.rights, 70);
    assert_int_equal(sample->largest.bytes, 2048);
    assert_int_equal(sample->largest.transient_peak, 3072);
    assert_int_equal(sample->largest.next_growth, 4096);
    assert_int_equal(sample->free_pages, 1039);
    assert_int_equal(sample->pool_pages, 5);
    assert_int_equal(sample->segments[0].blocks[0], 3); /* as blocks, not as the list has them */
    assert_int_equal(sample->segments[1].blocks[10], 1);
    assert_int_equal(sample->unusable[1], 200); /* HIGHMEM does not count */
    assert_int_equal(sample->unusable[4], 1000);
    assert_int_equal(sample->extfrag[3], -1000);
    assert_int_equal(sample->extfrag[4], 678);
    assert_int_equal(sample->free_huge, 100);
    assert_int_equal(sample->largest_block, 8 * PAGE_SIZE);
    assert_int_equal(sample->maps[0].free, 40960);
    assert_int_equal(sample->maps[0].largest_hole, 16384);
    assert_int_equal(sample->maps[0].holes, 4);
    assert_int_equal(sample->maps[0].entries, 9);
    assert_int_equal(sample->maps[0].unusable, 200);
    assert_memory_equal(series.pictures[OCCUPANCY_MEMORY], "#u.", 3);
    assert_int_equal(series.caches[0].objects, 12);
    assert_int_equal(series.caches[0].slabs, 4);
    assert_int_equal(series.caches[0].partial_slabs, 2);
    assert_int_equal(series.caches[0].free_slabs, 1);
    series_close(&series);
}

/* The worst of each figure, and when it was first seen. */
static void test_worst(void **state)
{
    (void)state;
    script();
    open_series(4);
    assert_false(series.waste.known);
    take(0, SERIES_NO_MARK, false); /* before the first event: a sample like any other */

    fake.snapshot.segments[0].blocks[0] = 11; /* 23 pages: order 1 cannot use 11 of them */
    fake.snapshot.maps[0].counts.largest_hole = 12288;
    fake.snapshot.held.slab_bytes = 1800;
    take(20, SERIES_NO_MARK, false);
    take(30, SERIES_NO_MARK, false);

    fake.snapshot.segments[0].blocks[0] = 0;
    fake.snapshot.maps[0].counts.largest_hole = 20480;
    fake.snapshot.maps[0].counts.too_small = 20480;
    fake.snapshot.held.slab_bytes = 900;
    fake.snapshot.segments[0].blocks[8] = 2;
    take(40, SERIES_NO_MARK, false);

    assert_int_equal(series.unusable[1].value, 478);
    assert_int_equal(series.unusable[1].event, 20);
    assert_int_equal(series.unusable[10].value, 1000);
    assert_int_equal(series.unusable[10].event, 0);
    assert_int_equal(series.largest_hole[0].value, 12288);
    assert_int_equal(series.largest_hole[0].event, 20);
    assert_int_equal(series.map_unusable[0].value, 500);
    assert_int_equal(series.map_unusable[0].event, 40);
    assert_false(series.largest_hole[1].known);
    assert_int_equal(series.waste.value, 500);
    assert_int_equal(series.waste.event, 20);
    assert_int_equal(series.free_huge.value, 0);
    assert_int_equal(series.free_huge.event, 40);

    /* There is no room for more, and that is told. The snapshot is taken all the same. */
    take(50, SERIES_NO_MARK, true);
    assert_int_equal(series.nr, 4);
    assert_int_equal(series.missed, 1);
    assert_int_equal(series.nr_deep, 0);
    assert_int_equal(fake.deep_snapshots, 1);
    series_close(&series);
}

static void test_deep(void **state)
{
    (void)state;
    script();
    open_series(3);
    take(1, SERIES_NO_MARK, false);
    take(2, 0, true);
    assert_int_equal(series.nr_deep, 1);
    assert_int_equal(series.deep[0].sample, 1);
    assert_int_equal(series.deep[0].fullness[1], 1);
    assert_int_equal(series.deep[0].fullness[2], 0);
    assert_int_equal(series.deep[0].fullness[3], 1);
    assert_int_equal(series.deep[0].hole_sizes[0][0], 2);
    assert_int_equal(series.samples[1].mark, 0);
    series_close(&series);
}

/* ---- JSON ---- */

static void expect_integers(const json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i;

    assert_false(json_is_real(value) || json_is_null(value));
    if (json_is_object(value))
        json_object_foreach((json_t *)value, key, inner) expect_integers(inner);
    if (json_is_array(value))
        json_array_foreach((json_t *)value, i, inner) expect_integers(inner);
}

static json_int_t number(const json_t *object, const char *part, const char *column, size_t i)
{
    const json_t *where = part != NULL ? json_object_get(object, part) : object;
    const json_t *values = json_object_get(where, column);

    assert_int_equal(json_array_size(values), series.nr);
    return json_integer_value(json_array_get(values, i));
}

static void test_json(void **state)
{
    json_t *object, *caches, *map, *pages;
    int failed = 0;

    (void)state;
    script();
    open_series(5);
    take(7, SERIES_NO_MARK, false);
    fake.snapshot.rights = 91;
    take(8, 0, true);
    object = series_json(&series, &failed);
    assert_int_equal(failed, 0);
    expect_integers(object);

    assert_int_equal(number(object, NULL, "event", 0), 7);
    assert_int_equal(number(object, NULL, "time", 1), 80);
    assert_int_equal(number(object, NULL, "mark", 0), -1);
    assert_int_equal(number(object, NULL, "mark", 1), 0);
    assert_int_equal(number(object, "held", "slab_bytes", 1), 1200);
    assert_int_equal(number(object, "spaces", "rights", 1), 91);
    assert_int_equal(number(object, "spaces", "largest", 1), 5);
    assert_int_equal(number(object, "slabs", "waste_bytes", 0), 300);
    assert_int_equal(number(object, "slabs", "fullness", 0), 400);

    caches = json_object_get(object, "caches"); /* without the one that never had a slab */
    assert_int_equal(json_array_size(caches), 1);
    assert_int_equal(number(json_array_get(caches, 0), NULL, "partial_slabs", 1), 2);

    map = json_object_get(json_object_get(object, "maps"), "kernel_map");
    assert_int_equal(number(map, NULL, "unusable_share", 1), 200);
    assert_int_equal(json_object_size(json_object_get(object, "maps")), 1);

    pages = json_object_get(object, "pages");
    assert_int_equal(json_array_size(json_object_get(pages, "extfrag_index")), ORDERS);
    assert_int_equal(json_integer_value(json_array_get(
                         json_array_get(json_object_get(pages, "extfrag_index"), 4), 1)),
                     678);
    assert_int_equal(json_integer_value(json_array_get(
                         json_array_get(json_object_get(pages, "extfrag_index"), 0), 1)),
                     -1000);

    map = json_object_get(json_object_get(object, "pictures"), "memory");
    assert_string_equal(json_string_value(json_array_get(json_object_get(map, "samples"), 1)),
                        "#u.");
    assert_null(json_object_get(json_object_get(object, "pictures"), "kernel_map"));

    json_decref(object);
    series_close(&series);
}

static void test_room(void **state)
{
    struct error error = {""};

    (void)state;
    script();
    assert_int_equal(series_open(&series, SERIES_SAMPLES_MAX + 1ull, &error), -1);
    assert_non_null(strstr(error.text, "65537 samples"));
    assert_int_equal(series_open(&series, (uint64_t)1 << 32, &error), -1);

    open_series(0);
    take(1, SERIES_NO_MARK, true);
    assert_int_equal(series.nr, 0);
    assert_int_equal(series.missed, 1);
    series_close(&series);
}

/* A stack that tells little has few columns. */
static void test_bare(void **state)
{
    json_t *object;
    int failed = 0;

    (void)state;
    script();
    fake.snapshot = (struct snapshot){.nr_caches = 0};
    fake.pictures[OCCUPANCY_MEMORY].cells = 0;
    open_series(2);
    take(1, SERIES_NO_MARK, true);
    object = series_json(&series, &failed);
    assert_int_equal(failed, 0);
    assert_null(json_object_get(object, "pages"));
    assert_int_equal(json_array_size(json_object_get(object, "segments")), 0);
    assert_int_equal(json_object_size(json_object_get(object, "maps")), 0);
    assert_int_equal(json_object_size(json_object_get(object, "pictures")), 0);
    assert_int_equal(number(object, "spaces", "largest", 0), -1);
    assert_null(json_object_get(json_object_get(object, "worst"), "unusable_index"));
    json_decref(object);
    series_close(&series);
}

/* ---- Real stacks ---- */

#define RIGHTS 3000

static struct snapshot beside;

/* Partial slabs of a cache by a walk over its list. */
static unsigned partial_walk(const struct kernel_stack *ks, const struct cache *cache,
                             uint32_t fullness[FULLNESS_BINS])
{
    struct { /* as struct slab begins, which is private */
        link32_t next, previous, child[2], parent, address, first_free;
        uint16_t references;
    } slab;
    unsigned nr = 0;

    for (link32_t l = cache->partial_head; l != 0; l = slab.next) {
        memcpy(&slab, machine_follow(&ks->machine, l), sizeof(slab));
        fullness[slab.references * 10u / cache->buffers_per_slab]++;
        nr++;
    }

    return nr;
}

static void expect_sample(struct stack *stack, unsigned index, bool deep)
{
    const struct kernel_stack *ks = kernel_stack(stack);
    const struct series_sample *sample = &series.samples[index];
    uint32_t fullness[FULLNESS_BINS] = {0};
    struct occupancy_picture picture;
    uint64_t requested = 0, buffers = 0, objects = 0, free = 0;

    stack->ops->snapshot(stack, &beside, false);
    assert_memory_equal(&sample->held, &beside.held, sizeof(beside.held));
    assert_int_equal(sample->rights, beside.rights);
    assert_int_equal(sample->largest.rights, beside.spaces[0].rights);

    for (unsigned i = 0; i < ks->slabs.nr_caches; i++) {
        const struct cache *cache = &ks->slabs.caches[i];
        const struct series_cache *row = &series.caches[index * SNAPSHOT_CACHES + i];

        assert_int_equal(row->objects, cache->nr_objects);
        assert_int_equal(row->slabs, cache->nr_slabs);
        assert_int_equal(row->free_slabs, cache->nr_free_slabs);
        assert_int_equal(row->partial_slabs, partial_walk(ks, cache, fullness));
        assert_string_equal(series.cache_names[i], cache->name);
        requested += cache->requested_live;
        objects += cache->nr_objects;
        buffers += (cache->nr_slabs - cache->nr_free_slabs) * (uint64_t)cache->buffers_per_slab;
    }

    assert_int_equal(sample->slab_requested, requested);
    assert_int_equal(sample->fullness, objects * 1000 / buffers);
    if (deep)
        assert_memory_equal(series.deep[series.nr_deep - 1].fullness, fullness, sizeof(fullness));

    for (uint32_t frame = 0; frame < ks->machine.frames; frame++)
        free += ks->machine.pages[frame].state == PAGE_FREE_HEAD ||
                ks->machine.pages[frame].state == PAGE_FREE_BODY;
    assert_int_equal(sample->free_pages, free);

    for (unsigned i = 0; i < OCCUPANCIES; i++) {
        stack->ops->occupancy(stack, (enum occupancy_of)i, &picture);
        assert_memory_equal(series.pictures[i] + (size_t)index * OCCUPANCY_CELLS, picture.letters,
                            picture.cells);
    }
}

/* A space that grows to RIGHTS, with samples on the way. */
static void run(const char *name, const char *geometry)
{
    const struct stack_ops *ops = stack_find(name);
    struct stack_config config = {
        .geometry = geometry_find(geometry), .memory = 64u << 20, .max_spaces = 2};
    struct error error = {""};
    struct stack *stack = ops->open(ops, &config, &error);

    if (stack == NULL)
        fail_msg("%s", error.text);

    assert_true(ops->cache_create(stack, 0, "ipc_port", 80, 0, 0));
    assert_true(ops->space_create(stack, 1, false));
    open_series(RIGHTS / 100);

    for (uint32_t i = 1; i <= RIGHTS; i++) {
        struct series_point point = {.event = i, .mark = SERIES_NO_MARK, .deep = i % 300 == 0};
        uint64_t port = ops->cache_alloc(stack, 0);

        assert_int_not_equal(port, 0);
        if (i % 3 == 0) /* leaves partial slabs behind */
            ops->cache_free(stack, 0, port);
        assert_int_not_equal(ops->name_alloc(stack, 1, i), 0);

        if (i % 100 == 0) {
            series_take(&series, stack, &point, &snapshot);
            expect_sample(stack, i / 100 - 1, point.deep);
        }
    }

    assert_int_equal(series.nr, RIGHTS / 100);
    assert_int_equal(series.nr_deep, RIGHTS / 300);
    assert_int_equal(series.missed, 0);
    ops->close(stack);
}

static void test_stacks(void **state)
{
    static const char *const names[] = {"table+vm",    "table+buddy",  "table+hybrid", "radix+vm",
                                        "radix+buddy", "radix+hybrid", "radix+direct"};

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        run(names[i], i % 3 == 0 ? "i386-2013" : "i386");
        series_close(&series);
    }
}

/*
 * Growth of a table of 16 byte entries: 64, 128, ... 4096 bytes by doubling, then by pages. After
 * 3000 rights (and entry 0) it has 12 pages; it came from 11, and the next has 13.
 */
static void test_growth(void **state)
{
    const struct series_sample *last;

    (void)state;
    run("table+vm", "i386-2013");
    last = &series.samples[series.nr - 1];
    assert_int_equal(last->largest.space, 1);
    assert_int_equal(last->largest.bytes, 12 * PAGE_SIZE);
    assert_int_equal(last->largest.transient_peak, (11 + 12) * PAGE_SIZE);
    assert_int_equal(last->transient_peak, (11 + 12) * PAGE_SIZE);
    assert_int_equal(last->largest.next_growth, 13 * PAGE_SIZE);
    /* 100 rights: 128 entries, from 64 on. */
    assert_int_equal(series.samples[0].largest.transient_peak, (64 + 128) * 16);
    assert_int_equal(series.samples[0].largest.next_growth, PAGE_SIZE);
    series_close(&series);

    run("radix+hybrid", "i386");
    last = &series.samples[series.nr - 1];
    assert_int_equal(last->largest.transient_peak, 0);
    assert_int_equal(last->largest.next_growth, PAGE_SIZE); /* a slab of nodes */
    series_close(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns), cmocka_unit_test(test_worst),  cmocka_unit_test(test_deep),
        cmocka_unit_test(test_json),    cmocka_unit_test(test_room),   cmocka_unit_test(test_bare),
        cmocka_unit_test(test_stacks),  cmocka_unit_test(test_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
