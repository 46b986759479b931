#!/usr/bin/env python3
"""RedPajama's GitHub slice in Python, step by step, for comparison with ours.

    python3 benches/github_original.py INPUT.gz... --out FOLDER [--tokenizer tokenizer.json]

INPUTs are exports of BigQuery's `github_repos`: gzipped JSON lines. Follows the description of
RedPajama-Data@rp_v1 `data_prep/github` in docs/fidelity.md, in three passes over files, as upstream
does: clean and deduplicate each chunk, deduplicate over all chunks, filter. The code is our own.
Prints, as JSON, the bytes of text read, the files kept and dropped, and the CPU seconds of this
process; writes `filtered_NNNN.jsonl.gz` into FOLDER.

`benches/github.sh` compares speed and results.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import time
from collections import Counter

BLOCK_COMMENT = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")
COPYRIGHT = re.compile("copyright", re.IGNORECASE)
LINE_COMMENTS = ("//", "#", "--")
LICENCES = ("mit", "bsd", "apache")
ENDINGS = tuple(
    ".asm .bat .cmd .c .h .cs .cpp .hpp .c++ .h++ .cc .hh .C .H .cmake .css .dockerfile .f90 .f .f03"
    " .f08 .f77 .f95 .for .fpp .go .hs .html .java .js .jl .lua .md .markdown .php .php3 .php4 .php5"
    " .phps .phpt .pl .pm .pod .perl .ps1 .psd1 .psm1 .py .rb .rs .sql .scala .sh .bash .command .zsh"
    " .ts .tsx .tex .vb Dockerfile Makefile .xml .rst .m .smali".split()
)


def clean(text):
    found = BLOCK_COMMENT.search(text)
    if found:
        begin, end = found.span()
        if COPYRIGHT.search(text[begin:end]):
            text = text[:begin] + text[end:]
        return text
    lines = text.split("\n")
    skip = 0
    for line in lines:
        if line and not line.startswith(LINE_COMMENTS):
            break
        skip += 1
    return "\n".join(lines[skip:]) if skip else text


def statistics(text):
    lengths = [len(line) for line in text.splitlines()]
    if not lengths:
        return {"line_count": 0, "max_line_length": 0, "avg_line_length": 0, "alnum_prop": 0}
    return {
        "line_count": len(lengths),
        "max_line_length": max(lengths),
        "avg_line_length": len(text) / len(lengths),
        "alnum_prop": sum(map(str.isalnum, text)) / len(text),
    }


def clean_chunk(path, folder, number, counts):
    """Step 1: cleans a chunk, and keeps each text once."""
    seen = set()
    run, stats = (os.path.join(folder, f"{kind}_{number:04}.jsonl") for kind in ("run", "stats"))
    with gzip.open(path, "rt", encoding="utf-8") as rows, open(run, "w") as run, open(stats, "w") as stats:
        for line in rows:
            counts["read"] += 1
            row = json.loads(line)
            text = row["content"]
            raw = text.encode("utf-8")
            counts["bytes"] += len(raw)
            # Upstream's query selects licences.
            if not row["license"].startswith(LICENCES):
                counts["license"] += 1
                continue
            if row["path"].endswith(".crt"):
                counts["certificate"] += 1
                continue
            if row["path"] == "LICENSE":
                counts["license_file"] += 1
                continue
            digest = hashlib.md5(raw).hexdigest()
            if digest in seen:
                counts["duplicate"] += 1
                continue
            seen.add(digest)
            text = clean(text)
            numbers = statistics(text)
            meta = {"content_hash": digest, "timestamp": "", "source": "github", **numbers}
            meta.update((name, value) for name, value in row.items() if name != "content")
            run.write(json.dumps({"text": text, "meta": meta}) + "\n")
            numbers |= {"content_hash": digest, "path": row["path"]}
            stats.write(json.dumps(numbers) + "\n")


def deduplicate(chunks, folder, counts):
    """Step 2: keeps the first copy of each text over all chunks."""
    seen = set()
    for number in range(chunks):
        keep = set()
        with open(os.path.join(folder, f"stats_{number:04}.jsonl")) as stats:
            for line in stats:
                digest = json.loads(line)["content_hash"]
                if digest not in seen:
                    seen.add(digest)
                    keep.add(digest)
        run, out = (os.path.join(folder, f"{kind}_{number:04}.jsonl") for kind in ("run", "deduped"))
        with open(run) as run, open(out, "w") as out:
            for line in run:
                if json.loads(line)["meta"]["content_hash"] in keep:
                    out.write(line)
                else:
                    counts["duplicate"] += 1


def reason_to_discard(record, tokenizer):
    text, meta = record["text"], record["meta"]
    if not text:
        return "empty"
    if not meta["path"].endswith(ENDINGS):
        return "extension"
    if meta["max_line_length"] > 1000:
        return "max_line_length"
    if meta["avg_line_length"] > 100:
        return "avg_line_length"
    if meta["alnum_prop"] < 0.25:
        return "alnum_prop"
    if tokenizer:
        tokens = len(tokenizer.encode(text, add_special_tokens=False).ids)
        if sum(map(str.isalpha, text)) / tokens < 1.5:
            return "tokens_ratio"
    return None


def filter_chunk(folder, number, tokenizer, counts):
    """Step 3: filters a chunk."""
    path, out = (
        os.path.join(folder, name)
        for name in (f"deduped_{number:04}.jsonl", f"filtered_{number:04}.jsonl.gz")
    )
    with open(path) as records, gzip.open(out, "wt", compresslevel=6) as out:
        for line in records:
            reason = reason_to_discard(json.loads(line), tokenizer)
            counts[reason or "kept"] += 1
            if reason is None:
                out.write(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--out", required=True)
    parser.add_argument("--tokenizer")
    arguments = parser.parse_args()
    tokenizer = None
    if arguments.tokenizer:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(arguments.tokenizer)
    os.makedirs(arguments.out, exist_ok=True)
    counts = Counter()
    began = time.process_time()
    for number, path in enumerate(arguments.inputs):
        clean_chunk(path, arguments.out, number, counts)
    deduplicate(len(arguments.inputs), arguments.out, counts)
    for number in range(len(arguments.inputs)):
        filter_chunk(arguments.out, number, tokenizer, counts)
    print(json.dumps({**counts, "cpu_s": round(time.process_time() - began, 3)}))


if __name__ == "__main__":
    main()
