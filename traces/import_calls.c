/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which calls are primary.
 *
 * A replay makes its own derived allocations, so the trace must hold each request of the kernel's
 * users once, and nothing that an allocator asked of another. The parent of a call tells, as far as
 * it was seen: a call inside an allocator's call is derived. The objects of some caches are derived
 * whoever the parent seems to be, because nobody else allocates from them: radix nodes, entries of
 * spaces, slab descriptors, the kalloc caches, the spaces themselves.
 *
 * What is freed was derived if its allocation was: the two must agree, or a replay would free what
 * it does not have. So derived objects are followed too, which also finds a log that frees what is
 * not alive.
 */

#include <stdlib.h>
#include <string.h>

#include "traces/import_private.h"

#define NONE UINT32_MAX

#define OBJECT_DERIVED (1ull << 63)
#define OBJECT_KALLOC  0xffffull /* in place of a cache */

#define RANGE_DERIVED      (1ull << 63)
#define RANGE_SLAB         (1ull << 62) /* or the pages of another range: not counted */
#define RANGE_HIGH         (1ull << 61) /* its pages were not seen; from HIGHMEM */
#define RANGE_LOW          (1ull << 60) /* ... from DMA */
#define RANGE_PAGES(value) ((uint32_t)((value) >> 32 & 0xffffff))
#define RANGE_MAP(value)   ((uint32_t)((value) >> 56 & 3))

bool import_allocates(unsigned call)
{
    switch (call) {
    case CALL_NONE:
    case CALL_IPC_SPACE_DESTROY:
    case CALL_IPC_ENTRY_LOOKUP:
    case CALL_NAME_POP:
    case CALL_NAME_PUSH:
    case CALL_NAME_LOOKUP:
    case CALL_MACH_PRINT:
        return false;
    default:
        return true;
    }
}

/* ---- Caches ---- */

static const char *const derived_caches[] = {
    "rdxtree_node", "ipc_entry", "ipc_tree_entry", "kmem_slab", "ipc_space",
};

/* Kernels differ in what stands between the word and the size. */
static bool cache_is_kalloc(const char *name)
{
    return strncmp(name, "kalloc", 6) == 0 && (name[6] == '_' || name[6] == '.');
}

static bool cache_derived(const char *name)
{
    for (size_t i = 0; i < sizeof(derived_caches) / sizeof(derived_caches[0]); i++) {
        if (strcmp(name, derived_caches[i]) == 0)
            return true;
    }
    return cache_is_kalloc(name);
}

/* Which of the 13 kalloc caches serves SIZE; 13: none does. */
static unsigned kalloc_class(uint64_t size)
{
    unsigned class = 0;

    while (class < 13 && size > 32ull << class)
        class ++;
    return class;
}

static int cache_create(struct import *import)
{
    const struct log_line *line = &import->line;
    struct cache_definition definition = {.size = (uint32_t)line->arguments[2],
                                          .align = (uint32_t)line->arguments[3]};
    struct import_cache *cache;
    uint32_t number = import->nr_caches;

    import_primary(import);
    if (line->text_size == 0 || line->text_size >= sizeof(definition.name))
        return error_set(import->error, "a cache name of %zu bytes, expected 1 to %zu",
                         line->text_size, sizeof(definition.name) - 1);
    if (line->arguments[2] == 0 || line->arguments[2] > 1u << 20 || line->arguments[3] > 1u << 16)
        return error_set(import->error,
                         "cache %.*s of objects of %llu bytes aligned to %llu: expected 1 to "
                         "1048576 bytes and at most 65536",
                         (int)line->text_size, line->text, (unsigned long long)line->arguments[2],
                         (unsigned long long)line->arguments[3]);
    if (number == CACHES_MAX)
        return error_set(import->error, "more than %u caches", CACHES_MAX);
    if (table_find(&import->cache_numbers, line->arguments[0]) != NULL)
        return error_set(import->error, "kmem_cache_init of cache %llx, which exists already",
                         (unsigned long long)line->arguments[0]);

    memcpy(definition.name, line->text, line->text_size);
    cache = &import->caches[number];
    memset(cache, 0, sizeof(*cache));
    memcpy(cache->name, definition.name, sizeof(cache->name));
    cache->address = line->arguments[0];
    cache->derived = cache_derived(cache->name);
    cache->reserve = strcmp(cache->name, "vm_map_kentry") == 0;
    cache->entries = cache->reserve || (strcmp(cache->name, "vm_map_entry") == 0);
    cache->spaces = strcmp(cache->name, "ipc_space") == 0;
    cache->pages = strcmp(cache->name, "vm_page") == 0;
    cache->slabs = strcmp(cache->name, "kmem_slab") == 0;
    if (cache_is_kalloc(cache->name) && kalloc_class(definition.size) < 13)
        import->kalloc_caches[kalloc_class(definition.size)] = number;
    if (table_put(&import->cache_numbers, cache->address, number) != 0)
        return import_no_memory(import);
    import->nr_caches++;
    return import_payload(import, EVENT_CACHE_CREATE, 0, number, &definition, sizeof(definition));
}

