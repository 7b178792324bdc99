/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What of Mach's interface the guests use: calls, numbers and layouts, for i386 and amd64. There is
 * no C library and no kernel header behind it, so that the guests build wherever the project
 * builds.
 *
 * What has a trap is called by it (entry.S): it costs no message, and so no allocation but its own.
 * The rest goes by messages (rpc.h).
 */

#ifndef GUESTS_MACH_H
#define GUESTS_MACH_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t mach_name;  /* of a right, in a task's space; 0 is none */
typedef int32_t mach_result; /* 0 is success */

enum { MACH_PAGE = 4096 };

/* Kinds of rights. */
enum { MACH_RIGHT_RECEIVE = 1 };

/* What a message's type descriptor says about a datum. */
enum mach_type {
    MACH_TYPE_BOOLEAN = 0,
    MACH_TYPE_INTEGER = 2,
    MACH_TYPE_BYTE = 9,
    MACH_TYPE_STRING = 12,
    MACH_TYPE_NAME = 15,
    MACH_TYPE_COPY_SEND = 19,
    MACH_TYPE_MAKE_SEND = 20,
    MACH_TYPE_MAKE_SEND_ONCE = 21,
};

/* Options of mach_msg_trap. */
enum { MACH_SEND = 1, MACH_RECEIVE = 2, MACH_SEND_TIMEOUT = 0x10, MACH_RECEIVE_TIMEOUT = 0x100 };

/* Bits of a message's header: what becomes of the two rights in it, and that its body has more. */
#define MACH_BITS(remote, local) ((uint32_t)(remote) | (uint32_t)(local) << 8)
#define MACH_BITS_COMPLEX        0x80000000u

struct mach_header {
    uint32_t bits;
    uint32_t size;    /* of the whole message, in bytes */
    uintptr_t remote; /* where it goes; in a received one, where an answer would go */
    uintptr_t local;  /* where an answer is awaited */
    uint32_t sequence;
    uint32_t id;
};

/*
 * What is in a message is preceded by a descriptor: what it is, of how many bits, how many of them,
 * and whether they follow or are pointed at. The short one of i386 counts to 4095 only.
 */
#ifdef __x86_64__

#define MACH_INLINE     (1u << 29)
#define MACH_WORD(kind) (MACH_INLINE | 32u << 8 | (kind))

struct mach_descriptor {
    uint32_t kind_and_bits; /* kind, bits << 8, flags */
    uint32_t count;
};

/* An argument of one word. */
struct mach_argument {
    uint32_t descriptor;
    uint32_t count;
    uintptr_t value;
};
#define MACH_ARGUMENT(kind, value)                                                                 \
    {                                                                                              \
        MACH_WORD(kind), 1, value                                                                  \
    }
#define MACH_BYTES(flags, count)                                                                   \
    {                                                                                              \
        (flags) | 8u << 8 | MACH_TYPE_BYTE, count                                                  \
    }

#else

#define MACH_INLINE     (1u << 28)
#define MACH_LONG       (1u << 29)
#define MACH_WORD(kind) (MACH_INLINE | 1u << 16 | 32u << 8 | (kind))

struct mach_descriptor {
    uint32_t flags;
    uint16_t kind;
    uint16_t bits;
    uint32_t count;
};

/* An argument of one word. */
struct mach_argument {
    uint32_t descriptor;
    uintptr_t value;
};
#define MACH_ARGUMENT(kind, value)                                                                 \
    {                                                                                              \
        MACH_WORD(kind), value                                                                     \
    }
#define MACH_BYTES(flags, count)                                                                   \
    {                                                                                              \
        MACH_LONG | (flags), MACH_TYPE_BYTE, 8, count                                              \
    }

#endif

/*
 * Sends the SEND_SIZE bytes at MESSAGE, or receives up to RECEIVE_SIZE bytes there from the port
 * NAME, or both in this order. TIMEOUT is in milliseconds, and counts if OPTIONS says so.
 */
mach_result mach_msg_trap(void *message, uint32_t options, uint32_t send_size,
                          uint32_t receive_size, mach_name name, uint32_t timeout,
                          mach_name notify);

mach_name mach_reply_port(void);   /* a new port to receive answers from */
mach_name mach_task_self(void);    /* a send right to the task, one reference more */
void mach_print(const char *text); /* to the kernel's console */

mach_result vm_allocate(mach_name task, uintptr_t *address, size_t size, uint32_t anywhere);
mach_result vm_deallocate(mach_name task, uintptr_t address, size_t size);

/* A new task without threads, and with a copy of PARENT's memory if INHERIT. */
mach_result task_create(mach_name parent, uint32_t inherit, mach_name *task);
mach_result task_terminate(mach_name task);

mach_result mach_port_allocate(mach_name task, uint32_t right, mach_name *name);
mach_result mach_port_deallocate(mach_name task,
                                 mach_name name); /* one reference of a send right */
/* Gives TASK, under NAME, the caller's RIGHT, as KIND (an `enum mach_type`) says. */
mach_result mach_port_insert_right(mach_name task, mach_name name, mach_name right, uint32_t kind);

#endif
