/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slab caches: objects of one size, packed into slabs of a few pages.
 *
 * The idea is Bonwick's. A kernel asks for the same few sizes over and over, so each size gets a
 * cache; a cache takes memory by the slab, cuts it into buffers once, and from then on an
 * allocation pops a buffer and a free pushes it. Nothing is searched and nothing is split, a slab
 * has no header in each object, and what is lost is the tail of the slab, part of which is used to
 * start successive slabs at different cache lines (the colour).
 *
 * A slab is free (none of its buffers allocated), partial or full. Partial slabs are used before
 * free ones, so that free ones stay free and can be given back. All partial slabs are equal in the
 * order of their list: nothing is sorted by fullness, because the sorting cost more than the slabs
 * it emptied. A slab that a free makes partial goes to the front, its last object being warm; one
 * that an allocation makes partial goes to the back.
 *
 * Ran in every GNU Mach since 1.4 (2011), first with kernel virtual memory for all slabs, then with
 * physical runs of pages, then with physical pages for small slabs only: see slab_vm.c,
 * slab_buddy.c and slab_hybrid.c. What it does worse than its rivals: one long-lived object keeps a
 * whole slab, and a slab serves one cache only, so caches that grew in one phase hold their memory
 * through the next until every object of some slabs has gone.
 *
 * The buffer's own last word holds the link to the next free buffer. The first word would do as
 * well; the last is less likely to be the field that a user of a freed object reads first.
 */

#include "allocators/slab.h"
#include "allocators/slab_private.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN_DEFAULT   8u
#define OBJECT_SIZE_MAX (1u << 28)

/*
 * Buffers.
 */

static inline link32_t *buffer_link(const struct machine *machine, const struct cache *cache,
                                    link32_t buffer)
{
    return (link32_t *)((char *)machine_follow(machine, buffer) + cache->link_offset);
}

/* Chains the buffers of a new slab: the highest comes first. */
static void buffers_chain(const struct machine *machine, const struct cache *cache,
                          struct slab *slab, uint64_t first)
{
    link32_t previous = 0;

    for (uint32_t i = 0; i < cache->buffers_per_slab; i++) {
        link32_t buffer = machine_link(machine, first + (uint64_t)i * cache->buffer_size);

        *buffer_link(machine, cache, buffer) = previous;
        previous = buffer;
    }

    slab->first_free = previous;
}

/*
 * Lists. Free slabs are only pushed and popped, so their list is linked one way.
 */

static inline void free_push(const struct machine *machine, struct cache *cache, link32_t l)
{
    slab_at(machine, l)->next = cache->free_head;
    cache->free_head = l;
    cache->nr_free_slabs++;
}

static inline void free_pop(const struct machine *machine, struct cache *cache)
{
    cache->free_head = slab_at(machine, cache->free_head)->next;
    cache->nr_free_slabs--;
}

static inline void partial_push_front(const struct machine *machine, struct cache *cache,
                                      link32_t l, struct slab *slab)
{
    slab->previous = 0;
    slab->next = cache->partial_head;

    if (cache->partial_head != 0) {
        slab_at(machine, cache->partial_head)->previous = l;
    } else {
        cache->partial_tail = l;
    }

    cache->partial_head = l;
    cache->nr_partial_slabs++;
}

static inline void partial_push_back(const struct machine *machine, struct cache *cache, link32_t l,
                                     struct slab *slab)
{
    slab->next = 0;
    slab->previous = cache->partial_tail;

    if (cache->partial_tail != 0) {
        slab_at(machine, cache->partial_tail)->next = l;
    } else {
        cache->partial_head = l;
    }

    cache->partial_tail = l;
    cache->nr_partial_slabs++;
}

static inline void partial_remove(const struct machine *machine, struct cache *cache,
                                  const struct slab *slab)
{
    if (slab->previous != 0) {
        slab_at(machine, slab->previous)->next = slab->next;
    } else {
        cache->partial_head = slab->next;
    }

    if (slab->next != 0) {
        slab_at(machine, slab->next)->previous = slab->previous;
    } else {
        cache->partial_tail = slab->previous;
    }

    cache->nr_partial_slabs--;
}

/*
 * Slabs.
 */

/* The entry reserve is a range of pages that were set aside at start-up. It is there because an
 * entry for a kernel map cannot be taken from a slab that first needs an entry for a kernel map. */
