/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Validity of spaces: every structure is walked, every count is taken anew.
 *
 * The checkers change nothing that lasts. One walk, of the splay tree of outliers, threads the tree
 * on its way down and puts it back as it was (Morris), since such a tree can be as deep as it has
 * entries and nothing may be allocated here.
 */

#include "allocators/space_private.h"

/*
 * Table.
 */

struct table_walk {
    const struct space_system *system;
    const struct space *space;
    uint32_t number;
    uint32_t rights, keys;
    uint32_t outliers, small;
    uint32_t last_name;
    struct error *error;
};

static int free_list_check(const struct machine *machine, const struct space *space,
                           struct error *error)
{
    uint32_t length = 0;

    for (uint32_t i = table_entry(machine, space, 0)->next; i != 0;
         i = table_entry(machine, space, i)->next) {
        if (i >= space->table_entries || ++length > space->free_entries)
            return error_set(error, "table: free list leaves the table at %u or is longer than %u",
                             i, space->free_entries);
        if (table_entry(machine, space, i)->right != RIGHT_NONE)
            return error_set(error, "table: entry %u is on the free list and has right %u", i,
                             table_entry(machine, space, i)->right);
    }

    if (length != space->free_entries)
        return error_set(error, "table: %u entries on the free list, it counts %u", length,
                         space->free_entries);
    return 0;
}

/* The slot that leads to entry INDEX must be reachable from the home of its object. */
static bool hash_leads_to(const struct machine *machine, const struct space *space, uint32_t index)
{
    uint32_t slot = table_home(machine, space, table_entry(machine, space, index)->object);

    for (uint32_t i = 0; i < space->table_entries; i++) {
        uint32_t hashed = table_entry(machine, space, slot)->hashed;

        if (hashed == index)
            return true;
        if (hashed == 0)
            return false;
        slot = slot + 1 == space->table_entries ? 0 : slot + 1;
    }

    return false;
}

static int entries_check(struct table_walk *walk)
{
    const struct machine *machine = walk->system->machine;
    const struct space *space = walk->space;
    uint32_t hashed = 0;

    if (table_entry(machine, space, 0)->right != RIGHT_NONE)
        return error_set(walk->error, "table: entry 0 has right %u",
                         table_entry(machine, space, 0)->right);

    for (uint32_t i = 0; i < space->table_entries; i++) {
        const struct table_entry *entry = table_entry(machine, space, i);

        walk->rights += entry->right != RIGHT_NONE;
        hashed += entry->hashed != 0;

        if (entry->object == 0)
            continue;

        walk->keys++;
        if (entry->right == RIGHT_NONE)
            return error_set(walk->error, "table: entry %u is free and names an object", i);
        if (!hash_leads_to(machine, space, i))
            return error_set(walk->error, "table: entry %u is not found by its object", i);
    }

    if (hashed != walk->keys)
        return error_set(walk->error, "table: %u slots of the reverse hash are taken by %u keys",
                         hashed, walk->keys);
    return 0;
}

static int outlier_check(struct table_walk *walk, link32_t link)
{
    const struct space_system *system = walk->system;
    const struct machine *machine = system->machine;
    const struct tree_entry *outlier = machine_follow(machine, link);

    walk->outliers++;
    walk->rights++;

    if (outlier->name < walk->space->table_entries ||
        (walk->outliers > 1 && outlier->name <= walk->last_name))
        return error_set(walk->error, "outlier %u: out of order, or within the table of %u",
                         outlier->name, walk->space->table_entries);
    if (outlier->right == RIGHT_NONE || outlier->space != walk->number)
        return error_set(walk->error, "outlier %u: right %u of space %u", outlier->name,
                         outlier->right, outlier->space);

    walk->last_name = outlier->name;
    walk->small += outlier->name < system->table_sizes[walk->space->table_step + 1];

    if (outlier->object == 0)
        return 0;

    walk->keys++;

    link32_t at = system->outlier_hash[outlier_bucket(walk->number, outlier->object)];

    while (at != 0 && at != link)
        at = ((const struct tree_entry *)machine_follow(machine, at))->chain;

    return at == link
               ? 0
               : error_set(walk->error, "outlier %u is not found by its object", outlier->name);
}

/* In ascending order, without a stack. Always ends the walk, so that no thread stays behind. */
static int outliers_check(struct table_walk *walk)
{
    const struct machine *machine = walk->system->machine;
    link32_t link = walk->space->tree_root;
    int result = 0;

    while (link != 0) {
        struct tree_entry *entry = machine_follow(machine, link);
        link32_t before = entry->lower;

        if (before != 0) {
            struct tree_entry *end = machine_follow(machine, before);

            while (end->higher != 0 && end->higher != link)
                end = machine_follow(machine, end->higher);

            if (end->higher == 0) {
                end->higher = link;
                link = before;
                continue;
            }

            end->higher = 0;
        }

        if (result == 0)
            result = outlier_check(walk, link);
        link = entry->higher;
    }

    return result;
}

