/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ranges of a kernel map with pages behind them.
 *
 * A range is taken in the map first, then filled with pages one by one, each mapped before the next
 * is grabbed. Who owns the pages is a memory object. Slabs, stacks and large kallocs belong to the
 * one kernel object; kmem_alloc makes an object for its range, and kmem_realloc makes a second
 * range over the same object, so that a table can be at two places at once while it moves.
 *
 * That is the strength of this layer: a growing table is mapped a second time, not copied, and
 * physical pages need not be adjacent. Its price is paid per page: a page-table entry written,
 * later a TLB entry invalidated, and for every page that is mapped twice a pv_entry that says so.
 * Those come from a private list, and when it is empty from a cache that grows in the very map that
 * is being filled; they go back to the list, never to the cache. Buddy-backed slabs pay none of it.
 *
 * One thing is not as in the kernel. Memory of the simulated machine lies at a constant distance
 * from its kernel address, and the content of a page of the kernel map follows the address, not the
 * frame. So where the kernel maps a page a second time, the content is moved by a copy here. It
 * counts as a page mapped, not as bytes copied, and between kmem_realloc and the free of the old
 * range the two places do not see each other's writes; the only user, the growth of a table, makes
 * none. New pages are not cleared, as there: their content is what was last at that address, or
 * zero.
 *
 * The order in which a free gives pages back decides which are handed out next. An object keeps its
 * pages on a list, oldest first. A range of the kernel object that has fewer than a sixteenth of
 * its pages is freed in the order of addresses, each page looked up; for a larger one the list is
 * walked from end to end. As entries only ever grow upwards, both come to the same order within an
 * entry, and only the work differs. The pages of an object of its own go when its last range goes,
 * in the order of the list.
 */

#include <string.h>

#include "allocators/map_private.h"

/* A free looks its pages up when they are fewer than the object's over this, else it walks. */
#define FREE_LOOKUP_SHARE 16

#define MAPPINGS_MAX UINT8_MAX

/* Freed pages of the map stay populated on the host, as they are likely to be used again. Tables
 * that move through a map leave a trail, though, so when there are more than so many they all go.
 */
#define STALE_MAX ((48u << 20) / PAGE_SIZE)

static size_t pages_between(uint64_t start, uint64_t end)
{
    return (size_t)((end - start) >> PAGE_SHIFT);
}

int kmem_open(struct kmem *kmem, struct machine *machine, struct pages *pages, struct error *error)
{
    uint64_t start = machine->kernel_map_start & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t end = map_align(machine->kernel_map_end, PAGE_SIZE);
    size_t nr = end > start ? pages_between(start, end) : 0;

    *kmem = (struct kmem){.machine = machine,
                          .pages = pages,
                          .frames_start = start,
                          .frames_end = end,
                          /* Each object has a page of addresses, but for the one in the making. */
                          .objects_max = (uint32_t)nr + MAP_OWN_OBJECT + 1,
                          .objects_used = MAP_OWN_OBJECT};
    if (nr == 0 || nr >= UINT32_MAX - 8 || machine->frames == 0)
        return error_set(error, "kernel map: cannot back addresses from %#lx to %#lx with pages",
                         (unsigned long)start, (unsigned long)end);
    kmem->frames = host_reserve(nr * sizeof(kmem->frames[0]), error);
    if (kmem->frames != NULL)
        kmem->populated = host_reserve(nr * sizeof(kmem->populated[0]), error);
    if (kmem->populated != NULL)
        kmem->kmem_pages = host_reserve(machine->frames * sizeof(kmem->kmem_pages[0]), error);
    if (kmem->kmem_pages != NULL)
        kmem->classes = host_reserve(nr, error);
    if (kmem->classes != NULL)
        kmem->objects = host_reserve(kmem->objects_max * sizeof(kmem->objects[0]), error);
    if (kmem->objects == NULL ||
        occupancy_open(&kmem->occupancy, nr, PAGE_CLASS_FREE, error) != 0) {
        kmem_close(kmem);
        return -1;
    }
    memset(kmem->classes, PAGE_CLASS_FREE, nr);
    kmem->objects[MAP_KERNEL_OBJECT] =
        (struct kmem_object){.first = FRAME_NONE, .last = FRAME_NONE, .references = 1};
    return 0;
}

