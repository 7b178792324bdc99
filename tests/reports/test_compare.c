/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Comparison: what differs is found and nothing else, what cannot be compared is refused, and times
 * are told apart when they differ and not when they do not. The last is tested with times drawn
 * from a known distribution: 20 comparisons of the same thing with itself.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/compare.h"
#include "samples.h"

static void compare(struct compare_pair *pair, json_t *old, json_t *new)
{
    struct report_result first = sample_result(old), second = sample_result(new);
    struct error error = {.text = ""};

    if (compare_open(pair, &first, &second, &error) != 0)
        fail_msg("%s", error.text);
    compare_judge(pair, 1);
}

static const struct compare_row *find(const struct compare_pair *pair, const char *metric)
{
    for (unsigned i = 0; i < pair->nr; i++)
        if (strcmp(pair->rows[i].metric, metric) == 0)
            return &pair->rows[i];

    fail_msg("no row %s", metric);
    return NULL;
}

static unsigned exact_rows(const struct compare_pair *pair)
{
    unsigned count = 0;

    for (unsigned i = 0; i < pair->nr; i++)
        count += !pair->rows[i].measured;
    return count;
}

static void same(void **state)
{
    struct compare_pair pair;

    (void)state;
    compare(&pair, sample_copy(0), sample_copy(0));
    assert_int_equal(exact_rows(&pair), 0);
    for (unsigned i = 0; i < pair.nr; i++)
        assert_false(pair.rows[i].significant);
    compare_close(&pair);
}

/* One value of each sort, and each is the only row. */
static void one_difference(void **state)
{
    static const struct {
        const char *path, *metric;
        enum compare_group group;
    } cases[] = {
        {"exact.peak.slab_bytes", "peak.slab_bytes", COMPARE_MEMORY},
        {"exact.work.splits", "work.splits", COMPARE_WORK},
        {"exact.series.worst.waste_share.value", "series.worst.waste_share.value",
         COMPARE_FRAGMENTATION},
        {"exact.end.maps.kernel_map.hole_sizes.3", "end.maps.kernel_map.hole_sizes.3",
         COMPARE_STATE},
        {"exact.caches.2.slabs", NULL, COMPARE_CACHES},
        {"exact.series.slabs.slabs.2", "series.slabs.slabs", COMPARE_SERIES},
        {"exact.series.pages.extfrag_index.3.1", "series.pages.extfrag_index.3", COMPARE_SERIES},
        {"exact.refused.kalloc", "refused.kalloc", COMPARE_OUTCOME},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct compare_pair pair;
        json_t *changed = sample_copy(0);

        sample_set(changed, cases[i].path, json_integer(987654321));
        compare(&pair, sample_copy(0), changed);
        if (exact_rows(&pair) != 1)
            fail_msg("%s: %u rows", cases[i].path, exact_rows(&pair));

        const struct compare_row *row = pair.rows;

        while (row->measured)
            row++;
        assert_int_equal(row->group, cases[i].group);
        if (cases[i].metric != NULL)
            assert_string_equal(row->metric, cases[i].metric);
        compare_close(&pair);
    }
}

/* A cache more on one side is that cache's rows, and no other. */
static void cache_more(void **state)
{
    struct compare_pair pair;
    json_t *changed = sample_copy(0);
    json_t *cache = json_deep_copy(report_at(changed, "exact.caches.0"));

    (void)state;
    json_object_set_new(cache, "name", json_string("one more"));
    json_array_insert_new(report_array(changed, "exact.caches"), 1, cache);
    compare(&pair, sample_copy(0), changed);
    assert_true(exact_rows(&pair) > 0);
    for (unsigned i = 0; i < pair.nr; i++)
        if (!pair.rows[i].measured)
            assert_memory_equal(pair.rows[i].metric, "caches.one more.", 16);
    assert_int_equal(find(&pair, "caches.one more.align")->old.value.is, TABLE_NONE);
    compare_close(&pair);
}

/* What differs is the same the other way round, with the sides exchanged. */
static void symmetric(void **state)
{
    struct compare_pair there, back;

    (void)state;
    compare(&there, sample_copy(0), sample_copy(1));
    compare(&back, sample_copy(1), sample_copy(0));
    assert_true(exact_rows(&there) > 100);
    assert_int_equal(there.nr, back.nr);
    for (unsigned i = 0; i < there.nr; i++) {
        assert_string_equal(there.rows[i].metric, back.rows[i].metric);
        if (there.rows[i].old.value.is == TABLE_IS_INTEGER)
            assert_int_equal(there.rows[i].old.value.integer, back.rows[i].new.value.integer);
    }
    compare_close(&there);
    compare_close(&back);
}

static void changes(void **state)
{
    (void)state;
    assert_true(compare_change(100, 150) == 0.5);
    assert_true(compare_change(-1000, -500) == 0.5);
    assert_true(compare_change(0, 0) == 0);
    assert_true(isinf(compare_change(0, 1)) && compare_change(0, 1) > 0);
    assert_true(isinf(compare_change(0, -1)) && compare_change(0, -1) < 0);
}

/* ---- What cannot be compared ---- */

