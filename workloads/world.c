/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Three tables of what is alive, objects, rights and spaces, and what may happen to each.
 *
 * A reverse key names a port, so a right that has one is given a port that nobody names yet and
 * that lives as long as the right: the port of its own item, or one of the last that were made. A
 * port that is due while it is named waits for the key: a key whose object is gone would collide
 * with that of the next object at its address. When no port is to be had, the right names something
 * outside the trace, at an address of its own where no geometry has memory: 2 GiB above the
 * kernel's first address, for nothing that a replay places itself may have the same key, on
 * whichever machine it runs. The height of a reverse tree is the same as with keys of the last GiB.
 */

#include "workloads/world_private.h"

#include <stdlib.h>
#include <string.h>

#include "traces/codec.h"

#define PHASE_SLACK  512u /* one so many-th longer than expected, until lives are not cut */
#define DRAWS        4u   /* of a life that fits into the phase */
#define RECENT_LOOK  32u  /* ports that are looked at for a right */
#define HOT_RIGHTS   16u  /* lookups of old rights go to so many of a space's first ... */
#define YOUNG_RIGHTS 8u   /* ... and of young ones to so many of its last */
#define FOREIGN_BASE 0x140000000ull
#define FOREIGN_KEYS (1u << 24)

/* ---- Writing ---- */

int world_write(struct world *world, struct event *event, const void *payload, size_t size)
{
    event->time = world->now;
    world->events++;
    return trace_write(world->writer, event, payload, size, &world->error);
}

static int no_memory(struct world *world)
{
    return error_set(&world->error, "not enough memory for what the workload keeps alive");
}

/* ---- Numbers ---- */

bool world_room(void **array, uint32_t *room, size_t size, uint32_t number)
{
    if (number < *room)
        return true;

    uint64_t wanted = *room == 0 ? 1024 : 2 * (uint64_t)*room;

    while (wanted <= number)
        wanted *= 2;
    if (wanted > THING_NUMBERS)
        return false;

    char *grown = realloc(*array, wanted * size);

    if (grown == NULL)
        return false;
    memset(grown + *room * size, 0, (wanted - *room) * size);
    *array = grown;
    *room = (uint32_t)wanted;
    return true;
}

static bool number_take(void **array, struct numbers *numbers, size_t size, uint32_t *number)
{
    if (numbers->nr_free != 0) {
        *number = numbers->free[--numbers->nr_free];
        return true;
    }
    if (!world_room(array, &numbers->room, size, numbers->next))
        return false;
    *number = numbers->next++;
    return true;
}

bool world_number_free(struct numbers *numbers, uint32_t number)
{
    if (numbers->nr_free == numbers->room_free) {
        uint32_t room = numbers->room_free == 0 ? 1024 : 2 * numbers->room_free;
        uint32_t *grown = realloc(numbers->free, room * sizeof(*grown));

        if (grown == NULL)
            return false;
        numbers->free = grown;
        numbers->room_free = room;
    }
    numbers->free[numbers->nr_free++] = number;
    return true;
}

/* ---- Objects ---- */

static void recent_add(struct world *world, uint32_t number)
{
    world->recent[world->nr_recent++ % RECENT_PORTS] = number;
}

static int object_end(struct world *world, uint32_t number)
{
    struct object *object = &world->objects[number];
    struct event event = {
        .kind = (uint8_t)(object->kind + 1), /* each free follows its alloc in the enumeration */
        .where = object->where,
        .object = number,
        .size = object->size,
        .task = object->task,
    };

    if (object->named) {
        object->due = true;
        return 0;
    }
    if (object->kind == EVENT_PAGE_ALLOC) {
        event.where = 0;
        world->pages -= object->size;
    }
    object->alive = false;
    if (!world_number_free(&world->object_numbers, number))
        return no_memory(world);
    return world_write(world, &event, NULL, 0);
}

