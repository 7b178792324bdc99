/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel map by itself: cases worked out by hand, random requests against a naive model (a
 * sorted array that finds the policy's place by looking at everything), and entry objects that are
 * refused.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake.h"

#define START    (FAKE_BASE + 0x100000)
#define PAGES(n) ((uint64_t)(n) << PAGE_SHIFT)

static struct machine machine;
static struct fake_cache cache;

static void open_sized(struct map *map, const struct map_ops *ops, unsigned pages, uint32_t pool)
{
    struct error error;

    memset(&machine, 0, sizeof(machine));
    memset(&cache, 0, sizeof(cache));
    assert_int_equal(map_open(map, ops, &machine, "test", START, START + PAGES(pages),
                              fake_source(&cache), pool, &error),
                     0);
}

static void check(const struct map *map)
{
    struct error error;

    if (map_check(map, &error) < 0)
        fail_msg("%s", error.text);
}

/* Takes N pages and tells at which page of the map; -1: refused. */
static int take(struct map *map, unsigned n, bool kernel_object)
{
    uint64_t address = map_take(map, PAGES(n), 1, kernel_object);

    check(map);
    return address == 0 ? -1 : (int)((address - START) >> PAGE_SHIFT);
}

static int take_aligned(struct map *map, unsigned n, unsigned align)
{
    uint64_t address = map_take(map, PAGES(n), PAGES(align), false);

    check(map);
    return address == 0 ? -1 : (int)((address - START) >> PAGE_SHIFT);
}

static void give(struct map *map, unsigned page, unsigned n)
{
    assert_true(map_give(map, START + PAGES(page), PAGES(n)));
    check(map);
}

static uint64_t object_at(const struct map *map, unsigned page)
{
    for (uint32_t entry = map->entries[0].next; entry != 0; entry = map->entries[entry].next) {
        if (map->entries[entry].start <= START + PAGES(page) &&
            map->entries[entry].end > START + PAGES(page))
            return map->entries[entry].object;
    }
    return 0;
}

/* Cases for both policies. */

static void joins_with(const struct map_ops *ops)
{
    struct map map;

    open_sized(&map, ops, 16, 100);
    assert_int_equal(take(&map, 2, true), 0);
    assert_int_equal(take(&map, 2, true), 2); /* extends */
    assert_int_equal(map.nr_entries, 1);
    assert_int_equal(cache.live, 1);
    assert_int_equal(take(&map, 1, false), 4); /* nothing joins a range that is not of it */
    assert_int_equal(take(&map, 1, true), 5);
    assert_int_equal(map.nr_entries, 3);
    /* A hole that is filled exactly joins what is before, never what is behind. */
    give(&map, 2, 2);
    assert_int_equal(map.nr_entries, 3);
    assert_int_equal(take(&map, 2, true), 2);
    assert_int_equal(map.nr_entries, 3);
    give(&map, 4, 1);
    assert_int_equal(take(&map, 1, true), 4);
    assert_int_equal(map.nr_entries, 2);
    assert_int_equal(map.size, PAGES(6));
    assert_int_equal(cache.live, 2);
    map_close(&map);
}

static void test_joins(void **state)
{
    (void)state;
    joins_with(&map_first_fit);
    joins_with(&map_gap_tree);
}

/* The front of a clipped entry gets a new object, the rest keeps the old one; a tail a new one. */
static void clips_with(const struct map_ops *ops)
{
    struct map map;
    uint64_t first;

    open_sized(&map, ops, 16, 100);
    assert_int_equal(take(&map, 8, true), 0);
    first = object_at(&map, 0);
    give(&map, 6, 2); /* the end: the old entry is what goes */
    assert_int_equal(map.nr_entries, 1);
    assert_int_not_equal(object_at(&map, 0), first);
    first = object_at(&map, 0);
    give(&map, 0, 2); /* the beginning: a new one takes the tail */
    assert_int_equal(map.nr_entries, 1);
    assert_int_not_equal(object_at(&map, 2), first);
    first = object_at(&map, 2);
    give(&map, 3, 1); /* the middle: front and tail are new */
    assert_int_equal(map.nr_entries, 2);
    assert_int_equal(object_at(&map, 3), 0);
    assert_int_not_equal(object_at(&map, 2), first);
    assert_int_not_equal(object_at(&map, 4), first);
    assert_int_equal(cache.live, 2);
    give(&map, 0, 16); /* holes do not matter */
    assert_int_equal(map.nr_entries, 0);
    assert_int_equal(map.hint, 0);
    assert_int_equal(cache.live, 0);
    give(&map, 0, 16);
    map_close(&map);
}

static void test_clips(void **state)
{
    (void)state;
    clips_with(&map_first_fit);
    clips_with(&map_gap_tree);
}

static void full_with(const struct map_ops *ops)
{
    struct map map;

    open_sized(&map, ops, 4, 100);
    assert_int_equal(take(&map, 5, true), -1);
    assert_int_equal(machine.failure.cause, FAILURE_EXHAUSTION);
    assert_int_equal(machine.failure.requested, PAGES(5));
    assert_int_equal(machine.failure.largest, PAGES(4));
    assert_string_equal(machine.failure.resource, "test");
    assert_int_equal(take(&map, 4, true), 0);
    assert_int_equal(take(&map, 1, true), -1);
    assert_int_equal(machine.failure.cause, FAILURE_EXHAUSTION);
    assert_int_equal(machine.failure.free, 0);
    assert_int_equal(machine.failure.pieces, 0);
    assert_int_equal(map_take(&map, 0, PAGE_SIZE, true), 0);
    assert_int_equal(map_take(&map, ~0ul - PAGE_SIZE + 1, PAGE_SIZE, true), 0);
    assert_int_equal(map_take(&map, ~0ul - PAGE_SIZE + 1, 1ul << 63, true), 0);
    assert_int_equal(map_take(&map, PAGE_SIZE, 1ul << 63, true), 0);
    give(&map, 1, 1);
    give(&map, 3, 1);
    assert_int_equal(take(&map, 2, true), -1);
    assert_int_equal(machine.failure.cause, FAILURE_FRAGMENTATION);
    assert_int_equal(machine.failure.free, PAGES(2));
    assert_int_equal(machine.failure.largest, PAGES(1));
    assert_int_equal(machine.failure.pieces, 2);
    assert_int_equal(take(&map, 1, true), 1);
    assert_int_equal(take(&map, 1, true), 3);
    map_close(&map);

    open_sized(&map, ops, 1, 1); /* a map of one page, a pool of one entry */
    assert_int_equal(take(&map, 1, false), 0);
    assert_int_equal(take(&map, 1, false), -1);
    give(&map, 0, 1);
    assert_int_equal(take(&map, 1, false), 0);
    map_close(&map);
}

static void test_full(void **state)
{
    (void)state;
    full_with(&map_first_fit);
    full_with(&map_gap_tree);
}

static void test_pool_limit(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_first_fit, 16, 2);
    assert_int_equal(take(&map, 4, true), 0);
    assert_int_equal(take(&map, 1, false), 4);
    assert_int_equal(take(&map, 1, false), -1);
    assert_int_equal(machine.failure.cause, FAILURE_LIMIT);
    assert_false(map_give(&map, START + PAGES(1), PAGES(1))); /* would be three */
    check(&map);
    assert_int_equal(cache.live, 2);
    assert_int_equal(map.size, PAGES(5));
    map_close(&map);
}

