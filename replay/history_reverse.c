/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 4: which of the two trees made the maps grow.
 *
 * A radix space has a tree by name and a tree by address. Both are made of the same nodes, so what
 * a kernel reports of the cache rdxtree_node does not tell them apart; here they are counted apart.
 * The table for the same rights is the measure: its reverse hash lives in fields of the entries and
 * takes nothing of its own.
 *
 * Where ports lie decides how many of them share a leaf, and where they lie is part of a design. So
 * the tree is built twice, of the addresses that the replay gave and of those that the captured
 * kernel gave: if the figures differed much, they would say more of the replay than of the kernel.
 */

#include "replay/history_private.h"

#include <inttypes.h>

#include "allocators/radix_tree.h"

#define NODE_BYTES  280u /* rdxtree_node on i386 */
#define ENTRY_BYTES 16u  /* ipc_entry */

/* States that the captures hold: each mark stands before the phase that it names. */
static const struct state {
    const char *trace, *mark;
    unsigned nr;
    const char *label;
} states[] = {
    {"historical/radix+hybrid-1.8", "churned", 1, "bare kernel, storm"},
    {"storm", "storm-start", 1, "Hurd booted"},
    {"storm", "port-churn", 1, "... and a storm"},
    {"storm", "null-close", 1, "... and /dev/null"},
    {"build", "link", 1, "build, link"},
    {"ext2fs", "hold", 1, "ext2fs, files read"},
    {"ext2fs", "remove", 1, "ext2fs, unpacked"},
    {"pressure", "remove", 1, "pressure, unpacked"},
};

#define STATES (sizeof(states) / sizeof(states[0]))

struct trees {
    uint64_t rights, reverse;
    uint64_t name_nodes, reverse_nodes;
    uint64_t captured_nodes; /* of the tree by address, with the captured addresses */
    uint64_t bytes;          /* of both trees and of entries */
    uint64_t table;          /* bytes of tables for the same rights */
};

static int point_run(struct history *history, const struct state *state, const char *stack,
                     enum replay_keys keys, struct replay_point *point, struct error *error)
{
    struct replay_options options = {.keys = keys};
    struct replay_result result;
    int status = history_replay(history, state->trace, stack_find(stack), &options, &result, error);

    if (status == 0) {
        const struct replay_point *found = history_mark(&result, state->mark, state->nr, error);

        if (found != NULL)
            *point = *found;
        else
            status = -1;
    }

    replay_result_free(&result);
    return status;
}

static int trees_run(struct history *history, const struct state *state, struct trees *trees,
                     struct error *error)
{
    struct replay_point own, captured, table;

    if (point_run(history, state, "radix+hybrid", REPLAY_KEYS_OWN, &own, error) != 0 ||
        point_run(history, state, "radix+hybrid", REPLAY_KEYS_CAPTURED, &captured, error) != 0 ||
        point_run(history, state, "table+hybrid", REPLAY_KEYS_OWN, &table, error) != 0)
        return -1;

    *trees = (struct trees){.rights = own.rights,
                            .reverse = own.reverse,
                            .name_nodes = own.name_nodes,
                            .reverse_nodes = own.reverse_nodes,
                            .captured_nodes = captured.reverse_nodes,
                            .bytes = own.held.space_bytes,
                            .table = table.held.space_bytes};
    return 0;
}

static void trees_row(struct history_table *table, const char *label, const struct trees *trees)
{
    history_table_text(table, label);
    history_table_number(table, trees->rights);
    history_table_number(table, trees->reverse);
    history_table_number(table, trees->name_nodes);
    history_table_number(table, trees->reverse_nodes);
    history_table_number(table, trees->captured_nodes);
    history_table_number(table, trees->bytes);
    history_table_percent(table, trees->reverse_nodes * NODE_BYTES, trees->bytes);
    history_table_number(table, trees->table);
}

/* Over the states of a running Hurd: all but the first. */
static struct trees trees_sum(const struct trees all[STATES])
{
    struct trees sum = {0};

    for (unsigned i = 1; i < STATES; i++) {
        sum.reverse += all[i].reverse;
        sum.rights += all[i].rights;
        sum.name_nodes += all[i].name_nodes;
        sum.reverse_nodes += all[i].reverse_nodes;
        sum.captured_nodes += all[i].captured_nodes;
        sum.bytes += all[i].bytes;
        sum.table += all[i].table;
    }

    return sum;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static int trees_check(const struct history *history, const struct trees all[STATES],
                       struct error *error)
{
    const struct trees *bare = &all[0], *unpacked = &all[6];

    for (unsigned i = 1; i < STATES; i++)
        if (history_hold(history, all[i].reverse_nodes > all[i].name_nodes,
                         "in every state of the Hurd the tree by address is the larger",
                         error) != 0 ||
            history_hold(history,
                         difference(all[i].reverse_nodes, all[i].captured_nodes) * 20 <=
                             all[i].captured_nodes,
                         "own and captured addresses agree to 5 percent", error) != 0)
            return -1;

