/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The reader: a batch of events at a time, decoded into memory that is reused.
 *
 * Opening reads both ends of the file: the header at the start, and the trailer and index at the
 * end, which tell the totals and the size of every section, so that all memory is had before the
 * first event and sizes that cannot be are refused before anything is allocated for them. The
 * bytes of a trace are never trusted, checksums or not: a checksum finds accidents, not malice.
 *
 * When the end is missing, the sections are walked from the start, and the trace ends with the last
 * chunk that is whole. Its totals are then counted by reading it once.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "traces/codec.h"
#include "traces/format.h"
#include "traces/live.h"
#include "traces/trace_private.h"

struct trace_reader {
    char *path;
    int fd;
    uint64_t size;
    struct trace_header header, first_header;
    int level;
    struct trace_totals totals;
    struct format_section *sections; /* chunks only, once opened */
    uint32_t nr_sections;
    uint64_t digest;
    bool verify; /* chunks say what their content's digest says */
    uint64_t missing;
    char missing_text[256];
    ZSTD_DCtx *decompressor;
    struct codec_decoder *decoder;
    struct event *batch;
    uint8_t *body, *columns;
    uint32_t body_room, columns_room;
    uint32_t next;        /* chunk to load next */
    bool loaded;          /* a chunk is being decoded */
    uint64_t position;    /* first event of the batch */
    uint64_t chunk_event; /* first event of the chunk */
    uint64_t chunk_time;  /* last time of the chunk before */
    uint32_t chunk_done;
    uint64_t columns_read;
};

static int reader_error(const struct trace_reader *reader, struct error *error)
{
    return error_prefix(error, "%s: ", reader->path);
}

static int reader_no_memory(const struct trace_reader *reader, struct error *error)
{
    return error_set(error, "%s: not enough memory to read the trace", reader->path);
}

static int read_at(const struct trace_reader *reader, void *data, size_t size, uint64_t offset,
                   struct error *error)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(reader->fd, (char *)data + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(error, "%s: cannot read at byte %" PRIu64 ": %s", reader->path,
                             offset + done, strerror(errno));
        if (n == 0)
            return error_set(error, "%s: the file ends at byte %" PRIu64 ", expected %zu more",
                             reader->path, offset + done, size - done);
        done += (size_t)n;
    }
    return 0;
}

/* ---- Sections ---- */

static int section_known(const struct trace_reader *reader, uint32_t tag, uint64_t offset,
                         struct error *error)
{
    char name[5];

    for (unsigned i = 0; i < 4; i++) {
        uint8_t c = (uint8_t)(tag >> 8 * i);

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return error_set(error, "%s: byte %" PRIu64 ": expected a section, found %08x",
                             reader->path, offset, tag);
    }
    if (tag == FORMAT_HEAD || tag == FORMAT_CHNK || tag == FORMAT_INDX || (tag & 0x20) != 0)
        return 0;
    return error_set(error,
                     "%s: section %s at byte %" PRIu64 " is required and unknown to this version "
                     "(" ALLOTROPE_VERSION "): a newer one wrote the trace",
                     reader->path, format_tag_name(tag, name), offset);
}

static uint32_t section_limit(uint32_t tag)
{
    return tag == FORMAT_INDX ? FORMAT_INDEX_MAX : FORMAT_BODY_MAX;
}

/* Reads the frame at OFFSET and checks its size against the file's. */
static int section_frame(const struct trace_reader *reader, uint64_t offset,
                         struct format_section *section, struct error *error)
{
    uint8_t frame[FORMAT_FRAME_SIZE];
    char name[5];

