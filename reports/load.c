/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A file is read whole and parsed from memory: the place of an error is then a line and a column of
 * the file, also when several documents stand in it, and what is behind a document is known.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reports/load_private.h"

#define READ_STEP ((size_t)1 << 18)

/* ---- Text ---- */

/* Room for one step more, and the null byte. */
static int file_grow(struct report_file *file, size_t *room)
{
    if (*room - file->length > READ_STEP)
        return 0;

    size_t more = *room + *room / 2 + 2 * READ_STEP;
    char *bytes = realloc(file->bytes, more);

    if (bytes == NULL)
        return -1;

    file->bytes = bytes;
    *room = more;
    return 0;
}

static int file_read(struct report_file *file, FILE *stream, const char *path, struct error *error)
{
    size_t room = 0, got;

    do {
        if (file_grow(file, &room) != 0)
            return error_set(error, "%s: no memory for %zu bytes", path, room);
        got = fread(file->bytes + file->length, 1, READ_STEP, stream);
        file->length += got;
    } while (got != 0);

    if (ferror(stream))
        return error_set(error, "%s: cannot read: %s", path, strerror(errno));

    file->bytes[file->length] = '\0';
    return 0;
}

int report_file_read(struct report_file *file, const char *path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *stream = standard ? stdin : fopen(path, "re");
    struct stat status;

    *file = (struct report_file){0};
    if (stream == NULL)
        return error_set(error, "%s: cannot open: %s", path, strerror(errno));

    file->again = !standard && fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode);
    errno = 0;

    int result = file_read(file, stream, standard ? "standard input" : path, error);

    if (!standard)
        fclose(stream);
    if (result != 0) {
        free(file->bytes);
        file->bytes = NULL;
    }
    return result;
}

/* ---- Documents ---- */

/* Skips space, and counts the lines that end in it. */
static void skip_space(const struct report_file *file, size_t *offset, unsigned *line)
{
    for (; *offset < file->length; (*offset)++) {
        char c = file->bytes[*offset];

        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return;
        *line += c == '\n';
    }
}

/* The place of a fault found by the parser, which counts lines of the document. */
static int parse_error(const char *name, unsigned line, const json_error_t *fault,
                       struct error *error)
{
    unsigned at = line - 1 + (unsigned)(fault->line > 0 ? fault->line : 1);

    if (json_error_code(fault) == json_error_premature_end_of_input)
        return error_set(error,
                         "%s: line %u, column %d: the file ends inside of a JSON document: it was "
                         "cut off",
                         name, at, fault->column);

    return error_set(error, "%s: line %u, column %d: no JSON: %s", name, at, fault->column,
                     fault->text);
}

json_t *report_file_parse(const struct report_file *file, const char *name, size_t *offset,
                          unsigned *line, struct error *error)
{
    json_error_t fault;

    skip_space(file, offset, line);
    if (*offset == file->length) {
        error_set(error, "%s: nothing in it, expected a JSON document", name);
        return NULL;
    }

    json_t *root = json_loadb(file->bytes + *offset, file->length - *offset,
                              JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &fault);

    if (root == NULL) {
        parse_error(name, *line, &fault, error);
        return NULL;
    }

    for (size_t end = *offset + (size_t)fault.position; *offset < end; (*offset)++)
        *line += file->bytes[*offset] == '\n';
    skip_space(file, offset, line);
    return root;
}

/* ---- Results ---- */

int load_schema(const json_t *root, const char *name, enum load_schema *schema, struct error *error)
{
    const char *given = report_text(root, "schema.name");
    const json_t *version = report_at(root, "schema.version");

    if (strcmp(given, "allotrope-bench") == 0) {
        *schema = LOAD_BENCHMARK;
        return 0;
    }
    if (given[0] == '\0')
        return error_set(error, "%s: no result of a replay: schema.name is missing", name);
    if (strcmp(given, "allotrope-result") != 0)
        return error_set(error,
                         "%s: no result of a replay: schema.name is \"%s\", expected "
                         "\"allotrope-result\"",
                         name, given);
    if (!json_is_integer(version))
        return error_set(error, "%s: schema.version is missing", name);
    if (json_integer_value(version) != REPORT_RESULT_VERSION)
        return error_set(
            error,
            "%s: a result of version %" JSON_INTEGER_FORMAT ", this program reads version %d: %s",
            name, json_integer_value(version), REPORT_RESULT_VERSION,
            json_integer_value(version) < REPORT_RESULT_VERSION ? "replay the trace again"
                                                                : "it was written by a newer one");

    *schema = LOAD_RESULT;
    return 0;
}

static int check_result(json_t *root, const char *name, struct error *error)
{
    enum load_schema schema;

    if (load_schema(root, name, &schema, error) != 0)
        return -1;
    if (schema != LOAD_RESULT)
        return error_set(error, "%s: a benchmark, expected a result of a replay", name);

    return report_check(root, name, load_rules, nr_load_rules,
                        json_array_size(report_at(root, "exact.series.event")), error);
}

int load_take(struct report_result *result, json_t *root, const char *name, struct error *error)
{
    char *path = strdup(name);

    *result = (struct report_result){0};
    if (path == NULL)
        error_set(error, "%s: no memory", name);
    if (path == NULL || check_result(root, name, error) != 0) {
        json_decref(root);
        free(path);
        return -1;
    }

    result->root = root;
    result->path = path;
    result->provenance = json_object_get(root, "provenance");
    result->exact = json_object_get(root, "exact");
    result->measured = json_object_get(root, "measured");
    result->trace = report_text(result->provenance, "trace.name");
    result->stack = report_text(result->provenance, "stack.name");
    return 0;
}

int report_result_load(struct report_result *result, const char *path, struct error *error)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct report_file file;
    size_t offset = 0;
    unsigned line = 1;

    *result = (struct report_result){0};
    if (report_file_read(&file, path, error) != 0)
        return -1;

    json_t *root = report_file_parse(&file, name, &offset, &line, error);
    bool more = offset != file.length;

    free(file.bytes);
    if (root == NULL)
        return -1;
    if (more) {
        json_decref(root);
        return error_set(error, "%s: line %u: something follows the result, expected one alone",
                         name, line);
    }

    return load_take(result, root, name, error);
}

void report_result_free(struct report_result *result)
{
    json_decref(result->root);
    free(result->path);
    *result = (struct report_result){0};
}

/* ---- Fields ---- */

static bool is_number(const char *text, size_t length)
{
    return length > 0 && strspn(text, "0123456789") >= length;
}

json_t *report_at(const json_t *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");

        if (json_is_array(json))
            json = is_number(path, length) ? json_array_get(json, strtoul(path, NULL, 10)) : NULL;
        else
            json = json_object_getn(json, path, length);

        path += length;
        if (*path == '.')
            path++;
    }

    return (json_t *)json;
}

int64_t report_integer(const json_t *json, const char *path)
{
    return json_integer_value(report_at(json, path));
}

double report_number(const json_t *json, const char *path)
{
    return json_number_value(report_at(json, path));
}

const char *report_text(const json_t *json, const char *path)
{
    const char *text = json_string_value(report_at(json, path));

    return text != NULL ? text : "";
}

bool report_true(const json_t *json, const char *path)
{
    return json_is_true(report_at(json, path));
}

json_t *report_array(const json_t *json, const char *path)
{
    json_t *array = report_at(json, path);

    return json_is_array(array) ? array : NULL;
}

int64_t report_element(const json_t *array, size_t index)
{
    return json_integer_value(json_array_get(array, index));
}
