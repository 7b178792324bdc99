/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The requests, made of the kernel's own functions.
 *
 * What the kernel has inline it does here as it does there, on its own structures: a name is freed
 * onto the space's list of entries when that has fewer than 64, else taken out of its tree.
 * Looking up the entry that a request is of is left out where the kernel has it at hand, that is
 * when it is the one that was looked up or made last.
 *
 * Requests of start-up are not made again: see image_watch.c. They are over when there are tasks.
 *
 * Leaving. A request that cannot have its page is left in the middle, as the sleeping thread that
 * made it would lie there for ever: what it had taken before (an entry without its name, say) stays
 * taken. A range is finished with pages lent, freed again and refused. Afterwards the flag that
 * pauses all requests is taken back as the page-out daemon takes it back, when all segments are at
 * their high thresholds. What else leaves the kernel's code ends the run: a lock may be held, a
 * list half linked.
 */

#include <stdlib.h>
#include <string.h>

#include "allocators/image/image_call.h"
#include "allocators/image/image_stack.h"

#define FREE_ENTRIES_MAX 64  /* names that a space keeps for reuse */
#define REAP_TICKS       500 /* between two runs of slab reclaim */
#define PAGE_TYPE_KERNEL 3
#define CTOR_NONE        0
#define DEVICE_SUBMAP    (16u << 20)
#define SLAB_SUBMAP      (96u << 20)
#define TICKS_MAX        UINT32_MAX

/* ---- Entering and leaving ---- */

static void end(struct image_stack *is)
{
    is->options.ended(is->options.context);
}

/* Takes back the flag that pauses all requests, when the page-out daemon would. */
static __attribute__((noinline)) void resume(const struct image *image)
{
    for (unsigned i = 0; i < image_nr_segments(image); i++) {
        uintptr_t segment = image_segment(image, i);

        if (image_get(image, segment, IMAGE_M_SEGMENT_FREE) <
            image_get(image, segment, IMAGE_M_SEGMENT_HIGH))
            return;
    }

    *(uint32_t *)image_at(image, IMAGE_PAGE_PAUSED) = 0;
}

static void add_privilege(const struct image *image, int change)
{
    uintptr_t thread = image_thread(image);

    image_set(image, thread, IMAGE_M_THREAD_PRIVILEGE,
              image_get(image, thread, IMAGE_M_THREAD_PRIVILEGE) + (uint64_t)(int64_t)change);
}

static __attribute__((noinline)) void state_request(struct image_stack *is)
{
    const struct image *image = is->image;

    if (is->stack.now != is->ticks) {
        is->ticks = is->stack.now;
        image_set_word(image_at(image, IMAGE_ELAPSED_TICKS), (uintptr_t)(is->ticks & TICKS_MAX));
    }
    if (is->privileged != is->stack.privileged) {
        is->privileged = is->stack.privileged;
        add_privilege(image, is->privileged ? 1 : -1);
    }
}

static inline void begin(struct image_stack *is)
{
    if (__builtin_expect(is->stack.now != is->ticks || is->privileged != is->stack.privileged, 0))
        state_request(is);
    if (__builtin_expect(*(const uint32_t *)image_at(is->image, IMAGE_PAGE_PAUSED) != 0, 0))
        resume(is->image);
}

/* After the kernel was left. Returns when it can be entered again. */
static __attribute__((noinline, cold)) void left(struct image_stack *is, uint64_t bytes)
{
    if (is->image->left != IMAGE_NO_PAGES)
        end(is);

    is->image->left = IMAGE_RETURNED;
    is->image->short_of_pages = false;
    image_refused_pages(is, bytes, &is->stack.failure);
}

/* The privilege that was lent goes back. */
static __attribute__((noinline, cold)) void give_back(struct image_stack *is)
{
    struct image *image = is->image;

    image->short_of_pages = false;
    if (!image->lending)
        return;

    image->lending = false;
    add_privilege(image, -1);
}

/* ---- Requests that start-up made ---- */

