/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * IPC spaces as radix trees: GNU Mach 1.6 (2015) to today.
 *
 * The idea. A right is an object of its own, and a radix tree leads from its name to it; a second
 * tree leads there from the address of the object that the right names. Nothing grows by copying
 * and nothing needs more than a node in one piece, so a space can grow as long as there are nodes.
 *
 * Freed entries stay in the name tree, up to 64 of them, and are handed out again first, last in
 * first out and with the name they had. That saves tree and cache work where a task makes and drops
 * rights all the time. A name tree holds a placeholder under key 0 from the start, since no right
 * may have that name.
 *
 * What it does worse than the table: a right costs 16 bytes and its share of a node, not 16 bytes;
 * the reverse tree is keyed by addresses, six ports to a leaf where they lie side by side, a leaf
 * each where they do not, and costs more than names and entries together; a lookup goes through a
 * node a level. And a space that has held many rights gives its names back in an order that the
 * inexact bitmaps of the tree decide (radix_tree.c), not lowest first.
 */

#include "allocators/space_private.h"

#include <string.h>

static const struct space_cache cache_space = {"ipc_space", 44, 88, 0};
static const struct space_cache cache_entry = {"ipc_entry", 16, 24, sizeof(struct radix_entry)};

static struct radix_entry *entry_at(const struct machine *machine, link32_t link)
{
    return machine_follow(machine, link);
}

/* The entry of NAME, live or on the free list; 0: there is none. */
static link32_t entry_find(struct space_system *system, const struct space *space, uint32_t name)
{
    return name == NAME_NONE ? 0 : radix_tree_lookup(system->machine, &space->names, name);
}

/* The entry of the live right NAME; 0: there is none. */
static link32_t entry_live(struct space_system *system, const struct space *space, uint32_t name)
{
    link32_t link = entry_find(system, space, name);

    if (link == 0 || entry_at(system->machine, link)->right == RIGHT_NONE)
        return 0;
    return link;
}

static link32_t entry_create(struct space_system *system, uint32_t name, uint32_t right)
{
    uint64_t address = space_object_alloc(system, &system->cache_entry, &cache_entry);

    if (address == 0)
        return 0;

    *(struct radix_entry *)machine_at(system->machine, address) =
        (struct radix_entry){.name = name, .right = right};
    return machine_link(system->machine, address);
}

static void entry_destroy(struct space_system *system, link32_t link)
{
    space_object_free(system, system->cache_entry, machine_address(system->machine, link));
}

static int radix_open(struct space_system *system, struct error *error)
{
    (void)system;
    (void)error;
    return 0;
}

static bool radix_create(struct space_system *system, uint32_t number, bool special)
{
    if (!space_begin(system, number, special, &cache_space))
        return false;

    if (!special)
        system->spaces[number].names.root = RADIX_PLACEHOLDER;
    return true;
}

static bool destroy_entry(void *context, uint32_t key, link32_t item)
{
    if (key != NAME_NONE)
        entry_destroy(context, item);
    return true;
}

static void radix_destroy(struct space_system *system, uint32_t number)
{
    struct space *space = &system->spaces[number];

    if (!space->active)
        return;

    radix_tree_walk(system->machine, &space->names, destroy_entry, system);
    radix_tree_remove_all(system, &space->names);
    radix_tree_remove_all(system, &space->reverse);
    space->active = false;
    space->rights = 0;
    space->reverse_count = 0;
    space->free_head = 0;
    space->free_entries = 0;
}

static void radix_release(struct space_system *system, uint32_t number)
{
    if (!system->spaces[number].live)
        return;

    radix_destroy(system, number);
    space_end(system, number);
}

static uint32_t radix_name_alloc(struct space_system *system, uint32_t number, uint32_t right)
{
    struct space *space = &system->spaces[number];
    link32_t link = space->free_head;
    struct radix_entry *entry;

    if (!space_takes_names(system, space))
        return NAME_NONE;

    if (link != 0) {
        entry = entry_at(system->machine, link);
        space->free_head = entry->next;
        space->free_entries--;
        entry->next = 0;
        entry->right = right;
    } else {
        uint32_t name;

        link = entry_create(system, NAME_NONE, right);
        if (link == 0)
            return NAME_NONE;

        if (!radix_tree_insert_alloc(system, &space->names, link, &name)) {
            entry_destroy(system, link);
            return NAME_NONE;
        }

        entry = entry_at(system->machine, link);
        entry->name = name;
    }

    space->rights++;
    return entry->name;
}

