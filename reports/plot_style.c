/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How stacks look. The colour says where slabs come from and the dash how rights are kept, so that
 * a stack is recognized in every picture and what two of them share is seen; the marker is each
 * one's own. Colours were searched for: each has a contrast of at least 3 both on white and on
 * #14171b, which tests/reports checks, and as people with protanopia, deuteranopia or tritanopia
 * see them (Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color
 * vision deficiency", 2009) any two are at least 24 apart in CIELAB.
 */

#include <string.h>

#include "reports/plot_private.h"

#define BLUE   "#2a69e3"
#define BROWN  "#8f5a18"
#define GREEN  "#00a962"
#define PURPLE "#b4269e"
#define YELLOW "#a59400"
#define GREY   "#666666"
#define SOLID  "solid"
#define DASHED "(7,4)"
#define DOTTED "(2,3)"

static const struct {
    const char *name;
    struct plot_style style;
} stacks[] = {
    {"table+vm", {BLUE, DASHED, 4}},       {"table+buddy", {BROWN, DASHED, 8}},
    {"table+hybrid", {GREEN, DASHED, 6}},  {"radix+vm", {BLUE, SOLID, 5}},
    {"radix+buddy", {BROWN, SOLID, 9}},    {"radix+hybrid", {GREEN, SOLID, 7}},
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