static uint32_t cache_find(struct import *import, uint64_t address)
{
    const uint64_t *number = table_find(&import->cache_numbers, address);

    if (number != NULL)
        return (uint32_t)*number;
    error_set(import->error, "%s of unknown cache %llx: expected a kmem_cache_init of it before",
              log_call_name(import->line.call), (unsigned long long)address);
    return NONE;
}

int import_object_alloc(struct import *import, uint32_t cache, uint64_t address, bool derived)
{
    uint32_t number = 0;

    if (table_find(&import->object_table, address) != NULL)
        return error_set(import->error,
                         "kmem_cache_alloc from %s gave %llx, which is alive already",
                         import->caches[cache].name, (unsigned long long)address);
    if (!derived) {
        number = numbers_take(&import->objects);
        if (number == OBJECT_NONE)
            return import_no_memory(import);
    }
    if (table_put(&import->object_table, address,
                  (derived ? OBJECT_DERIVED : 0) | (uint64_t)cache << 32 | number) != 0)
        return import_no_memory(import);
    return derived ? 0 : import_event(import, EVENT_CACHE_ALLOC, 0, cache, number, 0, address);
}

bool import_object_is_page(const struct import *import, uint64_t address)
{
    const uint64_t *value = table_find(&import->object_table, address);

    return value != NULL && (*value >> 32 & 0xffff) < import->nr_caches &&
           import->caches[*value >> 32 & 0xffff].pages;
}

/* True when the object is part of nothing: what is held back is then primary. */
static bool cache_outermost(const struct import *import, const struct import_cache *cache)
{
    return import->line.parent == CALL_NONE && !cache->derived && !cache->entries &&
           strcmp(cache->name, "pv_entry") != 0;
}

static int cache_alloc(struct import *import)
{
    const struct log_line *line = &import->line;
    uint32_t number = cache_find(import, line->arguments[0]);
    struct import_cache *cache;
    bool derived;
    int code;

    if (number == NONE)
        return -1;
    cache = &import->caches[number];
    derived = cache->derived || import_allocates(line->parent);
    if (line->result != 0)
        cache->live++;
    if (!import->boot.over || cache->entries) {
        code = import_boot_object(import, number, line->result);
        if (code < 0)
            return -1;
        if (code > 0)
            return 0;
        if (!import->boot.over && cache_outermost(import, cache) && import_boot_flush(import) != 0)
            return -1;
    }
    if (derived)
        import_derived(import);
    else
        import_primary(import);
    if (line->result == 0)
        return derived ? 0
                       : import_event(import, EVENT_CACHE_ALLOC, EVENT_FAILED, number, OBJECT_NONE,
                                      0, 0);
    if (cache->spaces)
        import->last_space = line->result;
    /* The block that kalloc returns is told by kalloc's own line; slab descriptors also die in
     * reaping, without a line. */
    if (cache->slabs || cache_is_kalloc(cache->name))
        return 0;
    return import_object_alloc(import, number, line->result, derived);
}

static int free_dead(struct import *import, uint64_t address, const char *expected)
{
    return error_set(import->error,
                     "%s of %llx, which is not alive (never allocated, or freed already): "
                     "expected %s",
                     log_call_name(import->line.call), (unsigned long long)address, expected);
}

