/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The observer, on a guest that is made up: a piece of memory, and whoever says what runs.
 *
 * The first tests each take one rule and write down the lines that it asks for. The last one does a
 * long random sequence on several stacks and in several tasks beside a model that is as simple as
 * it can be (a list of open calls, searched from its end), and compares whole logs.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "traces/capture/observer.h"

#define BASE     0xc0000000u
#define MEMORY   0x20000u
#define THREAD   (BASE + 0x100) /* active_threads */
#define MAP      (BASE + 0x104) /* kernel_map */
#define CACHES   (BASE + 0x108) /* kmem_cache_list */
#define NR_SEGS  (BASE + 0x110)
#define TICK     (BASE + 0x114) /* kmem_gc_last_tick */
#define SEGS     (BASE + 0x200)
#define THREADS  (BASE + 0x1000)
#define TASKS    (BASE + 0x2000)
#define SPACES   (BASE + 0x3000)
#define ENTRIES  (BASE + 0x4000)
#define STACKS   (BASE + 0x10000)
#define STACK    4096u
#define SITE     0xc1000000u
#define NR_SITES 8
#define LOG_MAX  (1u << 22)

struct guest {
    uint8_t memory[MEMORY];
    struct plan plan;
    struct observer *observer;
    FILE *log;
    uint64_t time;
    char *text; /* of the log, once it is read */
};

static bool read_guest(void *context, uint64_t address, void *bytes, size_t size)
{
    struct guest *guest = context;

    if (address < BASE || address - BASE > MEMORY || MEMORY - (address - BASE) < size)
        return false;
    memcpy(bytes, guest->memory + (address - BASE), size);
    return true;
}

static void put(struct guest *guest, uint64_t address, uint32_t value)
{
    assert_in_range(address, BASE, BASE + MEMORY - 4);
    memcpy(guest->memory + (address - BASE), &value, 4);
}

static void put_text(struct guest *guest, uint64_t address, const char *text)
{
    memcpy(guest->memory + (address - BASE), text, strlen(text) + 1);
}

static void place(struct guest *guest, unsigned id, uint64_t at, uint64_t size)
{
    guest->plan.places[id] = (struct plan_place){true, at, size};
}

/* Every function is there and takes words, at most as many as the log shows. */
static void make_plan(struct guest *guest)
{
    struct plan *plan = &guest->plan;

    plan_init(plan);
    plan->word = 4;
    for (unsigned i = 0; i < PLAN_CALLS_NR; i++) {
        const char *letters = plan_call_names[i].parameters;

        plan->calls[i].address = 0xc2000000u + 16 * i;
        plan->calls[i].nr_parameters = (uint8_t)strlen(letters);
        for (unsigned k = 0; letters[k] != '\0'; k++)
            plan->calls[i].parameters[k] = letters[k] == 'k' ? 8 : 4;
        plan->calls[i].result = 4;
    }
    plan->calls[PLAN_CALL_KFREE].result = 0;
    place(guest, PLAN_ACTIVE_THREADS, THREAD, 4);
    place(guest, PLAN_KERNEL_MAP, MAP, 4);
    place(guest, PLAN_CACHE_LIST, CACHES, 8);
    place(guest, PLAN_SEGMENTS, SEGS, 2 * 0x100);
    place(guest, PLAN_SEGMENTS_SIZE, NR_SEGS, 4);
    place(guest, PLAN_THREAD_TASK, 8, 4);
    place(guest, PLAN_TASK_SPACE, 0, 4);
    place(guest, PLAN_TASK_NAME, 4, 32);
    place(guest, PLAN_SPACE_NAMES, 4, 8);
    place(guest, PLAN_SPACE_FREE_LIST, 16, 4);
    place(guest, PLAN_ENTRY_NAME, 0, 4);
    place(guest, PLAN_ENTRY_NEXT, 4, 4);
    for (unsigned i = 0; i < NR_SITES; i++)
        assert_int_equal(plan_add_site(plan, SITE + 16 * i, NULL), 0);
    plan_sort(plan);
}

static void make_task(struct guest *guest, unsigned task, const char *name)
{
    put(guest, THREADS + 64 * task + 8, TASKS + 64 * task);
    put(guest, TASKS + 64 * task, SPACES + 64 * task);
    put_text(guest, TASKS + 64 * task + 4, name);
}

static void run_task(struct guest *guest, unsigned task)
{
    put(guest, THREAD, THREADS + 64 * task);
}

