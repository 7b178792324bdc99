/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The comparison takes a truth point of the trace and a snapshot of the stack at the same event and
 * looks at every counter that the kernel gave. Each kind of counter is counted by itself, and the
 * first difference of each is kept in words.
 *
 * Free pages are compared from the first point at which every segment has some: of each segment
 * where the kernel had segments and the stack is of its design, else of all together. A trace that
 * does not say which pages start-up made free leaves out what it had taken before; then that point
 * gives the offset, and from it on the kernel's count and the stack's must move alike. Blocks per
 * order depend on the lists at start-up, which a log of a buddy kernel does not tell: they are
 * counted, not asserted.
 *
 * The nodes of reverse trees depend on where the objects lie that the keys are made of. With the
 * replay's own keys the counters of rdxtree_node are therefore counted apart, and what its slabs
 * take more or less is taken out of the free pages before they are compared; with captured keys
 * they are counters like all others.
 *
 * The removal of a name is the one request that a point can stand inside of, since the kernel does
 * it in steps that are no call of their own: the name leaves its tree, its entry is freed, the
 * count of the space goes down. The trace's flags say how far it was.
 */

#include "replay/truth.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const counter_names[TRUTH_COUNTERS] = {
    [TRUTH_OBJECTS] = "objects",       [TRUTH_SLABS] = "slabs",
    [TRUTH_FREE_SLABS] = "free slabs", [TRUTH_LAYOUT] = "slab layouts",
    [TRUTH_PAGES] = "free pages",      [TRUTH_MAP_ENTRIES] = "map entries",
    [TRUTH_MAP_BYTES] = "map bytes",   [TRUTH_RIGHTS] = "rights",
    [TRUTH_TABLE] = "table sizes",     [TRUTH_GROWTH] = "table growths",
    [TRUTH_NAMES] = "names",
};

static const char *const map_names[EVENT_MAPS] = {"kernel_map", "kmem_map", "ipc_kernel_map",
                                                  "device_io_map"};

const char *truth_counter_name(enum truth_counter counter)
{
    return counter < TRUTH_COUNTERS ? counter_names[counter] : "none";
}

static uint64_t sum(const uint64_t *counts)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < TRUTH_COUNTERS; i++)
        total += counts[i];

    return total;
}

uint64_t truth_compared(const struct truth_result *result)
{
    return sum(result->compared);
}

uint64_t truth_different(const struct truth_result *result)
{
    return sum(result->different);
}

int truth_open(struct truth_state *state, struct truth_result *result,
               const struct trace_header *header, const struct stack_ops *ops, uint32_t max_spaces,
               bool own_keys, struct error *error)
{
    const char *captured = header->machine.stack;
    size_t length = strcspn(captured, "+");

    memset(state, 0, sizeof(*state));
    state->result = result;
    state->max_spaces = max_spaces;
    state->own_keys = own_keys;
    state->start_known = header->machine.boot_pages;
    state->table_entry_bytes = header->machine.pointer_size == 8 ? 32 : 16;
    state->spaces = calloc((size_t)max_spaces + 1, sizeof(state->spaces[0]));
    if (state->spaces == NULL)
        return error_set(error, "no memory to compare %" PRIu32 " spaces", max_spaces);

    result->done = true;
    result->first_counter = TRUTH_COUNTERS;
    result->same_space =
        length == strlen(ops->space) && length != 0 && strncmp(captured, ops->space, length) == 0;
    /* By its name, or, of a kernel image, by its parts. */
    result->same_design =
        strcmp(captured, ops->name) == 0 ||
        (result->same_space && strchr(ops->name, ':') != NULL && captured[length] == '+' &&
         strcmp(captured + length + 1, ops->backend) == 0);
    return 0;
}

void truth_close(struct truth_state *state)
{
    free(state->spaces);
    state->spaces = NULL;
}

/* Compares two numbers; the format describes what they count. */
static void compare(struct truth_state *state, enum truth_counter counter, uint64_t event,
                    int64_t kernel, int64_t own, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static void compare(struct truth_state *state, enum truth_counter counter, uint64_t event,
                    int64_t kernel, int64_t own, const char *format, ...)
{
    struct truth_result *result = state->result;

    if (state->placed) {
        result->placed_compared++;
        result->placed_different += kernel != own;
        return;
    }
    result->compared[counter]++;
    if (kernel == own || result->different[counter]++ != 0)
        return;

    char what[96];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);

    snprintf(result->first[counter], sizeof(result->first[counter]),
             "%s: the kernel had %" PRId64 ", the stack has %" PRId64, what, kernel, own);
    result->first_event[counter] = event;

    if (result->first_counter == TRUTH_COUNTERS)
        result->first_counter = counter;
}

