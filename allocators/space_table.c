/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * IPC spaces as tables: GNU Mach up to 1.5 (2015).
 *
 * The idea. A name is an index into an array, so a lookup is one access, and a right costs the 16
 * bytes of its entry. Free entries are chained through the array, last in first out. When none is
 * left the table goes to the next of a list of sizes: below a page into a new piece of memory, by
 * copying; from a page on into a new range of kernel virtual memory in which the old pages are
 * mapped a second time, so that nothing is copied. The way back from an object to its entry is a
 * hash with open addressing that lives in one more field of the same array, and is made anew at
 * each growth, for its size is the table's.
 *
 * A right inserted under a chosen name beyond the table would stretch it over names that nobody
 * uses, so it becomes an outlier: an object of its own in a splay tree. When so many outliers lie
 * just beyond the table that the next size would cost less memory than they do, the table grows
 * early and takes them in. In the kernel a name could carry a generation, and outliers could then
 * collide with an entry of the table; generations were compiled out, a name is its index, and so an
 * outlier's name always lies beyond the table and no two rights can want one entry.
 *
 * What it does worse than its rival: for a moment the map holds the old table and the new one, and
 * the new one must be in one piece. Growing a large table leaves a trail of holes each a step too
 * small for the next, so a space stops growing while three quarters of the map are free. Growth
 * takes time in proportion to the table, and a table never shrinks.
 */

#include "allocators/space_private.h"

#include <string.h>

static const struct space_cache cache_space = {"ipc_space", 60, 120, 0};
static const struct space_cache cache_tree_entry = {"ipc_tree_entry", 32, 64,
                                                    sizeof(struct tree_entry)};

static struct tree_entry *outlier_at(const struct machine *machine, link32_t link)
{
    return machine_follow(machine, link);
}

static uint64_t table_bytes(const struct machine *machine, uint32_t entries)
{
    return (uint64_t)entries * table_stride(machine);
}

static int table_open(struct space_system *system, struct error *error)
{
    system->table_sizes = host_reserve(SPACE_TABLE_STEPS * sizeof(*system->table_sizes), error);
    if (system->table_sizes == NULL)
        return -1;

    /* The kernel's array of buckets is allocated once at start-up, which is an event of the trace
     * and not of this stack. */
    system->outlier_hash =
        host_reserve(SPACE_OUTLIER_BUCKETS * sizeof(*system->outlier_hash), error);
    if (system->outlier_hash == NULL)
        return -1;

    space_table_sizes(system->table_sizes, table_stride(system->machine));
    return 0;
}

/*
 * Reverse hash.
 */

static void hash_insert(struct machine *machine, struct space *space, uint32_t index)
{
    uint32_t slot = table_home(machine, space, table_entry(machine, space, index)->object);

    while (table_entry(machine, space, slot)->hashed != 0) {
        machine->work.list_steps++;
        slot = slot + 1 == space->table_entries ? 0 : slot + 1;
    }

    table_entry(machine, space, slot)->hashed = index;
}

/* The slot that has the entry of OBJECT, UINT32_MAX: none. Entry 0 is never hashed, so one slot at
 * least is empty and the search ends. */
static uint32_t hash_find(struct machine *machine, const struct space *space, link32_t object)
{
    uint32_t slot, index;

    if (space->table_entries == 0)
        return UINT32_MAX;

    slot = table_home(machine, space, object);

    while ((index = table_entry(machine, space, slot)->hashed) != 0) {
        if (table_entry(machine, space, index)->object == object)
            return slot;

        machine->work.list_steps++;
        slot = slot + 1 == space->table_entries ? 0 : slot + 1;
    }

    return UINT32_MAX;
}

/* Empties SLOT, and moves up what could not be found across the gap. */
static void hash_remove(struct machine *machine, struct space *space, uint32_t slot)
{
    uint32_t gap = slot;
    uint32_t index;

    for (;;) {
        slot = slot + 1 == space->table_entries ? 0 : slot + 1;
        index = table_entry(machine, space, slot)->hashed;
        if (index == 0)
            break;

        uint32_t home = table_home(machine, space, table_entry(machine, space, index)->object);
        bool reachable = gap <= slot ? gap < home && home <= slot : gap < home || home <= slot;

        machine->work.list_steps++;

        if (!reachable) {
            table_entry(machine, space, gap)->hashed = index;
            gap = slot;
        }
    }

    table_entry(machine, space, gap)->hashed = 0;
}

