/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the importer knows while it reads: which address is which number. Private to the importer.
 */

#ifndef TRACES_IMPORT_STATE_H
#define TRACES_IMPORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* ---- A hash table of 64-bit keys (not 0) and 64-bit values ---- */

struct table_slot {
    uint64_t key; /* 0: empty */
    uint64_t value;
};

struct table {
    struct table_slot *slots;
    uint64_t mask; /* number of slots - 1 */
    uint64_t count;
};

/* All zero is an empty table. NULL when the key is not there. The pointer lives until the next put
 * or remove. */
uint64_t *table_find(const struct table *table, uint64_t key);
/* Sets or replaces; -1 without memory. */
int table_put(struct table *table, uint64_t key, uint64_t value);
bool table_remove(struct table *table, uint64_t key);
void table_free(struct table *table);

/* ---- Dense numbers, the last that became free is the next to be given ---- */

struct numbers {
    uint32_t *spare;
    uint32_t nr_spare, room;
    uint32_t next; /* lowest number that was never given */
};

/* UINT32_MAX without memory. */
uint32_t numbers_take(struct numbers *numbers);
/* Room for it was made when it was taken. */
void numbers_give(struct numbers *numbers, uint32_t number);
void numbers_free(struct numbers *numbers);

/* ---- Names ---- */

#define NAME_FREE UINT32_MAX /* the entry is on its space's free list */

/* One entry of a space: live, or kept with its name on the space's free list. */
struct name {
    uint64_t entry;       /* its address; 0: in a table */
    uint64_t reverse_key; /* valid when reverse_right is not NAME_FREE */
    uint32_t space, name;
    uint32_t right;          /* NAME_FREE: on the free list */
    uint32_t reverse_right;  /* right that was inserted in the reverse tree; NAME_FREE: none */
    uint32_t next, previous; /* of the same space; UINT32_MAX at the ends */
};

struct names {
    struct name *records;
    uint32_t room;
    struct numbers numbers; /* of records */
    struct table by_name;   /* space and name */
    struct table by_entry;  /* address of the entry */
    struct table by_key;    /* space and reverse key */
};

/* UINT32_MAX when there is none. */
uint32_t names_find(const struct names *names, uint32_t space, uint32_t name);
uint32_t names_find_entry(const struct names *names, uint64_t entry);
uint32_t names_find_key(const struct names *names, uint32_t space, uint64_t key);
/* A new record, first in the list *FIRST of its space; UINT32_MAX without memory. */
uint32_t names_add(struct names *names, uint32_t *first, uint32_t space, uint32_t name,
                   uint64_t entry);
void names_remove(struct names *names, uint32_t *first, uint32_t record);
int names_set_key(struct names *names, uint32_t record, uint64_t key);
void names_clear_key(struct names *names, uint32_t record);
void names_free(struct names *names);

#endif