static void place_with(const struct map_ops *ops)
{
    struct map map;
    uint64_t start, end;

    open_sized(&map, ops, 16, 100);
    assert_true(map_place(&map, START, START + PAGES(4), true, 0));
    assert_true(map_place(&map, START + PAGES(8), START + PAGES(10), false, 0));
    assert_false(map_place(&map, START + PAGES(3), START + PAGES(5), false, 0));
    assert_false(map_place(&map, START + PAGES(7), START + PAGES(9), false, 0));
    assert_false(map_place(&map, START + PAGES(8), START + PAGES(10), false, 0));
    assert_false(map_place(&map, START + PAGES(15), START + PAGES(17), false, 0));
    assert_false(map_place(&map, START + PAGES(5), START + PAGES(5), false, 0));
    check(&map);
    assert_int_equal(take(&map, 2, true), 4); /* behind the hint, not joined to a fixed range */
    assert_int_equal(map.nr_entries, 3);
    assert_true(map_hole(&map, map.min, &start, &end));
    assert_int_equal(start, START + PAGES(6));
    assert_int_equal(end, START + PAGES(8));
    assert_true(map_hole(&map, end, &start, &end));
    assert_int_equal(start, START + PAGES(10));
    assert_int_equal(end, START + PAGES(16));
    assert_false(map_hole(&map, end, &start, &end));
    map_close(&map);
}

