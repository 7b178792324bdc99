/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What --check asks for: every object holds a pattern while it lives, is aligned, and is whole when
 * it goes; lookups find what they look for; the stack's own structures are walked at intervals.
 */

#include "replay/engine_private.h"

#include <string.h>

#include "replay/pattern.h"

static void *object_content(struct engine *engine, const struct event *event, uint64_t address)
{
    return engine->ops->content(engine->stack, address,
                                event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_PAGE_FREE);
}

/* Only ranges with pages behind them have a content. */
static bool has_content(const struct event *event)
{
    unsigned kind = event->flags & 0xf;

    return event->kind != EVENT_MAP_ALLOC ||
           (kind != EVENT_MAP_PAGEABLE && kind != EVENT_MAP_SUBMAP);
}

static uint64_t object_bytes(const struct event *event, uint32_t size)
{
    return event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_PAGE_FREE
               ? (uint64_t)size * PAGE_SIZE
               : size;
}

static uint64_t object_align(const struct engine *engine, const struct event *event)
{
    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        return engine->cache_aligns[event->where];
    case EVENT_KALLOC:
        return 8;
    default:
        return PAGE_SIZE;
    }
}

int engine_check_new(struct engine *engine, const struct event *event, uint64_t address,
                     uint32_t size, struct error *error)
{
    uint64_t align = object_align(engine, event);
    void *content = has_content(event) ? object_content(engine, event, address) : NULL;

    engine->patterned[event->object] = false;
    if (content == NULL)
        return 0;

    if ((address & (align - 1)) != 0) {
        error_set(error, "address %" PRIx64 " is not aligned to %" PRIu64, address, align);
        return engine_fault(engine, event, error);
    }

    pattern_write(content, object_bytes(event, size), event->object, 0);
    engine->patterned[event->object] = true;
    return 0;
}

int engine_check_old(struct engine *engine, const struct event *event, uint64_t offset,
                     uint64_t bytes, struct error *error)
{
    const struct object *object = &engine->objects[event->object];
    void *content = object_content(engine, event, object->address + offset);

    if (content == NULL)
        return 0;

    if (!engine->patterned[event->object])
        return 0;

    uint64_t found = pattern_verify(content, bytes, event->object, offset);

    engine->result->patterns++;
    if (found == bytes)
        return 0;

    error_set(error,
              "byte %" PRIu64 " of object %" PRIu32 " at %" PRIx64 " (%" PRIu64
              " bytes) was overwritten",
              offset + found, event->object, object->address, bytes);
    return engine_fault(engine, event, error);
}

int engine_check_range(struct engine *engine, const struct event *event, struct error *error)
{
    const struct object *object = &engine->objects[event->object];
    uint64_t end = event->address + event->size;

    if (!engine->patterned[event->object] || event->address >= object->size)
        return 0;
    if (end > object->size)
        end = object->size;

    return engine_check_old(engine, event, event->address, end - event->address, error);
}

int engine_check_right(struct engine *engine, const struct event *event, uint32_t found,
                       struct error *error)
{
    if (engine->stack->ops->space[0] == '\0' || found == event->object)
        return 0;

    error_set(error, "right %" PRIu32 " of space %" PRIu32 " was looked up, %" PRIu32 " was found",
              event->object, event->where, found);
    return engine_fault(engine, event, error);
}

/* The patterns of all objects of caches and of kalloc that are alive. */
static int check_live(struct engine *engine, struct error *error)
{
    for (uint32_t i = 0; i < engine->max_objects; i++) {
        const struct object *object = &engine->objects[i];
        struct event made = {.kind = (uint8_t)object->tag, .object = i};

        if (!engine->patterned[i] || object->address == 0 ||
            (made.kind != EVENT_CACHE_ALLOC && made.kind != EVENT_KALLOC))
            continue;

        void *content = object_content(engine, &made, object->address);
        uint64_t found = pattern_verify(content, object->size, i, 0);

        if (found != object->size)
            return error_set(error,
                             "byte %" PRIu64 " of object %" PRIu32 " at %" PRIx64 " (%" PRIu32
                             " bytes) was overwritten",
                             found, i, object->address, object->size);
        engine->result->live_patterns++;
    }

    return 0;
}

int engine_check_stack(struct engine *engine, uint64_t number, struct error *error)
{
    engine->result->checks++;
    engine->result->live_patterns = 0; /* those of the last check are told */

    if (engine->ops->check(engine->stack, error) == 0 && check_live(engine, error) == 0)
        return 0;

    return error_prefix(error, "stack %s, after event %" PRIu64 ": ", engine->ops->name, number);
}
