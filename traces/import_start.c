/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The start of a log, read ahead.
 *
 * A replay starts from an empty machine, so the trace must say which memory there was and which
 * pages became free in which order. A log shows that piecemeal: the first counters give the number
 * of free blocks of each order, objects in the direct map give page frames to page descriptors,
 * later counters give what was freed in between by calls that are not logged. So the log is read
 * once up to the first counters after start-up, before the first event is made of it.
 *
 * To 1.6, every page is seen to be released at start-up, from the highest down. The last page of
 * memory is the one below the start of kernel virtual memory.
 *
 * Since 2016, the first counters stand after the boot allocator has handed over its range, page by
 * page, ascending. It is the largest that kernel and boot modules leave above 1 MiB: on a machine
 * of 32 MiB that of the DMA segment, else what lies behind them. One range, so it can only lie
 * where the buddy merges it to exactly those orders; where several ranges do, the first page that
 * was handed out decides: the pool is filled with half its size from the smallest blocks, and gives
 * back the last first. Where that leaves several (small blocks may lie at either end), it is the
 * lowest that leaves room for the page descriptors, which lie below it: in the captures the pages
 * below it are then exactly those that the boot allocator is known to have taken.
 *
 * The rest is freed later: the DMA segment of a PC, without the hole of 640 KiB to 1 MiB, and what
 * lies between the kernel and the boot allocator's range, before the first contiguous request, the
 * first range of a driver (its map entry, where its call is hidden) or before there are tasks; the
 * copy of the boot modules at the end of memory (but for two pages on either side) when the script
 * that started them is taken down: a run of kfree by the first task. How many pages those are is
 * known exactly where every page is seen, and the pages handed out later tell which. Where not
 * every page is seen, it follows from what the boot allocator is known to have taken: page
 * descriptors and the tables that map the memory.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/import_private.h"

#define START_OVER     20000u   /* start-up is over well before that line in every capture */
#define START_LINES    4000000u /* enough for the counters after start-up */
#define PAIRS          64
#define GRABS_MAX      (1u << 20)
#define RANGES_MAX     1024
#define COMMENTS_MAX   4000  /* a trace's provenance holds not many more */
#define NAMES_OFFSET   0x10u /* of the name tree in a space of i386 */
#define REVERSE_OFFSET 0x1cu
#define DMA_HOLE       0x9fu      /* first frame that a PC's firmware keeps */
#define DMA_HIGH       0x100u     /* first frame of extended memory */
#define MODULE_KFREE   4          /* so many in a row take down the boot script */
#define MODULE_KEPT    2u         /* pages before and behind the copy of the modules */
#define HOLE_REST      (1u << 20) /* more than an unseen range has behind a submap */
#define UPPER_TABLES   3u         /* page tables of amd64 that are above those of i386 */

struct pair { /* a page descriptor and an object in its page */
    uint64_t descriptor, object;
};

struct map_range {
    uint64_t map, start, end;
};

struct scan {
    struct import *import;
    unsigned nr_truths;
    uint64_t truth_lines;
    struct start_segment first[4], second[4];
    unsigned nr_first, nr_second;
    uint64_t map_min[EVENT_MAPS], map_max[EVENT_MAPS];
    uint64_t virtual_start; /* of kernel virtual memory */

    uint64_t last_grab;
    struct pair pairs[PAIRS];
    unsigned nr_pairs;
    uint64_t *grabs; /* descriptors */
    unsigned nr_grabs;
    uint64_t taken, given; /* pages, while every page is seen */
    int64_t more;          /* taken less given, at the last counters */

    bool releases;                      /* pages were released before there were caches */
    uint64_t released, stride_votes[2]; /* last, and distance to the one before */
    unsigned nr_caches;
    uint64_t entry_cache; /* vm_map_entry */
    unsigned nr_entries;
    bool entry_nested; /* an entry of the range that is being made */
    bool table, radix, contiguous_slabs;
    bool range_seen;
    uint64_t static_end;             /* above all static data that the log shows */
    uint64_t image_start, image_end; /* 0: the log does not tell */
    unsigned pages_before_range;

    struct map_range ranges[RANGES_MAX];
    unsigned nr_ranges;

    uint64_t free_line; /* the rest of memory is free before this line */
    uint64_t module_line;
    uint64_t first_task;
    unsigned kfree_run;
    uint64_t kfree_third; /* line after the second of the run */
    char kernel[256];
};

/* ---- Reading ---- */

static bool text_is(const struct log_line *line, const char *text)
{
    return line->text_size == strlen(text) && memcmp(line->text, text, line->text_size) == 0;
}

static void scan_static(struct scan *scan, uint64_t address)
{
    if (address + 1 > scan->static_end)
        scan->static_end = address + 1;
}

