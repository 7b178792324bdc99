/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Seeding: the state of xoshiro256** must not be all zeros, and streams with neighbouring numbers
 * must have nothing in common. Seed and stream go through the mixer of SplitMix64 one after the
 * other, which is a bijection of 64 bits each time, and the generator that starts there fills the
 * state: its authors' advice. Two streams of one seed always have different states.
 */

#include "workloads/random.h"

#define GOLDEN                                                                                     \
    0x9e3779b97f4a7c15u /* the odd number nearest to 2^64 divided by the golden ratio              \
                         */

/* SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). */
static uint64_t split(uint64_t *state)
{
    uint64_t z = *state += GOLDEN;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void random_seed(struct random *random, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed;

    state = split(&state) ^ stream;
    state = split(&state);
    for (unsigned i = 0; i < 4; i++)
        random->state[i] = split(&state);
}

/* Lemire, "Fast random integer generation in an interval", 2019: the high half of a product, drawn
 * again when the low half falls where some results would come once too often. */
uint64_t random_below(struct random *random, uint64_t n)
{
    unsigned __int128 product = (unsigned __int128)random_next(random) * n;

    if (n != 0 && (uint64_t)product < n) {
        uint64_t refused = (0 - n) % n;

        while ((uint64_t)product < refused)
            product = (unsigned __int128)random_next(random) * n;
    }
    return (uint64_t)(product >> 64);
}
