#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

# A workload that the project ships, small: its trace passes `trace check` and replays with
# --check on the oldest design and on today's; the same seed gives the same bytes; another seed gives another trace that is alike by
# the bounds of mixes, sizes and lifetimes of docs/trace-compare.md.
#
#   personalities.py ALLOTROPE WORKLOAD SCALE

import filecmp
import json
import os
import subprocess
import sys
import tempfile

STACKS = "table+vm,radix+hybrid"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def far(phase):
    """What is further apart than chance and the bound allow."""
    found = []
    if min(phase["events"]) < 1000:
        return found
    if phase["kinds_l1"] > 0.1:
        found.append(f"kinds of events {phase['kinds_l1']}")
    if phase["sources_l1"] > 0.1:
        found.append(f"mix of caches {phase['sources_l1']}")
    for name, figures in phase["classes"].items():
        for key in ("sizes_ks", "lifetimes_time_ks"):
            # What one operation makes is made together: there are fewer samples than things. Pages,
            # of which a file has many, are the worst.
            if figures[key] > max(0.1, 6 * figures["chance"]):
                found.append(f"{key} of {name} {figures[key]}")
    return found


def main():
    allotrope, workload, scale = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        made = [os.path.join(folder, name + ".trace") for name in ("one", "again", "other")]
        for path, seed in zip(made, ("1", "1", "2")):
            run(allotrope, "generate", workload, "--scale", scale, "--seed", seed, "-o", path)
        run(allotrope, "trace", "check", made[0])
        run(allotrope, "replay", "--check", "--json", "--sample", "off", "--stack", STACKS, made[0])
        if not filecmp.cmp(made[0], made[1], shallow=False):
            sys.exit("the same seed gives other bytes")
        if filecmp.cmp(made[0], made[2], shallow=False):
            sys.exit("another seed gives the same bytes")
        alike = json.loads(run(allotrope, "trace", "compare", "--json", made[0], made[2]))
        if alike["only_a"] or alike["only_b"]:
            sys.exit(f"phases of one seed only: {alike['only_a']}, {alike['only_b']}")
        problems = [
            f"{phase['a']}: {what}" for phase in [alike["whole"]] + alike["phases"] for what in far(phase)
        ]
        for problem in problems:
            print(problem)
        print(f"{alike['a']['events']} and {alike['b']['events']} events, {len(alike['phases'])} phases")
        if problems:
            sys.exit("seeds are not alike")


main()
