/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command: which designs on which machines, and what is counted, is read here.
 */

#include "replay/limits_command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "common/size.h"
#include "replay/limits_result.h"

#define STACKS_MAX     16
#define GEOMETRIES_MAX 16
#define MEMORIES_MAX   32
#define NAME_MAX_BYTES 64

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

static const char limits_usage[] =
    "Usage: allotrope limits [OPTION]...\n"
    "Find how many rights, spaces and objects each design holds before it refuses, and why.\n"
    "\n"
    "  --stack NAMES         stacks, separated by commas; `all` (the default): all but null\n"
    "                        and radix+direct\n"
    "  --geometry NAMES      machines, separated by commas (default: that of the stack's age)\n"
    "  --memory SIZES        their memory, separated by commas (default: 64M,128M,512M,1G)\n"
    "  --only KINDS          what is counted, separated by commas: rights of one task,\n"
    "                        spaces of 1000 rights each, objects (default: all three)\n"
    "  --object-size SIZE    of the objects (default: 256)\n"
    "  --exact-bitmaps       radix trees that never pass over a free name, unlike the kernel's\n"
    "  --json                a line of JSON for each machine, and no table\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

struct request {
    const struct stack_ops *stacks[STACKS_MAX];
    const struct geometry *geometries[GEOMETRIES_MAX]; /* none: of the stack's age */
    uint64_t memories[MEMORIES_MAX];
    unsigned nr_stacks, nr_geometries, nr_memories;
    bool kinds[LIMITS_KINDS];
    bool kinds_given;
    uint64_t object_size;
    bool object_size_given;
    bool exact_bitmaps;
    bool json;
    bool help;
};

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int usage(const struct error *error)
{
    fprintf(stderr, "allotrope: %s; see `allotrope limits --help`\n", error->text);
    return STATUS_USAGE;
}

/* ---- Options ---- */

static bool is_default(const struct stack_ops *stack)
{
    return strcmp(stack->name, "null") != 0 && strcmp(stack->name, "radix+direct") != 0;
}

static int stack_push(struct request *request, const struct stack_ops *stack, struct error *error)
{
    for (unsigned i = 0; i < request->nr_stacks; i++)
        if (request->stacks[i] == stack)
            return error_set(error, "stack %s is given twice", stack->name);

    if (request->nr_stacks == STACKS_MAX)
        return error_set(error, "more than %d stacks at once", STACKS_MAX);

    request->stacks[request->nr_stacks++] = stack;
    return 0;
}

static int add_stack(struct request *request, const char *name, struct error *error)
{
    const struct stack_ops *stack = stack_find(name);

    if (strcmp(name, "all") == 0) {
        for (unsigned i = 0; stack_at(i) != NULL; i++)
            if (is_default(stack_at(i)) && stack_push(request, stack_at(i), error) != 0)
                return -1;
        return 0;
    }

    if (stack == NULL)
        return error_set(error, "there is no stack \"%s\" (`allotrope stacks` lists them)", name);
    if (strcmp(name, "null") == 0)
        return error_set(error, "the stack null refuses nothing: it has no limit");

    return stack_push(request, stack, error);
}

static int add_geometry(struct request *request, const char *name, struct error *error)
{
    const struct geometry *geometry = geometry_find(name);

    if (geometry == NULL)
        return error_set(error, "there is no geometry \"%s\" (`allotrope stacks` lists them)",
                         name);

    for (unsigned i = 0; i < request->nr_geometries; i++)
        if (request->geometries[i] == geometry)
            return error_set(error, "geometry %s is given twice", name);

    if (request->nr_geometries == GEOMETRIES_MAX)
        return error_set(error, "more than %d geometries at once", GEOMETRIES_MAX);

    request->geometries[request->nr_geometries++] = geometry;
    return 0;
}

static int add_memory(struct request *request, const char *text, struct error *error)
{
    uint64_t memory;

    if (size_parse(text, &memory, error) != 0)
        return error_prefix(error, "--memory: ");
    if (memory == 0)
        return error_set(error, "--memory 0: a machine without memory holds nothing");

    for (unsigned i = 0; i < request->nr_memories; i++)
        if (request->memories[i] == memory)
            return error_set(error, "--memory: %s is given twice", text);

    if (request->nr_memories == MEMORIES_MAX)
        return error_set(error, "more than %d sizes of memory at once", MEMORIES_MAX);

    request->memories[request->nr_memories++] = memory;
    return 0;
}

