#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# How traces/capture/fetch ends where it cannot do its work, and that it leaves nothing behind then.
# Needs no network: what it asks is a port that nobody listens at.

set -uo pipefail

fetch=$1
failed=0
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

# expect STATUS PATTERN ARGUMENT...: runs it; it must end so, with a last line that matches.
expect() {
    local status=0 wanted=$1 pattern=$2 last

    shift 2
    last=$("$fetch" --to "$folder/there" "$@" 2>&1 < /dev/null) || status=$?
    last=${last##*$'\n'}
    if [[ $status -ne $wanted || ! $last =~ $pattern ]]; then
        printf 'fetch %s: status %d, %s\n' "$*" "$status" "$last"
        failed=1
    fi
}

expect 1 '^fetch: hurd: nothing of this name to fetch: see --help$' qemu hurd
expect 1 '^fetch: --from: no such option: see --help$' --from x
expect 1 '^fetch: --mirror needs a value$' --mirror

if command -v apt-get > /dev/null && [[ -r /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
    nobody=http://127.0.0.1:1/debian
    expect 75 "^fetch: cannot get Debian's package lists from $nobody: .*refused" --mirror "$nobody"
    expect 75 "^fetch: cannot get the package list of sid-i386 from $nobody: .*refused" --mirror="$nobody" sid-i386

    # What is there is not asked for again.
    mkdir -p "$folder/there/debian13-i386"
    touch "$folder/there/debian13-i386/gnumach"
    expect 0 "^$folder/there/debian13-i386/gnumach\$" --mirror "$nobody" debian13-i386
    left=$(find "$folder/there" -mindepth 1 ! -name .lock ! -path '*/debian13-i386*')
    if [[ -n $left ]]; then
        printf 'left behind: %s\n' "$left"
        failed=1
    fi
fi

# Every name of the help is one.
for name in $("$fetch" --help | sed -n 's/^  \([a-z][a-z0-9-]*\) .*/\1/p; s/^  \([a-z0-9]*-[a-z0-9]*\)$/\1/p'); do
    [[ $name != qemu ]] || continue
    mkdir -p "$folder/all/$name"
    touch "$folder/all/$name/gnumach"
    if [[ $("$fetch" --to "$folder/all" "$name" < /dev/null) != "$folder/all/$name/gnumach" ]]; then
        printf 'not a name: %s\n' "$name"
        failed=1
    fi
done
[[ $(find "$folder/all" -name gnumach | wc -l) -eq 6 ]] || failed=1

exit "$failed"
