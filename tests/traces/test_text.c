/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The text form gives back the bytes, and what is no text of a trace is refused by line.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"
#include "source.h"
#include "traces/trace_text.h"

static void write_text(const char *trace, const char *text)
{
    struct error error = {""};
    struct trace_reader *reader = trace_open(trace, &error);
    FILE *stream = fopen(text, "w");

    assert_non_null(reader);
    assert_non_null(stream);
    if (trace_text_write(reader, stream, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(fclose(stream), 0);
    trace_close(reader);
}

static int parse_text(const char *text, const char *trace, struct error *error)
{
    FILE *stream = fopen(text, "r");
    int result;

    assert_non_null(stream);
    result = trace_text_parse(stream, text, trace, error);
    fclose(stream);
    return result;
}

static void same_bytes(const char *a, const char *b)
{
    struct bytes x = forge_read(a), y = forge_read(b);

    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    bytes_free(&x);
    bytes_free(&y);
}

static void round_trip(uint64_t seed, enum source_policy policy, unsigned n, int level)
{
    const char *trace = source_path("a.trace"), *text = source_path("a.text");
    const char *again = source_path("b.trace");
    struct error error = {""};

    print_message("seed %llu, %u events, level %d\n", (unsigned long long)seed, n, level);
    source_write(trace, seed, policy, n, level);
    write_text(trace, text);
    if (parse_text(text, again, &error) != 0)
        fail_msg("%s", error.text);
    same_bytes(trace, again);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        round_trip(seed, seed % 2, (unsigned)(seed * 97), (int)(seed % 5));
    /* More than a chunk: the header at the start differs from that at the end. */
    round_trip(21, SOURCE_LIFO, 80000, 1);
    round_trip(22, SOURCE_RANDOM, 70000, -2);
}

/* Whatever an event's fields hold that its kind has no use for survives too. */
static void test_odd_fields(void **state)
{
    const char *trace = source_path("a.trace"), *text = source_path("a.text");
    const char *again = source_path("b.trace");
    struct trace_header header;
    struct trace_writer *writer;
    struct error error = {""};

    (void)state;
    trace_header_init(&header);
    writer = trace_writer_open(trace, &header, 0, &error);
    assert_non_null(writer);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        struct event event = {.kind = (uint8_t)kind, .where = 0, .object = 1, .size = 4096};
        static const struct cache_definition definition = {.name = " a b=\\ "};
        int result;

        event.address = 0x1234567890abcdef;
        event.flags = kind == EVENT_SPACE_CREATE ? 0x0f : 0x7f;
        if (kind == EVENT_REAP)
            event.where = event.size = UINT32_MAX;
        if (kind == EVENT_REVERSE_INSERT)
            event.size = OBJECT_NONE;
        event.object = kind == EVENT_REAP ? OBJECT_NONE : 1;
        if (kind == EVENT_CACHE_CREATE)
            result = trace_write_cache(writer, &event, &definition, &error);
        else if (kind == EVENT_TRUTH || kind == EVENT_SPACE_DESTROY || kind == EVENT_NAME_FREE ||
                 kind == EVENT_SPACE_RELEASE || kind == EVENT_NAME_ALLOC_AT)
            result = 0;
        else if (kind == EVENT_TASK || kind == EVENT_MARK)
            result = trace_write(writer, &event, " text= \n\xff", 9, &error);
        else
            result = trace_write(writer, &event, NULL, 0, &error);
        if (result != 0)
            fail_msg("%s", error.text);
    }
    assert_int_equal(trace_writer_close(writer, &error), 0);
    write_text(trace, text);
    if (parse_text(text, again, &error) != 0)
        fail_msg("%s", error.text);
    same_bytes(trace, again);
}

#define HEAD "# trace.text: 1\n# trace.level: 3\n# machine.page-size: 4096\n# kernel: by hand\n"

static const struct refusal {
    const char *text, *expected;
} refusals[] = {
    {"", "there is no trace in it"},
    {"1 0 reap\n", "line 1: expected the header first"},
    {"# no colon\n", "line 1: expected \"# key: value\""},
    {"# trace.text: 2\n", "version 2, expected 1"},
    {"# trace.level: x\n", "not a compression level"},
    {"# machine.wheels: 4\n", "\"machine.wheels\" is not known of a machine"},
    {"# machine.page-size: 4294967296\n", "does not fit"},
    {"# machine.geometry: 0123456789012345678901234\n", "at most 23 bytes"},
    {"# machine.segment: dma 1\n", "a segment's kind, start and end"},
    {HEAD "reap\n", "line 5: expected a time, a task and an event"},
    {HEAD "1 0 sleep\n", "event \"sleep\" is unknown"},
    {HEAD "x 0 reap\n", "\"x\" is not a number"},
    {HEAD "99999999999999999999 0 reap\n", "is not a number"},
    {HEAD "1 65536 reap\n", "65536 is too large"},
    {HEAD "1 0 reap now\n", "expected operand=value, found \"now\""},
    {HEAD "1 0 kalloc cache=1\n", "a kalloc has no operand \"cache\""},
    {HEAD "1 0 kalloc object=1 size=4294967296\n", "too large"},
    {HEAD "1 0 kfree object=1 size=1\n", "event 0 (time 1, kfree): object 1 is not alive"},
    {HEAD "1 0 mark\n", "needs a text="},
    {HEAD "1 0 reap text=x\n", "a reap has no text"},
    {HEAD "1 0 mark text=\\q\n", "is not an escape"},
    {HEAD "    cache 1 slabs=2\n", "belongs to a truth"},
    {HEAD "1 0 truth\n    cache 1 slabs=2\n", "the truth counts cache 1, which is unknown"},
    {HEAD "1 0 truth\n    wheel 1 slabs=2\n", "\"wheel 1\" is no counter"},
    {HEAD "1 0 truth\n    segment 1 slabs=2\n", "\"slabs\" is no counter"},
    {HEAD "1 0 kalloc object=0 size=1 flags=broken\n", "\"broken\" is not a number"},
};

static void test_refusals(void **state)
{
    const char *text = source_path("bad.text"), *trace = source_path("bad.trace");
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        error.text[0] = '\0';
        forge_write(text, refusals[i].text, strlen(refusals[i].text));
        assert_int_equal(parse_text(text, trace, &error), -1);
        if (strstr(error.text, refusals[i].expected) == NULL)
            fail_msg("expected \"%s\", found \"%s\"", refusals[i].expected, error.text);
        assert_null(fopen(trace, "r"));
    }
}

