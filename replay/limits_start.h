/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Start states: what a kernel had taken when the first right was allocated.
 *
 * Each is the beginning of a captured trace, compiled in (traces/captured/start/, turned into C by
 * limits_start.py). On the memory that it was captured with it is replayed as it was; on any other
 * the same requests are made of a machine whose free pages follow from the model of machine.c.
 */

#ifndef REPLAY_LIMITS_START_H
#define REPLAY_LIMITS_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocators/stack.h"
#include "common/error.h"
#include "traces/event.h"

#define START_OBJECTS_MAX 256
#define START_RIGHTS_MAX  8
#define START_STACKS_MAX  32

/* A request of start-up. As struct event, but: `object` of a cache-create is the alignment; `where`
 * of boot-pages is the phase of start-up, see struct boot_range; `size` of a reverse-insert is the
 * object that the right names. */
struct start_event {
    uint64_t time;
    uint32_t where;
    uint32_t object;
    uint32_t size;
    uint16_t task;
    uint8_t kind; /* enum event_kind */
    uint8_t flags;
    const char *text; /* name of a cache; "pmap": the range whose size follows from the memory */
};

/* As limits_start.py makes it. */
struct start_data {
    const char *name;
    const char *stack;
    uint64_t memory; /* end of the highest segment, bytes */
    uint64_t ticks_per_second;
    uint64_t kernel_map_start, kernel_map_end, slab_submap_start;
    const struct start_event *events;
    size_t nr_events;
};

extern const struct start_data start_data[]; /* the last has no name */

/* What is known of a kernel besides: limits_start.c. */
struct start {
    const char *name;        /* of its data */
    const char *kernel;      /* "1.5", ... */
    const char *geometry;    /* that it was captured on */
    const char *layout;      /* geometry whose address layout that has; NULL: its own */
    uint32_t right_time;     /* that a right takes, in times of the log: instructions */
    uint32_t low_start;      /* first frame that it uses below 1 MiB; 0: the geometry's */
    uint32_t image_frames;   /* frames by which its image is larger than the geometry's */
    uint32_t program_pages;  /* by which the program that was measured is smaller: 0 or 1 */
    uint32_t stacks;         /* of threads that the page-out daemon frees when it runs */
    const char *stack_cache; /* of those stacks; NULL: they are pages or ranges */
};

/* The start state for STACK on a machine of GEOMETRY: its own kernel's, or the nearest. */
const struct start *start_find(const struct stack_ops *stack, const struct geometry *geometry);
const struct start_data *start_data_find(const struct start *start);

/* True when the start on this geometry, with MEMORY bytes, is what was captured. */
bool start_is_captured(const struct start *start, const struct stack_ops *stack,
                       const struct geometry *geometry, uint64_t memory);

/* A stack of a kernel thread, by the request that made it. */
struct start_stack {
    uint64_t address;
    uint32_t where; /* cache or map */
    uint8_t kind;   /* EVENT_CACHE_ALLOC, EVENT_PAGE_ALLOC, EVENT_MAP_ALLOC */
};

/* What a start that ran has left behind. */
struct start_state {
    uint64_t objects[START_OBJECTS_MAX]; /* addresses */
    uint32_t names[START_RIGHTS_MAX];
    struct start_stack stacks[START_STACKS_MAX]; /* live, oldest first */
    uint32_t nr_stacks;
    uint32_t stack_cache;    /* numbers of caches: of stacks, */
    uint32_t port_cache;     /* ... ipc_port, */
    uint32_t external_cache; /* ... vm_external, */
    uint32_t map_cache;      /* ... small_existence_map */
    uint64_t program_page;   /* the last page that the program took, physical; 0: none */
    uint32_t space;          /* of the task that will allocate */
    uint32_t next_space;     /* first number that is free */
    uint64_t time;           /* of the last event */
};

/* The youngest stack of a thread is given back. */
void start_stack_free(struct start_state *state, struct stack *stack);

/* What the program that was measured does not take is given back. */
void start_program_trim(const struct start *start, struct start_state *state, struct stack *stack);

/* Makes the requests of START of STACK, whose config must have had boot_pages_follow set. -1 with
 * the error set when one is refused: the machine is too small. */
int start_run(const struct start *start, struct stack *stack, bool captured,
              struct start_state *state, struct error *error);

#endif
