/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The result record as JSON. Two parts are kept apart: "exact" is the same to the byte wherever the
 * replay runs, "measured" is time. "provenance" says of what and with what. All keys are in
 * alphabetical order and all numbers of the exact part are integers, so that two records can be
 * compared as text.
 */

#include "replay/result.h"

#include <errno.h>
#include <string.h>

#include "replay/fragmentation.h"
#include "replay/json.h"
#include "replay/result_private.h"
#include "replay/series_json.h"

/* Kinds of events with a count, by name. */
static json_t *by_kind(const uint64_t *counts, int *failed)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < EVENT_KINDS; i++)
        if (counts[i] != 0)
            json_put_number(object, event_kind_name(i), counts[i], failed);

    return object;
}

static json_t *numbers(const uint32_t *values, unsigned nr, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < nr; i++)
        json_push(array, json_integer(values[i]), failed);

    return array;
}

static json_t *held(const struct held *h, int *failed)
{
    json_t *object = json_object();

    json_put_number(object, "map_bytes", h->map_bytes, failed);
    json_put_number(object, "page_bytes", h->page_bytes, failed);
    json_put_number(object, "slab_bytes", h->slab_bytes, failed);
    json_put_number(object, "space_bytes", h->space_bytes, failed);
    return object;
}

static json_t *maps(const struct map_snapshot *snapshots, int *failed)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < MAPS; i++) {
        const struct map_snapshot *s = &snapshots[i];

        if (s->name == NULL)
            continue;

        json_t *map = json_object();

        json_put_number(map, "bytes", s->counts.size, failed);
        json_put_number(map, "entries", s->counts.entries, failed);
        json_put_number(map, "free_bytes", s->counts.free, failed);
        json_put(map, "hole_sizes", numbers(s->counts.hole_sizes, MAP_HOLE_BINS, failed), failed);
        json_put_number(map, "holes", s->counts.holes, failed);
        json_put_number(map, "largest_hole", s->counts.largest_hole, failed);
        json_put_number(map, "max", s->counts.max, failed);
        json_put_number(map, "min", s->counts.min, failed);
        json_put(object, s->name, map, failed);
    }

    return object;
}

static json_t *segments(const struct segment_snapshot *snapshots, unsigned nr, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < nr; i++) {
        const struct segment_snapshot *s = &snapshots[i];
        json_t *segment = json_object();

        json_put(segment, "blocks", numbers(s->blocks, ORDERS, failed), failed);
        json_put_number(segment, "end_frame", s->end, failed);
        json_put_number(segment, "free_pages", s->counts.free, failed);
        json_put_text(segment, "name", segment_kind_name(s->kind), failed);
        json_put_number(segment, "pool_pages", s->counts.pool, failed);
        json_put_number(segment, "start_frame", s->start, failed);
        json_push(array, segment, failed);
    }

    return array;
}

static json_t *caches(const struct snapshot *snapshot, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < snapshot->nr_caches; i++) {
        const struct cache_snapshot *s = &snapshot->caches[i];
        json_t *cache = json_object();

        json_put_number(cache, "align", s->align, failed);
        json_put_number(cache, "buffer_size", s->buffer_size, failed);
        json_put_number(cache, "buffers", s->buffers, failed);
        json_put_number(cache, "buffers_per_slab", s->buffers_per_slab, failed);
        json_put(cache, "derived", json_boolean(s->derived), failed);
        json_put_number(cache, "free_slabs", s->free_slabs, failed);
        json_put_text(cache, "name", s->name, failed);
        json_put_number(cache, "object_size", s->object_size, failed);
        json_put_number(cache, "objects", s->objects, failed);
        json_put(cache, "partial_fullness", numbers(s->fullness, FULLNESS_BINS, failed), failed);
        json_put_number(cache, "partial_slabs", s->partial_slabs, failed);
        json_put_number(cache, "requested_bytes", s->requested_bytes, failed);
        json_put_number(cache, "slab_bytes", s->slab_bytes, failed);
        json_put_number(cache, "slabs", s->slabs, failed);
        json_push(array, cache, failed);
    }

    return array;
}

