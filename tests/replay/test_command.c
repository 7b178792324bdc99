/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The replay command: what it accepts, its exit status, the files that it leaves. Arguments are the
 * two shared objects of shared_stack.c.
 */

#include "build.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "replay/command.h"

static const char *shared_good, *shared_bad, *shared_gap;

static struct truth *some_truth(uint64_t objects)
{
    struct truth *truth = calloc(1, sizeof(*truth));

    assert_non_null(truth);
    truth->nr_caches = 1;
    truth->caches[0] = (struct truth_cache){.slab_size = 4096,
                                            .buffers_per_slab = 50,
                                            .object_size = 80,
                                            .align = 8,
                                            .buffer_size = 80,
                                            .objects = objects,
                                            .buffers = 50,
                                            .slabs = 1};
    return truth;
}

static void make_trace(struct build *build, uint64_t objects)
{
    struct truth *truth = some_truth(objects);

    build_begin(build, "radix+hybrid");
    build_cache(build, 0, "ipc_port", 80);
    build_event(build, (struct event){.kind = EVENT_CACHE_ALLOC, .object = 0});
    build_truth(build, truth);
    trace_close(build_end(build));
    free(truth);
}

/* Runs the command with the words of LINE, and with the standard streams in files. */
static int command(const char *line, char *out, size_t size)
{
    char words[512];
    char *argv[32];
    int argc = 0;
    int streams[2] = {dup(1), dup(2)};
    int file = open("command.out", O_CREAT | O_TRUNC | O_RDWR, 0600);

    assert_true(file >= 0);
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;

    fflush(stdout);
    fflush(stderr);
    dup2(file, 1);
    dup2(file, 2);

    int status = replay_command(argc, argv);

    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(streams[i], i + 1);
        close(streams[i]);
    }

    ssize_t length = pread(file, out, size - 1, 0);

    out[length > 0 ? length : 0] = '\0';
    close(file);
    unlink("command.out");
    return status;
}

static void expect(int status, const char *text, const char *format, const char *argument)
{
    char line[512], out[16384];

    snprintf(line, sizeof(line), format, argument);
    int found = command(line, out, sizeof(out));

    if (found != status || strstr(out, text) == NULL)
        fail_msg("%s: status %d for %d, expected \"%s\" in:\n%s", line, found, status, text, out);
}

static void test_usage(void **state)
{
    (void)state;
    expect(0, "Usage: allotrope replay", "replay --help%s", "");
    expect(2, "no trace is given", "replay%s", "");
    expect(2, "there is no stack \"slob\"", "replay --stack radix+vm,slob x%s", "");
    expect(2, "there is no geometry \"vax\"", "replay --geometry vax x%s", "");
    expect(2, "there is no page allocator \"pot\"", "replay --pages pot x%s", "");
    expect(2, "there is no map policy \"worst\"", "replay --map worst x%s", "");
    expect(2, "--keys is own or captured, not \"other\"", "replay --keys other x%s", "");
    expect(2, "--on-failure is skip or stop, not \"cry\"", "replay --on-failure cry x%s", "");
    expect(2, "", "replay --memory 5apples x%s", "");
    expect(2, "", "replay --no-such-option x%s", "");
    expect(1, "no-such.trace", "replay no-such.trace%s", "");
}

static void test_replays(void **state)
{
    struct build build;

    (void)state;
    make_trace(&build, 1);
    expect(0, "radix+direct", "replay %s", build.path);
    expect(0, "truth: 0 of ", "replay --truth --stack radix+hybrid %s", build.path);
    expect(0, "\"schema\":{\"name\":\"allotrope-result\"", "replay --json --stack null %s",
           build.path);
    expect(0, "checked", "replay --check --stack table+vm %s", build.path);
    expect(1, "cannot", "replay --stack null -o /dev/null/x %s", build.path);
    unlink(build.path);

    make_trace(&build, 2);
    expect(3, "objects of ipc_port: the kernel had 2, the",
           "replay --truth --stack radix+hybrid %s", build.path);
    unlink(build.path);
}

static void test_files(void **state)
{
    struct build build;
    char path[128];
    struct stat status;

    (void)state;
    make_trace(&build, 1);
    expect(0, "null", "replay --stack null,radix+hybrid -o results.here -- %s", build.path);

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "results.here/%.*s-%s.json",
                 (int)(strlen(build.path) - strlen(".trace")), build.path,
                 i == 0 ? "null" : "radix+hybrid");
        assert_int_equal(stat(path, &status), 0);
        assert_true(status.st_size > 1000);
        unlink(path);
    }

    assert_int_equal(rmdir("results.here"), 0); /* and nothing else is left */
    unlink(build.path);
}

static void test_shared(void **state)
{
    struct build build;
    char format[256];

    (void)state;
    make_trace(&build, 1);
    snprintf(format, sizeof(format), "replay --stack %s %%s", shared_good);
    expect(0, "bump", format, build.path);
    snprintf(format, sizeof(format), "replay --stack %s %%s", shared_bad);
    expect(2, "built for version 3 of the interface, this is version 2", format, build.path);
    snprintf(format, sizeof(format), "replay --stack %s %%s", shared_gap);
    expect(2, "lacks a name or a function", format, build.path);
    expect(2, "cannot open shared object", "replay --stack ./none.so %s", build.path);
    unlink(build.path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_shared),
    };

    if (argc != 4)
        return 2;
    shared_good = argv[1];
    shared_bad = argv[2];
    shared_gap = argv[3];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
