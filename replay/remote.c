/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel image from the side of the replay: the process that holds it, and the stack that gives
 * its answers.
 *
 * The process is started for each replay and ends with it: the kernel's state is the process. The
 * events of a chunk are given to it all at once, so the two do not run at the same time and the one
 * that is timed has the machine to itself.
 */

#include "replay/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay/remote_wire.h"

#define PREFIX "gnumach:"

static const char *const short_names[] = {"debian12-i386", "debian13-i386", "sid-i386", "debian12",
                                          NULL};

struct remote {
    struct stack_ops ops;
    char name[64];
    char summary[160];
    char path[PATH_MAX];
    struct image_plan plan;
    char *file;
};

struct remote_stack {
    struct stack stack;
    struct remote *remote;
    const struct replay_options *options;
    struct remote_shared *shared;
    size_t bytes;
    int socket;
    pid_t child;
    struct wire answers;
    struct wire tail; /* after a panic: what comes behind the answers */
    bool panicked, finished;
    bool over;            /* after a panic: all events before it were run */
    struct snapshot last; /* the last that was read */
    struct stack *beside; /* a stack that is given the same requests; NULL: none */
    bool differs;         /* a difference was found since remote_new_difference() */
    struct remote_difference differences[REMOTE_DIFFERENCES];
};

static struct remote_stack *remote_stack(struct stack *stack)
{
    return (struct remote_stack *)stack;
}

/* ---- Two stacks side by side ---- */

/* The other stack, ready for the same request; NULL: there is none. */
static struct stack *beside(struct stack *stack)
{
    struct stack *other = remote_stack(stack)->beside;

    if (other != NULL) {
        other->now = stack->now;
        other->privileged = stack->privileged;
    }
    return other;
}

