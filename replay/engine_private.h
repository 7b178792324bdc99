/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The parts of the engine share its state: engine.c opens a replay, streams the trace and
 * concludes, engine_events.c gives each event to the stack, engine_rare.c has what is not in the
 * way of the common event (refusals, marks, truth), engine_check.c what --check asks for.
 */

#ifndef REPLAY_ENGINE_PRIVATE_H
#define REPLAY_ENGINE_PRIVATE_H

#include <inttypes.h>

#include "replay/digest.h"
#include "replay/engine.h"

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
    struct remote *remote; /* NULL: the stack runs in this process */
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

    uint64_t done;                         /* events before this batch */
    uint64_t next_check, check_interval;   /* in events, under --check; else never */
    uint64_t next_sample, sample_interval; /* of the series */
    uint64_t looked; /* events after which the states of stacks side by side were compared last */
    uint64_t next_timed;       /* the event after this many is timed, when sampled */
    uint64_t random;           /* of the intervals between those */
    unsigned measure;          /* of every event: MEASURE_WORK, MEASURE_TIME */
    const struct event *batch; /* being replayed, and the number of its first event */
    uint64_t batch_first;
    uint64_t requested, requested_peak, requested_peak_event;
    uint64_t next_tick;      /* time at which stack->now changes; 0: look at each event */
    uint64_t units_per_tick; /* of the trace's time */
    uint64_t live_rights, live_spaces, live_reverse;
    uint64_t address_offset; /* from captured kernel addresses to this machine's */
    uint64_t kernel_base;
    uint32_t last_freed;  /* space of the last name that was freed */
    unsigned pass;        /* how often the trace was replayed already, see replay_options.passes */
    uint64_t time_base;   /* added to the times of this pass */
    uint64_t pass_base;   /* number of the last event of the passes before */
    uint64_t passed_over; /* events before the first mark of passes but the first */
    struct {
        uint64_t compared, different, first;
    } names; /* of the first pass: later ones find other free names than the kernel did */
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

/* ---- engine_events.c ---- */

/* Gives NR events to the stack; the first has number FIRST; MEASURE is what is recorded of each.
 * Returns how many were taken, which is less than NR only when the replay is to stop; -1 with the
 * error set. */
int engine_run(struct engine *engine, const struct event *events, int nr, uint64_t first,
               unsigned measure, struct error *error);

#ifdef ENGINE_NOTES_EVENT
extern const struct event *engine_current_event; /* the one that is being given to the stack */
#endif

/* ---- engine_rare.c ---- */

/* Puts the stack and the event before the error. */
int engine_fault(const struct engine *engine, const struct event *event, struct error *error);
/* An event that is not of a live object: an error in the first pass, left out in later ones, which
 * find what the passes before left. */
int engine_bad_number(struct engine *engine, const struct event *event, struct error *error);
/* Records that the stack refused EVENT. 1 when the replay is to stop for it. */
int engine_refused(struct engine *engine, const struct event *event);
/* A request that the captured kernel refused: made, and given back when it is granted. */
int engine_attempt(struct engine *engine, const struct event *event, unsigned measure);
/* The state at an event, called NAME (LENGTH bytes). */
void engine_point(struct engine *engine, struct replay_point *point, const char *name,
                  size_t length, uint64_t number, uint64_t time);
void engine_mark(struct engine *engine, const struct event *event);
/* Adds the state after NUMBER events, at TIME, to the series. */
void engine_sample(struct engine *engine, uint64_t number, uint64_t time);
/* The last one. */
void engine_sample_end(struct engine *engine, uint64_t number, uint64_t time);
/* Makes ready for a further pass. -1 with the error set. */
int engine_again(struct engine *engine, struct error *error);
int engine_truth(struct engine *engine, const struct event *event, struct error *error);
int engine_cache(struct engine *engine, const struct event *event, struct error *error);

/* ---- engine_check.c: all return 0, or -1 with the error set ---- */

/* A new object: it must be aligned; it gets its pattern. */
int engine_check_new(struct engine *engine, const struct event *event, uint64_t address,
                     uint32_t size, struct error *error);
/* An object, or BYTES of it from OFFSET, is about to go: its pattern must be whole. */
int engine_check_old(struct engine *engine, const struct event *event, uint64_t offset,
                     uint64_t bytes, struct error *error);
/* The same for a part of a range, of which only what was asked for has a pattern. */
int engine_check_range(struct engine *engine, const struct event *event, struct error *error);
/* A lookup FOUND a right. */
int engine_check_right(struct engine *engine, const struct event *event, uint32_t found,
                       struct error *error);
/* Every structure of the stack, and the patterns of all that lives, after event NUMBER. */
int engine_check_stack(struct engine *engine, uint64_t number, struct error *error);

#endif