static int add_kind(struct request *request, const char *name, struct error *error)
{
    for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
        if (strcmp(limits_kind_name((enum limits_kind)kind), name) == 0) {
            request->kinds[kind] = true;
            request->kinds_given = true;
            return 0;
        }

    return error_set(error, "--only is rights, spaces or objects, not \"%s\"", name);
}

/* Gives each of the NAMES, between commas, to ADD. */
static int add_each(struct request *request, const char *names,
                    int (*add)(struct request *, const char *, struct error *), struct error *error)
{
    char name[NAME_MAX_BYTES];

    for (;;) {
        size_t length = strcspn(names, ",");

        if (length >= sizeof(name))
            return error_set(error, "\"%.20s...\": a name of %zu bytes is too long", names, length);

        memcpy(name, names, length);
        name[length] = '\0';
        if (add(request, name, error) != 0)
            return -1;
        if (names[length] == '\0')
            return 0;
        names += length + 1;
    }
}

static int set_object_size(struct request *request, const char *text, struct error *error)
{
    request->object_size_given = true;
    if (size_parse(text, &request->object_size, error) != 0)
        return error_prefix(error, "--object-size: ");
    if (request->object_size == 0)
        return error_set(error, "--object-size 0: objects without a size are never refused");
    if (request->object_size > UINT32_MAX)
        return error_set(error, "--object-size %s: an object is smaller than 4G", text);

    return 0;
}

enum {
    OPTION_STACK = 256,
    OPTION_GEOMETRY,
    OPTION_MEMORY,
    OPTION_ONLY,
    OPTION_OBJECT_SIZE,
    OPTION_EXACT_BITMAPS,
    OPTION_JSON,
};

static const struct option limits_options[] = {
    {"stack", required_argument, NULL, OPTION_STACK},
    {"geometry", required_argument, NULL, OPTION_GEOMETRY},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"only", required_argument, NULL, OPTION_ONLY},
    {"object-size", required_argument, NULL, OPTION_OBJECT_SIZE},
    {"exact-bitmaps", no_argument, NULL, OPTION_EXACT_BITMAPS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int set_option(struct request *request, int option, const char *value, struct error *error)
{
    switch (option) {
    case OPTION_STACK:
        return add_each(request, value, add_stack, error);
    case OPTION_GEOMETRY:
        return add_each(request, value, add_geometry, error);
    case OPTION_MEMORY:
        return add_each(request, value, add_memory, error);
    case OPTION_ONLY:
        return add_each(request, value, add_kind, error);
    case OPTION_OBJECT_SIZE:
        return set_object_size(request, value, error);
    case OPTION_EXACT_BITMAPS:
        request->exact_bitmaps = true;
        return 0;
    case OPTION_JSON:
        request->json = true;
        return 0;
    default:
        request->help = true;
        return 0;
    }
}

/* What was not given. */
static int complete(struct request *request, struct error *error)
{
    if (request->nr_stacks == 0 && add_each(request, "all", add_stack, error) != 0)
        return -1;
    if (request->nr_memories == 0 && add_each(request, "64M,128M,512M,1G", add_memory, error) != 0)
        return -1;

    if (request->kinds_given && request->object_size_given && !request->kinds[LIMITS_OBJECTS])
        return error_set(error, "--object-size has no use: --only leaves objects out");

    for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
        request->kinds[kind] |= !request->kinds_given;

    for (unsigned i = 0; request->exact_bitmaps && i < request->nr_stacks; i++)
        if (strcmp(request->stacks[i]->space, "radix") == 0)
            return 0;

    return request->exact_bitmaps
               ? error_set(error, "--exact-bitmaps has no use: no stack given has radix trees")
               : 0;
}

/* -1 when getopt has complained already, with the error empty, or with the error set. */
static int read_options(struct request *request, int argc, char **argv, struct error *error)
{
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "h", limits_options, NULL)) != -1)
        if (option == '?' || set_option(request, option, optarg, error) != 0)
            return -1;

    if (request->help)
        return 0;
    if (optind < argc)
        return error_set(error, "\"%s\" is not an option, and limits takes nothing else",
                         argv[optind]);

    return complete(request, error);
}

/* ---- Cells ---- */

