/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kinds of plots, and what is asked of any of them.
 */

#include <errno.h>
#include <string.h>

#include "reports/plot_private.h"

/* In the order of a report. */
static const struct plot_kind *const kinds[] = {
    &plot_kind_held,          &plot_kind_unusable,     &plot_kind_huge,  &plot_kind_extfrag,
    &plot_kind_largest_block, &plot_kind_largest_hole, &plot_kind_waste, &plot_kind_spaces,
    &plot_kind_memory,        &plot_kind_kernel_map,   &plot_kind_buddy, &plot_kind_fullness,
    &plot_kind_latency,       &plot_kind_latency_map,  &plot_kind_speed, &plot_kind_work,
};

const struct plot_kind *plot_kind_at(unsigned number)
{
    return number < PLOT_COUNT(kinds) ? kinds[number] : NULL;
}

const struct plot_kind *plot_kind_find(const char *name)
{
    for (unsigned i = 0; i < PLOT_COUNT(kinds); i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];

    return NULL;
}

static const char *const suffixes[] = {
    [PLOT_SVG] = "svg",
    [PLOT_PNG] = "png",
    [PLOT_PDF] = "pdf",
    [PLOT_DUMB] = "txt",
};

bool plot_terminal_find(const char *name, enum plot_terminal *terminal)
{
    for (unsigned i = 0; i < PLOT_COUNT(suffixes); i++)
        if (strcmp(name, i == PLOT_DUMB ? "dumb" : suffixes[i]) == 0) {
            *terminal = (enum plot_terminal)i;
            return true;
        }

    return false;
}

const char *plot_terminal_suffix(enum plot_terminal terminal)
{
    return suffixes[terminal];
}

#define DUMB_WIDTH         79
#define DUMB_HEIGHT        28
#define DUMB_HEIGHT_PANELS 44

struct plot_job plot_sized(const struct plot_job *job)
{
    struct plot_job copy = *job;
    bool dumb = job->terminal == PLOT_DUMB;

    if (copy.width == 0)
        copy.width = dumb ? DUMB_WIDTH : job->kind->width;
    if (copy.height == 0)
        copy.height = !dumb                     ? job->kind->height
                      : job->kind->height > 420 ? DUMB_HEIGHT_PANELS
                                                : DUMB_HEIGHT;
    return copy;
}

int plot_write_data(const struct plot_job *job, FILE *stream, const char *image,
                    struct error *error)
{
    struct plot_job copy = plot_sized(job);
    struct plot_data data;

    plot_data_begin(&data, &copy, stream, image);
    plot_put_string(&data, "plot_kind", job->kind->name);
    if (job->kind->write(&data, &copy, error) != 0)
        return -1;
    if (ferror(stream))
        return error_set(error, "the figures of a plot cannot be written: %s", strerror(errno));
    return 0;
}

int plot_check(const struct plot_job *job, struct error *error)
{
    FILE *nothing = fopen("/dev/null", "w");

    if (nothing == NULL)
        return error_set(error, "/dev/null: %s", strerror(errno));

    int status = plot_write_data(job, nothing, NULL, error);

    fclose(nothing);
    return status;
}

int plot_describe(const struct plot_job *job, FILE *stream)
{
    struct plot_job copy = plot_sized(job);

    job->kind->describe(stream, &copy);
    return ferror(stream) ? -1 : 0;
}
