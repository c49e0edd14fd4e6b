"""A generated corpus with planted faults, built by `minilm corpus build`: what was found?

    python -m benchmarks.corpus_generated [--megabytes 1000] [--seed 0] [--workers 0]
        [--folder DIR] [--json]

Text that looks natural is written to a temporary folder, with what `corpus_dirt` makes of some
of it. Then the command runs in processes of its own, whose memory is sampled, and its shards and
rejects are compared with the truth:

- of each kind, how much was found (recall) and how much of what was found is right (precision);
- near-duplicates by similarity s, beside what 1 - (1 - s^8)^14 predicts;
- whether every other document is in the shards, byte for byte;
- documents/s and MB/s of each stage by the processor's time, which other programs do not
  lengthen; peak memory of all processes.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.corpus_planted import HELD_OUT, SIMILARITIES, WEB, Truth, digest, plant
from minilm.corpus.deduplication import MinHashConfig
from minilm.corpus.shards import SPLITS, open_shards

RECIPE = f"""
[[source]]
name = "web"
path = "{WEB}"
on_error = "skip"

[cleaning]
mojibake = true
unicode_normal_form = true
control_characters = true
white_space = true

[filters.gopher_quality]
[filters.gopher_repetition]
[filters.c4]
[filters.fineweb]

[deduplication]

[decontamination]
against = ["{HELD_OUT}"]

[tokenizer]
name = "bpe"
vocab_size = 8192
max_bytes = 16_000_000
"""
FAULTS = ("compression", "json", "key", "encoding")


def build(folder: Path, workers: int) -> dict[str, Any]:
    """Run the command; its seconds, and the memory of its processes at most, added up."""
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    command = [sys.executable, "-m", "minilm.cli", "corpus", "build", str(folder / "recipe.toml")]
    command += ["--out", str(folder / "corpus"), "--quiet", "--json"]
    command += ["--workers", str(workers)] if workers else []
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = resident = 0
    while process.poll() is None:
        held, mapped_too = _memory(process.pid)
        peak, resident = max(peak, held), max(resident, mapped_too)
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"the build ended with {process.returncode}")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_bytes": peak, "resident_bytes": resident}


def _memory(pid: int) -> tuple[int, int]:
    """What a process and those it started hold of their own, and with it pages of files that
    they have mapped: the system's cache, which it takes back when memory runs short."""
    held = resident = 0
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            rss = process.memory_info().rss
            resident += rss
            held += _anonymous(process.pid) or rss
    return held, resident


def _anonymous(pid: int) -> int:
    """Bytes that belong to no file, where the system tells; else 0."""
    path = Path(f"/proc/{pid}/smaps_rollup")
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    return 0


