#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# The same log gives the same trace, and the same trace the same result, to the byte: again and
# again, with addresses randomized or not, under another heap fill, and from every executable.
#
#   run.sh LOG TRACE... -- ALLOTROPE...
#
# The log is imported, and what comes of it is replayed, as are the traces; some of the shipped
# workloads are generated, small. The first executable is run several times; all are compared with
# its first run. What is measured is no part of it.

set -euo pipefail

workloads=$(readlink -f -- "$(dirname -- "$0")/../../workloads")
log=$(readlink -f -- "$1")
shift
traces=()
while [[ $1 != -- ]]; do
    traces+=("$(readlink -f -- "$1")")
    shift
done
shift
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
failures=0

# sums LABEL COMMAND...: everything that must be equal, one file or part of a result on a line.
# COMMAND is the executable, perhaps behind a program that starts it.
sums() {
    local folder=$work/$1 made result

    shift
    mkdir "$folder"
    "$@" trace import -q "$log" -o "$folder/imported.trace"
    "$@" trace text "$folder/imported.trace" > "$folder/imported.txt"
    for made in untar-rm:0.05 build:0.1 port-storm:0.1 week:0.005 varmail:0.005 sparse-names:0.05; do
        "$@" generate "$workloads/${made%:*}.yaml" --scale "${made#*:}" \
            -o "$folder/${made%:*}.trace"
    done
    "$@" replay --stack all --truth --work -o "$folder" -- "$folder/imported.trace" "${traces[@]}" > /dev/null || [[ $? -eq 3 ]]
    for result in "$folder"/*.json; do
        python3 -c 'import json, sys
record = json.load(sys.stdin)
json.dump(record["exact"], sys.stdout, indent=1)' < "$result" > "$result.exact"
        rm "$result"
    done
    (cd "$folder" && sha256sum -- *)
}

# same LABEL COMMAND...: compares with the first run.
same() {
    if ! sums "$@" > "$work/$1.sums"; then
        echo "$1: failed"
        failures=$((failures + 1))
    elif ! diff "$work/first.sums" "$work/$1.sums"; then
        echo "$1: differs from the first run of $first"
        failures=$((failures + 1))
    fi
    rm -rf "${work:?}/$1"
}

first=$1
shift
sums first "$first" > "$work/first.sums"
results=$(grep -c '\.exact$' "$work/first.sums" || true)
[[ $results -gt 1 ]] || {
    echo "only $results results: is --stack all accepted?"
    exit 1
}

same again "$first"
# Fresh memory filled with other values shows what is read before it is written.
same heap-fill env MALLOC_PERTURB_=165 "$first"
if setarch -R true 2> /dev/null; then
    same fixed-addresses setarch -R "$first"
else
    echo "skipped: addresses cannot be fixed here"
fi
number=0
for executable; do
    number=$((number + 1))
    same "executable-$number" "$executable"
done

printf '%d results of %d runs compared, %d runs differ\n' "$results" $((number + 3)) "$failures"
[[ $failures -eq 0 ]]
