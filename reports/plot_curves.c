/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fragmentation over the trace: the kinds that show columns of the series, a curve for each stack,
 * in one panel or in several that share the axis.
 */

#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define PANELS 3

/* What a panel shows of each result. */
struct panel {
    const char *column; /* below exact.series, see docs/metrics.md */
    const char *title;  /* for words; "" when the plot has just one */
    const char *label;  /* of the axis; NULL: the unit */
    double low, high;   /* the axis reaches at least so far; LOW is 0 or below */
    double divisor;     /* of what is in the column */
    const char *unit;   /* NULL: bytes */
    const char *ideal;  /* a column that is shown as an area: what nothing can be below */
};

struct curves {
    struct panel panels[PANELS];
    unsigned nr;
};

static const json_t *column_of(const struct report_result *result, const struct panel *panel)
{
    json_t *series = report_at(result->exact, "series");

    return series == NULL ? NULL : report_array(series, panel->column);
}

/* A column of zeroes is that of a stack which has no such thing: null holds nothing. */
static bool has(const struct report_result *result, const struct panel *panel)
{
    const json_t *column = column_of(result, panel);
    size_t nr = json_array_size(column);

    if (report_at(result->exact, "series.pages") != NULL)
        return nr != 0;
    for (size_t i = 0; i < nr; i++)
        if (json_number_value(json_array_get(column, i)) != 0)
            return true;
    return false;
}

static unsigned count(const struct plot_job *job, const struct panel *panel)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < job->nr; i++)
        nr += has(&job->results[i], panel);
    return nr;
}

/* The first result that has the panel; there is one. */
static const struct report_result *any(const struct plot_job *job, const struct panel *panel)
{
    for (unsigned i = 0; i < job->nr; i++)
        if (has(&job->results[i], panel))
            return &job->results[i];

    return &job->results[0];
}

struct range {
    double low, high;
};

static void widen(struct range *range, const json_t *column)
{
    for (size_t i = 0; i < json_array_size(column); i++) {
        double value = json_number_value(json_array_get(column, i));

        range->low = value < range->low ? value : range->low;
        range->high = value > range->high ? value : range->high;
    }
}

static struct range range_of(const struct plot_job *job, const struct panel *panel)
{
    struct range range = {.low = 1e300, .high = -1e300};

    for (unsigned i = 0; i < job->nr; i++)
        widen(&range, column_of(&job->results[i], panel));
    return range;
}

/* ---- Figures ---- */

/* The result of which the most was served shows what an ideal allocator would have held. */
static const struct report_result *most_served(const struct plot_job *job,
                                               const struct panel *panel)
{
    const struct report_result *best = any(job, panel);

    for (unsigned i = 0; i < job->nr; i++)
        if (has(&job->results[i], panel) &&
            report_integer(job->results[i].exact, "requested.peak_bytes") >
                report_integer(best->exact, "requested.peak_bytes"))
            best = &job->results[i];
    return best;
}

static int put_ideal(struct plot_data *data, const struct plot_job *job, const struct panel *panel,
                     struct error *error)
{
    const struct report_result *result = most_served(job, panel);
    struct plot_column x, y;

    if (plot_column_read(&x, report_array(result->exact, "series.event"), error) != 0)
        return -1;
    if (plot_column_read(&y, report_array(report_at(result->exact, "series"), panel->ideal),
                         error) != 0) {
        plot_column_free(&x);
        return -1;
    }

    fputs("$ideal << END\n# event bytes\n", data->stream);
    plot_put_curve(data, &x, &y, (unsigned)(data->right - data->left));
    fputs("END\n", data->stream);
    plot_column_free(&x);
    plot_column_free(&y);
    return 0;
}

