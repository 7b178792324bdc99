/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The importer's tables against a model, and lines by hand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "sink.h"
#include "traces/import_state.h"
#include "traces/log_reader.h"

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Random puts, looks and removals of few keys, so that chains are long; grows and shrinks. */
static void test_table(void **state)
{
    enum { KEYS = 20000 };
    uint64_t seed = 0xabcdef;
    uint64_t *model = calloc(KEYS, sizeof(*model)); /* 0: not there */
    struct table table = {0};
    uint64_t count = 0;

    (void)state;
    assert_non_null(model);
    print_message("seed %llx\n", (unsigned long long)seed);
    for (unsigned step = 0; step < 400000; step++) {
        uint64_t random = random_next(&seed);
        unsigned key = (unsigned)(random % KEYS);
        uint64_t address = 0xc0000000 + (uint64_t)key * 8;
        const uint64_t *found;
        /* Fill, then empty, then mix. */
        unsigned removals = step < 100000 ? 10 : step < 250000 ? 95 : 50;

        if (random >> 32 % 8 && random / KEYS % 100 < removals) {
            assert_int_equal(table_remove(&table, address), model[key] != 0);
            count -= model[key] != 0;
            model[key] = 0;
        } else {
            count += model[key] == 0;
            model[key] = random | 1;
            assert_int_equal(table_put(&table, address, model[key]), 0);
        }
        assert_int_equal(table.count, count);
        key = (unsigned)(random_next(&seed) % KEYS);
        found = table_find(&table, 0xc0000000 + (uint64_t)key * 8);
        if (found != NULL)
            assert_int_equal(*found, model[key]);
        else
            assert_int_equal(model[key], 0);
    }
    for (unsigned key = 0; key < KEYS; key++)
        assert_int_equal(table_find(&table, 0xc0000000 + (uint64_t)key * 8) != NULL,
                         model[key] != 0);
    table_free(&table);
    free(model);
}

static void test_numbers(void **state)
{
    struct numbers numbers = {0};

    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(numbers_take(&numbers), i);
    numbers_give(&numbers, 7);
    numbers_give(&numbers, 500);
    assert_int_equal(numbers_take(&numbers), 500); /* the last given first */
    assert_int_equal(numbers_take(&numbers), 7);
    assert_int_equal(numbers_take(&numbers), 1000);
    numbers_free(&numbers);
}

static void test_names(void **state)
{
    uint32_t first[2] = {UINT32_MAX, UINT32_MAX};
    struct names names = {0};
    uint32_t record;

    (void)state;
    for (uint32_t name = 1; name <= 500; name++) {
        assert_int_not_equal(names_add(&names, &first[0], 0, name, 0x1000 + name * 16), UINT32_MAX);
        assert_int_not_equal(names_add(&names, &first[1], 1, name, 0), UINT32_MAX);
    }
    record = names_find(&names, 0, 77);
    assert_int_equal(names_find_entry(&names, 0x1000 + 77 * 16), record);
    assert_int_not_equal(names_find(&names, 1, 77), record);
    names.records[record].right = 3;
    assert_int_equal(names_set_key(&names, record, 0x12345), 0);
    assert_int_equal(names_find_key(&names, 0, 0x12345), record);
    assert_int_equal(names_find_key(&names, 1, 0x12345), UINT32_MAX);
    names_remove(&names, &first[0], record);
    assert_int_equal(names_find(&names, 0, 77), UINT32_MAX);
    assert_int_equal(names_find_key(&names, 0, 0x12345), UINT32_MAX);
    assert_int_equal(names_find_entry(&names, 0x1000 + 77 * 16), UINT32_MAX);
    for (unsigned i = 0; i < 499; i++)
        names_remove(&names, &first[0], first[0]);
    assert_int_equal(first[0], UINT32_MAX);
    assert_int_equal(names.by_name.count, 500);
    names_free(&names);
}

static int parse(const char *text, struct log_line *line, struct error *error)
{
    char *copy = malloc(strlen(text) + 2);
    int code;

    assert_non_null(copy);
    memcpy(copy, text, strlen(text));
    copy[strlen(text)] = '\n';
    memset(line, 0xa5, sizeof(*line));
    error->text[0] = '\0';
    code = log_line_parse(copy, strlen(text), line, error);
    line->text = NULL;
    free(copy);
    return code;
}

