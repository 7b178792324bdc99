/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Import: an event log, as captured, becomes the events of a trace.
 */

#ifndef TRACES_IMPORT_H
#define TRACES_IMPORT_H

#include "common/error.h"
#include "traces/event.h"
#include "traces/log_line.h"
#include "traces/trace.h"

struct import;

/* Takes one event. PAYLOAD is a struct cache_definition for cache-create, a struct truth for truth,
 * text for task and mark, else NULL. -1 with the error set stops the import. */
typedef int import_emit(void *context, const struct event *event, const void *payload, size_t size,
                        struct error *error);

struct import_options {
    bool partial; /* a log without its last line is taken, and the trace says so */
};

struct import_counts {
    uint64_t lines, calls;
    uint64_t events, inferred;
    uint64_t primary[CALLS], derived[CALLS]; /* lines by call */
    uint64_t lookups_unknown; /* lookups of names that are not there: not in the trace */
    uint64_t pops_stale;      /* pops of a space that is not there yet: not in the trace */
    uint64_t pages_unknown;   /* releases of pages never seen grabbed, with none to give: dropped */
    uint64_t pages_exchanged; /* ... that freed an unseen page instead */
    uint64_t pages_reused;    /* grabs of pages thought alive */
    uint64_t pages_inferred;  /* allocated and freed at counters */
    uint64_t ranges_inferred; /* of kernel_map */
    uint64_t maps_wrong;      /* counters of kernel_map with fewer bytes than the events */
    uint64_t counters, counters_wrong; /* objects of a cache by the counters and by the events */
    uint64_t frames_unknown;           /* frames at start-up that no range explains */
    bool cut;                          /* the log had no last line */
};

/* Opens the log PATH ("-": standard input) and reads its start, so that the header is known. NULL
 * with the error set. */
struct import *import_open(const char *path, const struct import_options *options,
                           struct error *error);
/* The same from FILE, a descriptor that is the import's from then on, also after an error; NAME is
 * what errors call it. */
struct import *import_open_file(int file, const char *name, const struct import_options *options,
                                struct error *error);
void import_close(struct import *import);

/* The import's own: to be copied. Provenance grows until the end of the log. */
struct trace_header *import_header(struct import *import);
const struct import_counts *import_counts(const struct import *import);
/* Bytes of the log read, and its size (0: not known). */
uint64_t import_position(const struct import *import);
uint64_t import_size(const struct import *import);

/* Imports up to LINES lines. 1: there are more, 0: all done, -1 with the error set. */
int import_run(struct import *import, uint64_t lines, import_emit *emit, void *context,
               struct error *error);

/* Called between pieces of the work, and once more when all is imported and nothing is on the disk
 * yet; -1 with the error set leaves no trace. */
typedef int import_step(void *context, struct error *error);

/* Imports all of the log into the trace OUTPUT. LEVEL is zstd's; 0: the default. STEP may be NULL.
 */
int import_trace(struct import *import, const char *output, int level, import_step *step,
                 void *context, struct error *error);

/* allotrope trace import LOG -o TRACE. Returns the exit status. */
int import_command(int argc, char **argv);

#endif
