"""Byte-level BPE beside tiktoken and tokenizers: one thread each, the same text, in one run.

    python -m benchmarks.tokenizer [cut encode train stream] [--runs N] [--megabytes M] [--json]
        [--tokenizer PATH]

The text is the standard library's: its documentation and its source code. The sides take
turns, so that a change of clock or load meets all of them alike; medians and minima of N runs
count, and ratios are of medians. Before anything is timed the results are compared.

cut     text into pieces: the kernel, its reference (Python's `re`), the package `regex`
encode  text to ids, with a vocabulary learned from the text or that of --tokenizer: "cold" is
        the first text that a tokenizer sees, "warm" the same again
train   documents to merges, cutting and counting included
stream  a pipe of M megabytes to ids by `encode_file`: speed and peak memory, 1 and all threads
"""

from __future__ import annotations

import os

# Before tokenizers is imported, which starts its threads then.
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# isort: split
import argparse
import json
import platform
import pydoc_data.topics
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minilm import tokenizers as ours
from minilm.kernels import bpe_pieces as kernel
from minilm.reference import bpe_pieces as reference
from minilm.tokenizers import BPETokenizer
from minilm.tokenizers.bpe.code_points import classes
from minilm.tokenizers.bpe.patterns import EXPRESSIONS, NUMBERS

Sides = dict[str, Callable[[], Any]]


def documentation() -> list[str]:
    """The pages of the language reference."""
    return list(pydoc_data.topics.topics.values())


def sources(most: int) -> list[str]:
    """Modules of the standard library, of `most` bytes in all."""
    texts: list[str] = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        texts.append(path.read_text(encoding="utf-8", errors="replace"))
        most -= len(texts[-1])
        if most < 0:
            break
    return texts


def measure(what: str, text: str, n_bytes: int, sides: Sides, runs: int) -> dict[str, Any]:
    """Seconds of all sides, taken in turns; ratios are of medians, to the first side."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    own = statistics.median(next(iter(times.values())))
    row: dict[str, Any] = {"what": what, "text": text, "bytes": n_bytes, "runs": runs}
    for name, values in times.items():
        median = statistics.median(values)
        row[name] = {
            "median_seconds": median,
            "least_seconds": min(values),
            "megabytes_per_second": n_bytes / median / 1e6,
            "ratio": median / own,
        }
    return row


def cutting(name: str, text: str, runs: int) -> list[dict[str, Any]]:
    """Both patterns."""
    rows = []
    data = np.frombuffer(text.encode(), np.uint8)
    for pattern, number in NUMBERS.items():
        sides: Sides = {
            "kernel": lambda n=number: kernel.split(data, classes(), n),
            "reference": lambda n=number: reference.split(data, classes(), n),
        }
        expected = sides["kernel"]()
        assert np.array_equal(expected, sides["reference"]())
        try:
            import regex

            expression = regex.compile(EXPRESSIONS[pattern])
            sides["regex"] = lambda e=expression: e.findall(text)
            assert len(sides["regex"]()) == len(expected)
        except ImportError:
            pass
        rows.append(measure(f"cut {pattern}", name, len(data), sides, runs))
    return rows


def encoding(name: str, text: str, tokenizer: BPETokenizer, runs: int) -> list[dict[str, Any]]:
    """Against both packages, where they are installed."""
    words, pattern = tokenizer.vocabulary, tokenizer.pattern
    expected = tokenizer.encode(text).tolist()
    fresh = [BPETokenizer(words, pattern) for _ in range(runs)]
    for one in fresh:
        one.encode("")  # tables are prepared; no piece has been seen
    sides: Sides = {"minilm cold": lambda: fresh.pop().encode(text)}
    sides["minilm warm"] = lambda: tokenizer.encode(text)
    try:
        import tiktoken

        ranks = {token: i for i, token in enumerate(words.tokens) if token}
        peer = tiktoken.Encoding(
            "peer", pat_str=EXPRESSIONS[pattern], mergeable_ranks=ranks, special_tokens={}
        )
        assert peer.encode_ordinary(text) == expected
        sides["tiktoken"] = lambda: peer.encode_ordinary(text)
    except ImportError:
        pass
    try:
        import tokenizers

        engine = tokenizers.Tokenizer.from_str(tokenizer.to_json())
        engine.encode_special_tokens = True
        assert engine.encode(text).ids == expected
        sides["tokenizers"] = lambda: engine.encode(text).ids
    except ImportError:
        pass
    what = f"encode {pattern} {tokenizer.vocab_size}"
    return [measure(what, name, len(text.encode()), sides, runs)]


def training(name: str, texts: list[str], vocab_size: int, runs: int) -> dict[str, Any]:
    """Against the package tokenizers, if it is installed."""
    found: dict[str, Any] = {}

    def own() -> None:
        found["minilm"] = BPETokenizer.train(texts, vocab_size).to_dict()["model"]["merges"]

    sides: Sides = {"minilm": own}
    own()  # compiles
    try:
        import tokenizers
        from tokenizers import models, pre_tokenizers, trainers

        def peer() -> None:
            engine = tokenizers.Tokenizer(models.BPE())
            engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            trainer = trainers.BpeTrainer(
                vocab_size=vocab_size,
                special_tokens=["<|endoftext|>"],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            )
            engine.train_from_iterator(texts, trainer)
            found["tokenizers"] = engine

        peer()
        merges = json.loads(found["tokenizers"].to_str())["model"]["merges"]
        assert merges == found["minilm"]
        sides["tokenizers"] = peer
    except ImportError:
        pass
    n_bytes = sum(len(text.encode()) for text in texts)
    return measure(f"train {vocab_size}", name, n_bytes, sides, runs)


STREAM = """
import sys, time
from minilm import machine, tokenizers
tokenizer = tokenizers.load(sys.argv[1])
start, n = time.perf_counter(), 0
for ids in tokenizer.encode_file(sys.argv[2], threads=int(sys.argv[3])):
    n += len(ids)
