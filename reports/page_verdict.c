/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The verdict of a trace, in the order in which somebody asks: did it hold, and if not, where and
 * why; what did it cost; who was fastest, and is that sure?
 *
 * The terminal tells the same of replays that have just ended (replay/result_verdict.c). Here it is
 * read out of files, which may be of different runs. Replays of one run take turns, and are
 * compared in pairs of neighbours, so that what changes slowly cancels: such results have the same
 * clock, which is calibrated once in a run. Others can only be compared as two samples.
 *
 * Only stacks that served every request are compared: who refuses holds less for doing less. Of one
 * replay each nothing is said but the figures, and nothing at all where all are equal.
 */

#include <inttypes.h>
#include <string.h>

#include "common/statistics.h"
#include "reports/page_private.h"

#define NBSP "\xc2\xa0"

bool page_baseline(const struct report_result *result)
{
    return report_text(result->provenance, "stack.spaces")[0] == '\0';
}

bool page_compares(const struct report_result *result)
{
    return !page_baseline(result) && report_refused(result) == 0 &&
           !report_true(result->exact, "events.stopped");
}

double page_seconds(const struct report_result *result, int64_t time)
{
    int64_t per_second = report_integer(result->provenance, "trace.time_units_per_second");

    return per_second > 0 ? (double)time / (double)per_second : 0;
}

/* ---- Lists of names ---- */

/* Writes "a", "a and b", "a, b and c": call it with each NAME, and with how many there are. */
static void list_name(FILE *stream, const char *name, unsigned number, unsigned nr)
{
    if (number != 0)
        fputs(number + 1 == nr ? " and " : ", ", stream);
    html_text(stream, name);
}

/* ---- Who served all ---- */

static void served(FILE *stream, const struct page_trace *trace)
{
    unsigned designs = 0, whole = 0, failed = 0;

    for (unsigned i = 0; i < trace->nr; i++) {
        designs += !page_baseline(&trace->results[i]);
        whole += page_compares(&trace->results[i]);
    }

    if (designs == 0)
        return;

    fputs("<p class=\"served\"><strong>", stream);
    if (whole == designs && designs == 1)
        html_sentence(stream, "The one design served every request.");
    else if (whole == designs)
        html_sentence(stream,
                      designs == 2 ? "Both designs served every request."
                                   : "All %u designs served every request.",
                      designs);
    else if (designs == 1)
        html_sentence(stream, "The one design did not serve every request.");
    else if (whole == 0)
        html_sentence(stream, "None of the %u designs served every request.", designs);
    else {
        html_sentence(stream, "%u of %u designs served every request; not ", whole, designs);
        for (unsigned i = 0; i < trace->nr; i++)
            if (!page_baseline(&trace->results[i]) && !page_compares(&trace->results[i]))
                list_name(stream, trace->results[i].stack, failed++, designs - whole);
        fputc('.', stream);
    }
    fputs("</strong></p>\n", stream);
}

/* ---- Where and why ---- */

/* The failure that came first, NULL when there is none. */
static const json_t *first_failure(const struct report_result *result)
{
    const json_t *failures = report_array(result->exact, "failures"), *failure, *first = NULL;
    size_t i;

    json_array_foreach(
        failures, i,
        failure) if (first == NULL ||
                     report_integer(failure, "pass") < report_integer(first, "pass") ||
                     (report_integer(failure, "pass") == report_integer(first, "pass") &&
                      report_integer(failure, "event") < report_integer(first, "event"))) first =
        failure;

    return first;
}

