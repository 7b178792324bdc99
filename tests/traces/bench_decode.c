/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How fast traces are decoded and written, and how small they are. Figures to report, never to
 * fail on: each line is figure, measured, target. Without arguments a trace is made up; with
 * traces, those are measured.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "traces/trace.h"
#include "traces/trace_private.h"

#define ROUNDS 9

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What the cheapest possible use of the events costs: memory that is written and read once. */
static double copy_rate(void)
{
    static struct event from[1024], to[1024];
    double start = now(), seconds;
    unsigned rounds = 20000;

    for (unsigned i = 0; i < rounds; i++) {
        from[i % 1024].time = i;
        memcpy(to, from, sizeof(to));
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    seconds = now() - start;
    return rounds * 1024.0 / seconds;
}

static int measure(const char *path, const char *name, double copied)
{
    struct error error = {""};
    struct trace_reader *reader = trace_open(path, &error);
    double best = 1e9, truth = 0, events, disk;
    const struct event *batch;
    int n = 0;

    if (reader == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    events = (double)trace_totals(reader)->events;
    for (unsigned round = 0; round < ROUNDS && trace_rewind(reader, &error) == 0; round++) {
        double start = now(), seconds;

        while ((n = trace_read(reader, &batch, &error)) > 0)
            __asm__ volatile("" : : "r"(batch) : "memory");
        seconds = now() - start;
        if (seconds < best)
            best = seconds;
    }
    trace_rewind(reader, &error);
    while (n >= 0 && (n = trace_read(reader, &batch, &error)) > 0) {
        for (int i = 0; i < n; i++) {
            size_t size;

            trace_payload(reader, &batch[i], &size);
            truth += batch[i].kind == EVENT_TRUTH ? (double)size : 0;
        }
    }
    if (n < 0) {
        fprintf(stderr, "%s\n", error.text);
        trace_close(reader);
        return 1;
    }
    disk = (double)trace_file_size(reader);
    printf("%s: decode, %.1f M events/s, at least 60\n", name, events / best / 1e6);
    printf("%s: decode / copying events, speed ratio %.3f, -\n", name, events / best / copied);
    printf("%s: encoded without truth, %.2f bytes an event, at most 4\n", name,
           ((double)trace_columns_read(reader) - truth) / events);
    /* Truth is compressed with the rest: its share is not known, and the target is met with it. */
    printf("%s: on disk with truth, %.2f bytes an event, at most 2 without\n", name, disk / events);
    printf("%s: encoded truth, %.2f bytes an event, -\n", name, truth / events);
    trace_close(reader);
    return 0;
}

/* Something like a kernel: loops of the same few requests at nearly the same times. */
static int make(const char *path, unsigned n)
{
    static const struct cache_definition definition = {.name = "port", .size = 80, .align = 8};
    struct event event = {.kind = EVENT_CACHE_CREATE};
    struct trace_header header;
    struct trace_writer *writer;
    struct error error = {""};
    uint64_t state = 1;
    uint32_t *live = calloc(n, sizeof(*live)), *dead = calloc(n, sizeof(*dead));
    uint32_t alive = 0, nr_dead = 0, fresh = 0;
    double start = now();
    int result;

    trace_header_init(&header);
    writer = trace_writer_open(path, &header, 0, &error);
    if (writer == NULL || live == NULL || dead == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    result = trace_write_cache(writer, &event, &definition, &error);
    for (unsigned i = 0; i < n && result == 0; i++) {
        state = state * 6364136223846793005 + 1442695040888963407;
        event.time += i % 5 != 0 ? 57 + i % 5 * 100 : (state >> 40) % 1000;
        if (alive == 0 || (state >> 33) % 16 < (alive < 20000 ? 9 : 7)) {
            event.kind = EVENT_CACHE_ALLOC;
            event.object = nr_dead != 0 ? dead[--nr_dead] : fresh++;
            live[alive++] = event.object;
        } else {
            uint32_t slot = i % 3 == 0 ? (uint32_t)(state >> 33) % alive : alive - 1;

            event.kind = EVENT_CACHE_FREE;
            event.object = dead[nr_dead++] = live[slot];
            live[slot] = live[--alive];
        }
        result = trace_write(writer, &event, NULL, 0, &error);
    }
    free(live);
    free(dead);
    if (result == 0)
        result = trace_writer_close(writer, &error);
    else
        trace_writer_abort(writer);
    if (result != 0)
        fprintf(stderr, "%s\n", error.text);
    else
        printf("made up: write, %.1f M events/s, -\n", n / (now() - start) / 1e6);
    return result != 0;
}

int main(int argc, char **argv)
{
    double copied = copy_rate();
    int status = 0;

    printf("copying events, %.0f M events/s, -\n", copied / 1e6);
    if (argc < 2) {
        char path[] = "/tmp/allotrope-bench-XXXXXX";
        int fd = mkstemp(path);

        if (fd < 0 || close(fd) != 0)
            return 1;
        status = make(path, 2000000) || measure(path, "made up", copied);
        unlink(path);
    }
    for (int i = 1; i < argc; i++)
        status |= measure(
            argv[i], strrchr(argv[i], '/') != NULL ? strrchr(argv[i], '/') + 1 : argv[i], copied);
    return status;
}