    if (offset + FORMAT_FRAME_SIZE > reader->size)
        return error_set(error,
                         "%s: the file ends at byte %" PRIu64 ", inside the section at byte "
                         "%" PRIu64,
                         reader->path, reader->size, offset);
    if (read_at(reader, frame, sizeof(frame), offset, error) != 0)
        return -1;
    memset(section, 0, sizeof(*section));
    section->tag = get32(frame);
    section->offset = offset;
    section->size = get32(frame + 4);
    section->checksum = get64(frame + 8);
    if (section_known(reader, section->tag, offset, error) != 0)
        return -1;
    if (section->size > section_limit(section->tag))
        return error_set(error,
                         "%s: section %s at byte %" PRIu64 " has %u bytes, expected at most %u",
                         reader->path, format_tag_name(section->tag, name), offset, section->size,
                         section_limit(section->tag));
    if (section->size > reader->size - offset - FORMAT_FRAME_SIZE)
        return error_set(error,
                         "%s: section %s at byte %" PRIu64 " has %u bytes, but the file ends after "
                         "%" PRIu64 " of them",
                         reader->path, format_tag_name(section->tag, name), offset, section->size,
                         reader->size - offset - FORMAT_FRAME_SIZE);
    return 0;
}

/* WHICH stands before the section in the error: "chunk 3, " or nothing. */
static int section_body(const struct trace_reader *reader, const struct format_section *section,
                        const char *which, uint8_t *body, struct error *error)
{
    uint64_t checksum;
    char name[5];

    if (read_at(reader, body, section->size, section->offset + FORMAT_FRAME_SIZE, error) != 0)
        return -1;
    checksum = format_checksum(section->tag, body, section->size);
    if (checksum != section->checksum)
        return error_set(error,
                         "%s: %ssection %s at byte %" PRIu64 " is damaged: its checksum is "
                         "%016" PRIx64 ", expected %016" PRIx64,
                         reader->path, which, format_tag_name(section->tag, name), section->offset,
                         checksum, section->checksum);
    return 0;
}

/* The body of a section in memory of its own; NULL on error. */
static uint8_t *section_load(const struct trace_reader *reader,
                             const struct format_section *section, struct error *error)
{
    uint8_t *body = malloc(section->size != 0 ? section->size : 1);

    if (body == NULL) {
        reader_no_memory(reader, error);
        return NULL;
    }
    if (section_body(reader, section, "", body, error) != 0) {
        free(body);
        return NULL;
    }
    return body;
}

/* ---- Opening ---- */

static int open_prelude(struct trace_reader *reader, struct error *error)
{
    static const uint8_t zeros[6];
    uint8_t prelude[FORMAT_PRELUDE_SIZE];

    if (reader->size < FORMAT_PRELUDE_SIZE)
        return error_set(error,
                         "%s: a file of %" PRIu64 " bytes is no trace: expected at least %d bytes",
                         reader->path, reader->size, FORMAT_PRELUDE_SIZE);
    if (read_at(reader, prelude, sizeof(prelude), 0, error) != 0)
        return -1;
    if (memcmp(prelude, FORMAT_MAGIC, 8) != 0)
        return error_set(error,
                         "%s: not a trace: it does not start with the trace's magic number (an "
                         "event log is made a trace with 'allotrope trace import')",
                         reader->path);
    if (get16(prelude + 8) != FORMAT_VERSION)
        return error_set(error, "%s: the trace has version %u, expected %d", reader->path,
                         get16(prelude + 8), FORMAT_VERSION);
    if (memcmp(prelude + 10, zeros, sizeof(zeros)) != 0)
        return error_set(error, "%s: bytes 10 to 15 are not zero, as version %d has them",
                         reader->path, FORMAT_VERSION);
    return 0;
}

