/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tables of results, one after the other as a report has them. Each has the trace and the stack
 * in its first columns, so that rows of many results stand in one table and can be told apart in a
 * spreadsheet. A table that is a part of the result, field by field, is a list of columns and of
 * the fields that they show.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/latency.h"
#include "reports/table.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define UNUSABLE_ORDER 5 /* a block of 128K: the table of `replay` has the same */
/* clang-format off */
#define SUBJECT_COLUMNS {"trace", "trace", TABLE_TEXT}, {"stack", "stack", TABLE_TEXT}
/* clang-format on */

static void put_subject(struct table *table, const struct report_result *result)
{
    table_put_text(table, result->trace);
    table_put_text(table, result->stack);
}

/* A field of whatever type it is. */
static void put_field(struct table *table, const json_t *json, const char *path)
{
    const json_t *value = report_at(json, path);

    switch (value != NULL ? json_typeof(value) : JSON_NULL) {
    case JSON_INTEGER:
        table_put_integer(table, json_integer_value(value));
        break;
    case JSON_REAL:
        table_put_real(table, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        table_put_integer(table, json_is_true(value));
        break;
    case JSON_STRING:
        table_put_text(table, json_string_value(value));
        break;
    default:
        table_put_none(table);
    }
}

static void put_fields(struct table *table, const json_t *json, const char *const *paths, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        put_field(table, json, paths[i]);
}

/* ---- What is asked of results here and elsewhere ---- */

static int64_t sum_of(const json_t *object)
{
    const char *key;
    json_t *value;
    int64_t sum = 0;

    json_object_foreach((json_t *)object, key, value) sum += json_integer_value(value);

    return sum;
}

int64_t report_refused(const struct report_result *result)
{
    return sum_of(report_at(result->exact, "refused")) +
           report_integer(result->exact, "kernel_refused_too");
}

const char *report_slab_map(const struct report_result *result)
{
    if (report_at(result->exact, "end.maps.kmem_map") != NULL)
        return "kmem_map";

    return report_at(result->exact, "end.maps.kernel_map") != NULL ? "kernel_map" : NULL;
}

/* The mark, or the end, at which the objects in slabs asked for most; the first of equals. */
static const json_t *fullest(const struct report_result *result)
{
    const json_t *best = report_at(result->exact, "end"), *mark;
    int64_t most = report_integer(best, "slab_requested_bytes");
    json_t *marks = report_array(result->exact, "marks");

    for (size_t i = json_array_size(marks); i-- > 0;) {
        mark = json_array_get(marks, i);
        if (report_integer(mark, "slab_requested_bytes") >= most) {
            best = mark;
            most = report_integer(mark, "slab_requested_bytes");
        }
    }

    return best;
}

/* Of one failure class that is first in the trace; 0: none. */
static int64_t first_failure(const struct report_result *result)
{
    size_t i;
    json_t *failure;
    int64_t first = 0;

    json_array_foreach(report_array(result->exact, "failures"), i, failure)
    {
        int64_t event = report_integer(failure, "event");

        first = first == 0 || event < first ? event : first;
    }

    return first;
}

/* ---- Summary ---- */

static const struct table_column summary_columns[] = {
    SUBJECT_COLUMNS,
    {"refused", "refused", TABLE_NUMBER},
    {"first_refused_event", "first at", TABLE_NUMBER},
    {"peak_page_bytes", "held", TABLE_BYTES},
    {"held_ratio", "by ideal", TABLE_THOUSANDTHS},
    {"peak_slab_bytes", "slabs", TABLE_BYTES},
    {"peak_space_bytes", "rights", TABLE_BYTES},
    {"slab_waste_share", "waste", TABLE_THOUSANDTHS},
    {"unusable_index_worst", "unusable", TABLE_THOUSANDTHS},
    {"holes", "holes", TABLE_NUMBER},
    {"largest_hole", "largest", TABLE_BYTES},
    {"largest_hole_worst", "worst", TABLE_BYTES},
    {"events_per_second", "Mev/s", TABLE_MILLIONS},
    {"digest", "digest", TABLE_TEXT},
};

/* Which is better, less (-1) or more (1), by column. */
static const int summary_better[COUNT(summary_columns)] = {
    [4] = -1, [5] = -1,  [6] = -1, [7] = -1, [8] = -1,
    [9] = -1, [10] = -1, [11] = 1, [12] = 1, [13] = 1,
};

#define SUMMARY_MEASURED 13 /* the column that is, and has a best only of repetitions */

static void put_waste(struct table *table, const struct report_result *result)
{
    const json_t *point = fullest(result);
    int64_t held = report_integer(point, "held.slab_bytes");
    int64_t requested = report_integer(point, "slab_requested_bytes");

    if (held > 0)
        table_put_integer(table, (held - requested) * 1000 / held);
    else
        table_put_none(table);
}

/* At the end, and the lowest of the series. */
static void put_map(struct table *table, const struct report_result *result)
{
    const char *map = report_slab_map(result);
    char path[128];

    for (unsigned i = 0; i < 3; i++) {
        static const char *const paths[] = {"end.maps.%s.holes", "end.maps.%s.largest_hole",
                                            "series.worst.largest_hole.%s.value"};

        if (map == NULL) {
            table_put_none(table);
            continue;
        }
        snprintf(path, sizeof(path), paths[i], map); // NOLINT: of the three above
        put_field(table, result->exact, path);
    }
}

static void put_summary(struct table *table, const struct report_result *result)
{
    int64_t first = first_failure(result);
    char digest[9];
    char path[64];

    put_subject(table, result);
    table_put_integer(table, report_refused(result));
    if (first != 0)
        table_put_integer(table, first);
    else
        table_put_none(table);
    put_field(table, result->exact, "peak.page_bytes");
    if (report_integer(result->exact, "peak.page_bytes") != 0)
        put_field(table, result->exact, "requested.held_ratio");
    else
        table_put_none(table);
    put_field(table, result->exact, "peak.slab_bytes");
    put_field(table, result->exact, "peak.space_bytes");
    put_waste(table, result);
    snprintf(path, sizeof(path), "series.worst.unusable_index.%d.value", UNUSABLE_ORDER);
    put_field(table, result->exact, path);
    put_map(table, result);
    put_field(table, result->measured, "events_per_second");
    /* Its first half is enough to see a difference. */
    snprintf(digest, sizeof(digest), "%.8s", report_text(result->exact, "digest"));
    table_put_text(table, digest);
}

/* Who refused something held less for doing less, and who does nothing is no rival. */
static bool competes(const struct report_result *result)
{
    return report_refused(result) == 0 && report_text(result->provenance, "stack.spaces")[0] != 0;
}

static void mark_best(struct table *table, unsigned first, unsigned column,
                      const struct report_result *results, unsigned nr)
{
    int better = summary_better[column];
    double best = NAN, worst = NAN;

    for (unsigned i = 0; i < nr; i++) {
        const struct table_cell *cell = table_cell(table, first + i, column);

        if (cell->is != TABLE_IS_INTEGER || !competes(&results[i]))
            continue;

        double value = (double)cell->integer * better;

        best = isnan(best) || value > best ? value : best;
        worst = isnan(worst) || value < worst ? value : worst;
    }

    if (!(best > worst))
        return;

    for (unsigned i = 0; i < nr; i++) {
        struct table_cell *cell = table_cell(table, first + i, column);

        cell->best = cell->is == TABLE_IS_INTEGER && competes(&results[i]) &&
                     (double)cell->integer * better == best;
    }
}

static void add_summary(struct table *table, const struct report_result *results, unsigned nr)
{
    unsigned first = table->nr_rows;
    bool repeated = true;

    for (unsigned i = 0; i < nr; i++) {
        put_summary(table, &results[i]);
        repeated &= json_array_size(report_array(results[i].measured, "wall_ns_all")) > 1;
    }

    for (unsigned column = 0; !table->failed && column < COUNT(summary_columns); column++)
        if (summary_better[column] != 0 && (column != SUMMARY_MEASURED || repeated))
            mark_best(table, first, column, results, nr);
}

/* ---- Failures ---- */

static const struct table_column failure_columns[] = {
    SUBJECT_COLUMNS,
    {"kind", "request", TABLE_TEXT},
    {"cause", "cause", TABLE_TEXT},
    {"resource", "of", TABLE_TEXT},
    {"count", "times", TABLE_NUMBER},
    {"event", "first at", TABLE_NUMBER},
    {"seconds", "seconds", TABLE_SECONDS},
    {"pass", "pass", TABLE_NUMBER},
    {"task", "task", TABLE_NUMBER},
    {"requested_bytes", "asked for", TABLE_BYTES},
    {"free_bytes", "free", TABLE_BYTES},
    {"largest_piece", "largest", TABLE_BYTES},
    {"pieces", "pieces", TABLE_NUMBER},
    {"kernel_too", "kernel too", TABLE_BOOLEAN},
};

static void add_failures(struct table *table, const struct report_result *results, unsigned nr)
{
    static const char *const before[] = {"kind", "cause", "resource", "count", "event"};
    static const char *const after[] = {"pass",          "task",   "requested_bytes", "free_bytes",
                                        "largest_piece", "pieces", "kernel_too"};
    size_t f;
    json_t *failure;

    for (unsigned i = 0; i < nr; i++)
        json_array_foreach(report_array(results[i].exact, "failures"), f, failure)
        {
            double units = report_number(results[i].provenance, "trace.time_units_per_second");

            put_subject(table, &results[i]);
            put_fields(table, failure, before, COUNT(before));
            table_put_real(table, report_number(failure, "time") / units);
            put_fields(table, failure, after, COUNT(after));
        }
}

/* ---- Points ---- */

static const struct table_column point_columns[] = {
    SUBJECT_COLUMNS,
    {"mark", "mark", TABLE_TEXT},
    {"event", "event", TABLE_NUMBER},
    {"seconds", "seconds", TABLE_SECONDS},
    {"requested_bytes", "asked for", TABLE_BYTES},
    {"page_bytes", "held", TABLE_BYTES},
    {"slab_bytes", "slabs", TABLE_BYTES},
    {"slab_requested_bytes", "of objects", TABLE_BYTES},
    {"slab_waste_bytes", "waste", TABLE_BYTES},
    {"map_bytes", "map", TABLE_BYTES},
    {"space_bytes", "rights' memory", TABLE_BYTES},
    {"rights", "rights", TABLE_NUMBER},
    {"spaces", "spaces", TABLE_NUMBER},
    {"reverse_entries", "reverse", TABLE_NUMBER},
    {"refused", "refused", TABLE_NUMBER},
    {"skipped", "skipped", TABLE_NUMBER},
};

static void put_point(struct table *table, const struct report_result *result, const json_t *point)
{
    static const char *const after[] = {
        "requested_bytes",  "held.page_bytes", "held.slab_bytes",  "slab_requested_bytes",
        "slab_waste_bytes", "held.map_bytes",  "held.space_bytes", "rights",
        "spaces",           "reverse_entries", "refused",          "skipped",
    };
    double units = report_number(result->provenance, "trace.time_units_per_second");

    put_subject(table, result);
    put_field(table, point, "name");
    put_field(table, point, "event");
    table_put_real(table, report_number(point, "time") / units);
    put_fields(table, point, after, COUNT(after));
}

static void add_points(struct table *table, const struct report_result *results, unsigned nr)
{
    size_t m;
    json_t *mark;

    for (unsigned i = 0; i < nr; i++) {
        json_array_foreach(report_array(results[i].exact, "marks"), m, mark)
            put_point(table, &results[i], mark);
        put_point(table, &results[i], report_at(results[i].exact, "end"));
    }
}

/* ---- Maps and segments ---- */

static const struct table_column map_columns[] = {
    SUBJECT_COLUMNS,
    {"map", "map", TABLE_TEXT},
    {"entries", "entries", TABLE_NUMBER},
    {"bytes", "taken", TABLE_BYTES},
    {"free_bytes", "free", TABLE_BYTES},
    {"holes", "holes", TABLE_NUMBER},
    {"largest_hole", "largest hole", TABLE_BYTES},
    {"largest_hole_worst", "worst", TABLE_BYTES},
    {"unusable_share_worst", "unusable, worst", TABLE_THOUSANDTHS},
};

static void add_maps(struct table *table, const struct report_result *results, unsigned nr)
{
    static const char *const fields[] = {"entries", "bytes", "free_bytes", "holes", "largest_hole"};
    const char *name;
    json_t *map;

    for (unsigned i = 0; i < nr; i++)
        json_object_foreach(report_at(results[i].exact, "end.maps"), name, map)
        {
            const json_t *hole = report_at(results[i].exact, "series.worst.largest_hole");
            const json_t *share = report_at(results[i].exact, "series.worst.unusable_share");

            put_subject(table, &results[i]);
            table_put_text(table, name);
            put_fields(table, map, fields, COUNT(fields));
            put_field(table, json_object_get(hole, name), "value");
            put_field(table, json_object_get(share, name), "value");
        }
}

static const struct table_column segment_columns[] = {
    SUBJECT_COLUMNS,
    {"segment", "segment", TABLE_TEXT},
    {"pages", "pages", TABLE_NUMBER},
    {"free_pages", "free", TABLE_NUMBER},
    {"pool_pages", "pool", TABLE_NUMBER},
    {"order0", "4K", TABLE_NUMBER},
    {"order1", "8K", TABLE_NUMBER},
    {"order2", "16K", TABLE_NUMBER},
    {"order3", "32K", TABLE_NUMBER},
    {"order4", "64K", TABLE_NUMBER},
    {"order5", "128K", TABLE_NUMBER},
    {"order6", "256K", TABLE_NUMBER},
    {"order7", "512K", TABLE_NUMBER},
    {"order8", "1M", TABLE_NUMBER},
    {"order9", "2M", TABLE_NUMBER},
    {"order10", "4M", TABLE_NUMBER},
};

#define ORDERS 11

static void add_segments(struct table *table, const struct report_result *results, unsigned nr)
{
    size_t s;
    json_t *segment;

    for (unsigned i = 0; i < nr; i++)
        json_array_foreach(report_array(results[i].exact, "end.segments"), s, segment)
        {
            const json_t *blocks = report_array(segment, "blocks");

            put_subject(table, &results[i]);
            put_field(table, segment, "name");
            table_put_integer(table, report_integer(segment, "end_frame") -
                                         report_integer(segment, "start_frame"));
            put_field(table, segment, "free_pages");
            put_field(table, segment, "pool_pages");
            for (size_t order = 0; order < ORDERS; order++)
                table_put_integer(table, report_element(blocks, order));
        }
}

/* ---- Caches, as /proc/slabinfo has them ---- */

static const struct table_column cache_columns[] = {
    SUBJECT_COLUMNS,
    {"cache", "cache", TABLE_TEXT},
    {"flags", "flags", TABLE_TEXT},
    {"object_size", "obj size", TABLE_NUMBER},
    {"slab_bytes", "slab size", TABLE_NUMBER},
    {"buffers_per_slab", "bufs /slab", TABLE_NUMBER},
    {"objects", "objs usage", TABLE_NUMBER},
    {"buffers", "bufs count", TABLE_NUMBER},
    {"total_bytes", "total memory", TABLE_BYTES},
    {"reclaimable_bytes", "reclaimable", TABLE_BYTES},
    {"partial_slabs", "partial", TABLE_NUMBER},
    {"waste_bytes", "waste", TABLE_BYTES},
};

static void add_caches(struct table *table, const struct report_result *results, unsigned nr)
{
    static const char *const fields[] = {"object_size", "slab_bytes", "buffers_per_slab", "objects",
                                         "buffers"};
    size_t c;
    json_t *cache;

    for (unsigned i = 0; i < nr; i++)
        json_array_foreach(report_array(results[i].exact, "caches"), c, cache)
        {
            int64_t slab = report_integer(cache, "slab_bytes");
            int64_t total = slab * report_integer(cache, "slabs");

            put_subject(table, &results[i]);
            put_field(table, cache, "name");
            table_put_text(table, report_true(cache, "derived") ? "derived" : NULL);
            put_fields(table, cache, fields, COUNT(fields));
            table_put_integer(table, total);
            table_put_integer(table, slab * report_integer(cache, "free_slabs"));
            put_field(table, cache, "partial_slabs");
            table_put_integer(table, total - report_integer(cache, "requested_bytes"));
        }
}

/* ---- Spaces ---- */

static const struct table_column space_columns[] = {
    SUBJECT_COLUMNS,
    {"space", "space", TABLE_NUMBER},
    {"rights", "rights", TABLE_NUMBER},
    {"bytes", "memory", TABLE_BYTES},
    {"table_entries", "table entries", TABLE_NUMBER},
    {"next_growth_bytes", "next growth", TABLE_BYTES},
    {"growths", "growths", TABLE_NUMBER},
    {"remaps", "remaps", TABLE_NUMBER},
    {"transient_peak_bytes", "transient", TABLE_BYTES},
    {"name_nodes", "name nodes", TABLE_NUMBER},
    {"reverse_nodes", "reverse nodes", TABLE_NUMBER},
    {"height", "height", TABLE_NUMBER},
};

static int by_space(const void *a, const void *b)
{
    int64_t first = report_integer(*(json_t *const *)a, "space");
    int64_t second = report_integer(*(json_t *const *)b, "space");

    return (first > second) - (first < second);
}

static void add_sorted_spaces(struct table *table, const struct report_result *result,
                              json_t **spaces, size_t nr)
{
    static const char *const fields[] = {
        "space",
        "rights",
        "bytes",
        "table_entries",
        "next_growth_bytes",
        "growths",
        "remaps",
        "transient_peak_bytes",
        "name_nodes",
        "reverse_nodes",
        "height",
    };

    qsort(spaces, nr, sizeof(json_t *), by_space);
    for (size_t i = 0; i < nr; i++) {
        put_subject(table, result);
        put_fields(table, spaces[i], fields, COUNT(fields));
    }
}

static void add_spaces(struct table *table, const struct report_result *results, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        json_t *array = report_array(results[i].exact, "spaces");
        size_t number = json_array_size(array);
        json_t **spaces = calloc(number + 1, sizeof(json_t *));

        table->failed |= spaces == NULL;
        if (spaces == NULL)
            return;
        for (size_t s = 0; s < number; s++)
            spaces[s] = json_array_get(array, s);
        add_sorted_spaces(table, &results[i], spaces, number);
        free(spaces);
    }
}

