/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The engine streams a trace's events to a stack, one call each, and keeps what a replay needs to
 * know of what is alive: per object its address, per right its name and its reverse key. The
 * arrays are reserved from the trace's totals before the first event; the loop allocates nothing.
 *
 * A request that the stack refuses is a result: it is recorded with its cause, the object stays
 * without an address, and later events on it are counted as skipped. A request that the captured
 * kernel refused is made all the same; when the stack grants it, it is given back at once, since
 * nothing in the trace will.
 *
 * The loop is a switch of short cases that the compiler can keep in registers; whatever is rare
 * (refusals, checks, marks, truth) is moved out of it.
 */

#include "replay/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replay/digest.h"
#include "replay/pattern.h"

#define TICKS_PER_SECOND 100 /* of stack.now */
#define CHECKS           64  /* runs of the validity checkers in a replay under --check */

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define ALWAYS_INLINE       inline __attribute__((always_inline))

/* An object of the trace. A tag of 0 says that nothing lives under this number. */
struct object {
    uint64_t address; /* 0: it was refused */
    uint32_t size;    /* as asked for: bytes, or pages for page events */
    uint32_t tag;     /* kind of event that made it, and its cache or map */
};

/* A right of the trace. */
struct right {
    uint32_t name;       /* NAME_NONE: there is none, or it was refused */
    uint32_t generation; /* of the space that it is in */
    uint64_t reverse;    /* address that its reverse key was made of, 0: none */
};

struct space_account {
    uint32_t generation; /* no two spaces that ever live share one; 0: there is none */
    uint32_t rights, reverse;
    bool created;
};

struct engine {
    const struct stack_ops *ops;
    struct stack *stack;
    struct trace_reader *trace;
    const struct replay_options *options;
    struct replay_result *result;

    struct object *objects;
    bool *patterned; /* per object, under --check: it holds its pattern */
    struct right *rights;
    struct space_account *spaces;
    uint32_t generations;
    uint32_t *cache_sizes;
    uint32_t *cache_aligns;
    uint32_t max_objects, max_rights, max_spaces, max_caches;

    uint64_t done;                       /* events before this batch */
    uint64_t next_check, check_interval; /* in events, under --check; else never */
    const struct event *batch;           /* being replayed, and the number of its first event */
    uint64_t batch_first;
    uint64_t requested, requested_peak, requested_peak_event;
    uint64_t next_tick;      /* time at which stack->now changes; 0: look at each event */
    uint64_t units_per_tick; /* of the trace's time */
    uint64_t live_rights, live_spaces, live_reverse;
    uint64_t address_offset; /* from captured kernel addresses to this machine's */
    uint64_t kernel_base;
    uint32_t last_freed; /* space of the last name that was freed */
    bool boot_pages;
    bool check;
    bool truth;
    bool stop;

    struct truth_state truth_state;
    struct snapshot snapshot; /* scratch for truth and marks */
    struct digest digest;
};

static inline uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

#define TAG_BARE (1u << 31) /* a range of addresses without pages: no memory was asked for */

static inline bool is_bare(const struct event *event)
{
    unsigned kind = event->flags & 0xf;

    return kind == EVENT_MAP_PAGEABLE || kind == EVENT_MAP_SUBMAP;
}

static inline uint32_t tag_of(unsigned kind, uint32_t where)
{
    return (where + 1) << 8 | kind;
}

/* From 1. */
static inline uint64_t number_of(const struct engine *engine, const struct event *event)
{
    return engine->batch_first + (uint64_t)(event - engine->batch);
}

/* ---- Opening ---- */

static void *array_reserve(size_t nr, size_t size, struct error *error)
{
    return host_reserve((nr + 1) * size, error);
}

static void array_unreserve(void *array, size_t nr, size_t size)
{
    if (array != NULL)
        host_unreserve(array, (nr + 1) * size);
}

static int engine_reserve(struct engine *engine, const struct trace_totals *totals,
                          struct error *error)
{
    engine->max_objects = totals->peak_objects;
    engine->max_rights = totals->peak_rights;
    engine->max_spaces = totals->peak_spaces;
    engine->max_caches = totals->peak_caches;

    engine->objects = array_reserve(engine->max_objects, sizeof(struct object), error);
    engine->patterned = array_reserve(engine->max_objects, sizeof(bool), error);
    engine->rights = array_reserve(engine->max_rights, sizeof(struct right), error);
    engine->spaces = array_reserve(engine->max_spaces, sizeof(struct space_account), error);
    engine->cache_sizes = array_reserve(engine->max_caches, sizeof(uint32_t), error);
    engine->cache_aligns = array_reserve(engine->max_caches, sizeof(uint32_t), error);

    if (engine->objects == NULL || engine->patterned == NULL || engine->rights == NULL ||
        engine->spaces == NULL || engine->cache_sizes == NULL || engine->cache_aligns == NULL)
        return -1;

    size_t points = totals->by_kind[EVENT_MARK];

    engine->result->points = calloc(points + 1, sizeof(struct replay_point));
    if (engine->result->points == NULL)
        return error_set(error, "no memory for %zu marks", points);

    return 0;
}

