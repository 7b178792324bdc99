/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results to test with. The file of two that samples.sh makes is the tests' argument.
 */

#ifndef TESTS_REPORTS_SAMPLES_H
#define TESTS_REPORTS_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reports/load.h"

#define SAMPLES 2 /* radix+hybrid, table+vm */

/* Reads them; PATH is kept. */
void samples_read(const char *path);
void samples_free(void);

/* A copy of a sample's document, to be changed. */
json_t *sample_copy(unsigned number);

/* Sets what is at a path of keys; VALUE is taken. */
void sample_set(json_t *root, const char *path, json_t *value);

/* The document as a result, which takes it. Fails the test when it is none. */
struct report_result sample_result(json_t *root);

/* Writes TEXT to a file in the test's own folder and returns its path, which the next call
 * overwrites. */
const char *sample_file(const char *name, const char *text);

#endif
