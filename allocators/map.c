/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel virtual map: which addresses are taken.
 *
 * A map is a list of entries in the order of their addresses, each a range [start, end); what lies
 * between them is free. The kernel's own maps differ from those of tasks in two ways that shape
 * their fragmentation. Ranges of the kernel object that follow each other become one entry: the
 * later one extends the earlier one in place, so a submap full of slabs has a handful of entries.
 * But only then and only upwards: a range that fills a hole exactly joins what is before it, never
 * what is behind it, and what was freed never joins again. And a free in the middle of an entry
 * clips it, which takes an entry object to give memory back.
 *
 * Where to look for room is a policy of its own, in map_first_fit.c and map_gap_tree.c.
 *
 * Order matters, for the objects of entries come from caches whose order of requests decides their
 * addresses. A request finds its place, is linked there, then takes its entry object, then becomes
 * the hint; an object that makes its cache grow in the very same map thus sees the range as taken.
 * A free takes the objects for the clips first (before the range, after it), so that it can still
 * be refused; then whole entries go, from low to high. When one free spans several entries and ends
 * inside the last, the kernel would take that last object only after it gave back the earlier ones;
 * no request of the captured kernels does this.
 *
 * Compared with a buddy allocator a map wastes nothing inside and serves any size; but each request
 * walks a list or a tree, each page needs a page-table entry, and holes are as fragmented as the
 * order of frees left them.
 */

#include <assert.h>

#include "allocators/map_private.h"

static struct map_entry *at(const struct map *map, uint32_t entry)
{
    return &map->entries[entry];
}

int map_open(struct map *map, const struct map_ops *ops, struct machine *machine, const char *name,
             uint64_t min, uint64_t max, struct object_source source, uint32_t pool_max,
             struct error *error)
{
    *map = (struct map){.ops = ops,
                        .machine = machine,
                        .name = name,
                        .min = min,
                        .max = max,
                        .pool_max = pool_max,
                        .lock_privileged = ops == &map_gap_tree,
                        .entry_source = source};
    if (min == 0 || min >= max || (min | max) % PAGE_SIZE != 0)
        return error_set(error, "%s: a map cannot go from %#lx to %#lx", name, (unsigned long)min,
                         (unsigned long)max);
    if (pool_max == 0 || pool_max > UINT32_MAX - 2)
        return error_set(error, "%s: a map cannot have %u entries", name, pool_max);
    map->entries = host_reserve((pool_max + 1ul) * sizeof(map->entries[0]), error);
    return map->entries == NULL ? -1 : 0;
}

void map_close(struct map *map)
{
    if (map->entries != NULL)
        host_unreserve(map->entries, (map->pool_max + 1ul) * sizeof(map->entries[0]));
    map->entries = NULL;
}

/* A cleared host entry; there must be one, see pool_has. */
static uint32_t pool_take(struct map *map)
{
    uint32_t entry = map->free_entries;

    if (entry != 0)
        map->free_entries = at(map, entry)->next;
    else
        entry = ++map->pool_used;
    *at(map, entry) = (struct map_entry){0};
    return entry;
}

static void pool_give(struct map *map, uint32_t entry)
{
    *at(map, entry) = (struct map_entry){.next = map->free_entries};
    map->free_entries = entry;
}

static bool pool_has(struct map *map, uint32_t nr)
{
    if (map->pool_max - map->nr_entries >= nr)
        return true;
    machine_refuse(map->machine, FAILURE_LIMIT, "map entries", nr, 0, 0, 0);
    return false;
}

/* An object of the simulated kernel for an entry. The map's lock is held meanwhile. */
static bool object_take(struct map *map, uint64_t *object)
{
    struct machine *machine = map->machine;
    bool privileged = machine->privileged;

    *object = 0;
    if (map->entry_source.alloc == NULL)
        return true;
    if (map->lock_privileged)
        machine->privileged = true;
    *object = map->entry_source.alloc(map->entry_source.context);
    machine->privileged = privileged;
    return *object != 0;
}

