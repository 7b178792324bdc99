/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 5: what pages alone waste.
 *
 * `radix+direct` has no slabs: each object is a run of pages of its own from the buddy allocator.
 * Held against `radix+hybrid`, which differs in nothing else, it says what slabs are worth. Both
 * are looked at where the objects of a capture ask for most, and the memory is the same for both;
 * where the captured machine is too small for `direct`, that is told too.
 */

#include "replay/history_private.h"

#include <inttypes.h>

#define MEMORY (UINT64_C(512) << 20)

static const char *const traces[] = {"storm", "ext2fs", "build", "pressure"};

#define TRACES (sizeof(traces) / sizeof(traces[0]))

struct use {
    uint64_t asked, held; /* bytes of objects in slabs: as asked for, as held */
    uint64_t peak;        /* bytes of pages of all kinds, at most */
    uint64_t refused;
    char mark[REPLAY_NAME_MAX];
};

/* The mark at which objects ask for most: of equals the last. */
static const struct replay_point *fullest(const struct replay_result *result)
{
    const struct replay_point *best = &result->end;

    for (unsigned i = result->nr_points; i-- > 0;)
        if (result->points[i].slab_requested > best->slab_requested)
            best = &result->points[i];

    return best;
}

static int use_run(struct history *history, const char *trace, const char *stack, uint64_t memory,
                   struct use *use, struct error *error)
{
    struct replay_options options = {.memory = memory};
    struct replay_result result;
    int status = history_replay(history, trace, stack_find(stack), &options, &result, error);

    if (status == 0) {
        const struct replay_point *point = fullest(&result);

        *use = (struct use){.asked = point->slab_requested,
                            .held = point->held.slab_bytes,
                            .peak = result.snapshot.peak.page_bytes,
                            .refused = replay_refused(&result)};
        snprintf(use->mark, sizeof(use->mark), "%s", point->name);
    }

    replay_result_free(&result);
    return status;
}

static void use_row(struct history_table *table, const char *trace, const struct use *hybrid,
                    const struct use *direct)
{
    history_table_text(table, trace);
    history_table_text(table, hybrid->mark);
    history_table_number(table, hybrid->asked);
    history_table_number(table, hybrid->held);
    history_table_percent(table, hybrid->held - hybrid->asked, hybrid->held);
    history_table_number(table, direct->held);
    history_table_percent(table, direct->held - direct->asked, direct->held);
    history_table_number(table, direct->held / hybrid->held);
}

static int use_rows(struct history *history, struct history_table *table, struct use hybrid[TRACES],
                    struct use direct[TRACES], struct error *error)
{
    for (unsigned i = 0; i < TRACES; i++) {
        if (use_run(history, traces[i], "radix+hybrid", MEMORY, &hybrid[i], error) != 0 ||
            use_run(history, traces[i], "radix+direct", MEMORY, &direct[i], error) != 0)
            return -1;
        if (history_hold(history, hybrid[i].refused == 0 && direct[i].refused == 0,
                         "512 MiB are enough for both", error) != 0 ||
            history_hold(history, direct[i].held > 10 * hybrid[i].held,
                         "pages alone hold more than ten times as much", error) != 0)
            return -1;
        use_row(table, traces[i], &hybrid[i], &direct[i]);
    }

    return 0;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

int history_direct(struct history *history, struct error *error)
{
    struct use hybrid[TRACES], direct[TRACES], small_hybrid, small_direct;
    struct history_table table;
    uint64_t per_page[2] = {UINT64_MAX, 0}, times = UINT64_MAX, waste = 0;

    history_say(history,
                "Slabs on the buddy allocator were the idea of February 2016, and one-page "
                "slabs on it are what is left. What do they add to pages alone? Nobody "
                "proposed to do without; this is a measure for the other figures. The "
                "run: the captures of the Hurd on a machine of 512 MiB, with slabs on the "
                "buddy allocator (`radix+hybrid`) and without any, a run of pages for each "
                "object (`radix+direct`). Looked at is the mark at which the objects ask "
                "for most; waste is what is held beyond what is asked for. The last "
                "column is how many times as much is held without slabs.");
    history_table_begin(&table, 2,
                        "trace|mark|bytes asked|hybrid holds|waste|direct holds|waste|times");
    if (use_rows(history, &table, hybrid, direct, error) != 0 ||
        use_run(history, "pressure", "radix+hybrid", 0, &small_hybrid, error) != 0 ||
        use_run(history, "pressure", "radix+direct", 0, &small_direct, error) != 0 ||
        history_hold(history, small_hybrid.refused == 0 && small_direct.refused > 0,
                     "on the captured machine only slabs go through", error) != 0)
        return -1;

    for (unsigned i = 0; i < TRACES; i++) {
        uint64_t bytes = direct[i].asked * PAGE_SIZE / direct[i].held;

        per_page[0] = lower(per_page[0], bytes);
        per_page[1] = higher(per_page[1], bytes);
        times = lower(times, direct[i].held / hybrid[i].held);
        waste = higher(waste, hybrid[i].held - hybrid[i].asked);
    }

    history_table_print(history, &table);
    history_say(history,
                "A page alone holds %" PRIu64 " to %" PRIu64 " bytes of object here, so without "
                "slabs at least %" PRIu64 " times as much is held. In `storm` the pages of the "
                "whole machine, those of files included, go from %" PRIu64
                " bytes at most to %" PRIu64
                ". On the captured machine of `pressure`, with 128 MiB, slabs refuse "
                "nothing, and pages alone refuse %" PRIu64 " requests. Against that the waste of "
                "slabs is small: never more than %" PRIu64 " bytes at these marks.",
                per_page[0], per_page[1], times, hybrid[0].peak, direct[0].peak,
                small_direct.refused, waste);
    history_say(history, "Again:");
    history_commands(history, "allotrope replay --stack radix+hybrid,radix+direct "
                              "traces/captured/storm.trace\n"
                              "allotrope replay --stack radix+hybrid,radix+direct "
                              "traces/captured/pressure.trace\n");
    return 0;
}
