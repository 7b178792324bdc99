/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command that gives tables, histograms and series to other programs.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/size.h"
#include "reports/command.h"
#include "reports/export.h"
#include "reports/table.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

static const char export_usage[] =
    "Usage: allotrope export [OPTION]... TABLE RESULT...\n"
    "Write a table of results, as text or in a form that other programs read. A RESULT is a file\n"
    "of `allotrope replay -o`, a folder of them, or - for the standard input.\n"
    "\n"
    "  summary               a row for each trace and stack\n"
    "  failures              what was refused, and why\n"
    "  points                what was held at the marks and at the end\n"
    "  maps                  kernel maps at the end\n"
    "  segments              free blocks by size at the end\n"
    "  caches                slab caches at the end, in the order of /proc/slabinfo\n"
    "  spaces                the spaces with most rights at the end\n"
    "  work                  counters of work\n"
    "  steps                 work of single calls\n"
    "  times                 wall time of replays\n"
    "  latency               percentiles of the time of calls\n"
    "  truth                 counters against those of the captured kernel\n"
    "  provenance            of what, on what and with what\n"
    "  series                of one result: fragmentation over the trace, as columns\n"
    "  histogram             of one result: time of calls, as HdrHistogram prints it\n"
    "\n"
    "      --csv             comma-separated values, numbers in full\n"
    "      --json            JSON\n"
    "      --markdown        a table of Markdown\n"
    "      --kind KIND       histogram: of this kind of call (default: of all)\n"
    "      --size BYTES      histogram: of this size class, as `latency` has them\n"
    "  -o, --output FILE     where to (default: -, the standard output)\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

struct request {
    const char *table;
    enum table_format format;
    const char *format_option; /* as given; NULL: none was */
    const char *kind;
    uint64_t size;
    bool size_given;
    const char *output;
    bool help;
};

enum { OPTION_CSV = 256, OPTION_JSON, OPTION_MARKDOWN, OPTION_KIND, OPTION_SIZE };

