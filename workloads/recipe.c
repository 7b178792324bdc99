/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The recipe file. One line of the file is one line of the recipe, so that a change shows as what
 * it is in a diff; what the reader takes, the writer writes.
 */

#include "workloads/recipe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "traces/event.h"
#include "workloads/yaml.h"

static const char *const kind_names[] = {"cache", "kalloc", "pages",  "map",  "right",
                                         "space", "lookup", "rename", "reap", NULL};
static const char *const segment_names[] = {"dma", "dma32", "directmap", "highmem", NULL};
static const char *const map_names[] = {"kernel", "kmem", "ipc", "device", NULL};
static const char *const map_kind_names[] = {"wired",    "aligned", "object",
                                             "pageable", "submap",  NULL};
static const char *const life_names[] = {"none", "time",  "item", "until",
                                         "exit", "phase", "keep", NULL};

/* ---- Reading ---- */

static int read_name(const struct yaml_node *node, const char *what, char name[RECIPE_NAME_MAX],
                     struct error *error)
{
    const char *text;

    if (yaml_string(node, what, &text, error) != 0)
        return -1;
    if (strlen(text) >= RECIPE_NAME_MAX)
        return yaml_error(node, error, "found %s of %zu characters, expected at most %d", what,
                          strlen(text), RECIPE_NAME_MAX - 1);
    strcpy(name, text);
    return 0;
}

/* A whole number or a list of them that does not fall. */
static int read_quantiles(const struct yaml_node *node, uint64_t min, uint64_t max,
                          struct quantiles *quantiles, struct error *error)
{
    const struct yaml_node *item;

    quantiles->nr = 0;
    if (yaml_kind(node) == YAML_SCALAR) {
        quantiles->nr = 1;
        return yaml_integer(node, min, max, &quantiles->values[0], error);
    }
    if (yaml_expect(node, YAML_LIST, "a number or a list of quantiles", error) != 0)
        return -1;
    if (yaml_count(node) == 0 || yaml_count(node) > QUANTILES_MAX)
        return yaml_error(node, error, "found %zu quantiles, expected 1 to %d", yaml_count(node),
                          QUANTILES_MAX);
    for (item = yaml_first(node); item != NULL; item = yaml_next(item)) {
        uint64_t *value = &quantiles->values[quantiles->nr];

        if (yaml_integer(item, min, max, value, error) != 0)
            return -1;
        if (quantiles->nr != 0 && *value < value[-1])
            return yaml_error(item, error,
                              "found %" PRIu64 " after %" PRIu64
                              ", expected quantiles that do not fall",
                              *value, value[-1]);
        quantiles->nr++;
    }
    return 0;
}

static int read_optional(const struct yaml_node *map, const char *key, uint64_t min, uint64_t max,
                         struct quantiles *quantiles, struct error *error)
{
    const struct yaml_node *node = yaml_get(map, key);

    return node == NULL ? 0 : read_quantiles(node, min, max, quantiles, error);
}

static int read_millionths(const struct yaml_node *map, const char *key, uint64_t max,
                           uint64_t *millionths, struct error *error)
{
    const struct yaml_node *node = yaml_get(map, key);
    int64_t value;

    if (node == NULL)
        return 0;
    if (yaml_decimal(node, 0, (int64_t)max, &value, error) != 0)
        return -1;
    *millionths = (uint64_t)value;
    return 0;
}

static int read_number(const struct yaml_node *map, const char *key, uint64_t max, uint64_t *number,
                       struct error *error)
{
    const struct yaml_node *node = yaml_get(map, key);

    return node == NULL ? 0 : yaml_integer(node, 0, max, number, error);
}

