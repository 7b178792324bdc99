/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the tables of a trace come to, in sentences.
 */

#ifndef REPLAY_RESULT_VERDICT_H
#define REPLAY_RESULT_VERDICT_H

#include "replay/result.h"

/* The order whose unusable index is shown: blocks of 32 pages, what a slab of 128 KiB takes. */
#define RESULT_ORDER 5

/* Prints a sentence in lines of at most 100 columns; those after the first are set in. */
void result_note(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether a stack's figures can be compared with others': it serves something and refused nothing.
 */
bool result_compares(const struct session_outcome *outcome);

/* Prints the verdict; tells whether there was any. */
bool result_verdict(FILE *stream, const struct result_subject *subject,
                    const struct session_outcome *outcomes, unsigned nr);

#endif
