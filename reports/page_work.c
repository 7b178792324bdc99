/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The parts of the page, made by several processes at once.
 *
 * A trace has nothing to do with another, and while gnuplot draws one, the results of the next can
 * be read and its figures written. So there is a process for each processor, and each makes every
 * n-th trace: it loads the results, writes the trace's parts to files, and forgets the trace before
 * it goes to its next. A byte in a pipe tells that a trace is done. A process that fails leaves its
 * error in a file.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/page_private.h"

#define WORKERS_MAX 8

struct work {
    const struct page_folder *folder;
    const struct report_set *set;
    unsigned nr; /* processes */
    pid_t pids[WORKERS_MAX];
    int done; /* the end of the pipe that is written */
};

/* ---- The folder ---- */

int page_folder_open(struct page_folder *folder, struct error *error)
{
    const char *base = getenv("TMPDIR");

    if (base == NULL || base[0] == '\0')
        base = "/tmp";
    if ((size_t)snprintf(folder->path, sizeof(folder->path), "%s/allotrope-page-XXXXXX", base) >=
        sizeof(folder->path))
        return error_set(error, "%s: the path is too long for a temporary folder", base);
    if (mkdtemp(folder->path) == NULL)
        return error_set(error, "%s: a temporary folder cannot be made there: %s", base,
                         strerror(errno));

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

void page_folder_close(struct page_folder *folder)
{
    nftw(folder->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

FILE *page_part_open(const struct page_folder *folder, const char *part, unsigned number,
                     const char *mode, struct error *error)
{
    char path[PAGE_PATH_MAX];
    FILE *stream;

    snprintf(path, sizeof(path), "%s/%s-%u", folder->path, part, number);
    stream = fopen(path, mode);
    if (stream == NULL)
        error_set(error, "%s: cannot open: %s", path, strerror(errno));
    return stream;
}

int page_part_close(FILE *stream, struct error *error)
{
    int failed = ferror(stream);

    if (fclose(stream) == 0 && !failed)
        return 0;
    return error_set(error, "a temporary file cannot be written: %s", strerror(errno));
}

int page_part_copy(const struct page_folder *folder, const char *part, unsigned number,
                   FILE *stream, struct error *error)
{
    FILE *from = page_part_open(folder, part, number, "re", error);
    char buffer[1 << 14];
    size_t got;
    int failed;

    if (from == NULL)
        return -1;
    while ((got = fread(buffer, 1, sizeof(buffer), from)) != 0)
        fwrite(buffer, 1, got, stream);
    failed = ferror(from);
    fclose(from);
    return failed ? error_set(error, "a temporary file cannot be read: %s", strerror(errno)) : 0;
}

/* ---- A trace ---- */

typedef int put_part(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                     struct error *error);

static const struct {
    const char *name;
    put_part *put;
} parts[] = {
    {"score", page_put_score},
    {"verdict", page_put_verdict},
    {"trace", page_put_trace},
    {"provenance", page_put_provenance},
};

static int make_parts(const struct work *work, const struct page_trace *trace, struct error *error)
{
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        FILE *stream = page_part_open(work->folder, parts[i].name, trace->number, "we", error);

        if (stream == NULL)
            return -1;
        if (parts[i].put(stream, work->folder, trace, error) != 0) {
            fclose(stream);
            return -1;
        }
        if (page_part_close(stream, error) != 0)
            return -1;
    }

    return 0;
}

static int make_trace(const struct work *work, unsigned number, struct error *error)
{
    struct page_trace trace = {
        .number = number + 1,
        .header = report_set_header(work->set, number, 0),
        .nr = report_set_results(work->set, number),
    };
    int status;

    page_trace_name(work->set, number, trace.name);
    trace.results = report_set_load_trace(work->set, number, error);
    if (trace.results == NULL)
        return -1;

    status = make_parts(work, &trace, error);
    report_results_free(trace.results, trace.nr);
    return status;
}

/* ---- Processes ---- */

/* Makes every n-th trace; returns the exit status of the process. */
static int worker(const struct work *work, unsigned number)
{
    struct error error = {.text = ""};

    for (unsigned i = number; i < report_set_traces(work->set); i += work->nr) {
        if (make_trace(work, i, &error) != 0) {
            struct error lost;
            FILE *stream = page_part_open(work->folder, "error", number, "we", &lost);

            if (stream != NULL) {
                fputs(error.text, stream);
                fclose(stream);
            }
            return 1;
        }
        if (write(work->done, "", 1) != 1)
            return 1;
    }

    return 0;
}

/* Waits until all have ended, and tells how far they are. */
static void watch(int done, const struct page_options *options)
{
    uint64_t nr = 0;
    char buffer[64];
    ssize_t got;

    while ((got = read(done, buffer, sizeof(buffer))) > 0 || (got < 0 && errno == EINTR)) {
        nr += got > 0 ? (uint64_t)got : 0;
        if (options->progress != NULL)
            progress_update(options->progress, nr);
    }
}

/* The error of a process that failed, in its own words where it has left any. */
static int worker_error(const struct work *work, unsigned number, struct error *error)
{
    struct error none;
    FILE *stream = page_part_open(work->folder, "error", number, "re", &none);
    size_t got = 0;

    if (stream != NULL) {
        got = fread(error->text, 1, sizeof(error->text) - 1, stream);
        error->text[got] = '\0';
        fclose(stream);
    }

    return got != 0
               ? -1
               : error_set(error, "a process that makes the page was ended before it was done");
}

static int start(struct work *work, int *read_end, struct error *error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, "cannot make a pipe: %s", strerror(errno));

    *read_end = ends[0];
    work->done = ends[1];
    for (unsigned i = 0; i < work->nr; i++) {
        work->pids[i] = fork();
        if (work->pids[i] == 0)
            _exit(worker(work, i));
        if (work->pids[i] < 0) {
            work->nr = i;
            close(ends[1]);
            return error_set(error, "cannot start a process: %s", strerror(errno));
        }
    }

    close(ends[1]);
    return 0;
}

static unsigned processors(unsigned traces)
{
    long nr = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = nr < 1 ? 1 : nr > WORKERS_MAX ? WORKERS_MAX : (unsigned)nr;

    return most < traces ? most : traces;
}

int page_work(const struct page_folder *folder, const struct report_set *set,
              const struct page_options *options, struct error *error)
{
    struct work work = {
        .folder = folder,
        .set = set,
        .nr = processors(report_set_traces(set)),
    };
    int read_end = -1;
    int status = start(&work, &read_end, error);

    if (read_end < 0)
        return -1;
    if (status == 0)
        watch(read_end, options);
    close(read_end);

    for (unsigned i = 0; i < work.nr; i++) {
        int ended = 0;
        pid_t pid;

        do
            pid = waitpid(work.pids[i], &ended, 0);
        while (pid < 0 && errno == EINTR);
        if (status == 0 && (pid < 0 || ended != 0))
            status = worker_error(&work, i, error);
    }

    return status;
}
