/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the commands need of the reader beyond trace.h. Private to this folder. */

#ifndef TRACES_TRACE_PRIVATE_H
#define TRACES_TRACE_PRIVATE_H

#include "traces/format.h"
#include "traces/trace.h"

/* The header as it stood when the first chunk was written. */
const struct trace_header *trace_first_header(const struct trace_reader *reader);
int trace_level(const struct trace_reader *reader);
const char *trace_path(const struct trace_reader *reader);
uint64_t trace_file_size(const struct trace_reader *reader);
unsigned trace_chunks(const struct trace_reader *reader);
/* Number of the first event of the current batch. */
uint64_t trace_position(const struct trace_reader *reader);
/* Bytes of the columns of all chunks read so far, before compression. */
uint64_t trace_columns_read(const struct trace_reader *reader);
/* Holds every section up to the index against its checksum, those that reading skips included. */
int trace_verify_sections(const struct trace_reader *reader, struct error *error);
/* From the next chunk on, holds what chunks say against the digests that name it: the checksums of
 * sections find damage, and this finds a digest that was never right. */
void trace_verify_content(struct trace_reader *reader);
/* "FILE: chunk 3 (byte 4711), event 200001: " before the text; of event NUMBER. */
int trace_event_error(const struct trace_reader *reader, uint64_t number, struct error *error);

#endif
