/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tests/space/fake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RESERVED (UINT64_C(3) << 30)
#define SPOILED  0xd7

static const struct geometry geometries[] = {
    {.name = "fake-32", .pointer_size = 4, .kernel_base = 0xc0000000},
    {.name = "fake-64", .pointer_size = 8, .kernel_base = 0xffff800000000000},
};

#define FAKE_OF(pointer, member)                                                                   \
    ((struct fake *)(void *)((uint8_t *)(pointer)-offsetof(struct fake, member)))

void fake_open(struct fake *fake, unsigned pointer_size)
{
    const struct geometry *geometry = &geometries[pointer_size == 8];
    uint8_t *memory = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        abort();

    memset(fake, 0, sizeof(*fake));
    fake->machine.geometry = geometry;
    fake->machine.kernel_base = geometry->kernel_base;
    fake->machine.bias = (uint8_t *)((uintptr_t)memory - (uintptr_t)geometry->kernel_base);
    fake->slabs.machine = &fake->machine;
    fake->kmem.machine = &fake->machine;
    fake->map.machine = &fake->machine;
    fake->start = geometry->kernel_base;
    fake->next = fake->start + PAGE_SIZE;
    fake->end = fake->start + RESERVED;
}

void fake_close(struct fake *fake)
{
    munmap(machine_at(&fake->machine, fake->start), RESERVED);
}

uint64_t fake_live(const struct fake *fake, const char *name)
{
    for (unsigned i = 0; i < fake->slabs.nr_caches; i++) {
        if (strcmp(fake->slabs.caches[i].name, name) == 0)
            return fake->slabs.caches[i].nr_objects;
    }

    return 0;
}

bool fake_is_empty(const struct fake *fake)
{
    for (unsigned i = 0; i < fake->slabs.nr_caches; i++) {
        if (fake->slabs.caches[i].nr_objects != 0)
            return false;
    }

    return fake->kalloc_live == 0 && fake->kmem_live == 0;
}

static bool refused(struct fake *fake)
{
    if (++fake->requests != fake->fail_at)
        return false;

    machine_refuse(&fake->machine, FAILURE_EXHAUSTION, "fake", 0, 0, 0, 0);
    return true;
}

/* BYTES that were freed into *LIST, or else new ones. */
static uint64_t take(struct fake *fake, uint64_t *list, uint64_t bytes, uint64_t align)
{
    uint64_t address = *list;

    if (address != 0) {
        memcpy(list, machine_at(&fake->machine, address), sizeof(*list));
        return address;
    }

    fake->next = (fake->next + align - 1) & ~(align - 1);
    address = fake->next;
    fake->next += bytes;
    if (fake->next > fake->end)
        abort();
    return address;
}

static void give(struct fake *fake, uint64_t *list, uint64_t address, uint64_t bytes)
{
    memset(machine_at(&fake->machine, address), SPOILED, bytes);
    memcpy(machine_at(&fake->machine, address), list, sizeof(*list));
    *list = address;
}

int cache_create(struct slab_system *system, const char *name, uint32_t object_size, uint32_t align,
                 struct error *error)
{
    struct cache *cache = &system->caches[system->nr_caches];

    (void)align;
    (void)error;
    strncpy(cache->name, name, CACHE_NAME_MAX - 1);
    cache->object_size = object_size;
    cache->buffer_size = (object_size + 7) & ~7u;
    return (int)system->nr_caches++;
}

uint64_t cache_alloc(struct slab_system *system, unsigned cache, uint32_t requested)
{
    struct fake *fake = FAKE_OF(system, slabs);
    uint64_t object;

    if (requested != system->caches[cache].object_size)
        abort();
    if (refused(fake))
        return 0;

    object = take(fake, &fake->cache_free[cache], system->caches[cache].buffer_size, 8);
    system->caches[cache].nr_objects++;
    if (fake->note != NULL)
        fake->note(fake->context, true, cache, object);
    return object;
}

void cache_free(struct slab_system *system, unsigned cache, uint64_t object, uint32_t requested)
{
    struct fake *fake = FAKE_OF(system, slabs);

    if (requested != system->caches[cache].object_size || system->caches[cache].nr_objects-- == 0)
        abort();

    if (fake->note != NULL)
        fake->note(fake->context, false, cache, object);
    give(fake, &fake->cache_free[cache], object, system->caches[cache].buffer_size);
}

static unsigned kalloc_class(uint64_t size)
{
    return 64u - (unsigned)__builtin_clzll(size - 1);
}

uint64_t kalloc(struct slab_system *system, uint64_t size)
{
    struct fake *fake = FAKE_OF(system, slabs);

    if (refused(fake))
        return 0;

    fake->kalloc_live += size;
    return take(fake, &fake->kalloc_free[kalloc_class(size)], UINT64_C(1) << kalloc_class(size),
                32);
}

void kfree(struct slab_system *system, uint64_t address, uint64_t size)
{
    struct fake *fake = FAKE_OF(system, slabs);

    fake->kalloc_live -= size;
    give(fake, &fake->kalloc_free[kalloc_class(size)], address, size);
}

uint64_t kmem_alloc(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind)
{
    struct fake *fake = FAKE_OF(kmem, kmem);
    uint64_t none = 0;

    if (map != &fake->map || kind != KMEM_OBJECT || bytes % PAGE_SIZE != 0)
        abort();
    if (refused(fake))
        return 0;

    fake->kmem_live += bytes;
    return take(fake, &none, bytes, PAGE_SIZE);
}

uint64_t kmem_realloc(struct kmem *kmem, struct map *map, uint64_t address, uint64_t old_bytes,
                      uint64_t new_bytes)
{
    struct fake *fake = FAKE_OF(kmem, kmem);
    uint64_t larger = kmem_alloc(kmem, map, new_bytes, KMEM_OBJECT);

    if (larger != 0)
        memcpy(machine_at(&fake->machine, larger), machine_at(&fake->machine, address), old_bytes);
    return larger;
}

bool kmem_free(struct kmem *kmem, struct map *map, uint64_t address, uint64_t bytes)
{
    struct fake *fake = FAKE_OF(kmem, kmem);

    (void)map;
    fake->kmem_live -= bytes;
    if (madvise(machine_at(&fake->machine, address), bytes, MADV_DONTNEED) != 0)
        abort();
    return true;
}
