#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures a guest that reads and writes a disk.

    disk.py ALLOTROPE FETCH FOLDER KERNEL GUEST

The guest says what it read, as a sum that is computed here from the image; the image is not changed
unless that is asked for, and then it holds what the guest says that it wrote. The trace holds against
every counter of the kernel. Captures that replay what one recorded are the same bytes.
"""

import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SKIP = 77
UNAVAILABLE = 75
BLOCKS = 200
BLOCK = 4096
IMAGE_BLOCKS = 4096
ROUNDS = 150


def fail(*text):
    sys.exit("\n".join(str(line) for line in text))


def fetch(script, folder, kernel):
    run = subprocess.run([script, "--to", folder, "qemu", kernel], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode == UNAVAILABLE:
        print("*** SKIPPED, AND SO UNTESTED: captures with a disk.\n*** " + run.stderr)
        sys.exit(SKIP)
    if run.returncode:
        fail(run.stderr)
    return run.stdout.split("\n")[:2]


def sum_of(image):
    """As the guest computes it: of each block a polynomial of its words, all added."""
    total = 0
    for block in range(BLOCKS):
        data = image[block * BLOCK:(block + 1) * BLOCK]
        value = 0
        for at in range(0, BLOCK, 4):
            value = (value * 31 + int.from_bytes(data[at:at + 4], "little")) & 0xffffffff
        total += value
    return total & 0xffffffff


class Captures:
    def __init__(self, allotrope, qemu, kernel, guest):
        self.command = [os.path.abspath(allotrope), "capture", "--qemu", qemu, "--kernel", kernel,
                        "--module", f"{os.path.abspath(guest)} device-port=${{device-port}} "
                        f"blocks={BLOCKS} rounds={ROUNDS} seed=7 $(task-create) $(task-resume)",
                        "--until", "done", "--timeout", "200", "--truth-every", "2000", "--console",
                        "--disk", "image", "-o", "trace", "--keep-log", "log"]
        self.allotrope = self.command[0]

    def run(self, *options):
        """The two sums that the guest said."""
        done = subprocess.run([*self.command, *options], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        sums = re.findall(r"sum ([0-9a-f]+) ", done.stdout)
        if done.returncode or len(sums) != 2:
            fail(f"capture {options}: status {done.returncode}", done.stdout)
        return [int(text, 16) for text in sums]

    def check(self):
        done = subprocess.run([self.allotrope, "replay", "--truth", "--keys", "captured", "trace"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode or not re.search(r"truth: 0 of [0-9]{3,} counters", done.stdout):
            fail("the replay differs from the kernel", done.stdout)


def main(allotrope, script, fetched, kernel, guest):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    image = random.Random(seed).randbytes(IMAGE_BLOCKS * BLOCK)
    captures = Captures(allotrope, *fetch(script, fetched, kernel), guest)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        file = pathlib.Path("image")
        file.write_bytes(image)

        first = captures.run("--record", "record")
        if first[0] != sum_of(image):
            fail(f"the guest read {first[0]:x}, the image has {sum_of(image):x}")
        captures.check()
        again = []
        for _ in range(2):
            captures.run("--replay", "record")
            again.append([pathlib.Path(name).read_bytes() for name in ("trace", "log")])
        if again[0] != again[1]:
            fail("two replays of one record make other bytes")
        if file.read_bytes() != image:
            fail("the image has changed, though that was not asked for")

        written = captures.run("--write-disk")
        captures.check()
        if file.read_bytes() == image:
            fail("--write-disk: the image has not changed")
        if written != [first[0], sum_of(file.read_bytes())] or written != first:
            fail(f"--write-disk: the guest said {written}, read before {first}, "
                 f"the image has {sum_of(file.read_bytes()):x}")
        os.chdir("/")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
