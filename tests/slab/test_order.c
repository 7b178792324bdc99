/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which buffer comes next: chains, lists, colours, reaping. Every expectation is worked out by
 * hand.
 */

#include "cmocka_all.h"
#include "fake.h"

#include <string.h>

static unsigned create(struct fake *fake, const char *name, uint32_t size)
{
    int index = cache_create(&fake->slabs, name, size, 0, NULL);

    assert_true(index >= 0);
    return (unsigned)index;
}

static uint64_t take(struct fake *fake, unsigned cache)
{
    uint64_t object = cache_alloc(&fake->slabs, cache, fake->slabs.caches[cache].object_size);

    assert_true(object != 0);
    return object;
}

static void give(struct fake *fake, unsigned cache, uint64_t object)
{
    cache_free(&fake->slabs, cache, object, fake->slabs.caches[cache].object_size);
}

static void check(struct fake *fake)
{
    struct error error = {""};

    if (slab_check(&fake->slabs, &error) != 0) {
        fail_msg("%s", error.text);
    }
}

/* The highest buffer of a new slab comes first; then the one that was freed last. */
static void test_chain(void **state)
{
    struct fake *fake = fake_open(&slab_hybrid, 4, 64, 64);
    unsigned cache = create(fake, "task", 192);
    uint64_t objects[21];

    (void)state;

    for (unsigned i = 0; i < 21; i++) {
        objects[i] = take(fake, cache);
        assert_int_equal(objects[i] % PAGE_SIZE, (20 - i) * 192);
        assert_int_equal(objects[i] / PAGE_SIZE, objects[0] / PAGE_SIZE);
    }

    give(fake, cache, objects[3]);
    give(fake, cache, objects[17]);
    give(fake, cache, objects[9]);
    assert_true(take(fake, cache) == objects[9]);
    assert_true(take(fake, cache) == objects[17]);
    assert_true(take(fake, cache) == objects[3]);
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 1);
    take(fake, cache);
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 2);
    check(fake);
    fake_close(fake);
}

/* The link is in the last word of a free buffer; the rest of it is not touched. */
static void test_link_in_last_word(void **state)
{
    (void)state;

    for (unsigned pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
        struct fake *fake = fake_open(&slab_vm, pointer_size, 64, 64);
        unsigned cache = create(fake, "kalloc_64", 64);
        uint64_t first = take(fake, cache);
        uint64_t second = take(fake, cache);
        char *content = machine_at(&fake->machine, first);
        link32_t link;

        memset(content, 0x5a, 64);
        give(fake, cache, second);
        give(fake, cache, first);

        for (unsigned i = 0; i < 64 - pointer_size; i++) {
            assert_int_equal(content[i], 0x5a);
        }

        memcpy(&link, content + 64 - pointer_size, sizeof(link));
        assert_true(machine_address(&fake->machine, link) == second);
        check(fake);
        fake_close(fake);
    }
}

/* A slab that a free makes partial goes to the front of the partial list. */
static void test_partial_slabs(void **state)
{
    struct fake *fake = fake_open(&slab_hybrid, 4, 64, 64);
    unsigned cache = create(fake, "kalloc_2048", 2048);
    uint64_t a, b, c;

    (void)state;
    a = take(fake, cache);
    take(fake, cache);
    b = take(fake, cache);
    take(fake, cache);
    c = take(fake, cache);
    take(fake, cache);

    give(fake, cache, a);
    give(fake, cache, c);
    give(fake, cache, b);
    check(fake);
    assert_true(take(fake, cache) == b);
    assert_true(take(fake, cache) == c);
    assert_true(take(fake, cache) == a);
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 3);
    fake_close(fake);
}

/* Partial slabs come before free ones; of the free ones, that which was emptied last. */
static void test_free_slabs(void **state)
{
    struct fake *fake = fake_open(&slab_vm, 4, 64, 64);
    unsigned cache = create(fake, "kalloc_8192", 8192);
    const struct cache *c = &fake->slabs.caches[cache];
    uint64_t objects[12];

    (void)state;
    assert_int_equal(c->buffers_per_slab, 4);

    for (int i = 0; i < 12; i++) {
        objects[i] = take(fake, cache);
    }

    for (int i = 11; i >= 4; i--) {
        give(fake, cache, objects[i]);
    }

    assert_int_equal(c->nr_free_slabs, 2);
    give(fake, cache, objects[2]);
    check(fake);
    assert_true(take(fake, cache) == objects[2]);
    assert_int_equal(c->nr_free_slabs, 2);
    assert_true(take(fake, cache) == objects[4]);
    assert_int_equal(c->nr_free_slabs, 1);
    check(fake);
    fake_close(fake);
}

