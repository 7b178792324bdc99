/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The generator against the published one, streams against each other, and numbers below a bound
 * for being each as likely as any other.
 */

#include "cmocka_all.h"

#include <string.h>

#include "workloads/random.h"

/* The first results of xoshiro256** from the state 1, 2, 3, 4, as its authors' code gives them. */
static void test_reference(void **state)
{
    struct random random = {{1, 2, 3, 4}};

    (void)state;
    assert_int_equal(random_next(&random), 11520);
    assert_int_equal(random_next(&random), 0);
    assert_int_equal(random_next(&random), 1509978240);
    assert_int_equal(random_next(&random), 1215971899390074240);
}

/* What seeds give, so that traces made today can be made again. */
static void test_fixed(void **state)
{
    struct random random;

    (void)state;
    random_seed(&random, 0, 0);
    assert_int_equal(random_next(&random), 0x8c4986f3f0e565d5u);
    random_seed(&random, 1, 2);
    assert_int_equal(random_next(&random), 0x9f0b1e7ea7c98bcbu);
    random_seed(&random, UINT64_MAX, UINT64_MAX);
    assert_int_equal(random_next(&random), 0xdcdb86cccb7c092u);
}

/* 64 seeds by 64 streams: no two begin alike, and their first bits are half ones. A bit is one in
 * 2048 of 4096 with standard deviation 32; six of them are never met by chance. */
static void test_streams(void **state)
{
    static uint64_t first[4096];
    unsigned ones[64] = {0};

    (void)state;
    for (unsigned i = 0; i < 4096; i++) {
        struct random random;

        random_seed(&random, i / 64, i % 64);
        first[i] = random_next(&random);
        for (unsigned bit = 0; bit < 64; bit++)
            ones[bit] += (unsigned)(first[i] >> bit & 1);
        for (unsigned j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
    for (unsigned bit = 0; bit < 64; bit++)
        assert_in_range(ones[bit], 2048 - 192, 2048 + 192);
}

static void test_below(void **state)
{
    struct random random;

    (void)state;
    random_seed(&random, 7, 0);
    assert_int_equal(random_below(&random, 0), 0);
    assert_int_equal(random_below(&random, 1), 0);
    for (uint64_t n = 2; n < 20; n++) {
        unsigned count[20] = {0};
        double chi = 0;

        for (unsigned i = 0; i < 10000 * n; i++) {
            uint64_t drawn = random_below(&random, n);

            assert_true(drawn < n);
            count[drawn]++;
        }
        for (unsigned i = 0; i < n; i++)
            chi += (count[i] - 10000.0) * (count[i] - 10000.0) / 10000;
        assert_true(chi < 60); /* 18 degrees of freedom: one in 10^6 */
    }
}

/* Where a product and nothing else would be wrong by a half: three quarters of 2^64. */
static void test_below_large(void **state)
{
    const uint64_t n = 3ull << 62;
    unsigned third[3] = {0};
    struct random random;

    (void)state;
    random_seed(&random, 8, 0);
    for (unsigned i = 0; i < 30000; i++) {
        uint64_t drawn = random_below(&random, n);

        assert_true(drawn < n);
        third[drawn % 3]++; /* without drawing again one of them comes half of the time */
    }
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(third[i], 10000 - 500, 10000 + 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),   cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_streams),     cmocka_unit_test(test_below),
        cmocka_unit_test(test_below_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