static void test_place(void **state)
{
    (void)state;
    place_with(&map_first_fit);
    place_with(&map_gap_tree);
}

/* First fit. */

static void test_hint(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_first_fit, 16, 100);
    assert_int_equal(take(&map, 2, false), 0);
    assert_int_equal(take(&map, 2, false), 2);
    assert_int_equal(take(&map, 2, false), 4);
    assert_int_equal(take(&map, 8, false), 6); /* 14 and 15 are free */
    give(&map, 2, 2);                          /* the hint goes back to 0 */
    give(&map, 4, 2);
    assert_int_equal(take(&map, 1, false), 2); /* the hint is here, 3 to 5 are free */
    assert_int_equal(take(&map, 2, false), 3);
    give(&map, 6, 8); /* above the hint: it stays */
    assert_int_equal(take(&map, 9, false), 5);
    give(&map, 0, 2); /* below the hint: it is "none" now */
    assert_int_equal(map.hint, 0);
    assert_int_equal(take(&map, 1, false), 0);
    assert_int_equal(take(&map, 1, false), 1);
    assert_int_equal(take(&map, 1, false), 14);
    assert_int_equal(take(&map, 1, false), 15);
    map_close(&map);

    /* A hole below the hint is not seen, and there is no second try. */
    open_sized(&map, &map_first_fit, 16, 100);
    assert_true(map_place(&map, START + PAGES(12), START + PAGES(16), true, 0));
    assert_int_equal(take(&map, 1, false), -1);
    assert_int_equal(machine.failure.cause, FAILURE_FRAGMENTATION);
    assert_int_equal(machine.failure.largest, PAGES(12));
    map_close(&map);
}

static void test_first_fit_alignment(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_first_fit, 32, 100);
    assert_int_equal(take(&map, 1, true), 0);
    assert_int_equal(take_aligned(&map, 4, 4), 4);
    assert_int_equal(take(&map, 1, true), 8); /* 1 to 3 are below the hint */
    give(&map, 4, 4);
    assert_int_equal(take_aligned(&map, 2, 2), 2);
    assert_int_equal(take_aligned(&map, 16, 16), 16);
    map_close(&map);
}

/* Gap tree. */

static void test_best_fit(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_gap_tree, 64, 100);
    assert_int_equal(take(&map, 64, false), 0);
    give(&map, 10, 6);
    give(&map, 20, 2);
    give(&map, 30, 4);
    give(&map, 40, 2);
    give(&map, 50, 2);
    /* The hint is "none" (page 0 on is an entry again, but the hint went below it). */
    assert_int_equal(map.hint, map.entries[0].next);
    /* Hint's gap first, the six pages behind page 9, though the fit is not the best. */
    assert_int_equal(take(&map, 1, false), 10);
    assert_int_equal(take(&map, 5, false), 11);
    /* Best fit, and of equal gaps the youngest: 50, 40, 20. */
    assert_int_equal(take(&map, 2, false), 50);
    assert_int_equal(take(&map, 2, false), 40);
    assert_int_equal(take(&map, 1, false), 20);
    assert_int_equal(take(&map, 1, false), 21);
    assert_int_equal(take(&map, 1, false), 30);
    assert_int_equal(take(&map, 4, false), -1);
    assert_int_equal(machine.failure.cause, FAILURE_EXHAUSTION);
    map_close(&map);
}

/* When the tree's entry goes, the next of its queue takes its place. */
static void test_queue_head(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_gap_tree, 64, 100);
    assert_int_equal(take(&map, 64, false), 0);
    give(&map, 10, 2);
    give(&map, 20, 2);
    give(&map, 30, 2);
    give(&map, 40, 1); /* 10 in the tree, then 20, 30 */
    give(&map, 12, 8); /* the gap behind 9 is ten pages more: 20 stands for two pages... */
    assert_int_equal(take(&map, 12, false), 10); /* behind the hint */
    assert_int_equal(take(&map, 2, false), 30);
    assert_int_equal(take(&map, 1, false), 40);
    assert_int_equal(take(&map, 2, false), -1);
    map_close(&map);
}

