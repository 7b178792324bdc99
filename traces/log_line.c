/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Lines of an event log.
 *
 * Hand-written, because a log has millions of lines of a dozen shapes and every one is read: one
 * pass over the bytes, no copy, no allocation. Numbers go through a table of digit values, whose
 * other entries say "not a digit"; names of calls are told apart by length first, which leaves at
 * most four to compare.
 */

#include "traces/log_line.h"

#include <string.h>

/* Value of a digit + 1; 0: not a digit. */
static const uint8_t digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* 255 when C is not a digit. */
static inline uint8_t digit(char c)
{
    return (uint8_t)(digits[(unsigned char)c] - 1);
}

static const struct call_name {
    uint8_t size;
    const char *name;
} call_names[CALLS] = {
#define CALL(number, text) [number] = {sizeof(text) - 1, text}
    CALL(CALL_NONE, "-"),
    CALL(CALL_KMEM_CACHE_INIT, "kmem_cache_init"),
    CALL(CALL_KMEM_CACHE_ALLOC, "kmem_cache_alloc"),
    CALL(CALL_KMEM_CACHE_FREE, "kmem_cache_free"),
    CALL(CALL_KALLOC, "kalloc"),
    CALL(CALL_KFREE, "kfree"),
    CALL(CALL_VM_PAGE_GRAB, "vm_page_grab"),
    CALL(CALL_VM_PAGE_RELEASE, "vm_page_release"),
    CALL(CALL_VM_PAGE_GRAB_CONTIG, "vm_page_grab_contig"),
    CALL(CALL_VM_PAGE_FREE_CONTIG, "vm_page_free_contig"),
    CALL(CALL_KMEM_ALLOC_WIRED, "kmem_alloc_wired"),
    CALL(CALL_KMEM_ALLOC, "kmem_alloc"),
    CALL(CALL_KMEM_ALLOC_PAGEABLE, "kmem_alloc_pageable"),
    CALL(CALL_KMEM_ALLOC_ALIGNED, "kmem_alloc_aligned"),
    CALL(CALL_KMEM_REALLOC, "kmem_realloc"),
    CALL(CALL_KMEM_FREE, "kmem_free"),
    CALL(CALL_IPC_SPACE_CREATE, "ipc_space_create"),
    CALL(CALL_IPC_SPACE_CREATE_SPECIAL, "ipc_space_create_special"),
    CALL(CALL_IPC_SPACE_DESTROY, "ipc_space_destroy"),
    CALL(CALL_IPC_ENTRY_ALLOC, "ipc_entry_alloc"),
    CALL(CALL_IPC_ENTRY_ALLOC_NAME, "ipc_entry_alloc_name"),
    CALL(CALL_IPC_ENTRY_GET, "ipc_entry_get"),
    CALL(CALL_IPC_ENTRY_DEALLOC, "ipc_entry_dealloc"),
    CALL(CALL_IPC_ENTRY_GROW_TABLE, "ipc_entry_grow_table"),
    CALL(CALL_IPC_ENTRY_LOOKUP, "ipc_entry_lookup"),
    CALL(CALL_IPC_TABLE_ALLOC, "ipc_table_alloc"),
    CALL(CALL_IPC_TABLE_REALLOC, "ipc_table_realloc"),
    CALL(CALL_IPC_TABLE_FREE, "ipc_table_free"),
    CALL(CALL_RDXTREE_INSERT_ALLOC_COMMON, "rdxtree_insert_alloc_common"),
    CALL(CALL_RDXTREE_INSERT_COMMON, "rdxtree_insert_common"),
    CALL(CALL_RDXTREE_REMOVE, "rdxtree_remove"),
    CALL(CALL_NAME_POP, "name_pop"),
    CALL(CALL_NAME_PUSH, "name_push"),
    CALL(CALL_NAME_LOOKUP, "name_lookup"),
    CALL(CALL_SLAB_COLLECT, "slab_collect"),
    CALL(CALL_MACH_PRINT, "mach_print"),
#undef CALL
};

