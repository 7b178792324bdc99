/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What `allotrope limits` prints: a line of JSON for each machine, or a table with reasons.
 */

#ifndef REPLAY_LIMITS_RESULT_H
#define REPLAY_LIMITS_RESULT_H

#include <stdio.h>

#include "replay/limits_search.h"

/* What was found of a design on a machine. */
struct limits_cell {
    struct limits_case subject;
    bool counted[LIMITS_KINDS];
    struct limit limits[LIMITS_KINDS];
};

/* The rights that the real kernel held which this is, 0: nobody measured that. */
uint64_t limits_measured(const struct limits_case *subject);

/* The real kernel that a design on a geometry stands for, NULL: there was none. */
const char *limits_kernel(const struct limits_case *subject);

/* Writes one line of JSON. -1 with the error set when memory is short or the stream fails. */
int limits_write(FILE *stream, const struct limits_cell *cell, struct error *error);

/* The columns' names; a row; and after all rows why each ended, told once where it is the same. */
void limits_table_begin(FILE *stream, const struct limits_cell *cell);
void limits_table_row(FILE *stream, const struct limits_cell *cell);
void limits_table_end(FILE *stream, const struct limits_cell *cells, size_t nr);

#endif
