/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The commands of this folder: what the user asks for is read here, and what comes out is printed
 * here.
 */

#include "workloads/command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/progress.h"
#include "workloads/fit.h"
#include "workloads/generate.h"
#include "workloads/yaml.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

#define SETS_MAX 256u

static const char generate_usage[] =
    "Usage: allotrope generate [OPTION]... WORKLOAD.yaml -o TRACE\n"
    "Make a trace of what a workload would ask of the allocators.\n"
    "\n"
    "  -o, --output TRACE    where to write it; - is the standard output\n"
    "      --seed N          random numbers (default: the workload's own, or 1)\n"
    "      --scale X         so many times the items and the counts of phases, such as 10 or\n"
    "                        0.1\n"
    "      --duration T      how long phases take that have a duration, such as 90s or 2d\n"
    "      --set KEY=VALUE   change the workload: items.count=100, phases.0.clients=4\n"
    "      --level N         zstd's compression level (default: 3)\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

static const char workload_usage[] =
    "Usage: allotrope workload COMMAND [ARGUMENT]...\n"
    "Make and look at what workloads are made of.\n"
    "\n"
    "  fit       make recipes of a trace\n"
    "\n"
    "  -h, --help            print this help; each command has its own\n";

static const char fit_usage[] =
    "Usage: allotrope workload fit [OPTION]... TRACE -o RECIPES.yaml\n"
    "Work out what one operation of each phase of a trace made, and how long it lived.\n"
    "\n"
    "  -o, --output FILE     where to write the recipes; - is the standard output\n"
    "      --operations LIST phases and how many operations each had: create=900,untar#2=900;\n"
    "                        NAME:MARK=N names the operation otherwise than the mark\n"
    "      --removes LIST    phases whose operations remove their item\n"
    "      --item-size SIZE  size of the items (files), such as 12K\n"
    "      --whole TIME      the whole trace after its first mark as one operation, `slice`,\n"
    "                        that takes so long, such as 10ms\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int misuse(const char *command, const char *text)
{
    fprintf(stderr, "allotrope: %s; see `allotrope %s --help`\n", text, command);
    return STATUS_USAGE;
}

static int print(const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return STATUS_FINE;
    fprintf(stderr, "allotrope: cannot write the standard output: %s\n", strerror(errno));
    return STATUS_ERROR;
}

/* ---- Values of options ---- */

/* Reads TEXT as the workload's file would be read. */
static int option_value(const char *option, const char *text, enum yaml_unit unit, bool decimal,
                        uint64_t max, uint64_t *value, struct error *error)
{
    struct yaml_document *document;
    int64_t millionths = 0;
    int result;

    if (yaml_parse(&document, text, strlen(text), option, error) != 0)
        return -1;
    if (decimal)
        result = yaml_decimal(yaml_root(document), 1, (int64_t)max, &millionths, error);
    else if (unit == YAML_COUNT)
        result = yaml_integer(yaml_root(document), 0, max, value, error);
    else
        result = yaml_quantity(yaml_root(document), unit, 1, max, value, error);
    if (decimal)
        *value = (uint64_t)millionths;
    yaml_close(document);
    return result;
}

/* ---- generate ---- */

struct generate_request {
    struct workload_options options;
    const char *sets[SETS_MAX];
    uint64_t seed;
    const char *output;
    int level;
};

static int generate_option(struct generate_request *request, int option, struct error *error)
{
    uint64_t value;

    switch (option) {
    case 'o':
        request->output = optarg;
        return 0;
    case 's':
        request->options.seed = &request->seed;
        return option_value("--seed", optarg, YAML_COUNT, false, UINT64_MAX, &request->seed, error);
    case 'x':
        return option_value("--scale", optarg, YAML_COUNT, true, WORKLOAD_SCALE_MAX,
                            &request->options.scale, error);
    case 'd':
        return option_value("--duration", optarg, YAML_TIME, false, 1ull << 55,
                            &request->options.duration, error);
    case 'l':
        if (option_value("--level", optarg, YAML_COUNT, false, 22, &value, error) != 0)
            return -1;
        request->level = (int)value;
        return 0;
    default:
        if (request->options.nr_sets == SETS_MAX)
            return error_set(error, "more than %u --set", SETS_MAX);
        request->sets[request->options.nr_sets++] = optarg;
        return 0;
    }
}

static int generate_run(struct generate_request *request, const char *path)
{
    struct workload workload;
    struct progress progress;
    struct error error;
    uint64_t events = 0;
    int result;

    request->options.sets = request->sets;
    if (workload_read(&workload, path, &request->options, &error) != 0)
        return fail(&error);
    progress_begin(&progress, "generating", "events", 0);
    result = generate(&workload, request->output, request->level, &progress, &events, &error);
    progress_end(&progress);
    workload_free(&workload);
    return result != 0 ? fail(&error) : STATUS_FINE;
}

int generate_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"seed", required_argument, NULL, 's'},
        {"scale", required_argument, NULL, 'x'},  {"duration", required_argument, NULL, 'd'},
        {"set", required_argument, NULL, 'k'},    {"level", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    struct generate_request request = {0};
    struct error error;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h')
            return print(generate_usage);
        if (option == '?')
            return misuse("generate", "an option is wrong");
        if (generate_option(&request, option, &error) != 0)
            return misuse("generate", error.text);
    }
    if (optind != argc - 1)
        return misuse("generate",
                      optind == argc ? "no workload is named" : "more than one workload is named");
    if (request.output == NULL)
        return misuse("generate", "no output is named (-o)");
    return generate_run(&request, argv[optind]);
}

/* ---- workload fit ---- */

