/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tree is built from the events of libyaml and not from its documents: only so a node can be
 * refused at the moment that it is met, before an alias is followed or a limit passed.
 *
 * A stack of open lists and maps replaces recursion, both here and when a tree is freed, which goes
 * along one chain of all nodes. So the depth of a file costs nothing, and is limited only because
 * nobody writes that.
 *
 * Aliases are refused whatever they stand for. They save some typing in a language for people, and
 * are the one way in which a file of a kilobyte becomes a tree of a gigabyte.
 */

#include "workloads/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "workloads/yaml_private.h"

struct yaml_source {
    struct yaml_source *next;
    char name[];
};

struct yaml_document {
    struct yaml_node *root;
    struct yaml_node *nodes; /* all of them, for freeing */
    struct yaml_source *sources;
    size_t nr_nodes;
};

struct builder {
    struct yaml_document *document;
    yaml_parser_t parser;
    const char *source;
    const char *text;
    size_t length;
    uint32_t column; /* where the text begins in what errors show: 0, but for an assignment */
    struct yaml_node *root;
    unsigned depth;
    struct yaml_node *open[YAML_DEPTH_MAX];
    struct yaml_node *key[YAML_DEPTH_MAX]; /* of the innermost map: waits for its value */
};

/* ---- Nodes ---- */

static const char *source_add(struct yaml_document *document, const char *name)
{
    size_t length = strlen(name);
    struct yaml_source *source = malloc(sizeof(*source) + length + 1);

    if (source == NULL)
        return NULL;
    memcpy(source->name, name, length + 1);
    source->next = document->sources;
    document->sources = source;
    return source->name;
}

static struct yaml_document *document_create(void)
{
    return calloc(1, sizeof(struct yaml_document));
}

void yaml_close(struct yaml_document *document)
{
    if (document == NULL)
        return;
    while (document->nodes != NULL) {
        struct yaml_node *node = document->nodes;

        document->nodes = node->all;
        free(node);
    }
    while (document->sources != NULL) {
        struct yaml_source *source = document->sources;

        document->sources = source->next;
        free(source);
    }
    free(document);
}

static int fail_at(const struct builder *builder, const yaml_mark_t *mark, const char *text,
                   struct error *error)
{
    return error_set(error, "%s:%zu:%zu: %s", builder->source, mark->line + 1,
                     mark->column + builder->column + 1, text);
}

static struct yaml_node *node_create(struct builder *builder, const yaml_mark_t *mark,
                                     enum yaml_kind kind, const char *text, size_t length,
                                     struct error *error)
{
    struct yaml_document *document = builder->document;
    struct yaml_node *node;

    if (document->nr_nodes == YAML_NODES_MAX) {
        error_set(error, "%s:%zu: found more than %u values, which is the limit", builder->source,
                  mark->line + 1, YAML_NODES_MAX);
        return NULL;
    }
    node = calloc(1, sizeof(*node) + length + 1);
    if (node == NULL) {
        error_set(error, "%s: not enough memory", builder->source);
        return NULL;
    }
    node->kind = kind;
    node->source = builder->source;
    node->line = (uint32_t)mark->line + 1;
    node->column = (uint32_t)mark->column + builder->column + 1;
    memcpy(node->text, text, length);
    node->all = document->nodes;
    document->nodes = node;
    document->nr_nodes++;
    return node;
}

static void append(struct yaml_node *parent, struct yaml_node *child)
{
    if (parent->last == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    parent->count++;
}

/* ---- Building ---- */

/* A new node takes its place: as the root, an item, a key or a value. */
static int place(struct builder *builder, struct yaml_node *node, struct error *error)
{
    struct yaml_node *parent, **key;

    if (builder->depth == 0) {
        builder->root = node;
        return 0;
    }
    parent = builder->open[builder->depth - 1];
    key = &builder->key[builder->depth - 1];
    if (parent->kind == YAML_MAP && *key == NULL) {
        if (node->kind != YAML_SCALAR)
            return yaml_error_found(node, error, "a key");
        *key = node;
        return 0;
    }
    if (parent->kind == YAML_MAP) {
        node->key = *key;
        *key = NULL;
    }
    append(parent, node);
    return 0;
}

static int build_scalar(struct builder *builder, const yaml_event_t *event, struct error *error)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    struct yaml_node *node;

    if (memchr(text, '\0', length) != NULL)
        return fail_at(builder, &event->start_mark, "found a NUL character, expected text", error);
    node = node_create(builder, &event->start_mark, YAML_SCALAR, text, length, error);
    return node == NULL ? -1 : place(builder, node, error);
}

