/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The page is read from the top: what came of each trace in sentences, which most readers want and
 * no more; then trace by trace the pictures and the tables that bear the sentences out; where all
 * of it comes from is at the end. The sentences are known as late as the pictures, when the trace's
 * results are loaded, so both are written to temporary files and put together at the end.
 *
 * There is no script. A picture is in the summary of a <details>: small as long as that is closed,
 * and as wide as the page when it is open, the same drawing both times. What is wider than a phone
 * scrolls in a region of its own, that the keyboard can reach.
 *
 * Nothing on the page depends on anything but the results, except for the date in the footer.
 */

#include "reports/page.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reports/page_private.h"

#define DATE_MAX 32

/* The parts that are written while the traces are gone through. */
struct parts {
    FILE *verdicts, *traces, *provenance;
};

static void parts_close(struct parts *parts)
{
    FILE *const streams[] = {parts->verdicts, parts->traces, parts->provenance};

    for (unsigned i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
        if (streams[i] != NULL)
            fclose(streams[i]);
}

static int parts_open(struct parts *parts, struct error *error)
{
    parts->verdicts = tmpfile();
    parts->traces = tmpfile();
    parts->provenance = tmpfile();
    if (parts->verdicts != NULL && parts->traces != NULL && parts->provenance != NULL)
        return 0;

    error_set(error, "cannot make a temporary file: %s", strerror(errno));
    parts_close(parts);
    return -1;
}

/* Copies what was written to a part. */
static int part_copy(FILE *part, FILE *stream, struct error *error)
{
    char buffer[1 << 16];
    size_t got;

    if (fflush(part) != 0 || fseek(part, 0, SEEK_SET) != 0)
        return error_set(error, "cannot write a temporary file: %s", strerror(errno));
    while ((got = fread(buffer, 1, sizeof(buffer), part)) != 0)
        fwrite(buffer, 1, got, stream);

    return ferror(part) ? error_set(error, "cannot read a temporary file: %s", strerror(errno)) : 0;
}

/* ---- Names ---- */

/* What sets the machine of a trace apart, "i386-2016, 64.0 MiB". */
static const char *machine(const struct report_header *header, char text[PAGE_TRACE_NAME])
{
    char memory[HTML_FIELD];

    snprintf(text, PAGE_TRACE_NAME, "%s, %s", header->geometry,
             header->memory != 0 ? html_size((int64_t)header->memory, memory)
                                 : "less and less memory");
    return text;
}

/* Whether the set has results of that name that are not of the same trace on the same machine. */
static bool is_ambiguous(const struct report_set *set, unsigned trace)
{
    const char *name = report_set_header(set, trace, 0)->trace;

    for (unsigned i = 0; i < report_set_traces(set); i++)
        if (i != trace && strcmp(report_set_header(set, i, 0)->trace, name) == 0)
            return true;

    return false;
}

/* The name of a trace, with what tells it from others where there are any. */
static const char *trace_name(const struct report_set *set, unsigned trace,
                              char name[PAGE_TRACE_NAME])
{
    const struct report_header *header = report_set_header(set, trace, 0);
    char of[PAGE_TRACE_NAME];

    if (is_ambiguous(set, trace))
        snprintf(name, PAGE_TRACE_NAME, "%.200s (%.200s, %.16s)", header->trace,
                 machine(header, of), header->digest);
    else
        snprintf(name, PAGE_TRACE_NAME, "%.400s", header->trace);
    return name;
}

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

static void put_contents(FILE *stream, const struct report_set *set,
                         const struct page_options *options)
{
    char name[PAGE_TRACE_NAME];

    fputs("<nav aria-label=\"Contents\">\n<ul>\n<li><a href=\"#verdicts\">Verdicts</a></li>\n"
          "<li>Traces\n<ul>\n",
          stream);
    for (unsigned i = 0; i < report_set_traces(set); i++) {
        fprintf(stream, "<li><a href=\"#t%u\">", i + 1);
        html_text(stream, trace_name(set, i, name));
        fputs("</a></li>\n", stream);
    }
    fputs("</ul></li>\n", stream);
    if (options->nr_benches != 0)
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

/* ---- Traces ---- */

static void put_facts(FILE *stream, const struct report_set *set, unsigned number,
                      const struct report_result *result)
{
    const char *stack = report_text(result->provenance, "trace.stack");
    char events[HTML_FIELD], peak[HTML_FIELD], of[PAGE_TRACE_NAME];

    fputs("<p>", stream);
    html_sentence(
        stream, "%s events, captured on %s; replayed on %s%s; asked for at most %s at once.",
        html_number(report_integer(result->provenance, "trace.events"), events),
        stack[0] != '\0' ? stack : "an unknown design",
        machine(report_set_header(set, number, 0), of),
        report_true(result->provenance, "machine.as_captured") ? "" : " (not the captured machine)",
        html_size(report_integer(result->exact, "requested.peak_bytes"), peak));
    html_sentence(stream, " Stacks: ");
    for (unsigned i = 0; i < report_set_results(set, number); i++)
        html_sentence(stream, "%s%s", i != 0 ? ", " : "", report_set_header(set, number, i)->stack);
    fputs(".</p>\n", stream);
}

static void put_verdict(struct parts *parts, const struct page_trace *trace)
{
    FILE *stream = parts->verdicts;

    fprintf(stream, "<article>\n<h3 id=\"v%u\"><a href=\"#t%u\">", trace->number, trace->number);
    html_text(stream, trace->name);
    fputs("</a></h3>\n", stream);
    page_verdict(stream, trace);
    fputs("</article>\n", stream);
}

static int put_trace(struct parts *parts, const struct report_set *set,
                     const struct page_trace *trace, struct page_pictures *pictures,
                     struct error *error)
{
    FILE *stream = parts->traces;

    fprintf(stream, "<section aria-labelledby=\"t%u\">\n<h2 id=\"t%u\">", trace->number,
            trace->number);
    html_text(stream, trace->name);
    fputs("</h2>\n", stream);
    put_facts(stream, set, trace->number - 1, &trace->results[0]);
    fprintf(stream, "<p><a href=\"#v%u\">Its verdict</a></p>\n", trace->number);

    if (page_summary(stream, trace, error) != 0 ||
        page_pictures_write(pictures, stream, trace, error) != 0 ||
        page_tables(stream, trace, error) != 0)
        return -1;

    fputs("</section>\n", stream);
    return page_provenance(parts->provenance, trace, error);
}

static int put_traces(struct parts *parts, const struct report_set *set,
                      const struct page_options *options, struct page_pictures *pictures,
                      struct error *error)
{
    int status = 0;

    for (unsigned i = 0; i < report_set_traces(set) && status == 0; i++) {
        struct page_trace trace = {.number = i + 1, .nr = report_set_results(set, i)};

        if (options->progress != NULL)
            progress_update(options->progress, i);
        trace_name(set, i, trace.name);
        trace.results = report_set_load_trace(set, i, error);
        if (trace.results == NULL)
            return -1;

        put_verdict(parts, &trace);
        status = put_trace(parts, set, &trace, pictures, error);
        report_results_free(trace.results, trace.nr);
    }

    return status;
}

/* Puts the parts together. */
static int put_page(FILE *stream, const struct report_set *set, const struct page_options *options,
                    const struct parts *parts, struct error *error)
{
    put_head(stream, options);
    fputs("<body>\n<a class=\"skip\" href=\"#main\">To the verdicts</a>\n", stream);
    put_introduction(stream, set, options);

    fputs("<main id=\"main\">\n<section aria-labelledby=\"verdicts\">\n"
          "<h2 id=\"verdicts\">Verdicts</h2>\n",
          stream);
    if (part_copy(parts->verdicts, stream, error) != 0)
        return -1;
    fputs("</section>\n", stream);
    if (part_copy(parts->traces, stream, error) != 0)
        return -1;
    fputs("<section aria-labelledby=\"provenance\">\n<h2 id=\"provenance\">Provenance</h2>\n",
          stream);
    if (part_copy(parts->provenance, stream, error) != 0)
        return -1;
    fputs("</section>\n</main>\n", stream);

    put_foot(stream, options);
    return 0;
}

int page_write(FILE *stream, const struct report_set *set, const struct page_options *options,
               struct error *error)
{
    struct page_pictures pictures;
    struct parts parts;
    int status = -1;

    if (parts_open(&parts, error) != 0)
        return -1;

    if (page_pictures_open(&pictures, error) == 0) {
        status = put_traces(&parts, set, options, &pictures, error);
        if (status == 0)
            status = put_page(stream, set, options, &parts, error);
        page_pictures_close(&pictures);
    }

    parts_close(&parts);
    return status;
}
