#!/usr/bin/env python3
"""What the methods of deduplication cost, and which repeated passages are left.

    cargo build --release -p similarity --example repeats_left
    benches/dedup.py target/release/sluice target/release/examples/repeats_left INPUT...

INPUT are files of JSON lines with a text, packed or not. Without any, it writes documents of made-up words of
--megabytes, a third of which have passages of 600 bytes and more that others have too. It builds a corpus of the slice
books with each method, exports it, and prints what that takes: CPU seconds of the build, which writes the documents, MB of text
per CPU second, the peak memory, CPU seconds of the export, and bytes of the index. Beside them, where this Python has the module duckdb, the
same for texts and lines in one query of DuckDB, which writes JSON lines. At the end repeats_left compares every window of
--found bytes that passages left with all others. Ends with 1 if one is left that stood together in two documents as
they were read.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

METHODS = {
    "none": '"none"',
    "exact": '"exact"',
    "lines": '"lines"',
    "paragraphs": '"paragraphs"',
    "simhash": '"simhash"',
    "minhash": '"minhash"',
    "minhash_text": '{ method = "minhash", verify = "text" }',
    "passages": '{ method = "passages", min_bytes = MIN_BYTES }',
}

# Line numbers keep the lines of a text in order.
QUERIES = {
    "exact": "select any_value(text) as text from {read} group by md5_number(text)",
    "lines": """
        with texts as (select row_number() over () as id, string_split(text, chr(10)) as lines from {read}),
        lines as (select id, unnest(lines) as line, generate_subscripts(lines, 1) as number from texts),
        firsts as (select any_value(line) as line, min((id, number)) as first_at from lines group by md5_number(line))
        select string_agg(line, chr(10) order by first_at) as text from firsts group by first_at[1]""",
}


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


def run(command, **more):
    """Runs a command. Returns its CPU and wall seconds and its peak memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} failed")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024


def beside_duckdb(inputs, folder, threads, bytes_read):
    read = f"read_json({inputs!r}, format='newline_delimited', columns={{text:'VARCHAR'}}, maximum_object_size=67108864)"
    for method, query in QUERIES.items():
        copy = f"copy ({query.format(read=read)}) to '{folder}/duckdb.jsonl' (format json)"
        code = f"import duckdb; duckdb.execute('set threads={threads}'); duckdb.execute('set preserve_insertion_order=false'); duckdb.execute({copy!r})"
        cpu, _, memory = run([sys.executable, "-c", code])
        print(f"{method:12} {cpu:6.1f} CPU s {bytes_read / 1e6 / cpu:6.1f} MB/CPU s {memory:6.0f} MiB DuckDB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice")
    parser.add_argument("repeats_left")
    parser.add_argument("input", nargs="*")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--min-bytes", type=int, default=500)
    parser.add_argument("--found", type=int, default=600)
    parser.add_argument("-w", default="2")
    parser.add_argument("--memory", default="4G", help="as for sluice build")
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
        for method, dedup in METHODS.items():
            recipe, corpus = folder / f"{method}.toml", folder / method
            dedup = dedup.replace("MIN_BYTES", str(arguments.min_bytes))
            recipe.write_text(
                f"[books]\ndedup = {dedup}\n"
                f'[[input]]\nslice = "books"\nlabel = "x"\npaths = {json.dumps(inputs)}\n'
            )
            build = [sluice, "build", str(recipe), "--corpus", str(corpus), "--memory", arguments.memory]
            cpu, _, memory = run([*build, "-w", arguments.w, "--quiet"])
            out = folder / f"{method}-out"
            export = run([sluice, "export", str(corpus), "--out", str(out), "-w", arguments.w, "--quiet"])[0]
            exports[method] = sorted(str(path) for path in (folder / f"{method}-out").rglob("*.jsonl"))
            status = json.loads(subprocess.check_output([sluice, "status", str(corpus), "--json"]))
            label = status["slices"]["books"]["labels"]["x"]
            bytes_read = bytes_read or label["bytes_kept"]
            state = sum(path.stat().st_size for path in (corpus / "state").iterdir()) if (corpus / "state").exists() else 0
            print(
                f"{method:12} {cpu:6.1f} CPU s {bytes_read / 1e6 / cpu:6.1f} MB/CPU s {memory:6.0f} MiB (export {export:4.1f} CPU s) "
                f"index {state / 1e6:7.1f} MB  text {label['bytes_kept'] / 1e6:8.1f} MB  dropped {label['dropped']}",
                flush=True,
            )
        if importlib.util.find_spec("duckdb"):
            beside_duckdb(inputs, folder, arguments.w, bytes_read)
        else:
            print("skipped: DuckDB, which this Python does not have")
        check = [arguments.repeats_left, str(arguments.found), *exports["passages"], "--read", *exports["none"]]
        sys.exit(subprocess.run(check).returncode)


if __name__ == "__main__":
    main()