static int scan_grab(struct scan *scan, uint64_t descriptor, uint64_t pages)
{
    if (descriptor == 0)
        return 0;
    scan->last_grab = descriptor;
    scan->taken += pages;
    scan->pages_before_range += (unsigned)pages;
    if (scan->grabs == NULL) {
        scan->grabs = malloc(GRABS_MAX * sizeof(*scan->grabs));
        if (scan->grabs == NULL)
            return import_no_memory(scan->import);
    }
    if (scan->nr_grabs < GRABS_MAX)
        scan->grabs[scan->nr_grabs++] = descriptor;
    return 0;
}

static void scan_object(struct scan *scan, uint64_t object)
{
    if (scan->last_grab != 0 && object != 0 && scan->nr_pairs < PAIRS)
        scan->pairs[scan->nr_pairs++] = (struct pair){scan->last_grab, object};
}

static void scan_range(struct scan *scan, const struct log_line *line, uint64_t number)
{
    uint64_t bytes = (line->arguments[2] + FRAME_BYTES - 1) & -(uint64_t)FRAME_BYTES;

    if (line->result != 0 || !line->has_value)
        return;
    if (!scan->entry_nested && scan->nr_entries != 0)
        scan->nr_entries--; /* its own, whose parent was not seen */
    scan->entry_nested = false;
    if (!scan->range_seen) {
        scan->range_seen = true;
        scan->import->start.observed = scan->pages_before_range >= bytes / FRAME_BYTES;
        if (scan->first_task == 0)
            scan_static(scan, line->arguments[1]);
    } else if (!scan->import->start.observed && line->parent == CALL_NONE && scan->free_line == 0) {
        scan->free_line = number; /* a driver's, the first range after the tables of the pmap */
    }
    if (scan->nr_ranges < RANGES_MAX)
        scan->ranges[scan->nr_ranges++] =
            (struct map_range){line->arguments[0], line->value, line->value + bytes};
}

/* Map entries that no logged range asked for: of the direct map, of the submap for IPC, of a
 * driver.
 */
static void scan_entry(struct scan *scan, const struct log_line *line, uint64_t number)
{
    if (line->arguments[0] != scan->entry_cache)
        return;
    if (line->parent != CALL_NONE)
        scan->entry_nested = true;
    else if (++scan->nr_entries == 3 && !scan->import->start.observed && scan->free_line == 0)
        scan->free_line = number;
}

/* A run of frees by the first task that is longer than any other: the boot script goes. */
static void scan_kfree(struct scan *scan, const struct log_line *line, uint64_t number)
{
    if (scan->module_line != 0 || scan->first_task == 0)
        return;
    if (line->call == CALL_KMEM_CACHE_FREE && line->parent == CALL_KFREE)
        return;
    if (line->call != CALL_KFREE || line->task != scan->first_task) {
        scan->kfree_run = 0;
        return;
    }
    if (++scan->kfree_run == 2)
        scan->kfree_third = number + 1;
    if (scan->kfree_run == MODULE_KFREE)
        scan->module_line = scan->kfree_third;
}

static int scan_call(struct scan *scan, const struct log_line *line, uint64_t number)
{
    uint64_t last = scan->last_grab;

    scan->last_grab = 0;
    scan_kfree(scan, line, number);
    switch (line->call) {
    case CALL_KMEM_CACHE_INIT:
        scan->nr_caches++;
        scan_static(scan, line->arguments[0]);
        if (text_is(line, "task") && scan->free_line == 0)
            scan->free_line = number;
        if (text_is(line, "rdxtree_node"))
            scan->radix = true;
        if (text_is(line, "vm_map_entry"))
            scan->entry_cache = line->arguments[0];
        scan->pages_before_range = 0;
        return 0;
    case CALL_VM_PAGE_GRAB:
        return scan_grab(scan, line->result, 1);
    case CALL_VM_PAGE_GRAB_CONTIG:
        if (line->parent == CALL_NONE && scan->free_line == 0)
            scan->free_line = number;
        if (line->parent == CALL_KMEM_CACHE_ALLOC)
            scan->contiguous_slabs = true;
        return scan_grab(scan, line->result, (line->arguments[0] + FRAME_BYTES - 1) / FRAME_BYTES);
    case CALL_VM_PAGE_FREE_CONTIG:
        scan->given += (line->arguments[1] + FRAME_BYTES - 1) / FRAME_BYTES;
        return 0;
    case CALL_VM_PAGE_RELEASE:
        if (scan->nr_caches == 0) {
            struct import_start *start = &scan->import->start;

            if (!scan->releases)
                start->top_descriptor = line->arguments[0];
            else if (start->page_stride == 0 && scan->released > line->arguments[0])
                start->page_stride = (uint32_t)(scan->released - line->arguments[0]);
            scan->releases = true;
            scan->released = line->arguments[0];
        }
        scan->given++;
        return 0;
    case CALL_KMEM_CACHE_ALLOC:
        scan->last_grab = last;
        scan_object(scan, line->result);
        scan_entry(scan, line, number);
        scan->last_grab = 0;
        return 0;
    case CALL_KMEM_ALLOC_WIRED:
    case CALL_KMEM_ALLOC:
    case CALL_KMEM_ALLOC_ALIGNED:
        scan_range(scan, line, number);
        return 0;
    case CALL_IPC_ENTRY_GET:
    case CALL_IPC_ENTRY_GROW_TABLE:
        scan->table = true;
        return 0;
    default:
        return 0;
    }
}

