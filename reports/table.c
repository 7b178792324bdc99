/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A table is filled in one go from left to right and from top to bottom. It holds strings and
 * numbers of a few thousand cells at most, so cells are as wide as they are plain.
 */

#include "reports/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_begin(struct table *table, const char *name, const char *title, const char *reading,
                 const struct table_column *columns, unsigned nr_columns)
{
    *table = (struct table){
        .name = name,
        .title = title,
        .reading = reading,
        .columns = columns,
        .nr_columns = nr_columns,
    };
}

void table_end(struct table *table)
{
    size_t nr = (size_t)table->nr_rows * table->nr_columns;

    for (size_t i = 0; i < nr; i++)
        free(table->cells[i].text);
    free(table->cells);
    *table = (struct table){0};
}

/* A row more, all of it none. The number of rows for which there is room is a power of two. */
static bool add_row(struct table *table)
{
    unsigned rows = table->nr_rows;

    if ((rows & (rows - 1)) == 0) {
        size_t room = rows == 0 ? 1 : (size_t)rows * 2;
        struct table_cell *cells =
            reallocarray(table->cells, room * table->nr_columns, sizeof(*cells));

        if (cells == NULL)
            return false;
        table->cells = cells;
    }

    memset(table->cells + (size_t)rows * table->nr_columns, 0,
           table->nr_columns * sizeof(*table->cells));
    table->nr_rows++;
    return true;
}

static void put(struct table *table, struct table_cell cell)
{
    if (table->at == 0 && !table->failed && !add_row(table))
        table->failed = true;
    if (table->failed) {
        free(cell.text);
        return;
    }

    *table_cell(table, table->nr_rows - 1, table->at) = cell;
    table->at = (table->at + 1) % table->nr_columns;
}

void table_put_none(struct table *table)
{
    put(table, (struct table_cell){0});
}

void table_put_text(struct table *table, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    table->failed |= text != NULL && copy == NULL;
    put(table, (struct table_cell){.is = copy != NULL ? TABLE_IS_TEXT : TABLE_NONE, .text = copy});
}

void table_put_format(struct table *table, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
        table->failed = true;
    }
    va_end(arguments);
    put(table, (struct table_cell){.is = TABLE_IS_TEXT, .text = text});
}

void table_put_integer(struct table *table, int64_t value)
{
    put(table, (struct table_cell){.is = TABLE_IS_INTEGER, .integer = value});
}

void table_put_real(struct table *table, double value)
{
    if (isfinite(value))
        put(table, (struct table_cell){.is = TABLE_IS_REAL, .real = value});
    else
        table_put_none(table);
}

struct table_cell *table_cell(const struct table *table, unsigned row, unsigned column)
{
    return &table->cells[(size_t)row * table->nr_columns + column];
}
