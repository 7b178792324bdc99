/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The phases of a workload, one after the other, and in each the clients side by side.
 *
 * The client whose next step comes first goes first, of two at the same time the one with the lower
 * number. It goes on until the next one is due, so that a single client runs without a pause. All
 * decisions are integers, and nothing depends on the machine, on time or on addresses.
 */

#include "workloads/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/client.h"

#define HORIZON_SLICE (1ull << 24) /* ticks between two looks at the progress */

/* What happens once in a phase. */
struct once {
    uint64_t time;
    const struct maker *maker;
};

struct stage { /* of a phase */
    const struct workload_phase *phase;
    struct client *clients;
    uint32_t *heap; /* of clients, by time and number */
    uint32_t nr_heap;
    struct random random;
    struct once *once;
    unsigned nr_once, next_once;
};

/* ---- The clients by time ---- */

static bool client_before(const struct stage *stage, uint32_t a, uint32_t b)
{
    const struct client *left = &stage->clients[a], *right = &stage->clients[b];

    return left->time != right->time ? left->time < right->time : a < b;
}

static void heap_sink(struct stage *stage, uint32_t place)
{
    for (;;) {
        uint32_t child = 2 * place + 1, client = stage->heap[place];

        if (child >= stage->nr_heap)
            return;
        if (child + 1 < stage->nr_heap &&
            client_before(stage, stage->heap[child + 1], stage->heap[child]))
            child++;
        if (!client_before(stage, stage->heap[child], client))
            return;
        stage->heap[place] = stage->heap[child];
        stage->heap[child] = client;
        place = child;
    }
}

/* The time until which the first may go on alone. */
static uint64_t heap_horizon(const struct stage *stage)
{
    uint32_t second;

    if (stage->nr_heap < 2)
        return UINT64_MAX;
    second = 1;
    if (stage->nr_heap > 2 && client_before(stage, stage->heap[2], stage->heap[1]))
        second = 2;

    const struct client *other = &stage->clients[stage->heap[second]];

    return stage->heap[0] < stage->heap[second] ? other->time : other->time - 1;
}

/* ---- What happens once ---- */

/* Of what is drawn: straight lines between the quantiles. */
static uint64_t ticks_mean(const struct quantiles *ticks)
{
    unsigned __int128 sum = 0;

    if (ticks->nr < 2)
        return ticks->values[0];
    for (unsigned i = 0; i + 1 < ticks->nr; i++)
        sum += (unsigned __int128)ticks->values[i] + ticks->values[i + 1];
    return (uint64_t)(sum / (2 * (ticks->nr - 1)));
}

/* About how long the phase will take. */
static uint64_t phase_ticks(const struct workload_phase *phase, const struct shop *shop)
{
    uint64_t flow = 0;

    if (phase->duration != 0)
        return shop->end - world_now(shop->world);
    for (unsigned i = 0; i < phase->nr_steps; i++)
        flow += ticks_mean(&phase->steps[i].operation->ticks) * phase->steps[i].times;
    if (phase->mix && phase->nr_steps != 0)
        flow /= phase->nr_steps;
    return flow * ((phase->count + phase->clients - 1) / phase->clients);
}

static int once_compare(const void *left, const void *right)
{
    const struct once *a = left, *b = right;

    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return a->maker < b->maker ? -1 : a->maker > b->maker;
}

static bool operation_in_phase(const struct workload_phase *phase,
                               const struct recipe_operation *operation)
{
    for (unsigned i = 0; i < phase->nr_steps; i++)
        if (phase->steps[i].operation == operation && !phase->steps[i].bare)
            return true;
    return false;
}

static int once_of_line(struct stage *stage, const struct maker *maker, uint64_t start,
                        uint64_t ticks, struct error *error)
{
    uint64_t nr = (maker->line->count + RECIPE_COUNT_ONE / 2) / RECIPE_COUNT_ONE;
    struct once *once = realloc(stage->once, (stage->nr_once + nr + 1) * sizeof(*once));

    if (once == NULL)
        return error_set(error, "not enough memory for a phase");
    stage->once = once;
    for (uint64_t i = 0; i < nr; i++) {
        uint32_t middle = (uint32_t)(((2 * i + 1) << 32) / (2 * nr));
        uint64_t at = maker->line->at.nr != 0 ? quantiles_at(&maker->line->at, middle)
                                              : (uint64_t)middle * RECIPE_PLACE_ONE >> 32;

        once[stage->nr_once++] = (struct once){
            .time = start + (uint64_t)((unsigned __int128)ticks * at / RECIPE_PLACE_ONE),
            .maker = maker,
        };
    }
    return 0;
}

