/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results for people: a table per trace that fits 100 columns and can be pasted into a mail, and
 * after it a sentence for whatever needs more than a number.
 */

#include "replay/result.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define FIELD   24
#define COLUMNS 100

/* 1536 as "1.5K": at most five characters, the units powers of 1024. */
static const char *short_bytes(uint64_t bytes, char field[FIELD])
{
    static const char units[] = " KMGT";
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit < sizeof(units) - 2) {
        value /= 1024;
        unit++;
    }

    if (unit == 0)
        snprintf(field, FIELD, "%" PRIu64, bytes);
    else
        snprintf(field, FIELD, value < 99.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);

    return field;
}

static double seconds(const struct result_subject *subject, uint64_t time)
{
    uint64_t per_second = trace_header(subject->trace)->machine.ticks_per_second;

    return per_second != 0 ? (double)time / (double)per_second : 0;
}

void result_table_begin(FILE *stream, const struct result_subject *subject,
                        const struct replay_result *result)
{
    const struct trace_machine *machine = &trace_header(subject->trace)->machine;
    char memory[FIELD], peak[FIELD];

    fprintf(stream, "%s: %" PRIu64 " events, captured on %s; replayed on %s, %sB%s\n",
            subject->trace_name, trace_totals(subject->trace)->events,
            machine->stack[0] != '\0' ? machine->stack : "an unknown design",
            result->geometry->name, short_bytes(result->memory, memory),
            result->captured_machine ? "" : " (not the captured machine)");
    fprintf(stream, "asked for at most %sB at once\n\n", short_bytes(result->requested_peak, peak));
    fprintf(stream, "%-12s %15s  %17s %5s  %13s %6s %4s\n", "", "---requests----",
            "---peak bytes----", "slab", "--slabs' map-", "other", "Mev");
    fprintf(stream, "%-12s %7s %7s  %5s %5s %6s %5s  %5s %7s %6s %4s %16s\n", "stack", "refused",
            "skipped", "pages", "slabs", "rights", "waste", "holes", "largest", "names", "/s",
            "digest");
}

/* The mark, or the end, at which the objects in slabs asked for most: where their waste is told. It
 * is the same point for all stacks but for what they take for themselves. */
static const struct replay_point *fullest(const struct replay_result *result)
{
    const struct replay_point *best = &result->end;

    for (unsigned i = result->nr_points; i-- > 0;)
        if (result->points[i].slab_requested >= best->slab_requested)
            best = &result->points[i];

    return best;
}

static void print_waste(FILE *stream, const struct replay_result *result)
{
    const struct replay_point *point = fullest(result);

    if (point->held.slab_bytes == 0) {
        fprintf(stream, " %5s", "-");
        return;
    }

    double waste = (double)(point->held.slab_bytes - point->slab_requested);

    fprintf(stream, " %4.1f%%", 100 * waste / (double)point->held.slab_bytes);
}

/* The map that slabs draw on: kmem_map where there is one. */
static const struct map_snapshot *slab_map(const struct snapshot *snapshot)
{
    const struct map_snapshot *submap = &snapshot->maps[MAP_SLAB];

    return submap->name != NULL ? submap : &snapshot->maps[MAP_KERNEL];
}

void result_table_row(FILE *stream, const struct result_subject *subject,
                      const struct replay_result *result)
{
    const struct snapshot *snapshot = &result->snapshot;
    const struct map_snapshot *map = slab_map(snapshot);
    bool holds = subject->ops->space[0] != '\0';
    double per_second = (double)result->events * 1e3 / (double)(result->wall_ns | 1);
    char field[FIELD];

    fprintf(stream, "%-12.12s %7" PRIu64 " %7" PRIu64 " ", subject->ops->name,
            replay_refused(result) + result->kernel_refused_too, replay_skipped(result));
    fprintf(stream, " %5s", short_bytes(snapshot->peak.page_bytes, field));
    fprintf(stream, " %5s", short_bytes(snapshot->peak.slab_bytes, field));
    fprintf(stream, " %6s", short_bytes(snapshot->peak.space_bytes, field));
    print_waste(stream, result);

    if (map->name != NULL)
        fprintf(stream, "  %5u %7s", map->counts.holes,
                short_bytes(map->counts.largest_hole, field));
    else
        fprintf(stream, "  %5s %7s", "-", "-");

    if (holds)
        fprintf(stream, " %6" PRIu64, result->names_different);
    else
        fprintf(stream, " %6s", "-");

    fprintf(stream, per_second < 99.95 ? " %4.1f" : " %4.0f", per_second);
    fprintf(stream, " %016" PRIx64 "\n", result->digest);
}

