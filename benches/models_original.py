"""Runs the original tools on the tasks of benches/models.rs or benches/chain.rs, which run this.

Reads a file of jobs, {"runs", "steps": [{"row", "tool", "model", "input"}]}, and prints for each the
CPU seconds of the best run, and a sum over the lines to compare the results.
"""

import gzip
import hashlib
import json
import os
import re
import string
import sys
import time
import unicodedata
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"


def lines(path):
    # Only a newline ends a line here; Python has other line ends by default.
    with open(path, newline="\n", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def fasttext(model, path):
    import fasttext as tool

    tool.FastText.eprint = lambda x: None
    model, texts = tool.load_model(model), lines(path)
    labels = model.get_labels()
    if "__label__wiki" in labels:

        def wiki(text):
            return dict(zip(*model.predict(text, k=len(labels))))["__label__wiki"]

        return lambda: sum(float(wiki(text)) for text in texts)
    # The length of the label's code, as a sum over the pages.
    return lambda: sum(len(model.predict(text, k=1)[0][0]) - len("__label__") for text in texts)


def sentencepiece(model, path):
    import sentencepiece as tool

    model, texts = tool.SentencePieceProcessor(model_file=model), lines(path)
    return lambda: sum(len(model.encode(text)) for text in texts)


def kenlm(model, path):
    import kenlm as tool

    model, texts = tool.Model(model), lines(path)
    return lambda: sum(model.score(text) for text in texts)


def tokenizers(model, path):
    import tokenizers as tool

    model, texts = tool.Tokenizer.from_file(model), texts_of(path)
    return lambda: sum(len(model.encode(text, add_special_tokens=False).ids) for text in texts)


def texts_of(path):
    """One text a line, as JSON."""
    return [json.loads(line) for line in lines(path)]


def wet(_, path):
    """The pages of WET files, line by line, as cc_net reads them."""

    def pages(file):
        page = []
        for line in gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="\n"):
            if line.startswith("WARC/1.0") and page:
                yield page
                page = []
            page.append(line.rstrip("\n"))
        yield page

    def read(file):
        for page in pages(file):
            head = page.index("\r")
            fields = dict(line.strip().split(": ", 1) for line in page[1:head] if ": " in line)
            if fields.get("WARC-Type") == "conversion":
                text = "\n".join(page[head + 1 :]).strip()
                yield {"url": fields["WARC-Target-URI"], "raw_content": text}

    return lambda: sum(len(page["raw_content"]) for file in lines(path) for page in read(file))


DIGIT = re.compile(r"\d")
NOT_PRINTED = [*range(32), *range(127, 160)]
PUNCTUATION = "，。、„”“«»１」「《》´∶：？！（）；–—．～’…━〈〉【】％►"
NOT_COMPARED = re.compile("[" + re.escape("".join(map(chr, NOT_PRINTED)) + PUNCTUATION + string.punctuation) + "]")


def paragraphs(_, path):
    """The paragraphs of pages that no earlier page has: cc_net's keys, in a set."""

    def key(line):
        line = NOT_COMPARED.sub("", DIGIT.sub("0", line.strip().lower()))
        return hashlib.sha1(line.encode("utf-8")).digest()[:8]

    def different():
        known = set()
        for text in all_texts:
            for line in text.split("\n"):
                hashed = key(line)
                if hashed not in known:
                    known.add(hashed)
        return len(known)

    all_texts = texts_of(path)
    return different


def perplexity(folder, path):
    """The work of cc_net: a normalization like its own, pieces, and scores."""
    import kenlm
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/en.sp.model")
    model, all_texts = kenlm.Model(next(map(str, Path(folder).glob("en.arpa*.bin")))), texts_of(path)
    not_printed = re.compile("[" + re.escape("".join(map(chr, NOT_PRINTED))) + "]")
    table = str.maketrans({mark: "'" if mark in "´’" else "-" for mark in PUNCTUATION})

    def score(text):
        line = unicodedata.normalize("NFD", text.strip().lower())
        line = "".join(char for char in line if unicodedata.category(char) != "Mn")
        line = not_printed.sub("", DIGIT.sub("0", line).translate(table))
        return model.score(" ".join(pieces.encode(line, out_type=str)))

    return lambda: sum(score(text) for text in all_texts)


def write(out, path):
    """Pages as JSON lines, with gzip."""
    all_texts = texts_of(path)

    def run():
        with gzip.open(out, "wt", encoding="utf-8") as file:
            for text in all_texts:
                file.write(json.dumps({"raw_content": text}) + "\n")
        return len(all_texts)

    return run


TOOLS = (fasttext, sentencepiece, kenlm, tokenizers, wet, paragraphs, perplexity, write)
TOOLS = {tool.__name__: tool for tool in TOOLS}


def main():
    jobs = json.load(open(sys.argv[1], encoding="utf-8"))
    found = []
    for step in jobs["steps"]:
        run = TOOLS[step["tool"]](step["model"], step["input"])
        best = float("inf")
        for _ in range(jobs["runs"]):
            begin = time.process_time()
            total = run()
            best = min(best, time.process_time() - begin)
        found.append({"row": step["row"], "seconds": best, "sum": total})
    print(json.dumps(found))


main()
