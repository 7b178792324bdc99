# SPDX-License-Identifier: GPL-2.0-or-later
#
# What stands above the plot: the title, and the names of the phases, each at a pole where its phase
# begins.

set label 1000 picture_title at screen 0.5, screen title_y center noenhanced font font_title
do for [i = 1:nr_flags] {
    set label i flag_text[i] at screen flag_x[i], screen flag_y[i] left noenhanced font font_small
    if (!dumb) {
        set arrow i from screen flag_pole[i], graph 1 to screen flag_pole[i], screen flag_top[i] \
            nohead lc rgb "#90000000" lw 0.75
    }
}
