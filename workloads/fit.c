/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A phase's things are sorted into groups that are alike in what they are and in what becomes of
 * them; a group is a line of the recipe.
 *
 * What tells one operation from the next is not in a trace. But most operations make some thing
 * exactly once: the group that has as many things as there are operations, at the most even
 * distances, is taken for the beginning of each, the anchor. From it come the place of everything
 * else in the operation, the spread of counts and of durations. Without an anchor the phase is cut
 * into equal parts, and places are not told.
 *
 * What outlives its phase lives as long as something else does: as the item, when it goes in a
 * phase that removes items, or until another operation works on it; what is there at the end of the
 * trace is kept.
 */

#include "workloads/fit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/fit_read.h"

#define RARE_PER_PHASE 20u /* fewer than one in so many operations belong to the phase */
#define KALLOC_RARE    50u /* sizes seen less than once in so many operations become one line */
#define SIZE_VARIOUS   0u
#define QUANTILES_MANY 64u
#define QUANTILES_FEW  9u
#define PLACES         5u
#define ANCHOR_MORE    20u /* an anchor may have one in so many things more */
#define ITEMS_PART     10u
#define ANCHOR_LEAST   8u

enum how { HOW_NONE, HOW_TIME, HOW_EXIT, HOW_ITEM, HOW_KEEP, HOW_PHASE, HOW_UNTIL };

struct thing { /* of the phase that is being fitted */
    const struct seen *seen;
    uint32_t size; /* of the group; SIZE_VARIOUS */
    uint16_t how;  /* HOW_UNTIL + number of the phase in the options */
    uint32_t operation;
};

struct fitting {
    const struct fit_options *options;
    struct story story;
    struct recipes *recipes;
    struct thing *things;
    size_t nr_things;
    uint64_t *values; /* scratch, as many as things or operations */
    uint32_t *counts; /* scratch, by operation */
    const struct seen_phase *phase;
    unsigned number; /* of the phase in the story */
    uint64_t operations;
    uint64_t *begins; /* of operations; NULL: no anchor */
};

static int no_memory(struct error *error)
{
    return error_set(error, "not enough memory to fit recipes");
}

/* ---- Things of a phase ---- */

static bool is_process(const struct fitting *fitting, uint16_t role)
{
    return role != ROLE_NONE && strcmp(fitting->story.roles[role], RECIPE_PROCESS) == 0;
}

static bool removes(const struct fitting *fitting, const char *mark)
{
    for (unsigned i = 0; i < fitting->options->nr_removes; i++)
        if (strcmp(fitting->options->removes[i], mark) == 0)
            return true;
    return false;
}

static uint16_t how_later(const struct fitting *fitting, const struct seen *seen)
{
    const char *mark = fitting->story.phases[seen->end_phase].mark;

    if (removes(fitting, mark))
        return HOW_ITEM;
    for (unsigned i = 0; i < fitting->options->nr_phases; i++)
        if (strcmp(fitting->options->phases[i].name, mark) == 0)
            return (uint16_t)(HOW_UNTIL + i);
    return HOW_PHASE;
}

static uint16_t how_of(const struct fitting *fitting, const struct seen *seen)
{
    bool same = seen->fate != FATE_ALIVE && seen->end_phase == seen->phase;

    if (fitting->options->slice != 0)
        same = seen->fate != FATE_ALIVE;
    if (seen->kind == RECIPE_LOOKUP || seen->kind == RECIPE_RENAME || seen->kind == RECIPE_REAP)
        return HOW_NONE;
    if (seen->kind == RECIPE_RIGHT && is_process(fitting, seen->role))
        return same && seen->fate == FATE_ENDED ? HOW_TIME : HOW_EXIT;
    if (seen->kind == RECIPE_SPACE)
        return same && (seen->end - seen->time) * 2 < fitting->phase->end - fitting->phase->start
                   ? HOW_TIME
                   : HOW_PHASE;
    if (same)
        return HOW_TIME;
    /* Pages that operations on files leave behind are the files' cached content. */
    if (seen->fate == FATE_ALIVE && seen->kind == RECIPE_PAGE && fitting->options->item_size != 0)
        return HOW_ITEM;
    return seen->fate == FATE_ALIVE ? HOW_KEEP : how_later(fitting, seen);
}

