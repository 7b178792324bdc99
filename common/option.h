/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Values of options, as commands take them.
 */

#ifndef COMMON_OPTION_H
#define COMMON_OPTION_H

#include <stdint.h>

#include "common/error.h"

/* Reads TEXT, a whole number from LOW to HIGH in decimal, without sign, space or unit. The error
 * names OPTION, which is given without its dashes. */
int option_number(const char *option, const char *text, uint64_t low, uint64_t high,
                  uint64_t *value, struct error *error);

#endif
