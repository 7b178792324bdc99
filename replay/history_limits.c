/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 3: how many rights a kernel holds.
 */

#include "replay/history_private.h"

int history_limits(struct history *history, struct error *error)
{
    (void)history;
    (void)error;
    return 0;
}
