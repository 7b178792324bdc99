/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables to the byte in each form, and every table of results: its CSV read back has as many cells
 * as it should, and its JSON the same values.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/latency.h"
#include "reports/table.h"
#include "samples.h"

static const struct table_column columns[] = {
    {"name", "what", TABLE_TEXT},      {"count", "count", TABLE_NUMBER},
    {"bytes", "bytes", TABLE_BYTES},   {"share", "share", TABLE_THOUSANDTHS},
    {"ns", "time", TABLE_NANOSECONDS}, {"flag", "flag", TABLE_BOOLEAN},
};

static void fill(struct table *table)
{
    table_begin(table, "example", "An example", "", columns, 6);
    table_put_text(table, "a, \"b\"|c\n");
    table_put_integer(table, -3);
    table_put_integer(table, 1572864);
    table_put_integer(table, 476);
    table_put_real(table, 12345.678);
    table_put_integer(table, 1);
    table_put_text(table, "plain");
    table_put_none(table);
    table_put_integer(table, 1000);
    table_put_none(table);
    table_put_real(table, NAN);
    table_put_integer(table, 0);
    table_cell(table, 1, 2)->best = true;
}

static void expect(enum table_format format, const char *expected)
{
    struct table table;
    struct error error = {.text = ""};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    fill(&table);
    assert_int_equal(table_write(stream, &table, format, &error), 0);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
    table_end(&table);
}

static void forms(void **state)
{
    (void)state;
    expect(TABLE_PLAIN, "what          count  bytes   share    time  flag\n"
                        "a, \"b\"|c\\012     -3   1.5M   0.476  12.3us  yes\n"
                        "plain             -   1000*      -       -  no\n");
    expect(TABLE_MARKDOWN, "| what | count | bytes | share | time | flag |\n"
                           "|---|---:|---:|---:|---:|---|\n"
                           "| a, \"b\"\\|c  | -3 | 1.5M | 0.476 | 12.3us | yes |\n"
                           "| plain | - | **1000** | - | - | no |\n");
    expect(TABLE_CSV, "name,count,bytes,share,ns,flag\n"
                      "\"a, \"\"b\"\"|c\n\",-3,1572864,476,12345.7,true\n"
                      "plain,,1000,,,false\n");
}

static void json(void **state)
{
    struct table table;

    (void)state;
    fill(&table);

    json_t *root = table_json(&table);

    assert_string_equal(report_text(root, "name"), "example");
    assert_string_equal(report_text(root, "columns.2.unit"), "bytes");
    assert_string_equal(report_text(root, "rows.0.name"), "a, \"b\"|c\n");
    assert_int_equal(report_integer(root, "rows.0.bytes"), 1572864);
    assert_true(report_true(root, "rows.0.flag"));
    assert_true(json_is_null(report_at(root, "rows.1.share")));
    json_decref(root);
    table_end(&table);
}