static json_t *spaces(const struct snapshot *snapshot, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < snapshot->nr_spaces; i++) {
        const struct space_snapshot *s = &snapshot->spaces[i];
        json_t *space = json_object();

        json_put_number(space, "bytes", s->bytes, failed);
        json_put_number(space, "growths", s->growths, failed);
        json_put_number(space, "name_nodes", s->name_nodes, failed);
        json_put_number(space, "next_growth_bytes", s->next_growth, failed);
        json_put_number(space, "transient_peak_bytes", s->transient_peak, failed);
        json_put_number(space, "height", s->height, failed);
        json_put_number(space, "remaps", s->remaps, failed);
        json_put_number(space, "reverse_nodes", s->reverse_nodes, failed);
        json_put_number(space, "rights", s->rights, failed);
        json_put_number(space, "space", s->space, failed);
        json_put_number(space, "table_entries", s->table_entries, failed);
        json_put_number(space, "tree_nodes", s->tree_nodes, failed);
        json_push(array, space, failed);
    }

    return array;
}

static json_t *work(const struct work *w, int *failed)
{
    json_t *object = json_object();

    json_put_number(object, "bytes_copied", w->bytes_copied, failed);
    json_put_number(object, "bytes_zeroed", w->bytes_zeroed, failed);
    json_put_number(object, "entries_copied", w->entries_copied, failed);
    json_put_number(object, "list_steps", w->list_steps, failed);
    json_put_number(object, "merges", w->merges, failed);
    json_put_number(object, "nodes_visited", w->nodes_visited, failed);
    json_put_number(object, "pages_mapped", w->pages_mapped, failed);
    json_put_number(object, "pages_unmapped", w->pages_unmapped, failed);
    json_put_number(object, "splits", w->splits, failed);
    return object;
}

static json_t *point(const struct replay_point *p, int *failed)
{
    json_t *object = json_object();

    json_put_number(object, "event", p->event, failed);
    json_put(object, "held", held(&p->held, failed), failed);
    json_put(object, "maps", maps(p->maps, failed), failed);
    json_put_text(object, "name", p->name, failed);
    json_put_number(object, "refused", p->refused, failed);
    json_put_number(object, "requested_bytes", p->requested, failed);
    json_put_number(object, "reverse_entries", p->reverse, failed);
    json_put_number(object, "rights", p->rights, failed);
    json_put(object, "segments", segments(p->segments, p->nr_segments, failed), failed);
    json_put_number(object, "skipped", p->skipped, failed);
    json_put_number(object, "slab_requested_bytes", p->slab_requested, failed);
    json_put_number(object, "slab_waste_bytes",
                    internal_waste(p->held.slab_bytes, p->slab_requested), failed);
    json_put_number(object, "spaces", p->spaces, failed);
    json_put_number(object, "time", p->time, failed);
    return object;
}

static json_t *failures(const struct replay_result *result, int *failed)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < result->nr_failures; i++) {
        const struct replay_failure *f = &result->failures[i];
        json_t *object = json_object();

        json_put_text(object, "cause", failure_cause_name(f->failure.cause), failed);
        json_put_number(object, "count", f->count, failed);
        json_put_number(object, "event", f->event, failed);
        json_put_number(object, "free_bytes", f->failure.free, failed);
        json_put(object, "kernel_too", json_boolean(f->kernel_too), failed);
        json_put_text(object, "kind", event_kind_name(f->kind), failed);
        json_put_number(object, "largest_piece", f->failure.largest, failed);
        json_put_number(object, "pass", f->pass, failed);
        json_put_number(object, "pieces", f->failure.pieces, failed);
        json_put_number(object, "requested_bytes", f->failure.requested, failed);
        json_put_text(object, "resource", f->failure.resource, failed);
        json_put_number(object, "task", f->task, failed);
        json_put_number(object, "time", f->time, failed);
        json_push(array, object, failed);
    }

    return array;
}

static json_t *truth(const struct truth_result *t, int *failed)
{
    json_t *object = json_object();
    json_t *counters = json_object();

    for (unsigned i = 0; i < TRUTH_COUNTERS; i++) {
        json_t *counter = json_object();

        json_put_number(counter, "compared", t->compared[i], failed);
        json_put_number(counter, "different", t->different[i], failed);
        if (t->different[i] != 0) {
            json_put_text(counter, "first", t->first[i], failed);
            json_put_number(counter, "first_event", t->first_event[i], failed);
        }
        json_put(counters, truth_counter_name(i), counter, failed);
    }

    json_put_number(object, "blocks_compared", t->blocks_compared, failed);
    json_put_number(object, "blocks_different", t->blocks_different, failed);
    json_put_number(object, "compared", truth_compared(t), failed);
    json_put(object, "counters", counters, failed);
    json_put_number(object, "different", truth_different(t), failed);
    json_put_number(object, "placed_compared", t->placed_compared, failed);
    json_put_number(object, "placed_different", t->placed_different, failed);
    json_put_number(object, "points", t->points, failed);
    json_put(object, "same_design", json_boolean(t->same_design), failed);
    return object;
}

