/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The log on its way from the observer to the importer.
 */

#ifndef TRACES_CAPTURE_PUMP_H
#define TRACES_CAPTURE_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "traces/capture/capture.h"

struct pump {
    int from, to; /* descriptors; closed by the owner */
    FILE *kept;   /* NULL: the log is not kept */
    struct capture_state state;
    /* Why the capture ends, as far as whoever owns the pump knows; goes into the log when the
     * observer does not know better. */
    char reason[CAPTURE_REASON_MAX];
    bool reason_seen; /* the observer has told it */
    bool reason_in_log;
    bool ended;      /* the last line has passed */
    bool refused;    /* the importer reads no more */
    uint64_t waited; /* ns for the importer */
    char *buffer;
    size_t used;
};

int pump_init(struct pump *pump, int from, int to, FILE *kept, struct error *error);
void pump_free(struct pump *pump);
/* Passes on what there is. 1: more may come, 0: the log is at its end, -1 with the error set. */
int pump_run(struct pump *pump, struct error *error);
/* The log was cut short: passes on the reason. */
void pump_cut(struct pump *pump);

#endif
