/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Conditions: what they mean, and where exactly a wrong one is wrong. They are evaluated on two
 * real results of the same stack, one of them with known changes.
 */

#include <stdlib.h>
#include <string.h>

#include "reports/expression.h"
#include "samples.h"

static struct compare_pair pair;

static void set_column(json_t *root, const char *path, int64_t first, int64_t others)
{
    json_t *column = report_array(root, path);

    for (size_t i = 0; i < json_array_size(column); i++)
        json_array_set_new(column, i, json_integer(i == 1 ? first : others));
}

static json_t *numbers(double start, double step)
{
    json_t *array = json_array();

    for (int i = 0; i < 11; i++)
        json_array_append_new(array, json_real(start + step * i));
    return array;
}

static json_t *integers(double start, double step)
{
    json_t *array = json_array();

    for (int i = 0; i < 11; i++)
        json_array_append_new(array, json_integer((json_int_t)(start + step * i)));
    return array;
}

static int setup(void **state)
{
    json_t *old = sample_copy(0), *new = sample_copy(0);
    struct error error = {.text = ""};

    (void)state;
    sample_set(old, "exact.peak.page_bytes", json_integer(1000000));
    sample_set(new, "exact.peak.page_bytes", json_integer(1100000)); /* +10 % */
    sample_set(old, "exact.work.splits", json_integer(0));
    sample_set(new, "exact.work.splits", json_integer(7));
    sample_set(old, "exact.refused", json_object());
    sample_set(new, "exact.refused", json_pack("{s:i, s:i}", "kalloc", 2, "page-alloc", 3));
    sample_set(old, "exact.end.maps.kernel_map.largest_hole", json_integer(4000));
    sample_set(new, "exact.end.maps.kernel_map.largest_hole", json_integer(4000));
    set_column(old, "exact.series.maps.kernel_map.largest_hole", 3000, 4000);
    set_column(new, "exact.series.maps.kernel_map.largest_hole", 1500, 4000); /* worst: -50 % */
    set_column(new, "exact.series.maps.kernel_map.holes", 9, 2);
    set_column(old, "exact.series.maps.kernel_map.holes", 2, 2);
    /* Times: +50 %, and nearly the same. */
    sample_set(old, "measured.wall_ns_all", integers(1000000, 1000));
    sample_set(new, "measured.wall_ns_all", integers(1500000, 1000));
    sample_set(old, "measured.latency.kinds.kalloc.0.count", json_integer(7000));
    sample_set(new, "measured.latency.kinds.kalloc.0.count", json_integer(7000));
    sample_set(old, "measured.latency.clock.step_ns", json_real(1));
    sample_set(new, "measured.latency.clock.step_ns", json_real(1));
    sample_set(old, "measured.latency.replays.kalloc.p50_all", numbers(100, 1));
    sample_set(new, "measured.latency.replays.kalloc.p50_all", numbers(102, 1));
    sample_set(old, "measured.latency.replays.kalloc.p99_all", numbers(200, 1));
    sample_set(new, "measured.latency.replays.kalloc.p99_all", numbers(300, 1));

    struct report_result first = sample_result(old), second = sample_result(new);

    if (compare_open(&pair, &first, &second, &error) != 0)
        return -1;
    compare_judge(&pair, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    compare_close(&pair);
    return 0;
}

static void means(void **state)
{
    static const struct {
        const char *text;
        bool holds;
    } cases[] = {
        /* The new figure, its difference, the difference in percent. */
        {"peak.page_bytes == 1100000", true},
        {"peak.page_bytes > 1M", true},
        {"peak.page_bytes >= 2M", false},
        {"peak.page_bytes > +99999", true},
        {"peak.page_bytes > +100000", false},
        {"peak.page_bytes >= +100000", true},
        {"peak.page_bytes > +9.9%", true},
        {"peak.page_bytes > +10.1%", false},
        {"peak.page_bytes < -5%", false},
        {"peak.page_bytes < +11%", true},
        {"peak.page_bytes != +0", true},
        {"peak.slab_bytes != +0", false},
        {"peak.slab_bytes == +0%", true},
        /* From nothing every rise is without bound. */
        {"work.splits > +1000000%", true},
        {"work.splits > +7", false},
        {"work.splits == 7", true},
        /* Sums and absent ones. */
        {"refused > +0", true},
        {"refused == 5", true},
        {"refused.kalloc == 2", true},
        {"refused.kalloc > +0", false}, /* the old has none to differ from */
        /* Worst over the trace, at the end, and of any column. */
        {"kernel_map.largest_hole < -49%", true},
        {"kernel_map.largest_hole < -51%", false},
        {"kernel_map.largest_hole == 1500", true},
        {"end.maps.kernel_map.largest_hole == +0", true},
        {"kernel_map.holes == 9", true},
        {"min(maps.kernel_map.largest_hole) == 1500", true},
        {"max(maps.kernel_map.largest_hole) == 4000", true},
        {"first(maps.kernel_map.holes) == 2", true},
        {"last( maps.kernel_map.holes ) == 2", true},
        {"min(pages.unusable_index.0) == 0", true},
        /* Elements by name. */
        {"caches.ipc_port.slab_bytes == 4K", true},
        {"caches.0.slab_bytes > 0", true},
        /* Times: of a change where it is significant, of a figure where its interval is. */
        {"wall_ns > +40%", true},
        {"wall_ns > +60%", false},
        {"wall_ns > 1.4ms", true},
        {"wall_ns > 1505us", false},         /* the interval holds it */
        {"latency.kalloc.p50 > +1%", false}, /* not significant */
        {"latency.kalloc.p50 != +0", false},
        {"latency.kalloc.p99 > +20%", true},
        {"latency.kalloc.p99 > 290ns", true},
        /* Joined; and binds more. */
        {"refused == 5 and peak.page_bytes > +5%", true},
        {"refused == 4 and peak.page_bytes > +5%", false},
        {"refused == 4 or peak.page_bytes > +5%", true},
        {"refused == 5 or refused == 4 and refused == 3", true},
        {"(refused == 5 or refused == 4) and refused == 3", false},
        {"  ( ( refused==5 ) )  ", true},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {.text = ""};
        unsigned column;
        struct expression *expression = expression_parse(cases[i].text, &column, &error);
        struct expression_figures figures[64];
        struct expression_outcome outcome;

        if (expression == NULL)
            fail_msg("%s: %s", cases[i].text, error.text);
        expression_read(expression, &pair, figures);
        expression_evaluate(expression, &pair, figures, &outcome);
        if (outcome.holds != cases[i].holds)
            fail_msg("%s: %s", cases[i].text, outcome.holds ? outcome.why : "does not hold");
        assert_int_equal(outcome.why[0] != '\0', outcome.holds);
        if (expression_unknown(expression, figures, 1, &column) != NULL)
            fail_msg("%s: unknown", cases[i].text);
        expression_free(expression);
    }
}

static void says_why(void **state)
{
    struct error error = {.text = ""};
    unsigned column;
    struct expression *expression =
        expression_parse("peak.page_bytes > +5% or refused > 9", &column, &error);
    struct expression_figures figures[2];
    struct expression_outcome outcome;

    (void)state;
    assert_int_equal(expression_terms(expression), 2);
    expression_read(expression, &pair, figures);
    expression_evaluate(expression, &pair, figures, &outcome);
    assert_string_equal(outcome.why, "peak.page_bytes > +5% (1.0M, was 977K, +10.0%)");
    expression_free(expression);
}

static void unknown(void **state)
{
    static const struct {
        const char *text, *metric;
        unsigned column;
    } cases[] = {
        {"refused > 1 or peak.pages > 2", "peak.pages", 15},
        {"max(slabs.wast) > 1", "slabs.wast", 0},
        {"slabs.waste_bytes > 1", "slabs.waste_bytes", 0},
        {"caches.none.slabs > 1", "caches.none.slabs", 0},
        {"latency.kalloc.p90 > 1", "latency.kalloc.p90", 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {.text = ""};
        unsigned column;
        struct expression *expression = expression_parse(cases[i].text, &column, &error);
        struct expression_figures figures[4];

        assert_non_null(expression);
        expression_read(expression, &pair, figures);

        const char *metric = expression_unknown(expression, figures, 1, &column);

        assert_non_null(metric);
        assert_string_equal(metric, cases[i].metric);
        assert_int_equal(column, cases[i].column);
        expression_free(expression);
    }
}

static void faults(void **state)
{
    static const struct {
        const char *text, *error;
        unsigned column;
    } cases[] = {
        {"", "it ends where a metric, such as peak.page_bytes was expected", 0},
        {"refused", "it ends where one of < <= == != >= > was expected", 7},
        {"refused >", "it ends where a number, such as 64M, +3 or -10% was expected", 9},
        {"refused > x", "\"x\": expected a number, such as 64M, +3 or -10%", 10},
        {"refused => 3", "\"=>\": expected one of < <= == != >= >", 8},
        {"refused = 3", "\"=\": expected one of < <= == != >= >", 8},
        {"refused > 5%", "\"5%\": expected a sign before percent: +5% or -5%", 10},
        {"refused > +5%%", "\"%\": expected the end of the number", 13},
        {"refused > 5Q", "\"Q\": expected the end of the number", 11},
        {"refused > 5Mi", "\"Mi\": expected a unit: K, M, G, ns, us, ms, s or %", 11},
        {"refused > 0x10", "\"0x10\": expected a decimal number", 10},
        {"refused > 1e3", "\"1e3\": expected a decimal number", 10},
        {"refused > 1 refused > 2", "\"refused\": expected \"and\", \"or\" or the end", 12},
        {"refused > 1 and", "it ends where a metric, such as peak.page_bytes was expected", 15},
        {"refused > 1 and or", "it ends where one of < <= == != >= > was expected", 18},
        {"(refused > 1", "it ends where \")\", \"and\" or \"or\" was expected", 12},
        {"refused > 1)", "\")\": expected \"and\", \"or\" or the end", 11},
        {"min(slabs.slabs > 1", "\">\": expected \")\" after the column of the series", 16},
        {"-refused > 1", "\"-refused\": expected a metric, such as peak.page_bytes", 0},
        {"5 > refused", "\"5\": expected a metric, such as peak.page_bytes", 0},
        {"((((((((((((((((( refused > 1", "\"(\": expected fewer parentheses in each other", 16},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {.text = ""};
        unsigned column = 999;

        assert_null(expression_parse(cases[i].text, &column, &error));
        assert_string_equal(error.text, cases[i].error);
        assert_int_equal(column, cases[i].column);
    }
}

/* Any text is parsed or refused. */
static void noise(void **state)
{
    static const char alphabet[] = "()<>=!+-%.0159aKMnosrdi_ ";
    uint64_t seed = 88172645463325252;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[40];
        struct error error = {.text = ""};
        unsigned column, length = (unsigned)(seed >> 32) % sizeof(text);

        for (unsigned j = 0; j < length; j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            text[j] = alphabet[seed % (sizeof(alphabet) - 1)];
        }
        text[length < sizeof(text) ? length : sizeof(text) - 1] = '\0';

        struct expression *expression = expression_parse(text, &column, &error);

        assert_true(expression != NULL || (error.text[0] != '\0' && column <= strlen(text)));
        expression_free(expression);
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
    }
}

static void too_many(void **state)
{
    char text[2000] = "a > 1";
    struct error error = {.text = ""};
    unsigned column;

    (void)state;
    for (int i = 0; i < 40; i++)
        strcat(text, " or a > 1");
    assert_null(expression_parse(text, &column, &error));
    assert_string_equal(error.text, "more than 32 terms");
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(means),  cmocka_unit_test(says_why), cmocka_unit_test(unknown),
        cmocka_unit_test(faults), cmocka_unit_test(noise),    cmocka_unit_test(too_many),
    };

    if (argc != 2)
        return 2;
    samples_read(argv[1]);

    int failed = cmocka_run_group_tests(tests, setup, teardown);

    samples_free();
    return failed;
}
