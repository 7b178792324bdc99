/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The page is read from the top: what came of each trace in sentences, which most readers want and
 * no more; then trace by trace the pictures and the tables that bear the sentences out; where all
 * of it comes from is at the end. The parts are made trace by trace (page_work.c) and put together
 * here.
 *
 * There is no script. A picture is in the summary of a <details>: small as long as that is closed,
 * and as wide as the page when it is open, the same drawing both times. What is wider than a phone
 * scrolls in a region of its own, that the keyboard can reach.
 *
 * Nothing on the page depends on anything but the results, except for the date in the footer.
 */

#include "reports/page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reports/bench.h"
#include "reports/page_private.h"

#define DATE_MAX 32

/* ---- Head and foot ---- */

static void put_head(FILE *stream, const struct page_options *options)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          stream);
    html_text(stream, options->title);
    fprintf(stream, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n%s</style>\n</head>\n",
            page_css);
}

static bool has_benches(const struct report_set *set, const struct page_options *options)
{
    return options->nr_benches != 0 || report_set_benchmark(set, 0) != NULL;
}

static void put_contents(FILE *stream, const struct report_set *set,
                         const struct page_options *options)
{
    char name[PAGE_TRACE_NAME];

    fputs("<nav aria-label=\"Contents\">\n<ul>\n<li><a href=\"#verdicts\">Verdicts</a></li>\n"
          "<li>Traces\n<ul>\n",
          stream);
    for (unsigned i = 0; i < report_set_traces(set); i++) {
        fprintf(stream, "<li><a href=\"#t%u\">", i + 1);
        html_text(stream, page_trace_name(set, i, name));
        fputs("</a></li>\n", stream);
    }
    fputs("</ul></li>\n", stream);
    if (has_benches(set, options))
        fputs("<li><a href=\"#processes\">Whole processes</a></li>\n", stream);
    fputs("<li><a href=\"#provenance\">Provenance</a></li>\n</ul>\n</nav>\n", stream);
}

static void put_introduction(FILE *stream, const struct report_set *set,
                             const struct page_options *options)
{
    unsigned traces = report_set_traces(set), results = report_set_size(set);
    char number[HTML_FIELD];

    fputs("<header>\n<h1>", stream);
    html_text(stream, options->title);
    fputs("</h1>\n<p>", stream);
    html_sentence(
        stream,
        "%s replay%s of %u trace%s: what kernels asked of their allocators, given to "
        "different allocators. Figures of memory, failures and work are exact and the same "
        "on every machine; times were measured. Sizes are in units of 1024.",
        html_number(results, number), results == 1 ? "" : "s", traces, traces == 1 ? "" : "s");
    fputs("</p>\n<p>Pictures are small until they are chosen, by a click or with Enter; again, and "
          "they are small.</p>\n",
          stream);
    put_contents(stream, set, options);
    fputs("</header>\n", stream);
}

