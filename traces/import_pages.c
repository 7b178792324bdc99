/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Pages: those that are seen, and those that are not.
 *
 * In a kernel built with nothing inlined every page is seen when it is grabbed and when it is
 * released, and a log accounts for free memory to the page. In a kernel as shipped the compiler has
 * put vm_page_grab into some of its callers: pages are released that were never seen to be grabbed,
 * and the other way round. What is known then is what the counters say. So:
 *
 * - a page that is released without having been grabbed takes one of the unseen pages with it that
 *   an earlier counter has shown, if there is one; else it is left out;
 * - a page that is grabbed while it is thought alive was freed unseen;
 * - at every counter the pages that must have gone (start state less slabs, ranges, pages seen) are
 *   compared with those that are free, and the difference is allocated or freed.
 *
 * So a replay whose slabs and maps are right has the captured number of free pages at every
 * counter, although not every page has its own hour of birth. All such events are marked as
 * inferred.
 */

#include <stdlib.h>
#include <string.h>

#include "traces/import_private.h"

#define PAGE_DERIVED      (1ull << 63)
#define PAGE_CONTIGUOUS   (1ull << 62)
#define PAGE_COUNT(value) ((uint32_t)((value) >> 32 & 0xffffff))

/* Kind of the segment that holds the page of DESCRIPTOR; DIRECTMAP when that is not known. */
static unsigned page_segment(const struct import *import, uint64_t descriptor)
{
    const struct import_start *start = &import->start;
    uint32_t frame = import_frame(start, descriptor);

    for (unsigned i = 0; i < start->nr_segments; i++) {
        if (frame >= start->segments[i].start && frame < start->segments[i].end)
            return start->segments[i].kind;
    }
    return EVENT_DIRECTMAP;
}

static void page_forget(struct import *import, uint64_t page, uint64_t value)
{
    import->known_segment[page_segment(import, page)] -= PAGE_COUNT(value);
    if ((value & PAGE_DERIVED) == 0)
        import->live_pages -= PAGE_COUNT(value);
    table_remove(&import->page_table, page);
}

static int page_free(struct import *import, uint64_t page, uint64_t value, unsigned flags)
{
    if ((value & PAGE_CONTIGUOUS) != 0)
        flags |= EVENT_CONTIGUOUS;
    page_forget(import, page, value);
    if (import_event(import, EVENT_PAGE_FREE, flags, 0, (uint32_t)value, PAGE_COUNT(value), 0) != 0)
        return -1;
    numbers_give(&import->objects, (uint32_t)value);
    return 0;
}

/* PAGE is about to be allocated: if it is thought alive, it was freed. */
static int page_reused(struct import *import, uint64_t page)
{
    const uint64_t *value = table_find(&import->page_table, page);

    if (value == NULL)
        return 0;
    import->counts.pages_reused++;
    if ((*value & PAGE_DERIVED) != 0) {
        page_forget(import, page, *value);
        return 0;
    }
    return page_free(import, page, *value, EVENT_INFERRED);
}

static int page_remember(struct import *import, uint64_t page, uint64_t pages, uint64_t value)
{
    if (pages == 0 || pages > 0xffffff)
        return error_set(import->error, "%s of %llu pages", log_call_name(import->line.call),
                         (unsigned long long)pages);
    import->known_segment[page_segment(import, page)] += pages;
    if (table_put(&import->page_table, page, value | pages << 32) != 0)
        return import_no_memory(import);
    return 0;
}

int import_page_grab(struct import *import, uint64_t page, uint64_t pages, uint32_t segment,
                     bool contiguous)
{
    uint32_t number;

    if (page_reused(import, page) != 0)
        return -1;
    number = numbers_take(&import->objects);
    if (number == OBJECT_NONE)
        return import_no_memory(import);
    if (page_remember(import, page, pages, number | (contiguous ? PAGE_CONTIGUOUS : 0)) != 0)
        return -1;
    import->live_pages += pages;
    return import_event(import, EVENT_PAGE_ALLOC, contiguous ? EVENT_CONTIGUOUS : 0, segment,
                        number, (uint32_t)pages, page);
}

int import_page_derived(struct import *import, uint64_t page, uint64_t pages)
{
    if (page_reused(import, page) != 0)
        return -1;
    return page_remember(import, page, pages, PAGE_DERIVED);
}

/* ---- Unseen pages ---- */

