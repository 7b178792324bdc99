/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef TRACES_CAPTURE_COMMAND_H
#define TRACES_CAPTURE_COMMAND_H

/* allotrope capture ... Returns the exit status. */
int capture_command(int argc, char **argv);

#endif
