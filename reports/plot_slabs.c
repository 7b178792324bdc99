/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How whole free memory is, and how full slabs are: the two kinds that show a distribution of one
 * result.
 *
 * Free blocks are stacked in bytes, from the largest up. In a machine with much free memory the
 * largest are nearly all of it, so a second panel leaves them out.
 */

#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define ORDERS  11
#define PAGE    4096.0
#define TENTHS  10
#define BARS    (TENTHS + 2)
#define TELLING 50 /* thousandths: what is worth a second panel */

/* ---- Free blocks ---- */

/* Orders that share an area, from the largest. */
static const struct {
    unsigned first, last;
    const char *name, *colour;
} areas[] = {
    {10, 10, "4 MiB", "#666666"},          {9, 9, "2 MiB", "#2a69e3"},
    {6, 8, "256 KiB to 1 MiB", "#00a962"}, {3, 5, "32 to 128 KiB", "#a59400"},
    {1, 2, "8 and 16 KiB", "#8f5a18"},     {0, 0, "4 KiB", "#b4269e"},
};

/* Bytes in free blocks of an area, over all segments. */
static double in_area(const json_t *segments, unsigned area, size_t sample)
{
    double bytes = 0;

    for (size_t i = 0; i < json_array_size(segments); i++) {
        const json_t *blocks = report_array(json_array_get(segments, i), "blocks");

        for (unsigned order = areas[area].first; order <= areas[area].last; order++)
            bytes += (double)report_element(json_array_get(blocks, order), sample) * PAGE *
                     (double)(1u << order);
    }

    return bytes;
}

static void put_area_names(struct plot_data *data)
{
    const char *names[PLOT_COUNT(areas)], *colours[PLOT_COUNT(areas)];
    const unsigned nr = PLOT_COUNT(areas);
    size_t longest = 0;

    for (unsigned i = 0; i < nr; i++) {
        names[i] = areas[i].name;
        colours[i] = areas[i].colour;
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    }

    plot_put(data, "nr_curves", 0);
    plot_put(data, "nr_areas", nr);
    plot_put_strings(data, "area_name", names, nr);
    plot_put_strings(data, "area_colour", colours, nr);
    plot_put_legend(data, longest, nr);
}

/* Sums from the largest on; returns the most that there was of all, and of all but the largest. */
static void put_areas(struct plot_data *data, const struct report_result *result, double *most,
                      double *most_small)
{
    const json_t *segments = report_array(result->exact, "series.segments");
    const json_t *events = report_array(result->exact, "series.event");
    size_t nr = json_array_size(events);
    size_t columns = (size_t)(data->right - data->left);
    size_t step = nr > 2 * columns ? nr / (2 * columns) + 1 : 1;

    fputs("$areas << END\n# event, then bytes in blocks of an area and those before it\n",
          data->stream);
    for (size_t i = 0; i < nr; i += step) {
        double sum = 0;

        /* The last sample is the end, whatever the step. */
        if (i + step >= nr)
            i = nr - 1;
        fprintf(data->stream, "%.10g", (double)report_element(events, i));
        for (unsigned area = 0; area < PLOT_COUNT(areas); area++) {
            double bytes = in_area(segments, area, i);

            sum += bytes;
            *most_small = area != 0 && sum - in_area(segments, 0, i) > *most_small
                              ? sum - in_area(segments, 0, i)
                              : *most_small;
            fprintf(data->stream, " %.10g", sum);
        }
        *most = sum > *most ? sum : *most;
        putc('\n', data->stream);
    }
    fputs("END\n", data->stream);
}

