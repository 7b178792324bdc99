#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

# A second reader of traces, written from docs/trace-format.md alone, which it thereby holds to its
# word: it prints a trace as text, and that must be what `allotrope trace text` prints, to the byte.
# Checksums and digests are computed and compared too.
#
#   second_reader.py TRACE                     prints the text
#   second_reader.py --against ALLOTROPE TRACE...
#
# compares; a TRACE *.text is parsed first, and `odd` stands for a trace of what captured ones do not
# have: more places than a chunk has templates, sizes and names without rhyme, text to be escaped.

import ctypes
import ctypes.util
import os
import re
import struct
import subprocess
import sys
import tempfile

zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
zstd.ZSTD_decompress.restype = ctypes.c_size_t
xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
xxhash.XXH3_64bits_withSeed.restype = ctypes.c_uint64
xxhash.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]

NONE = 2**32 - 1
KINDS = """cache-create cache-alloc cache-free kalloc kfree page-alloc page-free map-alloc map-free
    space-create space-destroy space-release name-alloc name-alloc-at name-free name-lookup
    reverse-insert reverse-remove reverse-lookup reap boot-pages growth task mark truth""".split()
SEGMENTS = ["dma", "dma32", "directmap", "highmem"]
MAPS = ["kernel", "kmem", "ipc", "device"]
MAP_KINDS = ["wired", "aligned", "object", "pageable", "submap"]

# Where, object, size, address; a star: only when not zero.
FIELDS = {
    "cache-create": ("cache", "", "", ""),
    "cache-alloc": ("cache", "object", "", "address*"),
    "cache-free": ("cache", "object", "", "address*"),
    "kalloc": ("", "object", "size", "address*"),
    "kfree": ("", "object", "size", "address*"),
    "page-alloc": ("segment", "object", "pages", "address*"),
    "page-free": ("", "object", "pages", "address*"),
    "map-alloc": ("map", "object", "size", "address*"),
    "map-free": ("map", "object", "size", "offset*"),
    "space-create": ("space", "", "", ""),
    "space-destroy": ("space", "", "", ""),
    "space-release": ("space", "", "", ""),
    "name-alloc": ("space", "right", "name", ""),
    "name-alloc-at": ("space", "right", "name", ""),
    "name-free": ("space", "right", "name*", ""),
    "name-lookup": ("space", "right", "name*", ""),
    "reverse-insert": ("space", "right", "names", "address*"),
    "reverse-remove": ("space", "right", "", "address*"),
    "reverse-lookup": ("space", "right", "", "address*"),
    "reap": ("", "", "", ""),
    "boot-pages": ("", "first", "pages", ""),
    "growth": ("space", "to", "from", ""),
    "task": ("of", "", "", ""),
    "mark": ("", "", "", ""),
    "truth": ("", "", "", ""),
}
FLAGS = [
    (0x80, "failed", None),
    (0x40, "inferred", None),
    (0x20, "special", ("space-create",)),
    (0x20, "descending", ("boot-pages",)),
    (0x10, "contiguous", ("page-alloc", "page-free")),
    (0x20, "entry-left", ("truth",)),
    (0x10, "count-left", ("truth",)),
]
PAYLOAD = {"cache-create", "task", "mark", "truth"}
OF_OBJECTS = range(1, 9)
OF_RIGHTS = range(12, 19)


def expect(condition, what):
    if not condition:
        sys.exit(f"not as the page says: {what}")


def xxh3(data, seed=0):
    return xxhash.XXH3_64bits_withSeed(bytes(data), len(data), seed)


def checksum(tag, body):
    return xxh3(body, int.from_bytes(tag, "little") | len(body) << 32)


def decompress(data, size):
    out = ctypes.create_string_buffer(size)
    got = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), bytes(data), ctypes.c_size_t(len(data)))
    expect(got == size, "the size of the columns")
    return out.raw


class Cursor:
    """Reads numbers, signed numbers and strings."""

    def __init__(self, data, at=0):
        self.data = data
        self.at = at

    def number(self):
        first = self.data[self.at]
        if first == 0:
            self.at += 9
            return int.from_bytes(self.data[self.at - 8 : self.at], "little")
        size = (first & -first).bit_length()
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "little") >> size

    def numbers(self, count):
        return [self.number() for _ in range(count)]

    def signed(self):
        value = self.number()
        return value >> 1 ^ -(value & 1)

    def take(self, size):
        expect(self.at + size <= len(self.data), "a size")
        self.at += size
        return self.data[self.at - size : self.at]

    def string(self):
        return self.take(self.number())

    def done(self, what):
        expect(self.at == len(self.data), f"the end of {what}")


# ---- The file ----


