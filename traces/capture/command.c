/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command line of captures.
 */

#include "traces/capture/command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "common/size.h"
#include "traces/capture/capture.h"

enum status { STATUS_FINE, STATUS_ERROR, STATUS_USAGE, STATUS_OTHERWISE };

#define MODULES_MAX  16
#define COMMAND_MAX  3500
#define MEMORY_MIN   (16u << 20)
#define MEMORY_MAX   (1ull << 40)
#define MEMORY_USUAL (64u << 20)
#define TRUTH_USUAL  100000
#define IDLE_USUAL   1000
#define GUEST_HZ     500000000.0 /* instructions a second, by the clock that QEMU gives the guest */

static const char usage[] =
    "Usage: allotrope capture [OPTION]... --kernel FILE -o TRACE [-- QEMU-ARGUMENT...]\n"
    "Boot a GNU Mach kernel in QEMU and make a trace of all that it allocates.\n"
    "\n"
    "  -k, --kernel FILE     the kernel, with symbols and debugging information; gzip is fine\n"
    "  -m, --module 'FILE ARGUMENTS'\n"
    "                        a boot module, as often as there are modules\n"
    "      --disk IMAGE      the first IDE disk; what the guest writes to it is thrown away\n"
    "      --write-disk      let the guest change the image\n"
    "      --record FILE     write to FILE when the disk did what\n"
    "      --replay FILE     let the disk do all when it did according to FILE: captures of one\n"
    "                        FILE are the same bytes\n"
    "      --append TEXT     arguments of the kernel\n"
    "      --memory SIZE     of the guest (default: 64M)\n"
    "      --until MARK      end when the guest prints mark:MARK through mach_print()\n"
    "      --timeout TIME    end after so many seconds, or with m minutes, of your time\n"
    "      --guest-time TIME the same of the guest's time, which is reproducible\n"
    "      --idle-ticks N    end after N clock ticks of the guest without a call that did\n"
    "                        anything (default: 1000; 0: never)\n"
    "      --truth-every N   events between two readings of the kernel's counters (default:\n"
    "                        100000; 0: only at marks)\n"
    "      --keep-log FILE   keep the event log too\n"
    "      --qemu FILE       the QEMU to run (default: qemu-system-i386 or -x86_64)\n"
    "      --plugin FILE     the observer (default: found beside the program)\n"
    "      --console         show what the guest prints, on the standard error\n"
    "  -o, --output TRACE    write to TRACE; - is the standard output\n"
    "  -q, --quiet           no progress line and no summary\n"
    "  -h, --help            print this help\n"
    "\n"
    "Exit status: 0 fine, 1 error and no trace, 2 usage, 3 there is a trace but the mark never\n"
    "came or the guest panicked.\n";

struct request {
    struct capture_options options;
    const char *modules[MODULES_MAX];
    char command[COMMAND_MAX];
    bool quiet, help;
};

struct shown {
    struct progress progress;
    char label[CAPTURE_PHASE_MAX + 48];
    bool quiet;
};

static int fail(const struct error *error)
{
    fprintf(stderr, "allotrope: %s\n", error->text);
    return STATUS_ERROR;
}

static int misuse(const char *text, const char *what)
{
    fprintf(stderr, "allotrope: %s%s; see `allotrope capture --help`\n", text, what);
    return STATUS_USAGE;
}

/* ---- What is shown ---- */

static void show_progress(void *context, const struct capture_state *state)
{
    struct shown *shown = context;

    if (shown->quiet)
        return;
    snprintf(shown->label, sizeof(shown->label), "capture  %.2f s of the guest%s%s",
             (double)state->time / GUEST_HZ, state->phase[0] == '\0' ? "" : ", ", state->phase);
    progress_update(&shown->progress, state->events);
}

/* Line ends and tabs pass, what could move a terminal's cursor does not. */
static void show_console(void *context, const char *text, size_t size)
{
    struct shown *shown = context;

    progress_end(&shown->progress);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n' || text[i] == '\t' ||
            ((unsigned char)text[i] >= ' ' && text[i] != 0x7f))
            fputc(text[i], stderr);
    fflush(stderr);
}

static void summary(const struct capture_report *report)
{
    double rate = report->seconds > 0 ? (double)report->state.events / report->seconds : 0;

    fprintf(stderr, "%" PRIu64 " calls in %.1f s (%.0f a second), %" PRIu64 " events; ended: %s",
            report->state.events, report->seconds, rate, report->trace_events, report->reason);
    if (report->counters_wrong != 0)
        fprintf(stderr, "; %" PRIu64 " of %" PRIu64 " counters disagree with the events",
                report->counters_wrong, report->counters);
    fputc('\n', stderr);
}

/* ---- What is asked for ---- */

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_./:=,+@%-", c) != NULL);
}

