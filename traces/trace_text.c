/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The text form: what `trace text` prints and `trace text --parse` reads.
 *
 *     # machine.page-size: 4096
 *     # kernel: gnumach 1.8
 *     46872787 0 page-alloc segment=directmap object=3 pages=1
 *     46873276 3 cache-alloc cache=17 object=9
 *
 * Time, task, kind, operands. Each kind calls its operands by their names; a field that a kind has
 * no use for is printed under its own name when it is not zero, so that nothing is ever lost. What
 * a writer and a reader must agree on is in tables that both use: an operand cannot be written that
 * is not read.
 *
 * The header's lines come first as they stood when the trace was begun, and once more after
 * the events when more became known meanwhile; the last ones count.
 */

#include "traces/trace_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "traces/format.h"
#include "traces/trace_private.h"

#define TEXT_VERSION  1
#define LINE_SIZE_MAX (8u << 20)

/* ---- Tables ---- */

/* Names of an event's fields by kind. NULL: no use; '?' before: printed when not zero. */
struct layout {
    const char *where, *object, *size, *address;
};

static const struct layout layouts[EVENT_KINDS] = {
    [EVENT_CACHE_CREATE] = {"cache", NULL, NULL, NULL},
    [EVENT_CACHE_ALLOC] = {"cache", "object", NULL, "?address"},
    [EVENT_CACHE_FREE] = {"cache", "object", NULL, "?address"},
    [EVENT_KALLOC] = {NULL, "object", "size", "?address"},
    [EVENT_KFREE] = {NULL, "object", "size", "?address"},
    [EVENT_PAGE_ALLOC] = {"segment", "object", "pages", "?address"},
    [EVENT_PAGE_FREE] = {NULL, "object", "pages", "?address"},
    [EVENT_MAP_ALLOC] = {"map", "object", "size", "?address"},
    [EVENT_MAP_FREE] = {"map", "object", "size", "?offset"},
    [EVENT_SPACE_CREATE] = {"space", NULL, NULL, NULL},
    [EVENT_SPACE_DESTROY] = {"space", NULL, NULL, NULL},
    [EVENT_SPACE_RELEASE] = {"space", NULL, NULL, NULL},
    [EVENT_NAME_ALLOC] = {"space", "right", "name", NULL},
    [EVENT_NAME_ALLOC_AT] = {"space", "right", "name", NULL},
    [EVENT_NAME_FREE] = {"space", "right", "?name", NULL},
    [EVENT_NAME_LOOKUP] = {"space", "right", "?name", NULL},
    [EVENT_REVERSE_INSERT] = {"space", "right", "names", "?address"},
    [EVENT_REVERSE_REMOVE] = {"space", "right", NULL, "?address"},
    [EVENT_REVERSE_LOOKUP] = {"space", "right", NULL, "?address"},
    [EVENT_BOOT_PAGES] = {NULL, "first", "pages", NULL},
    [EVENT_GROWTH] = {"space", "to", "from", NULL},
    [EVENT_TASK] = {"of", NULL, NULL, NULL},
};

static const char *const map_names[] = {"kernel", "kmem", "ipc", "device", NULL};
static const char *const segment_names[] = {"dma", "dma32", "directmap", "highmem", NULL};
static const char *const map_kind_names[] = {"wired",    "aligned", "object",
                                             "pageable", "submap",  NULL};

/* A number inside a struct. */
struct field {
    const char *name;
    size_t offset;
    unsigned width;
    bool hex;
};

#define FIELD(type, name, member, hex)                                                             \
    {                                                                                              \
        name, offsetof(struct type, member), sizeof(((struct type *)0)->member), hex               \
    }

static const struct field cache_fields[] = {
    FIELD(truth_cache, "flags", flags, true),
    FIELD(truth_cache, "slab-size", slab_size, false),
    FIELD(truth_cache, "buffers-per-slab", buffers_per_slab, false),
    FIELD(truth_cache, "object-size", object_size, false),
    FIELD(truth_cache, "align", align, false),
    FIELD(truth_cache, "buffer-size", buffer_size, false),
    FIELD(truth_cache, "objects", objects, false),
    FIELD(truth_cache, "buffers", buffers, false),
    FIELD(truth_cache, "slabs", slabs, false),
    FIELD(truth_cache, "free-slabs", free_slabs, false),
    {NULL, 0, 0, false},
};

