/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `allotrope report`: the page of results.
 *
 * The output is opened first, since that a folder cannot be written should be known before the
 * pictures are drawn; it gets its name when all of the page is in it. What goes to the standard
 * output is made in a temporary file, so that there too it is all or nothing.
 */

#include "reports/report_command.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "reports/page.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

static const char usage[] =
    "Usage: allotrope report [OPTION]... RESULT...\n"
    "Make one HTML page of results: verdicts, plots, tables. A RESULT is a file that `allotrope\n"
    "replay -o` wrote, a folder of them, or - for the standard input. The page needs no network "
    "and\n"
    "no script.\n"
    "\n"
    "  -o, --output FILE    write the page there (default: report.html); - is the standard output\n"
    "      --bench FILE     results of `allotrope bench`, as a section; can be given repeatedly\n"
    "      --title TEXT     title of the page\n"
    "  -q, --quiet          no progress\n"
    "  -h, --help           print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

struct request {
    const char *output, *title;
    const char **benches; /* owned */
    unsigned nr_benches;
    bool quiet, help;
    char *const *results;
    unsigned nr_results;
};

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int read_options(struct request *request, int argc, char **argv, struct error *error)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"bench", required_argument, NULL, 'b'},
        {"title", required_argument, NULL, 't'},  {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:qh", options, NULL)) != -1)
        switch (option) {
        case 'o':
            request->output = optarg;
            break;
        case 'b':
            request->benches[request->nr_benches++] = optarg;
            break;
        case 't':
            request->title = optarg;
            break;
        case 'q':
            request->quiet = true;
            break;
        case 'h':
            request->help = true;
            return 0;
        default:
            return -1; /* getopt has complained */
        }

    request->results = argv + optind;
    request->nr_results = (unsigned)(argc - optind);
    if (request->nr_results == 0)
        return error_set(error, "report needs a RESULT: a file or a folder");
    if (request->title[0] == '\0')
        return error_set(error, "the title is empty");
    return 0;
}

/* When the page is made: SOURCE_DATE_EPOCH tells it to who wants the same page again. */
static int made(time_t *time_of, struct error *error)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    char *end;

    *time_of = time(NULL);
    if (text == NULL)
        return 0;

    errno = 0;
    long long value = strtoll(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > INT32_MAX)
        return error_set(error, "SOURCE_DATE_EPOCH is \"%s\", not a number of seconds since 1970",
                         text);
    *time_of = (time_t)value;
    return 0;
}

static int write_page(FILE *stream, const struct report_set *set, const struct request *request,
                      struct error *error)
{
    struct progress progress;
    struct page_options options = {
        .title = request->title,
        .benches = request->benches,
        .nr_benches = request->nr_benches,
        .progress = request->quiet ? NULL : &progress,
    };
    int status;

    if (made(&options.made, error) != 0)
        return -1;
    if (!request->quiet)
        progress_begin(&progress, "report", "traces", report_set_traces(set));

    status = page_write(stream, set, &options, error);
    if (!request->quiet)
        progress_end(&progress);
    return status;
}

/* To a file: it has no name until it is whole. */
static int write_file(const struct report_set *set, const struct request *request,
                      struct error *error)
{
    struct output *output = output_open(request->output, error);

    if (output == NULL)
        return -1;
    if (write_page(output_stream(output), set, request, error) != 0) {
        output_abort(output);
        return -1;
    }

    return output_commit(output, error);
}

/* To the standard output. */
static int write_standard(const struct report_set *set, const struct request *request,
                          struct error *error)
{
    char buffer[1 << 16];
    FILE *whole = tmpfile();
    struct output *output;
    size_t got;

    if (whole == NULL)
        return error_set(error, "cannot make a temporary file: %s", strerror(errno));
    if (write_page(whole, set, request, error) != 0) {
        fclose(whole);
        return -1;
    }
    if (fflush(whole) != 0 || fseek(whole, 0, SEEK_SET) != 0) {
        fclose(whole);
        return error_set(error, "cannot write a temporary file: %s", strerror(errno));
    }

    output = output_open("-", error);
    while (output != NULL && (got = fread(buffer, 1, sizeof(buffer), whole)) != 0)
        fwrite(buffer, 1, got, output_stream(output));
    fclose(whole);
    return output != NULL ? output_commit(output, error) : -1;
}

/* That no result is lost to its own report. */
static int check_output(const struct report_set *set, const struct request *request,
                        struct error *error)
{
    if (strcmp(request->output, "-") == 0)
        return 0;
    for (unsigned t = 0; t < report_set_traces(set); t++)
        for (unsigned r = 0; r < report_set_results(set, t); r++) {
            const char *path = report_set_header(set, t, r)->path;

            if (strcmp(path, "-") != 0 && output_distinct(path, request->output, error) != 0)
                return -1;
        }
    for (unsigned i = 0; i < request->nr_benches; i++)
        if (output_distinct(request->benches[i], request->output, error) != 0)
            return -1;

    return 0;
}

static int report(const struct request *request, struct error *error)
{
    struct report_set *set;
    int status;

    if (report_set_open(&set, request->results, request->nr_results, error) != 0)
        return -1;

    status = check_output(set, request, error);
    if (status == 0)
        status = strcmp(request->output, "-") == 0 ? write_standard(set, request, error)
                                                   : write_file(set, request, error);
    report_set_close(set);
    return status;
}

static int run(struct request *request, int argc, char **argv)
{
    struct error error = {.text = ""};

    if (read_options(request, argc, argv, &error) != 0) {
        if (error.text[0] != '\0')
            fprintf(stderr, "allotrope: %s; see `allotrope report --help`\n", error.text);
        return STATUS_USAGE;
    }

    if (request->help) {
        if (fputs(usage, stdout) == EOF || fflush(stdout) != 0) {
            error_set(&error, "the standard output cannot be written: %s", strerror(errno));
            return fail(&error);
        }
        return STATUS_FINE;
    }

    return report(request, &error) == 0 ? STATUS_FINE : fail(&error);
}

int report_command(int argc, char **argv)
{
    struct request request = {.output = "report.html", .title = "Allocators, compared"};
    int status;

    request.benches = calloc((size_t)argc, sizeof(*request.benches));
    if (request.benches == NULL) {
        fprintf(stderr, "allotrope: no memory\n");
        return STATUS_ERROR;
    }

    status = run(&request, argc, argv);
    free(request.benches);
    return status;
}
