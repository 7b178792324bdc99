/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What start-up asks its allocators for, noted.
 *
 * A trace that was captured from power-on holds the requests of start-up as events. The image makes
 * these requests itself, by running the same start-up, so when such an event comes it must not be
 * made twice: it is taken to be the request that was made already, of its kind and size and in
 * order, and its object is what that one got. So start-up is watched. A breakpoint stands at the
 * beginning of each allocating function while it runs; when it is hit, the return address is put
 * aside for one that leads to another breakpoint, where the result is read.
 *
 * As in a trace, what a request asks for itself (the object of a kalloc, the slab descriptor of a
 * slab, the entry of a range) is its own affair and not noted.
 */

#include "allocators/image/image.h"

#include <string.h>

#define BREAKPOINT 0xcc
#define TRAP_FLAG  0x100u
#define DEPTH_MAX  32

static const struct {
    enum image_symbol_id id;
    uint8_t kind;
    bool frees;
    bool transparent; /* what it asks for counts by itself, too */
    uint8_t size;     /* number of the parameter that is the size or the cache */
    uint8_t result;   /* number of the parameter that points to the result; 9: it is returned */
} watched[] = {
    {IMAGE_CACHE_ALLOC, IMAGE_REQUEST_CACHE_ALLOC, false, false, 0, 9},
    {IMAGE_CACHE_FREE, IMAGE_REQUEST_CACHE_ALLOC, true, false, 0, 1},
    {IMAGE_KALLOC, IMAGE_REQUEST_KALLOC, false, false, 0, 9},
    {IMAGE_KFREE, IMAGE_REQUEST_KALLOC, true, false, 1, 0},
    {IMAGE_KMEM_ALLOC, IMAGE_REQUEST_MAP, false, false, 2, 1},
    {IMAGE_KMEM_ALLOC_WIRED, IMAGE_REQUEST_MAP, false, false, 2, 1},
    {IMAGE_KMEM_ALLOC_ALIGNED, IMAGE_REQUEST_MAP, false, false, 2, 1},
    {IMAGE_KMEM_ALLOC_PAGEABLE, IMAGE_REQUEST_MAP, false, false, 2, 1},
    {IMAGE_KMEM_FREE, IMAGE_REQUEST_MAP, true, false, 2, 1},
    {IMAGE_KMEM_SUBMAP, IMAGE_REQUEST_SUBMAP, false, true, 4, 2},
    {IMAGE_SPACE_CREATE, IMAGE_REQUEST_SPACE, false, false, 9, 0},
    {IMAGE_SPACE_CREATE_SPECIAL, IMAGE_REQUEST_SPACE_SPECIAL, false, false, 9, 0},
};

#define NR_WATCHED (sizeof(watched) / sizeof(watched[0]))

struct call {
    unsigned which;
    uintptr_t return_address;
    uintptr_t size, result;
    bool noted;
};

static struct {
    bool on;
    uint8_t first_byte[NR_WATCHED];
    struct call calls[DEPTH_MAX];
    unsigned depth, opaque;           /* opaque: calls whose own requests are not noted */
    uintptr_t instead_of, substitute; /* see image_substitute; 0: none */
    int stepping; /* the function whose first instruction is being executed; -1: none */
} watch;

/* Where watched functions return to: a breakpoint. */
extern const char image_landing[];
__asm__(".pushsection .text\n"
        ".globl image_landing\n"
        "image_landing: int3\n"
        "nop\n"
        ".popsection\n");

static void set_breakpoint(const struct image *image, unsigned i, bool on)
{
    *(uint8_t *)image_at(image, watched[i].id) = on ? BREAKPOINT : watch.first_byte[i];
}

void image_watch_begin(struct image *image)
{
    memset(&watch, 0, sizeof(watch));
    watch.on = true;
    watch.stepping = -1;
    for (unsigned i = 0; i < NR_WATCHED; i++) {
        watch.first_byte[i] = *(const uint8_t *)image_at(image, watched[i].id);
        set_breakpoint(image, i, true);
    }
}

void image_watch_end(struct image *image)
{
    for (unsigned i = 0; i < NR_WATCHED; i++)
        set_breakpoint(image, i, false);
    watch.on = false;
}

