/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads and writes blocks of the first IDE disk, through the driver in the kernel; or of the first
 * RAM disk, which is a boot module (`ram`).
 *
 * A file system is a program of another system's packages; but what it asks of the kernel is only
 * this: open the disk, read pages of it into fresh memory, write them back. Each of it takes
 * messages, pages, ranges of the kernel map and the driver's own memory, and each lets the calling
 * thread wait for the disk, which no other guest does.
 *
 * First all blocks are read in order, then blocks at random are read or written, then all are read
 * again. A block that is written is made of the number of the write, the block and the seed, and
 * remembered, so that the last pass can tell that each block is what it should be; the sums of both
 * passes are said, so that who has the image can tell it too. Rounds are counted, never timed.
 */

#include "guest.h"
#include "rpc.h"

enum {
    SECTOR = 512, /* what the kernel counts a disk in */
    BLOCK_SECTORS = MACH_PAGE / SECTOR,
    BLOCK_WORDS = MACH_PAGE / 4,
    MOST_BLOCKS = 1u << 20, /* 4 GiB */
    MOST_RUN = 8,           /* blocks at a time */
};

struct storm {
    struct guest *guest;
    mach_name disk;
    uint32_t blocks;
    uint32_t random;
    uint32_t seed;
    uint32_t writes;   /* so far */
    uint32_t *written; /* for each block the write that it is from, or 0 */
    uint32_t *page;    /* MOST_RUN blocks */
};

/* A word of a block that this program wrote. */
static uint32_t word_of(const struct storm *storm, uint32_t block, uint32_t word)
{
    uint32_t state = storm->seed ^ storm->written[block] * 2654435761u ^ (block << 10 | word);

    return guest_random(&state);
}

/* Sum of a block, in which the place of each word counts; whether it is what was written, if it
 * was. */
static uint32_t look_at(const struct storm *storm, const uint32_t *words, uint32_t block,
                        uint32_t *wrong)
{
    uint32_t sum = 0;
    int same = 1;

    for (uint32_t i = 0; i < BLOCK_WORDS; i++) {
        sum = sum * 31 + words[i];
        same = same && (!storm->written[block] || words[i] == word_of(storm, block, i));
    }
    *wrong += !same;
    return sum;
}

/* The sum of NR blocks from BLOCK on. */
static uint32_t read_run(struct storm *storm, uint32_t block, uint32_t nr)
{
    struct guest *guest = storm->guest;
    uint32_t sum = 0, wrong = 0, size = nr * MACH_PAGE, got = 0;
    uintptr_t address = 0;

    guest_need(
        guest,
        rpc_device_read(guest->reply, storm->disk, block * BLOCK_SECTORS, size, &address, &got),
        "device_read");
    guest_need(guest, got != size, "a short read");
    for (uint32_t i = 0; i < nr; i++)
        sum +=
            look_at(storm, (const uint32_t *)address + (size_t)i * BLOCK_WORDS, block + i, &wrong);
    guest_need(guest, (mach_result)wrong, "blocks that are not what was written");
    guest_need(guest, vm_deallocate(guest->task, address, size), "vm_deallocate");
    return sum;
}

static void write_run(struct storm *storm, uint32_t block, uint32_t nr)
{
    struct guest *guest = storm->guest;
    uint32_t done = 0;

    storm->writes++;
    for (uint32_t i = 0; i < nr; i++) {
        storm->written[block + i] = storm->writes;
        for (uint32_t k = 0; k < BLOCK_WORDS; k++)
            storm->page[i * BLOCK_WORDS + k] = word_of(storm, block + i, k);
    }
    guest_need(guest,
               rpc_device_write(guest->reply, storm->disk, block * BLOCK_SECTORS,
                                (uintptr_t)storm->page, nr * MACH_PAGE, &done),
               "device_write");
    guest_need(guest, done != nr * MACH_PAGE, "a short write");
}

static uint32_t read_all(struct storm *storm)
{
    uint32_t sum = 0;

    for (uint32_t block = 0; block < storm->blocks; block += MOST_RUN) {
        uint32_t left = storm->blocks - block;

        sum += read_run(storm, block, left < MOST_RUN ? left : MOST_RUN);
    }
    return sum;
}

static void mix(struct storm *storm, uint32_t write_percent)
{
    uint32_t block = guest_random_below(&storm->random, storm->blocks);
    uint32_t nr = 1 + guest_random_below(&storm->random, MOST_RUN);

    if (nr > storm->blocks - block)
        nr = storm->blocks - block;
    if (guest_random_below(&storm->random, 100) < write_percent)
        write_run(storm, block, nr);
    else
        read_run(storm, block, nr);
}

void guest_main(struct guest *guest, int argc, char *const *argv)
{
    struct storm storm = {.guest = guest, .blocks = 256, .seed = 1};
    uint32_t port = 0, rounds = 500, writes = 30, ram = 0;
    const char *name;
    const struct guest_option options[] = {
        {"device-port", &port, UINT32_MAX}, {"blocks", &storm.blocks, MOST_BLOCKS},
        {"rounds", &rounds, UINT32_MAX},    {"writes", &writes, 100},
        {"seed", &storm.seed, UINT32_MAX},  {"ram", &ram, 1},
    };

    guest_options(guest, options, sizeof(options) / sizeof(options[0]), argc, argv);
    storm.blocks += storm.blocks == 0;
    storm.random = storm.seed;
    storm.written = guest_memory(guest, storm.blocks * sizeof(storm.written[0]));
    storm.page = guest_memory(guest, (size_t)MOST_RUN * MACH_PAGE);
    name = ram ? "rd0" : "hd0";
    guest_need(guest, rpc_device_open(guest->reply, port, name, &storm.disk), name);

    guest_mark("start");
    guest_say("%s: sum %x of %u blocks", guest->name, read_all(&storm), storm.blocks);
    guest_mark("read");
    for (uint32_t i = 0; i < rounds; i++)
        mix(&storm, writes);
    guest_mark("mixed");
    guest_say("%s: sum %x after %u writes", guest->name, read_all(&storm), storm.writes);
    guest_mark("checked");
    guest_need(guest, rpc_device_close(guest->reply, storm.disk), "device_close");
}