static void object_give(struct map *map, uint64_t object)
{
    if (object != 0 && map->entry_source.free != NULL)
        map->entry_source.free(map->entry_source.context, object);
}

uint32_t map_lookup(const struct map *map, uint64_t address)
{
    uint32_t entry = map->roots[MAP_BY_ADDRESS], best = 0;

    while (entry != 0) {
        const struct map_entry *self = at(map, entry);

        map->machine->work.nodes_visited++;
        if (self->start <= address) {
            best = entry;
            entry = self->nodes[MAP_BY_ADDRESS].right;
        } else {
            entry = self->nodes[MAP_BY_ADDRESS].left;
        }
    }
    return best;
}

static void address_insert(struct map *map, uint32_t entry)
{
    uint32_t up = 0, next = map->roots[MAP_BY_ADDRESS];
    bool right = false;

    while (next != 0) {
        map->machine->work.nodes_visited++;
        up = next;
        right = at(map, entry)->start > at(map, up)->start;
        next = right ? at(map, up)->nodes[MAP_BY_ADDRESS].right
                     : at(map, up)->nodes[MAP_BY_ADDRESS].left;
    }
    map_tree_insert(map, MAP_BY_ADDRESS, entry, up, right);
}

static void gap_update(struct map *map, uint32_t entry)
{
    map->ops->gap_remove(map, entry);
    map->ops->gap_insert(map, entry);
}

/* Links ENTRY, whose range is set, behind PREVIOUS. */
static void entry_link(struct map *map, uint32_t entry, uint32_t previous)
{
    struct map_entry *self = at(map, entry);

    self->previous = previous;
    self->next = at(map, previous)->next;
    at(map, previous)->next = entry;
    at(map, self->next)->previous = entry;
    map->nr_entries++;
    map->changes++;
    address_insert(map, entry);
    gap_update(map, previous);
    map->ops->gap_insert(map, entry);
}

static void entry_unlink(struct map *map, uint32_t entry)
{
    const struct map_entry *self = at(map, entry);
    uint32_t previous = self->previous;

    at(map, previous)->next = self->next;
    at(map, self->next)->previous = previous;
    map->nr_entries--;
    map->changes++;
    map_tree_remove(map, MAP_BY_ADDRESS, entry);
    map->ops->gap_remove(map, entry);
    gap_update(map, previous);
}

uint32_t map_entry_remove(struct map *map, uint32_t entry)
{
    struct map_entry gone = *at(map, entry);

    if (map->hint == entry)
        map->hint = gone.previous;
    map->size -= gone.end - gone.start;
    entry_unlink(map, entry);
    pool_give(map, entry);
    object_give(map, gone.object);
    return gone.next;
}

static void refuse_room(struct map *map, uint64_t bytes)
{
    struct map_counts counts;

    map_count(map, bytes, &counts);
    machine_refuse(map->machine, counts.free >= bytes ? FAILURE_FRAGMENTATION : FAILURE_EXHAUSTION,
                   map->name, bytes, counts.free, counts.largest_hole, counts.holes);
}

/* Makes an entry at START behind PREVIOUS; MAP_REFUSED when there is no object for it. */
static enum map_result take_entry(struct map *map, uint64_t bytes, uint32_t memory_object,
                                  bool derived, uint32_t previous, struct map_range *range)
{
    uint32_t entry;
    uint64_t object = 0;

    if (!pool_has(map, 1))
        return MAP_REFUSED;
    entry = pool_take(map);
    at(map, entry)->start = range->start;
    at(map, entry)->end = range->start + bytes;
    at(map, entry)->memory_object = memory_object;
    at(map, entry)->pending = true;
    entry_link(map, entry, previous);
    map->size += bytes;
    if (derived && !object_take(map, &object)) {
        map_entry_remove(map, entry);
        return MAP_REFUSED;
    }
    at(map, entry)->object = object;
    at(map, entry)->pending = false;
    range->entry = entry;
    return MAP_TAKEN;
}

static bool can_extend(const struct map *map, uint32_t previous, uint64_t start,
                       uint32_t memory_object)
{
    const struct map_entry *before = at(map, previous);

    return previous != 0 && memory_object == MAP_KERNEL_OBJECT &&
           before->memory_object == MAP_KERNEL_OBJECT && before->end == start && !before->pending;
}

