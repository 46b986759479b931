"""Reads an export of tokens with the readers of the trainers themselves, and compares what they return
with Hugging Face's tokenizers.

    python readers.py SHARDS TEXTS TOKENIZER EOS

SHARDS is an export with --format tokens, TEXTS one of the same corpus as JSON lines; both in the order of
the corpus. A layout whose reader is not installed is skipped, and that is printed.
"""

import glob
import json
import sys
import types
from pathlib import Path


def main():
    shards, texts, tokenizer, eos = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_file(tokenizer)
    encoder.no_truncation()
    encoder.no_padding()
    end = encoder.token_to_id(eos)
    expected = []
    for file in sorted(texts.glob("*/*.jsonl")):
        for line in file.open(encoding="utf-8"):
            text = json.loads(line)["text"]
            expected.append(encoder.encode(text, add_special_tokens=False).ids + [end])
    manifest = json.loads((shards / "manifest.json").read_text())
    width = manifest["about"]["token_bytes"]
    length = manifest["about"]["sequence_length"]
    readers = {"megatron": megatron, "npy": npy, "ds": ds, "mds": mds}
    for layout in manifest["about"]["layouts"]:
        try:
            readers[layout](shards / layout, expected, width, length)
        except ImportError as error:
            print(f"{layout}: skipped: {error}")


def bare(*packages):
    """Imports packages without their own code, which would import the whole of a training framework."""
    for name in packages:
        folders = [Path(entry, *name.split(".")) for entry in sys.path]
        found = [str(folder) for folder in folders if folder.is_dir()]
        if not found:
            raise ImportError(f"no module named {name}")
        module = types.ModuleType(name)
        module.__path__ = found
        sys.modules[name] = module


def stems(folder, extension):
    return [name[: -len(extension)] for name in sorted(glob.glob(f"{folder}/*{extension}"))]


def compare(layout, reader, found, expected):
    assert len(found) == len(expected), f"{layout}: {len(found)} documents, {len(expected)} expected"
    for number, (one, other) in enumerate(zip(found, expected)):
        assert [int(token) for token in one] == other, f"{layout}: document {number}"
    tokens = sum(len(document) for document in expected)
    print(f"{layout}: {len(expected)} documents, {tokens} tokens are equal, read by {reader}")


def megatron(folder, expected, width, _):
    bare("megatron", "megatron.core", "megatron.core.datasets")
    import megatron.core.parallel_state  # noqa: F401, which indexed_dataset imports in a circle
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    found = []
    for stem in stems(folder, ".bin"):
        dataset = IndexedDataset(stem, mmap=True)
        assert dataset.index.dtype().itemsize == width
        assert list(dataset.document_indices) == list(range(len(dataset) + 1))
        # Copies: the arrays are views of a mapping that ends with the dataset.
        found += [dataset[number].tolist() for number in range(len(dataset))]
    compare("megatron", "megatron.core", found, expected)


def npy(folder, expected, width, _):
    import csv
    import gzip

    import numpy

    found = []
    for stem in stems(folder, ".npy"):
        # As OLMo-core's load_array_slice reads it.
        tokens = numpy.memmap(f"{stem}.npy", mode="r", dtype={2: "uint16", 4: "uint32"}[width])
        with gzip.open(f"{stem}.csv.gz", "rt", encoding="utf-8", newline="") as rows:
            for start, stop, name, source, record in csv.reader(rows):
                assert name == f"{source}#{record}"
                found.append(tokens[int(start) : int(stop)])
    compare("npy", "numpy", found, expected)


def ds(folder, expected, width, _):
    from datatrove.utils.dataset import DatatroveFolderDataset

    # Windows of the whole sequence, without regard for documents; the last tokens of a file are left out.
    length = 63
    dataset = DatatroveFolderDataset(
        str(folder), seq_len=length, token_size=width, recursive=False, shuffle=False
    )
    found = [dataset[number]["input_ids"] for number in range(len(dataset))]
    windows, at = [], 0
    for stem in stems(folder, ".ds"):
        tokens = int(Path(f"{stem}.ds.metadata").read_text().split("\n")[1])
        stream = []
        while len(stream) < tokens:
            stream += expected[at]
            at += 1
        assert len(stream) == tokens
        windows += [stream[n : n + length + 1] for n in range(0, tokens - length, length + 1)]
    assert at == len(expected)
    compare("ds", f"datatrove, in windows of {length + 1}", found, windows)


def mds(folder, expected, width, length):
    bare("streaming", "streaming.base")
    from streaming.base.local import LocalDataset

    dataset = LocalDataset(local=str(folder))
    found = [dataset[number]["tokens"] for number in range(len(dataset))]
    assert all(sample.dtype.itemsize == width for sample in found)
    if length:
        # The documents of a file are joined and cut; the last tokens, fewer than a sample, are left out.
        files = json.loads((folder.parent / "manifest.json").read_text())["files"]
        samples, at = [], 0
        for documents in [file["documents"] for file in files if file["path"].endswith(".mds")]:
            stream = sum(expected[at : at + documents], [])
            at += documents
            samples += [stream[n : n + length] for n in range(0, len(stream) - length + 1, length)]
        expected = samples
    compare("mds", "streaming", found, expected)


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as error:
        print(f"all: skipped: {error}")
