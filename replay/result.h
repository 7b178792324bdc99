/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results: what one replay came to, as JSON and for the terminal. docs/result.md describes the
 * fields.
 */

#ifndef REPLAY_RESULT_H
#define REPLAY_RESULT_H

#include <stdio.h>

#include "replay/session.h"

#define RESULT_SCHEMA  "allotrope-result"
#define RESULT_VERSION 2

/* What results are of. */
struct result_subject {
    const char *trace_name; /* file name without folder */
    struct trace_reader *trace;
    const struct request *request;
};

/* Writes the JSON document, with keys in order; COMPACT: on one line. -1 with the error set when
 * memory is short or the stream fails. */
int result_write(FILE *stream, const struct result_subject *subject,
                 const struct session_outcome *outcome, bool compact, struct error *error);

/* The trace's tables with a row for each of NR stacks, sentences on what needs more than a number,
 * and a verdict. No line is longer than 100 columns. */
void result_table(FILE *stream, const struct result_subject *subject,
                  const struct session_outcome *outcomes, unsigned nr);

#endif
