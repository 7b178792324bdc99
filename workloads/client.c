/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "workloads/client.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX (1u << 22)
#define GOLDEN     2654435769u /* 2^32 / golden ratio */
#define OPERATIONS_LEFT                                                                            \
    1024u /* where nobody knows: the oldest of so many parts of what waits go                      \
           */

/* ---- Plans ---- */

/* At most how many of the line's things an operation makes with an item as it was seen. */
static uint64_t line_turns(const struct recipe_line *line)
{
    uint64_t most = (line->count + RECIPE_COUNT_ONE - 1) / RECIPE_COUNT_ONE;

    if (line->per_phase)
        return 0;
    if (line->counts.nr != 0)
        most = line->counts.values[line->counts.nr - 1];
    return most;
}

/* Lines without places of their own are spread evenly, each from somewhere else. */
static uint32_t place_at(const struct recipe_line *line, uint32_t number, uint32_t turn,
                         uint32_t turns)
{
    uint64_t middle = ((2ull * turn + 1) << 32) / (2ull * turns);

    if (line->at.nr > 1)
        middle = (quantiles_at(&line->at, (uint32_t)middle) << 32) / RECIPE_PLACE_ONE;
    else if (line->at.nr == 1)
        middle = (line->at.values[0] << 32) / RECIPE_PLACE_ONE;
    else
        middle += (uint64_t)(number * 2654435761u) / turns - (1ull << 31) / turns;
    if (middle >> 32 != 0)
        middle = UINT32_MAX;
    return (uint32_t)(middle >> (32 - PLACE_BITS));
}

static int place_compare(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->turn < b->turn ? -1 : a->turn > b->turn;
}

static int plan_places(struct plan *plan, struct error *error)
{
    const struct recipe_operation *operation = plan->operation;
    uint64_t nr = 0;

    for (unsigned i = 0; i < operation->nr_lines; i++) {
        uint64_t turns = line_turns(&operation->lines[i]);

        nr += turns;
        if (nr > PLACES_MAX)
            return error_set(error, "operation %s makes more than %u things", operation->name,
                             PLACES_MAX);
        plan->turns[i] = (uint32_t)turns;
    }
    plan->places = calloc(nr + 1, sizeof(*plan->places));
    if (plan->places == NULL)
        return error_set(error, "not enough memory for the recipes");
    for (uint32_t i = 0; i < operation->nr_lines; i++)
        for (uint32_t turn = 0; turn < plan->turns[i]; turn++)
            plan->places[plan->nr_places++] = (struct place){
                .at = place_at(&operation->lines[i], i, turn, plan->turns[i]),
                .line = i,
                .turn = turn,
            };
    qsort(plan->places, plan->nr_places, sizeof(*plan->places), place_compare);
    return 0;
}

static int plan_make(struct plan *plan, const struct workload *workload, struct world *world,
                     struct error *error)
{
    const struct recipe_operation *operation = plan->operation;

    plan->makers = calloc(operation->nr_lines, sizeof(*plan->makers));
    plan->turns = calloc(operation->nr_lines, sizeof(*plan->turns));
    if (plan->makers == NULL || plan->turns == NULL)
        return error_set(error, "not enough memory for the recipes");
    for (unsigned i = 0; i < operation->nr_lines; i++)
        if (world_resolve(world, &workload->recipes, &operation->lines[i], &plan->makers[i],
                          error) != 0)
            return -1;
    return plan_places(plan, error);
}

static bool operation_used(const struct workload *workload,
                           const struct recipe_operation *operation)
{
    for (unsigned i = 0; i < workload->nr_populations; i++)
        if (workload->populations[i].load == operation)
            return true;
    for (unsigned i = 0; i < workload->nr_phases; i++)
        for (unsigned j = 0; j < workload->phases[i].nr_steps; j++)
            if (workload->phases[i].steps[j].operation == operation)
                return true;
    return false;
}

int plans_make(struct plans *plans, const struct workload *workload, struct world *world,
               struct error *error)
{
    const struct recipes *recipes = &workload->recipes;

