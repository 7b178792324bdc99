/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Memory maps: what lives where, over the trace. Address down, events across, a colour for each
 * class of docs/metrics.md, pale where less than half of a cell is taken.
 *
 * Most of a memory is free all the time, and what is worth seeing would be a stripe. So cells that
 * never change, free or kept from start-up, are left out when there are many of them in a row; the
 * axis says where. They are chosen over all results of the trace, so that the maps of its stacks
 * can be laid side by side.
 *
 * The map is an image of its own, of a palette, which gnuplot reads and places; for SVG its bytes
 * are put into the document as they are. As text, the letters of the result are shown themselves.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define PALE      100    /* of 255: how much of a colour is left */
#define DULL_MIN  6      /* cells in a row that are left out */
#define CELLS_MAX 4096   /* of a sample that is believed */
#define PARTS_MAX 64     /* of the axis */
#define PAGE      4096.0 /* bytes */

static const struct class
{
    char letter;
    const char *name, *colour;
} classes[] = {
    {'#', "kept at start-up", "#666666"},
    {'u', "users", "#2a69e3"},
    {'t', "tables of rights", "#8f5a18"},
    {'i', "slabs: IPC", "#00a962"},
    {'v', "slabs: VM", "#b4269e"},
    {'k', "slabs: kalloc", "#a59400"},
    {'o', "slabs: other", "#6c70d0"},
    {'s', "kernel stacks", "#e0456f"},
    {'w', "wired", "#5f8d8d"},
    {'a', "no pages behind it", "#a0683c"},
};

#define SUBMAP      PLOT_COUNT(classes) /* its number after those: free addresses in a submap */
#define SUBMAP_NAME "free in a submap"

/* ---- Cells ---- */

/* The samples of one picture. */
struct map {
    const json_t *samples;
    size_t nr, cells;
    double start, bytes_per_cell; /* start in bytes */
};

static const char *picture_path(const struct plot_job *job)
{
    return strcmp(job->kind->name, "memory") == 0 ? "series.pictures.memory"
                                                  : "series.pictures.kernel_map";
}

/* Samples are as long as the first: a character beyond the end of one is free. */
static char cell(const struct map *map, size_t sample, size_t number)
{
    const json_t *text = json_array_get(map->samples, sample);

    return number < json_string_length(text) ? json_string_value(text)[number] : '.';
}

static struct map read_map(const struct plot_job *job, const struct report_result *result)
{
    const json_t *picture = report_at(result->exact, picture_path(job));
    bool memory = strcmp(job->kind->name, "memory") == 0;
    struct map map = {.samples = report_array(picture, "samples")};

    map.nr = json_array_size(map.samples);
    for (size_t i = 0; i < map.nr; i++) {
        size_t cells = json_string_length(json_array_get(map.samples, i));

        map.cells = cells > map.cells ? cells : map.cells;
    }
    map.cells = map.cells < CELLS_MAX ? map.cells : CELLS_MAX;
    map.bytes_per_cell = (double)report_integer(picture, "pages_per_cell") * PAGE;
    map.start = (double)report_integer(picture, "start") * (memory ? PAGE : 1);
    return map;
}

static bool side_by_side(const struct map *a, const struct map *b)
{
    return b->nr != 0 && a->cells == b->cells && a->start == b->start &&
           a->bytes_per_cell == b->bytes_per_cell;
}

/* Marks the cells that are free or kept in all samples. */
static void find_dull(char *dull, const struct map *map)
{
    for (size_t number = 0; number < map->cells; number++) {
        char first = cell(map, 0, number);

        if (dull[number] != 0 && dull[number] != first)
            dull[number] = '!';
        if (dull[number] == 0)
            dull[number] = strchr(".:#", first) != NULL ? first : '!';
        for (size_t i = 1; i < map->nr && dull[number] != '!'; i++)
            if (cell(map, i, number) != first)
                dull[number] = '!';
    }
}

/* A run of cells that is shown, or one that is left out. */
struct part {
    size_t first, nr;
    bool shown;
    size_t row, rows; /* of the image */
};

