"""``minilm tokenizer train``: from text files to a vocabulary."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, UseAppendAction

from minilm.cli.formatting import duration, memory, printable, to_json
from minilm.cli.options import COUNT, described
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.tokenizers.bpe import BPETokenizer

__all__ = ["Train"]

END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True)
class Train:
    """Learn byte-level BPE from text files and folders of them.

    Files are read in blocks; what is kept in memory is each different word and its count.
    """

    files: Annotated[Positional[tuple[str, ...]], described("FILE|FOLDER ...")]
    """Text in UTF-8."""
    vocab_size: Annotated[int, COUNT, described(hint="(default: 1024)")] = 1024
    """Tokens: 256 bytes, merges and special tokens."""
    pattern: Annotated[
        Literal["gpt2", "cl100k"], described("{gpt2,cl100k}", hint="(default: gpt2)")
    ] = "gpt2"
    """How text is cut into words: as for GPT-2, or for GPT-4."""
    special: Annotated[
        UseAppendAction[tuple[str, ...]], described("NAME", hint="(repeatable)")
    ] = ()
    """Special tokens beside <|endoftext|>, such as "<|fim|>"."""
    min_frequency: Annotated[int, COUNT, described(hint="(default: 1)")] = 1
    """Join only pairs that occur N times."""
    errors: Annotated[
        Literal["strict", "replace"], described("{strict,replace}", hint="(default: strict)")
    ] = "strict"
    """Bytes that are not UTF-8: refuse the file, or read them as U+FFFD."""
    out: Annotated[str, described("FILE.json|FOLDER", hint="(default: tokenizer.json)")] = (
        "tokenizer.json"
    )
    """File to write; a folder gets vocab.json and merges.txt, as GPT-2 has them."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Read, learn, write."""
        from minilm.tokenizers.bpe import BPETokenizer, Trainer, gpt2_files
        from minilm.tokenizers.bpe.streaming import file_blocks

        if not self.files:
            raise MinilmError("FILE is missing: name a text file or a folder")
        clock = time.perf_counter()
        files = list(_files(self.files))
        trainer = Trainer(self.pattern)
        for file in files:
            for block in file_blocks(file, errors=self.errors):
                trainer.add(block)
        if not trainer.n_bytes:
            raise MinilmError("there is no text to learn from; give files that are not empty")
        special = tuple(dict.fromkeys((*self.special, END_OF_TEXT)))
        vocabulary = trainer.learn(self.vocab_size, special, self.min_frequency)
        tokenizer = BPETokenizer(vocabulary, self.pattern)
        if self.out.endswith(".json"):
            tokenizer.save(self.out)
        else:
            gpt2_files.write(tokenizer, self.out)
        self._report(tokenizer, len(files), trainer.n_bytes, time.perf_counter() - clock)
        return 0

    def _report(self, tokenizer: BPETokenizer, n_files: int, n_bytes: int, seconds: float) -> None:
        n_merges = len(tokenizer.vocabulary.pairs)
        if self.json:
            figures = {"vocab_size": tokenizer.vocab_size, "merges": n_merges, "files": n_files}
            print(to_json({"out": self.out, **figures, "bytes": n_bytes, "seconds": seconds}))
            return
        files = f"{n_files} files" if n_files > 1 else "1 file"
        print(
            f"{printable(self.out)}: {tokenizer.vocab_size:,} tokens, {n_merges:,} of them learned "
            f"from {memory(n_bytes)} in {files}, in {duration(seconds)}"
        )
        if tokenizer.vocab_size < self.vocab_size:
            print(f"The text has no more pairs that occur {self.min_frequency} times or more.")


def _files(names: tuple[str, ...]) -> Iterator[Path]:
    """The files that are named, and those of the folders that are."""
    from minilm.corpus import files

    for name in names:
        path = Path(name)
        if not path.is_dir():
            yield path
            continue
        found = files.find(path)
        if not found:
            raise MinilmError(f"the folder {name} has no file named like text (.txt, .md, .py)")
        yield from (file for _, file in found)
