/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading a workload, and refusing one that cannot be. All that can be known before the first event
 * is checked here, so that a bad model leaves no file behind.
 */

#include "workloads/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "workloads/yaml.h"

#define DURATION_MAX (400ull * 86400 * 1000000000) /* 400 days, in ns */

static int read_name(const struct yaml_node *node, const char *what, char *name, size_t room,
                     struct error *error)
{
    const char *text;

    if (yaml_string(node, what, &text, error) != 0)
        return -1;
    if (strlen(text) >= room)
        return yaml_error(node, error, "found %s of %zu characters, expected at most %zu", what,
                          strlen(text), room - 1);
    strcpy(name, text);
    return 0;
}

/* A path in a workload is relative to the workload's own folder. NULL without memory. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash == NULL || name[0] == '/' ? 0 : (size_t)(slash - path) + 1;
    char *text = malloc(folder + strlen(name) + 1);

    if (text == NULL)
        return NULL;
    memcpy(text, path, folder);
    strcpy(text + folder, name);
    return text;
}

static int read_path(const struct yaml_node *node, const char *path, char **text,
                     struct error *error)
{
    const char *name;

    if (yaml_string(node, "a path", &name, error) != 0)
        return -1;
    *text = beside(path, name);
    return *text == NULL ? error_set(error, "not enough memory for a workload") : 0;
}

static int read_start(struct workload *workload, const struct yaml_node *node, const char *path,
                      struct error *error)
{
    static const char *const known[] = {"trace", "until", NULL};
    const struct yaml_node *value;

    if (yaml_keys_check(node, known, error) != 0 || yaml_need(node, "trace", &value, error) != 0 ||
        read_path(value, path, &workload->start, error) != 0)
        return -1;
    value = yaml_get(node, "until");
    return value == NULL
               ? 0
               : read_name(value, "a mark", workload->until, sizeof(workload->until), error);
}

static int read_machine(struct workload *workload, const struct yaml_node *node,
                        struct error *error)
{
    static const char *const known[] = {"geometry", "memory", NULL};
    const struct yaml_node *value;

    if (yaml_keys_check(node, known, error) != 0 ||
        yaml_need(node, "geometry", &value, error) != 0 ||
        read_name(value, "a geometry", workload->geometry, sizeof(workload->geometry), error) !=
            0 ||
        yaml_need(node, "memory", &value, error) != 0)
        return -1;
    return yaml_quantity(value, YAML_BYTES, 1u << 20, 1ull << 40, &workload->memory, error);
}

static int find_operation(const struct workload *workload, const struct yaml_node *node,
                          const struct recipe_operation **operation, struct error *error)
{
    const char *name;

    if (yaml_string(node, "an operation", &name, error) != 0)
        return -1;
    *operation = recipes_find(&workload->recipes, name);
    if (*operation == NULL)
        return yaml_error(node, error, "there is no operation \"%s\" in the recipes of %s", name,
                          workload->recipes.source);
    return 0;
}

static int read_limit(const struct yaml_node *map, const char *key, enum yaml_unit unit,
                      uint64_t max, uint64_t *limit, struct error *error)
{
    const struct yaml_node *node = yaml_get(map, key);

    if (node == NULL || strcmp(yaml_text(node), "none") == 0)
        return 0;
    return yaml_quantity(node, unit, 1, max, limit, error);
}

static uint64_t scaled(uint64_t value, uint64_t scale)
{
    unsigned __int128 product = (unsigned __int128)value * scale / 1000000;

    return product > UINT64_MAX ? UINT64_MAX : product == 0 && value != 0 ? 1 : (uint64_t)product;
}

static int read_items(struct workload *workload, const struct yaml_node *node, struct error *error)
{
    static const char *const known[] = {"count", "size", "popularity", "cached",
                                        "pages", "load", NULL};
    const struct yaml_node *value;
    uint64_t bytes = 0;

    if (yaml_keys_check(node, known, error) != 0 || yaml_need(node, "count", &value, error) != 0 ||
        yaml_integer(value, 1, WORKLOAD_ITEMS_MAX, &workload->items, error) != 0)
        return -1;
    workload->items = scaled(workload->items, workload->scale);
    if (workload->items > WORKLOAD_ITEMS_MAX)
        return yaml_error(value, error, "scaled to %" PRIu64 " items, expected at most %llu",
                          workload->items, WORKLOAD_ITEMS_MAX);
    value = yaml_get(node, "size");
    if (value != NULL &&
        distribution_from_yaml(&workload->item_size, value, YAML_BYTES, error) != 0)
        return -1;
    value = yaml_get(node, "popularity");
    if (value != NULL &&
        distribution_from_yaml(&workload->popularity, value, YAML_COUNT, error) != 0)
        return -1;
    if (read_limit(node, "cached", YAML_COUNT, WORKLOAD_ITEMS_MAX, &workload->cached, error) != 0 ||
        read_limit(node, "pages", YAML_BYTES, 1ull << 44, &bytes, error) != 0)
        return -1;
    workload->pages = bytes / 4096;
    value = yaml_get(node, "load");
    if (value != NULL)
        return find_operation(workload, value, &workload->load, error);
    if (workload->cached != 0)
        return yaml_error(node, error,
                          "found a limit of cached items and no load, expected the "
                          "operation that brings an item back");
    return 0;
}

/* ---- Phases ---- */

