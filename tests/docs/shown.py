#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

# What a page shows is what the commands print.
#
#   shown.py [--update] ALLOTROPE SOURCE PAGE
#
# A block between lines of three backquotes whose first line begins with "$ " is run, all its
# commands one after the other, in a folder that looks like the project's after ./run; "./run" is
# taken for `allotrope replay --latency every --work`, as which it begins. The standard output must be
# what the block shows. What is measured may differ: the speed column of a table, the table of times,
# and the sentences on them. A block that shows no output need only succeed.
# --update writes what came out into the page.

import os
import re
import subprocess
import sys
import tempfile

SPEED = re.compile(r" +[0-9.]+[* ]( [0-9a-f]{8})$", re.MULTILINE)
TIMES = re.compile(r"^ns a call .*?\n\n", re.MULTILINE | re.DOTALL)
SENTENCES = re.compile(r"^(Measured once|Times are of clock)[^\n]*(\n    [^\n]*)*", re.MULTILINE)


def exact(text):
    """TEXT without what is measured."""
    return SENTENCES.sub(r"\1", TIMES.sub("ns a call\n\n", SPEED.sub(r"\1", text)))


def blocks(text):
    """The place and content of each block of commands."""
    for match in re.finditer(r"^```[a-z]*\n(\$ .*?\n)```$", text, re.MULTILINE | re.DOTALL):
        yield match.span(1), match.group(1)


def run(command, folder):
    """The output of COMMAND without empty lines at its end."""
    done = subprocess.run(command, shell=True, cwd=folder, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{command}: exit status {done.returncode}")
    return done.stdout.decode().rstrip("\n")


def outcome(block, folder):
    """The block as its commands print it now."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ "):
            lines.append(line)
            output = run(re.sub(r"^\./run ", "build/allotrope replay --latency every --work ", line[2:]), folder)
            if output != "":
                lines.append(output)
    return "\n".join(lines) + "\n"


def main():
    update = sys.argv[1] == "--update"
    allotrope, source, page = sys.argv[1 + update :]
    with open(page, encoding="utf-8") as file:
        text = file.read()

    found = list(blocks(text))
    if not found:
        sys.exit(f"{page}: shows no command")

    differs = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(source):
            if name not in ("build", "out"):
                os.symlink(os.path.join(os.path.abspath(source), name), os.path.join(folder, name))
        os.mkdir(os.path.join(folder, "build"))
        os.symlink(os.path.abspath(allotrope), os.path.join(folder, "build", "allotrope"))

        for (start, end), block in reversed(found):
            shown = any(not line.startswith("$ ") for line in block.splitlines())
            now = outcome(block, folder)
            if exact(now) == exact(block) or (not shown and not update):
                continue
            differs += 1
            text = text[:start] + now + text[end:]
            if not update:
                print(f"{page} shows\n{block}\nbut it is\n{now}")

    if update:
        with open(page, "w", encoding="utf-8") as file:
            file.write(text)
    elif differs:
        sys.exit(1)


main()