static void test_lines(void **state)
{
    struct error error;
    struct log_line line;

    (void)state;
    assert_int_equal(parse("12 c1 kmem_realloc ipc_table_realloc c0 d0 1000 e0 2000 = 0 at d1000",
                           &line, &error),
                     0);
    assert_int_equal(line.time, 12);
    assert_int_equal(line.task, 0xc1);
    assert_int_equal(line.call, CALL_KMEM_REALLOC);
    assert_int_equal(line.parent, CALL_IPC_TABLE_REALLOC);
    assert_int_equal(line.nr_arguments, 5);
    assert_int_equal(line.arguments[4], 0x2000);
    assert_true(line.has_result && line.has_value);
    assert_int_equal(line.value, 0xd1000);
    assert_int_equal(
        parse("1 0 ipc_entry_grow_table ipc_entry_alloc c0 = 6 old 266752 new 10", &line, &error),
        0);
    assert_int_equal(line.old, 266752);
    assert_int_equal(line.new, 10);
    assert_int_equal(parse("1 0 ipc_space_destroy c0", &line, &error), 0);
    assert_int_equal(line.arguments[0], 0xc0);
    assert_int_equal(line.parent, CALL_NONE);
    assert_int_equal(parse("1 0 kalloc mach_print 10 = c0", &line, &error), 0);
    assert_int_equal(line.parent, CALL_NONE);
    assert_int_equal(parse("1 0 slab_collect - = 0 reaped 1", &line, &error), 0);
    assert_int_equal(line.nr_arguments, 0);
    assert_int_equal(line.value, 1);
    assert_int_equal(parse("end 5 99", &line, &error), 0);
    assert_int_equal(line.kind, LOG_END);
    assert_int_equal(line.time, 99);
    assert_int_equal(parse("M 7 c1 mark: rights 5000", &line, &error), 0);
    assert_int_equal(line.text_size, strlen("rights 5000"));
    assert_int_equal(parse("1 0 kalloc - 10", &line, &error), 0); /* no result: as it stands */
    assert_false(line.has_result);

    assert_int_equal(parse("1 0 kalloc - g = c0", &line, &error), -1);
    assert_int_equal(parse("1 0 kalloc - 10 =c0", &line, &error), -1);
    assert_int_equal(parse("1 0 kalloc - 10 = c0 wrong 1", &line, &error), -1);
    assert_int_equal(parse("1 0 kfree - 10 = c0", &line, &error), -1);
    assert_int_equal(parse("1 0 kalloc", &line, &error), -1);
    assert_int_equal(parse("99999999999999999999 0 kalloc - 1 = 1", &line, &error), -1);
    assert_int_equal(parse("1 11112222333344445 kalloc - 1 = 1", &line, &error), -1);
    assert_int_equal(parse("", &line, &error), -1);
}

/* Lines of all lengths around the block size, plain and compressed, kept and read again. */
static void test_reader(void **state)
{
    size_t size = 5u << 20, bound = ZSTD_compressBound(size);
    char *text = malloc(size), *packed = malloc(bound);
    uint64_t seed = 42, lines = 0;
    size_t last = 0;

    (void)state;
    assert_non_null(text);
    assert_non_null(packed);
    for (size_t i = 0; i < size; i++)
        text[i] = random_next(&seed) % 3000 == 0 || i % 60000 == 59999 ? '\n' : 'x';
    text[size - 1] = 'y'; /* the last line has no end, so it is none */
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n';
        last = text[i] == '\n' ? i + 1 : last;
    }

    for (unsigned packing = 0; packing < 2; packing++) {
        struct error error = {{0}};
        struct log_reader *reader;
        char name[64];
        size_t at = 0;
        const char *line;
        size_t length;

        if (packing == 0)
            file_with(name, text, size);
        else
            file_with(name, packed, ZSTD_compress(packed, bound, text, size, 1));
        reader = log_reader_open(name, &error);
        assert_non_null(reader);
        log_reader_keep(reader);
        for (unsigned i = 0; i < 1000; i++)
            assert_int_equal(log_reader_line(reader, &line, &length, &error), 1);
        log_reader_rewind(reader);
        while (log_reader_line(reader, &line, &length, &error) == 1) {
            assert_memory_equal(line, text + at, length);
            assert_int_equal(line[length], '\n');
            at += length + 1;
        }
        assert_int_equal(at, last);
        assert_int_equal(log_reader_number(reader), lines);
        assert_non_null(log_reader_cut(reader));
        log_reader_close(reader);
        unlink(name);
    }
    free(text);
    free(packed);
}

/* The log's own last line needs no end. */
static void test_reader_end(void **state)
{
    static const char text[] = "event-log 1\nend 0 0";
    struct error error = {{0}};
    char name[64];
    const char *line;
    size_t length;

    (void)state;
    file_with(name, text, sizeof(text) - 1);

    struct log_reader *reader = log_reader_open(name, &error);

    assert_non_null(reader);
    assert_int_equal(log_reader_line(reader, &line, &length, &error), 1);
    assert_int_equal(log_reader_line(reader, &line, &length, &error), 1);
    assert_int_equal(length, strlen("end 0 0"));
    assert_int_equal(log_reader_line(reader, &line, &length, &error), 0);
    assert_null(log_reader_cut(reader));
    log_reader_close(reader);
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_end), cmocka_unit_test(test_table),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
