/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The start of a world: a captured trace up to one of its marks, whose events are taken over as
 * they are. So what is generated goes on in a kernel as it really was, with its caches, its slabs
 * half full and its servers' spaces.
 *
 * A space that is alive then has the role of the task that spoke of it most: "ext2fs.static". What
 * recipes name and the start does not have is made after it.
 */

#include <stdlib.h>
#include <string.h>

#include "traces/codec.h"
#include "workloads/world_private.h"

struct start {
    struct world *world;
    struct trace_reader *reader;
    const char *until;
    uint32_t nr_spaces, nr_tasks;
    uint32_t *spoke; /* by space and task */
    char (*tasks)[RECIPE_NAME_MAX];
};

static int no_memory(struct world *world)
{
    return error_set(&world->error, "not enough memory for the start of the workload");
}

/* ---- What each event leaves ---- */

static int start_object(struct start *start, const struct event *event)
{
    struct world *world = start->world;
    bool makes = event->kind == EVENT_CACHE_ALLOC || event->kind == EVENT_KALLOC ||
                 event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_MAP_ALLOC;
    struct object *object;

    if (event->object == OBJECT_NONE)
        return 0;
    if (!world_room((void **)&world->objects, &world->object_numbers.room, sizeof(*world->objects),
                    event->object))
        return no_memory(world);
    object = &world->objects[event->object];
    if (makes) {
        object->alive = true;
        object->size = event->size;
    } else if (event->kind == EVENT_PAGE_FREE || event->kind == EVENT_MAP_FREE) {
        object->size -= event->size < object->size ? event->size : object->size;
        object->alive = object->size != 0;
    } else {
        object->alive = false;
    }
    return 0;
}

static int start_right(struct start *start, const struct event *event)
{
    struct world *world = start->world;
    struct right *right;

    if (event->where < start->nr_spaces && event->task < start->nr_tasks)
        start->spoke[(size_t)event->where * start->nr_tasks + event->task]++;
    if (!world_room((void **)&world->rights, &world->right_numbers.room, sizeof(*right),
                    event->object))
        return no_memory(world);
    right = &world->rights[event->object];
    if (event->kind == EVENT_NAME_FREE) {
        world_space_remove(world, event->object);
        right->alive = false;
    } else if (event->kind == EVENT_NAME_ALLOC || event->kind == EVENT_NAME_ALLOC_AT) {
        right->alive = true;
        right->space = event->where;
        right->port = OBJECT_NONE;
        if (!world_space_add(&world->spaces[event->where], &right->place, event->object))
            return no_memory(world);
    }
    return 0;
}

static int start_space(struct start *start, const struct event *event)
{
    struct world *world = start->world;
    struct space *space;

    if (!world_room((void **)&world->spaces, &world->space_numbers.room, sizeof(*space),
                    event->where))
        return no_memory(world);
    space = &world->spaces[event->where];
    if (event->kind == EVENT_SPACE_DESTROY) {
        for (uint32_t i = 0; i < space->nr_rights; i++)
            world->rights[space->rights[i]].alive = false;
        space->nr_rights = 0;
    } else {
        space->alive = event->kind == EVENT_SPACE_CREATE;
        memset(start->spoke + (size_t)event->where * start->nr_tasks, 0,
               start->nr_tasks * sizeof(*start->spoke));
    }
    return 0;
}

static int start_cache(struct start *start, const struct event *event)
{
    struct world *world = start->world;
    struct cache_definition definition;

    if (trace_decode_cache(start->reader, event, &definition, &world->error) != 0)
        return -1;
    if (event->where >= CACHES_MAX)
        return error_set(&world->error, "the start has more than %u caches", CACHES_MAX);
    memcpy(world->caches[event->where], definition.name, RECIPE_NAME_MAX);
    if (event->where >= world->nr_caches)
        world->nr_caches = event->where + 1;
    return 0;
}