static void engine_unreserve(struct engine *engine)
{
    array_unreserve(engine->objects, engine->max_objects, sizeof(struct object));
    array_unreserve(engine->patterned, engine->max_objects, sizeof(bool));
    array_unreserve(engine->rights, engine->max_rights, sizeof(struct right));
    array_unreserve(engine->spaces, engine->max_spaces, sizeof(struct space_account));
    array_unreserve(engine->cache_sizes, engine->max_caches, sizeof(uint32_t));
    array_unreserve(engine->cache_aligns, engine->max_caches, sizeof(uint32_t));
}

/* The segments as captured, when they can be this machine's. */
static void configure_captured(const struct trace_machine *machine, struct segment *segments,
                               struct stack_config *config)
{
    for (unsigned i = 0; i < machine->nr_segments; i++)
        segments[i] = (struct segment){.kind = (enum segment_kind)machine->segments[i].kind,
                                       .start = machine->segments[i].start,
                                       .end = machine->segments[i].end};

    config->segments = machine->nr_segments != 0 ? segments : NULL;
    config->nr_segments = machine->nr_segments;
    config->kernel_map_start = machine->kernel_map_start;
    config->kernel_map_end = machine->kernel_map_end;
    config->slab_submap_start = machine->kmem_map_start;
    config->boot_pages_follow = machine->boot_pages;
}

int replay_configure(const struct trace_reader *trace, const struct replay_options *options,
                     struct segment *segments, struct stack_config *config, struct error *error)
{
    const struct trace_machine *machine = &trace_header(trace)->machine;
    const struct geometry *captured = geometry_find(machine->geometry);

    memset(config, 0, sizeof(*config));
    config->geometry = options->geometry != NULL ? options->geometry : captured;

    if (config->geometry == NULL)
        return error_set(error,
                         "the trace's geometry, \"%s\", is not known here; name one with "
                         "--geometry",
                         machine->geometry);

    config->memory = options->memory != 0 ? options->memory : machine->memory;
    if (config->memory == 0)
        return error_set(error, "the trace does not say how much memory its machine had; give it "
                                "with --memory");

    if (config->geometry == captured && config->memory == machine->memory)
        configure_captured(machine, segments, config);

    config->pages = options->pages;
    config->map = options->map;
    config->exact_bitmaps = options->exact_bitmaps;
    config->check = options->check;
    config->captured_stack = machine->stack;
    config->captured_pointer_size = machine->pointer_size;
    config->max_spaces = trace_totals(trace)->peak_spaces;
    return 0;
}

/* ---- What is rare ---- */

static int fault(const struct engine *engine, const struct event *event, struct error *error)
{
    return error_prefix(error, "stack %s, event %" PRIu64 " (%s): ", engine->ops->name,
                        number_of(engine, event), event_kind_name(event->kind));
}

static struct replay_failure *failure_class(struct replay_result *result, unsigned kind,
                                            bool kernel_too, const struct failure *failure)
{
    for (unsigned i = 0; i < result->nr_failures; i++) {
        struct replay_failure *f = &result->failures[i];

        if (f->kind == kind && f->kernel_too == kernel_too && f->failure.cause == failure->cause &&
            strcmp(f->failure.resource, failure->resource) == 0)
            return f;
    }

    if (result->nr_failures == REPLAY_FAILURES)
        return NULL;

    return &result->failures[result->nr_failures++];
}

/* Records that the stack refused EVENT. 1 when the replay is to stop for it. */
static __attribute__((noinline)) int refused(struct engine *engine, const struct event *event)
{
    struct replay_result *result = engine->result;
    struct failure *failure = &engine->stack->failure;
    bool kernel_too = (event->flags & EVENT_FAILED) != 0;

    if (!kernel_too) {
        result->refused[event->kind]++;
        engine->stop = engine->options->on_failure == REPLAY_STOP;
    }

    struct replay_failure *f = failure_class(result, event->kind, kernel_too, failure);

    if (f == NULL)
        result->failures_beyond++;
    else if (f->count++ == 0) {
        f->event = number_of(engine, event);
        f->time = event->time;
        f->task = event->task;
        f->kind = event->kind;
        f->kernel_too = kernel_too;
        f->failure = *failure;
    }

    memset(failure, 0, sizeof(*failure));
    return engine->stop;
}

