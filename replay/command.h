/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The commands `allotrope replay` and `allotrope stacks`.
 */

#ifndef REPLAY_COMMAND_H
#define REPLAY_COMMAND_H

/* ARGV[0] is the command's name. Each returns the exit status. */
int replay_command(int argc, char **argv);
int stacks_command(int argc, char **argv);

#endif
