/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command `allotrope trace compare`. It is here and not with the other commands of traces
 * because it can replay, which traces know nothing of.
 */

#ifndef REPLAY_TRACE_COMPARE_COMMAND_H
#define REPLAY_TRACE_COMPARE_COMMAND_H

/* ARGV[0] is "compare". Returns the exit status: 0 fine, 1 error, 2 usage. */
int trace_compare_command(int argc, char **argv);

#endif
