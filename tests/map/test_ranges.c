/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel map against kernels that ran.
 *
 * ranges-*.txt hold every range that a captured kernel took of its maps, in order, and where it
 * went (extract-ranges.py cuts them out of the event logs). Each is asked for here and must come
 * out at the same address, with the same objects taken on the way in the same order: E an entry, O
 * a vm_object, P its port, V a pv_entry, lower case when one goes back; in brackets the ranges that
 * were taken meanwhile, because a cache had to grow. A `?` stands where the capture saw no objects.
 * At each counter that was read out of the kernel, entries and bytes must agree.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake.h"

struct replay {
    struct fake *fake;
    const struct map_ops *ops;
    struct map kernel, kmem, ipc, device;
    const char *name;
    unsigned line;
    char *at;        /* rest of the row */
    unsigned repeat; /* how often the token at hand is still to come */
    bool unseen;     /* objects of this row were not captured */
    struct map *current;
    unsigned ranges, counters;
};

struct replay_source {
    struct replay *replay;
    char token;
};

static char *word(struct replay *replay)
{
    return strtok_r(NULL, " \n", &replay->at);
}

static uint64_t hex(struct replay *replay)
{
    const char *text = word(replay);

    assert_non_null(text);
    return strtoul(text, NULL, 16);
}

/* First character of what comes next in the row, without taking it. */
static char peek(struct replay *replay)
{
    while (*replay->at == ' ')
        replay->at++;
    return *replay->at == '\n' ? '\0' : *replay->at;
}

static void operate(struct replay *replay, const char *kind);

/* The next thing to happen must be TOKEN, after whatever was nested in it. */
static void expect(struct replay *replay, char token)
{
    if (replay->unseen)
        return;
    while (replay->repeat == 0 && peek(replay) == '(') {
        word(replay);
        operate(replay, word(replay));
        assert_string_equal(word(replay), ")");
    }
    if (peek(replay) != token)
        fail_msg("%s:%u: takes or gives %c, the kernel: %s", replay->name, replay->line, token,
                 replay->at);
    if (replay->repeat == 0)
        replay->repeat = replay->at[1] == '*' ? (unsigned)strtoul(replay->at + 2, NULL, 10) : 1;
    if (--replay->repeat == 0)
        word(replay);
}

static uint64_t source_alloc(void *context)
{
    struct replay_source *source = context;
    static uint64_t object = 0x1000;

    expect(source->replay, source->token);
    return object += 8;
}

static void source_free(void *context, uint64_t object)
{
    struct replay_source *source = context;

    (void)object;
    expect(source->replay, (char)(source->token | 0x20));
}

static uint64_t allocate(struct replay *replay, const char *kind)
{
    static const struct {
        const char *name;
        enum kmem_kind kind;
    } kinds[] = {{"wired", KMEM_WIRED},
                 {"aligned", KMEM_ALIGNED},
                 {"alloc", KMEM_OBJECT},
                 {"pageable", KMEM_PAGEABLE}};
    uint64_t address = hex(replay);

    if (strcmp(kind, "realloc") == 0) {
        uint64_t old = hex(replay), new = hex(replay);
        uint64_t expected = (word(replay), hex(replay));

        if (peek(replay) == ':')
            word(replay);
        assert_int_equal(kmem_realloc(&replay->fake->kmem, replay->current, address, old, new),
                         expected);
        return expected;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kind, kinds[i].name) != 0)
            continue;
        uint64_t expected = 0, result;

        if (peek(replay) == '=')
            expected = (word(replay), hex(replay));
        if (peek(replay) == ':')
            word(replay);
        replay->unseen = peek(replay) == '?';
        result = kmem_alloc(&replay->fake->kmem, replay->current, address, kinds[i].kind);
        if (result != expected && expected != 0)
            fail_msg("%s:%u: at %#" PRIx64 ", the kernel: %#" PRIx64, replay->name, replay->line,
                     result, expected);
        if (replay->unseen)
            word(replay);
        replay->unseen = false;
        return result;
    }
    fail_msg("%s:%u: %s", replay->name, replay->line, kind);
    return 0;
}

