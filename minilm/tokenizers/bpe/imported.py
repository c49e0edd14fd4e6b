"""A tokenizer of another library that is byte-level BPE: our BPE runs it, with the same ids.

More is taken than makes a tokenizer of ours (`description.parse`), since the description is
kept beside: tokens that are put around a text, tokens that are found in text without being
special. As with the package `tokenizers`, a text that spells an added token gives the token.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.reference import bpe_pieces
from minilm.tokenizers.bpe import description
from minilm.tokenizers.bpe.code_points import classes
from minilm.tokenizers.bpe.description import Unsupported
from minilm.tokenizers.bpe.patterns import NUMBERS
from minilm.tokenizers.bpe.tokenizer import BPETokenizer

__all__ = ["ImportedBPE"]

Around = tuple[list[int], list[int]]


class ImportedBPE:
    """Encodes as the package `tokenizers` does by the same description.

    Parameters
    ----------
    fields : dict
        The content of ``tokenizer.json``.

    Attributes
    ----------
    around : pair of lists of int, or None
        The ids before and after a text that stands alone; None if they are not known.

    Raises
    ------
    MinilmError
        If the ids could be others.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        vocabulary, pattern = description.parse(fields, honoured=True)
        self._tokenizer = BPETokenizer(vocabulary, pattern)
        if fields["model"].get("ignore_merges"):
            self._check_that_merges_make_every_token()
        try:
            self.around = _around(fields.get("post_processor"))
        except (KeyError, TypeError, ValueError, AttributeError):  # nothing that is known
            self.around = None

    def encode(self, text: str) -> NDArray:
        """The ids (n,) of the text alone."""
        return self._tokenizer.encode(text, special="honour")

    def _check_that_merges_make_every_token(self) -> None:
        """Unsupported unless a piece that is a token comes out as that token.

        Llama 3 looks it up before it merges. The merges give the same wherever they lead to
        the token, as they do in a vocabulary that was learned.
        """
        tokens, pattern = self._tokenizer.vocabulary.tokens, NUMBERS[self._tokenizer.pattern]
        for i, token in enumerate(tokens):
            if not token or self._tokenizer.encode_bytes(token).tolist() == [i]:
                continue
            pieces = bpe_pieces.split(np.frombuffer(token, np.uint8), classes(), pattern)
            if len(pieces) == 1 and _is_text(token):
                raise Unsupported(f"no merges lead to its token {token!r}")


def _is_text(token: bytes) -> bool:
    try:
        token.decode()
        return True
    except UnicodeDecodeError:  # part of a character, which is never a piece
        return False


def _around(step: Any) -> Around | None:
    """What a post_processor puts before and after one text."""
    kind = None if step is None else step["type"]
    if kind in (None, "ByteLevel"):
        return [], []
    if kind in ("RobertaProcessing", "BertProcessing"):
        return [_id(step["cls"][1])], [_id(step["sep"][1])]
    if kind == "TemplateProcessing":
        return _template(step)
    if kind != "Sequence":
        return None
    # A second template would take the parts that the first has made for two texts.
    steps = [inner for inner in step["processors"] if inner["type"] != "ByteLevel"]
    return _around(steps[0] if steps else None) if len(steps) < 2 else None


def _template(step: dict[str, Any]) -> Around:
    sides: list[list[int]] = [[]]
    for piece in step["single"]:
        if "Sequence" in piece:
            sides.append([])
        else:
            token = step["special_tokens"][piece["SpecialToken"]["id"]]
            sides[-1] += [_id(i) for i in token["ids"]]
    before, after = sides
    return before, after


def _id(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no id")
    return value
