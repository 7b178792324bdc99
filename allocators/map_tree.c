/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Red-black trees of map entries.
 *
 * A map looks its entries up by address, and with the gap tree also by the size of the gap behind
 * them. Both are binary search trees kept in balance by colour: no red node has a red child, and
 * every way down from the root passes as many black nodes, so no way is more than twice as long as
 * another. Entries are numbered and the links are numbers, which makes a tree the same on every
 * host; number 0 is the map's header and stands for "no child", which is black.
 *
 * The trees are intrusive: an entry brings a node for each of them and nothing is allocated. What
 * that costs against an array sorted by address is a cache miss at each step down; what it wins is
 * that nothing moves when an entry comes or goes.
 */

#include "allocators/map_private.h"

static struct map_node *node(const struct map *map, enum map_tree tree, uint32_t entry)
{
    return &map->entries[entry].nodes[tree];
}

static bool is_red(const struct map *map, enum map_tree tree, uint32_t entry)
{
    return entry != 0 && node(map, tree, entry)->red;
}

/* Makes NEW (may be 0) the child of UP that OLD was. */
static void set_child(struct map *map, enum map_tree tree, uint32_t up, uint32_t old, uint32_t new)
{
    if (up == 0)
        map->roots[tree] = new;
    else if (node(map, tree, up)->left == old)
        node(map, tree, up)->left = new;
    else
        node(map, tree, up)->right = new;
}

/* Turns the edge between ENTRY and its child on the other side: to the left when LEFT. */
static void rotate(struct map *map, enum map_tree tree, uint32_t entry, bool left)
{
    struct map_node *top = node(map, tree, entry);
    uint32_t child = left ? top->right : top->left;
    struct map_node *below = node(map, tree, child);
    uint32_t middle = left ? below->left : below->right;

    if (left) {
        top->right = middle;
        below->left = entry;
    } else {
        top->left = middle;
        below->right = entry;
    }
    if (middle != 0)
        node(map, tree, middle)->up = entry;
    below->up = top->up;
    set_child(map, tree, top->up, entry, child);
    top->up = child;
}

/* ENTRY is red; mends a red parent on the way up. */
static void insert_mend(struct map *map, enum map_tree tree, uint32_t entry)
{
    for (;;) {
        uint32_t up = node(map, tree, entry)->up;

        if (!is_red(map, tree, up))
            break;
        /* A red node is never the root, so there is a grandparent. */
        uint32_t grand = node(map, tree, up)->up;
        bool left = node(map, tree, grand)->left == up;
        uint32_t uncle = left ? node(map, tree, grand)->right : node(map, tree, grand)->left;

        if (is_red(map, tree, uncle)) {
            node(map, tree, up)->red = false;
            node(map, tree, uncle)->red = false;
            node(map, tree, grand)->red = true;
            entry = grand;
            continue;
        }
        if (entry == (left ? node(map, tree, up)->right : node(map, tree, up)->left)) {
            rotate(map, tree, up, left);
            up = entry;
        }
        node(map, tree, up)->red = false;
        node(map, tree, grand)->red = true;
        rotate(map, tree, grand, !left);
        break;
    }
    node(map, tree, map->roots[tree])->red = false;
}

void map_tree_insert(struct map *map, enum map_tree tree, uint32_t entry, uint32_t up, bool right)
{
    *node(map, tree, entry) = (struct map_node){.up = up, .red = true};
    if (up == 0)
        map->roots[tree] = entry;
    else if (right)
        node(map, tree, up)->right = entry;
    else
        node(map, tree, up)->left = entry;
    insert_mend(map, tree, entry);
}

/* The ways through ENTRY (may be 0), a child of UP, are one black node short. */
static void remove_mend(struct map *map, enum map_tree tree, uint32_t entry, uint32_t up)
{
    while (up != 0 && !is_red(map, tree, entry)) {
        bool left = node(map, tree, up)->left == entry;
        uint32_t sibling = left ? node(map, tree, up)->right : node(map, tree, up)->left;

        if (is_red(map, tree, sibling)) {
            node(map, tree, sibling)->red = false;
            node(map, tree, up)->red = true;
            rotate(map, tree, up, left);
            sibling = left ? node(map, tree, up)->right : node(map, tree, up)->left;
        }
        struct map_node *other = node(map, tree, sibling);
        uint32_t near = left ? other->left : other->right;
        uint32_t far = left ? other->right : other->left;

        if (!is_red(map, tree, near) && !is_red(map, tree, far)) {
            other->red = true;
            entry = up;
            up = node(map, tree, entry)->up;
            continue;
        }
        if (!is_red(map, tree, far)) {
            node(map, tree, near)->red = false;
            other->red = true;
            rotate(map, tree, sibling, !left);
            far = sibling;
            sibling = near;
        }
        node(map, tree, sibling)->red = node(map, tree, up)->red;
        node(map, tree, up)->red = false;
        node(map, tree, far)->red = false;
        rotate(map, tree, up, left);
        entry = map->roots[tree];
        break;
    }
    if (entry != 0)
        node(map, tree, entry)->red = false;
}

