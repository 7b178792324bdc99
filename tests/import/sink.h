/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Takes the events of an import: holds them against the rules of a trace, writes them as text, and
 * sums them up.
 */

#ifndef TESTS_IMPORT_SINK_H
#define TESTS_IMPORT_SINK_H

#include <stdio.h>

#include "traces/import.h"
#include "traces/live.h"

struct sink {
    struct live *live; /* NULL: no rules */
    FILE *text;        /* NULL: no text */
    uint64_t events;
    uint64_t by_kind[EVENT_KINDS];
    uint64_t failed, inferred;
    uint64_t digest;  /* of all events and payloads */
    uint64_t fail_at; /* this event is refused; 0: none */
};

void sink_open(struct sink *sink, FILE *text);
void sink_close(struct sink *sink);
int sink_emit(void *context, const struct event *event, const void *payload, size_t size,
              struct error *error);

/* Imports PATH into SINK: 0, or -1 with the error set. COUNTS may be NULL. When SUMMARY is not
 * NULL, what is known of the machine and the calls goes there. */
int sink_import(struct sink *sink, const char *path, bool partial, struct import_counts *counts,
                FILE *summary, struct error *error);

/* A file with SIZE bytes of TEXT; its name is in NAME. */
void file_with(char name[64], const void *text, size_t size);
/* All of a file, NUL-terminated, to be freed. */
char *file_read(const char *path, size_t *size);

#endif
