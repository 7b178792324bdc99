/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Recipes: what is written reads back to the same, quantiles keep the distance that they promise,
 * and what a fit finds in a trace whose recipe is known.
 */

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traces/trace.h"
#include "workloads/fit.h"
#include "workloads/generate.h"
#include "workloads/recipe.h"
#include "workloads/workload.h"

static char folder[] = "/tmp/allotrope-recipe-XXXXXX";
static const char *data; /* tests/workloads/data */

static char *path_in(const char *base, const char *name)
{
    char *path = malloc(strlen(base) + strlen(name) + 2);

    assert_non_null(path);
    sprintf(path, "%s/%s", base, name);
    return path;
}

/* ---- Quantiles ---- */

static int value_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* The largest difference of the two distributions, in parts of COUNT. */
static size_t distance(uint64_t *a, uint64_t *b, size_t count)
{
    size_t i = 0, j = 0, most = 0;

    qsort(a, count, sizeof(*a), value_compare);
    qsort(b, count, sizeof(*b), value_compare);
    while (i < count && j < count) {
        uint64_t value = a[i] < b[j] ? a[i] : b[j];
        size_t gap;

        while (i < count && a[i] == value)
            i++;
        while (j < count && b[j] == value)
            j++;
        gap = i > j ? i - j : j - i;
        if (gap > most)
            most = gap;
    }
    return most;
}

static void quantiles_case(uint64_t seed)
{
    enum { COUNT = 20000 };
    uint64_t *seen = calloc(COUNT, sizeof(*seen)), *drawn = calloc(COUNT, sizeof(*drawn));
    struct quantiles quantiles;
    struct random random;
    size_t far;

    assert_non_null(seen);
    assert_non_null(drawn);
    random_seed(&random, seed, 0);
    /* Some values that are very common, and a long tail. */
    for (size_t i = 0; i < COUNT; i++)
        seen[i] = random_below(&random, 3) == 0
                      ? 850
                      : random_next(&random) >> (24 + random_below(&random, 40));
    quantiles_of(&quantiles, seen, COUNT, QUANTILES_MAX);
    for (size_t i = 0; i < COUNT; i++)
        drawn[i] = quantiles_draw(&quantiles, &random);
    far = distance(seen, drawn, COUNT);
    /* A step, and what chance adds: 1.95 / sqrt(COUNT) is exceeded once in a thousand times. */
    if (far > COUNT / (QUANTILES_MAX - 1) + COUNT * 14 / 1000)
        fail_msg("seed %llu: %zu of %d apart", (unsigned long long)seed, far, COUNT);
    free(seen);
    free(drawn);
}

static void test_quantiles(void **state)
{
    struct quantiles quantiles;
    uint64_t same[] = {7, 7, 7}, few[] = {9, 1};
    struct random random;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        quantiles_case(seed);
    quantiles_of(&quantiles, same, 3, QUANTILES_MAX);
    assert_int_equal(quantiles.nr, 1);
    random_seed(&random, 1, 1);
    assert_int_equal(quantiles_draw(&quantiles, &random), 7);
    quantiles_of(&quantiles, few, 2, QUANTILES_MAX);
    assert_int_equal(quantiles.nr, 2);
    assert_int_equal(quantiles_at(&quantiles, 0), 1);
    assert_int_equal(quantiles_at(&quantiles, UINT32_MAX), 8);
    assert_int_equal(quantiles_at(&quantiles, 1u << 31), 5);
}

/* ---- Reading and writing ---- */

static void write_to(const struct recipes *recipes, const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    recipes_write(recipes, file);
    assert_int_equal(fclose(file), 0);
}