static int read_life(const struct yaml_node *node, struct recipe_line *line, struct error *error)
{
    const char *text;

    if (yaml_kind(node) != YAML_SCALAR ||
        (yaml_text(node)[0] >= '0' && yaml_text(node)[0] <= '9')) {
        line->life = RECIPE_LIFE_TIME;
        return read_quantiles(node, 0, 1ull << 60, &line->ticks, error);
    }
    text = yaml_text(node);
    if (strncmp(text, "until ", 6) == 0 && text[6] != '\0') {
        line->life = RECIPE_LIFE_UNTIL;
        if (strlen(text + 6) >= RECIPE_NAME_MAX)
            return yaml_error_found(node, error, "an operation's name after \"until\"");
        strcpy(line->until, text + 6);
        return 0;
    }
    for (unsigned i = RECIPE_LIFE_ITEM; i < RECIPE_LIVES; i++) {
        if (i != RECIPE_LIFE_UNTIL && strcmp(text, life_names[i]) == 0) {
            line->life = (enum recipe_life)i;
            return 0;
        }
    }
    return yaml_error_found(node, error,
                            "quantiles of ticks, or item, until OPERATION, exit, phase or keep");
}

static int read_kind(const struct yaml_node *node, struct recipe_line *line,
                     const struct yaml_node **value, struct error *error)
{
    unsigned found = 0;

    for (unsigned i = 0; i < RECIPE_KINDS; i++) {
        const struct yaml_node *of = yaml_get(node, kind_names[i]);

        if (of != NULL) {
            line->kind = (enum recipe_kind)i;
            *value = of;
            found++;
        }
    }
    if (found != 1)
        return yaml_error(node, error,
                          "found %u of cache, kalloc, pages, map, right, space, lookup, rename and "
                          "reap, expected one: what the line makes",
                          found);
    return 0;
}

static int read_sized(const struct yaml_node *node, const struct yaml_node *value,
                      struct recipe_line *line, struct error *error)
{
    const struct yaml_node *other;
    unsigned choice;

    switch (line->kind) {
    case RECIPE_KALLOC:
        return read_quantiles(value, 1, 1u << 30, &line->size, error);
    case RECIPE_PAGE:
        if (read_quantiles(value, 1, 1u << 20, &line->size, error) != 0)
            return -1;
        line->where = EVENT_DIRECTMAP;
        other = yaml_get(node, "segment");
        return other == NULL ? 0 : yaml_choice(other, segment_names, &line->where, error);
    case RECIPE_MAP:
        if (yaml_choice(value, map_names, &line->where, error) != 0 ||
            yaml_need(node, "size", &other, error) != 0 ||
            read_quantiles(other, 1, UINT32_MAX, &line->size, error) != 0)
            return -1;
        other = yaml_get(node, "kind");
        if (other != NULL) {
            if (yaml_choice(other, map_kind_names, &choice, error) != 0)
                return -1;
            line->flags = choice;
        }
        return 0;
    case RECIPE_CACHE:
    case RECIPE_RIGHT:
    case RECIPE_SPACE:
    case RECIPE_LOOKUP:
    case RECIPE_RENAME:
    case RECIPE_REAP:
    case RECIPE_KINDS:
        break;
    }
    return read_name(value, "a name", line->name, error);
}

static int read_flags(const struct yaml_node *node, struct recipe_line *line, struct error *error)
{
    const struct yaml_node *value;
    static const char *const per_names[] = {"operation", "phase", NULL};
    unsigned per = 0;
    uint64_t old = 0, alone = 0, names = 0, names_reverse = 0, names_ended = 0;

    value = yaml_get(node, "reverse");
    if (value != NULL && yaml_boolean(value, &line->reverse, error) != 0)
        return -1;
    value = yaml_get(node, "by-item-size");
    if (value != NULL && yaml_boolean(value, &line->by_item_size, error) != 0)
        return -1;
    value = yaml_get(node, "per");
    if (value != NULL && yaml_choice(value, per_names, &per, error) != 0)
        return -1;
    line->per_phase = per == 1;
    if (read_millionths(node, "old", RECIPE_COUNT_ONE, &old, error) != 0 ||
        read_millionths(node, "alone", RECIPE_COUNT_ONE, &alone, error) != 0 ||
        read_millionths(node, "names-reverse", RECIPE_COUNT_ONE, &names_reverse, error) != 0 ||
        read_millionths(node, "names-ended", RECIPE_COUNT_ONE, &names_ended, error) != 0 ||
        read_optional(node, "names-life", 0, 1ull << 60, &line->names_life, error) != 0 ||
        read_number(node, "names", 1024, &names, error) != 0 ||
        read_number(node, "sparse", 1u << 20, &line->sparse, error) != 0 ||
        read_number(node, "seen", 1ull << 60, &line->seen, error) != 0 ||
        read_millionths(node, "spread", RECIPE_COUNT_MAX, &line->spread, error) != 0)
        return -1;
    line->old = (uint32_t)old;
    line->alone = (uint32_t)alone;
    line->names = (uint32_t)names;
    line->names_reverse = (uint32_t)names_reverse;
    line->names_ended = (uint32_t)names_ended;
    value = yaml_get(node, "task");
    return value == NULL ? 0 : read_name(value, "the role of a task", line->task, error);
}

