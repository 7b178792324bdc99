/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a trace to recipes: what one operation of each phase made, and how long it lived.
 */

#ifndef WORKLOADS_FIT_H
#define WORKLOADS_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "traces/trace.h"
#include "workloads/recipe.h"

#define FIT_PHASES_MAX 64u

struct fit_phase {
    char mark[RECIPE_NAME_MAX]; /* that begins it; "untar#2": the second of that name */
    char name[RECIPE_NAME_MAX]; /* of the operation */
    uint64_t operations;        /* in the phase */
};

struct fit_options {
    const char *source; /* for the evidence */
    struct fit_phase phases[FIT_PHASES_MAX];
    unsigned nr_phases;
    char removes[FIT_PHASES_MAX][RECIPE_NAME_MAX]; /* marks of phases that remove items */
    unsigned nr_removes;
    uint64_t item_size; /* bytes of the items; 0: unknown */
    uint64_t slice;     /* not 0: all of the trace after its first mark, in slices of so many ns */
};

/* Reads the whole trace. RECIPES is to be freed. */
int fit(struct trace_reader *reader, const struct fit_options *options, struct recipes *recipes,
        struct error *error);

#endif
