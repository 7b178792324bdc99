/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The n-th page request fails, for every n: a refusal leaves everything as it was, and nothing
 * leaks.
 */

#include "cmocka_all.h"
#include "fake.h"

#define OBJECTS 200

static const struct slab_backend *const backends[] = {&slab_vm, &slab_buddy_first_week, &slab_buddy,
                                                      &slab_hybrid, &slab_direct};

static void check(struct fake *fake, uint64_t n)
{
    struct error error = {""};

    if (slab_check(&fake->slabs, &error) != 0) {
        fail_msg("page %llu refused: %s", (unsigned long long)n, error.text);
    }
}

static uint32_t size_of(unsigned i)
{
    static const uint32_t sizes[] = {16, 280, 816, 2048, 4096, 8192, 20000, 140000};

    return sizes[i % 8];
}

/* Returns whether the n-th request came about. */
static bool run(const struct slab_backend *backend, uint64_t n)
{
    struct fake *fake = fake_open(backend, 4, 8192, 8192);
    uint64_t objects[OBJECTS];
    unsigned refused = 0;

    fake->machine.fail_page = n;

    for (unsigned i = 0; i < OBJECTS; i++) {
        uint32_t before = fake->free_frames;
        bool pending = fake->machine.fail_page != 0;

        fake->machine.failure.cause = FAILURE_NONE;
        objects[i] = kalloc(&fake->slabs, size_of(i));

        if (objects[i] == 0) {
            assert_true(pending && fake->machine.fail_page == 0);
            assert_int_equal(fake->machine.failure.cause, FAILURE_EXHAUSTION);
            assert_int_equal(fake->free_frames, before);
            check(fake, n);
            refused++;
            objects[i] = kalloc(&fake->slabs, size_of(i));
            assert_true(objects[i] != 0);
        }
    }

    bool came = fake->machine.fail_page == 0;

    assert_int_equal(refused, came ? 1 : 0);
    check(fake, n);

    for (unsigned i = 0; i < OBJECTS; i++) {
        kfree(&fake->slabs, objects[i], size_of(i));
    }

    slab_reap(&fake->slabs);
    slab_reap(&fake->slabs);
    check(fake, n);
    assert_int_equal(fake->free_frames, 8192 - 16);
    assert_int_equal(fake->virtual_used, 0);
    fake_close(fake);
    return came;
}

static void test_every_page(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 5; i++) {
        uint64_t n = 1;

        /* Requests of many pages at once are many requests for pages on virtual memory; every one
         * of the first 300 and then some of the rest. */
        while (run(backends[i], n)) {
            n += n < 300 ? 1 : 37;
        }

        assert_true(n > 50);
    }
}

/* The map is full, not memory. */
static void test_full_map(void **state)
{
    struct fake *fake = fake_open(&slab_hybrid, 4, 256, 7);
    uint64_t object = kalloc(&fake->slabs, 16384);

    (void)state;
    assert_true(object != 0);
    assert_true(kalloc(&fake->slabs, 16384) == 0);
    assert_string_equal(fake->machine.failure.resource, "kernel_map");
    check(fake, 0);
    kfree(&fake->slabs, object, 16384);
    assert_true(kalloc(&fake->slabs, 16384) == object);
    fake_close(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_page),
        cmocka_unit_test(test_full_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
