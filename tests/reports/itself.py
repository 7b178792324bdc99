#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

# How often `compare` cries wolf: a trace is replayed N + 1 times by as many processes, and each
# result is compared with the next, which is of the same thing. Figures as the other benchmarks
# have them: rows of times that were called different, in percent, and comparisons with any.
#
#   itself.py ALLOTROPE TRACE [N]

import json
import subprocess
import sys
import tempfile


def main():
    allotrope, trace = sys.argv[1:3]
    times = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    rows = different = comparisons = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(times + 1):
            command = [allotrope, "replay", "--latency", "sampled", "--repeat", "11", "--sample", "off"]
            command += ["--stack", "table+vm,radix+hybrid", "-o", f"{folder}/{i}", trace]
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        for i in range(times):
            command = [allotrope, "compare", "--json", f"{folder}/{i}", f"{folder}/{i + 1}"]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            any_different = False
            for pair in json.loads(output)["pairs"]:
                if pair["exact"]:
                    sys.exit(f"what is exact differs: {pair['exact'][0]}")
                for row in pair["measured"]:
                    rows += 1
                    different += row["significant"]
                    any_different |= row["significant"]
            comparisons += any_different
    print(f"rows of times of a run compared with itself {times} times, {rows}, -")
    print(f"of these called different percent, {100 * different / rows:.2f}, 5")
    print(f"comparisons with any such row, {comparisons}, -")


main()
