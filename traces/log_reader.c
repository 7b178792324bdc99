/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lines of an event log.
 *
 * One buffer, filled by large reads, and lines handed out as pointers into it: nothing is copied
 * but the piece of a line at the buffer's end, once a refill. A log of a running system is some
 * hundred megabytes, so what a line costs here is what the whole import costs.
 *
 * The importer wants to know the start of a log before it says anything about it (which segments
 * there were, where the direct map ended). Files could be opened twice, pipes cannot, so the reader
 * can keep what it has read and go back: the buffer grows instead of being reused until then.
 */

#include "traces/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define BLOCK    (1u << 20)
#define KEPT_MAX (512u << 20) /* bytes; the start of a log is far less */

static const unsigned char zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

struct log_reader {
    int file;
    bool own_file;
    bool keep;
    bool ended;       /* of the text */
    bool input_ended; /* of the file */
    bool frame_open;  /* the compressed frame is not complete yet */
    const char *cut;  /* what shows that the file was cut short */
    char *name;
    uint64_t number; /* of the line that was read last */
    uint64_t position, size;

    char *text; /* [start, end) is not yet handed out */
    size_t start, end, room;

    ZSTD_DStream *stream; /* NULL: plain */
    char *input;
    size_t input_start, input_end;
};

/* A whole block, also from a pipe: what is found wrong is told with the same place however the log
 * came. */
static int reader_fill_input(struct log_reader *reader, struct error *error)
{
    size_t size = 0;

    while (size < BLOCK && !reader->input_ended) {
        ssize_t got = read(reader->file, reader->input + size, BLOCK - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, "%s: cannot read after byte %llu: %s", reader->name,
                             (unsigned long long)reader->position, strerror(errno));
        size += (size_t)got;
        reader->position += (uint64_t)got;
        reader->input_ended = got == 0;
    }
    reader->input_start = 0;
    reader->input_end = size;
    return 0;
}

static int reader_room(struct log_reader *reader, struct error *error)
{
    size_t rest = reader->end - reader->start;

    if (!reader->keep && reader->start != 0) {
        memmove(reader->text, reader->text + reader->start, rest);
        reader->start = 0;
        reader->end = rest;
    }
    if (reader->room - reader->end < BLOCK + 1) {
        size_t room = 2 * reader->room + BLOCK + 1;
        char *grown = realloc(reader->text, room);

        if (grown == NULL)
            return error_set(error, "%s: not enough memory for %zu bytes of text", reader->name,
                             room);
        reader->text = grown;
        reader->room = room;
    }
    return 0;
}

static int reader_inflate(struct log_reader *reader, struct error *error)
{
    ZSTD_inBuffer in = {reader->input + reader->input_start,
                        reader->input_end - reader->input_start, 0};
    ZSTD_outBuffer out = {reader->text + reader->end, BLOCK, 0};
    size_t code = ZSTD_decompressStream(reader->stream, &out, &in);

    if (ZSTD_isError(code))
        return error_set(error, "%s: damaged compressed data before byte %llu: %s", reader->name,
                         (unsigned long long)reader->position, ZSTD_getErrorName(code));
    if (in.pos != 0 || out.pos != 0)
        reader->frame_open = code != 0;
    reader->input_start += in.pos;
    reader->end += out.pos;
    /* At the end of the input the stream may still hold text that found no room. */
    if (reader->input_ended && reader->input_start == reader->input_end && out.pos == 0) {
        reader->ended = true;
        if (reader->frame_open)
            reader->cut = "the compressed data ends inside a frame";
    }
    return 0;
}

static int reader_copy(struct log_reader *reader)
{
    size_t size = reader->input_end - reader->input_start;

    memcpy(reader->text + reader->end, reader->input + reader->input_start, size);
    reader->end += size;
    reader->input_start = reader->input_end;
    reader->ended = reader->input_ended;
    return 0;
}

/* More text after what is there, or the end. */
static int reader_fill(struct log_reader *reader, struct error *error)
{
    size_t had;

    if (reader_room(reader, error) != 0)
        return -1;
    had = reader->end;
    while (reader->end == had && !reader->ended) {
        if (reader->input_start == reader->input_end && !reader->input_ended &&
            reader_fill_input(reader, error) != 0)
            return -1;
        if ((reader->stream != NULL ? reader_inflate(reader, error) : reader_copy(reader)) != 0)
            return -1;
    }
    return 0;
}

