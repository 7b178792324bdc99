/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The buddy allocator, with a small pool of single pages in front of it.
 *
 * The idea: keep free memory in blocks of powers of two of pages, aligned to their size. A block
 * that is too large is halved until it fits; a freed block looks for its other half (its buddy, one
 * bit of the address away) and joins it when that is free and whole. Both cost at most ten steps,
 * and large runs of memory are kept together instead of being found by a search. Eleven lists per
 * segment, 4 KiB to 4 MiB; last in, first out, so warm pages are used again.
 *
 * Single pages are nearly all of the traffic. They go through a pool, a stack of up to 128 pages
 * that is filled and emptied by halves, so most requests touch neither list nor buddy. The price:
 * a page in the pool is not free, and its buddy cannot merge with it.
 *
 * It came to GNU Mach from X15 in early 2016 in place of the free-page list (page_list.c), which
 * searched all of memory for each contiguous request. What it does worse: it rounds runs up to a
 * power of two (a request for 5 pages takes 8), and it promises nothing: when single pages have
 * been handed out all over memory, a run of 8 is refused with most of memory free. The slab
 * allocator that lived on it for two and a half weeks showed just that, and withdrew to single
 * pages.
 *
 * Halves. A split keeps the low half and puts the high one at the head of its list. The pool is
 * filled one page after the other, so its top, the first page to be handed out, is the last of
 * them. At start-up every page is released on its own, past the pool, and merging builds the
 * blocks.
 *
 * Two policies decide who may have the last pages; both leave alone whoever runs before there are
 * threads, or is privileged.
 *
 * `pages_buddy` (February 2016, 1.7): 500 pages over all segments. One page is refused when fewer
 * than 500 are free, a run of n (rounded up) when free - n <= 500. Segments fall back downwards to
 * the last page, so a kernel short of memory has drained DIRECTMAP and sits on 500 pages of DMA.
 *
 * `pages_buddy_segments` (1.8 to today): each segment has thresholds, fractions of its size. They
 * are looked at when a segment's buddy is entered: at or below `low` the page-out daemon is
 * started, at or below `min` the request is refused and a flag of the whole machine is set; while
 * it is set nobody enters any segment's buddy. An allocation that leaves less than `min` sets it
 * too. Pages that are in pools already are handed out. So DIRECTMAP running low also closes DMA.
 * The page-out daemon clears the flag when all segments are back at `high`; in a replay that is
 * looked at whenever pages go back to the buddy, as nothing else can make a segment fuller.
 */

#include "allocators/pages.h"

#include <assert.h>
#include <string.h>

#define MACHINE_RESERVE 500u

#define POOL_RATIO 1024u
#define POOL_MAX   128u

enum policy { POLICY_MACHINE, POLICY_SEGMENTS };

static uint32_t at_least(uint64_t value, uint32_t least)
{
    return value < least ? least : (uint32_t)value;
}

static void buddy_open(struct pages *pages, const struct pages_ops *ops, struct machine *machine)
{
    pages_segments_open(pages, ops, machine);
    pages->reserve = MACHINE_RESERVE;

    for (unsigned i = 0; i < machine->nr_segments; i++) {
        struct page_segment *segment = &pages->segments[i];
        uint64_t size = machine->segments[i].end - machine->segments[i].start;

        for (unsigned order = 0; order < ORDERS; order++)
            segment->heads[order] = FRAME_NONE;

        segment->min = at_least(size * 5 / 100, 500);
        segment->low = at_least(size * 6 / 100, 600);
        segment->high = at_least(size * 10 / 100, 1000);
        segment->pool_size = at_least(size / POOL_RATIO, 1);
        if (segment->pool_size > POOL_MAX)
            segment->pool_size = POOL_MAX;
        segment->pool_transfer = (segment->pool_size + 1) / 2;
    }
}

static int machine_policy_open(struct pages *pages, struct machine *machine, struct error *error)
{
    (void)error;
    buddy_open(pages, &pages_buddy, machine);
    return 0;
}

static int segments_policy_open(struct pages *pages, struct machine *machine, struct error *error)
{
    (void)error;
    buddy_open(pages, &pages_buddy_segments, machine);
    return 0;
}

static void buddy_close(struct pages *pages)
{
    (void)pages;
}

