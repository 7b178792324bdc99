/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which results can be compared at all, and what is to be said against it when they can.
 */

#include "reports/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Clocks of one machine agree to far less than this. */
#define CLOCK_TOLERANCE 0.005

/* ---- Rows ---- */

struct compare_row *compare_add(struct compare_pair *pair, const char *metric,
                                enum compare_group group)
{
    unsigned nr = pair->nr;
    char *copy = strdup(metric);

    if ((nr & (nr - 1)) == 0) {
        struct compare_row *rows =
            reallocarray(pair->rows, nr == 0 ? 1 : (size_t)nr * 2, sizeof(*rows));

        pair->failed |= rows == NULL;
        pair->rows = rows != NULL ? rows : pair->rows;
    }

    pair->failed |= copy == NULL;
    if (pair->failed) {
        free(copy);
        return NULL;
    }

    struct compare_row *row = &pair->rows[pair->nr++];

    *row = (struct compare_row){.metric = copy, .group = group, .change = NAN, .p = 1};
    row->unit = compare_unit(metric);
    return row;
}

void compare_warn(struct compare_pair *pair, const char *format, ...)
{
    va_list arguments;
    char *text;

    if (pair->nr_warnings == COMPARE_WARNINGS)
        return;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        pair->failed = true;
    else
        pair->warnings[pair->nr_warnings++] = text;
    va_end(arguments);
}

struct table_cell compare_cell(const json_t *json, bool *failed)
{
    struct table_cell cell = {.is = TABLE_NONE};

    if (json_is_integer(json)) {
        cell.is = TABLE_IS_INTEGER;
        cell.integer = json_integer_value(json);
    } else if (json_is_boolean(json)) {
        cell.is = TABLE_IS_INTEGER;
        cell.integer = json_is_true(json);
    } else if (json_is_real(json)) {
        cell.is = TABLE_IS_REAL;
        cell.real = json_real_value(json);
    } else if (json_is_string(json)) {
        cell.text = strdup(json_string_value(json));
        cell.is = cell.text != NULL ? TABLE_IS_TEXT : TABLE_NONE;
        *failed |= cell.text == NULL;
    }

    return cell;
}

double compare_number(const struct table_cell *cell)
{
    return cell->is == TABLE_IS_INTEGER ? (double)cell->integer
           : cell->is == TABLE_IS_REAL  ? cell->real
                                        : NAN;
}

double compare_change(double old, double new)
{
    if (old == new)
        return 0;
    if (old == 0)
        return new > 0 ? INFINITY : -INFINITY;

    return (new - old) / fabs(old);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), own = strlen(end);

    return length >= own && strcmp(text + length - own, end) == 0;
}

enum table_unit compare_unit(const char *metric)
{
    static const struct {
        const char *end;
        enum table_unit unit;
    } ends[] = {
        {"bytes", TABLE_BYTES},         {"largest_hole", TABLE_BYTES},
        {"largest_piece", TABLE_BYTES}, {"held_ratio", TABLE_THOUSANDTHS},
        {"wall_ns", TABLE_NANOSECONDS},
    };

    if (strncmp(metric, "latency.", 8) == 0)
        return TABLE_NANOSECONDS;
    if (strstr(metric, "worst.largest_hole.") != NULL)
        return TABLE_BYTES;
    if (strstr(metric, "unusable_") != NULL || strstr(metric, "waste_share") != NULL)
        return TABLE_THOUSANDTHS;

    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (ends_with(metric, ends[i].end))
            return ends[i].unit;

    return TABLE_NUMBER;
}

/* ---- What cannot be compared ---- */

static int refuse(const struct compare_pair *pair, const char *what, const char *old,
                  const char *new, struct error *error)
{
    return error_set(error, "%s and %s cannot be compared: %s, %s and %s", pair->old.path,
                     pair->new.path, what, old, new);
}

/* What must be equal, and what it is called. */
static const struct {
    const char *path, *what;
} conditions[] = {
    {"trace.digest", "they are of different traces, with the digests"},
    {"machine.geometry", "they are of different machines"},
    {"options.until_failure", "they are replays to different ends, --until-failure"},
};

static int check_same(const struct compare_pair *pair, struct error *error)
{
    for (unsigned i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        const char *old = report_text(pair->old.provenance, conditions[i].path);
        const char *new = report_text(pair->new.provenance, conditions[i].path);

        if (strcmp(old, new) != 0)
            return refuse(pair, conditions[i].what, old[0] != '\0' ? old : "none",
                          new[0] != '\0' ? new : "none", error);
    }

    return 0;
}