/* Calls by the length of their names, the frequent ones first; 0 ends a row. */
static const uint8_t calls_by_size[28][5] = {
    [5] = {CALL_KFREE},
    [6] = {CALL_KALLOC},
    [8] = {CALL_NAME_POP},
    [9] = {CALL_NAME_PUSH, CALL_KMEM_FREE},
    [10] = {CALL_KMEM_ALLOC, CALL_MACH_PRINT},
    [11] = {CALL_NAME_LOOKUP},
    [12] = {CALL_VM_PAGE_GRAB, CALL_SLAB_COLLECT, CALL_KMEM_REALLOC},
    [13] = {CALL_IPC_ENTRY_GET},
    [14] = {CALL_RDXTREE_REMOVE, CALL_IPC_TABLE_FREE},
    [15] = {CALL_KMEM_CACHE_FREE, CALL_IPC_ENTRY_ALLOC, CALL_VM_PAGE_RELEASE, CALL_IPC_TABLE_ALLOC,
            CALL_KMEM_CACHE_INIT},
    [16] = {CALL_KMEM_CACHE_ALLOC, CALL_KMEM_ALLOC_WIRED, CALL_IPC_SPACE_CREATE,
            CALL_IPC_ENTRY_LOOKUP},
    [17] = {CALL_IPC_ENTRY_DEALLOC, CALL_IPC_SPACE_DESTROY, CALL_IPC_TABLE_REALLOC},
    [18] = {CALL_KMEM_ALLOC_ALIGNED},
    [19] = {CALL_VM_PAGE_GRAB_CONTIG, CALL_VM_PAGE_FREE_CONTIG, CALL_KMEM_ALLOC_PAGEABLE},
    [20] = {CALL_IPC_ENTRY_ALLOC_NAME, CALL_IPC_ENTRY_GROW_TABLE},
    [21] = {CALL_RDXTREE_INSERT_COMMON},
    [24] = {CALL_IPC_SPACE_CREATE_SPECIAL},
    [27] = {CALL_RDXTREE_INSERT_ALLOC_COMMON},
};

const char *log_call_name(unsigned call)
{
    return call < CALLS ? call_names[call].name : "?";
}

/* How much of a word an error message shows. */
static int shown(size_t size)
{
    return size < 40 ? (int)size : 40;
}

bool log_decimal(const char **text, uint64_t *value)
{
    const char *at = *text;
    uint64_t sum = 0;

    while (digit(*at) < 10) {
        if (sum > (UINT64_MAX - 9) / 10)
            return false;
        sum = sum * 10 + digit(*at++);
    }
    if (at == *text || (*at != ' ' && *at != '\n'))
        return false;
    *text = at;
    *value = sum;
    return true;
}

bool log_hexadecimal(const char **text, uint64_t *value)
{
    const char *at = *text;
    uint64_t sum = 0;

    while (digit(*at) < 16) {
        if (sum >> 60 != 0)
            return false;
        sum = sum << 4 | digit(*at++);
    }
    if (at == *text || (*at != ' ' && *at != '\n'))
        return false;
    *text = at;
    *value = sum;
    return true;
}

size_t log_word(const char **text, const char **word)
{
    const char *at = *text;

    *word = at;
    while (*at != ' ' && *at != '\n')
        at++;
    *text = *at == ' ' ? at + 1 : at;
    return (size_t)(at - *word);
}

static unsigned call_find(const char *name, size_t size)
{
    if (size == 1 && *name == '-')
        return CALL_NONE;
    if (size >= sizeof(calls_by_size) / sizeof(calls_by_size[0]))
        return CALLS;
    for (unsigned i = 0; i < 5 && calls_by_size[size][i] != 0; i++) {
        unsigned call = calls_by_size[size][i];

        if (memcmp(call_names[call].name, name, size) == 0)
            return call;
    }
    return CALLS;
}

static int number_expected(const char *at, const char *what, struct error *error)
{
    const char *word;
    size_t size = log_word(&at, &word);

    return error_set(error, "found '%.*s', expected %s", shown(size), word, what);
}

/* A number, then a space or the line's end. */
static int decimal(const char **at, uint64_t *value, const char *what, struct error *error)
{
    if (!log_decimal(at, value))
        return number_expected(*at, what, error);
    *at += **at == ' ';
    return 0;
}

static int hexadecimal(const char **at, uint64_t *value, const char *what, struct error *error)
{
    if (!log_hexadecimal(at, value))
        return number_expected(*at, what, error);
    *at += **at == ' ';
    return 0;
}