class Header:
    def __init__(self, cursor):
        self.level = cursor.signed()
        start = cursor.at
        self.sizes = cursor.numbers(3)
        self.segments = [cursor.numbers(3) for _ in range(cursor.number())]
        self.addresses = cursor.numbers(5)
        self.texts = [cursor.string() for _ in range(3)]
        self.ticks = cursor.number()
        self.boot_pages = cursor.number()
        self.machine = cursor.data[start : cursor.at]
        self.provenance = [(cursor.string(), cursor.string()) for _ in range(cursor.number())]

    def lines(self):
        yield b"trace.text: 1"
        yield b"trace.level: %d" % self.level
        for name, value in zip((b"page-size", b"pointer-size", b"memory"), self.sizes):
            yield b"machine.%s: %d" % (name, value)
        names = (b"kernel-base", b"kernel-map-start", b"kernel-map-end")
        for name, value in zip(names + (b"kmem-map-start", b"kmem-map-end"), self.addresses):
            yield b"machine.%s: 0x%x" % (name, value)
        yield b"machine.ticks-per-second: %d" % self.ticks
        for kind, first, end in self.segments:
            yield b"machine.segment: %s %d %d" % (SEGMENTS[kind].encode(), first, end)
        for name, value in zip((b"geometry", b"stack", b"time-unit"), self.texts):
            yield b"machine.%s: %s" % (name, escaped(value))
        yield b"machine.boot-pages: %d" % self.boot_pages
        for key, value in self.provenance:
            yield b"%s: %s" % (escaped_key(key), escaped(value))

    def text(self):
        return b"".join(b"# %s\n" % line for line in self.lines())


def read_section(data, at):
    tag = data[at : at + 4]
    size, told = struct.unpack_from("<IQ", data, at + 4)
    body = data[at + 16 : at + 16 + size]
    expect(checksum(tag, body) == told, f"the checksum of {tag}")
    return tag, body, at + 16 + size


def read_trace(data):
    """The text of a trace, in pieces; the last one is its digest."""
    expect(data[:8] == bytes.fromhex("8a414c540d0a1a0a"), "the first bytes")
    expect(data[8:16] == b"\1\0" + bytes(6), "the version")
    trailer = data[-32:]
    index_at, size, told = struct.unpack("<QQQ", trailer[:24])
    expect(trailer[24:] == b"ALT-END\n" and size == len(data), "the trailer")
    expect(checksum(b"INDX", trailer[:16]) == told, "the trailer's checksum")

    tag, index, end = read_section(data, index_at)
    expect(tag == b"INDX" and end == len(data) - 32, "INDX")
    (nr,) = struct.unpack_from("<I", index)
    entries = [struct.unpack_from("<4sIQIIQQ", index, 4 + 40 * i) for i in range(nr)]
    cursor = Cursor(index, 4 + 40 * nr)
    events, _, last_time = cursor.numbers(3)
    cursor.numbers(6)
    expect(cursor.number() == len(KINDS), "the number of kinds")
    by_kind = [cursor.numbers(2)[0] for _ in KINDS]
    last = Header(cursor)
    cursor.done("INDX")

    expect(entries[0][0] == b"HEAD", "the first section")
    tag, body, at = read_section(data, 16)
    cursor = Cursor(body)
    first = Header(cursor)
    cursor.done("HEAD")
    yield first.text()

    contents = b""
    time, done, counted = 0, 0, [0] * len(KINDS)
    for tag, nr_events, offset, size, columns, told, content in entries[1:]:
        expect(offset == at, "where a section begins")
        found, body, at = read_section(data, offset)
        expect(found == tag and len(body) == size and checksum(tag, body) == told, "the index")
        if tag != b"CHNK":
            expect(chr(tag[0]).islower(), f"the section {tag}")
            continue
        chunk = Chunk(body)
        expect((chunk.first, chunk.events, chunk.columns) == (done, nr_events, columns), "a chunk")
        expect(chunk.content == content, "the digest of a content")
        contents += struct.pack("<Q", content)
        lines = []
        for event in chunk.decode():
            time = event[0]
            counted[event[2]] += 1
            lines.append(event_text(*event))
        yield b"".join(lines)
        done += nr_events

    expect((at, done, counted) == (index_at, events, by_kind), "the totals")
    expect(events == 0 or time == last_time, "the last time")
    if first.machine != last.machine or first.provenance != last.provenance:
        yield last.text()
    yield xxh3(last.machine + contents)


# ---- Chunks ----


