/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the tests of the machine share: cmocka and a small machine with an allocator. */

#ifndef TESTS_MACHINE_HELPER_H
#define TESTS_MACHINE_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "allocators/pages.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bench {
    struct machine machine;
    struct pages pages;
    struct error error;
};

/* A machine with the given segments, no page free. */
static inline void bench_open(struct bench *bench, const struct pages_ops *ops,
                              const char *geometry, const struct segment *segments, unsigned nr)
{
    memset(bench, 0, sizeof(*bench));
    assert_int_equal(machine_open(&bench->machine, geometry_find(geometry),
                                  (uint64_t)segments[nr - 1].end << PAGE_SHIFT, segments, nr, 0, 0,
                                  &bench->error),
                     0);
    assert_int_equal(ops->open(&bench->pages, &bench->machine, &bench->error), 0);
    assert_ptr_equal(bench->pages.ops, ops);
}

static inline void bench_close(struct bench *bench)
{
    bench->pages.ops->close(&bench->pages);
    machine_close(&bench->machine);
}

static inline void bench_release(struct bench *bench, uint32_t start, uint32_t end)
{
    for (uint32_t frame = start; frame < end; frame++)
        bench->pages.ops->release(&bench->pages, frame);
}

static inline void bench_check(struct bench *bench)
{
    if (bench->pages.ops->check(&bench->pages, &bench->error) != 0)
        fail_msg("%s", bench->error.text);
}

static inline void expect_failure(const struct bench *bench, enum failure_cause cause,
                                  const char *resource, uint64_t requested, uint64_t free,
                                  uint64_t largest, uint64_t pieces)
{
    const struct failure *failure = &bench->machine.failure;

    assert_string_equal(failure_cause_name(failure->cause), failure_cause_name(cause));
    assert_string_equal(failure->resource, resource);
    assert_int_equal(failure->requested, requested);
    assert_int_equal(failure->free, free);
    assert_int_equal(failure->largest, largest);
    assert_int_equal(failure->pieces, pieces);
}

/* xorshift64*: the tests need numbers that are the same everywhere. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((random_next(state) >> 32) * n >> 32);
}

#endif
