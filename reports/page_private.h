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
    unsigned number;                    /* in the page, from 1: part of all its ids */
    char name[PAGE_TRACE_NAME];         /* differs from those of all others */
    const struct report_header *header; /* of the first result */
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

/* ---- A folder for all that is made before it is put together: page_work.c ---- */

#define PAGE_PATH_MAX 512

struct page_folder {
    char path[PAGE_PATH_MAX / 2];
};

/* Makes the folder; takes it away with all that is in it. */
int page_folder_open(struct page_folder *folder, struct error *error);
void page_folder_close(struct page_folder *folder);

/* A file of the folder, PART of trace NUMBER. NULL with the error set. */
FILE *page_part_open(const struct page_folder *folder, const char *part, unsigned number,
                     const char *mode, struct error *error);
/* Closes what was written, and finds its errors. */
int page_part_close(FILE *stream, struct error *error);
/* Copies it into the page. */
int page_part_copy(const struct page_folder *folder, const char *part, unsigned number,
                   FILE *stream, struct error *error);

/* Makes the parts of all traces: `score`, `verdict`, `trace`, `provenance`. */
int page_work(const struct page_folder *folder, const struct report_set *set,
              const struct page_options *options, struct error *error);

/* ---- The parts of a trace: page_trace.c ---- */

/* The name of a trace, with what tells it from others of that name where there are any. */
const char *page_trace_name(const struct report_set *set, unsigned trace,
                            char name[PAGE_TRACE_NAME]);

/* For each result a line with the number of requests that it refused, -1 when it is no design. */
int page_put_score(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                   struct error *error);
int page_put_verdict(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                     struct error *error);
int page_put_trace(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                   struct error *error);
/* Where the trace and its results come from: page_tables.c. */
int page_put_provenance(FILE *stream, const struct page_folder *folder,
                        const struct page_trace *trace, struct error *error);

/* What the results come to, as paragraphs: page_verdict.c. */
void page_verdict(FILE *stream, const struct page_trace *trace);

/* Draws all pictures of a trace and writes their sections, or in the place of one that there is not
 * the sentence that says why: page_pictures.c. */
int page_pictures(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                  struct error *error);

/* The tables of a trace: what comes first, and all others: page_tables.c. */
int page_summary(FILE *stream, const struct page_trace *trace, struct error *error);
int page_tables(FILE *stream, const struct page_trace *trace, struct error *error);

#endif