static const struct field segment_fields[] = {
    FIELD(truth_segment, "start", start, false),
    FIELD(truth_segment, "end", end, false),
    FIELD(truth_segment, "free", free, false),
    FIELD(truth_segment, "pool", pool, false),
    FIELD(truth_segment, "order0", orders[0], false),
    FIELD(truth_segment, "order1", orders[1], false),
    FIELD(truth_segment, "order2", orders[2], false),
    FIELD(truth_segment, "order3", orders[3], false),
    FIELD(truth_segment, "order4", orders[4], false),
    FIELD(truth_segment, "order5", orders[5], false),
    FIELD(truth_segment, "order6", orders[6], false),
    FIELD(truth_segment, "order7", orders[7], false),
    FIELD(truth_segment, "order8", orders[8], false),
    FIELD(truth_segment, "order9", orders[9], false),
    FIELD(truth_segment, "order10", orders[10], false),
    FIELD(truth_segment, "active", active, false),
    FIELD(truth_segment, "inactive", inactive, false),
    {NULL, 0, 0, false},
};

static const struct field map_fields[] = {
    FIELD(truth_map, "min", min, true),
    FIELD(truth_map, "max", max, true),
    FIELD(truth_map, "size", size, false),
    FIELD(truth_map, "entries", entries, false),
    {NULL, 0, 0, false},
};

static const struct field space_fields[] = {
    FIELD(truth_space, "rights", rights, false),
    FIELD(truth_space, "table-size", table_size, false),
    FIELD(truth_space, "free-list", free_list, false),
    FIELD(truth_space, "height", height, false),
    FIELD(truth_space, "tree-total", tree_total, false),
    FIELD(truth_space, "tree-small", tree_small, false),
    {NULL, 0, 0, false},
};

static const struct field machine_fields[] = {
    FIELD(trace_machine, "machine.page-size", page_size, false),
    FIELD(trace_machine, "machine.pointer-size", pointer_size, false),
    FIELD(trace_machine, "machine.memory", memory, false),
    FIELD(trace_machine, "machine.kernel-base", kernel_base, true),
    FIELD(trace_machine, "machine.kernel-map-start", kernel_map_start, true),
    FIELD(trace_machine, "machine.kernel-map-end", kernel_map_end, true),
    FIELD(trace_machine, "machine.kmem-map-start", kmem_map_start, true),
    FIELD(trace_machine, "machine.kmem-map-end", kmem_map_end, true),
    FIELD(trace_machine, "machine.ticks-per-second", ticks_per_second, false),
    {NULL, 0, 0, false},
};

static const struct field machine_texts[] = {
    FIELD(trace_machine, "machine.geometry", geometry, false),
    FIELD(trace_machine, "machine.stack", stack, false),
    FIELD(trace_machine, "machine.time-unit", time_unit, false),
    {NULL, 0, 0, false},
};

static uint64_t field_get(const struct field *field, const void *record)
{
    const char *p = (const char *)record + field->offset;
    uint32_t word;
    uint64_t number;

    if (field->width == sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        return word;
    }
    memcpy(&number, p, sizeof(number));
    return number;
}

static int field_set(const struct field *field, void *record, uint64_t number)
{
    char *p = (char *)record + field->offset;
    uint32_t word = (uint32_t)number;

    if (field->width == sizeof(word)) {
        if (number > UINT32_MAX)
            return -1;
        memcpy(p, &word, sizeof(word));
    } else {
        memcpy(p, &number, sizeof(number));
    }
    return 0;
}

