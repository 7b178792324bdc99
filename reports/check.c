/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fields of documents, checked against tables.
 *
 * A table of what there must be is read with a page of documentation beside it. The code that walks
 * it is the same for every document, and says of each fault where it is, what was expected and what
 * was found.
 */

#include <stdio.h>
#include <string.h>

#include "reports/load.h"

#define PLACE_MAX 512

struct walk {
    const char *name; /* of the document */
    const struct report_rule *rule;
    size_t rows;
    char place[PLACE_MAX]; /* of what is looked at: exact.failures[2].cause */
    struct error *error;
};

static const char *const type_names[] = {
    [REPORT_OBJECT] = "an object",
    [REPORT_ARRAY] = "an array",
    [REPORT_INTEGER] = "an integer",
    [REPORT_INTEGERS] = "an array of integers",
    [REPORT_NUMBER] = "a number",
    [REPORT_NUMBERS] = "an array of numbers",
    [REPORT_TEXT] = "a text",
    [REPORT_TEXTS] = "an array of texts",
    [REPORT_BOOLEAN] = "true or false",
    [REPORT_BUCKETS] = "an array of pairs of numbers",
    [REPORT_PAIRS] = "an array of pairs of texts",
    [REPORT_COLUMN] = "an array of integers",
    [REPORT_COLUMNS] = "an array of arrays of integers",
    [REPORT_ROWS] = "an array of texts",
};

/* Of the elements of an array. */
static const char *const element_names[] = {
    [REPORT_INTEGERS] = "an integer",
    [REPORT_TEXTS] = "a text",
    [REPORT_BUCKETS] = "a pair of numbers",
    [REPORT_PAIRS] = "a pair of texts",
    [REPORT_COLUMN] = "an integer",
    [REPORT_ROWS] = "a text",
    [REPORT_COLUMNS] = "an array of integers",
};

static const char *found_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a fraction";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

static bool is_pair(const json_t *json, enum report_type type)
{
    if (!json_is_array(json) || json_array_size(json) != 2)
        return false;

    for (size_t i = 0; i < 2; i++) {
        const json_t *element = json_array_get(json, i);

        if (type == REPORT_PAIRS ? !json_is_string(element) : !json_is_number(element))
            return false;
    }

    return true;
}

static bool element_fits(const json_t *json, enum report_type type)
{
    switch (type) {
    case REPORT_INTEGERS:
    case REPORT_COLUMN:
        return json_is_integer(json);
    case REPORT_NUMBERS:
        return json_is_number(json);
    case REPORT_TEXTS:
    case REPORT_ROWS:
        return json_is_string(json);
    case REPORT_BUCKETS:
    case REPORT_PAIRS:
        return is_pair(json, type);
    case REPORT_COLUMNS:
        return json_is_array(json);
    default:
        return true;
    }
}

static bool fits(const json_t *json, enum report_type type)
{
    switch (type) {
    case REPORT_OBJECT:
        return json_is_object(json);
    case REPORT_INTEGER:
        return json_is_integer(json);
    case REPORT_NUMBER:
        return json_is_number(json);
    case REPORT_TEXT:
        return json_is_string(json);
    case REPORT_BOOLEAN:
        return json_is_boolean(json);
    default:
        return json_is_array(json);
    }
}

/* Adds to the place and returns its former length, to which place_cut() takes it back. */
static size_t place_add(struct walk *walk, const char *text, int length)
{
    size_t former = strlen(walk->place);

    snprintf(walk->place + former, sizeof(walk->place) - former, "%s%.*s",
             former != 0 && text[0] != '[' ? "." : "", length, text);
    return former;
}

static size_t place_add_index(struct walk *walk, size_t index)
{
    char text[32];

    snprintf(text, sizeof(text), "[%zu]", index);
    return place_add(walk, text, (int)strlen(text));
}

static void place_cut(struct walk *walk, size_t former)
{
    walk->place[former] = '\0';
}

static int wrong_type(struct walk *walk, const json_t *json, const char *expected)
{
    return error_set(walk->error, "%s: %s is %s, expected %s", walk->name, walk->place,
                     found_name(json), expected);
}