/* The space before the first entry is nobody's gap. */
static void test_before_first(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_gap_tree, 16, 100);
    assert_int_equal(take(&map, 8, false), 0);
    assert_int_equal(take(&map, 8, false), 8);
    give(&map, 0, 8);
    assert_int_equal(take(&map, 1, false), -1);
    assert_int_equal(machine.failure.cause, FAILURE_FRAGMENTATION);
    assert_int_equal(machine.failure.largest, PAGES(8));
    give(&map, 8, 8);
    assert_int_equal(take_aligned(&map, 4, 4), 0);
    map_close(&map);
}

/* The tree is asked for size + alignment - 1, so an aligned gap of just the size is refused. */
static void test_gap_tree_alignment(void **state)
{
    struct map map;

    (void)state;
    open_sized(&map, &map_gap_tree, 64, 100);
    assert_int_equal(take(&map, 64, false), 0);
    give(&map, 32, 4);
    give(&map, 16, 4);
    assert_int_equal(take(&map, 4, false), 16); /* hint */
    give(&map, 1, 1);
    assert_int_equal(map.entries[map.hint].end, START + PAGES(1));
    assert_int_equal(take_aligned(&map, 4, 4), -1);
    assert_int_equal(machine.failure.cause, FAILURE_FRAGMENTATION);
    give(&map, 36, 3);
    assert_int_equal(take_aligned(&map, 4, 4), -1);
    give(&map, 39, 1); /* now there are four pages and four more less a byte */
    assert_int_equal(take_aligned(&map, 4, 4), 32);
    map_close(&map);
}

/* Random requests against the naive model. */

#define MODEL_PAGES 256

struct model_entry {
    unsigned start, end;
    bool kernel;
    uint64_t stamp; /* when its gap got into the tree */
};

struct model {
    bool gap_tree;
    struct model_entry entries[MODEL_PAGES];
    int nr;
    int hint; /* index, -1: none */
    uint64_t now;
};

static unsigned model_gap_end(const struct model *model, int i)
{
    return i + 1 < model->nr ? model->entries[i + 1].start : MODEL_PAGES;
}

static unsigned model_end(const struct model *model, int i)
{
    return i < 0 ? 0 : model->entries[i].end;
}

static unsigned model_up(unsigned page, unsigned align)
{
    unsigned base = (unsigned)(START >> PAGE_SHIFT);

    if (align == 0)
        return page;
    return (page + base + align - 1) / align * align - base;
}

static bool model_fits(const struct model *model, int i, unsigned pages, unsigned align)
{
    return model_up(model_end(model, i), align) + pages <= model_gap_end(model, i);
}

/* Index of the entry before the place; -2: there is no room. ALIGN in pages, 0: none. */
static int model_find(const struct model *model, unsigned pages, unsigned align)
{
    int best = -2;

    if (!model->gap_tree) {
        for (int i = model->hint; i < model->nr; i++) {
            if (model_fits(model, i, pages, align))
                return i;
        }
        return -2;
    }
    if (model->nr == 0)
        return model_fits(model, -1, pages, align) ? -1 : -2;
    if (model->hint >= 0 && model_fits(model, model->hint, pages, align))
        return model->hint;
    for (int i = 0; i < model->nr; i++) {
        unsigned gap = model_gap_end(model, i) - model_end(model, i);
        unsigned other = best < 0 ? 0 : model_gap_end(model, best) - model_end(model, best);
        /* In bytes the search asks for size + alignment - 1; gaps are whole pages. */
        if (gap < (align == 0 ? pages : pages + align))
            continue;
        if (best < 0 || gap < other ||
            (gap == other && model->entries[i].stamp > model->entries[best].stamp))
            best = i;
    }
    return best;
}

static void model_stamp(struct model *model, int i)
{
    if (i >= 0)
        model->entries[i].stamp = ++model->now;
}

