/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The text of the history: lines are broken where they must be, tables line up, and a sentence that
 * does not hold is an error that names it.
 */

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "replay/history_private.h"

struct leaf {
    struct history history;
    char *text;
    size_t size;
};

static void page_begin(struct leaf *page)
{
    memset(page, 0, sizeof(*page));
    page->history.out = open_memstream(&page->text, &page->size);
    assert_non_null(page->history.out);
}

static void page_is(struct leaf *page, const char *text)
{
    fclose(page->history.out);
    assert_string_equal(page->text, text);
    free(page->text);
}

static void test_paragraphs(void **state)
{
    struct leaf page;

    (void)state;
    page_begin(&page);
    history_say(&page.history, "%s  words, %d of them.", "A few", 5);
    page_is(&page, "A few words, 5 of them.\n\n");

    /* 88 columns are full with eight words of ten letters: 8 * 10 + 7 = 87. */
    page_begin(&page);
    history_say(&page.history,
                "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg "
                "hhhhhhhhhh i jjj");
    page_is(&page, "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg "
                   "hhhhhhhhhh\ni jjj\n\n");
}

static void test_commands(void **state)
{
    struct leaf page;

    (void)state;
    page_begin(&page);
    history_heading(&page.history, 2, "A heading");
    history_commands(&page.history, "one \\\n    more\ntwo\n");
    page_is(&page, "## A heading\n\n    one \\\n        more\n    two\n\n");
}

static void test_table(void **state)
{
    struct history_table table;
    struct leaf page;

    (void)state;
    page_begin(&page);
    history_table_begin(&table, 1, "stack|n|share");
    history_table_text(&table, "a");
    history_table_number(&table, 12345);
    history_table_percent(&table, 1, 3);
    history_table_text(&table, "longer");
    history_table_number(&table, 0);
    history_table_percent(&table, 1, 0);
    history_table_print(&page.history, &table);
    page_is(&page, "| stack  |     n | share |\n"
                   "| ------ | ----: | ----: |\n"
                   "| a      | 12345 | 33.3% |\n"
                   "| longer |     0 |     - |\n\n");
}

/* Rounded down, so that 100.0% is all. */
static void test_percent(void **state)
{
    char field[HISTORY_FIELD];

    (void)state;
    assert_string_equal(history_percent(0, 7, field), "0.0%");
    assert_string_equal(history_percent(9999, 10000, field), "99.9%");
    assert_string_equal(history_percent(7, 7, field), "100.0%");
    assert_string_equal(history_percent(5, 2, field), "250.0%");
}

static void test_hold(void **state)
{
    struct history history = {.chapter = 4};
    struct error error = {.text = ""};

    (void)state;
    assert_int_equal(history_hold(&history, true, "two is two", &error), 0);
    assert_string_equal(error.text, "");
    assert_int_equal(history_hold(&history, false, "two is three", &error), -1);
    assert_string_equal(error.text, "chapter 4: the figures do not bear out that two is three");
}

static void test_limits_table(void **state)
{
    static const struct history_limit limits[] = {
        {"table+vm", "i386-2013", 64u << 20, 100, 100, "fragmentation of kmem_map"},
        {"radix+vm", "i386-2013", 64u << 20, 98, 100, "reserve of pages"},
        {"radix+vm", "i386-2013", 128u << 20, 250, 0, "exhaustion of kmem_map"},
    };
    struct leaf page;

    (void)state;
    page_begin(&page);
    history_limits_print(&page.history, limits, 3);
    page_is(
        &page,
        "| stack    | geometry  | MiB | rights | real kernel | difference |                   "
        "ends by |\n"
        "| -------- | --------- | --: | -----: | ----------: | ---------: | "
        "------------------------: |\n"
        "| table+vm | i386-2013 |  64 |    100 |         100 |          0 | fragmentation of "
        "kmem_map |\n"
        "| radix+vm | i386-2013 |  64 |     98 |         100 |         -2 |          reserve of "
        "pages |\n"
        "| radix+vm | i386-2013 | 128 |    250 |  prediction |          - |    exhaustion of "
        "kmem_map |\n\n");
}

static void test_no_traces(void **state)
{
    const struct history_options options = {.traces = "/nonexistent", .chapters = 1u << 1};
    struct error error = {.text = ""};
    struct leaf page;

    (void)state;
    page_begin(&page);
    assert_int_equal(history_write(page.history.out, &options, &error), -1);
    fclose(page.history.out);
    free(page.text);
    assert_non_null(strstr(error.text, "/nonexistent/historical/table+vm-1.5-exhaust.trace: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paragraphs), cmocka_unit_test(test_commands),
        cmocka_unit_test(test_table),      cmocka_unit_test(test_percent),
        cmocka_unit_test(test_hold),       cmocka_unit_test(test_limits_table),
        cmocka_unit_test(test_no_traces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
