/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel's allocators, composed: machine, pages, maps, kmem, slabs, spaces.
 *
 * The parts know each other only through their headers; what binds them is here, and it is what the
 * kernel's own start-up does. The kernel map begins with a fixed entry for the direct map. Where
 * the geometry has a slab submap (1.5, 1.6), slabs and tables draw on it, else on the kernel map
 * itself. Map entries, memory objects and pv entries are objects of caches that the same slabs
 * provide, so that a map can grow a slab while a slab grows in a map: up to 1.6 the entries of
 * kernel maps come from a reserve instead, because of that.
 *
 * Caches go by name. Those that the allocators themselves draw on have a size that belongs to a
 * design: when a trace of one design is replayed through another, such a cache keeps its place in
 * the order of creation (which is the order of reaping) but takes the size of the design that runs.
 *
 * Accounting stands around the parts, not in them: the page allocator's and the slab backend's
 * functions are called through wrappers that count what is taken, so that peaks are exact at the
 * price of an addition per page.
 */

#include "allocators/stack_kernel.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_RESERVE     (256u * PAGE_SIZE) /* of 1.5 and 1.6 */
#define MAP_ENTRIES_MAX   (1u << 20)         /* of a map */
#define SLAB_SUBMAP       (96u << 20)        /* kmem_map of 1.5 and 1.6 */
#define IPC_SUBMAP        (8u << 20)         /* ipc_kernel_map */
#define DEVICE_SUBMAP     (16u << 20)        /* device_io_map */
#define TABLE_ENTRY_WORDS 4                  /* of the target, in an entry of a table */

/* A cache that the allocators draw on: what it is called, and the size of its objects by design. */
struct derived_cache {
    const char *name;
    enum { PART_NONE, PART_SPACE, PART_BACKEND } part;
    uint32_t size[2]
                 [2]; /* [older, newer design of the part][pointers of 4, 8 bytes]; 0: captured */
};

static const struct derived_cache derived_caches[] = {
    {"ipc_space", PART_SPACE, {{60, 112}, {44, 80}}},
    {"ipc_entry", PART_SPACE, {{0, 0}, {16, 24}}},
    {"ipc_tree_entry", PART_SPACE, {{32, 64}, {0, 0}}},
    {"rdxtree_node", PART_SPACE, {{0, 0}, {280, 552}}},
    {"kmem_slab", PART_BACKEND, {{32, 64}, {36, 72}}},
    {"vm_map_kentry", PART_NONE, {{0, 0}, {0, 0}}},
};

#define NR_DERIVED (sizeof(derived_caches) / sizeof(derived_caches[0]))

struct role {
    const char *name;
    uint32_t size, size_64;
};

static const struct role roles[ROLES] = {
    [ROLE_ENTRY] = {"vm_map_entry", 60, 104},
    [ROLE_OBJECT] = {"vm_object", 80, 136},
    [ROLE_PORT] = {"ipc_port", 80, 136},
    [ROLE_PV] = {"pv_entry", 12, 24},
};

static const struct role role_reserved_entry = {"vm_map_kentry", 60, 104};

/* ---- Accounting ---- */

static struct kernel_stack *of_pages(struct pages *pages)
{
    return (struct kernel_stack *)((char *)pages - offsetof(struct kernel_stack, pages));
}

static struct kernel_stack *of_slabs(struct slab_system *slabs)
{
    return (struct kernel_stack *)((char *)slabs - offsetof(struct kernel_stack, slabs));
}

static inline void raise(uint64_t *peak, uint64_t now)
{
    if (now > *peak)
        *peak = now;
}

/* What the page allocator must know of the request that is running. */
static inline void state_request(struct kernel_stack *ks)
{
    ks->machine.now = ks->stack.now;
    ks->machine.privileged |= ks->stack.privileged;
    ks->machine.daemon_running |= !ks->stack.privileged;
}

static void frames_become(struct kernel_stack *ks, uint32_t frame, uint32_t nr,
                          enum page_class class)
{
    for (uint32_t i = 0; i < nr; i++)
        machine_classify(&ks->machine, frame + i, class);
}

static void frames_taken(struct kernel_stack *ks, uint32_t frame, uint32_t nr)
{
    frames_become(ks, frame, nr, ks->page_class);
    ks->held.page_bytes += (uint64_t)nr << PAGE_SHIFT;
    raise(&ks->peak.page_bytes, ks->held.page_bytes);
}

static void frames_given(struct kernel_stack *ks, uint32_t frame, uint32_t nr)
{
    frames_become(ks, frame, nr, PAGE_CLASS_FREE);
    ks->held.page_bytes -= (uint64_t)nr << PAGE_SHIFT;
}

/* Pages that a run of NR takes, rounding included. */
static inline uint32_t run_pages(const struct kernel_stack *ks, uint32_t nr)
{
    return ks->page_design->rounds_runs && nr > 1 ? 1u << (32 - __builtin_clz(nr - 1)) : nr;
}

