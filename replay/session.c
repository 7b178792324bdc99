/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * With repetitions the first replay of each stack gathers what is exact, with all its accounting,
 * and warms the machine up; those that are timed have nothing but the clock in them. They run in
 * turn, A B C A B C, so that what changes slowly (the processor's frequency, another's load) falls
 * on all stacks alike. Each must come to the digest of the first: a replay that does not is a
 * defect, not a measurement.
 *
 * The least memory that serves a trace is searched by halving, in steps of a mebibyte: a machine
 * that serves it is taken to do so with more memory too.
 */

#include "replay/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHRINK_STEP (UINT64_C(1) << 20)

struct session {
    const struct request *request;
    struct trace_reader *trace;
    const char *label;
    const struct stopwatch *stopwatch;
    struct session_outcome *outcomes;
};

/* The options of the first replay. */
static struct replay_options first_options(const struct session *session)
{
    const struct request *request = session->request;
    struct replay_options options = request->options;
    uint64_t events = trace_totals(session->trace)->events;

    options.stopwatch = session->stopwatch;
    options.sample_interval = request->sample != 0 ? request->sample : events / SAMPLES_DEFAULT + 1;
    if (request->no_series)
        options.sample_interval = 0;
    if (request->repeat > 1)
        options.latency = REPLAY_UNTIMED;
    if (request->until_failure == UNTIL_REPEAT)
        options.passes = request->passes != 0 ? request->passes : PASSES_DEFAULT;

    return options;
}

/* The options of a replay that is there for its time. */
static struct replay_options timed_options(const struct session *session)
{
    struct replay_options options = session->request->options;

    options.stopwatch = session->stopwatch;
    options.check = options.truth = options.work = false;
    options.populate = true;
    options.sample_interval = 0;
    return options;
}

static int replay(const struct session *session, unsigned stack, unsigned round,
                  struct replay_options *options, struct replay_result *result, struct error *error)
{
    const struct stack_ops *ops = session->request->stacks[stack];
    struct progress progress;
    char label[192];
    uint64_t events = trace_totals(session->trace)->events;

    if (round == 0)
        snprintf(label, sizeof(label), "%s %s", session->label, ops->name);
    else
        snprintf(label, sizeof(label), "%s %s, %u of %u", session->label, ops->name, round,
                 session->request->repeat);

    progress_begin(&progress, label, "events", options->passes > 1 ? 0 : events);
    options->progress = &progress;

    int status = replay_run(session->trace, ops, options, result, error);

    progress_end(&progress);
    options->progress = NULL;
    return status;
}

/* A sample at each interval, at each mark and at the end must find room in the series. */
static int check_samples(const struct session *session, struct error *error)
{
    const struct trace_totals *totals = trace_totals(session->trace);
    uint64_t interval = session->request->sample;
    uint64_t besides = totals->by_kind[EVENT_MARK] + 2;

    if (interval == 0 || totals->events / interval + besides <= SERIES_SAMPLES_MAX)
        return 0;
    if (besides >= SERIES_SAMPLES_MAX)
        return error_set(error, "it has too many marks for a series: give --sample off");

    return error_set(error,
                     "--sample %" PRIu64 " would take %" PRIu64 " samples of %" PRIu64
                     " events; %d is the most that a result holds, so give %" PRIu64 " or more",
                     interval, totals->events / interval, totals->events, SERIES_SAMPLES_MAX,
                     totals->events / (SERIES_SAMPLES_MAX - besides) + 1);
}

/* ---- Repetitions ---- */

static int run_first(const struct session *session, unsigned stack, struct error *error)
{
    struct session_outcome *outcome = &session->outcomes[stack];
    struct replay_options options = first_options(session);
    const struct request *request = session->request;
    unsigned repeat = request->repeat > 1 ? request->repeat : 1;

    outcome->ops = request->stacks[stack];
    if (replay(session, stack, 0, &options, &outcome->result, error) != 0 ||
        timing_open(&outcome->timing, repeat, request->options.latency, session->stopwatch,
                    error) != 0)
        return -1;
    if (repeat == 1)
        timing_add(&outcome->timing, &outcome->result);

    outcome->survival = (struct survival){
        .replays = 1,
        .passes = outcome->result.passes,
        .failed = outcome->result.stopped,
    };
    return 0;
}

static int run_timed(const struct session *session, unsigned stack, unsigned round,
                     struct error *error)
{
    struct session_outcome *outcome = &session->outcomes[stack];
    struct replay_options options = timed_options(session);
    struct replay_result result;
    int status = replay(session, stack, round, &options, &result, error);

