/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Every word of a live object holds a value made of the object's number and the word's offset. No
 * two live objects share a number, so where two overlap one of them reads the other's words when it
 * is freed: overlap shows by construction, as does an allocator that writes into what it has handed
 * out. The last bytes of an object whose size is no multiple of 8 hold the low bytes of their word.
 */

#include "replay/pattern.h"

#include <string.h>

#define WORD sizeof(uint64_t)

static uint64_t pattern_word(uint32_t object, uint64_t offset)
{
    return ((uint64_t)object + 1) * 0x9e3779b97f4a7c15u + offset * 0xff51afd7ed558ccdu;
}

void pattern_write(void *memory, uint64_t bytes, uint32_t object, uint64_t first)
{
    uint8_t *at = memory;

    for (uint64_t offset = 0; offset < bytes; offset += WORD) {
        uint64_t word = pattern_word(object, first + offset);
        uint64_t rest = bytes - offset;

        memcpy(at + offset, &word, rest < WORD ? rest : WORD);
    }
}

uint64_t pattern_verify(const void *memory, uint64_t bytes, uint32_t object, uint64_t first)
{
    const uint8_t *at = memory;

    for (uint64_t offset = 0; offset < bytes; offset += WORD) {
        uint64_t word = pattern_word(object, first + offset);
        uint64_t rest = bytes - offset < WORD ? bytes - offset : WORD;

        if (memcmp(at + offset, &word, rest) == 0)
            continue;

        for (uint64_t i = 0; i < rest; i++)
            if (at[offset + i] != ((const uint8_t *)&word)[i])
                return offset + i;
    }

    return bytes;
}