static uint32_t counted_grab(struct pages *pages, enum segment_kind highest)
{
    struct kernel_stack *ks = of_pages(pages);
    bool privileged = ks->machine.privileged;

    state_request(ks);

    uint32_t frame = ks->page_design->grab(pages, highest);

    ks->machine.privileged = privileged;
    if (frame != FRAME_NONE)
        frames_taken(ks, frame, 1);

    return frame;
}

static void counted_put(struct pages *pages, uint32_t frame)
{
    struct kernel_stack *ks = of_pages(pages);

    ks->page_design->put(pages, frame);
    frames_given(ks, frame, 1);
}

static uint32_t counted_grab_run(struct pages *pages, uint32_t nr, enum segment_kind highest)
{
    struct kernel_stack *ks = of_pages(pages);
    bool privileged = ks->machine.privileged;

    state_request(ks);

    uint32_t frame = ks->page_design->grab_run(pages, nr, highest);

    ks->machine.privileged = privileged;
    if (frame != FRAME_NONE)
        frames_taken(ks, frame, run_pages(ks, nr));

    return frame;
}

static void counted_put_run(struct pages *pages, uint32_t frame, uint32_t nr)
{
    struct kernel_stack *ks = of_pages(pages);

    ks->page_design->put_run(pages, frame, nr);
    frames_given(ks, frame, run_pages(ks, nr));
}

static inline void count_maps(struct kernel_stack *ks)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < MAPS; i++)
        bytes += ks->maps[i].size; /* 0 when it is not open */

    ks->held.map_bytes = bytes - ks->fixed_bytes;
    raise(&ks->peak.map_bytes, ks->held.map_bytes);
}

static uint64_t counted_take(struct slab_system *slabs, struct cache *cache)
{
    struct kernel_stack *ks = of_slabs(slabs);
    enum page_class class = ks->page_class;

    ks->page_class = cache->page_class;

    uint64_t address = ks->slab_design->take(slabs, cache);

    ks->page_class = class;
    if (address == 0)
        return 0;

    ks->held.slab_bytes += cache->slab_bytes;
    raise(&ks->peak.slab_bytes, ks->held.slab_bytes);
    count_maps(ks);
    return address;
}

static void counted_give(struct slab_system *slabs, struct cache *cache, uint64_t address)
{
    struct kernel_stack *ks = of_slabs(slabs);

    ks->slab_design->give(slabs, cache, address);
    ks->held.slab_bytes -= cache->slab_bytes;
}

/* Bytes of tables, or of nodes and entries. */
static inline void count_space(struct kernel_stack *ks, int cache)
{
    if (cache >= 0)
        ks->held.space_bytes +=
            ks->slabs.caches[cache].nr_objects * ks->slabs.caches[cache].object_size;
}

/* ---- Objects that the stack takes for itself ---- */

static int role_cache(struct kernel_stack *ks, enum kernel_role which)
{
    const struct role *role = &roles[which];

    if (ks->roles[which] >= 0)
        return ks->roles[which];

    if (which == ROLE_ENTRY && ks->design->entry_reserve)
        role = &role_reserved_entry;

    for (unsigned i = 0; i < ks->slabs.nr_caches; i++)
        if (strcmp(ks->slabs.caches[i].name, role->name) == 0)
            return ks->roles[which] = (int)i;

    uint32_t size = ks->machine.geometry->pointer_size == 8 ? role->size_64 : role->size;

    return ks->roles[which] = cache_create(&ks->slabs, role->name, size, 0, NULL);
}

static uint64_t role_alloc(struct kernel_stack *ks, enum kernel_role which)
{
    int cache = role_cache(ks, which);

    if (cache < 0) {
        machine_refuse(&ks->machine, FAILURE_LIMIT, "caches", 0, 0, 0, 0);
        return 0;
    }

    return cache_alloc(&ks->slabs, (unsigned)cache, ks->slabs.caches[cache].object_size);
}

static void role_free(struct kernel_stack *ks, enum kernel_role which, uint64_t object)
{
    unsigned cache = (unsigned)ks->roles[which];

    cache_free(&ks->slabs, cache, object, ks->slabs.caches[cache].object_size);
}

static uint64_t entry_alloc(void *context)
{
    return role_alloc(context, ROLE_ENTRY);
}

static void entry_free(void *context, uint64_t object)
{
    role_free(context, ROLE_ENTRY, object);
}

static uint64_t object_alloc(void *context)
{
    return role_alloc(context, ROLE_OBJECT);
}

static void object_free(void *context, uint64_t object)
{
    role_free(context, ROLE_OBJECT, object);
}

static uint64_t port_alloc(void *context)
{
    return role_alloc(context, ROLE_PORT);
}

static void port_free(void *context, uint64_t object)
{
    role_free(context, ROLE_PORT, object);
}

static uint64_t pv_alloc(void *context)
{
    return role_alloc(context, ROLE_PV);
}

static void pv_free(void *context, uint64_t object)
{
    role_free(context, ROLE_PV, object);
}