/* By hand: what people would write, and what it says. */
static void test_by_hand(void **state)
{
    static const char hand[] = HEAD "0 0 task of=1 text=/hurd/ext2fs\n"
                                    "5 1 page-alloc segment=highmem object=0 pages=2 "
                                    "flags=contiguous\n"
                                    "\n"
                                    "6 1 map-alloc map=kmem object=1 size=8192 kind=pageable\n"
                                    "7 0 mark text=done at last\n";
    const char *text = source_path("hand.text"), *trace = source_path("hand.trace");
    struct error error = {""};
    struct trace_reader *reader;
    const struct event *events;
    size_t size;

    (void)state;
    forge_write(text, hand, strlen(hand));
    if (parse_text(text, trace, &error) != 0)
        fail_msg("%s", error.text);
    reader = trace_open(trace, &error);
    assert_non_null(reader);
    assert_int_equal(trace_read(reader, &events, &error), 4);
    assert_int_equal(events[1].where, EVENT_HIGHMEM);
    assert_int_equal(events[1].flags, EVENT_CONTIGUOUS);
    assert_int_equal(events[1].size, 2);
    assert_int_equal(events[2].where, EVENT_MAP_KMEM);
    assert_int_equal(events[2].flags, EVENT_MAP_PAGEABLE);
    assert_memory_equal(trace_payload(reader, &events[3], &size), "done at last", 12);
    assert_int_equal(size, 12);
    assert_string_equal(trace_header(reader)->provenance[0].value, "by hand");
    trace_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_odd_fields),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