static int scan_map(struct scan *scan, const char *text, unsigned map)
{
    uint64_t min, max;
    const char *word;

    log_word(&text, &word);
    if (!log_hexadecimal(&text, &min))
        return 0; /* said when its turn comes */
    text += *text == ' ';
    log_word(&text, &word);
    if (log_hexadecimal(&text, &max) && max != 0) {
        scan->map_min[map] = min;
        scan->map_max[map] = max;
    }
    return 0;
}

static int scan_counter(struct scan *scan, const struct log_line *line)
{
    const char *text = line->text;
    const char *word;
    size_t size = log_word(&text, &word);
    uint32_t index, active, inactive;

    if (size == 4 && memcmp(word, "time", 4) == 0) {
        scan->nr_truths++;
        scan->nr_second = 0;
        scan->more = (int64_t)scan->taken - (int64_t)scan->given;
        return 0;
    }
    if (size == 3 && memcmp(word, "seg", 3) == 0) {
        struct start_segment segment;

        if (import_counter_segment(text, &segment, &index, &active, &inactive,
                                   scan->import->error) != 0)
            return -1;
        if (scan->nr_truths == 1 && scan->nr_first < 4)
            scan->first[scan->nr_first++] = segment;
        else if (scan->nr_truths > 1 && scan->nr_second < 4)
            scan->second[scan->nr_second++] = segment;
        return 0;
    }
    if (size == 10 && memcmp(word, "kernel_map", 10) == 0)
        return scan_map(scan, text, EVENT_MAP_KERNEL);
    if (size == 8 && memcmp(word, "kmem_map", 8) == 0)
        return scan_map(scan, text, EVENT_MAP_KMEM);
    if (size == 14 && memcmp(word, "ipc_kernel_map", 14) == 0)
        return scan_map(scan, text, EVENT_MAP_IPC);
    if (size == 13 && memcmp(word, "device_io_map", 13) == 0)
        return scan_map(scan, text, EVENT_MAP_DEVICE);
    if (size == 3 && memcmp(word, "var", 3) == 0) {
        size = log_word(&text, &word);
        if (size == 20 && memcmp(word, "kernel_virtual_start", 20) == 0)
            (void)log_decimal(&text, &scan->virtual_start);
    }
    return 0;
}

/* "icount shift=N": an instruction takes 2^N nanoseconds. */
static void scan_time_step(struct scan *scan, const char *value)
{
    const char *step = strstr(value, "icount shift=");

    if (step == NULL || step[13] < '0' || step[13] > '9')
        return;

    unsigned long shift = strtoul(step + 13, NULL, 10);

    if (shift <= 10)
        scan->import->header.machine.ticks_per_second = 1000000000u >> shift;
}

#define COMMENT_KEY   64
#define COMMENT_VALUE 4096

/* Takes "key: value" apart; false: it is none. */
static bool comment_parse(const struct log_line *line, char key[COMMENT_KEY],
                          char value[COMMENT_VALUE])
{
    const char *colon = memchr(line->text, ':', line->text_size);
    size_t size, skip;

    if (colon == NULL || colon == line->text || (size_t)(colon - line->text) >= COMMENT_KEY)
        return false;
    memcpy(key, line->text, (size_t)(colon - line->text));
    key[colon - line->text] = '\0';
    skip = (size_t)(colon - line->text) + 1;
    while (skip < line->text_size && line->text[skip] == ' ')
        skip++;
    size = line->text_size - skip;
    if (size >= COMMENT_VALUE)
        size = COMMENT_VALUE - 1;
    memcpy(value, line->text + skip, size);
    value[size] = '\0';
    return true;
}

int import_comment(struct import *import, const struct log_line *line)
{
    char key[COMMENT_KEY], value[COMMENT_VALUE];

    if (!comment_parse(line, key, value) || import->header.nr_provenance >= COMMENTS_MAX)
        return 0;
    return trace_header_add(&import->header, key, value) == 0 ? 0 : import_no_memory(import);
}

/* "20 38": where a space has its trees, in hexadecimal; told when it is not the i386's 10 and 1c.
 */
