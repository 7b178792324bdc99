/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The plan of a capture: all that the observer must know of one kernel.
 *
 * It is worked out beforehand from the kernel's file (kernel.h), written as text, and read by the
 * plugin inside QEMU, which thereby needs to know nothing of ELF or DWARF. One line a fact, so that
 * a person can read what the capture went by.
 */

#ifndef TRACES_CAPTURE_PLAN_H
#define TRACES_CAPTURE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

/* Places in the kernel's data: an address (of a variable) or an offset (of a member), and the bytes
 * there. X(identifier, text, kind): text names a variable, or a structure and a path of members in
 * it; a path through an array means its first element. */
#define PLAN_PLACES(X)                                                                             \
    X(KERNEL_MAP, "kernel_map", VARIABLE)                                                          \
    X(CACHE_LIST, "kmem_cache_list", VARIABLE)                                                     \
    X(SEGMENTS, "vm_page_segs", VARIABLE)                                                          \
    X(SEGMENTS_SIZE, "vm_page_segs_size", VARIABLE)                                                \
    X(ACTIVE_THREADS, "active_threads", OPTIONAL_VARIABLE)                                         \
    X(PERCPU_ARRAY, "percpu_array", OPTIONAL_VARIABLE)                                             \
    X(GC_LAST_TICK, "kmem_gc_last_tick", OPTIONAL_VARIABLE)                                        \
    X(LIST_NEXT, "list.next", MEMBER)                                                              \
    X(CACHE_NODE, "kmem_cache.node", MEMBER)                                                       \
    X(CACHE_NAME, "kmem_cache.name", MEMBER)                                                       \
    X(CACHE_FLAGS, "kmem_cache.flags", MEMBER)                                                     \
    X(CACHE_SLAB_SIZE, "kmem_cache.slab_size", MEMBER)                                             \
    X(CACHE_BUFS_PER_SLAB, "kmem_cache.bufs_per_slab", MEMBER)                                     \
    X(CACHE_NR_OBJS, "kmem_cache.nr_objs", MEMBER)                                                 \
    X(CACHE_NR_FREE_SLABS, "kmem_cache.nr_free_slabs", MEMBER)                                     \
    X(CACHE_OBJ_SIZE, "kmem_cache.obj_size", MEMBER)                                               \
    X(CACHE_ALIGN, "kmem_cache.align", MEMBER)                                                     \
    X(CACHE_BUF_SIZE, "kmem_cache.buf_size", MEMBER)                                               \
    X(CACHE_NR_BUFS, "kmem_cache.nr_bufs", MEMBER)                                                 \
    X(CACHE_NR_SLABS, "kmem_cache.nr_slabs", MEMBER)                                               \
    X(SEGMENT, "vm_page_seg", STRUCTURE)                                                           \
    X(SEGMENT_START, "vm_page_seg.start", MEMBER)                                                  \
    X(SEGMENT_END, "vm_page_seg.end", MEMBER)                                                      \
    X(SEGMENT_POOL, "vm_page_seg.cpu_pools.nr_pages", MEMBER)                                      \
    X(SEGMENT_LISTS, "vm_page_seg.free_lists", MEMBER)                                             \
    X(SEGMENT_LIST, "vm_page_seg.free_lists.size", MEMBER)                                         \
    X(SEGMENT_FREE, "vm_page_seg.nr_free_pages", MEMBER)                                           \
    X(SEGMENT_ACTIVE, "vm_page_seg.nr_active_pages", OPTIONAL_MEMBER)                              \
    X(SEGMENT_INACTIVE, "vm_page_seg.nr_inactive_pages", OPTIONAL_MEMBER)                          \
    X(ACTIVE_INTERNAL, "vm_page_seg.active_pages.internal.nr_pages", OPTIONAL_MEMBER)              \
    X(ACTIVE_EXTERNAL, "vm_page_seg.active_pages.external.nr_pages", OPTIONAL_MEMBER)              \
    X(INACTIVE_INTERNAL, "vm_page_seg.inactive_pages.internal.nr_pages", OPTIONAL_MEMBER)          \
    X(INACTIVE_EXTERNAL, "vm_page_seg.inactive_pages.external.nr_pages", OPTIONAL_MEMBER)          \
    X(FREE_LIST, "vm_page_free_list", STRUCTURE)                                                   \
    X(MAP_START, "vm_map.hdr.links.start", MEMBER)                                                 \
    X(MAP_END, "vm_map.hdr.links.end", MEMBER)                                                     \
    X(MAP_ENTRIES, "vm_map.hdr.nentries", MEMBER)                                                  \
    X(MAP_SIZE, "vm_map.size", MEMBER)                                                             \
    X(SPACE_NAMES, "ipc_space.is_map", MEMBER)                                                     \
    X(SPACE_REVERSE, "ipc_space.is_reverse_map", MEMBER)                                           \
    X(SPACE_FREE_LIST, "ipc_space.is_free_list", MEMBER)                                           \
    X(ENTRY_NAME, "ipc_entry.ie_name", MEMBER)                                                     \
    X(ENTRY_NEXT, "ipc_entry.index.next_free", MEMBER)                                             \
    X(THREAD_TASK, "thread.task", MEMBER)                                                          \
    X(TASK_SPACE, "task.itk_space", MEMBER)                                                        \
    X(TASK_NAME, "task.name", MEMBER)                                                              \
    X(PERCPU_THREAD, "percpu.active_thread", OPTIONAL_MEMBER)

