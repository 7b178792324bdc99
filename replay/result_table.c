/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Results for people: tables per trace that fit 100 columns and can be pasted into a mail, and
 * after them a sentence for whatever needs more than a number.
 *
 * A cell is a text, and where it can be compared a value: the best of a column is marked with a
 * star. Who refused something is not compared, since he held less for doing less, nor is the stack
 * that does nothing; and where all are equal there is no best.
 */

#include "replay/result.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "replay/fragmentation.h"
#include "replay/result_verdict.h"

#define NAME_WIDTH     12 /* of the names of stacks */
#define NAME_WIDTH_MAX 32

#define FIELD     24
#define COLUMNS   100
#define HOT_KINDS 4 /* of events, whose time and work are shown */

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

/* ---- What is compared ---- */

static bool is_baseline(const struct session_outcome *outcome)
{
    return outcome->ops->space[0] == '\0';
}

static uint64_t refusals(const struct session_outcome *outcome)
{
    return replay_refused(&outcome->result) + outcome->result.kernel_refused_too;
}

bool result_compares(const struct session_outcome *outcome)
{
    return !is_baseline(outcome) && refusals(outcome) == 0 && outcome->result.said[0] == '\0';
}

/* A cell: its text, and its value where it can be compared. */
struct cell {
    char text[FIELD];
    bool known;
    double value;
};

struct column {
    const char *title;
    int width;
    int better; /* -1: less is better, 1: more is, 0: not compared */
    struct cell (*cell)(const struct session_outcome *outcome);
    bool measured; /* of one replay each there is no best */
};

/* The value that is best in a column, NAN when there is none to mark. */
static double best(const struct column *column, const struct session_outcome *outcomes, unsigned nr)
{
    double best = NAN, worst = NAN;

    if (column->better == 0 || (column->measured && outcomes[0].timing.rounds < 2))
        return NAN;

    for (unsigned i = 0; i < nr; i++) {
        struct cell cell = column->cell(&outcomes[i]);

        if (!cell.known || !result_compares(&outcomes[i]))
            continue;

        double value = cell.value * column->better;

        best = isnan(best) || value > best ? value : best;
        worst = isnan(worst) || value < worst ? value : worst;
    }

    return best > worst ? best * column->better : NAN;
}

/* ---- Cells ---- */

static const struct cell cell_none = {.text = "-"};

static struct cell cell_number(uint64_t value)
{
    struct cell cell = {.known = true, .value = (double)value};

    snprintf(cell.text, sizeof(cell.text), "%" PRIu64, value);
    return cell;
}

static struct cell cell_bytes(uint64_t value)
{
    struct cell cell = {.known = true, .value = (double)value};

    short_bytes(value, cell.text);
    return cell;
}

static struct cell refused_cell(const struct session_outcome *outcome)
{
    return cell_number(refusals(outcome));
}

static struct cell first_cell(const struct session_outcome *outcome)
{
    const struct replay_result *result = &outcome->result;
    uint64_t first = 0;

    for (unsigned i = 0; i < result->nr_failures; i++)
        if (first == 0 || result->failures[i].event < first)
            first = result->failures[i].event;

    return first != 0 ? cell_number(first) : cell_none;
}

static struct cell pages_cell(const struct session_outcome *outcome)
{
    return cell_bytes(outcome->result.snapshot.peak.page_bytes);
}

static struct cell slabs_cell(const struct session_outcome *outcome)
{
    return cell_bytes(outcome->result.snapshot.peak.slab_bytes);
}

static struct cell rights_cell(const struct session_outcome *outcome)
{
    return cell_bytes(outcome->result.snapshot.peak.space_bytes);
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

static struct cell waste_cell(const struct session_outcome *outcome)
{
    const struct replay_point *point = fullest(&outcome->result);

    if (point->held.slab_bytes == 0)
        return cell_none;

    struct cell cell = {
        .known = true,
        .value = 100 * (double)internal_waste(point->held.slab_bytes, point->slab_requested) /
                 (double)point->held.slab_bytes};

    snprintf(cell.text, sizeof(cell.text), "%.1f%%", cell.value);
    return cell;
}

/* The map that slabs draw on: kmem_map where there is one. */
static const struct map_snapshot *slab_map(const struct snapshot *snapshot)
{
    const struct map_snapshot *submap = &snapshot->maps[MAP_SLAB];

    return submap->name != NULL ? submap : &snapshot->maps[MAP_KERNEL];
}

/* The worst of the series, for a block of the size that a slab of several pages takes. */
static struct cell unusable_cell(const struct session_outcome *outcome)
{
    const struct series *series = outcome->result.series;

    if (is_baseline(outcome) || series == NULL || series->nr_segments == 0 ||
        !series->unusable[RESULT_ORDER].known)
        return cell_none;

