/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Instructions that only a kernel may execute.
 *
 * A process that meets one gets SIGSEGV, at the instruction. Those that switch interrupts, and
 * those that write control registers, tables and translations, have nothing to act on here and are
 * made no-ops where they stand, so each is met once; input from a port gives ones, as from a port
 * where nothing is. Whatever else raises a signal is a fault of the kernel's code, and ends the
 * run.
 */

#include "allocators/image/image.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define NOP         0x90

#ifdef __x86_64__
#define REGISTER_PC REG_RIP
#define REGISTER_SP REG_RSP
#define REGISTER_AX REG_RAX
#define REGISTER_CX REG_RCX
#else
#define REGISTER_PC REG_EIP
#define REGISTER_SP REG_ESP
#define REGISTER_AX REG_EAX
#define REGISTER_CX REG_ECX
#endif

/* Bytes of the operand that begins with a ModR/M byte, at CODE. */
static unsigned operand_bytes(const uint8_t *code)
{
    unsigned mode = code[0] >> 6, base = code[0] & 7;

    if (mode == 3)
        return 1;

    unsigned bytes = 1;

    if (base == 4) {
        bytes++;
        base = code[1] & 7;
    }
    if (mode == 1)
        return bytes + 1;
    if (mode == 2 || base == 5)
        return bytes + 4;
    return bytes;
}

/* Bytes of the two-byte opcode at CODE when it is a privileged instruction that can be left out. */
static unsigned privileged_bytes(const uint8_t *code)
{
    switch (code[1]) {
    case 0x06: /* clts */
    case 0x09: /* wbinvd */
    case 0x30: /* wrmsr */
        return 2;
    case 0x00: /* lldt, ltr */
    case 0x01: /* lgdt, lidt, invlpg, lmsw */
        return 2 + operand_bytes(code + 2);
    case 0x22: /* mov to a control register */
    case 0x23: /* ... debug register */
        return 3;
    default:
        return 0;
    }
}

/* Executes the instruction at PC as far as that can be done. Returns its bytes, 0: it cannot. *KEEP
 * says that it must be met again. */
static unsigned execute(const uint8_t *code, greg_t *registers, bool *keep)
{
    unsigned prefix = 0;

    *keep = false;
    while (code[prefix] == 0x66 || (sizeof(void *) == 8 && (code[prefix] & 0xf0) == 0x40))
        prefix++;

    const uint8_t *at = code + prefix;

    switch (at[0]) {
    case 0xfa: /* cli */
    case 0xfb: /* sti */
        return prefix + 1;
    case 0xe6: /* out */
    case 0xe7:
        return prefix + 2;
    case 0xee:
    case 0xef:
        return prefix + 1;
    case 0xe4: /* in */
    case 0xe5:
    case 0xec:
    case 0xed:
        *keep = true;
        registers[REGISTER_AX] |= (at[0] & 1) == 0 ? 0xff : prefix != 0 ? 0xffff : 0xffffffff;
        return prefix + (at[0] < 0xe8 ? 2 : 1);
    case 0x0f:
        if (at[1] == 0x20) { /* mov from a control register, whose number does not matter */
            static const int numbers[8] = {
#ifdef __x86_64__
                REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
#else
                REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_ESP, REG_EBP, REG_ESI, REG_EDI,
#endif
            };

            *keep = true;
            registers[numbers[at[2] & 7]] = 0;
            return prefix + 3;
        }
        return privileged_bytes(at) != 0 ? prefix + privileged_bytes(at) : 0;
    default:
        return 0;
    }
}

static bool is_of_kernel(const struct image *image, uintptr_t pc)
{
    return pc >= image->plan->base && pc < image->direct_end;
}

static void on_fault(int number, siginfo_t *information, void *context)
{
    struct image *image = image_here();
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t pc = (uintptr_t)registers[REGISTER_PC];
    bool keep;
    unsigned bytes =
        number == SIGSEGV && is_of_kernel(image, pc) && information->si_code == SI_KERNEL
            ? execute((const uint8_t *)pc, registers, &keep)
            : 0;

    if (bytes != 0) {
        image->faults++;
        if (!keep)
            memset((void *)pc, NOP, bytes);
        registers[REGISTER_PC] += bytes;
        return;
    }

    snprintf(image->said, sizeof(image->said), "signal %d (%s) at %llx, for address %llx", number,
             number == SIGSEGV  ? "segmentation fault"
             : number == SIGILL ? "illegal instruction"
             : number == SIGFPE ? "division error"
                                : "bus error",
             (unsigned long long)pc, (unsigned long long)(uintptr_t)information->si_addr);
    if (!image->out_is_set) {
        signal(number, SIG_DFL);
        return;
    }
    image_leave(image, IMAGE_FAULTED);
}

static void on_trap(int number, siginfo_t *information, void *context)
{
    struct image *image = image_here();
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct image_trap trap = {
        .pc = (uintptr_t)registers[REGISTER_PC],
        .stack = (uintptr_t)registers[REGISTER_SP],
        .flags = (uintptr_t)registers[REG_EFL],
        .result = (uintptr_t)registers[REGISTER_AX],
#ifdef __x86_64__
        .arguments = {(uintptr_t)registers[REG_RDI], (uintptr_t)registers[REG_RSI],
                      (uintptr_t)registers[REG_RDX], (uintptr_t)registers[REG_RCX],
                      (uintptr_t)registers[REG_R8]},
#endif
    };

    (void)information;
#ifndef __x86_64__
    memcpy(trap.arguments, (const uintptr_t *)trap.stack + 1, sizeof(trap.arguments));
#endif
    if (image_watch_trap(image, &trap)) {
        registers[REGISTER_PC] = (greg_t)trap.pc;
        registers[REGISTER_SP] = (greg_t)trap.stack;
        registers[REG_EFL] = (greg_t)trap.flags;
        registers[REGISTER_AX] = (greg_t)trap.result;
        return;
    }

    /* The kernel's own stands where it looks whether interrupts are off as they should be: they
     * never are. It is met once, too. */
    if (is_of_kernel(image, trap.pc - 1)) {
        *(uint8_t *)(trap.pc - 1) = NOP;
        return;
    }

    snprintf(image->said, sizeof(image->said), "a breakpoint at %llx", (unsigned long long)trap.pc);
    if (!image->out_is_set) {
        signal(number, SIG_DFL);
        return;
    }
    image_leave(image, IMAGE_FAULTED);
}

int image_catch_faults(struct image *image, struct error *error)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    stack_t stack = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    (void)image;
    if (stack.ss_sp == NULL || sigaltstack(&stack, NULL) != 0)
        return error_set(error, "no stack for signals: %s", strerror(errno));

    action.sa_sigaction = on_fault;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
    action.sa_sigaction = on_trap;
    sigaction(SIGTRAP, &action, NULL);
    return 0;
}
