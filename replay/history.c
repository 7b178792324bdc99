/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `allotrope history`: the document docs/history.md, made by running the stacks.
 *
 * A claim on allocators is worth what its figures are worth, and figures that somebody copied into
 * a text grow old there. So the text is in the program, one chapter a file, and the figures are
 * filled in by the runs that the text speaks of. A test makes the document anew and compares it to
 * the byte. Where a sentence draws a conclusion, the condition for it stands beside it
 * (history_hold): when the figures no longer bear it out there is an error, not a wrong sentence.
 *
 * All figures are exact: counts and bytes, and percentages by integer division. Nothing is timed.
 */

#include "replay/history.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "replay/history_private.h"

#define TRACES "traces/captured"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

static const char usage[] =
    "Usage: allotrope history [OPTION]...\n"
    "Retell by exact figures what became of the kernel's allocators, and why: run the stacks and\n"
    "print docs/history.md.\n"
    "\n"
    "      --traces DIR      folder of the captured traces (default: traces/captured)\n"
    "      --only N[,N]...   only these chapters, 1 to 6\n"
    "  -o, --output FILE     write it there instead of to the standard output\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

static const struct chapter {
    const char *title;
    int (*write)(struct history *history, struct error *error);
} chapters[HISTORY_CHAPTERS] = {
    {"1. A table that could not grow, to 2015", history_growth},
    {"2. Pages side by side, February 2016", history_runs},
    {"3. How many rights a kernel holds", history_limits},
    {"4. Which of the two trees made the maps grow, January 2016", history_reverse},
    {"5. What pages alone waste", history_direct},
    {"6. Free names that are passed over, to this day", history_bitmaps},
};

/* ---- Runs ---- */

struct trace_reader *history_open(const struct history *history, const char *name,
                                  struct error *error)
{
    char path[4096];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s.trace", history->traces, name) >=
        sizeof(path)) {
        error_set(error, "%s: the path is too long", history->traces);
        return NULL;
    }

    return trace_open(path, error);
}

int history_replay(struct history *history, const char *name, const struct stack_ops *ops,
                   const struct replay_options *options, struct replay_result *result,
                   struct error *error)
{
    struct trace_reader *trace = history_open(history, name, error);

    memset(result, 0, sizeof(*result));
    if (trace == NULL)
        return -1;

    int status = replay_run(trace, ops, options, result, error);

    trace_close(trace);
    return status;
}

const struct replay_point *history_mark(const struct replay_result *result, const char *name,
                                        unsigned nr, struct error *error)
{
    for (unsigned i = 0; i < result->nr_points; i++)
        if (strcmp(result->points[i].name, name) == 0 && --nr == 0)
            return &result->points[i];

    error_set(error, "a trace has no mark \"%s\" where the history looks for one", name);
    return NULL;
}

int history_hold(const struct history *history, bool holds, const char *sentence,
                 struct error *error)
{
    if (holds)
        return 0;

    return error_set(error, "chapter %u: the figures do not bear out that %s", history->chapter,
                     sentence);
}

/* ---- The document ---- */

static void introduce(struct history *history)
{
    history_heading(history, 1, "The history, retold by the tool");
    history_say(
        history,
        "Between 2011 and 2016 GNU Mach changed three times how it allocates kernel memory. "
        "Each change was argued on a mailing list, few were measured. This page repeats "
        "the arguments with figures. `allotrope history` makes it: it replays captured "
        "traces, and workloads made from a seed, through each design, and writes down what "
        "came of it. Every figure is exact, none is a time, and a test makes the page anew "
        "and compares it to the byte.");
    history_say(history, "The designs are described in [stacks.md](stacks.md), the traces in "
                         "[their own page](../traces/captured/README.md). Bytes are bytes, pages "
                         "have 4096 of them, percentages are rounded down.");
}

int history_write(FILE *stream, const struct history_options *options, struct error *error)
{
    struct history history = {.out = stream, .traces = options->traces};

    if (options->chapters == 0)
        introduce(&history);

    for (unsigned i = 0; i < HISTORY_CHAPTERS; i++) {
        history.chapter = i + 1;
        if (options->chapters != 0 && (options->chapters >> history.chapter & 1) == 0)
            continue;

        history_heading(&history, 2, chapters[i].title);
        if (chapters[i].write(&history, error) != 0)
            return -1;
    }

    return 0;
}

/* ---- The command ---- */

struct request {
    struct history_options options;
    const char *output;
    bool help;
};

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int choose_chapters(struct request *request, const char *text, struct error *error)
{
    for (const char *at = text;;) {
        if (*at < '1' || *at > '0' + HISTORY_CHAPTERS || (at[1] != ',' && at[1] != '\0'))
            return error_set(error,
                             "--only takes chapters, 1 to %d, separated by commas, not \"%s\"",
                             HISTORY_CHAPTERS, text);

        request->options.chapters |= 1u << (*at - '0');
        if (at[1] == '\0')
            return 0;
        at += 2;
    }
}

static int read_options(struct request *request, int argc, char **argv, struct error *error)
{
    static const struct option options[] = {
        {"traces", required_argument, NULL, 't'},
        {"only", required_argument, NULL, 'n'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
        switch (option) {
        case 't':
            request->options.traces = optarg;
            break;
        case 'n':
            if (choose_chapters(request, optarg, error) != 0)
                return -1;
            break;
        case 'o':
            request->output = optarg;
            break;
        case 'h':
            request->help = true;
            break;
        default:
            return -1; /* getopt has complained */
        }

    if (optind != argc)
        return error_set(error, "history takes no argument, \"%s\" was given", argv[optind]);
    return 0;
}

static int write_text(const struct request *request, const char *text, size_t size,
                      struct error *error)
{
    struct output *output = output_open(request->output, error);

    if (output == NULL)
        return -1;

    fwrite(text, 1, size, output_stream(output));
    return output_commit(output, error);
}

/* The document is made in memory first: what comes out is all of it, or nothing. */
static int write_output(const struct request *request, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    int status;

    if (stream == NULL)
        return error_set(error, "no memory for the document");

    status = history_write(stream, &request->options, error);
    if (fclose(stream) != 0 && status == 0)
        status = error_set(error, "no memory for the document");
    if (status == 0)
        status = write_text(request, text, size, error);

    free(text);
    return status;
}

int history_command(int argc, char **argv)
{
    struct request request = {.options.traces = TRACES, .output = "-"};
    struct error error = {.text = ""};

    if (read_options(&request, argc, argv, &error) != 0) {
        if (error.text[0] != '\0')
            fprintf(stderr, "allotrope: %s; see `allotrope history --help`\n", error.text);
        return STATUS_USAGE;
    }

    if (request.help) {
        if (fputs(usage, stdout) == EOF || fflush(stdout) != 0) {
            error_set(&error, "the standard output cannot be written: %s", strerror(errno));
            return fail(&error);
        }
        return STATUS_FINE;
    }

    return write_output(&request, &error) == 0 ? STATUS_FINE : fail(&error);
}
