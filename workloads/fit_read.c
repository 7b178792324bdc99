/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Two passes. The first finds the phases and the spaces that stay: those that were there at the
 * first mark and are still there at the end. They are servers, and have the name of the task that
 * spoke of them most; all others are processes that come and go. The second notes each thing.
 */

#include "workloads/fit_read.h"

#include <stdlib.h>
#include <string.h>

#include "traces/codec.h"

#define NO_SEEN SIZE_MAX

struct space_seen {
    size_t seen; /* that made it */
    uint16_t role;
    bool alive, server;
    uint16_t maker;  /* the task that made it; it stands for one that nobody spoke of yet */
    uint32_t *spoke; /* by task, up to the first mark */
};

struct reading {
    struct story *story;
    struct trace_reader *reader;
    const struct trace_totals *totals;
    size_t *objects, *rights; /* what made them, in `seen` */
    uint32_t *right_space;
    uint32_t *object_left;
    struct space_seen *spaces;
    char (*tasks)[RECIPE_NAME_MAX]; /* at the first mark */
    uint16_t *task_roles;
    uint16_t process; /* the role of processes */
    uint16_t phase;
    uint64_t event; /* number */
};

static int no_memory(struct error *error)
{
    return error_set(error, "not enough memory to fit recipes");
}

static bool alloc_all(struct reading *reading)
{
    const struct trace_totals *totals = reading->totals;
    struct story *story = reading->story;

    reading->objects = malloc((totals->peak_objects + 1ull) * sizeof(*reading->objects));
    reading->rights = malloc((totals->peak_rights + 1ull) * sizeof(*reading->rights));
    reading->right_space = calloc(totals->peak_rights + 1ull, sizeof(*reading->right_space));
    reading->object_left = calloc(totals->peak_objects + 1ull, sizeof(*reading->object_left));
    reading->spaces = calloc(totals->peak_spaces + 1ull, sizeof(*reading->spaces));
    reading->tasks = calloc(totals->peak_tasks + 1ull, sizeof(*reading->tasks));
    reading->task_roles = malloc((totals->peak_tasks + 1ull) * sizeof(*reading->task_roles));
    story->phases = calloc(totals->by_kind[EVENT_MARK] + 1, sizeof(*story->phases));
    story->roles = calloc(totals->peak_spaces + 2ull, sizeof(*story->roles));
    story->caches = calloc(totals->peak_caches + 1ull, sizeof(*story->caches));
    if (reading->objects == NULL || reading->rights == NULL || reading->right_space == NULL ||
        reading->object_left == NULL || reading->spaces == NULL || reading->tasks == NULL ||
        reading->task_roles == NULL || story->phases == NULL || story->roles == NULL ||
        story->caches == NULL)
        return false;
    memset(reading->objects, 0xff, (totals->peak_objects + 1ull) * sizeof(*reading->objects));
    memset(reading->rights, 0xff, (totals->peak_rights + 1ull) * sizeof(*reading->rights));
    memset(reading->task_roles, 0xff, (totals->peak_tasks + 1ull) * sizeof(*reading->task_roles));
    for (uint32_t i = 0; i < totals->peak_spaces; i++) {
        reading->spaces[i].spoke = calloc(totals->peak_tasks + 1ull, sizeof(uint32_t));
        if (reading->spaces[i].spoke == NULL)
            return false;
    }
    return true;
}

static void free_all(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->totals->peak_spaces && reading->spaces != NULL; i++)
        free(reading->spaces[i].spoke);
    free(reading->objects);
    free(reading->rights);
    free(reading->right_space);
    free(reading->object_left);
    free(reading->spaces);
    free(reading->tasks);
    free(reading->task_roles);
}

/* ---- The first pass: phases and roles ---- */

static void begin_phase(struct reading *reading, const struct event *event)
{
    struct story *story = reading->story;
    struct seen_phase *phase = &story->phases[story->nr_phases];
    size_t size;
    const char *text = trace_payload(reading->reader, event, &size);

    if (size >= RECIPE_NAME_MAX)
        size = RECIPE_NAME_MAX - 1;
    memcpy(phase->mark, text, size);
    phase->mark[size] = '\0';
    phase->start = event->time;
    phase->end = reading->totals->last_time;
    phase->ordinal = 1;
    for (unsigned i = 0; i < story->nr_phases; i++)
        phase->ordinal += strcmp(story->phases[i].mark, phase->mark) == 0;
    if (story->nr_phases != 0)
        phase[-1].end = event->time;
    story->nr_phases++;
}

static void note_task(struct reading *reading, const struct event *event)
{
    size_t size;
    const char *text = trace_payload(reading->reader, event, &size);

    if (reading->story->nr_phases == 0)
        recipe_task_name(text, size, reading->tasks[event->where]);
}

