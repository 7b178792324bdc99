/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is written is what is read: random traces of every kind of event, under number policies
 * that the format expects and that it does not, event by event and byte by byte.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source.h"
#include "traces/format.h"
#include "traces/trace_check.h"

static void test_numbers(void **state)
{
    uint8_t bytes[NUMBER_ROOM + 8];

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (1ull << bit) + (uint64_t)delta;
            size_t size = number_put(bytes, value);
            unsigned length;

            assert_int_equal(number_get(bytes, &length), value);
            assert_int_equal(length, size);
            assert_int_equal(unzigzag(zigzag((int64_t)value)), (int64_t)value);
        }
    }
    /* By hand: 7 bits to a byte, as many zeros in front of the lowest one as bytes follow. */
    assert_int_equal(number_put(bytes, 5), 1);
    assert_int_equal(bytes[0], 5 << 1 | 1);
    assert_int_equal(number_put(bytes, 128), 2);
    assert_int_equal(bytes[0] | bytes[1] << 8, 128 << 2 | 2);
    assert_int_equal(number_put(bytes, UINT64_MAX), 9);
}

static void test_kind_names(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
        assert_int_equal(event_kind_find(event_kind_name(kind)), kind);
    assert_null(event_kind_name(EVENT_KINDS));
    assert_int_equal(event_kind_find("name-allo"), EVENT_KINDS);
}

static void compare_all(struct trace_reader *reader, struct source *source, unsigned n)
{
    const struct event *events;
    struct error error = {""};
    uint64_t count = 0;
    int batch;

    while ((batch = trace_read(reader, &events, &error)) > 0) {
        for (int i = 0; i < batch; i++) {
            struct event expected = {0};
            size_t size, expected_size;
            const void *payload = trace_payload(reader, &events[i], &size);

            source_next(source, &expected, &expected_size);
            assert_int_equal(size, expected_size);
            if (size != 0)
                assert_memory_equal(payload, source->payload, size);
            if (event_has_payload(expected.kind))
                expected.address = events[i].address;
            assert_memory_equal(&events[i], &expected, sizeof(expected));
            count++;
        }
    }
    assert_string_equal(error.text, "");
    assert_int_equal(batch, 0);
    assert_int_equal(count, n);
}

static void round_trip(uint64_t seed, enum source_policy policy, unsigned n)
{
    const char *path = source_path("round.trace");
    struct error error = {""};
    struct source *source = source_create(seed, policy);
    struct trace_header header;
    struct trace_reader *reader;

    print_message("seed %llu, policy %d, %u events\n", (unsigned long long)seed, policy, n);
    source_write(path, seed, policy, n, 1);
    reader = trace_open(path, &error);
    if (reader == NULL)
        fail_msg("%s", error.text);
    assert_int_equal(trace_missing(reader, NULL), 0);
    assert_int_equal(trace_totals(reader)->events, n);
    assert_int_equal(trace_header(reader)->nr_provenance, 4);
    source_header(source, &header);
    for (unsigned i = 0; i < header.nr_provenance; i++)
        assert_string_equal(trace_header(reader)->provenance[i].value, header.provenance[i].value);
    assert_int_equal(trace_header(reader)->machine.memory, header.machine.memory);
    trace_header_free(&header);
    compare_all(reader, source, n);
    source_destroy(source);

    /* Once more from the start, and half of it before. */
    assert_int_equal(trace_rewind(reader, &error), 0);
    for (int i = 0; i < 5; i++) {
        const struct event *events;

        if (trace_read(reader, &events, &error) <= 0)
            break;
    }
    assert_int_equal(trace_rewind(reader, &error), 0);
    source = source_create(seed, policy);
    source_header(source, &header);
    trace_header_free(&header);
    compare_all(reader, source, n);
    source_destroy(source);
    if (trace_check(reader, &error) != 0)
        fail_msg("%s", error.text);
    trace_close(reader);
}

static void test_round_trips(void **state)
{
    static const unsigned sizes[] = {1, 2, 100, 1023, 1024, 1025, 65535, 65536, 65537, 140000};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned policy = 0; policy < SOURCE_POLICIES; policy++)
            round_trip(i + 1, policy, sizes[i]);
}

/* More different sizes, tasks and places than the dictionary holds. */
static void test_dictionary_overflow(void **state)
{
    const char *path = source_path("wide.trace");
    struct trace_header header;
    struct trace_writer *writer;
    struct trace_reader *reader;
    struct error error = {""};
    const struct event *events;
    const uint32_t n = 70000;
    uint32_t seen = 0;
    int batch;

    (void)state;
    trace_header_init(&header);
    writer = trace_writer_open(path, &header, 1, &error);
    assert_non_null(writer);
    for (uint32_t i = 0; i < n; i++) {
        struct event event = {.time = i * 1000003ull,
                              .kind = i % 2 == 0 ? EVENT_KALLOC : EVENT_KFREE,
                              .object = i / 2 % 7,
                              .size = 1 + i / 2,
                              .address = i % 3 == 0 ? i : 0,
                              .task = (uint16_t)i};

        if (trace_write(writer, &event, NULL, 0, &error) != 0)
            fail_msg("%s", error.text);
    }
    assert_int_equal(trace_writer_close(writer, &error), 0);
    reader = trace_open(path, &error);
    assert_non_null(reader);
    while ((batch = trace_read(reader, &events, &error)) > 0) {
        for (int j = 0; j < batch; j++, seen++) {
            assert_int_equal(events[j].time, seen * 1000003ull);
            assert_int_equal(events[j].kind, seen % 2 == 0 ? EVENT_KALLOC : EVENT_KFREE);
            assert_int_equal(events[j].object, seen / 2 % 7);
            assert_int_equal(events[j].size, 1 + seen / 2);
            assert_int_equal(events[j].address, seen % 3 == 0 ? seen : 0);
            assert_int_equal(events[j].task, (uint16_t)seen);
        }
    }
    assert_int_equal(batch, 0);
    assert_int_equal(seen, n);
    trace_close(reader);
}

