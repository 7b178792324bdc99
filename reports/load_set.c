/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sets of results. A set is read twice: once to check all of it before anything is made of it, and
 * to learn what there is, and once a trace at a time, as it is reported. A second reading is
 * cheaper than to hold the documents: a picture of a kernel's memory takes some hundred kilobytes
 * in each.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/load_private.h"

struct report_set {
    struct report_header *headers; /* in order once the set is open */
    unsigned nr;
    unsigned *starts; /* [traces + 1]: the first header of each trace */
    unsigned traces;
    char **stacks; /* in order */
    unsigned nr_stacks;
    char **benchmarks; /* paths */
    unsigned nr_benchmarks;
};

/* The order of `allotrope stacks`. Others follow by name. */
static const char *const known_stacks[] = {
    "table+vm",    "table+buddy",  "table+hybrid", "radix+vm",
    "radix+buddy", "radix+hybrid", "radix+direct", "null",
};

#define KNOWN (sizeof(known_stacks) / sizeof(known_stacks[0]))

static int no_memory(const char *path, struct error *error)
{
    return error_set(error, "%s: no memory to read it", path);
}

/* Room for one more element in an array of NR that grows by doubling. */
static int grow(void **array, unsigned nr, size_t size)
{
    if ((nr & (nr - 1)) != 0)
        return 0;

    void *more = reallocarray(*array, nr == 0 ? 1 : (size_t)nr * 2, size);

    if (more == NULL)
        return -1;

    *array = more;
    return 0;
}

static int add_text(char ***array, unsigned *nr, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL || grow((void **)array, *nr, sizeof(**array)) != 0) {
        free(copy);
        return -1;
    }

    (*array)[(*nr)++] = copy;
    return 0;
}

/* ---- Headers ---- */

static void header_free(struct report_header *header)
{
    free(header->path);
    free(header->bytes);
    free(header->trace);
    free(header->stack);
    free(header->digest);
    free(header->geometry);
}

/* What errors call the document. */
static void header_name(const struct report_header *header, char *name, size_t size)
{
    const char *path = strcmp(header->path, "-") == 0 ? "standard input" : header->path;

    if (header->documents > 1)
        snprintf(name, size, "%s: line %u", path, header->line);
    else
        snprintf(name, size, "%s", path);
}

/* Of a result whose place in the file is known. False without memory. */
static bool header_fill(struct report_header *header, const struct report_result *result,
                        const struct report_file *file, const char *path)
{
    header->path = strdup(path);
    header->trace = strdup(result->trace);
    header->stack = strdup(result->stack);
    header->digest = strdup(report_text(result->provenance, "trace.digest"));
    header->geometry = strdup(report_text(result->provenance, "machine.geometry"));
    if (strcmp(report_text(result->provenance, "options.until_failure"), "shrink") != 0)
        header->memory = (uint64_t)report_integer(result->provenance, "machine.memory_bytes");
    if (!file->again)
        header->bytes = strndup(file->bytes + header->offset, header->length);

    return header->path != NULL && header->trace != NULL && header->stack != NULL &&
           header->digest != NULL && header->geometry != NULL &&
           (file->again || header->bytes != NULL);
}

static int set_add_result(struct report_set *set, struct report_header header, json_t *root,
                          const struct report_file *file, const char *path, struct error *error)
{
    struct report_result result;
    char name[ERROR_TEXT_MAX];

    header_name(&(struct report_header){.path = (char *)path,
                                        .line = header.line,
                                        .documents = header.documents},
                name, sizeof(name));
    if (load_take(&result, root, name, error) != 0)
        return -1;

    bool filled = header_fill(&header, &result, file, path);

    report_result_free(&result);
    if (!filled || grow((void **)&set->headers, set->nr, sizeof(*set->headers)) != 0) {
        header_free(&header);
        return no_memory(path, error);
    }

    set->headers[set->nr++] = header;
    return 0;
}

/* ---- Files and folders ---- */

/* A document of a file, at header->offset. Takes ROOT. */
static int set_add_document(struct report_set *set, struct report_header header, json_t *root,
                            const struct report_file *file, const char *path, struct error *error)
{
    enum load_schema schema;

    if (load_schema(root, path, &schema, error) == 0 && schema == LOAD_RESULT)
        return set_add_result(set, header, root, file, path, error);

    json_decref(root);
    if (error->text[0] != '\0')
        return -1;

    return add_text(&set->benchmarks, &set->nr_benchmarks, path) == 0 ? 0 : no_memory(path, error);
}

