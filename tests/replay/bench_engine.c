/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the engine costs, in four figures of the same run: decoding a trace alone, replaying it
 * through the null stack (decoding included), replaying it through radix+hybrid, and a loop written
 * by hand that makes the same calls of the same allocators directly. Repetitions are interleaved
 * and the best of each is taken. Each line of what is printed: figure, measured, target.
 *
 *   bench_engine TRACE [REPETITIONS]
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allocators/stack_kernel.h"
#include "replay/engine.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const struct error *error)
{
    fprintf(stderr, "bench_engine: %s\n", error->text);
    exit(1);
}

/* ---- Decoding alone ---- */

static double decode(struct trace_reader *trace)
{
    struct error error = {.text = ""};
    const struct event *events;
    uint64_t sum = 0;
    double start = now();
    int nr;

    if (trace_rewind(trace, &error) != 0)
        die(&error);
    while ((nr = trace_read(trace, &events, &error)) > 0)
        for (int i = 0; i < nr; i++)
            sum += events[i].object;
    if (nr < 0 || sum == UINT64_MAX)
        die(&error);

    return now() - start;
}

static double replay(struct trace_reader *trace, const char *stack)
{
    struct replay_options options = {0};
    struct replay_result result;
    struct error error = {.text = ""};

    if (replay_run(trace, stack_find(stack), &options, &result, &error) != 0)
        die(&error);
    replay_result_free(&result);
    return (double)result.wall_ns * 1e-9;
}

/* ---- By hand ---- */

struct hand {
    struct kernel_stack *ks;
    uint64_t *objects;
    uint32_t *names;
    uint64_t *reverse;
    uint8_t cache[256];
    uint32_t size[256];
};

static void hand_event(struct hand *hand, const struct trace_reader *trace,
                       const struct event *event)
{
    struct kernel_stack *ks = hand->ks;
    struct space_system *spaces = &ks->spaces;
    uint64_t *object = &hand->objects[event->object];
    uint32_t *name = &hand->names[event->object];
    uint64_t *reverse = &hand->reverse[event->object];
    uint32_t frame;

    ks->stack.privileged = event->task == 0;
    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
        *object = cache_alloc(&ks->slabs, hand->cache[event->where], hand->size[event->where]);
        break;
    case EVENT_CACHE_FREE:
        cache_free(&ks->slabs, hand->cache[event->where], *object, hand->size[event->where]);
        break;
    case EVENT_KALLOC:
        *object = kalloc(&ks->slabs, event->size);
        break;
    case EVENT_KFREE:
        kfree(&ks->slabs, *object, event->size);
        break;
    case EVENT_PAGE_ALLOC:
        frame =
            event->size == 1 && (event->flags & EVENT_CONTIGUOUS) == 0
                ? ks->pages.ops->grab(&ks->pages, (enum segment_kind)event->where)
                : ks->pages.ops->grab_run(&ks->pages, event->size, (enum segment_kind)event->where);
        *object = (uint64_t)frame << PAGE_SHIFT;
        break;
    case EVENT_PAGE_FREE:
        frame = (uint32_t)(*object >> PAGE_SHIFT);
        if (event->size == 1 && (event->flags & EVENT_CONTIGUOUS) == 0)
            ks->pages.ops->put(&ks->pages, frame);
        else
            ks->pages.ops->put_run(&ks->pages, frame, event->size);
        break;
    case EVENT_MAP_ALLOC: /* rare: through the stack */
        *object = ks->stack.ops->map_alloc(&ks->stack, (enum map_number)event->where, event->size,
                                           (enum kmem_kind)(event->flags & 0xf));
        break;
    case EVENT_MAP_FREE:
        ks->stack.ops->map_free(&ks->stack, (enum map_number)event->where, *object + event->address,
                                event->size);
        break;
    case EVENT_SPACE_CREATE:
        spaces->ops->create(spaces, event->where, (event->flags & EVENT_SPECIAL) != 0);
        break;
    case EVENT_SPACE_DESTROY:
        spaces->ops->destroy(spaces, event->where);
        break;
    case EVENT_SPACE_RELEASE:
        spaces->ops->release(spaces, event->where);
        break;
    case EVENT_NAME_ALLOC:
        *name = spaces->ops->name_alloc(spaces, event->where, event->object);
        break;
    case EVENT_NAME_ALLOC_AT:
        spaces->ops->name_alloc_at(spaces, event->where, event->object, event->size);
        *name = event->size;
        break;
    case EVENT_NAME_FREE:
        spaces->ops->name_free(spaces, event->where, *name);
        break;
    case EVENT_NAME_LOOKUP:
        spaces->ops->name_lookup(spaces, event->where, *name);
        break;
    case EVENT_REVERSE_INSERT:
        *reverse = event->size != OBJECT_NONE ? hand->objects[event->size] : event->address;
        spaces->ops->reverse_insert(spaces, event->where, *name, *reverse);
        break;
    case EVENT_REVERSE_REMOVE:
        spaces->ops->reverse_remove(spaces, event->where, *reverse);
        break;
    case EVENT_REVERSE_LOOKUP:
        spaces->ops->reverse_lookup(spaces, event->where, *reverse);
        break;
    case EVENT_REAP:
        slab_reap(&ks->slabs);
        break;
    case EVENT_BOOT_PAGES:
        ks->stack.ops->boot_pages(&ks->stack, event->object, event->size,
                                  (event->flags & EVENT_DESCENDING) != 0);
        break;
    case EVENT_CACHE_CREATE: {
        struct cache_definition definition;
        struct error error = {.text = ""};

        if (trace_decode_cache(trace, event, &definition, &error) != 0)
            die(&error);
        ks->stack.ops->cache_create(&ks->stack, event->where, definition.name, definition.size,
                                    definition.align, definition.flags);
        hand->cache[event->where] = ks->cache_index[event->where];
        hand->size[event->where] = ks->slabs.caches[hand->cache[event->where]].object_size;
        break;
    }
    default:
        break;
    }
}

