/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ranges with pages: what is mapped, shared and given back in which order, and what is left when a
 * page, an entry, a vm_object, a port or a pv_entry is refused (nothing).
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

#define START    (FAKE_BASE + 0x1000000)
#define PAGES(n) ((uint64_t)(n) << PAGE_SHIFT)

static struct fake *open_with(struct map *map, const struct map_ops *ops, unsigned pages,
                              uint32_t frames)
{
    struct fake *fake = fake_open(START, START + PAGES(pages), frames);
    struct error error;

    assert_int_equal(map_open(map, ops, &fake->machine, "test", START, START + PAGES(pages),
                              fake_source(&fake->entries), 4096, &error),
                     0);
    return fake;
}

static void check(const struct fake *fake, const struct map *map)
{
    struct error error;

    if (map_check(map, &error) < 0 || kmem_check(&fake->kmem, &error) < 0)
        fail_msg("%s", error.text);
}

static void end(struct fake *fake, struct map *map)
{
    check(fake, map);
    map_close(map);
    fake_close(fake);
}

static void test_kinds(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 64, 100);
    struct kmem *kmem = &fake->kmem;

    (void)state;
    /* Sizes are rounded up to pages. */
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(2) + 1, KMEM_WIRED), START);
    assert_int_equal(fake->machine.work.pages_mapped, 3);
    assert_int_equal(kmem_frame(kmem, START), 1); /* ascending, one after the other */
    assert_int_equal(kmem_frame(kmem, START + PAGES(2) + 5), 3);
    assert_int_equal(kmem_frame(kmem, START + PAGES(3)), FRAME_NONE);
    assert_int_equal(kmem_frame(kmem, START - 1), FRAME_NONE);
    assert_int_equal(kmem_frame(kmem, START + PAGES(64)), FRAME_NONE);
    assert_int_equal(fake->machine.pages[1].class, PAGE_CLASS_WIRED);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(4), KMEM_ALIGNED), START + PAGES(4));
    assert_int_equal(fake->machine.pages[4].class, PAGE_CLASS_STACK);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(3), KMEM_ALIGNED), 0);
    assert_int_equal(fake->machine.failure.cause, FAILURE_PANIC);
    assert_int_equal(fake->entries.live, 2);

    assert_int_equal(kmem_alloc(kmem, &map, PAGES(1), KMEM_PAGEABLE), START + PAGES(8));
    assert_int_equal(fake->entries.live, 3);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(1), KMEM_SUBMAP), START + PAGES(9));
    assert_int_equal(fake->entries.live, 3);
    assert_int_equal(map.entries[map.hint].start, START + PAGES(9));
    assert_int_equal(fake->machine.work.pages_mapped, 7);
    assert_int_equal(fake->objects.live, 0);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(1), KMEM_OBJECT), START + PAGES(10));
    assert_int_equal(fake->objects.live, 1);
    assert_int_equal(fake->ports.live, 1);
    assert_int_equal(fake->entries.live, 4);
    /* What kmem_alloc made is not extended. */
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(1), KMEM_WIRED), START + PAGES(11));
    assert_int_equal(fake->entries.live, 5);
    assert_int_equal(kmem_alloc(kmem, &map, 0, KMEM_WIRED), 0);
    assert_int_equal(kmem_alloc(kmem, &map, ~0ul, KMEM_WIRED), 0);
    assert_int_equal(kmem_alloc(kmem, &map, ~0ul, KMEM_ALIGNED), 0);

    assert_true(kmem_free(kmem, &map, START, PAGES(64)));
    assert_int_equal(map.nr_entries, 0);
    assert_int_equal(fake->entries.live, 0);
    assert_int_equal(fake->objects.live, 0);
    assert_int_equal(fake->ports.live, 0);
    assert_int_equal(fake->nr_free, 100);
    assert_int_equal(fake->machine.work.pages_unmapped, fake->machine.work.pages_mapped);
    end(fake, &map);
}

static void fill(struct fake *fake, uint64_t address, unsigned pages)
{
    for (unsigned i = 0; i < pages * PAGE_SIZE / 8; i++)
        ((uint64_t *)machine_at(&fake->machine, address))[i] = i * 0x9e3779b97f4a7c15ul;
}

