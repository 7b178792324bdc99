/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the world's files share: the tables of what is alive. */

#ifndef WORKLOADS_WORLD_PRIVATE_H
#define WORKLOADS_WORLD_PRIVATE_H

#include "workloads/world.h"

enum { THING_OBJECT, THING_RIGHT, THING_SPACE, THING_BITS = 2, THING_MASK = 3 };

#define THING_NUMBERS (1u << 30) /* of each table */
#define RECENT_PORTS  64u
#define ROLES_MAX     1024u
#define CACHES_MAX    4096u

struct object {
    uint64_t end;  /* when it is due; UINT64_MAX: not by time */
    uint32_t next; /* in its bundle */
    uint32_t size;
    uint16_t where, task;
    uint8_t kind; /* of the event that made it */
    bool alive : 1;
    bool port : 1;  /* reverse keys may name it */
    bool named : 1; /* one does */
    bool due : 1;   /* it ends with the key */
};

struct right {
    uint32_t next;
    uint32_t space, place; /* in the space's list */
    uint32_t port;         /* that its key names; OBJECT_NONE: none of the trace */
    uint32_t generation;   /* raised at each death */
    bool alive, reverse;
};

struct space {
    uint32_t *rights; /* alive */
    uint32_t nr_rights, room_rights;
    uint32_t place; /* among the processes */
    uint32_t next;
    uint16_t task;
    bool alive;
};

struct role {
    char name[RECIPE_NAME_MAX];
    uint32_t space;
    uint16_t task;
};

struct queue { /* of what waits for an operation */
    uint32_t first, last;
    uint64_t nr;
};

struct numbers {
    uint32_t next, room; /* numbers handed out so far; of the table */
    uint32_t *free;      /* a stack */
    uint32_t nr_free, room_free;
};

struct world {
    struct trace_writer *writer;
    struct error error;
    uint64_t now, events, pages;
    uint64_t phase_end; /* expected */
    struct wheel *wheel;
    struct object *objects;
    struct right *rights;
    struct space *spaces;
    struct numbers object_numbers, right_numbers, space_numbers;
    uint32_t *processes;
    uint32_t nr_processes, room_processes;
    struct queue *queues; /* by operation of the recipes */
    struct bundle phase;
    uint32_t recent[RECENT_PORTS], nr_recent;
    uint32_t foreign; /* keys handed out for what is not in the trace */
    uint32_t next_task, nr_free_tasks;
    uint16_t free_tasks[UINT16_MAX + 1];
    unsigned nr_roles, nr_caches;
    struct role roles[ROLES_MAX];
    char caches[CACHES_MAX][RECIPE_NAME_MAX]; /* names by number */
};

int world_write(struct world *world, struct event *event, const void *payload, size_t size);
/* Room for element NUMBER; new elements are zeroed. */
bool world_room(void **array, uint32_t *room, size_t size, uint32_t number);
bool world_number_free(struct numbers *numbers, uint32_t number);
bool world_space_add(struct space *space, uint32_t *place, uint32_t right);
void world_space_remove(struct world *world, uint32_t right);
int world_space_new(struct world *world, uint16_t task, uint32_t *number);
int world_task_new(struct world *world, uint16_t *task);
int world_task_event(struct world *world, uint16_t task, const char *name);

#endif
