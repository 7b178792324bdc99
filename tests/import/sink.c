/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

void sink_open(struct sink *sink, FILE *text)
{
    memset(sink, 0, sizeof(*sink));
    sink->live = live_create(4096);
    sink->text = text;
}

void sink_close(struct sink *sink)
{
    live_destroy(sink->live);
    sink->live = NULL;
}

static void number(FILE *text, const char *name, uint32_t value)
{
    if (value == OBJECT_NONE)
        fprintf(text, " %s=none", name);
    else if (value != 0)
        fprintf(text, " %s=%" PRIu32, name, value);
}

static void write_truth(FILE *text, const struct truth *truth)
{
    for (unsigned i = 0; i < truth->nr_caches; i++)
        fprintf(text, " cache%" PRIu32 "=%" PRIu64, truth->caches[i].cache,
                truth->caches[i].objects);
    for (unsigned i = 0; i < truth->nr_segments; i++)
        fprintf(text, " free%u=%" PRIu32 "+%" PRIu32, i, truth->segments[i].free,
                truth->segments[i].pool);
    if (truth->has_free_count)
        fprintf(text, " free=%" PRIu64, truth->free_count);
}

static void write_text(FILE *text, const struct event *event, const void *payload, size_t size)
{
    fprintf(text, "%" PRIu64 " %u %s", event->time, event->task, event_kind_name(event->kind));
    number(text, "where", event->where);
    fprintf(text, event->object == OBJECT_NONE ? " object=none" : " object=%" PRIu32,
            event->object);
    number(text, "size", event->size);
    if (event->address != 0)
        fprintf(text, " address=%" PRIx64, event->address);
    if (event->flags != 0)
        fprintf(text, " flags=%x", event->flags);
    if (event->kind == EVENT_CACHE_CREATE)
        fprintf(text, " %s", ((const struct cache_definition *)payload)->name);
    else if (event->kind == EVENT_TRUTH)
        write_truth(text, payload);
    else if (size != 0)
        fprintf(text, " %.*s", (int)size, (const char *)payload);
    fputc('\n', text);
}

static void digest_number(struct sink *sink, uint64_t number)
{
    sink->digest = XXH3_64bits_withSeed(&number, sizeof(number), sink->digest);
}

/* Field by field: the struct has holes. */
static void digest_truth(struct sink *sink, const struct truth *truth)
{
    for (unsigned i = 0; i < truth->nr_caches; i++) {
        digest_number(sink, truth->caches[i].cache);
        digest_number(sink, truth->caches[i].objects);
        digest_number(sink, truth->caches[i].slabs);
        digest_number(sink, truth->caches[i].free_slabs);
    }
    for (unsigned i = 0; i < truth->nr_segments; i++) {
        digest_number(sink, truth->segments[i].free);
        digest_number(sink, truth->segments[i].pool);
        for (unsigned order = 0; order < 11; order++)
            digest_number(sink, truth->segments[i].orders[order]);
    }
    for (unsigned i = 0; i < EVENT_MAPS; i++) {
        digest_number(sink, truth->maps[i].entries);
        digest_number(sink, truth->maps[i].size);
    }
    for (unsigned i = 0; i < truth->nr_spaces; i++) {
        digest_number(sink, truth->spaces[i].space);
        digest_number(sink, truth->spaces[i].rights);
        digest_number(sink, truth->spaces[i].table_size);
    }
    digest_number(sink, truth->free_count);
}

int sink_emit(void *context, const struct event *event, const void *payload, size_t size,
              struct error *error)
{
    struct sink *sink = context;

    if (++sink->events == sink->fail_at)
        return error_set(error, "event %" PRIu64 " is refused", sink->events);
    if (sink->live != NULL && live_event(sink->live, event, error) != 0)
        return -1;
    sink->by_kind[event->kind]++;
    sink->failed += (event->flags & EVENT_FAILED) != 0 && event->kind != EVENT_MARK;
    sink->inferred += (event->flags & EVENT_INFERRED) != 0;
    sink->digest = XXH3_64bits_withSeed(event, sizeof(*event), sink->digest);
    if (event->kind == EVENT_TRUTH)
        digest_truth(sink, payload);
    else if (size != 0)
        sink->digest = XXH3_64bits_withSeed(payload, size, sink->digest);
    if (sink->text != NULL)
        write_text(sink->text, event, payload, size);
    return 0;
}

static void write_machine(FILE *text, const struct trace_header *header)
{
    const struct trace_machine *machine = &header->machine;

    fprintf(text,
            "machine %s %s memory %" PRIx64 " base %" PRIx64 " map %" PRIx64 "-%" PRIx64
            " kmem %" PRIx64 "-%" PRIx64 " %s %" PRIu64 " a second, boot pages %s\n",
            machine->geometry[0] != '\0' ? machine->geometry : "?",
            machine->stack[0] != '\0' ? machine->stack : "?", machine->memory, machine->kernel_base,
            machine->kernel_map_start, machine->kernel_map_end, machine->kmem_map_start,
            machine->kmem_map_end, machine->time_unit, machine->ticks_per_second,
            machine->boot_pages ? "known" : "not known");
    for (unsigned i = 0; i < machine->nr_segments; i++)
        fprintf(text, "segment %u frames %" PRIx32 "-%" PRIx32 "\n", machine->segments[i].kind,
                machine->segments[i].start, machine->segments[i].end);
}

static void write_calls(FILE *text, const struct import_counts *counts)
{
    for (unsigned call = 1; call < CALLS; call++) {
        if (counts->primary[call] != 0 || counts->derived[call] != 0)
            fprintf(text, "call %s primary %" PRIu64 " derived %" PRIu64 "\n", log_call_name(call),
                    counts->primary[call], counts->derived[call]);
    }
    fprintf(text,
            "pages unknown %" PRIu64 " exchanged %" PRIu64 " reused %" PRIu64 " inferred %" PRIu64
            "\ncounters %" PRIu64 " wrong %" PRIu64 "\n",
            counts->pages_unknown, counts->pages_exchanged, counts->pages_reused,
            counts->pages_inferred, counts->counters, counts->counters_wrong);
}

int sink_import(struct sink *sink, const char *path, bool partial, struct import_counts *counts,
                FILE *summary, struct error *error)
{
    struct import_options options = {.partial = partial};
    struct import *import = import_open(path, &options, error);
    int code;

    if (import == NULL)
        return -1;
    if (summary != NULL)
        write_machine(summary, import_header(import));
    do {
        code = import_run(import, 1000, sink_emit, sink, error);
    } while (code > 0);
    if (code == 0 && summary != NULL)
        write_calls(summary, import_counts(import));
    if (counts != NULL)
        *counts = *import_counts(import);
    import_close(import);
    return code;
}

void file_with(char name[64], const void *text, size_t size)
{
    int file;

    strcpy(name, "/tmp/allotrope-import-XXXXXX");
    file = mkstemp(name);
    if (file < 0 || write(file, text, size) != (ssize_t)size || close(file) != 0)
        abort();
}

char *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1u << 20);

    if (file == NULL || text == NULL)
        abort();
    *size = fread(text, 1, (1u << 20) - 1, file);
    text[*size] = '\0';
    fclose(file);
    return text;
}
