/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "traces/format.h"

uint64_t source_random(struct source *source, uint64_t below)
{
    uint64_t z = source->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

struct source *source_create(uint64_t seed, enum source_policy policy)
{
    struct source *source = calloc(1, sizeof(*source));
    uint32_t i;

    assert_non_null(source);
    source->state = seed;
    source->policy = policy;
    source->nr_free_objects = SOURCE_OBJECTS;
    source->nr_free_rights = SOURCE_RIGHTS;
    for (i = 0; i < SOURCE_OBJECTS; i++)
        source->free_objects[i] = SOURCE_OBJECTS - 1 - i;
    for (i = 0; i < SOURCE_RIGHTS; i++)
        source->free_rights[i] = SOURCE_RIGHTS - 1 - i;
    return source;
}

void source_destroy(struct source *source)
{
    free(source);
}

static uint32_t take(struct source *source, uint32_t *numbers, uint32_t *count)
{
    uint32_t i = *count - 1, number;

    if (source->policy == SOURCE_RANDOM)
        i = (uint32_t)source_random(source, *count);
    number = numbers[i];
    numbers[i] = numbers[--*count];
    return number;
}

/* A live thing near a random place; NULL when there is none near. */
static struct source_thing *find(struct source *source, struct source_thing *things, uint32_t count)
{
    uint32_t start = (uint32_t)source_random(source, count), i;

    if (source_random(source, 2) == 0)
        start = (uint32_t)source_random(source, 16);
    for (i = start; i < count && i < start + 64; i++)
        if (things[i].alive)
            return &things[i];
    return NULL;
}

static void make_object(struct source *source, struct event *event)
{
    static const uint8_t kinds[] = {EVENT_CACHE_ALLOC, EVENT_CACHE_ALLOC, EVENT_KALLOC,
                                    EVENT_PAGE_ALLOC, EVENT_MAP_ALLOC};
    struct source_thing *object;

    event->kind = kinds[source_random(source, sizeof(kinds))];
    if (event->kind == EVENT_CACHE_ALLOC)
        event->where = (uint32_t)source_random(source, source->nr_caches);
    if (event->kind == EVENT_KALLOC)
        event->size = 1 + (uint32_t)source_random(source, source_random(source, 3) == 0 ? 9999 : 9);
    if (event->kind == EVENT_PAGE_ALLOC) {
        event->where = (uint32_t)source_random(source, EVENT_HIGHMEM + 1);
        event->size = 1 + (uint32_t)source_random(source, 8);
        if (event->size > 1)
            event->flags |= EVENT_CONTIGUOUS;
    }
    if (event->kind == EVENT_MAP_ALLOC) {
        event->where = (uint32_t)source_random(source, EVENT_MAPS);
        event->size = (1 + (uint32_t)source_random(source, 8)) * 4096;
        event->flags |= (uint8_t)source_random(source, 5);
    }
    if (source_random(source, 20) == 0) {
        event->flags |= EVENT_FAILED;
        event->object = OBJECT_NONE;
        return;
    }
    event->object = take(source, source->free_objects, &source->nr_free_objects);
    object = &source->objects[event->object];
    *object = (struct source_thing){
        .alive = true, .kind = event->kind, .where = event->where, .size = event->size};
}

static bool free_object(struct source *source, struct event *event)
{
    struct source_thing *object = find(source, source->objects, SOURCE_OBJECTS);

    if (object == NULL)
        return false;
    event->kind = (uint8_t)(object->kind + 1);
    event->object = (uint32_t)(object - source->objects);
    event->size = object->size;
    if (object->kind == EVENT_CACHE_ALLOC || object->kind == EVENT_MAP_ALLOC)
        event->where = object->where;
    /* A part of a range, from its end. */
    if (object->kind == EVENT_MAP_ALLOC && object->size > 4096 && source_random(source, 4) == 0) {
        event->size = 4096;
        event->address = object->size -= 4096;
        return true;
    }
    object->alive = false;
    source->free_objects[source->nr_free_objects++] = event->object;
    return true;
}

static void make_right(struct source *source, struct event *event, uint32_t space)
{
    event->kind = source_random(source, 4) == 0 ? EVENT_NAME_ALLOC_AT : EVENT_NAME_ALLOC;
    event->where = space;
    event->object = take(source, source->free_rights, &source->nr_free_rights);
    event->size = event->object + 1;
    if (source_random(source, 8) == 0)
        event->size = (uint32_t)source_random(source, UINT32_MAX);
    source->rights[event->object] = (struct source_thing){.alive = true, .where = space};
}

static bool use_right(struct source *source, struct event *event)
{
    struct source_thing *right = find(source, source->rights, SOURCE_RIGHTS);
    uint64_t dice = source_random(source, 100);

    if (right == NULL)
        return false;
    event->object = (uint32_t)(right - source->rights);
    event->where = right->where;
    if (dice < 40) {
        event->kind = EVENT_NAME_LOOKUP;
        if (dice < 2) {
            event->flags = EVENT_FAILED;
            event->object = OBJECT_NONE;
            event->size = (uint32_t)source_random(source, 100000);
        }
    } else if (dice < 60) {
        event->kind = right->reverse ? EVENT_REVERSE_REMOVE : EVENT_REVERSE_INSERT;
        right->reverse = !right->reverse;
        if (event->kind == EVENT_REVERSE_INSERT) {
            struct source_thing *object = find(source, source->objects, SOURCE_OBJECTS);

            event->size = object == NULL ? OBJECT_NONE : (uint32_t)(object - source->objects);
            event->address = 0xc0000000 + source_random(source, 1 << 20) * 8;
        }
    } else if (dice < 70) {
        event->kind = EVENT_REVERSE_LOOKUP;
        event->address = source_random(source, 2) * UINT64_MAX;
    } else {
        event->kind = EVENT_NAME_FREE;
        right->alive = right->reverse = false;
        source->free_rights[source->nr_free_rights++] = event->object;
    }
    return true;
}

static void space_event(struct source *source, struct event *event)
{
    uint32_t space = (uint32_t)source_random(source, SOURCE_SPACES), i;

    event->where = space;
    switch (source->spaces[space]) {
    case 0:
        event->kind = EVENT_SPACE_CREATE;
        source->spaces[space] = 1;
        if (space % 6 == 5) {
            event->flags = EVENT_SPECIAL;
            source->spaces[space] = 2;
        }
        break;
    case 1:
        if (source_random(source, 10) != 0) {
            event->kind = EVENT_GROWTH;
            event->size = 512;
            event->object = 1024;
            break;
        }
        event->kind = EVENT_SPACE_DESTROY;
        source->spaces[space] = 3;
        for (i = 0; i < SOURCE_RIGHTS; i++) {
            if (!source->rights[i].alive || source->rights[i].where != space)
                continue;
            source->rights[i].alive = source->rights[i].reverse = false;
            source->free_rights[source->nr_free_rights++] = i;
        }
        break;
    default:
        event->kind = EVENT_SPACE_RELEASE;
        source->spaces[space] = 0;
        break;
    }
}

static size_t definition_payload(struct source *source, struct event *event)
{
    struct cache_definition definition = {.size = 8 + (uint32_t)source_random(source, 4096),
                                          .align = 8,
                                          .flags = (uint32_t)source_random(source, 8)};
    struct bytes bytes = {0};
    size_t size;

    event->where = source->nr_caches++;
    snprintf(definition.name, sizeof(definition.name), "cache \\ %u", event->where);
    format_definition_put(&bytes, &definition);
    size = bytes.size;
    memcpy(source->payload, bytes.data, size);
    bytes_free(&bytes);
    return size;
}

static size_t truth_payload(struct source *source)
{
    struct truth *truth = calloc(1, sizeof(*truth));
    struct bytes bytes = {0};
    size_t size;

    assert_non_null(truth);
    truth->nr_caches = (unsigned)source_random(source, source->nr_caches + 1);
    for (unsigned i = 0; i < truth->nr_caches; i++)
        truth->caches[i] = (struct truth_cache){.cache = i,
                                                .flags = 6,
                                                .slab_size = 4096,
                                                .objects = source_random(source, UINT64_MAX),
                                                .slabs = (uint32_t)source_random(source, 1000)};
    truth->nr_segments = (unsigned)source_random(source, 5);
    for (unsigned i = 0; i < truth->nr_segments; i++)
        truth->segments[i] = (struct truth_segment){.index = i, .free = 7, .orders = {1, 2, 3}};
    for (unsigned i = 0; i < EVENT_MAPS; i++) {
        truth->maps[i].present = source_random(source, 2) == 1;
        if (truth->maps[i].present)
            truth->maps[i].max = 0xffffffffff;
    }
    for (unsigned i = 0; i < SOURCE_SPACES; i++)
        if (source->spaces[i] != 0)
            truth->spaces[truth->nr_spaces++] =
                (struct truth_space){.space = i, .rights = OBJECT_NONE};
    truth->has_free_count = source_random(source, 2) == 1;
    if (truth->has_free_count)
        truth->free_count = source_random(source, 100000);
    format_truth_put(&bytes, truth);
    size = bytes.size;
    assert_true(size <= sizeof(source->payload));
    memcpy(source->payload, bytes.data, size);
    bytes_free(&bytes);
    free(truth);
    return size;
}

static size_t text_payload(struct source *source)
{
    size_t size = source_random(source, 12), i;

    for (i = 0; i < size; i++)
        source->payload[i] = (uint8_t)source_random(source, 256);
    if (source_random(source, 2) == 0) {
        size = 6;
        memcpy(source->payload, "phase", size);
    }
    return size;
}

static size_t rare(struct source *source, struct event *event)
{
    static const uint8_t kinds[] = {EVENT_CACHE_CREATE, EVENT_TASK, EVENT_MARK,
                                    EVENT_TRUTH,        EVENT_REAP, EVENT_BOOT_PAGES};

    event->kind = kinds[source_random(source, sizeof(kinds))];
    if (event->kind == EVENT_CACHE_CREATE && source->nr_caches == SOURCE_CACHES)
        event->kind = EVENT_REAP;
    switch (event->kind) {
    case EVENT_CACHE_CREATE:
        return definition_payload(source, event);
    case EVENT_TASK:
        event->where = (uint32_t)source_random(source, 40);
        return text_payload(source);
    case EVENT_MARK:
        return text_payload(source);
    case EVENT_TRUTH:
        return truth_payload(source);
    case EVENT_BOOT_PAGES:
        event->object = (uint32_t)source_random(source, 100000);
        event->size = 1 + (uint32_t)source_random(source, 100);
        event->flags = source_random(source, 2) == 1 ? EVENT_DESCENDING : 0;
        break;
    default:
        break;
    }
    return 0;
}

/* False: what was drawn cannot be now. */
static bool draw(struct source *source, struct event *event, size_t *size)
{
    uint64_t dice = source_random(source, 1000);
    uint32_t space;

    if (source->nr_caches == 0) {
        event->kind = EVENT_CACHE_CREATE;
        *size = definition_payload(source, event);
        return true;
    }
    if (dice < 10) {
        *size = rare(source, event);
        return true;
    }
    if (dice < 30) {
        space_event(source, event);
        return true;
    }
    if (dice < 330 && source->nr_free_objects != 0) {
        make_object(source, event);
        return true;
    }
    if (dice < 600)
        return free_object(source, event);
    space = (uint32_t)source_random(source, SOURCE_SPACES);
    if (dice < 800 && source->nr_free_rights != 0 && source->spaces[space] == 1) {
        make_right(source, event, space);
        return true;
    }
    return use_right(source, event);
}

void source_next(struct source *source, struct event *event, size_t *size)
{
    do {
        memset(event, 0, sizeof(*event));
        *size = 0;
    } while (!draw(source, event, size));
    switch (source_random(source, 8)) {
    case 0:
        break;
    case 1:
        source->time += source_random(source, 1ull << source_random(source, 40));
        break;
    default:
        source->time += source_random(source, 4) * 57;
        break;
    }
    event->time = source->time;
    event->task = (uint16_t)(source->time >> 8 & 15);
    if (source_random(source, 50) == 0)
        event->flags |= EVENT_INFERRED;
}

void source_header(struct source *source, struct trace_header *header)
{
    struct trace_machine *machine = &header->machine;

    trace_header_init(header);
    machine->page_size = 4096;
    machine->pointer_size = 4;
    machine->memory = source_random(source, 1ull << 32);
    machine->nr_segments = 2;
    machine->segments[1].kind = EVENT_DIRECTMAP;
    machine->segments[1].start = 4096;
    machine->segments[1].end = 131040;
    machine->kernel_base = 0xc0000000;
    strcpy(machine->geometry, "i386");
    strcpy(machine->time_unit, "instructions");
    assert_int_equal(trace_header_add(header, "kernel", "random 1.0"), 0);
    assert_int_equal(trace_header_add(header, "machine.odd: key", " odd\nvalue\\ "), 0);
    assert_int_equal(trace_header_add(header, "", ""), 0);
}

void source_write(const char *path, uint64_t seed, enum source_policy policy, unsigned n, int level)
{
    struct source *source = source_create(seed, policy);
    struct trace_header header;
    struct trace_writer *writer;
    struct error error = {""};

    source_header(source, &header);
    writer = trace_writer_open(path, &header, level, &error);
    if (writer == NULL)
        fail_msg("%s", error.text);
    for (unsigned i = 0; i < n; i++) {
        struct event event;
        size_t size;

        source_next(source, &event, &size);
        if (trace_write(writer, &event, size != 0 ? source->payload : NULL, size, &error) != 0)
            fail_msg("seed %llu: %s", (unsigned long long)seed, error.text);
    }
    trace_header_add(trace_writer_header(writer), "late", "more became known");
    if (trace_writer_close(writer, &error) != 0)
        fail_msg("%s", error.text);
    trace_header_free(&header);
    source_destroy(source);
}

static char folder[256];

static void folder_remove(void)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", folder);
}

const char *source_path(const char *name)
{
    static char paths[32][300];
    char path[300];
    unsigned i;

    if (folder[0] == '\0') {
        const char *base = getenv("TMPDIR");

        snprintf(folder, sizeof(folder), "%s/allotrope-traces-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(folder));
        atexit(folder_remove);
    }
    snprintf(path, sizeof(path), "%.200s/%.80s", folder, name);
    for (i = 0; paths[i][0] != '\0' && strcmp(paths[i], path) != 0; i++)
        assert_true(i < 31);
    strcpy(paths[i], path);
    return paths[i];
}
