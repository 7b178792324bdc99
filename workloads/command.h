/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The commands of this folder.
 */

#ifndef WORKLOADS_COMMAND_H
#define WORKLOADS_COMMAND_H

int generate_command(int argc, char **argv);
int workload_command(int argc, char **argv);

#endif
