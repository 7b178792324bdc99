/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * QEMU's command line.
 *
 * What makes two captures of the same run the same bytes is here: one processor, time that is
 * counted in instructions and skips ahead when the guest idles, a clock that starts at a fixed
 * date, no network, no device that is not asked for, and names of files that do not depend on where
 * they lie. What a disk does takes the time it takes: that repeats only when it is replayed.
 */

#include "traces/capture/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEEDED_MAJOR 9
#define NEEDED_MINOR 2
#define PLUGIN_NAME  "allotrope-capture.so"
#define OUTPUT_MAX   4096
#define STOP_MS      2000

/* ---- Version ---- */

static void read_output(struct process *process, char *text, size_t size)
{
    size_t used = 0;

    while (used + 1 < size) {
        ssize_t got = read(process->messages, text + used, size - 1 - used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    text[used] = '\0';
    close(process->messages);
    process->messages = -1;
}

static int check_version(const char *program, const char *text, char version[QEMU_VERSION_MAX],
                         struct error *error)
{
    static const char words[] = "QEMU emulator version ";
    const char *at = strstr(text, words);
    unsigned major, minor;
    size_t size;

    if (at == NULL || sscanf(at + strlen(words), "%u.%u", &major, &minor) != 2)
        return error_set(error,
                         "'%s' does not say which QEMU it is: expected qemu-system-i386 or "
                         "the like",
                         program);
    at += strlen(words);
    size = strspn(at, "0123456789.");
    snprintf(version, QEMU_VERSION_MAX, "%.*s", (int)size, at);
    if (major > NEEDED_MAJOR || (major == NEEDED_MAJOR && minor >= NEEDED_MINOR))
        return 0;
    return error_set(error,
                     "'%s' is QEMU %s: a capture needs %u.%u or newer, whose plugins can read "
                     "registers; name another with --qemu (traces/capture/fetch gets one)",
                     program, version, NEEDED_MAJOR, NEEDED_MINOR);
}

int qemu_version(const char *program, char version[QEMU_VERSION_MAX], struct error *error)
{
    char text[OUTPUT_MAX], fate[64];
    struct error reason = {{0}};
    struct process process;
    struct words words = {0};
    int code;

    words_add(&words, "%s", program);
    words_add(&words, "--version");
    code = process_start(&process, &words, NULL, -1, &reason);
    words_free(&words);
    if (code != 0)
        return error_set(error,
                         "%s: a capture needs QEMU %u.%u or newer; name it with --qemu "
                         "(traces/capture/fetch gets one)",
                         reason.text, NEEDED_MAJOR, NEEDED_MINOR);
    read_output(&process, text, sizeof(text));
    process_stop(&process, STOP_MS);
    process_fate(&process, fate, sizeof(fate));
    if (process.status != 0) {
        text[strcspn(text, "\n")] = '\0';
        return error_set(error, "'%s --version' ended with %s: %s", program, fate,
                         text[0] != '\0' ? text : "it said nothing");
    }
    return check_version(program, text, version, error);
}

/* ---- The plugin ---- */

/* Beside the program itself, in its build folder, or where it was installed. */
int qemu_find_plugin(const struct capture_options *options, char *path, size_t size,
                     struct error *error)
{
    static const char *const places[] = {"", "/traces/capture", "/../lib/allotrope"};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *slash;

    if (options->plugin != NULL) {
        char *real = realpath(options->plugin, NULL);

        if (real == NULL)
            return error_set(error, "%s: cannot use the plugin: %s", options->plugin,
                             strerror(errno));
        snprintf(path, size, "%s", real);
        free(real);
        return 0;
    }
    program[length < 0 ? 0 : length] = '\0';
    slash = strrchr(program, '/');
    if (slash != NULL)
        *slash = '\0';
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int written = snprintf(path, size, "%s%s/%s", program, places[i], PLUGIN_NAME);

        if (written >= 0 && (size_t)written < size && access(path, R_OK) == 0)
            return 0;
    }
    snprintf(path, size, "%s/%s", ALLOTROPE_PLUGIN_FOLDER, PLUGIN_NAME);
    if (access(path, R_OK) == 0)
        return 0;
    return error_set(error,
                     "cannot find the plugin %s beside the program or in %s: name it with "
                     "--plugin",
                     PLUGIN_NAME, ALLOTROPE_PLUGIN_FOLDER);
}

/* ---- The command line ---- */

/* In QEMU's lists a comma is written twice. Returns new text, NULL without memory. */
static char *escape(const char *text)
{
    char *escaped = malloc(2 * strlen(text) + 1), *to = escaped;

    if (escaped == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        *to++ = *text;
        if (*text == ',')
            *to++ = ',';
    }
    *to = '\0';
    return escaped;
}

/* What the disk does when is recorded or replayed. */
static bool timed(const struct capture_options *options)
{
    return options->record != NULL || options->replay != NULL;
}

static void add_modules(struct words *words, const struct words *modules)
{
    char *list = strdup("");

    for (size_t i = 0; i < modules->nr && list != NULL; i++) {
        char *escaped = escape(modules->items[i]), *longer = NULL;

        if (escaped == NULL || asprintf(&longer, "%s%s%s", list, i == 0 ? "" : ",", escaped) < 0)
            longer = NULL;
        free(escaped);
        free(list);
        list = longer;
    }
    if (list == NULL)
        words->failed = true;
    else if (modules->nr != 0) {
        words_add(words, "-initrd");
        words_add(words, "%s", list);
    }
    free(list);
}

static bool is_qcow2(const char *path)
{
    char magic[4] = {0};
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return false;
    if (fread(magic, sizeof(magic), 1, file) != 1)
        magic[0] = '\0';
    fclose(file);
    return memcmp(magic, "QFI\xfb", 4) == 0;
}

/* A disk whose requests are recorded or replayed is one over another: requests go through the
 * upper one, which tells the guest of their end at an instruction that is written down. */
static void add_disk(struct words *words, const struct capture_options *options)
{
    char *real = realpath(options->disk, NULL), *escaped = real == NULL ? NULL : escape(real);
    const char *format, *place;

    if (escaped == NULL) {
        words->failed = true;
    } else {
        format = is_qcow2(real) ? "qcow2" : "raw";
        place = timed(options) ? "if=none,id=image" : "if=ide,index=0,media=disk";
        words_add(words, "-drive");
        words_add(words, "file=%s,format=%s,%s,snapshot=%s", escaped, format, place,
                  options->write_disk ? "off" : "on");
    }
    if (timed(options)) {
        words_add(words, "-drive");
        words_add(words, "driver=blkreplay,if=none,image=image,id=disk");
        words_add(words, "-device");
        words_add(words, "ide-hd,drive=disk,bus=ide.0,unit=0");
    }
    free(escaped);
    free(real);
}

/* While it records, QEMU 10 does not skip ahead when the guest idles: asked to, it stands still. */
static void add_clock(struct words *words, const struct capture_options *options)
{
    words_add(words, "-icount");
    if (timed(options))
        words_add(words, "shift=1,sleep=on,rr=%s,rrfile=%s",
                  options->record != NULL ? "record" : "replay", QEMU_RECORD);
    else
        words_add(words, "shift=1,sleep=off");
}

/* The console goes to the serial line, unless the person sends it elsewhere. */
static void add_append(struct words *words, const char *append)
{
    words_add(words, "-append");
    if (append == NULL || append[0] == '\0')
        words_add(words, "console=com0");
    else if (strstr(append, "console=") != NULL)
        words_add(words, "%s", append);
    else
        words_add(words, "%s console=com0", append);
}

static const char *processor(unsigned word)
{
    return word == 4 ? "pentium3" : "qemu64";
}

void qemu_words(struct words *words, const struct capture_options *options, const char *program,
                const char *plugin, const struct words *modules, unsigned word, int log)
{
    static const char *const fixed[] = {
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-nic",
        "none",
        "-machine",
        "pc",
        "-accel",
        "tcg",
        "-rtc",
        "base=2000-01-01T00:00:00,clock=vm",
        "-serial",
        ("file:" QEMU_CONSOLE),
        "-kernel",
        QEMU_KERNEL,
    };
    char *escaped = escape(plugin);

    words_add(words, "%s", program);
    for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        words_add(words, "%s", fixed[i]);
    words_add(words, "-cpu");
    words_add(words, "%s", processor(word));
    words_add(words, "-m");
    words_add(words, "size=%lluM", (unsigned long long)(options->memory >> 20));
    add_clock(words, options);
    add_append(words, options->append);
    add_modules(words, modules);
    if (options->disk != NULL)
        add_disk(words, options);
    words_add(words, "-plugin");
    words_add(words, "file=%s,plan=%s,log=%d", escaped == NULL ? "" : escaped, QEMU_PLAN, log);
    free(escaped);
    for (unsigned i = 0; i < options->nr_arguments; i++)
        words_add(words, "%s", options->arguments[i]);
}

void qemu_machine(const struct capture_options *options, const char *version, unsigned word,
                  char *text, size_t size)
{
    snprintf(text, size, "QEMU %s pc, %s, %llu MiB, TCG, icount shift=1 (2 ns an instruction)%s",
             version, processor(word), (unsigned long long)(options->memory >> 20),
             options->disk == NULL     ? ""
             : options->record != NULL ? ", an IDE disk, recorded"
             : options->replay != NULL ? ", an IDE disk, replayed"
                                       : ", an IDE disk");
}