static double by_hand(struct trace_reader *trace)
{
    const struct trace_totals *totals = trace_totals(trace);
    const struct stack_ops *ops = stack_find("radix+hybrid");
    struct replay_options options = {0};
    struct segment segments[SEGMENTS_MAX];
    struct stack_config config;
    struct hand hand = {0};
    struct error error = {.text = ""};
    const struct event *events;
    size_t nr_objects = totals->peak_objects + 1u, nr_rights = totals->peak_rights + 1u;
    int nr;

    if (nr_rights < nr_objects)
        nr_rights = nr_objects; /* one index serves both arrays */
    nr_objects = nr_rights;

    if (replay_configure(trace, &options, segments, &config, &error) != 0 ||
        trace_rewind(trace, &error) != 0)
        die(&error);

    struct stack *stack = ops->open(ops, &config, &error);

    if (stack == NULL)
        die(&error);
    hand.ks = kernel_stack(stack);
    hand.objects = host_reserve(nr_objects * sizeof(uint64_t), &error);
    hand.names = host_reserve(nr_rights * sizeof(uint32_t), &error);
    hand.reverse = host_reserve(nr_rights * sizeof(uint64_t), &error);
    if (hand.objects == NULL || hand.names == NULL || hand.reverse == NULL)
        die(&error);

    double start = now();

    while ((nr = trace_read(trace, &events, &error)) > 0)
        for (int i = 0; i < nr; i++)
            if ((events[i].flags & EVENT_FAILED) == 0 && events[i].kind < EVENT_GROWTH)
                hand_event(&hand, trace, &events[i]);

    double seconds = now() - start;

    if (nr < 0)
        die(&error);
    host_unreserve(hand.objects, nr_objects * sizeof(uint64_t));
    host_unreserve(hand.names, nr_rights * sizeof(uint32_t));
    host_unreserve(hand.reverse, nr_rights * sizeof(uint64_t));
    ops->close(stack);
    return seconds;
}

static void keep_best(double *best, double seconds)
{
    if (*best == 0 || seconds < *best)
        *best = seconds;
}

int main(int argc, char **argv)
{
    struct error error = {.text = ""};
    int repetitions = argc > 2 ? atoi(argv[2]) : 7;
    double decoding = 0, null = 0, engine = 0, hand = 0;

    if (argc < 2) {
        fputs("usage: bench_engine TRACE [REPETITIONS]\n", stderr);
        return 2;
    }

    struct trace_reader *trace = trace_open(argv[1], &error);

    if (trace == NULL)
        die(&error);

    for (int i = 0; i < repetitions; i++) {
        keep_best(&decoding, decode(trace));
        keep_best(&null, replay(trace, "null"));
        keep_best(&hand, by_hand(trace));
        keep_best(&engine, replay(trace, "radix+hybrid"));
    }

    double events = (double)trace_totals(trace)->events * 1e-6;

    const char *name = strrchr(argv[1], '/') != NULL ? strrchr(argv[1], '/') + 1 : argv[1];

    printf("%s: decode, %.1f M events/s, at least 60\n", name, events / decoding);
    printf("%s: null replay with decoding, %.1f M events/s, at least 60\n", name, events / null);
    printf("%s: null replay / decode, time ratio %.3f, -\n", name, null / decoding);
    printf("%s: radix+hybrid, %.1f M events/s, -\n", name, events / engine);
    printf("%s: radix+hybrid by hand, %.1f M events/s, -\n", name, events / hand);
    printf("%s: radix+hybrid / by hand, time ratio %.3f, at most 1.15\n", name, engine / hand);
    trace_close(trace);
    return 0;
}