static struct guest *guest_make(void)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    assert_non_null(guest);
    make_plan(guest);
    make_task(guest, 0, "gnumach");
    run_task(guest, 0);
    put(guest, CACHES, CACHES); /* an empty list */
    guest->log = tmpfile();
    assert_non_null(guest->log);
    return guest;
}

static void guest_observe(struct guest *guest)
{
    struct error error;

    guest->observer = observer_open(&guest->plan, dup(fileno(guest->log)),
                                    &(struct observer_guest){read_guest, guest}, &error);
    assert_non_null(guest->observer);
}

/* Ends the log and reads it, counters left out unless they are wanted. */
static const char *guest_log(struct guest *guest, bool counters)
{
    char *line = NULL;
    size_t room = 0, used = 0;

    observer_close(guest->observer);
    rewind(guest->log);
    guest->text = calloc(1, LOG_MAX);
    assert_non_null(guest->text);
    while (getline(&line, &room, guest->log) > 0) {
        if (line[0] == 'Q' && !counters)
            continue;
        assert_true(used + strlen(line) < LOG_MAX);
        memcpy(guest->text + used, line, strlen(line));
        used += strlen(line);
    }
    free(line);
    return guest->text;
}

static void guest_free(struct guest *guest)
{
    fclose(guest->log);
    plan_free(&guest->plan);
    free(guest->text);
    free(guest);
}

/* CALL begins with its return address, to the site SITE_NUMBER, at POINTER. */
static void enter(struct guest *guest, unsigned call, uint32_t pointer, unsigned site,
                  const uint32_t *arguments, unsigned nr)
{
    put(guest, pointer, SITE + 16 * site);
    for (unsigned i = 0; i < nr; i++)
        put(guest, pointer + 4 + 4 * i, arguments[i]);
    observer_enter(guest->observer, call, ++guest->time,
                   &(struct observer_registers){.stack = pointer});
}

#define ENTER(guest, call, pointer, site, ...)                                                     \
    enter(guest, PLAN_CALL_##call, pointer, site, (uint32_t[]){__VA_ARGS__},                       \
          sizeof((uint32_t[]){__VA_ARGS__}) / 4)

static void leave(struct guest *guest, uint32_t pointer, unsigned site, uint32_t result)
{
    observer_return(guest->observer, SITE + 16 * site, ++guest->time,
                    &(struct observer_registers){.stack = pointer + 4, .result = result});
}

/* ---- Calls ---- */

static void test_nested(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800, other = STACKS + STACK + 0x800;

    (void)state;
    guest_observe(guest);
    ENTER(guest, KALLOC, top, 0, 0x40);
    ENTER(guest, CACHE_ALLOC, top - 64, 1, 0xabc);
    ENTER(guest, KFREE, other, 2, 0x10, 0x20); /* another thread is no part of it */
    ENTER(guest, PAGE_GRAB, top - 128, 3, 4);
    leave(guest, top - 128, 3, 0x111);
    leave(guest, other, 2, 0x999); /* returns nothing */
    leave(guest, top - 64, 1, 0x222);
    leave(guest, top, 0, 0x333);
    assert_string_equal(guest_log(guest, false),
                        "event-log 1\n"
                        "T c0002000 c0003000 gnumach\n"
                        "5 c0002000 vm_page_grab kmem_cache_alloc 4 = 111\n"
                        "6 c0002000 kfree - 10 20 = 0\n"
                        "7 c0002000 kmem_cache_alloc kalloc abc = 222\n"
                        "8 c0002000 kalloc - 40 = 333\n"
                        "end 4 8\n");
    guest_free(guest);
}

/* What never returned is no parent of what uses its place on the stack, and does not return. */
static void test_stale(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800;

    (void)state;
    guest_observe(guest);
    ENTER(guest, KALLOC, top - 64, 0, 1);
    ENTER(guest, CACHE_ALLOC, top - 128, 1, 2);
    ENTER(guest, KFREE, top, 2, 3, 4); /* above both: they are gone */
    ENTER(guest, PAGE_GRAB, top - 128, 3, 5);
    leave(guest, top - 128, 3, 6);
    leave(guest, top - 128, 1, 7); /* the site of a call that is gone */
    leave(guest, top - 64, 0, 8);
    leave(guest, top, 3, 9); /* the place of a call, and not its site */
    leave(guest, top, 2, 0);
    leave(guest, top, 2, 0); /* a second time */
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "5 c0002000 vm_page_grab kfree 5 = 6\n"
                                                 "9 c0002000 kfree - 3 4 = 0\n"
                                                 "end 2 9\n");
    guest_free(guest);
}

