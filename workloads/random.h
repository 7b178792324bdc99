/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Random numbers that are the same on every machine: xoshiro256** (Blackman and Vigna, "Scrambled
 * linear pseudorandom number generators", 2018), 256 bits of state, integers only.
 *
 * One seed has as many streams as one likes. A client, a file population or a process draws from a
 * stream of its own, so that what one of them does never changes what another one draws, however
 * many there are and in whatever order they run.
 */

#ifndef WORKLOADS_RANDOM_H
#define WORKLOADS_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* The STREAM-th stream of SEED; any two numbers are fine, 0 too. */
void random_seed(struct random *random, uint64_t seed, uint64_t stream);

static inline uint64_t random_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* The next 64 bits. */
static inline uint64_t random_next(struct random *random)
{
    uint64_t *state = random->state;
    uint64_t result = random_rotate(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = random_rotate(state[3], 45);
    return result;
}

/* A number below N, each as likely as any other; 0 when N is 0. Takes one draw, rarely more. */
uint64_t random_below(struct random *random, uint64_t n);

#endif