static int set_add_documents(struct report_set *set, const struct report_file *file,
                             const char *path, struct error *error)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct report_header header = {.line = 1};
    unsigned line = 1;
    size_t offset = 0;

    do {
        header.offset = offset;
        header.line = line;
        header.document++;

        json_t *root = report_file_parse(file, name, &offset, &line, error);

        if (root == NULL)
            return -1;
        header.length = offset - header.offset;
        /* One alone needs no line in errors; that there are more is known at the first. */
        header.documents = header.document == 1 && offset == file->length ? 1 : 2;
        if (set_add_document(set, header, root, file, path, error) != 0)
            return -1;
    } while (offset != file->length);

    return 0;
}

static int set_add_file(struct report_set *set, const char *path, struct error *error)
{
    struct report_file file;

    if (report_file_read(&file, path, error) != 0)
        return -1;

    int status = set_add_documents(set, &file, path, error);

    free(file.bytes);
    return status;
}

static int is_json(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int set_add_entry(struct report_set *set, const char *folder, const char *name,
                         struct error *error)
{
    char *path;
    size_t length = strlen(folder);

    if (asprintf(&path, "%s%s%s", folder, length != 0 && folder[length - 1] == '/' ? "" : "/",
                 name) < 0)
        return no_memory(folder, error);

    int status = set_add_file(set, path, error);

    free(path);
    return status;
}

static int set_add_folder(struct report_set *set, const char *folder, struct error *error)
{
    struct dirent **entries;
    int nr = scandir(folder, &entries, is_json, by_name);
    int status = 0;

    if (nr < 0)
        return error_set(error, "%s: cannot read the folder: %s", folder, strerror(errno));
    if (nr == 0)
        status = error_set(error, "%s: a folder without results: it has no *.json", folder);

    for (int i = 0; i < nr; i++) {
        if (status == 0)
            status = set_add_entry(set, folder, entries[i]->d_name, error);
        free(entries[i]);
    }

    free(entries);
    return status;
}

/* ---- Order ---- */

static unsigned stack_rank(const char *stack)
{
    unsigned i = 0;

    while (i < KNOWN && strcmp(known_stacks[i], stack) != 0)
        i++;

    return i;
}

static int by_age(const void *a, const void *b)
{
    const struct report_header *first = a, *second = b;
    unsigned first_rank = stack_rank(first->stack), second_rank = stack_rank(second->stack);

    if (first_rank != second_rank)
        return first_rank < second_rank ? -1 : 1;

    return strcmp(first->stack, second->stack);
}

static unsigned stack_order(const struct report_set *set, const char *stack)
{
    unsigned i = 0;

    while (i < set->nr_stacks && strcmp(set->stacks[i], stack) != 0)
        i++;

    return i;
}

/* Numbers the stacks of the headers from FIRST on, which one argument brought. */
static int order_stacks(struct report_set *set, unsigned first)
{
    for (unsigned i = first; i < set->nr; i++) {
        struct report_header *header = &set->headers[i];

        header->order = stack_order(set, header->stack);
        if (header->order == set->nr_stacks &&
            add_text(&set->stacks, &set->nr_stacks, header->stack) != 0)
            return -1;
    }

    return 0;
}

static int same_trace(const struct report_header *a, const struct report_header *b)
{
    int order = strcmp(a->trace, b->trace);

    if (order == 0)
        order = strcmp(a->digest, b->digest);
    if (order == 0)
        order = strcmp(a->geometry, b->geometry);
    if (order == 0)
        order = (a->memory > b->memory) - (a->memory < b->memory);
    return order;
}

static int by_trace(const void *a, const void *b)
{
    const struct report_header *first = a, *second = b;
    int order = same_trace(first, second);

    if (order == 0)
        order = (first->order > second->order) - (first->order < second->order);
    if (order == 0)
        order = strcmp(first->path, second->path);
    if (order == 0)
        order = (first->document > second->document) - (first->document < second->document);
    return order;
}

static int find_traces(struct report_set *set)
{
    qsort(set->headers, set->nr, sizeof(*set->headers), by_trace);
    set->starts = calloc(set->nr + 1, sizeof(*set->starts));
    if (set->starts == NULL)
        return -1;

    for (unsigned i = 0; i < set->nr; i++)
        if (i == 0 || same_trace(&set->headers[i - 1], &set->headers[i]) != 0)
            set->starts[set->traces++] = i;
    set->starts[set->traces] = set->nr;
    return 0;
}

/* ---- Sets ---- */

static int set_add(struct report_set *set, const char *path, struct error *error)
{
    unsigned first = set->nr;
    struct stat status;
    bool folder = strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode);

    if ((folder ? set_add_folder(set, path, error) : set_add_file(set, path, error)) != 0)
        return -1;
    if (folder && set->nr > first)
        qsort(set->headers + first, set->nr - first, sizeof(*set->headers), by_age);

    return order_stacks(set, first) == 0 ? 0 : no_memory(path, error);
}

