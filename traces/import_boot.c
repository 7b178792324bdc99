/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls without a parent, before there are tasks.
 *
 * An observer knows a kernel stack by its page. The stack that the kernel starts on is larger than
 * that, so where it crosses a page's end a nested call is logged without its parent: what looks
 * like a request is the work of another. After the first thread runs this cannot happen.
 *
 * So until then pages, ranges and map entries without a parent are held back, in a stack, because
 * lines stand in order of return and an inner call's are the last before its own:
 *
 * - a range of n pages takes those logged inside it, and for what lacks the last that are held, one
 *   by one as it asked for them (nothing that is contiguous, and nothing where the compiler has put
 *   vm_page_grab into the kernel's ranges, so that their pages are not logged); and the last held
 *   entry, unless it extends the range before it;
 * - an object in a page where there was none yet takes the range that holds it, or the pages in
 *   whose frames it lies; where frames are not known, the last;
 * - what is left when a call returns that is surely nobody's part is primary.
 *
 * Entries that no range takes are those of the maps' submaps, but for the first: it covers the
 * direct map and what the kernel took before it had maps.
 */

#include <stdlib.h>

#include "traces/import_private.h"

#define NONE UINT32_MAX

void import_boot_free(struct import *import)
{
    free(import->boot.held);
    table_free(&import->boot.slab_pages);
}

static struct held *boot_push(struct import *import, enum held_kind kind)
{
    struct import_boot *boot = &import->boot;
    struct held *held;

    if (boot->held == NULL) {
        boot->held = calloc(HELD_MAX, sizeof(*boot->held));
        if (boot->held == NULL) {
            import_no_memory(import);
            return NULL;
        }
    }
    if (boot->nr_held == HELD_MAX && import_boot_flush(import) != 0)
        return NULL;
    held = &boot->held[boot->nr_held++];
    *held = (struct held){.kind = (uint8_t)kind, .time = import->line.time};
    return held;
}

/* Takes element I out; those above it move down. */
static void boot_take(struct import_boot *boot, unsigned i)
{
    boot->nr_held--;
    for (; i < boot->nr_held; i++)
        boot->held[i] = boot->held[i + 1];
}

int import_boot_page(struct import *import, uint64_t page, uint64_t pages, uint32_t segment,
                     bool derived)
{
    unsigned parent = import->line.parent;
    struct held *held;

    if (parent == CALL_KMEM_ALLOC_WIRED || parent == CALL_KMEM_ALLOC ||
        parent == CALL_KMEM_ALLOC_ALIGNED || parent == CALL_KMEM_REALLOC) {
        import->boot.nested_pages++;
        import_derived(import);
        return import_page_derived(import, page, pages);
    }
    held = boot_push(import, HELD_PAGE);
    if (held == NULL)
        return -1;
    held->address = page;
    held->size = pages;
    held->segment = segment;
    held->derived = derived;
    return 0;
}

/* What may have served a range that asks for its pages one by one. */
static bool page_is_of_range(const struct import *import, const struct held *held)
{
    return import->start.observed && held->segment < HELD_CONTIGUOUS;
}

/* What may have become the slab of OBJECT. */
static bool page_is_of_object(const struct import *import, const struct held *held, uint64_t object)
{
    const struct import_start *start = &import->start;
    uint32_t first, frame;

    if (start->page_stride == 0 || start->pages_base == 0)
        return true;
    first = import_frame(start, held->address);
    frame = (uint32_t)((object - start->kernel_base) / FRAME_BYTES);
    return frame >= first && frame - first < held->size;
}

/* The last that is held back of the pages that may have served the line that is being read, for a
 * slab of OBJECT or, without one, for a range. */
static int boot_take_page(struct import *import, uint64_t object, bool *taken)
{
    struct import_boot *boot = &import->boot;

    *taken = false;
    for (unsigned i = boot->nr_held; i-- != 0;) {
        struct held held = boot->held[i];

        if (held.kind != HELD_PAGE || !(object != 0 ? page_is_of_object(import, &held, object)
                                                    : page_is_of_range(import, &held)))
            continue;
        boot_take(boot, i);
        *taken = true;
        import->counts.derived[CALL_VM_PAGE_GRAB]++;
        return import_page_derived(import, held.address, held.size);
    }
    return 0;
}

/* Remembers where a range ends; true when it starts where another ended. */
static bool boot_extends(struct import_boot *boot, uint64_t map, uint64_t address, uint64_t bytes)
{
    unsigned i;

    for (i = 0; i < boot->nr_ends; i++) {
        if (boot->ends[i].map == map && boot->ends[i].end == address) {
            boot->ends[i].end = address + bytes;
            return true;
        }
    }
    if (i < sizeof(boot->ends) / sizeof(boot->ends[0])) {
        boot->ends[i].map = map;
        boot->ends[i].end = address + bytes;
        boot->nr_ends++;
    }
    return false;
}

static int boot_slab_pages(struct import *import, uint64_t address, uint64_t bytes)
{
    for (uint64_t at = address; at < address + bytes; at += FRAME_BYTES) {
        if (table_put(&import->boot.slab_pages, at, 1) != 0)
            return import_no_memory(import);
    }
    return 0;
}

int import_boot_range(struct import *import, uint64_t address, uint64_t bytes)
{
    struct import_boot *boot = &import->boot;
    /* kmem_alloc_pageable takes no pages. */
    uint64_t pages = import->line.call == CALL_KMEM_ALLOC_PAGEABLE ? 0 : bytes / FRAME_BYTES;
    bool extends = boot_extends(boot, import->line.arguments[0], address, bytes);
    bool taken = true;
    struct held *held;

    if (import->line.parent == CALL_KMEM_CACHE_ALLOC &&
        boot_slab_pages(import, address, bytes) != 0)
        return -1;
    for (uint64_t n = boot->nested_pages; n < pages && taken; n++) {
        if (boot_take_page(import, 0, &taken) != 0)
            return -1;
    }
    if (!extends && !boot->nested_entry && boot->nr_held != 0 &&
        boot->held[boot->nr_held - 1].kind == HELD_ENTRY) {
        boot->nr_held--;
        import->counts.derived[CALL_KMEM_CACHE_ALLOC]++;
        held = &boot->held[boot->nr_held];
        if (!import->caches[held->cache].derived &&
            import_object_alloc(import, held->cache, held->address, true) != 0)
            return -1;
    }
    boot->nested_pages = 0;
    boot->nested_entry = false;
    if (import->line.parent != CALL_NONE)
        return 0;
    held = boot_push(import, HELD_RANGE);
    if (held == NULL)
        return -1;
    held->call = import->line.call;
    held->address = address;
    held->size = bytes;
    return 1;
}

/* The first object of a new slab. */
static int boot_grow(struct import *import, uint64_t object)
{
    struct import_boot *boot = &import->boot;
    bool taken;

    for (unsigned i = boot->nr_held; i-- != 0;) {
        struct held held = boot->held[i];

        if (held.kind != HELD_RANGE || object < held.address || object >= held.address + held.size)
            continue;
        boot_take(boot, i);
        import->counts.derived[held.call]++;
        if (boot_slab_pages(import, held.address, held.size) != 0)
            return -1;
        return import_range_derived(import, held.address, held.size, true, 0);
    }
    if (boot_slab_pages(import, object & -(uint64_t)FRAME_BYTES, FRAME_BYTES) != 0)
        return -1;
    return boot_take_page(import, object, &taken);
}

int import_boot_object(struct import *import, uint32_t cache, uint64_t address)
{
    const struct import_cache *info = &import->caches[cache];
    unsigned parent = import->line.parent;
    struct held *held;

    if (!import->boot.over && !info->reserve && address != 0 &&
        table_find(&import->boot.slab_pages, address & -(uint64_t)FRAME_BYTES) == NULL &&
        boot_grow(import, address) != 0)
        return -1;
    if (info->entries && parent != CALL_NONE)
        import->boot.nested_entry = true;
    if (!info->entries || parent != CALL_NONE || address == 0)
        return 0;
    if (import->boot.over) {
        /* The submap for devices comes after the first task and before any task has a map. */
        if (import->boot.nr_tasks <= 1 && import_submap(import, UINT64_MAX) < 0)
            return -1;
        return 0;
    }
    held = boot_push(import, HELD_ENTRY);
    if (held == NULL)
        return -1;
    held->cache = cache;
    held->address = address;
    return info->derived ? 0 : 1;
}

static int boot_emit(struct import *import, const struct held *held)
{
    int code;

    switch (held->kind) {
    case HELD_PAGE:
        if (held->derived) {
            import->counts.derived[CALL_VM_PAGE_GRAB]++;
            return import_page_derived(import, held->address, held->size);
        }
        import->counts.primary[CALL_VM_PAGE_GRAB]++;
        return import_page_grab(import, held->address, held->size,
                                held->segment & (HELD_CONTIGUOUS - 1),
                                held->segment >= HELD_CONTIGUOUS);
    case HELD_RANGE:
        import->counts.primary[held->call]++;
        return import_range_alloc(import, held->call, held->address, held->size);
    default:
        code = import->boot.nr_entries++ != 0 ? import_submap(import, UINT64_MAX) : 0;
        if (code < 0)
            return -1;
        if (import->caches[held->cache].derived)
            return 0;
        if (code == 1) {
            import->counts.derived[CALL_KMEM_CACHE_ALLOC]++;
            return import_object_alloc(import, held->cache, held->address, true);
        }
        import->counts.primary[CALL_KMEM_CACHE_ALLOC]++;
        return import_object_alloc(import, held->cache, held->address, false);
    }
}

int import_boot_flush(struct import *import)
{
    struct import_boot *boot = &import->boot;
    unsigned nr = boot->nr_held;
    uint64_t time = import->time;

    boot->nr_held = 0;
    for (unsigned i = 0; i < nr; i++) {
        import->time = boot->held[i].time;
        if (boot_emit(import, &boot->held[i]) != 0)
            return -1;
    }
    import->time = time;
    return 0;
}
