/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The simulated machine: geometry, physical memory, page descriptors, kernel address space.
 *
 * Everything that the simulated kernel allocates has an address in the simulated kernel's address
 * space, from geometry.kernel_base upwards, and really lives in host memory at a constant distance
 * from it: host = bias + address. One reservation (not populated until touched) covers the direct
 * map and the kernel virtual map, so every kernel object, contiguous in the kernel's view, is
 * contiguous on the host too, and caches and TLB see the layout that the allocators made. A page of
 * the kernel virtual map keeps its content at its virtual address, not at its frame: the frame is
 * accounted for, the mapping is counted (struct work), the content follows the virtual address.
 * HIGHMEM frames have no content: only user pages live there.
 *
 * Structures of the simulated kernel (slab descriptors, radix nodes, table entries) live in that
 * memory at their real places and are linked by `link32_t`, an address in units of 8 bytes above
 * kernel_base. So one C struct serves for 4-byte and for 8-byte targets, as long as it fits in the
 * target's descriptor size, which the geometry and design give.
 *
 * Memory of the machine and memory of the tool are never mixed: host-side tables are reserved at
 * open, and nothing calls malloc afterwards.
 */

#ifndef ALLOCATORS_MACHINE_H
#define ALLOCATORS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocators/occupancy.h"
#include "common/error.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096u

#define SEGMENTS_MAX 4
#define ORDERS       11 /* order 0 to 10: 4 KiB to 4 MiB */

#define FRAME_NONE UINT32_MAX

/* What the firmware of a PC keeps at the end of its memory. */
#define FIRMWARE_FRAMES 0x20u

/* Physical segments, in the order in which they lie in memory. */
enum segment_kind { SEGMENT_DMA, SEGMENT_DMA32, SEGMENT_DIRECTMAP, SEGMENT_HIGHMEM };

/* A machine as a kernel of some age saw it. Sizes in bytes. */
struct geometry {
    const char *name;
    const char *summary;
    unsigned pointer_size;       /* 4 or 8 */
    uint64_t kernel_base;        /* lowest kernel virtual address = physical address 0 */
    uint64_t direct_map_max;     /* physical memory that the direct map can hold, DMA included */
    uint64_t kernel_map_size;    /* virtual space above the direct map */
    uint64_t kernel_map_tail;    /* ... less this much at its end */
    uint64_t slab_submap_size;   /* kmem_map of 1.5 and 1.6; 0: slabs draw on kernel_map itself */
    uint64_t dma_end;            /* end of the DMA segment; 0: there is only one segment */
    bool highmem;                /* memory above direct_map_max is a segment, not lost */
    bool ranges_high;            /* pages of ranges of the kernel map may be of it */
    bool highmem_described;      /* ... it is lost, but has page descriptors all the same */
    unsigned page_descriptor;    /* sizeof(struct vm_page) of that kernel */
    unsigned slab_descriptor[2]; /* sizeof(struct kmem_slab): older designs, hybrid */
    uint64_t memory_max;         /* the most physical memory that this machine can have */

    /* What start-up takes, in frames; see machine.c and geometry.c. */
    uint32_t low_start;     /* first frame below 1 MiB that is used; 0: none is */
    uint32_t image_start;   /* first frame of the kernel image */
    uint32_t image_frames;  /* the kernel image */
    uint32_t module_frames; /* the boot modules after it, freed when they have been copied; up to
                               1.6 they are copied before any page is freed */
    uint32_t module_copies; /* their copies at the top of memory (up to 1.6 at the bottom of what is
                               taken), freed when they have been read */
    uint32_t boot_low;      /* taken besides at the bottom */
    uint32_t boot_high;     /* taken besides at the top, page tables not counted */
    uint32_t static_bytes;  /* taken at the start of the kernel map before the page hash */
    unsigned hash_bucket;   /* sizeof a bucket of the object and offset to page hash */
    unsigned page_entries;  /* entries of a page table: page tables needed = pages mapped / this */
    bool free_list;         /* start-up of 1.5 and 1.6: no segments, pages released descending */
};

/* The name of a segment as failures give it: "DMA", "DMA32", "DIRECTMAP", "HIGHMEM". */
const char *segment_kind_name(enum segment_kind kind);

