#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

# Every field of the JSON that a command writes is described on its page, and the page describes no
# other.
#
#   fields.py [--below PLACE | --but PLACE] PAGE COMMAND [ARGUMENT]...
#
# --below: the page tells only of what is below PLACE; --but: it tells of all else.
#
# A page has a heading for each object, which gives its place in the document in backquotes:
# "## `exact.events`", "## Point: `exact.end`, `exact.marks[]`"; "." is the document itself. The
# first cell of each row of the tables below it names the object's fields; "*" stands for keys that
# depend on the data. Headings without a place are left alone, and so are tables whose first column
# is not headed "field". The command writes one or more documents.

import json
import re
import subprocess
import sys


def join(place, field):
    return field if place in ("", ".") else place + "." + field


def described(page):
    """The fields that the page describes, with their places."""
    fields = set()
    places = []
    counts = False
    for line in open(page, encoding="utf-8"):
        if line.startswith("#"):
            places = re.findall(r"`([^`]+)`", line)
            counts = False
        elif re.match(r"\| *field *\|", line):
            counts = True
        elif not line.startswith("|"):
            counts = False
        elif counts:
            for field in re.findall(r"`([^`]+)`", line.split("|")[1]):
                fields.update(join(place, field) for place in places)
    return fields


def walk(place, value, known, found):
    """Adds the fields of VALUE to FOUND, a key that stands for data as "*"."""
    if isinstance(value, dict):
        for key, inner in value.items():
            field = join(place, key)
            if field not in known and join(place, "*") in known:
                field = join(place, "*")
            found.add(field)
            walk(field, inner, known, found)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                walk(place + "[]" if place else "", inner, known, found)


def documents(text):
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        while at < len(text) and text[at].isspace():
            at += 1


def main():
    arguments = sys.argv[1:]
    choose = lambda field: True
    if arguments[0] in ("--below", "--but"):
        option, place = arguments[:2]
        arguments = arguments[2:]
        choose = lambda field: field.startswith(place + ".") == (option == "--below")
    page, command = arguments[0], arguments[1:]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    # 3: the replay is complete and differs from the captured kernel.
    if run.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)}: exit status {run.returncode}")

    known = described(page)
    found = set()
    for value in documents(run.stdout.decode()):
        walk("", value, known, found)
    known, found = filter(choose, known), filter(choose, found)
    known, found = set(known), set(found)

    for field in sorted(found - known):
        print(f"{page}: `{field}` is not described")
    for field in sorted(known - found):
        print(f"{page}: `{field}` is described and was not seen")
    if not known or known != found:
        sys.exit(1)
    print(f"{len(known)} fields")


main()