static const struct cache_snapshot *find_cache(const struct snapshot *snapshot, uint32_t number)
{
    for (unsigned i = 0; i < snapshot->nr_caches; i++)
        if (snapshot->caches[i].number == number)
            return &snapshot->caches[i];

    return NULL;
}

static void compare_caches(struct truth_state *state, const struct snapshot *snapshot,
                           uint64_t event)
{
    for (unsigned i = 0; i < state->truth.nr_caches; i++) {
        const struct truth_cache *t = &state->truth.caches[i];
        const struct cache_snapshot *s = find_cache(snapshot, t->cache);

        if (s == NULL) {
            compare(state, TRUTH_OBJECTS, event, (int64_t)t->objects, -1, "objects of cache %u",
                    t->cache);
            continue;
        }

        bool left = state->entry_left && strcmp(s->name, "ipc_entry") == 0;

        state->placed = state->own_keys && strcmp(s->name, "rdxtree_node") == 0;
        if (state->placed)
            state->node_slab_bytes = ((int64_t)s->slabs - t->slabs) * s->slab_bytes;

        compare(state, TRUTH_OBJECTS, event, (int64_t)t->objects, (int64_t)s->objects + left,
                "objects of %s", s->name);
        compare(state, TRUTH_SLABS, event, t->slabs, s->slabs, "slabs of %s", s->name);
        compare(state, TRUTH_FREE_SLABS, event, t->free_slabs, s->free_slabs, "free slabs of %s",
                s->name);
        compare(state, TRUTH_LAYOUT, event, t->slab_size, s->slab_bytes, "slab size of %s",
                s->name);
        compare(state, TRUTH_LAYOUT, event, t->buffers_per_slab, s->buffers_per_slab,
                "buffers per slab of %s", s->name);
        state->placed = false;
    }
}

/* Free pages as the kernel told them at this point, -1 when it did not, or not of all segments. */
static int64_t kernel_free(const struct truth *truth)
{
    int64_t pages = 0;

    if (truth->has_free_count)
        return truth->free_count != 0 ? (int64_t)truth->free_count : -1;

    for (unsigned i = 0; i < truth->nr_segments; i++) {
        const struct truth_segment *segment = &truth->segments[i];

        if (segment->free == 0)
            return -1;
        pages += segment->free + segment->pool;
    }

    return truth->nr_segments != 0 ? pages : -1;
}

static int64_t stack_free(const struct segment_snapshot *segment)
{
    return (int64_t)segment->counts.free + segment->counts.pool;
}

/* Of each segment, once all of them are known to have free pages. */
static void compare_segments(struct truth_state *state, const struct snapshot *snapshot,
                             uint64_t event)
{
    for (unsigned i = 0; i < state->truth.nr_segments; i++) {
        const struct truth_segment *segment = &state->truth.segments[i];
        int64_t kernel = (int64_t)segment->free + segment->pool;
        int64_t own = stack_free(&snapshot->segments[i]);

        if (!state->pages_known && !state->start_known)
            state->segment_offsets[i] = kernel - own;
        compare(state, TRUTH_PAGES, event, kernel, own + state->segment_offsets[i],
                "free pages of %s", segment_kind_name(snapshot->segments[i].kind));
    }
    state->pages_known = true;
}

static void compare_pages(struct truth_state *state, const struct snapshot *snapshot,
                          uint64_t event)
{
    int64_t kernel = kernel_free(&state->truth);
    int64_t own = state->node_slab_bytes / (int64_t)PAGE_SIZE;

    if (!state->pages_known && kernel < 0)
        return;
    if (state->result->same_design && !state->own_keys && !state->truth.has_free_count &&
        state->truth.nr_segments == snapshot->nr_segments) {
        compare_segments(state, snapshot, event);
        return;
    }

    for (unsigned i = 0; i < snapshot->nr_segments; i++)
        own += stack_free(&snapshot->segments[i]);
    if (kernel < 0)
        kernel = 0;

    if (!state->pages_known && !state->start_known)
        state->segment_offsets[0] = kernel - own;
    state->pages_known = true;

    compare(state, TRUTH_PAGES, event, kernel, own + state->segment_offsets[0], "free pages");
}