static int build_open(struct builder *builder, const yaml_event_t *event, enum yaml_kind kind,
                      struct error *error)
{
    struct yaml_node *node;

    if (builder->depth == YAML_DEPTH_MAX)
        return error_set(error,
                         "%s:%zu:%zu: found lists and maps nested deeper than %u, expected a few",
                         builder->source, event->start_mark.line + 1,
                         event->start_mark.column + builder->column + 1, YAML_DEPTH_MAX);
    node = node_create(builder, &event->start_mark, kind, "", 0, error);
    if (node == NULL || place(builder, node, error) != 0)
        return -1;
    builder->open[builder->depth] = node;
    builder->key[builder->depth] = NULL;
    builder->depth++;
    return 0;
}

/* By text, then by place. */
static int compare_keys(const void *a, const void *b)
{
    const struct yaml_node *x = *(const struct yaml_node *const *)a;
    const struct yaml_node *y = *(const struct yaml_node *const *)b;
    int order = strcmp(x->text, y->text);

    if (order == 0)
        order = (x->line > y->line) - (x->line < y->line);
    return order == 0 ? (x->column > y->column) - (x->column < y->column) : order;
}

static int check_twice(const struct yaml_node *map, struct error *error)
{
    const struct yaml_node **keys;
    size_t n = 0;
    int result = 0;

    if (map->count < 2)
        return 0;
    keys = malloc(map->count * sizeof(struct yaml_node *));
    if (keys == NULL)
        return error_set(error, "%s: not enough memory", map->source);
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next)
        keys[n++] = child->key;
    qsort(keys, n, sizeof(struct yaml_node *), compare_keys);
    for (size_t i = 1; i < n && result == 0; i++)
        if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
            result = yaml_error(keys[i], error,
                                "found key \"%s\" a second time, expected it once; first in line "
                                "%u",
                                keys[i]->text, keys[i - 1]->line);
    free(keys);
    return result;
}

static int build_close(struct builder *builder, struct error *error)
{
    const struct yaml_node *node = builder->open[--builder->depth];

    return node->kind == YAML_MAP ? check_twice(node, error) : 0;
}

/* Anchors and tags, of any kind of node. */
static int check_plain(const struct builder *builder, const yaml_event_t *event,
                       const yaml_char_t *anchor, const yaml_char_t *tag, struct error *error)
{
    if (anchor != NULL)
        return fail_at(builder, &event->start_mark,
                       "found an anchor, expected a value: there are no anchors and aliases here",
                       error);
    if (tag != NULL)
        return fail_at(builder, &event->start_mark,
                       "found a tag, expected a value: there are no tags here", error);
    return 0;
}

static int build_event(struct builder *builder, const yaml_event_t *event, struct error *error)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (builder->root != NULL)
            return fail_at(builder, &event->start_mark,
                           "found a second document, expected the end of the file", error);
        return 0;
    case YAML_ALIAS_EVENT:
        return fail_at(builder, &event->start_mark,
                       "found an alias, expected a value: there are no anchors and aliases here",
                       error);
    case YAML_SCALAR_EVENT:
        if (check_plain(builder, event, event->data.scalar.anchor, event->data.scalar.tag, error) !=
            0)
            return -1;
        return build_scalar(builder, event, error);
    case YAML_SEQUENCE_START_EVENT:
        if (check_plain(builder, event, event->data.sequence_start.anchor,
                        event->data.sequence_start.tag, error) != 0)
            return -1;
        return build_open(builder, event, YAML_LIST, error);
    case YAML_MAPPING_START_EVENT:
        if (check_plain(builder, event, event->data.mapping_start.anchor,
                        event->data.mapping_start.tag, error) != 0)
            return -1;
        return build_open(builder, event, YAML_MAP, error);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return build_close(builder, error);
    default:
        return 0;
    }
}

/* ---- What libyaml refuses ---- */

