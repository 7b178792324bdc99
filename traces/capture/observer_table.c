/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables from addresses of the guest to what is remembered of them: open addressing, nothing is
 * ever taken out. Spaces and tasks come from slabs, so there are as many addresses as were alive at
 * once, however many come and go.
 */

#include <stdlib.h>

#include "traces/capture/observer_private.h"

static size_t slot_hash(uint64_t key)
{
    return (size_t)((key >> 3) * 0x9e3779b97f4a7c15u >> 32);
}

static struct slot *slot_probe(const struct table *table, uint64_t key)
{
    size_t at = slot_hash(key) & (table->room - 1);

    while (table->slots[at].key != 0 && table->slots[at].key != key)
        at = (at + 1) & (table->room - 1);
    return &table->slots[at];
}

struct slot *slot_find(const struct table *table, uint64_t key)
{
    struct slot *slot;

    if (table->room == 0 || key == 0)
        return NULL;
    slot = slot_probe(table, key);
    return slot->key == key ? slot : NULL;
}

static bool table_grow(struct table *table)
{
    struct table grown = {.nr = table->nr, .room = table->room == 0 ? 64 : 2 * table->room};

    grown.slots = calloc(grown.room, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < table->room; i++)
        if (table->slots[i].key != 0)
            *slot_probe(&grown, table->slots[i].key) = table->slots[i];
    free(table->slots);
    *table = grown;
    return true;
}

struct slot *slot_make(struct table *table, uint64_t key)
{
    struct slot *slot;

    if (2 * (table->nr + 1) > table->room && !table_grow(table))
        return NULL;
    slot = slot_probe(table, key);
    if (slot->key == 0) {
        slot->key = key;
        table->nr++;
    }
    return slot;
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->room; i++)
        free(table->slots[i].name);
    free(table->slots);
    *table = (struct table){0};
}
