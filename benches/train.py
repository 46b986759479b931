#!/usr/bin/env python3
"""What a model learns from a corpus of the recipe, beside one from the same pages without it.

    python3 -m pip install torch numpy
    benches/train.py target/release/sluice --wet WET... --wikipedia DUMP... --books BOOK... \\
        --tokenizer tokenizer.json --eos '<|endoftext|>' --lid lid.176.ftz --classifier QUALITY.bin [--lm LM]

WET are files of pages, DUMP and BOOK are held out. Of the pages it makes corpora, each with one step of the recipe more:

    raw       every page as it is
    language  English pages of 300 characters and more
    dedup     of these, without paragraphs and pages that came before
    recipe    of these, without pages of low quality, and with --lm without the tail of perplexity

It exports them, and what is held out, as token shards of Megatron's layout, and reads these as docs/training.md describes them. Of
each corpus it takes the same number of tokens: those of the smallest one, or --tokens. With them it trains a small GPT in
each of --seeds, and prints its loss on what is held out, in nats a token and bits a byte.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

ENGLISH = {"languages": ["en"], "min_language_score": 0.5, "min_chars": 300}


def corpora(arguments):
    """The settings of the slice common_crawl for each corpus."""
    quality = {"classifier": str(arguments.classifier.resolve())}
    if arguments.lm:
        quality["lm"] = str(arguments.lm.resolve())
    return {
        "raw": {"languages": [], "min_language_score": 0.0, "min_chars": 0, "dedup": "none"},
        "language": {**ENGLISH, "dedup": "none"},
        "dedup": ENGLISH,
        "recipe": {**ENGLISH, **quality},
    }


class Shards:
    """Token shards of corpora."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder

    def sluice(self, *command):
        command = [str(self.arguments.sluice.resolve()), *map(str, command), "--json"]
        return json.loads(subprocess.check_output(command, env={**os.environ, "SLUICE_LOG": "error"}))

    def make(self, name, slice_name, settings, paths):
        """Builds a corpus, and exports it. Returns its documents, each an array of tokens, and the bytes of its texts."""
        recipe, corpus, out = (self.folder / f"{name}{end}" for end in (".toml", "", "-shards"))
        models = {"lid": str(self.arguments.lid.resolve())} if slice_name == "common_crawl" else {}
        inputs = {"slice": slice_name, "label": "x", "paths": [str(path.resolve()) for path in paths]}
        tables = [(None, models), (f"[{slice_name}]", settings), ("[[input]]", inputs)]
        lines = [[head or ""] + [f"{key} = {json.dumps(value)}" for key, value in table.items()] for head, table in tables]
        recipe.write_text("\n".join(line for table in lines for line in table) + "\n")
        self.sluice("build", recipe, "--corpus", corpus)
        summary = self.sluice(
            "export", corpus, "--out", out, "--format", "tokens", "--layout", "megatron", "--shuffle", 7,
            "--tokenizer", self.arguments.tokenizer.resolve(), "--eos", self.arguments.eos,
        )  # fmt: skip
        label = self.sluice("status", corpus)["slices"][slice_name]["labels"]["x"]
        print(
            f"{name:10} {label['read']:6} read {summary['documents']:6} kept {label['bytes_kept'] / 1e6:7.2f} MB "
            f"{summary['tokens']:9} tokens",
            flush=True,
        )
        return list(read(out)), label["bytes_kept"]


def read(out):
    """The documents of shards in Megatron's layout, in the order of the shuffle."""
    for index in sorted((out / "megatron").glob("*.idx")):
        head = index.read_bytes()
        magic, version, kind, count, _ = struct.unpack_from("<9sQBQQ", head)
        assert (magic, version) == (b"MMIDIDX\0\0", 1), index
        lengths = numpy.frombuffer(head, "<i4", count, 34)
        offsets = numpy.frombuffer(head, "<i8", count, 34 + 4 * count)
        dtype = {8: "<u2", 4: "<i4"}[kind]
        tokens = numpy.memmap(index.with_suffix(".bin"), dtype, "r")
        for length, offset in zip(lengths, offsets):
            begin = offset // tokens.itemsize
            yield tokens[begin : begin + length]


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.qkv(self.before(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*qkv, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.after(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary, given):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, given.width), nn.Embedding(given.context, given.width)
        self.blocks = nn.Sequential(*(Block(given.width, given.heads) for _ in range(given.layers)))
        self.last = nn.LayerNorm(given.width)
        for name, weights in self.named_parameters():
            if weights.dim() > 1:
                deep = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weights, std=0.02 / math.sqrt(2 * given.layers) if deep else 0.02)

    def forward(self, tokens, targets, reduction="mean"):
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        logits = self.last(self.blocks(x)) @ self.tokens.weight.T
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)