static bool is_same(const struct image_request *request, enum image_request_kind kind,
                    uint64_t size)
{
    return request->kind == kind && !request->adopted &&
           (request->size == size || kind == IMAGE_REQUEST_SPACE ||
            kind == IMAGE_REQUEST_SPACE_SPECIAL);
}

static uint64_t adopt(struct image_stack *is, enum image_request_kind kind, uint64_t size)
{
    struct image *image = is->image;

    if (!is->stack.privileged)
        return 0;

    for (unsigned i = 0; i < image->nr_requests; i++)
        if (is_same(&image->requests[i], kind, size)) {
            image->requests[i].adopted = true;
            return image->requests[i].address;
        }

    return 0;
}

/* Whether start-up freed ADDRESS, which it had taken, itself. */
static bool is_gone(const struct image_stack *is, enum image_request_kind kind, uint64_t address)
{
    const struct image *image = is->image;

    for (unsigned i = 0; i < image->nr_requests; i++)
        if (image->requests[i].kind == kind && image->requests[i].address == address)
            return image->requests[i].gone && is->stack.privileged;

    return false;
}

/* ---- Start-up ---- */

/* Most became free in the image's own start-up. Of the others only those may that were taken for
 * the trace's sake: the kernel, its page tables and the descriptors of pages lie elsewhere than in
 * the captured machine. */
static void image_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    struct image_stack *is = image_stack(stack);
    uint32_t top = (uint32_t)(is->image->top >> PAGE_SHIFT);

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t at = descending ? frame - i : frame + i;

        if (at >= top || at < top - is->image->taken_top || image_frame_managed(is->image, at))
            continue;
        image_call1(is->image, IMAGE_PAGE_MANAGE, image_page(is->image, at));
        is->managed++;
    }
}

static bool image_cache_create(struct stack *stack, uint32_t cache, const char *name, uint32_t size,
                               uint32_t align, uint32_t flags)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t at = image_cache_find(is->image, name);

    (void)flags;
    if (cache >= IMAGE_CACHES_MAX)
        return false;

    begin(is);
    if (at == 0) {
        if (is->nr_made == is->max_made)
            return false;
        if (!IMAGE_ENTER(is->image)) {
            left(is, 0);
            return false;
        }
        at = (uintptr_t)is->made +
             (uintptr_t)is->nr_made++ * is->image->plan->members[IMAGE_M_CACHE].size;
        image_call6(is->image, IMAGE_CACHE_INIT, at, (uintptr_t)name, size, align, CTOR_NONE, 0);
    }

    if (image_get(is->image, at, IMAGE_M_CACHE_OBJECT_SIZE) < size)
        is->smaller = true;
    is->caches[cache] = at;
    return true;
}

/* ---- Objects ---- */

static uint64_t image_cache_alloc(struct stack *stack, uint32_t cache)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t at = is->caches[cache];
    uint64_t object;

    begin(is);
    if (__builtin_expect(is->stack.privileged, 0)) {
        object = adopt(is, IMAGE_REQUEST_CACHE_ALLOC, at);
        if (object != 0)
            return object;
    }
    if (!IMAGE_ENTER(is->image)) {
        left(is, image_get(is->image, is->caches[cache], IMAGE_M_CACHE_SLAB_SIZE));
        return 0;
    }

    object = image_call1(is->image, IMAGE_CACHE_ALLOC, at);
    if (__builtin_expect(is->image->short_of_pages, 0)) {
        give_back(is);
        if (object != 0)
            image_call2(is->image, IMAGE_CACHE_FREE, at, (uintptr_t)object);
        object = 0;
        image_refused_pages(is, image_get(is->image, at, IMAGE_M_CACHE_SLAB_SIZE),
                            &is->stack.failure);
    } else if (__builtin_expect(object == 0, 0)) {
        image_refused_map(is, MAP_KERNEL, image_get(is->image, at, IMAGE_M_CACHE_SLAB_SIZE),
                          &is->stack.failure);
    }
    return object;
}