static void event_of(const struct maker *maker, struct random *random, struct event *event)
{
    const struct recipe_line *line = maker->line;

    switch (line->kind) {
    case RECIPE_CACHE:
        event->kind = EVENT_CACHE_ALLOC;
        event->where = maker->cache;
        return;
    case RECIPE_KALLOC:
        event->kind = EVENT_KALLOC;
        break;
    case RECIPE_PAGE:
        event->kind = EVENT_PAGE_ALLOC;
        event->where = line->where;
        break;
    case RECIPE_MAP:
    case RECIPE_RIGHT:
    case RECIPE_SPACE:
    case RECIPE_LOOKUP:
    case RECIPE_RENAME:
    case RECIPE_REAP:
    case RECIPE_KINDS:
        event->kind = EVENT_MAP_ALLOC;
        event->where = line->where;
        event->flags = (uint8_t)line->flags;
        break;
    }
    event->size = (uint32_t)quantiles_draw(&line->size, random);
}

static uint16_t task_of(const struct world *world, uint32_t role)
{
    if (role == ROLE_NOBODY)
        return 0;
    if (role != ROLE_PROCESS)
        return world->roles[role].task;
    return world->nr_processes == 0 ? 0
                                    : world->spaces[world->processes[world->nr_processes - 1]].task;
}

static void bundle_add(struct bundle *bundle, uint32_t thing, uint32_t *next)
{
    *next = bundle->first;
    bundle->first = thing;
}

static uint32_t *thing_next(struct world *world, uint32_t thing)
{
    uint32_t number = thing >> THING_BITS;

    if ((thing & THING_MASK) == THING_OBJECT)
        return &world->objects[number].next;
    if ((thing & THING_MASK) == THING_RIGHT)
        return &world->rights[number].next;
    return &world->spaces[number].next;
}

/* What waits for an operation goes in the order in which it came. */
static int queue_add(struct world *world, uint16_t operation, uint32_t thing, uint32_t *next)
{
    struct queue *queue = &world->queues[operation];

    *next = THING_NONE;
    if (queue->nr++ == 0)
        queue->first = thing;
    else
        *thing_next(world, queue->last) = thing;
    queue->last = thing;
    return 0;
}

/* What ends THING: a time, a bundle, an operation or nothing. */
static int thing_attach(struct world *world, const struct maker *maker, uint32_t thing,
                        uint32_t generation, uint64_t end, uint32_t *next, struct bundle *bundle)
{
    switch (maker->line->life) {
    case RECIPE_LIFE_TIME:
        return wheel_add(world->wheel, end, thing, generation) ? 0 : no_memory(world);
    case RECIPE_LIFE_ITEM:
        if (bundle != NULL)
            bundle_add(bundle, thing, next);
        return 0;
    case RECIPE_LIFE_UNTIL:
        return queue_add(world, maker->until, thing, next);
    case RECIPE_LIFE_PHASE:
        bundle_add(&world->phase, thing, next);
        return 0;
    case RECIPE_LIFE_NONE:
    case RECIPE_LIFE_EXIT:
    case RECIPE_LIFE_KEEP:
    case RECIPE_LIVES:
        break;
    }
    return 0;
}

/* When what MAKER makes now ends. Lives were seen of what ended in its phase: one that would reach
 * beyond is drawn again, and in the end cut to what is left of the phase. *ALONE: it ends before
 * anything else happens, as the part of the things that live shortest does. */
static uint64_t end_of(const struct world *world, const struct maker *maker, struct random *random,
                       bool *alone)
{
    uint64_t left = world->phase_end > world->now ? world->phase_end - world->now : UINT64_MAX;

    *alone = false;
    if (maker->line->life != RECIPE_LIFE_TIME)
        return UINT64_MAX;
    for (unsigned i = 0; i < DRAWS; i++) {
        uint32_t probability = (uint32_t)(random_next(random) >> 32);
        uint64_t ticks = quantiles_at(&maker->line->ticks, probability);

        *alone = (uint64_t)probability * RECIPE_COUNT_ONE >> 32 < maker->line->alone;
        if (ticks <= left)
            return world->now + ticks;
    }
    return world->now + random_below(random, left);
}