/* Whether the hint goes to what was just taken behind PREVIOUS. Ranges of addresses alone go
 * another way through the kernel than others: of them the hint follows only those directly behind
 * it. Shown by the code of the kernels with a gap tree (tests/image); of older ones nothing is
 * known. */
static bool hint_follows(const struct map *map, uint32_t previous, bool pageable)
{
    return !pageable || map->ops != &map_gap_tree || map->hint == previous;
}

enum map_result map_take_for(struct map *map, uint64_t bytes, uint64_t align,
                             uint32_t memory_object, bool derived, struct map_range *range)
{
    bool pageable = memory_object == MAP_PAGEABLE;
    uint32_t previous;

    if (pageable)
        memory_object = MAP_NO_OBJECT;
    *range = (struct map_range){.hint = map->hint};
    previous = bytes == 0 ? MAP_NO_ROOM : map->ops->find(map, bytes, align, &range->start);
    if (previous == MAP_NO_ROOM) {
        refuse_room(map, bytes);
        return MAP_FULL;
    }
    if (can_extend(map, previous, range->start, memory_object)) {
        range->entry = previous;
        range->extended = true;
        at(map, previous)->end += bytes;
        map->size += bytes;
        gap_update(map, previous);
    } else if (take_entry(map, bytes, memory_object, derived, previous, range) != MAP_TAKEN) {
        return MAP_REFUSED;
    }
    if (hint_follows(map, previous, pageable))
        map->hint = range->entry;
    range->changes = ++map->changes;
    return MAP_TAKEN;
}

void map_untake(struct map *map, const struct map_range *range, uint64_t bytes)
{
    struct map_entry *entry = at(map, range->entry);
    /* A hint from before the request may be gone when something else happened since. */
    bool alone = map->changes == range->changes;

    assert(entry->end == range->start + bytes);
    if (range->extended) {
        entry->end -= bytes;
        map->size -= bytes;
        map->changes++;
        gap_update(map, range->entry);
    } else {
        map_entry_remove(map, range->entry);
    }
    if (alone)
        map->hint = range->hint;
}

uint64_t map_take(struct map *map, uint64_t bytes, uint64_t align, bool kernel_object)
{
    struct map_range range;
    uint32_t memory_object = kernel_object ? MAP_KERNEL_OBJECT : MAP_NO_OBJECT;

    if (map_take_for(map, bytes, align, memory_object, true, &range) != MAP_TAKEN)
        return 0;
    return range.start;
}

bool map_place(struct map *map, uint64_t start, uint64_t end, bool move_hint, uint64_t object)
{
    uint32_t previous = map_lookup(map, start);
    uint32_t next = at(map, previous)->next, entry;

    if (start >= end || (start | end) % PAGE_SIZE != 0 || start < map->min || end > map->max)
        return false;
    if (at(map, previous)->end > start || (next != 0 && at(map, next)->start < end))
        return false;
    if (!pool_has(map, 1))
        return false;
    entry = pool_take(map);
    at(map, entry)->start = start;
    at(map, entry)->end = end;
    at(map, entry)->object = object;
    entry_link(map, entry, previous);
    map->size += end - start;
    if (move_hint)
        map->hint = entry;
    return true;
}

/* Entry that ADDRESS cuts in two, 0: none. */
static uint32_t entry_across(const struct map *map, uint64_t address)
{
    uint32_t entry = map_lookup(map, address);

    return at(map, entry)->start < address && address < at(map, entry)->end ? entry : 0;
}

/* A new entry takes the part of ENTRY below ADDRESS. */
static uint32_t clip_front(struct map *map, uint32_t entry, uint64_t address, uint64_t object)
{
    uint32_t front = pool_take(map);
    struct map_entry *self = at(map, entry), *new = at(map, front);

    new->start = self->start;
    new->end = address;
    new->object = object;
    new->memory_object = self->memory_object;
    self->start = address;
    entry_link(map, front, self->previous);
    return front;
}

