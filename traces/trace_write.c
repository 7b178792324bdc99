/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The writer: events are gathered to a chunk, a chunk is encoded, compressed and written, and the
 * index at the end knows where they all are.
 *
 * Nothing that is not a trace leaves it: every event is held against what is alive (live.c)
 * before it is taken, so that a replay need not. Memory is a chunk, the index and what is alive.
 *
 * The header goes out with the first chunk, since by then a converter has mostly read what it
 * describes; what is learned later is in the header's second copy, in the index, and that one
 * counts. An output that can only be appended to (a pipe) is therefore no special case.
 */

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "common/output.h"
#include "traces/codec.h"
#include "traces/format.h"
#include "traces/live.h"

#define DEFAULT_LEVEL 3

struct trace_writer {
    struct output *output;
    char *path;
    struct trace_header header;
    int level;
    ZSTD_CCtx *compressor;
    struct codec_encoder *encoder;
    struct live *live;
    struct event *events; /* of the chunk */
    uint32_t nr_events;
    uint32_t fresh[2];
    struct bytes payloads, columns, body, index;
    uint32_t nr_sections;
    uint64_t offset;
    uint64_t first_event; /* of the chunk */
    bool started;         /* prelude and header are written */
    struct truth *truth;
};

static void writer_free(struct trace_writer *writer)
{
    ZSTD_freeCCtx(writer->compressor);
    codec_encoder_destroy(writer->encoder);
    live_destroy(writer->live);
    free(writer->events);
    bytes_free(&writer->payloads);
    bytes_free(&writer->columns);
    bytes_free(&writer->body);
    bytes_free(&writer->index);
    trace_header_free(&writer->header);
    free(writer->truth);
    free(writer->path);
    free(writer);
}

static int writer_no_memory(const struct trace_writer *writer, struct error *error)
{
    return error_set(error, "%s: not enough memory to write the trace", writer->path);
}

static int writer_init(struct trace_writer *writer, const char *path,
                       const struct trace_header *header, int level, struct error *error)
{
    writer->level = level != 0 ? level : DEFAULT_LEVEL;
    writer->path = strdup(path);
    if (writer->path == NULL)
        return error_set(error, "not enough memory to write a trace");
    if (writer->level > ZSTD_maxCLevel() || writer->level < ZSTD_minCLevel())
        return error_set(error, "compression level %d is not one of zstd's, expected %d to %d",
                         writer->level, ZSTD_minCLevel(), ZSTD_maxCLevel());
    writer->compressor = ZSTD_createCCtx();
    writer->encoder = codec_encoder_create();
    writer->live = live_create(header->machine.page_size);
    writer->events = calloc(FORMAT_CHUNK_EVENTS, sizeof(*writer->events));
    writer->truth = calloc(1, sizeof(*writer->truth));
    if (writer->compressor == NULL || writer->encoder == NULL || writer->live == NULL ||
        writer->events == NULL || writer->truth == NULL ||
        format_header_copy(&writer->header, header) != 0 || !bytes_reserve(&writer->payloads, 1))
        return writer_no_memory(writer, error);
    writer->output = output_open(path, error);
    return writer->output == NULL ? -1 : 0;
}

struct trace_writer *trace_writer_open(const char *path, const struct trace_header *header,
                                       int level, struct error *error)
{
    struct trace_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL) {
        error_set(error, "%s: not enough memory to write the trace", path);
        return NULL;
    }
    if (writer_init(writer, path, header, level, error) != 0) {
        writer_free(writer);
        return NULL;
    }
    return writer;
}

struct trace_header *trace_writer_header(struct trace_writer *writer)
{
    return &writer->header;
}

static void writer_put(struct trace_writer *writer, const void *data, size_t size)
{
    fwrite(data, 1, size, output_stream(writer->output));
    writer->offset += size;
}

/* Writes the body that has been put together as a section. CHUNK is of a chunk. */
static void writer_section(struct trace_writer *writer, uint32_t tag,
                           const struct format_chunk *chunk)
{
    uint32_t size = (uint32_t)writer->body.size;
    uint64_t checksum = format_checksum(tag, writer->body.data, size);
    uint8_t frame[FORMAT_FRAME_SIZE];

    put32(frame, tag);
    put32(frame + 4, size);
    put64(frame + 8, checksum);
    if (tag != FORMAT_INDX) {
        bytes_put32(&writer->index, tag);
        bytes_put32(&writer->index, chunk != NULL ? chunk->events : 0);
        bytes_put64(&writer->index, writer->offset);
        bytes_put32(&writer->index, size);
        bytes_put32(&writer->index, chunk != NULL ? chunk->columns : 0);
        bytes_put64(&writer->index, checksum);
        bytes_put64(&writer->index, chunk != NULL ? chunk->content : 0);
        writer->nr_sections++;
    }
    writer_put(writer, frame, sizeof(frame));
    writer_put(writer, writer->body.data, size);
}