static int read_step(const struct workload *workload, const struct yaml_node *node, bool mix,
                     struct step *step, struct error *error)
{
    static const char *const known[] = {"do", "on", "but-every", "times", "weight", "remove", NULL};
    static const char *const items[] = {"none", "new", "next", "random", "popular", "same", NULL};
    const struct yaml_node *value;
    unsigned on = STEP_NONE;
    int64_t weight = 0;

    step->times = 1;
    if (yaml_keys_check(node, known, error) != 0 || yaml_need(node, "do", &value, error) != 0 ||
        find_operation(workload, value, &step->operation, error) != 0)
        return -1;
    value = yaml_get(node, "on");
    if (value != NULL && yaml_choice(value, items, &on, error) != 0)
        return -1;
    step->on = (enum step_item)on;
    if (step->on != STEP_NONE && workload->items == 0)
        return yaml_error(value, error, "found a step on an item, and no items in the workload");
    if (step->on == STEP_POPULAR && workload->popularity == NULL)
        return yaml_error(value, error, "found no popularity among the items of the workload");
    value = yaml_get(node, "but-every");
    if (value != NULL && yaml_integer(value, 2, 1u << 30, &step->but_every, error) != 0)
        return -1;
    value = yaml_get(node, "times");
    if (value != NULL && yaml_integer(value, 1, 1u << 20, &step->times, error) != 0)
        return -1;
    value = yaml_get(node, "remove");
    if (value != NULL && yaml_boolean(value, &step->remove, error) != 0)
        return -1;
    if (step->remove && (step->on == STEP_NONE || step->on == STEP_NEW || step->times != 1))
        return yaml_error(node, error, "only an item that is there can be removed, once");
    value = yaml_get(node, "weight");
    if (mix != (value != NULL))
        return yaml_error(node, error,
                          mix ? "found no weight, expected one for each step of a mix"
                              : "found a weight, expected one in a mix only");
    if (value != NULL && yaml_decimal(value, 0, 1000000000000ll, &weight, error) != 0)
        return -1;
    step->weight = (uint64_t)weight;
    return 0;
}

static int read_steps(const struct workload *workload, const struct yaml_node *node,
                      struct workload_phase *phase, struct error *error)
{
    const struct yaml_node *step;
    uint64_t weight = 0;

    if (yaml_expect(node, YAML_LIST, "a list of steps", error) != 0)
        return -1;
    if (yaml_count(node) == 0 || yaml_count(node) > WORKLOAD_STEPS_MAX)
        return yaml_error(node, error, "found %zu steps, expected 1 to %u", yaml_count(node),
                          WORKLOAD_STEPS_MAX);
    phase->steps = calloc(yaml_count(node), sizeof(*phase->steps));
    if (phase->steps == NULL)
        return error_set(error, "not enough memory for a workload");
    for (step = yaml_first(node); step != NULL; step = yaml_next(step)) {
        if (read_step(workload, step, phase->mix, &phase->steps[phase->nr_steps], error) != 0)
            return -1;
        if (phase->steps[phase->nr_steps].on == STEP_SAME && (phase->nr_steps == 0 || phase->mix))
            return yaml_error(step, error, "there is no step before it in the flow");
        weight += phase->steps[phase->nr_steps++].weight;
    }
    if (phase->mix && weight == 0)
        return yaml_error(node, error, "found weights that are all 0");
    return 0;
}

static int read_extent(const struct workload *workload, const struct yaml_node *node,
                       const struct workload_options *options, struct workload_phase *phase,
                       struct error *error)
{
    const struct yaml_node *count = yaml_get(node, "count"), *duration = yaml_get(node, "duration");

