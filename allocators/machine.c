/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The machine: what lies where in the memory of the simulated kernel, and what start-up leaves.
 *
 * The direct map. Physical memory is mapped in one piece from kernel_base upwards, up to a limit;
 * what lies above is HIGHMEM, or lost. The firmware of the captured machines keeps the last 128 KiB
 * of memory for its tables, so the last frame is that much below the size that the machine is said
 * to have. All captures agree (512 MiB end at 1ffe0000, 64 MiB at 3fe0000).
 *
 * The kernel map. It begins where the direct map ends and is kernel_map_size less two pages long;
 * memory is not rounded to a larger unit first. That gives the end of the map in every capture:
 * e97de000 for Debian with 512 MiB, d17de000 with 128; c9fde000 (2016) and cffde000 (2013) with 64.
 * Start-up takes the first part of it: up to 1.6 a reserve of 1 MiB for map entries; then the hash
 * from object and offset to page, a bucket for each page, rounded up to a power of two; then the
 * page descriptors. What follows is the first address that is free:
 *
 *     geometry       memory     first free address
 *     i386           512 MiB    e0760000   as captured
 *     i386           128 MiB    c81c0000   as captured
 *     i386-2016       64 MiB    c40d0000   as captured
 *     i386-2016-02    64 MiB    c40e0000   as captured
 *     i386-2013       64 MiB    c419a000   as captured
 *     i386-2013      128 MiB    c8257000   as captured; 256, 512 and 1024 MiB agree with kmem_map,
 *                                          which begins after the tables of the pmap
 *
 * From 2016 on there is a descriptor for each frame of each segment. Up to 1.6 there is one for
 * each page that would be left when the descriptors themselves have been paid for; that count takes
 * no notice of the kernel image (and so comes out some hundred too high), and the model repeats it:
 * 15742 (1.5) and 15757 (1.6) descriptors with 64 MiB, 31922 with 128, as their logs have it. Next
 * in the kernel map come the tables of the pmap, when the first caches exist.
 *
 * Free pages at start-up. From 2016 on memory comes from the segment above DMA. At its bottom lie
 * the kernel image and the boot modules as the boot loader put them, then hash and descriptors; at
 * its top are copies of the modules and the page tables (one for each 4 MiB of direct and kernel
 * map, or 2 MiB). What is left in the middle is released first, ascending. Later, in one go, come
 * the other ranges, ascending in each segment: below the hole at 640 KiB (from 64 KiB on), 1 MiB to
 * 16 MiB, the boot modules, HIGHMEM. More exactly, start-up takes its memory from the largest range
 * that image and modules leave above 1 MiB. On small machines (up to 32 MiB with the modules of the
 * bare kernels) that is the one from 1 MiB to 16 MiB: then hash, descriptors, tables and copies lie
 * in DMA, and DIRECTMAP loses the image only. On amd64 the code that the kernel starts with lies in
 * front of its image, and is free afterwards. The copies follow when the bootstrap task has read
 * them. In February 2016 the image lay at 1 MiB, and neither the memory below it nor the modules
 * after it were ever released. Up to 1.6 memory is taken from 16 MiB upwards and then, past the
 * end, from the bottom, so that low memory is used last; pages are released in the reverse of that
 * order. The boot modules are copied up there first of all, their old place is given away with the
 * rest, and the copies follow when they have been read. 1.6 leaves the first 64 KiB alone.
 *
 * Compared with captures (frames, hexadecimal; fitted to one log of each kernel, the second of
 * Debian and of 1.5 then followed):
 *
 *     log                      free when the first cache is made, and later     the model says
 *     i386, 512 MiB            [1bae,1fc50), [10,9f), [100,1000), [1148,142e)   the same
 *     i386, 128 MiB            [160e,7cb0), the others as above                 the same
 *     i386, 32 MiB             [178,fcb), [10,9f), [1148,1fe0), [ffb,ffe)       with the 3 pages of
 *                                                                               its module the same
 *     i386-2016 (1.8)          [1161,3fb0), [10,9f), [100,1000), [106c,1071),
 *                              [3fda,3fde)                                      the same
 *     i386-2016-02             [1100,3fb0), [16f,1000), [3fda,3fde)             the same
 *     i386-2013 (1.5)          15641 pages with 64 MiB, then 3 of modules       the same
 *                              31821 with 128 MiB, then 2                       31820, then 3
 *     i386-2013 (1.6)          15625 pages with 64 MiB, then 3                  the same, see below
 *
 * The image of 1.6 is a frame larger than that of 1.5, and the first frame that it uses is 10: who
 * wants 1.6 amends the geometry so (replay/limits_start.c does).
 *
 * With these the allocators hand out, request by request, the frames that the logs of all four
 * historical kernels name, to the last line. In the Debian logs they do so for the first requests;
 * then the kernel makes calls that the capture could not see. The ranges of the copied modules in
 * the Debian logs are not proved by a counter: frames in [end - 744, end - 2) come into use early,
 * frames outside never do. Of a 1 GiB machine with Debian's kernel only counters are known: 213813
 * pages of DIRECTMAP free, where the model has 213224 before the modules are freed; the modules
 * were smaller by some 295 pages then.
 *
 * The numbers of rights at which the bare kernels stop give a second proof, for other sizes of
 * memory: all eleven that depend on pages or on the kernel map come out exactly (docs/limits.md).
 * They also decide what no log shows: February 2016 has descriptors for HIGHMEM, but no tables of
 * the pmap.
 *
 * A machine here differs from a PC in that there is no hole below 4 GiB, and memory above 4 GiB is
 * unknown to i386.
 */