/* A request that the captured kernel refused: made, and given back when it is granted. */
static __attribute__((noinline)) int attempt(struct engine *engine, const struct event *event)
{
    const struct stack_ops *ops = engine->ops;
    struct stack *stack = engine->stack;
    enum map_number map = (enum map_number)event->where;
    bool name = event->kind == EVENT_NAME_ALLOC || event->kind == EVENT_NAME_ALLOC_AT;
    uint32_t right = event->object <= engine->max_rights ? event->object : engine->max_rights;
    uint64_t got = 0;

    if (name && engine->spaces[event->where].generation == 0)
        return 0;
    if (event->kind == EVENT_MAP_ALLOC && (event->flags & 0xf) > EVENT_MAP_SUBMAP)
        return 0;

    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        got = ops->cache_alloc(stack, event->where);
        if (got != 0)
            ops->cache_free(stack, event->where, got);
        break;
    case EVENT_KALLOC:
        got = ops->kalloc(stack, event->size);
        if (got != 0)
            ops->kfree(stack, got, event->size);
        break;
    case EVENT_PAGE_ALLOC:
        got = ops->page_alloc(stack, event->size, (enum segment_kind)event->where, PAGE_CLASS_USER,
                              (event->flags & EVENT_CONTIGUOUS) != 0);
        if (got != 0)
            ops->page_free(stack, got, event->size, (event->flags & EVENT_CONTIGUOUS) != 0);
        break;
    case EVENT_MAP_ALLOC:
        got = ops->map_alloc(stack, map, event->size, (enum kmem_kind)(event->flags & 0xf));
        if (got != 0)
            ops->map_free(stack, map, got, event->size);
        break;
    case EVENT_NAME_ALLOC:
        got = ops->name_alloc(stack, event->where, right);
        if (got != NAME_NONE)
            ops->name_free(stack, event->where, (uint32_t)got);
        break;
    case EVENT_NAME_ALLOC_AT:
        got = ops->name_alloc_at(stack, event->where, right, event->size);
        if (got != 0)
            ops->name_free(stack, event->where, event->size);
        break;
    default: /* nothing that could be asked again without harm */
        return 0;
    }

    engine->result->kernel_refused++;
    digest_add(&engine->digest, got);

    if (got == 0) {
        engine->result->kernel_refused_too++;
        return refused(engine, event);
    }

    return 0;
}

static void point_take(struct engine *engine, struct replay_point *point, const char *name,
                       size_t length, uint64_t number, uint64_t time)
{
    struct snapshot *snapshot = &engine->snapshot;

    engine->ops->snapshot(engine->stack, snapshot);
    memset(point, 0, sizeof(*point));

    if (length >= sizeof(point->name))
        length = sizeof(point->name) - 1;
    if (length != 0)
        memcpy(point->name, name, length);

    point->event = number;
    point->time = time;
    point->requested = engine->requested;
    point->rights = engine->live_rights;
    point->spaces = engine->live_spaces;
    point->reverse = engine->live_reverse;
    point->name_nodes = snapshot->name_nodes;
    point->reverse_nodes = snapshot->reverse_nodes;
    point->name_height = snapshot->name_height;
    point->refused = replay_refused(engine->result);
    point->skipped = replay_skipped(engine->result);
    point->held = snapshot->held;
    memcpy(point->maps, snapshot->maps, sizeof(point->maps));
    point->nr_segments = snapshot->nr_segments;
    memcpy(point->segments, snapshot->segments, sizeof(point->segments));

    for (unsigned i = 0; i < snapshot->nr_caches; i++)
        point->slab_requested += snapshot->caches[i].requested_bytes;
}

static void mark(struct engine *engine, const struct event *event)
{
    struct replay_result *result = engine->result;
    size_t length = 0;
    const char *text = trace_payload(engine->trace, event, &length);

    if (result->nr_points >= trace_totals(engine->trace)->by_kind[EVENT_MARK])
        return;

    point_take(engine, &result->points[result->nr_points++], text, length, number_of(engine, event),
               event->time);
}

static int truth(struct engine *engine, const struct event *event, struct error *error)
{
    if (trace_decode_truth(engine->trace, event, &engine->truth_state.truth, error) != 0)
        return -1;

    engine->truth_state.entry_left = (event->flags & EVENT_ENTRY_LEFT) != 0;
    engine->truth_state.count_left = (event->flags & EVENT_COUNT_LEFT) != 0;
    engine->truth_state.left_space = engine->last_freed;
    engine->ops->snapshot(engine->stack, &engine->snapshot);
    truth_compare(&engine->truth_state, engine->stack, &engine->snapshot, number_of(engine, event));
    return 0;
}

static int cache_define(struct engine *engine, const struct event *event, struct error *error)
{
    struct cache_definition definition;

    if (trace_decode_cache(engine->trace, event, &definition, error) != 0)
        return -1;

    engine->cache_sizes[event->where] = definition.size;
    engine->cache_aligns[event->where] = definition.align < 8 ? 8 : definition.align;

    if (!engine->ops->cache_create(engine->stack, event->where, definition.name, definition.size,
                                   definition.align, definition.flags)) {
        error_set(error, "cache %s of %" PRIu32 " bytes aligned to %" PRIu32 " was refused",
                  definition.name, definition.size, definition.align);
        return fault(engine, event, error);
    }

    return 0;
}

static __attribute__((noinline)) int bad_number(const struct engine *engine,
                                                const struct event *event, struct error *error)
{
    const char *kind = event_kind_name(event->kind);

    return error_set(
        error,
        "event %" PRIu64 " (%s): number %" PRIu32 " at %" PRIu32 " is not of a live object; run "
        "`allotrope trace check`",
        number_of(engine, event), kind != NULL ? kind : "unknown", event->object, event->where);
}

/* ---- Checks ---- */

static void *object_content(struct engine *engine, const struct event *event, uint64_t address)
{
    return engine->ops->content(engine->stack, address,
                                event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_PAGE_FREE);
}

/* Only ranges with pages behind them have a content. */
static bool has_content(const struct event *event)
{
    unsigned kind = event->flags & 0xf;

    return event->kind != EVENT_MAP_ALLOC ||
           (kind != EVENT_MAP_PAGEABLE && kind != EVENT_MAP_SUBMAP);
}

static uint64_t object_bytes(const struct event *event, uint32_t size)
{
    return event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_PAGE_FREE
               ? (uint64_t)size * PAGE_SIZE
               : size;
}