static void model_insert(struct model *model, int i, unsigned start, unsigned end, bool kernel)
{
    memmove(&model->entries[i + 1], &model->entries[i],
            (size_t)(model->nr - i) * sizeof(model->entries[0]));
    model->entries[i] = (struct model_entry){.start = start, .end = end, .kernel = kernel};
    model->nr++;
    model->hint += model->hint >= i;
    model_stamp(model, i - 1);
    model_stamp(model, i);
}

static void model_remove(struct model *model, int i)
{
    memmove(&model->entries[i], &model->entries[i + 1],
            (size_t)(model->nr - i - 1) * sizeof(model->entries[0]));
    model->nr--;
    model->hint -= model->hint > i;
    model_stamp(model, i - 1);
}

static int model_take(struct model *model, unsigned pages, unsigned align, bool kernel)
{
    int i = model_find(model, pages, align);
    unsigned start;

    if (i == -2)
        return -1;
    start = model_up(model_end(model, i), align);
    if (i >= 0 && kernel && model->entries[i].kernel && model->entries[i].end == start) {
        model->entries[i].end += pages;
        model_stamp(model, i);
        model->hint = i;
    } else {
        model_insert(model, i + 1, start, start + pages, kernel);
        model->hint = i + 1;
    }
    return (int)start;
}

static void model_give(struct model *model, unsigned start, unsigned end)
{
    int i = 0;

    while (i < model->nr && model->entries[i].end <= start)
        i++;
    if (i < model->nr && model->entries[i].start < start) {
        struct model_entry old = model->entries[i];

        model->entries[i].start = start;
        /* The new entry is the front; the hint keeps pointing at the old one. */
        model_insert(model, i, old.start, start, old.kernel);
        i++;
    }
    if (model->hint >= 0 && model->entries[model->hint].start >= start)
        model->hint = i - 1;
    for (int j = i; j < model->nr && model->entries[j].start < end; j++) {
        struct model_entry old = model->entries[j];

        if (old.end <= end)
            continue;
        model->entries[j].end = end;
        model_insert(model, j + 1, end, old.end, old.kernel);
    }
    while (i < model->nr && model->entries[i].start < end)
        model_remove(model, i);
}

static void compare(const struct map *map, const struct model *model)
{
    int i = 0, hint = -1;

    for (uint32_t entry = map->entries[0].next; entry != 0; entry = map->entries[entry].next) {
        assert_true(i < model->nr);
        assert_int_equal((map->entries[entry].start - START) >> PAGE_SHIFT,
                         model->entries[i].start);
        assert_int_equal((map->entries[entry].end - START) >> PAGE_SHIFT, model->entries[i].end);
        if (entry == map->hint)
            hint = i;
        i++;
    }
    assert_int_equal(i, model->nr);
    assert_int_equal(hint, model->hint);
    assert_int_equal(cache.live, model->nr);
}

static void random_with(const struct map_ops *ops, uint64_t seed, unsigned steps)
{
    struct model model = {.gap_tree = ops == &map_gap_tree, .hint = -1};
    struct map map;
    unsigned largest = 1 + (unsigned)(fake_random(&seed) % 24), taken = 0, refused = 0;

    open_sized(&map, ops, MODEL_PAGES, MODEL_PAGES);
    for (unsigned i = 0; i < steps; i++) {
        unsigned pages = 1 + (unsigned)(fake_random(&seed) % largest);

        if (fake_random(&seed) % 2 == 0) {
            unsigned align = fake_random(&seed) % 4 != 0 ? 0 : 1u << fake_random(&seed) % 5;
            bool kernel = fake_random(&seed) % 2 == 0;
            uint64_t address = map_take(&map, PAGES(pages), align == 0 ? 1 : PAGES(align), kernel);
            int got = address == 0 ? -1 : (int)((address - START) >> PAGE_SHIFT);

            assert_int_equal(got, model_take(&model, pages, align, kernel));
            taken += got >= 0;
            refused += got < 0;
        } else {
            unsigned start = (unsigned)(fake_random(&seed) % MODEL_PAGES);

            if (start + pages > MODEL_PAGES)
                pages = MODEL_PAGES - start;
            assert_true(map_give(&map, START + PAGES(start), PAGES(pages)));
            model_give(&model, start, start + pages);
        }
        check(&map);
        compare(&map, &model);
    }
    assert_true(taken > steps / 10);
    (void)refused;
    map_close(&map);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        print_message("seed %" PRIu64 "\n", seed);
        random_with(&map_first_fit, seed, 1500);
        random_with(&map_gap_tree, seed, 1500);
    }
}

