/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The state of the kernel, read off its own structures at the places that its debugging information
 * gives. Nothing of it is kept on the side but what the kernel does not know itself: what was asked
 * for of a kalloc cache, and the number that a trace has for a cache or a space.
 */

#include "allocators/image/image_stack.h"

#include <stdio.h>
#include <string.h>

#define MAP_BINS_SHIFT PAGE_SHIFT
#define NODE_SLOTS     64
#define TREE_FLAGS     ((uintptr_t)3) /* low bits of a link of a radix tree */

enum page_type { PAGE_TYPE_FREE, PAGE_TYPE_RESERVED, PAGE_TYPE_TABLE };

/* ---- Pages ---- */

unsigned image_nr_segments(const struct image *image)
{
    uint32_t nr = *(const uint32_t *)image_at(image, IMAGE_SEGMENTS_SIZE);

    return nr < SEGMENTS_MAX ? nr : SEGMENTS_MAX;
}

uintptr_t image_segment(const struct image *image, unsigned index)
{
    return image_at(image, IMAGE_SEGMENTS) +
           (uintptr_t)index * image->plan->members[IMAGE_M_SEGMENT].size;
}

uintptr_t image_page(const struct image *image, uint32_t frame)
{
    uint64_t address = (uint64_t)frame << PAGE_SHIFT;

    if (image->plan->members[IMAGE_M_PAGE_ADDRESS].size > sizeof(uintptr_t))
        return ((uintptr_t(*)(uint64_t))image_at(image, IMAGE_PAGE_LOOKUP))(address);
    return ((uintptr_t(*)(uintptr_t))image_at(image, IMAGE_PAGE_LOOKUP))((uintptr_t)address);
}

bool image_frame_managed(const struct image *image, uint32_t frame)
{
    uintptr_t page = image_page(image, frame);

    if (page == 0)
        return false;

    uint64_t type = image_get(image, page, IMAGE_M_PAGE_TYPE);

    return type != PAGE_TYPE_RESERVED && type != PAGE_TYPE_TABLE;
}

uint64_t image_count_managed(const struct image *image)
{
    uint64_t managed = 0;

    for (uint32_t frame = 0; frame < image->memory >> PAGE_SHIFT; frame++)
        managed += image_frame_managed(image, frame);

    return managed;
}

static uint32_t list_size(const struct image *image, uintptr_t segment, unsigned order)
{
    uintptr_t list = image_member(image, segment, IMAGE_M_SEGMENT_LISTS) +
                     (uintptr_t)order * image->plan->members[IMAGE_M_FREE_LIST].size;

    return (uint32_t)image_word(list + (image->plan->members[IMAGE_M_SEGMENT_LIST].offset -
                                        image->plan->members[IMAGE_M_SEGMENT_LISTS].offset));
}

/* Segments by where they end, as the kernel's own names have them. */
static enum segment_kind segment_kind(const struct image *image, uint64_t start, uint64_t end)
{
    if (start < UINT64_C(0x1000000))
        return SEGMENT_DMA;
    if (image->plan->word == 8 && end <= UINT64_C(0x100000000))
        return SEGMENT_DMA32;
    return start >= image->virtual_start - image->plan->base ? SEGMENT_HIGHMEM : SEGMENT_DIRECTMAP;
}

static void take_segments(const struct image *image, struct snapshot *snapshot)
{
    snapshot->nr_segments = image_nr_segments(image);

    for (unsigned i = 0; i < snapshot->nr_segments; i++) {
        struct segment_snapshot *s = &snapshot->segments[i];
        uintptr_t segment = image_segment(image, i);
        uint64_t start = image_get(image, segment, IMAGE_M_SEGMENT_START);
        uint64_t end = image_get(image, segment, IMAGE_M_SEGMENT_END);

        memset(s, 0, sizeof(*s));
        s->kind = segment_kind(image, start, end);
        s->start = (uint32_t)(start >> PAGE_SHIFT);
        s->end = (uint32_t)(end >> PAGE_SHIFT);
        s->counts.free = (uint32_t)image_get(image, segment, IMAGE_M_SEGMENT_FREE);
        s->counts.pool = (uint32_t)image_get(image, segment, IMAGE_M_SEGMENT_POOL);
        for (unsigned order = 0; order < ORDERS; order++)
            s->counts.blocks[order] = s->blocks[order] = list_size(image, segment, order);
    }
}

