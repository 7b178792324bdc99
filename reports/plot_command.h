/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef REPORTS_PLOT_COMMAND_H
#define REPORTS_PLOT_COMMAND_H

/* `allotrope plot`. Returns the exit status. */
int plot_command(int argc, char **argv);

#endif