#include "allocators/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* The smallest segment that the kernels accept. */
#define SEGMENT_FRAMES_MIN 2000u

/* Conventional memory ends at 639 KiB (the last KiB belongs to the BIOS), so the last whole frame
 * below the hole is 9e. */
#define LOW_FRAMES_END 0x9fu
#define HIGH_START     0x100u

/* Where the boot allocator of 1.5 and 1.6 begins. */
#define LIST_START 0x1000u

/* Start-up's very first pages, above the copies of the boot modules. */
#define HIGHEST_FRAMES 2u

/* A list head of the pmap: next, map, address. */
#define PMAP_HEAD_POINTERS 3u

/* A link32_t has 32 bits in units of 8 bytes. */
#define LINK_REACH ((uint64_t)8 << 32)

/* Frames and bytes that start-up takes. */
struct startup {
    uint64_t hash_bytes;
    uint64_t descriptor_bytes;
    uint32_t page_tables;
    uint32_t hash_frames;
    uint32_t descriptor_frames;
    uint32_t static_frames;
};

const char *segment_kind_name(enum segment_kind kind)
{
    switch (kind) {
    case SEGMENT_DMA:
        return "DMA";
    case SEGMENT_DMA32:
        return "DMA32";
    case SEGMENT_DIRECTMAP:
        return "DIRECTMAP";
    case SEGMENT_HIGHMEM:
        return "HIGHMEM";
    }

    return "?";
}

const char *failure_cause_name(enum failure_cause cause)
{
    switch (cause) {
    case FAILURE_NONE:
        return "none";
    case FAILURE_EXHAUSTION:
        return "exhaustion";
    case FAILURE_FRAGMENTATION:
        return "fragmentation";
    case FAILURE_RESERVE:
        return "reserve";
    case FAILURE_LIMIT:
        return "limit";
    case FAILURE_PANIC:
        return "panic";
    }

    return "?";
}

void machine_refuse(struct machine *machine, enum failure_cause cause, const char *resource,
                    uint64_t requested, uint64_t free, uint64_t largest, uint64_t pieces)
{
    struct failure *failure = &machine->failure;

    failure->cause = cause;
    snprintf(failure->resource, sizeof(failure->resource), "%s", resource);
    failure->requested = requested;
    failure->free = free;
    failure->largest = largest;
    failure->pieces = pieces;
}