/* With one buffer per slab there is no partial list to be on. */
static void test_one_buffer(void **state)
{
    struct fake *fake = fake_open(&slab_buddy, 4, 256, 64);
    unsigned cache = create(fake, "kalloc_8192", 8192);
    const struct cache *c = &fake->slabs.caches[cache];
    uint64_t a = take(fake, cache);
    uint64_t b = take(fake, cache);

    (void)state;
    assert_int_equal(c->partial_head, 0);
    give(fake, cache, a);
    give(fake, cache, b);
    assert_int_equal(c->partial_head, 0);
    assert_int_equal(c->nr_free_slabs, 2);
    check(fake);
    assert_true(take(fake, cache) == b);
    assert_true(take(fake, cache) == a);
    check(fake);
    fake_close(fake);
}

/* Offsets of the first NR slabs' lowest buffers. */
static void expect_colours(struct fake *fake, unsigned cache, uint32_t step, uint32_t last,
                           unsigned nr)
{
    const struct cache *c = &fake->slabs.caches[cache];
    uint32_t expected = 0;

    for (unsigned i = 0; i < nr; i++) {
        uint64_t lowest = 0;

        for (unsigned k = 0; k < c->buffers_per_slab; k++) {
            lowest = take(fake, cache);
        }

        assert_int_equal(lowest % PAGE_SIZE, expected);
        expected = expected + step > last ? 0 : expected + step;
    }

    check(fake);
}

/* vm: 4096 - 32 - 14 * 280 = 144 bytes are left, a multiple of 8 that is used itself: 19 colours.
 * hybrid: 4096 - 36 - 12 * 328 = 124, 120 is the last of 16 colours. */
static void test_colours(void **state)
{
    struct fake *fake = fake_open(&slab_vm, 4, 256, 256);

    (void)state;
    expect_colours(fake, create(fake, "rdxtree_node", 280), 8, 144, 45);
    fake_close(fake);

    fake = fake_open(&slab_hybrid, 4, 256, 256);
    expect_colours(fake, create(fake, "thread", 324), 8, 120, 40);
    fake_close(fake);

    fake = fake_open(&slab_hybrid, 4, 256, 256);
    int cache = cache_create(&fake->slabs, "i386_fpsave_state", 528, 16, NULL);
    /* 4096 - 7 * 528 = 400, less the descriptor 364: 352 is the last. */
    expect_colours(fake, (unsigned)cache, 16, 352, 50);
    fake_close(fake);
}

/* The colour moves on when growth fails, be it for pages or for a descriptor. */
static void test_colour_after_failure(void **state)
{
    struct fake *fake = fake_open(&slab_hybrid, 4, 64, 64);
    unsigned cache = create(fake, "rdxtree_node", 280);

    (void)state;
    fake->machine.fail_page = 1;
    assert_true(cache_alloc(&fake->slabs, cache, 280) == 0);
    assert_true(take(fake, cache) % PAGE_SIZE == 8 + 13 * 280);
    fake_close(fake);

    /* 4096 - 5 * 816 leaves 16: too few for the descriptor, enough for three colours. */
    fake = fake_open(&slab_hybrid, 4, 64, 64);
    cache = create(fake, "outside", 816);
    assert_true(fake->slabs.caches[cache].off_slab);
    assert_int_equal(fake->slabs.caches[cache].colour_max, 16);
    fake->machine.fail_page = 2;
    assert_true(cache_alloc(&fake->slabs, cache, 816) == 0);
    assert_int_equal(fake->free_frames, 64 - 16);
    assert_true(take(fake, cache) % PAGE_SIZE == 8 + 4 * 816);
    check(fake);
    fake_close(fake);
}

/* Where `kmem_slab` stands among the caches decides what becomes of the slabs that it empties. */
static void expect_reaped(const struct slab_backend *backend, bool descriptors_first, uint32_t left)
{
    struct fake *fake = fake_open(backend, 4, 256, 64);
    uint32_t frames = fake->free_frames;
    unsigned cache, descriptors;

    if (descriptors_first) {
        descriptors = create(fake, "kmem_slab", 32);
        cache = create(fake, "kalloc_512", 512);
    } else {
        cache = create(fake, "kalloc_512", 512);
        descriptors = create(fake, "kmem_slab", 32);
    }

    uint64_t object = take(fake, cache);

    slab_reap(&fake->slabs);
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 1);
    give(fake, cache, object);
    assert_int_equal(fake->slabs.caches[cache].nr_free_slabs, 1);
    slab_reap(&fake->slabs);
    check(fake);
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 0);
    assert_int_equal(fake->slabs.caches[cache].nr_buffers, 0);
    assert_int_equal(fake->slabs.caches[descriptors].nr_slabs, left);
    assert_int_equal(fake->slabs.caches[descriptors].nr_free_slabs, left);
    assert_int_equal(fake->free_frames, frames - left);

    slab_reap(&fake->slabs);
    assert_int_equal(fake->free_frames, frames);
    fake_close(fake);
}