class Chunk:
    def __init__(self, body):
        self.first, self.time, self.events, self.columns = struct.unpack_from("<QQII", body)
        self.fresh = list(struct.unpack_from("<II", body, 24))
        (self.content,) = struct.unpack_from("<Q", body, 52)
        data = decompress(body[60:], self.columns)
        expect(xxh3(data, xxh3(body[:52])) == self.content, "the digest of a chunk's content")
        sizes = struct.unpack_from("<10I", data)
        self.nr_templates, self.nr_operations, self.nr_families = sizes[:3]
        self.parts = []
        at = 40
        for size in sizes[3:]:
            self.parts.append(Cursor(data[at : at + size]))
            at += size
        expect(at == len(data), "the sizes of the parts")

    def template(self, dictionary):
        kind, modes = dictionary.numbers(2)
        expect((modes >> 6 & 1 == 1) == (KINDS[kind] in PAYLOAD), "which kinds have a payload")
        if modes & 0x80:
            return kind, modes, 0, 0, 0, 0, 0, 0
        flags, task, where, family = dictionary.numbers(4)
        value = dictionary.number() if modes & 3 == 0 else 0
        size = dictionary.number() if modes >> 2 & 3 == 0 else 0
        return kind, modes, flags, task, where, family, value, size

    def decode(self):
        dictionary, operations, times, references, addresses, extras, payloads = self.parts
        templates = [self.template(dictionary) for _ in range(self.nr_templates)]
        known = [tuple(dictionary.numbers(2)) for _ in range(self.nr_operations)]
        objects, sizes, biases, places = ([0] * self.nr_families for _ in range(4))
        dead = ([], [])
        time = self.time

        for _ in range(self.events):
            number = operations.take(1)[0]
            if number >= 224:
                number = 224 + (number - 224) * 256 + operations.take(1)[0]
            index, step = known[number]
            time += step - 1 if step != 0 else times.number()
            kind, modes, flags, task, where, family, value, size = templates[index]
            address, payload = 0, b""

            if modes & 0x80:
                flags, task, where, value, size, rest = extras.numbers(6)
                if modes & 0x40:
                    payload = payloads.take(rest)
                else:
                    address = rest
                yield time, task, kind, flags, where, value, size, address, payload
                continue

            numbering = 0 if kind in OF_OBJECTS else 1 if kind in OF_RIGHTS else None
            if modes & 3 == 1:
                value = objects[family] = objects[family] + references.signed() & NONE
            elif modes & 3 == 2:
                value = dead[numbering].pop()
            elif modes & 3 == 3:
                value = self.fresh[numbering]
                self.fresh[numbering] += 1
            if modes & 0x20:
                dead[numbering].append(value)
            if modes & 0x10:
                address = places[family] = places[family] + addresses.signed() & 2**64 - 1
            if modes >> 2 & 3 == 1:
                size = sizes[family] = sizes[family] + extras.signed() & NONE
            elif modes >> 2 & 3 >= 2:
                if modes >> 2 & 3 == 3:
                    biases[family] = biases[family] + extras.signed() & NONE
                size = value + biases[family] & NONE
            if modes & 0x40:
                payload = payloads.take(extras.number())
            yield time, task, kind, flags, where, value, size, address, payload

        for part in self.parts:
            part.done("a part")


# ---- Text ----


def escaped(text, also=b""):
    edge = rb"^ | (?!.)" if text != b" " else rb" "
    special = rb"[\x00-\x1f\x7f\\" + also + rb"]|" + edge
    return re.sub(special, lambda m: b"\\x%02x" % m.group()[0], text, flags=re.DOTALL)


def escaped_key(key):
    if key.startswith((b"machine.", b"trace.")):
        return b"\\x%02x" % key[0] + escaped(key[1:], b":")
    return escaped(key, b":")


def shown(number):
    return "none" if number == NONE else str(number)


def records(names, values):
    values = [f"0x{v:x}" if n in ("flags", "min", "max") else shown(v) for n, v in zip(names, values)]
    return " ".join(f"{name}={value}" for name, value in zip(names, values)) + "\n"


def truth_text(payload):
    cursor = Cursor(payload)
    parts = cursor.number()
    lines = []
    names = ["flags", "slab-size", "buffers-per-slab", "object-size", "align", "buffer-size"]
    names += ["objects", "buffers", "slabs", "free-slabs"]
    for _ in range(cursor.number()):
        cache, *values = cursor.numbers(11)
        values[3], values[4] = values[4], values[3]  # alignment comes first in the payload
        lines.append(f"    cache {cache} " + records(names, values))
    names = ["start", "end", "free", "pool"] + [f"order{i}" for i in range(11)]
    names += ["active", "inactive"]
    for _ in range(cursor.number()):
        segment, *values = cursor.numbers(18)
        lines.append(f"    segment {segment} " + records(names, values))
    for i, name in enumerate(MAPS):
        if parts >> i & 1:
            values = cursor.numbers(4)
            lines.append(f"    map {name} " + records(["min", "max", "size", "entries"], values))
    names = ["rights", "table-size", "free-list", "height", "tree-total", "tree-small"]
    for _ in range(cursor.number()):
        space, *values = cursor.numbers(7)
        lines.append(f"    space {space} " + records(names, values))
    if parts >> 4 & 1:
        lines.append(f"    free-pages {cursor.number()}\n")
    cursor.done("the counters")
    return "".join(lines).encode()