print(n, time.perf_counter() - start, machine.peak_bytes())
"""


def streaming(text: str, tokenizer: BPETokenizer, megabytes: int) -> list[dict[str, Any]]:
    """In a process of its own, through a pipe, so that nothing is written to disk."""
    data = text.encode()
    times = max(1, megabytes * 10**6 // len(data))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file, pipe = Path(folder) / "tokenizer.json", Path(folder) / "text"
        tokenizer.save(file)
        os.mkfifo(pipe)

        def feed() -> None:
            with pipe.open("wb") as stream:
                for _ in range(times):
                    stream.write(data)

        for threads in sorted({1, os.cpu_count() or 1}):
            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            command = [sys.executable, "-c", STREAM, str(file), str(pipe), str(threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            feeder.join()
            n_ids, seconds, peak = map(float, done.stdout.split())
            row = {"what": "stream", "threads": threads, "bytes": times * len(data)}
            row |= {"ids": int(n_ids), "seconds": seconds, "peak_bytes": int(peak)}
            rows.append(row | {"megabytes_per_second": times * len(data) / seconds / 1e6})
    return rows


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    if row["what"] == "stream":
        return (
            f"stream, {row['threads']} threads: {row['bytes'] / 1e6:,.0f} MB at "
            f"{row['megabytes_per_second']:.1f} MB/s, peak {row['peak_bytes'] / 1e6:.0f} MB"
        )
    text = f"{row['what']:22} {row['text']:14} {row['bytes'] / 1e6:5.2f} MB"
    for name, side in row.items():
        if isinstance(side, dict):
            rate, ratio = side["megabytes_per_second"], side["ratio"]
            text += f"  {name} {rate:.1f} MB/s ({ratio:.2f})"
    return text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokenizer", description=__doc__)
    parser.add_argument("names", nargs="*", help="cut, encode, train, stream (all but stream)")
    parser.add_argument("--runs", type=int, default=5, help="of each side (5)")
    parser.add_argument("--megabytes", type=int, default=1000, help="that stream reads (1000)")
    parser.add_argument("--tokenizer", help="tokenizer file or folder to encode with")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    names = options.names or ["cut", "encode", "train"]
    texts = {"documentation": documentation(), "source code": sources(4_000_000)}
    rows: list[dict[str, Any]] = []

    def add(*new: dict[str, Any]) -> None:
        rows.extend(new)
        if not options.json:
            print(*map(line, new), sep="\n", flush=True)

    everything = texts["documentation"] + texts["source code"]
    if options.tokenizer:
        tokenizer = ours.load(options.tokenizer)
        assert isinstance(tokenizer, BPETokenizer)
    else:
        tokenizer = BPETokenizer.train(everything, 32000)
    for name, documents in texts.items():
        text = "".join(documents)
        if "cut" in names:
            add(*cutting(name, text, options.runs))
        if "encode" in names:
            add(*encoding(name, text, tokenizer, options.runs))
        if "train" in names:
            for vocab_size in (1024, 8192, 32000):
                add(training(name, documents, vocab_size, options.runs))
    if "stream" in names:
        add(*streaming("".join(everything), tokenizer, options.megabytes))
    if options.json:
        about = {"python": platform.python_version(), "cpu": platform.processor()}
        print(json.dumps({"machine": about, "rows": rows}))


if __name__ == "__main__":
    main()
