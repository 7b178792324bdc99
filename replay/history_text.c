/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Text for the history: paragraphs that are broken where the figures in them need it, and tables
 * that can be read as they are. Both are Markdown that goes into a mail unchanged, so nothing is
 * wider than a mail is.
 */

#include "replay/history_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define WIDTH         88
#define PARAGRAPH_MAX 4096

void history_say(struct history *history, const char *format, ...)
{
    char text[PARAGRAPH_MAX];
    va_list arguments;
    size_t column = 0;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    for (char *rest = text, *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        size_t length = strlen(word);

        if (column != 0 && column + 1 + length > WIDTH) {
            fputc('\n', history->out);
            column = 0;
        }
        column += (size_t)fprintf(history->out, column != 0 ? " %s" : "%s", word);
    }

    fputs("\n\n", history->out);
}

void history_heading(struct history *history, unsigned level, const char *text)
{
    static const char marks[] = "####";

    fprintf(history->out, "%.*s %s\n\n", (int)level, marks, text);
}

void history_commands(struct history *history, const char *lines)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");

        fprintf(history->out, "    %.*s\n", (int)length, lines);
        lines += length + (lines[length] != '\0');
    }

    fputc('\n', history->out);
}

/* ---- Tables ---- */

static char *next_cell(struct history_table *table)
{
    return table->nr < HISTORY_ROWS * HISTORY_COLUMNS ? table->cells[table->nr++]
                                                      : table->cells[table->nr - 1];
}

void history_table_begin(struct history_table *table, unsigned left, const char *headings)
{
    memset(table, 0, sizeof(*table));
    table->left = left;

    for (;; table->columns++) {
        size_t length = strcspn(headings, "|");

        snprintf(next_cell(table), HISTORY_CELL, "%.*s", (int)length, headings);
        if (headings[length] == '\0')
            break;
        headings += length + 1;
    }

    table->columns++;
}

void history_table_text(struct history_table *table, const char *text)
{
    snprintf(next_cell(table), HISTORY_CELL, "%s", text);
}

void history_table_number(struct history_table *table, uint64_t number)
{
    snprintf(next_cell(table), HISTORY_CELL, "%" PRIu64, number);
}

const char *history_percent(uint64_t part, uint64_t whole, char field[HISTORY_FIELD])
{
    if (whole == 0) {
        snprintf(field, HISTORY_FIELD, "-");
        return field;
    }

    uint64_t tenths = part * 1000 / whole;

    snprintf(field, HISTORY_FIELD, "%" PRIu64 ".%" PRIu64 "%%", tenths / 10, tenths % 10);
    return field;
}

void history_table_percent(struct history_table *table, uint64_t part, uint64_t whole)
{
    char field[HISTORY_FIELD];

    history_table_text(table, history_percent(part, whole, field));
}

static int column_width(const struct history_table *table, unsigned column)
{
    size_t width = 3; /* of the line below the heading */

    for (unsigned i = column; i < table->nr; i += table->columns)
        if (strlen(table->cells[i]) > width)
            width = strlen(table->cells[i]);

    return (int)width;
}

static void print_row(struct history *history, const struct history_table *table, unsigned row)
{
    for (unsigned i = 0; i < table->columns; i++)
        fprintf(history->out, i < table->left ? "| %-*s " : "| %*s ", column_width(table, i),
                table->cells[row * table->columns + i]);

    fputs("|\n", history->out);
}

static void print_line(struct history *history, const struct history_table *table)
{
    for (unsigned i = 0; i < table->columns; i++) {
        fputs("| ", history->out);
        for (int at = 1; at < column_width(table, i); at++)
            fputc('-', history->out);
        fputs(i < table->left ? "- " : ": ", history->out);
    }

    fputs("|\n", history->out);
}

void history_table_print(struct history *history, const struct history_table *table)
{
    for (unsigned row = 0; row < table->nr / table->columns; row++) {
        print_row(history, table, row);
        if (row == 0)
            print_line(history, table);
    }

    fputc('\n', history->out);
}
