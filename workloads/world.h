/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is alive in the kernel that a workload makes up, and the trace that it leaves.
 *
 * A thing is an object, a right or a space. It is made by a line of a recipe and ends by time, with
 * the bundle that it belongs to (an item, the phase), or never. Numbers are reused after death,
 * last first, so that memory grows with what is alive.
 */

#ifndef WORKLOADS_WORLD_H
#define WORKLOADS_WORLD_H

#include "common/error.h"
#include "traces/trace.h"
#include "workloads/random.h"
#include "workloads/recipe.h"
#include "workloads/wheel.h"
#include "workloads/workload.h"

#define THING_NONE UINT32_MAX

/* A list of things that end together. */
struct bundle {
    uint32_t first; /* THING_NONE: empty */
    uint32_t pages; /* of its pages */
};

/* A line with its names resolved. */
struct maker {
    const struct recipe_line *line;
    uint32_t cache;
    uint32_t role, task_role; /* ROLE_PROCESS, ROLE_NOBODY or an index */
    uint16_t until;           /* which operation ends it */
    bool names_port;          /* what it makes can be named by reverse keys */
};

#define ROLE_PROCESS (UINT32_MAX - 1)
#define ROLE_NOBODY  UINT32_MAX

struct world;

/* The world before the first event, with recipes of so many OPERATIONS. Writes to WRITER, which
 * stays the caller's. */
struct world *world_create(struct trace_writer *writer, unsigned operations, struct error *error);
void world_destroy(struct world *world);

/* Continues the trace that READER reads: all its events up to the mark UNTIL ("": all) are taken
 * over, and what is alive after them. */
int world_start(struct world *world, struct trace_reader *reader, const char *until,
                struct error *error);

/* Finds or makes what LINE names. */
int world_resolve(struct world *world, const struct recipes *recipes,
                  const struct recipe_line *line, struct maker *maker, struct error *error);

uint64_t world_now(const struct world *world);
uint64_t world_events(const struct world *world);
uint64_t world_pages(const struct world *world); /* pages that are alive and were made here */
int world_mark(struct world *world, const char *text);

/* Goes to TIME: ends what is due until then. */
int world_advance(struct world *world, uint64_t time);

/* Makes one of MAKER's things, or its event. BUNDLE is of the item; NULL: none. NUMBER is of the
 * item, for names that a caller chooses. */
int world_make(struct world *world, const struct maker *maker, struct random *random,
               struct bundle *bundle, uint64_t number);

/* Ends all of BUNDLE, each at a time of its own in the next TICKS. */
int world_end(struct world *world, struct bundle *bundle, uint64_t ticks, struct random *random);
/* Ends a share of what waits for OPERATION, of which LEFT more are expected, this one included. */
int world_end_queue(struct world *world, unsigned operation, uint64_t left, uint64_t ticks,
                    struct random *random);
/* A phase begins that will take about TICKS. */
void world_phase_begin(struct world *world, uint64_t ticks);
/* Ends now what lives until the end of the phase. */
int world_phase_end(struct world *world);

/* The error of the first call that failed. */
const struct error *world_error(const struct world *world);

#endif
