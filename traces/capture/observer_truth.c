/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Truth: the kernel's own counters, read between two calls.
 *
 * Caches hang on one list in order of their creation; physical segments are an array; the kernel
 * map is one pointer away. All of it is read with the guest stopped in the middle of an
 * instruction of no observed call, so what is read belongs together.
 */

#include <string.h>

#include "traces/capture/observer_private.h"

#define CACHES_MAX   4096 /* a list that is longer is none */
#define SEGMENTS_MAX 8
#define ORDERS       11

static void counter(struct observer *observer, const char *name, uint64_t value)
{
    log_text(observer, " ");
    log_text(observer, name);
    log_text(observer, " ");
    log_decimal_number(observer, value);
}

static void counter_hex(struct observer *observer, const char *name, uint64_t value)
{
    log_text(observer, " ");
    log_text(observer, name);
    log_text(observer, " ");
    log_hex(observer, value);
}

static void truth_cache(struct observer *observer, uint64_t cache)
{
    static const struct {
        const char *name;
        unsigned place;
    } counters[] = {
        {"slab_size", PLAN_CACHE_SLAB_SIZE}, {"bufs_per_slab", PLAN_CACHE_BUFS_PER_SLAB},
        {"nr_objs", PLAN_CACHE_NR_OBJS},     {"nr_free_slabs", PLAN_CACHE_NR_FREE_SLABS},
        {"obj_size", PLAN_CACHE_OBJ_SIZE},   {"align", PLAN_CACHE_ALIGN},
        {"buf_size", PLAN_CACHE_BUF_SIZE},   {"nr_bufs", PLAN_CACHE_NR_BUFS},
        {"nr_slabs", PLAN_CACHE_NR_SLABS},
    };
    const struct plan_place *name = &observer->plan->places[PLAN_CACHE_NAME];
    char text[TASK_NAME];

    guest_text(observer, cache + name->at, text,
               name->size < sizeof(text) ? name->size : sizeof(text));
    log_text(observer, "Q cache ");
    log_hex(observer, cache);
    log_text(observer, " ");
    log_text(observer, text[0] != '\0' ? text : "?");
    counter_hex(observer, "flags", guest_place(observer, cache, PLAN_CACHE_FLAGS));
    for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        counter(observer, counters[i].name, guest_place(observer, cache, counters[i].place));
    log_line_end(observer);
}

static void truth_caches(struct observer *observer)
{
    const struct plan_place *places = observer->plan->places;
    uint64_t head = places[PLAN_CACHE_LIST].at;
    uint64_t node = guest_place(observer, head, PLAN_LIST_NEXT);

    for (unsigned i = 0; node != head && node != 0 && i < CACHES_MAX; i++) {
        truth_cache(observer, node - places[PLAN_CACHE_NODE].at);
        node = guest_place(observer, node, PLAN_LIST_NEXT);
    }
}

/* One count, or (since 2026) one for pages of anonymous memory and one for those of pagers. */
static uint64_t queue_pages(const struct observer *observer, uint64_t segment, unsigned whole,
                            unsigned internal, unsigned external)
{
    const struct plan_place *places = observer->plan->places;

    if (places[whole].known)
        return guest_place(observer, segment, whole);
    if (!places[internal].known || !places[external].known)
        return 0;
    return guest_place(observer, segment, internal) + guest_place(observer, segment, external);
}

static void truth_segment(struct observer *observer, unsigned index, uint64_t segment)
{
    const struct plan_place *places = observer->plan->places;
    uint64_t lists = places[PLAN_SEGMENT_LISTS].size / places[PLAN_FREE_LIST].size;

    log_text(observer, "Q seg ");
    log_decimal_number(observer, index);
    counter_hex(observer, "start", guest_place(observer, segment, PLAN_SEGMENT_START));
    counter_hex(observer, "end", guest_place(observer, segment, PLAN_SEGMENT_END));
    counter(observer, "free", guest_place(observer, segment, PLAN_SEGMENT_FREE));
    counter(observer, "pool", guest_place(observer, segment, PLAN_SEGMENT_POOL));
    log_text(observer, " orders");
    for (uint64_t order = 0; order < ORDERS; order++) {
        uint64_t list = segment + order * places[PLAN_FREE_LIST].size;

        log_text(observer, " ");
        log_decimal_number(observer,
                           order < lists ? guest_place(observer, list, PLAN_SEGMENT_LIST) : 0);
    }
    counter(observer, "active",
            queue_pages(observer, segment, PLAN_SEGMENT_ACTIVE, PLAN_ACTIVE_INTERNAL,
                        PLAN_ACTIVE_EXTERNAL));
    counter(observer, "inactive",
            queue_pages(observer, segment, PLAN_SEGMENT_INACTIVE, PLAN_INACTIVE_INTERNAL,
                        PLAN_INACTIVE_EXTERNAL));
    log_line_end(observer);
}

static void truth_segments(struct observer *observer)
{
    const struct plan_place *places = observer->plan->places;
    uint64_t nr = guest_place(observer, 0, PLAN_SEGMENTS_SIZE);

    for (unsigned i = 0; i < nr && i < SEGMENTS_MAX; i++)
        truth_segment(observer, i, places[PLAN_SEGMENTS].at + i * places[PLAN_SEGMENT].size);
}

static void truth_map(struct observer *observer)
{
    uint64_t map = guest_place(observer, 0, PLAN_KERNEL_MAP);

    log_text(observer, "Q kernel_map");
    counter_hex(observer, "min", map == 0 ? 0 : guest_place(observer, map, PLAN_MAP_START));
    counter_hex(observer, "max", map == 0 ? 0 : guest_place(observer, map, PLAN_MAP_END));
    counter(observer, "entries", map == 0 ? 0 : guest_place(observer, map, PLAN_MAP_ENTRIES));
    counter(observer, "size", map == 0 ? 0 : guest_place(observer, map, PLAN_MAP_SIZE));
    log_line_end(observer);
}

void observer_truth(struct observer *observer)
{
    observer->truth_due = false;
    if (observer->plan->truth_every != 0)
        observer->truth_at = observer->calls + observer->plan->truth_every;
    log_text(observer, "Q time ");
    log_decimal_number(observer, observer->time);
    log_line_end(observer);
    truth_caches(observer);
    truth_segments(observer);
    truth_map(observer);
}
