/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the parts of the page share.
 */

#ifndef REPORTS_PAGE_PRIVATE_H
#define REPORTS_PAGE_PRIVATE_H

#include "reports/page.h"
#include "reports/page_html.h"

extern const char page_css[]; /* page.css, compiled in */

#define PAGE_TRACE_NAME 512

/* All results of one trace on one machine. */
struct page_trace {
    unsigned number;            /* in the page, from 1: part of all its ids */
    char name[PAGE_TRACE_NAME]; /* differs from those of all others */
    struct report_result *results;
    unsigned nr;
};

/* The stack that does nothing: it tells what the engine costs, and is compared with none. */
bool page_baseline(const struct report_result *result);
/* Whether the result's figures can be compared with others': it is of a design, the whole trace was
 * replayed and nothing refused. */
bool page_compares(const struct report_result *result);
/* A time of the trace in seconds; 0 when its unit is unknown. */
double page_seconds(const struct report_result *result, int64_t time);

/* What the results come to, as paragraphs. */
void page_verdict(FILE *stream, const struct page_trace *trace);

/* Pictures are drawn into a folder of their own, which is there for as long as the page is made. */
struct page_pictures {
    char folder[64];
};

/* Makes the folder; takes it away with all that is in it, which can be called in any case. */
int page_pictures_open(struct page_pictures *pictures, struct error *error);
void page_pictures_close(struct page_pictures *pictures);
/* Draws all pictures of a trace and writes their sections, or in the place of one that there is not
 * the sentence that says why. */
int page_pictures_write(struct page_pictures *pictures, FILE *stream,
                        const struct page_trace *trace, struct error *error);

/* The tables of a trace: what comes first, and all others. */
int page_summary(FILE *stream, const struct page_trace *trace, struct error *error);
int page_tables(FILE *stream, const struct page_trace *trace, struct error *error);
/* Where a trace and its results come from. */
int page_provenance(FILE *stream, const struct page_trace *trace, struct error *error);

#endif
