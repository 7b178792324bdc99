/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Churn: workloads that no capture holds, made from a seed and given to a stack directly.
 *
 * A capture is a few seconds of one machine. What comes of a file cache that has been replaced many
 * times over, or of a space whose rights come and go for a week, is beyond it. The drivers here ask
 * a stack for just that, through the same functions as a replay, and for nothing else. The same
 * seed gives the same requests to every stack, as far as the stack grants them.
 */

#ifndef REPLAY_CHURN_H
#define REPLAY_CHURN_H

#include <stdbool.h>
#include <stdint.h>

#include "allocators/stack.h"
#include "common/error.h"

/* ---- Random numbers: splitmix64, from its author's description ---- */

struct churn_random {
    uint64_t state; /* the seed, at first; any number */
};

uint64_t churn_next(struct churn_random *random);
/* 0 to N - 1; N is at least 1 and less than 2^32. */
uint32_t churn_below(struct churn_random *random, uint32_t n);

/* What a driver runs on. */
struct churn_machine {
    const struct stack_ops *ops;
    const struct geometry *geometry;
    uint64_t memory;               /* bytes */
    const struct pages_ops *pages; /* NULL: of the design's time */
    const struct map_ops *map;     /* NULL: of the design's time */
    bool exact_bitmaps;            /* radix: see space.h */
    bool check;                    /* walk every structure at the end */
    uint64_t seed;
};

/* ---- A file cache, and kernel objects larger than a page beside it ---- */

enum churn_victim {
    CHURN_OLDEST, /* the page that was read first */
    CHURN_FILE,   /* the pages of one file, any file */
    CHURN_RANDOM, /* any page */
};

struct churn_cache_options {
    enum churn_victim victim;
    uint32_t file_pages; /* pages of a file, read one after the other */
    uint32_t low, high;  /* free pages: eviction begins at LOW and ends at HIGH */
    uint32_t replaced;   /* pages read after the cache is full, before the first burst */
    uint32_t bursts;
    uint32_t objects; /* kernel objects alive at the height of a burst ... */
    uint32_t bytes;   /* ... of this size, by kalloc */
    uint32_t reads;   /* pages read with each object */
};

#define CHURN_CAUSES (FAILURE_PANIC + 1)

struct churn_cache_result {
    uint64_t free_before;           /* pages free when the first burst began, pools left out */
    uint64_t blocks_before[ORDERS]; /* ... as blocks, over all segments */
    uint64_t asked;                 /* kernel objects, over all bursts */
    uint64_t refused[CHURN_CAUSES];
    uint64_t sleeps;        /* requests that waited for the daemon, the same one each time */
    uint64_t pages_refused; /* reads that found no page for another reason */
    uint64_t most;          /* objects that were alive at once, at most */
    uint64_t first;         /* the object that was refused first, from 1; 0: none was */
    struct failure failure; /* ... and why */
};

/* Reads pages until LOW are free, replaces pages, then runs the bursts: objects are taken one by
 * one, with reads in between, and given back in random order; after each the kernel reaps. -1 with
 * the error set: no memory for the machine or the driver, or a check found a fault. */
int churn_cache(const struct churn_machine *machine, const struct churn_cache_options *options,
                struct churn_cache_result *result, struct error *error);

/* ---- Rights of one space ---- */

enum churn_death { CHURN_DIE_OLDEST, CHURN_DIE_NEWEST, CHURN_DIE_RANDOM, CHURN_DIE_MIXED };

#define CHURN_HOURS_MAX 672 /* four weeks */

struct churn_week_options {
    unsigned hours;         /* 168: a week; at most CHURN_HOURS_MAX */
    uint32_t live[24];      /* rights alive at the end of each hour of a day */
    uint32_t replaced;      /* rights that die and are made anew in each hour */
    enum churn_death death; /* mixed: half of them at random, a quarter each the oldest, newest */
    uint32_t lookups;       /* of random live rights, at the end of each hour */
};

struct churn_hour {
    uint32_t live, highest; /* rights, and the highest name among them */
    uint32_t nodes, height; /* of the tree of names */
    uint32_t lookup_nodes;  /* that the lookups of this hour visited */
};

struct churn_week_result {
    struct churn_hour hours[CHURN_HOURS_MAX]; /* state at the end of each */
    uint64_t made, died, refused;
    uint64_t looked_up, lookup_nodes; /* nodes that the lookups visited */
    uint64_t made_nodes;              /* nodes that were visited to make and free rights */
    uint32_t highest;                 /* name that was ever given */
    uint32_t most_nodes, most_height; /* at the end of any hour */
    uint64_t wrong;                   /* lookups that missed their right: 0, or the stack is bad */
};

int churn_week(const struct churn_machine *machine, const struct churn_week_options *options,
               struct churn_week_result *result, struct error *error);

struct churn_refill_result {
    uint64_t filled;        /* rights until one was refused */
    uint64_t freed;         /* half of them, at random */
    uint64_t refilled;      /* rights that could be made again, at most as many as were freed */
    uint32_t height[3];     /* of the tree of names: filled, halved, refilled */
    uint32_t nodes[3];      /* likewise */
    uint32_t highest[3];    /* name */
    struct failure failure; /* why the refill ended; FAILURE_NONE: it did not */
};

/* Fills a space with receive rights, without ports, until one is refused; frees half of them at
 * random; makes rights again. LIMIT: at most so many are made at first, 0: until one is refused. */
int churn_refill(const struct churn_machine *machine, uint32_t limit,
                 struct churn_refill_result *result, struct error *error);

#endif
