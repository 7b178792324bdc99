/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 1: a table that could not grow.
 *
 * The trace is the record of a 1.5 kernel in which one task allocated receive rights until it was
 * told that there is a shortage. It is replayed through all six designs that keep rights in tables
 * or trees and slabs anywhere. Two things can be told apart by that: whether it is the table that
 * fails, and whether it would fail alone. The three table stacks differ in where slabs lie, and
 * the kernel map at the end shows what came between the tables.
 */

#include "replay/history_private.h"

#include <inttypes.h>
#include <string.h>

#define TRACE "historical/table+vm-1.5-exhaust"

static const char *const stacks[] = {"table+vm", "table+buddy", "table+hybrid",
                                     "radix+vm", "radix+buddy", "radix+hybrid"};

#define STACKS (sizeof(stacks) / sizeof(stacks[0]))

/* What chapter 1 keeps of a replay. */
struct growth {
    uint64_t refused;              /* name-alloc requests */
    struct replay_failure failure; /* the first of them */
    uint64_t peak;                 /* bytes of tables, or nodes and entries */
    struct map_counts map;         /* the one that tables grow in, at the end */
    const char *map_name;
    uint32_t entries; /* of the table */
    uint64_t remaps;
};

static void growth_read(struct growth *growth, const struct replay_result *result)
{
    const struct map_snapshot *submap = &result->snapshot.maps[MAP_SLAB];

    memset(growth, 0, sizeof(*growth));
    growth->refused = replay_refused(result) + result->kernel_refused_too;
    if (result->nr_failures != 0)
        growth->failure = result->failures[0];
    growth->peak = result->snapshot.peak.space_bytes;
    growth->map_name = submap->name;
    growth->map = submap->counts;
    growth->entries = result->snapshot.spaces[0].table_entries;
    growth->remaps = result->snapshot.spaces[0].remaps;
}

static int growth_run(struct history *history, const char *stack, uint64_t memory,
                      struct growth *growth, struct error *error)
{
    struct replay_options options = {.memory = memory};
    struct replay_result result;
    int status = history_replay(history, TRACE, stack_find(stack), &options, &result, error);

    if (status == 0)
        growth_read(growth, &result);
    replay_result_free(&result);
    return status;
}

static void growth_row(struct history_table *table, const char *stack, const struct growth *growth)
{
    history_table_text(table, stack);
    history_table_number(table, growth->peak);
    if (growth->refused != 0)
        history_table_number(table, growth->failure.event);
    else
        history_table_text(table, "none");
    history_table_number(table, growth->map.size);
    history_table_number(table, growth->map.free);
    history_table_number(table, growth->map.holes);
    history_table_number(table, growth->map.largest_hole);
}

static bool same_failure(const struct failure *a, const struct failure *b)
{
    return a->cause == b->cause && strcmp(a->resource, b->resource) == 0 &&
           a->requested == b->requested && a->free == b->free && a->largest == b->largest &&
           a->pieces == b->pieces;
}

static int growth_check(const struct history *history, const struct growth *all,
                        const struct growth *memories, struct error *error)
{
    const struct failure *failure = &all[0].failure.failure;
    bool others = false;

    for (unsigned i = 1; i < STACKS; i++)
        others |= all[i].refused != 0;

    if (history_hold(history,
                     all[0].refused == 1 && failure->cause == FAILURE_FRAGMENTATION &&
                         failure->requested > failure->largest &&
                         failure->requested < failure->free,
                     "table+vm is refused once, by fragmentation", error) != 0 ||
        history_hold(history, !others, "the other designs go on", error) != 0)
        return -1;

    for (unsigned i = 0; i < 2; i++)
        if (history_hold(history,
                         memories[i].failure.event == all[0].failure.event &&
                             same_failure(&memories[i].failure.failure, failure),
                         "more memory does not help", error) != 0)
            return -1;

    return history_hold(history, all[1].map.holes <= 3 && all[2].map.holes <= 3,
                        "tables alone leave the submap whole", error);
}

static void growth_tell(struct history *history, const struct growth *all)
{
    const struct failure *failure = &all[0].failure.failure;
    char field[HISTORY_FIELD];

    history_say(history,
                "At event %" PRIu64 " the table of %" PRIu32 " entries is full and the next one is "
                "asked for: %" PRIu64
                " bytes in one piece, beside the old one. In `kmem_map` %" PRIu64
                " bytes are free, %s of it, in %" PRIu64 " pieces of which the largest has %" PRIu64
                " bytes. So the growth fails by %" PRIu64 " bytes with %" PRIu64 " times as "
                "many free. It had been moved %" PRIu64 " times until then. On the same trace with "
                "64 MiB and with 1 GiB of memory the same event fails with the same figures: no "
                "memory helps against it.",
                all[0].failure.event, all[0].entries, failure->requested, failure->free,
                history_percent(failure->free, all[0].map.size + all[0].map.free, field),
                failure->pieces, failure->largest, failure->requested - failure->largest,
                failure->free / failure->requested, all[0].remaps);
    history_say(
        history,
        "What the comparison adds is that the table is only half of the cause. With the "
        "same table and its slabs elsewhere (`table+buddy`, `table+hybrid`, which never "
        "shipped) the submap is left with %" PRIu32 " holes, the largest of %" PRIu64
        " bytes, and the growth succeeds. A hole that a table leaves is too small for the "
        "next one by itself, but neighbouring holes join; it is the slabs taken in between "
        "that keep them apart. Both halves were mended in turn: the table in 1.6, the slabs "
        "in 2016.",
        all[1].map.holes, all[1].map.largest_hole);
}

int history_growth(struct history *history, struct error *error)
{
    struct growth all[STACKS], memories[2];
    struct history_table table;

    history_say(
        history,
        "In February 2014 the developers wrote that rights live in a table that is "
        "enlarged by `kmem_realloc`, and that in a very large space fragmentation makes it "
        "very difficult to enlarge it; port leaks had led them there. A tree was to replace "
        "the table. In the same discussions one of them asked how an improvement had been tested; "
        "no answer is on record.");
    history_say(history,
                "The run: one task of a 1.5 kernel allocates receive rights until it is "
                "refused (`%s.trace`, geometry `i386-2013`, 128 MiB), replayed through six "
                "designs. The last four columns are `kmem_map` at the end.",
                TRACE);

    history_table_begin(&table, 1,
                        "stack|bytes for rights|refused at|in use|free|holes|largest hole");
    for (unsigned i = 0; i < STACKS; i++) {
        if (growth_run(history, stacks[i], 0, &all[i], error) != 0)
            return -1;
        growth_row(&table, stacks[i], &all[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        if (growth_run(history, stacks[0], i == 0 ? 64u << 20 : 1u << 30, &memories[i], error) != 0)
            return -1;
    if (growth_check(history, all, memories, error) != 0)
        return -1;

    history_table_print(history, &table);
    growth_tell(history, all);
    history_say(history, "Again:");
    history_commands(history,
                     "allotrope replay --stack table+vm,table+buddy,table+hybrid,radix+vm \\\n"
                     "    traces/captured/historical/table+vm-1.5-exhaust.trace\n"
                     "allotrope replay --stack table+vm --memory 1G \\\n"
                     "    traces/captured/historical/table+vm-1.5-exhaust.trace\n");
    return 0;
}
