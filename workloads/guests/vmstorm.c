/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Pressure on the kernel's map and on pages, by what a program without privileges can ask for.
 *
 * The kernel's map is reached through messages: one that is longer than the largest of the kernel's
 * caches for general memory is a range of that map for as long as it is queued. So messages of all
 * lengths up to 512 KiB are queued at ports and received in another order, which makes holes of all
 * sizes. Pages come and go with regions of the task's own memory that are touched, split and given
 * back, and with messages that carry a region's pages by reference, of which one is written to
 * afterwards, so that it is copied. Threads, which never run, bring kernel stacks.
 *
 *     start     ROUNDS steps, each one of these at random
 *     mixed     everything is received, given back and ended
 *     drained
 *
 * At most PAGES pages of regions are touched at a time, for without a pager the kernel cannot get
 * any back. What is queued holds up to as much again and more: 80 messages, of a region or 512 KiB
 * each.
 */

#include "guest.h"
#include "rpc.h"

enum {
    NR_REGIONS = 64,
    MOST_REGION_PAGES = 64,
    NR_PORTS = 16,
    QUEUE_LIMIT = 5, /* of a port, as the kernel makes it: another message would wait */
    NR_THREADS = 16,
    MESSAGE_DOUBLINGS = 14, /* lengths from 32 to 32 << 14: 512 KiB */
    LONG_DOUBLINGS = 3,
    LONG_ONE_OF = 3,
    MESSAGE_OVERHEAD = 36, /* a header and a long descriptor */
    MESSAGE_MOST = (32 << MESSAGE_DOUBLINGS) + 4096,
};

struct region {
    uintptr_t address;
    uint32_t pages; /* 0: none */
};

struct queue {
    mach_name port;
    uint32_t nr_messages;
};

struct storm {
    struct guest *guest;
    uint32_t random;
    uint32_t pages; /* the most to be touched */
    uint32_t touched;
    struct region regions[NR_REGIONS];
    struct queue queues[NR_PORTS];
    mach_name threads[NR_THREADS]; /* 0 where none is */
    struct mach_header *message;   /* MESSAGE_MOST bytes */
};

/* A body of memory by reference: the long descriptor and where it is. */
struct reference {
    struct mach_header header;
    uint32_t descriptor;
    uint16_t kind;
    uint16_t bits;
    uint32_t count;
    uintptr_t address;
};

static uint32_t below(struct storm *storm, uint32_t most)
{
    return guest_random_below(&storm->random, most);
}

static void touch(uintptr_t address, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        *(volatile uint32_t *)(address + (uintptr_t)i * MACH_PAGE) = i;
}

static void give_back(struct storm *storm, struct region *region, uint32_t first, uint32_t pages)
{
    guest_need(storm->guest,
               vm_deallocate(storm->guest->task, region->address + (uintptr_t)first * MACH_PAGE,
                             (size_t)pages * MACH_PAGE),
               "vm_deallocate");
    storm->touched -= pages;
    region->pages -= pages;
}

/* Makes a region in an empty slot; halves that of another, from above, or gives it back. */
static void step_region(struct storm *storm)
{
    struct region *region = &storm->regions[below(storm, NR_REGIONS)];
    uint32_t pages = 1 + below(storm, MOST_REGION_PAGES);

    if (region->pages > 1 && below(storm, 2)) {
        give_back(storm, region, region->pages / 2, region->pages - region->pages / 2);
    } else if (region->pages) {
        give_back(storm, region, 0, region->pages);
    } else if (storm->touched + pages <= storm->pages) {
        region->address = 0;
        guest_need(storm->guest,
                   vm_allocate(storm->guest->task, &region->address, (size_t)pages * MACH_PAGE, 1),
                   "vm_allocate");
        region->pages = pages;
        storm->touched += pages;
        touch(region->address, pages);
    }
}

/* A page that came by reference is written to, which copies it; then all of them are given back. */
static void take_reference(struct storm *storm, const struct reference *reference)
{
    touch(reference->address, 1);
    guest_need(storm->guest,
               vm_deallocate(storm->guest->task, reference->address, reference->count),
               "vm_deallocate");
}

static void receive(struct storm *storm, struct queue *queue)
{
    if (!queue->nr_messages)
        return;
    guest_need(storm->guest,
               mach_msg_trap(storm->message, MACH_RECEIVE, 0, MESSAGE_MOST, queue->port, 0, 0),
               "receive");
    queue->nr_messages--;
    if (storm->message->bits & MACH_BITS_COMPLEX)
        take_reference(storm, (struct reference *)storm->message);
}