static void rest(struct log_line *line, const char *at, const char *end)
{
    line->text = at;
    line->text_size = at < end ? (size_t)(end - at) : 0;
}

static bool word_is(const char *word, size_t size, const char *expected)
{
    return strlen(expected) == size && memcmp(word, expected, size) == 0;
}

/* What stands after the result: "at X", "sp X", "key X", "reaped N", "old N new N". */
static int parse_more(struct log_line *line, const char *at, struct error *error)
{
    while (*at != '\n') {
        const char *word;
        size_t size = log_word(&at, &word);
        uint64_t value;

        if (word_is(word, size, "at") || word_is(word, size, "sp") || word_is(word, size, "key")) {
            if (hexadecimal(&at, &line->value, "a hexadecimal number", error) != 0)
                return -1;
            line->has_value = true;
        } else if (word_is(word, size, "reaped")) {
            if (decimal(&at, &line->value, "0 or 1 after 'reaped'", error) != 0)
                return -1;
            line->has_value = true;
        } else if (word_is(word, size, "old") || word_is(word, size, "new")) {
            if (decimal(&at, &value, "a number of entries", error) != 0)
                return -1;
            *(word[0] == 'o' ? &line->old : &line->new) = value;
        } else {
            return error_set(error,
                             "found '%.*s' after the result, expected at, sp, key, reaped, old or "
                             "new",
                             shown(size), word);
        }
    }
    return 0;
}

static int parse_arguments(struct log_line *line, const char *at, const char *end,
                           struct error *error)
{
    unsigned nr = 0;

    while (*at != '\n' && *at != '=') {
        if (nr == LOG_ARGUMENTS)
            return error_set(error, "%s with more than %d arguments", log_call_name(line->call),
                             LOG_ARGUMENTS);
        if (!log_hexadecimal(&at, &line->arguments[nr]))
            return number_expected(at, "a hexadecimal argument or '='", error);
        at += *at == ' ';
        nr++;
    }
    line->nr_arguments = (uint8_t)nr;
    if (*at == '\n')
        return 0;
    if (at[1] != ' ')
        return number_expected(at, "'=' and a result", error);
    at += 2;
    if (hexadecimal(&at, &line->result, "a hexadecimal result", error) != 0)
        return -1;
    line->has_result = true;
    if (line->call == CALL_KMEM_CACHE_INIT) {
        rest(line, at, end);
        return 0;
    }
    return *at == '\n' ? 0 : parse_more(line, at, error);
}

/* Arguments that a call must have for its line to make sense. */
static const uint8_t arguments_expected[CALLS] = {
    [CALL_KMEM_CACHE_INIT] = 4,
    [CALL_KMEM_CACHE_ALLOC] = 1,
    [CALL_KMEM_CACHE_FREE] = 2,
    [CALL_KALLOC] = 1,
    [CALL_KFREE] = 2,
    [CALL_VM_PAGE_RELEASE] = 1,
    [CALL_VM_PAGE_GRAB_CONTIG] = 2,
    [CALL_VM_PAGE_FREE_CONTIG] = 2,
    [CALL_KMEM_ALLOC_WIRED] = 3,
    [CALL_KMEM_ALLOC] = 3,
    [CALL_KMEM_ALLOC_PAGEABLE] = 3,
    [CALL_KMEM_ALLOC_ALIGNED] = 3,
    [CALL_KMEM_REALLOC] = 5,
    [CALL_KMEM_FREE] = 3,
    [CALL_IPC_SPACE_CREATE] = 1,
    [CALL_IPC_SPACE_CREATE_SPECIAL] = 1,
    [CALL_IPC_SPACE_DESTROY] = 1,
    [CALL_IPC_ENTRY_ALLOC] = 1,
    [CALL_IPC_ENTRY_ALLOC_NAME] = 2,
    [CALL_IPC_ENTRY_GET] = 1,
    [CALL_IPC_ENTRY_DEALLOC] = 2,
    [CALL_IPC_ENTRY_GROW_TABLE] = 1,
    [CALL_IPC_TABLE_ALLOC] = 1,
    [CALL_IPC_TABLE_REALLOC] = 3,
    [CALL_IPC_TABLE_FREE] = 2,
    [CALL_RDXTREE_INSERT_ALLOC_COMMON] = 2,
    [CALL_RDXTREE_INSERT_COMMON] = 3,
    [CALL_RDXTREE_REMOVE] = 2,
    [CALL_NAME_POP] = 2,
    [CALL_NAME_PUSH] = 2,
    [CALL_NAME_LOOKUP] = 2,
};

