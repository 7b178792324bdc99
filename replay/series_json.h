/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A series as JSON; docs/metrics.md describes the fields.
 */

#ifndef REPLAY_SERIES_JSON_H
#define REPLAY_SERIES_JSON_H

#include <jansson.h>

#include "replay/series.h"

/* A new object, keys in order when it is written with JSON_SORT_KEYS. *FAILED becomes other than 0
 * when there is no memory; the object, if any, is then to be dropped. */
json_t *series_json(const struct series *series, int *failed);

#endif
