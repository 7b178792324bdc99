/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is alive at an event: the rules that make a sequence of events a trace. The writer holds
 * each event against them, `trace check` a whole file, `trace cut` what was alive at its start.
 */

#ifndef TRACES_LIVE_H
#define TRACES_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "traces/event.h"
#include "traces/trace.h"

struct live;

/* NULL without memory. PAGE_SIZE rounds map ranges; 0: 4096. */
struct live *live_create(uint32_t page_size);
void live_destroy(struct live *live);

/* The next event: 0, or -1 with what is wrong with it in ERROR (no file, no number of the event).
 * After an error the state is that before the event. */
int live_event(struct live *live, const struct event *event, struct error *error);
/* Totals up to here. */
const struct trace_totals *live_totals(const struct live *live);

bool live_object(const struct live *live, uint32_t number);
uint32_t live_object_left(const struct live *live, uint32_t number); /* pages, of page and map */
bool live_right(const struct live *live, uint32_t number);
bool live_right_reverse(const struct live *live, uint32_t number); /* has a reverse key */
uint32_t live_right_space(const struct live *live, uint32_t number);
bool live_cache(const struct live *live, uint32_t number);

enum live_space { LIVE_SPACE_NONE, LIVE_SPACE_ACTIVE, LIVE_SPACE_SPECIAL, LIVE_SPACE_DESTROYED };
enum live_space live_space(const struct live *live, uint32_t number);
uint32_t live_space_names(const struct live *live, uint32_t number);

#endif
