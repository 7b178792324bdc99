/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Outputs are there whole or not at all. Each test has a folder of its own and counts what is in
 * it, so that a temporary file left behind is seen whatever its name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/output.h"

struct fixture {
    char folder[64];
    char path[128];
    struct error error;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    strcpy(fixture->folder, "/tmp/test-output-XXXXXX");
    if (mkdtemp(fixture->folder) == NULL)
        return -1;
    snprintf(fixture->path, sizeof(fixture->path), "%s/file", fixture->folder);
    *state = fixture;
    return 0;
}

static int entries(const char *folder)
{
    DIR *stream = opendir(folder);
    int nr = -2; /* . and .. */

    assert_non_null(stream);
    while (readdir(stream) != NULL)
        nr++;
    closedir(stream);
    return nr;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[160];
    int result;

    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->folder);
    result = system(command);
    free(fixture);
    return result;
}

static void put(const char *path, const char *text)
{
    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static void assert_content(const char *path, const char *text)
{
    char buffer[256] = {0};
    FILE *stream = fopen(path, "r");

    assert_non_null(stream);
    assert_true(fread(buffer, 1, sizeof(buffer) - 1, stream) == strlen(text));
    fclose(stream);
    assert_string_equal(buffer, text);
}

static void test_commit(void **state)
{
    struct fixture *fixture = *state;
    struct output *output = output_open(fixture->path, &fixture->error);

    assert_non_null(output);
    fputs("new", output_stream(output));
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(output_commit(output, &fixture->error), 0);
    assert_content(fixture->path, "new");
    assert_int_equal(entries(fixture->folder), 1);
}

static void test_replace(void **state)
{
    struct fixture *fixture = *state;
    struct output *output;

    put(fixture->path, "old");
    output = output_open(fixture->path, &fixture->error);
    assert_non_null(output);
    fputs("newer", output_stream(output));
    fflush(output_stream(output));
    assert_content(fixture->path, "old");
    assert_int_equal(output_commit(output, &fixture->error), 0);
    assert_content(fixture->path, "newer");
    assert_int_equal(entries(fixture->folder), 1);
}

static void test_abort(void **state)
{
    struct fixture *fixture = *state;
    struct output *output;

    put(fixture->path, "old");
    output = output_open(fixture->path, &fixture->error);
    assert_non_null(output);
    fputs("new", output_stream(output));
    fflush(output_stream(output));
    output_abort(output);
    output_abort(NULL);
    assert_content(fixture->path, "old");
    assert_int_equal(entries(fixture->folder), 1);
}

static void test_distinct(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.text = ""};
    char other[160];

    snprintf(other, sizeof(other), "%s/other", fixture->folder);
    assert_int_equal(output_distinct(fixture->path, fixture->path, &error), 0);
    put(fixture->path, "old");
    assert_int_equal(output_distinct(fixture->path, other, &error), 0);
    put(other, "old");
    assert_int_equal(output_distinct(fixture->path, other, &error), 0);
    assert_int_equal(output_distinct("/dev/null", "/dev/null", &error), 0);
    assert_int_equal(output_distinct("-", "-", &error), 0);
    assert_string_equal(error.text, "");
    assert_int_equal(output_distinct(fixture->path, fixture->path, &error), -1);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink("file", other), 0);
    assert_int_equal(output_distinct(fixture->path, other, &error), -1);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(link(fixture->path, other), 0);
    assert_int_equal(output_distinct(fixture->path, other, &error), -1);
    assert_non_null(strstr(error.text, "other: it is read"));
}

static void test_relative(void **state)
{
    struct fixture *fixture = *state;
    struct output *output;

    assert_int_equal(chdir(fixture->folder), 0);
    output = output_open("relative", &fixture->error);
    assert_non_null(output);
    fputs("x", output_stream(output));
    assert_int_equal(output_commit(output, &fixture->error), 0);
    assert_content("relative", "x");
    assert_int_equal(entries("."), 1);
    assert_int_equal(chdir("/"), 0);
}