static void scan_trees(struct scan *scan, const char *value)
{
    struct import_start *start = &scan->import->start;
    char *end;
    uint64_t names = strtoull(value, &end, 16), reverse = strtoull(end, NULL, 16);

    if (names != 0 && reverse != 0) {
        start->names_offset = names;
        start->reverse_offset = reverse;
    }
}

/* "c1000000 c1147150": where the kernel begins and ends. */
static void scan_image(struct scan *scan, const char *value)
{
    char *end;

    scan->image_start = strtoull(value, &end, 16);
    scan->image_end = strtoull(end, NULL, 16);
    if (scan->image_end != 0)
        scan_static(scan, scan->image_end - 1);
}

static int scan_comment(struct scan *scan, const struct log_line *line)
{
    char key[COMMENT_KEY], value[COMMENT_VALUE];

    if (!comment_parse(line, key, value))
        return 0;
    if (strcmp(key, "kernel") == 0)
        snprintf(scan->kernel, sizeof(scan->kernel), "%.*s", (int)sizeof(scan->kernel) - 1, value);
    if (strcmp(key, "space-trees") == 0)
        scan_trees(scan, value);
    if (strcmp(key, "kernel-image") == 0)
        scan_image(scan, value);
    scan_time_step(scan, value);
    return import_comment(scan->import, line);
}

static int scan_line(struct scan *scan, const struct log_line *line, uint64_t number)
{
    switch (line->kind) {
    case LOG_CALL:
        return scan_call(scan, line, number);
    case LOG_COUNTER:
        return scan_counter(scan, line);
    case LOG_COMMENT:
        return scan_comment(scan, line);
    case LOG_TASK:
        if (scan->first_task == 0)
            scan->first_task = line->task;
        return 0;
    default:
        return 0;
    }
}

/* Counters may be read as often as one likes. Those that tell what start-up made free stand after
 * the kernel map is there and the script that starts the first programs has gone, wherever that is
 * to be seen; where it is not, long after. */
static bool start_is_over(const struct scan *scan)
{
    return scan->map_max[EVENT_MAP_KERNEL] != 0 &&
           log_reader_number(scan->import->reader) > START_OVER;
}

/* Faults in the log are passed over here: the import meets them again and says where they are. */
static int scan_log(struct scan *scan)
{
    struct log_reader *reader = scan->import->reader;
    struct error quiet = {{0}};
    struct error *error = scan->import->error;
    struct log_line line;
    const char *text;
    size_t size;
    int code = 0;

    while (log_reader_number(reader) < START_LINES) {
        code = log_reader_line(reader, &text, &size, error);
        if (code <= 0 || log_line_parse(text, size, &line, &quiet) != 0)
            break;
        if (scan->nr_truths >= 2 && line.kind != LOG_COUNTER && start_is_over(scan))
            break;
        scan->import->error = &quiet;
        code = scan_line(scan, &line, log_reader_number(reader));
        scan->import->error = error;
        scan->import->start.lines = log_reader_number(reader);
        if (code != 0)
            return 0;
    }
    return code < 0 ? -1 : 0;
}

/* ---- Page descriptors and frames ---- */

static uint32_t page_up(uint64_t bytes)
{
    return (uint32_t)((bytes + FRAME_BYTES - 1) / FRAME_BYTES);
}

/* Descriptors are an array: two pairs give the distance, most pairs agree on it. */
static void start_descriptors(struct scan *scan)
{
    struct import_start *start = &scan->import->start;
    unsigned best_stride = 0, best_base = 0;

    for (unsigned i = 0; i < scan->nr_pairs; i++) {
        for (unsigned j = i + 1; j < scan->nr_pairs; j++) {
            const struct pair *a = &scan->pairs[i], *b = &scan->pairs[j];
            int64_t frames =
                (int64_t)(b->object / FRAME_BYTES) - (int64_t)(a->object / FRAME_BYTES);
            int64_t bytes = (int64_t)(b->descriptor - a->descriptor);
            unsigned votes = 0;
            uint64_t stride;

            if (frames == 0 || bytes % frames != 0 || bytes / frames < 32 || bytes / frames > 256)
                continue;
            stride = (uint64_t)(bytes / frames);
            for (unsigned k = 0; k < scan->nr_pairs; k++)
                votes += scan->pairs[k].descriptor - a->descriptor ==
                         (scan->pairs[k].object / FRAME_BYTES - a->object / FRAME_BYTES) * stride;
            if (votes > best_stride) {
                best_stride = votes;
                best_base = i;
                start->page_stride = (uint32_t)stride;
            }
        }
    }
    if (start->page_stride != 0)
        start->pages_base =
            scan->pairs[best_base].descriptor -
            (scan->pairs[best_base].object - start->kernel_base) / FRAME_BYTES * start->page_stride;
}