static size_t split(struct part *parts, const char *dull, size_t cells)
{
    size_t nr = 0;

    for (size_t i = 0, end; i < cells; i = end) {
        bool shown;

        for (end = i + 1; end < cells && (dull[end] == '!') == (dull[i] == '!'); end++)
            ;
        shown = dull[i] == '!' || end - i < DULL_MIN || nr + 1 >= PARTS_MAX;
        if (nr != 0 && parts[nr - 1].shown && shown)
            parts[nr - 1].nr += end - i;
        else if (nr < PARTS_MAX)
            parts[nr++] = (struct part){.first = i, .nr = end - i, .shown = shown};
    }

    return nr;
}

/* Rows for the parts: each cell has as many as there is room for, what is left out has GAP. */
static size_t place(struct part *parts, size_t nr, size_t height, size_t gap)
{
    size_t cells = 0, gaps = 0, row = 0, rows;

    for (size_t i = 0; i < nr; i++) {
        cells += parts[i].shown ? parts[i].nr : 0;
        gaps += !parts[i].shown;
    }
    rows = height > gaps * gap ? height - gaps * gap : 1;
    if (cells > rows) { /* the image is higher than its place, and so are the gaps in it */
        gap = gap * cells / rows;
        rows = 1;
    } else {
        rows = cells == 0 ? 1 : rows / cells;
    }

    for (size_t i = 0; i < nr; i++) {
        parts[i].row = row;
        parts[i].rows = parts[i].shown ? parts[i].nr * rows : gap;
        row += parts[i].rows;
    }

    return row;
}

/* ---- The image ---- */

static unsigned colour_of(char letter)
{
    for (unsigned i = 0; i < PLOT_COUNT(classes); i++) {
        char upper = (char)(classes[i].letter >= 'a' ? classes[i].letter - 'a' + 'A' : '#');

        if (letter == upper)
            return 2 + 2 * i;
        if (letter == classes[i].letter)
            return 3 + 2 * i;
    }

    return letter == ':' ? 1 : 0;
}

#define COLOURS (2 + 2 * PLOT_COUNT(classes))

static void make_palette(unsigned char palette[COLOURS][4])
{
    memset(palette, 0, COLOURS * 4);
    memcpy(palette[1], (unsigned char[]){128, 128, 128, 40}, 4);
    for (unsigned i = 0; i < PLOT_COUNT(classes); i++) {
        unsigned long colour = strtoul(classes[i].colour + 1, NULL, 16);
        unsigned char *strong = palette[2 + 2 * i];

        strong[0] = (unsigned char)(colour >> 16);
        strong[1] = (unsigned char)(colour >> 8);
        strong[2] = (unsigned char)colour;
        strong[3] = 255;
        memcpy(palette[3 + 2 * i], strong, 3);
        palette[3 + 2 * i][3] = PALE;
    }
}

/* The sample that holds at each of COLUMNS places between the first event and the last. */
static size_t sample_at(const json_t *events, size_t nr, size_t column, size_t columns,
                        size_t before)
{
    double first = (double)report_element(events, 0);
    double last = (double)report_element(events, nr - 1);
    double at = first + (last - first) * ((double)column + 0.5) / (double)columns;

    while (before + 1 < nr && (double)report_element(events, before + 1) <= at)
        before++;
    return before;
}

static void fill_column(unsigned char *pixels, size_t column, size_t columns, const struct map *map,
                        size_t sample, const struct part *parts, size_t nr_parts)
{
    for (size_t p = 0; p < nr_parts; p++) {
        size_t each = parts[p].rows / parts[p].nr;

        for (size_t i = 0; i < parts[p].rows && parts[p].shown; i++)
            pixels[(parts[p].row + i) * columns + column] =
                (unsigned char)colour_of(cell(map, sample, parts[p].first + i / each));
    }
}

static int write_image(const char *path, const struct map *map, const json_t *events,
                       const struct part *parts, size_t nr_parts, size_t columns, size_t rows,
                       struct error *error)
{
    unsigned char palette[COLOURS][4];
    unsigned char *pixels = calloc(columns, rows);
    size_t nr = json_array_size(events) < map->nr ? json_array_size(events) : map->nr;
    int status;

    if (pixels == NULL)
        return error_set(error, "no memory for a picture of %zu rows", rows);
    for (size_t column = 0, sample = 0; column < columns; column++) {
        sample = sample_at(events, nr, column, columns, sample);
        fill_column(pixels, column, columns, map, sample, parts, nr_parts);
    }

    make_palette(palette);
    status = plot_image_write(path, pixels, columns, rows, (const unsigned char(*)[4])palette,
                              COLOURS, error);
    free(pixels);
    return status;
}

