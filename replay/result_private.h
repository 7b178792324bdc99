/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Parts of a result record that have files of their own.
 */

#ifndef REPLAY_RESULT_PRIVATE_H
#define REPLAY_RESULT_PRIVATE_H

#include <jansson.h>

#include "replay/session.h"

/* result_measured.c: the distributions of work (exact), and all that is measured. */
json_t *result_work(const struct meter *meter, int *failed);
json_t *result_measured(const struct session_outcome *outcome, int *failed);

#endif