void kmem_close(struct kmem *kmem)
{
    if (kmem->frames != NULL)
        host_unreserve(kmem->frames, pages_between(kmem->frames_start, kmem->frames_end) *
                                         sizeof(kmem->frames[0]));
    if (kmem->populated != NULL)
        host_unreserve(kmem->populated, pages_between(kmem->frames_start, kmem->frames_end) *
                                            sizeof(kmem->populated[0]));
    if (kmem->kmem_pages != NULL)
        host_unreserve(kmem->kmem_pages, kmem->machine->frames * sizeof(kmem->kmem_pages[0]));
    if (kmem->classes != NULL)
        host_unreserve(kmem->classes, pages_between(kmem->frames_start, kmem->frames_end));
    if (kmem->objects != NULL)
        host_unreserve(kmem->objects, kmem->objects_max * sizeof(kmem->objects[0]));
    kmem->frames = NULL;
    kmem->populated = NULL;
    kmem->kmem_pages = NULL;
    kmem->classes = NULL;
    kmem->objects = NULL;
}

static bool source_alloc(const struct object_source *source, uint64_t *object)
{
    *object = 0;
    if (source->alloc == NULL)
        return true;
    *object = source->alloc(source->context);
    return *object != 0;
}

static void source_free(const struct object_source *source, uint64_t object)
{
    if (object != 0 && source->free != NULL)
        source->free(source->context, object);
}

static uint32_t *slot(const struct kmem *kmem, uint64_t address)
{
    return &kmem->frames[pages_between(kmem->frames_start, address)];
}

static uint8_t *populated(const struct kmem *kmem, uint64_t address)
{
    return &kmem->populated[slot(kmem, address) - kmem->frames];
}

uint32_t kmem_frame(const struct kmem *kmem, uint64_t address)
{
    if (address < kmem->frames_start || address >= kmem->frames_end)
        return FRAME_NONE;
    return *slot(kmem, address) - 1; /* 0 gives FRAME_NONE */
}

static inline void classify(struct kmem *kmem, uint64_t address, enum page_class class)
{
    size_t page = pages_between(kmem->frames_start, address);

    occupancy_move(&kmem->occupancy, (uint32_t)page, &kmem->classes[page], class);
}

void kmem_classify(struct kmem *kmem, uint64_t start, uint64_t end, enum page_class class)
{
    if (start < kmem->frames_start)
        start = kmem->frames_start;
    if (end > kmem->frames_end)
        end = kmem->frames_end;
    for (uint64_t address = start; address < end; address += PAGE_SIZE) {
        if (*slot(kmem, address) == 0)
            classify(kmem, address, class);
    }
}

/* Page lists of objects. */

static void list_append(struct kmem *kmem, struct kmem_object *object, uint32_t frame)
{
    struct kmem_page *page = &kmem->kmem_pages[frame];

    page->next = FRAME_NONE;
    page->previous = object->last;
    if (object->last == FRAME_NONE)
        object->first = frame;
    else
        kmem->kmem_pages[object->last].next = frame;
    object->last = frame;
    object->resident++;
}

static void list_remove(struct kmem *kmem, struct kmem_object *object, uint32_t frame)
{
    const struct kmem_page *page = &kmem->kmem_pages[frame];

    if (page->previous == FRAME_NONE)
        object->first = page->next;
    else
        kmem->kmem_pages[page->previous].next = page->next;
    if (page->next == FRAME_NONE)
        object->last = page->previous;
    else
        kmem->kmem_pages[page->next].previous = page->previous;
    object->resident--;
}

/* Page table. */

/* Maps FRAME at ADDRESS. A mapping beyond its first takes a pv_entry; false when it is refused. */
static bool page_map(struct kmem *kmem, uint64_t address, uint32_t frame)
{
    struct kmem_page *page = &kmem->kmem_pages[frame];
    uint64_t object;

    if (page->mappings > 0) {
        if (page->mappings == MAPPINGS_MAX) {
            machine_refuse(kmem->machine, FAILURE_LIMIT, "page mappings", 1, 0, 0, 0);
            return false;
        }
        if (kmem->pv_free > 0)
            kmem->pv_free--;
        else if (!source_alloc(&kmem->pv_source, &object))
            return false;
        kmem->pv_used++;
    }
    page->mappings++;
    *slot(kmem, address) = frame + 1;
    kmem->nr_mapped++;
    kmem->nr_populated += !*populated(kmem, address);
    *populated(kmem, address) = 1;
    kmem->machine->work.pages_mapped++;
    classify(kmem, address, (enum page_class)kmem->machine->pages[frame].class);
    return true;
}

