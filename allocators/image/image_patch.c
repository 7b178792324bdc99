/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kernel's code meets instead of a console, a debugger and a scheduler.
 *
 * The kernel's own printf, panic and assert stay: they format, and end in cnputc and Debugger. A
 * thread that would sleep for pages does not wait here for somebody else to free some, because
 * there is nobody else. Where nothing has been done yet that would have to be undone (a slab that
 * asks for its page), the request is left there and then, as the sleeping thread leaves it for
 * ever. In the middle of a range of a map, whose pages come one by one, the thread is lent the
 * reserve instead: the range is finished, freed again, and refused.
 */

#include "allocators/image/image.h"

#include <string.h>

static void on_cnputc(int character)
{
    struct image *image = image_here();

    if (character == '\0' || character == '\r')
        return;
    if (image->log_used == IMAGE_LOG_MAX - 1) { /* its end counts */
        memmove(image->log, image->log + IMAGE_LOG_MAX / 2, IMAGE_LOG_MAX / 2);
        image->log_used -= IMAGE_LOG_MAX / 2;
    }
    image->log[image->log_used++] = (char)character;
    image->log[image->log_used] = '\0';
}

/* Puts the last lines of the log, where panic and assert write, into one. */
static void last_words(struct image *image, const char *otherwise)
{
    const char *from = image->log + image->log_used;
    unsigned used = 0;

    while (from > image->log && image->log + image->log_used - from < IMAGE_TEXT_MAX - 1)
        from--;
    /* panic() begins its text with this word on a line of its own. */
    const char *panic = strstr(from, "panic ");

    if (panic != NULL) {
        from = panic;
    } else if (strstr(from, "Assertion") != NULL) {
        const char *line = strstr(from, "Assertion");

        while (line > from && line[-1] != '\n')
            line--;
        from = line;
    }

    for (; *from != '\0' && used < IMAGE_TEXT_MAX - 1; from++) {
        if (*from == '\n') {
            if (used != 0 && image->said[used - 1] != ' ')
                image->said[used++] = ' ';
        } else {
            image->said[used++] = *from;
        }
    }
    while (used > 0 && image->said[used - 1] == ' ')
        used--;
    image->said[used] = '\0';
    if (used == 0)
        strncpy(image->said, otherwise, IMAGE_TEXT_MAX - 1);
}

static void on_debugger(const char *message)
{
    struct image *image = image_here();

    last_words(image, message);
    image_leave(image, IMAGE_PANICKED);
}

static void on_halt(void)
{
    struct image *image = image_here();

    last_words(image, "the machine was halted");
    image_leave(image, IMAGE_PANICKED);
}

static bool is_within(const struct image *image, uintptr_t address, enum image_symbol_id id)
{
    const struct image_symbol *symbol = &image->plan->symbols[id];

    return symbol->address != 0 && address >= symbol->address &&
           address < symbol->address + symbol->size;
}

static void on_page_wait(void)
{
    struct image *image = image_here();
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    uintptr_t thread = image_thread(image);
    bool lends = is_within(image, caller, IMAGE_KMEM_ALLOC_PAGES) ||
                 is_within(image, caller, IMAGE_KMEM_ALLOC) ||
                 is_within(image, caller, IMAGE_KMEM_ALLOC_ALIGNED) ||
                 is_within(image, caller, IMAGE_KMEM_ALLOC_WIRED);

    image->short_of_pages = true;
    if (!lends)
        image_leave(image, IMAGE_NO_PAGES);

    if (image->lending || thread == 0) { /* the reserve is used up too */
        strncpy(image->said, "the last page is gone while a range is half made", IMAGE_TEXT_MAX);
        image_leave(image, IMAGE_BLOCKED);
    }

    image->lending = true;
    image_set(image, thread, IMAGE_M_THREAD_PRIVILEGE,
              image_get(image, thread, IMAGE_M_THREAD_PRIVILEGE) + 1);
}

static void on_block(void)
{
    struct image *image = image_here();

    strncpy(image->said, "the thread would sleep, and nothing here would wake it", IMAGE_TEXT_MAX);
    image_leave(image, IMAGE_BLOCKED);
}

static void on_assert_wait(void)
{
}

void image_leave(struct image *image, enum image_left left)
{
    image->left = left;
    __builtin_longjmp(image->out, 1);
}

static void write_jump(const struct image *image, enum image_symbol_id id, uintptr_t to)
{
    uint8_t *code = (uint8_t *)image_at(image, id);

    if (image->plan->word == 4) { /* jmp rel32 */
        uint32_t distance = (uint32_t)(to - ((uintptr_t)code + 5));

        code[0] = 0xe9;
        memcpy(code + 1, &distance, sizeof(distance));
    } else { /* mov $to, %r11; jmp *%r11 */
        uint64_t target = to;

        code[0] = 0x49;
        code[1] = 0xbb;
        memcpy(code + 2, &target, sizeof(target));
        code[10] = 0x41;
        code[11] = 0xff;
        code[12] = 0xe3;
    }
}

void image_patch(struct image *image)
{
    write_jump(image, IMAGE_CNPUTC, (uintptr_t)on_cnputc);
    write_jump(image, IMAGE_DEBUGGER, (uintptr_t)on_debugger);
    write_jump(image, IMAGE_HALT_ALL_CPUS, (uintptr_t)on_halt);
    write_jump(image, IMAGE_VM_PAGE_WAIT, (uintptr_t)on_page_wait);
    write_jump(image, IMAGE_THREAD_BLOCK, (uintptr_t)on_block);
    write_jump(image, IMAGE_THREAD_SLEEP, (uintptr_t)on_block);
    write_jump(image, IMAGE_ASSERT_WAIT, (uintptr_t)on_assert_wait);
}
