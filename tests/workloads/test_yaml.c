/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Trees of good texts, the exact sentence for every way in which a text or a value can be bad, and
 * what happens when the n-th allocation fails, for every n.
 *
 * malloc() and its kin are replaced in this program, but under the sanitizers, which replace them
 * too.
 */

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workloads/distribution.h"
#include "workloads/yaml.h"

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define COUNTED 0
#else
#define COUNTED 1
#endif

static bool armed;
static unsigned long allocations, failing;

#if COUNTED
static bool fails(void)
{
    return armed && ++allocations == failing;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}
#endif

static struct yaml_document *parse(const char *text)
{
    struct yaml_document *document;
    struct error error;

    if (yaml_parse(&document, text, strlen(text), "a.yaml", &error) != 0)
        fail_msg("%s", error.text);
    return document;
}

static void test_tree(void **state)
{
    struct yaml_document *document = parse("# comment\n"
                                           "name: untar\n"
                                           "clients:\n"
                                           "  - {count: 4, ops: [create, \"wri te\", 'x']}\n"
                                           "  - count: 5\n"
                                           "text: |\n"
                                           "  two\n"
                                           "  lines\n"
                                           "empty:\n");
    const struct yaml_node *root = yaml_root(document), *clients = yaml_get(root, "clients");
    const struct yaml_node *ops;

    (void)state;
    assert_int_equal(yaml_kind(root), YAML_MAP);
    assert_int_equal(yaml_count(root), 4);
    assert_string_equal(yaml_text(yaml_get(root, "name")), "untar");
    assert_string_equal(yaml_text(yaml_get(root, "text")), "two\nlines\n");
    assert_string_equal(yaml_text(yaml_get(root, "empty")), "");
    assert_null(yaml_get(root, "nam"));
    assert_null(yaml_get(root, "names"));
    assert_null(yaml_get(clients, "name"));
    assert_null(yaml_key(root));
    assert_string_equal(yaml_text(yaml_key(clients)), "clients");
    assert_int_equal(yaml_kind(clients), YAML_LIST);
    assert_int_equal(yaml_count(clients), 2);
    ops = yaml_get(yaml_first(clients), "ops");
    assert_string_equal(yaml_text(yaml_next(yaml_first(ops))), "wri te");
    assert_null(yaml_next(yaml_next(yaml_next(yaml_first(ops)))));
    assert_null(yaml_next(yaml_next(yaml_first(clients))));
    assert_null(yaml_first(yaml_get(root, "name")));
    yaml_close(document);
    yaml_close(NULL);
}

/* ---- Texts that are no tree ---- */

static void expect_bad(const char *text, size_t length, const char *sentence)
{
    struct yaml_document *document;
    struct error error = {""};

    if (yaml_parse(&document, text, length, "a.yaml", &error) == 0)
        fail_msg("read: %s", text);
    assert_null(document);
    assert_string_equal(error.text, sentence);
}