static const struct field *field_find(const struct field *fields, const char *name)
{
    for (; fields->name != NULL; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

/* The flags that a kind knows by name. */
static const struct flag {
    const char *name;
    uint8_t bit;
    uint32_t kinds; /* bit mask; 0: all */
} flags[] = {
    {"failed", EVENT_FAILED, 0},
    {"inferred", EVENT_INFERRED, 0},
    {"special", EVENT_SPECIAL, 1u << EVENT_SPACE_CREATE},
    {"descending", EVENT_DESCENDING, 1u << EVENT_BOOT_PAGES},
    {"contiguous", EVENT_CONTIGUOUS, 1u << EVENT_PAGE_ALLOC | 1u << EVENT_PAGE_FREE},
    {"entry-left", EVENT_ENTRY_LEFT, 1u << EVENT_TRUTH},
    {"count-left", EVENT_COUNT_LEFT, 1u << EVENT_TRUTH},
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static bool flag_of(const struct flag *flag, unsigned kind)
{
    return flag->kinds == 0 || (flag->kinds >> kind & 1) != 0;
}

static bool kind_has_map(unsigned kind)
{
    return kind == EVENT_MAP_ALLOC || kind == EVENT_MAP_FREE;
}

static const char *const *where_names(unsigned kind)
{
    if (kind_has_map(kind))
        return map_names;
    return kind == EVENT_PAGE_ALLOC ? segment_names : NULL;
}

static const char *name_of(const char *const *names, uint64_t number)
{
    for (; names != NULL && *names != NULL; names++, number--)
        if (number == 0)
            return *names;
    return NULL;
}

/* ---- Writing ---- */

/* Text with everything that could be taken for something else as \xNN. STOP is one more. */
static void put_text(FILE *stream, const char *text, size_t size, const char *stop)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool edge = c == ' ' && (i == 0 || i + 1 == size);

        if (c < ' ' || c == 0x7f || c == '\\' || edge || strchr(stop, c) != NULL)
            fprintf(stream, "\\x%02x", c);
        else
            putc(c, stream);
    }
}

static void put_number(FILE *stream, const char *name, uint64_t number, bool hex)
{
    if (number == OBJECT_NONE && !hex)
        fprintf(stream, " %s=none", name);
    else
        fprintf(stream, hex ? " %s=0x%" PRIx64 : " %s=%" PRIu64, name, number);
}

static void put_fields(FILE *stream, const struct field *fields, const void *record)
{
    for (; fields->name != NULL; fields++)
        put_number(stream, fields->name, field_get(fields, record), fields->hex);
    putc('\n', stream);
}

static void put_key(FILE *stream, const char *key)
{
    size_t size = strlen(key), skip = 0;

    /* A key of the header that looks like one of ours is made to look like none. */
    if (strncmp(key, "machine.", 8) == 0 || strncmp(key, "trace.", 6) == 0) {
        fprintf(stream, "\\x%02x", (unsigned char)key[0]);
        skip = 1;
    }
    put_text(stream, key + skip, size - skip, ":");
}

static void put_header(FILE *stream, const struct trace_header *header, int level)
{
    const struct trace_machine *machine = &header->machine;
    const struct field *field;

    fprintf(stream, "# trace.text: %d\n# trace.level: %d\n", TEXT_VERSION, level);
    for (field = machine_fields; field->name != NULL; field++)
        fprintf(stream, field->hex ? "# %s: 0x%" PRIx64 "\n" : "# %s: %" PRIu64 "\n", field->name,
                field_get(field, machine));
    for (unsigned i = 0; i < machine->nr_segments; i++)
        fprintf(stream, "# machine.segment: %s %u %u\n", segment_names[machine->segments[i].kind],
                machine->segments[i].start, machine->segments[i].end);
    for (field = machine_texts; field->name != NULL; field++) {
        const char *text = (const char *)machine + field->offset;

        fprintf(stream, "# %s: ", field->name);
        put_text(stream, text, strnlen(text, field->width), "");
        putc('\n', stream);
    }
    fprintf(stream, "# machine.boot-pages: %d\n", machine->boot_pages);
    for (unsigned i = 0; i < header->nr_provenance; i++) {
        const char *value = header->provenance[i].value;

        fputs("# ", stream);
        put_key(stream, header->provenance[i].key);
        fputs(": ", stream);
        put_text(stream, value, strlen(value), "");
        putc('\n', stream);
    }
}

static bool headers_equal(const struct trace_header *a, const struct trace_header *b)
{
    struct bytes x = {0}, y = {0};
    bool equal;

    format_header_put(&x, a, 0);
    format_header_put(&y, b, 0);
    equal = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    bytes_free(&x);
    bytes_free(&y);
    return equal;
}

static void put_flags(FILE *stream, const struct event *event)
{
    unsigned left = event->flags;
    const char *separator = " flags=";

    if (kind_has_map(event->kind)) {
        const char *kind = name_of(map_kind_names, left & 0x0f);

        if (kind != NULL) {
            fprintf(stream, " kind=%s", kind);
            left &= 0xf0;
        }
    }
    for (unsigned i = 0; i < FLAGS; i++) {
        if (!flag_of(&flags[i], event->kind) || (left & flags[i].bit) == 0)
            continue;
        fprintf(stream, "%s%s", separator, flags[i].name);
        separator = "+";
        left &= ~(unsigned)flags[i].bit;
    }
    if (left != 0)
        fprintf(stream, "%s0x%x", separator, left);
}

static void put_operand(FILE *stream, const char *label, const char *plain, uint64_t number,
                        bool hex)
{
    bool optional = label == NULL || *label == '?';

    if (optional && number == 0)
        return;
    put_number(stream, label == NULL ? plain : label + (*label == '?'), number, hex);
}

static void put_operands(FILE *stream, const struct event *event)
{
    const struct layout *layout = &layouts[event->kind];
    const char *where = name_of(where_names(event->kind), event->where);
    bool names = layout->size != NULL && strstr(layout->size, "name") != NULL &&
                 event->kind != EVENT_REVERSE_INSERT;

    if (where != NULL)
        fprintf(stream, " %s=%s", layout->where, where);
    else
        put_operand(stream, layout->where, "where", event->where, false);
    put_operand(stream, layout->object, "object", event->object, false);
    put_operand(stream, layout->size, "size", event->size, names);
    if (!event_has_payload(event->kind))
        put_operand(stream, layout->address, "address", event->address, true);
    put_flags(stream, event);
}

static int put_cache(struct trace_reader *reader, FILE *stream, const struct event *event,
                     struct error *error)
{
    struct cache_definition definition;

    if (trace_decode_cache(reader, event, &definition, error) != 0)
        return -1;
    fprintf(stream, " object-size=%u align=%u cache-flags=0x%x text=", definition.size,
            definition.align, definition.flags);
    put_text(stream, definition.name, strlen(definition.name), "");
    putc('\n', stream);
    return 0;
}

static int put_truth(struct trace_reader *reader, FILE *stream, const struct event *event,
                     struct truth *truth, struct error *error)
{
    if (trace_decode_truth(reader, event, truth, error) != 0)
        return -1;
    putc('\n', stream);
    for (unsigned i = 0; i < truth->nr_caches; i++) {
        fprintf(stream, "    cache %u", truth->caches[i].cache);
        put_fields(stream, cache_fields, &truth->caches[i]);
    }
    for (unsigned i = 0; i < truth->nr_segments; i++) {
        fprintf(stream, "    segment %u", truth->segments[i].index);
        put_fields(stream, segment_fields, &truth->segments[i]);
    }
    for (unsigned map = 0; map < EVENT_MAPS; map++) {
        if (!truth->maps[map].present)
            continue;
        fprintf(stream, "    map %s", map_names[map]);
        put_fields(stream, map_fields, &truth->maps[map]);
    }
    for (unsigned i = 0; i < truth->nr_spaces; i++) {
        fprintf(stream, "    space %u", truth->spaces[i].space);
        put_fields(stream, space_fields, &truth->spaces[i]);
    }
    if (truth->has_free_count)
        fprintf(stream, "    free-pages %" PRIu64 "\n", truth->free_count);
    return 0;
}

static int put_event(struct trace_reader *reader, FILE *stream, const struct event *event,
                     struct truth *truth, struct error *error)
{
    size_t size;
    const char *payload;

    fprintf(stream, "%" PRIu64 " %u %s", event->time, event->task, event_kind_name(event->kind));
    put_operands(stream, event);
    switch (event->kind) {
    case EVENT_CACHE_CREATE:
        return put_cache(reader, stream, event, error);
    case EVENT_TRUTH:
        return put_truth(reader, stream, event, truth, error);
    case EVENT_TASK:
    case EVENT_MARK:
        payload = trace_payload(reader, event, &size);
        fputs(" text=", stream);
        put_text(stream, payload, size, "");
        break;
    default:
        break;
    }
    putc('\n', stream);
    return 0;
}

int trace_text_write(struct trace_reader *reader, FILE *stream, struct error *error)
{
    const struct trace_header *first = trace_first_header(reader), *header = trace_header(reader);
    struct truth *truth = calloc(1, sizeof(*truth));
    const struct event *events;
    int n = -1, i;

    if (truth == NULL)
        return error_set(error, "%s: not enough memory", trace_path(reader));
    put_header(stream, first, trace_level(reader));
    if (trace_rewind(reader, error) == 0) {
        while ((n = trace_read(reader, &events, error)) > 0) {
            for (i = 0; i < n && n > 0; i++)
                if (put_event(reader, stream, &events[i], truth, error) != 0)
                    n = -1;
            if (n < 0 || ferror(stream))
                break;
        }
    }
    free(truth);
    if (n < 0)
        return -1;
    if (!headers_equal(first, header))
        put_header(stream, header, trace_level(reader));
    return 0;
}

/* ---- Reading ---- */

struct parser {
    FILE *stream;
    const char *name, *path;
    char *line;
    size_t room;
    uint64_t number; /* of the line */
    struct trace_header header;
    int level;
    bool in_header;
    struct trace_writer *writer;
    struct event event; /* a truth that is being gathered */
    bool gathering;
    struct truth *truth;
};

static int parser_error(const struct parser *parser, struct error *error)
{
    return error_prefix(error, "%s: line %" PRIu64 ": ", parser->name, parser->number);
}

static int get_number(const char *text, uint64_t *number, struct error *error)
{
    char *end;

    if (strcmp(text, "none") == 0) {
        *number = OBJECT_NONE;
        return 0;
    }
    errno = 0;
    *number = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0)
        return error_set(error, "\"%s\" is not a number", text);
    return 0;
}

