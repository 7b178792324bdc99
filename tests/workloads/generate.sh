#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# What is generated is a trace that every stack replays with every check, the same for the same
# seed, another one for another seed, and what it always was.
#
#   generate.sh ALLOTROPE SOURCE

set -euo pipefail

allotrope=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
failures=0

fail() {
    echo "$*"
    failures=$((failures + 1))
}

# trace FILE OPTION...: generates FILE from the rest.
trace() {
    local file=$1

    shift
    "$allotrope" generate -o "$work/$file" "$@"
    "$allotrope" trace check "$work/$file" > "$work/check"
}

digest() {
    "$allotrope" trace info "$work/$1" > "$work/info"
    sed -n 's/^digest: //p' "$work/info"
}

replays() {
    local out

    out=$("$allotrope" replay --stack all --check "$work/$1" 2>&1) ||
        fail "$1: a replay fails: $out"
    [[ $out == *"all 7 designs served every request"* ]] || fail "$1: something is refused: $out"
}

tiny=$source/tests/workloads/data/tiny.yaml

# Traces of the past can be made again: when these change, say why.
trace tiny.trace "$tiny"
[[ $(digest tiny.trace) == 030aa67e18e2ce37 ]] || fail "tiny: another digest: $(digest tiny.trace)"
replays tiny.trace

trace again.trace "$tiny"
cmp "$work/tiny.trace" "$work/again.trace" || fail "tiny: not the same twice"

# Into a pipe, too.
"$allotrope" generate "$tiny" -o - | cmp - "$work/tiny.trace" || fail "tiny: a pipe gets another"

seeds=" $(digest tiny.trace) "
for i in 1 2 3; do
    seed=$RANDOM$RANDOM
    trace seed.trace "$tiny" --seed "$seed"
    [[ $seeds != *" $(digest seed.trace) "* ]] || fail "seed $seed: the same trace as before"
    seeds+="$(digest seed.trace) "
    replays seed.trace || fail "seed $seed"
done

# The captured workloads, small and with their own start.
for name in untar-rm port-storm; do
    trace small.trace "$source/workloads/$name.yaml" --scale 0.1
    replays small.trace
done

exit $((failures != 0))
