/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * jansson indents everything or nothing. A record holds columns of numbers, which want one line
 * each, and objects, which want one line a member, so that a comparison of two records as text
 * shows what differs and no more.
 */

#include "replay/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS (JSON_SORT_KEYS | JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY)

static int write_value(FILE *stream, const json_t *value, int depth);

/* An array of scalars, or of arrays of them. */
static bool is_flat(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);

        if (json_is_object(element) || (json_is_array(element) && !is_flat(element)))
            return false;
    }

    return true;
}

static int new_line(FILE *stream, int depth)
{
    return fprintf(stream, "\n%*s", 2 * depth, "") < 0 ? -1 : 0;
}

static int write_array(FILE *stream, const json_t *array, int depth)
{
    fputc('[', stream);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i != 0)
            fputc(',', stream);
        if (new_line(stream, depth + 1) != 0 ||
            write_value(stream, json_array_get(array, i), depth + 1) != 0)
            return -1;
    }

    new_line(stream, depth);
    return fputc(']', stream) == EOF ? -1 : 0;
}

static int compare_keys(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

static int write_members(FILE *stream, const json_t *object, const char **keys, size_t nr,
                         int depth)
{
    for (size_t i = 0; i < nr; i++) {
        if (i != 0)
            fputc(',', stream);
        if (new_line(stream, depth + 1) != 0 || fprintf(stream, "\"%s\": ", keys[i]) < 0 ||
            write_value(stream, json_object_get(object, keys[i]), depth + 1) != 0)
            return -1;
    }

    new_line(stream, depth);
    return fputc('}', stream) == EOF ? -1 : 0;
}

/* Keys are names of this project's and of kernel maps: none needs to be escaped. */
static int write_object(FILE *stream, const json_t *object, int depth)
{
    size_t nr = json_object_size(object), i = 0;
    const char **keys = calloc(nr + 1, sizeof(*keys));
    const char *key;
    json_t *value;

    if (keys == NULL)
        return -1;

    json_object_foreach((json_t *)object, key, value) keys[i++] = key;
    qsort(keys, nr, sizeof(*keys), compare_keys);
    fputc('{', stream);

    int status = write_members(stream, object, keys, nr, depth);

    free(keys);
    return status;
}

static int write_value(FILE *stream, const json_t *value, int depth)
{
    if (json_is_object(value) && json_object_size(value) != 0)
        return write_object(stream, value, depth);
    if (json_is_array(value) && !is_flat(value))
        return write_array(stream, value, depth);

    return json_dumpf(value, stream, FLAGS);
}

int json_write(FILE *stream, const json_t *value)
{
    return write_value(stream, value, 0);
}