/* ---- Work ---- */

static const struct table_column work_columns[] = {
    SUBJECT_COLUMNS,
    {"nodes_visited", "nodes visited", TABLE_NUMBER},
    {"list_steps", "list steps", TABLE_NUMBER},
    {"entries_copied", "entries copied", TABLE_NUMBER},
    {"pages_mapped", "pages mapped", TABLE_NUMBER},
    {"pages_unmapped", "pages unmapped", TABLE_NUMBER},
    {"splits", "splits", TABLE_NUMBER},
    {"merges", "merges", TABLE_NUMBER},
    {"bytes_copied", "copied", TABLE_BYTES},
    {"bytes_zeroed", "zeroed", TABLE_BYTES},
};

static void add_work(struct table *table, const struct report_result *results, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        const json_t *work = report_at(results[i].exact, "work");

        put_subject(table, &results[i]);
        for (unsigned c = 2; c < COUNT(work_columns); c++)
            put_field(table, work, work_columns[c].name);
    }
}

static const struct table_column step_columns[] = {
    SUBJECT_COLUMNS,
    {"kind", "call", TABLE_TEXT},
    {"calls", "calls", TABLE_NUMBER},
    {"p50", "p50", TABLE_NUMBER},
    {"p90", "p90", TABLE_NUMBER},
    {"p99", "p99", TABLE_NUMBER},
    {"p99_9", "p99.9", TABLE_NUMBER},
    {"p99_99", "p99.99", TABLE_NUMBER},
    {"max", "max", TABLE_NUMBER},
    {"sum", "sum", TABLE_NUMBER},
};

