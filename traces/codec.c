/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The columns of a chunk.
 *
 * Kernels repeat themselves: a few hundred different requests make up any trace, and they follow
 * each other in a few thousand ways. So a chunk starts with a dictionary. A template is an event
 * with its varying fields left out, and says how to get them; an operation is a template with the
 * time since the event before, or without when that varies too. An event then is one or two bytes,
 * the number of its operation, and what is left over goes to columns: times, references (object
 * numbers), addresses, extras (everything rare) and payloads. Like goes with like, which zstd
 * rewards.
 *
 * Numbers of new objects are predicted: they are handed out last freed first by everyone who
 * writes traces, so a stack of the numbers that died in this chunk knows the next one, and where it
 * is empty the next number that nothing had before is a good guess. Other references are
 * differences to the last one of the same family (kind and place). Captured names are differences
 * to the right's number, since both are dense.
 *
 * Everything starts from nothing at each chunk (the header has the two numbers that carry over), so
 * that any chunk can be decoded alone.
 *
 * The decoder is a loop with few branches that a processor cannot learn: an operation is expanded
 * to a record of half a cache line that is copied out, the lengths of numbers come from counting
 * zeros, and one jump, to the operation's way, decides everything else. Columns may be read past
 * their end by one batch at most, into zeros, and are checked after each batch.
 *
 * What it does worse than its rivals: a general compressor over fixed records (LZ4 of the 32 bytes)
 * is a tenth of the code and writes faster; it is three times larger.
 */

#include "traces/codec.h"

#include <stdlib.h>

/* Operations below this take one byte, others two. */
#define OPS_SHORT     224u
#define OPS_MAX       (OPS_SHORT + (256u - OPS_SHORT) * 256u)
#define TEMPLATES_MAX 4096u
#define FAMILIES_MAX  4096u

/* How a template's fields are had. */
enum {
    OBJECT_FIXED = 0, /* in the template */
    OBJECT_DELTA = 1, /* reference: difference to the family's last */
    OBJECT_POP = 2,   /* the number that died last in this chunk */
    OBJECT_FRESH = 3, /* the next number that nothing had before */
    OBJECT_MODES = 4,
};

enum {
    SIZE_FIXED = 0, /* in the template */
    SIZE_DELTA = 1, /* extra: difference to the family's last */
    SIZE_NAME = 2,  /* the object's number plus the family's bias */
    SIZE_SHIFT = 3, /* the same, and an extra that changes the bias first */
    SIZE_MODES = 4,
};

enum {
    MODE_OBJECT = 0x03,
    MODE_SIZE = 0x0c,
    MODE_ADDRESS = 0x10, /* difference to the family's last, in its column; else it is zero */
    MODE_DIES = 0x20,    /* the number dies: it goes onto the stack */
    MODE_PAYLOAD = 0x40, /* extra: size of the next payload */
    MODE_GENERIC = 0x80, /* extras: flags, task, where, object, size, address or payload's size */
    MODE_ALL = 0xff,
};

#define MODE_SIZE_SHIFT 2

struct family {
    uint64_t address;
    uint32_t object, size, bias;
};

/* The header of the columns: sizes of the parts, in this order, after six counts and sizes. */
enum part {
    PART_DICTIONARY,
    PART_OPS,
    PART_TIMES,
    PART_REFERENCES,
    PART_ADDRESSES,
    PART_EXTRAS,
    PART_PAYLOADS,
    PARTS
};

/* ---- Encoding ---- */

#define HASH_SLOTS (1u << 15) /* for at most half as many keys */
#define PAIRS_MAX  (HASH_SLOTS / 2)

struct template
{
    struct event event; /* varying fields are zero */
    uint32_t modes;
    uint32_t family;
    uint32_t plain_op;
    bool plain; /* used with a time of its own */
};

struct pair { /* a template and a time that follow each other often */
    uint32_t template;
    uint32_t delta;
    uint32_t count;
    uint32_t op;
};

struct choice { /* an operation to be: pair or plain template */
    uint32_t count;
    uint32_t index; /* of the pair, or PAIRS_MAX + the template */
};

struct codec_encoder {
    struct template templates[TEMPLATES_MAX + EVENT_KINDS];
    struct family families[FAMILIES_MAX];
    struct {
        uint32_t kind, where, size;
    } family_keys[FAMILIES_MAX];
    struct pair pairs[PAIRS_MAX];
    struct choice choices[PAIRS_MAX + TEMPLATES_MAX + EVENT_KINDS];
    uint32_t plain_counts[TEMPLATES_MAX + EVENT_KINDS];
    uint32_t nr_templates, nr_families, nr_pairs, nr_ops;
    uint32_t generic[EVENT_KINDS]; /* template, UINT32_MAX: none yet */
    /* Hash slots hold index + 1. */
    uint16_t template_slots[HASH_SLOTS], family_slots[HASH_SLOTS], pair_slots[HASH_SLOTS];
    uint16_t event_template[FORMAT_CHUNK_EVENTS];
    uint16_t event_pair[FORMAT_CHUNK_EVENTS]; /* pair, UINT16_MAX: none */
    uint32_t stacks[2][FORMAT_CHUNK_EVENTS];
    uint32_t tops[2];
    struct bytes parts[PARTS];
};

_Static_assert(PAIRS_MAX < UINT16_MAX, "event_pair");

struct codec_encoder *codec_encoder_create(void)
{
    return calloc(1, sizeof(struct codec_encoder));
}

void codec_encoder_destroy(struct codec_encoder *encoder)
{
    if (encoder == NULL)
        return;
    for (unsigned part = 0; part < PARTS; part++)
        bytes_free(&encoder->parts[part]);
    free(encoder);
}

static uint32_t hash_words(const void *words, size_t size)
{
    const unsigned char *p = words;
    uint64_t h = 0x9e3779b97f4a7c15, w;

    for (; size >= 8; size -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xff51afd7ed558ccd;
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, p, size);
    h = (h ^ w) * 0xff51afd7ed558ccd;
    h ^= h >> 32;
    return (uint32_t)(h * 0xc4ceb9fe1a85ec53 >> 40);
}

