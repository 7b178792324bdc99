/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the implementations of spaces share: caches by name, the life of the space object, and the
 * layout of what they keep in machine memory, which space_check.c walks too.
 */

#ifndef ALLOCATORS_SPACE_PRIVATE_H
#define ALLOCATORS_SPACE_PRIVATE_H

#include "allocators/radix_tree.h"
#include "allocators/space.h"

#define SPACE_FREE_LIST_MAX   64 /* radix: freed entries kept with their name */
#define SPACE_OUTLIER_BUCKETS 256

/* A cache of the simulated kernel: what it is called and how large its objects are. */
struct space_cache {
    const char *name;
    uint32_t size;    /* on 4-byte targets */
    uint32_t size_64; /* on 8-byte targets */
    uint32_t used; /* bytes that are used here: a smaller cache of the name is of another design */
};

extern const struct space_cache space_cache_node;

/* An object of KIND, whose cache *CACHE is found first when it is -1. 0 with the failure set. */
uint64_t space_object_alloc(struct space_system *system, int *cache,
                            const struct space_cache *kind);
void space_object_free(struct space_system *system, int cache, uint64_t object);
uint32_t space_cache_bytes(const struct space_system *system, const struct space_cache *kind);

/* Allocates the object of space NUMBER and resets its state; false with the failure set. */
bool space_begin(struct space_system *system, uint32_t number, bool special,
                 const struct space_cache *kind);
/* Frees the object; the space is dead. */
void space_end(struct space_system *system, uint32_t number);

/* Whether names can be allocated in SPACE; if not, the failure is set. */
bool space_takes_names(struct space_system *system, const struct space *space);
/* Refuses for a limit of the design; false, to be returned. */
bool space_refuse(struct space_system *system, const char *resource);

/* Entry of a table: 16 bytes (32). Entry 0 is never allocated and heads the free list. */
struct table_entry {
    uint32_t right;  /* RIGHT_NONE: free */
    link32_t object; /* what the right names, when it is in the reverse map */
    uint32_t hashed; /* reverse hash: index of the entry that hashes to this slot, 0: none */
    uint32_t next;   /* free list */
};

_Static_assert(sizeof(struct table_entry) == 16, "an entry fits in the kernel's");

/* Entry of the splay tree of outliers: 32 bytes (64). */
struct tree_entry {
    uint32_t right;
    link32_t object;
    link32_t chain; /* the next outlier in its bucket of the reverse hash */
    uint32_t space; /* number of its space: the buckets are shared by all */
    uint32_t name;
    link32_t lower, higher; /* children */
};

_Static_assert(sizeof(struct tree_entry) <= 32, "a tree entry fits in the kernel's");

static inline uint32_t table_stride(const struct machine *machine)
{
    return machine->geometry->pointer_size == 8 ? 32 : 16;
}

static inline struct table_entry *table_entry(const struct machine *machine,
                                              const struct space *space, uint32_t index)
{
    return machine_at(machine, space->table + (uint64_t)index * table_stride(machine));
}

/* Where the reverse hash of a table looks first for OBJECT. */
static inline uint32_t table_home(const struct machine *machine, const struct space *space,
                                  link32_t object)
{
    return (uint32_t)((machine_address(machine, object) >> 6) % space->table_entries);
}

static inline uint32_t outlier_bucket(uint32_t space, link32_t object)
{
    return ((object >> 3) + space) % SPACE_OUTLIER_BUCKETS;
}

/* Splay tree of outliers, by name. All may change the shape of the tree, hence *ROOT. */

/* The outlier NAME, 0: none. */
link32_t space_splay_find(struct machine *machine, link32_t *root, uint32_t name);
/* The outlier with the lowest name that is at least NAME, 0: none. */
link32_t space_splay_from(struct machine *machine, link32_t *root, uint32_t name);
/* ENTRY has its name set; no other in the tree has the same. */
void space_splay_insert(struct machine *machine, link32_t *root, link32_t entry);
/* Unlinks and returns the outlier NAME, 0: none. */
link32_t space_splay_remove(struct machine *machine, link32_t *root, uint32_t name);

/* Entry of a radix space: 16 bytes (24). */
struct radix_entry {
    uint32_t name;
    uint32_t right;  /* RIGHT_NONE: on the space's free list */
    link32_t next;   /* free list */
    link32_t object; /* what the right names, when it is in the reverse tree */
};

_Static_assert(sizeof(struct radix_entry) == 16, "an entry fits in the kernel's");

/* Key 0 of a name tree is taken by an object that the kernel has in its image: here by a link at
 * which nothing can ever be allocated. */
#define RADIX_PLACEHOLDER ((link32_t)1)

int space_table_check(const struct space_system *system, uint32_t number, struct error *error);
int space_radix_check(const struct space_system *system, uint32_t number, struct error *error);

#endif
