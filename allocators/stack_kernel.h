/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The stacks of this project: a design of spaces, slabs, pages and maps, composed as the kernel did
 * it. See stack_kernel.c.
 */

#ifndef ALLOCATORS_STACK_KERNEL_H
#define ALLOCATORS_STACK_KERNEL_H

#include "allocators/stack.h"

/* A design: its parts, and the table of functions that they are reached by. */
struct kernel_design {
    struct stack_ops ops;
    const struct space_ops *space;
    const struct slab_backend *backend;
    const struct pages_ops *pages;
    const struct map_ops *map;
    bool entry_reserve; /* entries of kernel maps come from vm_map_kentry, off a static reserve */
};

extern const struct kernel_design stack_table_vm, stack_table_buddy, stack_table_hybrid;
extern const struct kernel_design stack_radix_vm, stack_radix_buddy, stack_radix_hybrid;
extern const struct kernel_design stack_radix_direct;

/* Caches that the stack itself draws on. */
enum kernel_role { ROLE_ENTRY, ROLE_OBJECT, ROLE_PORT, ROLE_PV, ROLES };

struct kernel_stack {
    struct stack stack;
    const struct kernel_design *design;
    struct machine machine;
    struct pages pages;
    struct map maps[MAPS];
    bool map_open[MAPS];
    struct kmem kmem;
    struct slab_system slabs;
    struct space_system spaces;

    uint8_t cache_index[CACHES_MAX];   /* the trace's number of a cache: index in slabs.caches */
    uint32_t cache_number[CACHES_MAX]; /* and back; CACHE_UNNUMBERED */
    int roles[ROLES];                  /* indices in slabs.caches, -1: not there yet */
    bool same_space, same_backend;     /* as the captured kernel's */
    enum page_class page_class;        /* of the pages grabbed now */
    unsigned locked;                   /* map locks held: privileged from 1.8 on */

    /* The parts' own functions, with accounting around them. */
    struct pages_ops page_ops;
    const struct pages_ops *page_design;
    struct slab_backend slab_ops;
    const struct slab_backend *slab_design;

    struct held held, peak;
    uint64_t table_bytes;    /* tables of all spaces */
    unsigned searches;       /* contiguous searches of the page list under way */
    uint64_t bitmap_address; /* of the page list's contiguous search */
    uint64_t fixed_bytes;    /* of kernel_map: the direct map's entry and submaps */
    uint64_t page_requested; /* bytes live through page events */
    uint64_t map_requested;
};

/* Fills in the state of a stack; see snapshot.h. */
void snapshot_take(struct snapshot *snapshot, const struct kernel_stack *ks, bool deep);
void snapshot_space(struct space_snapshot *state, const struct kernel_stack *ks, uint32_t space);

static inline struct kernel_stack *kernel_stack(struct stack *stack)
{
    return (struct kernel_stack *)stack; /* it is the first member */
}

#endif
