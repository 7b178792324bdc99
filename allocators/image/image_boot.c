/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Start-up: the kernel's own, in its order, from the firmware's memory map to the first thread.
 *
 * What the boot loader would leave in memory is written where it would leave it: a memory map and a
 * multiboot record. The kernel takes it from there; nothing of its state is set by hand but the
 * running thread, at the end, as the first context switch would set it.
 *
 * The kernel virtual map of a booted kernel lies behind the direct map and is made of pages by the
 * processor. Here it is plain memory of the host at the same addresses: what is written there is
 * found there, and the page tables that the kernel keeps for it are kept and not looked at.
 */

#include "allocators/image/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocators/image/image_call.h"

#define MAP_PLACE  0x9000u /* physical */
#define INFO_PLACE 0x9800u

#define LOWER_KIB   639u
#define LOWER_BYTES (LOWER_KIB << 10)
#define EXTENDED    0x100000u

/* Multiboot: "basic memory sizes" and "memory map" are given. */
#define INFO_FLAGS 0x41u

/* An entry of the firmware's map; its size is of what follows the size. */
struct map_entry_record {
    uint32_t size;
    uint32_t base[2], length[2];
    uint32_t type;
};

enum { MAP_USABLE = 1, MAP_RESERVED = 2 };

struct info_record {
    uint32_t flags, memory_lower, memory_upper;
    uint32_t unused[8];
    uint32_t map_length, map_address;
    uint32_t rest[16];
};

_Static_assert(offsetof(struct info_record, map_length) == 44, "as the multiboot standard has it");

static void *physical(const struct image *image, uint32_t address)
{
    return (void *)(uintptr_t)(image->plan->base + address);
}

static struct map_entry_record entry(uint64_t base, uint64_t end, uint32_t type)
{
    uint64_t length = end - base;

    return (struct map_entry_record){
        .size = sizeof(struct map_entry_record) - sizeof(uint32_t),
        .base = {(uint32_t)base, (uint32_t)(base >> 32)},
        .length = {(uint32_t)length, (uint32_t)(length >> 32)},
        .type = type,
    };
}

static void write_boot_data(const struct image *image)
{
    struct map_entry_record map[] = {
        entry(0, LOWER_BYTES, MAP_USABLE),
        entry(LOWER_BYTES, 0xa0000, MAP_RESERVED),
        entry(0xf0000, EXTENDED, MAP_RESERVED),
        entry(EXTENDED, image->memory, MAP_USABLE),
        entry(0xfffc0000u, UINT64_C(0x100000000), MAP_RESERVED),
    };
    struct info_record info = {
        .flags = INFO_FLAGS,
        .memory_lower = LOWER_KIB,
        .memory_upper = (uint32_t)((image->memory - EXTENDED) >> 10),
        .map_length = sizeof(map),
        .map_address = MAP_PLACE,
    };

    memcpy(physical(image, MAP_PLACE), map, sizeof(map));
    memcpy(physical(image, INFO_PLACE), &info, sizeof(info));
}

/* Physical addresses are words, or 64 bits wide where the kernel can use more memory than it has
 * addresses for. */
static void register_boot_data(const struct image *image, uint64_t start, uint64_t end,
                               bool temporary)
{
    if (image->plan->members[IMAGE_M_PAGE_ADDRESS].size > sizeof(uintptr_t))
        ((void (*)(uint64_t, uint64_t, int))image_at(image, IMAGE_REGISTER_BOOT_DATA))(start, end,
                                                                                       temporary);
    else
        image_call3(image, IMAGE_REGISTER_BOOT_DATA, (uintptr_t)start, (uintptr_t)end, temporary);
}

/* Memory for the kernel virtual map, behind what is left of the direct map. */
static int map_virtual(struct image *image, struct error *error)
{
    uint64_t end = image->direct_end;
    void *got;

    image->virtual_start = image_word(image_at(image, IMAGE_VIRTUAL_START));
    image->virtual_end = image_word(image_at(image, IMAGE_VIRTUAL_END));
    if (image->virtual_start < image->plan->base || image->virtual_end <= image->virtual_start)
        return error_set(error, "%s gave its virtual map the addresses %llx to %llx",
                         image->plan->version, (unsigned long long)image->virtual_start,
                         (unsigned long long)image->virtual_end);

    if (image->virtual_start < end)
        munmap((void *)(uintptr_t)image->virtual_start, (size_t)(end - image->virtual_start));
    if (image->virtual_start < end)
        image->direct_end = image->virtual_start;

    size_t bytes = (size_t)(image->virtual_end - image->virtual_start);

    got = mmap((void *)(uintptr_t)image->virtual_start, bytes, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == (void *)(uintptr_t)image->virtual_start)
        return 0;
    if (got != MAP_FAILED)
        munmap(got, bytes);
    return error_set(error,
                     "the addresses %llx to %llx, for the kernel virtual map, cannot be had: this "
                     "process has something there; with less memory than %llu MiB they lie lower",
                     (unsigned long long)image->virtual_start,
                     (unsigned long long)image->virtual_end,
                     (unsigned long long)(image->memory >> 20));
}

static uint64_t kernel_end(const struct image *image)
{
    return (image_at(image, IMAGE_END) - image->plan->base + PAGE_SIZE - 1) &
           ~(uint64_t)(PAGE_SIZE - 1);
}

/* The end of the memory that the kernel's boot allocator cuts up from both ends. */
static uint64_t top_of_heap(const struct image *image)
{
    return image->top != 0 ? image->top : image->memory;
}