static json_t *survival(const struct result_subject *subject, const struct session_outcome *outcome,
                        int *failed)
{
    const struct survival *s = &outcome->survival;
    json_t *object = json_object();
    bool repeats = subject->request->until_failure == UNTIL_REPEAT;

    json_put(object, "failed", json_boolean(s->failed), failed);
    json_put_text(object, "how", repeats ? "repeat" : "shrink", failed);
    if (repeats) {
        json_put_number(object, "left_out", outcome->result.left_out, failed);
        json_put_number(object, "passes", s->passes, failed);
    } else {
        json_put_number(object, "memory_enough_bytes", s->memory_enough, failed);
        json_put_number(object, "memory_too_little_bytes", s->memory_too_little, failed);
        json_put_number(object, "replays", s->replays, failed);
    }

    return object;
}

/* The last words of a kernel image. */
static json_t *kernel_said(const struct replay_result *result, int *failed)
{
    json_t *object = json_object();

    json_put_number(object, "event", result->said_event, failed);
    json_put_text(object, "text", result->said, failed);
    return object;
}

static json_t *exact(const struct result_subject *subject, const struct session_outcome *outcome,
                     int *failed)
{
    const struct replay_result *result = &outcome->result;
    json_t *object = json_object();
    json_t *events = json_object();
    json_t *names = json_object();
    json_t *requested = json_object();
    json_t *marks = json_array();

    json_put(events, "by_kind", by_kind(result->by_kind, failed), failed);
    json_put_number(events, "replayed", result->events, failed);
    json_put(events, "stopped", json_boolean(result->stopped), failed);
    json_put(object, "events", events, failed);

    json_put_number(names, "compared", result->names_compared, failed);
    json_put_number(names, "different", result->names_different, failed);
    json_put_number(names, "first_different_event", result->first_different_name, failed);
    json_put(object, "names", names, failed);

    json_put_number(requested, "end_bytes", result->requested, failed);
    json_put_number(requested, "held_ratio",
                    held_ratio(result->snapshot.peak.page_bytes, result->requested_peak), failed);
    json_put_number(requested, "peak_bytes", result->requested_peak, failed);
    json_put_number(requested, "peak_event", result->requested_peak_event, failed);
    json_put(object, "requested", requested, failed);

    for (unsigned i = 0; i < result->nr_points; i++)
        json_push(marks, point(&result->points[i], failed), failed);

    json_put(object, "caches", caches(&result->snapshot, failed), failed);
    json_put_hex(object, "digest", result->digest, failed);
    json_put(object, "end", point(&result->end, failed), failed);
    json_put(object, "failures", failures(result, failed), failed);
    json_put_number(object, "failures_beyond", result->failures_beyond, failed);
    if (result->said[0] != '\0')
        json_put(object, "kernel_said", kernel_said(result, failed), failed);
    json_put_number(object, "kernel_refused", result->kernel_refused, failed);
    json_put_number(object, "kernel_refused_too", result->kernel_refused_too, failed);
    json_put(object, "marks", marks, failed);
    json_put_number(object, "node_bytes", result->snapshot.node_bytes, failed);
    json_put(object, "peak", held(&result->snapshot.peak, failed), failed);
    json_put(object, "refused", by_kind(result->refused, failed), failed);
    json_put(object, "skipped", by_kind(result->skipped, failed), failed);
    json_put(object, "spaces", spaces(&result->snapshot, failed), failed);
    json_put_number(object, "table_bytes", result->snapshot.table_bytes, failed);
    json_put(object, "work", work(&result->snapshot.work, failed), failed);

    if (result->meter != NULL && result->meter->has_work)
        json_put(object, "work_by_kind", result_work(result->meter, failed), failed);
    if (subject->request->until_failure != UNTIL_END)
        json_put(object, "until_failure", survival(subject, outcome, failed), failed);

    if (result->series != NULL)
        json_put(object, "series", series_json(result->series, failed), failed);
    if (result->truth.done)
        json_put(object, "truth", truth(&result->truth, failed), failed);
    return object;
}

static json_t *machine(const struct replay_result *result, int *failed)
{
    json_t *object = json_object();

    json_put(object, "as_captured", json_boolean(result->captured_machine), failed);
    json_put_text(object, "geometry", result->geometry->name, failed);
    json_put_number(object, "memory_bytes", result->memory, failed);
    return object;
}

