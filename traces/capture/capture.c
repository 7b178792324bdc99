/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A capture, from the first check to the finished trace.
 *
 * Whatever can be found wrong before the guest runs is found then. Three run at once: QEMU, with
 * the observer in it, writes the log to a pipe; this thread passes it on, watches the clock, the
 * guest's console and the person's signals, and decides when it ends; a second thread imports. The
 * importer learns that the log is complete by the end of its pipe, and asks before it gives the
 * trace its name, so that a guest that died leaves no half trace.
 *
 * QEMU runs in a folder of its own, in which kernel and modules have plain names: the guest sees
 * them, and where the files lie must not show in a trace.
 */

#include "traces/capture/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/output.h"
#include "traces/capture/kernel.h"
#include "traces/capture/plan.h"
#include "traces/capture/process.h"
#include "traces/capture/pump.h"
#include "traces/capture/qemu.h"
#include "traces/import.h"

#define TICK_MS      100  /* between two looks at everything */
#define STOP_MS      5000 /* for QEMU to end when asked */
#define MESSAGES_MAX 4096
#define PIPE_BYTES   (1 << 20)
#define LOG_NAME     "the guest's event log"

struct importer {
    pthread_t thread;
    bool runs;
    int from;
    const char *output;
    const char *log;       /* what sentences call the log */
    atomic_bool abandoned; /* the trace must not appear */
    atomic_bool over;      /* it reads no more */
    int code;
    struct import_counts counts;
    struct error error;
};

struct capture {
    const struct capture_options *options;
    const struct capture_listener *listener;
    struct capture_report *report;
    struct error *error;

    struct plan plan;
    char program[PATH_MAX], plugin[PATH_MAX], version[QEMU_VERSION_MAX];
    char folder[64];
    bool has_folder;
    struct words modules; /* names in the folder, with arguments */
    struct process qemu;
    struct pump pump;
    struct importer importer;
    struct output *kept;
    int signals, console;
    int log[2], inner[2]; /* pipes */
    sigset_t mask;
    uint64_t start, deadline; /* ns; deadline 0: none */
    bool stopping;            /* QEMU was asked to end */
    bool died;                /* QEMU ended by itself, and not well */
    bool broken;              /* QEMU runs on without its log */
    char messages[MESSAGES_MAX];
    size_t messages_size;
    char last_line[160]; /* on the console */
    size_t last_size;
};

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- Checks ---- */

static int check_file(const char *path, const char *what, struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return error_set(error, "%s: cannot open the %s: %s", path, what, strerror(errno));
    close(file);
    return 0;
}

/* The file's name in a module's text, to be freed. */
static char *module_file(const char *module)
{
    return strndup(module, strcspn(module, " "));
}

static int check_modules(struct capture *capture)
{
    for (unsigned i = 0; i < capture->options->nr_modules; i++) {
        char *file = module_file(capture->options->modules[i]);
        int code;

        if (file == NULL)
            return error_set(capture->error, "not enough memory");
        code = check_file(file, "module", capture->error);
        free(file);
        if (code != 0)
            return -1;
    }
    return 0;
}

static int check_output(struct capture *capture, const char *path)
{
    const struct capture_options *options = capture->options;
    struct output *output;
    struct stat status;

    if (output_distinct(options->kernel, path, capture->error) != 0 ||
        (options->disk != NULL && output_distinct(options->disk, path, capture->error) != 0))
        return -1;
    if (strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode)))
        return 0;
    output = output_open(path, capture->error);
    if (output == NULL)
        return -1;
    output_abort(output);
    return 0;
}

static int check_program(struct capture *capture)
{
    const char *name = capture->options->qemu;

    if (name == NULL)
        name = capture->plan.word == 4 ? "qemu-system-i386" : "qemu-system-x86_64";
    if (qemu_version(name, capture->version, capture->error) != 0)
        return -1;
    /* QEMU will run in another folder. */
    if (strchr(name, '/') == NULL)
        snprintf(capture->program, sizeof(capture->program), "%s", name);
    else if (realpath(name, capture->program) == NULL)
        return error_set(capture->error, "%s: cannot find the program: %s", name, strerror(errno));
    return qemu_find_plugin(capture->options, capture->plugin, sizeof(capture->plugin),
                            capture->error);
}

