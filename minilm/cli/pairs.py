"""``minilm pairs``: how a text labels itself."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, WHOLE, described
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.models.model import Model
    from minilm.objectives.pairs import Count, Labelled
    from minilm.tokenizers import Tokenizer

__all__ = ["Pairs"]

KINDS = ("bytes", "chars", "bpe")
LEARNED_FROM = "python-docs"  # by "bpe", without --data


@dataclass(frozen=True)
class Pairs:
    """Show how a text labels itself: every training pair of each objective, and how many.

    What a model sees is in one colour, what it is to say in another; in a pipe the label
    stands in brackets. With --run also how likely the model finds each label.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ('minilm pairs "the cat sat on the mat"', "show how a text labels itself"),
        ('minilm pairs "the cat sat on the mat" --objective masked_tokens', ""),
        ('minilm pairs "the cat sat" --tokenizer bpe --data python-docs', ""),
        ('minilm pairs "the cat sat" --run RUN --json', ""),
    )

    text: Annotated[Positional[str], described("TEXT|FILE")]
    """What to look at; the name of a file stands for its text."""
    objective: Annotated[
        Literal["next_token", "masked_tokens", "fill_in_middle"] | None,
        described("{next_token,masked_tokens,fill_in_middle}", hint="(default: each)"),
    ] = None
    """Show this one only."""
    tokenizer: Annotated[
        str | None, described("bytes|chars|bpe|PATH", hint="(default: bytes, or the run's)")
    ] = None
    """Characters of the text; byte pairs of --data or python-docs; or a tokenizer file or run."""
    run_folder: Annotated[str | None, described("RUN", name="run")] = None
    """Add the probability and the loss that this run's model gives each label."""
    data: Annotated[str | None, described("CORPUS")] = None
    """Count the pairs of a whole corpus too: python-docs, python-code, a file or a folder."""
    seed: Annotated[int, WHOLE, described(hint="(default: 0)")] = 0
    """Of the masks and cuts."""
    first: Annotated[int, COUNT, described(hint="(default: 100)")] = 100
    """Show so many pairs of each objective; all are counted."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Label, and show."""
        from minilm.cli.pairs_table import print_pairs
        from minilm.objectives import pairs

        text = _text(self.text)
        tokenizer, model, possible = self._parts(text)
        names = self._chosen(possible)
        labelled = [pairs.label(name, text, tokenizer, self.seed) for name in names]
        losses = [None if model is None else pairs.losses(model, each) for each in labelled]
        total = self._count(tokenizer, names)
        if self.json:
            print(to_json(self._summary(tokenizer, labelled, losses, total)))
            return 0
        n_tokens = len(tokenizer.encode(text))
        kind = f"{tokenizer.kind}, vocabulary {tokenizer.vocab_size:,}"
        print(f"{n_tokens:,} tokens ({kind})")
        for each, nats in zip(labelled, losses, strict=True):
            print()
            print_pairs(each, tokenizer, nats, self.first, sys.stdout)
            if nats is not None:
                print(f"  mean loss {nats.mean():.4f} nats")
        if total is not None:
            print(f"\n{printable(self.data or '')}: {total.documents:,} documents, "
                  f"{total.tokens:,} tokens")  # fmt: skip
            for name, n in total.pairs.items():
                print(f"  {name:<16}{n:>14,} pairs in a pass")
        return 0

    def _parts(self, text: str) -> tuple[Tokenizer, Model | None, tuple[str, ...]]:
        """Tokenizer, model if there is one, and the objectives that they can do."""
        from minilm.objectives import pairs

        if self.run_folder is None:
            tokenizer = self._tokenizer(text)
            return tokenizer, None, tuple(n for n in pairs.NAMES if pairs.possible(n, tokenizer))
        if self.tokenizer is not None:
            raise MinilmError("--run brings its own tokenizer; leave --tokenizer out")
        from minilm.recipes.loading import load_parts

        parts = load_parts(self.run_folder)
        if parts.tokenizer is None or parts.model.head is None:
            missing = "tokenizer" if parts.tokenizer is None else "head to predict tokens with"
            raise MinilmError(f"{self.run_folder} has no {missing}; it was imported without one")
        if not parts.model.causal:
            return parts.tokenizer, parts.model, ("masked_tokens",)
        learned = ("next_token", "fill_in_middle")
        filling = parts.recipe.objective.name == "fill_in_middle"
        return parts.tokenizer, parts.model, learned if filling else learned[:1]

    def _tokenizer(self, text: str) -> Tokenizer:
        from minilm import corpus, tokenizers
        from minilm.corpus import Document

        name = self.tokenizer or "bytes"
        if name not in KINDS:
            return tokenizers.load(name)
        documents = [Document("text", text, "")]
        if name == "bpe" or (name == "chars" and self.data):
            documents += corpus.load(self.data or LEARNED_FROM)
        # Two of them, so that characters get an end-of-text token.
        return tokenizers.build(name, [*documents, documents[0]], special_tokens=_marks())

    def _chosen(self, possible: tuple[str, ...]) -> tuple[str, ...]:
        if self.objective is None:
            return possible
        if self.run_folder is not None and self.objective not in possible:
            raise MinilmError(
                f"{self.run_folder} has not learned {self.objective}; "
                f"choose from {', '.join(possible)}"
            )
        return (self.objective,)

    def _count(self, tokenizer: Tokenizer, names: tuple[str, ...]) -> Count | None:
        from minilm import corpus
        from minilm.cli.bar import showing
        from minilm.objectives import pairs

        if self.data is None:
            return None
        with showing(sys.stderr) as bar:
            documents = corpus.load(self.data)

            def texts() -> Iterator[str]:
                for i, document in enumerate(documents):
                    label = f"document {i + 1}/{len(documents)}"
                    bar.show(label, i / len(documents), steady=True)
                    yield document.text

            return pairs.count(texts(), tokenizer, names, self.seed)

    def _summary(
        self, tokenizer: Tokenizer, labelled: list[Labelled], losses: list[Any], total: Count | None
    ) -> dict[str, Any]:
        kind = {"tokenizer": tokenizer.kind, "vocab_size": tokenizer.vocab_size}
        found: dict[str, Any] = {"text": self.text, "run": self.run_folder, **kind}
        found["objectives"] = [
            _rows(each, tokenizer, nats, self.first)
            for each, nats in zip(labelled, losses, strict=True)
        ]
        if total is not None:
            found["corpus"] = {"source": self.data, **total._asdict()}
        return found


def _rows(labelled: Labelled, tokenizer: Tokenizer, nats: Any, first: int) -> dict[str, Any]:
    rows = []
    for number, pair in zip(range(first), labelled.pairs(), strict=False):
        row = {
            "position": pair.position,
            "before": tokenizer.decode(pair.before),
            "input": None if pair.input is None else tokenizer.decode([pair.input]),
            "after": tokenizer.decode(pair.after),
            "label": tokenizer.decode([pair.label]),
            "label_id": pair.label,
        }
        if nats is not None:
            row |= {"loss": nats[number], "probability": math.exp(-nats[number])}
        rows.append(row)
    return {"objective": labelled.objective, "pairs": labelled.n_pairs, "shown": rows}


def _marks() -> tuple[str, ...]:
    """The special tokens of all objectives."""
    from minilm.objectives.config import FillInMiddleConfig, MaskedTokensConfig

    return (*MaskedTokensConfig().special_tokens, *FillInMiddleConfig().special_tokens)


def _text(name: str) -> str:
    """The text, or that of the file of this name."""
    from minilm.corpus import files

    try:
        is_file = Path(name).is_file()
    except OSError:  # too long for a name
        is_file = False
    return "".join(document.text for document in files.read(name)) if is_file else name