static bool collect(void *context)
{
    struct kernel_stack *ks = context;

    ks->machine.now = ks->stack.now;
    return slab_collect(&ks->slabs);
}

/* ---- Opening ---- */

static int open_map(struct kernel_stack *ks, enum map_number number, const struct map_ops *ops,
                    uint64_t min, uint64_t max, struct error *error)
{
    static const char *const names[MAPS] = {"kernel_map", "kmem_map", "ipc_kernel_map",
                                            "device_io_map"};
    struct object_source source = {entry_alloc, entry_free, ks};
    uint64_t most = (max - min) / PAGE_SIZE + 64;

    if (most > MAP_ENTRIES_MAX)
        most = MAP_ENTRIES_MAX;

    if (map_open(&ks->maps[number], ops, &ks->machine, names[number], min, max, source,
                 (uint32_t)most, error) != 0)
        return -1;

    ks->map_open[number] = true;
    return 0;
}

static void use_slab_map(struct kernel_stack *ks)
{
    ks->slabs.map = &ks->maps[MAP_SLAB];
    ks->spaces.map = &ks->maps[MAP_SLAB];
}

/* Makes [start, start + bytes) of the kernel map a map of its own. */
static int make_submap(struct kernel_stack *ks, enum map_number number, uint64_t start,
                       uint64_t bytes, struct error *error)
{
    if (open_map(ks, number, ks->maps[MAP_KERNEL].ops, start, start + bytes, error) != 0)
        return -1;

    ks->fixed_bytes += bytes;
    kmem_classify(&ks->kmem, start, start + bytes, PAGE_CLASS_FREE); /* now it is the submap's */
    if (number == MAP_SLAB)
        use_slab_map(ks);

    return 0;
}

/* The kernel map, with its entry for the direct map. */
static int open_maps(struct kernel_stack *ks, const struct stack_config *config,
                     struct error *error)
{
    const struct map_ops *ops = config->map != NULL ? config->map : ks->design->map;
    struct machine *machine = &ks->machine;

    if (open_map(ks, MAP_KERNEL, ops, machine->kernel_base, machine->kernel_map_end, error) != 0)
        return -1;

    if (!map_place(&ks->maps[MAP_KERNEL], machine->kernel_base, machine->kernel_map_start, true, 0))
        return error_set(error, "the direct map does not fit in the kernel map");

    ks->fixed_bytes = machine->kernel_map_start - machine->kernel_base;
    return 0;
}

/* The slab submap, where the geometry has one and the trace will not tell when it is made. */
static int place_slab_map(struct kernel_stack *ks, const struct stack_config *config,
                          struct error *error)
{
    uint64_t bytes = config->geometry->slab_submap_size;
    uint64_t start = ks->machine.kernel_map_start;

    if (bytes == 0 || config->slab_submap_start != 0)
        return 0;

    if (!map_place(&ks->maps[MAP_KERNEL], start, start + bytes, true, 0))
        return error_set(error, "the slab submap does not fit in the kernel map");

    return make_submap(ks, MAP_SLAB, start, bytes, error);
}

/* Around each contiguous search the page list takes a range for its bitmap. Under slabs that it
 * never ran with, the entry of that range may need a slab that is itself a run of pages: the inner
 * search then goes without. */
static bool bitmap_take(void *context, uint64_t bytes)
{
    struct kernel_stack *ks = context;

    if (ks->searches++ != 0)
        return true;

    ks->bitmap_address = kmem_alloc(&ks->kmem, &ks->maps[MAP_KERNEL], bytes, KMEM_WIRED);
    if (ks->bitmap_address == 0)
        ks->searches--;

    return ks->bitmap_address != 0;
}

static void bitmap_give(void *context, uint64_t bytes)
{
    struct kernel_stack *ks = context;

    if (--ks->searches == 0)
        kmem_free(&ks->kmem, &ks->maps[MAP_KERNEL], ks->bitmap_address, bytes);
}

static int open_pages(struct kernel_stack *ks, const struct stack_config *config,
                      struct error *error)
{
    ks->page_design = config->pages != NULL ? config->pages : ks->design->pages;
    ks->page_ops = *ks->page_design;
    ks->page_ops.grab = counted_grab;
    ks->page_ops.put = counted_put;
    ks->page_ops.grab_run = counted_grab_run;
    ks->page_ops.put_run = counted_put_run;

    ks->pages.bitmap_take = bitmap_take;
    ks->pages.bitmap_give = bitmap_give;
    ks->pages.bitmap_context = ks;
    if (ks->page_design->open(&ks->pages, &ks->machine, error) != 0)
        return -1;

    ks->pages.ops = &ks->page_ops;
    return 0;
}

static int open_slabs(struct kernel_stack *ks, struct error *error)
{
    ks->slab_design = ks->design->backend;
    ks->slab_ops = *ks->slab_design;
    ks->slab_ops.take = counted_take;
    ks->slab_ops.give = counted_give;

    return slab_open(&ks->slabs, &ks->slab_ops, &ks->machine, &ks->pages, &ks->kmem,
                     &ks->maps[MAP_KERNEL], error);
}

