/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Occupancy pictures: letters by hand, and cells of random pages against a count of all of them.
 */

#include "helper.h"

#include <stdlib.h>

static struct occupancy occupancy;
static struct occupancy_picture picture;

static void draw(void)
{
    memset(&picture, 0, sizeof(picture));
    occupancy_draw(&occupancy, &picture);
}

/* Few pages: a cell for each. */
static void letters(void **state)
{
    uint8_t classes[PAGE_CLASSES] = {0};
    struct error error;

    (void)state;
    assert_int_equal(occupancy_open(&occupancy, PAGE_CLASSES, PAGE_CLASS_RESERVED, &error), 0);
    draw();
    assert_int_equal(picture.cells, PAGE_CLASSES);
    assert_int_equal(picture.pages_per_cell, 1);
    assert_memory_equal(picture.letters, "###########", PAGE_CLASSES);

    for (uint32_t i = 0; i < PAGE_CLASSES; i++)
        occupancy_move(&occupancy, i, &classes[i], (enum page_class)i);
    draw();
    assert_memory_equal(picture.letters, "#.AUWTSIVKO", PAGE_CLASSES);
    for (unsigned i = 0; i < PAGE_CLASSES; i++)
        assert_int_equal(page_class_letter((enum page_class)i) & ~0x20, picture.letters[i] & ~0x20);
    assert_int_equal(occupancy_check(&occupancy, classes, 1, "test", &error), 0);
}

/* One cell of four pages, and one of two at the end. */
static void majority(void **state)
{
    static uint8_t classes[1026];
    struct error error;

    (void)state;
    memset(classes, PAGE_CLASS_FREE, sizeof(classes));
    assert_int_equal(occupancy_open(&occupancy, 1026, PAGE_CLASS_FREE, &error), 0);
    draw();
    assert_int_equal(picture.pages_per_cell, 4);
    assert_int_equal(picture.cells, 257);
    for (unsigned i = 0; i < 257; i++)
        assert_int_equal(picture.letters[i], '.');

    /* Half of the cell is not more than half. */
    occupancy_move(&occupancy, 0, &classes[0], PAGE_CLASS_USER);
    occupancy_move(&occupancy, 3, &classes[3], PAGE_CLASS_SLAB_IPC);
    occupancy_move(&occupancy, 1025, &classes[1025], PAGE_CLASS_STACK);
    draw();
    assert_int_equal(picture.letters[0], 'u'); /* the first of equals */
    assert_int_equal(picture.letters[1], '.');
    assert_int_equal(picture.letters[256], 's');

    occupancy_move(&occupancy, 1, &classes[1], PAGE_CLASS_SLAB_IPC);
    occupancy_move(&occupancy, 1024, &classes[1024], PAGE_CLASS_RESERVED);
    draw();
    assert_int_equal(picture.letters[0], 'I');
    assert_int_equal(picture.letters[256], '#');

    occupancy_move(&occupancy, 1, &classes[1], PAGE_CLASS_FREE);
    occupancy_move(&occupancy, 0, &classes[0], PAGE_CLASS_FREE);
    occupancy_move(&occupancy, 3, &classes[3], PAGE_CLASS_FREE);
    draw();
    assert_int_equal(picture.letters[0], '.');
    assert_int_equal(occupancy_check(&occupancy, classes, 1, "test", &error), 0);

    classes[17] = PAGE_CLASS_USER; /* behind its back */
    assert_int_equal(occupancy_check(&occupancy, classes, 1, "test", &error), -1);
    assert_non_null(strstr(error.text, "cell 4 "));
    classes[17] = PAGE_CLASSES;
    assert_int_equal(occupancy_check(&occupancy, classes, 1, "test", &error), -1);
    assert_non_null(strstr(error.text, "page 11 "));
}

