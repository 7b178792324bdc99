/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a trace made, thing by thing: when, where, for whom, and what became of it. Private to the
 * fit.
 */

#ifndef WORKLOADS_FIT_READ_H
#define WORKLOADS_FIT_READ_H

#include "workloads/fit.h"

enum fate {
    FATE_NONE,  /* nothing lives: a lookup */
    FATE_ALIVE, /* at the end of the trace */
    FATE_ENDED,
    FATE_EXIT, /* with its space */
};

#define PHASE_BOOT UINT16_MAX /* before the first mark */

struct seen {
    uint64_t time, end;
    uint32_t where; /* cache, segment, map */
    uint32_t size;  /* bytes, pages; of lookups: whether the right is older than a moment */
    uint32_t kind_of_map;
    uint16_t role, task; /* indices of roles; ROLE_NONE */
    uint16_t phase, end_phase;
    uint8_t kind; /* enum recipe_kind */
    uint8_t fate;
    bool reverse, chosen; /* the caller chose the name */
    bool alone;           /* it ended with the next event */
    uint64_t event;       /* number of the event that made it */
};

#define ROLE_NONE UINT16_MAX

struct seen_phase {
    char mark[RECIPE_NAME_MAX];
    unsigned ordinal; /* among those of its name, from 1 */
    uint64_t start, end;
};

struct story {
    unsigned nr_phases;
    struct seen_phase *phases;
    unsigned nr_roles;
    char (*roles)[RECIPE_NAME_MAX];
    unsigned nr_caches;
    struct cache_definition *caches; /* by number */
    size_t nr_seen, room_seen;
    struct seen *seen;
};

int story_read(struct story *story, struct trace_reader *reader, struct error *error);
void story_free(struct story *story);

#endif