static void operate(struct replay *replay, const char *kind)
{
    assert_non_null(kind);
    if (strcmp(kind, "free") == 0) {
        uint64_t address = hex(replay), bytes = hex(replay);

        if (peek(replay) == ':')
            word(replay);
        assert_true(kmem_free(&replay->fake->kmem, replay->current, address, bytes));
    } else {
        allocate(replay, kind);
        replay->ranges++;
    }
}

/* The map of that name; *CONSTANT is the name as it outlives the row. */
static struct map *map_named(struct replay *replay, const char *name, const char **constant)
{
    static const char *const names[] = {"kernel_map", "kmem_map", "ipc_kernel_map",
                                        "device_io_map"};
    struct map *const maps[] = {&replay->kernel, &replay->kmem, &replay->ipc, &replay->device};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *constant = names[i];
            return maps[i];
        }
    }
    fail_msg("%s:%u: no map %s", replay->name, replay->line, name);
    return NULL;
}

static void open_map(struct replay *replay, struct map *map, const char *name, uint64_t start,
                     uint64_t end)
{
    static struct replay_source entries;
    struct object_source source = {source_alloc, source_free, &entries};
    struct error error;

    entries = (struct replay_source){replay, 'E'};
    assert_int_equal(
        map_open(map, replay->ops, &replay->fake->machine, name, start, end, source, 65536, &error),
        0);
}

static void open_kernel(struct replay *replay)
{
    static struct replay_source objects, ports, pvs;
    uint64_t start = hex(replay), end = hex(replay);

    replay->fake = fake_open(start, end, 16384);
    objects = (struct replay_source){replay, 'O'};
    ports = (struct replay_source){replay, 'P'};
    pvs = (struct replay_source){replay, 'V'};
    replay->fake->kmem.object_source = (struct object_source){source_alloc, source_free, &objects};
    replay->fake->kmem.port_source = (struct object_source){source_alloc, source_free, &ports};
    replay->fake->kmem.pv_source = (struct object_source){source_alloc, source_free, &pvs};
    open_map(replay, &replay->kernel, "kernel_map", start, end);
}

static void open_submap(struct replay *replay)
{
    const char *name = NULL;
    struct map *map = map_named(replay, word(replay), &name);
    uint64_t bytes = hex(replay), start;

    start = kmem_alloc(&replay->fake->kmem, &replay->kernel, bytes, KMEM_SUBMAP);
    assert_true(start != 0);
    open_map(replay, map, name, start, start + bytes);
}

/* Row `MAP wired BYTES = ADDRESS xN`: N ranges, each behind the one before. */
static bool operate_run(struct replay *replay, const char *kind)
{
    unsigned long bytes, address, nr;

    if (strcmp(kind, "wired") != 0 ||
        sscanf(replay->at, " %lx = %lx x%lu", &bytes, &address, &nr) != 3)
        return false;
    for (unsigned long i = 0; i < nr; i++) {
        uint64_t result = kmem_alloc(&replay->fake->kmem, replay->current, bytes, KMEM_WIRED);

        if (result != address + i * bytes)
            fail_msg("%s:%u: at %#" PRIx64 ", the kernel: %#lx", replay->name, replay->line, result,
                     address + i * bytes);
        replay->ranges++;
    }
    replay->at = (char *)"";
    return true;
}

