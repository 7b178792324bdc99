#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

"""Native stack against a kernel's own machine code: nanoseconds a call, by kind of event.

Usage: benchmark.py ALLOTROPE IMAGE REPEAT TRACE...     for example
       tests/image/benchmark.py build/allotrope gnumach:debian12-i386 5 traces/captured/storm.trace

Prints a table in Markdown: of each kind of event the number of calls, and of both the mean time of the
fastest 99 % of the calls, less the clock's floor, over all repetitions, which take turns.
"""

import json
import subprocess
import sys

NATIVE = "radix+hybrid"


def mean(record, kind):
    """The calls of a kind over all size classes: their number and the mean time of the fastest 99 %,
    for in the rest are the interruptions."""
    classes = record["measured"]["latency"]["kinds"].get(kind, [])
    buckets = sorted(tuple(bucket) for c in classes for bucket in c["buckets"])
    calls = sum(count for _, count in buckets)
    left, total = calls - calls // 100, 0.0
    kept = left
    for ns, count in buckets:
        taken = min(count, left)
        total += ns * taken
        left -= taken
    return calls, total / kept if kept else 0.0


def table(allotrope, image, repeat, trace):
    said = subprocess.run([allotrope, "replay", "--stack", f"{NATIVE},{image}", "--latency", "every",
                           "--repeat", repeat, "--json", trace], capture_output=True, text=True,
                          check=True).stdout
    native, kernel = (json.loads(line) for line in said.splitlines())
    print(f"| {trace.rsplit('/', 1)[-1]} | calls | `{NATIVE}`, ns | kernel's code, ns | ratio |")
    print("|---|---:|---:|---:|---:|")
    for kind in sorted(native["measured"]["latency"]["kinds"]):
        calls, own = mean(native, kind)
        _, other = mean(kernel, kind)
        if calls < 100 * int(repeat):
            continue
        print(f"| {kind} | {calls // int(repeat)} | {own:.1f} | {other:.1f} | "
              f"{own / other if other else 0:.2f} |")
    print()


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    for path in sys.argv[4:]:
        table(sys.argv[1], sys.argv[2], sys.argv[3], path)
