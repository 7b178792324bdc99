/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where a guest begins, and how it calls the kernel.
 *
 * GNU Mach starts a bootstrap task with the stack pointer at argc, as a System V program is started,
 * so the start is to hand that pointer on. A call of the kernel is, on i386, a far call through a gate
 * that the kernel set up at selector 7, with the call's number in eax and the arguments on the stack
 * above a return address. On amd64 it is the instruction for it, with arguments in registers, of which
 * the instruction itself needs the fourth; a seventh is on the stack. Either is where a C caller has
 * put them, so that a stub is three or four instructions.
 */

    .text

    .globl _start
    .type _start, @function
_start:
#ifdef __x86_64__
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $-16, %rsp
#else
    xorl %ebp, %ebp
    movl %esp, %eax
    andl $-16, %esp
    subl $12, %esp
    pushl %eax
#endif
    call guest_start
    hlt
    .size _start, . - _start

    .macro trap name, number
    .globl \name
    .type \name, @function
\name:
#ifdef __x86_64__
    movq %rcx, %r10
    movq $\number, %rax
    syscall
#else
    movl $\number, %eax
    lcall $7, $0
#endif
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
