/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Spaces, their names and their reverse keys.
 *
 * A kernel with tables logs a name once, in ipc_entry_get and ipc_entry_dealloc. A kernel with
 * radix trees has three ways to give a name (an insertion under the key the tree chose, one under a
 * key the caller chose, and an entry taken back from the space's free list) and two to take it, and
 * logs some of them twice; what counts here is only what changes a name tree or a free list.
 *
 * A right is alive while its name is. The entry behind it may outlive it on the free list, with its
 * name, and serve for another right. Reverse keys hang on entries in the log, on rights in a trace.
 */

#include <stdlib.h>

#include "traces/import_private.h"

#define NONE UINT32_MAX

/* Where the two trees of a space lie in it. */

uint32_t import_space_find(const struct import *import, uint64_t address)
{
    const uint64_t *number = table_find(&import->space_table, address);

    return number != NULL ? (uint32_t)*number : NONE;
}

static int space_unknown(struct import *import, uint64_t address)
{
    return error_set(import->error,
                     "%s on space %llx, which is not alive: expected an ipc_space_create of it",
                     log_call_name(import->line.call), (unsigned long long)address);
}

static int space_create(struct import *import, bool special)
{
    const struct log_line *line = &import->line;
    uint64_t address = line->has_value ? line->value : import->last_space;
    unsigned flags = special ? EVENT_SPECIAL : 0;
    uint32_t number;

    import_primary(import);
    number = numbers_take(&import->space_numbers);
    if (number == NONE)
        return import_no_memory(import);
    if (line->result != 0) {
        numbers_give(&import->space_numbers, number);
        return import_event(import, EVENT_SPACE_CREATE, flags | EVENT_FAILED, number, 0, 0, 0);
    }
    if (address == 0)
        return error_set(import->error,
                         "%s without a space: expected 'sp' and its address, or a "
                         "kmem_cache_alloc of ipc_space before it",
                         log_call_name(line->call));
    if (import_space_find(import, address) != NONE)
        return error_set(import->error, "%s of space %llx, which is alive already",
                         log_call_name(line->call), (unsigned long long)address);
    if (number >= import->spaces_room) {
        uint32_t room = import->spaces_room != 0 ? 2 * import->spaces_room : 64;
        struct import_space *grown = realloc(import->spaces, room * sizeof(*grown));

        if (grown == NULL)
            return import_no_memory(import);
        import->spaces = grown;
        import->spaces_room = room;
    }
    import->spaces[number] =
        (struct import_space){.address = address, .first = NONE, .special = special};
    if (table_put(&import->space_table, address, number) != 0)
        return import_no_memory(import);
    return import_event(import, EVENT_SPACE_CREATE, flags, number, 0, 0, address);
}

static void space_forget_names(struct import *import, struct import_space *space)
{
    while (space->first != NONE) {
        uint32_t record = space->first;

        if (import->names.records[record].right != NAME_FREE)
            numbers_give(&import->rights, import->names.records[record].right);
        names_remove(&import->names, &space->first, record);
    }
}

static int space_destroy(struct import *import)
{
    uint64_t address = import->line.arguments[0];
    uint32_t number = import_space_find(import, address);
    struct import_space *space;

    if (number == NONE)
        return space_unknown(import, address);
    space = &import->spaces[number];
    if (space->destroyed)
        return error_set(import->error,
                         "ipc_space_destroy of space %llx, which is destroyed "
                         "already",
                         (unsigned long long)address);
    import_primary(import);
    if (import_event(import, EVENT_SPACE_DESTROY, 0, number, 0, 0, address) != 0)
        return -1;
    space_forget_names(import, space);
    space->destroyed = true;
    return 0;
}

int import_space_release(struct import *import, uint64_t address)
{
    uint32_t number = import_space_find(import, address);
    struct import_space *space;

    if (number == NONE)
        return 0; /* an ipc_space_create that failed */
    space = &import->spaces[number];
    if (space->first != NONE) {
        if (import_event(import, EVENT_SPACE_DESTROY, EVENT_INFERRED, number, 0, 0, address) != 0)
            return -1;
        space_forget_names(import, space);
    }
    table_remove(&import->space_table, address);
    numbers_give(&import->space_numbers, number);
    return import_event(import, EVENT_SPACE_RELEASE, 0, number, 0, 0, address);
}

/* ---- Names ---- */

static int name_event(struct import *import, unsigned kind, uint32_t record)
{
    const struct name *name = &import->names.records[record];

    return import_event(import, kind, 0, name->space, name->right, name->name, 0);
}

/* The entry RECORD becomes a live right. */
static int name_alloc(struct import *import, unsigned kind, uint32_t record)
{
    uint32_t right = numbers_take(&import->rights);

    if (right == NONE)
        return import_no_memory(import);
    import->names.records[record].right = right;
    if (name_event(import, kind, record) != 0)
        return -1;
    if (!import->growth.waits || import->growth.space != import->names.records[record].space)
        return 0;
    import->growth.waits = false;
    return import_event(import, EVENT_GROWTH, 0, import->growth.space, import->growth.new,
                        import->growth.old, 0);
}

static int name_new(struct import *import, unsigned kind, uint32_t space, uint64_t name,
                    uint64_t entry)
{
    uint32_t record;

    if (name == 0 || name > UINT32_MAX)
        return error_set(import->error, "%s gave name %llx, expected 1 to ffffffff",
                         log_call_name(import->line.call), (unsigned long long)name);
    record = names_find(&import->names, space, (uint32_t)name);
    if (record != NONE && import->names.records[record].right != NAME_FREE)
        return error_set(import->error, "name %llx of space %llx is allocated, but alive already",
                         (unsigned long long)name,
                         (unsigned long long)import->spaces[space].address);
    if (record != NONE) /* its entry is another one now */
        names_remove(&import->names, &import->spaces[space].first, record);
    record = names_add(&import->names, &import->spaces[space].first, space, (uint32_t)name, entry);
    if (record == NONE)
        return import_no_memory(import);
    return name_alloc(import, kind, record);
}

static int name_failed(struct import *import, unsigned kind, uint32_t space, uint64_t name)
{
    import->name_failed = true;
    return import_event(import, kind, EVENT_FAILED, space, NONE, (uint32_t)name, 0);
}

/* The right of RECORD dies; with REMOVE its entry does too. */
static int name_free(struct import *import, uint32_t record, bool remove)
{
    struct name *name = &import->names.records[record];

    if (name->right != NAME_FREE) {
        /* A key that is still there goes with the right. */
        if (name->reverse_right == name->right) {
            if (import_event(import, EVENT_REVERSE_REMOVE, EVENT_INFERRED, name->space, name->right,
                             0, 0) != 0)
                return -1;
            names_clear_key(&import->names, record);
        }
        if (name_event(import, EVENT_NAME_FREE, record) != 0)
            return -1;
        numbers_give(&import->rights, name->right);
        name->right = NAME_FREE;
    }
    if (remove)
        names_remove(&import->names, &import->spaces[name->space].first, record);
    return 0;
}

static int name_unknown(struct import *import, uint64_t address, uint64_t name)
{
    return error_set(import->error, "%s of name %llx in space %llx, which is not allocated",
                     log_call_name(import->line.call), (unsigned long long)name,
                     (unsigned long long)address);
}

/* The record of the name that the line names, live or (with FREED) on the free list. */
static int name_record(struct import *import, bool freed, uint32_t *record)
{
    const struct log_line *line = &import->line;
    uint32_t space = import_space_find(import, line->arguments[0]);

    if (space == NONE)
        return space_unknown(import, line->arguments[0]);
    *record = line->arguments[1] <= UINT32_MAX
                  ? names_find(&import->names, space, (uint32_t)line->arguments[1])
                  : NONE;
    if (*record == NONE || (import->names.records[*record].right == NAME_FREE) != freed)
        return name_unknown(import, line->arguments[0], line->arguments[1]);
    return 0;
}

static int name_pop(struct import *import)
{
    uint32_t record;

    /* The free list of a space that is being made at the address of a dead one is cleared: to the
     * observer that looks like a pop. */
    if (import_space_find(import, import->line.arguments[0]) == NONE) {
        import->counts.pops_stale++;
        import_derived(import);
        return 0;
    }
    if (name_record(import, true, &record) != 0)
        return -1;
    import_primary(import);
    import->pop.waits = true;
    import->pop.time = import->line.time;
    import->pop.record = record;
    return 0;
}

int import_pop_flush(struct import *import, bool chosen)
{
    uint64_t time = import->time;

    import->pop.waits = false;
    import->time = import->pop.time;
    if (name_alloc(import, chosen ? EVENT_NAME_ALLOC_AT : EVENT_NAME_ALLOC, import->pop.record) !=
        0)
        return -1;
    import->time = time;
    return 0;
}

static int name_push(struct import *import)
{
    uint32_t record;

    if (name_record(import, false, &record) != 0)
        return -1;
    import_primary(import);
    return name_free(import, record, import->line.call == CALL_IPC_ENTRY_DEALLOC);
}

static int name_lookup(struct import *import)
{
    const struct log_line *line = &import->line;
    uint32_t space = import_space_find(import, line->arguments[0]);
    uint32_t record = NONE;

    if (import_allocates(line->parent)) {
        import_derived(import);
        return 0;
    }
    import_primary(import);
    if (space != NONE && line->arguments[1] <= UINT32_MAX)
        record = names_find(&import->names, space, (uint32_t)line->arguments[1]);
    if (record == NONE || import->names.records[record].right == NAME_FREE) {
        import->counts.lookups_unknown++;
        return 0;
    }
    return import_event(import, EVENT_NAME_LOOKUP, 0, space, import->names.records[record].right, 0,
                        0);
}

/* ---- Radix trees ---- */

/* The space that TREE belongs to and which of its trees it is. */
static uint32_t tree_space(const struct import *import, uint64_t tree, bool *reverse)
{
    uint32_t space = import_space_find(import, tree - import->start.names_offset);

    *reverse = false;
    if (space != NONE)
        return space;
    *reverse = true;
    return import_space_find(import, tree - import->start.reverse_offset);
}

static int tree_unknown(struct import *import)
{
    return error_set(
        import->error, "%s on tree %llx, which is in no space: expected an ipc_space_create of it",
        log_call_name(import->line.call), (unsigned long long)import->line.arguments[0]);
}

static int reverse_insert(struct import *import, uint32_t space, uint64_t key, uint64_t entry)
{
    uint64_t address = import->start.kernel_base + key * 8;
    uint32_t record = names_find_entry(&import->names, entry);
    const uint64_t *object = table_find(&import->object_table, address);
    const struct name *name;

    if (record == NONE || import->names.records[record].space != space ||
        import->names.records[record].right == NAME_FREE)
        return error_set(import->error,
                         "reverse key %llx of entry %llx, which holds no name of space %llx",
                         (unsigned long long)key, (unsigned long long)entry,
                         (unsigned long long)import->spaces[space].address);
    if (names_find_key(&import->names, space, key) != NONE)
        return error_set(import->error, "reverse key %llx of space %llx is inserted twice",
                         (unsigned long long)key,
                         (unsigned long long)import->spaces[space].address);
    name = &import->names.records[record];
    if (name->reverse_right != NAME_FREE)
        return error_set(import->error, "entry %llx gets a second reverse key %llx",
                         (unsigned long long)entry, (unsigned long long)key);
    if (names_set_key(&import->names, record, key) != 0)
        return import_no_memory(import);
    /* The importer's own objects have numbers, those of derived calls have none. */
    return import_event(import, EVENT_REVERSE_INSERT, 0, space, name->right,
                        object != NULL && (*object >> 63) == 0 ? (uint32_t)*object : OBJECT_NONE,
                        address);
}

static int tree_insert(struct import *import)
{
    const struct log_line *line = &import->line;
    bool wide = line->nr_arguments >= 4;
    uint64_t key = line->arguments[1] | (wide ? line->arguments[2] << 32 : 0);
    uint64_t entry = line->arguments[wide ? 3 : 2];
    bool reverse;
    uint32_t space;

    /* The insertion that a name chosen by the tree ends in, or the placeholder of a new space. */
    if (line->parent == CALL_RDXTREE_INSERT_ALLOC_COMMON || line->parent == CALL_IPC_SPACE_CREATE) {
        import_derived(import);
        return 0;
    }
    space = tree_space(import, line->arguments[0], &reverse);
    if (space == NONE && line->arguments[0] - import->start.names_offset == import->last_space &&
        key == 0) {
        import_derived(import); /* the placeholder, when the parent was not seen */
        return 0;
    }
    if (space == NONE)
        return tree_unknown(import);
    import_primary(import);
    if (reverse) {
        if (line->result == 0)
            return reverse_insert(import, space, key, entry);
        return import_event(import, EVENT_REVERSE_INSERT, EVENT_FAILED, space, NONE, NONE,
                            import->start.kernel_base + key * 8);
    }
    if (line->result != 0)
        return name_failed(import, EVENT_NAME_ALLOC_AT, space, key);
    return name_new(import, EVENT_NAME_ALLOC_AT, space, key, entry);
}

static int tree_insert_alloc(struct import *import)
{
    const struct log_line *line = &import->line;
    bool reverse;
    uint32_t space = tree_space(import, line->arguments[0], &reverse);

    if (space == NONE || reverse)
        return tree_unknown(import);
    import_primary(import);
    if (line->result != 0)
        return name_failed(import, EVENT_NAME_ALLOC, space, 0);
    if (!line->has_value)
        return error_set(import->error, "rdxtree_insert_alloc_common without 'key' and a name");
    return name_new(import, EVENT_NAME_ALLOC, space, line->value, line->arguments[1]);
}

static int reverse_remove(struct import *import, uint32_t space, uint64_t key)
{
    uint32_t record = names_find_key(&import->names, space, key);
    uint32_t right;

    if (record == NONE)
        return error_set(import->error, "reverse key %llx of space %llx is removed, but not there",
                         (unsigned long long)key,
                         (unsigned long long)import->spaces[space].address);
    right = import->names.records[record].reverse_right;
    names_clear_key(&import->names, record);
    return import_event(import, EVENT_REVERSE_REMOVE, 0, space, right, 0,
                        import->start.kernel_base + key * 8);
}

static int tree_remove(struct import *import)
{
    const struct log_line *line = &import->line;
    uint64_t key = line->arguments[1] | (line->nr_arguments >= 3 ? line->arguments[2] << 32 : 0);
    bool nodes = import->removal.nodes, reverse;
    uint32_t space = tree_space(import, line->arguments[0], &reverse);
    uint32_t record;

    import->removal.nodes = false;
    if (space == NONE)
        return tree_unknown(import);
    import_primary(import);
    if (line->has_result && line->result == 0)
        return 0; /* it was not there, and the kernel knew */
    if (reverse)
        return reverse_remove(import, space, key);
    record = key <= UINT32_MAX ? names_find(&import->names, space, (uint32_t)key) : NONE;
    if (record == NONE)
        return name_unknown(import, import->spaces[space].address, key);
    import->removal.entry = import->names.records[record].entry;
    if (nodes) {
        import->removal.left = EVENT_ENTRY_LEFT | EVENT_COUNT_LEFT;
        return name_free(import, record, true);
    }
    import->removal.waits = true;
    import->removal.record = record;
    return 0;
}

/* The removed name's entry is freed by the next call, and the space counts one less after that.
 * Counters may be read between the two: the kernel then still has the entry, so the name lives
 * until then. When the removal freed nodes, these are gone already, and there is no place for such
 * counters that suits both: the truth says what was left to do. So it does after the free. */
bool import_removal_waits_for(const struct import *import, uint64_t entry)
{
    return import->removal.waits && import->names.records[import->removal.record].entry == entry;
}

/* ENTRY was freed: the last step but one of a removal, if it is that one's. */
int import_removal_done(struct import *import, uint64_t entry)
{
    if (entry == import->removal.entry)
        import->removal.left = EVENT_COUNT_LEFT;
    import->removal.entry = 0;
    return import->removal.waits ? import_removal_flush(import) : 0;
}

int import_removal_flush(struct import *import)
{
    import->removal.waits = false;
    return name_free(import, import->removal.record, true);
}

/* ---- Tables, and what both kinds share ---- */

static int entry_get(struct import *import)
{
    const struct log_line *line = &import->line;
    uint32_t space = import_space_find(import, line->arguments[0]);

    if (space == NONE)
        return space_unknown(import, line->arguments[0]);
    import_primary(import);
    if (line->result != 0)
        return 0; /* the table grows, or ipc_entry_grow_table tells that it could not */
    if (!line->has_value)
        return error_set(import->error, "ipc_entry_get without 'key' and a name");
    return name_new(import, EVENT_NAME_ALLOC, space, line->value, 0);
}

static int entry_grow_table(struct import *import)
{
    const struct log_line *line = &import->line;
    uint32_t space = import_space_find(import, line->arguments[0]);

    if (space == NONE)
        return space_unknown(import, line->arguments[0]);
    if (line->old > UINT32_MAX || line->new > UINT32_MAX)
        return error_set(import->error, "a table of %llu entries",
                         (unsigned long long)(line->old > line->new ? line->old : line->new));
    import_primary(import);
    if (line->result != 0) {
        if (name_failed(import,
                        line->parent == CALL_IPC_ENTRY_ALLOC_NAME ? EVENT_NAME_ALLOC_AT
                                                                  : EVENT_NAME_ALLOC,
                        space, 0) != 0)
            return -1;
        return import_event(import, EVENT_GROWTH, EVENT_FAILED, space, (uint32_t)line->new,
                            (uint32_t)line->old, 0);
    }
    if (import->growth.waits && import->growth.space == space) {
        import->growth.new = (uint32_t)line->new; /* two steps for one name */
        return 0;
    }
    import->growth.waits = true;
    import->growth.space = space;
    import->growth.old = (uint32_t)line->old;
    import->growth.new = (uint32_t)line->new;
    return 0;
}

static int entry_alloc(struct import *import, bool chosen)
{
    const struct log_line *line = &import->line;
    uint32_t space = import_space_find(import, line->arguments[0]);
    bool told = import->name_failed;
    uint32_t record;

    import->name_failed = false;
    if (space == NONE)
        return space_unknown(import, line->arguments[0]);
    import_primary(import);
    if (line->result != 0)
        return told ? 0
                    : name_failed(import, chosen ? EVENT_NAME_ALLOC_AT : EVENT_NAME_ALLOC, space,
                                  chosen ? line->arguments[1] : 0);
    if (!chosen || line->arguments[1] > UINT32_MAX)
        return 0;
    /* Chosen and not seen in any tree: in a table, or unlinked from inside the free list. */
    record = names_find(&import->names, space, (uint32_t)line->arguments[1]);
    if (record == NONE)
        return name_new(import, EVENT_NAME_ALLOC_AT, space, line->arguments[1], 0);
    if (import->names.records[record].right == NAME_FREE)
        return name_alloc(import, EVENT_NAME_ALLOC_AT, record);
    return 0;
}

int import_names_call(struct import *import)
{
    switch (import->line.call) {
    case CALL_IPC_SPACE_CREATE:
        return space_create(import, false);
    case CALL_IPC_SPACE_CREATE_SPECIAL:
        return space_create(import, true);
    case CALL_IPC_SPACE_DESTROY:
        return space_destroy(import);
    case CALL_IPC_ENTRY_ALLOC:
        return entry_alloc(import, false);
    case CALL_IPC_ENTRY_ALLOC_NAME:
        return entry_alloc(import, true);
    case CALL_IPC_ENTRY_GET:
        return entry_get(import);
    case CALL_IPC_ENTRY_GROW_TABLE:
        return entry_grow_table(import);
    case CALL_IPC_ENTRY_DEALLOC:
    case CALL_NAME_PUSH:
        return name_push(import);
    case CALL_NAME_POP:
        return name_pop(import);
    case CALL_NAME_LOOKUP:
        return name_lookup(import);
    case CALL_RDXTREE_INSERT_ALLOC_COMMON:
        return tree_insert_alloc(import);
    case CALL_RDXTREE_INSERT_COMMON:
        return tree_insert(import);
    case CALL_RDXTREE_REMOVE:
        return tree_remove(import);
    default:
        return 0;
    }
}

void import_names_free(struct import *import)
{
    free(import->spaces);
    table_free(&import->space_table);
    numbers_free(&import->space_numbers);
    numbers_free(&import->rights);
    names_free(&import->names);
}
