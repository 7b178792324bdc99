/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "build.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

#define TICK 10000000u /* ns */

/* ---- Traces ---- */

void build_begin(struct build *build, const char *stack)
{
    struct trace_header header;
    struct error error = {.text = ""};

    memset(build, 0, sizeof(*build));
    snprintf(build->path, sizeof(build->path), "test-%d.trace", (int)getpid());

    trace_header_init(&header);
    header.machine.page_size = PAGE_SIZE;
    header.machine.pointer_size = 4;
    header.machine.memory = 64u << 20;
    header.machine.kernel_base = 0xc0000000;
    header.machine.ticks_per_second = 100u * TICK;
    snprintf(header.machine.geometry, sizeof(header.machine.geometry), "i386");
    snprintf(header.machine.stack, sizeof(header.machine.stack), "%s", stack);
    snprintf(header.machine.time_unit, sizeof(header.machine.time_unit), "nanoseconds");
    assert_int_equal(trace_header_add(&header, "kernel", "made up for a test"), 0);

    build->writer = trace_writer_open(build->path, &header, 0, &error);
    if (build->writer == NULL)
        fail_msg("%s", error.text);
    trace_header_free(&header);
}

static struct event next(struct build *build, struct event event)
{
    event.time = build->time += TICK;
    if (event.task == 0)
        event.task = 1;

    return event;
}

void build_event(struct build *build, struct event event)
{
    struct error error = {.text = ""};

    event = next(build, event);
    if (trace_write(build->writer, &event, NULL, 0, &error) != 0)
        fail_msg("%s", error.text);
}

void build_cache(struct build *build, uint32_t cache, const char *name, uint32_t size)
{
    struct event event = next(build, (struct event){.kind = EVENT_CACHE_CREATE, .where = cache});
    struct cache_definition definition = {.size = size};
    struct error error = {.text = ""};

    snprintf(definition.name, sizeof(definition.name), "%s", name);
    if (trace_write_cache(build->writer, &event, &definition, &error) != 0)
        fail_msg("%s", error.text);
}

void build_mark(struct build *build, const char *text)
{
    struct event event = next(build, (struct event){.kind = EVENT_MARK});
    struct error error = {.text = ""};

    if (trace_write(build->writer, &event, text, strlen(text), &error) != 0)
        fail_msg("%s", error.text);
}

void build_truth(struct build *build, const struct truth *truth)
{
    struct event event = next(build, (struct event){.kind = EVENT_TRUTH});
    struct error error = {.text = ""};

    if (trace_write_truth(build->writer, &event, truth, &error) != 0)
        fail_msg("%s", error.text);
}

struct trace_reader *build_end(struct build *build)
{
    struct error error = {.text = ""};
    struct trace_reader *trace;

    if (trace_writer_close(build->writer, &error) != 0)
        fail_msg("%s", error.text);

    trace = trace_open(build->path, &error);
    if (trace == NULL)
        fail_msg("%s", error.text);

    return trace;
}

void build_remove(struct build *build, struct trace_reader *trace)
{
    trace_close(trace);
    unlink(build->path);
}

/* ---- The scripted stack ---- */

struct fake fake;

void fake_reset(void)
{
    free(fake.memory);
    memset(&fake, 0, sizeof(fake));
    fake.next = FAKE_BASE;
    fake.next_name = 1;
    fake.lookup_answer = RIGHT_NONE;
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fake.used +=
        (size_t)vsnprintf(fake.log + fake.used, sizeof(fake.log) - fake.used, format, arguments);
    va_end(arguments);
    assert_true(fake.used < sizeof(fake.log));
}

/* Whether this request is the one to refuse. */
static bool refuses(void)
{
    if (fake.refuse_at == 0 || --fake.refuse_at != 0)
        return false;

    fake.stack.failure = (struct failure){.cause = FAILURE_FRAGMENTATION,
                                          .resource = "fake_map",
                                          .requested = 8192,
                                          .free = 12288,
                                          .largest = 4096,
                                          .pieces = 3};
    return true;
}

static uint64_t take(uint64_t bytes)
{
    uint64_t address = fake.next + fake.misalign;

    if (refuses())
        return 0;

    fake.next += (bytes + 4095) & ~(uint64_t)4095;
    return address;
}

static struct stack *fake_open(const struct stack_ops *ops, const struct stack_config *config,
                               struct error *error)
{
    (void)error;
    note("open %s %" PRIu64 "M\n", config->geometry->name, config->memory >> 20);
    fake.stack.ops = ops;
    return &fake.stack;
}

static void fake_close(struct stack *stack)
{
    (void)stack;
    note("close\n");
}

static void fake_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    (void)stack;
    note("boot %u %u %s\n", frame, nr, descending ? "down" : "up");
}

static bool fake_cache_create(struct stack *stack, uint32_t cache, const char *name, uint32_t size,
                              uint32_t align, uint32_t flags)
{
    (void)stack, (void)align, (void)flags;
    note("cache %u %s %u\n", cache, name, size);
    return true;
}

static uint64_t fake_cache_alloc(struct stack *stack, uint32_t cache)
{
    (void)stack;
    note("alloc %u\n", cache);
    return take(64);
}

static void fake_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    (void)stack;
    note("free %u %" PRIx64 "\n", cache, object);
}

