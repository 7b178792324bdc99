/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Conditions on a comparison, for a CI that is to fail on them: docs/comparing.md describes the
 * language.
 *
 *   latency.name-alloc.p99 > +5%
 *   kernel_map.largest_hole < -10% or refused > +0
 *   min(pages.free_pages) < 1000 and (work.splits > +20% or peak.page_bytes > +1M)
 */

#ifndef REPORTS_EXPRESSION_H
#define REPORTS_EXPRESSION_H

#include "reports/compare.h"

struct expression;

/* Parses TEXT, which must outlive the expression. NULL with the error set, and with the column of
 * the fault, from 0, in *COLUMN. */
struct expression *expression_parse(const char *text, unsigned *column, struct error *error);
void expression_free(struct expression *expression); /* NULL is allowed */

/* What became of an expression for one pair of results. */
struct expression_outcome {
    bool holds;
    char why[512]; /* the terms that hold, with their figures; "" when it does not */
};

/* The figures of a term in the two results; not a number where there is none. */
struct expression_figures {
    double old, new;
};

/* How many terms there are: of so many figures is the array that the following fill and read. */
unsigned expression_terms(const struct expression *expression);

/* Looks the terms up, while the documents of the pair are there. */
void expression_read(const struct expression *expression, const struct compare_pair *pair,
                     struct expression_figures *figures);

/* Evaluates it for a pair that has been judged. A term whose metric one of the two lacks is false.
 */
void expression_evaluate(const struct expression *expression, const struct compare_pair *pair,
                         const struct expression_figures *figures,
                         struct expression_outcome *outcome);

/* A metric that none of NR pairs has, or NULL; its column goes to *COLUMN: such a condition would
 * never fail. FIGURES are those of all pairs, one after the other. */
const char *expression_unknown(const struct expression *expression,
                               const struct expression_figures *figures, unsigned nr,
                               unsigned *column);

#endif