/* The n-th entry object is refused: nothing may have changed, and the next try works. */
static void refusals_with(const struct map_ops *ops, uint64_t seed)
{
    struct map map, before;
    struct map_entry *entries = calloc(MODEL_PAGES + 1, sizeof(entries[0]));
    unsigned refusals = 0;

    assert_non_null(entries);
    open_sized(&map, ops, MODEL_PAGES, MODEL_PAGES);
    for (unsigned i = 0; i < 4000; i++) {
        unsigned pages = 1 + (unsigned)(fake_random(&seed) % 8);
        bool taking = fake_random(&seed) % 2 == 0, kernel = fake_random(&seed) % 2 == 0, done;
        uint64_t start = START + PAGES(fake_random(&seed) % (MODEL_PAGES - 8));
        uint64_t live = cache.live;

        before = map;
        memcpy(entries, map.entries, (MODEL_PAGES + 1) * sizeof(entries[0]));
        for (cache.fail = 1 + fake_random(&seed) % 2;; cache.fail = 0) {
            bool armed = cache.fail != 0;

            machine.failure.cause = FAILURE_NONE;
            done = taking ? map_take(&map, PAGES(pages), 1, kernel) != 0
                          : map_give(&map, start, PAGES(pages));
            check(&map);
            if (done || !armed || machine.failure.cause != FAILURE_NONE)
                break; /* refused for want of room is another matter */
            refusals++;
            assert_int_equal(cache.live, live);
            assert_int_equal(map.size, before.size);
            assert_int_equal(map.hint, before.hint);
            assert_int_equal(map.nr_entries, before.nr_entries);
            for (uint32_t entry = entries[0].next; entry != 0; entry = entries[entry].next) {
                assert_int_equal(map.entries[entry].start, entries[entry].start);
                assert_int_equal(map.entries[entry].end, entries[entry].end);
                assert_int_equal(map.entries[entry].object, entries[entry].object);
                assert_int_equal(map.entries[entry].next, entries[entry].next);
            }
        }
    }
    assert_true(refusals > 100);
    map_close(&map);
    free(entries);
}

static void test_refusals(void **state)
{
    (void)state;
    refusals_with(&map_first_fit, 7);
    refusals_with(&map_gap_tree, 8);
}

/* An entry object that makes its cache grow in the same map sees the range as taken. */
static struct map *nested_map;
static uint64_t nested_range;

static uint64_t take_nested(struct fake_cache *of)
{
    of->hook = NULL;
    nested_range = map_take(nested_map, PAGES(1), 1, true);
    return 0;
}

static void nested_with(const struct map_ops *ops)
{
    struct map map;

    open_sized(&map, ops, 16, 100);
    nested_map = &map;
    assert_int_equal(take(&map, 2, true), 0);
    cache.hook = take_nested;
    assert_int_equal(take(&map, 2, false), 2);
    assert_int_equal(nested_range, START + PAGES(4));
    cache.hook = take_nested; /* clips a range while its neighbour is taken */
    give(&map, 1, 1);
    assert_int_equal(map.size, PAGES(5));
    assert_int_equal(cache.live, map.nr_entries);
    map_close(&map);

    /* It does not extend a range whose entry is still to come, for that one may be refused. */
    open_sized(&map, ops, 16, 100);
    cache.hook = take_nested;
    cache.fail = 2;
    assert_int_equal(take(&map, 3, true), -1);
    assert_int_equal(nested_range, START + PAGES(3));
    assert_int_equal(map.nr_entries, 1);
    assert_int_equal(map.size, PAGES(1));
    assert_int_equal(object_at(&map, 3), cache.objects[0]);
    map_close(&map);
}

static void test_nested(void **state)
{
    (void)state;
    nested_with(&map_first_fit);
    nested_with(&map_gap_tree);
}

/* From 1.8 on a thread that holds a map's lock may use the reserve of pages. */
static uint64_t saw_privileged(struct fake_cache *of)
{
    *(bool *)of->hook_context = machine.privileged;
    return 0;
}

