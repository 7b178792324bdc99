/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One list of what is moved, for the one who writes and the one who reads: they cannot differ.
 */

#include "replay/remote_wire.h"

#include <string.h>

#define MOVE(what) wire_move(wire, &(what), sizeof(what))

void wire_failure(struct wire *wire, struct failure *failure)
{
    MOVE(*failure);
}

void wire_space(struct wire *wire, struct space_snapshot *state)
{
    MOVE(*state);
}

void wire_picture(struct wire *wire, struct occupancy_picture *picture)
{
    MOVE(picture->cells);
    MOVE(picture->pages_per_cell);
    MOVE(picture->start);
    if (picture->cells > OCCUPANCY_CELLS)
        picture->cells = 0;
    wire_move(wire, picture->letters, picture->cells);
}

/* At most LIMIT, whatever was read. */
static unsigned bounded(unsigned *nr, unsigned limit)
{
    if (*nr > limit)
        *nr = 0;
    return *nr;
}

static void wire_maps(struct wire *wire, struct snapshot *snapshot)
{
    static const char *const names[MAPS] = {"kernel_map", "kmem_map", "ipc_kernel_map",
                                            "device_io_map"};

    for (unsigned i = 0; i < MAPS; i++) {
        struct map_snapshot *map = &snapshot->maps[i];
        bool present = map->name != NULL;

        MOVE(present);
        MOVE(map->counts);
        map->name = present ? names[i] : NULL;
    }
}

void wire_snapshot(struct wire *wire, struct snapshot *snapshot)
{
    MOVE(snapshot->nr_caches);
    wire_move(wire, snapshot->caches,
              bounded(&snapshot->nr_caches, SNAPSHOT_CACHES) * sizeof(snapshot->caches[0]));
    MOVE(snapshot->nr_segments);
    wire_move(wire, snapshot->segments,
              bounded(&snapshot->nr_segments, SEGMENTS_MAX) * sizeof(snapshot->segments[0]));
    wire_maps(wire, snapshot);
    MOVE(snapshot->nr_spaces);
    wire_move(wire, snapshot->spaces,
              bounded(&snapshot->nr_spaces, SNAPSHOT_SPACES) * sizeof(snapshot->spaces[0]));
    MOVE(snapshot->live_spaces);
    MOVE(snapshot->rights);
    MOVE(snapshot->reverse_entries);
    MOVE(snapshot->transient_peak);
    MOVE(snapshot->table_bytes);
    MOVE(snapshot->node_bytes);
    MOVE(snapshot->name_nodes);
    MOVE(snapshot->reverse_nodes);
    MOVE(snapshot->name_height);
    MOVE(snapshot->page_requested);
    MOVE(snapshot->map_requested);
    MOVE(snapshot->held);
    MOVE(snapshot->peak);
    MOVE(snapshot->work);
}

/* ---- Distributions ---- */

#define NR_HISTOGRAMS (EVENT_KINDS * METER_CLASSES)
#define NO_MORE       UINT32_MAX

static void write_histogram(struct wire *wire, uint32_t index, struct histogram *histogram)
{
    uint32_t end = NO_MORE;

    MOVE(index);
    MOVE(histogram->count);
    MOVE(histogram->sum);
    MOVE(histogram->max);
    MOVE(histogram->not_min);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (histogram->counts[i] != 0) {
            MOVE(i);
            MOVE(histogram->counts[i]);
        }
    MOVE(end);
}

static void read_histogram(struct wire *wire, struct histogram *histogram)
{
    struct histogram from = {0};

    MOVE(from.count);
    MOVE(from.sum);
    MOVE(from.max);
    MOVE(from.not_min);
    for (;;) {
        uint32_t i = NO_MORE;

        MOVE(i);
        if (i >= HISTOGRAM_BUCKETS)
            break;
        MOVE(from.counts[i]);
    }
    histogram_merge(histogram, &from);
}

static void write_latency(struct wire *wire, struct meter *meter)
{
    uint32_t end = NO_MORE;

    for (uint32_t i = 0; meter != NULL && meter->has_latency && i < NR_HISTOGRAMS; i++)
        if (meter->latency[i].count != 0)
            write_histogram(wire, i, &meter->latency[i]);
    MOVE(end);
}

void wire_latency(struct wire *wire, struct meter *meter)
{
    uint64_t timed = meter != NULL ? meter->timed : 0;

    MOVE(timed);
    if (!wire->reads) {
        write_latency(wire, meter);
        return;
    }

    if (meter != NULL)
        meter->timed += timed;
    for (;;) {
        struct histogram ignored = {0};
        uint32_t i = NO_MORE;

        MOVE(i);
        if (i >= NR_HISTOGRAMS)
            return;
        read_histogram(wire, meter != NULL && meter->has_latency ? &meter->latency[i] : &ignored);
    }
}
