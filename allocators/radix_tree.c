/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Radix tree: 64 slots a node, as high as its highest key needs.
 *
 * The idea. A key is cut into digits of 6 bits, a digit chooses a slot at each level, and a leaf's
 * slots hold the items. Nothing is ever moved or copied: an insertion adds nodes of one fixed size,
 * so a tree of any size can be had from memory that is broken into pieces as small as a node. That
 * is what GNU Mach wanted when it replaced the table of IPC rights in 1.6; the tree runs there to
 * this day.
 *
 * Each node carries a bitmap of the slots that can still take a key, so the lowest free key is
 * found by following the lowest set bit from the root. The kernel's bitmaps are not exact, and the
 * names that programs see depend on it: a node reports itself full to its parent when its 64 slots
 * are occupied. For a leaf that is right. An inner node is occupied as soon as its 64 children
 * exist, so when one leaf fills up below such a node, the whole subtree is passed over although
 * names are free in it, until a removal there sets the bit again. `exact_bitmaps` does what one
 * would expect: a node reports itself full when its own bitmap is empty.
 *
 * What it does worse than its rival: a lookup visits a node for each level where the table makes
 * one access, a node costs 280 bytes however few of its slots are used, and keys that lie far apart
 * (object addresses in the reverse tree) get a leaf almost for themselves.
 */

#include "allocators/radix_tree.h"

#include "allocators/space_private.h"

#include <string.h>

#define HEIGHT_MAX 6 /* 36 bits hold every key */

static struct radix_node *node_at(const struct machine *machine, link32_t link)
{
    return machine_follow(machine, link);
}

static unsigned digit(uint32_t key, unsigned level)
{
    return key >> (level * RADIX_BITS) & (RADIX_SLOTS - 1);
}

/* Number of levels that a tree needs to hold KEY. */
static unsigned key_height(uint32_t key)
{
    return key == 0 ? 0 : (31u - (unsigned)__builtin_clz(key)) / RADIX_BITS + 1;
}

static link32_t node_create(struct space_system *system, struct radix_tree *tree, unsigned level)
{
    uint64_t address = space_object_alloc(system, &system->cache_node, &space_cache_node);
    struct radix_node *node;

    if (address == 0)
        return 0;

    node = machine_at(system->machine, address);
    memset(node, 0, sizeof(*node));
    node->level = (uint8_t)level;
    node->bitmap = UINT64_MAX;
    tree->nodes++;
    return machine_link(system->machine, address);
}

static void node_destroy(struct space_system *system, struct radix_tree *tree, link32_t link)
{
    space_object_free(system, system->cache_node, machine_address(system->machine, link));
    tree->nodes--;
}

/* A new inner node leaves the parent's bitmap alone: names can be had below it. */
static void node_attach(struct machine *machine, link32_t parent, unsigned index, link32_t child)
{
    struct radix_node *above = node_at(machine, parent);
    struct radix_node *below = node_at(machine, child);

    above->slots[index] = child;
    above->count++;
    below->parent = parent;
    below->index = (uint16_t)index;
}

static void node_detach(struct machine *machine, link32_t child)
{
    const struct radix_node *below = node_at(machine, child);
    struct radix_node *above = node_at(machine, below->parent);

    above->slots[below->index] = 0;
    above->count--;
}

static bool node_is_full(const struct space_system *system, const struct radix_node *node)
{
    return system->exact_bitmaps ? node->bitmap == 0 : node->count == RADIX_SLOTS;
}

/* Slot INDEX of NODE can take no more keys. */
static void bitmap_clear(struct space_system *system, struct radix_node *node, unsigned index)
{
    for (;;) {
        node->bitmap &= ~(UINT64_C(1) << index);

        if (node->parent == 0 || !node_is_full(system, node))
            return;

        index = node->index;
        node = node_at(system->machine, node->parent);
    }
}

/* Slot INDEX of NODE can take a key again. An ancestor's bit that is set already ends the way up.
 */
static void bitmap_set(struct space_system *system, struct radix_node *node, unsigned index)
{
    do {
        node->bitmap |= UINT64_C(1) << index;

        if (node->parent == 0)
            return;

        index = node->index;
        node = node_at(system->machine, node->parent);
    } while ((node->bitmap >> index & 1) == 0);
}

static void leaf_insert(struct space_system *system, struct radix_node *leaf, unsigned index,
                        link32_t item)
{
    leaf->slots[index] = item;
    leaf->count++;
    bitmap_clear(system, leaf, index);
}

/* Takes roots away that have nothing but what lies in slot 0. */
static void tree_shrink(struct space_system *system, struct radix_tree *tree)
{
    while (tree->height > 0) {
        link32_t old = tree->root;
        const struct radix_node *root = node_at(system->machine, old);

        if (root->count != 1 || root->slots[0] == 0)
            return;

        tree->root = root->slots[0];
        tree->height--;

        if (tree->height > 0)
            node_at(system->machine, tree->root)->parent = 0;

        node_destroy(system, tree, old);
    }
}

