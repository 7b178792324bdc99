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

#define GEOMETRIES_MAX 32u /* more than there are */

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
    workload->start_place = yaml_place(node);
    if (workload->start_place == NULL)
        return error_set(error, "not enough memory for the workload");
    value = yaml_get(node, "until");
    return value == NULL
               ? 0
               : read_name(value, "a mark", workload->until, sizeof(workload->until), error);
}

static int read_machine(struct workload *workload, const struct yaml_node *node,
                        struct error *error)
{
    static const char *const known[] = {"geometry", "memory", NULL};
    const char *geometries[GEOMETRIES_MAX + 1] = {NULL};
    const struct yaml_node *value;
    unsigned index = 0;

    for (unsigned i = 0; i < GEOMETRIES_MAX && geometry_at(i) != NULL; i++)
        geometries[i] = geometry_at(i)->name;

    if (yaml_keys_check(node, known, error) != 0 ||
        yaml_need(node, "geometry", &value, error) != 0 ||
        yaml_choice(value, geometries, &index, error) != 0 ||
        yaml_need(node, "memory", &value, error) != 0)
        return -1;
    workload->geometry = geometry_at(index);
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

static int read_population(const struct workload *workload, const struct yaml_node *node,
                           struct population *population, struct error *error)
{
    static const char *const known[] = {"count", "size", "popularity", "cached",
                                        "pages", "load", NULL};
    const struct yaml_node *value;
    uint64_t bytes = 0;

    if (yaml_keys_check(node, known, error) != 0 || yaml_need(node, "count", &value, error) != 0 ||
        yaml_integer(value, 1, WORKLOAD_ITEMS_MAX, &population->items, error) != 0)
        return -1;
    population->items = scaled(population->items, workload->scale);
    if (population->items > WORKLOAD_ITEMS_MAX)
        return yaml_error(value, error, "scaled to %" PRIu64 " items, expected at most %llu",
                          population->items, WORKLOAD_ITEMS_MAX);
    value = yaml_get(node, "size");
    if (value != NULL && distribution_from_yaml(&population->size, value, YAML_BYTES, error) != 0)
        return -1;
    value = yaml_get(node, "popularity");
    if (value != NULL &&
        distribution_from_yaml(&population->popularity, value, YAML_COUNT, error) != 0)
        return -1;
    if (read_limit(node, "cached", YAML_COUNT, WORKLOAD_ITEMS_MAX, &population->cached, error) !=
            0 ||
        read_limit(node, "pages", YAML_BYTES, 1ull << 44, &bytes, error) != 0)
        return -1;
    population->pages = bytes / 4096;
    value = yaml_get(node, "load");
    if (value != NULL)
        return find_operation(workload, value, &population->load, error);
    if (population->cached != 0 || population->pages != 0)
        return yaml_error(node, error,
                          "found a limit of what is cached and no load, expected the "
                          "operation that brings an item back");
    return 0;
}

static int read_items(struct workload *workload, const struct yaml_node *node, struct error *error)
{
    if (yaml_expect(node, YAML_MAP, "a map of populations", error) != 0)
        return -1;
    if (yaml_count(node) == 0 || yaml_count(node) > WORKLOAD_POPULATIONS_MAX)
        return yaml_error(node, error, "found %zu populations, expected 1 to %u", yaml_count(node),
                          WORKLOAD_POPULATIONS_MAX);
    workload->populations = calloc(yaml_count(node), sizeof(*workload->populations));
    if (workload->populations == NULL)
        return error_set(error, "not enough memory for a workload");
    for (node = yaml_first(node); node != NULL; node = yaml_next(node)) {
        struct population *population = &workload->populations[workload->nr_populations++];

        if (read_name(yaml_key(node), "a population's name", population->name,
                      sizeof(population->name), error) != 0 ||
            read_population(workload, node, population, error) != 0)
            return -1;
    }
    return 0;
}

/* ---- Phases ---- */

/* Which item: "on" says how it is chosen, "of" from which population, the first by default. */
static int read_on(const struct workload *workload, const struct yaml_node *node, struct step *step,
                   struct error *error)
{
    static const char *const ways[] = {"none", "new", "next", "random", "popular", "same", NULL};
    const struct yaml_node *value = yaml_get(node, "on"), *of = yaml_get(node, "of");
    unsigned on = STEP_NONE;

    if (value != NULL && yaml_choice(value, ways, &on, error) != 0)
        return -1;
    step->on = (enum step_item)on;
    if (step->on != STEP_NONE && workload->nr_populations == 0)
        return yaml_error(value, error, "found a step on an item, and no items in the workload");
    if (of != NULL) {
        while (step->population < workload->nr_populations &&
               strcmp(workload->populations[step->population].name, yaml_text(of)) != 0)
            step->population++;
        if (step->population == workload->nr_populations)
            return yaml_error(of, error, "there is no population \"%s\" among the items",
                              yaml_text(of));
    }
    if (step->on == STEP_POPULAR && workload->populations[step->population].popularity == NULL)
        return yaml_error(value, error, "population %s has no popularity",
                          workload->populations[step->population].name);
    return 0;
}

static int read_step(const struct workload *workload, const struct yaml_node *node, bool mix,
                     struct step *step, struct error *error)
{
    static const char *const known[] = {"do",     "of",     "on",    "but-every", "times",
                                        "weight", "remove", "renew", "bare",      NULL};
    const struct yaml_node *value;
    int64_t weight = 0;

