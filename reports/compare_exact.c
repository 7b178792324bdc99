/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The exact parts of two results side by side.
 *
 * They are walked together, and wherever a value differs there is a row called after its place.
 * Elements of arrays that have a name are matched by it: a cache that one of two stacks has in
 * addition does not make all that follow it differ. Columns of the series, distributions and
 * pictures make one row each, that says in how much they differ: thousands of numbers are looked
 * at in a plot.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/compare.h"

#define PATH_MAX_BYTES 256

struct walk {
    struct compare_pair *pair;
    char path[PATH_MAX_BYTES];
};

/* ---- Importance ---- */

/* The first that a path begins and ends with decides. */
static const struct {
    const char *begin, *end;
    enum compare_group group;
} groups[] = {
    {"digest", "", COMPARE_OUTCOME},
    {"refused.", "", COMPARE_OUTCOME},
    {"skipped.", "", COMPARE_OUTCOME},
    {"kernel_refused_too", "", COMPARE_OUTCOME},
    {"failures.", ".count", COMPARE_OUTCOME},
    {"failures.", ".event", COMPARE_OUTCOME},
    {"failures", "", COMPARE_STATE},
    {"events.replayed", "", COMPARE_OUTCOME},
    {"events.stopped", "", COMPARE_OUTCOME},
    {"until_failure.", "", COMPARE_OUTCOME},
    {"truth.", ".different", COMPARE_OUTCOME},
    {"truth.different", "", COMPARE_OUTCOME},
    {"peak.", "", COMPARE_MEMORY},
    {"requested.held_ratio", "", COMPARE_MEMORY},
    {"end.held.", "", COMPARE_MEMORY},
    {"end.slab_waste_bytes", "", COMPARE_MEMORY},
    {"table_bytes", "", COMPARE_MEMORY},
    {"node_bytes", "", COMPARE_MEMORY},
    {"series.worst.", ".value", COMPARE_FRAGMENTATION},
    {"end.maps.", ".largest_hole", COMPARE_FRAGMENTATION},
    {"end.maps.", ".holes", COMPARE_FRAGMENTATION},
    {"end.maps.", ".free_bytes", COMPARE_FRAGMENTATION},
    {"end.segments.", ".free_pages", COMPARE_FRAGMENTATION},
    {"work.", "", COMPARE_WORK},
    {"work_by_kind.", ".steps.p99", COMPARE_WORK},
    {"work_by_kind.", ".steps.max", COMPARE_WORK},
    {"work_by_kind.", "", COMPARE_CALLS},
    {"caches.", "", COMPARE_CACHES},
    {"spaces.", "", COMPARE_SPACES},
    {"end.", "", COMPARE_STATE},
    {"marks.", "", COMPARE_STATE},
    {"series.", "", COMPARE_SERIES},
};

static bool matches(const char *path, const char *begin, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);

    return strncmp(path, begin, strlen(begin)) == 0 && length >= tail &&
           strcmp(path + length - tail, end) == 0;
}

static enum compare_group group_of(const char *path)
{
    for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (matches(path, groups[i].begin, groups[i].end))
            return groups[i].group;

    return COMPARE_REST;
}

/* ---- Rows ---- */

/* Of these, what is not there is 0: docs/result.md says so. */
static bool absent_is_zero(const char *path)
{
    return strncmp(path, "work_by_kind.", 13) == 0 || strncmp(path, "refused.", 8) == 0 ||
           strncmp(path, "skipped.", 8) == 0;
}

static struct table_cell cell_of(struct walk *walk, const json_t *json)
{
    if (json == NULL && absent_is_zero(walk->path))
        return (struct table_cell){.is = TABLE_IS_INTEGER, .integer = 0};

    return compare_cell(json, &walk->pair->failed);
}

static bool is_zero(const json_t *json)
{
    return json_is_integer(json) && json_integer_value(json) == 0;
}

