/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Memory: the reader takes none after it is open; and when the n-th allocation fails, for every n,
 * every operation says so or does without, and leaves no file behind.
 *
 * malloc() and its kin are replaced in this program. The sanitizers replace them too: under them
 * nothing is counted and nothing fails, and the tests say that they are skipped.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "source.h"
#include "traces/trace_check.h"
#include "traces/trace_compare.h"
#include "traces/trace_cut.h"
#include "traces/trace_info.h"
#include "traces/trace_text.h"

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
static unsigned long allocations, failing; /* failing: which one, from 1; 0: none */

#if COUNTED
static bool fails(void)
{
    return armed && ++allocations == failing;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

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

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}
#endif

static void arm(unsigned long n)
{
    allocations = 0;
    failing = n;
    armed = true;
}

static const char *whole_path, *out_path, *text_path;

static void test_reading_takes_none(void **state)
{
    struct error error = {""};
    struct trace_reader *reader;
    const struct event *events;
    int n;

    (void)state;
    if (!COUNTED)
        skip();
    source_write(whole_path, 3, SOURCE_LIFO, 200000, 1);
    reader = trace_open(whole_path, &error);
    assert_non_null(reader);
    arm(0);
    for (unsigned round = 0; round < 2; round++) {
        while ((n = trace_read(reader, &events, &error)) > 0)
            continue;
        assert_int_equal(n, 0);
        assert_int_equal(trace_rewind(reader, &error), 0);
    }
    armed = false;
    assert_int_equal(allocations, 0);
    trace_close(reader);
}

/* ---- The n-th allocation fails ---- */

static int operate_write(struct error *error)
{
    struct source *source = source_create(5, SOURCE_LIFO);
    struct trace_header header;
    struct trace_writer *writer;
    int result = 0;

    source_header(source, &header);
    armed = true;
    writer = trace_writer_open(out_path, &header, 1, error);
    for (unsigned i = 0; i < 700 && writer != NULL && result == 0; i++) {
        struct event event;
        size_t size;

        armed = false;
        source_next(source, &event, &size);
        armed = true;
        result = trace_write(writer, &event, source->payload, size, error);
    }
    if (writer != NULL && result == 0)
        result = trace_writer_close(writer, error);
    else
        trace_writer_abort(writer);
    armed = false;
    trace_header_free(&header);
    source_destroy(source);
    return writer == NULL ? -1 : result;
}

static int operate_read(struct error *error)
{
    struct trace_reader *reader = trace_open(whole_path, error);
    int result = reader == NULL ? -1 : trace_check(reader, error);

    trace_close(reader);
    return result;
}

static int operate_cut(struct error *error)
{
    struct trace_reader *reader = trace_open(whole_path, error);
    int result = reader == NULL ? -1 : trace_cut(reader, "here", NULL, out_path, 1, error);

    trace_close(reader);
    return result;
}

/* What is printed is whole, or it is an error: no row is left out silently. */
static int info_print(struct trace_info *info)
{
    static char whole[65536], text[65536], buffer[65536];
    bool was_armed = armed;
    int result;

    armed = false;
    memset(text, 0, sizeof(text));
    FILE *stream = fmemopen(text, sizeof(text), "w");
    assert_non_null(stream);
    setvbuf(stream, buffer, _IOFBF, sizeof(buffer)); /* a stream without one does too */
    armed = was_armed;
    result = trace_info_print(info, stream, 0);
    armed = false;
    fclose(stream);
    if (!was_armed)
        memcpy(whole, text, sizeof(whole));
    else if (result == 0)
        assert_string_equal(text, whole);
    armed = was_armed;
    return result;
}

static int info_json(struct trace_info *info)
{
    static json_t *whole;
    bool was_armed = armed;
    json_t *json = trace_info_json(info);
    int result = json == NULL ? -1 : 0;

    armed = false;
    if (!was_armed) {
        json_decref(whole);
        whole = json_incref(json);
    } else if (json != NULL) {
        assert_true(json_equal(json, whole));
    }
    json_decref(json);
    armed = was_armed;
    return result;
}

static int operate_info(struct error *error)
{
    struct trace_reader *reader = trace_open(whole_path, error);
    struct trace_info *info = reader == NULL ? NULL : trace_info_create(reader, error);
    int result = info == NULL ? -1 : 0;

    if (info != NULL && (info_print(info) != 0 || info_json(info) != 0))
        result = error_set(error, "no memory to print");
    trace_info_destroy(info);
    trace_close(reader);
    return result;
}

