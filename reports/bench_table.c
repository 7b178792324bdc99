/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Benchmarks read back, and shown. The table is made from the document and from nothing else, so
 * that one that was run elsewhere is shown in the same way.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/bench.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define INTERVAL     "median low high confidence"

static const struct report_rule rules[] = {
    {"", REPORT_OBJECT, "schema provenance"},
    {"", REPORT_ARRAY, "traces"},
    {"provenance", REPORT_TEXT, "tool hyperfine valgrind"},
    {"provenance", REPORT_INTEGER, "runs warmup seed"},
    {"traces[]", REPORT_TEXT, "name"},
    {"traces[]", REPORT_ARRAY, "stacks"},
    {"traces[].stacks[]", REPORT_TEXT, "name"},
    {"traces[].stacks[]", REPORT_BOOLEAN, "fastest noisy drifts"},
    {"traces[].stacks[]", REPORT_NUMBER, "spread user_ns system_ns"},
    {"traces[].stacks[]", REPORT_OBJECT, "wall_ns"},
    {"traces[].stacks[]", REPORT_INTEGERS, "wall_ns_all"},
    {"traces[].stacks[].wall_ns", REPORT_NUMBER, INTERVAL},
};

json_t *bench_load(const char *path, struct error *error)
{
    struct report_file file;
    size_t offset = 0;
    unsigned line = 1;

    if (report_file_read(&file, path, error) != 0)
        return NULL;

    json_t *root = report_file_parse(&file, path, &offset, &line, error);

    free(file.bytes);
    if (root == NULL)
        return NULL;

    int status = 0;

    if (strcmp(report_text(root, "schema.name"), "allotrope-bench") != 0)
        status = error_set(error, "%s: no benchmark: schema.name is not \"allotrope-bench\"", path);
    else if (report_integer(root, "schema.version") != BENCH_VERSION)
        status = error_set(error, "%s: a benchmark of another version, this program reads %d", path,
                           BENCH_VERSION);
    else
        status = report_check(root, path, rules, COUNT(rules), 0, error);
    if (status == 0)
        return root;

    json_decref(root);
    return NULL;
}

static const struct table_column columns[] = {
    {"trace", "trace", TABLE_TEXT},
    {"stack", "stack", TABLE_TEXT},
    {"wall_ns", "median", TABLE_NANOSECONDS},
    {"low_ns", "low", TABLE_NANOSECONDS},
    {"high_ns", "high", TABLE_NANOSECONDS},
    {"user_ns", "user", TABLE_NANOSECONDS},
    {"system_ns", "system", TABLE_NANOSECONDS},
    {"ratio", "to fastest", TABLE_NUMBER},
    {"ratio_low", "low", TABLE_NUMBER},
    {"ratio_high", "high", TABLE_NUMBER},
    {"instructions", "M instr.", TABLE_MILLIONS},
    {"spread", "spread", TABLE_PERCENT},
};

/* Two digits after the point say all that such a ratio can. */
static void put_ratio(struct table *table, double ratio)
{
    table_put_real(table, round(ratio * 1000) / 1000);
}

/* Of fewer runs there is none at 95 %. */
static void put_interval(struct table *table, const json_t *interval)
{
    if (report_number(interval, "confidence") < STATISTICS_CONFIDENCE) {
        table_put_none(table);
        table_put_none(table);
        return;
    }
    table_put_real(table, report_number(interval, "low"));
    table_put_real(table, report_number(interval, "high"));
}

static void put_ratio_interval(struct table *table, const json_t *ratio)
{
    bool any = report_number(ratio, "confidence") >= STATISTICS_CONFIDENCE;

    put_ratio(table, any ? report_number(ratio, "low") : NAN);
    put_ratio(table, any ? report_number(ratio, "high") : NAN);
}

static void put_row(struct table *table, const char *trace, const json_t *stack)
{
    const json_t *ratio = report_at(stack, "ratio_to_fastest");
    bool fastest = report_true(stack, "fastest");

    table_put_text(table, trace);
    table_put_text(table, report_text(stack, "name"));
    table_put_real(table, report_number(stack, "wall_ns.median"));
    put_interval(table, report_at(stack, "wall_ns"));
    table_put_real(table, report_number(stack, "user_ns"));
    table_put_real(table, report_number(stack, "system_ns"));
    put_ratio(table, fastest ? 1 : json_is_object(ratio) ? report_number(ratio, "median") : NAN);
    put_ratio_interval(table, ratio);
    if (json_is_integer(report_at(stack, "instructions")))
        table_put_integer(table, report_integer(stack, "instructions"));
    else
        table_put_none(table);
    table_put_real(table, 100 * report_number(stack, "spread"));
    if (fastest && !table->failed)
        table_cell(table, table->nr_rows - 1, 2)->best = true;
}

void bench_table(struct table *table, const json_t *bench)
{
    size_t t, s;
    json_t *trace, *stack;

    table_begin(table, "bench", "Whole processes",
                "A replay from its start to its end, as hyperfine measures it; runs of all stacks "
                "take turns. The ratio to the fastest is the median of those of each round, with "
                "its interval. Null is the cost of replaying itself. Instructions are counted by "
                "cachegrind, and the same whenever they are.",
                columns, COUNT(columns));
    json_array_foreach(report_array(bench, "traces"), t, trace)
        json_array_foreach(report_array(trace, "stacks"), s, stack)
            put_row(table, report_text(trace, "name"), stack);
}
