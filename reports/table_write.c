/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The four ways to write a table.
 *
 *   plain     columns padded with spaces, numbers to the right; the best of a column has a star
 *   Markdown  a pipe table, the best of a column in bold
 *   CSV       RFC 4180 with line feeds: a header line of names, numbers in full, none is empty
 *   JSON      an object with columns and rows, see table_json()
 *
 * The first two are for people and round; the others are for programs and do not.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/table.h"

/* ---- Cells for people ---- */

/* 1536 as "1.5K", the units powers of 1024; whole numbers below. */
static void show_bytes(double value, char *buffer)
{
    static const char units[] = " KMGT";
    unsigned unit = 0;
    double size = fabs(value);

    while (size >= 1023.95 && unit < sizeof(units) - 2) {
        size /= 1024;
        unit++;
    }

    if (unit == 0)
        snprintf(buffer, TABLE_CELL_MAX, "%.0f", value);
    else
        snprintf(buffer, TABLE_CELL_MAX, size < 99.95 ? "%s%.1f%c" : "%s%.0f%c",
                 value < 0 ? "-" : "", size, units[unit]);
}

/* Three digits that mean something, as a decimal fraction. */
static void show_nanoseconds(double value, char *buffer)
{
    static const char *const units[] = {"", "us", "ms", "s"};
    double size = fabs(value);
    unsigned unit = 0;

    while (size >= 9999.5 && unit < 3) {
        size /= 1000;
        value /= 1000;
        unit++;
    }

    snprintf(buffer, TABLE_CELL_MAX, size < 99.95 ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

static double number_of(const struct table_cell *cell)
{
    return cell->is == TABLE_IS_REAL ? cell->real : (double)cell->integer;
}

const char *table_show(const struct table_column *column, const struct table_cell *cell,
                       char *buffer)
{
    double value = number_of(cell);

    if (cell->is == TABLE_NONE)
        return "-";
    if (cell->is == TABLE_IS_TEXT)
        return cell->text;

    switch (column->unit) {
    case TABLE_BYTES:
        show_bytes(value, buffer);
        break;
    case TABLE_THOUSANDTHS:
        snprintf(buffer, TABLE_CELL_MAX, "%.3f", value / 1000);
        break;
    case TABLE_SECONDS:
        snprintf(buffer, TABLE_CELL_MAX, "%.3f", value);
        break;
    case TABLE_NANOSECONDS:
        show_nanoseconds(value, buffer);
        break;
    case TABLE_PERCENT:
        snprintf(buffer, TABLE_CELL_MAX, "%.1f%%", value);
        break;
    case TABLE_MILLIONS:
        snprintf(buffer, TABLE_CELL_MAX, value < 99.95e6 ? "%.1f" : "%.0f", value / 1e6);
        break;
    case TABLE_BOOLEAN:
        return cell->integer != 0 ? "yes" : "no";
    default:
        if (cell->is == TABLE_IS_INTEGER)
            snprintf(buffer, TABLE_CELL_MAX, "%" PRId64, cell->integer);
        else
            snprintf(buffer, TABLE_CELL_MAX, "%.6g", value);
    }

    return buffer;
}

/* The best of a column are marked unless all are. */
static bool is_marked(const struct table_cell *cell)
{
    return cell->best && cell->is != TABLE_NONE;
}

/* ---- Plain ---- */

static bool is_left(const struct table_column *column)
{
    return column->unit == TABLE_TEXT || column->unit == TABLE_BOOLEAN;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Columns on a screen: bytes of UTF-8 that do not continue a character. Controls are shown as
 * \ooo. */
static unsigned width_of(const char *text)
{
    unsigned width = 0;

    for (; *text != '\0'; text++)
        width += is_control(*text) ? 4 : ((unsigned char)*text & 0xc0) != 0x80;

    return width;
}

static bool column_marks(const struct table *table, unsigned column)
{
    for (unsigned row = 0; row < table->nr_rows; row++)
        if (is_marked(table_cell(table, row, column)))
            return true;

    return false;
}

static unsigned column_width(const struct table *table, unsigned column)
{
    char buffer[TABLE_CELL_MAX];
    unsigned width = width_of(table->columns[column].title);

    for (unsigned row = 0; row < table->nr_rows; row++) {
        const struct table_cell *cell = table_cell(table, row, column);
        unsigned own = width_of(table_show(&table->columns[column], cell, buffer));

        width = own > width ? own : width;
    }

    return width;
}

/* What a terminal would take for a command is shown as what it is. */
static void print_safe(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        if (is_control(*text))
            fprintf(stream, "\\%03o", (unsigned char)*text);
        else
            fputc(*text, stream);
    }
}

struct plain {
    FILE *stream;
    const struct table *table;
    unsigned *widths;
    unsigned pending; /* spaces that are owed before the next text: none are left at a line's end */
};

static void plain_cell(struct plain *plain, unsigned column, const char *text, bool mark,
                       bool marks)
{
    unsigned width = width_of(text), padding = plain->widths[column] - width;
    bool left = is_left(&plain->table->columns[column]);

    plain->pending += left ? 0 : padding;
    if (width != 0) {
        fprintf(plain->stream, "%*s", (int)plain->pending, "");
        plain->pending = 0;
    }
    print_safe(plain->stream, text);
    plain->pending += left ? padding : 0;
    if (mark)
        fputc('*', plain->stream);
    plain->pending += (marks && !mark ? 1 : 0) + 2;
}

static void plain_row(struct plain *plain, unsigned row, bool heading)
{
    const struct table *table = plain->table;
    char buffer[TABLE_CELL_MAX];

    plain->pending = 0;
    for (unsigned i = 0; i < table->nr_columns; i++) {
        const struct table_cell *cell = heading ? NULL : table_cell(table, row, i);

        plain_cell(plain, i,
                   heading ? table->columns[i].title : table_show(&table->columns[i], cell, buffer),
                   !heading && is_marked(cell), column_marks(table, i));
    }
    fputc('\n', plain->stream);
}

static int write_plain(FILE *stream, const struct table *table, struct error *error)
{
    struct plain plain = {
        .stream = stream,
        .table = table,
        .widths = calloc(table->nr_columns, sizeof(*plain.widths)),
    };

    if (plain.widths == NULL)
        return error_set(error, "no memory for a table");

    for (unsigned i = 0; i < table->nr_columns; i++)
        plain.widths[i] = column_width(table, i);

    plain_row(&plain, 0, true);
    for (unsigned row = 0; row < table->nr_rows; row++)
        plain_row(&plain, row, false);

    free(plain.widths);
    return 0;
}

/* ---- Markdown ---- */

/* A pipe would end the cell, and the others begin markup. */
static void markdown_text(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("|\\*_`<[", *text) != NULL)
            fputc('\\', stream);
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, stream);
    }
}