enum plan_place_kind {
    PLACE_VARIABLE,
    PLACE_OPTIONAL_VARIABLE,
    PLACE_MEMBER,
    PLACE_OPTIONAL_MEMBER,
    PLACE_STRUCTURE, /* its size */
};

enum plan_place_id {
#define X(identifier, text, kind) PLAN_##identifier,
    PLAN_PLACES(X)
#undef X
        PLAN_PLACES_NR
};

struct plan_place {
    bool known;
    uint64_t at;
    uint64_t size; /* bytes */
};

/* Functions whose calls are observed. X(identifier, event, symbol, parameters, need). The letters
 * are the parameters that a log line shows: w a word, k a key, shown as its low and its high 32
 * bits. */
#define PLAN_CALLS(X)                                                                              \
    X(CACHE_INIT, "kmem_cache_init", "kmem_cache_init", "wwwww", NEEDED)                           \
    X(CACHE_ALLOC, "kmem_cache_alloc", "kmem_cache_alloc", "w", NEEDED)                            \
    X(CACHE_FREE, "kmem_cache_free", "kmem_cache_free", "ww", NEEDED)                              \
    X(KALLOC, "kalloc", "kalloc", "w", NEEDED)                                                     \
    X(KFREE, "kfree", "kfree", "ww", NEEDED)                                                       \
    X(PAGE_GRAB, "vm_page_grab", "vm_page_grab", "w", NEEDED)                                      \
    X(PAGE_RELEASE, "vm_page_release", "vm_page_release", "www", NEEDED)                           \
    X(PAGE_GRAB_CONTIG, "vm_page_grab_contig", "vm_page_grab_contig", "ww", NEEDED)                \
    X(PAGE_FREE_CONTIG, "vm_page_free_contig", "vm_page_free_contig", "ww", NEEDED)                \
    X(ALLOC_WIRED, "kmem_alloc_wired", "kmem_alloc_wired", "www", NEEDED)                          \
    X(ALLOC, "kmem_alloc", "kmem_alloc", "www", NEEDED)                                            \
    X(ALLOC_PAGEABLE, "kmem_alloc_pageable", "kmem_alloc_pageable", "www", OPTIONAL)               \
    X(ALLOC_ALIGNED, "kmem_alloc_aligned", "kmem_alloc_aligned", "www", OPTIONAL)                  \
    X(FREE, "kmem_free", "kmem_free", "www", NEEDED)                                               \
    X(SPACE_CREATE, "ipc_space_create", "ipc_space_create", "w", NEEDED)                           \
    X(SPACE_SPECIAL, "ipc_space_create_special", "ipc_space_create_special", "w", OPTIONAL)        \
    X(SPACE_DESTROY, "ipc_space_destroy", "ipc_space_destroy", "w", NEEDED)                        \
    X(ENTRY_ALLOC, "ipc_entry_alloc", "ipc_entry_alloc", "www", NEEDED)                            \
    X(ENTRY_ALLOC_NAME, "ipc_entry_alloc_name", "ipc_entry_alloc_name", "www", NEEDED)             \
    X(INSERT_ALLOC, "rdxtree_insert_alloc_common", "rdxtree_insert_alloc_common", "wwww", NEEDED)  \
    X(INSERT, "rdxtree_insert_common", "rdxtree_insert_common", "wkw", NEEDED)                     \
    X(REMOVE, "rdxtree_remove", "rdxtree_remove", "wk", NEEDED)                                    \
    X(LOOKUP, "name_lookup", "rdxtree_lookup_common", "wk", NEEDED)                                \
    X(COLLECT, "slab_collect", "slab_collect", "", NEEDED)                                         \
    X(PRINT, "mach_print", "mach_print", "w", OPTIONAL)                                            \
    X(PANIC, "panic", "Panic", "wwww", OPTIONAL)                                                   \
    X(HALT, "halt", "halt_all_cpus", "w", OPTIONAL)                                                \
    X(TICK, "tick", "clock_interrupt", "", OPTIONAL)

