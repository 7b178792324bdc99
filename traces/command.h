/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The command `allotrope trace` with its subcommands.
 */

#ifndef TRACES_COMMAND_H
#define TRACES_COMMAND_H

/* ARGV[0] is "trace". Returns the exit status: 0 fine, 1 error, 2 usage. */
int trace_command(int argc, char **argv);

#endif
