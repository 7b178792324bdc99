/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Another program, run as a child.
 *
 * It gets a process group of its own, so that a signal from the terminal reaches this process
 * alone, which then ends the child in order; and it asks the system to be killed when this process
 * is, so that there is none left over even then. Why a program could not be started comes back
 * through a pipe that a successful start closes.
 */

#include "traces/capture/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 20

void words_add(struct words *words, const char *format, ...)
{
    char **items = realloc(words->items, (words->nr + 2) * sizeof(*items));
    va_list arguments;

    if (items == NULL) {
        words->failed = true;
        return;
    }
    words->items = items;
    va_start(arguments, format);
    if (vasprintf(&items[words->nr], format, arguments) < 0) {
        items[words->nr] = NULL;
        words->failed = true;
    } else {
        words->nr++;
    }
    va_end(arguments);
    items[words->nr] = NULL;
}

void words_free(struct words *words)
{
    for (size_t i = 0; i < words->nr; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}

/* Only calls that are safe after fork(). */
static void child(const struct words *words, const char *folder, int keep, int messages, int failed,
                  pid_t parent)
{
    int empty = open("/dev/null", O_RDONLY);
    sigset_t none;
    int code;

    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
        empty >= 0 && dup2(empty, STDIN_FILENO) >= 0 && dup2(messages, STDOUT_FILENO) >= 0 &&
        dup2(messages, STDERR_FILENO) >= 0 && (keep < 0 || fcntl(keep, F_SETFD, 0) == 0) &&
        (folder == NULL || chdir(folder) == 0) && sigprocmask(SIG_SETMASK, &none, NULL) == 0)
        execvp(words->items[0], words->items);
    code = errno;
    (void)!write(failed, &code, sizeof(code));
    _exit(127);
}

/* 0 when the program runs; else why it does not. */
static int start_failure(int failed)
{
    int code = 0;
    ssize_t got;

    do
        got = read(failed, &code, sizeof(code));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(code) ? code : 0;
}

int process_start(struct process *process, const struct words *words, const char *folder, int keep,
                  struct error *error)
{
    int messages[2] = {-1, -1}, failed[2] = {-1, -1}, code;
    pid_t parent = getpid();

    *process = (struct process){.messages = -1};
    if (words->failed)
        return error_set(error, "not enough memory");
    if (pipe2(messages, O_CLOEXEC) != 0 || pipe2(failed, O_CLOEXEC) != 0 ||
        (process->id = fork()) < 0) {
        code = errno;
        process->id = 0;
        close(messages[0]);
        close(messages[1]);
        close(failed[0]);
        close(failed[1]);
        return error_set(error, "cannot start '%s': %s", words->items[0], strerror(code));
    }
    if (process->id == 0)
        child(words, folder, keep, messages[1], failed[1], parent);
    close(messages[1]);
    close(failed[1]);
    code = start_failure(failed[0]);
    close(failed[0]);
    if (code != 0) {
        close(messages[0]);
        waitpid(process->id, &process->status, 0);
        process->id = 0;
        return error_set(error, "cannot run '%s': %s", words->items[0], strerror(code));
    }
    process->messages = messages[0];
    return 0;
}

bool process_gone(struct process *process)
{
    if (process->id != 0 && waitpid(process->id, &process->status, WNOHANG) == process->id)
        process->id = 0;
    return process->id == 0;
}

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000l}, NULL);
}

bool process_wait(struct process *process, unsigned milliseconds)
{
    for (unsigned waited = 0; waited < milliseconds && !process_gone(process); waited += STEP_MS)
        wait_a_little();
    return process_gone(process);
}

void process_stop(struct process *process, unsigned milliseconds)
{
    if (!process_gone(process))
        kill(-process->id, SIGTERM);
    if (process_wait(process, milliseconds))
        return;
    kill(-process->id, SIGKILL);
    while (waitpid(process->id, &process->status, 0) < 0 && errno == EINTR)
        continue;
    process->id = 0;
}

void process_fate(const struct process *process, char *text, size_t size)
{
    int status = process->status;

    if (WIFSIGNALED(status))
        snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "status %d", WEXITSTATUS(status));
}
