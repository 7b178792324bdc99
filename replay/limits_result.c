/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Limits for people and for programs.
 *
 * A count that a real kernel was measured to have stands beside what is found here, in the table
 * and in the JSON; it is never used to find it. Whatever no kernel was measured for is called a
 * prediction: other sizes of memory, designs that never shipped, spaces and objects everywhere.
 */

#include "replay/limits_result.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "common/size.h"

#define HALF_MIB ((uint64_t)1 << 19)

/* Receive rights of one task on the bare kernel, measured. */
static const struct {
    const char *stack, *geometry;
    unsigned mib;
    uint64_t rights;
} measured[] = {
    {"table+vm", "i386-2013", 64, 266749},          {"table+vm", "i386-2013", 128, 266749},
    {"table+vm", "i386-2013", 512, 266749},         {"table+vm", "i386-2013", 1024, 266749},
    {"radix+vm", "i386-2013", 128, 979426},         {"radix+vm", "i386-2013", 512, 979426},
    {"radix+vm", "i386-2013", 1024, 979426},        {"radix+buddy", "i386-2016-02", 64, 602232},
    {"radix+buddy", "i386-2016-02", 128, 1242824},  {"radix+buddy", "i386-2016-02", 512, 5086348},
    {"radix+buddy", "i386-2016-02", 1024, 9235946}, {"radix+hybrid", "i386-2016", 64, 445278},
    {"radix+hybrid", "i386-2016", 128, 1053476},    {"radix+hybrid", "i386-2016", 512, 4702376},
    {"radix+hybrid", "i386-2016", 1024, 8639076},
};

uint64_t limits_measured(const struct limits_case *subject)
{
    for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
        if (strcmp(measured[i].stack, subject->stack->name) == 0 &&
            strcmp(measured[i].geometry, subject->geometry->name) == 0 &&
            (uint64_t)measured[i].mib << 20 == subject->memory && !subject->exact_bitmaps)
            return measured[i].rights;

    return 0;
}

const char *limits_kernel(const struct limits_case *subject)
{
    const struct start *start = start_find(subject->stack, subject->geometry);
    const char *geometry = subject->geometry->name;
    bool split = strcmp(start->geometry, "i386-2013") == 0 && strcmp(geometry, "i386-2013-2g") == 0;

    if (subject->exact_bitmaps ||
        strcmp(start_data_find(start)->stack, subject->stack->name) != 0 ||
        (strcmp(start->geometry, geometry) != 0 && !split))
        return NULL;

    return start->kernel;
}

static bool is_captured(const struct limits_case *subject)
{
    return start_is_captured(start_find(subject->stack, subject->geometry), subject->stack,
                             subject->geometry, subject->memory);
}

static const char *named(const struct limits_case *subject)
{
    return subject->named != NULL ? subject->named : subject->geometry->name;
}

/* ---- JSON ---- */

static json_t *failure_json(const struct limit *limit, bool spaces, int *failed)
{
    static const char *const requests[] = {"port", "name", "space", "object"};
    const struct failure *f = &limit->failure;
    char text[LIMITS_TEXT_MAX];
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:I, s:s}", "request", requests[limit->request],
        "cause", failure_cause_name(f->cause), "resource", f->resource, "requested",
        (json_int_t)f->requested, "free", (json_int_t)f->free, "largest", (json_int_t)f->largest,
        "pieces", (json_int_t)f->pieces, "waits_for_ever", (int)limit->waits, "pages_free",
        (json_int_t)limit->pages_free, "reason", limits_reason(limit, text));

    if (spaces)
        *failed |=
            json_object_set_new(object, "rights_of_last", json_integer((json_int_t)limit->partial));
    return object;
}

static json_t *cell_json(const struct limits_cell *cell, int *failed)
{
    const struct limits_case *subject = &cell->subject;
    const char *kernel = limits_kernel(subject);
    uint64_t real = cell->counted[LIMITS_RIGHTS] ? limits_measured(subject) : 0;
    uint64_t lost, highmem;

    limits_memory(subject->geometry, subject->memory, &lost, &highmem);

    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:s?, s:b, s:{s:s, s:s}}", "stack", subject->stack->name,
        "geometry", named(subject), "memory_bytes", (json_int_t)subject->memory, "memory_lost",
        (json_int_t)lost, "memory_highmem", (json_int_t)highmem, "kernel", kernel, "prediction",
        (int)(real == 0), "start", "known", is_captured(subject) ? "captured" : "model", "of",
        start_find(subject->stack, subject->geometry)->name);

    if (strcmp(named(subject), subject->geometry->name) != 0)
        *failed |= json_object_set_new(object, "machine", json_string(subject->geometry->name));
    if (real != 0)
        *failed |= json_object_set_new(object, "measured_rights", json_integer((json_int_t)real));

    for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
        const char *name = limits_kind_name((enum limits_kind)kind);
        char key[32];

        if (!cell->counted[kind])
            continue;

        snprintf(key, sizeof(key), "%s_failure", name);
        *failed |=
            json_object_set_new(object, name, json_integer((json_int_t)cell->limits[kind].count));
        if (kind == LIMITS_SPACES)
            *failed |=
                json_object_set_new(object, "space_rights", json_integer(LIMITS_SPACE_RIGHTS));
        if (kind == LIMITS_OBJECTS)
            *failed |= json_object_set_new(object, "object_size",
                                           json_integer((json_int_t)subject->object_size));
        *failed |= json_object_set_new(
            object, key, failure_json(&cell->limits[kind], kind == LIMITS_SPACES, failed));
    }

    return object;
}

