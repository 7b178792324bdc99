/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The log on its way from the observer to the importer.
 *
 * The importer could read the observer's pipe itself; but then nobody would know how far the guest
 * is, keep the log, or tell the importer how the guest's run ended when it ends from outside. So
 * whole lines pass through here, looked at by their first byte only.
 */

#include "traces/capture/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM        (1u << 20)
#define ENDED_WORDS "# ended: "

int pump_init(struct pump *pump, int from, int to, FILE *kept, struct error *error)
{
    memset(pump, 0, sizeof(*pump));
    pump->from = from;
    pump->to = to;
    pump->kept = kept;
    /* Until somebody knows better. */
    snprintf(pump->reason, sizeof(pump->reason), "the guest powered off");
    pump->buffer = malloc(ROOM);
    return pump->buffer != NULL ? 0 : error_set(error, "not enough memory");
}

void pump_free(struct pump *pump)
{
    free(pump->buffer);
    pump->buffer = NULL;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Errors of the kept log are found when it is finished. */
static void pass(struct pump *pump, const char *text, size_t size)
{
    uint64_t start = now();

    if (pump->kept != NULL)
        (void)fwrite(text, 1, size, pump->kept);
    while (size != 0 && !pump->refused) {
        ssize_t wrote = write(pump->to, text, size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            pump->refused = true;
            break;
        }
        text += wrote;
        size -= (size_t)wrote;
    }
    pump->waited += now() - start;
}

static void pass_reason(struct pump *pump)
{
    char line[CAPTURE_REASON_MAX + 16];

    snprintf(line, sizeof(line), ENDED_WORDS "%s\n", pump->reason);
    pump->reason_in_log = true;
    pass(pump, line, strlen(line));
}

static void copy(char *to, size_t room, const char *from, size_t size)
{
    if (size >= room)
        size = room - 1;
    memcpy(to, from, size);
    to[size] = '\0';
}

/* "M time task mark: text" */
static void note_mark(struct pump *pump, const char *line, size_t size)
{
    const char *mark = memmem(line, size, " mark: ", 7);

    if (mark != NULL)
        copy(pump->state.phase, sizeof(pump->state.phase), mark + 7,
             size - (size_t)(mark + 7 - line));
}

/* True when the log must pass on up to this line before it: the reason is still to be told. */
static bool look_at(struct pump *pump, const char *line, size_t size)
{
    if (line[0] >= '0' && line[0] <= '9') {
        pump->state.events++;
        return false;
    }
    if (line[0] == 'M')
        note_mark(pump, line, size);
    if (size > strlen(ENDED_WORDS) && memcmp(line, ENDED_WORDS, strlen(ENDED_WORDS)) == 0) {
        /* What the observer has seen is the reason, whatever was asked for since. */
        copy(pump->reason, sizeof(pump->reason), line + strlen(ENDED_WORDS),
             size - strlen(ENDED_WORDS));
        pump->reason_seen = pump->reason_in_log = true;
    }
    if (size > 4 && memcmp(line, "end ", 4) == 0) {
        pump->ended = true;
        return !pump->reason_in_log;
    }
    return false;
}

/* Looks at all whole lines and passes them on. */
static void pass_lines(struct pump *pump)
{
    size_t start = 0, passed = 0;

    for (;;) {
        char *line = pump->buffer + start;
        char *end = memchr(line, '\n', pump->used - start);

        if (end == NULL)
            break;
        if (look_at(pump, line, (size_t)(end - line))) {
            pass(pump, pump->buffer + passed, start - passed);
            passed = start;
            pass_reason(pump);
        }
        if (*line >= '0' && *line <= '9' && pump->state.events % 1024 == 0)
            pump->state.time = strtoull(line, NULL, 10);
        start = (size_t)(end + 1 - pump->buffer);
    }
    pass(pump, pump->buffer + passed, start - passed);
    memmove(pump->buffer, pump->buffer + start, pump->used - start);
    pump->used -= start;
}

int pump_run(struct pump *pump, struct error *error)
{
    ssize_t got;

    do
        got = read(pump->from, pump->buffer + pump->used, ROOM - pump->used);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set(error, "cannot read the event log: %s", strerror(errno));
    if (got == 0)
        return 0;
    pump->used += (size_t)got;
    pass_lines(pump);
    if (pump->used == ROOM)
        return error_set(error, "a line of the event log is longer than %u bytes", ROOM);
    return 1;
}

void pump_cut(struct pump *pump)
{
    if (!pump->ended && !pump->reason_in_log)
        pass_reason(pump);
}