static int put_curve(struct plot_data *data, const struct report_result *result,
                     const struct panel *panel, unsigned number, unsigned nr, struct error *error)
{
    struct plot_column x, y;

    if (plot_column_read(&x, report_array(result->exact, "series.event"), error) != 0)
        return -1;
    if (plot_column_read(&y, column_of(result, panel), error) != 0) {
        plot_column_free(&x);
        return -1;
    }

    fputs("# event value\n", data->stream);
    plot_put_curve(data, &x, &y, (unsigned)(data->right - data->left));
    fputs("# event value, where there are markers\n", data->stream);
    plot_put_markers(data, &x, &y, number, nr);
    plot_column_free(&x);
    plot_column_free(&y);
    return 0;
}

static int put_curves(struct plot_data *data, const struct plot_job *job,
                      const struct curves *curves, struct error *error)
{
    unsigned nr = count(job, &curves->panels[0]);

    fputs("$curves << END\n", data->stream);
    for (unsigned p = 0; p < curves->nr; p++)
        for (unsigned i = 0, number = 0; i < job->nr; i++)
            if (has(&job->results[i], &curves->panels[0]) &&
                put_curve(data, &job->results[i], &curves->panels[p], number++, nr, error) != 0)
                return -1;
    fputs("END\n", data->stream);
    return 0;
}

/* Names, styles and legend. */
static void put_stacks(struct plot_data *data, const struct plot_job *job,
                       const struct panel *panel)
{
    const char *names[64];
    unsigned nr = 0;
    size_t longest = panel->ideal != NULL ? strlen("asked for") : 0;

    for (unsigned i = 0; i < job->nr && nr < PLOT_COUNT(names); i++) {
        const char *name = job->results[i].stack;
        struct plot_style style = plot_style_of_stack(name, nr);

        if (!has(&job->results[i], panel))
            continue;
        names[nr++] = name;
        plot_put_style(data, nr, &style);
        longest = strlen(name) > longest ? strlen(name) : longest;
    }

    plot_put(data, "nr_curves", nr);
    plot_put(data, "nr_areas", panel->ideal != NULL);
    if (panel->ideal != NULL) {
        plot_put_strings(data, "area_name", (const char *[]){"asked for"}, 1);
        plot_put_strings(data, "area_colour", (const char *[]){"#c8000000"}, 1);
    }
    plot_put_strings(data, "curve_name", names, nr);
    plot_put_legend(data, longest, nr + (panel->ideal != NULL));
}

/* The axis of a panel: from zero, unless all that is to be seen is far from it; and some room above
 * the highest curve, and for one that is flat. */
static struct range axis_of(const struct plot_job *job, const struct panel *panel)
{
    struct range range = range_of(job, panel);
    double room;

    for (unsigned i = 0; i < job->nr && panel->ideal != NULL; i++)
        widen(&range, report_array(report_at(job->results[i].exact, "series"), panel->ideal));
    if (range.low > 0 && range.low < 0.6 * range.high)
        range.low = 0;
    range.low = panel->low < range.low && panel->low < 0 ? panel->low : range.low;
    range.high = panel->high > range.high ? panel->high : range.high;

    room = range.high > range.low ? (range.high - range.low) * 0.04 : range.high * 0.04 + 1e-3;
    range.high += room;
    range.low -= range.low != 0 ? room : 0;
    return range;
}

static void put_panels(struct plot_data *data, const struct plot_job *job,
                       const struct curves *curves)
{
    double tops[PANELS], bottoms[PANELS], lows[PANELS], highs[PANELS], divisors[PANELS];
    const char *labels[PANELS];
    double gap = data->dumb ? 3 : 24;
    double each = (data->top - data->bottom - gap * (curves->nr - 1)) / curves->nr;

    for (unsigned p = 0; p < curves->nr; p++) {
        const struct panel *panel = &curves->panels[p];
        struct range axis = axis_of(job, panel);
        const char *unit = panel->unit;

        divisors[p] = panel->divisor;
        if (unit == NULL)
            unit = plot_unit(axis.high, &divisors[p]);
        labels[p] = panel->label != NULL ? panel->label : unit;
        lows[p] = axis.low / divisors[p];
        highs[p] = axis.high / divisors[p];
        tops[p] = (data->top - p * (each + gap)) / data->height;
        bottoms[p] = tops[p] - each / data->height;
    }

    plot_put(data, "nr_panels", curves->nr);
    plot_put_array(data, "panel_top", tops, curves->nr);
    plot_put_array(data, "panel_bottom", bottoms, curves->nr);
    plot_put_array(data, "panel_low", lows, curves->nr);
    plot_put_array(data, "panel_high", highs, curves->nr);
    plot_put_array(data, "panel_divisor", divisors, curves->nr);
    plot_put_strings(data, "panel_label", labels, curves->nr);
}

