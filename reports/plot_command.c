/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `allotrope plot`: pictures of one kind. They are drawn in a folder of their own and handed out
 * when all of a trace are there.
 */

#include "reports/plot_command.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/output.h"
#include "reports/plot.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE };

#define SIZE_MIN      16
#define SIZE_MAX_PLOT 10000

static const char usage[] =
    "Usage: allotrope plot KIND RESULT... [OPTION]...\n"
    "       allotrope plot list\n"
    "Draw pictures of results with gnuplot. RESULT is a file that `allotrope replay -o` wrote, or\n"
    "a folder of them.\n"
    "\n"
    "  -t, --terminal NAME   svg (default), png, pdf, or dumb: text for a mail\n"
    "  -o, --output FILE     write it there instead of to the standard output; several pictures\n"
    "                        go into a folder that is there\n"
    "      --width N         of the picture: pixels, or characters of dumb\n"
    "      --height N        (default: what suits the kind)\n"
    "      --data            write the figures instead, as the script of the kind reads them\n"
    "      --describe        write what the picture shows, in words\n"
    "  -h, --help            print this help\n"
    "\n"
    "`allotrope plot list` lists the kinds. Those of a trace show all stacks in one picture, "
    "those\n"
    "of a result are a picture for each.\n"
    "\n"
    "Exit status: 0 fine, 1 error, or nothing to draw, 2 usage.\n";

enum mode { MODE_DRAW, MODE_DATA, MODE_DESCRIBE };

struct request {
    const struct plot_kind *kind;
    enum plot_terminal terminal;
    const char *output;
    unsigned width, height;
    enum mode mode;
    bool help, list;
    char **paths;
    unsigned nr_paths;
};

/* ---- The command line ---- */

static int read_size(unsigned *size, const char *option, const char *text, struct error *error)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < SIZE_MIN || value > SIZE_MAX_PLOT)
        return error_set(error, "%s takes a number from %d to %d, not \"%s\"", option, SIZE_MIN,
                         SIZE_MAX_PLOT, text);
    *size = (unsigned)value;
    return 0;
}

static int read_option(struct request *request, int option, struct error *error)
{
    switch (option) {
    case 't':
        if (!plot_terminal_find(optarg, &request->terminal))
            return error_set(error, "--terminal takes svg, png, pdf or dumb, not \"%s\"", optarg);
        return 0;
    case 'o':
        request->output = optarg;
        return 0;
    case 'W':
        return read_size(&request->width, "--width", optarg, error);
    case 'H':
        return read_size(&request->height, "--height", optarg, error);
    case 'd':
        request->mode = MODE_DATA;
        return 0;
    case 'D':
        request->mode = MODE_DESCRIBE;
        return 0;
    case 'h':
        request->help = true;
        return 0;
    default:
        return -1; /* getopt has complained */
    }
}

static int read_arguments(struct request *request, int argc, char **argv, struct error *error)
{
    if (request->help)
        return 0;
    if (argc == 0)
        return error_set(error, "a kind of plot is missing");
    if (strcmp(argv[0], "list") == 0) {
        request->list = true;
        return argc == 1
                   ? 0
                   : error_set(error, "plot list takes no argument, \"%s\" was given", argv[1]);
    }

    request->kind = plot_kind_find(argv[0]);
    if (request->kind == NULL)
        return error_set(error, "there is no kind of plot \"%s\"; `allotrope plot list` lists them",
                         argv[0]);
    if (argc == 1)
        return error_set(error, "a result to draw is missing");
    request->paths = argv + 1;
    request->nr_paths = (unsigned)argc - 1;
    return 0;
}

static int read_options(struct request *request, int argc, char **argv, struct error *error)
{
    static const struct option options[] = {
        {"terminal", required_argument, NULL, 't'}, {"output", required_argument, NULL, 'o'},
        {"width", required_argument, NULL, 'W'},    {"height", required_argument, NULL, 'H'},
        {"data", no_argument, NULL, 'd'},           {"describe", no_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "t:o:h", options, NULL)) != -1)
        if (read_option(request, option, error) != 0)
            return -1;

    return read_arguments(request, argc - optind, argv + optind, error);
}

/* ---- Handing out ---- */

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static const char *suffix(const struct request *request)
{
    switch (request->mode) {
    case MODE_DATA:
        return "figures";
    case MODE_DESCRIBE:
        return "txt";
    default:
        return plot_terminal_suffix(request->terminal);
    }
}

