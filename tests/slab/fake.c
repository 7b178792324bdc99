/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FRAMES_KEPT 16
#define RUBBISH     0xdb

static struct fake *of_pages(struct pages *pages)
{
    return (struct fake *)((char *)pages - offsetof(struct fake, pages));
}

static struct fake *of_kmem(struct kmem *kmem)
{
    return (struct fake *)((char *)kmem - offsetof(struct fake, kmem));
}

static _Noreturn void fault(const char *what, uint64_t address)
{
    fprintf(stderr, "fake machine: %s at %llx\n", what, (unsigned long long)address);
    abort();
}

void machine_refuse(struct machine *machine, enum failure_cause cause, const char *resource,
                    uint64_t requested, uint64_t free, uint64_t largest, uint64_t pieces)
{
    machine->failure = (struct failure){
        .cause = cause, .requested = requested, .free = free, .largest = largest, .pieces = pieces};
    snprintf(machine->failure.resource, sizeof(machine->failure.resource), "%s", resource);
}

static bool refused(struct fake *fake, uint64_t bytes)
{
    if (fake->machine.fail_page != 0 && --fake->machine.fail_page == 0) {
        machine_refuse(&fake->machine, FAILURE_EXHAUSTION, "pages", bytes, 0, 0, 0);
        return true;
    }

    return false;
}

static uint32_t fake_grab_run(struct pages *pages, uint32_t nr, enum segment_kind highest)
{
    struct fake *fake = of_pages(pages);
    struct machine *machine = &fake->machine;
    uint32_t found = 0;

    (void)highest;

    if (refused(fake, (uint64_t)nr * PAGE_SIZE)) {
        return FRAME_NONE;
    }

    for (uint32_t frame = fake->lowest_frame & ~(nr - 1); frame < machine->frames; frame++) {
        found = machine->pages[frame].state == PAGE_USED || frame < FRAMES_KEPT ? 0 : found + 1;

        if (found == nr && ((frame + 1 - nr) & (nr - 1)) != 0) {
            found--;
        }

        if (found == nr) {
            frame -= nr - 1;

            for (uint32_t i = frame; i < frame + nr; i++) {
                machine->pages[i] = (struct page){.state = PAGE_USED};
            }

            memset(machine_at(machine, machine_direct(machine, frame)), RUBBISH, nr * PAGE_SIZE);
            fake->free_frames -= nr;
            fake->lowest_frame = nr == 1 ? frame + 1 : fake->lowest_frame;
            return frame;
        }
    }

    machine_refuse(machine, FAILURE_EXHAUSTION, "pages", (uint64_t)nr * PAGE_SIZE, 0, 0, 0);
    return FRAME_NONE;
}

static void fake_put_run(struct pages *pages, uint32_t frame, uint32_t nr)
{
    struct fake *fake = of_pages(pages);

    for (uint32_t i = frame; i < frame + nr; i++) {
        if (fake->machine.pages[i].state != PAGE_USED) {
            fault("page freed twice", i);
        }

        if (fake->machine.pages[i].owner != 0) {
            fault("page freed with an owner", i);
        }

        fake->machine.pages[i].state = PAGE_FREE_HEAD;
        machine_classify(&fake->machine, i, PAGE_CLASS_FREE);
    }

    fake->free_frames += nr;
    fake->lowest_frame = frame < fake->lowest_frame ? frame : fake->lowest_frame;
}

static uint32_t fake_grab(struct pages *pages, enum segment_kind highest)
{
    return fake_grab_run(pages, 1, highest);
}

static void fake_put(struct pages *pages, uint32_t frame)
{
    fake_put_run(pages, frame, 1);
}

static const struct pages_ops fake_ops = {
    .name = "fake",
    .grab = fake_grab,
    .put = fake_put,
    .grab_run = fake_grab_run,
    .put_run = fake_put_run,
};

static uint64_t virtual_find(struct fake *fake, uint64_t nr)
{
    uint64_t found = 0;

    for (uint64_t page = fake->lowest_virtual; page < fake->virtual_pages; page++) {
        found = fake->virtual_taken[page] ? 0 : found + 1;

        if (found == nr) {
            return page + 1 - nr;
        }
    }

    return UINT64_MAX;
}

uint64_t kmem_alloc_class(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind,
                          enum page_class class)
{
    struct fake *fake = of_kmem(kmem);
    uint64_t nr = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
    uint64_t start = virtual_find(fake, nr);

    if (map != &fake->map || kind != KMEM_WIRED) {
        fault("wrong map or kind", (uint64_t)kind);
    }

    if (start == UINT64_MAX) {
        machine_refuse(&fake->machine, FAILURE_EXHAUSTION, "kernel_map", bytes, 0, 0, 0);
        return 0;
    }

