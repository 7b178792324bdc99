#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The start states that are compiled in are the beginnings of the captured traces, to the byte.

    starts.py ALLOTROPE TRACE TEXT

TEXT must be the text of TRACE from its first line, without the counters, as long as it goes.
"""

import subprocess
import sys


def lines_of(allotrope, trace, nr):
    text = subprocess.Popen([allotrope, "trace", "text", trace], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in text.stdout:
        if len(lines) == nr:
            break
        if line[0] != " " and " truth" not in line:
            lines.append(line)
    text.stdout.close()
    text.wait()
    return lines


def main():
    allotrope, trace, path = sys.argv[1:4]
    with open(path, encoding="utf-8") as file:
        start = file.readlines()
    captured = lines_of(allotrope, trace, len(start))
    if len(start) < 100:
        sys.exit(f"{path}: {len(start)} lines are no start")
    for number, (a, b) in enumerate(zip(start, captured), 1):
        if a != b:
            sys.exit(f"{path}: line {number} is\n{a}the trace has\n{b}")
    if len(captured) != len(start):
        sys.exit(f"{path}: longer than the trace")


main()
