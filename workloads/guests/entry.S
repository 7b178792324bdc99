/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where a guest begins, and how it calls the kernel.
 *
 * GNU Mach starts a bootstrap task with the stack pointer at argc, as a System V program is started,
 * so the start is to hand that pointer on. A call of the kernel is a far call through a gate that the
 * kernel set up at selector 7, with the call's number in eax and the arguments on the stack above a
 * return address. That is where a C caller has put them: a stub is three instructions.
 */

    .text

    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    movl %esp, %eax
    andl $-16, %esp
    subl $12, %esp
    pushl %eax
    call guest_start
    hlt
    .size _start, . - _start

    .macro trap name, number
    .globl \name
    .type \name, @function
\name:
    movl $\number, %eax
    lcall $7, $0
    ret
    .size \name, . - \name
    .endm

    trap mach_msg_trap, -25
    trap mach_reply_port, -26
    trap mach_task_self, -28
    trap mach_print, -30
    trap vm_allocate, -65
    trap vm_deallocate, -66
    trap task_create, -68
    trap task_terminate, -69
    trap mach_port_allocate, -72
    trap mach_port_deallocate, -73
    trap mach_port_insert_right, -74

    .section .note.GNU-stack, "", @progbits