static void append_text(char *to, const char *text, size_t size)
{
    size_t used = strlen(to);

    if (used + size + 1 > COMMAND_MAX)
        size = COMMAND_MAX - 1 - used;
    memcpy(to + used, text, size);
    to[used + size] = '\0';
}

/* As one would type it. */
static void quote(char *to, const char *word)
{
    size_t size = 0;

    while (plain(word[size]))
        size++;
    if (word[size] == '\0' && size != 0) {
        append_text(to, word, size);
        return;
    }
    append_text(to, "'", 1);
    for (; *word != '\0'; word++)
        append_text(to, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
    append_text(to, "'", 1);
}

static void note_command(struct request *request, int argc, char **argv)
{
    append_text(request->command, "allotrope", 9);
    for (int i = 0; i < argc; i++) {
        append_text(request->command, " ", 1);
        quote(request->command, argv[i]);
    }
    request->options.command = request->command;
}

static bool read_number(const char *text, uint64_t *value)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* "90", "90s", "5m", in seconds. */
static bool read_time(const char *text, uint64_t *seconds)
{
    char number[24];
    size_t size = strlen(text);
    uint64_t unit = 1;

    if (size == 0 || size >= sizeof(number))
        return false;
    if (text[size - 1] == 'm' || text[size - 1] == 's')
        unit = text[--size] == 'm' ? 60 : 1;
    memcpy(number, text, size);
    number[size] = '\0';
    if (!read_number(number, seconds) || *seconds == 0 || *seconds > 1000000)
        return false;
    *seconds *= unit;
    return true;
}

static int read_memory_size(struct capture_options *options, const char *text)
{
    struct error error;

    if (size_parse(text, &options->memory, &error) != 0)
        return misuse("--memory: ", error.text);
    if (options->memory < MEMORY_MIN || options->memory > MEMORY_MAX ||
        options->memory % (1u << 20) != 0)
        return misuse("--memory: expected whole MiB, at least 16M: ", text);
    return STATUS_FINE;
}

enum long_option {
    OPTION_DISK = 256,
    OPTION_WRITE_DISK,
    OPTION_RECORD,
    OPTION_REPLAY,
    OPTION_APPEND,
    OPTION_MEMORY,
    OPTION_UNTIL,
    OPTION_TIMEOUT,
    OPTION_GUEST_TIME,
    OPTION_IDLE_TICKS,
    OPTION_TRUTH_EVERY,
    OPTION_KEEP_LOG,
    OPTION_QEMU,
    OPTION_PLUGIN,
    OPTION_CONSOLE,
};

static int read_numeric(struct request *request, int c, const char *text)
{
    struct capture_options *options = &request->options;
    uint64_t seconds;

    switch (c) {
    case OPTION_TIMEOUT:
        return read_time(text, &options->timeout)
                   ? STATUS_FINE
                   : misuse("--timeout: expected seconds, such as 90 or 5m: ", text);
    case OPTION_GUEST_TIME:
        if (!read_time(text, &seconds))
            return misuse("--guest-time: expected seconds, such as 90 or 5m: ", text);
        options->guest_time = seconds * (uint64_t)GUEST_HZ;
        return STATUS_FINE;
    case OPTION_IDLE_TICKS:
        return read_number(text, &options->idle_ticks)
                   ? STATUS_FINE
                   : misuse("--idle-ticks: expected a number: ", text);
    case OPTION_TRUTH_EVERY:
        return read_number(text, &options->truth_every)
                   ? STATUS_FINE
                   : misuse("--truth-every: expected a number: ", text);
    default:
        return read_memory_size(options, text);
    }
}

static int read_option(struct request *request, int c, const char *text)
{
    struct capture_options *options = &request->options;

    switch (c) {
    case 'k':
        options->kernel = text;
        return STATUS_FINE;
    case 'm':
        if (options->nr_modules == MODULES_MAX)
            return misuse("too many modules: ", text);
        request->modules[options->nr_modules++] = text;
        return STATUS_FINE;
    case 'o':
        options->output = text;
        return STATUS_FINE;
    case 'q':
        request->quiet = true;
        return STATUS_FINE;
    case 'h':
        request->help = true;
        return STATUS_FINE;
    case OPTION_DISK:
        options->disk = text;
        return STATUS_FINE;
    case OPTION_WRITE_DISK:
        options->write_disk = true;
        return STATUS_FINE;
    case OPTION_RECORD:
        options->record = text;
        return STATUS_FINE;
    case OPTION_REPLAY:
        options->replay = text;
        return STATUS_FINE;
    case OPTION_APPEND:
        options->append = text;
        return STATUS_FINE;
    case OPTION_UNTIL:
        options->until = text;
        return STATUS_FINE;
    case OPTION_KEEP_LOG:
        options->keep_log = text;
        return STATUS_FINE;
    case OPTION_QEMU:
        options->qemu = text;
        return STATUS_FINE;
    case OPTION_PLUGIN:
        options->plugin = text;
        return STATUS_FINE;
    case OPTION_CONSOLE:
        options->console = true;
        return STATUS_FINE;
    case '?':
        fprintf(stderr, "see `allotrope capture --help`\n");
        return STATUS_USAGE;
    default:
        return read_numeric(request, c, text);
    }
}

static int check_disk(const struct capture_options *options)
{
    const char *needy = options->write_disk       ? "--write-disk"
                        : options->record != NULL ? "--record"
                        : options->replay != NULL ? "--replay"
                                                  : NULL;

    if (needy != NULL && options->disk == NULL)
        return misuse(needy, " without --disk");
    if (options->record != NULL && options->replay != NULL)
        return misuse("--record and --replay: expected one of them", "");
    if (options->write_disk && (options->record != NULL || options->replay != NULL))
        return misuse("--write-disk changes the image, and a recorded disk must stay the same", "");
    return STATUS_FINE;
}

static int read_request(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"kernel", required_argument, NULL, 'k'},
        {"module", required_argument, NULL, 'm'},
        {"disk", required_argument, NULL, OPTION_DISK},
        {"write-disk", no_argument, NULL, OPTION_WRITE_DISK},
        {"record", required_argument, NULL, OPTION_RECORD},
        {"replay", required_argument, NULL, OPTION_REPLAY},
        {"append", required_argument, NULL, OPTION_APPEND},
        {"memory", required_argument, NULL, OPTION_MEMORY},
        {"until", required_argument, NULL, OPTION_UNTIL},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"guest-time", required_argument, NULL, OPTION_GUEST_TIME},
        {"idle-ticks", required_argument, NULL, OPTION_IDLE_TICKS},
        {"truth-every", required_argument, NULL, OPTION_TRUTH_EVERY},
        {"keep-log", required_argument, NULL, OPTION_KEEP_LOG},
        {"qemu", required_argument, NULL, OPTION_QEMU},
        {"plugin", required_argument, NULL, OPTION_PLUGIN},
        {"console", no_argument, NULL, OPTION_CONSOLE},
        {"output", required_argument, NULL, 'o'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c, status = STATUS_FINE;

    optind = 0;
    while (status == STATUS_FINE && !request->help &&
           (c = getopt_long(argc, argv, "+k:m:o:qh", options, NULL)) != -1)
        status = read_option(request, c, optarg);
    if (status != STATUS_FINE || request->help)
        return status;
    if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
        return misuse("arguments of QEMU stand after --: ", argv[optind]);
    request->options.arguments = (const char *const *)argv + optind;
    request->options.nr_arguments = (unsigned)(argc - optind);
    if (request->options.kernel == NULL)
        return misuse("no kernel is given: --kernel FILE", "");
    if (request->options.output == NULL)
        return misuse("no TRACE is given: -o TRACE", "");
    return check_disk(&request->options);
}