/* What was asked of the resource, and why it could not give that. */
static void cause(FILE *stream, const json_t *failure)
{
    const char *cause = report_text(failure, "cause"), *resource = report_text(failure, "resource");
    int64_t pieces = report_integer(failure, "pieces");
    char asked[HTML_FIELD], left[HTML_FIELD], largest[HTML_FIELD], number[HTML_FIELD];

    html_size(report_integer(failure, "requested_bytes"), asked);
    html_size(report_integer(failure, "free_bytes"), left);
    html_size(report_integer(failure, "largest_piece"), largest);

    if (strcmp(cause, "fragmentation") == 0)
        html_sentence(
            stream,
            "it needed %s of %s in one piece; %s were free, but in %s pieces of which the "
            "largest had %s (fragmentation)",
            asked, resource, left, html_number(pieces, number), largest);
    else if (strcmp(cause, "exhaustion") == 0)
        html_sentence(stream, "it needed %s of %s, of which %s were left (exhaustion)", asked,
                      resource, left);
    else if (strcmp(cause, "reserve") == 0)
        html_sentence(stream,
                      "it needed %s of %s; what was left, %s, is kept back for those who cannot "
                      "wait, so the thread would have slept (reserve)",
                      asked, resource, left);
    else if (strcmp(cause, "limit") == 0)
        html_sentence(stream, "it needed %s and met a limit of the design: %s (limit)", asked,
                      resource);
    else if (strcmp(cause, "panic") == 0)
        html_sentence(stream,
                      "it needed %s of %s, where the kernel stops instead of failing (panic)",
                      asked, resource);
    else
        html_sentence(stream, "it needed %s of %s (%s)", asked, resource, cause);
}

static void failed(FILE *stream, const struct report_result *result)
{
    const json_t *first = first_failure(result);
    int64_t refused = report_refused(result), pass = report_integer(first, "pass");
    int64_t classes = (int64_t)json_array_size(report_array(result->exact, "failures"));
    char event[HTML_FIELD], events[HTML_FIELD], number[HTML_FIELD];

    if (first == NULL)
        return;

    fputs("<li>", stream);
    html_sentence(stream, "%s first failed at event %s of %s", result->stack,
                  html_number(report_integer(first, "event"), event),
                  html_number(report_integer(result->provenance, "trace.events"), events));
    if (pass > 0)
        html_sentence(stream, " in pass %" PRId64 " over the trace", pass + 1);
    html_sentence(stream, " (%.3f s), %s for task %" PRId64 "%s: ",
                  page_seconds(result, report_integer(first, "time")), report_text(first, "kind"),
                  report_integer(first, "task"),
                  report_true(first, "kernel_too") ? ", as the captured kernel did" : "");
    cause(stream, first);
    if (refused > 1)
        html_sentence(stream, ". In all it refused %s requests%s", html_number(refused, number),
                      classes > 1 ? " of several kinds or for several reasons" : "");
    fputs(".</li>\n", stream);
}

static void failures(FILE *stream, const struct page_trace *trace)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < trace->nr; i++)
        nr += first_failure(&trace->results[i]) != NULL;
    if (nr == 0)
        return;

    fputs("<ul>\n", stream);
    for (unsigned i = 0; i < trace->nr; i++)
        failed(stream, &trace->results[i]);
    fputs("</ul>\n", stream);
}

static void stopped(FILE *stream, const struct page_trace *trace)
{
    char number[HTML_FIELD];

    for (unsigned i = 0; i < trace->nr; i++)
        if (report_true(trace->results[i].exact, "events.stopped")) {
            fputs("<p>", stream);
            html_sentence(
                stream, "%s was stopped after event %s, as asked.", trace->results[i].stack,
                html_number(report_integer(trace->results[i].exact, "events.replayed"), number));
            fputs("</p>\n", stream);
        }
}

/* ---- Until failure ---- */

static void survival_repeat(FILE *stream, const struct report_result *result)
{
    int64_t passes = report_integer(result->exact, "until_failure.passes");

    if (report_true(result->exact, "until_failure.failed"))
        html_sentence(stream,
                      "%s got through %" PRId64 " pass%s over the trace before it refused "
                      "something.",
                      result->stack, passes, passes == 1 ? "" : "es");
    else
        html_sentence(stream,
                      "%s got through all %" PRId64 " passes over the trace and refused "
                      "nothing.",
                      result->stack, passes);
}

