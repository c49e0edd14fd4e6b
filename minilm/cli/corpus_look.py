"""``minilm corpus inspect``, ``report`` and ``sample``."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional

from minilm.cli.formatting import count, memory, printable, to_json
from minilm.cli.options import COUNT, WHOLE, described
from minilm.cli.sample import HARMLESS
from minilm.errors import MinilmError, did_you_mean

if TYPE_CHECKING:
    from minilm.corpus.shards import Shards

__all__ = ["Inspect", "Report", "Sample"]

Folder = Annotated[Positional[str], described("DIR")]


@dataclass(frozen=True)
class Inspect:
    """What a folder of shards holds, and whether it is whole."""

    folder: Folder
    """Folder that minilm corpus build wrote."""
    verify: Annotated[bool, described()] = False
    """Compute all digests anew; else once, and when a file seems to have changed."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Open, check, describe."""
        from minilm.corpus.shards import open_shards

        shards = open_shards(self.folder, verify=self.verify)
        figures = {split: _figures(shards, split) for split in ("train", "val")}
        manifest, tokenizer = shards.manifest, shards.tokenizer
        if self.json:
            head = {"folder": self.folder, "sha256": manifest.sha256, "dtype": manifest.dtype}
            kind = {"tokenizer": tokenizer.kind, "vocab_size": manifest.vocab_size}
            record = {**head, **kind, **figures, "provenance": manifest.provenance}
            print(to_json(record))
            return 0
        print(f"{printable(self.folder)}: whole, sha256 {manifest.sha256[:16]}")
        for split, found in figures.items():
            per_token = found["bytes"] / max(1, found["tokens"])
            shards_text = "1 shard" if found["shards"] == 1 else f"{found['shards']} shards"
            print(
                f"  {split:5}  {found['tokens']:,} tokens, {found['documents']:,} documents, "
                f"{memory(found['bytes'])} of text, {per_token:.2f} bytes per token, {shards_text}"
            )
        end = "none" if manifest.end_of_text is None else manifest.end_of_text
        print(
            f"  ids    {manifest.dtype}, {tokenizer.kind}, vocabulary "
            f"{count(manifest.vocab_size)}, end of text {end}"
        )
        for source in manifest.provenance.get("sources", ()):
            tokens = source["train"]["tokens"] + source["val"]["tokens"]
            print(f"  from   {printable(source['name'])}: {count(tokens)} tokens")
        return 0


def _figures(shards: Shards, split: str) -> dict[str, int]:
    ids = shards.split(split)
    figures = {"tokens": len(ids), "documents": ids.n_documents, "bytes": shards.n_bytes(split)}
    return {**figures, "shards": len(ids.shards)}


@dataclass(frozen=True)
class Report:
    """The report of a build once more; also writes report.html, if it is missing."""

    folder: Folder
    """Folder that minilm corpus build wrote."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Read and print."""
        from minilm.cli.corpus_report import print_report
        from minilm.corpus.building import page, read_report

        folder = Path(self.folder)
        report = read_report(folder)
        if self.json:
            print(to_json(report))
            return 0
        if not (folder / page.PAGE).exists():
            try:
                page.write(folder, report)
            except MinilmError as error:
                print(printable(str(error)), file=sys.stderr)
        print_report(report, self.folder)
        return 0


@dataclass(frozen=True)
class Sample:
    """Some documents of a corpus, as the model will see them; or some that were rejected."""

    folder: Folder
    """Folder that minilm corpus build wrote."""
    split: Annotated[Literal["train", "val"], described("{train,val}", hint="(default: train)")] = (
        "train"
    )
    """Which side."""
    count: Annotated[int, COUNT, described(hint="(default: 3)")] = 3
    """How many documents."""
    characters: Annotated[int, COUNT, described(hint="(default: 600)")] = 600
    """Show so much of each."""
    seed: Annotated[int, WHOLE, described(hint="(default: 0)")] = 0
    """Chooses which."""
    rejected: Annotated[str | None, described("STEP")] = None
    """Show what this step rejected: cleaning, filters, decontamination, exact or near."""
    rule: Annotated[str | None, described("RULE")] = None
    """With --rejected: only by this rule."""

    def run(self) -> int:
        """Choose and print."""
        if self.rejected is None and self.rule is not None:
            raise MinilmError("--rule names a rule of a step: add --rejected STEP")
        shown = self._documents() if self.rejected is None else self._rejected(self.rejected)
        nothing = True
        for title, text in shown:
            nothing = False
            print(f"--- {printable(title)}")
            dots = " ..." if len(text) > self.characters else ""
            print(printable(text[: self.characters], keep=HARMLESS) + dots)
        if nothing:
            print("nothing was rejected there")
        return 0

    def _documents(self) -> Iterator[tuple[str, str]]:
        from minilm import rng
        from minilm.corpus.shards import open_shards, text_ids

        shards = open_shards(self.folder)
        ids = shards.split(self.split)
        n = ids.n_documents
        chosen = rng.generator(self.seed, 0, "sample").permutation(n)[: self.count]
        for number in chosen.tolist():
            found = text_ids(ids.document(number), shards.manifest.end_of_text)
            text = shards.tokenizer.decode(found)
            title = f"{self.split} {number} of {n:,}: {len(found):,} tokens"
            yield title, text

    def _rejected(self, step: str) -> Iterator[tuple[str, str]]:
        from minilm.corpus.building.filtering import STEPS
        from minilm.corpus.building.finishing import REJECTED
        from minilm.corpus.building.reporting import DEDUPLICATION

        folder = Path(self.folder) / REJECTED
        if step not in (*STEPS, *DEDUPLICATION):
            raise MinilmError(f"no step {step!r}{did_you_mean(step, (*STEPS, *DEDUPLICATION))}")
        records = _records(folder / f"{step}.jsonl.gz")
        if self.rule is not None:
            records = (record for record in records if record["rule"] == self.rule)
        for record in islice(records, self.count):
            limit = f"limit {record['limit']}"
            title = f"{record['source']}/{record['id']}: {record['rule']}"
            yield f"{title} = {record['figure']}, {limit}", record["text"]


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                yield json.loads(line.decode("utf-8", "surrogatepass"))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise MinilmError(f"cannot read {path}: {error}; build the corpus again") from None
