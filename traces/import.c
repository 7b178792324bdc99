/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Import: the order of work, and the command.
 *
 * The log is read twice at its start and once after that. The first reading (import_start.c) finds
 * out what the machine was, so that the first event can already speak of it; the second goes line
 * by line and keeps only what is alive: a hash table from addresses to numbers for each kind of
 * thing, nothing that grows with the length of the log.
 *
 * What the log does not say is worked out from the counters and marked as inferred; what it says
 * wrongly is refused with the number of the line.
 */

#include "traces/import.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/progress.h"
#include "traces/import_private.h"

int import_no_memory(struct import *import)
{
    return error_set(import->error, "not enough memory");
}

void import_primary(struct import *import)
{
    import->counts.primary[import->line.call]++;
}

void import_derived(struct import *import)
{
    import->counts.derived[import->line.call]++;
}

/* ---- Events ---- */

static int push(struct import *import, const struct event *event, const void *payload, size_t size)
{
    import->counts.events++;
    import->counts.inferred += (event->flags & EVENT_INFERRED) != 0;
    return import->emit(import->context, event, payload, size, import->error);
}

int import_event(struct import *import, unsigned kind, unsigned flags, uint32_t where,
                 uint32_t object, uint32_t size, uint64_t address)
{
    struct event event = {
        .time = import->time,
        .address = address,
        .where = where,
        .object = object,
        .size = size,
        .task = import->task,
        .kind = (uint8_t)kind,
        .flags = (uint8_t)flags,
    };

    return push(import, &event, NULL, 0);
}

int import_payload(struct import *import, unsigned kind, unsigned flags, uint32_t where,
                   const void *payload, size_t size)
{
    struct event event = {.time = import->time,
                          .where = where,
                          .task = import->task,
                          .kind = (uint8_t)kind,
                          .flags = (uint8_t)flags};

    return push(import, &event, payload, size);
}

/* ---- Lines ---- */

int import_task(struct import *import, uint64_t address, uint16_t *task)
{
    const uint64_t *number;

    if (address == 0) {
        *task = 0;
        return 0;
    }
    number = table_find(&import->task_table, address);
    if (number == NULL)
        return error_set(import->error, "task %llx is unknown: expected a T line of it before",
                         (unsigned long long)address);
    *task = (uint16_t)*number;
    return 0;
}

/* What is held back until a line tells more is settled: there is no such line. */
static int settle(struct import *import)
{
    if (import->run.pages != 0 && import_boot_run(import) != 0)
        return -1;
    if (import->table_alloc.waits && import_table_alloc_flush(import, false) != 0)
        return -1;
    if (import->pop.waits && import_pop_flush(import, false) != 0)
        return -1;
    return import->boot.nr_held != 0 ? import_boot_flush(import) : 0;
}

static int line_task(struct import *import)
{
    const struct log_line *line = &import->line;
    const uint64_t *known = table_find(&import->task_table, line->task);
    uint32_t number;

    if (line->task == 0)
        return error_set(import->error, "a T line of task 0");
    if (known != NULL) {
        number = (uint32_t)*known; /* renamed, or another task at the address of a dead one */
    } else {
        number = ++import->tasks; /* 0: before there are tasks */
        if (number > UINT16_MAX)
            return error_set(import->error, "more than %u tasks at different addresses",
                             UINT16_MAX);
        if (table_put(&import->task_table, line->task, number) != 0)
            return import_no_memory(import);
    }
    import->boot.over = true;
    import->boot.nr_tasks++;
    import->task_address = line->task;
    import->task = (uint16_t)number;
    return import_payload(import, EVENT_TASK, 0, number, line->text, line->text_size);
}

static int line_mark(struct import *import)
{
    const struct log_line *line = &import->line;

    if (line->time < import->time)
        return error_set(import->error, "the time goes back from %llu to %llu",
                         (unsigned long long)import->time, (unsigned long long)line->time);
    import->time = line->time;
    import->task_address = line->task;
    if (import_task(import, line->task, &import->task) != 0)
        return -1;
    return import_payload(import, EVENT_MARK, 0, 0, line->text, line->text_size);
}

static int line_end(struct import *import)
{
    if (import->line.value != import->counts.calls)
        return error_set(
            import->error, "the last line counts %llu events, but there are %llu before it",
            (unsigned long long)import->line.value, (unsigned long long)import->counts.calls);
    import->end_seen = true;
    return 0;
}

