#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# --help is exact: each option that it names is accepted and stands in the manual page, and the page
# names no option that no help does.
#
#   help.sh ALLOTROPE DOCS COMMAND...        for example: help.sh build/allotrope docs 'trace info'
#
# The page of `trace info` is allotrope-trace-info.1 or, when there is none, allotrope-trace.1.

set -uo pipefail

allotrope=$1
docs=$2
shift 2
failures=0
declare -A pages # of the commands given
named=" "        # the options that some help names

fail() {
    echo "$*"
    failures=$((failures + 1))
}

# long_options: the names of all long options in a text, with their dashes.
long_options() {
    grep -o -E -- '(^|[^[:alnum:]-])--[a-z][a-z-]*' | grep -o -E -- '--[a-z-]+' | sort -u
}

page_of() {
    local name=allotrope${1:+-${1// /-}}

    while [[ ! -f $docs/$name.1 && $name == *-* ]]; do
        name=${name%-*}
    done
    printf '%s\n' "$docs/$name.1"
}

text_of() {
    mandoc -T utf8 -O width=200 "$1" | sed $'s/.\b//g'
}

for command; do
    read -r -a words <<< "$command"
    page=$(page_of "$command")

    if ! help=$("$allotrope" "${words[@]}" --help 2> /dev/null < /dev/null); then
        fail "$command --help: fails, or does not write to the standard output"
        continue
    fi
    [[ $help == Usage:* ]] || fail "$command --help: does not begin with \"Usage:\""
    too_wide=$(awk 'length > 100' <<< "$help")
    [[ -z $too_wide ]] || fail "$command --help: wider than 100 columns: $too_wide"
    [[ $("$allotrope" "${words[@]}" -h 2>&1) == "$help" ]] || fail "$command -h: not as --help"

    manual=$(text_of "$page")
    options=$(long_options <<< "$help")
    pages[$page]=1
    named+="$(paste -s -d ' ' <<< "$options") "
    for option in $options; do
        message=$(timeout 1 "$allotrope" "${words[@]}" "$option" 2>&1 < /dev/null)
        [[ $message != *unrecognized* && $message != *unknown\ option* && $message != *invalid\ option* ]] ||
            fail "$command --help names $option, which is not accepted: $message"
        grep -q -w -e "$option" <<< "$manual" ||
            fail "$command --help names $option, which is not in ${page##*/}"
    done
done

for page in "${!pages[@]}"; do
    while read -r option; do
        [[ $named == *" $option "* ]] ||
            fail "${page##*/} names $option, which no --help does"
    done < <(text_of "$page" | long_options)
done

[[ $failures -eq 0 ]]
