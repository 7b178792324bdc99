/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The commands of this folder: what the user asks for is read here, and what comes out is printed
 * here. The replay itself knows of neither.
 */

#include "replay/command.h"

#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/output.h"
#include "common/size.h"
#include "replay/result.h"

#define STACKS_MAX 32

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE, STATUS_TRUTH };

static const char replay_usage[] =
    "Usage: allotrope replay [OPTION]... TRACE...\n"
    "Replay traces through allocator stacks and print what each held, wasted and refused.\n"
    "\n"
    "  --stack NAMES         stacks, separated by commas; `all` (the default); a name with a\n"
    "                        slash is a shared object that exports `allotrope_stack`\n"
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
    "  -o, --output DIR      write TRACE-STACK.json for each replay; - is the standard output\n"
    "  --json                the same as -o -: a line of JSON for each replay, and no table\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage, 3 the truth differs.\n";

static const char stacks_usage[] =
    "Usage: allotrope stacks [OPTION]\n"
    "List the stacks, page allocators, map policies and geometries that there are.\n"
    "\n"
    "  -h, --help            print this help\n";

struct request {
    struct replay_options options;
    const struct stack_ops *stacks[STACKS_MAX];
    void *objects[STACKS_MAX]; /* shared objects to close */
    unsigned nr_stacks, nr_objects;
    const char *trace;  /* path of the one that is replayed */
    const char *output; /* folder; NULL: none */
    bool json;          /* to the standard output */
    bool help;
    bool truth_differs;
};

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

/* ---- Parts by name ---- */

static const struct pages_ops *const page_allocators[] = {&pages_list, &pages_buddy,
                                                          &pages_buddy_segments};
static const struct map_ops *const map_policies[] = {&map_first_fit, &map_gap_tree};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int find_pages(const char *name, const struct pages_ops **pages, struct error *error)
{
    for (unsigned i = 0; i < COUNT(page_allocators); i++)
        if (strcmp(page_allocators[i]->name, name) == 0) {
            *pages = page_allocators[i];
            return 0;
        }

    return error_set(error, "there is no page allocator \"%s\"", name);
}

static int find_map(const char *name, const struct map_ops **map, struct error *error)
{
    for (unsigned i = 0; i < COUNT(map_policies); i++)
        if (strcmp(map_policies[i]->name, name) == 0) {
            *map = map_policies[i];
            return 0;
        }

    return error_set(error, "there is no map policy \"%s\"", name);
}

/* Whether every function and every name of a table is there; the functions are all that follows
 * `open`. */
static bool is_whole(const struct stack_ops *ops)
{
    if (ops->name == NULL || ops->summary == NULL || ops->space == NULL || ops->backend == NULL ||
        ops->pages == NULL || ops->map == NULL)
        return false;

    for (size_t at = offsetof(struct stack_ops, open); at < sizeof(*ops); at += sizeof(ops->open)) {
        void (*function)(void);

        memcpy(&function, (const char *)ops + at, sizeof(function));
        if (function == NULL)
            return false;
    }

    return true;
}

static int load_stack(struct request *request, const char *path, const struct stack_ops **stack,
                      struct error *error)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (object == NULL)
        return error_set(error, "%s", dlerror());

    request->objects[request->nr_objects++] = object;
    *stack = dlsym(object, "allotrope_stack");

    if (*stack == NULL)
        return error_set(error, "%s: no stack: it exports no `allotrope_stack`", path);
    if ((*stack)->abi != STACK_ABI)
        return error_set(error,
                         "%s: its stack was built for version %" PRIu32
                         " of the interface, this is version %d",
                         path, (*stack)->abi, STACK_ABI);
    if (!is_whole(*stack))
        return error_set(error,
                         "%s: its stack lacks a name or a function: expected all that "
                         "allocators/stack.h names",
                         path);

    return 0;
}

static int add_stack(struct request *request, const char *name, struct error *error)
{
    if (request->nr_stacks == STACKS_MAX)
        return error_set(error, "more than %d stacks at once", STACKS_MAX);

    const struct stack_ops **stack = &request->stacks[request->nr_stacks];

    if (strchr(name, '/') != NULL) {
        if (load_stack(request, name, stack, error) != 0)
            return -1;
    } else {
        *stack = stack_find(name);
        if (*stack == NULL)
            return error_set(error, "there is no stack \"%s\" (`allotrope stacks` lists them)",
                             name);
    }

    request->nr_stacks++;
    return 0;
}

static int add_named(struct request *request, const char *name, struct error *error)
{
    if (strcmp(name, "all") != 0)
        return add_stack(request, name, error);

    for (unsigned i = 0; stack_at(i) != NULL; i++)
        if (add_stack(request, stack_at(i)->name, error) != 0)
            return -1;

    return 0;
}

