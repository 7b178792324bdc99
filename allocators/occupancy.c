/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Occupancy pictures.
 *
 * The idea is that of a fragmentation map of a disk: a glance shows whether what is free lies
 * together, and which kind of memory keeps it apart. A cell of many pages needs one letter, so
 * minorities are lost in it; they are in the counts, not in the picture. Cells are powers of two of
 * pages from page 0 on, so that a cell is made of whole buddy blocks, or a part of one.
 */

#include "allocators/occupancy.h"

#include <string.h>

static const char letters[PAGE_CLASSES] = {
    [PAGE_CLASS_RESERVED] = '#',   [PAGE_CLASS_FREE] = '.',        [PAGE_CLASS_ADDRESS] = 'a',
    [PAGE_CLASS_USER] = 'u',       [PAGE_CLASS_WIRED] = 'w',       [PAGE_CLASS_TABLE] = 't',
    [PAGE_CLASS_STACK] = 's',      [PAGE_CLASS_SLAB_IPC] = 'i',    [PAGE_CLASS_SLAB_VM] = 'v',
    [PAGE_CLASS_SLAB_OTHER] = 'o', [PAGE_CLASS_SLAB_KALLOC] = 'k',
};

/* Caches by the beginning of their names. What is not here is "other". */
static const struct {
    const char *prefix;
    enum page_class class;
} families[] = {
    {"ipc_", PAGE_CLASS_SLAB_IPC},
    {"rdxtree_node", PAGE_CLASS_SLAB_IPC},
    {"kalloc", PAGE_CLASS_SLAB_KALLOC},
    {"vm_", PAGE_CLASS_SLAB_VM},
    {"pv_entry", PAGE_CLASS_SLAB_VM},
    {"pmap", PAGE_CLASS_SLAB_VM},
    {"pd", PAGE_CLASS_SLAB_VM}, /* page directories, and what stands above them */
    {"memory_object", PAGE_CLASS_SLAB_VM},
    {"small_existence_map", PAGE_CLASS_SLAB_VM},
    {"large_existence_map", PAGE_CLASS_SLAB_VM},
};

char page_class_letter(enum page_class class)
{
    return class < PAGE_CLASSES ? letters[class] : '?';
}

enum page_class page_class_of_cache(const char *name)
{
    for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strncmp(name, families[i].prefix, strlen(families[i].prefix)) == 0)
            return families[i].class;

    return PAGE_CLASS_SLAB_OTHER;
}

static uint32_t cell_pages(const struct occupancy *occupancy, unsigned cell)
{
    uint32_t start = (uint32_t)cell << occupancy->shift;
    uint32_t whole = (uint32_t)1 << occupancy->shift;

    return occupancy->pages - start < whole ? occupancy->pages - start : whole;
}

int occupancy_open(struct occupancy *occupancy, uint64_t pages, enum page_class first,
                   struct error *error)
{
    unsigned shift = 0;

    while ((pages + ((uint64_t)1 << shift) - 1) >> shift > OCCUPANCY_CELLS)
        shift++;

    memset(occupancy, 0, sizeof(*occupancy));
    if ((uint64_t)1 << shift > UINT16_MAX || pages > UINT32_MAX)
        return error_set(error, "%llu pages are more than an occupancy picture can count",
                         (unsigned long long)pages);

    occupancy->pages = (uint32_t)pages;
    occupancy->shift = shift;
    occupancy->cells = (unsigned)((pages + ((uint64_t)1 << shift) - 1) >> shift);

    for (unsigned cell = 0; cell < occupancy->cells; cell++) {
        occupancy->counts[cell][first] = (uint16_t)cell_pages(occupancy, cell);
        occupancy->touched[cell] = true;
    }

    return 0;
}

static char cell_letter(const struct occupancy *occupancy, unsigned cell)
{
    const uint16_t *counts = occupancy->counts[cell];
    uint32_t pages = cell_pages(occupancy, cell);
    uint32_t used = pages - counts[PAGE_CLASS_FREE];
    uint32_t most = 0;
    unsigned found = PAGE_CLASS_FREE;

    if (used == 0)
        return letters[PAGE_CLASS_FREE];

    for (unsigned class = 0; class < PAGE_CLASSES; class ++)
        if (class != PAGE_CLASS_FREE && counts[class] > most) {
            most = counts[class];
            found = class;
        }

    bool upper = used * 2 > pages && found != PAGE_CLASS_RESERVED;

    return (char)(letters[found] - (upper ? 'a' - 'A' : 0));
}

void occupancy_draw(struct occupancy *occupancy, struct occupancy_picture *picture)
{
    for (unsigned cell = 0; cell < occupancy->cells; cell++) {
        if (!occupancy->touched[cell])
            continue;

        occupancy->letters[cell] = cell_letter(occupancy, cell);
        occupancy->touched[cell] = false;
    }

    picture->cells = occupancy->cells;
    picture->pages_per_cell = (uint32_t)1 << occupancy->shift;
    memcpy(picture->letters, occupancy->letters, occupancy->cells);
}

int occupancy_check(const struct occupancy *occupancy, const uint8_t *classes, size_t stride,
                    const char *what, struct error *error)
{
    for (unsigned cell = 0; cell < occupancy->cells; cell++) {
        uint32_t start = (uint32_t)cell << occupancy->shift;
        uint16_t counts[PAGE_CLASSES] = {0};

        for (uint32_t i = 0; i < cell_pages(occupancy, cell); i++) {
            uint8_t class = classes[(size_t)(start + i) * stride];

            if (class >= PAGE_CLASSES)
                return error_set(error, "occupancy of %s: page %x has the class %u", what,
                                 start + i, class);
            counts[class]++;
        }

        for (unsigned class = 0; class < PAGE_CLASSES; class ++)
            if (counts[class] != occupancy->counts[cell][class])
                return error_set(error,
                                 "occupancy of %s: cell %u has %u pages of class '%c', counted are "
                                 "%u",
                                 what, cell, counts[class], letters[class],
                                 occupancy->counts[cell][class]);
    }

    return 0;
}