/* A kind whose calls move no counter has no distribution: all is 0. */
static void add_steps(struct table *table, const struct report_result *results, unsigned nr)
{
    const char *kind;
    json_t *work;

    for (unsigned i = 0; i < nr; i++)
        json_object_foreach(report_at(results[i].exact, "work_by_kind"), kind, work)
        {
            const json_t *steps = report_at(work, "steps");

            put_subject(table, &results[i]);
            table_put_text(table, kind);
            put_field(table, work, "calls");
            for (unsigned c = 4; c < COUNT(step_columns); c++)
                table_put_integer(table, report_integer(steps, step_columns[c].name));
        }
}

/* ---- Time ---- */

static const struct table_column time_columns[] = {
    SUBJECT_COLUMNS,
    {"replays", "replays", TABLE_NUMBER},
    {"wall_ns", "median", TABLE_NANOSECONDS},
    {"low_ns", "low", TABLE_NANOSECONDS},
    {"high_ns", "high", TABLE_NANOSECONDS},
    {"confidence", "confidence", TABLE_PERCENT},
    {"spread", "spread", TABLE_PERCENT},
    {"noisy", "noisy", TABLE_BOOLEAN},
    {"drifts", "drifts", TABLE_BOOLEAN},
    {"events_per_second", "Mev/s", TABLE_MILLIONS},
};

