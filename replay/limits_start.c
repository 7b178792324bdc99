/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Start states, replayed. It is the engine in small: some two hundred requests, none of which may
 * be refused, no counters and no results.
 *
 * Five starts are known. A stack takes the start of the kernel that it was, and one that never
 * shipped the start of the kernel that its slabs come from: what start-up takes is slabs, stacks
 * and tables much more than rights. On the geometries of Debian's kernel and of amd64 it is the
 * start of Debian's kernel, up to the point at which its two boot modules run.
 *
 * The program whose limits were measured is that of the log of 1.5 that ends with a refusal. It
 * takes a page less than the program of the other logs (the two logs of 1.5 differ in that alone),
 * so one is given back before counting begins: then the pages that are free when 1.5 refuses are
 * those of the log, 25299, and 9172 with 64 MiB as told.
 *
 * Two things of a start follow from the memory and not from the capture: which pages become free
 * (machine_boot_ranges), and the size of the tables of the pmap (machine_pmap_bytes). On a machine
 * whose pointers have 8 bytes the objects are larger than captured; caches whose size is known take
 * that, others twice the captured size.
 */

#include "replay/limits_start.h"

#include <inttypes.h>
#include <string.h>

#include "allocators/stack_kernel.h"

#define TICKS_PER_SECOND 100 /* of stack->now */
#define PHASES           3

/* In the order of start_for(). The time of a right is that of the captured storm's first 20000. */
static const struct start starts[] = {
    {.name = "table+vm-1.5",
     .kernel = "1.5",
     .geometry = "i386-2013",
     .right_time = 1101,
     .program_pages = 1,
     .stacks = 1},
    {.name = "radix+vm-1.6",
     .kernel = "1.6",
     .geometry = "i386-2013",
     .right_time = 1278,
     .low_start = 0x10,
     .image_frames = 1,
     .program_pages = 1,
     .stacks = 1},
    {.name = "radix+buddy-2016-02",
     .kernel = "16 February 2016",
     .geometry = "i386-2016-02",
     .layout = "i386-2016",
     .right_time = 1272,
     .program_pages = 1,
     .stacks = 1},
    {.name = "radix+hybrid-1.8",
     .kernel = "1.8",
     .geometry = "i386-2016",
     .right_time = 1001,
     .program_pages = 1,
     .stacks = 2,
     .stack_cache = "thread_stack"},
    {.name = "radix+hybrid-debian-12",
     .kernel = "Debian 12",
     .geometry = "i386",
     .right_time = 1001,
     .stacks = 2,
     .stack_cache = "thread_stack"},
};

#define NR_STARTS (sizeof(starts) / sizeof(starts[0]))

/* Objects whose size on 8-byte machines is known. */
static const struct {
    const char *name;
    uint32_t size;
} wide_caches[] = {
    {"ipc_port", 136},  {"vm_map_entry", 104}, {"vm_map_kentry", 104},
    {"vm_object", 136}, {"pv_entry", 24},
};

const struct start *start_find(const struct stack_ops *stack, const struct geometry *geometry)
{
    bool debian = strcmp(geometry->name, "i386") == 0 || geometry->pointer_size == 8;

    if (strcmp(stack->backend, "vm") == 0)
        return &starts[strcmp(stack->space, "table") == 0 ? 0 : 1];
    if (strcmp(stack->backend, "buddy") == 0)
        return &starts[2];

    return &starts[debian ? 4 : 3];
}

const struct start_data *start_data_find(const struct start *start)
{
    const struct start_data *data = start_data;

    while (data->name != NULL && strcmp(data->name, start->name) != 0)
        data++;

    return data;
}

bool start_is_captured(const struct start *start, const struct stack_ops *stack,
                       const struct geometry *geometry, uint64_t memory)
{
    const struct start_data *data = start_data_find(start);

    return strcmp(data->stack, stack->name) == 0 && strcmp(start->geometry, geometry->name) == 0 &&
           data->memory + ((uint64_t)FIRMWARE_FRAMES << PAGE_SHIFT) ==
               (memory & ~(uint64_t)(PAGE_SIZE - 1));
}

/* ---- Running ---- */

struct run {
    const struct start *start;
    const struct start_data *data;
    struct stack *stack;
    const struct machine *machine;
    struct start_state *state;
    bool captured;
    bool phases[PHASES]; /* made already */
};

