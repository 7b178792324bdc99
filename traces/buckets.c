/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "traces/buckets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BITS 5
#define BLOCK      (1u << BLOCK_BITS)

static unsigned block_of(uint64_t value)
{
    return value < BLOCK ? 0 : 63 - (unsigned)__builtin_clzll(value) - BLOCK_BITS + 1;
}

/* Within the block. */
static unsigned place_of(uint64_t value, unsigned block)
{
    return block == 0 ? (unsigned)value : (unsigned)(value >> (block - 1)) - BLOCK;
}

static uint64_t *block_get(struct buckets *buckets, unsigned block)
{
    if (buckets->blocks[block] == NULL)
        buckets->blocks[block] = calloc(BLOCK, sizeof(uint64_t));
    return buckets->blocks[block];
}

int buckets_add(struct buckets *buckets, uint64_t value)
{
    unsigned block = block_of(value);
    uint64_t *counts = block_get(buckets, block);

    if (counts == NULL)
        return -1;
    counts[place_of(value, block)]++;
    buckets->count++;
    buckets->sum += value;
    return 0;
}

int buckets_merge(struct buckets *to, const struct buckets *from)
{
    for (unsigned block = 0; block < BUCKETS_BLOCKS; block++) {
        uint64_t *counts;

        if (from->blocks[block] == NULL)
            continue;
        counts = block_get(to, block);
        if (counts == NULL)
            return -1;
        for (unsigned i = 0; i < BLOCK; i++)
            counts[i] += from->blocks[block][i];
    }
    to->count += from->count;
    to->sum += from->sum;
    return 0;
}

void buckets_clear(struct buckets *buckets)
{
    for (unsigned block = 0; block < BUCKETS_BLOCKS; block++)
        free(buckets->blocks[block]);
    memset(buckets, 0, sizeof(*buckets));
}

double buckets_distance(const struct buckets *a, uint64_t more_a, const struct buckets *b,
                        uint64_t more_b)
{
    uint64_t all_a = a->count + more_a, all_b = b->count + more_b, up_to_a = 0, up_to_b = 0;
    double greatest = 0;

    if (all_a == 0 || all_b == 0)
        return all_a == all_b ? 0 : 1;
    for (unsigned block = 0; block < BUCKETS_BLOCKS; block++) {
        if (a->blocks[block] == NULL && b->blocks[block] == NULL)
            continue;
        for (unsigned i = 0; i < BLOCK; i++) {
            double distance;

            up_to_a += a->blocks[block] == NULL ? 0 : a->blocks[block][i];
            up_to_b += b->blocks[block] == NULL ? 0 : b->blocks[block][i];
            distance = fabs((double)up_to_a / (double)all_a - (double)up_to_b / (double)all_b);
            if (distance > greatest)
                greatest = distance;
        }
    }
    return greatest;
}

uint64_t buckets_quantile(const struct buckets *buckets, uint64_t more, double part)
{
    double wanted = part * (double)(buckets->count + more);
    uint64_t up_to = 0;

    if (buckets->count + more == 0)
        return 0;
    for (unsigned block = 0; block < BUCKETS_BLOCKS; block++)
        for (unsigned i = 0; i < BLOCK && buckets->blocks[block] != NULL; i++) {
            up_to += buckets->blocks[block][i];
            if (buckets->blocks[block][i] != 0 && (double)up_to >= wanted)
                return block == 0 ? i : (uint64_t)(BLOCK + i) << (block - 1);
        }
    return UINT64_MAX;
}
