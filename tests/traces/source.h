/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Random traces for tests: every kind of event, valid by construction, one seed for all of it.
 */

#ifndef TESTS_TRACES_SOURCE_H
#define TESTS_TRACES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traces/trace.h"

#define SOURCE_CACHES  20
#define SOURCE_SPACES  12
#define SOURCE_OBJECTS 3000
#define SOURCE_RIGHTS  3000

/* How numbers are given out: as importers do, or against every expectation of the format. */
enum source_policy { SOURCE_LIFO, SOURCE_RANDOM, SOURCE_POLICIES };

struct source_thing {
    bool alive, reverse;
    uint8_t kind;
    uint32_t where, size;
};

struct source {
    uint64_t state, time;
    enum source_policy policy;
    uint32_t nr_caches;
    uint8_t spaces[SOURCE_SPACES]; /* 0 none, 1 active, 2 special, 3 destroyed */
    struct source_thing objects[SOURCE_OBJECTS], rights[SOURCE_RIGHTS];
    uint32_t free_objects[SOURCE_OBJECTS], free_rights[SOURCE_RIGHTS];
    uint32_t nr_free_objects, nr_free_rights;
    uint8_t payload[32768];
};

struct source *source_create(uint64_t seed, enum source_policy policy);
void source_destroy(struct source *source);
uint64_t source_random(struct source *source, uint64_t below);
/* The next event; its payload is SOURCE->payload, *SIZE bytes. */
void source_next(struct source *source, struct event *event, size_t *size);
void source_header(struct source *source, struct trace_header *header);
/* Writes N events to PATH; asserts that all goes well. */
void source_write(const char *path, uint64_t seed, enum source_policy policy, unsigned n,
                  int level);

/* A path in a folder that is made on first use and removed at exit. */
const char *source_path(const char *name);

#endif
