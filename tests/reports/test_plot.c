/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Plots: what they decide from the figures, and that the same results give the same bytes, in
 * whatever company they are drawn. How they look is not for a test; that they are well-formed, free
 * of ids and show something is.
 */

#include "samples.h"

#include <dirent.h>
#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/plot_private.h"

#define KINDS_MAX 32

static struct report_result results[SAMPLES];

/* ---- Help ---- */

static struct plot_job job_of(const struct plot_kind *kind)
{
    return (struct plot_job){
        .kind = kind, .name = kind->name, .results = results, .nr = SAMPLES, .embedded = true};
}

static char *figures_of(const struct plot_job *job)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    struct error error = {.text = ""};

    assert_non_null(stream);
    if (plot_write_data(job, stream, NULL, &error) != 0)
        fprintf(stream, "error: %s\n", error.text);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static char *words_of(const struct plot_job *job)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    assert_int_equal(plot_describe(job, stream), 0);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static char *read_file(const char *folder, const char *name, const char *suffix, size_t *length)
{
    char path[512];
    struct report_file file;
    struct error error = {.text = ""};

    snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix);
    if (report_file_read(&file, path, &error) != 0)
        fail_msg("%s", error.text);
    *length = file.length;
    return file.bytes;
}

static void remove_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    char path[512];

    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(entries);
    assert_int_equal(rmdir(folder), 0);
}

/* Jobs of all kinds that have something to show; how many. */
static unsigned all_jobs(struct plot_job jobs[KINDS_MAX])
{
    const struct plot_kind *kind;
    unsigned nr = 0;

    for (unsigned i = 0; (kind = plot_kind_at(i)) != NULL; i++) {
        struct plot_job job = job_of(kind);
        struct error error;

        assert_true(nr < KINDS_MAX);
        if (plot_check(&job, &error) == 0)
            jobs[nr++] = job;
    }

    return nr;
}

/* ---- Kinds and styles ---- */

static void test_kinds(void **state)
{
    const struct plot_kind *kind;
    unsigned nr = 0;

    (void)state;
    for (; (kind = plot_kind_at(nr)) != NULL; nr++) {
        char script[64];
        bool found = false;

        assert_ptr_equal(plot_kind_find(kind->name), kind);
        assert_true(strlen(kind->title) > 5 && strlen(kind->summary) > 5);
        assert_int_equal(kind->reading[strlen(kind->reading) - 1], '.');
        snprintf(script, sizeof(script), "%s.gp", kind->name);
        for (unsigned i = 0; i < plot_scripts_nr; i++)
            found |= strcmp(plot_scripts[i].name, script) == 0;
        assert_true(found);
    }

    assert_true(nr >= 16);
    assert_null(plot_kind_find("frobnicate"));
}

/* Relative luminance and contrast as WCAG 2 defines them. */
static double channel(unsigned long value)
{
    double part = (double)(value & 255) / 255;

    return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4);
}

static double luminance(const char *colour)
{
    unsigned long value = strtoul(colour + 1, NULL, 16);

    return 0.2126 * channel(value >> 16) + 0.7152 * channel(value >> 8) + 0.0722 * channel(value);
}

static double contrast(const char *a, const char *b)
{
    double x = luminance(a), y = luminance(b);

    return (fmax(x, y) + 0.05) / (fmin(x, y) + 0.05);
}

/* Every opaque colour in a file of figures. */
static unsigned check_colours(const char *figures)
{
    unsigned nr = 0;

    for (const char *at = figures; (at = strchr(at, '#')) != NULL; at++) {
        char colour[8];

        if (strspn(at + 1, "0123456789abcdef") != 6 || at[7] != '\'')
            continue;
        memcpy(colour, at, 7);
        colour[7] = '\0';
        if (contrast(colour, "#ffffff") < 3 || contrast(colour, "#14171b") < 3)
            fail_msg("%s has too little contrast: %.2f on white, %.2f on near black", colour,
                     contrast(colour, "#ffffff"), contrast(colour, "#14171b"));
        nr++;
    }

    return nr;
}

static void test_contrast(void **state)
{
    struct plot_job jobs[KINDS_MAX];
    unsigned nr = all_jobs(jobs), colours = 0;

    (void)state;
    assert_true(contrast("#000000", "#ffffff") > 20.99);
    for (unsigned i = 0; i < nr; i++) {
        char *figures = figures_of(&jobs[i]);

        colours += check_colours(figures);
        free(figures);
    }
    assert_true(colours > 15);

    for (unsigned i = 0; i < 4; i++) {
        struct plot_style style = plot_style_of_stack("a stack of one's own", i);

        assert_true(contrast(style.colour, "#ffffff") >= 3);
        assert_true(contrast(style.colour, "#14171b") >= 3);
    }
}

