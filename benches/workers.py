#!/usr/bin/env python3
"""How much faster are two workers than one, on inputs that are hard to divide?

    benches/workers.py SLUICE DATA [FOLDER]

SLUICE is a release build, DATA the folder of the test data. Makes inputs in FOLDER (default
target/bench-workers), builds a corpus of each with one worker and with two, several times in turn, and prints for each:
wall clock, CPU time of the whole program, and CPU time of its busiest thread, which bounds the wall clock
on a machine with enough cores, with its name. One worker already has reading threads beside it, so on two cores the wall
clock cannot be halved.

Two threads may share a core, or its caches: then each takes more CPU time than alone. How much more is printed last: two builds with
one worker at once, beside one.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TIMES = 3
COPIES = 16


def wet_copies(source, folder, differ):
    """Copies of a WET file; with `differ`, no line of one is in another."""
    folder.mkdir(parents=True)
    stored = gzip.open(source).read()
    for copy in range(COPIES):
        out, at = [], 0
        while at < len(stored):
            end = stored.index(b"\r\n\r\n", at) + 4
            head = stored[at:end]
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            body, at = stored[end : end + length], end + length + 4
            if differ and b"conversion" in head:
                body = b"\n".join(line + b" copy%d" % copy for line in body.split(b"\n"))
                head = re.sub(rb"(?i)content-length: *\d+", b"Content-Length: %d" % len(body), head)
            out.append(gzip.compress(head + body + b"\r\n\r\n", 6))
        (folder / f"{copy}.warc.wet.gz").write_bytes(b"".join(out))


def site(source, folder):
    """One large site of StackExchange: the posts of a small one, again and again."""
    folder.mkdir(parents=True)
    rows = re.findall(r"<row [^>]*/>", source.read_text(encoding="utf-8"))
    with open(folder / "Posts.xml", "w", encoding="utf-8") as out:
        out.write('<?xml version="1.0" encoding="utf-8"?>\n<posts>\n')
        for copy in range(600):
            more = lambda match: f'{match[1]}="{int(match[2]) + copy * 1_000_000}"'
            for row in rows:
                out.write(re.sub(r"\b(Id|ParentId|AcceptedAnswerId)=\"(\d+)\"", more, row) + "\n")
        out.write("</posts>\n")


def wiki(source, file):
    """One large dump of Wikipedia: the articles of a small one, again and again."""
    import bz2

    text = bz2.open(source, "rt", encoding="utf-8").read()
    head, pages = text[: text.index("<page>")], re.findall(r"<page>.*?</page>", text, re.S)
    with open(file, "w", encoding="utf-8") as out:
        out.write(head)
        for copy in range(80):
            for number, page in enumerate(pages):
                page = re.sub(r"<id>\d+", f"<id>{copy * len(pages) + number + 1}", page, count=1)
                out.write(re.sub(r"</title>", f" {copy}</title>", page, count=1) + "\n")
        out.write("</mediawiki>\n")


def measure(command):
    """Runs a command. Returns its seconds of wall clock, of CPU, and of its busiest thread, and the name of that."""
    began, threads, names = time.time(), {}, {}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None:
        try:
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                stat = Path(f"/proc/{process.pid}/task/{thread}/stat").read_text()
                names[thread] = stat[stat.index("(") + 1 : stat.rindex(")")]
                fields = stat.rsplit(") ", 1)[1].split()
                threads[thread] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
        time.sleep(0.02)
    if process.returncode not in (0, 3):
        sys.exit(process.stderr.read().decode())
    busiest = max(threads, key=threads.get)
    return time.time() - began, sum(threads.values()), threads[busiest], names[busiest]


def main():
    sluice, data = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else "target/bench-workers").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wet = data / "commoncrawl/wet_derived/derived_shared.warc.wet.gz"
    wet_copies(wet, folder / "near", differ=False)
    wet_copies(wet, folder / "far", differ=True)
    wiki(data / "wikipedia/ltgwiki-latest-pages-articles.xml.bz2", folder / "ltgwiki-20230401-pages-articles.xml")
    site(data / "stackexchange/datascience.stackexchange.com/Posts.xml", folder / "datascience.stackexchange.com")
    models = data / "models"
    (folder / "recipe.toml").write_text(
        f'corpus = "corpus"\nlid = "{models}/langid/lid.176.ftz"\n'
        f'tokenizer = "{models}/tokenizers/gpt_neox_20B_tokenizer.json"\n'
        f'[common_crawl]\nlanguages = []\nlm = "{models}/ccnet_like"\n'
        f'classifier = "{models}/quality/quality_wiki_vs_cc.ftz"\n[wikipedia]\nlanguages = []\n'
    )
    print("| input | w1: wall | CPU | busiest | w2: wall | CPU | busiest | wall, w1 / w2 | busiest, w1 / w2 | |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    add = lambda corpus, slice, name, workers: [
        *map(str, [sluice, "add", corpus, "--slice", slice, "--label", "x", folder / name]),
        *["-w", str(workers), "--quiet"],
    ]

    def empty(name):
        corpus = folder / name
        shutil.rmtree(corpus, ignore_errors=True)
        subprocess.run([sluice, "build", folder / "recipe.toml", "--corpus", corpus, "--quiet"], check=True)
        return corpus

    for name, what, slice in [
        ("far", f"{COPIES} WET files without common lines, all models", "common_crawl"),
        ("near", f"{COPIES} identical WET files, all models", "common_crawl"),
        ("ltgwiki-20230401-pages-articles.xml", "one dump of Wikipedia, tokens", "wikipedia"),
        ("datascience.stackexchange.com", "one site of StackExchange, language and tokens", "stack_exchange"),
    ]:
        best = {1: None, 2: None}
        for _ in range(TIMES):
            for workers in best:
                found = measure(add(empty("corpus"), slice, name, workers))
                best[workers] = min(best[workers] or found, found)
        one, two = best[1], best[2]
        seconds = " | ".join(f"{second:.2f}" for second in one[:3] + two[:3])
        ratios = f"{one[0] / two[0]:.2f} | {one[2] / two[2]:.2f}"
        print(f"| {what} | {seconds} | {ratios} | {one[3]}, {two[3]} |", flush=True)
    alone, beside = [], []
    for _ in range(TIMES):
        alone.append(measure(add(empty("corpus"), "common_crawl", "far", 1))[2])
        first, second = empty("corpus"), empty("other")
        other = subprocess.Popen(add(second, "common_crawl", "far", 1), stderr=subprocess.DEVNULL)
        beside.append(measure(add(first, "common_crawl", "far", 1))[2])
        other.wait()
    print(f"the first, one worker: busiest thread {min(alone):.2f} s, beside another build {min(beside):.2f} s")


if __name__ == "__main__":
    main()
