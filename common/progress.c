/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "common/progress.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_INTERVAL (100 * 1000 * 1000) /* ns: ten times a second */
#define PROGRESS_WIDTH    80
#define PROGRESS_TEXT_MAX 256

static uint64_t progress_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static unsigned int progress_width(FILE *stream)
{
    struct winsize size;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return PROGRESS_WIDTH;

    return size.ws_col;
}

void progress_begin_on(struct progress *progress, FILE *stream, const char *label, const char *unit,
                       uint64_t total)
{
    memset(progress, 0, sizeof(*progress));
    progress->stream = stream;
    progress->label = label;
    progress->unit = unit;
    progress->total = total;
    if (stream == NULL)
        return;

    progress->start = progress_now();
    progress->width = progress_width(stream);
}

void progress_begin(struct progress *progress, const char *label, const char *unit, uint64_t total)
{
    progress_begin_on(progress, isatty(STDERR_FILENO) ? stderr : NULL, label, unit, total);
}

/* "1234", "12.3 k", "1.2 M": four significant characters are all an eye can follow. */
static void progress_number(double value, char *buffer, size_t length)
{
    static const char prefixes[] = " kMGT";
    size_t prefix = 0;

    while (value >= 1000 && prefixes[prefix + 1] != '\0') {
        value /= 1000;
        prefix++;
    }

    if (prefix == 0)
        snprintf(buffer, length, "%.0f", value);
    else
        snprintf(buffer, length, "%.1f %c", value, prefixes[prefix]);
}

static void progress_draw(struct progress *progress, uint64_t done, uint64_t now)
{
    double seconds = (double)(now - progress->start) / 1e9;
    char text[PROGRESS_TEXT_MAX];
    char amount[32];
    char rate[32];

    progress_number((double)done, amount, sizeof(amount));
    progress_number(seconds > 0 ? (double)done / seconds : 0, rate, sizeof(rate));
    if (progress->total == 0)
        snprintf(text, sizeof(text), "%s  %s %s  %s/s", progress->label, amount, progress->unit,
                 rate);
    else
        snprintf(text, sizeof(text), "%s  %3.0f %%  %s %s  %s/s", progress->label,
                 100 * (double)(done < progress->total ? done : progress->total) /
                     (double)progress->total,
                 amount, progress->unit, rate);

    /* A line that wraps could not be erased, so it is cut one column short of the edge. */
    fprintf(progress->stream, "\r%.*s\033[K", (int)progress->width - 1, text);
    fflush(progress->stream);
}

void progress_update(struct progress *progress, uint64_t done)
{
    uint64_t now;

    if (progress->stream == NULL)
        return;

    now = progress_now();
    if (now - (progress->drawn == 0 ? progress->start : progress->drawn) < PROGRESS_INTERVAL)
        return;

    progress->drawn = now;
    progress_draw(progress, done, now);
}

void progress_end(struct progress *progress)
{
    if (progress->stream == NULL || progress->drawn == 0)
        return;

    fputs("\r\033[K", progress->stream);
    fflush(progress->stream);
    progress->drawn = 0;
}
