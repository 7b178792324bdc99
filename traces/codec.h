/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The columns of a chunk: events to bytes and back. See codec.c for how, and
 * docs/trace-format.md for the bytes. Private to this folder.
 */

#ifndef TRACES_CODEC_H
#define TRACES_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "traces/event.h"
#include "traces/format.h"

/* ---- Encoding ---- */

struct codec_encoder;

struct codec_encoder *codec_encoder_create(void); /* NULL without memory */
void codec_encoder_destroy(struct codec_encoder *encoder);
/* Appends the columns of CHUNK->events events to COLUMNS, and sets the rest of CHUNK but its
 * peaks. The address of an event with a payload is offset | size << 32 into PAYLOADS. FRESH is
 * kept by the caller from chunk to chunk. -1: no memory. */
int codec_encode(struct codec_encoder *encoder, const struct event *events,
                 const struct bytes *payloads, uint32_t fresh[2], struct format_chunk *chunk,
                 struct bytes *columns);

/* ---- Decoding ---- */

#define CODEC_BATCH 1024u
/* Zeroed bytes that must follow the columns: a batch may read this far before it is checked. */
#define CODEC_SLACK (CODEC_BATCH * 16u)

struct codec_decoder;

struct codec_decoder *codec_decoder_create(void);
void codec_decoder_destroy(struct codec_decoder *decoder);
/* Starts on a chunk. COLUMNS (CHUNK->columns bytes and the slack) must stay until the end. */
int codec_decode_begin(struct codec_decoder *decoder, const struct format_chunk *chunk,
                       const uint8_t *columns, struct error *error);
/* The next at most CODEC_BATCH events; 0 at the end of the chunk. On an error *BAD is the index in
 * the chunk of the event that is wrong. */
int codec_decode(struct codec_decoder *decoder, struct event *events, uint32_t *bad,
                 struct error *error);
const uint8_t *codec_payload(const struct codec_decoder *decoder, const struct event *event,
                             size_t *size);

#endif
