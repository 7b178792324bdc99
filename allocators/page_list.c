/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The free-page list: every free page of the machine on one list, last in, first out.
 *
 * The idea: most requests are for one page, so the cheapest structure for one page is the best one.
 * Taking and giving back touch the head of the list and nothing else. Mach was born with it, and
 * GNU Mach kept it until 1.6.
 *
 * The price falls due when somebody wants pages that lie side by side. The list knows nothing of
 * addresses, so a contiguous request makes a bitmap of all free pages (in a wired range of the
 * kernel map that it must allocate first, and from this very list), walks the list once to fill it,
 * scans it from the lowest address for the first run that is long enough, and walks the list again
 * to unlink the run's pages: three passes over free memory. And since pages come back in whatever
 * order their users drop them, pages that lie side by side are rarely free together after a while:
 * nothing here works against fragmentation. The buddy allocator that replaced it (page_buddy.c)
 * answers the same request from a list head.
 *
 * Both walks are counted in work.list_steps and really done, with their cache misses. The second
 * ends at the last page of the run. Elements are linked both ways here, which the kernel's were
 * not, so that the checker can be thorough; the walk does not use it.
 *
 * For the metrics alone a bit for each page says whether it is free. No decision is made by it, and
 * the search does not use it.
 *
 * One reserve, 500 pages, is kept from threads that are not privileged. Segments mean nothing to
 * the list: a request that needs memory below 16 MiB counts on low memory being used last. So it
 * cannot have memory above the direct map either, since any page may be asked for through it: on
 * machines that have high memory it stays unused, as it did in the kernels that had this list.
 */

#include "allocators/pages.h"

#include <assert.h>
#include <string.h>

#define LIST_RESERVE 500u

static int list_open(struct pages *pages, struct machine *machine, struct error *error)
{
    size_t bytes = ((size_t)machine->frames + 63) / 64 * sizeof(uint64_t);

    pages_segments_open(pages, &pages_list, machine);
    pages->list_head = FRAME_NONE;
    pages->reserve = LIST_RESERVE;
    pages->bitmap = host_reserve(bytes, error);
    if (pages->bitmap == NULL)
        return -1;

    pages->bitmap_bytes = bytes;
    pages->free_map = host_reserve(bytes, error);
    if (pages->free_map == NULL) {
        host_unreserve(pages->bitmap, bytes);
        return -1;
    }

    return 0;
}

static void list_close(struct pages *pages)
{
    host_unreserve(pages->bitmap, pages->bitmap_bytes);
    host_unreserve(pages->free_map, pages->bitmap_bytes);
    pages->bitmap = NULL;
    pages->free_map = NULL;
}

static void list_push(struct pages *pages, uint32_t frame)
{
    struct page *descriptors = pages->machine->pages;
    struct page *page = &descriptors[frame];

    page->state = PAGE_FREE_HEAD;
    page->order = 0;
    page->previous = FRAME_NONE;
    page->next = pages->list_head;
    if (pages->list_head != FRAME_NONE)
        descriptors[pages->list_head].previous = frame;

    pages->list_head = frame;
    pages->free_map[frame / 64] |= (uint64_t)1 << frame % 64;
    pages->segments[page->segment].free++;
    pages->free++;
}

static void list_unlink(struct pages *pages, uint32_t frame)
{
    struct page *descriptors = pages->machine->pages;
    struct page *page = &descriptors[frame];

    if (page->previous == FRAME_NONE)
        pages->list_head = page->next;
    else
        descriptors[page->previous].next = page->next;

    if (page->next != FRAME_NONE)
        descriptors[page->next].previous = page->previous;

    page->state = PAGE_USED;
    pages->free_map[frame / 64] &= ~((uint64_t)1 << frame % 64);
    pages->segments[page->segment].free--;
    pages->free--;
}

static bool frame_is_free(const struct machine *machine, uint32_t frame)
{
    return frame < machine->frames && machine->pages[frame].state == PAGE_FREE_HEAD;
}

/* Runs of free pages. Each page is visited at most twice: once on the list, once in its run. */
static struct page_pieces list_pieces(const struct pages *pages)
{
    const struct machine *machine = pages->machine;
    struct page_pieces pieces = {.free = pages->free};

    for (uint32_t f = pages->list_head; f != FRAME_NONE; f = machine->pages[f].next) {
        uint64_t run = 1;

        if (f > 0 && frame_is_free(machine, f - 1))
            continue;

        while (frame_is_free(machine, f + (uint32_t)run))
            run++;

        pieces.pieces++;
        if (run > pieces.largest)
            pieces.largest = run;
    }

