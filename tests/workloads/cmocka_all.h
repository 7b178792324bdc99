/* SPDX-License-Identifier: GPL-2.0-or-later */

/* cmocka wants these before it. */

#ifndef TESTS_WORKLOADS_CMOCKA_ALL_H
#define TESTS_WORKLOADS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
