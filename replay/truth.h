/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Comparison of a stack with the counters that were read out of the running kernel.
 */

#ifndef REPLAY_TRUTH_H
#define REPLAY_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "allocators/stack.h"
#include "traces/trace.h"

/* Kinds of counters, each counted by itself. */
enum truth_counter {
    TRUTH_OBJECTS,     /* objects of a cache */
    TRUTH_SLABS,       /* slabs of a cache */
    TRUTH_FREE_SLABS,  /* free slabs of a cache */
    TRUTH_LAYOUT,      /* slab size and buffers per slab of a cache */
    TRUTH_PAGES,       /* free pages, pools included, from the first point that has some */
    TRUTH_MAP_ENTRIES, /* entries of a map */
    TRUTH_MAP_BYTES,   /* bytes of a map */
    TRUTH_RIGHTS,      /* rights of a space */
    TRUTH_TABLE,       /* table size of a space */
    TRUTH_GROWTH,      /* growths of a table, each at its event */
    TRUTH_NAMES,       /* names that the kernel chose */
    TRUTH_COUNTERS
};

const char *truth_counter_name(enum truth_counter counter);

struct truth_result {
    bool done; /* the comparison was asked for */
    uint64_t points;
    uint64_t compared[TRUTH_COUNTERS];
    uint64_t different[TRUTH_COUNTERS];
    uint64_t blocks_compared, blocks_different; /* free blocks per order: reported only */
    uint64_t placed_compared, placed_different; /* counters that follow placement: reported only */
    bool same_space, same_design;               /* as the captured kernel's */
    /* The first difference, and the first of each kind of counter. */
    uint64_t first_event[TRUTH_COUNTERS];
    char first[TRUTH_COUNTERS][160];
    enum truth_counter first_counter; /* TRUTH_COUNTERS: there is none */
};

/* State of a comparison; nothing is allocated after open. */
struct truth_state {
    struct truth_result *result;
    struct truth truth; /* the one that is compared now */
    bool entry_left;    /* the point stands inside the removal of a name: its entry is not freed */
    bool count_left;    /* ... its space still counts it */
    uint32_t left_space;
    bool own_keys;           /* the reverse trees have keys of the replay's own */
    bool placed;             /* what is compared now follows from where objects lie */
    int64_t node_slab_bytes; /* of rdxtree_node, the stack's less the kernel's, at this point */
    bool start_known;        /* the trace says which pages start-up made free */
    bool pages_known;        /* the first point with free pages was seen */
    /* Where it does not, the kernel's free pages less the stack's at that point, of each segment;
     * where the segments are compared together, the first. */
    int64_t segment_offsets[SEGMENTS_MAX];
    struct truth_growths {
        uint32_t growths, remaps; /* of the table of a space, as the kernel had them */
    } * spaces;
    uint32_t max_spaces;
    unsigned table_entry_bytes;
};

int truth_open(struct truth_state *state, struct truth_result *result,
               const struct trace_header *header, const struct stack_ops *ops, uint32_t max_spaces,
               bool own_keys, struct error *error);
void truth_close(struct truth_state *state);

/* Compares `state->truth` with SNAPSHOT of STACK after event EVENT. */
void truth_compare(struct truth_state *state, struct stack *stack, const struct snapshot *snapshot,
                   uint64_t event);
/* A growth of the table of a space, as the kernel had it at EVENT. */
void truth_growth(struct truth_state *state, struct stack *stack, uint32_t space, uint32_t before,
                  uint32_t after, bool failed, uint64_t event);
void truth_space_ended(struct truth_state *state, uint32_t space);
/* A name that the kernel chose, and the stack's. */
void truth_name(struct truth_state *state, uint32_t space, uint32_t captured, uint32_t own,
                uint64_t event);

uint64_t truth_compared(const struct truth_result *result);
uint64_t truth_different(const struct truth_result *result);

#endif