/* The first names of a process are chosen by its parent; they come with the process. */
static bool comes_with_process(const struct fitting *fitting, const struct seen *seen)
{
    return seen->kind == RECIPE_RIGHT && seen->chosen && is_process(fitting, seen->role);
}

static bool in_phase(const struct fitting *fitting, const struct seen *seen)
{
    if (fitting->options->slice != 0)
        return seen->phase != PHASE_BOOT;
    return seen->phase == fitting->number;
}

static void collect(struct fitting *fitting)
{
    const struct story *story = &fitting->story;

    fitting->nr_things = 0;
    for (size_t i = 0; i < story->nr_seen; i++) {
        const struct seen *seen = &story->seen[i];
        struct thing *thing = &fitting->things[fitting->nr_things];

        if (!in_phase(fitting, seen) || comes_with_process(fitting, seen))
            continue;
        thing->seen = seen;
        thing->size = seen->kind == RECIPE_LOOKUP ? 0 : seen->size;
        thing->how = how_of(fitting, seen);
        fitting->nr_things++;
    }
}

/* ---- Groups ---- */

/* All but what becomes of them. */
static int class_compare(const struct thing *a, const struct thing *b)
{
    if (a->seen->kind != b->seen->kind)
        return a->seen->kind < b->seen->kind ? -1 : 1;
    if (a->seen->where != b->seen->where)
        return a->seen->where < b->seen->where ? -1 : 1;
    if (a->seen->kind_of_map != b->seen->kind_of_map)
        return a->seen->kind_of_map < b->seen->kind_of_map ? -1 : 1;
    if (a->seen->role != b->seen->role)
        return a->seen->role < b->seen->role ? -1 : 1;
    if (a->seen->reverse != b->seen->reverse)
        return a->seen->reverse < b->seen->reverse ? -1 : 1;
    return a->size < b->size ? -1 : a->size > b->size;
}

static int thing_compare(const void *left, const void *right)
{
    const struct thing *a = left, *b = right;
    int order = class_compare(a, b);

    if (order == 0 && a->how != b->how)
        order = a->how < b->how ? -1 : 1;
    if (order == 0)
        order = a->seen < b->seen ? -1 : a->seen > b->seen;
    return order;
}

static size_t group_end(const struct fitting *fitting, size_t first)
{
    size_t i = first + 1;

    while (i < fitting->nr_things &&
           class_compare(&fitting->things[first], &fitting->things[i]) == 0 &&
           fitting->things[first].how == fitting->things[i].how)
        i++;
    return i;
}

static size_t class_end(const struct fitting *fitting, size_t first)
{
    size_t i = first + 1;

    while (i < fitting->nr_things &&
           class_compare(&fitting->things[first], &fitting->things[i]) == 0)
        i++;
    return i;
}

static void sort_things(struct fitting *fitting)
{
    qsort(fitting->things, fitting->nr_things, sizeof(*fitting->things), thing_compare);
}

/* In a phase that removes items as well as it makes them (a churn), what lives as long as the item
 * often ends in the same phase. A class of which a good part was seen to outlive the phase with an
 * item is taken to do so throughout, but for what does not outlive its operation. */
static void merge_items(struct fitting *fitting)
{
    uint64_t ticks = (fitting->phase->end - fitting->phase->start) / fitting->operations;

    if (!removes(fitting, fitting->phase->mark))
        return;
    for (size_t i = 0, end; i < fitting->nr_things; i = end) {
        size_t items = 0;

        end = class_end(fitting, i);
        for (size_t j = i; j < end; j++)
            items += fitting->things[j].how == HOW_ITEM;
        for (size_t j = i; j < end && items * ITEMS_PART >= end - i; j++) {
            struct thing *thing = &fitting->things[j];

            if (thing->how == HOW_TIME && thing->seen->end - thing->seen->time > ticks)
                thing->how = HOW_ITEM;
        }
    }
    sort_things(fitting);
}