/* ---- As text ---- */

/* Of some cells the class that most of them have, free only when all are. */
static char common(const struct map *map, size_t sample, size_t first, size_t nr)
{
    unsigned counts[128] = {0};
    char best = '.';

    for (size_t i = 0; i < nr; i++) {
        char letter = cell(map, sample, first + i);

        if (letter > 0 && letter != '.')
            counts[(unsigned)letter]++;
    }
    for (unsigned i = 0; i < PLOT_COUNT(counts); i++)
        if (counts[i] > (best == '.' ? 0 : counts[(unsigned)best]))
            best = (char)i;

    return best;
}

/* As many lines as the plot has, each of as many cells as it takes. */
static void put_lines(struct plot_data *data, const struct map *map, const json_t *events,
                      const struct part *parts, size_t nr_parts, size_t rows)
{
    size_t columns = (size_t)(data->right - data->left) - 1;
    size_t nr = json_array_size(events) < map->nr ? json_array_size(events) : map->nr;

    fprintf(data->stream, "array lines[%zu]\n", rows);
    for (size_t p = 0; p < nr_parts; p++)
        for (size_t row = 0; row < parts[p].rows; row++) {
            size_t first = parts[p].first + row * parts[p].nr / parts[p].rows;
            size_t end = parts[p].first + (row + 1) * parts[p].nr / parts[p].rows;

            fprintf(data->stream, "lines[%zu] = '", parts[p].row + row + 1);
            for (size_t column = 0, sample = 0; column < columns; column++) {
                sample = sample_at(events, nr, column, columns, sample);
                putc(parts[p].shown ? common(map, sample, first, end > first ? end - first : 1)
                                    : '~',
                     data->stream);
            }
            fputs("'\n", data->stream);
        }
}

/* Rows for the parts when a row is a line of text: the gaps have one, the rest is shared. */
static size_t place_lines(struct part *parts, size_t nr, size_t height)
{
    size_t cells = 0, gaps = 0, row = 0;

    for (size_t i = 0; i < nr; i++) {
        cells += parts[i].shown ? parts[i].nr : 0;
        gaps += !parts[i].shown;
    }
    for (size_t i = 0; i < nr; i++) {
        size_t room = height > gaps ? height - gaps : 1;

        parts[i].row = row;
        parts[i].rows = parts[i].shown ? (parts[i].nr * room + cells / 2) / cells : 1;
        parts[i].rows = parts[i].rows == 0 ? 1 : parts[i].rows;
        row += parts[i].rows;
    }

    return row;
}

/* ---- Figures ---- */

/* Classes that any of the maps side by side shows. */
static unsigned used_classes(const struct plot_job *job, const struct map *map)
{
    unsigned used = 0;

    for (unsigned r = 0; r < job->nr; r++) {
        struct map peer = read_map(job, &job->results[r]);

        if (!side_by_side(map, &peer))
            continue;
        for (size_t i = 0; i < peer.nr; i++)
            for (size_t j = 0; j < peer.cells; j++) {
                unsigned colour = colour_of(cell(&peer, i, j));

                used |= colour >= 2 ? 1u << (colour - 2) / 2 : colour == 1 ? 1u << SUBMAP : 0;
            }
    }

    return used;
}

static void put_legend(struct plot_data *data, const char *const *names, unsigned nr)
{
    size_t longest = 0;

    for (unsigned i = 0; i < nr; i++)
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    plot_put_legend(data, longest, nr);
}

/* As text a legend is what the letters stand for, in lines. */
static void put_words(struct plot_data *data, const char *const *names, unsigned nr)
{
    double length = 0;
    unsigned lines = 0;

    fputs("array words[32]\n", data->stream);
    for (unsigned i = 0; i < nr; i++) {
        double word = (double)strlen(names[i]) + 4;

        if (i == 0 || length + word > data->right - data->left) {
            fprintf(data->stream, "%swords[%u] = '", i == 0 ? "" : "'\n", ++lines);
            length = 0;
        }
        length += word;
        fprintf(data->stream, "%s    ", names[i]);
    }
    fputs(nr != 0 ? "'\n" : "", data->stream);
    plot_put(data, "nr_words", lines);
    plot_put_legend(data, 0, 0);
    data->bottom += lines;
}