/* The entry reserve is static data of the kernel, below what the kernel map may give away. Where
 * start-up left no room for it (a geometry of another age) the kernel map begins higher. */
static void place_reserve(struct kernel_stack *ks)
{
    struct machine *machine = &ks->machine;
    uint64_t direct_end = machine_direct(machine, machine->direct_frames);

    if (!ks->design->entry_reserve)
        return;

    if (machine->kernel_map_start < direct_end + ENTRY_RESERVE)
        machine->kernel_map_start = direct_end + ENTRY_RESERVE;
}

static void set_reserve(struct kernel_stack *ks)
{
    if (!ks->design->entry_reserve)
        return;

    ks->slabs.reserve_end = ks->machine.kernel_map_start & ~(uint64_t)(PAGE_SIZE - 1);
    ks->slabs.reserve_next = ks->slabs.reserve_end - ENTRY_RESERVE;
}

static void compare_design(struct kernel_stack *ks, const struct stack_config *config)
{
    const char *captured = config->captured_stack != NULL ? config->captured_stack : "";
    size_t length = strcspn(captured, "+");
    const char *space = ks->design->space->name;

    if (config->captured_pointer_size != 0 &&
        config->captured_pointer_size != config->geometry->pointer_size)
        return;

    ks->same_space = strlen(space) == length && strncmp(space, captured, length) == 0;
    ks->same_backend =
        captured[length] == '+' && strcmp(captured + length + 1, ks->design->backend->name) == 0;
}

/* Start-up as the machine's model has it, when the trace does not tell. */
static void boot(struct kernel_stack *ks)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    unsigned nr = machine_boot_ranges(&ks->machine, ranges);

    for (unsigned i = 0; i < nr; i++)
        ks->design->ops.boot_pages(&ks->stack,
                                   ranges[i].descending ? ranges[i].end - 1 : ranges[i].start,
                                   ranges[i].end - ranges[i].start, ranges[i].descending);
}

static int open_parts(struct kernel_stack *ks, const struct stack_config *config,
                      struct error *error)
{
    uint32_t max_spaces = config->max_spaces != 0 ? config->max_spaces : 1;

    place_reserve(ks);

    if (open_pages(ks, config, error) != 0 || open_maps(ks, config, error) != 0 ||
        kmem_open(&ks->kmem, &ks->machine, &ks->pages, error) != 0)
        return -1;

    ks->kmem.object_source = (struct object_source){object_alloc, object_free, ks};
    ks->kmem.port_source = (struct object_source){port_alloc, port_free, ks};
    ks->kmem.pv_source = (struct object_source){pv_alloc, pv_free, ks};
    ks->kmem.reclaim = collect;
    ks->kmem.reclaim_context = ks;

    if (open_slabs(ks, error) != 0)
        return -1;
    set_reserve(ks);

    ks->spaces.exact_bitmaps = config->exact_bitmaps;
    if (space_open(&ks->spaces, ks->design->space, &ks->slabs, &ks->kmem, &ks->maps[MAP_KERNEL],
                   max_spaces, error) != 0)
        return -1;

    return place_slab_map(ks, config, error);
}

static void kernel_close(struct stack *stack)
{
    struct kernel_stack *ks = kernel_stack(stack);

    if (ks->spaces.ops != NULL)
        space_close(&ks->spaces);
    if (ks->slabs.machine != NULL)
        slab_close(&ks->slabs);
    if (ks->kmem.machine != NULL)
        kmem_close(&ks->kmem);
    for (unsigned i = 0; i < MAPS; i++)
        if (ks->map_open[i])
            map_close(&ks->maps[i]);
    if (ks->pages.machine != NULL)
        ks->page_design->close(&ks->pages);
    machine_close(&ks->machine);
    free(ks);
}

static struct stack *kernel_open(const struct stack_ops *ops, const struct stack_config *config,
                                 struct error *error)
{
    struct kernel_stack *ks = calloc(1, sizeof(*ks));

    if (ks == NULL) {
        error_set(error, "no memory for the stack");
        return NULL;
    }

    ks->page_class = PAGE_CLASS_WIRED;
    ks->stack.ops = ops;
    ks->stack.work = &ks->machine.work;
    ks->design =
        (const struct kernel_design *)((const char *)ops - offsetof(struct kernel_design, ops));
    compare_design(ks, config);

    for (unsigned i = 0; i < CACHES_MAX; i++)
        ks->cache_number[i] = CACHE_UNNUMBERED;
    for (unsigned i = 0; i < ROLES; i++)
        ks->roles[i] = -1;

    if (machine_open(&ks->machine, config->geometry, config->memory, config->segments,
                     config->nr_segments, config->kernel_map_start, config->kernel_map_end,
                     error) != 0) {
        free(ks);
        return NULL;
    }

