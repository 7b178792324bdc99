/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The plan of a kernel image: all that must be known of one kernel to run its code.
 *
 * It is worked out from the kernel's file by a 64-bit process that has the ELF and DWARF libraries
 * (image_plan.c) and used by the process that becomes the kernel, which may be a 32-bit one and
 * needs libc alone. It travels between the two as it lies in memory, so everything in it has a
 * fixed size and lies alike in both.
 *
 * Offsets of members, their sizes and the bits of bit fields are the image's own, from its
 * debugging information, never constants of some source.
 */

#ifndef ALLOCATORS_IMAGE_PLAN_H
#define ALLOCATORS_IMAGE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* 64-bit numbers lie alike in 32-bit and in 64-bit processes. */
typedef uint64_t wire64 __attribute__((aligned(8)));

/* X(identifier, symbol, use). What each use asks for:
 *   FUNCTION   a global function, called
 *   PATCHED    a global function, whose beginning is written over
 *   VARIABLE   a variable
 *   LOCAL      a static variable, read and written but never called
 *   MAYBE      may be missing: not all kernels have it
 *   LENDER     a global function, looked for in chains of calls only */
#define IMAGE_SYMBOLS(X)                                                                           \
    X(START, "_start", VARIABLE)                                                                   \
    X(END, "_end", VARIABLE)                                                                       \
    X(REGISTER_BOOT_DATA, "biosmem_register_boot_data", FUNCTION)                                  \
    X(BIOSMEM_BOOTSTRAP, "biosmem_bootstrap", MAYBE)                                               \
    X(BIOSMEM_MB1_BOOTSTRAP, "biosmem_mb1_bootstrap", MAYBE)                                       \
    X(PMAP_BOOTSTRAP, "pmap_bootstrap", FUNCTION)                                                  \
    X(BIOSMEM_SETUP, "biosmem_setup", FUNCTION)                                                    \
    X(VIRTUAL_START, "kernel_virtual_start", VARIABLE)                                             \
    X(VIRTUAL_END, "kernel_virtual_end", VARIABLE)                                                 \
    X(PANIC_INIT, "panic_init", FUNCTION)                                                          \
    X(SCHED_INIT, "sched_init", FUNCTION)                                                          \
    X(VM_MEM_BOOTSTRAP, "vm_mem_bootstrap", FUNCTION)                                              \
    X(RDXTREE_CACHE_INIT, "rdxtree_cache_init", FUNCTION)                                          \
    X(IPC_BOOTSTRAP, "ipc_bootstrap", FUNCTION)                                                    \
    X(VM_MEM_INIT, "vm_mem_init", FUNCTION)                                                        \
    X(IPC_INIT, "ipc_init", FUNCTION)                                                              \
    X(BIOSMEM_FREE_USABLE, "biosmem_free_usable", FUNCTION)                                        \
    X(INIT_TIMERS, "init_timers", FUNCTION)                                                        \
    X(INIT_TIMEOUT, "init_timeout", FUNCTION)                                                      \
    X(TIMESTAMP_INIT, "timestamp_init", MAYBE)                                                     \
    X(MAPABLE_TIME_INIT, "mapable_time_init", FUNCTION)                                            \
    X(TASK_INIT, "task_init", FUNCTION)                                                            \
    X(THREAD_INIT, "thread_init", FUNCTION)                                                        \
    X(THREAD_CREATE, "thread_create", FUNCTION)                                                    \
    X(KERNEL_TASK, "kernel_task", VARIABLE)                                                        \
    X(ACTIVE_THREADS, "active_threads", MAYBE)                                                     \
    X(PERCPU_ARRAY, "percpu_array", MAYBE)                                                         \
    X(CNPUTC, "cnputc", PATCHED)                                                                   \
    X(DEBUGGER, "Debugger", PATCHED)                                                               \
    X(HALT_ALL_CPUS, "halt_all_cpus", PATCHED)                                                     \
    X(VM_PAGE_WAIT, "vm_page_wait", PATCHED)                                                       \
    X(THREAD_BLOCK, "thread_block", PATCHED)                                                       \
    X(THREAD_SLEEP, "thread_sleep", PATCHED)                                                       \
    X(ASSERT_WAIT, "assert_wait", PATCHED)                                                         \
    X(CACHE_INIT, "kmem_cache_init", FUNCTION)                                                     \
    X(CACHE_ALLOC, "kmem_cache_alloc", FUNCTION)                                                   \
    X(CACHE_FREE, "kmem_cache_free", FUNCTION)                                                     \
    X(KALLOC, "kalloc", FUNCTION)                                                                  \
    X(KFREE, "kfree", FUNCTION)                                                                    \
    X(PAGE_ALLOC, "vm_page_alloc_pa", FUNCTION)                                                    \
    X(PAGE_FREE, "vm_page_free_pa", FUNCTION)                                                      \
    X(PAGE_LOOKUP, "vm_page_lookup_pa", FUNCTION)                                                  \
    X(PAGE_MANAGE, "vm_page_manage", FUNCTION)                                                     \
    X(PAGE_BALANCE, "vm_page_balance", FUNCTION)                                                   \
    X(PAGE_PAUSED, "vm_page_alloc_paused", LOCAL)                                                  \
    X(GRAB_CONTIG, "vm_page_grab_contig", FUNCTION)                                                \
    X(FREE_CONTIG, "vm_page_free_contig", FUNCTION)                                                \
    X(KMEM_ALLOC, "kmem_alloc", FUNCTION)                                                          \
    X(KMEM_ALLOC_WIRED, "kmem_alloc_wired", FUNCTION)                                              \
    X(KMEM_ALLOC_ALIGNED, "kmem_alloc_aligned", FUNCTION)                                          \
    X(KMEM_ALLOC_PAGEABLE, "kmem_alloc_pageable", FUNCTION)                                        \
    X(KMEM_ALLOC_PAGES, "kmem_alloc_pages", LENDER)                                                \
    X(KMEM_SUBMAP, "kmem_submap", FUNCTION)                                                        \
    X(KMEM_FREE, "kmem_free", FUNCTION)                                                            \
    X(KERNEL_MAP, "kernel_map", VARIABLE)                                                          \
    X(IPC_KERNEL_MAP, "ipc_kernel_map", VARIABLE)                                                  \
    X(DEVICE_IO_MAP, "device_io_map", VARIABLE)                                                    \
    X(SPACE_CREATE, "ipc_space_create", FUNCTION)                                                  \
    X(SPACE_CREATE_SPECIAL, "ipc_space_create_special", FUNCTION)                                  \
    X(SPACE_DESTROY, "ipc_space_destroy", FUNCTION)                                                \
    X(SPACE_RELEASE, "ipc_space_release", FUNCTION)                                                \
    X(ENTRY_ALLOC, "ipc_entry_alloc", FUNCTION)                                                    \
    X(ENTRY_ALLOC_NAME, "ipc_entry_alloc_name", FUNCTION)                                          \
    X(ENTRY_CACHE, "ipc_entry_cache", VARIABLE)                                                    \
    X(TREE_INSERT, "rdxtree_insert_common", FUNCTION)                                              \
    X(TREE_REMOVE, "rdxtree_remove", FUNCTION)                                                     \
    X(TREE_LOOKUP, "rdxtree_lookup_common", FUNCTION)                                              \
    X(COLLECT, "slab_collect", FUNCTION)                                                           \
    X(ELAPSED_TICKS, "elapsed_ticks", VARIABLE)                                                    \
    X(CACHE_LIST, "kmem_cache_list", LOCAL)                                                        \
    X(GC_LAST_TICK, "kmem_gc_last_tick", MAYBE)                                                    \
    X(SEGMENTS, "vm_page_segs", LOCAL)                                                             \
    X(SEGMENTS_SIZE, "vm_page_segs_size", LOCAL)