static uint64_t reserve_take(struct slab_system *system)
{
    uint64_t address = system->reserve_next;

    if (address >= system->reserve_end) {
        machine_refuse(system->machine, FAILURE_PANIC, "kentry", PAGE_SIZE, 0, 0, 0);
        return 0;
    }

    system->reserve_next += PAGE_SIZE;
    return address;
}

static uint64_t pages_take(struct slab_system *system, struct cache *cache)
{
    if (cache->static_reserve) {
        return reserve_take(system);
    }

    return system->backend->take(system, cache);
}

static link32_t descriptor_take(struct slab_system *system)
{
    if (system->kmem_slab < 0 &&
        cache_create(system, "kmem_slab", system->descriptor_size, 0, NULL) < 0) {
        machine_refuse(system->machine, FAILURE_LIMIT, "caches", 0, 0, 0, 0);
        return 0;
    }

    uint64_t address = cache_alloc(system, (unsigned)system->kmem_slab, system->descriptor_size);

    return address == 0 ? 0 : machine_link(system->machine, address);
}

/* The colour of the next slab. It moves on whether or not the slab comes about. */
static uint32_t colour_next(struct cache *cache)
{
    uint32_t colour = cache->colour;

    cache->colour += cache->align;

    if (cache->colour > cache->colour_max) {
        cache->colour = 0;
    }

    return colour;
}

/* Adds a free slab to CACHE. Taking its pages or its descriptor may allocate from other caches, so
 * who calls this has to look at the lists again. */
static bool cache_grow(struct slab_system *system, struct cache *cache)
{
    struct machine *machine = system->machine;
    uint32_t colour = colour_next(cache);
    uint64_t address = pages_take(system, cache);
    link32_t l;

    if (address == 0) {
        return false;
    }

    if (cache->off_slab) {
        l = descriptor_take(system);

        if (l == 0) {
            system->backend->give(system, cache, address);
            return false;
        }
    } else {
        l = machine_link(machine, address + cache->descriptor_offset);
    }

    struct slab *slab = slab_at(machine, l);

    memset(slab, 0, sizeof(*slab));
    slab->address = machine_link(machine, address);
    slab->cache = cache->index;
    buffers_chain(machine, cache, slab, address + colour);

    if (cache->direct) {
        slab_own_pages(system, address, cache->slab_bytes, l);
    }

    cache->nr_slabs++;
    cache->nr_buffers += cache->buffers_per_slab;
    free_push(machine, cache, l);
    return true;
}

void slab_destroy(struct slab_system *system, struct cache *cache, link32_t l)
{
    uint64_t address = machine_address(system->machine, slab_at(system->machine, l)->address);

    if (cache->direct) {
        slab_own_pages(system, address, cache->slab_bytes, 0);
    }

    if (!cache->off_slab) {
        system->backend->give(system, cache, address);
        return;
    }

    unsigned kmem_slab = (unsigned)system->kmem_slab;
    uint64_t descriptor = machine_address(system->machine, l);

    if (system->backend->descriptor_first) {
        cache_free(system, kmem_slab, descriptor, system->descriptor_size);
        system->backend->give(system, cache, address);
    } else {
        system->backend->give(system, cache, address);
        cache_free(system, kmem_slab, descriptor, system->descriptor_size);
    }
}

link32_t slab_lookup(struct slab_system *system, const struct cache *cache, uint64_t object)
{
    struct machine *machine = system->machine;

    if (cache->use_tree) {
        return slab_tree_find(machine, cache->tree_root, object);
    }

    if (cache->off_slab) {
        return machine->pages[machine_frame(machine, object)].owner;
    }

    return machine_link(machine, (object & ~(uint64_t)(PAGE_SIZE - 1)) + cache->descriptor_offset);
}

/*
 * Without slabs: each object is a run of its own.
 */

static uint64_t run_alloc(struct slab_system *system, struct cache *cache)
{
    uint64_t address = pages_take(system, cache);

    if (address != 0) {
        cache->nr_slabs++;
        cache->nr_buffers++;
        cache->nr_objects++;
    }

    return address;
}

static void run_free(struct slab_system *system, struct cache *cache, uint64_t object)
{
    cache->nr_slabs--;
    cache->nr_buffers--;
    cache->nr_objects--;
    system->backend->give(system, cache, object);
}