/* Sizes that are rare become one class with a distribution of sizes, and fates that are rare go to
 * the commonest of their class. */
static void merge_rare(struct fitting *fitting)
{
    uint64_t rare = fitting->operations / KALLOC_RARE + 2;

    for (size_t i = 0, end; i < fitting->nr_things; i = end) {
        end = class_end(fitting, i);
        if (fitting->things[i].seen->kind == RECIPE_KALLOC && end - i < rare)
            for (size_t j = i; j < end; j++)
                fitting->things[j].size = SIZE_VARIOUS;
    }
    sort_things(fitting);
    for (size_t i = 0, end; i < fitting->nr_things; i = end) {
        size_t most = i, best = 0;

        end = class_end(fitting, i);
        for (size_t j = i, next; j < end; j = next) {
            next = group_end(fitting, j);
            if (next - j > best) {
                best = next - j;
                most = j;
            }
        }
        for (size_t j = i, next; j < end; j = next) {
            next = group_end(fitting, j);
            if ((next - j) * 100 < best && fitting->things[j].how != HOW_KEEP)
                for (size_t k = j; k < next; k++)
                    fitting->things[k].how = fitting->things[most].how;
        }
    }
    sort_things(fitting);
}

/* ---- The anchor ---- */

/* How uneven the distances of a group's things are: the mean square of their difference from even,
 * in millionths of the square of the mean. */
static uint64_t unevenness(const struct fitting *fitting, size_t first, size_t end)
{
    uint64_t span = fitting->things[end - 1].seen->time - fitting->things[first].seen->time;
    uint64_t mean = span / (end - first - 1) + 1;
    double sum = 0;

    for (size_t i = first + 1; i < end; i++) {
        double gap = (double)(fitting->things[i].seen->time - fitting->things[i - 1].seen->time);
        double off = gap / (double)mean - 1;

        sum += off * off;
    }
    return (uint64_t)(sum * 1e6 / (double)(end - first - 1));
}

static void describe(const struct fitting *fitting, const struct thing *thing, char *text,
                     size_t room)
{
    static const char *const names[] = {"cache", "kalloc", "pages",  "map", "right",
                                        "space", "lookup", "rename", "reap"};
    const struct story *story = &fitting->story;
    const struct seen *seen = thing->seen;

    if (seen->kind == RECIPE_CACHE)
        snprintf(text, room, "cache %s", story->caches[seen->where].name);
    else if (seen->role != ROLE_NONE)
        snprintf(text, room, "%s %s", names[seen->kind], story->roles[seen->role]);
    else
        snprintf(text, room, "%s %u", names[seen->kind], thing->size);
}

/* The beginnings of operations of a group that has a few things more than there are operations
 * (a tree has directories too): of two that are closest, the later one begins none. */
static void take_begins(struct fitting *fitting, size_t first, size_t end)
{
    uint64_t *begins = fitting->begins;
    uint64_t nr = end - first;

    for (uint64_t i = 0; i < nr; i++)
        begins[i] = fitting->things[first + i].seen->time;
    for (; nr > fitting->operations; nr--) {
        uint64_t closest = 1;

        for (uint64_t i = 2; i < nr; i++)
            if (begins[i] - begins[i - 1] < begins[closest] - begins[closest - 1])
                closest = i;
        memmove(&begins[closest], &begins[closest + 1], (nr - closest - 1) * sizeof(*begins));
    }
}

static int find_anchor(struct fitting *fitting, struct recipe_operation *operation,
                       struct error *error)
{
    uint64_t most = fitting->operations + fitting->operations / ANCHOR_MORE;
    uint64_t least = UINT64_MAX;
    size_t best = 0, best_end = 0;