static void first_event(struct reading *reading, const struct event *event)
{
    bool boot = reading->story->nr_phases == 0;

    if (event->kind == EVENT_MARK)
        begin_phase(reading, event);
    else if (event->kind == EVENT_TASK)
        note_task(reading, event);
    else if ((event->flags & EVENT_FAILED) != 0)
        return;
    else if (event->kind == EVENT_SPACE_CREATE) {
        reading->spaces[event->where].server = boot;
        reading->spaces[event->where].maker = event->task;
        if (reading->spaces[event->where].spoke != NULL)
            memset(reading->spaces[event->where].spoke, 0,
                   reading->totals->peak_tasks * sizeof(uint32_t));
    } else if (event->kind == EVENT_SPACE_DESTROY)
        reading->spaces[event->where].server = false;
    else if (event->kind >= EVENT_NAME_ALLOC && event->kind <= EVENT_REVERSE_LOOKUP && boot &&
             reading->spaces[event->where].spoke != NULL)
        reading->spaces[event->where].spoke[event->task]++;
}

static void name_roles(struct reading *reading)
{
    struct story *story = reading->story;

    for (uint32_t i = 0; i < reading->totals->peak_spaces; i++) {
        struct space_seen *space = &reading->spaces[i];
        uint32_t most = 0;

        for (uint32_t task = 1; task < reading->totals->peak_tasks; task++)
            if (space->spoke[task] > space->spoke[most] || (most == 0 && space->spoke[task] != 0))
                most = task;
        if (most == 0)
            most = space->maker;
        if (!space->server || most == 0 || reading->tasks[most][0] == '\0') {
            space->server = false;
            continue;
        }
        space->role = (uint16_t)story->nr_roles;
        reading->task_roles[most] = space->role;
        memcpy(story->roles[story->nr_roles++], reading->tasks[most], RECIPE_NAME_MAX);
    }
    reading->process = (uint16_t)story->nr_roles;
    strcpy(story->roles[story->nr_roles++], RECIPE_PROCESS);
}

/* ---- The second pass: things ---- */

static struct seen *note(struct reading *reading, const struct event *event, enum recipe_kind kind)
{
    struct story *story = reading->story;
    struct seen *seen;

    if (story->nr_seen == story->room_seen) {
        size_t room = story->room_seen == 0 ? 1u << 16 : 2 * story->room_seen;
        struct seen *grown = realloc(story->seen, room * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        story->seen = grown;
        story->room_seen = room;
    }
    seen = &story->seen[story->nr_seen++];
    *seen = (struct seen){
        .time = event->time,
        .phase = reading->phase,
        .event = reading->event,
        .kind = (uint8_t)kind,
        .role = ROLE_NONE,
        .task = event->task == 0                                ? ROLE_NONE
                : reading->task_roles[event->task] != ROLE_NONE ? reading->task_roles[event->task]
                                                                : reading->process,
    };
    return seen;
}

static void end_seen(struct reading *reading, size_t *which, const struct event *event,
                     enum fate fate)
{
    if (*which == NO_SEEN)
        return;

    struct seen *seen = &reading->story->seen[*which];