static int make_object(struct world *world, const struct maker *maker, struct random *random,
                       struct bundle *bundle)
{
    struct event event = {.task = task_of(world, maker->task_role)};
    bool alone;
    uint64_t end = end_of(world, maker, random, &alone);
    struct object *object;
    uint32_t number;

    if (!number_take((void **)&world->objects, &world->object_numbers, sizeof(*object), &number))
        return no_memory(world);
    object = &world->objects[number];
    event_of(maker, random, &event);
    event.object = number;
    *object = (struct object){
        .end = end,
        .size = event.size,
        .where = (uint16_t)event.where,
        .task = event.task,
        .kind = event.kind,
        .alive = true,
        .port = maker->names_port,
    };
    if (event.kind == EVENT_PAGE_ALLOC) {
        world->pages += event.size;
        if (bundle != NULL && maker->line->life == RECIPE_LIFE_ITEM)
            bundle->pages += event.size;
    }
    if (maker->names_port && !alone && (bundle == NULL || end != UINT64_MAX))
        recent_add(world, number);
    if (world_write(world, &event, NULL, 0) != 0)
        return -1;
    if (alone) {
        world->now = end;
        return object_end(world, number);
    }
    return thing_attach(world, maker, number << THING_BITS | THING_OBJECT, 0, end, &object->next,
                        bundle);
}

/* ---- Rights ---- */

static bool port_free(const struct world *world, uint32_t number)
{
    const struct object *object = &world->objects[number];

    return object->alive && object->port && !object->named && !object->due;
}

/* A port of the same bundle. */
static uint32_t port_of_bundle(const struct world *world, const struct bundle *bundle)
{
    uint32_t thing = bundle->first;

    for (unsigned i = 0; i < RECENT_LOOK && thing != THING_NONE; i++) {
        uint32_t number = thing >> THING_BITS;

        if ((thing & THING_MASK) == THING_OBJECT) {
            if (port_free(world, number))
                return number;
            thing = world->objects[number].next;
        } else {
            thing = world->rights[number].next;
        }
    }
    return OBJECT_NONE;
}

/* Of the ports that were made last the first that lives until END, or else the longest. */
static uint32_t port_recent(const struct world *world, uint64_t end)
{
    uint32_t best = OBJECT_NONE;

    for (uint32_t i = 1; i <= RECENT_LOOK && i <= world->nr_recent; i++) {
        uint32_t number = world->recent[(world->nr_recent - i) % RECENT_PORTS];

        if (!port_free(world, number))
            continue;
        if (world->objects[number].end >= end)
            return number;
        if (best == OBJECT_NONE || world->objects[number].end > world->objects[best].end)
            best = number;
    }
    return best;
}

bool world_space_add(struct space *space, uint32_t *place, uint32_t right)
{
    if (space->nr_rights == space->room_rights) {
        uint32_t room = space->room_rights == 0 ? 16 : 2 * space->room_rights;
        uint32_t *grown = realloc(space->rights, room * sizeof(*grown));

        if (grown == NULL)
            return false;
        space->rights = grown;
        space->room_rights = room;
    }
    *place = space->nr_rights;
    space->rights[space->nr_rights++] = right;
    return true;
}

void world_space_remove(struct world *world, uint32_t right)
{
    struct space *space = &world->spaces[world->rights[right].space];
    uint32_t place = world->rights[right].place;
    uint32_t last = space->rights[--space->nr_rights];

    space->rights[place] = last;
    world->rights[last].place = place;
}