static void sizes(void **state)
{
    static const struct {
        enum table_unit unit;
        double value;
        const char *text;
    } cases[] = {
        {TABLE_BYTES, 0, "0"},
        {TABLE_BYTES, 1023, "1023"},
        {TABLE_BYTES, 1024, "1.0K"},
        {TABLE_BYTES, 1048575, "1.0M"},
        {TABLE_BYTES, -1536, "-1.5K"},
        {TABLE_BYTES, 1e6, "977K"},
        {TABLE_NANOSECONDS, 0.41, "0.4"},
        {TABLE_NANOSECONDS, 99.96, "100"},
        {TABLE_NANOSECONDS, 9999, "9999"},
        {TABLE_NANOSECONDS, 1e9, "1000ms"},
        {TABLE_MILLIONS, 9160928, "9.2"},
        {TABLE_PERCENT, 2.55, "2.5%"},
        {TABLE_THOUSANDTHS, -1000, "-1.000"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table_column column = {.unit = cases[i].unit};
        struct table_cell cell = {.is = TABLE_IS_REAL, .real = cases[i].value};
        char buffer[TABLE_CELL_MAX];

        assert_string_equal(table_show(&column, &cell, buffer), cases[i].text);
    }
}

/* Every table of both samples; each row has all its cells, and some table has rows of each. */
static json_t *spaces(void)
{
    static const char *const fields[] = {
        "rights",  "bytes",  "table_entries", "next_growth_bytes", "transient_peak_bytes",
        "growths", "remaps", "name_nodes",    "reverse_nodes",     "tree_nodes",
        "height",
    };
    json_t *array = json_array();

    for (int i = 0; i < 2; i++) {
        json_t *space = json_pack("{s:i}", "space", 7 - i);

        for (unsigned f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
            json_object_set_new(space, fields[f], json_integer(f + 1));
        json_array_append_new(array, space);
    }
    return array;
}

static void kinds(void **state)
{
    struct report_result results[SAMPLES];
    const struct table_kind *kind;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        json_t *root = sample_copy(i);

        sample_set(root, "exact.spaces", spaces());
        results[i] = sample_result(root);
    }

    for (unsigned i = 0; (kind = table_kind_at(i)) != NULL; i++) {
        struct table table;
        bool may_be_empty = strcmp(kind->name, "failures") == 0 || strcmp(kind->name, "truth") == 0;

        assert_ptr_equal(table_kind_find(kind->name), kind);
        table_begin_kind(&table, kind);
        kind->add(&table, results, SAMPLES);
        assert_false(table.failed);
        assert_int_equal(table.at, 0);
        if (!may_be_empty && table.nr_rows < SAMPLES)
            fail_msg("%s: %u rows", kind->name, table.nr_rows);
        for (unsigned row = 0; row < table.nr_rows; row++)
            assert_string_equal(table_cell(&table, row, 0)->text, "small");
        if (strcmp(kind->name, "spaces") == 0) /* by number */
            assert_int_equal(table_cell(&table, 0, 2)->integer, 6);
        table_end(&table);
    }
    assert_null(table_kind_find("none"));
    report_result_free(&results[0]);
    report_result_free(&results[1]);
}

/* Caches by hand against the result. */
static void caches(void **state)
{
    struct report_result result = sample_result(sample_copy(0));
    const json_t *cache = report_at(result.exact, "caches.4");
    const struct table_kind *kind = table_kind_find("caches");
    struct table table;

    (void)state;
    table_begin_kind(&table, kind);
    kind->add(&table, &result, 1);
    assert_int_equal(table.nr_rows, json_array_size(report_array(result.exact, "caches")));
    assert_string_equal(table_cell(&table, 4, 2)->text, report_text(cache, "name"));
    assert_int_equal(table_cell(&table, 4, 9)->integer,
                     report_integer(cache, "slab_bytes") * report_integer(cache, "slabs"));
    assert_int_equal(table_cell(&table, 4, 12)->integer,
                     table_cell(&table, 4, 9)->integer - report_integer(cache, "requested_bytes"));
    table_end(&table);
    report_result_free(&result);
}

/* A class by itself has the percentiles that the result says; classes together have all calls. */
static void latencies(void **state)
{
    static const struct {
        const char *name;
        double share;
    } percentiles[] = {{"p50", 0.5},     {"p90", 0.9},       {"p99", 0.99},
                       {"p99_9", 0.999}, {"p99_99", 0.9999}, {"max", 1}};
    struct report_result result = sample_result(sample_copy(0));
    json_t *kinds = report_at(result.measured, "latency.kinds"), *classes, *class;
    const char *kind;
    size_t c;
    double all = 0;
    unsigned checked = 0;
    struct latency latency;

    (void)state;
    json_object_foreach(kinds, kind, classes)
    {
        double whole = 0;

        json_array_foreach(classes, c, class)
        {
            assert_int_equal(
                latency_open(&latency, &result, kind, report_integer(class, "at_most_bytes")), 0);
            for (unsigned i = 0; i < 6; i++) {
                double value = latency_percentile(&latency, percentiles[i].share);
                double expected = report_number(class, percentiles[i].name);

                /* Times in a result have six digits. */
                if (fabs(value - expected) > 2e-5 * expected + 0.001)
                    fail_msg("%s %s: %g, expected %g", kind, percentiles[i].name, value, expected);
                checked++;
            }
            whole += (double)latency.count;
            latency_close(&latency);
        }
        assert_int_equal(latency_open(&latency, &result, kind, LATENCY_ALL_SIZES), 0);
        assert_true((double)latency.count == whole);
        latency_close(&latency);
        all += whole;
    }
    assert_int_equal(latency_open(&latency, &result, NULL, LATENCY_ALL_SIZES), 0);
    assert_true((double)latency.count == all);
    assert_true((double)latency.count == report_number(result.measured, "latency.timed"));
    latency_close(&latency);
    assert_int_equal(latency_open(&latency, &result, "none", LATENCY_ALL_SIZES), 0);
    assert_true(latency.count == 0 && latency_percentile(&latency, 0.5) == 0);
    latency_close(&latency);
    assert_true(checked > 50);
    report_result_free(&result);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms), cmocka_unit_test(json),   cmocka_unit_test(sizes),
        cmocka_unit_test(kinds), cmocka_unit_test(caches), cmocka_unit_test(latencies),
    };

    if (argc != 2)
        return 2;
    samples_read(argv[1]);

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    samples_free();
    return failed;
}