enum image_symbol_id {
#define X(identifier, symbol, use) IMAGE_##identifier,
    IMAGE_SYMBOLS(X)
#undef X
        IMAGE_SYMBOLS_NR
};

/* X(identifier, path, need): a structure and a path of members in it; a path through an array means
 * its first element. STRUCTURE: only its size. */
#define IMAGE_MEMBERS(X)                                                                           \
    X(LIST_NEXT, "list.next", MEMBER)                                                              \
    X(CACHE, "kmem_cache", STRUCTURE)                                                              \
    X(CACHE_PARTIAL, "kmem_cache.partial_slabs", MEMBER)                                           \
    X(CACHE_NODE, "kmem_cache.node", MEMBER)                                                       \
    X(CACHE_NAME, "kmem_cache.name", MEMBER)                                                       \
    X(CACHE_SLAB_SIZE, "kmem_cache.slab_size", MEMBER)                                             \
    X(CACHE_BUFFERS, "kmem_cache.bufs_per_slab", MEMBER)                                           \
    X(CACHE_OBJECTS, "kmem_cache.nr_objs", MEMBER)                                                 \
    X(CACHE_FREE_SLABS, "kmem_cache.nr_free_slabs", MEMBER)                                        \
    X(CACHE_OBJECT_SIZE, "kmem_cache.obj_size", MEMBER)                                            \
    X(CACHE_ALIGN, "kmem_cache.align", MEMBER)                                                     \
    X(CACHE_BUFFER_SIZE, "kmem_cache.buf_size", MEMBER)                                            \
    X(CACHE_ALL_BUFFERS, "kmem_cache.nr_bufs", MEMBER)                                             \
    X(CACHE_SLABS, "kmem_cache.nr_slabs", MEMBER)                                                  \
    X(SLAB_NODE, "kmem_slab.list_node", MEMBER)                                                    \
    X(SLAB_REFS, "kmem_slab.nr_refs", MEMBER)                                                      \
    X(SEGMENT, "vm_page_seg", STRUCTURE)                                                           \
    X(SEGMENT_START, "vm_page_seg.start", MEMBER)                                                  \
    X(SEGMENT_END, "vm_page_seg.end", MEMBER)                                                      \
    X(SEGMENT_POOL, "vm_page_seg.cpu_pools.nr_pages", MEMBER)                                      \
    X(SEGMENT_LISTS, "vm_page_seg.free_lists", MEMBER)                                             \
    X(SEGMENT_LIST, "vm_page_seg.free_lists.size", MEMBER)                                         \
    X(SEGMENT_FREE, "vm_page_seg.nr_free_pages", MEMBER)                                           \
    X(SEGMENT_HIGH, "vm_page_seg.high_free_pages", MEMBER)                                         \
    X(SEGMENT_BLOCKS, "vm_page_seg.free_lists.blocks", MEMBER)                                     \
    X(PAGE_NODE, "vm_page.node", MEMBER)                                                           \
    X(FREE_LIST, "vm_page_free_list", STRUCTURE)                                                   \
    X(PAGE, "vm_page", STRUCTURE)                                                                  \
    X(PAGE_ADDRESS, "vm_page.phys_addr", MEMBER)                                                   \
    X(PAGE_TYPE, "vm_page.type", MEMBER)                                                           \
    X(MAP_HEADER, "vm_map.hdr.links", MEMBER)                                                      \
    X(MAP_START, "vm_map.hdr.links.start", MEMBER)                                                 \
    X(MAP_END, "vm_map.hdr.links.end", MEMBER)                                                     \
    X(MAP_ENTRIES, "vm_map.hdr.nentries", MEMBER)                                                  \
    X(MAP_SIZE, "vm_map.size", MEMBER)                                                             \
    X(LINKS_NEXT, "vm_map_links.next", MEMBER)                                                     \
    X(LINKS_START, "vm_map_links.start", MEMBER)                                                   \
    X(LINKS_END, "vm_map_links.end", MEMBER)                                                       \
    X(MAP, "vm_map", STRUCTURE)                                                                    \
    X(SPACE, "ipc_space", STRUCTURE)                                                               \
    X(SPACE_NAMES, "ipc_space.is_map", MEMBER)                                                     \
    X(SPACE_REVERSE, "ipc_space.is_reverse_map", MEMBER)                                           \
    X(SPACE_SIZE, "ipc_space.is_size", MEMBER)                                                     \
    X(SPACE_FREE_LIST, "ipc_space.is_free_list", MEMBER)                                           \
    X(SPACE_FREE_SIZE, "ipc_space.is_free_list_size", MEMBER)                                      \
    X(ENTRY_NAME, "ipc_entry.ie_name", MEMBER)                                                     \
    X(ENTRY_BITS, "ipc_entry.ie_bits", MEMBER)                                                     \
    X(ENTRY_OBJECT, "ipc_entry.ie_object", MEMBER)                                                 \
    X(ENTRY_NEXT, "ipc_entry.index.next_free", MEMBER)                                             \
    X(SPACE_ACTIVE, "ipc_space.is_active", MEMBER)                                                 \
    X(TREE_HEIGHT, "rdxtree.height", MEMBER)                                                       \
    X(TREE_ROOT, "rdxtree.root", MEMBER)                                                           \
    X(NODE_ENTRIES, "rdxtree_node.entries", MEMBER)                                                \
    X(THREAD_PRIVILEGE, "thread.vm_privilege", MEMBER)                                             \
    X(PERCPU_THREAD, "percpu.active_thread", MAYBE_MEMBER)                                         \
    X(PERCPU_SELF, "percpu.self", MAYBE_MEMBER)

