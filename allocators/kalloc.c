/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * kalloc: memory of any size, from caches of powers of two.
 *
 * For what has no cache of its own: message buffers, tables, names. The smallest of 13 caches (32
 * bytes to 128 KiB) that holds the size serves it, so up to half of each object may be waste and
 * finding the cache is one bit scan. The caller gives the size back with the address: nothing is
 * stored with the object. Beyond the caches whole pages are taken, and whether those must be
 * contiguous in physical memory is the backend's affair: it is one of the reasons why kernels
 * changed theirs.
 *
 * Unchanged from 2011 to today but for the names of the caches. Worse than its rivals: caches at
 * powers of two only, where Linux has 96 and 192 in between; and a request of 128 KiB and one byte
 * goes to an allocator that costs a thousand times as much.
 */

#include "allocators/slab_private.h"

#include <stdio.h>

#define KALLOC_SHIFT 5
#define KALLOC_MAX   (32ull << (KALLOC_CACHES - 1))

unsigned kalloc_index(uint64_t size)
{
    if (size <= 1u << KALLOC_SHIFT) {
        return 0;
    }

    return 64 - (unsigned)__builtin_clzll(size - 1) - KALLOC_SHIFT;
}

bool kalloc_init(struct slab_system *system)
{
    for (int i = 0; i < KALLOC_CACHES; i++) {
        char name[CACHE_NAME_MAX];
        uint32_t size = 32u << i;

        if (system->kalloc[i] >= 0) {
            continue;
        }

        snprintf(name, sizeof(name), "kalloc_%u", size);

        if (cache_create(system, name, size, 0, NULL) < 0) {
            machine_refuse(system->machine, FAILURE_LIMIT, "caches", size, 0, 0, 0);
            return false;
        }
    }

    return true;
}

static uint64_t large_alloc(struct slab_system *system, uint64_t size)
{
    uint64_t address = system->backend->large_take(system, size);

    if (address != 0) {
        system->large_requested += size;
    }

    return address;
}

uint64_t kalloc(struct slab_system *system, uint64_t size)
{
    if (size == 0) {
        return 0;
    }

    if (size > KALLOC_MAX) {
        return large_alloc(system, size);
    }

    unsigned i = kalloc_index(size);

    if (system->kalloc[i] < 0 && !kalloc_init(system)) {
        return 0;
    }

    return cache_alloc(system, (unsigned)system->kalloc[i], (uint32_t)size);
}

void kfree(struct slab_system *system, uint64_t address, uint64_t size)
{
    if (address == 0 || size == 0) {
        return;
    }

    if (size > KALLOC_MAX) {
        system->large_requested -= size;
        system->backend->large_give(system, address, size);
        return;
    }

    cache_free(system, (unsigned)system->kalloc[kalloc_index(size)], address, (uint32_t)size);
}