/* Frees LINK if it is empty, and then what becomes empty above it. */
static void tree_prune(struct space_system *system, struct radix_tree *tree, link32_t link)
{
    for (;;) {
        const struct radix_node *node = node_at(system->machine, link);
        link32_t parent = node->parent;

        if (node->count > 0) {
            if (parent == 0)
                tree_shrink(system, tree);
            return;
        }

        if (parent == 0) {
            tree->root = 0;
            tree->height = 0;
            node_destroy(system, tree, link);
            return;
        }

        node_detach(system->machine, link);
        node_destroy(system, tree, link);
        link = parent;
    }
}

/* Puts one root above the other until the tree has HEIGHT levels. An empty one only notes it. */
static bool tree_grow(struct space_system *system, struct radix_tree *tree, unsigned height)
{
    if (tree->root == 0) {
        tree->height = height;
        return true;
    }

    while (tree->height < height) {
        link32_t link = node_create(system, tree, tree->height);

        if (link == 0) {
            tree_shrink(system, tree);
            return false;
        }

        struct radix_node *node = node_at(system->machine, link);

        if (tree->height == 0) {
            leaf_insert(system, node, 0, tree->root);
        } else {
            node_attach(system->machine, link, 0, tree->root);

            if (node_at(system->machine, tree->root)->bitmap == 0)
                bitmap_clear(system, node, 0);
        }

        tree->root = link;
        tree->height++;
    }

    return true;
}

/* The leaf for KEY; missing nodes are made from the top down. 0 when one is refused: the tree is
 * then without those made on the way, roots included. */
static link32_t leaf_make(struct space_system *system, struct radix_tree *tree, uint32_t key)
{
    link32_t parent = 0;
    link32_t link = tree->root;
    unsigned index = 0;

    for (unsigned level = tree->height; level-- > 0;) {
        if (link == 0) {
            link = node_create(system, tree, level);

            if (link == 0) {
                if (parent != 0)
                    tree_prune(system, tree, parent);
                else
                    tree->height = 0;
                return 0;
            }

            if (parent == 0)
                tree->root = link;
            else
                node_attach(system->machine, parent, index, link);
        }

        system->machine->work.nodes_visited++;
        parent = link;
        index = digit(key, level);
        link = node_at(system->machine, parent)->slots[index];
    }

    return parent;
}

bool radix_tree_insert(struct space_system *system, struct radix_tree *tree, uint32_t key,
                       link32_t item)
{
    unsigned height = key_height(key);

    if (height > tree->height && !tree_grow(system, tree, height))
        return false;

    if (tree->height == 0) {
        if (tree->root != 0)
            return space_refuse(system, "key");
        tree->root = item;
        return true;
    }

    link32_t link = leaf_make(system, tree, key);

    if (link == 0)
        return false;

    struct radix_node *leaf = node_at(system->machine, link);
    unsigned index = digit(key, 0);

    if (leaf->slots[index] != 0)
        return space_refuse(system, "key");

    leaf_insert(system, leaf, index, item);
    return true;
}

/* The key that the bitmaps lead to, or the first beyond the tree's height when they lead nowhere. A
 * node that is not there yet offers its lowest slot. */
static uint64_t key_choose(const struct machine *machine, const struct radix_tree *tree)
{
    link32_t link = tree->root;
    uint64_t key = 0;

    if (link == 0)
        return 0;

    for (unsigned level = tree->height; level-- > 0 && link != 0;) {
        const struct radix_node *node = node_at(machine, link);

        if (node->bitmap == 0)
            return UINT64_C(1) << (tree->height * RADIX_BITS);

        unsigned index = (unsigned)__builtin_ctzll(node->bitmap);

        key |= (uint64_t)index << (level * RADIX_BITS);
        link = node->slots[index];
    }

    return tree->height == 0 ? 1 : key;
}

bool radix_tree_insert_alloc(struct space_system *system, struct radix_tree *tree, link32_t item,
                             uint32_t *key)
{
    uint64_t chosen = key_choose(system->machine, tree);

    if (chosen > UINT32_MAX)
        return space_refuse(system, "key");

    *key = (uint32_t)chosen;
    return radix_tree_insert(system, tree, *key, item);
}

/* The leaf that has KEY's slot, 0: there is none. */
static link32_t leaf_find(struct machine *machine, const struct radix_tree *tree, uint32_t key)
{
    link32_t parent = 0;
    link32_t link = tree->root;

    if (key_height(key) > tree->height)
        return 0;

    for (unsigned level = tree->height; level-- > 0;) {
        if (link == 0)
            return 0;

        machine->work.nodes_visited++;
        parent = link;
        link = node_at(machine, parent)->slots[digit(key, level)];
    }

    return parent;
}

link32_t radix_tree_lookup(struct machine *machine, const struct radix_tree *tree, uint32_t key)
{
    if (tree->height == 0)
        return key == 0 ? tree->root : 0;

    link32_t leaf = leaf_find(machine, tree, key);

    return leaf == 0 ? 0 : node_at(machine, leaf)->slots[digit(key, 0)];
}