/* The same for outliers: chains that all spaces share. */

static void outlier_hash_insert(struct space_system *system, link32_t link)
{
    struct tree_entry *outlier = outlier_at(system->machine, link);
    link32_t *head = &system->outlier_hash[outlier_bucket(outlier->space, outlier->object)];

    outlier->chain = *head;
    *head = link;
}

/* The link that leads to the outlier of OBJECT, or to the end of its chain. */
static link32_t *outlier_hash_find(struct space_system *system, uint32_t number, link32_t object)
{
    link32_t *at = &system->outlier_hash[outlier_bucket(number, object)];

    while (*at != 0) {
        struct tree_entry *outlier = outlier_at(system->machine, *at);

        if (outlier->object == object && outlier->space == number)
            break;

        system->machine->work.list_steps++;
        at = &outlier->chain;
    }

    return at;
}

static void outlier_hash_remove(struct space_system *system, struct tree_entry *outlier)
{
    link32_t *at = outlier_hash_find(system, outlier->space, outlier->object);

    *at = outlier->chain;
    outlier->chain = 0;
    outlier->object = 0;
}

/*
 * Growth.
 */

static uint32_t next_entries(const struct space_system *system, const struct space *space)
{
    return system->table_sizes[space->table_step + 1];
}

/* Whether the next step takes fewer bytes than OUTLIERS tree entries. */
static bool growth_pays(const struct space_system *system, const struct space *space,
                        uint32_t outliers)
{
    uint64_t step = table_bytes(system->machine, next_entries(system, space)) -
                    table_bytes(system->machine, space->table_entries);

    return step < (uint64_t)outliers * space_cache_bytes(system, &cache_tree_entry);
}

static uint64_t table_alloc(struct space_system *system, uint64_t bytes)
{
    return bytes < PAGE_SIZE ? kalloc(system->slabs, bytes)
                             : kmem_alloc(system->kmem, system->map, bytes, KMEM_OBJECT);
}

static void table_free(struct space_system *system, uint64_t table, uint64_t bytes)
{
    if (bytes < PAGE_SIZE)
        kfree(system->slabs, table, bytes);
    else
        kmem_free(system->kmem, system->map, table, bytes);
}

/* A larger table with the content of the old one, which stays; 0 with the failure set. */
static uint64_t table_enlarge(struct space_system *system, struct space *space, uint64_t old_bytes,
                              uint64_t new_bytes)
{
    struct machine *machine = system->machine;
    uint64_t table;

    if (old_bytes >= PAGE_SIZE) {
        table = kmem_realloc(system->kmem, system->map, space->table, old_bytes, new_bytes);
        if (table != 0)
            space->remaps++;
        return table;
    }

    table = table_alloc(system, new_bytes);
    if (table == 0)
        return 0;

    memcpy(machine_at(machine, table), machine_at(machine, space->table), old_bytes);
    machine->work.bytes_copied += old_bytes;
    machine->work.entries_copied += space->table_entries;
    return table;
}

static void entries_clear(struct machine *machine, struct space *space, uint32_t from)
{
    for (uint32_t i = from; i < space->table_entries; i++)
        *table_entry(machine, space, i) = (struct table_entry){.right = RIGHT_NONE};
}

static void hash_rebuild(struct machine *machine, struct space *space, uint32_t old_entries)
{
    for (uint32_t i = 0; i < old_entries; i++)
        table_entry(machine, space, i)->hashed = 0;

    for (uint32_t i = 1; i < old_entries; i++) {
        if (table_entry(machine, space, i)->object != 0)
            hash_insert(machine, space, i);
    }

    machine->work.entries_copied += old_entries;
}

