# SPDX-License-Identifier: GPL-2.0-or-later
#
# Free memory as stacked areas. $areas: event, then sums from the largest blocks on. The highest
# area is drawn first and the others over it.

if (!exists("plots")) plots = "reports/plots/"
load data
load plots . "style.gp"
load plots . "trace.gp"

area_style = dumb ? "lines lt i" : "filledcurves y1=0 fc rgb area_colour[i]"
set multiplot
do for [p = 2:1:-1] {
    if (p == 1) {
        load plots . "flags.gp"
        unset xtics
        unset xlabel
    }
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set yrange [0:panel_high[p]]
    set ylabel panel_label[p] offset 0.5, 0
    plot for [i = nr_areas:p:-1] $areas \
            using 1:((column(1 + i) - (p == 1 ? 0 : column(2))) / panel_divisor[p]) \
            with @area_style
}
load plots . "legend.gp"
unset multiplot