static int cache_free(struct import *import)
{
    const struct log_line *line = &import->line;
    uint32_t number = cache_find(import, line->arguments[0]);
    struct import_cache *cache;
    uint64_t value, address = line->arguments[1];
    const uint64_t *found;

    if (number == NONE)
        return -1;
    cache = &import->caches[number];
    if (cache->live == 0)
        return free_dead(import, address, "an object of its cache");
    cache->live--;
    if (cache_is_kalloc(cache->name)) {
        import_derived(import);
        import->kfree_counted = line->parent == CALL_KFREE;
        return 0;
    }
    if (cache->slabs) {
        import_derived(import);
        return 0;
    }
    found = table_find(&import->object_table, address);
    if (found == NULL)
        return free_dead(import, address, "an object of its cache");
    value = *found;
    if ((value >> 32 & 0xffff) != number)
        return error_set(import->error, "kmem_cache_free of %llx to %s, but it came from %s",
                         (unsigned long long)address, cache->name,
                         (value >> 32 & 0xffff) == OBJECT_KALLOC
                             ? "kalloc"
                             : import->caches[value >> 32 & 0xffff].name);
    table_remove(&import->object_table, address);
    if (cache->spaces) {
        import_primary(import);
        return import_space_release(import, address);
    }
    if ((value & OBJECT_DERIVED) != 0) {
        import_derived(import);
        if (line->parent == CALL_RDXTREE_REMOVE)
            import->removal.nodes = true;
        return import_removal_done(import, address);
    }
    import_primary(import);
    if (import_event(import, EVENT_CACHE_FREE, 0, number, (uint32_t)value, 0, 0) != 0)
        return -1;
    numbers_give(&import->objects, (uint32_t)value);
    return 0;
}

/* ---- kalloc ---- */

static int kalloc_alloc(struct import *import, uint64_t address, uint64_t size, bool derived)
{
    uint32_t number = 0;

    if (derived)
        import->counts.derived[CALL_KALLOC]++;
    else
        import->counts.primary[CALL_KALLOC]++;
    if (address == 0)
        return derived || size == 0 ? 0
                                    : import_event(import, EVENT_KALLOC, EVENT_FAILED, 0,
                                                   OBJECT_NONE, (uint32_t)size, 0);
    if (size == 0 || size > UINT32_MAX)
        return error_set(import->error, "kalloc of %llx bytes gave %llx: expected 1 to ffffffff",
                         (unsigned long long)size, (unsigned long long)address);
    if (table_find(&import->object_table, address) != NULL)
        return error_set(import->error, "kalloc gave %llx, which is alive already",
                         (unsigned long long)address);
    if (!derived) {
        number = numbers_take(&import->objects);
        if (number == OBJECT_NONE)
            return import_no_memory(import);
    }
    if (table_put(&import->object_table, address,
                  (derived ? OBJECT_DERIVED : 0) | OBJECT_KALLOC << 32 | number) != 0)
        return import_no_memory(import);
    return derived ? 0 : import_event(import, EVENT_KALLOC, 0, 0, number, (uint32_t)size, address);
}

int import_table_alloc_flush(struct import *import, bool derived)
{
    uint64_t time = import->time;
    int code;

    import->table_alloc.waits = false;
    import->time = import->table_alloc.time;
    code = kalloc_alloc(import, import->table_alloc.address, import->table_alloc.size, derived);
    import->time = time;
    return code;
}

static int kalloc_call(struct import *import)
{
    const struct log_line *line = &import->line;

    /* Tables of spaces are derived, tables of dead-name requests are not: the ipc_table_alloc that
     * this is part of returns next, and its parent tells. */
    if (line->parent == CALL_IPC_TABLE_ALLOC) {
        import->table_alloc.waits = true;
        import->table_alloc.time = line->time;
        import->table_alloc.address = line->result;
        import->table_alloc.size = line->arguments[0];
        return 0;
    }
    return kalloc_alloc(import, line->result, line->arguments[0], import_allocates(line->parent));
}