static void sizes(void **state)
{
    static const struct {
        uint64_t pages;
        unsigned cells, pages_per_cell;
    } cases[] = {{1, 1, 1},
                 {511, 511, 1},
                 {512, 512, 1},
                 {513, 257, 2},
                 {131040, 512, 256},
                 {131073, 257, 512},
                 {1u << 24, 512, 1u << 15}};
    struct error error;

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        assert_int_equal(occupancy_open(&occupancy, cases[i].pages, PAGE_CLASS_FREE, &error), 0);
        draw();
        assert_int_equal(picture.cells, cases[i].cells);
        assert_int_equal(picture.pages_per_cell, cases[i].pages_per_cell);
    }

    assert_int_equal(occupancy_open(&occupancy, (1u << 24) + 1, PAGE_CLASS_FREE, &error), -1);
    assert_non_null(strstr(error.text, "16777217 pages"));
}

/* Nothing is counted where nothing was opened, but classes are kept. */
static void closed(void **state)
{
    uint8_t class = PAGE_CLASS_FREE;

    (void)state;
    memset(&occupancy, 0, sizeof(occupancy));
    occupancy_move(&occupancy, 100000, &class, PAGE_CLASS_USER);
    assert_int_equal(class, PAGE_CLASS_USER);
    draw();
    assert_int_equal(picture.cells, 0);
}

static void families(void **state)
{
    static const struct {
        const char *name;
        enum page_class class;
    } cases[] = {
        {"ipc_port", PAGE_CLASS_SLAB_IPC},      {"ipc_tree_entry", PAGE_CLASS_SLAB_IPC},
        {"rdxtree_node", PAGE_CLASS_SLAB_IPC},  {"vm_map_entry", PAGE_CLASS_SLAB_VM},
        {"pv_entry", PAGE_CLASS_SLAB_VM},       {"memory_object_proxy", PAGE_CLASS_SLAB_VM},
        {"kalloc_64", PAGE_CLASS_SLAB_KALLOC},  {"kalloc.64", PAGE_CLASS_SLAB_KALLOC},
        {"kmem_slab", PAGE_CLASS_SLAB_OTHER},   {"thread", PAGE_CLASS_SLAB_OTHER},
        {"my_ipc_port", PAGE_CLASS_SLAB_OTHER}, {"", PAGE_CLASS_SLAB_OTHER}};

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++)
        assert_int_equal(page_class_of_cache(cases[i].name), cases[i].class);
}

static char expected_letter(const uint8_t *classes, uint32_t start, uint32_t end)
{
    uint32_t counts[PAGE_CLASSES] = {0}, most = 0, used = 0;
    char letter = '.';

    for (uint32_t i = start; i < end; i++) {
        counts[classes[i]]++;
        used += classes[i] != PAGE_CLASS_FREE;
    }

    for (unsigned i = PAGE_CLASSES; i-- > 0;)
        if (i != PAGE_CLASS_FREE && counts[i] != 0 && counts[i] >= most) {
            most = counts[i];
            letter = page_class_letter((enum page_class)i);
        }

    if (used * 2 > end - start && letter >= 'a')
        letter = (char)(letter - 32);
    return letter;
}

static void random_pages(void **state)
{
    static uint8_t classes[5000];
    uint64_t random = 0x51ed270b7a1f3c05;
    struct error error;

    (void)state;
    print_message("seed %llx\n", (unsigned long long)random);
    memset(classes, PAGE_CLASS_FREE, sizeof(classes));
    assert_int_equal(occupancy_open(&occupancy, 5000, PAGE_CLASS_FREE, &error), 0);

    for (unsigned round = 0; round < 400; round++) {
        for (unsigned i = 0; i < random_below(&random, 200); i++) {
            uint32_t page = random_below(&random, 5000);
            enum page_class class = random_below(&random, 2) == 0
                                        ? PAGE_CLASS_FREE
                                        : (enum page_class)random_below(&random, PAGE_CLASSES);

            occupancy_move(&occupancy, page, &classes[page], class);
        }

        draw();
        assert_int_equal(picture.cells, 313); /* of 16 */
        for (uint32_t cell = 0; cell < 313; cell++)
            assert_int_equal(
                picture.letters[cell],
                expected_letter(classes, cell * 16, cell == 312 ? 5000 : cell * 16 + 16));
        assert_int_equal(occupancy_check(&occupancy, classes, 1, "test", &error), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters), cmocka_unit_test(majority), cmocka_unit_test(sizes),
        cmocka_unit_test(closed),  cmocka_unit_test(families), cmocka_unit_test(random_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
