/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Time of calls over the trace as a heat map: the trace goes across, the time of a call up on a
 * logarithmic axis, and the colour tells how many calls of a part of the trace took so long. The
 * scale of colours is logarithmic too and begins well above nothing, since what matters is the one
 * slow call and not the million quick ones.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define LEVELS    32
#define FAINTEST  120  /* opacity of a single call, of 255 */
#define LOWEST_NS 0.5  /* where times that are less than 1 ns are */
#define PROBES    8    /* of a line of text, which is higher than a row */
#define ROW       1.42 /* from one row of the result to the next, about */

struct heat {
    const json_t *events, *from, *counts;
    size_t columns, rows;
    double last; /* event */
};

static struct heat read_heat(const struct report_result *result)
{
    const json_t *over = report_at(result->measured, "latency.over_trace");
    struct heat heat = {
        .events = report_array(over, "event"),
        .from = report_array(over, "from_ns"),
        .counts = report_array(over, "counts"),
    };

    heat.columns = json_array_size(heat.counts);
    heat.rows = json_array_size(heat.from);
    if (json_array_size(heat.events) < heat.columns)
        heat.columns = json_array_size(heat.events);
    heat.last = heat.columns == 0 ? 1 : (double)report_element(heat.events, heat.columns - 1);
    return heat;
}

static double count(const struct heat *heat, size_t column, size_t row)
{
    return (double)report_element(json_array_get(heat->counts, column), row);
}

static double from_ns(const struct heat *heat, size_t row)
{
    return json_number_value(json_array_get(heat->from, row));
}

/* What the axis and the colours must hold of all results side by side. */
struct extent {
    double most;    /* calls in one place */
    double highest; /* ns */
};

static struct extent extent_of(const struct plot_job *job)
{
    struct extent extent = {.most = 1, .highest = 10};

    for (unsigned i = 0; i < job->nr; i++) {
        struct heat heat = read_heat(&job->results[i]);

        if (heat.rows != 0 && from_ns(&heat, heat.rows - 1) * ROW > extent.highest)
            extent.highest = from_ns(&heat, heat.rows - 1) * ROW;
        for (size_t column = 0; column < heat.columns; column++)
            for (size_t row = 0; row < heat.rows; row++)
                if (count(&heat, column, row) > extent.most)
                    extent.most = count(&heat, column, row);
    }

    return extent;
}

/* ---- The image ---- */

/* 0: no call, then LEVELS of them. */
static unsigned level(double calls, double most)
{
    if (calls < 1)
        return 0;
    return 1 + (unsigned)(most <= 1 ? 0 : log(calls) / log(most) * (LEVELS - 1) + 0.5);
}

static unsigned opacity(unsigned number)
{
    return number == 0 ? 0 : FAINTEST + (number - 1) * (255 - FAINTEST) / (LEVELS - 1);
}

/* The time at a place of the axis, 0 at the top, ROWS at the bottom. */
static double ns_at(double place, double rows, double highest)
{
    return highest * pow(LOWEST_NS / highest, place / rows);
}

static double place_of(double ns, double rows, double highest)
{
    return rows * log(ns / highest) / log(LOWEST_NS / highest);
}

/* Calls of COLUMN that took about NS. The lowest row reaches down to nothing. */
static double calls_at(const struct heat *heat, size_t column, double ns)
{
    size_t row = 0;

    while (row + 1 < heat->rows && from_ns(heat, row + 1) <= (ns < 1 ? 0 : ns))
        row++;
    if (row + 1 == heat->rows && ns > fmax(from_ns(heat, row), 1) * ROW)
        return 0;
    return row != 0 || from_ns(heat, 0) <= ns || from_ns(heat, 0) < 1 ? count(heat, column, row)
                                                                      : 0;
}

static int write_image(const char *path, const struct heat *heat, const struct extent *extent,
                       size_t columns, size_t rows, struct error *error)
{
    unsigned char palette[LEVELS + 1][4];
    unsigned char *pixels = calloc(columns, rows);
    int status;

    if (pixels == NULL)
        return error_set(error, "no memory for a picture of %zu rows", rows);

    for (unsigned i = 0; i <= LEVELS; i++)
        memcpy(palette[i], (unsigned char[]){0x2a, 0x7f, 0xc0, (unsigned char)opacity(i)}, 4);
    for (size_t row = 0; row < rows; row++) {
        double ns = ns_at((double)row + 0.5, (double)rows, extent->highest);

        for (size_t i = 0; i < columns; i++)
            pixels[row * columns + i] =
                (unsigned char)level(calls_at(heat, i * heat->columns / columns, ns), extent->most);
    }

    status = plot_image_write(path, pixels, columns, rows, (const unsigned char(*)[4])palette,
                              LEVELS + 1, error);
    free(pixels);
    return status;
}

