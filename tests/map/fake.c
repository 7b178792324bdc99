/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "fake.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FAKE_MEMORY 0x20000000ul /* addresses above FAKE_BASE that have memory */

static uint64_t cache_alloc(void *context)
{
    struct fake_cache *cache = context;

    if (cache->hook != NULL)
        cache->hook(cache);
    if (cache->fail > 0 && --cache->fail == 0)
        return 0;
    assert_true(cache->live < sizeof(cache->objects) / sizeof(cache->objects[0]));
    cache->objects[cache->live++] = 0x1000 + 8 * ++cache->made;
    return 0x1000 + 8 * cache->made;
}

static void cache_free(void *context, uint64_t object)
{
    struct fake_cache *cache = context;
    uint64_t i = 0;

    while (i < cache->live && cache->objects[i] != object)
        i++;
    assert_true(i < cache->live); /* else it was freed twice */
    cache->objects[i] = cache->objects[--cache->live];
}

struct object_source fake_source(struct fake_cache *cache)
{
    return (struct object_source){.alloc = cache_alloc, .free = cache_free, .context = cache};
}

static struct fake *fake_of(struct pages *pages)
{
    return (struct fake *)((char *)pages - offsetof(struct fake, pages));
}

static uint32_t page_grab(struct pages *pages, enum segment_kind highest)
{
    struct fake *fake = fake_of(pages);
    uint32_t frame;

    assert_int_equal(highest, SEGMENT_DIRECTMAP);
    if ((fake->fail_page > 0 && --fake->fail_page == 0) || fake->nr_free == 0) {
        machine_refuse(&fake->machine, FAILURE_EXHAUSTION, "pages", PAGE_SIZE, 0, 0, 0);
        return FRAME_NONE;
    }
    frame = fake->free[--fake->nr_free];
    assert_int_not_equal(fake->machine.pages[frame].state, PAGE_USED);
    fake->machine.pages[frame].state = PAGE_USED;
    return frame;
}

static void page_put(struct pages *pages, uint32_t frame)
{
    struct fake *fake = fake_of(pages);

    assert_int_equal(fake->machine.pages[frame].state, PAGE_USED);
    fake->machine.pages[frame].state = PAGE_FREE_HEAD;
    fake->free[fake->nr_free++] = frame;
    fake->freed[fake->nr_freed++ % fake->machine.frames] = frame;
}

static const struct pages_ops fake_pages = {.name = "fake", .grab = page_grab, .put = page_put};

struct fake *fake_open(uint64_t start, uint64_t end, uint32_t frames)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    struct machine *machine;
    struct error error;
    char *memory = mmap(NULL, FAKE_MEMORY, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_non_null(fake);
    assert_true(memory != MAP_FAILED);
    machine = &fake->machine;
    fake->geometry = (struct geometry){.name = "fake", .pointer_size = 4, .kernel_base = FAKE_BASE};
    machine->geometry = &fake->geometry;
    machine->kernel_base = FAKE_BASE;
    machine->bias = (uint8_t *)memory - FAKE_BASE;
    machine->frames = frames + 1;
    machine->kernel_map_start = start;
    machine->kernel_map_end = end;
    machine->pages = calloc(machine->frames, sizeof(machine->pages[0]));
    fake->free = calloc(machine->frames, sizeof(fake->free[0]));
    fake->freed = calloc(machine->frames, sizeof(fake->freed[0]));
    assert_true(machine->pages != NULL && fake->free != NULL && fake->freed != NULL);
    for (uint32_t frame = frames; frame > 0; frame--) {
        machine->pages[frame].state = PAGE_FREE_HEAD;
        fake->free[fake->nr_free++] = frame;
    }
    fake->pages = (struct pages){.ops = &fake_pages, .machine = machine};
    assert_int_equal(kmem_open(&fake->kmem, machine, &fake->pages, &error), 0);
    fake->kmem.object_source = fake_source(&fake->objects);
    fake->kmem.port_source = fake_source(&fake->ports);
    fake->kmem.pv_source = fake_source(&fake->pvs);
    return fake;
}

void fake_close(struct fake *fake)
{
    kmem_close(&fake->kmem);
    munmap(fake->machine.bias + FAKE_BASE, FAKE_MEMORY);
    free(fake->machine.pages);
    free(fake->free);
    free(fake->freed);
    free(fake);
}

uint64_t fake_random(uint64_t *seed)
{
    /* xorshift64* */
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (*seed * 2685821657736338717ul) >> 16;
}
