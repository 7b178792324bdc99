/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "replay/trace_compare_command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/trace_costs.h"
#include "traces/trace_compare.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

#define MARKS_MAX    256
#define ROWS_DEFAULT 12

static const char usage[] =
    "Usage: allotrope trace compare [OPTION]... A B\n"
    "Print how alike two traces are: kinds of events, caches, sizes, lifetimes, what is alive, as "
    "a\n"
    "whole and phase by phase.\n"
    "\n"
    "      --marks A=B       compare the phase that begins with mark A of the first trace with "
    "that\n"
    "                        of mark B of the second; MARK for the same name; text#N for the N-th\n"
    "                        of that text; can be given again (default: all of the same name)\n"
    "      --stack NAMES     replay both through these stacks, separated by commas, and compare\n"
    "                        what they cost\n"
    "      --geometry NAME   machine to replay on (default: each trace's own)\n"
    "      --memory SIZE     its memory (default: each trace's own)\n"
    "  -a, --all             all rows of the table of caches (default: the 12 most different)\n"
    "      --json            print JSON\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, however different they are, 1 error, 2 usage.\n";

struct compare_request {
    const char *marks[MARKS_MAX];
    unsigned nr_marks, rows;
    const char *stacks, *geometry, *memory;
    bool json, help;
};

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int misuse(const char *text, const char *what)
{
    fprintf(stderr, "allotrope: %s%s; see `allotrope trace compare --help`\n", text, what);
    return STATUS_USAGE;
}

static int finish(int status)
{
    struct error error;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    error_set(&error, "cannot write the standard output: %s", strerror(errno));
    return fail(&error);
}

static int read_options(int argc, char **argv, struct compare_request *request)
{
    static const struct option options[] = {{"marks", required_argument, NULL, 'm'},
                                            {"stack", required_argument, NULL, 's'},
                                            {"geometry", required_argument, NULL, 'g'},
                                            {"memory", required_argument, NULL, 'M'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "ah", options, NULL)) != -1) {
        switch (c) {
        case 'm':
            if (request->nr_marks == MARKS_MAX)
                return misuse("too many --marks", "");
            request->marks[request->nr_marks++] = optarg;
            break;
        case 's':
            request->stacks = optarg;
            break;
        case 'g':
            request->geometry = optarg;
            break;
        case 'M':
            request->memory = optarg;
            break;
        case 'a':
            request->rows = 0;
            break;
        case 'j':
            request->json = true;
            break;
        case 'h':
            request->help = true;
            return STATUS_FINE;
        default:
            fputs("see `allotrope trace compare --help`\n", stderr);
            return STATUS_USAGE;
        }
    }
    if (request->stacks == NULL && (request->geometry != NULL || request->memory != NULL))
        return misuse("--geometry and --memory are for --stack", "");
    return STATUS_FINE;
}

/* ---- Replays ---- */

/* Reads what `allotrope replay` reads: the same names, the same sentences. REQUEST is all zero
 * before. */
static int read_replay(const struct compare_request *compare, const char *path,
                       struct request *request, struct error *error)
{
    static char command[] = "compare", stack[] = "--stack", geometry[] = "--geometry",
                memory[] = "--memory";
    char *arguments[9] = {command, stack, (char *)compare->stacks};
    int nr = 3;

    if (compare->geometry != NULL) {
        arguments[nr++] = geometry;
        arguments[nr++] = (char *)compare->geometry;
    }
    if (compare->memory != NULL) {
        arguments[nr++] = memory;
        arguments[nr++] = (char *)compare->memory;
    }
    arguments[nr++] = (char *)path;
    return request_read(request, nr, arguments, error) < 0 ? -1 : 0;
}

/* ---- Output ---- */

static int print_json(const struct trace_comparison *comparison, const struct trace_costs *costs,
                      struct error *error)
{
    json_t *object = trace_comparison_json(comparison);
    int result = object == NULL ? -1 : 0;

    if (result == 0 && costs != NULL)
        result = json_object_set_new(object, "costs", trace_costs_json(costs));
    if (result == 0)
        result = json_dumpf(object, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (result != 0)
        return ferror(stdout) ? 0 : error_set(error, "not enough memory to print JSON");
    putchar('\n');
    return 0;
}

static int print_tables(const struct trace_comparison *comparison, const struct trace_costs *costs,
                        unsigned rows, struct error *error)
{
    if (trace_comparison_print(comparison, stdout, rows) != 0)
        return error_set(error, "not enough memory");
    if (costs != NULL)
        trace_costs_print(costs, stdout);
    return 0;
}

/* REPLAY has no stacks when nothing is to be replayed. Errors of the standard output are found at
 * the end. */
static int compare_opened(const struct compare_request *compare, const struct request *replay,
                          struct trace_reader *a, struct trace_reader *b, struct error *error)
{
    struct trace_comparison *comparison =
        trace_compare(a, b, compare->marks, compare->nr_marks, error);
    struct trace_costs *costs = NULL;
    int result = comparison == NULL ? -1 : 0;

    if (result == 0 && replay->nr_stacks != 0) {
        costs = trace_costs_create(replay, a, b, error);
        result = costs == NULL ? -1 : 0;
    }
    if (result == 0)
        result = compare->json ? print_json(comparison, costs, error)
                               : print_tables(comparison, costs, compare->rows, error);
    trace_costs_destroy(costs);
    trace_comparison_destroy(comparison);
    return result;
}

/* A trace that was cut short is used as far as it goes, and that is said. */
static struct trace_reader *open_trace(const char *path, struct error *error)
{
    struct trace_reader *reader = trace_open(path, error);
    const char *text;

    if (reader != NULL && trace_missing(reader, &text) != 0)
        fprintf(stderr, "allotrope: warning: %s: %s\n", path, text);
    return reader;
}

static int compare_paths(const struct compare_request *compare, const struct request *replay,
                         char *const paths[2], struct error *error)
{
    struct trace_reader *a = open_trace(paths[0], error);
    struct trace_reader *b = a == NULL ? NULL : open_trace(paths[1], error);
    int result = b == NULL ? -1 : compare_opened(compare, replay, a, b, error);

    trace_close(a);
    trace_close(b);
    return result;
}

int trace_compare_command(int argc, char **argv)
{
    struct compare_request request = {.rows = ROWS_DEFAULT};
    struct request *replay;
    struct error error = {""};
    int status = read_options(argc, argv, &request);
    char *const *paths = argv + optind; /* before a second reading of options moves optind */

    if (status != STATUS_FINE)
        return status;
    if (request.help) {
        fputs(usage, stdout);
        return finish(STATUS_FINE);
    }
    if (argc - optind != 2)
        return misuse("expected two traces", "");
    replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        error_set(&error, "not enough memory");
        return fail(&error);
    }
    if (request.stacks != NULL && read_replay(&request, paths[0], replay, &error) != 0)
        status = misuse(error.text, "");
    else if (compare_paths(&request, replay, paths, &error) != 0)
        status = fail(&error);
    request_close(replay);
    free(replay);
    return finish(status);
}
