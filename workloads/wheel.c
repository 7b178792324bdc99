/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Level 0 has slots of 64 ticks, each higher level slots as long as the level below. The window of
 * a level is the slots that share the higher bits of the current time; what lies beyond goes a
 * level up, and comes down when its slot is reached. What lies beyond the last level waits in a
 * list that is looked through when all levels are empty.
 *
 * The slot that is being emptied stands sorted in `ready`: what is put into its past few ticks
 * later finds its place there.
 */

#include "workloads/wheel.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 3, SLOT_BITS = 12, SLOTS = 1 << SLOT_BITS, TICK_BITS = 6 };

#define NONE UINT32_MAX

struct node {
    struct wheel_entry entry;
    uint32_t next;
};

struct wheel {
    uint64_t time; /* start of the slot that is being emptied */
    struct node *nodes;
    uint32_t nr_nodes, room_nodes, free;
    uint32_t first[LEVELS][SLOTS], last[LEVELS][SLOTS];
    uint64_t used[LEVELS][SLOTS / 64];
    uint32_t far_first, far_last;
    struct wheel_entry *ready;
    uint32_t head, nr_ready, room_ready;
};

static unsigned level_shift(unsigned level)
{
    return TICK_BITS + level * SLOT_BITS;
}

struct wheel *wheel_create(uint64_t time)
{
    struct wheel *wheel = calloc(1, sizeof(*wheel));

    if (wheel == NULL)
        return NULL;
    memset(wheel->first, 0xff, sizeof(wheel->first));
    wheel->free = wheel->far_first = wheel->far_last = NONE;
    wheel->time = time >> TICK_BITS << TICK_BITS;
    return wheel;
}

void wheel_destroy(struct wheel *wheel)
{
    if (wheel == NULL)
        return;
    free(wheel->nodes);
    free(wheel->ready);
    free(wheel);
}

static bool ready_room(struct wheel *wheel)
{
    if (wheel->nr_ready < wheel->room_ready)
        return true;

    uint32_t room = wheel->room_ready == 0 ? 256 : 2 * wheel->room_ready;
    struct wheel_entry *ready = realloc(wheel->ready, room * sizeof(*ready));

    if (ready == NULL)
        return false;
    wheel->ready = ready;
    wheel->room_ready = room;
    return true;
}

/* After those of the same time. */
static bool ready_add(struct wheel *wheel, const struct wheel_entry *entry)
{
    uint32_t place;

    if (wheel->head == wheel->nr_ready)
        wheel->head = wheel->nr_ready = 0;
    if (!ready_room(wheel))
        return false;
    for (place = wheel->nr_ready; place > wheel->head; place--) {
        if (wheel->ready[place - 1].time <= entry->time)
            break;
        wheel->ready[place] = wheel->ready[place - 1];
    }
    wheel->ready[place] = *entry;
    wheel->nr_ready++;
    return true;
}

static void append(struct wheel *wheel, uint32_t *first, uint32_t *last, uint32_t node)
{
    wheel->nodes[node].next = NONE;
    if (*first == NONE)
        *first = node;
    else
        wheel->nodes[*last].next = node;
    *last = node;
}

static void place(struct wheel *wheel, uint32_t node)
{
    uint64_t time = wheel->nodes[node].entry.time;

    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned shift = level_shift(level);

        if (time >> (shift + SLOT_BITS) == wheel->time >> (shift + SLOT_BITS)) {
            uint32_t slot = (uint32_t)(time >> shift) & (SLOTS - 1);

            append(wheel, &wheel->first[level][slot], &wheel->last[level][slot], node);
            wheel->used[level][slot / 64] |= 1ull << slot % 64;
            return;
        }
    }
    append(wheel, &wheel->far_first, &wheel->far_last, node);
}