int space_table_check(const struct space_system *system, uint32_t number, struct error *error)
{
    const struct space *space = &system->spaces[number];
    struct table_walk walk = {.system = system, .space = space, .number = number, .error = error};

    if (!space->live || !space->active || space->special)
        return 0;

    if (space->table_entries != system->table_sizes[space->table_step])
        return error_set(error, "table: %u entries at step %u, where the list has %u",
                         space->table_entries, space->table_step,
                         system->table_sizes[space->table_step]);
    if (free_list_check(system->machine, space, error) < 0 || entries_check(&walk) < 0)
        return -1;

    if (walk.rights + space->free_entries + 1 != space->table_entries)
        return error_set(error, "table: %u rights and %u free entries of %u", walk.rights,
                         space->free_entries, space->table_entries);
    if (outliers_check(&walk) < 0)
        return -1;

    if (walk.outliers != space->tree_total || walk.small != space->tree_small)
        return error_set(error, "outliers: %u, %u of them within the next step; it counts %u, %u",
                         walk.outliers, walk.small, space->tree_total, space->tree_small);
    if (walk.rights != space->rights || walk.keys != space->reverse_count)
        return error_set(error, "table: %u rights and %u reverse keys, it counts %u and %u",
                         walk.rights, walk.keys, space->rights, space->reverse_count);
    return 0;
}

/*
 * Radix.
 */

struct radix_walk {
    const struct space_system *system;
    const struct space *space;
    uint32_t names, live, keys, reverse;
    struct error *error;
};

static bool name_check(void *context, uint32_t key, link32_t item)
{
    struct radix_walk *walk = context;
    const struct radix_entry *entry;

    if (key == NAME_NONE)
        return item == RADIX_PLACEHOLDER ||
               error_set(walk->error, "name tree: item %x under key 0", item) == 0;

    entry = machine_follow(walk->system->machine, item);
    walk->names++;
    walk->live += entry->right != RIGHT_NONE;
    walk->keys += entry->object != 0;

    if (entry->name != key || (entry->right == RIGHT_NONE && entry->object != 0)) {
        error_set(walk->error, "name tree: entry under %u has name %u, right %u, object %x", key,
                  entry->name, entry->right, entry->object);
        return false;
    }

    return true;
}

static bool key_check(void *context, uint32_t key, link32_t item)
{
    struct radix_walk *walk = context;
    const struct radix_entry *entry = machine_follow(walk->system->machine, item);

    walk->reverse++;

    if (entry->object != key) {
        error_set(walk->error, "reverse tree: entry of name %u under key %x names object %x",
                  entry->name, key, entry->object);
        return false;
    }

    return true;
}

static int radix_free_list_check(const struct space_system *system, const struct space *space,
                                 struct error *error)
{
    struct machine *machine = system->machine;
    uint64_t visited = machine->work.nodes_visited;
    uint32_t length = 0;

    for (link32_t link = space->free_head; link != 0;) {
        const struct radix_entry *entry = machine_follow(machine, link);

        if (++length > space->free_entries)
            return error_set(error, "free list: longer than %u", space->free_entries);
        if (entry->right != RIGHT_NONE ||
            radix_tree_lookup(machine, &space->names, entry->name) != link)
            return error_set(error, "free list: name %u has right %u or is not in the tree",
                             entry->name, entry->right);
        link = entry->next;
    }

    machine->work.nodes_visited = visited; /* a check is not work */

    if (length != space->free_entries || length > SPACE_FREE_LIST_MAX)
        return error_set(error, "free list: %u entries, it counts %u", length, space->free_entries);
    return 0;
}

int space_radix_check(const struct space_system *system, uint32_t number, struct error *error)
{
    const struct space *space = &system->spaces[number];
    struct radix_walk walk = {.system = system, .space = space, .error = error};

    if (!space->live || !space->active || space->special)
        return 0;

    if (radix_tree_check(system, &space->names, error) < 0) {
        error_prefix(error, "name tree: ");
        return -1;
    }
    if (radix_tree_check(system, &space->reverse, error) < 0) {
        error_prefix(error, "reverse tree: ");
        return -1;
    }

    if (radix_free_list_check(system, space, error) < 0 ||
        !radix_tree_walk(system->machine, &space->names, name_check, &walk) ||
        !radix_tree_walk(system->machine, &space->reverse, key_check, &walk))
        return -1;

    if (walk.live != space->rights || walk.names != space->rights + space->free_entries)
        return error_set(error, "name tree: %u names, %u of them rights; it counts %u and %u free",
                         walk.names, walk.live, space->rights, space->free_entries);
    if (walk.keys != walk.reverse || walk.reverse != space->reverse_count)
        return error_set(error, "reverse tree: %u keys for %u rights, it counts %u", walk.reverse,
                         walk.keys, space->reverse_count);
    return 0;
}