static void image_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    struct image_stack *is = image_stack(stack);

    begin(is);
    if (__builtin_expect(is->stack.privileged, 0) && is_gone(is, IMAGE_REQUEST_CACHE_ALLOC, object))
        return;
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    image_call2(is->image, IMAGE_CACHE_FREE, is->caches[cache], (uintptr_t)object);
}

static void count_kalloc(struct image_stack *is, uint64_t size, bool freed)
{
    unsigned i = size <= (1u << IMAGE_KALLOC_SHIFT)
                     ? 0
                     : 64 - (unsigned)__builtin_clzll(size - 1) - IMAGE_KALLOC_SHIFT;

    if (i < IMAGE_KALLOC_SIZES)
        is->kalloc_requested[i] += freed ? -size : size;
}

static uint64_t image_kalloc(struct stack *stack, uint64_t size)
{
    struct image_stack *is = image_stack(stack);
    uint64_t object;

    begin(is);
    if (__builtin_expect(is->stack.privileged, 0)) {
        object = adopt(is, IMAGE_REQUEST_KALLOC, size);
        if (object != 0) {
            count_kalloc(is, size, false);
            return object;
        }
    }
    if (!IMAGE_ENTER(is->image)) {
        left(is, size);
        return 0;
    }

    object = image_call1(is->image, IMAGE_KALLOC, (uintptr_t)size);
    if (__builtin_expect(is->image->short_of_pages, 0)) {
        give_back(is);
        if (object != 0)
            image_call2(is->image, IMAGE_KFREE, (uintptr_t)object, (uintptr_t)size);
        image_refused_pages(is, size, &is->stack.failure);
        return 0;
    }
    if (__builtin_expect(object == 0, 0)) {
        if (size != 0)
            image_refused_map(is, MAP_KERNEL, size, &is->stack.failure);
        return 0;
    }

    count_kalloc(is, size, false);
    return object;
}

static void image_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    struct image_stack *is = image_stack(stack);

    begin(is);
    count_kalloc(is, size, true);
    if (__builtin_expect(is->stack.privileged, 0) && is_gone(is, IMAGE_REQUEST_KALLOC, object))
        return;
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    image_call2(is->image, IMAGE_KFREE, (uintptr_t)object, (uintptr_t)size);
}

/* ---- Pages ---- */

static uint64_t image_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                 enum page_class class, bool contiguous)
{
    struct image_stack *is = image_stack(stack);
    uint64_t bytes = (uint64_t)nr << PAGE_SHIFT;
    uintptr_t page;

    (void)class;
    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, (uint64_t)nr << PAGE_SHIFT);
        return 0;
    }

    page = nr == 1 && !contiguous
               ? image_call3(is->image, IMAGE_PAGE_ALLOC, 0, highest, PAGE_TYPE_KERNEL)
               : image_call2(is->image, IMAGE_GRAB_CONTIG, (uintptr_t)bytes, highest);
    if (__builtin_expect(page == 0, 0)) {
        image_refused_pages(is, bytes, &is->stack.failure);
        return 0;
    }

    is->page_requested += bytes;
    return image_get(is->image, page, IMAGE_M_PAGE_ADDRESS);
}

static void image_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t page = image_page(is->image, (uint32_t)(address >> PAGE_SHIFT));

    begin(is);
    is->page_requested -= (uint64_t)nr << PAGE_SHIFT;
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    if (nr == 1 && !contiguous)
        image_call2(is->image, IMAGE_PAGE_FREE, page, 0);
    else
        image_call2(is->image, IMAGE_FREE_CONTIG, page, (uintptr_t)nr << PAGE_SHIFT);
}

/* ---- Maps ---- */

/* A map for a submap that the kernel has no variable of. */
static uintptr_t new_map(struct image_stack *is)
{
    if (is->nr_made_maps == MADE_MAPS_MAX)
        return 0;
    return (uintptr_t)is->made_maps +
           (uintptr_t)is->nr_made_maps++ * is->image->plan->members[IMAGE_M_MAP].size;
}

