/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 3: how many rights a kernel holds.
 *
 * Each cell is counted by limits_search.c, the code behind `allotrope limits`. Where the real
 * kernel was driven to its end the count stands beside; where nobody did that, the cell is a
 * prediction and says so. The order of the cells is an argument: the designs that shipped with the
 * memory that was measured, then what the direct map of each split leaves of more memory.
 */

#include "replay/history_private.h"

#include <inttypes.h>
#include <string.h>

#include "replay/limits_result.h"

#define MIB(n) ((uint64_t)(n) << 20)

/* The cells of the real kernels; the counts that were measured are known to `allotrope limits`. */
static const struct history_limit measured[] = {
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(64)},
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(128)},
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(512)},
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(1024)},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(64)},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(128)},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(512)},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(1024)},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(64)},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(128)},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(512)},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(1024)},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(64)},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(128)},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(512)},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(1024)},
};

/* The two splits of 1.5 and 1.6: what lies above the direct map is lost. */
static const struct history_limit splits[] = {
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(832)},
    {.stack = "radix+vm", .geometry = "i386-2013-2g", .memory = MIB(1856)},
    {.stack = "radix+buddy", .geometry = "i386-2013", .memory = MIB(832)},
    {.stack = "radix+buddy", .geometry = "i386-2013", .memory = MIB(1024)},
    {.stack = "radix+buddy", .geometry = "i386-2013-2g", .memory = MIB(1856)},
};

#define MEASURED (sizeof(measured) / sizeof(measured[0]))
#define SPLITS   (sizeof(splits) / sizeof(splits[0]))

static void difference(const struct history_limit *limit, char text[HISTORY_CELL])
{
    uint64_t apart = limit->rights > limit->kernel ? limit->rights - limit->kernel
                                                   : limit->kernel - limit->rights;

    if (limit->kernel == 0)
        snprintf(text, HISTORY_CELL, "-");
    else
        snprintf(text, HISTORY_CELL, "%s%" PRIu64, limit->rights < limit->kernel ? "-" : "", apart);
}

void history_limits_print(struct history *history, const struct history_limit *limits, unsigned nr)
{
    struct history_table table;
    char text[HISTORY_CELL];

    history_table_begin(&table, 2, "stack|geometry|MiB|rights|real kernel|difference|ends by");
    for (unsigned i = 0; i < nr; i++) {
        const struct history_limit *limit = &limits[i];

        difference(limit, text);
        history_table_text(&table, limit->stack);
        history_table_text(&table, limit->geometry);
        history_table_number(&table, limit->memory >> 20);
        history_table_number(&table, limit->rights);
        if (limit->kernel != 0)
            history_table_number(&table, limit->kernel);
        else
            history_table_text(&table, "prediction");
        history_table_text(&table, text);
        history_table_text(&table, limit->reason);
    }
    history_table_print(history, &table);
}

/* Fills in the rights and the reason. */
static int cell_count(struct history_limit *cell, struct error *error)
{
    const struct limits_case subject = {.stack = stack_find(cell->stack),
                                        .geometry = geometry_find(cell->geometry),
                                        .memory = cell->memory,
                                        .object_size = 1};
    struct limit limit;

    if (limits_find(&subject, LIMITS_RIGHTS, &limit, error) != 0)
        return -1;

    cell->rights = limit.count;
    cell->kernel = limits_measured(&subject);
    snprintf(cell->reason, sizeof(cell->reason), limit.waits ? "sleeps, %s%s" : "%s of %s",
             limit.waits ? "" : failure_cause_name(limit.failure.cause), limit.failure.resource);
    return 0;
}

static int cells_count(struct history_limit *cells, unsigned nr, struct error *error)
{
    for (unsigned i = 0; i < nr; i++)
        if (cell_count(&cells[i], error) != 0)
            return -1;

    return 0;
}

/* ---- What they come to ---- */

struct agreement {
    unsigned measured, equal;
    uint64_t worst; /* rights apart, in 10000 of the kernel's */
};

static struct agreement compare(const struct history_limit *cells, unsigned nr)
{
    struct agreement agreement = {0};

    for (unsigned i = 0; i < nr; i++) {
        const struct history_limit *cell = &cells[i];
        uint64_t apart =
            cell->rights > cell->kernel ? cell->rights - cell->kernel : cell->kernel - cell->rights;

        if (cell->kernel == 0)
            continue;
        agreement.measured++;
        agreement.equal += apart == 0;
        if (apart * 10000 / cell->kernel > agreement.worst)
            agreement.worst = apart * 10000 / cell->kernel;
    }