    uint64_t address = fake->kmem.frames_start + start * PAGE_SIZE;

    for (uint64_t i = 0; i < nr; i++) {
        uint32_t frame = fake_grab_run(&fake->pages, 1, SEGMENT_DIRECTMAP);

        if (frame == FRAME_NONE) {
            kmem_free(kmem, map, address, i * PAGE_SIZE);
            return 0;
        }

        machine_classify(&fake->machine, frame, class);
        fake->virtual_taken[start + i] = 1;
        fake->kmem.frames[start + i] = frame + 1;
        fake->virtual_used++;
    }

    if (start == fake->lowest_virtual) {
        fake->lowest_virtual += nr;
    }

    memset(machine_at(&fake->machine, address), RUBBISH, nr * PAGE_SIZE);
    return address;
}

bool kmem_free(struct kmem *kmem, struct map *map, uint64_t address, uint64_t bytes)
{
    struct fake *fake = of_kmem(kmem);
    uint64_t start = (address - fake->kmem.frames_start) / PAGE_SIZE;

    (void)map;

    for (uint64_t i = start; i < start + bytes / PAGE_SIZE; i++) {
        if (!fake->virtual_taken[i]) {
            fault("range freed twice", address);
        }

        fake_put_run(&fake->pages, fake->kmem.frames[i] - 1, 1);
        fake->virtual_taken[i] = 0;
        fake->kmem.frames[i] = 0;
        fake->virtual_used--;
    }

    fake->lowest_virtual = start < fake->lowest_virtual ? start : fake->lowest_virtual;
    return true;
}

static void *need(void *memory)
{
    if (memory == NULL || memory == MAP_FAILED) {
        fault("no host memory", 0);
    }

    return memory;
}

struct fake *fake_open(const struct slab_backend *backend, unsigned pointer_size, uint32_t frames,
                       uint64_t virtual_pages)
{
    struct fake *fake = need(calloc(1, sizeof(*fake)));
    struct machine *machine = &fake->machine;
    struct error error;

    fake->geometry = (struct geometry){.name = "fake",
                                       .pointer_size = pointer_size,
                                       .kernel_base = 0xc0000000,
                                       .slab_descriptor = {8 * pointer_size, 9 * pointer_size}};
    machine->geometry = &fake->geometry;
    machine->kernel_base = fake->geometry.kernel_base;
    machine->frames = frames;
    machine->direct_frames = frames;
    machine->pages = need(calloc(frames, sizeof(*machine->pages)));
    machine->reservation_size = (frames + virtual_pages) * PAGE_SIZE;
    machine->reservation = need(mmap(NULL, machine->reservation_size, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    machine->bias = (uint8_t *)machine->reservation - machine->kernel_base;
    fake->pages.ops = &fake_ops;
    fake->pages.machine = machine;
    fake->free_frames = frames - FRAMES_KEPT;
    fake->virtual_pages = virtual_pages;
    fake->virtual_taken = need(calloc(virtual_pages, 1));
    fake->kmem.machine = machine;
    fake->kmem.pages = &fake->pages;
    fake->kmem.frames = need(calloc(virtual_pages, sizeof(uint32_t)));
    fake->kmem.frames_start = machine->kernel_base + (uint64_t)frames * PAGE_SIZE;
    fake->kmem.frames_end = fake->kmem.frames_start + virtual_pages * PAGE_SIZE;
    fake->seed = 88172645463325252u;

    if (slab_open(&fake->slabs, backend, machine, &fake->pages, &fake->kmem, &fake->map, &error)) {
        fault(error.text, 0);
    }

    return fake;
}

void fake_close(struct fake *fake)
{
    slab_close(&fake->slabs);
    munmap(fake->machine.reservation, fake->machine.reservation_size);
    free(fake->machine.pages);
    free(fake->virtual_taken);
    free(fake->kmem.frames);
    free(fake);
}

void fake_reserve(struct fake *fake, uint32_t nr)
{
    uint64_t start = 0;

    for (uint32_t i = 0; i < nr; i++) {
        uint32_t frame = fake_grab_run(&fake->pages, 1, SEGMENT_DIRECTMAP);

        start = i == 0 ? machine_direct(&fake->machine, frame) : start;
    }

    fake->slabs.reserve_next = start;
    fake->slabs.reserve_end = start + (uint64_t)nr * PAGE_SIZE;
}

uint64_t fake_random(struct fake *fake)
{
    fake->seed ^= fake->seed >> 12;
    fake->seed ^= fake->seed << 25;
    fake->seed ^= fake->seed >> 27;
    return fake->seed * 2685821657736338717u;
}