static void expect_filled(struct fake *fake, uint64_t address, unsigned pages)
{
    for (unsigned i = 0; i < pages * PAGE_SIZE / 8; i++)
        assert_int_equal(((uint64_t *)machine_at(&fake->machine, address))[i],
                         i * 0x9e3779b97f4a7c15ul);
}

/* A table that grows twice: pages are shared while both ranges live, pv_entries are kept. */
static void expect_classes(const struct kmem *kmem, unsigned from, unsigned nr,
                           enum page_class class)
{
    for (unsigned i = from; i < from + nr; i++)
        assert_int_equal(kmem->classes[i], class);
}

/* What a picture of the map shows for each kind of range, and when parts of it go. */
static void test_classes(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 64, 100);
    struct kmem *kmem = &fake->kmem;
    struct error error;

    (void)state;
    expect_classes(kmem, 0, 64, PAGE_CLASS_FREE);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(2), KMEM_WIRED), START);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(2), KMEM_ALIGNED), START + PAGES(2));
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(3), KMEM_OBJECT), START + PAGES(4));
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(4), KMEM_PAGEABLE), START + PAGES(7));
    assert_int_equal(kmem_alloc_class(kmem, &map, PAGES(2), KMEM_WIRED, PAGE_CLASS_SLAB_IPC),
                     START + PAGES(11));
    expect_classes(kmem, 0, 2, PAGE_CLASS_WIRED);
    expect_classes(kmem, 2, 2, PAGE_CLASS_STACK);
    expect_classes(kmem, 4, 3, PAGE_CLASS_TABLE);
    expect_classes(kmem, 7, 4, PAGE_CLASS_ADDRESS);
    expect_classes(kmem, 11, 2, PAGE_CLASS_SLAB_IPC);
    expect_classes(kmem, 13, 51, PAGE_CLASS_FREE);
    assert_int_equal(fake->machine.pages[kmem_frame(kmem, START + PAGES(12))].class,
                     PAGE_CLASS_SLAB_IPC);

    /* While a table moves it is at both places. */
    assert_int_equal(kmem_realloc(kmem, &map, START + PAGES(4), PAGES(3), PAGES(5)),
                     START + PAGES(13));
    expect_classes(kmem, 4, 3, PAGE_CLASS_TABLE);
    expect_classes(kmem, 13, 5, PAGE_CLASS_TABLE);
    assert_true(kmem_free(kmem, &map, START + PAGES(4), PAGES(3)));
    expect_classes(kmem, 4, 3, PAGE_CLASS_FREE);
    expect_classes(kmem, 13, 5, PAGE_CLASS_TABLE);

    assert_true(kmem_free(kmem, &map, START + PAGES(8), PAGES(2)));
    expect_classes(kmem, 7, 1, PAGE_CLASS_ADDRESS);
    expect_classes(kmem, 8, 2, PAGE_CLASS_FREE);
    expect_classes(kmem, 10, 1, PAGE_CLASS_ADDRESS);

    /* A submap: what it has not given away is free. Mapped pages and others' stay as they are. */
    kmem_classify(kmem, START, START + PAGES(64), PAGE_CLASS_FREE);
    expect_classes(kmem, 0, 2, PAGE_CLASS_WIRED);
    expect_classes(kmem, 7, 4, PAGE_CLASS_FREE);
    kmem_classify(kmem, START - PAGES(3), START + PAGES(99), PAGE_CLASS_ADDRESS);
    expect_classes(kmem, 18, 46, PAGE_CLASS_ADDRESS);
    check(fake, &map);

    kmem->classes[1] = PAGE_CLASS_USER;
    assert_int_equal(kmem_check(kmem, &error), -1);
    assert_non_null(strstr(error.text, "occupancy"));
    kmem->classes[1] = PAGE_CLASS_WIRED;
    kmem->occupancy.counts[20][PAGE_CLASS_FREE]++;
    assert_int_equal(kmem_check(kmem, &error), -1);
    assert_non_null(strstr(error.text, "cell 20"));
    kmem->occupancy.counts[20][PAGE_CLASS_FREE]--;
    end(fake, &map);
}

