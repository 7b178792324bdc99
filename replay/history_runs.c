/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Chapter 2: pages side by side.
 *
 * The kernel of the two and a half weeks in February 2016 took every slab from the buddy
 * allocator, and its developers saw slab allocations fail from physical fragmentation. The
 * captures cannot show that: they are seconds long, and no more than a dozen objects larger than a
 * page are ever alive in them at once. What they do show is told first, since it is the measure for
 * what is assumed after.
 *
 * Then a workload of the kind that the developers had: a file cache that has been replaced several
 * times, and bursts of messages. The design that is compared is 1.7 as it shipped: the same page
 * allocator, the same map policy, the same machine, and only slabs of more than a page are taken
 * from kernel addresses. Everything that differs between the two rows is that decision.
 */

#include "replay/history_private.h"

#include <inttypes.h>
#include <string.h>

#include "allocators/stack_kernel.h"
#include "replay/churn.h"

#define MIB        (1u << 20)
#define MEMORY     (128u * MIB)
#define PAGES      (MEMORY / PAGE_SIZE)
#define MESSAGES   2090 /* threads of 72 tasks, counted by a developer on a system that had hung */
#define BURSTS     20
#define SMALL      8192u /* bytes of a message buffer: the class that captures ask for most */
#define LARGE      32768u
#define FILE_PAGES 3 /* 12 KiB: the files that developers tested with, and the captures */

/* The kernels that are compared. */
static const struct kernel {
    const char *stack;
    const struct pages_ops *pages;
    const struct map_ops *map;
} kernels[] = {
    {"radix+buddy", NULL, NULL},
    {"radix+hybrid", &pages_buddy, &map_first_fit}, /* 1.7 */
    {"radix+hybrid", NULL, NULL},                   /* 1.8 */
    {"radix+vm", NULL, NULL},
};

#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

enum { KERNEL_BUDDY, KERNEL_17 };

/* ---- What the captures show ---- */

/* Kallocs of more than a page in a trace. */
struct large_kallocs {
    uint64_t all, large;
    uint64_t alive, most; /* of the large ones, at once */
};

static void count_event(struct large_kallocs *count, const struct event *event)
{
    bool large = event->size > PAGE_SIZE;

    if ((event->flags & EVENT_FAILED) != 0)
        return;

    if (event->kind == EVENT_KALLOC) {
        count->all++;
        count->large += large;
        count->alive += large;
        if (count->alive > count->most)
            count->most = count->alive;
    } else if (event->kind == EVENT_KFREE) {
        count->alive -= large;
    }
}

static int count_large(struct history *history, const char *name, struct large_kallocs *count,
                       struct error *error)
{
    struct trace_reader *trace = history_open(history, name, error);
    const struct event *events;
    int nr;

    memset(count, 0, sizeof(*count));
    if (trace == NULL)
        return -1;

    while ((nr = trace_read(trace, &events, error)) > 0)
        for (int i = 0; i < nr; i++)
            count_event(count, &events[i]);

    trace_close(trace);
    return nr;
}

struct refusals {
    uint64_t fragmentation, others;
};

static int less_memory(struct history *history, const struct kernel *kernel, uint64_t memory,
                       struct refusals *refusals, struct error *error)
{
    struct replay_options options = {.memory = memory, .pages = kernel->pages, .map = kernel->map};
    struct replay_result result;
    int status =
        history_replay(history, "pressure", stack_find(kernel->stack), &options, &result, error);

    for (unsigned i = 0; i < result.nr_failures; i++)
        if (result.failures[i].failure.cause == FAILURE_FRAGMENTATION)
            refusals->fragmentation += result.failures[i].count;
        else
            refusals->others += result.failures[i].count;

    replay_result_free(&result);
    return status;
}

static uint64_t blocks_of(const struct replay_point *point, unsigned order)
{
    uint64_t blocks = 0;

    for (unsigned i = 0; i < point->nr_segments; i++)
        blocks += point->segments[i].counts.blocks[order];

    return blocks;
}

static void blocks_row(struct history_table *table, const char *label,
                       const struct replay_point *point)
{
    uint64_t free = 0, large = 0;

    for (unsigned order = 0; order < ORDERS; order++)
        free += blocks_of(point, order) << order;
    for (unsigned order = 4; order < ORDERS; order++)
        large += blocks_of(point, order) << order;

    history_table_text(table, label);
    history_table_number(table, free);
    for (unsigned order = 0; order < 4; order++)
        history_table_number(table, blocks_of(point, order));
    history_table_number(table, large);
    history_table_percent(table, blocks_of(point, 0), free);
}

