/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Wall time of the replays, a row for each stack: the median as a bar, its interval across the end
 * of the bar, and each replay as a point.
 */

#include <string.h>

#include "reports/plot_private.h"

#define STACKS_MAX 64

static void put_row(struct plot_data *data, const struct report_result *result, unsigned row)
{
    const json_t *over = report_at(result->measured, "wall_ns_over_replays");
    double median = report_number(result->measured, "wall_ns");

    fprintf(data->stream, "%u %.10g %.10g %.10g\n", row, median,
            over != NULL ? report_number(over, "low") : median,
            over != NULL ? report_number(over, "high") : median);
}

static void put_replays(struct plot_data *data, const struct report_result *result, unsigned row)
{
    const json_t *all = report_array(result->measured, "wall_ns_all");

    for (size_t i = 0; i < json_array_size(all); i++)
        fprintf(data->stream, "%u %.10g\n", row, json_number_value(json_array_get(all, i)));
}

static int write_speed(struct plot_data *data, const struct plot_job *job, struct error *error)
{
    const char *names[STACKS_MAX];
    unsigned nr = job->nr < STACKS_MAX ? job->nr : STACKS_MAX;
    double most = 0, replays = 0;
    size_t longest = 0;

    (void)error;
    for (unsigned i = 0; i < nr; i++) {
        const json_t *all = report_array(job->results[i].measured, "wall_ns_all");

        names[i] = job->results[i].stack;
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
        replays = (double)json_array_size(all) > replays ? (double)json_array_size(all) : replays;
        for (size_t j = 0; j < json_array_size(all); j++) {
            double wall = json_number_value(json_array_get(all, j));

            most = wall > most ? wall : most;
        }
    }

    data->left = (double)longest * (data->dumb ? 1 : 7.2) + (data->dumb ? 3 : 14);
    data->right -= data->dumb ? 8 : 46;
    plot_put_legend(data, 0, 0);
    plot_put_layout(data, job);
    plot_put(data, "nr_stacks", nr);
    plot_put(data, "has_interval", replays > 1);
    plot_put(data, "most_ns", most);
    plot_put_strings(data, "stack_name", names, nr);
    fputs("array stack_colour[64]\n", data->stream);
    for (unsigned i = 0; i < nr; i++)
        fprintf(data->stream, "stack_colour[%u] = '%s'\n", i + 1,
                plot_style_of_stack(names[i], i).colour);
    fputs("$median << END\n# row, ns: median, low and high end of its interval\n", data->stream);
    for (unsigned i = 0; i < nr; i++)
        put_row(data, &job->results[i], i + 1);
    fputs("END\n$replays << END\n# row, ns of each replay\n", data->stream);
    for (unsigned i = 0; i < nr; i++)
        put_replays(data, &job->results[i], i + 1);
    fputs("END\n", data->stream);
    return 0;
}

static void describe_speed(FILE *stream, const struct plot_job *job)
{
    fprintf(stream,
            "Wall time of a replay of the trace %s, in milliseconds: ", job->results[0].trace);
    for (unsigned i = 0; i < job->nr; i++) {
        const json_t *measured = job->results[i].measured;
        const json_t *over = report_at(measured, "wall_ns_over_replays");

        fprintf(stream, "%s%s %.1f", i == 0 ? "" : "; ", job->results[i].stack,
                report_number(measured, "wall_ns") / 1e6);
        if (over != NULL)
            fprintf(stream, " (%.1f to %.1f with confidence %.2f)",
                    report_number(over, "low") / 1e6, report_number(over, "high") / 1e6,
                    report_number(over, "confidence"));
    }
    fputs(".", stream);
}

const struct plot_kind plot_kind_speed = {
    .name = "speed",
    .title = "Wall time of a replay",
    .summary = "wall time of the replays, with intervals",
    .reading = "Shorter is faster. Points are single replays, the bracket is the interval in which "
               "the true median lies: where brackets overlap, nothing can be said. Without a "
               "bracket it was measured once, and says little.",
    .scope = PLOT_TRACE,
    .measured = true,
    .width = 720,
    .height = 320,
    .write = write_speed,
    .describe = describe_speed,
};
