/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Limits: how much a design holds before it refuses, and why it does. See limits_search.c.
 */

#ifndef REPLAY_LIMITS_SEARCH_H
#define REPLAY_LIMITS_SEARCH_H

#include "replay/limits_start.h"

#define LIMITS_SPACE_RIGHTS 1000 /* rights of each space, when spaces are counted */
#define LIMITS_TEXT_MAX     512

/* What is counted. */
enum limits_kind {
    LIMITS_RIGHTS,  /* receive rights of one task: a port of the cache ipc_port and a name each */
    LIMITS_SPACES,  /* spaces of LIMITS_SPACE_RIGHTS such rights each */
    LIMITS_OBJECTS, /* objects of one size, by kalloc */
    LIMITS_KINDS
};

/* "rights", "spaces", "objects". */
const char *limits_kind_name(enum limits_kind kind);

/* A design on a machine. */
struct limits_case {
    const struct stack_ops *stack; /* one of this project's, not `null` */
    const struct geometry *geometry;
    const char *named;    /* the geometry's name as it was asked for; NULL: its own */
    uint64_t memory;      /* bytes */
    uint64_t object_size; /* bytes; not 0 */
    bool exact_bitmaps;   /* radix: see space.h */
};

struct limit {
    uint64_t count;
    enum {
        LIMITS_PORT,   /* a port was refused */
        LIMITS_NAME,   /* ... a name */
        LIMITS_SPACE,  /* ... a space */
        LIMITS_OBJECT, /* ... an object */
    } request;
    bool waits; /* the kernel would not refuse: its thread sleeps for pages that nobody frees */
    struct failure failure;
    bool daemon_spins;   /* ... and the page-out daemon looks for pages for ever */
    uint64_t pages_free; /* of those that kernel objects may live in, pools not included */
    uint64_t partial;    /* rights of the space that could not be finished */
};

/* The machine of GEOMETRY that STACK ran on: its kernel's own, when that has a name beside the one
 * of its address layout. February 2016 laid memory out as i386-2016, with larger descriptors. */
const struct geometry *limits_geometry(const struct stack_ops *stack,
                                       const struct geometry *geometry);

/* Whether the kernel starts. -1 with the error set when not. */
int limits_check(const struct limits_case *subject, struct error *error);

/* Counts until the design refuses. -1 with the error set: the machine cannot be, or is too small to
 * start; then the text says what the least is. */
int limits_find(const struct limits_case *subject, enum limits_kind kind, struct limit *limit,
                struct error *error);

/* Bytes of memory that a machine of GEOMETRY has but the kernel cannot use for its objects:
 * *LOST lies above the direct map without a descriptor or a use, *HIGHMEM is for user pages only.
 */
void limits_memory(const struct geometry *geometry, uint64_t memory, uint64_t *lost,
                   uint64_t *highmem);

/* The reason in one sentence with its numbers, in TEXT. Returns TEXT. */
const char *limits_reason(const struct limit *limit, char text[LIMITS_TEXT_MAX]);

#endif