    *plans = (struct plans){.nr = recipes->nr_operations};
    plans->plans = calloc(plans->nr + 1, sizeof(*plans->plans));
    if (plans->plans == NULL)
        return error_set(error, "not enough memory for the recipes");
    for (unsigned i = 0; i < plans->nr; i++) {
        struct plan *plan = &plans->plans[i];

        plan->operation = &recipes->operations[i];
        plan->number = (uint16_t)i;
        plan->first_line = plans->nr_lines;
        if (!operation_used(workload, plan->operation))
            continue;
        plans->nr_lines += plan->operation->nr_lines;
        if (plan_make(plan, workload, world, error) != 0)
            return -1;
    }
    return 0;
}

void plans_free(struct plans *plans)
{
    for (unsigned i = 0; i < plans->nr && plans->plans != NULL; i++) {
        free(plans->plans[i].makers);
        free(plans->plans[i].turns);
        free(plans->plans[i].places);
    }
    free(plans->plans);
    plans->plans = NULL;
}

/* ---- Clients ---- */

int client_init(struct client *client, const struct shop *shop, uint32_t number, uint64_t phase,
                const struct workload_phase *of, struct error *error)
{
    unsigned lines = 0;

    memset(client, 0, sizeof(*client));
    random_seed(&client->random, shop->workload->seed, (phase + 1) << 32 | number);
    client->phase = of;
    client->number = number;
    client->item = ITEM_NONE;
    client->turn = (uint32_t)random_next(&client->random);
    client->tail_turn = (uint32_t)random_next(&client->random);
    client->time = world_now(shop->world);
    for (unsigned i = 0; i < shop->plans.nr; i++)
        if (shop->plans.plans[i].places != NULL && shop->plans.plans[i].operation->nr_lines > lines)
            lines = shop->plans.plans[i].operation->nr_lines;
    client->carried = malloc((shop->plans.nr_lines + 1) * sizeof(*client->carried));
    client->counts = calloc(lines + 1, sizeof(*client->counts));
    if (client->carried == NULL || client->counts == NULL)
        return error_set(error, "not enough memory for client %u", number);
    /* The first rounds to the nearest, so that one client makes as many things as was seen. */
    for (unsigned i = 0; i < shop->plans.nr_lines; i++)
        client->carried[i] =
            number == 0 ? RECIPE_COUNT_ONE / 2 : random_below(&client->random, RECIPE_COUNT_ONE);
    return 0;
}

void client_free(struct client *client)
{
    free(client->carried);
    free(client->counts);
    client->carried = NULL;
    client->counts = NULL;
}

/* ---- An operation ---- */

static bool loads(const struct recipe_line *line)
{
    return line->life == RECIPE_LIFE_ITEM;
}