static int kfree_call(struct import *import)
{
    const struct log_line *line = &import->line;
    uint64_t address = line->arguments[0], size = line->arguments[1];
    const uint64_t *found = table_find(&import->object_table, address);
    unsigned class = kalloc_class(size);
    uint64_t value;

    if (address == 0 && size == 0)
        return 0;
    if (found == NULL)
        return free_dead(import, address, "a block of an earlier kalloc");
    value = *found;
    if ((value >> 32 & 0xffff) != OBJECT_KALLOC)
        return error_set(import->error, "kfree of %llx, but it came from cache %s",
                         (unsigned long long)address, import->caches[value >> 32 & 0xffff].name);
    if (size == 0 || size > UINT32_MAX)
        return error_set(import->error, "kfree of %llx bytes: expected 1 to ffffffff",
                         (unsigned long long)size);
    if (!import->kfree_counted && class < 13 && import->kalloc_caches[class] != KALLOC_NONE)
        import->caches[import->kalloc_caches[class]].live--;
    import->kfree_counted = false;
    table_remove(&import->object_table, address);
    if ((value & OBJECT_DERIVED) != 0) {
        import_derived(import);
        return 0;
    }
    import_primary(import);
    if (import_event(import, EVENT_KFREE, 0, 0, (uint32_t)value, (uint32_t)size, 0) != 0)
        return -1;
    numbers_give(&import->objects, (uint32_t)value);
    return 0;
}

/* ---- Ranges of kernel maps ---- */

/* Which map ADDRESS lies in. */
static uint32_t range_map(const struct import *import, uint64_t address)
{
    const struct trace_machine *machine = &import->header.machine;

    if (address >= machine->kmem_map_start && address < machine->kmem_map_end)
        return EVENT_MAP_KMEM;
    for (unsigned i = 0; i < import->start.nr_submaps; i++) {
        const struct start_submap *submap = &import->start.submaps[i];

        if (address >= submap->start && address < submap->start + submap->size)
            return submap->map;
    }
    return EVENT_MAP_KERNEL;
}

/* PAGES of a range that nobody sees grabbed come from the highest segment that start-up has handed
 * over, in kernels that hide them: they are mapped, so they may be of HIGHMEM. Returns what to note
 * of the range. */
static uint64_t range_pages_hide(struct import *import, uint64_t pages)
{
    if (import->start.observed || pages == 0)
        return 0;
    if (import->boot_segment[EVENT_HIGHMEM] != 0) {
        import->known_segment[EVENT_HIGHMEM] += pages;
        return RANGE_HIGH;
    }
    if (import->boot_segment[EVENT_DIRECTMAP] != 0)
        return 0;
    import->known_segment[EVENT_DMA] += pages;
    return RANGE_LOW;
}

int import_submap(struct import *import, uint64_t address)
{
    const struct import_start *start = &import->start;
    int code = 0;

    while (import->next_submap < start->nr_submaps &&
           start->submaps[import->next_submap].start < address) {
        const struct start_submap *submap = &start->submaps[import->next_submap++];
        uint32_t number = numbers_take(&import->objects);
        bool range = submap->map == EVENT_MAP_KERNEL; /* its own, and with pages */

        if (number == OBJECT_NONE)
            return import_no_memory(import);
        code = range;
        if (range) {
            import->range_pages += submap->size / FRAME_BYTES;
            (void)range_pages_hide(import, submap->size / FRAME_BYTES);
        }
        import->map_bytes += submap->size;
        if (submap->start + submap->size > import->map_top)
            import->map_top = submap->start + submap->size;
        if (import_event(import, EVENT_MAP_ALLOC,
                         (range ? EVENT_MAP_WIRED : EVENT_MAP_SUBMAP) | EVENT_INFERRED,
                         EVENT_MAP_KERNEL, number, (uint32_t)submap->size, submap->start) != 0)
            return -1;
        if (address == UINT64_MAX)
            break;
    }
    return code;
}

static unsigned range_kind(unsigned call)
{
    switch (call) {
    case CALL_KMEM_ALLOC_ALIGNED:
        return EVENT_MAP_ALIGNED;
    case CALL_KMEM_ALLOC_PAGEABLE:
        return EVENT_MAP_PAGEABLE;
    case CALL_KMEM_ALLOC_WIRED:
        return EVENT_MAP_WIRED;
    default:
        return EVENT_MAP_OBJECT;
    }
}

/* Address space that was taken unseen and shows as a hole below ADDRESS, where ranges so far have
 * left none: the next range of a map whose upper part is free follows the last. */
static int range_hole(struct import *import, uint64_t address)
{
    uint64_t top = import->map_top;

    if (top == 0 || address <= top || import->start.observed)
        return 0;
    return import_range_unseen(import, address - top);
}