static void boot_pages(struct run *run, const struct start_event *event)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    unsigned nr;

    if (run->captured) {
        run->stack->ops->boot_pages(run->stack, event->object, event->size,
                                    (event->flags & EVENT_DESCENDING) != 0);
        return;
    }

    nr = machine_boot_ranges(run->machine, ranges);
    for (unsigned i = 0; i < nr; i++)
        if (ranges[i].phase <= event->where && !run->phases[ranges[i].phase])
            run->stack->ops->boot_pages(run->stack,
                                        ranges[i].descending ? ranges[i].end - 1 : ranges[i].start,
                                        ranges[i].end - ranges[i].start, ranges[i].descending);

    for (unsigned phase = 0; phase <= event->where; phase++)
        run->phases[phase] = true;
}

static uint32_t cache_size(const struct run *run, const char *name, uint32_t captured)
{
    if (run->machine->geometry->pointer_size == 4 || captured % PAGE_SIZE == 0 ||
        strncmp(name, "kalloc_", strlen("kalloc_")) == 0)
        return captured;

    for (unsigned i = 0; i < sizeof(wide_caches) / sizeof(wide_caches[0]); i++)
        if (strcmp(wide_caches[i].name, name) == 0)
            return wide_caches[i].size;

    return 2 * captured;
}

static bool cache_make(struct run *run, const struct start_event *event)
{
    struct start_state *state = run->state;
    const struct {
        const char *name;
        uint32_t *number;
    } wanted[] = {
        {"ipc_port", &state->port_cache},
        {"vm_external", &state->external_cache},
        {"small_existence_map", &state->map_cache},
        {run->start->stack_cache, &state->stack_cache},
    };

    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (wanted[i].name != NULL && strcmp(wanted[i].name, event->text) == 0)
            *wanted[i].number = event->where;

    return run->stack->ops->cache_create(run->stack, event->where, event->text,
                                         cache_size(run, event->text, event->size), event->object,
                                         0);
}

/* Stacks of threads are a page each: a run (February 2016), an aligned range (before), an object of
 * a cache (since). */
static bool is_stack(const struct run *run, const struct start_event *event)
{
    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        return run->start->stack_cache != NULL && event->where == run->state->stack_cache;
    case EVENT_PAGE_ALLOC:
        return (event->flags & EVENT_CONTIGUOUS) != 0 && event->where == SEGMENT_DIRECTMAP;
    default:
        return event->kind == EVENT_MAP_ALLOC && event->flags == KMEM_ALIGNED;
    }
}

static bool object_make(struct run *run, const struct start_event *event, uint64_t address)
{
    struct start_state *state = run->state;

    state->objects[event->object] = address;
    if (is_stack(run, event) && state->nr_stacks < START_STACKS_MAX)
        state->stacks[state->nr_stacks++] =
            (struct start_stack){.address = address, .where = event->where, .kind = event->kind};

    return address != 0;
}

/* An object that is freed may be a stack. */
static void stack_forget(struct start_state *state, uint64_t address)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < state->nr_stacks; i++)
        if (state->stacks[i].address != address)
            state->stacks[kept++] = state->stacks[i];

    state->nr_stacks = kept;
}

void start_stack_free(struct start_state *state, struct stack *stack)
{
    if (state->nr_stacks == 0)
        return;

    const struct start_stack *last = &state->stacks[--state->nr_stacks];

    if (last->kind == EVENT_CACHE_ALLOC)
        stack->ops->cache_free(stack, last->where, last->address);
    else if (last->kind == EVENT_PAGE_ALLOC)
        stack->ops->page_free(stack, last->address, 1, true);
    else
        (void)stack->ops->map_free(stack, (enum map_number)last->where, last->address, PAGE_SIZE);
}

void start_program_trim(const struct start *start, struct start_state *state, struct stack *stack)
{
    if (start->program_pages != 0 && state->program_page != 0)
        stack->ops->page_free(stack, state->program_page, 1, false);

    state->program_page = 0;
}

static bool map_make(struct run *run, const struct start_event *event)
{
    bool pmap = event->text != NULL && !run->captured;
    uint64_t bytes = pmap ? machine_pmap_bytes(run->machine) : event->size;

    return object_make(run, event,
                       run->stack->ops->map_alloc(run->stack, (enum map_number)event->where, bytes,
                                                  (enum kmem_kind)event->flags));
}

