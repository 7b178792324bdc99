/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The parts of a page that are of one trace.
 */

#include <inttypes.h>
#include <string.h>

#include "reports/page_private.h"

/* What sets the machine of a trace apart, "i386-2016, 64.0 MiB". */
static const char *machine(const struct report_header *header, char text[PAGE_TRACE_NAME])
{
    char memory[HTML_FIELD];

    snprintf(text, PAGE_TRACE_NAME, "%.200s, %s", header->geometry,
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

const char *page_trace_name(const struct report_set *set, unsigned trace,
                            char name[PAGE_TRACE_NAME])
{
    const struct report_header *header = report_set_header(set, trace, 0);
    char of[PAGE_TRACE_NAME];

    if (is_ambiguous(set, trace))
        snprintf(name, PAGE_TRACE_NAME, "%.200s (%.220s, %.16s)", header->trace,
                 machine(header, of), header->digest);
    else
        snprintf(name, PAGE_TRACE_NAME, "%.400s", header->trace);
    return name;
}

int page_put_score(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                   struct error *error)
{
    (void)folder;
    (void)error;
    for (unsigned i = 0; i < trace->nr; i++)
        fprintf(stream, "%" PRId64 "\n",
                page_baseline(&trace->results[i]) ? -1 : report_refused(&trace->results[i]));

    return 0;
}

int page_put_verdict(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                     struct error *error)
{
    (void)folder;
    (void)error;
    fprintf(stream, "<article>\n<h3 id=\"v%u\"><a href=\"#t%u\">", trace->number, trace->number);
    html_text(stream, trace->name);
    fputs("</a></h3>\n", stream);
    page_verdict(stream, trace);
    fputs("</article>\n", stream);

    return 0;
}

static void put_facts(FILE *stream, const struct page_trace *trace)
{
    const struct report_result *result = &trace->results[0];
    const char *stack = report_text(result->provenance, "trace.stack");
    char events[HTML_FIELD], peak[HTML_FIELD], of[PAGE_TRACE_NAME];

    fputs("<p>", stream);
    html_sentence(
        stream, "%s events, captured on %s; replayed on %s%s; asked for at most %s at once. ",
        html_number(report_integer(result->provenance, "trace.events"), events),
        stack[0] != '\0' ? stack : "an unknown design", machine(trace->header, of),
        report_true(result->provenance, "machine.as_captured") ? "" : " (not the captured machine)",
        html_size(report_integer(result->exact, "requested.peak_bytes"), peak));
    fprintf(stream, "<a href=\"#v%u\">The verdict</a> is above.</p>\n", trace->number);
}

int page_put_trace(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                   struct error *error)
{
    fprintf(stream, "<section aria-labelledby=\"t%u\">\n<h2 id=\"t%u\">", trace->number,
            trace->number);
    html_text(stream, trace->name);
    fputs("</h2>\n", stream);
    put_facts(stream, trace);

    if (page_summary(stream, trace, error) != 0 ||
        page_pictures(stream, folder, trace, error) != 0 || page_tables(stream, trace, error) != 0)
        return -1;

    fputs("</section>\n", stream);
    return 0;
}
