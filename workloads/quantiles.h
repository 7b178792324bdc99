/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A distribution as it was seen: the values at equal steps of probability, from the least to the
 * largest, and straight lines between. One value is a constant.
 *
 * The Kolmogorov-Smirnov distance of what is drawn from what was seen is at most one step, 1 /
 * (nr - 1); where equal values make a step of their own they are drawn exactly.
 */

#ifndef WORKLOADS_QUANTILES_H
#define WORKLOADS_QUANTILES_H

#include <stddef.h>
#include <stdint.h>

#include "workloads/random.h"

#define QUANTILES_MAX 33

struct quantiles {
    uint32_t nr; /* 0: no distribution */
    uint64_t values[QUANTILES_MAX];
};

/* At most NR quantiles of COUNT values, which are sorted here. Fewer where the values are few or
 * all alike. */
void quantiles_of(struct quantiles *quantiles, uint64_t *values, size_t count, unsigned nr);

/* The value at PROBABILITY, of 2^32. */
static inline uint64_t quantiles_at(const struct quantiles *quantiles, uint32_t probability)
{
    if (quantiles->nr < 2)
        return quantiles->nr == 0 ? 0 : quantiles->values[0];

    uint64_t place = (uint64_t)probability * (quantiles->nr - 1);
    uint64_t low = quantiles->values[place >> 32], high = quantiles->values[(place >> 32) + 1];

    if (high - low > UINT32_MAX)
        return low + ((high - low) >> 16) * ((place & UINT32_MAX) >> 16);
    return low + ((high - low) * (place & UINT32_MAX) >> 32);
}

static inline uint64_t quantiles_draw(const struct quantiles *quantiles, struct random *random)
{
    if (quantiles->nr < 2)
        return quantiles->nr == 0 ? 0 : quantiles->values[0];
    return quantiles_at(quantiles, (uint32_t)(random_next(random) >> 32));
}

#endif
