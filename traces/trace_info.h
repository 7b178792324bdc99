/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is in a trace, in figures.
 */

#ifndef TRACES_TRACE_INFO_H
#define TRACES_TRACE_INFO_H

#include <jansson.h>
#include <stdio.h>

#include "common/error.h"
#include "traces/trace.h"

struct trace_info;

/* Reads the whole trace; NULL with the error set. */
struct trace_info *trace_info_create(struct trace_reader *reader, struct error *error);
void trace_info_destroy(struct trace_info *info);

/* At most ROWS rows of each table (0: all), at most 100 columns. -1 without memory. */
int trace_info_print(const struct trace_info *info, FILE *stream, unsigned rows);
/* NULL without memory. */
json_t *trace_info_json(const struct trace_info *info);

#endif
