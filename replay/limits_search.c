/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How much a design holds.
 *
 * No trace is needed for this: from a start state (limits_start.c) the same request is made again
 * and again until it is refused. There is no shorter way to a true answer. Where a design ends
 * depends on the order in which slabs, nodes and tables were taken (a table stops at a hole that is
 * too small, among the holes that its earlier growths left), so nothing is computed: everything is
 * allocated. That is some tens of nanoseconds a right.
 *
 * Time passes as in the captured storm, since reclaim looks at a clock: a right takes as many
 * instructions as one took there. An object or a space's right counts as much.
 *
 * The page-out daemon is no part of a stack. What it does when pages are short, on a kernel with no
 * pager and nothing to page out, is small, but counts: it frees the cached stacks of threads and
 * asks all caches for their free slabs, which they give up when 5 s have passed since the last time
 * (or since power-on). It runs
 *
 *   - from 1.8 on when a segment's buddy is entered at or below its low threshold. It never gets
 *     the segment back to the high one and goes on for ever: so the 5 s pass in any case;
 *   - before when fewer pages are free than 500 + 100 + 8 % of what was free (less 500) when the
 *     daemon started. It is woken by requests: when the last thread sleeps for pages, it sleeps
 *     too, so slabs are reaped only when the storm is longer than 5 s. It frees one stack, since
 *     it freed two when it started: the start states show that.
 */

#include "replay/limits_search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "allocators/stack_kernel.h"
#include "common/size.h"

#define TICKS_PER_SECOND 100
#define REAP_TICKS       501 /* of the slabs' interval of 5 s, and one more */

#define LEAST_SOUGHT 256 /* MiB: more is never too little */
#define PORT_LEAST   80  /* bytes */

/* Of the page-out daemon to 1.7: pages, and parts of a hundred. */
#define DAEMON_RESERVED 500u
#define DAEMON_MIN      100u
#define DAEMON_PERCENT  8u

struct search {
    const struct limits_case *subject;
    struct stack *stack;
    const struct start *start;
    struct geometry geometry; /* with what is the kernel's own */
    struct start_state state;
    uint64_t ticks_per_second; /* of the start's times */
    uint64_t time;
    uint64_t next_tick; /* when stack->now changes */
    bool thresholds;    /* 1.8 on */
    bool daemon_began;
    uint32_t daemon_below;  /* to 1.7: free pages below which the daemon is woken */
    uint64_t daemon_starts; /* 1.8 on: seen so far */
    uint64_t last_reap;     /* ticks */
};

const char *limits_kind_name(enum limits_kind kind)
{
    static const char *const names[LIMITS_KINDS] = {"rights", "spaces", "objects"};

    return kind < LIMITS_KINDS ? names[kind] : "?";
}

static struct pages *pages_of(const struct search *search)
{
    return &kernel_stack(search->stack)->pages;
}

/* ---- The page-out daemon ---- */

/* To 1.7: the daemon takes what it wants to page out by its pager, and makes one for an object that
 * has none: two ports, and a record of what the pager will have, whose two caches are empty so far.
 * There is no default pager here, so it waits for one, and this object is the last. No log shows
 * it; the measured limits of February 2016 do. One ends at a port's slab, two rights early; and all
 * four end where they would if these two pages were what the stack and the smaller program leave.
 */
static void pager_make(struct search *search)
{
    struct stack *stack = search->stack;
    bool privileged = stack->privileged;

    stack->privileged = true;
    (void)stack->ops->cache_alloc(stack, search->state.external_cache);
    (void)stack->ops->cache_alloc(stack, search->state.map_cache);
    for (int i = 0; i < 2; i++)
        (void)stack->ops->cache_alloc(stack, search->state.port_cache);
    stack->privileged = privileged;
}

/* What the daemon does the first time. */
static void daemon_begin(struct search *search)
{
    if (search->daemon_began)
        return;

    search->daemon_began = true;
    for (uint32_t i = 0; i < search->start->stacks; i++)
        start_stack_free(&search->state, search->stack);
    if (!search->thresholds)
        pager_make(search);
}

static void reap(struct search *search)
{
    if (search->stack->now - search->last_reap < REAP_TICKS)
        return;

    search->last_reap = search->stack->now;
    search->stack->ops->reap(search->stack);
}