/* ---- Caches ---- */

static uintptr_t next_of(const struct image *image, uintptr_t node)
{
    return image_word(image_member(image, node, IMAGE_M_LIST_NEXT));
}

static uintptr_t first_cache_node(const struct image *image)
{
    return next_of(image, image_at(image, IMAGE_CACHE_LIST));
}

static uintptr_t cache_of_node(const struct image *image, uintptr_t node)
{
    return node - image->plan->members[IMAGE_M_CACHE_NODE].offset;
}

uintptr_t image_cache_find(const struct image *image, const char *name)
{
    unsigned most = image->plan->members[IMAGE_M_CACHE_NAME].size;

    for (uintptr_t node = first_cache_node(image); node != image_at(image, IMAGE_CACHE_LIST);
         node = next_of(image, node)) {
        uintptr_t cache = cache_of_node(image, node);

        if (strncmp((const char *)image_member(image, cache, IMAGE_M_CACHE_NAME), name, most - 1) ==
            0)
            return cache;
    }

    return 0;
}

/* Caches whose objects the allocators take for themselves. */
static bool is_derived(const char *name)
{
    static const char *const names[] = {"ipc_space", "ipc_entry", "rdxtree_node", "kmem_slab"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;

    return false;
}

static uint32_t cache_number(const struct image_stack *is, uintptr_t cache)
{
    for (uint32_t i = 0; i < IMAGE_CACHES_MAX; i++)
        if (is->caches[i] == cache)
            return i;

    return CACHE_UNNUMBERED;
}

static uint64_t cache_requested(const struct image_stack *is, uintptr_t cache,
                                const struct cache_snapshot *s)
{
    for (unsigned i = 0; i < IMAGE_KALLOC_SIZES; i++)
        if (is->kalloc_caches[i] == cache)
            return is->kalloc_requested[i];

    return s->objects * s->object_size;
}

/* The partial slabs, by how full they are. */
static void take_fullness(const struct image *image, uintptr_t cache, struct cache_snapshot *s,
                          bool deep)
{
    uintptr_t head = image_member(image, cache, IMAGE_M_CACHE_PARTIAL);

    s->partial_slabs = 0;
    memset(s->fullness, 0, sizeof(s->fullness));
    for (uintptr_t node = next_of(image, head); node != head; node = next_of(image, node)) {
        uintptr_t slab = node - image->plan->members[IMAGE_M_SLAB_NODE].offset;
        uint64_t used = image_get(image, slab, IMAGE_M_SLAB_REFS);

        s->partial_slabs++;
        if (deep && s->buffers_per_slab != 0)
            s->fullness[used * FULLNESS_BINS / s->buffers_per_slab % FULLNESS_BINS]++;
    }
}

static void take_caches(const struct image_stack *is, struct snapshot *snapshot, bool deep)
{
    const struct image *image = is->image;

    snapshot->nr_caches = 0;
    for (uintptr_t node = first_cache_node(image); node != image_at(image, IMAGE_CACHE_LIST);
         node = next_of(image, node)) {
        uintptr_t cache = cache_of_node(image, node);
        struct cache_snapshot *s = &snapshot->caches[snapshot->nr_caches];

        if (snapshot->nr_caches++ == SNAPSHOT_CACHES)
            break;

        memset(s, 0, sizeof(*s));
        snprintf(s->name, sizeof(s->name), "%.*s",
                 (int)image->plan->members[IMAGE_M_CACHE_NAME].size,
                 (const char *)image_member(image, cache, IMAGE_M_CACHE_NAME));
        s->number = cache_number(is, cache);
        s->object_size = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_OBJECT_SIZE);
        s->buffer_size = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_BUFFER_SIZE);
        s->align = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_ALIGN);
        s->slab_bytes = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_SLAB_SIZE);
        s->buffers_per_slab = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_BUFFERS);
        s->objects = image_get(image, cache, IMAGE_M_CACHE_OBJECTS);
        s->buffers = image_get(image, cache, IMAGE_M_CACHE_ALL_BUFFERS);
        s->slabs = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_SLABS);
        s->free_slabs = (uint32_t)image_get(image, cache, IMAGE_M_CACHE_FREE_SLABS);
        take_fullness(image, cache, s, deep);
        s->requested_bytes = cache_requested(is, cache, s);
        s->derived = is_derived(s->name) || s->number == CACHE_UNNUMBERED;
        snapshot->held.slab_bytes += (uint64_t)s->slabs * s->slab_bytes;
    }
    if (snapshot->nr_caches > SNAPSHOT_CACHES)
        snapshot->nr_caches = SNAPSHOT_CACHES;
}

