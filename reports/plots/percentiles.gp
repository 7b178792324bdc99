# SPDX-License-Identifier: GPL-2.0-or-later
#
# Distributions of calls, x = 1/(1-p). $curves: for each panel and stack a block of the line, then
# one of the markers on it.

load data
load plots . "style.gp"

set logscale xy
set xtics scale 0.5 ("0" 1, "90" 10, "99" 1e2, "99.9" 1e3, "99.99" 1e4, "99.999" 1e5, "" 1e6, "" 1e7)
set format y "%.0s%c"
if (dumb) {
    set xtics ("0" 1, "90" 10, "99" 1e2, "99.9" 1e3, "4 nines" 1e4)
}
if (!dumb) {
    set grid xtics ytics lc rgb "#d0000000" lt 1 lw 0.75
}
if (zero > 0) {
    set ytics add ("0" zero)
}
set label 1000 picture_title at screen 0.5, screen title_y center noenhanced font font_title

set multiplot
do for [p = nr_panels:1:-1] {
    set lmargin at screen panel_left[p]
    set rmargin at screen panel_right[p]
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set xrange [1:panel_calls[p]]
    set yrange [panel_low[p]:panel_high[p]]
    set label 1001 panel_title[p] at graph 0.5, screen panel_top[p] center noenhanced font font_label \
        offset 0, character (dumb ? 1 : 0.8)
    set ylabel value_label offset 0, 0
    set xlabel (p > nr_panels - 2 ? "percent of calls, which take at most so much" : "") offset 0, xlabel_offset
    first_index = 2 * nr_curves * (p - 1)
    plot for [i = 1:nr_curves] $curves index first_index + 2 * i - 2 using 1:2 with lines ls i, \
        for [i = 1:nr_curves] $curves index first_index + 2 * i - 1 using 1:2 \
            with points ls i dt solid
    unset label 1000
}

load plots . "legend.gp"
unset multiplot