static void test_growth(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 64, 100);
    struct kmem *kmem = &fake->kmem;
    uint64_t first, second, third;

    (void)state;
    first = kmem_alloc(kmem, &map, PAGES(2), KMEM_OBJECT);
    assert_int_equal(first, START);
    fill(fake, first, 2);
    second = kmem_realloc(kmem, &map, first, PAGES(2), PAGES(5));
    assert_int_equal(second, START + PAGES(2));
    check(fake, &map);
    expect_filled(fake, second, 2);
    assert_int_equal(fake->machine.work.bytes_copied, 0);
    assert_int_equal(fake->machine.work.pages_mapped, 7);
    assert_int_equal(kmem_frame(kmem, first), kmem_frame(kmem, second));
    assert_int_equal(fake->nr_free, 95);
    assert_int_equal(fake->pvs.live, 2);
    assert_int_equal(kmem->pv_used, 2);
    assert_true(kmem_free(kmem, &map, first, PAGES(2)));
    check(fake, &map);
    assert_int_equal(fake->nr_free, 95);
    assert_int_equal(fake->pvs.live, 2); /* on the private list */
    assert_int_equal(kmem->pv_free, 2);
    assert_int_equal(kmem->pv_used, 0);
    assert_int_equal(fake->objects.live, 1);

    fill(fake, second, 5);
    third = kmem_realloc(kmem, &map, second, PAGES(5), PAGES(6));
    /* The hint was at the second range, and only that is looked at: the two pages stay free. */
    assert_int_equal(third, START + PAGES(7));
    expect_filled(fake, third, 5);
    assert_int_equal(fake->pvs.live, 5);
    assert_int_equal(kmem->pv_free, 0);
    assert_true(kmem_free(kmem, &map, second, PAGES(5)));
    check(fake, &map);
    assert_true(kmem_free(kmem, &map, third, PAGES(6)));
    assert_int_equal(fake->nr_free, 100);
    assert_int_equal(fake->objects.live, 0);
    assert_int_equal(fake->ports.live, 0);
    assert_int_equal(fake->entries.live, 0);
    assert_int_equal(kmem->pv_free, 5);
    /* An object's pages go back oldest first. */
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(fake->freed[i], i + 1);
    end(fake, &map);
}

/* The newer range first: the older one keeps the object and all of its pages. */
static void test_growth_abandoned(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 64, 100);
    struct kmem *kmem = &fake->kmem;
    uint64_t first, second;

    (void)state;
    first = kmem_alloc(kmem, &map, PAGES(2), KMEM_OBJECT);
    second = kmem_realloc(kmem, &map, first, PAGES(2), PAGES(4));
    assert_true(kmem_free(kmem, &map, second, PAGES(4)));
    check(fake, &map);
    assert_int_equal(fake->nr_free, 96);
    assert_true(
        kmem_free(kmem, &map, first, PAGES(1))); /* half of it: a clip, one more reference */
    check(fake, &map);
    assert_int_equal(fake->nr_free, 96);
    assert_true(kmem_free(kmem, &map, first + PAGES(1), PAGES(1)));
    assert_int_equal(fake->nr_free, 100);
    assert_int_equal(fake->objects.live, 0);
    assert_int_equal(kmem->pv_free, 2);

    /* What cannot be grown: part of a range, the kernel object, nothing, something smaller. */
    first = kmem_alloc(kmem, &map, PAGES(2), KMEM_OBJECT);
    second = kmem_alloc(kmem, &map, PAGES(2), KMEM_WIRED);
    assert_int_equal(kmem_realloc(kmem, &map, first, PAGES(1), PAGES(4)), 0);
    assert_int_equal(kmem_realloc(kmem, &map, first + PAGES(1), PAGES(1), PAGES(4)), 0);
    assert_int_equal(kmem_realloc(kmem, &map, second, PAGES(2), PAGES(4)), 0);
    assert_int_equal(kmem_realloc(kmem, &map, START + PAGES(50), PAGES(2), PAGES(4)), 0);
    assert_int_equal(kmem_realloc(kmem, &map, START - PAGES(1), PAGES(2), PAGES(4)), 0);
    assert_int_equal(kmem_realloc(kmem, &map, first, PAGES(2), PAGES(1)), 0);
    assert_int_equal(fake->machine.failure.cause, FAILURE_PANIC);
    assert_int_equal(fake->nr_free, 96);
    end(fake, &map);
}