static bool line_makes(const struct recipe_line *line)
{
    return line->kind != RECIPE_LOOKUP && line->kind != RECIPE_RENAME && line->kind != RECIPE_REAP;
}

static int read_line(const struct yaml_node *node, struct recipe_line *line, struct error *error)
{
    static const char *const known[] = {
        "cache",        "kalloc",        "pages",       "map",        "right",   "space",
        "lookup",       "rename",        "reap",        "task",       "count",   "per",
        "spread",       "seen",          "at",          "life",       "counts",  "size",
        "kind",         "names",         "old",         "sparse",     "segment", "reverse",
        "by-item-size", "names-reverse", "names-ended", "names-life", "alone",   NULL};
    const struct yaml_node *value = NULL, *life;

    if (yaml_keys_check(node, known, error) != 0 || read_kind(node, line, &value, error) != 0 ||
        read_sized(node, value, line, error) != 0 || read_flags(node, line, error) != 0 ||
        read_optional(node, "at", 0, RECIPE_PLACE_ONE, &line->at, error) != 0 ||
        read_optional(node, "counts", 0, RECIPE_COUNT_MAX / RECIPE_COUNT_ONE, &line->counts,
                      error) != 0)
        return -1;
    line->count = RECIPE_COUNT_ONE;
    if (read_millionths(node, "count", RECIPE_COUNT_MAX, &line->count, error) != 0)
        return -1;
    life = yaml_get(node, "life");
    if (line_makes(line) != (life != NULL))
        return life != NULL ? yaml_error(life, error, "a %s makes nothing that lives",
                                         kind_names[line->kind])
                            : yaml_error(node, error,
                                         "found no life, expected how long what the "
                                         "line makes lives");
    if (life != NULL && read_life(life, line, error) != 0)
        return -1;
    if (line->life == RECIPE_LIFE_EXIT &&
        (line->kind != RECIPE_RIGHT || strcmp(line->name, RECIPE_PROCESS) != 0))
        return yaml_error(life, error, "only rights of a process live until its exit");
    if (line->kind == RECIPE_RIGHT && strcmp(line->name, RECIPE_PROCESS) == 0 &&
        line->life != RECIPE_LIFE_EXIT && line->life != RECIPE_LIFE_TIME)
        return yaml_error(life, error,
                          "a right of a process lives until its exit at most: found "
                          "another life, expected ticks or exit");
    if (line->kind == RECIPE_SPACE && line->life != RECIPE_LIFE_TIME &&
        line->life != RECIPE_LIFE_PHASE)
        return yaml_error(life, error, "a process ends by itself: expected ticks or phase");
    return 0;
}

static int read_evidence(const struct yaml_node *node, struct recipe_operation *operation,
                         struct error *error)
{
    static const char *const known[] = {"operations", "phase", "anchor", NULL};
    const struct yaml_node *value;
    const char *text;

    if (yaml_keys_check(node, known, error) != 0 ||
        read_number(node, "operations", 1ull << 40, &operation->operations, error) != 0)
        return -1;
    value = yaml_get(node, "phase");
    if (value != NULL && read_name(value, "a phase", operation->phase, error) != 0)
        return -1;
    value = yaml_get(node, "anchor");
    if (value == NULL)
        return 0;
    if (yaml_string(value, "an anchor", &text, error) != 0)
        return -1;
    snprintf(operation->anchor, sizeof(operation->anchor), "%s", text);
    return 0;
}