static int copy(const char *path, FILE *stream, struct error *error)
{
    char buffer[65536];
    FILE *from = fopen(path, "r");
    size_t length;

    if (from == NULL)
        return error_set(error, "%s: %s", path, strerror(errno));
    while ((length = fread(buffer, 1, sizeof(buffer), from)) != 0)
        fwrite(buffer, 1, length, stream);
    fclose(from);
    return 0;
}

static int make(const struct request *request, const struct plot_job *job, const char *drawn,
                const char *target, FILE *stream, struct error *error)
{
    char *image = NULL;
    int status;

    switch (request->mode) {
    case MODE_DATA:
        if (strcmp(target, "-") != 0 && asprintf(&image, "%s.png", target) < 0)
            return error_set(error, "no memory for a path");
        status = plot_write_data(job, stream, image, error);
        free(image);
        return status;
    case MODE_DESCRIBE:
        if (plot_check(job, error) != 0)
            return -1;
        plot_describe(job, stream);
        putc('\n', stream);
        return 0;
    default:
        return copy(drawn, stream, error);
    }
}

static int hand_out(const struct request *request, const struct plot_job *job, const char *folder,
                    struct error *error)
{
    bool many = is_folder(request->output);
    char *drawn = NULL, *target = NULL;
    struct output *output = NULL;
    int status = -1;

    if (asprintf(&drawn, "%s/%s.%s", folder, job->name, suffix(request)) < 0)
        drawn = NULL;
    if ((many ? asprintf(&target, "%s/%s.%s", request->output, job->name, suffix(request))
              : asprintf(&target, "%s", request->output)) < 0)
        target = NULL;
    if (drawn == NULL || target == NULL)
        error_set(error, "no memory for a path");
    else
        output = output_open(target, error);

    if (output != NULL) {
        status = make(request, job, drawn, target, output_stream(output), error);
        if (status == 0)
            status = output_commit(output, error);
        else
            output_abort(output);
    }
    if (drawn != NULL)
        unlink(drawn);
    free(drawn);
    free(target);
    return status;
}

/* ---- The pictures of a trace ---- */

struct pictures {
    struct plot_job *jobs;
    char **names;
    unsigned nr;
};

static void pictures_free(struct pictures *pictures)
{
    for (unsigned i = 0; i < pictures->nr && pictures->names != NULL; i++)
        free(pictures->names[i]);
    free(pictures->names);
    free(pictures->jobs);
}

static int name_picture(char **name, const struct request *request,
                        const struct report_result *result)
{
    int length =
        request->kind->scope == PLOT_TRACE
            ? asprintf(name, "%s-%s", result->trace, request->kind->name)
            : asprintf(name, "%s-%s-%s", result->trace, result->stack, request->kind->name);

    if (length < 0) {
        *name = NULL;
        return -1;
    }
    for (char *at = *name; *at != '\0'; at++)
        if (*at == '/')
            *at = '_';
    return 0;
}

static int list_pictures(struct pictures *pictures, const struct request *request,
                         const struct report_result *results, unsigned nr, struct error *error)
{
    pictures->nr = request->kind->scope == PLOT_TRACE ? 1 : nr;
    pictures->jobs = calloc(pictures->nr, sizeof(*pictures->jobs));
    pictures->names = calloc(pictures->nr, sizeof(*pictures->names));
    if (pictures->jobs == NULL || pictures->names == NULL)
        return error_set(error, "no memory for %u pictures", pictures->nr);

    for (unsigned i = 0; i < pictures->nr; i++) {
        if (name_picture(&pictures->names[i], request, &results[i]) != 0)
            return error_set(error, "no memory for %u pictures", pictures->nr);
        pictures->jobs[i] = (struct plot_job){
            .kind = request->kind,
            .name = pictures->names[i],
            .results = results,
            .nr = nr,
            .first = i,
            .terminal = request->terminal,
            .width = request->width,
            .height = request->height,
        };
    }

    return 0;
}

/* Those of which there is something to see; when there is none at all, why. */
static int choose_pictures(struct pictures *pictures, struct error *error)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < pictures->nr; i++)
        if (plot_check(&pictures->jobs[i], error) == 0)
            pictures->jobs[kept++] = pictures->jobs[i];

    if (kept == 0)
        return -1;
    pictures->nr = kept; /* names beyond are freed by who made them */
    return 0;
}