    return pieces;
}

static void list_refuse(struct pages *pages, enum failure_cause cause, uint64_t nr)
{
    struct page_pieces pieces = list_pieces(pages);

    machine_refuse(pages->machine, cause, "pages", nr * PAGE_SIZE, pieces.free * PAGE_SIZE,
                   pieces.largest * PAGE_SIZE, pieces.pieces);
}

/* Whether NR pages may be taken; else the refusal is recorded. */
static bool list_permits(struct pages *pages, uint32_t nr)
{
    const struct machine *machine = pages->machine;

    if (pages->free < nr) {
        list_refuse(pages, FAILURE_EXHAUSTION, nr);
        return false;
    }

    if (pages->free < pages->reserve && machine->daemon_running && !machine->privileged) {
        list_refuse(pages, FAILURE_RESERVE, nr);
        return false;
    }

    return true;
}

static void list_release(struct pages *pages, uint32_t frame)
{
    assert(pages->machine->pages[frame].state == PAGE_RESERVED);
    if (frame < pages->machine->direct_frames)
        list_push(pages, frame);
}

static uint32_t list_grab(struct pages *pages, enum segment_kind highest)
{
    uint32_t frame;

    (void)highest;
    if (__builtin_expect(pages->machine->fail_page != 0, 0) && pages_injected(pages, 1))
        return FRAME_NONE;

    if (!list_permits(pages, 1))
        return FRAME_NONE;

    frame = pages->list_head;
    list_unlink(pages, frame);
    return frame;
}

static void list_put(struct pages *pages, uint32_t frame)
{
    assert(pages->machine->pages[frame].state == PAGE_USED);
    list_push(pages, frame);
}

static void bitmap_fill(struct pages *pages)
{
    const struct machine *machine = pages->machine;

    memset(pages->bitmap, 0, pages->bitmap_bytes);
    for (uint32_t f = pages->list_head; f != FRAME_NONE; f = machine->pages[f].next)
        pages->bitmap[f / 64] |= (uint64_t)1 << (f % 64);

    pages->machine->work.list_steps += pages->free;
}

/* The first frame at FRAME or above whose bit is VALUE; the number of frames when there is none. */
static uint32_t bitmap_next(const struct pages *pages, uint32_t frame, bool value)
{
    uint32_t frames = pages->machine->frames;

    while (frame < frames) {
        uint64_t word = pages->bitmap[frame / 64];

        if (!value)
            word = ~word;

        word &= ~(uint64_t)0 << (frame % 64);
        if (word != 0) {
            uint32_t found = frame / 64 * 64 + (uint32_t)__builtin_ctzll(word);
            return found < frames ? found : frames;
        }

        frame = (frame / 64 + 1) * 64;
    }

    return frames;
}

/* The lowest run of NR free frames, FRAME_NONE when there is none. */
static uint32_t bitmap_find(const struct pages *pages, uint32_t nr)
{
    uint32_t start = bitmap_next(pages, 0, true);

    while (start < pages->machine->frames) {
        uint32_t end = bitmap_next(pages, start, false);

        if (end - start >= nr)
            return start;

        start = bitmap_next(pages, end, true);
    }

    return FRAME_NONE;
}

/* Walks the list and takes the pages of [start, start + nr) off it. */
static void run_unlink(struct pages *pages, uint32_t start, uint32_t nr)
{
    const struct machine *machine = pages->machine;
    uint32_t left = nr;
    uint64_t steps = 0;

    for (uint32_t f = pages->list_head; left > 0;) {
        uint32_t next = machine->pages[f].next;

        steps++;
        if (f - start < nr) {
            list_unlink(pages, f);
            left--;
        }
        f = next;
    }

    pages->machine->work.list_steps += steps;
}

/* The search itself, when the bitmap has been paid for. */
static uint32_t run_search(struct pages *pages, uint32_t nr)
{
    uint32_t start;

    if (!list_permits(pages, nr))
        return FRAME_NONE;

    bitmap_fill(pages);
    start = bitmap_find(pages, nr);
    if (start == FRAME_NONE) {
        list_refuse(pages, FAILURE_FRAGMENTATION, nr);
        return FRAME_NONE;
    }

    run_unlink(pages, start, nr);
    return start;
}

