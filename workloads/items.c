/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "workloads/items.h"

#include <stdlib.h>
#include <string.h>

int items_init(struct items *items, const struct population *population, struct error *error)
{
    memset(items, 0, sizeof(*items));
    items->population = population;
    items->nr = (uint32_t)population->items;
    items->newest = items->oldest = ITEM_NONE;
    items->items = calloc(items->nr + 1ull, sizeof(*items->items));
    items->there = calloc(items->nr + 1ull, sizeof(*items->there));
    if (items->items == NULL || items->there == NULL) {
        items_free(items);
        return error_set(error, "not enough memory for %u items", items->nr);
    }
    for (uint32_t i = 0; i < items->nr; i++) {
        items->items[i].bundle.first = THING_NONE;
        items->items[i].place = ITEM_NONE;
    }
    return 0;
}

void items_free(struct items *items)
{
    free(items->items);
    free(items->there);
    items->items = NULL;
    items->there = NULL;
}

/* ---- Which ---- */

/* The first item from FIRST on that is there (or not, as asked) and that the step does not pass
 * over. */
static uint32_t pick_from(const struct items *items, const struct step *step, uint64_t first,
                          bool there)
{
    for (uint64_t i = 0; i < items->nr; i++) {
        uint32_t number = (uint32_t)((first + i) % items->nr);

        if (step->but_every != 0 && number % step->but_every == 0)
            continue;
        if ((items->items[number].place != ITEM_NONE) == there)
            return number;
    }
    return ITEM_NONE;
}

uint32_t items_pick(struct items *items, const struct step *step, uint64_t *cursor, uint32_t same,
                    struct random *random)
{
    uint32_t number = ITEM_NONE;

    switch (step->on) {
    case STEP_NONE:
        return ITEM_NONE;
    case STEP_SAME:
        return same;
    case STEP_NEW:
        if (items->nr_there == items->nr)
            return ITEM_NONE;
        number = pick_from(items, step, items->fresh, false);
        if (number != ITEM_NONE)
            items->fresh = number + 1;
        return number;
    case STEP_NEXT:
        if (items->nr_there == 0)
            return ITEM_NONE;
        number = pick_from(items, step, *cursor, true);
        *cursor = (uint64_t)number + 1;
        return number;
    case STEP_RANDOM:
        if (items->nr_there == 0)
            return ITEM_NONE;
        number = items->there[random_below(random, items->nr_there)];
        break;
    case STEP_POPULAR:
        if (items->nr_there == 0)
            return ITEM_NONE;
        number =
            items
                ->there[distribution_draw(items->population->popularity, random) % items->nr_there];
        break;
    }
    if (step->but_every != 0 && number % step->but_every == 0)
        return pick_from(items, step, number, true);
    return number;
}

/* ---- What there is ---- */

void items_make(struct items *items, uint32_t number, struct random *random)
{
    struct item *item = &items->items[number];
    const struct distribution *size = items->population->size;
    uint64_t pages = size == NULL ? 0 : (distribution_draw(size, random) + 4095) / 4096;

    item->place = items->nr_there;
    items->there[items->nr_there++] = number;
    item->size_pages = pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

void items_remove(struct items *items, uint32_t number)
{
    struct item *item = &items->items[number];
    uint32_t last = items->there[--items->nr_there];

    items->there[item->place] = last;
    items->items[last].place = item->place;
    item->place = ITEM_NONE;
    items_uncache(items, number);
}

/* ---- The cache ---- */

static void unlink_item(struct items *items, uint32_t number)
{
    struct item *item = &items->items[number];

    if (item->newer != ITEM_NONE)
        items->items[item->newer].older = item->older;
    else
        items->newest = item->older;
    if (item->older != ITEM_NONE)
        items->items[item->older].newer = item->newer;
    else
        items->oldest = item->newer;
}

bool items_use(struct items *items, uint32_t number)
{
    struct item *item = &items->items[number];
    bool cached = item->cached;

    if (cached)
        unlink_item(items, number);
    else
        items->nr_cached++;
    item->cached = true;
    item->newer = ITEM_NONE;
    item->older = items->newest;
    if (items->newest != ITEM_NONE)
        items->items[items->newest].newer = number;
    else
        items->oldest = number;
    items->newest = number;
    return cached;
}

void items_uncache(struct items *items, uint32_t number)
{
    struct item *item = &items->items[number];

    if (!item->cached)
        return;
    unlink_item(items, number);
    item->cached = false;
    items->nr_cached--;
}
