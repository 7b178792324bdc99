/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 6: free names that are passed over.
 *
 * The rule is in allocators/radix_tree.c, with the one that would be exact beside it. What it costs
 * is a matter of how rights die: whoever drops the newest first never meets it, and whoever keeps
 * some of many meets it at every refill. So the captures are told first, then a week with four
 * orders of dying and three sizes of swing, then the worst that was found.
 *
 * The figures of the weeks are what the developers said of their machines: 100000 rights in one
 * task at the peak, 77000 after a day of building, 30000 in others, 5000 in a fresh one.
 */

#include "replay/history_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay/churn.h"

#define NODE_BYTES 280u /* rdxtree_node on i386 */
#define PEAK       100000u
#define REPLACED   5000u /* rights an hour */
#define LOOKUPS    1000u /* and as many of these */
#define WEEK       168u  /* hours */
#define WEEKS      4u
/* ---- Captures ---- */

static const char *const traces[] = {"historical/radix+vm-1.6",
                                     "historical/radix+hybrid-1.8",
                                     "storm",
                                     "ext2fs",
                                     "build",
                                     "pressure"};

#define TRACES (sizeof(traces) / sizeof(traces[0]))

struct names {
    uint64_t compared, different;
    uint64_t visited;   /* nodes, over the whole replay */
    uint64_t nodes[64]; /* by name, at each mark */
    uint32_t height;    /* at any mark */
    unsigned nr_marks;
};

static int names_run(struct history *history, const char *trace, bool exact, struct names *names,
                     struct error *error)
{
    struct replay_options options = {.exact_bitmaps = exact};
    struct replay_result result;
    int status =
        history_replay(history, trace, stack_find("radix+hybrid"), &options, &result, error);

    memset(names, 0, sizeof(*names));
    names->compared = result.names_compared;
    names->different = result.names_different;
    names->visited = result.snapshot.work.nodes_visited;
    for (unsigned i = 0; i < result.nr_points && i < 64; i++) {
        names->nodes[names->nr_marks++] = result.points[i].name_nodes;
        if (result.points[i].name_height > names->height)
            names->height = result.points[i].name_height;
    }

    replay_result_free(&result);
    return status;
}

/* The mark at which the two differ most: the last one when they do nowhere. */
static unsigned worst_mark(const struct names *kernel, const struct names *exact)
{
    unsigned worst = 0;

    for (unsigned i = 0; i < kernel->nr_marks; i++)
        if (kernel->nodes[i] - exact->nodes[i] >= kernel->nodes[worst] - exact->nodes[worst])
            worst = i;

    return worst;
}

/* Where the two differ most, over all traces. */
struct more {
    uint64_t nodes, exact;
};

static int names_row(struct history *history, struct history_table *table, const char *trace,
                     struct more *more, struct error *error)
{
    struct names kernel, exact;

    if (names_run(history, trace, false, &kernel, error) != 0 ||
        names_run(history, trace, true, &exact, error) != 0)
        return -1;
    if (kernel.nr_marks == 0)
        return error_set(error, "%s: no mark", trace);

    unsigned worst = worst_mark(&kernel, &exact);

    history_table_text(table, trace);
    history_table_number(table, kernel.compared);
    history_table_number(table, exact.different);
    history_table_number(table, kernel.nodes[worst]);
    history_table_number(table, exact.nodes[worst]);
    history_table_number(table, kernel.height);
    history_table_number(table, exact.height);
    history_table_number(table, kernel.visited);
    history_table_number(table, exact.visited);
    if (kernel.nodes[worst] * more->exact > exact.nodes[worst] * more->nodes)
        *more = (struct more){kernel.nodes[worst], exact.nodes[worst]};

    if (history_hold(history, kernel.different == 0, "the rule gives each name of the captures",
                     error) != 0)
        return -1;

    return history_hold(history,
                        kernel.height == exact.height && kernel.visited == exact.visited &&
                            kernel.nodes[worst] >= exact.nodes[worst],
                        "in the captures neither height nor nodes visited differ", error);
}

