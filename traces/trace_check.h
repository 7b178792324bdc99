/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whether a trace is whole: every checksum, every rule, every total.
 */

#ifndef TRACES_TRACE_CHECK_H
#define TRACES_TRACE_CHECK_H

#include "common/error.h"
#include "traces/trace.h"

/* 0 when it is. Reads the whole trace. */
int trace_check(struct trace_reader *reader, struct error *error);

#endif
