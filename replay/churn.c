/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A file cache that is replaced again and again, and kernel objects larger than a page beside it.
 *
 * The model. Files are read page by page, and pages are kept until few are free. Then the page-out
 * daemon evicts: from LOW free pages on, until HIGH are free, as it does from 1.8 on, whose shares
 * of memory are used. Reads go on in between, so that frames that come free together are used for
 * files that have nothing to do with each other. Which page goes is the one thing that decides how
 * memory looks afterwards, and the kernel's own choice, by use, lies between the two ends that the
 * driver can play: the page that was read first, or any page.
 *
 * Kernel objects come in bursts: threads that each send a message. An object is taken, its sender
 * reads some pages, and so on; when all are there, they are given back in random order and the
 * kernel reaps. The daemon runs all the while, so pages are always free, never fewer than its
 * thresholds. What is refused then is refused for want of pages side by side.
 *
 * The driver looks at the stack through a snapshot when the daemon would look: to count what is
 * free. All else it knows from what it was given.
 */

#include "replay/churn.h"

#include <stdlib.h>
#include <string.h>

#include "replay/churn_private.h"

/* ---- Random numbers ---- */

uint64_t churn_next(struct churn_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t churn_below(struct churn_random *random, uint32_t n)
{
    return (uint32_t)((churn_next(random) >> 32) * n >> 32);
}

/* ---- Machines ---- */

struct stack *churn_open(const struct churn_machine *machine, struct error *error)
{
    struct stack_config config = {
        .geometry = machine->geometry,
        .memory = machine->memory,
        .pages = machine->pages,
        .map = machine->map,
        .exact_bitmaps = machine->exact_bitmaps,
        .check = machine->check,
        .max_spaces = 1,
    };

    return machine->ops->open(machine->ops, &config, error);
}

int churn_close(const struct churn_machine *machine, struct stack *stack, int status,
                struct error *error)
{
    if (status == 0 && machine->check && machine->ops->check(stack, error) != 0)
        status = error_prefix(error, "stack %s, after its churn: ", machine->ops->name);

    machine->ops->close(stack);
    return status;
}

/* ---- The file cache ---- */

struct file_cache {
    const struct stack_ops *ops;
    struct stack *stack;
    const struct churn_cache_options *options;
    struct churn_cache_result *result;
    struct churn_random random;
    struct snapshot snapshot;
    uint64_t *pages; /* addresses, in the order of reading: a ring */
    uint32_t size, head, nr;
    uint64_t free;     /* pages, as the daemon knows them */
    uint64_t *objects; /* kernel objects alive */
    uint32_t nr_objects;
};

static uint64_t *page_at(struct file_cache *cache, uint32_t index)
{
    uint32_t at = cache->head + index;

    return &cache->pages[at < cache->size ? at : at - cache->size];
}

static void swap(uint64_t *a, uint64_t *b)
{
    uint64_t kept = *a;

    *a = *b;
    *b = kept;
}

static void count_free(struct file_cache *cache)
{
    cache->ops->snapshot(cache->stack, &cache->snapshot, false);
    cache->free = 0;

    for (unsigned i = 0; i < cache->snapshot.nr_segments; i++)
        cache->free += cache->snapshot.segments[i].counts.free;
}

static void evict_first(struct file_cache *cache)
{
    cache->ops->page_free(cache->stack, *page_at(cache, 0), 1, false);
    cache->head = cache->head + 1 == cache->size ? 0 : cache->head + 1;
    cache->nr--;
    cache->free++;
}

/* Brings what is to go to the head of the ring, and evicts it from there. */
static void evict(struct file_cache *cache)
{
    uint32_t pages = cache->options->victim == CHURN_FILE ? cache->options->file_pages : 1;
    uint32_t victim = 0;

    if (cache->nr < pages)
        pages = cache->nr;
    if (cache->options->victim != CHURN_OLDEST)
        victim = churn_below(&cache->random, cache->nr / pages) * pages;

    for (uint32_t i = 0; i < pages; i++)
        swap(page_at(cache, i), page_at(cache, victim + i));
    for (uint32_t i = 0; i < pages; i++)
        evict_first(cache);
}

static void evict_pages(struct file_cache *cache, uint32_t nr)
{
    uint64_t until = cache->free + nr;

    while (cache->free < until && cache->nr > 0)
        evict(cache);
}

/* The page-out daemon, when it is its time. */
static void page_out(struct file_cache *cache)
{
    if (cache->free > cache->options->low)
        return;

    count_free(cache);
    if (cache->free < cache->options->high)
        evict_pages(cache, cache->options->high - (uint32_t)cache->free);
}

/* Whether a request that was refused would have slept, and the daemon had pages to wake it with. */
static bool slept(struct file_cache *cache)
{
    enum failure_cause cause = cache->stack->failure.cause;

    if (cause != FAILURE_RESERVE || cache->nr == 0)
        return false;

    cache->result->sleeps++;
    count_free(cache);
    evict_pages(cache, cache->options->high - cache->options->low);
    return true;
}

static void read_page(struct file_cache *cache)
{
    uint64_t address;

    page_out(cache);
    do
        address =
            cache->ops->page_alloc(cache->stack, 1, SEGMENT_DIRECTMAP, PAGE_CLASS_USER, false);
    while (address == 0 && slept(cache));

    if (address == 0) {
        cache->result->pages_refused++;
        return;
    }

    *page_at(cache, cache->nr++) = address;
    cache->free--;
}

/* Whole files, so that a file's pages stay together in the ring. */
static void read_pages(struct file_cache *cache, uint64_t nr)
{
    for (uint64_t i = 0; i < nr; i += cache->options->file_pages)
        for (uint32_t page = 0; page < cache->options->file_pages; page++)
            read_page(cache);
}

static void fill(struct file_cache *cache)
{
    uint64_t sleeps = cache->result->sleeps;

    count_free(cache);
    while (cache->free > cache->options->low + cache->options->file_pages &&
           cache->result->sleeps == sleeps)
        read_pages(cache, cache->options->file_pages);
}

/* ---- Bursts ---- */

static void object_refused(struct file_cache *cache)
{
    struct failure *failure = &cache->stack->failure;
    struct churn_cache_result *result = cache->result;

    result->refused[failure->cause]++;
    if (result->first == 0) {
        result->first = result->asked;
        result->failure = *failure;
    }

    memset(failure, 0, sizeof(*failure));
}

static void take_object(struct file_cache *cache)
{
    uint64_t object;

    page_out(cache);
    cache->result->asked++;
    do
        object = cache->ops->kalloc(cache->stack, cache->options->bytes);
    while (object == 0 && slept(cache));

    if (object == 0) {
        object_refused(cache);
        return;
    }

    cache->objects[cache->nr_objects++] = object;
    cache->free -= (cache->options->bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void free_objects(struct file_cache *cache)
{
    while (cache->nr_objects > 0) {
        uint32_t at = churn_below(&cache->random, cache->nr_objects);

        cache->ops->kfree(cache->stack, cache->objects[at], cache->options->bytes);
        cache->objects[at] = cache->objects[--cache->nr_objects];
    }

    cache->ops->reap(cache->stack);
}

static void burst(struct file_cache *cache)
{
    for (uint32_t i = 0; i < cache->options->objects; i++) {
        take_object(cache);
        read_pages(cache, cache->options->reads);
    }

    if (cache->nr_objects > cache->result->most)
        cache->result->most = cache->nr_objects;
    free_objects(cache);
    fill(cache);
}

static void run(struct file_cache *cache)
{
    cache->stack->privileged = false; /* there are threads: reserves are in force */
    fill(cache);
    read_pages(cache, cache->options->replaced);
    count_free(cache);
    cache->result->free_before = cache->free;

    for (unsigned i = 0; i < cache->snapshot.nr_segments; i++)
        for (unsigned order = 0; order < ORDERS; order++)
            cache->result->blocks_before[order] += cache->snapshot.segments[i].counts.blocks[order];

    for (uint32_t i = 0; i < cache->options->bursts; i++)
        burst(cache);
}

int churn_cache(const struct churn_machine *machine, const struct churn_cache_options *options,
                struct churn_cache_result *result, struct error *error)
{
    struct file_cache *cache = calloc(1, sizeof(*cache));
    int status = -1;

    memset(result, 0, sizeof(*result));
    if (cache == NULL)
        return error_set(error, "no memory for a file cache");

    cache->ops = machine->ops;
    cache->options = options;
    cache->result = result;
    cache->random.state = machine->seed;
    cache->size = (uint32_t)(machine->memory / PAGE_SIZE);
    cache->pages = calloc(cache->size, sizeof(*cache->pages));
    cache->objects = calloc(options->objects, sizeof(*cache->objects));

    if (cache->pages == NULL || cache->objects == NULL) {
        error_set(error, "no memory for a file cache of %u pages", cache->size);
    } else {
        cache->stack = churn_open(machine, error);
        if (cache->stack != NULL) {
            run(cache);
            status = churn_close(machine, cache->stack, 0, error);
        }
    }

    free(cache->pages);
    free(cache->objects);
    free(cache);
    return status;
}