    if ((count == NULL) == (duration == NULL))
        return yaml_error(node, error, "found %s, expected one of count and duration",
                          count == NULL ? "neither" : "both");
    if (duration != NULL) {
        if (yaml_quantity(duration, YAML_TIME, 1, DURATION_MAX, &phase->duration, error) != 0)
            return -1;
        if (options->duration != 0)
            phase->duration = options->duration;
        return 0;
    }
    if (strcmp(yaml_text(count), "items") == 0 && workload->items != 0) {
        phase->count = workload->items;
        return 0;
    }
    if (yaml_integer(count, 1, WORKLOAD_COUNT_MAX, &phase->count, error) != 0)
        return -1;
    phase->count = scaled(phase->count, workload->scale);
    if (phase->count > WORKLOAD_COUNT_MAX)
        return yaml_error(count, error, "scaled to %" PRIu64 ", expected at most %llu",
                          phase->count, WORKLOAD_COUNT_MAX);
    return 0;
}

static int read_phase(const struct workload *workload, const struct yaml_node *node,
                      const struct workload_options *options, struct workload_phase *phase,
                      struct error *error)
{
    static const char *const known[] = {"mark", "clients", "count", "duration",
                                        "flow", "mix",     "think", NULL};
    const struct yaml_node *value, *flow, *mix;
    uint64_t clients = 1;

    if (yaml_keys_check(node, known, error) != 0)
        return -1;
    value = yaml_get(node, "mark");
    if (value != NULL && read_name(value, "a mark", phase->mark, sizeof(phase->mark), error) != 0)
        return -1;
    value = yaml_get(node, "clients");
    if (value != NULL && yaml_integer(value, 1, WORKLOAD_CLIENTS_MAX, &clients, error) != 0)
        return -1;
    phase->clients = (uint32_t)clients;
    if (read_extent(workload, node, options, phase, error) != 0)
        return -1;
    flow = yaml_get(node, "flow");
    mix = yaml_get(node, "mix");
    if ((flow == NULL) == (mix == NULL))
        return yaml_error(node, error, "found %s, expected one of flow and mix",
                          flow == NULL ? "neither" : "both");
    phase->mix = mix != NULL;
    if (read_steps(workload, flow != NULL ? flow : mix, phase, error) != 0)
        return -1;
    value = yaml_get(node, "think");
    return value == NULL ? 0 : distribution_from_yaml(&phase->think, value, YAML_TIME, error);
}

static int read_phases(struct workload *workload, const struct yaml_node *node,
                       const struct workload_options *options, struct error *error)
{
    if (yaml_expect(node, YAML_LIST, "a list of phases", error) != 0)
        return -1;
    if (yaml_count(node) == 0)
        return yaml_error(node, error, "found no phases, expected at least one");
    workload->phases = calloc(yaml_count(node), sizeof(*workload->phases));
    if (workload->phases == NULL)
        return error_set(error, "not enough memory for a workload");
    for (node = yaml_first(node); node != NULL; node = yaml_next(node))
        if (read_phase(workload, node, options, &workload->phases[workload->nr_phases++], error) !=
            0)
            return -1;
    return 0;
}

/* ---- Whether items are there when they are used ---- */

/* Counts of items after each phase: what removes more than there are cannot be. */
static int check_population(const struct workload *workload, const struct yaml_node *root,
                            struct error *error)
{
    const struct yaml_node *node = yaml_first(yaml_get(root, "phases"));
    uint64_t alive = 0;

    for (unsigned i = 0; i < workload->nr_phases; i++, node = yaml_next(node)) {
        const struct workload_phase *phase = &workload->phases[i];
        bool made = alive != 0;

        for (unsigned j = 0; j < phase->nr_steps; j++) {
            const struct step *step = &phase->steps[j];

            made |= step->on == STEP_NEW;
            if (step->on != STEP_NONE && step->on != STEP_SAME && !made && !phase->mix)
                return yaml_error(node, error, "its step %u works on an item, and none is there",
                                  j + 1);
        }
        if (phase->mix || phase->count == 0) {
            alive = made ? 1 : alive;
            continue;
        }
        for (unsigned j = 0; j < phase->nr_steps; j++) {
            const struct step *step = &phase->steps[j];

            if (step->on == STEP_NEW)
                alive =
                    phase->count > workload->items - alive ? workload->items : alive + phase->count;
            else if (step->remove && phase->nr_steps == 1 && phase->count > alive)
                return yaml_error(node, error,
                                  "it removes %" PRIu64 " items, and at most %" PRIu64 " are there",
                                  phase->count, alive);
            else if (step->remove)
                alive -= phase->count < alive ? phase->count : alive;
        }
    }
    return 0;
}

