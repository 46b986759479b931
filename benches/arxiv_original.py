#!/usr/bin/env python3
"""Compares upstream's cleaning of arXiv papers, written from its description, with `sluice`.

    python3 benches/arxiv_original.py PAPERS... [--sluice BINARY] [--copies N]

PAPERS are bulk archives (YYMM/ID.gz in a tar) and single e-prints (.gz, .tar.gz, .tex). For each
paper this does what RedPajama-Data@rp_v1 `data_prep/arxiv/arxiv_cleaner.py` does, with similar
regular expressions. With --sluice, the program also builds a corpus of the same files with
`clean = "redpajama"`; then texts are compared paper by paper, and the speed of both is printed, in MB
of LaTeX per CPU second. --copies N reads every file N times, for steadier figures; the program reads
copies. The time of the program includes language identification, that of Python does not.

Exits with 1 if a text differs. Needs only Python's standard library.
"""

import argparse
import gzip
import io
import json
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

# The start of a section. Upstream has no bar between the last two, so they only match together.
ARGUMENTS = r"\*?(?:\[(?:.*?)\])?\{(?:.*?)\}"
LEVELS = ["chapter", "part", "section", "subsection", "subsubsection"]
HEADER = re.compile(
    "|".join(r"\\%s%s" % (level, ARGUMENTS) for level in LEVELS)
    + r"|\\paragraph%s\\subparagraph%s" % (ARGUMENTS, ARGUMENTS),
    re.DOTALL,
)
COMMENT_LINE = re.compile(r"^%.*\n?", re.MULTILINE)
COMMENT = re.compile(r"[^\\]%.+$", re.MULTILINE)
TAIL = re.compile(
    r"\\appendix|\\begin\{(?:references|REFERENCES|thebibliography)\}|\\bibliography\{.*\}",
    re.DOTALL,
)
NEWCOMMAND = re.compile(r"\\newcommand\*?\{(\\[a-zA-Z0-9]+)\}\{(.*?)\}$", re.MULTILINE)
DEF = re.compile(r"\\def\s*(\\[a-zA-Z0-9]+)\s*\{(.*?)\}$", re.MULTILINE)


def escaped(text):
    return text.encode("unicode-escape").decode("utf-8")


def macro_table(text):
    """Names and values as patterns and templates."""
    table = {}
    for pattern in (NEWCOMMAND, DEF):
        for found in pattern.finditer(text):
            table[escaped(found[1])] = escaped(found[2])
    return table


def clean_file(text, macros):
    header = HEADER.search(text)
    if not header:
        return ""
    text = COMMENT_LINE.sub("", text[header.start():])
    text = COMMENT.sub("", text)
    tail = TAIL.search(text)
    text = text[: tail.start()] if tail else text
    for name, value in macros.items():
        text = re.sub("(" + name + ")([^a-zA-Z0-9])", value + r"\2", text)
    return text


def clean(texts):
    macros = {}
    for text in texts:
        macros.update(macro_table(text))
    return "\n".join(clean_file(text, macros) for text in texts)


def tex_files(stored):
    """The .tex files in the bytes of an e-print; the e-print itself if it is not an archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(stored)) as archive:
            names = [member for member in archive.getmembers() if member.name.endswith(".tex")]
            return [archive.extractfile(member).read() for member in names]
    except tarfile.ReadError:
        is_gzip = stored.startswith(b"\x1f\x8b")
        return [gzip.decompress(stored) if is_gzip else stored]


def is_bulk(path):
    if not tarfile.is_tarfile(path) or path.suffix != ".tar":
        return False
    with tarfile.open(path) as archive:
        first = next((member for member in archive if member.isfile()), None)
        return bool(first and re.search(r"(^|/)\d{4}/[^/]*\.(gz|pdf)$", first.name))


def eprints(path):
    """Identifier and stored bytes of each paper of a file."""
    if not is_bulk(path):
        stem = re.sub(r"(\.tar|\.tex)?(\.gz|\.tgz)?$", "", path.name)
        yield re.sub(r"\.tex$", "", stem), path.read_bytes()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".gz"):
                yield pathlib.Path(member.name).stem, archive.extractfile(member).read()


def original(paths):
    """The texts by identifier, the bytes of their LaTeX, and the CPU seconds."""
    texts, size, began = {}, 0, time.process_time()
    for path in paths:
        for name, stored in eprints(path):
            try:
                files = tex_files(stored)
                size += sum(map(len, files))
                text = clean([file.decode("utf-8") for file in files])
            except Exception:  # upstream drops a paper at any error
                continue
            if text:
                texts[str(path), name] = text
    return texts, size, time.process_time() - began


def run_sluice(binary, paths, clean_mode):
    """The same from the program, which names `paths` in its own way."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "recipe.toml").write_text('corpus = "corpus"\n[arxiv]\nclean = "%s"\n' % clean_mode)
        (folder / "in").mkdir()
        for number, path in enumerate(paths):
            # A copy, since links would lead to the same file.
            (folder / "in" / f"{number:04}").mkdir()
            shutil.copy(path, folder / "in" / f"{number:04}" / path.name)

        def run(*words):
            subprocess.run([binary, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)

        run("build", "recipe.toml", "--quiet")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run("add", "corpus", "--slice", "arxiv", "--label", "all", "in", "--quiet")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        run("export", "corpus", "--out", "out", "--quiet")
        texts = {}
        for file in sorted((folder / "out").rglob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").split("\n"):
                if line:
                    record = json.loads(line)
                    source = record["meta"]["id"].split("/", 2)[2].rsplit("#", 1)[0]
                    # Names have folders only if they would be ambiguous.
                    same = [n for n, path in enumerate(paths) if path.name == source]
                    number = int(source.split("/")[0]) if "/" in source else same[0]
                    name = record["meta"]["arxiv_id"].replace("/", "")
                    texts[str(paths[number]), name] = record["text"]
        return texts, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("papers", nargs="+", type=pathlib.Path)
    parser.add_argument("--sluice", help="the program to compare")
    parser.add_argument("--copies", type=int, default=1)
    wanted = parser.parse_args()
    paths = sorted(wanted.papers) * wanted.copies
    texts, size, seconds = original(paths)
    megabytes = size / 1e6
    print(f"LaTeX read: {megabytes:.1f} MB, papers with text: {len(texts)}")
    print(f"Python: {megabytes / seconds:.1f} MB / CPU s")
    if not wanted.sluice:
        return 0
    binary = str(pathlib.Path(wanted.sluice).resolve())
    found, took = run_sluice(binary, paths, "redpajama")
    print(f"sluice, clean = redpajama: {megabytes / took:.1f} MB / CPU s, {seconds / took:.1f} times")
    _, took = run_sluice(binary, paths, "better")
    print(f"sluice, clean = better: {megabytes / took:.1f} MB / CPU s, {seconds / took:.1f} times")
    same = [name for name in texts if found.get(name) == texts[name]]
    print(f"texts that are equal: {len(same)} of {len(texts.keys() | found.keys())}")
    for name in sorted(texts.keys() | found.keys()):
        if found.get(name) != texts.get(name):
            print("differs:", *name, len(texts.get(name, "")), len(found.get(name, "")))
    return 0 if len(same) == len(texts.keys() | found.keys()) else 1


if __name__ == "__main__":
    sys.exit(main())