static void page_unmap(struct kmem *kmem, uint64_t address)
{
    uint32_t *frame = slot(kmem, address);
    struct kmem_page *page;

    if (*frame == 0)
        return;
    page = &kmem->kmem_pages[*frame - 1];
    if (--page->mappings > 0) {
        kmem->pv_used--;
        kmem->pv_free++;
    }
    *frame = 0;
    kmem->nr_mapped--;
    kmem->machine->work.pages_unmapped++;
    classify(kmem, address, PAGE_CLASS_FREE);
}

/* Gives back the host memory of all pages that are not mapped. */
static void stale_discard(struct kmem *kmem)
{
    uint64_t end;

    for (uint64_t start = kmem->frames_start; start < kmem->frames_end; start = end + PAGE_SIZE) {
        for (end = start; end < kmem->frames_end && *slot(kmem, end) == 0; end += PAGE_SIZE) {
            kmem->nr_populated -= *populated(kmem, end);
            *populated(kmem, end) = 0;
        }
        if (end > start)
            machine_discard(kmem->machine, start, end - start);
    }
}

static void range_unmap(struct kmem *kmem, uint64_t start, uint64_t end)
{
    for (uint64_t address = start; address < end; address += PAGE_SIZE)
        page_unmap(kmem, address);
}

/* Objects. */

static void page_release(struct kmem *kmem, struct kmem_object *object, uint32_t frame)
{
    list_remove(kmem, object, frame);
    kmem->pages->ops->put(kmem->pages, frame);
}

/* Number of a new object with one reference, 0 when refused. */
static uint32_t object_create(struct kmem *kmem)
{
    uint32_t number = kmem->free_objects;
    uint64_t object, port;

    if (number == 0 && kmem->objects_used == kmem->objects_max) {
        machine_refuse(kmem->machine, FAILURE_LIMIT, "vm_objects", 1, 0, 0, 0);
        return 0;
    }
    if (!source_alloc(&kmem->object_source, &object))
        return 0;
    if (!source_alloc(&kmem->port_source, &port)) {
        source_free(&kmem->object_source, object);
        return 0;
    }
    number = kmem->free_objects; /* the sources may have made one themselves */
    if (number != 0)
        kmem->free_objects = kmem->objects[number].next_free;
    else
        number = kmem->objects_used++;
    kmem->objects[number] = (struct kmem_object){
        .first = FRAME_NONE, .last = FRAME_NONE, .references = 1, .object = object, .port = port};
    return number;
}

/* The last reference takes the object along, and its pages, oldest first. */
static void object_release(struct kmem *kmem, uint32_t number)
{
    struct kmem_object *object = &kmem->objects[number];
    struct kmem_object gone;

    if (--object->references > 0)
        return;
    while (object->first != FRAME_NONE) {
        kmem->machine->work.list_steps++;
        page_release(kmem, object, object->first);
    }
    gone = *object;
    *object = (struct kmem_object){.next_free = kmem->free_objects};
    kmem->free_objects = number;
    source_free(&kmem->port_source, gone.port);
    source_free(&kmem->object_source, gone.object);
}

/* Gives back the kernel object's pages in [start, end), looked up by address. */
static void kernel_release_lookup(struct kmem *kmem, uint64_t start, uint64_t end)
{
    struct kmem_object *object = &kmem->objects[MAP_KERNEL_OBJECT];

    for (uint64_t address = start; address < end; address += PAGE_SIZE) {
        uint32_t frame = kmem_frame(kmem, address);

        if (frame == FRAME_NONE)
            continue;
        page_unmap(kmem, address);
        page_release(kmem, object, frame);
    }
}

/* The same, in the order of the object's page list. */
static void kernel_release_walk(struct kmem *kmem, uint64_t start, uint64_t end)
{
    struct kmem_object *object = &kmem->objects[MAP_KERNEL_OBJECT];
    uint32_t next;

    for (uint32_t frame = object->first; frame != FRAME_NONE; frame = next) {
        uint64_t address =
            kmem->frames_start + ((uint64_t)kmem->kmem_pages[frame].where << PAGE_SHIFT);

        next = kmem->kmem_pages[frame].next;
        kmem->machine->work.list_steps++;
        if (address < start || address >= end)
            continue;
        page_unmap(kmem, address);
        page_release(kmem, object, frame);
    }
}