static int copy_name(char name[RECIPE_NAME_MAX], const char *text, size_t length,
                     struct error *error)
{
    if (length == 0 || length >= RECIPE_NAME_MAX)
        return error_set(error, "a name of %zu characters, expected 1 to %d", length,
                         RECIPE_NAME_MAX - 1);
    memcpy(name, text, length);
    name[length] = '\0';
    return 0;
}

/* NAME:MARK=COUNT or MARK=COUNT. */
static int fit_operation(struct fit_options *options, const char *text, size_t length,
                         struct error *error)
{
    const char *equal = memchr(text, '=', length), *colon;
    struct fit_phase *phase = &options->phases[options->nr_phases];
    char count[32];
    size_t name;

    if (equal == NULL || length - (size_t)(equal - text) >= sizeof(count))
        return error_set(error, "--operations: found \"%.*s\", expected PHASE=COUNT", (int)length,
                         text);
    if (options->nr_phases == FIT_PHASES_MAX)
        return error_set(error, "--operations: more than %u phases", FIT_PHASES_MAX);
    memcpy(count, equal + 1, length - (size_t)(equal - text) - 1);
    count[length - (size_t)(equal - text) - 1] = '\0';
    if (option_value("--operations", count, YAML_COUNT, false, 1ull << 32, &phase->operations,
                     error) != 0)
        return -1;
    if (phase->operations == 0)
        return error_set(error, "--operations: found no operations, expected at least one");
    colon = memchr(text, ':', (size_t)(equal - text));
    name = colon == NULL ? (size_t)(equal - text) : (size_t)(colon - text);
    if (copy_name(phase->mark, colon == NULL ? text : colon + 1,
                  (size_t)(equal - (colon == NULL ? text : colon + 1)), error) != 0)
        return -1;
    options->nr_phases++;
    if (colon == NULL && memchr(text, '#', name) != NULL)
        name = (size_t)((const char *)memchr(text, '#', name) - text);
    return copy_name(phase->name, text, name, error);
}

static int fit_remove(struct fit_options *options, const char *text, size_t length,
                      struct error *error)
{
    if (options->nr_removes == FIT_PHASES_MAX)
        return error_set(error, "--removes: more than %u phases", FIT_PHASES_MAX);
    return copy_name(options->removes[options->nr_removes++], text, length, error);
}

static int fit_list(struct fit_options *options, const char *text,
                    int (*add)(struct fit_options *, const char *, size_t, struct error *),
                    struct error *error)
{
    for (;;) {
        size_t length = strcspn(text, ",");

        if (add(options, text, length, error) != 0)
            return -1;
        if (text[length] == '\0')
            return 0;
        text += length + 1;
    }
}

static int fit_option(struct fit_options *options, int option, const char **output,
                      struct error *error)
{
    switch (option) {
    case 'o':
        *output = optarg;
        return 0;
    case 'p':
        return fit_list(options, optarg, fit_operation, error);
    case 'r':
        return fit_list(options, optarg, fit_remove, error);
    case 'i':
        return option_value("--item-size", optarg, YAML_BYTES, false, 1ull << 40,
                            &options->item_size, error);
    default:
        return option_value("--whole", optarg, YAML_TIME, false, 1ull << 50, &options->slice,
                            error);
    }
}

static int fit_run(struct fit_options *options, const char *path, const char *output_path)
{
    struct error error;
    struct trace_reader *reader = trace_open(path, &error);
    struct recipes recipes;
    struct output *output;
    const char *slash = strrchr(path, '/');
    int result;

    if (reader == NULL)
        return fail(&error);
    options->source = slash != NULL ? slash + 1 : path;
    result = fit(reader, options, &recipes, &error);
    if (result != 0)
        error_prefix(&error, "%s: ", path);
    trace_close(reader);
    if (result != 0)
        return fail(&error);
    output = output_open(output_path, &error);
    if (output != NULL) {
        recipes_write(&recipes, output_stream(output));
        result = output_commit(output, &error);
    }
    recipes_free(&recipes);
    return output == NULL || result != 0 ? fail(&error) : STATUS_FINE;
}

static int fit_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"operations", required_argument, NULL, 'p'},
        {"removes", required_argument, NULL, 'r'},
        {"item-size", required_argument, NULL, 'i'},
        {"whole", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct fit_options *request = calloc(1, sizeof(*request));
    const char *output = NULL;
    struct error error;
    int option, status = STATUS_FINE;

    if (request == NULL) {
        error_set(&error, "not enough memory");
        return fail(&error);
    }
    optind = 1;
    while (status == STATUS_FINE &&
           (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h') {
            free(request);
            return print(fit_usage);
        }
        if (option == '?')
            status = misuse("workload fit", "an option is wrong");
        else if (fit_option(request, option, &output, &error) != 0)
            status = misuse("workload fit", error.text);
    }
    if (status == STATUS_FINE && optind != argc - 1)
        status = misuse("workload fit",
                        optind == argc ? "no trace is named" : "more than one trace is named");
    else if (status == STATUS_FINE && output == NULL)
        status = misuse("workload fit", "no output is named (-o)");
    else if (status == STATUS_FINE && (request->nr_phases == 0) == (request->slice == 0))
        status = misuse("workload fit", "one of --operations and --whole is expected");
    if (status == STATUS_FINE)
        status = fit_run(request, argv[optind], output);
    free(request);
    return status;
}

int workload_command(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return print(workload_usage);
    if (argc < 2) {
        fputs(workload_usage, stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "fit") == 0)
        return fit_command(argc - 1, argv + 1);
    fprintf(stderr, "allotrope: there is no command \"%s\"; see `allotrope workload --help`\n",
            argv[1]);
    return STATUS_USAGE;
}