/* Queues the SIZE bytes at MESSAGE; when the queue is full one is received instead. */
static void send(struct storm *storm, struct mach_header *message, uint32_t size, uint32_t bits)
{
    struct queue *queue = &storm->queues[below(storm, NR_PORTS)];

    if (queue->nr_messages == QUEUE_LIMIT) {
        receive(storm, queue);
        return;
    }
    message->bits = MACH_BITS(MACH_TYPE_MAKE_SEND, 0) | bits;
    message->size = size;
    message->remote = queue->port;
    message->local = 0;
    message->id = 0;
    guest_need(storm->guest, mach_msg_trap(message, MACH_SEND, size, 0, 0, 0, 0), "send");
    queue->nr_messages++;
}

/*
 * A message of plain bytes. All doublings of its length are equally likely, so that most messages
 * are small; one in LONG_ONE_OF is of the longest LONG_DOUBLINGS, around where ranges of the map
 * begin.
 */
static void step_message(struct storm *storm)
{
    uint32_t doubling = below(storm, LONG_ONE_OF)
                            ? below(storm, MESSAGE_DOUBLINGS)
                            : MESSAGE_DOUBLINGS - 1 - below(storm, LONG_DOUBLINGS);
    uint32_t floor = 32u << doubling;
    uint32_t count = (floor + below(storm, floor)) & ~3u;
    uint32_t *body = (uint32_t *)(storm->message + 1);

    body[0] = MACH_INLINE | MACH_LONG;
    body[1] = MACH_TYPE_BYTE | 8u << 16;
    body[2] = count;
    send(storm, storm->message, MESSAGE_OVERHEAD + count, 0);
}

static void step_reference(struct storm *storm)
{
    const struct region *region = &storm->regions[below(storm, NR_REGIONS)];
    struct reference reference = {
        .descriptor = MACH_LONG,
        .kind = MACH_TYPE_BYTE,
        .bits = 8,
        .count = region->pages * MACH_PAGE,
        .address = region->address,
    };

    if (region->pages)
        send(storm, &reference.header, sizeof(reference), MACH_BITS_COMPLEX);
}

static void end_thread(struct storm *storm, mach_name *thread)
{
    struct guest *guest = storm->guest;

    if (!*thread)
        return;
    guest_need(guest, rpc_thread_terminate(guest->reply, *thread), "thread_terminate");
    guest_need(guest, mach_port_deallocate(guest->task, *thread), "mach_port_deallocate");
    *thread = 0;
}

static void step_thread(struct storm *storm)
{
    mach_name *thread = &storm->threads[below(storm, NR_THREADS)];

    if (*thread)
        end_thread(storm, thread);
    else
        guest_need(storm->guest, rpc_thread_create(storm->guest->reply, storm->guest->task, thread),
                   "thread_create");
}

static void step(struct storm *storm)
{
    uint32_t kind = below(storm, 16);

    if (kind < 5)
        step_region(storm);
    else if (kind < 9)
        step_message(storm);
    else if (kind < 11)
        step_reference(storm);
    else if (kind < 15)
        receive(storm, &storm->queues[below(storm, NR_PORTS)]);
    else
        step_thread(storm);
}

static void drain(struct storm *storm)
{
    for (uint32_t i = 0; i < NR_PORTS; i++) {
        while (storm->queues[i].nr_messages)
            receive(storm, &storm->queues[i]);
    }
    for (uint32_t i = 0; i < NR_REGIONS; i++) {
        if (storm->regions[i].pages)
            give_back(storm, &storm->regions[i], 0, storm->regions[i].pages);
    }
    for (uint32_t i = 0; i < NR_THREADS; i++)
        end_thread(storm, &storm->threads[i]);
}

void guest_main(struct guest *guest, int argc, char *const *argv)
{
    struct storm storm = {.guest = guest, .random = 1, .pages = 2048};
    uint32_t rounds = 20000;
    const struct guest_option options[] = {
        {"rounds", &rounds, UINT32_MAX},
        {"pages", &storm.pages, 1u << 20},
        {"seed", &storm.random, UINT32_MAX},
    };

    guest_options(guest, options, sizeof(options) / sizeof(options[0]), argc, argv);
    storm.message = guest_memory(guest, MESSAGE_MOST);
    for (uint32_t i = 0; i < NR_PORTS; i++)
        guest_need(guest,
                   mach_port_allocate(guest->task, MACH_RIGHT_RECEIVE, &storm.queues[i].port),
                   "mach_port_allocate");

    guest_mark("start");
    for (uint32_t n = 0; n < rounds; n++)
        step(&storm);
    guest_mark("mixed");
    drain(&storm);
    guest_mark("drained");
}
