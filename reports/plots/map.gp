# SPDX-License-Identifier: GPL-2.0-or-later
#
# What lives where: an image whose rows are addresses and whose columns are events, or as text its
# letters.

load data
load plots . "style.gp"
load plots . "trace.gp"
load plots . "flags.gp"

unset grid
unset object
set tics scale 0.3
set yrange [rows:0]
if (dumb) {
    do for [i = 1:rows] {
        set label 3000 + i lines[i] at graph 0, first i - 0.5 left offset character 1, 0
    }
    do for [i = 1:nr_words] {
        set label 4000 + i words[i] at screen left, graph 0 left offset 0, character -3 - i
    }
    plot NaN with points
} else {
    do for [i = 1:nr_gaps] {
        set object i rectangle from graph 0, first gap_top[i] to graph 1, first gap_top[i] + gap_rows[i] \
            front fillcolor rgb "#f0000000" fillstyle solid noborder
        set label 2000 + i gap_text[i] at graph 0.5, first gap_top[i] + gap_rows[i] / 2.0 \
            center front font font_small
    }
    set border 15
    set multiplot
    # For SVG the program puts the image into what gnuplot has drawn, and gives it another, of two
    # times two pixels, to take the place of it.
    image_rows = rows
    if (exists("stand_in")) {
        image = stand_in
        columns = 2
        image_rows = 2
    }
    dx = 1.0 * (last_event - first_event) / columns
    dy = 1.0 * rows / image_rows
    plot image binary filetype=png dx=dx dy=dy origin=(first_event + dx / 2, dy / 2) flipy \
            with rgbalpha
    load plots . "legend.gp"
    unset multiplot
}