static int captures(struct history *history, struct error *error)
{
    struct history_table table;
    struct more more = {0, 1};
    char field[HISTORY_FIELD];

    history_say(
        history,
        "First the captures, through `radix+hybrid` with the kernel's rule and with an "
        "exact one. The columns: names that the captured kernel chose, and how many of them "
        "come out otherwise with exact bitmaps; nodes by name at the mark at which the two "
        "differ most; the greatest height; nodes visited in the whole replay.");
    history_table_begin(&table, 1, "trace|names|otherwise|nodes|exact|height|exact|visited|exact");
    for (unsigned i = 0; i < TRACES; i++)
        if (names_row(history, &table, traces[i], &more, error) != 0)
            return -1;
    if (history_hold(history, more.nodes > more.exact,
                     "the captures show nodes that are not needed", error) != 0)
        return -1;

    history_table_print(history, &table);
    history_say(history,
                "With the kernel's rule all names come out as captured, so it is the rule. In the "
                "storms 7 of 8 rights die at random and are made again, and the trees by name are "
                "left with up to %s of the nodes that exact bitmaps need. No other capture is long "
                "enough to show more than a trace of it.",
                history_percent(more.nodes, more.exact, field));
    return 0;
}

/* ---- Weeks ---- */

static const uint32_t lows[] = {5000, 30000, 77000};

static const struct death {
    enum churn_death death;
    const char *label;
} deaths[] = {{CHURN_DIE_NEWEST, "newest"},
              {CHURN_DIE_OLDEST, "oldest"},
              {CHURN_DIE_MIXED, "mixed"},
              {CHURN_DIE_RANDOM, "random"}};

/* Few rights from 6 to 17 o'clock, then a rise to the peak of the night, three hours of it, and a
 * steeper fall. */
static void week_shape(struct churn_week_options *options, uint32_t low)
{
    for (uint32_t hour = 0; hour < 24; hour++) {
        uint32_t above = PEAK - low;

        if (hour < 3)
            options->live[hour] = PEAK;
        else if (hour < 6)
            options->live[hour] = PEAK - above * (hour - 2) / 4;
        else
            options->live[hour] = hour < 18 ? low : low + above * (hour - 17) / 7;
    }
}

static int week_run(unsigned weeks, uint32_t low, enum churn_death death, bool exact,
                    struct churn_week_result *result, struct error *error)
{
    const struct churn_machine machine = {
        .ops = stack_find("radix+hybrid"),
        .geometry = geometry_find("i386"),
        .memory = UINT64_C(512) << 20,
        .exact_bitmaps = exact,
        .seed = HISTORY_SEED,
    };
    struct churn_week_options options = {
        .hours = weeks * WEEK, .replaced = REPLACED, .death = death, .lookups = LOOKUPS};

    week_shape(&options, low);
    return churn_week(&machine, &options, result, error);
}

struct week {
    struct churn_week_result kernel, exact;
};

static void week_row(struct history_table *table, uint32_t low, const char *death,
                     const struct week *week)
{
    history_table_text(table, death);
    history_table_number(table, low);
    history_table_number(table, week->kernel.highest);
    history_table_number(table, week->exact.highest);
    history_table_number(table, week->kernel.most_nodes);
    history_table_number(table, week->exact.most_nodes);
    history_table_percent(table, week->kernel.most_nodes, week->exact.most_nodes);
    history_table_number(table, week->kernel.most_height);
    history_table_number(table, week->exact.most_height);
}

/* What the weeks come to: the worst and the mildest of those with holes. */
struct weeks {
    uint64_t worst_nodes, exact_nodes;
    uint32_t worst_highest;
    uint64_t newest_more; /* nodes beyond the exact ones where the newest die */
    uint64_t wrong, refused;
    bool heights_differ, visits_differ, exact_differs;
};

