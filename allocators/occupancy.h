/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Occupancy: what lives where, as a row of cells that each stand for the same number of pages.
 *
 * A picture is wanted often while a trace runs, and memory has many pages. So the pages of each
 * cell are counted by what they hold as they change hands, two additions each time, and a picture
 * looks at the cells that were touched since the last one. Each page also knows its own class, so
 * that the counts can be checked against a walk.
 */

#ifndef ALLOCATORS_OCCUPANCY_H
#define ALLOCATORS_OCCUPANCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define OCCUPANCY_CELLS 512 /* at most; fewer when there are fewer pages */

/* What a page holds. The order decides among equals in a picture: the first wins. */
enum page_class {
    PAGE_CLASS_RESERVED, /* memory that was never given to the page allocator */
    PAGE_CLASS_FREE,     /* pages in CPU pools included */
    PAGE_CLASS_ADDRESS,  /* kernel map only: taken, with no page behind it */
    PAGE_CLASS_USER,
    PAGE_CLASS_WIRED,
    PAGE_CLASS_TABLE, /* of rights: ranges of a page or more */
    PAGE_CLASS_STACK, /* kernel stacks */
    PAGE_CLASS_SLAB_IPC,
    PAGE_CLASS_SLAB_VM,
    PAGE_CLASS_SLAB_KALLOC,
    PAGE_CLASS_SLAB_OTHER,
    PAGE_CLASSES,
};

/* The letter of a class in pictures, in lower case; '#' for reserved, '.' for free. */
char page_class_letter(enum page_class class);

/* The family of a slab cache, by its name. */
enum page_class page_class_of_cache(const char *name);

enum occupancy_of { OCCUPANCY_MEMORY, OCCUPANCY_KERNEL_MAP, OCCUPANCIES };

/* Zero: nothing is counted. */
struct occupancy {
    uint32_t pages;
    unsigned cells; /* used: pages / 2^shift, rounded up */
    unsigned shift; /* a cell stands for 2^shift pages; the last one may have fewer */
    uint16_t counts[OCCUPANCY_CELLS][PAGE_CLASSES];
    bool touched[OCCUPANCY_CELLS]; /* since its letter was found */
    char letters[OCCUPANCY_CELLS];
};

/* A picture, one printable character to a cell, without a NUL at the end. */
struct occupancy_picture {
    unsigned cells; /* 0: there is no such picture */
    uint32_t pages_per_cell;
    uint64_t start; /* of the first cell: a frame, or an address of the kernel map */
    char letters[OCCUPANCY_CELLS];
};

/* PAGES pages, all of class FIRST. -1 with the error set: more than the cells can count. */
int occupancy_open(struct occupancy *occupancy, uint64_t pages, enum page_class first,
                   struct error *error);

/* PAGE, whose class is kept in *CLASS, becomes TO. */
static inline void occupancy_move(struct occupancy *occupancy, uint32_t page, uint8_t *class,
                                  enum page_class to)
{
    uint32_t cell = page >> occupancy->shift;

    if (*class != to && cell < occupancy->cells) {
        occupancy->counts[cell][*class]--;
        occupancy->counts[cell][to]++;
        occupancy->touched[cell] = true;
    }

    *class = (uint8_t)to;
}

/*
 * The letters of all cells, to OCCUPANCY_CELLS at most. '.': all pages are free. Else the letter of
 * the class that has the most pages, free ones left out; in upper case when more than half of the
 * cell's pages are not free.
 */
void occupancy_draw(struct occupancy *occupancy, struct occupancy_picture *picture);

/* Compares the counts with the classes of the pages, STRIDE bytes from one to the next. */
int occupancy_check(const struct occupancy *occupancy, const uint8_t *classes, size_t stride,
                    const char *what, struct error *error);

#endif