static int open_header(struct trace_reader *reader, struct error *error)
{
    struct format_section section;
    struct cursor cursor;
    uint8_t *body;
    int result;
    char name[5];

    if (section_frame(reader, FORMAT_PRELUDE_SIZE, &section, error) != 0)
        return -1;
    if (section.tag != FORMAT_HEAD)
        return error_set(error, "%s: byte %d: expected section HEAD, found %s", reader->path,
                         FORMAT_PRELUDE_SIZE, format_tag_name(section.tag, name));
    body = section_load(reader, &section, error);
    if (body == NULL)
        return -1;
    cursor = (struct cursor){.next = body, .end = body + section.size};
    result = format_header_get(&cursor, &reader->first_header, &reader->level, error);
    if (result == 0 && cursor.next != cursor.end)
        result = error_set(error, "%zu bytes are left over after the header",
                           (size_t)(cursor.end - cursor.next));
    free(body);
    return result == 0 ? 0 : reader_error(reader, error);
}

/* Takes the sections of the index over: they must follow each other without a gap. */
static int index_sections(struct trace_reader *reader, struct cursor *cursor, uint64_t index_offset,
                          struct error *error)
{
    uint32_t count = cursor_32(cursor), i;
    uint64_t offset = FORMAT_PRELUDE_SIZE, events = 0;

    if (count > (size_t)(cursor->end - cursor->next) / FORMAT_INDEX_ENTRY_SIZE)
        return error_set(error, "%s: the index counts %u sections and has no room for them",
                         reader->path, count);
    reader->sections = calloc(count != 0 ? count : 1, sizeof(*reader->sections));
    if (reader->sections == NULL)
        return reader_no_memory(reader, error);
    for (i = 0; i < count; i++) {
        struct format_section section = {.tag = cursor_32(cursor), .events = cursor_32(cursor)};

        section.offset = cursor_64(cursor);
        section.size = cursor_32(cursor);
        section.columns = cursor_32(cursor);
        section.checksum = cursor_64(cursor);
        section.content = cursor_64(cursor);
        if (section_known(reader, section.tag, section.offset, error) != 0)
            return -1;
        if (section.offset != offset || section.size > section_limit(section.tag) ||
            offset + FORMAT_FRAME_SIZE + section.size > index_offset ||
            (i == 0) != (section.tag == FORMAT_HEAD) || section.tag == FORMAT_INDX)
            return error_set(error,
                             "%s: section %u of the index is at byte %" PRIu64
                             " with %u bytes, expected byte %" PRIu64,
                             reader->path, i, section.offset, section.size, offset);
        offset += FORMAT_FRAME_SIZE + section.size;
        if (section.tag != FORMAT_CHNK)
            continue;
        if (section.events == 0 || section.events > FORMAT_CHUNK_EVENTS ||
            section.columns > FORMAT_COLUMNS_MAX || section.size < FORMAT_CHUNK_HEADER_SIZE)
            return error_set(error,
                             "%s: chunk %u has %u events in %u bytes: expected 1 to %u events in "
                             "at most %u",
                             reader->path, reader->nr_sections, section.events, section.columns,
                             FORMAT_CHUNK_EVENTS, FORMAT_COLUMNS_MAX);
        events += section.events;
        reader->sections[reader->nr_sections++] = section;
    }
    if (offset != index_offset)
        return error_set(error, "%s: the sections end at byte %" PRIu64 ", expected %" PRIu64,
                         reader->path, offset, index_offset);
    reader->totals.events = events;
    return 0;
}

static int totals_check(const struct trace_reader *reader, uint64_t events, struct error *error)
{
    const struct trace_totals *totals = &reader->totals;
    uint64_t limit = format_number_limit(events), sum = 0;

    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        if (totals->by_kind[kind] > events || totals->peak_live[kind] > events)
            return error_set(error, "%s: the index counts more %s events than there are",
                             reader->path, event_kind_name(kind));
        sum += totals->by_kind[kind];
    }
    if (totals->events != events || sum != events)
        return error_set(error, "%s: the index counts %" PRIu64 " events, the chunks have %" PRIu64,
                         reader->path, totals->events, events);
    if (totals->peak_objects > limit || totals->peak_rights > limit ||
        totals->peak_spaces > limit || totals->peak_caches > 65536 || totals->peak_tasks > 65536)
        return error_set(error,
                         "%s: %u objects, %u rights, %u spaces, %u caches and %u tasks are too "
                         "many for %" PRIu64 " events",
                         reader->path, totals->peak_objects, totals->peak_rights,
                         totals->peak_spaces, totals->peak_caches, totals->peak_tasks, events);
    return 0;
}

