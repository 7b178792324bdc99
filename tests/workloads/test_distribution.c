/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each form against what it should be: its distribution function as the C library's mathematics
 * give it (Kolmogorov and Smirnov's distance of many draws), its mean and its limits; and the draws
 * themselves against a digest, which must be the same for every compiler and machine.
 */

#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "workloads/distribution.h"
#include "workloads/portable.h"

#define DRAWS 200000u

/* Above this once in 10^9 by chance (2 e^(-2 n d^2)), and 0.001 for the steps. */
#define DISTANCE (0.0073 + 0.001)

static struct distribution *make(const char *text, enum yaml_unit unit)
{
    struct yaml_document *document;
    struct distribution *distribution = NULL;
    struct error error;

    if (yaml_parse(&document, text, strlen(text), "test", &error) != 0 ||
        distribution_from_yaml(&distribution, yaml_root(document), unit, &error) != 0)
        fail_msg("%s", error.text);
    yaml_close(document);
    return distribution;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* ---- What the distribution functions are, of a whole number or less ---- */

/* Abramowitz and Stegun 6.5.29: the incomplete gamma function by its series. */
static double gamma_cdf(double x, double mean, double shape)
{
    double z = x * shape / mean, term = 1 / shape, sum = term;

    for (int i = 1; i < 2000; i++) {
        term *= z / (shape + i);
        sum += term;
    }
    return z > 600 ? 1 : sum * exp(-z + shape * log(z) - lgamma(shape));
}

static double expected(const char *form, uint64_t value, double a, double b)
{
    double x = (double)value + 0.5; /* rounded to the nearest */

    if (strcmp(form, "gamma") == 0)
        return gamma_cdf(x, a, b);
    if (strcmp(form, "lognormal") == 0)
        return 0.5 * erfc(-log(x / a) / (b * sqrt(2)));
    if (strcmp(form, "geometric") == 0)
        return 1 - pow(a / (a + 1), (double)value + 1);
    return ((double)value + 1) / a; /* uniform from 0 to a - 1 */
}

/* The greatest distance of DRAWS draws from it, at every value that was drawn. */
static double distance(const struct distribution *distribution, uint64_t seed, const char *form,
                       double a, double b)
{
    uint64_t *drawn = malloc(DRAWS * sizeof(*drawn));
    struct random random;
    double greatest = 0;

    assert_non_null(drawn);
    random_seed(&random, seed, 1);
    for (unsigned i = 0; i < DRAWS; i++) {
        drawn[i] = distribution_draw(distribution, &random);
        assert_in_range(drawn[i], distribution_min(distribution), distribution_max(distribution));
    }
    qsort(drawn, DRAWS, sizeof(*drawn), compare);
    for (unsigned i = 0; i < DRAWS; i++) {
        if (i + 1 < DRAWS && drawn[i + 1] == drawn[i])
            continue;
        double d = fabs((i + 1.0) / DRAWS - expected(form, drawn[i], a, b));

        greatest = d > greatest ? d : greatest;
    }
    free(drawn);
    return greatest;
}

static void test_fit(void **state)
{
    static const struct {
        const char *text, *form;
        double a, b, mean;
    } cases[] = {
        {"{gamma: {mean: 131072, shape: 1.5}}", "gamma", 131072, 1.5, 131072},
        {"{gamma: {mean: 16384, shape: 0.1}}", "gamma", 16384, 0.1, 16384},
        {"{gamma: {mean: 100, shape: 100}}", "gamma", 100, 100, 100},
        {"{gamma: {mean: 5, shape: 2}}", "gamma", 5, 2, 5},
        {"{exponential: {mean: 1000000}}", "gamma", 1000000, 1, 1000000},
        {"{lognormal: {median: 4096, sigma: 0.01}}", "lognormal", 4096, 0.01, 4096.2},
        {"{lognormal: {median: 4096, sigma: 1}}", "lognormal", 4096, 1, 6753.2},
        {"{lognormal: {mean: 6753, sigma: 1}}", "lognormal", 4095.9, 1, 6753},
        {"{lognormal: {median: 4096, sigma: 2}}", "lognormal", 4096, 2, 30265.4},
        {"{geometric: {mean: 2.5}}", "geometric", 2.5, 0, 2.5},
        {"{geometric: {mean: 0.01}}", "geometric", 0.01, 0, 0.01},
        {"{geometric: {mean: 5000}}", "geometric", 5000, 0, 5000},
        {"{uniform: {min: 0, max: 999}}", "uniform", 1000, 0, 499.5},
        {"{table: [[1, 0, 499], [1, 500, 999]]}", "uniform", 1000, 0, 499.5},
        {"{zipf: {count: 1000, exponent: 0}}", "uniform", 1000, 0, 499.5},
        {"{zipf: {count: 1000000, exponent: 0}}", "uniform", 1000000, 0, 499999.5},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct distribution *distribution = make(cases[i].text, YAML_COUNT);
        double d = distance(distribution, i, cases[i].form, cases[i].a, cases[i].b);
        double mean = distribution_mean(distribution);

        if (d > DISTANCE || fabs(mean - cases[i].mean) > 0.001 * cases[i].mean)
            fail_msg("%s: distance %f, mean %f", cases[i].text, d, mean);
        distribution_free(distribution);
    }
}

/* By the exact probability of every rank: chi square, ranks that are rare put together. */
static void test_zipf(void **state)
{
    static const double exponents[] = {0.6, 0.99, 1, 1.5, 3};
    enum { COUNT = 20000 };
    static unsigned drawn[COUNT];

    (void)state;
    for (unsigned e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
        struct distribution *distribution = distribution_zipf(COUNT, exponents[e]);
        double total = 0, chi = 0, hope = 0, met = 0;
        unsigned classes = 0;
        struct random random;

        assert_non_null(distribution);
        memset(drawn, 0, sizeof(drawn));
        random_seed(&random, 11, e);
        for (unsigned i = 0; i < 1000000; i++)
            drawn[distribution_draw(distribution, &random)]++;
        for (unsigned k = 0; k < COUNT; k++)
            total += pow(k + 1, -exponents[e]);
        for (unsigned k = 0; k < COUNT; k++) {
            hope += 1000000 * pow(k + 1, -exponents[e]) / total;
            met += drawn[k];
            if (hope < 100)
                continue;
            chi += (met - hope) * (met - hope) / hope;
            hope = met = 0;
            classes++;
        }
        /* Six standard deviations of chi square above its mean. */
        if (chi > classes + 6 * sqrt(2.0 * classes) + 20)
            fail_msg("exponent %f: chi square %f of %u classes", exponents[e], chi, classes);
        distribution_free(distribution);
    }
}

static void test_constants_and_limits(void **state)
{
    static const struct {
        const char *text;
        enum yaml_unit unit;
        uint64_t min, max;
    } cases[] = {
        {"12K", YAML_BYTES, 12288, 12288},
        {"10ms", YAML_TIME, 10000000, 10000000},
        {"{uniform: {min: 1K, max: 1M}}", YAML_BYTES, 1024, 1048576},
        {"{gamma: {mean: 16K, shape: 1.5, min: 512, max: 64K}}", YAML_BYTES, 512, 65536},
        {"{lognormal: {median: 1ms, sigma: 3, min: 1us, max: 1s}}", YAML_TIME, 1000, 1000000000},
        {"{table: [[33%, 1K], [0, 7K], [21%, 1K, 3K]]}", YAML_BYTES, 1024, 3072},
        {"{quantiles: [32, 64, 64, 4K]}", YAML_BYTES, 32, 4096},
        {"{quantiles: [[0, 5], [0.999999, 5], [1, 9]]}", YAML_COUNT, 5, 9},
        {"{geometric: {mean: 3.5, min: 3}}", YAML_COUNT, 3, 60},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct distribution *distribution = make(cases[i].text, cases[i].unit);
        struct random random;

        assert_int_equal(distribution_min(distribution), cases[i].min);
        if (distribution_max(distribution) > cases[i].max)
            fail_msg("%s: up to %lu", cases[i].text, distribution_max(distribution));
        random_seed(&random, 3, i);
        for (unsigned draw = 0; draw < 10000; draw++)
            assert_in_range(distribution_draw(distribution, &random), cases[i].min, cases[i].max);
        distribution_free(distribution);
    }
}

/* The parts of filebench's table of sizes come as often as they should. */
static void test_table(void **state)
{
    struct distribution *distribution =
        make("{table: [[33%, 1K], [21%, 1025, 3K], [46%, 4K]]}", YAML_BYTES);
    unsigned first = 0, second = 0;
    struct random random;

    (void)state;
    random_seed(&random, 5, 0);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t size = distribution_draw(distribution, &random);

        assert_true(size == 1024 || (size > 1024 && size <= 3072) || size == 4096);
        first += size == 1024;
        second += size > 1024 && size <= 3072;
    }
    assert_in_range(first, 33000 - 900, 33000 + 900); /* six standard deviations */
    assert_in_range(second, 21000 - 780, 21000 + 780);
    distribution_free(distribution);
}

/* Different seeds draw other numbers of the same kind: their distance is what chance allows. */
static void test_seeds_alike(void **state)
{
    struct distribution *distribution = make("{gamma: {mean: 16K, shape: 1.5}}", YAML_BYTES);
    unsigned equal = 0;
    struct random a, b;

    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++)
        assert_true(distance(distribution, 1000 + seed, "gamma", 16384, 1.5) < DISTANCE);
    random_seed(&a, 1, 1);
    random_seed(&b, 2, 1);
    for (unsigned i = 0; i < 1000; i++)
        equal += distribution_draw(distribution, &a) == distribution_draw(distribution, &b);
    assert_true(equal < 5);
    distribution_free(distribution);
}