/* ---- Maps ---- */

uintptr_t image_map(const struct image_stack *is, enum map_number number)
{
    const struct image *image = is->image;

    switch (number) {
    case MAP_IPC:
        return image_word(image_at(image, IMAGE_IPC_KERNEL_MAP));
    case MAP_DEVICE:
        return image_word(image_at(image, IMAGE_DEVICE_IO_MAP));
    default:
        return image_word(image_at(image, IMAGE_KERNEL_MAP));
    }
}

static unsigned hole_bin(uint64_t bytes)
{
    uint64_t pages = bytes >> PAGE_SHIFT;
    unsigned bin = pages == 0 ? 0 : 63 - (unsigned)__builtin_clzll(pages);

    return bin < MAP_HOLE_BINS ? bin : MAP_HOLE_BINS - 1;
}

static void count_hole(struct map_counts *counts, uint64_t gap, uint64_t wanted)
{
    if (gap == 0)
        return;

    counts->holes++;
    counts->hole_sizes[hole_bin(gap)]++;
    counts->too_small += gap < wanted ? gap : 0;
    if (gap > counts->largest_hole)
        counts->largest_hole = gap;
}

static void count_map(const struct image *image, uintptr_t map, uint64_t wanted,
                      struct map_counts *counts)
{
    uintptr_t header = image_member(image, map, IMAGE_M_MAP_HEADER);
    uint64_t end;

    memset(counts, 0, sizeof(*counts));
    counts->min = image_get(image, map, IMAGE_M_MAP_START);
    counts->max = image_get(image, map, IMAGE_M_MAP_END);
    counts->size = image_get(image, map, IMAGE_M_MAP_SIZE);
    counts->free = counts->max - counts->min - counts->size;
    counts->entries = (uint32_t)image_get(image, map, IMAGE_M_MAP_ENTRIES);

    end = counts->min;
    for (uintptr_t entry = image_word(image_member(image, header, IMAGE_M_LINKS_NEXT));
         entry != header; entry = image_word(image_member(image, entry, IMAGE_M_LINKS_NEXT))) {
        count_hole(counts, image_get(image, entry, IMAGE_M_LINKS_START) - end, wanted);
        end = image_get(image, entry, IMAGE_M_LINKS_END);
    }
    count_hole(counts, counts->max - end, wanted);
}

static const char *const map_names[MAPS] = {"kernel_map", "kmem_map", "ipc_kernel_map",
                                            "device_io_map"};

static void take_maps(const struct image_stack *is, struct snapshot *snapshot)
{
    uint64_t growth = snapshot->nr_spaces != 0 ? snapshot->spaces[0].next_growth : 0;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < MAPS; i++) {
        struct map_snapshot *s = &snapshot->maps[i];
        uintptr_t map = i == MAP_SLAB ? 0 : image_map(is, (enum map_number)i);

        memset(s, 0, sizeof(*s));
        /* A map that is not set up yet has no end. */
        if (map == 0 || image_get(is->image, map, IMAGE_M_MAP_END) == 0)
            continue;

        s->name = map_names[i];
        count_map(is->image, map, growth, &s->counts);
        bytes += s->counts.size;
    }

    snapshot->held.map_bytes = bytes > is->fixed_bytes ? bytes - is->fixed_bytes : 0;
}

/* ---- Spaces ---- */