int import_range_unseen(struct import *import, uint64_t bytes)
{
    uint32_t number;

    if (bytes > UINT32_MAX)
        return error_set(import->error, "%llx bytes of kernel_map were taken unseen",
                         (unsigned long long)bytes);
    number = numbers_take(&import->objects);
    if (number == OBJECT_NONE)
        return import_no_memory(import);
    import->counts.ranges_inferred++;
    import->map_bytes += bytes;
    import->map_top += bytes;
    return import_event(import, EVENT_MAP_ALLOC, EVENT_MAP_SUBMAP | EVENT_INFERRED,
                        EVENT_MAP_KERNEL, number, (uint32_t)bytes, import->map_top - bytes);
}

static int range_put(struct import *import, uint64_t address, uint64_t value)
{
    if (table_find(&import->range_table, address) != NULL)
        return error_set(import->error, "a range at %llx, where one is alive already",
                         (unsigned long long)address);
    if (table_put(&import->range_table, address, value) != 0)
        return import_no_memory(import);
    if (RANGE_MAP(value) != EVENT_MAP_KERNEL)
        return 0;
    import->map_bytes += (uint64_t)RANGE_PAGES(value) * FRAME_BYTES;
    if (address + (uint64_t)RANGE_PAGES(value) * FRAME_BYTES > import->map_top)
        import->map_top = address + (uint64_t)RANGE_PAGES(value) * FRAME_BYTES;
    return 0;
}

int import_range_alloc(struct import *import, unsigned call, uint64_t address, uint64_t bytes)
{
    uint32_t map = range_map(import, address);
    uint64_t pages = bytes / FRAME_BYTES;
    unsigned kind = range_kind(call);
    uint64_t hidden;
    uint32_t number;

    if (map == EVENT_MAP_KERNEL &&
        (import_submap(import, address) < 0 || range_hole(import, address) != 0))
        return -1;
    number = numbers_take(&import->objects);
    if (number == OBJECT_NONE)
        return import_no_memory(import);
    hidden = range_pages_hide(import, kind != EVENT_MAP_PAGEABLE ? pages : 0);
    if (range_put(import, address,
                  (kind == EVENT_MAP_PAGEABLE ? RANGE_SLAB : 0) | hidden | (uint64_t)map << 56 |
                      pages << 32 | number) != 0)
        return -1;
    if (kind != EVENT_MAP_PAGEABLE)
        import->range_pages += pages;
    return import_event(import, EVENT_MAP_ALLOC, kind, map, number, (uint32_t)bytes, address);
}

int import_range_derived(struct import *import, uint64_t address, uint64_t bytes, bool slab,
                         uint64_t pages)
{
    uint32_t map = range_map(import, address);
    uint64_t hidden;

    /* The submaps below it are there before it, whoever asked. */
    if (map == EVENT_MAP_KERNEL &&
        (import_submap(import, address) < 0 || range_hole(import, address) != 0))
        return -1;
    hidden = range_pages_hide(
        import, import->line.call != CALL_KMEM_ALLOC_PAGEABLE ? bytes / FRAME_BYTES : 0);
    if (range_put(import, address,
                  RANGE_DERIVED | (slab ? RANGE_SLAB : 0) | hidden | (uint64_t)map << 56 |
                      bytes / FRAME_BYTES << 32) != 0)
        return -1;
    import->range_pages += pages;
    return 0;
}

static int range_failed(struct import *import, uint64_t bytes)
{
    if (import_allocates(import->line.parent)) {
        import_derived(import);
        return 0;
    }
    import_primary(import);
    return import_event(import, EVENT_MAP_ALLOC, range_kind(import->line.call) | EVENT_FAILED,
                        EVENT_MAP_KERNEL, OBJECT_NONE, (uint32_t)bytes, 0);
}

static int range_bytes(struct import *import, uint64_t *bytes)
{
    if (*bytes == 0 || *bytes > UINT32_MAX - FRAME_BYTES)
        return error_set(import->error, "%s of %llx bytes: expected 1 to ffffefff",
                         log_call_name(import->line.call), (unsigned long long)*bytes);
    *bytes = (*bytes + FRAME_BYTES - 1) & -(uint64_t)FRAME_BYTES;
    return 0;
}

