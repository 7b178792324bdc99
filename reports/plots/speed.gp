# SPDX-License-Identifier: GPL-2.0-or-later
#
# Wall times as bars. $median: row, median, and the ends of its interval; $replays: row and time of
# each.

if (!exists("plots")) plots = "reports/plots/"
load data
load plots . "style.gp"

set label 1000 picture_title at screen 0.5, screen title_y center noenhanced font font_title
unset grid
if (!dumb) {
    set grid xtics lc rgb "#d0000000" lt 1 lw 0.75
}
set yrange [nr_stacks + 0.6:0.4]
set xrange [0:most_ns * 1.02 / 1e6]
set xlabel "milliseconds" offset 0, xlabel_offset
unset ytics
set border 1
do for [i = 1:nr_stacks] {
    set label i stack_name[i] at graph 0, first i right offset character -0.8, 0 noenhanced
}
if (dumb) {
    plot $median using (0):1:($2 / 1e6):(0) with vectors nohead, \
        $median using ($2 / 1e6):1:(sprintf("%.1f", $2 / 1e6)) with labels left offset character 1, 0
} else {
    plot for [i = 1:nr_stacks] $median every ::i - 1::i - 1 \
            using ($2 / 1e6 / 2):1:($2 / 1e6 / 2):(0.32) with boxxyerror fc rgb stack_colour[i], \
        $replays using ($2 / 1e6):1 with points pt 7 ps 0.35 lc rgb "#60000000", \
        for [i = 1:has_interval] $median using ($2 / 1e6):1:($3 / 1e6):($4 / 1e6) \
            with xerrorbars pt -1 lw 1.5 lc rgb "black", \
        $median using (most_ns / 1e6):1:(sprintf("%.1f", $2 / 1e6)) \
            with labels left font font_label offset character 1.5, 0
}