static int index_parse(struct trace_reader *reader, const uint8_t *body,
                       const struct format_section *index, struct error *error)
{
    struct cursor cursor = {.next = body, .end = body + index->size};
    uint64_t events;
    int level;

    if (index_sections(reader, &cursor, index->offset, error) != 0)
        return -1;
    events = reader->totals.events;
    if (format_totals_get(&cursor, &reader->totals, error) != 0)
        return reader_error(reader, error);
    if (totals_check(reader, events, error) != 0)
        return -1;
    if (format_header_get(&cursor, &reader->header, &level, error) != 0)
        return reader_error(reader, error);
    if (cursor.next != cursor.end || level != reader->level)
        return error_set(error, "%s: the index at byte %" PRIu64 " is malformed after the totals",
                         reader->path, index->offset);
    return 0;
}

/* Whether the trailer is there; *OFFSET is that of the index. */
static bool trailer_found(const struct trace_reader *reader, uint64_t *offset)
{
    uint8_t trailer[FORMAT_TRAILER_SIZE];
    struct error ignored;

    if (reader->size < FORMAT_PRELUDE_SIZE + FORMAT_FRAME_SIZE + FORMAT_TRAILER_SIZE ||
        read_at(reader, trailer, sizeof(trailer), reader->size - sizeof(trailer), &ignored) != 0)
        return false;
    *offset = get64(trailer);
    return memcmp(trailer + 24, FORMAT_TRAILER_MAGIC, 8) == 0 &&
           get64(trailer + 16) == format_checksum(FORMAT_INDX, trailer, 16) &&
           get64(trailer + 8) == reader->size && *offset < reader->size - FORMAT_TRAILER_SIZE;
}

static int open_index(struct trace_reader *reader, uint64_t offset, struct error *error)
{
    struct format_section index;
    uint8_t *body;
    int result;

    if (section_frame(reader, offset, &index, error) != 0)
        return -1;
    if (index.tag != FORMAT_INDX ||
        offset + FORMAT_FRAME_SIZE + index.size + FORMAT_TRAILER_SIZE != reader->size)
        return error_set(error, "%s: byte %" PRIu64 ": expected the index, up to the trailer",
                         reader->path, offset);
    body = section_load(reader, &index, error);
    if (body == NULL)
        return -1;
    result = index_parse(reader, body, &index, error);
    free(body);
    return result;
}

/* ---- A trace that was cut short ---- */

static int walk_add(struct trace_reader *reader, const struct format_section *section,
                    const uint8_t *body, struct error *error)
{
    struct format_section *sections;
    struct format_chunk chunk;

    if (section->size < FORMAT_CHUNK_HEADER_SIZE)
        return error_set(error, "a chunk of %u bytes", section->size);
    format_chunk_get(body, &chunk);
    if (chunk.events == 0 || chunk.events > FORMAT_CHUNK_EVENTS ||
        chunk.columns > FORMAT_COLUMNS_MAX)
        return error_set(error, "a chunk of %u events in %u bytes", chunk.events, chunk.columns);
    if ((reader->nr_sections & (reader->nr_sections - 1)) == 0) {
        size_t room = reader->nr_sections == 0 ? 1 : 2 * (size_t)reader->nr_sections;

        sections = realloc(reader->sections, room * sizeof(*sections));
        if (sections == NULL)
            return error_set(error, "not enough memory");
        reader->sections = sections;
    }
    reader->sections[reader->nr_sections] = *section;
    reader->sections[reader->nr_sections].events = chunk.events;
    reader->sections[reader->nr_sections].columns = chunk.columns;
    reader->sections[reader->nr_sections].content = chunk.content;
    reader->nr_sections++;
    return 0;
}