static void survival_shrink(FILE *stream, const struct report_result *result)
{
    int64_t enough = report_integer(result->exact, "until_failure.memory_enough_bytes");
    int64_t too_little = report_integer(result->exact, "until_failure.memory_too_little_bytes");
    char more[HTML_FIELD], less[HTML_FIELD];

    html_number(enough / 1024, more);
    html_number(too_little / 1024, less);
    if (enough == 0)
        html_sentence(stream, "%s refuses something already with %s KiB of memory.", result->stack,
                      less);
    else if (too_little == 0)
        html_sentence(stream, "%s serves the trace with %s KiB of memory, the least tried.",
                      result->stack, more);
    else
        html_sentence(stream, "%s serves the trace with %s KiB of memory, not with %s KiB.",
                      result->stack, more, less);
}

static void survivals(FILE *stream, const struct page_trace *trace)
{
    for (unsigned i = 0; i < trace->nr; i++) {
        const char *how = report_text(trace->results[i].exact, "until_failure.how");

        if (how[0] == '\0')
            continue;
        fputs("<p>", stream);
        if (strcmp(how, "repeat") == 0)
            survival_repeat(stream, &trace->results[i]);
        else
            survival_shrink(stream, &trace->results[i]);
        fputs("</p>\n", stream);
    }
}

/* ---- What is compared ---- */

/* A figure of a result; false when it has none. */
typedef bool figure(const struct report_result *result, double *value);

static bool held_figure(const struct report_result *result, double *value)
{
    *value = (double)report_integer(result->exact, "peak.page_bytes");
    return *value > 0;
}

/* The results that are least and most by a figure, among those that can be compared. False when
 * there are no two that differ. */
static bool extremes(const struct page_trace *trace, figure *of, const struct report_result **least,
                     const struct report_result **most)
{
    double low = 0, high = 0, value;

    *least = *most = NULL;
    for (unsigned i = 0; i < trace->nr; i++) {
        const struct report_result *result = &trace->results[i];

        if (!page_compares(result) || !of(result, &value))
            continue;
        if (*least == NULL || value < low) {
            *least = result;
            low = value;
        }
        if (*most == NULL || value > high) {
            *most = result;
            high = value;
        }
    }

    return *least != NULL && low < high;
}

/* ---- Memory and work ---- */

static double over_ideal(const struct report_result *result)
{
    return (double)report_integer(result->exact, "requested.held_ratio") / 1000;
}

static void held(FILE *stream, const struct page_trace *trace)
{
    const struct report_result *least, *most;
    char low[HTML_FIELD], high[HTML_FIELD], ideal[HTML_FIELD];

    if (!extremes(trace, held_figure, &least, &most))
        return;

    double less = (double)report_integer(least->exact, "peak.page_bytes");
    double more = (double)report_integer(most->exact, "peak.page_bytes");

    fputs("<p>", stream);
    html_sentence(stream,
                  "Least memory at its peak: %s, %s; most: %s, %s (%.2f" NBSP "%% more). An ideal "
                  "allocator would have held %s: they cost %.3f and %.3f times that.",
                  least->stack, html_size((int64_t)less, low), most->stack,
                  html_size((int64_t)more, high), 100 * (more - less) / less,
                  html_size(report_integer(least->exact, "requested.peak_bytes"), ideal),
                  over_ideal(least), over_ideal(most));
    fputs("</p>\n", stream);
}

/* The call that took most steps, of all designs, also of those that refused something. */
static void longest_call(FILE *stream, const struct page_trace *trace)
{
    const struct report_result *longest = NULL;
    const json_t *steps = NULL;
    const char *longest_kind = "";
    int64_t most = 0;

    for (unsigned i = 0; i < trace->nr; i++) {
        const struct report_result *result = &trace->results[i];
        const char *kind;
        json_t *work;

        if (page_baseline(result))
            continue;
        json_object_foreach(report_at(result->exact, "work_by_kind"), kind, work)
        {
            if (report_integer(work, "steps.max") <= most)
                continue;
            longest = result;
            longest_kind = kind;
            steps = report_at(work, "steps");
            most = report_integer(steps, "max");
        }
    }

    if (longest == NULL)
        return;

    char max[HTML_FIELD], half[HTML_FIELD], nearly_all[HTML_FIELD];

    fputs("<p>", stream);
    html_sentence(
        stream,
        "Most work in one call: %s of %s, %s steps, where half of these calls take at most "
        "%s and 99" NBSP "%% at most %s.",
        longest_kind, longest->stack, html_number(most, max),
        html_number(report_integer(steps, "p50"), half),
        html_number(report_integer(steps, "p99"), nearly_all));
    fputs("</p>\n", stream);
}