/* A share as percent; none when it is not there. */
static void put_percent(struct table *table, const json_t *json, const char *path)
{
    if (report_at(json, path) != NULL)
        table_put_real(table, 100 * report_number(json, path));
    else
        table_put_none(table);
}

static void add_times(struct table *table, const struct report_result *results, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        const json_t *measured = results[i].measured;

        put_subject(table, &results[i]);
        table_put_integer(table, (int64_t)json_array_size(report_array(measured, "wall_ns_all")));
        put_field(table, measured, "wall_ns");
        put_field(table, measured, "wall_ns_over_replays.low");
        put_field(table, measured, "wall_ns_over_replays.high");
        put_percent(table, measured, "wall_ns_over_replays.confidence");
        put_percent(table, measured, "spread");
        put_field(table, measured, "noisy");
        put_field(table, measured, "drifts");
        put_field(table, measured, "events_per_second");
    }
}

static const struct table_column latency_columns[] = {
    SUBJECT_COLUMNS,
    {"kind", "call", TABLE_TEXT},
    {"at_most_bytes", "of at most", TABLE_BYTES},
    {"count", "timed", TABLE_NUMBER},
    {"p50", "p50", TABLE_NANOSECONDS},
    {"p90", "p90", TABLE_NANOSECONDS},
    {"p99", "p99", TABLE_NANOSECONDS},
    {"p99_9", "p99.9", TABLE_NANOSECONDS},
    {"p99_99", "p99.99", TABLE_NANOSECONDS},
    {"max", "max", TABLE_NANOSECONDS},
    {"mean", "mean", TABLE_NANOSECONDS},
    {"p50_low", "p50 low", TABLE_NANOSECONDS},
    {"p50_high", "p50 high", TABLE_NANOSECONDS},
    {"p99_low", "p99 low", TABLE_NANOSECONDS},
    {"p99_high", "p99 high", TABLE_NANOSECONDS},
};