/* Takes the entry LINK off the free list, on which it is. */
static void free_list_unlink(struct space_system *system, struct space *space, link32_t link)
{
    struct radix_entry *entry = entry_at(system->machine, link);
    link32_t *at = &space->free_head;

    while (*at != link) {
        at = &entry_at(system->machine, *at)->next;
        system->machine->work.list_steps++;
    }

    *at = entry->next;
    entry->next = 0;
    space->free_entries--;
}

static bool radix_name_alloc_at(struct space_system *system, uint32_t number, uint32_t right,
                                uint32_t name)
{
    struct space *space = &system->spaces[number];
    link32_t link;

    if (!space_takes_names(system, space))
        return false;
    if (name == NAME_NONE || name == NAME_DEAD)
        return space_refuse(system, "name");

    link = entry_find(system, space, name);

    if (link != 0) {
        if (entry_at(system->machine, link)->right != RIGHT_NONE)
            return space_refuse(system, "name");

        free_list_unlink(system, space, link);
        entry_at(system->machine, link)->right = right;
    } else {
        link = entry_create(system, name, right);
        if (link == 0)
            return false;

        if (!radix_tree_insert(system, &space->names, name, link)) {
            entry_destroy(system, link);
            return false;
        }
    }

    space->rights++;
    return true;
}

/* The kernel asks for the reverse key to be gone before; a trace need not keep to that. */
static void reverse_forget(struct space_system *system, struct space *space,
                           struct radix_entry *entry)
{
    if (entry->object == 0)
        return;

    radix_tree_remove(system, &space->reverse, entry->object);
    entry->object = 0;
    space->reverse_count--;
}

static void radix_name_free(struct space_system *system, uint32_t number, uint32_t name)
{
    struct space *space = &system->spaces[number];
    link32_t link = entry_live(system, space, name);

    if (link == 0)
        return;

    struct radix_entry *entry = entry_at(system->machine, link);

    reverse_forget(system, space, entry);
    space->rights--;
    entry->right = RIGHT_NONE;

    if (space->free_entries < SPACE_FREE_LIST_MAX) {
        entry->next = space->free_head;
        space->free_head = link;
        space->free_entries++;
    } else {
        radix_tree_remove(system, &space->names, name);
        entry_destroy(system, link);
    }
}

static uint32_t radix_name_lookup(struct space_system *system, uint32_t number, uint32_t name)
{
    link32_t link = entry_live(system, &system->spaces[number], name);

    return link == 0 ? RIGHT_NONE : entry_at(system->machine, link)->right;
}

static bool radix_reverse_insert(struct space_system *system, uint32_t number, uint32_t name,
                                 uint64_t address)
{
    struct space *space = &system->spaces[number];
    link32_t link = entry_live(system, space, name);
    link32_t object = machine_link(system->machine, address);

    if (link == 0 || object == 0)
        return space_refuse(system, "reverse key");

    struct radix_entry *entry = entry_at(system->machine, link);

    if (entry->object != 0)
        return space_refuse(system, "reverse key");
    if (!radix_tree_insert(system, &space->reverse, object, link))
        return false;

    entry->object = object;
    space->reverse_count++;
    return true;
}

static void radix_reverse_remove(struct space_system *system, uint32_t number, uint64_t address)
{
    struct space *space = &system->spaces[number];
    link32_t link =
        radix_tree_remove(system, &space->reverse, machine_link(system->machine, address));

    if (link == 0)
        return;

    entry_at(system->machine, link)->object = 0;
    space->reverse_count--;
}

static uint32_t radix_reverse_lookup(struct space_system *system, uint32_t number, uint64_t address)
{
    const struct space *space = &system->spaces[number];
    link32_t link =
        radix_tree_lookup(system->machine, &space->reverse, machine_link(system->machine, address));

    return link == 0 ? RIGHT_NONE : entry_at(system->machine, link)->right;
}

const struct space_ops space_radix = {
    .name = "radix",
    .summary = "radix tree of names and radix tree of object addresses (1.6 to today)",
    .open = radix_open,
    .create = radix_create,
    .destroy = radix_destroy,
    .release = radix_release,
    .name_alloc = radix_name_alloc,
    .name_alloc_at = radix_name_alloc_at,
    .name_free = radix_name_free,
    .name_lookup = radix_name_lookup,
    .reverse_insert = radix_reverse_insert,
    .reverse_remove = radix_reverse_remove,
    .reverse_lookup = radix_reverse_lookup,
    .check = space_radix_check,
};
