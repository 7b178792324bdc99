/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A storm of port rights: what a space and the caches of ports and messages go through when a
 * server gets many clients and loses them again.
 *
 *     start      allocates RIGHTS receive rights
 *     filled     RIGHTS times: destroys one at random, allocates one
 *     churned    destroys 7 of 8, which leaves slabs and tree nodes nearly empty but not free
 *     thinned    allocates as many again, each with a send right to it
 *     refilled   destroys all, in the order of the array and not of the names
 *     destroyed
 *
 * Rights are allocated by trap and destroyed by message, as a program with a C library would.
 */

#include "guest.h"
#include "rpc.h"

enum { KEEP_ONE_OF = 8 };

struct storm {
    struct guest *guest;
    mach_name *names;
    uint32_t rights;
    uint32_t random;
};

static void allocate(struct storm *storm, uint32_t i)
{
    guest_need(storm->guest,
               mach_port_allocate(storm->guest->task, MACH_RIGHT_RECEIVE, &storm->names[i]),
               "mach_port_allocate");
}

static void destroy(struct storm *storm, uint32_t i)
{
    guest_need(storm->guest,
               rpc_port_destroy(storm->guest->reply, storm->guest->task, storm->names[i]),
               "mach_port_destroy");
}

static void churn(struct storm *storm)
{
    for (uint32_t n = 0; n < storm->rights; n++) {
        uint32_t i = guest_random_below(&storm->random, storm->rights);

        destroy(storm, i);
        allocate(storm, i);
    }
}

static void thin_out(struct storm *storm)
{
    for (uint32_t i = 0; i < storm->rights; i++) {
        if (i % KEEP_ONE_OF != 0)
            destroy(storm, i);
    }
}

static void refill(struct storm *storm)
{
    struct guest *guest = storm->guest;

    for (uint32_t i = 0; i < storm->rights; i++) {
        if (i % KEEP_ONE_OF == 0)
            continue;
        allocate(storm, i);
        guest_need(guest,
                   mach_port_insert_right(guest->task, storm->names[i], storm->names[i],
                                          MACH_TYPE_MAKE_SEND),
                   "mach_port_insert_right");
    }
}

void guest_main(struct guest *guest, int argc, char *const *argv)
{
    struct storm storm = {.guest = guest, .rights = 20000, .random = 1};
    const struct guest_option options[] = {
        {"rights", &storm.rights, 1u << 24},
        {"seed", &storm.random, UINT32_MAX},
    };

    guest_options(guest, options, sizeof(options) / sizeof(options[0]), argc, argv);
    storm.names = guest_memory(guest, (size_t)storm.rights * sizeof(*storm.names) + 1);

    guest_mark("start");
    for (uint32_t i = 0; i < storm.rights; i++)
        allocate(&storm, i);
    guest_mark("filled");
    churn(&storm);
    guest_mark("churned");
    thin_out(&storm);
    guest_mark("thinned");
    refill(&storm);
    guest_mark("refilled");
    for (uint32_t i = 0; i < storm.rights; i++)
        destroy(&storm, i);
    guest_mark("destroyed");
}
