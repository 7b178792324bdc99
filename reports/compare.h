/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Comparison of two results, or of two sets of them pair by pair.
 *
 * What is exact is compared exactly: every value that differs is a row. What is measured is
 * compared by medians of repetitions, and a row says that they differ only where that is more than
 * chance and more than what two runs of the same thing differ by: docs/comparing.md has the rules.
 */

#ifndef REPORTS_COMPARE_H
#define REPORTS_COMPARE_H

#include <stdio.h>

#include "common/statistics.h"
#include "reports/load.h"
#include "reports/table.h"

#define COMPARE_ALPHA 0.05 /* chance of any false alarm among all wall times, and all others */
/* How far apart, as a part of the lower one, the intervals of two medians must be: two runs of the
 * same thing differ by as much. docs/comparing.md measures it. */
#define COMPARE_MARGIN 0.05
#define COMPARE_FEW    6 /* repetitions below which there is no interval at 95 % */
/* Calls timed in a replay, below which its percentile is not compared. */
#define COMPARE_CALLS_P50 20
#define COMPARE_CALLS_P99 200

/* By importance. All of the first ones are shown, of the others the number. */
enum compare_group {
    COMPARE_OUTCOME,               /* refused, failures, how far it got */
    COMPARE_MEMORY,                /* held at most and at the end */
    COMPARE_FRAGMENTATION,         /* worst of the series, maps and pages at the end */
    COMPARE_WORK,                  /* counters, and the steps of calls */
    COMPARE_TIME,                  /* measured */
    COMPARE_SHOWN,                 /* all before this are shown */
    COMPARE_CALLS = COMPARE_SHOWN, /* work of calls in detail */
    COMPARE_CACHES,
    COMPARE_SPACES,
    COMPARE_STATE, /* at marks and at the end, in detail */
    COMPARE_SERIES,
    COMPARE_REST,
    COMPARE_GROUPS
};

struct compare_side {
    struct table_cell value; /* of what is exact, or the median */
    struct statistics_summary summary;
};

struct compare_row {
    char *metric; /* owned */
    enum compare_group group;
    bool measured;
    enum table_unit unit;
    struct compare_side old, new;
    double change; /* new over old, less 1; not a number when there is none, infinite from 0 */
    /* Measured: */
    double p;        /* of no difference, by Mann-Whitney */
    double adjusted; /* for the number of rows, by Holm */
    double least_p;  /* the lowest that so few repetitions can give */
    double gap;      /* between the intervals of the medians, relative; 0 when they overlap */
    double step;     /* of the clock: less than that is no difference */
    bool significant;
};

#define COMPARE_WARNINGS 16

/* One result against another. */
struct compare_pair {
    struct report_result old, new; /* owned; all zeroes after compare_release() */
    char *trace, *old_stack, *new_stack, *old_path, *new_path; /* owned */
    struct compare_row *rows; /* owned; by group, exact ones in order of metric */
    unsigned nr;
    char *warnings[COMPARE_WARNINGS]; /* owned sentences without a full stop */
    unsigned nr_warnings;
    bool failed; /* memory was short */
};

/* Compares OLD and NEW, which PAIR then owns, also on an error. -1 with the error set when they
 * cannot be compared: other trace, machine or kind of replay. Significance is not known until
 * compare_judge(). */
int compare_open(struct compare_pair *pair, struct report_result *old, struct report_result *new,
                 struct error *error);
void compare_close(struct compare_pair *pair);

/* Frees the two documents, which are large; the rows stay. */
void compare_release(struct compare_pair *pair);

/* Decides which measured rows of all pairs are significant. */
void compare_judge(struct compare_pair *pairs, unsigned nr);

/* ---- For the files of this comparison ---- */

struct compare_row *compare_add(struct compare_pair *pair, const char *metric,
                                enum compare_group group); /* NULL when memory is short */
void compare_warn(struct compare_pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void compare_exact(struct compare_pair *pair);
void compare_measured(struct compare_pair *pair);

/* A scalar of JSON as a cell; none for NULL. */
struct table_cell compare_cell(const json_t *json, bool *failed);
/* NEW over OLD less 1. */
double compare_change(double old, double new);
double compare_number(const struct table_cell *cell);
/* What a field counts, by its name. */
enum table_unit compare_unit(const char *metric);

/* ---- Showing ---- */

enum compare_format { COMPARE_PLAIN, COMPARE_MARKDOWN, COMPARE_CSV, COMPARE_JSON };

/* ALL: every row, else those of the groups before COMPARE_SHOWN. */
int compare_write(FILE *stream, const struct compare_pair *pairs, unsigned nr,
                  enum compare_format format, bool all, struct error *error);

#endif