static void block_insert(struct pages *pages, struct page_segment *segment, uint32_t frame,
                         unsigned order)
{
    struct page *descriptors = pages->machine->pages;
    struct page *page = &descriptors[frame];
    uint32_t head = segment->heads[order];

    page->state = PAGE_FREE_HEAD;
    page->order = (uint8_t)order;
    page->previous = FRAME_NONE;
    page->next = head;
    if (head != FRAME_NONE)
        descriptors[head].previous = frame;

    segment->heads[order] = frame;
    segment->blocks[order]++;
}

/* Leaves the state to the caller. */
static void block_remove(struct pages *pages, struct page_segment *segment, uint32_t frame,
                         unsigned order)
{
    struct page *descriptors = pages->machine->pages;
    struct page *page = &descriptors[frame];

    if (page->previous == FRAME_NONE)
        segment->heads[order] = page->next;
    else
        descriptors[page->previous].next = page->next;

    if (page->next != FRAME_NONE)
        descriptors[page->next].previous = page->previous;

    segment->blocks[order]--;
}

/* The lowest order from ORDER on that has a block; ORDERS when none has. */
static unsigned order_find(const struct page_segment *segment, unsigned order)
{
    while (order < ORDERS && segment->heads[order] == FRAME_NONE)
        order++;

    return order;
}

/* A block of ORDER, FRAME_NONE when the segment has none. Its pages are left as PAGE_FREE_BODY. */
static uint32_t buddy_take(struct pages *pages, struct page_segment *segment, unsigned order)
{
    unsigned found = order_find(segment, order);
    uint32_t frame;

    if (found == ORDERS)
        return FRAME_NONE;

    frame = segment->heads[found];
    block_remove(pages, segment, frame, found);
    pages->machine->pages[frame].state = PAGE_FREE_BODY;
    pages->machine->work.splits += found - order;

    while (found > order) {
        found--;
        block_insert(pages, segment, frame + ((uint32_t)1 << found), found);
    }

    segment->free -= (uint32_t)1 << order;
    pages->free -= (uint32_t)1 << order;
    return frame;
}

static bool can_merge(const struct pages *pages, uint32_t buddy, unsigned order, unsigned index)
{
    const struct segment *range = &pages->machine->segments[index];
    const struct page *page;

    if (buddy < range->start || buddy >= range->end)
        return false;

    page = &pages->machine->pages[buddy];
    return page->state == PAGE_FREE_HEAD && page->order == order;
}

/* Gives a block to the buddy. Its pages are PAGE_FREE_BODY. */
static void buddy_give(struct pages *pages, unsigned index, uint32_t frame, unsigned order)
{
    struct page_segment *segment = &pages->segments[index];

    segment->free += (uint32_t)1 << order;
    pages->free += (uint32_t)1 << order;

    while (order < ORDERS - 1) {
        uint32_t buddy = frame ^ ((uint32_t)1 << order);

        if (!can_merge(pages, buddy, order, index))
            break;

        block_remove(pages, segment, buddy, order);
        pages->machine->pages[buddy].state = PAGE_FREE_BODY;
        pages->machine->work.merges++;
        frame &= ~((uint32_t)1 << order);
        order++;
    }

    block_insert(pages, segment, frame, order);
}

/* What the page-out daemon would do when all segments are back at their high thresholds. */
static void daemon_resume(struct pages *pages)
{
    if (__builtin_expect(!pages->paused, 1))
        return;

    for (unsigned i = 0; i < pages->machine->nr_segments; i++)
        if (pages->segments[i].free < pages->segments[i].high)
            return;

    pages->paused = false;
}

static void buddy_release(struct pages *pages, uint32_t frame)
{
    struct page *page = &pages->machine->pages[frame];

    assert(page->state == PAGE_RESERVED);
    page->state = PAGE_FREE_BODY;
    buddy_give(pages, page->segment, frame, 0);
}

static bool reserve_applies(const struct machine *machine)
{
    return machine->daemon_running && !machine->privileged;
}

/* Whether the request may enter the segment's buddy. */
static bool segment_permits(struct pages *pages, struct page_segment *segment)
{
    bool applies = reserve_applies(pages->machine);

    if (applies && pages->paused)
        return false;

    if (segment->free > segment->low)
        return true;

    if (pages->machine->daemon_running)
        pages->daemon_starts++;

    if (applies && segment->free <= segment->min) {
        pages->paused = true;
        return false;
    }

    return true;
}