/* Looks whether the request before this has woken the daemon. */
static inline void daemon_look(struct search *search)
{
    const struct pages *pages = pages_of(search);

    if (search->thresholds) {
        if (__builtin_expect(pages->daemon_starts == search->daemon_starts, 1))
            return;
        search->daemon_starts = pages->daemon_starts;
    } else if (__builtin_expect(pages->free >= search->daemon_below, 1))
        return;

    daemon_begin(search);
    reap(search);
}

/* Whether the request that was refused may go now, after the daemon had all the time it wants. */
static bool daemon_helps(struct search *search)
{
    uint64_t before;

    if (!search->thresholds)
        return false;

    before = kernel_stack(search->stack)->held.page_bytes;
    daemon_begin(search);
    if (search->stack->now - search->last_reap < REAP_TICKS) {
        search->stack->now = search->last_reap + REAP_TICKS;
        search->time = search->stack->now * (search->ticks_per_second / TICKS_PER_SECOND);
        search->next_tick = 0;
        reap(search);
    }

    return kernel_stack(search->stack)->held.page_bytes < before;
}

/* ---- Requests ---- */

static inline void step(struct search *search)
{
    search->time += search->start->right_time;
    if (search->time >= search->next_tick) {
        uint64_t per_tick = search->ticks_per_second / TICKS_PER_SECOND;

        search->stack->now = search->time / per_tick;
        search->next_tick = (search->stack->now + 1) * per_tick;
    }
    daemon_look(search);
}

/* A right of SPACE. False when it was refused. */
static bool right_make(struct search *search, uint32_t space, uint32_t right, struct limit *limit)
{
    const struct stack_ops *ops = search->stack->ops;
    uint64_t port = ops->cache_alloc(search->stack, search->state.port_cache);

    if (port == 0 && daemon_helps(search))
        port = ops->cache_alloc(search->stack, search->state.port_cache);

    limit->request = LIMITS_PORT;
    if (port == 0)
        return false;

    uint32_t name = ops->name_alloc(search->stack, space, right);

    if (name == NAME_NONE && daemon_helps(search))
        name = ops->name_alloc(search->stack, space, right);

    limit->request = LIMITS_NAME;
    step(search);
    return name != NAME_NONE;
}

static void rights_count(struct search *search, struct limit *limit)
{
    while (
        right_make(search, search->state.space, START_RIGHTS_MAX + (uint32_t)limit->count, limit))
        limit->count++;
}

static bool space_make(struct search *search, uint32_t space)
{
    const struct stack_ops *ops = search->stack->ops;

    return ops->space_create(search->stack, space, false) ||
           (daemon_helps(search) && ops->space_create(search->stack, space, false));
}

static void spaces_count(struct search *search, struct limit *limit)
{
    for (;; limit->count++) {
        uint32_t space = search->state.next_space + (uint32_t)limit->count;

        limit->partial = 0;
        if (!space_make(search, space)) {
            limit->request = LIMITS_SPACE;
            return;
        }

        for (; limit->partial < LIMITS_SPACE_RIGHTS; limit->partial++)
            if (!right_make(search, space, (uint32_t)limit->partial, limit))
                return;
    }
}

static void objects_count(struct search *search, struct limit *limit)
{
    const struct stack_ops *ops = search->stack->ops;
    uint64_t size = search->subject->object_size;

    limit->request = LIMITS_OBJECT;
    while (ops->kalloc(search->stack, size) != 0 ||
           (daemon_helps(search) && ops->kalloc(search->stack, size) != 0)) {
        limit->count++;
        step(search);
    }
}

/* ---- The search ---- */

/* Pages that kernel objects may live in. */
static void pages_tell(const struct search *search, struct limit *limit)
{
    const struct pages *pages = pages_of(search);
    const struct machine *machine = &kernel_stack(search->stack)->machine;

    for (unsigned i = 0; i < machine->nr_segments; i++)
        if (machine->segments[i].kind != SEGMENT_HIGHMEM) {
            struct page_counts counts;

            kernel_stack(search->stack)->page_design->counts(pages, i, &counts);
            limit->pages_free += counts.free;
        }
}

