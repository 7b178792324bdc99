/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Random allocations and frees on every design, for both word sizes.
 *
 * Every object is filled with a pattern of its own, looked at when it is freed: an overlap of two
 * objects, of an object and a descriptor or of an object and another's link shows there. At the
 * end everything is freed and reaped, and every page must be back.
 */

#include "cmocka_all.h"
#include "fake.h"

#include <string.h>

#define CACHES  24
#define OBJECTS 4000
#define STEPS   60000

struct object {
    uint64_t address;
    unsigned cache;
    uint8_t pattern;
};

struct run {
    struct fake *fake;
    unsigned nr;
    uint64_t hash; /* of all addresses */
    struct object objects[OBJECTS];
};

static const struct slab_backend *const backends[] = {&slab_vm, &slab_buddy_first_week, &slab_buddy,
                                                      &slab_hybrid, &slab_direct};

static void check(struct fake *fake)
{
    struct error error = {""};

    if (slab_check(&fake->slabs, &error) != 0) {
        fail_msg("%s", error.text);
    }
}

static void create_caches(struct fake *fake)
{
    static const uint32_t limits[] = {64, 512, 2048, 20000};

    for (unsigned i = 0; i < CACHES; i++) {
        uint32_t size = 1 + (uint32_t)(fake_random(fake) % limits[i % 4]);
        uint32_t align = i % 3 == 0 ? 0 : 1u << fake_random(fake) % 8;
        struct error error = {""};

        if (cache_create(&fake->slabs, "random", size, align, &error) != (int)i) {
            fail_msg("%s", error.text);
        }
    }
}

static void alloc_one(struct run *run)
{
    struct fake *fake = run->fake;
    struct object *object = &run->objects[run->nr];
    unsigned index = (unsigned)(fake_random(fake) % CACHES);
    const struct cache *cache = &fake->slabs.caches[index];
    uint64_t address = cache_alloc(&fake->slabs, index, cache->object_size);

    run->hash = (run->hash ^ address) * 1099511628211u;

    if (address == 0) {
        assert_int_equal(fake->machine.failure.cause, FAILURE_EXHAUSTION);
        return;
    }

    assert_true(address % cache->align == 0);
    *object = (struct object){address, index, (uint8_t)fake_random(fake)};
    memset(machine_at(&fake->machine, address), object->pattern, cache->object_size);
    run->nr++;
}

static void free_one(struct run *run, unsigned n)
{
    struct fake *fake = run->fake;
    struct object *object = &run->objects[n];
    uint32_t size = fake->slabs.caches[object->cache].object_size;
    const uint8_t *content = machine_at(&fake->machine, object->address);

    assert_int_equal(content[0], object->pattern);
    assert_true(memcmp(content, content + 1, size - 1) == 0);
    cache_free(&fake->slabs, object->cache, object->address, size);
    *object = run->objects[--run->nr];
}

static void expect_sums(const struct run *run)
{
    uint64_t objects = 0, bytes = 0, expected = 0;

    for (unsigned i = 0; i < CACHES; i++) {
        objects += run->fake->slabs.caches[i].nr_objects;
        bytes += run->fake->slabs.caches[i].requested_live;
    }

    for (unsigned i = 0; i < run->nr; i++) {
        expected += run->fake->slabs.caches[run->objects[i].cache].object_size;
    }

    assert_int_equal(objects, run->nr);
    assert_int_equal(bytes, expected);
}

/* Waves: mostly allocations, then mostly frees. */
static uint64_t run_random(const struct slab_backend *backend, unsigned pointer_size,
                           uint32_t frames, uint64_t virtual_pages)
{
    static struct run run;

    memset(&run, 0, sizeof(run));
    run.fake = fake_open(backend, pointer_size, frames, virtual_pages);
    create_caches(run.fake);

    for (unsigned step = 0; step < STEPS; step++) {
        bool growing = step / 7000 % 2 == 0;
        bool alloc = fake_random(run.fake) % 8 < (growing ? 6 : 2);

        if ((alloc || run.nr == 0) && run.nr < OBJECTS) {
            alloc_one(&run);
        } else {
            free_one(&run, (unsigned)(fake_random(run.fake) % run.nr));
        }

        if (step % 5003 == 0) {
            slab_reap(&run.fake->slabs);
        }

        if (step % 997 == 0) {
            check(run.fake);
            expect_sums(&run);
        }
    }

    while (run.nr != 0) {
        free_one(&run, (unsigned)(fake_random(run.fake) % run.nr));
    }

    slab_reap(&run.fake->slabs);
    slab_reap(&run.fake->slabs);
    check(run.fake);
    assert_int_equal(run.fake->free_frames, frames - 16);
    assert_int_equal(run.fake->virtual_used, 0);
    fake_close(run.fake);
    return run.hash;
}

static void test_random(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 5; i++) {
        for (unsigned pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
            print_message("%s, %u-byte pointers\n", backends[i]->name, pointer_size);
            run_random(backends[i], pointer_size, 16384, 16384);
        }
    }
}

/* Too little memory for the waves: refusals in the midst of everything. */
static void test_random_scarce(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 5; i++) {
        run_random(backends[i], 4, 700, 600);
    }
}

/* The same addresses again, on a machine that lies elsewhere in host memory. */
static void test_same_again(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 5; i++) {
        uint64_t hash = run_random(backends[i], 4, 3000, 3000);

        assert_true(run_random(backends[i], 4, 3000, 3000) == hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_random_scarce),
        cmocka_unit_test(test_same_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
