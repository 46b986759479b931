#!/usr/bin/env python3
"""What a commit costs in a corpus with few commits and with many.

    benches/commits.py target/release/sluice [--files 2000]

It writes WET files of one page. For a hundredth of them, a tenth, and all, it builds a corpus in which each file is an epoch and
a commit of its own, then adds one more, and prints: wall and CPU time of the build for each commit, and of the last one
alone, the size of the last manifest, and the time that `status` takes.
"""

import argparse
import pathlib
import tempfile

from dedup import run
from removal import record


def page(number):
    lines = "\n".join(f"This is the line {line} of the page {number:x}, and no other page has it." for line in range(20))
    return record(f"https://site{number % 97}.example/{number}", f"Page {number}\n{lines}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice", type=pathlib.Path)
    parser.add_argument("--files", type=int, default=2000)
    given = parser.parse_args()
    sluice = given.sluice.resolve()
    for files in [given.files // 100, given.files // 10, given.files]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            for name, numbers in [("all", range(files)), ("more", [files])]:
                (folder / name).mkdir()
                for number in numbers:
                    (folder / name / f"{number:06}.warc.wet.gz").write_bytes(page(number))
            corpus = folder / "corpus"
            (folder / "recipe.toml").write_text(
                f'corpus = "{corpus}"\n[common_crawl]\nlanguages = []\n'
                f'[[input]]\nslice = "common_crawl"\nlabel = "all"\npaths = ["{folder}/all"]\n'
            )
            often = ["--quiet", "-w", "1", "--epoch-bytes", "1", "--commit-every", "0.001K"]
            cpu, wall, _ = run([sluice, "build", folder / "recipe.toml", *often])
            add = [sluice, "add", corpus, "--slice", "common_crawl", "--label", "more", folder / "more", *often]
            more_cpu, more, _ = run(add)
            _, status, _ = run([sluice, "status", corpus])
            newest = max((corpus / "commits").iterdir(), key=lambda path: path.stat().st_mtime)
            print(
                f"{files:6} commits: {wall / files * 1e3:5.1f} ms, {cpu / files * 1e3:5.1f} CPU ms for each; one more"
                f" {more * 1e3:5.1f} ms, {more_cpu * 1e3:5.1f} CPU ms; manifest {newest.stat().st_size:9} B;"
                f" status {status * 1e3:5.1f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
