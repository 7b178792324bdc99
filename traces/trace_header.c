/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The header of a trace: which machine, and where it comes from.
 *
 * Provenance is pairs of text in order, because nobody can know today what the captures of next
 * year will have to tell; the machine is numbers, because the replay computes with them.
 */

#include <stdlib.h>

#include "traces/format.h"

void trace_header_init(struct trace_header *header)
{
    memset(header, 0, sizeof(*header));
}

void trace_header_free(struct trace_header *header)
{
    for (unsigned i = 0; i < header->nr_provenance; i++) {
        free(header->provenance[i].key);
        free(header->provenance[i].value);
    }
    free(header->provenance);
    trace_header_init(header);
}

static char *copy_text(const char *text, size_t size)
{
    char *copy = malloc(size + 1);

    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

static int header_add(struct trace_header *header, const char *key, size_t key_size,
                      const char *value, size_t value_size)
{
    struct trace_provenance *pairs, pair;

    if (header->nr_provenance >= FORMAT_PAIRS_MAX || key_size > FORMAT_STRING_MAX ||
        value_size > FORMAT_STRING_MAX)
        return -1;
    pairs = realloc(header->provenance, (header->nr_provenance + 1) * sizeof(*pairs));
    if (pairs == NULL)
        return -1;
    header->provenance = pairs;
    pair.key = copy_text(key, key_size);
    pair.value = copy_text(value, value_size);
    if (pair.key == NULL || pair.value == NULL) {
        free(pair.key);
        free(pair.value);
        return -1;
    }
    pairs[header->nr_provenance++] = pair;
    return 0;
}

int trace_header_add(struct trace_header *header, const char *key, const char *value)
{
    return header_add(header, key, strlen(key), value, strlen(value));
}

int format_header_copy(struct trace_header *to, const struct trace_header *from)
{
    trace_header_init(to);
    to->machine = from->machine;
    for (unsigned i = 0; i < from->nr_provenance; i++) {
        if (trace_header_add(to, from->provenance[i].key, from->provenance[i].value) != 0) {
            trace_header_free(to);
            return -1;
        }
    }
    return 0;
}

void format_machine_put(struct bytes *bytes, const struct trace_machine *machine)
{
    bytes_number(bytes, machine->page_size);
    bytes_number(bytes, machine->pointer_size);
    bytes_number(bytes, machine->memory);
    bytes_number(bytes, machine->nr_segments);
    for (unsigned i = 0; i < machine->nr_segments; i++) {
        bytes_number(bytes, machine->segments[i].kind);
        bytes_number(bytes, machine->segments[i].start);
        bytes_number(bytes, machine->segments[i].end);
    }
    bytes_number(bytes, machine->kernel_base);
    bytes_number(bytes, machine->kernel_map_start);
    bytes_number(bytes, machine->kernel_map_end);
    bytes_number(bytes, machine->kmem_map_start);
    bytes_number(bytes, machine->kmem_map_end);
    bytes_string(bytes, machine->geometry, strnlen(machine->geometry, sizeof(machine->geometry)));
    bytes_string(bytes, machine->stack, strnlen(machine->stack, sizeof(machine->stack)));
    bytes_string(bytes, machine->time_unit,
                 strnlen(machine->time_unit, sizeof(machine->time_unit)));
    bytes_number(bytes, machine->ticks_per_second);
    bytes_number(bytes, machine->boot_pages);
}

static void machine_text(struct cursor *cursor, char *text, size_t room)
{
    uint64_t size = cursor_number(cursor);
    const uint8_t *data = size < room ? cursor_bytes(cursor, size) : NULL;

    if (data == NULL) {
        cursor->failed = true;
        return;
    }
    memcpy(text, data, size);
}

static void machine_get(struct cursor *cursor, struct trace_machine *machine)
{
    uint64_t boot_pages;

    machine->page_size = cursor_number_32(cursor);
    machine->pointer_size = cursor_number_32(cursor);
    machine->memory = cursor_number(cursor);
    machine->nr_segments = cursor_number_32(cursor);
    if (machine->nr_segments > sizeof(machine->segments) / sizeof(machine->segments[0])) {
        machine->nr_segments = 0;
        cursor->failed = true;
    }
    for (unsigned i = 0; i < machine->nr_segments; i++) {
        uint64_t kind = cursor_number(cursor);

        cursor->failed |= kind > EVENT_HIGHMEM;
        machine->segments[i].kind = (uint8_t)kind;
        machine->segments[i].start = cursor_number_32(cursor);
        machine->segments[i].end = cursor_number_32(cursor);
    }
    machine->kernel_base = cursor_number(cursor);
    machine->kernel_map_start = cursor_number(cursor);
    machine->kernel_map_end = cursor_number(cursor);
    machine->kmem_map_start = cursor_number(cursor);
    machine->kmem_map_end = cursor_number(cursor);
    machine_text(cursor, machine->geometry, sizeof(machine->geometry));
    machine_text(cursor, machine->stack, sizeof(machine->stack));
    machine_text(cursor, machine->time_unit, sizeof(machine->time_unit));
    machine->ticks_per_second = cursor_number(cursor);
    boot_pages = cursor_number(cursor);
    cursor->failed |= boot_pages > 1;
    machine->boot_pages = boot_pages == 1;
}

void format_header_put(struct bytes *bytes, const struct trace_header *header, int level)
{
    bytes_number(bytes, zigzag(level));
    format_machine_put(bytes, &header->machine);
    bytes_number(bytes, header->nr_provenance);
    for (unsigned i = 0; i < header->nr_provenance; i++) {
        bytes_string(bytes, header->provenance[i].key, strlen(header->provenance[i].key));
        bytes_string(bytes, header->provenance[i].value, strlen(header->provenance[i].value));
    }
}

/* A pair; the text must not hold NULs, since it is handed out as C strings. */
static int pair_get(struct cursor *cursor, struct trace_header *header, struct error *error)
{
    uint64_t key_size = cursor_number(cursor), value_size;
    const uint8_t *key = cursor_bytes(cursor, key_size), *value;

    value_size = cursor_number(cursor);
    value = cursor_bytes(cursor, value_size);
    if (cursor->failed || memchr(key, '\0', key_size) != NULL ||
        memchr(value, '\0', value_size) != NULL)
        return error_set(error, "provenance %u of the header is malformed", header->nr_provenance);
    if (header_add(header, (const char *)key, key_size, (const char *)value, value_size) != 0)
        return error_set(error,
                         "provenance %u of the header is too long (at most %u bytes) or "
                         "memory is short",
                         header->nr_provenance, FORMAT_STRING_MAX);
    return 0;
}

int format_header_get(struct cursor *cursor, struct trace_header *header, int *level,
                      struct error *error)
{
    int64_t stored_level = unzigzag(cursor_number(cursor));
    uint64_t pairs;

    trace_header_init(header);
    if (stored_level < -(1 << 17) || stored_level > 22)
        return error_set(error, "the header names compression level %lld, expected at most 22",
                         (long long)stored_level);
    *level = (int)stored_level;
    machine_get(cursor, &header->machine);
    pairs = cursor_number(cursor);
    if (cursor->failed || pairs > FORMAT_PAIRS_MAX)
        return error_set(error, "the machine in the header is malformed");
    for (uint64_t i = 0; i < pairs; i++) {
        if (pair_get(cursor, header, error) != 0) {
            trace_header_free(header);
            return -1;
        }
    }
    return 0;
}
