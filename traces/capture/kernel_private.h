/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Parts of the look at a kernel that the files of it share.
 */

#ifndef TRACES_CAPTURE_KERNEL_PRIVATE_H
#define TRACES_CAPTURE_KERNEL_PRIVATE_H

#include "common/kernel_file.h"
#include "traces/capture/kernel.h"

/* kernel_types.c: members, parameters, and the ranges that store to free lists of names. */
int kernel_types(const struct kernel *kernel, struct plan *plan, struct error *error);

/* kernel_sites.c */
int kernel_sites(const struct kernel *kernel, struct plan *plan, struct error *error);

#endif