static int parse_call(struct log_line *line, const char *at, const char *end, struct error *error)
{
    const char *word;
    size_t size;

    line->kind = LOG_CALL;
    if (decimal(&at, &line->time, "a time, T, M, Q, # or end", error) != 0 ||
        hexadecimal(&at, &line->task, "the address of a task", error) != 0)
        return -1;

    size = log_word(&at, &word);
    line->call = (uint8_t)call_find(word, size);
    if (line->call == CALLS || line->call == CALL_NONE)
        return error_set(error, "unknown event '%.*s': expected one of event log version 1",
                         shown(size), word);
    if (line->call != CALL_IPC_SPACE_DESTROY) { /* which has no parent */
        size = log_word(&at, &word);
        line->parent = (uint8_t)call_find(word, size);
        if (line->parent == CALLS)
            return error_set(error, "unknown parent '%.*s': expected an event or '-'", shown(size),
                             word);
        if (line->parent == CALL_MACH_PRINT)
            line->parent = CALL_NONE;
    }
    if (parse_arguments(line, at, end, error) != 0)
        return -1;
    if (line->nr_arguments < arguments_expected[line->call])
        return error_set(error, "%s with %u arguments: expected at least %u",
                         log_call_name(line->call), line->nr_arguments,
                         arguments_expected[line->call]);
    return 0;
}

static int parse_task(struct log_line *line, const char *at, const char *end, struct error *error)
{
    line->kind = LOG_TASK;
    if (hexadecimal(&at, &line->task, "the address of a task", error) != 0 ||
        hexadecimal(&at, &line->value, "the address of a space", error) != 0)
        return -1;
    rest(line, at, end);
    return 0;
}

static int parse_mark(struct log_line *line, const char *at, const char *end, struct error *error)
{
    line->kind = LOG_MARK;
    if (decimal(&at, &line->time, "a time", error) != 0 ||
        hexadecimal(&at, &line->task, "the address of a task", error) != 0)
        return -1;
    if (end - at >= 5 && memcmp(at, "mark:", 5) == 0)
        at += 5;
    while (at < end && (*at == ' ' || *at == '-'))
        at++;
    while (end > at && end[-1] == ' ')
        end--;
    rest(line, at, end);
    return 0;
}

int log_line_parse(const char *text, size_t size, struct log_line *line, struct error *error)
{
    const char *end = text + size;
    const char *at;

    line->value = line->old = line->new = line->result = 0;
    line->parent = CALL_NONE;
    line->call = CALL_NONE;
    line->nr_arguments = 0;
    line->has_result = line->has_value = false;
    line->time = line->task = 0;

    if (digit(text[0]) < 10)
        return parse_call(line, text, end, error);
    if (text[0] == 'Q' && text[1] == ' ') {
        line->kind = LOG_COUNTER;
        rest(line, text + 2, end);
        return 0;
    }
    if (text[0] == 'T' && text[1] == ' ')
        return parse_task(line, text + 2, end, error);
    if (text[0] == 'M' && text[1] == ' ')
        return parse_mark(line, text + 2, end, error);
    if (text[0] == '#') {
        line->kind = LOG_COMMENT;
        rest(line, text + 1 + (size > 1 && text[1] == ' '), end);
        return 0;
    }
    if (size >= 4 && memcmp(text, "end ", 4) == 0) {
        line->kind = LOG_END;
        at = text + 4;
        if (decimal(&at, &line->value, "the number of events", error) != 0)
            return -1;
        return decimal(&at, &line->time, "the last time", error);
    }
    if (size >= 10 && memcmp(text, "event-log ", 10) == 0) {
        line->kind = LOG_VERSION;
        at = text + 10;
        return decimal(&at, &line->value, "a version", error);
    }
    at = text;
    return number_expected(at, "a time, T, M, Q, # or end", error);
}
