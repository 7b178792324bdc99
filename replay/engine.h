/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The engine: gives the events of a trace to a stack and records what came of it.
 */

#ifndef REPLAY_ENGINE_H
#define REPLAY_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "allocators/stack.h"
#include "common/error.h"
#include "common/progress.h"
#include "replay/meter.h"
#include "replay/series.h"
#include "replay/truth.h"
#include "traces/trace.h"

#define REPLAY_FAILURES 32 /* classes of refusals kept */
#define REPLAY_NAME_MAX 64

enum replay_keys {
    REPLAY_KEYS_OWN,      /* keys of the reverse tree are the replayed objects' own addresses */
    REPLAY_KEYS_CAPTURED, /* ... or those that the captured kernel had */
};

enum replay_on_failure {
    REPLAY_SKIP, /* go on without the object: later events on it are counted as skipped */
    REPLAY_STOP, /* end the replay at the first refusal that the captured kernel did not have */
};

enum replay_latency {
    REPLAY_UNTIMED,
    REPLAY_SAMPLED, /* one call in REPLAY_TIMED_INTERVAL on average, at intervals of chance */
    REPLAY_EVERY,   /* every call */
};

#define REPLAY_TIMED_INTERVAL 512

/* Where two stacks side by side may differ. */
enum remote_difference_of {
    REMOTE_REFUSAL, /* one granted what the other refused, or found another right */
    REMOTE_STATE,   /* objects, slabs, entries of maps, rights, nodes */
    REMOTE_BLOCKS,  /* free blocks per order */
    REMOTE_ADDRESS, /* addresses and names */
    REMOTE_DIFFERENCES
};

struct remote_difference {
    bool found;
    uint64_t event; /* after which it was found */
    uint64_t since; /* state and blocks: the last event after which there was none */
    char text[192];
};

struct replay_options {
    const struct geometry *geometry; /* NULL: the trace's */
    uint64_t memory;                 /* bytes; 0: the trace's */
    const struct pages_ops *pages;   /* NULL: of the design's time */
    const struct map_ops *map;       /* NULL: of the design's time */
    enum replay_keys keys;
    enum replay_on_failure on_failure;
    bool check;
    bool truth;
    bool exact_bitmaps;
    bool populate; /* see machine_populate; implied when latency is measured */
    bool work;     /* distributions of work, per kind of event */
    enum replay_latency latency;
    const struct stopwatch *stopwatch; /* calibrated; needed when latency is measured */
    unsigned passes; /* replay the trace so often, 0 and 1: once. A further pass begins at the first
                        mark and finds what the one before left: what is born under a number that
                        is still alive leaves the old one for good, what dies twice is left out. A
                        replay of more than one pass stops at the first refusal of any kind. */
    uint64_t sample_interval; /* events between two samples of the series; 0: no series */
    uint64_t sample_from;     /* the first sample is after this many; 0: after an interval */
    uint64_t sample_to;       /* no sample after this many; 0: to the end */
    /* A stack to which the requests are given too, and whose answers count, when the stack is a
     * kernel image; NULL: none. */
    const struct stack_ops *beside;
    struct progress *progress; /* NULL: none */
};

/* Refusals of one class: the same kind of request, cause and resource. */
struct replay_failure {
    uint64_t count;
    /* The first of them. */
    uint64_t event; /* its number in the trace, from 1 */
    unsigned pass;  /* over the trace, from 0 */
    uint64_t time;
    uint16_t task;
    uint8_t kind;
    bool kernel_too; /* the captured kernel refused this request as well */
    struct failure failure;
};

/* A state in short: at each mark, and at the end. */
struct replay_point {
    char name[REPLAY_NAME_MAX];
    uint64_t event, time;
    uint64_t requested; /* bytes live, as asked for */
    uint64_t rights, spaces, reverse;
    /* Nodes of all trees by name and by address, height of the highest by name. */
    uint64_t name_nodes, reverse_nodes;
    uint32_t name_height;
    uint64_t refused, skipped; /* so far */
    struct held held;
    uint64_t slab_requested; /* bytes asked for by the live objects of all caches */
    struct map_snapshot maps[MAPS];
    unsigned nr_segments;
    struct segment_snapshot segments[SEGMENTS_MAX];
};

struct replay_result {
    /* Exact. */
    uint64_t events; /* of the trace, given to the stack or skipped */
    uint64_t by_kind[EVENT_KINDS];
    uint64_t refused[EVENT_KINDS];      /* by the stack alone: the captured kernel granted them */
    uint64_t skipped[EVENT_KINDS];      /* on an object or right that was refused before */
    uint64_t kernel_refused;            /* requests that the captured kernel refused ... */
    uint64_t kernel_refused_too;        /* ... those of them that the stack refused too */
    uint64_t requested, requested_peak; /* bytes live, as asked for: now and at most */
    uint64_t requested_peak_event;
    uint64_t names_compared, names_different; /* against those that the kernel gave */
    uint64_t first_different_name;            /* event; 0: none */
    uint64_t lookups_wrong;                   /* lookups that missed their right */
    uint64_t digest;
    bool started; /* the stack could be opened */
    bool stopped; /* at the first refusal, as asked */
    /* A kernel image that stopped itself: its words, and the event that it did not survive. */
    char said[512]; /* "": it did not */
    uint64_t said_event;
    struct remote_difference differences[REMOTE_DIFFERENCES]; /* of stacks side by side */
    unsigned passes;          /* of the whole trace, when more than one was asked for */
    unsigned most_passes;     /* as asked for */
    uint64_t sample_interval; /* of the series, in events; 0: there is none */
    uint64_t left_out;        /* events of later passes on what was not alive, or alive already */
    unsigned nr_failures;
    struct replay_failure failures[REPLAY_FAILURES];
    uint64_t failures_beyond; /* refusals of classes past the last that is kept */
    unsigned nr_points;
    struct replay_point *points; /* one per mark */
    struct replay_point end;
    struct snapshot snapshot; /* at the end */
    struct truth_result truth;
    uint64_t checks;        /* runs of the stack's validity checkers */
    uint64_t patterns;      /* objects whose content was verified as they were freed */
    uint64_t live_patterns; /* ... and at the last check, alive */
    /* What was replayed on. */
    const struct geometry *geometry;
    uint64_t memory;
    bool captured_machine; /* segments, kernel map and start state are the trace's */
    const char *pages, *map;
    struct series *series; /* fragmentation over the trace; NULL: not asked for */
    /* Work, which is exact, and time; NULL when neither was asked for. */
    struct meter *meter;
    /* Measured. */
    uint64_t wall_ns;
};

/* What the trace and the options make of a machine. The segments are kept in SEGMENTS, of
 * SEGMENTS_MAX. */
int replay_configure(const struct trace_reader *trace, const struct replay_options *options,
                     struct segment *segments, struct stack_config *config, struct error *error);

/* Replays TRACE, from its first event, through a new stack of OPS. RESULT must be given to
 * replay_result_free in any case. -1 with the error set: the trace is bad, there is no memory for
 * the machine, or a check found a fault, which the text gives with its event. */
int replay_run(struct trace_reader *trace, const struct stack_ops *ops,
               const struct replay_options *options, struct replay_result *result,
               struct error *error);
void replay_result_free(struct replay_result *result);

/* Sums over all kinds. */
uint64_t replay_refused(const struct replay_result *result);
uint64_t replay_skipped(const struct replay_result *result);

#endif
