/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The least that spaces need of a kernel: caches, kalloc and kmem that hand out addresses in a
 * machine's memory, count what is live, spoil what is freed, and refuse the n-th request.
 */

#ifndef TESTS_SPACE_FAKE_H
#define TESTS_SPACE_FAKE_H

#include "allocators/space.h"

#define FAKE_CLASSES 64

struct fake {
    struct machine machine;
    struct slab_system slabs;
    struct kmem kmem;
    struct map map;
    uint64_t start, next, end;       /* addresses never handed out: [next, end) */
    uint64_t cache_free[CACHES_MAX]; /* freed objects, last first, linked at their start */
    uint64_t kalloc_free[FAKE_CLASSES];
    uint64_t kalloc_live, kmem_live; /* bytes */
    uint64_t requests;               /* made so far */
    uint64_t fail_at;                /* number of the request that is refused; 0: none */
    /* Told of every allocation and free of a cache; may be NULL. */
    void (*note)(void *context, bool alloc, unsigned cache, uint64_t object);
    void *context;
};

/* POINTER_SIZE 4 or 8. Aborts the test when the host refuses. */
void fake_open(struct fake *fake, unsigned pointer_size);
void fake_close(struct fake *fake);
/* Live objects of the cache NAME; 0 when there is none. */
uint64_t fake_live(const struct fake *fake, const char *name);
/* Whether nothing at all is live. */
bool fake_is_empty(const struct fake *fake);

#endif
