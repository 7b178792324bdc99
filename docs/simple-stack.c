/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A stack of one's own: pages from one list, small objects cut from them by powers of two.
 *
 * The idea is that of the BSD kernels of 1988: a list of free blocks for each power of two, and a
 * page is cut up when a list is empty. It did not run in this form anywhere. What it does worse
 * than its rivals: up to half of an object is waste, a page that was cut up stays so for ever, and
 * two free pages side by side are never found again.
 *
 * docs/allocators-own.md explains how to build and replay it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "allocators/stack.h"

#define UNIT 16u        /* the smallest object, and what a link counts */
#define PAGE PAGE_SHIFT /* the list of free pages; those below it hold blocks of 2^n bytes */

struct simple {
    struct stack stack; /* first: it is all that the engine knows */
    uint64_t kernel_base, memory;
    uint64_t end;                /* physical memory below it was handed out at some time */
    uint64_t bare;               /* the next address without memory behind it */
    uint64_t free_pages;         /* on their list */
    uint32_t lists[PAGE + 1];    /* first free block, in units of physical memory; 0: none */
    uint32_t *next;              /* the one after each block */
    uint32_t sizes[CACHES_MAX];  /* of the objects of each cache, */
    uint32_t blocks[CACHES_MAX]; /* and with their alignment */
    uint64_t requested;          /* bytes asked for by live objects */
    struct held held, peak;
};

static struct simple *simple(struct stack *stack)
{
    return (struct simple *)stack;
}

static struct stack *simple_open(const struct stack_ops *ops, const struct stack_config *config,
                                 struct error *error)
{
    struct simple *s = calloc(1, sizeof(*s));
    uint32_t *next = calloc(config->memory / UNIT, sizeof(*next));

    if (s == NULL || next == NULL) {
        snprintf(error->text, sizeof(error->text), "no memory for the stack");
        free(s);
        free(next);
        return NULL;
    }

    s->stack.ops = ops;
    s->kernel_base = config->geometry->kernel_base;
    s->memory = config->memory;
    s->end = PAGE_SIZE; /* frame 0 is never handed out: address 0 means refused */
    s->bare = s->kernel_base + s->memory;
    s->next = next;
    return &s->stack;
}

static void simple_close(struct stack *stack)
{
    free(simple(stack)->next);
    free(stack);
}

static void simple_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    (void)stack, (void)frame, (void)nr, (void)descending; /* all memory is free */
}

/* ---- Memory, by its physical address ---- */

static void push(struct simple *s, unsigned list, uint64_t address)
{
    s->next[address / UNIT] = s->lists[list];
    s->lists[list] = (uint32_t)(address / UNIT);
}

static uint64_t pop(struct simple *s, unsigned list)
{
    uint64_t address = (uint64_t)s->lists[list] * UNIT;

    s->lists[list] = s->next[address / UNIT];
    return address;
}

static uint64_t refuse(struct simple *s, uint64_t bytes)
{
    uint64_t rest = s->memory - s->end, free = rest + s->free_pages * PAGE_SIZE;

    s->stack.failure = (struct failure){
        .cause = free < bytes ? FAILURE_EXHAUSTION : FAILURE_FRAGMENTATION,
        .resource = "memory",
        .requested = bytes,
        .free = free,
        .largest = rest == 0 && free != 0 ? PAGE_SIZE : rest,
        .pieces = s->free_pages + (rest != 0),
    };
    return 0;
}

/* One page from the list; more, or when it is empty, from the end. */
static uint64_t take_pages(struct simple *s, uint64_t nr)
{
    uint64_t address = s->end, bytes = nr * PAGE_SIZE;

    if (nr == 1 && s->lists[PAGE] != 0) {
        address = pop(s, PAGE);
        s->free_pages--;
    } else if (bytes <= s->memory - s->end) {
        s->end += bytes;
    } else {
        return refuse(s, bytes);
    }

    s->held.page_bytes += bytes;
    if (s->held.page_bytes > s->peak.page_bytes)
        s->peak.page_bytes = s->held.page_bytes;
    return address;
}