enum image_member_id {
#define X(identifier, path, need) IMAGE_M_##identifier,
    IMAGE_MEMBERS(X)
#undef X
        IMAGE_MEMBERS_NR
};

struct image_symbol {
    wire64 address; /* 0: the kernel does not have it */
    wire64 size;
};

struct image_member {
    uint32_t known;
    uint32_t offset;   /* bytes */
    uint32_t size;     /* bytes */
    uint32_t bit;      /* of a bit field: its lowest bit, from that of the byte at `offset` */
    uint32_t bit_size; /* 0: not a bit field */
};

#define IMAGE_SEGMENTS_MAX 4

struct image_segment {
    wire64 address, file_offset, file_size, memory_size;
};

struct image_plan {
    uint32_t word; /* bytes of a pointer: 4 or 8 */
    uint32_t nr_segments;
    wire64 base; /* address of physical address 0 in the direct map */
    wire64 file_size;
    struct image_segment segments[IMAGE_SEGMENTS_MAX];
    struct image_symbol symbols[IMAGE_SYMBOLS_NR];
    struct image_member members[IMAGE_MEMBERS_NR];
    uint32_t key_bytes; /* of a key of a radix tree */
    uint32_t unused;
    char version[96];
};

enum image_use {
    IMAGE_FUNCTION,
    IMAGE_PATCHED,
    IMAGE_VARIABLE,
    IMAGE_LOCAL,
    IMAGE_MAYBE,
    IMAGE_LENDER,
};

/* The text of the lists above. */
struct image_symbol_name {
    const char *name;
    enum image_use use;
};
extern const struct image_symbol_name image_symbol_names[IMAGE_SYMBOLS_NR];
extern const char *const image_member_names[IMAGE_MEMBERS_NR];

/* Bytes of the jump that is written over the beginning of a patched function. */
static inline unsigned image_jump_bytes(const struct image_plan *plan)
{
    return plan->word == 4 ? 5 : 13;
}

/* Fills PLAN from the kernel in the file PATH, plain or compressed with gzip; *FILE is its content,
 * uncompressed, of plan->file_size bytes, to be freed by the caller. -1 with the error set: it is
 * no kernel of GNU Mach that can be run, and the sentence says what is missing. */
int image_plan_make(struct image_plan *plan, char **file, const char *path, struct error *error);

#endif
