"""The evaluation of a run, for a person to read."""

from __future__ import annotations

import math
import sys
from typing import TextIO

from minilm.cli import reliability
from minilm.cli.formatting import printable
from minilm.evaluation.calibration import Calibration
from minilm.evaluation.gap_metrics import GapMetrics, GapNgram
from minilm.evaluation.neighbours import K
from minilm.evaluation.probe import ProbeResult
from minilm.evaluation.statistics import Estimate
from minilm.evaluation.text_metrics import NgramMetrics, TextMetrics
from minilm.recipes.evaluation_result import Evaluation
from minilm.recipes.questions import Answered

__all__ = ["print_evaluation"]


def print_evaluation(found: Evaluation, stream: TextIO | None = None) -> None:
    """Write all that was measured; keys and units as in `Evaluation`."""
    stream = stream or sys.stdout
    lines = [f"{found.run}, step {found.step}, on {found.data}"]
    if found.text:
        stride = "" if found.stride is None else f", a window every {found.stride:,}"
        text = found.text
        documents = _documents(text.documents)
        lines += [f"{documents}, {text.tokens:,} tokens of {text.bytes:,} bytes{stride}", ""]
        lines += _text(text, found.ngram)
    if found.gaps:
        gaps = found.gaps
        lines += [f"{_documents(gaps.documents)}, {gaps.gaps:,} hidden tokens", ""]
        lines += _gaps(gaps, found.gap_ngram)
    if found.calibration:
        lines += ["", *_calibration(found.calibration)]
    if found.tasks:
        lines += ["", *_tasks(found.tasks)]
    if found.probe:
        lines += ["", *_probe(found.probe)]
    if found.notes:
        lines += ["", *(f"note: {note}" for note in found.notes)]
    sign = "±" if _can_encode("±", stream) else "+-"
    for line in lines:
        print(printable(line.replace("±", sign).rstrip()), file=stream)


def _documents(n: int) -> str:
    return "1 document" if n == 1 else f"{n:,} documents"


def _can_encode(text: str, stream: TextIO) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _with_error(estimate: Estimate, digits: int = 4) -> str:
    """A figure and its standard error, where there is one."""
    if math.isnan(estimate.error):
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ± {estimate.error:.{digits}f}"


def _text(text: TextMetrics, ngram: NgramMetrics | None) -> list[str]:
    lines = [
        f"loss           {_with_error(text.loss)} nats per token",
        f"perplexity     {_with_error(text.perplexity, 3)}",
        f"bits per byte  {_with_error(text.bits_per_byte)}",
        f"top-1          {_with_error(text.top1)}",
        f"top-5          {_with_error(text.top5)}",
    ]
    if ngram:
        figures = f"{_with_error(ngram.loss)} nats per token, {_with_error(ngram.bits_per_byte)}"
        better = "better" if ngram.margin.value > 0 else "worse"
        margin = ngram.margin._replace(value=abs(ngram.margin.value))
        lines += [
            f"best n-gram    {figures} bits per byte (order {ngram.order})",
            f"margin         {_with_error(margin)} bits per byte {better} than the n-gram",
        ]
    return lines


def _gaps(gaps: GapMetrics, ngram: GapNgram | None) -> list[str]:
    lines = [
        f"loss           {_with_error(gaps.loss)} nats per hidden token",
        f"perplexity     {_with_error(gaps.perplexity, 3)}",
        f"top-1          {_with_error(gaps.top1)}",
        f"top-5          {_with_error(gaps.top5)}",
    ]
    if ngram:
        lines += [
            f"best n-grams   {_with_error(ngram.loss)} nats per hidden token, top-1 "
            f"{_with_error(ngram.top1)}",
            f"margin         {_signed(ngram.margin)} nats per hidden token, top-1 "
            f"{_signed(ngram.top1_margin)}",
        ]
    return lines


def _signed(estimate: Estimate) -> str:
    """A difference; above 0 the model is better."""
    return f"{'+' if estimate.value > 0 else ''}{_with_error(estimate)}"


def _calibration(found: Calibration) -> list[str]:
    return [
        f"calibration    {found.error:.4f} expected error in {len(found.counts)} bins, "
        f"about {found.chance:.4f} of it by chance",
        *(f"  {line}" for line in reliability.lines(found)),
    ]


def _tasks(tasks: list[Answered]) -> list[str]:
    width = max(12, *(len(one.result.name) for one in tasks))
    head = f"  {'':{width}}  items  accuracy       by bytes       chance  n-gram"
    lines = ["tasks, accuracy by sum and by sum per byte", head]
    for one in tasks:
        task = one.result
        row = f"  {task.name:{width}}  {task.items:5,}  {_with_error(task.accuracy, 3):13}"
        if task.perplexity:
            row += f"  perplexity of the word {_with_error(task.perplexity, 1)}"
        elif task.accuracy_normalized and task.chance is not None:
            row += f"  {_with_error(task.accuracy_normalized, 3):13}  {task.chance:6.3f}"
            row += f"  {one.ngram.value:6.3f}" if one.ngram else "       -"
        lines.append(row)
    return lines


def _probe(probe: ProbeResult) -> list[str]:
    lines = [
        f"probe: {len(probe.labels)} labels, {probe.training:,} texts to learn from, "
        f"{probe.test:,} to test with from {probe.test_documents:,} documents",
        f"  {'layer':18}  {'linear':13}  {f'{K} nearest':13}  untrained, linear",
    ]
    for layer in probe.layers:
        untrained = _with_error(layer.untrained, 3) if layer.untrained else "-"
        lines.append(
            f"  {layer.layer:18}  {_with_error(layer.linear, 3):13}  "
            f"{_with_error(layer.neighbours, 3):13}  {untrained}"
        )
    lines.append(f"  {'token counts':18}  {_with_error(probe.token_counts, 3)}")
    lines.append(f"  {'most common label':18}  {_with_error(probe.most_common, 3)}")
    return lines