static void differ(struct remote_stack *rs, enum remote_difference_of of, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void differ(struct remote_stack *rs, enum remote_difference_of of, const char *format, ...)
{
    va_list arguments;

    if (rs->differences[of].found)
        return;

    rs->differences[of].found = rs->differs = true;
    va_start(arguments, format);
    vsnprintf(rs->differences[of].text, sizeof(rs->differences[of].text), format, arguments);
    va_end(arguments);
}

/* ---- The stack: answers that were given ---- */

static uint64_t answer(struct stack *stack)
{
    struct remote_stack *rs = remote_stack(stack);
    uint64_t value = 0;

    wire_move(&rs->answers, &value, sizeof(value));
    if (value == 0)
        wire_failure(&rs->answers, &stack->failure);
    return value;
}

/* The image's answer to a request for WHAT; with a stack beside, whose answer is OTHER, they are
 * compared, and that one's counts. Bytes tell whether a refusal is one. */
static uint64_t answer_beside(struct stack *stack, const char *what, uint64_t other)
{
    struct remote_stack *rs = remote_stack(stack);
    uint64_t value = answer(stack);

    if (rs->beside == NULL)
        return value;

    if ((value == 0) != (other == 0))
        differ(rs, REMOTE_REFUSAL, "%s: %s %s it, the image %s", what, rs->beside->ops->name,
               other == 0 ? "refused" : "granted", value == 0 ? "refused" : "granted");
    else if (value != other)
        differ(rs, REMOTE_ADDRESS, "%s: %s gave %" PRIx64 ", the image %" PRIx64, what,
               rs->beside->ops->name, other, value);
    if (other == 0) {
        stack->failure = rs->beside->failure;
        memset(&rs->beside->failure, 0, sizeof(rs->beside->failure));
    }
    return other;
}

#define BESIDE(function, ...)                                                                      \
    (beside(stack) != NULL                                                                         \
         ? remote_stack(stack)->beside->ops->function(remote_stack(stack)->beside, __VA_ARGS__)    \
         : 0)

#define DO_BESIDE(function, ...)                                                                   \
    do {                                                                                           \
        struct stack *other = beside(stack);                                                       \
                                                                                                   \
        if (other != NULL)                                                                         \
            other->ops->function(other, __VA_ARGS__);                                              \
    } while (0)

static uint32_t answer_right(struct stack *stack)
{
    uint32_t right = RIGHT_NONE;

    wire_move(&remote_stack(stack)->answers, &right, sizeof(right));
    return right;
}

static void given_boot_pages(struct stack *stack, uint32_t frame, uint32_t nr, bool descending)
{
    DO_BESIDE(boot_pages, frame, nr, descending);
}

static bool answer_cache_create(struct stack *stack, uint32_t cache, const char *name,
                                uint32_t size, uint32_t align, uint32_t flags)
{
    return answer_beside(stack, "cache", BESIDE(cache_create, cache, name, size, align, flags)) !=
           0;
}

static uint64_t answer_cache_alloc(struct stack *stack, uint32_t cache)
{
    return answer_beside(stack, "object", BESIDE(cache_alloc, cache));
}

static void given_cache_free(struct stack *stack, uint32_t cache, uint64_t object)
{
    DO_BESIDE(cache_free, cache, object);
}

static uint64_t answer_kalloc(struct stack *stack, uint64_t size)
{
    return answer_beside(stack, "kalloc", BESIDE(kalloc, size));
}

static void given_kfree(struct stack *stack, uint64_t object, uint64_t size)
{
    DO_BESIDE(kfree, object, size);
}

static uint64_t answer_page_alloc(struct stack *stack, uint32_t nr, enum segment_kind highest,
                                  enum page_class class, bool contiguous)
{
    return answer_beside(stack, "pages", BESIDE(page_alloc, nr, highest, class, contiguous));
}

static void given_page_free(struct stack *stack, uint64_t address, uint32_t nr, bool contiguous)
{
    DO_BESIDE(page_free, address, nr, contiguous);
}

static uint64_t answer_map_alloc(struct stack *stack, enum map_number map, uint64_t bytes,
                                 enum kmem_kind kind)
{
    return answer_beside(stack, "range", BESIDE(map_alloc, map, bytes, kind));
}

static bool answer_map_free(struct stack *stack, enum map_number map, uint64_t address,
                            uint64_t bytes)
{
    return answer_beside(stack, "range given back", BESIDE(map_free, map, address, bytes)) != 0;
}

static bool answer_space_create(struct stack *stack, uint32_t space, bool special)
{
    return answer_beside(stack, "space", BESIDE(space_create, space, special)) != 0;
}

static void given_space_destroy(struct stack *stack, uint32_t space)
{
    DO_BESIDE(space_destroy, space);
}

static void given_space_release(struct stack *stack, uint32_t space)
{
    DO_BESIDE(space_release, space);
}

static uint32_t answer_name_alloc(struct stack *stack, uint32_t space, uint32_t right)
{
    return (uint32_t)answer_beside(stack, "name", BESIDE(name_alloc, space, right));
}

static bool answer_name_alloc_at(struct stack *stack, uint32_t space, uint32_t right, uint32_t name)
{
    return answer_beside(stack, "chosen name", BESIDE(name_alloc_at, space, right, name)) != 0;
}

static void given_name_free(struct stack *stack, uint32_t space, uint32_t name)
{
    DO_BESIDE(name_free, space, name);
}

/* Rights found must be the same, wherever their entries lie. */
static uint32_t answer_right_beside(struct stack *stack, const char *what, uint32_t other)
{
    struct remote_stack *rs = remote_stack(stack);
    uint32_t right = answer_right(stack);

    if (rs->beside == NULL)
        return right;
    if (right != other)
        differ(rs, REMOTE_REFUSAL, "%s: %s found right %" PRIu32 ", the image %" PRIu32, what,
               rs->beside->ops->name, other, right);
    return other;
}

static uint32_t answer_name_lookup(struct stack *stack, uint32_t space, uint32_t name)
{
    return answer_right_beside(stack, "lookup of a name", BESIDE(name_lookup, space, name));
}

static bool answer_reverse_insert(struct stack *stack, uint32_t space, uint32_t name,
                                  uint64_t address)
{
    return answer_beside(stack, "reverse key", BESIDE(reverse_insert, space, name, address)) != 0;
}

static void given_reverse_remove(struct stack *stack, uint32_t space, uint64_t address)
{
    DO_BESIDE(reverse_remove, space, address);
}

static uint32_t answer_reverse_lookup(struct stack *stack, uint32_t space, uint64_t address)
{
    return answer_right_beside(stack, "lookup of an object",
                               BESIDE(reverse_lookup, space, address));
}

static void given_reap(struct stack *stack)
{
    struct stack *other = beside(stack);

    if (other != NULL)
        other->ops->reap(other);
}

static void compare_count(struct remote_stack *rs, const char *what, const char *of, uint64_t other,
                          uint64_t image)
{
    if (other != image)
        differ(rs, REMOTE_STATE, "%s of %s: %s has %" PRIu64 ", the image %" PRIu64, what, of,
               rs->beside->ops->name, other, image);
}

static void compare_cache(struct remote_stack *rs, const struct cache_snapshot *other,
                          const struct snapshot *image)
{
    for (unsigned i = 0; i < image->nr_caches; i++) {
        const struct cache_snapshot *cache = &image->caches[i];

        if (strcmp(cache->name, other->name) != 0)
            continue;
        compare_count(rs, "objects", cache->name, other->objects, cache->objects);
        compare_count(rs, "slabs", cache->name, other->slabs, cache->slabs);
        compare_count(rs, "free slabs", cache->name, other->free_slabs, cache->free_slabs);
        return;
    }
}

/* Caches, slabs, free blocks, entries of maps. */
static void compare_states(struct remote_stack *rs, const struct snapshot *other,
                           const struct snapshot *image)
{
    for (unsigned i = 0; i < other->nr_caches; i++)
        compare_cache(rs, &other->caches[i], image);
    for (unsigned i = 0; i < MAPS; i++) {
        if (other->maps[i].name == NULL || image->maps[i].name == NULL)
            continue;
        compare_count(rs, "entries", other->maps[i].name, other->maps[i].counts.entries,
                      image->maps[i].counts.entries);
        compare_count(rs, "bytes", other->maps[i].name,
                      other->maps[i].counts.max - other->maps[i].counts.size,
                      image->maps[i].counts.max - image->maps[i].counts.size);
    }
    compare_count(rs, "rights", "all spaces", other->rights, image->rights);
    compare_count(rs, "nodes", "all trees", other->name_nodes + other->reverse_nodes,
                  image->name_nodes + image->reverse_nodes);
    for (unsigned i = 0; i < other->nr_segments && i < image->nr_segments; i++)
        for (unsigned order = 0; order < ORDERS; order++)
            if (other->segments[i].counts.blocks[order] != image->segments[i].counts.blocks[order])
                differ(rs, REMOTE_BLOCKS,
                       "free blocks of order %u of %s: %s has %" PRIu32 ", the image %" PRIu32,
                       order, segment_kind_name(other->segments[i].kind), rs->beside->ops->name,
                       other->segments[i].counts.blocks[order],
                       image->segments[i].counts.blocks[order]);
}

static void answer_snapshot(struct stack *stack, struct snapshot *snapshot, bool deep)
{
    struct remote_stack *rs = remote_stack(stack);
    struct stack *other = beside(stack);

    if (!rs->over)
        wire_snapshot(&rs->answers, &rs->last);
    *snapshot = rs->last;
    if (other == NULL)
        return;

    other->ops->snapshot(other, snapshot, deep);
    if (!rs->over && !stack->privileged) /* before, the image is ahead: it has started up already */
        compare_states(rs, snapshot, &rs->last);
}

static void answer_occupancy(struct stack *stack, enum occupancy_of which,
                             struct occupancy_picture *picture)
{
    struct remote_stack *rs = remote_stack(stack);

    (void)which;
    picture->cells = 0;
    if (!rs->over)
        wire_picture(&rs->answers, picture);
}

static void answer_space_state(struct stack *stack, uint32_t space, struct space_snapshot *state)
{
    *state = (struct space_snapshot){.space = space};
    wire_space(&remote_stack(stack)->answers, state);
}

/* The process checks, and stops at the first fault. */
static int no_check(struct stack *stack, struct error *error)
{
    (void)stack, (void)error;
    return 0;
}

static void *no_content(struct stack *stack, uint64_t address, bool physical)
{
    (void)stack, (void)address, (void)physical;
    return NULL;
}

/* ---- The process ---- */

static int died(const struct remote_stack *rs, int status, struct error *error)
{
    if (WIFSIGNALED(status))
        return error_set(error, "the process that held the kernel was killed by signal %d (%s)",
                         WTERMSIG(status), strsignal(WTERMSIG(status)));
    return error_set(error, "the process that held %s ended with status %d",
                     rs->remote->plan.version, WEXITSTATUS(status));
}

/* Gives a command and waits for its reply. -1 with the error set. */
static int ask(struct remote_stack *rs, enum remote_command command, struct error *error)
{
    char byte = (char)command;
    ssize_t got = send(rs->socket, &byte, 1, MSG_NOSIGNAL);
    int status = 0;

    while (got == 1) {
        got = recv(rs->socket, &byte, 1, 0);
        if (got == 1 || errno != EINTR)
            break;
        got = 1;
    }
    if (got != 1) {
        waitpid(rs->child, &status, 0);
        rs->child = 0;
        return died(rs, status, error);
    }

    rs->answers = (struct wire){
        .at = rs->shared->output,
        .end = rs->shared->output + rs->shared->output_used,
        .reads = true,
    };
    if (rs->shared->output_used > sizeof(rs->shared->output))
        return error_set(error, "the process that held the kernel wrote what cannot be read");

    switch (byte) {
    case REMOTE_FAILED:
        return error_set(error, "%s", rs->shared->error);
    case REMOTE_PANICKED:
        rs->panicked = true;
        rs->shared->said[sizeof(rs->shared->said) - 1] = '\0';
        break;
    case REMOTE_FINISHED:
        rs->finished = true;
        break;
    default:
        break;
    }
    return 0;
}

static void remote_close(struct stack *stack)
{
    struct remote_stack *rs = remote_stack(stack);

    if (rs->beside != NULL)
        rs->beside->ops->close(rs->beside);
    if (rs->socket >= 0)
        close(rs->socket);
    if (rs->child > 0) {
        kill(rs->child, SIGKILL);
        waitpid(rs->child, NULL, 0);
    }
    if (rs->shared != NULL)
        munmap(rs->shared, rs->bytes);
    free(rs);
}

/* The program for images of WORD bytes: beside this one, in a folder above it as tests have it, or
 * where it was installed. */
static int find_program(unsigned word, char path[PATH_MAX], struct error *error)
{
    const char *name = word == 4 ? "allotrope-image32" : "allotrope-image";
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

    folder[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(folder, '/');

        if (slash == NULL)
            break;
        *slash = '\0';
        if (snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX && access(path, X_OK) == 0)
            return 0;
    }
    if (snprintf(path, PATH_MAX, "%s/%s", ALLOTROPE_IMAGE_FOLDER, name) < PATH_MAX &&
        access(path, X_OK) == 0)
        return 0;

    return error_set(error, "%s is not there, which runs kernels of %u bits%s", name, word * 8,
                     word == 4 ? ": it is built where the compiler can make 32-bit programs (the "
                                 "package gcc-multilib)"
                               : "");
}

static void run_program(const char *path, int socket, int memory)
{
    char *const argv[] = {(char *)path, NULL};

    /* To places out of each other's way first. */
    socket = fcntl(socket, F_DUPFD, 10);
    memory = fcntl(memory, F_DUPFD, 10);
    if (socket < 0 || memory < 0 || dup2(socket, REMOTE_SOCKET) < 0 ||
        dup2(memory, REMOTE_MEMORY) < 0)
        _exit(127);
    close(socket);
    close(memory);
    execv(path, argv);
    _exit(127);
}

static int start_process(struct remote_stack *rs, int memory, struct error *error)
{
    char path[PATH_MAX];
    int sockets[2];

    if (find_program(rs->remote->plan.word, path, error) != 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return error_set(error, "no socket to the process for the kernel: %s", strerror(errno));

    rs->child = fork();
    if (rs->child == 0)
        run_program(path, sockets[1], memory);
    close(sockets[1]);
    rs->socket = sockets[0];
    if (rs->child < 0)
        return error_set(error, "no process for the kernel: %s", strerror(errno));
    return 0;
}

/* ---- Opening ---- */

/* The frames that become free first, when the trace begins by telling them. */
static int first_frames(struct remote_stack *rs, struct trace_reader *trace, struct error *error)
{
    const struct event *events;
    int nr = trace_read(trace, &events, error);

    if (nr < 0)
        return -1;
    if (nr > 0 && events[0].kind == EVENT_BOOT_PAGES && (events[0].flags & EVENT_DESCENDING) == 0) {
        rs->shared->boot_first = events[0].object;
        rs->shared->boot_frames = events[0].size;
    }
    return trace_rewind(trace, error);
}

static void write_setup(struct remote_stack *rs, struct trace_reader *trace,
                        const struct replay_options *options, const struct stack_config *config)
{
    struct remote_shared *shared = rs->shared;

    shared->size = sizeof(*shared);
    shared->file_offset = (uint32_t)((sizeof(*shared) + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1));
    shared->plan = rs->remote->plan;
    shared->machine = trace_header(trace)->machine;
    shared->totals = *trace_totals(trace);
    snprintf(shared->geometry, sizeof(shared->geometry), "%s", config->geometry->name);
    shared->memory = config->memory;
    shared->keys = options->keys;
    shared->on_failure = options->on_failure;
    shared->check = options->check;
    shared->truth = options->truth;
    shared->populate = options->populate;
    shared->latency = options->latency;
    shared->passes = options->passes;
    shared->portable_clock = options->stopwatch != NULL && !options->stopwatch->tsc;
    shared->sample_interval = options->sample_interval;
    shared->sample_from = options->sample_from;
    shared->sample_to = options->sample_to;
    memcpy((char *)shared + shared->file_offset, rs->remote->file, rs->remote->plan.file_size);
}

static int open_memory(struct remote_stack *rs, struct error *error)
{
    int memory = memfd_create("allotrope-image", MFD_CLOEXEC);

    rs->bytes = ((sizeof(struct remote_shared) + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1)) +
                rs->remote->plan.file_size;
    if (memory < 0 || ftruncate(memory, (off_t)rs->bytes) != 0) {
        error_set(error, "no memory to share with the process for the kernel: %s", strerror(errno));
        if (memory >= 0)
            close(memory);
        return -1;
    }

    rs->shared = mmap(NULL, rs->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (rs->shared != MAP_FAILED)
        return memory;

    rs->shared = NULL;
    close(memory);
    return error_set(error, "no memory to share with the process for the kernel: %s",
                     strerror(errno));
}

struct stack *remote_open(struct remote *remote, struct trace_reader *trace,
                          const struct replay_options *options, const struct stack_config *config,
                          struct error *error)
{
    struct remote_stack *rs = calloc(1, sizeof(*rs));
    int memory;

    if (rs == NULL) {
        error_set(error, "no memory for the stack");
        return NULL;
    }

    rs->stack.ops = &remote->ops;
    rs->remote = remote;
    rs->options = options;
    rs->socket = -1;
    memory = open_memory(rs, error);
    if (memory < 0) {
        remote_close(&rs->stack);
        return NULL;
    }

    write_setup(rs, trace, options, config);

    int status = config->boot_pages_follow ? first_frames(rs, trace, error) : 0;

    if (status == 0)
        status = start_process(rs, memory, error);
    close(memory);
    if (status == 0)
        status = ask(rs, REMOTE_BOOT, error);
    if (status == 0 && options->beside != NULL) {
        rs->beside = options->beside->open(options->beside, config, error);
        status = rs->beside != NULL ? 0 : -1;
    }
    if (status != 0) {
        remote_close(&rs->stack);
        return NULL;
    }
    return &rs->stack;
}

/* ---- Feeding ---- */

static bool is_look(const struct event *event)
{
    return event->kind == EVENT_TRUTH || event->kind == EVENT_MARK || event->kind == EVENT_GROWTH;
}

/* Copies the payload of EVENT, the chunk's number I. -1 with the error set, 1: it is full. */
static int copy_payload(struct remote_shared *shared, struct trace_reader *trace,
                        const struct event *event, unsigned i, uint32_t *used, struct error *error)
{
    uint8_t *at = shared->payload + *used;
    size_t room = sizeof(shared->payload) - *used, size = 0;

    shared->payloads[i] = (struct remote_payload){.at = *used};
    if (event->kind != EVENT_CACHE_CREATE && event->kind != EVENT_TRUTH &&
        event->kind != EVENT_MARK)
        return 0;
    if (room < sizeof(struct truth) + PAGE_SIZE)
        return 1;

    if (event->kind == EVENT_TRUTH) {
        size = sizeof(struct truth);
        if (trace_decode_truth(trace, event, (struct truth *)at, error) != 0)
            return -1;
    } else if (event->kind == EVENT_CACHE_CREATE) {
        size = sizeof(struct cache_definition);
        if (trace_decode_cache(trace, event, (struct cache_definition *)at, error) != 0)
            return -1;
    } else {
        const void *text = trace_payload(trace, event, &size);

        if (size > REPLAY_NAME_MAX)
            size = REPLAY_NAME_MAX;
        if (size != 0)
            memcpy(at, text, size);
    }

    shared->payloads[i].size = (uint32_t)size;
    *used += (uint32_t)((size + 15) & ~(size_t)15);
    return 0;
}

/* As many of NR events as a chunk takes. -1 with the error set. */
static int fill_chunk(struct remote_stack *rs, struct trace_reader *trace,
                      const struct event *events, int nr, struct error *error)
{
    uint64_t interval = rs->options->sample_interval;
    unsigned looks = 0, most = REMOTE_CHUNK_EVENTS;
    uint32_t used = 0;
    int i;

    if (interval != 0 && interval < most / REMOTE_CHUNK_LOOKS)
        most = (unsigned)interval * REMOTE_CHUNK_LOOKS;
    for (i = 0; i < nr && (unsigned)i < most && looks < REMOTE_CHUNK_LOOKS; i++) {
        int status = copy_payload(rs->shared, trace, &events[i], (unsigned)i, &used, error);

        if (status < 0)
            return -1;
        if (status > 0)
            break;
        rs->shared->events[i] = events[i];
        looks += is_look(&events[i]);
    }
    rs->shared->nr_events = (uint32_t)i;
    return i;
}

int remote_feed(struct stack *stack, struct trace_reader *trace, const struct event *events, int nr,
                int *handed, struct error *error)
{
    struct remote_stack *rs = remote_stack(stack);

    *handed = fill_chunk(rs, trace, events, nr, error);
    if (*handed < 0 || ask(rs, REMOTE_CHUNK, error) != 0)
        return -1;
    if (!rs->panicked)
        return *handed;

    uint32_t done = rs->shared->events_done;

    rs->tail = rs->answers;
    if (rs->shared->last_at > rs->shared->output_used)
        return error_set(error, "the process that held the kernel wrote what cannot be read");
    rs->tail.at += rs->shared->last_at;
    wire_snapshot(&rs->tail, &rs->last);
    return done < (uint32_t)*handed ? (int)done : *handed;
}

int remote_end(struct stack *stack, struct error *error)
{
    return ask(remote_stack(stack), REMOTE_END, error);
}

int remote_settled(struct stack *stack, struct error *error)
{
    struct remote_stack *rs = remote_stack(stack);

    rs->over = rs->panicked;
    if (!rs->answers.overrun && (rs->finished || rs->panicked || rs->answers.at == rs->answers.end))
        return 0;
    return error_set(error, "the process that held the kernel and the replay of its answers "
                            "disagree about the events: a defect of allotrope");
}

const char *remote_said(const struct stack *stack)
{
    const struct remote_stack *rs = (const struct remote_stack *)stack;

    return rs->panicked ? rs->shared->said : NULL;
}

void remote_abandon(struct stack *stack)
{
    remote_stack(stack)->over = true;
}

bool remote_new_difference(struct stack *stack)
{
    struct remote_stack *rs = remote_stack(stack);
    bool differs = rs->differs;

    rs->differs = false;
    return differs;
}

const struct remote_difference *remote_difference(const struct stack *stack,
                                                  enum remote_difference_of of)
{
    const struct remote_stack *rs = (const struct remote_stack *)stack;

    return rs->differences[of].found ? &rs->differences[of] : NULL;
}

uint64_t remote_wall_ns(struct stack *stack, struct meter *meter)
{
    struct remote_stack *rs = remote_stack(stack);

    if (rs->panicked || rs->finished)
        wire_latency(rs->panicked ? &rs->tail : &rs->answers, meter);
    return rs->shared->wall_ns;
}

/* ---- Names ---- */

bool remote_is_name(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

const char *remote_short_name(unsigned index)
{
    return short_names[index];
}

/* Where `traces/capture/fetch` puts NAME: below the folder of this program, or below one above it.
 */
static int find_debian(const char *name, char path[PATH_MAX], struct error *error)
{
    char folder[PATH_MAX];
    const char *package = strcmp(name, "debian12") == 0 ? "debian12-amd64" : name;
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

    folder[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(folder, '/');

        if (slash == NULL)
            break;
        *slash = '\0';
        if (snprintf(path, PATH_MAX, "%s/debian/%s/gnumach", folder, package) < PATH_MAX &&
            access(path, R_OK) == 0)
            return 0;
    }

    return error_set(error,
                     "gnumach:%s: Debian's kernel is not there: `traces/capture/fetch %s` gets it",
                     name, package);
}

static int find_file(const char *name, char path[PATH_MAX], struct error *error)
{
    for (unsigned i = 0; short_names[i] != NULL; i++)
        if (strcmp(name, short_names[i]) == 0)
            return find_debian(name, path, error);

    if (*name == '\0')
        return error_set(error, "gnumach: expected the path of a kernel behind the colon, or "
                                "debian12, debian12-i386, debian13-i386 or sid-i386");
    if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
        return error_set(error, "gnumach: a path of more than %d bytes", PATH_MAX - 1);
    return 0;
}

static const struct stack_ops answers = {
    .abi = STACK_ABI,
    .space = "radix",
    .backend = "hybrid",
    .pages = "buddy-segments",
    .map = "gap-tree",
    .close = remote_close,
    .boot_pages = given_boot_pages,
    .cache_create = answer_cache_create,
    .cache_alloc = answer_cache_alloc,
    .cache_free = given_cache_free,
    .kalloc = answer_kalloc,
    .kfree = given_kfree,
    .page_alloc = answer_page_alloc,
    .page_free = given_page_free,
    .map_alloc = answer_map_alloc,
    .map_free = answer_map_free,
    .space_create = answer_space_create,
    .space_destroy = given_space_destroy,
    .space_release = given_space_release,
    .name_alloc = answer_name_alloc,
    .name_alloc_at = answer_name_alloc_at,
    .name_free = given_name_free,
    .name_lookup = answer_name_lookup,
    .reverse_insert = answer_reverse_insert,
    .reverse_remove = given_reverse_remove,
    .reverse_lookup = answer_reverse_lookup,
    .reap = given_reap,
    .snapshot = answer_snapshot,
    .occupancy = answer_occupancy,
    .space_state = answer_space_state,
    .check = no_check,
    .content = no_content,
};

/* The name in tables: of a path, the file and the folder that it is in, for many kernels are files
 * of one name. */
static void give_name(struct remote *remote, const char *name)
{
    const char *from = name + strlen(name);

    for (unsigned slashes = 0; from > name; from--)
        if (from[-1] == '/' && ++slashes == 2)
            break;

    snprintf(remote->name, sizeof(remote->name), "%s%s", PREFIX, from);
    snprintf(remote->summary, sizeof(remote->summary), "%s, its own machine code (%s)",
             remote->plan.version, remote->plan.word == 4 ? "i386" : "amd64");
    remote->ops.name = remote->name;
    remote->ops.summary = remote->summary;
}

struct remote *remote_new(const char *name, struct error *error)
{
    struct remote *remote = calloc(1, sizeof(*remote));

    if (remote == NULL) {
        error_set(error, "no memory for the stack");
        return NULL;
    }

    remote->ops = answers;
    if (find_file(name + strlen(PREFIX), remote->path, error) != 0 ||
        image_plan_make(&remote->plan, &remote->file, remote->path, error) != 0) {
        free(remote);
        return NULL;
    }
    give_name(remote, name + strlen(PREFIX));
    return remote;
}

void remote_free(struct remote *remote)
{
    if (remote != NULL)
        free(remote->file);
    free(remote);
}

const struct stack_ops *remote_ops(const struct remote *remote)
{
    return &remote->ops;
}

struct remote *remote_of(const struct stack_ops *ops)
{
    return ops->close == remote_close ? (struct remote *)ops : NULL;
}