static int line_call(struct import *import)
{
    const struct log_line *line = &import->line;
    int code;

    import->counts.calls++;
    if (line->time < import->time)
        return error_set(import->error, "the time goes back from %llu to %llu",
                         (unsigned long long)import->time, (unsigned long long)line->time);
    if (line->task == import->task_address)
        return import_call(import);
    /* What waits is the work of the task before. */
    code = settle(import);
    if (code == 0)
        code = import_task(import, line->task, &import->task);
    import->task_address = line->task;
    return code != 0 ? -1 : import_call(import);
}

static int line_other(struct import *import)
{
    if (settle(import) != 0)
        return -1;
    if (import->line.kind == LOG_COUNTER)
        return import_truth_line(import);
    /* Only counters may stand between a removal and the free of its entry. */
    if (import->removal.waits && import_removal_flush(import) != 0)
        return -1;
    if (import->line.kind == LOG_TASK)
        return line_task(import);
    if (import->line.kind == LOG_MARK)
        return line_mark(import);
    if (import->line.kind == LOG_END)
        return line_end(import);
    if (import->line.kind == LOG_VERSION)
        return error_set(import->error, "a second event log starts here: expected one in a file");
    /* Those at the start are in the header already. */
    return log_reader_number(import->reader) > import->start.lines
               ? import_comment(import, &import->line)
               : 0;
}

static int line_first(struct import *import)
{
    if (import->line.kind != LOG_VERSION)
        return error_set(import->error,
                         "this is no event log: expected 'event-log 1' in the first line");
    if (import->line.value != 1)
        return error_set(import->error, "event log version %llu: expected version 1",
                         (unsigned long long)import->line.value);
    import->version_seen = true;
    return 0;
}

static int import_line(struct import *import, const char *text, size_t size)
{
    if (log_line_parse(text, size, &import->line, import->error) != 0) {
        if (import->version_seen)
            return -1;
        return error_set(import->error,
                         "this is no event log: expected 'event-log 1' in the first line");
    }
    if (!import->version_seen)
        return line_first(import);
    if (import->end_seen)
        return error_set(import->error, "a line after the last one, 'end': expected nothing");
    if (import->in_truth && import->line.kind != LOG_COUNTER) {
        if (import_truth_flush(import) != 0)
            return -1;
        import->task_address = 0; /* the counters are nobody's */
    }
    return import->line.kind == LOG_CALL ? line_call(import) : line_other(import);
}

/* ---- A whole log ---- */

static int add_number(struct import *import, const char *key, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    if (value != 0 && trace_header_add(&import->header, key, text) != 0)
        return import_no_memory(import);
    return 0;
}

/* What was found out on the way goes into the provenance. */
static int import_finish(struct import *import)
{
    const struct import_counts *counts = &import->counts;

    if (settle(import) != 0 || (import->in_truth && import_truth_flush(import) != 0) ||
        (import->removal.waits && import_removal_flush(import) != 0))
        return -1;
    if (trace_header_add(&import->header, "imported-by", "allotrope " ALLOTROPE_VERSION) != 0)
        return import_no_memory(import);
    if (counts->cut &&
        trace_header_add(&import->header, "cut", "the log had no last line: it was cut short") != 0)
        return import_no_memory(import);
    if (add_number(import, "log-events", counts->calls) != 0 ||
        add_number(import, "inferred-events", counts->inferred) != 0 ||
        add_number(import, "inferred-pages", counts->pages_inferred) != 0 ||
        add_number(import, "inferred-ranges", counts->ranges_inferred) != 0 ||
        add_number(import, "lookups-of-unknown-names", counts->lookups_unknown) != 0 ||
        add_number(import, "releases-of-unknown-pages", counts->pages_unknown) != 0 ||
        add_number(import, "counters-that-disagree", counts->counters_wrong) != 0 ||
        add_number(import, "start-frames-unexplained", counts->frames_unknown) != 0)
        return -1;
    return 0;
}

/* The reader of lines names the file itself. */
static int name_log(const struct import *import, struct error *error)
{
    const char *name = log_reader_name(import->reader);
    size_t length = strlen(name);

    if (strncmp(error->text, name, length) == 0 && error->text[length] == ':')
        return -1;
    return error_prefix(error, "%s: ", name);
}

/* READER: NULL when it could not be opened. */
static struct import *open_reader(struct log_reader *reader, const struct import_options *options,
                                  struct error *error)
{
    struct import *import = reader == NULL ? NULL : calloc(1, sizeof(*import));

