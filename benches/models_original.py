"""Runs the original tools on the tasks of benches/models.rs, which runs this; see benches/models.sh.

Reads a file of jobs, {"runs", "steps": [{"row", "tool", "model", "input"}]}, and prints for each the
CPU seconds of the best run, and a sum over the lines to compare the results.
"""

import json
import os
import sys
import time

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

    model, texts = tool.Tokenizer.from_file(model), json.load(open(path, encoding="utf-8"))
    return lambda: sum(len(model.encode(text, add_special_tokens=False).ids) for text in texts)


TOOLS = {f.__name__: f for f in (fasttext, sentencepiece, kenlm, tokenizers)}


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