static uint64_t submap_alloc(struct image_stack *is, uint64_t bytes)
{
    struct image *image = is->image;
    uintptr_t kernel_map = image_map(is, MAP_KERNEL), map, start = 0, last = 0;
    uint64_t adopted = adopt(is, IMAGE_REQUEST_SUBMAP, bytes);

    if (adopted != 0)
        return adopted;
    /* The slab submap of old kernels belongs to them, not to the trace. */
    if (bytes == SLAB_SUBMAP)
        return image_get(image, kernel_map, IMAGE_M_MAP_START);

    map = image_map(is, MAP_DEVICE);
    if (bytes != DEVICE_SUBMAP || image_get(image, map, IMAGE_M_MAP_END) != 0)
        map = new_map(is);
    if (map == 0 || is->nr_submaps == MADE_MAPS_MAX) {
        is->stack.failure = (struct failure){.cause = FAILURE_LIMIT, .resource = "maps"};
        return 0;
    }
    if (!IMAGE_ENTER(image)) {
        left(is, PAGE_SIZE);
        return 0;
    }
    /* The object of its entry is a request of its own in a trace: here it is other memory. */
    image_substitute(image, is->cache_map_entry, (uintptr_t)is->submap_entries[is->nr_submaps]);
    image_call5(image, IMAGE_KMEM_SUBMAP, map, kernel_map, (uintptr_t)&start, (uintptr_t)&last,
                (uintptr_t)bytes);
    image_substitute(image, is->cache_map_entry, 0);
    is->nr_submaps++;
    is->fixed_bytes += bytes;
    return start;
}

static enum image_symbol_id map_function(enum kmem_kind kind)
{
    switch (kind) {
    case KMEM_ALIGNED:
        return IMAGE_KMEM_ALLOC_ALIGNED;
    case KMEM_OBJECT:
        return IMAGE_KMEM_ALLOC;
    case KMEM_PAGEABLE:
        return IMAGE_KMEM_ALLOC_PAGEABLE;
    default:
        return IMAGE_KMEM_ALLOC_WIRED;
    }
}

