#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped recipes are what the commands of docs/workload.md make of the shipped traces.

   refit.py ALLOTROPE SOURCE

Runs every `allotrope workload fit` of the page that writes into workloads/ and compares, to the
byte. A recipe file that no such command makes must say at its top that it is by hand.
"""

import pathlib
import shlex
import subprocess
import sys
import tempfile

EXE, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])


def commands():
    page = (SOURCE / "docs" / "workload.md").read_text().replace("\\\n", " ")
    for line in page.splitlines():
        if line.startswith("    allotrope workload fit"):
            words = shlex.split(line)
            output = words.index("-o") + 1
            path = pathlib.Path(words[output])
            if path.parent.name == "workloads":
                yield path, words[1:output], words[output + 1:]


def main():
    failures = []
    made = set()
    with tempfile.TemporaryDirectory() as folder:
        fresh = pathlib.Path(folder) / "recipes.yaml"
        for shipped, before, after in commands():
            made.add(shipped.name)
            subprocess.run([EXE, *before, fresh, *after], cwd=SOURCE, check=True)
            if fresh.read_bytes() != (SOURCE / shipped).read_bytes():
                failures.append(f"{shipped}: not what its command in docs/workload.md makes")
    for path in (SOURCE / "workloads").glob("*.recipes.yaml"):
        comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
        if path.name not in made and not any("by hand" in line for line in comments):
            failures.append(f"{path.name}: neither by hand nor made by a command in docs/workload.md")
    if len(made) < 4:
        failures.append(f"docs/workload.md has commands for {len(made)} recipe files, expected 4")
    print("\n".join(failures))
    sys.exit(bool(failures))


main()
