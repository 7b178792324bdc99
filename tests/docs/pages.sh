#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# The pages hang together: docs/README.md leads to every page, no link of a page leads nowhere, and
# the manual page of replay has a word on every column of the table.
#
#   pages.sh ALLOTROPE SOURCE

set -uo pipefail

allotrope=$1
source=$2
failures=0

fail() {
    echo "$*"
    failures=$((failures + 1))
}

for page in "$source"/docs/*; do
    name=${page##*/}
    [[ $name == README.md ]] || grep -q -F "($name)" "$source/docs/README.md" ||
        fail "docs/README.md has no link to $name"
done

for page in "$source"/README.md "$source"/docs/*.md "$source"/traces/captured/*.md; do
    while read -r link; do
        [[ $link == *://* || -e ${page%/*}/${link%%#*} ]] ||
            fail "${page#"$source"/}: a link to $link, which is not there"
    done < <(grep -o -E '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//')
done

# The names of the columns, one line above the other in the table.
table=$("$allotrope" replay --stack null "$source"/traces/captured/historical/*exhaust.trace |
    sed -n '4,5p')
columns=$(tr -s ' -' '\n' <<< "$table" | grep '[a-z]' | sed 's/^Mev$/Mev\/s/; /^\/s$/d' | sort -u)
[[ $(wc -w <<< "$columns") -ge 12 ]] || fail "the table's columns are not found: $table"
for column in $columns; do
    sed -n '/^\.Sh OUTPUT/,/^\.Sh EXIT/p' "$source/docs/allotrope-replay.1" | grep -q -w -F -e "$column" ||
        fail "allotrope-replay.1 has no word on the column $column"
done

[[ $failures -eq 0 ]]
