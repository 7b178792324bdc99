# SPDX-License-Identifier: GPL-2.0-or-later
#
# Slabs by how full they are: bars, with their figures. $bars: a block for each panel, of which row 0
# is the empty slabs, 1 to 10 those of each tenth, 11 the full ones.

if (!exists("plots")) plots = "reports/plots/"
load data
load plots . "style.gp"

set label 1000 picture_title at screen 0.5, screen title_y center noenhanced font font_title
set xrange [-0.6:11.6]
set boxwidth 0.8
unset grid
set xtics out scale 0 ("empty" 0, "0-10 %%" 1, "" 2, "20-30 %%" 3, "" 4, "40-50 %%" 5, "" 6, \
    "60-70 %%" 7, "" 8, "80-90 %%" 9, "" 10, "full" 11)
set ylabel "slabs"

set multiplot
do for [p = nr_panels:1:-1] {
    set tmargin at screen panel_top[p]
    set bmargin at screen panel_bottom[p]
    set yrange [0:panel_high[p]]
    set label 1001 panel_title[p] at graph 0.5, screen panel_top[p] center noenhanced font font_label \
        offset 0, character (dumb ? 1 : 0.8)
    set xlabel (p == nr_panels ? "part of its buffers that a slab has handed out" : "") \
        offset 0, xlabel_offset
    plot $bars index p - 1 using 1:2 with boxes fc rgb "#00a962", \
        $bars index p - 1 using 1:($2 > 0 ? $2 : NaN):(sprintf("%.0f", $2)) \
            with labels font font_small offset 0, character 0.6
    unset label 1000
}
unset multiplot