void image_take_frames(struct image *image, uint32_t bottom, uint32_t top)
{
    image->taken_bottom = bottom;
    image->taken_top = top;
}

static void boot_memory(const struct image *image)
{
    uintptr_t info = (uintptr_t)physical(image, INFO_PLACE);
    uint64_t end = kernel_end(image), top = top_of_heap(image);

    register_boot_data(image, image_at(image, IMAGE_START) - image->plan->base,
                       image_at(image, IMAGE_END) - image->plan->base, false);
    if (image->taken_bottom != 0)
        register_boot_data(image, end, end + ((uint64_t)image->taken_bottom << PAGE_SHIFT), true);
    if (image->taken_top != 0)
        register_boot_data(image, top - ((uint64_t)image->taken_top << PAGE_SHIFT), top, false);
    image_call1(image,
                image_has(image, IMAGE_BIOSMEM_BOOTSTRAP) ? IMAGE_BIOSMEM_BOOTSTRAP
                                                          : IMAGE_BIOSMEM_MB1_BOOTSTRAP,
                info);
    image_call0(image, IMAGE_PMAP_BOOTSTRAP);
    image_call0(image, IMAGE_BIOSMEM_SETUP);
}

static void boot_allocators(struct image *image)
{
    static const enum image_symbol_id steps[] = {
        IMAGE_PANIC_INIT,    IMAGE_SCHED_INIT,  IMAGE_VM_MEM_BOOTSTRAP, IMAGE_RDXTREE_CACHE_INIT,
        IMAGE_IPC_BOOTSTRAP, IMAGE_VM_MEM_INIT, IMAGE_IPC_INIT,         IMAGE_BIOSMEM_FREE_USABLE,
    };

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        image_call0(image, steps[i]);
}

static int boot_threads(struct image *image, struct error *error)
{
    static const enum image_symbol_id steps[] = {
        IMAGE_INIT_TIMERS,       IMAGE_INIT_TIMEOUT, IMAGE_TIMESTAMP_INIT,
        IMAGE_MAPABLE_TIME_INIT, IMAGE_TASK_INIT,    IMAGE_THREAD_INIT,
    };
    uintptr_t thread = 0, status;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (image_has(image, steps[i]))
            image_call0(image, steps[i]);

    status = image_call2(image, IMAGE_THREAD_CREATE, image_word(image_at(image, IMAGE_KERNEL_TASK)),
                         (uintptr_t)&thread);
    if (status != 0 || thread == 0)
        return error_set(error, "%s could not make its first thread (error %llu)",
                         image->plan->version, (unsigned long long)status);

    image_set_thread(image, thread);
    return 0;
}

int image_boot(struct image *image, struct error *error)
{
    volatile int status = -1;

    image->left = IMAGE_RETURNED;
    image->out_is_set = true;
    if (IMAGE_ENTER(image)) {
        write_boot_data(image);
        boot_memory(image);
        status = map_virtual(image, error);
        if (status == 0) {
            image_watch_begin(image);
            boot_allocators(image);
            status = boot_threads(image, error);
        }
    } else {
        status =
            error_set(error, "%s does not start on %llu KiB of memory; the kernel said: %s",
                      image->plan->version, (unsigned long long)(image->memory >> 10), image->said);
    }
    image->out_is_set = false;
    if (image->nr_requests != 0 || status == 0)
        image_watch_end(image);
    image->booted = status == 0;
    return status;
}

/* Results of a start-up in another process. */
struct tried {
    bool booted;
    uint32_t start, end, top;
    struct error error;
};

/* The frames behind the kernel that the page allocator has. */
static void find_free_frames(const struct image *image, struct tried *tried)
{
    uint64_t frames = image->memory >> PAGE_SHIFT;
    uint32_t frame = (uint32_t)(kernel_end(image) >> PAGE_SHIFT);

    while (frame < frames && !image_frame_managed(image, frame))
        frame++;
    tried->start = frame;
    while (frame < frames && image_frame_managed(image, frame))
        frame++;
    tried->end = frame;
    /* What is not managed behind them was taken from the top, up to the end of the segment. */
    for (unsigned i = 0; i < image_nr_segments(image); i++) {
        uintptr_t segment = image_segment(image, i);
        uint64_t start = image_get(image, segment, IMAGE_M_SEGMENT_START);
        uint64_t end = image_get(image, segment, IMAGE_M_SEGMENT_END);

        if (start <= (uint64_t)tried->start << PAGE_SHIFT && end > (uint64_t)tried->start
                                                                       << PAGE_SHIFT)
            tried->top = (uint32_t)(end >> PAGE_SHIFT);
    }
}

int image_try_boot(struct image *image, uint32_t *start, uint32_t *end, struct error *error)
{
    struct tried *tried =
        mmap(NULL, sizeof(*tried), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    if (tried == MAP_FAILED)
        return error_set(error, "no memory for a trial start-up: %s", strerror(errno));

    pid_t child = fork();

    if (child < 0) {
        status = error_set(error, "no process for a trial start-up: %s", strerror(errno));
        munmap(tried, sizeof(*tried));
        return status;
    }
    if (child == 0) {
        tried->booted = image_boot(image, &tried->error) == 0;
        if (tried->booted)
            find_free_frames(image, tried);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        snprintf(tried->error.text, sizeof(tried->error.text), "%s died of its start-up",
                 image->plan->version);
    *start = tried->start;
    *end = tried->end;
    image->top = (uint64_t)tried->top << PAGE_SHIFT;
    status = tried->booted ? 0 : error_set(error, "%s", tried->error.text);
    munmap(tried, sizeof(*tried));
    return status;
}
