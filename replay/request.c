/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each option is read by itself; what contradicts what is looked at once, when all are known, so
 * that their order does not matter.
 */

#include "replay/request.h"

#include <dlfcn.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/option.h"
#include "common/size.h"
#include "replay/remote.h"

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

int request_add_stack(struct request *request, const char *name, struct error *error)
{
    if (request->nr_stacks == REQUEST_STACKS)
        return error_set(error, "more than %d stacks at once", REQUEST_STACKS);

    const struct stack_ops **stack = &request->stacks[request->nr_stacks];

    if (remote_is_name(name)) {
        struct remote *remote;

        if (request->nr_images == REQUEST_STACKS)
            return error_set(error, "more than %d kernel images at once", REQUEST_STACKS);
        remote = remote_new(name, error);
        if (remote == NULL)
            return -1;
        request->images[request->nr_images++] = remote;
        *stack = remote_ops(remote);
    } else if (strchr(name, '/') != NULL) {
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

static int set_against(struct request *request, const char *name, struct error *error)
{
    if (!remote_is_name(name))
        return error_set(error,
                         "--against is of a kernel image, \"gnumach:\" and a path or short name, "
                         "\"%s\" was given",
                         name);
    if (request->nr_images == REQUEST_STACKS)
        return error_set(error, "more than %d kernel images at once", REQUEST_STACKS);

    struct remote *remote = remote_new(name, error);

    if (remote == NULL)
        return -1;
    request->images[request->nr_images++] = remote;
    request->against = remote_ops(remote);
    return 0;
}

static int add_named(struct request *request, const char *name, struct error *error)
{
    if (strcmp(name, "all") != 0)
        return request_add_stack(request, name, error);

    for (unsigned i = 0; stack_at(i) != NULL; i++)
        if (request_add_stack(request, stack_at(i)->name, error) != 0)
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
    OPTION_EXACT_BITMAPS,
    OPTION_LATENCY,
    OPTION_WORK,
    OPTION_SAMPLE,
    OPTION_REPEAT,
    OPTION_UNTIL_FAILURE,
    OPTION_PASSES,
    OPTION_AGAINST,
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
    {"exact-bitmaps", no_argument, NULL, OPTION_EXACT_BITMAPS},
    {"latency", required_argument, NULL, OPTION_LATENCY},
    {"work", no_argument, NULL, OPTION_WORK},
    {"sample", required_argument, NULL, OPTION_SAMPLE},
    {"repeat", required_argument, NULL, OPTION_REPEAT},
    {"until-failure", required_argument, NULL, OPTION_UNTIL_FAILURE},
    {"passes", required_argument, NULL, OPTION_PASSES},
    {"against", required_argument, NULL, OPTION_AGAINST},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The index of TEXT among WORDS, which end with NULL and stand in EXPECTED as a sentence has them.
 */
static int choose(const char *option, const char *text, const char *const *words,
                  const char *expected, struct error *error)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return i;

    return error_set(error, "--%s is %s, not \"%s\"", option, expected, text);
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

static int set_on_failure(struct request *request, const char *value, struct error *error)
{
    static const char *const words[] = {"skip", "stop", NULL};
    int which = choose("on-failure", value, words, "skip or stop", error);

    request->options.on_failure = which == 1 ? REPLAY_STOP : REPLAY_SKIP;
    request->on_failure_given = true;
    return which < 0 ? -1 : 0;
}

static int set_keys(struct request *request, const char *value, struct error *error)
{
    static const char *const words[] = {"own", "captured", NULL};
    int which = choose("keys", value, words, "own or captured", error);

    request->options.keys = which == 1 ? REPLAY_KEYS_CAPTURED : REPLAY_KEYS_OWN;
    return which < 0 ? -1 : 0;
}

static int set_latency(struct request *request, const char *value, struct error *error)
{
    static const char *const words[] = {"off", "sampled", "every", NULL};
    int which = choose("latency", value, words, "off, sampled or every", error);

    if (which >= 0)
        request->options.latency = (enum replay_latency)which;
    return which < 0 ? -1 : 0;
}

static int set_until_failure(struct request *request, const char *value, struct error *error)
{
    static const char *const words[] = {"repeat", "shrink", NULL};
    int which = choose("until-failure", value, words, "repeat or shrink", error);

    request->until_failure = which == 1 ? UNTIL_SHRINK : UNTIL_REPEAT;
    return which < 0 ? -1 : 0;
}

static int set_sample(struct request *request, const char *value, struct error *error)
{
    request->no_series = strcmp(value, "off") == 0;
    if (request->no_series)
        return 0;
    if (strcmp(value, "0") == 0)
        return error_set(error, "--sample 0: a sample after every 0 events never ends; `off` takes "
                                "none");

    return option_number("sample", value, 1, UINT32_MAX, &request->sample, error);
}

static int set_count(unsigned *count, const char *option, const char *value, unsigned most,
                     struct error *error)
{
    uint64_t given;

    if (option_number(option, value, 1, most, &given, error) != 0)
        return -1;

    *count = (unsigned)given;
    return 0;
}

/* What is measured, and how often. */
static int set_measuring(struct request *request, int option, const char *value,
                         struct error *error)
{
    switch (option) {
    case OPTION_LATENCY:
        return set_latency(request, value, error);
    case OPTION_WORK:
        request->options.work = true;
        return 0;
    case OPTION_SAMPLE:
        return set_sample(request, value, error);
    case OPTION_REPEAT:
        return set_count(&request->repeat, "repeat", value, REPEAT_MAX, error);
    case OPTION_UNTIL_FAILURE:
        return set_until_failure(request, value, error);
    case OPTION_AGAINST:
        return set_against(request, value, error);
    case OPTION_PASSES:
        return set_count(&request->passes, "passes", value, PASSES_MAX, error);
    default:
        request->help = true;
        return 0;
    }
}

static int set_option(struct request *request, int option, const char *value, struct error *error)
{
    struct replay_options *options = &request->options;

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
    case OPTION_EXACT_BITMAPS:
        options->exact_bitmaps = true;
        return 0;
    case OPTION_ON_FAILURE:
        return set_on_failure(request, value, error);
    case OPTION_KEYS:
        return set_keys(request, value, error);
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
        return set_measuring(request, option, value, error);
    }
}

static bool any_radix(const struct request *request)
{
    for (unsigned i = 0; i < request->nr_stacks; i++)
        if (strcmp(request->stacks[i]->space, "radix") == 0)
            return true;

    return request->nr_stacks == 0; /* those of the traces' kernels */
}

/* What cannot be asked for together. */
static int check_together(const struct request *request, struct error *error)
{
    const struct replay_options *options = &request->options;

    if (request->passes != 0 && request->until_failure != UNTIL_REPEAT)
        return error_set(error, "--passes is of --until-failure repeat");
    if (request->repeat > 1 && request->until_failure != UNTIL_END)
        return error_set(error, "--repeat times whole replays, --until-failure ends them early: "
                                "one of the two");
    if (request->until_failure == UNTIL_SHRINK &&
        (options->latency != REPLAY_UNTIMED || options->work || request->sample != 0 ||
         request->no_series))
        return error_set(error, "--until-failure shrink measures nothing but memory: not with "
                                "--latency, --work or --sample");
    if (options->truth && request->until_failure != UNTIL_END)
        return error_set(error, "--truth compares a replay of the captured machine, once; "
                                "--until-failure is another one");
    if (request->on_failure_given && request->until_failure != UNTIL_END)
        return error_set(error, "--until-failure stops at the first refusal; --on-failure is "
                                "decided");
    if (options->exact_bitmaps && !any_radix(request))
        return error_set(error,
                         "--exact-bitmaps is of radix trees, and none of the stacks has any");
    if (options->check && options->latency != REPLAY_UNTIMED && request->repeat <= 1)
        return error_set(error, "--check and --latency: the times would be those of the checks; "
                                "with --repeat 2 the first replay is checked and the others are "
                                "timed");

    return 0;
}

int request_read(struct request *request, int argc, char **argv, struct error *error)
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
    if (check_together(request, error) != 0)
        return -1;
    if (optind == argc)
        return error_set(error, "no trace is given");

    return optind;
}

void request_close(struct request *request)
{
    for (unsigned i = 0; i < request->nr_objects; i++)
        dlclose(request->objects[i]);
    request->nr_objects = 0;
    for (unsigned i = 0; i < request->nr_images; i++)
        remote_free(request->images[i]);
    request->nr_images = 0;
}

const struct pages_ops *request_pages_at(unsigned index)
{
    return index < COUNT(page_allocators) ? page_allocators[index] : NULL;
}

const struct map_ops *request_map_at(unsigned index)
{
    return index < COUNT(map_policies) ? map_policies[index] : NULL;
}
