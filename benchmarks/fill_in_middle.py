"""Fill-in-the-middle beside next tokens: ``python -m benchmarks.fill_in_middle``.

    python -m benchmarks.fill_in_middle [--seeds 1] [--steps 6000] [--precision bf16] [--json]

Two models of one size see the same windows of the standard library's sources for the same
number of steps; one has half of its documents rearranged. Both are then judged on held-out
files, which neither has seen:

    left to right   bits per byte of plain text
    middles         bits per byte of the middle of a window cut at two characters. The model
                    of next tokens has the prefix; the other has prefix and suffix.
    by prefix       the same, both with the prefix only
    restored        of 1 to 12 characters missing within a line, the share that greedy
                    decoding restores exactly; either model ends where `generation.meeting`
                    finds that it meets the suffix

Seeds differ in initial parameters and in the windows drawn: how far their figures lie apart
is what chance does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from minilm import backend

# isort: split
import numpy as np
from numpy.typing import NDArray

from minilm import corpus, rng, tokenizers
from minilm.generation.infilling import fill
from minilm.generation.meeting import Meeting
from minilm.generation.pretrained import Pretrained
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.config import FillInMiddleConfig
from minilm.objectives.fill_in_middle import FillInMiddle
from minilm.objectives.holes import middle_nats
from minilm.objectives.middle import Cut, Marks
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig

OBJECTIVES = ("next_token", "fill_in_middle")
FIGURES = ("left_to_right", "middles", "by_prefix", "restored")
VOCABULARY = 2048
WINDOWS = 400  # of held-out text, and holes in it
LINES = 300
LONGEST = 12  # characters missing within a line
LONGEST_TRIED = 60  # tokens
AROUND = 300  # characters shown on each side of it


@dataclass(frozen=True)
class Text:
    """Both sides of the corpus, and its tokenizer."""

    train: NDArray
    validation: NDArray
    held_out: list[corpus.Document]
    tokenizer: tokenizers.Tokenizer
    bytes_per_id: NDArray


def read(source: str = "python-code") -> Text:
    """The standard library's sources; 5 % of the files are held out."""
    documents = corpus.load(source)
    training, held_out = corpus.split(documents, "document", 0.05)
    marks = FillInMiddleConfig().special_tokens
    tokenizer = tokenizers.build("bpe", training, VOCABULARY, marks)
    sizes = np.array([len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)])
    sizes[list(tokenizer.special_tokens.values())] = 0
    train, validation = (corpus.encode(side, tokenizer).ids for side in (training, held_out))
    return Text(train, validation, held_out, tokenizer, sizes)


def objective(text: Text, name: str, seed: int, config: GPTConfig, batch_size: int) -> FillInMiddle:
    """Either task; that of next tokens is the other with nothing rearranged."""
    return FillInMiddle(
        text.train,
        text.validation,
        text.bytes_per_id,
        tokenizer=text.tokenizer,
        config=FillInMiddleConfig(rate=0.5 if name == "fill_in_middle" else 0.0),
        batch_size=batch_size,
        block_size=config.block_size,
        seed=seed,
        estimate_windows=WINDOWS,
    )


def train(
    task: FillInMiddle, config: GPTConfig, seed: int, steps: int, learning_rate: float
) -> tuple[GPT, float]:
    """A model after so many steps, and the seconds they took."""
    model = GPT(config, seed=seed)
    settings = OptimizerConfig(
        learning_rate=learning_rate, min_learning_rate=learning_rate / 30, warmup_steps=50
    )
    optimizer = AdamW(model.parameters, settings, steps)
    started = time.perf_counter()
    for step in range(steps):
        batch = task.batch(step)
        model.parameters.zero_gradients()
        loss = task.loss_and_gradients(model, batch, batch.n_targets)
        optimizer.update()
        if sys.stderr.isatty() or (step + 1) % 250 == 0:
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"step {step + 1}/{steps}  loss {loss:.3f}  ", end=end, file=sys.stderr)
    return model, time.perf_counter() - started


