/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The bytes of a trace file: what writer, reader and docs/trace-format.md agree on. Private to
 * this folder.
 *
 *     prelude  HEAD  CHNK ... CHNK  INDX  trailer
 *
 * All numbers are little endian. Everything between prelude and trailer is a section: a frame of
 * 16 bytes and a body.
 */

#ifndef TRACES_FORMAT_H
#define TRACES_FORMAT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"
#include "traces/trace.h"

/* A high bit finds a transfer that strips it; the line ends find one that converts them. */
#define FORMAT_MAGIC                                                                               \
    "\x8a"                                                                                         \
    "ALT\r\n\x1a\n"
#define FORMAT_VERSION      1
#define FORMAT_PRELUDE_SIZE 16 /* magic, version u16, 6 bytes of zero */

#define FORMAT_FRAME_SIZE 16 /* tag u32, body size u32, checksum u64 */
#define FORMAT_TAG(a, b, c, d)                                                                     \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define FORMAT_HEAD FORMAT_TAG('H', 'E', 'A', 'D')
#define FORMAT_CHNK FORMAT_TAG('C', 'H', 'N', 'K')
#define FORMAT_INDX FORMAT_TAG('I', 'N', 'D', 'X')

#define FORMAT_TRAILER_SIZE  32 /* offset of INDX, file size, checksum of those, magic */
#define FORMAT_TRAILER_MAGIC "ALT-END\n"

/* Before the compressed columns of a chunk: first event u64, first time u64, events u32, size of
 * the columns u32, fresh object and right u32 each, five peaks u32; then the content's digest. */
#define FORMAT_CHUNK_PLAIN_SIZE  52
#define FORMAT_CHUNK_HEADER_SIZE (FORMAT_CHUNK_PLAIN_SIZE + 8)
#define FORMAT_INDEX_ENTRY_SIZE                                                                    \
    40 /* tag, events u32, offset u64, size, columns u32, checksum, content u64 */

#define FORMAT_CHUNK_EVENTS 65536u
#define FORMAT_COLUMNS_MAX  (16u << 20)
#define FORMAT_BODY_MAX     (24u << 20) /* of a chunk or header */
#define FORMAT_INDEX_MAX    (1u << 30)
#define FORMAT_PAYLOAD_MAX  (1u << 20) /* of one event */
#define FORMAT_PAYLOADS_MAX (2u << 20) /* of a chunk: the writer ends a chunk before this */
#define FORMAT_STRING_MAX   65536u     /* of a provenance key or value */
#define FORMAT_PAIRS_MAX    4096u

/* Numbers must be dense: this is the most that a writer takes and a reader believes. */
static inline uint64_t format_number_limit(uint64_t events)
{
    uint64_t limit = 2 * events + 65536;

    return limit < OBJECT_NONE ? limit : OBJECT_NONE;
}

struct format_peaks {
    uint32_t objects, rights, spaces, caches, tasks;
};

struct format_chunk { /* decoded chunk header */
    uint64_t first_event, first_time;
    uint32_t events, columns;
    uint32_t fresh[2];         /* next object and next right that no event had before */
    struct format_peaks peaks; /* up to the end of the chunk */
    uint64_t content;          /* format_content, of these and the columns */
};

struct format_section { /* entry of the index */
    uint32_t tag, events;
    uint64_t offset;
    uint32_t size, columns;
    uint64_t checksum;
    uint64_t content; /* of a chunk */
};

static inline uint16_t get16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return le16toh(v);
}

static inline uint32_t get32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static inline uint64_t get64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static inline void put32(void *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof(v));
}

static inline void put64(void *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
}

/* Numbers of one to nine bytes. As many low bits of the first byte are zero as bytes follow it, so
 * the length is known from one byte and the value takes two shifts, with no loop. */
static inline size_t number_put(uint8_t *p, uint64_t v)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1), n = (bits + 6) / 7;

    if (n > 8) {
        p[0] = 0;
        put64(p + 1, v);
        return 9;
    }
    put64(p, v << n | 1ull << (n - 1)); /* writes eight bytes: the buffer has the room */
    return n;
}

#define NUMBER_ROOM 9

/* Reads nine bytes at P whatever the length. */
static inline uint64_t number_get(const uint8_t *p, unsigned *length)
{
    uint64_t x = get64(p);
    unsigned n = (unsigned)__builtin_ctzll(x | 0x100) + 1;

    *length = n;
    if (__builtin_expect(n == 9, 0))
        return get64(p + 1);
    return x >> n & ((1ull << 7 * n) - 1);
}

