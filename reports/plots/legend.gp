# SPDX-License-Identifier: GPL-2.0-or-later
#
# The legend is a plot of its own, as wide as the picture: gnuplot makes that of a plot as wide as
# the plot. It is drawn after all panels of a multiplot.

unset label
unset arrow
unset object
unset tics
unset grid
unset border
unset xlabel
unset ylabel
unset logscale
set lmargin at screen 0.01
set rmargin at screen 0.99
set tmargin at screen bottom
set bmargin at screen key_bottom
set key at screen 0.5, screen key_bottom bottom center horizontal maxcols key_columns \
    samplen 3 spacing 1 width 0
if (nr_curves > 0 && nr_areas > 0) {
    plot [0:1] [0:1] for [i = 1:nr_areas] NaN with boxes lt i fc rgb area_colour[i] title area_name[i], \
        for [i = 1:nr_curves] NaN with linespoints ls i title curve_name[i]
}
if (nr_curves > 0 && nr_areas == 0) {
    plot [0:1] [0:1] for [i = 1:nr_curves] NaN with linespoints ls i title curve_name[i]
}
if (nr_curves == 0 && nr_areas > 0) {
    plot [0:1] [0:1] for [i = 1:nr_areas] NaN with boxes lt i fc rgb area_colour[i] title area_name[i]
}
