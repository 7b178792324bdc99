/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results from files: whole ones load, and of every one that is damaged an exact sentence is said.
 * Each field of a real result is taken away and spoilt in turn, and the place must be named; a
 * result that loads with a field gone must be one of those that may lack it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/load_private.h"
#include "samples.h"

static void loads(void **state)
{
    struct report_result result = sample_result(sample_copy(1));

    (void)state;
    assert_string_equal(result.trace, "small");
    assert_string_equal(result.stack, "table+vm");
    assert_int_equal(json_array_size(report_array(result.measured, "wall_ns_all")), 7);
    assert_true(report_integer(result.exact, "peak.page_bytes") > 0);
    report_result_free(&result);
    assert_null(result.root);
    report_result_free(&result);
}

static void fields(void **state)
{
    json_error_t fault;
    json_t *json = json_loads("{\"a\": {\"b\": [1, {\"c\": \"x\"}, 2.5, true]}}", 0, &fault);

    (void)state;
    assert_int_equal(report_integer(json, "a.b.0"), 1);
    assert_string_equal(report_text(json, "a.b.1.c"), "x");
    assert_true(report_number(json, "a.b.2") == 2.5);
    assert_true(report_number(json, "a.b.0") == 1);
    assert_true(report_true(json, "a.b.3"));
    assert_int_equal(json_array_size(report_array(json, "a.b")), 4);
    assert_ptr_equal(report_at(json, ""), json);

    /* What is not there, or is something else. */
    assert_null(report_at(json, "a.b.4"));
    assert_null(report_at(json, "a.b.c"));
    assert_null(report_at(json, "a.b.0.c"));
    assert_null(report_at(json, "b"));
    assert_null(report_array(json, "a"));
    assert_int_equal(report_integer(json, "a.b.1.c"), 0);
    assert_string_equal(report_text(json, "a.b.0"), "");
    assert_false(report_true(json, "a.b.0"));
    assert_int_equal(report_element(report_array(json, "a.b"), 9), 0);
    json_decref(json);
}

/* ---- Fields taken away and spoilt ---- */

/* What a result may lack, by the end of its place. */
static bool may_lack(const char *place)
{
    static const char *const optional[] = {
        "exact.series",
        "exact.work_by_kind",
        ".first",
        ".first_event",
        ".wall_ns_over_replays",
        ".p50_over_replays",
        ".p99_over_replays",
        ".noisy",
        ".drifts",
        ".spread",
        ".latency",
        ".latency.over_trace",
        ".latency.replays",
        ".pages",
        ".memory",
        ".kernel_map",
        ".worst.unusable_index",
        ".worst.free_huge_score",
    };
    /* Keys that depend on the trace. */
    static const char *const keys[] = {
        "exact.events.by_kind.", "exact.refused.",    "exact.skipped.",   ".maps.",
        ".hole_sizes.",          ".largest_hole.",    ".unusable_share.", "exact.work_by_kind.",
        ".latency.kinds.",       ".latency.replays.",
    };
    size_t length = strlen(place);

    for (unsigned i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        size_t own = strlen(optional[i]);

        if (length >= own && strcmp(place + length - own, optional[i]) == 0)
            return true;
    }
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *found = strstr(place, keys[i]);
        const char *rest = found != NULL ? found + strlen(keys[i]) : NULL;

        /* The key itself; of the work of a kind the counters too. */
        if (rest != NULL &&
            (strchr(rest, '.') == NULL ||
             (strcmp(keys[i], "exact.work_by_kind.") == 0 &&
              strchr(strchr(rest, '.') + 1, '.') == NULL && strstr(rest, ".calls") == NULL)))
            return true;
    }
    return false;
}

struct damage {
    json_t *root;
    char place[512];
    unsigned tried;
    bool spoil; /* else take away */
};

/* Loads the damaged document. */
static void check(struct damage *damage)
{
    struct report_result result;
    struct error error = {.text = ""};

    damage->tried++;
    json_incref(damage->root);
    if (load_take(&result, damage->root, "sample", &error) == 0) {
        report_result_free(&result);
        if (damage->spoil || !may_lack(damage->place))
            fail_msg("%s: not missed", damage->place);
        return;
    }
    if (strstr(error.text, damage->place) == NULL)
        fail_msg("%s: %s", damage->place, error.text);
}

static void damage_value(struct damage *damage, json_t *value);

/* The keys of an object, which changes while they are gone through. */
static char **keys_of(json_t *object)
{
    char **keys = calloc(json_object_size(object) + 1, sizeof(*keys));
    const char *key;
    json_t *value;
    unsigned nr = 0;

    assert_non_null(keys);
    json_object_foreach(object, key, value) keys[nr++] = strdup(key);
    return keys;
}

