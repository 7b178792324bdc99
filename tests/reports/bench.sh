#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# Benchmarks of whole processes, with the real hyperfine and valgrind: what they count is the same
# twice, the order of runs follows from the seed, and whatever the two say that is not understood
# is told. No time is asserted.
#
#   bench.sh ALLOTROPE TEXT

set -euo pipefail

allotrope=$(readlink -f -- "$1")
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
export TMPDIR=$folder/tmp
mkdir "$TMPDIR"

fail() {
    echo "$*"
    exit 1
}

trace="$folder/it's a \"small\".trace"
"$allotrope" trace text --parse -o "$trace" "$2"
stacks=table+vm,radix+hybrid,null

for i in 1 2; do
    "$allotrope" bench --runs 7 --warmup 0 --instructions --stack "$stacks" -o "$folder/$i.json" \
        "$trace" > "$folder/$i.txt" 2> "$folder/$i.warnings"
done
[[ $(wc -l < "$folder/1.txt") -eq 4 ]] || fail "not a row for each stack: $(< "$folder/1.txt")"
[[ -z $(ls "$TMPDIR") ]] || fail "left behind: $(ls "$TMPDIR")"

python3 - "$folder/1.json" "$folder/2.json" << 'END'
import json
import statistics
import sys

documents = [json.load(open(path, encoding="utf-8")) for path in sys.argv[1:]]
counts = []
for document in documents:
    assert document["schema"] == {"name": "allotrope-bench", "version": 1}
    assert document["provenance"]["runs"] == 7 and document["provenance"]["hyperfine"] != ""
    [trace] = document["traces"]
    assert trace["name"] == 'it\'s a "small"', trace["name"]
    assert [stack["name"] for stack in trace["stacks"]] == ["table+vm", "radix+hybrid", "null"]
    fastest = [stack for stack in trace["stacks"] if stack["fastest"]]
    assert len(fastest) == 1 and fastest[0]["name"] != "null"
    for stack in trace["stacks"]:
        times = stack["wall_ns_all"]
        wall = stack["wall_ns"]
        assert len(times) == 7 and min(times) > 0
        assert abs(wall["median"] - statistics.median(times)) <= 1e-5 * wall["median"]
        assert (wall["low"], wall["high"]) != (0, 0) and wall["confidence"] > 0.95
        if stack["fastest"]:
            assert stack["ratio_to_fastest"] is None
        else:
            ratios = [a / b for a, b in zip(times, fastest[0]["wall_ns_all"])]
            median = statistics.median(ratios)
            assert abs(stack["ratio_to_fastest"]["median"] - median) <= 1e-5 * median
    counts.append([stack["instructions"] for stack in trace["stacks"]])

assert min(counts[0]) > 100000, counts
print("instructions", *counts)
# What the loader does with the environment is counted too, and can differ by a few.
for first, second in zip(*counts):
    assert abs(first - second) <= first / 10000, counts
END

# ---- What is not understood ----

fake() {
    mkdir -p "$folder/bin"
    printf '#!/bin/bash\n%s\n' "$2" > "$folder/bin/$1"
    chmod +x "$folder/bin/$1"
}

says() {
    local expected=$1 said status=0

    shift
    said=$(PATH=$folder/bin:$PATH "$allotrope" bench --runs 1 --stack null "$@" "$trace" 2>&1) || status=$?
    [[ $status -eq 1 && $said == "allotrope: $expected" ]] ||
        fail "status $status, said \"$said\", expected \"$expected\""
    [[ -z $(ls "$TMPDIR") ]] || fail "left behind: $(ls "$TMPDIR")"
}

output='for i; do [[ $take ]] && file=$i; take=; [[ $i == --export-json ]] && take=1; done'
fake hyperfine '[[ $1 == --version ]] && exec echo fake 1; echo "no such option" >&2; exit 3'
says 'hyperfine: it fails with status 3: no such option'
fake hyperfine "[[ \$1 == --version ]] && exec echo fake 1; $output; echo '{}' > \"\$file\""
says "hyperfine's JSON: results is missing"
fake hyperfine "[[ \$1 == --version ]] && exec echo fake 1; $output; echo '{\"results\": [{\"times\": [1, 2], \"user\": 0, \"system\": 0}]}' > \"\$file\""
says "hyperfine's JSON: 2 times, expected that of one run"
fake hyperfine '[[ $1 == --version ]] && exec echo fake 1; kill -9 $$'
says 'hyperfine: ended by signal 9, Killed'
rm "$folder/bin/hyperfine"
fake valgrind '[[ $1 == --version ]] && exec echo fake 1; for i; do [[ $i == --cachegrind-out-file=* ]] && echo nothing > "${i#*=}"; done; true'
says 'valgrind: there is no summary in what cachegrind wrote' --instructions
