/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One function for each kind of event, and the loop that is made of them: a switch of short cases
 * that the compiler can keep in registers.
 *
 * What is measured is the call of the stack alone, not what the engine does around it. The loop is
 * compiled once for each thing that can be asked for (nothing, work, time, both), with the choice
 * as a constant, so that a replay that measures nothing runs code in which there is nothing to
 * skip.
 */

#include "replay/engine_private.h"

#include <string.h>

/* One function for each kind of event; the loop below is made of them. They return 0; 1 when the
 * replay is to stop after this event; -1 with the error set. */

static __attribute__((noinline)) void tick(struct engine *engine, const struct event *event)
{
    struct stack *stack = engine->stack;

    if (event->task != 0)
        stack->privileged = false; /* from now on there are tasks */
    if (engine->units_per_tick != 0)
        stack->now = (event->time + engine->time_base) / engine->units_per_tick;

    if (stack->privileged)
        engine->next_tick = 0; /* look at each event until there are */
    else if (engine->units_per_tick != 0)
        engine->next_tick = (stack->now + 1) * engine->units_per_tick - engine->time_base;
    else
        engine->next_tick = UINT64_MAX;
}

/* Before and after a call of the stack: BEGAN is what the first one returned, BYTES what the
 * request is about, 0 where it has no size. */
static ALWAYS_INLINE uint64_t call_begins(const struct engine *engine, unsigned measure)
{
    return (measure & MEASURE_TIME) != 0 ? meter_begin(engine->result->meter) : 0;
}

static ALWAYS_INLINE void call_ends(struct engine *engine, const struct event *event,
                                    uint64_t bytes, uint64_t began, unsigned measure)
{
    if ((measure & MEASURE_TIME) != 0)
        meter_latency(engine->result->meter, event->kind, bytes, began,
                      number_of(engine, event) - engine->pass_base);
    if ((measure & MEASURE_WORK) != 0)
        meter_work(engine->result->meter, event->kind, engine->stack->work);
}

