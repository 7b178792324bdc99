/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the writer refuses: each rule broken once, with the sentence that says so.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source.h"
#include "traces/live.h"

/* The start of every case: two caches, an object of each kind, two spaces, a right. */
static const struct event start[] = {
    {.kind = EVENT_CACHE_CREATE, .where = 0},
    {.kind = EVENT_CACHE_CREATE, .where = 1},
    {.kind = EVENT_CACHE_ALLOC, .where = 0, .object = 0},
    {.kind = EVENT_KALLOC, .size = 100, .object = 1},
    {.kind = EVENT_PAGE_ALLOC, .size = 4, .object = 2},
    {.kind = EVENT_MAP_ALLOC, .where = 1, .size = 8192, .object = 3},
    {.kind = EVENT_SPACE_CREATE, .where = 0},
    {.kind = EVENT_SPACE_CREATE, .where = 1, .flags = EVENT_SPECIAL},
    {.kind = EVENT_NAME_ALLOC, .where = 0, .object = 0, .size = 1},
    {.kind = EVENT_SPACE_CREATE, .where = 2, .time = 10},
};

#define START (sizeof(start) / sizeof(start[0]))

static const struct refusal {
    struct event event;
    const char *text;
} refusals[] = {
    {{.kind = EVENT_REAP, .time = 9}, "the time goes back to 9, expected at least 10"},
    {{.kind = EVENT_KINDS, .time = 10}, "event kind 25 is unknown"},
    {{.kind = EVENT_CACHE_CREATE, .where = 1, .time = 10}, "cache 1 is there already"},
    {{.kind = EVENT_CACHE_CREATE, .where = 70000, .time = 10}, "numbers must be dense"},
    {{.kind = EVENT_CACHE_ALLOC, .where = 2, .object = 9, .time = 10}, "cache 2 is unknown"},
    {{.kind = EVENT_CACHE_ALLOC, .where = 0, .object = 0, .time = 10}, "object 0 is alive already"},
    {{.kind = EVENT_CACHE_ALLOC, .where = 0, .object = OBJECT_NONE, .time = 10}, "has no object"},
    {{.kind = EVENT_CACHE_ALLOC, .where = 0, .object = 1u << 30, .time = 10},
     "numbers must be dense"},
    {{.kind = EVENT_CACHE_FREE, .where = 0, .object = 9, .time = 10}, "object 9 is not alive"},
    {{.kind = EVENT_CACHE_FREE, .where = 0, .object = OBJECT_NONE, .time = 10}, "is not alive"},
    {{.kind = EVENT_CACHE_FREE, .where = 1, .object = 0, .time = 10},
     "goes back to cache 1: expected 0"},
    {{.kind = EVENT_CACHE_FREE, .where = 0, .object = 1, .time = 10},
     "came from a kalloc: expected a kfree, found a cache-free"},
    {{.kind = EVENT_KFREE, .object = 0, .time = 10}, "came from a cache-alloc"},
    {{.kind = EVENT_KALLOC, .object = 9, .time = 10}, "size 0"},
    {{.kind = EVENT_PAGE_ALLOC, .object = 9, .size = 1, .where = 4, .time = 10},
     "segment 4 is unknown"},
    {{.kind = EVENT_PAGE_FREE, .object = 2, .size = 5, .time = 10},
     "loses 5 pages: expected 1 to 4"},
    {{.kind = EVENT_MAP_ALLOC, .object = 9, .size = 1, .where = 4, .time = 10}, "map 4 is unknown"},
    {{.kind = EVENT_MAP_FREE, .object = 3, .size = 8192, .where = 0, .time = 10},
     "goes back to map 0: expected 1"},
    {{.kind = EVENT_MAP_FREE, .object = 3, .size = 8193, .where = 1, .time = 10},
     "loses 3 pages: expected 1 to 2"},
    {{.kind = EVENT_KALLOC, .object = 1, .flags = EVENT_FAILED, .size = 1, .time = 10},
     "names object 1, which is alive already"},
    {{.kind = EVENT_KFREE, .object = 9, .flags = EVENT_FAILED, .size = 1, .time = 10},
     "names object 9, which is not alive"},
    {{.kind = EVENT_SPACE_CREATE, .where = 0, .time = 10}, "space 0 is there already"},
    {{.kind = EVENT_SPACE_CREATE, .where = 1u << 31, .time = 10}, "numbers must be dense"},
    {{.kind = EVENT_SPACE_DESTROY, .where = 3, .time = 10}, "space 3 is unknown"},
    {{.kind = EVENT_SPACE_RELEASE, .where = 0, .time = 10}, "released with 1 names"},
    {{.kind = EVENT_NAME_ALLOC, .where = 3, .object = 9, .time = 10}, "space 3 is unknown"},
    {{.kind = EVENT_NAME_ALLOC, .where = 1, .object = 9, .time = 10}, "it is special"},
    {{.kind = EVENT_NAME_ALLOC, .where = 0, .object = 0, .time = 10}, "right 0 is alive already"},
    {{.kind = EVENT_NAME_ALLOC_AT, .where = 0, .object = OBJECT_NONE, .time = 10}, "has no right"},
    {{.kind = EVENT_NAME_FREE, .where = 0, .object = 9, .time = 10}, "right 9 is not alive"},
    {{.kind = EVENT_NAME_FREE, .where = 2, .object = 0, .time = 10},
     "right 0 is in space 0, expected space 2"},
    {{.kind = EVENT_NAME_LOOKUP, .where = 0, .object = 9, .time = 10}, "right 9 is not alive"},
    {{.kind = EVENT_REVERSE_REMOVE, .where = 0, .object = 0, .time = 10}, "no reverse key"},
    {{.kind = EVENT_REVERSE_INSERT, .where = 0, .object = 0, .size = 9, .time = 10},
     "names object 9, which is not alive"},
    {{.kind = EVENT_GROWTH, .where = 9, .time = 10}, "space 9 is unknown"},
    {{.kind = EVENT_TASK, .where = 65536, .time = 10}, "numbers must be dense"},
};