void *host_reserve(size_t bytes, struct error *error)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        error_set(error,
                  "the host refuses to reserve %zu MiB of address space; "
                  "give the machine less memory or raise the limit (ulimit -v)",
                  (bytes + ((size_t)1 << 20) - 1) >> 20);
        return NULL;
    }

    return memory;
}

void host_unreserve(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}

static uint64_t round_to_page(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static uint64_t power_of_two_from(uint64_t n)
{
    uint64_t power = 1;

    while (power < n)
        power <<= 1;

    return power;
}

static uint32_t segment_frames(const struct segment *segment)
{
    return segment->end - segment->start;
}

static uint64_t mib(uint64_t bytes)
{
    return bytes >> 20;
}

/* Adds the segment [start, min(end, limit)) unless it is empty. */
static void segment_add(struct machine *machine, enum segment_kind kind, uint64_t start,
                        uint64_t end)
{
    if (start >= end)
        return;

    machine->segments[machine->nr_segments++] =
        (struct segment){.kind = kind, .start = (uint32_t)start, .end = (uint32_t)end};
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void segments_derive(struct machine *machine)
{
    const struct geometry *geometry = machine->geometry;
    uint64_t frames = (machine->memory >> PAGE_SHIFT) - FIRMWARE_FRAMES;
    uint64_t direct = min64(frames, geometry->direct_map_max >> PAGE_SHIFT);
    uint64_t dma = min64(direct, geometry->dma_end >> PAGE_SHIFT);

    /* The first 64 KiB are no part of the DMA segment; without segments the table of pages begins
     * at frame 0, which is never released. */
    if (dma > 0)
        segment_add(machine, SEGMENT_DMA, 0x10, dma);

    segment_add(machine, SEGMENT_DIRECTMAP, dma, direct);

    if (geometry->highmem)
        segment_add(machine, SEGMENT_HIGHMEM, direct, frames);
}

static int segments_check_sizes(const struct machine *machine, struct error *error)
{
    for (unsigned i = 0; i < machine->nr_segments; i++) {
        const struct segment *segment = &machine->segments[i];

        if (segment_frames(segment) < SEGMENT_FRAMES_MIN)
            return error_set(
                error,
                "geometry %s cannot take %llu MiB: segment %s would have %u pages, and the "
                "kernel wants at least %u; give some MiB more or less",
                machine->geometry->name, (unsigned long long)mib(machine->memory),
                segment_kind_name(segment->kind), segment_frames(segment), SEGMENT_FRAMES_MIN);
    }

    return 0;
}

static int segments_copy(struct machine *machine, const struct segment *segments, unsigned nr,
                         struct error *error)
{
    uint32_t end = 0;
    int kind = -1;

    if (nr > SEGMENTS_MAX)
        return error_set(error, "%u physical segments given, at most %d are known", nr,
                         SEGMENTS_MAX);

    for (unsigned i = 0; i < nr; i++) {
        const struct segment *segment = &segments[i];

        if (segment->start >= segment->end || segment->start < end || (int)segment->kind < kind ||
            ((int)segment->kind == kind && segment->kind != SEGMENT_HIGHMEM))
            return error_set(error,
                             "physical segment %u (%s, frames %x to %x) is empty, or does not "
                             "follow the one before it",
                             i, segment_kind_name(segment->kind), segment->start, segment->end);

        if ((uint64_t)segment->end << PAGE_SHIFT > machine->memory)
            return error_set(error,
                             "physical segment %u (%s) ends at frame %x, above the %llu MiB of "
                             "the machine",
                             i, segment_kind_name(segment->kind), segment->end,
                             (unsigned long long)mib(machine->memory));

        end = segment->end;
        kind = (int)segment->kind;
        machine->segments[machine->nr_segments++] = *segment;
    }

    return 0;
}

static int segments_find(struct machine *machine, const struct segment *segments, unsigned nr,
                         struct error *error)
{
    const struct geometry *geometry = machine->geometry;

    if (nr > 0) {
        if (segments_copy(machine, segments, nr, error) != 0)
            return -1;
    } else {
        segments_derive(machine);
        if (segments_check_sizes(machine, error) != 0)
            return -1;
    }

    for (unsigned i = 0; i < machine->nr_segments; i++) {
        const struct segment *segment = &machine->segments[i];

        machine->frames = segment->end;
        if (segment->kind != SEGMENT_HIGHMEM)
            machine->direct_frames = segment->end;
    }

    if ((uint64_t)machine->direct_frames << PAGE_SHIFT > geometry->direct_map_max)
        return error_set(error,
                         "geometry %s maps %llu MiB directly, the physical segments given "
                         "reach %llu MiB",
                         geometry->name, (unsigned long long)mib(geometry->direct_map_max),
                         (unsigned long long)mib((uint64_t)machine->direct_frames << PAGE_SHIFT));

    return 0;
}

static uint64_t pages_described(const struct machine *machine)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < machine->nr_segments; i++)
        pages += segment_frames(&machine->segments[i]);

    if (machine->geometry->highmem_described &&
        machine->memory >> PAGE_SHIFT > machine->direct_frames + FIRMWARE_FRAMES)
        pages += (machine->memory >> PAGE_SHIFT) - FIRMWARE_FRAMES - machine->direct_frames;

    return pages;
}