/*
 * Objects.
 */

/* First object of the first free slab. */
static void slab_start(struct machine *machine, struct cache *cache, link32_t l, struct slab *slab)
{
    free_pop(machine, cache);

    if (cache->buffers_per_slab > 1) {
        partial_push_back(machine, cache, l, slab);
    }

    if (cache->use_tree) {
        slab_tree_insert(machine, &cache->tree_root, l);
    }
}

/* The last object of SLAB has gone. */
static void slab_empty(struct machine *machine, struct cache *cache, link32_t l, struct slab *slab)
{
    if (cache->buffers_per_slab > 1) {
        partial_remove(machine, cache, slab);
    }

    if (cache->use_tree) {
        slab_tree_remove(machine, &cache->tree_root, l);
    }

    free_push(machine, cache, l);
}

uint64_t cache_alloc(struct slab_system *system, unsigned index, uint32_t requested)
{
    struct machine *machine = system->machine;
    struct cache *cache = &system->caches[index];
    link32_t l;

    if (system->backend->no_slabs) {
        uint64_t object = run_alloc(system, cache);

        cache->requested_live += object != 0 ? requested : 0;
        return object;
    }

    while ((l = cache->partial_head) == 0 && (l = cache->free_head) == 0) {
        if (!cache_grow(system, cache)) {
            return 0;
        }
    }

    struct slab *slab = slab_at(machine, l);
    link32_t buffer = slab->first_free;

    slab->first_free = *buffer_link(machine, cache, buffer);

    if (slab->references++ == 0) {
        slab_start(machine, cache, l, slab);
    } else if (slab->references == cache->buffers_per_slab) {
        partial_remove(machine, cache, slab);
    }

    cache->nr_objects++;
    cache->requested_live += requested;
    return machine_address(machine, buffer);
}

void cache_free(struct slab_system *system, unsigned index, uint64_t object, uint32_t requested)
{
    struct machine *machine = system->machine;
    struct cache *cache = &system->caches[index];

    cache->requested_live -= requested;

    if (system->backend->no_slabs) {
        run_free(system, cache, object);
        return;
    }

    link32_t l = slab_lookup(system, cache, object);
    struct slab *slab = slab_at(machine, l);
    link32_t buffer = machine_link(machine, object);

    *buffer_link(machine, cache, buffer) = slab->first_free;
    slab->first_free = buffer;
    cache->nr_objects--;

    if (--slab->references == 0) {
        slab_empty(machine, cache, l, slab);
    } else if (slab->references == cache->buffers_per_slab - 1) {
        partial_push_front(machine, cache, l, slab);
    }
}

void slab_fullness(const struct slab_system *system, const struct cache *cache, uint32_t *bins,
                   unsigned nr)
{
    for (link32_t l = cache->partial_head; l != 0; l = slab_at(system->machine, l)->next) {
        bins[slab_at(system->machine, l)->references * nr / cache->buffers_per_slab]++;
    }
}

/*
 * Caches.
 */

bool slab_must_be_inside(const struct slab_system *system, const struct cache *cache)
{
    return cache->object_size < SLAB_INSIDE_BELOW || (int)cache->index == system->kmem_slab;
}

void slab_layout(const struct slab_system *system, struct cache *cache, uint32_t slab_bytes)
{
    uint32_t descriptor = system->descriptor_size;
    bool inside = slab_must_be_inside(system, cache);
    uint32_t room = slab_bytes - (inside ? descriptor : 0);

    cache->slab_bytes = slab_bytes;
    cache->buffers_per_slab = room / cache->buffer_size;
    cache->colour_max = room % cache->buffer_size;

    /* What is lost anyway may hold the descriptor. */
    if (!inside && cache->colour_max >= descriptor) {
        inside = true;
        cache->colour_max -= descriptor;
    }

    cache->off_slab = !inside;
}

/* Which of the kalloc caches NAME is, -1: none. */
static int kalloc_of_name(const char *name, uint32_t object_size)
{
    if (strncmp(name, "kalloc", 6) != 0 || (name[6] != '_' && name[6] != '.')) {
        return -1;
    }

    for (int i = 0; i < KALLOC_CACHES; i++) {
        if (object_size == 32u << i) {
            return strtoul(name + 7, NULL, 10) == object_size ? i : -1;
        }
    }

    return -1;
}

