/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is alive: one small record for each number, in arrays that grow with the highest number.
 *
 * A trace is a promise that a replay needs no hash table and no check in its loop, and this is
 * where the promise is enforced. The rules are those of the kernels: a thing is made before it is
 * used and dies once, memory goes back to where it came from, a right lives in one space and
 * dies with it. Numbers must be dense, because every reader sizes its arrays by the highest one.
 *
 * The names of a space are a list through its rights, so that its destruction costs what it
 * kills and no more.
 */

#include "traces/live.h"

#include <stdlib.h>
#include <string.h>

#include "traces/format.h"

struct object {
    uint8_t kind;   /* kind that made it + 1; 0: dead */
    uint16_t where; /* cache (caches are few) or map */
    uint32_t left;  /* pages not yet freed */
};

struct right {
    uint32_t next, previous; /* of the same space */
    uint32_t space;
    uint8_t kind; /* kind that made it + 1; 0: dead */
    bool reverse;
};

struct space {
    uint32_t first;
    uint32_t names;
    uint8_t state; /* enum live_space */
};

struct live {
    struct object *objects;
    struct right *rights;
    struct space *spaces;
    bool *caches;
    bool *tasks;
    uint32_t room_objects, room_rights, room_spaces, room_caches, room_tasks;
    uint32_t page_size;
    uint64_t alive[EVENT_KINDS];
    struct trace_totals totals;
};

#define CACHES_MAX 65536u /* so that a cache fits a record of eight bytes */
#define TASKS_MAX  65536u

struct live *live_create(uint32_t page_size)
{
    struct live *live = calloc(1, sizeof(*live));

    if (live != NULL)
        live->page_size = page_size != 0 ? page_size : 4096;
    return live;
}

void live_destroy(struct live *live)
{
    if (live == NULL)
        return;
    free(live->objects);
    free(live->rights);
    free(live->spaces);
    free(live->caches);
    free(live->tasks);
    free(live);
}

const struct trace_totals *live_totals(const struct live *live)
{
    return &live->totals;
}

bool live_object(const struct live *live, uint32_t number)
{
    return number < live->room_objects && live->objects[number].kind != 0;
}

uint32_t live_object_left(const struct live *live, uint32_t number)
{
    return live->objects[number].left;
}

bool live_right(const struct live *live, uint32_t number)
{
    return number < live->room_rights && live->rights[number].kind != 0;
}

bool live_right_reverse(const struct live *live, uint32_t number)
{
    return live->rights[number].reverse;
}

uint32_t live_right_space(const struct live *live, uint32_t number)
{
    return live->rights[number].space;
}

bool live_cache(const struct live *live, uint32_t number)
{
    return number < live->room_caches && live->caches[number];
}

enum live_space live_space(const struct live *live, uint32_t number)
{
    return number < live->room_spaces ? live->spaces[number].state : LIVE_SPACE_NONE;
}

uint32_t live_space_names(const struct live *live, uint32_t number)
{
    return live->spaces[number].names;
}

/* Makes room for NUMBER in an array. The limit keeps a nonsense number from eating all memory. */
static int live_room(const struct live *live, void *array, uint32_t *room, size_t record,
                     uint32_t number, uint64_t limit, const char *what, struct error *error)
{
    uint64_t want = *room != 0 ? *room : 256;
    void *grown;

    if (number < *room)
        return 0;
    if (number >= limit)
        return error_set(error,
                         "%s number %u is too high after %llu events: numbers must be dense, "
                         "expected less than %llu",
                         what, number, (unsigned long long)live->totals.events,
                         (unsigned long long)limit);
    while (want <= number)
        want *= 2;
    grown = realloc(*(void **)array, want * record);
    if (grown == NULL)
        return error_set(error, "not enough memory for %llu %ss", (unsigned long long)want, what);
    memset((char *)grown + *room * record, 0, (want - *room) * record);
    *(void **)array = grown;
    *room = (uint32_t)want;
    return 0;
}

static void live_born(struct live *live, unsigned kind)
{
    if (++live->alive[kind] > live->totals.peak_live[kind])
        live->totals.peak_live[kind] = live->alive[kind];
}

static void live_raise(uint32_t *peak, uint32_t number)
{
    if (number >= *peak)
        *peak = number + 1;
}

static uint32_t live_pages(const struct live *live, const struct event *event)
{
    if (event->kind != EVENT_MAP_ALLOC && event->kind != EVENT_MAP_FREE)
        return event->size;
    return (uint32_t)(((uint64_t)event->size + live->page_size - 1) / live->page_size);
}