static void test_link(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    struct output *output;
    char link[160];

    snprintf(link, sizeof(link), "%s/link", fixture->folder);
    put(fixture->path, "old");
    assert_int_equal(symlink("file", link), 0);
    output = output_open(link, &fixture->error);
    assert_non_null(output);
    fputs("new", output_stream(output));
    assert_int_equal(output_commit(output, &fixture->error), 0);
    assert_content(fixture->path, "new");
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(entries(fixture->folder), 2);
}

static void test_mode(void **state)
{
    struct fixture *fixture = *state;
    mode_t mask = umask(022);
    struct stat status;
    struct output *output = output_open(fixture->path, &fixture->error);

    assert_non_null(output);
    assert_int_equal(output_commit(output, &fixture->error), 0);
    umask(mask);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);
}

static void test_no_folder(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    char text[256];

    snprintf(path, sizeof(path), "%s/missing/file", fixture->folder);
    snprintf(text, sizeof(text), "%s: cannot create: No such file or directory", path);
    assert_null(output_open(path, &fixture->error));
    assert_string_equal(fixture->error.text, text);
    assert_int_equal(entries(fixture->folder), 0);
}

static void test_is_folder(void **state)
{
    struct fixture *fixture = *state;
    char text[256];

    snprintf(text, sizeof(text), "%s: cannot write: Is a directory", fixture->folder);
    assert_null(output_open(fixture->folder, &fixture->error));
    assert_string_equal(fixture->error.text, text);
}

static void test_not_writable(void **state)
{
    struct fixture *fixture = *state;

    if (geteuid() == 0) {
        print_message("skipped: root may write everywhere\n");
        skip();
    }
    assert_int_equal(chmod(fixture->folder, 0500), 0);
    assert_null(output_open(fixture->path, &fixture->error));
    assert_non_null(strstr(fixture->error.text, "cannot create: Permission denied"));
    assert_int_equal(chmod(fixture->folder, 0700), 0);
    assert_int_equal(entries(fixture->folder), 0);
}

/* A device has no half results to hide: it is written as it is. */
static void test_device(void **state)
{
    struct fixture *fixture = *state;
    struct output *output = output_open("/dev/null", &fixture->error);

    assert_non_null(output);
    fputs("x", output_stream(output));
    assert_int_equal(output_commit(output, &fixture->error), 0);
    assert_int_equal(entries(fixture->folder), 0);
}

static void test_full_device(void **state)
{
    struct fixture *fixture = *state;
    struct output *output = output_open("/dev/full", &fixture->error);

    assert_non_null(output);
    fputs("x", output_stream(output));
    assert_int_equal(output_commit(output, &fixture->error), -1);
    assert_string_equal(fixture->error.text, "/dev/full: cannot write: No space left on device");
}

/* A file that may not grow stands for a full disk: the write fails in the middle of the work, and
 * nothing is left, neither under the name nor beside it. */
static void test_full_file(void **state)
{
    struct fixture *fixture = *state;
    const struct rlimit limit = {1024 * 1024, RLIM_INFINITY};
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    static const char block[4096] = "block";
    struct output *output = output_open(fixture->path, &fixture->error);

    assert_non_null(output);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 1024; i++)
        fwrite(block, 1, sizeof(block), output_stream(output));
    assert_int_equal(output_commit(output, &fixture->error), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_non_null(strstr(fixture->error.text, "/file: cannot write: File too large"));
    assert_int_equal(entries(fixture->folder), 0);
}

/* A process that is killed in the middle leaves nothing, where the file system can do it. */
static void test_killed(void **state)
{
    struct fixture *fixture = *state;
    int fd = open(fixture->folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    int status;
    pid_t child;

    if (fd < 0) {
        print_message("skipped: the file system of /tmp has no nameless files\n");
        skip();
    }
    close(fd);

    child = fork();
    if (child == 0) {
        struct output *output = output_open(fixture->path, NULL);

        fputs("half", output_stream(output));
        fflush(output_stream(output));
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(entries(fixture->folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_abort, setup, teardown),
        cmocka_unit_test_setup_teardown(test_distinct, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_is_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_writable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
