/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The text form of a trace: one line an event, made to be read, searched and changed by hand. It
 * reads back to the bytes of the trace that it came from (by the same version of zstd).
 */

#ifndef TRACES_TRACE_TEXT_H
#define TRACES_TRACE_TEXT_H

#include <stdio.h>

#include "common/error.h"
#include "traces/trace.h"

/* Writes READER's trace, from its first event. Errors on STREAM are the caller's to find. */
int trace_text_write(struct trace_reader *reader, FILE *stream, struct error *error);

/* Reads text from STREAM, called NAME in errors, and writes the trace PATH. */
int trace_text_parse(FILE *stream, const char *name, const char *path, struct error *error);

#endif