static int writer_header(struct trace_writer *writer, struct error *error)
{
    uint8_t prelude[FORMAT_PRELUDE_SIZE] = FORMAT_MAGIC;

    if (writer->header.machine.nr_segments > 4)
        return error_set(error, "%s: the machine has %u segments, expected at most 4", writer->path,
                         writer->header.machine.nr_segments);
    prelude[8] = FORMAT_VERSION;
    writer->body.size = 0;
    format_header_put(&writer->body, &writer->header, writer->level);
    if (writer->body.failed)
        return writer_no_memory(writer, error);
    if (writer->body.size > FORMAT_BODY_MAX)
        return error_set(error, "%s: the header has %zu bytes, expected at most %u", writer->path,
                         writer->body.size, FORMAT_BODY_MAX);
    writer_put(writer, prelude, sizeof(prelude));
    writer_section(writer, FORMAT_HEAD, NULL);
    writer->started = true;
    return 0;
}

static int writer_compress(struct trace_writer *writer, struct format_chunk *chunk,
                           struct error *error)
{
    size_t bound = ZSTD_compressBound(writer->columns.size), size;

    writer->body.size = 0;
    if (!bytes_reserve(&writer->body, FORMAT_CHUNK_HEADER_SIZE + bound))
        return writer_no_memory(writer, error);
    format_chunk_put(writer->body.data, chunk);
    chunk->content = format_content(writer->body.data, writer->columns.data, writer->columns.size);
    format_chunk_put(writer->body.data, chunk);
    size = ZSTD_compressCCtx(writer->compressor, writer->body.data + FORMAT_CHUNK_HEADER_SIZE,
                             bound, writer->columns.data, writer->columns.size, writer->level);
    if (ZSTD_isError(size))
        return error_set(error, "%s: chunk %u cannot be compressed: %s", writer->path,
                         writer->nr_sections, ZSTD_getErrorName(size));
    writer->body.size = FORMAT_CHUNK_HEADER_SIZE + size;
    return 0;
}

static int writer_flush(struct trace_writer *writer, struct error *error)
{
    const struct trace_totals *totals = live_totals(writer->live);
    struct format_chunk chunk = {
        .first_event = writer->first_event,
        .events = writer->nr_events,
        .peaks = {totals->peak_objects, totals->peak_rights, totals->peak_spaces,
                  totals->peak_caches, totals->peak_tasks},
    };

    if (!writer->started && writer_header(writer, error) != 0)
        return -1;
    if (writer->nr_events == 0)
        return 0;
    writer->columns.size = 0;
    if (codec_encode(writer->encoder, writer->events, &writer->payloads, writer->fresh, &chunk,
                     &writer->columns) != 0)
        return writer_no_memory(writer, error);
    /* What had numbers before is behind the guess, whoever chose them. */
    writer->fresh[NUMBERING_OBJECTS] = totals->peak_objects;
    writer->fresh[NUMBERING_RIGHTS] = totals->peak_rights;
    if (writer_compress(writer, &chunk, error) != 0)
        return -1;
    writer_section(writer, FORMAT_CHNK, &chunk);
    writer->first_event += chunk.events;
    writer->nr_events = 0;
    writer->payloads.size = 0;
    if (ferror(output_stream(writer->output)))
        return error_set(error, "%s: cannot write: is the disk full?", writer->path);
    return 0;
}

static int writer_event_error(const struct trace_writer *writer, const struct event *event,
                              struct error *error)
{
    return error_prefix(error, "%s: event %llu (time %llu, %s): ", writer->path,
                        (unsigned long long)live_totals(writer->live)->events,
                        (unsigned long long)event->time,
                        event->kind < EVENT_KINDS ? event_kind_name(event->kind) : "?");
}

static int writer_truth_known(const struct trace_writer *writer, const struct truth *truth,
                              struct error *error)
{
    for (unsigned i = 0; i < truth->nr_caches; i++)
        if (!live_cache(writer->live, truth->caches[i].cache))
            return error_set(error, "the truth counts cache %u, which is unknown",
                             truth->caches[i].cache);
    for (unsigned i = 0; i < truth->nr_spaces; i++)
        if (live_space(writer->live, truth->spaces[i].space) == LIVE_SPACE_NONE)
            return error_set(error, "the truth counts space %u, which is unknown",
                             truth->spaces[i].space);
    return 0;
}

/* A payload that no reader could take apart again is refused here, and one that its text would not
 * give back byte by byte. */
