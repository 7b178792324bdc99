/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slabs on the real page allocators, kernel map and kmem, put together as the kernels had them: the
 * entries of the kernel map are themselves objects of a slab cache, so map and slabs call each
 * other. Random allocations until memory or map refuse, in waves; every checker must be content,
 * and every page must come back.
 */

#include "cmocka_all.h"

#include "allocators/slab.h"

#include <string.h>

#define OBJECTS 30000
#define STEPS   120000
#define CACHES  10

struct design {
    const char *name, *geometry;
    const struct slab_backend *backend;
    const struct pages_ops *pages;
    const struct map_ops *map;
    bool entry_reserve;
};

static const struct design designs[] = {
    {"vm", "i386-2013", &slab_vm, &pages_list, &map_first_fit, true},
    {"buddy", "i386-2016", &slab_buddy, &pages_buddy, &map_first_fit, false},
    {"hybrid", "i386", &slab_hybrid, &pages_buddy_segments, &map_gap_tree, false},
    {"direct", "i386", &slab_direct, &pages_buddy_segments, &map_gap_tree, false},
};

struct object {
    uint64_t address, size;
    int cache; /* -1: of kalloc */
    uint8_t pattern;
};

struct system {
    struct machine machine;
    struct pages pages;
    struct map map;
    struct kmem kmem;
    struct slab_system slabs;
    unsigned entry_cache;
    uint64_t seed;
    unsigned nr;
    unsigned refused;
    struct object objects[OBJECTS];
};

static uint64_t next_random(struct system *system)
{
    system->seed ^= system->seed >> 12;
    system->seed ^= system->seed << 25;
    system->seed ^= system->seed >> 27;
    return system->seed * 2685821657736338717u;
}

static uint64_t entry_alloc(void *context)
{
    struct system *system = context;

    return cache_alloc(&system->slabs, system->entry_cache, 60);
}

static void entry_free(void *context, uint64_t object)
{
    struct system *system = context;

    cache_free(&system->slabs, system->entry_cache, object, 60);
}

static bool reclaim(void *context)
{
    struct system *system = context;

    return slab_collect(&system->slabs);
}

static void need(int result, const struct error *error)
{
    if (result != 0) {
        fail_msg("%s", error->text);
    }
}

static uint32_t pages_free(struct system *system)
{
    uint32_t nr = 0;

    for (unsigned i = 0; i < system->machine.nr_segments; i++) {
        struct page_counts counts;

        system->pages.ops->counts(&system->pages, i, &counts);
        nr += counts.free + counts.pool;
    }

    return nr;
}

static void boot(struct system *system)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    unsigned nr = machine_boot_ranges(&system->machine, ranges);

    for (unsigned i = 0; i < nr; i++) {
        for (uint32_t k = 0; k < ranges[i].end - ranges[i].start; k++) {
            system->pages.ops->release(&system->pages, ranges[i].descending ? ranges[i].end - 1 - k
                                                                            : ranges[i].start + k);
        }
    }
}

static void create_caches(struct system *system)
{
    static const uint32_t sizes[CACHES] = {16, 60, 80, 192, 280, 324, 600, 2048, 4096, 8192};

    for (unsigned i = 0; i < CACHES; i++) {
        assert_int_equal(cache_create(&system->slabs, "object", sizes[i], 0, NULL), i + 1);
    }
}

