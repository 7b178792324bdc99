#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the real kernels were measured to hold, beside what `allotrope limits` finds.

    measured.py ALLOTROPE STACK MEMORY=RIGHTS...

Each count must be the measured one exactly; the reason must be the kernel's, too. The figures are
given by tests/limits/meson.build and not read from the program, which knows them only to show them.
"""

import json
import subprocess
import sys

# How each kernel ended: what its log or its messages told.
ENDS = {
    "table+vm": {"request": "name", "cause": "fragmentation", "resource": "kmem_map",
                 "requested": 4300800, "free": 74407936, "largest": 4128768, "pieces": 41,
                 "waits_for_ever": False},
    "radix+vm": {"request": "port", "cause": "exhaustion", "resource": "kmem_map",
                 "requested": 4096, "free": 0, "waits_for_ever": False},
    "radix+buddy": {"cause": "reserve", "resource": "pages", "requested": 4096,
                    "waits_for_ever": True},
    "radix+hybrid": {"cause": "reserve", "resource": "DIRECTMAP", "requested": 4096,
                     "waits_for_ever": True},
}

# Pages that were free then, where it was told.
PAGES_FREE = {("table+vm", "64M"): 9172, ("table+vm", "128M"): 25299}


def main():
    allotrope, stack = sys.argv[1:3]
    expected = dict(argument.split("=") for argument in sys.argv[3:])
    done = subprocess.run([allotrope, "limits", "--json", "--only", "rights", "--stack", stack,
                           "--memory", ",".join(expected)], stdout=subprocess.PIPE, text=True,
                          check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    bad = len(found) != len(expected)
    for line, (memory, rights) in zip(found, expected.items()):
        print(f"{stack} {memory}: {line['rights']} rights, the kernel held {rights}: "
              f"{line['rights_failure']['reason']}")
        bad |= line["rights"] != int(rights) or line["prediction"] is not False
        bad |= line["start"]["known"] != ("captured" if memory == "64M" else "model")
        bad |= line["rights_failure"]["pages_free"] != PAGES_FREE.get(
            (stack, memory), line["rights_failure"]["pages_free"])
        bad |= any(line["rights_failure"][key] != value for key, value in ENDS[stack].items())
    sys.exit(bad)


main()
