# SPDX-License-Identifier: GPL-2.0-or-later

"""Runs a command on a file cut short, and with a bit flipped, at every STEP-th byte. It must fail
with status 1 and a sentence, or, when the damage cannot be seen, succeed as with the whole file.

    spoil.py FILE STEP COMMAND... [--may-succeed]
"""

import subprocess
import sys

may_succeed = sys.argv[-1] == "--may-succeed"
file, step, *command = sys.argv[1 : len(sys.argv) - may_succeed]
whole = open(file, "rb").read()
fine = {0, 1} if may_succeed else {1}


def run(label, content):
    with open("spoilt", "wb") as stream:
        stream.write(content)
    done = subprocess.run([*command, "spoilt"], capture_output=True, timeout=20)
    said = done.stderr.decode(errors="replace")
    if done.returncode not in fine:
        print(f"{label}: status {done.returncode}: {said}")
    elif done.returncode == 1 and not (said.startswith("allotrope: ") and said.count("\n") == 1):
        print(f"{label}: says {said!r}")


for at in range(0, len(whole), int(step)):
    run(f"cut at {at}", whole[:at])
    flipped = bytearray(whole)
    flipped[at] ^= 1 << (at // int(step)) % 8
    run(f"bit {(at // int(step)) % 8} of byte {at}", flipped)

subprocess.run(["rm", "-f", "spoilt"], check=True)