static int write_buddy(struct plot_data *data, const struct plot_job *job, struct error *error)
{
    const struct report_result *result = &job->results[job->first];
    double most = 0, most_small = 0, divisors[2], tops[2], bottoms[2], highs[2];
    const char *labels[2];
    double gap = data->dumb ? 2 : 16, each;

    if (json_array_size(report_array(result->exact, "series.segments")) == 0)
        return error_set(error,
                         "%s, %s: the result has no free blocks: replay without "
                         "`--sample off`, and through a stack that has memory",
                         result->trace, result->stack);

    if (plot_put_phases(data, result, error) != 0)
        return -1;
    put_area_names(data);
    plot_put_layout(data, job);
    put_areas(data, result, &most, &most_small);

    each = (data->top - data->bottom - gap) / 2;
    for (unsigned p = 0; p < 2; p++) {
        const char *unit = plot_unit(p == 0 ? most : most_small, &divisors[p]);

        labels[p] = unit;
        highs[p] = (p == 0 ? most : most_small) / divisors[p] * 1.04 + 1e-3;
        tops[p] = (data->top - p * (each + gap)) / data->height;
        bottoms[p] = tops[p] - each / data->height;
    }

    char small[48];

    snprintf(small, sizeof(small), "%s, without 4 MiB", labels[1]);
    labels[1] = small;
    plot_put_array(data, "panel_top", tops, 2);
    plot_put_array(data, "panel_bottom", bottoms, 2);
    plot_put_array(data, "panel_high", highs, 2);
    plot_put_array(data, "panel_divisor", divisors, 2);
    plot_put_strings(data, "panel_label", labels, 2);
    return 0;
}

static void describe_buddy(FILE *stream, const struct plot_job *job)
{
    const struct report_result *result = &job->results[job->first];
    const json_t *segments = report_array(result->exact, "series.segments");
    size_t nr = json_array_size(report_array(result->exact, "series.event"));
    char text[PLOT_SIZE_MAX];

    fprintf(stream, "Free memory of %s over the trace %s by the size of its blocks. At the end: ",
            result->stack, result->trace);
    for (unsigned i = 0; i < PLOT_COUNT(areas); i++)
        fprintf(stream, "%s%s in blocks of %s", i == 0 ? "" : ", ",
                plot_size(text, nr == 0 ? 0 : in_area(segments, i, nr - 1)), areas[i].name);
    fputs(".", stream);
}

const struct plot_kind plot_kind_buddy = {
    .name = "buddy",
    .title = "Free memory by size of its blocks",
    .summary = "free blocks over the trace, as stacked areas by order",
    .reading = "The height is what is free, the colour in pieces of which size. Free memory that "
               "moves from the lower areas to the upper ones breaks into pieces; the lower panel "
               "leaves out the largest pieces, so that the small ones are seen.",
    .scope = PLOT_RESULT,
    .width = 720,
    .height = 440,
    .write = write_buddy,
    .describe = describe_buddy,
};

/* ---- Fullness ---- */

/* Slabs by fullness at a deep sample: empty, ten tenths, full. */
struct bars {
    double values[BARS];
    double slabs, fullness; /* thousandths */
    size_t sample;
};

static struct bars bars_of(const struct report_result *result, size_t number)
{
    const json_t *deep = json_array_get(report_array(result->exact, "series.deep"), number);
    const json_t *slabs = report_at(result->exact, "series.slabs");
    const json_t *tenths = report_array(deep, "fullness");
    size_t sample = (size_t)report_integer(deep, "sample");
    struct bars bars = {
        .sample = sample,
        .slabs = (double)report_element(report_array(slabs, "slabs"), sample),
        .fullness = (double)report_element(report_array(slabs, "fullness"), sample),
    };
    double partial = (double)report_element(report_array(slabs, "partial_slabs"), sample);

    bars.values[0] = (double)report_element(report_array(slabs, "free_slabs"), sample);
    for (unsigned i = 0; i < TENTHS; i++)
        bars.values[1 + i] = (double)report_element(tenths, i);
    bars.values[BARS - 1] = bars.slabs - partial - bars.values[0];
    return bars;
}

/* The deep sample with the emptiest slabs, of those with more than a few; the last when there is
 * none. */
static size_t emptiest(const struct report_result *result, size_t nr)
{
    size_t best = nr - 1;

    for (size_t i = 0; i < nr; i++) {
        struct bars bars = bars_of(result, i), least = bars_of(result, best);

        if (bars.slabs * 4 >= least.slabs && bars.fullness < least.fullness)
            best = i;
    }

    return best;
}