/* A return from an outer call takes along what is open inside it. */
static void test_unwound(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800;

    (void)state;
    guest_observe(guest);
    ENTER(guest, KALLOC, top, 0, 1);
    ENTER(guest, CACHE_ALLOC, top - 64, 1, 2);
    leave(guest, top, 0, 3);
    leave(guest, top - 64, 1, 4);
    observer_enter(guest->observer, PLAN_CALL_KALLOC, 9,
                   &(struct observer_registers){.stack = 0x1000}); /* no memory is there */
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "3 c0002000 kalloc - 1 = 3\n"
                                                 "end 1 9\n");
    guest_free(guest);
}

/* A call that returns to a place which is no known one is not waited for. */
static void test_no_site(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800;

    (void)state;
    guest_observe(guest);
    ENTER(guest, KALLOC, top, NR_SITES, 1);
    ENTER(guest, CACHE_ALLOC, top - 64, 1, 2);
    leave(guest, top - 64, 1, 3);
    leave(guest, top, NR_SITES, 4);
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "3 c0002000 kmem_cache_alloc - 2 = 3\n"
                                                 "end 1 3\n");
    guest_free(guest);
}

/* On amd64 parameters come in registers, and a pointer has eight bytes. */
static void test_amd64(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800;

    (void)state;
    guest->plan.word = 8;
    guest->plan.calls[PLAN_CALL_CACHE_ALLOC].parameters[0] = 8;
    guest->plan.calls[PLAN_CALL_CACHE_ALLOC].result = 8;
    put(guest, THREAD, 0); /* no thread yet: no task */
    guest_observe(guest);
    put(guest, top, SITE);
    put(guest, top + 4, 0);
    observer_enter(guest->observer, PLAN_CALL_CACHE_ALLOC, 1,
                   &(struct observer_registers){.stack = top, .arguments = {0xffff800012345678}});
    observer_return(guest->observer, SITE, 2,
                    &(struct observer_registers){.stack = top + 8, .result = 0xffff8000aaaa0000});
    put(guest, top, SITE);
    observer_enter(guest->observer, PLAN_CALL_PAGE_GRAB, 3,
                   &(struct observer_registers){.stack = top, .arguments = {0xffff800100000004}});
    observer_return(guest->observer, SITE, 4,
                    &(struct observer_registers){.stack = top + 8, .result = 0x1200000007});
    assert_string_equal(guest_log(guest, false),
                        "event-log 1\n"
                        "2 0 kmem_cache_alloc - ffff800012345678 = ffff8000aaaa0000\n"
                        "4 0 vm_page_grab - 4 = 7\n"
                        "end 2 4\n");
    guest_free(guest);
}

