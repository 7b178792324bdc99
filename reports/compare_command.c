/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command: what is compared with what is found out here. Two results are a pair whatever their
 * stacks, so that designs can be compared; of sets those are that have the same trace and stack.
 *
 * The exit status is that of diff: 1 is an answer, 2 is trouble. Somebody's CI can tell a
 * regression from a file that is missing.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "reports/command.h"
#include "reports/compare.h"
#include "reports/expression.h"

#define CONDITIONS_MAX 32

enum status { STATUS_FINE, STATUS_HOLDS, STATUS_TROUBLE };

static const char compare_usage[] =
    "Usage: allotrope compare [OPTION]... OLD NEW\n"
    "Compare two results, or two folders of them by trace and stack: what is exact exactly, times\n"
    "by medians of repetitions, and ~ where nothing can be said.\n"
    "\n"
    "      --all             every difference, not only the important ones\n"
    "      --fail-if EXPR    exit with status 1 when it holds for any pair, such as\n"
    "                        'latency.name-alloc.p99 > +5%', 'kernel_map.largest_hole < -10%',\n"
    "                        'refused > +0 or work.nodes_visited > +20%'; may be repeated\n"
    "      --markdown        tables of Markdown\n"
    "      --json            JSON, with everything\n"
    "      --csv             comma-separated values, with everything\n"
    "  -o, --output FILE     where to (default: -, the standard output)\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 a condition of --fail-if holds, 2 error or usage.\n";

struct request {
    enum compare_format format;
    const char *format_option;
    bool all, help;
    const char *output;
    const char *texts[CONDITIONS_MAX];
    struct expression *conditions[CONDITIONS_MAX];
    struct expression_figures *figures[CONDITIONS_MAX]; /* of all pairs, one after the other */
    unsigned nr_conditions;
};

/* What is compared. */
struct comparison {
    struct report_set *old, *new;
    struct compare_pair *pairs;
    unsigned nr, room;
    unsigned alone; /* results without a partner */
};

/* ---- Options ---- */

enum { OPTION_ALL = 256, OPTION_FAIL_IF, OPTION_MARKDOWN, OPTION_JSON, OPTION_CSV };