    struct cell cell = {.known = true, .value = (double)series->unusable[RESULT_ORDER].value};

    snprintf(cell.text, sizeof(cell.text), "%.3f", cell.value / 1000);
    return cell;
}

static struct cell holes_cell(const struct session_outcome *outcome)
{
    const struct map_snapshot *map = slab_map(&outcome->result.snapshot);

    return map->name != NULL ? cell_number(map->counts.holes) : cell_none;
}

static struct cell largest_cell(const struct session_outcome *outcome)
{
    const struct map_snapshot *map = slab_map(&outcome->result.snapshot);

    return map->name != NULL ? cell_bytes(map->counts.largest_hole) : cell_none;
}

static struct cell speed_cell(const struct session_outcome *outcome)
{
    double wall = timing_wall(&outcome->timing).median;
    struct cell cell = {.known = wall > 0};

    if (!cell.known)
        return cell_none;

    cell.value = (double)outcome->result.events * 1e3 / wall;
    snprintf(cell.text, sizeof(cell.text), cell.value < 99.95 ? "%.1f" : "%.0f", cell.value);
    return cell;
}

/* The first half of it, which is enough to see a difference. */
static struct cell digest_cell(const struct session_outcome *outcome)
{
    struct cell cell = {.known = true};

    snprintf(cell.text, sizeof(cell.text), "%08" PRIx64, outcome->result.digest >> 32);
    return cell;
}

static const struct column columns[] = {
    {"refused", 7, 0, refused_cell, false}, {"first at", 8, 0, first_cell, false},
    {"held", 5, -1, pages_cell, false},     {"slabs", 5, -1, slabs_cell, false},
    {"rights", 6, -1, rights_cell, false},  {"waste", 5, -1, waste_cell, false},
    {"unus.", 5, -1, unusable_cell, false}, {"holes", 5, -1, holes_cell, false},
    {"largest", 7, 1, largest_cell, false}, {"Mev/s", 5, 1, speed_cell, true},
    {"digest", 8, 0, digest_cell, false},
};

#define NR_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* ---- Tables ---- */

/* Pads to WIDTH on the left and leaves room for the star on the right. */
static void print_cell(FILE *stream, const struct column *column, const struct cell *cell,
                       double best_value, bool compares, bool last)
{
    bool star = compares && cell->known && cell->value == best_value; /* false for NAN */

    fprintf(stream, " %*s%s", column->width, cell->text, star ? "*" : last ? "" : " ");
}

static void print_heading(FILE *stream, const struct result_subject *subject,
                          const struct session_outcome *outcome)
{
    const struct trace_machine *machine = &trace_header(subject->trace)->machine;
    const struct replay_result *result = &outcome->result;
    bool shrinks = subject->request->until_failure == UNTIL_SHRINK;
    char memory[FIELD], peak[FIELD];

    fprintf(stream, "%s: %" PRIu64 " events, captured on %s; replayed on %s, %s%s%s\n",
            subject->trace_name, trace_totals(subject->trace)->events,
            machine->stack[0] != '\0' ? machine->stack : "an unknown design",
            result->geometry->name, shrinks ? "less and less memory" : "",
            shrinks ? "" : short_bytes(result->memory, memory),
            shrinks                    ? ""
            : result->captured_machine ? "B"
                                       : "B (not the captured machine)");
    fprintf(stream, "asked for at most %sB at once\n\n", short_bytes(result->requested_peak, peak));
}

/* Characters for the names of stacks: those of kernel images are long. */
static int name_width(const struct session_outcome *outcomes, unsigned nr)
{
    size_t width = NAME_WIDTH;

    for (unsigned i = 0; i < nr; i++)
        if (strchr(outcomes[i].ops->name, ':') != NULL && strlen(outcomes[i].ops->name) > width)
            width = strlen(outcomes[i].ops->name);

    return (int)(width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX);
}

static void print_states(FILE *stream, const struct session_outcome *outcomes, unsigned nr)
{
    double bests[NR_COLUMNS];
    int width = name_width(outcomes, nr);

    fprintf(stream, "%-*s", width, "stack");
    for (unsigned c = 0; c < NR_COLUMNS; c++) {
        bests[c] = best(&columns[c], outcomes, nr);
        fprintf(stream, " %*s%s", columns[c].width, columns[c].title,
                c + 1 < NR_COLUMNS ? " " : "\n");
    }

    for (unsigned i = 0; i < nr; i++) {
        fprintf(stream, "%-*.*s", width, width, outcomes[i].ops->name);
        for (unsigned c = 0; c < NR_COLUMNS; c++) {
            struct cell cell = columns[c].cell(&outcomes[i]);

            print_cell(stream, &columns[c], &cell, bests[c], result_compares(&outcomes[i]),
                       c + 1 == NR_COLUMNS);
        }
        fputc('\n', stream);
    }
}

/* The kinds of request, frees left out, of which the trace has most, most first. Returns how many
 * there are. */
static unsigned hot_kinds(const struct result_subject *subject, unsigned kinds[HOT_KINDS])
{
    static const unsigned requests[] = {
        EVENT_CACHE_ALLOC, EVENT_KALLOC,         EVENT_PAGE_ALLOC,  EVENT_MAP_ALLOC,
        EVENT_NAME_ALLOC,  EVENT_REVERSE_INSERT, EVENT_NAME_LOOKUP,
    };
    const uint64_t *counts = trace_totals(subject->trace)->by_kind;
    unsigned nr = 0;

    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        unsigned at = nr;

        if (counts[requests[i]] == 0)
            continue;
        while (at > 0 && counts[kinds[at - 1]] < counts[requests[i]])
            at--;
        if (at == HOT_KINDS)
            continue;
        if (nr < HOT_KINDS)
            nr++;
        memmove(&kinds[at + 1], &kinds[at], (nr - 1 - at) * sizeof(kinds[0]));
        kinds[at] = requests[i];
    }

