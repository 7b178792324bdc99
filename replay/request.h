/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the user of `allotrope replay` asks for: the options, read and held against each other.
 */

#ifndef REPLAY_REQUEST_H
#define REPLAY_REQUEST_H

#include <stdbool.h>

#include "replay/engine.h"

struct remote;

#define REQUEST_STACKS  32 /* most at once */
#define REPEAT_MAX      1000
#define PASSES_MAX      1000000
#define SAMPLES_DEFAULT 128

enum until_failure {
    UNTIL_END,    /* a replay is one pass over the trace */
    UNTIL_REPEAT, /* the trace again and again, until something is refused */
    UNTIL_SHRINK, /* on less and less memory, until something is refused */
};

struct request {
    struct replay_options options;
    const struct stack_ops *stacks[REQUEST_STACKS];
    void *objects[REQUEST_STACKS];         /* shared objects to close */
    struct remote *images[REQUEST_STACKS]; /* kernel images to free */
    unsigned nr_stacks, nr_objects, nr_images;
    const struct stack_ops *against; /* a kernel image to hold the stacks against; NULL: none */
    bool differs;                    /* ... and one of them differs */
    enum until_failure until_failure;
    unsigned repeat; /* timed replays of each stack; 0 and 1: the one replay that there is */
    unsigned passes; /* at most, until failure by repetition; 0: PASSES_DEFAULT */
    uint64_t sample; /* events between samples; 0: SAMPLES_DEFAULT over the trace */
    bool no_series;
    bool on_failure_given;
    struct stopwatch stopwatch;
    const char *trace;  /* path of the one that is replayed */
    const char *output; /* folder; NULL: none */
    bool json;          /* to the standard output */
    bool help;
    bool truth_differs;
};

#define PASSES_DEFAULT 100

/* Reads the options. Returns the index of the first trace in ARGV, or -1: when getopt has
 * complained already, with the error empty, or with the error set. REQUEST is all zero before. */
int request_read(struct request *request, int argc, char **argv, struct error *error);

/* Adds a stack by its name, by the path of its shared object, or of a kernel image (gnumach:...).
 */
int request_add_stack(struct request *request, const char *name, struct error *error);

/* Closes the shared objects and forgets the kernel images. */
void request_close(struct request *request);

/* The part by number, NULL past the last: for listings. */
const struct pages_ops *request_pages_at(unsigned index);
const struct map_ops *request_map_at(unsigned index);

#endif