static int captured_blocks(struct history *history, struct error *error)
{
    static const char *const marks[][2] = {{"create", "before the first file"},
                                           {"hold", "files read"},
                                           {"remove", "archive unpacked"},
                                           {"sync", "files removed"}};
    struct replay_options options = {0};
    struct replay_result result;
    struct history_table table;
    int status =
        history_replay(history, "pressure", stack_find("radix+buddy"), &options, &result, error);

    history_table_begin(&table, 1,
                        "state|pages free|blocks of 1|of 2|of 4|of 8|pages in larger|single");
    for (unsigned i = 0; status == 0 && i < 4; i++) {
        const struct replay_point *point = history_mark(&result, marks[i][0], 1, error);

        if (point == NULL)
            status = -1;
        else
            blocks_row(&table, marks[i][1], point);
    }

    replay_result_free(&result);
    if (status == 0)
        history_table_print(history, &table);
    return status;
}

static int captured(struct history *history, struct error *error)
{
    static const unsigned mib[] = {112, 96, 80, 64};
    struct refusals buddy = {0}, hybrid = {0};
    struct large_kallocs large;
    char field[HISTORY_FIELD];

    if (count_large(history, "pressure", &large, error) != 0)
        return -1;

    for (unsigned i = 0; i < 4; i++)
        if (less_memory(history, &kernels[KERNEL_BUDDY], (uint64_t)mib[i] * MIB, &buddy, error) !=
                0 ||
            less_memory(history, &kernels[KERNEL_17], (uint64_t)mib[i] * MIB, &hybrid, error) != 0)
            return -1;

    if (history_hold(history, buddy.fragmentation == 0 && hybrid.fragmentation == 0,
                     "the captures show no refusal by physical fragmentation", error) != 0)
        return -1;

    history_say(
        history,
        "The captures by themselves do not show it. `pressure.trace` on 112, 96, 80 and 64 "
        "MiB instead of its 128 is refused %" PRIu64 " requests by `radix+buddy` and %" PRIu64
        " by 1.7, all of them for the reserve of pages or for want of any, none for "
        "fragmentation. The reason is in the trace: of its %" PRIu64 " kallocs %" PRIu64
        ", or %s, ask for more than a page, but no more than %" PRIu64 " of those are alive "
        "at once. "
        "What seven seconds of a file system under memory pressure do to free memory is "
        "this, by `radix+buddy` on the captured machine:",
        buddy.others, hybrid.others, large.all, large.large,
        history_percent(large.large, large.all, field), large.most);
    return captured_blocks(history, error);
}

/* ---- A file cache and bursts of messages ---- */

static const char *const victims[] = {
    [CHURN_OLDEST] = "oldest page", [CHURN_FILE] = "any file", [CHURN_RANDOM] = "any page"};

static int burst_run(const struct kernel *kernel, const struct stack_ops *ops,
                     enum churn_victim victim, uint32_t objects, uint32_t bytes,
                     struct churn_cache_result *result, struct error *error)
{
    const struct churn_machine machine = {
        .ops = ops,
        .geometry = geometry_find("i386-2016"),
        .memory = MEMORY,
        .pages = kernel->pages,
        .map = kernel->map,
        .seed = HISTORY_SEED,
    };
    const struct churn_cache_options options = {
        .victim = victim,
        .file_pages = FILE_PAGES,
        .low = PAGES * 6 / 100,
        .high = PAGES * 10 / 100,
        .replaced = 4 * PAGES,
        .bursts = BURSTS,
        .objects = objects,
        .bytes = bytes,
        .reads = FILE_PAGES,
    };

    return churn_cache(&machine, &options, result, error);
}

/* The first refusal, in three columns. */
static void burst_first(struct history_table *table, const struct churn_cache_result *result)
{
    if (result->first == 0) {
        for (unsigned i = 0; i < 3; i++)
            history_table_text(table, "-");
        return;
    }

    history_table_number(table, result->first);
    history_table_number(table, result->failure.free / PAGE_SIZE);
    history_table_number(table, result->failure.largest / PAGE_SIZE);
}

static uint64_t refused_else(const struct churn_cache_result *result)
{
    uint64_t refused = result->pages_refused;

    for (unsigned i = 0; i < CHURN_CAUSES; i++)
        refused += i == FAILURE_FRAGMENTATION ? 0 : result->refused[i];

    return refused;
}

/* What the table comes to. */
struct bursts {
    uint64_t others; /* refusals of the other kernels, and those for another cause */
    /* Of the buddy: any page and small buffers, any file and large ones. */
    struct churn_cache_result worst, whole_files;
    uint64_t any_page_most;  /* any page and large ones: buffers alive at once */
    uint64_t pairs_refused;  /* any file and small buffers */
    uint64_t oldest_refused; /* the oldest page */
};

