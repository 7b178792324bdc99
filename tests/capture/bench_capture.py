#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a capture costs.

    bench_capture.py ALLOTROPE PLUGIN FETCH FOLDER GUEST

The storm of portstorm on Debian 12's i386 kernel, in rounds of five runs each, so that what is
compared is done at the same time:

  capture    as anybody does it: QEMU with the observer, and the import while it runs
  log        the same QEMU, its log thrown away by `cat`: without the import
  plain      the same QEMU without the observer

and the first and last again with a storm of no rights, which is the time to boot. Rates of calls and
slow-downs are of the storm alone: of the differences. The slow-down is of QEMU's processor time, on
which others of a busy machine have less influence. The importer is no bottleneck while it needs less
processor time than QEMU. Asserts nothing.
"""

import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

UNAVAILABLE = 75
SKIP = 77
ROUNDS = 3
RIGHTS = 50000
TARGET = 60000


def fetch(script, folder):
    run = subprocess.run([script, "--to", folder, "qemu", "debian12-i386"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if run.returncode == UNAVAILABLE:
        print("*** SKIPPED: QEMU and the kernel cannot be fetched")
        sys.exit(SKIP)
    if run.returncode:
        sys.exit(run.returncode)
    return run.stdout.split("\n")[:2]


def timed(command, **options):
    """Seconds, and seconds of processor time of the process and those that it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, **options)
    seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command}: status {done.returncode}: {done.stdout}{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stderr


class Runs:
    """QEMU is stood in for by a script that notes QEMU's command line and processor time."""

    def __init__(self, allotrope, plugin, qemu, kernel, guest):
        self.allotrope, self.kernel, self.guest = allotrope, kernel, guest
        self.plugin, self.qemu = plugin, qemu
        script = pathlib.Path("qemu")
        script.write_text(f"""#!/bin/bash
[[ $1 != --version ]] || exec {qemu} --version
here={os.getcwd()}
printf '%s\\0' "$@" > $here/words
rm -rf $here/kept
cp -rL . $here/kept
TIMEFORMAT='%U %S'
time {qemu} "$@" 2> $here/messages
""".replace(f"time {qemu}", f"{{ time {qemu}").replace("$here/messages\n",
                                                        "$here/messages; } 2> $here/times\n"))
        script.chmod(0o755)

    def module(self, rights):
        return f"{self.guest} rights={rights} host-port=${{host-port}} $(task-create) $(task-resume)"

    def capture(self, rights):
        """Seconds, calls, processor seconds of QEMU and of the rest."""
        seconds, processor, said = timed([self.allotrope, "capture", "--qemu", "./qemu", "--plugin",
                                          self.plugin, "--kernel", self.kernel, "--module",
                                          self.module(rights), "-o", "trace"])
        calls = int(re.search(r"^([0-9]+) calls", said, re.MULTILINE)[1])
        own = sum(float(word) for word in pathlib.Path("times").read_text().split()[-2:])
        return seconds, calls, own, processor - own

    def again(self, observed):
        """The last capture's QEMU by itself."""
        words = pathlib.Path("words").read_bytes().decode().split("\0")[:-1]
        at = words.index("-plugin")
        if observed:
            words[at + 1] = re.sub(r"log=[0-9]+", "log=1", words[at + 1])
        else:
            del words[at:at + 2]
        pathlib.Path("kept/console").unlink(missing_ok=True)
        script = 'set -o pipefail; "$@" | cat > /dev/null'
        return timed(["bash", "-c", script, "-", self.qemu, *words], cwd="kept")[:2]


def middle(values):
    values = sorted(values)
    return f"{statistics.median(values):.2f} ({values[0]:.2f} to {values[-1]:.2f})"


def main(allotrope, plugin, script, folder, guest):
    allotrope, plugin, guest = map(os.path.abspath, (allotrope, plugin, guest))
    qemu, kernel = fetch(script, folder)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        runs = Runs(allotrope, plugin, qemu, kernel, guest)
        rates, slower, imports, shares = [], [], [], []
        for _ in range(ROUNDS):
            empty, few, empty_own, empty_rest = runs.capture(0)
            boot = runs.again(False)
            whole, calls, own, rest = runs.capture(RIGHTS)
            log = runs.again(True)
            plain = runs.again(False)
            storm = whole - empty
            rates.append((calls - few) / storm)
            slower.append((own - empty_own) / max(plain[1] - boot[1], 1e-3))
            imports.append(whole / log[0])
            shares.append((rest - empty_rest) / (own - empty_own))
        os.chdir("/")

    print(f"storm: calls, {calls}, -")
    print(f"storm: captured end to end, {statistics.median(rates):.0f} calls/s "
          f"({min(rates):.0f} to {max(rates):.0f} over {ROUNDS} runs), at least {TARGET}")
    print(f"storm: QEMU with / without the observer, processor time ratio {middle(slower)}, -")
    print(f"storm: with import / log thrown away, time ratio {middle(imports)}, -")
    print(f"storm: import / QEMU with the observer, processor time ratio {middle(shares)}, below 1")
    print(f"boot: captured, {empty:.2f} s; without the observer, {boot[0]:.2f} s, -")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