/* What stands after the result, and lines that stand where a call begins. */
static void test_more(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800, space = SPACES + 0x100;

    (void)state;
    place(guest, PLAN_GC_LAST_TICK, TICK, 4);
    guest_observe(guest);
    put_text(guest, BASE + 0x800, "ipc_port");
    ENTER(guest, CACHE_INIT, top, 0, 0x1, BASE + 0x800, 0x50, 0, 0);
    leave(guest, top, 0, 0);
    put(guest, BASE + 0x900, 0xd0000000);
    ENTER(guest, ALLOC_WIRED, top, 0, 1, BASE + 0x900, 0x2000);
    leave(guest, top, 0, 0);
    ENTER(guest, ALLOC_WIRED, top, 0, 1, BASE + 0x900, 0x2000);
    leave(guest, top, 0, 3);                               /* refused: there is no range */
    ENTER(guest, LOOKUP, top - 64, 1, space + 4, 0x17, 0); /* of no known space */
    put(guest, BASE + 0x904, space);
    ENTER(guest, SPACE_CREATE, top, 0, BASE + 0x904);
    leave(guest, top, 0, 0);
    ENTER(guest, LOOKUP, top - 64, 1, space + 4, 0x17, 0);
    ENTER(guest, REMOVE, top, 0, space + 4, 0x89abcdef, 0x12);
    leave(guest, top, 0, 0);
    ENTER(guest, SPACE_DESTROY, top, 0, space);
    ENTER(guest, KFREE, top - 64, 1, 5, 6);
    leave(guest, top - 64, 1, 0);
    leave(guest, top, 0, 0);
    enter(guest, PLAN_CALL_COLLECT, top, 0, NULL, 0);
    put(guest, TICK, 1);
    leave(guest, top, 0, 0);
    enter(guest, PLAN_CALL_COLLECT, top, 0, NULL, 0);
    leave(guest, top, 0, 0);
    assert_string_equal(guest_log(guest, false),
                        "event-log 1\n"
                        "T c0002000 c0003000 gnumach\n"
                        "2 c0002000 kmem_cache_init - 1 c0000800 50 0 0 = 0 ipc_port\n"
                        "4 c0002000 kmem_alloc_wired - 1 c0000900 2000 = 0 at d0000000\n"
                        "6 c0002000 kmem_alloc_wired - 1 c0000900 2000 = 3\n"
                        "9 c0002000 ipc_space_create - c0000904 = 0 sp c0003100\n"
                        "10 c0002000 name_lookup - c0003100 17\n"
                        "12 c0002000 rdxtree_remove - c0003104 89abcdef 12 = 0\n"
                        "13 c0002000 ipc_space_destroy c0003100\n"
                        "15 c0002000 kfree ipc_space_destroy 5 6 = 0\n"
                        "18 c0002000 slab_collect - = 0 reaped 1\n"
                        "20 c0002000 slab_collect - = 0 reaped 0\n"
                        "end 10 20\n");
    guest_free(guest);
}

/* A task is named before its first line, and again when it has become another. */
static void test_tasks(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800;

    (void)state;
    make_task(guest, 1, "ext2fs");
    guest_observe(guest);
    for (unsigned i = 0; i < 5; i++) {
        run_task(guest, i & 1);
        if (i == 3)
            make_task(guest, 1, "exec");
        ENTER(guest, KALLOC, top, 0, i);
        leave(guest, top, 0, 1);
    }
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "2 c0002000 kalloc - 0 = 1\n"
                                                 "T c0002040 c0003040 ext2fs\n"
                                                 "4 c0002040 kalloc - 1 = 1\n"
                                                 "6 c0002000 kalloc - 2 = 1\n"
                                                 "T c0002040 c0003040 exec\n"
                                                 "8 c0002040 kalloc - 3 = 1\n"
                                                 "10 c0002000 kalloc - 4 = 1\n"
                                                 "end 5 10\n");
    guest_free(guest);
}

/* ---- Names ---- */

static void make_entry(struct guest *guest, unsigned entry, uint32_t next)
{
    put(guest, ENTRIES + 16 * entry, 0x100 + entry);
    put(guest, ENTRIES + 16 * entry + 4, next);
}

static void store_head(struct guest *guest, uint32_t space, uint32_t head)
{
    put(guest, space + 16, head);
    observer_store(guest->observer, space + 16, ++guest->time);
}

static void test_names(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800, space = SPACES + 0x100;

    (void)state;
    guest_observe(guest);
    make_entry(guest, 1, 0);
    store_head(guest, space, ENTRIES + 16); /* of no known space */
    put(guest, BASE + 0x904, space);
    ENTER(guest, SPACE_CREATE, top, 0, BASE + 0x904); /* with one free name */
    leave(guest, top, 0, 0);
    make_entry(guest, 2, ENTRIES + 16);
    store_head(guest, space, ENTRIES + 32); /* 2 is freed */
    store_head(guest, space, ENTRIES + 32); /* nothing */
    store_head(guest, space, ENTRIES + 16); /* 2 is taken */
    store_head(guest, space, 0);            /* 1 is taken */
    make_entry(guest, 3, 0);
    store_head(guest, space, ENTRIES + 48);          /* 3 is freed, as the only one */
    observer_store(guest->observer, space + 12, 99); /* another member */
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "3 c0002000 ipc_space_create - c0000904 = 0 sp "
                                                 "c0003100\n"
                                                 "4 c0002000 name_push - c0003100 102\n"
                                                 "6 c0002000 name_pop - c0003100 102\n"
                                                 "7 c0002000 name_pop - c0003100 101\n"
                                                 "8 c0002000 name_push - c0003100 103\n"
                                                 "end 5 8\n");
    guest_free(guest);
}

/* ---- Marks and ends ---- */

