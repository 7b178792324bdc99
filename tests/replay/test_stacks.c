/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Every stack on random traces, with every structure checked at intervals and the pattern of every
 * object verified when it goes: no two live objects overlap, alignment holds, a lookup finds its
 * right. All stacks see the same requests, so they agree on what is alive.
 */

#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "replay/engine.h"

#define EVENTS  30000
#define OBJECTS 4000
#define RIGHTS  3000
#define SPACES  6
#define CACHES  5

struct model {
    uint64_t seed;
    struct {
        uint8_t kind; /* of the event that made it; 0xff: dead */
        uint8_t flags;
        uint32_t where, size;
    } objects[OBJECTS];
    uint32_t rights[RIGHTS]; /* space + 1, 0: dead */
    bool reverse[RIGHTS];
    uint32_t chosen[SPACES]; /* next name that a caller chooses */
    bool spaces[SPACES];
};

static uint32_t pick(struct model *model, uint32_t below)
{
    model->seed = model->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((model->seed >> 33) % below);
}

static void make_object(struct build *build, struct model *model, uint32_t number)
{
    static const uint32_t sizes[CACHES] = {16, 80, 280, 1000, 4096};
    struct event event = {.object = number};

    (void)sizes;
    switch (pick(model, 8)) {
    case 0:
        event.kind = EVENT_PAGE_ALLOC;
        event.where = EVENT_DIRECTMAP;
        event.size = 1;
        break;
    case 1:
        event.kind = EVENT_PAGE_ALLOC;
        event.where = EVENT_DIRECTMAP;
        event.size = 1 + pick(model, 5);
        event.flags = EVENT_CONTIGUOUS;
        break;
    case 2:
        event.kind = EVENT_MAP_ALLOC;
        event.where = pick(model, 2) != 0 ? EVENT_MAP_KERNEL : EVENT_MAP_KMEM;
        event.flags = (uint8_t)pick(model, 4);
        event.size =
            event.flags == EVENT_MAP_ALIGNED ? 4096u << pick(model, 3) : 1 + pick(model, 20000);
        break;
    case 3:
    case 4:
        event.kind = EVENT_KALLOC;
        event.size = 1 + pick(model, pick(model, 20) == 0 ? 200000 : 3000);
        break;
    default:
        event.kind = EVENT_CACHE_ALLOC;
        event.where = pick(model, CACHES);
    }

    model->objects[number].kind = event.kind;
    model->objects[number].flags = event.flags;
    model->objects[number].where = event.where;
    model->objects[number].size = event.size;
    build_event(build, event);
}

static void free_object(struct build *build, struct model *model, uint32_t number)
{
    struct event event = {.object = number,
                          .kind = (uint8_t)(model->objects[number].kind + 1), /* its free */
                          .where = model->objects[number].where,
                          .size = model->objects[number].size};

    if (event.kind == EVENT_PAGE_FREE)
        event.flags = model->objects[number].flags;
    if (event.kind == EVENT_CACHE_FREE)
        event.size = 0;

    build_event(build, event);
    model->objects[number].kind = 0xff;
}

static void make_right(struct build *build, struct model *model, uint32_t number)
{
    uint32_t space = pick(model, SPACES);
    struct event event = {.kind = EVENT_NAME_ALLOC, .where = space, .object = number};

    if (!model->spaces[space]) {
        build_event(build, (struct event){.kind = EVENT_SPACE_CREATE, .where = space});
        model->spaces[space] = true;
        model->chosen[space] = 100000;
    }

    if (pick(model, 10) == 0) {
        event.kind = EVENT_NAME_ALLOC_AT;
        event.size = model->chosen[space] += 1 + pick(model, 50);
    } else {
        event.size = number + 1; /* what a kernel chose: any */
    }

    build_event(build, event);
    model->rights[number] = space + 1;
}

static void use_right(struct build *build, struct model *model, uint32_t number)
{
    struct event event = {.where = model->rights[number] - 1, .object = number};
    bool reverse = model->reverse[number];

    switch (pick(model, 4)) {
    case 0:
        event.kind = EVENT_NAME_LOOKUP;
        break;
    case 1:
        event.kind = reverse ? EVENT_REVERSE_LOOKUP : EVENT_REVERSE_INSERT;
        event.size = OBJECT_NONE;
        event.address = 0xc0100000 + (uint64_t)number * 64;
        model->reverse[number] = true;
        break;
    default:
        if (reverse) {
            event.kind = EVENT_REVERSE_REMOVE;
            model->reverse[number] = false;
            break;
        }
        event.kind = EVENT_NAME_FREE;
        model->rights[number] = 0;
    }

    if (event.kind != EVENT_REVERSE_INSERT)
        event.size = 0;
    build_event(build, event);
}

