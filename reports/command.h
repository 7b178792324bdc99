/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The commands that compare and export results. ARGV[0] is the command's name. They return the exit
 * status.
 */

#ifndef REPORTS_COMMAND_H
#define REPORTS_COMMAND_H

int bench_command(int argc, char **argv);
int compare_command(int argc, char **argv);
int export_command(int argc, char **argv);

#endif