static uint64_t image_map_alloc(struct stack *stack, enum map_number number, uint64_t bytes,
                                enum kmem_kind kind)
{
    struct image_stack *is = image_stack(stack);
    struct image *image = is->image;
    uintptr_t address = 0, map = image_map(is, number), status;
    uint64_t whole = (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

    begin(is);
    if (kind == KMEM_SUBMAP)
        return submap_alloc(is, bytes);
    if (is->stack.privileged) {
        uint64_t adopted = adopt(is, IMAGE_REQUEST_MAP, whole);

        if (adopted != 0) {
            is->map_requested += whole;
            return adopted;
        }
    }
    if (image_get(image, map, IMAGE_M_MAP_END) == 0) /* the submap is not made yet */
        map = image_map(is, MAP_KERNEL);
    if (!IMAGE_ENTER(image)) {
        left(is, bytes);
        return 0;
    }

    status = image_call3(image, map_function(kind), map, (uintptr_t)&address, (uintptr_t)bytes);
    if (__builtin_expect(image->short_of_pages, 0)) {
        give_back(is);
        if (status == 0)
            image_call3(image, IMAGE_KMEM_FREE, map, address, (uintptr_t)bytes);
        image_refused_pages(is, bytes, &is->stack.failure);
        return 0;
    }
    if (status != 0) {
        image_refused_map(is, number, bytes, &is->stack.failure);
        return 0;
    }

    is->map_requested += whole;
    return address;
}

static bool image_map_free(struct stack *stack, enum map_number number, uint64_t address,
                           uint64_t bytes)
{
    struct image_stack *is = image_stack(stack);
    struct image *image = is->image;
    uintptr_t map = image_map(is, number);

    begin(is);
    if (is->stack.privileged && is_gone(is, IMAGE_REQUEST_MAP, address))
        return true;
    if (address < image_get(image, map, IMAGE_M_MAP_START) ||
        address >= image_get(image, map, IMAGE_M_MAP_END))
        map = image_map(is, MAP_KERNEL);
    is->map_requested -= (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    if (!IMAGE_ENTER(image)) {
        left(is, 0);
        return false;
    }
    image_call3(image, IMAGE_KMEM_FREE, map, (uintptr_t)address, (uintptr_t)bytes);
    return true;
}

/* ---- Spaces ---- */

static bool image_space_create(struct stack *stack, uint32_t number, bool special)
{
    struct image_stack *is = image_stack(stack);
    struct image *image = is->image;
    uintptr_t space = 0, status;

    begin(is);
    if (is->stack.privileged)
        space =
            (uintptr_t)adopt(is, special ? IMAGE_REQUEST_SPACE_SPECIAL : IMAGE_REQUEST_SPACE, 0);
    if (space == 0) {
        if (!IMAGE_ENTER(image)) {
            left(is, PAGE_SIZE);
            return false;
        }
        status = image_call1(image, special ? IMAGE_SPACE_CREATE_SPECIAL : IMAGE_SPACE_CREATE,
                             (uintptr_t)&space);
        if (status != 0) {
            image_refused_pages(is, PAGE_SIZE, &is->stack.failure);
            return false;
        }
    }

    is->spaces[number] = (struct image_space){.space = space, .active = true};
    return true;
}

static void forget(struct image_stack *is, uintptr_t space)
{
    if (is->last.space == space)
        is->last.space = 0;
}

static void image_space_destroy(struct stack *stack, uint32_t number)
{
    struct image_stack *is = image_stack(stack);
    struct image_space *space = &is->spaces[number];

    begin(is);
    forget(is, space->space);
    space->active = false;
    space->reverse = 0;
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    if (image_get(is->image, space->space, IMAGE_M_SPACE_ACTIVE) != 0)
        image_call1(is->image, IMAGE_SPACE_DESTROY, space->space);
}

static void image_space_release(struct stack *stack, uint32_t number)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t space = is->spaces[number].space;

    begin(is);
    is->spaces[number] = (struct image_space){0};
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    image_call1(is->image, IMAGE_SPACE_RELEASE, space);
}

static void remember(struct image_stack *is, uintptr_t space, uint32_t name, uintptr_t entry)
{
    is->last.space = space;
    is->last.name = name;
    is->last.entry = entry;
}

static uint32_t image_name_alloc(struct stack *stack, uint32_t number, uint32_t right)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t space = is->spaces[number].space, entry = 0, status;
    uint32_t name = 0;

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, PAGE_SIZE);
        return NAME_NONE;
    }

    status = image_call3(is->image, IMAGE_ENTRY_ALLOC, space, (uintptr_t)&name, (uintptr_t)&entry);
    if (__builtin_expect(status != 0 || is->image->short_of_pages, 0)) {
        give_back(is);
        image_refused_pages(is, PAGE_SIZE, &is->stack.failure);
        return NAME_NONE;
    }

    image_set_word(image_member(is->image, entry, IMAGE_M_ENTRY_OBJECT), (uintptr_t)right + 1);
    remember(is, space, name, entry);
    return name;
}

static bool image_name_alloc_at(struct stack *stack, uint32_t number, uint32_t right, uint32_t name)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t space = is->spaces[number].space, entry = 0, status;

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, PAGE_SIZE);
        return false;
    }

    status = image_call3(is->image, IMAGE_ENTRY_ALLOC_NAME, space, name, (uintptr_t)&entry);
    if (__builtin_expect(status != 0 || is->image->short_of_pages, 0)) {
        give_back(is);
        image_refused_pages(is, PAGE_SIZE, &is->stack.failure);
        return false;
    }

    image_set_word(image_member(is->image, entry, IMAGE_M_ENTRY_OBJECT), (uintptr_t)right + 1);
    remember(is, space, name, entry);
    return true;
}

static uintptr_t look_up(struct image_stack *is, uintptr_t tree, uint64_t key)
{
    return image_call_key(is->image, IMAGE_TREE_LOOKUP, tree, key, 0, 0);
}

static uintptr_t names_of(const struct image_stack *is, uintptr_t space)
{
    return image_member(is->image, space, IMAGE_M_SPACE_NAMES);
}