static inline void live_add(struct engine *engine, const struct event *event, uint64_t bytes)
{
    engine->requested += bytes;

    if (engine->requested > engine->requested_peak) {
        engine->requested_peak = engine->requested;
        engine->requested_peak_event = number_of(engine, event) - engine->pass_base;
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
        return event->kind == EVENT_KALLOC && size == 0 ? 0 : engine_refused(engine, event);

    live_add(engine, event, bytes);
    return UNLIKELY(engine->check) ? engine_check_new(engine, event, address, size, error) : 0;
}

static ALWAYS_INLINE int run_cache_alloc(struct engine *engine, const struct event *event,
                                         unsigned measure, struct error *error)
{
    uint32_t size = engine->cache_sizes[event->where];
    uint64_t began = call_begins(engine, measure);
    uint64_t address = engine->ops->cache_alloc(engine->stack, event->where);
    call_ends(engine, event, size, began, measure);

    return object_made(engine, event, address, size, size, tag_of(EVENT_CACHE_ALLOC, event->where),
                       error);
}

static ALWAYS_INLINE int run_kalloc(struct engine *engine, const struct event *event,
                                    unsigned measure, struct error *error)
{
    uint64_t began = call_begins(engine, measure);
    uint64_t address = engine->ops->kalloc(engine->stack, event->size);
    call_ends(engine, event, event->size, began, measure);

    return object_made(engine, event, address, event->size, event->size, tag_of(EVENT_KALLOC, 0),
                       error);
}

static ALWAYS_INLINE int run_page_alloc(struct engine *engine, const struct event *event,
                                        unsigned measure, struct error *error)
{
    uint64_t began = call_begins(engine, measure);
    uint64_t address =
        engine->ops->page_alloc(engine->stack, event->size, (enum segment_kind)event->where,
                                PAGE_CLASS_USER, (event->flags & EVENT_CONTIGUOUS) != 0);
    call_ends(engine, event, (uint64_t)event->size << PAGE_SHIFT, began, measure);

    return object_made(engine, event, address, event->size, (uint64_t)event->size << PAGE_SHIFT,
                       tag_of(EVENT_PAGE_ALLOC, 0), error);
}

static ALWAYS_INLINE int run_map_alloc(struct engine *engine, const struct event *event,
                                       unsigned measure, struct error *error)
{
    unsigned kind = event->flags & 0xf;
    uint32_t tag = tag_of(EVENT_MAP_ALLOC, event->where) | (is_bare(event) ? TAG_BARE : 0);
    uint64_t bytes = is_bare(event) ? 0 : whole_pages(event->size);

    if (UNLIKELY(kind > EVENT_MAP_SUBMAP))
        return engine_bad_number(engine, event, error);

    uint64_t began = call_begins(engine, measure);
    uint64_t address = engine->ops->map_alloc(engine->stack, (enum map_number)event->where,
                                              event->size, (enum kmem_kind)kind);
    call_ends(engine, event, event->size, began, measure);

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

static ALWAYS_INLINE int run_cache_free(struct engine *engine, const struct event *event,
                                        unsigned measure, struct error *error)
{
    struct object *object = object_dies(engine, event, tag_of(EVENT_CACHE_ALLOC, event->where));

    if (UNLIKELY(object == NULL))
        return engine_bad_number(engine, event, error);
    if (UNLIKELY(object->address == 0))
        return skipped(engine, event);
    if (UNLIKELY(engine->check) && engine_check_old(engine, event, 0, object->size, error) != 0)
        return -1;

    uint64_t began = call_begins(engine, measure);
    engine->ops->cache_free(engine->stack, event->where, object->address);
    call_ends(engine, event, object->size, began, measure);
    engine->requested -= object->size;
    object->address = 0;
    return 0;
}

static ALWAYS_INLINE int run_kfree(struct engine *engine, const struct event *event,
                                   unsigned measure, struct error *error)
{
    struct object *object = object_dies(engine, event, tag_of(EVENT_KALLOC, 0));

    if (UNLIKELY(object == NULL))
        return engine_bad_number(engine, event, error);
    if (UNLIKELY(object->address == 0))
        return object->size != 0 ? skipped(engine, event) : 0;
    if (UNLIKELY(engine->check) && engine_check_old(engine, event, 0, object->size, error) != 0)
        return -1;

    uint64_t began = call_begins(engine, measure);
    engine->ops->kfree(engine->stack, object->address, object->size);
    call_ends(engine, event, object->size, began, measure);
    engine->requested -= object->size;
    object->address = 0;
    return 0;
}

static ALWAYS_INLINE int run_page_free(struct engine *engine, const struct event *event,
                                       unsigned measure, struct error *error)
{
    struct object *object = &engine->objects[event->object];
    uint32_t size = event->size;
    uint64_t bytes = (uint64_t)size << PAGE_SHIFT;

    if (UNLIKELY(object->tag != tag_of(EVENT_PAGE_ALLOC, 0) || size == 0 || size > object->size))
        return engine_bad_number(engine, event, error);

    object->size -= size;
    if (object->size == 0)
        object->tag = 0;
    if (UNLIKELY(object->address == 0))
        return skipped(engine, event);
    if (UNLIKELY(engine->check) && object->size == 0 &&
        engine_check_old(engine, event, 0, bytes, error) != 0)
        return -1;

    uint64_t began = call_begins(engine, measure);
    engine->ops->page_free(engine->stack, object->address, size,
                           (event->flags & EVENT_CONTIGUOUS) != 0);
    call_ends(engine, event, bytes, began, measure);
    engine->requested -= bytes;
    object->address += bytes; /* a run may go in parts, from its start */
    return 0;
}

static ALWAYS_INLINE int run_map_free(struct engine *engine, const struct event *event,
                                      unsigned measure, struct error *error)
{
    struct object *object = &engine->objects[event->object];
    uint64_t all = whole_pages(object->size), bytes = whole_pages(event->size);
    bool bare = (object->tag & TAG_BARE) != 0;

    if (UNLIKELY((object->tag & ~TAG_BARE) != tag_of(EVENT_MAP_ALLOC, event->where) || bytes == 0 ||
                 event->address >= all || bytes > all - event->address))
        return engine_bad_number(engine, event, error);

    if (bytes == all)
        object->tag = 0; /* else it goes in parts */
    if (UNLIKELY(object->address == 0))
        return skipped(engine, event);
    if (UNLIKELY(engine->check) && engine_check_range(engine, event, error) != 0)
        return -1;
    uint64_t began = call_begins(engine, measure);
    bool done = engine->ops->map_free(engine->stack, (enum map_number)event->where,
                                      object->address + event->address, event->size);
    call_ends(engine, event, event->size, began, measure);

    if (UNLIKELY(!done)) {
        digest_add(&engine->digest, 0);
        return engine_refused(engine, event);
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
        return engine_refused(engine, event);

    space->rights++;
    engine->live_rights++;
    return 0;
}

static ALWAYS_INLINE int run_name_alloc(struct engine *engine, const struct event *event,
                                        unsigned measure)
{
    struct replay_result *result = engine->result;

    if (UNLIKELY(engine->spaces[event->where].generation == 0))
        return name_skipped(engine, event);

    uint64_t began = call_begins(engine, measure);
    uint32_t name = engine->ops->name_alloc(engine->stack, event->where, event->object);
    call_ends(engine, event, 0, began, measure);

    digest_add(&engine->digest, name);
    if (name != event->size && result->names_different++ == 0)
        result->first_different_name = number_of(engine, event);
    result->names_compared++;
    if (UNLIKELY(engine->truth))
        truth_name(&engine->truth_state, event->where, event->size, name, number_of(engine, event));

    return name_made(engine, event, name, name != NAME_NONE);
}

static ALWAYS_INLINE int run_name_alloc_at(struct engine *engine, const struct event *event,
                                           unsigned measure, struct error *error)
{
    if (UNLIKELY(engine->spaces[event->where].generation == 0))
        return name_skipped(engine, event);
    if (UNLIKELY(engine->pass != 0) &&
        engine->ops->name_lookup(engine->stack, event->where, event->size) != RIGHT_NONE)
        return engine_bad_number(engine, event, error); /* left by a pass before */

    uint64_t began = call_begins(engine, measure);
    bool granted =
        engine->ops->name_alloc_at(engine->stack, event->where, event->object, event->size);
    call_ends(engine, event, 0, began, measure);

    digest_add(&engine->digest, granted);
    return name_made(engine, event, event->size, granted);
}

/* Whether RIGHT is of another space than the event says, or of one that is gone. */
static inline bool astray(const struct engine *engine, const struct event *event,
                          const struct right *right)
{
    return right->generation != engine->spaces[event->where].generation;
}

static ALWAYS_INLINE int run_name_free(struct engine *engine, const struct event *event,
                                       unsigned measure, struct error *error)
{
    struct right *right = &engine->rights[event->object];
    uint32_t name = right->name;

    if (UNLIKELY(name == NAME_NONE))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return engine_bad_number(engine, event, error);

    right->name = NAME_NONE;
    engine->spaces[event->where].rights--;
    engine->live_rights--;
    engine->last_freed = event->where;
    uint64_t began = call_begins(engine, measure);
    engine->ops->name_free(engine->stack, event->where, name);
    call_ends(engine, event, 0, began, measure);
    return 0;
}

static ALWAYS_INLINE int run_name_lookup(struct engine *engine, const struct event *event,
                                         unsigned measure, struct error *error)
{
    const struct right *right = &engine->rights[event->object];

    if (UNLIKELY(right->name == NAME_NONE))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return engine_bad_number(engine, event, error);

    uint64_t began = call_begins(engine, measure);
    uint32_t found = engine->ops->name_lookup(engine->stack, event->where, right->name);
    call_ends(engine, event, 0, began, measure);

    return UNLIKELY(engine->check) ? engine_check_right(engine, event, found, error) : 0;
}

/* What the reverse key is made of. */
static inline uint64_t reverse_address(const struct engine *engine, const struct event *event)
{
    if (engine->options->keys == REPLAY_KEYS_OWN && event->size != OBJECT_NONE &&
        engine->objects[event->size].address != 0)
        return engine->objects[event->size].address;

    return event->address + engine->address_offset;
}

static ALWAYS_INLINE int run_reverse_insert(struct engine *engine, const struct event *event,
                                            unsigned measure, struct error *error)
{
    struct right *right = &engine->rights[event->object];

    if (UNLIKELY(right->name == NAME_NONE))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right) || right->reverse != 0))
        return engine_bad_number(engine, event, error);

    uint64_t address = reverse_address(engine, event);

    if (UNLIKELY(engine->pass != 0) &&
        engine->ops->reverse_lookup(engine->stack, event->where, address) != RIGHT_NONE)
        return engine_bad_number(engine, event, error); /* left by a pass before */

    uint64_t began = call_begins(engine, measure);
    bool granted = engine->ops->reverse_insert(engine->stack, event->where, right->name, address);
    call_ends(engine, event, 0, began, measure);

    digest_add(&engine->digest, granted);
    if (UNLIKELY(!granted))
        return engine_refused(engine, event);

    right->reverse = address;
    engine->spaces[event->where].reverse++;
    engine->live_reverse++;
    return 0;
}

