#!/usr/bin/env python3
"""Writes a dump of WET files of any size, with repeats that grow with the amount.

    benches/wet_dump.py SOURCE.warc.wet.gz FOLDER [--gigabytes 20] [--files 400] [--seed 1]

Pages are those of SOURCE, varied. Of the lines of a page, 30 % are as in SOURCE, as the menus of a site are; 30 % have a
number from a distribution with a heavy tail, so that some repeat often and others rarely; 40 % are unlike all others. Numbers are
written in letters, since CCNet compares paragraphs without their digits. 4 % of the pages are copies of pages that may be in any other file. Each file depends on the seed and its own number alone. Each
record is a gzip member, as in Common Crawl. Takes about 25 CPU seconds for each gigabyte of text.
"""

import argparse
import base64
import gzip
import hashlib
import random
import re
import zlib
from pathlib import Path

LETTERS = bytes.maketrans(b"0123456789", b"abcdefghij")

HEAD = b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: %s\r\nWARC-Date: 2023-02-01T00:00:00Z\r\n"
HEAD += b"WARC-Block-Digest: sha1:%s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"


def pages(source):
    """The pages of a WET file: the address, and the lines."""
    stored, at, found = gzip.open(source).read(), 0, []
    while at < len(stored):
        end = stored.index(b"\r\n\r\n", at) + 4
        head = stored[at:end]
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        if b"conversion" in head:
            address = re.search(rb"(?i)target-uri: *(\S+)", head)[1]
            found.append((address, stored[end : end + length].split(b"\n")))
        at = end + length + 4
    return found


def varied(lines, number, place):
    """The lines of a page, with repeats of three kinds. `place` is in no other page."""
    out, draw = [], number.random
    for line in lines:
        kind = draw()
        if kind < 0.4:
            line += (b" %sl%d" % (place, len(out))).translate(LETTERS)
        elif kind < 0.7:
            line += (b" %d" % min(draw() ** -2.5, 1e15)).translate(LETTERS)
        out.append(line)
    return b"\n".join(out)


def record(base, number, place):
    address, lines = number.choice(base)
    block = varied(lines, number, place)
    digest = base64.b32encode(hashlib.sha1(block).digest())
    member = zlib.compressobj(1, zlib.DEFLATED, 31)
    head = HEAD % (address + b"?" + place, digest, len(block))
    return len(block), member.compress(head + block + b"\r\n\r\n") + member.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    base, wanted = pages(given.source), given.gigabytes * 1e9 / given.files
    given.folder.mkdir(parents=True, exist_ok=True)
    for file in range(given.files):
        path = given.folder / f"CC-MAIN-20230201000000-20230201030000-{file:05}.warc.wet.gz"
        if path.exists():
            continue
        number, bytes, page = random.Random(f"{given.seed} {file}"), 0, 0
        with open(f"{path}.part", "wb") as out:
            while bytes < wanted:
                page += 1
                if number.random() < 0.04:
                    # A page that depends on its number only.
                    copy = int(min(number.random() ** -2, 1e12))
                    length, member = record(base, random.Random(copy), b"c%d" % copy)
                else:
                    length, member = record(base, number, b"f%dp%d" % (file, page))
                bytes += length
                out.write(member)
        Path(f"{path}.part").rename(path)


if __name__ == "__main__":
    main()
