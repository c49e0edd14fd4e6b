"""The reliability diagram: accuracy against confidence, as text and as a picture.

    confidence            tokens  accuracy
    0.3 to 0.4   0.349     2,310     0.347  #######|
    0.4 to 0.5   0.451     1,987     0.402  ########-|

The bar is as long as the accuracy, the stroke stands at the mean confidence: a bar that ends
before its stroke is of guesses that were too sure.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minilm.evaluation.calibration import Calibration

__all__ = ["lines", "picture"]

WIDTH = 30


def lines(found: Calibration) -> list[str]:
    """The diagram as lines of ASCII; bins without guesses are left out.

    Examples
    --------
    >>> from minilm.evaluation.calibration import calibration
    >>> import numpy as np
    >>> confidence = np.array([0.75, 0.75, 0.75, 0.75])
    >>> print(*lines(calibration(confidence, np.array([1, 1, 0, 0]))), sep="\\n")
    confidence            tokens  accuracy
    0.7 to 0.8   0.750         4     0.500  ###############-------|
    """
    rows = ["confidence            tokens  accuracy"]
    for i in np.flatnonzero(found.counts):
        low, high = found.edges[i : i + 2]
        confidence, accuracy = found.confidence[i], found.accuracy[i]
        rows.append(
            f"{low:.1f} to {high:.1f}   {confidence:.3f}  {found.counts[i]:8,}     {accuracy:.3f}"
            f"  {_bar(confidence, accuracy)}"
        )
    return rows


def _bar(confidence: float, accuracy: float) -> str:
    stroke = round(float(confidence) * WIDTH)
    filled = round(float(accuracy) * WIDTH)
    bar = ("#" * filled).ljust(max(stroke, filled), "-")
    return f"{bar[:stroke]}|{bar[stroke:]}"


def picture(found: Calibration, path: Path, title: str) -> None:
    """Draw the diagram into a picture file, above it how many guesses there are.

    Raises OSError where it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 6), dpi=120, layout="constrained")
    counts, axes = figure.subplots(2, 1, height_ratios=(1, 4), sharex=True)
    used = found.counts > 0
    middle, width = (found.edges[:-1] + found.edges[1:])[used] / 2, np.diff(found.edges)[used]
    counts.bar(middle, found.counts[used], width * 0.95, color="tab:gray")
    counts.set(ylabel="tokens", title=title)
    axes.bar(middle, found.accuracy[used], width * 0.95, color="tab:blue", label="accuracy")
    axes.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="perfectly calibrated")
    axes.plot(
        found.confidence[used], found.accuracy[used], "o", color="tab:orange", label="mean of a bin"
    )
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.text(0.97, 0.03, f"ECE {found.error:.4f}", ha="right", va="bottom")
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
    figure.savefig(path)
