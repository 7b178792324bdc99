#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# Bad workloads and bad recipes: each is refused with the sentence that stands in bad/expected, and
# nothing is written. good.yaml, of which the others are made, must be fine.
#
#   bad.sh ALLOTROPE FOLDER [--update]

set -uo pipefail

allotrope=$(realpath "$1")
cd "$2" || exit 1
update=${3:-}
failures=0
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

for workload in *.yaml; do
    said=$("$allotrope" generate "$workload" -o "$folder/made.trace" 2>&1)
    status=$?
    if [[ $workload == good.yaml ]]; then
        [[ $status -eq 0 && -z $said && -f $folder/made.trace ]] || {
            echo "good.yaml: exit status $status: $said"
            failures=$((failures + 1))
        }
        rm -f "$folder/made.trace"
        continue
    fi
    printf '%s: %s\n' "$workload" "$said" >> "$folder/said"
    if [[ $status -ne 1 || $(find "$folder" -type f | wc -l) -ne 1 ]]; then
        echo "$workload: exit status $status, or something was written"
        rm -f "$folder/made.trace"
        failures=$((failures + 1))
    fi
done

if [[ $update == --update ]]; then
    cp "$folder/said" expected
elif ! diff -u expected "$folder/said"; then
    failures=$((failures + 1))
fi
[[ $failures -eq 0 ]]