static void begin(struct live *live)
{
    struct error error;

    for (size_t i = 0; i < START; i++)
        if (live_event(live, &start[i], &error) != 0)
            fail_msg("%s", error.text);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct live *live = live_create(4096);
        struct error error = {""};
        uint64_t events;

        begin(live);
        events = live_totals(live)->events;
        assert_int_equal(live_event(live, &refusals[i].event, &error), -1);
        if (strstr(error.text, refusals[i].text) == NULL)
            fail_msg("expected \"%s\", found \"%s\"", refusals[i].text, error.text);
        assert_int_equal(live_totals(live)->events, events);
        live_destroy(live);
    }
}

static void accept(struct live *live, struct event event)
{
    struct error error;

    event.time = 10;
    if (live_event(live, &event, &error) != 0)
        fail_msg("%s", error.text);
}

static void refuse(struct live *live, struct event event, const char *text)
{
    struct error error;

    event.time = 10;
    assert_int_equal(live_event(live, &event, &error), -1);
    assert_non_null(strstr(error.text, text));
}

static void test_ranges_in_parts(void **state)
{
    struct live *live = live_create(4096);

    (void)state;
    begin(live);
    accept(live, (struct event){.kind = EVENT_MAP_FREE, .where = 1, .object = 3, .size = 1});
    assert_true(live_object(live, 3));
    assert_int_equal(live_object_left(live, 3), 1);
    accept(live, (struct event){.kind = EVENT_MAP_FREE, .where = 1, .object = 3, .size = 4096});
    assert_false(live_object(live, 3));
    refuse(live, (struct event){.kind = EVENT_MAP_FREE, .where = 1, .object = 3, .size = 4096},
           "not alive");
    accept(live, (struct event){.kind = EVENT_PAGE_FREE, .object = 2, .size = 3});
    accept(live, (struct event){.kind = EVENT_PAGE_FREE, .object = 2, .size = 1});
    assert_false(live_object(live, 2));
    live_destroy(live);
}