static int check_record(struct capture *capture)
{
    const struct capture_options *options = capture->options;
    const char *const outputs[] = {options->output, options->keep_log};

    if (options->replay != NULL && check_file(options->replay, "record", capture->error) != 0)
        return -1;
    if (options->record != NULL && check_output(capture, options->record) != 0)
        return -1;
    for (unsigned i = 0; i < 2; i++) {
        if (outputs[i] == NULL)
            continue;
        if (options->record != NULL && strcmp(options->record, outputs[i]) == 0)
            return error_set(capture->error, "%s: the record would be one file with another output",
                             outputs[i]);
        if (options->replay != NULL &&
            output_distinct(options->replay, outputs[i], capture->error) != 0)
            return -1;
    }
    return 0;
}

static int check_all(struct capture *capture)
{
    const struct capture_options *options = capture->options;

    if (check_file(options->kernel, "kernel", capture->error) != 0 ||
        kernel_plan(&capture->plan, options->kernel, capture->error) != 0 ||
        check_modules(capture) != 0)
        return -1;
    if (options->disk != NULL && check_file(options->disk, "disk", capture->error) != 0)
        return -1;
    if (check_output(capture, options->output) != 0 ||
        (options->keep_log != NULL && check_output(capture, options->keep_log) != 0))
        return -1;
    if (options->keep_log != NULL && strcmp(options->keep_log, options->output) == 0)
        return error_set(capture->error, "%s: the log and the trace would be one file",
                         options->output);
    if (check_record(capture) != 0)
        return -1;
    return check_program(capture);
}

/* ---- The folder ---- */

static int folder_link(struct capture *capture, const char *file, const char *name)
{
    char path[PATH_MAX + 64], *real = realpath(file, NULL);
    int code;

    if (real == NULL)
        return error_set(capture->error, "%s: %s", file, strerror(errno));
    snprintf(path, sizeof(path), "%s/%s", capture->folder, name);
    code = symlink(real, path);
    free(real);
    if (code != 0)
        return error_set(capture->error, "%s: two modules of the name '%s'", file, name);
    return 0;
}

static int folder_modules(struct capture *capture)
{
    for (unsigned i = 0; i < capture->options->nr_modules; i++) {
        const char *module = capture->options->modules[i];
        char *file = module_file(module);
        const char *slash = file == NULL ? NULL : strrchr(file, '/');
        const char *name = slash != NULL ? slash + 1 : file;
        int code;

        if (file == NULL)
            return error_set(capture->error, "not enough memory");
        code = folder_link(capture, file, name);
        words_add(&capture->modules, "%s%s", name, module + strlen(file));
        free(file);
        if (code != 0)
            return -1;
    }
    return capture->modules.failed ? error_set(capture->error, "not enough memory") : 0;
}

static int folder_stream(struct capture *capture, const char *name, FILE **stream)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", capture->folder, name);
    *stream = fopen(path, "wxe");
    if (*stream == NULL)
        return error_set(capture->error, "%s: cannot make the file: %s", path, strerror(errno));
    return 0;
}

static int folder_close(struct capture *capture, const char *name, FILE *stream)
{
    bool failed = ferror(stream) != 0;

    if (fclose(stream) != 0 || failed)
        return error_set(capture->error, "%s/%s: cannot write: %s", capture->folder, name,
                         strerror(errno));
    return 0;
}