def operand(name, plain, value, hexadecimal):
    if (name == "" or name[-1] == "*") and value == 0:
        return ""
    name = name.rstrip("*") or plain
    return f" {name}=0x{value:x}" if hexadecimal else f" {name}={shown(value)}"


def flags_text(kind, flags):
    text = ""
    if kind in ("map-alloc", "map-free"):
        text = f" kind={MAP_KINDS[flags & 15]}"
        flags &= ~15
    words = []
    for bit, name, kinds in FLAGS:
        if flags & bit and (kinds is None or kind in kinds):
            words.append(name)
            flags &= ~bit
    if flags:
        words.append(f"0x{flags:x}")
    return text + (" flags=" + "+".join(words) if words else "")


def event_text(time, task, number, flags, where, value, size, address, payload):
    kind = KINDS[number]
    names = FIELDS[kind]
    if kind == "page-alloc":
        line = f" segment={SEGMENTS[where]}"
    elif kind in ("map-alloc", "map-free"):
        line = f" map={MAPS[where]}"
    else:
        line = operand(names[0], "where", where, False)
    line += operand(names[1], "object", value, False)
    line += operand(names[2], "size", size, names[2] in ("name", "name*"))
    line += operand(names[3], "address", address, True)
    line = f"{time} {task} {kind}{line}{flags_text(kind, flags)}".encode()

    if kind == "cache-create":
        cursor = Cursor(payload)
        line += b" object-size=%d align=%d cache-flags=0x%x" % tuple(cursor.numbers(3))
        payload = cursor.string()
        cursor.done("a cache")
    if kind == "truth":
        return line + b"\n" + truth_text(payload)
    if kind in PAYLOAD:
        line += b" text=" + escaped(payload)
    return line + b"\n"


# ---- Comparison ----


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def odd_text(path):
    lines = ["# trace.text: 1", "# machine.page-size: 4096", "# odd key\\x3a: a \\x5c value\\x20"]
    tasks = 3000
    for i in range(tasks):
        lines.append(f"{3 * i} 0 task of={i + 1} text=\\x20name {i}\\x00")
    for i in range(tasks):
        lines.append(f"{10 * tasks + i} {i * 7 % tasks} space-create space={i} address=0x{i * 4093:x}")
    alive = []
    for i in range(8000):
        start = f"{20 * tasks + i * i} {i * 31 % tasks}"
        if i % 5 > 2:
            value, size = alive.pop(i * 17 % len(alive))
            lines.append(f"{start} kfree object={value} size={size} address=0x{i ** 4:x}")
        else:
            alive.append((i, 1 + i * 2654435761 % 2**31))
            lines.append(f"{start} kalloc object={i} size={alive[-1][1]}")
        if i % 100 == 0:
            lines.append(f"{start} kalloc object=none size=77 flags=failed+inferred")
            lines.append(f"{start} mark text=\\x5c {i} \\x7f\\x20")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def compare(allotrope, path, folder):
    if path == "odd":
        path = os.path.join(folder, "odd.text")
        odd_text(path)
    if path.endswith(".text"):
        parsed = os.path.join(folder, "parsed.trace")
        output(allotrope, "trace", "text", "--parse", "-o", parsed, path)
        path = parsed
    with open(path, "rb") as file:
        *pieces, digest = read_trace(file.read())
    own, theirs = b"".join(pieces), output(allotrope, "trace", "text", path)
    if own != theirs:
        for a, b in zip(own.splitlines(), theirs.splitlines()):
            if a != b:
                sys.exit(f"{path}:\nthe page says  {a}\nallotrope says {b}")
        sys.exit(f"{path}: one text is longer than the other")
    expect(b"digest: %016x\n" % digest in output(allotrope, "trace", "info", path), "the digest")
    print(f"{path}: {len(own)} bytes of text, digest {digest:016x}")


def main():
    if sys.argv[1] == "--against":
        with tempfile.TemporaryDirectory() as folder:
            for path in sys.argv[3:]:
                compare(sys.argv[2], path, folder)
        return
    with open(sys.argv[1], "rb") as file:
        *pieces, _ = read_trace(file.read())
    sys.stdout.buffer.write(b"".join(pieces))


main()
