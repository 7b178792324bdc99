/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * allotrope-image: the process that becomes a kernel.
 *
 * It runs the same engine as every replay, over events that it is handed in chunks, and writes down
 * what the kernel answered and, wherever the engine looks at the state, the state. The replay runs
 * its own engine over these answers (remote.c). So nothing of what a replay makes of a stack had to
 * be written twice, and what is timed is timed here, in the process that runs the kernel's code, on
 * events that are in memory before the first of a chunk is given to it. Between chunks it waits,
 * and the time of that is not counted.
 *
 * Once the kernel's code was left where it cannot be entered again, the state is written down a
 * last time as well as that can be done, and the process is over.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <time.h>
#include <unistd.h>

#include "allocators/image/image_stack.h"
#include "replay/engine_private.h"
#include "replay/remote_wire.h"
#include "traces/codec.h"

static struct remote_shared *shared;
static struct wire output;
static struct image image;
static struct stopwatch stopwatch;
static struct replay_result result;
static struct stack *open_stack;
static uint64_t waited_ns, started_ns;
static bool chunk_is_out; /* a command is waiting for its reply */

const struct event *engine_current_event;

/* ---- Saying ---- */

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void reply(enum remote_reply what)
{
    char byte = (char)what;

    shared->output_used = (uint32_t)(output.at - shared->output);
    if (write(REMOTE_SOCKET, &byte, 1) != 1)
        _exit(1); /* nobody listens any more */
}

static void __attribute__((noreturn)) fail(const char *text)
{
    snprintf(shared->error, sizeof(shared->error), "%s", text);
    reply(REMOTE_FAILED);
    _exit(0);
}

static char command(void)
{
    char byte;
    ssize_t got;

    do
        got = read(REMOTE_SOCKET, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(0); /* the replay is gone */

    output.at = shared->output;
    output.end = shared->output + sizeof(shared->output);
    return byte;
}

static void say_times(void)
{
    shared->wall_ns = started_ns != 0 ? clock_ns() - started_ns - waited_ns : 0;
    wire_latency(&output, result.meter);
}

/* ---- The trace, as handed over ---- */

struct trace_reader {
    struct trace_header header;
};

static struct trace_reader reader;

const struct trace_header *trace_header(const struct trace_reader *trace)
{
    return &trace->header;
}

const struct trace_totals *trace_totals(const struct trace_reader *trace)
{
    (void)trace;
    return &shared->totals;
}

int trace_rewind(struct trace_reader *trace, struct error *error)
{
    (void)trace, (void)error;
    return 0;
}

int trace_read(struct trace_reader *trace, const struct event **events, struct error *error)
{
    uint64_t began = clock_ns();

    (void)trace, (void)error;
    if (output.overrun)
        fail("the answers to a chunk of events did not fit");
    if (chunk_is_out)
        reply(REMOTE_READY);
    chunk_is_out = true;

    char what = command();

    if (started_ns == 0)
        started_ns = clock_ns();
    else
        waited_ns += clock_ns() - began;
    if (what != REMOTE_CHUNK)
        return 0;

    *events = shared->events;
    return (int)shared->nr_events;
}

const void *trace_payload(const struct trace_reader *trace, const struct event *event, size_t *size)
{
    const struct remote_payload *payload = &shared->payloads[event - shared->events];

    (void)trace;
    *size = payload->size;
    return shared->payload + payload->at;
}

int trace_decode_cache(const struct trace_reader *trace, const struct event *event,
                       struct cache_definition *definition, struct error *error)
{
    size_t size;

    (void)error;
    memcpy(definition, trace_payload(trace, event, &size), sizeof(*definition));
    return 0;
}

int trace_decode_truth(const struct trace_reader *trace, const struct event *event,
                       struct truth *truth, struct error *error)
{
    size_t size;

    (void)error;
    memcpy(truth, trace_payload(trace, event, &size), sizeof(*truth));
    return 0;
}

/* ---- The image, with its answers written down ---- */

static void after_panic(void *context)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

    (void)context;
    snprintf(shared->said, sizeof(shared->said), "%s", image.said);
    shared->events_done =
        engine_current_event != NULL ? (uint32_t)(engine_current_event - shared->events) : 0;

    shared->last_at = (uint32_t)(output.at - shared->output);
    if (snapshot != NULL) {
        if (IMAGE_ENTER(&image))
            image_stack_ops.snapshot(open_stack, snapshot, true);
        else
            memset(snapshot, 0, sizeof(*snapshot)); /* the state cannot even be read */
        wire_snapshot(&output, snapshot);
    }
    say_times();
    reply(REMOTE_PANICKED);
    _exit(0);
}

