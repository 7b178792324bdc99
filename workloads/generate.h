/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a workload to a trace.
 */

#ifndef WORKLOADS_GENERATE_H
#define WORKLOADS_GENERATE_H

#include "common/error.h"
#include "common/progress.h"
#include "workloads/workload.h"

/* Writes the trace PATH ("-": the standard output), which appears whole or not at all. LEVEL is
 * zstd's; 0: the default. PROGRESS: NULL for none. EVENTS gets their number. */
int generate(const struct workload *workload, const char *path, int level,
             struct progress *progress, uint64_t *events, struct error *error);

#endif
