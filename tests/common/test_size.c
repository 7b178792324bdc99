/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/size.h"

struct good {
    const char *text;
    uint64_t bytes;
};

static const struct good good_sizes[] = {
    {"0", 0},
    {"0G", 0},
    {"4096", 4096},
    {"007", 7},
    {"12B", 12},
    {"64M", 64 << 20},
    {"64MB", 64 << 20},
    {"64MiB", 64 << 20},
    {"64m", 64 << 20},
    {"512KiB", 512 << 10},
    {"1G", 1 << 30},
    {"3T", 3ULL << 40},
    {"16777215T", 16777215ULL << 40},
    {"18446744073709551615", UINT64_MAX},
};

/* What is not a size, and what is one but does not fit. */
static const char *const bad_sizes[] = {
    "",     "M",   "-1",  "+1",  " 1",   "1 ", "1 M", "1.5G",
    "0x10", "1k5", "1KK", "1Mi", "1MIB", "1P", "1Bi", "1e3",
};
static const char *const large_sizes[] = {
    "18446744073709551616",
    "99999999999999999999999",
    "16777216T",
    "18014398509481984K",
};

static void test_good(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof(good_sizes) / sizeof(good_sizes[0]); i++) {
        struct error error = {0};
        uint64_t bytes = 1;

        if (size_parse(good_sizes[i].text, &bytes, &error) != 0)
            fail_msg("%s: %s", good_sizes[i].text, error.text);
        assert_int_equal(bytes, good_sizes[i].bytes);
        assert_string_equal(error.text, "");
    }
}

static void test_bad(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
        struct error error = {0};
        uint64_t bytes = 1;

        if (size_parse(bad_sizes[i], &bytes, &error) == 0)
            fail_msg("\"%s\" was read as %ju", bad_sizes[i], (uintmax_t)bytes);
        assert_int_equal(bytes, 1);
    }
}

static void test_message(void **state)
{
    struct error error = {0};
    uint64_t bytes;

    (void)state;
    assert_int_equal(size_parse("1.5G", &bytes, &error), -1);
    assert_string_equal(error.text,
                        "\"1.5G\" is not a size: expected a whole number with an optional unit K, "
                        "M, G or T, as in 4096, 512KiB or 64M");
    assert_int_equal(size_parse("1.5G", &bytes, NULL), -1);
}

static void test_large(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof(large_sizes) / sizeof(large_sizes[0]); i++) {
        struct error error = {0};
        uint64_t bytes = 1;

        assert_int_equal(size_parse(large_sizes[i], &bytes, &error), -1);
        assert_non_null(strstr(error.text, "is too large: at most 18446744073709551615 bytes"));
        assert_int_equal(bytes, 1);
    }
}

static void test_format(void **state)
{
    char buffer[SIZE_TEXT_MAX];

    (void)state;
    assert_string_equal(size_format(0, buffer, sizeof(buffer)), "0");
    assert_string_equal(size_format(1000, buffer, sizeof(buffer)), "1000");
    assert_string_equal(size_format(64 << 20, buffer, sizeof(buffer)), "64M");
    assert_string_equal(size_format(1536, buffer, sizeof(buffer)), "1536");
    assert_string_equal(size_format(3 << 19, buffer, sizeof(buffer)), "1536K");
    assert_string_equal(size_format(1ULL << 60, buffer, sizeof(buffer)), "1048576T");
    assert_string_equal(size_format(UINT64_MAX, buffer, sizeof(buffer)), "18446744073709551615");
}

/* What is written reads back to the same number, around every power of two. */
static void test_round_trip(void **state)
{
    (void)state;

    for (unsigned int shift = 0; shift < 64; shift++)
        for (int offset = -1; offset <= 1; offset++) {
            uint64_t bytes = (1ULL << shift) + (uint64_t)(int64_t)offset;
            char buffer[SIZE_TEXT_MAX];
            struct error error = {0};
            uint64_t back;

            size_format(bytes, buffer, sizeof(buffer));
            assert_int_equal(size_parse(buffer, &back, &error), 0);
            assert_int_equal(back, bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
        cmocka_unit_test(test_large),  cmocka_unit_test(test_message),
        cmocka_unit_test(test_format), cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