static void kernel_release(struct kmem *kmem, uint64_t start, uint64_t end)
{
    if (pages_between(start, end) < kmem->objects[MAP_KERNEL_OBJECT].resident / FREE_LOOKUP_SHARE)
        kernel_release_lookup(kmem, start, end);
    else
        kernel_release_walk(kmem, start, end);
}

/* The highest segment whose pages may be mapped in ranges. */
static enum segment_kind kmem_segment(const struct kmem *kmem)
{
    return kmem->machine->geometry->ranges_high ? SEGMENT_HIGHMEM : SEGMENT_DIRECTMAP;
}

/* A fresh page of object NUMBER at ADDRESS. */
static bool page_add(struct kmem *kmem, uint64_t address, uint32_t number, enum page_class class)
{
    uint32_t frame = kmem->pages->ops->grab(kmem->pages, kmem_segment(kmem));

    if (frame == FRAME_NONE)
        return false;
    machine_classify(kmem->machine, frame, class);
    list_append(kmem, &kmem->objects[number], frame);
    kmem->kmem_pages[frame].where = (uint32_t)pages_between(kmem->frames_start, address);
    return page_map(kmem, address, frame); /* the first mapping, never refused */
}

/* Fills [start, end); false when pages run out. What was taken is left to the caller. */
static bool pages_add(struct kmem *kmem, uint64_t start, uint64_t end, uint32_t number,
                      enum page_class class)
{
    for (uint64_t address = start; address < end; address += PAGE_SIZE) {
        if (!page_add(kmem, address, number, class))
            return false;
    }
    return true;
}

/* A range of MAP; when there is no room, slab reclaim runs once and the map is searched again. */
static bool range_take(struct kmem *kmem, struct map *map, uint64_t bytes, uint64_t align,
                       uint32_t number, bool derived, struct map_range *range)
{
    enum map_result result = map_take_for(map, bytes, align, number, derived, range);

    if (result == MAP_FULL && kmem->reclaim != NULL) {
        kmem->reclaim(kmem->reclaim_context);
        result = map_take_for(map, bytes, align, number, derived, range);
    }
    return result == MAP_TAKEN;
}

static bool has_page_table(const struct kmem *kmem, uint64_t start, uint64_t end)
{
    return start >= kmem->frames_start && end <= kmem->frames_end;
}

/* Takes the pages that were added in [start, end) back, the last one first: a page allocator that
 * hands out what it got last is then as it was. */
static void pages_undo(struct kmem *kmem, uint64_t start, uint64_t end, uint32_t number)
{
    for (uint64_t address = end; address > start;) {
        uint32_t frame = kmem_frame(kmem, address -= PAGE_SIZE);

        if (frame == FRAME_NONE)
            continue;
        page_unmap(kmem, address);
        page_release(kmem, &kmem->objects[number], frame);
    }
}

/* Fills a range that was taken, or takes it back. */
static bool range_fill(struct kmem *kmem, struct map *map, const struct map_range *range,
                       uint64_t bytes, uint32_t number, enum page_class class)
{
    uint64_t end = range->start + bytes;

    if (!has_page_table(kmem, range->start, end)) {
        machine_refuse(kmem->machine, FAILURE_LIMIT, "page table", bytes, 0, 0, 0);
    } else {
        if (pages_add(kmem, range->start, end, number, class))
            return true;
        pages_undo(kmem, range->start, end, number);
    }
    map_untake(map, range, bytes);
    return false;
}

/* What the kinds are made of. */
static const struct {
    enum page_class class;
    bool pages, kernel_object, own_object, derived;
} kinds[] = {
    [KMEM_WIRED] = {.class = PAGE_CLASS_WIRED,
                    .pages = true,
                    .kernel_object = true,
                    .derived = true},
    [KMEM_ALIGNED] = {.class = PAGE_CLASS_STACK,
                      .pages = true,
                      .kernel_object = true,
                      .derived = true},
    [KMEM_OBJECT] = {.class = PAGE_CLASS_TABLE, .pages = true, .own_object = true, .derived = true},
    [KMEM_PAGEABLE] = {.derived = true},
    [KMEM_SUBMAP] = {.derived = false},
};

uint64_t kmem_alloc(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind)
{
    return kmem_alloc_class(kmem, map, bytes, kind, kinds[kind].class);
}

