/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/load_private.h"

static struct {
    json_t *roots[SAMPLES];
    char folder[64];
} samples;

void samples_read(const char *path)
{
    struct report_file file;
    struct error error;
    size_t offset = 0;
    unsigned line = 1;

    if (report_file_read(&file, path, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    for (unsigned i = 0; i < SAMPLES; i++) {
        samples.roots[i] = report_file_parse(&file, path, &offset, &line, &error);
        if (samples.roots[i] == NULL) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
    }
    free(file.bytes);
    strcpy(samples.folder, "samples.XXXXXX");
    if (mkdtemp(samples.folder) == NULL)
        exit(1);
}

void samples_free(void)
{
    for (unsigned i = 0; i < SAMPLES; i++)
        json_decref(samples.roots[i]);
    rmdir(samples.folder);
}

json_t *sample_copy(unsigned number)
{
    json_t *copy = json_deep_copy(samples.roots[number]);

    assert_non_null(copy);
    return copy;
}

void sample_set(json_t *root, const char *path, json_t *value)
{
    char parent[256];
    const char *dot = strrchr(path, '.');

    snprintf(parent, sizeof(parent), "%.*s", dot != NULL ? (int)(dot - path) : 0, path);

    json_t *object = report_at(root, parent);

    if (json_is_array(object))
        assert_int_equal(json_array_set_new(object, strtoul(dot + 1, NULL, 10), value), 0);
    else
        assert_int_equal(json_object_set_new(object, dot != NULL ? dot + 1 : path, value), 0);
}

struct report_result sample_result(json_t *root)
{
    struct report_result result;
    struct error error = {.text = ""};

    if (load_take(&result, root, "sample", &error) != 0)
        fail_msg("%s", error.text);
    return result;
}

const char *sample_file(const char *name, const char *text)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", samples.folder, name);

    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    return path;
}