static void weeks_note(struct weeks *weeks, enum churn_death death, const struct week *week)
{
    if (week->kernel.most_nodes > weeks->worst_nodes) {
        weeks->worst_nodes = week->kernel.most_nodes;
        weeks->worst_highest = week->kernel.highest;
    }
    if (death == CHURN_DIE_NEWEST)
        weeks->newest_more += week->kernel.most_nodes - week->exact.most_nodes;
    if (weeks->exact_nodes == 0)
        weeks->exact_nodes = week->exact.most_nodes;

    weeks->exact_differs |=
        week->exact.most_nodes != weeks->exact_nodes || week->exact.highest != PEAK;
    weeks->wrong += week->kernel.wrong + week->exact.wrong;
    weeks->refused += week->kernel.refused + week->exact.refused;
    weeks->heights_differ |= week->kernel.most_height != week->exact.most_height;
    weeks->visits_differ |= week->kernel.lookup_nodes != week->exact.lookup_nodes;
}

static int weeks_run(struct history_table *table, struct weeks *weeks, struct error *error)
{
    struct week *week = malloc(sizeof(*week));
    int status = 0;

    memset(weeks, 0, sizeof(*weeks));
    if (week == NULL)
        return error_set(error, "no memory for a week");

    for (unsigned i = 0; status == 0 && i < 12; i++) {
        const struct death *death = &deaths[i / 3];
        uint32_t low = lows[i % 3];

        if (week_run(1, low, death->death, false, &week->kernel, error) != 0 ||
            week_run(1, low, death->death, true, &week->exact, error) != 0) {
            status = -1;
        } else {
            week_row(table, low, death->label, week);
            weeks_note(weeks, death->death, week);
        }
    }

    free(week);
    return status;
}

static int weeks_check(const struct history *history, const struct weeks *weeks,
                       struct error *error)
{
    if (history_hold(history, weeks->wrong == 0 && weeks->refused == 0,
                     "every right is made and found", error) != 0 ||
        history_hold(history, !weeks->exact_differs,
                     "exact bitmaps need the same nodes whatever dies", error) != 0 ||
        history_hold(history, !weeks->heights_differ && !weeks->visits_differ,
                     "height and visits of lookups are the same", error) != 0)
        return -1;

    return history_hold(history,
                        weeks->newest_more == 0 && weeks->worst_nodes > 2 * weeks->exact_nodes,
                        "the newest cost nothing, the worst more than twice the nodes", error);
}

/* ---- Four weeks ---- */

/* A week of several: the most at the end of any of its hours. */
struct week_most {
    uint32_t nodes, height, lookup_nodes;
};

static struct week_most week_most(const struct churn_week_result *result, unsigned week)
{
    struct week_most most = {0};

    for (unsigned i = week * WEEK; i < (week + 1) * WEEK; i++) {
        const struct churn_hour *hour = &result->hours[i];

        if (hour->nodes > most.nodes)
            most.nodes = hour->nodes;
        if (hour->height > most.height)
            most.height = hour->height;
        if (hour->lookup_nodes > most.lookup_nodes)
            most.lookup_nodes = hour->lookup_nodes;
    }

    return most;
}

static void month_row(struct history_table *table, uint32_t low,
                      const struct churn_week_result *result)
{
    struct week_most weeks[WEEKS];

    history_table_number(table, low);
    for (unsigned i = 0; i < WEEKS; i++) {
        weeks[i] = week_most(result, i);
        history_table_number(table, weeks[i].nodes);
    }
    history_table_number(table, weeks[0].height);
    history_table_number(table, weeks[WEEKS - 1].height);
    history_table_number(table, weeks[0].lookup_nodes);
    history_table_number(table, weeks[WEEKS - 1].lookup_nodes);
}

static int month_check(const struct history *history, const struct churn_week_result *low,
                       const struct churn_week_result *high, struct error *error)
{
    if (history_hold(history,
                     low->most_height == 3 &&
                         week_most(low, WEEKS - 1).nodes <= week_most(low, 0).nodes * 11 / 10,
                     "after a wide swing the loss does not grow from week to week", error) != 0)
        return -1;

    return history_hold(history, high->most_height == 4 && high->refused == 0,
                        "after a narrow swing the tree becomes a level higher", error);
}