/* ---- Time ---- */

/* Wall times of the replays of a result. */
struct walls {
    double values[STATISTICS_MAX];
    unsigned nr;
};

static void walls_of(const struct report_result *result, struct walls *walls)
{
    const json_t *all = report_array(result->measured, "wall_ns_all");
    size_t nr = json_array_size(all);

    walls->nr = (unsigned)(nr < STATISTICS_MAX ? nr : STATISTICS_MAX);
    for (unsigned i = 0; i < walls->nr; i++)
        walls->values[i] = (double)report_element(all, i);
}

static bool speed_figure(const struct report_result *result, double *value)
{
    *value = (double)report_integer(result->measured, "wall_ns");
    return *value > 0;
}

/* How two results compare in time. */
struct speed {
    struct walls of, to;
    bool paired; /* they took turns in one run */
    double ratio;
    struct statistics_interval interval; /* of the ratio, when paired */
    double p;                            /* else, of no difference */
    bool differs;                        /* it can be told that they do */
};

/* Compares RESULT with the FASTEST; false when there are too few replays to say anything. */
static bool speed_compare(struct speed *speed, const struct report_result *result,
                          const struct report_result *fastest)
{
    const json_t *clock = report_at(result->measured, "latency.clock");
    double scratch[STATISTICS_MAX];

    walls_of(result, &speed->of);
    walls_of(fastest, &speed->to);
    if (speed->of.nr < 2 || speed->to.nr < 2)
        return false;

    speed->paired = speed->of.nr == speed->to.nr && clock != NULL &&
                    json_equal(clock, report_at(fastest->measured, "latency.clock"));
    if (speed->paired) {
        if (!statistics_ratio(speed->of.values, speed->to.values, speed->of.nr,
                              STATISTICS_CONFIDENCE, scratch, &speed->ratio, &speed->interval))
            return false;
        speed->differs = speed->interval.reached && speed->interval.low > 1;
    } else {
        speed->ratio = (double)report_integer(result->measured, "wall_ns") /
                       (double)report_integer(fastest->measured, "wall_ns");
        speed->p =
            statistics_compare(speed->of.values, speed->of.nr, speed->to.values, speed->to.nr).p;
        speed->differs = speed->p < 1 - STATISTICS_CONFIDENCE;
    }

    return true;
}

/* What is as fast as the fastest, as far as can be told. */
static void as_fast(FILE *stream, const struct page_trace *trace,
                    const struct report_result *fastest, struct speed *speed)
{
    unsigned nr = 0, number = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < trace->nr; i++) {
            const struct report_result *result = &trace->results[i];

            if (result == fastest || !page_compares(result) ||
                !speed_compare(speed, result, fastest) || speed->differs)
                continue;
            if (pass == 0)
                nr++;
            else
                list_name(stream, result->stack, number++, nr);
        }
        if (pass == 0 && nr == 0)
            return;
        fputs(pass == 0 ? " Not to be told from it: " : ".", stream);
    }
}

static void speed_once(FILE *stream, const struct report_result *fastest,
                       const struct report_result *slowest)
{
    double less = (double)report_integer(fastest->measured, "wall_ns");
    char wall[HTML_FIELD];

    html_sentence(stream,
                  "Measured once, %s was fastest with %s and %s took %.2f times as long; "
                  "six repetitions (allotrope replay --repeat) or more tell what that is worth.",
                  fastest->stack, html_time(less, wall), slowest->stack,
                  (double)report_integer(slowest->measured, "wall_ns") / less);
}

