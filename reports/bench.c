/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * hyperfine measures one command after the other, so that whatever changes while it runs, the
 * machine's frequency or its load, is told as a difference between commands. Here each call of it
 * is a single run, and a round has one run of every stack, in an order that is drawn anew for each
 * round. Figures of one round are taken together: the ratio of two stacks is the median of their
 * ratios in each round.
 *
 * Warm-up runs are without hyperfine. They find out what does not run at all, and their error is
 * that of the replay itself.
 */

#include "reports/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/progress.h"

#define TEXT_MAX  16384
#define SCRATCH   "allotrope-bench.XXXXXX"
#define FACTS_MAX 64

/* One stack on one trace. */
struct subject {
    const char *trace, *stack;
    double *wall, *user, *system; /* [runs] in ns */
    int64_t instructions;         /* -1: not counted */
};

struct bench {
    const struct bench_request *request;
    struct subject *subjects; /* [nr_traces][nr_stacks] */
    unsigned nr;
    char folder[256];                               /* for what the programs write */
    char hyperfine[FACTS_MAX], valgrind[FACTS_MAX]; /* versions */
    uint64_t random;
    struct progress progress;
    uint64_t done;
};

/* ---- Programs ---- */

/* The first line of what `PROGRAM --version` says. */
static int find_program(const char *program, const char *use, char *version, size_t size,
                        struct error *error)
{
    char *argv[] = {(char *)program, (char *)"--version", NULL};
    int status = bench_spawn(argv, 1, version, size, error);

    if (status == 127)
        return error_set(error, "%s is not installed, and %s with it; on Debian: apt install %s",
                         program, use, program);
    if (status != 0)
        return status < 0 ? -1
                          : error_set(error, "%s: --version fails with status %d", program, status);

    version[strcspn(version, "\n")] = '\0';
    return 0;
}

/* The arguments of a replay, NULL at the end. */
static unsigned replay_arguments(const struct bench *bench, const struct subject *subject,
                                 char **argv)
{
    unsigned nr = 0;

    argv[nr++] = (char *)bench->request->program;
    argv[nr++] = (char *)"replay";
    argv[nr++] = (char *)"--sample";
    argv[nr++] = (char *)"off";
    argv[nr++] = (char *)"--stack";
    argv[nr++] = (char *)subject->stack;
    argv[nr++] = (char *)"--";
    argv[nr++] = (char *)subject->trace;
    argv[nr] = NULL;
    return nr;
}

static int warm_up(const struct bench *bench, const struct subject *subject, struct error *error)
{
    char *argv[16], text[TEXT_MAX];

    replay_arguments(bench, subject, argv);

    int status = bench_spawn(argv, 2, text, sizeof(text), error);

    if (status <= 0)
        return status;

    /* What it said itself is best, without the name that is put before it again. */
    const char *prefix = "allotrope: ";
    const char *said = strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;

    char *hint = strstr(text, "; see `allotrope replay");

    text[strcspn(text, "\n")] = '\0';
    if (hint != NULL)
        *hint = '\0';
    if (said[0] == '\0')
        return error_set(error, "%s, %s: the replay fails with status %d", subject->trace,
                         subject->stack, status);
    return error_set(error, "%s", said);
}

/* One word of a command as hyperfine reads it, which splits like a shell. */
static size_t quote(char *to, size_t size, const char *word)
{
    size_t length = 0;

    for (const char *c = word; *c != '\0' && length + 8 < size; c++)
        if (*c == '\'')
            length += (size_t)snprintf(to + length, size - length, "'\\''");
        else
            to[length++] = *c;

    to[length] = '\0';
    return length;
}

static int command_line(const struct bench *bench, const struct subject *subject, char *line,
                        size_t size, struct error *error)
{
    char *argv[16];
    unsigned nr = replay_arguments(bench, subject, argv);
    size_t length = 0;

    for (unsigned i = 0; i < nr; i++) {
        if (length + 4 * strlen(argv[i]) + 16 > size)
            return error_set(error, "%s: the path is too long", subject->trace);
        length += (size_t)snprintf(line + length, size - length, "%s'", i != 0 ? " " : "");
        length += quote(line + length, size - length, argv[i]);
        length += (size_t)snprintf(line + length, size - length, "'");
    }

    return 0;
}

