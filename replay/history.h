/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The history of the kernel's allocators, retold by running them.
 */

#ifndef REPLAY_HISTORY_H
#define REPLAY_HISTORY_H

#include <stdio.h>

#include "common/error.h"

#define HISTORY_CHAPTERS 6

struct history_options {
    const char *traces; /* the folder of the captured traces, historical/ in it */
    unsigned chapters;  /* bit N: chapter N, from 1; 0: all, with the introduction */
};

/* Makes the runs and writes the document, in Markdown. It depends on nothing but the traces. -1
 * with the error set: a trace cannot be read, there is no memory for a machine, or a figure does
 * not bear out the sentence that is built on it, which the text then names. What was written
 * before stays written; errors of STREAM are the caller's to find. */
int history_write(FILE *stream, const struct history_options *options, struct error *error);

/* The command `allotrope history`; returns the exit status. */
int history_command(int argc, char **argv);

#endif
