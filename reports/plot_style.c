/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How stacks look. The colour says where slabs come from and the dash how rights are kept, so that
 * a stack is recognized in every picture and what two of them share is seen; the marker is each
 * one's own. Colours are those of Okabe and Ito ("Color Universal Design", 2008), which people
 * with any kind of colour blindness tell apart, the lighter ones darkened: each has a contrast of
 * at least 3 both on white and on #121212, which tests/reports checks.
 */

#include <string.h>

#include "reports/plot_private.h"

#define BLUE   "#2a7fc0"
#define RED    "#d55e00"
#define GREEN  "#009e73"
#define PURPLE "#b8659b"
#define YELLOW "#948400"
#define GREY   "#808080"
#define SOLID  "solid"
#define DASHED "(7,4)"
#define DOTTED "(2,3)"

static const struct {
    const char *name;
    struct plot_style style;
} stacks[] = {
    {"table+vm", {BLUE, DASHED, 4}},       {"table+buddy", {RED, DASHED, 8}},
    {"table+hybrid", {GREEN, DASHED, 6}},  {"radix+vm", {BLUE, SOLID, 5}},
    {"radix+buddy", {RED, SOLID, 9}},      {"radix+hybrid", {GREEN, SOLID, 7}},
    {"radix+direct", {PURPLE, SOLID, 13}}, {"null", {GREY, DOTTED, 2}},
};

/* Of stacks that users bring. */
static const struct plot_style others[] = {
    {YELLOW, SOLID, 11},
    {YELLOW, DASHED, 10},
    {GREY, SOLID, 3},
    {PURPLE, DASHED, 12},
};

struct plot_style plot_style_of_stack(const char *name, unsigned number)
{
    for (unsigned i = 0; i < PLOT_COUNT(stacks); i++)
        if (strcmp(stacks[i].name, name) == 0)
            return stacks[i].style;

    return others[number % PLOT_COUNT(others)];
}