static void month_tell(struct history *history, const struct churn_week_result *low,
                       const struct churn_week_result *high)
{
    struct history_table table;

    history_table_begin(&table, 0, "by day|1st week|2nd|3rd|4th|height|4th|lookups visit|4th");
    month_row(&table, lows[1], low);
    month_row(&table, lows[2], high);
    history_table_print(history, &table);
    history_say(
        history,
        "With the wide swing it does not: a right that dies in a full leaf brings its whole "
        "subtree back, and there are enough of those. With the narrow one it does. In the "
        "end all 64 subtrees of a tree of three levels are hidden at once, and a fourth "
        "level is put above it while %u of its 262144 names are in use at most. Names go up to "
        "%" PRIu32 ", and every lookup visits four nodes instead of three.",
        PEAK, high->highest);
}

static int month(struct history *history, struct error *error)
{
    struct churn_week_result *low = malloc(sizeof(*low)), *high = malloc(sizeof(*high));
    int status = -1;

    history_say(
        history,
        "Does the loss go on? The same for four weeks, mixed deaths, the kernel's rule: the "
        "most nodes in each week; the greatest height in the first and in the last; the "
        "nodes that %u lookups visit at most, in the first and in the last.",
        LOOKUPS);

    if (low == NULL || high == NULL)
        error_set(error, "no memory for four weeks");
    else if (week_run(WEEKS, lows[1], CHURN_DIE_MIXED, false, low, error) == 0 &&
             week_run(WEEKS, lows[2], CHURN_DIE_MIXED, false, high, error) == 0 &&
             month_check(history, low, high, error) == 0) {
        month_tell(history, low, high);
        status = 0;
    }

    free(low);
    free(high);
    return status;
}

static int weeks(struct history *history, struct error *error)
{
    struct history_table table;
    struct weeks weeks;
    char field[HISTORY_FIELD];

    history_say(history,
                "Then a simulated week, of one task of a machine that builds at night (seed %u). "
                "Its live rights rise to %u every night and fall to 5000, 30000 or 77000 for the "
                "day, figures that the developers reported of their machines; in every hour %u "
                "die and are made anew. Which ones die is the row: the newest, the oldest, any, "
                "or mixed, half of them any and a quarter each the oldest and the newest. The "
                "columns: the highest name that was given, the most nodes by name, in "
                "percent of those with exact bitmaps, the greatest height.",
                HISTORY_SEED, PEAK, REPLACED);
    history_table_begin(&table, 1, "dies|by day|highest|exact|nodes|exact|of exact|height|exact");
    if (weeks_run(&table, &weeks, error) != 0 || weeks_check(history, &weeks, error) != 0)
        return -1;

    history_table_print(history, &table);
    history_say(history,
                "With exact bitmaps %u rights always have the names 1 to %u, in %" PRIu64 " nodes. "
                "With the kernel's rule it depends on who dies. If the newest do, nothing is lost. "
                "Else each fall leaves holes everywhere, and each rise fills one leaf under every "
                "crowded node and then passes on to fresh names: up to %" PRIu64 " nodes, %s of "
                "what is needed, or %" PRIu64 " bytes more in one space, and names up to %" PRIu32
                ". In a week it costs memory, not time: lookups visit as many nodes as with exact "
                "bitmaps, since a tree of three levels has room for 262144 names.",
                PEAK, PEAK, weeks.exact_nodes, weeks.worst_nodes,
                history_percent(weeks.worst_nodes, weeks.exact_nodes, field),
                (weeks.worst_nodes - weeks.exact_nodes) * NODE_BYTES, weeks.worst_highest);
    return 0;
}

/* ---- The worst ---- */

static const struct refill {
    const char *stack, *geometry;
} refills[] = {
    {"radix+vm", "i386-2013"}, {"radix+buddy", "i386-2016-02"}, {"radix+hybrid", "i386"}};