static int start_event(struct start *start, const struct event *event)
{
    const void *payload = NULL;
    size_t size = 0;

    if (event_has_payload(event->kind))
        payload = trace_payload(start->reader, event, &size);
    if (event->kind == EVENT_CACHE_CREATE && start_cache(start, event) != 0)
        return -1;
    if (event->kind == EVENT_TASK && event->where < start->nr_tasks)
        recipe_task_name(payload, size, start->tasks[event->where]);
    if ((event->flags & EVENT_FAILED) == 0) {
        int result = 0;

        if (event->kind >= EVENT_CACHE_ALLOC && event->kind <= EVENT_MAP_FREE)
            result = start_object(start, event);
        else if (event->kind >= EVENT_SPACE_CREATE && event->kind <= EVENT_SPACE_RELEASE)
            result = start_space(start, event);
        else if (event->kind >= EVENT_NAME_ALLOC && event->kind <= EVENT_REVERSE_LOOKUP)
            result = start_right(start, event);
        if (result != 0)
            return -1;
    }
    start->world->now = event->time;
    start->world->events++;
    return trace_write(start->world->writer, event, payload, size, &start->world->error);
}

static bool is_mark(const struct start *start, const struct event *event)
{
    const char *text;
    size_t size;

    if (event->kind != EVENT_MARK || start->until[0] == '\0')
        return false;
    text = trace_payload(start->reader, event, &size);
    return size == strlen(start->until) && memcmp(text, start->until, size) == 0;
}

static int start_read(struct start *start)
{
    const struct event *events;
    int count;

    while ((count = trace_read(start->reader, &events, &start->world->error)) > 0) {
        for (int i = 0; i < count; i++) {
            if (is_mark(start, &events[i]))
                return 0;
            /* The captured kernel's counters say nothing of what follows; they are left out, and so
             * are its growths. */
            if (events[i].kind == EVENT_TRUTH || events[i].kind == EVENT_GROWTH)
                continue;
            if (start_event(start, &events[i]) != 0)
                return -1;
        }
    }
    if (count == 0 && start->until[0] != '\0')
        return error_set(&start->world->error, "the start has no mark \"%s\"", start->until);
    return count;
}

/* ---- What is alive after it ---- */

static int start_role(struct start *start, uint32_t number)
{
    struct world *world = start->world;
    const uint32_t *spoke = start->spoke + (size_t)number * start->nr_tasks;
    uint32_t most = 0;

    for (uint32_t task = 1; task < start->nr_tasks; task++)
        if (spoke[task] > spoke[most] || (most == 0 && spoke[task] != 0))
            most = task;
    world->spaces[number].task = (uint16_t)most;
    if (most == 0 || start->tasks[most][0] == '\0' || world->nr_roles == ROLES_MAX)
        return 0;

    struct role *role = &world->roles[world->nr_roles++];

    memcpy(role->name, start->tasks[most], sizeof(role->name));
    role->space = number;
    role->task = (uint16_t)most;
    return 0;
}

static bool free_dead(struct start *start)
{
    struct world *world = start->world;
    const struct trace_totals *totals = trace_totals(start->reader);

    /* The lowest are handed out first. */
    for (uint32_t i = totals->peak_objects; i-- > 0;)
        if ((i >= world->object_numbers.room || !world->objects[i].alive) &&
            !world_number_free(&world->object_numbers, i))
            return false;
    for (uint32_t i = totals->peak_rights; i-- > 0;)
        if ((i >= world->right_numbers.room || !world->rights[i].alive) &&
            !world_number_free(&world->right_numbers, i))
            return false;
    for (uint32_t i = totals->peak_spaces; i-- > 0;)
        if ((i >= world->space_numbers.room || !world->spaces[i].alive) &&
            !world_number_free(&world->space_numbers, i))
            return false;
    return true;
}

static int start_done(struct start *start)
{
    struct world *world = start->world;
    const struct trace_totals *totals = trace_totals(start->reader);

    for (uint32_t i = 0; i < start->nr_spaces && i < world->space_numbers.room; i++)
        if (world->spaces[i].alive && start_role(start, i) != 0)
            return -1;
    world->object_numbers.next = totals->peak_objects;
    world->right_numbers.next = totals->peak_rights;
    world->space_numbers.next = totals->peak_spaces;
    world->next_task = totals->peak_tasks;
    if (!world_room((void **)&world->objects, &world->object_numbers.room, sizeof(*world->objects),
                    totals->peak_objects) ||
        !world_room((void **)&world->rights, &world->right_numbers.room, sizeof(*world->rights),
                    totals->peak_rights) ||
        !world_room((void **)&world->spaces, &world->space_numbers.room, sizeof(*world->spaces),
                    totals->peak_spaces) ||
        !free_dead(start))
        return no_memory(world);
    return 0;
}

