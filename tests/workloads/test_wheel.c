/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The wheel against a list that is searched from the front: the same entries, by time and then in
 * the order in which they were put in, whatever the distances, from the same tick to beyond the
 * last level.
 */

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "workloads/random.h"
#include "workloads/wheel.h"

enum { WAITING = 400, ROUNDS = 20000 };

struct list {
    struct wheel_entry entries[WAITING];
    unsigned nr;
};

/* The first of the least time; false when it is after UNTIL. */
static bool list_take(struct list *list, uint64_t until, struct wheel_entry *entry)
{
    unsigned least = 0;

    for (unsigned i = 1; i < list->nr; i++)
        if (list->entries[i].time < list->entries[least].time)
            least = i;
    if (list->nr == 0 || list->entries[least].time > until)
        return false;
    *entry = list->entries[least];
    list->nr--;
    for (unsigned i = least; i < list->nr; i++)
        list->entries[i] = list->entries[i + 1];
    return true;
}

static void compare(uint64_t seed)
{
    struct random random;
    uint64_t now, next = 0;
    struct wheel *wheel;
    struct list list = {.nr = 0};

    random_seed(&random, seed, 0);
    now = random_next(&random) >> 20;
    wheel = wheel_create(now);
    assert_non_null(wheel);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct wheel_entry expected, found;
        unsigned bits = (unsigned)random_below(&random, 46);
        uint64_t until = now + (random_next(&random) >> (63 - random_below(&random, 44)));

        while (list.nr < WAITING && random_below(&random, 3) != 0) {
            struct wheel_entry entry = {.time = now + (random_next(&random) >> (63 - bits)),
                                        .id = (uint32_t)next++,
                                        .generation = round};

            assert_true(wheel_add(wheel, entry.time, entry.id, entry.generation));
            list.entries[list.nr++] = entry;
        }
        while (list_take(&list, until, &expected)) {
            if (!wheel_take(wheel, until, &found) || found.id != expected.id)
                fail_msg("seed %llu, round %u: found another entry than %u",
                         (unsigned long long)seed, round, expected.id);
            assert_int_equal(found.time, expected.time);
            assert_int_equal(found.generation, expected.generation);
            now = found.time;
            /* What is put in while the slot is being emptied. */
            if (list.nr < WAITING && random_below(&random, 4) == 0) {
                expected = (struct wheel_entry){.time = now + random_below(&random, 100),
                                                .id = (uint32_t)next++};
                assert_true(wheel_add(wheel, expected.time, expected.id, 0));
                list.entries[list.nr++] = expected;
            }
        }
        assert_false(wheel_take(wheel, until, &found));
        now = until;
    }
    wheel_destroy(wheel);
}

static void test_against_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        compare(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
