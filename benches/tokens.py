#!/usr/bin/env python3
"""How fast texts become token shards, beside datatrove and Megatron.

    benches/tokens.py target/release/sluice TOKENIZER.json INPUT... --eos '<|endoftext|>'

INPUT are files of JSON lines with a text, packed or not. It builds a corpus of them, and exports it as token shards of Megatron's
layout: in the order of the corpus, shuffled, and shuffled with less and less memory. Beside that, where this
Python has the modules, datatrove's DocumentTokenizer, which shuffles too, and what Megatron's preprocess_data.py does: one
text after another through the tokenizer into megatron-core's IndexedDatasetBuilder. All read the same texts, the peers as JSON lines
that are not packed. It prints CPU seconds, MB of text per CPU second and the peak memory of each, and that all have the
same number of tokens.

    python3 -m venv --system-site-packages peers     # Debian's python3-torch is enough
    peers/bin/pip install --no-deps -r tests/it/tokens/requirements.txt
    peers/bin/pip install --no-deps dill humanize markdown-it-py mdurl multiprocess orjson pygments rich
    peers/bin/python benches/tokens.py ...
"""

import argparse
import gzip
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from dedup import run

DATATROVE = """
import sys
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer
texts, out, tokenizer, eos = sys.argv[1:]
steps = [
    JsonlReader(texts, glob_pattern="*.jsonl"),
    DocumentTokenizer(out, local_working_dir=out + "-work", tokenizer_name_or_path=tokenizer, eos_token=eos),
]
LocalPipelineExecutor(pipeline=steps, workers=1, tasks=1, logging_dir=out + "-log").run()
"""

# tools/preprocess_data.py of Megatron-LM is no part of the package megatron-core; this is its loop.
MEGATRON = """
import glob, json, sys, types
from pathlib import Path
for name in ["megatron", "megatron.core", "megatron.core.datasets"]:
    module = types.ModuleType(name)
    module.__path__ = [str(Path(p, *name.split("."))) for p in sys.path if Path(p, *name.split(".")).is_dir()]
    sys.modules[name] = module
import megatron.core.parallel_state
from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder
import numpy, torch
from tokenizers import Tokenizer
texts, out, tokenizer, eos = sys.argv[1:]
tokenizer = Tokenizer.from_file(tokenizer)
end = tokenizer.token_to_id(eos)
builder = IndexedDatasetBuilder(out + ".bin", dtype=numpy.uint16)
for path in sorted(glob.glob(texts + "/*.jsonl")):
    for line in open(path, encoding="utf-8"):
        ids = tokenizer.encode(json.loads(line)["text"], add_special_tokens=False).ids + [end]
        builder.add_document(torch.IntTensor(ids), [len(ids)])
builder.finalize(out + ".idx")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice", type=pathlib.Path)
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("input", type=pathlib.Path, nargs="+")
    parser.add_argument("--eos", default="<|endoftext|>")
    parser.add_argument("-w", default="1")
    given = parser.parse_args()
    sluice, tokenizer = given.sluice.resolve(), given.tokenizer.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "texts").mkdir()
        text_bytes = 0
        for number, path in enumerate(given.input):
            opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
            with opened as lines, open(folder / "texts" / f"{number:05}.jsonl", "w", encoding="utf-8") as out:
                for line in lines:
                    text = json.loads(line)["text"]
                    text_bytes += len(text.encode())
                    out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        (folder / "recipe.toml").write_text(
            f'corpus = "corpus"\ntokenizer = "{tokenizer}"\n[books]\ndedup = "none"\n'
            f'[[input]]\nslice = "books"\nlabel = "x"\npaths = ["{folder}/texts"]\n'
        )
        run([sluice, "build", folder / "recipe.toml", "--corpus", folder / "corpus", "--quiet", "-w", "2"])

        def show(what, figures, tokens):
            cpu, _, memory = figures
            rate = text_bytes / 1e6 / cpu
            print(f"{what:40} {cpu:7.1f} CPU s {rate:7.1f} MB/CPU s {memory:6.0f} MiB {tokens} tokens", flush=True)

        def export(what, *flags):
            out = folder / "out"
            command = [sluice, "export", folder / "corpus", "--out", out, "--format", "tokens", "--layout", "megatron"]
            figures = run([*command, "--eos", given.eos, "-w", given.w, "--quiet", *flags])
            files = json.loads((out / "manifest.json").read_text())["files"]
            shards = [file for file in files if file["path"].endswith(".bin")]
            stored = sum((out / file["path"]).stat().st_size for file in shards)
            show(what, figures, sum(file["tokens"] for file in shards))
            subprocess.run(["rm", "-r", out], check=True)
            return stored

        print(f"{text_bytes / 1e6:.1f} MB of text")
        stored = export("sluice, order of the corpus")
        export("sluice, --shuffle 7", "--shuffle", "7")
        for part in [5, 20, 100]:
            memory = f"{max(1, stored // part // 1024)}K"
            export(f"sluice, --shuffle 7 --memory 1/{part}", "--shuffle", "7", "--memory", memory)
        peers = {"datatrove": DATATROVE, "megatron": MEGATRON}
        for name, code in peers.items():
            if importlib.util.find_spec(name) is None or importlib.util.find_spec("tokenizers") is None:
                print(f"{name}: skipped: this Python has no module {name}")
                continue
            out = folder / name
            one_thread = {**os.environ, "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
            command = [sys.executable, "-c", code, folder / "texts", out, tokenizer, given.eos]
            figures = run(command, env=one_thread, stderr=subprocess.DEVNULL)
            files = [*out.glob("*.ds")] if name == "datatrove" else [out.with_suffix(".bin")]
            show(name, figures, sum(file.stat().st_size for file in files) // 2)


if __name__ == "__main__":
    main()
