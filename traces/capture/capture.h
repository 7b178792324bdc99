/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A capture: a guest is run under observation, and its log becomes a trace while it is written.
 */

#ifndef TRACES_CAPTURE_CAPTURE_H
#define TRACES_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define CAPTURE_REASON_MAX 512
#define CAPTURE_PHASE_MAX  128

struct capture_options {
    const char *kernel;
    const char *const *modules; /* "FILE ARGUMENTS" each, in the order in which they are loaded */
    unsigned nr_modules;
    const char *disk; /* NULL: none */
    bool write_disk;  /* the image is changed; else what the guest writes is thrown away */
    /* When the disk did what is written to the file RECORD, or done again as the file REPLAY has
     * it: captures that replay one file are the same bytes. At most one, and only with a disk whose
     * image is not changed; else NULL. */
    const char *record, *replay;
    const char *append;
    uint64_t memory;      /* bytes */
    const char *until;    /* mark to end at; NULL: none */
    uint64_t timeout;     /* seconds of the person's time; 0: none */
    uint64_t guest_time;  /* instructions; 0: no limit */
    uint64_t truth_every; /* events between counters; 0: only at marks */
    uint64_t idle_ticks;  /* clock ticks without a call that did anything that end it; 0: never */
    const char *keep_log; /* NULL: not kept */
    const char *qemu;     /* program; NULL: found by its name */
    const char *plugin;   /* NULL: found beside the program, or where it was installed */
    const char *output;
    const char *command;          /* for the provenance */
    const char *const *arguments; /* for QEMU, after all others */
    unsigned nr_arguments;
    bool console; /* what the guest prints goes to the listener */
};

/* How far a capture has come. */
struct capture_state {
    uint64_t events;               /* lines of calls */
    uint64_t time;                 /* of the guest, in instructions */
    char phase[CAPTURE_PHASE_MAX]; /* the last mark, "" before there is one */
};

/* Whoever wants to see it; called some ten times a second, and from no other thread. */
struct capture_listener {
    void (*progress)(void *context, const struct capture_state *state);
    void (*console)(void *context, const char *text, size_t size);
    void *context;
};

enum capture_end {
    CAPTURE_AS_ASKED,  /* the mark, a limit where no mark was asked for, the guest's own end */
    CAPTURE_OTHERWISE, /* the trace is whole, but the mark never came or the guest panicked */
};

struct capture_report {
    struct capture_state state;
    enum capture_end end;
    char reason[CAPTURE_REASON_MAX]; /* as it stands in the trace's provenance */
    uint64_t trace_events;
    uint64_t counters, counters_wrong; /* objects of a cache by the counters and by the events */
    double seconds;                    /* that the guest ran */
    double import_busy;                /* seconds in which the import kept the guest waiting */
};

/* LISTENER may be NULL. 0: the trace is written; -1 with the error set: there is none, and QEMU is
 * gone. */
int capture_run(const struct capture_options *options, const struct capture_listener *listener,
                struct capture_report *report, struct error *error);

#endif