static int read_recipes(struct workload *workload, const struct yaml_node *node, const char *path,
                        struct error *error)
{
    uint64_t digest;
    char *recipes;
    int result;

    if (read_path(node, path, &recipes, error) != 0)
        return -1;
    result = recipes_read(&workload->recipes, recipes, &digest, error);
    free(recipes);
    workload->digest ^= digest;
    return result;
}

static int read_seed(struct workload *workload, const struct yaml_node *root,
                     const struct workload_options *options, struct error *error)
{
    const struct yaml_node *value = yaml_get(root, "seed");

    workload->seed = 1;
    if (value != NULL && yaml_integer(value, 0, UINT64_MAX, &workload->seed, error) != 0)
        return -1;
    if (options->seed != NULL)
        workload->seed = *options->seed;
    return 0;
}

static int read_root(struct workload *workload, const struct yaml_node *root, const char *path,
                     const struct workload_options *options, struct error *error)
{
    static const char *const known[] = {"workload", "seed",  "start",  "machine",
                                        "recipes",  "items", "phases", NULL};
    const struct yaml_node *value;

    if (yaml_keys_check(root, known, error) != 0 ||
        yaml_need(root, "workload", &value, error) != 0 ||
        read_name(value, "a name", workload->name, sizeof(workload->name), error) != 0 ||
        read_seed(workload, root, options, error) != 0)
        return -1;
    value = yaml_get(root, "start");
    if (value != NULL && read_start(workload, value, path, error) != 0)
        return -1;
    value = yaml_get(root, "machine");
    if (value != NULL && read_machine(workload, value, error) != 0)
        return -1;
    if (workload->start == NULL && value == NULL)
        return yaml_error(root, error, "found neither start nor machine, expected at least one");
    if (yaml_need(root, "recipes", &value, error) != 0 ||
        read_recipes(workload, value, path, error) != 0)
        return -1;
    value = yaml_get(root, "items");
    if (value != NULL && read_items(workload, value, error) != 0)
        return -1;
    if (yaml_need(root, "phases", &value, error) != 0 ||
        read_phases(workload, value, options, error) != 0)
        return -1;
    return check_population(workload, root, error);
}

static int digest_file(uint64_t *digest, const char *path, const struct workload_options *options,
                       struct error *error)
{
    XXH3_state_t *state = XXH3_createState();
    FILE *file = fopen(path, "rb");
    char buffer[4096];
    size_t got;
    int result = 0;

    if (state == NULL || file == NULL) {
        result = error_set(error, "%s: cannot be read", path);
    } else {
        XXH3_64bits_reset(state);
        while ((got = fread(buffer, 1, sizeof(buffer), file)) != 0)
            XXH3_64bits_update(state, buffer, got);
        for (unsigned i = 0; i < options->nr_sets; i++)
            XXH3_64bits_update(state, options->sets[i], strlen(options->sets[i]) + 1);
        *digest = XXH3_64bits_digest(state);
    }
    if (file != NULL)
        fclose(file);
    XXH3_freeState(state);
    return result;
}

int workload_read(struct workload *workload, const char *path,
                  const struct workload_options *options, struct error *error)
{
    struct yaml_document *document;
    int result = 0;

    memset(workload, 0, sizeof(*workload));
    workload->scale = options->scale != 0 ? options->scale : 1000000;
    if (yaml_open(&document, path, error) != 0)
        return -1;
    for (unsigned i = 0; i < options->nr_sets && result == 0; i++)
        result = yaml_set(document, options->sets[i], error);
    if (result == 0)
        result = digest_file(&workload->digest, path, options, error);
    if (result == 0)
        result = read_root(workload, yaml_root(document), path, options, error);
    yaml_close(document);
    if (result != 0)
        workload_free(workload);
    return result;
}

void workload_free(struct workload *workload)
{
    for (unsigned i = 0; i < workload->nr_phases; i++) {
        free(workload->phases[i].steps);
        distribution_free(workload->phases[i].think);
    }
    free(workload->phases);
    free(workload->start);
    distribution_free(workload->item_size);
    distribution_free(workload->popularity);
    recipes_free(&workload->recipes);
    memset(workload, 0, sizeof(*workload));
}
