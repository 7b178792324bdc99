/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Calls of the kernel that go by messages: see rpc.c. */

#ifndef GUESTS_RPC_H
#define GUESTS_RPC_H

#include "mach.h"

/* All of them wait for the answer at REPLY, a port of mach_reply_port, and return what it says. */

/* Destroys NAME in TASK, with all that it stands for: a port, if it is a receive right. */
mach_result rpc_port_destroy(mach_name reply, mach_name task, mach_name name);

/* A new thread in TASK. It is suspended and never runs unless it is resumed. */
mach_result rpc_thread_create(mach_name reply, mach_name task, mach_name *thread);
mach_result rpc_thread_terminate(mach_name reply, mach_name thread);

/* Reboots. HOST is the host's privileged port. Does not return if it succeeds. */
mach_result rpc_host_reboot(mach_name reply, mach_name host);

#endif