/* The largest payloads, many of them: chunks end before their payloads grow too large. */
static void test_payloads(void **state)
{
    const char *path = source_path("payloads.trace");
    struct event event = {.kind = EVENT_MARK};
    struct trace_header header;
    struct trace_writer *writer;
    struct trace_reader *reader;
    struct error error = {""};
    const struct event *events;
    char *text = malloc(FORMAT_PAYLOAD_MAX + 1);
    size_t size;
    int batch, seen = 0;

    (void)state;
    assert_non_null(text);
    trace_header_init(&header);
    writer = trace_writer_open(path, &header, 1, &error);
    assert_non_null(writer);
    for (int i = 0; i < 8; i++) {
        memset(text, 'a' + i, FORMAT_PAYLOAD_MAX);
        assert_int_equal(trace_write(writer, &event, text, FORMAT_PAYLOAD_MAX, &error), 0);
    }
    assert_int_equal(trace_write(writer, &event, text, FORMAT_PAYLOAD_MAX + 1, &error), -1);
    assert_non_null(strstr(error.text, "event 8"));
    assert_int_equal(trace_writer_close(writer, &error), 0);
    reader = trace_open(path, &error);
    assert_non_null(reader);
    while ((batch = trace_read(reader, &events, &error)) > 0) {
        for (int i = 0; i < batch; i++, seen++) {
            const char *payload = trace_payload(reader, &events[i], &size);

            assert_int_equal(size, FORMAT_PAYLOAD_MAX);
            assert_int_equal(payload[0], 'a' + seen);
            assert_int_equal(payload[size - 1], 'a' + seen);
        }
    }
    assert_int_equal(batch, 0);
    assert_int_equal(seen, 8);
    trace_close(reader);
    free(text);
}

static void test_empty(void **state)
{
    const char *path = source_path("empty.trace");
    struct trace_header header;
    struct trace_writer *writer;
    struct trace_reader *reader;
    struct error error = {""};
    const struct event *events;

    (void)state;
    trace_header_init(&header);
    writer = trace_writer_open(path, &header, 0, &error);
    assert_non_null(writer);
    assert_int_equal(trace_writer_close(writer, &error), 0);
    reader = trace_open(path, &error);
    if (reader == NULL)
        fail_msg("%s", error.text);
    assert_int_equal(trace_read(reader, &events, &error), 0);
    assert_int_equal(trace_check(reader, &error), 0);
    trace_close(reader);
}

static uint64_t digest_of(const char *path)
{
    struct error error = {""};
    struct trace_reader *reader = trace_open(path, &error);
    uint64_t digest;

    if (reader == NULL)
        fail_msg("%s", error.text);
    digest = trace_digest(reader);
    trace_close(reader);
    return digest;
}

/* The same header and events have one digest, however they are compressed; others have others. */
static void test_digest(void **state)
{
    const char *path = source_path("digest.trace"), *other = source_path("other.trace");
    const struct event *events;
    struct error error = {""};
    struct trace_reader *reader;
    struct trace_writer *writer;
    struct trace_header header;
    uint64_t digest;

    (void)state;
    source_write(path, 5, SOURCE_LIFO, 70000, 1);
    digest = digest_of(path);
    for (int level = -5; level <= 19; level += 6) {
        source_write(other, 5, SOURCE_LIFO, 70000, level);
        assert_int_equal(digest_of(other), digest);
    }
    source_write(other, 5, SOURCE_LIFO, 69999, 1);
    assert_int_not_equal(digest_of(other), digest);

    /* One tick later, one byte of memory more. */
    for (unsigned change = 0; change < 3; change++) {
        reader = trace_open(path, &error);
        assert_non_null(reader);
        assert_int_equal(format_header_copy(&header, trace_header(reader)), 0);
        header.machine.memory += change == 1;
        writer = trace_writer_open(other, &header, 1, &error);
        assert_non_null(writer);
        for (int n; (n = trace_read(reader, &events, &error)) > 0;) {
            for (int i = 0; i < n; i++) {
                struct event event = events[i];
                size_t size = 0;
                const void *payload =
                    event_has_payload(event.kind) ? trace_payload(reader, &event, &size) : NULL;

                if (event_has_payload(event.kind))
                    event.address = 0;
                event.time += change == 2;
                if (trace_write(writer, &event, payload, size, &error) != 0)
                    fail_msg("%s", error.text);
            }
        }
        assert_int_equal(trace_writer_close(writer, &error), 0);
        trace_header_free(&header);
        trace_close(reader);
        if (change == 0)
            assert_int_equal(digest_of(other), digest);
        else
            assert_int_not_equal(digest_of(other), digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_kind_names),
        cmocka_unit_test(test_empty),    cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_payloads), cmocka_unit_test(test_dictionary_overflow),
        cmocka_unit_test(test_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