static int read_run(const char *path, struct subject *subject, unsigned round, struct error *error)
{
    static const struct report_rule rules[] = {
        {"", REPORT_ARRAY, "results"},
        {"results[]", REPORT_NUMBERS, "times"},
        {"results[]", REPORT_NUMBER, "user system"},
    };
    json_error_t fault;
    json_t *root = json_load_file(path, 0, &fault);

    if (root == NULL)
        return error_set(error, "hyperfine: its JSON cannot be read: line %d, column %d: %s",
                         fault.line, fault.column, fault.text);

    int status = report_check(root, "hyperfine's JSON", rules, 3, 0, error);
    const json_t *result = report_at(root, "results.0");

    if (status == 0 && json_array_size(report_array(result, "times")) != 1)
        status = error_set(error, "hyperfine's JSON: %zu times, expected that of one run",
                           json_array_size(report_array(result, "times")));
    if (status == 0) {
        subject->wall[round] = 1e9 * report_number(result, "times.0");
        subject->user[round] = 1e9 * report_number(result, "user");
        subject->system[round] = 1e9 * report_number(result, "system");
    }
    json_decref(root);
    return status;
}

static int run_once(const struct bench *bench, struct subject *subject, unsigned round,
                    struct error *error)
{
    char path[512], line[TEXT_MAX], text[TEXT_MAX];

    snprintf(path, sizeof(path), "%s/run.json", bench->folder);

    char *argv[] = {(char *)"hyperfine",
                    (char *)"--shell=none",
                    (char *)"--runs=1",
                    (char *)"--style=none",
                    (char *)"--export-json",
                    path,
                    line,
                    NULL};

    if (command_line(bench, subject, line, sizeof(line), error) != 0)
        return -1;

    int status = bench_spawn(argv, 2, text, sizeof(text), error);

    if (status > 0)
        status = error_set(error, "hyperfine: it fails with status %d: %.*s", status,
                           (int)strcspn(text, "\n"), text);
    if (status == 0)
        status = read_run(path, subject, round, error);
    unlink(path);
    return status;
}

/* The number after "summary: ", which cachegrind's file ends with. */
static int read_instructions(const char *path, struct subject *subject, struct error *error)
{
    FILE *stream = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    if (stream == NULL)
        return error_set(error, "valgrind: its counts cannot be read: %s", strerror(errno));

    while (getline(&line, &size, stream) > 0)
        if (sscanf(line, "summary: %" SCNd64, &subject->instructions) == 1) // NOLINT
            break;
    free(line);
    fclose(stream);
    return subject->instructions >= 0
               ? 0
               : error_set(error, "valgrind: there is no summary in what cachegrind wrote");
}

static int count_instructions(const struct bench *bench, struct subject *subject,
                              struct error *error)
{
    char path[512], option[600], text[TEXT_MAX];
    char *argv[24] = {(char *)"valgrind", (char *)"--quiet", (char *)"--tool=cachegrind",
                      (char *)"--cache-sim=no", option};

    snprintf(path, sizeof(path), "%s/cachegrind", bench->folder);
    snprintf(option, sizeof(option), "--cachegrind-out-file=%s", path);
    replay_arguments(bench, subject, argv + 5);

    int status = bench_spawn(argv, 2, text, sizeof(text), error);

    if (status > 0)
        status = error_set(error, "valgrind: it fails with status %d: %.*s", status,
                           (int)strcspn(text, "\n"), text);
    if (status == 0)
        status = read_instructions(path, subject, error);
    unlink(path);
    return status;
}

/* ---- The plan ---- */

/* splitmix64: any seed is a good one. */
static uint64_t draw(struct bench *bench)
{
    uint64_t value = bench->random += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static void shuffle(struct bench *bench, unsigned *order)
{
    for (unsigned i = bench->nr; i > 1; i--) {
        unsigned other = (unsigned)(draw(bench) % i), last = order[i - 1];

        order[i - 1] = order[other];
        order[other] = last;
    }
}

static void advance(struct bench *bench)
{
    progress_update(&bench->progress, ++bench->done);
}

static int warm_all(struct bench *bench, struct error *error)
{
    /* Once at least, to find out whether they run. */
    unsigned rounds = bench->request->warmup != 0 ? bench->request->warmup : 1;

    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < bench->nr; i++) {
            if (warm_up(bench, &bench->subjects[i], error) != 0)
                return -1;
            advance(bench);
        }

    return 0;
}

static int run_all(struct bench *bench, unsigned *order, struct error *error)
{
    for (unsigned round = 0; round < bench->request->runs; round++) {
        shuffle(bench, order);
        for (unsigned i = 0; i < bench->nr; i++) {
            if (run_once(bench, &bench->subjects[order[i]], round, error) != 0)
                return -1;
            advance(bench);
        }
    }

    for (unsigned i = 0; bench->request->instructions && i < bench->nr; i++) {
        if (count_instructions(bench, &bench->subjects[i], error) != 0)
            return -1;
        advance(bench);
    }

    return 0;
}

