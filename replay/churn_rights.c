/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Rights of one space that come and go.
 *
 * Two workloads. A week: the number of live rights follows the hour of the day, and in each hour
 * some die and are made anew. A refill: a space is filled until a right is refused, half of its
 * rights die at random, and rights are made again: a design that gives names back well ends where
 * it was.
 *
 * Rights are made without ports, since only the space is looked at. Which right dies matters: the
 * newest leave the space as it was, the oldest empty it from one end, and any right leaves holes
 * everywhere. So rights are kept twice: densely, to pick any of them, and in the order of their
 * making.
 */

#include "replay/churn_private.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct live_right {
    uint32_t name;
    uint32_t older, newer; /* NONE at the ends */
    uint32_t place;        /* in `order` */
};

struct rights {
    const struct stack_ops *ops;
    struct stack *stack;
    struct churn_random random;
    struct live_right *rights;
    uint32_t *order; /* the first NR are alive, in no order; the others are free numbers */
    uint32_t max, nr;
    uint32_t oldest, newest;
    uint32_t highest; /* name that was ever given */
};

/* ---- Rights ---- */

static int rights_open(struct rights *rights, const struct churn_machine *machine, uint32_t max,
                       struct error *error)
{
    memset(rights, 0, sizeof(*rights));
    rights->ops = machine->ops;
    rights->random.state = machine->seed;
    rights->max = max;
    rights->oldest = rights->newest = NONE;
    rights->rights = calloc(max, sizeof(*rights->rights));
    rights->order = calloc(max, sizeof(*rights->order));

    if (rights->rights == NULL || rights->order == NULL)
        return error_set(error, "no memory for %u rights", max);

    for (uint32_t i = 0; i < max; i++)
        rights->order[i] = i;

    rights->stack = churn_open(machine, error);
    if (rights->stack == NULL)
        return -1;

    rights->stack->privileged = false;
    if (!rights->ops->space_create(rights->stack, 0, false))
        return error_set(error, "stack %s cannot make a space", rights->ops->name);

    return 0;
}

static int rights_close(struct rights *rights, const struct churn_machine *machine, int status,
                        struct error *error)
{
    if (rights->stack != NULL)
        status = churn_close(machine, rights->stack, status, error);

    free(rights->rights);
    free(rights->order);
    return status;
}

/* The name of a new right, NAME_NONE when it was refused. */
static uint32_t right_make(struct rights *rights)
{
    uint32_t number = rights->order[rights->nr];
    struct live_right *right = &rights->rights[number];
    uint32_t name = rights->ops->name_alloc(rights->stack, 0, number);

    if (name == NAME_NONE)
        return NAME_NONE;

    *right = (struct live_right){
        .name = name, .older = rights->newest, .newer = NONE, .place = rights->nr++};

    if (rights->newest != NONE)
        rights->rights[rights->newest].newer = number;
    else
        rights->oldest = number;
    rights->newest = number;

    if (name > rights->highest)
        rights->highest = name;
    return name;
}

static void right_die(struct rights *rights, uint32_t number)
{
    struct live_right *right = &rights->rights[number];
    uint32_t last = rights->order[--rights->nr];

    rights->ops->name_free(rights->stack, 0, right->name);

    rights->order[right->place] = last;
    rights->rights[last].place = right->place;
    rights->order[rights->nr] = number;

    if (right->older != NONE)
        rights->rights[right->older].newer = right->newer;
    else
        rights->oldest = right->newer;
    if (right->newer != NONE)
        rights->rights[right->newer].older = right->older;
    else
        rights->newest = right->older;
}

static uint32_t right_any(struct rights *rights)
{
    return rights->order[churn_below(&rights->random, rights->nr)];
}

/* Which right dies next. */
static uint32_t right_choose(struct rights *rights, enum churn_death death)
{
    if (death == CHURN_DIE_MIXED) {
        static const enum churn_death mix[] = {CHURN_DIE_RANDOM, CHURN_DIE_RANDOM, CHURN_DIE_OLDEST,
                                               CHURN_DIE_NEWEST};

        death = mix[churn_below(&rights->random, 4)];
    }

    switch (death) {
    case CHURN_DIE_OLDEST:
        return rights->oldest;
    case CHURN_DIE_NEWEST:
        return rights->newest;
    default:
        return right_any(rights);
    }
}

static uint32_t highest_alive(const struct rights *rights)
{
    uint32_t highest = 0;

    for (uint32_t i = 0; i < rights->nr; i++)
        if (rights->rights[rights->order[i]].name > highest)
            highest = rights->rights[rights->order[i]].name;

    return highest;
}

/* ---- A week ---- */

static void hour_take(const struct rights *rights, struct churn_hour *hour)
{
    struct space_snapshot state;

    rights->ops->space_state(rights->stack, 0, &state);
    *hour = (struct churn_hour){.live = rights->nr,
                                .highest = highest_alive(rights),
                                .nodes = state.name_nodes,
                                .height = state.height};
}