static void add_scalar(struct walk *walk, const json_t *old, const json_t *new)
{
    if (absent_is_zero(walk->path) && is_zero(old != NULL ? old : new) &&
        (old == NULL || new == NULL))
        return;

    struct compare_row *row = compare_add(walk->pair, walk->path, group_of(walk->path));

    if (row == NULL)
        return;

    row->old.value = cell_of(walk, old);
    row->new.value = cell_of(walk, new);
    if (json_is_string(old) || json_is_string(new))
        row->unit = TABLE_TEXT;
    else if (json_is_boolean(old) || json_is_boolean(new))
        row->unit = TABLE_BOOLEAN;
    else
        row->change =
            compare_change(compare_number(&row->old.value), compare_number(&row->new.value));
}

/* What no number says. */
static void add_texts(struct walk *walk, const char *old, const char *new)
{
    struct compare_row *row = compare_add(walk->pair, walk->path, group_of(walk->path));

    if (row == NULL)
        return;

    row->unit = TABLE_TEXT;
    row->old.value = (struct table_cell){.is = TABLE_IS_TEXT, .text = strdup(old)};
    row->new.value = (struct table_cell){.is = TABLE_IS_TEXT, .text = strdup(new)};
    walk->pair->failed |= row->old.value.text == NULL || row->new.value.text == NULL;
}

static const json_t *event_column(const struct walk *walk)
{
    return report_array(walk->pair->old.exact, "series.event");
}

/* Two columns: how many of their elements differ, and from where on. */
static void add_column(struct walk *walk, const json_t *old, const json_t *new)
{
    size_t nr = json_array_size(old), other = json_array_size(new), differ = 0, first = 0;
    char old_text[64], new_text[64];

    for (size_t i = 0; i < nr && i < other; i++)
        if (!json_equal(json_array_get(old, i), json_array_get(new, i)) && differ++ == 0)
            first = i;

    snprintf(old_text, sizeof(old_text), "%zu samples", nr);
    if (nr == other)
        snprintf(new_text, sizeof(new_text), "%zu differ, from event %" PRId64, differ,
                 report_element(event_column(walk), first));
    else
        snprintf(new_text, sizeof(new_text), "%zu samples", other);
    add_texts(walk, old_text, new_text);
}

static void add_buckets(struct walk *walk, const json_t *old, const json_t *new)
{
    char old_text[64], new_text[64];

    snprintf(old_text, sizeof(old_text), "%zu buckets", json_array_size(old));
    snprintf(new_text, sizeof(new_text), "%zu, others", json_array_size(new));
    add_texts(walk, old_text, new_text);
}

/* ---- Walking ---- */

static void walk_value(struct walk *walk, const json_t *old, const json_t *new);

static void walk_child(struct walk *walk, const char *name, const json_t *old, const json_t *new)
{
    size_t former = strlen(walk->path);

    snprintf(walk->path + former, sizeof(walk->path) - former, "%s%s", former != 0 ? "." : "",
             name);
    walk_value(walk, old, new);
    walk->path[former] = '\0';
}

static void walk_object(struct walk *walk, const json_t *old, const json_t *new)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)old, key, value)
        walk_child(walk, key, value, json_object_get(new, key));
    json_object_foreach((json_t *)new, key, value) if (json_object_get(old, key) == NULL)
        walk_child(walk, key, NULL, value);
}

/* What an element of an array is known by, in BUFFER; false when it is by its place. A class of
 * failures has no name, but no two are alike in these. */
static bool element_name(const json_t *element, char *buffer, size_t size)
{
    if (report_at(element, "cause") != NULL)
        snprintf(buffer, size, "%s/%s/%s%s", report_text(element, "kind"),
                 report_text(element, "cause"), report_text(element, "resource"),
                 report_true(element, "kernel_too") ? "/kernel-too" : "");
    else if (report_at(element, "space") != NULL)
        snprintf(buffer, size, "%" PRId64, report_integer(element, "space"));
    else if (report_at(element, "name") != NULL && report_at(element, "held") == NULL)
        snprintf(buffer, size, "%s", report_text(element, "name"));
    else
        return false;

    return true;
}

/* The element of ARRAY of that name; at the same place before all others, as names may be there
 * twice. */
