/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A cut is a trace, ends with the same things alive as what it was cut from, and between its marks
 * holds the same events. And what `trace info` counts, against a count of its own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source.h"
#include "traces/format.h"
#include "traces/live.h"
#include "traces/trace_check.h"
#include "traces/trace_cut.h"
#include "traces/trace_info.h"

static void write_mark(struct trace_writer *writer, uint64_t time, const char *text)
{
    const struct event mark = {.kind = EVENT_MARK, .time = time};
    struct error error;

    if (trace_write(writer, &mark, text, strlen(text), &error) != 0)
        fail_msg("%s", error.text);
}

/* N random events, marks "one" and "two" after each third, "again" after each tenth. */
static void write_marked(const char *path, uint64_t seed, unsigned n)
{
    struct source *source = source_create(seed, seed % 2);
    struct trace_header header;
    struct trace_writer *writer;
    struct error error = {""};

    source_header(source, &header);
    writer = trace_writer_open(path, &header, 1, &error);
    assert_non_null(writer);
    for (unsigned i = 1; i <= n; i++) {
        struct event event;
        size_t size;

        source_next(source, &event, &size);
        if (trace_write(writer, &event, source->payload, size, &error) != 0)
            fail_msg("%s", error.text);
        if (i % (n / 10) == 0)
            write_mark(writer, event.time, "again");
        if (i == n / 3)
            write_mark(writer, event.time, "one");
        if (i == 2 * n / 3)
            write_mark(writer, event.time, "two");
    }
    if (trace_writer_close(writer, &error) != 0)
        fail_msg("%s", error.text);
    trace_header_free(&header);
    source_destroy(source);
}

struct loaded {
    struct event *events;     /* addresses of payloads are replaced by their sum */
    uint64_t count, marks[3]; /* index of one, two, the third "again" */
    struct live *live;
};

static void load(const char *path, struct loaded *loaded)
{
    struct error error = {""};
    struct trace_reader *reader = trace_open(path, &error);
    const struct event *events;
    unsigned again = 0;
    int n;

    if (reader == NULL)
        fail_msg("%s", error.text);
    if (trace_check(reader, &error) != 0 || trace_rewind(reader, &error) != 0)
        fail_msg("%s", error.text);
    memset(loaded, 0, sizeof(*loaded));
    loaded->live = live_create(4096);
    loaded->events = calloc(trace_totals(reader)->events, sizeof(*loaded->events));
    assert_non_null(loaded->events);
    while ((n = trace_read(reader, &events, &error)) > 0) {
        for (int i = 0; i < n; i++) {
            struct event *event = &loaded->events[loaded->count];
            size_t size;
            const char *payload = trace_payload(reader, &events[i], &size);

            *event = events[i];
            if (event_has_payload(event->kind))
                event->address = format_checksum(0, payload, size);
            if (event->kind == EVENT_MARK && size == 3 && memcmp(payload, "one", 3) == 0)
                loaded->marks[0] = loaded->count;
            if (event->kind == EVENT_MARK && size == 3 && memcmp(payload, "two", 3) == 0)
                loaded->marks[1] = loaded->count;
            if (event->kind == EVENT_MARK && size == 5 && memcmp(payload, "again", 5) == 0 &&
                ++again == 3)
                loaded->marks[2] = loaded->count;
            assert_int_equal(live_event(loaded->live, event, &error), 0);
            loaded->count++;
        }
    }
    assert_int_equal(n, 0);
    trace_close(reader);
}

static void unload(struct loaded *loaded)
{
    free(loaded->events);
    live_destroy(loaded->live);
}

static void cut(const char *path, const char *from, const char *to, const char *out)
{
    struct error error = {""};
    struct trace_reader *reader = trace_open(path, &error);

    assert_non_null(reader);
    if (trace_cut(reader, from, to, out, 1, &error) != 0)
        fail_msg("%s", error.text);
    trace_close(reader);
}

static void same_alive(const struct live *a, const struct live *b)
{
    for (uint32_t i = 0; i < SOURCE_OBJECTS; i++) {
        assert_int_equal(live_object(a, i), live_object(b, i));
        if (live_object(a, i))
            assert_int_equal(live_object_left(a, i), live_object_left(b, i));
    }
    for (uint32_t i = 0; i < SOURCE_RIGHTS; i++) {
        assert_int_equal(live_right(a, i), live_right(b, i));
        if (!live_right(a, i))
            continue;
        assert_int_equal(live_right_space(a, i), live_right_space(b, i));
        assert_int_equal(live_right_reverse(a, i), live_right_reverse(b, i));
    }
    for (uint32_t i = 0; i < SOURCE_SPACES; i++)
        assert_int_equal(live_space(a, i), live_space(b, i));
    for (uint32_t i = 0; i < SOURCE_CACHES; i++)
        assert_int_equal(live_cache(a, i), live_cache(b, i));
}

