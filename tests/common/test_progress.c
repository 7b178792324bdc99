/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "common/progress.h"

static char text[65536];
static FILE *stream;

static int setup(void **state)
{
    (void)state;
    memset(text, 0, sizeof(text));
    stream = fmemopen(text, sizeof(text), "w");
    return stream == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return fclose(stream);
}

/* The time of the last drawing is moved back instead of waiting. */
static void make_due(struct progress *progress)
{
    progress->start -= 1000000000;
    progress->drawn -= progress->drawn == 0 ? 0 : 1000000000;
}

/* Work that is over before the first drawing is due leaves the terminal alone. */
static void test_short_work(void **state)
{
    struct progress progress;

    (void)state;
    progress_begin_on(&progress, stream, "import", "lines", 100);
    progress_end(&progress);
    fflush(stream);
    assert_string_equal(text, "");
}

static void test_line(void **state)
{
    struct progress progress;

    (void)state;
    progress_begin_on(&progress, stream, "import", "lines", 200000);
    make_due(&progress);
    progress_update(&progress, 50000);
    fflush(stream);
    assert_non_null(strstr(text, "\rimport   25 %  50.0 k lines  "));
    progress_end(&progress);
    assert_string_equal(text + strlen(text) - 4, "\r\033[K");
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* However many updates there are, the line is drawn at most once in a tenth of a second. */
static void test_rate_limit(void **state)
{
    uint64_t start = now();
    struct progress progress;
    size_t drawings = 0;

    (void)state;
    progress_begin_on(&progress, stream, "replay", "events", 0);
    for (uint64_t done = 0; done < 3 || now() - start < 250000000; done++)
        progress_update(&progress, done);
    start = now() - start;
    fflush(stream);

    for (const char *next = text; (next = strchr(next, '\r')) != NULL; next++)
        drawings++;
    assert_true(drawings >= 1);
    assert_true(drawings <= start / 100000000);
}

static void test_narrow(void **state)
{
    struct progress progress;

    (void)state;
    progress_begin_on(&progress, stream, "a label that is long", "events", 10);
    progress.width = 8;
    make_due(&progress);
    progress_update(&progress, 1);
    fflush(stream);
    assert_string_equal(text, "\ra label\033[K");
}

static void test_no_terminal(void **state)
{
    struct progress progress;

    (void)state;
    progress_begin_on(&progress, NULL, "import", "lines", 10);
    progress_update(&progress, 5);
    progress_end(&progress);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_short_work, setup, teardown),
        cmocka_unit_test_setup_teardown(test_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_narrow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_terminal, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
