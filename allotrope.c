/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program: finds the command and hands over. Each folder brings its own commands.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "replay/command.h"
#include "replay/history.h"
#include "replay/limits_command.h"
#include "replay/trace_compare_command.h"
#include "reports/command.h"
#include "reports/plot_command.h"
#include "reports/report_command.h"
#include "traces/capture/command.h"
#include "traces/command.h"
#include "workloads/command.h"

static const char usage[] =
    "Usage: allotrope COMMAND [ARGUMENT]...\n"
    "Give one record of what a kernel asked of its allocators to different allocators.\n"
    "\n"
    "  capture   boot a kernel and make a trace of what it allocates\n"
    "  trace     import, look at, check, cut and compare traces\n"
    "  workload  make recipes for workloads out of traces\n"
    "  generate  make a trace of what a workload would ask for\n"
    "  replay    replay traces through allocator stacks\n"
    "  limits    find how much each design holds before it refuses, and why\n"
    "  bench     compare stacks as whole processes, measured by hyperfine\n"
    "  compare   compare results: exactly what is exact, times by their repetitions\n"
    "  export    write tables of results as text, Markdown, CSV or JSON\n"
    "  history   what became of the kernel's allocators, by exact figures\n"
    "  plot      draw pictures of results\n"
    "  report    make a page of results\n"
    "  stacks    list the stacks that there are\n"
    "\n"
    "  -h, --help       print this help; each command has its own\n"
    "      --version    print the version\n";

/* Comparing traces may replay them, which traces/ knows nothing of. */
static int trace(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "compare") == 0)
        return trace_compare_command(argc - 1, argv + 1);
    return trace_command(argc, argv);
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"capture", capture_command},   {"trace", trace},
    {"workload", workload_command}, {"generate", generate_command},
    {"replay", replay_command},     {"limits", limits_command},
    {"bench", bench_command},       {"compare", compare_command},
    {"export", export_command},     {"history", history_command},
    {"plot", plot_command},         {"report", report_command},
    {"stacks", stacks_command},
};

static int print(const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return 0;

    fprintf(stderr, "allotrope: cannot write the standard output: %s\n", strerror(errno));
    return 1;
}

/* A standard stream that came closed is taken by /dev/null, opened for what the stream is not for,
 * so that its use fails as before: else the next file that is opened would be in its place, and
 * what is printed would end up in it. */
static int fill_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            return -1;

    return 0;
}

int main(int argc, char **argv)
{
    if (fill_standard_streams() != 0)
        return 1;

    if (argc < 2) {
        fputs(usage, stderr);
        return 2;
    }

    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print(usage);
    if (strcmp(argv[1], "--version") == 0)
        return print("allotrope " ALLOTROPE_VERSION "\n");

    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);

    fprintf(stderr, "allotrope: there is no command \"%s\"; see `allotrope --help`\n", argv[1]);
    return 2;
}