static int once_make(struct stage *stage, const struct shop *shop, struct error *error)
{
    uint64_t ticks = phase_ticks(stage->phase, shop);

    world_phase_begin(shop->world, ticks);
    for (unsigned i = 0; i < shop->plans.nr; i++) {
        const struct plan *plan = &shop->plans.plans[i];

        if (!operation_in_phase(stage->phase, plan->operation))
            continue;
        for (unsigned j = 0; j < plan->operation->nr_lines; j++)
            if (plan->operation->lines[j].per_phase &&
                once_of_line(stage, &plan->makers[j], world_now(shop->world), ticks, error) != 0)
                return -1;
    }
    if (stage->nr_once != 0)
        qsort(stage->once, stage->nr_once, sizeof(*stage->once), once_compare);
    return 0;
}

static int world_failed(const struct shop *shop, struct error *error)
{
    *error = *world_error(shop->world);
    return -1;
}

static int once_run(struct stage *stage, struct shop *shop, uint64_t until, struct error *error)
{
    while (stage->next_once < stage->nr_once && stage->once[stage->next_once].time <= until) {
        const struct once *once = &stage->once[stage->next_once++];

        if (world_advance(shop->world, once->time) != 0 ||
            world_make(shop->world, once->maker, &stage->random, NULL, 0) != 0)
            return world_failed(shop, error);
    }
    return 0;
}

/* ---- Phases ---- */

static int stage_run(struct stage *stage, struct shop *shop, struct progress *progress,
                     struct error *error)
{
    uint64_t end = 0;

    while (stage->nr_heap != 0) {
        uint32_t first = stage->heap[0];
        struct client *client = &stage->clients[first];
        uint64_t horizon = heap_horizon(stage);
        uint64_t slice = client->time + HORIZON_SLICE;

        if (once_run(stage, shop, client->time, error) != 0)
            return -1;
        if (stage->next_once < stage->nr_once && stage->once[stage->next_once].time < horizon)
            horizon = stage->once[stage->next_once].time;
        if (client_run(client, shop, horizon < slice ? horizon : slice, error) != 0)
            return -1;
        if (client->done) {
            if (client->time > end)
                end = client->time;
            stage->heap[0] = stage->heap[--stage->nr_heap];
        }
        heap_sink(stage, 0);
        if (progress != NULL)
            progress_update(progress, world_events(shop->world));
    }
    if (once_run(stage, shop, UINT64_MAX, error) != 0)
        return -1;
    return world_advance(shop->world, end) != 0 ? world_failed(shop, error) : 0;
}

static int stage_begin(struct stage *stage, struct shop *shop, uint64_t number, struct error *error)
{
    const struct workload_phase *phase = stage->phase;

    shop->flows = 0;
    shop->flows_max = phase->count;
    shop->end = 0;
    if (phase->duration != 0)
        shop->end = world_now(shop->world) + (uint64_t)((unsigned __int128)phase->duration *
                                                        shop->ticks_per_second / 1000000000);
    stage->clients = calloc(phase->clients, sizeof(*stage->clients));
    stage->heap = calloc(phase->clients, sizeof(*stage->heap));
    if (stage->clients == NULL || stage->heap == NULL)
        return error_set(error, "not enough memory for %u clients", phase->clients);
    for (unsigned i = 0; i < shop->workload->nr_populations; i++)
        shop->items[i].fresh = 0;
    random_seed(&stage->random, shop->workload->seed, number);
    for (uint32_t i = 0; i < phase->clients; i++) {
        if (client_init(&stage->clients[i], shop, i, number, phase, error) != 0)
            return -1;
        stage->heap[stage->nr_heap++] = i; /* all begin at once: this is a heap */
    }
    if (phase->mark[0] != '\0' && world_mark(shop->world, phase->mark) != 0)
        return world_failed(shop, error);
    return once_make(stage, shop, error);
}

static int run_phase(struct shop *shop, unsigned number, struct progress *progress,
                     struct error *error)
{
    struct stage stage = {.phase = &shop->workload->phases[number]};
    int result = stage_begin(&stage, shop, number, error);

    if (result == 0)
        result = stage_run(&stage, shop, progress, error);
    if (result == 0 && world_phase_end(shop->world) != 0)
        result = world_failed(shop, error);
    for (uint32_t i = 0; i < stage.phase->clients && stage.clients != NULL; i++)
        client_free(&stage.clients[i]);
    free(stage.clients);
    free(stage.heap);
    free(stage.once);
    return result;
}

/* ---- The trace ---- */

