# SPDX-License-Identifier: GPL-2.0-or-later

# What ./run and ./check share. Sourced by bash; expects $root, the folder of the project.
# shellcheck shell=bash disable=SC2154

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# packages_of WHO...: the names of the packages that any of them needs.
packages_of() {
    local name who command wanted

    while read -r name who command; do
        [[ -z $command || $name == '#'* ]] || ! command -v "$command" > /dev/null || continue
        for wanted; do
            [[ $name == '#'* || $who != "$wanted" ]] || printf '%s\n' "$name"
        done
    done < "$root/.ci/packages"
}

packages_missing() {
    local name

    for name; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2> /dev/null) == installed ]] ||
            printf '%s\n' "$name"
    done
}

# packages_install WHO...: makes sure that they are there; says nothing when they are.
packages_install() {
    local -a names missing apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)

    if ! command -v dpkg-query > /dev/null; then
        say "this is not a Debian system, the packages are yours to provide:" \
            "$(packages_of "$@" | paste -s -d ' ')"
        return
    fi

    mapfile -t names < <(packages_of "$@")
    mapfile -t missing < <(packages_missing "${names[@]}")
    [[ ${#missing[@]} -gt 0 ]] || return 0

    if [[ $EUID -ne 0 ]]; then
        command -v sudo > /dev/null ||
            die "missing packages, and neither root nor sudo to install them:" \
                "run as root: apt-get install ${missing[*]}"
        apt=(sudo "${apt[@]}")
    fi

    say "installing ${missing[*]}"
    { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >&2 ||
        die "cannot install packages; by hand: apt-get install ${missing[*]}"
}

# npm_install: what opens the report page in a browser is in no Debian release. It is installed to
# build/npm, in just the versions of the lock file, and once. Without it the test is skipped.
npm_install() {
    local from=$root/tests/reports/page to=$root/build/npm log

    [[ ! -f $to/installed ]] || ! cmp -s "$from/package-lock.json" "$to/installed" || return 0
    rm -rf -- "$to"
    mkdir -p -- "$to"
    cp -- "$from/package.json" "$from/package-lock.json" "$to"
    say "installing $to"
    if log=$(cd -- "$to" && npm ci --ignore-scripts --no-audit --no-fund 2>&1); then
        cp -- "$from/package-lock.json" "$to/installed"
    else
        say "cannot install what opens the report page, its test will be skipped: ${log##*$'\n'}"
    fi
}

# One at a time in this tree: two builds in one folder spoil each other.
lock() {
    exec {lock_fd}< "$root"
    if command -v flock > /dev/null && ! flock -n "$lock_fd"; then
        say "waiting for another ./run or ./check in $root"
        flock "$lock_fd"
    fi
}

# files_digest: changes when a file that a build is configured from comes, goes or moves.
files_digest() {
    find "$root" -path "$root/build*" -prune -o -path "$root/.git" -prune -o \
        \( -name '*.c' -o -name '*.cases' -o -name '*.events*' -o -name '*.trace' \) -printf '%P\n' |
        sort | cksum
}

# configure FOLDER COMPILER OPTION...: configures once; again when the options, the files or the
# place of the tree are other ones, or when the last time was interrupted. What was fetched from
# Debian (traces/capture/fetch) and from npm outlives that.
configure() {
    local folder=$root/$1 compiler=$2 stamp log

    shift 2
    stamp="$root $compiler $* $(files_digest)"
    if [[ -f $folder/build.ninja && -f $folder/configured && $(< "$folder/configured") == "$stamp" ]]; then
        return
    fi

    if [[ -d $folder ]]; then
        find "$folder" -mindepth 1 -maxdepth 1 ! -name debian ! -name npm -exec rm -rf {} +
    fi
    if ! log=$(CC=$compiler meson setup "$folder" "$root" "$@" 2>&1); then
        printf '%s\n' "$log" >&2
        return 1
    fi
    printf '%s\n' "$stamp" > "$folder/configured"
}

# build FOLDER TARGET...: silent unless it fails.
build() {
    local folder=$root/$1 log

    shift
    if ! log=$(ninja -C "$folder" "$@" 2>&1); then
        grep -v -E '^(\[[0-9]+/[0-9]+\]|ninja: Entering)' <<< "$log" >&2
        return 1
    fi
}
