#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later

"""A random trace, as text: the start-up of a captured one, then requests of every kind by chance.

Usage: random_trace.py START SEED EVENTS > TEXT

START is the text of a captured trace; what comes before its mark "start" is taken over, so that a
kernel that starts up as the captured one did begins in the same state. Marks stand between the
requests, for the states to be compared at. The same seed gives the same trace.
"""

import random
import sys

CACHES = [(16, 0), (80, 0), (192, 0), (324, 0), (520, 0), (640, 64), (2000, 0), (4096, 4096),
          (6000, 0), (20000, 0)]
KMEM_KINDS = ["wired", "aligned", "object", "pageable"]


class Numbers:
    """Dense numbers, reused after death."""

    def __init__(self, first):
        self.next, self.free = first, []

    def take(self):
        if self.free:
            return self.free.pop()
        self.next += 1
        return self.next - 1

    def give(self, number):
        self.free.append(number)


class Generator:
    def __init__(self, start, seed, out):
        self.random, self.out, self.time = random.Random(seed), out, 0
        most = {"object": -1, "right": -1, "cache": -1, "space": -1}
        for line in start:
            if line.rstrip("\n").endswith("mark text=start"):
                break
            out.write(line)
            words = line.split()
            if words and words[0].isdigit():
                self.time = int(words[0])
            for word in words[3:] if words and words[0].isdigit() else []:
                key, _, value = word.partition("=")
                if key in most and value.isdigit():
                    most[key] = max(most[key], int(value))
        self.objects = Numbers(most["object"] + 1)
        self.rights = Numbers(most["right"] + 1)
        self.spaces = Numbers(most["space"] + 1)
        self.first_cache = most["cache"] + 1
        self.live = {"cache": [], "kalloc": [], "page": [], "map": []}
        self.names = {}  # space: rights
        self.reverse = {}  # right: address
        self.held = 0

    def event(self, text):
        self.time += self.random.randrange(1, 20000)
        self.out.write(f"{self.time} 2 {text}\n")

    def begin(self):
        for i, (size, align) in enumerate(CACHES):
            self.event(f"cache-create cache={self.first_cache + i} object-size={size} "
                       f"align={align} cache-flags=0x0 text=random_{size}")
        self.space_create()

    def size(self):
        return min(int(2 ** self.random.uniform(0, 18)), 200000)

    def cache_alloc(self):
        i = self.random.choices(range(len(CACHES)), [12, 30, 8, 8, 4, 4, 3, 3, 1, 1])[0]
        number = self.objects.take()
        self.event(f"cache-alloc cache={self.first_cache + i} object={number}")
        self.live["cache"].append((number, i))

    def cache_free(self):
        number, i = self.pick("cache")
        self.event(f"cache-free cache={self.first_cache + i} object={number}")
        self.objects.give(number)

    def kalloc(self):
        number, size = self.objects.take(), self.size()
        self.event(f"kalloc object={number} size={size}")
        self.live["kalloc"].append((number, size))

    def kfree(self):
        number, size = self.pick("kalloc")
        self.event(f"kfree object={number} size={size}")
        self.objects.give(number)

    def page_alloc(self):
        number = self.objects.take()
        pages = self.random.choice([1, 1, 1, 1, 2, 4, 8, 16])
        segment = self.random.choice(["directmap", "directmap", "highmem", "dma"])
        flags = " flags=contiguous" if pages > 1 else ""
        self.event(f"page-alloc segment={segment} object={number} pages={pages}{flags}")
        self.live["page"].append((number, pages, flags))

    def page_free(self):
        number, pages, flags = self.pick("page")
        self.event(f"page-free object={number} pages={pages}{flags}")
        self.objects.give(number)

    def map_alloc(self):
        number = self.objects.take()
        size = self.random.randrange(1, 17) * 4096
        kind = self.random.choice(KMEM_KINDS)
        if kind == "aligned":
            size = 4096 << self.random.randrange(0, 4)
        self.event(f"map-alloc map=kernel object={number} size={size} kind={kind}")
        self.live["map"].append((number, size))

    def map_free(self):
        number, size = self.pick("map")
        self.event(f"map-free map=kernel object={number} size={size}")
        self.objects.give(number)

    def pick(self, kind):
        live = self.live[kind]
        return live.pop(self.random.randrange(len(live)))

    def space_create(self):
        space = self.spaces.take()
        self.event(f"space-create space={space}")
        self.names[space] = []

    def space_destroy(self):
        space = self.random.choice(list(self.names))
        self.event(f"space-destroy space={space}")
        self.event(f"space-release space={space}")
        for right in self.names.pop(space):
            self.reverse.pop(right, None)
            self.rights.give(right)
        self.spaces.give(space)

    def a_space(self):
        return self.random.choice(list(self.names))

    def name_alloc(self):
        space, right = self.a_space(), self.rights.take()
        self.event(f"name-alloc space={space} right={right} name=0x0")
        self.names[space].append(right)

    def reverse_insert(self):
        space = self.a_space()
        rights = [right for right in self.names[space] if right not in self.reverse]
        ports = [number for number, i in self.live["cache"]
                 if i == 1 and number not in self.reverse.values()]
        if not rights or not ports:
            return
        right, port = self.random.choice(rights), self.random.choice(ports)
        self.event(f"reverse-insert space={space} right={right} names={port}")
        self.reverse[right] = port

    def reverse_remove(self, space, right):
        self.event(f"reverse-remove space={space} right={right}")
        del self.reverse[right]

    def name_free(self):
        space = self.a_space()
        if not self.names[space]:
            return
        right = self.names[space].pop(self.random.randrange(len(self.names[space])))
        if right in self.reverse:
            self.reverse_remove(space, right)
        self.event(f"name-free space={space} right={right}")
        self.rights.give(right)

    def name_lookup(self):
        space = self.a_space()
        if self.names[space]:
            self.event(f"name-lookup space={space} right={self.random.choice(self.names[space])}")

    def run(self, events):
        self.begin()
        kinds = [("cache", self.cache_alloc, self.cache_free, 30),
                 ("kalloc", self.kalloc, self.kfree, 12), ("page", self.page_alloc, self.page_free, 8),
                 ("map", self.map_alloc, self.map_free, 6)]
        growing = True
        for i in range(events):
            if self.random.random() < 0.002:
                growing = not growing
            if i % (events // 12 + 1) == 0:
                self.event(f"mark text=m{i}")
            choice = self.random.random()
            if choice < 0.55:
                name, make, free, _ = self.random.choices(kinds, [kind[3] for kind in kinds])[0]
                most = {"cache": 9000, "kalloc": 900, "page": 400, "map": 250}[name]
                live = self.live[name]
                if live and (len(live) > most or self.random.random() > (0.62 if growing else 0.4)):
                    # An object that a right names stays while it is named.
                    if name == "cache" and live[-1][0] in self.reverse.values():
                        make()
                    else:
                        self.free_unnamed(name, free)
                else:
                    make()
            elif choice < 0.75:
                self.name_alloc()
            elif choice < 0.85:
                self.name_lookup()
            elif choice < 0.93:
                self.name_free() if not growing or self.random.random() < 0.5 else self.name_alloc()
            elif choice < 0.985:
                self.reverse_insert()
            elif choice < 0.992 and len(self.names) < 12:
                self.space_create()
            elif choice < 0.996 and len(self.names) > 2:
                self.space_destroy()
            elif choice < 0.997:
                self.event("reap")
        self.event("mark text=last")

    def free_unnamed(self, name, free):
        if name != "cache":
            free()
            return
        named = set(self.reverse.values())
        for _ in range(8):
            i = self.random.randrange(len(self.live["cache"]))
            if self.live["cache"][i][0] not in named:
                self.live["cache"].append(self.live["cache"].pop(i))
                number, cache = self.live["cache"].pop()
                self.event(f"cache-free cache={self.first_cache + cache} object={number}")
                self.objects.give(number)
                return


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as text:
        Generator(text, int(sys.argv[2]), sys.stdout).run(int(sys.argv[3]))
