"""Does a built corpus teach more than the raw text? Two GPTs with equal compute, one held-out text.

    python -m benchmarks.corpus_training [--steps 2000] [--seeds 0 1 2] [--folder DIR] [--json]

The clean text is the documentation that Python carries and the docstrings of its library, one
document a module. Some documents are held out: only such as share no 13 words in a row with
any other. Then the archive gets what archives have (`DIRT` says how much): copies, edited copies,
cookie notices, spam and mojibake. One model is trained on all of it, one document behind the
other; one on what `minilm corpus build` makes of the same documents. Both runs are `minilm
pretrain` with the same recipe, tokenizer, seed, batches and steps, at the same time on half of the
cores each; both are judged on the held-out text, in bits per byte.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpus_dirt as dirt
from minilm import corpus, load
from minilm.corpus import Document, embedded
from minilm.corpus.deduplication import normalised
from minilm.machine import threads
from minilm.objectives.next_token import NextToken

# Bytes of each kind, as a multiple of the clean text's: four fifths of the archive. Of the web
# nine tenths are dropped (Penedo et al. 2023, "The RefinedWeb dataset for Falcon LLM").
DIRT = {"copies": 1.0, "edited copies": 1.0, "notices": 0.5, "spam": 1.5}
MOJIBAKE = 0.1  # of the documents
N = 13
HELD_OUT = 0.08

RECIPE = """
[[source]]
name = "archive"
path = "archive.jsonl"

[cleaning]
mojibake = true
unicode_normal_form = true
control_characters = true

# The limits on symbols and on lines are for prose of the web; documentation has more of both.
[filters.gopher_quality]
words = [30, 100_000]
lettered_words = 0.55
[filters.gopher_repetition]
duplicate_ngrams = { 5 = 0.3, 10 = 0.2 }
[filters.fineweb]
short_lines = 0.9
duplicate_line_characters = 0.3

[deduplication]

[split]
validation = 0.02

