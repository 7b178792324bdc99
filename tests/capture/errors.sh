#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# How captures fail: one sentence, the status, no trace, no process, no folder left.
# Usage: errors.sh ALLOTROPE PLUGIN KERNEL-WITHOUT-WHAT-IT-NEEDS STRIPPED WITHOUT-DWARF OTHER FETCH FOLDER

set -uo pipefail

allotrope=$(realpath -- "$1")
incomplete=$(realpath -- "$3")
stripped=$(realpath -- "$4")
bare=$(realpath -- "$5")
other=$(realpath -- "$6")
fetch=$7
fetched=$8
failed=0
folder=$(mktemp -d)
export TMPDIR=$folder/tmp
mkdir "$TMPDIR"
trap 'rm -rf -- "$folder"' EXIT
cd "$folder" || exit 1

# expect STATUS PATTERN ARGUMENT...: the command ends so, with one line that matches.
expect() {
    local status=0 wanted=$1 pattern=$2 said

    shift 2
    said=$("$allotrope" capture "$@" 2>&1 < /dev/null) || status=$?
    if [[ $status -ne $wanted || ! $said =~ $pattern || ($wanted -eq 1 && $said == *$'\n'*) ]]; then
        printf 'capture %s: status %d, expected %d: %s\n' "$*" "$status" "$wanted" "$said"
        failed=1
    fi
    if [[ $wanted -ne 3 && -e trace ]]; then
        printf 'capture %s: left a trace\n' "$*"
        failed=1
    fi
    rm -f trace
    if [[ -n $(ls "$TMPDIR") ]]; then
        printf 'capture %s: left %s\n' "$*" "$(ls "$TMPDIR")"
        failed=1
    fi
}

echo "no kernel" > text
printf '\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03half' > half.gz

expect 2 'no kernel is given' -o trace
expect 2 'no TRACE is given' --kernel text
expect 2 'such as 90 or 5m' --kernel text -o trace --timeout soon
expect 2 'whole MiB' --kernel text -o trace --memory 100
expect 2 'arguments of QEMU stand after --' --kernel text -o trace extra
expect 1 'missing: cannot open the kernel: No such file' --kernel missing -o trace
expect 1 'expected a kernel, found something other than a file' --kernel . -o trace
expect 1 'expected an ELF file, plain or compressed' --kernel text -o trace
expect 1 'damaged or cut short' --kernel half.gz -o trace
expect 1 'the kernel has no symbols' --kernel "$stripped" -o trace
expect 1 'this is not GNU Mach' --kernel "$other" -o trace
expect 1 'no debugging information' --kernel "$bare" -o trace
expect 1 "GNU Mach 0.test has no variable 'kernel_map'" --kernel "$incomplete" -o trace
[[ $failed -eq 0 ]] || exit 1

paths=$("$fetch" --to "$fetched" qemu debian12-i386) || {
    status=$?
    [[ $status -eq 75 ]] || exit "$status"
    echo "*** SKIPPED, AND SO UNTESTED: errors of captures that need a kernel and QEMU"
    exit 77
}
mapfile -t paths <<< "$paths"
good=(--kernel "${paths[1]}" --qemu "${paths[0]}" -o trace)

# fake NAME LINE...: a program in the place of QEMU that answers for its version.
fake() {
    local name=$1

    shift
    {
        echo '#!/bin/sh'
        printf '%s\n' "$@"
    } > "$name"
    chmod +x "$name"
}
version='[ "$1" != --version ] || { echo "QEMU emulator version 10.0.2"; exit 0; }'
fake old 'echo "QEMU emulator version 7.2.1 (Debian)"'
fake silent true
fake broken 'echo "broken: no such library" >&2' 'exit 127'
fake dying "$version" 'echo "qemu-system-i386: out of luck" >&2' 'exit 1'
fake killed "$version" 'kill -SEGV $$'
fake quiet "$version" 'exit 0'
# Programs that have the log, whose descriptor is an argument of the plugin.
log='for word; do log=${word##*,log=}; [ "$log" = "$word" ] || break; done'
say='eval "printf \"%b\" \"\$lines\" >&$log"'
fake cut "$version" "$log" 'lines="event-log 1\\n# kernel: GNU"' "$say" 'kill -KILL $$'
fake halved "$version" "$log" 'lines="event-log 1\\n12 0 kalloc - 10 = 20"' "$say" 'exit 0'
fake closed "$version" "$log" 'lines="event-log 1\\n"' "$say" 'eval "exec $log>&-"' 'exec sleep 100'
# More than fits in what lies between.
more='eval "yes \"\$line\" >&$log &"; wait'
fake babbling "$version" "$log" 'lines="event-log 1\\n"' "$say" 'line="12 0 kalloc 10 = 20"' "$more"
fake other_log "$version" "$log" 'line=hello' "$more"