static int range_call(struct import *import)
{
    const struct log_line *line = &import->line;
    uint64_t bytes = line->arguments[2];
    bool pageable = line->call == CALL_KMEM_ALLOC_PAGEABLE;

    if (range_bytes(import, &bytes) != 0)
        return -1;
    if (line->result != 0)
        return range_failed(import, bytes);
    if (!line->has_value)
        return error_set(import->error, "%s without 'at' and an address",
                         log_call_name(line->call));
    if (!import->boot.over) {
        int code = import_boot_range(import, line->value, bytes);

        if (code != 0)
            return code < 0 ? -1 : 0;
    }
    if (import_allocates(line->parent)) {
        bool slab = line->parent == CALL_KMEM_CACHE_ALLOC;

        import_derived(import);
        return import_range_derived(import, line->value, bytes, slab || pageable,
                                    slab || pageable ? 0 : bytes / FRAME_BYTES);
    }
    import_primary(import);
    return import_range_alloc(import, line->call, line->value, bytes);
}

/* A second range over the pages of the first and new ones after them; the first is freed later. */
static int realloc_call(struct import *import)
{
    const struct log_line *line = &import->line;
    uint64_t *found = table_find(&import->range_table, line->arguments[1]);
    uint64_t bytes = line->arguments[4];

    if (range_bytes(import, &bytes) != 0)
        return -1;
    if (line->result != 0)
        return range_failed(import, bytes);
    if (!line->has_value)
        return error_set(import->error, "kmem_realloc without 'at' and an address");
    if (found == NULL)
        return free_dead(import, line->arguments[1], "a range of an earlier kmem_alloc");
    if ((*found & RANGE_SLAB) == 0)
        import->range_pages -= RANGE_PAGES(*found);
    *found |= RANGE_SLAB;
    if (import_allocates(line->parent)) {
        import_derived(import);
        return import_range_derived(import, line->value, bytes, false, bytes / FRAME_BYTES);
    }
    import_primary(import);
    return import_range_alloc(import, line->call, line->value, bytes);
}

/* The range that holds ADDRESS but does not start there: rare, so it may be slow. */
static struct table_slot *range_around(struct import *import, uint64_t address)
{
    for (uint64_t i = 0; import->range_table.slots != NULL && i <= import->range_table.mask; i++) {
        struct table_slot *slot = &import->range_table.slots[i];

        if (slot->key != 0 && address >= slot->key &&
            address - slot->key < (uint64_t)RANGE_PAGES(slot->value) * FRAME_BYTES)
            return slot;
    }
    return NULL;
}

/* PAGES of the range at START are gone: 1 when those were the last, -1 without memory. */
static int range_forget(struct import *import, uint64_t start, uint64_t value, uint64_t pages)
{
    const uint64_t *before = table_find(&import->range_parts, start);
    uint64_t gone = pages + (before != NULL ? *before : 0);

    if (RANGE_MAP(value) == EVENT_MAP_KERNEL)
        import->map_bytes -= pages * FRAME_BYTES;
    if ((value & RANGE_SLAB) == 0)
        import->range_pages -= pages;
    if ((value & (RANGE_HIGH | RANGE_LOW)) != 0)
        import->known_segment[(value & RANGE_HIGH) != 0 ? EVENT_HIGHMEM : EVENT_DMA] -= pages;
    if (gone < RANGE_PAGES(value))
        return table_put(&import->range_parts, start, gone) != 0 ? -1 : 0;
    table_remove(&import->range_parts, start);
    table_remove(&import->range_table, start);
    return 1;
}

static int range_free(struct import *import)
{
    const struct log_line *line = &import->line;
    uint64_t address = line->arguments[1], bytes = line->arguments[2], value, start = address;
    const uint64_t *found = table_find(&import->range_table, address);
    int whole;

    if (range_bytes(import, &bytes) != 0)
        return -1;
    if (found == NULL) {
        const struct table_slot *slot = range_around(import, address);

        if (slot == NULL)
            return free_dead(import, address, "a range of an earlier kmem_alloc");
        start = slot->key;
        found = &slot->value;
    }
    value = *found;
    if (address - start + bytes > (uint64_t)RANGE_PAGES(value) * FRAME_BYTES)
        return error_set(import->error,
                         "kmem_free of %llx bytes at %llx: expected at most the %llx that the "
                         "range at %llx has",
                         (unsigned long long)bytes, (unsigned long long)address,
                         (unsigned long long)RANGE_PAGES(value) * FRAME_BYTES,
                         (unsigned long long)start);
    whole = range_forget(import, start, value, bytes / FRAME_BYTES);
    if (whole < 0)
        return import_no_memory(import);
    if ((value & RANGE_DERIVED) != 0) {
        import_derived(import);
        return 0;
    }
    import_primary(import);
    if (import_event(import, EVENT_MAP_FREE, 0, RANGE_MAP(value), (uint32_t)value, (uint32_t)bytes,
                     address - start) != 0)
        return -1;
    if (whole != 0)
        numbers_give(&import->objects, (uint32_t)value);
    return 0;
}

