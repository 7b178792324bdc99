#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How many rights a design holds, beside the kernel that it stands for.

    limits.py ALLOTROPE TRACE STACK MARK RIGHTS [MEMORY]

Takes the start of a captured TRACE, up to MARK, and lets the task that announced it allocate
receive rights (a port and a name each) until one is refused: the kernel of that capture, on the
same machine, went as far as RIGHTS, exactly. MEMORY is that of another machine.

With daemon=N after these, the page-out daemon runs when a thousand rights are left: it is not part
of a stack, but what it does is in a log. It gives back all free slabs and N stacks of kernel
threads, as the log of a Debian kernel under memory pressure shows it do.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile


def start_of(allotrope, trace, mark):
    """The lines of the trace up to the mark, without counters."""
    text = subprocess.Popen([allotrope, "trace", "text", trace], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in text.stdout:
        if line[0] == " " or " truth" in line:
            continue
        lines.append(line.rstrip())
        if line.rstrip().endswith(f" mark text={mark}"):
            break
    text.stdout.close()
    text.wait()
    return lines


def live(lines, cache):
    """Objects of CACHE, newest first."""
    objects = {}
    for line in lines:
        found = re.search(r" cache-(alloc|free) cache=(\d+) object=(\d+)", line)
        if found and found[2] == cache:
            if found[1] == "alloc":
                objects[found[3]] = True
            else:
                del objects[found[3]]
    return list(reversed(objects))


def storm(lines, rights, stacks):
    caches = {}
    highest = {"object": 0, "right": 0, "space": 0}
    time, task = 0, 0
    for line in lines:
        if line[0] == "#":
            continue
        time, task = line.split()[0:2]
        created = re.search(r" cache-create cache=(\d+) .*text=(\S+)", line)
        if created:
            caches[created[2]] = created[1]
        for key in highest:
            number = re.search(rf" {key}=(\d+)", line)
            if number:
                highest[key] = max(highest[key], int(number[1]))
    port, space, time = caches["ipc_port"], highest["space"], int(time)
    for i in range(rights + 1000):
        time += 1900
        if stacks is not None and i == rights - 1000:
            for stack in live(lines, caches["thread_stack"])[:stacks]:
                yield f"{time} {task} cache-free cache={caches['thread_stack']} object={stack}"
            yield f"{time} {task} reap"
        yield f"{time} {task} cache-alloc cache={port} object={highest['object'] + 1 + i}"
        yield f"{time} {task} name-alloc space={space} right={highest['right'] + 1 + i} name=0x0"


def main():
    allotrope, trace, stack, mark, rights = sys.argv[1:6]
    options, stacks = [], None
    for argument in sys.argv[6:]:
        if argument.startswith("daemon="):
            stacks = int(argument[7:])
        else:
            options = ["--memory", argument]

    lines = start_of(allotrope, trace, mark)
    before = sum(line[0] != "#" for line in lines)
    if stacks is not None:
        before += stacks + 1
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "storm.trace")
        text = "\n".join([*lines, *storm(lines, int(rights), stacks)]) + "\n"
        subprocess.run([allotrope, "trace", "text", "--parse", "-o", path], input=text, text=True,
                       check=True)
        done = subprocess.run([allotrope, "replay", "--json", "--on-failure", "stop", "--stack",
                               stack, *options, "--", path], stdout=subprocess.PIPE, text=True)
    failures = json.loads(done.stdout)["exact"]["failures"]
    if not failures:
        sys.exit(f"{stack}: nothing was refused, the kernel stopped after {rights} rights")
    held = (failures[0]["event"] - 1 - before) // 2
    print(f"{stack}: {held} rights, then {failures[0]['kind']} was refused by "
          f"{failures[0]['cause']} of {failures[0]['resource']}; the kernel: {rights}")
    if held != int(rights):
        sys.exit(1)


main()