static void give_pages(struct simple *s, uint64_t address, uint64_t nr)
{
    s->held.page_bytes -= nr * PAGE_SIZE;
    s->free_pages += nr;
    for (uint64_t i = 0; i < nr; i++)
        push(s, PAGE, address + i * PAGE_SIZE);
}

/* The list for blocks of BYTES; PAGE when they are pages. */
static unsigned list_for(uint64_t bytes)
{
    unsigned list = 4;

    while (list < PAGE && (uint64_t)1 << list < bytes)
        list++;
    return list;
}

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static uint64_t take_object(struct simple *s, uint64_t size, uint64_t block)
{
    unsigned list = list_for(block);
    bool page = list == PAGE || s->lists[list] == 0;
    uint64_t nr = list == PAGE ? pages(block) : 1;
    uint64_t address = page ? take_pages(s, nr) : pop(s, list);

    if (address == 0)
        return 0;

    if (page)
        s->held.slab_bytes += nr * PAGE_SIZE;
    if (page && list != PAGE)
        for (uint64_t at = PAGE_SIZE - (1u << list); at != 0; at -= 1u << list)
            push(s, list, address + at);
    if (s->held.slab_bytes > s->peak.slab_bytes)
        s->peak.slab_bytes = s->held.slab_bytes;

    s->requested += size;
    return s->kernel_base + address;
}

static void give_object(struct simple *s, uint64_t object, uint64_t size, uint64_t block)
{
    uint64_t address = object - s->kernel_base;
    unsigned list = list_for(block);

    s->requested -= size;
    if (list != PAGE) {
        push(s, list, address); /* its page stays with this list for ever */
        return;
    }

    s->held.slab_bytes -= pages(block) * PAGE_SIZE;
    give_pages(s, address, pages(block));
}

/* ---- Objects ---- */

static bool simple_cache_create(struct stack *stack, uint32_t cache, const char *name,
                                uint32_t size, uint32_t align, uint32_t flags)
{
    (void)name, (void)flags;
    if (cache >= CACHES_MAX || align > PAGE_SIZE)
        return false;

    simple(stack)->sizes[cache] = size;
    simple(stack)->blocks[cache] = size > align ? size : align;
    return true;
}

static uint64_t simple_cache_alloc(struct stack *stack, uint32_t cache)
{
    return take_object(simple(stack), simple(stack)->sizes[cache], simple(stack)->blocks[cache]);
}

static void simple_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    give_object(simple(stack), object, simple(stack)->sizes[cache], simple(stack)->blocks[cache]);
}

static uint64_t simple_kalloc(struct stack *stack, uint64_t size)
{
    return size == 0 ? 0 : take_object(simple(stack), size, size);
}

static void simple_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    give_object(simple(stack), object, size, size);
}

static uint64_t simple_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                  enum page_class class, bool contiguous)
{
    (void)highest, (void)class, (void)contiguous;
    return take_pages(simple(stack), nr);
}

static void simple_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    (void)contiguous;
    give_pages(simple(stack), address, nr);
}

static uint64_t simple_map_alloc(struct stack *stack, enum map_number map, uint64_t bytes,
                                 enum kmem_kind kind)
{
    struct simple *s = simple(stack);
    uint64_t address = s->bare;

    (void)map;
    if (kind == KMEM_PAGEABLE || kind == KMEM_SUBMAP) {
        s->bare += pages(bytes) * PAGE_SIZE;
        return address;
    }

    address = take_pages(s, pages(bytes));
    return address == 0 ? 0 : s->kernel_base + address;
}

static bool simple_map_free(struct stack *stack, enum map_number map, uint64_t address,
                            uint64_t bytes)
{
    struct simple *s = simple(stack);

    (void)map;
    if (address < s->kernel_base + s->memory)
        give_pages(s, address - s->kernel_base, pages(bytes));
    return true;
}