/* The descriptors of all segments are one array, which knows no holes between segments. */
uint32_t import_frame(const struct import_start *start, uint64_t descriptor)
{
    uint64_t frame, next = start->nr_segments != 0 ? start->segments[0].start : 0;

    if (start->page_stride == 0 || start->pages_base == 0 || descriptor < start->pages_base)
        return UINT32_MAX;
    frame = (descriptor - start->pages_base) / start->page_stride;
    if (start->nr_segments == 0)
        return frame < UINT32_MAX ? (uint32_t)frame : UINT32_MAX;
    for (unsigned i = 0; i < start->nr_segments; i++) {
        const struct start_segment *segment = &start->segments[i];
        uint32_t frames = segment->end - segment->start;

        if (frame >= next && frame - next < frames)
            return segment->start + (uint32_t)(frame - next);
        next += frames;
    }
    return UINT32_MAX;
}

/* ---- The boot allocator's range ---- */

static void start_add(struct import_start *start, uint32_t first, uint32_t end, uint64_t line)
{
    if (first < end && start->nr_ranges < BOOT_RANGES)
        start->ranges[start->nr_ranges++] =
            (struct boot_range){.first = first, .pages = end - first, .line = line};
}

/* Blocks that the pages [first, end) merge to, per order; the segment's own bounds matter to no
 * block of a range inside it. */
static void range_orders(uint32_t first, uint32_t end, uint32_t orders[11])
{
    memset(orders, 0, 11 * sizeof(*orders));
    while (first < end) {
        unsigned order = first != 0 ? (unsigned)__builtin_ctz(first) : 10;

        if (order > 10)
            order = 10;
        while (first + (1u << order) > end)
            order--;
        orders[order]++;
        first += 1u << order;
    }
}

/* The page that is handed out first when all that is free is [first, end): the last of half a pool,
 * filled from the smallest order, of each order from the highest block. */
static uint32_t range_first_page(const struct start_segment *segment, uint32_t first, uint32_t end)
{
    uint32_t pool = (segment->end - segment->start) / 1024;
    uint32_t left;

    pool = pool < 1 ? 1 : pool > 128 ? 128 : pool;
    left = (pool + 1) / 2;
    for (unsigned order = 0; order < 11; order++) {
        /* Blocks of this order, from the highest down. */
        for (uint32_t at = end & -(1u << order); at >= first && at != 0; at -= 1u << order) {
            uint32_t size = 1u << order;
            uint32_t pair = at & -(2 * size);

            if (at + size > end || (order < 10 && pair >= first && pair + 2 * size <= end))
                continue; /* outside, or a part of a larger block */
            if (left <= size)
                return at + left - 1;
            left -= size;
        }
    }
    return UINT32_MAX;
}

/* First frame of SEGMENT that neither firmware nor kernel image keep. */
static uint32_t start_bottom(const struct scan *scan, const struct start_segment *segment)
{
    uint32_t kernel_end = page_up(scan->static_end - scan->import->start.kernel_base);

    if (kernel_end > segment->start && kernel_end < segment->end)
        return kernel_end;
    return segment->kind == EVENT_DMA ? DMA_HIGH : segment->start;
}

/* The code that a 64-bit kernel starts with lies in front of it and is given away. */
static uint32_t start_front(struct scan *scan, const struct start_segment *segment)
{
    struct import_start *start = &scan->import->start;
    uint64_t frame = (scan->image_start - start->kernel_base) / FRAME_BYTES;

    if (scan->image_start < start->kernel_base || frame <= segment->start || frame >= segment->end)
        return 0;
    start_add(start, segment->start, (uint32_t)frame, scan->free_line);
    return (uint32_t)frame - segment->start;
}

/* Pages that the kernel's map has below its first range: page descriptors and their hash. */
static uint32_t start_stolen(const struct scan *scan)
{
    const struct import_start *start = &scan->import->start;
    uint64_t map_start = scan->import->header.machine.kernel_map_start;
    uint64_t direct_end = start->kernel_base;

    for (unsigned i = 0; i < start->nr_segments; i++) {
        if (start->segments[i].kind != EVENT_HIGHMEM)
            direct_end = start->kernel_base + (uint64_t)start->segments[i].end * FRAME_BYTES;
    }
    return map_start > direct_end ? page_up(map_start - direct_end) : 0;
}

static bool start_range(struct scan *scan, const struct start_segment *segment,
                        struct boot_range *range)
{
    uint32_t least = start_bottom(scan, segment) + start_stolen(scan);
    const struct import_start *start = &scan->import->start;
    uint32_t first_page = scan->nr_grabs != 0 ? import_frame(start, scan->grabs[0]) : UINT32_MAX;
    uint32_t best = UINT32_MAX;

