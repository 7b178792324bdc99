/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Images of a palette. Rows and columns that repeat, as they do where an image is scaled up, take
 * next to nothing in a PNG.
 */

#include <png.h>

#include "reports/plot_private.h"

int plot_image_write(const char *path, const unsigned char *pixels, size_t columns, size_t rows,
                     const unsigned char (*palette)[4], unsigned nr, struct error *error)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = (png_uint_32)columns,
        .height = (png_uint_32)rows,
        .format = PNG_FORMAT_RGBA_COLORMAP,
        .colormap_entries = nr,
    };

    if (png_image_write_to_file(&image, path, 0, pixels, 0, palette) != 0)
        return 0;
    return error_set(error, "%s: %s", path, image.message);
}