/* The classes of a map, whichever a result has. */
static void test_contrast_of_maps(void **state)
{
    json_t *root = sample_copy(0);
    struct report_result changed;
    struct plot_job job = job_of(plot_kind_find("memory"));
    char *figures;

    (void)state;
    sample_set(root, "exact.series.pictures.memory.samples.1",
               json_string("#utivkoswa.UTIVKOSWA:"));
    changed = sample_result(root);
    job.results = &changed;
    job.nr = 1;
    figures = figures_of(&job);
    assert_int_equal(check_colours(figures), 10);
    assert_non_null(strstr(figures, "'free in a submap'"));
    free(figures);
    report_result_free(&changed);
}

/* No two stacks differ by colour alone. */
static void test_styles_differ(void **state)
{
    static const char *const names[] = {"table+vm",    "table+buddy",  "table+hybrid", "radix+vm",
                                        "radix+buddy", "radix+hybrid", "radix+direct", "null"};

    (void)state;
    for (unsigned i = 0; i < PLOT_COUNT(names); i++)
        for (unsigned j = 0; j < i; j++) {
            struct plot_style a = plot_style_of_stack(names[i], 0);
            struct plot_style b = plot_style_of_stack(names[j], 0);

            assert_true(strcmp(a.colour, b.colour) != 0 || strcmp(a.dash, b.dash) != 0);
            assert_int_not_equal(a.point, b.point);
        }
}

/* ---- Figures ---- */

static void test_texts(void **state)
{
    char *text = NULL;
    size_t size;
    struct plot_data data = {.stream = open_memstream(&text, &size)};

    (void)state;
    assert_non_null(data.stream);
    plot_put_text(&data, "it's `touch x`\n\t\x7f \"$(y)\" \xc3\xa4");
    fclose(data.stream);
    assert_string_equal(text, "'it''s ?touch x???? \"$(y)\" \xc3\xa4'");
    free(text);
}

static void test_sizes(void **state)
{
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"},       {1023, "1023 bytes"},     {1024, "1 KiB"},
                 {1536, "1.5 KiB"},    {102400, "100 KiB"},      {4194304, "4 MiB"},
                 {4300800, "4.1 MiB"}, {0x1p30 * 2.5, "2.5 GiB"}};
    char text[PLOT_SIZE_MAX];

    (void)state;
    for (unsigned i = 0; i < PLOT_COUNT(cases); i++)
        assert_string_equal(plot_size(text, cases[i].bytes), cases[i].text);
}

/* Of more points than pixels the extremes are kept. */
static void test_decimation(void **state)
{
    enum { ROWS = 20000, COLUMNS = 100 };
    struct plot_column x = {calloc(ROWS, sizeof(double)), ROWS};
    struct plot_column y = {calloc(ROWS, sizeof(double)), ROWS};
    char *text = NULL;
    size_t size;
    struct plot_data data = {.stream = open_memstream(&text, &size)};
    unsigned lines = 0;

    (void)state;
    assert_true(x.values != NULL && y.values != NULL && data.stream != NULL);
    for (unsigned i = 0; i < ROWS; i++) {
        x.values[i] = i;
        y.values[i] = i % 10;
    }
    y.values[12345] = 77;
    y.values[6789] = -55;
    plot_put_curve(&data, &x, &y, COLUMNS);
    fclose(data.stream);

    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_in_range(lines, COLUMNS, 4 * (COLUMNS + 1) + 2);
    assert_non_null(strstr(text, "12345 77\n"));
    assert_non_null(strstr(text, "6789 -55\n"));
    assert_int_equal(strncmp(text, "0 0\n", 4), 0);
    assert_non_null(strstr(text, "19999 9\n"));
    free(text);
    plot_column_free(&x);
    plot_column_free(&y);
}

/* ---- Flags ---- */

struct flag {
    double pole, x, y, top, length;
};

/* A number after a text, at or behind AT. */
static double after(const char *at, const char *text)
{
    const char *found = strstr(at, text);

    assert_non_null(found);
    return strtod(found + strlen(text), NULL);
}