static void speed_repeated(FILE *stream, const struct report_result *fastest,
                           const struct report_result *slowest, const struct speed *speed)
{
    const json_t *wall = report_at(fastest->measured, "wall_ns_over_replays");
    char median[HTML_FIELD], low[HTML_FIELD], high[HTML_FIELD];

    html_sentence(stream, "Fastest by the median of %u replays: %s, %s", speed->to.nr,
                  fastest->stack,
                  html_time((double)report_integer(fastest->measured, "wall_ns"), median));
    if (wall != NULL)
        html_sentence(stream, " (%s to %s with a confidence of %.1f" NBSP "%%)",
                      html_time(report_number(wall, "low"), low),
                      html_time(report_number(wall, "high"), high),
                      100 * report_number(wall, "confidence"));
    html_sentence(stream, "; slowest: %s, %.2f times as long", slowest->stack, speed->ratio);
    if (speed->paired)
        html_sentence(stream, " (%.2f to %.2f, %.1f" NBSP "%%).", speed->interval.low,
                      speed->interval.high, 100 * speed->interval.confidence);
    else
        html_sentence(stream,
                      ", by medians of replays that did not take turns (Mann-Whitney "
                      "p" NBSP "=" NBSP "%.3f).",
                      speed->p);
}

/* Whose times are not to be relied on for a reason, a member of `measured`. */
static void doubtful(FILE *stream, const struct page_trace *trace, const char *reason,
                     const char *before, const char *after)
{
    unsigned nr = 0, number = 0;

    for (unsigned i = 0; i < trace->nr; i++)
        nr += page_compares(&trace->results[i]) && report_true(trace->results[i].measured, reason);
    if (nr == 0)
        return;

    fputs(before, stream);
    for (unsigned i = 0; i < trace->nr; i++)
        if (page_compares(&trace->results[i]) && report_true(trace->results[i].measured, reason))
            list_name(stream, trace->results[i].stack, number++, nr);
    html_text(stream, after);
}

static void fastest(FILE *stream, const struct page_trace *trace)
{
    const struct report_result *fastest, *slowest;
    struct speed speed;

    if (!extremes(trace, speed_figure, &fastest, &slowest))
        return;

    fputs("<p>", stream);
    if (speed_compare(&speed, slowest, fastest)) {
        speed_repeated(stream, fastest, slowest, &speed);
        as_fast(stream, trace, fastest, &speed);
        doubtful(stream, trace, "noisy", " The times of ", " spread by more than 5" NBSP "%.");
        doubtful(stream, trace, "drifts", " The times of ",
                 " rose or fell from the first replay to the last.");
    } else {
        speed_once(stream, fastest, slowest);
    }
    fputs("</p>\n", stream);
}

/* ---- The captured kernel ---- */

static void truth(FILE *stream, const struct page_trace *trace)
{
    char compared[HTML_FIELD], different[HTML_FIELD];

    for (unsigned i = 0; i < trace->nr; i++) {
        const json_t *truth = report_at(trace->results[i].exact, "truth");

        if (truth == NULL)
            continue;
        fputs("<p>", stream);
        html_sentence(stream,
                      "Of %s counters read out of the captured kernel %s%s differ from those "
                      "of %s%s.",
                      html_number(report_integer(truth, "compared"), compared),
                      report_integer(truth, "different") == 0 ? "none" : "",
                      report_integer(truth, "different") == 0
                          ? ""
                          : html_number(report_integer(truth, "different"), different),
                      trace->results[i].stack,
                      report_true(truth, "same_design") ? ", its own design" : "");
        fputs("</p>\n", stream);
    }
}

void page_verdict(FILE *stream, const struct page_trace *trace)
{
    served(stream, trace);
    failures(stream, trace);
    stopped(stream, trace);
    survivals(stream, trace);
    held(stream, trace);
    longest_call(stream, trace);
    fastest(stream, trace);
    truth(stream, trace);
}
