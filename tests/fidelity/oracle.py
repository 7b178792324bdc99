#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Replays a trace through every stack under --check: whatever the design, the answers are the same.

    oracle.py ALLOTROPE TRACE

--check holds that every lookup of a name or of an object finds the right that was put there, that
no two objects overlap, that alignment holds and that contents survive. Beside that, this holds that
all stacks agree, at every mark and at the end, on how many spaces, rights and reverse keys live,
and at the end on the objects of each cache that only the trace asks for. A stack that had to
refuse something holds less, so its counts are no answer; at least one table and one radix tree
must be left to compare.
"""

import json
import subprocess
import sys

# A stack takes objects of these for itself: tables, entries and objects of kernel maps.
SHARED = ("ipc_port", "kalloc_", "pv_entry", "vm_map_entry", "vm_map_kentry", "vm_object")
COUNTS = ("spaces", "rights", "reverse_entries")


def replay(allotrope, trace):
    command = [allotrope, "replay", "--check", "--json", "--stack", "all", "--", trace]
    print("+", *command)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{trace}: status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def answers(exact):
    """What must not depend on the design, as a list of (what, value)."""
    for point in exact["marks"] + [exact["end"]]:
        for count in COUNTS:
            yield f"{count} at {point['name']}, event {point['event']}", point[count]
    for cache in exact["caches"]:
        if not cache["derived"] and not cache["name"].startswith(SHARED):
            yield f"objects of {cache['name']}", cache["objects"]


def main(allotrope, trace):
    records = {}
    for record in replay(allotrope, trace):
        stack, exact = record["provenance"]["stack"], record["exact"]
        refused = exact["refused"] or exact["skipped"]
        print(f"{stack['name']}: {'refused some' if refused else 'granted all'}")
        if stack["name"] != "null" and not refused:
            records[stack["name"]] = dict(answers(exact))
    for design in ("table+", "radix+"):
        if not any(name.startswith(design) for name in records):
            sys.exit(f"{trace}: no {design}* stack granted everything")

    (first, expected), *others = records.items()
    different = 0
    for name, found in others:
        for what in sorted(expected.keys() & found.keys()):
            if found[what] != expected[what]:
                different += 1
                print(f"{what}: {first} has {expected[what]}, {name} has {found[what]}")
    if different:
        sys.exit(f"{trace}: {different} answers differ")
    print(f"{len(records)} stacks agree on {len(expected)} answers")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