static int unseen_alloc(struct import *import, unsigned segment)
{
    uint32_t number = numbers_take(&import->objects);

    if (import->nr_unseen[segment] == import->room_unseen[segment]) {
        uint32_t room = import->room_unseen[segment] != 0 ? 2 * import->room_unseen[segment] : 256;
        uint32_t *grown = realloc(import->unseen[segment], room * sizeof(*grown));

        if (grown == NULL)
            return import_no_memory(import);
        import->unseen[segment] = grown;
        import->room_unseen[segment] = room;
    }
    if (number == OBJECT_NONE)
        return import_no_memory(import);
    import->unseen[segment][import->nr_unseen[segment]++] = number;
    import->counts.pages_inferred++;
    return import_event(import, EVENT_PAGE_ALLOC, EVENT_INFERRED, segment, number, 1, 0);
}

static int unseen_free(struct import *import, unsigned segment)
{
    uint32_t number = import->unseen[segment][--import->nr_unseen[segment]];

    if (import_event(import, EVENT_PAGE_FREE, EVENT_INFERRED, 0, number, 1, 0) != 0)
        return -1;
    numbers_give(&import->objects, number);
    return 0;
}

/* A segment that has unseen pages, PREFERRED if it has; 4: none has. */
static unsigned unseen_segment(const struct import *import, unsigned preferred)
{
    unsigned segment;

    if (import->nr_unseen[preferred] != 0)
        return preferred;
    for (segment = 3; segment < 4 && import->nr_unseen[segment] == 0; segment--)
        ;
    return segment < 4 ? segment : 4;
}

static uint64_t unseen_count(const struct import *import)
{
    return (uint64_t)import->nr_unseen[0] + import->nr_unseen[1] + import->nr_unseen[2] +
           import->nr_unseen[3];
}

/* More is free than can be: a page of SEGMENT seen alive must have been freed. Which one cannot be
 * known; the first of the table is as good as any, and the same in every run. 1: there is none. */
static int seen_free(struct import *import, unsigned segment)
{
    for (uint64_t i = 0; import->page_table.slots != NULL && i <= import->page_table.mask; i++) {
        struct table_slot slot = import->page_table.slots[i];

        if (slot.key != 0 && (slot.value & (PAGE_DERIVED | PAGE_CONTIGUOUS)) == 0 &&
            page_segment(import, slot.key) == segment)
            return page_free(import, slot.key, slot.value, EVENT_INFERRED);
    }
    return 1;
}

static uint64_t slab_pages(const struct import *import, const struct truth *truth)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < truth->nr_caches; i++) {
        const struct truth_cache *cache = &truth->caches[i];

        if (!import->caches[cache->cache].reserve)
            pages += (uint64_t)cache->slabs * (cache->slab_size / FRAME_BYTES);
    }
    return pages;
}

/* Pages of SEGMENT that must be taken more than they are (less: negative), as far as that can be
 * done; what cannot be is left in *MISSING. */
static int balance_segment(struct import *import, unsigned segment, int64_t *missing)
{
    for (; *missing < 0; ++*missing) {
        int code = import->nr_unseen[segment] != 0 ? unseen_free(import, segment)
                                                   : seen_free(import, segment);

        if (code < 0)
            return -1;
        if (code == 1)
            return 0; /* nothing is left to free */
        import->counts.pages_inferred++;
    }
    for (; *missing > 0; --*missing) {
        if (unseen_alloc(import, segment) != 0)
            return -1;
    }
    return 0;
}

/* Pages free by kind of segment, and in all, as the counters have them. */
static uint64_t counted_pages(const struct import *import, const struct truth *truth,
                              uint64_t free[4])
{
    uint64_t total = 0;

    memset(free, 0, 4 * sizeof(*free));
    for (unsigned i = 0; i < truth->nr_segments && i < import->start.nr_segments; i++) {
        uint64_t pages = (uint64_t)truth->segments[i].free + truth->segments[i].pool;

        free[import->start.segments[i].kind] += pages;
        total += pages;
    }
    return truth->has_free_count ? truth->free_count : total;
}

/*
 * How many pages must have gone is exact for the machine: what became free at start-up, less what
 * slabs, ranges and requests have and what the counters say is free. Of one segment it is known for
 * the pages whose descriptors were seen, and the pages of ranges are not among them where the
 * compiler has hidden them: those are of DIRECTMAP, where nearly all come from, as is all the rest.
 */
