/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Addresses to numbers.
 *
 * The tables are open addressing with linear probing: key and value side by side in one array, so
 * that a look-up of a kernel address costs one cache line when the table is large, and a deletion
 * that moves the followers up instead of leaving a tombstone, because a log of a running system
 * frees nearly all that it allocates. A chained table with a node per element (uthash, which the
 * rest of the tool uses where speed does not matter) costs a malloc and a free per event here.
 *
 * Numbers are reused last in, first out, so that the highest number stays as low as the log allows
 * and the arrays of a replay stay warm.
 */

#include "traces/import_state.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

static uint64_t table_hash(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return key ^ key >> 32;
}

static struct table_slot *table_slot(const struct table *table, uint64_t key)
{
    uint64_t at = table_hash(key) & table->mask;

    while (table->slots[at].key != 0 && table->slots[at].key != key)
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

uint64_t *table_find(const struct table *table, uint64_t key)
{
    struct table_slot *slot;

    if (table->count == 0)
        return NULL;
    slot = table_slot(table, key);
    return slot->key == key ? &slot->value : NULL;
}

/* Twice as many slots, or half as many: memory follows what is alive. */
static int table_resize(struct table *table, uint64_t nr)
{
    struct table old = *table;
    struct table_slot *slots = calloc(nr, sizeof(*slots));

    if (slots == NULL)
        return -1;
    table->slots = slots;
    table->mask = nr - 1;
    for (uint64_t i = 0; old.slots != NULL && i <= old.mask; i++) {
        if (old.slots[i].key != 0)
            *table_slot(table, old.slots[i].key) = old.slots[i];
    }
    free(old.slots);
    return 0;
}

int table_put(struct table *table, uint64_t key, uint64_t value)
{
    struct table_slot *slot;

    if (table->slots == NULL && table_resize(table, 256) != 0)
        return -1;
    slot = table_slot(table, key);
    if (slot->key == 0) {
        if (table->count * 2 > table->mask) {
            if (table_resize(table, (table->mask + 1) * 2) != 0)
                return -1;
            slot = table_slot(table, key);
        }
        table->count++;
        slot->key = key;
    }
    slot->value = value;
    return 0;
}

bool table_remove(struct table *table, uint64_t key)
{
    struct table_slot *slots = table->slots;
    uint64_t hole, at;

    if (table->count == 0)
        return false;
    hole = (uint64_t)(table_slot(table, key) - slots);
    if (slots[hole].key != key)
        return false;
    table->count--;
    for (at = (hole + 1) & table->mask; slots[at].key != 0; at = (at + 1) & table->mask) {
        uint64_t home = table_hash(slots[at].key) & table->mask;

        /* It may move up only if the hole is not before its home. */
        if (((at - home) & table->mask) >= ((at - hole) & table->mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].key = 0;
    if (table->mask > 4095 && table->count * 16 < table->mask)
        (void)table_resize(table, (table->mask + 1) / 4); /* keeps its size without memory */
    return true;
}

void table_free(struct table *table)
{
    free(table->slots);
    memset(table, 0, sizeof(*table));
}

uint32_t numbers_take(struct numbers *numbers)
{
    if (numbers->nr_spare != 0)
        return numbers->spare[--numbers->nr_spare];
    if (numbers->next == numbers->room) {
        uint32_t room = numbers->room != 0 ? 2 * numbers->room : 256;
        uint32_t *spare = realloc(numbers->spare, room * sizeof(*spare));

        if (spare == NULL)
            return NONE;
        numbers->spare = spare;
        numbers->room = room;
    }
    return numbers->next++;
}

void numbers_give(struct numbers *numbers, uint32_t number)
{
    numbers->spare[numbers->nr_spare++] = number;
}

void numbers_free(struct numbers *numbers)
{
    free(numbers->spare);
    memset(numbers, 0, sizeof(*numbers));
}

/* Spaces are numbered from 0, and 0 is no key. */
static uint64_t name_key(uint32_t space, uint32_t name)
{
    return ((uint64_t)space + 1) << 32 | name;
}

/* A reverse key is an offset into the kernel's addresses in units of 8 bytes: below 2^44. */
static uint64_t reverse_key(uint32_t space, uint64_t key)
{
    return ((uint64_t)space + 1) << 44 ^ key;
}

static uint32_t names_look(const struct table *table, uint64_t key)
{
    const uint64_t *value = table_find(table, key);

    return value != NULL ? (uint32_t)*value : NONE;
}

uint32_t names_find(const struct names *names, uint32_t space, uint32_t name)
{
    return names_look(&names->by_name, name_key(space, name));
}

uint32_t names_find_entry(const struct names *names, uint64_t entry)
{
    return names_look(&names->by_entry, entry);
}

uint32_t names_find_key(const struct names *names, uint32_t space, uint64_t key)
{
    return names_look(&names->by_key, reverse_key(space, key));
}

static int names_room(struct names *names, uint32_t record)
{
    uint32_t room = names->room != 0 ? 2 * names->room : 256;
    struct name *grown;

    if (record < names->room)
        return 0;
    grown = realloc(names->records, room * sizeof(*grown));
    if (grown == NULL)
        return -1;
    names->records = grown;
    names->room = room;
    return 0;
}

uint32_t names_add(struct names *names, uint32_t *first, uint32_t space, uint32_t name,
                   uint64_t entry)
{
    uint32_t record = numbers_take(&names->numbers);
    struct name *at;

    if (record == NONE || names_room(names, record) != 0 ||
        table_put(&names->by_name, name_key(space, name), record) != 0 ||
        (entry != 0 && table_put(&names->by_entry, entry, record) != 0))
        return NONE;
    at = &names->records[record];
    *at = (struct name){
        .entry = entry,
        .space = space,
        .name = name,
        .right = NAME_FREE,
        .reverse_right = NAME_FREE,
        .next = *first,
        .previous = NONE,
    };
    if (*first != NONE)
        names->records[*first].previous = record;
    *first = record;
    return record;
}

void names_remove(struct names *names, uint32_t *first, uint32_t record)
{
    struct name *at = &names->records[record];

    names_clear_key(names, record);
    table_remove(&names->by_name, name_key(at->space, at->name));
    /* The entry may serve for another name already. */
    if (at->entry != 0 && names_find_entry(names, at->entry) == record)
        table_remove(&names->by_entry, at->entry);
    if (at->previous != NONE)
        names->records[at->previous].next = at->next;
    else
        *first = at->next;
    if (at->next != NONE)
        names->records[at->next].previous = at->previous;
    numbers_give(&names->numbers, record);
}

int names_set_key(struct names *names, uint32_t record, uint64_t key)
{
    struct name *at = &names->records[record];

    at->reverse_key = key;
    at->reverse_right = at->right;
    return table_put(&names->by_key, reverse_key(at->space, key), record);
}

void names_clear_key(struct names *names, uint32_t record)
{
    struct name *at = &names->records[record];

    if (at->reverse_right == NAME_FREE)
        return;
    table_remove(&names->by_key, reverse_key(at->space, at->reverse_key));
    at->reverse_right = NAME_FREE;
}

void names_free(struct names *names)
{
    free(names->records);
    numbers_free(&names->numbers);
    table_free(&names->by_name);
    table_free(&names->by_entry);
    table_free(&names->by_key);
    memset(names, 0, sizeof(*names));
}
