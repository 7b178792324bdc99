/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lines a second of an import into a trace, and without the writing of the trace, in the same run:
 * bench_import LOG [ROUNDS]. Each line of what is printed: figure, measured, target.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "traces/import.h"

static int nothing(void *context, const struct event *event, const void *payload, size_t size,
                   struct error *error)
{
    uint64_t *sum = context;

    (void)payload, (void)size, (void)error;
    *sum += event->object; /* so that the event is made */
    return 0;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int to_trace(void *context, const struct event *event, const void *payload, size_t size,
                    struct error *error)
{
    struct trace_writer *writer = context;

    if (event->kind == EVENT_CACHE_CREATE)
        return trace_write_cache(writer, event, payload, error);
    if (event->kind == EVENT_TRUTH)
        return trace_write_truth(writer, event, payload, error);
    return trace_write(writer, event, payload, size, error);
}

/* Seconds that an import of PATH takes, with its trace written to /dev/null when WRITE. */
static double import_once(const char *path, bool write, uint64_t *lines)
{
    struct import_options options = {.partial = false};
    struct error error = {{0}};
    double start = seconds();
    struct import *import = import_open(path, &options, &error);
    struct trace_writer *writer = NULL;
    uint64_t sum = 0;
    int code = -1;

    if (import != NULL && write)
        writer = trace_writer_open("/dev/null", import_header(import), 0, &error);
    if (import != NULL && (writer != NULL || !write))
        while ((code = import_run(import, 100000, write ? to_trace : nothing,
                                  write ? (void *)writer : &sum, &error)) > 0)
            ;
    if (code == 0 && write)
        code = trace_writer_close(writer, &error);
    if (code != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    *lines = import_counts(import)->lines;
    import_close(import);
    return seconds() - start;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 3;
    double best[2] = {0};
    uint64_t lines = 0;

    if (argc < 2)
        return 2;
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned write = 0; write < 2; write++) {
            double took = import_once(argv[1], write != 0, &lines);

            if (round == 0 || took < best[write])
                best[write] = took;
        }
    }
    printf("import, %.2f M lines/s, at least 1\n", (double)lines / best[1] / 1e6);
    printf("import without writing, %.2f M lines/s, -\n", (double)lines / best[0] / 1e6);
    printf("import / import without writing, time ratio %.3f, -\n", best[1] / best[0]);
    return 0;
}