static int get_number_below(const char *text, uint64_t limit, uint64_t *number, struct error *error)
{
    if (get_number(text, number, error) != 0)
        return -1;
    if (*number > limit)
        return error_set(error, "%s is too large, expected at most %" PRIu64, text, limit);
    return 0;
}

/* A number, or a name out of NAMES. */
static int get_named(const char *text, const char *const *names, uint64_t limit, uint64_t *number,
                     struct error *error)
{
    for (uint64_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            *number = i;
            return 0;
        }
    }
    return get_number_below(text, limit, number, error);
}

/* Takes the escapes out in place; returns the size, or -1. */
static ssize_t get_text(char *text, struct error *error)
{
    char *to = text, digits[3] = "", *end;
    const char *from = text;

    while (*from != '\0') {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        if (from[1] != 'x' || !isxdigit((unsigned char)from[2]) ||
            !isxdigit((unsigned char)from[3]))
            return error_set(error, "\"%.8s\" is not an escape, expected \\xNN", from);
        digits[0] = from[2];
        digits[1] = from[3];
        *to++ = (char)strtoul(digits, &end, 16);
        from += 4;
    }
    *to = '\0';
    return to - text;
}

/* KEY=VALUE cut in two; NULL when there is no '='. */
static char *cut_value(char *word)
{
    char *equals = strchr(word, '=');

    if (equals == NULL)
        return NULL;
    *equals = '\0';
    return equals + 1;
}

