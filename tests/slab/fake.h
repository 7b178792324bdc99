/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A small machine for the tests of slab caches: what machine.h, pages.h and map.h promise, in the
 * simplest way. Pages are found by looking at each frame from the lowest on, ranges of the kernel
 * map likewise, and each page that is handed out is filled with rubbish, so that nobody can rely on
 * what was there. The n-th request for a page can be made to fail.
 */

#ifndef TESTS_SLAB_FAKE_H
#define TESTS_SLAB_FAKE_H

#include "allocators/slab.h"

struct fake {
    struct machine machine;
    struct geometry geometry;
    struct pages pages;
    struct kmem kmem;
    struct map map;
    uint32_t free_frames;
    uint32_t lowest_frame; /* no frame below it is free */
    uint64_t virtual_pages;
    uint64_t virtual_used;
    uint64_t lowest_virtual;
    uint8_t *virtual_taken; /* per page of the kernel map */
    uint64_t seed;
    struct slab_system slabs;
};

/* FRAMES pages of memory, all free but the first 16, and VIRTUAL_PAGES of kernel map above. */
struct fake *fake_open(const struct slab_backend *backend, unsigned pointer_size, uint32_t frames,
                       uint64_t virtual_pages);
void fake_close(struct fake *fake);

/* Takes NR pages for the entry reserve, as 1.5 and 1.6 do at start-up. */
void fake_reserve(struct fake *fake, uint32_t nr);

/* xorshift64*: the same numbers everywhere. */
uint64_t fake_random(struct fake *fake);

#endif