static void bursts_note(struct bursts *bursts, enum churn_victim victim, uint32_t bytes,
                        const struct churn_cache_result *buddy)
{
    if (victim == CHURN_RANDOM && bytes == SMALL)
        bursts->worst = *buddy;
    if (victim == CHURN_FILE && bytes == LARGE)
        bursts->whole_files = *buddy;
    if (victim == CHURN_RANDOM && bytes == LARGE)
        bursts->any_page_most = buddy->most;
    if (victim == CHURN_FILE && bytes == SMALL)
        bursts->pairs_refused = buddy->refused[FAILURE_FRAGMENTATION];
    if (victim == CHURN_OLDEST)
        bursts->oldest_refused += buddy->refused[FAILURE_FRAGMENTATION];
}

static int burst_row(struct history_table *table, enum churn_victim victim, uint32_t bytes,
                     struct bursts *bursts, struct error *error)
{
    struct churn_cache_result results[KERNELS];

    for (unsigned i = 0; i < KERNELS; i++) {
        const struct stack_ops *ops = stack_find(kernels[i].stack);
        uint32_t objects = (uint32_t)((uint64_t)MESSAGES * SMALL / bytes);

        if (burst_run(&kernels[i], ops, victim, objects, bytes, &results[i], error) != 0)
            return -1;

        bursts->others += refused_else(&results[i]);
        if (i != KERNEL_BUDDY)
            bursts->others += results[i].refused[FAILURE_FRAGMENTATION];
    }

    bursts_note(bursts, victim, bytes, &results[KERNEL_BUDDY]);
    history_table_text(table, victims[victim]);
    history_table_number(table, bytes);
    history_table_number(table, results[0].asked);
    for (unsigned i = 0; i < KERNELS; i++)
        history_table_number(table, results[i].refused[FAILURE_FRAGMENTATION]);
    burst_first(table, &results[KERNEL_BUDDY]);
    return 0;
}

static void bursts_assume(struct history *history)
{
    history_say(history,
                "So a workload that is not captured, made from seed %u. A machine of 128 MiB "
                "(`i386-2016`) keeps files of %u pages in memory. When 6 percent of memory are "
                "free, pages are evicted until 10 percent are: the shares of 1.8. The cache is "
                "replaced four times over. Then come %u bursts of messages. A buffer is taken for "
                "each of %u messages, %u pages are read after each, and all are given back in "
                "random order and slabs reaped. %u is the number of threads that a developer "
                "counted on one machine; a buffer is 8192 bytes, the class that the captures ask "
                "for most, or 32768, with a quarter of the messages. A request that the reserve "
                "refuses waits for the page-out daemon and is made again, as in the kernel.",
                HISTORY_SEED, FILE_PAGES, BURSTS, MESSAGES, FILE_PAGES, MESSAGES);
    history_say(
        history,
        "Four kernels are given this, `radix+buddy`, `radix+vm`, and `radix+hybrid` twice: "
        "as it is from 1.8 on, and as in 1.7, with the pages and the map policy of "
        "`radix+buddy`, so that nothing but the slabs differs. What decides is which pages "
        "are evicted. The kernel goes by use, which lies between the two extremes here. The "
        "last columns are the first refusal: the number of the request, the pages that were "
        "free in the segment, and the largest block of them.");
}

/* Large buffers that fit in the blocks that were free before the first burst. */
static uint64_t whole_runs(const struct churn_cache_result *result)
{
    unsigned order = 3;
    uint64_t runs = 0;

    for (unsigned above = order; above < ORDERS; above++)
        runs += result->blocks_before[above] << (above - order);

    return runs;
}

static int bursts_check(const struct history *history, const struct bursts *bursts,
                        struct error *error)
{
    if (history_hold(history,
                     bursts->whole_files.most == whole_runs(&bursts->whole_files) &&
                         bursts->any_page_most == bursts->whole_files.most,
                     "the runs that are found are those that were whole before", error) != 0)
        return -1;

    if (history_hold(history, bursts->others == 0,
                     "the other kernels refuse nothing, and radix+buddy nothing for another cause",
                     error) != 0 ||
        history_hold(history, bursts->oldest_refused == 0 && bursts->pairs_refused == 0,
                     "eviction of the oldest page leaves memory whole, of files pairs of pages",
                     error) != 0 ||
        history_hold(history, bursts->whole_files.refused[FAILURE_FRAGMENTATION] > 0,
                     "files evicted whole are enough for runs of 8 pages to be refused",
                     error) != 0)
        return -1;

    return history_hold(history,
                        bursts->worst.refused[FAILURE_FRAGMENTATION] > 0 &&
                            bursts->worst.failure.largest < 2 * PAGE_SIZE,
                        "eviction of any page breaks memory into single pages", error);
}