/* Up to 1.6: the pages that start-up believes to be left when it has taken TAKEN. The hole below
 * 1 MiB is taken off, to the KiB, and the kernel image is not. In 1.5 the page below the first one
 * that is used counts as used; 1.6 skips the first 64 KiB, and takes them off the hole, not off the
 * memory. */
static uint64_t list_pages_left(const struct machine *machine, uint64_t taken)
{
    uint64_t low = (uint64_t)machine->geometry->low_start << PAGE_SHIFT;
    uint64_t used = 0x100000 - 639 * 1024 - low + (taken << PAGE_SHIFT);
    uint64_t memory = (uint64_t)machine->direct_frames << PAGE_SHIFT;

    return memory > used ? (memory - used) >> PAGE_SHIFT : 0;
}

static void startup_count(const struct machine *machine, struct startup *startup)
{
    const struct geometry *geometry = machine->geometry;
    uint64_t mapped = machine->direct_frames + (geometry->kernel_map_size >> PAGE_SHIFT);
    uint64_t pages = pages_described(machine);
    uint64_t taken;

    startup->page_tables =
        (uint32_t)((mapped + geometry->page_entries - 1) / geometry->page_entries);
    startup->static_frames = geometry->static_bytes >> PAGE_SHIFT;
    taken = (uint64_t)startup->page_tables + startup->static_frames + geometry->module_copies +
            geometry->boot_low;

    if (geometry->free_list)
        pages = list_pages_left(machine, taken);

    startup->hash_bytes = power_of_two_from(pages) * geometry->hash_bucket;
    startup->hash_frames = (uint32_t)(round_to_page(startup->hash_bytes) >> PAGE_SHIFT);

    if (geometry->free_list)
        pages = list_pages_left(machine, taken + startup->hash_frames) * PAGE_SIZE /
                (PAGE_SIZE + geometry->page_descriptor);

    startup->descriptor_bytes = pages * geometry->page_descriptor;
    startup->descriptor_frames = (uint32_t)(round_to_page(startup->descriptor_bytes) >> PAGE_SHIFT);
}

static int kernel_map_find(struct machine *machine, uint64_t start, uint64_t end,
                           struct error *error)
{
    const struct geometry *geometry = machine->geometry;
    uint64_t direct_end = machine->kernel_base + ((uint64_t)machine->direct_frames << PAGE_SHIFT);
    struct startup startup;
    uint64_t taken;

    startup_count(machine, &startup);
    taken = geometry->static_bytes + round_to_page(startup.hash_bytes + startup.descriptor_bytes);