static json_t *options(const struct request *request, const struct replay_result *result,
                       int *failed)
{
    static const char *const latency[] = {"off", "sampled", "every"};
    static const char *const until_failure[] = {"", "repeat", "shrink"};
    const struct replay_options *o = &request->options;
    json_t *object = json_object();

    json_put(object, "check", json_boolean(o->check), failed);
    json_put(object, "exact_bitmaps", json_boolean(o->exact_bitmaps), failed);
    json_put_text(object, "keys", o->keys == REPLAY_KEYS_OWN ? "own" : "captured", failed);
    json_put_text(object, "latency", latency[o->latency], failed);
    json_put_text(object, "on_failure", o->on_failure == REPLAY_SKIP ? "skip" : "stop", failed);
    json_put_number(object, "passes", result->most_passes, failed);
    json_put_number(object, "repeat", request->repeat > 1 ? request->repeat : 1, failed);
    json_put_number(object, "sample_events", result->sample_interval, failed);
    json_put(object, "truth", json_boolean(o->truth), failed);
    json_put_text(object, "until_failure", until_failure[request->until_failure], failed);
    json_put(object, "work", json_boolean(o->work), failed);
    return object;
}

static json_t *trace(const struct result_subject *subject, int *failed)
{
    const struct trace_header *header = trace_header(subject->trace);
    json_t *object = json_object();
    json_t *said = json_array();

    for (unsigned i = 0; i < header->nr_provenance; i++) {
        json_t *pair = json_array();

        json_push(pair, json_text(header->provenance[i].key), failed);
        json_push(pair, json_text(header->provenance[i].value), failed);
        json_push(said, pair, failed);
    }

    json_put_hex(object, "digest", trace_digest(subject->trace), failed);
    json_put_number(object, "events", trace_totals(subject->trace)->events, failed);
    json_put_number(object, "missing_bytes", trace_missing(subject->trace, NULL), failed);
    json_put_text(object, "name", subject->trace_name, failed);
    json_put(object, "provenance", said, failed);
    json_put_text(object, "stack", header->machine.stack, failed);
    json_put_text(object, "time_unit", header->machine.time_unit, failed);
    json_put_number(object, "time_units_per_second", header->machine.ticks_per_second, failed);
    return object;
}

static json_t *stack(const struct session_outcome *outcome, int *failed)
{
    const struct replay_result *result = &outcome->result;
    json_t *object = json_object();

    json_put_text(object, "map", result->map, failed);
    json_put_text(object, "name", outcome->ops->name, failed);
    json_put_text(object, "pages", result->pages, failed);
    json_put_text(object, "slabs", outcome->ops->backend, failed);
    json_put_text(object, "spaces", outcome->ops->space, failed);
    return object;
}

static json_t *document(const struct result_subject *subject, const struct session_outcome *outcome,
                        int *failed)
{
    const struct replay_result *result = &outcome->result;
    json_t *object = json_object();
    json_t *schema = json_object();
    json_t *provenance = json_object();

    json_put_text(schema, "name", RESULT_SCHEMA, failed);
    json_put_number(schema, "version", RESULT_VERSION, failed);
    json_put(object, "schema", schema, failed);

    json_put(provenance, "machine", machine(result, failed), failed);
    json_put(provenance, "options", options(subject->request, result, failed), failed);
    json_put(provenance, "stack", stack(outcome, failed), failed);
    json_put_text(provenance, "tool", "allotrope " ALLOTROPE_VERSION, failed);
    json_put(provenance, "trace", trace(subject, failed), failed);
    json_put(object, "provenance", provenance, failed);

    json_put(object, "exact", exact(subject, outcome, failed), failed);
    json_put(object, "measured", result_measured(outcome, failed), failed);
    return object;
}

int result_write(FILE *stream, const struct result_subject *subject,
                 const struct session_outcome *outcome, bool compact, struct error *error)
{
    int failed = 0;
    json_t *object = document(subject, outcome, &failed);

    if (failed != 0 || object == NULL) {
        json_decref(object);
        return error_set(error, "no memory for the result");
    }

    failed =
        compact ? json_dumpf(object, stream, JSON_SORT_KEYS | JSON_REAL_PRECISION(6) | JSON_COMPACT)
                : json_write(stream, object);
    json_decref(object);

    if (failed != 0 || fputc('\n', stream) == EOF)
        return error_set(error, "the result cannot be written: %s", strerror(errno));

    return 0;
}