/* Moves the outliers for which there is room now, and counts those that the next step would take.
 */
static void outliers_move(struct space_system *system, struct space *space)
{
    struct machine *machine = system->machine;
    link32_t link;

    while ((link = space_splay_from(machine, &space->tree_root, 0)) != 0) {
        struct tree_entry *outlier = outlier_at(machine, link);
        uint32_t name = outlier->name;
        link32_t object = outlier->object;

        if (name >= space->table_entries)
            break;

        struct table_entry *entry = table_entry(machine, space, name);

        if (object != 0)
            outlier_hash_remove(system, outlier);

        entry->right = outlier->right;
        entry->object = object;
        machine->work.entries_copied++;

        if (object != 0)
            hash_insert(machine, space, name);

        space_splay_remove(machine, &space->tree_root, name);
        space_object_free(system, system->cache_tree_entry, machine_address(machine, link));
        space->tree_total--;
    }

    uint32_t name = space->table_entries;

    space->tree_small = 0;
    while ((link = space_splay_from(machine, &space->tree_root, name)) != 0 &&
           outlier_at(machine, link)->name < next_entries(system, space)) {
        space->tree_small++;
        name = outlier_at(machine, link)->name + 1;
    }
}

/* Chains the free entries from FROM upwards before the others, the lowest first. */
static void entries_chain(struct machine *machine, struct space *space, uint32_t from)
{
    struct table_entry *head = table_entry(machine, space, 0);

    for (uint32_t i = space->table_entries; i-- > from;) {
        struct table_entry *entry = table_entry(machine, space, i);

        if (i == 0 || entry->right != RIGHT_NONE)
            continue;

        entry->next = head->next;
        head->next = i;
        space->free_entries++;
    }
}

static bool table_step_up(struct space_system *system, struct space *space)
{
    struct machine *machine = system->machine;
    uint32_t old_entries = space->table_entries;
    uint32_t new_entries = next_entries(system, space);
    uint64_t old_bytes = table_bytes(machine, old_entries);
    uint64_t old_table = space->table;

    if (new_entries == old_entries)
        return space_refuse(system, "table sizes");

    uint64_t table = table_enlarge(system, space, old_bytes, table_bytes(machine, new_entries));

    if (table == 0)
        return false;

    uint64_t both = old_bytes + table_bytes(machine, new_entries);

    space->transient_peak = both > space->transient_peak ? both : space->transient_peak;
    if (both > system->transient_peak)
        system->transient_peak = both;
    space->table = table;
    space->table_entries = new_entries;
    space->table_step++;
    space->growths++;

    entries_clear(machine, space, old_entries);
    hash_rebuild(machine, space, old_entries);
    outliers_move(system, space);
    entries_chain(machine, space, old_entries);
    table_free(system, old_table, old_bytes);
    return true;
}

/* Goes on while the outliers before the next step would pay for it. As in the kernel, a step that
 * is refused fails the request, and those made before it stay: the rights are as they were. */
static bool table_grow(struct space_system *system, struct space *space)
{
    do {
        if (!table_step_up(system, space))
            return false;
    } while (space->tree_small > 0 && growth_pays(system, space, space->tree_small));

    return true;
}

/*
 * Spaces.
 */

static bool table_create(struct space_system *system, uint32_t number, bool special)
{
    struct space *space = &system->spaces[number];
    uint32_t entries = system->table_sizes[0];

    if (!space_begin(system, number, special, &cache_space))
        return false;
    if (special)
        return true;

    space->table = table_alloc(system, table_bytes(system->machine, entries));
    if (space->table == 0) {
        space_end(system, number);
        return false;
    }

    space->table_entries = entries;
    entries_clear(system->machine, space, 0);
    entries_chain(system->machine, space, 0);
    return true;
}

static void outlier_destroy(struct space_system *system, struct space *space, uint32_t name)
{
    struct machine *machine = system->machine;
    link32_t link = space_splay_remove(machine, &space->tree_root, name);
    struct tree_entry *outlier = outlier_at(machine, link);

    if (outlier->object != 0) {
        outlier_hash_remove(system, outlier);
        space->reverse_count--;
    }

    space_object_free(system, system->cache_tree_entry, machine_address(machine, link));
    space->tree_total--;
    if (name < next_entries(system, space))
        space->tree_small--;
}