    if (import == NULL) {
        if (reader != NULL)
            error_set(error, "%s: not enough memory", log_reader_name(reader));
        log_reader_close(reader);
        return NULL;
    }
    import->reader = reader;
    import->options = *options;
    trace_header_init(&import->header);
    for (unsigned i = 0; i < 13; i++)
        import->kalloc_caches[i] = KALLOC_NONE;
    import->truth = calloc(1, sizeof(*import->truth));
    if (import->truth == NULL)
        error_set(error, "not enough memory");
    if (import->truth == NULL || import_start_read(import, error) != 0) {
        name_log(import, error);
        import_close(import);
        return NULL;
    }
    import->counts.frames_unknown = import->start.frames_unknown;
    return import;
}

struct import *import_open(const char *path, const struct import_options *options,
                           struct error *error)
{
    return open_reader(log_reader_open(path, error), options, error);
}

struct import *import_open_file(int file, const char *name, const struct import_options *options,
                                struct error *error)
{
    return open_reader(log_reader_open_file(file, name, error), options, error);
}

void import_close(struct import *import)
{
    if (import == NULL)
        return;
    log_reader_close(import->reader);
    trace_header_free(&import->header);
    table_free(&import->cache_numbers);
    table_free(&import->object_table);
    table_free(&import->range_table);
    table_free(&import->range_parts);
    table_free(&import->task_table);
    numbers_free(&import->objects);
    import_pages_free(import);
    import_names_free(import);
    import_boot_free(import);
    free(import->truth);
    free(import);
}

struct trace_header *import_header(struct import *import)
{
    return &import->header;
}

const struct import_counts *import_counts(const struct import *import)
{
    return &import->counts;
}

uint64_t import_position(const struct import *import)
{
    return log_reader_position(import->reader);
}

uint64_t import_size(const struct import *import)
{
    return log_reader_size(import->reader);
}

static int import_ended(struct import *import)
{
    const char *cut = log_reader_cut(import->reader);

    if (!import->version_seen)
        return error_set(import->error, "%s: %s: expected an event log",
                         log_reader_name(import->reader),
                         cut == NULL ? "an empty file" : "not even a first line");
    if (cut == NULL && !import->end_seen)
        cut = "no last line, 'end'";
    if (cut != NULL && !import->options.partial)
        return error_set(import->error,
                         "%s: %s, after line %llu: the log was cut short; use --partial to "
                         "import what is there",
                         log_reader_name(import->reader), cut,
                         (unsigned long long)log_reader_number(import->reader));
    import->counts.cut = cut != NULL;
    return import_finish(import);
}

int import_run(struct import *import, uint64_t lines, import_emit *emit, void *context,
               struct error *error)
{
    const char *text;
    size_t size;

    import->emit = emit;
    import->context = context;
    import->error = error;
    while (lines-- != 0) {
        int code = log_reader_line(import->reader, &text, &size, error);

        if (code < 0)
            return -1;
        if (code == 0)
            return import_ended(import) == 0 ? 0 : name_log(import, error);
        import->counts.lines++;
        if (import_line(import, text, size) != 0)
            return error_prefix(error, "%s:%llu: ", log_reader_name(import->reader),
                                (unsigned long long)log_reader_number(import->reader));
    }
    return 1;
}

/* ---- Into a trace ---- */

#define STEP 65536 /* lines between two looks at the progress line */

static int write_event(void *context, const struct event *event, const void *payload, size_t size,
                       struct error *error)
{
    struct trace_writer *writer = context;

    if (event->kind == EVENT_CACHE_CREATE)
        return trace_write_cache(writer, event, payload, error);
    if (event->kind == EVENT_TRUTH)
        return trace_write_truth(writer, event, payload, error);
    return trace_write(writer, event, payload, size, error);
}

static int copy_header(struct trace_header *to, const struct trace_header *from,
                       struct error *error)
{
    to->machine = from->machine;
    for (unsigned i = to->nr_provenance; i < from->nr_provenance; i++) {
        if (trace_header_add(to, from->provenance[i].key, from->provenance[i].value) != 0)
            return error_set(error, "not enough memory");
    }
    return 0;
}

