/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The series is walked for all columns that it has, twice: for their names, and a sample at a time
 * for their values. A list of columns is made once, in the order of docs/metrics.md.
 */

#include "reports/export.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Histograms ---- */

static double deviation(const struct latency *latency)
{
    double sum = 0;

    for (unsigned i = 0; i < latency->nr; i++) {
        double off = latency->buckets[i].highest - latency->mean;

        sum += off * off * (double)latency->buckets[i].count;
    }

    return latency->count != 0 ? sqrt(sum / (double)latency->count) : 0;
}

void export_histogram(FILE *stream, const struct latency *latency)
{
    uint64_t seen = 0;

    fprintf(stream, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");

    for (unsigned i = 0; i < latency->nr; i++) {
        double value = fmin(latency->buckets[i].highest, latency->max);

        seen += latency->buckets[i].count;
        if (seen == latency->count)
            fprintf(stream, "%12.3f %2.12f %10" PRIu64 "\n", latency->max, 1.0, seen);
        else
            fprintf(stream, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", value,
                    (double)seen / (double)latency->count, seen,
                    (double)latency->count / (double)(latency->count - seen));
    }

    fprintf(stream, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", latency->mean,
            deviation(latency));
    fprintf(stream, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n", latency->max,
            latency->count);
    fprintf(stream, "#[Buckets = %12u, SubBuckets     = %12u]\n", latency->nr, 128U);
}

/* ---- Series ---- */

#define NAME_BYTES 128

struct column {
    char name[NAME_BYTES];
    const json_t *values;
};

struct columns {
    struct column *all;
    unsigned nr;
    bool failed;
};

static void add_column(struct columns *columns, const char *prefix, const char *name,
                       const json_t *values)
{
    struct column *more = reallocarray(columns->all, columns->nr + 1, sizeof(*more));

    columns->failed |= more == NULL;
    if (more == NULL)
        return;

    struct column *column = &more[columns->nr++];

    columns->all = more;
    column->values = values;
    snprintf(column->name, sizeof(column->name), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
             name);
    for (char *c = column->name; *c != '\0'; c++)
        if (*c == ' ' || *c == '\t' || *c == '\n')
            *c = '_';
}

/* The columns that an object has, by key: arrays of numbers, and arrays of such by number. */
static void add_object(struct columns *columns, const char *prefix, const json_t *object)
{
    char below[NAME_BYTES], number[24];
    const char *key;
    json_t *value, *inner;
    size_t i;

    json_object_foreach((json_t *)object, key, value)
    {
        if (json_is_integer(json_array_get(value, 0))) {
            add_column(columns, prefix, key, value);
            continue;
        }
        snprintf(below, sizeof(below), "%.*s.%s", NAME_BYTES / 2, prefix, key);
        json_array_foreach(value, i, inner)
        {
            snprintf(number, sizeof(number), "%zu", i);
            add_column(columns, below, number, inner);
        }
    }
}

/* Those of an array of objects that have a name. */
static void add_named(struct columns *columns, const char *what, const json_t *array)
{
    char prefix[NAME_BYTES];
    size_t i;
    json_t *object;

    json_array_foreach(array, i, object)
    {
        snprintf(prefix, sizeof(prefix), "%s.%s", what, report_text(object, "name"));
        add_object(columns, prefix, object);
    }
}

static void collect(struct columns *columns, const json_t *series)
{
    static const char *const own[] = {"event", "time", "mark", "requested_bytes"};
    static const char *const parts[] = {"held", "slabs", "pages", "spaces"};
    char prefix[NAME_BYTES];
    const char *name;
    json_t *map;

    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        add_column(columns, "", own[i], json_object_get(series, own[i]));
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        add_object(columns, parts[i], json_object_get(series, parts[i]));
    json_object_foreach(json_object_get(series, "maps"), name, map)
    {
        snprintf(prefix, sizeof(prefix), "maps.%s", name);
        add_object(columns, prefix, map);
    }
    add_named(columns, "segments", json_object_get(series, "segments"));
    add_named(columns, "caches", json_object_get(series, "caches"));
}

static void print_columns(FILE *stream, const struct columns *columns, size_t samples)
{
    for (unsigned i = 0; i < columns->nr; i++)
        fprintf(stream, "%s%s", i != 0 ? " " : "", columns->all[i].name);
    fputc('\n', stream);

    for (size_t sample = 0; sample < samples; sample++) {
        for (unsigned i = 0; i < columns->nr; i++)
            fprintf(stream, "%s%" PRId64, i != 0 ? " " : "",
                    report_element(columns->all[i].values, sample));
        fputc('\n', stream);
    }
}

int export_series(FILE *stream, const struct report_result *result, struct error *error)
{
    const json_t *series = report_at(result->exact, "series");
    struct columns columns = {0};

    if (series == NULL)
        return error_set(error,
                         "%s: no series in it: it was replayed with --sample off, or "
                         "--until-failure shrink",
                         result->path);

    collect(&columns, series);
    if (!columns.failed)
        print_columns(stream, &columns, json_array_size(json_object_get(series, "event")));
    free(columns.all);

    return columns.failed ? error_set(error, "%s: no memory for its series", result->path) : 0;
}
