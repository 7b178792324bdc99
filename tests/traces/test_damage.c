/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Accidents and malice. Accidents: a trace cut at every byte, and with every bit flipped, is never
 * taken for whole. Malice: every checksum right, and nonsense inside; the reader must refuse it or
 * return events whose numbers are in range, since a replay indexes arrays with them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"
#include "source.h"
#include "traces/trace_check.h"
#include "traces/trace_private.h"

/* Reads everything, holding numbers against the totals. Whether it went well to the end. */
static bool read_all(struct trace_reader *reader, uint64_t *count, struct error *error)
{
    const struct trace_totals *totals = trace_totals(reader);
    const struct format_peaks peaks = {totals->peak_objects, totals->peak_rights,
                                       totals->peak_spaces, totals->peak_caches,
                                       totals->peak_tasks};
    struct truth *truth = malloc(sizeof(*truth));
    const struct event *events;
    uint64_t time = 0;
    int n;

    assert_non_null(truth);
    *count = 0;
    while ((n = trace_read(reader, &events, error)) > 0) {
        for (int i = 0; i < n; i++, (*count)++) {
            const struct event *event = &events[i];
            enum numbering numbering = event_numbering(event->kind);
            struct cache_definition definition;
            struct error ignored;
            size_t size;
            const volatile uint8_t *payload = trace_payload(reader, event, &size);
            uint8_t sum = 0;

            assert_true(event->kind < EVENT_KINDS);
            assert_true(event->time >= time);
            time = event->time;
            assert_true(event->task < totals->peak_tasks);
            assert_true(event_where_limit(event->kind, &peaks) == UINT32_MAX ||
                        event->where < event_where_limit(event->kind, &peaks));
            if (numbering != NUMBERING_NONE && event->object != OBJECT_NONE)
                assert_true(event->object <
                            (numbering == NUMBERING_RIGHTS ? peaks.rights : peaks.objects));
            if (numbering != NUMBERING_NONE && event->object == OBJECT_NONE)
                assert_true((event->flags & EVENT_FAILED) != 0);
            if (event->kind == EVENT_REVERSE_INSERT && event->size != OBJECT_NONE)
                assert_true(event->size < peaks.objects);
            while (size != 0)
                sum = (uint8_t)(sum + payload[--size]);
            (void)sum;
            if (event->kind == EVENT_CACHE_CREATE)
                trace_decode_cache(reader, event, &definition, &ignored);
            if (event->kind == EVENT_TRUTH)
                trace_decode_truth(reader, event, truth, &ignored);
        }
    }
    free(truth);
    return n == 0;
}

/* Opens, reads and checks; true when nothing at all is wrong. The error must name the file. */
static bool whole(const char *path, struct error *error)
{
    struct trace_reader *reader;
    uint64_t count;
    bool fine;

    error->text[0] = '\0';
    reader = trace_open(path, error);
    if (reader == NULL) {
        assert_int_equal(strncmp(error->text, path, strlen(path)), 0);
        return false;
    }
    fine = read_all(reader, &count, error);
    if (fine)
        fine = trace_check(reader, error) == 0;
    if (!fine)
        assert_int_equal(strncmp(error->text, path, strlen(path)), 0);
    trace_close(reader);
    return fine;
}

static void test_cut_everywhere(void **state)
{
    const char *path = source_path("small.trace"), *cut = source_path("cut.trace");
    struct error error;
    struct bytes file;
    unsigned opened = 0;

    (void)state;
    source_write(path, 7, SOURCE_LIFO, 120, 3);
    file = forge_read(path);
    assert_true(whole(path, &error));
    print_message("%zu bytes\n", file.size);
    for (size_t size = 0; size < file.size; size++) {
        struct trace_reader *reader;
        const char *text;
        uint64_t count;

        forge_write(cut, file.data, size);
        assert_false(whole(cut, &error));
        reader = trace_open(cut, &error);
        if (reader == NULL)
            continue;
        /* The only chunk is whole: all its events are there, and it is said what is not. */
        opened++;
        assert_true(trace_missing(reader, &text) != 0);
        assert_non_null(strstr(text, "cut short"));
        assert_true(read_all(reader, &count, &error));
        assert_int_equal(count, 120);
        assert_int_equal(trace_totals(reader)->events, 120);
        trace_close(reader);
    }
    assert_true(opened > FORMAT_TRAILER_SIZE);
    bytes_free(&file);
}