/* A pv_entry whose cache grows in the same map finds the new range taken. */
static struct map *nested_map;
static uint64_t nested_range;

static uint64_t grow_nested(struct fake_cache *cache)
{
    cache->hook = NULL;
    nested_range = kmem_alloc(cache->hook_context, nested_map, PAGES(1), KMEM_WIRED);
    return 0;
}

static void test_growth_nested(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 64, 100);
    uint64_t first = kmem_alloc(&fake->kmem, &map, PAGES(2), KMEM_OBJECT), second;

    (void)state;
    nested_map = &map;
    fake->pvs.hook = grow_nested;
    fake->pvs.hook_context = &fake->kmem;
    second = kmem_realloc(&fake->kmem, &map, first, PAGES(2), PAGES(4));
    assert_int_equal(second, START + PAGES(2));
    assert_int_equal(nested_range, START + PAGES(6)); /* behind all of it */
    assert_int_equal(kmem_frame(&fake->kmem, nested_range), 3);
    assert_int_equal(kmem_frame(&fake->kmem, second + PAGES(2)), 4);
    /* Undone after something nested moved the hint: that stays where it is. */
    fake->pvs.hook = grow_nested;
    fake->pvs.fail = 1;
    fake->kmem.pv_free = 0;
    fake->kmem.pv_used = 0;
    fake->kmem.pv_used = 2;
    assert_int_equal(kmem_realloc(&fake->kmem, &map, second, PAGES(4), PAGES(8)), 0);
    check(fake, &map);
    assert_int_equal(nested_range, START + PAGES(15));
    assert_int_equal(map.entries[map.hint].start, nested_range);
    end(fake, &map);
}

/* Frees of the kernel object: pages looked up when few, the whole page list walked when many. */
static void test_order(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 256, 300);
    struct kmem *kmem = &fake->kmem;
    uint64_t *steps = &fake->machine.work.list_steps;

    (void)state;
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(4), KMEM_WIRED), START);
    assert_true(kmem_free(kmem, &map, START, PAGES(2)));
    /* Not joined to what is behind it, and younger. */
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(2), KMEM_WIRED), START);
    assert_int_equal(map.nr_entries, 2);
    assert_int_equal(kmem_frame(kmem, START), 2); /* last in, first out */
    assert_int_equal(kmem->objects[MAP_KERNEL_OBJECT].first, 3);
    fake->nr_freed = 0;
    *steps = 0;
    assert_true(kmem_free(kmem, &map, START, PAGES(4)));
    assert_int_equal(*steps, 4 + 2); /* entry by entry */
    assert_int_equal(fake->freed[0], 2);
    assert_int_equal(fake->freed[1], 1);
    assert_int_equal(fake->freed[2], 3);
    assert_int_equal(fake->freed[3], 4);

    /* Four pages of 83 are fewer than a sixteenth, which is five; four of 79 are not. */
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(83), KMEM_WIRED), START);
    *steps = 0;
    assert_true(kmem_free(kmem, &map, START + PAGES(79), PAGES(4)));
    assert_int_equal(*steps, 0); /* 4 < 83 / 16 */
    assert_true(kmem_free(kmem, &map, START + PAGES(75), PAGES(4)));
    assert_int_equal(*steps, 79);
    *steps = 0;
    fake->nr_freed = 0;
    {
        uint32_t frames[5];

        for (unsigned i = 0; i < 5; i++)
            frames[i] = kmem_frame(kmem, START + PAGES(20 + i));
        assert_true(kmem_free(kmem, &map, START + PAGES(20), PAGES(5)));
        assert_int_equal(*steps, 75);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(fake->freed[i], frames[i]);
    }
    end(fake, &map);
}

/* Slab reclaim runs once when the map has no room, not when pages or entries run out. */
static unsigned reclaims;
static uint64_t reclaimable;

static bool reclaim(void *context)
{
    struct fake *fake = context;

    reclaims++;
    if (reclaimable != 0)
        assert_true(kmem_free(&fake->kmem, nested_map, reclaimable, PAGES(2)));
    reclaimable = 0;
    return true;
}