    ks->machine.check = config->check;
    if (config->populate)
        machine_populate(&ks->machine);
    if (open_parts(ks, config, error) != 0) {
        kernel_close(&ks->stack);
        return NULL;
    }

    if (!config->boot_pages_follow)
        boot(ks);

    return &ks->stack;
}

/* ---- Requests ---- */

/* A refusal: the cause goes to the stack. */
static __attribute__((noinline, cold)) void refuse(struct kernel_stack *ks)
{
    ks->stack.failure = ks->machine.failure;
    memset(&ks->machine.failure, 0, sizeof(ks->machine.failure));
}

static void release_frame(struct kernel_stack *ks, uint32_t frame)
{
    ks->page_design->release(&ks->pages, frame);
    if (ks->machine.pages[frame].state != PAGE_RESERVED) /* the list has no memory above the map */
        machine_classify(&ks->machine, frame, PAGE_CLASS_FREE);
}

static void kernel_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    struct kernel_stack *ks = kernel_stack(stack);

    for (uint32_t i = 0; i < nr; i++) {
        uint32_t at = descending ? frame - i : frame + i;

        if (at < ks->machine.frames && ks->machine.pages[at].state == PAGE_RESERVED)
            release_frame(ks, at);
    }
}

/* The size of objects of a derived cache in the design that runs. */
static uint32_t derived_size(const struct kernel_stack *ks, const char *name, uint32_t captured)
{
    unsigned wide = ks->machine.geometry->pointer_size == 8;

    for (unsigned i = 0; i < NR_DERIVED; i++) {
        const struct derived_cache *d = &derived_caches[i];

        if (strcmp(d->name, name) != 0 || d->part == PART_NONE)
            continue;

        bool space = d->part == PART_SPACE;
        bool newer = space ? ks->design->space == &space_radix : ks->slab_design->descriptor == 1;

        if (space ? ks->same_space : ks->same_backend)
            return captured;

        return d->size[newer][wide] != 0 ? d->size[newer][wide] : captured;
    }

    return captured;
}

static int find_unnumbered(const struct kernel_stack *ks, const char *name)
{
    for (unsigned i = 0; i < ks->slabs.nr_caches; i++)
        if (ks->cache_number[i] == CACHE_UNNUMBERED && strcmp(ks->slabs.caches[i].name, name) == 0)
            return (int)i;

    return -1;
}

static bool kernel_cache_create(struct stack *stack, uint32_t cache, const char *name,
                                uint32_t size, uint32_t align, uint32_t flags)
{
    struct kernel_stack *ks = kernel_stack(stack);
    struct error error;

    (void)flags;
    if (cache >= CACHES_MAX)
        return false;

    int index = find_unnumbered(ks, name); /* the stack was in need of it before */

    if (index < 0)
        index = cache_create(&ks->slabs, name, derived_size(ks, name, size), align, &error);
    if (index < 0)
        return false;

    ks->cache_index[cache] = (uint8_t)index;
    ks->cache_number[index] = cache;
    return true;
}

static uint64_t kernel_cache_alloc(struct stack *stack, uint32_t cache)
{
    struct kernel_stack *ks = kernel_stack(stack);
    unsigned index = ks->cache_index[cache];
    uint64_t object = cache_alloc(&ks->slabs, index, ks->slabs.caches[index].object_size);

    if (__builtin_expect(object == 0, 0))
        refuse(ks);

    return object;
}

static void kernel_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    struct kernel_stack *ks = kernel_stack(stack);
    unsigned index = ks->cache_index[cache];

    cache_free(&ks->slabs, index, object, ks->slabs.caches[index].object_size);
}

static uint64_t kernel_kalloc(struct stack *stack, uint64_t size)
{
    struct kernel_stack *ks = kernel_stack(stack);
    uint64_t object = kalloc(&ks->slabs, size);

    if (__builtin_expect(object == 0, 0) && size != 0)
        refuse(ks);

    return object;
}

static void kernel_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    kfree(&kernel_stack(stack)->slabs, object, size);
}

static uint64_t kernel_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                  enum page_class class, bool contiguous)
{
    struct kernel_stack *ks = kernel_stack(stack);
    uint32_t frame;

    ks->page_class = class;
    frame = nr == 1 && !contiguous ? counted_grab(&ks->pages, highest)
                                   : counted_grab_run(&ks->pages, nr, highest);
    ks->page_class = PAGE_CLASS_WIRED;

    if (frame == FRAME_NONE) {
        refuse(ks);
        return 0;
    }

    ks->page_requested += (uint64_t)nr << PAGE_SHIFT;
    return (uint64_t)frame << PAGE_SHIFT;
}

static void kernel_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    struct kernel_stack *ks = kernel_stack(stack);
    uint32_t frame = (uint32_t)(address >> PAGE_SHIFT);

    if (nr == 1 && !contiguous)
        counted_put(&ks->pages, frame);
    else
        counted_put_run(&ks->pages, frame, nr);

    ks->page_requested -= (uint64_t)nr << PAGE_SHIFT;
}

