/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel's file: what a capture must know of it, out of its symbols and its debugging
 * information.
 */

#ifndef TRACES_CAPTURE_KERNEL_H
#define TRACES_CAPTURE_KERNEL_H

#include "common/error.h"
#include "traces/capture/plan.h"

/* Fills what PLAN says of the kernel in the file PATH, an ELF executable, plain or compressed with
 * gzip. -1 with the error set, which names what is missing, when the file is no kernel of GNU Mach
 * that can be observed. */
int kernel_plan(struct plan *plan, const char *path, struct error *error);

/* Writes the kernel's file to STREAM as QEMU's multiboot loader takes it: uncompressed, and for
 * amd64, which it does not take, in the clothes of a 32-bit program. */
int kernel_image(const char *path, FILE *stream, struct error *error);

#endif
