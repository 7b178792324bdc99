/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Exports that are no tables: forms that other programs read.
 */

#ifndef REPORTS_EXPORT_H
#define REPORTS_EXPORT_H

#include <stdio.h>

#include "reports/latency.h"
#include "reports/load.h"

/*
 * The percentile distribution that HdrHistogram prints, and that its plotter reads: Value in ns,
 * Percentile, TotalCount and 1/(1-Percentile), and a footer. There is a line for each bucket, so
 * that nothing is lost; the last line is the maximum, without the last column.
 */
void export_histogram(FILE *stream, const struct latency *latency);

/* The series of fragmentation as columns between spaces, a line for each sample, under a line of
 * their names: the dotted path below exact.series, with the names of caches, segments and maps.
 * Pictures are left out. Names have no spaces. -1 with the error set when there is no series. */
int export_series(FILE *stream, const struct report_result *result, struct error *error);

#endif
