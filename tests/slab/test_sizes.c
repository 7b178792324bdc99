/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sizes of slabs: every cache of five kernels, and cases worked out by hand where they have none.
 */

#include "captured_sizes.h"
#include "cmocka_all.h"
#include "fake.h"

#include <string.h>

static int create(struct fake *fake, const char *name, uint32_t size, uint32_t align)
{
    struct error error = {""};
    int index = cache_create(&fake->slabs, name, size, align, &error);

    if (index < 0) {
        fail_msg("%s", error.text);
    }

    return index;
}

static void test_captured(void **state)
{
    size_t nr = sizeof(captured_sizes) / sizeof(captured_sizes[0]);

    (void)state;

    for (size_t i = 0; i < nr; i++) {
        const struct captured_size *captured = &captured_sizes[i];
        struct fake *fake = fake_open(captured->backend, 4, 256, 256);
        const struct cache *cache;

        fake_reserve(fake, 1);
        cache = &fake->slabs
                     .caches[create(fake, captured->name, captured->object_size, captured->align)];

        if (cache->buffer_size != captured->buffer_size ||
            cache->slab_bytes != captured->slab_bytes ||
            cache->buffers_per_slab != captured->buffers_per_slab ||
            cache->off_slab != captured->off_slab || cache->use_tree != captured->use_tree) {
            fail_msg("%s, cache %s: buffers of %u, slabs of %u with %u, outside %d, tree %d",
                     captured->kernel, captured->name, cache->buffer_size, cache->slab_bytes,
                     cache->buffers_per_slab, cache->off_slab, cache->use_tree);
        }

        assert_int_equal(cache->object_size, captured->object_size);
        assert_int_equal(cache->align, captured->align);
        fake_close(fake);
    }
}

struct by_hand {
    const struct slab_backend *backend;
    unsigned pointer_size;
    uint32_t object_size, align;
    uint32_t slab_bytes, buffers_per_slab, colour_max;
    bool off_slab, use_tree;
};

/*
 * 1368 bytes: one page holds 2 and wastes 1360, less the descriptor 1328; two hold 5 and waste
 * 1320; three hold 8 and waste 1312; four hold 11 and waste 1304. Powers of two skip the three
 * pages. 8208 bytes: three pages hold 1 and waste 4080.
 */
static const struct by_hand cases[] = {
    {&slab_vm, 4, 1368, 0, 12288, 8, 1312, false, true},
    {&slab_buddy_first_week, 4, 1368, 0, 16384, 11, 1304, false, true},
    {&slab_buddy, 4, 1368, 0, 4096, 2, 1328, false, false},
    {&slab_hybrid, 4, 1368, 0, 4096, 2, 1324, false, false},
    {&slab_hybrid, 4, 8208, 0, 12288, 1, 4044, false, true},
    {&slab_buddy, 4, 8208, 0, 16384, 1, 4095, false, true},
    {&slab_vm, 4, 280, 0, 4096, 14, 144, false, false},
    {&slab_hybrid, 4, 324, 0, 4096, 12, 124, false, false},
    {&slab_vm, 4, 511, 0, 8192, 15, 480, false, true},
    {&slab_vm, 4, 512, 0, 4096, 8, 0, true, true},
    {&slab_vm, 4, 1, 0, 4096, 508, 0, false, false},
    {&slab_vm, 4, 100, 64, 4096, 31, 96, false, false},
    {&slab_hybrid, 4, 1, 0, 4096, 507, 4, false, false},
    {&slab_hybrid, 8, 16, 0, 4096, 251, 8, false, false},
    {&slab_hybrid, 8, 512, 0, 4096, 8, 0, true, false},
    {&slab_vm, 8, 32, 0, 4096, 126, 0, false, false},
    {&slab_hybrid, 4, 131072, 0, 131072, 1, 0, true, true},
    {&slab_direct, 4, 1, 0, 4096, 1, 0, false, false},
    {&slab_direct, 4, 4097, 0, 8192, 1, 0, false, false},
    {&slab_direct, 4, 12288, 0, 16384, 1, 0, false, false},
};

static void test_by_hand(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct by_hand *c = &cases[i];
        struct fake *fake = fake_open(c->backend, c->pointer_size, 64, 64);
        const struct cache *cache =
            &fake->slabs.caches[create(fake, "object", c->object_size, c->align)];

        if (cache->slab_bytes != c->slab_bytes || cache->buffers_per_slab != c->buffers_per_slab ||
            cache->colour_max != c->colour_max || cache->off_slab != c->off_slab ||
            cache->use_tree != c->use_tree) {
            fail_msg("case %zu: slabs of %u with %u, colours to %u, outside %d, tree %d", i,
                     cache->slab_bytes, cache->buffers_per_slab, cache->colour_max, cache->off_slab,
                     cache->use_tree);
        }

        fake_close(fake);
    }
}

static void expect_refused(struct fake *fake, const char *name, uint32_t size, uint32_t align,
                           const char *word)
{
    struct error error = {""};
    unsigned nr = fake->slabs.nr_caches;

    assert_int_equal(cache_create(&fake->slabs, name, size, align, &error), -1);
    assert_non_null(strstr(error.text, word));
    assert_int_equal(fake->slabs.nr_caches, nr);
}

static void test_impossible(void **state)
{
    struct fake *fake = fake_open(&slab_hybrid, 4, 64, 64);

    (void)state;
    expect_refused(fake, "nothing", 0, 0, "0 bytes");
    expect_refused(fake, "crooked", 16, 24, "alignment of 24");
    expect_refused(fake, "coarse", 16, 8192, "alignment of 8192");
    expect_refused(fake, "huge", 1u << 30, 0, "1073741824 bytes");

    for (int i = 0; i < CACHES_MAX; i++) {
        create(fake, "many", 16, 0);
    }

    expect_refused(fake, "one more", 16, 0, "256 caches");
    fake_close(fake);
}

static void test_names(void **state)
{
    struct fake *fake = fake_open(&slab_vm, 4, 64, 64);
    struct slab_system *slabs = &fake->slabs;
    int entry;

    (void)state;

    /* The descriptor is that of the design, not that of the kernel that was captured. */
    int descriptor = create(fake, "kmem_slab", 36, 0);

    assert_int_equal(slabs->kmem_slab, descriptor);
    assert_int_equal(slabs->caches[descriptor].object_size, 32);
    assert_int_equal(create(fake, "kmem_slab", 36, 0), descriptor);

    assert_int_equal(create(fake, "kalloc_64", 64, 0), 1);
    assert_int_equal(create(fake, "kalloc.128", 128, 0), 2);
    assert_int_equal(create(fake, "kalloc_64", 64, 0), 1);
    assert_int_equal(slabs->kalloc[1], 1);
    assert_int_equal(slabs->kalloc[2], 2);
    create(fake, "kalloc_256", 255, 0);
    create(fake, "kalloc_300", 256, 0);
    create(fake, "kallocate", 256, 0);
    assert_int_equal(slabs->kalloc[3], -1);

    /* No reserve yet, then one. */
    entry = create(fake, "vm_map_kentry", 60, 0);
    assert_false(slabs->caches[entry].static_reserve);
    fake_reserve(fake, 1);
    entry = create(fake, "vm_map_kentry", 60, 0);
    assert_true(slabs->caches[entry].static_reserve);

    /* Cut, with its end. */
    entry = create(fake, "a name of forty characters, which is long", 8, 0);
    assert_string_equal(slabs->caches[entry].name, "a name of forty characters, whi");
    fake_close(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
