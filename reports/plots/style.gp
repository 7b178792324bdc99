# SPDX-License-Identifier: GPL-2.0-or-later
#
# What all plots share. The terminal is chosen before: black is the colour of the foreground, which
# the page and the viewer turn into their own, so lines that should stand back are black and
# transparent. left, right, top and bottom are of the plot, as parts of the picture; both are the
# data file's, which knows how wide its labels are.

set border 3 lc rgb "black" lw 0.75
set tics nomirror out scale 0.5
set lmargin at screen left
set rmargin at screen right
set tmargin at screen top
set bmargin at screen bottom
if (!dumb) {
    set grid ytics lc rgb "#d0000000" lt 1 lw 0.75
}
set key noautotitle
set style fill solid noborder
