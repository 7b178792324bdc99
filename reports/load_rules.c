/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The fields of a result, in the order of docs/result.md and docs/metrics.md.
 */

#include "reports/load_private.h"

#define HELD        "page_bytes slab_bytes map_bytes space_bytes"
#define POINT       "event time requested_bytes slab_requested_bytes slab_waste_bytes rights spaces "
#define INTERVAL    "median low high confidence"
#define PERCENTILES "p50 p90 p99 p99_9 p99_99 max "

#define POINT_RULES(at)                                                                            \
    {at, REPORT_TEXT, "name"}, {at, REPORT_INTEGER, POINT "reverse_entries refused skipped"},      \
        {at, REPORT_OBJECT, "held maps"}, {at, REPORT_ARRAY, "segments"},                          \
        {at ".held", REPORT_INTEGER, HELD},                                                        \
        {at ".maps.*", REPORT_INTEGER, "min max entries bytes free_bytes holes largest_hole"},     \
        {at ".maps.*", REPORT_INTEGERS, "hole_sizes"}, {at ".segments[]", REPORT_TEXT, "name"},    \
        {at ".segments[]", REPORT_INTEGER, "start_frame end_frame free_pages pool_pages"},         \
    {                                                                                              \
        at ".segments[]", REPORT_INTEGERS, "blocks"                                                \
    }