static int read_operation(const struct yaml_node *node, struct recipe_operation *operation,
                          struct error *error)
{
    static const char *const known[] = {"evidence",  "ticks", "gaps", "gaps-tail",
                                        "item-size", "lines", NULL};
    const struct yaml_node *value, *line;

    if (yaml_keys_check(node, known, error) != 0 ||
        read_name(yaml_key(node), "an operation's name", operation->name, error) != 0 ||
        yaml_need(node, "ticks", &value, error) != 0 ||
        read_quantiles(value, 1, 1ull << 50, &operation->ticks, error) != 0)
        return -1;
    if (read_number(node, "item-size", 1ull << 40, &operation->item_size, error) != 0 ||
        read_optional(node, "gaps", 0, 1ull << 50, &operation->gaps, error) != 0 ||
        read_optional(node, "gaps-tail", 0, 1ull << 50, &operation->gaps_tail, error) != 0)
        return -1;
    if ((operation->gaps.nr == 0) != (operation->gaps_tail.nr == 0))
        return yaml_error(node, error, "found one of gaps and gaps-tail, expected both or none");
    value = yaml_get(node, "evidence");
    if (value != NULL && read_evidence(value, operation, error) != 0)
        return -1;
    if (yaml_need(node, "lines", &value, error) != 0 ||
        yaml_expect(value, YAML_LIST, "a list of lines", error) != 0)
        return -1;
    if (yaml_count(value) == 0 || yaml_count(value) > RECIPE_LINES_MAX)
        return yaml_error(value, error, "found %zu lines, expected 1 to %u", yaml_count(value),
                          RECIPE_LINES_MAX);
    operation->lines = calloc(yaml_count(value), sizeof(*operation->lines));
    if (operation->lines == NULL)
        return error_set(error, "not enough memory for recipes");
    for (line = yaml_first(value); line != NULL; line = yaml_next(line))
        if (read_line(line, &operation->lines[operation->nr_lines++], error) != 0)
            return -1;
    return 0;
}

static int read_cache(const struct yaml_node *node, struct cache_definition *cache,
                      struct error *error)
{
    static const char *const known[] = {"size", "align", "flags", NULL};
    const struct yaml_node *value;
    uint64_t size, align = 0, flags = 0;

    if (yaml_keys_check(node, known, error) != 0 ||
        read_name(yaml_key(node), "a cache's name", cache->name, error) != 0 ||
        yaml_need(node, "size", &value, error) != 0 ||
        yaml_integer(value, 1, 1u << 20, &size, error) != 0 ||
        read_number(node, "align", 1u << 16, &align, error) != 0 ||
        read_number(node, "flags", UINT32_MAX, &flags, error) != 0)
        return -1;
    cache->size = (uint32_t)size;
    cache->align = (uint32_t)align;
    cache->flags = (uint32_t)flags;
    return 0;
}

static bool cache_known(const struct recipes *recipes, const char *name)
{
    for (unsigned i = 0; i < recipes->nr_caches; i++)
        if (strcmp(recipes->caches[i].name, name) == 0)
            return true;
    return false;
}

static bool operation_known(const struct recipes *recipes, const char *name)
{
    return recipes_find(recipes, name) != NULL;
}

/* What the lines name must be there. */
static int check_names(const struct recipes *recipes, unsigned first,
                       const struct yaml_node *operations, struct error *error)
{
    const struct yaml_node *node = yaml_first(operations), *line;
    const struct recipe_operation *operation = recipes->operations + first;

    for (; node != NULL; node = yaml_next(node), operation++) {
        unsigned i = 0;

        for (line = yaml_first(yaml_get(node, "lines")); line != NULL;
             line = yaml_next(line), i++) {
            if (operation->lines[i].life == RECIPE_LIFE_UNTIL &&
                !operation_known(recipes, operation->lines[i].until))
                return yaml_error(yaml_get(line, "life"), error, "there is no operation \"%s\"",
                                  operation->lines[i].until);
            if (operation->lines[i].kind == RECIPE_CACHE &&
                !cache_known(recipes, operation->lines[i].name))
                return yaml_error(yaml_get(line, "cache"), error,
                                  "there is no cache \"%s\" among the recipes' caches",
                                  operation->lines[i].name);
        }
    }
    return 0;
}