static void refused(void **state)
{
    static const struct {
        const char *path, *value, *error;
    } cases[] = {
        {"provenance.trace.digest", "0123456789abcdef",
         "they are of different traces, with the digests, "},
        {"provenance.machine.geometry", "other", "they are of different machines, "},
        {"provenance.options.until_failure", "repeat",
         "they are replays to different ends, --until-failure, none and repeat"},
        {"provenance.machine.memory_bytes", NULL, "they are of machines with different memory, "},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *changed = sample_copy(0);
        struct error error = {.text = ""};
        struct compare_pair pair;

        sample_set(changed, cases[i].path,
                   cases[i].value != NULL ? json_string(cases[i].value) : json_integer(4096));

        struct report_result old = sample_result(sample_copy(0)), new = sample_result(changed);

        assert_int_equal(compare_open(&pair, &old, &new, &error), -1);
        assert_memory_equal(error.text, "sample and sample cannot be compared: ", 38);
        if (strstr(error.text, cases[i].error) == NULL)
            fail_msg("%s", error.text);
        compare_close(&pair);
    }
}

static bool warns(const struct compare_pair *pair, const char *text)
{
    for (unsigned i = 0; i < pair->nr_warnings; i++)
        if (strstr(pair->warnings[i], text) != NULL)
            return true;

    return false;
}

static void warnings(void **state)
{
    struct compare_pair pair;
    json_t *changed = sample_copy(0);
    json_t *few = json_pack("[i, i, i]", 1000, 1001, 1002);

    (void)state;
    sample_set(changed, "provenance.tool", json_string("allotrope 9.9"));
    sample_set(changed, "provenance.options.keys", json_string("captured"));
    sample_set(changed, "measured.latency.clock.ticks_per_ns", json_real(99));
    sample_set(changed, "measured.wall_ns_all", few);
    json_object_del(json_object_get(changed, "exact"), "series");
    compare(&pair, sample_copy(0), changed);
    assert_true(warns(&pair, "different versions"));
    assert_true(warns(&pair, "keys is \"own\" and \"captured\""));
    assert_true(warns(&pair, "different machines: the clock"));
    assert_true(warns(&pair, "too few repetitions to compare times, 7 and 3"));
    assert_true(warns(&pair, "series is not compared"));
    assert_int_equal(exact_rows(&pair), 0);
    compare_close(&pair);

    changed = sample_copy(0);
    sample_set(changed, "provenance.options.latency", json_string("off"));
    compare(&pair, sample_copy(0), changed);
    assert_true(warns(&pair, "times are not compared: --latency was every and off"));
    assert_int_equal(pair.nr, 0);
    compare_close(&pair);
}

/* ---- Times ---- */

struct draw {
    uint64_t state;
};

static double uniform(struct draw *draw)
{
    draw->state ^= draw->state << 13;
    draw->state ^= draw->state >> 7;
    draw->state ^= draw->state << 17;
    return ((double)(draw->state >> 11) + 0.5) / 9007199254740992.0;
}

/* A time: never below what it takes, at times far above. */
static double drawn(struct draw *draw, double median, double spread)
{
    double normal = sqrt(-2 * log(uniform(draw))) * cos(2 * M_PI * uniform(draw));
    double value = median * exp(spread * normal);

    return uniform(draw) < 0.05 ? 2 * value : value;
}

static json_t *draws(struct draw *draw, double median, double spread, bool whole)
{
    json_t *array = json_array();

    for (int i = 0; i < 11; i++) {
        double value = drawn(draw, median, spread);

        json_array_append_new(array, whole ? json_integer((json_int_t)value) : json_real(value));
    }
    return array;
}

/* Times of all kinds from the same distributions; SHIFT is for one of them. */
static json_t *draw_result(struct draw *draw, double spread, double shift)
{
    json_t *root = sample_copy(0), *kinds, *of_kind;
    const char *kind;
    double median = 50;

    json_object_del(json_object_get(root, "exact"), "series"); /* what is exact is not looked at */
    json_object_del(json_object_get(root, "exact"), "work_by_kind");

    sample_set(root, "measured.wall_ns_all", draws(draw, 35e6 * shift, spread, true));
    kinds = report_at(root, "measured.latency.replays");
    json_object_foreach(kinds, kind, of_kind)
    {
        char path[128];

        json_object_set_new(of_kind, "p50_all", draws(draw, median, spread, false));
        json_object_set_new(of_kind, "p99_all", draws(draw, 5 * median, 4 * spread, false));
        snprintf(path, sizeof(path), "measured.latency.kinds.%s.0.count", kind);
        sample_set(root, path, json_integer(11 * 5000));
        median += 13;
    }
    sample_set(root, "measured.latency.clock.step_ns", json_real(1));
    return root;
}

#define COMPARISONS 20
#define PAIRS       8