static inline uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Bytes being put together; grows. After a failed growth `failed` is set and nothing is added. */
struct bytes {
    uint8_t *data;
    size_t size, capacity;
    bool failed;
};

void bytes_free(struct bytes *bytes);
bool bytes_reserve(struct bytes *bytes, size_t more);
void bytes_put(struct bytes *bytes, const void *data, size_t size);
void bytes_put32(struct bytes *bytes, uint32_t value);
void bytes_put64(struct bytes *bytes, uint64_t value);
void bytes_number(struct bytes *bytes, uint64_t value);
void bytes_string(struct bytes *bytes, const char *text, size_t size);

/* Bytes being taken apart; reading past the end sets `failed` and yields zeros. */
struct cursor {
    const uint8_t *next, *end;
    bool failed;
};

uint32_t cursor_32(struct cursor *cursor);
uint64_t cursor_64(struct cursor *cursor);
uint64_t cursor_number(struct cursor *cursor);
uint32_t cursor_number_32(struct cursor *cursor); /* fails when it does not fit */
const uint8_t *cursor_bytes(struct cursor *cursor, size_t size);

uint64_t format_checksum(uint32_t tag, const void *body, size_t size);
/* "CHNK", or with unprintable letters replaced. */
const char *format_tag_name(uint32_t tag, char name[5]);

void format_header_put(struct bytes *bytes, const struct trace_header *header, int level);
int format_header_get(struct cursor *cursor, struct trace_header *header, int *level,
                      struct error *error);
void format_machine_put(struct bytes *bytes, const struct trace_machine *machine);
int format_header_copy(struct trace_header *to, const struct trace_header *from);

void format_chunk_put(uint8_t *bytes, const struct format_chunk *chunk);
void format_chunk_get(const uint8_t *bytes, struct format_chunk *chunk);
/* Digest of what a chunk says, however it is compressed: of its header at BYTES (without the digest
 * in it) and its plain columns. */
uint64_t format_content(const uint8_t *bytes, const void *columns, size_t size);
void format_totals_put(struct bytes *bytes, const struct trace_totals *totals);
int format_totals_get(struct cursor *cursor, struct trace_totals *totals, struct error *error);

void format_definition_put(struct bytes *bytes, const struct cache_definition *definition);
int format_definition_get(const void *data, size_t size, struct cache_definition *definition,
                          struct error *error);
void format_truth_put(struct bytes *bytes, const struct truth *truth);
int format_truth_get(const void *data, size_t size, struct truth *truth, struct error *error);

/* Which numbering a kind's fields belong to. */
enum numbering { NUMBERING_OBJECTS, NUMBERING_RIGHTS, NUMBERING_NONE };

static inline bool event_has_payload(unsigned kind)
{
    return kind == EVENT_CACHE_CREATE || kind == EVENT_TASK || kind == EVENT_MARK ||
           kind == EVENT_TRUTH;
}

static inline enum numbering event_numbering(unsigned kind)
{
    if (kind >= EVENT_CACHE_ALLOC && kind <= EVENT_MAP_FREE)
        return NUMBERING_OBJECTS;
    if (kind >= EVENT_NAME_ALLOC && kind <= EVENT_REVERSE_LOOKUP)
        return NUMBERING_RIGHTS;
    return NUMBERING_NONE;
}

/* Limit of `where` for a kind; UINT32_MAX when it is free. */
static inline uint32_t event_where_limit(unsigned kind, const struct format_peaks *peaks)
{
    switch (kind) {
    case EVENT_CACHE_CREATE:
    case EVENT_CACHE_ALLOC:
    case EVENT_CACHE_FREE:
        return peaks->caches;
    case EVENT_PAGE_ALLOC:
        return EVENT_HIGHMEM + 1;
    case EVENT_MAP_ALLOC:
    case EVENT_MAP_FREE:
        return EVENT_MAPS;
    case EVENT_TASK:
        return peaks->tasks;
    case EVENT_GROWTH:
        return peaks->spaces;
    default:
        if (kind >= EVENT_SPACE_CREATE && kind <= EVENT_REVERSE_LOOKUP)
            return peaks->spaces;
        return UINT32_MAX;
    }
}

#endif