[tokenizer]
name = "bpe"
vocab_size = 1024
"""
TRAINING = """
description = "A small GPT for the comparison of two corpora"
[data]
validation = 0.02
split = "position"
[model]
n_layer = 3
n_head = 3
n_embd = 96
block_size = 128
[optimizer]
learning_rate = 2e-3
warmup_steps = 50
[training]
batch_size = 8
evaluate_every = 500
"""
_NOTICE = """We use cookies to make this site better for you, and to see who comes by.
By reading on you agree to the terms of use of {site}, to its privacy policy, and to the sale of \
what we know of you to {n} of our partners.
Change your settings at any time below, or click here to accept all of them and close the window.
Sign up with {site} today and be the first to hear of the offers that we have for you."""


def clean_documents() -> Iterator[Document]:
    """Pages of the documentation, and the docstrings of each module of the library."""
    yield from embedded.python_docs()
    for name, path in embedded.python_files():
        if not name.startswith(("test/", "idlelib/", "lib2to3/")):
            try:
                tree = ast.parse(embedded.python_text(path))
            except (SyntaxError, ValueError, RecursionError):
                continue
            kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            found = [ast.get_docstring(n) for n in ast.walk(tree) if isinstance(n, kinds)]
            text = "\n\n".join(filter(None, found))
            if len(text) > 300:
                yield Document(name, text, "library")


def hold_out(
    documents: list[Document], generator: random.Random
) -> tuple[list[Document], list[Document]]:
    """Some documents that share no run of words with any other, and all the rest."""
    runs = [_runs(document.text) for document in documents]
    counts = Counter(run for found in runs for run in found)
    alone = [all(counts[run] == 1 for run in found) for found in runs]
    wanted = HELD_OUT * sum(len(document.text) for document in documents)
    held: set[int] = set()
    for i in generator.sample(range(len(documents)), len(documents)):
        if alone[i] and runs[i] and len(documents[i].text) < wanted / 4:
            held.add(i)
            wanted -= len(documents[i].text)
        if wanted < 0:
            break
    sides: tuple[list[Document], list[Document]] = ([], [])
    for i, document in enumerate(documents):
        sides[i in held].append(document)
    return sides


def _runs(text: str) -> set[int]:
    words = normalised(text).split()
    return {hash(tuple(words[i : i + N])) for i in range(len(words) - N + 1)}


def archive(clean: list[Document], generator: random.Random) -> list[Document]:
    """The documents with all that is wrong with an archive, in an order without meaning."""
    texts = [document.text for document in clean]
    size, long = sum(map(len, texts)), [text for text in texts if len(text) > 3000]
    found = [dirt.mojibake(t) if generator.random() < MOJIBAKE else t for t in texts]
    # A few texts are copied again and again, as on the web.
    popular = generator.choices(texts, [generator.paretovariate(1) for _ in texts], k=len(texts))
    makers = {
        "copies": lambda: generator.choice(popular),
        "edited copies": lambda: dirt.edited(
            generator.choice(popular), generator.uniform(0.8, 0.98), generator
        ),
        "notices": lambda: _NOTICE.format(
            site=generator.choice(("our shop", "the daily news", "this forum", "the store")),
            n=generator.randrange(3, 900),
        ),
        "spam": lambda: dirt.spam(
            generator.choice(list(dirt.SPAM)), generator.choice(long), generator
        ),
    }
    for kind, make in makers.items():
        left = DIRT[kind] * size
        while left > 0:
            found.append(make())
            left -= len(found[-1])
    generator.shuffle(found)
    return [Document(f"a{i}", text, "archive") for i, text in enumerate(found)]


def minilm(*arguments: str) -> dict[str, Any]:
    """Run a command and return its report."""
    command = [sys.executable, "-m", "minilm.cli", *arguments, "--json", "--quiet"]
    # Two of them run at a time.
    environment = os.environ | {"NUMBA_NUM_THREADS": str(max(1, threads() // 2))}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def judge(run: Path, documents: list[Document]) -> float:
    """Bits per byte of the held-out documents, by the model of a run."""
    pretrained = load(run)
    tokenizer = pretrained.tokenizer
    stream = corpus.encode(documents, tokenizer)
    sizes = np.array([len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)])
    sizes[list(tokenizer.special_tokens.values())] = 0
    block = pretrained.model.config.block_size
    objective = NextToken(stream.ids, stream.ids, sizes, batch_size=16, block_size=block, seed=0)
    return objective.evaluate(pretrained.model)["val_bpb"]


def compare(folder: Path, steps: int, seed: int, settings: list[str]) -> dict[str, Any]:
    """Make the archive, build, train twice, judge."""
    generator = random.Random(seed)
    clean, held_out = hold_out(list(clean_documents()), generator)
    raw = archive(clean, generator)
    with open(folder / "archive.jsonl", "w", encoding="utf-8") as file:
        for document in raw:
            print(json.dumps({"id": document.id, "text": document.text}), file=file)
    (folder / "raw.txt").write_text("\n\n".join(d.text for d in raw), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "training.toml").write_text(TRAINING, encoding="utf-8")
    report = minilm("corpus", "build", str(folder / "recipe.toml"), "--out", str(folder / "built"))
    sizes = {"clean": clean, "held out": held_out, "raw": raw}
    result: dict[str, Any] = {
        "bytes": {name: sum(len(d.text.encode()) for d in side) for name, side in sizes.items()},
        "documents": {name: len(side) for name, side in sizes.items()},
        "funnel": report["funnel"],
        "steps": steps,
        "seed": seed,
    }
    tokenizer = str(folder / "built" / "tokenizer.json")
    sets = [f"--set={s}" for s in (f"training.steps={steps}", f"seed={seed}", *settings)]
    given = {"raw": [str(folder / "raw.txt"), "--tokenizer", tokenizer]}
    given["built"] = [str(folder / "built")]

    def train(side: str) -> dict[str, Any]:
        out = ["--out", str(folder / f"run-{side}")]
        recipe = str(folder / "training.toml")
        return minilm("pretrain", recipe, *out, *sets, "--data", *given[side])

    with ThreadPoolExecutor(len(given)) as pool:
        runs = dict(zip(given, pool.map(train, given), strict=True))
    for side, run in runs.items():
        result[side] = {key: run[key] for key in ("val_bpb", "seconds", "parameters", "steps")}
        result[side]["held_out_bpb"] = judge(folder / f"run-{side}", held_out)
    result["gain_bpb"] = result["raw"]["held_out_bpb"] - result["built"]["held_out_bpb"]
    return result


def table(results: list[dict[str, Any]]) -> str:
    """The figures for a person; sizes are those of the first seed."""
    first = results[0]
    lines = [f"{'':16}documents      MB"]
    for name, n in first["documents"].items():
        lines.append(f"{name:16}{n:9,}{first['bytes'][name] / 1e6:8.2f}")
    for row in first["funnel"]:
        lines.append(f"- {row['step']:14}{row['documents']:9,}{row['bytes'] / 1e6:8.2f}")
    lines.append(f"\nbits per byte of the held-out text, {first['steps']} steps on each side")
    lines.append(f"{'seed':8}{'raw':>10}{'built':>10}{'gain':>10}")
    for result in results:
        sides = (result["raw"]["held_out_bpb"], result["built"]["held_out_bpb"])
        lines.append(
            f"{result['seed']:<8}{sides[0]:10.4f}{sides[1]:10.4f}{result['gain_bpb']:10.4f}"
        )
    if len(results) > 1:
        gains = [result["gain_bpb"] for result in results]
        spread = statistics.stdev(gains)
        lines.append(f"gain {statistics.mean(gains):.4f}, standard deviation {spread:.4f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corpus_training", description=__doc__
    )
    parser.add_argument("--steps", type=int, default=2000, help="of each training (2000)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="of the dirt and of both runs (0)"
    )
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for both runs")
    parser.add_argument("--folder", help="where the files go and stay (a temporary one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in options.seeds:
            folder = Path(options.folder or temporary) / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            results.append(compare(folder, options.steps, seed, options.set))
    print(json.dumps({"runs": results}) if options.json else table(results))


if __name__ == "__main__":
    main()
