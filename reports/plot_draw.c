/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Drawing: files of figures, some processes of gnuplot, pictures.
 *
 * All of it happens in a folder of its own, which is removed at the end: the scripts, the figures
 * of each picture, and for each process a script that draws its share of the pictures one after the
 * other. A picture is drawn in a session of its own (`reset session`), so that nothing of one gets
 * into the next, whatever else the process drew. What gnuplot says on its standard error goes to a
 * file, and into the error when it fails.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/plot_private.h"

#define PROCESSES_MAX   16
#define STAND_IN        "stand-in.png"
#define PIXELS_PER_INCH 96.0 /* of PDF */
#define JOBS_AT_LEAST   4    /* of a process: fewer take less time than to start it */

extern char **environ;

struct drawing {
    const struct plot_job *jobs;
    unsigned nr;
    const char *target;
    char *folder;
    unsigned processes;
    pid_t pids[PROCESSES_MAX];
};

static FILE *create(const char *path, struct error *error)
{
    FILE *stream = fopen(path, "w");

    if (stream == NULL)
        error_set(error, "%s: %s", path, strerror(errno));
    return stream;
}

static int finish(FILE *stream, const char *path, struct error *error)
{
    int failed = ferror(stream);

    if (fclose(stream) == 0 && !failed)
        return 0;
    return error_set(error, "%s: %s", path, strerror(errno));
}

/* FOLDER/NAME; NULL with the error set. */
__attribute__((format(printf, 3, 4))) static char *path_in(const char *folder, struct error *error,
                                                           const char *format, ...)
{
    va_list arguments;
    char *name = NULL, *path = NULL;

    va_start(arguments, format);
    if (vasprintf(&name, format, arguments) < 0)
        name = NULL;
    va_end(arguments);
    if (name == NULL || asprintf(&path, "%s/%s", folder, name) < 0)
        path = NULL;
    free(name);
    if (path == NULL)
        error_set(error, "no memory for a path");
    return path;
}

/* ---- The folder ---- */

static int folder_open(struct drawing *drawing, struct error *error)
{
    const char *base = getenv("TMPDIR");

    if (asprintf(&drawing->folder, "%s/allotrope-plot-XXXXXX",
                 base != NULL && base[0] != '\0' ? base : "/tmp") < 0) {
        drawing->folder = NULL;
        return error_set(error, "no memory for a path");
    }
    /* Its name stands between quotes in scripts. */
    errno = EINVAL;
    if (strpbrk(drawing->folder, "'\n`") != NULL || mkdtemp(drawing->folder) == NULL) {
        error_set(error, "%s: a folder for plots cannot be made there: %s",
                  base != NULL && base[0] != '\0' ? base : "/tmp", strerror(errno));
        free(drawing->folder);
        drawing->folder = NULL;
        return -1;
    }

    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    remove(path);
    return 0;
}