static void test_bad_texts(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "a.yaml:1:1: found nothing, expected a value"},
        {"# nothing\n", "a.yaml:1:1: found nothing, expected a value"},
        {"a: 1\nb: 2\na: 3\n",
         "a.yaml:3:1: found key \"a\" a second time, expected it once; first in line 1"},
        {"x: {a: 1, b: 2, a: 3}\n",
         "a.yaml:1:17: found key \"a\" a second time, expected it once; first in line 1"},
        {"a: &x 1\n",
         "a.yaml:1:4: found an anchor, expected a value: there are no anchors and aliases here"},
        {"a: &x [1]\n",
         "a.yaml:1:4: found an anchor, expected a value: there are no anchors and aliases here"},
        {"a: &x {b: 1}\n",
         "a.yaml:1:4: found an anchor, expected a value: there are no anchors and aliases here"},
        {"a: *x\n",
         "a.yaml:1:4: found an alias, expected a value: there are no anchors and aliases here"},
        {"a: !!int 1\n", "a.yaml:1:4: found a tag, expected a value: there are no tags here"},
        {"a: !x [1]\n", "a.yaml:1:4: found a tag, expected a value: there are no tags here"},
        {"[1]: 2\n", "a.yaml:1:1: found a list, expected a key"},
        {"? {a: 1}\n: 2\n", "a.yaml:1:3: found a map, expected a key"},
        {"a: 1\n---\nb: 2\n", "a.yaml:2:1: found a second document, expected the end of the file"},
        {"a: \"\\0\"\n", "a.yaml:1:4: found a NUL character, expected text"},
        {"a: 1\n b: 2\n",
         "a.yaml:2:3: expected YAML: mapping values are not allowed in this context"},
        {"a: [1, 2\nb: 3\n", "a.yaml:2:2: expected YAML: did not find expected ',' or ']' while "
                             "parsing a flow sequence, which began in line 1"},
        {"a:\n\t- 1\n", "a.yaml:2:1: expected YAML: found character that cannot start any token "
                        "while scanning for the next token, which began in line 2"},
        {"a: 1\nb: \xff\n", "a.yaml:2:4: found byte 0xff, expected text in UTF-8 (invalid leading "
                            "UTF-8 octet)"},
        {"b: \xc3\xa9\xc3(\n", "a.yaml:1:6: found byte 0x28, expected text in UTF-8 (invalid "
                               "trailing UTF-8 octet)"},
        {"a: \x01\n",
         "a.yaml:1:4: found byte 0x01, expected text in UTF-8 (control characters are not "
         "allowed)"},
        {"\xff\xfe"
         "a",
         "a.yaml:1:1: found byte 0xff, expected text in UTF-8 (invalid leading "
         "UTF-8 octet)"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_bad(cases[i].text, strlen(cases[i].text), cases[i].sentence);
}

static void test_depth(void **state)
{
    char text[2 * 40];
    struct error error;
    struct yaml_document *document;

    (void)state;
    memset(text, '[', 40);
    memset(text + 40, ']', 40);
    expect_bad(text, 80, "a.yaml:1:33: found lists and maps nested deeper than 32, expected a few");
    assert_int_equal(yaml_parse(&document, text + 8, 64, "a.yaml", &error), 0);
    yaml_close(document);
}

static void test_numbers_limit(void **state)
{
    const size_t nr = YAML_NODES_MAX + 10;
    char *text = malloc(2 * nr + 2);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < nr; i++)
        memcpy(text + 2 * i, i == 0 ? "[1" : ",1", 2);
    expect_bad(text, 2 * nr, "a.yaml:1: found more than 2000000 values, which is the limit");
    free(text);
}

/* ---- Values ---- */

static const char *const known[] = {"count", "size", "width", "popularity", NULL};

/* What value "v" of a text gives when it is taken for KIND: the number, or the sentence. */
static const char *take(const char *text, char kind, char *buffer, size_t size)
{
    static struct error error;
    struct yaml_document *document = parse(text);
    const struct yaml_node *node = yaml_get(yaml_root(document), "v");
    uint64_t value = 0;
    int64_t decimal = 0;
    unsigned index = 0;
    bool boolean = false;
    const char *string = "";
    int result = -1;

    switch (kind) {
    case 'i':
        result = yaml_integer(node, 1, 1000, &value, &error);
        break;
    case 'b':
        result = yaml_quantity(node, YAML_BYTES, 512, 64 << 20, &value, &error);
        break;
    case 't':
        result = yaml_quantity(node, YAML_TIME, 1000, UINT64_MAX, &value, &error);
        break;
    case 'd':
        result = yaml_decimal(node, -YAML_DECIMAL_ONE, 2 * YAML_DECIMAL_ONE, &decimal, &error);
        break;
    case 'c':
        result = yaml_choice(node, known, &index, &error);
        break;
    case 'o':
        result = yaml_boolean(node, &boolean, &error);
        break;
    case 's':
        result = yaml_string(node, "a name", &string, &error);
        break;
    case 'k':
        result = yaml_keys_check(node, known, &error);
        break;
    case 'n':
        result = yaml_need(node, "count", &node, &error);
        break;
    case 'l':
        result = yaml_expect(node, YAML_LIST, "a list of clients", &error);
        break;
    default:
        fail();
    }
    if (result != 0)
        snprintf(buffer, size, "%s", error.text);
    else if (kind == 's')
        snprintf(buffer, size, "%s", string);
    else
        snprintf(buffer, size, "%ld", (long)value + (long)decimal + index + boolean);
    yaml_close(document);
    return buffer;
}

