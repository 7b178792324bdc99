#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cuts the ranges of the kernel maps out of an event log, as test_ranges.c reads them.

    extract-ranges.py LOG POLICY START [LINE] > ranges-NAME.txt

START is the end of what was mapped before the kernel map existed. The submaps are not logged; they
are made where the kernel makes them, between its first ranges of kernel_map. LINE: one page that
the captured kernel took without a logged call is taken before this line of the log.
"""
import os
import re
import sys

OPS = {'kmem_alloc': 'alloc', 'kmem_alloc_wired': 'wired', 'kmem_alloc_aligned': 'aligned',
       'kmem_free': 'free', 'kmem_realloc': 'realloc'}
TOKENS = {'vm_map_kentry': 'E', 'vm_map_entry': 'E', 'vm_object': 'O', 'ipc_port': 'P',
          'pv_entry': 'V'}


class Line:
    pass


def read(path):
    caches, lines, bounds, provenance = {}, [], {}, []
    for number, text in enumerate(open(path), 1):
        if re.match('# (kernel|memory|machine|workload):', text):
            provenance.append(text.rstrip())
        elif text.startswith('Q ') and '_map min ' in text:
            fields = text.split()
            bounds[fields[1]] = fields[3], fields[5]
            if fields[5] != '0':
                line = Line()
                line.number, line.event, line.fields = number, 'Q', fields
                lines.append(line)
        elif ' kmem_cache_init - ' in text:
            fields = text.split()
            caches[fields[4]] = fields[-1]
        elif re.match(r'\d+ \S+ kmem_', text):
            fields = text.split()
            line = Line()
            line.number, line.event, line.parent = number, fields[2], fields[3]
            line.arguments = fields[4:fields.index('=')]
            line.fields = fields
            line.failed = fields[fields.index('=') + 1] != '0'
            if line.event in OPS:
                lines.append(line)
            elif line.event in ('kmem_cache_alloc', 'kmem_cache_free') and line.parent in OPS:
                line.token = TOKENS.get(caches.get(line.arguments[0]))
                if line.event == 'kmem_cache_free':
                    line.token = line.token.lower()
                lines.append(line)
    return lines, bounds, provenance


def operation_of(lines, at):
    """The operation that the line AT belongs to."""
    if lines[at].event in OPS:
        return at
    return next(i for i in range(at + 1, len(lines)) if lines[i].event == lines[at].parent)


def render(lines, at, maps, nested):
    """Text of the operation whose first line is AT, and the line after it."""
    end = operation_of(lines, at)
    children = []
    while at < end:
        if lines[at].event in OPS or operation_of(lines, at) != end:
            text, at = render(lines, at, maps, True)
            children.append('( ' + text + ' )')
        else:
            token, last = lines[at].token, children[-1] if children else ''
            if last.split('*')[0] == token:
                children[-1] = '%s*%d' % (token, int((last.split('*') + ['1'])[1]) + 1)
            else:
                children.append(token)
            at += 1
    line = lines[end]
    arguments = line.arguments
    text = '' if nested else maps[arguments[0]] + ' '
    text += OPS[line.event]
    if line.event == 'kmem_free':
        text += ' %s %s' % (arguments[1], arguments[2])
    else:
        if line.event == 'kmem_realloc':
            text += ' %s %s %s' % (arguments[1], arguments[2], arguments[4])
        else:
            text += ' ' + arguments[2]
        text += ' = ' + ('0' if line.failed else line.fields[line.fields.index('at') + 1])
    if children:
        text += ' : ' + ' '.join(children)
    return text, end + 1


def folded(rows):
    """Runs of one-line ranges of one size, each right behind the one before, as one row."""
    pattern = re.compile(r'(\w+ wired) (\w+) = (\w+)$')
    run = None
    for row in rows + ['']:
        match = pattern.match(row)
        if match and run and match[1] == run[0] and match[2] == run[1] \
                and int(match[3], 16) == run[2] + run[3] * int(run[1], 16):
            run[3] += 1
            continue
        if run:
            yield '%s %s = %x%s' % (run[0], run[1], run[2], ' x%d' % run[3] if run[3] > 1 else '')
            run = None
        if match:
            run = [match[1], match[2], int(match[3], 16), 1]
        elif row:
            yield row


def main():
    log, policy, start = sys.argv[1:4]
    page_before = int(sys.argv[4]) if len(sys.argv) > 4 and sys.argv[4] else None
    lines, bounds, provenance = read(log)
    numbers = [line.arguments[0] for line in lines if line.event in OPS]
    maps = {numbers[0]: 'kernel_map'}
    maps.update({number: 'kmem_map' for number in numbers if number != numbers[0]})
    rows = ['# All ranges of the kernel maps in ' + os.path.basename(log)] + provenance
    rows += ['policy ' + policy, 'map %s %s' % bounds['kernel_map'], 'fixed ' + start]
    at, of_kernel, before, seen = 0, 0, {}, set()
    while at < len(lines):
        if page_before and lines[at].number >= page_before:
            rows.append('# A page that the kernel took without a logged call, seen in the counters.')
            rows.append('kernel_map pageable 1000 : ?')
            page_before = None
        if lines[at].event == 'Q':
            fields = lines[at].fields
            state = fields[7], fields[9]
            if fields[1] in ('kernel_map', 'kmem_map') and before.get(fields[1]) != state:
                rows.append('%s is %s %s' % (fields[1], *state))
                before[fields[1]] = state
            at += 1
            continue
        row, at = render(lines, at, maps, False)
        name = row.split()[0]
        if name not in seen and ':' not in row:
            row += ' : ?'
        seen.add(name)
        if not row.startswith('kernel_map') and of_kernel == 1:
            rows.append('submap kmem_map 6000000')
            rows.append('submap ipc_kernel_map 800000')
            of_kernel = 2
        elif row.startswith('kernel_map'):
            of_kernel += 1
            if of_kernel == 2:
                rows.append('submap ipc_kernel_map 800000')
        rows.append(row)
        if row.startswith('kernel_map') and of_kernel in (2, 3) and \
                not any('device' in row for row in rows):
            rows.append('submap device_io_map 1000000')
    print('\n'.join(folded(rows)))


main()