/* Nodes of the tree below LINK, which is HEIGHT levels high. */
static uint32_t count_nodes(const struct image *image, uintptr_t link, uint32_t height)
{
    uintptr_t slots = image_member(image, link & ~TREE_FLAGS, IMAGE_M_NODE_ENTRIES);
    uint32_t nodes = 1;

    if (link == 0 || height == 0)
        return 0;
    if (height > 1)
        for (unsigned i = 0; i < NODE_SLOTS; i++)
            nodes += count_nodes(image, image_word(slots + i * sizeof(uintptr_t)), height - 1);

    return nodes;
}

static uint32_t tree_height(const struct image *image, uintptr_t tree)
{
    return (uint32_t)image_get(image, tree, IMAGE_M_TREE_HEIGHT);
}

static uint32_t tree_nodes(const struct image *image, uintptr_t tree)
{
    return count_nodes(image, image_word(image_member(image, tree, IMAGE_M_TREE_ROOT)),
                       tree_height(image, tree));
}

void image_space_state(const struct image_stack *is, uint32_t number, struct space_snapshot *state)
{
    const struct image *image = is->image;
    uintptr_t space = number < is->max_spaces ? is->spaces[number].space : 0;

    *state = (struct space_snapshot){.space = number};
    if (space == 0 || !is->spaces[number].active)
        return;

    uintptr_t names = image_member(image, space, IMAGE_M_SPACE_NAMES);
    uint64_t size = image_get(image, space, IMAGE_M_SPACE_SIZE);

    state->rights = size != 0 ? (uint32_t)size - 1 : 0; /* it counts the placeholder under key 0 */
    state->reverse_entries = is->spaces[number].reverse;
    state->height = tree_height(image, names);
    state->name_nodes = tree_nodes(image, names);
    state->reverse_nodes = tree_nodes(image, image_member(image, space, IMAGE_M_SPACE_REVERSE));
    state->tree_nodes = state->name_nodes + state->reverse_nodes;
    state->next_growth = image_get(image, is->cache_node, IMAGE_M_CACHE_SLAB_SIZE);
    state->bytes = state->tree_nodes * image_get(image, is->cache_node, IMAGE_M_CACHE_OBJECT_SIZE) +
                   (state->rights + image_get(image, space, IMAGE_M_SPACE_FREE_SIZE)) *
                       image_get(image, is->cache_entry, IMAGE_M_CACHE_OBJECT_SIZE);
}

/* Keeps the spaces with the most rights, the lower number first among equals. */
static void keep_space(struct snapshot *snapshot, const struct space_snapshot *state)
{
    unsigned at = snapshot->nr_spaces;

    while (at > 0 && snapshot->spaces[at - 1].rights < state->rights)
        at--;
    if (at == SNAPSHOT_SPACES)
        return;
    if (snapshot->nr_spaces < SNAPSHOT_SPACES)
        snapshot->nr_spaces++;

    memmove(&snapshot->spaces[at + 1], &snapshot->spaces[at],
            (snapshot->nr_spaces - 1 - at) * sizeof(snapshot->spaces[0]));
    snapshot->spaces[at] = *state;
}

static void take_spaces(const struct image_stack *is, struct snapshot *snapshot)
{
    snapshot->nr_spaces = 0;
    for (uint32_t i = 0; i < is->max_spaces; i++) {
        struct space_snapshot state;

        if (is->spaces[i].space == 0)
            continue;

        image_space_state(is, i, &state);
        snapshot->live_spaces++;
        snapshot->rights += state.rights;
        snapshot->reverse_entries += state.reverse_entries;
        snapshot->name_nodes += state.name_nodes;
        snapshot->reverse_nodes += state.reverse_nodes;
        if (state.height > snapshot->name_height)
            snapshot->name_height = state.height;
        keep_space(snapshot, &state);
    }
}

/* ---- All ---- */

static void raise(uint64_t *peak, uint64_t now)
{
    if (now > *peak)
        *peak = now;
}