static int reader_start(struct log_reader *reader, struct error *error)
{
    if (reader_fill_input(reader, error) != 0)
        return -1;
    if (reader->input_end < sizeof(zstd_magic) ||
        memcmp(reader->input, zstd_magic, sizeof(zstd_magic)) != 0)
        return 0;
    reader->stream = ZSTD_createDStream();
    if (reader->stream == NULL)
        return error_set(error, "%s: not enough memory to decompress", reader->name);
    reader->frame_open = true;
    return 0;
}

static struct log_reader *reader_open(int file, bool own_file, const char *name,
                                      struct error *error)
{
    struct log_reader *reader = calloc(1, sizeof(*reader));
    struct stat status;

    if (reader == NULL) {
        if (own_file)
            close(file);
        error_set(error, "%s: not enough memory", name);
        return NULL;
    }
    reader->name = strdup(name);
    reader->input = malloc(BLOCK);
    reader->file = file;
    reader->own_file = own_file;
    if (reader->name == NULL || reader->input == NULL) {
        error_set(error, "%s: not enough memory", name);
        log_reader_close(reader);
        return NULL;
    }
    if (fstat(reader->file, &status) == 0 && S_ISREG(status.st_mode))
        reader->size = (uint64_t)status.st_size;
    if (reader_start(reader, error) != 0) {
        log_reader_close(reader);
        return NULL;
    }
    return reader;
}

struct log_reader *log_reader_open(const char *path, struct error *error)
{
    int file;

    if (strcmp(path, "-") == 0)
        return reader_open(STDIN_FILENO, false, "standard input", error);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        error_set(error, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    return reader_open(file, true, path, error);
}

struct log_reader *log_reader_open_file(int file, const char *name, struct error *error)
{
    return reader_open(file, true, name, error);
}

void log_reader_close(struct log_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->own_file && reader->file >= 0)
        close(reader->file);
    if (reader->stream != NULL)
        ZSTD_freeDStream(reader->stream);
    free(reader->input);
    free(reader->text);
    free(reader->name);
    free(reader);
}

int log_reader_line(struct log_reader *reader, const char **text, size_t *size, struct error *error)
{
    size_t looked = 0; /* bytes known to hold no line end */
    char *end;

    /* A small compressed file can be any amount of text: it ends here while it is kept. */
    if (reader->keep && reader->start > KEPT_MAX)
        return 0;

    for (;;) {
        size_t there = reader->end - reader->start;

        end = there > looked ? memchr(reader->text + reader->start + looked, '\n', there - looked)
                             : NULL;
        if (end != NULL)
            break;
        if (there > LOG_LINE_MAX)
            return error_set(error,
                             "%s:%llu: a line of more than %u bytes: expected an event log, "
                             "plain or compressed with zstd",
                             reader->name, (unsigned long long)reader->number + 1, LOG_LINE_MAX);
        looked = there;
        if (reader->ended) {
            if (there < 4 || memcmp(reader->text + reader->start, "end ", 4) != 0) {
                if (there != 0 && reader->cut == NULL)
                    reader->cut = "the next line has no end";
                return 0;
            }
            reader->text[reader->end] = '\n'; /* there is always a byte of room */
            *text = reader->text + reader->start;
            *size = there;
            reader->start = reader->end;
            reader->number++;
            return 1;
        }
        if (reader_fill(reader, error) != 0)
            return -1;
    }
    *text = reader->text + reader->start;
    *size = (size_t)(end - *text);
    reader->start += *size + 1;
    reader->number++;
    return 1;
}

uint64_t log_reader_number(const struct log_reader *reader)
{
    return reader->number;
}

const char *log_reader_cut(const struct log_reader *reader)
{
    return reader->cut;
}

const char *log_reader_name(const struct log_reader *reader)
{
    return reader->name;
}

void log_reader_keep(struct log_reader *reader)
{
    reader->keep = true;
}

void log_reader_rewind(struct log_reader *reader)
{
    reader->keep = false;
    reader->start = 0;
    reader->number = 0;
}

uint64_t log_reader_position(const struct log_reader *reader)
{
    return reader->position;
}

uint64_t log_reader_size(const struct log_reader *reader)
{
    return reader->size;
}
