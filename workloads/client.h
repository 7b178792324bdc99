/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Clients: streams of operations, each with random numbers of its own.
 *
 * An operation is laid out once, in advance, as a list of places: what may happen in it, in order
 * of time. A client walks through the list; how many of a line's things each operation makes comes
 * from a remainder that is carried from one operation to the next, so that the mean is met exactly
 * and not only on average.
 */

#ifndef WORKLOADS_CLIENT_H
#define WORKLOADS_CLIENT_H

#include "workloads/items.h"
#include "workloads/world.h"

#define PLACE_BITS 20 /* places are in 2^-20 of an operation */

struct place {
    uint32_t at;
    uint32_t line;
    uint32_t turn; /* the how-manieth of its line, from 0 */
};

struct plan { /* of an operation */
    const struct recipe_operation *operation;
    uint16_t number; /* of the operation among the recipes */
    struct maker *makers;
    uint32_t *turns; /* of each line: places that it has */
    unsigned nr_places;
    struct place *places;
    unsigned first_line; /* its lines' place among all lines */
};

struct plans {
    unsigned nr, nr_lines;
    struct plan *plans; /* by operation of the recipes; those not used have no places */
};

int plans_make(struct plans *plans, const struct workload *workload, struct world *world,
               struct error *error);
void plans_free(struct plans *plans);

struct client {
    struct random random;
    uint64_t time;         /* of what it does next */
    uint64_t start, ticks; /* of the operation */
    const struct workload_phase *phase;
    const struct plan *plan; /* NULL: between operations */
    const struct step *step;
    unsigned place, nr_step;
    uint32_t fires;      /* how often the place still does; 0: the operation is at its end */
    uint64_t left;       /* times that the step is still to be done */
    struct items *items; /* the population of `item` */
    uint32_t item, number;
    uint64_t cursors[WORKLOAD_STEPS_MAX];
    uint64_t *carried;        /* by line, in millionths */
    uint32_t turn, tail_turn; /* for draws that are spread evenly */
    uint32_t *counts;         /* of this operation, by line of its plan */
    bool load;                /* what it makes only brings the item back */
    bool done;
};

/* What clients share. */
struct shop {
    const struct workload *workload;
    struct world *world;
    struct plans plans;
    struct items *items;       /* by population */
    uint64_t flows, flows_max; /* begun in this phase; 0: no limit */
    uint64_t end;              /* no flow begins later; 0: no limit */
    uint64_t ticks_per_second;
};

int client_init(struct client *client, const struct shop *shop, uint32_t number, uint64_t phase,
                const struct workload_phase *of, struct error *error);
void client_free(struct client *client);

/* Does what the client does until HORIZON, which is not before its time. */
int client_run(struct client *client, struct shop *shop, uint64_t horizon, struct error *error);

#endif