    if (segment->free > segment->end - segment->start)
        return false;
    for (uint32_t first = segment->start; first + segment->free <= segment->end; first++) {
        uint32_t orders[11];

        range_orders(first, first + segment->free, orders);
        if (memcmp(orders, segment->orders, sizeof(orders)) != 0)
            continue;
        best = first;
        if (first >= least && first_page >= first && first_page < first + segment->free &&
            range_first_page(segment, first, first + segment->free) == first_page)
            break;
    }
    *range = (struct boot_range){.first = best, .pages = segment->free};
    return best != UINT32_MAX;
}

/* ---- What becomes free later ---- */

/* Frames of SEGMENT seen below (or above) its range: the first and the one after the last. */
static void start_seen(const struct scan *scan, const struct start_segment *segment,
                       const struct boot_range *range, bool above, uint32_t *first, uint32_t *end)
{
    *first = UINT32_MAX;
    *end = 0;
    for (unsigned i = 0; i < scan->nr_grabs; i++) {
        uint32_t frame = import_frame(&scan->import->start, scan->grabs[i]);

        if (frame < segment->start || frame >= segment->end)
            continue;
        if (above ? frame < range->first + range->pages : frame >= range->first)
            continue;
        if (frame < *first)
            *first = frame;
        if (frame + 1 > *end)
            *end = frame + 1;
    }
    if (*first == UINT32_MAX)
        *first = 0;
}

/* Every page is seen: MORE pages were freed, and those handed out tell where they lie. */
static void start_rest_seen(struct scan *scan, const struct start_segment *segment,
                            const struct boot_range *range, uint32_t more)
{
    struct import_start *start = &scan->import->start;
    uint32_t kernel_end = page_up(scan->static_end - start->kernel_base);
    uint32_t low, low_end, high, high_end;

    start_seen(scan, segment, range, false, &low, &low_end);
    start_seen(scan, segment, range, true, &high, &high_end);
    if (low_end - low + high_end - high != more) {
        /* Not all of them were handed out: after the kernel, then before the end. */
        if (low_end != 0 && kernel_end >= segment->start && kernel_end < low)
            low = kernel_end;
        if (low_end - low > more)
            low = low_end - more;
        more -= low_end - low;
        high_end = segment->end - MODULE_KEPT;
        high = high_end - more;
    }
    start_add(start, low, low_end, scan->free_line);
    start_add(start, high, high_end, scan->module_line != 0 ? scan->module_line : scan->free_line);
}

/* Not every page is seen: from what the boot allocator takes. At the low end of its range the page
 * descriptors and what the kernel maps before its first range, at the high end the page tables. */
static void start_rest_unseen(struct scan *scan, const struct start_segment *segment,
                              const struct boot_range *range)
{
    struct import_start *start = &scan->import->start;
    const struct trace_machine *machine = &scan->import->header.machine;
    uint64_t table = machine->pointer_size == 8 ? 2u << 20 : 4u << 20; /* what one maps */
    uint32_t bottom = start_bottom(scan, segment);
    uint32_t stolen = start_stolen(scan);
    uint32_t tables;

    if (stolen == 0 || machine->kernel_map_end <= machine->kernel_map_start)
        return;
    tables = (uint32_t)((machine->kernel_map_end - start->kernel_base + table - 1) / table);
    if (range->first > stolen)
        start_add(start, bottom, range->first - stolen, scan->free_line);
    tables += MODULE_KEPT + (machine->pointer_size == 8 ? UPPER_TABLES : 0u);
    if (range->first + range->pages + tables < segment->end - MODULE_KEPT)
        start_add(start, range->first + range->pages + tables, segment->end - MODULE_KEPT,
                  scan->module_line != 0 ? scan->module_line : scan->free_line);
}