static int add_stacks(struct request *request, const char *names, struct error *error)
{
    char name[PATH_MAX];

    for (;;) {
        size_t length = strcspn(names, ",");

        if (length >= sizeof(name))
            return error_set(error, "a stack's name of %zu bytes is too long", length);

        memcpy(name, names, length);
        name[length] = '\0';
        if (add_named(request, name, error) != 0)
            return -1;
        if (names[length] == '\0')
            return 0;
        names += length + 1;
    }
}

/* ---- Options ---- */

enum {
    OPTION_STACK = 256,
    OPTION_GEOMETRY,
    OPTION_MEMORY,
    OPTION_PAGES,
    OPTION_MAP,
    OPTION_ON_FAILURE,
    OPTION_KEYS,
    OPTION_CHECK,
    OPTION_TRUTH,
    OPTION_JSON,
};

static const struct option replay_options[] = {
    {"stack", required_argument, NULL, OPTION_STACK},
    {"geometry", required_argument, NULL, OPTION_GEOMETRY},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"pages", required_argument, NULL, OPTION_PAGES},
    {"map", required_argument, NULL, OPTION_MAP},
    {"on-failure", required_argument, NULL, OPTION_ON_FAILURE},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"truth", no_argument, NULL, OPTION_TRUTH},
    {"json", no_argument, NULL, OPTION_JSON},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The index of TEXT among two words. */
static int choose(const char *option, const char *text, const char *first, const char *second,
                  struct error *error)
{
    if (strcmp(text, first) == 0)
        return 0;
    if (strcmp(text, second) == 0)
        return 1;

    return error_set(error, "--%s is %s or %s, not \"%s\"", option, first, second, text);
}

static int set_geometry(struct replay_options *options, const char *name, struct error *error)
{
    options->geometry = geometry_find(name);
    if (options->geometry == NULL)
        return error_set(error, "there is no geometry \"%s\" (`allotrope stacks` lists them)",
                         name);

    return 0;
}

/* In the options 0 stands for the trace's own. */
static int set_memory(struct replay_options *options, const char *value, struct error *error)
{
    if (size_parse(value, &options->memory, error) != 0)
        return -1;
    if (options->memory == 0)
        return error_set(error, "--memory 0: a machine without memory replays nothing");

    return 0;
}

static int set_output(struct request *request, const char *path)
{
    if (strcmp(path, "-") == 0)
        request->json = true;
    else
        request->output = path;

    return 0;
}

static int set_option(struct request *request, int option, const char *value, struct error *error)
{
    struct replay_options *options = &request->options;
    int which;

    switch (option) {
    case OPTION_STACK:
        return add_stacks(request, value, error);
    case OPTION_GEOMETRY:
        return set_geometry(options, value, error);
    case OPTION_MEMORY:
        return set_memory(options, value, error);
    case OPTION_PAGES:
        return find_pages(value, &options->pages, error);
    case OPTION_MAP:
        return find_map(value, &options->map, error);
    case OPTION_ON_FAILURE:
        which = choose("on-failure", value, "skip", "stop", error);
        options->on_failure = which == 1 ? REPLAY_STOP : REPLAY_SKIP;
        return which < 0 ? -1 : 0;
    case OPTION_KEYS:
        which = choose("keys", value, "own", "captured", error);
        options->keys = which == 1 ? REPLAY_KEYS_CAPTURED : REPLAY_KEYS_OWN;
        return which < 0 ? -1 : 0;
    case OPTION_CHECK:
        options->check = true;
        return 0;
    case OPTION_TRUTH:
        options->truth = true;
        return 0;
    case OPTION_JSON:
        request->json = true;
        return 0;
    case 'o':
        return set_output(request, value);
    default:
        request->help = true;
        return 0;
    }
}

/* Returns the index of the first trace in ARGV, or -1 when getopt has complained already, with the
 * error empty, or with the error set. */