int limits_write(FILE *stream, const struct limits_cell *cell, struct error *error)
{
    int failed = 0;
    json_t *object = cell_json(cell, &failed);

    if (object == NULL || failed != 0) {
        json_decref(object);
        return error_set(error, "no memory for the result");
    }

    int status = json_dumpf(object, stream, JSON_COMPACT);

    json_decref(object);
    if (status != 0 || fputc('\n', stream) == EOF || fflush(stream) != 0)
        return error_set(error, "cannot write the standard output: %s", strerror(errno));

    return 0;
}

/* ---- Table ---- */

/* "1.5: 266749", "1.5: 266749 (+2)", "prediction". */
static const char *kernel_text(const struct limits_cell *cell, char *text, size_t size)
{
    uint64_t real = limits_measured(&cell->subject);
    int64_t difference = (int64_t)(cell->limits[LIMITS_RIGHTS].count - real);

    if (real == 0 || !cell->counted[LIMITS_RIGHTS])
        return "prediction";

    if (difference == 0)
        snprintf(text, size, "%s has %" PRIu64, limits_kernel(&cell->subject), real);
    else
        snprintf(text, size, "%s has %" PRIu64 " (%+" PRId64 ")", limits_kernel(&cell->subject),
                 real, difference);
    return text;
}

void limits_table_begin(FILE *stream, const struct limits_cell *cell)
{
    fprintf(stream, "%-13s %-13s %7s", "stack", "geometry", "memory");
    for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
        if (cell->counted[kind])
            fprintf(stream, " %9s", limits_kind_name((enum limits_kind)kind));
    fprintf(stream, "  %s\n", "rights of the real kernel");
}

void limits_table_row(FILE *stream, const struct limits_cell *cell)
{
    char memory[SIZE_TEXT_MAX], kernel[80];

    size_format(cell->subject.memory, memory, sizeof(memory));
    fprintf(stream, "%-13s %-13s %7s", cell->subject.stack->name, named(&cell->subject), memory);
    for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
        if (cell->counted[kind])
            fprintf(stream, " %9" PRIu64, cell->limits[kind].count);
    fprintf(stream, "  %s\n", kernel_text(cell, kernel, sizeof(kernel)));
}

static bool same_machine(const struct limits_cell *a, const struct limits_cell *b)
{
    return a->subject.stack == b->subject.stack &&
           strcmp(named(&a->subject), named(&b->subject)) == 0;
}

/* Whether the reason of KIND of CELLS[I] was told with one before it. */
static bool was_told(const struct limits_cell *cells, size_t i, unsigned kind, const char *reason)
{
    char other[LIMITS_TEXT_MAX];

    for (size_t j = i + 1; j-- > 0 && same_machine(&cells[j], &cells[i]);)
        for (unsigned k = 0; k < (j == i ? kind : (unsigned)LIMITS_KINDS); k++)
            if (cells[j].counted[k] &&
                strcmp(limits_reason(&cells[j].limits[k], other), reason) == 0)
                return true;

    return false;
}

/* The reason of KIND of CELLS[I], with all that it is the reason of. */
static void reason_print(FILE *stream, const struct limits_cell *cells, size_t nr, size_t i,
                         unsigned kind)
{
    char reason[LIMITS_TEXT_MAX], other[LIMITS_TEXT_MAX], memory[SIZE_TEXT_MAX];

    if (was_told(cells, i, kind, limits_reason(&cells[i].limits[kind], reason)))
        return;

    fprintf(stream, "%s, %s", cells[i].subject.stack->name, named(&cells[i].subject));
    for (unsigned k = kind; k < LIMITS_KINDS; k++) {
        bool first = true;

        for (size_t j = i; j < nr && same_machine(&cells[j], &cells[i]); j++) {
            if (!cells[j].counted[k] ||
                strcmp(limits_reason(&cells[j].limits[k], other), reason) != 0)
                continue;
            fprintf(stream, first ? ", %s %s" : " %s%s",
                    first ? limits_kind_name((enum limits_kind)k) : "",
                    size_format(cells[j].subject.memory, memory, sizeof(memory)));
            first = false;
        }
    }
    fprintf(stream, ": %s.\n", reason);
}

/* Memory that a machine has in vain. */
static void memory_print(FILE *stream, const struct limits_case *subject)
{
    uint64_t lost, highmem;
    char memory[SIZE_TEXT_MAX];

    limits_memory(subject->geometry, subject->memory, &lost, &highmem);
    if (lost + highmem == 0)
        return;

    fprintf(stream, "%s, %s: %" PRIu64 " MiB lie above the direct map of %" PRIu64 " MiB, %s.\n",
            subject->geometry->name, size_format(subject->memory, memory, sizeof(memory)),
            (lost + highmem + HALF_MIB) >> 20,
            (subject->geometry->direct_map_max + PAGE_SIZE) >> 20,
            lost != 0 ? "and are lost" : "and are for user pages only");
}

void limits_table_end(FILE *stream, const struct limits_cell *cells, size_t nr)
{
    fputc('\n', stream);
    for (size_t i = 0; i < nr; i++)
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
            if (cells[i].counted[kind])
                reason_print(stream, cells, nr, i, kind);

    for (size_t i = 0; i < nr; i++) {
        bool told = false;

        for (size_t j = 0; j < i; j++)
            told |= cells[j].subject.geometry == cells[i].subject.geometry &&
                    cells[j].subject.memory == cells[i].subject.memory;
        if (!told)
            memory_print(stream, &cells[i].subject);
    }
}