/* A new entry takes the part of ENTRY above ADDRESS. */
static uint32_t clip_tail(struct map *map, uint32_t entry, uint64_t address, uint64_t object)
{
    uint32_t tail = pool_take(map);
    struct map_entry *self = at(map, entry), *new = at(map, tail);

    new->start = address;
    new->end = self->end;
    new->object = object;
    new->memory_object = self->memory_object;
    self->end = address;
    entry_link(map, tail, entry);
    return tail;
}

/* Takes the entry objects that the clips of [start, end) need, in their order. Taking one may
 * change the map, so the need is counted again after each. */
static bool clip_objects(struct map *map, uint64_t start, uint64_t end, uint64_t objects[2])
{
    unsigned taken = 0;

    for (;;) {
        unsigned need = (entry_across(map, start) != 0) + (entry_across(map, end) != 0);

        if (taken >= need && pool_has(map, need)) {
            while (taken > need)
                object_give(map, objects[--taken]);
            return true;
        }
        if (taken >= need || !object_take(map, &objects[taken]))
            break;
        taken++;
    }
    while (taken > 0)
        object_give(map, objects[--taken]);
    return false;
}

bool map_clip(struct map *map, uint64_t start, uint64_t end, struct map_clip *clip)
{
    uint64_t objects[2] = {0};
    unsigned used = 0;
    uint32_t entry;

    *clip = (struct map_clip){0};
    if (start >= end || !clip_objects(map, start, end, objects))
        return start >= end;
    entry = entry_across(map, start);
    if (entry != 0)
        clip->new_front = clip_front(map, entry, start, objects[used++]);
    entry = map_lookup(map, start);
    clip->first = at(map, entry)->start == start && entry != 0 ? entry : at(map, entry)->next;
    if (map->hint != 0 && at(map, map->hint)->start >= start)
        map->hint = at(map, clip->first)->previous;
    entry = entry_across(map, end);
    if (entry != 0)
        clip->new_tail = clip_tail(map, entry, end, objects[used]);
    return true;
}

bool map_give(struct map *map, uint64_t start, uint64_t bytes)
{
    struct map_clip clip;

    if (!map_clip(map, start, start + bytes, &clip))
        return false;
    for (uint32_t entry = clip.first; entry != 0 && at(map, entry)->start < start + bytes;)
        entry = map_entry_remove(map, entry);
    return true;
}

static unsigned hole_bin(uint64_t bytes)
{
    unsigned bin = 63 - (unsigned)__builtin_clzll(bytes >> PAGE_SHIFT);

    return bin < MAP_HOLE_BINS ? bin : MAP_HOLE_BINS - 1;
}

void map_count(const struct map *map, uint64_t bytes, struct map_counts *counts)
{
    *counts = (struct map_counts){.min = map->min,
                                  .max = map->max,
                                  .size = map->size,
                                  .free = map->max - map->min - map->size,
                                  .entries = map->nr_entries};
    for (uint32_t entry = 0;;) {
        uint64_t gap = map_gap(map, entry);

        if (gap != 0) {
            counts->holes++;
            counts->hole_sizes[hole_bin(gap)]++;
            counts->too_small += gap < bytes ? gap : 0;
        }
        if (gap > counts->largest_hole)
            counts->largest_hole = gap;
        entry = at(map, entry)->next;
        if (entry == 0)
            break;
    }
}

bool map_hole(const struct map *map, uint64_t address, uint64_t *start, uint64_t *end)
{
    uint32_t entry = 0, next = map->roots[MAP_BY_ADDRESS];

    while (next != 0) {
        bool right = at(map, next)->start <= address;

        if (right)
            entry = next;
        next = right ? at(map, next)->nodes[MAP_BY_ADDRESS].right
                     : at(map, next)->nodes[MAP_BY_ADDRESS].left;
    }
    do {
        *start = entry != 0 ? at(map, entry)->end : map->min;
        *end = *start + map_gap(map, entry);
        if (*end > *start && *end > address)
            return true;
        entry = at(map, entry)->next;
    } while (entry != 0);
    return false;
}
