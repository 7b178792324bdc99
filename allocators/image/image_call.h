/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls of the kernel's functions: with words, and with 64-bit keys of radix trees. Both kernels
 * use the calling conventions of the process that holds them.
 */

#ifndef ALLOCATORS_IMAGE_IMAGE_CALL_H
#define ALLOCATORS_IMAGE_IMAGE_CALL_H

#include "allocators/image/image.h"

static inline uintptr_t image_call0(const struct image *image, enum image_symbol_id id)
{
    return ((uintptr_t(*)(void))image_at(image, id))();
}

static inline uintptr_t image_call1(const struct image *image, enum image_symbol_id id, uintptr_t a)
{
    return ((uintptr_t(*)(uintptr_t))image_at(image, id))(a);
}

static inline uintptr_t image_call2(const struct image *image, enum image_symbol_id id, uintptr_t a,
                                    uintptr_t b)
{
    return ((uintptr_t(*)(uintptr_t, uintptr_t))image_at(image, id))(a, b);
}

static inline uintptr_t image_call3(const struct image *image, enum image_symbol_id id, uintptr_t a,
                                    uintptr_t b, uintptr_t c)
{
    return ((uintptr_t(*)(uintptr_t, uintptr_t, uintptr_t))image_at(image, id))(a, b, c);
}

static inline uintptr_t image_call5(const struct image *image, enum image_symbol_id id, uintptr_t a,
                                    uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e)
{
    return ((uintptr_t(*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t))image_at(
        image, id))(a, b, c, d, e);
}

static inline uintptr_t image_call6(const struct image *image, enum image_symbol_id id, uintptr_t a,
                                    uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f)
{
    return ((uintptr_t(*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                          uintptr_t))image_at(image, id))(a, b, c, d, e, f);
}

/* A function of a tree, a key, and more words, which it may not look at. */
static inline uintptr_t image_call_key(const struct image *image, enum image_symbol_id id,
                                       uintptr_t tree, uint64_t key, uintptr_t a, uintptr_t b)
{
    if (image->plan->key_bytes <= sizeof(uintptr_t))
        return ((uintptr_t(*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t))image_at(image, id))(
            tree, (uintptr_t)key, a, b);
    return ((uintptr_t(*)(uintptr_t, uint64_t, uintptr_t, uintptr_t))image_at(image, id))(tree, key,
                                                                                          a, b);
}

#endif
