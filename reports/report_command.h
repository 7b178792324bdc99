/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef REPORTS_REPORT_COMMAND_H
#define REPORTS_REPORT_COMMAND_H

/* The command `allotrope report`; returns the exit status. */
int report_command(int argc, char **argv);

#endif