    seen->end = event->time;
    seen->end_phase = reading->phase;
    seen->fate = (uint8_t)fate;
    seen->alone = reading->event == seen->event + 1;
    *which = NO_SEEN;
}

static bool second_object(struct reading *reading, const struct event *event)
{
    static const enum recipe_kind kinds[] = {
        [EVENT_CACHE_ALLOC] = RECIPE_CACHE,
        [EVENT_KALLOC] = RECIPE_KALLOC,
        [EVENT_PAGE_ALLOC] = RECIPE_PAGE,
        [EVENT_MAP_ALLOC] = RECIPE_MAP,
    };
    bool makes = event->kind == EVENT_CACHE_ALLOC || event->kind == EVENT_KALLOC ||
                 event->kind == EVENT_PAGE_ALLOC || event->kind == EVENT_MAP_ALLOC;
    struct seen *seen;

    if (!makes) {
        uint32_t *left = &reading->object_left[event->object];

        if (event->kind == EVENT_PAGE_FREE || event->kind == EVENT_MAP_FREE) {
            *left -= event->size < *left ? event->size : *left;
            if (*left != 0)
                return true;
        }
        end_seen(reading, &reading->objects[event->object], event, FATE_ENDED);
        return true;
    }
    seen = note(reading, event, kinds[event->kind]);
    if (seen == NULL)
        return false;
    seen->where = event->kind == EVENT_KALLOC ? 0 : event->where;
    seen->size = event->kind == EVENT_CACHE_ALLOC ? 0 : event->size;
    seen->kind_of_map = event->kind == EVENT_MAP_ALLOC ? event->flags & 0xfu : 0;
    seen->fate = FATE_ALIVE;
    reading->objects[event->object] = reading->story->nr_seen - 1;
    reading->object_left[event->object] = event->size;
    return true;
}

/* Lookups of rights older than this are of those that are always there. */
static bool is_old(const struct reading *reading, uint32_t right, uint64_t now)
{
    size_t made = reading->rights[right];

    return made == NO_SEEN || now - reading->story->seen[made].time > 1000000;
}

static bool second_right(struct reading *reading, const struct event *event)
{
    const struct space_seen *space = &reading->spaces[event->where];
    size_t *which = &reading->rights[event->object];
    struct seen *seen = NULL;
    bool makes = event->kind == EVENT_NAME_ALLOC || event->kind == EVENT_NAME_ALLOC_AT;

    if (makes || event->kind == EVENT_NAME_LOOKUP) {
        seen = note(reading, event, makes ? RECIPE_RIGHT : RECIPE_LOOKUP);
        if (seen == NULL)
            return false;
        seen->role = space->server ? space->role : reading->process;
    }
    if (makes) {
        seen->fate = FATE_ALIVE;
        seen->chosen = event->kind == EVENT_NAME_ALLOC_AT;
        reading->right_space[event->object] = event->where;
        *which = reading->story->nr_seen - 1;
    } else if (seen != NULL) {
        seen->size = is_old(reading, event->object, event->time);
    } else if (event->kind == EVENT_NAME_FREE) {
        end_seen(reading, which, event, FATE_ENDED);
    } else if (event->kind == EVENT_REVERSE_INSERT && *which != NO_SEEN) {
        reading->story->seen[*which].reverse = true;
    }
    return true;
}

static bool second_space(struct reading *reading, const struct event *event)
{
    struct space_seen *space = &reading->spaces[event->where];
    struct seen *seen;

    if (event->kind == EVENT_SPACE_CREATE) {
        seen = note(reading, event, RECIPE_SPACE);
        if (seen == NULL)
            return false;
        seen->fate = FATE_ALIVE;
        space->seen = reading->story->nr_seen - 1;
        space->alive = true;
    } else if (event->kind == EVENT_SPACE_DESTROY) {
        for (uint32_t i = 0; i < reading->totals->peak_rights; i++)
            if (reading->rights[i] != NO_SEEN && reading->right_space[i] == event->where)
                end_seen(reading, &reading->rights[i], event, FATE_EXIT);
        if (space->alive)
            end_seen(reading, &space->seen, event, FATE_ENDED);
        space->alive = false;
    }
    return true;
}

static bool second_event(struct reading *reading, const struct event *event)
{
    reading->event++;
    if ((event->flags & EVENT_FAILED) != 0)
        return true;
    if (event->kind >= EVENT_CACHE_ALLOC && event->kind <= EVENT_MAP_FREE)
        return second_object(reading, event);
    if (event->kind >= EVENT_NAME_ALLOC && event->kind <= EVENT_REVERSE_LOOKUP)
        return second_right(reading, event);
    if (event->kind >= EVENT_SPACE_CREATE && event->kind <= EVENT_SPACE_RELEASE)
        return second_space(reading, event);
    if (event->kind == EVENT_MARK)
        reading->phase++;
    if (event->kind == EVENT_TASK)
        return note(reading, event, RECIPE_RENAME) != NULL;
    if (event->kind == EVENT_REAP)
        return note(reading, event, RECIPE_REAP) != NULL;
    return true;
}

static int first_pass(struct reading *reading, struct error *error)
{
    const struct event *events;
    int count;

    while ((count = trace_read(reading->reader, &events, error)) > 0) {
        for (int i = 0; i < count; i++) {
            if (events[i].kind == EVENT_CACHE_CREATE &&
                trace_decode_cache(reading->reader, &events[i],
                                   &reading->story->caches[events[i].where], error) != 0)
                return -1;
            first_event(reading, &events[i]);
        }
    }
    reading->story->nr_caches = reading->totals->peak_caches;
    return count;
}

static int second_pass(struct reading *reading, struct error *error)
{
    const struct event *events;
    int count;

    reading->phase = PHASE_BOOT;
    while ((count = trace_read(reading->reader, &events, error)) > 0)
        for (int i = 0; i < count; i++)
            if (!second_event(reading, &events[i]))
                return no_memory(error);
    return count;
}

int story_read(struct story *story, struct trace_reader *reader, struct error *error)
{
    struct reading reading = {.story = story, .reader = reader, .totals = trace_totals(reader)};
    int result = 0;

    memset(story, 0, sizeof(*story));
    if (!alloc_all(&reading))
        result = no_memory(error);
    if (result == 0)
        result = first_pass(&reading, error);
    if (result == 0 && story->nr_phases == 0)
        result = error_set(error, "found no mark, expected at least one where the workload begins");
    if (result == 0) {
        name_roles(&reading);
        result = trace_rewind(reader, error);
    }
    if (result == 0)
        result = second_pass(&reading, error);
    free_all(&reading);
    if (result != 0)
        story_free(story);
    return result;
}

void story_free(struct story *story)
{
    free(story->phases);
    free(story->roles);
    free(story->caches);
    free(story->seen);
    memset(story, 0, sizeof(*story));
}