static unsigned read_flags(const char *figures, const struct plot_data *data, struct flag *flags)
{
    unsigned nr = (unsigned)after(figures, "nr_flags = ");

    for (unsigned i = 0; i < nr; i++) {
        char key[32];
        const char *line, *end;

        snprintf(key, sizeof(key), "flag_text[%u] = '", i + 1);
        line = strstr(figures, key);
        assert_non_null(line);
        line += strlen(key);
        end = strchr(line, '\'');
        flags[i].length = (double)(end - line) * data->letter;
        snprintf(key, sizeof(key), "flag_pole[%u] = ", i + 1);
        flags[i].pole = after(end, key) * data->width;
        snprintf(key, sizeof(key), "flag_x[%u] = ", i + 1);
        flags[i].x = after(end, key) * data->width;
        snprintf(key, sizeof(key), "flag_y[%u] = ", i + 1);
        flags[i].y = after(end, key) * data->height;
        snprintf(key, sizeof(key), "flag_top[%u] = ", i + 1);
        flags[i].top = after(end, key) * data->height;
    }

    return nr;
}

static bool overlap(const struct flag *a, const struct flag *b, double line)
{
    return fabs(a->y - b->y) < line * 0.9 && a->x < b->x + b->length && b->x < a->x + a->length;
}

/* The pole of A through the text of B. */
static bool crosses(const struct flag *a, const struct flag *b, double line)
{
    return a->pole > b->x && a->pole < b->x + b->length && a->top > b->y - line * 0.4;
}

static void check_flags(const char *figures, const struct plot_data *data, unsigned round)
{
    struct flag flags[64];
    unsigned nr = read_flags(figures, data, flags);

    for (unsigned i = 0; i < nr; i++) {
        if (flags[i].x < 0 || flags[i].x + flags[i].length > data->width + 0.01)
            fail_msg("round %u: flag %u leaves the picture", round, i + 1);
        for (unsigned j = 0; j < nr; j++)
            if (i != j && (overlap(&flags[i], &flags[j], data->line) ||
                           crosses(&flags[i], &flags[j], data->line)))
                fail_msg("round %u: flags %u and %u collide", round, i + 1, j + 1);
    }
}

/* A trace's marks at random, of names of 1 to 30 letters. */
static json_t *random_marks(const json_t *mark, unsigned nr, uint64_t *random)
{
    json_t *marks = json_array();
    double event = 0;

    for (unsigned i = 0; i < nr; i++) {
        json_t *copy = json_deep_copy(mark);
        char name[32] = "";

        *random = *random * 6364136223846793005u + 1442695040888963407u;
        event += (double)(*random >> 60);
        for (unsigned j = 0; j < 1 + (*random >> 40) % 30; j++)
            name[j] = (char)('a' + (*random >> (j % 32 + 20)) % 26);
        json_object_set_new(copy, "name", json_string(name));
        json_object_set_new(copy, "event", json_integer((json_int_t)event));
        json_array_append_new(marks, copy);
    }

    return marks;
}

static void test_flags(void **state)
{
    uint64_t random = 20261124;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        json_t *root = sample_copy(0);
        struct report_result changed;
        struct plot_job job = job_of(plot_kind_find("held"));
        struct plot_data data;
        struct error error = {.text = ""};
        char *figures = NULL;
        size_t size;
        FILE *stream = open_memstream(&figures, &size);

        assert_non_null(stream);
        sample_set(root, "exact.marks",
                   random_marks(report_at(root, "exact.marks.0"), 1 + round % 40, &random));
        changed = sample_result(root);
        job.width = 300 + round * 5;
        job.height = 300;
        job.terminal = round % 3 == 0 ? PLOT_DUMB : PLOT_SVG;
        if (job.terminal == PLOT_DUMB)
            job.width /= 6;
        plot_data_begin(&data, &job, stream, NULL);
        assert_int_equal(plot_put_phases_over(&data, &changed, 0, 300, &error), 0);
        fclose(stream);
        check_flags(figures, &data, round);
        free(figures);
        report_result_free(&changed);
    }
}

static void test_steps_are_one_phase(void **state)
{
    json_t *root = sample_copy(0), *marks = json_array();
    struct report_result changed;
    struct plot_job job = job_of(plot_kind_find("held"));
    char *figures;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        json_t *mark = json_deep_copy(report_at(root, "exact.marks.0"));

        json_object_set_new(mark, "event", json_integer(i * 2));
        json_object_set_new(mark, "name", json_sprintf("rights %u", 500 * (i + 1)));
        json_array_append_new(marks, mark);
    }
    sample_set(root, "exact.marks", marks);
    changed = sample_result(root);
    job.results = &changed;
    job.nr = 1;
    figures = figures_of(&job);
    assert_non_null(strstr(figures, "nr_bands = 1\n"));
    assert_non_null(strstr(figures, "'rights 500 to 3000'"));
    free(figures);
    report_result_free(&changed);
}

/* ---- SVG ---- */