/* NULL when there is none of that name. `geometry_at(i)` is NULL past the last. */
const struct geometry *geometry_find(const char *name);
const struct geometry *geometry_at(unsigned index);

/* A range of physical memory, in frames: [start, end). */
struct segment {
    enum segment_kind kind;
    uint32_t start;
    uint32_t end;
};

/*
 * What the operations did, counted. Exact: the same on every machine, so a latency that can be
 * compared. The counters only grow; who wants the work of one event takes a difference.
 */
struct work {
    uint64_t pages_mapped;   /* page-table entries written in the kernel map */
    uint64_t pages_unmapped; /* page-table entries cleared: as many TLB invalidations */
    uint64_t list_steps;     /* elements of lists walked over (free pages, map entries) */
    uint64_t nodes_visited;  /* tree nodes visited (radix, red-black, splay, gap tree) */
    uint64_t entries_copied; /* IPC table entries copied or rehashed */
    uint64_t bytes_copied;
    uint64_t bytes_zeroed;
    uint64_t splits; /* buddy blocks split */
    uint64_t merges; /* buddy blocks merged */
};

/* Why the last request failed: written by the layer that had to refuse, read by the stack. */
enum failure_cause {
    FAILURE_NONE,
    FAILURE_EXHAUSTION,    /* not enough is free */
    FAILURE_FRAGMENTATION, /* enough is free, but not in one piece */
    FAILURE_RESERVE,       /* enough is free, but it is kept back: the thread would sleep */
    FAILURE_LIMIT,         /* a limit of the design: largest table, last name, ... */
    FAILURE_PANIC,         /* the kernel would stop here */
};

const char *failure_cause_name(enum failure_cause cause);

struct failure {
    enum failure_cause cause;
    char resource[24];  /* "kmem_map", "kernel_map", "DIRECTMAP", "pages", "kentry", ... */
    uint64_t requested; /* bytes, in one piece */
    uint64_t free;      /* bytes free in the resource */
    uint64_t largest;   /* bytes of the largest free piece */
    uint64_t pieces;    /* number of free pieces */
};

/* One page descriptor per frame: what the allocators must know of a page. Host-side. */
struct page {
    uint32_t next; /* frame links of the list that the page is on, FRAME_NONE at the end */
    uint32_t previous;
    uint32_t owner;  /* the slab that holds the page (a link32_t), 0: none */
    uint8_t order;   /* of the block that starts here, when it is free */
    uint8_t state;   /* enum page_state */
    uint8_t segment; /* index into machine.segments */
    uint8_t class;   /* enum page_class, for pictures of memory */
};

enum page_state {
    PAGE_RESERVED,  /* never given to the page allocator: kernel image, descriptors, holes */
    PAGE_FREE_HEAD, /* first page of a free block, on a list */
    PAGE_FREE_BODY, /* another page of a free block */
    PAGE_POOLED,    /* in a CPU pool: neither free nor used */
    PAGE_USED,
};

typedef uint32_t link32_t;

struct machine {
    const struct geometry *geometry;
    uint8_t *bias;          /* host address = bias + simulated kernel address */
    uint64_t kernel_base;   /* = geometry->kernel_base */
    uint64_t memory;        /* bytes of physical memory, rounded down to pages; what the firmware
                               keeps at its end is included */
    uint32_t frames;        /* number of page descriptors: highest frame + 1 */
    uint32_t direct_frames; /* frames below this one are in the direct map */
    unsigned nr_segments;
    struct segment segments[SEGMENTS_MAX];
    struct page *pages;         /* indexed by frame */
    struct occupancy occupancy; /* of physical memory; the classes are in `pages` */
    uint64_t kernel_map_start;  /* first address of the kernel virtual map that is not taken */
    uint64_t kernel_map_end;
    bool privileged;     /* the running request may dip into the reserve */
    bool daemon_running; /* threads exist: reserves are in force */
    bool check;          /* run validity checkers, write and verify patterns */
    uint64_t now;        /* clock ticks (10 ms) since power-on, for rate limits */
    uint64_t fail_page;  /* test hook: the n-th page request from now fails; 0: off. Such a
                            failure names the resource "injected" */
    struct work work;
    struct failure failure;

    void *reservation; /* private to machine.c */
    size_t reservation_size;
};