static inline uint64_t note(struct stack *stack, uint64_t value)
{
    if (__builtin_expect((size_t)(output.end - output.at) < sizeof(value), 0)) {
        output.overrun = true;
        return value;
    }
    memcpy(output.at, &value, sizeof(value));
    output.at += sizeof(value);
    if (__builtin_expect(value == 0, 0))
        wire_failure(&output, &stack->failure);
    return value;
}

static struct stack *noted_open(const struct stack_ops *ops, const struct stack_config *config,
                                struct error *error)
{
    struct stack_config started = *config;
    const struct image_stack_options options = {.image = &image, .ended = after_panic};

    started.boot_first = shared->boot_first;
    started.boot_frames = shared->boot_frames;
    open_stack = image_stack_open(ops, &started, &options, error);
    if (open_stack != NULL)
        reply(REMOTE_BOOTED);
    return open_stack;
}

static void noted_close(struct stack *stack)
{
    (void)stack; /* the process is over */
}

static bool noted_cache_create(struct stack *stack, uint32_t cache, const char *name, uint32_t size,
                               uint32_t align, uint32_t flags)
{
    return note(stack, image_stack_ops.cache_create(stack, cache, name, size, align, flags)) != 0;
}

static uint64_t noted_cache_alloc(struct stack *stack, uint32_t cache)
{
    return note(stack, image_stack_ops.cache_alloc(stack, cache));
}

static uint64_t noted_kalloc(struct stack *stack, uint64_t size)
{
    return note(stack, image_stack_ops.kalloc(stack, size));
}

static uint64_t noted_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                 enum page_class class, bool contiguous)
{
    return note(stack, image_stack_ops.page_alloc(stack, nr, highest, class, contiguous));
}

static uint64_t noted_map_alloc(struct stack *stack, enum map_number map, uint64_t bytes,
                                enum kmem_kind kind)
{
    return note(stack, image_stack_ops.map_alloc(stack, map, bytes, kind));
}

static bool noted_map_free(struct stack *stack, enum map_number map, uint64_t address,
                           uint64_t bytes)
{
    return note(stack, image_stack_ops.map_free(stack, map, address, bytes)) != 0;
}

static bool noted_space_create(struct stack *stack, uint32_t space, bool special)
{
    return note(stack, image_stack_ops.space_create(stack, space, special)) != 0;
}

static uint32_t noted_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    return (uint32_t)note(stack, image_stack_ops.name_alloc(stack, space, right));
}

static bool noted_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    return note(stack, image_stack_ops.name_alloc_at(stack, space, right, name)) != 0;
}

/* A right may be number 0, which is no refusal. */
static uint32_t note_right(uint32_t right)
{
    wire_move(&output, &right, sizeof(right));
    return right;
}

static uint32_t noted_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    return note_right(image_stack_ops.name_lookup(stack, space, name));
}

static bool noted_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                 uint64_t address)
{
    return note(stack, image_stack_ops.reverse_insert(stack, space, name, address)) != 0;
}

static uint32_t noted_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    return note_right(image_stack_ops.reverse_lookup(stack, space, address));
}

static void noted_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    image_stack_ops.snapshot(stack, snapshot, deep);
    wire_snapshot(&output, snapshot);
}

static void noted_occupancy(struct stack *stack, enum occupancy_of which,
                            struct occupancy_picture *picture)
{
    image_stack_ops.occupancy(stack, which, picture);
    wire_picture(&output, picture);
}

