/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tables of a trace. They are those of `allotrope export`; what differs is what a page leaves
 * out: the name of the trace in each row, caches that never had a slab, single size classes of
 * calls, and the state at every mark, which the pictures show. Long tables are closed until
 * somebody opens them.
 */

#include <string.h>

#include "reports/page_private.h"
#include "reports/table.h"

#define ID_MAX      64
#define CAPTION_MAX 1024

/* A table as it stands in the page. */
struct part {
    const char *kind;
    const char *names; /* the column that names the rows */
    bool (*keep)(const struct table *table, unsigned row);
    bool closed;   /* until somebody opens it */
    bool by_stack; /* a table for each stack */
};

static unsigned column_of(const struct table *table, const char *name)
{
    unsigned column = 0;

    while (column < table->nr_columns && strcmp(table->columns[column].name, name) != 0)
        column++;
    return column;
}

static bool same_text(const struct table_cell *a, const struct table_cell *b)
{
    return a->text != NULL && b->text != NULL && strcmp(a->text, b->text) == 0;
}

/* Caches that have slabs. */
static bool keep_used(const struct table *table, unsigned row)
{
    return table_cell(table, row, column_of(table, "total_bytes"))->integer != 0;
}

/* Of each stack and kind of call the first row, which is of all sizes. */
static bool keep_whole(const struct table *table, unsigned row)
{
    unsigned stack = column_of(table, "stack"), kind = column_of(table, "kind");

    return row == 0 ||
           !same_text(table_cell(table, row, stack), table_cell(table, row - 1, stack)) ||
           !same_text(table_cell(table, row, kind), table_cell(table, row - 1, kind));
}

/* Kinds of call that did any work. */
static bool keep_worked(const struct table *table, unsigned row)
{
    return table_cell(table, row, column_of(table, "max"))->integer != 0;
}

static unsigned rows_kept(const struct table *table, const struct part *part)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < table->nr_rows; i++)
        nr += part->keep == NULL || part->keep(table, i);
    return nr;
}

/* Writes a table on NR of the trace's results, from FIRST on. SUBJECT is what it is of. */
static int put_table(FILE *stream, const struct page_trace *trace, const struct part *part,
                     const struct table *table, unsigned first, const char *subject,
                     struct error *error)
{
    char id[ID_MAX], caption[CAPTION_MAX];
    unsigned kept = rows_kept(table, part);

    snprintf(id, sizeof(id), "t%u-%s-%u", trace->number, part->kind, first);
    snprintf(caption, sizeof(caption), "%.900s: %.100s", subject, table->title);
    if (part->closed) {
        fputs("<details><summary>", stream);
        html_sentence(stream, "%s (%u row%s)", caption, kept, kept == 1 ? "" : "s");
        fputs("</summary>\n", stream);
    }

    int status = html_table(stream,
                            &(struct html_table){
                                .table = table,
                                .id = id,
                                .caption = caption,
                                .skip = part->by_stack ? 2 : 1,
                                .names = column_of(table, part->names),
                                .keep = part->keep,
                            },
                            error);

    if (part->closed)
        fputs("</details>\n", stream);
    return status;
}

/* A table on some results; nothing when it has no rows. */
static int put_results(FILE *stream, const struct page_trace *trace, const struct part *part,
                       unsigned first, unsigned nr, struct error *error)
{
    const struct table_kind *kind = table_kind_find(part->kind);
    char subject[CAPTION_MAX];
    struct table table;
    int status = 0;

    if (part->by_stack)
        snprintf(subject, sizeof(subject), "%.450s on %.450s", trace->name,
                 trace->results[first].stack);
    else
        snprintf(subject, sizeof(subject), "%s", trace->name);

    table_begin_kind(&table, kind);
    kind->add(&table, trace->results + first, nr);
    if (table.failed)
        status = error_set(error, "no memory for the tables of %s", trace->name);
    else if (rows_kept(&table, part) != 0)
        status = put_table(stream, trace, part, &table, first, subject, error);

    table_end(&table);
    return status;
}

static int put_part(FILE *stream, const struct page_trace *trace, const struct part *part,
                    struct error *error)
{
    if (!part->by_stack)
        return put_results(stream, trace, part, 0, trace->nr, error);

    for (unsigned i = 0; i < trace->nr; i++)
        if (!page_baseline(&trace->results[i]) &&
            put_results(stream, trace, part, i, 1, error) != 0)
            return -1;

    return 0;
}

/* Whether there is anything to show. */
static bool has_rows(const struct page_trace *trace, const struct part *part)
{
    const struct table_kind *kind = table_kind_find(part->kind);
    struct table table;
    bool any;

    table_begin_kind(&table, kind);
    kind->add(&table, trace->results, trace->nr);
    any = table.failed || rows_kept(&table, part) != 0;
    table_end(&table);
    return any;
}

/* Parts under a heading; those of one kind only have its words on how to read it. */
static int put_section(FILE *stream, const struct page_trace *trace, const char *title,
                       const struct part *parts, unsigned nr, struct error *error)
{
    bool headed = false;

    for (unsigned i = 0; i < nr; i++) {
        if (!has_rows(trace, &parts[i]))
            continue;
        if (!headed) {
            fputs("<h3>", stream);
            html_text(stream, title);
            fputs("</h3>\n", stream);
            headed = true;
        }
        if (put_part(stream, trace, &parts[i], error) != 0)
            return -1;
        fputs("<p class=\"reading\">", stream);
        html_text(stream, table_kind_find(parts[i].kind)->reading);
        fputs("</p>\n", stream);
    }

    return 0;
}

int page_summary(FILE *stream, const struct page_trace *trace, struct error *error)
{
    static const struct part summary[] = {{.kind = "summary", .names = "stack"}};
    static const struct part failures[] = {{.kind = "failures", .names = "stack"}};

    if (put_section(stream, trace, "Summary", summary, 1, error) != 0)
        return -1;
    return put_section(stream, trace, "Failures", failures, 1, error);
}

int page_tables(FILE *stream, const struct page_trace *trace, struct error *error)
{
    static const struct part times[] = {
        {.kind = "times", .names = "stack"},
        {.kind = "latency", .names = "stack", .keep = keep_whole, .closed = true},
    };
    static const struct part work[] = {
        {.kind = "work", .names = "stack"},
        {.kind = "steps", .names = "stack", .keep = keep_worked, .closed = true},
    };
    static const struct part memory[] = {
        {.kind = "maps", .names = "stack", .closed = true},
        {.kind = "segments", .names = "stack", .closed = true},
    };
    static const struct part caches[] = {
        {.kind = "caches", .names = "cache", .keep = keep_used, .closed = true, .by_stack = true}};
    static const struct part spaces[] = {
        {.kind = "spaces", .names = "space", .closed = true, .by_stack = true}};
    static const struct part truth[] = {{.kind = "truth", .names = "stack"}};
    static const struct {
        const char *title;
        const struct part *parts;
        unsigned nr;
    } sections[] = {
        {"Work", work, 2},     {"Time", times, 2},    {"Maps and pages", memory, 2},
        {"Caches", caches, 1}, {"Rights", spaces, 1}, {"The captured kernel", truth, 1},
    };

    for (unsigned i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        if (put_section(stream, trace, sections[i].title, sections[i].parts, sections[i].nr,
                        error) != 0)
            return -1;

    return 0;
}

int page_put_provenance(FILE *stream, const struct page_folder *folder,
                        const struct page_trace *trace, struct error *error)
{
    static const struct part provenance = {.kind = "provenance", .names = "key", .closed = true};

    (void)folder;
    return put_part(stream, trace, &provenance, error);
}