    if (history_hold(history, bare->name_nodes > bare->reverse_nodes,
                     "receive rights alone need no tree by address", error) != 0)
        return -1;

    return history_hold(history,
                        unpacked->bytes > 4 * unpacked->table &&
                            unpacked->bytes - unpacked->reverse_nodes * NODE_BYTES <=
                                2 * unpacked->table,
                        "without the tree by address radix would be near the table", error);
}

static void trees_tell(struct history *history, const struct trees all[STATES])
{
    const struct trees *bare = &all[0], *unpacked = &all[6];
    struct trees sum = trees_sum(all);
    char share[HISTORY_FIELD], keys[HISTORY_FIELD], forward[HISTORY_FIELD], map[HISTORY_FIELD];
    uint64_t rest = unpacked->bytes - unpacked->reverse_nodes * NODE_BYTES;

    history_say(
        history,
        "It is the tree by address. In each state of the Hurd it has more nodes than the "
        "tree by name: over all seven, %" PRIu64 " against %" PRIu64 ", and the nodes are "
        "%s full, those of the tree by name %s. A leaf by address covers 512 bytes; ports "
        "of 80 bytes lie six or seven to that at best, and a space knows only some of those "
        "that lie side by side. With the archive unpacked in `ext2fs` trees and entries "
        "take %" PRIu64 " bytes where tables take %" PRIu64 ". The tree by address is %s of "
        "it, %" PRIu64 " bytes for each of its keys, and what is left without it, %" PRIu64
        ", is not far from the table. The table pays nothing for its way back from object "
        "to entry: that is a hash in a field which every entry has anyway.",
        sum.reverse_nodes, sum.name_nodes,
        history_percent(sum.reverse, sum.reverse_nodes * RADIX_SLOTS, keys),
        history_percent(sum.rights, sum.name_nodes * RADIX_SLOTS, forward), unpacked->bytes,
        unpacked->table,
        history_percent(unpacked->reverse_nodes * NODE_BYTES, unpacked->bytes, share),
        unpacked->reverse_nodes * NODE_BYTES / unpacked->reverse, rest);
    history_say(history,
                "But neither tree fills a map: these bytes are %s of the 96 MiB that slabs of 1.6 "
                "shared. It would take a task of the size that build machines had: 100000 rights, "
                "at the %" PRIu64 " bytes each of this state, come to %" PRIu64 " bytes, at the "
                "table's %" PRIu64 " to %" PRIu64 ". That is an extrapolation; no capture has so "
                "many.",
                history_percent(unpacked->bytes, UINT64_C(96) << 20, map),
                unpacked->bytes / unpacked->rights, unpacked->bytes / unpacked->rights * 100000,
                unpacked->table / unpacked->rights, unpacked->table / unpacked->rights * 100000);
    history_say(
        history,
        "Receive rights need no way back, so in the storm on the bare kernel, with %" PRIu64
        " of them, the tree by address has %" PRIu64 " nodes, and %" PRIu64 " bytes stand "
        "against %" PRIu64 " of table: a storm of ports, the usual test, does not show what "
        "the trees cost. (Tables never shrink: in the states after the Hurd's storm they are "
        "what the storm needed.) Whether the addresses are the replay's own or the captured "
        "ones changes the nodes by less than 5 percent in each state.",
        bare->rights, bare->reverse_nodes, bare->bytes, bare->table);
}

int history_reverse(struct history *history, struct error *error)
{
    struct history_table table;
    struct trees all[STATES];

    history_say(history, "Radix trees came with 1.6 in October 2015. In January 2016 the kernel's "
                         "maps were enlarged, and the reason that was given was increased "
                         "consumption by radix trees which replaced arrays. Which of the two trees "
                         "of a space that was, the one by name or the one by address of the "
                         "object, was not said.");
    history_say(history,
                "The run: five captures through `radix+hybrid` and, for the same rights, through "
                "`table+hybrid`, looked at where they hold most. Nodes of both trees have %u "
                "bytes, entries %u. The columns: all rights and "
                "those of them that have a key by address; nodes of the tree by name, by address, "
                "and by address as the captured kernel had placed the ports; bytes of trees and "
                "entries, the share of the tree by address in them; bytes of tables.",
                NODE_BYTES, ENTRY_BYTES);

    history_table_begin(&table, 1, "state|rights|keys|name|address|captured|bytes|address|table");
    for (unsigned i = 0; i < STATES; i++) {
        if (trees_run(history, &states[i], &all[i], error) != 0)
            return -1;
        trees_row(&table, states[i].label, &all[i]);
    }
    if (trees_check(history, all, error) != 0)
        return -1;

    history_table_print(history, &table);
    trees_tell(history, all);
    history_say(history, "Again, for the sums of both trees (`node_bytes`) and for the tables:");
    history_commands(history, "allotrope replay --json --stack radix+hybrid,table+hybrid \\\n"
                              "    traces/captured/ext2fs.trace\n"
                              "allotrope replay --json --stack radix+hybrid --keys captured \\\n"
                              "    traces/captured/ext2fs.trace\n");
    return 0;
}