static int get_fields(char *words, const struct field *fields, void *record, struct error *error)
{
    char *save = NULL, *word;

    for (word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char *value = cut_value(word);
        const struct field *field = value == NULL ? NULL : field_find(fields, word);
        uint64_t number;

        if (field == NULL)
            return error_set(error, "\"%s\" is no counter that is known here", word);
        if (get_number(value, &number, error) != 0)
            return -1;
        if (field_set(field, record, number) != 0)
            return error_set(error, "%s=%s does not fit", word, value);
    }
    return 0;
}

static int get_segment(struct trace_machine *machine, char *value, struct error *error)
{
    char *save = NULL, *words[3];
    uint64_t numbers[3];
    unsigned i;

    for (i = 0; i < 3; i++) {
        words[i] = strtok_r(i == 0 ? value : NULL, " ", &save);
        if (words[i] == NULL)
            return error_set(error, "expected a segment's kind, start and end");
    }
    if (machine->nr_segments == 4)
        return error_set(error, "more than 4 segments");
    if (get_named(words[0], segment_names, EVENT_HIGHMEM, &numbers[0], error) != 0 ||
        get_number_below(words[1], UINT32_MAX, &numbers[1], error) != 0 ||
        get_number_below(words[2], UINT32_MAX, &numbers[2], error) != 0)
        return -1;
    i = machine->nr_segments++;
    machine->segments[i].kind = (uint8_t)numbers[0];
    machine->segments[i].start = (uint32_t)numbers[1];
    machine->segments[i].end = (uint32_t)numbers[2];
    return 0;
}

