#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# The pages hang together: docs/README.md leads to every page, no link of a page leads nowhere, the
# manual page of replay has a word on every column of the table, docs/stacks.md on everything that
# `allotrope stacks` lists, and the captured traces have as many events as their page says.
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

# The names of the columns.
table=$("$allotrope" replay --stack null "$source"/traces/captured/historical/*exhaust.trace |
    sed -n '4p')
columns=$(tr -s ' ' '\n' <<< "$table" | sort -u)
[[ $(wc -w <<< "$columns") -ge 12 ]] || fail "the table's columns are not found: $table"
output=$(sed -n '/^\.Sh OUTPUT/,/^\.Sh EXIT/p' "$source/docs/allotrope-replay.1")
for column in $columns; do
    grep -q -w -F -e "$column" <<< "$output" ||
        fail "allotrope-replay.1 has no word on the column $column"
done

listed=$("$allotrope" stacks | awk 'NF && $1 !~ /^[A-Z]+$/ { print $1 }')
[[ $(wc -w <<< "$listed") -ge 18 ]] || fail "allotrope stacks lists too little: $listed"
for name in $listed; do
    grep -q -E "(\`|^### )${name//+/\\+}(\`| |$)" "$source/docs/stacks.md" ||
        fail "docs/stacks.md does not tell of $name"
done

# Three digits and a space, as the page writes numbers.
while read -r trace; do
    events=$("$allotrope" trace info "$trace" | awk '$1 == "all" { print $2 }' |
        sed -E ':a; s/([0-9])([0-9]{3})($| )/\1 \2\3/; ta')
    row=$(grep -F "\`${trace##*/}\`" "$source/traces/captured/README.md")
    grep -q -F "| $events |" <<< "$row" ||
        fail "traces/captured/README.md does not say that ${trace##*/} has $events events"
done < <(find "$source/traces/captured" -name '*.trace')

[[ $failures -eq 0 ]]