static uintptr_t reverse_of(const struct image_stack *is, uintptr_t space)
{
    return image_member(is->image, space, IMAGE_M_SPACE_REVERSE);
}

/* The entry of NAME: at hand, or looked up. 0: there is none. */
static uintptr_t entry_of(struct image_stack *is, uintptr_t space, uint32_t name)
{
    if (is->last.space == space && is->last.name == name)
        return is->last.entry;
    return look_up(is, names_of(is, space), name);
}

static void image_name_free(struct stack *stack, uint32_t number, uint32_t name)
{
    struct image_stack *is = image_stack(stack);
    const struct image *image = is->image;
    uintptr_t space = is->spaces[number].space, entry;

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }

    entry = entry_of(is, space, name);
    forget(is, space);
    if (entry == 0)
        return;

    uint32_t *kept = (uint32_t *)image_member(image, space, IMAGE_M_SPACE_FREE_SIZE);
    uintptr_t list = image_member(image, space, IMAGE_M_SPACE_FREE_LIST);

    image_set_word(image_member(image, entry, IMAGE_M_ENTRY_OBJECT), 0);
    if (*kept < FREE_ENTRIES_MAX) {
        ++*kept;
        *(uint32_t *)image_member(image, entry, IMAGE_M_ENTRY_BITS) = 0;
        image_set_word(image_member(image, entry, IMAGE_M_ENTRY_NEXT), image_word(list));
        image_set_word(list, entry);
    } else {
        image_call_key(image, IMAGE_TREE_REMOVE, names_of(is, space), name, 0, 0);
        image_call2(image, IMAGE_CACHE_FREE, image_at(image, IMAGE_ENTRY_CACHE), entry);
    }
    --*(uint32_t *)image_member(image, space, IMAGE_M_SPACE_SIZE);
}

static uint32_t right_of(const struct image_stack *is, uintptr_t entry)
{
    uintptr_t object =
        entry != 0 ? image_word(image_member(is->image, entry, IMAGE_M_ENTRY_OBJECT)) : 0;

    return object != 0 ? (uint32_t)object - 1 : RIGHT_NONE;
}

static uint32_t image_name_lookup(struct stack *stack, uint32_t number, uint32_t name)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t space = is->spaces[number].space;

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return RIGHT_NONE;
    }

    uintptr_t entry = look_up(is, names_of(is, space), name);

    remember(is, space, name, entry);
    return right_of(is, entry);
}

static uint64_t reverse_key(const struct image_stack *is, uint64_t address)
{
    return (address - is->image->plan->base) >> 3;
}

static bool image_reverse_insert(struct stack *stack, uint32_t number, uint32_t name,
                                 uint64_t address)
{
    struct image_stack *is = image_stack(stack);
    uintptr_t space = is->spaces[number].space, status;

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, PAGE_SIZE);
        return false;
    }

    status = image_call_key(is->image, IMAGE_TREE_INSERT, reverse_of(is, space),
                            reverse_key(is, address), entry_of(is, space, name), 0);
    if (__builtin_expect((uint32_t)status != 0 || is->image->short_of_pages, 0)) {
        give_back(is);
        image_refused_pages(is, PAGE_SIZE, &is->stack.failure);
        return false;
    }

    is->spaces[number].reverse++;
    return true;
}

static void image_reverse_remove(struct stack *stack, uint32_t number, uint64_t address)
{
    struct image_stack *is = image_stack(stack);

    begin(is);
    is->spaces[number].reverse--;
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return;
    }
    image_call_key(is->image, IMAGE_TREE_REMOVE, reverse_of(is, is->spaces[number].space),
                   reverse_key(is, address), 0, 0);
}

static uint32_t image_reverse_lookup(struct stack *stack, uint32_t number, uint64_t address)
{
    struct image_stack *is = image_stack(stack);

    begin(is);
    if (!IMAGE_ENTER(is->image)) {
        left(is, 0);
        return RIGHT_NONE;
    }
    return right_of(
        is, look_up(is, reverse_of(is, is->spaces[number].space), reverse_key(is, address)));
}

