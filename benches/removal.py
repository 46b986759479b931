#!/usr/bin/env python3
"""What it costs to take documents out of a corpus, beside what it cost to build it.

    python3 benches/removal.py target/release/sluice --documents 1000000

It writes a dump of pages in English prose of made-up words: of each page some lines are of its site, some are on pages of
other sites too, and one page in ten is a copy of a page of another site. Then it builds the corpus, removes
1 % of the sites with about 8 % of the pages, removes one site with about 100 pages, and restores both. CPU
seconds are those of the whole command.
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

PAGES_PER_FILE = 20_000
SITES_PER_PAGE = 100  # One site for each so many pages.


def words(rng):
    syllables = ["ba", "re", "lo", "mi", "tu", "sen", "dor", "kal", "win", "pe", "ra", "sto", "len", "ga"]
    made = {"".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(20_000)}
    common = "the of and to in a is that for it was on are as with his they be at one have this from".split()
    return sorted(made), common


def sentence(rng, made, common):
    count = rng.randint(8, 22)
    text = [rng.choice(common) if rng.random() < 0.45 else rng.choice(made) for _ in range(count)]
    return " ".join(text).capitalize() + "."


def record(url, body):
    block = body.encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(block)}\r\n\r\n"
    ).encode()
    return gzip.compress(head + block + b"\r\n\r\n", 1)


def write_dump(folder, documents, rng):
    """Writes the dump. Returns the number of pages of each site."""
    made, common = words(rng)
    line = lambda: sentence(rng, made, common)
    shared = [line() for _ in range(2000)]
    sites = max(20, documents // SITES_PER_PAGE)
    # The largest site has some 8 % of a hundredth of the sites' share: sizes fall with rank.
    weights = [1 / (rank + 30) ** 0.9 for rank in range(sites)]
    menus = [[line() for _ in range(3)] for _ in range(sites)]
    counts, bodies = [0] * sites, []
    numbers = rng.choices(range(sites), weights, k=documents)
    for start in range(0, documents, PAGES_PER_FILE):
        with open(folder / f"{start // PAGES_PER_FILE:05}.warc.wet.gz", "wb") as file:
            for number in numbers[start : start + PAGES_PER_FILE]:
                counts[number] += 1
                if bodies and rng.random() < 0.1:
                    body = rng.choice(bodies)
                else:
                    body = "\n".join(menus[number] + [rng.choice(shared)] + [line() for _ in range(rng.randint(4, 12))])
                    if len(bodies) < 20_000:
                        bodies.append(body)
                    else:
                        bodies[rng.randrange(len(bodies))] = body
                url = f"https://www.site{number}.example/{counts[number]}"
                file.write(record(url, f"Page {counts[number]}\n{body}"))
    return counts


def run(command):
    """Runs a command. Returns its CPU and wall seconds, its peak memory in MiB, and its JSON."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return cpu, time.monotonic() - began, usage.ru_maxrss / 1024, json.loads(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--settings", default="", help="lines of [common_crawl]")
    parser.add_argument("-w", default="2")
    parser.add_argument("--folder", help="where to work; kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.folder or temporary)
        dump, corpus = folder / "dump", str(folder / "corpus")
        counts_file = folder / "counts.json"
        if counts_file.exists():
            counts = json.loads(counts_file.read_text())
        else:
            dump.mkdir(parents=True)
            counts = write_dump(dump, arguments.documents, random.Random(1))
            counts_file.write_text(json.dumps(counts))
        recipe = folder / "recipe.toml"
        table = f"[common_crawl]\nlanguages = []\nmin_language_score = 0.0\nmin_chars = 0\n{arguments.settings}\n"
        recipe.write_text(f'{table}[[input]]\nslice = "common_crawl"\nlabel = "dump"\npaths = ["{dump}/*"]\n')
        sluice = str(pathlib.Path(arguments.sluice).resolve())
        flags = ["-w", arguments.w, "--json", "--quiet"]
        build = run([sluice, "build", str(recipe), "--corpus", corpus, *flags])
        print(f"build: {build[0]:.1f} CPU s, {build[1]:.1f} s, {build[2]:.0f} MiB; {sum(counts):,} pages")

        # A hundredth of the sites, from the largest on, until they have 8 % of the pages.
        order = sorted(range(len(counts)), key=lambda site: -counts[site])
        chosen, pages = [], 0
        for site in order:
            if len(chosen) < len(counts) // 100 and pages + counts[site] <= 0.08 * sum(counts):
                chosen.append(site)
                pages += counts[site]
        one = min(order, key=lambda site: abs(counts[site] - 100))
        for name, sites in [("many", chosen), ("one", [one])]:
            listed = folder / f"{name}.txt"
            listed.write_text("".join(f"site{site}.example\n" for site in sites))
            for what in ["remove", "restore"]:
                cpu, wall, memory, found = run([sluice, what, corpus, "--domains", str(listed), *flags])
                documents = found["documents"]
                print(
                    f"{what} {len(sites)} sites: {cpu:.1f} CPU s ({100 * cpu / build[0]:.1f} % of the build), {wall:.1f} s, "
                    f"{memory:.0f} MiB; {found['read_again']:,} read again; {json.dumps(documents)}"
                )


if __name__ == "__main__":
    main()