    return nr;
}

/* 1234567 as "1.2m" with units of a thousand: at most five characters. */
static const char *short_number(double value, const char units[3], char field[FIELD])
{
    unsigned unit = 0;

    while (value >= 9999.5 && unit < 2) {
        value /= 1000;
        unit++;
    }

    if (unit == 0)
        snprintf(field, FIELD, "%.0f", value);
    else
        snprintf(field, FIELD, value < 99.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);

    return field;
}

/* Percentiles of one kind for one stack; false when there are none. */
typedef bool distribution(const struct session_outcome *outcome, unsigned kind, double values[3]);

static bool time_distribution(const struct session_outcome *outcome, unsigned kind,
                              double values[3])
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    bool any = histogram != NULL && timing_kind(&outcome->timing, kind, histogram);

    if (any) {
        values[0] = timing_ns(&outcome->timing, histogram_percentile(histogram, 50, 100));
        values[1] = timing_ns(&outcome->timing, histogram_percentile(histogram, 99, 100));
        values[2] = timing_ns(&outcome->timing, histogram->max);
    }

    free(histogram);
    return any;
}

static bool work_distribution(const struct session_outcome *outcome, unsigned kind,
                              double values[3])
{
    const struct meter *meter = outcome->result.meter;

    if (meter == NULL || !meter->has_work || meter->calls[kind] == 0)
        return false;

    const struct histogram *histogram = meter_work_of(meter, kind, METER_STEPS);

    values[0] = (double)histogram_percentile(histogram, 50, 100);
    values[1] = (double)histogram_percentile(histogram, 99, 100);
    values[2] = (double)histogram->max;
    return true;
}

static void print_distribution_row(FILE *stream, const struct session_outcome *outcome,
                                   distribution *of, const char *units, const unsigned *kinds,
                                   unsigned nr_kinds, int width)
{
    double values[3];
    char field[FIELD];

    fprintf(stream, "%-*.*s", width, width, outcome->ops->name);
    for (unsigned k = 0; k < nr_kinds; k++) {
        bool any = of(outcome, kinds[k], values);

        for (unsigned i = 0; i < 3; i++)
            fprintf(stream, "%s%6s", i == 0 ? "  " : " ",
                    any ? short_number(values[i], units, field) : "-");
    }
    fputc('\n', stream);
}

static void print_distributions(FILE *stream, const char *what, distribution *of, const char *units,
                                const struct result_subject *subject,
                                const struct session_outcome *outcomes, unsigned nr)
{
    unsigned kinds[HOT_KINDS + 1];
    unsigned nr_kinds = hot_kinds(subject, kinds);
    int width = name_width(outcomes, nr);

    fprintf(stream, "\n%-*s", width, what);
    for (unsigned k = 0; k < nr_kinds; k++)
        fprintf(stream, "  %20s", event_kind_name(kinds[k]));
    fprintf(stream, "\n%-*s", width, "");
    for (unsigned k = 0; k < nr_kinds; k++)
        fprintf(stream, "  %6s %6s %6s", "p50", "p99", "max");
    fputc('\n', stream);

    for (unsigned i = 0; i < nr; i++)
        print_distribution_row(stream, &outcomes[i], of, units, kinds, nr_kinds, width);
}

/* ---- Sentences ---- */