static int write_curves(struct plot_data *data, const struct plot_job *job,
                        const struct curves *curves, struct error *error)
{
    const struct panel *first = &curves->panels[0];

    if (count(job, first) == 0)
        return error_set(error,
                         "%s: no result has the column exact.series.%s; replay without "
                         "`--sample off`, and not through the stack null alone",
                         job->results[0].trace, first->column);

    if (curves->nr > 1 && !data->dumb)
        data->top -= 6;
    if (plot_put_phases(data, any(job, first), error) != 0)
        return -1;
    put_stacks(data, job, first);
    plot_put_layout(data, job);
    put_panels(data, job, curves);
    plot_put(data, "has_ideal", first->ideal != NULL);
    if (first->ideal == NULL)
        fputs("$ideal << END\n# none\nEND\n", data->stream);
    else if (put_ideal(data, job, first, error) != 0)
        return -1;
    return put_curves(data, job, curves, error);
}

/* ---- Words ---- */

static double at_end(const json_t *column)
{
    return json_number_value(json_array_get(column, json_array_size(column) - 1));
}

/* "table+vm 3 to 5.1 MiB, 4 MiB at the end; ..." */
static void say_ranges(FILE *stream, const struct plot_job *job, const struct panel *panel)
{
    char low[PLOT_SIZE_MAX], high[PLOT_SIZE_MAX], end[PLOT_SIZE_MAX];
    const char *before = "";

    for (unsigned i = 0; i < job->nr; i++) {
        struct range range = {.low = 1e300, .high = -1e300};
        const json_t *column = column_of(&job->results[i], panel);

        if (!has(&job->results[i], panel))
            continue;
        widen(&range, column);
        fprintf(stream, "%s%s ", before, job->results[i].stack);
        if (panel->unit == NULL)
            fprintf(stream, "%s to %s, %s at the end", plot_size(low, range.low),
                    plot_size(high, range.high), plot_size(end, at_end(column)));
        else
            fprintf(stream, "%g to %g, %g at the end", range.low / panel->divisor,
                    range.high / panel->divisor, at_end(column) / panel->divisor);
        before = "; ";
    }
    fputs(".", stream);
}

static void describe_curves(FILE *stream, const struct plot_job *job, const struct curves *curves)
{
    for (unsigned p = 0; p < curves->nr; p++) {
        const struct panel *panel = &curves->panels[p];

        fprintf(stream, "%s%s%s over the trace %s, lowest to highest: ", p == 0 ? "" : " ",
                panel->title[0] != '\0' ? panel->title : job->kind->title,
                panel->unit != NULL && panel->unit[0] != '\0' ? "" : "", job->results[0].trace);
        say_ranges(stream, job, panel);
    }
}

/* ---- Kinds ---- */

static struct curves held(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 1,
        .panels = {{.column = "held.page_bytes", .title = "", .ideal = "requested_bytes"}},
    };
}

static struct curves unusable(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 2,
        .panels = {{.column = "pages.unusable_index.3",
                    .title = "for 32 KiB in one piece",
                    .label = "%, for 32 KiB",
                    .divisor = 10,
                    .unit = "%",
                    .high = 10},
                   {.column = "pages.unusable_index.9",
                    .title = "for 2 MiB in one piece",
                    .label = "%, for 2 MiB",
                    .divisor = 10,
                    .unit = "%",
                    .high = 10}},
    };
}