int import_trace(struct import *import, const char *output, int level, import_step *step,
                 void *context, struct error *error)
{
    struct trace_writer *writer = trace_writer_open(output, import_header(import), level, error);
    int code;

    if (writer == NULL)
        return -1;
    do {
        code = import_run(import, STEP, write_event, writer, error);
        if (code >= 0 && step != NULL && step(context, error) != 0)
            code = -1;
    } while (code > 0);
    if (code == 0)
        code = copy_header(trace_writer_header(writer), import_header(import), error);
    if (code != 0) {
        trace_writer_abort(writer);
        return -1;
    }
    return trace_writer_close(writer, error);
}

/* ---- The command ---- */

static const char import_usage[] =
    "Usage: allotrope trace import [OPTION]... LOG -o TRACE\n"
    "Make a trace of an event log (version 1), plain or compressed with zstd. LOG - is the\n"
    "standard input.\n"
    "\n"
    "  -o, --output TRACE    write to TRACE; - is the standard output\n"
    "  -l, --level N         compression level of the trace, 1 to 19 (default: 3)\n"
    "      --partial         take a log that was cut short\n"
    "  -q, --quiet           no progress line and no summary\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error, 2 usage.\n";

struct drawn {
    struct import *import;
    struct progress progress;
};

static int draw(void *context, struct error *error)
{
    struct drawn *drawn = context;

    (void)error;
    progress_update(&drawn->progress, import_position(drawn->import));
    return 0;
}

static int import_all(struct import *import, const char *output, int level, bool quiet,
                      struct error *error)
{
    struct drawn drawn = {.import = import};
    int code;

    if (quiet)
        return import_trace(import, output, level, NULL, NULL, error);
    progress_begin(&drawn.progress, "import", "bytes", import_size(import));
    code = import_trace(import, output, level, draw, &drawn, error);
    progress_end(&drawn.progress);
    return code;
}

/* One line on the standard error; the standard output may be the trace. */
static void summary(const struct import *import)
{
    const struct import_counts *counts = import_counts(import);

    fprintf(stderr, "%" PRIu64 " log lines, %" PRIu64 " events, %" PRIu64 " of them inferred",
            counts->lines, counts->events, counts->inferred);
    if (counts->counters_wrong != 0)
        fprintf(stderr, "; %" PRIu64 " of %" PRIu64 " counters disagree with the events",
                counts->counters_wrong, counts->counters);
    if (counts->cut)
        fprintf(stderr, "; the log was cut short");
    fprintf(stderr, "\n");
}

static int usage_error(const char *text)
{
    fprintf(stderr, "allotrope trace import: %s\nTry 'allotrope trace import --help'.\n", text);
    return 2;
}

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return 1;
}

static int help(void)
{
    struct error error;

    if (fputs(import_usage, stdout) != EOF && fflush(stdout) == 0)
        return 0;
    error_set(&error, "cannot write the standard output: %s", strerror(errno));
    return fail(&error);
}

int import_command(int argc, char **argv)
{
    enum { OPTION_PARTIAL = 256 };
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"level", required_argument, NULL, 'l'},
        {"partial", no_argument, NULL, OPTION_PARTIAL},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct import_options options = {false};
    struct error error = {{0}};
    const char *output = NULL;
    struct import *import;
    bool quiet = false;
    int level = 0, option, code;
    long number;
    char *end;

    optind = 0; /* this may not be the first command line that is read */
    while ((option = getopt_long(argc, argv, "o:l:qh", long_options, NULL)) != -1) {
        switch (option) {
        case 'o':
            output = optarg;
            break;
        case 'l':
            number = strtol(optarg, &end, 10);
            if (*optarg == '\0' || *end != '\0' || number < 1 || number > 19)
                return usage_error("--level: expected a number from 1 to 19");
            level = (int)number;
            break;
        case OPTION_PARTIAL:
            options.partial = true;
            break;
        case 'q':
            quiet = true;
            break;
        case 'h':
            return help();
        default:
            return 2;
        }
    }
    if (argc - optind != 1)
        return usage_error(argc == optind ? "no LOG given" : "more than one LOG given");
    if (output == NULL)
        return usage_error("no TRACE given: -o TRACE");

    if (output_distinct(argv[optind], output, &error) != 0)
        return fail(&error);
    import = import_open(argv[optind], &options, &error);
    if (import == NULL)
        return fail(&error);
    code = import_all(import, output, level, quiet, &error);
    if (code != 0)
        fail(&error);
    else if (!quiet)
        summary(import);
    import_close(import);
    return code != 0 ? 1 : 0;
}
