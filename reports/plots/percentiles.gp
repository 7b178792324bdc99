# SPDX-License-Identifier: GPL-2.0-or-later
#
# Distributions of calls, x = 1/(1-p). $curves: for each panel and stack a block of the line, then
# one of the markers on it.

load data
load plots . "style.gp"

set logscale xy
set key at screen 0.5, screen key_bottom bottom center horizontal maxcols key_columns \
    samplen 3 spacing 1 width 0
set xtics scale 0.5 ("0" 1, "90" 10, "99" 1e2, "99.9" 1e3, "99.99" 1e4, "99.999" 1e5, "" 1e6, "" 1e7)
set format y "%.0s%c"
if (!dumb) {
    set grid xtics ytics lc rgb "#d0000000" lt 1 lw 0.75
}
if (zero > 0) {
    set ytics add ("0" zero)
}
set label 1000 picture_title at screen 0.5, screen title_y center noenhanced font ",13"

set multiplot
do for [p = nr_panels:1:-1] {
    set lmargin at screen panel_left[p]
    set rmargin at screen panel_right[p]
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set xrange [1:panel_calls[p]]
    set yrange [panel_low[p]:panel_high[p]]
    set label 1001 panel_title[p] at graph 0.5, screen panel_top[p] center noenhanced font ",11" \
        offset 0, character 0.8
    set ylabel value_label offset 1, 0
    set xlabel (p > nr_panels - 2 ? "percent of calls, which take at most so much" : "") offset 0, xlabel_offset
    first_index = 2 * nr_curves * (p - 1)
    plot for [i = 1:nr_curves] $curves index first_index + 2 * i - 2 using 1:2 with lines ls i, \
        for [i = 1:nr_curves] $curves index first_index + 2 * i - 1 using 1:2 \
            with points ls i dt solid
    unset label 1000
}

# The legend is a plot of its own, as wide as the picture.
set lmargin at screen 0.01
set rmargin at screen 0.99
set bmargin at screen key_bottom
unset label
unset tics
unset grid
unset border
unset xlabel
unset ylabel
unset logscale
plot [0:1] [0:1] for [i = 1:nr_curves] NaN with linespoints ls i title curve_name[i]
unset multiplot