static int right_drop(struct world *world, uint32_t number)
{
    struct right *right = &world->rights[number];
    uint32_t port = right->port;

    right->alive = false;
    right->generation++;
    if (!world_number_free(&world->right_numbers, number))
        return no_memory(world);
    if (port == OBJECT_NONE)
        return 0;
    world->objects[port].named = false;
    return world->objects[port].due ? object_end(world, port) : 0;
}

static int right_end(struct world *world, uint32_t number)
{
    struct right *right = &world->rights[number];
    struct event event = {
        .kind = EVENT_REVERSE_REMOVE,
        .where = right->space,
        .object = number,
        .task = world->spaces[right->space].task,
    };

    if (right->reverse && world_write(world, &event, NULL, 0) != 0)
        return -1;
    event.kind = EVENT_NAME_FREE;
    if (world_write(world, &event, NULL, 0) != 0)
        return -1;
    world_space_remove(world, number);
    return right_drop(world, number);
}

static int make_process(struct world *world, const struct maker *maker, struct random *random);

/* One of the processes that are there; one is made when there is none. */
static int process_pick(struct world *world, struct random *random, uint32_t *space)
{
    static const struct recipe_line line = {.kind = RECIPE_SPACE, .life = RECIPE_LIFE_PHASE};
    static const struct maker maker = {.line = &line};

    if (world->nr_processes == 0 && make_process(world, &maker, random) != 0)
        return -1;
    *space = world->processes[random_below(random, world->nr_processes)];
    return 0;
}

static int space_of(struct world *world, const struct maker *maker, struct random *random,
                    uint32_t *space)
{
    if (maker->role == ROLE_PROCESS)
        return process_pick(world, random, space);
    *space = world->roles[maker->role].space;
    return 0;
}

static int write_reverse(struct world *world, const struct right *right, uint32_t number,
                         uint16_t task)
{
    struct event event = {
        .kind = EVENT_REVERSE_INSERT,
        .where = right->space,
        .object = number,
        .size = right->port,
        .task = task,
    };

    if (right->port == OBJECT_NONE)
        event.address = FOREIGN_BASE + 8ull * (world->foreign++ % FOREIGN_KEYS);
    return world_write(world, &event, NULL, 0);
}

static uint32_t port_find(const struct world *world, const struct maker *maker,
                          const struct bundle *bundle, uint64_t end)
{
    bool of_item = maker->line->life == RECIPE_LIFE_ITEM || maker->line->life == RECIPE_LIFE_UNTIL;

    return bundle != NULL && of_item ? port_of_bundle(world, bundle) : port_recent(world, end);
}

/* A right in SPACE; AT: under the name, which is free; 0: one that the kernel chooses. */
static int right_new(struct world *world, uint32_t space, uint32_t at, uint32_t *number)
{
    struct right *right;
    struct event event = {
        .kind = at != 0 ? EVENT_NAME_ALLOC_AT : EVENT_NAME_ALLOC,
        .where = space,
        .size = at,
        .task = world->spaces[space].task,
    };

    if (!number_take((void **)&world->rights, &world->right_numbers, sizeof(*right), number))
        return no_memory(world);
    right = &world->rights[*number];
    event.object = *number;
    right->space = space;
    right->port = OBJECT_NONE;
    right->alive = true;
    right->reverse = false;
    right->next = THING_NONE;
    if (!world_space_add(&world->spaces[space], &right->place, *number))
        return no_memory(world);
    return world_write(world, &event, NULL, 0);
}

/* The right has a reverse key, of a port of BUNDLE or one that lives until END. */
static int right_reverse(struct world *world, uint32_t number, uint32_t port)
{
    struct right *right = &world->rights[number];

    right->reverse = true;
    right->port = port;
    if (port != OBJECT_NONE)
        world->objects[port].named = true;
    return write_reverse(world, right, number, world->spaces[right->space].task);
}