static int live_known_cache(const struct live *live, uint32_t cache, struct error *error)
{
    if (!live_cache(live, cache))
        return error_set(error, "cache %u is unknown: expected a cache-create of it before", cache);
    return 0;
}

static int live_known_space(const struct live *live, uint32_t space, struct error *error)
{
    if (live_space(live, space) == LIVE_SPACE_NONE)
        return error_set(error, "space %u is unknown: expected a space-create of it before", space);
    return 0;
}

static int live_where(const struct live *live, const struct event *event, struct error *error)
{
    switch (event->kind) {
    case EVENT_CACHE_ALLOC:
    case EVENT_CACHE_FREE:
        return live_known_cache(live, event->where, error);
    case EVENT_PAGE_ALLOC:
        if (event->where > EVENT_HIGHMEM)
            return error_set(error, "segment %u is unknown, expected 0 to %d", event->where,
                             EVENT_HIGHMEM);
        return 0;
    case EVENT_MAP_ALLOC:
    case EVENT_MAP_FREE:
        if (event->where >= EVENT_MAPS)
            return error_set(error, "map %u is unknown, expected 0 to %d", event->where,
                             EVENT_MAPS - 1);
        return 0;
    default:
        return 0;
    }
}

/* A request that the kernel refused: nothing lives after it, but what it names must make sense. */
static int live_object_failed(struct live *live, const struct event *event, bool makes,
                              struct error *error)
{
    if (event->object == OBJECT_NONE)
        return 0;
    if (makes == live_object(live, event->object))
        return error_set(error, "a %s that failed names object %u, which is %s",
                         event_kind_name(event->kind), event->object,
                         makes ? "alive already" : "not alive");
    return live_room(live, &live->objects, &live->room_objects, sizeof(*live->objects),
                     event->object, format_number_limit(live->totals.events), "object", error);
}

static int live_object_alloc(struct live *live, const struct event *event, struct error *error)
{
    struct object *object;

    if (live_object(live, event->object))
        return error_set(error, "object %u is alive already: expected a number that is free",
                         event->object);
    if (event->object == OBJECT_NONE)
        return error_set(error, "a %s that did not fail has no object",
                         event_kind_name(event->kind));
    if (event->kind != EVENT_CACHE_ALLOC && event->size == 0)
        return error_set(error, "a %s of size 0: expected at least 1",
                         event_kind_name(event->kind));
    if (live_room(live, &live->objects, &live->room_objects, sizeof(*live->objects), event->object,
                  format_number_limit(live->totals.events), "object", error) != 0)
        return -1;

    object = &live->objects[event->object];
    object->kind = (uint8_t)(event->kind + 1);
    object->where = (uint16_t)event->where;
    object->left = live_pages(live, event);
    live_born(live, event->kind);
    live_raise(&live->totals.peak_objects, event->object);
    return 0;
}

static int live_object_free(struct live *live, const struct event *event, struct error *error)
{
    unsigned maker = event->kind - 1u; /* each free follows its alloc in the enumeration */
    struct object *object;
    uint32_t pages = live_pages(live, event);

    if (!live_object(live, event->object))
        return error_set(error, "object %u is not alive: expected a %s of it before", event->object,
                         event_kind_name(maker));
    object = &live->objects[event->object];
    if (object->kind != maker + 1)
        return error_set(error, "object %u came from a %s: expected a %s, found a %s",
                         event->object, event_kind_name(object->kind - 1u),
                         event_kind_name(object->kind), event_kind_name(event->kind));
    if ((event->kind == EVENT_CACHE_FREE || event->kind == EVENT_MAP_FREE) &&
        object->where != event->where)
        return error_set(error, "object %u goes back to %s %u: expected %u, where it came from",
                         event->object, event->kind == EVENT_CACHE_FREE ? "cache" : "map",
                         event->where, object->where);
    if (event->kind == EVENT_PAGE_FREE || event->kind == EVENT_MAP_FREE) {
        if (pages == 0 || pages > object->left)
            return error_set(error, "object %u loses %u pages: expected 1 to %u, which it has left",
                             event->object, pages, object->left);
        object->left -= pages;
        if (object->left != 0)
            return 0;
    }
    object->kind = 0;
    live->alive[maker]--;
    return 0;
}

static int live_object_event(struct live *live, const struct event *event, struct error *error)
{
    bool makes = event->kind == EVENT_CACHE_ALLOC || event->kind == EVENT_KALLOC ||
                 event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_MAP_ALLOC;

    if (live_where(live, event, error) != 0)
        return -1;
    if ((event->flags & EVENT_FAILED) != 0) {
        if (live_object_failed(live, event, makes, error) != 0)
            return -1;
        if (makes && event->object != OBJECT_NONE)
            live_raise(&live->totals.peak_objects, event->object);
        return 0;
    }
    return makes ? live_object_alloc(live, event, error) : live_object_free(live, event, error);
}