static struct curves largest_block(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 1,
        .panels = {{.column = "pages.largest_block_bytes", .title = ""}},
    };
}

static struct curves huge(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 1,
        .panels = {{.column = "pages.free_huge_score",
                    .title = "",
                    .divisor = 1,
                    .unit = "%",
                    .high = 100}},
    };
}

static struct curves extfrag(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 2,
        .panels = {{.column = "pages.extfrag_index.9",
                    .title = "for 2 MiB in one piece",
                    .label = "for 2 MiB",
                    .divisor = 1000,
                    .unit = "",
                    .high = 1000,
                    .low = -1000},
                   {.column = "pages.extfrag_index.10",
                    .title = "for 4 MiB in one piece",
                    .label = "for 4 MiB",
                    .divisor = 1000,
                    .unit = "",
                    .high = 1000,
                    .low = -1000}},
    };
}

static struct curves waste(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 2,
        .panels = {{.column = "slabs.waste_bytes", .title = "Bytes that slabs hold in vain"},
                   {.column = "slabs.fullness",
                    .title = "Fullness",
                    .label = "% of buffers",
                    .divisor = 10,
                    .unit = "%",
                    .high = 1000}},
    };
}

static struct curves spaces(const struct plot_job *job)
{
    (void)job;
    return (struct curves){
        .nr = 2,
        .panels = {{.column = "held.space_bytes",
                    .title = "Bytes of all tables, entries and nodes"},
                   {.column = "spaces.largest_next_growth_bytes",
                    .title = "Next growth of the largest space",
                    .label = NULL}},
    };
}

/* The map that slabs and tables draw on. */
static struct curves largest_hole(const struct plot_job *job)
{
    bool kmem = false;

    for (unsigned i = 0; i < job->nr; i++)
        kmem |= report_at(job->results[i].exact, "series.maps.kmem_map") != NULL;
    return (struct curves){
        .nr = 1,
        .panels = {{.column = kmem ? "maps.kmem_map.largest_hole" : "maps.kernel_map.largest_hole",
                    .title = ""}},
    };
}

/* What never moves is a sentence and no picture. */
static int constant(const struct plot_job *job, const struct curves *curves, double value)
{
    for (unsigned p = 0; p < curves->nr; p++) {
        struct range range = range_of(job, &curves->panels[p]);

        if (range.low != value || range.high != value)
            return 0;
    }

    return 1;
}

#define KIND(id)                                                                                   \
    static int write_##id(struct plot_data *data, const struct plot_job *job, struct error *error) \
    {                                                                                              \
        struct curves curves = id(job);                                                            \
                                                                                                   \
        return write_curves(data, job, &curves, error);                                            \
    }                                                                                              \
                                                                                                   \
    static void describe_##id(FILE *stream, const struct plot_job *job)                            \
    {                                                                                              \
        struct curves curves = id(job);                                                            \
                                                                                                   \
        describe_curves(stream, job, &curves);                                                     \
    }

KIND(held)
KIND(unusable)
KIND(huge)
KIND(waste)
KIND(spaces)
KIND(largest_hole)

static int write_extfrag(struct plot_data *data, const struct plot_job *job, struct error *error)
{
    struct curves curves = extfrag(job);

    if (constant(job, &curves, -1000))
        return error_set(error,
                         "%s: extfrag_index is -1000 at every sample of every stack: requests of "
                         "all orders would have succeeded, there is nothing to draw",
                         job->results[0].trace);
    return write_curves(data, job, &curves, error);
}

static void describe_extfrag(FILE *stream, const struct plot_job *job)
{
    struct curves curves = extfrag(job);

    describe_curves(stream, job, &curves);
}

static int write_largest_block(struct plot_data *data, const struct plot_job *job,
                               struct error *error)
{
    struct curves curves = largest_block(job);

