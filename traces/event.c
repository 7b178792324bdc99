/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The names of the events, the same in every text that people read or write.
 *
 * One table, in the order of enum event_kind; an event that is added without a name here fails the
 * assertion below rather than some output much later.
 */

#include "traces/event.h"

#include <stddef.h>
#include <string.h>

static const char *const event_names[] = {
    "cache-create",  "cache-alloc",    "cache-free",     "kalloc",         "kfree",
    "page-alloc",    "page-free",      "map-alloc",      "map-free",       "space-create",
    "space-destroy", "space-release",  "name-alloc",     "name-alloc-at",  "name-free",
    "name-lookup",   "reverse-insert", "reverse-remove", "reverse-lookup", "reap",
    "boot-pages",    "growth",         "task",           "mark",           "truth",
};

_Static_assert(sizeof(event_names) / sizeof(event_names[0]) == EVENT_KINDS, "a name for each kind");

const char *event_kind_name(unsigned kind)
{
    return kind < EVENT_KINDS ? event_names[kind] : NULL;
}

unsigned event_kind_find(const char *name)
{
    unsigned kind;

    for (kind = 0; kind < EVENT_KINDS; kind++)
        if (strcmp(event_names[kind], name) == 0)
            break;
    return kind;
}