/* Of three chunks, one and a half are left. */
static void test_cut_between_chunks(void **state)
{
    const char *path = source_path("three.trace"), *cut = source_path("cut.trace");
    struct error error = {""};
    struct trace_reader *reader;
    struct bytes file;
    size_t second, third;
    uint64_t count;
    const char *text;

    (void)state;
    source_write(path, 9, SOURCE_LIFO, 3 * FORMAT_CHUNK_EVENTS, 1);
    file = forge_read(path);
    second = FORMAT_PRELUDE_SIZE + FORMAT_FRAME_SIZE + get32(file.data + FORMAT_PRELUDE_SIZE + 4);
    second += FORMAT_FRAME_SIZE + get32(file.data + second + 4);
    third = second + FORMAT_FRAME_SIZE + get32(file.data + second + 4);
    forge_write(cut, file.data, (second + third) / 2);
    reader = trace_open(cut, &error);
    if (reader == NULL)
        fail_msg("%s", error.text);
    assert_int_equal(trace_missing(reader, &text), (second + third) / 2 - second);
    assert_non_null(strstr(text, "1 whole chunks"));
    assert_int_equal(trace_totals(reader)->events, FORMAT_CHUNK_EVENTS);
    assert_true(read_all(reader, &count, &error));
    assert_int_equal(count, FORMAT_CHUNK_EVENTS);
    trace_close(reader);

    /* A flipped bit in the second chunk of the whole file names that chunk. */
    file.data[second + 100] ^= 4;
    forge_write(cut, file.data, file.size);
    assert_false(whole(cut, &error));
    assert_non_null(strstr(error.text, "chunk 1"));
    bytes_free(&file);
}

static void test_flip_every_bit(void **state)
{
    const char *path = source_path("small.trace"), *flipped = source_path("flipped.trace");
    struct error error;
    struct bytes file;

    (void)state;
    source_write(path, 11, SOURCE_LIFO, 60, 3);
    file = forge_read(path);
    print_message("%zu bytes\n", file.size);
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        forge_write(flipped, file.data, file.size);
        if (whole(flipped, &error))
            fail_msg("bit %zu of byte %zu makes no difference", bit % 8, bit / 8);
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes_free(&file);
}

/* Random bytes of chunks and of the index changed, with the checksums put right. */
static void test_nonsense(void **state)
{
    const char *path = source_path("victim.trace"), *forged = source_path("forged.trace");
    struct source *dice = source_create(13, SOURCE_LIFO);
    unsigned fine = 0;
    struct error error;

    (void)state;
    source_write(path, 13, SOURCE_LIFO, 2000, 1);
    for (unsigned round = 0; round < 4000; round++) {
        struct forge forge;
        unsigned changes = 1 + (unsigned)source_random(dice, 4);
        struct bytes *target;

        forge_load(&forge, path);
        target = source_random(dice, 6) == 0 ? &forge.tail
                                             : &forge.sections[source_random(dice, 8) != 0].body;
        while (changes-- != 0) {
            /* The start of a chunk (header and dictionary) more often than its columns. */
            size_t range = source_random(dice, 2) == 0 && target->size > 200 ? 200 : target->size;
            uint8_t *byte = &target->data[source_random(dice, range)];
            unsigned flipped = *byte ^ 1u << source_random(dice, 8);

            *byte =
                source_random(dice, 3) == 0 ? (uint8_t)source_random(dice, 256) : (uint8_t)flipped;
        }
        if (forge.sections[1].tag == FORMAT_CHNK && source_random(dice, 2) == 0) {
            forge.sections[1].events = get32(forge.sections[1].body.data + 16);
            forge.sections[1].columns = get32(forge.sections[1].body.data + 20);
        }
        forge_save(&forge, forged);
        fine += whole(forged, &error);
        forge_free(&forge);
    }
    print_message("%u of 4000 forgeries still make sense\n", fine);
    assert_true(fine < 3000);
    source_destroy(dice);
}

/* ---- Single lies ---- */

static void refuse(struct forge *forge, const char *expected)
{
    const char *forged = source_path("forged.trace");
    struct error error;

    forge_save(forge, forged);
    assert_false(whole(forged, &error));
    if (strstr(error.text, expected) == NULL)
        fail_msg("expected \"%s\", found \"%s\"", expected, error.text);
    forge_free(forge);
}

