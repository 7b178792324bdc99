/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "common/error.h"

#include <stdio.h>
#include <string.h>

/* In parentheses: the functions, not the macros of the header that wrap them. */

int(error_set)(struct error *error, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return -1;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return -1;
}

int(error_prefix)(struct error *error, const char *format, ...)
{
    char prefix[ERROR_TEXT_MAX];
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    if (error == NULL)
        return -1;

    va_start(arguments, format);
    vsnprintf(prefix, sizeof(prefix), format, arguments);
    va_end(arguments);

    memcpy(text, error->text, sizeof(text));
    if (snprintf(error->text, sizeof(error->text), "%s%s", prefix, text) < 0)
        error->text[0] = '\0';
    return -1;
}
