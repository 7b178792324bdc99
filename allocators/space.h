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
#define NAME_NONE  0u /* names start at 1 */

struct space_system;

/* Per-space state, host-side, indexed by the trace's space number; private to the implementation
 * but for the counts. */
struct space {
    bool live;              /* created and its object not yet released */
    bool active;            /* not yet destroyed */
    bool special;           /* without names: ipc_space_create_special */
    uint64_t object;        /* of the cache ipc_space */
    uint32_t rights;        /* live names */
    uint32_t free_entries;  /* on the free list (radix: at most 64; table: all free slots) */
    /* table */
    uint64_t table;
    uint32_t table_entries;
    uint32_t table_step;    /* index of the size in the list of sizes */
    link32_t tree_root;     /* splay tree of outliers */
    uint32_t tree_total, tree_small;
    uint64_t growths, remaps;
    /* radix */
    link32_t names_root, reverse_root;
    uint32_t names_height, reverse_height; /* number of levels; 0: at most key 0 */
    uint32_t names_nodes, reverse_nodes;
    link32_t free_head;     /* entries kept with their name */
    uint32_t reverse_count;
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
    struct map *map;             /* tables of a page or more come from here */
    struct space *spaces;        /* [spaces_max], reserved */
    uint32_t spaces_max;
    uint32_t nr_spaces;          /* highest number seen + 1 */
    int cache_space, cache_entry, cache_tree_entry, cache_node; /* -1: not yet known */
    uint32_t *table_sizes;       /* table: entries per step */
    bool exact_bitmaps;          /* radix: option, not what the kernel does */
};

int space_open(struct space_system *system, const struct space_ops *ops,
               struct slab_system *slabs, struct kmem *kmem, struct map *map, uint32_t spaces_max,
               struct error *error);
void space_close(struct space_system *system);

#endif