static bool is_of_pages(const struct failure *failure)
{
    return strstr(failure->resource, "map") == NULL &&
           (failure->cause == FAILURE_EXHAUSTION || failure->cause == FAILURE_RESERVE ||
            failure->cause == FAILURE_FRAGMENTATION);
}

static void search_run(struct search *search, enum limits_kind kind, struct limit *limit)
{
    memset(limit, 0, sizeof(*limit));

    switch (kind) {
    case LIMITS_SPACES:
        spaces_count(search, limit);
        break;
    case LIMITS_OBJECTS:
        objects_count(search, limit);
        break;
    default:
        rights_count(search, limit);
    }

    limit->failure = search->stack->failure;
    limit->waits = is_of_pages(&limit->failure);
    limit->daemon_spins = limit->waits && search->thresholds;
    pages_tell(search, limit);
}

static void search_begin(struct search *search)
{
    const struct pages *pages = pages_of(search);

    start_program_trim(search->start, &search->state, search->stack);
    search->thresholds = strcmp(search->subject->stack->pages, "buddy-segments") == 0;
    search->ticks_per_second = start_data_find(search->start)->ticks_per_second;
    search->time = search->state.time;
    search->daemon_starts = pages->daemon_starts;
    search->daemon_below = DAEMON_RESERVED + DAEMON_MIN;
    if (pages->free > DAEMON_RESERVED)
        search->daemon_below += (pages->free - DAEMON_RESERVED) * DAEMON_PERCENT / 100;
}

/* Opens and starts a machine with room for SPACES. It is closed again when that fails. */
static int search_open(struct search *search, const struct limits_case *subject, uint64_t spaces,
                       struct error *error)
{
    const struct start *start = start_find(subject->stack, subject->geometry);
    const struct start_data *data = start_data_find(start);
    bool captured = start_is_captured(start, subject->stack, subject->geometry, subject->memory);

    memset(search, 0, sizeof(*search));
    search->subject = subject;
    search->start = start;
    search->geometry = *subject->geometry;
    search->geometry.image_frames += start->image_frames;
    if (start->low_start != 0)
        search->geometry.low_start = start->low_start;

    struct stack_config config = {
        .geometry = &search->geometry,
        .memory = subject->memory,
        .kernel_map_start = captured ? data->kernel_map_start : 0,
        .kernel_map_end = captured ? data->kernel_map_end : 0,
        .slab_submap_start = search->geometry.slab_submap_size != 0 ? data->slab_submap_start : 0,
        .boot_pages_follow = true,
        .exact_bitmaps = subject->exact_bitmaps,
        .captured_stack = data->stack,
        .captured_pointer_size = 4,
        .max_spaces = START_OBJECTS_MAX + (uint32_t)spaces,
    };

    search->stack = subject->stack->open(subject->stack, &config, error);
    if (search->stack == NULL)
        return -1;

    /* Nothing is timed here: the host may use what pages it likes. */
    struct machine *machine = &kernel_stack(search->stack)->machine;

    (void)madvise(machine->reservation, machine->reservation_size, MADV_HUGEPAGE);

    if (start_run(start, search->stack, captured, &search->state, error) == 0)
        return 0;

    subject->stack->close(search->stack);
    return -1;
}

const struct geometry *limits_geometry(const struct stack_ops *stack,
                                       const struct geometry *geometry)
{
    const struct start *start = start_find(stack, geometry);

    if (start->layout != NULL && strcmp(start->layout, geometry->name) == 0 &&
        strcmp(start_data_find(start)->stack, stack->name) == 0)
        return geometry_find(start->geometry);

    return geometry;
}

/* The least memory that SUBJECT starts with, in MiB; 0 when it would not with what it has. */
static uint64_t least_memory(const struct limits_case *subject)
{
    struct limits_case less = *subject;
    struct error error;
    struct search search;

    if (subject->memory >= (uint64_t)LEAST_SOUGHT << 20)
        return 0;

    for (uint64_t mib = (subject->memory >> 20) + 1; mib <= LEAST_SOUGHT; mib++) {
        less.memory = mib << 20;
        if (search_open(&search, &less, 0, &error) == 0) {
            subject->stack->close(search.stack);
            return mib;
        }
    }

    return 0;
}

