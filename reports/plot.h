/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Plots of results, drawn by gnuplot.
 *
 * A kind of plot is a gnuplot script (plots/KIND.gp) and a function that writes the figures it
 * draws, as a file that gnuplot loads: a few variables, then tables of plain columns with a header
 * line. What is decided from the figures (labels that do not collide, how many points a curve
 * needs, which orders and events are worth a panel) is decided here; how it looks is the script's.
 * docs/plots.md tells of both, and how to run a script by hand.
 *
 * SVG is made small and free of all that would differ or collide: no ids, no dates, no
 * declarations; text and axes are in `currentColor`, the background is transparent. Colours of data
 * have a contrast of 3 and more both on white and on near black, and no two curves or areas differ
 * by colour alone. The same results give the same bytes.
 */

#ifndef REPORTS_PLOT_H
#define REPORTS_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"
#include "reports/load.h"

enum plot_scope {
    PLOT_TRACE, /* all stacks of one trace in one picture */
    PLOT_RESULT /* one result; a picture for each stack */
};

struct plot_job;
struct plot_data;

struct plot_kind {
    const char *name;
    const char *title;   /* of the picture; the trace, or stack, is put before it */
    const char *summary; /* for lists: one line */
    const char *reading; /* how to read it, what to look for: one or two sentences */
    enum plot_scope scope;
    bool image;             /* its figures have an image beside them */
    bool measured;          /* shows times: another replay gives another picture */
    unsigned width, height; /* pixels that suit it */

    /* Writes the figures. -1 when the results do not hold what it shows, or when there is nothing
     * to see: the error then is the sentence to print in the place of the picture. */
    int (*write)(struct plot_data *data, const struct plot_job *job, struct error *error);
    /* The figures in words. */
    void (*describe)(FILE *stream, const struct plot_job *job);
};

/* NULL when there is none. */
const struct plot_kind *plot_kind_find(const char *name);
/* The n-th, from 0, in the order of a report; NULL after the last. */
const struct plot_kind *plot_kind_at(unsigned number);

enum plot_terminal { PLOT_SVG, PLOT_PNG, PLOT_PDF, PLOT_DUMB };

/* False when there is none of that name. */
bool plot_terminal_find(const char *name, enum plot_terminal *terminal);
const char *plot_terminal_suffix(enum plot_terminal terminal); /* "svg" */

struct plot_job {
    const struct plot_kind *kind;
    const char *name; /* of the file to be written, without its suffix */
    /* All of one trace. Of PLOT_RESULT the picture is of the first; the others are its peers, so
     * that pictures which stand side by side have the same axes. */
    const struct report_result *results;
    unsigned nr;
    unsigned first; /* PLOT_RESULT: which of the results it is of */

    enum plot_terminal terminal;
    /* SVG: to stand in an HTML page, whose `color` it takes: no name space, no style. Else it is a
     * document that follows the scheme of its viewer by itself. */
    bool embedded;
    unsigned width, height; /* pixels, or characters of PLOT_DUMB; 0: what suits the kind */
};

/* Whether there is a picture: -1 with the sentence to print in its place. */
int plot_check(const struct plot_job *job, struct error *error);

/* Writes the file of figures that the script of the kind draws. -1 as with plot_check(), or when
 * writing fails. The picture of a memory map is a file of its own, IMAGE; NULL: there is none. */
int plot_write_data(const struct plot_job *job, FILE *stream, const char *image,
                    struct error *error);

/* Draws pictures into FOLDER, as NAME.svg and so on, with few processes of gnuplot: starting one
 * costs more than a plot. They run at once on all processors. -1 with the error set; what was
 * written until then is left in the folder. */
int plot_draw_all(const struct plot_job *jobs, unsigned nr, const char *folder,
                  struct error *error);

/* What the picture shows, from its figures: one or some sentences of plain text. */
int plot_describe(const struct plot_job *job, FILE *stream);

#endif
