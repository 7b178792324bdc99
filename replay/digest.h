/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Digest over every decision of a replay, in order: addresses, names, refusals.
 *
 * Values are collected and hashed in blocks, so that one costs a store. Two replays with equal
 * digests handed out the same addresses and names for the same requests, and refused the same ones.
 */

#ifndef REPLAY_DIGEST_H
#define REPLAY_DIGEST_H

#include <stdint.h>

#include "common/error.h"

#define DIGEST_BLOCK 2048

struct digest {
    uint64_t values[DIGEST_BLOCK]; /* not yet hashed */
    unsigned used;
    void *state; /* of the hash function */
};

int digest_open(struct digest *digest, struct error *error);
void digest_close(struct digest *digest);

/* Hashes what was collected. */
void digest_flush(struct digest *digest);

/* The digest of all values so far; more may follow. */
uint64_t digest_value(struct digest *digest);

static inline void digest_add(struct digest *digest, uint64_t value)
{
    digest->values[digest->used++] = value;

    if (__builtin_expect(digest->used == DIGEST_BLOCK, 0))
        digest_flush(digest);
}

#endif
