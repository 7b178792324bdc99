/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the files that load results share.
 */

#ifndef REPORTS_LOAD_PRIVATE_H
#define REPORTS_LOAD_PRIVATE_H

#include "reports/load.h"

/* Of a result of version REPORT_RESULT_VERSION. */
extern const struct report_rule load_rules[];
extern const unsigned nr_load_rules;

/* Whether the schema of a document is that of results; then its version too is right. -1 with the
 * error set when the document is neither a result nor a benchmark, or is of another version. */
enum load_schema { LOAD_RESULT, LOAD_BENCHMARK };

/* Finds out which schema a document has. -1 with the error set for any other, and for a result of
 * another version. */
int load_schema(const json_t *root, const char *name, enum load_schema *schema,
                struct error *error);

/* Takes ROOT, and frees it on an error. NAME is copied. */
int load_take(struct report_result *result, json_t *root, const char *name, struct error *error);

#endif
