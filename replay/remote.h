/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Stacks that run in a process of their own: kernel images.
 *
 * A replay runs its engine as ever, over a stack whose answers were given by that process for the
 * same events (remote_child.c). The engine hands it the events in chunks before it runs them
 * itself.
 */

#ifndef REPLAY_REMOTE_H
#define REPLAY_REMOTE_H

#include "replay/engine.h"

struct remote;

/* Whether NAME, as given to --stack, is of a kernel image: it begins with "gnumach:". */
bool remote_is_name(const char *name);
/* The stack of the kernel image NAME: a path, or one of Debian's by its short name. NULL with the
 * error set. To be given to remote_free. */
struct remote *remote_new(const char *name, struct error *error);
void remote_free(struct remote *remote);
const struct stack_ops *remote_ops(const struct remote *remote);
/* NULL: OPS is no image's. */
struct remote *remote_of(const struct stack_ops *ops);
/* The short names, NULL past the last: for listings. */
const char *remote_short_name(unsigned index);

/* ---- For the engine ---- */

/* Starts the process and brings the kernel up. NULL with the error set. */
struct stack *remote_open(struct remote *remote, struct trace_reader *trace,
                          const struct replay_options *options, const struct stack_config *config,
                          struct error *error);
/* Hands over the first events of NR; returns how many were taken and may be run now, -1 with the
 * error set. When the kernel stopped itself it is those before the event at which it did, and
 * remote_said() is not NULL from then on. */
int remote_feed(struct stack *stack, struct trace_reader *trace, const struct event *events, int nr,
                int *handed, struct error *error);
/* A pass over the trace is at its end. */
int remote_end(struct stack *stack, struct error *error);
/* After the events of a chunk: all answers were used. */
int remote_settled(struct stack *stack, struct error *error);
/* What the kernel said when it stopped itself; NULL: it did not. */
const char *remote_said(const struct stack *stack);
/* With a stack beside (replay_options.beside): whether a difference of a kind that had not been
 * seen came up since this was asked last. */
bool remote_new_difference(struct stack *stack);
/* The two hold different objects from now on: the image's answers are of no use any more. */
void remote_abandon(struct stack *stack);
/* The first difference of its kind, NULL: there is none. */
const struct remote_difference *remote_difference(const struct stack *stack,
                                                  enum remote_difference_of of);
/* Time of the process itself, and the times of calls, which go to METER. */
uint64_t remote_wall_ns(struct stack *stack, struct meter *meter);

#endif
