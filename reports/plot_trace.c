/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The axis of the trace: events, and the phases between the trace's marks as bands.
 *
 * A phase begins at its mark and ends at the next. Marks that differ by their digits alone
 * ("rights 5000", "rights 10000", ...) are steps of one phase when there are many of them.
 *
 * Names stand on flags above the plot: a pole where the phase begins, the text right of it, in one
 * of some rows. Long phases choose first. A row will do when the text meets no other text, crosses
 * no pole and is crossed by none; a name for which there is no row is left out, and its band still
 * shows. Names so never collide, however many marks a trace has.
 */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define ROWS     3  /* of flags */
#define STEPS    4  /* marks from which on a series is one phase */
#define NAME_MAX 40 /* characters of a name that are shown */
#define GAP      3  /* pixels between pole and text */

struct phase {
    double begin, end; /* events */
    char name[2 * NAME_MAX];
    double pole, text, length; /* pixels */
    int row;                   /* -1: the name is left out */
};

/* Where two names are first different, digits apart; true when digits are all. */
static bool same_but_digits(const char *a, const char *b)
{
    for (;;) {
        while (isdigit((unsigned char)*a))
            a++;
        while (isdigit((unsigned char)*b))
            b++;
        if (*a != *b)
            return false;
        if (*a == '\0')
            return true;
        a++;
        b++;
    }
}

static const char *mark_name(const json_t *marks, size_t number)
{
    return report_text(json_array_get(marks, number), "name");
}

/* Marks from FIRST on that are steps of one phase. */
static size_t steps(const json_t *marks, size_t first)
{
    const char *name = mark_name(marks, first);
    size_t end = first + 1;

    if (strpbrk(name, "0123456789") != NULL)
        while (end < json_array_size(marks) && same_but_digits(name, mark_name(marks, end)))
            end++;

    return end - first >= STEPS ? end - first : 1;
}

static void name_phase(struct phase *phase, const char *first, const char *last)
{
    /* Digits that both begin with are of the range too. */
    size_t common = 0;

    while (first[common] != '\0' && first[common] == last[common])
        common++;
    while (common > 0 && isdigit((unsigned char)first[common - 1]))
        common--;

    if (first == last)
        snprintf(phase->name, sizeof(phase->name), "%.*s", NAME_MAX, first);
    else
        snprintf(phase->name, sizeof(phase->name), "%.*s to %.*s", NAME_MAX / 2, first,
                 NAME_MAX / 2, last + common);
}

/* The phases of MARKS over events FIRST to LAST. */
static size_t find_phases(struct phase *phases, const json_t *marks, double first, double last)
{
    size_t nr = 0;

    for (size_t i = 0, count; i < json_array_size(marks); i += count) {
        struct phase *phase = &phases[nr++];

        count = steps(marks, i);
        phase->begin = (double)report_integer(json_array_get(marks, i), "event");
        phase->end = last;
        phase->begin = phase->begin < first ? first : phase->begin;
        phase->begin = phase->begin > last ? last : phase->begin;
        if (nr > 1)
            phases[nr - 2].end = phase->begin;
        name_phase(phase, mark_name(marks, i), mark_name(marks, i + count - 1));
    }

    return nr;
}

/* Characters, not bytes. */
static size_t letters(const char *text)
{
    size_t nr = 0;

    for (; *text != '\0'; text++)
        nr += ((unsigned char)*text & 0xc0) != 0x80;
    return nr;
}

static bool inside(double x, const struct phase *phase)
{
    return x > phase->text - GAP && x < phase->text + phase->length + GAP;
}

/* Whether A in ROW and B, which has its row, are in each other's way. */
static bool collide(const struct phase *a, int row, const struct phase *b)
{
    if (row == b->row)
        return a->text < b->text + b->length + 2 * GAP && b->text < a->text + a->length + 2 * GAP;

    return row > b->row ? inside(a->pole, b) : inside(b->pole, a);
}

static void choose_row(struct phase *phases, size_t nr, struct phase *phase)
{
    for (int row = 0; row < ROWS; row++) {
        bool fits = true;

        for (size_t i = 0; i < nr && fits; i++)
            fits = phases[i].row < 0 || !collide(phase, row, &phases[i]);
        if (fits) {
            phase->row = row;
            return;
        }
    }
}

static int by_length(const void *a, const void *b)
{
    const struct phase *x = *(struct phase *const *)a, *y = *(struct phase *const *)b;
    double left = x->end - x->begin, right = y->end - y->begin;

    return left != right ? (left < right ? 1 : -1) : (x > y) - (x < y);
}

/* Rows of flags that are used. */
static unsigned choose_rows(const struct plot_data *data, struct phase *phases, size_t nr,
                            struct phase **order, double first, double last)
{
    double scale = (data->right - data->left) / (last > first ? last - first : 1);
    unsigned rows = 0;

    for (size_t i = 0; i < nr; i++) {
        struct phase *phase = &phases[i];
        double most;

        order[i] = phase;
        phase->row = -1;
        phase->pole = data->left + (phase->begin - first) * scale;
        phase->length = (double)letters(phase->name) * data->letter;
        phase->text = phase->pole + (data->dumb ? 0 : GAP);
        most = data->width - (data->dumb ? 0 : GAP) - phase->length;
        phase->text = phase->text > most ? most : phase->text;
    }