static void markdown_row(FILE *stream, const struct table *table, unsigned row)
{
    char buffer[TABLE_CELL_MAX];

    for (unsigned i = 0; i < table->nr_columns; i++) {
        const struct table_cell *cell = table_cell(table, row, i);
        const char *mark = is_marked(cell) ? "**" : "";

        fprintf(stream, "| %s", mark);
        markdown_text(stream, table_show(&table->columns[i], cell, buffer));
        fprintf(stream, "%s ", mark);
    }
    fputs("|\n", stream);
}

static void write_markdown(FILE *stream, const struct table *table)
{
    for (unsigned i = 0; i < table->nr_columns; i++) {
        fputs("| ", stream);
        markdown_text(stream, table->columns[i].title);
        fputc(' ', stream);
    }
    fputs("|\n", stream);
    for (unsigned i = 0; i < table->nr_columns; i++)
        fputs(is_left(&table->columns[i]) ? "|---" : "|---:", stream);
    fputs("|\n", stream);

    for (unsigned row = 0; row < table->nr_rows; row++)
        markdown_row(stream, table, row);
}

/* ---- CSV ---- */

static void csv_text(FILE *stream, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stream);
        return;
    }

    fputc('"', stream);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

static void csv_cell(FILE *stream, const struct table_column *column, const struct table_cell *cell)
{
    switch (cell->is) {
    case TABLE_IS_TEXT:
        csv_text(stream, cell->text);
        break;
    case TABLE_IS_INTEGER:
        if (column->unit == TABLE_BOOLEAN)
            fputs(cell->integer != 0 ? "true" : "false", stream);
        else
            fprintf(stream, "%" PRId64, cell->integer);
        break;
    case TABLE_IS_REAL:
        fprintf(stream, "%.6g", cell->real);
        break;
    default:
        break;
    }
}

