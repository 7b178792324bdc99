/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The digest is XXH3 (64 bits) over the decisions as little-endian 64-bit values. It tells whether
 * two replays decided alike; it is no protection against forgery.
 */

#include "replay/digest.h"

#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are hashed as they lie");

int digest_open(struct digest *digest, struct error *error)
{
    digest->used = 0;
    digest->state = XXH3_createState();

    if (digest->state == NULL)
        return error_set(error, "no memory for the digest");

    XXH3_64bits_reset(digest->state);
    return 0;
}

void digest_close(struct digest *digest)
{
    XXH3_freeState(digest->state);
    digest->state = NULL;
}

void digest_flush(struct digest *digest)
{
    XXH3_64bits_update(digest->state, digest->values, digest->used * sizeof(digest->values[0]));
    digest->used = 0;
}

uint64_t digest_value(struct digest *digest)
{
    digest_flush(digest);
    return XXH3_64bits_digest(digest->state);
}
