/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * JSON values are built with errors put off: jansson's own are of one kind, no memory, so they are
 * counted in *FAILED and looked at once. All numbers are integers.
 */

#ifndef REPLAY_JSON_H
#define REPLAY_JSON_H

#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>

static inline void json_put(json_t *object, const char *key, json_t *value, int *failed)
{
    *failed |= json_object_set_new(object, key, value);
}

static inline void json_put_number(json_t *object, const char *key, uint64_t value, int *failed)
{
    json_put(object, key, json_integer((json_int_t)value), failed);
}

/* What a kernel prints need not be UTF-8. */
static inline json_t *json_text(const char *text)
{
    json_t *value = json_string(text);

    return value != NULL ? value : json_string("(not UTF-8)");
}

static inline void json_put_text(json_t *object, const char *key, const char *text, int *failed)
{
    json_put(object, key, json_text(text), failed);
}

static inline void json_put_hex(json_t *object, const char *key, uint64_t value, int *failed)
{
    json_put(object, key, json_sprintf("%016" PRIx64, value), failed);
}

static inline void json_push(json_t *array, json_t *value, int *failed)
{
    *failed |= json_array_append_new(array, value);
}

#endif
