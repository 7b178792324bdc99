/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a node is expected to be, and what is said when it is not.
 *
 * Numbers are read as what they are counted in and never become floating point: a decimal is a
 * whole number of millionths, so that a workload means the same on every machine, to the last bit.
 */

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/size.h"
#include "workloads/yaml_private.h"

#define FOUND_MAX 48 /* bytes of a scalar that an error shows */
#define LIKE_MAX  32 /* longest key that is compared for likeness */

static const char *const unit_names[] = {
    [YAML_COUNT] = "a whole number",
    [YAML_BYTES] = "a size, such as 512, 12K or 64M",
    [YAML_TIME] = "a duration, such as 250us, 10ms or 60s",
};

/* The largest first. */
static const struct time_unit {
    const char *name;
    uint64_t nanoseconds;
} time_units[] = {{"d", 86400000000000},
                  {"h", 3600000000000},
                  {"min", 60000000000},
                  {"s", 1000000000},
                  {"ms", 1000000},
                  {"us", 1000},
                  {"ns", 1}};

/* ---- Errors ---- */

/* In parentheses: the functions, not the macros of the header that wrap them. */

static int verror(const struct yaml_node *node, struct error *error, const char *found,
                  const char *format, va_list arguments)
{
    char text[2048];

    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    return error_set(error, "%s:%u:%u: %s%s", node->source, node->line, node->column, found, text);
}

int(yaml_error)(const struct yaml_node *node, struct error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    verror(node, error, "", format, arguments);
    va_end(arguments);
    return -1;
}

char *yaml_place(const struct yaml_node *node)
{
    char *place;

    return asprintf(&place, "%s:%u:%u", node->source, node->line, node->column) < 0 ? NULL : place;
}

/* A character of UTF-8 is never cut in two. */
static int shown_length(const char *text)
{
    size_t length = strlen(text);

    if (length <= FOUND_MAX)
        return (int)length;
    length = FOUND_MAX;
    while (length > 0 && (text[length] & 0xc0) == 0x80)
        length--;
    return (int)length;
}

int(yaml_error_found)(const struct yaml_node *node, struct error *error, const char *format, ...)
{
    char shown[FOUND_MAX + 1], found[FOUND_MAX + 64];
    int length = shown_length(node->text);
    va_list arguments;

    memcpy(shown, node->text, (size_t)length);
    shown[length] = '\0';

    if (node->kind != YAML_SCALAR)
        snprintf(found, sizeof(found), "found a %s, expected ",
                 node->kind == YAML_LIST ? "list" : "map");
    else if (node->text[0] == '\0')
        snprintf(found, sizeof(found), "found nothing, expected ");
    else
        snprintf(found, sizeof(found), "found \"%s%s\", expected ", shown,
                 strlen(node->text) > FOUND_MAX ? "..." : "");
    va_start(arguments, format);
    verror(node, error, found, format, arguments);
    va_end(arguments);
    return -1;
}

/* ---- The name that was meant ---- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The number of letters to insert, remove, change or swap with a neighbour that make B of A: the
 * restricted edit distance of Damerau. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][LIKE_MAX + 1];
    unsigned n = (unsigned)strlen(b);

    for (unsigned j = 0; j <= n; j++)
        rows[0][j] = j;
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], twice[j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][n];
}

/* The name that is nearest, if that is near enough to have been meant; else NULL. */
static const char *nearest(const char *text, const char *const names[])
{
    size_t length = strlen(text);
    unsigned best = (unsigned)length / 3 + 2; /* this far is no likeness */
    const char *found = NULL;

    if (length == 0 || length > LIKE_MAX)
        return NULL;
    for (unsigned i = 0; names[i] != NULL; i++) {
        unsigned far = strlen(names[i]) > LIKE_MAX ? best : distance(text, names[i]);

        if (far < best && far < strlen(names[i])) {
            best = far;
            found = names[i];
        }
    }
    return found;
}

