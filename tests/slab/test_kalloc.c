/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalloc: which cache serves a size, and what happens beyond the largest.
 */

#include "cmocka_all.h"
#include "fake.h"

#include <string.h>

static void check(struct fake *fake)
{
    struct error error = {""};

    if (slab_check(&fake->slabs, &error) != 0) {
        fail_msg("%s", error.text);
    }
}

static void test_index(void **state)
{
    (void)state;
    assert_int_equal(kalloc_index(1), 0);
    assert_int_equal(kalloc_index(31), 0);
    assert_int_equal(kalloc_index(32), 0);

    for (unsigned i = 1; i < KALLOC_CACHES; i++) {
        assert_int_equal(kalloc_index((32u << (i - 1)) + 1), i);
        assert_int_equal(kalloc_index(32u << i), i);
    }
}

static void test_caches_when_needed(void **state)
{
    struct fake *fake = fake_open(&slab_hybrid, 4, 256, 64);
    struct slab_system *slabs = &fake->slabs;
    uint64_t object;

    (void)state;
    assert_int_equal(cache_create(slabs, "kalloc_1024", 1024, 0, NULL), 0);
    assert_true(kalloc(slabs, 0) == 0);
    assert_int_equal(fake->machine.failure.cause, FAILURE_NONE);
    kfree(slabs, 0, 0);
    assert_int_equal(slabs->nr_caches, 1);

    object = kalloc(slabs, 1000);
    assert_true(object != 0);
    assert_int_equal(slabs->nr_caches, 2);
    assert_string_equal(slabs->caches[1].name, "kmem_slab");
    assert_int_equal(slabs->caches[0].nr_objects, 1);
    assert_int_equal(slabs->caches[0].requested_live, 1000);

    assert_true(kalloc(slabs, 33) != 0);
    assert_int_equal(slabs->nr_caches, 14);
    assert_int_equal(slabs->kalloc[5], 0);
    assert_string_equal(slabs->caches[slabs->kalloc[0]].name, "kalloc_32");
    assert_string_equal(slabs->caches[slabs->kalloc[12]].name, "kalloc_131072");
    assert_int_equal(slabs->caches[slabs->kalloc[1]].nr_objects, 1);

    kfree(slabs, object, 1000);
    assert_int_equal(slabs->caches[0].nr_objects, 0);
    assert_int_equal(slabs->caches[0].requested_live, 0);
    check(fake);
    fake_close(fake);
}

/* 150000 bytes: 37 pages of kernel virtual memory, or a run of 64. */
static void test_large(void **state)
{
    static const struct {
        const struct slab_backend *backend;
        uint32_t pages;
        bool virtual;
    } cases[] = {{&slab_vm, 37, true},
                 {&slab_hybrid, 37, true},
                 {&slab_buddy, 64, false},
                 {&slab_direct, 64, false}};

    (void)state;

    for (unsigned i = 0; i < 4; i++) {
        struct fake *fake = fake_open(cases[i].backend, 4, 256, 64);
        uint32_t frames = fake->free_frames;
        uint64_t object = kalloc(&fake->slabs, 150000);

        assert_true(object != 0);
        assert_int_equal(fake->slabs.nr_caches, 0);
        assert_int_equal(frames - fake->free_frames, cases[i].pages);
        assert_int_equal(fake->virtual_used, cases[i].virtual ? 37 : 0);
        assert_int_equal(fake->slabs.large_requested, 150000);
        memset(machine_at(&fake->machine, object), 1, 150000);
        check(fake);

        kfree(&fake->slabs, object, 150000);
        assert_int_equal(fake->free_frames, frames);
        assert_int_equal(fake->slabs.large_requested, 0);

        assert_true(kalloc(&fake->slabs, UINT64_C(1) << 45) == 0);
        assert_true(fake->machine.failure.cause != FAILURE_NONE);
        assert_int_equal(fake->slabs.large_requested, 0);
        fake_close(fake);
    }
}

/* Sizes around every boundary, on every design, with content that stays. */
static void test_boundaries(void **state)
{
    static const struct slab_backend *const backends[] = {&slab_vm, &slab_buddy_first_week,
                                                          &slab_buddy, &slab_hybrid, &slab_direct};

    (void)state;

    for (unsigned b = 0; b < 5; b++) {
        struct fake *fake = fake_open(backends[b], 4, 4096, 2048);
        uint64_t objects[3 * 14], sizes[3 * 14];
        unsigned nr = 0;

        for (unsigned i = 0; i < 14; i++) {
            for (uint64_t size = (32u << i) - 1; size <= (32u << i) + 1; size++) {
                sizes[nr] = size;
                objects[nr] = kalloc(&fake->slabs, size);
                assert_true(objects[nr] != 0);
                memset(machine_at(&fake->machine, objects[nr]), (int)(nr + 1), size);
                nr++;
            }
        }

        check(fake);

        for (unsigned i = 0; i < nr; i++) {
            const uint8_t *content = machine_at(&fake->machine, objects[i]);

            for (uint64_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(content[k], i + 1);
            }

            kfree(&fake->slabs, objects[i], sizes[i]);
        }

        slab_reap(&fake->slabs);
        slab_reap(&fake->slabs);
        check(fake);
        assert_int_equal(fake->free_frames, 4096 - 16);
        assert_int_equal(fake->virtual_used, 0);
        fake_close(fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_caches_when_needed),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_boundaries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
