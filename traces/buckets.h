/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Counts of values from 0 to 2^64 - 1: exact up to 63, above in 32 buckets for each doubling, so
 * that a bucket is at most 3.2 % wide. Memory is taken where values fall: 256 bytes for each
 * doubling that has any.
 */

#ifndef TRACES_BUCKETS_H
#define TRACES_BUCKETS_H

#include <stdint.h>

#define BUCKETS_BLOCKS 60 /* blocks of 32: one for 0 to 31, one for each doubling above */

struct buckets {
    uint64_t count, sum; /* of all values; the sum is modulo 2^64 */
    uint64_t *blocks[BUCKETS_BLOCKS];
};

/* Empty buckets are all zero bytes. -1 without memory. */
int buckets_add(struct buckets *buckets, uint64_t value);
int buckets_merge(struct buckets *to, const struct buckets *from);
void buckets_clear(struct buckets *buckets); /* frees what they hold; they are empty then */

/* The distance of Kolmogorov and Smirnov: the greatest difference of the two distribution
 * functions, at the ends of buckets. MORE_A and MORE_B are counted as values above all others. 0:
 * alike in every bucket, or both empty; 1: nothing in common, or one of them empty. */
double buckets_distance(const struct buckets *a, uint64_t more_a, const struct buckets *b,
                        uint64_t more_b);

/* The smallest value of the bucket below or in which PART (0 to 1) of all values lie; 0 when
 * empty. MORE is as above: UINT64_MAX when the part is among them. */
uint64_t buckets_quantile(const struct buckets *buckets, uint64_t more, double part);

#endif
