/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results from files.
 *
 * All that this folder knows of a replay is what its result says; docs/result.md is the contract.
 * A result is checked as it is read: schema and version, every field that the page promises, its
 * type, and that the columns of the series are equally long. What follows may rely on it and needs
 * no errors of its own.
 */

#ifndef REPORTS_LOAD_H
#define REPORTS_LOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define REPORT_RESULT_VERSION 2 /* of the schema allotrope-result */

struct report_result {
    json_t *root;              /* owned */
    char *path;                /* owned; of several in a file, with the line of this */
    const char *trace, *stack; /* in root: provenance.trace.name, provenance.stack.name */
    json_t *provenance, *exact, *measured; /* in root */
};

/* Reads the one result that the file holds. "-" is the standard input. -1 with the error set: it
 * names file, line and column of what is no JSON, or the dotted path of what is missing or of
 * another type. */
int report_result_load(struct report_result *result, const char *path, struct error *error);

/* Frees what it owns; a result that is all zeroes is allowed. */
void report_result_free(struct report_result *result);

/* ---- Sets of results ---- */

/* What is kept of each result of a set while its document is not loaded. */
struct report_header {
    char *path;  /* of the file */
    char *bytes; /* of the document, when the file cannot be read a second time; or NULL */
    size_t offset, length;   /* of the document in the file */
    unsigned line, document; /* first line, from 1; number in its file, from 1 */
    unsigned documents;      /* that the file holds */
    char *trace, *stack;     /* names */
    char *digest;            /* of the trace */
    char *geometry;          /* of the machine */
    uint64_t memory;         /* of the machine, bytes; 0 where less and less was tried */
    unsigned order;          /* of the stack among those of the set */
};

struct report_set;

/*
 * Opens the results in files and folders. A file holds one document, or one after the other, as
 * `replay -o -` prints them; "-" is the standard input. A folder stands for its *.json files.
 *
 * The set is ordered by the trace's name; results of one trace are together, and of one trace are
 * those only that have the same digest, geometry and memory. Among them stacks are ordered as they
 * were first given, those of a folder by their age, the oldest first. Documents are checked, and
 * all but the header is forgotten: memory does not grow with what they hold. The documents of
 * benchmarks (schema allotrope-bench) are put aside: see report_set_benchmark().
 *
 * -1 with the error set; then there is nothing to close. Paths without any result are an error.
 */
int report_set_open(struct report_set **set, char *const *paths, unsigned nr, struct error *error);
void report_set_close(struct report_set *set); /* NULL is allowed */

/* Results in all. */
unsigned report_set_size(const struct report_set *set);
/* Traces, and the results of one of them; both are numbered from 0. */
unsigned report_set_traces(const struct report_set *set);
unsigned report_set_results(const struct report_set *set, unsigned trace);
const struct report_header *report_set_header(const struct report_set *set, unsigned trace,
                                              unsigned result);

/* Loads a result of a trace, to be freed by report_result_free(). */
int report_set_load(const struct report_set *set, unsigned trace, unsigned number,
                    struct report_result *result, struct error *error);
/* Loads all results of a trace: an array of report_set_results() elements, which
 * report_results_free() frees. NULL with the error set. */
struct report_result *report_set_load_trace(const struct report_set *set, unsigned trace,
                                            struct error *error);
void report_results_free(struct report_result *results, unsigned nr); /* NULL is allowed */

/* The path of the n-th benchmark document that was met, from 0; NULL past the last. */
const char *report_set_benchmark(const struct report_set *set, unsigned number);

/* ---- Fields ---- */

/*
 * The member of JSON at a path of keys between dots, and of numbers for elements of arrays:
 * "series.worst.unusable_index.4.value". NULL when there is none. The others give 0, "", false or
 * NULL for what is not there or is of another type, so that absence needs no code of its own.
 */
json_t *report_at(const json_t *json, const char *path);
int64_t report_integer(const json_t *json, const char *path);
double report_number(const json_t *json, const char *path); /* integer or not */
const char *report_text(const json_t *json, const char *path);
bool report_true(const json_t *json, const char *path);
json_t *report_array(const json_t *json, const char *path);

/* An element of a column; 0 when there is none. */
int64_t report_element(const json_t *array, size_t index);

/* ---- Documents of any schema ---- */

/* Something that holds documents, read whole. */
struct report_file {
    char *bytes; /* owned, followed by a null byte */
    size_t length;
    bool again; /* a regular file, that can be read once more */
};

/* Reads PATH whole; "-" is the standard input. */
int report_file_read(struct report_file *file, const char *path, struct error *error);

/* Parses the document at OFFSET, which moves behind it and the space that follows. LINE is that of
 * OFFSET, and moves too; NAME is for the error. NULL with the error set. */
json_t *report_file_parse(const struct report_file *file, const char *name, size_t *offset,
                          unsigned *line, struct error *error);

/* What a field must be. */
enum report_type {
    REPORT_OBJECT,
    REPORT_ARRAY,
    REPORT_INTEGER,
    REPORT_INTEGERS, /* array of integers */
    REPORT_NUMBER,
    REPORT_NUMBERS, /* array of numbers */
    REPORT_TEXT,
    REPORT_TEXTS, /* array of texts */
    REPORT_BOOLEAN,
    REPORT_BUCKETS, /* array of pairs of numbers */
    REPORT_PAIRS,   /* array of pairs of texts */
    REPORT_COLUMN,  /* array of so many integers as the series has samples */
    REPORT_COLUMNS, /* array of such arrays */
    REPORT_ROWS,    /* array of so many texts */
};

/* Fields of the objects at a path, in which `[]` stands for the elements of an array, `*` for all
 * keys and `+` for those that hold no integer: their names, between spaces, those that may be
 * missing with a `?` after them, or `*` for whatever there is. What is below something that is
 * missing is not asked for, so parents come first. */
struct report_rule {
    const char *parent;
    enum report_type type;
    const char *names;
};

/* Checks JSON against the rules; ROWS is the length of columns. The error begins with NAME. */
int report_check(json_t *json, const char *name, const struct report_rule *rules, unsigned nr,
                 size_t rows, struct error *error);

#endif