/* The kernel does not keep peaks: they are those of the snapshots. */
static void take_peaks(struct image_stack *is, struct snapshot *snapshot)
{
    raise(&is->peak.page_bytes, snapshot->held.page_bytes);
    raise(&is->peak.slab_bytes, snapshot->held.slab_bytes);
    raise(&is->peak.map_bytes, snapshot->held.map_bytes);
    raise(&is->peak.space_bytes, snapshot->held.space_bytes);
    snapshot->peak = is->peak;
}

static uint64_t cache_bytes(const struct image *image, uintptr_t cache)
{
    return image_get(image, cache, IMAGE_M_CACHE_OBJECTS) *
           image_get(image, cache, IMAGE_M_CACHE_OBJECT_SIZE);
}

void image_snapshot(struct image_stack *is, struct snapshot *snapshot, bool deep)
{
    uint64_t free = 0;

    memset(snapshot, 0, offsetof(struct snapshot, caches));
    snapshot->live_spaces = snapshot->rights = snapshot->reverse_entries = 0;
    snapshot->transient_peak = snapshot->table_bytes = 0;
    snapshot->name_nodes = snapshot->reverse_nodes = snapshot->name_height = 0;
    memset(&snapshot->held, 0, sizeof(snapshot->held));
    memset(&snapshot->work, 0, sizeof(snapshot->work));

    take_caches(is, snapshot, deep);
    take_segments(is->image, snapshot);
    take_spaces(is, snapshot);
    take_maps(is, snapshot);

    for (unsigned i = 0; i < snapshot->nr_segments; i++)
        free += snapshot->segments[i].counts.free + snapshot->segments[i].counts.pool;
    snapshot->held.page_bytes = (is->managed - free) << PAGE_SHIFT;
    snapshot->node_bytes =
        cache_bytes(is->image, is->cache_node) + cache_bytes(is->image, is->cache_entry);
    snapshot->held.space_bytes = snapshot->node_bytes;
    snapshot->page_requested = is->page_requested;
    snapshot->map_requested = is->map_requested;
    take_peaks(is, snapshot);
}

/* The picture of memory is not drawn yet of what lies in the kernel's pages: their descriptors do
 * not tell. */
void image_occupancy(struct image_stack *is, enum occupancy_of which,
                     struct occupancy_picture *picture)
{
    (void)is, (void)which;
    picture->cells = 0;
}

/* ---- Refusals ---- */

void image_refused_pages(const struct image_stack *is, uint64_t bytes, struct failure *failure)
{
    const struct image *image = is->image;
    unsigned nr = image_nr_segments(image);
    uint64_t needed = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT, free = 0, largest = 0, pieces = 0;

    /* Kernel objects come from the direct map and what lies below: the fullest segment tells. */
    for (unsigned i = 0; i < nr; i++) {
        uintptr_t segment = image_segment(image, i);

        free += image_get(image, segment, IMAGE_M_SEGMENT_FREE);
        for (unsigned order = 0; order < ORDERS; order++) {
            uint32_t blocks = list_size(image, segment, order);

            pieces += blocks;
            if (blocks != 0 && (UINT64_C(1) << order) > largest)
                largest = UINT64_C(1) << order;
        }
    }

    *failure = (struct failure){
        .cause = free < needed      ? FAILURE_EXHAUSTION
                 : largest < needed ? FAILURE_FRAGMENTATION
                                    : FAILURE_RESERVE,
        .resource = "pages",
        .requested = bytes,
        .free = free << PAGE_SHIFT,
        .largest = largest << PAGE_SHIFT,
        .pieces = pieces,
    };
}

void image_refused_map(const struct image_stack *is, enum map_number number, uint64_t bytes,
                       struct failure *failure)
{
    struct map_counts counts;

    count_map(is->image, image_map(is, number), bytes, &counts);
    *failure = (struct failure){
        .cause = counts.free >= bytes ? FAILURE_FRAGMENTATION : FAILURE_EXHAUSTION,
        .requested = bytes,
        .free = counts.free,
        .largest = counts.largest_hole,
        .pieces = counts.holes,
    };
    snprintf(failure->resource, sizeof(failure->resource), "%s",
             map_names[number == MAP_SLAB ? MAP_KERNEL : number]);
}

/* ---- Checks ---- */