static inline __attribute__((always_inline)) uint32_t
segment_take(struct pages *pages, struct page_segment *segment, unsigned order, enum policy policy)
{
    uint32_t frame;

    if (policy == POLICY_SEGMENTS && !segment_permits(pages, segment))
        return FRAME_NONE;

    frame = buddy_take(pages, segment, order);
    if (policy == POLICY_SEGMENTS && frame != FRAME_NONE && segment->free < segment->min)
        pages->paused = true;

    return frame;
}

static inline __attribute__((always_inline)) void
pool_fill(struct pages *pages, struct page_segment *segment, enum policy policy)
{
    for (uint32_t i = 0; i < segment->pool_transfer; i++) {
        uint32_t frame = segment_take(pages, segment, 0, policy);

        if (frame == FRAME_NONE)
            break;

        pages->machine->pages[frame].state = PAGE_POOLED;
        segment->pool[segment->pool_count++] = frame;
    }
}

static void pool_drain(struct pages *pages, unsigned index)
{
    struct page_segment *segment = &pages->segments[index];

    for (uint32_t i = 0; i < segment->pool_transfer; i++) {
        uint32_t frame = segment->pool[--segment->pool_count];

        pages->machine->pages[frame].state = PAGE_FREE_BODY;
        buddy_give(pages, index, frame, 0);
    }
}

static struct page_pieces segment_pieces(const struct page_segment *segment)
{
    struct page_pieces pieces = {.free = segment->free};

    for (unsigned order = 0; order < ORDERS; order++) {
        pieces.pieces += segment->blocks[order];
        if (segment->blocks[order] > 0)
            pieces.largest = (uint64_t)1 << order;
    }

    return pieces;
}

static void segment_refuse(struct pages *pages, enum failure_cause cause, unsigned index,
                           uint64_t nr)
{
    struct page_pieces pieces = segment_pieces(&pages->segments[index]);

    machine_refuse(pages->machine, cause, segment_kind_name(pages->machine->segments[index].kind),
                   nr * PAGE_SIZE, pieces.free * PAGE_SIZE, pieces.largest * PAGE_SIZE,
                   pieces.pieces);
}

/*
 * Says why no segment gave a block of ORDER. From the highest segment down: the first that has one
 * kept it back; or the first that has as many pages free has them in pieces; or there are too few.
 */
static void buddy_refuse(struct pages *pages, enum segment_kind highest, unsigned order)
{
    unsigned top = pages->highest[highest];
    uint32_t nr = (uint32_t)1 << order;

    for (unsigned i = top + 1; i-- > 0;)
        if (order_find(&pages->segments[i], order) < ORDERS) {
            segment_refuse(pages, FAILURE_RESERVE, i, nr);
            return;
        }

    for (unsigned i = top + 1; i-- > 0;)
        if (pages->segments[i].free >= nr) {
            segment_refuse(pages, FAILURE_FRAGMENTATION, i, nr);
            return;
        }

    segment_refuse(pages, FAILURE_EXHAUSTION, top, nr);
}

/* The reserve of the machine: the figures of a refusal are those of all segments. */
static void machine_reserve_refuse(struct pages *pages, uint64_t nr)
{
    struct page_pieces all = {0};

    for (unsigned i = 0; i < pages->machine->nr_segments; i++) {
        struct page_pieces pieces = segment_pieces(&pages->segments[i]);

        all.pieces += pieces.pieces;
        if (pieces.largest > all.largest)
            all.largest = pieces.largest;
    }

    machine_refuse(pages->machine, pages->free < nr ? FAILURE_EXHAUSTION : FAILURE_RESERVE, "pages",
                   nr * PAGE_SIZE, (uint64_t)pages->free * PAGE_SIZE, all.largest * PAGE_SIZE,
                   all.pieces);
}

/* One page, through the pools. */
static inline __attribute__((always_inline)) uint32_t
pool_take(struct pages *pages, enum segment_kind highest, enum policy policy)
{
    for (unsigned i = pages->highest[highest] + 1u; i-- > 0;) {
        struct page_segment *segment = &pages->segments[i];

        if (segment->pool_count == 0)
            pool_fill(pages, segment, policy);

        if (segment->pool_count > 0) {
            uint32_t frame = segment->pool[--segment->pool_count];

            pages->machine->pages[frame].state = PAGE_USED;
            return frame;
        }
    }

    buddy_refuse(pages, highest, 0);
    return FRAME_NONE;
}

