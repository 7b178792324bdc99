/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel image in this process: GNU Mach's own machine code, mapped where it was linked to lie,
 * brought up on a machine of memory that is not there, and called.
 *
 *   image_load()    maps the machine's memory and the kernel into it, and writes over the functions
 *                   that would leave it: the console, the debugger, the scheduler
 *   image_boot()    calls the kernel's own start-up, in its order
 *   image_stack()   gives the interface of all stacks
 *
 * One image a process, for its life: the kernel's variables are where they are, signal handlers and
 * the functions that the kernel jumps to find it by a static pointer. A process that is to hold one
 * is made for it (image_process.c) and is of the kernel's word size. It allocates its own memory
 * away from the kernel's addresses and must not be built with sanitizers, which take them.
 */

#ifndef ALLOCATORS_IMAGE_IMAGE_H
#define ALLOCATORS_IMAGE_IMAGE_H

#include "allocators/image/image_plan.h"
#include "allocators/stack.h"

#define IMAGE_TEXT_MAX 512
#define IMAGE_LOG_MAX  4096u

/* A request that start-up made itself, for the events of a trace that are this request. */
struct image_request {
    uint8_t kind; /* enum image_request_kind */
    bool gone;    /* start-up freed it again */
    bool adopted;
    uint64_t size;    /* bytes, or the cache */
    uint64_t address; /* what it got */
};

enum image_request_kind {
    IMAGE_REQUEST_CACHE_ALLOC,
    IMAGE_REQUEST_KALLOC,
    IMAGE_REQUEST_MAP,
    IMAGE_REQUEST_SUBMAP,
    IMAGE_REQUEST_SPACE,
    IMAGE_REQUEST_SPACE_SPECIAL,
};

#define IMAGE_REQUESTS_MAX 4096

/* Why the kernel's code was left in the middle. */
enum image_left {
    IMAGE_RETURNED, /* it was not */
    IMAGE_NO_PAGES, /* the thread would sleep until there are pages */
    IMAGE_PANICKED, /* the kernel stopped itself; its words are in `said` */
    IMAGE_BLOCKED,  /* the thread would sleep for something else, for ever */
    IMAGE_FAULTED,  /* an instruction that cannot be run here */
};

struct image {
    const struct image_plan *plan;
    uint64_t memory;        /* bytes of the machine */
    uint64_t direct_end;    /* of the direct map, an address */
    uint64_t virtual_start; /* of the kernel virtual map */
    uint64_t virtual_end;
    bool booted;
    uint32_t taken_bottom, taken_top; /* frames */
    uint64_t top;                     /* physical end of the memory that start-up cuts up; 0: all */

    /* The way out of the kernel. */
    void *out[5]; /* for __builtin_setjmp, which costs a few instructions */
    bool out_is_set;
    enum image_left left;
    bool short_of_pages;       /* the thread would have slept for pages, and was lent some */
    bool lending;              /* the thread has the privilege lent to it */
    char said[IMAGE_TEXT_MAX]; /* the kernel's last words, or what can be said instead */

    /* The end of what the kernel printed. */
    char log[IMAGE_LOG_MAX];
    unsigned log_used;

    struct image_request requests[IMAGE_REQUESTS_MAX];
    unsigned nr_requests;
    uint64_t faults; /* privileged instructions met */
};

/* -1 with the error set: addresses are taken, or the memory is more than the kernel can have. FILE
 * is the kernel's file, which is not needed afterwards. */
int image_load(struct image *image, const struct image_plan *plan, const char *file,
               uint64_t memory, struct error *error);
/* Before image_boot: FRAMES pages at the bottom, behind the kernel, and at the top of the direct
 * map are taken, as a boot loader's modules and their copies take them; those at the bottom become
 * free when the allocators have started. */
void image_take_frames(struct image *image, uint32_t bottom, uint32_t top);
/* Brings an image up in a child process, to see which frames become free: those behind the kernel
 * without a gap, [*START, *END). -1 with the error set. */