/* Takes over every whole section; returns the offset after the last one, and why it ended. */
static uint64_t walk_sections(struct trace_reader *reader, struct error *why)
{
    uint64_t offset = FORMAT_PRELUDE_SIZE;
    struct format_section section;

    while (section_frame(reader, offset, &section, why) == 0) {
        uint8_t *body = section_load(reader, &section, why);
        int result;

        if (body == NULL)
            break;
        result = section.tag == FORMAT_CHNK ? walk_add(reader, &section, body, why) : 0;
        free(body);
        if (result != 0)
            break;
        offset += FORMAT_FRAME_SIZE + section.size;
    }
    return offset;
}

static int open_walk(struct trace_reader *reader, struct error *error)
{
    struct error why = {""};
    uint64_t end = walk_sections(reader, &why);

    if (reader->nr_sections == 0)
        return error_set(error,
                         "%s: the trace was cut short before its first whole chunk: it has "
                         "%" PRIu64 " bytes",
                         reader->path, reader->size);
    reader->missing = reader->size > end ? reader->size - end : 1;
    snprintf(reader->missing_text, sizeof(reader->missing_text),
             "cut short: %u whole chunks end at byte %" PRIu64 ", the index is missing and "
             "%" PRIu64 " bytes after them are left out",
             reader->nr_sections, end, reader->size - end);
    if (format_header_copy(&reader->header, &reader->first_header) != 0)
        return reader_no_memory(reader, error);
    return 0;
}

/* Totals of a trace without an index, by reading it. */
static int open_count(struct trace_reader *reader, struct error *error)
{
    struct live *live = live_create(reader->header.machine.page_size);
    const struct event *events;
    int n = 0, i;

    if (live == NULL)
        return reader_no_memory(reader, error);
    while ((n = trace_read(reader, &events, error)) > 0) {
        for (i = 0; i < n; i++) {
            if (live_event(live, &events[i], error) != 0) {
                n = trace_event_error(reader, reader->position + (uint64_t)i, error);
                break;
            }
        }
        if (n < 0)
            break;
    }
    if (n == 0)
        reader->totals = *live_totals(live);
    live_destroy(live);
    return n < 0 ? -1 : trace_rewind(reader, error);
}

/* What the trace says, not how it was compressed: the machine, and each chunk's content. */
static int open_digest(struct trace_reader *reader, struct error *error)
{
    struct bytes bytes = {0};
    bool failed;

    format_machine_put(&bytes, &reader->header.machine);
    for (uint32_t i = 0; i < reader->nr_sections; i++)
        bytes_put64(&bytes, reader->sections[i].content);
    failed = bytes.failed;
    if (!failed)
        reader->digest = XXH3_64bits(bytes.data, bytes.size);
    bytes_free(&bytes); /* forgets that it failed */
    return failed ? reader_no_memory(reader, error) : 0;
}

static int open_buffers(struct trace_reader *reader, struct error *error)
{
    for (uint32_t i = 0; i < reader->nr_sections; i++) {
        const struct format_section *section = &reader->sections[i];

        if (section->size > reader->body_room)
            reader->body_room = section->size;
        if (section->columns > reader->columns_room)
            reader->columns_room = section->columns;
    }
    reader->body = malloc((size_t)reader->body_room + 1);
    reader->columns = malloc((size_t)reader->columns_room + CODEC_SLACK);
    reader->batch = aligned_alloc(64, CODEC_BATCH * sizeof(*reader->batch));
    reader->decompressor = ZSTD_createDCtx();
    reader->decoder = codec_decoder_create();
    if (reader->body == NULL || reader->columns == NULL || reader->batch == NULL ||
        reader->decompressor == NULL || reader->decoder == NULL)
        return reader_no_memory(reader, error);
    return 0;
}