    if (start == 0 && taken >= geometry->kernel_map_size - geometry->kernel_map_tail)
        return error_set(error,
                         "geometry %s cannot take %llu MiB: the page descriptors need %llu MiB "
                         "of a kernel map of %llu MiB",
                         geometry->name, (unsigned long long)mib(machine->memory),
                         (unsigned long long)mib(taken),
                         (unsigned long long)mib(geometry->kernel_map_size));

    machine->kernel_map_start = start != 0 ? start : direct_end + taken;
    machine->kernel_map_end =
        end != 0 ? end : direct_end + geometry->kernel_map_size - geometry->kernel_map_tail;

    if (machine->kernel_map_start < direct_end ||
        machine->kernel_map_start >= machine->kernel_map_end ||
        (machine->kernel_map_start | machine->kernel_map_end) % PAGE_SIZE != 0)
        return error_set(error,
                         "the free part of the kernel map, %llx to %llx, is empty, not made of "
                         "whole pages, or below the end of the direct map, %llx",
                         (unsigned long long)machine->kernel_map_start,
                         (unsigned long long)machine->kernel_map_end,
                         (unsigned long long)direct_end);

    if (machine->kernel_map_end - machine->kernel_base > LINK_REACH)
        return error_set(error, "the kernel map ends at %llx, more than 32 GiB above %llx",
                         (unsigned long long)machine->kernel_map_end,
                         (unsigned long long)machine->kernel_base);

    return 0;
}

static int memory_check(const struct geometry *geometry, uint64_t memory, struct error *error)
{
    uint64_t least = geometry->dma_end + ((uint64_t)SEGMENT_FRAMES_MIN << PAGE_SHIFT) +
                     ((uint64_t)FIRMWARE_FRAMES << PAGE_SHIFT);

    if (geometry->free_list)
        least = ((uint64_t)LIST_START + SEGMENT_FRAMES_MIN) << PAGE_SHIFT;

    if (memory > geometry->memory_max)
        return error_set(error, "geometry %s takes at most %llu MiB of memory, %llu MiB were given",
                         geometry->name, (unsigned long long)mib(geometry->memory_max),
                         (unsigned long long)mib(memory));

    if (memory < least)
        return error_set(error,
                         "geometry %s needs at least %llu MiB of memory, %llu MiB were given",
                         geometry->name, (unsigned long long)mib(least + (1 << 20) - 1),
                         (unsigned long long)mib(memory));

    return 0;
}

static void frames_assign(struct machine *machine)
{
    for (unsigned i = 0; i < machine->nr_segments; i++)
        for (uint32_t f = machine->segments[i].start; f < machine->segments[i].end; f++)
            machine->pages[f].segment = (uint8_t)i;
}

/* Start-up must leave something to release in the range that it takes memory from. */
static int startup_check(const struct machine *machine, struct error *error)
{
    struct boot_range ranges[BOOT_RANGES_MAX];

    if (machine_boot_ranges(machine, ranges) > 0)
        return 0;

    return error_set(error, "geometry %s cannot take %llu MiB: start-up needs more than there is",
                     machine->geometry->name, (unsigned long long)mib(machine->memory));
}

static int layout_find(struct machine *machine, const struct segment *segments, unsigned nr,
                       uint64_t kernel_map_start, uint64_t kernel_map_end, struct error *error)
{
    if (segments_find(machine, segments, nr, error) != 0)
        return -1;

    if (nr == 0 && startup_check(machine, error) != 0)
        return -1;

    return kernel_map_find(machine, kernel_map_start, kernel_map_end, error);
}