static void test_space_takes_its_rights_along(void **state)
{
    struct live *live = live_create(4096);

    (void)state;
    begin(live);
    for (uint32_t i = 1; i < 10; i++)
        accept(live, (struct event){.kind = EVENT_NAME_ALLOC, .where = 0, .object = i, .size = i});
    accept(live, (struct event){.kind = EVENT_REVERSE_INSERT, .where = 0, .object = 5, .size = 0});
    refuse(live, (struct event){.kind = EVENT_REVERSE_INSERT, .where = 0, .object = 5, .size = 0},
           "has a reverse key");
    accept(live, (struct event){.kind = EVENT_NAME_FREE, .where = 0, .object = 4});
    accept(live, (struct event){.kind = EVENT_NAME_FREE, .where = 0, .object = 9});
    accept(live, (struct event){.kind = EVENT_NAME_FREE, .where = 0, .object = 0});
    assert_int_equal(live_space_names(live, 0), 7);
    accept(live, (struct event){.kind = EVENT_SPACE_DESTROY, .where = 0});
    for (uint32_t i = 0; i < 10; i++)
        assert_false(live_right(live, i));
    refuse(live, (struct event){.kind = EVENT_SPACE_DESTROY, .where = 0}, "destroyed already");
    refuse(live, (struct event){.kind = EVENT_NAME_ALLOC, .where = 0, .object = 0}, "destroyed");
    accept(live, (struct event){.kind = EVENT_SPACE_RELEASE, .where = 0});
    accept(live, (struct event){.kind = EVENT_SPACE_CREATE, .where = 0});
    assert_int_equal(live_space_names(live, 0), 0);
    assert_int_equal(live_totals(live)->peak_live[EVENT_NAME_ALLOC], 10);
    assert_int_equal(live_totals(live)->peak_live[EVENT_SPACE_CREATE], 3);
    assert_int_equal(live_totals(live)->peak_rights, 10);
    live_destroy(live);
}

/* The writer says which file and event, and leaves nothing behind. */
static void test_writer_refuses(void **state)
{
    const char *path = source_path("refused.trace");
    const struct event bad = {.kind = EVENT_KFREE, .object = 5, .time = 77};
    const struct event mark = {.kind = EVENT_MARK};
    struct trace_header header;
    struct trace_writer *writer;
    struct error error = {""};

    (void)state;
    trace_header_init(&header);
    writer = trace_writer_open(path, &header, 0, &error);
    assert_non_null(writer);
    assert_int_equal(trace_write(writer, &mark, "x", 1, &error), 0);
    assert_int_equal(trace_write(writer, &bad, NULL, 0, &error), -1);
    assert_non_null(strstr(error.text, "refused.trace: event 1 (time 77, kfree): object 5"));
    trace_writer_abort(writer);
    assert_null(trace_open(path, &error));
    assert_non_null(strstr(error.text, "No such file"));

    writer = trace_writer_open(path, &header, 0, &error);
    assert_int_equal(trace_write(writer, &bad, "x", 1, &error), -1);
    assert_non_null(strstr(error.text, "has no payload"));
    trace_writer_abort(writer);
    writer = trace_writer_open(path, &header, 0, &error);
    assert_int_equal(trace_write(writer, &(struct event){.kind = EVENT_TRUTH}, "x", 1, &error), -1);
    assert_non_null(strstr(error.text, "truth"));
    trace_writer_abort(writer);
    assert_null(trace_writer_open(source_path("no/such/folder"), &header, 0, &error));
    assert_null(trace_writer_open(path, &header, 99, &error));
    assert_non_null(strstr(error.text, "compression level 99"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ranges_in_parts),
        cmocka_unit_test(test_space_takes_its_rights_along),
        cmocka_unit_test(test_writer_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