static void encoder_reset(struct codec_encoder *encoder)
{
    encoder->nr_templates = encoder->nr_families = encoder->nr_pairs = encoder->nr_ops = 0;
    encoder->tops[0] = encoder->tops[1] = 0;
    memset(encoder->generic, 0xff, sizeof(encoder->generic));
    memset(encoder->families, 0, sizeof(encoder->families));
    memset(encoder->template_slots, 0, sizeof(encoder->template_slots));
    memset(encoder->family_slots, 0, sizeof(encoder->family_slots));
    memset(encoder->pair_slots, 0, sizeof(encoder->pair_slots));
    memset(encoder->plain_counts, 0, sizeof(encoder->plain_counts));
    for (unsigned part = 0; part < PARTS; part++) {
        encoder->parts[part].size = 0;
        encoder->parts[part].failed = false;
    }
}

static uint32_t encoder_family(struct codec_encoder *encoder, uint32_t kind, uint32_t where,
                               uint32_t size)
{
    const uint32_t key[3] = {kind, where, size};
    uint32_t slot = hash_words(key, sizeof(key)) % HASH_SLOTS, index;

    while ((index = encoder->family_slots[slot]) != 0) {
        if (memcmp(&encoder->family_keys[index - 1], key, sizeof(key)) == 0)
            return index - 1;
        slot = (slot + 1) % HASH_SLOTS;
    }
    if (encoder->nr_families == FAMILIES_MAX)
        return kind; /* the first ones are not special: any family will do */
    index = encoder->nr_families++;
    memcpy(&encoder->family_keys[index], key, sizeof(key));
    encoder->family_slots[slot] = (uint16_t)(index + 1);
    return index;
}

static uint32_t encoder_generic(struct codec_encoder *encoder, unsigned kind)
{
    struct template *template;

    if (encoder->generic[kind] == UINT32_MAX) {
        encoder->generic[kind] = encoder->nr_templates;
        template = &encoder->templates[encoder->nr_templates++];
        memset(template, 0, sizeof(*template));
        template->event.kind = (uint8_t)kind;
        template->modes = MODE_GENERIC | (event_has_payload(kind) ? MODE_PAYLOAD : 0u);
    }
    return encoder->generic[kind];
}

static uint32_t encoder_template(struct codec_encoder *encoder, const struct event *event,
                                 uint32_t modes)
{
    struct {
        struct event event;
        uint64_t modes;
    } key = {*event, modes};
    uint32_t slot = hash_words(&key, sizeof(key)) % HASH_SLOTS, index;
    struct template *template;

    while ((index = encoder->template_slots[slot]) != 0) {
        template = &encoder->templates[index - 1];
        if (template->modes == modes && memcmp(&template->event, event, sizeof(*event)) == 0)
            return index - 1;
        slot = (slot + 1) % HASH_SLOTS;
    }
    if (encoder->nr_templates >= TEMPLATES_MAX - EVENT_KINDS)
        return encoder_generic(encoder, event->kind);
    index = encoder->nr_templates++;
    encoder->template_slots[slot] = (uint16_t)(index + 1);
    template = &encoder->templates[index];
    template->event = *event;
    template->modes = modes;
    template->family = encoder_family(encoder, event->kind, event->where, event->size);
    return index;
}

static bool event_makes(unsigned kind)
{
    switch (kind) {
    case EVENT_CACHE_ALLOC:
    case EVENT_KALLOC:
    case EVENT_PAGE_ALLOC:
    case EVENT_MAP_ALLOC:
    case EVENT_NAME_ALLOC:
    case EVENT_NAME_ALLOC_AT:
        return true;
    default:
        return false;
    }
}

static bool event_frees(unsigned kind)
{
    switch (kind) {
    case EVENT_CACHE_FREE:
    case EVENT_KFREE:
    case EVENT_PAGE_FREE:
    case EVENT_MAP_FREE:
    case EVENT_NAME_FREE:
        return true;
    default:
        return false;
    }
}

/* How the object's number is had, following the prediction that the decoder will follow. */
static uint32_t encoder_object(struct codec_encoder *encoder, const struct event *event,
                               uint32_t fresh[2])
{
    enum numbering numbering = event_numbering(event->kind);
    uint32_t *stack, *top;

    if (event->object == OBJECT_NONE || (numbering == NUMBERING_NONE && event->object == 0))
        return OBJECT_FIXED;
    if (numbering == NUMBERING_NONE)
        return OBJECT_DELTA;
    if (!event_makes(event->kind))
        return OBJECT_DELTA;
    stack = encoder->stacks[numbering];
    top = &encoder->tops[numbering];
    if (*top != 0 && stack[*top - 1] == event->object) {
        (*top)--;
        return OBJECT_POP;
    }
    if (fresh[numbering] == event->object) {
        fresh[numbering]++;
        return OBJECT_FRESH;
    }
    return OBJECT_DELTA;
}

static uint32_t encoder_size(const struct event *event)
{
    switch (event->kind) {
    case EVENT_NAME_ALLOC:
    case EVENT_NAME_ALLOC_AT:
        return event->object == OBJECT_NONE ? SIZE_DELTA : SIZE_SHIFT;
    case EVENT_REVERSE_INSERT:
        return event->size == OBJECT_NONE ? SIZE_FIXED : SIZE_DELTA;
    case EVENT_NAME_FREE:
    case EVENT_NAME_LOOKUP:
    case EVENT_REVERSE_REMOVE:
    case EVENT_REVERSE_LOOKUP:
    case EVENT_BOOT_PAGES:
        return event->size == 0 ? SIZE_FIXED : SIZE_DELTA;
    default:
        return SIZE_FIXED;
    }
}