static int live_cache_create(struct live *live, const struct event *event, struct error *error)
{
    if (live_cache(live, event->where))
        return error_set(error, "cache %u is there already: expected a new number", event->where);
    if (live_room(live, &live->caches, &live->room_caches, sizeof(*live->caches), event->where,
                  CACHES_MAX, "cache", error) != 0)
        return -1;
    live->caches[event->where] = true;
    live_born(live, event->kind);
    live_raise(&live->totals.peak_caches, event->where);
    return 0;
}

static int live_space_create(struct live *live, const struct event *event, struct error *error)
{
    struct space *space;

    if (live_space(live, event->where) != LIVE_SPACE_NONE)
        return error_set(error, "space %u is there already: expected a space-release of it before",
                         event->where);
    if (live_room(live, &live->spaces, &live->room_spaces, sizeof(*live->spaces), event->where,
                  format_number_limit(live->totals.events), "space", error) != 0)
        return -1;
    live_raise(&live->totals.peak_spaces, event->where);
    if ((event->flags & EVENT_FAILED) != 0)
        return 0;
    space = &live->spaces[event->where];
    space->state = (event->flags & EVENT_SPECIAL) != 0 ? LIVE_SPACE_SPECIAL : LIVE_SPACE_ACTIVE;
    space->first = OBJECT_NONE;
    space->names = 0;
    live_born(live, event->kind);
    return 0;
}

static int live_space_destroy(struct live *live, const struct event *event, struct error *error)
{
    struct space *space;
    uint32_t number;

    if (live_known_space(live, event->where, error) != 0)
        return -1;
    space = &live->spaces[event->where];
    if (space->state == LIVE_SPACE_DESTROYED)
        return error_set(error, "space %u is destroyed already: expected a space-release of it",
                         event->where);
    for (number = space->first; number != OBJECT_NONE; number = live->rights[number].next) {
        live->alive[live->rights[number].kind - 1]--;
        live->rights[number].kind = 0;
    }
    space->first = OBJECT_NONE;
    space->names = 0;
    space->state = LIVE_SPACE_DESTROYED;
    return 0;
}

static int live_space_release(struct live *live, const struct event *event, struct error *error)
{
    struct space *space;

    if (live_known_space(live, event->where, error) != 0)
        return -1;
    space = &live->spaces[event->where];
    if (space->names != 0)
        return error_set(error,
                         "space %u is released with %u names in it: expected a space-destroy of it "
                         "before",
                         event->where, space->names);
    space->state = LIVE_SPACE_NONE;
    live->alive[EVENT_SPACE_CREATE]--;
    return 0;
}

static int live_name_alloc(struct live *live, const struct event *event, struct error *error)
{
    struct space *space = &live->spaces[event->where];
    struct right *right;

    if (space->state != LIVE_SPACE_ACTIVE)
        return error_set(error, "space %u takes no names: it is %s", event->where,
                         space->state == LIVE_SPACE_SPECIAL ? "special" : "destroyed");
    if (live_right(live, event->object))
        return error_set(error, "right %u is alive already: expected a number that is free",
                         event->object);
    if (event->object == OBJECT_NONE)
        return error_set(error, "a %s that did not fail has no right",
                         event_kind_name(event->kind));
    if (live_room(live, &live->rights, &live->room_rights, sizeof(*live->rights), event->object,
                  format_number_limit(live->totals.events), "right", error) != 0)
        return -1;

    right = &live->rights[event->object];
    right->kind = (uint8_t)(event->kind + 1);
    right->reverse = false;
    right->space = event->where;
    right->previous = OBJECT_NONE;
    right->next = space->first;
    if (space->first != OBJECT_NONE)
        live->rights[space->first].previous = event->object;
    space->first = event->object;
    space->names++;
    live_born(live, event->kind);
    live_raise(&live->totals.peak_rights, event->object);
    return 0;
}

static void live_name_free(struct live *live, uint32_t number)
{
    struct right *right = &live->rights[number];
    struct space *space = &live->spaces[right->space];

    if (right->previous != OBJECT_NONE)
        live->rights[right->previous].next = right->next;
    else
        space->first = right->next;
    if (right->next != OBJECT_NONE)
        live->rights[right->next].previous = right->previous;
    space->names--;
    live->alive[right->kind - 1]--;
    right->kind = 0;
}

