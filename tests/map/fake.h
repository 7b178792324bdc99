/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A machine for the tests of the kernel map: memory that is there, pages on a stack, caches that
 * only count, and each of them fails when told to.
 */

#ifndef TESTS_MAP_FAKE_H
#define TESTS_MAP_FAKE_H

#include "allocators/map.h"

/* Stands for a cache: objects have addresses of their own and are remembered while they live. */
struct fake_cache {
    uint64_t live, made;
    uint64_t fail; /* the n-th allocation from now fails; 0: none */
    uint64_t objects[4096];
    uint64_t (*hook)(struct fake_cache *cache); /* runs before an allocation; may be NULL */
    void *hook_context;
};

struct object_source fake_source(struct fake_cache *cache);

struct fake {
    struct geometry geometry;
    struct machine machine;
    struct pages pages;
    struct kmem kmem;
    uint32_t *free; /* stack of frames */
    uint32_t nr_free;
    uint64_t fail_page; /* the n-th grab from now fails; 0: none */
    uint32_t *freed;    /* frames in the order in which they came back */
    uint32_t nr_freed;
    struct fake_cache entries, objects, ports, pvs;
};

#define FAKE_BASE 0xc0000000ul

/* The kernel map goes from START to END, above FAKE_BASE; frames 1 to FRAMES are free, handed out
 * ascending at first. */
struct fake *fake_open(uint64_t start, uint64_t end, uint32_t frames);
void fake_close(struct fake *fake);

/* A small generator of its own, so that a seed means the same everywhere. */
uint64_t fake_random(uint64_t *seed);

#endif