static void table_destroy(struct space_system *system, uint32_t number)
{
    struct space *space = &system->spaces[number];
    link32_t link;

    if (!space->active)
        return;

    if (space->table != 0)
        table_free(system, space->table, table_bytes(system->machine, space->table_entries));
    space->table = 0;
    space->table_entries = 0;

    while ((link = space_splay_from(system->machine, &space->tree_root, 0)) != 0)
        outlier_destroy(system, space, outlier_at(system->machine, link)->name);

    space->active = false;
    space->rights = 0;
    space->reverse_count = 0;
    space->free_entries = 0;
}

static void table_release(struct space_system *system, uint32_t number)
{
    if (!system->spaces[number].live)
        return;

    table_destroy(system, number);
    space_end(system, number);
}

static uint32_t table_name_alloc(struct space_system *system, uint32_t number, uint32_t right)
{
    struct space *space = &system->spaces[number];

    if (!space_takes_names(system, space))
        return NAME_NONE;
    if (space->free_entries == 0 && !table_grow(system, space))
        return NAME_NONE;

    struct table_entry *head = table_entry(system->machine, space, 0);
    uint32_t name = head->next;
    struct table_entry *entry = table_entry(system->machine, space, name);

    head->next = entry->next;
    entry->next = 0;
    entry->right = right;
    space->free_entries--;
    space->rights++;
    return name;
}

/* Takes entry INDEX off the free list, on which it is. */
static void free_list_unlink(struct machine *machine, struct space *space, uint32_t index)
{
    struct table_entry *before = table_entry(machine, space, 0);
    struct table_entry *entry = table_entry(machine, space, index);

    while (before->next != index) {
        before = table_entry(machine, space, before->next);
        machine->work.list_steps++;
    }

    before->next = entry->next;
    entry->next = 0;
    space->free_entries--;
}

static bool outlier_create(struct space_system *system, uint32_t number, uint32_t right,
                           uint32_t name)
{
    struct machine *machine = system->machine;
    struct space *space = &system->spaces[number];
    uint64_t address = space_object_alloc(system, &system->cache_tree_entry, &cache_tree_entry);

    if (address == 0)
        return false;

    *(struct tree_entry *)machine_at(machine, address) =
        (struct tree_entry){.right = right, .name = name, .space = number};
    space_splay_insert(machine, &space->tree_root, machine_link(machine, address));
    space->tree_total++;
    if (name < next_entries(system, space))
        space->tree_small++;
    return true;
}

static bool table_name_alloc_at(struct space_system *system, uint32_t number, uint32_t right,
                                uint32_t name)
{
    struct machine *machine = system->machine;
    struct space *space = &system->spaces[number];

    if (!space_takes_names(system, space))
        return false;
    if (name == NAME_NONE || name == NAME_DEAD ||
        space_splay_find(machine, &space->tree_root, name) != 0)
        return space_refuse(system, "name");

    while (name >= space->table_entries && name < next_entries(system, space) &&
           growth_pays(system, space, space->tree_small + 1)) {
        if (!table_grow(system, space))
            return false;
    }

    if (name < space->table_entries) {
        struct table_entry *entry = table_entry(machine, space, name);

        if (entry->right != RIGHT_NONE)
            return space_refuse(system, "name");

        free_list_unlink(machine, space, name);
        entry->right = right;
    } else if (!outlier_create(system, number, right, name)) {
        return false;
    }

    space->rights++;
    return true;
}