/* The geometry of a stack's age; of those that never shipped that of their youngest part. */
static const struct geometry *geometry_of_age(const struct stack_ops *stack)
{
    if (strcmp(stack->backend, "vm") == 0)
        return geometry_find("i386-2013");
    if (strcmp(stack->name, "radix+buddy") == 0)
        return geometry_find("i386-2016-02");

    return geometry_find("i386-2016");
}

/* What is counted of STACK on the machine called GEOMETRY. */
static void cell_fill(const struct request *request, struct limits_cell *cell,
                      const struct stack_ops *stack, const struct geometry *geometry,
                      uint64_t memory)
{
    cell->subject = (struct limits_case){
        .stack = stack,
        .geometry = limits_geometry(stack, geometry),
        .named = geometry->name,
        .memory = memory,
        .object_size = request->object_size,
        .exact_bitmaps = request->exact_bitmaps && strcmp(stack->space, "radix") == 0,
    };
    memcpy(cell->counted, request->kinds, sizeof(cell->counted));
}

static size_t cells_fill(const struct request *request, struct limits_cell *cells)
{
    unsigned geometries = request->nr_geometries != 0 ? request->nr_geometries : 1;
    size_t nr = 0;

    for (unsigned s = 0; s < request->nr_stacks; s++)
        for (unsigned g = 0; g < geometries; g++)
            for (unsigned m = 0; m < request->nr_memories; m++)
                cell_fill(request, &cells[nr++], request->stacks[s],
                          request->nr_geometries != 0 ? request->geometries[g]
                                                      : geometry_of_age(request->stacks[s]),
                          request->memories[m]);

    return nr;
}

/* A machine that cannot be is told of before minutes are spent on the others. */
static int cells_check(const struct limits_cell *cells, size_t nr, struct error *error)
{
    for (size_t i = 0; i < nr; i++)
        if (limits_check(&cells[i].subject, error) != 0)
            return -1;

    return 0;
}

static int cell_count(struct limits_cell *cell, struct error *error)
{
    for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
        if (cell->counted[kind] &&
            limits_find(&cell->subject, (enum limits_kind)kind, &cell->limits[kind], error) != 0)
            return -1;

    return 0;
}

static int cells_print(const struct request *request, struct limits_cell *cells, size_t nr,
                       struct error *error)
{
    struct progress progress;

    progress_begin(&progress, "limits", "machines", nr);
    for (size_t i = 0; i < nr; i++) {
        progress_update(&progress, i);
        if (cell_count(&cells[i], error) != 0) {
            progress_end(&progress);
            return -1;
        }
        if (request->json && limits_write(stdout, &cells[i], error) != 0) {
            progress_end(&progress);
            return -1;
        }
    }
    progress_end(&progress);

    if (request->json)
        return 0;

    limits_table_begin(stdout, &cells[0]);
    for (size_t i = 0; i < nr; i++)
        limits_table_row(stdout, &cells[i]);
    limits_table_end(stdout, cells, nr);
    return 0;
}

static int run(const struct request *request, struct error *error)
{
    size_t most = (size_t)request->nr_stacks *
                  (request->nr_geometries != 0 ? request->nr_geometries : 1) * request->nr_memories;
    struct limits_cell *cells = calloc(most, sizeof(*cells));

    if (cells == NULL)
        return error_set(error, "no memory for the results of %zu machines", most);

    size_t nr = cells_fill(request, cells);
    int status = cells_check(cells, nr, error);

    if (status == 0)
        status = cells_print(request, cells, nr, error);

    free(cells);
    if (status != 0)
        return -1;
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return error_set(error, "cannot write the standard output: %s", strerror(errno));

    return 0;
}

int limits_command(int argc, char **argv)
{
    struct request request = {.object_size = 256};
    struct error error = {.text = ""};

    if (read_options(&request, argc, argv, &error) != 0) {
        if (error.text[0] == '\0') {
            fputs("Try `allotrope limits --help`.\n", stderr);
            return STATUS_USAGE;
        }
        return usage(&error);
    }

    if (request.help)
        fputs(limits_usage, stdout);
    else if (run(&request, &error) != 0)
        return fail(&error);

    if (fflush(stdout) != 0) {
        error_set(&error, "cannot write the standard output: %s", strerror(errno));
        return fail(&error);
    }

    return STATUS_FINE;
}