    step->times = 1;
    if (yaml_keys_check(node, known, error) != 0 || yaml_need(node, "do", &value, error) != 0 ||
        find_operation(workload, value, &step->operation, error) != 0)
        return -1;
    if (read_on(workload, node, step, error) != 0)
        return -1;
    value = yaml_get(node, "but-every");
    if (value != NULL && yaml_integer(value, 2, 1u << 30, &step->but_every, error) != 0)
        return -1;
    value = yaml_get(node, "times");
    if (value != NULL && yaml_integer(value, 1, 1u << 20, &step->times, error) != 0)
        return -1;
    value = yaml_get(node, "bare");
    if (value != NULL && yaml_boolean(value, &step->bare, error) != 0)
        return -1;
    value = yaml_get(node, "renew");
    if (value != NULL && yaml_boolean(value, &step->renew, error) != 0)
        return -1;
    value = yaml_get(node, "remove");
    if (value != NULL && yaml_boolean(value, &step->remove, error) != 0)
        return -1;
    if (step->renew && (step->remove || step->on == STEP_NONE))
        return yaml_error(node, error, "only an item that stays can be renewed");
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
    for (unsigned i = 0; i < workload->nr_populations; i++) {
        if (strcmp(yaml_text(count), workload->populations[i].name) == 0) {
            phase->count = workload->populations[i].items;
            return 0;
        }
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

/* Follows how many items of each population are there from phase to phase: a step on one that is
 * empty cannot be, nor can a phase that removes more than there are. */
static int check_phase(const struct workload *workload, const struct workload_phase *phase,
                       const struct yaml_node *node, uint64_t *there, struct error *error)
{
    uint64_t most[WORKLOAD_POPULATIONS_MAX];

    memcpy(most, there, sizeof(most));
    for (unsigned i = 0; i < phase->nr_steps; i++) {
        const struct step *step = &phase->steps[i];
        uint64_t room =
            workload->nr_populations == 0 ? 0 : workload->populations[step->population].items;
        uint64_t count = phase->count != 0 && !phase->mix ? phase->count : 1;

        if (step->on == STEP_NONE || step->on == STEP_SAME)
            continue;
        if (step->on == STEP_NEW) {
            most[step->population] =
                count > room - there[step->population] ? room : there[step->population] + count;
            continue;
        }
        if (most[step->population] == 0 && !phase->mix)
            return yaml_error(node, error, "step %u works on an item of %s, and none is there",
                              i + 1, workload->populations[step->population].name);
        if (step->remove && phase->nr_steps == 1 && phase->count > there[step->population])
            return yaml_error(node, error,
                              "it removes %" PRIu64 " items of %s, and at most %" PRIu64
                              " are there",
                              phase->count, workload->populations[step->population].name,
                              there[step->population]);
        if (step->remove && phase->nr_steps == 1)
            most[step->population] -= count;
    }
    memcpy(there, most, sizeof(most));
    return 0;
}

static int check_populations(const struct workload *workload, const struct yaml_node *root,
                             struct error *error)
{
    const struct yaml_node *node = yaml_first(yaml_get(root, "phases"));
    uint64_t there[WORKLOAD_POPULATIONS_MAX] = {0};

    for (unsigned i = 0; i < workload->nr_phases; i++, node = yaml_next(node))
        if (check_phase(workload, &workload->phases[i], node, there, error) != 0)
            return -1;
    return 0;
}

static int read_recipe(struct workload *workload, const struct yaml_node *node, const char *path,
                       struct error *error)
{
    uint64_t digest = 0;
    char *recipes;
    int result;

    if (read_path(node, path, &recipes, error) != 0)
        return -1;
    result = recipes_read(&workload->recipes, recipes, &digest, error);
    free(recipes);
    workload->digest = workload->digest * 31 + digest;
    return result;
}

/* A path or a list of them. */
static int read_recipes(struct workload *workload, const struct yaml_node *node, const char *path,
                        struct error *error)
{
    if (yaml_kind(node) != YAML_LIST)
        return read_recipe(workload, node, path, error);
    if (yaml_count(node) == 0)
        return yaml_error(node, error, "found no recipes, expected at least one");
    for (node = yaml_first(node); node != NULL; node = yaml_next(node))
        if (read_recipe(workload, node, path, error) != 0)
            return -1;
    return 0;
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
    return check_populations(workload, root, error);
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
    free(workload->start_place);
    for (unsigned i = 0; i < workload->nr_populations; i++) {
        distribution_free(workload->populations[i].size);
        distribution_free(workload->populations[i].popularity);
    }
    free(workload->populations);
    recipes_free(&workload->recipes);
    memset(workload, 0, sizeof(*workload));
}
