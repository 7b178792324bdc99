#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later

# What is no kernel image, or none that can be run: one exact sentence each, and status 1 or 2.
# Usage: errors.sh ALLOTROPE TRACE INCOMPLETE STRIPPED WITHOUT-DWARF OTHER FETCH FOLDER

set -uo pipefail

allotrope=$(realpath -- "$1") trace=$(realpath -- "$2")
incomplete=$(realpath -- "$3") stripped=$(realpath -- "$4") bare=$(realpath -- "$5")
other=$(realpath -- "$6") fetch=$7 fetched=$8
failed=0
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd "$folder" || exit 1

# expect STATUS TEXT ARGUMENT...: the replay ends so, with a last line that has the text in it.
expect() {
    local status=0 wanted=$1 text=$2 said

    shift 2
    said=$("$allotrope" replay "$@" 2>&1 > /dev/null) || status=$?
    if [[ $status -ne $wanted || $said != *"$text"* || $said == *$'\n'* ]]; then
        printf 'replay %s: status %d, expected %d with "%s": %s\n' "$*" "$status" "$wanted" "$text" "$said"
        failed=1
    fi
}

echo "no kernel" > text
printf '\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03half' > half.gz
for name in incomplete stripped bare other; do
    cp -- "${!name}" "$name"
done
# The same file for another machine: e_machine is at byte 18.
cp incomplete machine
printf '\x28\x00' | dd of=machine bs=1 seek=18 conv=notrunc status=none

expect 2 'gnumach: expected the path of a kernel behind the colon, or debian12,' --stack gnumach: "$trace"
expect 2 './missing: cannot open the kernel: No such file or directory' --stack gnumach:./missing "$trace"
expect 2 'expected a kernel, found something other than a file' --stack gnumach:. "$trace"
expect 2 'text: this is no kernel: expected an ELF file, plain or compressed with gzip' --stack gnumach:text "$trace"
expect 2 'half.gz: cannot read the kernel: the compressed data is damaged or cut short' --stack gnumach:half.gz "$trace"
expect 2 'machine: a program for another machine (ELF machine 40): expected i386 or amd64' --stack gnumach:machine "$trace"
expect 2 'stripped: the kernel has no symbols: expected one that was not stripped' --stack gnumach:stripped "$trace"
expect 2 'other: this is not GNU Mach' --stack gnumach:other "$trace"
expect 2 'bare: the kernel has no debugging information (DWARF)' --stack gnumach:bare "$trace"
expect 2 'incomplete: GNU Mach 0.test is linked at its physical address' --stack gnumach:incomplete "$trace"
expect 2 '--against is of a kernel image, "gnumach:" and a path or short name, "radix+vm" was given' --against radix+vm "$trace"
[[ $failed -eq 0 ]] || exit 1

for kernel in debian12-i386 debian12-amd64 debian13-amd64; do
    [[ -f $fetched/$kernel/gnumach ]] || "$fetch" --to "$fetched" "$kernel" > /dev/null || {
        status=$?
        [[ $status -eq 75 ]] || exit "$status"
        echo "*** SKIPPED, AND SO UNTESTED: errors of kernel images that need Debian's kernels"
        exit 77
    }
done

i386=gnumach:$fetched/debian12-i386/gnumach amd64=gnumach:$fetched/debian12-amd64/gnumach
expect 2 'is linked at ffffffff8100c000, in the half of the address space that is the host' \
    --stack "gnumach:$fetched/debian13-amd64/gnumach" "$trace"
expect 1 'cannot start on 4096 KiB of memory: it takes 32 MiB at least' --stack "$i386" --memory 4M "$trace"
expect 1 'cannot have 4096 MiB of memory' --stack "$amd64" --geometry amd64 --memory 4G "$trace"

# A kernel that was built for more processors than one.
python3 - "$fetched/debian12-i386/gnumach" smp << 'END'
import struct, sys
image = bytearray(open(sys.argv[1], "rb").read())
header = struct.unpack_from("<16sHHIIIIIHHHHHH", image)
sections = [struct.unpack_from("<10I", image, header[6] + i * header[11]) for i in range(header[12])]
table = next(s for s in sections if s[1] == 2)
names = sections[table[6]]
for at in range(table[4], table[4] + table[5], 16):
    name, value, size = struct.unpack_from("<III", image, at)
    start = names[4] + name
    if image[start:image.index(b"\0", start)] == b"active_threads":
        struct.pack_into("<I", image, at + 8, 16)
open(sys.argv[2], "wb").write(image)
END
expect 2 'was built for 4 processors: expected a kernel for one' --stack gnumach:smp "$trace"
exit "$failed"