static void test_portable(void **state)
{
    (void)state;
    for (int i = -6999; i <= 6999; i++) {
        double x = i / 10.0 + 0.037, e = exp(x);

        assert_true(fabs(portable_exp(x) - e) <= 1e-14 * e);
    }
    for (int i = -1000; i <= 1000; i++) {
        double x = pow(1.9, i), l = log(x);

        assert_true(fabs(portable_log(x) - l) <= 2e-15 * (fabs(l) + 0.1));
    }
    assert_true(portable_exp(0) == 1 && portable_log(1) == 0 && portable_exp(-701) == 0);
}

/* The same bits everywhere: 1000 draws of each form and the results of exp() and log(). A change
 * here changes every generated trace. */
static void test_digest(void **state)
{
    static const char *const texts[] = {
        "{uniform: {min: 3, max: 12345678901}}",
        "{gamma: {mean: 131072, shape: 1.5}}",
        "{gamma: {mean: 1000, shape: 0.3, max: 5000}}",
        "{exponential: {mean: 12345}}",
        "{lognormal: {mean: 10000, sigma: 2.5}}",
        "{zipf: {count: 100000, exponent: 0.99}}",
        "{geometric: {mean: 77.7}}",
        "{table: [[0.33, 1024], [21.5, 1024, 3072], [1, 5000, 11000]]}",
        "{quantiles: [0, 1, 10, 100, 1000, 10000]}",
    };
    XXH64_state_t *digest = XXH64_createState();

    (void)state;
    assert_non_null(digest);
    XXH64_reset(digest, 0);
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct distribution *distribution = make(texts[i], YAML_COUNT);
        struct random random;

        random_seed(&random, 42, i);
        for (unsigned draw = 0; draw < 1000; draw++) {
            uint64_t value = distribution_draw(distribution, &random);

            XXH64_update(digest, &value, sizeof(value));
        }
        distribution_free(distribution);
    }
    for (int i = -500; i < 500; i++) {
        double values[2] = {portable_exp(i * 0.731), portable_log(portable_exp(i * 0.731))};

        XXH64_update(digest, values, sizeof(values));
    }
    assert_int_equal(XXH64_digest(digest), 0xae49d82924a60fcbu);
    XXH64_freeState(digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portable), cmocka_unit_test(test_fit),
        cmocka_unit_test(test_zipf),     cmocka_unit_test(test_constants_and_limits),
        cmocka_unit_test(test_table),    cmocka_unit_test(test_seeds_alike),
        cmocka_unit_test(test_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
