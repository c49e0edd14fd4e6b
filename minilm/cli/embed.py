"""``minilm embed``: a vector for each text of a file."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import duration, memory, printable, to_json
from minilm.cli.options import COUNT, described
from minilm.cli.progress import Silent
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from minilm.evaluation.encoder import Encoder

__all__ = ["Embed", "embedded"]


@dataclass(frozen=True)
class Embed:
    """Turn each text of a file into a vector of length 1: the mean of its tokens' features.

    Scalar products of the vectors are cosines: the larger, the more alike two texts are to
    the model.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm embed RUN FILE --out V.npy", "turn texts into vectors"),
        ("minilm embed RUN FILE.jsonl --out V.npy --batch-size 64", ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder of a run, or of imported weights."""
    file: Annotated[Positional[str], described("FILE")]
    """One text a line; in a file named .jsonl, objects with the field "text"."""
    out: Annotated[str, described("V.npy")]
    """Write the vectors here, float32 of shape (texts, channels)."""
    batch_size: Annotated[int, COUNT, described(hint="(default: 32)")] = 32
    """Texts that run through the model together."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Read, embed and write."""
        import minilm
        from minilm.evaluation import passages, vectors_file

        vectors_file.check(self.out)
        texts = passages.read(self.file)
        encoder = minilm.load_encoder(self.run_folder, reporter=Silent(sys.stderr))
        started = time.perf_counter()
        vectors = embedded(encoder, texts, self.batch_size)
        seconds = time.perf_counter() - started
        vectors_file.write(self.out, vectors)
        for note in encoder.notes:
            print(printable(note), file=sys.stderr)
        n, n_channel = vectors.shape
        if self.json:
            figures = {"texts": n, "channels": n_channel, "seconds": round(seconds, 3)}
            print(
                to_json({"run": self.run_folder, "step": encoder.step, "out": self.out} | figures)
            )
            return 0
        size = memory(Path(self.out).stat().st_size)
        print(f"{printable(self.out)}: {n:,} vectors of {n_channel} numbers, {size}")
        print(f"embedded in {duration(seconds)}")
        return 0


def embedded(encoder: Encoder, texts: list[str], batch_size: int = 32) -> NDArray:
    """The vectors (N, C) of the texts, with a bar on a terminal while they are made."""
    from minilm.cli.bar import showing

    with showing(sys.stderr) as bar:
        bar.show("embedding", 0.0)
        try:
            return encoder.embed(
                texts,
                batch_size=batch_size,
                progress=lambda done: bar.show(
                    f"embedding {done}/{len(texts)}", done / len(texts), steady=True
                ),
            )
        except MemoryError:
            raise MinilmError(
                f"--batch-size {batch_size}: out of memory; take fewer at a time"
            ) from None
