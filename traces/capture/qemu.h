/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * QEMU: which one, and how it is told what to run.
 */

#ifndef TRACES_CAPTURE_QEMU_H
#define TRACES_CAPTURE_QEMU_H

#include "common/error.h"
#include "traces/capture/capture.h"
#include "traces/capture/process.h"

#define QEMU_VERSION_MAX 32

/* Files in the folder that QEMU runs in; their names are seen by the guest. */
#define QEMU_KERNEL  "gnumach"
#define QEMU_PLAN    "plan"
#define QEMU_CONSOLE "console"
#define QEMU_RECORD  "record" /* when the disk did what; not seen by the guest */

/* Asks PROGRAM for its version. -1 with the error set when it cannot be run, is no QEMU, or is too
 * old to show plugins the guest's registers. */
int qemu_version(const char *program, char version[QEMU_VERSION_MAX], struct error *error);

/* The shared object that observes; PATH has SIZE bytes. -1 with the error set when there is none.
 */
int qemu_find_plugin(const struct capture_options *options, char *path, size_t size,
                     struct error *error);

/* The command line. MODULES has the names in the folder that QEMU runs in, with the arguments. LOG:
 * the descriptor that the plugin writes to. WORD: bytes of a pointer of the kernel's. */
void qemu_words(struct words *words, const struct capture_options *options, const char *program,
                const char *plugin, const struct words *modules, unsigned word, int log);

/* "pc, pentium3, 64 MiB": for the provenance. */
void qemu_machine(const struct capture_options *options, const char *version, unsigned word,
                  char *text, size_t size);

#endif