def rejected(corpus: Path, step: str) -> Iterator[dict[str, Any]]:
    """The records of a step."""
    with gzip.open(corpus / "rejected" / f"{step}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _row(kind: str, planted: int, found: int, wrong: int) -> dict[str, Any]:
    precision = found / (found + wrong) if found + wrong else 1.0
    recall = found / planted if planted else 1.0
    figures = {"planted": planted, "found": found, "wrong": wrong}
    return {"kind": kind, **figures, "recall": recall, "precision": precision}


def compare(truth: Truth, corpus: Path) -> dict[str, Any]:
    """All rows of the report that follow from the files."""
    kinds = Counter(item.kind for item in truth.items.values())
    rows, pairs, gone = [], set(), set()
    for kind, step in (("spam", "filters"), ("quoting", "decontamination")):
        found, wrong = 0, 0
        for record in rejected(corpus, step):
            item = truth.items[record["id"]]
            gone.add(record["id"])
            right = item.kind == kind and (kind != "spam" or record["rule"] == item.detail)
            found, wrong = found + right, wrong + (not right)
        rows.append(_row(kind, kinds[kind], found, wrong))
    for kind in ("exact", "near"):
        found, wrong = 0, 0
        for record in rejected(corpus, kind):
            gone.add(record["id"])
            pair = frozenset((record["id"], record["figure"].rpartition("/")[2]))
            copy = max(pair, key=len) if len(pair) == 2 else ""
            item = truth.items.get(copy)
            right = item is not None and item.kind == kind and {copy, item.detail} == pair
            found, wrong = found + right, wrong + (not right)
            if right:
                pairs.add(copy)
        planted = sum(i.kind == kind and i.detail in truth.items for i in truth.items.values())
        rows.append(_row(kind, planted, found, wrong))
    report = json.loads((corpus / "report.json").read_bytes())
    for fault in FAULTS:
        found = report["errors"]["counts"].get(fault, 0)
        planted = truth.faults[fault]
        rows.append(_row(f"fault: {fault}", planted, min(found, planted), max(0, found - planted)))
    rows += _delivered(truth, corpus, gone)
    return {"rows": rows, "bands": _bands(truth, pairs), "stages": report["stages"]}


def _delivered(truth: Truth, corpus: Path, gone: set[str]) -> list[dict[str, Any]]:
    """What is in the shards, byte for byte, of that which was not rejected."""
    there = Counter(digest(text) for text in _texts(corpus))
    rows, wanted = [], Counter[bytes]()
    for kind in ("mojibake", "the rest"):
        planted, found = 0, 0
        for name, item in truth.items.items():
            if name in gone or (item.kind == "mojibake") != (kind == "mojibake"):
                continue
            planted += 1
            wanted[item.text] += 1
            found += there[item.text] > 0
        rows.append(_row(kind, planted, found, 0))
    for row in rows:
        # A text in the shards that should not be there is one that was changed wrongly.
        row["wrong"] = (there - wanted).total()
        row["precision"] = row["found"] / max(1, row["found"] + row["wrong"])
    return rows


def _texts(corpus: Path) -> Iterator[bytes]:
    shards = open_shards(corpus)
    tokens = [shards.tokenizer.token_bytes(i) for i in range(shards.tokenizer.vocab_size)]
    if shards.tokenizer.end_of_text is not None:
        tokens[shards.tokenizer.end_of_text] = b""
    for split in SPLITS:
        side = shards.split(split)
        for number in range(len(side.shards)):
            starts = side.document_starts(number)
            first = int(side.starts[number])
            for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                yield b"".join(map(tokens.__getitem__, side[first + a : first + b].tolist()))


def _bands(truth: Truth, pairs: set[str]) -> list[dict[str, Any]]:
    """Pairs found and predicted, by similarity to the nearest of those that were asked for."""
    probability = MinHashConfig().probability
    groups: dict[float, list[tuple[float, bool]]] = {s: [] for s in SIMILARITIES}
    for name, item in truth.items.items():
        if item.kind == "near" and item.detail in truth.items:
            nearest = min(SIMILARITIES, key=lambda s: abs(s - item.similarity))
            groups[nearest].append((probability(item.similarity), name in pairs))
    found = []
    for s, group in groups.items():
        if group:
            n, expected = len(group), sum(p for p, _ in group)
            deviation = math.sqrt(sum(p * (1 - p) for p, _ in group))
            here = sum(hit for _, hit in group)
            row = {"similarity": s, "pairs": n, "found": here / n, "predicted": expected / n}
            row["deviations"] = (here - expected) / max(deviation, 1e-9)
            found.append(row)
    return found


def run(folder: Path, megabytes: float, seed: int, workers: int) -> dict[str, Any]:
    """Generate, build, compare."""
    started = time.perf_counter()
    truth = plant(folder, megabytes, seed)
    seconds = time.perf_counter() - started
    _say(f"generated {truth.bytes / 1e6:,.0f} MB, {len(truth.items):,} documents, {seconds:.0f} s")
    built = build(folder, workers)
    _say(f"built in {built['seconds']:.0f} s")
    result = {"megabytes": truth.bytes / 1e6, "documents": len(truth.items), "seed": seed, **built}
    return result | compare(truth, folder / "corpus")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    lines = [f"{'':22}{'planted':>9}{'found':>9}{'wrong':>7}{'recall':>9}{'precision':>11}"]
    for row in result["rows"]:
        lines.append(
            f"{row['kind']:22}{row['planted']:9,}{row['found']:9,}{row['wrong']:7,}"
            f"{row['recall']:9.4f}{row['precision']:11.4f}"
        )
    lines.append("\nsimilarity    pairs    found  predicted  deviations")
    for row in result["bands"]:
        lines.append(
            f"{row['similarity']:10.2f}{row['pairs']:9,}{row['found']:9.3f}"
            f"{row['predicted']:11.3f}{row['deviations']:12.1f}"
        )
    lines.append("\nstage            seconds  of the CPU  documents/s      MB/s")
    for stage in result["stages"]:
        seconds = max(stage["cpu_seconds"], 1e-3)
        rates = f"{stage['documents'] / seconds:13,.0f}{stage['bytes'] / seconds / 1e6:10.1f}"
        lines.append(f"{stage['stage']:15}{stage['seconds']:9.2f}{seconds:12.2f}{rates}")
    lines.append(
        f"\n{result['megabytes']:,.0f} MB in {result['seconds']:.0f} s; all processes together "
        f"held {result['peak_bytes'] / 1e6:.0f} MB of their own at most"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corpus_generated", description=__doc__
    )
    parser.add_argument("--megabytes", type=float, default=1000, help="of text (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the text (0)")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one for each core")
    parser.add_argument("--folder", help="where the files go and stay (a temporary one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        result = run(folder, options.megabytes, options.seed, options.workers)
    print(json.dumps(result) if options.json else table(result))


if __name__ == "__main__":
    main()
