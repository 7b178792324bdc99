/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A stack and a kernel image side by side over a trace, and where they first differ.
 */

#ifndef REPLAY_AGAINST_H
#define REPLAY_AGAINST_H

#include <stdio.h>

#include "replay/engine.h"

/* What came of it. */
struct against {
    struct replay_result result; /* of the stack; `differences` are what this is for */
    unsigned replays;            /* that it took to find the events */
};

/* Replays TRACE through IMAGE and, with the same requests, through STACK. The states are compared
 * at intervals, at every mark and wherever the kernel was looked at; where they differ, the trace
 * is replayed again to find the event that made it. AGAINST is to be given to against_free in any
 * case. -1 with the error set. */
int against_run(struct against *against, struct trace_reader *trace, const struct stack_ops *stack,
                const struct stack_ops *image, const struct replay_options *options,
                struct error *error);
void against_free(struct against *against);

/* Whether there is a difference in what is exact whatever the start state: refusals and counts. */
bool against_differs(const struct against *against);

/* Sentences for a person. -1 with the error set: the trace cannot be read again. */
int against_print(FILE *stream, const struct against *against, struct trace_reader *trace,
                  const struct stack_ops *stack, const struct stack_ops *image,
                  struct error *error);

#endif