static uint64_t object_align(const struct engine *engine, const struct event *event)
{
    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        return engine->cache_aligns[event->where];
    case EVENT_KALLOC:
        return 8;
    default:
        return PAGE_SIZE;
    }
}

/* A new object: it must be aligned; it gets its pattern. */
static __attribute__((noinline)) int check_new(struct engine *engine, const struct event *event,
                                               uint64_t address, uint32_t size, struct error *error)
{
    uint64_t align = object_align(engine, event);
    void *content = has_content(event) ? object_content(engine, event, address) : NULL;

    engine->patterned[event->object] = false;
    if (content == NULL)
        return 0;

    if ((address & (align - 1)) != 0) {
        error_set(error, "address %" PRIx64 " is not aligned to %" PRIu64, address, align);
        return fault(engine, event, error);
    }

    pattern_write(content, object_bytes(event, size), event->object, 0);
    engine->patterned[event->object] = true;
    return 0;
}

/* An object, or BYTES of it from OFFSET, is about to go: its pattern must be whole. */
static __attribute__((noinline)) int check_old(struct engine *engine, const struct event *event,
                                               uint64_t offset, uint64_t bytes, struct error *error)
{
    const struct object *object = &engine->objects[event->object];
    void *content = object_content(engine, event, object->address + offset);

    if (content == NULL)
        return 0;

    if (!engine->patterned[event->object])
        return 0;

    uint64_t found = pattern_verify(content, bytes, event->object, offset);

    engine->result->patterns++;
    if (found == bytes)
        return 0;

    error_set(error,
              "byte %" PRIu64 " of object %" PRIu32 " at %" PRIx64 " (%" PRIu64
              " bytes) was overwritten",
              offset + found, event->object, object->address, bytes);
    return fault(engine, event, error);
}

/* The same for a part of a range, of which only what was asked for has a pattern. */
static int check_range(struct engine *engine, const struct event *event, struct error *error)
{
    const struct object *object = &engine->objects[event->object];
    uint64_t end = event->address + event->size;

    if (!engine->patterned[event->object] || event->address >= object->size)
        return 0;
    if (end > object->size)
        end = object->size;

    return check_old(engine, event, event->address, end - event->address, error);
}

static __attribute__((noinline)) int check_right(struct engine *engine, const struct event *event,
                                                 uint32_t found, struct error *error)
{
    if (engine->stack->ops->space[0] == '\0' || found == event->object)
        return 0;

    error_set(error, "right %" PRIu32 " of space %" PRIu32 " was looked up, %" PRIu32 " was found",
              event->object, event->where, found);
    return fault(engine, event, error);
}

/* ---- Events ---- */

/* One function for each kind of event; the loop below is made of them. They return 0; 1 when the
 * replay is to stop after this event; -1 with the error set. */

static __attribute__((noinline)) void tick(struct engine *engine, const struct event *event)
{
    struct stack *stack = engine->stack;

    if (event->task != 0)
        stack->privileged = false; /* from now on there are tasks */
    if (engine->units_per_tick != 0)
        stack->now = event->time / engine->units_per_tick;

    if (stack->privileged)
        engine->next_tick = 0; /* look at each event until there are */
    else if (engine->units_per_tick != 0)
        engine->next_tick = (stack->now + 1) * engine->units_per_tick;
    else
        engine->next_tick = UINT64_MAX;
}

static inline void live_add(struct engine *engine, const struct event *event, uint64_t bytes)
{
    engine->requested += bytes;

    if (engine->requested > engine->requested_peak) {
        engine->requested_peak = engine->requested;
        engine->requested_peak_event = number_of(engine, event);
    }
}

static inline int skipped(struct engine *engine, const struct event *event)
{
    engine->result->skipped[event->kind]++;
    return 0;
}

/* The stack made an object of SIZE (as asked for), which counts as BYTES, at ADDRESS. */
static ALWAYS_INLINE int object_made(struct engine *engine, const struct event *event,
                                     uint64_t address, uint32_t size, uint64_t bytes, uint32_t tag,
                                     struct error *error)
{
    digest_add(&engine->digest, address);
    engine->objects[event->object] = (struct object){.address = address, .size = size, .tag = tag};

    /* Nothing is granted to who asks for nothing: that is no refusal. */
    if (UNLIKELY(address == 0))
        return event->kind == EVENT_KALLOC && size == 0 ? 0 : refused(engine, event);

    live_add(engine, event, bytes);
    return UNLIKELY(engine->check) ? check_new(engine, event, address, size, error) : 0;
}

static inline int run_cache_alloc(struct engine *engine, const struct event *event,
                                  struct error *error)
{
    uint32_t size = engine->cache_sizes[event->where];
    uint64_t address = engine->ops->cache_alloc(engine->stack, event->where);

    return object_made(engine, event, address, size, size, tag_of(EVENT_CACHE_ALLOC, event->where),
                       error);
}

static inline int run_kalloc(struct engine *engine, const struct event *event, struct error *error)
{
    uint64_t address = engine->ops->kalloc(engine->stack, event->size);

    return object_made(engine, event, address, event->size, event->size, tag_of(EVENT_KALLOC, 0),
                       error);
}