link32_t radix_tree_remove(struct space_system *system, struct radix_tree *tree, uint32_t key)
{
    link32_t item;

    if (tree->height == 0) {
        item = key == 0 ? tree->root : 0;
        if (item != 0)
            tree->root = 0;
        return item;
    }

    link32_t link = leaf_find(system->machine, tree, key);

    if (link == 0)
        return 0;

    struct radix_node *leaf = node_at(system->machine, link);
    unsigned index = digit(key, 0);

    item = leaf->slots[index];

    if (item == 0)
        return 0;

    leaf->slots[index] = 0;
    leaf->count--;
    bitmap_set(system, leaf, index);
    tree_prune(system, tree, link);
    return item;
}

static link32_t leaf_first(struct machine *machine, const struct radix_tree *tree)
{
    link32_t link = tree->root;
    const struct radix_node *node = node_at(machine, link);

    machine->work.nodes_visited++;

    while (node->level > 0) {
        unsigned index = 0;

        while (node->slots[index] == 0)
            index++;

        link = node->slots[index];
        node = node_at(machine, link);
        machine->work.nodes_visited++;
    }

    return link;
}

/* The order is the kernel's, and the caches remember it: leaves from the lowest key on, and before
 * each leaf the nodes above that are empty without it, from the bottom up. */
void radix_tree_remove_all(struct space_system *system, struct radix_tree *tree)
{
    while (tree->height > 0) {
        link32_t link = leaf_first(system->machine, tree);
        link32_t parent = node_at(system->machine, link)->parent;

        if (parent == 0) {
            tree->root = 0;
            tree->height = 0;
        } else {
            node_detach(system->machine, link);
            tree_prune(system, tree, parent);
        }

        node_destroy(system, tree, link);
    }

    tree->root = 0;
}

static bool walk_below(const struct machine *machine, link32_t link, uint32_t prefix,
                       radix_tree_visit visit, void *context)
{
    const struct radix_node *node = node_at(machine, link);

    for (unsigned i = 0; i < RADIX_SLOTS; i++) {
        uint32_t key = prefix << RADIX_BITS | i;

        if (node->slots[i] == 0)
            continue;

        bool on = node->level == 0 ? visit(context, key, node->slots[i])
                                   : walk_below(machine, node->slots[i], key, visit, context);
        if (!on)
            return false;
    }

    return true;
}

bool radix_tree_walk(const struct machine *machine, const struct radix_tree *tree,
                     radix_tree_visit visit, void *context)
{
    if (tree->root == 0)
        return true;
    if (tree->height == 0)
        return visit(context, 0, tree->root);
    return walk_below(machine, tree->root, 0, visit, context);
}

/* What a slot's bit may say, given the child in the slot (NULL: none). */
static bool bit_is_right(const struct space_system *system, bool bit,
                         const struct radix_node *child)
{
    if (child == NULL)
        return bit;
    if (bit)
        return child->bitmap != 0;
    return !system->exact_bitmaps || child->bitmap == 0;
}

static int node_check(const struct space_system *system, link32_t link, link32_t parent,
                      unsigned index, unsigned level, uint32_t *nodes, struct error *error)
{
    const struct radix_node *node = node_at(system->machine, link);
    unsigned count = 0;

    ++*nodes;

    if (node->parent != parent || (parent != 0 && node->index != index) || node->level != level)
        return error_set(error,
                         "radix node %x: parent %x, index %u, level %u; it hangs in slot %u of %x "
                         "at level %u",
                         link, node->parent, node->index, node->level, index, parent, level);

    for (unsigned i = 0; i < RADIX_SLOTS; i++) {
        bool bit = node->bitmap >> i & 1;
        link32_t below = node->slots[i];

        count += below != 0;

        if (level == 0
                ? bit == (below != 0)
                : !bit_is_right(system, bit, below == 0 ? NULL : node_at(system->machine, below)))
            return error_set(error, "radix node %x at level %u: bit %u of its bitmap is wrong",
                             link, level, i);

        if (level > 0 && below != 0 &&
            node_check(system, below, link, i, level - 1, nodes, error) < 0)
            return -1;
    }

    if (count == 0 || count != node->count)
        return error_set(error, "radix node %x at level %u: %u occupied slots, it counts %u", link,
                         level, count, node->count);
    return 0;
}

int radix_tree_check(const struct space_system *system, const struct radix_tree *tree,
                     struct error *error)
{
    uint32_t nodes = 0;

    if (tree->height > HEIGHT_MAX || (tree->root == 0 && tree->height != 0))
        return error_set(error, "radix tree: height %u with root %x", tree->height, tree->root);

    if (tree->height > 0) {
        const struct radix_node *root = node_at(system->machine, tree->root);

        if (node_check(system, tree->root, 0, 0, tree->height - 1, &nodes, error) < 0)
            return -1;
        if (root->count == 1 && root->slots[0] != 0)
            return error_set(error, "radix tree: the root has nothing but slot 0, height %u",
                             tree->height);
    }

    if (nodes != tree->nodes)
        return error_set(error, "radix tree: %u nodes, it counts %u", nodes, tree->nodes);
    return 0;
}