static void replay_row(struct replay *replay, char *row)
{
    const char *first = strtok_r(row, " \n", &replay->at), *kind, *name;
    struct error error;

    if (first == NULL || first[0] == '#')
        return;
    if (strcmp(first, "policy") == 0) {
        replay->ops = strcmp(word(replay), "first-fit") == 0 ? &map_first_fit : &map_gap_tree;
    } else if (strcmp(first, "map") == 0) {
        open_kernel(replay);
    } else if (strcmp(first, "fixed") == 0) {
        assert_true(map_place(&replay->kernel, replay->kernel.min, hex(replay), true, 0));
    } else if (strcmp(first, "submap") == 0) {
        open_submap(replay);
    } else {
        replay->current = map_named(replay, first, &name);
        kind = word(replay);
        assert_non_null(kind);
        if (strcmp(kind, "is") == 0) {
            assert_int_equal(replay->current->nr_entries, strtoul(word(replay), NULL, 10));
            assert_int_equal(replay->current->size, strtoul(word(replay), NULL, 10));
            replay->counters++;
        } else if (!operate_run(replay, kind)) {
            operate(replay, kind);
        }
        if (peek(replay) != '\0')
            fail_msg("%s:%u: the kernel did more: %s", replay->name, replay->line, replay->at);
        if (map_check(replay->current, &error) < 0)
            fail_msg("%s:%u: %s", replay->name, replay->line, error.text);
    }
}

static void replay_file(struct replay *replay, const char *name)
{
    const char *folder = getenv("MAP_RANGES");
    char path[4096], row[4096];
    struct error error;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : ".", name);
    file = fopen(path, "r");
    assert_non_null(file);
    replay->name = name;
    while (fgets(row, sizeof(row), file) != NULL) {
        replay->line++;
        replay_row(replay, row);
    }
    fclose(file);
    if (kmem_check(&replay->fake->kmem, &error) < 0)
        fail_msg("%s: %s", name, error.text);
    print_message("%s: %u ranges, %u counters\n", name, replay->ranges, replay->counters);
}

static void replay_end(struct replay *replay)
{
    map_close(&replay->kernel);
    map_close(&replay->kmem);
    map_close(&replay->ipc);
    map_close(&replay->device);
    fake_close(replay->fake);
}

static void test_table_storm(void **state)
{
    struct replay replay = {0};

    (void)state;
    replay_file(&replay, "ranges-1.5.txt");
    assert_int_equal(replay.ranges, 472);
    assert_int_equal(replay.fake->kmem.pv_free, 78);
    replay_end(&replay);
}

/* The table grows until the submap has no hole left for it: see the figures of the real kernel. */
static void test_table_exhaustion(void **state)
{
    struct replay replay = {0};
    struct map_counts counts;
    const struct failure *failure;

    (void)state;
    replay_file(&replay, "ranges-1.5-exhaust.txt");
    assert_int_equal(replay.ranges, 5533);
    assert_int_equal(replay.fake->kmem.pv_free, 1034);
    map_count(&replay.kmem, 0, &counts);
    assert_int_equal(counts.size, 26255360);
    assert_int_equal(counts.max - counts.min, 100663296);
    assert_int_equal(counts.holes, 41);
    assert_int_equal(counts.largest_hole, 4128768);
    failure = &replay.fake->machine.failure;
    assert_int_equal(failure->cause, FAILURE_FRAGMENTATION);
    assert_string_equal(failure->resource, "kmem_map");
    assert_int_equal(failure->requested, 4300800);
    assert_int_equal(failure->free, 100663296 - 26255360);
    assert_int_equal(failure->largest, 4128768);
    assert_int_equal(failure->pieces, 41);
    replay_end(&replay);
}

static void test_radix_storm(void **state)
{
    struct replay replay = {0};

    (void)state;
    replay_file(&replay, "ranges-1.6.txt");
    assert_int_equal(replay.ranges, 547);
    replay_end(&replay);
}

static void test_gap_tree_under_pressure(void **state)
{
    struct replay replay = {0};

    (void)state;
    replay_file(&replay, "ranges-debian-pressure.txt");
    assert_int_equal(replay.ranges, 62);
    replay_end(&replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_storm),
        cmocka_unit_test(test_table_exhaustion),
        cmocka_unit_test(test_radix_storm),
        cmocka_unit_test(test_gap_tree_under_pressure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
