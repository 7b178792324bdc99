/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the files of the importer share.
 *
 *     import.c        the order of work, and the command
 *     import_start.c  the start of the log, read ahead: the machine and its start state
 *     import_calls.c  caches, kalloc, ranges: which calls are primary, which derived
 *     import_boot.c   calls without a parent before there are tasks
 *     import_names.c  spaces, names, reverse keys
 *     import_pages.c  pages, seen and unseen
 *     import_truth.c  counters
 *     import_state.c  tables
 */

#ifndef TRACES_IMPORT_PRIVATE_H
#define TRACES_IMPORT_PRIVATE_H

#include "traces/import.h"
#include "traces/import_state.h"
#include "traces/log_line.h"
#include "traces/log_reader.h"

#define CACHES_MAX  256u
#define KALLOC_NONE 255u
#define FRAME_BYTES 4096u

struct import_cache {
    uint64_t address;
    char name[64];
    bool derived; /* no call on it is primary */
    bool reserve; /* vm_map_kentry: its slabs are no pages of the page allocator */
    bool entries; /* of kernel maps */
    bool spaces;  /* ipc_space */
    bool pages;   /* vm_page: descriptors made after start-up */
    bool slabs;   /* kmem_slab: what a reap frees of it is not logged */
    uint64_t live;
};

struct import_space {
    uint64_t address;
    uint32_t first; /* of its names, UINT32_MAX: none */
    bool special, destroyed;
};

/* ---- The start of a log ---- */

struct start_segment {
    uint32_t start, end; /* frames */
    uint32_t free, pool, orders[11];
    uint8_t kind;
};

struct boot_range { /* pages that become free, ascending */
    uint32_t first, pages;
    uint64_t line; /* before the line of this number; 0: at the first event */
};

struct start_submap {
    uint64_t start, size;
    uint8_t map; /* enum event_map; kernel: an unseen range in its place */
};

#define BOOT_RANGES 16
#define SUBMAPS     4

struct import_start {
    uint64_t lines;                        /* of the log that were read ahead */
    uint64_t names_offset, reverse_offset; /* of a space's trees in it */
    uint64_t kernel_base;
    uint64_t pages_base;  /* page descriptor of frame 0 */
    uint32_t page_stride; /* 0: not known */
    bool observed;        /* every page of a range is seen grabbed */
    bool segment_flags;   /* vm_page_grab tells the highest segment */
    unsigned nr_segments;
    struct start_segment segments[4];
    unsigned nr_ranges;
    struct boot_range ranges[BOOT_RANGES];
    uint64_t kernel_end;     /* above all of the kernel's own data that the log shows */
    uint64_t top_descriptor; /* 1.5, 1.6: the first page released */
    uint32_t top_frame;
    unsigned nr_submaps;
    struct start_submap submaps[SUBMAPS];
    uint32_t frames_unknown;
};

/* ---- Calls held back ---- */

enum held_kind { HELD_PAGE, HELD_RANGE, HELD_ENTRY };

struct held {
    uint8_t kind;
    uint8_t call;   /* HELD_RANGE */
    bool derived;   /* HELD_PAGE: its parent said so */
    uint32_t cache; /* HELD_ENTRY */
    uint64_t time;
    uint64_t address; /* page descriptor, range, object */
    uint64_t size;    /* pages, bytes */
    uint32_t segment; /* HELD_PAGE; and HELD_CONTIGUOUS */
    uint64_t map;
};

#define HELD_MAX        4096u
#define HELD_CONTIGUOUS 256u

struct import_boot {
    bool over; /* there are tasks */
    struct held *held;
    unsigned nr_held;
    struct table slab_pages; /* addresses of pages that hold objects */
    struct {
        uint64_t map, end;
    } ends[64]; /* of ranges of kernel maps */
    unsigned nr_ends;
    unsigned nested_pages; /* grabbed inside the range that is being made */
    bool nested_entry;
    unsigned nr_entries; /* entries made outside of ranges: the first is that of the start */
    unsigned nr_tasks;
};

struct import {
    struct log_reader *reader;
    struct import_options options;
    struct trace_header header;
    struct import_counts counts;
    struct import_start start;

    import_emit *emit; /* valid during import_run() */
    void *context;
    struct error *error;

    struct log_line line;
    uint64_t time; /* of the last event */
    uint16_t task;
    uint64_t task_address;
    bool version_seen, end_seen;
    unsigned next_range; /* of start.ranges */
    unsigned next_submap;

    unsigned nr_caches;
    struct import_cache caches[CACHES_MAX];
    struct table cache_numbers;
    unsigned kalloc_caches[13]; /* KALLOC_NONE: not yet */

    struct numbers objects;
    struct table object_table; /* address: number, cache, derived */
    struct table range_table;
    struct table range_parts; /* pages of a range that are freed already */
    struct table page_table;
    struct table made_table; /* see made_pages */
    uint64_t map_bytes;      /* of kernel_map, in ranges and submaps */
    uint64_t map_top;        /* end of its highest range so far */
    uint64_t range_pages;    /* taken by ranges that hold no slabs */
    bool reaped;             /* since the last counters */
    bool kfree_counted;      /* a kmem_cache_free inside the kfree that is running was seen */

    struct { /* a kalloc in ipc_table_alloc: primary or not, the next line tells */
        bool waits;
        uint64_t time, address, size;
    } table_alloc;

    uint32_t tasks; /* number of the last */
    struct table task_table;

