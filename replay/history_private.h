/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the chapters of the history share: runs, paragraphs, tables.
 */

#ifndef REPLAY_HISTORY_PRIVATE_H
#define REPLAY_HISTORY_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "replay/engine.h"
#include "replay/history.h"

#define HISTORY_SEED 20160220 /* of all random workloads: the day the kernel chose hybrid */

struct history {
    FILE *out;
    const char *traces;
    unsigned chapter; /* that is being written */
};

/* ---- Runs ---- */

/* The trace NAME, such as "storm", to be closed; NULL with the error set. */
struct trace_reader *history_open(const struct history *history, const char *name,
                                  struct error *error);

/* Replays the trace NAME, such as "historical/radix+vm-1.6". RESULT as with replay_run: it must be
 * given to replay_result_free in any case. */
int history_replay(struct history *history, const char *name, const struct stack_ops *ops,
                   const struct replay_options *options, struct replay_result *result,
                   struct error *error);

/* The state at the NR-th mark called NAME, from 1; NULL with the error set when there is none. */
const struct replay_point *history_mark(const struct replay_result *result, const char *name,
                                        unsigned nr, struct error *error);

/* Whether a sentence holds. If not, an error that quotes it: what the document says is what the
 * figures show, or the document is not made. Returns 0, or -1. */
int history_hold(const struct history *history, bool holds, const char *sentence,
                 struct error *error);

/* ---- Text ---- */

/* A paragraph, broken into lines, with an empty line after it. */
void history_say(struct history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A heading of LEVEL, and an empty line. */
void history_heading(struct history *history, unsigned level, const char *text);
/* Lines that stand as they are, indented: commands to type. One string, lines ended by \n. */
void history_commands(struct history *history, const char *lines);

#define HISTORY_COLUMNS 12
#define HISTORY_ROWS    32
#define HISTORY_CELL    48

/* A table that is laid out when all of it is known. The first row is the heading. */
struct history_table {
    unsigned columns, nr; /* cells so far */
    char cells[HISTORY_ROWS * HISTORY_COLUMNS][HISTORY_CELL];
    unsigned left; /* columns that are set to the left, the first ones; others to the right */
};

/* HEADINGS are separated by |; the first LEFT columns hold words. */
void history_table_begin(struct history_table *table, unsigned left, const char *headings);
void history_table_text(struct history_table *table, const char *text);
void history_table_number(struct history_table *table, uint64_t number);
/* PART in percent of WHOLE, with one decimal, rounded down; "-" when WHOLE is 0. */
void history_table_percent(struct history_table *table, uint64_t part, uint64_t whole);
void history_table_print(struct history *history, const struct history_table *table);

#define HISTORY_FIELD 32
/* The same for sentences, in FIELD. */
const char *history_percent(uint64_t part, uint64_t whole, char field[HISTORY_FIELD]);

/* ---- Chapters ---- */

int history_growth(struct history *history, struct error *error);  /* 1: history_growth.c */
int history_runs(struct history *history, struct error *error);    /* 2: history_runs.c */
int history_limits(struct history *history, struct error *error);  /* 3: history_limits.c */
int history_reverse(struct history *history, struct error *error); /* 4: history_reverse.c */
int history_direct(struct history *history, struct error *error);  /* 5: history_direct.c */
int history_bitmaps(struct history *history, struct error *error); /* 6: history_bitmaps.c */

/* ---- The seam of chapter 3 ---- */

/* How many rights a design holds in one space on one machine. */
struct history_limit {
    const char *stack, *geometry;
    uint64_t memory; /* bytes */
    uint64_t rights;
    uint64_t kernel; /* what the real kernel held; 0: nobody measured one, it is a prediction */
    char reason[HISTORY_CELL]; /* of the refusal, in short */
};

/* The cells in the order given; those with the same stack and geometry stand together. */
void history_limits_print(struct history *history, const struct history_limit *limits, unsigned nr);

#endif