static int make_right(struct world *world, const struct maker *maker, struct random *random,
                      struct bundle *bundle, uint64_t item)
{
    bool alone;
    uint64_t end = end_of(world, maker, random, &alone);
    uint64_t name = maker->line->sparse == 0 ? 0 : (item + 1) * maker->line->sparse;
    struct right *right;
    uint32_t space, number;

    if (space_of(world, maker, random, &space) != 0 ||
        right_new(world, space, (uint32_t)name, &number) != 0)
        return -1;
    if (maker->line->reverse &&
        right_reverse(world, number, port_find(world, maker, bundle, end)) != 0)
        return -1;
    right = &world->rights[number];
    return thing_attach(world, maker, number << THING_BITS | THING_RIGHT, right->generation, end,
                        &right->next, bundle);
}

static bool chance(struct random *random, uint32_t millionths)
{
    return (random_next(random) >> 32) * RECIPE_COUNT_ONE >> 32 < millionths;
}

static int make_lookup(struct world *world, const struct maker *maker, struct random *random)
{
    struct event event = {.kind = EVENT_NAME_LOOKUP};
    const struct space *space;
    uint64_t nr;

    if (space_of(world, maker, random, &event.where) != 0)
        return -1;
    space = &world->spaces[event.where];
    if (space->nr_rights == 0)
        return 0;
    event.task = space->task;
    if (chance(random, maker->line->old)) {
        nr = space->nr_rights < HOT_RIGHTS ? space->nr_rights : HOT_RIGHTS;
        event.object = space->rights[random_below(random, nr)];
    } else {
        nr = space->nr_rights < YOUNG_RIGHTS ? space->nr_rights : YOUNG_RIGHTS;
        event.object = space->rights[space->nr_rights - 1 - random_below(random, nr)];
    }
    return world_write(world, &event, NULL, 0);
}

/* ---- Spaces ---- */

int world_task_event(struct world *world, uint16_t task, const char *name)
{
    struct event event = {.kind = EVENT_TASK, .where = task, .task = task};

    return world_write(world, &event, name, strlen(name));
}

int world_space_new(struct world *world, uint16_t task, uint32_t *number)
{
    struct event event = {.kind = EVENT_SPACE_CREATE, .task = task};
    struct space *space;

    if (!number_take((void **)&world->spaces, &world->space_numbers, sizeof(*space), number))
        return no_memory(world);
    space = &world->spaces[*number];
    event.where = *number;
    space->alive = true;
    space->task = task;
    space->nr_rights = 0;
    space->next = THING_NONE;
    return world_write(world, &event, NULL, 0);
}

int world_task_new(struct world *world, uint16_t *task)
{
    if (world->nr_free_tasks != 0) {
        *task = world->free_tasks[--world->nr_free_tasks];
        return 0;
    }
    if (world->next_task == UINT16_MAX)
        return error_set(&world->error, "the workload has more than %d tasks at once", UINT16_MAX);
    *task = (uint16_t)world->next_task++;
    return 0;
}

static int process_list(struct world *world, uint32_t number)
{
    if (world->nr_processes == world->room_processes) {
        uint32_t room = world->room_processes == 0 ? 64 : 2 * world->room_processes;
        uint32_t *grown = realloc(world->processes, room * sizeof(*grown));

        if (grown == NULL)
            return no_memory(world);
        world->processes = grown;
        world->room_processes = room;
    }
    world->spaces[number].place = world->nr_processes;
    world->processes[world->nr_processes++] = number;
    return 0;
}

/* A name that a process has from its parent. */
static int make_first_name(struct world *world, const struct recipe_line *line,
                           struct random *random, uint32_t space, uint32_t name)
{
    uint32_t right;

    if (right_new(world, space, name, &right) != 0)
        return -1;
    if (chance(random, line->names_reverse) &&
        right_reverse(world, right, port_recent(world, world->now)) != 0)
        return -1;
    if (!chance(random, line->names_ended))
        return 0;
    return wheel_add(world->wheel, world->now + quantiles_draw(&line->names_life, random),
                     right << THING_BITS | THING_RIGHT, world->rights[right].generation)
               ? 0
               : no_memory(world);
}