enum plan_call_id {
#define X(identifier, event, symbol, parameters, need) PLAN_CALL_##identifier,
    PLAN_CALLS(X)
#undef X
        PLAN_CALLS_NR
};

#define PLAN_PARAMETERS 6

struct plan_call {
    uint64_t address; /* 0: the kernel does not have it */
    uint8_t nr_parameters;
    uint8_t parameters[PLAN_PARAMETERS]; /* bytes */
    uint8_t result;                      /* bytes; 0: none */
};

struct plan_range {
    uint64_t start, end;
};

struct plan {
    unsigned word;          /* bytes of a pointer: 4 or 8 */
    struct plan_range text; /* the kernel's instructions */
    struct plan_place places[PLAN_PLACES_NR];
    struct plan_call calls[PLAN_CALLS_NR];
    uint64_t *sites; /* instructions after calls of observed functions, ascending */
    size_t nr_sites;
    struct plan_range *stores; /* where names are freed and taken back inline */
    size_t nr_stores;
    char **comments; /* "key: value", for the log */
    size_t nr_comments;
    /* What the person wants. */
    char *until;          /* mark to end at; NULL: none */
    uint64_t truth_every; /* events between counters; 0: only at marks */
    uint64_t idle_ticks;  /* clock ticks without a call that did anything that end it; 0: never */
    uint64_t guest_time;  /* instructions after which it ends; 0: never */
};

/* Tables of the lists above. */
struct plan_place_name {
    const char *text;
    enum plan_place_kind kind;
};
struct plan_call_name {
    const char *event, *symbol, *parameters;
    bool needed;
};
extern const struct plan_place_name plan_place_names[PLAN_PLACES_NR];
extern const struct plan_call_name plan_call_names[PLAN_CALLS_NR];

void plan_init(struct plan *plan);
void plan_free(struct plan *plan);
/* -1 with the error set: not enough memory. COMMENT is copied; line ends in it become spaces. */
int plan_add_comment(struct plan *plan, const char *comment, struct error *error);
int plan_add_site(struct plan *plan, uint64_t address, struct error *error);
int plan_add_store(struct plan *plan, uint64_t start, uint64_t end, struct error *error);
/* Sorts sites and ranges and drops doubles. */
void plan_sort(struct plan *plan);

/* Errors of STREAM are the caller's to look for. */
void plan_write(const struct plan *plan, FILE *stream);
/* Reads what plan_write() wrote. PATH is opened. */
int plan_read(struct plan *plan, const char *path, struct error *error);

/* Whether a call of an observed function returns to ADDRESS; the sites are in ascending order. */
bool plan_is_site(const struct plan *plan, uint64_t address);

#endif