static void bursts_tell(struct history *history, const struct bursts *bursts)
{
    const struct churn_cache_result *worst = &bursts->worst, *files = &bursts->whole_files;
    char small[HISTORY_FIELD], large[HISTORY_FIELD];

    history_say(
        history,
        "The three other kernels, given the same six workloads, refuse nothing. With any "
        "page evicted `radix+buddy` refuses %s of the smaller buffers, at first with %" PRIu64
        " pages free in the segment and no two of them side by side where a buffer of two "
        "pages could begin. With whole files evicted the smaller buffers are all found, and "
        "of the larger, of eight pages each, %s are refused. What a burst still finds, %" PRIu64
        " of %u, are exactly as many runs as were whole when the bursts began; "
        "eviction makes no new ones. When the oldest page goes first memory stays whole and "
        "nothing is refused: it takes a cache that is not evicted in the order of reading.",
        history_percent(worst->refused[FAILURE_FRAGMENTATION], worst->asked, small),
        worst->failure.free / PAGE_SIZE,
        history_percent(files->refused[FAILURE_FRAGMENTATION], files->asked, large), files->most,
        MESSAGES * SMALL / LARGE);
    history_say(history,
                "1.7 differs from `radix+buddy` in its slabs only: one of more than a page takes "
                "its pages one by one and has them side by side in kernel addresses. That is what "
                "the kernel changed on 20 February 2016, and of the refusals nothing is left. The "
                "model has its limits: its cache has one reader, and its bursts are larger than "
                "any that was captured: the first refusal comes with %" PRIu64
                " of the smaller or %" PRIu64 " of the larger buffers alive.",
                worst->first - 1, files->first - 1);
}

/* ---- The step of 6 February ---- */

static int first_week(struct history *history, struct error *error)
{
    const struct kernel *kernel = &kernels[KERNEL_BUDDY];
    struct kernel_design design = stack_radix_buddy;
    struct churn_cache_result before, after;
    struct history_table table;
    uint64_t refused = 0, later = 0;

    design.backend = &slab_buddy_first_week;
    history_table_begin(&table, 1, "evicted|asked|2 February|6 February");
    for (enum churn_victim victim = CHURN_OLDEST; victim <= CHURN_RANDOM; victim++) {
        if (burst_run(kernel, &design.ops, victim, MESSAGES, PAGE_SIZE, &before, error) != 0 ||
            burst_run(kernel, &stack_radix_buddy.ops, victim, MESSAGES, PAGE_SIZE, &after, error) !=
                0)
            return -1;

        history_table_text(&table, victims[victim]);
        history_table_number(&table, before.asked);
        history_table_number(&table, before.refused[FAILURE_FRAGMENTATION]);
        history_table_number(&table, after.refused[FAILURE_FRAGMENTATION]);
        refused += before.refused[FAILURE_FRAGMENTATION];
        later += after.refused[FAILURE_FRAGMENTATION];
    }

    if (history_hold(history, refused > 0 && later == 0,
                     "slabs of the lowest order are found where those of the first week are not",
                     error) != 0)
        return -1;

    history_say(history,
                "The step of 6 February can be told apart. Until then a slab was to hold eight "
                "objects, so that objects of 4096 bytes, page directories for one, asked for runs "
                "of eight pages. The same bursts with %u objects of that size, and what the sizes "
                "of 2 and of 6 February refuse by fragmentation:",
                MESSAGES);
    history_table_print(history, &table);
    history_say(history, "That step helped every object of up to a page, for which one page is now "
                         "enough, and none that is larger.");
    return 0;
}

int history_runs(struct history *history, struct error *error)
{
    struct history_table table;
    struct bursts bursts;

    memset(&bursts, 0, sizeof(bursts));
    history_say(history,
                "At the beginning of February 2016 slabs of any size became blocks of the new "
                "buddy allocator, at first of up to eight pages or more. On 6 February slabs were "
                "cut down to the lowest order that holds one object. On 20 February it was given "
                "up: slab allocations had been seen to fail from physical fragmentation, and slabs "
                "of more than a page went back to kernel virtual memory.");
    if (captured(history, error) != 0)
        return -1;

    bursts_assume(history);
    history_table_begin(&table, 1,
                        "evicted|bytes|asked|radix+buddy|1.7|1.8|radix+vm|first|free|largest");
    for (unsigned row = 0; row < 6; row++)
        if (burst_row(&table, (enum churn_victim)(row % 3), row < 3 ? SMALL : LARGE, &bursts,
                      error) != 0)
            return -1;
    if (bursts_check(history, &bursts, error) != 0)
        return -1;

    history_table_print(history, &table);
    bursts_tell(history, &bursts);
    if (first_week(history, error) != 0)
        return -1;

    history_say(history, "Again (the workload is `replay/churn.c`; its bursts have no command of "
                         "their own):");
    history_commands(history, "allotrope history --only 2\n"
                              "allotrope replay --stack radix+buddy --memory 96M traces/captured/"
                              "pressure.trace\n");
    return 0;
}
