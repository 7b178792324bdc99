#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Peak memory of replays.

    memory.py COMMAND ALLOTROPE TRACE...

COMMAND is the program that runs a command and reports its peak: this one is too large itself, and
a process inherits the peak of the one that started it.

The stack null has no machine: its peak is what the tool itself needs, whose target is at most
64 MiB whatever the length of the trace. What other stacks need beyond it are the pages that their
machine touches: user pages are handed out but have no content, and take no memory of the host.
Asserts nothing.
"""

import pathlib
import re
import subprocess
import sys

TARGET = 64
STACKS = ("null", "table+vm", "radix+hybrid", "radix+direct")


def peak(command, allotrope, trace, stack):
    done = subprocess.run([command, "1", "-", "0", "0", allotrope, "replay", "--stack", stack, "--",
                           trace], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{trace}: {stack}: status {done.returncode}")
    return float(re.search(r"peak memory, ([0-9.]+) MiB", done.stdout)[1])


def main(command, allotrope, traces):
    for trace in traces:
        for stack in STACKS:
            mib = peak(command, allotrope, trace, stack)
            target = f"at most {TARGET} MiB" if stack == "null" else "-"
            print(f"{pathlib.Path(trace).name}: peak memory of {stack}, {mib:.1f} MiB, {target}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
