/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Runs a command several times and reports its wall-clock time and its peak memory, a line each:
 * figure, measured, target. It asserts nothing: a figure is to be read, by somebody who knows the
 * machine.
 *
 *   command RUNS LABEL TARGET-MS TARGET-MIB COMMAND [ARGUMENT]...
 *
 * A target of 0 is none. What the command prints is thrown away; a command that fails makes the
 * benchmark fail.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000

struct run {
    double ms;
    double mib;
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void run_child(char **command)
{
    int null = open("/dev/null", O_RDWR);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    execv(command[0], command);
    fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
    _exit(127);
}

/* The peak counts from the fork, but this program is smaller than any it measures. */
static int run_once(char **command, struct run *run)
{
    double start = now_ms();
    struct rusage usage;
    int status;
    pid_t child = fork();

    if (child < 0)
        return -1;
    if (child == 0)
        run_child(command);
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return -1;

    run->ms = now_ms() - start;
    run->mib = (double)usage.ru_maxrss / 1024;
    return 0;
}

static int compare_ms(const void *left, const void *right)
{
    const struct run *a = left;
    const struct run *b = right;

    return (a->ms > b->ms) - (a->ms < b->ms);
}

static void print_target(double target, const char *unit)
{
    if (target > 0)
        printf(", at most %.0f %s\n", target, unit);
    else
        printf(", -\n");
}

static void report(const char *label, struct run *runs, long nr, double target_ms,
                   double target_mib)
{
    double mib = 0;

    qsort(runs, (size_t)nr, sizeof(runs[0]), compare_ms);
    for (long i = 0; i < nr; i++)
        mib = runs[i].mib > mib ? runs[i].mib : mib;

    printf("%s: time, %.1f ms (median; %.1f to %.1f over %ld runs)", label, runs[nr / 2].ms,
           runs[0].ms, runs[nr - 1].ms, nr);
    print_target(target_ms, "ms");
    printf("%s: peak memory, %.1f MiB", label, mib);
    print_target(target_mib, "MiB");
}

int main(int argc, char **argv)
{
    static struct run runs[RUNS_MAX];
    long nr = argc > 5 ? strtol(argv[1], NULL, 10) : 0;

    if (nr < 1 || nr > RUNS_MAX) {
        fprintf(stderr, "usage: command RUNS LABEL TARGET-MS TARGET-MIB COMMAND [ARGUMENT]...\n");
        return 2;
    }

    for (long i = 0; i < nr; i++)
        if (run_once(argv + 5, &runs[i]) != 0) {
            fprintf(stderr, "%s: failed\n", argv[2]);
            return 1;
        }

    report(argv[2], runs, nr, strtod(argv[3], NULL), strtod(argv[4], NULL));
    return 0;
}
