"""The evaluation as text: each figure with its unit and error, columns, terminals without ±."""

import io
import math

import numpy as np

from minilm.cli.evaluate_report import print_evaluation
from minilm.evaluation.calibration import calibration
from minilm.evaluation.gap_metrics import GapMetrics, GapNgram
from minilm.evaluation.multiple_choice import TaskResult
from minilm.evaluation.probe import LayerResult, ProbeResult
from minilm.evaluation.statistics import Estimate
from minilm.evaluation.text_metrics import NgramMetrics, TextMetrics
from minilm.recipes.evaluation_result import Evaluation
from minilm.recipes.questions import Answered

TEXT = TextMetrics(
    documents=8,
    tokens=12345,
    bytes=23456,
    loss=Estimate(1.25, 0.015),
    perplexity=Estimate(3.49, 0.052),
    bits_per_byte=Estimate(0.95, 0.01),
    top1=Estimate(0.6, 0.02),
    top5=Estimate(0.9, 0.01),
)


def _printed(found: Evaluation, encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    print_evaluation(found, stream)
    return raw.getvalue().decode(encoding).splitlines()


def _words(lines: list[str], first: str) -> str:
    (line,) = (line for line in lines if line.strip().startswith(first))
    return " ".join(line.split())


def test_text_and_ngram() -> None:
    ngram = NgramMetrics(5, Estimate(1.5, 0.02), Estimate(1.14, 0.01), Estimate(-0.19, 0.004))
    lines = _printed(Evaluation("RUN", 40, "a.txt", 64, TEXT, ngram))
    assert lines[0] == "RUN, step 40, on a.txt"
    assert lines[1] == "8 documents, 12,345 tokens of 23,456 bytes, a window every 64"
    assert _words(lines, "loss") == "loss 1.2500 ± 0.0150 nats per token"
    assert _words(lines, "perplexity") == "perplexity 3.490 ± 0.052"
    assert _words(lines, "bits") == "bits per byte 0.9500 ± 0.0100"
    assert _words(lines, "top-5") == "top-5 0.9000 ± 0.0100"
    expected = "1.5000 ± 0.0200 nats per token, 1.1400 ± 0.0100 bits per byte (order 5)"
    assert _words(lines, "best") == f"best n-gram {expected}"
    expected = "0.1900 ± 0.0040 bits per byte worse than the n-gram"
    assert _words(lines, "margin") == f"margin {expected}"


def test_what_has_no_error_shows_none_and_ascii_has_no_sign() -> None:
    text = TextMetrics(1, 5, 5, *[Estimate(0.5, math.nan)] * 5)
    lines = _printed(Evaluation("RUN", 40, "a.txt", 64, text, notes=["one document"]))
    assert _words(lines, "loss") == "loss 0.5000 nats per token"
    assert lines[-1] == "note: one document"
    assert "1 document, 5 tokens" in lines[1]
    lines = _printed(Evaluation("RUN", 40, "a.txt", 64, TEXT), "ascii")
    assert _words(lines, "loss") == "loss 1.2500 +- 0.0150 nats per token"


def test_names_do_not_steer_the_terminal() -> None:
    lines = _printed(Evaluation("RUN\x1b[2J", 40, "a\nb", notes=["c\x07"]))
    assert lines == ["RUN\\x1b[2J, step 40, on a\\nb", "", "note: c\\x07"]


def test_calibration_tasks_and_probe() -> None:
    half = Estimate(0.5, 0.05)
    choice = TaskResult("sums", "multiple choice", 120, half, Estimate(0.25, 0.01), 0.25)
    cloze = TaskResult("cloze", "cloze", 50, half, perplexity=Estimate(12.0, 1.5))
    layer = LayerResult("blocks.0", half, Estimate(0.4, 0.03), None)
    probe = ProbeResult(("x", "y"), 10, 8, 5, Estimate(0.5, 0.1), Estimate(0.6, 0.1), (layer,))
    found = Evaluation(
        "RUN",
        40,
        "a.txt",
        calibration=calibration(np.array([0.7, 0.7]), np.array([1, 1])),
        tasks=[Answered(choice, Estimate(0.2, 0.1)), Answered(choice, None), Answered(cloze, None)],
        probe=probe,
    )
    lines = _printed(found)
    assert "0.3000 expected error in 10 bins, about 0.0000 of it by chance" in "\n".join(lines)
    rows = [" ".join(line.split()) for line in lines]
    assert "sums 120 0.500 ± 0.050 0.250 ± 0.010 0.250 0.200" in rows
    assert "sums 120 0.500 ± 0.050 0.250 ± 0.010 0.250 -" in rows
    assert "cloze 50 0.500 ± 0.050 perplexity of the word 12.0 ± 1.5" in rows
    assert "blocks.0 0.500 ± 0.050 0.400 ± 0.030 -" in rows
    assert "token counts 0.600 ± 0.100" in rows
    assert max(map(len, lines)) <= 80


def test_an_encoder_has_the_figures_of_its_gaps() -> None:
    half, small = Estimate(0.5, 0.05), Estimate(-0.25, 0.0125)
    gaps = GapMetrics(8, 1244, Estimate(2.5, 0.1), Estimate(12.182, 1.2182), half, half)
    ngram = GapNgram("bigrams", Estimate(3.0, 0.1), half, Estimate(0.5, 0.02), small)
    lines = _printed(Evaluation("RUN", 40, "a.txt", gaps=gaps, gap_ngram=ngram))
    assert "8 documents, 1,244 hidden tokens" in lines
    assert _words(lines, "loss") == "loss 2.5000 ± 0.1000 nats per hidden token"
    assert _words(lines, "margin") == (
        "margin +0.5000 ± 0.0200 nats per hidden token, top-1 -0.2500 ± 0.0125"
    )
    assert max(map(len, lines)) <= 80
