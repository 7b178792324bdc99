/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command that compares stacks as whole processes.
 */

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/option.h"
#include "common/output.h"
#include "reports/bench.h"
#include "reports/command.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

static const char bench_usage[] =
    "Usage: allotrope bench [OPTION]... TRACE...\n"
    "Compare stacks as whole processes: replays measured by hyperfine, all stacks in turn, in an\n"
    "order drawn for each round.\n"
    "\n"
    "      --stack NAMES     stacks, separated by commas (default: all)\n"
    "      --runs N          of each stack on each trace (default: 11)\n"
    "      --warmup N        runs before them that are not counted (default: 1)\n"
    "      --seed N          of the order (default: 1)\n"
    "      --instructions    count them too, by cachegrind: the same at any time, but slow\n"
    "      --markdown        a table of Markdown\n"
    "  -o, --output FILE     write JSON, which a report shows; - is the standard output, and no\n"
    "                        table\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

struct command {
    struct bench_request request;
    char *owned[BENCH_STACKS]; /* names of stacks */
    int nr_owned;
    char program[4096];
    const char *output;
    bool markdown, help;
};

enum {
    OPTION_STACK = 256,
    OPTION_RUNS,
    OPTION_WARMUP,
    OPTION_SEED,
    OPTION_INSTRUCTIONS,
    OPTION_MARKDOWN,
};

