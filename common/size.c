/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "common/size.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char size_units[] = "KMGT";

/* The shift of a unit ("", "B", "K", "KB", "KiB", ...), or -1. */
static int size_unit_shift(const char *unit)
{
    const char *found;

    if (*unit == '\0' || strcmp(unit, "B") == 0)
        return 0;

    found = strchr(size_units, toupper((unsigned char)*unit));
    if (found == NULL)
        return -1;

    unit++;
    if (*unit != '\0' && strcmp(unit, "B") != 0 && strcmp(unit, "iB") != 0)
        return -1;

    return 10 * ((int)(found - size_units) + 1);
}

static int size_error_range(const char *text, struct error *error)
{
    return error_set(error, "size \"%s\" is too large: at most %" PRIu64 " bytes", text,
                     UINT64_MAX);
}

int size_parse(const char *text, uint64_t *bytes, struct error *error)
{
    const char *next = text;
    uint64_t value = 0;
    int shift;

    while (isdigit((unsigned char)*next)) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*next - '0'), &value))
            return size_error_range(text, error);
        next++;
    }

    shift = next == text ? -1 : size_unit_shift(next);
    if (shift < 0)
        return error_set(error,
                         "\"%s\" is not a size: expected a whole number with an optional unit "
                         "K, M, G or T, as in 4096, 512KiB or 64M",
                         text);
    if ((value << shift) >> shift != value)
        return size_error_range(text, error);

    *bytes = value << shift;
    return 0;
}

char *size_format(uint64_t bytes, char *buffer, size_t length)
{
    size_t unit = 0;

    while (bytes != 0 && bytes % 1024 == 0 && size_units[unit] != '\0') {
        bytes /= 1024;
        unit++;
    }

    if (unit == 0)
        snprintf(buffer, length, "%" PRIu64, bytes);
    else
        snprintf(buffer, length, "%" PRIu64 "%c", bytes, size_units[unit - 1]);
    return buffer;
}
