/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where slabs get their memory from: pages, runs of pages, kernel virtual memory.
 *
 * The backends differ in which of these they use for what; how each is asked for, and how the page
 * descriptors are told what the pages hold now, is the same for all and stands here. A page keeps
 * its class (what a picture of memory shows) for as long as a slab holds it; what it is afterwards
 * is for who takes it back to say.
 */

#include "allocators/slab_private.h"

static void mark(struct slab_system *system, uint32_t frame, uint64_t nr, enum page_class class)
{
    for (uint64_t i = 0; i < nr; i++) {
        machine_classify(system->machine, frame + (uint32_t)i, class);
    }
}

void slab_own_pages(struct slab_system *system, uint64_t address, uint64_t bytes, link32_t slab)
{
    uint32_t frame = machine_frame(system->machine, address);

    for (uint64_t i = 0; i < slab_pages(bytes); i++) {
        system->machine->pages[frame + i].owner = slab;
    }
}

uint64_t slab_page_take(struct slab_system *system, enum page_class class)
{
    uint32_t frame = system->pages->ops->grab(system->pages, SEGMENT_DIRECTMAP);

    if (frame == FRAME_NONE) {
        return 0;
    }

    mark(system, frame, 1, class);
    return machine_direct(system->machine, frame);
}

void slab_page_give(struct slab_system *system, uint64_t address)
{
    uint32_t frame = machine_frame(system->machine, address);

    system->pages->ops->put(system->pages, frame);
}

/* A request of more pages than can be counted is more than there are. */
static bool run_possible(struct slab_system *system, uint64_t bytes)
{
    if (slab_order(bytes) < 31) {
        return true;
    }

    machine_refuse(system->machine, FAILURE_LIMIT, "pages", bytes, 0, 0, 0);
    return false;
}

uint64_t slab_run_take(struct slab_system *system, uint64_t bytes, enum page_class class)
{
    if (!run_possible(system, bytes)) {
        return 0;
    }

    uint32_t nr = 1u << slab_order(bytes);
    uint32_t frame = system->pages->ops->grab_run(system->pages, nr, SEGMENT_DIRECTMAP);

    if (frame == FRAME_NONE) {
        return 0;
    }

    mark(system, frame, nr, class);
    return machine_direct(system->machine, frame);
}

void slab_run_give(struct slab_system *system, uint64_t address, uint64_t bytes)
{
    uint32_t nr = 1u << slab_order(bytes);
    uint32_t frame = machine_frame(system->machine, address);

    system->pages->ops->put_run(system->pages, frame, nr);
}

uint64_t slab_virtual_take(struct slab_system *system, uint64_t bytes, enum page_class class)
{
    return kmem_alloc_class(system->kmem, system->map, bytes, KMEM_WIRED, class);
}

/* Giving back part of a map's entry may need a new entry; when none is to be had the kernel has no
 * way to say so to whoever frees, and the range stays taken. */
void slab_virtual_give(struct slab_system *system, uint64_t address, uint64_t bytes)
{
    (void)kmem_free(system->kmem, system->map, address, slab_pages(bytes) * PAGE_SIZE);
}

uint64_t slab_virtual_large_take(struct slab_system *system, uint64_t bytes)
{
    return slab_virtual_take(system, bytes, PAGE_CLASS_WIRED);
}

uint64_t slab_run_large_take(struct slab_system *system, uint64_t bytes)
{
    return slab_run_take(system, bytes, PAGE_CLASS_WIRED);
}