/* A search for the least memory ends with the memory it found. */
static int check_memory(const struct compare_pair *pair, struct error *error)
{
    int64_t old = report_integer(pair->old.provenance, "machine.memory_bytes");
    int64_t new = report_integer(pair->new.provenance, "machine.memory_bytes");
    char old_text[32], new_text[32];

    if (old == new ||
        strcmp(report_text(pair->old.provenance, "options.until_failure"), "shrink") == 0)
        return 0;

    snprintf(old_text, sizeof(old_text), "%lld", (long long)old);
    snprintf(new_text, sizeof(new_text), "%lld bytes", (long long)new);
    return refuse(pair, "they are of machines with different memory", old_text, new_text, error);
}

/* ---- What should be known ---- */

static void warn_of_option(struct compare_pair *pair, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "options.%s", name);

    const json_t *old = report_at(pair->old.provenance, path);
    const json_t *new = report_at(pair->new.provenance, path);
    char *old_text = json_dumps(old, JSON_ENCODE_ANY), *new_text = json_dumps(new, JSON_ENCODE_ANY);

    if (!json_equal(old, new) && old_text != NULL && new_text != NULL)
        compare_warn(pair, "they were replayed with different options: %s is %s and %s", name,
                     old_text, new_text);
    free(old_text);
    free(new_text);
}

static void warn_of_subject(struct compare_pair *pair)
{
    static const char *const options[] = {"keys", "on_failure", "exact_bitmaps", "passes",
                                          "sample_events"};
    const char *old = report_text(pair->old.provenance, "tool");
    const char *new = report_text(pair->new.provenance, "tool");

    if (strcmp(old, new) != 0)
        compare_warn(pair, "they are of different versions, %s and %s", old, new);
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        warn_of_option(pair, options[i]);
}

static void warn_of_clock(struct compare_pair *pair)
{
    const char *old = report_text(pair->old.measured, "latency.clock.name");
    const char *new = report_text(pair->new.measured, "latency.clock.name");
    double old_rate = report_number(pair->old.measured, "latency.clock.ticks_per_ns");
    double new_rate = report_number(pair->new.measured, "latency.clock.ticks_per_ns");

    if (old[0] == '\0' || new[0] == '\0')
        return;
    if (strcmp(old, new) != 0)
        compare_warn(pair, "they were timed by different clocks, %s and %s", old, new);
    else if (fabs(compare_change(old_rate, new_rate)) > CLOCK_TOLERANCE)
        compare_warn(pair,
                     "they were measured on different machines: the clock %s has %.4g ticks a "
                     "nanosecond and %.4g",
                     old, old_rate, new_rate);
}

/* ---- Pairs ---- */

static int by_group(const void *a, const void *b)
{
    const struct compare_row *first = a, *second = b;

    if (first->group != second->group)
        return first->group < second->group ? -1 : 1;

    return strcmp(first->metric, second->metric);
}

static void name(struct compare_pair *pair)
{
    pair->trace = strdup(pair->old.trace);
    pair->old_stack = strdup(pair->old.stack);
    pair->new_stack = strdup(pair->new.stack);
    pair->old_path = strdup(pair->old.path);
    pair->new_path = strdup(pair->new.path);
    pair->failed = pair->trace == NULL || pair->old_stack == NULL || pair->new_stack == NULL ||
                   pair->old_path == NULL || pair->new_path == NULL;
}

int compare_open(struct compare_pair *pair, struct report_result *old, struct report_result *new,
                 struct error *error)
{
    *pair = (struct compare_pair){.old = *old, .new = *new};
    *old = *new = (struct report_result){0};
    if (check_same(pair, error) != 0 || check_memory(pair, error) != 0)
        return -1;

    name(pair);

    warn_of_subject(pair);
    compare_exact(pair);
    compare_measured(pair);
    warn_of_clock(pair);
    if (pair->failed)
        return error_set(error, "no memory to compare %s and %s", pair->old.path, pair->new.path);

    if (pair->nr != 0)
        qsort(pair->rows, pair->nr, sizeof(*pair->rows), by_group);
    return 0;
}

void compare_close(struct compare_pair *pair)
{
    for (unsigned i = 0; i < pair->nr; i++) {
        free(pair->rows[i].metric);
        free(pair->rows[i].old.value.text);
        free(pair->rows[i].new.value.text);
    }
    for (unsigned i = 0; i < pair->nr_warnings; i++)
        free(pair->warnings[i]);
    free(pair->rows);
    free(pair->trace);
    free(pair->old_stack);
    free(pair->new_stack);
    free(pair->old_path);
    free(pair->new_path);
    compare_release(pair);
    *pair = (struct compare_pair){0};
}

void compare_release(struct compare_pair *pair)
{
    report_result_free(&pair->old);
    report_result_free(&pair->new);
}