/* "count, size, width; did you mean "size"?" */
static void list_names(const char *text, const char *const names[], char *list, size_t size)
{
    const char *meant = nearest(text, names);
    size_t length = 0;

    list[0] = '\0';
    for (unsigned i = 0; names[i] != NULL && length < size; i++)
        length +=
            (size_t)snprintf(list + length, size - length, "%s%s", i == 0 ? "" : ", ", names[i]);
    if (meant != NULL && length < size)
        snprintf(list + length, size - length, "; did you mean \"%s\"?", meant);
}

/* ---- Kinds and keys ---- */

int yaml_expect(const struct yaml_node *node, enum yaml_kind kind, const char *what,
                struct error *error)
{
    return node->kind == kind ? 0 : yaml_error_found(node, error, "%s", what);
}

int yaml_keys_check(const struct yaml_node *map, const char *const known[], struct error *error)
{
    char list[1024];

    if (map->kind != YAML_MAP) {
        list_names("", known, list, sizeof(list));
        return yaml_error_found(map, error, "a map with keys of %s", list);
    }
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next) {
        unsigned i = 0;

        while (known[i] != NULL && strcmp(known[i], child->key->text) != 0)
            i++;
        if (known[i] != NULL)
            continue;
        list_names(child->key->text, known, list, sizeof(list));
        return yaml_error(child->key, error, "found key \"%.*s\", expected one of %s",
                          shown_length(child->key->text), child->key->text, list);
    }
    return 0;
}

int yaml_need(const struct yaml_node *map, const char *key, const struct yaml_node **value,
              struct error *error)
{
    if (map->kind != YAML_MAP)
        return yaml_error_found(map, error, "a map with key \"%s\"", key);
    *value = yaml_get(map, key);
    if (*value == NULL)
        return yaml_error(map, error, "found no key \"%s\", expected it in this map", key);
    return 0;
}

int yaml_string(const struct yaml_node *node, const char *what, const char **text,
                struct error *error)
{
    if (node->kind != YAML_SCALAR || node->text[0] == '\0')
        return yaml_error_found(node, error, "%s", what);
    *text = node->text;
    return 0;
}

int yaml_choice(const struct yaml_node *node, const char *const names[], unsigned *index,
                struct error *error)
{
    char list[1024];

    for (unsigned i = 0; names[i] != NULL && node->kind == YAML_SCALAR; i++)
        if (strcmp(names[i], node->text) == 0) {
            *index = i;
            return 0;
        }
    list_names(node->text, names, list, sizeof(list));
    return yaml_error_found(node, error, "one of %s", list);
}

int yaml_boolean(const struct yaml_node *node, bool *value, struct error *error)
{
    static const char *const names[] = {"false", "true", NULL};
    unsigned index = 0;

    if (yaml_choice(node, names, &index, error) != 0)
        return -1;
    *value = index == 1;
    return 0;
}

/* ---- Numbers ---- */

/* The digits at *NEXT, which moves behind them. False when there are none or they are too many. */
static bool read_digits(const char **next, uint64_t *value)
{
    const char *start = *next;

    *value = 0;
    while (isdigit((unsigned char)**next)) {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(**next - '0'), value))
            return false;
        (*next)++;
    }
    return *next != start;
}

static bool read_time(const char *text, uint64_t *value)
{
    const char *next = text;

    if (!read_digits(&next, value))
        return false;
    if (strcmp(text, "0") == 0)
        return true;
    for (unsigned i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++)
        if (strcmp(next, time_units[i].name) == 0)
            return !__builtin_mul_overflow(*value, time_units[i].nanoseconds, value);
    return false;
}

static bool read_quantity(const char *text, enum yaml_unit unit, uint64_t *value)
{
    const char *next = text;

    if (unit == YAML_BYTES)
        return size_parse(text, value, NULL) == 0;
    if (unit == YAML_TIME)
        return read_time(text, value);
    return read_digits(&next, value) && *next == '\0';
}