static void put_foot(FILE *stream, const struct page_options *options)
{
    char date[DATE_MAX] = "";
    struct tm tm;

    if (gmtime_r(&options->made, &tm) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
    fprintf(stream,
            "<footer>\n<p>Made by allotrope " ALLOTROPE_VERSION " on <time>%s</time>; all above "
            "this line follows from the results.</p>\n</footer>\n</body>\n</html>\n",
            date);
}

/* ---- Who served what ---- */

/* What came of a stack on a trace. */
struct score {
    unsigned results; /* that there are, of designs */
    unsigned refused; /* of these, those that refused something */
    int64_t requests; /* that they refused */
};

struct scores {
    unsigned traces, stacks;
    const char **names; /* of stacks */
    struct score *of;   /* [traces][stacks] */
};

static void scores_free(struct scores *scores)
{
    free(scores->names);
    free(scores->of);
}

static struct score *score_at(const struct scores *scores, unsigned trace, unsigned stack)
{
    return &scores->of[(size_t)trace * scores->stacks + stack];
}

/* Results of the trace in the order of the set, as page_put_score() wrote them. */
static int read_score(struct scores *scores, const struct page_folder *folder,
                      const struct report_set *set, unsigned trace, struct error *error)
{
    FILE *stream = page_part_open(folder, "score", trace + 1, "re", error);
    int64_t refused;

    if (stream == NULL)
        return -1;
    for (unsigned i = 0; i < report_set_results(set, trace); i++) {
        const struct report_header *header = report_set_header(set, trace, i);
        struct score *score = score_at(scores, trace, header->order);

        scores->names[header->order] = header->stack;
        if (fscanf(stream, "%" SCNd64, &refused) != 1 || refused < 0)
            continue;
        score->results++;
        score->refused += refused > 0;
        score->requests += refused;
    }
    fclose(stream);

    return 0;
}

static int scores_read(struct scores *scores, const struct page_folder *folder,
                       const struct report_set *set, struct error *error)
{
    /* A set has a result, and so a stack. */
    *scores = (struct scores){.traces = report_set_traces(set), .stacks = 1};
    for (unsigned t = 0; t < scores->traces; t++)
        for (unsigned r = 0; r < report_set_results(set, t); r++) {
            unsigned order = report_set_header(set, t, r)->order;

            scores->stacks = order >= scores->stacks ? order + 1 : scores->stacks;
        }

    scores->names = calloc(scores->stacks, sizeof(*scores->names));
    scores->of = calloc((size_t)scores->traces * scores->stacks, sizeof(*scores->of));
    if (scores->names == NULL || scores->of == NULL) {
        scores_free(scores);
        return error_set(error, "no memory for %u traces", scores->traces);
    }

    for (unsigned t = 0; t < scores->traces; t++)
        if (read_score(scores, folder, set, t, error) != 0) {
            scores_free(scores);
            return -1;
        }

    return 0;
}

/* Sums of a stack over all traces: results, those that refused something, and the traces on which
 * it did. */
static unsigned traces_refused(const struct scores *scores, unsigned stack, unsigned *traces)
{
    unsigned refused = 0;

    *traces = 0;
    for (unsigned t = 0; t < scores->traces; t++) {
        *traces += score_at(scores, t, stack)->results != 0;
        refused += score_at(scores, t, stack)->refused != 0;
    }

    return refused;
}

/* One sentence on all traces. */
static void put_whole(FILE *stream, const struct scores *scores)
{
    unsigned designs = 0, failing = 0, written = 0, traces;

    for (unsigned s = 0; s < scores->stacks; s++) {
        unsigned refused = traces_refused(scores, s, &traces);

        designs += traces != 0;
        failing += refused != 0;
    }
    if (designs == 0)
        return;

    fputs("<p><strong>", stream);
    if (failing == 0)
        html_sentence(stream, "No design refused anything that it was asked for.");
    else if (designs - failing == 0)
        html_sentence(stream, "Every design refused something: ");
    else
        html_sentence(stream,
                      "%u of %u designs served every request of every trace. Of the others, ",
                      designs - failing, designs);
    for (unsigned s = 0; s < scores->stacks; s++) {
        unsigned refused = traces_refused(scores, s, &traces);

        if (refused == 0)
            continue;
        html_sentence(stream, "%s%s on %u of %u traces",
                      written == 0             ? ""
                      : written + 1 == failing ? " and "
                                               : ", ",
                      scores->names[s], refused, traces);
        written++;
    }
    fputs(failing != 0 ? " did not.</strong></p>\n" : "</strong></p>\n", stream);
}

static void put_score(struct table *table, const struct score *score)
{
    char number[HTML_FIELD];

    if (score->results == 0)
        table_put_none(table);
    else if (score->refused == 0)
        table_put_text(table, "served");
    else if (score->results == 1)
        table_put_format(table, "%s refused", html_number(score->requests, number));
    else
        table_put_format(table, "%u of %u refused", score->refused, score->results);
}

static int put_overview(FILE *stream, const struct report_set *set, const struct scores *scores,
                        struct error *error)
{
    struct table_column *columns = calloc(scores->stacks + 1, sizeof(*columns));
    char name[PAGE_TRACE_NAME];
    struct table table;
    unsigned nr = 1, traces;

    if (columns == NULL)
        return error_set(error, "no memory for a table of %u stacks", scores->stacks);
    columns[0] = (struct table_column){"trace", "trace", TABLE_TEXT};
    for (unsigned s = 0; s < scores->stacks; s++) {
        traces_refused(scores, s, &traces);
        if (traces != 0)
            columns[nr++] = (struct table_column){"stack", scores->names[s], TABLE_TEXT};
    }

    table_begin(&table, "overview", "Overview", "", columns, nr);
    for (unsigned t = 0; t < scores->traces; t++) {
        table_put_text(&table, page_trace_name(set, t, name));
        for (unsigned s = 0; s < scores->stacks; s++) {
            traces_refused(scores, s, &traces);
            if (traces != 0)
                put_score(&table, score_at(scores, t, s));
        }
    }

    int status =
        table.failed
            ? error_set(error, "no memory for a table of %u traces", scores->traces)
            : html_table(stream,
                         &(struct html_table){.table = &table,
                                              .id = "overview",
                                              .caption = "What each design served and refused"},
                         error);

    table_end(&table);
    free(columns);
    return status;
}

/* ---- All of it ---- */

static int put_parts(FILE *stream, const struct report_set *set, const struct page_folder *folder,
                     const char *part, struct error *error)
{
    for (unsigned i = 1; i <= report_set_traces(set); i++)
        if (page_part_copy(folder, part, i, stream, error) != 0)
            return -1;

    return 0;
}

static int put_verdicts(FILE *stream, const struct report_set *set,
                        const struct page_folder *folder, struct error *error)
{
    struct scores scores;
    int status = 0;

    if (scores_read(&scores, folder, set, error) != 0)
        return -1;

    fputs("<section aria-labelledby=\"verdicts\">\n<h2 id=\"verdicts\">Verdicts</h2>\n", stream);
    if (scores.traces > 1) {
        put_whole(stream, &scores);
        status = put_overview(stream, set, &scores, error);
    }
    scores_free(&scores);
    if (status != 0 || put_parts(stream, set, folder, "verdict", error) != 0)
        return -1;

    fputs("</section>\n", stream);
    return 0;
}

static int put_bench(FILE *stream, const char *path, unsigned number, struct error *error)
{
    json_t *bench = bench_load(path, error);
    char id[32], caption[64];
    struct table table;
    int status;

    if (bench == NULL)
        return -1;

    snprintf(id, sizeof(id), "processes-%u", number);
    snprintf(caption, sizeof(caption), "Whole processes, %u", number);
    bench_table(&table, bench);
    status = table.failed
                 ? error_set(error, "%s: no memory for its table", path)
                 : html_table(stream,
                              &(struct html_table){
                                  .table = &table, .id = id, .caption = caption, .names = 1},
                              error);
    fputs("<p class=\"reading\">", stream);
    html_text(stream, table.reading != NULL ? table.reading : "");
    html_sentence(
        stream, " Made by %s with %s, %" PRId64 " runs of each after %" PRId64 " to warm up.",
        report_text(bench, "provenance.tool"), report_text(bench, "provenance.hyperfine"),
        report_integer(bench, "provenance.runs"), report_integer(bench, "provenance.warmup"));
    fputs("</p>\n", stream);
    table_end(&table);
    json_decref(bench);
    return status;
}

/* The benchmarks that are named, and those that lie among the results. */
static int put_benches(FILE *stream, const struct report_set *set,
                       const struct page_options *options, struct error *error)
{
    const char *path;
    unsigned nr = 0;

    if (!has_benches(set, options))
        return 0;

    fputs("<section aria-labelledby=\"processes\">\n<h2 id=\"processes\">Whole processes</h2>\n",
          stream);
    for (unsigned i = 0; i < options->nr_benches; i++)
        if (put_bench(stream, options->benches[i], ++nr, error) != 0)
            return -1;
    for (unsigned i = 0; (path = report_set_benchmark(set, i)) != NULL; i++)
        if (put_bench(stream, path, ++nr, error) != 0)
            return -1;
    fputs("</section>\n", stream);

    return 0;
}

/* Puts the parts together. */
static int put_page(FILE *stream, const struct report_set *set, const struct page_options *options,
                    const struct page_folder *folder, struct error *error)
{
    put_head(stream, options);
    fputs("<body>\n<a class=\"skip\" href=\"#main\">To the verdicts</a>\n", stream);
    put_introduction(stream, set, options);

    fputs("<main id=\"main\">\n", stream);
    if (put_verdicts(stream, set, folder, error) != 0 ||
        put_parts(stream, set, folder, "trace", error) != 0 ||
        put_benches(stream, set, options, error) != 0)
        return -1;
    fputs("<section aria-labelledby=\"provenance\">\n<h2 id=\"provenance\">Provenance</h2>\n",
          stream);
    if (put_parts(stream, set, folder, "provenance", error) != 0)
        return -1;
    fputs("</section>\n</main>\n", stream);

    put_foot(stream, options);
    return 0;
}

int page_write(FILE *stream, const struct report_set *set, const struct page_options *options,
               struct error *error)
{
    struct page_folder folder;
    int status;

    if (page_folder_open(&folder, error) != 0)
        return -1;

    /* Nothing that waits to be written may be written by another process too. */
    fflush(NULL);
    status = page_work(&folder, set, options, error);
    if (status == 0)
        status = put_page(stream, set, options, &folder, error);

    page_folder_close(&folder);
    return status;
}
