/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is to end when: a timing wheel of three levels (Varghese and Lauck, "Hashed and
 * hierarchical timing wheels", 1987). Putting in and taking out cost the same however many wait.
 *
 * Entries come out by time, and those of the same time in the order in which they were put in, so
 * that what is generated depends on nothing else.
 */

#ifndef WORKLOADS_WHEEL_H
#define WORKLOADS_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

struct wheel;

struct wheel_entry {
    uint64_t time;
    uint32_t id, generation; /* the caller's */
};

/* Starts at TIME. NULL without memory. */
struct wheel *wheel_create(uint64_t time);
void wheel_destroy(struct wheel *wheel);

/* TIME is not before the last entry that came out, nor before the last UNTIL. False without
 * memory. */
bool wheel_add(struct wheel *wheel, uint64_t time, uint32_t id, uint32_t generation);

/* Takes the next entry whose time is at most UNTIL. False when there is none. */
bool wheel_take(struct wheel *wheel, uint64_t until, struct wheel_entry *entry);

#endif
