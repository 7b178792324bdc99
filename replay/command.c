/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The commands of this folder: what the user asks for is read here, and what comes out is printed
 * here. The replay itself knows of neither.
 */

#include "replay/command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/output.h"
#include "replay/against.h"
#include "replay/request.h"
#include "replay/result.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE, STATUS_TRUTH };

static const char replay_usage[] =
    "Usage: allotrope replay [OPTION]... TRACE...\n"
    "Replay traces through allocator stacks and print what each held, wasted, refused and took.\n"
    "\n"
    "  --stack NAMES         stacks, separated by commas; `all` (the default); a name with a\n"
    "                        slash is a shared object that exports `allotrope_stack`;\n"
    "                        gnumach:FILE is a kernel, run by its own machine code\n"
    "  --against gnumach:FILE\n"
    "                        replay each stack beside a kernel and tell where they first differ\n"
    "  --geometry NAME       machine to replay on (default: the trace's own)\n"
    "  --memory SIZE         its memory, such as 512M (default: the trace's own)\n"
    "  --pages NAME          page allocator: list, buddy, buddy-segments (default: of the\n"
    "                        stack's time)\n"
    "  --map NAME            kernel map policy: first-fit, gap-tree (default: of the stack's\n"
    "                        time)\n"
    "  --on-failure ACTION   skip (the default): go on without what was refused; stop\n"
    "  --keys KIND           keys of the reverse tree: own addresses (the default), captured\n"
    "  --check               check every structure at intervals, and the contents of objects\n"
    "  --truth               compare with the counters of the captured kernel; without --stack\n"
    "                        through its own design only\n"
    "  --exact-bitmaps       radix trees that find every free name, which the kernel's do not\n"
    "  --work                count the work of each call, by kind of event\n"
    "  --latency MODE        time calls: off (the default), sampled (one in 512), every\n"
    "  --sample EVENTS       events between two samples of fragmentation (default: 128 samples\n"
    "                        over the trace); off: none\n"
    "  --repeat N            replay once for what is exact, then N times for time alone, the\n"
    "                        stacks in turn\n"
    "  --until-failure HOW   repeat: the trace again and again until something is refused;\n"
    "                        shrink: find the least memory that serves the trace\n"
    "  --passes N            at most, until failure by repetition (default: 100)\n"
    "  -o, --output DIR      write TRACE-STACK.json for each replay; - is the standard output\n"
    "  --json                the same as -o -: a line of JSON for each replay, and no table\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage, 3 the truth or the kernel differs.\n";

static const char stacks_usage[] =
    "Usage: allotrope stacks [OPTION]\n"
    "List the stacks, page allocators, map policies and geometries that there are.\n"
    "\n"
    "  -h, --help            print this help\n";

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int usage(const struct error *error)
{
    fprintf(stderr, "allotrope: %s; see `allotrope replay --help`\n", error->text);
    return STATUS_USAGE;
}

/* ---- Replays ---- */

/* The trace's file name without folder and suffix, in NAME. */
static void trace_label(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(name, size, "%s", slash != NULL ? slash + 1 : path);

    size_t length = strlen(name);
    size_t suffix = strlen(".trace");

    if (length > suffix && strcmp(name + length - suffix, ".trace") == 0)
        name[length - suffix] = '\0';
}

/* A stack's name as part of a file name: of a shared object, its file's. */
static void stack_label(const char *stack, char *name, size_t size)
{
    snprintf(name, size, "%s", stack);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
}

static int write_file(const struct request *request, const struct result_subject *subject,
                      const struct session_outcome *outcome, struct error *error)
{
    char stack[64], path[4096];

    stack_label(outcome->ops->name, stack, sizeof(stack));
    if ((size_t)snprintf(path, sizeof(path), "%s/%s-%s.json", request->output, subject->trace_name,
                         stack) >= sizeof(path))
        return error_set(error, "%s: the path is too long", request->output);

    struct output *output = output_open(path, error);

    if (output == NULL)
        return -1;

    if (result_write(output_stream(output), subject, outcome, false, error) != 0) {
        output_abort(output);
        return error_prefix(error, "%s: ", path);
    }

    return output_commit(output, error);
}

/* The reader names its file already. */
static int name_trace(const char *path, struct error *error)
{
    size_t length = strlen(path);

    if (strncmp(error->text, path, length) == 0 && error->text[length] == ':')
        return -1;

    return error_prefix(error, "%s: ", path);
}

static void note_missing(const struct request *request, const struct trace_reader *trace)
{
    const char *text = NULL;

    if (trace_missing(trace, &text) != 0)
        fprintf(stderr, "allotrope: warning: %s: %s\n", request->trace, text);
}