static const struct option options[] = {
    {"all", no_argument, NULL, OPTION_ALL},
    {"fail-if", required_argument, NULL, OPTION_FAIL_IF},
    {"markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"json", no_argument, NULL, OPTION_JSON},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* An expression and where in it something is wrong. */
static void show_fault(const char *text, unsigned column)
{
    fprintf(stderr, "  %s\n  %*s^\n", text, (int)column, "");
}

static int add_condition(struct request *request, const char *text, struct error *error)
{
    unsigned column;

    if (request->nr_conditions == CONDITIONS_MAX)
        return error_set(error, "more than %d times --fail-if", CONDITIONS_MAX);

    struct expression *expression = expression_parse(text, &column, error);

    if (expression == NULL) {
        fprintf(stderr, "allotrope: --fail-if: %s\n", error->text);
        show_fault(text, column);
        error->text[0] = '\0';
        return -1;
    }

    request->texts[request->nr_conditions] = text;
    request->conditions[request->nr_conditions++] = expression;
    return 0;
}

static int set_format(struct request *request, const char *name, enum compare_format format,
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
    case OPTION_ALL:
        request->all = true;
        return 0;
    case OPTION_FAIL_IF:
        return add_condition(request, value, error);
    case OPTION_MARKDOWN:
        return set_format(request, "markdown", COMPARE_MARKDOWN, error);
    case OPTION_JSON:
        return set_format(request, "json", COMPARE_JSON, error);
    case OPTION_CSV:
        return set_format(request, "csv", COMPARE_CSV, error);
    case 'o':
        request->output = value;
        return 0;
    default:
        request->help = true;
        return 0;
    }
}

/* The index of the first path; -1 with the error set, or empty when it was told already. */
static int read_request(struct request *request, int argc, char **argv, struct error *error)
{
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
        if (option == '?' || set_option(request, option, optarg, error) != 0)
            return -1;

    if (!request->help && argc - optind != 2)
        return error_set(error, "two results or folders are compared, %d given", argc - optind);

    return optind;
}

/* ---- Pairs ---- */

static bool same_subject(const struct report_header *a, const struct report_header *b)
{
    return strcmp(a->trace, b->trace) == 0 && strcmp(a->stack, b->stack) == 0;
}

/* Finds what NAMES in a set; its trace and number. */
static bool find(const struct report_set *set, const struct report_header *header,
                 unsigned *in_trace, unsigned *in_number)
{
    for (unsigned trace = 0; trace < report_set_traces(set); trace++)
        for (unsigned i = 0; i < report_set_results(set, trace); i++)
            if (same_subject(report_set_header(set, trace, i), header)) {
                *in_trace = trace;
                *in_number = i;
                return true;
            }

    return false;
}

/* Results of one trace and stack on one side could each be meant. */
static int check_unique(const struct report_set *set, struct error *error)
{
    unsigned trace, number;

    for (unsigned t = 0; t < report_set_traces(set); t++)
        for (unsigned i = 0; i < report_set_results(set, t); i++) {
            const struct report_header *header = report_set_header(set, t, i);

            if (find(set, header, &trace, &number) && (trace != t || number != i))
                return error_set(error,
                                 "%s and %s are both of trace %s and stack %s: which is meant is "
                                 "not known",
                                 report_set_header(set, trace, number)->path, header->path,
                                 header->trace, header->stack);
        }

    return 0;
}

/* Reads the figures of all conditions, for which the documents are needed. */
static int read_figures(struct request *request, const struct comparison *comparison,
                        unsigned number, struct error *error)
{
    for (unsigned i = 0; i < request->nr_conditions; i++) {
        unsigned terms = expression_terms(request->conditions[i]);

        if (request->figures[i] == NULL)
            request->figures[i] =
                calloc((size_t)terms * comparison->room, sizeof(struct expression_figures));
        if (request->figures[i] == NULL)
            return error_set(error, "no memory for the conditions");

        expression_read(request->conditions[i], &comparison->pairs[number],
                        request->figures[i] + (size_t)number * terms);
    }

    return 0;
}

static int add_pair(struct request *request, struct comparison *comparison, unsigned old_trace,
                    unsigned old_number, unsigned new_trace, unsigned new_number,
                    struct error *error)
{
    struct report_result old, new;

    if (report_set_load(comparison->old, old_trace, old_number, &old, error) != 0)
        return -1;
    if (report_set_load(comparison->new, new_trace, new_number, &new, error) != 0) {
        report_result_free(&old);
        return -1;
    }

    struct compare_pair *pair = &comparison->pairs[comparison->nr++];

    if (compare_open(pair, &old, &new, error) != 0 ||
        read_figures(request, comparison, comparison->nr - 1, error) != 0)
        return -1;

    compare_release(pair);
    return 0;
}

static int match(struct request *request, struct comparison *comparison, struct error *error)
{
    unsigned trace, number;

    if (check_unique(comparison->old, error) != 0 || check_unique(comparison->new, error) != 0)
        return -1;

    for (unsigned t = 0; t < report_set_traces(comparison->new); t++)
        for (unsigned i = 0; i < report_set_results(comparison->new, t); i++)
            if (find(comparison->old, report_set_header(comparison->new, t, i), &trace, &number) &&
                add_pair(request, comparison, trace, number, t, i, error) != 0)
                return -1;

    comparison->alone =
        report_set_size(comparison->old) + report_set_size(comparison->new) - 2 * comparison->nr;
    if (comparison->nr == 0)
        return error_set(error, "no trace and stack is on both sides: nothing can be compared");

    return 0;
}

static int pair_up(struct request *request, struct comparison *comparison, struct error *error)
{
    comparison->room = report_set_size(comparison->new);
    comparison->pairs = calloc(comparison->room, sizeof(*comparison->pairs));
    if (comparison->pairs == NULL)
        return error_set(error, "no memory for the comparison");

    if (report_set_size(comparison->old) == 1 && report_set_size(comparison->new) == 1)
        return add_pair(request, comparison, 0, 0, 0, 0, error);

    return match(request, comparison, error);
}

static void comparison_close(struct comparison *comparison)
{
    for (unsigned i = 0; i < comparison->nr; i++)
        compare_close(&comparison->pairs[i]);
    free(comparison->pairs);
    report_set_close(comparison->old);
    report_set_close(comparison->new);
}

/* ---- Conditions ---- */

/* A metric that is nowhere is a mistake, and a condition on it would never fail. */
static int check_conditions(const struct request *request, const struct comparison *comparison,
                            struct error *error)
{
    for (unsigned i = 0; i < request->nr_conditions; i++) {
        unsigned column;
        const char *metric = expression_unknown(request->conditions[i], request->figures[i],
                                                comparison->nr, &column);

        if (metric == NULL)
            continue;
        fprintf(stderr, "allotrope: --fail-if: no result has a figure %s\n", metric);
        show_fault(request->texts[i], column);
        error->text[0] = '\0';
        return -1;
    }

    return 0;
}

/* Tells what holds, on the standard error: the output may be a file of JSON. */
static bool any_holds(const struct request *request, const struct comparison *comparison)
{
    bool any = false;

    for (unsigned i = 0; i < request->nr_conditions; i++)
        for (unsigned j = 0; j < comparison->nr; j++) {
            const struct compare_pair *pair = &comparison->pairs[j];
            struct expression_outcome outcome;

            expression_evaluate(request->conditions[i], pair,
                                request->figures[i] +
                                    (size_t)j * expression_terms(request->conditions[i]),
                                &outcome);
            if (outcome.holds)
                fprintf(stderr, "fail: %s, %s: %s\n", pair->trace, pair->new_stack, outcome.why);
            any |= outcome.holds;
        }

    return any;
}

/* ---- The command ---- */

static int write_all(const struct request *request, const struct comparison *comparison,
                     struct error *error)
{
    struct output *output = output_open(request->output, error);

    if (output == NULL)
        return -1;

    if (compare_write(output_stream(output), comparison->pairs, comparison->nr, request->format,
                      request->all, error) != 0) {
        output_abort(output);
        return -1;
    }
    if (comparison->alone != 0 && request->format <= COMPARE_MARKDOWN)
        fprintf(output_stream(output), "%swarning: %u result%s on one side alone\n",
                request->format == COMPARE_MARKDOWN ? "- " : "", comparison->alone,
                comparison->alone == 1 ? " is" : "s are");

    return output_commit(output, error);
}

static int run(struct request *request, char **paths, struct error *error)
{
    struct comparison comparison = {0};
    int status = STATUS_TROUBLE;

    if (report_set_open(&comparison.old, &paths[0], 1, error) == 0 &&
        report_set_open(&comparison.new, &paths[1], 1, error) == 0 &&
        pair_up(request, &comparison, error) == 0 &&
        check_conditions(request, &comparison, error) == 0) {
        compare_judge(comparison.pairs, comparison.nr);
        if (write_all(request, &comparison, error) == 0)
            status = any_holds(request, &comparison) ? STATUS_HOLDS : STATUS_FINE;
    }

    comparison_close(&comparison);
    return status;
}

static int compare_run(struct request *request, int argc, char **argv)
{
    struct error error = {.text = ""};
    int first = read_request(request, argc, argv, &error), status = STATUS_FINE;

    if (first < 0) {
        if (error.text[0] != '\0')
            fprintf(stderr, "allotrope: %s; see `allotrope compare --help`\n", error.text);
        return STATUS_TROUBLE;
    }

    if (request->help)
        fputs(compare_usage, stdout);
    else
        status = run(request, argv + first, &error);

    if (status != STATUS_TROUBLE && (fflush(stdout) != 0 || ferror(stdout))) {
        error_set(&error, "the standard output cannot be written: %s", strerror(errno));
        status = STATUS_TROUBLE;
    }
    if (error.text[0] != '\0')
        fprintf(stderr, "allotrope: %s\n", error.text);
    return status;
}

int compare_command(int argc, char **argv)
{
    struct request request = {.output = "-"};
    int status = compare_run(&request, argc, argv);

    for (unsigned i = 0; i < request.nr_conditions; i++) {
        expression_free(request.conditions[i]);
        free(request.figures[i]);
    }
    return status;
}