static int folder_make(struct capture *capture)
{
    const char *place = getenv("TMPDIR");
    char path[128];
    FILE *stream;

    if (place == NULL || strlen(place) > 32)
        place = "/tmp";
    snprintf(capture->folder, sizeof(capture->folder), "%s/allotrope-XXXXXX", place);
    if (mkdtemp(capture->folder) == NULL)
        return error_set(capture->error, "%s: cannot make a folder: %s", place, strerror(errno));
    capture->has_folder = true;
    if (folder_stream(capture, QEMU_PLAN, &stream) != 0)
        return -1;
    plan_write(&capture->plan, stream);
    if (folder_close(capture, QEMU_PLAN, stream) != 0 ||
        folder_stream(capture, QEMU_KERNEL, &stream) != 0)
        return -1;
    if (kernel_image(capture->options->kernel, stream, capture->error) != 0) {
        fclose(stream);
        return -1;
    }
    if (folder_close(capture, QEMU_KERNEL, stream) != 0 || folder_modules(capture) != 0)
        return -1;
    if (capture->options->replay != NULL &&
        folder_link(capture, capture->options->replay, QEMU_RECORD) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/%s", capture->folder, QEMU_CONSOLE);
    capture->console = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (capture->console < 0)
        return error_set(capture->error, "%s: cannot make the file: %s", path, strerror(errno));
    return 0;
}

static void folder_remove_file(const struct capture *capture, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%.*s", capture->folder, (int)strcspn(name, " "), name);
    unlink(path);
}

static void folder_remove(struct capture *capture)
{
    if (!capture->has_folder)
        return;
    folder_remove_file(capture, QEMU_PLAN);
    folder_remove_file(capture, QEMU_KERNEL);
    folder_remove_file(capture, QEMU_CONSOLE);
    folder_remove_file(capture, QEMU_RECORD);
    for (size_t i = 0; i < capture->modules.nr; i++)
        folder_remove_file(capture, capture->modules.items[i]);
    rmdir(capture->folder);
}

/* ---- Provenance ---- */

static int comment(struct capture *capture, const char *key, const char *value)
{
    char text[4000];

    snprintf(text, sizeof(text), "%s: %s", key, value);
    return plan_add_comment(&capture->plan, text, capture->error);
}

static int fill_plan(struct capture *capture)
{
    const struct capture_options *options = capture->options;
    struct plan *plan = &capture->plan;
    char machine[256];

    qemu_machine(options, capture->version, plan->word, machine, sizeof(machine));
    if (comment(capture, "machine", machine) != 0)
        return -1;
    for (unsigned i = 0; i < options->nr_modules; i++) {
        size_t file = strcspn(options->modules[i], " ");
        const char *slash = memrchr(options->modules[i], '/', file);

        if (comment(capture, "module", slash == NULL ? options->modules[i] : slash + 1) != 0)
            return -1;
    }
    if (comment(capture, "command", options->command) != 0 ||
        comment(capture, "captured-by", "allotrope " ALLOTROPE_VERSION) != 0)
        return -1;
    plan->truth_every = options->truth_every;
    plan->idle_ticks = options->idle_ticks;
    plan->guest_time = options->guest_time;
    if (options->until != NULL) {
        plan->until = strdup(options->until);
        if (plan->until == NULL)
            return error_set(capture->error, "not enough memory");
    }
    return 0;
}

/* ---- The importer ---- */

static int import_step_check(void *context, struct error *error)
{
    struct importer *importer = context;

    return atomic_load(&importer->abandoned) ? error_set(error, "the capture was given up") : 0;
}

static void *import_thread(void *context)
{
    static const struct import_options options = {.partial = true};
    struct importer *importer = context;
    int from = importer->from;
    struct import *import = import_open_file(from, importer->log, &options, &importer->error);

    importer->code = -1;
    if (import != NULL) {
        importer->code = import_trace(import, importer->output, 0, import_step_check, importer,
                                      &importer->error);
        importer->counts = *import_counts(import);
    }
    import_close(import);
    atomic_store(&importer->over, true);
    return NULL;
}

static int importer_start(struct capture *capture)
{
    struct importer *importer = &capture->importer;
    int code;

    importer->output = capture->options->output;
    importer->log = capture->options->keep_log != NULL ? capture->options->keep_log : LOG_NAME;
    importer->from = capture->inner[0];
    capture->inner[0] = -1; /* the thread's */
    code = pthread_create(&importer->thread, NULL, import_thread, importer);
    if (code != 0) {
        close(importer->from);
        return error_set(capture->error, "cannot start a thread: %s", strerror(code));
    }
    importer->runs = true;
    return 0;
}

static void close_one(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

/* Lets the importer finish, or give up. */
static void importer_finish(struct capture *capture, bool abandon)
{
    if (abandon)
        atomic_store(&capture->importer.abandoned, true);
    close_one(&capture->inner[1]);
    if (capture->importer.runs)
        pthread_join(capture->importer.thread, NULL);
    capture->importer.runs = false;
}

/* ---- While the guest runs ---- */

static void stop(struct capture *capture, const char *reason)
{
    if (capture->stopping)
        return;
    capture->stopping = true;
    if (!capture->pump.reason_in_log)
        snprintf(capture->pump.reason, sizeof(capture->pump.reason), "%s", reason);
    if (!process_gone(&capture->qemu))
        kill(-capture->qemu.id, SIGTERM);
    capture->deadline = now() + STOP_MS * 1000000ull;
}

static void read_messages(struct capture *capture)
{
    char text[1024];
    ssize_t got = read(capture->qemu.messages, text, sizeof(text));
    size_t room = sizeof(capture->messages) - 1 - capture->messages_size;

    if (got <= 0) {
        if (got == 0 || errno != EINTR)
            close_one(&capture->qemu.messages);
        return;
    }
    if ((size_t)got < room)
        room = (size_t)got;
    memcpy(capture->messages + capture->messages_size, text, room);
    capture->messages_size += room;
    capture->messages[capture->messages_size] = '\0';
}

/* Remembers the last line with something in it. */
static void note_console(struct capture *capture, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool printable = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;

        if (text[i] == '\n')
            capture->last_size = 0;
        else if (printable && capture->last_size + 1 < sizeof(capture->last_line)) {
            capture->last_line[capture->last_size++] = text[i];
            capture->last_line[capture->last_size] = '\0';
        }
    }
}

static void read_console(struct capture *capture)
{
    char text[4096];
    ssize_t got;

    while ((got = read(capture->console, text, sizeof(text))) > 0) {
        note_console(capture, text, (size_t)got);
        if (capture->options->console && capture->listener != NULL)
            capture->listener->console(capture->listener->context, text, (size_t)got);
    }
}

static void read_signal(struct capture *capture)
{
    struct signalfd_siginfo information;

    if (read(capture->signals, &information, sizeof(information)) == sizeof(information))
        stop(capture, "interrupted by a signal");
}

static void look_at_clock(struct capture *capture)
{
    char reason[96];

    if (capture->deadline == 0 || now() < capture->deadline)
        return;
    if (capture->stopping) { /* it does not end by itself */
        process_stop(&capture->qemu, 0);
        capture->deadline = 0;
        return;
    }
    snprintf(reason, sizeof(reason), "time limit of %llu s",
             (unsigned long long)capture->options->timeout);
    stop(capture, reason);
}

/* Runs until the log ends. */
static int watch(struct capture *capture)
{
    for (;;) {
        struct pollfd files[] = {
            {.fd = capture->log[0], .events = POLLIN},
            {.fd = capture->signals, .events = POLLIN},
            {.fd = capture->qemu.messages, .events = POLLIN},
        };
        int code = 1;

        if (poll(files, 3, TICK_MS) < 0 && errno != EINTR)
            return error_set(capture->error, "cannot wait for QEMU: %s", strerror(errno));
        if (files[1].revents != 0)
            read_signal(capture);
        if (files[2].revents != 0)
            read_messages(capture);
        if (files[0].revents != 0)
            code = pump_run(&capture->pump, capture->error);
        if (code <= 0)
            return code;
        /* The guest may have nothing to say for long. */
        if (atomic_load(&capture->importer.over) && !capture->pump.ended)
            capture->pump.refused = true;
        if (capture->pump.refused)
            return 0;
        read_console(capture);
        look_at_clock(capture);
        if (capture->listener != NULL)
            capture->listener->progress(capture->listener->context, &capture->pump.state);
    }
}

/* ---- How it ended ---- */

/* The line of QEMU's messages that says most, without "qemu-system-i386: ". */
static void pick_message(const struct capture *capture, char *text, size_t size)
{
    const char *line = strstr(capture->messages, "allotrope: "), *colon;

    if (line != NULL) {
        line += strlen("allotrope: ");
    } else {
        line = capture->messages;
        colon = strstr(line, ": ");
        if (colon != NULL && memchr(line, '\n', (size_t)(colon - line)) == NULL &&
            strncmp(line, "qemu", 4) == 0)
            line = colon + 2;
    }
    snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
    if (text[0] == '\0')
        snprintf(text, size, "it said nothing");
}

static int qemu_died(struct capture *capture)
{
    char message[512], fate[64];

    pick_message(capture, message, sizeof(message));
    process_fate(&capture->qemu, fate, sizeof(fate));
    return error_set(capture->error, "QEMU ended with %s before the capture was over: %s", fate,
                     message);
}

static int nothing_seen(struct capture *capture)
{
    return error_set(capture->error,
                     "the guest made no observed call (%s): the last line on its console is '%s'",
                     capture->pump.reason, capture->last_line);
}

/* Is there something to make a trace of? */
static int judge(struct capture *capture)
{
    struct pump *pump = &capture->pump;

    if (capture->broken)
        return error_set(capture->error,
                         "the log broke off before the capture was over, though QEMU still ran");
    if (capture->died || (!pump->ended && !capture->stopping))
        return qemu_died(capture);
    if (pump->state.events == 0)
        return nothing_seen(capture);
    return 0;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void fill_report(struct capture *capture)
{
    struct capture_report *report = capture->report;
    const struct import_counts *counts = &capture->importer.counts;
    const char *until = capture->options->until, *reason = capture->pump.reason;

    report->state = capture->pump.state;
    snprintf(report->reason, sizeof(report->reason), "%s", reason);
    report->end = CAPTURE_AS_ASKED;
    if (starts_with(reason, "the guest panicked") || starts_with(reason, "interrupted") ||
        (until != NULL && !(starts_with(reason, "mark ") && strcmp(reason + 5, until) == 0)))
        report->end = CAPTURE_OTHERWISE;
    report->trace_events = counts->events;
    report->counters = counts->counters;
    report->counters_wrong = counts->counters_wrong;
    report->import_busy = (double)capture->pump.waited / 1e9;
}

/* A log that the importer refuses is what its person needs to see: it is kept up to where it was
 * refused, or a little further, and the sentence names it. */
static int finish_kept(struct capture *capture, bool good, bool refused)
{
    struct output *kept = capture->kept;

    capture->kept = NULL;
    if (kept == NULL)
        return 0;
    if (good || refused)
        return output_commit(kept, good ? capture->error : NULL);
    output_abort(kept);
    return 0;
}

/* What QEMU has written in the folder takes its name. */
static int finish_record(struct capture *capture)
{
    struct output *output;
    char path[128], bytes[1 << 16];
    FILE *stream;
    size_t size;

    snprintf(path, sizeof(path), "%s/%s", capture->folder, QEMU_RECORD);
    stream = fopen(path, "re");
    if (stream == NULL)
        return error_set(capture->error, "%s: QEMU made no record: %s", path, strerror(errno));
    output = output_open(capture->options->record, capture->error);
    if (output == NULL) {
        fclose(stream);
        return -1;
    }
    while ((size = fread(bytes, 1, sizeof(bytes), stream)) != 0)
        (void)fwrite(bytes, 1, size, output_stream(output));
    if (ferror(stream)) {
        error_set(capture->error, "%s: cannot read: %s", path, strerror(errno));
        output_abort(output);
        fclose(stream);
        return -1;
    }
    fclose(stream);
    return output_commit(output, capture->error);
}

/* The log is at its end: QEMU goes, the trace comes. */
static int conclude(struct capture *capture, int code)
{
    bool good, refused = false;

    /* Nothing has ended it: it is about to end by itself, and its status will tell why. */
    if (code == 0 && !capture->pump.reason_seen && !capture->stopping && !capture->pump.refused) {
        bool gone = process_wait(&capture->qemu, STOP_MS);

        capture->died = gone && capture->qemu.status != 0;
        capture->broken = !gone && !capture->pump.ended;
    }
    process_stop(&capture->qemu, STOP_MS);
    while (capture->qemu.messages >= 0)
        read_messages(capture);
    read_console(capture);
    if (code == 0 && !capture->pump.refused) {
        code = judge(capture);
        if (code == 0)
            pump_cut(&capture->pump);
    }
    if (code == 0 && !capture->pump.refused && capture->options->record != NULL)
        code = finish_record(capture);
    good = code == 0 && !capture->pump.refused;
    importer_finish(capture, !good);
    if (code == 0 && capture->importer.code != 0) {
        *capture->error = capture->importer.error;
        refused = true;
        code = -1;
    }
    if (finish_kept(capture, code == 0, refused) != 0)
        code = -1;
    return code;
}

/* ---- From start to end ---- */

static int open_pipes(struct capture *capture)
{
    if (pipe2(capture->log, O_CLOEXEC) != 0 || pipe2(capture->inner, O_CLOEXEC) != 0)
        return error_set(capture->error, "cannot make a pipe: %s", strerror(errno));
    /* As large as one may: it works without, only slower. */
    (void)fcntl(capture->log[1], F_SETPIPE_SZ, PIPE_BYTES);
    (void)fcntl(capture->inner[1], F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

/* Signals that end a program end the capture in order instead; a pipe that nobody reads is an
 * error of write(). Blocked until the capture is over, in the importer's thread too. */
static int take_signals(struct capture *capture)
{
    sigset_t taken, blocked;

    sigemptyset(&taken);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGHUP);
    blocked = taken;
    sigaddset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &blocked, &capture->mask);
    capture->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return capture->signals >= 0
               ? 0
               : error_set(capture->error, "cannot wait for signals: %s", strerror(errno));
}

static void give_signals_back(struct capture *capture)
{
    sigset_t broken;

    close_one(&capture->signals);
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    while (sigtimedwait(&broken, NULL, &(struct timespec){0}) > 0)
        continue;
    pthread_sigmask(SIG_SETMASK, &capture->mask, NULL);
}

static int launch(struct capture *capture)
{
    const struct capture_options *options = capture->options;
    struct words words = {0};
    int code;

    qemu_words(&words, options, capture->program, capture->plugin, &capture->modules,
               capture->plan.word, capture->log[1]);
    code = process_start(&capture->qemu, &words, capture->folder, capture->log[1], capture->error);
    words_free(&words);
    close_one(&capture->log[1]);
    if (code != 0)
        return -1;
    capture->start = now();
    if (options->timeout != 0)
        capture->deadline = capture->start + options->timeout * 1000000000ull;
    return 0;
}

static int prepare(struct capture *capture)
{
    const struct capture_options *options = capture->options;
    FILE *kept = NULL;

    if (check_all(capture) != 0 || fill_plan(capture) != 0 || folder_make(capture) != 0 ||
        open_pipes(capture) != 0)
        return -1;
    if (options->keep_log != NULL) {
        capture->kept = output_open(options->keep_log, capture->error);
        if (capture->kept == NULL)
            return -1;
        kept = output_stream(capture->kept);
    }
    return pump_init(&capture->pump, capture->log[0], capture->inner[1], kept, capture->error);
}

static int run(struct capture *capture)
{
    int code;

    if (take_signals(capture) != 0)
        return -1;
    code = launch(capture);
    if (code == 0)
        code = importer_start(capture);
    if (code == 0)
        code = watch(capture);
    if (capture->start != 0)
        capture->report->seconds = (double)(now() - capture->start) / 1e9;
    code = conclude(capture, code);
    give_signals_back(capture);
    return code;
}

static void clean_up(struct capture *capture)
{
    if (capture->kept != NULL)
        output_abort(capture->kept);
    pump_free(&capture->pump);
    for (unsigned i = 0; i < 2; i++) {
        close_one(&capture->log[i]);
        close_one(&capture->inner[i]);
    }
    close_one(&capture->console);
    folder_remove(capture);
    words_free(&capture->modules);
    plan_free(&capture->plan);
}

int capture_run(const struct capture_options *options, const struct capture_listener *listener,
                struct capture_report *report, struct error *error)
{
    struct capture *capture = calloc(1, sizeof(*capture));
    int code;

    memset(report, 0, sizeof(*report));
    if (capture == NULL)
        return error_set(error, "not enough memory");
    capture->options = options;
    capture->listener = listener;
    capture->report = report;
    capture->error = error;
    capture->signals = capture->console = capture->qemu.messages = -1;
    capture->log[0] = capture->log[1] = capture->inner[0] = capture->inner[1] = -1;
    plan_init(&capture->plan);
    code = prepare(capture);
    if (code == 0)
        code = run(capture);
    if (code == 0)
        fill_report(capture);
    clean_up(capture);
    free(capture);
    return code;
}
