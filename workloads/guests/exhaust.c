/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Allocates receive rights until it fails or the kernel stops, to find how many a kernel holds.
 *
 * Kernels end differently: some return an error, and then the guest knows the number. Others put
 * the thread to sleep for memory that nobody will free, and what is known is what was said before.
 * A mark every STEP rights tells how far it got; since talking allocates nothing and a run is like
 * the other, a second run that says every right from the last mark on (`fine-from`) tells it to one
 * right.
 */

#include "guest.h"

void guest_main(struct guest *guest, int argc, char *const *argv)
{
    uint32_t step = 5000;
    uint32_t fine_from = UINT32_MAX;
    uint32_t most = UINT32_MAX;
    uint32_t rights = 0;
    mach_result result = 0;
    const struct guest_option options[] = {
        {"step", &step, UINT32_MAX},
        {"fine-from", &fine_from, UINT32_MAX},
        {"most", &most, UINT32_MAX},
    };

    guest_options(guest, options, sizeof(options) / sizeof(options[0]), argc, argv);
    guest_mark("start");
    while (rights < most) {
        mach_name name;

        result = mach_port_allocate(guest->task, MACH_RIGHT_RECEIVE, &name);
        if (result)
            break;
        rights++;
        if (rights >= fine_from || (step && rights % step == 0))
            guest_mark("rights %u", rights);
    }
    if (result)
        guest_say("%s: mach_port_allocate: error %x", guest->name, (uint32_t)result);
    guest_mark("stopped at %u", rights);
}