/* ---- All calls ---- */

/* Calls that may stand inside another although their line does not say so: see import_boot.c. */
static bool call_may_be_part(unsigned call)
{
    return call == CALL_VM_PAGE_GRAB || call == CALL_VM_PAGE_GRAB_CONTIG ||
           call == CALL_KMEM_ALLOC_WIRED || call == CALL_KMEM_ALLOC ||
           call == CALL_KMEM_ALLOC_ALIGNED || call == CALL_KMEM_ALLOC_PAGEABLE ||
           call == CALL_KMEM_CACHE_ALLOC;
}

/* What waited for this line to tell. */
static int call_waiting(struct import *import)
{
    const struct log_line *line = &import->line;

    if (import->run.pages != 0 && (line->call != CALL_VM_PAGE_RELEASE || import->nr_caches != 0) &&
        import_boot_run(import) != 0)
        return -1;
    if (import->table_alloc.waits &&
        import_table_alloc_flush(import, line->call == CALL_IPC_TABLE_ALLOC &&
                                             (line->parent == CALL_IPC_SPACE_CREATE ||
                                              line->parent == CALL_IPC_ENTRY_GROW_TABLE)) != 0)
        return -1;
    if (import->removal.waits &&
        !(line->call == CALL_KMEM_CACHE_FREE &&
          import_removal_waits_for(import, line->arguments[1])) &&
        import_removal_flush(import) != 0)
        return -1;
    import->removal.left = 0;
    if (line->call != CALL_KMEM_CACHE_FREE)
        import->removal.entry = 0;
    if (import->pop.waits) {
        const struct name *name = &import->names.records[import->pop.record];
        bool chosen = line->call == CALL_IPC_ENTRY_ALLOC_NAME && line->arguments[1] == name->name &&
                      import_space_find(import, line->arguments[0]) == name->space;

        if (import_pop_flush(import, chosen) != 0)
            return -1;
    }
    if (!import->boot.over && import->boot.nr_held != 0 && !call_may_be_part(line->call))
        return import_boot_flush(import);
    return 0;
}

int import_call(struct import *import)
{
    const struct log_line *line = &import->line;

    if (call_waiting(import) != 0 ||
        (import->next_range < import->start.nr_ranges && import_boot_ranges(import) != 0))
        return -1;
    import->time = line->time;
    switch (line->call) {
    case CALL_KMEM_CACHE_ALLOC:
        return cache_alloc(import);
    case CALL_KMEM_CACHE_FREE:
        return cache_free(import);
    case CALL_KALLOC:
        return kalloc_call(import);
    case CALL_KFREE:
        return kfree_call(import);
    case CALL_KMEM_CACHE_INIT:
        return cache_create(import);
    case CALL_VM_PAGE_GRAB:
    case CALL_VM_PAGE_RELEASE:
    case CALL_VM_PAGE_GRAB_CONTIG:
    case CALL_VM_PAGE_FREE_CONTIG:
        return import_page_call(import);
    case CALL_KMEM_ALLOC_WIRED:
    case CALL_KMEM_ALLOC:
    case CALL_KMEM_ALLOC_PAGEABLE:
    case CALL_KMEM_ALLOC_ALIGNED:
        return range_call(import);
    case CALL_KMEM_REALLOC:
        return realloc_call(import);
    case CALL_KMEM_FREE:
        return range_free(import);
    case CALL_SLAB_COLLECT:
        if (!line->has_value || line->value == 0)
            return 0; /* within 5 s of the last: it did nothing */
        import_primary(import);
        import->reaped = true;
        return import_event(import, EVENT_REAP, 0, 0, 0, 0, 0);
    case CALL_IPC_TABLE_ALLOC:
    case CALL_IPC_TABLE_REALLOC:
    case CALL_IPC_TABLE_FREE:
    case CALL_IPC_ENTRY_LOOKUP:
    case CALL_MACH_PRINT:
        import_derived(import);
        return 0;
    default:
        return import_names_call(import);
    }
}