/* A bound as one would write it. */
static char *show_quantity(uint64_t value, enum yaml_unit unit, char *buffer, size_t size)
{
    unsigned i = 0;

    if (unit == YAML_BYTES)
        return size_format(value, buffer, size);
    if (unit == YAML_COUNT || value == 0) {
        snprintf(buffer, size, "%" PRIu64, value);
        return buffer;
    }
    while (value % time_units[i].nanoseconds != 0)
        i++;
    snprintf(buffer, size, "%" PRIu64 "%s", value / time_units[i].nanoseconds, time_units[i].name);
    return buffer;
}

int yaml_quantity(const struct yaml_node *node, enum yaml_unit unit, uint64_t min, uint64_t max,
                  uint64_t *value, struct error *error)
{
    char low[SIZE_TEXT_MAX], high[SIZE_TEXT_MAX];
    uint64_t read;

    if (node->kind != YAML_SCALAR || !read_quantity(node->text, unit, &read))
        return yaml_error_found(node, error, "%s", unit_names[unit]);
    if (read < min || read > max) {
        show_quantity(min, unit, low, sizeof(low));
        show_quantity(max, unit, high, sizeof(high));
        if (max == UINT64_MAX)
            return yaml_error_found(node, error, "at least %s", low);
        return yaml_error_found(node, error, "from %s to %s", low, high);
    }
    *value = read;
    return 0;
}

int yaml_integer(const struct yaml_node *node, uint64_t min, uint64_t max, uint64_t *value,
                 struct error *error)
{
    return yaml_quantity(node, YAML_COUNT, min, max, value, error);
}

/* TEXT in millionths: digits, with a fraction of at most six digits, negative or not; a % divides
 * by 100. */
static bool read_decimal(const char *text, int64_t *millionths)
{
    bool negative = *text == '-';
    const char *next = text + negative;
    uint64_t whole, unit = YAML_DECIMAL_ONE, total;
    bool percent = text[0] != '\0' && text[strlen(text) - 1] == '%';

    if (percent)
        unit /= 100;
    if (!read_digits(&next, &whole) || __builtin_mul_overflow(whole, unit, &total))
        return false;
    if (*next == '.') {
        next++;
        if (!isdigit((unsigned char)*next))
            return false;
        for (; isdigit((unsigned char)*next); next++) {
            unit /= 10;
            if ((unit == 0 && *next != '0') ||
                __builtin_add_overflow(total, (uint64_t)(*next - '0') * unit, &total))
                return false;
        }
    }
    if (strcmp(next, percent ? "%" : "") != 0 || total > INT64_MAX)
        return false;
    *millionths = negative ? -(int64_t)total : (int64_t)total;
    return true;
}

static const char *show_decimal(int64_t value, char *buffer, size_t size)
{
    uint64_t positive = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int length = snprintf(buffer, size, "%s%" PRIu64 ".%06" PRIu64, value < 0 ? "-" : "",
                          positive / YAML_DECIMAL_ONE, positive % YAML_DECIMAL_ONE);

    while (buffer[length - 1] == '0')
        buffer[--length] = '\0';
    if (buffer[length - 1] == '.')
        buffer[--length] = '\0';
    return buffer;
}

int yaml_decimal(const struct yaml_node *node, int64_t min, int64_t max, int64_t *millionths,
                 struct error *error)
{
    char low[32], high[32];
    int64_t read;

    if (node->kind != YAML_SCALAR || !read_decimal(node->text, &read))
        return yaml_error_found(node, error,
                                "a number, such as 1.5 or 33%%, with at most six "
                                "digits after the point");
    if (read < min || read > max)
        return yaml_error_found(node, error, "from %s to %s", show_decimal(min, low, sizeof(low)),
                                show_decimal(max, high, sizeof(high)));
    *millionths = read;
    return 0;
}