static int make_process(struct world *world, const struct maker *maker, struct random *random)
{
    bool alone;
    uint64_t end = end_of(world, maker, random, &alone);
    struct space *space;
    uint32_t number;
    uint16_t task;

    if (world_task_new(world, &task) != 0 || world_space_new(world, task, &number) != 0 ||
        process_list(world, number) != 0)
        return -1;
    space = &world->spaces[number];
    for (uint32_t i = 0; i < maker->line->names; i++)
        if (make_first_name(world, maker->line, random, number, 2 + i) != 0)
            return -1;
    return thing_attach(world, maker, number << THING_BITS | THING_SPACE, 0, end, &space->next,
                        NULL);
}

static int space_end(struct world *world, uint32_t number)
{
    struct space *space = &world->spaces[number];
    struct event event = {.kind = EVENT_SPACE_DESTROY, .where = number, .task = space->task};
    uint32_t last = world->processes[--world->nr_processes];

    world->processes[space->place] = last;
    world->spaces[last].place = space->place;
    if (world_write(world, &event, NULL, 0) != 0)
        return -1;
    for (uint32_t i = 0; i < space->nr_rights; i++)
        if (right_drop(world, space->rights[i]) != 0)
            return -1;
    space->nr_rights = 0;
    space->alive = false;
    world->free_tasks[world->nr_free_tasks++] = space->task;
    event.kind = EVENT_SPACE_RELEASE;
    if (!world_number_free(&world->space_numbers, number))
        return no_memory(world);
    return world_write(world, &event, NULL, 0);
}

static int make_rename(struct world *world)
{
    if (world->nr_processes == 0)
        return 0;
    return world_task_event(world, world->spaces[world->processes[world->nr_processes - 1]].task,
                            RECIPE_PROCESS);
}

static int make_reap(struct world *world)
{
    struct event event = {.kind = EVENT_REAP};

    return world_write(world, &event, NULL, 0);
}

int world_make(struct world *world, const struct maker *maker, struct random *random,
               struct bundle *bundle, uint64_t number)
{
    switch (maker->line->kind) {
    case RECIPE_RIGHT:
        return make_right(world, maker, random, bundle, number);
    case RECIPE_SPACE:
        return make_process(world, maker, random);
    case RECIPE_LOOKUP:
        return make_lookup(world, maker, random);
    case RECIPE_RENAME:
        return make_rename(world);
    case RECIPE_REAP:
        return make_reap(world);
    case RECIPE_CACHE:
    case RECIPE_KALLOC:
    case RECIPE_PAGE:
    case RECIPE_MAP:
    case RECIPE_KINDS:
        break;
    }
    return make_object(world, maker, random, bundle);
}

/* ---- Ends ---- */

static int thing_end(struct world *world, uint32_t thing)
{
    uint32_t number = thing >> THING_BITS;

    switch (thing & THING_MASK) {
    case THING_OBJECT:
        return object_end(world, number);
    case THING_RIGHT:
        return right_end(world, number);
    default:
        return space_end(world, number);
    }
}

int world_advance(struct world *world, uint64_t time)
{
    struct wheel_entry entry;

    while (wheel_take(world->wheel, time, &entry)) {
        uint32_t number = entry.id >> THING_BITS;

        if (entry.time > world->now)
            world->now = entry.time;
        /* A right may have gone with its space. */
        if ((entry.id & THING_MASK) == THING_RIGHT &&
            world->rights[number].generation != entry.generation)
            continue;
        if (thing_end(world, entry.id) != 0)
            return -1;
    }
    if (time > world->now)
        world->now = time;
    return 0;
}