    qsort(order, nr, sizeof(*order), by_length);
    for (size_t i = 0; i < nr; i++) {
        /* What cannot be seen needs no name. */
        if ((order[i]->end - order[i]->begin) * scale < (data->dumb ? 0.5 : 1.5))
            continue;
        choose_row(phases, nr, order[i]);
        if (order[i]->row >= (int)rows)
            rows = (unsigned)order[i]->row + 1;
    }

    return rows;
}

static void put_bands(struct plot_data *data, const struct phase *phases, size_t nr)
{
    plot_put(data, "nr_bands", (double)nr);
    if (nr == 0)
        return;

    const char *names[] = {"band_begin", "band_end", "band_shade"};

    for (unsigned i = 0; i < PLOT_COUNT(names); i++) {
        fprintf(data->stream, "array %s[%zu] = [", names[i], nr);
        for (size_t j = 0; j < nr; j++)
            fprintf(data->stream, "%s%.10g", j == 0 ? "" : ", ",
                    i == 0   ? phases[j].begin
                    : i == 1 ? phases[j].end
                             : (double)(j % 2 == 0));
        fputs("]\n", data->stream);
    }
}

static void put_flags(struct plot_data *data, const struct phase *phases, size_t nr)
{
    unsigned flags = 0;

    for (size_t i = 0; i < nr; i++)
        flags += phases[i].row >= 0;
    plot_put(data, "nr_flags", flags);
    if (flags == 0)
        return;

    fprintf(data->stream, "array flag_text[%u]\narray flag_pole[%u]\narray flag_x[%u]\n", flags,
            flags, flags);
    fprintf(data->stream, "array flag_y[%u]\narray flag_top[%u]\n", flags, flags);
    for (size_t i = 0, flag = 0; i < nr; i++) {
        const struct phase *phase = &phases[i];
        double above = data->top + (phase->row + (data->dumb ? 1 : 0.55)) * data->line;

        if (phase->row < 0)
            continue;
        flag++;
        fprintf(data->stream, "flag_text[%zu] = ", flag);
        plot_put_text(data, phase->name);
        fprintf(data->stream, "; flag_pole[%zu] = %.6g; flag_x[%zu] = %.6g", flag,
                phase->pole / data->width, flag, phase->text / data->width);
        fprintf(data->stream, "; flag_y[%zu] = %.6g; flag_top[%zu] = %.6g\n", flag,
                above / data->height, flag,
                (phase->text > phase->pole ? above + 0.4 * data->line : above - 0.5 * data->line) /
                    data->height);
    }
}

/* The labels of the axis: gnuplot's own would round 1.5 million to 2M. */
static void put_tics(struct plot_data *data, double first, double last)
{
    static const double steps[] = {1, 2, 5};
    static const struct {
        double size;
        const char *suffix;
    } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};
    double most = (data->right - data->left) / (data->dumb ? 12 : 80);
    double decade = 1, step = 1;
    unsigned unit = 0;

    for (unsigned i = 0; (last - first) / step > most; i++) {
        decade *= i % PLOT_COUNT(steps) == 2 ? 10 : 1;
        step = steps[(i + 1) % PLOT_COUNT(steps)] * decade;
    }
    while (unit + 1 < PLOT_COUNT(units) && last < units[unit].size)
        unit++;

    fputs("set xtics (", data->stream);
    for (double at = ceil(first / step) * step; at <= last; at += step)
        fprintf(data->stream, "%s'%.10g%s' %.10g", at < first + step ? "" : ", ",
                at / units[unit].size, at == 0 ? "" : units[unit].suffix, at);
    fputs(")\n", data->stream);
}

int plot_put_phases(struct plot_data *data, const struct report_result *result, struct error *error)
{
    const json_t *events = report_array(result->exact, "series.event");
    size_t samples = json_array_size(events);

    return plot_put_phases_over(data, result, samples == 0 ? 0 : (double)report_element(events, 0),
                                samples == 0 ? 1 : (double)report_element(events, samples - 1),
                                error);
}

int plot_put_phases_over(struct plot_data *data, const struct report_result *result, double first,
                         double last, struct error *error)
{
    const json_t *marks = report_array(result->exact, "marks");
    size_t nr = json_array_size(marks);
    struct phase *phases = calloc(nr + 1, sizeof(*phases));
    struct phase **order = calloc(nr + 1, sizeof(*order));

    if (phases == NULL || order == NULL) {
        free(phases);
        free(order);
        return error_set(error, "no memory for %zu phases of a plot", nr);
    }

    nr = find_phases(phases, marks, first, last);
    data->top -= choose_rows(data, phases, nr, order, first, last) * data->line;
    plot_put(data, "first_event", first);
    plot_put(data, "last_event", last > first ? last : first + 1);
    put_tics(data, first, last > first ? last : first + 1);
    put_bands(data, phases, nr);
    put_flags(data, phases, nr);
    free(phases);
    free(order);
    return 0;
}
