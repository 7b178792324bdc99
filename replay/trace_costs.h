/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What two traces cost the same stacks: what is told of them beside how alike they are.
 */

#ifndef REPLAY_TRACE_COSTS_H
#define REPLAY_TRACE_COSTS_H

#include <jansson.h>
#include <stdio.h>

#include "replay/request.h"
#include "traces/trace.h"

struct trace_costs;

/* Replays both traces through the stacks of REQUEST, each on its own machine unless the request
 * names one. NULL with the error set. */
struct trace_costs *trace_costs_create(const struct request *request, struct trace_reader *a,
                                       struct trace_reader *b, struct error *error);
void trace_costs_destroy(struct trace_costs *costs);

/* A row for each stack, and whether the order of stacks is the same. At most 100 columns. */
void trace_costs_print(const struct trace_costs *costs, FILE *stream);

/* An array, an object for each stack; NULL without memory. */
json_t *trace_costs_json(const struct trace_costs *costs);

#endif