void result_note(FILE *stream, const char *format, ...)
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
                         const struct session_outcome *outcome, const struct replay_failure *f)
{
    const struct failure *failure = &f->failure;
    char pass[FIELD + 8] = "";

    if (f->pass != 0)
        snprintf(pass, sizeof(pass), " of pass %u", f->pass + 1);

    result_note(stream,
                "%s refused %s %" PRIu64 " time%s%s by %s of %s; first at event %" PRIu64 "%s"
                " (%.3f s), task %u: %" PRIu64 " bytes asked for, %" PRIu64 " free in %" PRIu64
                " piece%s, the largest %" PRIu64 " bytes.",
                outcome->ops->name, event_kind_name(f->kind), f->count, f->count == 1 ? "" : "s",
                f->kernel_too ? ", as the captured kernel did," : "",
                failure_cause_name(failure->cause), failure->resource, f->event, pass,
                seconds(subject, f->time), f->task, failure->requested, failure->free,
                failure->pieces, failure->pieces == 1 ? "" : "s", failure->largest);
}

static void note_truth(FILE *stream, const struct result_subject *subject,
                       const struct session_outcome *outcome)
{
    const struct truth_result *truth = &outcome->result.truth;
    uint64_t different = truth_different(truth);
    enum truth_counter first = truth->first_counter;

    result_note(stream,
                "%s: truth: %" PRIu64 " of %" PRIu64 " counters at %" PRIu64 " points differ.",
                outcome->ops->name, different, truth_compared(truth), truth->points);
    if (truth->blocks_different != 0)
        result_note(stream,
                    "    Told, not held against it: %" PRIu64 " of %" PRIu64
                    " counts of free blocks per order differ.",
                    truth->blocks_different, truth->blocks_compared);
    if (truth->placed_different != 0)
        result_note(stream,
                    "    Told, not held against it: %" PRIu64 " of %" PRIu64
                    " counters of rdxtree_node differ, "
                    "as they follow from where objects lie (--keys captured compares them).",
                    truth->placed_different, truth->placed_compared);

    if (different == 0)
        return;

    if (!truth->same_design)
        result_note(stream, "%s: the captured kernel was %s, so differences are expected.",
                    outcome->ops->name, trace_header(subject->trace)->machine.stack);

    result_note(stream, "%s: first difference after event %" PRIu64 ": %s.", outcome->ops->name,
                truth->first_event[first], truth->first[first]);

    for (unsigned i = 0; i < TRUTH_COUNTERS; i++) {
        if (truth->different[i] == 0)
            continue;
        result_note(stream,
                    "    %-13s %" PRIu64 " of %" PRIu64 " different, first after event %" PRIu64
                    ": %s",
                    truth_counter_name(i), truth->different[i], truth->compared[i],
                    truth->first_event[i], truth->first[i]);
    }
}

/* Tells whether there was anything to say. */
static bool print_notes(FILE *stream, const struct result_subject *subject,
                        const struct session_outcome *outcome)
{
    const struct replay_result *result = &outcome->result;
    for (unsigned i = 0; i < result->nr_failures; i++)
        note_failure(stream, subject, outcome, &result->failures[i]);

    if (result->failures_beyond != 0)
        result_note(stream, "%s: %" PRIu64 " refusals of further classes.", outcome->ops->name,
                    result->failures_beyond);

    if (result->said[0] != '\0')
        result_note(stream, "%s: the kernel said, at event %" PRIu64 ": %s", outcome->ops->name,
                    result->said_event, result->said);
    else if (result->stopped && subject->request->until_failure == UNTIL_END)
        result_note(stream, "%s: stopped at event %" PRIu64 ", as asked.", outcome->ops->name,
                    result->events);

    if (result->checks != 0)
        result_note(stream,
                    "%s: every structure checked %" PRIu64 " times, the contents of %" PRIu64
                    " objects verified as they were freed, of %" PRIu64 " at the end.",
                    outcome->ops->name, result->checks, result->patterns, result->live_patterns);

    if (result->truth.done)
        note_truth(stream, subject, outcome);

    return result->nr_failures != 0 || result->stopped || result->checks != 0 || result->truth.done;
}

void result_table(FILE *stream, const struct result_subject *subject,
                  const struct session_outcome *outcomes, unsigned nr)
{
    bool noted = false, work = false;

    for (unsigned i = 0; i < nr; i++)
        work |= outcomes[i].result.meter != NULL && outcomes[i].result.meter->has_work;

    print_heading(stream, subject, &outcomes[0]);
    print_states(stream, outcomes, nr);
    if (outcomes[0].timing.latency != REPLAY_UNTIMED)
        print_distributions(stream, "ns a call", time_distribution, " um", subject, outcomes, nr);
    if (work)
        print_distributions(stream, "steps a call", work_distribution, " kM", subject, outcomes,
                            nr);
    fputc('\n', stream);

    for (unsigned i = 0; i < nr; i++)
        noted |= print_notes(stream, subject, &outcomes[i]);
    noted |= result_verdict(stream, subject, outcomes, nr);
    if (noted)
        fputc('\n', stream);
}
