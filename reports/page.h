/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A page of results: one HTML file that needs nothing beside it.
 */

#ifndef REPORTS_PAGE_H
#define REPORTS_PAGE_H

#include <stdio.h>
#include <time.h>

#include "common/error.h"
#include "common/progress.h"
#include "reports/load.h"

struct page_options {
    const char *title;
    time_t made;                /* what the footer says; the only part that is not of the results */
    const char *const *benches; /* paths of documents of `allotrope bench` */
    unsigned nr_benches;
    struct progress *progress; /* a unit for each trace; NULL: none */
};

/*
 * Writes the page on all results of the set. The documents are loaded one trace at a time, and what
 * is made of them goes to temporary files, so that memory does not grow with the number of traces.
 * -1 with the error set: a result or benchmark cannot be read, gnuplot is missing or fails, or
 * there is no room for temporary files. Then what was written to STREAM is of no use. Errors of
 * STREAM itself are the caller's to find.
 */
int page_write(FILE *stream, const struct report_set *set, const struct page_options *options,
               struct error *error);

#endif