static void compare_blocks(struct truth_state *state, const struct snapshot *snapshot)
{
    const struct truth *truth = &state->truth;
    unsigned nr = truth->nr_segments;

    for (unsigned i = 0; i < nr && i < snapshot->nr_segments && i < SEGMENTS_MAX; i++)
        for (unsigned order = 0; order < ORDERS; order++) {
            state->result->blocks_compared++;
            state->result->blocks_different +=
                truth->segments[i].orders[order] != snapshot->segments[i].counts.blocks[order];
        }
}

static void compare_maps(struct truth_state *state, const struct snapshot *snapshot, uint64_t event)
{
    for (unsigned i = 0; i < EVENT_MAPS; i++) {
        const struct truth_map *t = &state->truth.maps[i];
        const struct map_snapshot *s = &snapshot->maps[i];

        if (!t->present || t->max == 0) /* not yet there */
            continue;

        /* The submap exists only where all slabs are in it, those of the nodes too. */
        state->placed = i == EVENT_MAP_KMEM && state->node_slab_bytes != 0;
        compare(state, TRUTH_MAP_ENTRIES, event, t->entries,
                s->name != NULL ? (int64_t)s->counts.entries : -1, "entries of %s", map_names[i]);
        compare(state, TRUTH_MAP_BYTES, event, (int64_t)t->size,
                s->name != NULL ? (int64_t)s->counts.size : -1, "bytes of %s", map_names[i]);
        state->placed = false;
    }
}

static void compare_spaces(struct truth_state *state, struct stack *stack, uint64_t event)
{
    for (unsigned i = 0; i < state->truth.nr_spaces; i++) {
        const struct truth_space *t = &state->truth.spaces[i];
        struct space_snapshot s;

        if (t->space >= state->max_spaces)
            continue;

        stack->ops->space_state(stack, t->space, &s);
        if (t->rights != OBJECT_NONE) /* the kernel counts the placeholder at key 0 */
            compare(state, TRUTH_RIGHTS, event, t->rights,
                    (int64_t)s.rights + 1 + (state->count_left && t->space == state->left_space),
                    "rights of space %u", t->space);
        if (t->table_size != 0)
            compare(state, TRUTH_TABLE, event, t->table_size, s.table_entries,
                    "table entries of space %u", t->space);
    }
}

void truth_compare(struct truth_state *state, struct stack *stack, const struct snapshot *snapshot,
                   uint64_t event)
{
    state->result->points++;
    state->node_slab_bytes = 0;
    compare_caches(state, snapshot, event);
    compare_pages(state, snapshot, event);
    compare_blocks(state, snapshot);
    compare_maps(state, snapshot, event);
    compare_spaces(state, stack, event);
}

void truth_growth(struct truth_state *state, struct stack *stack, uint32_t number, uint32_t before,
                  uint32_t after, bool failed, uint64_t event)
{
    struct truth_growths *space = &state->spaces[number];
    struct space_snapshot s;

    stack->ops->space_state(stack, number, &s);

    if (!failed) {
        space->growths++;
        space->remaps += (uint64_t)before * state->table_entry_bytes >= PAGE_SIZE;
    }

    /* The old size is the one after the last growth, so it needs no comparison of its own once
     * sizes and numbers of growths agree at each. */
    compare(state, TRUTH_GROWTH, event, failed ? before : after, s.table_entries,
            "table entries of space %u after growing from %u", number, before);
    compare(state, TRUTH_GROWTH, event, space->growths, (int64_t)s.growths,
            "growths of the table of space %u", number);
    compare(state, TRUTH_GROWTH, event, space->remaps, (int64_t)s.remaps,
            "remaps of the table of space %u", number);
}

void truth_space_ended(struct truth_state *state, uint32_t space)
{
    memset(&state->spaces[space], 0, sizeof(state->spaces[space]));
}

void truth_name(struct truth_state *state, uint32_t space, uint32_t captured, uint32_t own,
                uint64_t event)
{
    if (state->result->same_space)
        compare(state, TRUTH_NAMES, event, captured, own, "name in space %u", space);
}
