/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How alike two traces are. docs/trace-compare.md defines every figure.
 */

#ifndef TRACES_TRACE_COMPARE_H
#define TRACES_TRACE_COMPARE_H

#include <jansson.h>
#include <stdio.h>

#include "common/error.h"
#include "traces/trace.h"

struct trace_comparison;

/* Reads both traces whole, one after the other. MARKS are NR pairs of phases to compare, each
 * "MARK" or "MARK=MARK" where they have different names; MARK is a text or text#N. With none of
 * them, all phases that have the same name in both. NULL with the error set. */
struct trace_comparison *trace_compare(struct trace_reader *a, struct trace_reader *b,
                                       const char *const *marks, unsigned nr, struct error *error);
void trace_comparison_destroy(struct trace_comparison *comparison);

/* At most ROWS rows of the table of caches (0: all), at most 100 columns. -1 without memory. */
int trace_comparison_print(const struct trace_comparison *comparison, FILE *stream, unsigned rows);

/* NULL without memory. */
json_t *trace_comparison_json(const struct trace_comparison *comparison);

#endif
