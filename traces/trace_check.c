/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The check: reads everything and believes nothing.
 *
 * A reader in a hurry trusts the index about the totals and leaves alone what it skips; here each
 * section is held against its checksum, each event against what is alive, and the totals of the
 * index against those counted. Checksums are not proof against malice, the rules are.
 */

#include "traces/trace_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "traces/live.h"
#include "traces/trace_private.h"

static int check_truth(const struct live *live, const struct truth *truth, struct error *error)
{
    for (unsigned i = 0; i < truth->nr_caches; i++)
        if (!live_cache(live, truth->caches[i].cache))
            return error_set(error, "the truth counts cache %u, which is unknown",
                             truth->caches[i].cache);
    for (unsigned i = 0; i < truth->nr_spaces; i++)
        if (live_space(live, truth->spaces[i].space) == LIVE_SPACE_NONE)
            return error_set(error, "the truth counts space %u, which is unknown",
                             truth->spaces[i].space);
    return 0;
}

static int check_event(struct trace_reader *reader, struct live *live, const struct event *event,
                       uint64_t number, struct truth *truth, struct error *error)
{
    struct cache_definition definition;

    if (live_event(live, event, error) != 0)
        return trace_event_error(reader, number, error);
    if (event->kind == EVENT_CACHE_CREATE)
        return trace_decode_cache(reader, event, &definition, error);
    if (event->kind != EVENT_TRUTH)
        return 0;
    if (trace_decode_truth(reader, event, truth, error) != 0)
        return -1;
    return check_truth(live, truth, error) == 0 ? 0 : trace_event_error(reader, number, error);
}

static int check_events(struct trace_reader *reader, struct live *live, struct truth *truth,
                        struct error *error)
{
    const struct event *events;
    int n, i;

    if (trace_rewind(reader, error) != 0)
        return -1;
    while ((n = trace_read(reader, &events, error)) > 0)
        for (i = 0; i < n; i++)
            if (check_event(reader, live, &events[i], trace_position(reader) + (uint64_t)i, truth,
                            error) != 0)
                return -1;
    return n;
}

#define CHECK_TOTAL(field)                                                                         \
    if (counted->field != told->field)                                                             \
    return error_set(error, "%s: the index says " #field " is %" PRIu64 ", counted %" PRIu64,      \
                     trace_path(reader), (uint64_t)told->field, (uint64_t)counted->field)

static int check_totals(const struct trace_reader *reader, const struct trace_totals *counted,
                        struct error *error)
{
    const struct trace_totals *told = trace_totals(reader);

    CHECK_TOTAL(events);
    CHECK_TOTAL(first_time);
    CHECK_TOTAL(last_time);
    CHECK_TOTAL(inferred);
    CHECK_TOTAL(peak_objects);
    CHECK_TOTAL(peak_rights);
    CHECK_TOTAL(peak_spaces);
    CHECK_TOTAL(peak_caches);
    CHECK_TOTAL(peak_tasks);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        if (counted->by_kind[kind] != told->by_kind[kind] ||
            counted->peak_live[kind] != told->peak_live[kind])
            return error_set(error,
                             "%s: the index says %" PRIu64 " %s events and a peak of %" PRIu64
                             ", counted %" PRIu64 " and %" PRIu64,
                             trace_path(reader), told->by_kind[kind], event_kind_name(kind),
                             told->peak_live[kind], counted->by_kind[kind],
                             counted->peak_live[kind]);
    }
    return 0;
}

int trace_check(struct trace_reader *reader, struct error *error)
{
    struct live *live;
    struct truth *truth;
    const char *text;
    int result;

    if (trace_missing(reader, &text) != 0)
        return error_set(error, "%s: %s", trace_path(reader), text);
    if (trace_verify_sections(reader, error) != 0)
        return -1;
    trace_verify_content(reader);
    live = live_create(trace_header(reader)->machine.page_size);
    truth = calloc(1, sizeof(*truth));
    if (live == NULL || truth == NULL)
        result = error_set(error, "%s: not enough memory", trace_path(reader));
    else
        result = check_events(reader, live, truth, error);
    if (result == 0)
        result = check_totals(reader, live_totals(live), error);
    live_destroy(live);
    free(truth);
    return result;
}
