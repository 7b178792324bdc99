#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

"""radix+hybrid beside the machine code of Debian's i386 kernels.

Usage: against.py ALLOTROPE FETCH FOLDER KERNEL TRACE...
       against.py ALLOTROPE FETCH FOLDER KERNEL --random FIRST-SEED NUMBER START-TRACE

The first form replays each trace through both; they must grant the same and have the same counts at
every look. The second makes NUMBER random traces that begin as START-TRACE does, and on Debian 12's
kernel, which START-TRACE is of, every address, name and free block must be the same too.
"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
EVENTS = 4000


def kernel(fetch, folder, name):
    """The path of the kernel, fetched if need be; skips when it cannot be had."""
    path = pathlib.Path(folder) / name / "gnumach"
    if not path.exists():
        result = subprocess.run([fetch, "--to", folder, name], stdout=subprocess.DEVNULL,
                                check=False)
        if result.returncode == 75:
            print(f"*** SKIPPED, AND SO UNTESTED: replays through {name}, which cannot be fetched")
            sys.exit(77)
        if result.returncode != 0:
            sys.exit(result.returncode)
    return f"gnumach:{path}"


def against(allotrope, image, trace):
    """What the comparison said, and whether both are the same as far as that is demanded."""
    result = subprocess.run([allotrope, "replay", "--against", image, "--stack", "radix+hybrid",
                             trace], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def random_trace(allotrope, start, seed, path):
    text = subprocess.run([sys.executable, HERE / "random_trace.py", start, str(seed), str(EVENTS)],
                          capture_output=True, check=True).stdout
    subprocess.run([allotrope, "trace", "text", "--parse", "-o", path], input=text, check=True)


def random(allotrope, image, exact, first, number, start_trace):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        start, trace = f"{folder}/start", f"{folder}/random.trace"
        with open(start, "wb") as file:
            subprocess.run([allotrope, "trace", "text", start_trace], stdout=file, check=True)
        for seed in range(first, first + number):
            random_trace(allotrope, start, seed, trace)
            status, said = against(allotrope, image, trace)
            if status != 0 or (exact and "agree in everything" not in said):
                print(f"seed {seed}: status {status}: {said}")
                failed += 1
    print(f"seeds {first} to {first + number - 1}, {EVENTS} events each: {failed} differ")
    return failed


def main(arguments):
    if len(arguments) < 5:
        sys.exit(__doc__)
    allotrope, fetch, folder, name = arguments[:4]
    image = kernel(fetch, folder, name)
    if arguments[4] == "--random":
        sys.exit(random(allotrope, image, name == "debian12-i386", int(arguments[5]),
                        int(arguments[6]), arguments[7]) != 0)
    failed = 0
    for trace in arguments[4:]:
        status, said = against(allotrope, image, trace)
        print(f"{trace}: status {status}: {said}")
        failed += status != 0
    sys.exit(failed != 0)


if __name__ == "__main__":
    main(sys.argv[1:])
