#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns the starts of captured traces, as text, into C: usage limits_start.py OUTPUT TEXT...

The program that is installed has no traces beside it, so what `allotrope limits` needs of them is
compiled in. A text is what `allotrope trace text` prints, up to the first right. Boot pages become
a phase of start-up (0: before the first cache, 1: before the first task, 2: after), as which pages
they are follows from the memory of the machine; the first wired range of the kernel map, the tables
of the pmap, becomes an event of its own for the same reason.
"""

import pathlib
import re
import sys

MAPS = {"kernel": 0, "kmem": 1, "ipc": 2, "device": 3}
KINDS = {"wired": 0, "aligned": 1, "object": 2, "pageable": 3, "submap": 4}
SEGMENTS = {"dma": 0, "dma32": 1, "directmap": 2, "highmem": 3}
SKIPPED = {"task", "mark", "truth", "name-lookup"}


def fields(words):
    pairs = (word.split("=", 1) for word in words)
    return {key: value for key, value in pairs}


def event(kind, f, task):
    """The C kind, and its numbers."""
    number = {key: int(value, 0) for key, value in f.items() if re.fullmatch("0x[0-9a-f]+|[0-9]+", value)}
    flags = f.get("flags", "").split(",")
    out = {"kind": "EVENT_" + kind.upper().replace("-", "_"), "object": number.get("object", 0),
           "size": number.get("size", number.get("pages", 0)), "flags": 0}
    out["where"] = number.get("space", number.get("cache", 0))
    if kind == "cache-create":
        out.update(size=number["object-size"], object=number["align"], text=f["text"])
    elif kind == "page-alloc":
        out.update(where=SEGMENTS[f["segment"]])
    elif kind in ("map-alloc", "map-free"):
        out.update(where=MAPS[f["map"]], flags=KINDS[f["kind"]])
    elif kind in ("name-alloc", "name-alloc-at"):
        out.update(object=number["right"], size=number["name"])
    elif kind == "reverse-insert":
        out.update(object=number["right"], size=number["names"])
    elif kind == "boot-pages":
        out.update(object=number["first"], size=number["pages"])
    if "contiguous" in flags:
        out["flags"] = "EVENT_CONTIGUOUS"
    if "special" in flags:
        out["flags"] = "EVENT_SPECIAL"
    if "descending" in flags:
        out["flags"] = "EVENT_DESCENDING"
    if task != "0":
        out["task"] = task
    return out


def read(path):
    """The header's values and the events of a text."""
    header, events, tables = {}, [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            key, value = line[2:].split(": ", 1)
            header[key] = value
            continue
        time, task, kind, *words = line.split(" ")
        if kind in SKIPPED:
            continue
        e = event(kind, fields(words), task)
        e["time"] = time
        if kind == "boot-pages":
            created = any(x["kind"] == "EVENT_CACHE_CREATE" for x in events)
            e["where"] = 2 if task != "0" else 1 if created else 0
        if kind == "map-alloc" and e["where"] == 0 and e["flags"] == 0 and not tables:
            e["text"], tables = "pmap", True
        events.append(e)
    return header, events


def write(out, name, header, events):
    out.write(f"static const struct start_event events_{name}[] = {{\n")
    for e in events:
        text = f', .text = "{e["text"]}"' if "text" in e else ""
        task = ", .task = " + e["task"] if "task" in e else ""
        out.write(f'    {{.kind = {e["kind"]}, .flags = {e["flags"]}, .where = {e["where"]}, '
                  f'.object = {e["object"]}, .size = {e["size"]}u, .time = {e["time"]}{task}{text}}},\n')
    out.write("};\n\n")


def main():
    target = pathlib.Path(sys.argv[1])
    starts = []
    with target.open("w", encoding="utf-8") as out:
        out.write('/* Made by limits_start.py. */\n\n#include "replay/limits_start.h"\n\n')
        for argument in sys.argv[2:]:
            path = pathlib.Path(argument)
            if path.suffix != ".txt":
                continue
            header, events = read(path)
            name = re.sub("[^a-z0-9]", "_", path.stem)
            write(out, name, header, events)
            starts.append((path.stem, name, header))
        out.write("const struct start_data start_data[] = {\n")
        for stem, name, header in starts:
            out.write(f'    {{.name = "{stem}", .stack = "{header["machine.stack"]}", '
                      f'.memory = {header["machine.memory"]}u, '
                      f'.ticks_per_second = {header["machine.ticks-per-second"]}u, '
                      f'.kernel_map_start = {header["machine.kernel-map-start"]}u, '
                      f'.kernel_map_end = {header["machine.kernel-map-end"]}u, '
                      f'.slab_submap_start = {header["machine.kmem-map-start"]}u, '
                      f'.events = events_{name}, '
                      f'.nr_events = sizeof(events_{name}) / sizeof(events_{name}[0])}},\n')
        out.write("    {0},\n};\n")


main()
