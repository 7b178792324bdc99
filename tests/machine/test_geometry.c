/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Shows that every geometry opens and closes for every size of memory that it can take, with
 * segments, addresses and start-up ranges that fit together, and refuses the others in clear words.
 */

#include "helper.h"

static void names(void **state)
{
    static const char *const expected[] = {"i386-2013", "i386-2013-2g", "i386-2016",
                                           "i386",      "amd64",        "i386-2016-02"};

    (void)state;
    for (unsigned i = 0; i < COUNT(expected); i++) {
        assert_non_null(geometry_at(i));
        assert_string_equal(geometry_at(i)->name, expected[i]);
        assert_ptr_equal(geometry_find(expected[i]), geometry_at(i));
    }
    assert_null(geometry_at(COUNT(expected)));
    assert_null(geometry_find("i386-2012"));
    assert_null(geometry_find(""));
}

static void layout_check(const struct machine *machine)
{
    uint64_t direct_end = machine->kernel_base + ((uint64_t)machine->direct_frames << PAGE_SHIFT);
    uint32_t end = 0;

    for (unsigned i = 0; i < machine->nr_segments; i++) {
        const struct segment *segment = &machine->segments[i];

        assert_true(segment->start >= end && segment->end > segment->start);
        end = segment->end;
        assert_int_equal(machine->pages[segment->start].segment, i);
        assert_int_equal(machine->pages[segment->end - 1].segment, i);
        assert_int_equal(machine->pages[segment->start].state, PAGE_RESERVED);
    }
    assert_int_equal(machine->frames, end);
    assert_true(machine->kernel_map_start >= direct_end);
    assert_true(machine->kernel_map_end > machine->kernel_map_start);
    if (machine->geometry->pointer_size == 4)
        assert_true(machine->kernel_map_end < (uint64_t)1 << 32);
}

/* Ranges overlap neither each other nor what start-up took, and lie in one segment each. */
static void ranges_check(const struct machine *machine)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    unsigned nr = machine_boot_ranges(machine, ranges);

    assert_in_range(nr, 1, BOOT_RANGES_MAX);
    for (unsigned i = 0; i < nr; i++) {
        uint32_t image = machine->geometry->image_start;

        assert_true(ranges[i].start < ranges[i].end && ranges[i].end <= machine->frames);
        assert_int_equal(machine->pages[ranges[i].start].segment,
                         machine->pages[ranges[i].end - 1].segment);
        assert_true(image < ranges[i].start || image >= ranges[i].end);
        assert_true(ranges[i].start > 0);
        assert_true(ranges[i].end <= 0x9f || ranges[i].start >= 0x100);
        assert_int_equal(ranges[i].descending, machine->geometry->free_list);
        for (unsigned j = 0; j < i; j++)
            assert_true(ranges[i].end <= ranges[j].start || ranges[j].end <= ranges[i].start);
    }
}

static void sizes(void **state)
{
    struct error error;
    unsigned opened = 0;

    (void)state;
    for (unsigned g = 0; geometry_at(g) != NULL; g++)
        for (uint64_t mib = 1; mib <= 6000; mib += mib / 7 + 1) {
            struct machine machine;

            error.text[0] = '\0';
            if (machine_open(&machine, geometry_at(g), mib << 20, NULL, 0, 0, 0, &error) != 0) {
                assert_int_not_equal(error.text[0], '\0');
                continue;
            }
            layout_check(&machine);
            ranges_check(&machine);
            machine_close(&machine);
            opened++;
        }

    assert_true(opened > 100);
}

static void refuse(const char *geometry, uint64_t mib, const char *text)
{
    struct machine machine;
    struct error error;

    assert_int_equal(
        machine_open(&machine, geometry_find(geometry), mib << 20, NULL, 0, 0, 0, &error), -1);
    assert_string_equal(error.text, text);
}

static void refusals(void **state)
{
    (void)state;
    refuse("i386", 4097, "geometry i386 takes at most 4096 MiB of memory, 4097 MiB were given");
    refuse("i386", 16, "geometry i386 needs at least 24 MiB of memory, 16 MiB were given");
    refuse("i386", 0, "geometry i386 needs at least 24 MiB of memory, 0 MiB were given");
    refuse("i386-2013", 20,
           "geometry i386-2013 needs at least 24 MiB of memory, 20 MiB were given");
    refuse("i386-2016", 930,
           "geometry i386-2016 cannot take 930 MiB: segment HIGHMEM would have 480 pages, and the "
           "kernel wants at least 2000; give some MiB more or less");
    refuse(
        "amd64", 24 << 10,
        "geometry amd64 cannot take 24576 MiB: the page descriptors need 544 MiB of a kernel map "
        "of 512 MiB");
}