int import_pages_balance(struct import *import, const struct truth *truth)
{
    static const unsigned others[] = {EVENT_DMA, EVENT_DMA32, EVENT_HIGHMEM};
    uint64_t free[4];
    int64_t missing = (int64_t)import->boot_pages;

    if ((!truth->has_free_count && truth->nr_segments == 0) || import->boot_pages == 0)
        return 0;
    missing -= (int64_t)(counted_pages(import, truth, free) + slab_pages(import, truth) +
                         import->range_pages + import->live_pages + unseen_count(import));
    for (unsigned i = 0; i < 3 && !truth->has_free_count; i++) {
        unsigned segment = others[i];
        int64_t here =
            (int64_t)import->boot_segment[segment] -
            (int64_t)(free[segment] + import->known_segment[segment] + import->nr_unseen[segment]);

        missing -= here;
        if (balance_segment(import, segment, &here) != 0)
            return -1;
        missing += here;
    }
    if (balance_segment(import, EVENT_DIRECTMAP, &missing) != 0)
        return -1;
    return 0;
}

/* ---- Start state ---- */

static int boot_pages(struct import *import, uint32_t first, uint32_t pages, unsigned flags)
{
    const struct import_start *start = &import->start;

    import->boot_pages += pages;
    for (unsigned i = 0; i < start->nr_segments; i++) {
        if (first >= start->segments[i].start && first < start->segments[i].end)
            import->boot_segment[start->segments[i].kind] += pages;
    }
    return import_event(import, EVENT_BOOT_PAGES, flags, 0, first, pages, 0);
}

int import_boot_ranges(struct import *import)
{
    const struct import_start *start = &import->start;

    while (import->next_range < start->nr_ranges &&
           start->ranges[import->next_range].line <= log_reader_number(import->reader)) {
        const struct boot_range *range = &start->ranges[import->next_range++];

        if (import_boot_flush(import) != 0 ||
            boot_pages(import, range->first, range->pages, EVENT_INFERRED) != 0)
            return -1;
    }
    return 0;
}

int import_boot_run(struct import *import)
{
    const struct import_start *start = &import->start;
    uint64_t time = import->time;
    uint64_t below;
    uint32_t pages = import->run.pages;

    if (pages == 0)
        return 0;
    import->run.pages = 0;
    import->time = import->run.time;
    below = start->page_stride != 0 && import->run.descriptor <= start->top_descriptor
                ? (start->top_descriptor - import->run.descriptor) / start->page_stride
                : UINT64_MAX;
    if (below > start->top_frame || pages - 1 > start->top_frame - below)
        return error_set(import->error,
                         "page %llx was released at start-up, which is no page of the memory that "
                         "ends at frame %x",
                         (unsigned long long)import->run.descriptor, start->top_frame);
    if (boot_pages(import, (uint32_t)(start->top_frame - below), pages, EVENT_DESCENDING) != 0)
        return -1;
    import->time = time;
    return 0;
}

static int boot_release(struct import *import, uint64_t page)
{
    uint64_t next =
        import->run.descriptor - (uint64_t)import->run.pages * import->start.page_stride;

    import_primary(import);
    if (import->run.pages != 0 && page != next && import_boot_run(import) != 0)
        return -1;
    if (import->run.pages == 0)
        import->run.descriptor = page;
    import->run.time = import->line.time;
    import->run.pages++;
    return 0;
}

/* ---- Calls ---- */

/* Highest segment that may serve a vm_page_grab. A flag for each segment from the lowest up: i386
 * has none at 2, amd64 has its direct map there, and at 4 what lies above it and below 4 GiB. */
static uint32_t grab_segment(const struct import *import)
{
    uint64_t flags = import->line.nr_arguments != 0 ? import->line.arguments[0] : 0;
    bool wide = import->header.machine.pointer_size == 8;

    if (!import->start.segment_flags)
        return EVENT_DIRECTMAP;
    if ((flags & 8) != 0 || (wide && (flags & 4) != 0))
        return EVENT_HIGHMEM;
    if ((flags & 4) != 0 || (flags & 3) == 0)
        return EVENT_DIRECTMAP;
    if ((flags & 2) != 0)
        return wide ? EVENT_DIRECTMAP : EVENT_DMA32;
    return EVENT_DMA;
}

/* The same of a vm_page_grab_contig, which names a segment by its place. */
static uint32_t contiguous_segment(const struct import *import)
{
    uint32_t selector = (uint32_t)import->line.arguments[1];
    bool wide = import->header.machine.pointer_size == 8;

    if (!wide || selector == 0)
        return selector;
    return selector == 1 ? EVENT_DIRECTMAP : EVENT_HIGHMEM;
}