static int writer_payload(struct trace_writer *writer, const struct event *event,
                          const void *payload, size_t size, struct error *error)
{
    struct cache_definition definition;
    struct bytes again = {0};
    bool same;

    if (size != 0 && !event_has_payload(event->kind))
        return error_set(error, "a %s has no payload, found %zu bytes",
                         event_kind_name(event->kind), size);
    if (size == 0)
        payload = "";
    if (size > FORMAT_PAYLOAD_MAX)
        return error_set(error, "a payload of %zu bytes: expected at most %u", size,
                         FORMAT_PAYLOAD_MAX);
    if (event->kind == EVENT_CACHE_CREATE) {
        if (format_definition_get(payload, size, &definition, error) != 0)
            return -1;
        format_definition_put(&again, &definition);
    } else if (event->kind == EVENT_TRUTH) {
        if (format_truth_get(payload, size, writer->truth, error) != 0 ||
            writer_truth_known(writer, writer->truth, error) != 0)
            return -1;
        format_truth_put(&again, writer->truth);
    } else {
        return 0;
    }
    same = again.failed || (again.size == size && memcmp(again.data, payload, size) == 0);
    bytes_free(&again);
    return same ? 0 : error_set(error, "the payload is not in its shortest form");
}

int trace_write(struct trace_writer *writer, const struct event *event, const void *payload,
                size_t size, struct error *error)
{
    struct event *slot;

    if ((size != 0 || event->kind == EVENT_CACHE_CREATE || event->kind == EVENT_TRUTH) &&
        writer_payload(writer, event, payload, size, error) != 0)
        return writer_event_error(writer, event, error);
    if (live_event(writer->live, event, error) != 0)
        return writer_event_error(writer, event, error);
    slot = &writer->events[writer->nr_events++];
    *slot = *event;
    if (event_has_payload(event->kind)) {
        slot->address = writer->payloads.size | (uint64_t)size << 32;
        bytes_put(&writer->payloads, payload, size);
        if (writer->payloads.failed)
            return writer_no_memory(writer, error);
    }
    if (writer->nr_events == FORMAT_CHUNK_EVENTS ||
        writer->payloads.size > FORMAT_PAYLOADS_MAX - FORMAT_PAYLOAD_MAX)
        return writer_flush(writer, error);
    return 0;
}

int trace_write_cache(struct trace_writer *writer, const struct event *event,
                      const struct cache_definition *definition, struct error *error)
{
    struct bytes bytes = {0};
    int result;

    format_definition_put(&bytes, definition);
    if (bytes.failed) {
        bytes_free(&bytes);
        return writer_no_memory(writer, error);
    }
    result = trace_write(writer, event, bytes.data, bytes.size, error);
    bytes_free(&bytes);
    return result;
}

int trace_write_truth(struct trace_writer *writer, const struct event *event,
                      const struct truth *truth, struct error *error)
{
    struct bytes bytes = {0};
    int result;

    if (truth->nr_caches > sizeof(truth->caches) / sizeof(truth->caches[0]) ||
        truth->nr_segments > sizeof(truth->segments) / sizeof(truth->segments[0]) ||
        truth->nr_spaces > sizeof(truth->spaces) / sizeof(truth->spaces[0])) {
        error_set(error, "the truth counts %u caches, %u segments and %u spaces, which is too many",
                  truth->nr_caches, truth->nr_segments, truth->nr_spaces);
        return writer_event_error(writer, event, error);
    }
    format_truth_put(&bytes, truth);
    if (bytes.failed) {
        bytes_free(&bytes);
        return writer_no_memory(writer, error);
    }
    result = trace_write(writer, event, bytes.data, bytes.size, error);
    bytes_free(&bytes);
    return result;
}

static int writer_finish(struct trace_writer *writer, struct error *error)
{
    uint64_t index_offset = writer->offset;
    uint8_t trailer[FORMAT_TRAILER_SIZE];

    writer->body.size = 0;
    bytes_put32(&writer->body, writer->nr_sections);
    bytes_put(&writer->body, writer->index.data, writer->index.size);
    format_totals_put(&writer->body, live_totals(writer->live));
    format_header_put(&writer->body, &writer->header, writer->level);
    if (writer->body.failed || writer->index.failed)
        return writer_no_memory(writer, error);
    if (writer->header.machine.nr_segments > 4 || writer->body.size > FORMAT_INDEX_MAX)
        return error_set(error, "%s: the header or the index is too large", writer->path);
    writer_section(writer, FORMAT_INDX, NULL);
    put64(trailer, index_offset);
    put64(trailer + 8, writer->offset + FORMAT_TRAILER_SIZE);
    put64(trailer + 16, format_checksum(FORMAT_INDX, trailer, 16));
    memcpy(trailer + 24, FORMAT_TRAILER_MAGIC, 8);
    writer_put(writer, trailer, sizeof(trailer));
    return 0;
}

int trace_writer_close(struct trace_writer *writer, struct error *error)
{
    int result = writer_flush(writer, error);

    if (result == 0)
        result = writer_finish(writer, error);
    if (result == 0)
        result = output_commit(writer->output, error);
    else
        output_abort(writer->output);
    writer_free(writer);
    return result;
}

void trace_writer_abort(struct trace_writer *writer)
{
    if (writer == NULL)
        return;
    output_abort(writer->output);
    writer_free(writer);
}
