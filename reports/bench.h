/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whole processes: what a replay takes from its start to its end, as somebody who runs it waits.
 *
 * The time of a replay that a result has leaves out start-up, reading the trace's header and all
 * that is done before the first event and after the last. Here a stack's cost is that of a process,
 * measured by hyperfine, and on request the instructions that cachegrind counts, which are the same
 * whenever they are counted.
 */

#ifndef REPORTS_BENCH_H
#define REPORTS_BENCH_H

#include <stdio.h>

#include "common/statistics.h"
#include "reports/load.h"
#include "reports/table.h"

#define BENCH_VERSION  1 /* of the schema allotrope-bench */
#define BENCH_STACKS   16
#define BENCH_RUNS_MAX STATISTICS_MAX

struct bench_request {
    char *const *traces; /* paths */
    unsigned nr_traces;
    const char *stacks[BENCH_STACKS];
    unsigned nr_stacks;
    const char *program; /* this one */
    unsigned runs, warmup;
    uint64_t seed; /* of the order of runs */
    bool instructions;
};

/* Runs it all; a document of the schema allotrope-bench, described in docs/comparing.md. NULL with
 * the error set: a replay fails, or hyperfine or valgrind is missing or says something unknown. */
json_t *bench_run(const struct bench_request *request, struct error *error);

/* The stacks that the program lists, as the names in STACKS, owned by the caller; their number, or
 * -1 with the error set. */
int bench_stacks(const char *program, char *stacks[BENCH_STACKS], struct error *error);

/* Reads a document that `bench -o` has written, and checks it. NULL with the error set. */
json_t *bench_load(const char *path, struct error *error);

/* The document as a table. */
void bench_table(struct table *table, const json_t *bench);

/* ---- Programs ---- */

/* Runs ARGV, found on the PATH. What it prints to STREAM, 1 or 2, goes to TEXT, at most SIZE - 1
 * bytes of it; the other one to nowhere. Its exit status, 127 when there is no such program, -1
 * with the error set when it was ended by a signal or cannot be started. */
int bench_spawn(char *const *argv, int stream, char *text, size_t size, struct error *error);

#endif