static void test_reaping(void **state)
{
    (void)state;
    expect_reaped(&slab_vm, true, 1);
    expect_reaped(&slab_vm, false, 0);
    expect_reaped(&slab_buddy, true, 1);
    expect_reaped(&slab_buddy, false, 0);
    expect_reaped(&slab_hybrid, true, 1);
    expect_reaped(&slab_hybrid, false, 1);
}

/* More than 500 ticks of 10 ms since the last time, or since power-on. */
static void test_reaping_is_limited(void **state)
{
    struct fake *fake = fake_open(&slab_vm, 4, 64, 64);
    unsigned cache = create(fake, "task", 192);

    (void)state;
    give(fake, cache, take(fake, cache));
    fake->machine.now = 500;
    assert_false(slab_collect(&fake->slabs));
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 1);
    fake->machine.now = 501;
    assert_true(slab_collect(&fake->slabs));
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 0);
    fake->machine.now = 1001;
    assert_false(slab_collect(&fake->slabs));
    fake->machine.now = 1002;
    assert_true(slab_collect(&fake->slabs));
    fake_close(fake);
}

/* 1.6: the first object off the reserve is the 63rd buffer of its first page; the second page has
 * the next colour. When the pages have gone the kernel stops; reaping takes none of them. */
static void test_reserve(void **state)
{
    struct fake *fake = fake_open(&slab_vm, 4, 64, 64);
    unsigned cache;
    uint64_t start, object = 0;

    (void)state;
    fake_reserve(fake, 2);
    start = fake->slabs.reserve_next;
    cache = create(fake, "vm_map_kentry", 60);
    assert_int_equal(fake->slabs.caches[cache].buffers_per_slab, 63);

    for (unsigned i = 0; i < 2 * 63; i++) {
        object = take(fake, cache);
        assert_true(object == start + (i / 63) * (PAGE_SIZE + 8) + (62 - i % 63) * 64);
    }

    assert_true(cache_alloc(&fake->slabs, cache, 60) == 0);
    assert_int_equal(fake->machine.failure.cause, FAILURE_PANIC);
    assert_string_equal(fake->machine.failure.resource, "kentry");
    check(fake);

    for (unsigned i = 0; i < 63; i++) {
        give(fake, cache, start + i * 64);
    }

    slab_reap(&fake->slabs);
    assert_int_equal(fake->slabs.caches[cache].nr_slabs, 2);
    assert_int_equal(fake->slabs.caches[cache].nr_free_slabs, 1);
    assert_true(take(fake, cache) == start + 62 * 64);
    check(fake);
    fake_close(fake);
}

/* Pages of slabs are marked, and no more when they are given back. */
static void test_marks(void **state)
{
    static const struct slab_backend *const backends[] = {&slab_vm, &slab_buddy, &slab_hybrid,
                                                          &slab_direct};

    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        struct fake *fake = fake_open(backends[i], 4, 256, 64);
        unsigned small = create(fake, "task", 192);
        unsigned large = create(fake, "kalloc_16384", 16384);
        uint32_t marked = 0, others = 0;

        uint64_t object = take(fake, large);

        give(fake, small, take(fake, small));

        for (uint32_t frame = 0; frame < 256; frame++) {
            marked += fake->machine.pages[frame].class == PAGE_CLASS_SLAB_KALLOC;
            others += fake->machine.pages[frame].class == PAGE_CLASS_SLAB_OTHER;
        }

        /* Two objects of 16384 per slab of vm; a descriptor's page but for direct, which has given
         * back the small object's page already. */
        assert_int_equal(marked, i == 0 ? 8 : 4);
        assert_int_equal(others, i == 3 ? 0 : 1 + 1);
        give(fake, large, object);
        slab_reap(&fake->slabs);
        slab_reap(&fake->slabs);

        for (uint32_t frame = 0; frame < 256; frame++) {
            assert_true(fake->machine.pages[frame].class <= PAGE_CLASS_FREE);
            assert_int_equal(fake->machine.pages[frame].owner, 0);
        }

        fake_close(fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_link_in_last_word),
        cmocka_unit_test(test_partial_slabs),
        cmocka_unit_test(test_free_slabs),
        cmocka_unit_test(test_one_buffer),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_colour_after_failure),
        cmocka_unit_test(test_reaping),
        cmocka_unit_test(test_reaping_is_limited),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