/*
 * Opens a machine of MEMORY bytes. SEGMENTS (NR of them, may be 0) are the physical segments as a
 * capture saw them; without them they follow from the geometry. KERNEL_MAP_START is the first free
 * address of the kernel virtual map as captured; 0: it follows from the geometry (end of the
 * direct map, then the page descriptors). KERNEL_MAP_END likewise.
 * All pages start as PAGE_RESERVED. Returns 0, or -1 with the error set (no memory for the machine,
 * memory size the geometry cannot take); then there is nothing to close.
 */
int machine_open(struct machine *machine, const struct geometry *geometry, uint64_t memory,
                 const struct segment *segments, unsigned nr, uint64_t kernel_map_start,
                 uint64_t kernel_map_end, struct error *error);
void machine_close(struct machine *machine);

/* Frames [start, end) that start-up makes free one by one, ascending or from the end down. */
struct boot_range {
    uint32_t start;
    uint32_t end;
    bool descending;
    uint8_t phase; /* of start-up: 0 before the first cache, 1 when the memory that the boot
                      allocator left aside is handed over, 2 when the boot modules were read */
};

#define BOOT_RANGES_MAX 8

/*
 * The free pages of a machine whose start state nobody captured: fills RANGES in the order in which
 * start-up releases them and returns their number. All other frames stay PAGE_RESERVED (kernel
 * image, boot modules, page tables, page descriptors, the hole below 1 MiB). The model and how well
 * it agrees with captured machines: machine.c.
 */
unsigned machine_boot_ranges(const struct machine *machine,
                             struct boot_range ranges[BOOT_RANGES_MAX]);

/*
 * Bytes of the tables that the pmap takes from the kernel map when the first caches exist: for each
 * page that has a descriptor (to February 2016: for each frame of the direct map) a list head of
 * its mappings, a byte of attributes, and a bit of lock.
 */
uint64_t machine_pmap_bytes(const struct machine *machine);

/* Host-side memory that is reserved at open and populated when touched; zeroed. NULL with the error
 * set when the host refuses. Give the same size to unreserve. */
void *host_reserve(size_t bytes, struct error *error);
void host_unreserve(void *memory, size_t bytes);

/* Has the host put memory behind all of the machine's now, for replays that are timed: the first
 * touch of a page costs microseconds, which are the host's and not the design's. The content stays
 * zero. */
void machine_populate(struct machine *machine);

/* The content of BYTES, whole pages, is not needed any more: the host may have its memory back.
 * What is read there afterwards is zero. */
void machine_discard(struct machine *machine, uint64_t address, uint64_t bytes);

/* FRAME holds something of CLASS now. */
static inline void machine_classify(struct machine *machine, uint32_t frame, enum page_class class)
{
    occupancy_move(&machine->occupancy, frame, &machine->pages[frame].class, class);
}

static inline void *machine_at(const struct machine *machine, uint64_t address)
{
    return (void *)(uintptr_t)((uintptr_t)machine->bias + address); /* which may lie near 2^64 */
}

static inline link32_t machine_link(const struct machine *machine, uint64_t address)
{
    return (link32_t)((address - machine->kernel_base) >> 3);
}

/* The address of link L; link 0 stands for "none" (nothing is ever allocated at kernel_base). */
static inline uint64_t machine_address(const struct machine *machine, link32_t l)
{
    return machine->kernel_base + ((uint64_t)l << 3);
}

static inline void *machine_follow(const struct machine *machine, link32_t l)
{
    return machine_at(machine, machine_address(machine, l));
}

/* Kernel address of a frame of the direct map, and back. */
static inline uint64_t machine_direct(const struct machine *machine, uint32_t frame)
{
    return machine->kernel_base + ((uint64_t)frame << PAGE_SHIFT);
}

static inline bool machine_is_direct(const struct machine *machine, uint64_t address)
{
    return (address - machine->kernel_base) >> PAGE_SHIFT < machine->direct_frames;
}

static inline uint32_t machine_frame(const struct machine *machine, uint64_t address)
{
    return (uint32_t)((address - machine->kernel_base) >> PAGE_SHIFT);
}

/* Records a refusal in machine->failure; RESOURCE is copied. */
void machine_refuse(struct machine *machine, enum failure_cause cause, const char *resource,
                    uint64_t requested, uint64_t free, uint64_t largest, uint64_t pieces);

#endif