static void print(struct guest *guest, const char *text)
{
    put_text(guest, BASE + 0x7f9, text); /* across a line of 16 bytes */
    ENTER(guest, PRINT, STACKS + 0x800, 0, BASE + 0x7f9);
}

static void test_marks(void **state)
{
    struct guest *guest = guest_make();

    (void)state;
    guest->plan.until = strdup("all done");
    guest_observe(guest);
    print(guest, "portstorm: rights=2");
    print(guest, "mark: filled  \n");
    print(guest, "mark:-half way");
    print(guest, "a mark: none");
    assert_false(observer_ended(guest->observer));
    print(guest, "mark: all done\n");
    assert_true(observer_ended(guest->observer));
    print(guest, "mark: too late");
    ENTER(guest, KALLOC, STACKS + 0x800, 0, 1);
    leave(guest, STACKS + 0x800, 0, 2);
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "M 2 c0002000 mark: filled\n"
                                                 "M 3 c0002000 mark: half way\n"
                                                 "M 5 c0002000 mark: all done\n"
                                                 "# ended: mark all done\n"
                                                 "end 0 5\n");
    guest_free(guest);
}

static void test_panic(void **state)
{
    struct guest *guest = guest_make();

    (void)state;
    guest_observe(guest);
    put_text(guest, BASE + 0x800, "kern/slab.c");
    put_text(guest, BASE + 0x820, "kmem_error");
    put_text(guest, BASE + 0x840, "slab: %s\n");
    ENTER(guest, PANIC, STACKS + 0x800, 0, BASE + 0x800, 77, BASE + 0x820, BASE + 0x840);
    assert_string_equal(guest_log(guest, false),
                        "event-log 1\n"
                        "# ended: the guest panicked: kern/slab.c:77: kmem_error: slab: %s\n"
                        "end 0 1\n");
    guest_free(guest);
}

static void test_halt(void **state)
{
    static const char *const reasons[] = {"powered off", "rebooted"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct guest *guest = guest_make();
        char expected[80];

        guest_observe(guest);
        ENTER(guest, HALT, STACKS + 0x800, 0, i);
        snprintf(expected, sizeof(expected), "event-log 1\n# ended: the guest %s\nend 0 1\n",
                 reasons[i]);
        assert_string_equal(guest_log(guest, false), expected);
        guest_free(guest);
    }
}

static void tick(struct guest *guest)
{
    enter(guest, PLAN_CALL_TICK, STACKS + 0x800, 0, NULL, 0);
}

/* A page asked for in vain is no progress; nor does time count before there are tasks. */
static void test_idle(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + STACK + 0x800;

    (void)state;
    guest->plan.idle_ticks = 3;
    guest_observe(guest);
    for (unsigned i = 0; i < 10; i++)
        tick(guest);
    ENTER(guest, KALLOC, top, 0, 1);
    leave(guest, top, 0, 2);
    for (unsigned i = 0; i < 3; i++) /* the first sees the call */
        tick(guest);
    assert_false(observer_ended(guest->observer));
    ENTER(guest, PAGE_GRAB, top, 0, 1);
    leave(guest, top, 0, 0);
    tick(guest);
    assert_true(observer_ended(guest->observer));
    assert_string_equal(guest_log(guest, false), "event-log 1\n"
                                                 "T c0002000 c0003000 gnumach\n"
                                                 "12 c0002000 kalloc - 1 = 2\n"
                                                 "17 c0002000 vm_page_grab - 1 = 0\n"
                                                 "# ended: no progress: 3 clock ticks without a "
                                                 "call that did anything\n"
                                                 "end 2 18\n");
    guest_free(guest);
}

static void test_time_limit(void **state)
{
    struct guest *guest = guest_make();

    (void)state;
    guest->plan.guest_time = 2;
    guest_observe(guest);
    tick(guest);
    assert_false(observer_ended(guest->observer));
    tick(guest);
    assert_string_equal(guest_log(guest, false),
                        "event-log 1\n# ended: guest time limit\nend 0 2\n");
    guest_free(guest);
}

/* ---- Counters ---- */

#define CACHE(number) (BASE + 0x5000 + 0x100 * (number))