    return agreement;
}

static void measured_tell(struct history *history, const struct history_limit *cells)
{
    struct agreement agreement = compare(cells, MEASURED);

    if (agreement.equal == agreement.measured)
        history_say(history, "All %u cells with a measurement are equal to it.",
                    agreement.measured);
    else
        history_say(history,
                    "Of the %u cells with a measurement %u are equal to it; the one that is "
                    "farthest off differs by %" PRIu64 " in 10000.",
                    agreement.measured, agreement.equal, agreement.worst);

    history_say(
        history,
        "With each of these sizes kmem_map stops `table+vm` at the same right, because no hole is "
        "large enough (chapter 1), and `radix+vm` from 128 MiB on, because it is full. "
        "The later designs have no such map and hold what memory holds: with 512 MiB %" PRIu64
        " and %" PRIu64 " rights against the %" PRIu64 " of 1.6. Neither of them "
        "fails with an error in the end. They wait for pages that nobody will free.",
        cells[10].rights, cells[14].rights, cells[6].rights);
}

static int measured_check(const struct history *history, const struct history_limit *cells,
                          struct error *error)
{
    bool same = true;

    for (unsigned i = 1; i < 4; i++)
        same &= cells[i].rights == cells[0].rights;
    for (unsigned i = 6; i < 8; i++)
        same &= cells[i].rights == cells[5].rights;

    if (history_hold(history, same, "kmem_map stops them, whatever the memory", error) != 0)
        return -1;

    return history_hold(history,
                        cells[10].rights > cells[6].rights && cells[14].rights > cells[6].rights,
                        "later designs hold what memory holds", error);
}

static int splits_tell(struct history *history, const struct history_limit *cells,
                       struct error *error)
{
    uint64_t lost[2], highmem[2];

    limits_memory(geometry_find("i386-2013"), MIB(1024), &lost[0], &highmem[0]);
    limits_memory(geometry_find("i386-2013-2g"), MIB(2048), &lost[1], &highmem[1]);

    if (history_hold(history, cells[2].rights == cells[3].rights && lost[0] > 0,
                     "memory above 832 MiB is lost to the 3G/1G split", error) != 0 ||
        history_hold(history, cells[4].rights > 2 * cells[3].rights && lost[1] > 0,
                     "the 2G/2G split has more than twice the room", error) != 0)
        return -1;

    history_say(history,
                "With the 3G/1G split 1024 MiB hold exactly as many rights as 832 do: %" PRIu64
                " bytes lie above the direct map and are lost. The 2G/2G split takes the limit to "
                "1856 MiB; of 2048 MiB %" PRIu64
                " bytes would be lost to it. From 1.8 on what lies above the direct map, then of "
                "928 MiB, serves pages of users.",
                lost[0], lost[1]);
    return 0;
}

static int limits_tables(struct history *history, struct error *error)
{
    struct history_limit cells[MEASURED], split[SPLITS];

    memcpy(cells, measured, sizeof(cells));
    memcpy(split, splits, sizeof(split));
    if (cells_count(cells, MEASURED, error) != 0 || measured_check(history, cells, error) != 0)
        return -1;

    history_limits_print(history, cells, MEASURED);
    measured_tell(history, cells);
    if (cells_count(split, SPLITS, error) != 0)
        return -1;

    history_say(
        history,
        "The 1.5 and 1.6 kernels map all the memory they use, so the split of addresses is "
        "a limit too: 1 GiB or 2 GiB of kernel addresses, less 192 MiB for the kernel map. "
        "`radix+vm` does not get that far. A design that memory alone limits does; none ran "
        "on those machines, so these are predictions, of `radix+buddy` on them:");
    history_limits_print(history, split, SPLITS);
    return splits_tell(history, split, error);
}

int history_limits(struct history *history, struct error *error)
{
    history_say(
        history,
        "While the table was in use the developers put the limit of a space at "
        "some 192000 ports, from memory, and saw 100000 on build machines. The table's "
        "list of sizes goes to 967168 entries. How far each kernel really "
        "goes was measured for this project on kernels built from their releases: "
        "one task allocates receive rights, a port and a name each, until it is refused or sleeps "
        "for ever, which the table calls \"sleeps\", with what it waits for pages of.");
    if (limits_tables(history, error) != 0)
        return -1;

    history_say(history, "Again:");
    history_commands(history,
                     "allotrope limits --stack radix+hybrid --geometry i386-2016 --memory 512M\n"
                     "allotrope limits --stack table+vm --geometry i386-2013 --memory 1G\n");
    return 0;
}
