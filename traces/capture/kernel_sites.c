/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Call sites: the instructions that a call of an observed function comes back to.
 *
 * No disassembler is needed. A direct call is the byte e8 and the distance to its target, and that
 * four bytes anywhere else happen to be the distance to one of some thirty functions is so unlikely
 * that it does not happen; if it did, the observer would look once more at an instruction and find
 * that nothing returns there.
 *
 * A compiler may also end a function with a jump to an observed one, which then returns to where
 * the jumping function was called: its call sites count too, and those of whatever jumps to it.
 */

#include <stdlib.h>
#include <string.h>

#include "traces/capture/kernel_private.h"

#define TARGETS_MAX 512

struct sites {
    const struct kernel *kernel;
    struct plan *plan;
    struct error *error;
    uint64_t targets[TARGETS_MAX];
    unsigned nr_targets;
};

static bool is_target(const struct sites *sites, uint64_t address)
{
    for (unsigned i = 0; i < sites->nr_targets; i++)
        if (sites->targets[i] == address)
            return true;
    return false;
}

static void add_target(struct sites *sites, uint64_t address)
{
    if (address != 0 && !is_target(sites, address) && sites->nr_targets < TARGETS_MAX)
        sites->targets[sites->nr_targets++] = address;
}

static uint64_t destination(const struct kernel *kernel, size_t after)
{
    int32_t distance;
    uint64_t address;

    memcpy(&distance, kernel->text + after - 4, 4);
    address = kernel->text_address + after + (uint64_t)(int64_t)distance;
    return kernel->word == 4 ? (uint32_t)address : address;
}

/* The length of a jump's opcode at AT; 0: no jump. */
static size_t jump_opcode(const struct kernel *kernel, size_t at)
{
    if (kernel->text[at] == 0xe9)
        return 1;
    if (kernel->text[at] == 0x0f && at + 6 <= kernel->text_size &&
        (kernel->text[at + 1] & 0xf0) == 0x80)
        return 2;
    return 0;
}

/* Functions that jump to a target become targets. */
static void find_jumps(struct sites *sites)
{
    const struct kernel *kernel = sites->kernel;

    for (size_t at = 0; at + 5 <= kernel->text_size; at++) {
        size_t opcode = jump_opcode(kernel, at);
        struct kernel_symbol from;
        uint64_t to;

        if (opcode == 0)
            continue;
        to = destination(kernel, at + opcode + 4);
        if (is_target(sites, to) && kernel_function_at(kernel, kernel->text_address + at, &from) &&
            from.address != to)
            add_target(sites, from.address);
    }
}

static int find_calls(struct sites *sites)
{
    const struct kernel *kernel = sites->kernel;

    for (size_t at = 0; at + 5 <= kernel->text_size; at++) {
        if (kernel->text[at] != 0xe8 || !is_target(sites, destination(kernel, at + 5)))
            continue;
        if (plan_add_site(sites->plan, kernel->text_address + at + 5, sites->error) != 0)
            return -1;
    }
    return 0;
}

int kernel_sites(const struct kernel *kernel, struct plan *plan, struct error *error)
{
    struct sites sites = {.kernel = kernel, .plan = plan, .error = error};
    unsigned before;

    for (unsigned i = 0; i < PLAN_CALLS_NR; i++)
        if (i != PLAN_CALL_PRINT && i != PLAN_CALL_PANIC && i != PLAN_CALL_HALT &&
            i != PLAN_CALL_TICK)
            add_target(&sites, plan->calls[i].address);
    do {
        before = sites.nr_targets;
        find_jumps(&sites);
    } while (sites.nr_targets != before);
    if (find_calls(&sites) != 0)
        return -1;
    if (plan->nr_sites == 0)
        return error_set(error, "%s: no call of an observed function in .text", kernel->path);
    return 0;
}
