/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The result record: the same to the byte for the same replay, and equal to the one that is kept
 * here. What depends on the compressor's version or on time is taken out before.
 *
 * After a change of the record that is meant: run with UPDATE=1 and look at the difference.
 */

#include "build.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "replay/json.h"
#include "replay/result.h"

static struct trace_reader *make_trace(struct build *build)
{
    build_begin(build, "radix+hybrid");
    build_cache(build, 0, "ipc_port", 80);
    build_event(build, (struct event){.kind = EVENT_CACHE_ALLOC, .object = 0});
    build_event(build, (struct event){.kind = EVENT_KALLOC, .size = 100, .object = 1});
    build_event(build, (struct event){.kind = EVENT_MAP_ALLOC, .size = 8192, .object = 2});
    build_event(build, (struct event){.kind = EVENT_PAGE_ALLOC,
                                      .where = EVENT_DIRECTMAP,
                                      .size = 20000, /* more than there is */
                                      .flags = EVENT_CONTIGUOUS,
                                      .object = 3});
    build_event(build, (struct event){.kind = EVENT_SPACE_CREATE});
    build_event(build, (struct event){.kind = EVENT_NAME_ALLOC, .object = 0, .size = 1});
    build_event(build, (struct event){.kind = EVENT_NAME_ALLOC, .object = 1, .size = 7});
    build_mark(build, "full");
    build_event(build, (struct event){.kind = EVENT_PAGE_FREE, .size = 20000, .object = 3});
    build_event(build, (struct event){.kind = EVENT_NAME_FREE, .object = 0});
    build_event(build, (struct event){.kind = EVENT_KFREE, .size = 100, .object = 1});
    return build_end(build);
}

static void replay_small(struct trace_reader *trace, const char *stack,
                         const struct request *request, struct session_outcome *outcome)
{
    struct error error = {.text = ""};

    outcome->ops = stack_find(stack);
    if (replay_run(trace, outcome->ops, &request->options, &outcome->result, &error) != 0 ||
        timing_open(&outcome->timing, 1, REPLAY_UNTIMED, NULL, &error) != 0)
        fail_msg("%s", error.text);
    timing_add(&outcome->timing, &outcome->result);
}

static char *record(struct trace_reader *trace, const char *stack, bool truth)
{
    const struct request request = {
        .options = {.truth = truth, .work = true, .sample_interval = 5}};
    struct session_outcome *outcome = calloc(1, sizeof(*outcome));
    struct error error = {.text = ""};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    struct result_subject subject = {.trace_name = "small", .trace = trace, .request = &request};

    assert_non_null(stream);
    assert_non_null(outcome);
    replay_small(trace, stack, &request, outcome);
    if (result_write(stream, &subject, outcome, false, &error) != 0)
        fail_msg("%s", error.text);
    fclose(stream);
    session_free(outcome, 1);
    free(outcome);
    return text;
}

/* The record without time and without what the compressor decides. */
static char *comparable(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);

    assert_non_null(object);
    json_object_del(object, "measured");
    json_object_set_new(json_object_get(json_object_get(object, "provenance"), "trace"), "digest",
                        json_string("of the trace"));

    char *kept = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&kept, &size);

    assert_non_null(stream);
    assert_int_equal(json_write(stream, object), 0);
    fclose(stream);
    json_decref(object);
    assert_non_null(kept);
    return kept;
}

static char *read_golden(void)
{
    FILE *file = fopen(GOLDEN, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(text);
    if (file == NULL)
        return text;

    size_t size = fread(text, 1, (1 << 20) - 1, file);

    fclose(file);
    if (size > 0 && text[size - 1] == '\n')
        text[size - 1] = '\0';
    return text;
}

static void test_golden(void **state)
{
    struct build build;
    struct trace_reader *trace = make_trace(&build);
    char *text = record(trace, "radix+hybrid", false);
    char *kept = comparable(text);
    char *golden = read_golden();

    (void)state;
    build_remove(&build, trace);

    if (getenv("UPDATE") != NULL) {
        FILE *file = fopen(GOLDEN, "w");

        assert_non_null(file);
        fprintf(file, "%s\n", kept);
        fclose(file);
    } else {
        assert_string_equal(kept, golden);
    }

    free(golden);
    free(kept);
    free(text);
}

static void test_same_again(void **state)
{
    struct build build;
    struct trace_reader *trace = make_trace(&build);

    (void)state;
    for (unsigned i = 0; stack_at(i) != NULL; i++) {
        char *first = record(trace, stack_at(i)->name, true);
        char *again = record(trace, stack_at(i)->name, true);
        char *a = comparable(first), *b = comparable(again);

        assert_string_equal(a, b);
        free(a);
        free(b);
        free(first);
        free(again);
    }
    build_remove(&build, trace);
}

/* The table keeps inside 100 columns, whatever the numbers. */
static void test_width(void **state)
{
    struct build build;
    struct trace_reader *trace = make_trace(&build);
    const struct request request = {.options = {.work = true, .sample_interval = 5}};
    struct session_outcome *outcome = calloc(1, sizeof(*outcome));
    struct replay_result *result = &outcome->result;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    struct result_subject subject = {.trace_name = "small", .trace = trace, .request = &request};

    (void)state;
    assert_non_null(outcome);
    replay_small(trace, "radix+hybrid", &request, outcome);
    result->refused[EVENT_KALLOC] = 9999990;
    result->skipped[EVENT_KFREE] = 9999990;
    result->failures[0].event = 99999999;
    result->snapshot.peak.page_bytes = (1023ull << 30) + (900u << 20);
    result->snapshot.peak.slab_bytes = 1023ull << 20;
    result->snapshot.maps[MAP_KERNEL].counts.holes = 99999;
    outcome->timing.wall_ns[0] = 100;
    result->events = 99; /* 990 M events/s */
    result_table(stream, &subject, outcome, 1);
    fclose(stream);

    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strlen(line) > 100)
            fail_msg("%zu columns: %s", strlen(line), line);

    free(text);
    session_free(outcome, 1);
    free(outcome);
    build_remove(&build, trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_same_again),
        cmocka_unit_test(test_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
