/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whole logs: small good ones with all that must come out of them (tests/import/logs), bad ones
 * with the message that must come (tests/import/bad), and good ones broken on purpose.
 *
 * `ALLOTROPE_TEST_WRITE=1` writes the expectations instead of comparing: to be read before they are
 * believed. The four cuts of historical kernels and the one of a running system are the first lines
 * of captures; handmade.events holds what those do not reach, and its expectation was worked out by
 * hand.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink.h"

static const char *folder; /* this one */

static char *path_of(const char *name, const char *suffix)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%s%s", folder, name, suffix) > 0);
    return path;
}

static void expect(const char *name, const char *got)
{
    char *path = path_of(name, ".expected");
    char *expected;
    size_t size;

    if (getenv("ALLOTROPE_TEST_WRITE") != NULL) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(got, file);
        fclose(file);
    }
    expected = file_read(path, &size);
    assert_string_equal(got, expected);
    free(expected);
    free(path);
}

/* Everything that an import says, as text. FULL: every event. */
static char *import_text(const char *path, bool full)
{
    struct error error = {{0}};
    struct import_counts counts;
    struct sink sink;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    sink_open(&sink, full ? file : NULL);
    if (sink_import(&sink, path, false, &counts, file, &error) != 0)
        fail_msg("%s", error.text);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        if (sink.by_kind[kind] != 0)
            fprintf(file, "events %s %llu\n", event_kind_name(kind),
                    (unsigned long long)sink.by_kind[kind]);
    }
    fprintf(file, "failed %llu inferred %llu digest %016llx\n", (unsigned long long)sink.failed,
            (unsigned long long)sink.inferred, (unsigned long long)sink.digest);
    fclose(file);
    assert_int_equal(counts.counters_wrong, 0);
    sink_close(&sink);
    return text;
}

static void good(const char *name, const char *suffix, bool full)
{
    char *path = path_of(name, suffix);
    char *text = import_text(path, full);

    expect(name, text);
    free(text);
    free(path);
}

static void test_handmade(void **state)
{
    (void)state;
    good("logs/handmade", ".events", true);
    good("logs/handmade-table", ".events", true);
}

static void test_captured(void **state)
{
    (void)state;
    good("logs/table-1.5", ".events.zst", false);
    good("logs/vm-1.6", ".events.zst", false);
    good("logs/buddy-2016-02", ".events.zst", false);
    good("logs/hybrid-1.8", ".events.zst", false);
    good("logs/debian", ".events.zst", false);
}

/* The log of February 2016 with its first counters read twice each, before there is a kernel map,
 * with other names of caches and another time step: the machine comes out the same. */
static void test_counters_often(void **state)
{
    (void)state;
    good("logs/counters-often", ".events.zst", false);
}

/* Every file in bad/ but those with the expected message. */
static void test_bad(void **state)
{
    char *path = path_of("bad", "");
    DIR *directory = opendir(path);
    const struct dirent *entry;
    unsigned seen = 0;

    (void)state;
    free(path);
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        const char *suffix = strstr(entry->d_name, ".events");
        struct error error = {{0}};
        struct sink sink;
        char name[300], *got;

        if (suffix == NULL)
            continue;
        snprintf(name, sizeof(name), "bad/%.*s", (int)(suffix - entry->d_name), entry->d_name);
        path = path_of(name, suffix);
        sink_open(&sink, NULL);
        if (sink_import(&sink, path, false, NULL, NULL, &error) == 0)
            fail_msg("%s was imported, expected a refusal", path);
        sink_close(&sink);
        /* The path depends on where the tree is. */
        assert_ptr_equal(strstr(error.text, path), error.text);
        got = error.text + strlen(folder) + 1;
        strcat(got, "\n");
        expect(name, got);
        free(path);
        seen++;
    }
    closedir(directory);
    assert_true(seen >= 30);
}

static char *handmade(size_t *size)
{
    char *path = path_of("logs/handmade", ".events");
    char *text = file_read(path, size);

    free(path);
    return text;
}

