/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command line of traces: reads what is asked, calls what does it, prints what went wrong.
 */

#include "traces/command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "traces/import.h"
#include "traces/trace.h"
#include "traces/trace_check.h"
#include "traces/trace_cut.h"
#include "traces/trace_info.h"
#include "traces/trace_text.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

#define ROWS_DEFAULT 20

static const char trace_usage[] =
    "Usage: allotrope trace COMMAND [ARGUMENT]...\n"
    "Make, look at, check, cut and compare traces.\n"
    "\n"
    "  import    make a trace of an event log\n"
    "  info      print what is in a trace\n"
    "  text      print a trace as text, or make a trace of text\n"
    "  check     verify that a trace is whole and makes sense\n"
    "  cut       make a trace of the part between two marks\n"
    "  compare   print how alike two traces are\n"
    "\n"
    "  -h, --help            print this help; each command has its own\n";

static const char info_usage[] =
    "Usage: allotrope trace info [OPTION]... TRACE...\n"
    "Print where each trace comes from, its events, caches, tasks, spaces and marks.\n"
    "\n"
    "  -a, --all             all rows of each table (default: the 20 largest)\n"
    "      --json            print JSON: one object, or an array for more than one trace\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

static const char text_usage[] =
    "Usage: allotrope trace text [-o FILE] TRACE\n"
    "       allotrope trace text --parse -o TRACE [FILE]\n"
    "Print a trace as text, one line an event. The text reads back to the same trace.\n"
    "\n"
    "  -r, --parse           read text from FILE or the standard input and write a trace\n"
    "  -o, --output FILE     write to FILE; - is the standard output (the default for text)\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

static const char check_usage[] =
    "Usage: allotrope trace check TRACE...\n"
    "Verify checksums, totals and every event: that time does not go back, that only what is\n"
    "alive is used and freed, that places and numbers exist.\n"
    "\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 all are whole, 1 one is not, 2 usage.\n";

static const char cut_usage[] =
    "Usage: allotrope trace cut [OPTION]... -o FILE TRACE\n"
    "Write the part of a trace between two marks as a trace of its own, which begins by making\n"
    "what was alive.\n"
    "\n"
    "      --from MARK       start with this mark (default: the start of the trace)\n"
    "      --to MARK         end with this mark (default: the end); MARK is its text, or text#N\n"
    "                        for the N-th of that text\n"
    "  -o, --output FILE     the trace to write; - is the standard output\n"
    "      --level N         compression level of zstd (default: 3)\n"
    "  -h, --help            print this help\n"
    "\n"
    "Counters of the captured kernel (truth) are kept only in a cut without --from.\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int misuse(const char *command, const char *text, const char *what)
{
    fprintf(stderr, "allotrope: %s%s; see `allotrope trace %s --help`\n", text, what, command);
    return STATUS_USAGE;
}

/* After getopt_long() has printed its own sentence. */
static int misuse_option(const char *command)
{
    fprintf(stderr, "see `allotrope trace %s --help`\n", command);
    return STATUS_USAGE;
}

/* The standard output cannot be relied on before it is flushed. */
static int finish(int status)
{
    struct error error;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    error_set(&error, "cannot write the standard output: %s", strerror(errno));
    return fail(&error);
}

