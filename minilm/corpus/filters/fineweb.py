"""The filter of FineWeb: whole lines, not lists.

Source: Penedo et al. 2024, "The FineWeb Datasets: Decanting the Web for the Finest Text Data
at Scale", section 3.6, in the reading of the package datatrove.
"""

from __future__ import annotations

from dataclasses import dataclass

from minilm.corpus.documents import Document
from minilm.corpus.filters import words
from minilm.corpus.filters.characters import terminal_marks
from minilm.corpus.filters.gopher import duplicates
from minilm.corpus.filters.limits import above, outside
from minilm.corpus.pipeline import Rejection

__all__ = ["FineWeb"]


@dataclass(frozen=True)
class FineWeb:
    """Keep what has lines that end in punctuation, are long enough and differ.

    Lines are what "\\\\n" separates and are not blank.

    Attributes
    ----------
    punctuated_lines : float
        At least this share of the lines ends in a mark that ends sentences.
    short_lines : float
        At most this share of the lines is short.
    short_line_length : int
        Characters that a short line has at most.
    duplicate_line_characters : float
        At most this share of the characters stands in lines that have occurred before.
    newlines_per_word : float
        At most so many line ends for each word.

    Examples
    --------
    >>> FineWeb()(Document("a", "Home\\nAbout\\nContact", "here")).rule
    'fineweb.punctuated_lines'
    """

    punctuated_lines: float = 0.12
    short_lines: float = 0.67
    short_line_length: int = 30
    duplicate_line_characters: float = 0.01
    newlines_per_word: float = 0.3

    def __call__(self, document: Document) -> Document | Rejection:
        """The document, or the first figure that is out of bounds."""
        name, text = "fineweb", document.text
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if not lines:
            return Rejection(document, f"{name}.lines", 0, 1)
        marks, most = terminal_marks(), self.short_line_length
        punctuated = sum([line[-1] in marks for line in lines]) / len(lines)
        short = sum([len(line) <= most for line in lines]) / len(lines)
        n_newlines = text.count("\n")
        repeated = duplicates(lines)[1] / (len(text) - n_newlines)
        n_words = len(words.of(text).starts)
        return (
            outside(document, f"{name}.punctuated_lines", punctuated, (self.punctuated_lines, 1))
            or above(document, f"{name}.short_lines", short, self.short_lines)
            or above(
                document,
                f"{name}.duplicate_line_characters",
                repeated,
                self.duplicate_line_characters,
            )
            or above(
                document, f"{name}.newlines_per_word", n_newlines / n_words, self.newlines_per_word
            )
            or document
        )
