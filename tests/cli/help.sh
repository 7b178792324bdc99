#!/usr/bin/env bash
# --help is exact: of every command, each option that --help names is accepted and stands in a
# manual page, and each that stands in the manual page of the command is named by --help.
#
#   help.sh ALLOTROPE DOCS COMMAND...        for example: help.sh build/allotrope docs 'trace info'

set -uo pipefail

allotrope=$1
docs=$2
shift 2
failures=0

fail() {
    echo "$*"
    failures=$((failures + 1))
}

# long_options: the names of all options in a text, with their dashes.
long_options() {
    grep -o -E -- '(^|[^[:alnum:]-])--[a-z][a-z-]*' | grep -o -E -- '--[a-z-]+' | sort -u
}

for command; do
    read -r -a words <<< "$command"

    if ! help=$("$allotrope" "${words[@]}" --help 2> /dev/null < /dev/null); then
        fail "$command --help: fails, or does not write to the standard output"
        continue
    fi
    [[ $help == [Uu]sage:* ]] || fail "$command --help: does not begin with \"Usage:\""
    too_wide=$(awk 'length > 100' <<< "$help")
    [[ -z $too_wide ]] || fail "$command --help: wider than 100 columns: $too_wide"

    page=$docs/allotrope${command:+-${words[*]/%/}}.1
    page=${page// /-}
    if [[ ! -f $page ]]; then
        fail "$command: no manual page ${page##*/}"
        continue
    fi
    manual=$(mandoc -T utf8 -O width=200 "$page" | sed $'s/.\b//g')

    while read -r option; do
        message=$("$allotrope" "${words[@]}" "$option" 2>&1 < /dev/null)
        [[ $message != *unrecognized* && $message != *unknown\ option* && $message != *invalid\ option* ]] ||
            fail "$command --help names $option, which is not accepted: $message"
        grep -q -F -w -e "$option" <<< "$manual" ||
            fail "$command --help names $option, which is not in ${page##*/}"
    done < <(long_options <<< "$help")

    while read -r option; do
        grep -q -F -w -e "$option" <<< "$help" ||
            fail "${page##*/} names $option, which is not in $command --help"
    done < <(long_options <<< "$manual")
done

[[ $failures -eq 0 ]]
