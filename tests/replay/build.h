/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Small traces and a scripted stack for the tests of the engine.
 */

#ifndef TESTS_REPLAY_BUILD_H
#define TESTS_REPLAY_BUILD_H

#include "allocators/stack.h"
#include "traces/trace.h"

/* ---- Traces ---- */

struct build {
    char path[64];
    struct trace_writer *writer;
    uint64_t time;
};

/* Opens a trace of a 64 MiB i386 machine whose kernel was of STACK. */
void build_begin(struct build *build, const char *stack);
/* The next event, a tick (10 ms) after the one before. */
void build_event(struct build *build, struct event event);
void build_cache(struct build *build, uint32_t cache, const char *name, uint32_t size);
void build_mark(struct build *build, const char *text);
void build_truth(struct build *build, const struct truth *truth);
/* Finishes the trace and opens it. */
struct trace_reader *build_end(struct build *build);
/* Closes the reader and removes the file. */
void build_remove(struct build *build, struct trace_reader *trace);

/* ---- A stack that does as it is told and writes down what it is asked ---- */

struct fake {
    struct stack stack;
    char log[8192];
    size_t used;
    uint64_t next; /* address of the next object */
    uint32_t next_name;
    unsigned refuse_at;     /* the n-th request from now is refused; 0: none */
    uint32_t lookup_answer; /* RIGHT_NONE: the right answer */
    uint32_t rights[64];    /* by name */
    uint64_t misalign;      /* added to addresses */
    void *memory;           /* content of addresses from FAKE_BASE on; NULL: none */
    int check_after;        /* the n-th check finds a fault; 0: none */
    struct snapshot snapshot;
    struct occupancy_picture pictures[OCCUPANCIES];
    unsigned deep_snapshots; /* taken so far */
    struct space_snapshot space;
};

#define FAKE_BASE  0xc1000000u
#define FAKE_BYTES 65536

extern struct fake fake; /* the one that fake_stack opens; set the script before the replay */
extern const struct stack_ops fake_stack;

void fake_reset(void);

#endif