static const json_t *find_named(const json_t *array, size_t place, const char *name)
{
    char own[128];
    size_t i;
    json_t *element;

    if (element_name(json_array_get(array, place), own, sizeof(own)) && strcmp(own, name) == 0)
        return json_array_get(array, place);

    json_array_foreach(array, i, element) if (element_name(element, own, sizeof(own)) &&
                                              strcmp(own, name) == 0) return element;

    return NULL;
}

static void walk_named(struct walk *walk, const json_t *old, const json_t *new)
{
    char name[128];
    size_t i;
    json_t *element;

    json_array_foreach(old, i, element) if (element_name(element, name, sizeof(name)))
        walk_child(walk, name, element, find_named(new, i, name));
    json_array_foreach(new, i, element) if (element_name(element, name, sizeof(name)) &&
                                            find_named(old, i, name) == NULL)
        walk_child(walk, name, NULL, element);
}

static void walk_numbered(struct walk *walk, const json_t *old, const json_t *new)
{
    size_t nr = json_array_size(old), other = json_array_size(new);
    char name[128];

    for (size_t i = 0; i < nr || i < other; i++) {
        const json_t *element = json_array_get(i < nr ? old : new, i);
        const char *mark = report_text(element, "name");

        snprintf(name, sizeof(name), "%zu%s%.80s", i, mark[0] != '\0' ? ":" : "", mark);
        walk_child(walk, name, json_array_get(old, i), json_array_get(new, i));
    }
}

static void walk_array(struct walk *walk, const json_t *old, const json_t *new)
{
    const json_t *first = json_array_get(json_array_size(old) != 0 ? old : new, 0);
    bool series = strncmp(walk->path, "series.", 7) == 0 && strstr(walk->path, ".deep.") == NULL;
    size_t length = strlen(walk->path);
    char name[128];

    if (length > 8 && strcmp(walk->path + length - 8, ".buckets") == 0)
        add_buckets(walk, old, new);
    else if (element_name(first, name, sizeof(name)))
        walk_named(walk, old, new);
    else if (series && (json_is_integer(first) || json_is_string(first)))
        add_column(walk, old, new);
    else
        walk_numbered(walk, old, new);
}

/* Either may be missing. The depth is that of a result. */
static void walk_value(struct walk *walk, const json_t *old, const json_t *new)
{
    const json_t *any = old != NULL ? old : new;

    if (old != NULL && new != NULL && json_equal(old, new))
        return;

    if (json_is_object(any))
        walk_object(walk, old, new);
    else if (json_is_array(any))
        walk_array(walk, old, new);
    else
        add_scalar(walk, old, new);
}

/* Parts that are there when they were asked for, and what asks. */
static const struct {
    const char *part, *option;
} parts[] = {{"series", "--sample"}, {"work_by_kind", "--work"}, {"truth", "--truth"}};

/* Whether one of the two has a part that the other was not asked for; then it is said. */
static bool is_lacking(struct compare_pair *pair, const char *part)
{
    bool old = json_object_get(pair->old.exact, part) != NULL;
    bool new = json_object_get(pair->new.exact, part) != NULL;

    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(parts[i].part, part) == 0 && old != new) {
            compare_warn(pair, "%s is not compared: %s has none (%s)", part,
                         old ? pair->new.path : pair->old.path, parts[i].option);
            return true;
        }

    return false;
}

static void compare_part(struct walk *walk, const char *part)
{
    if (!is_lacking(walk->pair, part))
        walk_child(walk, part, json_object_get(walk->pair->old.exact, part),
                   json_object_get(walk->pair->new.exact, part));
}

void compare_exact(struct compare_pair *pair)
{
    struct walk walk = {.pair = pair, .path = ""};
    const char *part;
    json_t *value;

    json_object_foreach(pair->old.exact, part, value) compare_part(&walk, part);
    json_object_foreach(pair->new.exact, part, value) if (json_object_get(pair->old.exact, part) ==
                                                          NULL) compare_part(&walk, part);
}
