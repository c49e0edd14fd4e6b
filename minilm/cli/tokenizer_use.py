"""``minilm tokenizer encode``, ``decode`` and ``show``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional

from minilm.cli.formatting import count, printable, to_json
from minilm.cli.options import COUNT, described
from minilm.cli.sample import HARMLESS
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from minilm.tokenizers import Tokenizer

__all__ = ["Decode", "Encode", "Show"]

DEFAULT = "tokenizer.json"
BATCH = 1 << 16  # ids that are decoded at a time

TokenizerName = Annotated[str, described("PATH|bytes", hint=f"(default: {DEFAULT})")]
SpecialMode = Annotated[
    Literal["plain", "refuse", "honour"],
    described("{plain,refuse,honour}", hint="(default: plain)"),
]
ErrorMode = Annotated[
    Literal["strict", "replace"], described("{strict,replace}", hint="(default: strict)")
]


@dataclass(frozen=True)
class Encode:
    """Text to ids: printed, or written to a NumPy file. A file is never loaded whole."""

    file: Annotated[Positional[str | None], described("[FILE]")] = None
    """Text in UTF-8."""
    text: Annotated[str | None, described("TEXT")] = None
    """Encode this text instead of a file."""
    tokenizer: TokenizerName = DEFAULT
    """Tokenizer file, run folder, or folder with vocab.json and merges.txt."""
    out: Annotated[str | None, described("FILE.npy")] = None
    """Write the ids here, uint16 or uint32."""
    special: SpecialMode = "plain"
    """What special tokens spelt out in the text are: plain text, an error, or the tokens."""
    errors: ErrorMode = "strict"
    """Bytes that are not UTF-8: refuse the file, or read them as U+FFFD."""
    threads: Annotated[int, COUNT, described(hint="(default: 1)")] = 1
    """Cores to use."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Read and encode."""
        from minilm.tokenizers import ids_file

        if (self.file is None) == (self.text is None):
            raise MinilmError("name a FILE, or give --text TEXT")
        tokenizer = _load(self.tokenizer)
        arrays = self._arrays(tokenizer)
        if self.out is not None:
            n_ids = ids_file.write(self.out, arrays, tokenizer.dtype)
            kind = tokenizer.dtype.__name__
            if self.json:
                print(to_json({"out": self.out, "tokens": n_ids, "dtype": kind}))
            else:
                print(f"{printable(self.out)}: {n_ids:,} ids, {kind}")
        elif self.json:
            ids = [i for array in arrays for i in array.tolist()]
            print(to_json({"tokens": len(ids), "ids": ids}))
        else:
            for array in arrays:
                if len(array):
                    print(*array.tolist())
        return 0

    def _arrays(self, tokenizer: Tokenizer) -> Iterator[NDArray]:
        from minilm.tokenizers.bpe import BPETokenizer

        if isinstance(tokenizer, BPETokenizer):
            options: dict[str, Any] = {"special": self.special, "errors": self.errors}
            options["threads"] = self.threads
            if self.file is None:
                return iter([tokenizer.encode(self.text or "", **options)])
            return tokenizer.encode_file(self.file, **options)
        text = _read(self.file) if self.file is not None else self.text
        return iter([tokenizer.encode(text or "")])


@dataclass(frozen=True)
class Decode:
    """Ids to text, on standard output or in a file."""

    ids: Annotated[Positional[tuple[str, ...]], described("ID ...|FILE")]
    """Numbers; or a NumPy file of them, or a text file with spaces between."""
    tokenizer: TokenizerName = DEFAULT
    """Tokenizer file, run folder, or folder with vocab.json and merges.txt."""
    out: Annotated[str | None, described("FILE")] = None
    """Write the bytes here as they are; standard output gets text, U+FFFD for broken bytes."""

    def run(self) -> int:
        """Read and decode."""
        from minilm.tokenizers import StreamDecoder

        tokenizer = _load(self.tokenizer)
        ids = self._ids()
        batches = (ids[i : i + BATCH] for i in range(0, len(ids), BATCH))
        if self.out is not None:
            with open(self.out, "wb") as file:
                n_bytes = sum(file.write(tokenizer.decode_bytes(batch)) for batch in batches)
            print(f"{printable(self.out)}: {n_bytes:,} bytes")
            return 0
        decoder = StreamDecoder(tokenizer)
        last = ""
        for batch in batches:
            last = _show(decoder.feed(batch)) or last
        last = _show(decoder.flush()) or last
        if sys.stdout.isatty() and not last.endswith("\n"):
            print()
        return 0

    def _ids(self) -> NDArray:
        import numpy as np

        from minilm.tokenizers import ids_file

        words = self.ids
        if len(words) == 1 and os.path.exists(words[0]):
            if words[0].endswith(".npy"):
                return ids_file.read(words[0])
            words = tuple(_read(words[0]).split())
        for word in words:
            if not (word.isascii() and word.isdigit() and len(word) < 11):
                raise MinilmError(f"{word!r} is neither an id nor a file")
        return np.array([int(word) for word in words], np.int64)