static const struct option options[] = {
    {"csv", no_argument, NULL, OPTION_CSV},
    {"json", no_argument, NULL, OPTION_JSON},
    {"markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"kind", required_argument, NULL, OPTION_KIND},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- Options ---- */

static int set_format(struct request *request, const char *name, enum table_format format,
                      struct error *error)
{
    if (request->format_option != NULL && request->format != format)
        return error_set(error, "--%s and --%s: one of the two", request->format_option, name);

    request->format = format;
    request->format_option = name;
    return 0;
}

static int set_option(struct request *request, int option, const char *value, struct error *error)
{
    switch (option) {
    case OPTION_CSV:
        return set_format(request, "csv", TABLE_CSV, error);
    case OPTION_JSON:
        return set_format(request, "json", TABLE_JSON, error);
    case OPTION_MARKDOWN:
        return set_format(request, "markdown", TABLE_MARKDOWN, error);
    case OPTION_KIND:
        request->kind = value;
        return 0;
    case OPTION_SIZE:
        request->size_given = true;
        return size_parse(value, &request->size, error) == 0 ? 0 : error_prefix(error, "--size: ");
    case 'o':
        request->output = value;
        return 0;
    default:
        request->help = true;
        return 0;
    }
}

static int check(const struct request *request, struct error *error)
{
    bool histogram = strcmp(request->table, "histogram") == 0;
    bool series = strcmp(request->table, "series") == 0;

    if (!histogram && !series && table_kind_find(request->table) == NULL)
        return error_set(error, "there is no table \"%s\"", request->table);
    if (!histogram && (request->kind != NULL || request->size_given))
        return error_set(error, "--%s is of histogram, not of %s",
                         request->kind != NULL ? "kind" : "size", request->table);
    if ((histogram || series) && request->format_option != NULL)
        return error_set(error, "%s has one form alone: --%s is of tables", request->table,
                         request->format_option);

    return 0;
}

/* The index of the first result; -1 with the error set, or empty when getopt has complained. */
static int read_request(struct request *request, int argc, char **argv, struct error *error)
{
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
        if (option == '?' || set_option(request, option, optarg, error) != 0)
            return -1;

    if (request->help)
        return optind;
    if (optind == argc)
        return error_set(error, "no table is given");

    request->table = argv[optind++];
    if (check(request, error) != 0)
        return -1;
    if (optind == argc)
        return error_set(error, "no result is given");

    return optind;
}

/* ---- Writing ---- */

static int fill(struct table *table, const struct table_kind *kind, const struct report_set *set,
                struct error *error)
{
    for (unsigned trace = 0; trace < report_set_traces(set); trace++) {
        struct report_result *results = report_set_load_trace(set, trace, error);

        if (results == NULL)
            return -1;
        kind->add(table, results, report_set_results(set, trace));
        report_results_free(results, report_set_results(set, trace));
    }

    return 0;
}

static int write_table(FILE *stream, const struct request *request, const struct report_set *set,
                       struct error *error)
{
    const struct table_kind *kind = table_kind_find(request->table);
    struct table table;

    table_begin_kind(&table, kind);

    int status = fill(&table, kind, set, error);

    if (status == 0)
        status = table_write(stream, &table, request->format, error);
    table_end(&table);
    return status;
}

static int write_histogram(FILE *stream, const struct request *request,
                           const struct report_result *result, struct error *error)
{
    struct latency latency;

    if (latency_open(&latency, result, request->kind,
                     request->size_given ? (int64_t)request->size : LATENCY_ALL_SIZES) != 0)
        return error_set(error, "%s: no memory for its histogram", result->path);

    if (latency.count == 0) {
        bool timed = report_at(result->measured, "latency") != NULL;

        latency_close(&latency);
        return timed
                   ? error_set(error, "%s: no such call was timed", result->path)
                   : error_set(error, "%s: no call was timed: replay with --latency", result->path);
    }

    export_histogram(stream, &latency);
    latency_close(&latency);
    return 0;
}

static int write_one(FILE *stream, const struct request *request, const struct report_set *set,
                     struct error *error)
{
    struct report_result result;

    if (report_set_size(set) != 1)
        return error_set(error, "%s is of one result, %u are given", request->table,
                         report_set_size(set));
    if (report_set_load(set, 0, 0, &result, error) != 0)
        return -1;

    int status = strcmp(request->table, "series") == 0
                     ? export_series(stream, &result, error)
                     : write_histogram(stream, request, &result, error);

    report_result_free(&result);
    return status;
}

static int write_to(const struct request *request, const struct report_set *set,
                    struct error *error)
{
    struct output *output = output_open(request->output, error);

    if (output == NULL)
        return -1;

    int status = table_kind_find(request->table) != NULL
                     ? write_table(output_stream(output), request, set, error)
                     : write_one(output_stream(output), request, set, error);

    if (status == 0)
        return output_commit(output, error);

    output_abort(output);
    return status;
}

static int run(const struct request *request, char **paths, int nr, struct error *error)
{
    struct report_set *set;

    if (report_set_open(&set, paths, (unsigned)nr, error) != 0)
        return -1;

    int status = write_to(request, set, error);

    report_set_close(set);
    return status;
}

int export_command(int argc, char **argv)
{
    struct request request = {.output = "-"};
    struct error error = {.text = ""};
    int first = read_request(&request, argc, argv, &error);

    if (first < 0) {
        if (error.text[0] != '\0')
            fprintf(stderr, "allotrope: %s; see `allotrope export --help`\n", error.text);
        return STATUS_USAGE;
    }

    if (request.help)
        fputs(export_usage, stdout);
    else if (run(&request, argv + first, argc - first, &error) != 0)
        goto failed;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_FINE;
    error_set(&error, "the standard output cannot be written: %s", strerror(errno));
failed:
    fprintf(stderr, "allotrope: %s\n", error.text);
    return STATUS_ERROR;
}