static int get_machine(struct parser *parser, const char *key, char *value, struct error *error)
{
    struct trace_machine *machine = &parser->header.machine;
    const struct field *field = field_find(machine_fields, key);
    uint64_t number;

    if (field != NULL) {
        if (get_number(value, &number, error) != 0)
            return -1;
        return field_set(field, machine, number) == 0
                   ? 0
                   : error_set(error, "%s: %s does not fit", key, value);
    }
    field = field_find(machine_texts, key);
    if (field != NULL) {
        ssize_t size = get_text(value, error);

        if (size < 0)
            return -1;
        if ((size_t)size >= field->width)
            return error_set(error, "%s: expected at most %u bytes", key, field->width - 1);
        memset((char *)machine + field->offset, 0, field->width);
        memcpy((char *)machine + field->offset, value, (size_t)size);
        return 0;
    }
    if (strcmp(key, "machine.segment") == 0)
        return get_segment(machine, value, error);
    if (strcmp(key, "machine.boot-pages") == 0) {
        if (get_number_below(value, 1, &number, error) != 0)
            return -1;
        machine->boot_pages = number == 1;
        return 0;
    }
    return error_set(error, "\"%s\" is not known of a machine", key);
}

static int get_level(struct parser *parser, const char *value, struct error *error)
{
    char *end;
    long level = strtol(value, &end, 10);

    if (*end != '\0' || end == value || level < -(1 << 17) || level > 22)
        return error_set(error, "\"%s\" is not a compression level", value);
    parser->level = (int)level;
    return 0;
}

/* "# key: value" */
static int get_header_line(struct parser *parser, char *line, struct error *error)
{
    char *key = line + 1, *value;
    bool ours;

    if (!parser->in_header) {
        trace_header_free(&parser->header);
        parser->in_header = true;
    }
    key += *key == ' ';
    value = strchr(key, ':');
    if (value == NULL)
        return error_set(error, "expected \"# key: value\"");
    *value++ = '\0';
    value += *value == ' ';
    if (strcmp(key, "trace.text") == 0)
        return strcmp(value, "1") == 0
                   ? 0
                   : error_set(error, "the text has version %s, expected %d", value, TEXT_VERSION);
    if (strcmp(key, "trace.level") == 0)
        return get_level(parser, value, error);
    ours = strncmp(key, "machine.", 8) == 0;
    if (ours)
        return get_machine(parser, key, value, error);
    if (get_text(key, error) < 0 || get_text(value, error) < 0)
        return -1;
    if (trace_header_add(&parser->header, key, value) != 0)
        return error_set(error, "the provenance is too long, or memory is short");
    return 0;
}

/* Gives the writer what the header's lines say. */
static int use_header(struct parser *parser, struct error *error)
{
    struct trace_header *header;

    if (!parser->in_header)
        return 0;
    parser->in_header = false;
    if (parser->writer == NULL) {
        parser->writer = trace_writer_open(parser->path, &parser->header, parser->level, error);
        return parser->writer == NULL ? -1 : 0;
    }
    header = trace_writer_header(parser->writer);
    trace_header_free(header);
    if (format_header_copy(header, &parser->header) != 0)
        return error_set(error, "not enough memory");
    return 0;
}

static int get_flags(struct event *event, char *value, struct error *error)
{
    char *save = NULL, *word;

    for (word = strtok_r(value, "+", &save); word != NULL; word = strtok_r(NULL, "+", &save)) {
        uint64_t bits = 0;
        unsigned i;

        for (i = 0; i < FLAGS; i++)
            if (flag_of(&flags[i], event->kind) && strcmp(flags[i].name, word) == 0)
                break;
        if (i < FLAGS)
            bits = flags[i].bit;
        else if (get_number_below(word, UINT8_MAX, &bits, error) != 0)
            return -1;
        event->flags |= (uint8_t)bits;
    }
    return 0;
}

static bool label_is(const char *label, const char *plain, const char *word)
{
    if (label == NULL)
        return strcmp(word, plain) == 0;
    return strcmp(word, label + (*label == '?')) == 0;
}

static int get_operand(struct event *event, struct cache_definition *definition, const char *key,
                       char *value, struct error *error)
{
    const struct layout *layout = &layouts[event->kind];
    uint32_t *word = NULL;
    uint64_t number;

    if (strcmp(key, "flags") == 0)
        return get_flags(event, value, error);
    if (kind_has_map(event->kind) && strcmp(key, "kind") == 0) {
        if (get_named(value, map_kind_names, 15, &number, error) != 0)
            return -1;
        event->flags |= (uint8_t)number;
        return 0;
    }
    if (label_is(layout->where, "where", key)) {
        if (get_named(value, where_names(event->kind), UINT32_MAX, &number, error) != 0)
            return -1;
        event->where = (uint32_t)number;
        return 0;
    }
    if (event->kind == EVENT_CACHE_CREATE && strcmp(key, "object-size") == 0)
        word = &definition->size;
    else if (event->kind == EVENT_CACHE_CREATE && strcmp(key, "align") == 0)
        word = &definition->align;
    else if (event->kind == EVENT_CACHE_CREATE && strcmp(key, "cache-flags") == 0)
        word = &definition->flags;
    else if (label_is(layout->object, "object", key))
        word = &event->object;
    else if (label_is(layout->size, "size", key))
        word = &event->size;
    if (word != NULL) {
        if (get_number_below(value, UINT32_MAX, &number, error) != 0)
            return -1;
        *word = (uint32_t)number;
        return 0;
    }
    if (!event_has_payload(event->kind) && label_is(layout->address, "address", key))
        return get_number(value, &event->address, error);
    return error_set(error, "a %s has no operand \"%s\"", event_kind_name(event->kind), key);
}

