/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A comparison for people, and for programs.
 *
 * Of several pairs there is first a table with a row for each, then those that differ in detail. A
 * detail is a table in the order of importance, and a sentence on what was left out of it. JSON and
 * CSV have everything.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/compare.h"

static const struct {
    const char *name, *title;
} groups[COMPARE_GROUPS] = {
    [COMPARE_OUTCOME] = {"outcome", "outcome"},
    [COMPARE_MEMORY] = {"memory", "memory"},
    [COMPARE_FRAGMENTATION] = {"fragmentation", "fragmentation"},
    [COMPARE_WORK] = {"work", "work"},
    [COMPARE_TIME] = {"time", "time"},
    [COMPARE_CALLS] = {"calls", "the work of calls"},
    [COMPARE_CACHES] = {"caches", "caches"},
    [COMPARE_SPACES] = {"spaces", "spaces"},
    [COMPARE_STATE] = {"state", "the state at marks, failures and the end"},
    [COMPARE_SERIES] = {"series", "the series"},
    [COMPARE_REST] = {"rest", "the rest"},
};

static unsigned count_rows(const struct compare_pair *pair, bool measured)
{
    unsigned count = 0;

    for (unsigned i = 0; i < pair->nr; i++)
        count += pair->rows[i].measured == measured;

    return count;
}

static bool any_significant(const struct compare_pair *pair)
{
    for (unsigned i = 0; i < pair->nr; i++)
        if (pair->rows[i].significant)
            return true;

    return false;
}

static const struct compare_row *wall_row(const struct compare_pair *pair)
{
    for (unsigned i = 0; i < pair->nr; i++)
        if (pair->rows[i].measured && strcmp(pair->rows[i].metric, "wall_ns") == 0)
            return &pair->rows[i];

    return NULL;
}

/* ---- Cells ---- */

static void put_side(struct table *table, const struct compare_row *row,
                     const struct compare_side *side)
{
    const struct table_column column = {.unit = row->unit};
    char text[TABLE_CELL_MAX], low[TABLE_CELL_MAX], high[TABLE_CELL_MAX];
    const struct table_cell low_cell = {.is = TABLE_IS_REAL, .real = side->summary.interval.low};
    const struct table_cell high_cell = {.is = TABLE_IS_REAL, .real = side->summary.interval.high};

    if (!row->measured || !side->summary.interval.reached)
        table_put_text(table, table_show(&column, &side->value, text));
    else
        table_put_format(table, "%s [%s, %s]", table_show(&column, &side->value, text),
                         table_show(&column, &low_cell, low),
                         table_show(&column, &high_cell, high));
}

static void put_change(struct table *table, const struct compare_row *row)
{
    double percent = 100 * row->change;

    if (row->measured && !row->significant)
        table_put_text(table, "~");
    else if (isfinite(percent) && fabs(percent) >= 0.05)
        table_put_format(table, "%+.1f%%", percent);
    else if (isfinite(percent))
        table_put_text(table, percent > 0 ? "+<0.1%" : percent < 0 ? "-<0.1%" : "");
    else if (row->new.value.is == TABLE_NONE)
        table_put_text(table, "gone");
    else
        table_put_text(table, row->unit == TABLE_TEXT || row->unit == TABLE_BOOLEAN ? "" : "new");
}

static void put_p(struct table *table, const struct compare_row *row)
{
    if (!row->measured)
        table_put_text(table, "");
    else if (row->adjusted < 0.0005)
        table_put_text(table, "<0.001");
    else
        table_put_format(table, "%.3f", row->adjusted);
}

/* ---- One pair ---- */

/* The cells are texts, those of figures to the right. */
static const struct table_column pair_columns[] = {
    {"group", "", TABLE_TEXT},    {"metric", "metric", TABLE_TEXT},   {"old", "old", TABLE_NUMBER},
    {"new", "new", TABLE_NUMBER}, {"change", "change", TABLE_NUMBER}, {"p", "p", TABLE_NUMBER},
};

static bool is_shown(const struct compare_row *row, bool all)
{
    return all || row->group < COMPARE_SHOWN;
}

