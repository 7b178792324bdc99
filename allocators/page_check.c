/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the page allocators share: the order in which segments are tried, the test hook that makes
 * the n-th request fail, and the check that the page descriptors and the counters tell one story.
 */

#include "allocators/pages.h"

#include <string.h>

void pages_segments_open(struct pages *pages, const struct pages_ops *ops, struct machine *machine)
{
    pages->ops = ops;
    pages->machine = machine;

    for (int kind = 0; kind < 4; kind++) {
        pages->highest[kind] = 0;
        for (unsigned i = 0; i < machine->nr_segments; i++)
            if ((int)machine->segments[i].kind <= kind)
                pages->highest[kind] = (uint8_t)i;
    }
}

bool pages_injected(struct pages *pages, uint64_t nr)
{
    struct machine *machine = pages->machine;

    if (machine->fail_page == 0 || --machine->fail_page != 0)
        return false;

    machine_refuse(machine, FAILURE_EXHAUSTION, "injected", nr * PAGE_SIZE,
                   (uint64_t)pages->free * PAGE_SIZE, 0, 0);
    return true;
}

int pages_check_states(const struct pages *pages, struct error *error)
{
    const struct machine *machine = pages->machine;
    uint32_t total = 0;

    for (unsigned i = 0; i < machine->nr_segments; i++) {
        const struct segment *segment = &machine->segments[i];
        struct page_counts counts;
        uint32_t free = 0;
        uint32_t pool = 0;

        for (uint32_t frame = segment->start; frame < segment->end; frame++) {
            uint8_t state = machine->pages[frame].state;

            free += state == PAGE_FREE_HEAD || state == PAGE_FREE_BODY;
            pool += state == PAGE_POOLED;
        }

        pages->ops->counts(pages, i, &counts);
        if (free != counts.free || pool != counts.pool)
            return error_set(error,
                             "pages: segment %s counts %u pages free and %u pooled, its page "
                             "descriptors say %u and %u",
                             segment_kind_name(segment->kind), counts.free, counts.pool, free,
                             pool);
        total += free;
    }

    if (total != pages->free)
        return error_set(error, "pages: %u pages counted free, the segments have %u", pages->free,
                         total);

    return 0;
}