static int open_file(struct trace_reader *reader, struct error *error)
{
    struct stat status;
    uint64_t index;

    reader->fd = open(reader->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (reader->fd < 0 || fstat(reader->fd, &status) != 0)
        return error_set(error, "%s: cannot open the trace: %s", reader->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(error,
                         "%s: not a regular file: a trace is read from both ends, so it cannot "
                         "come from a folder, device or pipe",
                         reader->path);
    reader->size = (uint64_t)status.st_size;
    if (open_prelude(reader, error) != 0 || open_header(reader, error) != 0)
        return -1;
    if (trailer_found(reader, &index)) {
        if (open_index(reader, index, error) != 0)
            return -1;
    } else if (open_walk(reader, error) != 0) {
        return -1;
    }
    if (open_digest(reader, error) != 0 || open_buffers(reader, error) != 0)
        return -1;
    return reader->missing != 0 ? open_count(reader, error) : 0;
}

struct trace_reader *trace_open(const char *path, struct error *error)
{
    struct trace_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL || (reader->path = strdup(path)) == NULL) {
        free(reader);
        error_set(error, "%s: not enough memory to read the trace", path);
        return NULL;
    }
    if (open_file(reader, error) != 0) {
        trace_close(reader);
        return NULL;
    }
    return reader;
}

void trace_close(struct trace_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->fd >= 0)
        close(reader->fd);
    trace_header_free(&reader->header);
    trace_header_free(&reader->first_header);
    free(reader->sections);
    free(reader->body);
    free(reader->columns);
    free(reader->batch);
    ZSTD_freeDCtx(reader->decompressor);
    codec_decoder_destroy(reader->decoder);
    free(reader->path);
    free(reader);
}

/* ---- Reading ---- */

static int chunk_error(const struct trace_reader *reader, uint32_t chunk, struct error *error)
{
    return error_prefix(error, "%s: chunk %u (byte %" PRIu64 "): ", reader->path, chunk,
                        reader->sections[chunk].offset);
}

/* The chunk's own header must agree with the index and with the chunks before. */
static int chunk_check(const struct trace_reader *reader, const struct format_section *section,
                       const struct format_chunk *chunk, struct error *error)
{
    const struct trace_totals *totals = &reader->totals;
    const struct format_peaks *peaks = &chunk->peaks;

    if (chunk->events != section->events || chunk->columns != section->columns)
        return error_set(error, "%u events in %u bytes, expected %u in %u by the index",
                         chunk->events, chunk->columns, section->events, section->columns);
    if (chunk->content != section->content)
        return error_set(error,
                         "its content is %016" PRIx64 ", expected %016" PRIx64 " by the index",
                         chunk->content, section->content);
    if (chunk->first_event != reader->chunk_event)
        return error_set(error, "it starts with event %" PRIu64 ", expected %" PRIu64,
                         chunk->first_event, reader->chunk_event);
    if (chunk->first_time < reader->chunk_time)
        return error_set(error, "it starts at time %" PRIu64 ", expected at least %" PRIu64,
                         chunk->first_time, reader->chunk_time);
    /* While the totals of a trace that was cut short are counted there is nothing to hold it
     * against but the number of its events. */
    if (totals->events == 0) {
        uint64_t limit = format_number_limit(chunk->first_event + chunk->events);

        if (peaks->objects > limit || peaks->rights > limit || peaks->spaces > limit ||
            peaks->caches > 65536 || peaks->tasks > 65536)
            return error_set(error, "its highest numbers are too high for its events");
        return 0;
    }
    if (peaks->objects > totals->peak_objects || peaks->rights > totals->peak_rights ||
        peaks->spaces > totals->peak_spaces || peaks->caches > totals->peak_caches ||
        peaks->tasks > totals->peak_tasks)
        return error_set(error,
                         "%u objects, %u rights, %u spaces, %u caches, %u tasks: expected at most "
                         "%u, %u, %u, %u, %u by the index",
                         peaks->objects, peaks->rights, peaks->spaces, peaks->caches, peaks->tasks,
                         totals->peak_objects, totals->peak_rights, totals->peak_spaces,
                         totals->peak_caches, totals->peak_tasks);
    return 0;
}

