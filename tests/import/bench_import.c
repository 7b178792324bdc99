/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lines a second of an import, without the writing of the trace: bench_import LOG [ROUNDS].
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

int main(int argc, char **argv)
{
    struct import_options options = {.partial = false};
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 3;
    struct error error = {{0}};
    double best = 0;
    uint64_t sum = 0, lines = 0;

    if (argc < 2)
        return 2;
    for (unsigned round = 0; round < rounds; round++) {
        double start = seconds(), took;
        struct import *import = import_open(argv[1], &options, &error);
        int code = -1;

        while (import != NULL && (code = import_run(import, 100000, nothing, &sum, &error)) > 0)
            ;
        if (code != 0) {
            fprintf(stderr, "%s\n", error.text);
            return 1;
        }
        lines = import_counts(import)->lines;
        took = seconds() - start;
        best = round == 0 || took < best ? took : best;
        import_close(import);
    }
    printf("%" PRIu64 " lines in %.3f s: %.2f million lines/s (best of %u)\n", lines, best,
           (double)lines / best / 1e6, rounds);
    return sum == 1;
}