/* Room for MORE elements after NR, zeroed. */
static bool grow(void **array, size_t nr, size_t more, size_t size)
{
    char *grown = realloc(*array, (nr + more + 1) * size);

    if (grown == NULL)
        return false;
    memset(grown + nr * size, 0, (more + 1) * size);
    *array = grown;
    return true;
}

static int read_caches(struct recipes *recipes, const struct yaml_node *node, struct error *error)
{
    if (yaml_expect(node, YAML_MAP, "a map of caches", error) != 0)
        return -1;
    if (!grow((void **)&recipes->caches, recipes->nr_caches, yaml_count(node),
              sizeof(*recipes->caches)))
        return error_set(error, "not enough memory for recipes");
    for (node = yaml_first(node); node != NULL; node = yaml_next(node)) {
        /* Of two recipes that name the same cache the first one's words count. */
        if (cache_known(recipes, yaml_text(yaml_key(node))))
            continue;
        if (read_cache(node, &recipes->caches[recipes->nr_caches++], error) != 0)
            return -1;
    }
    return 0;
}

static int read_root(struct recipes *recipes, const struct yaml_node *root, struct error *error)
{
    static const char *const known[] = {"recipes", "ticks-per-second", "caches", "operations",
                                        NULL};
    const struct yaml_node *value, *operations, *node;
    const char *source;

    unsigned first;
    uint64_t ticks;
    size_t length = strlen(recipes->source);

    if (yaml_keys_check(root, known, error) != 0 ||
        yaml_need(root, "recipes", &value, error) != 0 ||
        yaml_string(value, "where they come from", &source, error) != 0 ||
        yaml_need(root, "ticks-per-second", &value, error) != 0 ||
        yaml_integer(value, 1, 1ull << 40, &ticks, error) != 0)
        return -1;
    if (recipes->ticks_per_second != 0 && recipes->ticks_per_second != ticks)
        return yaml_error(value, error,
                          "found %" PRIu64 ", expected %" PRIu64 " as the recipes before have",
                          ticks, recipes->ticks_per_second);
    recipes->ticks_per_second = ticks;
    snprintf(recipes->source + length, sizeof(recipes->source) - length, "%s%s",
             length != 0 ? ", " : "", source);
    value = yaml_get(root, "caches");
    if (value != NULL && read_caches(recipes, value, error) != 0)
        return -1;
    if (yaml_need(root, "operations", &operations, error) != 0 ||
        yaml_expect(operations, YAML_MAP, "a map of operations", error) != 0)
        return -1;
    first = recipes->nr_operations;
    if (!grow((void **)&recipes->operations, first, yaml_count(operations),
              sizeof(*recipes->operations)))
        return error_set(error, "not enough memory for recipes");
    for (node = yaml_first(operations); node != NULL; node = yaml_next(node)) {
        if (recipes_find(recipes, yaml_text(yaml_key(node))) != NULL)
            return yaml_error(yaml_key(node), error,
                              "operation %s is in the recipes before already",
                              yaml_text(yaml_key(node)));
        if (read_operation(node, &recipes->operations[recipes->nr_operations++], error) != 0)
            return -1;
    }
    return check_names(recipes, first, operations, error);
}