static void test_lies(void **state)
{
    const char *path = source_path("victim.trace");
    struct forge forge;

    (void)state;
    source_write(path, 17, SOURCE_LIFO, 500, 1);

    /* The peaks of the chunk, one after the other: lower than what its events name. */
    forge_load(&forge, path);
    put32(forge.sections[1].body.data + 32, 1);
    refuse(&forge, "expected less than 1");
    forge_load(&forge, path);
    put32(forge.sections[1].body.data + 36, 1);
    refuse(&forge, "expected less than 1");
    forge_load(&forge, path);
    put32(forge.sections[1].body.data + 44, 0);
    refuse(&forge, "in place 0: expected less than 0");
    forge_load(&forge, path);
    put32(forge.sections[1].body.data + 48, 1);
    refuse(&forge, "expected less than 1");
    /* Higher than the index says. */
    forge_load(&forge, path);
    put32(forge.sections[1].body.data + 32, 1000000);
    refuse(&forge, "by the index");
    /* Time near the end of time. */
    forge_load(&forge, path);
    put64(forge.sections[1].body.data + 8, UINT64_MAX - 1);
    refuse(&forge, "the time overflows");
    /* The first event's number. */
    forge_load(&forge, path);
    put64(forge.sections[1].body.data, 1);
    refuse(&forge, "starts with event 1, expected 0");
    /* More events than a chunk may have, in the index. */
    forge_load(&forge, path);
    forge.sections[1].events = FORMAT_CHUNK_EVENTS + 1;
    refuse(&forge, "65537 events");
    /* Columns larger than allowed: refused before memory is asked for. */
    forge_load(&forge, path);
    forge.sections[1].columns = UINT32_MAX;
    refuse(&forge, "4294967295 bytes");
    /* More templates than there can be. */
    forge_load(&forge, path);
    put32(forge.sections[1].body.data + FORMAT_CHUNK_HEADER_SIZE, 1u << 30);
    refuse(&forge, "templates");
    /* The kind of the first template. */
    forge_load(&forge, path);
    forge.sections[1].body.data[FORMAT_CHUNK_HEADER_SIZE + 40] = 100 << 1 | 1;
    refuse(&forge, "event kind 100 is unknown");
    /* A digest of the content that is another's, in the index, or everywhere. */
    forge_load(&forge, path);
    forge.sections[1].wrong = 1;
    refuse(&forge, "by the index");
    forge_load(&forge, path);
    forge.sections[1].wrong = forge.sections[1].wrong_inside = 1;
    refuse(&forge, "and it says");
    /* No totals. */
    forge_load(&forge, path);
    forge.tail.size = 3;
    refuse(&forge, "kinds of events");
    /* Totals of more events than there are. */
    forge_load(&forge, path);
    forge.tail.data[0] ^= 0x10;
    refuse(&forge, "the index counts");
}

static void test_sections(void **state)
{
    const char *path = source_path("victim.trace"), *forged = source_path("forged.trace");
    struct error error;
    struct forge forge;

    (void)state;
    source_write(path, 19, SOURCE_LIFO, 500, 1);
    forge_load(&forge, path);
    forge.sections[forge.nr_sections].tag = FORMAT_TAG('n', 'o', 't', 'e');
    bytes_put(&forge.sections[forge.nr_sections++].body, "remember", 8);
    forge_save(&forge, forged);
    if (!whole(forged, &error))
        fail_msg("%s", error.text);
    forge.sections[forge.nr_sections - 1].tag = FORMAT_TAG('N', 'O', 'T', 'E');
    refuse(&forge, "section NOTE at byte");
    forge_load(&forge, path);
    forge.sections[0].tag = FORMAT_TAG('h', 'e', 'a', 'd');
    refuse(&forge, "expected section HEAD, found head");
    forge_load(&forge, path);
    forge.sections[1].tag = 0x01020304;
    refuse(&forge, "expected a section");
}

static void test_no_trace(void **state)
{
    const char *path = source_path("no.trace");
    struct error error;

    (void)state;
    assert_null(trace_open(source_path("nowhere.trace"), &error));
    assert_non_null(strstr(error.text, "No such file"));
    forge_write(path, "event-log 1\n# kernel: x\n", 24);
    assert_null(trace_open(path, &error));
    assert_non_null(strstr(error.text, "trace import"));
    assert_null(trace_open("/", &error));
    assert_non_null(strstr(error.text, "not a regular file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_trace),       cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_flip_every_bit), cmocka_unit_test(test_cut_between_chunks),
        cmocka_unit_test(test_lies),           cmocka_unit_test(test_sections),
        cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