static void test_reclaim(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 16, 20);
    struct kmem *kmem = &fake->kmem;

    (void)state;
    nested_map = &map;
    reclaims = 0;
    kmem->reclaim = reclaim;
    kmem->reclaim_context = fake;
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(16), KMEM_WIRED), START);
    reclaimable = START + PAGES(14);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(2), KMEM_OBJECT), START + PAGES(14));
    assert_int_equal(reclaims, 1);
    reclaimable = START;
    assert_int_equal(kmem_realloc(kmem, &map, START + PAGES(14), PAGES(2), PAGES(2)), START);
    assert_int_equal(reclaims, 2);
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(1), KMEM_OBJECT), 0);
    assert_int_equal(reclaims, 3);
    assert_int_equal(fake->machine.failure.cause, FAILURE_EXHAUSTION);
    assert_string_equal(fake->machine.failure.resource, "test");
    assert_int_equal(fake->objects.live, 1);
    assert_true(kmem_free(kmem, &map, START + PAGES(2), PAGES(8)));
    fake->fail_page = 4;
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(8), KMEM_WIRED), 0);
    assert_string_equal(fake->machine.failure.resource, "pages");
    fake->entries.fail = 1;
    assert_int_equal(kmem_alloc(kmem, &map, PAGES(8), KMEM_OBJECT), 0);
    assert_int_equal(reclaims, 3);
    end(fake, &map);
}

/* Everything that a request may not change when it is refused. */
struct before {
    struct map map;
    struct kmem kmem;
    uint64_t entries, objects, ports;
    uint32_t nr_free;
    uint32_t free[512];
    uint32_t frames[512];
};

static void remember(struct before *before, const struct fake *fake, const struct map *map)
{
    *before = (struct before){.map = *map,
                              .kmem = fake->kmem,
                              .entries = fake->entries.live,
                              .objects = fake->objects.live,
                              .ports = fake->ports.live,
                              .nr_free = fake->nr_free};
    memcpy(before->free, fake->free, fake->nr_free * sizeof(before->free[0]));
    memcpy(before->frames, fake->kmem.frames,
           ((map->max - map->min) >> PAGE_SHIFT) * sizeof(before->frames[0]));
}

static void expect_unchanged(const struct before *before, const struct fake *fake,
                             const struct map *map)
{
    check(fake, map);
    assert_int_equal(map->size, before->map.size);
    assert_int_equal(map->nr_entries, before->map.nr_entries);
    assert_int_equal(map->hint, before->map.hint);
    assert_int_equal(fake->entries.live, before->entries);
    assert_int_equal(fake->objects.live, before->objects);
    assert_int_equal(fake->ports.live, before->ports);
    assert_int_equal(fake->nr_free, before->nr_free);
    assert_memory_equal(fake->free, before->free, fake->nr_free * sizeof(before->free[0]));
    assert_memory_equal(fake->kmem.frames, before->frames,
                        ((map->max - map->min) >> PAGE_SHIFT) * sizeof(before->frames[0]));
    assert_int_equal(fake->kmem.pv_used, before->kmem.pv_used);
    assert_int_equal(fake->kmem.objects[MAP_KERNEL_OBJECT].resident,
                     before->kmem.objects[MAP_KERNEL_OBJECT].resident);
}

enum refused { PAGE, ENTRY, OBJECT, PORT, PV, REFUSABLE };

static uint64_t *refuse(struct fake *fake, enum refused what)
{
    return what == PAGE     ? &fake->fail_page
           : what == ENTRY  ? &fake->entries.fail
           : what == OBJECT ? &fake->objects.fail
           : what == PORT   ? &fake->ports.fail
                            : &fake->pvs.fail;
}

static bool request(struct fake *fake, struct map *map, int which, uint64_t table)
{
    switch (which) {
    case 0:
        return kmem_alloc(&fake->kmem, map, PAGES(6), KMEM_WIRED) != 0;
    case 1:
        return kmem_alloc(&fake->kmem, map, PAGES(8), KMEM_ALIGNED) != 0;
    case 2:
        return kmem_alloc(&fake->kmem, map, PAGES(6), KMEM_OBJECT) != 0;
    case 3:
        return kmem_realloc(&fake->kmem, map, table, PAGES(3), PAGES(9)) != 0;
    case 4:
        return kmem_alloc(&fake->kmem, map, PAGES(3), KMEM_PAGEABLE) != 0;
    default:
        return kmem_free(&fake->kmem, map, START + PAGES(1), PAGES(3));
    }
}

