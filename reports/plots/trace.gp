# SPDX-License-Identifier: GPL-2.0-or-later
#
# The axis of a plot over the trace: events, with the phases between its marks as bands. The data
# file has set the tics. The names of the phases are flags.gp.

set xrange [first_event:last_event]
set xlabel "events of the trace" offset 0, xlabel_offset

if (nr_bands > 0 && !dumb) {
    do for [i = 1:nr_bands] {
        if (band_shade[i]) {
            set object i rectangle from band_begin[i], graph 0 to band_end[i], graph 1 \
                behind fillcolor rgb "#ec000000" fillstyle solid noborder
        }
    }
}