static void make_counters(struct guest *guest)
{
    static const unsigned cache[] = {
        PLAN_CACHE_SLAB_SIZE,     PLAN_CACHE_BUFS_PER_SLAB, PLAN_CACHE_NR_OBJS,
        PLAN_CACHE_NR_FREE_SLABS, PLAN_CACHE_OBJ_SIZE,      PLAN_CACHE_ALIGN,
        PLAN_CACHE_BUF_SIZE,      PLAN_CACHE_NR_BUFS,       PLAN_CACHE_NR_SLABS,
        PLAN_CACHE_FLAGS,
    };

    place(guest, PLAN_LIST_NEXT, 0, 4);
    place(guest, PLAN_CACHE_NODE, 8, 8);
    place(guest, PLAN_CACHE_NAME, 64, 32);
    for (unsigned i = 0; i < sizeof(cache) / sizeof(cache[0]); i++) {
        place(guest, cache[i], 16 + 4 * i, 4);
        put(guest, CACHE(0) + 16 + 4 * i, 10 + i);
    }
    put_text(guest, CACHE(0) + 64, "kmem_cache");
    put(guest, CACHES, CACHE(0) + 8);
    put(guest, CACHE(0) + 8, CACHE(1) + 8);
    put(guest, CACHE(1) + 8, CACHES);

    place(guest, PLAN_SEGMENT, 0, 0x100);
    place(guest, PLAN_SEGMENT_START, 0, 4);
    place(guest, PLAN_SEGMENT_END, 4, 4);
    place(guest, PLAN_SEGMENT_FREE, 8, 4);
    place(guest, PLAN_SEGMENT_POOL, 12, 4);
    place(guest, PLAN_SEGMENT_ACTIVE, 16, 4);
    place(guest, PLAN_INACTIVE_INTERNAL, 20, 4);
    place(guest, PLAN_INACTIVE_EXTERNAL, 24, 4);
    place(guest, PLAN_FREE_LIST, 0, 12);
    place(guest, PLAN_SEGMENT_LISTS, 32, 3 * 12);
    place(guest, PLAN_SEGMENT_LIST, 32, 4);
    put(guest, NR_SEGS, 1);
    for (unsigned i = 0; i < 7; i++)
        put(guest, SEGS + 4 * i, 0x1000 * (i + 1));
    for (unsigned i = 0; i < 3; i++)
        put(guest, SEGS + 32 + 12 * i, 7 + i);

    place(guest, PLAN_MAP_START, 0, 4);
    place(guest, PLAN_MAP_END, 4, 4);
    place(guest, PLAN_MAP_ENTRIES, 8, 4);
    place(guest, PLAN_MAP_SIZE, 12, 4);
    put(guest, MAP, BASE + 0x6000);
    for (unsigned i = 0; i < 4; i++)
        put(guest, BASE + 0x6000 + 4 * i, 0x100 + i);
}

#define COUNTERS(time)                                                                             \
    "Q time " time "\n"                                                                            \
    "Q cache c0005000 kmem_cache flags 13 slab_size 10 bufs_per_slab 11 nr_objs 12 nr_free_slabs " \
    "13 obj_size 14 align 15 buf_size 16 nr_bufs 17 nr_slabs 18\n"                                 \
    "Q cache c0005100 ? flags 0 slab_size 0 bufs_per_slab 0 nr_objs 0 nr_free_slabs 0 obj_size 0 " \
    "align 0 buf_size 0 nr_bufs 0 nr_slabs 0\n"                                                    \
    "Q seg 0 start 1000 end 2000 free 12288 pool 16384 orders 7 8 9 0 0 0 0 0 0 0 0 active 20480 " \
    "inactive 53248\n"                                                                             \
    "Q kernel_map min 100 max 101 entries 258 size 259\n"

/* Counters are read after the first call, every so many, and at marks; and never inside a call,
 * unless its return address is no longer where it was. */
static void test_counters(void **state)
{
    struct guest *guest = guest_make();
    const uint32_t top = STACKS + 0x800, other = top + STACK, third = other + STACK;

    (void)state;
    guest->plan.truth_every = 2;
    make_counters(guest);
    guest_observe(guest);
    ENTER(guest, KALLOC, top, 0, 1);
    leave(guest, top, 0, 1);
    ENTER(guest, KALLOC, top, 0, 2);
    ENTER(guest, KALLOC, other, 1, 3);
    leave(guest, other, 1, 3);
    ENTER(guest, KALLOC, other, 1, 4);
    leave(guest, other, 1, 4); /* due, but a call is open on the other stack */
    ENTER(guest, KALLOC, other, 1, 5);
    ENTER(guest, KALLOC, third, 2, 6);
    put(guest, top, 0);        /* which now is seen to be gone */
    leave(guest, other, 1, 5); /* but a third is open */
    leave(guest, third, 2, 6);
    assert_string_equal(guest_log(guest, true),
                        "event-log 1\n"
                        "T c0002000 c0003000 gnumach\n"
                        "2 c0002000 kalloc - 1 = 1\n" COUNTERS(
                            "2") "5 c0002000 kalloc - 3 = 3\n"
                                 "7 c0002000 kalloc - 4 = 4\n"
                                 "10 c0002000 kalloc - 5 = 5\n"
                                 "11 c0002000 kalloc - 6 = 6\n" COUNTERS("11") "end 5 11\n");
    guest_free(guest);
}