/* Prints a sentence in lines of at most 100 columns; those after the first are set in. */
static void note(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(FILE *stream, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    const char *indent = "";

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    for (char *line = text; *line != '\0';) {
        size_t width = COLUMNS - strlen(indent), size = strlen(line);

        if (size > width) {
            for (size = width; size > 0 && line[size] != ' '; size--)
                ;
            size = size != 0 ? size : width; /* a word longer than a line */
        }

        fprintf(stream, "%s%.*s\n", indent, (int)size, line);
        line += size;
        line += *line == ' ';
        indent = "    ";
    }
}

static void note_failure(FILE *stream, const struct result_subject *subject,
                         const struct replay_failure *f)
{
    const struct failure *failure = &f->failure;

    note(stream,
         "%s refused %s %" PRIu64 " time%s%s by %s of %s; first at event %" PRIu64
         " (%.3f s), task %u: %" PRIu64 " bytes asked for, %" PRIu64 " free in %" PRIu64
         " piece%s, the largest %" PRIu64 " bytes.",
         subject->ops->name, event_kind_name(f->kind), f->count, f->count == 1 ? "" : "s",
         f->kernel_too ? ", as the captured kernel did," : "", failure_cause_name(failure->cause),
         failure->resource, f->event, seconds(subject, f->time), f->task, failure->requested,
         failure->free, failure->pieces, failure->pieces == 1 ? "" : "s", failure->largest);
}

static void note_truth(FILE *stream, const struct result_subject *subject,
                       const struct truth_result *truth)
{
    uint64_t different = truth_different(truth);
    enum truth_counter first = truth->first_counter;

    note(stream, "%s: truth: %" PRIu64 " of %" PRIu64 " counters at %" PRIu64 " points differ.",
         subject->ops->name, different, truth_compared(truth), truth->points);
    if (truth->blocks_different != 0)
        note(stream,
             "    Told, not held against it: %" PRIu64 " of %" PRIu64
             " counts of free blocks per order differ.",
             truth->blocks_different, truth->blocks_compared);
    if (truth->placed_different != 0)
        note(stream,
             "    Told, not held against it: %" PRIu64 " of %" PRIu64
             " counters of rdxtree_node differ, "
             "as they follow from where objects lie (--keys captured compares them).",
             truth->placed_different, truth->placed_compared);

    if (different == 0)
        return;

    if (!truth->same_design)
        note(stream, "%s: the captured kernel was %s, so differences are expected.",
             subject->ops->name, trace_header(subject->trace)->machine.stack);

    note(stream, "%s: first difference after event %" PRIu64 ": %s.", subject->ops->name,
         truth->first_event[first], truth->first[first]);

    for (unsigned i = 0; i < TRUTH_COUNTERS; i++) {
        if (truth->different[i] == 0)
            continue;
        note(stream,
             "    %-13s %" PRIu64 " of %" PRIu64 " different, first after event %" PRIu64 ": %s",
             truth_counter_name(i), truth->different[i], truth->compared[i], truth->first_event[i],
             truth->first[i]);
    }
}

bool result_table_notes(FILE *stream, const struct result_subject *subject,
                        const struct replay_result *result)
{
    for (unsigned i = 0; i < result->nr_failures; i++)
        note_failure(stream, subject, &result->failures[i]);

    if (result->failures_beyond != 0)
        note(stream, "%s: %" PRIu64 " refusals of further classes.", subject->ops->name,
             result->failures_beyond);

    if (result->stopped)
        note(stream, "%s: stopped at event %" PRIu64 ", as asked.", subject->ops->name,
             result->events);

    if (result->checks != 0)
        note(stream,
             "%s: every structure checked %" PRIu64 " times, the contents of %" PRIu64
             " objects verified as they were freed, of %" PRIu64 " at the end.",
             subject->ops->name, result->checks, result->patterns, result->live_patterns);

    if (result->truth.done)
        note_truth(stream, subject, &result->truth);

    return result->nr_failures != 0 || result->stopped || result->checks != 0 || result->truth.done;
}
