#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

# What the report takes.
#
#   measure.py memory ALLOTROPE LOG      a test: 200 results take no more memory than those of one
#                                        trace
#   measure.py time ALLOTROPE TRACE...   a benchmark: the page of traces on all stacks

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

SETS = 25  # of 8 results
SLACK = 8192  # KiB


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def report(allotrope, folder, page):
    """Seconds, KiB of the largest process, bytes of the page."""
    start = time.monotonic()
    process = subprocess.Popen([allotrope, "report", "-q", "-o", page, folder])
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"report of {folder}: status {status}")
    return time.monotonic() - start, usage.ru_maxrss, os.path.getsize(page)


def copies(source, target, number):
    """Writes the results of SOURCE under NUMBER names of traces."""
    os.mkdir(target)
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), encoding="utf-8") as file:
            result = json.load(file)
        for i in range(number):
            again = copy.copy(result)
            again["provenance"] = copy.deepcopy(result["provenance"])
            again["provenance"]["trace"]["name"] = f"copy-{i:02}"
            with open(os.path.join(target, f"{i:02}-{name}"), "w", encoding="utf-8") as file:
                json.dump(again, file)


def memory(allotrope, log):
    with tempfile.TemporaryDirectory() as folder:
        trace, one, all_, page = (os.path.join(folder, n) for n in ("small.trace", "one", "all", "page"))
        run(allotrope, "trace", "import", "-q", log, "-o", trace)
        run(allotrope, "replay", "--stack", "all", "--latency", "every", "-o", one, trace)
        copies(one, all_, SETS)
        few, many = report(allotrope, one, page), report(allotrope, all_, page)

    print(f"{few[1]} KiB for the results of one trace, {many[1]} KiB for those of {SETS}")
    if many[1] > few[1] + SLACK:
        sys.exit("memory grows with the number of results")


def benchmark(allotrope, traces):
    with tempfile.TemporaryDirectory() as folder:
        results, page = os.path.join(folder, "results"), os.path.join(folder, "page")
        run(allotrope, "replay", "--stack", "all", "--latency", "every", "--work", "-o", results, *traces)
        nr = len(os.listdir(results))
        seconds, kib, size = min(report(allotrope, results, page) for _ in range(3))

    print(f"report of {nr} results, {seconds:.1f} s, below 20")
    print(f"report of {nr} results, {kib / 1024:.1f} MiB, -")
    print(f"page of {nr} results, {size / 1048576:.2f} MiB, below 5")


if shutil.which("gnuplot") is None:
    print("skipped: there is no gnuplot; ./check installs it")
    sys.exit(77)
if sys.argv[1] == "memory":
    memory(*sys.argv[2:])
else:
    benchmark(sys.argv[2], sys.argv[3:])
