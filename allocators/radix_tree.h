/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Radix tree from 32-bit keys to items, in machine memory.
 *
 * An item is a link32_t other than 0, opaque to the tree. Nodes come from the cache rdxtree_node of
 * the space system that is passed along.
 */

#ifndef ALLOCATORS_RADIX_TREE_H
#define ALLOCATORS_RADIX_TREE_H

#include "allocators/space.h"

#define RADIX_BITS  6
#define RADIX_SLOTS 64

/* One node; 280 bytes (552) in the kernel, whose pointers take 4 (8). */
struct radix_node {
    link32_t parent; /* 0: the root */
    uint16_t index;  /* slot in the parent */
    uint8_t level;   /* 0: a leaf, its slots hold items */
    uint8_t count;   /* occupied slots */
    uint64_t bitmap; /* slots below which a name may still be chosen */
    link32_t slots[RADIX_SLOTS];
};

_Static_assert(sizeof(struct radix_node) <= 280, "a node fits in the kernel's");

/* The item of KEY, 0: none. */
link32_t radix_tree_lookup(struct machine *machine, const struct radix_tree *tree, uint32_t key);

/* False when the key is taken or a node is refused: failure set, the tree as it was. */
bool radix_tree_insert(struct space_system *system, struct radix_tree *tree, uint32_t key,
                       link32_t item);

/* The same under a key that the tree chooses and stores in *KEY. */
bool radix_tree_insert_alloc(struct space_system *system, struct radix_tree *tree, link32_t item,
                             uint32_t *key);

/* Returns the item that was there, 0: none, and nothing is changed. */
link32_t radix_tree_remove(struct space_system *system, struct radix_tree *tree, uint32_t key);

/* Frees all nodes without a look at the items. */
void radix_tree_remove_all(struct space_system *system, struct radix_tree *tree);

/* Calls VISIT for every item by ascending key. VISIT may not change the tree; the walk ends when it
 * returns false, and then returns false itself. */
typedef bool (*radix_tree_visit)(void *context, uint32_t key, link32_t item);
bool radix_tree_walk(const struct machine *machine, const struct radix_tree *tree,
                     radix_tree_visit visit, void *context);

/* Parents, indices, levels, counts and bitmaps of every node, and the number of nodes. */
int radix_tree_check(const struct space_system *system, const struct radix_tree *tree,
                     struct error *error);

#endif