/* Its reader knows the offset of a bad byte only. */
static int fail_reader(const struct builder *builder, struct error *error)
{
    size_t end = builder->parser.problem_offset, line = 1, column = 1 + builder->column;

    for (size_t i = 0; i < end && i < builder->length; i++) {
        if (builder->text[i] == '\n') {
            line++;
            column = 1;
        } else if ((builder->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return error_set(error, "%s:%zu:%zu: found byte 0x%02x, expected text in UTF-8 (%s)",
                     builder->source, line, column,
                     end < builder->length ? (unsigned char)builder->text[end] : 0,
                     builder->parser.problem);
}

static int fail_parser(const struct builder *builder, struct error *error)
{
    const yaml_parser_t *parser = &builder->parser;

    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(error, "%s: not enough memory", builder->source);
    if (parser->error == YAML_READER_ERROR)
        return fail_reader(builder, error);
    if (parser->context == NULL)
        return error_set(error, "%s:%zu:%zu: expected YAML: %s", builder->source,
                         parser->problem_mark.line + 1,
                         parser->problem_mark.column + builder->column + 1, parser->problem);
    return error_set(error, "%s:%zu:%zu: expected YAML: %s %s, which began in line %zu",
                     builder->source, parser->problem_mark.line + 1,
                     parser->problem_mark.column + builder->column + 1, parser->problem,
                     parser->context, parser->context_mark.line + 1);
}

static int build_events(struct builder *builder, struct error *error)
{
    yaml_event_type_t type;

    do {
        yaml_event_t event;
        int result;

        if (!yaml_parser_parse(&builder->parser, &event))
            return fail_parser(builder, error);
        type = event.type;
        result = build_event(builder, &event, error);
        yaml_event_delete(&event);
        if (result != 0)
            return -1;
    } while (type != YAML_STREAM_END_EVENT);

    if (builder->root == NULL)
        return error_set(error, "%s:1:1: found nothing, expected a value", builder->source);
    return 0;
}

/* The tree of a text, as part of DOCUMENT; NULL with the error set. */
static struct yaml_node *build(struct yaml_document *document, const char *text, size_t length,
                               const char *name, uint32_t column, struct error *error)
{
    struct builder builder = {
        .document = document, .text = text, .length = length, .column = column};
    int result;

    builder.source = source_add(document, name);
    if (builder.source == NULL || !yaml_parser_initialize(&builder.parser)) {
        error_set(error, "%s: not enough memory", name);
        return NULL;
    }
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, length);
    result = build_events(&builder, error);
    yaml_parser_delete(&builder.parser);
    return result == 0 ? builder.root : NULL;
}

int yaml_parse(struct yaml_document **document, const char *text, size_t length, const char *name,
               struct error *error)
{
    struct yaml_document *made = document_create();

    *document = NULL;
    if (made == NULL)
        return error_set(error, "%s: not enough memory", name);
    made->root = build(made, text, length, name, 0, error);
    if (made->root == NULL) {
        yaml_close(made);
        return -1;
    }
    *document = made;
    return 0;
}

/* ---- Files ---- */

/* All of STREAM, to be freed; NULL with the error set. */
static char *read_all(FILE *stream, const char *name, size_t *length, struct error *error)
{
    size_t capacity = 0, n = 0, got;
    char *text = NULL;

    do {
        if (n == capacity) {
            size_t larger = capacity == 0 ? 16384 : 2 * capacity;
            char *moved = realloc(text, larger);

            if (moved == NULL) {
                error_set(error, "%s: not enough memory", name);
                break;
            }
            text = moved;
            capacity = larger;
        }
        got = fread(text + n, 1, capacity - n, stream);
        n += got;
        if (n > YAML_BYTES_MAX) {
            error_set(error, "%s: found more than %u bytes, which is the limit", name,
                      YAML_BYTES_MAX);
            break;
        }
        if (got == 0 && ferror(stream)) {
            error_set(error, "%s: cannot read: %s", name, strerror(errno));
            break;
        }
        if (got == 0) {
            *length = n;
            return text;
        }
    } while (true);

    free(text);
    return NULL;
}

int yaml_open(struct yaml_document **document, const char *path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *stream = standard ? stdin : fopen(path, "re");
    size_t length = 0;
    char *text;
    int result;

    *document = NULL;
    if (stream == NULL)
        return error_set(error, "%s: cannot open: %s", path, strerror(errno));
    text = read_all(stream, name, &length, error);
    if (!standard)
        fclose(stream);
    if (text == NULL)
        return -1;
    result = yaml_parse(document, text, length, name, error);
    free(text);
    return result;
}

/* ---- Assignments ---- */

/* The child that the LENGTH characters of KEY name; NULL when there is none. */
static struct yaml_node *child_find(const struct yaml_node *parent, const char *key, size_t length)
{
    uint64_t wanted = length == 0 ? YAML_NODES_MAX : 0, at = 0;

    for (size_t i = 0; i < length; i++)
        wanted = key[i] >= '0' && key[i] <= '9' && wanted < YAML_NODES_MAX
                     ? wanted * 10 + (uint64_t)(key[i] - '0')
                     : YAML_NODES_MAX;
    for (struct yaml_node *child = parent->first; child != NULL; child = child->next, at++) {
        if (parent->kind == YAML_LIST
                ? at == wanted
                : strncmp(child->key->text, key, length) == 0 && child->key->text[length] == '\0')
            return child;
    }
    return NULL;
}

/* VALUE takes the place of OLD. */
static void replace(struct yaml_node *parent, const struct yaml_node *old, struct yaml_node *value)
{
    struct yaml_node *before = parent->first;

    value->key = old->key;
    value->next = old->next;
    if (before == old) {
        parent->first = value;
    } else {
        while (before->next != old)
            before = before->next;
        before->next = value;
    }
    if (parent->last == old)
        parent->last = value;
}

static int assign(struct yaml_document *document, struct yaml_node *parent, const char *assignment,
                  const char *key, size_t length, struct error *error)
{
    struct yaml_node *old = child_find(parent, key, length), *value, *name;
    const char *text = key + length + 1;
    struct builder builder = {.document = document, .column = (uint32_t)(key - assignment)};
    const yaml_mark_t start = {0, 0, 0};

    if (old == NULL && parent->kind != YAML_MAP)
        return error_set(error, "%s:1:%zu: found \"%.*s\", expected %s", assignment,
                         (size_t)(key - assignment) + 1, (int)length, key,
                         parent->kind == YAML_LIST ? "the number of an item of a list, from 0"
                                                   : "nothing, for what stands here is no map");
    value = build(document, text, strlen(text), assignment, (uint32_t)(text - assignment), error);
    if (value == NULL)
        return -1;
    if (old != NULL) {
        replace(parent, old, value);
        return 0;
    }
    builder.source = value->source;
    name = node_create(&builder, &start, YAML_SCALAR, key, length, error);
    if (name == NULL)
        return -1;
    value->key = name;
    append(parent, value);
    return 0;
}

int yaml_set(struct yaml_document *document, const char *assignment, struct error *error)
{
    const char *end = strchr(assignment, '='), *key = assignment;
    struct yaml_node *node = document->root;

    if (end == NULL || end == assignment)
        return error_set(error, "found \"%s\", expected KEY.KEY...=VALUE", assignment);
    while (true) {
        size_t length = strcspn(key, ".=");

        if (key + length == end)
            return assign(document, node, assignment, key, length, error);
        node = child_find(node, key, length);
        if (node == NULL)
            return error_set(error, "%s:1:%zu: found \"%.*s\", expected a key that is there",
                             assignment, (size_t)(key - assignment) + 1, (int)length, key);
        key += length + 1;
    }
}

/* ---- The tree ---- */

const struct yaml_node *yaml_root(const struct yaml_document *document)
{
    return document->root;
}

enum yaml_kind yaml_kind(const struct yaml_node *node)
{
    return node->kind;
}

const struct yaml_node *yaml_first(const struct yaml_node *node)
{
    return node->first;
}

const struct yaml_node *yaml_next(const struct yaml_node *node)
{
    return node->next;
}

size_t yaml_count(const struct yaml_node *node)
{
    return node->count;
}

const struct yaml_node *yaml_key(const struct yaml_node *value)
{
    return value->key;
}

const char *yaml_text(const struct yaml_node *node)
{
    return node->text;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    return map->kind == YAML_MAP ? child_find(map, key, strlen(key)) : NULL;
}