/* A machine that is too small: says what would do. */
static int too_small(const struct limits_case *subject, struct error *error)
{
    uint64_t least = least_memory(subject);
    char size[SIZE_TEXT_MAX];

    size_format(subject->memory, size, sizeof(size));
    if (least == 0)
        return error_prefix(error, "%s on %s, %s: ", subject->stack->name, subject->geometry->name,
                            size);

    return error_set(error, "%s on %s does not start with %s of memory: the least is %" PRIu64 "M",
                     subject->stack->name, subject->geometry->name, size, least);
}

int limits_check(const struct limits_case *subject, struct error *error)
{
    struct search search;

    if (search_open(&search, subject, 0, error) != 0)
        return too_small(subject, error);

    subject->stack->close(search.stack);
    return 0;
}

int limits_find(const struct limits_case *subject, enum limits_kind kind, struct limit *limit,
                struct error *error)
{
    uint64_t per_space = LIMITS_SPACE_RIGHTS * PORT_LEAST;
    struct search search;

    if (search_open(&search, subject, kind == LIMITS_SPACES ? subject->memory / per_space : 0,
                    error) != 0)
        return too_small(subject, error);

    search_begin(&search);
    search_run(&search, kind, limit);
    subject->stack->close(search.stack);
    return 0;
}

void limits_memory(const struct geometry *geometry, uint64_t memory, uint64_t *lost,
                   uint64_t *highmem)
{
    uint64_t firmware = (uint64_t)FIRMWARE_FRAMES << PAGE_SHIFT;
    uint64_t used = memory > firmware ? memory - firmware : 0;
    uint64_t above = used > geometry->direct_map_max ? used - geometry->direct_map_max : 0;

    *highmem = geometry->highmem ? above : 0;
    *lost = geometry->highmem ? 0 : above;
}

/* ---- In words ---- */

static const char *request_name(const struct limit *limit)
{
    switch (limit->request) {
    case LIMITS_PORT:
        return "a port";
    case LIMITS_NAME:
        return "a name";
    case LIMITS_SPACE:
        return "a space";
    default:
        return "an object";
    }
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Of a request that the kernel would not refuse, but let wait. */
static void waits_reason(const struct limit *limit, char *text)
{
    const struct failure *f = &limit->failure;
    uint64_t needed = f->requested / PAGE_SIZE;
    uint64_t free = f->free / PAGE_SIZE;
    const char *kept = f->cause == FAILURE_RESERVE         ? ", all kept back from it"
                       : f->cause == FAILURE_FRAGMENTATION ? ", but not in one piece"
                                                           : "";
    bool whole = strcmp(f->resource, "pages") == 0;

    snprintf(text, LIMITS_TEXT_MAX,
             "%s waits for pages for ever: %" PRIu64 " page%s needed, %" PRIu64
             " free%s (%s%s%" PRIu64 " in %" PRIu64 " piece%s, the largest of %" PRIu64 ")%s",
             request_name(limit), needed, plural(needed), limit->pages_free, kept,
             whole ? "" : f->resource, whole ? "" : ": ", free, f->pieces, plural(f->pieces),
             f->largest / PAGE_SIZE, limit->daemon_spins ? "; the page-out daemon spins" : "");
}

const char *limits_reason(const struct limit *limit, char text[LIMITS_TEXT_MAX])
{
    const struct failure *f = &limit->failure;

    if (limit->waits)
        waits_reason(limit, text);
    else if (f->cause == FAILURE_LIMIT)
        snprintf(text, LIMITS_TEXT_MAX, "%s is refused by a limit of the design: %s",
                 request_name(limit), f->resource);
    else if (f->cause == FAILURE_PANIC)
        snprintf(text, LIMITS_TEXT_MAX, "%s stops the kernel: panic, %s is used up",
                 request_name(limit), f->resource);
    else
        snprintf(text, LIMITS_TEXT_MAX,
                 "%s is refused by %s of %s: %" PRIu64 " bytes needed in one piece, %" PRIu64
                 " free in %" PRIu64 " piece%s, the largest of %" PRIu64 "%s",
                 request_name(limit), failure_cause_name(f->cause), f->resource, f->requested,
                 f->free, f->pieces, plural(f->pieces), f->largest,
                 f->largest >= f->requested ? ", where the search does not look" : "");

    return text;
}