    struct numbers space_numbers;
    struct import_space *spaces;
    uint32_t spaces_room;
    struct table space_table;
    uint64_t last_space; /* object of the cache ipc_space that was made last */
    struct numbers rights;
    struct names names;
    struct { /* a name taken off the free list: who chose it, the next line tells */
        bool waits;
        uint64_t time;
        uint32_t record;
    } pop;
    struct { /* a name taken out of its tree, its entry not yet freed */
        bool waits;
        bool nodes;   /* the removal freed nodes */
        uint8_t left; /* EVENT_ENTRY_LEFT, EVENT_COUNT_LEFT: for counters right after this line */
        uint32_t record;
        uint64_t entry; /* of the last removal, 0: it was freed */
    } removal;
    struct {
        bool waits;
        uint32_t space, old, new;
    } growth;
    bool name_failed; /* the failed name of the ipc_entry_alloc that is running was told */

    struct import_boot boot;

    uint32_t made_pages;       /* given to the free list through descriptors of the cache vm_page */
    uint64_t boot_pages;       /* pages that became free at start-up */
    uint64_t boot_segment[4];  /* ... by kind of segment */
    uint64_t live_pages;       /* of page events, without the unseen */
    uint64_t known_segment[4]; /* pages alive by their descriptors */
    uint32_t *unseen[4];       /* objects of unseen pages by kind of segment */
    uint32_t nr_unseen[4], room_unseen[4];
    struct { /* a run of pages released at start-up, descending */
        uint64_t descriptor;
        uint32_t pages;
        uint64_t time;
    } run;

    bool in_truth;
    uint64_t truth_time;
    struct truth *truth;
};

/* import.c: one event at import->time on behalf of import->task. */
int import_event(struct import *import, unsigned kind, unsigned flags, uint32_t where,
                 uint32_t object, uint32_t size, uint64_t address);
int import_payload(struct import *import, unsigned kind, unsigned flags, uint32_t where,
                   const void *payload, size_t size);
int import_no_memory(struct import *import);
/* Counts the line that is being read as primary or derived. */
void import_primary(struct import *import);
void import_derived(struct import *import);
/* Calls made inside CALL are derived. */
bool import_allocates(unsigned call);
/* Task number of an address, 0 for 0; -1 with the error set when it has no T line. */
int import_task(struct import *import, uint64_t address, uint16_t *task);

/* import_start.c */
int import_start_read(struct import *import, struct error *error);
/* "key: value" goes to the trace's provenance. */
int import_comment(struct import *import, const struct log_line *line);
/* Frame of the page of DESCRIPTOR, UINT32_MAX when that is not known. */
uint32_t import_frame(const struct import_start *start, uint64_t descriptor);

/* import_calls.c */
int import_call(struct import *import);
/* A kmem_alloc* that gave ADDRESS is primary: its event. */
int import_range_alloc(struct import *import, unsigned call, uint64_t address, uint64_t bytes);
/* Address space of kernel_map that was taken unseen. */
int import_range_unseen(struct import *import, uint64_t bytes);
int import_range_derived(struct import *import, uint64_t address, uint64_t bytes, bool slab,
                         uint64_t pages);
int import_object_alloc(struct import *import, uint32_t cache, uint64_t address, bool derived);
/* ADDRESS is alive and came from the cache vm_page. */
bool import_object_is_page(const struct import *import, uint64_t address);
int import_table_alloc_flush(struct import *import, bool derived);
/* Address space that other maps took before ADDRESS; UINT64_MAX: the next one. 1: it was (the last)
 * a range of the kernel's own map, which a stack makes an entry for. */
int import_submap(struct import *import, uint64_t address);

/* import_boot.c */
void import_boot_free(struct import *import);
int import_boot_page(struct import *import, uint64_t page, uint64_t pages, uint32_t segment,
                     bool derived);
/* 1: the range is held back or was derived, 0: go on. */
int import_boot_range(struct import *import, uint64_t address, uint64_t bytes);
/* 1: the object is held back, 0: go on. */
int import_boot_object(struct import *import, uint32_t cache, uint64_t address);
int import_boot_flush(struct import *import);

/* import_names.c */
int import_names_call(struct import *import);
int import_pop_flush(struct import *import, bool chosen);
bool import_removal_waits_for(const struct import *import, uint64_t entry);
int import_removal_flush(struct import *import);
int import_removal_done(struct import *import, uint64_t entry);
void import_names_free(struct import *import);
/* The object of a space was freed. */
int import_space_release(struct import *import, uint64_t address);
/* Number of a space, UINT32_MAX when there is none at ADDRESS. */
uint32_t import_space_find(const struct import *import, uint64_t address);

/* import_pages.c */
int import_page_grab(struct import *import, uint64_t page, uint64_t pages, uint32_t segment,
                     bool contiguous);
int import_page_derived(struct import *import, uint64_t page, uint64_t pages);
int import_page_call(struct import *import);
int import_pages_balance(struct import *import, const struct truth *truth);
int import_boot_ranges(struct import *import); /* those that are due at this line */
int import_boot_run(struct import *import);    /* ends a run of releases at start-up */
void import_pages_free(struct import *import);

/* import_truth.c */
int import_truth_line(struct import *import);
int import_truth_flush(struct import *import);
int import_counter_segment(const char *text, struct start_segment *segment, uint32_t *index,
                           uint32_t *active, uint32_t *inactive, struct error *error);

#endif
