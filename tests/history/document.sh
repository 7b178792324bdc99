#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# docs/history.md is what `allotrope history` prints, to the byte.
#
#   document.sh ALLOTROPE SOURCE            all of it, and its limits: 400 lines
#   document.sh ALLOTROPE SOURCE CHAPTER    one chapter of it

set -uo pipefail

allotrope=$1
source=$2
chapter=${3-}
document=$source/docs/history.md
options=(--traces "$source/traces/captured")
[[ -z $chapter ]] || options+=(--only "$chapter")

# shown: the document, or its chapter: from its heading to the next.
shown() {
    if [[ -z $chapter ]]; then
        cat "$document"
    else
        awk -v heading="^## $chapter\\\\." '/^## / { on = $0 ~ heading } on' "$document"
    fi
}

[[ -n $(shown) ]] || {
    echo "$document: there is no chapter $chapter in it"
    exit 1
}

made=$("$allotrope" history "${options[@]}" && echo .) || exit 1
diff -u --label "$document" --label 'allotrope history' <(shown) <(printf '%s' "${made%.}") ||
    exit 1

lines=$(wc -l < "$document")
[[ $lines -lt 400 ]] || {
    echo "$document: $lines lines, more than a mail has room for"
    exit 1
}