    if (constant(job, &curves, 0x1p22))
        return error_set(error,
                         "%s: the largest free block has 4 MiB, the most that there is, at every "
                         "sample of every stack; there is nothing to draw",
                         job->results[0].trace);
    return write_curves(data, job, &curves, error);
}

static void describe_largest_block(FILE *stream, const struct plot_job *job)
{
    struct curves curves = largest_block(job);

    describe_curves(stream, job, &curves);
}

const struct plot_kind plot_kind_held = {
    .name = "held",
    .title = "Memory held",
    .summary = "memory held over the trace, and what was asked for",
    .reading = "The grey area is what the trace has asked for: no allocator can hold less. The "
               "distance of a curve from it is what its design costs; where the area falls and the "
               "curve does not, memory was not given back.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 380,
    .write = write_held,
    .describe = describe_held,
};

const struct plot_kind plot_kind_unusable = {
    .name = "unusable",
    .title = "Free memory that a request could not have",
    .summary = "unusable_index over the trace, of orders 3 and 9",
    .reading = "The part of free memory that lies in blocks too small for the request. Curves that "
               "rise and stay up are memory that has broken into pieces; 100 % means that such a "
               "request fails, however much is free.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 460,
    .write = write_unusable,
    .describe = describe_unusable,
};

const struct plot_kind plot_kind_huge = {
    .name = "huge",
    .title = "Free memory that is whole",
    .summary = "free_huge_score over the trace: free memory in pieces of 2 MiB",
    .reading =
        "Of the pieces of 2 MiB that the free memory would make if it lay together, how many "
        "there are. 100 % is as whole as free memory can be.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 380,
    .write = write_huge,
    .describe = describe_huge,
};

const struct plot_kind plot_kind_waste = {
    .name = "waste",
    .title = "What slabs hold in vain",
    .summary = "internal waste of slabs over the trace, and how full they are",
    .reading = "Above, what slabs hold beyond what their objects asked for; below, how much of the "
               "buffers of slabs with an object is handed out. Waste that stays after a peak is "
               "slabs that a few objects keep.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 460,
    .write = write_waste,
    .describe = describe_waste,
};

const struct plot_kind plot_kind_spaces = {
    .name = "spaces",
    .title = "What rights take",
    .summary = "memory of rights over the trace, and what the largest space asks for next",
    .reading = "Above, the tables, or entries and nodes, of all spaces; below, what the largest "
               "space will ask for in one piece when it grows. For a table that rises with the "
               "table, for a tree it does not.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 460,
    .write = write_spaces,
    .describe = describe_spaces,
};

const struct plot_kind plot_kind_extfrag = {
    .name = "extfrag",
    .title = "Why a request would fail",
    .summary = "extfrag_index over the trace, of orders 9 and 10",
    .reading = "At -1 a request of that order succeeds. Above, it fails: towards 1 because free "
               "memory is in pieces, towards 0 because too little of it is left.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 460,
    .write = write_extfrag,
    .describe = describe_extfrag,
};

const struct plot_kind plot_kind_largest_block = {
    .name = "largest-block",
    .title = "Largest free block",
    .summary = "largest block of free pages over the trace",
    .reading = "The largest run of pages that a buddy allocator could hand out, 4 MiB at most. A "
               "request for more than the curve fails at that place.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 380,
    .write = write_largest_block,
    .describe = describe_largest_block,
};

const struct plot_kind plot_kind_largest_hole = {
    .name = "largest-hole",
    .title = "Largest hole of the kernel map",
    .summary = "largest hole over the trace, of the map that slabs and tables draw on",
    .reading = "The largest range of addresses that can still be had in one piece. A table of "
               "rights grows by moving into a larger hole: when the curve falls below what it asks "
               "for, the kernel fails with memory to spare.",
    .scope = PLOT_TRACE,
    .width = 720,
    .height = 380,
    .write = write_largest_hole,
    .describe = describe_largest_hole,
};