static void end_space(struct build *build, struct model *model, uint32_t space)
{
    if (!model->spaces[space])
        return;

    build_event(build, (struct event){.kind = EVENT_SPACE_DESTROY, .where = space});
    build_event(build, (struct event){.kind = EVENT_SPACE_RELEASE, .where = space});
    model->spaces[space] = false;

    for (unsigned i = 0; i < RIGHTS; i++)
        if (model->rights[i] == space + 1) {
            model->rights[i] = 0;
            model->reverse[i] = false;
        }
}

static struct trace_reader *random_trace(struct build *build, uint64_t seed)
{
    static const uint32_t sizes[CACHES] = {16, 80, 280, 1000, 4096};
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->seed = seed;
    for (unsigned i = 0; i < OBJECTS; i++)
        model->objects[i].kind = 0xff;

    build_begin(build, "");
    for (unsigned i = 0; i < CACHES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "cache_%u", sizes[i]);
        build_cache(build, i, name, sizes[i]);
    }

    for (unsigned i = 0; i < EVENTS; i++) {
        uint32_t number = pick(model, pick(model, 2) != 0 ? OBJECTS : OBJECTS / 10);

        if (model->objects[number].kind == 0xff)
            make_object(build, model, number);
        else
            free_object(build, model, number);

        number = pick(model, RIGHTS);
        if (model->rights[number] == 0)
            make_right(build, model, number);
        else
            use_right(build, model, number);

        if (pick(model, 2000) == 0)
            end_space(build, model, pick(model, SPACES));
        if (pick(model, 5000) == 0)
            build_event(build, (struct event){.kind = EVENT_REAP});
    }

    free(model);
    return build_end(build);
}

static void replay_all(uint64_t seed, struct replay_options options)
{
    struct build build;
    struct trace_reader *trace = random_trace(&build, seed);

    for (unsigned i = 0; stack_at(i) != NULL; i++) {
        struct replay_result result;
        struct error error = {.text = ""};

        if (replay_run(trace, stack_at(i), &options, &result, &error) != 0)
            fail_msg("seed %llu: %s", (unsigned long long)seed, error.text);
        print_message(
            "seed %llu %s: %llu refused, %llu skipped, digest %016llx\n", (unsigned long long)seed,
            stack_at(i)->name, (unsigned long long)replay_refused(&result),
            (unsigned long long)replay_skipped(&result), (unsigned long long)result.digest);
        replay_result_free(&result);
    }

    build_remove(&build, trace);
}

static void test_plenty(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        replay_all(seed, (struct replay_options){.check = true, .memory = 256u << 20});
}

static void test_older_machine(void **state)
{
    (void)state;
    replay_all(4, (struct replay_options){
                      .check = true, .memory = 256u << 20, .geometry = geometry_find("i386-2013")});
}

static void test_wide_machine(void **state)
{
    (void)state;
    replay_all(5, (struct replay_options){
                      .check = true, .memory = 256u << 20, .geometry = geometry_find("amd64")});
}

/* Too little memory: refusals, and still nothing that does not hold together. */
static void test_short(void **state)
{
    (void)state;
    replay_all(6, (struct replay_options){.check = true, .memory = 24u << 20});
}

/* Every page allocator and every map policy under every stack. */
static void test_parts(void **state)
{
    static const struct pages_ops *const pages[] = {&pages_list, &pages_buddy,
                                                    &pages_buddy_segments};
    static const struct map_ops *const maps[] = {&map_first_fit, &map_gap_tree};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 2; j++)
            replay_all(7,
                       (struct replay_options){
                           .check = true, .memory = 48u << 20, .pages = pages[i], .map = maps[j]});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plenty),       cmocka_unit_test(test_older_machine),
        cmocka_unit_test(test_wide_machine), cmocka_unit_test(test_short),
        cmocka_unit_test(test_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