expect 1 "cannot run './none': No such file.*needs QEMU 9.2" "${good[@]}" --qemu ./none
expect 1 "'./old' is QEMU 7.2.1: a capture needs 9.2 or newer" "${good[@]}" --qemu ./old
expect 1 'does not say which QEMU it is' "${good[@]}" --qemu ./silent
expect 1 'ended with status 127: broken: no such library' "${good[@]}" --qemu ./broken
expect 1 'QEMU ended with status 1 before the capture was over: out of luck' "${good[@]}" --qemu ./dying
expect 1 'QEMU ended with signal 11 .*it said nothing' "${good[@]}" --qemu ./killed
expect 1 'QEMU ended with status 0 before the capture was over' "${good[@]}" --qemu ./quiet
expect 1 'gone: cannot open the module' "${good[@]}" --module 'gone $(task-create)'
expect 1 'gone: cannot open the disk' "${good[@]}" --disk gone
expect 1 'no/trace: ' --kernel "${paths[1]}" --qemu "${paths[0]}" -o no/trace
expect 1 'gone.so: cannot use the plugin' "${good[@]}" --plugin gone.so
expect 1 'QEMU ended with status 1 before the capture was over: Could not load plugin .*text' \
    "${good[@]}" --plugin text
expect 1 'over: -no-such-option: invalid option$' "${good[@]}" -- -no-such-option
expect 1 'over: a capture observes one processor: expected -smp 1$' "${good[@]}" -- -smp 2
expect 1 'QEMU ended with signal 9 .*before the capture was over: it said nothing' "${good[@]}" --qemu ./cut
expect 1 'QEMU ended with status 0 before the capture was over' "${good[@]}" --qemu ./halved
expect 1 'the log broke off before the capture was over, though QEMU still ran' "${good[@]}" --qemu ./closed
expect 1 "the guest's event log:2: " "${good[@]}" --qemu ./babbling
expect 1 "the guest's event log:1: " "${good[@]}" --qemu ./other_log
expect 1 'dev/full: cannot write: No space left on device' "${good[@]}" --until never --timeout 3 -o /dev/full

# What the importer refuses can be looked at.
expect 1 '^allotrope: log:2: ' "${good[@]}" --qemu ./babbling --keep-log log
if [[ $(head -n 2 log) != $'event-log 1\n12 0 kalloc 10 = 20' ]]; then
    echo 'the log that was refused is not kept'
    failed=1
fi
rm -f log
expect 1 'signal 9' "${good[@]}" --qemu ./cut --keep-log log
if [[ -e log ]]; then
    echo 'half a log is left'
    failed=1
fi

head -c 1048576 /dev/zero > image
disk=("${good[@]}" --disk image)
expect 2 '^allotrope: --record without --disk' "${good[@]}" --record record
expect 2 '^allotrope: --replay without --disk' "${good[@]}" --replay record
expect 2 '^allotrope: --write-disk without --disk' "${good[@]}" --write-disk
expect 2 'expected one of them' "${disk[@]}" --record record --replay record
expect 2 'a recorded disk must stay the same' "${disk[@]}" --record record --write-disk
expect 1 'record: cannot open the record: No such file' "${disk[@]}" --replay record
expect 1 'over: Replay: invalid input log file version' "${disk[@]}" --replay image
expect 1 'no/record: ' "${disk[@]}" --record no/record
expect 1 'trace: the record would be one file with another output' "${disk[@]}" --record trace
expect 1 'image: it is read, and the output would replace it' "${disk[@]}" --replay image -o image
expect 1 'the log and the trace would be one file' "${good[@]}" --keep-log trace
expect 1 'the guest made no observed call' "${good[@]}" --timeout 1 -- -S
expect 3 'the guest panicked.*No bootstrap code' "${good[@]}"
expect 3 "the mark 'never' never came: time limit of 2 s" "${good[@]}" --until never --timeout 2

# Interrupted, it ends in order; killed, it leaves no QEMU.
"$allotrope" capture "${good[@]}" -q > said 2>&1 &
capture=$!
sleep 2
kill -INT "$capture"
wait "$capture"
status=$?
if [[ $status -ne 3 || ! -s trace ]] || ! grep -q 'interrupted by a signal' said; then
    printf 'interrupted: status %d, %s\n' "$status" "$(< said)"
    failed=1
fi
if [[ -n $(ls "$TMPDIR") ]]; then
    printf 'interrupted: left %s\n' "$(ls "$TMPDIR")"
    failed=1
fi
rm -f trace

# Nobody reads the trace.
status=0
"$allotrope" capture "${good[@]}" -q --until never --timeout 3 -o - 2> said | true
status=${PIPESTATUS[0]}
if [[ $status -ne 1 ]] || [[ $(< said) != *'Broken pipe' ]]; then
    printf 'unread: status %d, %s\n' "$status" "$(< said)"
    failed=1
fi

"$allotrope" capture "${good[@]}" --idle-ticks 0 -q -- -name "of $TMPDIR" > said 2>&1 &
capture=$!
sleep 2
kill -KILL "$capture"
wait "$capture" 2> /dev/null
for ((tries = 0; tries < 50; tries++)); do
    pgrep -f "$TMPDIR" > /dev/null || break
    sleep 0.1
done
if pgrep -f "$TMPDIR" > /dev/null; then
    echo 'a QEMU is left over'
    failed=1
fi
if [[ -e trace ]]; then
    echo 'killed: left a trace'
    failed=1
fi
exit "$failed"