/* The trace says that reclaim ran, so here it runs too, whatever the clock says. */
static void image_reap(struct stack *stack)
{
    struct image_stack *is = image_stack(stack);
    struct image *image = is->image;
    uintptr_t clock = image_at(image, IMAGE_ELAPSED_TICKS);

    begin(is);
    if (!IMAGE_ENTER(image)) {
        left(is, 0);
        return;
    }
    if (image_has(image, IMAGE_GC_LAST_TICK))
        image_set_word(clock, image_word(image_at(image, IMAGE_GC_LAST_TICK)) + REAP_TICKS + 1);
    image_call0(image, IMAGE_COLLECT);
    image_set_word(clock, (uintptr_t)(is->ticks & TICKS_MAX));
    if (image_has(image, IMAGE_GC_LAST_TICK))
        image_set_word(image_at(image, IMAGE_GC_LAST_TICK), (uintptr_t)(is->ticks & TICKS_MAX));
}

/* ---- Looking ---- */

static void stack_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    image_snapshot(image_stack(stack), snapshot, deep);
}

static void stack_occupancy(struct stack *stack, enum occupancy_of which,
                            struct occupancy_picture *picture)
{
    image_occupancy(image_stack(stack), which, picture);
}

static void stack_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    image_space_state(image_stack(stack), space, state);
}

static int stack_check(struct stack *stack, struct error *error)
{
    return image_check(image_stack(stack), error);
}

/* Memory is where the kernel says. What start-up took for itself is in use by the kernel. */
static void *stack_content(struct stack *stack, uint64_t address, bool physical)
{
    const struct image_stack *is = image_stack(stack);
    const struct image *image = is->image;
    uint64_t at = physical ? address + image->plan->base : address;

    for (unsigned i = 0; i < image->nr_requests; i++)
        if (image->requests[i].adopted && image->requests[i].address == at)
            return NULL;
    if (is->smaller) /* objects are not as long as the trace has it */
        return NULL;
    if (at >= image->direct_end && (physical || at >= image->virtual_end))
        return NULL;
    return (void *)(uintptr_t)at;
}

/* ---- Opening ---- */

static void stack_close(struct stack *stack)
{
    struct image_stack *is = image_stack(stack);

    free(is->made);
    free(is->made_maps);
    free(is->spaces);
    free(is);
}

/* Frames that the captured start-up had taken beyond what the image takes by itself: a boot
 * loader's modules behind the kernel, their copies at the top. */
static int match_start(struct image *image, const struct stack_config *config, struct error *error)
{
    uint32_t start, end, first = config->boot_first;

    if (config->boot_frames == 0)
        return 0;
    if (image_try_boot(image, &start, &end, error) != 0)
        return -1;

    uint32_t last = first + config->boot_frames, taken = (first - start) + (end - last);

    /* Only of a start-up like this one: others have their kernel and their tables elsewhere. */
    if (first >= start && first < last && last <= end && taken < (end - start) / 2)
        image_take_frames(image, first - start, end - last);
    return 0;
}

static int open_memory(struct image_stack *is, const struct stack_config *config,
                       struct error *error)
{
    const struct image_plan *plan = is->image->plan;

    is->max_spaces = config->max_spaces != 0 ? config->max_spaces : 1;
    is->spaces = calloc((size_t)is->max_spaces + 1, sizeof(is->spaces[0]));
    is->max_made = IMAGE_CACHES_MAX;
    is->made = calloc(is->max_made, plan->members[IMAGE_M_CACHE].size);
    is->made_maps = calloc(MADE_MAPS_MAX, plan->members[IMAGE_M_MAP].size);
    if (is->spaces == NULL || is->made == NULL || is->made_maps == NULL)
        return error_set(error, "no memory for %u spaces", is->max_spaces);

    return 0;
}