static void put_latency_kind(struct table *table, const struct report_result *result,
                             const char *kind)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999, 0.9999};
    struct latency latency;

    if (latency_open(&latency, result, kind, LATENCY_ALL_SIZES) != 0) {
        table->failed = true;
        return;
    }

    put_subject(table, result);
    table_put_text(table, kind);
    table_put_none(table);
    table_put_integer(table, (int64_t)latency.count);
    for (unsigned i = 0; i < COUNT(shares); i++)
        table_put_real(table, latency_percentile(&latency, shares[i]));
    table_put_real(table, latency.max);
    table_put_real(table, latency.mean);
    for (unsigned i = 0; i < 4; i++)
        table_put_none(table);
    latency_close(&latency);
}

/* The whole of a kind, and where there are several size classes each of them. */
static void add_latency_kind(struct table *table, const struct report_result *result,
                             const char *kind, json_t *classes)
{
    static const char *const fields[] = {
        "at_most_bytes",
        "count",
        "p50",
        "p90",
        "p99",
        "p99_9",
        "p99_99",
        "max",
        "mean",
        "p50_over_replays.low",
        "p50_over_replays.high",
        "p99_over_replays.low",
        "p99_over_replays.high",
    };
    size_t c;
    json_t *class;

    if (json_array_size(classes) != 1)
        put_latency_kind(table, result, kind);
    json_array_foreach(classes, c, class)
    {
        put_subject(table, result);
        table_put_text(table, kind);
        put_fields(table, class, fields, COUNT(fields));
    }
}