static int thing_schedule(struct world *world, uint32_t thing, uint64_t time)
{
    uint32_t number = thing >> THING_BITS;
    uint32_t generation = 0;

    if ((thing & THING_MASK) == THING_RIGHT)
        generation = world->rights[number].generation;
    return wheel_add(world->wheel, time, thing, generation) ? 0 : no_memory(world);
}

static uint32_t thing_pages(const struct world *world, uint32_t thing)
{
    const struct object *object = &world->objects[thing >> THING_BITS];

    return (thing & THING_MASK) == THING_OBJECT && object->kind == EVENT_PAGE_ALLOC ? object->size
                                                                                    : 0;
}

int world_end(struct world *world, struct bundle *bundle, uint64_t ticks, struct random *random)
{
    while (bundle->first != THING_NONE) {
        uint32_t thing = bundle->first;

        bundle->first = *thing_next(world, thing);
        bundle->pages -= thing_pages(world, thing);
        if (thing_schedule(world, thing, world->now + random_below(random, ticks)) != 0)
            return -1;
    }
    return 0;
}

int world_end_queue(struct world *world, unsigned operation, uint64_t left, uint64_t ticks,
                    struct random *random)
{
    struct queue *queue = &world->queues[operation];
    uint64_t nr = left == 0 ? queue->nr : queue->nr / left;

    /* The rest of the division, by chance. */
    if (left != 0 && random_below(random, left) < queue->nr % left)
        nr++;
    for (; nr > 0; nr--, queue->nr--) {
        uint32_t thing = queue->first;

        queue->first = *thing_next(world, thing);
        if (thing_schedule(world, thing, world->now + random_below(random, ticks)) != 0)
            return -1;
    }
    return 0;
}

void world_phase_begin(struct world *world, uint64_t ticks)
{
    world->phase_end = world->now + ticks + ticks / PHASE_SLACK;
}

int world_phase_end(struct world *world)
{
    /* What was cut to the phase ends in it, though the last operation came a little early. */
    if (world->phase_end > world->now && world_advance(world, world->phase_end) != 0)
        return -1;
    while (world->phase.first != THING_NONE) {
        uint32_t thing = world->phase.first;

        world->phase.first = *thing_next(world, thing);
        if ((thing & THING_MASK) == THING_RIGHT && !world->rights[thing >> THING_BITS].alive)
            continue;
        if (thing_end(world, thing) != 0)
            return -1;
    }
    return 0;
}

/* ---- The rest ---- */

struct world *world_create(struct trace_writer *writer, unsigned operations, struct error *error)
{
    struct world *world = calloc(1, sizeof(*world));

    if (world == NULL) {
        error_set(error, "not enough memory to generate a trace");
        return NULL;
    }
    world->queues = calloc(operations + 1u, sizeof(*world->queues));
    if (world->queues == NULL) {
        free(world);
        error_set(error, "not enough memory to generate a trace");
        return NULL;
    }
    world->writer = writer;
    world->phase.first = THING_NONE;
    world->next_task = 1;
    return world;
}

void world_destroy(struct world *world)
{
    if (world == NULL)
        return;
    for (uint32_t i = 0; i < world->space_numbers.room; i++)
        free(world->spaces[i].rights);
    free(world->objects);
    free(world->rights);
    free(world->spaces);
    free(world->object_numbers.free);
    free(world->right_numbers.free);
    free(world->space_numbers.free);
    free(world->processes);
    free(world->queues);
    wheel_destroy(world->wheel);
    free(world);
}

uint64_t world_now(const struct world *world)
{
    return world->now;
}

uint64_t world_events(const struct world *world)
{
    return world->events;
}

uint64_t world_pages(const struct world *world)
{
    return world->pages;
}

const struct error *world_error(const struct world *world)
{
    return &world->error;
}

int world_mark(struct world *world, const char *text)
{
    struct event event = {.kind = EVENT_MARK};

    return world_write(world, &event, text, strlen(text));
}