static int chunk_decompress(struct trace_reader *reader, const struct format_section *section,
                            struct error *error)
{
    size_t size = ZSTD_decompressDCtx(reader->decompressor, reader->columns, section->columns,
                                      reader->body + FORMAT_CHUNK_HEADER_SIZE,
                                      section->size - FORMAT_CHUNK_HEADER_SIZE);

    if (ZSTD_isError(size))
        return error_set(error, "it cannot be decompressed: %s", ZSTD_getErrorName(size));
    if (size != section->columns)
        return error_set(error, "it decompresses to %zu bytes, expected %u", size,
                         section->columns);
    memset(reader->columns + size, 0, CODEC_SLACK);
    if (reader->verify) {
        uint64_t content = format_content(reader->body, reader->columns, size);

        if (content != section->content)
            return error_set(error, "its content is %016" PRIx64 ", and it says %016" PRIx64,
                             content, section->content);
    }
    return 0;
}

static int chunk_load(struct trace_reader *reader, struct error *error)
{
    const struct format_section *section = &reader->sections[reader->next];
    struct format_section frame;
    struct format_chunk chunk;
    char which[32];

    if (section_frame(reader, section->offset, &frame, error) != 0)
        return -1;
    if (frame.tag != section->tag || frame.size != section->size ||
        frame.checksum != section->checksum) {
        error_set(error, "its frame differs from the index");
        return chunk_error(reader, reader->next, error);
    }
    snprintf(which, sizeof(which), "chunk %u, ", reader->next);
    if (section_body(reader, section, which, reader->body, error) != 0)
        return -1;
    format_chunk_get(reader->body, &chunk);
    if (chunk_check(reader, section, &chunk, error) != 0 ||
        chunk_decompress(reader, section, error) != 0 ||
        codec_decode_begin(reader->decoder, &chunk, reader->columns, error) != 0)
        return chunk_error(reader, reader->next, error);
    reader->next++;
    reader->loaded = true;
    reader->chunk_done = 0;
    reader->columns_read += chunk.columns;
    return 0;
}

int trace_read(struct trace_reader *reader, const struct event **events, struct error *error)
{
    uint32_t bad;
    int n;

    for (;;) {
        if (!reader->loaded) {
            if (reader->next == reader->nr_sections)
                return 0;
            if (chunk_load(reader, error) != 0)
                return -1;
        }
        n = codec_decode(reader->decoder, reader->batch, &bad, error);
        if (n < 0)
            return trace_event_error(reader, reader->chunk_event + bad, error);
        if (n > 0)
            break;
        reader->chunk_event += reader->sections[reader->next - 1].events;
        reader->loaded = false;
    }
    reader->position = reader->chunk_event + reader->chunk_done;
    reader->chunk_done += (uint32_t)n;
    reader->chunk_time = reader->batch[n - 1].time;
    *events = reader->batch;
    return n;
}

int trace_rewind(struct trace_reader *reader, struct error *error)
{
    (void)error;
    reader->next = 0;
    reader->loaded = false;
    reader->position = reader->chunk_event = reader->chunk_time = 0;
    reader->chunk_done = 0;
    reader->columns_read = 0;
    return 0;
}

int trace_event_error(const struct trace_reader *reader, uint64_t number, struct error *error)
{
    uint32_t chunk = reader->next == 0 ? 0 : reader->next - 1;

    return error_prefix(error, "%s: chunk %u (byte %" PRIu64 "), event %" PRIu64 ": ", reader->path,
                        chunk, reader->nr_sections == 0 ? 0 : reader->sections[chunk].offset,
                        number);
}

