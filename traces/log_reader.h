/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lines of an event log, plain or compressed with zstd, from a file or the standard input.
 */

#ifndef TRACES_LOG_READER_H
#define TRACES_LOG_READER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define LOG_LINE_MAX 65536u

struct log_reader;

/* PATH "-" is the standard input. Whether it is compressed is told by its first bytes. NULL with
 * the error set. */
struct log_reader *log_reader_open(const char *path, struct error *error);
/* The same from FILE, a descriptor that is the reader's from then on, also after an error. NAME is
 * what errors call it. */
struct log_reader *log_reader_open_file(int file, const char *name, struct error *error);
void log_reader_close(struct log_reader *reader);

/* The next line without its end, in *TEXT, valid until the next call; a byte after it may be read
 * and is '\n'. 1, 0 at the end, -1 with the error set. A last line without an end counts. */
int log_reader_line(struct log_reader *reader, const char **text, size_t *size,
                    struct error *error);
/* Number of the line that was read last, from 1. */
uint64_t log_reader_number(const struct log_reader *reader);
/* After the last line: what shows that the file was cut short, NULL when nothing does. */
const char *log_reader_cut(const struct log_reader *reader);
const char *log_reader_name(const struct log_reader *reader);

/* All lines read from the start on are kept, until the reader is wound back to the first of them:
 * to be called before the first line is read, and once. */
void log_reader_keep(struct log_reader *reader);
void log_reader_rewind(struct log_reader *reader);

/* Bytes taken from the file so far, and its size (0 when it is a pipe): for a progress line. */
uint64_t log_reader_position(const struct log_reader *reader);
uint64_t log_reader_size(const struct log_reader *reader);

#endif
