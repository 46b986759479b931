#!/usr/bin/env python3
"""How fast is a slice, beside the Python original on the same files in the same run?

    benches/beside.py SLICE ORIGINAL IN... [--settings LINES] [--sluice PATH] [--python PATH] [--runs N]

for example, with the test data:

    cargo build --release
    benches/beside.py c4 benches/c4_original.py ../shared/data/c4/*.json.gz --times 40

`sluice build -w 1` and `ORIGINAL IN... OUT` take turns; of each the CPU seconds of the best run
count, start and all threads included. --times N takes each input N times under other names, so that
starting is a small part. MB are those of the text read, as `sluice status` counts it.
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
    # 3: done, and some of the input was malformed.
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
    parser.add_argument("--args", default="", help="more arguments of the original")
    parser.add_argument("--sluice", type=Path, default=Path("target/release/sluice"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--times", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        inputs = []
        for number in range(given.times):
            for path in given.inputs:
                link = folder / f"in/{number:04}" / path.name
                link.parent.mkdir(parents=True, exist_ok=True)
                # Copies, so that a slice that looks for links finds none.
                shutil.copytree(path, link) if path.is_dir() else shutil.copy(path, link)
                inputs.append(str(link))
        recipe = folder / "recipe.toml"
        settings = given.settings.replace("\\n", "\n")
        listed = json.dumps(inputs)
        recipe.write_text(
            f"{given.top}\n[{given.slice}]\n{settings}\n"
            f'[[input]]\nslice = "{given.slice}"\nlabel = "a"\npaths = {listed}\n'
        )
        corpus, out = folder / "corpus", folder / "out.jsonl"
        ours, theirs = [], []
        for _ in range(given.runs):
            shutil.rmtree(corpus, ignore_errors=True)
            build = [given.sluice, "build", recipe, "--corpus", corpus, "--quiet", "-w", "1"]
            ours.append(cpu_seconds(build))
            out.unlink(missing_ok=True)
            original = [given.python, given.original, *given.args.split(), *inputs, out]
            theirs.append(cpu_seconds(original))
        status = subprocess.run(
            [given.sluice, "status", corpus, "--json"], capture_output=True, check=True
        )
        label = json.loads(status.stdout)["slices"][given.slice]["labels"]["a"]
        with open(out, "rb") as lines:
            written = sum(1 for _ in lines)
        mb = label["bytes_read"] / 1e6
        stored = sum(f.stat().st_size for p in inputs for f in files(Path(p))) / 1e6
        print(f"{given.slice}: {mb:.1f} MB of text read ({stored:.1f} MB stored), {label['kept']} kept")
        print(f"  sluice   {min(ours):8.2f} CPU s {mb / min(ours):8.1f} MB / CPU s")
        print(f"  original {min(theirs):8.2f} CPU s {mb / min(theirs):8.1f} MB / CPU s, {written} kept")
        print(f"  ratio    {min(theirs) / min(ours):8.1f}")


def files(path):
    if not path.is_dir():
        return [path]
    return [p for p in path.rglob("*") if p.is_file() and not p.is_symlink()]


main()