static void segments_refused(struct segment *segments, unsigned nr, uint64_t start, uint64_t end,
                             const char *text)
{
    struct machine machine;
    struct error error;

    assert_int_equal(
        machine_open(&machine, geometry_find("i386"), 64 << 20, segments, nr, start, end, &error),
        -1);
    assert_string_equal(error.text, text);
}

static void captured_segments(void **state)
{
    struct segment segments[] = {{SEGMENT_DMA, 0x10, 0x1000}, {SEGMENT_DIRECTMAP, 0x1000, 0x3fe0}};
    struct segment overlap[] = {{SEGMENT_DMA, 0x10, 0x1000}, {SEGMENT_DIRECTMAP, 0xfff, 0x3fe0}};
    struct segment order[] = {{SEGMENT_DIRECTMAP, 0x10, 0x1000}, {SEGMENT_DMA, 0x1000, 0x3fe0}};
    struct segment high[] = {{SEGMENT_DMA, 0x10, 0x1000}, {SEGMENT_DIRECTMAP, 0x1000, 0x4001}};
    struct machine machine;
    struct error error;

    (void)state;
    assert_int_equal(machine_open(&machine, geometry_find("i386"), 64 << 20, segments, 2,
                                  0xc5000000, 0xc6000000, &error),
                     0);
    assert_int_equal(machine.kernel_map_start, 0xc5000000);
    assert_int_equal(machine.kernel_map_end, 0xc6000000);
    machine_close(&machine);

    segments_refused(overlap, 2, 0, 0,
                     "physical segment 1 (DIRECTMAP, frames fff to 3fe0) is empty, or does not "
                     "follow the one before it");
    segments_refused(order, 2, 0, 0,
                     "physical segment 1 (DMA, frames 1000 to 3fe0) is empty, or does not follow "
                     "the one before it");
    segments_refused(high, 2, 0, 0,
                     "physical segment 1 (DIRECTMAP) ends at frame 4001, above the 64 MiB of the "
                     "machine");
    segments_refused(segments, 2, 0xc3000000, 0,
                     "the free part of the kernel map, c3000000 to cd7de000, is empty, not made of "
                     "whole pages, or below the end of the direct map, c3fe0000");
    segments_refused(segments, 2, 0xc5000000, 0xc5000000,
                     "the free part of the kernel map, c5000000 to c5000000, is empty, not made of "
                     "whole pages, or below the end of the direct map, c3fe0000");
}

static void addresses(void **state)
{
    struct machine machine;
    struct error error;
    uint64_t last;

    (void)state;
    assert_int_equal(
        machine_open(&machine, geometry_find("i386-2013"), 64 << 20, NULL, 0, 0, 0, &error), 0);
    last = machine.kernel_map_end - 8;
    memset(machine_at(&machine, machine.kernel_base), 1, 8);
    memset(machine_at(&machine, last), 2, 8);
    assert_int_equal(machine_address(&machine, machine_link(&machine, last)), last);
    assert_ptr_equal(machine_follow(&machine, machine_link(&machine, last)),
                     machine_at(&machine, last));
    assert_int_equal(machine_frame(&machine, machine_direct(&machine, 0x1234)), 0x1234);
    assert_true(machine_is_direct(&machine, 0xc3fdffff));
    assert_false(machine_is_direct(&machine, 0xc3fe0000));
    machine_close(&machine);
}

static void host_refuses(void **state)
{
    struct error error = {.text = ""};

    (void)state;
    assert_null(host_reserve((size_t)1 << 60, &error));
    assert_string_equal(error.text,
                        "the host refuses to reserve 1099511627776 MiB of address space; give the "
                        "machine less memory or raise the limit (ulimit -v)");
    host_unreserve(NULL, 0);
}

static void words(void **state)
{
    struct machine machine = {0};

    (void)state;
    machine_refuse(&machine, FAILURE_FRAGMENTATION, "a name that is longer than its place", 1, 2, 3,
                   4);
    assert_string_equal(machine.failure.resource, "a name that is longer t");
    assert_string_equal(failure_cause_name(FAILURE_NONE), "none");
    assert_string_equal(failure_cause_name(machine.failure.cause), "fragmentation");
    assert_string_equal(segment_kind_name(SEGMENT_DMA32), "DMA32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),        cmocka_unit_test(sizes),
        cmocka_unit_test(refusals),     cmocka_unit_test(captured_segments),
        cmocka_unit_test(addresses),    cmocka_unit_test(words),
        cmocka_unit_test(host_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
