/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Memory for the machine, and the kernel in it.
 *
 * The direct map is one mapping, physical address 0 at `base`, of pages that the host provides when
 * they are touched: a machine of 512 MiB costs what its kernel touches. Nothing is mapped over what
 * the process has already: that would be discovered by chance, much later.
 */

#include "allocators/image/image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY_MIN (UINT64_C(32) << 20) /* less the firmware's */
#define FIRMWARE   (UINT64_C(1) << 20)
/* The most that a kernel of 32 bits can have of addresses: to the end, less what the kernel map
 * leaves free there. */
#define END_32 UINT64_C(0xffffe000)
/* The amd64 kernel of Debian 12 stops at 4 GiB of memory; it is known to run to 3 GiB. */
#define MEMORY_MAX_64 (UINT64_C(3) << 30)

static struct image *the_image;

struct image *image_here(void)
{
    return the_image;
}

static int map_range(uint64_t start, uint64_t end, const char *what, struct error *error)
{
    void *got =
        mmap((void *)(uintptr_t)start, (size_t)(end - start), PROT_READ | PROT_WRITE | PROT_EXEC,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

    if (got == (void *)(uintptr_t)start)
        return 0;
    if (got != MAP_FAILED) {
        munmap(got, (size_t)(end - start));
        errno = EEXIST;
    }
    return error_set(error, "the addresses %llx to %llx, for the %s, cannot be had: %s",
                     (unsigned long long)start, (unsigned long long)end, what,
                     errno == EEXIST ? "this process has something there (a sanitizer, or more "
                                       "memory than fits below its libraries)"
                                     : strerror(errno));
}

static int check_memory(const struct image_plan *plan, uint64_t memory, struct error *error)
{
    if (memory < MEMORY_MIN - FIRMWARE)
        return error_set(error, "%s cannot start on %llu KiB of memory: it takes 32 MiB at least",
                         plan->version, (unsigned long long)(memory >> 10));
    if (plan->word == 8 && memory > MEMORY_MAX_64)
        return error_set(error,
                         "%s cannot have %llu MiB of memory: amd64 kernels of its age stop at "
                         "start-up with 4 GiB, so 3072 MiB are the most that is tried",
                         plan->version, (unsigned long long)(memory >> 20));
    if (plan->word == 4 && memory > UINT64_C(0xffffffff))
        return error_set(error, "%s cannot have %llu MiB of memory: it has addresses for 4095",
                         plan->version, (unsigned long long)(memory >> 20));
    return 0;
}

static int copy_segments(struct image *image, const char *file, struct error *error)
{
    const struct image_plan *plan = image->plan;

    for (unsigned i = 0; i < plan->nr_segments; i++) {
        const struct image_segment *segment = &plan->segments[i];
        uint64_t address = segment->address;

        /* What is linked at its physical address (.boot) is not needed once it has run. */
        if (address < plan->base)
            continue;
        if (address + segment->memory_size > image->direct_end)
            return error_set(error, "%s ends at %llx: it does not fit in %llu KiB of memory",
                             plan->version, (unsigned long long)(address + segment->memory_size),
                             (unsigned long long)(image->memory >> 10));
        memcpy((void *)(uintptr_t)address, file + segment->file_offset, (size_t)segment->file_size);
    }

    return 0;
}

int image_load(struct image *image, const struct image_plan *plan, const char *file,
               uint64_t memory, struct error *error)
{
    if (the_image != NULL)
        return error_set(error, "this process holds a kernel already");
    if (check_memory(plan, memory, error) != 0)
        return -1;

    memset(image, 0, sizeof(*image));
    image->plan = plan;
    image->memory = memory & ~(uint64_t)(PAGE_SIZE - 1);
    image->direct_end = plan->base + image->memory;
    if (plan->word == 4 && image->direct_end > END_32)
        image->direct_end = END_32;

    if (map_range(plan->base, image->direct_end, "memory of the machine", error) != 0 ||
        copy_segments(image, file, error) != 0)
        return -1;

    the_image = image;
    image_patch(image);
    return image_catch_faults(image, error);
}

void image_set(const struct image *image, uintptr_t structure, enum image_member_id id,
               uint64_t value)
{
    const struct image_member *member = &image->plan->members[id];

    memcpy((void *)(structure + member->offset), &value,
           member->size <= sizeof(value) ? member->size : sizeof(value));
}

/* Kernels that keep it in `active_threads` have it as the first element there. */
static uintptr_t thread_place(const struct image *image)
{
    if (image_has(image, IMAGE_ACTIVE_THREADS))
        return image_at(image, IMAGE_ACTIVE_THREADS);
    return image_member(image, image_at(image, IMAGE_PERCPU_ARRAY), IMAGE_M_PERCPU_THREAD);
}

uintptr_t image_thread(const struct image *image)
{
    return image_word(thread_place(image));
}

void image_set_thread(const struct image *image, uintptr_t thread)
{
    image_set_word(thread_place(image), thread);
}