static int write_event(struct parser *parser, struct event *event,
                       struct cache_definition *definition, char *text, struct error *error)
{
    ssize_t size = text == NULL ? 0 : get_text(text, error);

    if (size < 0)
        return -1;
    if (text == NULL && event_has_payload(event->kind))
        return error_set(error, "a %s needs a text=, last on its line",
                         event_kind_name(event->kind));
    if (event->kind == EVENT_CACHE_CREATE) {
        /* NOLINTNEXTLINE: it has a payload, so there is a text */
        if ((size_t)size >= sizeof(definition->name) || memchr(text, '\0', (size_t)size) != NULL)
            return error_set(error, "the cache's name has %zd bytes, expected at most %zu", size,
                             sizeof(definition->name) - 1);
        memcpy(definition->name, text, (size_t)size + 1);
        return trace_write_cache(parser->writer, event, definition, error);
    }
    return trace_write(parser->writer, event, text, (size_t)size, error);
}

static int get_event(struct parser *parser, char *line, struct error *error)
{
    struct cache_definition definition = {0};
    struct event event = {0};
    char *save = NULL, *text, *time, *task, *kind, *word;
    uint64_t number;

    /* The text goes to the end of the line, spaces and all. */
    text = strstr(line, " text=");
    if (text != NULL) {
        *text = '\0';
        text += 6;
    }
    time = strtok_r(line, " ", &save);
    task = strtok_r(NULL, " ", &save);
    kind = strtok_r(NULL, " ", &save);
    if (kind == NULL)
        return error_set(error, "expected a time, a task and an event");
    if (get_number(time, &event.time, error) != 0 ||
        get_number_below(task, UINT16_MAX, &number, error) != 0)
        return -1;
    event.task = (uint16_t)number;
    event.kind = (uint8_t)event_kind_find(kind);
    if (event.kind == EVENT_KINDS)
        return error_set(error, "event \"%s\" is unknown", kind);
    while ((word = strtok_r(NULL, " ", &save)) != NULL) {
        char *value = cut_value(word);

        if (value == NULL)
            return error_set(error, "expected operand=value, found \"%s\"", word);
        if (get_operand(&event, &definition, word, value, error) != 0)
            return -1;
    }
    if (event.kind == EVENT_TRUTH) {
        memset(parser->truth, 0, sizeof(*parser->truth));
        parser->event = event;
        parser->gathering = true;
        return 0;
    }
    if (text != NULL && !event_has_payload(event.kind))
        return error_set(error, "a %s has no text", kind);
    return write_event(parser, &event, &definition, text, error);
}

/* The record that an indented line fills; NULL: unknown or one too many. */
static void *truth_record(struct truth *truth, const char *what, const char *which,
                          const struct field **fields, struct error *error)
{
    const char *const *names = strcmp(what, "map") == 0 ? map_names : NULL;
    uint64_t limit = names != NULL ? EVENT_MAPS - 1 : UINT32_MAX, number;

    if (get_named(which, names, limit, &number, error) != 0)
        return NULL;
    if (strcmp(what, "cache") == 0 && truth->nr_caches < 256) {
        *fields = cache_fields;
        truth->caches[truth->nr_caches].cache = (uint32_t)number;
        return &truth->caches[truth->nr_caches++];
    }
    if (strcmp(what, "segment") == 0 && truth->nr_segments < 4) {
        *fields = segment_fields;
        truth->segments[truth->nr_segments].index = (uint32_t)number;
        return &truth->segments[truth->nr_segments++];
    }
    if (strcmp(what, "space") == 0 && truth->nr_spaces < 64) {
        *fields = space_fields;
        truth->spaces[truth->nr_spaces].space = (uint32_t)number;
        return &truth->spaces[truth->nr_spaces++];
    }
    if (names != NULL) {
        *fields = map_fields;
        truth->maps[number].present = 1;
        return &truth->maps[number];
    }
    error_set(error, "\"%s %s\" is no counter that is known, or one too many", what, which);
    return NULL;
}

