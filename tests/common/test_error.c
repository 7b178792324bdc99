/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "common/error.h"

static void test_set(void **state)
{
    struct error error;

    (void)state;
    assert_int_equal(error_set(&error, "%s: line %d", "log", 12), -1);
    assert_string_equal(error.text, "log: line 12");
    assert_int_equal(error_set(NULL, "%s", "nobody listens"), -1);
}

static void test_prefix(void **state)
{
    struct error error;

    (void)state;
    error_set(&error, "line 12");
    assert_int_equal(error_prefix(&error, "%s: ", "log"), -1);
    assert_string_equal(error.text, "log: line 12");
    assert_int_equal(error_prefix(NULL, "log: "), -1);
}

/* A text that does not fit is cut, never run over. */
static void test_cut(void **state)
{
    struct error error;
    char text[ERROR_TEXT_MAX * 2];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    error_set(&error, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    error_prefix(&error, "a%s", "b");
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    assert_true(strncmp(error.text, "abxxx", 5) == 0);
}

/* One line whatever stands in it, and nothing that a terminal would obey. */
static void test_escape(void **state)
{
    struct error error;
    char text[ERROR_TEXT_MAX * 2];

    (void)state;
    error_set(&error, "%s: %s", "a\nb", "\033[31m\r\177\001\\n \303\244");
    assert_string_equal(error.text, "a\\nb: \\033[31m\\r\\177\\001\\n \303\244");
    error_prefix(&error, "c\td: ");
    assert_string_equal(error.text, "c\\td: a\\nb: \\033[31m\\r\\177\\001\\n \303\244");

    memset(text, '\n', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    error_set(&error, "%s", text);
    assert_true(strlen(error.text) < ERROR_TEXT_MAX);
    assert_true(strncmp(error.text, "\\n\\n\\n", 6) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