static int add_captured_stack(struct request *request, const struct trace_reader *trace,
                              const char *path, struct error *error)
{
    const char *name = trace_header(trace)->machine.stack;

    if (stack_find(name) == NULL)
        return error_set(error,
                         "%s: it does not say which design its kernel had; name one with "
                         "--stack",
                         path);

    return request_add_stack(request, name, error);
}

static int flush_output(struct error *error)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return error_set(error, "the standard output cannot be written: %s", strerror(errno));

    return 0;
}

/* The records of a session: to files and, as lines, to the standard output. */
static int write_records(const struct request *request, const struct result_subject *subject,
                         const struct session_outcome *outcomes, struct error *error)
{
    for (unsigned i = 0; i < request->nr_stacks; i++) {
        if (request->output != NULL && write_file(request, subject, &outcomes[i], error) != 0)
            return -1;
        if (request->json && result_write(stdout, subject, &outcomes[i], true, error) != 0)
            return ferror(stdout) ? flush_output(error) : -1;
    }

    return 0;
}

static void warn_of_noise(const struct request *request, const struct session_outcome *outcomes)
{
    for (unsigned i = 0; i < request->nr_stacks; i++) {
        struct statistics_summary wall = timing_wall(&outcomes[i].timing);

        if (wall.noisy && wall.nr > 2)
            fprintf(stderr,
                    "allotrope: warning: %s %s: the machine is noisy: wall times lie %.1f %% from "
                    "their median (median deviation of %u replays)\n",
                    request->trace, outcomes[i].ops->name, 100 * wall.spread, wall.nr);
        if (wall.drifts)
            fprintf(stderr,
                    "allotrope: warning: %s %s: wall times drift: the second half of %u replays "
                    "took %+.1f %% of the first\n",
                    request->trace, outcomes[i].ops->name, wall.nr, 100 * wall.drift);
    }
}

static int replay_session(struct request *request, const struct result_subject *subject,
                          struct session_outcome *outcomes, struct error *error)
{
    if (session_run(request, subject->trace, subject->trace_name, &request->stopwatch, outcomes,
                    error) != 0)
        return name_trace(request->trace, error);

    for (unsigned i = 0; i < request->nr_stacks; i++)
        if (truth_different(&outcomes[i].result.truth) != 0)
            request->truth_differs = true;

    warn_of_noise(request, outcomes);
    if (write_records(request, subject, outcomes, error) != 0)
        return -1;
    if (!request->json)
        result_table(stdout, subject, outcomes, request->nr_stacks);
    fflush(stdout);
    return 0;
}

/* Every stack beside the image. */
static int hold_against(struct request *request, struct trace_reader *trace, struct error *error)
{
    for (unsigned i = 0; i < request->nr_stacks; i++) {
        const struct stack_ops *stack = request->stacks[i], *image = request->against;
        struct against against;
        int status = against_run(&against, trace, stack, image, &request->options, error);

        if (status == 0)
            status = against_print(stdout, &against, trace, stack, image, error);
        request->differs |= status == 0 && against_differs(&against);
        against_free(&against);
        if (status != 0)
            return name_trace(request->trace, error);
    }

    fflush(stdout);
    return 0;
}

static int replay_opened(struct request *request, struct trace_reader *trace, const char *path,
                         struct error *error)
{
    char label[256];
    struct session_outcome *outcomes = calloc(request->nr_stacks, sizeof(*outcomes));

    if (outcomes == NULL)
        return error_set(error, "no memory for the results");

    trace_label(path, label, sizeof(label));

    const struct result_subject subject = {.trace_name = label, .trace = trace, .request = request};

    note_missing(request, trace);

    int status = request->against != NULL ? hold_against(request, trace, error)
                                          : replay_session(request, &subject, outcomes, error);

    session_free(outcomes, request->nr_stacks);
    free(outcomes);
    return status;
}

static int replay_trace(struct request *request, const char *path, struct error *error)
{
    struct trace_reader *trace = trace_open(path, error);
    unsigned given = request->nr_stacks;
    int status = -1;

    if (trace == NULL)
        return -1;
    request->trace = path;
    if (given != 0 || add_captured_stack(request, trace, path, error) == 0)
        status = replay_opened(request, trace, path, error);

    request->nr_stacks = given;
    trace_close(trace);
    return status;
}