uint64_t kmem_alloc_class(struct kmem *kmem, struct map *map, uint64_t bytes, enum kmem_kind kind,
                          enum page_class class)
{
    uint64_t align = 1; /* what the map starts and ends with is whole pages already */
    uint32_t number = kinds[kind].kernel_object ? MAP_KERNEL_OBJECT
                      : kind == KMEM_PAGEABLE   ? MAP_PAGEABLE
                                                : MAP_NO_OBJECT;
    struct map_range range;

    bytes = map_align(bytes, PAGE_SIZE);
    if (kind == KMEM_ALIGNED) {
        if ((bytes & (bytes - 1)) != 0) {
            machine_refuse(kmem->machine, FAILURE_PANIC, "kmem_alloc_aligned", bytes, 0, 0, 0);
            return 0;
        }
        align = bytes != 0 ? bytes : 1;
    }
    if (kinds[kind].own_object) {
        number = object_create(kmem);
        if (number == 0)
            return 0;
    }
    if (range_take(kmem, map, bytes, align, number, kinds[kind].derived, &range)) {
        if (!kinds[kind].pages) {
            kmem_classify(kmem, range.start, range.start + bytes, PAGE_CLASS_ADDRESS);
            return range.start;
        }
        if (range_fill(kmem, map, &range, bytes, number, class))
            return range.start;
    }
    if (kinds[kind].own_object)
        object_release(kmem, number);
    return 0;
}

/* Maps the pages of the range at OLD once more at START, with their content. */
static bool range_remap(struct kmem *kmem, uint64_t old, uint64_t start, uint64_t bytes)
{
    for (uint64_t offset = 0; offset < bytes; offset += PAGE_SIZE) {
        uint32_t frame = kmem_frame(kmem, old + offset);

        if (frame == FRAME_NONE)
            continue;
        if (!page_map(kmem, start + offset, frame))
            return false;
        memcpy(machine_at(kmem->machine, start + offset), machine_at(kmem->machine, old + offset),
               PAGE_SIZE);
    }
    return true;
}

/* Fills a new range over object NUMBER: first its old pages, then new ones; or takes it back. */
static bool realloc_fill(struct kmem *kmem, struct map *map, const struct map_range *range,
                         uint64_t old, uint64_t old_bytes, uint64_t new_bytes, uint32_t number)
{
    uint64_t middle = range->start + old_bytes, end = range->start + new_bytes;

    if (!has_page_table(kmem, range->start, end)) {
        machine_refuse(kmem->machine, FAILURE_LIMIT, "page table", new_bytes, 0, 0, 0);
    } else {
        if (range_remap(kmem, old, range->start, old_bytes) &&
            pages_add(kmem, middle, end, number, PAGE_CLASS_TABLE))
            return true;
        pages_undo(kmem, middle, end, number);
        range_unmap(kmem, range->start, middle);
    }
    map_untake(map, range, new_bytes);
    return false;
}

uint64_t kmem_realloc(struct kmem *kmem, struct map *map, uint64_t address, uint64_t old_bytes,
                      uint64_t new_bytes)
{
    uint32_t old = map_lookup(map, address), number;
    struct map_range range;

    old_bytes = map_align(old_bytes, PAGE_SIZE);
    new_bytes = map_align(new_bytes, PAGE_SIZE);
    number = map->entries[old].memory_object;
    if (old == 0 || map->entries[old].start != address ||
        map->entries[old].end != address + old_bytes || number < MAP_OWN_OBJECT ||
        new_bytes < old_bytes) {
        machine_refuse(kmem->machine, FAILURE_PANIC, "kmem_realloc", new_bytes, 0, 0, 0);
        return 0;
    }
    kmem->objects[number].references++;
    if (range_take(kmem, map, new_bytes, 1, number, true, &range) &&
        realloc_fill(kmem, map, &range, address, old_bytes, new_bytes, number))
        return range.start;
    object_release(kmem, number);
    return 0;
}

/* Takes ENTRY out of the map, and what is behind it; returns the next entry. */
static uint32_t entry_free(struct kmem *kmem, struct map *map, uint32_t entry)
{
    uint64_t start = map->entries[entry].start, end = map->entries[entry].end;
    uint32_t number = map->entries[entry].memory_object;

    if (number == MAP_KERNEL_OBJECT) {
        kernel_release(kmem, start, end);
    } else if (number >= MAP_OWN_OBJECT) {
        range_unmap(kmem, start, end);
        object_release(kmem, number);
    } else {
        kmem_classify(kmem, start, end, PAGE_CLASS_FREE);
    }
    return map_entry_remove(map, entry);
}

