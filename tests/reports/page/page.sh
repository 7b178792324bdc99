#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# The report page, as a browser has it.
#
#   page.sh ALLOTROPE SOURCE MODULES          no fault is found
#   page.sh ALLOTROPE SOURCE MODULES faulty   faults that are put in are found, each of them
#
# MODULES is where ./check puts what comes from npm. The page is of few results that have all there
# is: repetitions, a stack that fails, one that does nothing, replays until failure, names that are
# markup.

set -euo pipefail

allotrope=$(readlink -f -- "$1")
source=$2
modules=$3
here=$(cd -- "$(dirname -- "$0")" && pwd)
exhaust=$source/traces/captured/historical/table+vm-1.5-exhaust.trace

skip() {
    echo "skipped: $*"
    exit 77
}

for command in node chromium xmllint gnuplot; do
    command -v "$command" > /dev/null || skip "there is no $command; ./check installs it"
done
[[ -d $modules ]] || skip "there is no $modules; ./check installs it"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work"
export HOME=$work TMPDIR=$work

"$allotrope" trace import -q "$source/tests/cli/data/small.events.zst" -o 'a<b>&"c".trace'
"$allotrope" replay --latency every --work --repeat 6 --stack table+vm,radix+hybrid,null -o results \
    'a<b>&"c".trace' > replay.log 2>&1
# 3: it differs from the captured kernel.
"$allotrope" replay --latency every --work --truth --stack table+vm,radix+hybrid,radix+direct -o results \
    "$exhaust" > replay.log 2>&1 || [[ $? -eq 3 ]]
"$allotrope" replay --until-failure shrink --stack radix+hybrid -o shrunk 'a<b>&"c".trace' > replay.log 2>&1
"$allotrope" report -q --title 'Test & <more>' -o report.html results shrunk

if [[ ${4-} != faulty ]]; then
    exec node "$here/page.js" "$modules" "$(command -v chromium)" report.html
fi

# One fault of each kind, and the words that must tell of it.
sed -e '0,/<main id="main">/s||&<script>console.log("noise")</script><div style="width:3000px">wide</div><p id="main" style="color:#888;background:#999">pale</p><img src="http://localhost:9/none.png">|' \
    -e '0,/<path d="[^"]*"/s|<path d="[^"]*"|<path bad d=""|' \
    -e '0,/<svg role="img" aria-labelledby="[^"]*"/s|<svg role="img" aria-labelledby="[^"]*"|<svg role="img" aria-labelledby="nothing"|' \
    -e '0,/class="skip"/s|class="skip"|class="skipped"|' report.html > faulty.html
# The last picture is of one colour.
perl -0pi -e 's|(.*<svg role="img"[^>]*>).*?(</svg>)|$1$2|s' faulty.html

status=0
node "$here/page.js" "$modules" "$(command -v chromium)" faulty.html > faults || status=$?
[[ $status -eq 1 ]] || {
    echo "a page with faults: exit status $status"
    cat faults
    exit 1
}
while read -r words; do
    grep -q -- "$words" faults || {
        echo "not found: $words"
        cut -c 1-200 faults
        exit 1
    }
done << 'END'
console: noise
asks for http://localhost:9/
pixels too wide
beyond the right edge: <div
axe, serious: color-contrast
axe, critical: image-alt
is empty:
a picture without words
the first stop of Tab is not the skip link
the page has a script
(no-dup-id)
xmllint:
END
