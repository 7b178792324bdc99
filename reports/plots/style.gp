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
unset key
set style fill solid noborder

# Sizes are pixels with svg and points with the others.
font_unit = GPVAL_TERM eq "svg" ? 1 : 0.75
font_small = sprintf(",%g", 10 * font_unit)
font_label = sprintf(",%g", 11 * font_unit)
font_title = sprintf(",%g", 13 * font_unit)