/* ---- The document ---- */

static json_t *interval_json(double median, const struct statistics_interval *interval)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "confidence", interval->confidence, "high",
                     interval->high, "low", interval->low, "median", median);
}

static double median_of(const double *values, unsigned nr, double *scratch)
{
    memcpy(scratch, values, nr * sizeof(*values));
    statistics_sort(scratch, nr);
    return statistics_median(scratch, nr);
}

static json_t *times_json(const double *values, unsigned nr)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < nr; i++)
        json_array_append_new(array, json_integer((json_int_t)values[i]));

    return array;
}

/* To the fastest, in the same rounds; null for the fastest itself. */
static json_t *ratio_json(const struct subject *subject, const struct subject *fastest,
                          unsigned runs, double *scratch)
{
    struct statistics_interval interval;
    double median;

    if (subject == fastest || fastest == NULL ||
        !statistics_ratio(subject->wall, fastest->wall, runs, STATISTICS_CONFIDENCE, scratch,
                          &median, &interval))
        return json_null();

    return interval_json(median, &interval);
}

static json_t *subject_json(const struct subject *subject, const struct subject *fastest,
                            unsigned runs, double *scratch)
{
    struct statistics_summary wall = statistics_summarize(subject->wall, runs, scratch);
    json_t *ratio = ratio_json(subject, fastest, runs, scratch);
    json_t *instructions =
        subject->instructions >= 0 ? json_integer(subject->instructions) : json_null();

    return json_pack(
        "{s:b, s:b, s:o, s:s, s:b, s:o, s:f, s:f, s:f, s:o, s:o}", "drifts", (int)wall.drifts,
        "fastest", (int)(subject == fastest), "instructions", instructions, "name", subject->stack,
        "noisy", (int)wall.noisy, "ratio_to_fastest", ratio, "spread", wall.spread, "system_ns",
        median_of(subject->system, runs, scratch), "user_ns",
        median_of(subject->user, runs, scratch), "wall_ns",
        interval_json(wall.median, &wall.interval), "wall_ns_all", times_json(subject->wall, runs));
}

/* The stack that does nothing wins no race. */
static const struct subject *find_fastest(const struct subject *subjects, unsigned nr,
                                          unsigned runs, double *scratch)
{
    const struct subject *fastest = NULL;
    double least = 0;

    for (unsigned i = 0; i < nr; i++) {
        double median = median_of(subjects[i].wall, runs, scratch);

        if (strcmp(subjects[i].stack, "null") != 0 && (fastest == NULL || median < least)) {
            fastest = &subjects[i];
            least = median;
        }
    }

    return fastest;
}

/* The file's name without folder and suffix. */
static json_t *trace_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);

    if (length > 6 && strcmp(name + length - 6, ".trace") == 0)
        length -= 6;
    return json_stringn(name, length);
}

static json_t *trace_json(const struct bench *bench, unsigned trace, double *scratch)
{
    const struct bench_request *request = bench->request;
    const struct subject *subjects = bench->subjects + (size_t)trace * request->nr_stacks;
    const struct subject *fastest =
        find_fastest(subjects, request->nr_stacks, request->runs, scratch);
    json_t *stacks = json_array();

    for (unsigned i = 0; i < request->nr_stacks; i++)
        json_array_append_new(stacks, subject_json(&subjects[i], fastest, request->runs, scratch));

    return json_pack("{s:o, s:o}", "name", trace_name(request->traces[trace]), "stacks", stacks);
}

static json_t *document(const struct bench *bench, struct error *error)
{
    const struct bench_request *request = bench->request;
    double *scratch = calloc(request->runs, sizeof(*scratch));
    json_t *traces = json_array();
    int failed = scratch == NULL;

    for (unsigned i = 0; i < request->nr_traces && failed == 0; i++)
        failed |= json_array_append_new(traces, trace_json(bench, i, scratch));
    free(scratch);

    json_t *root = json_pack("{s:{s:s, s:i, s:I, s:s, s:s, s:i}, s:{s:s, s:i}, s:o}", "provenance",
                             "hyperfine", bench->hyperfine, "runs", (int)request->runs, "seed",
                             (json_int_t)request->seed, "tool", "allotrope " ALLOTROPE_VERSION,
                             "valgrind", bench->valgrind, "warmup", (int)request->warmup, "schema",
                             "name", "allotrope-bench", "version", BENCH_VERSION, "traces", traces);

    if (failed == 0 && root != NULL)
        return root;

    json_decref(root);
    error_set(error, "no memory for the benchmark");
    return NULL;
}