/* The event's template: its varying fields are zeroed in a copy. */
static uint32_t encoder_classify(struct codec_encoder *encoder, const struct event *event,
                                 uint32_t fresh[2])
{
    enum numbering numbering = event_numbering(event->kind);
    uint32_t tops[2] = {encoder->tops[0], encoder->tops[1]}, was_fresh[2] = {fresh[0], fresh[1]};
    uint32_t object = encoder_object(encoder, event, fresh), size = encoder_size(event);
    uint32_t modes = object | size << MODE_SIZE_SHIFT, index;
    struct event plain = *event;
    struct family *named = NULL;

    plain.time = 0;
    if (object != OBJECT_FIXED)
        plain.object = 0;
    if (size == SIZE_SHIFT) {
        /* The bias is the family's, and the family is found by what stays in the template. */
        named = &encoder->families[encoder_family(encoder, event->kind, event->where, 0)];
        if (event->object + named->bias == event->size)
            modes = object | SIZE_NAME << MODE_SIZE_SHIFT;
    }
    if (size != SIZE_FIXED)
        plain.size = 0;
    if (event_has_payload(event->kind)) {
        modes |= MODE_PAYLOAD;
        plain.address = 0;
    } else if (event->address != 0) {
        modes |= MODE_ADDRESS;
        plain.address = 0;
    }
    if (event_frees(event->kind) && (event->flags & EVENT_FAILED) == 0)
        modes |= MODE_DIES;

    index = encoder_template(encoder, &plain, modes);
    if ((encoder->templates[index].modes & MODE_GENERIC) != 0) {
        /* A generic event neither pops nor pushes: forget what was predicted. */
        memcpy(encoder->tops, tops, sizeof(tops));
        memcpy(fresh, was_fresh, sizeof(was_fresh));
        return index;
    }
    if (named != NULL)
        named->bias = event->size - event->object;
    if ((modes & MODE_DIES) != 0)
        encoder->stacks[numbering][encoder->tops[numbering]++] = event->object;
    return index;
}

static void encoder_count_pair(struct codec_encoder *encoder, uint32_t i, uint32_t template,
                               uint64_t delta)
{
    const uint32_t key[2] = {template, (uint32_t)delta};
    uint32_t slot, index;

    encoder->event_pair[i] = UINT16_MAX;
    if (delta > UINT16_MAX)
        return;
    slot = hash_words(key, sizeof(key)) % HASH_SLOTS;
    while ((index = encoder->pair_slots[slot]) != 0) {
        struct pair *pair = &encoder->pairs[index - 1];

        if (pair->template == template && pair->delta == delta) {
            pair->count++;
            encoder->event_pair[i] = (uint16_t)(index - 1);
            return;
        }
        slot = (slot + 1) % HASH_SLOTS;
    }
    if (encoder->nr_pairs == PAIRS_MAX - 1)
        return;
    index = encoder->nr_pairs++;
    encoder->pairs[index] =
        (struct pair){.template = template, .delta = (uint32_t)delta, .count = 1};
    encoder->pair_slots[slot] = (uint16_t)(index + 1);
    encoder->event_pair[i] = (uint16_t)index;
}