static void fill_pair(struct table *table, const struct compare_pair *pair, bool all)
{
    enum compare_group group = COMPARE_GROUPS;

    for (unsigned i = 0; i < pair->nr; i++) {
        const struct compare_row *row = &pair->rows[i];

        if (!is_shown(row, all))
            continue;
        table_put_text(table, row->group != group ? groups[row->group].name : "");
        group = row->group;
        table_put_text(table, row->metric);
        put_side(table, row, &row->old);
        put_side(table, row, &row->new);
        put_change(table, row);
        put_p(table, row);
    }
}

static void print_title(FILE *stream, const struct compare_pair *pair, bool markdown)
{
    unsigned differ = count_rows(pair, false);

    fprintf(stream, "%s%s, ", markdown ? "### " : "", pair->trace);
    if (strcmp(pair->old_stack, pair->new_stack) == 0)
        fprintf(stream, "%s: ", pair->old_stack);
    else
        fprintf(stream, "%s against %s: ", pair->old_stack, pair->new_stack);
    if (differ == 0)
        fputs("what is exact is the same\n", stream);
    else
        fprintf(stream, "%u exact value%s differ%s\n", differ, differ == 1 ? "" : "s",
                differ == 1 ? "s" : "");
}

/* "57 further differences: 12 of caches, 45 of the series; --all shows them" */
static void print_left_out(FILE *stream, const struct compare_pair *pair)
{
    unsigned counts[COMPARE_GROUPS] = {0}, sum = 0;
    const char *separator = ": ";

    for (unsigned i = 0; i < pair->nr; i++)
        if (!is_shown(&pair->rows[i], false)) {
            counts[pair->rows[i].group]++;
            sum++;
        }
    if (sum == 0)
        return;

    fprintf(stream, "\n%u further difference%s", sum, sum == 1 ? "" : "s");
    for (unsigned group = 0; group < COMPARE_GROUPS; group++)
        if (counts[group] != 0) {
            fprintf(stream, "%s%u of %s", separator, counts[group], groups[group].title);
            separator = ", ";
        }
    fputs("; --all shows them\n", stream);
}

static int print_pair(FILE *stream, const struct compare_pair *pair, bool markdown, bool all,
                      struct error *error)
{
    struct table table;

    print_title(stream, pair, markdown);
    table_begin(&table, "pair", "", "", pair_columns,
                sizeof(pair_columns) / sizeof(pair_columns[0]));
    fill_pair(&table, pair, all);

    int status = 0;

    if (table.nr_rows != 0) {
        fputc('\n', stream);
        status = table_write(stream, &table, markdown ? TABLE_MARKDOWN : TABLE_PLAIN, error);
    }
    table_end(&table);
    if (!all)
        print_left_out(stream, pair);
    if (pair->nr_warnings != 0)
        fputc('\n', stream);
    for (unsigned i = 0; i < pair->nr_warnings; i++)
        fprintf(stream, "%swarning: %s\n", markdown ? "- " : "", pair->warnings[i]);
    return status;
}

/* ---- Many pairs ---- */

static const struct table_column overview_columns[] = {
    {"trace", "trace", TABLE_TEXT}, {"stack", "stack", TABLE_TEXT},
    {"exact", "exact", TABLE_TEXT}, {"old", "old wall time", TABLE_NUMBER},
    {"new", "new", TABLE_NUMBER},   {"change", "change", TABLE_NUMBER},
    {"p", "p", TABLE_NUMBER},
};

static void fill_overview(struct table *table, const struct compare_pair *pairs, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        const struct compare_row *wall = wall_row(&pairs[i]);
        unsigned differ = count_rows(&pairs[i], false);

        table_put_text(table, pairs[i].trace);
        table_put_text(table, pairs[i].new_stack);
        if (differ == 0)
            table_put_text(table, "same");
        else
            table_put_format(table, "%u differ%s", differ, differ == 1 ? "s" : "");
        if (wall == NULL) {
            for (unsigned c = 3; c < table->nr_columns; c++)
                table_put_none(table);
            continue;
        }
        put_side(table, wall, &wall->old);
        put_side(table, wall, &wall->new);
        put_change(table, wall);
        put_p(table, wall);
    }
}

