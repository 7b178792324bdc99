/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Geometries: what a machine looked like to the kernels of each age.
 *
 * The figures of the address layout are the kernels' own constants: the size of the kernel map, the
 * limit of the direct map that follows from it (1 GiB or 2 GiB of kernel space less the map), the
 * size of a page descriptor. What start-up takes is measured: the five kernels whose logs begin at
 * power-on tell, by the pages that were free when the first cache was made and by the frames that
 * came into use later, what the kernel image, the boot modules and the rest had taken. The boot
 * modules are those of the captured machines: a small freestanding program for the bare kernels, a
 * Hurd's file system and exec server for Debian's. Another kernel build or other modules shift the
 * free pages by some hundreds; nothing else depends on it.
 *
 * The direct map of 1.5 and 1.6 ends a page below 832 (1856) MiB: the limit is worked out from the
 * last address, not from the end. The address of kmem_map with 1 GiB shows it.
 *
 * `i386-2016-02` is the kernel of the two and a half weeks in February 2016 in which slabs were
 * buddy blocks. It shares the address layout of `i386-2016` but has a larger page descriptor, does
 * not use memory above the direct map (which it describes all the same), and lies at 1 MiB, where
 * its start-up loses the memory below it.
 *
 * `i386` and `amd64` map pages of HIGHMEM in ranges of the kernel map: with 1 GiB (3 GiB) their
 * slabs of several pages are seen to leave DIRECTMAP alone.
 *
 * `amd64` is the kernel of Debian 13. It lives in the last 2 GiB of the address space, so its
 * direct map ends where 512 MiB of kernel map begin, at 1536 MiB, and memory above is for user
 * pages (the kernel has segments DMA32 and HIGHMEM there, parted at 4 GiB; both are HIGHMEM here).
 * Captures with 64 MiB, 1, 3 and 6 GiB give image, page descriptor, hash and what the boot
 * allocator takes besides; the boot modules are those of i386. The kernel of sid has 1000 MiB of
 * kernel map.
 */

#include "allocators/machine.h"

#include <string.h>

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

/* Of the kernel map's end: the kernel keeps two pages there. */
#define KERNEL_MAP_TAIL KIB(8)

#define DMA_END MIB(16)

static const struct geometry geometries[] = {
    {
        .name = "i386-2013",
        .summary = "1.5 and 1.6, 3G/1G split: 832 MiB direct map, 192 MiB kernel map, kmem_map",
        .pointer_size = 4,
        .kernel_base = 0xc0000000,
        .direct_map_max = MIB(832) - PAGE_SIZE,
        .kernel_map_size = MIB(192),
        .kernel_map_tail = KERNEL_MAP_TAIL,
        .slab_submap_size = MIB(96),
        .page_descriptor = 44,
        .slab_descriptor = {32, 36},
        .memory_max = GIB(4),
        .low_start = 1,
        .image_start = 0x100,
        .image_frames = 99,
        .module_copies = 3,
        .boot_low = 5,
        .static_bytes = MIB(1),
        .hash_bucket = 4,
        .page_entries = 1024,
        .free_list = true,
    },
    {
        .name = "i386-2013-2g",
        .summary = "1.5 and 1.6, 2G/2G split: 1856 MiB direct map, 192 MiB kernel map, kmem_map",
        .pointer_size = 4,
        .kernel_base = 0x80000000,
        .direct_map_max = MIB(1856) - PAGE_SIZE,
        .kernel_map_size = MIB(192),
        .kernel_map_tail = KERNEL_MAP_TAIL,
        .slab_submap_size = MIB(96),
        .page_descriptor = 44,
        .slab_descriptor = {32, 36},
        .memory_max = GIB(4),
        .low_start = 1,
        .image_start = 0x100,
        .image_frames = 99,
        .module_copies = 3,
        .boot_low = 5,
        .static_bytes = MIB(1),
        .hash_bucket = 4,
        .page_entries = 1024,
        .free_list = true,
    },
    {
        .name = "i386-2016",
        .summary = "1.7 and 1.8, 3G/1G split: 928 MiB direct map, 96 MiB kernel map, HIGHMEM",
        .pointer_size = 4,
        .kernel_base = 0xc0000000,
        .direct_map_max = MIB(928),
        .kernel_map_size = MIB(96),
        .kernel_map_tail = KERNEL_MAP_TAIL,
        .dma_end = DMA_END,
        .highmem = true,
        .page_descriptor = 56,
        .slab_descriptor = {32, 36},
        .memory_max = GIB(4),
        .low_start = 0x10,
        .image_start = 0x1000,
        .image_frames = 108,
        .module_frames = 5,
        .module_copies = 4,
        .boot_high = 4,
        .hash_bucket = 4,
        .page_entries = 1024,
    },
    {
        .name = "i386",
        .summary = "2017 to 2022, Debian 12: 872 MiB direct map, 152 MiB kernel map, HIGHMEM",
        .pointer_size = 4,
        .kernel_base = 0xc0000000,
        .direct_map_max = MIB(872),
        .kernel_map_size = MIB(152),
        .kernel_map_tail = KERNEL_MAP_TAIL,
        .dma_end = DMA_END,
        .highmem = true,
        .ranges_high = true,
        .page_descriptor = 56,
        .slab_descriptor = {32, 36},
        .memory_max = GIB(4),
        .low_start = 0x10,
        .image_start = 0x1000,
        .image_frames = 328,
        .module_frames = 742,
        .module_copies = 742,
        .boot_high = 4,
        .hash_bucket = 4,
        .page_entries = 1024,
    },
    {
        .name = "amd64",
        .summary = "64 bits, Debian 13: 1536 MiB direct map, 512 MiB kernel map, HIGHMEM",
        .pointer_size = 8,
        .kernel_base = 0xffffffff80000000,
        .direct_map_max = MIB(1536),
        .kernel_map_size = MIB(512),
        .kernel_map_tail = KERNEL_MAP_TAIL,
        .dma_end = DMA_END,
        .highmem = true,
        .ranges_high = true,
        .page_descriptor = 80,
        .slab_descriptor = {64, 72},
        .memory_max = GIB(24),
        .low_start = 0x10,
        .image_start = 0x100c,
        .image_frames = 187,
        .module_frames = 742,
        .module_copies = 742,
        .boot_high = 7,
        .hash_bucket = 8,
        .page_entries = 512,
    },
    {
        .name = "i386-2016-02",
        .summary = "16 February 2016: as i386-2016, larger page descriptors, no HIGHMEM",
        .pointer_size = 4,
        .kernel_base = 0xc0000000,
        .direct_map_max = MIB(928),
        .kernel_map_size = MIB(96),
        .kernel_map_tail = KERNEL_MAP_TAIL,
        .dma_end = DMA_END,
        .highmem_described = true,
        .page_descriptor = 60,
        .slab_descriptor = {32, 36},
        .memory_max = GIB(4),
        .image_start = 0x100,
        .image_frames = 111,
        .module_copies = 4,
        .boot_high = 4,
        .hash_bucket = 4,
        .page_entries = 1024,
    },
};

#define NR_GEOMETRIES (sizeof(geometries) / sizeof(geometries[0]))

const struct geometry *geometry_at(unsigned index)
{
    return index < NR_GEOMETRIES ? &geometries[index] : NULL;
}

const struct geometry *geometry_find(const char *name)
{
    for (unsigned i = 0; i < NR_GEOMETRIES; i++)
        if (strcmp(geometries[i].name, name) == 0)
            return &geometries[i];

    return NULL;
}
