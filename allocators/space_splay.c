/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Splay tree of the rights whose chosen names lie beyond the table.
 *
 * The idea (Sleator and Tarjan): no balance is kept; instead, every access brings what was asked
 * for to the root by rotations, done on the way down, so that what is used often is found at once
 * and no sequence of accesses is worse than a balanced tree by more than a constant. A node needs
 * two links and nothing else. It held the outliers of IPC spaces up to GNU Mach 1.5.
 *
 * What it does worse than its rivals: a lookup writes, one access may visit every node, and names
 * in ascending order make a list of it.
 */

#include "allocators/space_private.h"

static struct tree_entry *entry_at(const struct machine *machine, link32_t link)
{
    return machine_follow(machine, link);
}

/*
 * Brings NAME to the root, or else one of its two neighbours. On the way down the tree is taken
 * apart into those below NAME (hung up at `lower_end`) and those above it (at `higher_end`); two
 * steps in the same direction are first rotated into one.
 */
static link32_t splay(struct machine *machine, link32_t root, uint32_t name)
{
    link32_t lower = 0, higher = 0;
    link32_t *lower_end = &lower, *higher_end = &higher;
    struct tree_entry *entry;

    for (;;) {
        entry = entry_at(machine, root);
        machine->work.nodes_visited++;

        if (name < entry->name && entry->lower != 0) {
            struct tree_entry *child = entry_at(machine, entry->lower);

            if (name < child->name && child->lower != 0) {
                link32_t up = entry->lower;

                entry->lower = child->higher;
                child->higher = root;
                root = up;
                entry = child;
            }

            *higher_end = root;
            higher_end = &entry->lower;
            root = entry->lower;
        } else if (name > entry->name && entry->higher != 0) {
            struct tree_entry *child = entry_at(machine, entry->higher);

            if (name > child->name && child->higher != 0) {
                link32_t up = entry->higher;

                entry->higher = child->lower;
                child->lower = root;
                root = up;
                entry = child;
            }

            *lower_end = root;
            lower_end = &entry->higher;
            root = entry->higher;
        } else {
            break;
        }
    }

    *lower_end = entry->lower;
    *higher_end = entry->higher;
    entry->lower = lower;
    entry->higher = higher;
    return root;
}

link32_t space_splay_find(struct machine *machine, link32_t *root, uint32_t name)
{
    if (*root == 0)
        return 0;

    *root = splay(machine, *root, name);
    return entry_at(machine, *root)->name == name ? *root : 0;
}

link32_t space_splay_from(struct machine *machine, link32_t *root, uint32_t name)
{
    if (*root == 0)
        return 0;

    *root = splay(machine, *root, name);

    struct tree_entry *entry = entry_at(machine, *root);

    if (entry->name >= name)
        return *root;
    if (entry->higher == 0)
        return 0;

    /* The root is the neighbour below, so the one above is the lowest of its upper subtree. */
    entry->higher = splay(machine, entry->higher, name);
    return entry->higher;
}

void space_splay_insert(struct machine *machine, link32_t *root, link32_t link)
{
    struct tree_entry *entry = entry_at(machine, link);

    entry->lower = 0;
    entry->higher = 0;

    if (*root != 0) {
        link32_t near = splay(machine, *root, entry->name);
        struct tree_entry *other = entry_at(machine, near);

        if (other->name < entry->name) {
            entry->lower = near;
            entry->higher = other->higher;
            other->higher = 0;
        } else {
            entry->higher = near;
            entry->lower = other->lower;
            other->lower = 0;
        }
    }

    *root = link;
}

link32_t space_splay_remove(struct machine *machine, link32_t *root, uint32_t name)
{
    link32_t link = space_splay_find(machine, root, name);

    if (link == 0)
        return 0;

    const struct tree_entry *entry = entry_at(machine, link);

    if (entry->lower == 0) {
        *root = entry->higher;
    } else {
        /* All below are lower than NAME: the highest of them comes up, without an upper child. */
        *root = splay(machine, entry->lower, name);
        entry_at(machine, *root)->higher = entry->higher;
    }

    return link;
}
