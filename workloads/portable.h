/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * exp() and log() that give the same bits everywhere.
 *
 * IEEE 754 fixes the result of + - * / to the last bit, but nothing fixes exp() and log():
 * libraries differ, and so would workloads. These are made of the four operations alone, in one
 * order, and are compiled without contraction to fused operations. They are right to about 1e-15 of
 * their value, which is more than a table of probabilities asks for.
 */

#ifndef WORKLOADS_PORTABLE_H
#define WORKLOADS_PORTABLE_H

/* e to the power of X; 0 below -700, and X must not be above 700. */
double portable_exp(double x);

/* The natural logarithm of X, which must be above 0 and finite. */
double portable_log(double x);

#endif