static int live_right_known(struct live *live, const struct event *event, struct error *error)
{
    if (!live_right(live, event->object))
        return error_set(error, "right %u is not alive: expected a name-alloc of it before",
                         event->object);
    if (live->rights[event->object].space != event->where)
        return error_set(error, "right %u is in space %u, expected space %u", event->object,
                         live->rights[event->object].space, event->where);
    return 0;
}

static int live_right_failed(struct live *live, const struct event *event, struct error *error)
{
    if (event->object == OBJECT_NONE)
        return 0;
    if (event->kind != EVENT_NAME_ALLOC && event->kind != EVENT_NAME_ALLOC_AT)
        return live_right_known(live, event, error);
    if (live_right(live, event->object))
        return error_set(error, "a %s that failed names right %u, which is alive already",
                         event_kind_name(event->kind), event->object);
    if (live_room(live, &live->rights, &live->room_rights, sizeof(*live->rights), event->object,
                  format_number_limit(live->totals.events), "right", error) != 0)
        return -1;
    live_raise(&live->totals.peak_rights, event->object);
    return 0;
}

static int live_reverse(struct live *live, const struct event *event, struct error *error)
{
    struct right *right = &live->rights[event->object];
    bool inserts = event->kind == EVENT_REVERSE_INSERT;

    if (right->reverse == inserts)
        return error_set(error, "right %u has %s reverse key: expected one that has %s",
                         event->object, inserts ? "a" : "no", inserts ? "none" : "one");
    if (inserts && event->size != OBJECT_NONE && !live_object(live, event->size))
        return error_set(error, "right %u names object %u, which is not alive", event->object,
                         event->size);
    right->reverse = inserts;
    return 0;
}

static int live_right_event(struct live *live, const struct event *event, struct error *error)
{
    if (live_known_space(live, event->where, error) != 0)
        return -1;
    if ((event->flags & EVENT_FAILED) != 0)
        return live_right_failed(live, event, error);
    if (event->kind == EVENT_NAME_ALLOC || event->kind == EVENT_NAME_ALLOC_AT)
        return live_name_alloc(live, event, error);
    if (live_right_known(live, event, error) != 0)
        return -1;
    if (event->kind == EVENT_NAME_FREE)
        live_name_free(live, event->object);
    if (event->kind == EVENT_REVERSE_INSERT || event->kind == EVENT_REVERSE_REMOVE)
        return live_reverse(live, event, error);
    return 0;
}

static int live_task(struct live *live, const struct event *event, struct error *error)
{
    if (live_room(live, &live->tasks, &live->room_tasks, sizeof(*live->tasks), event->where,
                  TASKS_MAX, "task", error) != 0)
        return -1;
    if (!live->tasks[event->where])
        live_born(live, event->kind);
    live->tasks[event->where] = true;
    live_raise(&live->totals.peak_tasks, event->where);
    return 0;
}

static int live_dispatch(struct live *live, const struct event *event, struct error *error)
{
    switch (event->kind) {
    case EVENT_CACHE_CREATE:
        return live_cache_create(live, event, error);
    case EVENT_SPACE_CREATE:
        return live_space_create(live, event, error);
    case EVENT_SPACE_DESTROY:
        return live_space_destroy(live, event, error);
    case EVENT_SPACE_RELEASE:
        return live_space_release(live, event, error);
    case EVENT_GROWTH:
        return live_known_space(live, event->where, error);
    case EVENT_TASK:
        return live_task(live, event, error);
    default:
        if (event_numbering(event->kind) == NUMBERING_OBJECTS)
            return live_object_event(live, event, error);
        if (event_numbering(event->kind) == NUMBERING_RIGHTS)
            return live_right_event(live, event, error);
        return 0;
    }
}

int live_event(struct live *live, const struct event *event, struct error *error)
{
    struct trace_totals *totals = &live->totals;

    if (event->kind >= EVENT_KINDS)
        return error_set(error, "event kind %u is unknown, expected 0 to %d", event->kind,
                         EVENT_KINDS - 1);
    if (totals->events != 0 && event->time < totals->last_time)
        return error_set(error, "the time goes back to %llu, expected at least %llu",
                         (unsigned long long)event->time, (unsigned long long)totals->last_time);
    if (live_dispatch(live, event, error) != 0)
        return -1;
    if (totals->events == 0)
        totals->first_time = event->time;
    totals->last_time = event->time;
    totals->events++;
    totals->by_kind[event->kind]++;
    totals->inferred += (event->flags & EVENT_INFERRED) != 0;
    live_raise(&totals->peak_tasks, event->task);
    return 0;
}
