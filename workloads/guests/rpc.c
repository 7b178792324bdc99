/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls of the kernel that go by messages, written by hand.
 *
 * Mach's interface generator would make them from the kernel's definitions, but it is a program for
 * another system's packages, and these few are small: a header, then for each argument a word that
 * tells its type and a word that is its value. An answer's id is the question's plus 100; its first
 * argument is the result, its second, if any, what was asked for. The kernel makes a message in its
 * own memory for each direction, which is part of what a capture is to see.
 */

#include "rpc.h"

/* Ids of the kernel's calls: subsystems `mach`, `mach_host` and `mach_port`. */
enum {
    ID_THREAD_TERMINATE = 2016,
    ID_THREAD_CREATE = 2061,
    ID_HOST_REBOOT = 2635,
    ID_PORT_DESTROY = 3205,
    ID_ANSWER = 100,
};

/* An answer that is none: the project's own number, outside the kernel's. */
enum { RESULT_BAD_ANSWER = -1 };

struct message {
    struct mach_header header;
    uint32_t body[8];
};

/* Calls ID of PORT with the NR_WORDS words that are in the body; what comes back is there then. */
static mach_result call(struct message *message, mach_name reply, mach_name port, uint32_t id,
                        size_t nr_words)
{
    uint32_t size = (uint32_t)(sizeof(message->header) + nr_words * sizeof(message->body[0]));
    mach_result result;

    message->header = (struct mach_header){
        .bits = MACH_BITS(MACH_TYPE_COPY_SEND, MACH_TYPE_MAKE_SEND_ONCE),
        .size = size,
        .remote = port,
        .local = reply,
        .id = id,
    };
    result = mach_msg_trap(message, MACH_SEND | MACH_RECEIVE, size, sizeof(*message), reply, 0, 0);
    if (result)
        return result;
    if (message->header.id != id + ID_ANSWER)
        return RESULT_BAD_ANSWER;
    return (mach_result)message->body[1];
}

mach_result rpc_port_destroy(mach_name reply, mach_name task, mach_name name)
{
    struct message message = {.body = {MACH_DESCRIPTOR(MACH_TYPE_NAME, 32, 1), name}};

    return call(&message, reply, task, ID_PORT_DESTROY, 2);
}

mach_result rpc_thread_create(mach_name reply, mach_name task, mach_name *thread)
{
    struct message message = {0};
    mach_result result = call(&message, reply, task, ID_THREAD_CREATE, 0);

    if (!result)
        *thread = message.body[3];
    return result;
}

mach_result rpc_thread_terminate(mach_name reply, mach_name thread)
{
    struct message message = {0};

    return call(&message, reply, thread, ID_THREAD_TERMINATE, 0);
}

mach_result rpc_host_reboot(mach_name reply, mach_name host)
{
    struct message message = {.body = {MACH_DESCRIPTOR(MACH_TYPE_INTEGER, 32, 1), 0}};

    return call(&message, reply, host, ID_HOST_REBOOT, 2);
}
