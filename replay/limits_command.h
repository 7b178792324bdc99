/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `allotrope limits`.
 */

#ifndef REPLAY_LIMITS_COMMAND_H
#define REPLAY_LIMITS_COMMAND_H

/* ARGV[0] is "limits". Returns the exit status: 0 fine, 1 error, 2 usage. */
int limits_command(int argc, char **argv);

#endif
