/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Recipes: what one operation costs in kernel events, as data.
 *
 * An operation (one file unpacked, one file removed, one round of a build) is a set of lines. A
 * line is a class of things that the operation makes: objects of one cache, kalloc of some size,
 * pages, rights in a space, processes, or events that make nothing, such as lookups. It says how
 * many, where in the operation, and how long each lives. docs/workload.md specifies the file.
 */

#ifndef WORKLOADS_RECIPE_H
#define WORKLOADS_RECIPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "traces/trace.h"
#include "workloads/quantiles.h"

#define RECIPE_NAME_MAX    64
#define RECIPE_LINES_MAX   4096u /* of an operation */
#define RECIPE_COUNT_ONE   1000000u
#define RECIPE_COUNT_MAX   (1000000ull * RECIPE_COUNT_ONE) /* things of a line in an operation */
#define RECIPE_PLACE_ONE   1000000u                        /* the end of the operation */
#define RECIPE_GAPS_TAIL   32u
#define RECIPE_PROCESS     "process"  /* the role of spaces that a workload makes itself */
#define RECIPE_REVERSE_FOR "ipc_port" /* the cache of what reverse keys name */

enum recipe_kind {
    RECIPE_CACHE,  /* objects of the cache `name` */
    RECIPE_KALLOC, /* of `size` bytes */
    RECIPE_PAGE,   /* runs of `size` pages of segment `where` */
    RECIPE_MAP,    /* ranges of `size` bytes in map `where`, of kind `flags` */
    RECIPE_RIGHT,  /* rights in the space of role `name` */
    RECIPE_SPACE,  /* processes: a space each */
    RECIPE_LOOKUP, /* lookups of names in the space of role `name` */
    RECIPE_RENAME, /* a task event */
    RECIPE_REAP,   /* slab reclaim */
    RECIPE_KINDS
};

enum recipe_life {
    RECIPE_LIFE_NONE,  /* of lookups and other events that make nothing */
    RECIPE_LIFE_TIME,  /* ticks, drawn from `ticks` */
    RECIPE_LIFE_ITEM,  /* until the item (file) is removed or leaves the cache */
    RECIPE_LIFE_UNTIL, /* until the operation `until` works on the item, or it is removed */
    RECIPE_LIFE_EXIT,  /* until the process ends */
    RECIPE_LIFE_PHASE, /* until the phase ends */
    RECIPE_LIFE_KEEP,  /* to the end */
    RECIPE_LIVES
};

struct recipe_line {
    enum recipe_kind kind;
    char name[RECIPE_NAME_MAX];
    char task[RECIPE_NAME_MAX]; /* on whose behalf: the role of a space; "": nobody */
    uint32_t where, flags;
    bool reverse;           /* rights that have a reverse key */
    bool per_phase;         /* once for a phase, whatever the number of its operations */
    bool by_item_size;      /* pages: as many more as the item is larger than `item_size` */
    uint32_t names;         /* processes: names that a new space gets at once, from 2 on */
    uint32_t names_reverse; /* which part of them has a reverse key, in millionths ... */
    uint32_t names_ended;   /* ... and which is freed before the exit, after `names_life` ticks */
    struct quantiles names_life;
    uint64_t sparse; /* rights: the caller chooses names this far apart; 0: the kernel */
    uint32_t alone;  /* which part, the shortest lived, ends before anything else happens, in
                        millionths */
    uint32_t old;    /* lookups of rights older than the operation, in millionths */
    uint64_t count;  /* per operation (or phase), in millionths */
    uint64_t seen;   /* evidence: how many there were */
    uint64_t spread; /* evidence: standard deviation of the count, in millionths */
    struct quantiles counts; /* drawn for each operation instead of `count`, when there is one */
    struct quantiles size;
    struct quantiles at; /* place in the operation, in millionths; none: anywhere */
    enum recipe_life life;
    struct quantiles ticks;
    char until[RECIPE_NAME_MAX];
};

struct recipe_operation {
    char name[RECIPE_NAME_MAX];
    struct quantiles ticks; /* how long it takes */
    /* From one of its things to the next, and of these the longest 32nd once more; none: things
     * stand where `at` says, in time. */
    struct quantiles gaps, gaps_tail;
    uint64_t item_size;                       /* bytes of the item it was seen with; 0: unknown */
    uint64_t operations;                      /* evidence: how many were seen */
    char phase[RECIPE_NAME_MAX], anchor[128]; /* evidence: where, and what told them apart */
    unsigned nr_lines;
    struct recipe_line *lines;
};

struct recipes {
    char source[256]; /* evidence: the trace */
    uint64_t ticks_per_second;
    unsigned nr_caches;
    struct cache_definition *caches; /* those that lines name */
    unsigned nr_operations;
    struct recipe_operation *operations;
};

/* Reads and checks PATH, and adds it to RECIPES, which are empty (zeroed) or have been read before.
 * -1 with the error set; RECIPES is to be freed in any case. DIGEST gets the XXH3 of its bytes. */
int recipes_read(struct recipes *recipes, const char *path, uint64_t *digest, struct error *error);
void recipes_write(const struct recipes *recipes, FILE *stream);
void recipes_free(struct recipes *recipes);
/* NULL when there is none. */
const struct recipe_operation *recipes_find(const struct recipes *recipes, const char *name);

/* The role of a task called TEXT: "/bin/sh" of "/bin/sh(36)", which has the number of its process,
 * and of "(/bin/sh(36)", before it has its own name. */
void recipe_task_name(const char *text, size_t size, char name[RECIPE_NAME_MAX]);

#endif
