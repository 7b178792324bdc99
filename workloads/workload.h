/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The model: who does what to which files, as read from a workload's YAML and checked. The
 * generator reads nothing else. docs/workload.md specifies the file.
 */

#ifndef WORKLOADS_WORKLOAD_H
#define WORKLOADS_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "allocators/machine.h"
#include "common/error.h"
#include "workloads/distribution.h"
#include "workloads/recipe.h"

#define WORKLOAD_ITEMS_MAX       100000000ull
#define WORKLOAD_CLIENTS_MAX     1000000u
#define WORKLOAD_STEPS_MAX       64u
#define WORKLOAD_POPULATIONS_MAX 64u
#define WORKLOAD_COUNT_MAX       (1ull << 40)
#define WORKLOAD_SCALE_MAX       1000000000000ll /* 1 million, in millionths */

enum step_item {
    STEP_NONE,    /* on no item */
    STEP_NEW,     /* makes the next one that is not there */
    STEP_NEXT,    /* one after the other, round and round */
    STEP_RANDOM,  /* each as likely */
    STEP_POPULAR, /* by the population's popularity */
    STEP_SAME     /* the one of the step before */
};

struct population {
    char name[RECIPE_NAME_MAX];
    uint64_t items;                      /* how many there may be at once */
    struct distribution *size;           /* bytes; NULL: as seen */
    struct distribution *popularity;     /* ranks */
    uint64_t cached;                     /* items whose object is kept at most; 0: all */
    uint64_t pages;                      /* pages that are held at most before items lose theirs */
    const struct recipe_operation *load; /* what brings an item back into the cache */
};

struct step {
    const struct recipe_operation *operation;
    unsigned population;
    enum step_item on;
    uint64_t but_every; /* passes over each such item, counted from 0; 0: over none */
    uint64_t times;     /* so often, on the same item */
    uint64_t weight;    /* in a mix */
    bool bare;          /* without what was seen once in its phase */
    bool renew;         /* what the item had ends, and it has what this makes */
    bool remove;        /* the item is gone afterwards */
};

struct workload_phase {
    char mark[RECIPE_NAME_MAX]; /* "": none */
    uint32_t clients;
    uint64_t count;    /* how often all clients together go through the flow; 0: by duration */
    uint64_t duration; /* ns; no flow starts later; 0: by count */
    bool mix;          /* one of the steps by weight instead of all in turn */
    unsigned nr_steps;
    struct step *steps;
    struct distribution *think; /* ns between flows; NULL: none */
};

struct workload {
    char name[RECIPE_NAME_MAX];
    char *start;       /* path of the trace that is continued; NULL: none */
    char *start_place; /* FILE:LINE:COLUMN where it is named */
    char until[RECIPE_NAME_MAX];
    const struct geometry *geometry; /* NULL: that of the start */
    uint64_t memory;                 /* 0: that of the start */
    struct recipes recipes;
    unsigned nr_populations;
    struct population *populations;
    unsigned nr_phases;
    struct workload_phase *phases;
    uint64_t seed;
    uint64_t digest; /* of the file, what was set, and its recipes */
    uint64_t scale;  /* millionths */
};

struct workload_options {
    const char *const *sets; /* KEY.KEY=VALUE */
    unsigned nr_sets;
    const uint64_t *seed; /* NULL: the file's own, or 1 */
    uint64_t scale;       /* millionths; 0: 1 */
    uint64_t duration;    /* ns, in place of that of phases that have one; 0: their own */
};

int workload_read(struct workload *workload, const char *path,
                  const struct workload_options *options, struct error *error);
void workload_free(struct workload *workload);

#endif