static int help(const char *text)
{
    fputs(text, stdout);
    return finish(STATUS_FINE);
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

/* ---- trace info ---- */

static int info_one(const char *path, bool json, unsigned rows, json_t *array, struct error *error)
{
    struct trace_reader *reader = open_trace(path, error);
    struct trace_info *info = reader == NULL ? NULL : trace_info_create(reader, error);
    int result = info == NULL ? -1 : 0;

    if (info != NULL && json) {
        json_t *object = trace_info_json(info);

        if (object == NULL || json_array_append_new(array, object) != 0)
            result = error_set(error, "%s: not enough memory", path);
    } else if (info != NULL) {
        if (trace_info_print(info, stdout, rows) != 0)
            result = error_set(error, "%s: not enough memory", path);
    }
    trace_info_destroy(info);
    trace_close(reader);
    return result;
}

/* An error of the standard output is found at the end. */
static int info_print_json(json_t *array, struct error *error)
{
    json_t *value = json_array_size(array) == 1 ? json_array_get(array, 0) : array;

    if (json_array_size(array) == 0)
        return 0;
    if (json_dumpf(value, stdout, JSON_INDENT(1)) != 0)
        return ferror(stdout) ? 0 : error_set(error, "not enough memory to print JSON");
    putchar('\n');
    return 0;
}

static int info_command(int argc, char **argv)
{
    static const struct option options[] = {{"all", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    unsigned rows = ROWS_DEFAULT;
    bool json = false;
    struct error error;
    int c, status = STATUS_FINE;
    json_t *array;

    while ((c = getopt_long(argc, argv, "ah", options, NULL)) != -1) {
        if (c == 'a')
            rows = 0;
        else if (c == 'j')
            json = true;
        else if (c == 'h')
            return help(info_usage);
        else
            return misuse_option("info");
    }
    if (optind == argc)
        return misuse("info", "no trace is given", "");
    array = json_array();
    for (int i = optind; i < argc; i++) {
        if (i != optind && !json)
            putchar('\n');
        if (info_one(argv[i], json, rows, array, &error) != 0)
            status = fail(&error);
    }
    if (json && info_print_json(array, &error) != 0)
        status = fail(&error);
    json_decref(array);
    return finish(status);
}

/* ---- trace text ---- */

static int text_print(const char *path, const char *output_path, struct error *error)
{
    struct trace_reader *reader;
    struct output *output;

    if (output_distinct(path, output_path, error) != 0)
        return -1;
    reader = open_trace(path, error);
    if (reader == NULL)
        return -1;
    output = output_open(output_path, error);
    if (output == NULL || trace_text_write(reader, output_stream(output), error) != 0) {
        output_abort(output);
        trace_close(reader);
        return -1;
    }
    trace_close(reader);
    return output_commit(output, error);
}

static int text_parse(const char *path, const char *output_path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *stream;
    int result;

    if (output_distinct(path, output_path, error) != 0)
        return -1;
    stream = standard ? stdin : fopen(path, "re");
    if (stream == NULL)
        return error_set(error, "%s: cannot open the text: %s", path, strerror(errno));
    result = trace_text_parse(stream, standard ? "standard input" : path, output_path, error);
    if (!standard)
        fclose(stream);
    return result;
}

static int text_command(int argc, char **argv)
{
    static const struct option options[] = {{"parse", no_argument, NULL, 'r'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *output = NULL, *input;
    bool parse = false;
    struct error error;
    int c, result;

    while ((c = getopt_long(argc, argv, "ro:h", options, NULL)) != -1) {
        if (c == 'r')
            parse = true;
        else if (c == 'o')
            output = optarg;
        else if (c == 'h')
            return help(text_usage);
        else
            return misuse_option("text");
    }
    if (argc - optind > 1)
        return misuse("text", "more than one file is given: ", argv[optind + 1]);
    if (parse && output == NULL)
        return misuse("text", "--parse needs -o with the trace to write", "");
    if (!parse && optind == argc)
        return misuse("text", "no trace is given", "");
    input = optind < argc ? argv[optind] : "-";
    result = parse ? text_parse(input, output, &error)
                   : text_print(input, output != NULL ? output : "-", &error);
    return result == 0 ? STATUS_FINE : fail(&error);
}

/* ---- trace check ---- */

static int check_one(const char *path, struct error *error)
{
    struct trace_reader *reader = trace_open(path, error);
    int result = reader == NULL ? -1 : trace_check(reader, error);

    if (result == 0)
        printf("%s: whole, %" PRIu64 " events\n", path, trace_totals(reader)->events);
    trace_close(reader);
    return result;
}

static int check_command(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int c, status = STATUS_FINE;
    struct error error;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h')
            return help(check_usage);
        return misuse_option("check");
    }
    if (optind == argc)
        return misuse("check", "no trace is given", "");
    for (int i = optind; i < argc; i++)
        if (check_one(argv[i], &error) != 0)
            status = fail(&error);
    return finish(status);
}

/* ---- trace cut ---- */

struct cut_request {
    const char *from, *to, *output;
    int level;
    bool help;
};

static int cut_options(int argc, char **argv, struct cut_request *request)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'f'},   {"to", required_argument, NULL, 't'},
        {"output", required_argument, NULL, 'o'}, {"level", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    long level;
    char *end;
    int c;

    while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        switch (c) {
        case 'f':
            request->from = optarg;
            break;
        case 't':
            request->to = optarg;
            break;
        case 'o':
            request->output = optarg;
            break;
        case 'l':
            level = strtol(optarg, &end, 10);
            request->level = (int)level;
            if (*end != '\0' || end == optarg || request->level != level)
                return misuse("cut", "not a compression level: ", optarg);
            break;
        case 'h':
            request->help = true;
            return STATUS_FINE;
        default:
            return misuse_option("cut");
        }
    }
    return STATUS_FINE;
}

static int cut_command(int argc, char **argv)
{
    struct cut_request request = {0};
    struct trace_reader *reader;
    struct error error;
    int status = cut_options(argc, argv, &request);

    if (status != STATUS_FINE)
        return status;
    if (request.help)
        return help(cut_usage);
    if (argc - optind != 1)
        return misuse("cut", "expected one trace", "");
    if (request.output == NULL)
        return misuse("cut", "expected -o with the trace to write", "");
    if (request.from == NULL && request.to == NULL)
        return misuse("cut", "expected --from or --to", "");
    if (output_distinct(argv[optind], request.output, &error) != 0)
        return fail(&error);
    reader = open_trace(argv[optind], &error);
    if (reader == NULL ||
        trace_cut(reader, request.from, request.to, request.output, request.level, &error) != 0)
        status = fail(&error);
    trace_close(reader);
    return status;
}

/* ---- trace ---- */

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"import", import_command}, {"info", info_command}, {"text", text_command},
    {"check", check_command},   {"cut", cut_command},
};

int trace_command(int argc, char **argv)
{
    if (argc < 2) {
        fputs(trace_usage, stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(trace_usage);
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "allotrope: there is no command \"trace %s\"; see `allotrope trace --help`\n",
            argv[1]);
    return STATUS_USAGE;
}
