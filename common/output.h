/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Output files that appear whole or not at all.
 *
 * What is written goes to a file without a name, or where the file system has no such thing to a
 * temporary file beside the path, and takes its name only in output_commit(), when every byte has
 * reached the disk. Until then the path holds what it held before.
 */

#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include <stdio.h>

#include "common/error.h"

struct output;

/* An error when OUTPUT is the file INPUT, by whatever name: what was read would be lost. */
int output_distinct(const char *input, const char *output, struct error *error);

/* Opens an output that will be called PATH; "-" is the standard output, which is written as it
 * comes. A path that names something other than a regular file (a device, a pipe) is written
 * directly too. Returns NULL with the error set when the folder is missing or not writable. */
struct output *output_open(const char *path, struct error *error);

/* The stream to write to, of the output. Errors on it may be ignored: output_commit() finds them.
 */
FILE *output_stream(struct output *output);

/* Flushes, checks every error that writing has met, synchronizes, and gives the file its name.
 * Frees OUTPUT in any case; on an error nothing is left behind. */
int output_commit(struct output *output, struct error *error);

/* Throws away what was written and frees OUTPUT; NULL is allowed. */
void output_abort(struct output *output);

#endif