static ALWAYS_INLINE int run_reverse_remove(struct engine *engine, const struct event *event,
                                            unsigned measure, struct error *error)
{
    struct right *right = &engine->rights[event->object];
    uint64_t address = right->reverse;

    if (UNLIKELY(address == 0))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return engine_bad_number(engine, event, error);

    right->reverse = 0;
    engine->spaces[event->where].reverse--;
    engine->live_reverse--;
    uint64_t began = call_begins(engine, measure);
    engine->ops->reverse_remove(engine->stack, event->where, address);
    call_ends(engine, event, 0, began, measure);
    return 0;
}

static ALWAYS_INLINE int run_reverse_lookup(struct engine *engine, const struct event *event,
                                            unsigned measure, struct error *error)
{
    const struct right *right = &engine->rights[event->object];

    if (UNLIKELY(right->reverse == 0))
        return skipped(engine, event);
    if (UNLIKELY(astray(engine, event, right)))
        return engine_bad_number(engine, event, error);

    uint64_t began = call_begins(engine, measure);
    uint32_t found = engine->ops->reverse_lookup(engine->stack, event->where, right->reverse);
    call_ends(engine, event, 0, began, measure);

    return UNLIKELY(engine->check) ? engine_check_right(engine, event, found, error) : 0;
}