static int get_truth_line(struct parser *parser, char *line, struct error *error)
{
    struct truth *truth = parser->truth;
    char *save = NULL, *what = strtok_r(line, " ", &save), *which = strtok_r(NULL, " ", &save);
    const struct field *fields;
    void *record;

    if (!parser->gathering)
        return error_set(error, "an indented line belongs to a truth, and there is none before it");
    if (which == NULL)
        return error_set(error,
                         "expected \"cache\", \"segment\", \"map\" or \"space\" and a number");
    if (strcmp(what, "free-pages") == 0) {
        truth->has_free_count = true;
        return get_number(which, &truth->free_count, error);
    }
    record = truth_record(truth, what, which, &fields, error);
    return record == NULL ? -1 : get_fields(save, fields, record, error);
}

static int end_truth(struct parser *parser, struct error *error)
{
    if (!parser->gathering)
        return 0;
    parser->gathering = false;
    return trace_write_truth(parser->writer, &parser->event, parser->truth, error);
}

static int get_line(struct parser *parser, char *line, struct error *error)
{
    if (*line == ' ')
        return get_truth_line(parser, line, error);
    if (end_truth(parser, error) != 0)
        return -1;
    if (*line == '#')
        return get_header_line(parser, line, error);
    if (*line == '\0')
        return 0;
    if (use_header(parser, error) != 0)
        return -1;
    if (parser->writer == NULL)
        return error_set(error, "expected the header first: lines that start with #");
    return get_event(parser, line, error);
}

/* Room for one more byte of a line and its end. */
static int line_room(struct parser *parser, size_t size, struct error *error)
{
    size_t room = parser->room == 0 ? 256 : 2 * parser->room;
    char *line;

    if (size + 1 < parser->room)
        return 0;
    line = realloc(parser->line, room);
    if (line == NULL)
        return error_set(error, "not enough memory for a line of %zu bytes", room);
    parser->line = line;
    parser->room = room;
    return 0;
}

/* The next line without its end: 1, 0 when there is none, or -1. getline() would take a file
 * without line ends whole, and says the same at the end of the file and of memory. */
static int read_line(struct parser *parser, struct error *error)
{
    size_t size = 0;
    int c;

    while ((c = getc_unlocked(parser->stream)) != EOF && c != '\n') {
        if (c == '\0')
            return error_set(error,
                             "byte %zu of it is zero: expected text, as 'allotrope trace "
                             "text' prints it",
                             size + 1);
        if (size == LINE_SIZE_MAX)
            return error_set(error,
                             "it has more than %u bytes: expected text, as 'allotrope "
                             "trace text' prints it",
                             LINE_SIZE_MAX);
        if (line_room(parser, size, error) != 0)
            return -1;
        parser->line[size++] = (char)c;
    }
    if (c == EOF && ferror(parser->stream))
        return error_set(error, "cannot read: %s", strerror(errno));
    if (c == EOF && size == 0)
        return 0;
    if (line_room(parser, size, error) != 0)
        return -1;
    parser->line[size] = '\0';
    return 1;
}

static int parse_lines(struct parser *parser, struct error *error)
{
    int code;

    for (;;) {
        code = read_line(parser, error);
        if (code == 0)
            break;
        parser->number++;
        if (code < 0 || get_line(parser, parser->line, error) != 0)
            return parser_error(parser, error);
    }
    if (end_truth(parser, error) != 0 || use_header(parser, error) != 0)
        return parser_error(parser, error);
    if (parser->writer == NULL)
        return error_set(error, "%s: there is no trace in it: expected lines that start with #",
                         parser->name);
    return 0;
}

int trace_text_parse(FILE *stream, const char *name, const char *path, struct error *error)
{
    struct parser parser = {.stream = stream, .name = name, .path = path};
    int result = -1;

    parser.truth = calloc(1, sizeof(*parser.truth));
    if (parser.truth == NULL)
        error_set(error, "%s: not enough memory", name);
    else
        result = parse_lines(&parser, error);
    if (result == 0)
        result = trace_writer_close(parser.writer, error);
    else
        trace_writer_abort(parser.writer);
    trace_header_free(&parser.header);
    free(parser.truth);
    free(parser.line);
    return result;
}