static void damage_each(struct damage *damage, json_t *object)
{
    char **keys = keys_of(object);
    size_t former = strlen(damage->place);

    for (char **key = keys; *key != NULL; key++) {
        json_t *value = json_incref(json_object_get(object, *key));

        snprintf(damage->place + former, sizeof(damage->place) - former, ".%s", *key);
        if (damage->spoil)
            json_object_set_new(object, *key, json_null());
        else
            json_object_del(object, *key);
        check(damage);
        json_object_set(object, *key, value);
        damage_value(damage, value);
        json_decref(value);
        damage->place[former] = '\0';
        free(*key);
    }
    free(keys);
}

static void damage_value(struct damage *damage, json_t *value)
{
    size_t former = strlen(damage->place);

    if (json_is_object(value)) {
        damage_each(damage, value);
        return;
    }
    if (json_array_size(value) == 0 || !json_is_object(json_array_get(value, 0)))
        return;
    snprintf(damage->place + former, sizeof(damage->place) - former, "[0]");
    damage_each(damage, json_array_get(value, 0));
    damage->place[former] = '\0';
}

static void damages(bool spoil)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct damage damage = {.root = sample_copy(i), .spoil = spoil};
        static const char *const parts[] = {"provenance", "exact", "measured"};

        for (unsigned p = 0; p < 3; p++) {
            strcpy(damage.place, parts[p]);
            damage_value(&damage, json_object_get(damage.root, parts[p]));
        }
        assert_true(damage.tried > 400);
        json_decref(damage.root);
    }
}

static void missing(void **state)
{
    (void)state;
    damages(false);
}

static void spoilt(void **state)
{
    (void)state;
    damages(true);
}

/* ---- Sentences ---- */

static void expect_error(json_t *root, const char *expected)
{
    struct report_result result;
    struct error error = {.text = ""};

    assert_int_equal(load_take(&result, root, "FILE", &error), -1);
    assert_string_equal(error.text, expected);
    assert_null(result.root);
}

static void sentences(void **state)
{
    json_t *root = sample_copy(0);

    (void)state;
    sample_set(root, "schema.version", json_integer(1));
    expect_error(json_incref(root), "FILE: a result of version 1, this program reads version 2: "
                                    "replay the trace again");
    sample_set(root, "schema.version", json_integer(3));
    expect_error(json_incref(root), "FILE: a result of version 3, this program reads version 2: it "
                                    "was written by a newer one");
    sample_set(root, "schema.version", json_string("2"));
    expect_error(json_incref(root), "FILE: schema.version is missing");
    sample_set(root, "schema.name", json_string("other"));
    expect_error(json_incref(root), "FILE: no result of a replay: schema.name is \"other\", "
                                    "expected \"allotrope-result\"");
    sample_set(root, "schema.name", json_string("allotrope-bench"));
    expect_error(json_incref(root), "FILE: a benchmark, expected a result of a replay");
    json_object_del(root, "schema");
    expect_error(root, "FILE: no result of a replay: schema.name is missing");
    expect_error(json_array(), "FILE: no result of a replay: schema.name is missing");

    root = sample_copy(0);
    sample_set(root, "exact.caches.3.slabs", json_real(2.5));
    expect_error(root, "FILE: exact.caches[3].slabs is a fraction, expected an integer");
    root = sample_copy(0);
    json_array_append_new(report_array(root, "exact.series.slabs.fullness"), json_integer(1));

    size_t samples = json_array_size(report_array(root, "exact.series.event"));
    char expected[256];

    snprintf(
        expected, sizeof(expected),
        "FILE: exact.series.slabs.fullness has %zu elements, expected %zu as there are samples",
        samples + 1, samples);
    expect_error(root, expected);
    root = sample_copy(0);
    sample_set(root, "exact.series.pages.unusable_index.4.2", json_string("x"));
    expect_error(root, "FILE: exact.series.pages.unusable_index[4][2] is a text, expected an "
                       "integer");
    root = sample_copy(0);
    sample_set(root, "measured.wall_ns_all.0", json_null());
    expect_error(root, "FILE: measured.wall_ns_all[0] is null, expected an integer");
}

static void expect_file_error(const char *text, const char *expected)
{
    const char *path = sample_file("bad.json", text);
    struct report_result result;
    struct error error = {.text = ""};

    assert_int_equal(report_result_load(&result, path, &error), -1);
    assert_memory_equal(error.text, path, strlen(path));
    assert_string_equal(error.text + strlen(path), expected);
    unlink(path);
}