static inline int run_page_alloc(struct engine *engine, const struct event *event,
                                 struct error *error)
{
    uint64_t address =
        engine->ops->page_alloc(engine->stack, event->size, (enum segment_kind)event->where,
                                PAGE_CLASS_USER, (event->flags & EVENT_CONTIGUOUS) != 0);

    return object_made(engine, event, address, event->size, (uint64_t)event->size << PAGE_SHIFT,
                       tag_of(EVENT_PAGE_ALLOC, 0), error);
}

static inline int run_map_alloc(struct engine *engine, const struct event *event,
                                struct error *error)
{
    unsigned kind = event->flags & 0xf;
    uint32_t tag = tag_of(EVENT_MAP_ALLOC, event->where) | (is_bare(event) ? TAG_BARE : 0);
    uint64_t bytes = is_bare(event) ? 0 : whole_pages(event->size);

    if (UNLIKELY(kind > EVENT_MAP_SUBMAP))
        return bad_number(engine, event, error);

    uint64_t address = engine->ops->map_alloc(engine->stack, (enum map_number)event->where,
                                              event->size, (enum kmem_kind)kind);

    return object_made(engine, event, address, event->size, bytes, tag, error);
}

/* The object of a cache-free or kfree, which dies; NULL when it is none that TAG says. */
static ALWAYS_INLINE struct object *object_dies(struct engine *engine, const struct event *event,
                                                uint32_t tag)
{
    struct object *object = &engine->objects[event->object];

    if (UNLIKELY(object->tag != tag))
        return NULL;
    object->tag = 0;
    return object;
}

static inline int run_cache_free(struct engine *engine, const struct event *event,
                                 struct error *error)
{
    struct object *object = object_dies(engine, event, tag_of(EVENT_CACHE_ALLOC, event->where));

    if (UNLIKELY(object == NULL))
        return bad_number(engine, event, error);
    if (UNLIKELY(object->address == 0))
        return skipped(engine, event);
    if (UNLIKELY(engine->check) && check_old(engine, event, 0, object->size, error) != 0)
        return -1;

    engine->ops->cache_free(engine->stack, event->where, object->address);
    engine->requested -= object->size;
    object->address = 0;
    return 0;
}

static inline int run_kfree(struct engine *engine, const struct event *event, struct error *error)
{
    struct object *object = object_dies(engine, event, tag_of(EVENT_KALLOC, 0));

    if (UNLIKELY(object == NULL))
        return bad_number(engine, event, error);
    if (UNLIKELY(object->address == 0))
        return object->size != 0 ? skipped(engine, event) : 0;
    if (UNLIKELY(engine->check) && check_old(engine, event, 0, object->size, error) != 0)
        return -1;

    engine->ops->kfree(engine->stack, object->address, object->size);
    engine->requested -= object->size;
    object->address = 0;
    return 0;
}

static inline int run_page_free(struct engine *engine, const struct event *event,
                                struct error *error)
{
    struct object *object = &engine->objects[event->object];
    uint32_t size = event->size;
    uint64_t bytes = (uint64_t)size << PAGE_SHIFT;

    if (UNLIKELY(object->tag != tag_of(EVENT_PAGE_ALLOC, 0) || size == 0 || size > object->size))
        return bad_number(engine, event, error);

    object->size -= size;
    if (object->size == 0)
        object->tag = 0;
    if (UNLIKELY(object->address == 0))
        return skipped(engine, event);
    if (UNLIKELY(engine->check) && object->size == 0 &&
        check_old(engine, event, 0, bytes, error) != 0)
        return -1;

    engine->ops->page_free(engine->stack, object->address, size,
                           (event->flags & EVENT_CONTIGUOUS) != 0);
    engine->requested -= bytes;
    object->address += bytes; /* a run may go in parts, from its start */
    return 0;
}

static inline int run_map_free(struct engine *engine, const struct event *event,
                               struct error *error)
{
    struct object *object = &engine->objects[event->object];
    uint64_t all = whole_pages(object->size), bytes = whole_pages(event->size);
    bool bare = (object->tag & TAG_BARE) != 0;

    if (UNLIKELY((object->tag & ~TAG_BARE) != tag_of(EVENT_MAP_ALLOC, event->where) || bytes == 0 ||
                 event->address >= all || bytes > all - event->address))
        return bad_number(engine, event, error);

    if (bytes == all)
        object->tag = 0; /* else it goes in parts */
    if (UNLIKELY(object->address == 0))
        return skipped(engine, event);
    if (UNLIKELY(engine->check) && check_range(engine, event, error) != 0)
        return -1;
    if (UNLIKELY(!engine->ops->map_free(engine->stack, (enum map_number)event->where,
                                        object->address + event->address, event->size))) {
        digest_add(&engine->digest, 0);
        return refused(engine, event);
    }

    engine->requested -= bare ? 0 : bytes;
    return 0;
}

/* A name for a right in a space that was refused. */
static int name_skipped(struct engine *engine, const struct event *event)
{
    engine->rights[event->object].name = NAME_NONE;
    engine->rights[event->object].reverse = 0;
    return skipped(engine, event);
}

/* The stack gave NAME to a right, if GRANTED. */
static ALWAYS_INLINE int name_made(struct engine *engine, const struct event *event, uint32_t name,
                                   bool granted)
{
    struct space_account *space = &engine->spaces[event->where];

    engine->rights[event->object] =
        (struct right){.name = granted ? name : NAME_NONE, .generation = space->generation};
    if (UNLIKELY(!granted))
        return refused(engine, event);

    space->rights++;
    engine->live_rights++;
    return 0;
}

