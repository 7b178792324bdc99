/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A session: one trace, all the stacks that were asked for, as often as was asked for.
 */

#ifndef REPLAY_SESSION_H
#define REPLAY_SESSION_H

#include "replay/engine.h"
#include "replay/request.h"
#include "replay/timing.h"

/* How far a stack got that was driven until it failed. */
struct survival {
    bool failed;            /* it did; else it outlived what was tried */
    unsigned replays;       /* that it took to find out */
    unsigned passes;        /* repeat: whole passes that it got through */
    uint64_t memory_enough; /* shrink: bytes of the smallest machine that served the whole trace,
                               0: none did */
    char no_start[160];     /* shrink: why the largest machine that did not serve did not start; ""
                                   when it started, and the result says what it refused */
    uint64_t memory_too_little; /* shrink: bytes of the largest that did not, or that the design
                                   does not start on */
};

/* What came of one stack. */
struct session_outcome {
    const struct stack_ops *ops;
    struct replay_result result; /* of the first replay, of the one that failed last with
                                    UNTIL_SHRINK */
    struct timing timing;
    struct survival survival;
};

/* Replays TRACE, called LABEL in the progress line, through the stacks of REQUEST. OUTCOMES has one
 * for each; give them to session_free in any case. -1 with the error set. */
int session_run(const struct request *request, struct trace_reader *trace, const char *label,
                const struct stopwatch *stopwatch, struct session_outcome *outcomes,
                struct error *error);
void session_free(struct session_outcome *outcomes, unsigned nr);

#endif
