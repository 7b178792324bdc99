/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Answers are compared one by one as the trace runs, so of a refusal, an address or a name it is
 * known at once which event made the difference. States are only looked at now and then: between
 * the last look that found none and the first that found one, the trace is replayed again with
 * looks that lie closer, until they lie one event apart.
 *
 * Addresses and free blocks follow from where start-up left the free lists. They are told, but
 * only refusals and counts are held against a stack.
 */

#include "replay/against.h"

#include <inttypes.h>
#include <string.h>

#include "replay/result_verdict.h"

#define LOOKS       256 /* of a replay */
#define REPLAYS_MAX 8

static const char *const difference_names[REMOTE_DIFFERENCES] = {
    [REMOTE_REFUSAL] = "what is granted",
    [REMOTE_STATE] = "counts",
    [REMOTE_BLOCKS] = "free blocks per order",
    [REMOTE_ADDRESS] = "addresses and names",
};

static int replay_beside(struct against *against, struct trace_reader *trace,
                         const struct stack_ops *stack, const struct stack_ops *image,
                         const struct replay_options *options, struct replay_result *result,
                         uint64_t from, uint64_t to, struct error *error)
{
    struct replay_options beside = *options;
    uint64_t interval = (to - from) / LOOKS + 1;

    beside.beside = stack;
    beside.truth = true;
    beside.latency = REPLAY_UNTIMED;
    beside.work = false;
    beside.check = false;
    beside.passes = 1;
    beside.sample_interval = interval;
    beside.sample_from = from + interval;
    beside.sample_to = to;
    against->replays++;
    return replay_run(trace, image, &beside, result, error);
}

/* Finds the event that made the difference OF of the state. */
static int narrow(struct against *against, struct trace_reader *trace,
                  const struct stack_ops *stack, const struct stack_ops *image,
                  const struct replay_options *options, enum remote_difference_of of,
                  struct error *error)
{
    struct remote_difference *difference = &against->result.differences[of];

    for (unsigned i = 0; i < REPLAYS_MAX && difference->found; i++) {
        struct replay_result result;

        if (difference->since + 1 >= difference->event)
            return 0;

        int status = replay_beside(against, trace, stack, image, options, &result,
                                   difference->since, difference->event, error);

        if (status == 0 && result.differences[of].found)
            *difference = result.differences[of];
        replay_result_free(&result);
        if (status != 0)
            return -1;
    }

    return 0;
}

int against_run(struct against *against, struct trace_reader *trace, const struct stack_ops *stack,
                const struct stack_ops *image, const struct replay_options *options,
                struct error *error)
{
    memset(against, 0, sizeof(*against));
    if (replay_beside(against, trace, stack, image, options, &against->result, 0,
                      trace_totals(trace)->events, error) != 0)
        return -1;
    if (narrow(against, trace, stack, image, options, REMOTE_STATE, error) != 0)
        return -1;

    return narrow(against, trace, stack, image, options, REMOTE_BLOCKS, error);
}

void against_free(struct against *against)
{
    replay_result_free(&against->result);
}

bool against_differs(const struct against *against)
{
    return against->result.differences[REMOTE_REFUSAL].found ||
           against->result.differences[REMOTE_STATE].found;
}

/* ---- Telling ---- */

/* Event NUMBER of the trace, from 1. 0: there is none; -1 with the error set. */
static int find_event(struct trace_reader *trace, uint64_t number, struct event *found,
                      struct error *error)
{
    const struct event *events;
    uint64_t before = 0;
    int nr;

    if (trace_rewind(trace, error) != 0)
        return -1;
    while ((nr = trace_read(trace, &events, error)) > 0) {
        if (number <= before + (uint64_t)nr) {
            *found = events[number - before - 1];
            return 1;
        }
        before += (uint64_t)nr;
    }

    return nr;
}

static int tell(FILE *stream, const struct against *against, unsigned of,
                struct trace_reader *trace, struct error *error)
{
    const struct remote_difference *difference = &against->result.differences[of];
    struct event event = {0};

    if (!difference->found)
        return 0;
    if (difference->event != 0 && find_event(trace, difference->event, &event, error) < 0)
        return -1;

    result_note(stream, "    %s: first at event %" PRIu64 " (%s, task %u): %s%s.",
                difference_names[of], difference->event,
                event_kind_name(event.kind) != NULL ? event_kind_name(event.kind) : "start",
                event.task, difference->text,
                event.task == 0 && of != REMOTE_REFUSAL ? ", before there were tasks" : "");
    return 0;
}

int against_print(FILE *stream, const struct against *against, struct trace_reader *trace,
                  const struct stack_ops *stack, const struct stack_ops *image, struct error *error)
{
    const struct replay_result *result = &against->result;
    unsigned nr = 0;

    for (unsigned i = 0; i < REMOTE_DIFFERENCES; i++)
        nr += result->differences[i].found;

    if (nr == 0)
        result_note(stream,
                    "%s and %s agree in everything that was compared, over %" PRIu64
                    " events and %" PRIu64 " looks at the state.",
                    stack->name, image->name, result->events,
                    (uint64_t)(result->series != NULL ? result->series->nr : 0) +
                        result->truth.points);
    else
        result_note(stream, "%s and %s, over %" PRIu64 " events:", stack->name, image->name,
                    result->events);

    for (unsigned i = 0; i < REMOTE_DIFFERENCES; i++)
        if (tell(stream, against, i, trace, error) != 0)
            return -1;
    for (unsigned i = 0; nr != 0 && i < REMOTE_DIFFERENCES; i++)
        if (!result->differences[i].found)
            result_note(stream, "    %s: the same throughout.", difference_names[i]);
    if (result->said[0] != '\0')
        result_note(stream, "%s: the kernel said, at event %" PRIu64 ": %s", image->name,
                    result->said_event, result->said);
    return 0;
}