static int choice_compare(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* A pair is worth an operation when it saves more bytes of time than its entry costs; beyond that,
 * operations of two bytes among those of one cost the decoder more than the times do. By trial. */
#define PAIR_WORTH 24u

/* Chooses the operations and gives the short numbers to the most frequent. */
static void encoder_choose(struct codec_encoder *encoder, uint32_t nr_events)
{
    uint32_t i, n = 0, *plain = encoder->plain_counts;
    /* Plain operations must all fit. */
    uint32_t room = OPS_MAX - encoder->nr_templates;

    for (i = 0; i < encoder->nr_pairs; i++) {
        struct pair *pair = &encoder->pairs[i];

        if (pair->count >= PAIR_WORTH && room != 0) {
            room--;
            encoder->choices[n++] = (struct choice){pair->count, i};
        } else {
            pair->count = 0;
        }
    }
    for (i = 0; i < nr_events; i++) {
        uint32_t pair = encoder->event_pair[i];

        if (pair == UINT16_MAX || encoder->pairs[pair].count == 0)
            plain[encoder->event_template[i]]++;
    }
    for (i = 0; i < encoder->nr_templates; i++)
        if (plain[i] != 0)
            encoder->choices[n++] = (struct choice){plain[i], PAIRS_MAX + i};
    qsort(encoder->choices, n, sizeof(*encoder->choices), choice_compare);
    for (i = 0; i < n; i++) {
        uint32_t index = encoder->choices[i].index;

        if (index < PAIRS_MAX)
            encoder->pairs[index].op = i;
        else
            encoder->templates[index - PAIRS_MAX].plain_op = i;
    }
    encoder->nr_ops = n;
}

static void encoder_dictionary(struct codec_encoder *encoder)
{
    struct bytes *bytes = &encoder->parts[PART_DICTIONARY];

    for (uint32_t i = 0; i < encoder->nr_templates; i++) {
        const struct template *t = &encoder->templates[i];

        bytes_number(bytes, t->event.kind);
        bytes_number(bytes, t->modes);
        if ((t->modes & MODE_GENERIC) != 0)
            continue;
        bytes_number(bytes, t->event.flags);
        bytes_number(bytes, t->event.task);
        bytes_number(bytes, t->event.where);
        bytes_number(bytes, t->family);
        if ((t->modes & MODE_OBJECT) == OBJECT_FIXED)
            bytes_number(bytes, t->event.object);
        if ((t->modes & MODE_SIZE) == SIZE_FIXED << MODE_SIZE_SHIFT)
            bytes_number(bytes, t->event.size);
    }
    for (uint32_t i = 0; i < encoder->nr_ops; i++) {
        uint32_t index = encoder->choices[i].index;

        if (index < PAIRS_MAX) {
            bytes_number(bytes, encoder->pairs[index].template);
            bytes_number(bytes, encoder->pairs[index].delta + 1);
        } else {
            bytes_number(bytes, index - PAIRS_MAX);
            bytes_number(bytes, 0);
        }
    }
}

static void encoder_payload(struct codec_encoder *encoder, const struct event *event,
                            const struct bytes *payloads)
{
    uint32_t size = (uint32_t)(event->address >> 32);

    bytes_number(&encoder->parts[PART_EXTRAS], size);
    bytes_put(&encoder->parts[PART_PAYLOADS], payloads->data + (uint32_t)event->address, size);
}

static void encoder_put_generic(struct codec_encoder *encoder, const struct event *event,
                                const struct bytes *payloads)
{
    struct bytes *extras = &encoder->parts[PART_EXTRAS];

    bytes_number(extras, event->flags);
    bytes_number(extras, event->task);
    bytes_number(extras, event->where);
    bytes_number(extras, event->object);
    bytes_number(extras, event->size);
    if (event_has_payload(event->kind))
        encoder_payload(encoder, event, payloads);
    else
        bytes_number(extras, event->address);
}

static void encoder_put_varying(struct codec_encoder *encoder, const struct template *template,
                                const struct event *event, const struct bytes *payloads)
{
    struct bytes *extras = &encoder->parts[PART_EXTRAS];
    struct family *family = &encoder->families[template->family];

    if ((template->modes & MODE_OBJECT) == OBJECT_DELTA) {
        bytes_number(&encoder->parts[PART_REFERENCES],
                     zigzag((int32_t)(event->object - family->object)) & UINT32_MAX);
        family->object = event->object;
    }
    switch ((template->modes & MODE_SIZE) >> MODE_SIZE_SHIFT) {
    case SIZE_DELTA:
        bytes_number(extras, zigzag((int32_t)(event->size - family->size)) & UINT32_MAX);
        family->size = event->size;
        break;
    case SIZE_SHIFT: {
        uint32_t bias = event->size - event->object;

        bytes_number(extras, zigzag((int32_t)(bias - family->bias)) & UINT32_MAX);
        family->bias = bias;
        break;
    }
    default:
        break;
    }
    if ((template->modes & MODE_ADDRESS) != 0) {
        bytes_number(&encoder->parts[PART_ADDRESSES],
                     zigzag((int64_t)(event->address - family->address)));
        family->address = event->address;
    }
    if ((template->modes & MODE_PAYLOAD) != 0)
        encoder_payload(encoder, event, payloads);
}

static void encoder_put_event(struct codec_encoder *encoder, const struct event *event, uint32_t i,
                              uint64_t delta, const struct bytes *payloads)
{
    const struct template *template = &encoder->templates[encoder->event_template[i]];
    uint32_t pair = encoder->event_pair[i], op = template->plain_op;
    uint8_t bytes[2];

    if (pair != UINT16_MAX && encoder->pairs[pair].count != 0)
        op = encoder->pairs[pair].op;
    else
        bytes_number(&encoder->parts[PART_TIMES], delta);
    bytes[0] = (uint8_t)(op < OPS_SHORT ? op : OPS_SHORT + (op - OPS_SHORT) / 256);
    bytes[1] = (uint8_t)((op - OPS_SHORT) % 256);
    bytes_put(&encoder->parts[PART_OPS], bytes, op < OPS_SHORT ? 1 : 2);
    if ((template->modes & MODE_GENERIC) != 0)
        encoder_put_generic(encoder, event, payloads);
    else
        encoder_put_varying(encoder, template, event, payloads);
}

int codec_encode(struct codec_encoder *encoder, const struct event *events,
                 const struct bytes *payloads, uint32_t fresh[2], struct format_chunk *chunk,
                 struct bytes *columns)
{
    uint64_t time = events[0].time;
    size_t start = columns->size;
    uint32_t i;

    encoder_reset(encoder);
    chunk->first_time = time;
    memcpy(chunk->fresh, fresh, sizeof(chunk->fresh));
    for (i = 0; i < chunk->events; i++) {
        uint32_t template = encoder_classify(encoder, &events[i], fresh);

        encoder->event_template[i] = (uint16_t) template;
        encoder_count_pair(encoder, i, template, events[i].time - time);
        time = events[i].time;
    }
    encoder_choose(encoder, chunk->events);
    encoder_dictionary(encoder);
    memset(encoder->families, 0, sizeof(encoder->families));
    time = chunk->first_time;
    for (i = 0; i < chunk->events; i++) {
        encoder_put_event(encoder, &events[i], i, events[i].time - time, payloads);
        time = events[i].time;
    }

    bytes_put32(columns, encoder->nr_templates);
    bytes_put32(columns, encoder->nr_ops);
    bytes_put32(columns, encoder->nr_families);
    for (unsigned part = 0; part < PARTS; part++)
        bytes_put32(columns, (uint32_t)encoder->parts[part].size);
    for (unsigned part = 0; part < PARTS; part++) {
        bytes_put(columns, encoder->parts[part].data, encoder->parts[part].size);
        if (encoder->parts[part].failed)
            return -1;
    }
    chunk->columns = (uint32_t)(columns->size - start);
    return columns->failed ? -1 : 0;
}

/* ---- Decoding ---- */

#define COLUMNS_HEADER_SIZE (4 * (3 + PARTS))

/* An event as the dictionary knows it: what follows the time and the address, and how to get the
 * rest. Two to a cache line, so that the operations of a busy chunk stay in the first cache. */
struct op {
    uint32_t where, object, size; /* these as in struct event */
    uint16_t task;
    uint8_t kind, flags;
    uint32_t delta;
    uint32_t last; /* highest number that the object may have */
    uint16_t family;
    int8_t time_mask; /* all ones when the time is in its column */
    uint8_t modes;
    uint8_t numbering; /* NUMBERING_NONE has a stack that nothing uses */
    bool slow;         /* needs extras */
    uint8_t way;
    uint8_t padding;
};

/* How an event is decoded: what its operation needs, as the number of a branch with nothing else in
 * it. OBJECT_DELTA that dies has a way of its own, since that is how nearly everything is freed. */
enum {
    WAY_UNKNOWN = 0, /* no such operation */
    WAY_GENERAL = 1, /* anything */
    WAY_FIRST = 2,   /* of those below: the object's mode, or OBJECT_DIES; bits for the columns */
    WAY_TIME = 8,
    WAY_ADDRESS = 16,
    OBJECT_DIES = OBJECT_MODES, /* the object is a difference, and dies */
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define EVENT_TAIL offsetof(struct event, where)

_Static_assert(sizeof(struct op) == 32, "two operations to a cache line");
_Static_assert(sizeof(struct event) - EVENT_TAIL == 16 &&
                   offsetof(struct event, flags) - EVENT_TAIL == offsetof(struct op, flags),
               "an operation begins like the end of an event");

static inline void op_event(const struct op *op, struct event *event)
{
    memcpy((char *)event + EVENT_TAIL, op, sizeof(*event) - EVENT_TAIL);
}

struct column {
    const uint8_t *next, *end;
};

struct codec_decoder {
    struct op ops[OPS_MAX];
    struct op templates[TEMPLATES_MAX];
    struct family families[FAMILIES_MAX];
    uint32_t stacks[3][FORMAT_CHUNK_EVENTS + 2]; /* the first entry is there to be read */
    uint32_t tops[3], fresh[3];
    uint32_t nr_ops;
    struct format_chunk chunk;
    struct format_peaks peaks;
    uint32_t done; /* events */
    uint64_t time;
    struct column columns[PARTS];
    const uint8_t *payloads;
};

struct codec_decoder *codec_decoder_create(void)
{
    struct codec_decoder *decoder =
        aligned_alloc(64, (sizeof(struct codec_decoder) + 63) / 64 * 64);

    if (decoder == NULL)
        return NULL;
    decoder->nr_ops = 0;
    for (unsigned i = 0; i < OPS_MAX; i++)
        decoder->ops[i].way = WAY_UNKNOWN;
    return decoder;
}

void codec_decoder_destroy(struct codec_decoder *decoder)
{
    free(decoder);
}

/* Everything about an event that does not need its neighbours; used for templates, and for each
 * generic event. */
static int event_check(const struct event *event, const struct format_peaks *peaks,
                       struct error *error)
{
    uint32_t limit = event_where_limit(event->kind, peaks);

    if (limit != UINT32_MAX && event->where >= limit)
        return error_set(error, "a %s in place %u: expected less than %u",
                         event_kind_name(event->kind), event->where, limit);
    if (event->task >= peaks->tasks)
        return error_set(error, "a %s of task %u: expected less than %u",
                         event_kind_name(event->kind), event->task, peaks->tasks);
    return 0;
}

#define OBJECT_ANY ((uint64_t)UINT32_MAX + 1)

/* Object numbers are below this. */
static uint64_t object_limit(unsigned kind, const struct format_peaks *peaks)
{
    switch (event_numbering(kind)) {
    case NUMBERING_OBJECTS:
        return peaks->objects;
    case NUMBERING_RIGHTS:
        return peaks->rights;
    default:
        return OBJECT_ANY;
    }
}

static int object_check(const struct event *event, uint64_t limit, struct error *error)
{
    bool failed = (event->flags & EVENT_FAILED) != 0;

    if (event_numbering(event->kind) == NUMBERING_NONE)
        return 0;
    if (event->object >= limit && !(event->object == OBJECT_NONE && failed))
        return error_set(error, "a %s of %s %u: expected less than %u",
                         event_kind_name(event->kind),
                         event_numbering(event->kind) == NUMBERING_RIGHTS ? "right" : "object",
                         event->object, (uint32_t)limit);
    return 0;
}

/* The object that a reverse key is of. */
static bool reverse_check(const struct codec_decoder *decoder, const struct event *event)
{
    return event->kind != EVENT_REVERSE_INSERT || event->size == OBJECT_NONE ||
           event->size < decoder->peaks.objects;
}

/* What a template must not say. */
static int template_check(const struct codec_decoder *decoder, const struct op *op,
                          struct error *error)
{
    struct event event = {0};
    uint64_t limit = object_limit(op->kind, &decoder->peaks);
    unsigned object = op->modes & MODE_OBJECT;

    op_event(op, &event);
    if (op->numbering == NUMBERING_NONE && (object > OBJECT_DELTA || (op->modes & MODE_DIES) != 0))
        return error_set(error, "a template of %s predicts an object, which it does not have",
                         event_kind_name(op->kind));
    if (event_check(&event, &decoder->peaks, error) != 0)
        return -1;
    if (object == OBJECT_FIXED && object_check(&event, limit, error) != 0)
        return -1;
    if (object != OBJECT_FIXED && limit == 0)
        return error_set(error, "a template of %s has a number: expected less than 0",
                         event_kind_name(op->kind));
    if ((op->modes & MODE_SIZE) == SIZE_FIXED << MODE_SIZE_SHIFT && !reverse_check(decoder, &event))
        return error_set(error, "a reverse-insert of object %u: expected less than %u", op->size,
                         decoder->peaks.objects);
    return 0;
}

static int decoder_template(struct codec_decoder *decoder, struct cursor *cursor, struct op *op,
                            uint32_t nr_families, struct error *error)
{
    uint64_t kind = cursor_number(cursor), modes = cursor_number(cursor), flags, task, family;

    memset(op, 0, sizeof(*op));
    op->last = UINT32_MAX;
    if (kind >= EVENT_KINDS)
        return error_set(error, "event kind %llu is unknown, expected 0 to %d",
                         (unsigned long long)kind, EVENT_KINDS - 1);
    if (modes > MODE_ALL || ((modes & MODE_PAYLOAD) != 0) != event_has_payload((unsigned)kind))
        return error_set(error, "a template of %s has modes %llx, which it cannot have",
                         event_kind_name((unsigned)kind), (unsigned long long)modes);
    op->kind = (uint8_t)kind;
    op->modes = (uint8_t)modes;
    op->numbering = (uint8_t)event_numbering((unsigned)kind);
    op->slow = (modes & (MODE_SIZE | MODE_PAYLOAD | MODE_GENERIC)) != 0;
    if ((modes & MODE_GENERIC) != 0) {
        op->modes &= MODE_GENERIC | MODE_PAYLOAD; /* checked where its fields are read */
        return 0;
    }
    flags = cursor_number(cursor);
    task = cursor_number(cursor);
    op->where = cursor_number_32(cursor);
    family = cursor_number(cursor);
    if ((modes & MODE_OBJECT) == OBJECT_FIXED)
        op->object = cursor_number_32(cursor);
    else
        op->last = (uint32_t)(object_limit(op->kind, &decoder->peaks) - 1);
    if ((modes & MODE_SIZE) == SIZE_FIXED << MODE_SIZE_SHIFT)
        op->size = cursor_number_32(cursor);
    if (cursor->failed || flags > UINT8_MAX || task > UINT16_MAX || family >= nr_families)
        return error_set(error, "a template of %s is malformed", event_kind_name((unsigned)kind));
    op->flags = (uint8_t)flags;
    op->task = (uint16_t)task;
    op->family = (uint16_t)family;
    return template_check(decoder, op, error);
}

static uint8_t op_way(const struct op *op)
{
    unsigned object = op->modes & MODE_OBJECT, way;

    if (op->slow || ((op->modes & MODE_DIES) != 0 && object != OBJECT_DELTA))
        return WAY_GENERAL;
    way = WAY_FIRST + ((op->modes & MODE_DIES) != 0 ? OBJECT_DIES : object);
    way += (op->modes & MODE_ADDRESS) != 0 ? WAY_ADDRESS : 0;
    way += op->time_mask != 0 ? WAY_TIME : 0;
    return (uint8_t)way;
}

static int decoder_dictionary(struct codec_decoder *decoder, const uint32_t counts[3],
                              struct error *error)
{
    uint32_t before = decoder->nr_ops;

    struct column *column = &decoder->columns[PART_DICTIONARY];
    struct cursor cursor = {.next = column->next, .end = column->end};

    decoder->nr_ops = counts[1];
    for (uint32_t i = 0; i < before; i++)
        decoder->ops[i].way = WAY_UNKNOWN;
    for (uint32_t i = 0; i < counts[0]; i++) {
        if (decoder_template(decoder, &cursor, &decoder->templates[i], counts[2], error) != 0)
            return error_prefix(error, "template %u: ", i);
    }
    for (uint32_t i = 0; i < counts[1]; i++) {
        uint64_t template = cursor_number(&cursor), delta = cursor_number(&cursor);
        struct op *op = &decoder->ops[i];

        if (template >= counts[0] || delta > (uint64_t)UINT32_MAX + 1 || cursor.failed)
            return error_set(error, "operation %u is malformed: template %llu of %u", i,
                             (unsigned long long)template, counts[0]);
        *op = decoder->templates[template];
        op->time_mask = delta == 0 ? -1 : 0;
        op->delta = delta == 0 ? 0 : (uint32_t)(delta - 1);
        op->way = op_way(op);
    }
    if (cursor.next != cursor.end)
        return error_set(error, "%zu bytes are left over after the dictionary",
                         (size_t)(cursor.end - cursor.next));
    return 0;
}

int codec_decode_begin(struct codec_decoder *decoder, const struct format_chunk *chunk,
                       const uint8_t *columns, struct error *error)
{
    uint32_t counts[3];
    uint64_t total = COLUMNS_HEADER_SIZE;
    const uint8_t *next = columns + COLUMNS_HEADER_SIZE;

    if (chunk->columns < COLUMNS_HEADER_SIZE)
        return error_set(error, "the columns have %u bytes, expected at least %d", chunk->columns,
                         COLUMNS_HEADER_SIZE);
    for (unsigned i = 0; i < 3; i++)
        counts[i] = get32(columns + 4 * i);
    if (counts[0] > TEMPLATES_MAX || counts[1] > OPS_MAX || counts[2] > FAMILIES_MAX)
        return error_set(error,
                         "%u templates, %u operations and %u families: expected at most %u, %u "
                         "and %u",
                         counts[0], counts[1], counts[2], TEMPLATES_MAX, OPS_MAX, FAMILIES_MAX);
    for (unsigned part = 0; part < PARTS; part++)
        total += get32(columns + 12 + 4 * part);
    if (total != chunk->columns)
        return error_set(error, "the columns add up to %llu bytes, expected %u",
                         (unsigned long long)total, chunk->columns);
    for (unsigned part = 0; part < PARTS; part++) {
        decoder->columns[part].next = next;
        next += get32(columns + 12 + 4 * part);
        decoder->columns[part].end = next;
    }

    decoder->chunk = *chunk;
    decoder->peaks = chunk->peaks;
    decoder->done = 0;
    decoder->time = chunk->first_time;
    memset(decoder->tops, 0, sizeof(decoder->tops));
    memcpy(decoder->fresh, chunk->fresh, sizeof(chunk->fresh));
    decoder->fresh[NUMBERING_NONE] = 0;
    for (unsigned i = 0; i < 3; i++)
        decoder->stacks[i][0] = 0;
    memset(decoder->families, 0, counts[2] * sizeof(struct family));
    decoder->payloads = decoder->columns[PART_PAYLOADS].next;
    return decoder_dictionary(decoder, counts, error);
}

/* The end of a chunk: every column must be used up. */
static int decoder_end(const struct codec_decoder *decoder, struct error *error)
{
    static const char *const names[PARTS] = {"dictionary", "operations", "times",   "references",
                                             "addresses",  "extras",     "payloads"};

    for (unsigned part = PART_OPS; part < PARTS; part++) {
        const struct column *column = &decoder->columns[part];

        if (column->next != column->end)
            return error_set(error, "%zu bytes are left over in the %s after the last event",
                             (size_t)(column->end - column->next), names[part]);
    }
    return 0;
}

static bool extras_number(struct codec_decoder *decoder, uint64_t *value)
{
    struct column *extras = &decoder->columns[PART_EXTRAS];
    unsigned length;

    *value = number_get(extras->next, &length);
    if ((size_t)(extras->end - extras->next) < length)
        return false;
    extras->next += length;
    return true;
}

static bool decoder_payload(struct codec_decoder *decoder, struct event *event)
{
    struct column *payloads = &decoder->columns[PART_PAYLOADS];
    uint64_t size;

    if (!extras_number(decoder, &size) || size > FORMAT_PAYLOAD_MAX ||
        size > (size_t)(payloads->end - payloads->next))
        return false;
    event->address = (uint64_t)(payloads->next - decoder->payloads) | size << 32;
    payloads->next += size;
    return true;
}

static bool decoder_generic(struct codec_decoder *decoder, struct event *event)
{
    uint64_t flags, task, where, object, size, address;
    struct error ignored;

    if (!extras_number(decoder, &flags) || !extras_number(decoder, &task) ||
        !extras_number(decoder, &where) || !extras_number(decoder, &object) ||
        !extras_number(decoder, &size) || flags > UINT8_MAX || task > UINT16_MAX ||
        where > UINT32_MAX || object > UINT32_MAX || size > UINT32_MAX)
        return false;
    event->flags = (uint8_t)flags;
    event->task = (uint16_t)task;
    event->where = (uint32_t)where;
    event->object = (uint32_t)object;
    event->size = (uint32_t)size;
    if (event_has_payload(event->kind)) {
        if (!decoder_payload(decoder, event))
            return false;
    } else {
        if (!extras_number(decoder, &address))
            return false;
        event->address = address;
    }
    return event_check(event, &decoder->peaks, &ignored) == 0 &&
           object_check(event, object_limit(event->kind, &decoder->peaks), &ignored) == 0;
}

/* What only few events have. False: it makes no sense. */
static __attribute__((noinline)) bool decoder_slow(struct codec_decoder *decoder,
                                                   const struct op *op, struct event *event)
{
    struct family *family = &decoder->families[op->family];
    uint64_t value;

    if ((op->modes & MODE_GENERIC) != 0)
        return decoder_generic(decoder, event);
    switch ((op->modes & MODE_SIZE) >> MODE_SIZE_SHIFT) {
    case SIZE_DELTA:
        if (!extras_number(decoder, &value))
            return false;
        event->size = family->size += (uint32_t)unzigzag(value);
        break;
    case SIZE_SHIFT:
        if (!extras_number(decoder, &value))
            return false;
        family->bias += (uint32_t)unzigzag(value);
        event->size = event->object + family->bias;
        break;
    case SIZE_NAME:
        event->size = event->object + family->bias;
        break;
    default:
        break;
    }
    if ((op->modes & MODE_PAYLOAD) != 0)
        return decoder_payload(decoder, event);
    return true;
}

/* Says what is wrong with the I-th event of the chunk. */
static int decoder_explain(const struct codec_decoder *decoder, const struct event *event,
                           uint32_t i, uint32_t *bad, struct error *error)
{
    const struct format_peaks *peaks = &decoder->peaks;

    *bad = i;
    if (event_check(event, peaks, error) != 0 ||
        object_check(event, object_limit(event->kind, peaks), error) != 0)
        return -1;
    if (!reverse_check(decoder, event))
        return error_set(error, "a reverse-insert of object %u: expected less than %u", event->size,
                         peaks->objects);
    return error_set(error, "a %s is malformed or the columns end early",
                     event_kind_name(event->kind));
}

/* Why the I-th event stopped the loop. */
static int decoder_stop(const struct codec_decoder *decoder, const struct op *op,
                        const struct event *event, uint64_t time, uint32_t i, uint32_t *bad,
                        struct error *error)
{
    *bad = i;
    if (op->way == WAY_UNKNOWN)
        return error_set(error, "operation %u is unknown, expected less than %u",
                         (uint32_t)(op - decoder->ops), decoder->nr_ops);
    if (event->time < time)
        return error_set(error, "the time overflows after %llu", (unsigned long long)time);
    if (decoder->tops[op->numbering] > FORMAT_CHUNK_EVENTS)
        return error_set(error, "a %s takes the number that died last, but none did",
                         event_kind_name(event->kind));
    return decoder_explain(decoder, event, i, bad, error);
}

/* What the loop has in registers. */
struct cursors {
    const uint8_t *ops, *times, *references, *addresses;
    uint64_t time;
};

/* Whether the columns have not been left, and the cursors taken over if so. */
static int decoder_take(struct codec_decoder *decoder, const struct cursors *at,
                        struct error *error)
{
    struct column *columns = decoder->columns;

    if (at->ops > columns[PART_OPS].end || at->times > columns[PART_TIMES].end ||
        at->references > columns[PART_REFERENCES].end ||
        at->addresses > columns[PART_ADDRESSES].end)
        return error_set(error, "the operations, times, references or addresses end early");
    columns[PART_OPS].next = at->ops;
    columns[PART_TIMES].next = at->times;
    columns[PART_REFERENCES].next = at->references;
    columns[PART_ADDRESSES].next = at->addresses;
    decoder->time = at->time;
    return 0;
}

/* The number of the next operation. */
static ALWAYS_INLINE uint32_t op_index(const uint8_t **ops)
{
    uint32_t low = *(*ops)++;

    return low < OPS_SHORT ? low : OPS_SHORT + (low - OPS_SHORT) * 256 + *(*ops)++;
}

/* A number out of a column when MASK is all ones; else zero, and the column stays. */
static ALWAYS_INLINE uint64_t masked_number(const uint8_t **column, int8_t mask)
{
    unsigned length;
    uint64_t value = number_get(*column, &length);

    *column += length & (uint64_t)(int64_t)mask;
    return value & (uint64_t)(int64_t)mask;
}

static ALWAYS_INLINE uint64_t next_number(const uint8_t **column)
{
    unsigned length;
    uint64_t value = number_get(*column, &length);

    *column += length;
    return value;
}

/* The event's object, and the stack of the dead. False: the stack is empty. */
static ALWAYS_INLINE bool next_object(struct codec_decoder *decoder, const struct op *op,
                                      const uint8_t **references, unsigned mode, bool dies,
                                      struct event *event)
{
    uint32_t *stack = decoder->stacks[op->numbering], *top = &decoder->tops[op->numbering];
    uint32_t object = op->object;

    if (mode == OBJECT_DELTA)
        object = decoder->families[op->family].object +=
            (uint32_t)unzigzag(next_number(references));
    else if (mode == OBJECT_POP)
        object = stack[*top];
    else if (mode == OBJECT_FRESH)
        object = decoder->fresh[op->numbering]++;
    event->object = object;
    if (mode == OBJECT_POP && (*top)-- == 0)
        return false;
    if (dies)
        stack[++*top] = object;
    return true;
}

static ALWAYS_INLINE void next_address(struct codec_decoder *decoder, const struct op *op,
                                       const uint8_t **addresses, struct event *event)
{
    event->address = decoder->families[op->family].address +=
        (uint64_t)unzigzag(next_number(addresses));
}

/* An event of one way: WAY is a constant wherever this is used, so that only what it needs is left.
 * False: the event makes no sense. */
static ALWAYS_INLINE bool next_event(struct codec_decoder *decoder, const struct op *op,
                                     struct cursors *at, unsigned way, struct event *event)
{
    unsigned mode = (way - WAY_FIRST) % WAY_TIME;
    bool dies = mode == OBJECT_DIES;
    uint64_t delta = op->delta;
    bool overflow;

    op_event(op, event);
    if (((way - WAY_FIRST) & WAY_TIME) != 0)
        delta = next_number(&at->times); /* then the operation has none */
    overflow = __builtin_add_overflow(at->time, delta, &event->time);
    if (__builtin_expect(overflow, 0))
        return false;
    at->time = event->time;
    event->address = 0;
    if (((way - WAY_FIRST) & WAY_ADDRESS) != 0)
        next_address(decoder, op, &at->addresses, event);
    if (mode == OBJECT_FIXED)
        return true;
    return next_object(decoder, op, &at->references, dies ? OBJECT_DELTA : mode, dies, event) &&
           event->object <= op->last;
}

/* An event of any operation. */
static ALWAYS_INLINE bool next_general(struct codec_decoder *decoder, const struct op *op,
                                       struct cursors *at, struct event *event)
{
    bool overflow;

    op_event(op, event);
    overflow = __builtin_add_overflow(
        at->time, op->delta + masked_number(&at->times, op->time_mask), &event->time);
    if (overflow)
        return false;
    at->time = event->time;
    if (!next_object(decoder, op, &at->references, op->modes & MODE_OBJECT,
                     (op->modes & MODE_DIES) != 0, event) ||
        event->object > op->last)
        return false;
    event->address = 0;
    if ((op->modes & MODE_ADDRESS) != 0)
        next_address(decoder, op, &at->addresses, event);
    return !op->slow || (decoder_slow(decoder, op, event) && reverse_check(decoder, event));
}

#define CASE(way)                                                                                  \
    case way:                                                                                      \
        fine = next_event(decoder, op, &at, way, event);                                           \
        break

#define CASES(columns)                                                                             \
    CASE(WAY_FIRST + OBJECT_FIXED + (columns));                                                    \
    CASE(WAY_FIRST + OBJECT_DELTA + (columns));                                                    \
    CASE(WAY_FIRST + OBJECT_POP + (columns));                                                      \
    CASE(WAY_FIRST + OBJECT_FRESH + (columns));                                                    \
    CASE(WAY_FIRST + OBJECT_DIES + (columns))

int codec_decode(struct codec_decoder *decoder, struct event *events, uint32_t *bad,
                 struct error *error)
{
    struct column *columns = decoder->columns;
    struct cursors at = {columns[PART_OPS].next, columns[PART_TIMES].next,
                         columns[PART_REFERENCES].next, columns[PART_ADDRESSES].next,
                         decoder->time};
    uint32_t left = decoder->chunk.events - decoder->done;
    uint32_t n = left < CODEC_BATCH ? left : CODEC_BATCH;

    *bad = decoder->done;
    if (n == 0)
        return decoder_end(decoder, error);
    for (struct event *event = events; event != events + n; event++) {
        const struct op *op = &decoder->ops[op_index(&at.ops)];
        bool fine = false;

        switch (op->way) {
            CASES(0);
            CASES(WAY_TIME);
            CASES(WAY_ADDRESS);
            CASES(WAY_TIME + WAY_ADDRESS);
        case WAY_GENERAL:
            fine = next_general(decoder, op, &at, event);
            break;
        case WAY_UNKNOWN:
            break;
        default:
            __builtin_unreachable(); /* op_way makes no other */
        }
        if (__builtin_expect(!fine, 0))
            return decoder_stop(decoder, op, event, at.time,
                                decoder->done + (uint32_t)(event - events), bad, error);
    }
    if (decoder_take(decoder, &at, error) != 0)
        return -1;
    decoder->done += n;
    return (int)n;
}

const uint8_t *codec_payload(const struct codec_decoder *decoder, const struct event *event,
                             size_t *size)
{
    if (!event_has_payload(event->kind)) {
        *size = 0;
        return NULL;
    }
    *size = event->address >> 32;
    return decoder->payloads + (uint32_t)event->address;
}
