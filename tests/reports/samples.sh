#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# Results for the tests of reports: one small trace, two stacks, a line each, with all there is.
#
#   samples.sh ALLOTROPE TEXT OUTPUT

set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

"$1" trace text --parse -o "$folder/small.trace" "$2"
"$1" replay --json --latency every --work --repeat 7 --stack radix+hybrid,table+vm \
    "$folder/small.trace" > "$3" 2> "$folder/warnings" || {
    cat "$folder/warnings" >&2
    exit 1
}
