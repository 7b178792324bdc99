/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * IPC spaces: where rights live. space_table.c is the table grown by realloc with its splay tree of
 * outliers (to 1.5), space_radix.c the radix trees (since 1.6).
 *
 * A right is known to its user by its name in the space, to this code by the number that the trace
 * gave it, which a lookup returns. The reverse map finds the right from the address of the object
 * that it names (send rights).
 */

#ifndef ALLOCATORS_SPACE_H
#define ALLOCATORS_SPACE_H

#include "allocators/slab.h"

#define RIGHT_NONE UINT32_MAX
#define NAME_NONE  0u         /* names start at 1 */
#define NAME_DEAD  UINT32_MAX /* stands for a dead right: never the name of one */

#define SPACE_TABLE_STEPS 512 /* sizes in the table's list, the last one twice */

struct space_system;

/* A radix tree (radix_tree.h). The root is a node, at height 0 the item of key 0; 0: empty. */
struct radix_tree {
    link32_t root;
    uint32_t height; /* number of levels */
    uint32_t nodes;  /* live nodes */
};

/* Per-space state, host-side, indexed by the trace's space number; private to the implementation
 * but for the counts. */
struct space {
    bool live;             /* created and its object not yet released */
    bool active;           /* not yet destroyed */
    bool special;          /* without names: ipc_space_create_special */
    uint64_t object;       /* of the cache ipc_space */
    uint32_t rights;       /* live names */
    uint32_t free_entries; /* on the free list (radix: at most 64; table: all free slots) */
    /* table */
    uint64_t table;
    uint32_t table_entries;
    uint32_t table_step; /* index of the size in the list of sizes */
    link32_t tree_root;  /* splay tree of outliers */
    uint32_t tree_total, tree_small;
    uint64_t growths, remaps;
    uint64_t transient_peak; /* bytes of the old and the new table while it grew, the most */
    /* radix: each tree by its parts or as one */
    union {
        struct radix_tree names;
        struct {
            link32_t names_root;
            uint32_t names_height, names_nodes;
        };
    };
    union {
        struct radix_tree reverse;
        struct {
            link32_t reverse_root;
            uint32_t reverse_height, reverse_nodes;
        };
    };
    link32_t free_head; /* entries kept with their name */
    /* both */
    uint32_t reverse_count; /* rights in the reverse map */
};

struct space_ops {
    const char *name; /* "table", "radix" */
    const char *summary;

    /* Caches are found by name among those that exist when first needed, else created with the
     * sizes of the design and the geometry's pointer size. */
    int (*open)(struct space_system *system, struct error *error);

    /* Each returns false, or NAME_NONE, when refused: machine->failure is set and the space is as
     * it was. */
    bool (*create)(struct space_system *system, uint32_t space, bool special);
    void (*destroy)(struct space_system *system, uint32_t space); /* all its names and keys go */
    void (*release)(struct space_system *system, uint32_t space); /* the last reference goes */
    uint32_t (*name_alloc)(struct space_system *system, uint32_t space, uint32_t right);
    bool (*name_alloc_at)(struct space_system *system, uint32_t space, uint32_t right,
                          uint32_t name);
    void (*name_free)(struct space_system *system, uint32_t space, uint32_t name);
    uint32_t (*name_lookup)(struct space_system *system, uint32_t space, uint32_t name);
    /* ADDRESS is the object that the right NAME of SPACE names: kernel_base upwards. */
    bool (*reverse_insert)(struct space_system *system, uint32_t space, uint32_t name,
                           uint64_t address);
    void (*reverse_remove)(struct space_system *system, uint32_t space, uint64_t address);
    uint32_t (*reverse_lookup)(struct space_system *system, uint32_t space, uint64_t address);

    int (*check)(const struct space_system *system, uint32_t space, struct error *error);
};

extern const struct space_ops space_table;
extern const struct space_ops space_radix;

struct space_system {
    const struct space_ops *ops;
    struct machine *machine;
    struct slab_system *slabs;
    struct kmem *kmem;
    struct map *map;      /* tables of a page or more come from here */
    struct space *spaces; /* [spaces_max], reserved */
    uint32_t spaces_max;
    uint32_t nr_spaces;                                         /* highest number seen + 1 */
    int cache_space, cache_entry, cache_tree_entry, cache_node; /* -1: not yet known */
    uint32_t *table_sizes;   /* table: entries per step, SPACE_TABLE_STEPS of them */
    link32_t *outlier_hash;  /* table: chains of outliers that are in the reverse map */
    uint64_t transient_peak; /* of all spaces so far */
    bool exact_bitmaps;      /* radix: option, not what the kernel does */
};

/* The list of sizes of the table: ENTRIES[i] is the number of entries of ENTRY_BYTES after i
 * growths. */
void space_table_sizes(uint32_t entries[SPACE_TABLE_STEPS], uint32_t entry_bytes);

/* Bytes that the next growth of space NUMBER asks for in one piece: the next table, or a slab of
 * nodes. 0: not known yet, or the table has its last size. */
uint64_t space_next_growth(const struct space_system *system, uint32_t number);

/* The caller sets `exact_bitmaps` before; all else is filled in. Host-side memory only: one struct
 * space for each of SPACES_MAX. KMEM and MAP may be NULL for an
 * implementation without tables. -1 with the error set; then there is nothing to close. */
int space_open(struct space_system *system, const struct space_ops *ops, struct slab_system *slabs,
               struct kmem *kmem, struct map *map, uint32_t spaces_max, struct error *error);
/* Forgets the spaces; what they hold in the machine goes with the machine. */
void space_close(struct space_system *system);

#endif