static int page_grab(struct import *import, uint64_t bytes, uint32_t segment, bool contiguous)
{
    const struct log_line *line = &import->line;
    bool derived = import_allocates(line->parent);
    uint64_t pages = (bytes + FRAME_BYTES - 1) / FRAME_BYTES;

    if (pages == 0 || pages > 0xffffff)
        return error_set(import->error, "%s of %llx bytes", log_call_name(line->call),
                         (unsigned long long)bytes);
    if (!import->boot.over && line->result != 0)
        return import_boot_page(import, line->result, pages,
                                segment | (contiguous ? HELD_CONTIGUOUS : 0), derived);
    if (derived) {
        import_derived(import);
        return line->result != 0 ? import_page_derived(import, line->result, pages) : 0;
    }
    import_primary(import);
    if (line->result == 0)
        return import_event(import, EVENT_PAGE_ALLOC,
                            EVENT_FAILED | (contiguous ? EVENT_CONTIGUOUS : 0), segment,
                            OBJECT_NONE, (uint32_t)pages, 0);
    return import_page_grab(import, line->result, pages, segment, contiguous);
}

/* Memory that had no descriptor at start-up gets one from the cache vm_page and becomes free: the
 * boot modules in 1.5 and 1.6. Its frames are not told; boot loaders put modules behind the kernel.
 * From its first grab on it is a page like any other. */
static int made_release(struct import *import, uint64_t page)
{
    const struct import_start *start = &import->start;
    uint64_t first = (start->kernel_end - start->kernel_base + FRAME_BYTES - 1) / FRAME_BYTES;

    import_primary(import);
    if (table_find(&import->made_table, page) != NULL) {
        /* It was free before and must have been grabbed unseen. */
        import->counts.pages_unknown++;
        return 0;
    }
    if (table_put(&import->made_table, page, 1) != 0)
        return import_no_memory(import);
    return boot_pages(import, (uint32_t)first + import->made_pages++, 1, EVENT_INFERRED);
}

static int page_release(struct import *import)
{
    const struct log_line *line = &import->line;
    const uint64_t *value;

    if (import->nr_caches == 0)
        return boot_release(import, line->arguments[0]);
    value = table_find(&import->page_table, line->arguments[0]);
    if (value == NULL && import_object_is_page(import, line->arguments[0]))
        return made_release(import, line->arguments[0]);
    if (import_allocates(line->parent)) {
        import_derived(import);
        if (value != NULL && (*value & PAGE_DERIVED) != 0)
            page_forget(import, line->arguments[0], *value);
        return 0;
    }
    import_primary(import);
    if (value != NULL && (*value & PAGE_DERIVED) == 0)
        return page_free(import, line->arguments[0], *value, 0);
    if (value != NULL)
        page_forget(import, line->arguments[0], *value);
    if (unseen_count(import) == 0) {
        import->counts.pages_unknown++;
        return 0;
    }
    import->counts.pages_exchanged++;
    return unseen_free(import, unseen_segment(import, page_segment(import, line->arguments[0])));
}

static int page_free_contig(struct import *import)
{
    const struct log_line *line = &import->line;
    const uint64_t *value = table_find(&import->page_table, line->arguments[0]);

    if (import_allocates(line->parent)) {
        import_derived(import);
        if (value != NULL)
            page_forget(import, line->arguments[0], *value);
        return 0;
    }
    import_primary(import);
    if (value == NULL || (*value & PAGE_DERIVED) != 0)
        return error_set(import->error,
                         "vm_page_free_contig of page %llx, which is not alive: expected a "
                         "vm_page_grab_contig of it",
                         (unsigned long long)line->arguments[0]);
    return page_free(import, line->arguments[0], *value, 0);
}

int import_page_call(struct import *import)
{
    const struct log_line *line = &import->line;

    switch (line->call) {
    case CALL_VM_PAGE_GRAB:
        return page_grab(import, FRAME_BYTES, grab_segment(import), false);
    case CALL_VM_PAGE_GRAB_CONTIG:
        if (line->arguments[1] > EVENT_HIGHMEM)
            return error_set(import->error, "segment selector %llx, expected 0 to %d",
                             (unsigned long long)line->arguments[1], EVENT_HIGHMEM);
        return page_grab(import, line->arguments[0], contiguous_segment(import), true);
    case CALL_VM_PAGE_RELEASE:
        return page_release(import);
    default:
        return page_free_contig(import);
    }
}

void import_pages_free(struct import *import)
{
    table_free(&import->page_table);
    table_free(&import->made_table);
    for (unsigned i = 0; i < 4; i++)
        free(import->unseen[i]);
}