static void folder_close(struct drawing *drawing)
{
    if (drawing->folder != NULL)
        nftw(drawing->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(drawing->folder);
}

static int write_scripts(const struct drawing *drawing, struct error *error)
{
    for (unsigned i = 0; i < plot_scripts_nr; i++) {
        char *path = path_in(drawing->folder, error, "%s", plot_scripts[i].name);
        FILE *stream = path != NULL ? create(path, error) : NULL;
        int status = -1;

        if (stream != NULL) {
            fputs(plot_scripts[i].text, stream);
            status = finish(stream, path, error);
        }
        free(path);
        if (status != 0)
            return -1;
    }

    return 0;
}

/* What takes the place of the images of SVG, which gnuplot would pack anew at length, to be thrown
 * away. */
static int write_stand_in(const struct drawing *drawing, struct error *error)
{
    static const unsigned char palette[1][4] = {{0, 0, 0, 0}}, pixels[4];
    char *path = path_in(drawing->folder, error, STAND_IN);
    int status = path != NULL ? plot_image_write(path, pixels, 2, 2, palette, 1, error) : -1;

    free(path);
    return status;
}

static int write_figures(const struct drawing *drawing, unsigned number, struct error *error)
{
    char *path = path_in(drawing->folder, error, "%u.figures", number);
    char *image = path_in(drawing->folder, error, "%u.image", number);
    FILE *stream = path != NULL && image != NULL ? create(path, error) : NULL;
    int status = -1;

    if (stream != NULL) {
        status = plot_write_data(&drawing->jobs[number], stream, image, error);
        if (finish(stream, path, status == 0 ? error : NULL) != 0)
            status = -1;
    }

    free(path);
    free(image);
    return status;
}

/* ---- Gnuplot ---- */

static void put_terminal(FILE *stream, const struct plot_job *given)
{
    struct plot_job job = plot_sized(given);

    switch (job.terminal) {
    case PLOT_SVG:
        fprintf(stream, "set terminal svg size %u,%u dynamic noenhanced font 'sans-serif,12'\n",
                job.width, job.height);
        break;
    case PLOT_PNG:
        fprintf(stream, "set terminal pngcairo size %u,%u noenhanced font 'sans-serif,9'\n",
                job.width, job.height);
        break;
    case PLOT_PDF:
        fprintf(stream,
                "set terminal pdfcairo size %.4fin,%.4fin noenhanced font 'sans-serif,9' "
                "fontscale 0.75\n",
                job.width / PIXELS_PER_INCH, job.height / PIXELS_PER_INCH);
        break;
    case PLOT_DUMB:
        fprintf(stream, "set terminal dumb size %u,%u noenhanced\n", job.width, job.height);
        break;
    }
}

static void put_job(FILE *stream, const struct drawing *drawing, unsigned number)
{
    const struct plot_job *job = &drawing->jobs[number];

    fprintf(stream, "reset session\nset encoding utf8\n");
    put_terminal(stream, job);
    fprintf(stream, "set output '%s/%u.drawn'\n", drawing->folder, number);
    fprintf(stream, "plots = '%s/'\ndata = '%s/%u.figures'\n", drawing->folder, drawing->folder,
            number);
    if (job->terminal == PLOT_SVG)
        fprintf(stream, "stand_in = plots . '%s'\n", STAND_IN);
    fprintf(stream, "load plots . '%s.gp'\nset output\n", job->kind->name);
}

static int write_driver(const struct drawing *drawing, unsigned process, struct error *error)
{
    char *path = path_in(drawing->folder, error, "%u.driver", process);
    FILE *stream = path != NULL ? create(path, error) : NULL;
    int status = -1;

    if (stream != NULL) {
        for (unsigned i = process; i < drawing->nr; i += drawing->processes)
            put_job(stream, drawing, i);
        status = finish(stream, path, error);
    }

    free(path);
    return status;
}

static int start(struct drawing *drawing, unsigned process, struct error *error)
{
    char *script = path_in(drawing->folder, error, "%u.driver", process);
    char *said = path_in(drawing->folder, error, "%u.said", process);
    char *arguments[] = {"gnuplot", "-d", script, NULL};
    posix_spawn_file_actions_t actions;
    int failed;

    if (script == NULL || said == NULL || posix_spawn_file_actions_init(&actions) != 0) {
        free(script);
        free(said);
        return error_set(error, "no memory to start gnuplot");
    }

    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    failed = posix_spawnp(&drawing->pids[process], "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(script);
    free(said);

    if (failed == ENOENT)
        return error_set(error, "plots are drawn by gnuplot, which is not there: install it (on "
                                "Debian: apt-get install gnuplot-nox)");
    if (failed != 0)
        return error_set(error, "gnuplot cannot be started: %s", strerror(failed));
    return 0;
}

/* What it said, the first lines of it. */
static int complain(const struct drawing *drawing, unsigned process, int status,
                    struct error *error)
{
    char text[1024] = "";
    char *path = path_in(drawing->folder, NULL, "%u.said", process);
    FILE *stream = path != NULL ? fopen(path, "r") : NULL;

    if (stream != NULL) {
        text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
        fclose(stream);
    }
    free(path);

    if (WIFSIGNALED(status))
        return error_set(error, "gnuplot was ended by signal %d", WTERMSIG(status));
    return error_set(error, "gnuplot failed with exit status %d: %s", WEXITSTATUS(status), text);
}

static int wait_for(const struct drawing *drawing, unsigned process, struct error *error)
{
    int status;

    while (waitpid(drawing->pids[process], &status, 0) < 0)
        if (errno != EINTR)
            return error_set(error, "gnuplot cannot be waited for: %s", strerror(errno));

    return status == 0 ? 0 : complain(drawing, process, status, error);
}

static unsigned choose_processes(unsigned jobs)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = (jobs + JOBS_AT_LEAST - 1) / JOBS_AT_LEAST;
    unsigned processes = processors < 1 ? 1 : (unsigned)processors;

    processes = processes < most ? processes : most;
    return processes < PROCESSES_MAX ? processes : PROCESSES_MAX;
}

/* Starts all, and waits for all that were started, also after an error. */
static int run(struct drawing *drawing, struct error *error)
{
    unsigned started = 0;
    int status = 0;

    while (started < drawing->processes && status == 0) {
        status = write_driver(drawing, started, error);
        if (status == 0)
            status = start(drawing, started, error);
        if (status == 0)
            started++;
    }

    for (unsigned i = 0; i < started; i++)
        if (wait_for(drawing, i, status == 0 ? error : NULL) != 0)
            status = -1;
    return status;
}

/* ---- Pictures ---- */

static char *read_whole(const char *path, size_t *length, struct error *error)
{
    struct report_file text;

    if (report_file_read(&text, path, error) != 0)
        return NULL;
    *length = text.length;
    return text.bytes;
}

static int put_svg(const struct plot_job *job, const char *bytes, size_t length, const char *image,
                   FILE *stream, struct error *error)
{
    char *description = NULL, *title = NULL;
    size_t size;
    FILE *words;
    int status = -1;

    if (job->embedded)
        return plot_svg_rewrite(bytes, length, image, NULL, NULL, stream, error);

    words = open_memstream(&description, &size);
    if (words == NULL)
        return error_set(error, "no memory for the description of a plot");
    plot_describe(job, words);
    if (fclose(words) == 0 &&
        asprintf(&title, "%s: %s", job->results[0].trace, job->kind->title) >= 0)
        status = plot_svg_rewrite(bytes, length, image, title, description, stream, error);
    free(description);
    free(title);
    return status;
}

/* Gnuplot's dumb terminal begins with a form feed and pads lines with spaces. */
static void put_dumb(const char *bytes, size_t length, FILE *stream)
{
    const char *end = bytes + length;

    while (bytes < end && (*bytes == '\f' || *bytes == '\n'))
        bytes++;
    while (bytes < end) {
        const char *line_end = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *last = line_end != NULL ? line_end : end;

        for (line_end = last; last > bytes && (last[-1] == ' ' || last[-1] == '\f'); last--)
            ;
        fwrite(bytes, 1, (size_t)(last - bytes), stream);
        putc('\n', stream);
        bytes = line_end + 1;
    }
}

static int put_picture(const struct drawing *drawing, unsigned number, const char *bytes,
                       size_t length, FILE *stream, struct error *error)
{
    const struct plot_job *job = &drawing->jobs[number];
    char *image = path_in(drawing->folder, error, "%u.image", number);
    int status = 0;

    if (image == NULL)
        return -1;
    if (job->terminal == PLOT_SVG)
        status =
            put_svg(job, bytes, length, access(image, R_OK) == 0 ? image : NULL, stream, error);
    else if (job->terminal == PLOT_DUMB)
        put_dumb(bytes, length, stream);
    else
        fwrite(bytes, 1, length, stream);

    free(image);
    return status;
}

static int deliver(const struct drawing *drawing, unsigned number, struct error *error)
{
    const struct plot_job *job = &drawing->jobs[number];
    char *from = path_in(drawing->folder, error, "%u.drawn", number);
    char *to =
        path_in(drawing->target, error, "%s.%s", job->name, plot_terminal_suffix(job->terminal));
    size_t length = 0;
    char *bytes = from != NULL && to != NULL ? read_whole(from, &length, error) : NULL;
    FILE *stream = bytes != NULL ? create(to, error) : NULL;
    int status = -1;

    if (stream != NULL) {
        status = put_picture(drawing, number, bytes, length, stream, error);
        if (finish(stream, to, status == 0 ? error : NULL) != 0)
            status = -1;
    }

    free(bytes);
    free(from);
    free(to);
    return status;
}

static int draw(struct drawing *drawing, struct error *error)
{
    if (write_scripts(drawing, error) != 0 || write_stand_in(drawing, error) != 0)
        return -1;
    for (unsigned i = 0; i < drawing->nr; i++)
        if (write_figures(drawing, i, error) != 0)
            return -1;
    if (run(drawing, error) != 0)
        return -1;
    for (unsigned i = 0; i < drawing->nr; i++)
        if (deliver(drawing, i, error) != 0)
            return -1;
    return 0;
}

int plot_draw_all(const struct plot_job *jobs, unsigned nr, const char *folder, struct error *error)
{
    struct drawing drawing = {
        .jobs = jobs,
        .nr = nr,
        .target = folder,
        .processes = choose_processes(nr),
    };
    int status;

    if (nr == 0)
        return 0;
    if (folder_open(&drawing, error) != 0)
        return -1;
    status = draw(&drawing, error);
    folder_close(&drawing);
    return status;
}
