/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls, their nesting, and names.
 *
 * A call is known by its kernel stack and the place of its return address there. Kernel threads
 * may block inside a call and never come back the same way (continuations), or have their stack
 * given to another thread; so a frame whose place on the stack is used again is dropped, and before
 * counters are read every frame must still find its return address where it was.
 *
 * A line stands where its call returned, so that what was called inside comes before it. Two calls
 * have their lines where they begin: the destruction of a space, since what is freed inside belongs
 * to it, and lookups, which allocate nothing.
 *
 * Names that the kernel frees and takes back inline show as stores to the head of their space's
 * free list. The old head is remembered: a new head whose next is the old one is a name freed,
 * anything else a name taken.
 */

#include "traces/capture/observer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_SIZE 4096 /* until the cache of stacks is seen */
#define MARK_MAX   256
#define NO_CALL    PLAN_CALLS_NR

/* ---- The guest's memory ---- */

uint64_t guest_number(const struct observer *observer, uint64_t address, uint64_t size)
{
    uint64_t value = 0;

    if (size > sizeof(value))
        size = sizeof(value);
    if (!observer->guest.read(observer->guest.context, address, &value, (size_t)size))
        return 0;
    return value;
}

uint64_t guest_word(const struct observer *observer, uint64_t address)
{
    return guest_number(observer, address, observer->plan->word);
}

uint64_t guest_place(const struct observer *observer, uint64_t base, unsigned place)
{
    const struct plan_place *at = &observer->plan->places[place];

    return guest_number(observer, base + at->at, at->size);
}

size_t guest_text(const struct observer *observer, uint64_t address, char *text, size_t room)
{
    size_t length = 0;

    while (length + 1 < room) {
        size_t piece = 16 - (size_t)((address + length) & 15);

        if (piece > room - 1 - length)
            piece = room - 1 - length;
        if (!observer->guest.read(observer->guest.context, address + length, text + length, piece))
            break;
        for (size_t end = length + piece; length < end; length++)
            if ((unsigned char)text[length] < ' ' || text[length] == 0x7f) {
                text[length] = '\0';
                return length;
            }
    }
    text[length] = '\0';
    return length;
}

/* ---- Lines ---- */

static void log_task(struct observer *observer, uint64_t task)
{
    const struct plan_place *place = &observer->plan->places[PLAN_TASK_NAME];
    uint64_t space = guest_place(observer, task, PLAN_TASK_SPACE);
    struct slot *slot = slot_make(&observer->tasks, task);
    char name[TASK_NAME];

    guest_text(observer, task + place->at, name,
               place->size < sizeof(name) ? place->size : sizeof(name));
    if (slot == NULL) {
        log_end(observer, "not enough memory for the observer");
        return;
    }
    if (slot->name != NULL && strcmp(slot->name, name) == 0 && slot->value == space)
        return;
    free(slot->name);
    slot->name = strdup(name);
    slot->value = space;
    log_text(observer, "T ");
    log_hex(observer, task);
    log_text(observer, " ");
    log_hex(observer, space);
    log_text(observer, " ");
    log_text(observer, name);
    log_line_end(observer);
}

/* The task of the running thread; 0 before there are any. Names it when it is another than that of
 * the line before: tasks are renamed, and their addresses used again. */
static uint64_t current_task(struct observer *observer)
{
    const struct plan_place *places = observer->plan->places;
    uint64_t thread, task;

    if (places[PLAN_ACTIVE_THREADS].known)
        thread = guest_word(observer, places[PLAN_ACTIVE_THREADS].at);
    else
        thread = guest_word(observer, places[PLAN_PERCPU_ARRAY].at + places[PLAN_PERCPU_THREAD].at);
    task = thread == 0 ? 0 : guest_place(observer, thread, PLAN_THREAD_TASK);
    if (task != observer->task && task != 0) {
        log_task(observer, task);
        observer->started = true;
    }
    observer->task = task;
    return task;
}

/* What every line of a call begins with. */
static void log_call_begin(struct observer *observer, const char *event)
{
    uint64_t task = current_task(observer);

    observer->calls++;
    log_decimal_number(observer, observer->time);
    log_text(observer, " ");
    log_hex(observer, task);
    log_text(observer, " ");
    log_text(observer, event);
}

static void log_hex_word(struct observer *observer, uint64_t value)
{
    log_text(observer, " ");
    log_hex(observer, value);
}

static void log_name(struct observer *observer, const char *event, uint64_t space, uint64_t name)
{
    log_call_begin(observer, event);
    log_text(observer, " -");
    log_hex_word(observer, space);
    log_hex_word(observer, name);
    log_line_end(observer);
}

/* ---- Counters ---- */

