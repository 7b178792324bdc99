/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Prints the series of a short life of some stacks, as a result has it, one document to a line:
 * docs/metrics.md is held against its fields.
 */

#include <stdio.h>
#include <stdlib.h>

#include "replay/series_json.h"

#define RIGHTS  4000
#define SAMPLES 4

static int fail(const struct error *error)
{
    fprintf(stderr, "dump_series: %s\n", error->text);
    return 1;
}

static void live(struct stack *stack, struct series *series, struct snapshot *snapshot)
{
    const struct stack_ops *ops = stack->ops;

    ops->cache_create(stack, 0, "ipc_port", 80, 0, 0);
    ops->space_create(stack, 0, false);
    for (uint32_t i = 1; i <= RIGHTS; i++) {
        ops->page_alloc(stack, 1, SEGMENT_DIRECTMAP, PAGE_CLASS_USER, false);
        ops->cache_alloc(stack, 0);
        ops->name_alloc(stack, 0, i);
        if (i % (RIGHTS / SAMPLES) == 0)
            series_take(series, stack,
                        &(struct series_point){.event = 3 * i,
                                               .time = i,
                                               .requested = i * (PAGE_SIZE + 80ul),
                                               .mark = i < RIGHTS ? SERIES_NO_MARK : 0,
                                               .deep = i == RIGHTS},
                        snapshot);
    }
}

static int dump(const struct stack_config *config, const char *name, struct error *error)
{
    const struct stack_ops *ops = stack_find(name);
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct series *series = calloc(1, sizeof(*series));
    struct stack *stack = ops->open(ops, config, error);
    int failed = snapshot == NULL || series == NULL || stack == NULL ||
                 series_open(series, SAMPLES, error) != 0;

    if (failed == 0) {
        live(stack, series, snapshot);

        json_t *document = json_pack("{s:{s:o}}", "exact", "series", series_json(series, &failed));

        failed |= json_dumpf(document, stdout, JSON_SORT_KEYS | JSON_COMPACT);
        putchar('\n');
        json_decref(document);
        series_close(series);
    }

    if (stack != NULL)
        ops->close(stack);
    free(series);
    free(snapshot);
    return failed != 0 ? -1 : 0;
}

int main(void)
{
    static const char *const stacks[] = {"table+vm", "radix+hybrid", "null"};
    struct error error = {"no memory"};

    for (unsigned i = 0; i < 3; i++) {
        struct stack_config config = {.geometry = geometry_find(i == 0 ? "i386-2013" : "i386"),
                                      .memory = 64u << 20,
                                      .max_spaces = 1};

        if (dump(&config, stacks[i], &error) != 0)
            return fail(&error);
    }

    return 0;
}