/* Caches whose objects the allocators take for themselves, whoever asks. */
static bool is_derived(const struct image *image, uintptr_t cache)
{
    static const char *const names[] = {"rdxtree_node", "ipc_entry", "kmem_slab", "pv_entry"};
    const char *name = (const char *)image_member(image, cache, IMAGE_M_CACHE_NAME);

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;

    return false;
}

static void note_free(struct image *image, uint8_t kind, uintptr_t address)
{
    for (unsigned i = image->nr_requests; i-- > 0;)
        if (image->requests[i].kind == kind && image->requests[i].address == address &&
            !image->requests[i].gone) {
            image->requests[i].gone = true;
            return;
        }
}

static bool enter(struct image *image, unsigned i, const struct image_trap *trap)
{
    struct call *call = &watch.calls[watch.depth];

    if (watch.depth == DEPTH_MAX)
        return false;

    *call = (struct call){.which = i, .noted = watch.opaque == 0};
    if (watched[i].size < IMAGE_ARGUMENTS)
        call->size = trap->arguments[watched[i].size];
    if (watched[i].result < IMAGE_ARGUMENTS)
        call->result = trap->arguments[watched[i].result];
    if (watched[i].kind == IMAGE_REQUEST_CACHE_ALLOC && is_derived(image, call->size))
        call->noted = false;
    if (call->noted && watched[i].frees)
        note_free(image, watched[i].kind, call->result);

    call->return_address = image_word(trap->stack);
    image_set_word(trap->stack, (uintptr_t)image_landing);
    watch.depth++;
    watch.opaque += !watched[i].transparent;
    return true;
}

static void leave(struct image *image, struct image_trap *trap)
{
    struct call *call = &watch.calls[--watch.depth];
    unsigned i = call->which;

    watch.opaque -= !watched[i].transparent;
    trap->pc = call->return_address;
    if (!call->noted || watched[i].frees || image->nr_requests == IMAGE_REQUESTS_MAX)
        return;

    struct image_request *request = &image->requests[image->nr_requests++];

    *request = (struct image_request){
        .kind = watched[i].kind,
        .size = call->size,
        .address = watched[i].result == 9 ? trap->result : image_word(call->result),
    };
    if (request->kind == IMAGE_REQUEST_MAP)
        request->size = (request->size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

void image_substitute(struct image *image, uintptr_t cache, uintptr_t object)
{
    const unsigned i = 0; /* kmem_cache_alloc() */

    if (object != 0)
        watch.first_byte[i] = *(const uint8_t *)image_at(image, watched[i].id);
    watch.instead_of = object != 0 ? cache : 0;
    watch.substitute = object;
    watch.stepping = -1;
    set_breakpoint(image, i, object != 0);
}

/* At the beginning of kmem_cache_alloc(): it returns the substitute at once when it is of the cache
 * that has one; else its first instruction is done as ever. */
static bool substitute(struct image *image, struct image_trap *trap)
{
    if (trap->pc != image_at(image, watched[0].id) + 1)
        return false;
    if (trap->arguments[0] != watch.instead_of) {
        set_breakpoint(image, 0, false);
        watch.stepping = 0;
        trap->pc -= 1;
        trap->flags |= TRAP_FLAG;
        return true;
    }

    trap->pc = image_word(trap->stack);
    trap->stack += sizeof(uintptr_t);
    trap->result = watch.substitute;
    return true;
}

bool image_watch_trap(struct image *image, struct image_trap *trap)
{
    if (watch.stepping >= 0) { /* its first instruction is done */
        set_breakpoint(image, (unsigned)watch.stepping, true);
        watch.stepping = -1;
        trap->flags &= ~(uintptr_t)TRAP_FLAG;
        return true;
    }
    if (watch.instead_of != 0)
        return substitute(image, trap);
    if (!watch.on)
        return false;
    if (trap->pc == (uintptr_t)image_landing + 1 && watch.depth > 0) {
        leave(image, trap);
        return true;
    }

    for (unsigned i = 0; i < NR_WATCHED; i++)
        if (trap->pc == image_at(image, watched[i].id) + 1) {
            if (!enter(image, i, trap))
                return false;
            set_breakpoint(image, i, false);
            watch.stepping = (int)i;
            trap->pc -= 1;
            trap->flags |= TRAP_FLAG;
            return true;
        }

    return false;
}