static char *rewrite(const char *svg, struct error *error)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    if (plot_svg_rewrite(svg, strlen(svg), NULL, NULL, NULL, stream, error) == 0)
        assert_string_equal(error->text, "");
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void test_svg(void **state)
{
    struct error error = {.text = ""};
    char *text = rewrite(
        "<svg viewBox=\"0 0 64 48\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"><title>x</title>"
        "<defs><circle id='gpDot' r='1'/></defs><g id=\"gnuplot_canvas\" stroke-width=\"2.00\">"
        "<path stroke='black' d='M1.00,2.00 L3.00,2.00 L9.00,2.00 L10.06,4.00 '/>"
        "<path stroke='rgb(  0,   0,   0)' d='M5,5 L5,8 L5,9 L4,4 Z'/>"
        "<polygon fill = 'rgb( 42, 127, 192)' fill-opacity='0.5' points = '1,1 2,1 2,2'/>"
        "<use xlink:href='#gpPt6' transform='translate(10,20) scale(2)' color='rgb(1,2,3)'/>"
        "<g transform=\"translate(4.2,7.9)\" stroke=\"none\" font-size=\"10\" "
        "text-anchor=\"end\"><text><tspan>a &lt; b</tspan></text></g></g></svg>",
        &error);

    (void)state;
    assert_string_equal(
        text,
        "<svg viewBox=\"0 0 64 48\" fill=\"none\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<path d=\"M1 2h8l1.1 2M5 5v4l-1-5z\" stroke=\"currentColor\" stroke-width=\"2\"/>\n"
        "<path d=\"M1 1h1v1z\" fill=\"#2a7fc0\" opacity=\"0.5\"/>\n"
        "<path d=\"M8 20a2 2 0 1 1 4 0a2 2 0 1 1 -4 0\" fill=\"#010203\"/>\n"
        "<g fill=\"currentColor\">\n"
        "<text x=\"4\" y=\"8\" text-anchor=\"end\" font-size=\"10\">a &lt; b</text>\n"
        "</g>\n</svg>\n");
    free(text);

    text = rewrite("<svg viewBox=\"0 0 1 1\"><g>", &error);
    assert_string_equal(error.text, "gnuplot's SVG, line 1: no element found");
    free(text);
}

/* ---- Drawing ---- */

static void check_svg(const char *bytes, size_t length)
{
    XML_Parser parser = XML_ParserCreate(NULL);

    assert_int_equal(strncmp(bytes, "<svg ", 5), 0);
    assert_int_equal(XML_Parse(parser, bytes, (int)length, XML_TRUE), XML_STATUS_OK);
    XML_ParserFree(parser);
    assert_null(strstr(bytes, " id="));
    assert_null(strstr(bytes, "gnuplot"));
    assert_null(strstr(bytes, "GNUPLOT"));
    assert_non_null(strstr(bytes, "<path"));
    assert_non_null(strstr(bytes, "<text"));
    assert_non_null(strstr(bytes, "currentColor"));
}

/* All at once, by several processes, and each alone: the same bytes. */
static void test_same_bytes(void **state)
{
    struct plot_job jobs[KINDS_MAX];
    unsigned nr = all_jobs(jobs);
    char together[] = "plots.XXXXXX", alone[] = "plots.XXXXXX";
    struct error error = {.text = ""};

    (void)state;
    assert_true(nr >= 13);
    assert_non_null(mkdtemp(together));
    assert_non_null(mkdtemp(alone));
    if (plot_draw_all(jobs, nr, together, &error) != 0)
        fail_msg("%s", error.text);
    for (unsigned i = nr; i-- > 0;)
        if (plot_draw_all(&jobs[i], 1, alone, &error) != 0)
            fail_msg("%s", error.text);

    for (unsigned i = 0; i < nr; i++) {
        size_t a, b;
        char *first = read_file(together, jobs[i].name, "svg", &a);
        char *second = read_file(alone, jobs[i].name, "svg", &b);

        check_svg(first, a);
        assert_int_equal(a, b);
        assert_memory_equal(first, second, a);
        free(first);
        free(second);
    }

    remove_folder(together);
    remove_folder(alone);
}

static void test_document(void **state)
{
    struct plot_job job = job_of(plot_kind_find("held"));
    char folder[] = "plots.XXXXXX";
    struct error error = {.text = ""};
    size_t length;
    char *bytes;

    (void)state;
    job.embedded = false;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(plot_draw_all(&job, 1, folder, &error), 0);
    bytes = read_file(folder, job.name, "svg", &length);
    check_svg(bytes, length);
    assert_non_null(strstr(bytes, "xmlns=\"http://www.w3.org/2000/svg\""));
    assert_non_null(strstr(bytes, "<title>small: Memory held</title>"));
    assert_non_null(strstr(bytes, "prefers-color-scheme:dark"));
    free(bytes);
    remove_folder(folder);
}