static void object_hold(struct kmem *kmem, const struct map *map, uint32_t entry)
{
    uint32_t number = map->entries[entry].memory_object;

    if (entry != 0 && number >= MAP_OWN_OBJECT)
        kmem->objects[number].references++;
}

bool kmem_free(struct kmem *kmem, struct map *map, uint64_t address, uint64_t bytes)
{
    uint64_t start = address & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t end = map_align(address + bytes, PAGE_SIZE);
    struct map_clip clip;

    if (!map_clip(map, start, end, &clip))
        return false;
    object_hold(kmem, map, clip.new_front);
    object_hold(kmem, map, clip.new_tail);
    for (uint32_t entry = clip.first; entry != 0 && map->entries[entry].start < end;)
        entry = entry_free(kmem, map, entry);
    if (kmem->nr_populated - kmem->nr_mapped > STALE_MAX)
        stale_discard(kmem);
    return true;
}

/* Checks. */

static int check_object(const struct kmem *kmem, uint32_t number, struct error *error)
{
    const struct kmem_object *object = &kmem->objects[number];
    uint32_t nr = 0, before = FRAME_NONE;

    for (uint32_t frame = object->first; frame != FRAME_NONE;
         frame = kmem->kmem_pages[frame].next) {
        if (frame >= kmem->machine->frames || kmem->kmem_pages[frame].previous != before ||
            ++nr > object->resident)
            return error_set(error, "object %u: its page list is broken at frame %u", number,
                             frame);
        if (kmem->machine->pages[frame].state != PAGE_USED)
            return error_set(error, "object %u: frame %u is in state %u", number, frame,
                             kmem->machine->pages[frame].state);
        if (number == MAP_KERNEL_OBJECT && kmem->frames[kmem->kmem_pages[frame].where] != frame + 1)
            return error_set(error, "kernel object: frame %u is not where it is mapped", frame);
        before = frame;
    }
    if (nr != object->resident || object->last != before)
        return error_set(error, "object %u: %u pages listed, %u counted", number, nr,
                         object->resident);
    return 0;
}

/* What is mapped has the class of its frame, and nothing else has one of frames. */
static int check_classes(const struct kmem *kmem, struct error *error)
{
    for (size_t i = 0; i < pages_between(kmem->frames_start, kmem->frames_end); i++) {
        uint32_t frame = kmem->frames[i] - 1;
        unsigned class = kmem->classes[i];

        if (frame == FRAME_NONE ? class != PAGE_CLASS_FREE && class != PAGE_CLASS_ADDRESS
                                : class != kmem->machine->pages[frame].class)
            return error_set(error, "occupancy: address %#lx maps frame %x and has the class %u",
                             (unsigned long)(kmem->frames_start + (i << PAGE_SHIFT)), frame, class);
    }
    return occupancy_check(&kmem->occupancy, kmem->classes, 1, "the kernel map", error);
}

int kmem_check(const struct kmem *kmem, struct error *error)
{
    size_t nr = pages_between(kmem->frames_start, kmem->frames_end);
    uint64_t mapped = 0, mappings = 0, beyond = 0;

    for (uint32_t number = MAP_KERNEL_OBJECT; number < kmem->objects_used; number++) {
        if (kmem->objects[number].references != 0 && check_object(kmem, number, error) < 0)
            return -1;
    }
    for (size_t i = 0; i < nr; i++) {
        if (kmem->frames[i] == 0)
            continue;
        if (kmem->frames[i] > kmem->machine->frames ||
            kmem->kmem_pages[kmem->frames[i] - 1].mappings == 0)
            return error_set(error, "address %#lx maps frame %u, which is not known to be mapped",
                             (unsigned long)(kmem->frames_start + (i << PAGE_SHIFT)),
                             kmem->frames[i] - 1);
        mapped++;
    }
    for (uint32_t frame = 0; frame < kmem->machine->frames; frame++) {
        mappings += kmem->kmem_pages[frame].mappings;
        if (kmem->kmem_pages[frame].mappings > 1)
            beyond += kmem->kmem_pages[frame].mappings - 1u;
    }
    if (mapped != mappings || beyond != kmem->pv_used)
        return error_set(error,
                         "%lu pages mapped, %lu mappings counted; %lu shared, %lu pv_entries",
                         (unsigned long)mapped, (unsigned long)mappings, (unsigned long)beyond,
                         (unsigned long)kmem->pv_used);
    return check_classes(kmem, error);
}