static int file_digest(const char *path, uint64_t *digest, struct error *error)
{
    FILE *file = fopen(path, "rb");
    XXH3_state_t *state = XXH3_createState();
    char buffer[4096];
    size_t got;
    int result = 0;

    if (file == NULL || state == NULL) {
        result = error_set(error, "%s: cannot be read", path);
    } else {
        XXH3_64bits_reset(state);
        while ((got = fread(buffer, 1, sizeof(buffer), file)) != 0)
            XXH3_64bits_update(state, buffer, got);
        *digest = XXH3_64bits_digest(state);
    }
    if (file != NULL)
        fclose(file);
    XXH3_freeState(state);
    return result;
}

int recipes_read(struct recipes *recipes, const char *path, uint64_t *digest, struct error *error)
{
    struct yaml_document *document;
    int result;

    if (yaml_open(&document, path, error) != 0)
        return -1;
    result = read_root(recipes, yaml_root(document), error);
    yaml_close(document);
    if (result == 0)
        result = file_digest(path, digest, error);
    return result;
}

/* ---- Writing ---- */

static void write_quantiles(FILE *stream, const char *key, const struct quantiles *quantiles)
{
    if (quantiles->nr == 0)
        return;
    fprintf(stream, ", %s: ", key);
    if (quantiles->nr == 1) {
        fprintf(stream, "%" PRIu64, quantiles->values[0]);
        return;
    }
    for (unsigned i = 0; i < quantiles->nr; i++)
        fprintf(stream, "%s%" PRIu64, i == 0 ? "[" : ", ", quantiles->values[i]);
    fputc(']', stream);
}

static void write_millionths(FILE *stream, const char *key, uint64_t value)
{
    char text[8];
    size_t length;

    snprintf(text, sizeof(text), "%06u", (unsigned)(value % 1000000));
    for (length = 6; length > 0 && text[length - 1] == '0'; length--)
        text[length - 1] = '\0';
    fprintf(stream, ", %s: %" PRIu64 "%s%s", key, value / 1000000, length > 0 ? "." : "", text);
}

/* Names may hold what YAML takes for its own. */
static void write_name(FILE *stream, const char *name)
{
    fputc('"', stream);
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            fputc('\\', stream);
        fputc(*name, stream);
    }
    fputc('"', stream);
}

static void write_size(FILE *stream, const char *key, const struct quantiles *size)
{
    fprintf(stream, "%s: ", key);
    for (unsigned i = 0; i < size->nr; i++)
        fprintf(stream, "%s%" PRIu64, i != 0 ? ", " : size->nr > 1 ? "[" : "", size->values[i]);
    if (size->nr > 1)
        fputc(']', stream);
}

static void write_what(FILE *stream, const struct recipe_line *line)
{
    switch (line->kind) {
    case RECIPE_KALLOC:
        write_size(stream, "kalloc", &line->size);
        break;
    case RECIPE_PAGE:
        write_size(stream, "pages", &line->size);
        fprintf(stream, ", segment: %s", segment_names[line->where]);
        break;
    case RECIPE_MAP:
        fprintf(stream, "map: %s, ", map_names[line->where]);
        write_size(stream, "size", &line->size);
        fprintf(stream, ", kind: %s", map_kind_names[line->flags]);
        break;
    case RECIPE_CACHE:
    case RECIPE_RIGHT:
    case RECIPE_SPACE:
    case RECIPE_LOOKUP:
    case RECIPE_RENAME:
    case RECIPE_REAP:
    case RECIPE_KINDS:
        fprintf(stream, "%s: ", kind_names[line->kind]);
        write_name(stream, line->name);
        break;
    }
}

