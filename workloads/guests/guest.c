/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What all guests share: start, options, console, chance and end.
 *
 * A guest is the only program of its machine: no C library, no server to ask, nobody to exit to. It
 * talks through the kernel's console call, where lines that begin with `mark: ` are what a capture
 * takes for phases. Lines are formatted on the stack, so that talking allocates nothing, neither
 * here nor in the kernel, and a guest that exhausts the kernel can talk to its end.
 *
 * The end needs care: there is no way for a task to leave, and a kernel whose bootstrap task is
 * gone just idles. With the host's port the guest reboots, which under `qemu -no-reboot` ends the
 * machine. Without it the guest sleeps in a receive that nobody sends to, after a mark at which a
 * capture ends.
 *
 * All that a guest does follows from its options, so that two runs are the same run.
 */

#include "guest.h"

#include <stdarg.h>

#include "rpc.h"

enum { LINE_SIZE = 160 };

struct line {
    char text[LINE_SIZE];
    size_t size;
};

void *memset(void *to, int byte, size_t size)
{
    volatile unsigned char *at = to; /* volatile: or the compiler makes this a call of memset */

    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)byte;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    volatile unsigned char *at = to;
    const unsigned char *source = from;

    for (size_t i = 0; i < size; i++)
        at[i] = source[i];
    return to;
}

/* What does not fit is lost. */
static void line_char(struct line *line, char c)
{
    if (line->size < LINE_SIZE - 2)
        line->text[line->size++] = c;
}

static void line_string(struct line *line, const char *text)
{
    while (*text)
        line_char(line, *text++);
}

static void line_number(struct line *line, uint32_t number, uint32_t base)
{
    char digits[10];
    size_t nr_digits = 0;

    do {
        digits[nr_digits++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    while (nr_digits)
        line_char(line, digits[--nr_digits]);
}

void guest_say(const char *format, ...)
{
    struct line line = {.size = 0};
    va_list arguments;

    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            line_char(&line, *format);
            continue;
        }
        format++;
        if (*format == 's')
            line_string(&line, va_arg(arguments, const char *));
        else
            line_number(&line, va_arg(arguments, uint32_t), *format == 'x' ? 16 : 10);
    }
    va_end(arguments);
    line.text[line.size++] = '\n';
    line.text[line.size] = '\0';
    mach_print(line.text);
}

void guest_end(struct guest *guest, int success)
{
    struct mach_header nothing;
    mach_name port = mach_reply_port();

    guest_mark("%s", success ? "done" : "failed");
    if (guest->host)
        rpc_host_reboot(guest->reply, guest->host);
    for (;;)
        mach_msg_trap(&nothing, MACH_RECEIVE, 0, sizeof(nothing), port, 0, 0);
}

void guest_need(struct guest *guest, mach_result result, const char *what)
{
    if (!result)
        return;
    guest_say("%s: %s: error %x", guest->name, what, (uint32_t)result);
    guest_end(guest, 0);
}

uint32_t guest_random(uint32_t *state)
{
    uint32_t old = *state;
    uint32_t word = ((old >> ((old >> 28) + 4)) ^ old) * 277803737u;

    *state = old * 747796405u + 2891336453u;
    return (word >> 22) ^ word;
}

uint32_t guest_random_below(uint32_t *state, uint32_t below)
{
    return (uint32_t)((uint64_t)guest_random(state) * below >> 32);
}

void *guest_memory(struct guest *guest, size_t size)
{
    uintptr_t address = 0;

    guest_need(guest, vm_allocate(guest->task, &address, size, 1), "memory");
    return (void *)address;
}

/* The part of WORD behind NAME and an equals sign, or NULL if it does not begin so. */
static const char *value_of(const char *word, const char *name)
{
    while (*name && *word == *name) {
        word++;
        name++;
    }
    return *name == '\0' && *word == '=' ? word + 1 : NULL;
}

/* Reads the number that TEXT is; false if it is none, or greater than MOST. */
static int number_of(const char *text, uint32_t most, uint32_t *number)
{
    uint64_t value = 0;

    if (!*text)
        return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return 0;
        value = value * 10 + (uint32_t)(*text - '0');
        if (value > most)
            return 0;
    }
    *number = (uint32_t)value;
    return 1;
}

static void read_option(struct guest *guest, const struct guest_option *options, size_t nr_options,
                        const char *word)
{
    for (size_t i = 0; i < nr_options; i++) {
        const char *value = value_of(word, options[i].name);

        if (value && number_of(value, options[i].most, options[i].value))
            return;
        if (value) {
            guest_say("%s: %s: not a number from 0 to %u", guest->name, word, options[i].most);
            guest_end(guest, 0);
        }
    }
    guest_say("%s: %s: no such option", guest->name, word);
    guest_end(guest, 0);
}

void guest_options(struct guest *guest, const struct guest_option *options, size_t nr_options,
                   int argc, char *const *argv)
{
    const struct guest_option host = {"host-port", &guest->host, UINT32_MAX};

    /* First of all how to end, for the others may end the guest. */
    for (int i = 0; i < argc; i++) {
        if (value_of(argv[i], host.name))
            read_option(guest, &host, 1, argv[i]);
    }
    for (int i = 0; i < argc; i++) {
        if (!value_of(argv[i], host.name))
            read_option(guest, options, nr_options, argv[i]);
    }
    for (size_t i = 0; i < nr_options; i++)
        guest_say("%s: %s=%u", guest->name, options[i].name, *options[i].value);
}

static const char *without_folders(const char *path)
{
    const char *name = path;

    for (; *path; path++) {
        if (*path == '/')
            name = path + 1;
    }
    return name;
}

void guest_start(const uintptr_t *stack)
{
    int argc = (int)stack[0];
    char *const *argv = (char *const *)(stack + 1);
    struct guest guest = {
        .name = argc > 0 ? without_folders(argv[0]) : "guest",
        .task = mach_task_self(),
        .reply = mach_reply_port(),
    };

    mach_print("\n"); /* the kernel has left a line unfinished */
    guest_main(&guest, argc > 0 ? argc - 1 : 0, argv + 1);
    guest_end(&guest, 1);
}