static int run_space_create(struct engine *engine, const struct event *event, unsigned measure,
                            struct error *error)
{
    struct space_account *space = &engine->spaces[event->where];

    if (UNLIKELY(space->created))
        return engine_bad_number(engine, event, error);

    uint64_t began = call_begins(engine, measure);
    bool granted =
        engine->ops->space_create(engine->stack, event->where, (event->flags & EVENT_SPECIAL) != 0);
    call_ends(engine, event, 0, began, measure);

    digest_add(&engine->digest, granted);
    if (UNLIKELY(!granted))
        return engine_refused(engine, event);

    *space = (struct space_account){.generation = ++engine->generations, .created = true};
    engine->live_spaces++;
    return 0;
}

static int run_space_destroy(struct engine *engine, const struct event *event, unsigned measure)
{
    struct space_account *space = &engine->spaces[event->where];

    if (UNLIKELY(space->generation == 0))
        return skipped(engine, event);

    engine->live_rights -= space->rights;
    engine->live_reverse -= space->reverse;
    space->generation = 0;
    uint64_t began = call_begins(engine, measure);
    engine->ops->space_destroy(engine->stack, event->where);
    call_ends(engine, event, 0, began, measure);
    return 0;
}

static int run_space_release(struct engine *engine, const struct event *event, unsigned measure,
                             struct error *error)
{
    struct space_account *space = &engine->spaces[event->where];

    if (UNLIKELY(!space->created))
        return skipped(engine, event);
    if (UNLIKELY(space->generation != 0))
        return engine_bad_number(engine, event, error);

    space->created = false;
    engine->live_spaces--;
    uint64_t began = call_begins(engine, measure);
    engine->ops->space_release(engine->stack, event->where);
    call_ends(engine, event, 0, began, measure);
    if (engine->truth)
        truth_space_ended(&engine->truth_state, event->where);
    return 0;
}

static int run_reap(struct engine *engine, const struct event *event, unsigned measure)
{
    uint64_t began = call_begins(engine, measure);
    engine->ops->reap(engine->stack);
    call_ends(engine, event, 0, began, measure);
    return 0;
}

/* Start-up is no request: what it does is nobody's work. */
static void run_boot_pages(struct engine *engine, const struct event *event, unsigned measure)
{
    if (!engine->boot_pages || engine->pass != 0)
        return;

    engine->ops->boot_pages(engine->stack, event->object, event->size,
                            (event->flags & EVENT_DESCENDING) != 0);
    if ((measure & MEASURE_WORK) != 0)
        meter_forget(engine->result->meter, engine->stack->work);
}

