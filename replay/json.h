/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the parts of a result record share: members and elements for jansson, whose own errors are
 * of one kind, no memory. They are counted in *FAILED and looked at once, at the end.
 */

#ifndef REPLAY_JSON_H
#define REPLAY_JSON_H

#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

static inline void json_put(json_t *object, const char *key, json_t *value, int *failed)
{
    *failed |= json_object_set_new(object, key, value);
}

static inline void json_put_number(json_t *object, const char *key, uint64_t value, int *failed)
{
    json_put(object, key, json_integer((json_int_t)value), failed);
}

/* Of what is measured, never of what is exact. */
static inline void json_put_real(json_t *object, const char *key, double value, int *failed)
{
    json_put(object, key, json_real(value), failed);
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

/* Writes a value for people to read and compare: a member on a line, keys in order, but arrays of
 * scalars and of pairs on one line, since they have thousands of elements. -1 when the stream fails
 * or memory is short. */
int json_write(FILE *stream, const json_t *value);

#endif