static void test_privileged(void **state)
{
    struct map map;
    bool saw;

    (void)state;
    for (int i = 0; i < 2; i++) {
        open_sized(&map, i == 0 ? &map_first_fit : &map_gap_tree, 16, 100);
        cache.hook = saw_privileged;
        cache.hook_context = &saw;
        assert_int_equal(take(&map, 4, true), 0);
        assert_int_equal(saw, i == 1);
        saw = i == 0;
        give(&map, 1, 1);
        assert_int_equal(saw, i == 1);
        assert_false(machine.privileged);
        map_close(&map);
    }
}

static void test_bad_bounds(void **state)
{
    struct map map;
    struct error error;
    struct object_source none = {0};

    (void)state;
    assert_int_equal(map_open(&map, &map_first_fit, &machine, "bad", START, START, none, 1, &error),
                     -1);
    assert_string_equal(error.text, "bad: a map cannot go from 0xc0100000 to 0xc0100000");
    assert_int_equal(
        map_open(&map, &map_first_fit, &machine, "bad", START, START + 1, none, 1, &error), -1);
    assert_int_equal(
        map_open(&map, &map_first_fit, &machine, "bad", START, START + PAGES(1), none, 0, &error),
        -1);
    map_close(&map);
    /* Without a source entries have no objects and nothing is refused. */
    assert_int_equal(
        map_open(&map, &map_first_fit, &machine, "bare", START, START + PAGES(4), none, 4, &error),
        0);
    assert_int_equal(take(&map, 4, true), 0);
    give(&map, 1, 1);
    give(&map, 0, 4);
    map_close(&map);
}

/* Holes of 1, 2, 3, 4 and 37 pages, and what is too small for a request. */
static void test_holes(void **state)
{
    struct map_counts counts;
    struct map map;
    uint64_t at = START;

    (void)state;
    open_sized(&map, &map_first_fit, 1 + 1 + 2 + 1 + 3 + 1 + 4 + 1 + 37, 10);
    for (unsigned hole = 1; hole <= 4; hole++) {
        at += PAGES(hole);
        assert_true(map_place(&map, at, at + PAGES(1), false, 0));
        at += PAGES(1);
    }

    map_count(&map, PAGES(3), &counts);
    assert_int_equal(counts.holes, 5);
    assert_int_equal(counts.largest_hole, PAGES(37));
    assert_int_equal(counts.free, PAGES(47));
    assert_int_equal(counts.too_small, PAGES(3));
    for (unsigned bin = 0; bin < MAP_HOLE_BINS; bin++)
        assert_int_equal(counts.hole_sizes[bin], bin == 0 || bin == 2 || bin == 5 ? 1
                                                 : bin == 1                       ? 2
                                                                                  : 0);

    map_count(&map, PAGES(3) + 1, &counts); /* more than three pages: the hole of three too */
    assert_int_equal(counts.too_small, PAGES(6));
    map_count(&map, PAGES(38), &counts);
    assert_int_equal(counts.too_small, PAGES(47));
    map_count(&map, 0, &counts);
    assert_int_equal(counts.too_small, 0);
    map_close(&map);
}

/* A hole larger than the last bin's. */
static void test_large_hole(void **state)
{
    struct map_counts counts;
    struct error error;
    struct map map;

    (void)state;
    memset(&machine, 0, sizeof(machine));
    memset(&cache, 0, sizeof(cache));
    assert_int_equal(map_open(&map, &map_gap_tree, &machine, "test", START,
                              START + PAGES((uint64_t)1 << (MAP_HOLE_BINS + 1)),
                              fake_source(&cache), 10, &error),
                     0);
    map_count(&map, PAGES(1), &counts);
    assert_int_equal(counts.hole_sizes[MAP_HOLE_BINS - 1], 1);
    assert_int_equal(counts.too_small, 0);
    map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_large_hole),
        cmocka_unit_test(test_clips),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_pool_limit),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_hint),
        cmocka_unit_test(test_first_fit_alignment),
        cmocka_unit_test(test_best_fit),
        cmocka_unit_test(test_queue_head),
        cmocka_unit_test(test_before_first),
        cmocka_unit_test(test_gap_tree_alignment),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_bad_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