/* ---- Random sequences ---- */

#define NR_STACKS 3
#define NR_TASKS  3
#define SLOTS     24 /* places for return addresses on a stack, 64 bytes apart */
#define FRAMES    (NR_STACKS * SLOTS)
#define NR_CALLS  4
#define NR_NAMES  16

struct open_call {
    bool open;
    unsigned call, site, parent;
    uint32_t arguments[2];
};

struct model {
    struct guest *guest;
    uint32_t random;
    struct open_call calls[NR_STACKS][SLOTS]; /* slot 0 is the outermost */
    bool named[NR_TASKS];
    unsigned task, last_task;           /* last_task: of the last line; NR_TASKS: none */
    unsigned names[NR_NAMES], nr_names; /* free names, the last one first */
    uint64_t lines;
    char *text;
    size_t used;
};

static const unsigned some_calls[NR_CALLS] = {PLAN_CALL_KALLOC, PLAN_CALL_KFREE,
                                              PLAN_CALL_CACHE_ALLOC, PLAN_CALL_PAGE_GRAB};

static unsigned below(struct model *model, unsigned limit)
{
    model->random = model->random * 1664525u + 1013904223u;
    return (unsigned)((uint64_t)(model->random >> 8) * limit >> 24);
}

static void say(struct model *model, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct model *model, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    model->used +=
        (size_t)vsnprintf(model->text + model->used, LOG_MAX - model->used, format, arguments);
    va_end(arguments);
    assert_true(model->used < LOG_MAX);
}

static void say_task(struct model *model)
{
    if (model->task != model->last_task && !model->named[model->task])
        say(model, "T %x %x task%u\n", TASKS + 64 * model->task, SPACES + 64 * model->task,
            model->task);
    model->named[model->task] = true;
    model->last_task = model->task;
}

static void say_call(struct model *model, const char *event, const char *parent)
{
    say_task(model);
    model->lines++;
    say(model, "%llu %x %s %s", (unsigned long long)model->guest->time, TASKS + 64 * model->task,
        event, parent);
}

static uint32_t slot_pointer(unsigned stack, unsigned slot)
{
    return STACKS + stack * STACK + STACK - 64 * (slot + 1);
}

static void step_enter(struct model *model)
{
    unsigned stack = below(model, NR_STACKS), slot = below(model, SLOTS);
    struct open_call *calls = model->calls[stack], *call = &calls[slot];

    *call = (struct open_call){true,
                               some_calls[below(model, NR_CALLS)],
                               below(model, NR_SITES),
                               PLAN_CALLS_NR,
                               {below(model, 1000), below(model, 1000)}};
    for (unsigned i = slot + 1; i < SLOTS; i++)
        calls[i].open = false;
    for (unsigned i = 0; i < slot; i++)
        if (calls[i].open)
            call->parent = calls[i].call;
    enter(model->guest, call->call, slot_pointer(stack, slot), call->site, call->arguments, 2);
}

/* At a site, mostly one that is waited for. */
static void step_return(struct model *model)
{
    unsigned stack = below(model, NR_STACKS), slot = below(model, SLOTS);
    struct open_call *call = &model->calls[stack][slot];
    unsigned site = below(model, 8) == 0 ? below(model, NR_SITES) : call->site;
    uint32_t result = below(model, 1 << 20);

    leave(model->guest, slot_pointer(stack, slot), site, result);
    if (!call->open || call->site != site)
        return;
    for (unsigned i = slot; i < SLOTS; i++)
        model->calls[stack][i].open = false;
    say_call(model, plan_call_names[call->call].event,
             call->parent == PLAN_CALLS_NR ? "-" : plan_call_names[call->parent].event);
    for (unsigned i = 0; plan_call_names[call->call].parameters[i] != '\0'; i++)
        say(model, " %x", call->arguments[i]);
    say(model, " = %x\n", call->call == PLAN_CALL_KFREE ? 0 : result);
}

