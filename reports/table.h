/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Tables: what is shown as text, Markdown, CSV, JSON or HTML is the same table.
 *
 * A cell keeps its value as a number where it is one. People are shown 1.5M and 0.476; programs are
 * given 1572864 and 476. Cells know nothing of how they are shown, and columns know their unit.
 */

#ifndef REPORTS_TABLE_H
#define REPORTS_TABLE_H

#include <stdio.h>

#include "reports/load.h"

enum table_unit {
    TABLE_TEXT,
    TABLE_NUMBER,
    TABLE_BYTES,
    TABLE_THOUSANDTHS, /* shown as a fraction, 0.476 */
    TABLE_SECONDS,     /* a fraction */
    TABLE_NANOSECONDS, /* a fraction */
    TABLE_PERCENT,     /* a fraction: 2.5 is 2.5 % */
    TABLE_MILLIONS,    /* a number, shown in millions */
    TABLE_BOOLEAN,     /* a number, 0 or 1 */
};

struct table_column {
    const char *name;  /* for programs: key of JSON, header of CSV */
    const char *title; /* for people */
    enum table_unit unit;
};

struct table_cell {
    enum table_value { TABLE_NONE, TABLE_IS_TEXT, TABLE_IS_INTEGER, TABLE_IS_REAL } is;
    char *text; /* owned, of TABLE_IS_TEXT */
    int64_t integer;
    double real;
    bool best; /* of those in its column that it can be compared with */
};

struct table {
    const char *name;    /* for programs: `caches` */
    const char *title;   /* for people */
    const char *reading; /* how to read it, in a sentence or two; "" when it speaks for itself */
    const struct table_column *columns; /* not owned */
    unsigned nr_columns, nr_rows;
    struct table_cell *cells; /* [nr_rows][nr_columns] */
    unsigned at;              /* next column of the row that is being filled */
    bool failed;              /* memory was short; the table lacks rows */
};

enum table_format { TABLE_PLAIN, TABLE_MARKDOWN, TABLE_CSV, TABLE_JSON };

/* ---- Making ---- */

void table_begin(struct table *table, const char *name, const char *title, const char *reading,
                 const struct table_column *columns, unsigned nr_columns);
void table_end(struct table *table);

/* Cells are put one after the other; a row is complete with its last. That memory is short is noted
 * in `failed`, to be looked at once. */
void table_put_none(struct table *table);
void table_put_text(struct table *table, const char *text); /* copied; NULL is none */
void table_put_format(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void table_put_integer(struct table *table, int64_t value);
void table_put_real(struct table *table, double value); /* none when it is not finite */

/* The cell of a row and a column. */
struct table_cell *table_cell(const struct table *table, unsigned row, unsigned column);

/* ---- Showing ---- */

#define TABLE_CELL_MAX 64 /* of a cell that is a number, as text */

/* A cell for people. Returns its text or BUFFER, of TABLE_CELL_MAX bytes. "-" when there is none.
 */
const char *table_show(const struct table_column *column, const struct table_cell *cell,
                       char *buffer);

/* Writes a table. Errors of the stream are the caller's to find; -1 with the error set when memory
 * is short, now or as the table was made. */
int table_write(FILE *stream, const struct table *table, enum table_format format,
                struct error *error);

/* As one JSON value: {"columns": [{"name", "title", "unit"}], "name", "rows": [{...}], "title"}.
 * NULL when memory is short. */
json_t *table_json(const struct table *table);

/* ---- Tables of results ---- */

/* All tables there are, in the order of a report. */
struct table_kind {
    const char *name, *title, *reading;
    const struct table_column *columns;
    unsigned nr_columns;
    /* Adds the rows of one trace's results. */
    void (*add)(struct table *table, const struct report_result *results, unsigned nr);
};

/* The n-th kind from 0, NULL past the last; by name, NULL when there is none. */
const struct table_kind *table_kind_at(unsigned number);
const struct table_kind *table_kind_find(const char *name);

/* An empty table of a kind, to which kind->add gives rows. */
void table_begin_kind(struct table *table, const struct table_kind *kind);

/* The map that slabs draw on: kmem_map where there is one, else kernel_map. The name, or NULL. */
const char *report_slab_map(const struct report_result *result);

/* Refusals: those of requests that the captured kernel granted, and of those that it refused too.
 */
int64_t report_refused(const struct report_result *result);

#endif