static uint32_t run_take(struct pages *pages, enum segment_kind highest, unsigned order,
                         enum policy policy)
{
    for (unsigned i = pages->highest[highest] + 1u; i-- > 0;) {
        uint32_t frame = segment_take(pages, &pages->segments[i], order, policy);

        if (frame == FRAME_NONE)
            continue;

        for (uint32_t page = 0; page < (uint32_t)1 << order; page++)
            pages->machine->pages[frame + page].state = PAGE_USED;
        return frame;
    }

    buddy_refuse(pages, highest, order);
    return FRAME_NONE;
}

static uint32_t machine_grab(struct pages *pages, enum segment_kind highest)
{
    const struct machine *machine = pages->machine;

    if (__builtin_expect(machine->fail_page != 0, 0) && pages_injected(pages, 1))
        return FRAME_NONE;

    if (__builtin_expect(pages->free < pages->reserve, 0) && reserve_applies(machine)) {
        machine_reserve_refuse(pages, 1);
        return FRAME_NONE;
    }

    return pool_take(pages, highest, POLICY_MACHINE);
}

static uint32_t segments_grab(struct pages *pages, enum segment_kind highest)
{
    if (__builtin_expect(pages->machine->fail_page != 0, 0) && pages_injected(pages, 1))
        return FRAME_NONE;

    return pool_take(pages, highest, POLICY_SEGMENTS);
}

static unsigned order_of(uint32_t nr)
{
    return nr <= 1 ? 0 : 32 - (unsigned)__builtin_clz(nr - 1);
}

/* The order of a run; ORDERS when there is none so large, refused. */
static unsigned run_order(struct pages *pages, uint32_t nr, enum segment_kind highest)
{
    unsigned order = order_of(nr);

    if (order < ORDERS)
        return order;

    segment_refuse(pages, FAILURE_LIMIT, pages->highest[highest], nr);
    return ORDERS;
}

static uint32_t machine_grab_run(struct pages *pages, uint32_t nr, enum segment_kind highest)
{
    unsigned order = run_order(pages, nr, highest);
    uint32_t size = (uint32_t)1 << order;

    if (__builtin_expect(pages->machine->fail_page != 0, 0) && pages_injected(pages, nr))
        return FRAME_NONE;

    if (order == ORDERS)
        return FRAME_NONE;

    if (reserve_applies(pages->machine) && pages->free <= pages->reserve + size) {
        machine_reserve_refuse(pages, size);
        return FRAME_NONE;
    }

    if (order == 0)
        return pool_take(pages, highest, POLICY_MACHINE);

    return run_take(pages, highest, order, POLICY_MACHINE);
}

static uint32_t segments_grab_run(struct pages *pages, uint32_t nr, enum segment_kind highest)
{
    unsigned order = run_order(pages, nr, highest);

    if (__builtin_expect(pages->machine->fail_page != 0, 0) && pages_injected(pages, nr))
        return FRAME_NONE;

    if (order == ORDERS)
        return FRAME_NONE;

    if (order == 0)
        return pool_take(pages, highest, POLICY_SEGMENTS);

    return run_take(pages, highest, order, POLICY_SEGMENTS);
}

static void buddy_put(struct pages *pages, uint32_t frame)
{
    struct page *page = &pages->machine->pages[frame];
    struct page_segment *segment = &pages->segments[page->segment];

    assert(page->state == PAGE_USED);
    if (__builtin_expect(segment->pool_count == segment->pool_size, 0)) {
        pool_drain(pages, page->segment);
        daemon_resume(pages);
    }

    page->state = PAGE_POOLED;
    segment->pool[segment->pool_count++] = frame;
}

static void buddy_put_run(struct pages *pages, uint32_t frame, uint32_t nr)
{
    unsigned order = order_of(nr);

    if (order == 0) {
        buddy_put(pages, frame);
        return;
    }

    for (uint32_t i = 0; i < (uint32_t)1 << order; i++) {
        assert(pages->machine->pages[frame + i].state == PAGE_USED);
        pages->machine->pages[frame + i].state = PAGE_FREE_BODY;
    }

    buddy_give(pages, pages->machine->pages[frame].segment, frame, order);
    daemon_resume(pages);
}

static void buddy_counts(const struct pages *pages, unsigned index, struct page_counts *counts)
{
    const struct page_segment *segment = &pages->segments[index];

    counts->free = segment->free;
    counts->pool = segment->pool_count;
    memcpy(counts->blocks, segment->blocks, sizeof(counts->blocks));
}