static void system_open(struct system *system, const struct design *design, uint64_t memory)
{
    struct machine *machine = &system->machine;
    struct error error = {""};
    uint64_t reserve;

    memset(system, 0, sizeof(*system));
    system->seed = 0x9e3779b97f4a7c15;
    need(machine_open(machine, geometry_find(design->geometry), memory, NULL, 0, 0, 0, &error),
         &error);
    system->pages.ops = design->pages;
    system->pages.machine = machine;
    need(design->pages->open(&system->pages, machine, &error), &error);
    boot(system);

    /* The kernel map begins behind the reserve. */
    reserve = (machine->kernel_map_start + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    machine->kernel_map_start = reserve + (design->entry_reserve ? 256 * PAGE_SIZE : 0);
    need(map_open(&system->map, design->map, machine, "kernel_map", machine->kernel_map_start,
                  machine->kernel_map_end, (struct object_source){entry_alloc, entry_free, system},
                  100000, &error),
         &error);
    need(kmem_open(&system->kmem, machine, &system->pages, &error), &error);
    system->kmem.reclaim = reclaim;
    system->kmem.reclaim_context = system;
    need(slab_open(&system->slabs, design->backend, machine, &system->pages, &system->kmem,
                   &system->map, &error),
         &error);

    if (design->entry_reserve) {
        system->slabs.reserve_next = reserve;
        system->slabs.reserve_end = machine->kernel_map_start;
    }

    system->entry_cache = 0;
    assert_int_equal(cache_create(&system->slabs,
                                  design->entry_reserve ? "vm_map_kentry" : "vm_map_entry", 60, 0,
                                  &error),
                     0);
    assert_true(system->slabs.caches[0].static_reserve == design->entry_reserve);
    create_caches(system);
}

static void system_close(struct system *system)
{
    slab_close(&system->slabs);
    kmem_close(&system->kmem);
    map_close(&system->map);
    system->pages.ops->close(&system->pages);
    machine_close(&system->machine);
}

static void check(struct system *system)
{
    struct error error = {""};

    need(slab_check(&system->slabs, &error), &error);
    need(map_check(&system->map, &error), &error);
    need(kmem_check(&system->kmem, &error), &error);
    need(system->pages.ops->check(&system->pages, &error), &error);
}

static void alloc_one(struct system *system)
{
    struct object *object = &system->objects[system->nr];
    uint64_t r = next_random(system);

    if (r % 4 == 0) {
        object->cache = -1;
        object->size = 1 + (r >> 8) % (1u << (5 + (r >> 40) % 14));
        object->address = kalloc(&system->slabs, object->size);
    } else {
        object->cache = 1 + (int)((r >> 8) % CACHES);
        object->size = system->slabs.caches[object->cache].object_size;
        object->address =
            cache_alloc(&system->slabs, (unsigned)object->cache, (uint32_t)object->size);
    }

    if (object->address == 0) {
        assert_int_not_equal(system->machine.failure.cause, FAILURE_NONE);
        system->refused++;
        return;
    }

    object->pattern = (uint8_t)(r >> 56);
    memset(machine_at(&system->machine, object->address), object->pattern, object->size);
    system->nr++;
}

static void free_one(struct system *system, unsigned n)
{
    struct object *object = &system->objects[n];
    const uint8_t *content = machine_at(&system->machine, object->address);

    assert_int_equal(content[0], object->pattern);
    assert_true(memcmp(content, content + 1, object->size - 1) == 0);

    if (object->cache < 0) {
        kfree(&system->slabs, object->address, object->size);
    } else {
        cache_free(&system->slabs, (unsigned)object->cache, object->address,
                   (uint32_t)object->size);
    }

    *object = system->objects[--system->nr];
}

static void run(const struct design *design, uint64_t memory)
{
    static struct system system;
    uint32_t free_before, entry_pages;

    system_open(&system, design, memory);
    free_before = pages_free(&system);

    for (unsigned step = 0; step < STEPS; step++) {
        bool growing = step / 30000 % 2 == 0;

        system.machine.now = step / 10;

        if ((next_random(&system) % 8 < (growing ? 7 : 2) || system.nr == 0) &&
            system.nr < OBJECTS) {
            alloc_one(&system);
        } else {
            free_one(&system, (unsigned)(next_random(&system) % system.nr));
        }

        if (step % 4001 == 0) {
            check(&system);
        }
    }

    print_message("%s: %u refused\n", design->name, system.refused);
    assert_true(system.refused > 0);

    while (system.nr != 0) {
        free_one(&system, (unsigned)(next_random(&system) % system.nr));
    }

    for (int i = 0; i < 3; i++) {
        slab_reap(&system.slabs);
    }

    check(&system);

    for (unsigned i = 1; i < system.slabs.nr_caches; i++) {
        assert_int_equal(system.slabs.caches[i].nr_slabs, 0);
    }

    /* Without a reserve the entries of what is left in the map sit in ordinary pages. */
    entry_pages = design->entry_reserve ? 0 : system.slabs.caches[0].nr_slabs;
    assert_int_equal(pages_free(&system), free_before - entry_pages);
    system_close(&system);
}

static void test_designs(void **state)
{
    (void)state;

    for (unsigned i = 0; i < sizeof(designs) / sizeof(designs[0]); i++) {
        run(&designs[i], 64u << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_designs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
