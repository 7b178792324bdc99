#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine that can measure costs when it does not: at most 1 % more instructions than one
that is built without.

    overhead.py WITH WITHOUT TRACE

Both programs replay TRACE under cachegrind, whose count of instructions is the same in every run.
They must come to the same digest.
"""

import re
import shutil
import subprocess
import sys

MOST = 1.01


def count(program, trace, stack):
    """Instructions and digest of one replay."""
    done = subprocess.run(["valgrind", "--tool=cachegrind", "--cachegrind-out-file=/dev/null",
                           program, trace, stack], capture_output=True, text=True, check=False)
    found = re.search(r"I +refs: +([0-9,]+)", done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit(f"{program}: exit status {done.returncode}\n{done.stderr}")
    return int(found[1].replace(",", "")), done.stdout.strip()


def main():
    with_meter, without, trace = sys.argv[1:4]
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind")
        sys.exit(77)

    worst = 0
    for stack in ("null", "radix+hybrid"):
        here, digest = count(with_meter, trace, stack)
        there, other = count(without, trace, stack)
        ratio = here / there
        worst = max(worst, ratio)
        print(f"{stack}: {here} instructions, {there} without, ratio {ratio:.4f}, at most {MOST}")
        if digest != other:
            sys.exit(f"{stack}: digest {digest}, without {other}")
    sys.exit(worst > MOST)


main()