const struct report_rule load_rules[] = {
    {"", REPORT_OBJECT, "schema provenance exact measured"},

    {"provenance", REPORT_TEXT, "tool"},
    {"provenance", REPORT_OBJECT, "trace stack machine options"},
    {"provenance.trace", REPORT_TEXT, "name digest stack time_unit"},
    {"provenance.trace", REPORT_INTEGER, "events missing_bytes time_units_per_second"},
    {"provenance.trace", REPORT_PAIRS, "provenance"},
    {"provenance.stack", REPORT_TEXT, "name spaces slabs pages map"},
    {"provenance.machine", REPORT_TEXT, "geometry"},
    {"provenance.machine", REPORT_INTEGER, "memory_bytes"},
    {"provenance.machine", REPORT_BOOLEAN, "as_captured"},
    {"provenance.options", REPORT_BOOLEAN, "check exact_bitmaps truth work"},
    {"provenance.options", REPORT_TEXT, "latency until_failure keys on_failure"},
    {"provenance.options", REPORT_INTEGER, "repeat passes sample_events"},

    {"exact", REPORT_TEXT, "digest"},
    {"exact", REPORT_OBJECT, "events requested peak refused skipped end names work"},
    {"exact", REPORT_OBJECT, "series? until_failure? truth? work_by_kind?"},
    {"exact", REPORT_ARRAY, "failures marks caches spaces"},
    {"exact", REPORT_INTEGER,
     "kernel_refused kernel_refused_too failures_beyond table_bytes node_bytes"},
    {"exact.events", REPORT_INTEGER, "replayed"},
    {"exact.events", REPORT_BOOLEAN, "stopped"},
    {"exact.events", REPORT_OBJECT, "by_kind"},
    {"exact.events.by_kind", REPORT_INTEGER, "*"},
    {"exact.refused", REPORT_INTEGER, "*"},
    {"exact.skipped", REPORT_INTEGER, "*"},
    {"exact.requested", REPORT_INTEGER, "end_bytes peak_bytes held_ratio peak_event"},
    {"exact.peak", REPORT_INTEGER, HELD},
    POINT_RULES("exact.end"),
    POINT_RULES("exact.marks[]"),
    {"exact.failures[]", REPORT_TEXT, "kind cause resource"},
    {"exact.failures[]", REPORT_BOOLEAN, "kernel_too"},
    {"exact.failures[]", REPORT_INTEGER,
     "count event time task pass requested_bytes free_bytes largest_piece pieces"},
    {"exact.caches[]", REPORT_TEXT, "name"},
    {"exact.caches[]", REPORT_BOOLEAN, "derived"},
    {"exact.caches[]", REPORT_INTEGER,
     "object_size align buffer_size slab_bytes buffers_per_slab objects requested_bytes buffers "
     "slabs free_slabs partial_slabs"},
    {"exact.caches[]", REPORT_INTEGERS, "partial_fullness"},
    {"exact.spaces[]", REPORT_INTEGER,
     "space rights bytes table_entries next_growth_bytes transient_peak_bytes growths remaps "
     "name_nodes reverse_nodes tree_nodes height"},
    {"exact.names", REPORT_INTEGER, "compared different first_different_event"},
    {"exact.work", REPORT_INTEGER,
     "pages_mapped pages_unmapped list_steps nodes_visited entries_copied bytes_copied "
     "bytes_zeroed splits merges"},
    {"exact.truth", REPORT_INTEGER,
     "points compared different blocks_compared blocks_different placed_compared placed_different"},
    {"exact.truth", REPORT_BOOLEAN, "same_design"},
    {"exact.truth", REPORT_OBJECT, "counters"},
    {"exact.truth.counters.*", REPORT_INTEGER, "compared different first_event?"},
    {"exact.truth.counters.*", REPORT_TEXT, "first?"},
    {"exact.work_by_kind", REPORT_OBJECT, "*"},
    {"exact.work_by_kind.*", REPORT_INTEGER, "calls"},
    {"exact.work_by_kind.*.+", REPORT_INTEGER, PERCENTILES "sum"},
    {"exact.work_by_kind.*.+", REPORT_BUCKETS, "buckets"},
    {"exact.until_failure", REPORT_TEXT, "how"},
    {"exact.until_failure", REPORT_BOOLEAN, "failed"},
    {"exact.until_failure", REPORT_INTEGER,
     "passes? left_out? memory_enough_bytes? memory_too_little_bytes? replays?"},

    {"exact.series", REPORT_COLUMN, "event time mark requested_bytes"},
    {"exact.series", REPORT_OBJECT, "held slabs maps spaces pictures worst pages?"},
    {"exact.series", REPORT_ARRAY, "caches segments deep"},
    {"exact.series", REPORT_INTEGER, "missed"},
    {"exact.series.held", REPORT_COLUMN, HELD},
    {"exact.series.slabs", REPORT_COLUMN,
     "objects slabs partial_slabs free_slabs requested_bytes waste_bytes fullness"},
    {"exact.series.caches[]", REPORT_TEXT, "name"},
    {"exact.series.caches[]", REPORT_INTEGER, "slab_bytes"},
    {"exact.series.caches[]", REPORT_COLUMN,
     "objects slabs partial_slabs free_slabs requested_bytes"},
    {"exact.series.pages", REPORT_COLUMN,
     "free_pages pool_pages free_huge_score largest_block_bytes"},
    {"exact.series.pages", REPORT_COLUMNS, "unusable_index extfrag_index"},
    {"exact.series.segments[]", REPORT_TEXT, "name"},
    {"exact.series.segments[]", REPORT_COLUMN, "free_pages pool_pages"},
    {"exact.series.segments[]", REPORT_COLUMNS, "blocks"},
    {"exact.series.maps.*", REPORT_COLUMN, "entries holes free_bytes largest_hole unusable_share"},
    {"exact.series.spaces", REPORT_COLUMN,
     "rights live transient_peak_bytes largest largest_rights largest_bytes "
     "largest_next_growth_bytes largest_transient_peak_bytes"},
    {"exact.series.pictures", REPORT_OBJECT, "memory? kernel_map?"},
    {"exact.series.pictures.*", REPORT_ROWS, "samples"},
    {"exact.series.pictures.*", REPORT_INTEGER, "pages_per_cell start"},
    {"exact.series.deep[]", REPORT_INTEGER, "sample"},
    {"exact.series.deep[]", REPORT_INTEGERS, "fullness"},
    {"exact.series.deep[]", REPORT_OBJECT, "hole_sizes"},
    {"exact.series.deep[].hole_sizes", REPORT_INTEGERS, "*"},
    {"exact.series.worst", REPORT_OBJECT,
     "waste_share largest_hole unusable_share free_huge_score?"},
    {"exact.series.worst", REPORT_ARRAY, "unusable_index?"},
    {"exact.series.worst.unusable_index[]", REPORT_INTEGER, "value event"},
    {"exact.series.worst.free_huge_score", REPORT_INTEGER, "value event"},
    {"exact.series.worst.waste_share", REPORT_INTEGER, "value event"},
    {"exact.series.worst.largest_hole.*", REPORT_INTEGER, "value event"},
    {"exact.series.worst.unusable_share.*", REPORT_INTEGER, "value event"},

    {"measured", REPORT_INTEGER, "wall_ns events_per_second"},
    {"measured", REPORT_INTEGERS, "wall_ns_all"},
    {"measured", REPORT_OBJECT, "wall_ns_over_replays? latency?"},
    {"measured", REPORT_BOOLEAN, "noisy? drifts?"},
    {"measured", REPORT_NUMBER, "spread?"},
    {"measured.wall_ns_over_replays", REPORT_NUMBER, INTERVAL},
    {"measured.latency", REPORT_OBJECT, "clock kinds over_trace? replays?"},
    {"measured.latency.over_trace", REPORT_INTEGERS, "event"},
    {"measured.latency.over_trace", REPORT_ARRAY, "from_ns counts"},
    {"measured.latency", REPORT_INTEGER, "timed"},
    {"measured.latency", REPORT_NUMBER, "overhead"},
    {"measured.latency.clock", REPORT_TEXT, "name"},
    {"measured.latency.clock", REPORT_NUMBER,
     "floor_ns floor_mean_ns floor_p99_ns step_ns cost_ns ticks_per_ns"},
    {"measured.latency.kinds", REPORT_ARRAY, "*"},
    {"measured.latency.kinds.*[]", REPORT_INTEGER, "at_most_bytes count"},
    {"measured.latency.kinds.*[]", REPORT_NUMBER, PERCENTILES "mean"},
    {"measured.latency.kinds.*[]", REPORT_OBJECT, "p50_over_replays? p99_over_replays?"},
    {"measured.latency.kinds.*[]", REPORT_BUCKETS, "buckets"},
    {"measured.latency.replays.*", REPORT_NUMBERS, "p50_all p99_all"},
    {"measured.latency.kinds.*[].p50_over_replays", REPORT_NUMBER, INTERVAL},
    {"measured.latency.kinds.*[].p99_over_replays", REPORT_NUMBER, INTERVAL},
};

const unsigned nr_load_rules = sizeof(load_rules) / sizeof(load_rules[0]);
