/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "common/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The length of the escape sequence of C, which is put to TO. */
static size_t escape(char c, char to[4])
{
    static const char letters[] = "abtnvfr"; /* from 7 on */
    unsigned char code = (unsigned char)c;

    to[0] = '\\';
    if (code >= 7 && code <= 13) {
        to[1] = letters[code - 7];
        return 2;
    }
    to[1] = (char)('0' + (code >> 6));
    to[2] = (char)('0' + (code >> 3 & 7));
    to[3] = (char)('0' + (code & 7));
    return 4;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static void escape_controls(char *text)
{
    char copy[ERROR_TEXT_MAX];
    size_t length = 0;

    for (const char *c = text; *c != '\0'; c++) {
        char sequence[4] = {*c};
        size_t size = is_control(*c) ? escape(*c, sequence) : 1;

        if (length + size >= sizeof(copy))
            break;
        memcpy(copy + length, sequence, size);
        length += size;
    }
    memcpy(text, copy, length);
    text[length] = '\0';
}

static void escape_text(char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (is_control(*c)) {
            escape_controls(text);
            return;
        }
}

/* In parentheses: the functions, not the macros of the header that wrap them. */

int(error_set)(struct error *error, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return -1;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    escape_text(error->text);
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
    escape_text(error->text);
    return -1;
}