/* ENTRY has at most one child: takes it out and mends. */
static void remove_outer(struct map *map, enum map_tree tree, uint32_t entry)
{
    struct map_node gone = *node(map, tree, entry);
    uint32_t child = gone.left != 0 ? gone.left : gone.right;

    if (child != 0)
        node(map, tree, child)->up = gone.up;
    set_child(map, tree, gone.up, entry, child);
    if (!gone.red)
        remove_mend(map, tree, child, gone.up);
}

void map_tree_remove(struct map *map, enum map_tree tree, uint32_t entry)
{
    struct map_node *gone = node(map, tree, entry);

    if (gone->left != 0 && gone->right != 0) {
        /* The next in order has no left child: it leaves its place and takes ENTRY's. */
        uint32_t next = gone->right;

        while (node(map, tree, next)->left != 0)
            next = node(map, tree, next)->left;
        remove_outer(map, tree, next);
        map_tree_replace(map, tree, entry, next);
    } else {
        remove_outer(map, tree, entry);
    }
    *gone = (struct map_node){0};
}

void map_tree_replace(struct map *map, enum map_tree tree, uint32_t old, uint32_t entry)
{
    struct map_node *place = node(map, tree, old);

    *node(map, tree, entry) = *place;
    set_child(map, tree, place->up, old, entry);
    if (place->left != 0)
        node(map, tree, place->left)->up = entry;
    if (place->right != 0)
        node(map, tree, place->right)->up = entry;
    *place = (struct map_node){0};
}

uint32_t map_tree_first(const struct map *map, enum map_tree tree)
{
    uint32_t entry = map->roots[tree];

    while (entry != 0 && node(map, tree, entry)->left != 0)
        entry = node(map, tree, entry)->left;
    return entry;
}

uint32_t map_tree_next(const struct map *map, enum map_tree tree, uint32_t entry)
{
    uint32_t next = node(map, tree, entry)->right;

    if (next != 0) {
        while (node(map, tree, next)->left != 0)
            next = node(map, tree, next)->left;
        return next;
    }
    next = node(map, tree, entry)->up;
    while (next != 0 && entry == node(map, tree, next)->right) {
        entry = next;
        next = node(map, tree, next)->up;
    }
    return next;
}

/* Black nodes on the way from ENTRY up to the root. */
static unsigned black_above(const struct map *map, enum map_tree tree, uint32_t entry)
{
    unsigned black = 0;

    for (; entry != 0; entry = node(map, tree, entry)->up)
        black += !node(map, tree, entry)->red;
    return black;
}

static int check_node(const struct map *map, enum map_tree tree, uint32_t entry, unsigned *black,
                      struct error *error)
{
    const struct map_node *self = node(map, tree, entry);
    const uint32_t children[2] = {self->left, self->right};

    for (unsigned i = 0; i < 2; i++) {
        if (children[i] == 0) {
            unsigned above = black_above(map, tree, entry);

            if (*black != 0 && *black != above)
                return error_set(error, "%s: tree %d: %u black nodes above entry %u, not %u",
                                 map->name, tree, above, entry, *black);
            *black = above;
        } else if (children[i] > map->pool_used || node(map, tree, children[i])->up != entry) {
            return error_set(error, "%s: tree %d: entry %u is not the parent of its child %u",
                             map->name, tree, entry, children[i]);
        } else if (self->red && node(map, tree, children[i])->red) {
            return error_set(error, "%s: tree %d: entry %u and its child %u are both red",
                             map->name, tree, entry, children[i]);
        }
    }
    return 0;
}

int map_tree_check(const struct map *map, enum map_tree tree, struct error *error)
{
    uint32_t root = map->roots[tree];
    unsigned black = 0;

    if (root == 0)
        return 0;
    if (node(map, tree, root)->up != 0 || node(map, tree, root)->red)
        return error_set(error, "%s: tree %d: root %u is red or has a parent", map->name, tree,
                         root);
    for (uint32_t entry = map_tree_first(map, tree); entry != 0;
         entry = map_tree_next(map, tree, entry)) {
        if (check_node(map, tree, entry, &black, error) < 0)
            return -1;
    }
    return 0;
}
