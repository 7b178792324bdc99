/*
 * Results for people: a table per trace that fits 100 columns and can be pasted into a mail, and
 * after it a sentence for whatever needs more than a number.
 */

#include "replay/result.h"

#include <inttypes.h>
#include <string.h>

#define FIELD 24

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
    fprintf(stream, "%-13s %7s %7s %20s %5s %12s %7s %5s\n", "", "", "", "-- peak bytes of --",
            "slab", "kernel map", "other", "Mev");
    fprintf(stream, "%-13s %7s %7s %6s %6s %6s %5s %5s %6s %7s %5s %16s\n", "stack", "refused",
            "skipped", "pages", "slabs", "rights", "waste", "holes", "large", "names", "per s",
            "digest");
}

/* The mark, or the end, at which slabs first held most: where their waste is told. */
static const struct replay_point *fullest(const struct replay_result *result)
{
    const struct replay_point *best = NULL;

    for (unsigned i = 0; i < result->nr_points; i++)
        if (best == NULL || result->points[i].held.slab_bytes > best->held.slab_bytes)
            best = &result->points[i];

    return best != NULL && best->held.slab_bytes >= result->end.held.slab_bytes ? best
                                                                                : &result->end;
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

void result_table_row(FILE *stream, const struct result_subject *subject,
                      const struct replay_result *result)
{
    const struct snapshot *snapshot = &result->snapshot;
    const struct map_snapshot *map = &snapshot->maps[MAP_KERNEL];
    bool holds = subject->ops->space[0] != '\0';
    char field[FIELD];

    fprintf(stream, "%-13.13s %7" PRIu64 " %7" PRIu64, subject->ops->name, replay_refused(result),
            replay_skipped(result));
    fprintf(stream, " %6s", short_bytes(snapshot->peak.page_bytes, field));
    fprintf(stream, " %6s", short_bytes(snapshot->peak.slab_bytes, field));
    fprintf(stream, " %6s", short_bytes(snapshot->peak.space_bytes, field));
    print_waste(stream, result);

    if (map->name != NULL)
        fprintf(stream, " %5u %6s", map->counts.holes,
                short_bytes(map->counts.largest_hole, field));
    else
        fprintf(stream, " %5s %6s", "-", "-");

    if (holds)
        fprintf(stream, " %7" PRIu64, result->names_different);
    else
        fprintf(stream, " %7s", "-");

    fprintf(stream, " %5.1f %016" PRIx64 "\n",
            (double)result->events * 1e3 / (double)(result->wall_ns != 0 ? result->wall_ns : 1),
            result->digest);
}

static void note_failure(FILE *stream, const struct result_subject *subject,
                         const struct replay_failure *f)
{
    const struct failure *failure = &f->failure;

    fprintf(stream,
            "%s refused %s %" PRIu64 " time%s%s by %s of %s; first at event %" PRIu64
            " (%.3f s), task %u: %" PRIu64 " bytes asked for, %" PRIu64 " free in %" PRIu64
            " piece%s, the largest %" PRIu64 " bytes.\n",
            subject->ops->name, event_kind_name(f->kind), f->count, f->count == 1 ? "" : "s",
            f->kernel_too ? ", as the captured kernel did," : "",
            failure_cause_name(failure->cause), failure->resource, f->event,
            seconds(subject, f->time), f->task, failure->requested, failure->free, failure->pieces,
            failure->pieces == 1 ? "" : "s", failure->largest);
}

static void note_truth(FILE *stream, const struct result_subject *subject,
                       const struct truth_result *truth)
{
    uint64_t different = truth_different(truth);
    enum truth_counter first = truth->first_counter;

    fprintf(stream,
            "%s: truth: %" PRIu64 " of %" PRIu64 " counters at %" PRIu64 " points differ.\n",
            subject->ops->name, different, truth_compared(truth), truth->points);
    if (truth->blocks_different != 0)
        fprintf(stream,
                "  Told, not held against it: %" PRIu64 " of %" PRIu64
                " counts of free blocks per order differ.\n",
                truth->blocks_different, truth->blocks_compared);
    if (truth->placed_different != 0)
        fprintf(stream,
                "  Told, not held against it: %" PRIu64 " of %" PRIu64
                " counters of rdxtree_node differ,\n"
                "  as they follow from where objects lie (--keys captured compares them).\n",
                truth->placed_different, truth->placed_compared);

    if (different == 0)
        return;

    if (!truth->same_design)
        fprintf(stream, "%s: the captured kernel was %s, so differences are expected.\n",
                subject->ops->name, trace_header(subject->trace)->machine.stack);

    fprintf(stream, "%s: first difference after event %" PRIu64 ": %s.\n", subject->ops->name,
            truth->first_event[first], truth->first[first]);

    for (unsigned i = 0; i < TRUTH_COUNTERS; i++) {
        if (truth->different[i] == 0)
            continue;
        fprintf(stream,
                "  %-13s %" PRIu64 " of %" PRIu64 " different, first after event %" PRIu64 ": %s\n",
                truth_counter_name(i), truth->different[i], truth->compared[i],
                truth->first_event[i], truth->first[i]);
    }
}

void result_table_notes(FILE *stream, const struct result_subject *subject,
                        const struct replay_result *result)
{
    for (unsigned i = 0; i < result->nr_failures; i++)
        note_failure(stream, subject, &result->failures[i]);

    if (result->failures_beyond != 0)
        fprintf(stream, "%s: %" PRIu64 " refusals of further classes.\n", subject->ops->name,
                result->failures_beyond);

    if (result->stopped)
        fprintf(stream, "%s: stopped at event %" PRIu64 ", as asked.\n", subject->ops->name,
                result->events);

    if (result->checks != 0)
        fprintf(stream,
                "%s: every structure checked %" PRIu64 " times, the contents of %" PRIu64
                " objects verified.\n",
                subject->ops->name, result->checks, result->patterns);

    if (result->truth.done)
        note_truth(stream, subject, &result->truth);
}