int world_start(struct world *world, struct trace_reader *reader, const char *until,
                struct error *error)
{
    struct start start = {.world = world, .reader = reader, .until = until};
    int result = 0;

    if (reader != NULL) {
        const struct trace_totals *totals = trace_totals(reader);

        start.nr_spaces = totals->peak_spaces;
        start.nr_tasks = totals->peak_tasks;
        start.spoke = calloc((size_t)start.nr_spaces * start.nr_tasks + 1, sizeof(*start.spoke));
        start.tasks = calloc(start.nr_tasks + 1u, sizeof(*start.tasks));
        result = start.spoke == NULL || start.tasks == NULL ? no_memory(world) : 0;
        if (result == 0)
            result = start_read(&start);
        if (result == 0)
            result = start_done(&start);
        free(start.spoke);
        free(start.tasks);
    }
    if (result == 0) {
        world->wheel = wheel_create(world->now);
        result = world->wheel == NULL ? no_memory(world) : 0;
    }
    if (result != 0)
        *error = world->error;
    return result;
}

/* ---- Names in recipes ---- */

static int find_cache(struct world *world, const struct recipes *recipes, const char *name,
                      uint32_t *cache)
{
    const struct cache_definition *definition = recipes->caches;
    struct event event = {.kind = EVENT_CACHE_CREATE, .time = world->now};

    for (*cache = 0; *cache < world->nr_caches; ++*cache)
        if (strcmp(world->caches[*cache], name) == 0)
            return 0;
    if (world->nr_caches == CACHES_MAX)
        return error_set(&world->error, "the workload has more than %u caches", CACHES_MAX);
    while (strcmp(definition->name, name) != 0)
        definition++;
    strcpy(world->caches[world->nr_caches], name);
    event.where = world->nr_caches++;
    world->events++;
    return trace_write_cache(world->writer, &event, definition, &world->error);
}

static int find_role(struct world *world, const char *name, uint32_t *number)
{
    struct role *role;

    if (strcmp(name, RECIPE_PROCESS) == 0) {
        *number = ROLE_PROCESS;
        return 0;
    }
    for (*number = 0; *number < world->nr_roles; ++*number)
        if (strcmp(world->roles[*number].name, name) == 0)
            return 0;
    if (world->nr_roles == ROLES_MAX)
        return error_set(&world->error, "the workload has more than %u roles", ROLES_MAX);
    role = &world->roles[world->nr_roles++];
    strcpy(role->name, name);
    if (world_task_new(world, &role->task) != 0 || world_task_event(world, role->task, name) != 0)
        return -1;
    return world_space_new(world, role->task, &role->space);
}

int world_resolve(struct world *world, const struct recipes *recipes,
                  const struct recipe_line *line, struct maker *maker, struct error *error)
{
    int result = 0;

    *maker = (struct maker){.line = line, .task_role = ROLE_NOBODY};
    if (line->kind == RECIPE_CACHE) {
        result = find_cache(world, recipes, line->name, &maker->cache);
        maker->names_port = strcmp(line->name, RECIPE_REVERSE_FOR) == 0;
    }
    if (result == 0 && (line->kind == RECIPE_RIGHT || line->kind == RECIPE_LOOKUP))
        result = find_role(world, line->name, &maker->role);
    if (result == 0 && line->task[0] != '\0')
        result = find_role(world, line->task, &maker->task_role);
    for (unsigned i = 0; i < recipes->nr_operations; i++)
        if (line->life == RECIPE_LIFE_UNTIL &&
            strcmp(recipes->operations[i].name, line->until) == 0)
            maker->until = (uint16_t)i;
    if (result != 0)
        *error = world->error;
    return result;
}
