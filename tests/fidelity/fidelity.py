#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Replays a captured trace through the design it was captured on: nothing may differ.

    fidelity.py ALLOTROPE TRACE             one trace
    fidelity.py --complete FOLDER TRACE...  every trace in FOLDER is among those tested

Beside the exit status of --truth, which compares every counter that was read out of the running
kernel, this holds that something was compared at all, that every name is the one the kernel gave,
and that the stack refused what the kernel refused and nothing else.
"""

import json
import pathlib
import subprocess
import sys


def replay(allotrope, trace, *options):
    command = [allotrope, "replay", "--json", *options, "--", trace]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print("+", *command)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def faults(record, keys):
    exact = record["exact"]
    truth = exact["truth"]
    if not truth["same_design"]:
        yield "the stack is not of the captured design"
    if truth["points"] == 0 or truth["compared"] == 0:
        yield "no truth was compared: is there any in the trace?"
    for name, counter in truth["counters"].items():
        if counter["different"]:
            yield (f"{name}: {counter['different']} of {counter['compared']} differ, first at event "
                   f"{counter['first_event']}: {counter['first']}")
    if exact["names"]["compared"] == 0:
        yield "no name was compared"
    if exact["names"]["different"]:
        yield (f"{exact['names']['different']} of {exact['names']['compared']} names differ, first "
               f"at event {exact['names']['first_different_event']}")
    if exact["refused"] or exact["skipped"]:
        yield f"refused: {exact['refused']}, skipped: {exact['skipped']}"
    if exact["kernel_refused"] != exact["kernel_refused_too"]:
        yield (f"the kernel refused {exact['kernel_refused']} requests, the stack refused only "
               f"{exact['kernel_refused_too']} of them")
    if record["provenance"]["trace"]["missing_bytes"]:
        yield "the trace is cut short"
    if record["provenance"]["options"]["keys"] != keys:
        yield "replayed with other keys"


def check(allotrope, trace):
    status, record = replay(allotrope, trace, "--stack", "null")
    if status != 0:
        sys.exit(f"{trace}: cannot be replayed")
    stack = record["provenance"]["trace"]["stack"]
    if not stack:
        sys.exit(f"{trace}: does not say which design it was captured on")

    status, record = replay(allotrope, trace, "--stack", stack, "--truth", "--keys", "captured")
    if record is None:
        sys.exit(f"{trace}: status {status}")
    found = list(faults(record, "captured"))
    for fault in found:
        print(f"{trace}: {stack}: {fault}")
    if status != 0 or found:
        sys.exit(f"{trace}: status {status}, {len(found)} faults")
    truth = record["exact"]["truth"]
    print(f"{trace}: {stack}: {truth['compared']} counters at {truth['points']} points and "
          f"{record['exact']['names']['compared']} names are those of the kernel")


def complete(folder, tested):
    there = {str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*.trace")}
    if not there:
        sys.exit(f"{folder}: there are no traces")
    if there != set(tested):
        sys.exit(f"{folder}: not tested: {sorted(there - set(tested))}; "
                 f"not there: {sorted(set(tested) - there)}")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--complete":
        complete(sys.argv[2], sys.argv[3:])
    elif len(sys.argv) == 3:
        check(sys.argv[1], sys.argv[2])
    else:
        sys.exit(__doc__)
