/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A stack from a shared object, as a user would bring one: objects one after the other, never
 * reused. With WRONG_ABI its table is of another version, with GAP it lacks a function.
 */

#include <stdlib.h>

#include "allocators/stack.h"

struct bump {
    struct stack stack;
    uint64_t next;
    uint32_t next_name;
};

static struct stack *bump_open(const struct stack_ops *ops, const struct stack_config *config,
                               struct error *error)
{
    struct bump *bump = calloc(1, sizeof(*bump));

    (void)config, (void)error;
    if (bump == NULL)
        return NULL;

    bump->stack.ops = ops;
    bump->next = PAGE_SIZE;
    return &bump->stack;
}

static void bump_close(struct stack *stack)
{
    free(stack);
}

static uint64_t take(struct stack *stack, uint64_t bytes)
{
    struct bump *bump = (struct bump *)stack;
    uint64_t address = bump->next;

    bump->next += (bytes + 7) & ~(uint64_t)7;
    return address;
}

static void bump_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    (void)stack, (void)frame, (void)nr, (void)descending;
}

static bool bump_cache_create(struct stack *stack, uint32_t cache, const char *name, uint32_t size,
                              uint32_t align, uint32_t flags)
{
    (void)stack, (void)cache, (void)name, (void)size, (void)align, (void)flags;
    return true;
}

static uint64_t bump_cache_alloc(struct stack *stack, uint32_t cache)
{
    (void)cache;
    return take(stack, 64);
}

static void bump_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    (void)stack, (void)cache, (void)object;
}

static void bump_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    (void)stack, (void)object, (void)size;
}

static uint64_t bump_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                enum page_class class, bool contiguous)
{
    (void)highest, (void)class, (void)contiguous;
    return take(stack, (uint64_t)nr * PAGE_SIZE);
}

static void bump_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    (void)stack, (void)address, (void)nr, (void)contiguous;
}

static uint64_t bump_map_alloc(struct stack *stack, enum map_number map, uint64_t bytes,
                               enum kmem_kind kind)
{
    (void)map, (void)kind;
    return take(stack, bytes);
}

static bool bump_map_free(struct stack *stack, enum map_number map, uint64_t address,
                          uint64_t bytes)
{
    (void)stack, (void)map, (void)address, (void)bytes;
    return true;
}

static bool bump_space_create(struct stack *stack, uint32_t space, bool special)
{
    (void)stack, (void)space, (void)special;
    return true;
}

static void bump_space_end(struct stack *stack, uint32_t space)
{
    (void)stack, (void)space;
}

static uint32_t bump_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    (void)space, (void)right;
    return ++((struct bump *)stack)->next_name;
}

static bool bump_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    (void)stack, (void)space, (void)right, (void)name;
    return true;
}

static void bump_name_free(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack, (void)space, (void)name;
}

static uint32_t bump_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack, (void)space, (void)name;
    return RIGHT_NONE;
}

static bool bump_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                uint64_t address)
{
    (void)stack, (void)space, (void)name, (void)address;
    return true;
}

static void bump_reverse_remove(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack, (void)space, (void)address;
}

static uint32_t bump_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack, (void)space, (void)address;
    return RIGHT_NONE;
}

static void bump_reap(struct stack *stack)
{
    (void)stack;
}

static void bump_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    (void)stack, (void)deep;
    *snapshot = (struct snapshot){0};
}

static void bump_occupancy(struct stack *stack, enum occupancy_of which,
                           struct occupancy_picture *picture)
{
    (void)stack, (void)which;
    picture->cells = 0;
}

static void bump_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    (void)stack;
    *state = (struct space_snapshot){.space = space};
}

static __attribute__((unused)) int bump_check(struct stack *stack, struct error *error)
{
    (void)stack, (void)error;
    return 0;
}

static void *bump_content(struct stack *stack, uint64_t address, bool physical)
{
    (void)stack, (void)address, (void)physical;
    return NULL;
}

extern const struct stack_ops allotrope_stack;

const struct stack_ops allotrope_stack = {
#ifdef WRONG_ABI
    .abi = STACK_ABI + 1,
#else
    .abi = STACK_ABI,
#endif
    .name = "bump",
    .summary = "one after the other",
    .space = "",
    .backend = "",
    .pages = "",
    .map = "",
    .open = bump_open,
    .close = bump_close,
    .boot_pages = bump_boot_pages,
    .cache_create = bump_cache_create,
    .cache_alloc = bump_cache_alloc,
    .cache_free = bump_cache_free,
    .kalloc = take,
    .kfree = bump_kfree,
    .page_alloc = bump_page_alloc,
    .page_free = bump_page_free,
    .map_alloc = bump_map_alloc,
    .map_free = bump_map_free,
    .space_create = bump_space_create,
    .space_destroy = bump_space_end,
    .space_release = bump_space_end,
    .name_alloc = bump_name_alloc,
    .name_alloc_at = bump_name_alloc_at,
    .name_free = bump_name_free,
    .name_lookup = bump_name_lookup,
    .reverse_insert = bump_reverse_insert,
    .reverse_remove = bump_reverse_remove,
    .reverse_lookup = bump_reverse_lookup,
    .reap = bump_reap,
    .snapshot = bump_snapshot,
    .occupancy = bump_occupancy,
    .space_state = bump_space_state,
#ifndef GAP
    .check = bump_check,
#endif
    .content = bump_content,
};