static int draw_trace(const struct request *request, const struct report_result *results,
                      unsigned nr, const char *folder, struct error *error)
{
    struct pictures pictures = {0};
    unsigned all = 0;
    int status = list_pictures(&pictures, request, results, nr, error);

    all = pictures.nr;
    if (status == 0)
        status = choose_pictures(&pictures, error);
    if (status == 0 && request->mode == MODE_DRAW)
        status = plot_draw_all(pictures.jobs, pictures.nr, folder, error);
    for (unsigned i = 0; i < pictures.nr && status == 0; i++)
        status = hand_out(request, &pictures.jobs[i], folder, error);

    pictures.nr = all;
    pictures_free(&pictures);
    return status;
}

static unsigned count_pictures(const struct request *request, const struct report_set *set)
{
    return request->kind->scope == PLOT_TRACE ? report_set_traces(set) : report_set_size(set);
}

static int check_output(const struct request *request, const struct report_set *set,
                        struct error *error)
{
    bool text = request->terminal == PLOT_DUMB || request->mode == MODE_DESCRIBE;
    unsigned nr = count_pictures(request, set);

    if (is_folder(request->output))
        return 0;
    if (request->mode == MODE_DATA && request->kind->image && strcmp(request->output, "-") == 0)
        return error_set(error, "the figures of %s have an image beside them: use --output FILE",
                         request->kind->name);
    if (nr > 1 && !(text && strcmp(request->output, "-") == 0))
        return error_set(
            error,
            "%u pictures, one for each %s, do not fit in one file: give fewer results, "
            "or a folder that is there with --output",
            nr, request->kind->scope == PLOT_TRACE ? "trace" : "result");
    if (!text && request->mode == MODE_DRAW && request->terminal != PLOT_SVG &&
        strcmp(request->output, "-") == 0 && isatty(STDOUT_FILENO))
        return error_set(error, "a picture is not written to a terminal: use --output FILE");
    return 0;
}

static int draw_set(const struct request *request, const struct report_set *set, const char *folder,
                    struct error *error)
{
    if (check_output(request, set, error) != 0)
        return -1;

    for (unsigned i = 0; i < report_set_traces(set); i++) {
        unsigned nr = report_set_results(set, i);
        struct report_result *results = report_set_load_trace(set, i, error);
        int status;

        if (results == NULL)
            return -1;
        status = draw_trace(request, results, nr, folder, error);
        report_results_free(results, nr);
        if (status != 0)
            return -1;
    }

    return 0;
}

static int draw(const struct request *request, struct error *error)
{
    const char *base = getenv("TMPDIR");
    struct report_set *set;
    char *folder;
    int status;

    if (asprintf(&folder, "%s/allotrope-plots-XXXXXX",
                 base != NULL && base[0] != '\0' ? base : "/tmp") < 0)
        return error_set(error, "no memory for a path");
    if (mkdtemp(folder) == NULL) {
        error_set(error, "%s: a folder for pictures cannot be made there: %s",
                  base != NULL && base[0] != '\0' ? base : "/tmp", strerror(errno));
        free(folder);
        return -1;
    }

    status = report_set_open(&set, request->paths, request->nr_paths, error);
    if (status == 0) {
        status = draw_set(request, set, folder, error);
        report_set_close(set);
    }
    rmdir(folder);
    free(folder);
    return status;
}

/* ---- The command ---- */

static int list_kinds(void)
{
    const struct plot_kind *kind;

    for (unsigned i = 0; (kind = plot_kind_at(i)) != NULL; i++)
        printf("%-14s of a %-6s  %s\n", kind->name, kind->scope == PLOT_TRACE ? "trace" : "result",
               kind->summary);
    return fflush(stdout);
}

int plot_command(int argc, char **argv)
{
    struct request request = {.output = "-"};
    struct error error = {.text = ""};
    int status;

    if (read_options(&request, argc, argv, &error) != 0) {
        if (error.text[0] != '\0')
            fprintf(stderr, "allotrope: %s; see `allotrope plot --help`\n", error.text);
        return STATUS_USAGE;
    }

    if (request.help || request.list) {
        status = request.help ? fputs(usage, stdout) == EOF || fflush(stdout) != 0 : list_kinds();
        if (status != 0)
            error_set(&error, "the standard output cannot be written: %s", strerror(errno));
    } else {
        status = draw(&request, &error);
    }

    if (status == 0)
        return STATUS_FINE;
    fprintf(stderr, "allotrope: %s\n", error.text);
    return STATUS_ERROR;
}
