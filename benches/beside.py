#!/usr/bin/env python3
"""Compares the speed of a slice with the Python original, on the same files in the same run.

    benches/beside.py SLICE ORIGINAL IN... [--settings LINES] [--sluice PATH] [--python PATH] [--runs N]

For example, with the test data:

    cargo build --release
    benches/beside.py c4 benches/c4_original.py "$SLUICE_TEST_DATA"/c4/*.json.gz --times 40

Runs `sluice build -w 1` and `ORIGINAL IN... OUT` in turn, and reports the CPU seconds of the best run
of each, including start and all threads. --times N uses N copies of each input with other names, so
that the start is a small part. MB are of the text read, as counted by `sluice status`.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # 3: completed, but some input was malformed.
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("slice")
    parser.add_argument("original", help="a script that takes IN... OUT")
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--settings", default="", help="lines of the slice's table")
    parser.add_argument("--top", default="", help="lines above the slice's table")
    parser.add_argument("--args", default="", help="additional arguments of the original")
    parser.add_argument("--sluice", type=Path, default=Path("target/release/sluice"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        inputs = []
        for number in range(options.times):
            for path in options.inputs:
                link = folder / f"in/{number:04}" / path.name
                link.parent.mkdir(parents=True, exist_ok=True)
                # Copies, since some slices treat links differently.
                shutil.copytree(path, link) if path.is_dir() else shutil.copy(path, link)
                inputs.append(str(link))
        recipe = folder / "recipe.toml"
        settings = options.settings.replace("\\n", "\n")
        listed = json.dumps(inputs)
        recipe.write_text(
            f"{options.top}\n[{options.slice}]\n{settings}\n"
            f'[[input]]\nslice = "{options.slice}"\nlabel = "a"\npaths = {listed}\n'
        )
        corpus, out = folder / "corpus", folder / "out.jsonl"
        ours, theirs = [], []
        for _ in range(options.runs):
            shutil.rmtree(corpus, ignore_errors=True)
            build = [options.sluice, "build", recipe, "--corpus", corpus, "--quiet", "-w", "1"]
            ours.append(cpu_seconds(build))
            out.unlink(missing_ok=True)
            original = [options.python, options.original, *options.args.split(), *inputs, out]
            theirs.append(cpu_seconds(original))
        status = subprocess.run(
            [options.sluice, "status", corpus, "--json"], capture_output=True, check=True
        )
        label = json.loads(status.stdout)["slices"][options.slice]["labels"]["a"]
        with open(out, "rb") as lines:
            written = sum(1 for _ in lines)
        mb = label["bytes_read"] / 1e6
        stored = sum(f.stat().st_size for p in inputs for f in files(Path(p))) / 1e6
        print(f"{options.slice}: {mb:.1f} MB of text read ({stored:.1f} MB stored), {label['kept']} kept")
        print(f"  sluice   {min(ours):8.2f} CPU s {mb / min(ours):8.1f} MB / CPU s")
        print(f"  original {min(theirs):8.2f} CPU s {mb / min(theirs):8.1f} MB / CPU s, {written} kept")
        print(f"  ratio    {min(theirs) / min(ours):8.1f}")


def files(path):
    if not path.is_dir():
        return [path]
    return [p for p in path.rglob("*") if p.is_file() and not p.is_symlink()]


main()