static int cache_shape(struct slab_system *system, struct cache *cache, struct error *error)
{
    if (system->backend->size(system, cache, error) != 0) {
        return -1;
    }

    /* The reserve is handed out by the page, and without slabs there is nobody to keep it. */
    if (cache->slab_bytes != PAGE_SIZE || cache->off_slab || system->backend->no_slabs) {
        cache->static_reserve = false;
    }

    if (system->backend->no_slabs) {
        return 0;
    }

    if (cache->buffers_per_slab == 0 || cache->buffers_per_slab > UINT16_MAX) {
        return error_set(error, "cache \"%s\": no slab holds objects of %u bytes", cache->name,
                         cache->object_size);
    }

    cache->link_offset = cache->buffer_size - system->machine->geometry->pointer_size;
    cache->descriptor_offset = slab_round(cache->slab_bytes - system->descriptor_size, 8);
    return 0;
}

int cache_create(struct slab_system *system, const char *name, uint32_t object_size, uint32_t align,
                 struct error *error)
{
    bool is_kmem_slab = strcmp(name, "kmem_slab") == 0;
    int kalloc_cache = kalloc_of_name(name, object_size);

    if (is_kmem_slab && system->kmem_slab >= 0) {
        return system->kmem_slab;
    }

    if (kalloc_cache >= 0 && system->kalloc[kalloc_cache] >= 0) {
        return system->kalloc[kalloc_cache];
    }

    if (is_kmem_slab) {
        object_size = system->descriptor_size;
    }

    if (system->nr_caches == CACHES_MAX) {
        return error_set(error, "cache \"%s\": there are %d caches already, the most there can be",
                         name, CACHES_MAX);
    }

    if (object_size == 0 || object_size > OBJECT_SIZE_MAX) {
        return error_set(error, "cache \"%s\": objects of %u bytes, expected 1 to %u", name,
                         object_size, OBJECT_SIZE_MAX);
    }

    if ((align & (align - 1)) != 0 || align > PAGE_SIZE) {
        return error_set(error,
                         "cache \"%s\": alignment of %u bytes, expected a power of two up to %u",
                         name, align, PAGE_SIZE);
    }

    int index = (int)system->nr_caches;
    struct cache *cache = &system->caches[index];

    memset(cache, 0, sizeof(*cache));
    strncpy(cache->name, name, CACHE_NAME_MAX - 1);
    cache->index = (uint8_t)index;
    cache->object_size = object_size;
    cache->page_class = page_class_of_cache(name);
    cache->align = align < ALIGN_DEFAULT ? ALIGN_DEFAULT : align;
    cache->buffer_size = slab_round(object_size, cache->align);
    cache->static_reserve =
        strcmp(name, "vm_map_kentry") == 0 && system->reserve_next < system->reserve_end;

    if (is_kmem_slab) {
        system->kmem_slab = index;
    }

    if (cache_shape(system, cache, error) != 0) {
        system->kmem_slab = is_kmem_slab ? -1 : system->kmem_slab;
        return -1;
    }

    if (kalloc_cache >= 0) {
        system->kalloc[kalloc_cache] = index;
    }

    system->nr_caches++;
    return index;
}

int slab_open(struct slab_system *system, const struct slab_backend *backend,
              struct machine *machine, struct pages *pages, struct kmem *kmem, struct map *map,
              struct error *error)
{
    memset(system, 0, sizeof(*system));
    system->backend = backend;
    system->machine = machine;
    system->pages = pages;
    system->kmem = kmem;
    system->map = map;
    system->descriptor_size = machine->geometry->slab_descriptor[backend->descriptor];
    system->kmem_slab = -1;

    for (int i = 0; i < KALLOC_CACHES; i++) {
        system->kalloc[i] = -1;
    }

    /* Descriptors stand at multiples of 8 bytes: rounding up must leave room for ours. */
    if ((system->descriptor_size & ~7u) < sizeof(struct slab)) {
        return error_set(error,
                         "geometry \"%s\": slab descriptors of %u bytes, expected %zu at least",
                         machine->geometry->name, system->descriptor_size, sizeof(struct slab));
    }

    return 0;
}

/* Everything is inside the structure and the machine's memory. */
void slab_close(struct slab_system *system)
{
    memset(system, 0, sizeof(*system));
}
