/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Parts of the observer that its files share.
 */

#ifndef TRACES_CAPTURE_OBSERVER_PRIVATE_H
#define TRACES_CAPTURE_OBSERVER_PRIVATE_H

#include "traces/capture/observer.h"

#define FRAMES_MAX 512
#define TASK_NAME  64
#define LOG_BUFFER (1u << 16)
#define LINE_ROOM  4096 /* the longest line is far shorter */

struct frame {        /* an observed call that has not returned */
    uint64_t stack;   /* the kernel stack it runs on */
    uint64_t pointer; /* to the return address */
    uint64_t site;    /* the return address */
    uint64_t arguments[OBSERVER_ARGUMENTS];
    uint64_t before;      /* slab_collect: when slabs were last reaped */
    uint8_t call, parent; /* parent: PLAN_CALLS_NR when there is none */
};

struct slot { /* of a table; key 0: empty */
    uint64_t key;
    uint64_t value; /* spaces: head of the free list; tasks: the space */
    char *name;     /* tasks */
};

struct table {
    struct slot *slots;
    size_t nr, room; /* room: a power of two */
};

struct observer {
    const struct plan *plan;
    struct observer_guest guest;
    int log;
    bool ended;
    char *buffer;
    size_t used;

    struct frame frames[FRAMES_MAX];
    unsigned nr_frames;
    uint64_t stack_size; /* of kernel threads, a power of two */

    struct table spaces, tasks;
    uint64_t task; /* of the last line */

    uint64_t time, calls;
    uint64_t truth_at; /* number of calls at which counters are due */
    bool truth_due;
    uint64_t progress;            /* calls that did something */
    uint64_t idle, idle_progress; /* clock ticks since that last changed */
    bool started;                 /* there are tasks */
};

/* observer_log.c */
void log_flush(struct observer *observer);
void log_text(struct observer *observer, const char *text);
void log_bytes(struct observer *observer, const char *text, size_t size);
void log_decimal_number(struct observer *observer, uint64_t value);
void log_hex(struct observer *observer, uint64_t value);
/* Ends a line; writes when the buffer is nearly full. */
void log_line_end(struct observer *observer);
/* Writes the last lines. REASON may be NULL: whoever reads the log knows it. */
void log_end(struct observer *observer, const char *reason);

/* observer_truth.c: reads the kernel's counters into the log. */
void observer_truth(struct observer *observer);

/* observer_table.c */
struct slot *slot_find(const struct table *table, uint64_t key);
/* The slot of KEY, made if there is none; NULL: not enough memory. */
struct slot *slot_make(struct table *table, uint64_t key);
void table_clear(struct table *table);

/* Memory of the guest; what is not mapped reads as 0. */
uint64_t guest_number(const struct observer *observer, uint64_t address, uint64_t size);
uint64_t guest_word(const struct observer *observer, uint64_t address);
/* A member of the structure at BASE, or (BASE 0) a variable. */
uint64_t guest_place(const struct observer *observer, uint64_t base, unsigned place);
/* A text of at most ROOM - 1 bytes, cut at the first control character. Returns its length. */
size_t guest_text(const struct observer *observer, uint64_t address, char *text, size_t room);

#endif