static const struct option options[] = {
    {"stack", required_argument, NULL, OPTION_STACK},
    {"runs", required_argument, NULL, OPTION_RUNS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"instructions", no_argument, NULL, OPTION_INSTRUCTIONS},
    {"markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- Options ---- */

static int set_unsigned(unsigned *to, const char *option, const char *text, unsigned low,
                        struct error *error)
{
    uint64_t value;

    if (option_number(option, text, low, BENCH_RUNS_MAX, &value, error) != 0)
        return -1;

    *to = (unsigned)value;
    return 0;
}

static int add_stack(struct command *command, const char *name, size_t length, struct error *error)
{
    if (command->nr_owned == BENCH_STACKS)
        return error_set(error, "more than %d stacks at once", BENCH_STACKS);

    char *copy = strndup(name, length);

    if (copy == NULL)
        return error_set(error, "no memory for the stacks");
    for (int i = 0; i < command->nr_owned; i++)
        if (strcmp(command->owned[i], copy) == 0) {
            error_set(error, "stack %s is given twice", copy);
            free(copy);
            return -1;
        }

    command->owned[command->nr_owned++] = copy;
    return 0;
}

static int set_stacks(struct command *command, const char *names, struct error *error)
{
    if (command->nr_owned != 0)
        return error_set(error, "--stack is given twice: separate the names by commas");
    if (strcmp(names, "all") == 0)
        return 0;

    for (;;) {
        size_t length = strcspn(names, ",");

        if (add_stack(command, names, length, error) != 0)
            return -1;
        if (names[length] == '\0')
            return 0;
        names += length + 1;
    }
}

static int set_option(struct command *command, int option, const char *value, struct error *error)
{
    struct bench_request *request = &command->request;

    switch (option) {
    case OPTION_STACK:
        return set_stacks(command, value, error);
    case OPTION_RUNS:
        return set_unsigned(&request->runs, "runs", value, 1, error);
    case OPTION_WARMUP:
        return set_unsigned(&request->warmup, "warmup", value, 0, error);
    case OPTION_SEED:
        return option_number("seed", value, 0, INT64_MAX, &request->seed, error);
    case OPTION_INSTRUCTIONS:
        request->instructions = true;
        return 0;
    case OPTION_MARKDOWN:
        command->markdown = true;
        return 0;
    case 'o':
        command->output = value;
        return 0;
    default:
        command->help = true;
        return 0;
    }
}

static int read_options(struct command *command, int argc, char **argv, struct error *error)
{
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
        if (option == '?' || set_option(command, option, optarg, error) != 0)
            return -1;

    if (command->help)
        return 0;
    if (command->markdown && command->output != NULL && strcmp(command->output, "-") == 0)
        return error_set(error, "--markdown prints a table, -o - JSON: one of the two");
    if (optind == argc)
        return error_set(error, "no trace is given");

    command->request.traces = argv + optind;
    command->request.nr_traces = (unsigned)(argc - optind);
    return 0;
}

/* ---- Running ---- */

/* What is measured is this program. */
static int prepare(struct command *command, struct error *error)
{
    struct bench_request *request = &command->request;
    ssize_t length = readlink("/proc/self/exe", command->program, sizeof(command->program) - 1);

    if (length < 0)
        return error_set(error, "/proc/self/exe: cannot find this program: %s", strerror(errno));

    command->program[length] = '\0';
    request->program = command->program;
    if (command->nr_owned == 0) {
        command->nr_owned = bench_stacks(command->program, command->owned, error);
        if (command->nr_owned < 0) {
            command->nr_owned = 0;
            return -1;
        }
    }

    for (int i = 0; i < command->nr_owned; i++)
        request->stacks[i] = command->owned[i];
    request->nr_stacks = (unsigned)command->nr_owned;
    return 0;
}

static void write_json(FILE *stream, const json_t *root)
{
    json_dumpf(root, stream, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
    fputc('\n', stream);
}

static void warn(const json_t *root)
{
    size_t t, s;
    json_t *trace, *stack;

    json_array_foreach(report_array(root, "traces"), t, trace)
        json_array_foreach(report_array(trace, "stacks"), s, stack)
    {
        const char *name = report_text(stack, "name"), *of = report_text(trace, "name");

        if (report_true(stack, "noisy"))
            fprintf(stderr,
                    "allotrope: warning: %s %s: the machine is noisy: times lie %.1f %% from "
                    "their median\n",
                    of, name, 100 * report_number(stack, "spread"));
        if (report_true(stack, "drifts"))
            fprintf(stderr, "allotrope: warning: %s %s: times drift\n", of, name);
    }
}

static int show(const struct command *command, const json_t *root, struct error *error)
{
    struct table table;

    bench_table(&table, root);

    int status =
        table_write(stdout, &table, command->markdown ? TABLE_MARKDOWN : TABLE_PLAIN, error);

    table_end(&table);
    warn(root);
    return status;
}

/* The output is opened first: that it cannot be written is found before the work. */
static int run(struct command *command, struct error *error)
{
    bool standard = command->output != NULL && strcmp(command->output, "-") == 0;
    struct output *output = NULL;

    if (prepare(command, error) != 0)
        return -1;
    if (command->output != NULL && (output = output_open(command->output, error)) == NULL)
        return -1;

    json_t *root = bench_run(&command->request, error);

    if (root == NULL) {
        output_abort(output);
        return -1;
    }

    int status = standard ? 0 : show(command, root, error);

    if (output != NULL) {
        write_json(output_stream(output), root);
        if (output_commit(output, error) != 0)
            status = -1;
    }
    json_decref(root);
    return status;
}

static int bench(struct command *command, int argc, char **argv)
{
    struct error error = {.text = ""};

    if (read_options(command, argc, argv, &error) != 0) {
        if (error.text[0] != '\0')
            fprintf(stderr, "allotrope: %s; see `allotrope bench --help`\n", error.text);
        return STATUS_USAGE;
    }

    if (command->help)
        fputs(bench_usage, stdout);
    else if (run(command, &error) != 0)
        goto failed;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_FINE;
    error_set(&error, "the standard output cannot be written: %s", strerror(errno));
failed:
    fprintf(stderr, "allotrope: %s\n", error.text);
    return STATUS_ERROR;
}

int bench_command(int argc, char **argv)
{
    struct command command = {.request = {.runs = 11, .warmup = 1, .seed = 1}};
    int status = bench(&command, argc, argv);

    for (int i = 0; i < command.nr_owned; i++)
        free(command.owned[i]);
    return status;
}