    free(fitting->begins);
    fitting->begins = NULL;
    for (size_t i = 0, end; i < fitting->nr_things; i = end) {
        end = group_end(fitting, i);
        if (end - i < fitting->operations || end - i > most || end - i < ANCHOR_LEAST ||
            fitting->things[i].seen->kind == RECIPE_PAGE)
            continue;

        uint64_t uneven = unevenness(fitting, i, end);

        if (uneven < least) {
            least = uneven;
            best = i;
            best_end = end;
        }
    }
    if (least == UINT64_MAX || fitting->options->slice != 0)
        return 0;
    fitting->begins = calloc(best_end - best, sizeof(*fitting->begins));
    if (fitting->begins == NULL)
        return no_memory(error);
    take_begins(fitting, best, best_end);
    describe(fitting, &fitting->things[best], operation->anchor, sizeof(operation->anchor));
    return 0;
}

/* ---- Operations ---- */

static uint64_t operation_start(const struct fitting *fitting, uint64_t operation)
{
    const struct seen_phase *phase = fitting->phase;
    uint64_t length = phase->end - phase->start;

    if (operation == fitting->operations)
        return phase->end;
    if (fitting->begins != NULL)
        return fitting->begins[operation];
    return phase->start + (uint64_t)((unsigned __int128)length * operation / fitting->operations);
}