static int memory_reserve(struct machine *machine, struct error *error)
{
    size_t size = machine->kernel_map_end - machine->kernel_base;

    machine->pages = host_reserve((size_t)machine->frames * sizeof(struct page), error);
    if (machine->pages == NULL)
        return -1;

    machine->reservation = host_reserve(size, error);
    if (machine->reservation == NULL) {
        host_unreserve(machine->pages, (size_t)machine->frames * sizeof(struct page));
        return -1;
    }

    /* The kernels map memory by pages of 4 KiB. Whether the host has a huge page at hand must not
     * show in a measurement. A host without the call is fine. */
    (void)madvise(machine->reservation, size, MADV_NOHUGEPAGE);
    machine->reservation_size = size;
    machine->bias = (uint8_t *)(uintptr_t)((uintptr_t)machine->reservation - machine->kernel_base);
    frames_assign(machine);
    return 0;
}

int machine_open(struct machine *machine, const struct geometry *geometry, uint64_t memory,
                 const struct segment *segments, unsigned nr, uint64_t kernel_map_start,
                 uint64_t kernel_map_end, struct error *error)
{
    memset(machine, 0, sizeof(*machine));
    machine->geometry = geometry;
    machine->kernel_base = geometry->kernel_base;
    machine->memory = memory & ~(uint64_t)(PAGE_SIZE - 1);

    if ((nr == 0 || memory > geometry->memory_max) && memory_check(geometry, memory, error) != 0)
        return -1;

    if (layout_find(machine, segments, nr, kernel_map_start, kernel_map_end, error) != 0)
        return -1;

    if (occupancy_open(&machine->occupancy, machine->frames, PAGE_CLASS_RESERVED, error) != 0)
        return -1;

    return memory_reserve(machine, error);
}

void machine_populate(struct machine *machine)
{
    const size_t step = 4096; /* the host's smallest page, or less */
    volatile uint8_t *memory = machine->reservation;

#ifdef MADV_POPULATE_WRITE
    if (madvise(machine->reservation, machine->reservation_size, MADV_POPULATE_WRITE) == 0)
        return;
#endif

    for (size_t at = 0; at < machine->reservation_size; at += step)
        memory[at] = 0;
}

void machine_discard(struct machine *machine, uint64_t address, uint64_t bytes)
{
    (void)madvise(machine_at(machine, address), bytes, MADV_DONTNEED);
}

void machine_close(struct machine *machine)
{
    host_unreserve(machine->reservation, machine->reservation_size);
    host_unreserve(machine->pages, (size_t)machine->frames * sizeof(struct page));
    machine->reservation = NULL;
    machine->pages = NULL;
}

static unsigned range_add(struct boot_range *ranges, unsigned nr, uint32_t start, uint32_t end,
                          unsigned phase, bool descending)
{
    if (start >= end)
        return nr;

    ranges[nr] = (struct boot_range){
        .start = start, .end = end, .descending = descending, .phase = (uint8_t)phase};
    return nr + 1;
}

/* The free-page list: 0 ranges when start-up takes more than lies above 16 MiB. */
static unsigned list_ranges(const struct machine *machine, const struct startup *startup,
                            struct boot_range *ranges)
{
    const struct geometry *geometry = machine->geometry;
    uint32_t copies = LIST_START + geometry->boot_low;
    uint64_t first = (uint64_t)copies + geometry->module_copies + startup->page_tables +
                     startup->static_frames + startup->hash_frames + startup->descriptor_frames;
    uint32_t image_end = geometry->image_start + geometry->image_frames;
    unsigned nr = 0;

    if (first >= machine->direct_frames)
        return 0;

    nr = range_add(ranges, nr, image_end, LIST_START, 0, true);
    nr = range_add(ranges, nr, geometry->low_start, LOW_FRAMES_END, 0, true);
    nr = range_add(ranges, nr, (uint32_t)first, machine->direct_frames, 0, true);
    return range_add(ranges, nr, copies, copies + geometry->module_copies, 2, true);
}

/* What kernel image and boot modules leave above 1 MiB, and which part of it start-up takes its
 * memory from: the largest. */
struct gap {
    uint32_t start;
    uint32_t end;
};

