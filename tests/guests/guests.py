#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a guest on a GNU Mach kernel under QEMU and looks at the phases that it announces.

    guests.py FETCH FOLDER KERNEL GUEST [OPTION]... -- MARK... [-- LINE]

QEMU and the KERNEL (a name of traces/capture/fetch) are fetched into FOLDER. The machine must come
to its end by itself, with these marks and no others on its console, and print the LINE; by default, every
OPTION. It is skipped where the packages cannot be had, and says so.
"""

import pathlib
import re
import subprocess
import sys

SKIP = 77
UNAVAILABLE = 75
# Never reached by a guest that works: an emulator that hangs must not hang the test.
HANGS = 300


def fetch(script, folder, kernel):
    run = subprocess.run([script, "--to", folder, "qemu", kernel], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode == UNAVAILABLE:
        print("*** SKIPPED, AND SO UNTESTED: the guests were not booted.\n*** " + run.stderr)
        sys.exit(SKIP)
    if run.returncode:
        sys.exit(f"fetch: {run.stderr}")
    return run.stdout.split("\n")[:2]


def boot(qemu, kernel, guest, options):
    """What the console showed, or None if the machine did not come to its end."""
    module = " ".join([guest, *options, "host-port=${host-port}", "$(task-create)", "$(task-resume)"])
    command = [qemu, "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-m", "64",
               "-kernel", kernel, "-append", "console=com0", "-initrd", module]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=HANGS)
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b""), "did not end"
    return run.stdout, "" if run.returncode == 0 else f"ended with status {run.returncode}"


def main():
    script, folder, kernel, guest = sys.argv[1:5]
    parts = [[]]
    for argument in sys.argv[5:]:
        if argument == "--":
            parts.append([])
        else:
            parts[-1].append(argument)
    options, marks = parts[0:2]
    lines = parts[2] if len(parts) > 2 else options

    qemu, image = fetch(script, folder, kernel)
    console, failure = boot(qemu, image, guest, options)
    console = console.decode("latin-1").replace("\r", "")
    seen = re.findall(r"^mark: (.*)$", console, re.MULTILINE)
    name = pathlib.Path(guest).name
    unsaid = [line for line in lines if f"\n{name}: {line}\n" not in console]
    if failure or seen != marks or unsaid:
        print(console)
        sys.exit(f"{name} on {kernel}: {failure}; marks {seen}, expected {marks}; unsaid {unsaid}")


main()