/* That it is no folder or not ours to write is found before the work, not after it. */
static int make_folder(const char *path, struct error *error)
{
    struct stat status;

    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno != EEXIST || stat(path, &status) != 0)
        return error_set(error, "%s: the folder cannot be made: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, "%s: it is no folder; -o takes one, for a result of each replay",
                         path);
    if (access(path, W_OK | X_OK) != 0)
        return error_set(error, "%s: the folder cannot be written: %s", path, strerror(errno));

    return 0;
}

/* The file that a result is written to is called after its trace and its stack: two of one name
 * would be one file. */
static int check_trace_names(char **paths, int nr, struct error *error)
{
    char name[256], other[256];

    for (int i = 1; i < nr; i++) {
        trace_label(paths[i], name, sizeof(name));
        for (int j = 0; j < i; j++) {
            trace_label(paths[j], other, sizeof(other));
            if (strcmp(name, other) == 0)
                return error_set(error,
                                 "%s and %s: both results would be called %s; replay them one by "
                                 "one with a -o of their own",
                                 paths[j], paths[i], name);
        }
    }

    return 0;
}

static int check_stack_names(const struct request *request, struct error *error)
{
    for (unsigned i = 1; i < request->nr_stacks; i++)
        for (unsigned j = 0; j < i; j++)
            if (strcmp(request->stacks[i]->name, request->stacks[j]->name) == 0)
                return error_set(error,
                                 "stack %s is named twice: with -o each replay needs a file of "
                                 "its own",
                                 request->stacks[i]->name);

    return 0;
}

static int open_results(const struct request *request, char **paths, int nr, struct error *error)
{
    if (request->output == NULL)
        return 0;
    if (check_trace_names(paths, nr, error) != 0 || check_stack_names(request, error) != 0)
        return -1;

    return make_folder(request->output, error);
}

static int run(struct request *request, int argc, char **argv)
{
    struct error error = {.text = ""};
    int first = request_read(request, argc, argv, &error);

    if (first < 0)
        return error.text[0] != '\0' ? usage(&error) : STATUS_USAGE;

    if (request->help) {
        fputs(replay_usage, stdout);
        return flush_output(&error) == 0 ? STATUS_FINE : fail(&error);
    }

    if (open_results(request, argv + first, argc - first, &error) != 0)
        return fail(&error);
    if (request->options.latency != REPLAY_UNTIMED &&
        stopwatch_open(&request->stopwatch, STOPWATCH_BEST, &error) != 0)
        return fail(&error);

    for (int i = first; i < argc; i++)
        if (replay_trace(request, argv[i], &error) != 0) {
            fflush(stdout);
            return fail(&error);
        }

    if (flush_output(&error) != 0)
        return fail(&error);

    return request->truth_differs || request->differs ? STATUS_TRUTH : STATUS_FINE;
}

int replay_command(int argc, char **argv)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        fputs("allotrope: no memory\n", stderr);
        return STATUS_ERROR;
    }

    int status = run(request, argc, argv);

    request_close(request);
    free(request);
    return status;
}

/* ---- Listing ---- */

static void list_stacks(void)
{
    printf("%-14s %-15s %s\n", "STACK", "PAGES", "MAP");

    for (unsigned i = 0; stack_at(i) != NULL; i++) {
        const struct stack_ops *stack = stack_at(i);

        printf("%-14s %-15s %-10s %s\n", stack->name, stack->pages[0] != '\0' ? stack->pages : "-",
               stack->map[0] != '\0' ? stack->map : "-", stack->summary);
    }
}

static void list_parts(void)
{
    printf("\nPAGES\n");
    for (unsigned i = 0; request_pages_at(i) != NULL; i++)
        printf("%-14s %s\n", request_pages_at(i)->name, request_pages_at(i)->summary);

    printf("\nMAP\n");
    for (unsigned i = 0; request_map_at(i) != NULL; i++)
        printf("%-14s %s\n", request_map_at(i)->name, request_map_at(i)->summary);

    printf("\nGEOMETRY\n");
    for (unsigned i = 0; geometry_at(i) != NULL; i++)
        printf("%-14s %s\n", geometry_at(i)->name, geometry_at(i)->summary);
}

int stacks_command(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct error error = {.text = ""};
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option != 'h')
            return STATUS_USAGE;
        fputs(stacks_usage, stdout);
        return flush_output(&error) == 0 ? STATUS_FINE : fail(&error);
    }

    if (optind != argc) {
        fprintf(stderr, "allotrope: stacks takes no argument, \"%s\" was given\n", argv[optind]);
        return STATUS_USAGE;
    }

    list_stacks();
    list_parts();
    return flush_output(&error) == 0 ? STATUS_FINE : fail(&error);
}
