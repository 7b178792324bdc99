/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Many tasks and spaces come and go: what a kernel goes through when programs start and end all
 * day.
 *
 * COUNT times a task is made in a slot of its own, chosen at random among LIVE; the one that was
 * there ends first. A task gets up to RIGHTS receive rights, some send rights to ports of this task
 * (these go by the address of the port, in the space's reverse map), a few pages of memory and
 * sometimes a thread, which never runs. Some of its rights are destroyed while it lives. Then it
 * ends, and the kernel takes all of it apart. Tasks without rights are in the mix: half of all have
 * few.
 */

#include "guest.h"
#include "rpc.h"

enum {
    MOST_LIVE = 256,
    NR_SERVICES = 16, /* ports of this task that the others have send rights to */
    FEW_RIGHTS = 4,
    MOST_PAGES = 8,
};

struct spaces {
    struct guest *guest;
    uint32_t random;
    uint32_t rights;
    mach_name services[NR_SERVICES];
    mach_name tasks[MOST_LIVE]; /* 0 where none is */
};

static void give_rights(struct spaces *spaces, mach_name task)
{
    struct guest *guest = spaces->guest;
    uint32_t most = guest_random_below(&spaces->random, 2) ? FEW_RIGHTS : spaces->rights;
    uint32_t nr_rights = guest_random_below(&spaces->random, most + 1);

    for (uint32_t i = 0; i < nr_rights; i++) {
        mach_name name;

        guest_need(guest, mach_port_allocate(task, MACH_RIGHT_RECEIVE, &name),
                   "mach_port_allocate");
        if (guest_random_below(&spaces->random, 4) == 0)
            guest_need(guest, rpc_port_destroy(guest->reply, task, name), "mach_port_destroy");
    }
}

/* Names of the caller's choice, from 1000 on: the kernel's own are small at this size. */
static void give_services(struct spaces *spaces, mach_name task)
{
    uint32_t nr_services = guest_random_below(&spaces->random, NR_SERVICES + 1);

    for (uint32_t i = 0; i < nr_services; i++)
        guest_need(
            spaces->guest,
            mach_port_insert_right(task, 0x100000 + i, spaces->services[i], MACH_TYPE_MAKE_SEND),
            "mach_port_insert_right");
}

static void give_memory(struct spaces *spaces, mach_name task)
{
    uint32_t pages = guest_random_below(&spaces->random, MOST_PAGES + 1);
    uintptr_t address = 0;

    if (pages)
        guest_need(spaces->guest, vm_allocate(task, &address, (size_t)pages * MACH_PAGE, 1),
                   "vm_allocate");
}

static void give_thread(struct spaces *spaces, mach_name task)
{
    struct guest *guest = spaces->guest;
    mach_name thread = 0;

    if (guest_random_below(&spaces->random, 4) != 0)
        return;
    guest_need(guest, rpc_thread_create(guest->reply, task, &thread), "thread_create");
    guest_need(guest, mach_port_deallocate(guest->task, thread), "mach_port_deallocate");
}

static void begin(struct spaces *spaces, uint32_t slot)
{
    mach_name task = 0;

    guest_need(spaces->guest, task_create(spaces->guest->task, 0, &task), "task_create");
    spaces->tasks[slot] = task;
    give_rights(spaces, task);
    give_services(spaces, task);
    give_memory(spaces, task);
    give_thread(spaces, task);
}

static void end(struct spaces *spaces, uint32_t slot)
{
    struct guest *guest = spaces->guest;

    if (!spaces->tasks[slot])
        return;
    guest_need(guest, task_terminate(spaces->tasks[slot]), "task_terminate");
    guest_need(guest, mach_port_deallocate(guest->task, spaces->tasks[slot]),
               "mach_port_deallocate");
    spaces->tasks[slot] = 0;
}

void guest_main(struct guest *guest, int argc, char *const *argv)
{
    struct spaces spaces = {.guest = guest, .random = 1, .rights = 100};
    uint32_t count = 2000;
    uint32_t live = 32;
    const struct guest_option options[] = {
        {"count", &count, UINT32_MAX},
        {"rights", &spaces.rights, 1u << 20},
        {"live", &live, MOST_LIVE},
        {"seed", &spaces.random, UINT32_MAX},
    };

    guest_options(guest, options, sizeof(options) / sizeof(options[0]), argc, argv);
    live += live == 0;
    for (uint32_t i = 0; i < NR_SERVICES; i++)
        guest_need(guest, mach_port_allocate(guest->task, MACH_RIGHT_RECEIVE, &spaces.services[i]),
                   "mach_port_allocate");

    guest_mark("start");
    for (uint32_t n = 0; n < count; n++) {
        uint32_t slot = guest_random_below(&spaces.random, live);

        end(&spaces, slot);
        begin(&spaces, slot);
        if (n + 1 == count / 2)
            guest_mark("half");
    }
    guest_mark("made");
    for (uint32_t slot = 0; slot < live; slot++)
        end(&spaces, slot);
    guest_mark("ended");
}
