"""``minilm search``: the passages of a file that are nearest to a question."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.embed import embedded
from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, described
from minilm.cli.progress import Silent
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from minilm.evaluation.encoder import Encoder

__all__ = ["Search"]


@dataclass(frozen=True)
class Search:
    """Find the texts of a file that a trained run finds most like a query.

    Every text is compared, by one matrix product; nothing is approximated. The mean of all
    texts is taken off first, since features have a large part in common.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ('minilm search RUN FILE "how to open a file"', "find the nearest texts"),
        ('minilm search RUN FILE.jsonl "a query" --top 3 --json', ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder of a run, or of imported weights."""
    file: Annotated[Positional[str], described("FILE")]
    """One text a line; in a file named .jsonl, objects with the field "text"."""
    query: Annotated[Positional[str], described("QUERY")]
    """What to look for."""
    vectors: Annotated[str | None, described("V.npy")] = None
    """Take the texts' vectors from here, where minilm embed wrote them."""
    top: Annotated[int, COUNT, described(hint="(default: 5)")] = 5
    """Show the N nearest."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Read, embed, compare and print."""
        import minilm
        from minilm.evaluation import passages, vectors_file
        from minilm.evaluation.embeddings import centred, nearest

        if not self.query.strip():
            raise MinilmError("the query is empty: write what to look for")
        texts = passages.read(self.file)
        encoder = minilm.load_encoder(self.run_folder, reporter=Silent(sys.stderr))
        if self.vectors is None:
            vectors = embedded(encoder, texts)
        else:
            vectors = vectors_file.read(self.vectors, len(texts), encoder.model.config.n_embd)
            self._check_made_so(vectors, encoder, texts)
        for note in encoder.notes:
            print(printable(note), file=sys.stderr)
        indices, scores = nearest(*centred(vectors, encoder.embed([self.query])), self.top)
        found = [
            {"place": int(i) + 1, "score": round(float(score), 4), "text": texts[i]}
            for i, score in zip(indices[0], scores[0], strict=True)
        ]
        if self.json:
            summary = {"run": self.run_folder, "step": encoder.step, "query": self.query}
            print(to_json({**summary, "texts": len(texts), "nearest": found}))
            return 0
        for line in found:
            print(f"{line['score']:7.3f}  {line['place']:6}  {printable(str(line['text']))}")
        return 0

    def _check_made_so(self, vectors: NDArray, encoder: Encoder, texts: list[str]) -> None:
        """Refuse vectors of other texts or another model, by the first and the last of them."""
        import numpy as np

        ends = [0, len(texts) - 1]
        own = encoder.embed([texts[i] for i in ends])
        encoder.notes.clear()
        if not np.allclose(vectors[ends], own, atol=0.01):
            raise MinilmError(
                f"{self.vectors} holds vectors of other texts or by another run; make them anew: "
                f"minilm embed {self.run_folder} {self.file} --out {self.vectors}"
            )