static uint32_t operation_at(const struct fitting *fitting, uint64_t time)
{
    uint64_t low = 0, high = fitting->operations;

    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;

        if (operation_start(fitting, middle) <= time)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

/* Twice the sum of what lies between quantiles. */
static unsigned __int128 quantiles_area(const struct quantiles *quantiles)
{
    unsigned __int128 sum = 0;

    for (unsigned i = 0; i + 1 < quantiles->nr; i++)
        sum += (unsigned __int128)quantiles->values[i] + quantiles->values[i + 1];
    return sum;
}

/* Sets the largest value so that the mean of what is drawn is MEAN: between the last two quantiles
 * there is no straight line when some are very long. All are scaled when that is not enough. */
static void quantiles_balance(struct quantiles *quantiles, uint64_t mean)
{
    unsigned last = quantiles->nr - 1;
    unsigned __int128 area, wanted = (unsigned __int128)2 * mean * last;

    if (quantiles->nr < 2) {
        quantiles->values[0] = mean;
        return;
    }
    area = quantiles_area(quantiles) - quantiles->values[last];
    if (wanted >= area + quantiles->values[last - 1]) {
        quantiles->values[last] = (uint64_t)(wanted - area);
        return;
    }
    area = quantiles_area(quantiles);
    for (unsigned i = 0; i <= last && area != 0; i++)
        quantiles->values[i] = (uint64_t)((unsigned __int128)quantiles->values[i] * wanted / area);
}

/* The durations that were seen, so that as many operations take as long as the phase did. */
static void fit_ticks(struct fitting *fitting, struct recipe_operation *operation)
{
    uint64_t mean = 0;

    if (fitting->operations != 0)
        mean = (fitting->phase->end - fitting->phase->start) / fitting->operations;
    if (mean == 0)
        mean = 1;
    operation->ticks.nr = 1;
    operation->ticks.values[0] = mean;
    if (fitting->begins == NULL)
        return;
    for (uint64_t i = 0; i + 1 < fitting->operations; i++)
        fitting->values[i] = fitting->begins[i + 1] - fitting->begins[i];
    quantiles_of(&operation->ticks, fitting->values, fitting->operations - 1, QUANTILES_MAX);
    quantiles_balance(&operation->ticks, mean);
    for (unsigned i = 0; i < operation->ticks.nr; i++)
        if (operation->ticks.values[i] == 0)
            operation->ticks.values[i] = 1;
}

/* The time from one thing to the next. What is made is made in bursts, and what lives short lives
 * in one; the mean is such that the operation takes as long as it was seen to. */
static void fit_gaps(struct fitting *fitting, struct recipe_operation *operation)
{
    const struct story *story = &fitting->story;
    uint64_t things = 0, last = fitting->phase->start, mean, body;
    size_t nr = 0, tail;

    for (unsigned i = 0; i < operation->nr_lines; i++)
        things += operation->lines[i].per_phase ? 0 : operation->lines[i].count;
    for (size_t i = 0; i < story->nr_seen; i++) {
        if (!in_phase(fitting, &story->seen[i]))
            continue;
        fitting->values[nr++] = story->seen[i].time - last;
        last = story->seen[i].time;
    }
    tail = nr / RECIPE_GAPS_TAIL;
    if (things == 0 || tail < 2 || fitting->options->slice != 0)
        return;
    mean = (uint64_t)((unsigned __int128)(fitting->phase->end - fitting->phase->start) *
                      RECIPE_COUNT_ONE / ((unsigned __int128)things * fitting->operations));
    /* Sorts them; then the tail is at the end. */
    quantiles_of(&operation->gaps, fitting->values, nr, QUANTILES_MAX);
    quantiles_of(&operation->gaps, fitting->values, nr - tail, QUANTILES_MAX);
    quantiles_of(&operation->gaps_tail, fitting->values + nr - tail, tail, QUANTILES_MAX);
    body = operation->gaps.nr < 2
               ? operation->gaps.values[0]
               : (uint64_t)(quantiles_area(&operation->gaps) / (2 * (operation->gaps.nr - 1)));
    if (mean * RECIPE_GAPS_TAIL > body * (RECIPE_GAPS_TAIL - 1))
        quantiles_balance(&operation->gaps_tail,
                          mean * RECIPE_GAPS_TAIL - body * (RECIPE_GAPS_TAIL - 1));
}

/* ---- Lines ---- */

static uint16_t common_task(struct fitting *fitting, size_t first, size_t end)
{
    uint64_t most = 0;
    uint16_t best = ROLE_NONE;

    memset(fitting->values, 0, fitting->story.nr_roles * sizeof(*fitting->values));
    for (size_t i = first; i < end; i++) {
        uint16_t task = fitting->things[i].seen->task;

        if (task != ROLE_NONE && ++fitting->values[task] > most) {
            most = fitting->values[task];
            best = task;
        }
    }
    return 2 * most >= end - first ? best : ROLE_NONE;
}

static void line_what(struct fitting *fitting, struct recipe_line *line, size_t first, size_t end)
{
    const struct thing *thing = &fitting->things[first];
    const struct seen *seen = thing->seen;
    uint16_t task;
    uint64_t old = 0;

    line->kind = (enum recipe_kind)seen->kind;
    line->where = seen->where;
    line->flags = seen->kind_of_map;
    line->reverse = seen->reverse;
    if (line->kind == RECIPE_CACHE)
        memcpy(line->name, fitting->story.caches[seen->where].name, RECIPE_NAME_MAX);
    else if (seen->role != ROLE_NONE)
        memcpy(line->name, fitting->story.roles[seen->role], RECIPE_NAME_MAX);
    else
        strcpy(line->name, RECIPE_PROCESS);
    if (line->kind == RECIPE_LOOKUP) {
        for (size_t i = first; i < end; i++)
            old += fitting->things[i].seen->size != 0;
        line->old = (uint32_t)(old * RECIPE_COUNT_ONE / (end - first));
    }
    if (line->kind == RECIPE_RIGHT || line->kind >= RECIPE_SPACE)
        return;
    if (line->kind != RECIPE_CACHE) {
        for (size_t i = first; i < end; i++)
            fitting->values[i - first] = fitting->things[i].seen->size;
        quantiles_of(&line->size, fitting->values, end - first, QUANTILES_FEW);
    }
    task = common_task(fitting, first, end);
    if (task != ROLE_NONE)
        memcpy(line->task, fitting->story.roles[task], RECIPE_NAME_MAX);
}

static uint64_t square_root(uint64_t value)
{
    uint64_t root = 0;

    for (uint64_t bit = 1ull << 31; bit != 0; bit >>= 1)
        if ((root | bit) * (root | bit) <= value)
            root |= bit;
    return root;
}

static void line_counts(struct fitting *fitting, struct recipe_line *line, size_t first, size_t end)
{
    uint64_t nr = end - first, mean;
    unsigned __int128 squares = 0;

    memset(fitting->counts, 0, fitting->operations * sizeof(*fitting->counts));
    for (size_t i = first; i < end; i++)
        fitting->counts[fitting->things[i].operation]++;
    line->seen = nr;
    line->count = (nr * RECIPE_COUNT_ONE + fitting->operations / 2) / fitting->operations;
    mean = nr * 1000 / fitting->operations;
    for (uint64_t i = 0; i < fitting->operations; i++) {
        int64_t off = (int64_t)(fitting->counts[i] * 1000ull) - (int64_t)mean;

        squares += (uint64_t)(off * off);
    }
    line->spread = square_root((uint64_t)(squares / fitting->operations)) * 1000;
    if (fitting->options->slice != 0) {
        for (uint64_t i = 0; i < fitting->operations; i++)
            fitting->values[i] = fitting->counts[i];
        quantiles_of(&line->counts, fitting->values, fitting->operations, QUANTILES_MAX);
    }
    if (nr * RARE_PER_PHASE < fitting->operations && fitting->options->slice == 0) {
        line->per_phase = true;
        line->count = nr * RECIPE_COUNT_ONE;
        line->spread = 0;
    }
}

static void line_places(struct fitting *fitting, struct recipe_line *line, size_t first, size_t end)
{
    if (fitting->begins == NULL && !line->per_phase)
        return;
    for (size_t i = first; i < end; i++) {
        const struct thing *thing = &fitting->things[i];
        uint64_t start =
            line->per_phase ? fitting->phase->start : operation_start(fitting, thing->operation);
        uint64_t stop = line->per_phase ? fitting->phase->end
                                        : operation_start(fitting, thing->operation + 1ull);
        uint64_t at = thing->seen->time > start ? thing->seen->time - start : 0;

        fitting->values[i - first] =
            stop > start ? (uint64_t)((unsigned __int128)at * RECIPE_PLACE_ONE / (stop - start))
                         : 0;
        if (fitting->values[i - first] > RECIPE_PLACE_ONE)
            fitting->values[i - first] = RECIPE_PLACE_ONE;
    }
    quantiles_of(&line->at, fitting->values, end - first,
                 end - first >= QUANTILES_MANY ? QUANTILES_FEW : PLACES);
}

static void line_life(struct fitting *fitting, struct recipe_line *line, size_t first, size_t end)
{
    uint16_t how = fitting->things[first].how;
    uint64_t alone = 0, nr = end - first;

    switch (how) {
    case HOW_NONE:
        line->life = RECIPE_LIFE_NONE;
        return;
    case HOW_TIME:
        line->life = RECIPE_LIFE_TIME;
        for (size_t i = first; i < end; i++) {
            const struct seen *seen = fitting->things[i].seen;

            alone += seen->alone;
            fitting->values[i - first] = seen->end > seen->time ? seen->end - seen->time : 0;
        }
        quantiles_of(&line->ticks, fitting->values, end - first,
                     end - first >= QUANTILES_MANY ? QUANTILES_MAX : QUANTILES_FEW);
        if (line->kind != RECIPE_RIGHT && line->kind != RECIPE_SPACE && nr != 0)
            line->alone = (uint32_t)(alone * RECIPE_COUNT_ONE / nr);
        return;
    case HOW_EXIT:
        line->life = RECIPE_LIFE_EXIT;
        return;
    case HOW_KEEP:
        line->life = RECIPE_LIFE_KEEP;
        return;
    case HOW_ITEM:
        line->life = !line->per_phase            ? RECIPE_LIFE_ITEM
                     : line->kind == RECIPE_PAGE ? RECIPE_LIFE_KEEP
                                                 : RECIPE_LIFE_PHASE;
        return;
    case HOW_PHASE:
        line->life = RECIPE_LIFE_PHASE;
        return;
    default:
        line->life = line->per_phase ? RECIPE_LIFE_PHASE : RECIPE_LIFE_UNTIL;
        memcpy(line->until, fitting->options->phases[how - HOW_UNTIL].name, RECIPE_NAME_MAX);
    }
}

static void names_of_process(struct fitting *fitting, struct recipe_line *line, size_t processes)
{
    size_t names = 0, reverse = 0, ended = 0;

    for (size_t i = 0; i < fitting->story.nr_seen; i++) {
        const struct seen *seen = &fitting->story.seen[i];

        if (!in_phase(fitting, seen) || !comes_with_process(fitting, seen))
            continue;
        names++;
        reverse += seen->reverse;
        if (seen->fate == FATE_ENDED)
            fitting->values[ended++] = seen->end - seen->time;
    }
    line->names = (uint32_t)((names + processes / 2) / processes);
    if (names == 0)
        return;
    line->names_reverse = (uint32_t)(reverse * RECIPE_COUNT_ONE / names);
    line->names_ended = (uint32_t)(ended * RECIPE_COUNT_ONE / names);
    quantiles_of(&line->names_life, fitting->values, ended, QUANTILES_FEW);
}

static void make_line(struct fitting *fitting, struct recipe_operation *operation, size_t first,
                      size_t end)
{
    struct recipe_line *line = &operation->lines[operation->nr_lines++];

    line_what(fitting, line, first, end);
    line_counts(fitting, line, first, end);
    line_places(fitting, line, first, end);
    line_life(fitting, line, first, end);
    line->by_item_size = line->kind == RECIPE_PAGE && fitting->options->item_size != 0 &&
                         (line->life == RECIPE_LIFE_ITEM || line->life == RECIPE_LIFE_UNTIL);
}

static size_t count_spaces(const struct fitting *fitting)
{
    size_t nr = 0;

    for (size_t i = 0; i < fitting->nr_things; i++)
        nr += fitting->things[i].seen->kind == RECIPE_SPACE;
    return nr;
}

static int fit_lines(struct fitting *fitting, struct recipe_operation *operation,
                     struct error *error)
{
    size_t spaces = count_spaces(fitting), nr = 0;

    for (size_t i = 0; i < fitting->nr_things; i++)
        fitting->things[i].operation = operation_at(fitting, fitting->things[i].seen->time);
    for (size_t i = 0; i < fitting->nr_things; i = group_end(fitting, i))
        nr++;
    if (nr == 0 || nr > RECIPE_LINES_MAX)
        return error_set(error, "phase %s has %zu kinds of things, expected 1 to %u",
                         operation->phase, nr, RECIPE_LINES_MAX);
    operation->lines = calloc(nr, sizeof(*operation->lines));
    if (operation->lines == NULL)
        return no_memory(error);
    for (size_t i = 0, end; i < fitting->nr_things; i = end) {
        end = group_end(fitting, i);
        make_line(fitting, operation, i, end);
        if (fitting->things[i].seen->kind == RECIPE_SPACE)
            names_of_process(fitting, &operation->lines[operation->nr_lines - 1], spaces);
    }
    return 0;
}

/* ---- Phases ---- */

static int find_phase(struct fitting *fitting, const struct fit_phase *wanted, struct error *error)
{
    const struct story *story = &fitting->story;
    const char *hash = strrchr(wanted->mark, '#');
    size_t length = hash != NULL ? (size_t)(hash - wanted->mark) : strlen(wanted->mark);
    unsigned ordinal = hash != NULL ? (unsigned)strtoul(hash + 1, NULL, 10) : 1;

    for (unsigned i = 0; i < story->nr_phases; i++) {
        const struct seen_phase *phase = &story->phases[i];

        if (strlen(phase->mark) == length && memcmp(phase->mark, wanted->mark, length) == 0 &&
            phase->ordinal == ordinal) {
            fitting->number = i;
            fitting->phase = phase;
            return 0;
        }
    }
    return error_set(error, "there is no phase \"%s\"", wanted->mark);
}

static int scratch(struct fitting *fitting, struct error *error)
{
    size_t room = fitting->story.nr_seen + fitting->operations + fitting->story.nr_roles + 1;

    free(fitting->values);
    free(fitting->counts);
    fitting->values = calloc(room, sizeof(*fitting->values));
    fitting->counts = calloc(fitting->operations + 1, sizeof(*fitting->counts));
    return fitting->values == NULL || fitting->counts == NULL ? no_memory(error) : 0;
}

static int fit_operation(struct fitting *fitting, const char *name, uint64_t operations,
                         struct error *error)
{
    struct recipe_operation *operation;

    if (operations == 0)
        return error_set(error, "operation %s was seen 0 times, expected at least once", name);
    operation = &fitting->recipes->operations[fitting->recipes->nr_operations++];
    snprintf(operation->name, sizeof(operation->name), "%s", name);
    memcpy(operation->phase, fitting->phase->mark, RECIPE_NAME_MAX);
    operation->operations = fitting->operations = operations;
    operation->item_size = fitting->options->item_size;
    if (scratch(fitting, error) != 0)
        return -1;
    collect(fitting);
    sort_things(fitting);
    merge_items(fitting);
    merge_rare(fitting);
    if (find_anchor(fitting, operation, error) != 0)
        return -1;
    fit_ticks(fitting, operation);
    if (fit_lines(fitting, operation, error) != 0)
        return -1;
    fit_gaps(fitting, operation);
    return 0;
}

/* All of the trace after its first mark. */
static int fit_whole(struct fitting *fitting, struct error *error)
{
    struct seen_phase *whole = &fitting->story.phases[0];
    uint64_t operations, slice;

    whole->end = fitting->story.phases[fitting->story.nr_phases - 1].end;
    slice = (uint64_t)((unsigned __int128)fitting->options->slice *
                       fitting->recipes->ticks_per_second / 1000000000);
    operations = (whole->end - whole->start) / (slice != 0 ? slice : 1);
    fitting->phase = whole;
    if (operations == 0 || operations > UINT32_MAX)
        return error_set(error, "the trace has %" PRIu64 " slices, expected 1 to %u", operations,
                         UINT32_MAX);
    return fit_operation(fitting, "slice", operations, error);
}

static void fit_caches(struct fitting *fitting)
{
    struct recipes *recipes = fitting->recipes;
    const struct story *story = &fitting->story;

    for (unsigned cache = 0; cache < story->nr_caches; cache++) {
        bool used = false;

        for (unsigned i = 0; i < recipes->nr_operations; i++)
            for (unsigned j = 0; j < recipes->operations[i].nr_lines; j++)
                used |=
                    recipes->operations[i].lines[j].kind == RECIPE_CACHE &&
                    strcmp(recipes->operations[i].lines[j].name, story->caches[cache].name) == 0;
        if (used)
            recipes->caches[recipes->nr_caches++] = story->caches[cache];
    }
}

static int fit_phases(struct fitting *fitting, struct error *error)
{
    const struct fit_options *options = fitting->options;

    if (options->slice != 0)
        return fit_whole(fitting, error);
    for (unsigned i = 0; i < options->nr_phases; i++)
        if (find_phase(fitting, &options->phases[i], error) != 0 ||
            fit_operation(fitting, options->phases[i].name, options->phases[i].operations, error) !=
                0)
            return -1;
    return 0;
}

int fit(struct trace_reader *reader, const struct fit_options *options, struct recipes *recipes,
        struct error *error)
{
    struct fitting fitting = {.options = options, .recipes = recipes};
    int result = story_read(&fitting.story, reader, error);

    memset(recipes, 0, sizeof(*recipes));
    snprintf(recipes->source, sizeof(recipes->source), "%s %016" PRIx64, options->source,
             trace_digest(reader));
    recipes->ticks_per_second = trace_header(reader)->machine.ticks_per_second;
    if (result == 0) {
        recipes->operations = calloc(options->nr_phases + 1u, sizeof(*recipes->operations));
        recipes->caches = calloc(fitting.story.nr_caches + 1u, sizeof(*recipes->caches));
        fitting.things = calloc(fitting.story.nr_seen + 1, sizeof(*fitting.things));
        if (recipes->operations == NULL || recipes->caches == NULL || fitting.things == NULL)
            result = no_memory(error);
    }
    if (result == 0)
        result = fit_phases(&fitting, error);
    if (result == 0)
        fit_caches(&fitting);
    free(fitting.things);
    free(fitting.values);
    free(fitting.counts);
    free(fitting.begins);
    story_free(&fitting.story);
    if (result != 0)
        recipes_free(recipes);
    return result;
}
