/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 3: how many rights a kernel holds.
 *
 * Each cell is counted by limits.c, the code behind `allotrope limits`. Where the real kernel was
 * driven to its end the count stands beside; where nobody did that, the cell is a prediction and
 * says so. The order of the cells is an argument: the designs that shipped with the memory that
 * was measured, then what the direct map of each split leaves of more memory.
 */

#include "replay/history_private.h"

#include <inttypes.h>
#include <string.h>

#if __has_include("replay/limits.h")
#include "replay/limits.h"
#define HAVE_LIMITS 1
#else
#define HAVE_LIMITS 0
#endif

#define MIB(n) ((uint64_t)(n) << 20)

/* KERNEL as measured, each until the kernel refused or hung. */
static const struct history_limit measured[] = {
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(64), .kernel = 266749},
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(128), .kernel = 266749},
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(512), .kernel = 266749},
    {.stack = "table+vm", .geometry = "i386-2013", .memory = MIB(1024), .kernel = 266749},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(64)},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(128), .kernel = 979426},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(512), .kernel = 979426},
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(1024), .kernel = 979426},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(64), .kernel = 602232},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(128), .kernel = 1242824},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(512), .kernel = 5086348},
    {.stack = "radix+buddy", .geometry = "i386-2016-02", .memory = MIB(1024), .kernel = 9235946},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(64), .kernel = 445278},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(128), .kernel = 1053476},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(512), .kernel = 4702376},
    {.stack = "radix+hybrid", .geometry = "i386-2016", .memory = MIB(1024), .kernel = 8639076},
};

/* The two splits of 1.5 and 1.6: what lies above the direct map is lost. */
static const struct history_limit splits[] = {
    {.stack = "radix+vm", .geometry = "i386-2013", .memory = MIB(832)},
    {.stack = "radix+vm", .geometry = "i386-2013-2g", .memory = MIB(1856)},
    {.stack = "radix+buddy", .geometry = "i386-2013", .memory = MIB(832)},
    {.stack = "radix+buddy", .geometry = "i386-2013", .memory = MIB(1024)},
    {.stack = "radix+buddy", .geometry = "i386-2013-2g", .memory = MIB(1024)},
    {.stack = "radix+buddy", .geometry = "i386-2013-2g", .memory = MIB(1856)},
    {.stack = "radix+buddy", .geometry = "i386-2013-2g", .memory = MIB(2048)},
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

#if HAVE_LIMITS

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
    snprintf(cell->reason, sizeof(cell->reason), "%s of %s",
             failure_cause_name(limit.failure.cause), limit.failure.resource);
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
    uint64_t worst; /* rights apart, in percent of a percent of the kernel's */
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

    history_say(history,
                "Of the %u cells with a measurement %u are equal to it, and the one that is "
                "farthest off differs by %" PRIu64
                " in 10000. `table+vm` and `radix+vm` stop where "
                "kmem_map stops them, whatever the memory: one because no hole is large enough "
                "(chapter 1), the other because the map is full. Both ends lie below what the "
                "memory of 512 MiB could have held. The later designs have no such map, and hold "
                "what memory holds.",
                agreement.measured, agreement.equal, agreement.worst);
}

static int splits_check(const struct history *history, const struct history_limit *cells,
                        struct error *error)
{
    if (history_hold(history, cells[2].rights == cells[3].rights,
                     "memory above 832 MiB is lost to the 3G/1G split", error) != 0)
        return -1;

    return history_hold(history,
                        cells[5].rights == cells[6].rights && cells[4].rights < cells[5].rights,
                        "memory above 1856 MiB is lost to the 2G/2G split", error);
}

static int limits_tables(struct history *history, struct error *error)
{
    struct history_limit cells[MEASURED], split[SPLITS];

    memcpy(cells, measured, sizeof(cells));
    memcpy(split, splits, sizeof(split));
    if (cells_count(cells, MEASURED, error) != 0 || cells_count(split, SPLITS, error) != 0 ||
        splits_check(history, split, error) != 0)
        return -1;

    history_limits_print(history, cells, MEASURED);
    measured_tell(history, cells);
    history_say(
        history,
        "The 1.5 and 1.6 kernels map all the memory they use, so the split of addresses is "
        "a limit too: 1 GiB or 2 GiB of kernel addresses, less 192 MiB for the kernel map. "
        "`radix+vm` does not get that far. A design that memory alone limits does; none ran "
        "on those machines, so these are predictions, of `radix+buddy` on them:");
    history_limits_print(history, split, SPLITS);
    history_say(history,
                "With the 3G/1G split 1024 MiB hold as many rights as 832 MiB do, and with "
                "the 2G/2G split 2048 as many as 1856.");
    return 0;
}

#else /* the counting is not there yet */

static int limits_tables(struct history *history, struct error *error)
{
    (void)error;
    (void)measured;
    (void)splits;
    history_say(history, "The figures of this chapter come with `allotrope limits`.");
    return 0;
}

#endif

int history_limits(struct history *history, struct error *error)
{
    history_say(history,
                "While the table was in use the developers put the limit of a space at "
                "some 192000 ports, from memory, and saw 100000 on build machines. The table's "
                "list of sizes goes to 967168 entries. How far each kernel really "
                "goes was measured for this project on kernels built from their releases: "
                "one task allocates receive rights, a port and a name each, until it is "
                "refused or sleeps for ever.");
    if (limits_tables(history, error) != 0)
        return -1;

    history_say(history, "Again:");
    history_commands(history,
                     "allotrope limits --stack radix+hybrid --geometry i386-2016 --memory 512M\n"
                     "allotrope limits --stack table+vm --geometry i386-2013 --memory 1G\n");
    return 0;
}