static void simple_reap(struct stack *stack)
{
    (void)stack; /* nothing is kept back */
}

/* ---- Rights: not what this stack is about; all are granted and none is kept ---- */

static bool simple_space_create(struct stack *stack, uint32_t space, bool special)
{
    (void)stack, (void)space, (void)special;
    return true;
}

static void simple_space_end(struct stack *stack, uint32_t space)
{
    (void)stack, (void)space;
}

static uint32_t simple_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    (void)stack, (void)space, (void)right;
    return 1;
}

static bool simple_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    (void)stack, (void)space, (void)right, (void)name;
    return true;
}

static void simple_name_free(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack, (void)space, (void)name;
}

static uint32_t simple_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack, (void)space, (void)name;
    return RIGHT_NONE;
}

static bool simple_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                  uint64_t address)
{
    (void)stack, (void)space, (void)name, (void)address;
    return true;
}

static void simple_reverse_remove(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack, (void)space, (void)address;
}

static uint32_t simple_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack, (void)space, (void)address;
    return RIGHT_NONE;
}

/* ---- What can be seen ---- */

static void simple_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    struct simple *s = simple(stack);

    (void)deep; /* all that there is to see is counted */
    *snapshot = (struct snapshot){.held = s->held, .peak = s->peak, .nr_caches = 1};
    snapshot->caches[0] = (struct cache_snapshot){
        .number = CACHE_UNNUMBERED, .name = "all objects", .requested_bytes = s->requested};
}

static void simple_occupancy(struct stack *stack, enum occupancy_of which,
                             struct occupancy_picture *picture)
{
    (void)stack, (void)which;
    picture->cells = 0; /* none is drawn */
}

static void simple_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    (void)stack;
    *state = (struct space_snapshot){.space = space};
}

static int simple_check(struct stack *stack, struct error *error)
{
    struct simple *s = simple(stack);
    uint64_t pages = 0;

    for (uint32_t block = s->lists[PAGE]; block != 0; block = s->next[block])
        pages++;
    if (pages == s->free_pages)
        return 0;

    snprintf(error->text, sizeof(error->text), "free pages are counted wrongly");
    return -1;
}

static void *simple_content(struct stack *stack, uint64_t address, bool physical)
{
    (void)stack, (void)address, (void)physical;
    return NULL; /* there is no memory behind the addresses */
}

extern const struct stack_ops allotrope_stack;

const struct stack_ops allotrope_stack = {
    .abi = STACK_ABI,
    .name = "simple",
    .summary = "pages from one list, small objects by powers of two",
    .space = "", /* its parts, for listings; without a name for `space` rights are not judged */
    .backend = "lists",
    .pages = "list",
    .map = "",
    .open = simple_open,
    .close = simple_close,
    .boot_pages = simple_boot_pages,
    .cache_create = simple_cache_create,
    .cache_alloc = simple_cache_alloc,
    .cache_free = simple_cache_free,
    .kalloc = simple_kalloc,
    .kfree = simple_kfree,
    .page_alloc = simple_page_alloc,
    .page_free = simple_page_free,
    .map_alloc = simple_map_alloc,
    .map_free = simple_map_free,
    .space_create = simple_space_create,
    .space_destroy = simple_space_end,
    .space_release = simple_space_end,
    .name_alloc = simple_name_alloc,
    .name_alloc_at = simple_name_alloc_at,
    .name_free = simple_name_free,
    .name_lookup = simple_name_lookup,
    .reverse_insert = simple_reverse_insert,
    .reverse_remove = simple_reverse_remove,
    .reverse_lookup = simple_reverse_lookup,
    .reap = simple_reap,
    .snapshot = simple_snapshot,
    .occupancy = simple_occupancy,
    .space_state = simple_space_state,
    .check = simple_check,
    .content = simple_content,
};