static void drop_stale(struct observer *observer)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < observer->nr_frames; i++)
        if (guest_word(observer, observer->frames[i].pointer) == observer->frames[i].site)
            observer->frames[kept++] = observer->frames[i];
    observer->nr_frames = kept;
}

static void truth_if_due(struct observer *observer)
{
    if (observer->truth_at != 0 && observer->calls >= observer->truth_at)
        observer->truth_due = true;
    if (!observer->truth_due || observer->ended)
        return;
    if (observer->nr_frames != 0)
        drop_stale(observer);
    if (observer->nr_frames == 0)
        observer_truth(observer);
}

/* ---- What is not a call of an allocator ---- */

/* "mark: text", "mark:-text". */
static const char *mark_text(const char *text)
{
    if (strncmp(text, "mark:", 5) != 0)
        return NULL;
    text += 5;
    return text + strspn(text, " -");
}

static void enter_print(struct observer *observer, uint64_t address)
{
    char text[MARK_MAX], reason[MARK_MAX + 32];
    const char *mark;

    guest_text(observer, address, text, sizeof(text));
    mark = mark_text(text);
    if (mark == NULL)
        return;
    for (size_t size = strlen(mark); size != 0 && mark[size - 1] == ' '; size--)
        text[mark - text + (ptrdiff_t)size - 1] = '\0';

    uint64_t task = current_task(observer);

    log_text(observer, "M ");
    log_decimal_number(observer, observer->time);
    log_text(observer, " ");
    log_hex(observer, task);
    log_text(observer, " mark: ");
    log_text(observer, mark);
    log_line_end(observer);
    observer->truth_due = true;
    truth_if_due(observer);
    if (observer->plan->until != NULL && strcmp(observer->plan->until, mark) == 0) {
        snprintf(reason, sizeof(reason), "mark %s", mark);
        log_end(observer, reason);
    }
    log_flush(observer); /* a person may be waiting for it */
}

/* Panic(file, line, function, format, ...) */
static void enter_panic(struct observer *observer, const uint64_t *arguments)
{
    char file[64], function[64], text[MARK_MAX], reason[MARK_MAX + 192];

    guest_text(observer, arguments[0], file, sizeof(file));
    guest_text(observer, arguments[2], function, sizeof(function));
    guest_text(observer, arguments[3], text, sizeof(text));
    snprintf(reason, sizeof(reason), "the guest panicked: %s:%u: %s: %s", file,
             (unsigned)arguments[1], function, text);
    log_end(observer, reason);
}

static void enter_tick(struct observer *observer)
{
    char reason[96];

    if (observer->progress != observer->idle_progress || !observer->started) {
        observer->idle_progress = observer->progress;
        observer->idle = 0;
    } else {
        observer->idle++;
    }
    if (observer->plan->idle_ticks != 0 && observer->idle >= observer->plan->idle_ticks) {
        snprintf(reason, sizeof(reason),
                 "no progress: %llu clock ticks without a call that did anything",
                 (unsigned long long)observer->idle);
        log_end(observer, reason);
    }
    if (observer->plan->guest_time != 0 && observer->time >= observer->plan->guest_time)
        log_end(observer, "guest time limit");
}

/* ---- Entry ---- */

static uint64_t stack_of(const struct observer *observer, uint64_t pointer)
{
    return pointer & -observer->stack_size;
}

/* Frames at or below POINTER on its stack are no more. */
static void drop_below(struct observer *observer, uint64_t pointer)
{
    uint64_t stack = stack_of(observer, pointer);
    unsigned kept = 0;

    for (unsigned i = 0; i < observer->nr_frames; i++) {
        const struct frame *frame = &observer->frames[i];

        if (frame->stack == stack && frame->pointer <= pointer)
            continue;
        if (kept != i)
            observer->frames[kept] = *frame;
        kept++;
    }
    observer->nr_frames = kept;
}

static uint64_t mask(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
}

/* Reads the return address and the parameters of a call that has just been entered. */
static bool read_frame(struct observer *observer, struct frame *frame,
                       const struct observer_registers *registers)
{
    const struct plan_call *call = &observer->plan->calls[frame->call];
    unsigned word = observer->plan->word;
    uint8_t bytes[8 + 8 * OBSERVER_ARGUMENTS] = {0};
    size_t at = word, size = word;

    for (unsigned i = 0; word == 4 && i < call->nr_parameters; i++)
        size += call->parameters[i] <= 4 ? 4 : 8;
    if (!observer->guest.read(observer->guest.context, frame->pointer, bytes, size))
        return false;
    memcpy(&frame->site, bytes, word);
    for (unsigned i = 0; i < call->nr_parameters; i++) {
        unsigned length = call->parameters[i];
        uint64_t value = registers->arguments[i];

        if (word == 4) {
            memcpy(&value, bytes + at, sizeof(value));
            at += length <= 4 ? 4 : 8;
        }
        frame->arguments[i] = mask(value, length);
    }
    return true;
}