static void add_latency(struct table *table, const struct report_result *results, unsigned nr)
{
    const char *kind;
    json_t *classes;

    for (unsigned i = 0; i < nr; i++)
        json_object_foreach(report_at(results[i].measured, "latency.kinds"), kind, classes)
            add_latency_kind(table, &results[i], kind, classes);
}

/* ---- Truth ---- */

static const struct table_column truth_columns[] = {
    SUBJECT_COLUMNS,
    {"counter", "counter", TABLE_TEXT},
    {"compared", "compared", TABLE_NUMBER},
    {"different", "different", TABLE_NUMBER},
    {"first_event", "first at", TABLE_NUMBER},
    {"first", "first difference", TABLE_TEXT},
};

static void add_truth(struct table *table, const struct report_result *results, unsigned nr)
{
    static const char *const fields[] = {"compared", "different", "first_event", "first"};
    const char *name;
    json_t *counter;

    for (unsigned i = 0; i < nr; i++)
        json_object_foreach(report_at(results[i].exact, "truth.counters"), name, counter)
        {
            put_subject(table, &results[i]);
            table_put_text(table, name);
            put_fields(table, counter, fields, COUNT(fields));
        }
}

/* ---- Provenance ---- */

static const struct table_column provenance_columns[] = {
    SUBJECT_COLUMNS,
    {"key", "key", TABLE_TEXT},
    {"value", "value", TABLE_TEXT},
};