static int print_overview(FILE *stream, const struct compare_pair *pairs, unsigned nr,
                          bool markdown, struct error *error)
{
    struct table table;

    table_begin(&table, "overview", "", "", overview_columns,
                sizeof(overview_columns) / sizeof(overview_columns[0]));
    fill_overview(&table, pairs, nr);

    int status = table_write(stream, &table, markdown ? TABLE_MARKDOWN : TABLE_PLAIN, error);

    table_end(&table);
    return status;
}

/* That a warning is the same for all pairs is said once. */
static void print_all_warnings(FILE *stream, const struct compare_pair *pairs, unsigned nr,
                               bool markdown)
{
    for (unsigned i = 0; i < nr; i++)
        for (unsigned w = 0; w < pairs[i].nr_warnings; w++) {
            const char *text = pairs[i].warnings[w];
            unsigned times = 0;
            bool earlier = false;

            for (unsigned j = 0; j < nr; j++)
                for (unsigned v = 0; v < pairs[j].nr_warnings; v++)
                    if (strcmp(pairs[j].warnings[v], text) == 0) {
                        earlier |= j < i;
                        times++;
                    }
            if (earlier)
                continue;
            fprintf(stream, "%swarning: ", markdown ? "- " : "");
            if (times == 1)
                fprintf(stream, "%s, %s: %s\n", pairs[i].trace, pairs[i].new_stack, text);
            else
                fprintf(stream, "%u pairs: %s\n", times, text);
        }
}

static bool is_detailed(const struct compare_pair *pair, bool all)
{
    return all || count_rows(pair, false) != 0 || any_significant(pair);
}

static int print_pairs(FILE *stream, const struct compare_pair *pairs, unsigned nr, bool markdown,
                       bool all, struct error *error)
{
    if (nr == 1)
        return print_pair(stream, &pairs[0], markdown, all, error);
    if (print_overview(stream, pairs, nr, markdown, error) != 0)
        return -1;

    for (unsigned i = 0; i < nr; i++)
        if (is_detailed(&pairs[i], all)) {
            struct compare_pair quiet = pairs[i];

            quiet.nr_warnings = 0;
            fputc('\n', stream);
            if (print_pair(stream, &quiet, markdown, all, error) != 0)
                return -1;
        }

    fputc('\n', stream);
    print_all_warnings(stream, pairs, nr, markdown);
    return 0;
}

/* ---- CSV ---- */

static const struct table_column csv_columns[] = {
    {"trace", "", TABLE_TEXT},          {"old_stack", "", TABLE_TEXT},
    {"new_stack", "", TABLE_TEXT},      {"group", "", TABLE_TEXT},
    {"metric", "", TABLE_TEXT},         {"old", "", TABLE_NUMBER},
    {"new", "", TABLE_NUMBER},          {"change", "", TABLE_NUMBER},
    {"significant", "", TABLE_BOOLEAN}, {"p", "", TABLE_NUMBER},
    {"adjusted_p", "", TABLE_NUMBER},   {"old_low", "", TABLE_NUMBER},
    {"old_high", "", TABLE_NUMBER},     {"old_replays", "", TABLE_NUMBER},
    {"new_low", "", TABLE_NUMBER},      {"new_high", "", TABLE_NUMBER},
    {"new_replays", "", TABLE_NUMBER},
};

static void put_value(struct table *table, const struct table_cell *cell)
{
    if (cell->is == TABLE_IS_INTEGER)
        table_put_integer(table, cell->integer);
    else if (cell->is == TABLE_IS_REAL)
        table_put_real(table, cell->real);
    else
        table_put_text(table, cell->text);
}

static void put_summary(struct table *table, const struct compare_row *row,
                        const struct statistics_summary *summary)
{
    table_put_real(table, row->measured ? summary->interval.low : NAN);
    table_put_real(table, row->measured ? summary->interval.high : NAN);
    if (row->measured)
        table_put_integer(table, summary->nr);
    else
        table_put_none(table);
}

