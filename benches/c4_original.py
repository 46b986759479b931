#!/usr/bin/env python3
"""RedPajama's C4 step, and C4's rules on WET files, as described in docs/fidelity.md.

    c4_original.py [--wet] IN... OUT

Without --wet: shards of allenai/c4 into RedPajama's form. With it: C4's rules in the order of
tensorflow_datasets' c4_utils.py, except language and bad words. Needs nltk for --wet, whose untrained
Punkt splits sentences. benches/beside.py compares it with `sluice`.
"""

import gzip
import hashlib
import json
import re
import sys

CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICIES = [
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
]


def reformat(inputs, out):
    for path in inputs:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                page = json.loads(line)
                meta = {"timestamp": page["timestamp"], "url": page["url"]}
                meta.update({"language": "en", "source": "c4"})
                out.write(json.dumps({"text": page["text"], "meta": meta}) + "\n")


def pages_of(path):
    with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
        for record in file.read().split("WARC/1.0\r\n"):
            header, _, block = record.partition("\r\n\r\n")
            if "WARC-Type: conversion" not in header:
                continue
            fields = dict(line.split(": ", 1) for line in header.split("\r\n") if ": " in line)
            lines = [line.strip() for line in block.split("\n")]
            headers = ("WARC", "CONTENT-", "Content-")
            lines = [line for line in lines if line and not line.startswith(headers)]
            yield fields["WARC-Target-URI"], fields.get("WARC-Date", ""), "\n".join(lines)


def normalize_url(url):
    url = re.sub(r"https?://(www\.)?", "", url)
    return re.sub(r"\?(utm_|ref|feed).*", "", url).rstrip("/")


def clean(text, sentences):
    kept, count = [], 0
    for line in text.splitlines():
        line = line.strip()
        if any(len(word) > 1000 for word in line.split()):
            continue
        line = CITATION.sub("", line)
        if not line.endswith((".", "?", "!", '"')) or line.endswith("..."):
            continue
        if len(line.split()) < 5:
            continue
        lower = line.lower()
        if "lorem ipsum" in lower:
            return None
        if "javascript" in lower:
            continue
        if "{" in line:
            return None
        if any(policy in lower for policy in POLICIES):
            continue
        count += len(sentences(line))
        kept.append(line)
    return "\n".join(kept).strip() if count >= 3 else None


def rules(inputs, out):
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    sentences = PunktSentenceTokenizer().tokenize
    urls, seen = set(), set()
    for path in inputs:
        for url, date, text in pages_of(path):
            key = normalize_url(url)
            if len(text) > 190_000 or key in urls:
                continue
            urls.add(key)
            text = clean(text, sentences)
            if text is None:
                continue
            kept = []
            for line in text.split("\n"):
                digest = hashlib.md5(line.strip().lower().encode()).digest()
                if digest not in seen:
                    seen.add(digest)
                    kept.append(line)
            if not kept or sum(len(sentences(line)) for line in kept) < 3:
                continue
            meta = {"timestamp": date, "url": url, "language": "", "source": "c4"}
            out.write(json.dumps({"text": "\n".join(kept), "meta": meta}) + "\n")


def main():
    *inputs, out = sys.argv[1:]
    with open(out, "w", encoding="utf-8") as out:
        if inputs[0] == "--wet":
            rules(inputs[1:], out)
        else:
            reformat(inputs, out)


main()
