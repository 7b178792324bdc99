/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results: what one replay came to, as JSON and for the terminal. docs/result.md describes the
 * fields.
 */

#ifndef REPLAY_RESULT_H
#define REPLAY_RESULT_H

#include <stdio.h>

#include "replay/engine.h"

#define RESULT_SCHEMA  "allotrope-result"
#define RESULT_VERSION 1

/* Which replay a result is of. */
struct result_subject {
    const char *trace_name; /* file name without folder */
    const struct trace_reader *trace;
    const struct stack_ops *ops;
    const struct replay_options *options;
};

/* Writes the JSON document, with keys in order; COMPACT: on one line. -1 with the error set when
 * memory is short or the stream fails. */
int result_write(FILE *stream, const struct result_subject *subject,
                 const struct replay_result *result, bool compact, struct error *error);

/* The heading of a trace's table, with the columns' names; then a row for each stack, and after
 * them the sentences on refusals and truth. No line is longer than 100 columns, except sentences.
 */
void result_table_begin(FILE *stream, const struct result_subject *subject,
                        const struct replay_result *result);
void result_table_row(FILE *stream, const struct result_subject *subject,
                      const struct replay_result *result);
/* Sentences on what needs more than a number; tells whether there were any. */
bool result_table_notes(FILE *stream, const struct result_subject *subject,
                        const struct replay_result *result);

#endif