const void *trace_payload(const struct trace_reader *reader, const struct event *event,
                          size_t *size)
{
    return codec_payload(reader->decoder, event, size);
}

static int payload_error(const struct trace_reader *reader, const struct event *event,
                         struct error *error)
{
    return trace_event_error(reader, reader->position + (uint64_t)(event - reader->batch), error);
}

int trace_decode_cache(const struct trace_reader *reader, const struct event *event,
                       struct cache_definition *definition, struct error *error)
{
    size_t size;
    const void *payload = trace_payload(reader, event, &size);

    if (event->kind != EVENT_CACHE_CREATE)
        error_set(error, "a %s defines no cache", event_kind_name(event->kind));
    else if (format_definition_get(payload, size, definition, error) == 0)
        return 0;
    return payload_error(reader, event, error);
}

/* What the truth speaks of must be in the range that the reader's caller has arrays for. */
static int truth_check(const struct trace_reader *reader, const struct truth *truth,
                       struct error *error)
{
    const struct trace_totals *totals = &reader->totals;

    for (unsigned i = 0; i < truth->nr_caches; i++)
        if (truth->caches[i].cache >= totals->peak_caches)
            return error_set(error, "the truth counts cache %u, expected less than %u",
                             truth->caches[i].cache, totals->peak_caches);
    for (unsigned i = 0; i < truth->nr_spaces; i++)
        if (truth->spaces[i].space >= totals->peak_spaces)
            return error_set(error, "the truth counts space %u, expected less than %u",
                             truth->spaces[i].space, totals->peak_spaces);
    return 0;
}

int trace_decode_truth(const struct trace_reader *reader, const struct event *event,
                       struct truth *truth, struct error *error)
{
    size_t size;
    const void *payload = trace_payload(reader, event, &size);

    if (event->kind != EVENT_TRUTH)
        error_set(error, "a %s holds no truth", event_kind_name(event->kind));
    else if (format_truth_get(payload, size, truth, error) == 0 &&
             truth_check(reader, truth, error) == 0)
        return 0;
    return payload_error(reader, event, error);
}

void trace_verify_content(struct trace_reader *reader)
{
    reader->verify = true;
}

int trace_verify_sections(const struct trace_reader *reader, struct error *error)
{
    uint64_t offset = FORMAT_PRELUDE_SIZE;
    struct format_section section = {0};

    while (section.tag != FORMAT_INDX) {
        uint8_t *body;

        if (section_frame(reader, offset, &section, error) != 0)
            return -1;
        body = section_load(reader, &section, error);
        if (body == NULL)
            return -1;
        free(body);
        offset += FORMAT_FRAME_SIZE + section.size;
    }
    return 0;
}

/* ---- What is known of a trace ---- */

const struct trace_header *trace_header(const struct trace_reader *reader)
{
    return &reader->header;
}

const struct trace_header *trace_first_header(const struct trace_reader *reader)
{
    return &reader->first_header;
}

const struct trace_totals *trace_totals(const struct trace_reader *reader)
{
    return &reader->totals;
}

uint64_t trace_digest(const struct trace_reader *reader)
{
    return reader->digest;
}

uint64_t trace_missing(const struct trace_reader *reader, const char **text)
{
    if (text != NULL)
        *text = reader->missing_text;
    return reader->missing;
}

int trace_level(const struct trace_reader *reader)
{
    return reader->level;
}

const char *trace_path(const struct trace_reader *reader)
{
    return reader->path;
}

uint64_t trace_file_size(const struct trace_reader *reader)
{
    return reader->size;
}

unsigned trace_chunks(const struct trace_reader *reader)
{
    return reader->nr_sections;
}

uint64_t trace_position(const struct trace_reader *reader)
{
    return reader->position;
}

uint64_t trace_columns_read(const struct trace_reader *reader)
{
    return reader->columns_read;
}