/* "at the end", or "at mark NAME". */
static void name_sample(char *text, size_t size, const struct report_result *result, size_t sample)
{
    int64_t mark = report_element(report_array(result->exact, "series.mark"), sample);
    const json_t *marks = report_array(result->exact, "marks");

    if (mark < 0)
        snprintf(text, size, "at the end");
    else
        snprintf(text, size, "at the mark %.40s",
                 report_text(json_array_get(marks, (size_t)mark), "name"));
}

static void put_bars(struct plot_data *data, const struct bars *bars)
{
    fputs("# bar, slabs\n", data->stream);
    for (unsigned i = 0; i < BARS; i++)
        fprintf(data->stream, "%u %.10g\n", i, bars->values[i]);
    fputs("\n\n", data->stream);
}

static int write_fullness(struct plot_data *data, const struct plot_job *job, struct error *error)
{
    const struct report_result *result = &job->results[job->first];
    size_t nr = json_array_size(report_array(result->exact, "series.deep"));
    double tops[2], bottoms[2], highs[2], gap, each;
    const char *titles[2];
    char names[2][96];

    if (nr == 0 || bars_of(result, nr - 1).slabs == 0)
        return error_set(error,
                         "%s, %s: the result has no slabs of which it was counted how full "
                         "they are",
                         result->trace, result->stack);

    size_t samples[2] = {nr - 1, emptiest(result, nr)};
    bool emptier =
        bars_of(result, samples[1]).fullness + TELLING < bars_of(result, samples[0]).fullness;
    unsigned panels = emptier ? 2 : 1;

    gap = data->dumb ? 4 : 56;
    plot_put_legend(data, 0, 0);
    data->top -= data->dumb ? 1 : 18;
    each = (data->top - data->bottom - gap * (panels - 1)) / panels;
    plot_put_layout(data, job);
    plot_put(data, "nr_panels", panels);
    fputs("$bars << END\n", data->stream);
    for (unsigned p = 0; p < panels; p++) {
        struct bars bars = bars_of(result, samples[p]);
        char sample[64];

        name_sample(sample, sizeof(sample), result, bars.sample);
        snprintf(names[p], sizeof(names[p]), "%s: %.0f slabs, full to %.1f %%", sample, bars.slabs,
                 bars.fullness / 10);
        titles[p] = names[p];
        highs[p] = 1;
        for (unsigned i = 0; i < BARS; i++)
            highs[p] = bars.values[i] > highs[p] ? bars.values[i] : highs[p];
        highs[p] *= 1.15;
        tops[p] = (data->top - p * (each + gap)) / data->height;
        bottoms[p] = tops[p] - each / data->height;
        put_bars(data, &bars);
    }
    fputs("END\n", data->stream);
    plot_put_array(data, "panel_top", tops, panels);
    plot_put_array(data, "panel_bottom", bottoms, panels);
    plot_put_array(data, "panel_high", highs, panels);
    plot_put_strings(data, "panel_title", titles, panels);
    return 0;
}

static void describe_fullness(FILE *stream, const struct plot_job *job)
{
    const struct report_result *result = &job->results[job->first];
    size_t nr = json_array_size(report_array(result->exact, "series.deep"));
    struct bars bars = {.slabs = 0};

    if (nr != 0)
        bars = bars_of(result, nr - 1);
    fprintf(stream,
            "Slabs of %s by how full they are, at the end of the trace %s: of %.0f slabs %.0f are "
            "empty and %.0f full; the others by tenths, from the emptiest:",
            result->stack, result->trace, bars.slabs, bars.values[0], bars.values[BARS - 1]);
    for (unsigned i = 1; i <= TENTHS; i++)
        fprintf(stream, " %.0f%s", bars.values[i], i == TENTHS ? "." : ",");
}

const struct plot_kind plot_kind_fullness = {
    .name = "fullness",
    .title = "How full slabs are",
    .summary = "slabs by how full they are, at the end and where they are emptiest",
    .reading = "Slabs on the right are full. Those on the left are held by a few objects each and "
               "cannot be given back; the empty ones can. The second panel is the mark at which "
               "slabs were emptiest.",
    .scope = PLOT_RESULT,
    .width = 720,
    .height = 380,
    .write = write_fullness,
    .describe = describe_fullness,
};