static int set_fill(struct report_set *set, char *const *paths, unsigned nr, struct error *error)
{
    for (unsigned i = 0; i < nr; i++)
        if (set_add(set, paths[i], error) != 0)
            return -1;

    if (set->nr == 0)
        return error_set(error, "%s: no result of a replay in it", nr != 0 ? paths[0] : "nothing");

    return find_traces(set) == 0 ? 0 : no_memory(paths[0], error);
}

int report_set_open(struct report_set **set, char *const *paths, unsigned nr, struct error *error)
{
    struct error own;

    if (error == NULL)
        error = &own;
    error->text[0] = '\0';
    *set = calloc(1, sizeof(**set));
    if (*set == NULL)
        return error_set(error, "no memory for the results");
    if (set_fill(*set, paths, nr, error) == 0)
        return 0;

    report_set_close(*set);
    *set = NULL;
    return -1;
}

void report_set_close(struct report_set *set)
{
    if (set == NULL)
        return;

    for (unsigned i = 0; i < set->nr; i++)
        header_free(&set->headers[i]);
    for (unsigned i = 0; i < set->nr_stacks; i++)
        free(set->stacks[i]);
    for (unsigned i = 0; i < set->nr_benchmarks; i++)
        free(set->benchmarks[i]);
    free(set->headers);
    free(set->starts);
    free(set->stacks);
    free(set->benchmarks);
    free(set);
}

unsigned report_set_size(const struct report_set *set)
{
    return set->nr;
}

unsigned report_set_traces(const struct report_set *set)
{
    return set->traces;
}

unsigned report_set_results(const struct report_set *set, unsigned trace)
{
    return set->starts[trace + 1] - set->starts[trace];
}

const struct report_header *report_set_header(const struct report_set *set, unsigned trace,
                                              unsigned result)
{
    return &set->headers[set->starts[trace] + result];
}

/* The document in FILE once more. */
static int read_again(const struct report_header *header, struct report_file *file,
                      struct error *error)
{
    int fd = open(header->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set(error, "%s: cannot open: %s", header->path, strerror(errno));

    *file = (struct report_file){.bytes = malloc(header->length), .length = header->length};
    if (file->bytes == NULL) {
        close(fd);
        return no_memory(header->path, error);
    }

    ssize_t got = pread(fd, file->bytes, header->length, (off_t)header->offset);
    int code = errno;

    close(fd);
    if (got == (ssize_t)header->length)
        return 0;

    free(file->bytes);
    if (got < 0)
        return error_set(error, "%s: cannot read: %s", header->path, strerror(code));
    return error_set(error, "%s: the file became shorter while it was read", header->path);
}

int report_set_load(const struct report_set *set, unsigned trace, unsigned number,
                    struct report_result *result, struct error *error)
{
    const struct report_header *header = report_set_header(set, trace, number);
    struct report_file file = {.bytes = header->bytes, .length = header->length};
    char name[ERROR_TEXT_MAX];
    unsigned line = header->line;
    size_t offset = 0;

    *result = (struct report_result){0};
    if (header->bytes == NULL && read_again(header, &file, error) != 0)
        return -1;

    header_name(header, name, sizeof(name));

    json_t *root = report_file_parse(&file, header->path, &offset, &line, error);

    if (header->bytes == NULL)
        free(file.bytes);
    return root != NULL ? load_take(result, root, name, error) : -1;
}

struct report_result *report_set_load_trace(const struct report_set *set, unsigned trace,
                                            struct error *error)
{
    unsigned nr = report_set_results(set, trace);
    struct report_result *results = calloc(nr, sizeof(*results));

    if (results == NULL) {
        error_set(error, "no memory for %u results", nr);
        return NULL;
    }

    for (unsigned i = 0; i < nr; i++)
        if (report_set_load(set, trace, i, &results[i], error) != 0) {
            report_results_free(results, nr);
            return NULL;
        }

    return results;
}

void report_results_free(struct report_result *results, unsigned nr)
{
    if (results == NULL)
        return;

    for (unsigned i = 0; i < nr; i++)
        report_result_free(&results[i]);
    free(results);
}

const char *report_set_benchmark(const struct report_set *set, unsigned number)
{
    return number < set->nr_benchmarks ? set->benchmarks[number] : NULL;
}