/* Cut after every byte: refused, but for --partial, unless only line ends are missing. */
static void test_cut(void **state)
{
    size_t size;
    char *text = handmade(&size);

    (void)state;
    for (size_t cut = 1; cut < size - 1; cut += cut % 13 + 1) {
        struct error error = {{0}};
        struct sink sink;
        char name[64];
        int code;

        file_with(name, text, cut);
        sink_open(&sink, NULL);
        assert_int_equal(sink_import(&sink, name, false, NULL, NULL, &error), -1);
        assert_string_not_equal(error.text, "");
        sink_close(&sink);

        sink_open(&sink, NULL);
        error.text[0] = '\0';
        code = sink_import(&sink, name, true, NULL, NULL, &error);
        if (text[cut - 1] == '\n' && code != 0)
            fail_msg("cut after %zu bytes: %s", cut, error.text);
        sink_close(&sink);
        unlink(name);
    }
    free(text);
}

/* The n-th event is refused by who takes it, for every n: the import stops there. */
static void test_refused(void **state)
{
    char *path = path_of("logs/handmade", ".events");

    (void)state;
    for (uint64_t n = 1;; n++) {
        struct error error = {{0}};
        struct sink sink;
        int code;

        sink_open(&sink, NULL);
        sink.fail_at = n;
        code = sink_import(&sink, path, false, NULL, NULL, &error);
        assert_true(sink.events <= n);
        sink_close(&sink);
        if (code == 0) {
            assert_true(n > 40);
            break;
        }
        assert_non_null(strstr(error.text, "is refused"));
    }
    free(path);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Bytes changed, lines dropped, doubled and swapped at random: an import or a refusal, and what is
 * emitted obeys the rules of a trace as far as it goes. */
static void test_damaged(void **state)
{
    uint64_t seed = 0x1234567;
    size_t size;
    char *text = handmade(&size);
    char *copy = malloc(2 * size);

    (void)state;
    assert_non_null(copy);
    print_message("seed %llx\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 1500; round++) {
        unsigned changes = 1 + (unsigned)(random_next(&seed) % 3);
        size_t length = size;
        struct error error = {{0}};
        struct sink sink;
        char name[64];

        memcpy(copy, text, size);
        while (changes-- != 0) {
            size_t at = random_next(&seed) % length;
            char *line = copy + at, *end;

            while (line > copy && line[-1] != '\n')
                line--;
            end = memchr(line, '\n', (size_t)(copy + length - line));
            if (end == NULL)
                continue;
            end++;
            switch (random_next(&seed) % 3) {
            case 0:
                copy[at] = "0123456789abcdef -=\nTQM"[random_next(&seed) % 23];
                break;
            case 1: /* the line goes */
                memmove(line, end, (size_t)(copy + length - end));
                length -= (size_t)(end - line);
                break;
            default: /* the line comes twice */
                if (length + (size_t)(end - line) > 2 * size)
                    break;
                memmove(end + (end - line), end, (size_t)(copy + length - end));
                memcpy(end, line, (size_t)(end - line));
                length += (size_t)(end - line);
                break;
            }
        }
        file_with(name, copy, length);
        sink_open(&sink, NULL);
        if (sink_import(&sink, name, true, NULL, NULL, &error) != 0 &&
            strstr(error.text, name) != error.text)
            fail_msg("round %u: the message does not name the file: %s", round, error.text);
        sink_close(&sink);
        unlink(name);
    }
    free(copy);
    free(text);
}

/* The same log, compressed and not, from a file and a pipe, gives the same events. */
static void test_same(void **state)
{
    char *path = path_of("logs/handmade", ".events");
    char command[600], *piped, *plain = import_text(path, true);
    int standard = dup(STDIN_FILENO);
    FILE *pipe;

    (void)state;
    snprintf(command, sizeof(command), "cat '%s'", path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_true(dup2(fileno(pipe), STDIN_FILENO) >= 0);
    piped = import_text("-", true);
    assert_true(dup2(standard, STDIN_FILENO) >= 0);
    pclose(pipe);
    close(standard);
    assert_string_equal(plain, piped);
    free(plain);
    free(piped);
    free(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handmade),
        cmocka_unit_test(test_captured),
        cmocka_unit_test(test_counters_often),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_same),
    };

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