static void files(void **state)
{
    struct report_result result;
    struct error error = {.text = ""};

    (void)state;
    expect_file_error("", ": nothing in it, expected a JSON document");
    expect_file_error("\n \n", ": nothing in it, expected a JSON document");
    expect_file_error(
        "{\n \"schema\": {\n",
        ": line 3, column 0: the file ends inside of a JSON document: it was cut off");
    expect_file_error("\n\n{\"a\": tru}", ": line 3, column 9: no JSON: invalid token near 'tru'");
    expect_file_error("{\"a\": 1, \"a\": 2}",
                      ": line 1, column 12: no JSON: duplicate object key near '\"a\"'");
    expect_file_error("{}\n{}\n", ": line 2: something follows the result, expected one alone");
    assert_int_equal(report_result_load(&result, "nowhere/x.json", &error), -1);
    assert_string_equal(error.text, "nowhere/x.json: cannot open: No such file or directory");
    assert_int_equal(report_result_load(&result, ".", &error), -1);
    assert_string_equal(error.text, ".: cannot read: Is a directory");
}

/* A result that was cut off anywhere. */
static void truncated(void **state)
{
    json_t *root = sample_copy(0);
    char *text = json_dumps(root, JSON_INDENT(1));
    size_t length = strlen(text), step = length / 150;

    (void)state;
    for (size_t cut = length - 1; cut > step; cut -= step) {
        struct report_result result;
        struct error error = {.text = ""};

        text[cut] = '\0';
        assert_int_equal(report_result_load(&result, sample_file("cut.json", text), &error), -1);
        if (strstr(error.text, ": line ") == NULL || strstr(error.text, ", column ") == NULL)
            fail_msg("cut to %zu of %zu bytes: %s", cut, length, error.text);
    }
    unlink(sample_file("cut.json", ""));
    free(text);
    json_decref(root);
}

/* ---- Sets ---- */

static void write_document(char *paths[], unsigned at, json_t *root)
{
    char name[32], *text = json_dumps(root, JSON_COMPACT);

    snprintf(name, sizeof(name), "%u.json", at);
    paths[at] = strdup(sample_file(name, text));
    free(text);
    json_decref(root);
}

static void sets(void **state)
{
    char *paths[4];
    struct report_set *set;
    struct error error = {.text = ""};
    json_t *other = sample_copy(0), *third = sample_copy(0);

    (void)state;
    sample_set(other, "provenance.trace.name", json_string("another"));
    sample_set(third, "provenance.machine.memory_bytes", json_integer(1 << 30));
    write_document(paths, 0, sample_copy(1));
    write_document(paths, 1, other);
    write_document(paths, 2, sample_copy(0));
    write_document(paths, 3, third);

    assert_int_equal(report_set_open(&set, paths, 4, &error), 0);
    assert_int_equal(report_set_size(set), 4);
    /* By name; of one name those of one machine are together. */
    assert_int_equal(report_set_traces(set), 3);
    assert_string_equal(report_set_header(set, 0, 0)->trace, "another");
    assert_int_equal(report_set_results(set, 1) + report_set_results(set, 2), 3);

    unsigned pair = report_set_results(set, 1) == 2 ? 1 : 2;
    struct report_result *results = report_set_load_trace(set, pair, &error);

    /* In the order given. */
    assert_non_null(results);
    assert_string_equal(results[0].stack, "table+vm");
    assert_string_equal(results[1].stack, "radix+hybrid");
    report_results_free(results, 2);
    report_set_close(set);

    for (unsigned i = 0; i < 4; i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
}

/* Several in a file: an error in the second has its line. */
static void set_of_lines(void **state)
{
    struct report_set *set;
    struct error error = {.text = ""};
    json_t *first = sample_copy(0), *second = sample_copy(1);
    char *one, *two, *both, *path;

    (void)state;
    one = json_dumps(first, JSON_COMPACT);
    two = json_dumps(second, JSON_COMPACT);
    assert_true(asprintf(&both, "%s\n%s\n", one, two) > 0);
    path = strdup(sample_file("lines.json", both));
    assert_int_equal(report_set_open(&set, &path, 1, &error), 0);
    assert_int_equal(report_set_size(set), 2);

    struct report_result result;

    assert_int_equal(report_set_load(set, 0, 1, &result, &error), 0);
    assert_string_equal(result.stack, "table+vm");
    report_result_free(&result);
    report_set_close(set);
    free(both);
    free(two);

    json_object_del(json_object_get(second, "exact"), "digest");
    two = json_dumps(second, JSON_COMPACT);
    assert_true(asprintf(&both, "%s\n%s\n", one, two) > 0);
    sample_file("lines.json", both);
    assert_int_equal(report_set_open(&set, &path, 1, &error), -1);
    assert_null(set);
    assert_non_null(strstr(error.text, "lines.json: line 2: exact.digest is missing"));
    unlink(path);
    free(path);
    free(both);
    free(one);
    free(two);
    json_decref(first);
    json_decref(second);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads),     cmocka_unit_test(fields),    cmocka_unit_test(missing),
        cmocka_unit_test(spoilt),    cmocka_unit_test(sentences), cmocka_unit_test(files),
        cmocka_unit_test(truncated), cmocka_unit_test(sets),      cmocka_unit_test(set_of_lines),
    };

    if (argc != 2)
        return 2;
    samples_read(argv[1]);

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    samples_free();
    return failed;
}
