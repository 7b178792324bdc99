/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One line of an event log, taken apart. Event log version 1.
 */

#ifndef TRACES_LOG_LINE_H
#define TRACES_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum log_call {
    CALL_NONE, /* the parent `-`: no observed call was open */
    CALL_KMEM_CACHE_INIT,
    CALL_KMEM_CACHE_ALLOC,
    CALL_KMEM_CACHE_FREE,
    CALL_KALLOC,
    CALL_KFREE,
    CALL_VM_PAGE_GRAB,
    CALL_VM_PAGE_RELEASE,
    CALL_VM_PAGE_GRAB_CONTIG,
    CALL_VM_PAGE_FREE_CONTIG,
    CALL_KMEM_ALLOC_WIRED,
    CALL_KMEM_ALLOC,
    CALL_KMEM_ALLOC_PAGEABLE,
    CALL_KMEM_ALLOC_ALIGNED,
    CALL_KMEM_REALLOC,
    CALL_KMEM_FREE,
    CALL_IPC_SPACE_CREATE,
    CALL_IPC_SPACE_CREATE_SPECIAL,
    CALL_IPC_SPACE_DESTROY,
    CALL_IPC_ENTRY_ALLOC,
    CALL_IPC_ENTRY_ALLOC_NAME,
    CALL_IPC_ENTRY_GET,
    CALL_IPC_ENTRY_DEALLOC,
    CALL_IPC_ENTRY_GROW_TABLE,
    CALL_IPC_ENTRY_LOOKUP,
    CALL_IPC_TABLE_ALLOC,
    CALL_IPC_TABLE_REALLOC,
    CALL_IPC_TABLE_FREE,
    CALL_RDXTREE_INSERT_ALLOC_COMMON,
    CALL_RDXTREE_INSERT_COMMON,
    CALL_RDXTREE_REMOVE,
    CALL_NAME_POP,
    CALL_NAME_PUSH,
    CALL_NAME_LOOKUP,
    CALL_SLAB_COLLECT,
    CALL_MACH_PRINT,
    CALLS
};

enum log_kind {
    LOG_CALL,
    LOG_TASK,    /* task; value: space; text: name */
    LOG_MARK,    /* time, task; text without "mark:" */
    LOG_COUNTER, /* text after "Q " */
    LOG_COMMENT, /* text after "# " */
    LOG_END,     /* value: number of events; time */
    LOG_VERSION, /* value: version */
};

#define LOG_ARGUMENTS 8

struct log_line {
    uint64_t time, task;
    uint64_t arguments[LOG_ARGUMENTS];
    uint64_t result;
    uint64_t value;    /* after "at", "sp", "key" or "reaped"; see the kinds */
    uint64_t old, new; /* after "old" and "new" */
    const char *text;  /* the rest of a line; not NUL-terminated */
    size_t text_size;
    uint8_t kind;         /* enum log_kind */
    uint8_t call, parent; /* enum log_call */
    uint8_t nr_arguments;
    bool has_result, has_value;
};

/* TEXT[SIZE] must be '\n'. Returns -1 with what was found and what was expected. */
int log_line_parse(const char *text, size_t size, struct log_line *line, struct error *error);

const char *log_call_name(unsigned call);

/* Reads a decimal or hexadecimal number off *TEXT (which it moves to the byte after it); false when
 * there is none, it does not fit, or something other than a space or a line end follows. */
bool log_decimal(const char **text, uint64_t *value);
bool log_hexadecimal(const char **text, uint64_t *value);
/* The next word of *TEXT, and moves past it and one space; size 0 at the end. */
size_t log_word(const char **text, const char **word);

#endif