/* Any scalar as text, in SIZE bytes. */
static const char *scalar_text(const json_t *json, char *buffer, size_t size)
{
    if (json_is_string(json))
        return json_string_value(json);
    if (json_is_integer(json))
        snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    else if (json_is_real(json))
        snprintf(buffer, size, "%.6g", json_real_value(json));
    else
        snprintf(buffer, size, "%s", json_is_true(json) ? "yes" : json_is_false(json) ? "no" : "");
    return buffer;
}

static bool all_agree(const struct report_result *results, unsigned nr, const char *path)
{
    for (unsigned i = 1; i < nr; i++)
        if (!json_equal(report_at(results[0].root, path), report_at(results[i].root, path)))
            return false;

    return true;
}

/* A row for all stacks when they agree, else a row for each. What is not there needs none. */
static void put_provenance(struct table *table, const struct report_result *results, unsigned nr,
                           const char *path)
{
    bool agree = all_agree(results, nr, path);
    char buffer[64];

    for (unsigned i = 0; i < (agree ? 1 : nr); i++) {
        const json_t *value = report_at(results[i].root, path);

        if (value == NULL)
            continue;

        const char *text = scalar_text(value, buffer, sizeof(buffer));

        table_put_text(table, results[i].trace);
        table_put_text(table, agree ? NULL : results[i].stack);
        table_put_text(table, strchr(path, '.') + 1);
        table_put_text(table, text[0] != '\0' ? text : NULL);
    }
}