static void compare_drawn(struct draw *draw, double spread, double shift, unsigned *rows,
                          unsigned *adjusted, unsigned *significant, unsigned *shifted)
{
    struct compare_pair pairs[PAIRS];
    struct error error = {.text = ""};

    for (unsigned i = 0; i < PAIRS; i++) {
        struct report_result old = sample_result(draw_result(draw, spread, 1));
        struct report_result new = sample_result(draw_result(draw, spread, i == 0 ? shift : 1));

        assert_int_equal(compare_open(&pairs[i], &old, &new, &error), 0);
    }
    compare_judge(pairs, PAIRS);
    for (unsigned i = 0; i < PAIRS; i++) {
        for (unsigned j = 0; j < pairs[i].nr; j++) {
            const struct compare_row *row = &pairs[i].rows[j];
            bool is_shifted = i == 0 && strcmp(row->metric, "wall_ns") == 0;

            *rows += row->measured;
            *adjusted += row->measured && !is_shifted && row->adjusted < COMPARE_ALPHA;
            *significant += row->significant && !is_shifted;
            *shifted += row->significant && is_shifted;
        }
        compare_close(&pairs[i]);
    }
}

/* Nothing differs. Chance alone must be found different in 1 of 20 comparisons at most, on
 * average; with the margin there is none. */
static void itself(void **state)
{
    static const double spreads[] = {0.005, 0.02, 0.1};

    (void)state;
    for (unsigned s = 0; s < 3; s++) {
        struct draw draw = {.state = 0x9e3779b97f4a7c15 + s};
        unsigned rows = 0, adjusted = 0, significant = 0, shifted = 0;

        for (unsigned i = 0; i < COMPARISONS; i++)
            compare_drawn(&draw, spreads[s], 1, &rows, &adjusted, &significant, &shifted);
        print_message("spread %g: %u rows, %u below 0.05 when adjusted, %u called different\n",
                      spreads[s], rows, adjusted, significant + shifted);
        assert_true(rows >= COMPARISONS * PAIRS * 5);
        assert_true(adjusted <= 6); /* two expected of 20 times two families */
        assert_true((significant + shifted) * 20 < rows);
        assert_true(significant + shifted <= 1);
    }
}

/* And what differs by a half is found among all that does not; less often when two or more of
 * eleven times are twice too long, which one in ten times they are. */
static void shifted(void **state)
{
    struct draw draw = {.state = 88172645463325252};
    unsigned rows = 0, adjusted = 0, significant = 0, found = 0;

    (void)state;
    for (unsigned i = 0; i < COMPARISONS; i++)
        compare_drawn(&draw, 0.02, 1.5, &rows, &adjusted, &significant, &found);
    print_message("found %u times of %u\n", found, COMPARISONS);
    assert_true(found >= COMPARISONS * 3 / 4);
    assert_true(significant <= 1);
}

/* By hand: p of 0.01, 0.04, 0.03 become 0.03, 0.06, 0.06. */
static void holm(void **state)
{
    struct compare_pair pair = {.nr = 4};
    struct compare_row rows[4] = {
        {.metric = (char *)"a", .measured = true, .p = 0.01},
        {.metric = (char *)"b", .measured = true, .p = 0.04},
        {.metric = (char *)"c", .measured = true, .p = 0.03},
        {.metric = (char *)"wall_ns", .measured = true, .p = 0.02}, /* by itself */
    };

    (void)state;
    pair.rows = rows;
    compare_judge(&pair, 1);
    assert_true(fabs(rows[0].adjusted - 0.03) < 1e-12);
    assert_true(fabs(rows[1].adjusted - 0.06) < 1e-12);
    assert_true(fabs(rows[2].adjusted - 0.06) < 1e-12);
    assert_true(rows[3].adjusted == 0.02);
    assert_false(rows[0].significant); /* without repetitions nothing is */
}

/* A step of the clock is no difference, however often it is seen. */
static void clock_steps(void **state)
{
    struct compare_pair pair;
    json_t *old = sample_copy(0), *new = sample_copy(0), *ten = json_array(),
           *twenty = json_array();

    (void)state;
    for (int i = 0; i < 11; i++) {
        json_array_append_new(ten, json_real(10.2233));
        json_array_append_new(twenty, json_real(20.0376));
    }
    sample_set(old, "measured.latency.kinds.kalloc.0.count", json_integer(70000));
    sample_set(new, "measured.latency.kinds.kalloc.0.count", json_integer(70000));
    sample_set(old, "measured.latency.clock.step_ns", json_real(9.81432));
    sample_set(new, "measured.latency.clock.step_ns", json_real(9.81432));
    sample_set(old, "measured.latency.replays.kalloc.p50_all", ten);
    sample_set(new, "measured.latency.replays.kalloc.p50_all", twenty);
    compare(&pair, old, new);

    const struct compare_row *row = find(&pair, "latency.kalloc.p50");

    assert_true(row->adjusted < 0.05);
    assert_false(row->significant);
    compare_close(&pair);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(same),      cmocka_unit_test(one_difference), cmocka_unit_test(cache_more),
        cmocka_unit_test(symmetric), cmocka_unit_test(changes),        cmocka_unit_test(refused),
        cmocka_unit_test(warnings),  cmocka_unit_test(itself),         cmocka_unit_test(shifted),
        cmocka_unit_test(holm),      cmocka_unit_test(clock_steps),
    };

    if (argc != 2)
        return 2;
    samples_read(argv[1]);

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    samples_free();
    return failed;
}
