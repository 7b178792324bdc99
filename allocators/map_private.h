/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What map.c shares with its policies, its checker and kmem.c.
 */

#ifndef ALLOCATORS_MAP_PRIVATE_H
#define ALLOCATORS_MAP_PRIVATE_H

#include "allocators/map.h"

/* map_tree.c: red-black trees of entries, one per enum map_tree. The caller finds the place. */

/* Hangs ENTRY below UP (0: it is the root), to the right of it when RIGHT. */
void map_tree_insert(struct map *map, enum map_tree tree, uint32_t entry, uint32_t up, bool right);
void map_tree_remove(struct map *map, enum map_tree tree, uint32_t entry);
/* Puts ENTRY, which is not in the tree, in the place of OLD. */
void map_tree_replace(struct map *map, enum map_tree tree, uint32_t old, uint32_t entry);
/* First in order, next in order; 0 at the end. */
uint32_t map_tree_first(const struct map *map, enum map_tree tree);
uint32_t map_tree_next(const struct map *map, enum map_tree tree, uint32_t entry);
/* Links and colours; -1 with the error set. Not the order, which is the caller's. */
int map_tree_check(const struct map *map, enum map_tree tree, struct error *error);

/* map.c */

/* Last entry that starts at or below ADDRESS, 0: none. */
uint32_t map_lookup(const struct map *map, uint64_t address);

enum map_result { MAP_TAKEN, MAP_FULL, MAP_REFUSED };

/* Outcome of a request for a range, enough to take it back. */
struct map_range {
    uint64_t start;
    uint32_t entry;
    bool extended;    /* ENTRY was there before and grew */
    uint32_t hint;    /* before the request */
    uint64_t changes; /* of the map, after it */
};

/* For MEMORY_OBJECT: MAP_NO_OBJECT, and of addresses that never have pages; see hint_follows. */
#define MAP_PAGEABLE UINT32_MAX

/* map_take for any MEMORY_OBJECT; DERIVED: the entry takes an object from the source. MAP_FULL:
 * there is no room; MAP_REFUSED: no entry. Either way the failure is set and nothing changed. */
enum map_result map_take_for(struct map *map, uint64_t bytes, uint64_t align,
                             uint32_t memory_object, bool derived, struct map_range *range);
/* Takes back a range that has no pages behind it any more. */
void map_untake(struct map *map, const struct map_range *range, uint64_t bytes);

/* What a clip at both ends of a range left. */
struct map_clip {
    uint32_t first;     /* first entry at or above the start, 0: none */
    uint32_t new_front; /* entries made: part before the range, part after it; 0: none */
    uint32_t new_tail;
};

/* Clips the entries at the ends of [start, end) and moves the hint as a free does. False when an
 * entry object was refused; nothing changed then. */
bool map_clip(struct map *map, uint64_t start, uint64_t end, struct map_clip *clip);
/* Takes ENTRY out of the map and gives its object back; returns the next entry. */
uint32_t map_entry_remove(struct map *map, uint32_t entry);

/* Bytes between the end of ENTRY (0: the start of the map) and the next entry or the map's end. */
static inline uint64_t map_gap(const struct map *map, uint32_t entry)
{
    uint64_t start = entry != 0 ? map->entries[entry].end : map->min;
    uint32_t next = map->entries[entry].next;

    return (next != 0 ? map->entries[next].start : map->max) - start;
}

/* ADDRESS rounded up to ALIGN, a power of two; the largest multiple when it would overflow. */
static inline uint64_t map_align(uint64_t address, uint64_t align)
{
    uint64_t aligned = (address + align - 1) & ~(align - 1);

    return aligned >= address ? aligned : ~(align - 1);
}

#endif