static void write_csv(FILE *stream, const struct table *table)
{
    for (unsigned i = 0; i < table->nr_columns; i++)
        fprintf(stream, "%s%s", i != 0 ? "," : "", table->columns[i].name);
    fputc('\n', stream);

    for (unsigned row = 0; row < table->nr_rows; row++) {
        for (unsigned i = 0; i < table->nr_columns; i++) {
            if (i != 0)
                fputc(',', stream);
            csv_cell(stream, &table->columns[i], table_cell(table, row, i));
        }
        fputc('\n', stream);
    }
}

/* ---- JSON ---- */

static const char *unit_name(enum table_unit unit)
{
    static const char *const names[] = {
        [TABLE_TEXT] = "text",       [TABLE_NUMBER] = "number",
        [TABLE_BYTES] = "bytes",     [TABLE_THOUSANDTHS] = "thousandths",
        [TABLE_SECONDS] = "seconds", [TABLE_NANOSECONDS] = "nanoseconds",
        [TABLE_PERCENT] = "percent", [TABLE_BOOLEAN] = "boolean",
        [TABLE_MILLIONS] = "number",
    };

    return names[unit];
}

static json_t *cell_json(const struct table_column *column, const struct table_cell *cell)
{
    switch (cell->is) {
    case TABLE_IS_TEXT:
        return json_string(cell->text);
    case TABLE_IS_INTEGER:
        return column->unit == TABLE_BOOLEAN ? json_boolean(cell->integer)
                                             : json_integer(cell->integer);
    case TABLE_IS_REAL:
        return json_real(cell->real);
    default:
        return json_null();
    }
}

static json_t *row_json(const struct table *table, unsigned row)
{
    json_t *object = json_object();
    int failed = object == NULL;

    for (unsigned i = 0; i < table->nr_columns; i++)
        failed |= json_object_set_new(object, table->columns[i].name,
                                      cell_json(&table->columns[i], table_cell(table, row, i)));
    if (failed == 0)
        return object;

    json_decref(object);
    return NULL;
}

json_t *table_json(const struct table *table)
{
    json_t *columns = json_array(), *rows = json_array();
    int failed = table->failed;

    for (unsigned i = 0; i < table->nr_columns; i++)
        failed |= json_array_append_new(
            columns, json_pack("{s:s, s:s, s:s}", "name", table->columns[i].name, "title",
                               table->columns[i].title, "unit", unit_name(table->columns[i].unit)));
    for (unsigned row = 0; row < table->nr_rows; row++)
        failed |= json_array_append_new(rows, row_json(table, row));

    json_t *object = json_pack("{s:s, s:o, s:s, s:o}", "name", table->name, "columns", columns,
                               "title", table->title, "rows", rows);

    if (failed == 0)
        return object;

    json_decref(object);
    return NULL;
}

static int write_json(FILE *stream, const struct table *table, struct error *error)
{
    json_t *json = table_json(table);

    if (json == NULL)
        return error_set(error, "no memory for the table %s", table->name);

    json_dumpf(json, stream, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    fputc('\n', stream);
    json_decref(json);
    return 0;
}

int table_write(FILE *stream, const struct table *table, enum table_format format,
                struct error *error)
{
    if (table->failed)
        return error_set(error, "no memory for the table %s", table->name);

    switch (format) {
    case TABLE_MARKDOWN:
        write_markdown(stream, table);
        return 0;
    case TABLE_CSV:
        write_csv(stream, table);
        return 0;
    case TABLE_JSON:
        return write_json(stream, table, error);
    default:
        return write_plain(stream, table, error);
    }
}
