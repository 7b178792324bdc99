/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Another program, run as a child that does not outlive this one.
 */

#ifndef TRACES_CAPTURE_PROCESS_H
#define TRACES_CAPTURE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

/* Words of a command line. */
struct words {
    char **items; /* NULL at the end */
    size_t nr;
    bool failed; /* not enough memory; said by process_start() */
};

void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_free(struct words *words);

struct process {
    pid_t id;     /* 0: not running */
    int messages; /* what it prints, on either stream; -1: closed */
    int status;   /* of waitpid(), once it is gone */
};

/* Starts WORDS[0], searched for in PATH, in FOLDER (NULL: here). The descriptor KEEP (-1: none)
 * stays open in it under its number. Its standard input is empty. It is killed when this process
 * ends, however it ends. */
int process_start(struct process *process, const struct words *words, const char *folder, int keep,
                  struct error *error);
/* True when it is gone. */
bool process_gone(struct process *process);
/* True when it is gone, for which it waits up to MILLISECONDS. */
bool process_wait(struct process *process, unsigned milliseconds);
/* Asks it to end, waits up to MILLISECONDS, then ends it. */
void process_stop(struct process *process, unsigned milliseconds);
/* What became of it: "status 1", "signal 11 (Segmentation fault)". */
void process_fate(const struct process *process, char *text, size_t size);

#endif