static void add_provenance(struct table *table, const struct report_result *results, unsigned nr)
{
    static const char *const paths[] = {
        "provenance.tool",
        "provenance.trace.digest",
        "provenance.trace.events",
        "provenance.trace.missing_bytes",
        "provenance.trace.stack",
        "provenance.trace.time_unit",
        "provenance.trace.time_units_per_second",
        "provenance.machine.geometry",
        "provenance.machine.memory_bytes",
        "provenance.machine.as_captured",
        "provenance.stack.spaces",
        "provenance.stack.slabs",
        "provenance.stack.pages",
        "provenance.stack.map",
        "provenance.options.keys",
        "provenance.options.on_failure",
        "provenance.options.until_failure",
        "provenance.options.passes",
        "provenance.options.exact_bitmaps",
        "provenance.options.check",
        "provenance.options.truth",
        "provenance.options.work",
        "provenance.options.latency",
        "provenance.options.repeat",
        "provenance.options.sample_events",
        "exact.digest",
        "measured.latency.clock.name",
        "measured.latency.clock.floor_ns",
        "measured.latency.clock.cost_ns",
        "measured.latency.overhead",
    };
    size_t i;
    json_t *pair;

    for (i = 0; i < COUNT(paths); i++)
        put_provenance(table, results, nr, paths[i]);
    json_array_foreach(report_array(results[0].provenance, "trace.provenance"), i, pair)
    {
        table_put_text(table, results[0].trace);
        table_put_none(table);
        table_put_text(table, report_text(pair, "0"));
        table_put_text(table, report_text(pair, "1"));
    }
}

/* ---- All of them ---- */

#define KIND(name, title, columns, add, reading)                                                   \
    {                                                                                              \
        name, title, reading, columns, COUNT(columns), add                                         \
    }

static const struct table_kind kinds[] = {
    KIND("summary", "Summary", summary_columns, add_summary,
         "Held is the most memory at once, by ideal over what was asked for at most. Waste is the "
         "share of slabs that nobody asked for, when the objects are most; unusable the worst "
         "share of free pages that a request for 128K cannot have. Holes, and the largest of them, "
         "are of the map that slabs draw on, at the end; worst is when the largest was smallest. "
         "The best of those that refused nothing have a mark."),
    KIND("failures", "Failures", failure_columns, add_failures,
         "Each class of refusal once, with the state at the first of them. Exhaustion: less was "
         "free than was asked for. Fragmentation: enough was free, but not in one piece. Reserve: "
         "enough, but kept back. Limit: one of the design. Panic: the kernel would stop."),
    KIND("points", "State at the marks and at the end", point_columns, add_points,
         "What was held against what was asked for, at each mark of the trace."),
    KIND("maps", "Kernel maps at the end", map_columns, add_maps,
         "A request succeeds if it is no larger than the largest hole; worst is the lowest of it "
         "over the trace."),
    KIND("segments", "Free blocks by size at the end", segment_columns, add_segments,
         "The further to the right the free memory lies, the less it is fragmented."),
    KIND("caches", "Slab caches at the end, as /proc/slabinfo has them", cache_columns, add_caches,
         "Caches with the flag derived are taken from by the allocators alone. Reclaimable are "
         "slabs without an object, waste is all that nobody asked for."),
    KIND("spaces", "The spaces with most rights at the end", space_columns, add_spaces,
         "Next growth is what the space will ask for in one piece; transient is the most that the "
         "old and the new table took together."),
    KIND("work", "Work", work_columns, add_work,
         "Counted, and so the same on every machine. Each page unmapped costs a TLB invalidation."),
    KIND("steps", "Work of single calls, in steps", step_columns, add_steps,
         "A latency that is the same on every machine: list elements, nodes, table entries and "
         "pages that a call moved."),
    KIND("times", "Time of replays", time_columns, add_times,
         "The median of repetitions and the interval that holds it. Noisy and drifting ones say "
         "little."),
    KIND("latency", "Time of single calls, ns", latency_columns, add_latency,
         "Percentiles over all calls that were timed, by size where there are several; low and "
         "high are the interval of a percentile over replays."),
    KIND("truth", "Counters of the captured kernel", truth_columns, add_truth,
         "They agree for the design of the captured kernel."),
    KIND("provenance", "Provenance", provenance_columns, add_provenance,
         "Where a stack is named, it differs from the others."),
};

const struct table_kind *table_kind_at(unsigned number)
{
    return number < COUNT(kinds) ? &kinds[number] : NULL;
}

const struct table_kind *table_kind_find(const char *name)
{
    for (unsigned i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];

    return NULL;
}

void table_begin_kind(struct table *table, const struct table_kind *kind)
{
    table_begin(table, kind->name, kind->title, kind->reading, kind->columns, kind->nr_columns);
}