static bool compared(const struct event *event)
{
    return event->kind != EVENT_TRUTH && event->kind != EVENT_GROWTH;
}

/* The tail of PART are the events of WHOLE from START to END, without truth and growth. */
static void same_events(const struct loaded *whole, uint64_t start, uint64_t end,
                        const struct loaded *part)
{
    uint64_t at = part->count;

    while (end-- > start) {
        if (!compared(&whole->events[end]))
            continue;
        assert_true(at != 0);
        assert_memory_equal(&whole->events[end], &part->events[--at], sizeof(struct event));
    }
    /* The rest made what was alive, at the time of the first event. */
    while (at-- != 0) {
        assert_true((part->events[at].flags & EVENT_INFERRED) != 0);
        assert_int_equal(part->events[at].time, whole->events[start].time);
    }
}

static void test_cuts(void **state)
{
    const char *whole_path = source_path("whole.trace"), *path = source_path("part.trace");
    struct loaded whole, part;

    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        write_marked(whole_path, seed, 8000 * (unsigned)seed);
        load(whole_path, &whole);

        cut(whole_path, "one", NULL, path);
        load(path, &part);
        same_alive(whole.live, part.live);
        same_events(&whole, whole.marks[0], whole.count, &part);
        unload(&part);

        cut(whole_path, "again#3", "two", path);
        load(path, &part);
        same_events(&whole, whole.marks[2], whole.marks[1] + 1, &part);
        unload(&part);

        /* From the start: the same events, truth and all. */
        cut(whole_path, NULL, "two", path);
        load(path, &part);
        assert_int_equal(part.count, whole.marks[1] + 1);
        assert_memory_equal(part.events, whole.events, part.count * sizeof(struct event));
        unload(&part);
        unload(&whole);
    }
}

static void test_missing_marks(void **state)
{
    const char *whole_path = source_path("whole.trace"), *path = source_path("none.trace");
    struct error error = {""};
    struct trace_reader *reader;

    (void)state;
    write_marked(whole_path, 3, 1000);
    reader = trace_open(whole_path, &error);
    assert_non_null(reader);
    assert_int_equal(trace_cut(reader, "three", NULL, path, 0, &error), -1);
    assert_non_null(strstr(error.text, "whole.trace: mark \"three\" to cut from is not in it"));
    assert_int_equal(trace_cut(reader, "two", "one", path, 0, &error), -1);
    assert_non_null(strstr(error.text, "mark \"one\" to cut to is not in it after"));
    assert_int_equal(trace_cut(reader, "again#11", NULL, path, 0, &error), -1);
    assert_null(fopen(path, "r"));
    trace_close(reader);
}

/* What the JSON says against what the live state says. */
static void test_info(void **state)
{
    const char *path = source_path("whole.trace");
    struct error error = {""};
    struct trace_reader *reader;
    struct trace_info *info;
    struct loaded whole;
    uint64_t names = 0, found = 0;
    json_t *json, *item;
    char *text = NULL;
    size_t i, size = 0;
    FILE *stream;

    (void)state;
    write_marked(path, 5, 20000);
    load(path, &whole);
    reader = trace_open(path, &error);
    assert_non_null(reader);
    info = trace_info_create(reader, &error);
    if (info == NULL)
        fail_msg("%s", error.text);
    json = trace_info_json(info);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "events")), whole.count);
    for (i = 0; i < SOURCE_SPACES; i++)
        if (live_space(whole.live, (uint32_t)i) != LIVE_SPACE_NONE)
            names += live_space_names(whole.live, (uint32_t)i);
    json_array_foreach(json_object_get(json, "spaces"), i, item) found +=
        (uint64_t)json_integer_value(json_object_get(item, "end_names"));
    assert_int_equal(found, names);
    found = 0;
    json_array_foreach(json_object_get(json, "tasks"), i, item) found +=
        (uint64_t)json_integer_value(json_object_get(item, "end_rights"));
    assert_int_equal(found, names);
    json_decref(json);

    stream = open_memstream(&text, &size);
    trace_info_print(info, stream, 3);
    fclose(stream);
    assert_non_null(strstr(text, "tasks by rights"));
    assert_non_null(strstr(text, "more (--all lists them)"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, "trace:", 6) != 0 && strlen(line) > 100)
            fail_msg("wider than 100 columns: %s", line);
    free(text);
    trace_info_destroy(info);
    trace_close(reader);
    unload(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_missing_marks),
        cmocka_unit_test(test_info),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