/* The n-th page, entry, ... of each request is refused, for every n until the request succeeds. */
static void refusals_with(const struct map_ops *ops)
{
    static const unsigned expected[6][REFUSABLE] = {
        {6, 0, 0, 0, 0}, /* extends */
        {8, 0, 0, 0, 0}, /* so does this */
        {6, 1, 1, 1, 0}, {6, 1, 0, 0, 3}, {0, 1, 0, 0, 0}, {0, 2, 0, 0, 0},
    };

    for (int which = 0; which < 6; which++) {
        for (enum refused what = PAGE; what < REFUSABLE; what++) {
            struct map map;
            struct fake *fake = open_with(&map, ops, 256, 256);
            struct before *before = malloc(sizeof(*before));
            uint64_t table, n;

            assert_non_null(before);
            assert_int_equal(kmem_alloc(&fake->kmem, &map, PAGES(5), KMEM_WIRED), START);
            table = kmem_alloc(&fake->kmem, &map, PAGES(3), KMEM_OBJECT);
            assert_int_equal(kmem_alloc(&fake->kmem, &map, PAGES(5), KMEM_WIRED), START + PAGES(8));
            /* A hole behind the hint that is too small, so that what is made is not next to it. */
            assert_int_equal(kmem_alloc(&fake->kmem, &map, PAGES(2), KMEM_PAGEABLE),
                             START + PAGES(13));
            assert_int_equal(kmem_alloc(&fake->kmem, &map, PAGES(1), KMEM_WIRED),
                             START + PAGES(15));
            assert_true(kmem_free(&fake->kmem, &map, START + PAGES(13), PAGES(2)));
            for (n = 1;; n++) {
                bool done;

                remember(before, fake, &map);
                *refuse(fake, what) = n;
                fake->kmem.pv_free = 0; /* as if none were on the private list */
                done = request(fake, &map, which, table);
                if (done)
                    break;
                assert_int_equal(*refuse(fake, what), 0);
                expect_unchanged(before, fake, &map);
            }
            assert_int_equal(n - 1, expected[which][what]);
            check(fake, &map);
            free(before);
            map_close(&map);
            fake_close(fake);
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    refusals_with(&map_first_fit);
    refusals_with(&map_gap_tree);
}

/* Random ranges of all kinds; each page carries the number of its range. */
struct range {
    uint64_t start;
    unsigned pages;
    enum kmem_kind kind;
    uint64_t mark;
};

static void write_range(struct fake *fake, struct range *range, uint64_t mark)
{
    range->mark = mark;
    for (unsigned i = 0; i < range->pages; i++)
        *(uint64_t *)machine_at(&fake->machine, range->start + PAGES(i)) = mark + i;
}

static void read_range(struct fake *fake, const struct range *range, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        assert_int_equal(*(uint64_t *)machine_at(&fake->machine, range->start + PAGES(i)),
                         range->mark + i);
}

static void random_with(const struct map_ops *ops, uint64_t seed)
{
    static const enum kmem_kind kinds[] = {KMEM_WIRED, KMEM_WIRED, KMEM_ALIGNED, KMEM_OBJECT,
                                           KMEM_PAGEABLE};
    struct map map;
    struct fake *fake = open_with(&map, ops, 256, 160);
    struct range ranges[256];
    unsigned nr = 0, grown = 0;
    uint64_t mark = 1;

    for (unsigned step = 0; step < 1200; step++) {
        unsigned i = nr == 0 ? 0 : (unsigned)(fake_random(&seed) % nr);
        unsigned what = (unsigned)(fake_random(&seed) % 10);

        mark += 1000;
        fake->fail_page = fake_random(&seed) % 40 == 0 ? 1 + fake_random(&seed) % 6 : 0;
        fake->entries.fail = fake_random(&seed) % 40 == 0;
        fake->pvs.fail = fake_random(&seed) % 40 == 0;
        if (what < 5 && nr < 256) {
            struct range new = {.kind = kinds[fake_random(&seed) % 5]};

            new.pages = new.kind == KMEM_ALIGNED ? 1u << fake_random(&seed) % 4
                                                 : 1 + (unsigned)(fake_random(&seed) % 12);
            new.start = kmem_alloc(&fake->kmem, &map, PAGES(new.pages), new.kind);
            if (new.start != 0) {
                write_range(fake, &new, mark);
                ranges[nr++] = new;
            }
        } else if (what < 7 && nr > 0 && ranges[i].kind == KMEM_OBJECT) {
            unsigned pages = ranges[i].pages + (unsigned)(fake_random(&seed) % 4);
            uint64_t start = kmem_realloc(&fake->kmem, &map, ranges[i].start,
                                          PAGES(ranges[i].pages), PAGES(pages));

            if (start != 0) {
                struct range old = ranges[i];

                fake->entries.fail = 0;
                read_range(fake, &old, old.pages);
                ranges[i].start = start;
                read_range(fake, &ranges[i], old.pages);
                assert_true(kmem_free(&fake->kmem, &map, old.start, PAGES(old.pages)));
                ranges[i].pages = pages;
                write_range(fake, &ranges[i], mark);
                grown++;
            }
        } else if (nr > 0) {
            read_range(fake, &ranges[i], ranges[i].pages);
            if (kmem_free(&fake->kmem, &map, ranges[i].start, PAGES(ranges[i].pages)))
                ranges[i] = ranges[--nr];
        }
        check(fake, &map);
    }
    fake->entries.fail = 0;
    for (unsigned i = 0; i < nr; i++) {
        read_range(fake, &ranges[i], ranges[i].pages);
        assert_true(kmem_free(&fake->kmem, &map, ranges[i].start, PAGES(ranges[i].pages)));
        check(fake, &map);
    }
    assert_true(grown > 10);
    assert_int_equal(map.nr_entries, 0);
    assert_int_equal(fake->nr_free, 160);
    assert_int_equal(fake->entries.live, 0);
    assert_int_equal(fake->objects.live, 0);
    assert_int_equal(fake->ports.live, 0);
    assert_int_equal(fake->pvs.live, fake->kmem.pv_free);
    end(fake, &map);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        print_message("seed %" PRIu64 "\n", seed);
        random_with(&map_first_fit, seed);
        random_with(&map_gap_tree, seed);
    }
}

/* The checker notices what it is there for. */
static void test_checker(void **state)
{
    struct map map;
    struct fake *fake = open_with(&map, &map_first_fit, 64, 100);
    struct error error;

    (void)state;
    assert_int_equal(kmem_alloc(&fake->kmem, &map, PAGES(4), KMEM_WIRED), START);
    fake->kmem.frames[2] = 0;
    assert_int_equal(kmem_check(&fake->kmem, &error), -1);
    assert_string_equal(error.text, "kernel object: frame 3 is not where it is mapped");
    fake->kmem.frames[2] = 4;
    fake->kmem.kmem_pages[3].mappings = 2;
    assert_int_equal(kmem_check(&fake->kmem, &error), -1);
    fake->kmem.kmem_pages[3].mappings = 1;
    fake->machine.pages[4].state = PAGE_FREE_HEAD;
    assert_int_equal(kmem_check(&fake->kmem, &error), -1);
    assert_string_equal(error.text, "object 1: frame 4 is in state 1");
    fake->machine.pages[4].state = PAGE_USED;
    map.size += PAGE_SIZE;
    assert_int_equal(map_check(&map, &error), -1);
    map.size -= PAGE_SIZE;
    map.entries[1].end = START;
    assert_int_equal(map_check(&map, &error), -1);
    map.entries[1].end = START + PAGES(4);
    end(fake, &map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_classes),
        cmocka_unit_test(test_growth),        cmocka_unit_test(test_growth_abandoned),
        cmocka_unit_test(test_growth_nested), cmocka_unit_test(test_order),
        cmocka_unit_test(test_reclaim),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_random),        cmocka_unit_test(test_checker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
