/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What all guests share: start, options, console, chance and end. See guest.c. */

#ifndef GUESTS_GUEST_H
#define GUESTS_GUEST_H

#include "mach.h"

struct guest {
    const char *name; /* of the program, without folders */
    mach_name task;   /* its own */
    mach_name reply;  /* where answers of the kernel come in */
    uint32_t host;    /* the host's privileged port, or 0 */
};

/* A number that may stand on the command line as NAME=NUMBER, in decimal. */
struct guest_option {
    const char *name;
    uint32_t *value; /* what it is if it does not stand there, then what it is */
    uint32_t most;
};

/*
 * The main part of a program, which each of them defines. ARGV has the ARGC words of the command
 * line after the program's name, for guest_options.
 */
void guest_main(struct guest *guest, int argc, char *const *argv);

/* Called by entry.S with the stack as the kernel left it: argc, then argv. Does not return. */
void guest_start(const uintptr_t *stack) __attribute__((noreturn));

/*
 * Reads the options; a word that is none of them, or a number that is none or beyond the most,
 * fails the guest. All guests know `host-port` too. Prints the program's name and every option.
 */
void guest_options(struct guest *guest, const struct guest_option *options, size_t nr_options,
                   int argc, char *const *argv);

/* Prints a line on the kernel's console, without a newline at its end: one is added. Knows %s, %u
 * and %x. */
void guest_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Announces a phase, which a capture shows as a mark. */
#define guest_mark(format, ...) guest_say("mark: " format, ##__VA_ARGS__)

/* Fails the guest unless RESULT is success: says what was tried, marks `failed` and ends. */
void guest_need(struct guest *guest, mach_result result, const char *what);

/* Marks `done` or, if !SUCCESS, `failed`; then reboots if it can, or else sleeps for ever. */
void guest_end(struct guest *guest, int success) __attribute__((noreturn));

/* Numbers that only look random: the same from the same state, which may be any number. */
uint32_t guest_random(uint32_t *state);

/* One of 0 to BELOW - 1. BELOW is at least 1. */
uint32_t guest_random_below(uint32_t *state, uint32_t below);

/* SIZE bytes of fresh memory, zeroed; fails the guest if there is none. */
void *guest_memory(struct guest *guest, size_t size);

/* The compiler calls these whether a C library is there or not. */
void *memset(void *to, int byte, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

#endif
