/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The null stack grants every request and does nothing.
 *
 * What a replay through it costs is the cost of the engine and of decoding the trace: the floor
 * under every other figure. It never ran anywhere, holds nothing, and is worse than its rivals in
 * that its addresses are all the same: nothing may be stored behind them, so it has no content to
 * check.
 */

#include "allocators/stack_null.h"

#include <stdlib.h>
#include <string.h>

#define NULL_ADDRESS PAGE_SIZE

static struct stack *null_open(const struct stack_ops *ops, const struct stack_config *config,
                               struct error *error)
{
    (void)config;

    struct stack *stack = calloc(1, sizeof(*stack));

    if (stack == NULL) {
        error_set(error, "no memory for the stack");
        return NULL;
    }

    stack->ops = ops;
    return stack;
}

static void null_close(struct stack *stack)
{
    free(stack);
}

static void null_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    (void)stack, (void)frame, (void)nr, (void)descending;
}

static bool null_cache_create(struct stack *stack, uint32_t cache, const char *name, uint32_t size,
                              uint32_t align, uint32_t flags)
{
    (void)stack, (void)cache, (void)name, (void)size, (void)align, (void)flags;
    return true;
}

static uint64_t null_cache_alloc(struct stack *stack, uint32_t cache)
{
    (void)stack, (void)cache;
    return NULL_ADDRESS;
}

static void null_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    (void)stack, (void)cache, (void)object;
}

static uint64_t null_kalloc(struct stack *stack, uint64_t size)
{
    (void)stack;
    return size == 0 ? 0 : NULL_ADDRESS;
}

static void null_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    (void)stack, (void)object, (void)size;
}

static uint64_t null_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                enum page_class class, bool contiguous)
{
    (void)stack, (void)nr, (void)highest, (void)class, (void)contiguous;
    return NULL_ADDRESS;
}

static void null_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    (void)stack, (void)address, (void)nr, (void)contiguous;
}

static uint64_t null_map_alloc(struct stack *stack, enum map_number map, uint64_t bytes,
                               enum kmem_kind kind)
{
    (void)stack, (void)map, (void)bytes, (void)kind;
    return NULL_ADDRESS;
}

static bool null_map_free(struct stack *stack, enum map_number map, uint64_t address,
                          uint64_t bytes)
{
    (void)stack, (void)map, (void)address, (void)bytes;
    return true;
}

static bool null_space_create(struct stack *stack, uint32_t space, bool special)
{
    (void)stack, (void)space, (void)special;
    return true;
}

static void null_space_end(struct stack *stack, uint32_t space)
{
    (void)stack, (void)space;
}

static uint32_t null_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    (void)stack, (void)space, (void)right;
    return 1;
}

static bool null_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    (void)stack, (void)space, (void)right, (void)name;
    return true;
}

static void null_name_free(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack, (void)space, (void)name;
}

static uint32_t null_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack, (void)space, (void)name;
    return RIGHT_NONE;
}

static bool null_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                uint64_t address)
{
    (void)stack, (void)space, (void)name, (void)address;
    return true;
}

static void null_reverse_remove(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack, (void)space, (void)address;
}

static uint32_t null_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack, (void)space, (void)address;
    return RIGHT_NONE;
}

static void null_reap(struct stack *stack)
{
    (void)stack;
}

static void null_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    (void)stack, (void)deep;
    memset(snapshot, 0, sizeof(*snapshot));
}

static void null_occupancy(struct stack *stack, enum occupancy_of which,
                           struct occupancy_picture *picture)
{
    (void)stack, (void)which;
    picture->cells = 0;
}

static void null_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    (void)stack;
    *state = (struct space_snapshot){.space = space};
}

static int null_check(struct stack *stack, struct error *error)
{
    (void)stack, (void)error;
    return 0;
}

static void *null_content(struct stack *stack, uint64_t address, bool physical)
{
    (void)stack, (void)address, (void)physical;
    return NULL;
}

const struct stack_ops stack_null = {
    .abi = STACK_ABI,
    .name = "null",
    .summary = "grants everything and does nothing: the cost of the engine itself",
    .space = "",
    .backend = "",
    .pages = "",
    .map = "",
    .open = null_open,
    .close = null_close,
    .boot_pages = null_boot_pages,
    .cache_create = null_cache_create,
    .cache_alloc = null_cache_alloc,
    .cache_free = null_cache_free,
    .kalloc = null_kalloc,
    .kfree = null_kfree,
    .page_alloc = null_page_alloc,
    .page_free = null_page_free,
    .map_alloc = null_map_alloc,
    .map_free = null_map_free,
    .space_create = null_space_create,
    .space_destroy = null_space_end,
    .space_release = null_space_end,
    .name_alloc = null_name_alloc,
    .name_alloc_at = null_name_alloc_at,
    .name_free = null_name_free,
    .name_lookup = null_name_lookup,
    .reverse_insert = null_reverse_insert,
    .reverse_remove = null_reverse_remove,
    .reverse_lookup = null_reverse_lookup,
    .reap = null_reap,
    .snapshot = null_snapshot,
    .occupancy = null_occupancy,
    .space_state = null_space_state,
    .check = null_check,
    .content = null_content,
};
