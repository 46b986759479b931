#!/usr/bin/env python3
"""What repeated passages cost to cut, and which are left.

    cargo build --release -p similarity --example repeats_left
    benches/passages.py target/release/sluice target/release/examples/repeats_left INPUT...

INPUT are files of JSON lines with a text, packed or not. Without any, it writes documents of made-up words of
--megabytes, a third of which have passages of 600 bytes and more that others have too. It builds a corpus of the slice
books without deduplication, one with `dedup = "exact"` and one with `dedup = "passages"`, and prints what each takes:
CPU seconds of the whole command, MB of text per CPU second, peak memory, and bytes of the index. Then it exports the first and
the last, and repeats_left compares every window of --found bytes with all others. Ends with 1 if one is left that
stood together in two documents as they were read.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

METHODS = ["none", "exact", "passages"]


def write_documents(path, megabytes):
    rng = random.Random(18)
    syllables = ["ba", "re", "lo", "mi", "tu", "sen", "dor", "kal", "win", "pe", "ra", "sto", "len", "ga", "fu", "é"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(50_000)]

    def prose(bytes_least):
        text = ""
        while len(text) < bytes_least:
            text += " ".join(rng.choices(words, k=rng.randint(5, 25))).capitalize() + rng.choice([". ", ".\n"])
        return text

    passages = [prose(rng.choice([600, 700, 1000, 3000])) for _ in range(2000)]
    written = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            text = prose(rng.randint(200, 6000))
            while rng.random() < 0.33:
                text += rng.choice(passages) + prose(rng.randint(200, 3000))
            written += len(text.encode())
            file.write(json.dumps({"text": text}) + "\n")


def run(command):
    """Runs a command. Returns its CPU and wall seconds and its peak memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} failed")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice")
    parser.add_argument("repeats_left")
    parser.add_argument("input", nargs="*")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--min-bytes", type=int, default=500)
    parser.add_argument("--found", type=int, default=600)
    parser.add_argument("-w", default="2")
    parser.add_argument("--folder", help="where to work; kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        inputs = [str(pathlib.Path(path).resolve()) for path in arguments.input]
        if not inputs:
            inputs = [str(folder / "documents.jsonl")]
            write_documents(inputs[0], arguments.megabytes)
        sluice = str(pathlib.Path(arguments.sluice).resolve())
        exports, bytes_read = {}, 0
        for method in METHODS:
            recipe, corpus = folder / f"{method}.toml", folder / method
            table = f'{{ method = "passages", min_bytes = {arguments.min_bytes} }}'
            dedup = table if method == "passages" else f'"{method}"'
            recipe.write_text(
                f"[books]\ndedup = {dedup}\n"
                f'[[input]]\nslice = "books"\nlabel = "x"\npaths = {json.dumps(inputs)}\n'
            )
            cpu, wall, memory = run([sluice, "build", str(recipe), "--corpus", str(corpus), "-w", arguments.w, "--quiet"])
            run([sluice, "export", str(corpus), "--out", str(folder / f"{method}-out"), "--quiet"])
            exports[method] = sorted(str(path) for path in (folder / f"{method}-out").rglob("*.jsonl"))
            status = json.loads(subprocess.check_output([sluice, "status", str(corpus), "--json"]))
            label = status["slices"]["books"]["labels"]["x"]
            bytes_read = bytes_read or label["bytes_kept"]
            state = sum(path.stat().st_size for path in (corpus / "state").iterdir()) if (corpus / "state").exists() else 0
            print(
                f"{method:9} {cpu:7.1f} CPU s {wall:7.1f} s {bytes_read / 1e6 / cpu:7.1f} MB/CPU s {memory:6.0f} MiB "
                f"index {state / 1e6:7.1f} MB  text {label['bytes_kept'] / 1e6:8.1f} MB  dropped {label['dropped']}",
                flush=True,
            )
        check = [arguments.repeats_left, str(arguments.found), *exports["passages"], "--read", *exports["none"]]
        sys.exit(subprocess.run(check).returncode)


main()
