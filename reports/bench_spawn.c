/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A program is run without a shell, so that names of files need no quotes, and one of its streams
 * is read.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/bench.h"

static int start(char *const *argv, int stream, int pipe_end, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0)
        return code;

    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, stream == 1 ? 2 : 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe_end, stream);
    code = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

/* All that comes, of which what fits is kept. */
static void read_all(int fd, char *text, size_t size)
{
    char rest[4096];
    size_t length = 0;

    for (;;) {
        bool full = length + 1 >= size;
        ssize_t got =
            full ? read(fd, rest, sizeof(rest)) : read(fd, text + length, size - 1 - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += full ? 0 : (size_t)got;
    }

    text[length] = '\0';
}

static int end(const char *name, pid_t pid, struct error *error)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(error, "%s: cannot wait for it: %s", name, strerror(errno));

    if (WIFSIGNALED(status))
        return error_set(error, "%s: ended by signal %d, %s", name, WTERMSIG(status),
                         strsignal(WTERMSIG(status)));

    return WEXITSTATUS(status);
}

int bench_spawn(char *const *argv, int stream, char *text, size_t size, struct error *error)
{
    int ends[2], code;
    pid_t pid;

    text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, "%s: cannot start it: %s", argv[0], strerror(errno));

    code = start(argv, stream, ends[1], &pid);
    close(ends[1]);
    if (code == 0)
        read_all(ends[0], text, size);
    close(ends[0]);

    if (code == ENOENT)
        return 127;
    if (code != 0)
        return error_set(error, "%s: cannot start it: %s", argv[0], strerror(code));

    return end(argv[0], pid, error);
}
