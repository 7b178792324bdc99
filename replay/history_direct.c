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

int history_direct(struct history *history, struct error *error)
{
    struct use hybrid[TRACES], direct[TRACES], small_hybrid, small_direct;
    struct history_table table;

    history_say(history,
                "The slab allocator came in 2011, and with the buddy allocator of 2016 the "
                "question came back what slabs are for, when pages are cheap to get. The "
                "run: the captures of the Hurd on a machine of 512 MiB, with slabs on the "
                "buddy allocator and without any, a run of pages for each object. Looked "
                "at is the mark at which the objects of `radix+hybrid` ask for most; "
                "waste is what is held beyond what is asked for. The last column is how "
                "many times as much is held without slabs.");
    history_table_begin(&table, 2,
                        "trace|mark|bytes asked|hybrid holds|waste|direct holds|waste|times");
    if (use_rows(history, &table, hybrid, direct, error) != 0 ||
        use_run(history, "pressure", "radix+hybrid", 0, &small_hybrid, error) != 0 ||
        use_run(history, "pressure", "radix+direct", 0, &small_direct, error) != 0 ||
        history_hold(history, small_hybrid.refused == 0 && small_direct.refused > 0,
                     "on the captured machine only slabs go through", error) != 0)
        return -1;

    history_table_print(history, &table);
    history_say(history,
                "Nearly all objects of this kernel are smaller than a tenth of a page, so pages "
                "alone hold at least %" PRIu64 " times what slabs hold. In `storm` the pages of "
                "the whole machine, files included, go from %" PRIu64 " bytes to %" PRIu64 ". On "
                "the captured machine of `pressure`, with 128 MiB, slabs refuse nothing and pages "
                "alone refuse %" PRIu64 " requests. Waste of slabs is a matter of a few hundred "
                "kilobytes here; it is mostly the one slab that each cache has begun, and slabs "
                "that a burst left behind until the kernel reaps.",
                direct[2].held / hybrid[2].held, hybrid[0].peak, direct[0].peak,
                small_direct.refused);
    history_say(history, "Again:");
    history_commands(history, "allotrope replay --stack radix+hybrid,radix+direct "
                              "traces/captured/storm.trace\n"
                              "allotrope replay --stack radix+hybrid,radix+direct "
                              "traces/captured/pressure.trace\n");
    return 0;
}
