/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One replay that measures nothing, for instructions to be counted: replay_once TRACE STACK. Built
 * once with the engine as it is and once with an engine that cannot measure.
 */

#include <stdio.h>

#include "replay/engine.h"

int main(int argc, char **argv)
{
    static struct replay_result result;
    struct error error = {.text = ""};
    struct replay_options options = {0};

    if (argc != 3 || stack_find(argv[2]) == NULL) {
        fputs("usage: replay_once TRACE STACK\n", stderr);
        return 2;
    }

    struct trace_reader *trace = trace_open(argv[1], &error);

    if (trace == NULL || replay_run(trace, stack_find(argv[2]), &options, &result, &error) != 0) {
        fprintf(stderr, "replay_once: %s\n", error.text);
        return 1;
    }

    printf("%016llx\n", (unsigned long long)result.digest);
    replay_result_free(&result);
    trace_close(trace);
    return 0;
}