static inline int run_name_alloc(struct engine *engine, const struct event *event)
{
    struct replay_result *result = engine->result;

    if (UNLIKELY(engine->spaces[event->where].generation == 0))
        return name_skipped(engine, event);

    uint32_t name = engine->ops->name_alloc(engine->stack, event->where, event->object);

    digest_add(&engine->digest, name);
    if (name != event->size && result->names_different++ == 0)
        result->first_different_name = number_of(engine, event);
    result->names_compared++;
    if (UNLIKELY(engine->truth))
        truth_name(&engine->truth_state, event->where, event->size, name, number_of(engine, event));

    return name_made(engine, event, name, name != NAME_NONE);
}

static inline int run_name_alloc_at(struct engine *engine, const struct event *event)
{
    if (UNLIKELY(engine->spaces[event->where].generation == 0))
        return name_skipped(engine, event);

    bool granted =
        engine->ops->name_alloc_at(engine->stack, event->where, event->object, event->size);

    digest_add(&engine->digest, granted);
    return name_made(engine, event, event->size, granted);
}

/* Whether RIGHT is of another space than the event says, or of one that is gone. */
static inline bool astray(const struct engine *engine, const struct event *event,
                          const struct right *right)
{
    return right->generation != engine->spaces[event->where].generation;
}

static inline int run_name_free(struct engine *engine, const struct event *event,
                                struct error *error)
{
    struct right *right = &engine->rights[event->object];
    uint32_t name = right->name;

    if (UNLIKELY(name == NAME_NONE))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return bad_number(engine, event, error);

    right->name = NAME_NONE;
    engine->spaces[event->where].rights--;
    engine->live_rights--;
    engine->last_freed = event->where;
    engine->ops->name_free(engine->stack, event->where, name);
    return 0;
}

static inline int run_name_lookup(struct engine *engine, const struct event *event,
                                  struct error *error)
{
    const struct right *right = &engine->rights[event->object];

    if (UNLIKELY(right->name == NAME_NONE))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return bad_number(engine, event, error);

    uint32_t found = engine->ops->name_lookup(engine->stack, event->where, right->name);

    return UNLIKELY(engine->check) ? check_right(engine, event, found, error) : 0;
}

/* What the reverse key is made of. */
static inline uint64_t reverse_address(const struct engine *engine, const struct event *event)
{
    if (engine->options->keys == REPLAY_KEYS_OWN && event->size != OBJECT_NONE &&
        engine->objects[event->size].address != 0)
        return engine->objects[event->size].address;

    return event->address + engine->address_offset;
}

static inline int run_reverse_insert(struct engine *engine, const struct event *event,
                                     struct error *error)
{
    struct right *right = &engine->rights[event->object];

    if (UNLIKELY(right->name == NAME_NONE))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right) || right->reverse != 0))
        return bad_number(engine, event, error);

    uint64_t address = reverse_address(engine, event);
    bool granted = engine->ops->reverse_insert(engine->stack, event->where, right->name, address);

    digest_add(&engine->digest, granted);
    if (UNLIKELY(!granted))
        return refused(engine, event);

    right->reverse = address;
    engine->spaces[event->where].reverse++;
    engine->live_reverse++;
    return 0;
}

static inline int run_reverse_remove(struct engine *engine, const struct event *event,
                                     struct error *error)
{
    struct right *right = &engine->rights[event->object];
    uint64_t address = right->reverse;

    if (UNLIKELY(address == 0))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return bad_number(engine, event, error);

    right->reverse = 0;
    engine->spaces[event->where].reverse--;
    engine->live_reverse--;
    engine->ops->reverse_remove(engine->stack, event->where, address);
    return 0;
}

static inline int run_reverse_lookup(struct engine *engine, const struct event *event,
                                     struct error *error)
{
    const struct right *right = &engine->rights[event->object];

    if (UNLIKELY(right->reverse == 0))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return bad_number(engine, event, error);

    uint32_t found = engine->ops->reverse_lookup(engine->stack, event->where, right->reverse);

    return UNLIKELY(engine->check) ? check_right(engine, event, found, error) : 0;
}

static int run_space_create(struct engine *engine, const struct event *event, struct error *error)
{
    struct space_account *space = &engine->spaces[event->where];

    if (UNLIKELY(space->created))
        return bad_number(engine, event, error);

    bool granted =
        engine->ops->space_create(engine->stack, event->where, (event->flags & EVENT_SPECIAL) != 0);

    digest_add(&engine->digest, granted);
    if (UNLIKELY(!granted))
        return refused(engine, event);

    *space = (struct space_account){.generation = ++engine->generations, .created = true};
    engine->live_spaces++;
    return 0;
}

static int run_space_destroy(struct engine *engine, const struct event *event)
{
    struct space_account *space = &engine->spaces[event->where];

    if (UNLIKELY(space->generation == 0))
        return skipped(engine, event);

    engine->live_rights -= space->rights;
    engine->live_reverse -= space->reverse;
    space->generation = 0;
    engine->ops->space_destroy(engine->stack, event->where);
    return 0;
}

