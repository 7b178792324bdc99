/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the drivers of churn share.
 */

#ifndef REPLAY_CHURN_PRIVATE_H
#define REPLAY_CHURN_PRIVATE_H

#include "replay/churn.h"

/* A stack with the start state of the geometry's model; NULL with the error set. */
struct stack *churn_open(const struct churn_machine *machine, struct error *error);
/* Closes it, with a check before when MACHINE asks for one and STATUS is 0. Returns STATUS, or -1
 * with the error set when the check found a fault. */
int churn_close(const struct churn_machine *machine, struct stack *stack, int status,
                struct error *error);

#endif
