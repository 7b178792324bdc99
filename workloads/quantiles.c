/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "workloads/quantiles.h"

#include <stdlib.h>

static int value_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

void quantiles_of(struct quantiles *quantiles, uint64_t *values, size_t count, unsigned nr)
{
    if (nr > QUANTILES_MAX)
        nr = QUANTILES_MAX;
    if (nr > count)
        nr = (unsigned)count;
    quantiles->nr = 0;
    if (count == 0)
        return;
    qsort(values, count, sizeof(*values), value_compare);
    if (nr < 2 || values[0] == values[count - 1]) {
        quantiles->nr = 1;
        quantiles->values[0] = values[(count - 1) / 2];
        return;
    }
    quantiles->nr = nr;
    for (unsigned i = 0; i < nr; i++)
        quantiles->values[i] = values[(count - 1) * i / (nr - 1)];
}