static bool node_make(struct wheel *wheel, uint32_t *node)
{
    if (wheel->free != NONE) {
        *node = wheel->free;
        wheel->free = wheel->nodes[*node].next;
        return true;
    }
    if (wheel->nr_nodes == wheel->room_nodes) {
        uint32_t room = wheel->room_nodes == 0 ? 1024 : 2 * wheel->room_nodes;
        struct node *nodes = realloc(wheel->nodes, room * sizeof(*nodes));

        if (nodes == NULL)
            return false;
        wheel->nodes = nodes;
        wheel->room_nodes = room;
    }
    *node = wheel->nr_nodes++;
    return true;
}

bool wheel_add(struct wheel *wheel, uint64_t time, uint32_t id, uint32_t generation)
{
    struct wheel_entry entry = {.time = time, .id = id, .generation = generation};
    uint32_t node;

    /* Into the slot that is being emptied, or, by rounding, before it. */
    if (time >> TICK_BITS <= wheel->time >> TICK_BITS)
        return ready_add(wheel, &entry);
    if (!node_make(wheel, &node))
        return false;
    wheel->nodes[node].entry = entry;
    place(wheel, node);
    return true;
}

/* The next slot of LEVEL that holds something; SLOTS when there is none. */
static uint32_t next_slot(const struct wheel *wheel, unsigned level)
{
    uint32_t slot = (uint32_t)(wheel->time >> level_shift(level)) & (SLOTS - 1);
    uint64_t word = wheel->used[level][slot / 64] & ~0ull << slot % 64;

    for (uint32_t i = slot / 64;;) {
        if (word != 0)
            return i * 64 + (uint32_t)__builtin_ctzll(word);
        if (++i == SLOTS / 64)
            return SLOTS;
        word = wheel->used[level][i];
    }
}

static uint32_t slot_take(struct wheel *wheel, unsigned level, uint32_t slot)
{
    uint32_t first = wheel->first[level][slot];

    wheel->first[level][slot] = NONE;
    wheel->used[level][slot / 64] &= ~(1ull << slot % 64);
    return first;
}

static bool empty_slot(struct wheel *wheel, uint32_t node)
{
    while (node != NONE) {
        uint32_t next = wheel->nodes[node].next;

        if (!ready_add(wheel, &wheel->nodes[node].entry))
            return false;
        wheel->nodes[node].next = wheel->free;
        wheel->free = node;
        node = next;
    }
    return true;
}

static void place_all(struct wheel *wheel, uint32_t node)
{
    while (node != NONE) {
        uint32_t next = wheel->nodes[node].next;

        place(wheel, node);
        node = next;
    }
}

/* Everything is beyond the last level. */
static bool advance_far(struct wheel *wheel, uint64_t until)
{
    uint64_t least = UINT64_MAX;
    uint32_t first = wheel->far_first;

    for (uint32_t node = first; node != NONE; node = wheel->nodes[node].next)
        if (wheel->nodes[node].entry.time < least)
            least = wheel->nodes[node].entry.time;
    if (first == NONE || least > until)
        return false;
    wheel->time = least >> TICK_BITS << TICK_BITS;
    wheel->far_first = wheel->far_last = NONE;
    place_all(wheel, first);
    return true;
}

/* Brings the next slots down until level 0 has something, or nothing is due. */
static bool advance(struct wheel *wheel, uint64_t until)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned shift = level_shift(level);
        uint32_t slot = next_slot(wheel, level);
        uint64_t start;

        if (slot == SLOTS)
            continue;
        start = ((wheel->time >> (shift + SLOT_BITS)) << SLOT_BITS | slot) << shift;
        if (start > until)
            return false;
        if (start > wheel->time)
            wheel->time = start;
        if (level == 0)
            return empty_slot(wheel, slot_take(wheel, 0, slot));
        place_all(wheel, slot_take(wheel, level, slot));
        return true;
    }
    return advance_far(wheel, until);
}

bool wheel_take(struct wheel *wheel, uint64_t until, struct wheel_entry *entry)
{
    while (wheel->head == wheel->nr_ready)
        if (!advance(wheel, until))
            return false;
    if (wheel->ready[wheel->head].time > until)
        return false;
    *entry = wheel->ready[wheel->head++];
    return true;
}