static int check_segment(const struct image *image, unsigned index, struct error *error)
{
    uintptr_t segment = image_segment(image, index);
    uint64_t free = image_get(image, segment, IMAGE_M_SEGMENT_FREE), sum = 0;

    for (unsigned order = 0; order < ORDERS; order++) {
        uintptr_t head = image_member(image, segment, IMAGE_M_SEGMENT_BLOCKS) +
                         (uintptr_t)order * image->plan->members[IMAGE_M_FREE_LIST].size;
        uint32_t size = list_size(image, segment, order), found = 0;

        for (uintptr_t node = next_of(image, head); node != head; node = next_of(image, node))
            found++;
        if (found != size)
            return error_set(error, "segment %u has %u blocks of order %u and counts %u", index,
                             found, order, size);
        sum += (uint64_t)size << order;
    }
    if (sum != free)
        return error_set(error, "the free blocks of segment %u have %llu pages, it counts %llu",
                         index, (unsigned long long)sum, (unsigned long long)free);
    return 0;
}

static int check_map(const struct image *image, uintptr_t map, const char *name,
                     struct error *error)
{
    uintptr_t header = image_member(image, map, IMAGE_M_MAP_HEADER);
    uint64_t size = 0, entries = 0, end = image_get(image, map, IMAGE_M_MAP_START);

    for (uintptr_t entry = image_word(image_member(image, header, IMAGE_M_LINKS_NEXT));
         entry != header; entry = image_word(image_member(image, entry, IMAGE_M_LINKS_NEXT))) {
        uint64_t start = image_get(image, entry, IMAGE_M_LINKS_START);

        if (start < end)
            return error_set(error, "%s has an entry at %llx before the end of the one before it",
                             name, (unsigned long long)start);
        end = image_get(image, entry, IMAGE_M_LINKS_END);
        size += end - start;
        entries++;
    }
    if (size != image_get(image, map, IMAGE_M_MAP_SIZE) ||
        entries != image_get(image, map, IMAGE_M_MAP_ENTRIES))
        return error_set(error, "%s has %llu entries of %llu bytes and counts %llu of %llu", name,
                         (unsigned long long)entries, (unsigned long long)size,
                         (unsigned long long)image_get(image, map, IMAGE_M_MAP_ENTRIES),
                         (unsigned long long)image_get(image, map, IMAGE_M_MAP_SIZE));
    return 0;
}

static int check_cache(const struct image *image, uintptr_t cache, struct error *error)
{
    const char *name = (const char *)image_member(image, cache, IMAGE_M_CACHE_NAME);
    uint64_t slabs = image_get(image, cache, IMAGE_M_CACHE_SLABS);
    uint64_t per_slab = image_get(image, cache, IMAGE_M_CACHE_BUFFERS);
    uint64_t buffers = image_get(image, cache, IMAGE_M_CACHE_ALL_BUFFERS);

    if (slabs * per_slab != buffers || image_get(image, cache, IMAGE_M_CACHE_OBJECTS) > buffers ||
        image_get(image, cache, IMAGE_M_CACHE_FREE_SLABS) > slabs)
        return error_set(error, "cache %s has %llu slabs of %llu buffers and counts %llu", name,
                         (unsigned long long)slabs, (unsigned long long)per_slab,
                         (unsigned long long)buffers);
    return 0;
}

int image_check(const struct image_stack *is, struct error *error)
{
    const struct image *image = is->image;

    for (unsigned i = 0; i < image_nr_segments(image); i++)
        if (check_segment(image, i, error) != 0)
            return -1;
    for (uintptr_t node = first_cache_node(image); node != image_at(image, IMAGE_CACHE_LIST);
         node = next_of(image, node))
        if (check_cache(image, cache_of_node(image, node), error) != 0)
            return -1;
    for (unsigned i = 0; i < MAPS; i++) {
        uintptr_t map = i == MAP_SLAB ? 0 : image_map(is, (enum map_number)i);

        if (map != 0 && image_get(image, map, IMAGE_M_MAP_END) != 0 &&
            check_map(image, map, map_names[i], error) != 0)
            return -1;
    }
    return 0;
}