/* After start-up. */
static void find_parts(struct image_stack *is)
{
    static const char *const names[IMAGE_KALLOC_SIZES] = {
        "kalloc_32",    "kalloc_64",    "kalloc_128",    "kalloc_256",  "kalloc_512",
        "kalloc_1024",  "kalloc_2048",  "kalloc_4096",   "kalloc_8192", "kalloc_16384",
        "kalloc_32768", "kalloc_65536", "kalloc_131072",
    };
    struct image *image = is->image;
    uint64_t kernel_start = image_get(image, image_map(is, MAP_KERNEL), IMAGE_M_MAP_START);

    for (unsigned i = 0; i < IMAGE_KALLOC_SIZES; i++)
        is->kalloc_caches[i] = image_cache_find(image, names[i]);
    is->cache_map_entry = image_cache_find(image, "vm_map_entry");
    is->cache_space = image_cache_find(image, "ipc_space");
    is->cache_entry = image_cache_find(image, "ipc_entry");
    is->cache_node = image_cache_find(image, "rdxtree_node");

    is->managed = image_count_managed(image);
    is->fixed_bytes = image->virtual_start - kernel_start;
    for (unsigned i = 0; i < image->nr_requests; i++)
        if (image->requests[i].kind == IMAGE_REQUEST_SUBMAP)
            is->fixed_bytes += image->requests[i].size;
}

/* What start-up made must be whole, and be what the rest of this file relies on. */
static int check_parts(const struct image_stack *is, struct error *error)
{
    const struct {
        const char *name;
        uintptr_t cache;
    } caches[] = {
        {"vm_map_entry", is->cache_map_entry},
        {"ipc_space", is->cache_space},
        {"ipc_entry", is->cache_entry},
        {"rdxtree_node", is->cache_node},
    };

    for (unsigned i = 0; i < sizeof(caches) / sizeof(caches[0]); i++)
        if (caches[i].cache == 0)
            return error_set(error, "%s started without a cache called %s",
                             is->image->plan->version, caches[i].name);
    if (image_check(is, error) != 0)
        return error_prefix(error, "%s, as it started: ", is->image->plan->version);
    return 0;
}

struct stack *image_stack_open(const struct stack_ops *ops, const struct stack_config *config,
                               const struct image_stack_options *options, struct error *error)
{
    struct image_stack *is = calloc(1, sizeof(*is));

    if (is == NULL) {
        error_set(error, "no memory for the stack");
        return NULL;
    }

    is->stack.ops = ops;
    is->options = *options;
    is->image = options->image;
    if (open_memory(is, config, error) != 0 || match_start(is->image, config, error) != 0 ||
        image_boot(is->image, error) != 0) {
        stack_close(&is->stack);
        return NULL;
    }

    find_parts(is);
    if (check_parts(is, error) != 0) {
        stack_close(&is->stack);
        return NULL;
    }
    is->image->out_is_set = true;
    return &is->stack;
}

const struct stack_ops image_stack_ops = {
    .abi = STACK_ABI,
    .name = "gnumach",
    .summary = "the machine code of a GNU Mach kernel",
    .space = "radix",
    .backend = "hybrid",
    .pages = "buddy-segments",
    .map = "gap-tree",
    .close = stack_close,
    .boot_pages = image_boot_pages,
    .cache_create = image_cache_create,
    .cache_alloc = image_cache_alloc,
    .cache_free = image_cache_free,
    .kalloc = image_kalloc,
    .kfree = image_kfree,
    .page_alloc = image_page_alloc,
    .page_free = image_page_free,
    .map_alloc = image_map_alloc,
    .map_free = image_map_free,
    .space_create = image_space_create,
    .space_destroy = image_space_destroy,
    .space_release = image_space_release,
    .name_alloc = image_name_alloc,
    .name_alloc_at = image_name_alloc_at,
    .name_free = image_name_free,
    .name_lookup = image_name_lookup,
    .reverse_insert = image_reverse_insert,
    .reverse_remove = image_reverse_remove,
    .reverse_lookup = image_reverse_lookup,
    .reap = image_reap,
    .snapshot = stack_snapshot,
    .occupancy = stack_occupancy,
    .space_state = stack_space_state,
    .check = stack_check,
    .content = stack_content,
};