/* Gnuplot runs what stands between backquotes, and a quote ends a text. */
static void test_hostile_names(void **state)
{
    static const char name[] = "`touch pwned`'; system('touch pwned')#<&\"$(touch pwned)@x";
    json_t *root = sample_copy(0);
    struct report_result changed;
    struct plot_job job = job_of(plot_kind_find("held"));
    char folder[] = "plots.XXXXXX";
    struct error error = {.text = ""};

    (void)state;
    sample_set(root, "provenance.trace.name", json_string(name));
    sample_set(root, "provenance.stack.name", json_string(name));
    sample_set(root, "exact.marks.0.name", json_string(name));
    changed = sample_result(root);
    job.results = &changed;
    job.nr = 1;
    job.embedded = false;
    assert_non_null(mkdtemp(folder));
    if (plot_draw_all(&job, 1, folder, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_not_equal(access("pwned", F_OK), 0);
    remove_folder(folder);
    report_result_free(&changed);
}

static void test_no_gnuplot(void **state)
{
    struct plot_job job = job_of(plot_kind_find("held"));
    char *path = strdup(getenv("PATH"));
    struct error error = {.text = ""};

    (void)state;
    assert_non_null(path);
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(plot_draw_all(&job, 1, ".", &error), -1);
    assert_string_equal(error.text, "plots are drawn by gnuplot, which is not there: install it "
                                    "(on Debian: apt-get install gnuplot-nox)");
    setenv("PATH", path, 1);
    free(path);
}

static void test_no_folder(void **state)
{
    struct plot_job job = job_of(plot_kind_find("held"));
    struct error error = {.text = ""};

    (void)state;
    assert_int_equal(plot_draw_all(&job, 1, "missing", &error), -1);
    assert_string_equal(error.text, "missing/held.svg: No such file or directory");
}

/* ---- Sentences in the place of pictures, and words ---- */

static void test_nothing_to_draw(void **state)
{
    static const struct {
        const char *kind, *missing, *text;
    } cases[] = {
        {"latency", "measured.latency", "no result tells how long calls took"},
        {"latency-map", "measured.latency", "does not tell when calls took how long"},
        {"work", "exact.work_by_kind", "no result tells the work of its calls"},
        {"held", "exact.series", "no result has the column exact.series.held.page_bytes"},
        {"memory", "exact.series", "the result has no picture of physical memory"},
        {"buddy", "exact.series", "the result has no free blocks"},
        {"fullness", "exact.series", "the result has no slabs"},
    };

    (void)state;
    for (unsigned i = 0; i < PLOT_COUNT(cases); i++) {
        json_t *root = sample_copy(0);
        char parent[64];
        const char *dot = strrchr(cases[i].missing, '.');
        struct report_result changed;
        struct plot_job job = job_of(plot_kind_find(cases[i].kind));
        struct error error = {.text = ""};

        snprintf(parent, sizeof(parent), "%.*s", (int)(dot - cases[i].missing), cases[i].missing);
        json_object_del(report_at(root, parent), dot + 1);
        changed = sample_result(root);
        job.results = &changed;
        job.nr = 1;
        assert_int_equal(plot_check(&job, &error), -1);
        if (strstr(error.text, cases[i].text) == NULL)
            fail_msg("%s: %s", cases[i].kind, error.text);
        report_result_free(&changed);
    }
}

static void test_words(void **state)
{
    struct plot_job jobs[KINDS_MAX];
    unsigned nr = all_jobs(jobs);

    (void)state;
    for (unsigned i = 0; i < nr; i++) {
        char *words = words_of(&jobs[i]);

        assert_true(strlen(words) > 40);
        assert_int_equal(words[strlen(words) - 1], '.');
        assert_non_null(strpbrk(words, "0123456789")); /* figures, not "a plot of" */
        assert_non_null(strstr(words, "small"));
        free(words);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_contrast_of_maps),
        cmocka_unit_test(test_styles_differ),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_decimation),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_steps_are_one_phase),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_no_gnuplot),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_nothing_to_draw),
        cmocka_unit_test(test_words),
    };
    int failed;

    if (argc != 2)
        return 2;
    samples_read(argv[1]);
    for (unsigned i = 0; i < SAMPLES; i++)
        results[i] = sample_result(sample_copy(i));
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (unsigned i = 0; i < SAMPLES; i++)
        report_result_free(&results[i]);
    samples_free();
    return failed;
}
