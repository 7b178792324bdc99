/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The stack that does nothing: see stack_null.c.
 */

#ifndef ALLOCATORS_STACK_NULL_H
#define ALLOCATORS_STACK_NULL_H

#include "allocators/stack.h"

extern const struct stack_ops stack_null;

#endif