static void noted_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    image_stack_ops.space_state(stack, space, state);
    wire_space(&output, state);
}

static struct stack_ops noted_ops(void)
{
    struct stack_ops ops = image_stack_ops;

    ops.open = noted_open;
    ops.close = noted_close;
    ops.cache_create = noted_cache_create;
    ops.cache_alloc = noted_cache_alloc;
    ops.kalloc = noted_kalloc;
    ops.page_alloc = noted_page_alloc;
    ops.map_alloc = noted_map_alloc;
    ops.map_free = noted_map_free;
    ops.space_create = noted_space_create;
    ops.name_alloc = noted_name_alloc;
    ops.name_alloc_at = noted_name_alloc_at;
    ops.name_lookup = noted_name_lookup;
    ops.reverse_insert = noted_reverse_insert;
    ops.reverse_lookup = noted_reverse_lookup;
    ops.snapshot = noted_snapshot;
    ops.occupancy = noted_occupancy;
    ops.space_state = noted_space_state;
    return ops;
}

/* ---- Start ---- */

/* Memory below the kernel's addresses alone, at the same places each time: the layout is chosen
 * when a program starts, so this one starts again with the other layout. */
static void choose_layout(char **argv)
{
    unsigned long wanted = ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT;
    int now = personality(0xffffffff);

    if (now < 0 || ((unsigned long)now & wanted) == wanted)
        return;
    if (personality((unsigned long)now | wanted) < 0)
        return; /* it may do as it is; if not, the mapping says what is in its way */
    execv("/proc/self/exe", argv);
}

static int map_shared(struct error *error)
{
    /* Not fstat(): libc's struct stat has 64-bit numbers, aligned otherwise than here. */
    off_t size = lseek(REMOTE_MEMORY, 0, SEEK_END);

    if (size < (off_t)sizeof(*shared))
        return error_set(error, "this program is run by allotrope, not by hand");

    shared = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, REMOTE_MEMORY, 0);
    if (shared == MAP_FAILED)
        return error_set(error, "the memory shared with allotrope cannot be mapped: %s",
                         strerror(errno));
    if (shared->size != sizeof(*shared))
        return error_set(error,
                         "this program and allotrope are not of the same build: %u bytes are "
                         "shared, %zu expected",
                         shared->size, sizeof(*shared));
    return 0;
}

static void read_options(struct replay_options *options)
{
    *options = (struct replay_options){
        .geometry = geometry_find(shared->geometry),
        .memory = shared->memory,
        .keys = (enum replay_keys)shared->keys,
        .on_failure = (enum replay_on_failure)shared->on_failure,
        .check = shared->check != 0,
        .truth = shared->truth != 0,
        .populate = shared->populate != 0,
        .latency = (enum replay_latency)shared->latency,
        .stopwatch = shared->latency != REPLAY_UNTIMED ? &stopwatch : NULL,
        .passes = shared->passes,
        .sample_interval = shared->sample_interval,
        .sample_from = shared->sample_from,
        .sample_to = shared->sample_to,
    };
}

int main(int argc, char **argv)
{
    struct replay_options options;
    struct stack_ops ops = noted_ops();
    struct error error = {.text = ""};

    (void)argc;
    choose_layout(argv);
    if (map_shared(&error) != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], error.text);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    if (command() != REMOTE_BOOT)
        return 1;

    reader.header.machine = shared->machine;
    read_options(&options);
    if (image_load(&image, &shared->plan, (const char *)shared + shared->file_offset,
                   shared->memory, &error) != 0 ||
        (options.latency != REPLAY_UNTIMED &&
         stopwatch_open(&stopwatch, shared->portable_clock ? STOPWATCH_PORTABLE : STOPWATCH_BEST,
                        &error) != 0) ||
        replay_run(&reader, &ops, &options, &result, &error) != 0)
        fail(error.text);

    say_times();
    if (output.overrun)
        fail("the answers to the last events did not fit");
    reply(REMOTE_FINISHED);
    return 0;
}
