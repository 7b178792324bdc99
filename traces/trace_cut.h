/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A piece of a trace, as a trace of its own.
 */

#ifndef TRACES_TRACE_CUT_H
#define TRACES_TRACE_CUT_H

#include "common/error.h"
#include "traces/trace.h"

/* Writes the events from the mark FROM to the mark TO, both included, to the trace PATH. NULL:
 * the start, the end. A mark is given by its text, or text#N for the N-th of that text. LEVEL as
 * in trace_writer_open. */
int trace_cut(struct trace_reader *reader, const char *from, const char *to, const char *path,
              int level, struct error *error);

#endif
