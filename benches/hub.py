#!/usr/bin/env python3
"""How much of a Parquet export a store by content has already, from the export before some documents went.

    python3 -m pip install numpy
    benches/hub.py target/release/sluice TEXT... [--documents 60000]

It makes documents of 1 to 4 kB from the paragraphs of TEXT, files of prose, builds a corpus of the slice books, and exports it. Then
it removes documents, exports again, and cuts both exports into chunks as Hugging Face's Xet does: where a rolling hash of the
bytes says so, of 8 to 128 KiB, 64 KiB on average. It prints which share of the bytes of the second is in chunks of the first.
"""

import argparse
import hashlib
import json
import pathlib
import random
import subprocess
import tempfile

import numpy

LEAST, MOST, MASK = 8 << 10, 128 << 10, numpy.uint32(0xFFFF0000)
GEAR = numpy.random.default_rng(1).integers(0, 1 << 32, 256, dtype=numpy.uint32)


def chunks(path):
    """The chunks of a file."""
    stored = path.read_bytes()
    values = GEAR[numpy.frombuffer(stored, numpy.uint8)]
    hashes = values.copy()
    for back in range(1, 32):
        hashes[back:] += values[:-back] << numpy.uint32(back)
    begin = 0
    for end in [*(numpy.flatnonzero((hashes & MASK) == 0) + 1), len(stored)]:
        while end - begin > MOST:
            yield stored[begin : begin + MOST]
            begin += MOST
        if end - begin >= LEAST or end == len(stored):
            yield stored[begin:end]
            begin = end


def write_documents(texts, path, count):
    rng = random.Random(5)
    prose = "\n".join(text.read_text(errors="replace") for text in texts)
    with open(path, "w") as file:
        for number in range(count):
            begin = rng.randrange(len(prose) - 4000)
            text = f"{number}\n" + prose[begin : begin + rng.randint(1000, 4000)]
            file.write(json.dumps({"text": text}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path, nargs="+")
    parser.add_argument("--documents", type=int, default=60_000)
    given = parser.parse_args()
    rng = random.Random(6)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def sluice(*command):
            subprocess.run([given.sluice.resolve(), *map(str, command), "--quiet"], check=True, stdout=subprocess.DEVNULL)

        def export():
            sluice("export", folder / "corpus", "--out", folder / "out", "--format", "parquet")
            found = {}
            for path in (folder / "out").rglob("*.parquet"):
                found.update({hashlib.sha256(chunk).digest(): len(chunk) for chunk in chunks(path)})
            return found

        write_documents(given.text, folder / "x.jsonl", given.documents)
        inputs = f'[[input]]\nslice = "books"\nlabel = "x"\npaths = ["{folder}/x.jsonl"]\n'
        (folder / "recipe.toml").write_text(f'[books]\ndedup = "none"\n{inputs}')
        sluice("build", folder / "recipe.toml", "--corpus", folder / "corpus")
        before = export()
        print(f"{given.documents} documents, {sum(before.values()) / 1e6:.1f} MB", flush=True)
        begin = rng.randrange(given.documents)
        for what, gone in {
            "one document": [begin],
            "20 documents in a row": range(begin, begin + 20),
            "0.1 % of the documents, anywhere": rng.sample(range(given.documents), given.documents // 1000),
            "1 % of the documents, anywhere": rng.sample(range(given.documents), given.documents // 100),
        }.items():
            (folder / "ids").write_text("".join(f"books/x/x.jsonl#{number}\n" for number in gone))
            sluice("remove", folder / "corpus", "--ids", folder / "ids")
            after = export()
            common = sum(size for digest, size in after.items() if digest in before)
            share = 100 * common / sum(after.values())
            print(f"{what + ' removed:':40} {share:5.1f} % of {sum(after.values()) / 1e6:.1f} MB in common", flush=True)
            sluice("restore", folder / "corpus", "--ids", folder / "ids")


if __name__ == "__main__":
    main()