static void table_name_free(struct space_system *system, uint32_t number, uint32_t name)
{
    struct machine *machine = system->machine;
    struct space *space = &system->spaces[number];

    if (name >= space->table_entries) {
        if (space_splay_find(machine, &space->tree_root, name) != 0) {
            outlier_destroy(system, space, name);
            space->rights--;
        }
        return;
    }

    struct table_entry *head = table_entry(machine, space, 0);
    struct table_entry *entry = table_entry(machine, space, name);

    if (entry->right == RIGHT_NONE)
        return;

    /* The kernel asks for the hash to be left before; a trace need not keep to that. */
    if (entry->object != 0) {
        hash_remove(machine, space, hash_find(machine, space, entry->object));
        entry->object = 0;
        space->reverse_count--;
    }

    entry->right = RIGHT_NONE;
    entry->next = head->next;
    head->next = name;
    space->free_entries++;
    space->rights--;
}

static uint32_t table_name_lookup(struct space_system *system, uint32_t number, uint32_t name)
{
    struct space *space = &system->spaces[number];

    if (name < space->table_entries)
        return table_entry(system->machine, space, name)->right;

    link32_t link = space_splay_find(system->machine, &space->tree_root, name);

    return link == 0 ? RIGHT_NONE : outlier_at(system->machine, link)->right;
}

/* The outlier of OBJECT, 0: none. A space without outliers does not look at the chains. */
static link32_t outlier_of(struct space_system *system, uint32_t number, link32_t object)
{
    return system->spaces[number].tree_total == 0 ? 0 : *outlier_hash_find(system, number, object);
}

static bool table_reverse_insert(struct space_system *system, uint32_t number, uint32_t name,
                                 uint64_t address)
{
    struct machine *machine = system->machine;
    struct space *space = &system->spaces[number];
    link32_t object = machine_link(machine, address);

    if (table_name_lookup(system, number, name) == RIGHT_NONE || object == 0 ||
        hash_find(machine, space, object) != UINT32_MAX || outlier_of(system, number, object) != 0)
        return space_refuse(system, "reverse key");

    if (name < space->table_entries) {
        struct table_entry *entry = table_entry(machine, space, name);

        if (entry->object != 0)
            return space_refuse(system, "reverse key");

        entry->object = object;
        hash_insert(machine, space, name);
    } else {
        link32_t link = space->tree_root; /* where the lookup has left it */
        struct tree_entry *outlier = outlier_at(machine, link);

        if (outlier->object != 0)
            return space_refuse(system, "reverse key");

        outlier->object = object;
        outlier_hash_insert(system, link);
    }

    space->reverse_count++;
    return true;
}

static void table_reverse_remove(struct space_system *system, uint32_t number, uint64_t address)
{
    struct machine *machine = system->machine;
    struct space *space = &system->spaces[number];
    link32_t object = machine_link(machine, address);
    uint32_t slot = hash_find(machine, space, object);

    if (slot != UINT32_MAX) {
        uint32_t index = table_entry(machine, space, slot)->hashed;

        hash_remove(machine, space, slot);
        table_entry(machine, space, index)->object = 0;
    } else {
        link32_t link = outlier_of(system, number, object);

        if (link == 0)
            return;
        outlier_hash_remove(system, outlier_at(machine, link));
    }

    space->reverse_count--;
}

static uint32_t table_reverse_lookup(struct space_system *system, uint32_t number, uint64_t address)
{
    struct machine *machine = system->machine;
    struct space *space = &system->spaces[number];
    link32_t object = machine_link(machine, address);
    uint32_t slot = hash_find(machine, space, object);

    if (slot != UINT32_MAX)
        return table_entry(machine, space, table_entry(machine, space, slot)->hashed)->right;

    link32_t link = outlier_of(system, number, object);

    return link == 0 ? RIGHT_NONE : outlier_at(machine, link)->right;
}

const struct space_ops space_table = {
    .name = "table",
    .summary = "table grown by reallocation, with a splay tree of outliers (to 1.5)",
    .open = table_open,
    .create = table_create,
    .destroy = table_destroy,
    .release = table_release,
    .name_alloc = table_name_alloc,
    .name_alloc_at = table_name_alloc_at,
    .name_free = table_name_free,
    .name_lookup = table_name_lookup,
    .reverse_insert = table_reverse_insert,
    .reverse_remove = table_reverse_remove,
    .reverse_lookup = table_reverse_lookup,
    .check = space_table_check,
};