/* The same again and again: whole, or an error. */
static int comparison_print(const struct trace_comparison *comparison)
{
    static char whole[65536], text[65536], buffer[65536];
    bool was_armed = armed;
    int result;

    armed = false;
    memset(text, 0, sizeof(text));
    FILE *stream = fmemopen(text, sizeof(text), "w");
    assert_non_null(stream);
    setvbuf(stream, buffer, _IOFBF, sizeof(buffer));
    armed = was_armed;
    result = trace_comparison_print(comparison, stream, 0);
    armed = false;
    fclose(stream);
    if (!was_armed)
        memcpy(whole, text, sizeof(whole));
    else if (result == 0)
        assert_string_equal(text, whole);
    armed = was_armed;
    return result;
}

static int comparison_json(const struct trace_comparison *comparison)
{
    static json_t *whole;
    bool was_armed = armed;
    json_t *json = trace_comparison_json(comparison);
    int result = json == NULL ? -1 : 0;

    armed = false;
    if (!was_armed) {
        json_decref(whole);
        whole = json_incref(json);
    } else if (json != NULL) {
        assert_true(json_equal(json, whole));
    }
    json_decref(json);
    armed = was_armed;
    return result;
}

static int operate_compare(struct error *error)
{
    struct trace_reader *reader = trace_open(whole_path, error);
    struct trace_comparison *comparison =
        reader == NULL ? NULL : trace_compare(reader, reader, NULL, 0, error);
    int result = comparison == NULL ? -1 : 0;

    if (comparison != NULL &&
        (comparison_print(comparison) != 0 || comparison_json(comparison) != 0))
        result = error_set(error, "no memory to print");
    trace_comparison_destroy(comparison);
    trace_close(reader);
    return result;
}

static int operate_parse(struct error *error)
{
    FILE *stream = fopen(text_path, "r");
    int result;

    if (stream == NULL)
        return -1;
    result = trace_text_parse(stream, text_path, out_path, error);
    fclose(stream);
    return result;
}

static void every_failure(int (*operate)(struct error *error))
{
    unsigned long n;
    struct error error;

    for (n = 1; n < 20000; n++) {
        int result;

        error.text[0] = '\0';
        unlink(out_path);
        allocations = 0;
        failing = n;
        armed = operate != operate_write;
        result = operate(&error);
        armed = false;
        if (result == 0) {
            /* Either nothing failed any more or it did without; the first ends the test. */
            if (allocations < n)
                break;
            continue;
        }
        if (operate != operate_read && operate != operate_info && operate != operate_compare)
            assert_int_equal(access(out_path, F_OK), -1);
        if (error.text[0] == '\0' && operate != operate_parse)
            fail_msg("allocation %lu fails without a word", n);
    }
    print_message("%lu allocations\n", n - 1);
    assert_true(n > 3 && n < 20000);
}

static void write_inputs(void)
{
    static const char mark[] = "90000000000000 0 mark text=here\n"
                               "90000000000000 0 reap\n";
    struct error error = {""};
    struct trace_reader *reader;
    FILE *stream;

    source_write(out_path, 9, SOURCE_LIFO, 600, 1);
    reader = trace_open(out_path, &error);
    assert_non_null(reader);
    stream = fopen(text_path, "w");
    assert_non_null(stream);
    assert_int_equal(trace_text_write(reader, stream, &error), 0);
    fputs(mark, stream);
    assert_int_equal(fclose(stream), 0);
    trace_close(reader);
    stream = fopen(text_path, "r");
    assert_non_null(stream);
    if (trace_text_parse(stream, text_path, whole_path, &error) != 0)
        fail_msg("%s", error.text);
    fclose(stream);
}

static void test_failures(void **state)
{
    struct error error;

    (void)state;
    if (!COUNTED)
        skip();
    write_inputs();
    every_failure(operate_write);
    every_failure(operate_read);
    every_failure(operate_cut);
    assert_int_equal(operate_info(&error), 0); /* nothing fails: the whole to compare with */
    every_failure(operate_info);
    assert_int_equal(operate_compare(&error), 0);
    every_failure(operate_compare);
    every_failure(operate_parse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_takes_none),
        cmocka_unit_test(test_failures),
    };

    whole_path = source_path("whole.trace");
    out_path = source_path("out.trace");
    text_path = source_path("whole.text");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
