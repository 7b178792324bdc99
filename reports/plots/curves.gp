# SPDX-License-Identifier: GPL-2.0-or-later
#
# Curves over the trace, one for each stack, in panels that share the axis: the lowest is drawn
# first, with the axis, the highest last, with the names of the phases.
# $curves: for each panel and stack a block of the line, then one of the markers on it.

load data
load plots . "style.gp"
load plots . "trace.gp"

area_style = dumb ? "lines" : 'filledcurves y1=0 fc rgb "#c8000000"'
set multiplot
do for [p = nr_panels:1:-1] {
    if (p == 1) {
        load plots . "flags.gp"
    }
    if (p < nr_panels) {
        unset xtics
        unset xlabel
    }
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set yrange [panel_low[p]:panel_high[p]]
    set ylabel panel_label[p] offset 0.5, 0
    first_index = 2 * nr_curves * (p - 1)
    plot for [i = 1:has_ideal] $ideal using 1:($2 / panel_divisor[p]) \
            with @area_style notitle, \
        for [i = 1:nr_curves] $curves index first_index + 2 * i - 2 \
            using 1:($2 / panel_divisor[p]) with lines ls i notitle, \
        for [i = 1:nr_curves] $curves index first_index + 2 * i - 1 \
            using 1:($2 / panel_divisor[p]) with points ls i dt solid notitle
}
load plots . "legend.gp"
unset multiplot