static void write_line(FILE *stream, const struct recipe_line *line)
{
    fputs("      - {", stream);
    write_what(stream, line);
    if (line->task[0] != '\0') {
        fputs(", task: ", stream);
        write_name(stream, line->task);
    }
    if (line->reverse)
        fputs(", reverse: true", stream);
    if (line->by_item_size)
        fputs(", by-item-size: true", stream);
    if (line->names != 0)
        fprintf(stream, ", names: %u", line->names);
    if (line->names_reverse != 0)
        write_millionths(stream, "names-reverse", line->names_reverse);
    if (line->names_ended != 0)
        write_millionths(stream, "names-ended", line->names_ended);
    write_quantiles(stream, "names-life", &line->names_life);
    if (line->sparse != 0)
        fprintf(stream, ", sparse: %" PRIu64, line->sparse);
    if (line->kind == RECIPE_LOOKUP)
        write_millionths(stream, "old", line->old);
    write_millionths(stream, "count", line->count);
    if (line->per_phase)
        fputs(", per: phase", stream);
    write_quantiles(stream, "counts", &line->counts);
    if (line->spread != 0)
        write_millionths(stream, "spread", line->spread);
    if (line->seen != 0)
        fprintf(stream, ", seen: %" PRIu64, line->seen);
    write_quantiles(stream, "at", &line->at);
    if (line->alone != 0)
        write_millionths(stream, "alone", line->alone);
    if (line->life == RECIPE_LIFE_TIME)
        write_quantiles(stream, "life", &line->ticks);
    else if (line->life == RECIPE_LIFE_UNTIL)
        fprintf(stream, ", life: until %s", line->until);
    else if (line->life != RECIPE_LIFE_NONE)
        fprintf(stream, ", life: %s", life_names[line->life]);
    fputs("}\n", stream);
}

static void write_operation(FILE *stream, const struct recipe_operation *operation)
{
    fprintf(stream, "  %s:\n    evidence: {operations: %" PRIu64, operation->name,
            operation->operations);
    if (operation->phase[0] != '\0') {
        fputs(", phase: ", stream);
        write_name(stream, operation->phase);
    }
    if (operation->anchor[0] != '\0') {
        fputs(", anchor: ", stream);
        write_name(stream, operation->anchor);
    }
    fputs("}\n    ", stream);
    write_size(stream, "ticks", &operation->ticks);
    if (operation->gaps.nr != 0) {
        fputs("\n    ", stream);
        write_size(stream, "gaps", &operation->gaps);
        fputs("\n    ", stream);
        write_size(stream, "gaps-tail", &operation->gaps_tail);
    }
    fputc('\n', stream);
    if (operation->item_size != 0)
        fprintf(stream, "    item-size: %" PRIu64 "\n", operation->item_size);
    fputs("    lines:\n", stream);
    for (unsigned i = 0; i < operation->nr_lines; i++)
        write_line(stream, &operation->lines[i]);
}

void recipes_write(const struct recipes *recipes, FILE *stream)
{
    fputs("recipes: ", stream);
    write_name(stream, recipes->source);
    fprintf(stream, "\nticks-per-second: %" PRIu64 "\ncaches:\n", recipes->ticks_per_second);
    for (unsigned i = 0; i < recipes->nr_caches; i++) {
        fputs("  ", stream);
        write_name(stream, recipes->caches[i].name);
        fprintf(stream, ": {size: %u, align: %u, flags: %u}\n", recipes->caches[i].size,
                recipes->caches[i].align, recipes->caches[i].flags);
    }
    fputs("operations:\n", stream);
    for (unsigned i = 0; i < recipes->nr_operations; i++)
        write_operation(stream, &recipes->operations[i]);
}

/* ---- The rest ---- */

void recipes_free(struct recipes *recipes)
{
    for (unsigned i = 0; i < recipes->nr_operations; i++)
        free(recipes->operations[i].lines);
    free(recipes->operations);
    free(recipes->caches);
    memset(recipes, 0, sizeof(*recipes));
}

void recipe_task_name(const char *text, size_t size, char name[RECIPE_NAME_MAX])
{
    const char *end = memchr(text, '(', size);

    if (end == text) {
        text++;
        size--;
        end = memchr(text, '(', size);
    }
    if (end != NULL)
        size = (size_t)(end - text);
    if (size >= RECIPE_NAME_MAX)
        size = RECIPE_NAME_MAX - 1;
    memcpy(name, text, size);
    name[size] = '\0';
}

const struct recipe_operation *recipes_find(const struct recipes *recipes, const char *name)
{
    for (unsigned i = 0; i < recipes->nr_operations; i++)
        if (strcmp(recipes->operations[i].name, name) == 0)
            return &recipes->operations[i];
    return NULL;
}
