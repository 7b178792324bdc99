/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls of the kernel that go by messages, written by hand.
 *
 * Mach's interface generator would make them from the kernel's definitions, but it is a program for
 * another system's packages, and these few are small: a header, then for each argument a
 * descriptor and its value. An answer's id is the question's plus 100; its first
 * argument is the result, its second, if any, what was asked for. The kernel makes a message in its
 * own memory for each direction, which is part of what a capture is to see.
 */

#include "rpc.h"

/* Ids of the kernel's calls: subsystems `mach`, `mach_host`, `device` and `mach_port`. */
enum {
    ID_THREAD_TERMINATE = 2016,
    ID_THREAD_CREATE = 2061,
    ID_HOST_REBOOT = 2635,
    ID_DEVICE_OPEN = 2800,
    ID_DEVICE_CLOSE = 2801,
    ID_DEVICE_WRITE = 2802,
    ID_DEVICE_READ = 2804,
    ID_PORT_DESTROY = 3205,
    ID_ANSWER = 100,
};

/* An answer that is none: the project's own number, outside the kernel's. */
enum { RESULT_BAD_ANSWER = -1 };

struct message {
    struct mach_header header;
    struct mach_argument body[4];
};

/* The header of a message of SIZE bytes that calls ID of PORT. */
static struct mach_header question(mach_name reply, mach_name port, uint32_t id, size_t size)
{
    return (struct mach_header){
        .bits = MACH_BITS(MACH_TYPE_COPY_SEND, MACH_TYPE_MAKE_SEND_ONCE),
        .size = (uint32_t)size,
        .remote = port,
        .local = reply,
        .id = id,
    };
}

/* Sends the message at HEADER and takes the answer, of up to ROOM bytes, in its place. */
static mach_result ask(struct mach_header *header, size_t room)
{
    uint32_t id = header->id;
    mach_result result = mach_msg_trap(header, MACH_SEND | MACH_RECEIVE, header->size,
                                       (uint32_t)room, (mach_name)header->local, 0, 0);

    if (result)
        return result;
    return header->id == id + ID_ANSWER ? 0 : RESULT_BAD_ANSWER;
}

/* Calls ID of PORT with the NR_ARGUMENTS arguments that are in the body; what comes back is there
 * then. */
static mach_result call(struct message *message, mach_name reply, mach_name port, uint32_t id,
                        size_t nr_arguments)
{
    mach_result result;

    message->header = question(reply, port, id,
                               sizeof(message->header) + nr_arguments * sizeof(message->body[0]));
    result = ask(&message->header, sizeof(*message));
    return result ? result : (mach_result)message->body[0].value;
}

mach_result rpc_port_destroy(mach_name reply, mach_name task, mach_name name)
{
    struct message message = {.body = {MACH_ARGUMENT(MACH_TYPE_NAME, name)}};

    return call(&message, reply, task, ID_PORT_DESTROY, 1);
}

mach_result rpc_thread_create(mach_name reply, mach_name task, mach_name *thread)
{
    struct message message = {0};
    mach_result result = call(&message, reply, task, ID_THREAD_CREATE, 0);

    if (!result)
        *thread = (mach_name)message.body[1].value;
    return result;
}

mach_result rpc_thread_terminate(mach_name reply, mach_name thread)
{
    struct message message = {0};

    return call(&message, reply, thread, ID_THREAD_TERMINATE, 0);
}

mach_result rpc_host_reboot(mach_name reply, mach_name host)
{
    struct message message = {.body = {MACH_ARGUMENT(MACH_TYPE_INTEGER, 0)}};

    return call(&message, reply, host, ID_HOST_REBOOT, 1);
}

/* ---- Devices ---- */

#ifndef __x86_64__ /* the kernels for amd64 have no drivers of disks */

enum { DEVICE_READ = 1, DEVICE_WRITE = 2 };
enum { DEVICE_NAME = 128 };

mach_result rpc_device_open(mach_name reply, mach_name master, const char *name, mach_name *device)
{
    union {
        struct {
            struct mach_header header;
            struct mach_argument mode;
            struct mach_descriptor descriptor;
            char name[DEVICE_NAME];
        } question;
        struct message answer;
    } open = {
        .question.mode = MACH_ARGUMENT(MACH_TYPE_INTEGER, DEVICE_READ | DEVICE_WRITE),
        .question.descriptor = {MACH_INLINE | MACH_LONG, MACH_TYPE_STRING, 8 * DEVICE_NAME, 1},
    };
    mach_result result;

    for (size_t i = 0; name[i] && i < DEVICE_NAME - 1; i++)
        open.question.name[i] = name[i];
    open.question.header = question(reply, master, ID_DEVICE_OPEN, sizeof(open.question));
    result = ask(&open.answer.header, sizeof(open));
    if (!result)
        result = (mach_result)open.answer.body[0].value;
    if (!result)
        *device = (mach_name)open.answer.body[1].value;
    return result;
}

mach_result rpc_device_read(mach_name reply, mach_name device, uint32_t record, uint32_t size,
                            uintptr_t *address, uint32_t *got)
{
    union {
        struct message question;
        struct {
            struct mach_header header;
            struct mach_argument result;
            struct mach_descriptor descriptor;
            uintptr_t address;
        } answer;
    } read = {
        .question.body = {MACH_ARGUMENT(MACH_TYPE_INTEGER, DEVICE_READ),
                          MACH_ARGUMENT(MACH_TYPE_INTEGER, record),
                          MACH_ARGUMENT(MACH_TYPE_INTEGER, size)},
    };
    mach_result result = call(&read.question, reply, device, ID_DEVICE_READ, 3);

    if (!result) {
        *address = read.answer.address;
        *got = read.answer.descriptor.count;
    }
    return result;
}

mach_result rpc_device_write(mach_name reply, mach_name device, uint32_t record, uintptr_t address,
                             uint32_t size, uint32_t *done)
{
    union {
        struct {
            struct mach_header header;
            struct mach_argument mode, record;
            struct mach_descriptor descriptor;
            uintptr_t address;
        } question;
        struct message answer;
    } write = {
        .question =
            {
                .mode = MACH_ARGUMENT(MACH_TYPE_INTEGER, DEVICE_WRITE),
                .record = MACH_ARGUMENT(MACH_TYPE_INTEGER, record),
                .descriptor = MACH_BYTES(0, size),
                .address = address,
            },
    };
    mach_result result;

    write.question.header = question(reply, device, ID_DEVICE_WRITE, sizeof(write.question));
    write.question.header.bits |= MACH_BITS_COMPLEX;
    result = ask(&write.answer.header, sizeof(write));
    if (!result)
        result = (mach_result)write.answer.body[0].value;
    if (!result)
        *done = (uint32_t)write.answer.body[1].value;
    return result;
}

mach_result rpc_device_close(mach_name reply, mach_name device)
{
    struct message message = {0};

    return call(&message, reply, device, ID_DEVICE_CLOSE, 0);
}

#endif
