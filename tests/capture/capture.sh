#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# Captures a guest on a kernel, twice: the trace must hold against every counter of the kernel when
# it is replayed through the kernel's own design, and the second trace must be the same bytes.
# Usage: capture.sh ALLOTROPE FETCH FOLDER KERNEL GUEST ARGUMENT...

set -uo pipefail

allotrope=$(realpath -- "$1")
fetch=$2
fetched=$3
kernel=$4
guest=$(realpath -- "$5")
shift 5

skip() {
    echo "*** SKIPPED, AND SO UNTESTED: captures of $kernel: $*"
    exit 77
}

paths=$("$fetch" --to "$fetched" qemu "$kernel") || {
    status=$?
    [[ $status -ne 75 ]] || skip "the packages cannot be fetched from Debian's archive"
    exit "$status"
}
mapfile -t paths <<< "$paths"
[[ $kernel != *-amd64 ]] || paths[0]=${paths[0]/qemu-system-i386/qemu-system-x86_64}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

fail() {
    printf '%s\n' "$@"
    exit 1
}

# capture FOLDER: makes trace and log there, with the same command line wherever it is.
capture() {
    mkdir "$folder/$1"
    ln -s "$guest" "$folder/$1/guest"
    ln -s "${paths[0]}" "$folder/$1/qemu"
    ln -s "${paths[1]}" "$folder/$1/kernel"
    (cd "$folder/$1" &&
        "$allotrope" capture --qemu ./qemu --kernel kernel \
            --module "guest ${arguments[*]} \$(task-create) \$(task-resume)" --until done \
            --timeout 200 --truth-every 20000 --keep-log log -q -o trace)
}

arguments=("$@")
capture first || fail "the capture ended with status $?"
"$allotrope" trace check "$folder/first/trace" || fail "the trace is not whole"
info=$("$allotrope" trace info "$folder/first/trace") || fail "the trace cannot be looked at"
grep -q '^ended: mark done$' <<< "$info" ||
    fail "the trace does not tell that it ended at the mark"

# 0: every counter agrees; the table says how many there were.
"$allotrope" replay --truth --keys captured "$folder/first/trace" > "$folder/truth" ||
    fail "the replay differs from the kernel:" "$(< "$folder/truth")"
grep -E 'truth: 0 of [0-9]{3,} counters at [0-9]+ points differ' "$folder/truth" ||
    fail "too few counters to tell anything:" "$(< "$folder/truth")"

# The kept log gives the same trace by itself.
"$allotrope" trace import -q "$folder/first/log" -o "$folder/again" || fail "the kept log is bad"
cmp "$folder/first/trace" "$folder/again" || fail "the kept log makes another trace"

capture second || fail "the second capture ended with status $?"
cmp "$folder/first/log" "$folder/second/log" || fail "a second log differs"
cmp "$folder/first/trace" "$folder/second/trace" || fail "a second trace differs"