static int range_compare(const void *a, const void *b)
{
    const struct boot_range *x = a, *y = b;

    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Frames handed out that nothing above has made free. */
static void start_check(struct scan *scan)
{
    struct import_start *start = &scan->import->start;

    for (unsigned i = 0; i < scan->nr_grabs; i++) {
        uint32_t frame = import_frame(start, scan->grabs[i]);
        bool known = false;

        for (unsigned k = 0; k < start->nr_ranges; k++)
            known = known || (frame >= start->ranges[k].first &&
                              frame - start->ranges[k].first < start->ranges[k].pages);
        start->frames_unknown += !known;
    }
}

/* What a PC has below its hole; its pages. */
static uint32_t start_low(struct scan *scan, const struct start_segment *segment)
{
    start_add(&scan->import->start, segment->start, DMA_HOLE, scan->free_line);
    return DMA_HOLE - segment->start;
}

/* SEGMENT is handed over late and whole, but for what firmware and kernel keep; its pages. */
static uint32_t start_late(struct scan *scan, const struct start_segment *segment)
{
    uint32_t bottom = start_bottom(scan, segment);
    uint32_t low = segment->kind == EVENT_DMA ? start_low(scan, segment) : 0;

    start_add(&scan->import->start, bottom, segment->end, scan->free_line);
    return low + segment->end - bottom;
}

static void start_segments(struct scan *scan)
{
    struct import_start *start = &scan->import->start;
    struct trace_machine *machine = &scan->import->header.machine;
    int64_t more;
    int main_segment = -1;
    struct boot_range main_range = {0};

    more = scan->more;
    for (unsigned i = 0; i < scan->nr_second; i++)
        more += (int64_t)scan->second[i].free + scan->second[i].pool;
    for (unsigned i = 0; i < start->nr_segments; i++) {
        struct start_segment *segment = &start->segments[i];
        bool late = scan->nr_second > i && scan->second[i].free + scan->second[i].pool != 0;
        struct boot_range range;

        if (segment->free != 0) {
            if (!start_range(scan, segment, &range))
                return; /* no one range: the start state is left to the model */
            start_add(start, range.first, range.first + range.pages, 0);
            more -= range.pages;
            main_segment = (int)i; /* the highest; in February 2016 both came at once */
            main_range = range;
        } else if (late) {
            more -= start_late(scan, segment);
        }
        if (segment->kind == EVENT_DIRECTMAP)
            more -= start_front(scan, segment);
    }
    if (main_segment >= 0 && start->segments[main_segment].kind == EVENT_DMA)
        more -= start_low(scan, &start->segments[main_segment]);
    if (main_segment >= 0 && scan->nr_second != 0 && start->page_stride != 0) {
        if (!start->observed)
            start_rest_unseen(scan, &start->segments[main_segment], &main_range);
        else if (more > 0)
            start_rest_seen(scan, &start->segments[main_segment], &main_range, (uint32_t)more);
    }
    qsort(start->ranges, start->nr_ranges, sizeof(start->ranges[0]), range_compare);
    start_check(scan);
    machine->boot_pages = true;
}

/* ---- The machine ---- */

static int map_range_compare(const void *a, const void *b)
{
    const struct map_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static void submap_add(struct import_start *start, unsigned map, uint64_t begin, uint64_t size)
{
    unsigned at = start->nr_submaps;

    if (size == 0 || at == SUBMAPS)
        return;
    for (; at != 0 && start->submaps[at - 1].start > begin; at--)
        start->submaps[at] = start->submaps[at - 1];
    start->submaps[at] = (struct start_submap){begin, size, (uint8_t)map};
    start->nr_submaps++;
}

/* A hole of SIZE bytes in kernel_map that start-up's ranges leave is a submap, by its size; behind
 * it a later kernel has a small range that it asks for by a call that is not seen. */
static void submap_find(struct import_start *start, uint64_t begin, uint64_t size)
{
    static const struct {
        uint64_t size;
        unsigned map;
    } kinds[] = {{16u << 20, EVENT_MAP_DEVICE}, {8u << 20, EVENT_MAP_IPC}};

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (size < kinds[i].size || size - kinds[i].size > HOLE_REST)
            continue;
        submap_add(start, kinds[i].map, begin, kinds[i].size);
        submap_add(start, EVENT_MAP_KERNEL, begin + kinds[i].size, size - kinds[i].size);
        return;
    }
}

/* Submaps as the counters give them; or holes of their sizes between the ranges of kernel_map. */
static void start_maps(struct scan *scan)
{
    struct import_start *start = &scan->import->start;
    struct trace_machine *machine = &scan->import->header.machine;
    bool counted = false;

    if (scan->nr_ranges != 0)
        machine->kernel_map_start = scan->ranges[0].start;
    machine->kernel_map_end = scan->map_max[EVENT_MAP_KERNEL];
    machine->kmem_map_start = scan->map_min[EVENT_MAP_KMEM];
    machine->kmem_map_end = scan->map_max[EVENT_MAP_KMEM];
    for (unsigned map = EVENT_MAP_KMEM; map < EVENT_MAPS; map++) {
        counted = counted || scan->map_max[map] != 0;
        submap_add(start, map, scan->map_min[map], scan->map_max[map] - scan->map_min[map]);
    }
    qsort(scan->ranges, scan->nr_ranges, sizeof(scan->ranges[0]), map_range_compare);
    for (unsigned i = 1; i < scan->nr_ranges && !counted; i++) {
        uint64_t begin = scan->ranges[i - 1].end, hole = scan->ranges[i].start - begin;

        submap_find(start, begin, hole);
    }
}

static void copy_word(char *to, size_t room, const char *word)
{
    size_t size = strcspn(word, " ,");

    if (size >= room)
        size = room - 1;
    memcpy(to, word, size);
    to[size] = '\0';
}

/* The design, by the kernel line of the captures, else by what the log holds. */
static void start_stack(struct scan *scan)
{
    struct trace_machine *machine = &scan->import->header.machine;
    const char *named = strstr(scan->kernel, "GNU Mach ");
    const char *slabs = "hybrid";

    if (named != NULL &&
        (strncmp(named + 9, "table+", 6) == 0 || strncmp(named + 9, "radix+", 6) == 0)) {
        copy_word(machine->stack, sizeof(machine->stack), named + 9);
        return;
    }
    if (scan->nr_caches == 0 || (!scan->table && !scan->radix))
        return; /* too little to tell */
    if (machine->kmem_map_end != 0)
        slabs = "vm";
    else if (scan->contiguous_slabs)
        slabs = "buddy";
    strcpy(machine->stack, scan->table ? "table+" : "radix+");
    strcat(machine->stack, slabs);
}

static void start_geometry(struct scan *scan)
{
    struct trace_machine *machine = &scan->import->header.machine;
    const struct import_start *start = &scan->import->start;
    uint64_t direct_end = 0, virtual_bytes;
    bool old;

    for (unsigned i = 0; i < start->nr_segments; i++) {
        if (start->segments[i].kind != EVENT_HIGHMEM)
            direct_end = (uint64_t)start->segments[i].end * FRAME_BYTES;
    }
    virtual_bytes = machine->kernel_map_end - start->kernel_base - direct_end;
    if (machine->kernel_map_end != 0 && direct_end != 0)
        old = virtual_bytes < 100u << 20;
    else /* too short to tell but by the kernel's name */
        old = strstr(scan->kernel, "GNU Mach ") != NULL;

    if (machine->pointer_size == 8)
        strcpy(machine->geometry, "amd64");
    else if (start->kernel_base == 0x80000000)
        strcpy(machine->geometry, "i386-2013-2g");
    else if (machine->kmem_map_end != 0 || scan->releases)
        strcpy(machine->geometry, "i386-2013");
    else
        strcpy(machine->geometry, old ? "i386-2016" : "i386");
}

/* The direct map of amd64, too, ends below 4 GiB: what the kernel calls DMA32 lies above it, and is
 * HIGHMEM to all that is replayed. */
static unsigned segment_kind(unsigned i)
{
    static const uint8_t kinds[4] = {EVENT_DMA, EVENT_DIRECTMAP, EVENT_HIGHMEM, EVENT_HIGHMEM};

    return kinds[i];
}

static void start_machine(struct scan *scan)
{
    struct trace_machine *machine = &scan->import->header.machine;
    struct import_start *start = &scan->import->start;

    machine->page_size = FRAME_BYTES;
    start->kernel_end = scan->static_end;
    machine->pointer_size = scan->static_end > UINT32_MAX ? 8 : 4;
    start->kernel_base = scan->map_min[EVENT_MAP_KERNEL];
    if (start->kernel_base == 0)
        start->kernel_base = (scan->static_end - 1) & -(uint64_t)0x40000000;
    machine->kernel_base = start->kernel_base;
    machine->nr_segments = start->nr_segments = scan->nr_first;
    for (unsigned i = 0; i < scan->nr_first; i++) {
        start->segments[i] = scan->first[i];
        start->segments[i].kind = (uint8_t)segment_kind(i);
        machine->segments[i].kind = start->segments[i].kind;
        machine->segments[i].start = scan->first[i].start;
        machine->segments[i].end = scan->first[i].end;
        machine->memory = (uint64_t)scan->first[i].end * FRAME_BYTES;
    }
    if (scan->virtual_start > start->kernel_base && machine->memory == 0)
        machine->memory = scan->virtual_start - start->kernel_base;
    if (scan->releases && machine->memory != 0) {
        start->top_frame = (uint32_t)(machine->memory / FRAME_BYTES) - 1;
        machine->boot_pages = true;
        /* One pool, which these kernels do not call a segment. */
        machine->nr_segments = 1;
        machine->segments[0].kind = EVENT_DIRECTMAP;
        machine->segments[0].end = start->top_frame + 1;
    }
    strcpy(machine->time_unit, "instructions");
    if (machine->ticks_per_second == 0)
        machine->ticks_per_second = 500000000; /* that of all captures so far */
    start_maps(scan);
    start_stack(scan);
    start_geometry(scan);
    start->segment_flags =
        strcmp(machine->geometry, "i386") == 0 || strcmp(machine->geometry, "amd64") == 0;
}

int import_start_read(struct import *import, struct error *error)
{
    struct scan *scan = calloc(1, sizeof(*scan));
    int code;

    import->error = error;
    if (scan == NULL)
        return import_no_memory(import);
    scan->import = import;
    import->start.names_offset = NAMES_OFFSET;
    import->start.reverse_offset = REVERSE_OFFSET;
    log_reader_keep(import->reader);
    code = scan_log(scan);
    log_reader_rewind(import->reader);
    if (code == 0) {
        start_machine(scan);
        if (!scan->releases)
            start_descriptors(scan);
        if (import->start.nr_segments != 0)
            start_segments(scan);
    }
    free(scan->grabs);
    free(scan);
    return code;
}