/* A name is freed or taken, and its space told, or a store changes nothing. */
static void step_name(struct model *model)
{
    const uint32_t space = SPACES + 0x100;
    uint32_t head = model->nr_names == 0 ? 0 : ENTRIES + 16 * model->names[model->nr_names - 1];
    unsigned what = below(model, 3), name = below(model, NR_NAMES);
    bool there = false;

    for (unsigned i = 0; i < model->nr_names; i++)
        there = there || model->names[i] == name;
    if (what == 0 && !there) {
        make_entry(model->guest, name, head);
        store_head(model->guest, space, ENTRIES + 16 * name);
        model->names[model->nr_names++] = name;
        say_call(model, "name_push", "-");
        say(model, " %x %x\n", space, 0x100 + name);
    } else if (what == 1 && model->nr_names != 0) {
        name = model->names[--model->nr_names];
        store_head(model->guest, space,
                   model->nr_names == 0 ? 0 : ENTRIES + 16 * model->names[model->nr_names - 1]);
        say_call(model, "name_pop", "-");
        say(model, " %x %x\n", space, 0x100 + name);
    } else {
        store_head(model->guest, space, head);
    }
}

static void step_mark(struct model *model)
{
    char text[40];

    snprintf(text, sizeof(text), "mark: m%u\n", below(model, 100));
    put_text(model->guest, BASE + 0x7f9, text);
    ENTER(model->guest, PRINT, BASE + 0xf00, 0, BASE + 0x7f9); /* no stack of the others */
    say_task(model);
    say(model, "M %llu %x %s", (unsigned long long)model->guest->time, TASKS + 64 * model->task,
        text);
}

static void step(struct model *model)
{
    unsigned what = below(model, 100);

    if (what < 45)
        step_enter(model);
    else if (what < 85)
        step_return(model);
    else if (what < 93)
        step_name(model);
    else if (what < 94)
        step_mark(model);
    else
        run_task(model->guest, model->task = below(model, NR_TASKS));
}

static void run_random(uint32_t seed, unsigned steps)
{
    struct model *model = calloc(1, sizeof(*model));
    struct guest *guest = guest_make();
    const uint32_t space = SPACES + 0x100, top = BASE + 0xe00;

    assert_non_null(model);
    model->guest = guest;
    model->random = seed;
    model->last_task = NR_TASKS;
    model->text = malloc(LOG_MAX);
    assert_non_null(model->text);
    for (unsigned i = 0; i < NR_TASKS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "task%u", i);
        make_task(guest, i, name);
    }
    guest_observe(guest);
    say(model, "event-log 1\n");
    put(guest, BASE + 0x904, space);
    ENTER(guest, SPACE_CREATE, top, 0, BASE + 0x904);
    leave(guest, top, 0, 0);
    say_call(model, "ipc_space_create", "-");
    say(model, " %x = 0 sp %x\n", BASE + 0x904, space);
    for (unsigned i = 0; i < steps; i++)
        step(model);
    tick(guest); /* the log ends at the time of the last thing seen */
    say(model, "end %llu %llu\n", (unsigned long long)model->lines,
        (unsigned long long)guest->time);
    if (strcmp(guest_log(guest, false), model->text) != 0)
        print_error("seed %u\n", seed);
    assert_string_equal(guest->text, model->text);
    free(model->text);
    free(model);
    guest_free(guest);
}

static void test_random(void **state)
{
    uint32_t seed = (uint32_t)time(NULL);

    (void)state;
    print_message("seeds from %u\n", seed);
    for (uint32_t i = 0; i < 20; i++)
        run_random(seed + i, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),     cmocka_unit_test(test_stale),
        cmocka_unit_test(test_unwound),    cmocka_unit_test(test_no_site),
        cmocka_unit_test(test_amd64),      cmocka_unit_test(test_more),
        cmocka_unit_test(test_tasks),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_marks),      cmocka_unit_test(test_panic),
        cmocka_unit_test(test_halt),       cmocka_unit_test(test_idle),
        cmocka_unit_test(test_time_limit), cmocka_unit_test(test_counters),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("observer", tests, NULL, NULL);
}
