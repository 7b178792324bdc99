/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The observer: what happens in the guest becomes lines of an event log.
 *
 * It knows nothing of QEMU. Whoever runs the guest tells it that an observed function was entered,
 * that an instruction after a call was reached, that a free list was stored to, and lends it the
 * guest's memory. Plan and log are its only files.
 */

#ifndef TRACES_CAPTURE_OBSERVER_H
#define TRACES_CAPTURE_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "traces/capture/plan.h"

#define OBSERVER_ARGUMENTS 6

/* The guest at one instruction. */
struct observer_guest {
    /* SIZE bytes of memory at ADDRESS, as the guest sees it now; false: nothing is mapped there. */
    bool (*read)(void *context, uint64_t address, void *bytes, size_t size);
    void *context;
};

/* Registers at an instruction. */
struct observer_registers {
    uint64_t stack;                         /* stack pointer */
    uint64_t result;                        /* where a function leaves its result */
    uint64_t arguments[OBSERVER_ARGUMENTS]; /* of the calling convention of amd64; else unused */
};

struct observer;

/* PLAN must outlive the observer. The log is written to the file descriptor LOG, which is the
 * observer's from then on. NULL with the error set. */
struct observer *observer_open(const struct plan *plan, int log, const struct observer_guest *guest,
                               struct error *error);
/* Ends the log, if nothing has; why is known to whoever ended QEMU. */
void observer_close(struct observer *observer);

/* TIME: instructions since power-on. */
void observer_enter(struct observer *observer, unsigned call, uint64_t time,
                    const struct observer_registers *registers);
/* At SITE, an instruction after a call. */
void observer_return(struct observer *observer, uint64_t site, uint64_t time,
                     const struct observer_registers *registers);
/* Kernel text has stored to ADDRESS. */
void observer_store(struct observer *observer, uint64_t address, uint64_t time);

/* The log has ended: nothing is observed any more. */
bool observer_ended(const struct observer *observer);

#endif