static struct gap low_gap(const struct machine *machine, unsigned heap)
{
    const struct geometry *geometry = machine->geometry;
    uint32_t image_end = geometry->image_start + geometry->image_frames;
    struct gap gap = {.start = HIGH_START};

    if (heap > 0)
        gap.end = machine->segments[0].end;
    if (geometry->image_start < gap.end)
        gap.start = image_end;

    return gap;
}

static struct gap high_gap(const struct machine *machine, unsigned heap)
{
    const struct geometry *geometry = machine->geometry;
    const struct segment *segment = &machine->segments[heap];
    uint32_t image_end = geometry->image_start + geometry->image_frames;
    struct gap gap = {.start = segment->start, .end = segment->end};

    if (geometry->image_start >= segment->start)
        gap.start = image_end + geometry->module_frames;

    return gap;
}

/* An image at 1 MiB leaves one gap through both segments, of which the upper one is used first. */
static bool heap_is_low(const struct gap *low, const struct gap *high)
{
    return low->start == HIGH_START && low->end > low->start &&
           (high->start >= high->end || low->end - low->start > high->end - high->start);
}

/* Segments. 0 ranges when start-up takes more than the gap has that it takes memory from. */
static unsigned segment_ranges(const struct machine *machine, const struct startup *startup,
                               struct boot_range *ranges)
{
    const struct geometry *geometry = machine->geometry;
    unsigned main = machine->nr_segments > 1 && machine->segments[0].kind == SEGMENT_DMA ? 1 : 0;
    struct gap low = low_gap(machine, main);
    struct gap high = high_gap(machine, main);
    bool is_low = heap_is_low(&low, &high);
    struct gap heap = is_low ? low : high;
    bool image_in_dma = low.start != HIGH_START;
    uint32_t image_end = geometry->image_start + geometry->image_frames;
    uint32_t copies_end = heap.end - HIGHEST_FRAMES;
    uint64_t bottom = (uint64_t)heap.start + startup->hash_frames + startup->descriptor_frames +
                      geometry->boot_low;
    uint64_t top = (uint64_t)startup->page_tables + geometry->boot_high + geometry->module_copies;
    unsigned later = image_in_dma ? 0 : 1; /* in February 2016 all came at once */
    unsigned nr = 0;

    if (bottom + top >= heap.end || (is_low && image_end >= machine->segments[main].end))
        return 0;

    nr = range_add(ranges, nr, (uint32_t)bottom, heap.end - (uint32_t)top, 0, false);
    if (main > 0 && geometry->low_start != 0)
        nr = range_add(ranges, nr, machine->segments[0].start, LOW_FRAMES_END, later, false);
    if (main > 0 && !is_low)
        nr = range_add(ranges, nr, low.start, low.end, later, false);
    if (main > 0 && !image_in_dma)
        nr = range_add(ranges, nr, machine->segments[main].start, geometry->image_start, later,
                       false);
    if (!image_in_dma)
        nr = range_add(ranges, nr, image_end, is_low ? machine->segments[main].end : high.start,
                       later, false);

    for (unsigned i = main + 1; i < machine->nr_segments; i++)
        nr = range_add(ranges, nr, machine->segments[i].start, machine->segments[i].end, later,
                       false);

    return range_add(ranges, nr, copies_end - geometry->module_copies, copies_end, 2, false);
}

unsigned machine_boot_ranges(const struct machine *machine,
                             struct boot_range ranges[BOOT_RANGES_MAX])
{
    struct startup startup;

    startup_count(machine, &startup);
    if (machine->geometry->free_list)
        return list_ranges(machine, &startup, ranges);

    return segment_ranges(machine, &startup, ranges);
}

uint64_t machine_pmap_bytes(const struct machine *machine)
{
    const struct geometry *geometry = machine->geometry;
    uint64_t pages = geometry->free_list || geometry->highmem_described ? machine->direct_frames
                                                                        : pages_described(machine);

    return round_to_page(pages * PMAP_HEAD_POINTERS * geometry->pointer_size + pages +
                         (pages + 7) / 8);
}
