#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# The picture that README.md opens with is what the commands draw, to the byte.
#
#   picture.sh [--update] ALLOTROPE SOURCE

set -euo pipefail

update=false
if [[ $1 == --update ]]; then
    update=true
    shift
fi
allotrope=$1
picture=$2/docs/kernel-map.svg

# Others place labels elsewhere.
version=$(gnuplot --version 2> /dev/null) || version=none
[[ $version == 'gnuplot 5.4 '* ]] || {
    echo "skipped: the picture was drawn by gnuplot 5.4, and there is: $version"
    exit 77
}

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
"$allotrope" replay --stack table+vm -o "$work" \
    "$2/traces/captured/historical/table+vm-1.5-exhaust.trace" > "$work/log"
"$allotrope" plot kernel-map "$work"/*.json > "$work/picture"
if $update; then
    cp -- "$work/picture" "$picture"
else
    cmp "$work/picture" "$picture"
fi
