#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# A kernel image replays a trace: twice with the same result, checked, and with what is to be seen in
# it. Usage: twice.sh ALLOTROPE FETCH FOLDER KERNEL TRACE [TRUTH]
# TRUTH: the counters of the captured kernel, its names and the rest must be met.

set -uo pipefail

allotrope=$1 fetch=$2 folder=$3 kernel=$4 trace=$5 truth=${6-}

if [[ ! -f $folder/$kernel/gnumach ]]; then
    "$fetch" --to "$folder" "$kernel" > /dev/null || {
        status=$?
        [[ $status -eq 75 ]] || exit "$status"
        echo "*** SKIPPED, AND SO UNTESTED: replays through $kernel, which cannot be fetched"
        exit 77
    }
fi

image=gnumach:$folder/$kernel/gnumach
exact() {
    "$allotrope" replay --stack "$image" --json "$@" "$trace" |
        python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["exact"], indent=1))'
}

once=$(exact) && again=$(exact --latency every) || exit 1
"$allotrope" replay --stack "$image" --check "$trace" > /dev/null || exit 1
if [[ $once != "$again" || -z $once ]]; then
    echo "two replays of $trace through $kernel differ:"
    diff <(printf '%s\n' "$once") <(printf '%s\n' "$again")
    exit 1
fi

if [[ -n $truth ]]; then
    for keys in own captured; do
        said=$("$allotrope" replay --stack "$image" --truth --keys $keys "$trace") || {
            printf '%s\n' "$said"
            exit 1
        }
    done
    printf '%s\n' "$said"
fi