static bool make_counted(struct rights *rights, struct churn_week_result *result)
{
    if (right_make(rights) == NAME_NONE) {
        result->refused++;
        return false;
    }

    result->made++;
    return true;
}

static void die_counted(struct rights *rights, enum churn_death death,
                        struct churn_week_result *result)
{
    right_die(rights, right_choose(rights, death));
    result->died++;
}

/* Rights come or go until TARGET live, each step followed by its share of replacements, so that
 * the hour's traffic is spread over it. */
static void hour_run(struct rights *rights, const struct churn_week_options *options,
                     uint32_t target, struct churn_week_result *result)
{
    uint32_t steps = target > rights->nr ? target - rights->nr : rights->nr - target;
    bool up = target > rights->nr;
    uint64_t replaced = 0;

    for (uint32_t step = 1; step <= steps + 1; step++) {
        uint64_t due = (uint64_t)options->replaced * step / (steps + 1);

        if (step <= steps) {
            if (!up)
                die_counted(rights, options->death, result);
            else if (!make_counted(rights, result))
                return;
        }

        for (; replaced < due && rights->nr > 0; replaced++) {
            die_counted(rights, options->death, result);
            if (!make_counted(rights, result))
                return;
        }
    }
}

/* Returns the nodes that the lookups visited. */
static uint32_t hour_look_up(struct rights *rights, uint32_t lookups,
                             struct churn_week_result *result)
{
    uint64_t before = rights->stack->work->nodes_visited;

    for (uint32_t i = 0; i < lookups && rights->nr > 0; i++) {
        uint32_t number = right_any(rights);

        if (rights->ops->name_lookup(rights->stack, 0, rights->rights[number].name) != number)
            result->wrong++;
        result->looked_up++;
    }

    before = rights->stack->work->nodes_visited - before;
    result->lookup_nodes += before;
    return (uint32_t)before;
}

static void week_run(struct rights *rights, const struct churn_week_options *options,
                     struct churn_week_result *result)
{
    for (unsigned i = 0; i < options->hours; i++) {
        struct churn_hour *hour = &result->hours[i];
        uint64_t before = rights->stack->work->nodes_visited;

        hour_run(rights, options, options->live[i % 24], result);
        result->made_nodes += rights->stack->work->nodes_visited - before;

        uint32_t visited = hour_look_up(rights, options->lookups, result);

        hour_take(rights, hour);
        hour->lookup_nodes = visited;

        if (hour->nodes > result->most_nodes)
            result->most_nodes = hour->nodes;
        if (hour->height > result->most_height)
            result->most_height = hour->height;
    }

    result->highest = rights->highest;
}

int churn_week(const struct churn_machine *machine, const struct churn_week_options *options,
               struct churn_week_result *result, struct error *error)
{
    struct rights rights;
    uint32_t most = 1;
    int status;

    memset(result, 0, sizeof(*result));
    if (options->hours > CHURN_HOURS_MAX)
        return error_set(error, "%u hours are more than %d", options->hours, CHURN_HOURS_MAX);

    for (unsigned i = 0; i < 24; i++)
        if (options->live[i] > most)
            most = options->live[i];

    status = rights_open(&rights, machine, most, error);
    if (status == 0)
        week_run(&rights, options, result);

    return rights_close(&rights, machine, status, error);
}

/* ---- A refill ---- */

static void refill_state(const struct rights *rights, struct churn_refill_result *result,
                         unsigned at)
{
    struct churn_hour hour;

    hour_take(rights, &hour);
    result->height[at] = hour.height;
    result->nodes[at] = hour.nodes;
    result->highest[at] = hour.highest;
}

/* Makes rights until MAX are alive or one is refused; returns how many. */
static uint64_t rights_make(struct rights *rights, uint32_t max)
{
    uint32_t before = rights->nr;

    while (rights->nr < max && right_make(rights) != NAME_NONE)
        ;

    return rights->nr - before;
}

static void refill_run(struct rights *rights, struct churn_refill_result *result)
{
    uint32_t filled;

    filled = (uint32_t)rights_make(rights, rights->max);
    result->filled = filled;
    refill_state(rights, result, 0);

    while (rights->nr > filled - filled / 2)
        right_die(rights, right_any(rights));
    result->freed = filled - rights->nr;
    refill_state(rights, result, 1);

    memset(&rights->stack->failure, 0, sizeof(rights->stack->failure));
    result->refilled = rights_make(rights, filled);
    result->failure = rights->stack->failure;
    refill_state(rights, result, 2);
}

int churn_refill(const struct churn_machine *machine, uint32_t limit,
                 struct churn_refill_result *result, struct error *error)
{
    struct rights rights;
    /* An entry of 16 bytes is the least that a right takes. */
    uint32_t max = limit != 0 ? limit : (uint32_t)(machine->memory / 16);
    int status = rights_open(&rights, machine, max, error);

    memset(result, 0, sizeof(*result));
    if (status == 0)
        refill_run(&rights, result);

    return rights_close(&rights, machine, status, error);
}
