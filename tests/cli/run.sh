#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# Runs command-line cases and compares what came out, to the byte.
#
#   run.sh [--update] ALLOTROPE CASES
#
# CASES is a file of cases, run one after the other in one empty folder of their own:
#
#   # a comment
#   $ allotrope trace info missing.trace    a case: a line for bash; $data is tests/cli/data,
#                                           $source the project's folder
#   > text                                  a line it writes to the standard output
#   2> text                                 ... to the standard error
#   = 1                                     its exit status, if it is not 0
#   + small.trace                           a file it leaves; - small.trace: one it takes away
#   ? root                                  a condition (before `$`): the case is skipped unless
#                                           `tmpfs` (we may mount one) or `limits` (the program
#                                           runs in 4 GiB of address space) holds
#
# After every case the folder must hold what it held before and what the case says, so that a file
# left by a command that failed is seen. A case that takes longer than a minute has failed.
# --update writes what came out into CASES instead: look at the difference before it is kept.

set -uo pipefail

update=false
if [[ ${1-} == --update ]]; then
    update=true
    shift
fi
[[ $# -eq 2 ]] || {
    echo "usage: run.sh [--update] ALLOTROPE CASES" >&2
    exit 2
}

allotrope=$(readlink -f -- "$1")
cases=$(readlink -f -- "$2")
data=$(cd -- "$(dirname -- "$0")/data" && pwd)
source=$(cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/bin" "$work/here" "$work/result"
ln -s "$allotrope" "$work/bin/allotrope"

export PATH=$work/bin:$PATH LC_ALL=C TZ=UTC data source
unset COLUMNS
cd "$work/here" || exit 2

new=$work/new
failures=0
ran=0
skipped=0

condition_holds() {
    case $1 in
    tmpfs) unshare -m mount -t tmpfs none /tmp 2> /dev/null ;;
    limits) bash -c 'ulimit -v 4194304; allotrope --version; exit $?' > /dev/null 2>&1 ;;
    *)
        echo "$cases: unknown condition $1" >&2
        exit 2
        ;;
    esac
}

listing() {
    find . -mindepth 1 \( -type d -printf '%P/\n' -o -printf '%P\n' \) | sort
}

# prefixed PREFIX FILE: the lines of a file as they stand in a case; a last line without its end is
# marked.
prefixed() {
    [[ ! -s $2 ]] || sed "s/^/$1 /; s/ \$//" "$2"
    if [[ -s $2 && $(tail -c 1 "$2" | wc -l) -eq 0 ]]; then
        printf '\n\\ no newline at the end\n'
    fi
}

# actual COMMAND: runs it and prints its outcome as a case.
actual() {
    local before after status

    before=$(listing)
    timeout --kill-after=5 60 bash -c "$1" > "$work/result/out" 2> "$work/result/err" < /dev/null
    status=$?
    after=$(listing)

    prefixed '>' "$work/result/out"
    prefixed '2>' "$work/result/err"
    [[ $status -eq 0 ]] || printf '= %d\n' "$status"
    comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$after") | sed '/^$/d; s/^/+ /'
    comm -23 <(printf '%s\n' "$before") <(printf '%s\n' "$after") | sed '/^$/d; s/^/- /'
}

# The case read so far: its command, the number of its line, what is expected, and whether to skip.
command=
command_line=0
expected=()
skip=false

finish_case() {
    local outcome difference

    [[ -n $command ]] || return 0
    if $skip; then
        skipped=$((skipped + 1))
        outcome=$(printf '%s\n' "${expected[@]}")
    else
        ran=$((ran + 1))
        outcome=$(actual "$command")
    fi

    if $update; then
        [[ -z $outcome ]] || printf '%s\n' "$outcome" >> "$new"
    elif ! $skip; then
        difference=$(diff -u --label expected --label actual \
            <(printf '%s\n' "${expected[@]}" | sed '/^$/d') <(printf '%s\n' "$outcome" | sed '/^$/d')) || {
            printf '%s:%d: %s\n%s\n' "$cases" "$command_line" "$command" "$difference"
            failures=$((failures + 1))
        }
    fi
    command=
    expected=()
    skip=false
}

number=0
while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    case $line in
    '$ '*)
        pending_skip=$skip
        [[ -z $command ]] || pending_skip=false
        finish_case
        skip=$pending_skip
        command=${line#'$ '}
        command_line=$number
        ;;
    '? '*)
        finish_case
        condition_holds "${line#'? '}" || skip=true
        ;;
    '#'* | '')
        finish_case
        ;;
    *)
        [[ -n $command ]] || {
            echo "$cases:$number: an expectation without a command" >&2
            exit 2
        }
        expected+=("$line")
        continue
        ;;
    esac
    printf '%s\n' "$line" >> "$new"
done < "$cases"
finish_case

if $update; then
    cp -- "$new" "$cases"
fi
printf '%d cases, %d failed, %d skipped\n' "$ran" "$failures" "$skipped"
[[ $failures -eq 0 && $ran -gt 0 ]]