    if (status == 0 && result.digest != outcome->result.digest)
        status = error_set(error,
                           "stack %s: replay %u came to digest %016" PRIx64
                           ", the first one to %016" PRIx64
                           ": a defect of the stack, whose decisions must not depend on the run",
                           outcome->ops->name, round, result.digest, outcome->result.digest);
    if (status == 0)
        timing_add(&outcome->timing, &result);

    replay_result_free(&result);
    return status;
}

static int run_repeated(const struct session *session, struct error *error)
{
    for (unsigned stack = 0; stack < session->request->nr_stacks; stack++)
        if (run_first(session, stack, error) != 0)
            return -1;

    if (session->request->repeat <= 1)
        return 0;

    for (unsigned round = 1; round <= session->request->repeat; round++)
        for (unsigned stack = 0; stack < session->request->nr_stacks; stack++)
            if (run_timed(session, stack, round, error) != 0)
                return -1;

    return 0;
}

/* ---- The least memory ---- */

/* One replay on MEMORY. 0: all was served; 1: something was refused, and RESULT says what; -1 with
 * the error set: it does not even start, or, when RESULT says that it did, something is wrong. */
static int try_memory(const struct session *session, unsigned stack, uint64_t memory,
                      struct replay_result *result, struct error *error)
{
    struct replay_options options = session->request->options;

    options.memory = memory;
    options.on_failure = REPLAY_STOP;
    if (replay(session, stack, 0, &options, result, error) != 0)
        return -1;

    return result->stopped;
}

static void keep(struct session_outcome *outcome, struct replay_result *result)
{
    replay_result_free(&outcome->result);
    outcome->result = *result;
    outcome->timing.rounds = 0;
    timing_add(&outcome->timing, result);
}

/* A replay on MEMORY that moves the bounds of the search. */
static int shrink_try(const struct session *session, unsigned stack, uint64_t memory,
                      struct error *error)
{
    struct session_outcome *outcome = &session->outcomes[stack];
    struct survival *survival = &outcome->survival;
    struct replay_result result;
    struct error why = {.text = ""};
    int status = try_memory(session, stack, memory, &result, &why);

    if (status < 0 && result.started) {
        replay_result_free(&result);
        return error_set(error, "%s", why.text);
    }

    survival->replays++;
    if (status == 0)
        survival->memory_enough = memory;
    else
        survival->memory_too_little = memory;

    survival->failed = survival->memory_too_little != 0;
    if (status != 0)
        snprintf(survival->no_start, sizeof(survival->no_start), "%.*s",
                 (int)sizeof(survival->no_start) - 1, why.text);
    if (status == 1)
        keep(outcome, &result);
    else
        replay_result_free(&result);

    return 0;
}

static int shrink(const struct session *session, unsigned stack, struct error *error)
{
    struct session_outcome *outcome = &session->outcomes[stack];
    struct survival *survival = &outcome->survival;
    uint64_t memory = session->request->options.memory != 0
                          ? session->request->options.memory
                          : trace_header(session->trace)->machine.memory;

    outcome->ops = session->request->stacks[stack];
    *survival = (struct survival){.replays = 1};

    int status = try_memory(session, stack, memory, &outcome->result, error);

    if (status < 0 || timing_open(&outcome->timing, 1, REPLAY_UNTIMED, NULL, error) != 0)
        return -1;
    timing_add(&outcome->timing, &outcome->result);
    survival->failed = status == 1;
    if (status == 1) {
        survival->memory_too_little = memory;
        return 0;
    }

    survival->memory_enough = memory;
    while (survival->memory_enough - survival->memory_too_little > SHRINK_STEP) {
        uint64_t middle = (survival->memory_enough + survival->memory_too_little) / 2;

        middle = (middle + SHRINK_STEP - 1) / SHRINK_STEP * SHRINK_STEP;
        if (middle == survival->memory_enough) /* which was not a whole number of mebibytes */
            break;
        if (shrink_try(session, stack, middle, error) != 0)
            return -1;
    }

    return 0;
}

int session_run(const struct request *request, struct trace_reader *trace, const char *label,
                const struct stopwatch *stopwatch, struct session_outcome *outcomes,
                struct error *error)
{
    struct session session = {
        .request = request,
        .trace = trace,
        .label = label,
        .stopwatch = stopwatch,
        .outcomes = outcomes,
    };

    if (check_samples(&session, error) != 0)
        return -1;
    if (request->until_failure != UNTIL_SHRINK)
        return run_repeated(&session, error);

    for (unsigned stack = 0; stack < request->nr_stacks; stack++)
        if (shrink(&session, stack, error) != 0)
            return -1;

    return 0;
}

void session_free(struct session_outcome *outcomes, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        replay_result_free(&outcomes[i].result);
        timing_close(&outcomes[i].timing);
    }
}