/* Which map a submap of the kernel map is to be, MAP_KERNEL: none that the stack uses. The kernels
 * made three, each of its own size. */
static enum map_number submap_number(uint64_t bytes)
{
    switch (bytes) {
    case SLAB_SUBMAP:
        return MAP_SLAB;
    case IPC_SUBMAP:
        return MAP_IPC;
    case DEVICE_SUBMAP:
        return MAP_DEVICE;
    default:
        return MAP_KERNEL;
    }
}

/* A submap: address space of the kernel map that becomes a map of its own. The slab submap belongs
 * to the geometry, not to the trace: where there is none, or one already, nothing is taken. */
static uint64_t submap_alloc(struct kernel_stack *ks, uint64_t bytes)
{
    enum map_number number = submap_number(bytes);
    struct error error;

    if (number == MAP_SLAB &&
        (ks->map_open[MAP_SLAB] || ks->machine.geometry->slab_submap_size == 0))
        return ks->maps[ks->map_open[MAP_SLAB] ? MAP_SLAB : MAP_KERNEL].min;

    uint64_t start = kmem_alloc(&ks->kmem, &ks->maps[MAP_KERNEL], bytes, KMEM_SUBMAP);

    if (start == 0 || number == MAP_KERNEL || ks->map_open[number])
        return start;

    if (make_submap(ks, number, start, bytes, &error) != 0) {
        machine_refuse(&ks->machine, FAILURE_LIMIT, "maps", bytes, 0, 0, 0);
        return 0;
    }

    return start;
}

static uint64_t kernel_map_alloc(struct stack *stack, enum map_number number, uint64_t bytes,
                                 enum kmem_kind kind)
{
    struct kernel_stack *ks = kernel_stack(stack);
    struct map *map = &ks->maps[ks->map_open[number] ? number : MAP_KERNEL];
    uint64_t address =
        kind == KMEM_SUBMAP ? submap_alloc(ks, bytes) : kmem_alloc(&ks->kmem, map, bytes, kind);

    if (address == 0) {
        refuse(ks);
        return 0;
    }

    if (kind != KMEM_SUBMAP)
        ks->map_requested += bytes;
    count_maps(ks);
    return address;
}

static bool kernel_map_free(struct stack *stack, enum map_number number, uint64_t address,
                            uint64_t bytes)
{
    struct kernel_stack *ks = kernel_stack(stack);
    struct map *map = &ks->maps[number];

    /* It may have been taken before the submap was there. */
    if (!ks->map_open[number] || address < map->min || address >= map->max)
        map = &ks->maps[MAP_KERNEL];

    if (!kmem_free(&ks->kmem, map, address, bytes)) {
        refuse(ks);
        return false;
    }

    ks->map_requested -= bytes;
    count_maps(ks);
    return true;
}

/* Bytes of the table of SPACE: taken off before a request that may change it, and put on after. */
static inline uint64_t table_bytes(const struct kernel_stack *ks, uint32_t space)
{
    return (uint64_t)ks->spaces.spaces[space].table_entries * TABLE_ENTRY_WORDS *
           ks->machine.geometry->pointer_size;
}

/* What tables and nodes hold, after a request that may have changed it. */
static inline void spaces_changed(struct kernel_stack *ks)
{
    ks->held.space_bytes = ks->table_bytes;
    count_space(ks, ks->spaces.cache_entry);
    count_space(ks, ks->spaces.cache_node);
    count_space(ks, ks->spaces.cache_tree_entry);
    raise(&ks->peak.space_bytes, ks->held.space_bytes);
}

static bool kernel_space_create(struct stack *stack, uint32_t space, bool special)
{
    struct kernel_stack *ks = kernel_stack(stack);
    uint64_t before = table_bytes(ks, space);
    bool done = ks->spaces.ops->create(&ks->spaces, space, special);

    if (!done)
        refuse(ks);
    ks->table_bytes += table_bytes(ks, space) - before;
    spaces_changed(ks);
    return done;
}

static void kernel_space_destroy(struct stack *stack, uint32_t space)
{
    struct kernel_stack *ks = kernel_stack(stack);

    ks->table_bytes -= table_bytes(ks, space);
    ks->spaces.ops->destroy(&ks->spaces, space);
    ks->table_bytes += table_bytes(ks, space);
    spaces_changed(ks);
    count_maps(ks);
}

static void kernel_space_release(struct stack *stack, uint32_t space)
{
    struct kernel_stack *ks = kernel_stack(stack);

    ks->spaces.ops->release(&ks->spaces, space);
}

static uint32_t kernel_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    struct kernel_stack *ks = kernel_stack(stack);
    uint64_t before = table_bytes(ks, space);
    uint32_t name = ks->spaces.ops->name_alloc(&ks->spaces, space, right);

    if (__builtin_expect(name == NAME_NONE, 0))
        refuse(ks);
    ks->table_bytes += table_bytes(ks, space) - before;
    spaces_changed(ks);
    return name;
}

