/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Traces can be alike in every distribution and still cost a design different things, since
 * fragmentation comes of an order that no distribution keeps. So both are replayed, and what they
 * cost is compared: memory at its peak, waste, what could not be served.
 *
 * A generated trace stands for a captured one when it leads to the same choice: the stacks come in
 * the same order, wherever they are further apart than a tenth.
 */

#include "replay/trace_costs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay/json.h"
#include "replay/session.h"

#define APART         1.1 /* stacks further apart than this have an order */
#define UNUSABLE_AT   3   /* order of the block, of 8 pages, as the tables of results have it */
#define REVERSED_SHOW 6

/* Of one trace through one stack. */
struct cost {
    uint64_t refused;  /* that the captured kernel granted */
    uint64_t first;    /* event of the first of them; 0: none */
    struct held peak;  /* bytes */
    uint64_t waste;    /* thousandths of slabs, at worst */
    uint64_t unusable; /* thousandths of free memory, at worst */
    uint64_t digest;
};

struct trace_costs {
    unsigned nr;
    struct {
        char stack[64]; /* of a shared object it goes with the object */
        struct cost a, b;
    } rows[REQUEST_STACKS];
};

/* ---- Replays ---- */

static void cost_of(const struct replay_result *result, struct cost *cost)
{
    const struct series *series = result->series;

    cost->refused = replay_refused(result);
    for (unsigned i = 0; i < result->nr_failures; i++)
        if (!result->failures[i].kernel_too &&
            (cost->first == 0 || result->failures[i].event < cost->first))
            cost->first = result->failures[i].event;
    cost->peak = result->snapshot.peak;
    if (series != NULL && series->waste.known)
        cost->waste = (uint64_t)series->waste.value;
    if (series != NULL && series->nr_segments != 0 && series->unusable[UNUSABLE_AT].known)
        cost->unusable = (uint64_t)series->unusable[UNUSABLE_AT].value;
    cost->digest = result->digest;
}

/* Both traces have the same stacks in the same order. */
static int replay_one(struct trace_costs *costs, const struct request *request,
                      struct trace_reader *trace, bool first, struct error *error)
{
    struct session_outcome *outcomes = calloc(request->nr_stacks, sizeof(*outcomes));
    int result;

    if (outcomes == NULL)
        return error_set(error, "no memory for the results");
    result = session_run(request, trace, first ? "A" : "B", &request->stopwatch, outcomes, error);
    for (unsigned i = 0; i < request->nr_stacks && result == 0; i++) {
        snprintf(costs->rows[i].stack, sizeof(costs->rows[i].stack), "%s",
                 request->stacks[i]->name);
        cost_of(&outcomes[i].result, first ? &costs->rows[i].a : &costs->rows[i].b);
    }
    session_free(outcomes, request->nr_stacks);
    free(outcomes);
    return result == 0 ? 0 : error_prefix(error, "trace %s: ", first ? "A" : "B");
}

struct trace_costs *trace_costs_create(const struct request *request, struct trace_reader *a,
                                       struct trace_reader *b, struct error *error)
{
    struct trace_costs *costs = calloc(1, sizeof(*costs));

    if (costs == NULL) {
        error_set(error, "no memory for the results");
        return NULL;
    }
    costs->nr = request->nr_stacks;
    if (replay_one(costs, request, a, true, error) != 0 ||
        replay_one(costs, request, b, false, error) != 0) {
        free(costs);
        return NULL;
    }
    return costs;
}

void trace_costs_destroy(struct trace_costs *costs)
{
    free(costs);
}

/* ---- Order ---- */

static bool serves(const struct cost *cost)
{
    return cost->refused == 0 && cost->peak.page_bytes != 0;
}

/* 1: Y holds more than a tenth more than X; -1: the other way round; 0: they are near. */
static int order(const struct cost *x, const struct cost *y)
{
    double held_x = (double)x->peak.page_bytes, held_y = (double)y->peak.page_bytes;

    return held_y > APART * held_x ? 1 : held_x > APART * held_y ? -1 : 0;
}

static bool serves_both(const struct trace_costs *costs, unsigned row)
{
    return serves(&costs->rows[row].a) && serves(&costs->rows[row].b);
}

struct order_count {
    unsigned pairs, reversed;
};

/* Of the pairs of stacks that served both traces and that A puts in an order, those that B does
 * not. Each of these is printed, when there is a STREAM. */
static struct order_count order_count(const struct trace_costs *costs, FILE *stream)
{
    struct order_count count = {0, 0};

    for (unsigned i = 0; i < costs->nr; i++)
        for (unsigned j = i + 1; j < costs->nr && serves_both(costs, i); j++) {
            int of_a = order(&costs->rows[i].a, &costs->rows[j].a);
            uint64_t b_i = costs->rows[i].b.peak.page_bytes;
            uint64_t b_j = costs->rows[j].b.peak.page_bytes;

            if (of_a == 0 || !serves_both(costs, j))
                continue;
            count.pairs++;
            if (of_a > 0 ? b_j > b_i : b_i > b_j)
                continue;
            if (stream != NULL && count.reversed < REVERSED_SHOW)
                fprintf(stream, "    %s holds less than %s in A, and not in B\n",
                        costs->rows[of_a > 0 ? i : j].stack, costs->rows[of_a > 0 ? j : i].stack);
            count.reversed++;
        }
    return count;
}