static int help(void)
{
    struct error error;

    if (fputs(usage, stdout) != EOF && fflush(stdout) == 0)
        return STATUS_FINE;
    error_set(&error, "cannot write the standard output: %s", strerror(errno));
    return fail(&error);
}

/* ---- Doing it ---- */

static int capture(const struct request *request)
{
    struct shown shown = {.quiet = request->quiet};
    const struct capture_listener listener = {show_progress, show_console, &shown};
    const struct capture_options *options = &request->options;
    struct capture_report report;
    struct error error = {{0}};
    int code;

    snprintf(shown.label, sizeof(shown.label), "capture");
    if (!request->quiet)
        progress_begin(&shown.progress, shown.label, "calls", 0);
    code = capture_run(options, &listener, &report, &error);
    progress_end(&shown.progress);
    if (code != 0)
        return fail(&error);
    if (!request->quiet)
        summary(&report);
    if (report.end == CAPTURE_AS_ASKED)
        return STATUS_FINE;
    if (options->until != NULL && strncmp(report.reason, "mark ", 5) != 0)
        fprintf(stderr, "allotrope: the mark '%s' never came: %s; the trace up to there is in %s\n",
                options->until, report.reason, options->output);
    else
        fprintf(stderr, "allotrope: %s; the trace up to there is in %s\n", report.reason,
                options->output);
    return STATUS_OTHERWISE;
}

int capture_command(int argc, char **argv)
{
    struct request *request = calloc(1, sizeof(*request));
    int status;

    if (request == NULL)
        return fail(&(struct error){"not enough memory"});
    request->options = (struct capture_options){
        .modules = request->modules,
        .memory = MEMORY_USUAL,
        .truth_every = TRUTH_USUAL,
        .idle_ticks = IDLE_USUAL,
    };
    note_command(request, argc, argv);
    status = read_request(argc, argv, request);
    if (status == STATUS_FINE)
        status = request->help ? help() : capture(request);
    free(request);
    return status;
}