/* A bitmap that is refused leaves the refusal of the map or of its pages as the reason. */
static uint32_t list_grab_run(struct pages *pages, uint32_t nr, enum segment_kind highest)
{
    uint32_t start;

    (void)highest;
    if (__builtin_expect(pages->machine->fail_page != 0, 0) && pages_injected(pages, nr))
        return FRAME_NONE;

    if (pages->bitmap_take != NULL &&
        !pages->bitmap_take(pages->bitmap_context, pages->bitmap_bytes))
        return FRAME_NONE;

    start = run_search(pages, nr);

    if (pages->bitmap_give != NULL)
        pages->bitmap_give(pages->bitmap_context, pages->bitmap_bytes);

    return start;
}

static void list_put_run(struct pages *pages, uint32_t frame, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        list_put(pages, frame + i);
}

static void list_counts(const struct pages *pages, unsigned index, struct page_counts *counts)
{
    memset(counts, 0, sizeof(*counts));
    counts->free = pages->segments[index].free;
    counts->blocks[0] = counts->free;
}

/*
 * Adds the blocks of fewer than 64 pages that the set bits of WORD make up. In each round a bit
 * that is left stands for a whole block: those of which the other half is there too are joined. The
 * memory of a machine lies together for the most part, so most words are all alike.
 */
static void word_blocks(uint64_t word, uint32_t blocks[ORDERS])
{
    static const uint64_t firsts[] = {0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
                                      0x0001000100010001, 0x0000000100000001, 1};

    for (unsigned order = 0; order < 6 && word != 0; order++) {
        uint64_t joined = word & word >> (1u << order) & firsts[order];
        uint64_t alone = word & ~joined & ~(joined << (1u << order));

        blocks[order] += (uint32_t)__builtin_popcountll(alone);
        word = joined;
    }
}

/* Adds the blocks that the free pages of words [at, end) make up: each as large as the address
 * where it begins and what is left allow. */
static void run_blocks(uint32_t at, uint32_t end, uint32_t blocks[ORDERS])
{
    while (at < end) {
        unsigned order = ORDERS - 1;
        uint32_t words = 1u << (order - 6);

        for (; at % words != 0 || words > end - at; words >>= 1)
            order--;

        blocks[order]++;
        at += words;
    }
}

/* Word AT of the map of free pages, without what is not of SEGMENT. */
static inline uint64_t segment_word(const struct pages *pages, const struct segment *segment,
                                    uint32_t at)
{
    uint64_t word = pages->free_map[at];

    if (at * 64 < segment->start)
        word &= ~(uint64_t)0 << segment->start % 64;
    if (segment->end - at * 64 < 64)
        word &= ~(~(uint64_t)0 << segment->end % 64);

    return word;
}

static void list_blocks(const struct pages *pages, unsigned index, uint32_t blocks[ORDERS])
{
    const struct segment *segment = &pages->machine->segments[index];
    uint32_t end = (segment->end + 63) / 64;
    uint32_t start = segment->start / 64; /* of the run of free words that reaches to here */

    memset(blocks, 0, ORDERS * sizeof(blocks[0]));
    for (uint32_t at = start; at < end; at++) {
        uint64_t word = segment_word(pages, segment, at);

        if (word == ~(uint64_t)0)
            continue;

        run_blocks(start, at, blocks);
        word_blocks(word, blocks);
        start = at + 1;
    }

    run_blocks(start, end, blocks);
}

static int list_check(const struct pages *pages, struct error *error)
{
    const struct machine *machine = pages->machine;
    uint32_t previous = FRAME_NONE;
    uint32_t length = 0;

    for (uint32_t f = pages->list_head; f != FRAME_NONE; f = machine->pages[f].next) {
        if (f >= machine->frames)
            return error_set(error, "free-page list: link to frame %x of %x", f, machine->frames);

        if (machine->pages[f].state != PAGE_FREE_HEAD || machine->pages[f].previous != previous)
            return error_set(error, "free-page list: frame %x is in state %u after frame %x", f,
                             machine->pages[f].state, previous);

        if ((pages->free_map[f / 64] >> f % 64 & 1) == 0)
            return error_set(error, "free-page list: frame %x has no bit", f);

        if (++length > pages->free)
            return error_set(error, "free-page list: longer than its count of %u", pages->free);

        previous = f;
    }

    if (length != pages->free)
        return error_set(error, "free-page list: %u pages, counted are %u", length, pages->free);

    return pages_check_states(pages, error);
}

const struct pages_ops pages_list = {
    .name = "list",
    .summary = "one LIFO list of free pages (to 1.6)",
    .open = list_open,
    .close = list_close,
    .release = list_release,
    .grab = list_grab,
    .put = list_put,
    .grab_run = list_grab_run,
    .put_run = list_put_run,
    .counts = list_counts,
    .blocks = list_blocks,
    .check = list_check,
};