static int add(struct trace_header *header, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int add(struct trace_header *header, const char *key, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return trace_header_add(header, key, text);
}

static int header_provenance(struct trace_header *header, const struct workload *workload,
                             const struct trace_reader *start, struct error *error)
{
    if (add(header, "generated-by", "allotrope " ALLOTROPE_VERSION) != 0 ||
        add(header, "workload", "%s, %016" PRIx64, workload->name, workload->digest) != 0 ||
        add(header, "recipes", "%s", workload->recipes.source) != 0 ||
        add(header, "seed", "%" PRIu64, workload->seed) != 0 ||
        add(header, "scale", "%" PRIu64 ".%06" PRIu64, workload->scale / 1000000,
            workload->scale % 1000000) != 0)
        return error_set(error, "not enough memory for the trace's header");
    if (start != NULL && add(header, "start", "trace %016" PRIx64 "%s%s", trace_digest(start),
                             workload->until[0] != '\0' ? " until " : "", workload->until) != 0)
        return error_set(error, "not enough memory for the trace's header");
    return 0;
}

/* Another machine than the start's: what was seen there does not hold. */
static void header_machine(struct trace_machine *machine, const struct workload *workload)
{
    if (workload->geometry != NULL) {
        struct trace_machine other = {
            .page_size = 4096,
            .pointer_size = workload->geometry->pointer_size,
            .memory = workload->memory,
            .kernel_base = machine->kernel_base,
        };

        snprintf(other.geometry, sizeof(other.geometry), "%s", workload->geometry->name);
        memcpy(other.time_unit, machine->time_unit, sizeof(other.time_unit));
        *machine = other;
    }
    machine->stack[0] = '\0';
    machine->ticks_per_second = workload->recipes.ticks_per_second;
    if (machine->time_unit[0] == '\0')
        strcpy(machine->time_unit, "instructions");
}

static int make_header(struct trace_header *header, const struct workload *workload,
                       const struct trace_reader *start, struct error *error)
{
    if (start != NULL) {
        header->machine = trace_header(start)->machine;
        if (header->machine.ticks_per_second != workload->recipes.ticks_per_second)
            return error_set(error,
                             "%s: the start %s has %" PRIu64 " ticks a second, expected %" PRIu64
                             " as the recipes have",
                             workload->start_place, workload->start,
                             header->machine.ticks_per_second, workload->recipes.ticks_per_second);
    }
    header_machine(&header->machine, workload);
    return header_provenance(header, workload, start, error);
}

static int populate(struct shop *shop, struct error *error)
{
    const struct workload *workload = shop->workload;

    shop->items = calloc(workload->nr_populations + 1u, sizeof(*shop->items));
    if (shop->items == NULL)
        return error_set(error, "not enough memory for the items");
    for (unsigned i = 0; i < workload->nr_populations; i++)
        if (items_init(&shop->items[i], &workload->populations[i], error) != 0)
            return -1;
    return 0;
}

static int run(struct shop *shop, struct trace_reader *start, struct progress *progress,
               struct error *error)
{
    const struct workload *workload = shop->workload;
    int result = world_start(shop->world, start, workload->until, error);

    if (result != 0 && start != NULL)
        error_prefix(error, "%s: %s: ", workload->start_place, workload->start);
    if (result == 0)
        result = plans_make(&shop->plans, workload, shop->world, error);
    if (result == 0)
        result = populate(shop, error);
    for (unsigned i = 0; i < workload->nr_phases && result == 0; i++)
        result = run_phase(shop, i, progress, error);
    if (result == 0 && world_mark(shop->world, "done") != 0)
        result = world_failed(shop, error);
    for (unsigned i = 0; i < workload->nr_populations && shop->items != NULL; i++)
        items_free(&shop->items[i]);
    free(shop->items);
    plans_free(&shop->plans);
    return result;
}

int generate(const struct workload *workload, const char *path, int level,
             struct progress *progress, uint64_t *events, struct error *error)
{
    struct shop shop = {
        .workload = workload,
        .ticks_per_second = workload->recipes.ticks_per_second,
    };
    struct trace_reader *start = NULL;
    struct trace_header header;
    struct trace_writer *writer = NULL;
    int result = 0;

    trace_header_init(&header);
    if (workload->start != NULL) {
        start = trace_open(workload->start, error);
        result = start == NULL ? -1 : 0;
    }
    if (result == 0)
        result = make_header(&header, workload, start, error);
    if (result == 0) {
        writer = trace_writer_open(path, &header, level, error);
        result = writer == NULL ? -1 : 0;
    }
    if (result == 0) {
        shop.world = world_create(writer, workload->recipes.nr_operations, error);
        result = shop.world == NULL ? -1 : run(&shop, start, progress, error);
    }
    if (result == 0)
        *events = world_events(shop.world);
    if (result == 0)
        result = trace_writer_close(writer, error);
    else
        trace_writer_abort(writer);
    world_destroy(shop.world);
    trace_header_free(&header);
    if (start != NULL)
        trace_close(start);
    return result;
}