/* As text a digit says how many digits the number of calls has. */
static void put_lines(struct plot_data *data, const struct heat *heat, const struct extent *extent,
                      size_t rows)
{
    size_t columns = (size_t)(data->right - data->left) - 1;

    fprintf(data->stream, "array lines[%zu]\n", rows);
    for (size_t row = 0; row < rows; row++) {
        double top = ns_at((double)row, (double)rows, extent->highest);
        double bottom = ns_at((double)row + 1, (double)rows, extent->highest);

        fprintf(data->stream, "lines[%zu] = '", row + 1);
        for (size_t i = 0; i < columns; i++) {
            double calls = 0;

            for (unsigned j = 0; j < PROBES; j++)
                calls = fmax(calls, calls_at(heat, i * heat->columns / columns,
                                             bottom * pow(top / bottom, (j + 0.5) / PROBES)));
            putc(calls < 1 ? ' ' : '1' + (int)log10(calls), data->stream);
        }
        fputs("'\n", data->stream);
    }
}

/* ---- Figures ---- */

static void put_axis(struct plot_data *data, const struct extent *extent, size_t rows)
{
    static const char *const names[] = {"1 ns", "10 ns", "100 ns", "1 us", "10 us", "100 us",
                                        "1 ms", "10 ms", "100 ms", "1 s",  "10 s",  "100 s"};
    double ns = 1;

    fputs("set ytics (", data->stream);
    for (unsigned i = 0; i < PLOT_COUNT(names) && ns <= extent->highest; i++, ns *= 10)
        fprintf(data->stream, "%s'%s' %.6g", i == 0 ? "" : ", ", names[i],
                place_of(ns, (double)rows, extent->highest));
    fputs(")\n", data->stream);
}

/* Powers of ten of calls, as they are coloured. */
static void put_scale(struct plot_data *data, const struct extent *extent)
{
    const char *names[16], *colours[16];
    char texts[16][32], shades[16][16];
    unsigned nr = 0;

    for (double calls = 1; calls <= extent->most && nr < PLOT_COUNT(names); calls *= 10, nr++) {
        snprintf(texts[nr], sizeof(texts[nr]), nr == 0 ? "%.0f call" : "%.0f", calls);
        snprintf(shades[nr], sizeof(shades[nr]), "#%02x2a7fc0",
                 255 - opacity(level(calls, extent->most)));
        names[nr] = texts[nr];
        colours[nr] = shades[nr];
    }

    plot_put(data, "nr_curves", 0);
    plot_put(data, "nr_areas", nr);
    plot_put_strings(data, "area_name", names, nr);
    plot_put_strings(data, "area_colour", colours, nr);
    plot_put(data, "nr_words", data->dumb);
    fputs("array words[1]\nwords[1] = 'digits of the number of calls'\n", data->stream);
    plot_put_legend(data, 7, data->dumb ? 0 : nr);
    data->bottom += data->dumb;
}

static int write_heat(struct plot_data *data, const struct plot_job *job, struct error *error)
{
    const struct report_result *result = &job->results[job->first];
    struct heat heat = read_heat(result);
    struct extent extent = extent_of(job);
    size_t rows, columns;

    if (heat.columns == 0 || heat.rows == 0)
        return error_set(error,
                         "%s, %s: the result does not tell when calls took how long: replay with "
                         "--latency every or sampled",
                         result->trace, result->stack);

    if (plot_put_phases_over(data, result, 0, heat.last, error) != 0)
        return -1;
    put_scale(data, &extent);
    plot_put_layout(data, job);
    columns = (size_t)(data->right - data->left);
    rows = (size_t)(data->top - data->bottom) - data->dumb;
    plot_put(data, "rows", (double)rows);
    plot_put(data, "columns", (double)columns);
    put_axis(data, &extent, rows);
    plot_put(data, "nr_gaps", 0);
    plot_put_string(data, "image", data->image != NULL ? data->image : "");
    if (data->dumb)
        put_lines(data, &heat, &extent, rows);
    else if (data->image != NULL)
        return write_image(data->image, &heat, &extent, columns, rows, error);
    return 0;
}

/* ---- Words ---- */

static void describe_heat(FILE *stream, const struct plot_job *job)
{
    const struct report_result *result = &job->results[job->first];
    struct heat heat = read_heat(result);
    size_t slowest = 0, slowest_row = 0;

    for (size_t column = 0; column < heat.columns; column++)
        for (size_t row = slowest_row + 1; row < heat.rows; row++)
            if (count(&heat, column, row) > 0) {
                slowest = column;
                slowest_row = row;
            }

    fprintf(stream,
            "Time of calls of %s over the trace %s, in %zu parts of it. The slowest call took "
            "%.0f ns or more, in the part that ends with event %.0f.",
            result->stack, result->trace, heat.columns, from_ns(&heat, slowest_row),
            heat.columns == 0 ? 0 : (double)report_element(heat.events, slowest));
}

const struct plot_kind plot_kind_latency_map = {
    .name = "latency-map",
    .title = "When calls took how long",
    .summary = "time of calls over the trace, as a heat map",
    .reading = "Each part of the trace is a column, the stronger the colour the more of its calls "
               "took so long. Bands are what calls take as a rule; single marks above them are the "
               "slow calls, and whether they come with a phase or all the time.",
    .scope = PLOT_RESULT,
    .image = true,
    .measured = true,
    .width = 720,
    .height = 380,
    .write = write_heat,
    .describe = describe_heat,
};