static uint32_t line_count(struct client *client, const struct plan *plan, unsigned number)
{
    const struct recipe_line *line = &plan->operation->lines[number];
    uint64_t *carried = &client->carried[plan->first_line + number];
    uint64_t count = line->count;

    if (line->per_phase || (client->load && !loads(line)))
        return 0;
    if (line->counts.nr != 0)
        count = quantiles_draw(&line->counts, &client->random) * RECIPE_COUNT_ONE;
    if (line->by_item_size && client->item != ITEM_NONE && plan->operation->item_size != 0 &&
        client->items->items[client->item].size_pages != 0)
        count =
            (uint64_t)((unsigned __int128)count * client->items->items[client->item].size_pages *
                       4096 / plan->operation->item_size);
    *carried += count;
    count = *carried / RECIPE_COUNT_ONE;
    *carried %= RECIPE_COUNT_ONE;
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

/* Durations have few that are very long. They are not drawn by chance but taken in turn, by the
 * golden ratio, so that a few hundred have the mean that was seen. */
static uint32_t turn_next(struct client *client)
{
    return client->turn += GOLDEN;
}

static uint64_t gap_draw(struct client *client, const struct recipe_operation *operation)
{
    uint32_t turn = turn_next(client);
    uint32_t part = turn >> (32 - 5);

    _Static_assert(RECIPE_GAPS_TAIL == 1u << 5, "the tail is the last of so many parts");
    if (part == RECIPE_GAPS_TAIL - 1)
        return quantiles_at(&operation->gaps_tail, client->tail_turn += GOLDEN);
    return quantiles_at(&operation->gaps,
                        (uint32_t)((uint64_t)turn * RECIPE_GAPS_TAIL / (RECIPE_GAPS_TAIL - 1)));
}

static int world_failed(const struct shop *shop, struct error *error)
{
    *error = *world_error(shop->world);
    return -1;
}

static uint32_t place_fires(const struct client *client, const struct place *place)
{
    uint32_t count = client->counts[place->line];
    uint32_t turns = client->plan->turns[place->line];

    /* One of fewer than the places is for the most part only a question of whether. */
    return count < turns ? place->turn < count : count / turns + (place->turn < count % turns);
}

/* The next place at which something happens, and when. */
static void place_next(struct client *client)
{
    const struct plan *plan = client->plan;
    bool gaps = plan->operation->gaps.nr != 0;

    while (client->fires == 0 && client->place < plan->nr_places) {
        client->fires = place_fires(client, &plan->places[client->place]);
        if (client->fires == 0)
            client->place++;
    }
    if (gaps)
        client->time += client->fires == 0 ? 0 : gap_draw(client, plan->operation);
    else if (client->fires == 0)
        client->time = client->start + client->ticks;
    else
        client->time = client->start + (uint64_t)((unsigned __int128)client->ticks *
                                                      plan->places[client->place].at >>
                                                  PLACE_BITS);
}

/* How many more such operations the phase will have, about. */
static uint64_t operations_left(const struct client *client, const struct shop *shop)
{
    const struct workload_phase *phase = client->phase;

    if (phase->mix || shop->flows_max == 0)
        return OPERATIONS_LEFT;
    return (shop->flows_max - shop->flows) * client->step->times + client->left;
}

static int operation_begin(struct client *client, struct shop *shop,
                           const struct recipe_operation *operation, struct error *error)
{
    const struct plan *plan = &shop->plans.plans[operation - shop->workload->recipes.operations];
    bool remove = client->step->remove && !client->load;

    client->plan = plan;
    client->place = 0;
    client->start = client->time;
    client->ticks = quantiles_at(&operation->ticks, turn_next(client));
    for (unsigned i = 0; i < operation->nr_lines; i++)
        client->counts[i] = line_count(client, plan, i);
    client->fires = 0;
    place_next(client);
    if (client->load)
        return 0;
    if (world_end_queue(shop->world, plan->number, operations_left(client, shop), client->ticks,
                        &client->random) != 0)
        return world_failed(shop, error);
    if (client->item == ITEM_NONE || (!remove && !client->step->renew))
        return 0;
    if (client->items->items[client->item].place == ITEM_NONE)
        return 0; /* another client removed it while this one brought it back */
    if (remove)
        items_remove(client->items, client->item);
    if (world_end(shop->world, &client->items->items[client->item].bundle, client->ticks,
                  &client->random) != 0)
        return world_failed(shop, error);
    return 0;
}

/* Those not used for longest leave the cache while there are too many, or too many pages. */
static int cache_trim(struct client *client, struct shop *shop, struct error *error)
{
    struct items *items = client->items;
    const struct population *limits = items->population;

    while (items->oldest != client->item && items->oldest != ITEM_NONE &&
           ((limits->cached != 0 && items->nr_cached > limits->cached) ||
            (limits->pages != 0 && world_pages(shop->world) > limits->pages))) {
        uint32_t oldest = items->oldest;
        uint32_t pages = items->items[oldest].bundle.pages;

        items_uncache(items, oldest);
        if (world_end(shop->world, &items->items[oldest].bundle, 1, &client->random) != 0 ||
            (pages != 0 && world_advance(shop->world, world_now(shop->world)) != 0))
            return world_failed(shop, error);
    }
    return 0;
}

/* Begins the step's operation, after what brings the item back into the cache. */
static int item_begin(struct client *client, struct shop *shop, struct error *error)
{
    const struct step *step = client->step;

    if (client->item == ITEM_NONE)
        return operation_begin(client, shop, step->operation, error);
    if (step->on == STEP_NEW && client->left == step->times)
        items_make(client->items, client->item, &client->random);
    else if (client->items->items[client->item].place == ITEM_NONE)
        return operation_begin(client, shop, step->operation, error);
    client->load = !items_use(client->items, client->item) && step->on != STEP_NEW &&
                   client->items->population->load != NULL;
    if (cache_trim(client, shop, error) != 0)
        return -1;
    return operation_begin(client, shop,
                           client->load ? client->items->population->load : step->operation, error);
}

/* ---- Flows ---- */

static const struct step *step_choose(struct client *client)
{
    const struct workload_phase *phase = client->phase;
    uint64_t weight = 0;

    if (!phase->mix)
        return &phase->steps[client->nr_step];
    for (unsigned i = 0; i < phase->nr_steps; i++)
        weight += phase->steps[i].weight;
    weight = random_below(&client->random, weight);
    for (unsigned i = 0;; i++) {
        if (weight < phase->steps[i].weight)
            return &phase->steps[i];
        weight -= phase->steps[i].weight;
    }
}

static void step_done(struct client *client)
{
    const struct workload_phase *phase = client->phase;

    if (!phase->mix && ++client->nr_step < phase->nr_steps)
        return;
    client->nr_step = 0;
}

/* Whether one more flow begins. */
static bool flow_begin(struct client *client, struct shop *shop)
{
    if (client->phase->think != NULL) {
        unsigned __int128 ns = distribution_draw(client->phase->think, &client->random);

        client->time += (uint64_t)(ns * shop->ticks_per_second / 1000000000);
    }
    if ((shop->flows_max != 0 && shop->flows == shop->flows_max) ||
        (shop->end != 0 && client->time >= shop->end)) {
        client->done = true;
        return false;
    }
    shop->flows++;
    return true;
}

static int step_begin(struct client *client, struct shop *shop, struct error *error)
{
    const struct step *step = step_choose(client);

    client->step = step;
    client->left = step->times;
    if (shop->items != NULL && step->on != STEP_SAME)
        client->items = &shop->items[step->population];
    client->item = items_pick(client->items, step, &client->cursors[step - client->phase->steps],
                              client->item, &client->random);
    if (client->item != ITEM_NONE || step->on == STEP_NONE)
        return item_begin(client, shop, error);
    /* There is no such item: the time passes as if there were. */
    client->time += 1 + quantiles_at(&step->operation->ticks, turn_next(client));
    step_done(client);
    return 0;
}

static int operation_done(struct client *client, struct shop *shop, struct error *error)
{
    client->plan = NULL;
    if (client->load) {
        client->load = false;
        return operation_begin(client, shop, client->step->operation, error);
    }
    if (--client->left != 0)
        return item_begin(client, shop, error);
    step_done(client);
    return 0;
}

static int place_run(struct client *client, struct shop *shop, const struct place *place,
                     struct error *error)
{
    struct bundle *bundle = NULL;

    if (client->item != ITEM_NONE)
        bundle = &client->items->items[client->item].bundle;
    if (world_advance(shop->world, client->time) != 0 ||
        world_make(shop->world, &client->plan->makers[place->line], &client->random, bundle,
                   client->item) != 0)
        return world_failed(shop, error);
    return 0;
}

/* Walks on in the operation until HORIZON. */
static int walk(struct client *client, struct shop *shop, uint64_t horizon, struct error *error)
{
    while (client->time <= horizon) {
        if (client->fires == 0)
            return operation_done(client, shop, error);
        if (place_run(client, shop, &client->plan->places[client->place], error) != 0)
            return -1;
        if (--client->fires == 0)
            client->place++;
        place_next(client);
    }
    return 0;
}

int client_run(struct client *client, struct shop *shop, uint64_t horizon, struct error *error)
{
    while (client->time <= horizon && !client->done) {
        int result;

        if (client->plan != NULL) {
            result = walk(client, shop, horizon, error);
        } else if (client->nr_step == 0 && !flow_begin(client, shop)) {
            return 0;
        } else {
            if (world_advance(shop->world, client->time) != 0)
                return world_failed(shop, error);
            result = step_begin(client, shop, error);
        }
        if (result != 0)
            return -1;
    }
    return 0;
}
