/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Errors are values.
 *
 * A library function that can fail takes a `struct error *` last, fills it and returns a negative
 * number (or NULL). It never prints and never exits; only allotrope.c and the commands print. The
 * text is one sentence that names the file, the place in it, what was found and what was expected,
 * and, where there is something to do, what to do next.
 */

#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdarg.h>

#define ERROR_TEXT_MAX 8192 /* the longest path and what is said of it */

struct error {
    char text[ERROR_TEXT_MAX]; /* one sentence, no final newline; "" when there is no error */
};

/* Sets the text and returns -1, so that `return error_set(...)` is the usual way out. ERROR may be
 * NULL. A text that does not fit is cut. Control characters, which names of files and what stands
 * in them may have, are escaped (\n, \033): it is one line, and safe to show on a terminal. */
int error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a prefix before the text that is already there, for example the file's name; returns -1. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* That it is always -1 can be seen where they are called: compilers and analysers then know that
 * nothing follows an error. */
static inline int error_result(int result)
{
    (void)result;
    return -1;
}

#define error_set(...)    error_result(error_set(__VA_ARGS__))
#define error_prefix(...) error_result(error_prefix(__VA_ARGS__))

#endif