static uint64_t fake_kalloc(struct stack *stack, uint64_t size)
{
    note("kalloc %" PRIu64 "%s at %" PRIu64 "\n", size, stack->privileged ? " privileged" : "",
         stack->now);
    return take(size);
}

static void fake_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    (void)stack;
    note("kfree %" PRIx64 " %" PRIu64 "\n", object, size);
}

static uint64_t fake_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                enum page_class class, bool contiguous)
{
    (void)stack, (void)class;
    note("pages %u %d%s\n", nr, (int)highest, contiguous ? " contiguous" : "");
    return take((uint64_t)nr * PAGE_SIZE);
}

static void fake_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    (void)stack;
    note("pages-free %" PRIx64 " %u%s\n", address, nr, contiguous ? " contiguous" : "");
}

static uint64_t fake_map_alloc(struct stack *stack, enum map_number map, uint64_t bytes,
                               enum kmem_kind kind)
{
    (void)stack;
    note("map %d %" PRIu64 " %d\n", (int)map, bytes, (int)kind);
    return take(bytes);
}

static bool fake_map_free(struct stack *stack, enum map_number map, uint64_t address,
                          uint64_t bytes)
{
    (void)stack;
    note("map-free %d %" PRIx64 " %" PRIu64 "\n", (int)map, address, bytes);
    return !refuses();
}

static bool fake_space_create(struct stack *stack, uint32_t space, bool special)
{
    (void)stack;
    note("space %u%s\n", space, special ? " special" : "");
    return !refuses();
}

static void fake_space_destroy(struct stack *stack, uint32_t space)
{
    (void)stack;
    note("space-destroy %u\n", space);
}

static void fake_space_release(struct stack *stack, uint32_t space)
{
    (void)stack;
    note("space-release %u\n", space);
}

static uint32_t fake_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    (void)stack;
    note("name %u %u\n", space, right);
    if (refuses())
        return NAME_NONE;

    fake.rights[fake.next_name] = right;
    return fake.next_name++;
}

static bool fake_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    (void)stack;
    note("name-at %u %u %u\n", space, right, name);
    if (refuses())
        return false;

    fake.rights[name] = right;
    return true;
}

static void fake_name_free(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack;
    note("name-free %u %u\n", space, name);
}

static uint32_t answer(uint32_t right)
{
    return fake.lookup_answer != RIGHT_NONE ? fake.lookup_answer : right;
}

static uint32_t fake_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    (void)stack;
    note("lookup %u %u\n", space, name);
    return answer(fake.rights[name]);
}

static bool fake_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                uint64_t address)
{
    (void)stack;
    note("reverse %u %u %" PRIx64 "\n", space, name, address);
    return !refuses();
}

static void fake_reverse_remove(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack;
    note("reverse-remove %u %" PRIx64 "\n", space, address);
}

static uint32_t fake_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    (void)stack;
    note("reverse-lookup %u %" PRIx64 "\n", space, address);
    return answer(0);
}

static void fake_reap(struct stack *stack)
{
    note("reap at %" PRIu64 "\n", stack->now);
}

static void fake_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    (void)stack;
    fake.deep_snapshots += deep;
    *snapshot = fake.snapshot;
}

static void fake_occupancy(struct stack *stack, enum occupancy_of which,
                           struct occupancy_picture *picture)
{
    (void)stack;
    *picture = fake.pictures[which];
}

static void fake_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    (void)stack;
    *state = fake.space;
    state->space = space;
}

static int fake_check(struct stack *stack, struct error *error)
{
    (void)stack;
    if (fake.check_after != 0 && --fake.check_after == 0)
        return error_set(error, "a planted fault");

    return 0;
}

static void *fake_content(struct stack *stack, uint64_t address, bool physical)
{
    (void)stack, (void)physical;
    return fake.memory != NULL ? (char *)fake.memory + (address - FAKE_BASE) : NULL;
}

const struct stack_ops fake_stack = {
    .abi = STACK_ABI,
    .name = "fake",
    .summary = "scripted",
    .space = "radix",
    .backend = "fake",
    .pages = "",
    .map = "",
    .open = fake_open,
    .close = fake_close,
    .boot_pages = fake_boot_pages,
    .cache_create = fake_cache_create,
    .cache_alloc = fake_cache_alloc,
    .cache_free = fake_cache_free,
    .kalloc = fake_kalloc,
    .kfree = fake_kfree,
    .page_alloc = fake_page_alloc,
    .page_free = fake_page_free,
    .map_alloc = fake_map_alloc,
    .map_free = fake_map_free,
    .space_create = fake_space_create,
    .space_destroy = fake_space_destroy,
    .space_release = fake_space_release,
    .name_alloc = fake_name_alloc,
    .name_alloc_at = fake_name_alloc_at,
    .name_free = fake_name_free,
    .name_lookup = fake_name_lookup,
    .reverse_insert = fake_reverse_insert,
    .reverse_remove = fake_reverse_remove,
    .reverse_lookup = fake_reverse_lookup,
    .reap = fake_reap,
    .snapshot = fake_snapshot,
    .occupancy = fake_occupancy,
    .space_state = fake_space_state,
    .check = fake_check,
    .content = fake_content,
};
