/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A stack: one design of a kernel's allocators, complete, behind one table of functions.
 *
 * There is one function per kind of event, and some to look at the state. The replay engine calls
 * nothing else, so whatever fills the table can be replayed against: the designs of this project, a
 * baseline that does nothing, a shared object that exports `const struct stack_ops
 * allotrope_stack`.
 *
 * Addresses are those of the simulated machine; 0 (or false, or NAME_NONE) means that the request
 * was refused, and `failure` then tells why. Numbers of caches, spaces and rights are the trace's
 * own: dense, reused after death. A stack allocates no host memory after `open`.
 */

#ifndef ALLOCATORS_STACK_H
#define ALLOCATORS_STACK_H

#include "allocators/machine.h"
#include "allocators/map.h"
#include "allocators/slab.h"
#include "allocators/snapshot.h"
#include "allocators/space.h"

#define STACK_ABI 2

struct stack_config {
    const struct geometry *geometry;
    uint64_t memory;                /* bytes */
    const struct segment *segments; /* as captured; NULL: they follow from the geometry */
    unsigned nr_segments;
    uint64_t kernel_map_start; /* as captured; 0: follows from geometry and memory */
    uint64_t kernel_map_end;
    uint64_t slab_submap_start;     /* not 0: the trace tells when kmem_map of 1.5, 1.6 is made */
    bool boot_pages_follow;         /* start state comes as boot_pages events; else by model */
    const struct pages_ops *pages;  /* NULL: of the design's time */
    const struct map_ops *map;      /* NULL: of the design's time */
    bool exact_bitmaps;             /* radix: see space.h */
    bool check;                     /* see machine.check */
    bool populate;                  /* calls will be timed: see machine_populate */
    const char *captured_stack;     /* design of the captured kernel, "" when unknown: caches that
                                       belong to a part of the same design keep their sizes */
    unsigned captured_pointer_size; /* ... unless its pointers were of another size; 0: unknown */
    uint32_t max_spaces;            /* highest number of spaces live at once in the trace */
    uint32_t boot_first;            /* the first boot_pages that follow, before there are caches: */
    uint32_t boot_frames;           /* ... frames from this one; 0: it is not known */
};

struct stack {
    const struct stack_ops *ops;
    uint64_t now;            /* written by the engine before each event: clock ticks of 10 ms */
    bool privileged;         /* written by the engine: the event ran before there were tasks */
    const struct work *work; /* what was done so far, to take differences of; NULL: not counted */
    struct failure failure;  /* why the last request was refused */
};

struct stack_ops {
    uint32_t abi;                              /* STACK_ABI */
    const char *name;                          /* "radix+hybrid" */
    const char *summary;                       /* one line for `allotrope stacks` */
    const char *space, *backend, *pages, *map; /* parts, for listings; "" when there is none */

    struct stack *(*open)(const struct stack_ops *ops, const struct stack_config *config,
                          struct error *error);
    void (*close)(struct stack *stack);

    /* Start-up: NR pages from FRAME upwards (downwards when DESCENDING) become free, in that order.
     */
    void (*boot_pages)(struct stack *stack, uint32_t frame, uint32_t nr, bool descending);

    bool (*cache_create)(struct stack *stack, uint32_t cache, const char *name, uint32_t size,
                         uint32_t align, uint32_t flags);
    uint64_t (*cache_alloc)(struct stack *stack, uint32_t cache);
    void (*cache_free)(struct stack *stack, uint32_t cache, uint64_t object);
    uint64_t (*kalloc)(struct stack *stack, uint64_t size);
    void (*kfree)(struct stack *stack, uint64_t object, uint64_t size);
    /* Physical address of NR contiguous pages of SEGMENT or below; it may be any but 0 (frame 0 is
     * never handed out). CONTIGUOUS: through the interface for runs, even for one page. */
    uint64_t (*page_alloc)(struct stack *stack, uint32_t nr, enum segment_kind highest,
                           enum page_class class, bool contiguous);
    void (*page_free)(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous);
    uint64_t (*map_alloc)(struct stack *stack, enum map_number map, uint64_t bytes,
                          enum kmem_kind kind);
    /* BYTES may be less than what was allocated, ADDRESS inside it. False when it was refused. */
    bool (*map_free)(struct stack *stack, enum map_number map, uint64_t address, uint64_t bytes);

    bool (*space_create)(struct stack *stack, uint32_t space, bool special);
    void (*space_destroy)(struct stack *stack, uint32_t space);
    void (*space_release)(struct stack *stack, uint32_t space);
    uint32_t (*name_alloc)(struct stack *stack, uint32_t space, uint32_t right);
    bool (*name_alloc_at)(struct stack *stack, uint32_t space, uint32_t right, uint32_t name);
    void (*name_free)(struct stack *stack, uint32_t space, uint32_t name);
    uint32_t (*name_lookup)(struct stack *stack, uint32_t space, uint32_t name);
    bool (*reverse_insert)(struct stack *stack, uint32_t space, uint32_t name, uint64_t address);
    void (*reverse_remove)(struct stack *stack, uint32_t space, uint64_t address);
    uint32_t (*reverse_lookup)(struct stack *stack, uint32_t space, uint64_t address);

    void (*reap)(struct stack *stack);

    /* DEEP: what takes a walk too; see snapshot.h. */
    void (*snapshot)(struct stack *stack, struct snapshot *snapshot, bool deep);
    /* A picture of physical memory, or of the kernel map; no cells: the stack has none. */
    void (*occupancy)(struct stack *stack, enum occupancy_of which,
                      struct occupancy_picture *picture);
    /* The state of one space, live or not. */
    void (*space_state)(struct stack *stack, uint32_t space, struct space_snapshot *state);
    /* Walks every structure; -1 with the error set at the first fault. */
    int (*check)(struct stack *stack, struct error *error);
    /* Host address behind a simulated kernel address, or behind a PHYSICAL one, for patterns under
     * --check; NULL: no content. */
    void *(*content)(struct stack *stack, uint64_t address, bool physical);
};

/* NULL when there is none of that name. `stack_at(i)` is NULL past the last. */
const struct stack_ops *stack_find(const char *name);
const struct stack_ops *stack_at(unsigned index);

#endif