/* Events of which there are few. */
static __attribute__((noinline)) int run_rare(struct engine *engine, const struct event *event,
                                              unsigned measure, struct error *error)
{
    switch (event->kind) {
    case EVENT_SPACE_CREATE:
        return run_space_create(engine, event, measure, error);
    case EVENT_SPACE_DESTROY:
        return run_space_destroy(engine, event, measure);
    case EVENT_SPACE_RELEASE:
        return run_space_release(engine, event, measure, error);
    case EVENT_CACHE_CREATE:
        return engine->pass == 0 ? engine_cache(engine, event, error) : 0;
    case EVENT_BOOT_PAGES:
        run_boot_pages(engine, event, measure);
        return 0;
    case EVENT_REAP:
        return run_reap(engine, event, measure);
    case EVENT_GROWTH:
        if (engine->truth)
            truth_growth(&engine->truth_state, engine->stack, event->where, event->size,
                         event->object, (event->flags & EVENT_FAILED) != 0,
                         number_of(engine, event));
        return 0;
    case EVENT_MARK:
        engine_mark(engine, event);
        return 0;
    case EVENT_TRUTH:
        return engine->truth ? engine_truth(engine, event, error) : 0;
    default: /* tasks: the stack knows none */
        return 0;
    }
}

/* ---- The loop ---- */

static ALWAYS_INLINE int run_event(struct engine *engine, const struct event *event,
                                   const unsigned measure, struct error *error)
{
    if (UNLIKELY((event->flags & EVENT_FAILED) != 0 && event->kind != EVENT_GROWTH))
        return engine_attempt(engine, event, measure);

    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        return run_cache_alloc(engine, event, measure, error);
    case EVENT_CACHE_FREE:
        return run_cache_free(engine, event, measure, error);
    case EVENT_KALLOC:
        return run_kalloc(engine, event, measure, error);
    case EVENT_KFREE:
        return run_kfree(engine, event, measure, error);
    case EVENT_PAGE_ALLOC:
        return run_page_alloc(engine, event, measure, error);
    case EVENT_PAGE_FREE:
        return run_page_free(engine, event, measure, error);
    case EVENT_MAP_ALLOC:
        return run_map_alloc(engine, event, measure, error);
    case EVENT_MAP_FREE:
        return run_map_free(engine, event, measure, error);
    case EVENT_NAME_ALLOC:
        return run_name_alloc(engine, event, measure);
    case EVENT_NAME_ALLOC_AT:
        return run_name_alloc_at(engine, event, measure, error);
    case EVENT_NAME_FREE:
        return run_name_free(engine, event, measure, error);
    case EVENT_NAME_LOOKUP:
        return run_name_lookup(engine, event, measure, error);
    case EVENT_REVERSE_INSERT:
        return run_reverse_insert(engine, event, measure, error);
    case EVENT_REVERSE_REMOVE:
        return run_reverse_remove(engine, event, measure, error);
    case EVENT_REVERSE_LOOKUP:
        return run_reverse_lookup(engine, event, measure, error);
    default:
        return run_rare(engine, event, measure, error);
    }
}

static ALWAYS_INLINE int run_events(struct engine *engine, const struct event *events, int nr,
                                    const unsigned measure, struct error *error)
{
    for (int i = 0; i < nr; i++) {
        const struct event *event = &events[i];

#ifdef ENGINE_NOTES_EVENT /* remote_child.c, whose kernel may not come back from it */
        engine_current_event = event;
#endif
        if (UNLIKELY(event->time >= engine->next_tick))
            tick(engine, event);

        int status = run_event(engine, event, measure, error);

        if (UNLIKELY(status != 0))
            return status < 0 ? -1 : i + 1;
    }

    return nr;
}

int engine_run(struct engine *engine, const struct event *events, int nr, uint64_t first,
               unsigned measure, struct error *error)
{
    engine->batch = events;
    engine->batch_first = first;

#ifdef ENGINE_WITHOUT_METER /* tests/overhead compares with this one */
    measure = MEASURE_NOTHING;
#endif

    switch (measure) {
    case MEASURE_NOTHING:
        return run_events(engine, events, nr, MEASURE_NOTHING, error);
    case MEASURE_WORK:
        return run_events(engine, events, nr, MEASURE_WORK, error);
    case MEASURE_TIME:
        return run_events(engine, events, nr, MEASURE_TIME, error);
    default:
        return run_events(engine, events, nr, MEASURE_WORK | MEASURE_TIME, error);
    }
}
