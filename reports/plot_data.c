/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Files of figures: gnuplot loads them, so that one file holds all that a picture needs and a
 * script can be run by hand with nothing but its name. Names in them come from traces and from who
 * wrote their marks, so no text may reach gnuplot unquoted: it would run what stands between
 * backquotes.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define MARGIN_LEFT  66
#define MARGIN_RIGHT 18
#define MARGIN_TOP   8
#define MARGIN_AXIS  46 /* numbers and label of the lower axis */
#define TITLE        22
#define LETTER       6.4 /* pixels of one character of a label of ten points, on average */
#define LINE         14
#define LEGEND_LINE  18.5
#define LEGEND_ENTRY 60 /* sample of the line, and space */

void plot_data_begin(struct plot_data *data, const struct plot_job *job, FILE *stream,
                     const char *image)
{
    bool dumb = job->terminal == PLOT_DUMB;

    *data = (struct plot_data){
        .stream = stream,
        .image = image,
        .dumb = dumb,
        .titled = !job->embedded,
        .width = job->width,
        .height = job->height,
        .letter = dumb ? 1 : LETTER,
        .line = dumb ? 1 : LINE,
    };
    data->left = dumb ? 10 : MARGIN_LEFT;
    data->right = data->width - (dumb ? 2 : MARGIN_RIGHT);
    data->top = data->height - (dumb ? 1 : MARGIN_TOP);
    data->bottom = dumb ? 3 : MARGIN_AXIS;
    if (data->titled)
        data->top -= dumb ? 1 : TITLE;
}

void plot_put_text(struct plot_data *data, const char *text)
{
    putc('\'', data->stream);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            fputs("''", data->stream);
        else
            putc((unsigned char)*text < ' ' || *text == 0x7f || *text == '`' ? '?' : *text,
                 data->stream);
    putc('\'', data->stream);
}

void plot_put(struct plot_data *data, const char *name, double value)
{
    fprintf(data->stream, "%s = %.10g\n", name, value);
}

void plot_put_string(struct plot_data *data, const char *name, const char *value)
{
    fprintf(data->stream, "%s = ", name);
    plot_put_text(data, value);
    putc('\n', data->stream);
}

void plot_put_array(struct plot_data *data, const char *name, const double *values, size_t nr)
{
    fprintf(data->stream, "array %s[%zu] = [", name, nr);
    for (size_t i = 0; i < nr; i++)
        fprintf(data->stream, "%s%.10g", i == 0 ? "" : ", ", values[i]);
    fputs("]\n", data->stream);
}

void plot_put_strings(struct plot_data *data, const char *name, const char *const *values,
                      size_t nr)
{
    fprintf(data->stream, "array %s[%zu] = [", name, nr);
    for (size_t i = 0; i < nr; i++) {
        if (i != 0)
            fputs(", ", data->stream);
        plot_put_text(data, values[i]);
    }
    fputs("]\n", data->stream);
}

static void put_title(struct plot_data *data, const struct plot_job *job)
{
    const struct report_result *result = &job->results[job->first];
    char *title;

    if (!data->titled) {
        plot_put_string(data, "picture_title", "");
        return;
    }

    int length =
        job->kind->scope == PLOT_TRACE
            ? asprintf(&title, "%s: %s", result->trace, job->kind->title)
            : asprintf(&title, "%s, %s: %s", result->trace, result->stack, job->kind->title);

    plot_put_string(data, "picture_title", length >= 0 ? title : job->kind->title);
    if (length >= 0)
        free(title);
}

void plot_put_layout(struct plot_data *data, const struct plot_job *job)
{
    put_title(data, job);
    plot_put(data, "title_y", data->dumb ? 1 - 0.5 / data->height : 1 - 13 / data->height);
    plot_put(data, "xlabel_offset", data->dumb ? 0 : 0.7);
    plot_put(data, "dumb", data->dumb);
    plot_put(data, "left", data->left / data->width);
    plot_put(data, "right", data->right / data->width);
    plot_put(data, "top", data->top / data->height);
    plot_put(data, "bottom", data->bottom / data->height);
}

unsigned plot_legend_columns(const struct plot_data *data, size_t letters, unsigned entries)
{
    double entry = (double)letters * (data->dumb ? 1 : 7.4) + (data->dumb ? 8 : LEGEND_ENTRY);
    double columns = (data->width - 8) / entry;
    unsigned most = columns < 1 ? 1 : (unsigned)columns;
    unsigned rows = (entries + most - 1) / most;

    return entries == 0 ? 1 : (entries + rows - 1) / rows;
}