static char *content(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void test_round_trip(void **state)
{
    char *source = path_in(data, "tiny.recipes.yaml");
    char *first = path_in(folder, "first"), *second = path_in(folder, "second"), *one, *two;
    struct recipes recipes = {0}, again = {0};
    struct error error;
    uint64_t digest;

    (void)state;
    if (recipes_read(&recipes, source, &digest, &error) != 0)
        fail_msg("%s", error.text);
    write_to(&recipes, first);
    if (recipes_read(&again, first, &digest, &error) != 0)
        fail_msg("%s", error.text);
    write_to(&again, second);
    one = content(first);
    two = content(second);
    assert_string_equal(one, two);
    assert_non_null(strstr(one, "names-life: [10, 2000]"));
    assert_non_null(recipes_find(&again, "use"));
    assert_null(recipes_find(&again, "uses"));
    unlink(first);
    unlink(second);
    free(one);
    free(two);
    free(first);
    free(second);
    free(source);
    recipes_free(&recipes);
    recipes_free(&again);
}

/* ---- From recipe to trace to recipe ---- */

static const char known_recipe[] =
    "recipes: known\n"
    "ticks-per-second: 1000000\n"
    "caches: {ipc_port: {size: 80}, vm_object: {size: 96}}\n"
    "operations:\n"
    "  make:\n"
    "    ticks: [900, 1100]\n"
    "    lines:\n"
    "      - {lookup: server, count: 4, old: 1}\n"
    "      - {kalloc: 4096, task: server, count: 1, life: 10, at: 0}\n"
    "      - {cache: ipc_port, task: server, count: 2, life: item}\n"
    "      - {cache: vm_object, task: server, count: 0.5, life: "
    "[100, 300]}\n"
    "      - {right: server, count: 1, reverse: true, life: item}\n"
    "  drop:\n"
    "    ticks: 500\n"
    "    lines:\n"
    "      - {kalloc: 64, task: server, count: 3, life: 20}\n";

static const char known_workload[] =
    "workload: known\n"
    "machine: {geometry: i386, memory: 64M}\n"
    "recipes: known.recipes.yaml\n"
    "items: {files: {count: 1000}}\n"
    "phases:\n"
    "  - {mark: make, count: 1000, flow: [{do: make, on: new}]}\n"
    "  - {mark: drop, count: 1000, flow: [{do: drop, on: next, remove: true}]}\n";

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const struct recipe_line *find_line(const struct recipe_operation *operation,
                                           enum recipe_kind kind, enum recipe_life life)
{
    for (unsigned i = 0; i < operation->nr_lines; i++)
        if (operation->lines[i].kind == kind && operation->lines[i].life == life)
            return &operation->lines[i];
    fail_msg("operation %s has no line of kind %d and life %d", operation->name, kind, life);
    return NULL;
}

static void check_fit(const struct recipes *recipes)
{
    const struct recipe_operation *make = recipes_find(recipes, "make");
    const struct recipe_operation *drop = recipes_find(recipes, "drop");
    const struct recipe_line *line;

    assert_non_null(make);
    assert_non_null(drop);
    assert_string_not_equal(make->anchor, "");
    line = find_line(make, RECIPE_CACHE, RECIPE_LIFE_ITEM);
    assert_string_equal(line->name, "ipc_port");
    assert_int_equal(line->count, 2 * RECIPE_COUNT_ONE);
    /* What happens at the border of two operations may count for either. */
    assert_true(line->spread < RECIPE_COUNT_ONE / 10);
    line = find_line(make, RECIPE_RIGHT, RECIPE_LIFE_ITEM);
    assert_int_equal(line->count, RECIPE_COUNT_ONE);
    assert_true(line->reverse);
    line = find_line(make, RECIPE_CACHE, RECIPE_LIFE_TIME);
    assert_string_equal(line->name, "vm_object");
    assert_int_equal(line->count, RECIPE_COUNT_ONE / 2);
    assert_in_range(line->ticks.values[0], 100, 110);
    assert_in_range(line->ticks.values[line->ticks.nr - 1], 290, 300);
    line = find_line(make, RECIPE_LOOKUP, RECIPE_LIFE_NONE);
    assert_in_range(line->count, 4 * RECIPE_COUNT_ONE - 20000, 4 * RECIPE_COUNT_ONE);
    line = find_line(drop, RECIPE_KALLOC, RECIPE_LIFE_TIME);
    assert_int_equal(line->count, 3 * RECIPE_COUNT_ONE);
    assert_int_equal(line->size.values[0], 64);
    assert_int_equal(line->ticks.nr, 1);
    assert_int_equal(line->ticks.values[0], 20);
}

static void test_fit(void **state)
{
    char *recipe = path_in(folder, "known.recipes.yaml");
    char *workload_path = path_in(folder, "known.yaml"), *trace = path_in(folder, "known.trace");
    struct fit_options *options = calloc(1, sizeof(*options));
    struct workload_options none = {0};
    struct workload workload;
    struct recipes fitted;
    struct trace_reader *reader;
    struct error error;
    uint64_t events;

    (void)state;
    assert_non_null(options);
    write_text(recipe, known_recipe);
    write_text(workload_path, known_workload);
    if (workload_read(&workload, workload_path, &none, &error) != 0 ||
        generate(&workload, trace, 0, NULL, &events, &error) != 0)
        fail_msg("%s", error.text);
    options->source = "known.trace";
    options->nr_phases = 2;
    options->phases[0] = (struct fit_phase){"make", "make", 1000};
    options->phases[1] = (struct fit_phase){"drop", "drop", 1000};
    options->nr_removes = 1;
    strcpy(options->removes[0], "drop");
    reader = trace_open(trace, &error);
    assert_non_null(reader);
    if (fit(reader, options, &fitted, &error) != 0)
        fail_msg("%s", error.text);
    check_fit(&fitted);
    trace_close(reader);
    recipes_free(&fitted);
    workload_free(&workload);
    unlink(recipe);
    unlink(workload_path);
    unlink(trace);
    free(recipe);
    free(workload_path);
    free(trace);
    free(options);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_fit),
    };
    int failed;

    if (argc != 2 || mkdtemp(folder) == NULL)
        return 2;
    data = argv[1];
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