/* ---- Running ---- */

static int make_subjects(struct bench *bench, struct error *error)
{
    const struct bench_request *request = bench->request;

    bench->nr = request->nr_traces * request->nr_stacks;
    bench->subjects = calloc(bench->nr, sizeof(*bench->subjects));

    for (unsigned i = 0; bench->subjects != NULL && i < bench->nr; i++) {
        double *times = calloc(3UL * request->runs, sizeof(*times));

        if (times == NULL)
            return error_set(error, "no memory for the benchmark");
        bench->subjects[i] = (struct subject){
            .trace = request->traces[i / request->nr_stacks],
            .stack = request->stacks[i % request->nr_stacks],
            .wall = times,
            .user = times + request->runs,
            .system = times + 2UL * request->runs,
            .instructions = -1,
        };
    }

    return bench->subjects != NULL ? 0 : error_set(error, "no memory for the benchmark");
}

static int make_folder(struct bench *bench, struct error *error)
{
    const char *temporary = getenv("TMPDIR");

    if (temporary == NULL || temporary[0] == '\0')
        temporary = "/tmp";
    if ((size_t)snprintf(bench->folder, sizeof(bench->folder), "%s/" SCRATCH, temporary) >=
        sizeof(bench->folder))
        return error_set(error, "TMPDIR: the path is too long");
    if (mkdtemp(bench->folder) != NULL)
        return 0;

    error_set(error, "%s: cannot create the folder: %s", bench->folder, strerror(errno));
    bench->folder[0] = '\0';
    return -1;
}

static int find_programs(struct bench *bench, struct error *error)
{
    if (find_program("hyperfine", "bench measures", bench->hyperfine, sizeof(bench->hyperfine),
                     error) != 0)
        return -1;

    return !bench->request->instructions
               ? 0
               : find_program("valgrind", "--instructions counts", bench->valgrind,
                              sizeof(bench->valgrind), error);
}

static int measure(struct bench *bench, struct error *error)
{
    unsigned *order = calloc(bench->nr, sizeof(*order));
    const struct bench_request *request = bench->request;
    unsigned warmup = request->warmup != 0 ? request->warmup : 1;

    if (order == NULL)
        return error_set(error, "no memory for the benchmark");
    for (unsigned i = 0; i < bench->nr; i++)
        order[i] = i;

    progress_begin(&bench->progress, "bench", "runs",
                   (uint64_t)bench->nr * (warmup + request->runs + request->instructions));

    int status = warm_all(bench, error);

    if (status == 0)
        status = run_all(bench, order, error);
    progress_end(&bench->progress);
    free(order);
    return status;
}

static void bench_close(struct bench *bench)
{
    for (unsigned i = 0; bench->subjects != NULL && i < bench->nr; i++)
        free(bench->subjects[i].wall);
    free(bench->subjects);
    if (bench->folder[0] != '\0')
        rmdir(bench->folder);
}

json_t *bench_run(const struct bench_request *request, struct error *error)
{
    struct bench bench = {.request = request, .random = request->seed};
    json_t *root = NULL;

    if (find_programs(&bench, error) == 0 && make_subjects(&bench, error) == 0 &&
        make_folder(&bench, error) == 0 && measure(&bench, error) == 0)
        root = document(&bench, error);

    bench_close(&bench);
    return root;
}

/* The first word of each line after the heading, up to an empty line. */
int bench_stacks(const char *program, char *stacks[BENCH_STACKS], struct error *error)
{
    char text[TEXT_MAX], *argv[] = {(char *)program, (char *)"stacks", NULL}, *rest;
    int nr = 0, status = bench_spawn(argv, 1, text, sizeof(text), error);

    if (status != 0)
        return status < 0 ? -1 : error_set(error, "%s stacks: it fails", program);

    char *line = strchr(text, '\n');

    while (line != NULL && line[1] != '\0' && line[1] != '\n' && nr < BENCH_STACKS) {
        line++;
        rest = strchr(line, '\n');
        stacks[nr] = strndup(line, strcspn(line, " \n"));
        if (stacks[nr] == NULL)
            return error_set(error, "no memory for the stacks");
        nr++;
        line = rest;
    }

    return nr;
}