void plot_put_legend(struct plot_data *data, size_t letters, unsigned entries)
{
    unsigned columns = plot_legend_columns(data, letters, entries);
    unsigned rows = (entries + columns - 1) / columns;

    plot_put(data, "key_columns", columns);
    plot_put(data, "key_bottom", data->dumb ? 0 : 3 / data->height);
    data->bottom += rows * (data->dumb ? 1 : LEGEND_LINE) + (rows != 0 && !data->dumb ? 6 : 0);
}

void plot_put_style(struct plot_data *data, unsigned number, const struct plot_style *style)
{
    fprintf(data->stream, "set style line %u lc rgb '%s' dt %s lw 1.75 pt %u ps 0.7\n", number,
            style->colour, style->dash, style->point);
}

int plot_column_read(struct plot_column *column, const json_t *array, struct error *error)
{
    size_t nr = json_array_size(array);

    column->nr = nr;
    column->values = calloc(nr + 1, sizeof(double));
    if (column->values == NULL)
        return error_set(error, "no memory for a column of %zu numbers", nr);

    for (size_t i = 0; i < nr; i++)
        column->values[i] = json_number_value(json_array_get(array, i));
    return 0;
}

void plot_column_free(struct plot_column *column)
{
    free(column->values);
    *column = (struct plot_column){0};
}

static void put_row(struct plot_data *data, const struct plot_column *x,
                    const struct plot_column *y, size_t row)
{
    fprintf(data->stream, "%.10g %.10g\n", x->values[row], y->values[row]);
}

/* The rows from FIRST to before END share a pixel. */
static void put_pixel(struct plot_data *data, const struct plot_column *x,
                      const struct plot_column *y, size_t first, size_t end)
{
    size_t low = first, high = first;

    for (size_t i = first; i < end; i++) {
        if (y->values[i] < y->values[low])
            low = i;
        if (y->values[i] > y->values[high])
            high = i;
    }

    size_t rows[] = {first, low < high ? low : high, low < high ? high : low, end - 1};

    for (size_t i = 0; i < PLOT_COUNT(rows); i++)
        if (i == 0 || rows[i] != rows[i - 1])
            put_row(data, x, y, rows[i]);
}

void plot_put_curve(struct plot_data *data, const struct plot_column *x,
                    const struct plot_column *y, unsigned columns)
{
    size_t nr = x->nr < y->nr ? x->nr : y->nr;
    double span = nr == 0 ? 0 : x->values[nr - 1] - x->values[0];
    bool all = nr <= 2 * (size_t)columns || span <= 0;

    for (size_t i = 0, end; i < nr; i = end) {
        double pixel = all ? 0 : floor((x->values[i] - x->values[0]) / span * columns);

        end = i + 1;
        while (!all && end < nr && floor((x->values[end] - x->values[0]) / span * columns) == pixel)
            end++;
        put_pixel(data, x, y, i, end);
    }

    fputs("\n\n", data->stream);
}

void plot_put_markers(struct plot_data *data, const struct plot_column *x,
                      const struct plot_column *y, unsigned number, unsigned nr)
{
    enum { MARKERS = 4 };
    size_t rows = x->nr < y->nr ? x->nr : y->nr;

    for (unsigned i = 0; i < MARKERS && rows != 0; i++)
        put_row(data, x, y,
                (size_t)((i + (number + 0.5) / nr) / MARKERS * (double)(rows - 1) + 0.5));
    fputs("\n\n", data->stream);
}

static const struct {
    const char *name;
    double size;
} units[] = {{"bytes", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};

const char *plot_unit(double most, double *size)
{
    unsigned unit = 0;

    while (unit + 1 < PLOT_COUNT(units) && most >= units[unit + 1].size)
        unit++;
    *size = units[unit].size;
    return units[unit].name;
}

const char *plot_size(char *text, double bytes)
{
    double size;
    const char *unit = plot_unit(bytes, &size);
    double value = bytes / size;

    bool whole = size == 1 || value >= 100 || fabs(value - round(value)) < 0.05;

    snprintf(text, PLOT_SIZE_MAX, whole ? "%.0f %s" : "%.1f %s", value, unit);
    return text;
}
