/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One line on the standard error that says how far a long work has come.
 *
 * It is there only when the standard error is a terminal, is redrawn at most ten times a second,
 * and is erased at the end, so that nothing of it can reach a file or a mail.
 */

#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *stream; /* where the line is drawn; NULL when there is nothing to draw on */
    const char *label;
    const char *unit;
    uint64_t total;     /* 0: not known */
    uint64_t start;     /* ns */
    uint64_t drawn;     /* ns, time of the last drawing; 0: never */
    unsigned int width; /* columns of the terminal */
};

/* Starts a line. LABEL and UNIT ("events") must outlive it. TOTAL is 0 when it is not known. */
void progress_begin(struct progress *progress, const char *label, const char *unit, uint64_t total);

/* Starts a line on STREAM, terminal or not: for tests. */
void progress_begin_on(struct progress *progress, FILE *stream, const char *label, const char *unit,
                       uint64_t total);

/* DONE of the total units are done. Cheap when nothing is due, but it reads a clock: call it once
 * for some thousand units. */
void progress_update(struct progress *progress, uint64_t done);

/* Erases the line. */
void progress_end(struct progress *progress);

#endif