static int read_options(struct request *request, int argc, char **argv, struct error *error)
{
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", replay_options, NULL)) != -1)
        if (option == '?' || set_option(request, option, optarg, error) != 0)
            return -1;

    if (request->help)
        return optind;
    /* Truth is that of one design, the captured one: each trace names its own. */
    if (request->nr_stacks == 0 && !request->options.truth &&
        add_stacks(request, "all", error) != 0)
        return -1;
    if (optind == argc)
        return error_set(error, "no trace is given");

    return optind;
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
                      const struct replay_result *result, struct error *error)
{
    char stack[64], path[4096];

    stack_label(subject->ops->name, stack, sizeof(stack));
    if ((size_t)snprintf(path, sizeof(path), "%s/%s-%s.json", request->output, subject->trace_name,
                         stack) >= sizeof(path))
        return error_set(error, "%s: the path is too long", request->output);

    struct output *output = output_open(path, error);

    if (output == NULL)
        return -1;

    if (result_write(output_stream(output), subject, result, false, error) != 0) {
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

static int replay_stack(struct request *request, struct result_subject *subject,
                        struct trace_reader *trace, unsigned index, struct replay_result *result,
                        struct error *error)
{
    struct progress progress;
    char label[160];

    snprintf(label, sizeof(label), "%s %s", subject->trace_name, subject->ops->name);
    progress_begin(&progress, label, "events", trace_totals(trace)->events);
    request->options.progress = &progress;

    int status = replay_run(trace, subject->ops, &request->options, result, error);

    progress_end(&progress);
    request->options.progress = NULL;
    if (status != 0)
        return name_trace(request->trace, error);

    if (request->output != NULL && write_file(request, subject, result, error) != 0)
        return -1;

    if (request->json)
        return result_write(stdout, subject, result, true, error);

    if (index == 0)
        result_table_begin(stdout, subject, result);
    result_table_row(stdout, subject, result);
    fflush(stdout);
    return 0;
}

static void note_missing(const struct request *request, const struct result_subject *subject)
{
    const char *text = NULL;

    if (trace_missing(subject->trace, &text) != 0)
        fprintf(stderr, "allotrope: warning: %s: %s\n", request->trace, text);
}

static int replay_stacks(struct request *request, struct result_subject *subject,
                         struct trace_reader *trace, struct replay_result *results,
                         struct error *error)
{
    for (unsigned i = 0; i < request->nr_stacks; i++) {
        subject->ops = request->stacks[i];
        if (replay_stack(request, subject, trace, i, &results[i], error) != 0)
            return -1;
        if (truth_different(&results[i].truth) != 0)
            request->truth_differs = true;
    }

    if (request->json)
        return 0;

    bool noted = false;

    putchar('\n');
    for (unsigned i = 0; i < request->nr_stacks; i++) {
        subject->ops = request->stacks[i];
        noted |= result_table_notes(stdout, subject, &results[i]);
    }
    if (noted)
        putchar('\n');
    return 0;
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

    return add_stack(request, name, error);
}

static int replay_opened(struct request *request, struct trace_reader *trace, const char *path,
                         struct error *error)
{
    char label[256];
    struct replay_result *results = calloc(request->nr_stacks, sizeof(*results));
    int status = -1;

    if (results == NULL) {
        error_set(error, "no memory for the results");
    } else {
        trace_label(path, label, sizeof(label));

        struct result_subject subject = {
            .trace_name = label, .trace = trace, .options = &request->options};

        note_missing(request, &subject);
        status = replay_stacks(request, &subject, trace, results, error);

        for (unsigned i = 0; i < request->nr_stacks; i++)
            replay_result_free(&results[i]);
        free(results);
    }

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

static int flush_output(struct error *error)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return error_set(error, "the standard output cannot be written: %s", strerror(errno));

    return 0;
}

static int run(struct request *request, int argc, char **argv)
{
    struct error error = {.text = ""};
    int first = read_options(request, argc, argv, &error);

    if (first < 0)
        return error.text[0] != '\0' ? usage(&error) : STATUS_USAGE;

    if (request->help) {
        fputs(replay_usage, stdout);
        return flush_output(&error) == 0 ? STATUS_FINE : fail(&error);
    }

    if (open_results(request, argv + first, argc - first, &error) != 0)
        return fail(&error);

    for (int i = first; i < argc; i++)
        if (replay_trace(request, argv[i], &error) != 0) {
            fflush(stdout);
            return fail(&error);
        }

    if (flush_output(&error) != 0)
        return fail(&error);

    return request->truth_differs ? STATUS_TRUTH : STATUS_FINE;
}

int replay_command(int argc, char **argv)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        fputs("allotrope: no memory\n", stderr);
        return STATUS_ERROR;
    }

    int status = run(request, argc, argv);

    for (unsigned i = 0; i < request->nr_objects; i++)
        dlclose(request->objects[i]);
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
    for (unsigned i = 0; i < COUNT(page_allocators); i++)
        printf("%-14s %s\n", page_allocators[i]->name, page_allocators[i]->summary);

    printf("\nMAP\n");
    for (unsigned i = 0; i < COUNT(map_policies); i++)
        printf("%-14s %s\n", map_policies[i]->name, map_policies[i]->summary);

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