/* The innermost call that is open on the same stack. */
static uint8_t parent_of(const struct observer *observer, const struct frame *frame)
{
    for (unsigned i = observer->nr_frames; i-- != 0;)
        if (observer->frames[i].stack == frame->stack)
            return observer->frames[i].call;
    return NO_CALL;
}

static void enter_destroy(struct observer *observer, uint64_t space)
{
    log_call_begin(observer, plan_call_names[PLAN_CALL_SPACE_DESTROY].event);
    log_hex_word(observer, space);
    log_line_end(observer);
}

static void enter_lookup(struct observer *observer, uint64_t tree, uint64_t key)
{
    uint64_t space = tree - observer->plan->places[PLAN_SPACE_NAMES].at;

    if (slot_find(&observer->spaces, space) != NULL)
        log_name(observer, plan_call_names[PLAN_CALL_LOOKUP].event, space, key);
}

/* False: it is no call that returns a line. */
static bool enter_special(struct observer *observer, const struct frame *frame)
{
    switch (frame->call) {
    case PLAN_CALL_PRINT:
        enter_print(observer, frame->arguments[0]);
        return true;
    case PLAN_CALL_PANIC:
        enter_panic(observer, frame->arguments);
        return true;
    case PLAN_CALL_HALT:
        log_end(observer,
                frame->arguments[0] != 0 ? "the guest rebooted" : "the guest powered off");
        return true;
    case PLAN_CALL_TICK:
        enter_tick(observer);
        return true;
    case PLAN_CALL_LOOKUP:
        enter_lookup(observer, frame->arguments[0], frame->arguments[1]);
        return true;
    default:
        return false;
    }
}

void observer_enter(struct observer *observer, unsigned call, uint64_t time,
                    const struct observer_registers *registers)
{
    struct frame frame = {.call = (uint8_t)call, .pointer = registers->stack};

    if (observer->ended)
        return;
    observer->time = time;
    frame.stack = stack_of(observer, frame.pointer);
    if (!read_frame(observer, &frame, registers) || enter_special(observer, &frame))
        return;
    drop_below(observer, frame.pointer);
    frame.parent = parent_of(observer, &frame);
    if (call == PLAN_CALL_SPACE_DESTROY)
        enter_destroy(observer, frame.arguments[0]);
    if (call == PLAN_CALL_COLLECT && observer->plan->places[PLAN_GC_LAST_TICK].known)
        frame.before = guest_place(observer, 0, PLAN_GC_LAST_TICK);
    if (plan_is_site(observer->plan, frame.site) && observer->nr_frames < FRAMES_MAX)
        observer->frames[observer->nr_frames++] = frame;
}

/* ---- Return ---- */

static void log_arguments(struct observer *observer, const struct frame *frame)
{
    const char *letters = plan_call_names[frame->call].parameters;
    unsigned nr = observer->plan->calls[frame->call].nr_parameters;

    for (unsigned i = 0; letters[i] != '\0'; i++) {
        uint64_t value = i < nr ? frame->arguments[i] : 0;

        if (letters[i] == 'k') {
            log_hex_word(observer, value & UINT32_MAX);
            log_hex_word(observer, value >> 32);
        } else {
            log_hex_word(observer, value);
        }
    }
}

/* A space is known from its creation on. */
static void note_space(struct observer *observer, uint64_t space)
{
    struct slot *slot = space == 0 ? NULL : slot_make(&observer->spaces, space);

    if (slot == NULL && space != 0)
        log_end(observer, "not enough memory for the observer");
    if (slot != NULL)
        slot->value = guest_place(observer, space, PLAN_SPACE_FREE_LIST);
}

