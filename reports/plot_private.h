/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kinds of plots share: the file of figures, layout, labels, styles. See plot.h.
 */

#ifndef REPORTS_PLOT_PRIVATE_H
#define REPORTS_PLOT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "reports/plot.h"

#define PLOT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The job with the size that suits its kind and terminal, where it had none. */
struct plot_job plot_sized(const struct plot_job *job);

/* ---- The file of figures: plot_data.c ---- */

/* A file of figures that is being written, and the layout of the picture. Lengths are pixels from
 * the left and from the bottom; with the terminal `dumb` one character is one unit. */
struct plot_data {
    FILE *stream;
    const char *image; /* of a memory map; NULL: none is to be written */
    bool dumb;
    bool titled;                     /* the title is in the picture */
    double width, height;            /* of the picture */
    double letter, line;             /* of one character of a label */
    double left, right, top, bottom; /* of the plot in it */
};

void plot_data_begin(struct plot_data *data, const struct plot_job *job, FILE *stream,
                     const char *image);

/* Gnuplot's literals. Nothing in a text can end it: quotes are doubled, what gnuplot or a terminal
 * would interpret is replaced. */
void plot_put_text(struct plot_data *data, const char *text);
void plot_put(struct plot_data *data, const char *name, double value);
void plot_put_string(struct plot_data *data, const char *name, const char *value);
/* Arrays, that must not be empty. */
void plot_put_array(struct plot_data *data, const char *name, const double *values, size_t nr);
void plot_put_strings(struct plot_data *data, const char *name, const char *const *values,
                      size_t nr);

/* The first line, the title and the layout, when it is settled. */
void plot_put_layout(struct plot_data *data, const struct plot_job *job);

/* How many entries of a legend stand side by side, when the longest has so many characters. */
unsigned plot_legend_columns(const struct plot_data *data, size_t letters, unsigned entries);
/* Makes room for a legend and the axis' labels below the plot, and writes where it is. */
void plot_put_legend(struct plot_data *data, size_t letters, unsigned entries);

/* ---- The axis of the trace: plot_trace.c ---- */

/* Makes room for the flags of the phases of a result's marks above the plot, and writes them, the
 * bands, and the range of the axis. Left and right must be settled. -1: no memory. */
int plot_put_phases(struct plot_data *data, const struct report_result *result,
                    struct error *error);

/* The same over events FIRST to LAST; else they are those of the series. */
int plot_put_phases_over(struct plot_data *data, const struct report_result *result, double first,
                         double last, struct error *error);

/* ---- Images: plot_image.c ---- */

/* Writes a PNG of COLUMNS times ROWS pixels, each a number in a palette of NR colours of red,
 * green, blue and opacity. */
int plot_image_write(const char *path, const unsigned char *pixels, size_t columns, size_t rows,
                     const unsigned char (*palette)[4], unsigned nr, struct error *error);

/* ---- Styles: plot_style.c ---- */

struct plot_style {
    const char *colour; /* #rrggbb */
    const char *dash;   /* gnuplot's dash type */
    unsigned point;     /* gnuplot's point type */
};

/* Of stack NAME. A stack that the program has not of itself gets one by its NUMBER in the picture.
 */
struct plot_style plot_style_of_stack(const char *name, unsigned number);
/* Writes line style NUMBER, from 1. */
void plot_put_style(struct plot_data *data, unsigned number, const struct plot_style *style);

/* ---- Columns ---- */

struct plot_column {
    double *values; /* owned */
    size_t nr;
};

/* The numbers of an array; empty when it is NULL. -1: no memory. */
int plot_column_read(struct plot_column *column, const json_t *array, struct error *error);
void plot_column_free(struct plot_column *column);

/* Writes rows of X and Y, the next block of a table: all of them, or when there are more than two
 * for a pixel of COLUMNS the first, lowest, highest and last of each pixel. */
void plot_put_curve(struct plot_data *data, const struct plot_column *x,
                    const struct plot_column *y, unsigned columns);
/* Writes some of the rows as a block, where markers tell NR curves from each other: those of curve
 * NUMBER are between those of its neighbours. */
void plot_put_markers(struct plot_data *data, const struct plot_column *x,
                      const struct plot_column *y, unsigned number, unsigned nr);

/* A size in words, "4.1 MiB". */
#define PLOT_SIZE_MAX 32
const char *plot_size(char *text, double bytes);

/* A unit for values up to MOST bytes: its name and size. */
const char *plot_unit(double most, double *size);

/* ---- Scripts, compiled in: plots/scripts.py ---- */

struct plot_script {
    const char *name, *text;
};
extern const struct plot_script plot_scripts[];
extern const unsigned plot_scripts_nr;

/* ---- SVG: plot_svg.c ---- */

/* Writes gnuplot's SVG anew, small and without ids. IMAGE is the PNG that stands in it, or NULL.
 * TITLE and DESCRIPTION are for a document; both NULL: it will stand in a page. */
int plot_svg_rewrite(const char *svg, size_t length, const char *image, const char *title,
                     const char *description, FILE *stream, struct error *error);

/* ---- The kinds ---- */

extern const struct plot_kind plot_kind_held, plot_kind_unusable, plot_kind_waste, plot_kind_spaces,
    plot_kind_huge, plot_kind_extfrag, plot_kind_largest_block, plot_kind_largest_hole,
    plot_kind_memory, plot_kind_kernel_map, plot_kind_buddy, plot_kind_fullness, plot_kind_latency,
    plot_kind_latency_map, plot_kind_speed, plot_kind_work;

#endif