static int run_space_release(struct engine *engine, const struct event *event, struct error *error)
{
    struct space_account *space = &engine->spaces[event->where];

    if (UNLIKELY(!space->created))
        return skipped(engine, event);
    if (UNLIKELY(space->generation != 0))
        return bad_number(engine, event, error);

    space->created = false;
    engine->live_spaces--;
    engine->ops->space_release(engine->stack, event->where);
    if (engine->truth)
        truth_space_ended(&engine->truth_state, event->where);
    return 0;
}

/* Events of which there are few. */
static __attribute__((noinline)) int run_rare(struct engine *engine, const struct event *event,
                                              struct error *error)
{
    switch (event->kind) {
    case EVENT_SPACE_CREATE:
        return run_space_create(engine, event, error);
    case EVENT_SPACE_DESTROY:
        return run_space_destroy(engine, event);
    case EVENT_SPACE_RELEASE:
        return run_space_release(engine, event, error);
    case EVENT_CACHE_CREATE:
        return cache_define(engine, event, error);
    case EVENT_BOOT_PAGES:
        if (engine->boot_pages)
            engine->ops->boot_pages(engine->stack, event->object, event->size,
                                    (event->flags & EVENT_DESCENDING) != 0);
        return 0;
    case EVENT_REAP:
        engine->ops->reap(engine->stack);
        return 0;
    case EVENT_GROWTH:
        if (engine->truth)
            truth_growth(&engine->truth_state, engine->stack, event->where, event->size,
                         event->object, (event->flags & EVENT_FAILED) != 0,
                         number_of(engine, event));
        return 0;
    case EVENT_MARK:
        mark(engine, event);
        return 0;
    case EVENT_TRUTH:
        return engine->truth ? truth(engine, event, error) : 0;
    default: /* tasks: the stack knows none */
        return 0;
    }
}

/* ---- The loop ---- */

static ALWAYS_INLINE int run_event(struct engine *engine, const struct event *event,
                                   struct error *error)
{
    if (UNLIKELY((event->flags & EVENT_FAILED) != 0 && event->kind != EVENT_GROWTH))
        return attempt(engine, event);

    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        return run_cache_alloc(engine, event, error);
    case EVENT_CACHE_FREE:
        return run_cache_free(engine, event, error);
    case EVENT_KALLOC:
        return run_kalloc(engine, event, error);
    case EVENT_KFREE:
        return run_kfree(engine, event, error);
    case EVENT_PAGE_ALLOC:
        return run_page_alloc(engine, event, error);
    case EVENT_PAGE_FREE:
        return run_page_free(engine, event, error);
    case EVENT_MAP_ALLOC:
        return run_map_alloc(engine, event, error);
    case EVENT_MAP_FREE:
        return run_map_free(engine, event, error);
    case EVENT_NAME_ALLOC:
        return run_name_alloc(engine, event);
    case EVENT_NAME_ALLOC_AT:
        return run_name_alloc_at(engine, event);
    case EVENT_NAME_FREE:
        return run_name_free(engine, event, error);
    case EVENT_NAME_LOOKUP:
        return run_name_lookup(engine, event, error);
    case EVENT_REVERSE_INSERT:
        return run_reverse_insert(engine, event, error);
    case EVENT_REVERSE_REMOVE:
        return run_reverse_remove(engine, event, error);
    case EVENT_REVERSE_LOOKUP:
        return run_reverse_lookup(engine, event, error);
    default:
        return run_rare(engine, event, error);
    }
}

/* Gives NR events to the stack; the first has number FIRST. Returns how many were taken, which is
 * less than NR only when the replay is to stop; -1 with the error set. */
static int engine_run(struct engine *engine, const struct event *events, int nr, uint64_t first,
                      struct error *error)
{
    engine->batch = events;
    engine->batch_first = first;

    for (int i = 0; i < nr; i++) {
        const struct event *event = &events[i];

        if (UNLIKELY(event->time >= engine->next_tick))
            tick(engine, event);

        int status = run_event(engine, event, error);

        if (UNLIKELY(status != 0))
            return status < 0 ? -1 : i + 1;
    }

    return nr;
}

/* The patterns of all objects of caches and of kalloc that are alive. */
static int check_live(struct engine *engine, struct error *error)
{
    for (uint32_t i = 0; i < engine->max_objects; i++) {
        const struct object *object = &engine->objects[i];
        struct event made = {.kind = (uint8_t)object->tag, .object = i};

        if (!engine->patterned[i] || object->address == 0 ||
            (made.kind != EVENT_CACHE_ALLOC && made.kind != EVENT_KALLOC))
            continue;

        void *content = object_content(engine, &made, object->address);
        uint64_t found = pattern_verify(content, object->size, i, 0);

        if (found != object->size)
            return error_set(error,
                             "byte %" PRIu64 " of object %" PRIu32 " at %" PRIx64 " (%" PRIu32
                             " bytes) was overwritten",
                             found, i, object->address, object->size);
        engine->result->live_patterns++;
    }

    return 0;
}

static int check_stack(struct engine *engine, uint64_t number, struct error *error)
{
    engine->result->checks++;
    engine->result->live_patterns = 0; /* those of the last check are told */

    if (engine->ops->check(engine->stack, error) == 0 && check_live(engine, error) == 0)
        return 0;

    return error_prefix(error, "stack %s, after event %" PRIu64 ": ", engine->ops->name, number);
}

