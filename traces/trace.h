/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The trace file: what is replayed, inspected, generated and shipped. docs/trace-format.md
 * specifies it well enough to write a second reader from.
 */

#ifndef TRACES_TRACE_H
#define TRACES_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "traces/event.h"

/* What the trace was taken on. Zero where the log does not say. */
struct trace_machine {
    uint32_t page_size, pointer_size;
    uint64_t memory; /* bytes; end of the highest segment */
    unsigned nr_segments;
    struct {
        uint8_t kind;        /* enum event_segment */
        uint32_t start, end; /* frames */
    } segments[4];
    uint64_t kernel_base;      /* c0000000 */
    uint64_t kernel_map_start; /* first address that was free at start-up */
    uint64_t kernel_map_end;
    uint64_t kmem_map_start, kmem_map_end;
    char geometry[24];         /* "i386", "i386-2013", ... */
    char stack[24];            /* the design that the captured kernel used; "" unknown */
    char time_unit[16];        /* "instructions" or "nanoseconds" */
    uint64_t ticks_per_second; /* time units in a second; 0 unknown */
    bool boot_pages;           /* the start state is in the trace, as boot-pages events */
};

struct trace_provenance { /* key and value, in order */
    char *key;
    char *value;
};

struct trace_header {
    struct trace_machine machine;
    unsigned nr_provenance;
    struct trace_provenance *provenance;
};

/* Totals over a trace: known from the index at its end, before the events are read. */
struct trace_totals {
    uint64_t events;
    uint64_t by_kind[EVENT_KINDS];
    uint64_t first_time, last_time;
    uint32_t peak_objects; /* highest object number + 1, and so on: sizes for a replay's arrays */
    uint32_t peak_rights, peak_spaces, peak_caches, peak_tasks;
    uint64_t peak_live[EVENT_KINDS]; /* by the kind that creates; 0 for others */
    uint64_t inferred;               /* events with EVENT_INFERRED */
};

void trace_header_init(struct trace_header *header);
void trace_header_free(struct trace_header *header);
int trace_header_add(struct trace_header *header, const char *key, const char *value);

/* ---- Definitions that payloads carry ---- */

struct cache_definition { /* payload of cache-create */
    char name[64];
    uint32_t size, align, flags;
};

struct truth_cache {
    uint32_t cache; /* the trace's number */
    uint32_t flags, slab_size, buffers_per_slab, object_size, align, buffer_size;
    uint64_t objects, buffers;
    uint32_t slabs, free_slabs;
};

struct truth_map {
    uint8_t present;
    uint64_t min, max, size;
    uint32_t entries;
};

struct truth_segment {
    uint32_t index, start, end; /* frames */
    uint32_t free, pool, orders[11];
    uint32_t active, inactive;
};

struct truth_space {
    uint32_t space;
    uint32_t rights;     /* is_size; OBJECT_NONE: not told */
    uint32_t table_size; /* is_table_size; 0: not told */
    uint32_t free_list, height, tree_total, tree_small;
};

struct truth { /* payload of truth; owned by the decoder, reused by the next call */
    unsigned nr_caches, nr_segments, nr_spaces;
    struct truth_cache caches[256];
    struct truth_segment segments[4];
    struct truth_map maps[EVENT_MAPS];
    struct truth_space spaces[64];
    bool has_free_count; /* 1.5 and 1.6: one number of free pages */
    uint64_t free_count;
};

/* ---- Writing ---- */

struct trace_writer;

/* Writes to a temporary file beside PATH ("-": standard output), which `trace_writer_close`
 * renames. The header is copied; it may still be amended through `trace_writer_header` until close
 * (it is written first with what is known, and again in the index at the end, which is
 * authoritative). LEVEL is zstd's; 0: the default. */
struct trace_writer *trace_writer_open(const char *path, const struct trace_header *header,
                                       int level, struct error *error);
struct trace_header *trace_writer_header(struct trace_writer *writer);
/* PAYLOAD (SIZE bytes, copied) for the kinds that carry one, else NULL and 0. Refuses what is
 * impossible: time that decreases, a number that is not live, an unknown cache, ... -1 with the
 * error set; then only abort is allowed. */
int trace_write(struct trace_writer *writer, const struct event *event, const void *payload,
                size_t size, struct error *error);
int trace_write_cache(struct trace_writer *writer, const struct event *event,
                      const struct cache_definition *definition, struct error *error);
int trace_write_truth(struct trace_writer *writer, const struct event *event,
                      const struct truth *truth, struct error *error);
/* Finishes the file; it appears under its name only now. Frees the writer in any case. */
int trace_writer_close(struct trace_writer *writer, struct error *error);
void trace_writer_abort(struct trace_writer *writer);

/* ---- Reading ---- */

struct trace_reader;

/* Opens and verifies header and index. A trace that was cut short opens too (its totals are then
 * counted by a pass over the whole chunks) unless not even one chunk is whole; `trace_missing`
 * says what is missing. */
struct trace_reader *trace_open(const char *path, struct error *error);
void trace_close(struct trace_reader *reader);
const struct trace_header *trace_header(const struct trace_reader *reader);
const struct trace_totals *trace_totals(const struct trace_reader *reader);
/* Names the trace by what it says, its machine and its events, whatever the compression. */
uint64_t trace_digest(const struct trace_reader *reader);
/* 0: whole. Else the number of bytes after the last whole chunk, with a sentence in *TEXT. */
uint64_t trace_missing(const struct trace_reader *reader, const char **text);

/* The next events, decoded: *EVENTS points to a batch that is valid until the next call. Returns
 * their number, 0 at the end, -1 with the error set. Allocates nothing after open. Kinds, places,
 * tasks, objects and rights are below what the totals announce, whatever the file holds (a number
 * of a failed event may be OBJECT_NONE): they may index arrays of that size. Whether a number is
 * alive is not looked at; see trace_check. */
int trace_read(struct trace_reader *reader, const struct event **events, struct error *error);
/* Payload of an event of the current batch; not NUL-terminated. */
const void *trace_payload(const struct trace_reader *reader, const struct event *event,
                          size_t *size);
int trace_decode_cache(const struct trace_reader *reader, const struct event *event,
                       struct cache_definition *definition, struct error *error);
int trace_decode_truth(const struct trace_reader *reader, const struct event *event,
                       struct truth *truth, struct error *error);
/* Back to the first event. */
int trace_rewind(struct trace_reader *reader, struct error *error);

#endif
