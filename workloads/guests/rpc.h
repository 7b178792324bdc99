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

/* Opens the device NAME for reading and writing. MASTER is the kernel's port for devices. */
mach_result rpc_device_open(mach_name reply, mach_name master, const char *name, mach_name *device);
/* SIZE bytes from sector RECORD on, in fresh memory, which is the caller's: GOT bytes at ADDRESS.
 */
mach_result rpc_device_read(mach_name reply, mach_name device, uint32_t record, uint32_t size,
                            uintptr_t *address, uint32_t *got);
mach_result rpc_device_write(mach_name reply, mach_name device, uint32_t record, uintptr_t address,
                             uint32_t size, uint32_t *done);
mach_result rpc_device_close(mach_name reply, mach_name device);

#endif