static int check_elements(struct walk *walk, const json_t *array, enum report_type type)
{
    size_t i;
    const json_t *element;

    if ((type == REPORT_COLUMN || type == REPORT_ROWS) && json_array_size(array) != walk->rows)
        return error_set(walk->error, "%s: %s has %zu elements, expected %zu as there are samples",
                         walk->name, walk->place, json_array_size(array), walk->rows);

    /* The place of an element is made when it is needed: there are millions. */
    json_array_foreach(array, i, element)
    {
        size_t former = strlen(walk->place);

        if (!element_fits(element, type)) {
            place_add_index(walk, i);
            return wrong_type(walk, element, element_names[type]);
        }
        if (type != REPORT_COLUMNS)
            continue;
        place_add_index(walk, i);
        if (check_elements(walk, element, REPORT_COLUMN) != 0)
            return -1;
        place_cut(walk, former);
    }

    return 0;
}

static int check_value(struct walk *walk, const json_t *json)
{
    enum report_type type = walk->rule->type;

    if (!fits(json, type))
        return wrong_type(walk, json, type_names[type]);

    return json_is_array(json) ? check_elements(walk, json, type) : 0;
}

static int check_field(struct walk *walk, const json_t *parent, const char *name, size_t length,
                       bool optional)
{
    const json_t *json = json_object_getn(parent, name, length);
    size_t former = place_add(walk, name, (int)length);

    if (json == NULL && !optional)
        return error_set(walk->error, "%s: %s is missing", walk->name, walk->place);
    if (json != NULL && check_value(walk, json) != 0)
        return -1;

    place_cut(walk, former);
    return 0;
}

static int check_every_field(struct walk *walk, const json_t *parent)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)parent, key, value)
    {
        size_t former = place_add(walk, key, (int)strlen(key));

        if (check_value(walk, value) != 0)
            return -1;
        place_cut(walk, former);
    }

    return 0;
}

/* All fields of the rule, in one of the objects that its parent stands for. */
static int check_fields(struct walk *walk, const json_t *parent)
{
    const char *name = walk->rule->names;

    if (!json_is_object(parent))
        return wrong_type(walk, parent, type_names[REPORT_OBJECT]);
    if (strcmp(name, "*") == 0)
        return check_every_field(walk, parent);

    while (*name != '\0') {
        size_t length = strcspn(name, " ");
        bool optional = name[length - 1] == '?';

        if (check_field(walk, parent, name, length - optional, optional) != 0)
            return -1;
        name += length + strspn(name + length, " ");
    }

    return 0;
}

/* ---- Walking ---- */

static int check_below(struct walk *walk, json_t *json, const char *path);

static int check_each_key(struct walk *walk, json_t *object, bool objects_only, const char *rest)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return wrong_type(walk, object, type_names[REPORT_OBJECT]);

    json_object_foreach(object, key, value)
    {
        if (objects_only && json_is_integer(value))
            continue;

        size_t former = place_add(walk, key, (int)strlen(key));

        if (check_below(walk, value, rest) != 0)
            return -1;
        place_cut(walk, former);
    }

    return 0;
}

static int check_each_element(struct walk *walk, json_t *array, const char *rest)
{
    size_t i;
    json_t *value;

    if (!json_is_array(array))
        return wrong_type(walk, array, type_names[REPORT_ARRAY]);

    json_array_foreach(array, i, value)
    {
        size_t former = place_add_index(walk, i);

        if (check_below(walk, value, rest) != 0)
            return -1;
        place_cut(walk, former);
    }

    return 0;
}

/* PATH is what is left of the rule's parent, below JSON. Its depth is that of the rules, which is
 * small. */
static int check_below(struct walk *walk, json_t *json,
                       const char *path) // NOLINT(misc-no-recursion)
{
    if (*path == '\0')
        return check_fields(walk, json);
    if (*path == '.')
        path++;
    if (*path == '*' || *path == '+')
        return check_each_key(walk, json, *path == '+', path + 1);
    if (*path == '[')
        return check_each_element(walk, json, path + 2);

    size_t length = strcspn(path, ".[");
    json_t *child = json_object_getn(json, path, length);

    if (child == NULL)
        return 0;

    size_t former = place_add(walk, path, (int)length);
    int status = check_below(walk, child, path + length);

    if (status == 0)
        place_cut(walk, former);
    return status;
}

int report_check(json_t *json, const char *name, const struct report_rule *rules, unsigned nr,
                 size_t rows, struct error *error)
{
    struct walk walk = {.name = name, .rows = rows, .error = error};

    if (!json_is_object(json))
        return error_set(error, "%s: it is %s, expected an object", name, found_name(json));

    for (unsigned i = 0; i < nr; i++) {
        walk.rule = &rules[i];
        if (check_below(&walk, json, rules[i].parent) != 0)
            return -1;
    }

    return 0;
}
