/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lines of the log: put together in one buffer, written in large pieces.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traces/capture/observer_private.h"

void log_flush(struct observer *observer)
{
    size_t done = 0;

    while (done < observer->used) {
        ssize_t wrote = write(observer->log, observer->buffer + done, observer->used - done);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            /* Nobody reads the log any more: the guest runs for nothing. */
            fprintf(stderr, "allotrope: cannot write the event log: %s\n", strerror(errno));
            _exit(1);
        }
        done += (size_t)wrote;
    }
    observer->used = 0;
}

void log_bytes(struct observer *observer, const char *text, size_t size)
{
    memcpy(observer->buffer + observer->used, text, size);
    observer->used += size;
}

void log_text(struct observer *observer, const char *text)
{
    log_bytes(observer, text, strlen(text));
}

void log_decimal_number(struct observer *observer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    log_bytes(observer, digits + at, sizeof(digits) - at);
}

void log_hex(struct observer *observer, uint64_t value)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    log_bytes(observer, digits + at, sizeof(digits) - at);
}

void log_line_end(struct observer *observer)
{
    observer->buffer[observer->used++] = '\n';
    if (observer->used > LOG_BUFFER - LINE_ROOM)
        log_flush(observer);
}

void log_end(struct observer *observer, const char *reason)
{
    if (observer->ended)
        return;
    observer->ended = true;
    if (reason != NULL) {
        log_text(observer, "# ended: ");
        log_bytes(observer, reason, strnlen(reason, LINE_ROOM / 2));
        log_line_end(observer);
    }
    log_text(observer, "end ");
    log_decimal_number(observer, observer->calls);
    log_text(observer, " ");
    log_decimal_number(observer, observer->time);
    log_line_end(observer);
    log_flush(observer);
    close(observer->log);
    observer->log = -1;
}