static bool kernel_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    struct kernel_stack *ks = kernel_stack(stack);
    uint64_t before = table_bytes(ks, space);
    bool done = ks->spaces.ops->name_alloc_at(&ks->spaces, space, right, name);

    if (__builtin_expect(!done, 0))
        refuse(ks);
    ks->table_bytes += table_bytes(ks, space) - before;
    spaces_changed(ks);
    return done;
}

static void kernel_name_free(struct stack *stack, uint32_t space, uint32_t name)
{
    struct kernel_stack *ks = kernel_stack(stack);

    ks->spaces.ops->name_free(&ks->spaces, space, name);
}

static uint32_t kernel_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    struct kernel_stack *ks = kernel_stack(stack);

    return ks->spaces.ops->name_lookup(&ks->spaces, space, name);
}

static bool kernel_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                  uint64_t address)
{
    struct kernel_stack *ks = kernel_stack(stack);
    bool done = ks->spaces.ops->reverse_insert(&ks->spaces, space, name, address);

    if (__builtin_expect(!done, 0))
        refuse(ks);
    spaces_changed(ks);
    return done;
}

static void kernel_reverse_remove(struct stack *stack, uint32_t space, uint64_t address)
{
    struct kernel_stack *ks = kernel_stack(stack);

    ks->spaces.ops->reverse_remove(&ks->spaces, space, address);
}

static uint32_t kernel_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    struct kernel_stack *ks = kernel_stack(stack);

    return ks->spaces.ops->reverse_lookup(&ks->spaces, space, address);
}

/* The trace says that reclaim ran, so here it runs too, whatever the clock says. */
static void kernel_reap(struct stack *stack)
{
    struct kernel_stack *ks = kernel_stack(stack);

    ks->machine.now = ks->stack.now;
    slab_reap(&ks->slabs);
    ks->slabs.last_reap = ks->machine.now;
    count_maps(ks);
}

/* ---- Looking ---- */

static void kernel_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    struct kernel_stack *ks = kernel_stack(stack);

    spaces_changed(ks);
    count_maps(ks);
    snapshot_take(snapshot, ks, deep);
}

/* Free cells of submaps, which only who knows them may use, look different. */
static void draw_submaps(const struct kernel_stack *ks, struct occupancy_picture *picture)
{
    for (unsigned i = 0; i < MAPS; i++) {
        if (i == MAP_KERNEL || !ks->map_open[i])
            continue;

        uint64_t bytes = (uint64_t)picture->pages_per_cell << PAGE_SHIFT;
        uint64_t first = (ks->maps[i].min - picture->start + bytes - 1) / bytes;

        for (uint64_t cell = first; picture->start + (cell + 1) * bytes <= ks->maps[i].max; cell++)
            if (picture->letters[cell] == '.')
                picture->letters[cell] = ':';
    }
}

static void kernel_occupancy(struct stack *stack, enum occupancy_of which,
                             struct occupancy_picture *picture)
{
    struct kernel_stack *ks = kernel_stack(stack);

    if (which == OCCUPANCY_MEMORY) {
        picture->start = 0;
        occupancy_draw(&ks->machine.occupancy, picture);
        return;
    }

    picture->start = ks->kmem.frames_start;
    occupancy_draw(&ks->kmem.occupancy, picture);
    draw_submaps(ks, picture);
}

static void kernel_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    snapshot_space(state, kernel_stack(stack), space);
}

/* The classes of all frames agree with their states, and with the pages counted as held. */
static int check_classes(const struct kernel_stack *ks, struct error *error)
{
    const struct machine *machine = &ks->machine;
    uint64_t used = 0;

    for (uint32_t frame = 0; frame < machine->frames; frame++) {
        const struct page *page = &machine->pages[frame];
        bool free = page->state == PAGE_FREE_HEAD || page->state == PAGE_FREE_BODY ||
                    page->state == PAGE_POOLED;

        if ((page->class == PAGE_CLASS_RESERVED) != (page->state == PAGE_RESERVED) ||
            (page->class == PAGE_CLASS_FREE) != free)
            return error_set(error, "occupancy: frame %x is in state %u with the class %u", frame,
                             page->state, page->class);
        used += page->state == PAGE_USED;
    }

    if (ks->held.page_bytes != used << PAGE_SHIFT)
        return error_set(error, "%llu pages are in use, %llu bytes are counted as held",
                         (unsigned long long)used, (unsigned long long)ks->held.page_bytes);

    return occupancy_check(&machine->occupancy, &machine->pages[0].class, sizeof(struct page),
                           "memory", error);
}