def rows(stream, context):
    """A stream of tokens as inputs and targets, the targets one token later."""
    count = (len(stream) - 1) // context
    inputs, targets = (stream[at : at + count * context].view(count, context) for at in (0, 1))
    return inputs, targets


def train(stream, vocabulary, given, seed):
    torch.manual_seed(seed)
    model = Gpt(vocabulary, given)
    decayed = [weights for weights in model.parameters() if weights.dim() > 1]
    others = [weights for weights in model.parameters() if weights.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=given.rate, betas=(0.9, 0.95))
    inputs, targets = rows(stream, given.context)
    per_epoch = len(inputs) // given.batch
    steps, warm = per_epoch * given.epochs, 20
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(inputs))
        part = order[step % per_epoch * given.batch :][: given.batch]
        cosine = 0.1 + 0.45 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = given.rate * min((step + 1) / warm, cosine)
        loss = model(inputs[part], targets[part])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model, loss.item()


@torch.no_grad()
def loss_of(model, stream, given):
    """Nats a token."""
    inputs, targets = rows(stream, given.context)
    total = sum(model(i, t, "sum").item() for i, t in zip(inputs.split(32), targets.split(32)))
    return total / targets.numel()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice", type=pathlib.Path)
    for name in ["wet", "wikipedia", "books"]:
        parser.add_argument(f"--{name}", type=pathlib.Path, nargs="+", required=True)
    for name in ["tokenizer", "lid", "classifier"]:
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--lm", type=pathlib.Path)
    parser.add_argument("--eos", required=True)
    parser.add_argument("--tokens", type=int, help="of each corpus")
    parser.add_argument("--test-tokens", type=int, default=32768, help="the most of each text that is held out")
    numbers = {"epochs": 1, "seeds": 3, "layers": 4, "heads": 4, "width": 128, "context": 256, "batch": 4, "threads": 2}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=2e-3, help="the largest learning rate")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        shards = Shards(given, pathlib.Path(folder))
        made = {name: shards.make(name, "common_crawl", settings, given.wet)[0] for name, settings in corpora(given).items()}
        held_out = {
            "wikipedia": shards.make("wikipedia", "wikipedia", {}, given.wikipedia),
            "books": shards.make("books", "books", {}, given.books),
        }
        # Only tokens that are somewhere have a row in the model: the same for all.
        everything = [*made.values(), *(documents for documents, _ in held_out.values())]
        used = numpy.unique(numpy.concatenate([document for documents in everything for document in documents]))

        def stream(documents):
            return torch.from_numpy(numpy.searchsorted(used, numpy.concatenate(documents)).astype(numpy.int64))

        streams = {name: stream(documents) for name, documents in made.items()}
        tests = {name: (stream(documents), size) for name, (documents, size) in held_out.items()}
    tokens = given.tokens or min(map(len, streams.values()))
    size = sum(weights.numel() for weights in Gpt(len(used), given).parameters())
    print(f"{tokens} tokens of each, {given.epochs} times; {size / 1e6:.1f} M parameters, {len(used)} of them tokens", flush=True)
    results = {}
    for seed in range(given.seeds):
        for name, corpus in streams.items():
            if len(corpus) < tokens:
                raise SystemExit(f"{name} has {len(corpus)} tokens: give --tokens {len(corpus)} or fewer")
            began = time.monotonic()
            model, last = train(corpus[:tokens], len(used), given, seed)
            losses = {test: loss_of(model, tokens_of[: given.test_tokens + 1], given) for test, (tokens_of, _) in tests.items()}
            results.setdefault(name, []).append(losses)
            shown = "  ".join(f"{test} {loss:.3f}" for test, loss in losses.items())
            print(f"seed {seed} {name:9} {shown}  (last batch {last:.3f}, {time.monotonic() - began:.0f} s)", flush=True)
    print("\n| corpus | " + " | ".join(f"{test}, nats a token | bits a byte" for test in tests) + " |")
    print("|---|" + "--:|--:|" * len(tests))
    for name, losses in results.items():
        cells = []
        for test, (tokens_of, size) in tests.items():
            values = [loss[test] for loss in losses]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            mean = statistics.mean(values)
            cells += [f"{mean:.3f} ± {spread:.3f}", f"{mean * len(tokens_of) / size / math.log(2):.3f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
