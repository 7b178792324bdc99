/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results hold names that somebody chose: of traces, caches, marks. They reach the page through
 * html_text() alone. Alignment is by the class of a column's cells, and most cells are numbers, so
 * those have no class. The end tags of cells, which HTML lets be left out, would be a tenth of the
 * page, and are left out.
 */

#include "reports/page_html.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void put(FILE *stream, unsigned char c)
{
    switch (c) {
    case '&':
        fputs("&amp;", stream);
        break;
    case '<':
        fputs("&lt;", stream);
        break;
    case '>':
        fputs("&gt;", stream);
        break;
    case '"':
        fputs("&quot;", stream);
        break;
    default:
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            fputs("\xef\xbf\xbd", stream);
        else
            fputc(c, stream);
    }
}

void html_bytes(FILE *stream, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(stream, (unsigned char)text[i]);
}

void html_text(FILE *stream, const char *text)
{
    html_bytes(stream, text, strlen(text));
}

void html_sentence(FILE *stream, const char *format, ...)
{
    char text[HTML_SENTENCE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    html_text(stream, text);
}

/* ---- Numbers ---- */

#define NARROW_SPACE "\xe2\x80\xaf" /* U+202F, which does not break */
#define WIDE_SPACE   "\xc2\xa0"     /* U+00A0, between a number and its unit */

const char *html_number(int64_t value, char field[HTML_FIELD])
{
    char digits[24];
    size_t length, at = 0;
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;

    length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, size);
    if (value < 0)
        field[at++] = '-';
    for (size_t i = 0; i < length; i++) {
        /* Four digits are read at a glance. */
        if (i != 0 && (length - i) % 3 == 0 && length > 4) {
            memcpy(field + at, NARROW_SPACE, strlen(NARROW_SPACE));
            at += strlen(NARROW_SPACE);
        }
        field[at++] = digits[i];
    }

    field[at] = '\0';
    return field;
}

const char *html_size(int64_t bytes, char field[HTML_FIELD])
{
    static const char units[] = "KMGT";
    double value = (double)bytes;
    int unit = -1;

    while (fabs(value) >= 1024 && unit < 3) {
        value /= 1024;
        unit++;
    }

    if (unit < 0)
        snprintf(field, HTML_FIELD, "%" PRId64 WIDE_SPACE "B", bytes);
    else
        snprintf(field, HTML_FIELD, "%.*f" WIDE_SPACE "%ciB", fabs(value) < 99.95 ? 1 : 0, value,
                 units[unit]);
    return field;
}

const char *html_time(double ns, char field[HTML_FIELD])
{
    static const char *const units[] = {"ns", "\xc2\xb5s", "ms", "s"};
    unsigned unit = 0;

    while (ns >= 999.5 && unit < 3) {
        ns /= 1000;
        unit++;
    }

    snprintf(field, HTML_FIELD, "%.*f" WIDE_SPACE "%s",
             unit == 0 || ns >= 99.95 ? 0 : (ns >= 9.995 ? 1 : 2), ns, units[unit]);
    return field;
}

/* ---- Tables ---- */

static void heading(FILE *stream, const struct table_column *column, bool left)
{
    fprintf(stream, "<th scope=\"col\"%s>", left ? " class=\"t\"" : "");
    html_text(stream, column->title);
    fputs("</th>", stream);
}

static void cell(FILE *stream, const struct table_column *column, const struct table_cell *cell)
{
    char buffer[TABLE_CELL_MAX];

    if (cell->best)
        fputs("<td class=\"best\">", stream);
    else
        fputs(column->unit == TABLE_TEXT ? "<td class=\"t\">" : "<td>", stream);
    html_text(stream, table_show(column, cell, buffer));
    if (cell->best)
        fputs("<b>*</b>", stream);
}

/* Columns that are shown: not those that the place of the table tells, nor those with nothing in
 * them. */
static bool is_shown(const struct html_table *shown, unsigned column)
{
    const struct table *table = shown->table;

    if (column < shown->skip)
        return false;
    for (unsigned r = 0; r < table->nr_rows; r++)
        if ((shown->keep == NULL || shown->keep(table, r)) &&
            table_cell(table, r, column)->is != TABLE_NONE)
            return true;

    return column == shown->names;
}

static void row(FILE *stream, const struct html_table *shown, const bool *columns, unsigned row)
{
    const struct table *table = shown->table;
    char buffer[TABLE_CELL_MAX];

    fputs("<tr>", stream);
    for (unsigned c = 0; c < table->nr_columns; c++) {
        if (!columns[c])
            continue;
        if (c != shown->names) {
            cell(stream, &table->columns[c], table_cell(table, row, c));
            continue;
        }
        fputs("<th scope=\"row\">", stream);
        html_text(stream, table_show(&table->columns[c], table_cell(table, row, c), buffer));
    }
    fputs("</tr>\n", stream);
}

int html_table(FILE *stream, const struct html_table *shown, struct error *error)
{
    const struct table *table = shown->table;
    bool *columns = calloc(table->nr_columns, sizeof(*columns));

    if (columns == NULL)
        return error_set(error, "no memory for a table of %u columns", table->nr_columns);
    for (unsigned c = 0; c < table->nr_columns; c++)
        columns[c] = is_shown(shown, c);

    fprintf(stream,
            "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-labelledby=\"%s\">"
            "<table>\n<caption id=\"%s\">",
            shown->id, shown->id);
    html_text(stream, shown->caption);
    fputs("</caption>\n<thead><tr>", stream);
    for (unsigned c = 0; c < table->nr_columns; c++)
        if (columns[c])
            heading(stream, &table->columns[c],
                    c == shown->names || table->columns[c].unit == TABLE_TEXT);
    fputs("</tr></thead>\n<tbody>\n", stream);

    for (unsigned r = 0; r < table->nr_rows; r++)
        if (shown->keep == NULL || shown->keep(table, r))
            row(stream, shown, columns, r);
    fputs("</tbody></table></div>\n", stream);

    free(columns);
    return 0;
}