static bool space_make(struct run *run, const struct start_event *event)
{
    bool special = (event->flags & EVENT_SPECIAL) != 0;

    if (event->where >= run->state->next_space)
        run->state->next_space = event->where + 1;
    if (!special)
        run->state->space = event->where;

    return run->stack->ops->space_create(run->stack, event->where, special);
}

static bool page_make(struct run *run, const struct start_event *event)
{
    bool contiguous = (event->flags & EVENT_CONTIGUOUS) != 0;
    uint64_t address = run->stack->ops->page_alloc(
        run->stack, event->size, (enum segment_kind)event->where, PAGE_CLASS_USER, contiguous);

    if (!contiguous)
        run->state->program_page = address;

    return object_make(run, event, address);
}

static bool right_make(struct run *run, const struct start_event *event)
{
    const struct stack_ops *ops = run->stack->ops;
    uint32_t *name = &run->state->names[event->object];

    if (event->kind == EVENT_NAME_ALLOC)
        *name = ops->name_alloc(run->stack, event->where, event->object);
    else
        *name = ops->name_alloc_at(run->stack, event->where, event->object, event->size)
                    ? event->size
                    : NAME_NONE;

    return *name != NAME_NONE;
}

/* Requests that give something back. */
static bool run_free(struct run *run, const struct start_event *event)
{
    const struct stack_ops *ops = run->stack->ops;
    uint64_t address = run->state->objects[event->object];

    stack_forget(run->state, address);
    switch (event->kind) {
    case EVENT_CACHE_FREE:
        ops->cache_free(run->stack, event->where, address);
        return true;
    case EVENT_KFREE:
        ops->kfree(run->stack, address, event->size);
        return true;
    case EVENT_PAGE_FREE:
        ops->page_free(run->stack, address, event->size, (event->flags & EVENT_CONTIGUOUS) != 0);
        return true;
    default:
        return ops->map_free(run->stack, (enum map_number)event->where, address, event->size);
    }
}

static bool run_event(struct run *run, const struct start_event *event)
{
    const struct stack_ops *ops = run->stack->ops;

    switch (event->kind) {
    case EVENT_BOOT_PAGES:
        boot_pages(run, event);
        return true;
    case EVENT_CACHE_CREATE:
        return cache_make(run, event);
    case EVENT_CACHE_ALLOC:
        return object_make(run, event, ops->cache_alloc(run->stack, event->where));
    case EVENT_KALLOC:
        return object_make(run, event, ops->kalloc(run->stack, event->size));
    case EVENT_PAGE_ALLOC:
        return page_make(run, event);
    case EVENT_MAP_ALLOC:
        return map_make(run, event);
    case EVENT_SPACE_CREATE:
        return space_make(run, event);
    case EVENT_NAME_ALLOC:
    case EVENT_NAME_ALLOC_AT:
        return right_make(run, event);
    case EVENT_REVERSE_INSERT:
        return ops->reverse_insert(run->stack, event->where, run->state->names[event->object],
                                   run->state->objects[event->size]);
    default:
        return run_free(run, event);
    }
}

int start_run(const struct start *start, struct stack *stack, bool captured,
              struct start_state *state, struct error *error)
{
    struct run run = {.start = start,
                      .data = start_data_find(start),
                      .stack = stack,
                      .machine = &kernel_stack(stack)->machine,
                      .state = state,
                      .captured = captured};

    memset(state, 0, sizeof(*state));
    stack->privileged = true;

    for (size_t i = 0; i < run.data->nr_events; i++) {
        const struct start_event *event = &run.data->events[i];

        if (event->task != 0)
            stack->privileged = false;
        stack->now = event->time / (run.data->ticks_per_second / TICKS_PER_SECOND);

        if (!run_event(&run, event))
            return error_set(error,
                             "the kernel does not start: request %zu of start-up (%s) is refused "
                             "by %s of %s; give it %s memory",
                             i + 1, event_kind_name(event->kind),
                             failure_cause_name(stack->failure.cause), stack->failure.resource,
                             /* Tables that grow with memory have filled a map. */
                             strstr(stack->failure.resource, "map") != NULL ? "less" : "more");
        state->time = event->time;
    }

    return 0;
}
