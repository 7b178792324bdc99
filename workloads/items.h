/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The population that operations work on: files, or whatever an operation makes and another one
 * removes (the rights of a port storm).
 *
 * An item that was used lately stands in a list by use. What the kernel keeps of it, its bundle, is
 * its cached object: when more items are cached than may be, or when they hold more pages than
 * there are, those not used for longest lose it.
 */

#ifndef WORKLOADS_ITEMS_H
#define WORKLOADS_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "workloads/random.h"
#include "workloads/workload.h"
#include "workloads/world.h"

#define ITEM_NONE UINT32_MAX

struct item {
    struct bundle bundle;
    uint32_t place;        /* among those that are there; ITEM_NONE: it is not */
    uint32_t newer, older; /* by use; of those that are cached */
    uint32_t size_pages;
    bool cached;
};

struct items {
    const struct population *population;
    struct item *items;
    uint32_t nr; /* in all */
    uint32_t *there;
    uint32_t nr_there;
    uint32_t fresh; /* where to look for one that is not there */
    uint32_t newest, oldest;
    uint32_t nr_cached;
};

int items_init(struct items *items, const struct population *population, struct error *error);
void items_free(struct items *items);

/* The item that STEP works on; CURSOR is the step's own place in the population, SAME the item of
 * the step before. ITEM_NONE when there is none. */
uint32_t items_pick(struct items *items, const struct step *step, uint64_t *cursor, uint32_t same,
                    struct random *random);
void items_make(struct items *items, uint32_t number, struct random *random);
void items_remove(struct items *items, uint32_t number);

/* NUMBER is used: it is cached, and the newest. True when it was cached already. */
bool items_use(struct items *items, uint32_t number);
/* Takes NUMBER out of the cache's list. */
void items_uncache(struct items *items, uint32_t number);

#endif