/* What a line says after the result. */
static void log_more(struct observer *observer, const struct frame *frame, uint64_t result)
{
    const struct plan *plan = observer->plan;
    char name[TASK_NAME];
    uint64_t value;

    switch (frame->call) {
    case PLAN_CALL_CACHE_INIT:
        guest_text(observer, frame->arguments[1], name, sizeof(name));
        log_text(observer, " ");
        log_text(observer, name);
        if (strcmp(name, "thread_stack") == 0 && frame->arguments[2] >= STACK_SIZE &&
            (frame->arguments[2] & (frame->arguments[2] - 1)) == 0)
            observer->stack_size = frame->arguments[2];
        break;
    case PLAN_CALL_ALLOC_WIRED:
    case PLAN_CALL_ALLOC:
    case PLAN_CALL_ALLOC_PAGEABLE:
    case PLAN_CALL_ALLOC_ALIGNED:
        if (result != 0)
            break;
        log_text(observer, " at");
        log_hex_word(observer, guest_word(observer, frame->arguments[1]));
        break;
    case PLAN_CALL_SPACE_CREATE:
        if (result != 0)
            break;
        value = guest_word(observer, frame->arguments[0]);
        log_text(observer, " sp");
        log_hex_word(observer, value);
        note_space(observer, value);
        break;
    case PLAN_CALL_INSERT_ALLOC:
        if (result != 0)
            break;
        log_text(observer, " key");
        /* A key is as wide as that of a lookup. */
        log_hex_word(observer, guest_number(observer, frame->arguments[2],
                                            plan->calls[PLAN_CALL_REMOVE].parameters[1]));
        break;
    case PLAN_CALL_COLLECT:
        if (!plan->places[PLAN_GC_LAST_TICK].known)
            break;
        value = guest_place(observer, 0, PLAN_GC_LAST_TICK);
        log_text(observer, value != frame->before ? " reaped 1" : " reaped 0");
        break;
    default:
        break;
    }
}

static void leave(struct observer *observer, const struct frame *frame, uint64_t result)
{
    const char *parent = frame->parent == NO_CALL ? "-" : plan_call_names[frame->parent].event;

    if (frame->call == PLAN_CALL_SPACE_DESTROY)
        return;
    result = mask(result, observer->plan->calls[frame->call].result);
    log_call_begin(observer, plan_call_names[frame->call].event);
    log_text(observer, " ");
    log_text(observer, parent);
    log_arguments(observer, frame);
    log_text(observer, " =");
    log_hex_word(observer, result);
    log_more(observer, frame, result);
    log_line_end(observer);
    /* A kernel without pages asks for one over and over. */
    if (frame->call != PLAN_CALL_PAGE_GRAB || result != 0)
        observer->progress++;
    if (observer->calls == 1)
        observer->truth_due = true; /* the machine, as the boot allocator left it */
}

void observer_return(struct observer *observer, uint64_t site, uint64_t time,
                     const struct observer_registers *registers)
{
    uint64_t pointer = registers->stack - observer->plan->word;

    if (observer->ended)
        return;
    for (unsigned i = observer->nr_frames; i-- != 0;) {
        struct frame frame = observer->frames[i];

        if (frame.pointer != pointer || frame.site != site)
            continue;
        observer->time = time;
        drop_below(observer, pointer); /* it, and what never returned inside it */
        leave(observer, &frame, registers->result);
        truth_if_due(observer);
        return;
    }
}

/* ---- Names ---- */

void observer_store(struct observer *observer, uint64_t address, uint64_t time)
{
    const struct plan_place *places = observer->plan->places;
    uint64_t space = address - places[PLAN_SPACE_FREE_LIST].at;
    struct slot *slot;
    uint64_t head;

    if (observer->ended)
        return;
    slot = slot_find(&observer->spaces, space);
    if (slot == NULL)
        return;
    head = guest_place(observer, space, PLAN_SPACE_FREE_LIST);
    if (head == slot->value)
        return;
    observer->time = time;
    if (head != 0 && guest_place(observer, head, PLAN_ENTRY_NEXT) == slot->value)
        log_name(observer, "name_push", space, guest_place(observer, head, PLAN_ENTRY_NAME));
    else
        log_name(observer, "name_pop", space, guest_place(observer, slot->value, PLAN_ENTRY_NAME));
    slot->value = head;
}

/* ---- Whole ---- */

struct observer *observer_open(const struct plan *plan, int log, const struct observer_guest *guest,
                               struct error *error)
{
    struct observer *observer = calloc(1, sizeof(*observer));

    if (observer != NULL)
        observer->buffer = malloc(LOG_BUFFER + LINE_ROOM);
    if (observer == NULL || observer->buffer == NULL) {
        free(observer);
        error_set(error, "not enough memory for the observer");
        return NULL;
    }
    observer->plan = plan;
    observer->log = log;
    observer->guest = *guest;
    observer->stack_size = STACK_SIZE;
    observer->truth_at = plan->truth_every;
    log_text(observer, "event-log 1");
    log_line_end(observer);
    for (size_t i = 0; i < plan->nr_comments; i++) {
        log_text(observer, "# ");
        log_bytes(observer, plan->comments[i], strnlen(plan->comments[i], LINE_ROOM - 8));
        log_line_end(observer);
    }
    log_flush(observer);
    return observer;
}

void observer_close(struct observer *observer)
{
    if (observer == NULL)
        return;
    log_end(observer, NULL);
    table_clear(&observer->spaces);
    table_clear(&observer->tasks);
    free(observer->buffer);
    free(observer);
}

bool observer_ended(const struct observer *observer)
{
    return observer->ended;
}
