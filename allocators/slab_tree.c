/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The red-black tree that finds a slab from the address of an object.
 *
 * A slab of one page with its descriptor inside needs no search: round the address down and there
 * it is. A slab of several pages, or one with its descriptor elsewhere, has nothing in its own
 * memory that says where it starts. So each cache that has such slabs keeps those with at least one
 * object in a tree ordered by address, and a free looks for the last slab that starts at or below
 * the object. O(log slabs) on every free: which is why later kernels went back to one-page slabs
 * and let the page descriptor name the slab.
 *
 * The links are in the slab descriptors, so in machine memory. A missing child counts as black.
 * Both mirror images of each case are one piece of code: `side` is the side on which the node in
 * question hangs, `1 - side` the other.
 */

#include "allocators/slab_private.h"

static struct slab *node(const struct machine *machine, link32_t l)
{
    return slab_at(machine, l);
}

static bool is_red(const struct machine *machine, link32_t l)
{
    return l != 0 && node(machine, l)->red != 0;
}

static int side_of(const struct machine *machine, link32_t parent, link32_t l)
{
    return node(machine, parent)->child[1] == l;
}

/* Puts NEW where OLD hangs. */
static void replace(const struct machine *machine, link32_t *root, link32_t old, link32_t new)
{
    link32_t parent = node(machine, old)->parent;

    if (parent == 0) {
        *root = new;
    } else {
        node(machine, parent)->child[side_of(machine, parent, old)] = new;
    }

    if (new != 0) {
        node(machine, new)->parent = parent;
    }
}

/* L goes down to SIDE, its child on the other side comes up. */
static void rotate(const struct machine *machine, link32_t *root, link32_t l, int side)
{
    struct slab *down = node(machine, l);
    link32_t up = down->child[1 - side];
    link32_t middle = node(machine, up)->child[side];

    replace(machine, root, l, up);
    down->child[1 - side] = middle;

    if (middle != 0) {
        node(machine, middle)->parent = l;
    }

    node(machine, up)->child[side] = l;
    down->parent = up;
}

/* L is red and its parent may be too. */
static void insert_fix(struct machine *machine, link32_t *root, link32_t l)
{
    link32_t parent;

    while (is_red(machine, parent = node(machine, l)->parent)) {
        link32_t grand = node(machine, parent)->parent;
        int side = side_of(machine, grand, parent);
        link32_t uncle = node(machine, grand)->child[1 - side];

        machine->work.nodes_visited++;

        if (is_red(machine, uncle)) {
            node(machine, parent)->red = 0;
            node(machine, uncle)->red = 0;
            node(machine, grand)->red = 1;
            l = grand;
            continue;
        }

        if (side_of(machine, parent, l) != side) {
            rotate(machine, root, parent, side);
            parent = l;
        }

        node(machine, parent)->red = 0;
        node(machine, grand)->red = 1;
        rotate(machine, root, grand, 1 - side);
        break;
    }

    node(machine, *root)->red = 0;
}

void slab_tree_insert(struct machine *machine, link32_t *root, link32_t l)
{
    struct slab *slab = node(machine, l);
    link32_t parent = 0;
    link32_t next = *root;
    int side = 0;

    while (next != 0) {
        machine->work.nodes_visited++;
        parent = next;
        side = node(machine, parent)->address < slab->address;
        next = node(machine, parent)->child[side];
    }

    slab->child[0] = 0;
    slab->child[1] = 0;
    slab->parent = parent;
    slab->red = 1;

    if (parent == 0) {
        *root = l;
    } else {
        node(machine, parent)->child[side] = l;
    }

    insert_fix(machine, root, l);
}

/* The paths through L, a child of PARENT (and maybe none), are one black node short. */
static void remove_fix(struct machine *machine, link32_t *root, link32_t parent, link32_t l)
{
    while (parent != 0 && !is_red(machine, l)) {
        int side = side_of(machine, parent, l);
        link32_t sibling = node(machine, parent)->child[1 - side];

        machine->work.nodes_visited++;

        if (is_red(machine, sibling)) {
            node(machine, sibling)->red = 0;
            node(machine, parent)->red = 1;
            rotate(machine, root, parent, side);
            sibling = node(machine, parent)->child[1 - side];
        }

        if (!is_red(machine, node(machine, sibling)->child[0]) &&
            !is_red(machine, node(machine, sibling)->child[1])) {
            node(machine, sibling)->red = 1;
            l = parent;
            parent = node(machine, l)->parent;
            continue;
        }

        if (!is_red(machine, node(machine, sibling)->child[1 - side])) {
            node(machine, node(machine, sibling)->child[side])->red = 0;
            node(machine, sibling)->red = 1;
            rotate(machine, root, sibling, 1 - side);
            sibling = node(machine, parent)->child[1 - side];
        }

        node(machine, sibling)->red = node(machine, parent)->red;
        node(machine, parent)->red = 0;
        node(machine, node(machine, sibling)->child[1 - side])->red = 0;
        rotate(machine, root, parent, side);
        return;
    }

    if (l != 0) {
        node(machine, l)->red = 0;
    }
}

/* SLAB has two children: its successor NEXT takes its place and colour. Returns the node below
 * which the successor's old place is, and in *CHILD what hangs there now. */
static link32_t remove_inner(struct machine *machine, link32_t *root, link32_t l, link32_t *child,
                             bool *black)
{
    struct slab *slab = node(machine, l);
    link32_t next = slab->child[1];

    while (node(machine, next)->child[0] != 0) {
        machine->work.nodes_visited++;
        next = node(machine, next)->child[0];
    }

    struct slab *successor = node(machine, next);
    link32_t parent = successor->parent;

    *black = successor->red == 0;
    *child = successor->child[1];

    if (parent == l) {
        parent = next;
    } else {
        replace(machine, root, next, *child);
        successor->child[1] = slab->child[1];
        node(machine, successor->child[1])->parent = next;
    }

    replace(machine, root, l, next);
    successor->child[0] = slab->child[0];
    node(machine, successor->child[0])->parent = next;
    successor->red = slab->red;
    return parent;
}

void slab_tree_remove(struct machine *machine, link32_t *root, link32_t l)
{
    const struct slab *slab = node(machine, l);
    link32_t parent, child;
    bool black;

    machine->work.nodes_visited++;

    if (slab->child[0] != 0 && slab->child[1] != 0) {
        parent = remove_inner(machine, root, l, &child, &black);
    } else {
        parent = slab->parent;
        child = slab->child[slab->child[0] == 0];
        black = slab->red == 0;
        replace(machine, root, l, child);
    }

    if (black) {
        remove_fix(machine, root, parent, child);
    }
}

link32_t slab_tree_find(struct machine *machine, link32_t root, uint64_t address)
{
    link32_t wanted = machine_link(machine, address);
    link32_t found = 0;

    while (root != 0) {
        const struct slab *slab = node(machine, root);

        machine->work.nodes_visited++;

        if (slab->address <= wanted) {
            found = root;
            root = slab->child[1];
        } else {
            root = slab->child[0];
        }
    }

    return found;
}