static int block_check(const struct pages *pages, unsigned index, uint32_t frame, unsigned order,
                       struct error *error)
{
    const struct page *descriptors = pages->machine->pages;
    const struct segment *range = &pages->machine->segments[index];
    uint32_t size = (uint32_t)1 << order;

    if (frame < range->start || frame >= range->end || size > range->end - frame)
        return error_set(error, "buddy: block %x of order %u leaves segment %s", frame, order,
                         segment_kind_name(range->kind));

    if (frame % size != 0)
        return error_set(error, "buddy: block %x of order %u is not aligned", frame, order);

    if (descriptors[frame].state != PAGE_FREE_HEAD || descriptors[frame].order != order)
        return error_set(error, "buddy: block %x is on list %u in state %u with order %u", frame,
                         order, descriptors[frame].state, descriptors[frame].order);

    for (uint32_t i = 1; i < size; i++)
        if (descriptors[frame + i].state != PAGE_FREE_BODY)
            return error_set(error, "buddy: page %x in block %x of order %u is in state %u",
                             frame + i, frame, order, descriptors[frame + i].state);

    if (order < ORDERS - 1 && can_merge(pages, frame ^ size, order, index))
        return error_set(error, "buddy: blocks %x and %x of order %u are both free, not merged",
                         frame, frame ^ size, order);

    return 0;
}

static int list_check(const struct pages *pages, unsigned index, unsigned order,
                      struct error *error)
{
    const struct page_segment *segment = &pages->segments[index];
    uint32_t previous = FRAME_NONE;
    uint32_t blocks = 0;

    for (uint32_t f = segment->heads[order]; f != FRAME_NONE; f = pages->machine->pages[f].next) {
        if (block_check(pages, index, f, order, error) != 0)
            return -1;

        if (pages->machine->pages[f].previous != previous || ++blocks > segment->blocks[order])
            return error_set(error, "buddy: list of order %u is broken at block %x", order, f);

        previous = f;
    }

    if (blocks != segment->blocks[order])
        return error_set(error, "buddy: list of order %u has %u blocks, counted are %u", order,
                         blocks, segment->blocks[order]);

    return 0;
}

static int pool_check(const struct pages *pages, unsigned index, struct error *error)
{
    const struct page_segment *segment = &pages->segments[index];

    if (segment->pool_count > segment->pool_size)
        return error_set(error, "buddy: pool of %u pages holds %u", segment->pool_size,
                         segment->pool_count);

    for (uint32_t i = 0; i < segment->pool_count; i++) {
        uint32_t frame = segment->pool[i];

        if (frame >= pages->machine->frames || pages->machine->pages[frame].state != PAGE_POOLED ||
            pages->machine->pages[frame].segment != index)
            return error_set(error, "buddy: page %x does not belong into pool %u", frame, index);
    }

    return 0;
}

static int buddy_check(const struct pages *pages, struct error *error)
{
    for (unsigned i = 0; i < pages->machine->nr_segments; i++) {
        uint64_t free = 0;

        for (unsigned order = 0; order < ORDERS; order++) {
            if (list_check(pages, i, order, error) != 0)
                return -1;
            free += (uint64_t)pages->segments[i].blocks[order] << order;
        }

        if (free != pages->segments[i].free)
            return error_set(error, "buddy: blocks of %llu pages, counted are %u",
                             (unsigned long long)free, pages->segments[i].free);

        if (pool_check(pages, i, error) != 0)
            return -1;
    }

    return pages_check_states(pages, error);
}

const struct pages_ops pages_buddy = {
    .name = "buddy",
    .summary = "buddy blocks and a pool, 500 pages kept back (February 2016, 1.7)",
    .rounds_runs = true,
    .open = machine_policy_open,
    .close = buddy_close,
    .release = buddy_release,
    .grab = machine_grab,
    .put = buddy_put,
    .grab_run = machine_grab_run,
    .put_run = buddy_put_run,
    .counts = buddy_counts,
    .check = buddy_check,
};

const struct pages_ops pages_buddy_segments = {
    .name = "buddy-segments",
    .summary = "buddy blocks and a pool, thresholds per segment (1.8 to today)",
    .rounds_runs = true,
    .open = segments_policy_open,
    .close = buddy_close,
    .release = buddy_release,
    .grab = segments_grab,
    .put = buddy_put,
    .grab_run = segments_grab_run,
    .put_run = buddy_put_run,
    .counts = buddy_counts,
    .check = buddy_check,
};
