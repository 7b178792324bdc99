/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Events: the one alphabet that everything that reads or writes traces speaks.
 *
 * An event is one request that a kernel made of its allocators. It is decoded once into a record
 * of 32 bytes, two to a cache line (16 would need the time and the captured address elsewhere).
 * Objects, rights, spaces and caches go by dense numbers that are reused after death; each of the
 * four is a numbering of its own.
 */

#ifndef TRACES_EVENT_H
#define TRACES_EVENT_H

#include <stdint.h>

enum event_kind {
    EVENT_CACHE_CREATE,   /* where: cache; payload: a struct cache_definition */
    EVENT_CACHE_ALLOC,    /* where: cache; object */
    EVENT_CACHE_FREE,     /* where: cache; object */
    EVENT_KALLOC,         /* size; object */
    EVENT_KFREE,          /* size (as told to kfree); object */
    EVENT_PAGE_ALLOC,     /* size: pages; where: highest segment (enum of trace.h); object */
    EVENT_PAGE_FREE,      /* size: pages; object */
    EVENT_MAP_ALLOC,      /* where: map; size: bytes; flags: kind; object */
    EVENT_MAP_FREE,       /* where: map; size: bytes; address: offset into the object's range */
    EVENT_SPACE_CREATE,   /* where: space; flags: EVENT_SPECIAL */
    EVENT_SPACE_DESTROY,  /* where: space: its names and reverse keys are gone */
    EVENT_SPACE_RELEASE,  /* where: space: its last reference is gone, the number is free */
    EVENT_NAME_ALLOC,     /* where: space; object: right; size: captured name */
    EVENT_NAME_ALLOC_AT,  /* where: space; object: right; size: name */
    EVENT_NAME_FREE,      /* where: space; object: right */
    EVENT_NAME_LOOKUP,    /* where: space; object: right */
    EVENT_REVERSE_INSERT, /* where: space; object: right; size: object named, OBJECT_NONE when it is
                             not a live object of the trace; address: captured address */
    EVENT_REVERSE_REMOVE, /* where: space; object: right */
    EVENT_REVERSE_LOOKUP, /* where: space; object: right */
    EVENT_REAP,           /* slab reclaim that ran */
    EVENT_BOOT_PAGES,     /* object: first frame; size: pages; flags: EVENT_DESCENDING: they become
                             free at start-up, in that order */
    EVENT_GROWTH,         /* expectation: the name-alloc before it grew the table of `where` from
                             `size` to `object` entries; with EVENT_FAILED: it could not */
    EVENT_TASK,           /* task seen first or renamed; where: task; payload: name */
    EVENT_MARK,           /* payload: text */
    EVENT_TRUTH,          /* payload: counters read out of the kernel, see trace.h; flags:
                             EVENT_ENTRY_LEFT, EVENT_COUNT_LEFT */
    EVENT_KINDS
};

/* Flags. The low nibble of a map event's flags is its kind. */
enum event_flags {
    EVENT_FAILED = 0x80,     /* the kernel refused this request: nothing lives after it */
    EVENT_INFERRED = 0x40,   /* not observed: the importer worked it out from the counters */
    EVENT_SPECIAL = 0x20,    /* space without names */
    EVENT_DESCENDING = 0x20, /* boot pages from high to low */
    EVENT_ENTRY_LEFT = 0x20, /* truth inside the removal of the name that the name-free before it
                                removed from its tree: the entry is not freed yet */
    EVENT_COUNT_LEFT = 0x10, /* ... the space still counts it */
    EVENT_CONTIGUOUS = 0x10, /* page event through the contiguous interface, even for one page */
};

enum event_map { EVENT_MAP_KERNEL, EVENT_MAP_KMEM, EVENT_MAP_IPC, EVENT_MAP_DEVICE, EVENT_MAPS };

/* As enum kmem_kind of allocators/map.h, which knows nothing of traces. */
enum event_map_kind {
    EVENT_MAP_WIRED,
    EVENT_MAP_ALIGNED,
    EVENT_MAP_OBJECT,
    EVENT_MAP_PAGEABLE,
    EVENT_MAP_SUBMAP,
};

enum event_segment { EVENT_DMA, EVENT_DMA32, EVENT_DIRECTMAP, EVENT_HIGHMEM };

#define OBJECT_NONE UINT32_MAX

struct event {
    uint64_t time;    /* in the unit of the trace's header, since power-on; never decreases */
    uint64_t address; /* captured address, offset, or payload: see the kinds */
    uint32_t where;
    uint32_t object;
    uint32_t size;
    uint16_t task; /* on whose behalf; 0 before there are tasks */
    uint8_t kind;  /* enum event_kind */
    uint8_t flags;
};

_Static_assert(sizeof(struct event) == 32, "two events to a cache line");

/* "cache-alloc", ...; NULL when out of range. `event_kind_find` returns EVENT_KINDS when unknown.
 */
const char *event_kind_name(unsigned kind);
unsigned event_kind_find(const char *name);

#endif