static void put_classes(struct plot_data *data, unsigned used)
{
    const char *names[PLOT_COUNT(classes) + 1], *colours[PLOT_COUNT(classes) + 1];
    char lettered[PLOT_COUNT(classes) + 1][40];
    unsigned nr = 0;

    for (unsigned i = 0; i <= SUBMAP; i++) {
        if ((used >> i & 1) == 0)
            continue;
        names[nr] = i == SUBMAP ? SUBMAP_NAME : classes[i].name;
        colours[nr] = i == SUBMAP ? "#d7808080" : classes[i].colour;
        if (data->dumb) {
            snprintf(lettered[i], sizeof(lettered[i]), "%c %s",
                     i == SUBMAP ? ':' : classes[i].letter, names[nr]);
            names[nr] = lettered[i];
        }
        nr++;
    }

    plot_put(data, "nr_curves", 0);
    plot_put(data, "nr_areas", nr);
    if (nr != 0) {
        plot_put_strings(data, "area_name", names, nr);
        plot_put_strings(data, "area_colour", colours, nr);
    }
    if (data->dumb)
        put_words(data, names, nr);
    else
        put_legend(data, names, nr);
}

static void put_tic(struct plot_data *data, double bytes, double row, const char **before)
{
    char text[PLOT_SIZE_MAX];

    if (bytes == 0)
        strcpy(text, "0");
    else
        plot_size(text, bytes);
    fprintf(data->stream, "%s'%s' %.10g", *before, text, row);
    *before = ", ";
}

/* The axis of addresses: tics at round sizes in what is shown, and at its ends when these are far
 * enough away. */
static void put_axis(struct plot_data *data, const struct map *map, const struct part *parts,
                     size_t nr, size_t rows, bool memory)
{
    double room = (data->top - data->bottom) / (double)rows; /* pixels of a row */
    double origin = memory ? 0 : map->start;
    double apart = data->dumb ? 2 : 18, last = -1e9;
    const char *before = "";

    fputs("set ytics (", data->stream);
    for (size_t p = 0; p < nr; p++) {
        const struct part *part = &parts[p];
        double bytes_of_row = (double)part->nr * map->bytes_per_cell / (double)part->rows;
        double step = map->bytes_per_cell;

        if (!part->shown)
            continue;
        while (step / bytes_of_row * room < 2 * apart)
            step *= 2;
        for (size_t row = 0; row <= part->rows; row++) {
            double bytes = map->start - origin + (double)part->first * map->bytes_per_cell +
                           (double)row * bytes_of_row;
            bool end = row == 0 || row == part->rows;
            double at = (double)(part->row + row) * room;

            if ((end || fmod(bytes, step) < bytes_of_row * 0.5) && at - last >= apart) {
                put_tic(data, bytes, (double)(part->row + row), &before);
                last = at;
            }
        }
    }
    fputs(")\n", data->stream);
}

static const char *name_gap(const char *dull, size_t nr)
{
    size_t kept = 0;

    for (size_t i = 0; i < nr; i++)
        kept += dull[i] == '#';
    return kept == 0    ? "free throughout"
           : kept == nr ? "kept from start-up on"
                        : "kept from start-up on, or free throughout";
}

static void put_gaps(struct plot_data *data, const struct map *map, const struct part *parts,
                     size_t nr, const char *dull)
{
    unsigned gaps = 0, number = 0;

    for (size_t i = 0; i < nr; i++)
        gaps += !parts[i].shown;
    plot_put(data, "nr_gaps", gaps);
    if (gaps == 0)
        return;

    fprintf(data->stream, "array gap_top[%u]\narray gap_rows[%u]\narray gap_text[%u]\n", gaps, gaps,
            gaps);
    for (size_t i = 0; i < nr; i++) {
        char text[PLOT_SIZE_MAX];

        if (parts[i].shown)
            continue;
        number++;
        fprintf(data->stream, "gap_top[%u] = %zu; gap_rows[%u] = %zu; gap_text[%u] = '%s %s'\n",
                number, parts[i].row, number, parts[i].rows, number,
                plot_size(text, (double)parts[i].nr * map->bytes_per_cell),
                name_gap(dull + parts[i].first, parts[i].nr));
    }
}