/* ---- Printing ---- */

static void print_bytes(FILE *stream, uint64_t bytes)
{
    fprintf(stream, " %8.2f", (double)bytes / (1024 * 1024));
}

static void print_ratio(FILE *stream, uint64_t a, uint64_t b)
{
    if (a == 0)
        fprintf(stream, " %7s", b == 0 ? "-" : "new");
    else
        fprintf(stream, " %7.3f", (double)b / (double)a);
}

/* A stack that served one of the traces only is a difference by itself. */
static void print_served(const struct trace_costs *costs, FILE *stream)
{
    for (unsigned i = 0; i < costs->nr; i++)
        if ((costs->rows[i].a.refused == 0) != (costs->rows[i].b.refused == 0))
            fprintf(stream, "%s served all of %s and refused requests of %s.\n",
                    costs->rows[i].stack, costs->rows[i].a.refused == 0 ? "A" : "B",
                    costs->rows[i].a.refused == 0 ? "B" : "A");
}

static void print_order(const struct trace_costs *costs, FILE *stream)
{
    struct order_count count = order_count(costs, NULL);

    print_served(costs, stream);
    if (count.pairs == 0)
        fputs("No two stacks that served both traces are further apart than a tenth in A: there "
              "is no order\nto keep.\n",
              stream);
    else if (count.reversed == 0)
        fprintf(stream,
                "The order of stacks is the same in all pairs that are further apart than a tenth, "
                "which are %u.\n",
                count.pairs);
    else
        fprintf(stream, "The order of stacks is not the same in %u of %u pairs:\n", count.reversed,
                count.pairs);
    if (count.reversed != 0)
        order_count(costs, stream);
}

void trace_costs_print(const struct trace_costs *costs, FILE *stream)
{
    fprintf(stream, "\n%-14s %15s %17s %7s %7s %7s %13s %11s\n", "", "refused", "held, MiB", "held",
            "slabs", "rights", "waste, %", "unusable");
    fprintf(stream, "%-14s %7s %7s %8s %8s %7s %7s %7s %6s %6s %5s %5s\n", "stack", "A", "B", "A",
            "B", "B/A", "B/A", "B/A", "A", "B", "A", "B");
    for (unsigned i = 0; i < costs->nr; i++) {
        const struct cost *a = &costs->rows[i].a, *b = &costs->rows[i].b;

        fprintf(stream, "%-14.14s %7" PRIu64 " %7" PRIu64, costs->rows[i].stack, a->refused,
                b->refused);
        print_bytes(stream, a->peak.page_bytes);
        print_bytes(stream, b->peak.page_bytes);
        print_ratio(stream, a->peak.page_bytes, b->peak.page_bytes);
        print_ratio(stream, a->peak.slab_bytes, b->peak.slab_bytes);
        print_ratio(stream, a->peak.space_bytes, b->peak.space_bytes);
        fprintf(stream, " %6.1f %6.1f %5.3f %5.3f\n", (double)a->waste / 10, (double)b->waste / 10,
                (double)a->unusable / 1000, (double)b->unusable / 1000);
    }
    print_order(costs, stream);
}

/* ---- JSON ---- */

/* [A's, B's]. */
static json_t *pair(uint64_t a, uint64_t b)
{
    return json_pack("[I, I]", (json_int_t)a, (json_int_t)b);
}

static json_t *row_json(const char *stack, const struct cost *a, const struct cost *b, int *failed)
{
    json_t *object = json_object();

    json_put_text(object, "stack", stack, failed);
    json_put(object, "refused", pair(a->refused, b->refused), failed);
    json_put(object, "first_refused", pair(a->first, b->first), failed);
    json_put(object, "page_bytes", pair(a->peak.page_bytes, b->peak.page_bytes), failed);
    json_put(object, "slab_bytes", pair(a->peak.slab_bytes, b->peak.slab_bytes), failed);
    json_put(object, "map_bytes", pair(a->peak.map_bytes, b->peak.map_bytes), failed);
    json_put(object, "space_bytes", pair(a->peak.space_bytes, b->peak.space_bytes), failed);
    json_put(object, "waste", pair(a->waste, b->waste), failed);
    json_put(object, "unusable", pair(a->unusable, b->unusable), failed);
    json_put(object, "digest",
             json_pack("[o, o]", json_sprintf("%016" PRIx64, a->digest),
                       json_sprintf("%016" PRIx64, b->digest)),
             failed);
    return object;
}

json_t *trace_costs_json(const struct trace_costs *costs)
{
    struct order_count count = order_count(costs, NULL);
    json_t *array = json_array(), *object;
    int failed = 0;

    for (unsigned i = 0; i < costs->nr; i++)
        json_push(array,
                  row_json(costs->rows[i].stack, &costs->rows[i].a, &costs->rows[i].b, &failed),
                  &failed);
    object = json_pack("{s:o, s:i, s:i}", "stacks", array, "ordered_pairs", (int)count.pairs,
                       "reversed_pairs", (int)count.reversed);
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}
