/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * HTML as it is written: whatever comes from a result passes through here, so that no name can be
 * taken for markup.
 */

#ifndef REPORTS_PAGE_HTML_H
#define REPORTS_PAGE_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "reports/table.h"

#define HTML_SENTENCE 16384
#define HTML_FIELD    48 /* bytes that a number or size takes at most, in UTF-8 */

/* Writes TEXT as content or as the value of an attribute. Characters that HTML does not allow are
 * written as the replacement character. */
void html_text(FILE *stream, const char *text);
/* The same of a text that is made, of at most HTML_SENTENCE bytes; what is longer is cut. */
void html_sentence(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As html_text() of a text of LENGTH bytes. */
void html_bytes(FILE *stream, const char *text, size_t length);

/* The number with its digits in groups of three, "126 444"; the space does not break lines. */
const char *html_number(int64_t value, char field[HTML_FIELD]);
/* Bytes in the largest unit of 1024 that leaves a whole part, "26.7 MiB". */
const char *html_size(int64_t bytes, char field[HTML_FIELD]);
/* Nanoseconds with three digits and the unit that suits, "64.1 ms". */
const char *html_time(double ns, char field[HTML_FIELD]);

/* ---- Tables ---- */

/* What of a table is shown, and how. */
struct html_table {
    const struct table *table;
    const char *id;      /* differs from all others of the page */
    const char *caption; /* so does this: it is the table's name for who cannot see it */
    unsigned skip;       /* columns left out at the left: the table's place tells what they hold */
    unsigned names;      /* the column that names the rows */
    bool (*keep)(const struct table *table, unsigned row); /* rows; NULL: all */
};

/* Writes a table that can be scrolled to its sides when it is wider than the page. Columns with
 * nothing in them are left out. -1 with the error set when memory is short. */
int html_table(FILE *stream, const struct html_table *shown, struct error *error);

#endif