int image_try_boot(struct image *image, uint32_t *start, uint32_t *end, struct error *error);

/* -1 with the error set. */
int image_boot(struct image *image, struct error *error);

/* Which frames of a machine the first range of a captured start-up has: see image_stack. */
struct image_start {
    uint32_t first, nr; /* 0: not known */
};

/* The stack of an image, in this process. OPEN takes over the image; ended() is called, and does
 * not return, when the kernel's code was left and cannot be entered again. */
struct image_stack_options {
    struct image *image;
    void (*ended)(void *context);
    void *context;
};
struct stack *image_stack_open(const struct stack_ops *ops, const struct stack_config *config,
                               const struct image_stack_options *options, struct error *error);
extern const struct stack_ops image_stack_ops; /* all but `open`, which needs the options */

/* ---- Between the parts ---- */

/* The address of a symbol and of a word of the kernel. */
static inline uintptr_t image_at(const struct image *image, enum image_symbol_id id)
{
    return (uintptr_t)image->plan->symbols[id].address;
}

static inline bool image_has(const struct image *image, enum image_symbol_id id)
{
    return image->plan->symbols[id].address != 0;
}

static inline uintptr_t image_word(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

static inline void image_set_word(uintptr_t address, uintptr_t value)
{
    *(uintptr_t *)address = value;
}

static inline uintptr_t image_member(const struct image *image, uintptr_t structure,
                                     enum image_member_id id)
{
    return structure + image->plan->members[id].offset;
}

/* A member as a number: whole, or a field of bits. */
static inline uint64_t image_get(const struct image *image, uintptr_t structure,
                                 enum image_member_id id)
{
    const struct image_member *member = &image->plan->members[id];
    uint64_t value = 0;

    __builtin_memcpy(&value, (const void *)(structure + member->offset),
                     member->size <= sizeof(value) ? member->size : sizeof(value));
    if (member->bit_size != 0)
        value = value >> member->bit & ((UINT64_C(1) << member->bit_size) - 1);
    return value;
}

/* Sets a whole member of at most a word. */
void image_set(const struct image *image, uintptr_t structure, enum image_member_id id,
               uint64_t value);

/* The one that this process holds; NULL: none yet. */
struct image *image_here(void);

/* image_state.c */
unsigned image_nr_segments(const struct image *image);
uintptr_t image_segment(const struct image *image, unsigned index);
/* Whether the page allocator has FRAME, free or not. */
bool image_frame_managed(const struct image *image, uint32_t frame);
/* The descriptor of FRAME, 0: it has none. */
uintptr_t image_page(const struct image *image, uint32_t frame);

/* image_patch.c: writes jumps over the patched functions. */
void image_patch(struct image *image);
/* Leaves the kernel's code for where IMAGE_ENTER was last. */
#define IMAGE_ENTER(image) (__builtin_setjmp((image)->out) == 0)
void image_leave(struct image *image, enum image_left left) __attribute__((noreturn));

/* image_fault.c: handlers of the signals that privileged instructions raise. */
int image_catch_faults(struct image *image, struct error *error);

#define IMAGE_ARGUMENTS 5

/* image_watch.c: notes the requests that start-up makes. */
void image_watch_begin(struct image *image);
void image_watch_end(struct image *image);
/* Registers at a trap. */
struct image_trap {
    uintptr_t pc, stack, flags, result;
    uintptr_t arguments[IMAGE_ARGUMENTS]; /* were a function called here */
};
/* True when it was one of the watch, and TRAP is where to go on. */
bool image_watch_trap(struct image *image, struct image_trap *trap);
/* From now on kmem_cache_alloc() gives OBJECT when it is asked for one of CACHE; with an OBJECT of
 * 0 it is itself again. */
void image_substitute(struct image *image, uintptr_t cache, uintptr_t object);

/* The thread that the kernel takes for the running one. */
uintptr_t image_thread(const struct image *image);
void image_set_thread(const struct image *image, uintptr_t thread);

#endif