/* Gives a batch to the stack, with checks at their intervals. */
static int engine_batch(struct engine *engine, const struct event *events, int nr,
                        struct error *error)
{
    for (int at = 0; at < nr && !engine->stop;) {
        uint64_t until = engine->next_check - engine->done;
        int part = until < (uint64_t)(nr - at) ? (int)until : nr - at;
        int taken = engine_run(engine, events + at, part, engine->done + 1, error);

        if (taken < 0)
            return -1;

        engine->done += (uint64_t)taken;
        at += taken;

        if (engine->done != engine->next_check)
            continue;
        engine->next_check += engine->check_interval;
        if (check_stack(engine, engine->done, error) != 0)
            return -1;
    }

    return 0;
}

static int engine_stream(struct engine *engine, struct error *error)
{
    const struct trace_totals *totals = trace_totals(engine->trace);
    struct progress *progress = engine->options->progress;

    engine->check_interval = totals->events / CHECKS + 1;
    engine->next_check = engine->check ? engine->check_interval : UINT64_MAX;

    while (!engine->stop) {
        const struct event *events;
        int nr = trace_read(engine->trace, &events, error);

        if (nr < 0)
            return -1;
        if (nr == 0)
            break;
        if (engine_batch(engine, events, nr, error) != 0)
            return -1;
        if (progress != NULL)
            progress_update(progress, engine->done);
    }

    return engine->check ? check_stack(engine, engine->done, error) : 0;
}

static void engine_conclude(struct engine *engine)
{
    struct replay_result *result = engine->result;

    result->events = engine->done;
    result->stopped = engine->stop;
    result->requested = engine->requested;
    result->requested_peak = engine->requested_peak;
    result->requested_peak_event = engine->requested_peak_event;
    result->digest = digest_value(&engine->digest);
    point_take(engine, &result->end, "end", 3, engine->done,
               trace_totals(engine->trace)->last_time);
    result->snapshot = engine->snapshot;
}

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int engine_replay(struct engine *engine, const struct stack_config *config,
                         struct error *error)
{
    const struct trace_machine *machine = &trace_header(engine->trace)->machine;
    int status = -1;

    engine->units_per_tick = machine->ticks_per_second / TICKS_PER_SECOND;
    engine->boot_pages = config->boot_pages_follow;
    engine->kernel_base = config->geometry->kernel_base;
    engine->address_offset =
        machine->kernel_base != 0 ? engine->kernel_base - machine->kernel_base : 0;

    engine->stack = engine->ops->open(engine->ops, config, error);
    if (engine->stack == NULL)
        return -1;

    engine->stack->privileged = true;

    uint64_t start = clock_ns();

    if (engine_stream(engine, error) == 0) {
        engine->result->wall_ns = clock_ns() - start;
        engine_conclude(engine);
        status = 0;
    }

    engine->ops->close(engine->stack);
    return status;
}

/* What the result says of the machine. */
static void describe(struct replay_result *result, const struct stack_ops *ops,
                     const struct stack_config *config, const struct trace_totals *totals)
{
    memcpy(result->by_kind, totals->by_kind, sizeof(result->by_kind));
    result->geometry = config->geometry;
    result->memory = config->memory;
    result->captured_machine = config->segments != NULL || config->boot_pages_follow;
    result->pages = config->pages != NULL ? config->pages->name : ops->pages;
    result->map = config->map != NULL ? config->map->name : ops->map;
}

int replay_run(struct trace_reader *trace, const struct stack_ops *ops,
               const struct replay_options *options, struct replay_result *result,
               struct error *error)
{
    struct segment segments[SEGMENTS_MAX];
    struct stack_config config;
    int status = -1;

    memset(result, 0, sizeof(*result));
    result->truth.first_counter = TRUTH_COUNTERS;

    if (replay_configure(trace, options, segments, &config, error) != 0 ||
        trace_rewind(trace, error) != 0)
        return -1;

    describe(result, ops, &config, trace_totals(trace));

    struct engine *engine = calloc(1, sizeof(*engine));

    if (engine == NULL)
        return error_set(error, "no memory for the replay");

    engine->ops = ops;
    engine->trace = trace;
    engine->options = options;
    engine->result = result;
    engine->check = options->check;
    engine->truth = options->truth;

    if (engine_reserve(engine, trace_totals(trace), error) == 0 &&
        digest_open(&engine->digest, error) == 0) {
        if (!engine->truth ||
            truth_open(&engine->truth_state, &result->truth, trace_header(trace), ops,
                       engine->max_spaces, options->keys == REPLAY_KEYS_OWN, error) == 0)
            status = engine_replay(engine, &config, error);
        truth_close(&engine->truth_state);
        digest_close(&engine->digest);
    }

    engine_unreserve(engine);
    free(engine);
    return status;
}

void replay_result_free(struct replay_result *result)
{
    free(result->points);
    result->points = NULL;
}

static uint64_t sum(const uint64_t *counts)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < EVENT_KINDS; i++)
        total += counts[i];

    return total;
}

uint64_t replay_refused(const struct replay_result *result)
{
    return sum(result->refused);
}

uint64_t replay_skipped(const struct replay_result *result)
{
    return sum(result->skipped);
}
