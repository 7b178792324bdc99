/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Best fit through a tree of gaps.
 *
 * GNU Mach 1.8 to today. Each entry owns the gap between its end and the next entry (or the end of
 * the map), and a red-black tree orders the gaps by size. A request first tries the gap directly
 * after the hint, which keeps what is allocated together together, then takes the smallest gap that
 * holds it: a step per level of the tree instead of one per entry, and no hole is overlooked.
 *
 * The tree has one node for each size, the first entry that got a gap of that size; the others
 * queue behind it in the order in which they came, and the last of the queue is taken. So of equal
 * gaps the youngest is used first.
 *
 * What it does worse than first fit: every allocation and every free costs a removal and an
 * insertion even where the hint alone would do. The request for an aligned range asks the tree for
 * the worst case, size + alignment - 1 bytes, so that it can be refused although an aligned gap of
 * just the size exists: a stack of one page, aligned to a page, wants a gap of two. And the space
 * before the first entry is nobody's gap: it is used only while the map is empty, so what becomes
 * free there stays unused unless everything else goes too.
 */

#include "allocators/map_private.h"

static struct map_entry *at(const struct map *map, uint32_t entry)
{
    return &map->entries[entry];
}

/* Entry that stands for the smallest gap of at least BYTES, 0: none. */
static uint32_t gap_nearest(struct map *map, uint64_t bytes)
{
    uint32_t entry = map->roots[MAP_BY_GAP], best = 0;

    while (entry != 0) {
        map->machine->work.nodes_visited++;
        if (at(map, entry)->gap >= bytes) {
            best = entry;
            if (at(map, entry)->gap == bytes)
                break;
            entry = at(map, entry)->nodes[MAP_BY_GAP].left;
        } else {
            entry = at(map, entry)->nodes[MAP_BY_GAP].right;
        }
    }
    return best;
}

/* In an empty map the only gap is the map, and the header owns it. */
static uint32_t find_in_empty(const struct map *map, uint64_t bytes, uint64_t align,
                              uint64_t *start)
{
    uint64_t candidate = map_align(map->min, align);

    if (candidate > map->max || bytes > map->max - candidate)
        return MAP_NO_ROOM;
    *start = candidate;
    return 0;
}

static uint32_t gap_tree_find(struct map *map, uint64_t bytes, uint64_t align, uint64_t *start)
{
    if (map->nr_entries == 0)
        return find_in_empty(map, bytes, align, start);
    if (map->hint != 0) {
        const struct map_entry *hint = at(map, map->hint);
        uint64_t candidate = map_align(hint->end, align);
        uint64_t limit = hint->end + hint->gap;

        map->machine->work.list_steps++;
        if (candidate <= limit && bytes <= limit - candidate) {
            *start = candidate;
            return map->hint;
        }
    }
    if (bytes > UINT64_MAX - (align - 1))
        return MAP_NO_ROOM;
    uint32_t entry = gap_nearest(map, bytes + (align - 1));

    if (entry == 0)
        return MAP_NO_ROOM;
    /* The ring's head is the entry of the tree, so the one before it is the last. */
    entry = at(map, entry)->gap_previous;
    *start = map_align(at(map, entry)->end, align);
    return entry;
}

static void gap_tree_remove(struct map *map, uint32_t entry)
{
    struct map_entry *self = at(map, entry);

    if (entry == 0 || self->gap == 0)
        return;
    if (self->gap_next != entry) {
        at(map, self->gap_next)->gap_previous = self->gap_previous;
        at(map, self->gap_previous)->gap_next = self->gap_next;
        if (self->in_tree) {
            map_tree_replace(map, MAP_BY_GAP, entry, self->gap_next);
            at(map, self->gap_next)->in_tree = true;
        }
    } else {
        map_tree_remove(map, MAP_BY_GAP, entry);
    }
    self->gap = 0;
    self->gap_next = self->gap_previous = 0;
    self->in_tree = false;
}

/* Puts ENTRY at the end of the queue of HEAD, which stands for the same size. */
static void gap_queue(struct map *map, uint32_t head, uint32_t entry)
{
    uint32_t last = at(map, head)->gap_previous;

    at(map, entry)->gap_previous = last;
    at(map, entry)->gap_next = head;
    at(map, last)->gap_next = entry;
    at(map, head)->gap_previous = entry;
}

static void gap_tree_insert(struct map *map, uint32_t entry)
{
    struct map_entry *self = at(map, entry);
    uint32_t up = 0, next = map->roots[MAP_BY_GAP];
    uint64_t gap;

    if (entry == 0)
        return;
    gap = map_gap(map, entry);
    self->gap = gap;
    if (gap == 0)
        return;
    while (next != 0) {
        map->machine->work.nodes_visited++;
        up = next;
        if (at(map, up)->gap == gap) {
            gap_queue(map, up, entry);
            return;
        }
        next = gap < at(map, up)->gap ? at(map, up)->nodes[MAP_BY_GAP].left
                                      : at(map, up)->nodes[MAP_BY_GAP].right;
    }
    self->in_tree = true;
    self->gap_next = self->gap_previous = entry;
    map_tree_insert(map, MAP_BY_GAP, entry, up, up != 0 && gap > at(map, up)->gap);
}

/* Counts the entries that queue behind HEAD, itself included; -1: the ring is broken. */
static int check_queue(const struct map *map, uint32_t head, uint32_t *queued, struct error *error)
{
    uint32_t entry = head;

    do {
        const struct map_entry *self = at(map, entry);

        if (self->gap != at(map, head)->gap || self->in_tree != (entry == head) ||
            self->gap_next > map->pool_used || at(map, self->gap_next)->gap_previous != entry)
            return error_set(error, "%s: entry %u does not belong into the queue of entry %u",
                             map->name, entry, head);
        if (++*queued > map->nr_entries)
            return error_set(error, "%s: the queue of entry %u does not end", map->name, head);
        entry = self->gap_next;
    } while (entry != head);
    return 0;
}

static int gap_tree_check(const struct map *map, struct error *error)
{
    uint32_t with_gap = 0, queued = 0;
    uint64_t before = 0;

    for (uint32_t entry = at(map, 0)->next; entry != 0; entry = at(map, entry)->next) {
        if (at(map, entry)->gap != map_gap(map, entry))
            return error_set(error, "%s: the gap after entry %u is %#lx bytes, the tree says %#lx",
                             map->name, entry, (unsigned long)map_gap(map, entry),
                             (unsigned long)at(map, entry)->gap);
        with_gap += at(map, entry)->gap != 0;
    }
    if (map_tree_check(map, MAP_BY_GAP, error) < 0)
        return -1;
    for (uint32_t entry = map_tree_first(map, MAP_BY_GAP); entry != 0;
         entry = map_tree_next(map, MAP_BY_GAP, entry)) {
        if (at(map, entry)->gap <= before)
            return error_set(error, "%s: gaps are not in order at entry %u", map->name, entry);
        before = at(map, entry)->gap;
        if (check_queue(map, entry, &queued, error) < 0)
            return -1;
    }
    if (queued != with_gap)
        return error_set(error, "%s: %u entries have a gap after them, %u are known", map->name,
                         with_gap, queued);
    return 0;
}

const struct map_ops map_gap_tree = {
    .name = "gap-tree",
    .summary = "best fit through a tree of gaps, the one after the hint first (1.8 to today)",
    .find = gap_tree_find,
    .gap_remove = gap_tree_remove,
    .gap_insert = gap_tree_insert,
    .check = gap_tree_check,
};