static int refill_run(const struct refill *refill, bool exact, struct churn_refill_result *result,
                      struct error *error)
{
    const struct churn_machine machine = {
        .ops = stack_find(refill->stack),
        .geometry = geometry_find(refill->geometry),
        .memory = UINT64_C(24) << 20,
        .exact_bitmaps = exact,
        .seed = HISTORY_SEED,
    };

    return churn_refill(&machine, 0, result, error);
}

static int refill_row(struct history *history, struct history_table *table,
                      const struct refill *refill, struct error *error)
{
    struct churn_refill_result kernel, exact;

    if (refill_run(refill, false, &kernel, error) != 0 ||
        refill_run(refill, true, &exact, error) != 0)
        return -1;

    history_table_text(table, refill->stack);
    history_table_number(table, kernel.filled);
    history_table_number(table, kernel.freed);
    history_table_number(table, kernel.refilled);
    history_table_percent(table, kernel.refilled, kernel.freed);
    history_table_number(table, exact.refilled);

    return history_hold(history,
                        kernel.refilled * 20 < kernel.freed && exact.refilled == exact.freed &&
                            kernel.filled == exact.filled,
                        "a space that was full is refilled only with exact bitmaps", error);
}

static int worst(struct history *history, struct error *error)
{
    struct history_table table;

    history_say(history,
                "It costs more where memory is short. On a machine of 24 MiB one space is filled "
                "with rights (names only, no ports) until one is refused; half of them die at "
                "random, and rights are made again until one is refused or all are back:");
    history_table_begin(&table, 1, "stack|filled|died|made again|of them|with exact bitmaps");
    for (unsigned i = 0; i < 3; i++)
        if (refill_row(history, &table, &refills[i], error) != 0)
            return -1;

    history_table_print(history, &table);
    history_say(history,
                "Half of the names are free and all nodes for them are there, yet after a few in a "
                "hundred the kernel's rule asks for new nodes, for which there is "
                "no page. With exact bitmaps all rights that died can be made again.");
    return 0;
}

static void remedy(struct history *history)
{
    history_say(
        history,
        "What an exact rule takes. After an insertion the kernel clears the bit of the slot "
        "and walks up for as long as the node has 64 occupied slots; the exact rule walks up "
        "for as long as the node's bitmap is empty. That is one condition, in one place: "
        "the bitmap in the place of the count of entries. It needs no more steps: "
        "a node whose bitmap is empty has all its slots occupied, so the exact walk ends "
        "where the kernel's does or below, and neither is longer than the tree is high. A "
        "removal stays as it is, and so does growth, which looks at the bitmap of the old "
        "root already. What changes is which names programs are given, after a removal, in "
        "trees of three levels or more, that is beyond 4096 names; no promise of the "
        "kernel is touched, but logs of old and new kernels would no longer agree name by "
        "name.");
}

int history_bitmaps(struct history *history, struct error *error)
{
    history_say(
        history,
        "Since 1.6 the kernel chooses a name by following, from the root, the lowest bit "
        "that says that below it a name is free. Those bits are not exact. A leaf reports "
        "itself full when its 64 slots are taken. A node above reports itself full when its "
        "64 children exist and one more of them has become full, whatever is free in the "
        "others. So once 64 leaves hang below a node, one leaf that fills up hides the "
        "whole subtree of 4096 names, until a right dies in a full leaf of it. "
        "It is written down nowhere, as far as is known here; it came out when replays "
        "were compared with captures name by name.");

    if (captures(history, error) != 0 || weeks(history, error) != 0 || month(history, error) != 0 ||
        worst(history, error) != 0)
        return -1;

    remedy(history);
    history_say(history, "Again (the weeks and the refill are `replay/churn_rights.c`):");
    history_commands(history, "allotrope history --only 6\n"
                              "allotrope replay --stack radix+hybrid --exact-bitmaps "
                              "traces/captured/storm.trace\n");
    return 0;
}