static int kernel_check(struct stack *stack, struct error *error)
{
    struct kernel_stack *ks = kernel_stack(stack);

    if (check_classes(ks, error) != 0)
        return -1;

    if (ks->page_design->check(&ks->pages, error) != 0)
        return -1;

    for (unsigned i = 0; i < MAPS; i++)
        if (ks->map_open[i] && map_check(&ks->maps[i], error) != 0)
            return -1;

    if (kmem_check(&ks->kmem, error) != 0 || slab_check(&ks->slabs, error) != 0)
        return -1;

    for (uint32_t i = 0; i < ks->spaces.nr_spaces; i++)
        if (ks->spaces.spaces[i].live && ks->spaces.ops->check(&ks->spaces, i, error) != 0)
            return -1;

    return 0;
}

static void *kernel_content(struct stack *stack, uint64_t address, bool physical)
{
    struct kernel_stack *ks = kernel_stack(stack);

    if (!physical)
        return machine_at(&ks->machine, address);

    uint32_t frame = (uint32_t)(address >> PAGE_SHIFT);

    return frame < ks->machine.direct_frames
               ? machine_at(&ks->machine, machine_direct(&ks->machine, frame))
               : NULL;
}

#define KERNEL_OPS(NAME, SUMMARY, SPACE, BACKEND, PAGES, MAP)                                      \
    {                                                                                              \
        .abi = STACK_ABI, .name = NAME, .summary = SUMMARY, .space = SPACE, .backend = BACKEND,    \
        .pages = PAGES, .map = MAP, .open = kernel_open, .close = kernel_close,                    \
        .boot_pages = kernel_boot_pages, .cache_create = kernel_cache_create,                      \
        .cache_alloc = kernel_cache_alloc, .cache_free = kernel_cache_free,                        \
        .kalloc = kernel_kalloc, .kfree = kernel_kfree, .page_alloc = kernel_page_alloc,           \
        .page_free = kernel_page_free, .map_alloc = kernel_map_alloc, .map_free = kernel_map_free, \
        .space_create = kernel_space_create, .space_destroy = kernel_space_destroy,                \
        .space_release = kernel_space_release, .name_alloc = kernel_name_alloc,                    \
        .name_alloc_at = kernel_name_alloc_at, .name_free = kernel_name_free,                      \
        .name_lookup = kernel_name_lookup, .reverse_insert = kernel_reverse_insert,                \
        .reverse_remove = kernel_reverse_remove, .reverse_lookup = kernel_reverse_lookup,          \
        .reap = kernel_reap, .snapshot = kernel_snapshot, .occupancy = kernel_occupancy,           \
        .space_state = kernel_space_state, .check = kernel_check, .content = kernel_content,       \
    }

const struct kernel_design stack_table_vm = {
    .ops = KERNEL_OPS("table+vm", "1.4 and 1.5: tables of rights, slabs on kernel virtual memory",
                      "table", "vm", "list", "first-fit"),
    .space = &space_table,
    .backend = &slab_vm,
    .pages = &pages_list,
    .map = &map_first_fit,
    .entry_reserve = true,
};

const struct kernel_design stack_table_buddy = {
    .ops = KERNEL_OPS("table+buddy", "never shipped: tables of rights, slabs of any order", "table",
                      "buddy", "buddy", "first-fit"),
    .space = &space_table,
    .backend = &slab_buddy,
    .pages = &pages_buddy,
    .map = &map_first_fit,
};

const struct kernel_design stack_table_hybrid = {
    .ops = KERNEL_OPS("table+hybrid", "never shipped: tables of rights, one-page slabs physical",
                      "table", "hybrid", "buddy-segments", "gap-tree"),
    .space = &space_table,
    .backend = &slab_hybrid,
    .pages = &pages_buddy_segments,
    .map = &map_gap_tree,
};

const struct kernel_design stack_radix_vm = {
    .ops = KERNEL_OPS("radix+vm", "1.6: radix trees, slabs on kernel virtual memory", "radix", "vm",
                      "list", "first-fit"),
    .space = &space_radix,
    .backend = &slab_vm,
    .pages = &pages_list,
    .map = &map_first_fit,
    .entry_reserve = true,
};

const struct kernel_design stack_radix_buddy = {
    .ops =
        KERNEL_OPS("radix+buddy", "February 2016: radix trees, slabs of any order from the buddy",
                   "radix", "buddy", "buddy", "first-fit"),
    .space = &space_radix,
    .backend = &slab_buddy,
    .pages = &pages_buddy,
    .map = &map_first_fit,
};

const struct kernel_design stack_radix_hybrid = {
    .ops = KERNEL_OPS("radix+hybrid", "1.8 to today: radix trees, one-page slabs physical", "radix",
                      "hybrid", "buddy-segments", "gap-tree"),
    .space = &space_radix,
    .backend = &slab_hybrid,
    .pages = &pages_buddy_segments,
    .map = &map_gap_tree,
};

const struct kernel_design stack_radix_direct = {
    .ops = KERNEL_OPS("radix+direct", "baseline without slabs: a run of pages for each object",
                      "radix", "direct", "buddy-segments", "gap-tree"),
    .space = &space_radix,
    .backend = &slab_direct,
    .pages = &pages_buddy_segments,
    .map = &map_gap_tree,
};