static int find_parts(const struct plot_job *job, const struct map *map, struct part *parts,
                      size_t *nr, char *dull)
{
    memset(dull, 0, CELLS_MAX);
    find_dull(dull, map);
    for (unsigned i = 0; i < job->nr; i++) {
        struct map peer = read_map(job, &job->results[i]);

        if (side_by_side(map, &peer))
            find_dull(dull, &peer);
    }

    *nr = split(parts, dull, map->cells);
    return 0;
}

static int write_map(struct plot_data *data, const struct plot_job *job, struct error *error)
{
    const struct report_result *result = &job->results[job->first];
    const json_t *events = report_array(result->exact, "series.event");
    struct map map = read_map(job, result);
    struct part parts[PARTS_MAX];
    char dull[CELLS_MAX];
    size_t nr_parts, rows, columns;

    if (map.nr == 0 || map.cells == 0 || json_array_size(events) == 0)
        return error_set(error,
                         "%s, %s: the result has no picture of %s: replay without "
                         "`--sample off`, and through a stack that has memory",
                         result->trace, result->stack,
                         strcmp(job->kind->name, "memory") == 0 ? "physical memory"
                                                                : "the kernel map");

    find_parts(job, &map, parts, &nr_parts, dull);
    data->left += data->dumb ? 2 : 8;
    if (plot_put_phases(data, result, error) != 0)
        return -1;
    put_classes(data, used_classes(job, &map));
    plot_put_layout(data, job);

    columns = (size_t)(data->right - data->left);
    if (data->dumb)
        rows = place_lines(parts, nr_parts, (size_t)(data->top - data->bottom) - 1);
    else
        rows = place(parts, nr_parts, (size_t)(data->top - data->bottom), 18);
    plot_put(data, "rows", (double)rows);
    plot_put(data, "columns", (double)columns);
    put_axis(data, &map, parts, nr_parts, rows, strcmp(job->kind->name, "memory") == 0);
    put_gaps(data, &map, parts, nr_parts, dull);
    plot_put_string(data, "image", data->image != NULL ? data->image : "");
    if (data->dumb)
        put_lines(data, &map, events, parts, nr_parts, rows);
    else if (data->image != NULL)
        return write_image(data->image, &map, events, parts, nr_parts, columns, rows, error);
    return 0;
}

/* ---- Words ---- */

static void describe_map(FILE *stream, const struct plot_job *job)
{
    const struct report_result *result = &job->results[job->first];
    struct map map = read_map(job, result);
    unsigned counts[COLOURS] = {0};
    const char *before = "";
    char text[PLOT_SIZE_MAX];

    for (size_t i = 0; i < map.cells; i++)
        counts[colour_of(cell(&map, map.nr - 1, i))]++;
    fprintf(stream, "%s of %s over the trace %s, in %zu cells of %s. At the end ",
            strcmp(job->kind->name, "memory") == 0 ? "Physical memory" : "The kernel map",
            result->stack, result->trace, map.cells, plot_size(text, map.bytes_per_cell));
    fprintf(stream, "%u cells are free", counts[0] + counts[1]);
    for (unsigned i = 0; i < PLOT_COUNT(classes); i++) {
        unsigned nr = counts[2 + 2 * i] + counts[3 + 2 * i];

        if (nr != 0)
            fprintf(stream, "%s%u mostly %s", before[0] != '\0' ? before : ", ", nr,
                    classes[i].name);
        before = ", ";
    }
    fputs(".", stream);
}

const struct plot_kind plot_kind_memory = {
    .name = "memory",
    .title = "Physical memory",
    .summary = "what lives where in physical memory, over the trace",
    .reading =
        "Addresses go down, the trace goes across; a colour is what a piece of memory holds, "
        "pale where less than half of it is taken. Large pale areas and stripes are memory "
        "that is nearly free and of no use to large requests.",
    .scope = PLOT_RESULT,
    .image = true,
    .width = 720,
    .height = 420,
    .write = write_map,
    .describe = describe_map,
};

const struct plot_kind plot_kind_kernel_map = {
    .name = "kernel-map",
    .title = "The kernel map",
    .summary = "what lives where in the kernel map, over the trace",
    .reading =
        "Addresses go down, the trace goes across. Tables of rights that move are steps; what "
        "they leave behind are holes, and a request that is larger than every hole fails.",
    .scope = PLOT_RESULT,
    .image = true,
    .width = 720,
    .height = 420,
    .write = write_map,
    .describe = describe_map,
};