@dataclass(frozen=True)
class Show:
    """The tokens of a text, coloured on a terminal, in brackets elsewhere."""

    text: Annotated[Positional[str], described("TEXT|FILE")]
    """What to look at; the name of a file stands for its text."""
    tokenizer: TokenizerName = DEFAULT
    """Tokenizer file, run folder, or folder with vocab.json and merges.txt."""
    special: SpecialMode = "plain"
    """What special tokens spelt out in the text are: plain text, an error, or the tokens."""
    first: Annotated[int, COUNT, described(hint="(default: 500)")] = 500
    """Show so many tokens; all are counted."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Encode and show."""
        from minilm.tokenizers.bpe import BPETokenizer

        tokenizer = _load(self.tokenizer)
        text = _read(self.text) if Path(self.text).is_file() else self.text
        if isinstance(tokenizer, BPETokenizer):
            ids = tokenizer.encode(text, special=self.special)
        else:
            ids = tokenizer.encode(text)
        shown = ids[: self.first].tolist()
        pieces = [_visible(tokenizer.token_bytes(token)) for token in shown]
        n_bytes = len(text.encode())
        rate = n_bytes / len(ids) if len(ids) else float("nan")
        if self.json:
            found = {"tokens": len(ids), "bytes": n_bytes, "bytes_per_token": rate}
            print(to_json({**found, "ids": shown, "pieces": pieces}))
            return 0
        _paint(pieces)
        if len(ids) > self.first:
            print(f"... and {len(ids) - self.first:,} more")
        per_token = f"{rate:.2f} bytes per token" if len(ids) else "no text"
        print(f"\n{len(ids):,} tokens, {n_bytes:,} bytes: {per_token}, "
              f"vocabulary {count(tokenizer.vocab_size)}")  # fmt: skip
        return 0


# Background colours that black letters can be read on, in the order in which they take turns.
COLOURS = ("#b9e3c6", "#f9d8a8", "#bcd7f5", "#f3b9c3", "#d8c6f0", "#f2eeb0")


def _paint(pieces: list[str]) -> None:
    """Each piece in its colour; in brackets where there are no colours."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout)
    if not console.is_terminal or console.no_color:
        for piece in pieces:
            sys.stdout.write(f"[{piece}]" + "\n" * piece.endswith("\\n"))
    else:
        line = Text()
        for i, piece in enumerate(pieces):
            line.append(piece, f"black on {COLOURS[i % len(COLOURS)]}")
            line.append("\n" * piece.endswith("\\n"))
        console.print(line, soft_wrap=True, end="")
    if pieces and not pieces[-1].endswith("\\n"):
        print()


def _visible(token: bytes) -> str:
    r"""A token as text, with escapes for what cannot be shown; bytes of half a character too."""
    try:
        return printable(token.decode())
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" if byte >= 0x80 else printable(chr(byte)) for byte in token)


def _show(text: str) -> str:
    """To standard output; on a terminal nothing that would steer it."""
    sys.stdout.write(printable(text, keep=HARMLESS) if sys.stdout.isatty() else text)
    return text


def _load(name: str) -> Tokenizer:
    from minilm.tokenizers import BytesTokenizer, load

    if name == BytesTokenizer.kind:
        return BytesTokenizer()
    if name == DEFAULT and not Path(name).exists():
        raise MinilmError(
            f"there is no {DEFAULT} here; name one with --tokenizer PATH, "
            "or learn one: minilm tokenizer train FILE"
        )
    return load(name)


def _read(path: str) -> str:
    from minilm.tokenizers.bpe.streaming import file_blocks

    return b"".join(file_blocks(path)).decode()