def holes_in_lines(text: Text, n: int = LINES) -> list[Cut]:
    """Short holes within lines of the held-out files, the same in every run."""
    generator = rng.generator(0, 0, "lines")
    found: list[Cut] = []
    while len(found) < n:
        document = text.held_out[int(generator.integers(len(text.held_out)))].text
        first = int(generator.integers(len(document)))
        last = first + int(generator.integers(1, LONGEST + 1))
        middle = document[first:last]
        if len(middle) == last - first and middle.strip() and "\n" not in middle:
            before, after = document[max(0, first - AROUND) : first], document[last:][:AROUND]
            if before and after:
                found.append(Cut(before, middle, after))
    return found


def restored(model: Pretrained, hole: Cut, *, both: bool) -> bool:
    """Whether greedy decoding fills the hole with just what was there."""
    if both:
        pieces = fill(model, hole.prefix, hole.suffix, max_tokens=LONGEST_TRIED, temperature=0)
        return "".join(pieces) == hole.middle
    meeting = Meeting(model, hole.prefix, hole.suffix)
    for piece in model.stream(hole.prefix, max_tokens=LONGEST_TRIED, temperature=0):
        if meeting.feed(piece):
            break
    return meeting.middle == hole.middle


def judge(text: Text, task: FillInMiddle, name: str, model: GPT) -> dict[str, float]:
    """The figures of one model."""
    plain = task.left_to_right.evaluate(model, whole=False)
    holes = [hole for hole in task.holes(whole=False) if len(hole.parts.prefix)]
    both = name == "fill_in_middle"
    n_bits = np.log(2) * sum(hole.n_bytes for hole in holes)
    nats = middle_nats(model, holes, Marks.of(text.tokenizer) if both else None)
    by_prefix = middle_nats(model, holes, None) if both else nats
    written = Pretrained(model, text.tokenizer)
    hits = [restored(written, hole, both=both) for hole in holes_in_lines(text)]
    return {
        "left_to_right": plain["val_bpb"],
        "middles": float(nats.sum() / n_bits),
        "by_prefix": float(by_prefix.sum() / n_bits),
        "restored": statistics.mean(hits),
    }


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each seed and objective."""
    text = read(options.data)
    config = GPTConfig(
        vocab_size=text.tokenizer.vocab_size,
        block_size=options.block_size,
        n_layer=options.layers,
        n_head=4,
        n_embd=options.channels,
        position="rope",
    )
    rows = []
    for seed in options.seeds:
        for name in options.objectives:
            task = objective(text, name, seed, config, options.batch_size)
            with backend.computing(options.precision):
                model, seconds = train(task, config, seed, options.steps, options.learning_rate)
            row = {"objective": name, "seed": seed, "steps": options.steps, "seconds": seconds}
            rows.append(row | judge(text, task, name, model))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows, and for each objective the mean."""
    head = f"{'':16}{'seed':>6}{'left to right':>16}{'middles':>10}{'by prefix':>11}"
    lines = [f"{head}{'restored':>10}"]
    for name in OBJECTIVES:
        mine = [row for row in rows if row["objective"] == name]
        if not mine:
            continue
        means = {key: statistics.mean(row[key] for row in mine) for key in FIGURES}
        for row in [*mine, {"objective": name, "seed": "mean", **means}]:
            figures = f"{row['left_to_right']:16.4f}{row['middles']:10.4f}{row['by_prefix']:11.4f}"
            figures += f"{row['restored']:10.1%}"
            lines.append(f"{name:16}{row['seed']!s:>6}{figures}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fill_in_middle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--objectives", choices=OBJECTIVES, nargs="+", default=OBJECTIVES)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--block-size", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--precision", choices=backend.PRECISIONS, default="float32")
    parser.add_argument("--data", default="python-code", help="corpus, file or folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args()
    print(f"{backend.active()}, {options.steps} steps", file=sys.stderr)
    rows = measure(options)
    print("\n".join(map(json.dumps, rows)) if options.json else table(rows))


if __name__ == "__main__":
    main()