static void fill_csv(struct table *table, const struct compare_pair *pair)
{
    for (unsigned i = 0; i < pair->nr; i++) {
        const struct compare_row *row = &pair->rows[i];

        table_put_text(table, pair->trace);
        table_put_text(table, pair->old_stack);
        table_put_text(table, pair->new_stack);
        table_put_text(table, groups[row->group].name);
        table_put_text(table, row->metric);
        put_value(table, &row->old.value);
        put_value(table, &row->new.value);
        table_put_real(table, row->change);
        table_put_integer(table, !row->measured || row->significant);
        table_put_real(table, row->measured ? row->p : NAN);
        table_put_real(table, row->measured ? row->adjusted : NAN);
        put_summary(table, row, &row->old.summary);
        put_summary(table, row, &row->new.summary);
    }
}

static int write_csv(FILE *stream, const struct compare_pair *pairs, unsigned nr,
                     struct error *error)
{
    struct table table;

    table_begin(&table, "comparison", "", "", csv_columns,
                sizeof(csv_columns) / sizeof(csv_columns[0]));
    for (unsigned i = 0; i < nr; i++)
        fill_csv(&table, &pairs[i]);

    int status = table_write(stream, &table, TABLE_CSV, error);

    table_end(&table);
    return status;
}

/* ---- JSON ---- */

static json_t *value_json(const struct table_cell *cell)
{
    return cell->is == TABLE_IS_INTEGER ? json_integer(cell->integer)
           : cell->is == TABLE_IS_REAL  ? json_real(cell->real)
           : cell->is == TABLE_IS_TEXT  ? json_string(cell->text)
                                        : json_null();
}

static json_t *real_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *side_json(const struct statistics_summary *summary)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:i, s:f}", "median", summary->median, "low",
                     summary->interval.low, "high", summary->interval.high, "confidence",
                     summary->interval.confidence, "replays", (int)summary->nr, "spread",
                     summary->spread);
}

static json_t *row_json(const struct compare_row *row)
{
    if (!row->measured)
        return json_pack("{s:s, s:s, s:o, s:o, s:o}", "metric", row->metric, "group",
                         groups[row->group].name, "old", value_json(&row->old.value), "new",
                         value_json(&row->new.value), "change", real_json(row->change));

    return json_pack("{s:s, s:o, s:o, s:o, s:f, s:f, s:f, s:o, s:b}", "metric", row->metric, "old",
                     side_json(&row->old.summary), "new", side_json(&row->new.summary), "change",
                     real_json(row->change), "p", row->p, "adjusted_p", row->adjusted, "least_p",
                     row->least_p, "gap", real_json(row->gap), "significant",
                     (int)row->significant);
}

static json_t *pair_json(const struct compare_pair *pair)
{
    json_t *exact = json_array(), *measured = json_array(), *warnings = json_array();

    for (unsigned i = 0; i < pair->nr; i++)
        json_array_append_new(pair->rows[i].measured ? measured : exact, row_json(&pair->rows[i]));
    for (unsigned i = 0; i < pair->nr_warnings; i++)
        json_array_append_new(warnings, json_string(pair->warnings[i]));

    return json_pack("{s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:o, s:o, s:o}", "trace", pair->trace,
                     "old", "path", pair->old_path, "stack", pair->old_stack, "new", "path",
                     pair->new_path, "stack", pair->new_stack, "exact", exact, "measured", measured,
                     "warnings", warnings);
}

static int write_json(FILE *stream, const struct compare_pair *pairs, unsigned nr,
                      struct error *error)
{
    json_t *array = json_array();
    int failed = 0;

    for (unsigned i = 0; i < nr; i++)
        failed |= json_array_append_new(array, pair_json(&pairs[i]));

    json_t *root = json_pack("{s:{s:s, s:i}, s:o}", "schema", "name", "allotrope-comparison",
                             "version", 1, "pairs", array);

    if (failed != 0 || root == NULL) {
        json_decref(root);
        return error_set(error, "no memory for the comparison");
    }

    json_dumpf(root, stream, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    fputc('\n', stream);
    json_decref(root);
    return 0;
}

int compare_write(FILE *stream, const struct compare_pair *pairs, unsigned nr,
                  enum compare_format format, bool all, struct error *error)
{
    switch (format) {
    case COMPARE_CSV:
        return write_csv(stream, pairs, nr, error);
    case COMPARE_JSON:
        return write_json(stream, pairs, nr, error);
    default:
        return print_pairs(stream, pairs, nr, format == COMPARE_MARKDOWN, all, error);
    }
}