static void test_values(void **state)
{
    static const struct {
        char kind;
        const char *text, *expected;
    } cases[] = {
        {'i', "v: 1", "1"},
        {'i', "v: 1000", "1000"},
        {'i', "v: \"17\"", "17"},
        {'i', "v: 0", "a.yaml:1:4: found \"0\", expected from 1 to 1000"},
        {'i', "v: 1001", "a.yaml:1:4: found \"1001\", expected from 1 to 1000"},
        {'i', "v: -1", "a.yaml:1:4: found \"-1\", expected a whole number"},
        {'i', "v: 1K", "a.yaml:1:4: found \"1K\", expected a whole number"},
        {'i', "v: 1.0", "a.yaml:1:4: found \"1.0\", expected a whole number"},
        {'i', "v: 99999999999999999999",
         "a.yaml:1:4: found \"99999999999999999999\", expected a whole number"},
        {'i', "v:", "a.yaml:1:3: found nothing, expected a whole number"},
        {'i', "v: [1]", "a.yaml:1:4: found a list, expected a whole number"},
        {'i', "v:\n  a: 1", "a.yaml:2:3: found a map, expected a whole number"},
        {'b', "v: 12K", "12288"},
        {'b', "v: 64MiB", "67108864"},
        {'b', "v: 511", "a.yaml:1:4: found \"511\", expected from 512 to 64M"},
        {'b', "v: 10ms", "a.yaml:1:4: found \"10ms\", expected a size, such as 512, 12K or 64M"},
        {'t', "v: 250us", "250000"},
        {'t', "v: 2min", "120000000000"},
        {'t', "v: 7d", "604800000000000"},
        {'t', "v: 5", "a.yaml:1:4: found \"5\", expected a duration, such as 250us, 10ms or 60s"},
        {'t', "v: 5m", "a.yaml:1:4: found \"5m\", expected a duration, such as 250us, 10ms or 60s"},
        {'t', "v: 999999999d",
         "a.yaml:1:4: found \"999999999d\", expected a duration, such as 250us, 10ms or 60s"},
        {'t', "v: 999ns", "a.yaml:1:4: found \"999ns\", expected at least 1us"},
        {'t', "v: 0", "a.yaml:1:4: found \"0\", expected at least 1us"},
        {'d', "v: 1.5", "1500000"},
        {'d', "v: 33%", "330000"},
        {'d', "v: 33.3333%", "333333"},
        {'d', "v: -0.000001", "-1"},
        {'d', "v: 0.5000000", "500000"},
        {'d', "v: 2.000001", "a.yaml:1:4: found \"2.000001\", expected from -1 to 2"},
        {'d', "v: 0.0000001",
         "a.yaml:1:4: found \"0.0000001\", expected a number, such as 1.5 or 33%, with at most six "
         "digits after the point"},
        {'d', "v: 1.",
         "a.yaml:1:4: found \"1.\", expected a number, such as 1.5 or 33%, with at most six digits "
         "after the point"},
        {'d', "v: 1e3",
         "a.yaml:1:4: found \"1e3\", expected a number, such as 1.5 or 33%, with at most six "
         "digits after the point"},
        {'d', "v: \"%\"",
         "a.yaml:1:4: found \"%\", expected a number, such as 1.5 or 33%, with at most six digits "
         "after the point"},
        {'d', "v: 99999999999999.5",
         "a.yaml:1:4: found \"99999999999999.5\", expected a number, such as 1.5 or 33%, with at "
         "most six digits after the point"},
        {'c', "v: width", "2"},
        {'c', "v: wdith",
         "a.yaml:1:4: found \"wdith\", expected one of count, size, width, "
         "popularity; did you mean \"width\"?"},
        {'c', "v: nothing",
         "a.yaml:1:4: found \"nothing\", expected one of count, size, width, popularity"},
        {'c', "v: {}", "a.yaml:1:4: found a map, expected one of count, size, width, popularity"},
        {'o', "v: true", "1"},
        {'o', "v: yes", "a.yaml:1:4: found \"yes\", expected one of false, true"},
        {'s', "v: some", "some"},
        {'s', "v: ''", "a.yaml:1:4: found nothing, expected a name"},
        {'k', "v: {count: 1, size: 2}", "0"},
        {'k', "v:\n  count: 1\n  sise: 2\n",
         "a.yaml:3:3: found key \"sise\", expected one of "
         "count, size, width, popularity; did you mean "
         "\"size\"?"},
        {'k', "v: {populatiry: 1}",
         "a.yaml:1:5: found key \"populatiry\", expected one of count, "
         "size, width, popularity; did you mean \"popularity\"?"},
        {'k', "v: {ow: 1}",
         "a.yaml:1:5: found key \"ow\", expected one of count, size, width, popularity"},
        {'k', "v: 3",
         "a.yaml:1:4: found \"3\", expected a map with keys of count, size, width, popularity"},
        {'n', "v: {count: 1}", "0"},
        {'n', "v: {size: 1}", "a.yaml:1:4: found no key \"count\", expected it in this map"},
        {'n', "v: 1", "a.yaml:1:4: found \"1\", expected a map with key \"count\""},
        {'l', "v: []", "0"},
        {'l', "v: 0123456789012345678901234567890123456789012345678901234567890123456789",
         "a.yaml:1:4: found \"012345678901234567890123456789012345678901234567...\", expected a "
         "list of clients"},
        {'l', "v: \"01234567890123456789012345678901234567890123456\\u00e9\"",
         "a.yaml:1:4: found \"01234567890123456789012345678901234567890123456...\", expected a "
         "list of clients"},
        {'l', "v: \"\\e[2J\"", "a.yaml:1:4: found \"\\033[2J\", expected a list of clients"},
    };
    char buffer[ERROR_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(take(cases[i].text, cases[i].kind, buffer, sizeof(buffer)),
                            cases[i].expected);
}

/* ---- Assignments ---- */

static void test_set(void **state)
{
    struct yaml_document *document = parse("files: {count: 10, size: 1K}\nclients: [a, b]\n");
    const struct yaml_node *root = yaml_root(document), *files = yaml_get(root, "files");
    struct error error;
    uint64_t value;

    (void)state;
    assert_int_equal(yaml_set(document, "files.count=20", &error), 0);
    assert_int_equal(yaml_set(document, "files.width=4", &error), 0);
    assert_int_equal(yaml_set(document, "clients.1={name: c}", &error), 0);
    assert_int_equal(yaml_set(document, "files.size=4=4", &error), 0);
    assert_string_equal(yaml_text(yaml_get(files, "count")), "20");
    assert_string_equal(yaml_text(yaml_get(files, "width")), "4");
    assert_string_equal(yaml_text(yaml_get(files, "size")), "4=4");
    assert_int_equal(yaml_count(files), 3);
    assert_string_equal(yaml_text(yaml_first(yaml_get(root, "clients"))), "a");
    assert_string_equal(
        yaml_text(yaml_get(yaml_next(yaml_first(yaml_get(root, "clients"))), "name")), "c");
    assert_int_equal(yaml_integer(yaml_get(files, "size"), 0, 9, &value, &error), -1);
    assert_string_equal(error.text, "files.size=4=4:1:12: found \"4=4\", expected a whole number");
    assert_int_equal(yaml_set(document, "clients.2=x", &error), -1);
    assert_string_equal(error.text, "clients.2=x:1:9: found \"2\", expected the number of an item "
                                    "of a list, from 0");
    assert_int_equal(yaml_set(document, "file.count=x", &error), -1);
    assert_string_equal(error.text,
                        "file.count=x:1:1: found \"file\", expected a key that is there");
    assert_int_equal(yaml_set(document, "files.count.x=1", &error), -1);
    assert_string_equal(error.text, "files.count.x=1:1:13: found \"x\", expected nothing, for what "
                                    "stands here is no map");
    assert_int_equal(yaml_set(document, "clients..x=1", &error), -1);
    assert_int_equal(yaml_set(document, "clients.=1", &error), -1);
    assert_int_equal(yaml_set(document, "files.count", &error), -1);
    assert_string_equal(error.text, "found \"files.count\", expected KEY.KEY...=VALUE");
    assert_int_equal(yaml_set(document, "files.count=[1", &error), -1);
    assert_int_equal(yaml_set(document, "files.count=", &error), -1);
    assert_string_equal(error.text, "files.count=:1:1: found nothing, expected a value");
    yaml_close(document);
}

/* ---- Distributions ---- */

static void test_bad_distributions(void **state)
{
    static const struct {
        enum yaml_unit unit;
        const char *text, *sentence;
    } cases[] = {
        {YAML_BYTES, "{gama: {mean: 1}}",
         "a.yaml:1:2: found key \"gama\", expected one of uniform, gamma, exponential, lognormal, "
         "zipf, geometric, table, quantiles; did you mean \"gamma\"?"},
        {YAML_BYTES, "{}", "a.yaml:1:1: found a map of 0, expected one distribution"},
        {YAML_BYTES, "[1]",
         "a.yaml:1:1: found a list, expected a map with keys of uniform, gamma, exponential, "
         "lognormal, zipf, geometric, table, quantiles"},
        {YAML_TIME, "4K",
         "a.yaml:1:1: found \"4K\", expected a duration, such as 250us, 10ms or 60s"},
        {YAML_BYTES, "{gamma: {mean: 1K}}",
         "a.yaml:1:9: found no key \"shape\", expected it in this map"},
        {YAML_BYTES, "{gamma: {mean: 0, shape: 1}}",
         "a.yaml:1:16: found \"0\", expected from 1 to 32768T"},
        {YAML_BYTES, "{gamma: {mean: 1, shape: 0.01}}",
         "a.yaml:1:26: found \"0.01\", expected from 0.05 to 1000"},
        {YAML_BYTES, "{gamma: {mean: 1, shape: 1, min: 9, max: 8}}",
         "a.yaml:1:42: found \"8\", expected from 9 to 32768T"},
        {YAML_BYTES, "{exponential: {mean: 1, shape: 2}}",
         "a.yaml:1:25: found key \"shape\", expected one of mean, min, max"},
        {YAML_BYTES, "{uniform: {min: 2, max: 1}}",
         "a.yaml:1:25: found \"1\", expected from 2 to 32768T"},
        {YAML_BYTES, "{lognormal: {mean: 1, median: 1, sigma: 1}}",
         "a.yaml:1:14: found mean and median, expected one of them"},
        {YAML_BYTES, "{lognormal: {sigma: 1}}",
         "a.yaml:1:13: found no key \"median\", expected it in this map"},
        {YAML_COUNT, "{lognormal: {median: 10, sigma: 9}}",
         "a.yaml:1:33: found \"9\", expected from 0.001 to 8"},
        {YAML_BYTES, "{zipf: {count: 1, exponent: 1}}",
         "a.yaml:1:2: found zipf, which makes counts, expected a distribution of sizes"},
        {YAML_COUNT, "{zipf: {count: 0, exponent: 1}}",
         "a.yaml:1:16: found \"0\", expected from 1 to 36028797018963968"},
        {YAML_COUNT, "{geometric: {mean: 3, min: 3}}",
         "a.yaml:1:20: found \"3\", expected from 3.000001 to 1000000000000"},
        {YAML_COUNT, "{table: []}", "a.yaml:1:9: found 0 items, expected from 1 to 65536"},
        {YAML_COUNT, "{table: [[0, 1]]}",
         "a.yaml:1:9: found weights that are all 0, expected one that is not"},
        {YAML_COUNT, "{table: [[1]]}",
         "a.yaml:1:10: found a list of 1, expected [weight, value] or [weight, from, to]"},
        {YAML_COUNT, "{table: [[1, 5, 4]]}",
         "a.yaml:1:17: found \"4\", expected from 5 to 36028797018963968"},
        {YAML_COUNT, "{table: [[-1, 5]]}", "a.yaml:1:11: found \"-1\", expected from 0 to 1000000"},
        {YAML_COUNT, "{quantiles: [1]}", "a.yaml:1:13: found 1 items, expected from 2 to 65536"},
        {YAML_COUNT, "{quantiles: [2, 1]}",
         "a.yaml:1:17: found a value that falls, expected at least the one before"},
        {YAML_COUNT, "{quantiles: [[0, 1], [0, 2], [1, 3]]}",
         "a.yaml:1:22: found a probability that does not rise, expected more than the one before"},
        {YAML_COUNT, "{quantiles: [[0.1, 1], [1, 2]]}",
         "a.yaml:1:14: found a first probability above 0, expected 0"},
        {YAML_COUNT, "{quantiles: [[0, 1], [0.9, 2]]}",
         "a.yaml:1:22: found a last probability below 1, expected 1"},
        {YAML_COUNT, "{quantiles: [1, [1, 2]]}",
         "a.yaml:1:17: found a list, expected all values with their probability, or none"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct yaml_document *document = parse(cases[i].text);
        struct distribution *distribution;
        struct error error = {""};

        assert_int_equal(
            distribution_from_yaml(&distribution, yaml_root(document), cases[i].unit, &error), -1);
        assert_null(distribution);
        assert_string_equal(error.text, cases[i].sentence);
        yaml_close(document);
    }
}

/* ---- Files, and the n-th allocation fails ---- */

static const char *path;

static int open_and_use(struct error *error)
{
    struct yaml_document *document;
    int result = yaml_open(&document, path, error);

    if (result == 0)
        result = yaml_set(document, "more=1", error);
    if (result == 0)
        result = yaml_set(document, "a=2", error);
    for (const struct yaml_node *node = result == 0 ? yaml_first(yaml_root(document)) : NULL;
         node != NULL && result == 0; node = yaml_next(node)) {
        struct distribution *distribution;

        result = distribution_from_yaml(&distribution, node, YAML_COUNT, error);
        distribution_free(distribution);
    }
    if (result == 0)
        assert_int_equal(yaml_count(yaml_root(document)), 107);
    yaml_close(document);
    return result;
}

static void test_file(void **state)
{
    static char name[] = "/tmp/allotrope-yaml-XXXXXX";
    int descriptor = mkstemp(name);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    struct yaml_document *document;
    struct error error;

    (void)state;
    assert_non_null(stream);
    path = name;
    fputs("a: {gamma: {mean: 1000, shape: 2}}\nb: {table: [[1, 2], [3, 4]]}\n"
          "c: {quantiles: [1, 2, 3]}\nd: {zipf: {count: 100, exponent: 1}}\n"
          "e: {geometric: {mean: 2}}\nf: {lognormal: {median: 20, sigma: 1}}\n",
          stream);
    for (unsigned i = 0; i < 100; i++)
        fprintf(stream, "key%u: %0200u\n", i, i);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(open_and_use(&error), 0);
    for (unsigned long n = 1; COUNTED; n++) {
        int result;

        error.text[0] = '\0';
        allocations = 0;
        failing = n;
        armed = true;
        result = open_and_use(&error);
        armed = false;
        if (allocations < n) {
            assert_int_equal(result, 0);
            print_message("%lu allocations\n", n - 1);
            assert_true(n > 1000);
            break;
        }
        /* Reading and sorting can do without their buffers; the result must be whole then. */
        if (result != 0 && error.text[0] == '\0')
            fail_msg("allocation %lu fails without a word", n);
    }
    unlink(name);
    assert_int_equal(yaml_open(&document, name, &error), -1);
    assert_null(document);
    assert_non_null(strstr(error.text, ": cannot open: No such file or directory"));
    assert_int_equal(yaml_open(&document, "/", &error), -1);
    assert_string_equal(error.text, "/: cannot read: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_numbers_limit),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_bad_distributions),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
