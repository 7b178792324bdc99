/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a replay and the process that holds a kernel image say to each other.
 *
 * They share a piece of memory and a socket. Commands and replies are single bytes through the
 * socket; what they are about lies in the memory. Each command gets one reply:
 *
 *   BOOT    bring the kernel up               BOOTED, or FAILED with the error
 *   CHUNK   give these events to it           READY for more, or FINISHED, or PANICKED, or FAILED
 *   END     the trace is at its end           the same
 *
 * The two may be of different word sizes. Structs of 64-bit numbers, 32-bit numbers and characters
 * lie alike in both, because the 32-bit one is compiled with 64-bit alignment (-malign-double);
 * what holds a pointer is taken apart by the functions below. Both compare the size of all that is
 * shared, so that two builds of different sources do not talk past each other.
 */

#ifndef REPLAY_REMOTE_WIRE_H
#define REPLAY_REMOTE_WIRE_H

#include "allocators/image/image_plan.h"
#include "replay/engine.h"

enum remote_command { REMOTE_BOOT = 'B', REMOTE_CHUNK = 'C', REMOTE_END = 'E' };

enum remote_reply {
    REMOTE_BOOTED = 'b',
    REMOTE_READY = 'r',
    REMOTE_FINISHED = 'f',
    REMOTE_PANICKED = 'p',
    REMOTE_FAILED = 'e',
};

/* Descriptors of the process that holds the image. */
enum { REMOTE_SOCKET = 3, REMOTE_MEMORY = 4 };

#define REMOTE_CHUNK_EVENTS  8192
#define REMOTE_CHUNK_LOOKS   48 /* events of a chunk at which the state is looked at, at most */
#define REMOTE_PAYLOAD_BYTES (4u << 20)
#define REMOTE_OUTPUT_BYTES  (16u << 20)
#define REMOTE_SAID_MAX      512

/* Where a payload lies: offset and size in the payloads of the chunk, by event. */
struct remote_payload {
    uint32_t at, size;
};

struct remote_shared {
    /* From the replay. */
    uint32_t size;        /* of this struct */
    uint32_t file_offset; /* of the kernel's file, in the memory, behind this struct */
    struct image_plan plan;
    struct trace_machine machine;
    struct trace_totals totals;
    char geometry[24];
    wire64 memory;
    uint32_t boot_first, boot_frames;
    uint32_t keys, on_failure, check, truth, populate, latency, passes, portable_clock;
    wire64 sample_interval, sample_from, sample_to;
    uint32_t nr_events; /* of the chunk */
    struct event events[REMOTE_CHUNK_EVENTS] __attribute__((aligned(8)));
    struct remote_payload payloads[REMOTE_CHUNK_EVENTS];
    uint8_t payload[REMOTE_PAYLOAD_BYTES];

    /* From the image. */
    char error[ERROR_TEXT_MAX];
    char said[REMOTE_SAID_MAX]; /* PANICKED */
    uint32_t events_done;       /* PANICKED: of the chunk, whole */
    uint32_t output_used;
    uint32_t last_at; /* PANICKED: in the output, the state afterwards, and times */
    uint32_t unused;
    wire64 wall_ns; /* of the replay, without waiting; FINISHED and PANICKED */
    uint8_t output[REMOTE_OUTPUT_BYTES] __attribute__((aligned(8)));
};

/* A place in the output: written to by the one, read by the other. */
struct wire {
    uint8_t *at, *end;
    bool reads;
    bool overrun; /* it was too short; nothing was moved since */
};

static inline void wire_move(struct wire *wire, void *data, size_t size)
{
    if ((size_t)(wire->end - wire->at) < size) {
        wire->overrun = true;
        return;
    }
    if (wire->reads)
        __builtin_memcpy(data, wire->at, size);
    else
        __builtin_memcpy(wire->at, data, size);
    wire->at += size;
}

void wire_snapshot(struct wire *wire, struct snapshot *snapshot);
void wire_space(struct wire *wire, struct space_snapshot *state);
void wire_failure(struct wire *wire, struct failure *failure);
void wire_picture(struct wire *wire, struct occupancy_picture *picture);
/* The distributions of time. What is read is added to what METER has. */
void wire_latency(struct wire *wire, struct meter *meter);

#endif
